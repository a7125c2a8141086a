"""A header in the making: each layer adds its share, and `Header.text` puts them together.

A layer becomes a function of C, which takes a frame and gives one. What it keeps from frame to frame is a struct of its
own, which the network's state holds; its weights are constants; other arrays are on the stack::

    struct model_state { struct model_layer0 layer0; ... };
    static inline void model_layer0(struct model_layer0 *s, const float *x, float *y)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.interop.c.elementwise import Functions
from rnnbp.interop.c.text import array, identifier, literal

__all__ = ["Header", "Share"]

Array = NDArray[Any]

SIZES = {"float": 4, "double": 8, "uint32_t": 4, "uint64_t": 8, "int16_t": 2}


@dataclass
class Share:
    """A layer's share of a header.

    Parameters
    ----------
    header : Header
    k : int
        The layer's number.
    name : str
        Of its function and its struct.
    width : int
        The number of features that go out.
    frame_type : str
        The type of the input's elements.

    Attributes
    ----------
    body : list of str
        The statements of its function, which reads ``x`` and writes ``y``.
    returns : bool
        Whether the function returns 1 where it has written y, and else what the network's step returns.
    multiply_adds : int
        Of one call.
    weight_bytes, state_bytes, stack_bytes : int
    constants, members, locals : dict of str to str
        Definitions, by their C names.
    whole : dict of (str, str) to str
        Where sources of products are held in whole numbers; see `quantization`.
    """

    header: Header
    k: int
    name: str
    width: int
    frame_type: str
    body: list[str] = field(default_factory=list)
    returns: bool = False
    multiply_adds: int = 0
    weight_bytes: int = 0
    state_bytes: int = 0
    stack_bytes: int = 0
    constants: dict[str, str] = field(default_factory=dict)
    members: dict[str, str] = field(default_factory=dict)
    locals: dict[str, str] = field(default_factory=dict)
    whole: dict[tuple[str, str], str] = field(default_factory=dict)

    def constant(self, name: str, values: Array) -> str:
        """Add a constant array, in the header's dtype unless it holds integers, and return its C name."""
        if values.dtype.kind == "f":
            values = values.astype(self.header.dtype)
        found = identifier(f"{self.name}_{name}", self.constants)
        self.constants[found] = array(found, values)
        self.weight_bytes += values.nbytes
        return found

    def member(self, name: str, n: int | None = None, *, kind: str | None = None) -> str:
        """Add an array (or, without n, a number) that lasts from frame to frame, first zero; return how C names it."""
        kind = kind or self.header.number
        found = identifier(name, self.members)
        self.members[found] = f"{kind} {found}{'' if n is None else f'[{n}]'};"
        self.state_bytes += (1 if n is None else n) * SIZES[kind]
        return f"s->{found}"

    def local(self, name: str, n: int, *, kind: str | None = None) -> str:
        """Add an array that a call needs, and return its C name."""
        kind = kind or self.header.number
        found = identifier(name, self.locals)
        self.locals[found] = f"{kind} {found}[{n}];"
        self.stack_bytes += n * SIZES[kind]
        return found

    def add_product(self, name: str, source: str, weight: Array, target: str, *, among: str) -> None:
        """Write ``target += source @ weight``.

        Parameters
        ----------
        name : str
            Of the weight.
        source, target : str
            Arrays of C.
        weight : ndarray of shape (n, width)
        among : str
            What the source is called where ranges are measured: products of one source share its range.
        """
        self.header.products(self, name, source, weight, target, among)
        self.multiply_adds += weight.size

    def loop(self, n: int, statements: Sequence[str], index: str = "j") -> None:
        """Write statements for each index below n."""
        self.body += [
            f"for (int {index} = 0; {index} < {n}; ++{index}) {{",
            *(f"    {each}" for each in statements),
            "}",
        ]

    def copy(self, target: str, source: str, n: int, *, kind: str | None = None) -> None:
        """Write a copy of n numbers."""
        kind = kind or self.header.number
        self.body.append(f"memcpy({target}, {source}, {n} * sizeof({kind}));")

    def definition(self) -> str:
        """Return its constants, its struct and its function."""
        number = self.header.number
        arguments = f"const {self.frame_type} *x, {number} *y"
        parts = list(self.constants.values())
        if self.members:
            members = "\n".join(f"    {each}" for each in self.members.values())
            parts.append(f"struct {self.name} {{\n{members}\n}};")
            arguments = f"struct {self.name} *s, {arguments}"
        lines = [*self.locals.values(), *self.body, *(["return 1;"] if self.returns else [])]
        body = "\n".join(f"    {line}" if line else "" for line in lines)
        kind = "int" if self.returns else "void"
        parts.append(f"static inline {kind} {self.name}({arguments})\n{{\n{body}\n}}")
        return "\n\n".join(parts)


class Header:
    """The parts of a header, as layers add them.

    Parameters
    ----------
    stem : str
        What all names begin with.
    dtype : {"float32", "float64"}
    frame_type : str
        The type of a frame's elements.
    products : callable
        ``products(share, name, source, weight, target, among)`` writes a matrix product; see `Share.add_product`.
    note : str
        What the opening comment says of precision.
    """

    def __init__(
        self, stem: str, dtype: str, frame_type: str | None = None, products: Any = None, note: str = ""
    ) -> None:
        self.stem, self.dtype = stem, np.dtype(dtype).name
        self.functions = Functions(stem, self.dtype)
        self.frame_type = frame_type or self.functions.number
        self.products = products or add_product
        self.note = note
        self.shares: list[Share] = []

    def share(self, k: int, width: int) -> Share:
        """Return a share for layer k, which gives so many features; it counts once it is in `shares`."""
        kind = self.functions.number if self.shares else self.frame_type
        return Share(self, k, f"{self.stem}_layer{k}", width, kind)

    def literal(self, value: float) -> str:
        """Return a number as C has it."""
        return literal(value, self.dtype)

    @property
    def number(self) -> str:
        """The type of numbers."""
        return self.functions.number


def add_product(share: Share, name: str, source: str, weight: Array, target: str, among: str) -> None:
    """Write a product in the header's own dtype."""
    n, width = weight.shape
    held = share.constant(name, weight)
    routine = share.header.functions.name("add_product")
    share.body.append(f"{routine}({source}, {n}, {held}, {target}, {width});")
