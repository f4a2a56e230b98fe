"""The bundled examples: simulated ECGs, made when somebody asks for one."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ecg_files.ecg_file import EcgFile

TITLES = {
    "normal": "Normal",
    "atrial_fibrillation": "Atrial fibrillation",
    "inferior_infarction": "Inferior infarction",
}
"""Name in `dataset_scripts.simulation.examples` -> what the page calls it."""


@cache
def example(name: str) -> EcgFile:
    """The simulated record of a name in `TITLES`, as examples/NAME.hea holds it before rounding to its file."""
    from dataset_scripts.simulation.examples import EXAMPLES
    from dataset_scripts.sources.synthetic import SyntheticSource
    from ecg_files.ecg_file import EcgFile
    from modeling_meit.ecg_signal import STANDARD_LEADS

    index = EXAMPLES[name]
    source = SyntheticSource(sampling_rate=500, num_records=index + 1, languages=("en",))
    record = source.read(source.index()[index])
    return EcgFile(
        signal=record.signal,
        sampling_rate=record.sampling_rate,
        lead_names=STANDARD_LEADS,
        name=f"{TITLES[name]} (simulated)",
        format="simulated",
        notes=("A simulated ECG that comes with the project: no patient's.",),
    )
