"""What is known of a model that was loaded from a file, on one page."""

from __future__ import annotations

from os import PathLike
from typing import Any

import numpy as np

from rnnbp.configuration import shown
from rnnbp.estimators.parts import opened
from rnnbp.files.model_file import write_atomically
from rnnbp.networks.network import Network
from rnnbp.plotting.report import sections
from rnnbp.plotting.report.page import page, picture, section, table

__all__ = ["save"]


def save(model: Any, net: Network | None, path: str | PathLike[str], *, title: str) -> None:
    """Write the page to a file, in one atomic step.

    Parameters
    ----------
    model : Network, estimator, transformer or Pipeline
    net : Network or None
        The network in it.
    path : path-like
    title : str
    """
    end = opened(model).end
    parts = [_settings(model)]
    if net is not None:
        parts += [_layers(net), _weights(net)]
    if curve := getattr(end, "loss_curve_", None):
        parts.append(_curves(curve, getattr(end, "validation_scores_", None)))
    parts.append(sections.provenance())
    n = "no network" if net is None else f"{net.theta.size:,} parameters"
    write_atomically(path, page(title, f"{type(model).__name__}, {n}", parts).encode())


def _settings(model: Any) -> str:
    """Show what it was made with, and what it has seen."""
    steps = model.steps if hasattr(model, "steps") else [(type(model).__name__, model)]
    rows: dict[str, object] = {}
    for name, step in steps:
        rows[name] = " ".join(repr(step).split())
    for name, value in opened(model).learnt.items():
        rows[name] = shown(value.tolist() if isinstance(value, np.ndarray) else value)
    return section("What it is", table(rows))


def _layers(net: Network) -> str:
    summary = net.summary()
    rows: dict[str, object] = {"input": summary.input}
    for k, row in enumerate(summary.rows):
        cost = f"{row.multiply_adds:,.0f} multiply-adds {'a sequence' if row.per_sequence else 'a frame'}"
        rows[f"layer {k}"] = f"{row.layer}: {row.output}, {row.n_parameters:,} parameters, {cost}"
    rows["together"] = f"{summary.n_parameters:,} parameters, {summary.multiply_adds:,.0f} multiply-adds a frame"
    return section("Layers", table(rows))


def _weights(net: Network) -> str:
    """Show how large the numbers of each parameter are."""
    rows: dict[str, object] = {
        name: f"{' x '.join(map(str, view.shape))}; mean {view.mean():.3g}, deviation {view.std():.3g}, "
        f"from {view.min():.3g} to {view.max():.3g}"
        for name, view in net.parameters.items()
    }
    return section("Parameters", table(rows)) if rows else ""


def _curves(loss: list[float], scores: list[float] | None) -> str:
    figure = sections.new_figure(2.6)
    ax = figure.subplots()
    ax.plot(np.arange(1, len(loss) + 1), loss, color="#0072B2", label="training loss")
    ax.set(xlabel="epoch", ylabel="loss")
    ax.grid(color="0.9", linewidth=0.8)
    ax.spines[["top", "right"]].set_visible(False)
    if scores:
        right = ax.twinx()
        right.plot(np.arange(1, len(scores) + 1), scores, color="#D55E00", label="validation score")
        right.set_ylabel("score")
        figure.legend(loc="outside upper right", ncols=2, frameon=False)
    return section("Training", picture(figure, "Line plot of the loss against the epoch", "What fit has remembered."))
