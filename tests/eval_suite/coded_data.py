"""The small data set of `conftest.write_split` with SCP codes and measurements, as PTB-XL and other archives have."""

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

CODES = {
    "Sinus rhythm. Normal ECG.": ["NORM", "SR"],
    "Sinus bradycardia.": ["SBRAD"],
    "Atrial fibrillation, left axis deviation.": ["AFIB"],
    "Sinusrhythmus. Unauffälliges EKG.": ["NORM", "SR"],
    "Überdrehter Linkstyp.": ["LAFB"],
    "Vorhofflimmern; Schenkelblock rechts.": ["AFIB", "CRBBB"],
}
_CODES = pa.list_(pa.struct({"code": pa.string(), "likelihood": pa.float32()}))
_MEASUREMENTS = pa.list_(pa.struct({"name": pa.string(), "value": pa.float32()}))


def with_codes(data: Path, folder: Path) -> Path:
    """A copy whose rows have the codes of their report, and a heart rate of 60 to 64."""
    shutil.copytree(data, folder)
    for file in (folder / "data").glob("*.parquet"):
        table = pq.read_table(file)
        codes = [[{"code": code, "likelihood": 0} for code in CODES[text]] for text in table["report"].to_pylist()]
        rates = [[{"name": "heart_rate_bpm", "value": 60 + row % 5}] for row in range(len(table))]
        table = table.append_column("scp_codes", pa.array(codes, _CODES))
        pq.write_table(table.append_column("measurements", pa.array(rates, _MEASUREMENTS)), file)
    return folder
