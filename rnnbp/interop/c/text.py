"""Small pieces of C text: names, numbers, arrays and comments."""

from __future__ import annotations

import re
from collections.abc import Collection
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["array", "as_comment", "identifier", "literal", "stem_of"]

Array = NDArray[Any]

A_LINE = 8  # numbers
TYPES = {"float32": "float", "float64": "double", "int8": "int8_t", "int16": "int16_t"}


def stem_of(path: str | PathLike[str]) -> str:
    """Return the stem of a header's name, which begins all names in it.

    Raises
    ------
    ValueError
        If it is no identifier of C that begins with a letter.
    """
    stem = Path(path).stem
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", stem) is None:
        raise ValueError(
            "the header's name must be an identifier of C, such as 'model.h', as it begins all names in it, but "
            f"{Path(path).name!r} was given"
        )
    return stem


def identifier(name: str, taken: Collection[str] = ()) -> str:
    """Return a name with what C has no place for replaced, and with a number after it if it is taken."""
    plain = re.sub(r"[^A-Za-z0-9_]", "_", name)
    found, k = plain, 1
    while found in taken:
        k += 1
        found = f"{plain}_{k}"
    return found


def literal(value: float, dtype: str) -> str:
    """Return a finite number as C has it: the shortest decimal that is read as this number of the dtype."""
    return f"{np.dtype(dtype).type(value)!s}{'f' if dtype == 'float32' else ''}"


def array(name: str, values: Array) -> str:
    """Return the definition of a constant array, whose elements are in C's order."""
    kind, flat = values.dtype.name, values.ravel()
    numbers = [str(each) if flat.dtype.kind == "i" else literal(each, kind) for each in flat]
    lines = [", ".join(numbers[k : k + A_LINE]) for k in range(0, len(numbers), A_LINE)]
    body = ",\n".join(f"    {line}" for line in lines)
    return f"static const {TYPES[kind]} {name}[{flat.size}] = {{\n{body}\n}};"


def as_comment(text: str) -> str:
    """Return lines as a comment of C, whatever is in them."""
    plain = text.encode("ascii", "backslashreplace").decode().replace("*/", "* /").replace("/*", "/ *")
    lines = [f" * {line}".rstrip() for line in plain.replace("??", "? ?").splitlines()]
    return "\n".join(["/*", *(line.rstrip("\\") for line in lines), " */"])
