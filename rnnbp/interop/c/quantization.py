"""Weights of 8 bits and activations of 16: what is summed in a matrix product is whole numbers.

For a weight W of shape (n, width), and a source x whose largest value in calibration was r::

    s_j = max_k |W_kj| / 127;  q_kj = round(W_kj / s_j)                      (1)   once, one scale for each row
    a = 2 r / 32767;  p_k = round(x_k / a), at most 32767 in size            (2)   each frame
    z_j += a s_j (sum_k p_k q_kj)                                            (3)   the sum in 32 bits

Ranges are twice what was seen, which costs one bit of sixteen: where frames are a little louder nothing is cut off. Of
a source that was seen as zeros only, r is 1. At most 512 rows are summed at once, so that (3) cannot overflow:
512 * 127 * 32767 < 2^31. What is no matrix product (biases, gains, peepholes, tables of symbols, elementwise functions)
stays in float32.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.data.packing import Packing
from rnnbp.gradients.recurrence import Recurrence
from rnnbp.interop.c.header import Share
from rnnbp.layers import Recurrent
from rnnbp.networks.network import Network

__all__ = ["Quantized", "measured", "quantized_rows"]

Array = NDArray[Any]
Ranges = dict[tuple[int, str], float]

MOST_ROWS = 512
LARGEST_WEIGHT, LARGEST = 127, 32767
TINY = 1e-30  # what is smaller has no scale of its own, whose inverse would be infinite


def quantized_rows(weight: Array) -> tuple[Array, Array]:
    """Return a weight in 8 bits, and the scale of each of its columns (1).

    Parameters
    ----------
    weight : ndarray of shape (n, width)

    Returns
    -------
    q : ndarray of int8, of shape (width, n)
    scales : ndarray of float32, of shape (width,)
    """
    largest = np.abs(weight).max(axis=0)
    scales = np.where(largest > TINY, largest, 1.0).astype(np.float32) / np.float32(LARGEST_WEIGHT)
    return np.ascontiguousarray(np.rint(weight / scales).T.astype(np.int8)), scales  # 1


class Quantized:
    """How matrix products are written: in whole numbers.

    Parameters
    ----------
    ranges : dict of (int, str) to float
        What `measured` returned.
    """

    def __init__(self, ranges: Ranges) -> None:
        self._ranges = ranges

    def __call__(self, share: Share, name: str, source: str, weight: Array, target: str, among: str) -> None:
        """Write a product; see `Header`."""
        n, width = weight.shape
        largest = self._ranges[share.k, among]
        step = 2.0 * (largest if largest > TINY else 1.0) / LARGEST  # 2
        held = self._source(share, source, n, step, among)
        routine = share.header.functions.name("add_whole_product")
        for start in range(0, n, MOST_ROWS):
            rows = weight[start : start + MOST_ROWS]
            part = f"{name}_rows{start}" if start else name
            q, scales = quantized_rows(rows)
            numbers, factors = share.constant(part, q), share.constant(f"{part}_scale", scales * step)
            at = f"{held} + {start}" if start else held
            share.body.append(f"{routine}({at}, {len(rows)}, {numbers}, {factors}, {target}, {width});")  # 3

    def _source(self, share: Share, source: str, n: int, step: float, among: str) -> str:
        """Return the array of a source in 16 bits, which is written once: its values last as long as its name."""
        if (source, among) not in share.whole:
            held = share.whole[source, among] = share.local(f"whole_{among}", n, kind="int16_t")
            inverse = share.header.literal(1.0 / step)
            share.body.append(f"{share.header.functions.name('to_whole')}({source}, {n}, {inverse}, {held});")
        return share.whole[source, among]


def measured(net: Network, sequences: Sequence[Array]) -> Ranges:
    """Return the largest value, in size, of each source of a matrix product.

    Parameters
    ----------
    net : Network
    sequences : sequence of ndarray of shape (T_i, ...)
        Frames as the network's interface has checked them, at least one each.

    Returns
    -------
    dict of (int, str) to float
        By the layer's number and the source: "x", or, in a cell, "x1", "h0" or "h1": a variable and its lag.
    """
    ranges: Ranges = {}

    def see(k: int, name: str, values: Array) -> None:
        ranges[k, name] = max(ranges.get((k, name), 0.0), float(np.abs(values).max()))

    for sequence in sequences:
        frames = sequence
        for k, layer in enumerate(net.layers):
            parameters = net.parameters.within(f"{k}.")
            if isinstance(layer, Recurrent):
                see(k, "x1", frames)
                frames, variables = _run(layer, parameters, frames)
                for name, values in variables.items():
                    see(k, f"{name}0", values)
                    see(k, f"{name}1", values)
            else:
                see(k, "x", frames)
                step = layer.stream(parameters, net.dtype, compiled=False)
                outputs = (step(frames[t : t + 1]) for t in range(len(frames)))
                # the first is always due, and the next step may overwrite it
                frames = np.concatenate([output.copy() for output in outputs if output is not None])
    return ranges


def _run(layer: Recurrent, parameters: Mapping[str, Array], x: Array) -> tuple[Array, dict[str, Array]]:
    """Run a cell over one sequence as NumPy; return its output, and all its variables, of shape (T, width)."""
    cell = layer.cell
    recurrence = Recurrence(cell, parameters, x, Packing.full(len(x), 1), {}, compiled=False)
    z = np.empty((len(x), cell.n_columns), x.dtype)
    recurrence.project(z)
    found = {name: np.zeros((len(x) + 1, cell.width(name)), x.dtype) for name in cell.variables}
    for t in range(len(x)):
        previous = {name: found[name][t : t + 1] for name in cell.states}
        recurrence.step(z[t : t + 1], previous, {name: values[t + 1 : t + 2] for name, values in found.items()})
    return found[cell.output][1:], found
