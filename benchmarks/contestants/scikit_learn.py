"""scikit-learn's MLPClassifier."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier

from benchmarks import data
from benchmarks.contestants import LEARNING_RATE, Prepared
from benchmarks.tasks import StaticEpoch


def static(task: StaticEpoch) -> Prepared:
    """Return epochs of ``MLPClassifier.fit``."""
    x, x_test, y, y_test = data.images(task)

    def fit(epochs):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a few epochs were asked for
            return MLPClassifier(
                task.sizes[1:-1], alpha=0.0, batch_size=task.batch, learning_rate_init=LEARNING_RATE,
                max_iter=epochs, n_iter_no_change=epochs, tol=0.0, random_state=task.seed,
            ).fit(x, y)  # fmt: skip

    def check():
        """Take the gradient from one step of gradient descent at rate 1, in float64, which loses no digits in it."""
        model = MLPClassifier(
            task.sizes[1:-1], solver="sgd", alpha=0.0, batch_size=task.batch, learning_rate_init=1.0, momentum=0.0,
        )  # fmt: skip
        rows, labels = x[: task.batch].astype(float), y[: task.batch]
        model.partial_fit(rows, labels, classes=np.unique(y))
        for layer, first in enumerate(task.parameters()):
            (model.coefs_, model.intercepts_)[layer % 2][layer // 2][...] = first
        loss = log_loss(labels, model.predict_proba(rows), labels=model.classes_)
        model.partial_fit(rows, labels)
        stepped = [p for pair in zip(model.coefs_, model.intercepts_, strict=True) for p in pair]
        return {
            "loss": np.array(loss),
            **{
                f"d_{k}": first - after for k, (first, after) in enumerate(zip(task.parameters(), stepped, strict=True))
            },
        }

    return Prepared(lambda: fit(task.epochs), check, lambda: float(fit(task.score_epochs).score(x_test, y_test)))


TASKS = {StaticEpoch: static}
