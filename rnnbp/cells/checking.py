"""Checks of what a cell declares, before a layer is made of it.

A cell that passes can be laid out for compiled loops, which look at nothing again. Messages name the cell, the stage
and what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rnnbp.cells.cell import Cell, Product, Stage
from rnnbp.configuration import shown

__all__ = ["check"]


def check(cell: Cell) -> None:
    """Check that what a cell declares fits together, and that its functions can be traced.

    Raises
    ------
    TraceError
        If an elementwise step or pullback does what cannot be traced, or returns another number of values than its
        stage declares; names the line.
    TypeError
        If there is something else where a tuple of names, products or stages belongs.
    ValueError
        If names are unknown or there twice, if a stage looks at what is not there yet, or if widths do not fit.
    """
    kind = type(cell).__name__
    for name in ("blocks", "states", "stages"):
        _tuple(getattr(cell, name), f"{name} of {kind}", Stage if name == "stages" else str)
    for k, stage in enumerate(cell.stages):
        for name in ("products", "blocks", "outputs", "reads", "uses"):
            _tuple(getattr(stage, name), f"{name} of stage {k} of {kind}", Product if name == "products" else str)
    _check_input(cell, kind)
    _check_names(cell, kind)
    known: list[str] = []
    for k, stage in enumerate(cell.stages):
        _check_stage(cell, stage, f"stage {k} of {kind}", known)
        known += stage.outputs
    for name in (*cell.states, cell.output, *([] if cell.teacher_forced is None else [cell.teacher_forced])):
        if name not in known:
            raise ValueError(f"no stage of {kind} puts out {name!r}, but {tuple(known)}")
    _check_weights(cell, kind)


def _tuple(given: Any, place: str, kind: type) -> None:
    if not isinstance(given, tuple) or not all(isinstance(each, kind) for each in given):
        what = {str: "names", Product: "products", Stage: "stages"}[kind]
        raise TypeError(f"the {place} must be a tuple of {what}, such as (a,) for one, but {shown(given)} was given")


def _check_input(cell: Cell, kind: str) -> None:
    product = cell.input
    if not isinstance(product, Product):
        raise TypeError(f"the input of {kind} must be a Product of x, but {shown(product)} was given")
    if product.source != "x" or product.diagonal:
        raise ValueError(
            f"the input product of {kind} must multiply 'x' by a matrix, but its source is {product.source!r}"
            + ", and it is diagonal" * product.diagonal
        )


def _check_names(cell: Cell, kind: str) -> None:
    owned = [block for stage in cell.stages for block in stage.blocks]
    if sorted(owned) != sorted(cell.blocks):
        raise ValueError(f"the stages of {kind} must have its blocks {cell.blocks} once each, but have {tuple(owned)}")
    if twice := _twice(cell.variables):
        raise ValueError(f"{twice!r} of {kind} must be put out by one stage, but is by two")
    if unknown := [block for block in cell.noise if block not in cell.blocks]:
        raise ValueError(f"noise of {kind} names {unknown[0]!r}, but its blocks are {cell.blocks}")
    vectors = [name for name, products in cell.weights.items() for name in _vectors(products)]
    if twice := _twice([*cell.weights, *vectors]):
        raise ValueError(
            f"the parameter {twice!r} of {kind} must be declared once, but is by two products: give each its own "
            "(products that share a weight share what its first one names)"
        )


def _vectors(products: tuple[Product, ...]) -> list[str]:
    """Return the names of gain and bias beside a weight."""
    first = products[0]
    return [name for name in (first.gain, first.bias) if name not in (None, first.weight)]


def _twice(names: Iterable[str]) -> str | None:
    seen = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def _check_stage(cell: Cell, stage: Stage, place: str, known: list[str]) -> None:
    """Check one stage, given what stages before it put out."""
    for name in stage.reads:
        if name not in cell.states:
            raise ValueError(f"{place} reads {name!r} of the step before, but the states are {cell.states}")
    for name in stage.uses:
        if name not in known:
            raise ValueError(f"{place} uses {name!r}, but stages before it have put out {tuple(known) or 'nothing'}")
    later = [block for other in cell.stages[cell.stages.index(stage) :] for block in other.blocks]
    for product in stage.products:
        named = f"the product {product.weight!r} of {place}"
        if early := [block for block in product.into if block in cell.blocks and block not in later]:
            raise ValueError(f"{named} goes into {early[0]!r}, but a stage before it has used that block already")
        if product.lag not in (0, 1):
            raise ValueError(f"the lag of {named} must be 0 or 1, but {shown(product.lag)} was given")
        if product.source == "x":
            raise ValueError(f"{named} multiplies 'x', which enters by `input` only")
        if product.lag and product.source not in cell.states:
            raise ValueError(
                f"{named} multiplies {product.source!r} of the step before, but the states are {cell.states}"
            )
        if not product.lag and product.source not in known:
            raise ValueError(
                f"{named} multiplies {product.source!r} of this step, but stages before it have put out "
                f"{tuple(known) or 'nothing'}"
            )
    if stage.elementwise:
        widths = {name: cell.width(name) for name in (*stage.blocks, *(name for name, _ in stage.differentiated))}
        if len(set(widths.values())) > 1:
            raise ValueError(f"what {place} computes must be of one width, but has {widths}")
        _ = stage.graph, stage.backward_graph


def _check_weights(cell: Cell, kind: str) -> None:
    for product in cell.products:
        if not product.into or [block for block in product.into if block not in cell.blocks]:
            raise ValueError(
                f"{product.weight!r} of {kind} must go into some of its blocks {cell.blocks}, but goes into "
                f"{product.into}"
            )
        if product.diagonal and any(cell.width(block) != cell.width(product.source) for block in product.into):
            raise ValueError(
                f"{product.weight!r} of {kind} is diagonal, so {product.source!r} and {product.into} must "
                "be of one width"
            )
    for name, products in cell.weights.items():
        if len({(cell.width(p.source), p.diagonal, p.gain, p.bias) for p in products}) > 1:
            raise ValueError(
                f"the products that share {name!r} of {kind} must have sources of one width, and the same "
                "bias, gain and `diagonal`, but have not"
            )
