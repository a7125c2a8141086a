"""What an audio file says about its own length, against what is there.

libsndfile returns what is left of a file that was cut short, mostly without a word, and stops where an MP3's estimated
length or a FLAC's declared one ends. So the file's own structure is read here first: a few bytes of its header, and the
headers of chunks (RIFF, AIFF, CAF, Wave64) or pages (Ogg) up to the samples. Nothing is allocated by what they say.

==============  =================================================================================================
RIFF, RF64      chunks of name and size; "data" holds the samples, and RF64 keeps sizes of 64 bits in "ds64"
Wave64          the same, with names of 16 bytes, and sizes of 8 that count the name and themselves
AIFF            the same, big-endian; "SSND"
CAF             the same, big-endian, sizes of 8 bytes; "data"; -1 means up to the end
AU              offset and size of the samples; 0xFFFFFFFF means up to the end
NIST            a text, with the numbers of samples, channels and bytes of a sample
Ogg             pages, each of which says its length; the last page of a stream is marked as the last
FLAC            the number of samples; 0 means that it was not known
MP3             none, but most encoders write the number of bytes and frames into a silent first frame
==============  =================================================================================================

References
----------
RFC 3533 (Ogg), RFC 9639 (FLAC), RFC 2361 and EBU Tech 3306 (RIFF, RF64), Apple's "Core Audio Format Specification".
"""

from __future__ import annotations

import io
import math
import os
import re
import struct
from collections.abc import Callable
from typing import BinaryIO

__all__ = ["READABLE", "EndlessFile", "flac_without_length", "identify", "shortfall"]

READABLE = "wav (RIFF, RF64, Wave64), aiff, au, caf, nist, htk, flac, ogg or mp3"
# Programs that write to a pipe cannot know the length yet, and leave 0x7FFFF000 or more in its place.
UNKNOWN_LENGTH = 0x7FFFF000
MOST_CHUNKS = 10_000  # before the samples; more are no audio file, and would take long to walk
SAMPLES = (b"data", b"SSND")  # names of chunks
TAG = 10  # bytes of an ID3v2 header
LAST_TAG = 128  # bytes of an ID3v1 tag, at the end
MOST_BYTES_OF_TAGS = 1 << 20  # after which no further tag is looked for; one tag, with a picture, may be larger


def identify(file: BinaryIO) -> tuple[str, int]:
    """Return the kind of an audio file by its first bytes ("" for none that is read), and where it begins.

    MP3 and FLAC may begin after ID3v2 tags. HTK has no mark of its own: 16-bit samples, and a length that fits, which
    libsndfile checks.
    """
    head = _read(file, 0, 16)
    if head[:4] == b"FORM" and head[8:12] not in (b"AIFF", b"AIFC"):
        return "", 0
    if head[:4] in MARKS:
        return MARKS[head[:4]], 0
    start = 0
    while len(head) >= TAG and head[:3] == b"ID3" and start < MOST_BYTES_OF_TAGS:
        start += TAG + sum((byte & 0x7F) << 7 * i for i, byte in enumerate(reversed(head[6:TAG])))
        head = _read(file, start, TAG)
    if start:
        return ("flac" if head[:4] == b"fLaC" else "mp3"), start
    if len(head) >= 4 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        return "mp3", 0
    return ("htk" if head[8:12] == b"\0\2\0\0" else ""), 0


def shortfall(file: BinaryIO, kind: str, start: int, size: int) -> str:
    """Say what a file of `size` bytes declares that is not there; "" if nothing is known to be missing."""
    if kind not in CHECKS:
        return ""
    return CHECKS[kind](file, start, size)


def _read(file: BinaryIO, at: int, n_bytes: int) -> bytes:
    file.seek(at)
    return file.read(n_bytes)


def _beyond(end: int, size: int) -> str:
    return f"its header promises {end - size} bytes more than the file has" if end > size else ""


# -- chunks ------------------------------------------------------------------------------------------------------------


def _chunks(
    file: BinaryIO, at: int, size: int, form: str, *, align: int = 2, counts_itself: bool = False
) -> list[tuple[bytes, int, int]]:
    """List chunks from `at` up to the one of the samples: name, where its content begins, and its declared size."""
    header = struct.calcsize(form)
    found: list[tuple[bytes, int, int]] = []
    while len(found) < MOST_CHUNKS and at < size and len(head := _read(file, at, header)) == header:
        name, declared = struct.unpack(form, head)
        content = declared - header if counts_itself else declared
        found.append((name, at + header, content))
        if name in SAMPLES or content < 0:
            break
        at += header + content
        at += -at % align
    return found


def _samples_beyond(chunks: list[tuple[bytes, int, int]], size: int, unknown: float) -> str:
    if not chunks:
        return ""
    name, at, declared = chunks[-1]
    if name not in SAMPLES or declared >= unknown:
        return ""
    return _beyond(at + declared, size)


def _riff(file: BinaryIO, start: int, size: int) -> str:
    order = ">" if _read(file, 0, 4) == b"RIFX" else "<"
    return _samples_beyond(_chunks(file, 12, size, order + "4sI"), size, UNKNOWN_LENGTH)


def _rf64(file: BinaryIO, start: int, size: int) -> str:
    chunks = _chunks(file, 12, size, "<4sI")
    long_sizes = [at for name, at, _ in chunks if name == b"ds64"]
    if not long_sizes:
        return _samples_beyond(chunks, size, UNKNOWN_LENGTH)
    name, at, declared = chunks[-1]
    if declared == 0xFFFFFFFF:
        declared = int.from_bytes(_read(file, long_sizes[0] + 8, 8), "little")
    return _samples_beyond([(name, at, declared)], size, 1 << 63)


def _wave64(file: BinaryIO, start: int, size: int) -> str:
    return _samples_beyond(_chunks(file, 40, size, "<4s12xq", align=8, counts_itself=True), size, math.inf)


def _aiff(file: BinaryIO, start: int, size: int) -> str:
    return _samples_beyond(_chunks(file, 12, size, ">4sI"), size, UNKNOWN_LENGTH)


def _caf(file: BinaryIO, start: int, size: int) -> str:
    return _samples_beyond(_chunks(file, 8, size, ">4sq", align=1), size, math.inf)


# -- fields ------------------------------------------------------------------------------------------------------------


def _au(file: BinaryIO, start: int, size: int) -> str:
    head = _read(file, 0, 12)
    if len(head) < 12:
        return ""
    at, declared = struct.unpack("<II" if head[:4] == b"dns." else ">II", head[4:])
    return _beyond(at + declared, size) if declared < UNKNOWN_LENGTH else ""


def _nist(file: BinaryIO, start: int, size: int) -> str:
    text = _read(file, 0, 1 << 16)
    length = re.match(rb"NIST_1A\s+(\d{1,7})\s", text)
    if length is None:
        return ""
    header = int(length[1])
    fields = dict(re.findall(rb"^(\w+) -i (\d{1,18})\s", text[:header], re.MULTILINE))
    try:
        n_samples, n_channels = int(fields[b"sample_count"]), int(fields.get(b"channel_count", 1))
        n_bytes = int(fields.get(b"sample_n_bytes", 1))  # A-law and mu-law have one, and often do not say so
    except KeyError:
        return ""
    return _beyond(header + n_samples * n_channels * n_bytes, size)


# -- streams -----------------------------------------------------------------------------------------------------------


def _ogg(file: BinaryIO, start: int, size: int) -> str:
    """Walk all pages: each must be there whole, and every stream that begins must end."""
    at, unfinished = 0, set()
    while len(head := _read(file, at, 27)) == 27 and head[:4] == b"OggS":
        flags, stream = head[5], head[14:18]
        segments = file.read(head[26])
        at += 27 + head[26] + sum(segments)
        if len(segments) < head[26] or at > size:
            return f"its last page, of {head[26]} segments, is not there whole"
        unfinished.add(stream)
        if flags & 4:
            unfinished.discard(stream)
    if not unfinished:
        return ""
    return f"after byte {at} there is no further page, but its stream has not ended"


def _mp3(file: BinaryIO, start: int, size: int) -> str:
    if start > size:
        return f"it begins with a tag of {start} bytes, but the file has {size}"
    declared = mp3_length(file, start)
    return _beyond(start + declared, size) if declared else ""


def mp3_length(file: BinaryIO, start: int) -> int | None:
    """Return how many bytes the first frame of an MP3 file declares (a "Xing", "Info" or "VBRI" header), or None."""
    head = _read(file, start, 56)
    # After the frame's 4 bytes and 9 to 32 of side information.
    if found := re.search(rb"(?:Xing|Info)(.{12})", head[13:], re.DOTALL):
        flags, _, n_bytes = struct.unpack(">III", found[1])
        if flags & 3 == 3:
            return int(n_bytes)
    if head[36:40] == b"VBRI" and len(head) >= 50:
        return int(struct.unpack(">I", head[46:50])[0])
    return None


def flac_without_length(file: BinaryIO, start: int) -> tuple[EndlessFile, int | None]:
    """Return a FLAC file that declares no length, so that it is decoded to its end, and the length it did declare.

    RFC 9639, 8.2: the number of samples is in the last 36 bits of 8 bytes, 18 after the file's mark.
    """
    described = int.from_bytes(_read(file, start + 18, 8), "big")
    n_samples = described & ((1 << 36) - 1)
    return EndlessFile(file, start, at=18, replaced=(described - n_samples).to_bytes(8, "big")), n_samples or None


class EndlessFile(io.RawIOBase):
    """A file for libsndfile to read up to its end, not up to a length that is declared or estimated.

    Parameters
    ----------
    file : binary file
        Opened for reading; stays open.
    start : int
        What comes before this byte, a tag, is not to be seen.
    at, replaced : int, bytes
        What is read from byte `at` on, counted from `start`, is `replaced`, for its length.
    stretch : int, default=1
        The end of the file seems to be so many times as far away. An MP3 file without a header of its length is
        estimated to last as long as its bytes do at the first frame's rate, and libsndfile reads no further.
    """

    def __init__(self, file: BinaryIO, start: int, *, at: int = 0, replaced: bytes = b"", stretch: int = 1) -> None:
        self._file = file
        self._start, self._at, self._replaced = start, at, replaced
        self._end = (os.fstat(file.fileno()).st_size - start) * stretch
        self._stretched = stretch > 1
        self._position = 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a byte, and return its place."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._end}[whence]
        self._position = min(max(0, base + offset), self._end)
        return self._position

    def tell(self) -> int:
        """Return the place of the next byte."""
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill `buffer` as far as there are bytes, and return how many there were."""
        content = bytearray(_read(self._file, self._start + self._position, len(buffer)))
        if self._stretched and self._position >= self._end - LAST_TAG:
            content = bytearray(self._end - self._position)[: len(buffer)]  # libmpg123 looks for a tag here, first
        first = max(self._at, self._position)
        last = min(self._at + len(self._replaced), self._position + len(content))
        if first < last:
            content[first - self._position : last - self._position] = self._replaced[first - self._at : last - self._at]
        buffer[: len(content)] = content
        self._position += len(content)
        return len(content)

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def seekable(self) -> bool:
        """Return that it can seek."""
        return True


MARKS = {
    b"RIFF": "wav",
    b"RIFX": "wav",
    b"RF64": "rf64",
    b"riff": "w64",
    b"FORM": "aiff",
    b"caff": "caf",
    b".snd": "au",
    b"dns.": "au",
    b"NIST": "nist",
    b"fLaC": "flac",
    b"OggS": "ogg",
}
CHECKS: dict[str, Callable[[BinaryIO, int, int], str]] = {
    "wav": _riff,
    "rf64": _rf64,
    "w64": _wave64,
    "aiff": _aiff,
    "caf": _caf,
    "au": _au,
    "nist": _nist,
    "ogg": _ogg,
    "mp3": _mp3,
}
