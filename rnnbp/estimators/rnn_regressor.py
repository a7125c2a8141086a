"""A recurrent network that predicts numbers: for each sequence, or for each step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.metaestimators import available_if

from rnnbp.estimators.base import Data
from rnnbp.estimators.recurrent import RecurrentEstimator
from rnnbp.estimators.regression import Regression
from rnnbp.estimators.settings import solver_is_stochastic
from rnnbp.estimators.steps import are_steps, joined, per_step_weight
from rnnbp.gradients import GradientAlgorithm
from rnnbp.optimizers import FullBatchOptimizer, Optimizer
from rnnbp.training.history import Callback

__all__ = ["RNNRegressor"]

Array = NDArray[Any]


class RNNRegressor(Regression, RecurrentEstimator):
    """A recurrent network that predicts numbers: for each sequence, or for each step.

    Which of them is decided by y's form: one number or row of numbers a sequence, or one a step. Only for the first are
    steps pooled.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(64,)
        Units of each recurrent layer (of each direction).
    cell : {"gru", "lstm", "elman"}, default="gru"
    bidirectional : bool, default=False
        Whether each layer reads the sequence from both ends.
    pooling : {"last", "mean", "max"}, default="last"
        What of the steps' outputs stands for the sequence. "last" is each direction's own last step, which has seen all
        frames: of a backward direction, that at the sequence's first frame.
    gradient : {"bptt", "checkpointed", "rtrl"} or algorithm, default="bptt"
        How gradients go through time; an algorithm of rnnbp.gradients, such as ``TruncatedBPTT(20, 20)``, has its
        settings itself.
    dropout : float, default=0.0
        The probability that an output of a recurrent layer is dropped on its way up, in training.
    recurrent_dropout : float, default=0.0
        The same for a layer's state on its way to the next step, with one mask for all steps.
    solver : {"adam", "sgd", "lbfgs"} or optimizer, default="adam"
        An optimizer of rnnbp.optimizers, such as ``RMSprop(1e-3, clip_norm=1.0)``, has its settings itself.
    alpha : float, default=0.0001
        The strength of the penalty ``alpha / 2 * |W|^2`` of all weights (not biases), divided by the number of
        sequences (or steps) in a batch.
    batch_size : int or "auto", default="auto"
        Sequences a minibatch; "auto" is 32, or all if there are fewer. "lbfgs" takes no minibatches.
    learning_rate : {"constant", "invscaling", "adaptive"}, default="constant"
        For "sgd": constant; ``learning_rate_init / (t + 1) ** power_t`` after t sequences; or divided by 5 whenever
        training would end for lack of improvement, down to 1e-6.
    learning_rate_init : float, default=0.003
        For "sgd" and "adam".
    power_t : float, default=0.5
        For "invscaling".
    clip_norm : float or None, default=1.0
        Scale a gradient of larger norm down to this one; for "sgd" and "adam".
    max_iter : int, default=200
        Epochs at most, or iterations of "lbfgs".
    shuffle : bool, default=True
        Whether each epoch takes the sequences in another order.
    random_state : int, RandomState or None, default=None
        Of initial parameters, dropout, the split of validation data and the order of sequences.
    tol : float, default=1e-4
        The least improvement of the loss (with early stopping, of the validation score) that counts.
    verbose : bool, default=False
        Whether to print the loss after each epoch.
    warm_start : bool, default=False
        Whether `fit` goes on from the parameters of the call before.
    momentum : float, default=0.9
        For "sgd", in [0, 1).
    nesterovs_momentum : bool, default=True
        For "sgd".
    early_stopping : bool, default=False
        Whether to set validation data aside (unless `fit` is given some), to end training when their score no longer
        improves, and to keep the parameters of the best epoch.
    validation_fraction : float, default=0.1
        The share of sequences (of groups, if `fit` is given some) that is set aside.
    beta_1 : float, default=0.9
    beta_2 : float, default=0.999
    epsilon : float, default=1e-8
        For "adam".
    n_iter_no_change : int or inf, default=10
        Training ends after more epochs than that without improvement.
    max_fun : int, default=15000
        Evaluations of the loss at most, for "lbfgs".
    loss : {"squared_error", "poisson"}, default="squared_error"
        Half the squared error, or half the deviance of counts, whose mean is then the exponential of the output; both
        are summed over outputs.
    callbacks : sequence of callables, default=()
        Each is called as ``callback(network, history)`` after each epoch; a true result ends training. See
        `rnnbp.callbacks`.

    Attributes
    ----------
    network_ : rnnbp.Network
    n_features_in_ : int
        F; for an (N, T) array it is T, as scikit-learn counts columns.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        If X was a table with column names, or a list of such tables.
    n_outputs_ : int
    out_activation_ : str
        "identity", or "exp" for counts.
    n_iter_ : int
        Epochs of the last call of `fit`.
    t_ : int
        Sequences that training has seen.
    loss_ : float
        Of the last epoch.
    loss_curve_ : list of float
        Of each epoch, while the parameters were changing, penalty included.
    best_loss_ : float or None
        None with early stopping.
    validation_scores_, best_validation_score_ : list of float and float, or None
        The coefficient of determination on the validation data after each epoch, with early stopping.
    validation_loss_curve_ : list of float or None
        The loss on the validation data after each epoch, if there were any.
    n_iter_without_improvement_ : int
        Epochs since the last improvement.

    See Also
    --------
    RNNForecaster : predicts a series from its own past.

    Examples
    --------
    The running mean of a sequence, at each step:

    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=(length, 1)) for length in rng.integers(5, 12, size=60)]
    >>> y = [np.cumsum(sequence) / np.arange(1, len(sequence) + 1) for sequence in X]
    >>> regressor = RNNRegressor(16, tol=0.001, learning_rate_init=0.01, random_state=0).fit(X, y)
    >>> regressor.score(X, y) > 0.9
    True
    >>> [values.shape for values in regressor.predict(X[:2])] == [values.shape for values in y[:2]]
    True
    """

    steps_: bool
    _remembered: ClassVar[tuple[str, ...]] = RecurrentEstimator._remembered

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (64,),
        cell: str = "gru",
        *,
        bidirectional: bool = False,
        pooling: str = "last",
        gradient: str | GradientAlgorithm = "bptt",
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        solver: str | Optimizer | FullBatchOptimizer = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.003,
        power_t: float = 0.5,
        clip_norm: float | None = 1.0,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: int | np.random.RandomState | None = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        loss: str = "squared_error",
        callbacks: Sequence[Callback] = (),
    ) -> None:
        self._keep(locals())

    def fit(
        self,
        X: ArrayLike | Sequence[ArrayLike],
        y: ArrayLike | Sequence[ArrayLike],
        sample_weight: ArrayLike | None = None,
        *,
        groups: ArrayLike | None = None,
        X_val: ArrayLike | Sequence[ArrayLike] | None = None,
        y_val: ArrayLike | Sequence[ArrayLike] | None = None,
    ) -> Self:
        """Train on sequences.

        Parameters
        ----------
        X : list of arrays of shape (T_i, F), or array of shape (N, T, F) or (N, T)
            float32 stays float32, which is fastest; all else is computed in float64.
        y : array-like of shape (N,) or (N, n_outputs)
            Numbers for each sequence. Or for each step: a list of arrays of shape (T_i,) or (T_i, n_outputs), or an
            array of shape (N, T, n_outputs). An (N, T) array is T numbers for each sequence.
        sample_weight : array-like of shape (N,), or None
            How much each sequence counts.
        groups : array-like of shape (N,), or None
            Which sequences belong together, such as those of one speaker: early stopping sets whole groups aside, so
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
            If data or settings cannot be used, before training begins (sequences that differ in their features are
            named); or if training diverges.
        """
        return self._fit(X, y, sample_weight, X_val, y_val, groups=groups)

    @available_if(solver_is_stochastic)  # type: ignore[untyped-decorator]
    def partial_fit(
        self,
        X: ArrayLike | Sequence[ArrayLike],
        y: ArrayLike | Sequence[ArrayLike],
        sample_weight: ArrayLike | None = None,
    ) -> Self:
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

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: ArrayLike | None,
        X_val: Any = None,
        y_val: Any = None,
        *,
        groups: ArrayLike | None = None,
        incremental: bool = False,
    ) -> Self:
        anew = self._starts_anew(incremental=incremental)
        frames = self._read(X, reset=anew)
        target = self._read_target(y, frames.lengths, anew=anew)
        weight = self._check_weight(sample_weight, range(len(frames.lengths)))
        self._read_objective()
        validation = None
        if X_val is not None:
            held = self._read(X_val, reset=False)
            target_val = self._read_target(y_val, held.lengths, anew=False)
            validation = Data(held.split(held.stacked), target_val, None)
        data = Data(frames.split(frames.stacked), target, weight, self._check_groups(groups, frames.lengths))
        self._train(data, frames.stacked.dtype, incremental=incremental, validation=validation)
        return self

    @property
    def _per_step(self) -> bool:
        return self.steps_

    def _read_target(self, y: Any, lengths: NDArray[np.intp], *, anew: bool) -> Any:
        """Return one row of targets a sequence, or a list of such rows for their steps."""
        steps = are_steps(y, lengths)
        if anew:
            self.steps_ = steps
        elif steps != self.steps_:
            raise ValueError("y has one target a sequence, and had one a step before, or the other way round")
        rows = joined(y, lengths) if steps else y
        rows = self._read_y(rows, int(lengths.sum()) if steps else len(lengths), numeric=True, warn=not steps)
        rows = rows.reshape(len(rows), -1)
        if not anew and rows.shape[1] != self.n_outputs_:
            raise ValueError(f"y has {rows.shape[1]} outputs, but there were {self.n_outputs_} before")
        self.n_outputs_ = rows.shape[1]
        return np.split(rows, np.cumsum(lengths)[:-1]) if steps else rows

    def score(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> float:
        """Return the coefficient of determination, over sequences or over all steps.

        Parameters
        ----------
        X, y
            As in `fit`.
        sample_weight : array-like of shape (N,), or None
            How much each sequence counts.

        Returns
        -------
        float
            At most 1; 0 is a constant's score.
        """
        if not self.steps_:
            return float(super().score(X, y, sample_weight))
        from sklearn.metrics import r2_score

        lengths = self._read(X, reset=False).lengths
        predicted = joined(self.predict(X), lengths)
        return float(r2_score(joined(y, lengths), predicted, sample_weight=per_step_weight(sample_weight, lengths)))
