"""Records: what belongs together travels together, to a kernel, as one pointer.

A record is a class with annotated fields of the kernels' types (`rnnbp.kernels.language`). In memory each field takes
8 bytes, in the order of the annotations; in Python it is an object with attributes::

    class ProductRecord(Record):
        weight: numbers
        depth: int

    product = Product(weight=w, depth=3)      # w: a contiguous array
    product.depth = 4                         # memory follows

In a kernel, ``product.depth`` loads the field, and ``products[1].depth`` that of the next record in memory, where
several were made with `together`.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

__all__ = ["Record", "address_of", "together"]


def address_of(array: np.ndarray[Any, Any]) -> int:
    """Return where a contiguous array lies in memory."""
    try:
        given: Any = array
        return ctypes.addressof(ctypes.c_char.from_buffer(given))  # a third of the time of the line below
    except (TypeError, ValueError):  # it is empty, or may not be written to
        return int(array.__array_interface__["data"][0])


class Record:
    """Named fields that a kernel can read and write; derive from it and annotate them.

    Fields that are not given are 0.

    Attributes
    ----------
    fields : dict of str to str
        The type of each field, as it was written.
    """

    fields: ClassVar[dict[str, str]] = {}

    def __init_subclass__(cls) -> None:
        cls.fields = {name: str(kind) for name, kind in cls.__annotations__.items()}
        cls._at = {name: k for k, name in enumerate(cls.fields)}

    _at: ClassVar[dict[str, int]] = {}

    def __init__(self, **values: Any) -> None:
        object.__setattr__(self, "memory", np.zeros(len(self._at), np.int64))
        for name, value in values.items():
            setattr(self, name, value)

    memory: np.ndarray[Any, Any]

    def __setattr__(self, name: str, value: Any) -> None:
        at = self._at[name]
        if type(value) is np.ndarray:
            assert value.flags.c_contiguous, f"{name} must be contiguous"
            self.memory[at] = address_of(value)
        elif type(value) is int:
            self.memory[at] = value
        elif isinstance(value, Record):
            self.memory[at] = value.address
        elif isinstance(value, list):
            self.memory[at] = value[0].address if value else 0
        elif self.fields[name] == "float":
            self.memory[at] = struct.unpack("q", struct.pack("d", value))[0]
        else:
            self.memory[at] = value
        self.__dict__[name] = value  # which also keeps it alive

    def __getattr__(self, name: str) -> Any:
        if name not in self._at:
            raise AttributeError(f"{type(self).__name__} has no field {name!r}")
        return self.read(name)

    def read(self, name: str) -> Any:
        """Return what memory holds now: a number, or an address."""
        value = int(self.memory[self._at[name]])
        return struct.unpack("d", struct.pack("q", value))[0] if self.fields[name] == "float" else value

    if TYPE_CHECKING:

        def __getitem__(self, k: int) -> Self:
            """Return the record k further on in memory, in a kernel."""

    def is_set(self, name: str) -> bool:
        """Whether memory holds another value than 0 now."""
        return bool(self.memory[self._at[name]])

    @property
    def address(self) -> int:
        """Where the record lies in memory."""
        return address_of(self.memory)


def together(records: Sequence[Record]) -> Any:
    """Move records of one kind to where they follow each other in memory, and return them."""
    if records:
        memory = np.stack([record.memory for record in records])
        for record, row in zip(records, memory, strict=True):
            object.__setattr__(record, "memory", row)
    return list(records)
