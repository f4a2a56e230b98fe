import pickle

import numpy as np
import pytest

from dataset_scripts.record import EcgInputError
from ecg_files.read import read_ecg_file
from modeling_meit.feature_extraction_meit import STANDARD_LEADS
from tests.made_up_ecg import made_up_ecg, write_record

LEADS = list(STANDARD_LEADS)


def refusal(path, **arguments):
    with pytest.raises(EcgInputError) as caught:
        read_ecg_file(path, **arguments)
    return str(caught.value)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int16"])
def test_npy(tmp_path, transposed, dtype):
    signal = made_up_ecg()
    stored = np.rint(signal * 1000).astype("int16") if dtype == "int16" else signal.astype(dtype)
    np.save(tmp_path / "a.npy", stored.T if transposed else stored)
    ecg = read_ecg_file(tmp_path / "a.npy", fs=500, leads=LEADS)
    np.testing.assert_array_equal(ecg.signal, signal)
    assert ecg.signal.flags.c_contiguous
    backwards = read_ecg_file(tmp_path / "a.npy", fs=500, leads=LEADS[::-1])
    np.testing.assert_array_equal(backwards.signal, signal[::-1])


@pytest.mark.parametrize("named", [False, True])
def test_csv(tmp_path, named):
    signal = made_up_ecg(fs=100)
    rows = [[f"{value:.3f}" for value in column] for column in signal.T]
    rows[7][2] = ""
    rows[8][2] = "nan"
    rows[9][11] = "  "
    rows[10] = [f'"{cell}"' for cell in rows[10]]
    lines = [",".join(row) for row in rows]
    (tmp_path / "a.csv").write_text("\n".join([", ".join(LEADS), *lines] if named else lines))
    ecg = read_ecg_file(tmp_path / "a.csv", fs=100, leads=None if named else LEADS)
    assert np.isnan(ecg.signal[2, 7:9]).all()
    signal[2, 7:9] = np.nan
    signal[11, 9] = np.nan
    np.testing.assert_array_equal(ecg.signal, signal)
    assert ecg.sampling_rate == 100


def test_npy_that_would_run_code(tmp_path):
    ran = tmp_path / "ran"

    class Harmful:
        def __reduce__(self):
            return (ran.touch, ())

    np.save(tmp_path / "a.npy", np.array([Harmful()], dtype=object), allow_pickle=True)
    (tmp_path / "b.npy").write_bytes(pickle.dumps(Harmful()))
    assert "not an .npy array of numbers" in refusal(tmp_path / "a.npy", fs=500, leads=LEADS)
    assert "a Python pickle, which is never opened" in refusal(tmp_path / "b.npy", fs=500, leads=LEADS)
    assert not ran.exists()


def test_npy_that_cannot_be_used(tmp_path):
    path = tmp_path / "a.npy"
    for array, message in (
        (np.zeros((11, 5000)), "holds (11, 5000), expected (12, T)"),
        (np.zeros(5000), "holds (5000,)"),
        (np.zeros((12, 5000), dtype="int64"), "expected floats in mV"),
        (np.full((12, 5000), "a"), "expected floats in mV"),
        (made_up_ecg() * 1000, "choose the unit that the values are in (on the command line --unit uV)"),
    ):
        np.save(path, array)
        assert message in refusal(path, fs=500, leads=LEADS)
    for content, message in (
        (b"", "is empty"),
        (b"text", "is no ECG that can be read"),
        (path.read_bytes()[:1000], "not an .npy array"),
    ):
        path.write_bytes(content)
        assert message in refusal(path, fs=500, leads=LEADS)
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (12, 99999999999), }"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    assert "not an .npy array" in refusal(path, fs=500, leads=LEADS)


def test_csv_that_cannot_be_used(tmp_path):
    path = tmp_path / "a.csv"
    names = ",".join(LEADS)
    row = ",".join(["0.1"] * 12)
    rows = f"{row}\n" * 200
    for content, message in (
        (
            f"{names}\n{row}\n{row.replace('0.1', 'high', 1)}\n",
            "line 3 of the table: could not convert string to float: 'high'",
        ),
        (f"{names}\n0.1,0.2\n", "line 2 of the table: 2 values for 12 leads"),
        (f"{names.replace('V6', 'V5')}\n{rows}", "missing V6; given twice V5"),
        (f"{names.replace('V6', 'X')}\n{rows}", "11 leads, missing V6; unknown X"),
        ("0.1,0.2\n0.1,0.2\n", "on the command line --leads I,II,V1"),
        (f"{names}\n", "holds no samples"),
        ("", "is empty"),
        (f"{names}\n{row}\n", "cannot be read as an ECG"),
    ):
        path.write_text(content)
        assert message in refusal(path, fs=100)
    path.write_bytes(names.encode() + b"\n\xff\xfe")
    assert "a.csv" in refusal(path, fs=100)
    path.write_text(f"{names}\n{row}\n")
    assert "leave out the names that you give" in refusal(path, fs=100, leads=LEADS)


def test_what_the_file_does_not_say_must_be_given(tmp_path):
    np.save(tmp_path / "a.npy", made_up_ecg())
    assert "--fs" in refusal(tmp_path / "a.npy", leads=LEADS)
    np.save(tmp_path / "eight.npy", made_up_ecg()[:8])
    assert "--leads" in refusal(tmp_path / "eight.npy", fs=500)
    for fs, said in ((0, "0"), (-1, "-1"), (float("nan"), "not a number"), (float("inf"), "inf")):
        expected = f"sampling rate that you give is {said}, expected a positive number of Hz"
        assert expected in refusal(tmp_path / "a.npy", fs=fs, leads=LEADS)
    record = write_record(tmp_path)
    assert "says 500 Hz" in refusal(record, fs=250)
    assert read_ecg_file(record, fs=500).sampling_rate == 500
    assert "names the leads itself" in refusal(record, leads=LEADS)


def test_what_is_assumed_is_said(tmp_path):
    np.save(tmp_path / "a.npy", made_up_ecg())
    assumed = read_ecg_file(tmp_path / "a.npy", fs=500)
    assert assumed.notes == (
        "The file does not state the unit of its values: mV is assumed.",
        f"The file does not name its leads: the order {', '.join(LEADS)} is assumed.",
    )
    assert read_ecg_file(tmp_path / "a.npy", fs=500, leads=LEADS, unit="mV").notes == ()


UNITS = [
    ("uV", 1e3),
    ("\N{MICRO SIGN}V", 1e3),
    ("\N{GREEK SMALL LETTER MU}V", 1e3),
    ("nV", 1e6),
    ("mV", 1.0),
    ("V", 1e-3),
]


@pytest.mark.parametrize(("unit", "factor"), UNITS)
@pytest.mark.parametrize("kind", ["npy", "csv"])
def test_unit_is_what_the_user_says(tmp_path, unit, factor, kind):
    values = made_up_ecg().astype(np.float64) * factor
    path = tmp_path / f"a.{kind}"
    if kind == "npy":
        np.save(path, values)
    else:
        np.savetxt(path, values.T, delimiter=",", header=",".join(LEADS), comments="")
    np.testing.assert_allclose(read_ecg_file(path, fs=500, unit=unit).signal, made_up_ecg(), atol=1e-6)
    assert "expected one of nV, uV, mV, V" in refusal(path, fs=500, unit="mmHg")


@pytest.mark.parametrize(("delimiter", "comma"), [(";", True), (";", False), ("\t", True), ("\t", False)])
def test_other_delimiters_and_decimal_commas(tmp_path, delimiter, comma):
    lines = [delimiter.join(LEADS)]
    lines += [delimiter.join(f"{value:.3f}" for value in moment) for moment in made_up_ecg().T]
    text = "\r\n".join(lines).replace(".", ",") if comma else "\r\n".join(lines)
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    np.testing.assert_array_equal(read_ecg_file(tmp_path / "a.csv", fs=500).signal, made_up_ecg())


def test_columns_that_are_no_leads_are_left_out_and_said(tmp_path):
    rows = np.column_stack([np.arange(5000) / 500, made_up_ecg().T, np.ones(5000)])
    np.savetxt(tmp_path / "a.csv", rows, delimiter=",", header=",".join(["time", *LEADS, "pulse"]), comments="")
    ecg = read_ecg_file(tmp_path / "a.csv", fs=500, unit="mV")
    assert ecg.notes == ("1 other channel is left out: pulse.",)
    np.testing.assert_allclose(ecg.signal, made_up_ecg(), atol=1e-6)


def test_values_that_are_far_from_an_ecg_are_answered_for_who_holds_a_file(tmp_path):
    """Not for who holds an array, as the model's own check has it."""
    np.save(tmp_path / "a.npy", made_up_ecg() * 1000)
    np.savetxt(tmp_path / "b.csv", made_up_ecg().T * 1e-3, delimiter=",", header=",".join(LEADS), comments="")
    record = write_record(tmp_path, units="V", gain=1000.0)
    for message, said in (
        (refusal(tmp_path / "a.npy", fs=500), "an ECG stays under 50 mV; choose the unit that the values are in"),
        (refusal(tmp_path / "b.csv", fs=500), "more than half of the leads; choose the unit that the values are in"),
        (
            refusal(record),
            "an ECG stays under 50 mV; the scale or unit in the file, or the unit that was given, is wrong",
        ),
    ):
        assert said in message
        assert "int16" not in message
        assert "by 1000" not in message


@pytest.mark.parametrize("cell", ["0_1.00", "1_0", "\N{ARABIC-INDIC DIGIT ONE}", "\N{FULLWIDTH DIGIT ONE}.5"])
def test_numbers_that_only_python_takes_for_such(tmp_path, cell):
    rows = [["0.1"] * 12 for _ in range(600)]
    rows[5][3] = cell
    (tmp_path / "a.csv").write_text("\n".join([",".join(LEADS), *map(",".join, rows)]), encoding="utf-8")
    assert "line 7 of the table: could not convert string to float" in refusal(tmp_path / "a.csv", fs=500)


def test_eight_leads_give_twelve(tmp_path):
    kept = [0, 1, *range(6, 12)]
    np.save(tmp_path / "a.npy", made_up_ecg()[kept])
    ecg = read_ecg_file(tmp_path / "a.npy", fs=500, leads=[LEADS[row] for row in kept], unit="mV")
    np.testing.assert_allclose(ecg.signal, made_up_ecg(), atol=0.00051)  # rounded to the microvolt
    assert ecg.notes == ("III, aVR, aVL and aVF are not in the file and are computed from I and II.",)


@pytest.mark.parametrize("absent", ["I", "II", "V1", "V6"])
def test_seven_leads_do_not(tmp_path, absent):
    kept = [row for row in (0, 1, *range(6, 12)) if LEADS[row] != absent]
    np.save(tmp_path / "a.npy", made_up_ecg()[kept])
    message = refusal(tmp_path / "a.npy", fs=500, leads=[LEADS[row] for row in kept])
    assert f"7 leads, missing {absent}" in message


def test_minus_avr_is_not_taken_for_avr(tmp_path):
    signal = made_up_ecg()
    signal[3] *= -1
    names = ["-aVR" if lead == "aVR" else lead for lead in LEADS]
    np.save(tmp_path / "a.npy", signal)
    ecg = read_ecg_file(tmp_path / "a.npy", fs=500, leads=names)
    np.testing.assert_allclose(ecg.signal, made_up_ecg(), atol=0.00051)
    assert "aVR is not in the file and is computed from I and II." in ecg.notes
    assert "1 other channel is left out: -aVR." in ecg.notes


def test_infinite_samples_are_missing(tmp_path):
    signal = made_up_ecg()
    signal[2, 10:12] = [np.inf, -np.inf]
    np.save(tmp_path / "a.npy", signal)
    ecg = read_ecg_file(tmp_path / "a.npy", fs=500)
    assert np.isnan(ecg.signal[2, 10:12]).all()
    assert "2 infinite samples are taken as missing." in ecg.notes
