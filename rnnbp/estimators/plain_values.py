"""Values as plain data: what JSON has not is written as an object whose keys say what it is.

::

    1.5, "text", True, None, [...]       themselves
    NaN, infinity                        {"float": "nan"}
    (a, b)                               {"tuple": [a, b]}
    {key: value}                         {"mapping": [[key, value]]}, whose keys need not be text
    a dtype                              {"dtype": "<f8"}
    a slice                              {"slice": [start, stop, step]}
    an array                             {"array": nested lists, "dtype": "<f8", "shape": [2, 3]}
    one that does not lie row by row     the same, with "layout": see `rnnbp.estimators.layouts`
    an object made of its settings       {"configurable": {"class": its class, setting: value}}
    a part of a pipeline                 {"part": see `rnnbp.estimators.parts`}, where these are expected

Reading checks everything, as the data may come from anywhere: an array is of a dtype and size that its own numbers
fill, and an object is of a kind that is allowed where it stands.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.configuration import Configurable, build, check_admitted, plain, shown
from rnnbp.estimators.layouts import laid_out, layout

__all__ = ["read", "written"]

Array = NDArray[Any]

DTYPES = re.compile(r"[<>=|]?(b1|[iu][1248]|f[248]|U[0-9]{1,9})|object")
FLOATS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
SMALL = 1 << 20  # bytes that an array of texts may take, however short they are
WIDEST = 4 << 10  # bytes of a dtype without an array
ROOM = 64  # bytes that each character of a larger one may take; four are needed


def written(value: Any, name: str, describe: Callable[[Any], Any] | None = None) -> Any:
    """Return a value as JSON can hold it.

    Parameters
    ----------
    value
    name : str
        What an error calls it.
    describe : callable or None, default=None
        Returns the description of a part of a pipeline, and None of all else.

    Raises
    ------
    ValueError
        If it is nothing that such a file can hold.
    """

    def within(item: Any) -> Any:
        return written(item, name, describe)

    if describe is not None and (part := describe(value)) is not None:
        return {"part": part}
    if isinstance(value, Configurable):
        check_admitted(value)
        return {"configurable": plain(value)}
    if isinstance(value, np.ndarray):
        return _array_written(value, name, within)
    if isinstance(value, np.generic):
        return within(value.item())
    if isinstance(value, np.dtype) and _is_dtype(_dtype_written(value)):
        return {"dtype": _dtype_written(value)}
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": repr(float(value))}
    if isinstance(value, tuple):
        return {"tuple": [*map(within, value)]}
    if isinstance(value, list):
        return [*map(within, value)]
    if isinstance(value, slice):
        return {"slice": [*map(within, (value.start, value.stop, value.step))]}
    if isinstance(value, Mapping):
        return {"mapping": [[within(key), within(item)] for key, item in value.items()]}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise ValueError(f"{name}={shown(value)} cannot be written to a model file, which holds plain data only")


def _array_written(array: Array, name: str, within: Callable[[Any], Any]) -> dict[str, Any]:
    dtype = _dtype_written(array.dtype)
    if not DTYPES.fullmatch(dtype):
        raise ValueError(f"{name} is an array of {array.dtype}, which cannot be written to a model file")
    items = [*_items(array.tolist())]
    if array.dtype.kind == "U" and not _has_room(array.dtype, items):
        dtype = f"<U{max(map(len, items))}"  # it has far more room than its texts need
        if not _has_room(np.dtype(dtype), items):
            raise ValueError(
                f"{name} holds texts of very different lengths, which cannot be written to a model file: make it an "
                "array of objects"
            )
    described = {"array": within(array.tolist()), "dtype": dtype, "shape": list(array.shape)}
    return described if (lies := layout(array)) is None else described | {"layout": lies}


def _is_dtype(text: Any) -> bool:
    """Return whether a text is a dtype that may stand alone, so that others make arrays of it."""
    return isinstance(text, str) and DTYPES.fullmatch(text) is not None and np.dtype(text).itemsize <= WIDEST


def _dtype_written(dtype: np.dtype[Any]) -> str:
    return "object" if dtype.kind == "O" else dtype.str


def read(value: Any, kinds: Sequence[type[Configurable]] = (), make: Callable[[Any], Any] | None = None) -> Any:
    """Return what `written` was given.

    Parameters
    ----------
    value
        As JSON holds it.
    kinds : sequence of type
        What objects that are made of their settings may be.
    make : callable or None, default=None
        Returns the part of a pipeline that a description is of; None where there is none.

    Raises
    ------
    ValueError
        If it is nothing that `written` returns.
    """

    def within(item: Any) -> Any:
        return read(item, kinds, make)

    if isinstance(value, list):
        return [*map(within, value)]
    if not isinstance(value, dict):
        return value
    keys = value.keys()
    if keys == {"part"} and make is not None:
        return make(value["part"])
    if keys == {"configurable"}:
        return _built(value["configurable"], kinds)
    if {"array", "dtype"} <= keys <= {"array", "dtype", "shape", "layout"}:  # files of format 1 have no shape
        array = _array_read(value["array"], value["dtype"], value.get("shape"))
        return laid_out(array, value["layout"]) if "layout" in keys else array
    if keys == {"dtype"} and _is_dtype(value["dtype"]):
        return np.dtype(value["dtype"])
    if keys == {"float"} and isinstance(value["float"], str) and value["float"] in FLOATS:
        return FLOATS[value["float"]]
    if keys == {"tuple"} and isinstance(value["tuple"], list):
        return tuple(map(within, value["tuple"]))
    if keys == {"slice"} and isinstance(value["slice"], list) and len(value["slice"]) == 3:
        return slice(*map(within, value["slice"]))
    if keys == {"mapping"} and isinstance(value["mapping"], list):
        return dict(_pair_read(pair, within) for pair in value["mapping"])
    raise ValueError(f"{shown(value)} stands for nothing")


def _built(value: Any, kinds: Sequence[type[Configurable]]) -> Any:
    name = value.get("class") if isinstance(value, dict) else None
    for kind in kinds:
        if any(cls.__name__ == name for cls in _with_subclasses(kind)):
            return build(value, kind)
    allowed = " or ".join(kind.__name__.lower() for kind in kinds) or "no such object"
    raise ValueError(f"there is a {shown(name)} where {allowed} is expected")


def _with_subclasses(kind: type[Any]) -> Iterator[type[Any]]:
    yield kind
    for cls in kind.__subclasses__():
        yield from _with_subclasses(cls)


def _pair_read(pair: Any, within: Callable[[Any], Any]) -> tuple[Any, Any]:
    if not isinstance(pair, list) or len(pair) != 2:
        raise ValueError(f"{shown(pair)} is no pair of key and value")
    key, item = within(pair[0]), within(pair[1])
    try:
        hash(key)
    except TypeError:
        raise ValueError(f"{shown(key)} cannot be a key") from None
    return key, item


# -- arrays ------------------------------------------------------------------------------------------------------------

OF_KIND: dict[str, tuple[type, ...]] = {"b": (bool,), "i": (int,), "u": (int,), "f": (int, float), "U": (str,)}


def _array_read(array: Any, dtype: Any, shape: Any = None) -> Array:
    if not isinstance(dtype, str) or not DTYPES.fullmatch(dtype):
        raise ValueError(f"an array's dtype cannot be {shown(dtype)}")
    kind, found = np.dtype(dtype), _shape(array)
    if shape is None:
        shape = list(found)
    if not isinstance(shape, list) or not all(type(n) is int and 0 <= n < 2**31 for n in shape) or len(shape) > 32:
        raise ValueError(f"an array's shape cannot be {shown(shape)}")
    items = [*map(read, _items(array))]
    if math.prod(shape) != len(items) or (items and tuple(shape) != found):
        raise ValueError(f"an array of shape {shape} cannot be made of {len(items)} items")
    if kind.kind == "O":
        filled: Array = np.empty(len(items), object)
        filled[:] = items
        return filled.reshape(shape)
    if wrong := [item for item in items if not _is_of(item, OF_KIND[kind.kind])]:
        raise ValueError(f"an array of {kind} cannot hold {shown(wrong[0])}")
    if kind.kind == "U" and not (_has_room(kind, items) and all(len(item) <= kind.itemsize // 4 for item in items)):
        raise ValueError(f"an array of {kind} does not fit its texts")
    try:
        with np.errstate(all="ignore"):
            return np.array(items, dtype=kind).reshape(shape)
    except OverflowError:
        raise ValueError(f"an array of {kind} cannot hold numbers that are so large") from None


def _shape(nested: Any) -> tuple[int, ...]:
    """Return the shape of nested lists; those of one level must be equally long."""
    shape: list[int] = []
    level = [nested]
    while level and all(isinstance(each, list) for each in level):
        lengths = {len(each) for each in level}
        if len(lengths) > 1:
            raise ValueError("an array's rows must be equally long")
        shape.append(lengths.pop())
        level = [item for each in level for item in each]
    if any(isinstance(each, list) for each in level):
        raise ValueError("an array's rows must be equally long")
    return tuple(shape)


def _items(nested: Any) -> Iterator[Any]:
    if isinstance(nested, list):
        for each in nested:
            yield from _items(each)
    else:
        yield nested


def _is_of(item: Any, kinds: tuple[type, ...]) -> bool:
    return isinstance(item, kinds) and (not isinstance(item, bool) or bool in kinds)


def _has_room(dtype: np.dtype[Any], items: Sequence[str]) -> bool:
    """Return whether an array of texts takes no more memory than its file may ask for."""
    return dtype.itemsize * len(items) <= max(SMALL, ROOM * sum(len(item) + 3 for item in items))
