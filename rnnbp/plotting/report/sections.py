"""The sections of a training report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rnnbp import metrics, plotting
from rnnbp.data.training_set import TrainingSet
from rnnbp.diagnostics import GradientFlowWatch
from rnnbp.diagnostics import activations as activations_of
from rnnbp.diagnostics.gradient_flow_watch import first_examples
from rnnbp.losses import CrossEntropy
from rnnbp.networks.network import Network
from rnnbp.plotting.axes import require_matplotlib
from rnnbp.plotting.report.page import paragraph, picture, section, table
from rnnbp.plotting.report.provenance import machine, versions
from rnnbp.training.evaluation import evaluate
from rnnbp.training.history import History

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rnnbp.plotting.report.training_report import TrainingReport

__all__ = [
    "activations",
    "configuration",
    "confusion",
    "data",
    "gradient_flow",
    "learning_curves",
    "provenance",
    "results",
]

Array = NDArray[Any]

MOST_CLASSES = 40  # a larger confusion matrix cannot be read
MOST_STATES = 4  # whose gradients are shown over training
EXAMPLES = 4  # whose activations are shown (of sequences, the first one's)


def new_figure(height: float = 3.0) -> Figure:
    """Return an empty figure that is as wide as the page."""
    require_matplotlib()
    from matplotlib.figure import Figure

    return Figure(figsize=(5.6, height), layout="constrained")


def results(report: TrainingReport, net: Network) -> str:
    """Show the losses, as numbers."""
    history = report.history
    value, _ = evaluate(net, report.x, report.target, report.loss, report.lengths)
    best = history.best_epoch
    rows: dict[str, object] = {
        "loss on this report's data": f"{value:.4g}",
        "training loss, last": f"{history.loss[-1]:.4g}",
    }
    if history.validation_loss:
        rows["validation loss, last"] = f"{history.validation_loss[-1]:.4g}"
    if history.validation_score:
        rows["validation score, last"] = f"{history.validation_score[-1]:.4g}"
    if best >= 0:
        rows["best epoch"] = f"{best + 1}, with {abs(history.monitored[best]):.4g}"
    rows["ended by"] = history.stopped or "not yet"
    return section("Results", table(rows))


def learning_curves(history: History) -> str:
    """Show the losses and the norm of the gradient over the epochs."""
    losses, norms = new_figure(), new_figure(2.2)
    plotting.learning_curves(history, ax=losses.subplots())
    ax = norms.subplots()
    ax.plot(np.arange(1, len(history) + 1) - 0.5, history.gradient_norm, color="#0072B2")
    ax.set(xlabel="epoch", ylabel="‖∂L/∂θ‖", xlim=(0, len(history)))
    ax.set_ylim(bottom=0)
    ax.grid(color="0.9", linewidth=0.8)
    ax.spines[["top", "right"]].set_visible(False)
    return section(
        "Learning curves",
        picture(
            losses,
            "Line plot of the loss against the epoch",
            "Training loss is the mean over an epoch, drawn at its middle.",
        ),
        picture(
            norms,
            "Line plot of the gradient's norm against the epoch",
            "Mean norm of the minibatches' gradients, before clipping.",
        ),
    )


def gradient_flow(watch: GradientFlowWatch) -> str:
    """Show how much gradient arrives at each step, now and over training."""
    epoch, last = max(watch.flows.items())
    now = new_figure()
    plotting.plot_gradient_flow(last, ax=now.subplots())
    shares = {name: f"{last.vanishing[name]:.0%} vanishing, {last.exploding[name]:.0%} exploding" for name in last.norm}
    parts = [
        picture(
            now,
            "Line plot of the norm of the gradient of each state against the step",
            f"After epoch {epoch}: mean over {len(last.lengths)} sequences, and a band for their middle half. "
            "A line that falls away from the end it starts from is a vanishing gradient.",
        ),
        table(shares),
    ]
    for name in list(last.norm)[:MOST_STATES]:
        over = new_figure()
        plotting.plot_gradient_flow_over_training(watch, name, ax=over.subplots())
        parts.append(
            picture(
                over, f"Colour map of the gradient's norm for {name}, by epoch and step", f"State {name} over training."
            )
        )
    return section("Gradient flow", *parts)


def activations(report: TrainingReport, net: Network) -> str:
    """Show what the layers do with the first sequence, or with some static examples."""
    x, _, lengths = first_examples(net, report.x, report.target, report.lengths, n=EXAMPLES)
    seen = activations_of(net, x, lengths)
    layers = {f"{k}": f"layer {k}, {type(layer).__name__}" for k, layer in enumerate(net.layers)}
    in_time = [name for name in layers if seen[name].ndim == 3]
    if in_time:
        figure = new_figure(0.5 + 1.4 * len(in_time))
        plotting.plot_activations(seen, 0, names=in_time, figure=figure)
        shown = "What each layer puts out while the first sequence goes by; a row is a unit."
    else:
        figure = new_figure(1.4 * min(EXAMPLES, len(seen["0"])))
        plotting.layer_activations({layers[name]: seen[name][:EXAMPLES] for name in layers}, figure=figure)
        shown = "What each layer puts out for the first examples, one in each row; a pixel is a unit."
    return section("Activations", picture(figure, "Pictures of the activations of each layer", shown))


def confusion(report: TrainingReport, net: Network) -> str:
    """Show which classes are taken for which; nothing for a network that does not classify."""
    if not isinstance(report.loss, CrossEntropy):
        return ""
    counts = np.zeros((net.n_outputs, net.n_outputs), int)

    def score(target: Array, output: Array) -> float:
        nonlocal counts
        classes = target if target.ndim == 1 else target.argmax(axis=1)
        counts = metrics.confusion_matrix(classes, output.argmax(axis=1), net.n_outputs)
        return metrics.accuracy(target, output)

    _, accuracy = evaluate(net, report.x, report.target, report.loss, report.lengths, score=score)
    right = paragraph(f"Accuracy on this report's data: {accuracy:.4f}, of {counts.sum():,} answers.")
    if net.n_outputs > MOST_CLASSES:
        return section("Confusions", right)
    figure = new_figure(min(5.6, 2.0 + 0.35 * net.n_outputs))
    plotting.confusion_matrix(counts, class_names=report.class_names, ax=figure.subplots())
    return section("Confusions", right, picture(figure, "Confusion matrix", "Rows are the true classes."))


def configuration(report: TrainingReport, net: Network) -> str:
    """Show the network, the loss, and what the user has to add."""
    rows = {f"layer {k}": layer for k, layer in enumerate(net.layers)}
    seeds = {"seed of the network": net.seed}
    return section(
        "Configuration", table({**rows, "loss": report.loss, "dtype": net.dtype.name, **seeds, **report.settings})
    )


def data(report: TrainingReport, net: Network) -> str:
    """Show what tells this report's data from others."""
    found = TrainingSet(net.interface, report.x, report.lengths, target=report.target, loss=report.loss).fingerprint()
    hashes = {f"SHA-256 of {name}": value for name, value in found.items() if isinstance(value, str)}
    sizes = {"examples": found["examples"], "shape of the input": tuple(found["shape"])}
    return section("Data", table(sizes | hashes))


def provenance() -> str:
    """Show versions and the machine."""
    return section("Provenance", table(versions() | machine()))
