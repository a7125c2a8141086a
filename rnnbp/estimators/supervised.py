"""Training on X and y: the one `fit` and `partial_fit`, and the one way from what users hand in to `Data`.

::

    X  ->  examples           arrays of numbers                          _read_x
    y  ->  rows               one for each example, or for each step     _read_y
           rows -> target     as the loss takes them                     _encode
    sample_weight  ->  weight of each row, times that of its class       _weigh
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _check_sample_weight, column_or_1d

from rnnbp.data.sequences import Sequences
from rnnbp.estimators.base import EVALUATED_AT_ONCE, Arrays, Data, NetworkEstimator, dense, rows_of
from rnnbp.estimators.chance import NEAR, constant_loss
from rnnbp.estimators.declaring import check
from rnnbp.estimators.scaling import badly_scaled
from rnnbp.estimators.solvers import solver_is_stochastic
from rnnbp.estimators.steps import are_whole, joined, per_step_weight
from rnnbp.names import explained
from rnnbp.reading import refuse_unreadable
from rnnbp.training.evaluation import evaluate
from rnnbp.warning import warn

__all__ = ["Supervised"]

Array = NDArray[Any]


class Supervised(NetworkEstimator):
    """An estimator that is fitted to X and y."""

    _words: ClassVar[dict[str, str]] = {
        "bad_targets": "",
        "no_better": "",
        "weights": "array-like of shape (N,), or None\n    How much each $sample counts.",
    }
    __metadata_request__fit: ClassVar[dict[str, bool]] = {"groups": True}  # asked for, as splitters ask for them
    _numeric: ClassVar[bool]  # whether y must be numbers
    _remedies: ClassVar[str]  # what to try if nothing was learnt
    _scaler: ClassVar[str]  # what scales features
    _chance: ClassVar[str] = "near chance"  # what a loss is called that is above this share of the best constant's
    _near: ClassVar[dict[str, float]] = {"converged": NEAR, "patience": NEAR}  # after training that ended so
    out_activation_: str

    def fit(
        self,
        X: Arrays,
        y: Arrays,
        sample_weight: Arrays | None = None,
        *,
        groups: ArrayLike | None = None,
        X_val: Arrays | None = None,
        y_val: Arrays | None = None,
    ) -> Self:
        """Train on X and y.

        Parameters
        ----------
        X : $X
        y : $y
        sample_weight : $weights
        groups : array-like of shape (N,), or None
            Which $samples belong together, such as those of one speaker: early stopping sets whole groups aside, so
            that none is on both sides. Metadata routing passes them here unless ``set_fit_request(groups=False)``.
        X_val, y_val : like X and y, or None
            Validation data, in the place of those that early stopping would set aside; without early stopping, only
            ``validation_loss_curve_`` is computed of them.

        Returns
        -------
        self

        Raises
        ------
        TypeError, ValueError
            If data or settings cannot be used, before training begins; or if training diverges.

        Warns
        -----
        UserWarning
            If a feature is badly scaled: if all of it lies within 0.05 of 0, its standard deviation is above 100, or
            its mean is more than ten standard deviations from 0.$bad_targets
        sklearn.exceptions.ConvergenceWarning
            If training ends before it has converged; or if it has, at a loss within 5 % of that of a constant
            answer.$no_better
        """
        return self._fit(X, y, sample_weight, groups=groups, X_val=X_val, y_val=y_val)

    @available_if(solver_is_stochastic)  # type: ignore[untyped-decorator]
    @explained
    def partial_fit(self, X: Arrays, y: Arrays, sample_weight: Arrays | None = None) -> Self:
        """Train for one epoch, from where the call before has ended.

        Parameters
        ----------
        X, y, sample_weight
            See `fit`.

        Returns
        -------
        self

        Raises
        ------
        TypeError, ValueError
            See `fit`.
        """
        return self._fit(X, y, sample_weight, incremental=True)

    def score(self, X: Arrays, y: Arrays, sample_weight: Arrays | None = None) -> float:
        """Return $score.

        Parameters
        ----------
        X, y
            As in `fit`.
        sample_weight : $weights

        Returns
        -------
        float
            $range
        """
        predicted, lengths = self.predict(X), None
        n = len(predicted)
        if self._per_step and not are_whole(y):
            lengths = np.array([len(each) for each in predicted])
            y, predicted = joined(y, lengths), joined(predicted, lengths)
        return float(self._metric(y, predicted, sample_weight=self._check_weight(sample_weight, n, lengths)))

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        *,
        groups: Any = None,
        X_val: Any = None,
        y_val: Any = None,
        incremental: bool = False,
    ) -> Self:
        check(self)
        if (X_val is None) != (y_val is None):
            raise ValueError("X_val and y_val must be given together, but only one of them was given")
        with self._as_it_was_if_refused():
            anew = self._starts_anew(incremental=incremental)
            x, rows, target = self._read_data(X, y, anew=anew, incremental=incremental)
            weight = self._check_weight(sample_weight, len(x), x.lengths if self._per_step else None)
            weight = self._weigh(weight, rows, incremental=incremental)
            data = Data(x, target, self._by_example(weight, x), self._check_groups(groups, len(x)))
            validation = None
            if X_val is not None:
                held_out, _, target = self._read_data(X_val, y_val, anew=False, incremental=True)
                validation = Data(held_out, target, None)
        if anew:
            self._warn_of_scales(x.frames if isinstance(x, Sequences) else x, rows)
        stopped = self._train(data, validation, incremental=incremental, stops_early=self.early_stopping)
        if stopped in self._near and not incremental:
            self._warn_of_chance(data, self._near[stopped])
        return self

    def _warn_of_scales(self, frames: Array, rows: Array) -> None:
        """Say it if a feature is on a scale that networks learn badly from; overridden, also of a row of y."""
        if (found := badly_scaled(frames)) is None:
            return
        k, mean, spread = found
        names = getattr(self, "feature_names_in_", ())
        name = repr(str(names[k])) if len(names) == frames.shape[1] else k
        warn(
            f"feature {name} of X has a mean of {mean:.3g} and a standard deviation of {spread:.3g}, but networks "
            f"learn best from 0 and 1: make_pipeline({self._scaler}(), {type(self).__name__}(...)) scales all features"
        )

    def _warn_of_chance(self, data: Data, near: float) -> None:
        """Say it if the loss on the training data is above this share of that of the best constant answer."""
        target, weight = rows_of(data.target), rows_of(data.weight)
        loss, chance = self._objective(), self._constant_loss(data)
        counted = target if weight is None else target[weight > 0]
        nothing_to_learn = bool((counted == counted[:1]).all())
        if nothing_to_learn or self.loss_ <= near * chance:  # the last epoch's loss, which costs nothing to see
            return
        reached, score = evaluate(
            self.network_,
            data.x,
            data.target,
            loss,
            sample_weight=data.weight,
            score=self._validation_score,
            batch_size=EVALUATED_AT_ONCE,
        )
        if reached > near * chance:
            warn(
                f"Training ended {self._chance}, after {self.n_iter_} epochs: the loss of the training data is "
                f"{reached:.3g}, that of the best constant answer {chance:.3g} (score {score:.2f}). If there is "
                f"something to learn from them, try {self._what_to_try()}",
                ConvergenceWarning,
            )

    def _constant_loss(self, data: Data) -> float:
        """Return the loss of the best constant answer."""
        target, weight = rows_of(data.target), rows_of(data.weight)
        return constant_loss(self._objective(), self.out_activation_, self.n_outputs_, target, weight)

    def _what_to_try(self) -> str:
        return self._remedies

    def _read_data(self, X: Any, y: Any, *, anew: bool, incremental: bool) -> tuple[Any, Array, Any]:
        """Return examples, the rows of y, and these as targets of each example."""
        x = self._read_x(X, reset=anew)
        rows = self._read_y(list(y) if isinstance(y, Sequences) else y, x, anew=anew)
        return x, rows, self._by_example(self._encode(rows, anew=anew, incremental=incremental), x)

    def _by_example(self, rows: Array | None, x: Any) -> Any:
        return Sequences(rows, x.lengths) if self._per_step and rows is not None else rows

    # -- what subclasses say -----------------------------------------------------------------------------------------

    predict: Callable[[Any], Any]
    _metric: Callable[..., float]  # of targets and predictions

    @abstractmethod
    def _encode(self, rows: Array, *, anew: bool, incremental: bool) -> Array:
        """Return rows of y as targets of the loss; learn what there is to learn of them if training begins anew."""

    def _read_y(self, y: Any, x: Any, *, anew: bool) -> Array:
        """Return y as rows: one for each example, or, if overridden, for each step."""
        return self._check_rows(y, len(x))

    def _weigh(self, weight: Array | None, rows: Array, *, incremental: bool) -> Array | None:
        """Return the weights of rows; unless overridden, they are those given."""
        return weight

    # -- checks ------------------------------------------------------------------------------------------------------

    def _check_rows(self, y: Any, n: int, *, warn: bool = True) -> Array:
        """Return `n` numbers, labels or rows of them, checked; maybe warn of a column."""
        if y is None:
            raise ValueError(f"This {type(self).__name__} estimator requires y to be passed, but the target y is None.")
        refuse_unreadable(dense(y), "y")
        if isinstance(y, (list, tuple)) and len({each.shape for each in y if hasattr(each, "shape")}) > 1:
            raise ValueError(
                f"y must have one target for each sample of {type(self).__name__}, but its parts differ in length: "
                "RNNTagger and RNNRegressor take targets for each step"
            )
        dtype = "numeric" if self._numeric else None
        array = np.asarray(check_array(dense(y), ensure_2d=False, dtype=dtype, input_name="y", estimator=self))
        if self._numeric and array.dtype.kind in "mM":
            raise TypeError(f"y must hold numbers for {type(self).__name__}, but it holds times, {array.dtype}")
        check_consistent_length(range(n), array)
        return np.asarray(column_or_1d(array, warn=warn)) if array.shape[1:] == (1,) else array

    def _check_weight(self, sample_weight: Any, n: int, lengths: Array | None) -> Array | None:
        """Return a weight for each of `n` examples, or, where sequences have these lengths, for each step, checked."""
        if sample_weight is None:
            return None
        refuse_unreadable(sample_weight, "sample_weight")
        if lengths is not None:
            sample_weight, n = per_step_weight(sample_weight, lengths), lengths.sum()
        elif isinstance(sample_weight, (list, tuple)) and not are_whole(sample_weight):
            raise ValueError(
                f"sample_weight must be one number for each sample of {type(self).__name__}, but its first "
                f"part has shape {np.shape(sample_weight[0])}: only where steps have targets do they have weights"
            )
        weight: Array = _check_sample_weight(sample_weight, range(n), dtype=np.float64, ensure_non_negative=True)
        if not weight.any():
            raise ValueError("sample_weight is zero for all samples: at least one must count")
        return weight

    def _check_groups(self, groups: Any, n: int) -> Array | None:
        if groups is None:
            return None
        found = np.asarray(check_array(groups, ensure_2d=False, dtype=None, input_name="groups"))
        if found.shape != (n,):
            raise ValueError(f"groups must be one for each sample, of shape ({n},), but their shape is {found.shape}")
        return found
