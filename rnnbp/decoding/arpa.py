r"""ARPA files of n-gram models: text, with a section for each order.

::

    \data\
    ngram 1=4
    ngram 2=2

    \1-grams:
    -0.5    one    -0.3         log10 p(w | h), the n-gram hw, and log10 γ(hw) if it can be a history
    ...
    \end\

What stands before ``\data\`` is no part of it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from os import PathLike
from pathlib import Path

from rnnbp.decoding.kneser_ney import BEGIN, UNKNOWN, Tokens
from rnnbp.files.model_file import write_atomically

__all__ = ["ArpaError", "read", "write"]

LN10 = math.log(10.0)
NEVER = -99.0  # what the format has for log10 0
SPACE = "<space>"
OTHER_NAMES = {SPACE: " ", "<UNK>": UNKNOWN}


class ArpaError(ValueError):
    """A file is no ARPA file, or is damaged.

    See Also
    --------
    rnnbp.decoding.NGram

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from rnnbp.decoding import NGram
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     pathlib.Path(folder, "model.arpa").write_text("no language model")
    ...     try:
    ...         NGram.load_arpa(f"{folder}/model.arpa")
    ...     except ArpaError as error:
    ...         print("refused")
    17
    refused
    """


def write(
    path: str | PathLike[str], log_p: Mapping[Tokens, float], backoff: Mapping[Tokens, float], order: int
) -> None:
    """Write a model of natural logarithms."""
    grams = {**log_p, (BEGIN,): NEVER * LN10}
    by_order = [sorted(gram for gram in grams if len(gram) == n) for n in range(1, order + 1)]
    lines = ["\\data\\", *(f"ngram {n}={len(of_order)}" for n, of_order in enumerate(by_order, 1))]
    for n, of_order in enumerate(by_order, 1):
        lines += ["", f"\\{n}-grams:"]
        for gram in of_order:
            words = " ".join(SPACE if word == " " else word for word in gram)
            paid = f"\t{backoff[gram] / LN10:.9g}" if gram in backoff else ""
            lines.append(f"{grams[gram] / LN10:.9g}\t{words}{paid}")
    lines += ["", "\\end\\", ""]
    write_atomically(path, "\n".join(lines).encode())


def read(path: str | PathLike[str]) -> tuple[dict[Tokens, float], dict[Tokens, float], int]:
    """Return log-probabilities and backoff weights as natural logarithms, and the order.

    Raises
    ------
    ArpaError
        If it is no such file; names the line and the reason.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ArpaError(f"{path}: it must be text in UTF-8, but {error}") from None
    return _Reader(str(path), text).read()


class _Reader:
    """A file on the way, line by line."""

    def __init__(self, path: str, text: str) -> None:
        self.path, self.at = path, 0
        self.lines = text.split("\n")
        self.log_p: dict[Tokens, float] = {}
        self.backoff: dict[Tokens, float] = {}

    def fail(self, reason: str) -> ArpaError:
        return ArpaError(f"{self.path}, line {self.at}: {reason}")

    def filled(self) -> Iterator[str]:
        """Yield the lines that are not empty."""
        while self.at < len(self.lines):
            line = self.lines[self.at].strip()
            self.at += 1
            if line:
                yield line

    def read(self) -> tuple[dict[Tokens, float], dict[Tokens, float], int]:
        if "\\data\\" not in (line.strip() for line in self.lines):
            raise ArpaError(f"{self.path}: there must be a line \\data\\, but there is none: it is no ARPA file")
        lines = self.filled()
        while next(lines) != "\\data\\":
            pass
        expected: list[int] = []
        for line in lines:
            if not line.startswith("ngram"):
                break
            found = re.fullmatch(r"ngram\s+(\d+)\s*=\s*(\d+)", line)
            if found is None or int(found[1]) != len(expected) + 1:
                raise self.fail(f"'ngram {len(expected) + 1}=count' must stand here, but it is {line!r}")
            expected.append(int(found[2]))
        else:
            line = ""
        if not expected:
            raise self.fail("\\data\\ must say how many n-grams there are, but it says nothing")
        if expected[0] == 0:
            raise self.fail("there must be at least one 1-gram, but the model is empty")
        for n, wanted in enumerate(expected, 1):
            if line != f"\\{n}-grams:":
                raise self.fail(f"\\{n}-grams: must stand here, but it is {line!r}")
            began, line = self.at, self._section(lines, n)
            got = sum(len(gram) == n for gram in self.log_p)
            if got != wanted:
                raise self.fail(f"there must be {wanted} {n}-grams since line {began}, but there are {got}")
        if line != "\\end\\":
            raise self.fail(f"\\end\\ must stand here, but it is {line!r}: the file may have been cut")
        self.log_p.pop((BEGIN,), None)
        return self.log_p, self.backoff, len(expected)

    def _section(self, lines: Iterator[str], n: int) -> str:
        """Read the n-grams of an order, and return the line after them."""
        for line in lines:
            if line.startswith("\\"):
                return line
            parts = line.split()
            if len(parts) not in (n + 1, n + 2):
                raise self.fail(f"a {n}-gram must be a number, {n} words and maybe a number, but it is {line!r}")
            gram = tuple(OTHER_NAMES.get(word, word) for word in parts[1 : n + 1])
            if gram in self.log_p:
                raise self.fail(f"each n-gram must stand once, but {' '.join(gram)!r} does twice")
            if n > 1 and (unknown := [word for word in gram if (word,) not in self.log_p]):
                raise self.fail(f"the words of an n-gram must be 1-grams, but {unknown[0]!r} is none")
            self.log_p[gram] = self._number(parts[0], "a log-probability", most=1e-6)
            if len(parts) == n + 2:
                self.backoff[gram] = self._number(parts[-1], "a backoff weight")
        return ""

    def _number(self, text: str, what: str, most: float = math.inf) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or value > most:
            limit = "" if most == math.inf else " of at most 0"
            raise self.fail(f"{what} must be a number{limit}, but it is {text!r}")
        return value * LN10
