"""What the demo's engine takes with the shipped model: `python benchmarks/report_engine.py`.

Start (a process of its own, from its first line), first token, and tokens a second alone and in batches of eight; what
visitors of the whole service feel, `benchmarks/serving.py` measures. First token: the median, with the worst beside it.
ECGs are the bundled simulated ones.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import torch
import wfdb

from dataset_scripts.instructions.prompts import draw_prompt
from spaces_demo.engine.engine import ReportEngine
from spaces_demo.engine.models import read_models
from spaces_demo.engine.states import ReportState

EXAMPLES = Path(__file__).parents[1] / "examples"
PROMPTS = [draw_prompt("", language) for language in ("en", "de")]
START = """
import time; began = time.perf_counter()
from spaces_demo.engine.engine import ReportEngine
from spaces_demo.engine.models import read_models
imported = time.perf_counter()
engine = ReportEngine(read_models(None)); engine.warm_up()
print(imported - began, time.perf_counter() - imported)
engine.close()
"""


class Visitors:
    """Requests of the bundled ECGs, in two languages.

    Args:
        engine: that they ask.
    """

    def __init__(self, engine: ReportEngine) -> None:
        self.engine = engine
        self._records = [wfdb.rdrecord(str(header.with_suffix(""))) for header in sorted(EXAMPLES.glob("*.hea"))]

    def ask(self, number: int) -> ReportState:
        """The last state of one request."""
        record = self._records[number % len(self._records)]
        prompt = PROMPTS[number % len(PROMPTS)]
        signal = record.p_signal.T.astype("float32")
        *_, state = self.engine.stream(self.engine.names[0], signal, record.fs, prompt)
        return state

    def together(self, clients: int, each: int) -> tuple[list[ReportState], float]:
        """All states of so many clients at once, and the seconds it took."""
        found: list[ReportState] = []

        def client(number: int) -> None:
            for turn in range(each):
                found.append(self.ask(number + turn))

        threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
        began = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return found, time.perf_counter() - began


def tokens(states: list[ReportState]) -> int:
    """How many tokens the reports have, end tokens counted."""
    return sum(sentence.tokens for state in states for sentence in state.sentences)


def first(states: list[ReportState]) -> list[float]:
    """Seconds to the first token, rising."""
    return sorted(state.first_token_s or 0.0 for state in states)


def main() -> None:
    """Measure and print."""
    print(f"torch {torch.__version__}, {psutil.cpu_count()} cores, load {psutil.getloadavg()[0]:.1f} at the start")
    for run in ("first", "again"):
        done = subprocess.run([sys.executable, "-c", START], capture_output=True, text=True, check=True)
        imported, opened = map(float, done.stdout.split())
        print(f"start, {run}: imports {imported:.1f} s, model and two tokens {opened:.1f} s")

    engine = ReportEngine(read_models(None))
    engine.warm_up()
    visitors = Visitors(engine)
    began = time.perf_counter()
    alone = [visitors.ask(number) for number in range(60)]
    seconds = time.perf_counter() - began
    waits = first(alone)
    rate = tokens(alone) / seconds
    print(f"alone: first token {statistics.median(waits):.3f} s (worst {waits[-1]:.3f}), {rate:.0f} tokens/s")
    eight, seconds = visitors.together(8, 15)
    print(f"eight at once: {tokens(eight) / seconds:.0f} tokens/s, {len(eight) / seconds:.1f} reports/s")
    engine.close()


if __name__ == "__main__":
    main()
