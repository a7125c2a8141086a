"""The products of a cell, forwards and back: what `Product` declares, carried out.

For the rows of a source, and a weight W, or a vector w for a diagonal product::

    a = source W    or    a = source w                                       (1)
    z += a                                                                   (2)

    da = dz;  dsource = da W^T  or  da w;  dW = source^T da  or  dw = sum source da     (2', 1')

A product with a gain g is normalised. It is saved as it is in columns of z of its own (`Cell.before_norm`), for its
pullback; a diagonal one is its source itself, and w is g::

    u = standardize(a);  z += u g                                            (3)

    dg = sum dz u;  da = pullback of standardize, of dz g                    (3')
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.activations import standardize, standardize_pullback
from rnnbp.cells import Cell, Product

__all__ = ["backward", "factors", "forward"]

Array = NDArray[Any]
Parameters = Mapping[str, Array]


def forward(cell: Cell, product: Product, parameters: Parameters, source: Array, z: Array) -> None:
    """Add a product to the blocks of z that it feeds (1 to 3)."""
    column_map, weight = cell.column_map[product], parameters[product.weight]
    if product.gain is None:
        for columns, into in column_map:
            z[:, into] += source * weight[columns] if product.diagonal else source @ weight[:, columns]  # 1, 2
        return
    if not product.diagonal:
        z[:, cell.before_norm[product]] = source @ weight  # 1
    (u, _), gain = standardize(_before_norm(cell, product, source, z)), parameters[product.gain]  # 3
    for columns, into in column_map:
        z[:, into] += u[:, columns] * gain[columns]  # 3


def backward(cell: Cell, product: Product, parameters: Parameters, source: Array, dz: Array) -> Array:
    """Return dL/d(source), as far as a product says; dz holds what `forward` has saved."""
    weight = parameters[product.weight]
    if product.gain is not None:
        da = _through_norm(cell, product, parameters[product.gain], source, dz)
        return da if product.diagonal else np.asarray(da @ weight.T)  # 1'
    first, *rest = (
        dz[:, into] * weight[columns] if product.diagonal else dz[:, into] @ weight[:, columns].T  # 2', 1'
        for columns, into in cell.column_map[product]
    )
    return np.asarray(sum(rest, start=first))


def factors(
    cell: Cell, product: Product, parameters: Parameters, source: Array, dz: Array
) -> Iterator[tuple[str, slice, Array | None, Array]]:
    """Yield what makes the gradients of a product's parameters.

    Each is the name of a parameter, some of its columns, and the rows whose product, ``left.T @ right``, is the
    gradient there; or, if left is None, whose sum over ``right`` is.
    """
    if product.gain is not None:
        u, _ = standardize(_before_norm(cell, product, source, dz))
        for columns, into in cell.column_map[product]:
            yield product.gain, columns, None, dz[:, into] * u[:, columns]  # 3'
        if not product.diagonal:
            da = _through_norm(cell, product, parameters[product.gain], source, dz)
            yield product.weight, slice(None), source, da  # 1'
        return
    for columns, into in cell.column_map[product]:
        if product.diagonal:
            yield product.weight, columns, None, source * dz[:, into]  # 2', 1'
        else:
            yield product.weight, columns, source, dz[:, into]  # 2', 1'


def _before_norm(cell: Cell, product: Product, source: Array, z: Array) -> Array:
    """Return what a product that is normalised was before."""
    return source if product.diagonal else z[:, cell.before_norm[product]]


def _through_norm(cell: Cell, product: Product, gain: Array, source: Array, dz: Array) -> Array:
    """Return dL/da of a product that is normalised (3')."""
    u, scale = standardize(_before_norm(cell, product, source, dz))
    du = np.empty_like(u)
    for columns, into in cell.column_map[product]:
        du[:, columns] = dz[:, into] * gain[columns]  # 3'
    return standardize_pullback(du, u, scale)  # 3'
