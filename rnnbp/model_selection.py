"""Groups that must not be torn apart: the recordings of one speaker, the windows of one series.

A network that has heard a speaker in training recognises him better than anyone new, so a score on speakers that it
knows says little about others. Splitters such as `sklearn.model_selection.GroupKFold` keep groups together; others
split them, whether or not they are told of any. `GroupsApart` makes of that an error, before anything is trained.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import BaseCrossValidator, check_cv

__all__ = ["GroupLeakError", "GroupsApart", "check_groups_apart"]

Index = NDArray[np.intp]


class GroupLeakError(ValueError):
    """Samples of one group are on both sides of a split.

    See Also
    --------
    GroupsApart
    check_groups_apart

    Examples
    --------
    >>> try:
    ...     check_groups_apart(["ann", "bob", "ann"], [0, 1], [2])
    ... except GroupLeakError:
    ...     print("ann is on both sides")
    ann is on both sides
    """


def check_groups_apart(groups: ArrayLike, train: ArrayLike, test: ArrayLike) -> None:
    """Check that no group is on both sides of a split.

    Parameters
    ----------
    groups : array of shape (N,)
        Whose each sample is, such as the speaker of each recording.
    train, test : arrays of int or of bool
        The samples on each side.

    Raises
    ------
    GroupLeakError
        If there is such a group; the message names the first, and a sample of it on each side.

    Examples
    --------
    >>> check_groups_apart(["ann", "ann", "bob"], train=[0, 2], test=[1])
    Traceback (most recent call last):
        ...
    rnnbp.model_selection.GroupLeakError: group 'ann' is on both sides of the split: sample 0 is in train, sample 1 ...
    """
    of_each = np.asarray(groups)
    samples = np.arange(len(of_each))
    in_train, in_test = samples[np.asarray(train)], samples[np.asarray(test)]
    shared = np.intersect1d(of_each[in_train], of_each[in_test])
    if not shared.size:
        return
    first = shared[0]
    i, j = (side[of_each[side] == first][0] for side in (in_train, in_test))
    others = f", and so are {shared.size - 1} other groups" if shared.size > 1 else ""
    raise GroupLeakError(
        f"group {first.item()!r} is on both sides of the split: sample {i} is in train, sample {j} in test{others}. "
        "Split by groups, with GroupKFold, StratifiedGroupKFold or GroupShuffleSplit, and give them the groups"
    )


class GroupsApart(BaseCrossValidator):  # type: ignore[misc]
    """A splitter that refuses to tear a group apart, whatever makes the splits.

    Parameters
    ----------
    cv : scikit-learn splitter, iterable of (train, test), or int
        Makes the splits.

    Raises
    ------
    GroupLeakError
        By `split`, if a group is on both sides of any of the splits; nothing has been trained yet.
    ValueError
        By `split`, if no groups are given.

    Examples
    --------
    >>> from sklearn.model_selection import GroupKFold, KFold
    >>> X, speakers = list(range(4)), ["ann", "bob", "ann", "bob"]
    >>> [test.tolist() for _, test in GroupsApart(GroupKFold(2)).split(X, groups=speakers)]
    [[1, 3], [0, 2]]
    >>> next(GroupsApart(KFold(2)).split(X, groups=speakers))
    Traceback (most recent call last):
        ...
    rnnbp.model_selection.GroupLeakError: group 'ann' is on both sides of the split: ...
    """

    __metadata_request__split: ClassVar[dict[str, bool]] = {"groups": True}

    def __init__(self, cv: Any) -> None:
        self.cv = cv

    def split(self, X: Any, y: Any = None, groups: ArrayLike | None = None) -> Iterator[tuple[Index, Index]]:
        """Make all splits, check them, and give them out one by one.

        Parameters
        ----------
        X : list of N samples
        y : array of shape (N,) or None, default=None
            As the splitter inside needs it.
        groups : array of shape (N,)

        Yields
        ------
        train, test : ndarrays of int
        """
        if groups is None:
            raise ValueError("no groups were given: pass groups=..., with the group of each sample")
        with warnings.catch_warnings():
            # what ignores groups says so; whether that does harm is checked next
            warnings.filterwarnings("ignore", "The groups parameter is ignored", UserWarning)
            splits = list(check_cv(self.cv).split(X, y, groups))
        for train, test in splits:
            check_groups_apart(groups, train, test)
        yield from splits

    def get_n_splits(self, X: Any = None, y: Any = None, groups: ArrayLike | None = None) -> int:
        """Return how many splits there are."""
        return int(check_cv(self.cv).get_n_splits(X, y, groups))
