"""What all estimators share: settings, a network, scikit-learn's way to train it, and files.

A subclass says how it reads data, what layers its network has, and what its outputs mean. All else is the same::

    check the settings; read and check X and y      once, before any work
    make the network                                unless it goes on from where it is (warm_start, partial_fit)
    set validation data aside                       early_stopping, unless some were given
    rnnbp.fit(..., callbacks=[Convergence])         and return to the best epoch, early_stopping

The names and defaults of settings, the scale of the loss, the rule of convergence and (for MLPs) the random numbers are
scikit-learn's.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GroupShuffleSplit, train_test_split
from sklearn.utils import check_random_state

from rnnbp.configuration import whole_number
from rnnbp.data.sequences import Sequences
from rnnbp.estimators.convergence import Convergence
from rnnbp.estimators.files import Saved
from rnnbp.estimators.order import Shuffler
from rnnbp.estimators.settings import Training, drawn_seed
from rnnbp.estimators.solvers import make_optimizer, solver_name
from rnnbp.layers import Layer
from rnnbp.losses import Loss
from rnnbp.networks.network import Network
from rnnbp.optimizers import FullBatchOptimizer, Optimizer, State
from rnnbp.training import NonFiniteError, fit
from rnnbp.warning import warn

__all__ = ["EVALUATED_AT_ONCE", "Arrays", "Data", "NetworkEstimator", "dense"]

Array = NDArray[Any]
Arrays = ArrayLike | Sequence[ArrayLike]  # an array of examples, or a list of sequences
EVALUATED_AT_ONCE = 1024  # examples: bounds the memory of predictions and of full batches


class Data(NamedTuple):
    """Examples and targets, checked, and as `rnnbp.fit` takes them.

    Attributes
    ----------
    x : ndarray of shape (N, F), or Sequences
    target : ndarray of shape (N, ...), or Sequences
    weight : ndarray of shape (N,), Sequences, or None
    groups : ndarray of shape (N,) or None
        Which examples belong together.
    """

    x: Any
    target: Any
    weight: Any
    groups: Array | None = None

    def take(self, chosen: NDArray[np.intp]) -> Data:
        """Return some of the examples."""
        return Data(*(None if items is None else _take(items, chosen) for items in self))


def _take(items: Any, chosen: NDArray[np.intp]) -> Any:
    return items[chosen] if isinstance(items, np.ndarray) else items.take(chosen)


def rows_of(items: Any) -> Array:
    """Return what is known of examples, one row after another."""
    found: Array = items.frames if isinstance(items, Sequences) else items
    return found


def _fits(state: State, optimizer: Optimizer, net: Network) -> bool:
    """Whether a state is this optimizer's: the solver, or a setting of it, may have been changed since."""
    try:
        optimizer.check_state(state, net.theta)
    except ValueError:
        return False
    return True


def dense(table: Any) -> Any:
    """Return a sparse table as an ordinary one, and anything else as it is."""
    return table.toarray() if issparse(table) else table  # type: ignore[attr-defined]


class NetworkEstimator(Training, Saved, BaseEstimator):  # type: ignore[misc]
    """An estimator with a network, which is in ``network_`` once it is fitted."""

    _attributes: ClassVar[str] = """\
network_ : rnnbp.Network
n_features_in_ : int$n_features
feature_names_in_ : ndarray of shape (n_features,)
    If X was a table with column names, or a list of such tables.
n_outputs_ : int
n_iter_ : int
    Epochs of the last call of `fit`.
t_ : int
    $Samples that training has seen.
loss_ : float
    Of the last epoch.
loss_curve_ : list of float
    Of each epoch, while the parameters were changing, penalty included.
best_loss_ : float or None
    None with early stopping.
validation_scores_, best_validation_score_ : list of float and float, or None
    $Score on the validation data after each epoch, with early stopping.
validation_loss_curve_ : list of float or None
    The loss on the validation data after each epoch, if there were any.
n_iter_without_improvement_ : int
    Epochs since the last improvement."""

    # what is fitted
    network_: Network
    n_features_in_: int
    n_outputs_: int
    n_iter_: int
    t_: int
    loss_: float
    loss_curve_: list[float]
    best_loss_: float | None
    validation_scores_: list[float] | None
    best_validation_score_: float | None
    validation_loss_curve_: list[float] | None
    n_iter_without_improvement_: int
    _optimizer_state: State | None  # what partial_fit goes on with

    largest_batch: ClassVar[int]  # of batch_size="auto"
    _per_step = False  # whether there is an output at each step
    _begins_late: ClassVar[bool] = False  # whether early stopping also goes by losses: see `Convergence`

    # -- what subclasses say -----------------------------------------------------------------------------------------

    _read_x: Callable[..., Any]  # of X, and whether to `reset` what is known of it: returns X as `Data` has it, checked
    _constant_loss: Callable[[Data], float]  # of the best constant answer, if it is one that begins late
    _apply: Callable[[Any, Callable[[Array], Array]], Any]  # a function of the outputs for X, in X's form

    @abstractmethod
    def _layers(self, n_outputs: int) -> list[Layer]:
        """Return new layers for data that have been read."""

    @abstractmethod
    def _objective(self) -> Loss:
        """Return the loss that is trained with."""

    @abstractmethod
    def _validation_score(self, target: Array, output: Array, sample_weight: Array | None = None) -> float:
        """Return the score of rows of outputs, which early stopping goes by."""

    def _initialize(self, random_state: np.random.RandomState) -> None:
        """Draw the network's parameters; unless overridden, as its layers' initializers say."""
        self.network_.rng = np.random.default_rng(drawn_seed(random_state))
        self.network_.parameters.initialize(self.network_.rng)

    def _stratify(self, data: Data) -> Array | None:
        """Return what the split of validation data should keep the shares of."""
        return None

    @contextmanager
    def _as_it_was_if_refused(self) -> Iterator[None]:
        """Leave a fitted estimator as it was if reading the data ends in an error."""
        before = dict(vars(self))
        try:
            yield
        except BaseException:
            self.__dict__ = before
            raise

    # -- training ----------------------------------------------------------------------------------------------------

    def _starts_anew(self, *, incremental: bool) -> bool:
        return not hasattr(self, "network_") or not (incremental or self.warm_start)

    def _make_optimizer(self, n_examples: int) -> Optimizer | FullBatchOptimizer:
        return make_optimizer(self, n_examples, self.t_)

    def _train(self, data: Data, validation: Data | None, *, incremental: bool, stops_early: Any) -> str:
        """Train on data that have been read, and return why it ended; make a network if there is none to go on with."""
        if incremental and stops_early:
            raise ValueError("partial_fit does not support early_stopping=True")
        anew = self._starts_anew(incremental=incremental)
        random_state = check_random_state(self.random_state)
        if anew:
            self.network_ = Network(self._layers(self.n_outputs_), dtype=data.x[0].dtype)
            self._initialize(random_state)
            self._optimizer_state = None
            self.t_ = 0
        if stops_early and validation is None:
            data, validation = self._split(data, random_state)
        self._begin_curves(anew=anew, stops_early=stops_early, validated=validation is not None)
        self.n_iter_ = 0
        stopped = self._run(data, validation, random_state, incremental=incremental)
        if not incremental:
            self._warn(stopped)
        return stopped

    def _begin_curves(self, *, anew: bool, stops_early: bool, validated: bool) -> None:
        if anew:
            self.loss_curve_, self.n_iter_without_improvement_ = [], 0
        if anew or (self.validation_scores_ is not None) != stops_early:
            self.best_loss_ = None if stops_early else np.inf
            self.validation_scores_ = [] if stops_early else None
            self.best_validation_score_ = -np.inf if stops_early else None
        if anew or (validated and self.validation_loss_curve_ is None):
            self.validation_loss_curve_ = [] if validated else None

    def _split(self, data: Data, random_state: np.random.RandomState) -> tuple[Data, Data]:
        everything = np.arange(len(data.x))
        if data.groups is None:
            try:
                kept, held_out = train_test_split(
                    everything,
                    random_state=random_state,
                    test_size=self.validation_fraction,
                    stratify=self._stratify(data),
                )
            except ValueError as error:
                if "number of classes" not in str(error):
                    raise
                raise ValueError(
                    f"validation_fraction={self.validation_fraction} sets too few of {len(everything)} samples aside "
                    "for early stopping, or keeps too few: at least one of each class must be on both sides"
                ) from None
        elif (data.groups == data.groups[0]).all():
            raise ValueError(
                f"all samples are of one group, {data.groups[0]}, but early stopping sets whole groups aside: give "
                "validation data of another (X_val, y_val), or no groups, or leave out early_stopping=True"
            )
        else:
            apart = GroupShuffleSplit(1, test_size=self.validation_fraction, random_state=random_state)
            kept, held_out = next(apart.split(everything, groups=data.groups))
        if len(held_out) < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of your dataset."
            )
        validation = data.take(held_out)
        if validation.weight is not None and not rows_of(validation.weight).any():
            raise ValueError(
                "all that early stopping sets aside has a weight of 0: increase 'validation_fraction', give validation "
                "data of your own (X_val, y_val), or leave out what does not count"
            )
        return data.take(kept), validation

    def _batch_size(self, n_examples: int) -> int:
        if self.batch_size == "auto":
            return min(self.largest_batch, n_examples)
        batch_size = whole_number("batch_size", self.batch_size)
        if batch_size > n_examples:
            warn(f"Got `batch_size` less than 1 or larger than sample size. It is going to be clipped to {n_examples}.")
        return min(batch_size, n_examples)

    def _run(
        self, data: Data, validation: Data | None, random_state: np.random.RandomState, *, incremental: bool
    ) -> str:
        """Train, return to the best epoch if there is early stopping, and return why training ended."""
        net, n_examples, state = self.network_, len(data.x), None
        optimizer = self._make_optimizer(n_examples)
        if isinstance(optimizer, Optimizer):
            state = self._optimizer_state if incremental else None
            if state is None or not _fits(state, optimizer, net):
                state = optimizer.init(net.theta, decayed=net.parameters.decayed)
        self._optimizer_state = state
        constant = None
        if self._begins_late and validation is not None:
            constant = self._constant_loss(validation)
        convergence = Convergence(self, n_examples, state, constant)
        stopped = "diverged"
        try:
            stopped = fit(
                net,
                data.x,
                data.target,
                loss=self._objective(),
                optimizer=optimizer,
                max_epochs=1 if incremental else self.max_iter,
                batch_size=EVALUATED_AT_ONCE if state is None else self._batch_size(n_examples),
                sample_weight=data.weight,
                validation_data=None
                if validation is None
                else (validation.x, validation.target, None, validation.weight),
                score=None if self.validation_scores_ is None else self._validation_score,
                monitor="loss" if self.validation_scores_ is None else "score",
                callbacks=[convergence, *self.callbacks],
                l2=self.alpha,
                shuffle=self.shuffle,
                seed=Shuffler(random_state, n_examples),
                optimizer_state=state,
                progress=False,
            ).stopped
        except NonFiniteError as error:
            if convergence.best_theta is None:
                raise ValueError(
                    "Solver produced non-finite parameter weights. The input data may contain large values and need to "
                    f"be preprocessed: {error}"
                ) from error
            assert self.validation_scores_ is not None
            self.validation_scores_.append(float("nan"))
            warn(f"Training diverged, and its best epoch is kept: {error}", ConvergenceWarning)
        if convergence.best_theta is not None:
            net.theta[...] = convergence.best_theta
        return stopped

    def _warn(self, stopped: str) -> None:
        """Say it if training ended for another reason than convergence."""
        if stopped in ("callback", "converged", "diverged", "patience"):
            return
        name, kind = solver_name(self), ConvergenceWarning
        if stopped == "interrupted":
            text, kind = "Training interrupted by user.", UserWarning
        elif stopped != "max_epochs":
            text = f"{name} failed to converge: {stopped}"
        elif self._optimizer_state is None:
            text = f"{name} failed to converge after {self.n_iter_} iteration(s): increase max_iter or scale the data."
        else:
            text = (
                f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached and the optimization hasn't "
                "converged yet."
            )
        warn(text, kind)
