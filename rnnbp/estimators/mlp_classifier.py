"""A static network that classifies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.metaestimators import available_if

from rnnbp.estimators.base import Data
from rnnbp.estimators.classification import Classification
from rnnbp.estimators.perceptron import MultilayerPerceptron
from rnnbp.estimators.settings import solver_is_stochastic
from rnnbp.optimizers import FullBatchOptimizer, Optimizer
from rnnbp.training.history import Callback

__all__ = ["MLPClassifier"]

Array = NDArray[Any]


class MLPClassifier(Classification, MultilayerPerceptron):
    """A multilayer perceptron that classifies: scikit-learn's, with the same settings and results, only faster.

    The same `random_state` gives the network of `sklearn.neural_network.MLPClassifier`: to rounding with "lbfgs" and
    with "sgd" at a constant rate, and nearly so with "adam", which adds ``epsilon`` at another place there.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(100,)
        Units of each hidden layer; () for none.
    activation : str or sequence of str, default="relu"
        "identity", "logistic", "tanh", "relu", "leaky_relu", "elu", "gelu", "softplus" or "softmax": one for all hidden
        layers, or one for each.
    solver : {"adam", "sgd", "lbfgs"} or optimizer, default="adam"
        An optimizer of rnnbp.optimizers, such as ``RMSprop(1e-3, clip_norm=1.0)``, has its settings itself.
    alpha : float, default=0.0001
        The strength of the penalty ``alpha / 2 * |W|^2`` of all weights (not biases), divided by the number of samples
        in a batch.
    batch_size : int or "auto", default="auto"
        Samples a minibatch; "auto" is ``min(200, n_samples)``. "lbfgs" takes no minibatches.
    learning_rate : {"constant", "invscaling", "adaptive"}, default="constant"
        For "sgd": constant; ``learning_rate_init / (t + 1) ** power_t`` after t samples; or divided by 5 whenever
        training would end for lack of improvement, down to 1e-6.
    learning_rate_init : float, default=0.001
        For "sgd" and "adam".
    power_t : float, default=0.5
        For "invscaling".
    max_iter : int, default=200
        Epochs at most, or iterations of "lbfgs".
    shuffle : bool, default=True
        Whether each epoch takes the samples in another order.
    random_state : int, RandomState or None, default=None
        Of initial parameters, dropout, the split of validation data and the order of samples.
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
        The share of samples (of groups, if `fit` is given some) that is set aside. It is stratified, except
        for several labels and with groups.
    beta_1 : float, default=0.9
    beta_2 : float, default=0.999
    epsilon : float, default=1e-8
        For "adam".
    n_iter_no_change : int or inf, default=10
        Training ends after more epochs than that without improvement.
    max_fun : int, default=15000
        Evaluations of the loss at most, for "lbfgs".
    dropout : float, default=0.0
        The probability that a hidden unit's output is dropped, in training.
    class_weight : mapping of label to float, "balanced" or None, default=None
        How much the samples of a class count; "balanced" makes all classes count alike.
    callbacks : sequence of callables, default=()
        Each is called as ``callback(network, history)`` after each epoch; a true result ends training. See
        `rnnbp.callbacks`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    network_ : rnnbp.Network
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        If X had column names.
    coefs_, intercepts_ : list of ndarray
        Weights (F_in, F_out) and biases (F_out,) of each layer.
    n_layers_, n_outputs_ : int
    out_activation_ : str
        "logistic" for two classes and for several labels, else "softmax".
    n_iter_ : int
        Epochs of the last call of `fit`.
    t_ : int
        Samples that training has seen.
    loss_ : float
        Of the last epoch.
    loss_curve_ : list of float
        Of each epoch, while the parameters were changing, penalty included.
    best_loss_ : float or None
        None with early stopping.
    validation_scores_, best_validation_score_ : list of float and float, or None
        The accuracy on the validation data after each epoch, with early stopping.
    validation_loss_curve_ : list of float or None
        The loss on the validation data after each epoch, if there were any.
    n_iter_without_improvement_ : int
        Epochs since the last improvement.

    See Also
    --------
    MLPRegressor : for numbers.
    RNNClassifier : for sequences.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = MLPClassifier(dropout=0.1, max_iter=500, random_state=0).fit(X, y)
    >>> classifier.predict(X[:3])
    array([0, 0, 0])
    >>> classifier.score(X, y) > 0.95
    True
    """

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100,),
        activation: str | Sequence[str] = "relu",
        *,
        solver: str | Optimizer | FullBatchOptimizer = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
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
        dropout: float = 0.0,
        class_weight: Mapping[Any, float] | str | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> None:
        self._keep(locals())

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        groups: ArrayLike | None = None,
        X_val: ArrayLike | None = None,
        y_val: ArrayLike | None = None,
    ) -> Self:
        """Train on X and y.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (N, F)
            Sparse matrices are made dense. float32 stays float32; all else is computed in float64.
        y : array-like of shape (N,), or (N, L) of 0 and 1
            Labels, or several yes-or-no labels.
        sample_weight : array-like of shape (N,), or None
            How much each sample counts.
        groups : array-like of shape (N,), or None
            Which samples belong together, such as those of one speaker: early stopping sets whole groups aside, so
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
        """
        return self._fit(X, y, sample_weight, X_val, y_val, groups=groups)

    @available_if(solver_is_stochastic)  # type: ignore[untyped-decorator]
    def partial_fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None, classes: ArrayLike | None = None
    ) -> Self:
        """Train for one epoch, from where the call before has ended.

        Parameters
        ----------
        X, y, sample_weight
            See `fit`.
        classes : array-like of shape (n_classes,), or None
            All labels that there will be; needed in the first call only.

        Returns
        -------
        self

        Raises
        ------
        TypeError, ValueError
            See `fit`.
        """
        self._first_classes(classes)
        return self._fit(X, y, sample_weight, incremental=True)

    def _fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None,
        X_val: ArrayLike | None = None,
        y_val: ArrayLike | None = None,
        *,
        groups: ArrayLike | None = None,
        incremental: bool = False,
    ) -> Self:
        anew = self._starts_anew(incremental=incremental)
        X, y = self._read(X, y, anew=anew, numeric=False)
        target = self._encode(y, anew=anew, incremental=incremental)
        weight = self._with_class_weight(self._check_weight(sample_weight, X), y, incremental=incremental)
        validation = None
        if X_val is not None:
            X_val, y_val = self._read(X_val, y_val, anew=False, numeric=False)
            validation = Data(X_val, self._encode(y_val, anew=False, incremental=True), None)
        data = Data(X, target, weight, self._check_groups(groups, X))
        self._train(data, X.dtype, incremental=incremental, validation=validation)
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
