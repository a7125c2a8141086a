"""What is known of a value in a graph while it is read.

The axes of frames have letters: t (time), b (batch), d (directions), f (features), 1 (an axis of one element). Those
of an input have numbers until an operator says what they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

__all__ = ["Constant", "Frames", "Mask", "Stack", "Total", "Value", "Whole", "Zeros"]


@dataclass(frozen=True)
class Constant:
    """Numbers that are in the file."""

    array: NDArray[Any]


@dataclass(frozen=True)
class Whole:
    """Whole numbers that are known when the model runs, such as lengths, and how they are computed.

    Attributes
    ----------
    expression : tuple
        ("input", name), or an operator and its operands; operators that only arrange numbers are left out.
    sizes : tuple of int and str, or None
        What each number is, where they are sizes of axes: a number that is known, or a name that stands for one.
    """

    expression: tuple[Any, ...]
    sizes: tuple[int | str, ...] | None = None


@dataclass(frozen=True)
class Zeros:
    """Zeros of a shape that is known when the model runs."""


@dataclass(frozen=True)
class Mask:
    """Whether a step lies in its sequence."""


@dataclass(frozen=True)
class Frames:
    """An input, or what comes out of a layer.

    Attributes
    ----------
    n_links : int
        How many layers it has gone through.
    axes : tuple of str
    width : int or None
        The number of features; None if it is not known.
    source : str
        The name of the graph's input, where it is one; else empty.
    symbols : bool
        Whether it is symbols.
    n_directions : int
        The size of the axis d.
    open_bias : bool
        Whether it is a product, to which no bias has been added.
    outside : float or None
        What lies after each sequence's end, where the graph says so.
    step : {"last", "first", "both"} or None
        The frame that it is of each sequence, which no layer has picked yet; "both" is the last one of a forward
        direction beside the first one of a backward direction.
    half : int or None
        The direction that has been picked of two: 0 or 1.
    state : str
        "h" or "c" for an operator's final state, else empty.
    repeated : str
        The name of the node that may have repeated it along an axis, if there is one; only a state to begin with may
        have been.
    """

    n_links: int
    axes: tuple[str, ...]
    width: int | None
    source: str = ""
    symbols: bool = False
    n_directions: int = 1
    open_bias: bool = False
    outside: float | None = None
    step: str | None = None
    half: int | None = None
    state: str = ""
    repeated: str = ""


@dataclass(frozen=True)
class Total:
    """A sum over the steps of each sequence, which is to be divided by their number.

    Attributes
    ----------
    frames : Frames
        What is summed.
    kept : bool
        Whether the axis of time stays, with one element.
    """

    frames: Frames
    kept: bool


@dataclass(frozen=True)
class Stack:
    """States side by side, along an axis of directions or layers."""

    parts: tuple[Frames, ...]
    axis: int


Value = Constant | Whole | Zeros | Mask | Frames | Total | Stack
