"""Writers of hostile uploads: each makes its files in an empty folder and returns the paths to upload."""

from __future__ import annotations

import os
import pickle
import struct
import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np

from tests.ecg_files import make_files
from tests.made_up_ecg import made_up_ecg

CANARY = "canary"
"""File that appears in the case's folder where something of an upload was run, or written where it led."""

SECRET = "the text of a file that no upload may show"


class Harmful:
    """Leaves the canary where somebody unpickles it."""

    def __init__(self, folder: Path) -> None:
        self.command = f"touch '{folder / CANARY}'"

    def __reduce__(self):
        return (os.system, (self.command,))


@lru_cache(maxsize=1)
def _good() -> dict[str, list[tuple[str, bytes]]]:
    with tempfile.TemporaryDirectory() as folder:
        written = make_files.write_all(Path(folder), made_up_ecg(), 500)
        return {kind: [(path.name, path.read_bytes()) for path in paths] for kind, paths in written.items()}


def good_files(folder: Path, kind: str) -> list[Path]:
    """The files of a good ECG in one format."""
    paths = []
    for name, content in _good()[kind]:
        (folder / name).write_bytes(content)
        paths.append(folder / name)
    return paths


def file(name: str, content: bytes | str) -> Callable[[Path], list[Path]]:
    def write(folder: Path) -> list[Path]:
        path = folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return [path]

    return write


def cut(kind: str, share: float = 0.6) -> Callable[[Path], list[Path]]:
    """A good file of one kind, the last of its files cut short."""

    def write(folder: Path) -> list[Path]:
        paths = good_files(folder, kind)
        paths[-1].write_bytes(paths[-1].read_bytes()[: int(paths[-1].stat().st_size * share)])
        return paths

    return write


def changed(kind: str, *changes: tuple[bytes, bytes]) -> Callable[[Path], list[Path]]:
    """A good file of one kind with some of its bytes (of the header, for WFDB) replaced."""

    def write(folder: Path) -> list[Path]:
        paths = good_files(folder, kind)
        content = paths[0].read_bytes()
        for old, new in changes:
            assert old in content, (kind, old)
            content = content.replace(old, new)
        paths[0].write_bytes(content)
        return paths

    return write


def at(kind: str, offset: int, new: bytes) -> Callable[[Path], list[Path]]:
    """A good file of one kind with the bytes from `offset` on replaced."""

    def write(folder: Path) -> list[Path]:
        paths = good_files(folder, kind)
        content = bytearray(paths[0].read_bytes())
        content[offset : offset + len(new)] = new
        paths[0].write_bytes(content)
        return paths

    return write


def wfdb(signal: np.ndarray, fs: float = 500) -> Callable[[Path], list[Path]]:
    def write(folder: Path) -> list[Path]:
        return make_files.write_wfdb(folder, "ecg", signal, fs)

    return write


def header(text: str) -> Callable[[Path], list[Path]]:
    """A header in place of a good record's; a file outside its folder waits to be read."""

    def write(folder: Path) -> list[Path]:
        (folder.parent / "secret.txt").write_text(SECRET)
        header, data = make_files.write_wfdb(folder, "ecg", made_up_ecg(), 500)
        header.write_text(text)
        return [header, data]

    return write


def one_signal_file(name: str) -> Callable[[Path], list[Path]]:
    return header("ecg 12 500 5000\n" + f"{name} 16 1000(0)/mV 16 0 0 0 0 V1\n" * 12)


def nan_only(folder: Path) -> list[Path]:
    header, data = make_files.write_wfdb(folder, "ecg", np.zeros((12, 5000)), 500)
    data.write_bytes(struct.pack("<h", -32768) * 60000)
    header.write_text("ecg 12 500 5000\n" + "".join(f"ecg.dat 16 1000(0)/mV 16 0 0 0 0 {lead}\n" for lead in LEADS))
    return [header, data]


def day(folder: Path) -> list[Path]:
    header, data = make_files.write_wfdb(folder, "ecg", made_up_ecg(), 500)
    header.write_text(header.read_text().replace("ecg 12 500 5000", f"ecg 12 500 {500 * 3600 * 25}"))
    return [header, data]


def short(samples: int) -> Callable[[Path], list[Path]]:
    def write(folder: Path) -> list[Path]:
        header, data = make_files.write_wfdb(folder, "ecg", made_up_ecg()[:, :samples], 500)
        return [header, data]

    return write


def python_pickle(folder: Path) -> list[Path]:
    return file("ecg.pkl", pickle.dumps(Harmful(folder)))(folder)


def old_pickle(folder: Path) -> list[Path]:
    return file("ecg.npy", pickle.dumps(Harmful(folder), protocol=0))(folder)


def object_npy(folder: Path) -> list[Path]:
    np.save(folder / "ecg.npy", np.array([Harmful(folder)], dtype=object), allow_pickle=True)
    return [folder / "ecg.npy"]


def object_npz(folder: Path) -> list[Path]:
    np.savez(folder / "ecg.npz", signal=np.array([Harmful(folder)], dtype=object))
    return [folder / "ecg.npz"]


def npy(header: str) -> Callable[[Path], list[Path]]:
    text = header.encode().ljust(117) + b"\n"
    return file("ecg.npy", b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + b"\0" * 64)


def npy_code(folder: Path) -> list[Path]:
    code = f"__import__('os').system('touch {folder / CANARY}')"
    return npy(f"{{'descr': {code}, 'fortran_order': False, 'shape': (12, 5000)}}")(folder)


def external_entity(folder: Path) -> list[Path]:
    (folder.parent / "secret.txt").write_text(SECRET)
    text = f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY s SYSTEM "file://{folder.parent / "secret.txt"}">]>'
    return file("ecg.xml", text + "<AnnotatedECG><id>&s;</id></AnnotatedECG>")(folder)


def laughs(root: str) -> str:
    entities = '<!ENTITY a0 "ha">' + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    return f'<?xml version="1.0"?><!DOCTYPE {root} [{entities}]><{root}>&a11;</{root}>'


def dicom(change: Callable) -> Callable[[Path], list[Path]]:
    def write(folder: Path) -> list[Path]:
        import pydicom

        path = make_files.write_dicom(folder / "ecg.dcm", made_up_ecg(), 500)
        dataset = pydicom.dcmread(path)
        change(dataset)
        dataset.save_as(path)
        return [path]

    return write


def to_image(dataset) -> None:
    del dataset.WaveformSequence
    dataset.Modality = "CT"


def a_billion_samples(dataset) -> None:
    dataset.WaveformSequence[1].NumberOfWaveformSamples = 10**9


def rate_of_nothing(dataset) -> None:
    dataset.WaveformSequence[1].SamplingFrequency = 0


def deflated(folder: Path) -> list[Path]:
    import pydicom

    path = make_files.write_dicom(folder / "ecg.dcm", made_up_ecg(), 500)
    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    dataset.save_as(path)
    return [path]


def huge_element(folder: Path) -> list[Path]:
    path = make_files.write_dicom(folder / "ecg.dcm", made_up_ecg(), 500)
    content = path.read_bytes()
    at = content.index(b"\x10\x00\x10\x00PN")  # PatientName, turned into 4 GiB of OB
    path.write_bytes(content[:at] + b"\x10\x00\x10\x00OB\0\0\xf0\xff\xff\xff" + content[at + 8 :])
    return [path]


def scp_lead_of_billions(folder: Path) -> list[Path]:
    path = make_files.write_scp(folder / "ecg.scp", made_up_ecg(), 500, huffman=True, ends_at=4_000_000_000)
    return [path]


def edf_with(field: slice, text: str) -> Callable[[Path], list[Path]]:
    return at("EDF", field.start, text.encode().ljust(field.stop - field.start))


def csv(text: str) -> Callable[[Path], list[Path]]:
    return file("ecg.csv", text)


def named_leads(*names: str) -> Callable[[Path], list[Path]]:
    """A record with these names of its first leads, and with no others."""

    def write(folder: Path) -> list[Path]:
        header, data = make_files.write_wfdb(folder, "ecg", made_up_ecg()[: len(names)], 500, LEADS[: len(names)])
        first = header.read_text().splitlines()[0]
        lines = [f"ecg.dat 16 1000(0)/mV 16 0 0 0 0 {name}" for name in names]
        header.write_text("\n".join([first, *lines]) + "\n")
        return [header, data]

    return write


def script_in_the_files_name(folder: Path) -> list[Path]:
    name = "\x1b[31m<img src=x onerror=alert(1)>\u202e" + "x" * 120 + ".hea"
    return file(name, "sinus rhythm, no signal")(folder)


def pipe(folder: Path) -> list[Path]:
    os.mkfifo(folder / "ecg.csv")
    return [folder / "ecg.csv"]


def folder(folder: Path) -> list[Path]:
    (folder / "ecg.hea").mkdir()
    return [folder / "ecg.hea"]


LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
NAMES = ("<script>alert(1)</script>", "\x1b[2J\x1b]0;owned\x07", "I" * 5000, *LEADS[3:])
ROW = ",".join(["0.1"] * 12)
GOOD = "\n".join([",".join(LEADS), *[ROW] * 600])
