"""The safetensors format, read with care.

::

    8 bytes      N, the length of the header, little-endian
    N bytes      the header: JSON, {"__metadata__": {str: str}, name: {"dtype", "shape", "data_offsets"}, ...}
    the rest     the arrays' numbers, one after the other, without gaps

The header is checked against the file's own length before anything else is done with it, so a small file cannot ask for
much memory. Arrays are read straight into their place: nothing is held twice, and (unlike a file that is mapped into
memory) one that is cut while it is read gives an error and not a crash. The `safetensors` package writes these files.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Mapping
from os import PathLike
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from rnnbp.configuration import shown
from rnnbp.files import strict_json

__all__ = ["DamagedError", "Entry", "TensorFile", "digest"]

Array = NDArray[Any]

METADATA = "__metadata__"
LONGEST_HEADER = 100_000_000  # bytes; the safetensors package has the same limit
MOST_AXES = 32  # of NumPy 1's arrays
BLOCK = 1 << 18  # bytes that are hashed at once

DTYPES = {
    "BOOL": "|b1", "U8": "|u1", "I8": "|i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4", "U64": "<u8",
    "I64": "<i8", "F16": "<f2", "F32": "<f4", "F64": "<f8",
}  # fmt: skip


class DamagedError(ValueError):
    """A file that is no safetensors file, and why."""


class Entry(NamedTuple):
    """What the header says of an array."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    start: int  # of its bytes, after the header
    stop: int


class TensorFile:
    """A safetensors file that is open; a context manager.

    Parameters
    ----------
    path : path-like

    Attributes
    ----------
    metadata : dict of str to str
    entries : dict of str to Entry
        Empty until `read_entries` is called.

    Raises
    ------
    DamagedError
        If it is no such file.
    OSError
        If it cannot be opened.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115 (`close` closes it)
        try:
            self._size = os.fstat(self._file.fileno()).st_size
            header = self._header()
            self.metadata: dict[str, str] = header.pop(METADATA, {})
            if not isinstance(self.metadata, dict) or not all(isinstance(v, str) for v in self.metadata.values()):
                raise DamagedError("the metadata in its header are no texts")
        except BaseException:
            self._file.close()
            raise
        self._described = header
        self.entries: dict[str, Entry] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _header(self) -> dict[str, Any]:
        if self._size <= 8:
            raise DamagedError(f"it has {self._size} bytes, and even an empty one has more")
        if self._bytes(8, 1) != b"{":
            raise DamagedError("it is no safetensors file, in whose 9th byte a header begins with '{'")
        length = int.from_bytes(self._bytes(0, 8), "little")
        if length > min(self._size - 8, LONGEST_HEADER):
            raise DamagedError(f"its header should be {length} bytes long, but the whole file has {self._size}")
        try:
            header = strict_json.loads(self._bytes(8, length).decode())
        except ValueError as error:
            raise DamagedError(f"its header cannot be read: {error}") from None
        if not isinstance(header, dict):
            raise DamagedError("its header is no mapping")
        self._data_start = 8 + length
        return header

    def _bytes(self, start: int, length: int) -> bytes:
        content = bytearray(length)
        self._read_into(start, memoryview(content))
        return bytes(content)

    def _read_into(self, start: int, buffer: memoryview) -> None:
        self._file.seek(start)
        done = 0
        while done < len(buffer):
            n = self._file.readinto(buffer[done:])
            if not n:
                raise DamagedError("it ended while it was read")
            done += n

    def read_entries(self) -> None:
        """Check what the header says of arrays, and make it known in `entries`.

        Raises
        ------
        DamagedError
            If it makes no sense, or does not fit the file's length.
        """
        entries = {name: _entry(name, described) for name, described in self._described.items()}
        end = 0
        for name, entry in sorted(entries.items(), key=lambda item: item[1][2:]):
            if entry.start != end:
                raise DamagedError(f"the numbers of {shown(name)} do not follow those before them")
            end = entry.stop
        if end != self._size - self._data_start:
            raise DamagedError(
                f"its arrays should take {end} bytes, but {self._size - self._data_start} follow the header"
            )
        self.entries = entries

    def read(self, name: str) -> Array:
        """Return an array."""
        entry = self.entries[name]
        array = np.empty(entry.shape, entry.dtype)
        self._read_into(self._data_start + entry.start, _bytes_of(array))
        return array.astype(entry.dtype.newbyteorder("="), copy=False)

    def digest(self, text: str) -> str:
        """Return `digest` of a text and all arrays."""
        content = _begin(text)
        block = memoryview(bytearray(BLOCK))
        for name, entry in sorted(self.entries.items()):
            content.update(_described(name, entry.dtype, entry.shape))
            for start in range(entry.start, entry.stop, BLOCK):
                part = block[: min(BLOCK, entry.stop - start)]
                self._read_into(self._data_start + start, part)
                content.update(part)
        return str(content.hexdigest())


def digest(text: str, arrays: Mapping[str, Array]) -> str:
    """Return a SHA-256 of a text and of arrays, with their names, dtypes and shapes."""
    content = _begin(text)
    for name, array in sorted(arrays.items()):
        little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        content.update(_described(name, array.dtype, array.shape))
        content.update(_bytes_of(little))
    return str(content.hexdigest())


def _begin(text: str) -> Any:
    encoded = text.encode(errors="surrogatepass")
    return hashlib.sha256(f"{len(encoded)} ".encode() + encoded)


def _described(name: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    return strict_json.dumps([name, dtype.newbyteorder("<").str, list(shape)]).encode()


def _bytes_of(array: Array) -> memoryview:
    return array.reshape(-1).view(np.uint8).data


def _entry(name: str, described: Any) -> Entry:
    if not isinstance(described, dict) or described.keys() != {"dtype", "shape", "data_offsets"}:
        raise DamagedError(f"its header does not describe {shown(name)} by dtype, shape and place")
    kind, shape, offsets = described["dtype"], described["shape"], described["data_offsets"]
    if not isinstance(kind, str) or kind not in DTYPES:
        raise DamagedError(f"the dtype of {shown(name)} is not one of {', '.join(DTYPES)}")
    if not _are_counts(shape) or len(shape) > MOST_AXES:
        raise DamagedError(f"the shape of {shown(name)} is none")
    if not _are_counts(offsets) or len(offsets) != 2:
        raise DamagedError(f"the place of {shown(name)} is none")
    dtype, (start, stop) = np.dtype(DTYPES[kind]), offsets
    if math.prod(n or 1 for n in shape) * dtype.itemsize >= 2**62:  # NumPy refuses it even if one of them is zero
        raise DamagedError(f"the shape of {shown(name)} is too large")
    if stop - start != math.prod(shape) * dtype.itemsize:
        raise DamagedError(
            f"{shown(name)} should take {math.prod(shape) * dtype.itemsize} bytes, but takes {stop - start}"
        )
    return Entry(dtype, tuple(shape), start, stop)


def _are_counts(values: Any) -> bool:
    return isinstance(values, list) and all(type(n) is int and n >= 0 for n in values)
