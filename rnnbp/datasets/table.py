"""Ragged sequences in a table: a row for each step, and a column that says whose it is.

This is how measurements mostly lie in files ("long format")::

    patient,hour,pulse,pressure,outcome
    ann,0,71,120,well
    ann,1,75,118,well
    bob,0,90,140,ill

Rows are gathered by sequence and sorted by time; rows of different sequences may be mixed.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnbp.configuration import shown
from rnnbp.datasets.times import read_times
from rnnbp.names import explained

__all__ = ["SequenceTable", "read_sequences"]

WHOLE_NUMBER = re.compile(r"\s*(0|-?[1-9][0-9]*)\s*")
NUMBER = re.compile(r"\s*-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?\s*")

DECIMAL_COMMA = re.compile(r"\s*-?(0|[1-9][0-9]*)(,[0-9]+)?([eE][-+]?[0-9]+)?\s*")
PER_STEP = (
    ": labels of each step are read by rnnbp.datasets.read_sequences with label_per_step=True, and learnt by RNNTagger "
    "and RNNRegressor, in Python"
)

Array = NDArray[Any]
Where = Callable[[Any], str]  # a row's place, in the user's words


class SequenceTable(NamedTuple):
    """N sequences, and what belongs to each.

    Attributes
    ----------
    X : list of ndarray of float32, of shape (T_i, F)
    y : ndarray of shape (N,), list of N ndarrays of shape (T_i,), or None
        The labels; numbers where all are written as such. Text as in 007 or nan is a name, and stays it.
    ids : ndarray of shape (N,)
        Whose each sequence is, in the order of their first rows.
    groups : ndarray of shape (N,), or None
        `groups` of ``GroupKFold``.
    feature_names : list of F str

    See Also
    --------
    read_sequences

    Examples
    --------
    >>> rows = {"patient": [1, 1, 2], "pulse": [70.0, 72.0, 99.0], "outcome": ["well", "well", "ill"]}
    >>> table = read_sequences(rows, sequence="patient", label="outcome")
    >>> table
    <SequenceTable: 2 sequences of 1 to 2 steps, 1 feature, a label for each>
    >>> [x.shape for x in table.X], list(map(str, table.y))
    ([(2, 1), (1, 1)], ['well', 'ill'])
    """

    X: list[NDArray[np.float32]]
    y: Array | list[Array] | None
    ids: Array
    groups: Array | None
    feature_names: list[str]

    def __repr__(self) -> str:
        shortest, longest = min(map(len, self.X)), max(map(len, self.X))
        parts = [
            f"{len(self.X)} sequence{'s' * (len(self.X) != 1)} of "
            + (f"{shortest} to {longest} steps" if shortest < longest else f"{longest} step{'s' * (longest != 1)}"),
            f"{len(self.feature_names)} feature{'s' * (len(self.feature_names) != 1)}",
        ]
        if self.y is not None:
            parts.append("a label for each" + " step" * isinstance(self.y, list))
        if self.groups is not None:
            n_groups = np.unique(self.groups).size
            parts.append(f"{n_groups} group{'s' * (n_groups != 1)}")
        return f"<SequenceTable: {', '.join(parts)}>"


@explained
def read_sequences(
    table: str | os.PathLike[str] | Mapping[str, Any],
    *,
    sequence: str | None = None,
    time: str | None = None,
    features: Sequence[str] | None = None,
    label: str | None = None,
    label_per_step: bool = False,
    group: str | None = None,
) -> SequenceTable:
    """Read ragged sequences from a CSV file or a data frame that has a row for each step.

    Parameters
    ----------
    table : str, path-like, data frame, or mapping of column names to columns
        A file in UTF-8 with names in its first line, separated by commas, semicolons or tabs. Where it is not commas, a
        column of numbers may have decimal commas, as in 70,5.
    sequence : str or None, default=None
        The column that says which sequence a row belongs to. If None, each row is one of its own, of one step.
    time : str or None, default=None
        The column to sort a sequence's rows by: numbers, or dates such as 2024-12-31 12:00. None keeps their order.
    features : sequence of str or None, default=None
        The columns that are the frames; all that have no other part, if None.
    label : str or None, default=None
        The column of labels, the same in all rows of a sequence.
    label_per_step : bool, default=False
        Whether labels change within a sequence, as for a tagger: then `y` is a list of arrays.
    group : str or None, default=None
        The column that says which sequences belong together (a speaker, a patient), the same in all of a sequence.

    Returns
    -------
    SequenceTable

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    TypeError
        If the table is none, or if the features are no list.
    ValueError
        If a file is no text, a column is missing, shorter than another or there twice, a feature is named twice or is
        the label, one is empty or no number, another column is empty, a time is neither a number nor a date or comes
        twice in a sequence, or a label or group changes within one. The message says in which line (of a file; or row,
        from 0) and column.

    Examples
    --------
    >>> rows = {"who": ["ann", "bob", "ann"], "hour": [1, 0, 0], "pulse": [75, 90, 71], "end": ["well", "ill", "well"]}
    >>> table = read_sequences(rows, sequence="who", time="hour", label="end")
    >>> table.X[0].tolist(), table.y.tolist(), table.feature_names
    ([[71.0], [75.0]], ['well', 'ill'], ['pulse'])
    """
    if isinstance(table, (str, os.PathLike)):
        cells, where = _of_file(table)
    else:
        if not hasattr(table, "columns") and not isinstance(table, Mapping):
            raise TypeError(
                "table must be a path of a CSV file, a data frame, or a mapping of names to columns, but "
                f"{shown(table)} was given"
            )
        names = list(getattr(table, "columns", table))
        _refuse_twice(names, "the table")
        cells = {str(name): list(table[name]) for name in names}
        top = next(iter(cells), "")
        if uneven := [each for each, column in cells.items() if len(column) != len(cells[top])]:
            raise ValueError(
                f"columns must be of one length, but {top!r} has {len(cells[top])} rows, and {uneven[0]!r} has "
                f"{len(cells[uneven[0]])}"
            )
        where = "row {}".format
    columns = {name: np.array(values) for name, values in cells.items()}  # where all are numbers, of numbers

    if sequence is None and time is not None:
        raise ValueError(f"sequence must be a column where time is one, but time={shown(time)} was given alone")
    if isinstance(features, str):
        raise TypeError(f"features must be a list of columns, but {features!r} was given: write [{features!r}]")
    if label_per_step and label is None:
        raise ValueError("label must be a column where label_per_step is True, but none was given")
    special = {"sequence": sequence, "time": time, "label": label, "group": group}
    for part, name in special.items():
        if name is not None and name not in columns:
            raise ValueError(f"there is no column {name!r} for {part}: the columns are {', '.join(map(repr, columns))}")
        if name is not None and (empty := [row for row, value in enumerate(cells[name]) if _is_missing(value)]):
            raise ValueError(f"{where(empty[0])}: {name!r} is empty: fill it in, or leave the row out")
    chosen = [name for name in columns if name not in special.values()] if features is None else list(features)
    if missing := [name for name in chosen if name not in columns]:
        raise ValueError(f"there is no column {missing[0]!r}: the columns are {', '.join(map(repr, columns))}")
    if twice := [name for name in chosen if chosen.count(name) > 1]:
        raise ValueError(f"features must be different columns, but {twice[0]!r} is named twice")
    if label in chosen:
        raise ValueError(f"the label {label!r} must not be one of the features, as it is what they are to predict")
    n_rows = len(next(iter(columns.values())))
    if not chosen or not n_rows:
        raise ValueError("there are no features: every column has another part" if not chosen else "there are no rows")

    whose = np.arange(n_rows) if sequence is None else columns[sequence]
    _, first, code = np.unique(whose, return_index=True, return_inverse=True)
    code = np.argsort(np.argsort(first))[code]  # counts sequences by their first rows
    when = np.arange(len(code)) if time is None else read_times(columns[time], time, where)
    order = np.lexsort((when, code))
    same = (np.diff(code[order]) == 0) & (when[order][1:] == when[order][:-1])
    if same.any():
        row = order[1:][same][0]
        raise ValueError(f"{where(row)}: sequence {whose[row]!s} has time {columns[time or ''][row]!s} twice")
    cuts = np.flatnonzero(np.diff(code[order])) + 1

    def constant(name: str) -> Array:
        values = _numbers_if_all_are_written_so(columns[name])
        changed = values != values[np.sort(first)][code]
        if changed.any():
            row = np.flatnonzero(changed)[0]
            raise ValueError(
                f"{where(row)}: {name!r} changes within sequence {whose[row]!s}, and can be only one of a "
                "sequence" + (PER_STEP if name == label else "")
            )
        return values[np.sort(first)]

    y: Array | list[Array] | None = None
    if label is not None:
        y = np.split(_numbers_if_all_are_written_so(columns[label])[order], cuts) if label_per_step else constant(label)
    groups = None if group is None else constant(group)
    frames = np.stack([_feature(columns[name], name, where) for name in chosen], axis=1)
    return SequenceTable(np.split(frames[order], cuts), y, whose[np.sort(first)], groups, chosen)


def _of_file(path: str | os.PathLike[str]) -> tuple[dict[str, list[Any]], Where]:
    """Return the columns of a CSV file, as text, and how to say where in it a row is."""
    name = os.fspath(path)
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            header = file.readline()
            delimiter = max(",;\t", key=header.count)
            names = next(csv.reader([header], delimiter=delimiter), [])
            reader = csv.reader(file, delimiter=delimiter)
            rows = [(1 + reader.line_num, row) for row in reader if row]
    except UnicodeDecodeError as error:
        raise ValueError(f"{name} must be text in UTF-8, but {error}") from None
    except csv.Error as error:
        raise ValueError(f"{name} cannot be read as a table: {error}") from None
    if not names:
        raise ValueError(f"{name} is empty: expected names of columns in its first line")
    _refuse_twice(names, name)
    for line, row in rows:
        if len(row) != len(names):
            raise ValueError(f"line {line} of {name} has {len(row)} fields for {len(names)} columns")
    cells: dict[str, list[Any]] = {column: [row[k] for _, row in rows] for k, column in enumerate(names)}
    if delimiter != ",":
        cells = {column: _with_decimal_points(values) for column, values in cells.items()}
    return cells, lambda row: f"line {rows[row][0]} of {name}"


def _with_decimal_points(values: list[str]) -> list[str]:
    """Return numbers that are written with decimal commas as they are read; other columns as they are."""
    written_so = all(DECIMAL_COMMA.fullmatch(value) or not value.strip() for value in values)
    return [value.replace(",", ".") for value in values] if written_so else values


def _refuse_twice(names: Sequence[Any], table: str) -> None:
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{table} has two columns named {twice!r}")


def _is_missing(value: Any) -> bool:
    """Return whether a cell is empty: None, NaN, NaT, pandas.NA or text without a letter."""
    try:
        return value is None or bool(value != value) or (isinstance(value, str) and not value.strip())
    except TypeError:  # pandas.NA is neither equal to itself nor not
        return True


def _feature(column: Array, name: str, where: Where) -> NDArray[np.float32]:
    try:
        values = column.astype(np.float64)
    except (TypeError, ValueError):
        values = np.array([_number(value) for value in column])
    with np.errstate(over="ignore"):
        narrow = values.astype(np.float32)
    if not np.isfinite(narrow).all():
        row = np.flatnonzero(~np.isfinite(narrow))[0]
        raise ValueError(
            f"{where(row)}: {name!r} is {str(column[row])!r}, and not a (finite) number: fill it in, leave the "
            "row out, or name other features"
        )
    return narrow


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def _numbers_if_all_are_written_so(column: Array) -> Array:
    """Return text as numbers where all of it is such, and comes back from them: 007, nan and 1_000 are names."""
    if column.dtype.kind not in "US" or not all(map(NUMBER.fullmatch, column.tolist())):
        return column
    try:
        numbers = column.astype(np.int64 if all(map(WHOLE_NUMBER.fullmatch, column.tolist())) else np.float64)
    except OverflowError:
        return column
    return numbers if np.isfinite(numbers).all() else column
