"""Covariates: what else is known at each step of a series, such as a price, a holiday or the weather.

Row t of covariates belongs to step t of the series x. The network, whose state is s, sees past covariates p as it sees
the series, and future covariates c of the step that it predicts::

    [x(t+1), p(t+1)] = [x(t), p(t)] + f(u(t), p(t), c(t+1), s(t)) + e(t)         u: see `rnnbp.estimators.series`

Beyond the end of the series c goes on, and p does not: it is forecast along with x, in the same closed loop, and left
out of what is returned. The autoregression beside the network sees them in the same way. So nothing that was not known
at the origin can reach a forecast.

Both are scaled by their mean and standard deviation over all series that were fitted, so that a price means the same in
all of them. They are seen as values, also where the series is seen as changes: what drives a change is often a level.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.estimators.files import COVARIATES
from rnnbp.estimators.series import Course, Scale, View
from rnnbp.estimators.time_index import read_dates
from rnnbp.estimators.times import Times, expect_dates_of
from rnnbp.reading import read_array

__all__ = ["FUTURE", "PAST", "Covaried"]

Array = NDArray[Any]
Given = Mapping[str, Any]  # covariates by their names; None if there are none
Dates = Sequence[Times | None]  # of the steps of each series; None if it has none

PAST, FUTURE = COVARIATES


class Covaried:
    """What a forecaster knows of covariates, and of the series that it was fitted to."""

    window: int
    differenced_: bool
    _width: int
    _single: bool
    _pasts: list[Array]  # the ends of the series
    _scales: list[Scale]
    # mean and spread of each column of covariates; future ones, from where the ends begin; the lengths of the series;
    # the dates of the ends, as text; what one series is called:
    _covariates: Mapping[str, Scale] = MappingProxyType({})  # files of before have none of these
    _known: Sequence[Array] = ()
    _steps: Sequence[int] = ()
    _dates: Sequence[Array | None] = ()
    _name: str | None = None

    @property
    def _view(self) -> View:
        return View(self.window, self.differenced_, self._width)

    @property
    def _n_past(self) -> int:
        return self._count(PAST)

    @property
    def _n_inputs(self) -> int:
        """Of the network."""
        return self._width + self._n_past + self._count(FUTURE)

    def _count(self, name: str) -> int:
        return len(self._covariates[name][0]) if name in self._covariates else 0

    def _learn_covariates(self, given: Given, series: Sequence[Array], *, single: bool) -> None:
        """Learn how many columns there are, and their mean and spread over the steps of all series."""
        self._covariates = {}
        for name, covariates in given.items():
            if covariates is not None:
                rows = _read(name, covariates, [len(x) for x in series], 0, single=single)
                seen = np.concatenate(rows)
                spread = seen.std(axis=0)
                self._covariates[name] = seen.mean(axis=0), np.where(spread > 0, spread, 1.0)

    def _courses(
        self, series: Sequence[Array], dates: Dates, given: Given, h: int | None, *, single: bool
    ) -> list[Course]:
        """Return series with their covariates, checked and scaled; see `_read` for h."""
        lengths = [len(x) for x in series]
        for name, covariates in given.items():
            _expect_dates(name, covariates, dates, lengths, single=single)
        past = self._read_covariates(PAST, given, lengths, 0, single=single)
        known = self._read_covariates(FUTURE, given, lengths, h, single=single)
        return [self._view.course(*each) for each in zip(series, past, known, strict=True)]

    def _remember(self, courses: Sequence[Course], dates: Dates) -> None:
        """Keep what forecasts begin with."""
        ends = [each.last(self.window + 1) for each in courses]
        self._pasts, self._scales = [each.x.copy() for each in ends], [each.scale for each in ends]
        self._known, self._steps = [each.known.copy() for each in ends], [len(each) for each in courses]
        self._dates = [
            None if each is None or not each.is_dates else each.part(len(each) - len(end), len(end)).text
            for each, end in zip(dates, ends, strict=True)
        ]

    def _end(self) -> tuple[Array, Array | None, str | None]:
        """Return the last values of the one series that was fitted, their dates, and its name.

        Raises
        ------
        ValueError
            If there were several.
        """
        if not self._single:
            raise ValueError(
                f"the estimator was fitted to a list or table of {len(self._pasts)} series: draw one series at a time, "
                "from_estimator(estimator, series[i])"
            )
        [dates] = self._dates or [None]
        return self._pasts[0][:, 0], None if dates is None else Times.of_text(dates).clock, self._name

    def _remembered_courses(self, given: Given, h: int) -> list[Course]:
        """Return the ends of the series that were fitted, with what is known of h steps to come."""
        if given[PAST] is not None:
            raise ValueError(f"{PAST} were given without X: leave them out, as those of fit are known, or give X too")
        if given[FUTURE] is None and FUTURE in self._covariates:
            known = self._known
            for i, (rows, x, n) in enumerate(zip(known, self._pasts, self._steps, strict=True)):
                if len(rows) < len(x) + h:
                    raise ValueError(
                        f"{FUTURE} of series {i} are needed of {h} steps to come, but fit was given "
                        f"{len(rows) - len(x)}: give {n + h} rows here, one for each of the {n} steps of fit and of "
                        f"the {h} to come"
                    )
        else:
            steps = self._steps or [len(x) for x in self._pasts]
            dates = [None if each is None else Times.of_text(each) for each in self._dates or [None] * len(steps)]
            _expect_dates(FUTURE, given[FUTURE], dates, steps, single=self._single)
            rows_of = self._read_covariates(FUTURE, given, steps, h, single=self._single)
            known = [rows[n - len(x) :] for rows, x, n in zip(rows_of, self._pasts, steps, strict=True)]
        return [Course(*each) for each in zip(self._pasts, known, self._scales, strict=True)]

    def _read_covariates(
        self, name: str, given: Given, lengths: Sequence[int], h: int | None, *, single: bool
    ) -> list[Array]:
        """Return covariates of series of such lengths, checked and scaled; see `_read` for h."""
        covariates, learnt = given[name], name in self._covariates
        if covariates is None and learnt:
            to_come = f" and of the {h} to come" if h else ""
            raise ValueError(
                f"fit was given {name}, so they are needed here too: one row for each step of the series{to_come}"
            )
        if covariates is not None and not learnt:
            raise ValueError(f"{name} were given, but fit had none: give them to fit too, or leave them out here")
        if not learnt:
            return [np.empty((_n_rows(n, h), 0), np.float32) for n in lengths]
        mean, spread = self._covariates[name]
        rows = _read(name, covariates, lengths, h, single=single, width=len(mean))
        return [(each - mean) / spread for each in rows]


def _items(name: str, given: Any, n_series: int, *, single: bool) -> list[Any]:
    """Return the covariates of each series, as they were given."""
    if single:
        return [given]
    items = list(given if isinstance(given, (list, tuple)) else read_array(given, name))
    if len(items) != n_series:
        raise ValueError(
            f"{name} must be a list of one array for each of the {n_series} series, but {len(items)} were given"
        )
    return items


def _of_series(name: str, i: int) -> str:
    return f"{name} of series {i}"


def _expect_dates(name: str, given: Any, dates: Dates, lengths: Sequence[int], *, single: bool) -> None:
    """Check that covariates have the dates of their series, which are those of all steps, or of the last ones."""
    if given is None:
        return
    for i, (item, those, n) in enumerate(
        zip(_items(name, given, len(lengths), single=single), dates, lengths, strict=True)
    ):
        looked_at = item.iloc[:n] if name == PAST and hasattr(item, "iloc") else item
        found = read_dates(looked_at, _of_series(name, i), beside=True)
        if found is not None and those is not None:
            expect_dates_of(those, found, _of_series(name, i), n - len(those))


def _n_rows(n_steps: int, h: int | None) -> int:
    """Return how many rows are needed; see `_read` for h."""
    return n_steps + (h or 0)


def _read(
    name: str, given: Any, lengths: Sequence[int], h: int | None, *, single: bool, width: int | None = None
) -> list[Array]:
    """Return covariates as arrays of shape (rows, C), checked.

    They end h steps after the series, whatever comes then; or where they end themselves, if h is None.
    """
    rows: list[Array] = []
    for i, (item, n_steps) in enumerate(zip(_items(name, given, len(lengths), single=single), lengths, strict=True)):
        what = _of_series(name, i)
        array = read_array(item, what)
        if array.dtype.kind not in "fiub":
            raise TypeError(f"{what} must be numbers, but they are of dtype {array.dtype}")
        if array.ndim == 1:
            array = array[:, None]
        if array.ndim != 2 or not array.shape[1]:
            raise ValueError(f"{what} must be of shape (rows, columns) or (rows,), but their shape is {array.shape}")
        expected = width or rows[0].shape[1] if width or rows else array.shape[1]
        if array.shape[1] != expected:
            before = "fit was given" if width else "those of series 0 have"
            raise ValueError(f"{what} have {array.shape[1]} columns, but {before} {expected}")
        needed = _n_rows(n_steps, h)
        if len(array) < needed:
            to_come = f" and of the {h} to come" if needed > n_steps else ""
            raise ValueError(
                f"{what} have {len(array)} rows, but {needed} are needed: one for each of its {n_steps} steps{to_come}"
            )
        array = array[: None if h is None else needed].astype(np.float64)
        if not np.isfinite(array).all():
            row, column = np.argwhere(~np.isfinite(array))[0]
            hint = ": what is not known beyond the end of a series is a past covariate" if row >= n_steps else ""
            raise ValueError(f"{what} hold NaN or infinity, first in row {row}, column {column}{hint}")
        rows.append(array)
    return rows
