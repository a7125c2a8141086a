"""`TrainingReport`: a callback that watches a training run, and writes it up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from os import PathLike
from typing import Any

from numpy.typing import ArrayLike

from rnnbp import losses
from rnnbp.configuration import shown
from rnnbp.data.training_set import TrainingSet
from rnnbp.diagnostics import GradientFlowWatch
from rnnbp.files.model_file import write_atomically
from rnnbp.losses import CrossEntropy, Loss
from rnnbp.networks.network import Network
from rnnbp.plotting.report import sections
from rnnbp.plotting.report.page import page
from rnnbp.training.history import History

__all__ = ["TrainingReport"]


class TrainingReport:
    """A callback for `rnnbp.fit` that makes one self-contained HTML page of a training run.

    After each epoch a `GradientFlowWatch` measures the gradient flow on a few of the examples it was given, which
    changes nothing in the training. The page shows learning curves, gradient flow at the end and over training,
    activations, the confusions of a classifier, the configuration, seeds, versions, the machine, and fingerprints of
    the data.

    Parameters
    ----------
    x, target, loss, lengths
        What to measure on, such as the validation data; see `rnnbp.evaluate`.
    title : str, default "Training report"
    class_names : sequence of str or None, default None
        For the confusion matrix.
    settings : mapping or None, default None
        What else the reader needs to repeat the run, beside what `fit` was called with; shown as it is.
    n_probe : int, default 16
        How many of the examples (the first ones) the gradient flow is measured on.

    Raises
    ------
    ValueError
        If a setting is out of its range. What does not fit the network is found at the end of the first epoch.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbp import Network, fit, gradients, layers
    >>> x, y = np.random.default_rng(0).normal(size=(10, 40, 2)), np.arange(40) % 2
    >>> gru = layers.GRU(2, 8, gradient=gradients.BPTT(compiled=False))
    >>> net = Network([gru, layers.LastStep(), layers.Dense(8, 2)])
    >>> report = TrainingReport(x, y, "cross_entropy", settings={"data": "drawn at random"})
    >>> history = fit(net, x, y, loss="cross_entropy", optimizer="adam", seed=0, max_epochs=2, callbacks=[report])
    >>> report.save("report.html")  # doctest: +SKIP
    """

    def __init__(
        self,
        x: ArrayLike | Sequence[ArrayLike],
        target: ArrayLike | Sequence[ArrayLike],
        loss: Loss | str,
        lengths: ArrayLike | None = None,
        *,
        title: str = "Training report",
        class_names: Sequence[str] | None = None,
        settings: Mapping[str, Any] | None = None,
        n_probe: int = 16,
    ) -> None:
        self.x, self.target, self.loss, self.lengths = x, target, losses.get(loss), lengths
        self.title = title
        self.class_names = class_names
        if not isinstance(settings, Mapping | None):
            raise TypeError(
                f"settings must be a mapping of names to what is shown, as {{'data': '...'}}, but {shown(settings)} "
                "was given"
            )
        self.settings = dict(settings or {})
        self.watch = GradientFlowWatch(x, target, loss, lengths, n_probe=n_probe)
        self.net: Network | None = None
        self.history = History()

    def __call__(self, net: Network, history: History) -> None:
        """Watch an epoch's end."""
        if self.net is None:
            self._check(net)
        self.net, self.history = net, history
        if any(layer.needs_time and layer.states() for layer in net.layers):
            self.watch(net, history)

    def _check(self, net: Network) -> None:
        """Raise what `html` would raise after training."""
        TrainingSet(net.interface, self.x, self.lengths, target=self.target, loss=self.loss)
        n = net.n_outputs
        drawn = isinstance(self.loss, CrossEntropy) and n <= sections.MOST_CLASSES
        if drawn and self.class_names is not None and len(self.class_names) != n:
            raise ValueError(
                f"class_names must be {n} names, one for each of the network's outputs, but "
                f"{shown(self.class_names)} was given"
            )

    def html(self) -> str:
        """Return the page.

        Raises
        ------
        ValueError
            If no epoch has ended, or if the data do not fit the network.
        """
        net = self.net
        if net is None:
            raise ValueError("there is nothing to report yet: pass this report to rnnbp.fit(..., callbacks=[report])")
        written = datetime.now().astimezone().strftime("%d %B %Y, %H:%M %Z")
        parts = [
            sections.results(self, net),
            sections.learning_curves(self.history),
            *([sections.gradient_flow(self.watch)] if self.watch.flows else []),
            sections.activations(self, net),
            sections.confusion(self, net),
            sections.configuration(self, net),
            sections.data(self, net),
            sections.provenance(),
        ]
        epochs = f"{len(self.history)} epoch{'s' * (len(self.history) != 1)}"
        summary = f"{net.theta.size:,} parameters, {epochs}, {sum(self.history.seconds):.1f} s; written {written}"
        return page(self.title, summary, parts)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the page to a file, in one atomic step.

        Raises
        ------
        ValueError
            See `html`.
        """
        write_atomically(path, self.html().encode())
