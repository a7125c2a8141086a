"""What scikit-learn's model selection needs for sequences: groups kept apart, and scores of targets for each step.

A network that has heard a speaker in training recognises him better than anyone new, so a score on speakers that it
knows says little about others. Splitters such as `sklearn.model_selection.GroupKFold` keep groups together; others
split them, whether or not they are told of any. `GroupsApart` makes of that an error, before anything is trained.

scikit-learn's searches and scores take lists of sequences as they are. Where each *step* has a target, though, its
scorers and ``cross_val_predict`` would see a list of lists, which they refuse: `step_scorer` makes a scorer of theirs
look at all steps of all sequences, one after another, and `cross_val_predict` gives predictions sequence by sequence.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.metrics import get_scorer
from sklearn.model_selection import BaseCrossValidator, check_cv
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if

from rnnbp.configuration import expect_call, lookup
from rnnbp.names import explained, explained_class
from rnnbp.reading import read_choice

__all__ = ["GroupLeakError", "GroupsApart", "check_groups_apart", "cross_val_predict", "step_scorer"]

Array = NDArray[Any]
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


@explained
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
    ValueError
        If train or test holds no such samples.

    Examples
    --------
    >>> check_groups_apart(["ann", "ann", "bob"], train=[0, 2], test=[1])
    Traceback (most recent call last):
        ...
    rnnbp.model_selection.GroupLeakError: group 'ann' is on both sides of the split: sample 0 is in train, sample 1 ...
    """
    of_each = np.asarray(groups)
    in_train, in_test = read_choice(train, len(of_each), "train"), read_choice(test, len(of_each), "test")
    shared = np.intersect1d(of_each[in_train], of_each[in_test])
    if not shared.size:
        return
    first = shared[0]
    i, j = (side[of_each[side] == first][0] for side in (in_train, in_test))
    n_others = shared.size - 1
    others = f", and so {'is 1 other group' if n_others == 1 else f'are {n_others} other groups'}" if n_others else ""
    raise GroupLeakError(
        f"group {first.item()!r} is on both sides of the split: sample {i} is in train, sample {j} in test{others}. "
        "Split by groups, with GroupKFold, StratifiedGroupKFold or GroupShuffleSplit, and give them the groups"
    )


@explained_class
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


@explained
def step_scorer(scoring: str | Callable[..., float]) -> _StepScorer:
    """Return one of scikit-learn's scorers, for estimators with a target for each step.

    Parameters
    ----------
    scoring : str or callable
        One of ``sklearn.metrics.get_scorer_names()``, such as "f1_macro", "balanced_accuracy", "neg_log_loss" or "r2";
        or a scorer ``scorer(estimator, X, y)``, as ``sklearn.metrics.make_scorer`` returns it. Among two labels that
        are strings, "f1", "precision" and "recall" cannot know which is the positive one: ``make_scorer`` can be told.

    Returns
    -------
    callable
        ``scorer(estimator, X, y, sample_weight=None)``, for ``scoring=`` of searches and of cross-validation. y and the
        weights are lists of arrays of shape (T_i, ...), or arrays of shape (N, T, ...); weights may also be one a
        sequence. Every step counts alike: long sequences count for more.

    Raises
    ------
    ValueError
        If there is no such scorer; by the scorer, if targets and predictions do not fit.
    TypeError
        If a function is given that is no scorer, such as a metric ``f1_score(y_true, y_pred)``.

    Examples
    --------
    >>> from sklearn.model_selection import GridSearchCV
    >>> from rnnbp import RNNTagger
    >>> search = GridSearchCV(RNNTagger(), {"cell": ["gru", "lstm"]}, scoring=step_scorer("f1_macro"))

    Which steps of a walk are a fall, labelled by strings:

    >>> from sklearn.metrics import f1_score, make_scorer
    >>> score = step_scorer(make_scorer(f1_score, pos_label="fall"))
    >>> X = [np.random.default_rng(n).normal(size=(n, 1)) for n in range(5, 25)]
    >>> y = [np.where(sequence[:, 0] > 0.5, "fall", "walk") for sequence in X]
    >>> tagger = RNNTagger(4, learning_rate_init=0.1, tol=0.01, random_state=0).fit(X, y)
    >>> score(tagger, X, y) > 0.9
    True
    """
    return _StepScorer(scoring)


class _StepScorer:
    """See `step_scorer`."""

    def __init__(self, scoring: str | Callable[..., float]) -> None:
        expect_call("scoring", get_scorer(scoring), "estimator", "X", "y")  # and is there one of that name?
        self.scoring = scoring

    def __call__(self, estimator: Any, X: Any, y: Any, sample_weight: Any = None) -> float:
        lengths = [np.shape(each)[0] if np.ndim(each) else 0 for each in y]
        if 0 in lengths:
            raise ValueError("y must have a target for each step, but it has one a sequence: take scoring by its name")
        options = {} if sample_weight is None else {"sample_weight": _weights(sample_weight, lengths)}
        return float(get_scorer(self.scoring)(_Steps(estimator, lengths), X, _steps(y), **options))

    def __repr__(self) -> str:
        return f"step_scorer({self.scoring!r})"


class _Steps(BaseEstimator):  # type: ignore[misc]
    """A fitted estimator of sequences, whose predictions are the rows of all steps; for a scorer."""

    def __init__(self, estimator: Any, lengths: Sequence[int]) -> None:
        self.estimator, self.lengths = estimator, lengths
        if hasattr(estimator, "classes_"):
            self.classes_ = estimator.classes_

    def predict(self, X: Any) -> Array:
        return self._rows(self.estimator.predict(X))

    @available_if(lambda self: hasattr(self.estimator, "predict_proba"))  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> Array:
        return self._rows(self.estimator.predict_proba(X))

    def _rows(self, predicted: Any) -> Array:
        given = [np.shape(each)[0] if np.ndim(each) else 0 for each in predicted]
        if given != self.lengths:
            raise ValueError(
                f"predictions must be one a step, as the targets are, but of the first sequences there are {given[:5]} "
                f"for {list(self.lengths[:5])} targets"
            )
        return _steps(predicted)

    def __sklearn_tags__(self) -> Any:
        return get_tags(self.estimator)

    def __sklearn_is_fitted__(self) -> bool:
        return True


@explained
def cross_val_predict(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    groups: ArrayLike | None = None,
    cv: Any = None,
    n_jobs: int | None = None,
    params: Mapping[str, Any] | None = None,
    method: Literal["predict", "predict_proba", "predict_log_proba"] = "predict",
) -> Array | list[Array]:
    """Predict each sequence by an estimator that was fitted to others; as scikit-learn's, for targets of any form.

    Parameters
    ----------
    estimator : estimator, or pipeline of one
        Is cloned.
    X : list of N sequences, or array of N
    y : array of shape (N, ...), list of N arrays of shape (T_i, ...), or None, default=None
    groups : array of shape (N,), or None, default=None
        For `cv`.
    cv : int, splitter or iterable of (train, test), or None, default=None
        As in scikit-learn: None is 5, stratified by class where there is one label a sequence. Each sequence must be
        tested exactly once.
    n_jobs : int or None, default=None
        Processes, in joblib's convention.
    params : mapping or None, default=None
        For `fit`; what has one entry a sequence, as ``groups`` of an estimator that stops early, is split like X.
    method : {"predict", "predict_proba", "predict_log_proba"}, default="predict"

    Returns
    -------
    ndarray of shape (N, ...), or list of N arrays
        In the order of X; a list if there is a prediction for each step, of sequences of any lengths.

    Raises
    ------
    ValueError
        If there are no sequences, if the estimator has no such method, if the splits test one never or twice, or if
        probabilities are of other classes from fold to fold.

    Examples
    --------
    >>> from rnnbp import RNNTagger
    >>> X = [np.random.default_rng(n).normal(size=(n, 1)) for n in range(2, 12)]
    >>> y = [(sequence[:, 0] > 0).astype(int) for sequence in X]
    >>> tagger = RNNTagger(4, learning_rate_init=0.1, tol=0.01, random_state=0)
    >>> [len(labels) for labels in cross_val_predict(tagger, X, y, cv=2)]
    [2, 3, 4, 5, 6, 7, 8, 9, 10, 11]
    """
    from sklearn.utils.parallel import Parallel, delayed

    n = len(X)
    if n == 0:
        raise ValueError("X must hold some sequences, but it is empty")
    if not callable(getattr(estimator, str(method), None)):
        names = ("predict", "predict_proba", "predict_log_proba")
        lookup(
            {name: name for name in names if hasattr(estimator, name)}, method, f"method of {type(estimator).__name__}"
        )
    labels = y if y is not None and np.ndim(next(iter(y))) == 0 else None  # that a splitter can look at
    splitter = check_cv(cv, labels, classifier=is_classifier(estimator))
    splits = list(splitter.split(X, labels, groups))
    tested = np.concatenate([np.arange(n)[test] for _, test in splits])
    if not np.array_equal(np.sort(tested), np.arange(n)):
        raise ValueError("each sequence must be tested exactly once: take a cv that partitions them, such as KFold")
    folds = Parallel(n_jobs=n_jobs)(
        delayed(_fit_and_predict)(clone(estimator), X, y, train, test, dict(params or {}), method)
        for train, test in splits
    )
    classes = [None if found is None else list(found) for _, found in folds]
    if method != "predict" and any(found != following for found, following in pairwise(classes)):
        raise ValueError(f"{method} is of other classes from fold to fold: take a cv that has all of them in each")
    order = np.argsort(tested)
    if all(isinstance(predicted, np.ndarray) for predicted, _ in folds):
        together: Array = np.concatenate([predicted for predicted, _ in folds])[order]
        return together
    listed = [each for predicted, _ in folds for each in predicted]
    return [listed[k] for k in order]


def _fit_and_predict(
    estimator: Any, X: Any, y: Any, train: Index, test: Index, params: dict[str, Any], method: str
) -> tuple[Any, Any]:
    own = {name: _part(value, train) if _has_length(value, len(X)) else value for name, value in params.items()}
    estimator.fit(_part(X, train), *(() if y is None else (_part(y, train),)), **own)
    return getattr(estimator, method)(_part(X, test)), getattr(estimator, "classes_", None)


def _part(values: Any, index: Index) -> Any:
    """Return some of the sequences, targets or groups."""
    from sklearn.utils import _safe_indexing

    chosen = np.arange(len(values))[index]  # a mask is welcome
    return [values[i] for i in chosen] if _is_list(values) else _safe_indexing(values, chosen)


def _is_list(values: Any) -> bool:
    return isinstance(values, (list, tuple))


def _has_length(value: Any, n: int) -> bool:
    return hasattr(value, "__len__") and not isinstance(value, (str, bytes, Mapping)) and len(value) == n


def _steps(values: Any) -> Array:
    """Return the rows of all steps, sequence after sequence."""
    return np.concatenate([np.asarray(each) for each in values])


def _weights(given: Any, lengths: Sequence[int]) -> Array:
    """Return a weight for each step, of weights for each, or for each sequence."""
    if np.ndim(next(iter(given))) == 0:
        return np.repeat(np.asarray(given, float), lengths)
    return _steps(given)
