"""LLVM's text, written function by function.

`Writer` collects the instructions of one function: `let` writes one that gives a value and returns its name, `do` one
that gives none. Variables are slots on the stack, which LLVM turns into registers. Types are LLVM's names: ``i64``,
``float``, ``double``, ``ptr``, ``<8 x float>``.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

__all__ = ["Writer", "constant", "vector"]


def constant(value: float, kind: str) -> str:
    """Return a number as LLVM writes it: floats in hexadecimal, which loses nothing."""
    if not kind.endswith(("float", "double")):
        return str(int(value))
    exact = float(np.float32(value)) if kind == "float" else float(value)
    return f"0x{struct.unpack('>Q', struct.pack('>d', exact))[0]:016X}"


def vector(kind: str, lanes: int) -> str:
    """Return the type of a vector."""
    return f"<{lanes} x {kind}>"


INLINE = {"may": "", "always": " alwaysinline", "never": " noinline"}


class Writer:
    """The text of a function.

    Parameters
    ----------
    name : str
    arguments : sequence of (str, str)
        The type and the name of each.
    result : str, default "void"
    internal : bool, default False
        Whether it is called from its own module only.
    inline : {"may", "always", "never"}, default "may"
        Whether LLVM may, must or must not put its body in the place of a call.
    """

    def __init__(
        self,
        name: str,
        arguments: Sequence[tuple[str, str]],
        result: str = "void",
        *,
        internal: bool = False,
        inline: str = "may",
    ) -> None:
        listed = ", ".join(f"{kind} %{argument}" for kind, argument in arguments)
        kind = f"{'internal ' * internal}{result}"
        self._head = f"define {kind} @{name}({listed}) nounwind{INLINE[inline]} {{"
        self._slots: list[str] = []
        self._lines: list[str] = []
        self._n, self.block, self.open = 0, "begin", True
        self.declarations: set[str] = set()

    def new(self) -> str:
        """Return a name that is not used yet, for a value or a block."""
        self._n += 1
        return f"v{self._n}"

    def let(self, operation: str) -> str:
        """Write an instruction, and return the name of its value."""
        name = f"%{self.new()}"
        self._lines.append(f"  {name} = {operation}")
        return name

    def do(self, operation: str) -> None:
        """Write an instruction without a value."""
        self._lines.append(f"  {operation}")

    def slot(self, kind: str) -> str:
        """Return the address of a new variable."""
        name = f"%{self.new()}"
        self._slots.append(f"  {name} = alloca {kind}")
        return name

    def begin(self, block: str) -> None:
        """Begin a block, to which an open one goes on."""
        if self.open:
            self.go(block)
        self._lines.append(f"{block}:")
        self.block, self.open = block, True

    def go(self, block: str) -> None:
        """End the block by a jump."""
        self.end(f"br label %{block}")

    def choose(self, condition: str, yes: str, no: str) -> None:
        """End the block by a jump that depends on a condition."""
        self.end(f"br i1 {condition}, label %{yes}, label %{no}")

    def end(self, operation: str) -> None:
        """End the block."""
        if self.open:
            self.do(operation)
        self.open = False

    def call(self, function: str, result: str, arguments: Sequence[tuple[str, str]]) -> str:
        """Write the call of a function that LLVM or another module has, given (type, value) of each argument."""
        kinds, values = ", ".join(k for k, _ in arguments), ", ".join(f"{k} {v}" for k, v in arguments)
        self.declarations.add(f"declare {result} @{function}({kinds})")
        operation = f"call {result} @{function}({values})"
        if result == "void":
            self.do(operation)
            return ""
        return self.let(operation)

    @property
    def text(self) -> str:
        """The whole function."""
        if self.open:
            self.end("ret void")
        return "\n".join([self._head, "start:", *self._slots, "  br label %begin", "begin:", *self._lines, "}"])
