"""How fast an ECG is drawn at 1100 x 850 pixels, against matplotlib and ecg-plot: `python benchmarks/drawing.py`.

All sides draw the same simulated 12-lead records of 10 s at 500 Hz on ruled paper, 3 x 4 with a rhythm strip, to pixels
in memory, in one process, by turns, each turn in another order; what is compared is CPU time. matplotlib draws the same
page in its fastest way, with one collection of lines for each colour; ecg-plot draws its own "12lead" page through
matplotlib. Then, apart: the same page with a title of four lines, other papers, PNG encoding, SVG, PDF, and memory.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from io import BytesIO

import ecg_plot
import matplotlib
import numpy as np
import psutil
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from dataset_scripts.sources.synthetic import SyntheticSource
from ecg_image.draw import draw_ecg
from ecg_image.page import INK_MM, LEADS, RESEARCH_USE_NOTICE, standard_page
from ecg_image.pdf import draw_ecg_pdf
from ecg_image.svg import draw_ecg_svg, svg_file

RATE = 500
WIDTH_PX, HEIGHT_PX = 1100, 850
TITLE = "record 17\n" + "sinus rhythm. left axis deviation. st elevation in ii, iii and avf. " * 6
POINTS_PER_MM = 72 / 25.4
# Pages of ours to a turn: one would only measure how the others left the processor's caches.
PAGES_A_TURN = 5


def records(count: int) -> list[np.ndarray]:
    """Returns simulated recordings, float [12, 5000] in mV."""
    source = SyntheticSource(sampling_rate=RATE, num_records=count, languages=("en",))
    return [np.asarray(source.read(row).signal, dtype=np.float64) for row in source.index()]


def with_matplotlib(signal: np.ndarray) -> tuple[int, int]:
    """Draws the page of `draw_ecg` with matplotlib."""
    page = standard_page(signal.shape[1] / RATE, paper="letter")
    figure = Figure(figsize=(page.width / 25.4, page.height / 25.4), dpi=WIDTH_PX / page.width * 25.4)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, page.width), ylim=(page.height, 0))
    axes.set_axis_off()
    left, top, right, bottom = page.grid
    for pitch, width, colour in ((1, 0.15, "#fcc"), (5, 0.3, "#f79a9a")):
        ruling = [[(x, top), (x, bottom)] for x in np.arange(left, right + 0.5, pitch)]
        ruling += [[(left, y), (right, y)] for y in np.arange(top, bottom + 0.5, pitch)]
        axes.add_collection(LineCollection(ruling, colors=colour, linewidths=width * POINTS_PER_MM))
    traces = [page.calibration_pulse(baseline) for baseline in page.baselines]
    for panel in page.panels:
        samples = np.arange(round(panel.start * RATE), min(round(panel.stop * RATE) + 1, signal.shape[1]))
        x = page.x_of(panel, samples / RATE)
        traces.append(np.stack([x, panel.baseline - page.gain * signal[LEADS.index(panel.lead), samples]], axis=1))
        axes.text(panel.x + 1.5, panel.baseline - 13, panel.lead, fontsize=4 * POINTS_PER_MM)
    axes.add_collection(LineCollection(traces, colors="#14141e", linewidths=INK_MM * POINTS_PER_MM))
    axes.text(left, bottom + 5, "25 mm/s   10 mm/mV", fontsize=3.6 * POINTS_PER_MM)
    axes.text(left, bottom + 14.7, RESEARCH_USE_NOTICE, fontsize=3 * POINTS_PER_MM)
    canvas.draw()
    return canvas.get_width_height()


def with_ecg_plot(signal: np.ndarray) -> tuple[int, int]:
    """Draws ecg-plot's page of twelve leads and a rhythm strip, as wide in pixels."""
    chart = ecg_plot.plot(
        signal, sample_rate=RATE, lead_names=LEADS, layout="12lead", time_mode="sequential", rhythm_lead="II"
    )
    figure, _ = chart.to_matplotlib()
    figure.set_dpi(WIDTH_PX / chart.width_mm * 25.4)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return canvas.get_width_height()


def ours(signal: np.ndarray) -> tuple[int, int]:
    """Draws with this project."""
    return draw_ecg(signal, RATE, WIDTH_PX, paper="letter").size


def cpu_ms(draw: Callable[[np.ndarray], object], signals: Sequence[np.ndarray]) -> float:
    """Returns the CPU time of one drawing, ms, as the mean over some signals."""
    before = time.process_time()
    for signal in signals:
        draw(signal)
    return 1000 * (time.process_time() - before) / len(signals)


def spread(values: Sequence[float], digits: int = 1) -> str:
    """Returns the median and, in brackets, the 5th and 95th percentile."""
    low, high = np.percentile(values, [5, 95])
    return f"{statistics.median(values):.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def compare(signals: Sequence[np.ndarray], turns: int) -> None:
    """Prints the table of the three sides."""
    sides = {"meit-ecg": ours, "matplotlib": with_matplotlib, "ecg-plot": with_ecg_plot}
    names = {
        "meit-ecg": "`draw_ecg`",
        "matplotlib": f"matplotlib {matplotlib.__version__}, line collections",
        "ecg-plot": "ecg-plot through matplotlib",
    }
    sizes = {name: draw(signals[0]) for name, draw in sides.items()}
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(turns):
        order = list(sides)[turn % 3 :] + list(sides)[: turn % 3]
        for name in order:
            count = PAGES_A_TURN if name == "meit-ecg" else 1
            taken[name].append(cpu_ms(sides[name], [signals[(turn + i) % len(signals)] for i in range(count)]))
    print("| side | pixels | CPU ms a page | pages a second | times ours |")
    print("|---|---|---|---|---|")
    for name, times in taken.items():
        ratios = [theirs / mine for theirs, mine in zip(times, taken["meit-ecg"], strict=True)]
        ratio = "1" if name == "meit-ecg" else spread(ratios)
        width, height = sizes[name]
        rate = 1000 / statistics.median(times)
        print(f"| {names[name]} | {width} x {height} | {spread(times)} | {rate:.0f} | {ratio} |")


def apart(signals: Sequence[np.ndarray], turns: int) -> None:
    """Prints what else is asked of a page, each measured alone."""
    page = draw_ecg(signals[0], RATE, WIDTH_PX, paper="letter")
    noise = [np.random.default_rng(i).normal(0, 0.3, signals[0].shape) for i in range(3)]

    def encode(level: int) -> int:
        file = BytesIO()
        page.save(file, "PNG", compress_level=level)
        return file.tell()

    works: list[tuple[str, Callable[[np.ndarray], object], Sequence[np.ndarray]]] = [
        (
            "`draw_ecg` with a title of four lines and a footer",
            lambda signal: draw_ecg(signal, RATE, WIDTH_PX, TITLE, "model x", paper="letter"),
            signals,
        ),
        ("`draw_ecg` of white noise, 0.3 mV", ours, noise),
        ("`draw_ecg`, A4 at 1600 pixels", lambda signal: draw_ecg(signal, RATE), signals),
        *((f"PNG encoding, compress_level={n}", lambda _, n=n: encode(n), signals[:1]) for n in (0, 1, 3, 6, 9)),
        ("`draw_ecg_svg`, inside a page", lambda signal: len(draw_ecg_svg(signal, RATE, "x")), signals),
        ("`svg_file`", lambda signal: len(svg_file(signal, RATE, "x")), signals),
        ("`draw_ecg_pdf`", lambda signal: len(draw_ecg_pdf(signal, RATE)), signals),
    ]
    print("\n| work | CPU ms | bytes |")
    print("|---|---|---|")
    for name, work, inputs in works:
        made = work(inputs[0])
        size = f"{made:,}" if isinstance(made, int) else ""
        times = [cpu_ms(work, [inputs[turn % len(inputs)]]) for turn in range(turns)]
        print(f"| {name} | {spread(times)} | {size} |")


def memory(signals: Sequence[np.ndarray], pages: int) -> None:
    """Prints the resident memory over many pages."""
    process = psutil.Process()
    held = []
    for i in range(pages + 1):
        draw_ecg(signals[i % len(signals)], RATE, WIDTH_PX, f"record {i}", paper="letter")
        if i % (pages // 5) == 0:
            held.append(f"{process.memory_info().rss / 2**20:.0f}")
    print(f"\nResident memory every {pages // 5} pages: {', '.join(held)} MiB")


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=60, help="of each side")
    parser.add_argument("--pages", type=int, default=1000, help="of the memory's measurement")
    arguments = parser.parse_args()
    signals = records(12)
    compare(signals, arguments.turns)
    apart(signals, max(arguments.turns // 3, 5))
    memory(signals, arguments.pages)


if __name__ == "__main__":
    main()
