"""Operators of ONNX that compute nothing: they arrange axes, or pick a step or a direction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.interop.onnx.files import Node, refusal
from rnnbp.interop.onnx.reading import Reading, constant, frames
from rnnbp.interop.onnx.values import Constant, Frames, Mask, Stack, Value, Whole, Zeros

__all__ = ["ARRANGING", "axes_of"]

Given = Sequence[Value | None]

END = 2**30  # or more: an end that lies after any number of steps


def _as_it_is(value: Value | None) -> bool:
    """Whether only the numbers matter, and not how they lie."""
    return isinstance(value, (Whole, Zeros, Mask))


def identity(node: Node, values: Given, reading: Reading) -> list[Value]:
    """Hand a value on."""
    if values[0] is None:
        raise refusal(node, "it has no input")
    return [values[0]]


def dropout(node: Node, values: Given, reading: Reading) -> list[Value]:
    """Hand frames on, as at inference."""
    for name in ("seed", "ratio"):
        node.take(name, None)
    if len(values) > 2 and values[2] is not None and constant(node, values[2], "training_mode").any():
        raise refusal(node, "it is in training mode")
    return identity(node, values, reading)


def cast(node: Node, values: Given, reading: Reading) -> list[Value]:
    """Hand whole numbers on, and frames that are of the dtype already."""
    to = node.take("to", None)
    node.take("saturate", None)
    if isinstance(values[0], Frames) and (to not in (1, 11) if not values[0].symbols else to not in (6, 7)):
        raise refusal(node, f"a cast of frames to the dtype number {to} is not supported")
    return identity(node, values, reading)


def shape(node: Node, values: Given, reading: Reading) -> list[Value]:
    """Read sizes."""
    start, end = node.take("start", 0), node.take("end", None)
    value = values[0]
    return [Whole(("Shape",), reading.sizes_of(value)[start:end] if isinstance(value, Frames) else None)]


def axes_of(node: Node, values: Given, reading: Reading) -> list[int] | None:
    """Return a node's axes, which are an attribute in old models and an input in newer ones."""
    if len(values) > 1 and values[1] is not None:
        return [int(k) for k in constant(node, values[1], "the axes").ravel()]
    found = node.take("axes", None)
    return None if found is None else [int(k) for k in found]


def _place(node: Node, value: Frames, axis: int) -> int:
    rank = len(value.axes)
    if not -rank <= axis < rank:
        raise refusal(node, f"it goes over axis {axis}, but there are {rank}")
    return axis % rank


def _is_single(value: Frames, axis: str) -> bool:
    return axis == "1" or (axis == "d" and value.n_directions == 1)


def squeeze(node: Node, values: Given, reading: Reading) -> list[Value]:
    """Leave out axes of one element."""
    if _as_it_is(values[0]):
        node.attributes.clear()
        return identity(node, values, reading)
    x, axes = frames(node, values[0]), axes_of(node, values, reading)
    places = (
        [k for k, axis in enumerate(x.axes) if _is_single(x, axis)]
        if axes is None
        else [_place(node, x, axis) for axis in axes]
    )
    if wrong := [k for k in places if not _is_single(x, x.axes[k])]:
        raise refusal(node, f"it leaves out axis {wrong[0]} of {reading.shown(x)}, which has more than one element")
    return [replace(x, axes=tuple(axis for k, axis in enumerate(x.axes) if k not in places))]


def unsqueeze(node: Node, values: Given, reading: Reading) -> list[Value]:
    """Add axes of one element."""
    if _as_it_is(values[0]):
        node.attributes.clear()
        return identity(node, values, reading)
    x, axes = frames(node, values[0]), axes_of(node, values, reading) or []
    rank = len(x.axes) + len(axes)
    if any(not -rank <= k < rank for k in axes):
        raise refusal(node, f"there are no axes {axes}")
    places, rest = {k % rank for k in axes}, iter(x.axes)
    return [replace(x, axes=tuple("1" if k in places else next(rest, "1") for k in range(rank)))]


def transpose(node: Node, values: Given, reading: Reading) -> list[Value]:
    """Exchange axes."""
    perm = node.take("perm", None)
    if _as_it_is(values[0]):
        return identity(node, values, reading)
    x = frames(node, values[0])
    order = list(range(len(x.axes)))[::-1] if perm is None else [int(k) for k in perm]
    if sorted(order) != list(range(len(x.axes))):
        raise refusal(node, f"perm={order} does not fit the axes {reading.shown(x)}")
    return [replace(x, axes=tuple(x.axes[k] for k in order))]


def reshape(node: Node, values: Given, reading: Reading) -> list[Value]:
    """Put the features of two directions side by side, or leave out axes of one element.

    A shape may mean that for some numbers of steps and sequences only. It is taken where it can mean nothing else:
    where at most one of its sizes is not surely that of the axis, so that the others decide it.
    """
    allows_zero = node.take("allowzero", 0)
    if _as_it_is(values[0]):
        return identity(node, values, reading)
    x = frames(node, values[0])
    if isinstance(values[1], Whole) and values[1].sizes is not None:
        target = [reading.size(size) for size in values[1].sizes]
    else:
        target = constant(node, values[1], "its shape").ravel().tolist()
    single = replace(x, axes=tuple(axis for axis in x.axes if not _is_single(x, axis)))
    candidates = [x, single]
    if x.axes[-2:] == ("d", "f") and x.n_directions == 2:
        width = None if x.width is None else 2 * x.width
        candidates.append(replace(x, axes=(*x.axes[:-2], "f"), width=width))
    own = reading.sizes_of(x)
    for candidate in candidates:
        sizes = reading.sizes_of(candidate)
        if len(target) == len(sizes) and not (allows_zero and 0 in target):
            meant = [own[k] if size == 0 else size for k, size in enumerate(target)]
            open_sizes = [pair for pair in zip(meant, sizes, strict=True) if pair[0] != pair[1]]
            if len(open_sizes) <= 1 and all(size == -1 or isinstance(wanted, str) for size, wanted in open_sizes):
                return [candidate]
    raise refusal(
        node,
        f"it makes the shape {target} of axes {reading.shown(x)}: it may put two directions' features side by side, or "
        "leave out axes of one element, by a shape that means this for any number of steps and sequences, but no more",
    )


def flatten(node: Node, values: Given, reading: Reading) -> list[Value]:
    """Leave out axes of one element."""
    x, axis = frames(node, values[0]), node.take("axis", 1)
    single = replace(x, axes=tuple(name for name in x.axes if name != "1"))
    if axis != 1 or len(single.axes) != 2 or x.axes[0] == "1":
        raise refusal(node, f"it makes a matrix of axes {reading.shown(x)}, which is not supported")
    return [single]


def expand(node: Node, values: Given, reading: Reading) -> list[Value]:
    """Hand on what is broadcast: a state that a recurrent operator begins with, or zeros; frames are marked by it."""
    value, target = values[0], values[1]
    if isinstance(value, Constant):
        if value.array.any():
            raise refusal(node, "numbers that are not 0 are broadcast to a shape that is known when the model runs")
        return [Zeros()]
    if isinstance(value, Frames):
        ones = isinstance(target, Constant) and target.array.size <= len(value.axes) and (target.array == 1).all()
        return [value if ones else replace(value, repeated=node.name or node.operator)]
    if isinstance(value, Whole):
        raise refusal(node, "whole numbers are repeated, so that they are no sequences' lengths any more")
    return identity(node, values, reading)


def constant_of_shape(node: Node, values: Given, reading: Reading) -> list[Value]:
    """Read zeros."""
    if np.any(node.take("value", None)):
        raise refusal(node, "numbers that are not 0 are made in a shape that is known when the model runs")
    return [Zeros()]


def gather(node: Node, values: Given, reading: Reading) -> list[Value]:
    """Pick a step or a direction."""
    axis = node.take("axis", 0)
    if _as_it_is(values[0]):
        chosen = values[1].array.ravel().tolist() if isinstance(values[1], Constant) else None
        return _some_of(node, values, chosen)
    if isinstance(values[0], Stack):
        return [_of_stack(node, values[0], axis, constant(node, values[1], "the index"), reading)]
    x, index = frames(node, values[0]), constant(node, values[1], "the index")
    k = _place(node, x, axis)
    if index.size != 1:
        raise refusal(node, "one index is supported")
    return [_picked(node, x, k, int(index.item()), reading, kept=bool(index.ndim))]


def _some_of(node: Node, values: Given, chosen: slice | list[int] | None) -> list[Value]:
    """Return some of whole numbers, which are no sequences' lengths any more; zeros are zeros still."""
    value = values[0]
    if isinstance(value, Mask):
        raise refusal(node, "it picks some of the steps that lie in their sequences")
    if not isinstance(value, Whole):
        return [Zeros()]
    sizes = value.sizes
    if sizes is not None:
        try:
            sizes = None if chosen is None else tuple(np.array(sizes, object)[chosen])
        except (IndexError, TypeError, ValueError) as error:
            raise refusal(node, str(error)) from None
    return [Whole((node.operator, value.expression), sizes)]


def _of_stack(node: Node, value: Stack, axis: int, index: NDArray[Any], reading: Reading) -> Frames:
    """Return one state of several that lie one after the other."""
    k = _place(node, value.parts[0], axis)
    places = [
        (part, d) for part in value.parts for d in range(part.n_directions if part.axes[value.axis] == "d" else 1)
    ]
    if k != value.axis or index.size != 1 or index.item() not in range(-len(places), len(places)):
        raise refusal(node, f"it picks number {index.tolist()} along axis {axis} of {len(places)} states side by side")
    number: int = index.item()
    part, d = places[number]
    return _picked(node, part, k, d, reading, kept=bool(index.ndim))


def _picked(node: Node, x: Frames, k: int, index: int, reading: Reading, *, kept: bool) -> Frames:
    """Return one element along an axis: a step, or a direction."""
    axes = (*x.axes[:k], *("1" * kept), *x.axes[k + 1 :])
    letter = reading.axis(x.axes[k])
    if _is_single(x, letter) and index in (0, -1):
        return replace(x, axes=axes)
    if letter == "d" and x.step == "both" and index in range(-2, 2):
        half = index % 2
        return replace(x, axes=axes, step=("last", "first")[half], half=half)
    if letter == "t" and index in (0, -1) and x.step is None:
        if index == -1:
            reading.looks_past_the_end(node)
        return replace(x, axes=axes, step="first" if index == 0 else "last")
    raise refusal(
        node,
        f"it picks number {index} along an axis of {reading.shown(x)}: a sequence's first or last step, or one "
        "direction's state, can be picked",
    )


def gather_nd(node: Node, values: Given, reading: Reading) -> list[Value]:
    """Pick each sequence's own last step."""
    x, place = frames(node, values[0]), values[1]
    before = place.expression if isinstance(place, Whole) else ()
    is_last = len(before) == 3 and before[::2] == ("Sub", 1) and reading.is_length(Whole(before[1]))
    if node.take("batch_dims", None) != 1 or [reading.axis(a) for a in x.axes] != ["b", "t", "f"] or not is_last:
        raise refusal(node, "it must pick the last step of sequences of axes b, t, f, at lengths - 1")
    return [replace(x, axes=("b", "f"), step="last")]


def slice_(node: Node, values: Given, reading: Reading) -> list[Value]:
    """Pick a step or a direction, whose axis stays."""
    if _as_it_is(values[0]):
        node.attributes.clear()
        given = [value for value in (*values[1:3], *values[4:]) if value is not None]  # start, end and maybe a step
        known = [value.array.item() for value in given if isinstance(value, Constant) and value.array.size == 1]
        return _some_of(node, values, slice(*known) if len(known) == len(given) >= 2 else None)
    x = frames(node, values[0])
    places: list[list[int]] = [
        constant(node, value, "the place").ravel().tolist() for value in values[1:] if value is not None
    ] or [node.take(name, []) for name in ("starts", "ends", "axes")]
    if len(places) not in (3, 4):
        raise refusal(node, "it must say along which axis it goes")
    starts, ends, axes, *steps = places
    if len(starts) != 1 or len(ends) != 1 or len(axes) != 1 or steps not in ([], [[1]]):
        raise refusal(node, "one step or direction can be picked")
    k, (start,), (end,) = _place(node, x, axes[0]), starts, ends
    if not (end >= END if start == -1 else end == start + 1):  # from -1 to 0 there is none
        raise refusal(node, "one step or direction can be picked")
    return [_picked(node, x, k, start, reading, kept=True)]


def split(node: Node, values: Given, reading: Reading) -> list[Value]:
    """Take what two directions give apart."""
    x, axis = frames(node, values[0]), node.take("axis", 0)
    node.take("num_outputs", None)
    sizes = node.take("split", None) if len(values) < 2 else constant(node, values[1], "the sizes").ravel().tolist()
    if (
        x.step is None
        or _place(node, x, axis) != len(x.axes) - 1
        or len(node.outputs) != 2
        or x.width is None
        or x.width % 2
        or x.half is not None
    ):
        raise refusal(node, "the features of one step can be split in two halves")
    if x.state and (x.step != "both" or "d" in x.axes):
        raise refusal(node, "a final state can be split in its directions only, which lie side by side as features")
    if sizes is not None and list(sizes) != [x.width // 2] * 2:
        raise refusal(node, f"two halves of {x.width} features can be taken, but the sizes are {list(sizes)}")
    steps = ("last", "first") if x.step == "both" else (x.step, x.step)
    return [replace(x, step=step, half=half, width=x.width // 2) for half, step in enumerate(steps)]


def concat(node: Node, values: Given, reading: Reading) -> list[Value]:
    """Put the last steps of two directions side by side, or states one after the other."""
    axis = node.take("axis", None)
    if all(isinstance(value, (Whole, Constant, Zeros)) for value in values):
        zeros = [value for value in values if isinstance(value, Zeros)]
        return [Zeros()] if zeros and len(zeros) == len(values) else [Whole(("Concat",), _sizes_of_all(values))]
    parts = [frames(node, value) for value in values]
    first = parts[0]
    if any((each.n_links, each.open_bias) != (first.n_links, first.open_bias) and not each.state for each in parts):
        raise refusal(node, "it puts branches together: the model is no chain of layers")
    k = _place(node, first, axis)
    if all(each.source or each.state for each in parts) and first.axes[k] in ("1", "d"):
        if len({len(each.axes) for each in parts}) > 1:
            raise refusal(node, "what it puts together has different numbers of axes")
        return [Stack(tuple(parts), k)]
    wanted = [("last", 0), ("first", 1)]
    if k == len(first.axes) - 1 and [(each.step, each.half) for each in parts] == wanted:
        assert first.width is not None, "a direction is of what a recurrent operator gives"
        return [replace(first, step="both", half=None, width=2 * first.width)]
    raise refusal(node, "it puts branches together: the model is no chain of layers")


def _sizes_of_all(values: Given) -> tuple[int | str, ...] | None:
    """Return sizes that are put one after the other; None if some are not known."""
    found: list[int | str] = []
    for value in values:
        if isinstance(value, Whole) and value.sizes is not None:
            found += value.sizes
        elif isinstance(value, Constant) and value.array.dtype.kind == "i":
            found += value.array.ravel().tolist()
        else:
            return None
    return tuple(found)


ARRANGING: dict[str, Callable[[Node, Given, Reading], list[Value]]] = {
    "Cast": cast,
    "Concat": concat,
    "ConstantOfShape": constant_of_shape,
    "Dropout": dropout,
    "Expand": expand,
    "Flatten": flatten,
    "Gather": gather,
    "GatherND": gather_nd,
    "Identity": identity,
    "Reshape": reshape,
    "Shape": shape,
    "Slice": slice_,
    "Split": split,
    "Squeeze": squeeze,
    "Transpose": transpose,
    "Unsqueeze": unsqueeze,
}
