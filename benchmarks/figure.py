"""The results as a picture: ratios over the grid, share of the peak, and time against size."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.catalogue import BASE, CELLS
from benchmarks.contestants import OURS
from benchmarks.race import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Results = Mapping[str, Sequence[Row]]

# told apart by colour-blind readers too (Okabe and Ito 2008)
COLOURS = {"rnnbp": "#0072B2", "torch": "#D55E00", "jax": "#009E73"}
CELL_COLOURS = dict(zip(CELLS, ("#56B4E9", "#E69F00", "#0072B2"), strict=True))


def draw(path: Path, results: Results) -> bool:
    """Draw what was measured, a panel each, into a file whose suffix says its format; return whether there was any."""
    from matplotlib.figure import Figure

    training = "Training step: better of PyTorch and JAX over rnnbp"
    inference = "Inference: best of PyTorch, JAX, ONNX Runtime over rnnbp"
    panels: list[Callable[[Axes], None]] = []
    if by_shape(results, "training"):
        panels.append(lambda ax: ratios(ax, results, "training", training, aim=1.4))
    if by_shape(results, "inference"):
        panels.append(lambda ax: ratios(ax, results, "inference", inference, aim=1.2))
    if any(row.share_of_peak for own in by_shape(results, "training").values() for row in own.values()):
        panels.append(lambda ax: shares(ax, results))
    panels += [partial(scaling, results=results, letter=letter) for letter in "TBH" if sizes(results, letter)]
    if not panels:
        return False
    n_columns = min(3, len(panels))
    n_rows = -(-len(panels) // n_columns)
    figure = Figure(figsize=(5.4 * n_columns, 4.25 * n_rows), layout="constrained")
    for k, panel in enumerate(panels):
        ax = figure.add_subplot(n_rows, n_columns, k + 1)
        panel(ax)
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(color="0.9", linewidth=0.8)
        ax.set_axisbelow(True)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    return True


def by_shape(results: Results, group: str) -> dict[str, dict[str, Row]]:
    """Return our timed rows of a grid as ``{shape: {cell: row}}``."""
    found: dict[str, dict[str, Row]] = {}
    for title, rows in results.items():
        if title.startswith(f"{group}/"):
            cell, _, shape = title.removeprefix(f"{group}/").partition(" ")
            for row in rows:
                if row.label == OURS and row.seconds:
                    found.setdefault(shape, {})[cell] = row
    return found


def bars(ax: Axes, heights: Mapping[str, Mapping[str, float]], form: str, *, bottom: float = 0.0) -> None:
    """Draw a group of bars for each shape, one bar a cell, from `bottom` to their heights."""
    width = 0.8 / len(CELLS)
    for k, cell in enumerate(CELLS):
        known = [(i + (k - 1) * width, own[cell]) for i, own in enumerate(heights.values()) if cell in own]
        if not known:
            continue  # this cell was not measured
        places, values = [place for place, _ in known], [value for _, value in known]
        lengths = [value - bottom for value in values]
        drawn = ax.bar(places, lengths, width * 0.94, bottom, color=CELL_COLOURS[cell], label=cell)
        ax.bar_label(drawn, [format(value, form) for value in values], fontsize=6.5)
    labels = ["\n".join((" ".join(shape.split()[:2]), " ".join(shape.split()[2:]))) for shape in heights]
    ax.set_xticks(range(len(heights)), labels, fontsize=8)
    ax.margins(y=0.16)  # room for the legend
    ax.legend(frameon=False, fontsize=8, loc="upper left", ncols=len(CELLS) + 1)


def ratios(ax: Axes, results: Results, group: str, title: str, *, aim: float) -> None:
    """Draw how many times as fast we are, on a logarithmic axis, up or down from 1; the line is the least wanted."""
    rows = by_shape(results, group)
    ax.set_yscale("log", base=2)
    ax.yaxis.set_major_formatter("{x:g}")
    found = {shape: {cell: row.ratio for cell, row in own.items() if row.ratio} for shape, own in rows.items()}
    ax.axhline(aim, color="0.3", linewidth=1, linestyle="--", label=f"aim: {aim:g}")
    bars(ax, found, ".2g", bottom=1.0)
    ax.set_title(title, fontsize=10)
    ax.set_ylabel("times as fast")


def shares(ax: Axes, results: Results) -> None:
    """Draw the share of the machine's sgemm peak that training steps reach."""
    rows = by_shape(results, "training")
    found = {s: {c: r.share_of_peak for c, r in own.items() if r.share_of_peak} for s, own in rows.items()}
    ax.axhline(1, color="0.3", linewidth=1, linestyle="--", label="peak")
    bars(ax, found, ".0%")
    ax.yaxis.set_major_formatter("{x:.0%}")
    ax.set_ylim(0, 1.2)
    ax.set_title("rnnbp's training step: share of the sgemm peak", fontsize=10)
    ax.set_ylabel("share of the peak")


def sizes(results: Results, letter: str) -> list[tuple[int, Sequence[Row]]]:
    """Return what was measured at several T, B or H: the base, and its multiples."""
    axis = "TBIH".index(letter)
    titles = {f"scaling/{letter}{BASE[axis] << k}": BASE[axis] << k for k in range(1, 12)}
    base = next((title for title in results if title.startswith("scaling/base")), "")
    found = {base: BASE[axis], **titles}.items()
    return [(size, results[title]) for title, size in found if title in results and _timed(results[title])]


def _timed(rows: Sequence[Row]) -> bool:
    return any(row.label in COLOURS and row.seconds for row in rows)


def scaling(ax: Axes, results: Results, letter: str) -> None:
    """Draw the time of a training step against T, B or H."""
    points = sizes(results, letter)
    for name in COLOURS:
        own = [(size, 1e3 * row.seconds) for size, rows in points for row in rows if row.label == name and row.seconds]
        if own:
            ax.loglog(*zip(*own, strict=True), "o-", color=COLOURS[name], label=name, base=2)
    ax.set_xticks([size for size, _ in points], [str(size) for size, _ in points])
    ax.yaxis.set_major_formatter("{x:g}")
    ax.legend(frameon=False, fontsize=8)
    others = ", ".join(f"{n} {BASE['TBIH'.index(n)]}" for n in "TBIH" if n != letter)
    ax.set_title(f"LSTM training step against {letter} ({others})", fontsize=10)
    ax.set_xlabel(letter)
    ax.set_ylabel("milliseconds")
