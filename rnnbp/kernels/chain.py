"""Dense layers and activation functions, one after another, run as one.

Each link k takes the rows that the one before it has put out; a(0) = x::

    dense         a(k) = a(k-1) W + b                                        (1)
    activation    a(k) = f(a(k-1))                                           (2)

    activation    da(k-1) = pullback of f, of da(k)                          (2')
    dense         dW = a(k-1)^T da(k);  db = sum da(k);  da(k-1) = da(k) W^T (1')

A link is a row of integers (`LINK`), so that one compiled text serves all networks. Parameters and gradients are two
flat vectors that are laid out alike. The outputs of all links lie one after the other in one flat array, each a matrix
of all rows. A thread works on some of the rows, with gradients and scratch memory of its own.
"""

from __future__ import annotations

from functools import cache
from itertools import chain
from typing import Any

import numpy as np
from numba.extending import register_jitable

from rnnbp.kernels.compiling import compiled
from rnnbp.kernels.functions import named, shown
from rnnbp.kernels.gemm import multiply, pack, pack_transposed
from rnnbp.kernels.rows import sum_rows
from rnnbp.kernels.simd import copy, lanes_of, load_each, store_each

__all__ = [
    "BIAS",
    "COLUMN",
    "KIND",
    "LINK",
    "N_INPUTS",
    "N_OUTPUTS",
    "PACKED",
    "TRANSPOSED",
    "WEIGHT",
    "loops",
    "pack_transposes",
    "pack_weights",
]

# 0 for a dense layer, else the number of an activation function, from 1; the widths of input and output; where weight
# and bias begin in the vector of parameters, and where the weight's two packed forms do in theirs; and how many columns
# the links before have put out.
LINK = ("kind", "n_inputs", "n_outputs", "weight", "bias", "packed", "transposed", "column")
KIND, N_INPUTS, N_OUTPUTS, WEIGHT, BIAS, PACKED, TRANSPOSED, COLUMN = range(len(LINK))

ZERO, ONE = np.int64(0), np.int64(1)  # no literals: see rnnbp.kernels.products


@compiled
def weight_of(theta, link):
    """Return the weight of a dense link as a matrix."""
    depth, columns, start = link[N_INPUTS], link[N_OUTPUTS], link[WEIGHT]
    return theta[start : start + depth * columns].reshape(depth, columns)


@compiled
def pack_weights(theta, links, packed):
    """Pack the weights of dense links."""
    for link in links:
        if link[KIND] == 0:
            depth, columns = link[N_INPUTS], link[N_OUTPUTS]
            pack(weight_of(theta, link), ZERO, depth, ZERO, columns, packed[link[PACKED] :], ZERO, depth)


@compiled
def pack_transposes(theta, links, transposed):
    """Pack the transposed weights of dense links."""
    for link in links:
        if link[KIND] == 0:
            pack_transposed(weight_of(theta, link), ZERO, link[N_OUTPUTS], transposed[link[TRANSPOSED] :])


@compiled
def pull_dense(address, gradient, link, a, a_at, da, da_at, n, dz_rows):
    """Write the gradients of a dense link over n rows (1'); da is packed into `dz_rows`."""
    depth, columns = link[N_INPUTS], link[N_OUTPUTS]
    weight, bias = link[WEIGHT], link[BIAS]
    gradient[weight : weight + depth * columns] = 0
    gradient[bias : bias + columns] = 0
    rows = da[da_at : da_at + n * columns].reshape(n, columns)
    sum_rows(gradient[bias : bias + columns], rows, ZERO, n)  # 1'
    pack(rows, ZERO, n, ZERO, columns, dz_rows, ZERO, n)
    multiply(address, gradient, weight, columns, a, a_at, ONE, depth, dz_rows, depth, n, columns)  # 1'


def _loops_of(number: int, value: Any, pullback: Any, others: tuple[Any, Any], fingerprint: str) -> tuple[Any, Any]:
    """Return loops over n numbers, with one activation function if its number is asked for, and `others` if not."""
    apply_others, pull_others = others

    def apply(kind, z, z_at, y, y_at, n):
        if kind != number:
            apply_others(kind, z, z_at, y, y_at, n)
            return
        lanes = lanes_of(z)
        whole = n - n % lanes
        for j in range(0, whole, lanes):
            (z_j,) = load_each((z,), z_at + j, 0, 0)
            store_each((y,), y_at + j, 0, 0, (value(z_j),))
        if whole < n:
            (z_j,) = load_each((z,), z_at + whole, n - whole, 1)
            store_each((y,), y_at + whole, n - whole, 1, (value(z_j),))

    def pull(kind, dy, dy_at, z, z_at, y, y_at, dz, n):
        if kind != number:
            pull_others(kind, dy, dy_at, z, z_at, y, y_at, dz, n)
            return
        lanes = lanes_of(z)
        whole = n - n % lanes
        for j in range(0, whole, lanes):
            (d_j,), (z_j,) = load_each((dy,), dy_at + j, 0, 0), load_each((z,), z_at + j, 0, 0)
            (y_j,) = load_each((y,), y_at + j, 0, 0)
            store_each((dz,), j, 0, 0, (pullback(d_j, z_j, y_j),))
        if whole < n:
            j, rest = whole, n - whole
            (d_j,), (z_j,) = load_each((dy,), dy_at + j, rest, 1), load_each((z,), z_at + j, rest, 1)
            (y_j,) = load_each((y,), y_at + j, rest, 1)
            store_each((dz,), j, rest, 1, (pullback(d_j, z_j, y_j),))

    return named(apply, f"{number}_{fingerprint}"), named(pull, f"{number}_{fingerprint}")


@register_jitable
def none_applies(kind, z, z_at, y, y_at, n):
    """End the chain of choices."""


@register_jitable
def none_pulls(kind, dy, dy_at, z, z_at, y, y_at, dz, n):
    """End the chain of choices."""


def make_loops(functions: tuple[tuple[Any, Any], ...], fingerprint: str) -> tuple[Any, Any]:
    """Compile the loops over the links, forwards and backwards.

    Parameters
    ----------
    functions : tuple of (value, pullback)
        The activation functions that links may name by number, from 1.
    fingerprint : str
        Of all that the compiled code depends on; it is part of the key of the cache on disk.
    """
    apply, pull = none_applies, none_pulls
    for number, (value, pullback) in enumerate(functions, start=1):
        apply, pull = _loops_of(number, value, pullback, (apply, pull), fingerprint)

    @compiled
    def forward(address, theta, links, packed, x, outputs, unprepared, first, stop):
        if unprepared:
            pack_weights(theta, links, packed)
        n_rows, n = len(x), stop - first
        source, at = x.reshape(-1), first * x.shape[1]
        for k in range(len(links)):
            link = links[k]
            width = link[N_OUTPUTS]
            to = link[COLUMN] * n_rows + first * width
            if link[KIND] == 0:
                for r in range(n):
                    copy(outputs, to + r * width, theta, link[BIAS], width)  # 1
                depth = link[N_INPUTS]
                weight = packed[link[PACKED] :]
                multiply(address, outputs, to, width, source, at, depth, ONE, weight, n, depth, width)  # 1
            else:
                apply(link[KIND], source, at, outputs, to, n * width)  # 2
            source, at = outputs, to

    @compiled
    def backward(
        address, theta, links, transposed, x, outputs, dy, dx, bottom, unprepared, first, stop, da_even, da_odd,
        dz_rows, gradient,
    ):  # fmt: skip
        if unprepared:
            pack_transposes(theta, links[bottom if len(dx) > 0 else bottom + 1 :], transposed)
        # the link at the bottom is the last that is pulled back to; what is below it only if dx is wanted
        n_rows, n = len(x), stop - first
        da, da_at = dy.reshape(-1), first * dy.shape[1]
        for k in range(len(links) - 1, bottom - 1, -1):
            link = links[k]
            width = link[N_INPUTS]
            if k > 0:
                source, at = outputs, links[k - 1, COLUMN] * n_rows + first * width
                below = da_even if k % 2 == 0 else da_odd
            else:
                source, at = x.reshape(-1), first * width
                below = dx[first:stop].reshape(-1) if len(dx) > 0 else da_even
            goes_on = k > bottom or len(dx) > 0
            if link[KIND] == 0:
                pull_dense(address, gradient, link, source, at, da, da_at, n, dz_rows)
                if goes_on:
                    below[: n * width] = 0
                    columns = link[N_OUTPUTS]
                    weight = transposed[link[TRANSPOSED] :]
                    multiply(address, below, ZERO, width, da, da_at, columns, ONE, weight, n, columns, width)  # 1'
            elif goes_on:
                y_at = link[COLUMN] * n_rows + first * width
                pull(link[KIND], da, da_at, source, at, outputs, y_at, below, n * width)  # 2'
            da, da_at = below, ZERO

    return forward, backward


@cache
def loops(functions: tuple[tuple[Any, Any], ...]) -> tuple[Any, Any]:
    """Return the compiled loops (forward and backward) for links with those activation functions."""
    return make_loops(functions, shown(chain.from_iterable(functions)))
