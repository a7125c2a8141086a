"""What a network is made of, as a table: `Network.summary`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from rnnbp.layers import Layer

__all__ = ["Row", "Summary"]

MANY = 2**20  # steps, to see what share of them is left


@dataclass(frozen=True)
class Row:
    """A layer.

    Attributes
    ----------
    layer : str
    output : str
        The shape of what goes out for one example: ``(64,)``, or for sequences of T steps ``(T, 64)``, ``(T/2, 64)``.
    n_parameters : int
    multiply_adds : float
        For each frame of the network's input; a layer after a stride has work for some of them only.
    per_sequence : bool
        Whether that work is done once, for a whole sequence.
    """

    layer: str
    output: str
    n_parameters: int
    multiply_adds: float
    per_sequence: bool


@dataclass(frozen=True)
class Summary:
    """A network's layers, shapes, parameters and cost; ``print`` it, or let a notebook show it as a table.

    Attributes
    ----------
    rows : tuple of Row
    input : str
        The shape of one example.
    """

    rows: tuple[Row, ...]
    input: str

    @property
    def n_parameters(self) -> int:
        """How many numbers are learnt."""
        return sum(row.n_parameters for row in self.rows)

    @property
    def multiply_adds(self) -> float:
        """Of all layers, for each frame or static example."""
        return sum(row.multiply_adds for row in self.rows if not row.per_sequence)

    @property
    def per_sequence(self) -> float:
        """Of what follows pooling over time, once a sequence."""
        return sum(row.multiply_adds for row in self.rows if row.per_sequence)

    @classmethod
    def of(cls, layers: Sequence[Layer], n_inputs: int | None, *, is_recurrent: bool) -> Summary:
        """Summarise layers that fit each other."""
        features = "" if layers[0].frame_rank == 0 else f"{n_inputs or 'any'}"
        time, pooled, share, width = "T" if is_recurrent else "", False, 1.0, n_inputs or 1
        given, rows = _shape(time, features), []
        for layer in layers:
            share *= int(layer.output_lengths(np.array([MANY]))[0]) / MANY
            was_pooled, pooled = pooled, pooled or layer.pools_time
            share, time = (1.0, "") if pooled else (share, time)
            n = sum(math.prod(parameter.shape) for parameter in layer.parameters())
            width = layer.output_width(width)
            output = _shape(_steps(time, share), str(width))
            rows.append(Row(repr(layer), output, n, layer.multiply_adds * share, was_pooled))
        return cls(tuple(rows), given)

    def __str__(self) -> str:
        table = [("", "layer", "output", "parameters", "multiply-adds")]
        table += [
            (
                str(k),
                _short(row.layer),
                row.output,
                f"{row.n_parameters:,}",
                f"{row.multiply_adds:,.0f}" + "*" * row.per_sequence,
            )
            for k, row in enumerate(self.rows)
        ]
        table.append(("", "together", "", f"{self.n_parameters:,}", f"{self.multiply_adds:,.0f}"))
        widths = [max(len(line[k]) for line in table) for k in range(5)]
        lines = [
            "  ".join(
                cell.ljust(w) if k < 3 else cell.rjust(w) for k, (cell, w) in enumerate(zip(line, widths, strict=True))
            )
            for line in table
        ]
        head, *rows, total = lines
        rule = "-" * len(head)
        text = [f"input {self.input}", head, rule, *rows, rule, total]
        if self.per_sequence:
            text.append(f"* once a sequence: {self.per_sequence:,.0f} in all; the others, for each frame")
        return "\n".join(line.rstrip() for line in text)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        cells = [("", "layer", "output", "parameters", "multiply-adds a frame")]
        cells += [
            (
                str(k),
                row.layer,
                row.output,
                f"{row.n_parameters:,}",
                f"{row.multiply_adds:,.0f}" + " a sequence" * row.per_sequence,
            )
            for k, row in enumerate(self.rows)
        ]
        cells.append(("", "together", "", f"{self.n_parameters:,}", f"{self.multiply_adds:,.0f}"))
        lines = [
            "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in line) + "</tr>"
            for tag, line in zip(["th"] + ["td"] * (len(cells) - 1), cells, strict=True)
        ]
        return f"<table><caption>input {escape(self.input)}</caption>{''.join(lines)}</table>"


def _steps(time: str, share: float) -> str:
    return time if not time or share == 1 else f"{time}/{round(1 / share)}"


def _shape(time: str, features: str) -> str:
    given = [axis for axis in (time, features) if axis]
    return f"({given[0]},)" if len(given) == 1 else f"({', '.join(given)})"


def _short(layer: str, most: int = 60) -> str:
    return layer if len(layer) <= most else f"{layer[: most - 3]}..."
