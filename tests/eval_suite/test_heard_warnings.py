"""What a processor says of an ECG reaches the one who asked, however many ask at a time."""

from __future__ import annotations

import contextlib
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np

from eval_suite.report_writing import read_ecg
from modeling_meit.ecg_signal import STANDARD_LEADS


class Processor:
    """Warns of the ECG it is given, once all that are asked at a time had the time to come in."""

    feature_extractor = SimpleNamespace(sampling_rate=100)

    def __init__(self, asked: int) -> None:
        self.all_inside = threading.Barrier(asked)

    def __call__(self, ecg, **others):
        with contextlib.suppress(threading.BrokenBarrierError):  # where the others wait for this one, as they should
            self.all_inside.wait(0.2)
        warnings.warn(f"ECG: {ecg}", UserWarning, stacklevel=2)
        return {}


def test_each_of_several_threads_hears_its_own():
    processor = Processor(4)
    hook, filters = sys.modules["warnings"]._showwarnmsg_impl, list(warnings.filters)
    with ThreadPoolExecutor(4) as threads:
        found = list(
            threads.map(
                lambda number: read_ecg(processor, number, 100, STANDARD_LEADS, "?")[1], map(np.int64, range(4))
            )
        )
    assert found == [(f"ECG: {number}",) for number in range(4)]
    assert sys.modules["warnings"]._showwarnmsg_impl == hook
    assert list(warnings.filters) == filters
