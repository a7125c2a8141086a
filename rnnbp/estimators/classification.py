"""What classifiers share: labels as targets, and outputs as labels.

=============  ================  =======================  ====================
labels         n_outputs_        out_activation_          loss
=============  ================  =======================  ====================
one or two     1                 logistic                 binary cross-entropy
K > 2          K                 softmax                  cross-entropy
multi-label    L                 logistic, for each       binary cross-entropy
=============  ================  =======================  ====================
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, log_expit, log_softmax, softmax
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from rnnbp.configuration import number, shown
from rnnbp.estimators.base import Arrays, Data
from rnnbp.estimators.declaring import must_be, setting
from rnnbp.estimators.objectives import BinaryLogLoss
from rnnbp.estimators.solvers import solver_is_stochastic
from rnnbp.estimators.supervised import Supervised
from rnnbp.losses import CrossEntropy, Loss
from rnnbp.names import explained
from rnnbp.warning import warn

__all__ = ["Classification"]

Array = NDArray[Any]


@dataclass(eq=False, repr=False, kw_only=True)
class Classification(ClassifierMixin, Supervised):  # type: ignore[misc]
    """A classifier's half of an estimator: y is labels; the other half reads X and makes the network."""

    _attributes: ClassVar[str] = """\
classes_ : ndarray of shape (n_classes,)
out_activation_ : str
    "logistic" for two classes$multilabel, else "softmax"."""
    _words: ClassVar[dict[str, str]] = {
        "y": "array-like of shape (N,), or (N, L) of 0 and 1\n    Labels, or several yes-or-no labels.",
        "score": "the accuracy",
        "range": "From 0 to 1.",
        "multilabel": " and for several labels",
        "stratified": "; stratified,\n    except for several labels and with groups",
    }

    class_weight: Mapping[Any, float] | str | None = setting(
        None,
        must_be(
            'mapping of label to float, "balanced" or None',
            lambda given: given is None or given == "balanced" or isinstance(given, (Mapping, list)),
        ),
        'How much the $counted of a class count; "balanced" makes all classes count alike.',
    )

    classes_: Array = field(init=False)
    out_activation_: str = field(init=False)
    _multilabel: bool = field(init=False)
    _remembered: ClassVar[tuple[str, ...]] = ("_multilabel",)
    _numeric: ClassVar[bool] = False

    score = Supervised.score  # scikit-learn's knows no steps
    _metric = staticmethod(accuracy_score)

    # -- training ----------------------------------------------------------------------------------------------------

    @available_if(solver_is_stochastic)  # type: ignore[untyped-decorator]
    @explained
    def partial_fit(
        self, X: Arrays, y: Arrays, sample_weight: Arrays | None = None, classes: ArrayLike | None = None
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

    def _first_classes(self, classes: ArrayLike | None) -> None:
        """Check what `partial_fit` is told of classes, and keep it if it is the first to say so."""
        if not hasattr(self, "classes_"):
            if classes is None:
                raise ValueError("classes must be passed on the first call to partial_fit.")
            self.classes_ = np.unique(np.asarray(classes))
        elif classes is not None and not np.array_equal(self.classes_, np.unique(np.asarray(classes))):
            raise ValueError(
                f"`classes={classes!r}` is not the same as on last call to partial_fit, was: {self.classes_!r}"
            )

    def _encode(self, rows: Array, *, anew: bool, incremental: bool) -> Array:
        """Return labels as targets; learn the classes if training begins anew."""
        check_classification_targets(rows)
        kind = type_of_target(rows, input_name="y")
        if kind == "multiclass-multioutput":
            raise ValueError("y has several columns of more than two classes: give each column a classifier of its own")
        multilabel = kind == "multilabel-indicator"
        if multilabel and anew and len(rows) > 1 and (np.asarray(rows).sum(axis=1) == 1).all():
            warn(
                f"each row of y has one 1 in its {rows.shape[1]} columns, and is read as {rows.shape[1]} yes-or-no "
                "labels: if it stands for one label, one-hot, pass y.argmax(axis=1)"
            )
        present = np.arange(rows.shape[1]) if multilabel else np.unique(rows)
        if anew and not incremental:
            self.classes_ = present
        elif incremental:
            if len(np.setdiff1d(present, self.classes_)):
                raise ValueError(
                    f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}. 'y' has {present}."
                )
        elif not np.array_equal(present, self.classes_):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous call to fit. Previously "
                f"got {self.classes_}, `y` has {present}"
            )
        if not anew and multilabel != self._multilabel:
            raise ValueError("y is multi-label, and the labels before were not, or the other way round")
        self._multilabel = multilabel
        single = len(self.classes_) <= 2 and not multilabel
        self.n_outputs_ = 1 if single else len(self.classes_)
        self.out_activation_ = "logistic" if single or multilabel else "softmax"
        if multilabel:
            return np.asarray(rows > 0, dtype=np.float64)
        index = np.searchsorted(self.classes_, rows)
        return index[:, None].astype(np.float64) if single else index

    def _weigh(self, weight: Array | None, rows: Array, *, incremental: bool) -> Array | None:
        """Return the weights of rows times those of their classes."""
        if self.class_weight is None:
            return weight
        if rows.ndim == 1 and not isinstance(self.class_weight, str):
            _check_class_weight(self.class_weight, self.classes_)
        if incremental and isinstance(self.class_weight, str):
            raise ValueError(
                f"class_weight={self.class_weight!r} needs all labels at once: for partial_fit give weights, such as "
                "sklearn.utils.class_weight.compute_class_weight computes of all labels"
            )
        if weight is None:
            return np.asarray(compute_sample_weight(self.class_weight, rows))
        weight, counted = weight.copy(), weight > 0  # what does not count is not counted
        weight[counted] *= compute_sample_weight(self.class_weight, rows[counted])
        return weight

    def _objective(self) -> Loss:
        return CrossEntropy() if self.out_activation_ == "softmax" else BinaryLogLoss()

    def _stratify(self, data: Data) -> Array | None:
        if self._multilabel or self._per_step:
            return None
        index = data.target if self.out_activation_ == "softmax" else data.target[:, 0].astype(int)
        return np.asarray(self.classes_[index])  # and not the index: an error names the label

    def _validation_score(self, target: Array, output: Array, sample_weight: Array | None = None) -> float:
        """Return the accuracy; of several labels, all must be right."""
        if not np.isfinite(output).all():
            return float("nan")
        if self.out_activation_ == "softmax":
            right = output.argmax(axis=1) == target
        else:
            right = ((output > 0) == target).all(axis=1)
        return float(np.average(right, weights=sample_weight))

    # -- predictions -------------------------------------------------------------------------------------------------

    @explained
    def predict(self, X: Any) -> Any:
        """Return the most probable class.

        Parameters
        ----------
        X : array-like
            As in `fit`.

        Returns
        -------
        ndarray of shape (N,), or (N, L) of 0 and 1 for several labels
            `RNNTagger` returns one label a step, in X's form.
        """
        return self._apply(X, self._labels)

    def _labels(self, z: Array) -> Array:
        if self._multilabel:
            return np.asarray(z > 0, dtype=int)
        if self.out_activation_ == "softmax":
            return np.asarray(self.classes_[z.argmax(axis=1)])
        return np.asarray(self.classes_[np.minimum(z[:, 0] > 0, len(self.classes_) - 1)])

    @explained
    def predict_proba(self, X: Any) -> Any:
        """Return the probability of each class.

        Parameters
        ----------
        X : array-like
            As in `fit`.

        Returns
        -------
        ndarray of shape (N, n_classes)
            Columns are in the order of ``classes_``; of several labels, each one's own probability. `RNNTagger` returns
            such a row for each step, in X's form.
        """
        return self._apply(X, self._probabilities)

    def _probabilities(self, z: Array) -> Array:
        if self.out_activation_ == "softmax":
            return np.asarray(softmax(z, axis=1))
        if self._multilabel:
            return np.asarray(expit(z))
        if len(self.classes_) == 1:
            return np.ones_like(z)
        p = expit(z)
        return np.hstack([1 - p, p])

    @explained
    def predict_log_proba(self, X: Any) -> Any:
        """Return the logarithm of the probability of each class, which is finite where that is 0.

        Parameters
        ----------
        X : array-like
            As in `fit`.

        Returns
        -------
        ndarray of shape (N, n_classes)
            Shaped like what `predict_proba` returns.
        """
        return self._apply(X, self._log_probabilities)

    def _log_probabilities(self, z: Array) -> Array:
        if self.out_activation_ == "softmax":
            return np.asarray(log_softmax(z, axis=1))
        if self._multilabel:
            return _log_probability(z)
        if len(self.classes_) == 1:
            return np.zeros_like(z)
        return np.hstack([_log_probability(-z), _log_probability(z)])

    def decision_function(self, X: Any) -> Any:
        """Return the network's outputs before softmax or logistic function.

        Parameters
        ----------
        X : array-like
            As in `fit`.

        Returns
        -------
        ndarray of shape (N,) for two classes, else (N, n_classes)
            `RNNTagger` returns such a number or row for each step, in X's form.
        """
        return self._apply(X, self._decisions)

    def _decisions(self, z: Array) -> Array:
        return z[:, 0] if self.n_outputs_ == 1 and not self._multilabel else z

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = not self._per_step
        return tags


def _log_probability(z: Array) -> Array:
    """Return the logarithm of the logistic function as it is rounded near 1, and finite near 0."""
    return np.where(z > 0, np.log(expit(z)), log_expit(z))


def _check_class_weight(given: Any, classes: Array) -> None:
    """Check the weights of single labels."""
    if not isinstance(given, Mapping):
        raise ValueError(
            f"class_weight must be a mapping of each class to its weight, but {shown(given)} was given: write "
            f"{{{classes.tolist()[0]!r}: 1.0, ...}}"
        )
    for label, weight in given.items():
        number(f"the class_weight of {shown(label)}", weight, "[0, inf)")
    known = set(classes)
    unknown = [label for label in given if label not in known]
    if unknown and any(label not in given for label in known):
        raise ValueError(
            f"class_weight has a weight for {shown(unknown[0])}, which is none of the classes: they are "
            f"{shown(classes.tolist())}"
        )
