"""One's own recordings with what is said in them: a folder that has a table of file and text.

What is read as it is::

    Common Voice      clips/x.mp3     validated.tsv    client_id <tab> path <tab> sentence <tab> ...   names in line 1
    LJSpeech          wavs/LJ001.wav  metadata.csv     LJ001|text|normalised text                      no names
    one's own         anywhere        any .csv, .tsv   file,text,speaker                               names in line 1
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnbp.datasets.transcribed_dataset import TranscribedDataset
from rnnbp.names import explained

__all__ = ["load_transcribed_folder"]

FILE = ("file", "path", "filename", "file_name", "audio", "wav")
TEXT = ("text", "sentence", "transcript", "transcription", "normalized_text")
SPEAKER = ("speaker", "client_id", "speaker_id")
BESIDE = ("", "clips", "wavs", "wav", "audio")  # subfolders that a table's files may lie in
SUFFIXES = ("", ".wav", ".flac", ".mp3", ".ogg", ".opus")  # that it may leave out

Normalize = Callable[[str], str]


class Row(NamedTuple):
    """A line of the table."""

    line: int
    file: str
    text: str
    speaker: str | None


@explained
def load_transcribed_folder(
    path: str | os.PathLike[str],
    *,
    sample_rate: int | None = None,
    table: str | os.PathLike[str] | None = None,
    file: str | None = None,
    text: str | None = None,
    speaker: str | None = None,
    normalize: Normalize | None = None,
) -> TranscribedDataset:
    """Load a folder of recordings with their texts, such as one of Common Voice or LJSpeech.

    Parameters
    ----------
    path : str or path-like
        The folder, or the table in it.
    sample_rate : int or None, default=None
        Rate in Hz that all recordings are brought to. None keeps the rate of the files, which must be one.
    table : str, path-like or None, default=None
        The table, relative to the folder. None takes the only ``.tsv`` or ``.csv`` file.
    file, text, speaker : str or None, default=None
        Names of columns, where they are other than file, path, filename or audio; text, sentence, transcript or
        transcription; and speaker or client_id. A table without names, with ``|`` between its columns, is LJSpeech's.
        A file's name may lack its suffix, and the subfolder clips, wavs, wav or audio.
    normalize : callable or None, default=None
        What each text is passed through, such as `str.upper`. Runs of white space become one space in any case.

    Returns
    -------
    TranscribedDataset
        In the order of the table. ``speaker`` is None if no column has it.

    Raises
    ------
    FileNotFoundError
        If there is no such folder or table, or if files of the table are missing: all are named, before any is read.
    ValueError
        If there are several tables, a column or a cell is missing, a file is named twice, or the files have several
        sample rates and none was asked for. Lines are named.
    AudioError
        If a file cannot be used.

    Examples
    --------
    >>> from rnnbp import datasets
    >>> spoken = datasets.load_transcribed_folder("cv-corpus/en", table="train.tsv", sample_rate=16000,
    ...                                           normalize=str.lower)                    # doctest: +SKIP
    """
    from rnnbp.audio.files import conform, read
    from rnnbp.audio.waveform import check_audible, check_sample_rate

    if sample_rate is not None:
        check_sample_rate(sample_rate)
    folder, of_table = _find_table(Path(path), table)
    rows = _rows(of_table, file=file, text=text, speaker=speaker, normalize=normalize)
    files = _find_files(folder, of_table, rows)
    waves, rates = [], []
    for each in files:
        wave, rate = read(each, sample_rate or 1)
        check_audible(wave, str(each))
        waves.append(wave if sample_rate is None else conform(wave, rate, sample_rate, str(each)))
        rates.append(rate if sample_rate is None else sample_rate)
    if len(set(rates)) > 1:
        other = next(i for i, rate in enumerate(rates) if rate != rates[0])
        raise ValueError(
            f"sample_rate must be given where files have several, but {files[0]} is at {rates[0]} Hz and "
            f"{files[other]} at {rates[other]} Hz"
        )
    said_by = None if rows[0].speaker is None else np.array([row.speaker for row in rows])
    return TranscribedDataset(
        waves=waves,
        text=[row.text for row in rows],
        speaker=said_by,
        names=_names(files),
        sample_rate=rates[0],
        DESCR=f"{len(rows)} recordings of {folder}, as {of_table.name} lists them.",
    )


def _find_table(path: Path, table: str | os.PathLike[str] | None) -> tuple[Path, Path]:
    """Return the folder, and its table."""
    if not path.exists():
        raise FileNotFoundError(f"there is no folder {path}")
    if path.is_file():
        return path.parent, path
    if table is not None:
        if not (path / table).is_file():
            raise FileNotFoundError(f"there is no table {path / table}")
        return path, path / table
    found = sorted(each for each in path.iterdir() if each.suffix.lower() in (".tsv", ".csv") and each.is_file())
    if not found:
        raise FileNotFoundError(f"{path} must hold a table of file and text, .tsv or .csv, but there is none")
    if len(found) > 1:
        raise ValueError(f"table must say which of {', '.join(each.name for each in found)} to read in {path}")
    return path, found[0]


def _rows(
    table: Path, *, file: str | None, text: str | None, speaker: str | None, normalize: Normalize | None
) -> list[Row]:
    """Read the table, checked line by line."""
    try:
        content = table.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{table} must be text in UTF-8, but {error}") from None
    if "\0" in content:
        raise ValueError(f"{table} must be text, but it holds null characters")
    header = content.partition("\n")[0]
    delimiter = max("\t|,;", key=header.count)
    # the texts of those have quotation marks in them, which are only text
    quoting: Literal[0, 3] = csv.QUOTE_NONE if delimiter in "\t|" else csv.QUOTE_MINIMAL
    reader = csv.reader(io.StringIO(content), delimiter=delimiter, quoting=quoting)
    try:
        lines = [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num} of {table} is damaged: {error}") from None
    if not lines:
        raise ValueError(f"{table} must have a line for each recording, but it is empty")
    names = [name.strip() for name in lines[0][1]]
    known = {file, text, *FILE, *TEXT} - {None}
    columns: tuple[int, int, int | None]
    if delimiter == "|" and not known & set(names):
        columns = 0, 2 if len(names) > 2 else 1, None
        fallback = 1
    else:
        lines = lines[1:]
        columns = _columns(table, names, file=file, text=text, speaker=speaker)
        fallback = columns[1]
    if not lines:
        raise ValueError(f"{table} must have a line for each recording, but it has only {header!r}")
    return list(_checked(table, lines, len(names), columns, fallback, normalize or str))


def _columns(
    table: Path, names: list[str], *, file: str | None, text: str | None, speaker: str | None
) -> tuple[int, int, int | None]:
    """Return where file, text and speaker are."""

    def find(part: str, asked: str | None, usual: tuple[str, ...]) -> int | None:
        wanted = usual if asked is None else (asked,)
        found = [names.index(name) for name in wanted if name in names]
        if not found and (asked is not None or part != "speaker"):
            raise ValueError(
                f"{table} must have a column {' or '.join(map(repr, wanted))} for the {part}, but its columns are "
                f"{', '.join(map(repr, names))}: say {part}=..."
            )
        return found[0] if found else None

    of_file, of_text = find("file", file, FILE), find("text", text, TEXT)
    assert of_file is not None
    assert of_text is not None
    return of_file, of_text, find("speaker", speaker, SPEAKER)


def _checked(
    table: Path,
    lines: list[tuple[int, list[str]]],
    width: int,
    columns: tuple[int, int, int | None],
    fallback: int,
    normalize: Normalize,
) -> Iterator[Row]:
    of_file, of_text, of_speaker = columns
    first: dict[str, int] = {}
    for number, cells in lines:
        if len(cells) != width:
            raise ValueError(f"line {number} of {table} must have {width} fields, but it has {len(cells)}")
        name = cells[of_file].strip()
        said = " ".join(normalize(cells[of_text] if cells[of_text].strip() else cells[fallback]).split())
        speaker = None if of_speaker is None else cells[of_speaker].strip()
        for part, value in (("file", name), ("text", said), ("speaker", speaker)):
            if value == "":
                raise ValueError(f"line {number} of {table} must have a {part}, but it is empty")
        if name in first:
            raise ValueError(f"each file must stand once, but lines {first[name]} and {number} of {table} have {name}")
        first[name] = number
        yield Row(number, name, said, speaker)


def _find_files(folder: Path, table: Path, rows: list[Row]) -> list[Path]:
    """Return the file of each row; all that are missing are named at once."""
    places: list[Path | None] = []
    for row in rows:
        candidates = (folder / below / f"{row.file}{suffix}" for below in BESIDE for suffix in SUFFIXES)
        places.append(next((path for path in candidates if _is_file(path)), None))
    if missing := [row for row, path in zip(rows, places, strict=True) if path is None]:
        listed = ", ".join(f"{row.file} (line {row.line})" for row in missing)
        raise FileNotFoundError(
            f"{len(missing)} of the {len(rows)} files that {table} lists must be in {folder}, or in "
            f"{', '.join(filter(None, BESIDE))} below it, but are missing: {listed}"
        )
    return [path for path in places if path is not None]


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name too long
        return False


def _names(files: list[Path]) -> NDArray[np.str_]:
    """Return the files' names, with what tells them apart if they are the same."""
    stems = [file.stem for file in files]
    return np.array(stems if len(set(stems)) == len(stems) else [str(file) for file in files])
