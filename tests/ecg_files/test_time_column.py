"""Tables with a column of times: their rate, or the contradiction."""

import numpy as np
import pytest

from dataset_scripts.errors import EcgInputError
from ecg_files.read import read_ecg_file
from ecg_files.time_column import time_column
from modeling_meit.ecg_signal import STANDARD_LEADS
from tests.made_up_ecg import made_up_ecg


def table(folder, name, times, decimals=6):
    lines = [",".join([name, *STANDARD_LEADS])]
    lines += [
        ",".join([f"{time:.{decimals}f}", *(f"{value:.3f}" for value in moment)])
        for time, moment in zip(times, made_up_ecg().T, strict=True)
    ]
    (folder / "a.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "a.csv"


def refusal(path, **arguments):
    with pytest.raises(EcgInputError) as caught:
        read_ecg_file(path, **arguments)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "step", "rate"),
    [
        ("time", 0.002, 500),
        ("Time (s)", 1 / 360, 360),
        ("t", 1 / 257.5, 257.5),
        ("time_ms", 2, 500),
        ("Time [ms]", 1, 1000),
        ("ms", 4, 250),
        ("timestamp_us", 2000, 500),
        ("Time (\N{MICRO SIGN}s)", 2000, 500),
        ("elapsed time (seconds)", 0.002, 500),
    ],
)
@pytest.mark.parametrize("is_given", [False, True])
def test_the_rate_is_that_of_the_times(tmp_path, name, step, rate, is_given):
    path = table(tmp_path, name, 3 + step * np.arange(5000))
    ecg = read_ecg_file(path, fs=rate if is_given else None, unit="mV")
    np.testing.assert_array_equal(ecg.signal, made_up_ecg())
    assert ecg.sampling_rate == pytest.approx(rate, rel=1e-6)
    said = () if is_given else (f"The sampling rate, {rate:g} Hz, is that of the times in the column {name}.",)
    assert ecg.notes == said


def test_times_rounded_to_milliseconds(tmp_path):
    path = table(tmp_path, "time", np.arange(5000) / 360, decimals=3)
    assert read_ecg_file(path).sampling_rate == 360


@pytest.mark.parametrize(("name", "step"), [("time", 0.002), ("time (ms)", 2), ("time", 2), ("time", 2000)])
def test_another_rate_than_that_of_the_times(tmp_path, name, step):
    path = table(tmp_path, name, step * np.arange(5000))
    assert f"the times in the column {name!r} increase by {step:.4g}" in refusal(path, fs=250)
    assert read_ecg_file(path, fs=500).sampling_rate == 500


def test_numbers_of_samples_are_no_times(tmp_path):
    path = table(tmp_path, "time", np.arange(5000))
    assert read_ecg_file(path, fs=250).sampling_rate == 250
    assert "in a unit that is not stated; give it in Hz (on the command line --fs 500)" in refusal(path)


@pytest.mark.parametrize("fault", ["gap", "back", "constant", "missing"])
def test_times_that_are_not_even(tmp_path, fault):
    times = np.arange(5000) / 500
    if fault == "gap":
        times[2000:] += 0.5
    elif fault == "back":
        times = times[::-1]
    elif fault == "constant":
        times[:] = 3.0
    else:
        times[7] = np.nan
    path = table(tmp_path, "time", times)
    assert "do not increase evenly" in refusal(path)
    ecg = read_ecg_file(path, fs=500, unit="mV")
    assert ecg.notes == ("The times in the column time do not increase evenly: the sampling rate given is taken.",)


@pytest.mark.parametrize("names", [["I", "II"], ["pulse", ""], ["times table"], ["tt"], ["III", "sex"]])
def test_other_columns_are_no_times(names):
    assert time_column(names) is None
