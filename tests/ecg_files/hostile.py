"""Uploads that are damaged, absurd or made to do harm: each is answered by one sentence and does nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.ecg_files import hostile_parts as by
from tests.ecg_files.hostile_zips import ZIP_CASES


@dataclass(frozen=True)
class Hostile:
    """One upload.

    Attributes:
        name: of the case.
        write: makes the files in an empty folder and returns the paths to upload.
        says: fragment of the sentence expected.
        uploadable: whether a browser could send it; False for a folder, a pipe and a path to nothing.
    """

    name: str
    write: Callable[[Path], list[Path]]
    says: str
    uploadable: bool = True


CASES: list[Hostile] = [
    # Cut short
    Hostile("truncated WFDB", by.cut("WFDB"), "cut short"),
    Hostile("truncated EDF", by.cut("EDF"), "cut short"),
    Hostile("truncated EDF header", by.cut("EDF", 0.001), "cut short"),
    Hostile("truncated DICOM", by.cut("DICOM waveform"), "DICOM"),
    Hostile("truncated aECG", by.cut("HL7 aECG"), "damaged"),
    Hostile("truncated SCP", by.cut("SCP-ECG"), "damaged"),
    Hostile("truncated MUSE", by.cut("GE MUSE XML"), "damaged"),
    Hostile("truncated CSV", by.file("ecg.csv", by.GOOD[:-6]), "values for 12 leads"),
    Hostile("truncated NPY", by.cut("NumPy"), "not an .npy array"),
    Hostile("truncated zip", by.cut("zip"), "cut short"),
    # Of another type
    Hostile("empty file", by.file("ecg.hea", b""), "is empty"),
    Hostile("image called .edf", by.file("ecg.edf", b"\x89PNG\r\n\x1a\n" + b"\0" * 100), "it is an image"),
    Hostile("PDF called .dcm", by.file("ecg.dcm", b"%PDF-1.7\n%\xe2\xe3\n"), "it is a PDF"),
    Hostile(
        "program called .scp",
        by.file("ecg.scp", b"\x7fELF\2\1\1" + bytes(range(256)) * 20),
        "no ECG that can be read",
    ),
    Hostile("page with a script", by.file("ecg.xml", "<html><script>alert(1)</script></html>"), "root element html"),
    Hostile("prose", by.file("ecg.csv", "sinus rhythm, normal axis\n, and no numbers\n"), "no ECG that can be read"),
    Hostile("signals without a header", by.file("ecg.dat", bytes(range(256)) * 100), "needs its .hea"),
    Hostile("folder", by.folder, "is a folder", uploadable=False),
    Hostile("pipe", by.pipe, "a pipe or a device", uploadable=False),
    Hostile("path to nothing", lambda folder: [folder / "none.edf"], "there is no file", uploadable=False),
    # That would run
    Hostile("pickle", by.python_pickle, "a Python pickle, which is never opened"),
    Hostile("pickle of protocol 0 called .npy", by.old_pickle, "no ECG that can be read"),
    Hostile("NPY of objects", by.object_npy, "not an .npy array of numbers"),
    Hostile("NPZ of objects", by.object_npz, "not an .npy array of numbers"),
    Hostile("NPY header with code", by.npy_code, "not an .npy array"),
    Hostile("CSV with formulas", by.csv(by.GOOD + "\n\"=cmd|' /C calc'!A0\"" + ",0.1" * 11), "could not convert"),
    Hostile("lead names with script and ANSI codes", by.named_leads(*by.NAMES), "missing I, II, III"),
    Hostile("file name with script and ANSI codes", by.script_in_the_files_name, "no ECG that can be read"),
    # Headers that ask for much
    Hostile(
        "NPY of 10 TB",
        by.npy("{'descr': '<f8', 'fortran_order': False, 'shape': (12, 99999999999)}"),
        "not an .npy",
    ),
    Hostile("WFDB of 10 GB", by.header("ecg 12 5000 430000000\n"), "samples at most"),
    Hostile("WFDB of a billion signals", by.header("ecg 1000000000 500 5000\n"), "samples at most"),
    Hostile("WFDB header of 2 MiB", by.file("ecg.hea", "ecg 12 500 5000\n" + "# x\n" * 600_000), "larger than 1 MiB"),
    Hostile("EDF of 10 GB", by.edf_with(slice(236, 244), "99999999"), "cut short"),
    Hostile("EDF header of 2 GB", by.edf_with(slice(184, 192), "99999999"), "the EDF header announces"),
    Hostile("EDF with -1 data records", by.edf_with(slice(236, 244), "-1"), "-1 data records"),
    Hostile("EDF with -13 channels", by.edf_with(slice(252, 256), "-13"), "-13 channels"),
    Hostile("EDF with words for numbers", by.edf_with(slice(252, 256), "<b>"), "expected a whole number"),
    Hostile("EDF with data records of 0 s", by.edf_with(slice(244, 252), "0"), "expected a positive duration"),
    Hostile("EDF with data records of NaN s", by.edf_with(slice(244, 252), "nan"), "expected a positive duration"),
    Hostile("discontinuous EDF", by.edf_with(slice(192, 236), "EDF+D"), "discontinuous"),
    Hostile("DICOM element of 4 GiB", by.huge_element, "ecg.dcm"),
    Hostile("DICOM of a billion samples", by.dicom(by.a_billion_samples), "24 h at most"),
    Hostile("DICOM that is deflated", by.deflated, "deflated"),
    Hostile("DICOM image", by.dicom(by.to_image), "holds no waveform (modality CT)"),
    Hostile("DICOM at 0 Hz", by.dicom(by.rate_of_nothing), "sampling rate 0 Hz"),
    Hostile("SCP lead of 4 billion samples", by.scp_lead_of_billions, "ecg.scp"),
    Hostile("SCP with a wrong checksum", by.at("SCP-ECG", 400, b"\x55\xaa\x55"), "checksum does not hold"),
    Hostile("SCP longer than the file", by.at("SCP-ECG", 2, b"\xff\xff\xff\x7f"), "damaged"),
    Hostile(
        "CSV of 10,000 columns",
        by.csv(",".join(["0.1"] * 10_000) + "\n" + ",".join(["0.1"] * 10_000)),
        "10000 columns",
    ),
    Hostile("CSV of one line of 3 MiB", by.csv("I,II\n" + "0.1," * 800_000), "more than 1 MiB"),
    # XML
    Hostile("billion laughs, aECG", by.file("ecg.xml", by.laughs("AnnotatedECG")), "declares XML entities"),
    Hostile("billion laughs, MUSE", by.file("ecg.xml", by.laughs("RestingECG")), "declares XML entities"),
    Hostile("external entity", by.external_entity, "declares XML entities"),
    Hostile("100,000 elements in each other", by.file("e.xml", "<AnnotatedECG>" + "<a>" * 100_000), "damaged"),
    Hostile(
        "200,000 elements in each other, closed",
        by.file("e.xml", "<AnnotatedECG>" + "<a>" * 200_000 + "</a>" * 200_000 + "</AnnotatedECG>"),
        "e.xml",
    ),
    Hostile(
        "MUSE with an exponent of 99999", by.changed("GE MUSE XML", (b"Exponent>0<", b"Exponent>99999<")), "damaged"
    ),
    Hostile(
        "MUSE with a wrong checksum",
        by.changed("GE MUSE XML", (b"<LeadDataCRC32>", b"<LeadDataCRC32>1")),
        "checksum",
    ),
    Hostile("aECG at NaN Hz", by.changed("HL7 aECG", (b'increment value="0.002"', b'increment value="nan"')), "aECG"),
    Hostile("aECG at 1e9 Hz", by.changed("HL7 aECG", (b'value="0.002"', b'value="1e-9"')), "1e+09 Hz"),
    # Files beside the header
    Hostile("header naming ../secret.txt", by.one_signal_file("../secret.txt"), "only files beside the header"),
    Hostile("header naming /etc/passwd", by.one_signal_file("/etc/passwd"), "only files beside the header"),
    Hostile("header naming ..\\secret.txt", by.one_signal_file("..\\secret.txt"), "only files beside the header"),
    Hostile("header naming a URL", by.one_signal_file("http://x.example/y"), "only files beside the header"),
    Hostile("header naming a file that is not given", by.one_signal_file("secret.txt"), "not beside it"),
    Hostile(
        "segments elsewhere", by.header("ecg/2 12 500 5000\n../a 2500\n../a 2500\n"), "only files beside the header"
    ),
    Hostile("record made of itself", by.header("ecg/2 12 500 5000\necg 2500\necg 2500\n"), "made of segments"),
    # Numbers that are no ECG
    Hostile("missing samples only", by.nan_only, "every sample is missing"),
    Hostile("no leads", by.header("ecg 0 500 5000\n"), "announces 0 signals"),
    Hostile("no samples", by.csv(",".join(by.LEADS) + "\n"), "holds no samples"),
    Hostile("one sample", by.short(1), "1 sample at 500 Hz"),
    Hostile("25 hours", by.day, "24 h at most"),
    Hostile("0 Hz", by.changed("WFDB", (b"ecg 12 500 5000", b"ecg 12 0 5000")), "expected a positive number"),
    Hostile("1e9 Hz", by.changed("WFDB", (b"ecg 12 500 5000", b"ecg 12 1000000000 5000")), "1e+09 Hz"),
    Hostile("flat leads", by.wfdb(np.zeros((12, 5000))), "are flat"),
    Hostile("values beyond 50 mV", by.changed("WFDB", (b"1000(0)/mV", b"1(0)/mV")), "under 50 mV"),
    Hostile("three leads", by.named_leads("I", "II", "III"), "missing V1, V2, V3, V4, V5, V6"),
    *(Hostile(*case) for case in ZIP_CASES),
]
