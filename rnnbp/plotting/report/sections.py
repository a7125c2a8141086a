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
from rnnbp.plotting.axes import require_matplotlib, shown
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
NAMES = {"batch_size": "batch size", "max_epochs": "epochs at most", "seed": "seed of fit"}
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
    if best >= 0 and history.validation_loss:
        figures = history.validation_score if history.monitor == "score" else history.validation_loss
        rows["best epoch"] = f"{best + 1}, with a validation {history.monitor} of {figures[best]:.4g}"
    rows["ended by"] = history.stopped or "not yet"
    return section("Results", table(rows))


def learning_curves(history: History) -> str:
    """Show the losses and the norm of the gradient over the epochs."""
    losses, norms = new_figure(), new_figure(2.2)
    plotting.learning_curves(history, ax=losses.subplots())
    ax = norms.subplots()
    ax.plot(np.arange(1, len(history) + 1) - 0.5, history.gradient_norm, color="#0072B2")
    ax.set(xlabel="epoch", ylabel="‖∂L/∂θ‖", xlim=(0, len(history)))
    ax.update_datalim([(0.0, 0.0)])  # so that the room above is a share of the whole axis
    ax.autoscale_view(scalex=False)
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
    shares = {
        shown(name): f"{last.vanishing[name]:.0%} vanishing, {last.exploding[name]:.0%} exploding" for name in last.norm
    }
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
                over,
                f"Colour map of the gradient's norm for {name}, by epoch and step",
                f"{shown(name)}, over training.",
            )
        )
    return section("Gradient flow", *parts)


def activations(report: TrainingReport, net: Network) -> str:
    """Show what the layers do with the first sequence, or with some static examples."""
    x, _, lengths = first_examples(net, report.x, report.target, report.lengths, n=EXAMPLES)
    seen = activations_of(net, x, lengths)
    layers = {f"{k}": f"layer {k}, {type(layer).__name__}" for k, layer in enumerate(net.layers)}
    in_time = [name for name in layers if seen[name].ndim == 3]
    once = {layers[name]: seen[name][:EXAMPLES] for name in layers if seen[name].ndim == 2}
    pictures = []
    if in_time:
        figure = new_figure(0.5 + 1.4 * len(in_time))
        plotting.plot_activations(seen, 0, names=in_time, figure=figure)
        caption = "What each layer puts out while the first sequence goes by; a row is a unit."
        pictures.append(picture(figure, "Pictures of the activations of each layer over time", caption))
    if once:
        n_examples = len(next(iter(once.values())))
        examples = "sequence" if in_time else "example"
        figure = new_figure(0.8 + 1.2 * n_examples)
        names = [f"{examples} {i + 1}" for i in range(n_examples)]
        plotting.layer_activations(once, row_names=names, figure=figure)
        caption = f"What each layer puts out once for each of the first {examples}s; a pixel is a unit."
        pictures.append(picture(figure, "Pictures of the activations of each layer", caption))
    return section("Activations", *pictures)


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
    rows: dict[str, object] = {f"layer {k}": layer for k, layer in enumerate(net.layers)}
    rows |= {"dtype": net.dtype.name, "seed of the network": net.seed, "loss": report.loss}
    called = {NAMES.get(name, name): value for name, value in report.history.settings.items()}
    if rates := [rate for rate in report.history.learning_rate if rate == rate]:
        called["learning rate, after the first and the last epoch"] = f"{rates[0]:.3g}, {rates[-1]:.3g}"
    return section("Configuration", table(rows | called | report.settings))


def data(report: TrainingReport, net: Network) -> str:
    """Show what tells this report's data from others."""
    seen = TrainingSet(net.interface, report.x, report.lengths, target=report.target, loss=report.loss)
    hashes = {f"SHA-256 of {name}": value for name, value in seen.fingerprint().items() if isinstance(value, str)}
    sizes: dict[str, object] = {"examples": seen.n_examples, "shape of one": tuple(seen.frames.shape[1:])}
    if seen.lengths is not None:
        shortest, longest = seen.lengths.min(), seen.lengths.max()
        steps = f"{shortest}" if shortest == longest else f"{shortest} to {longest}"
        sizes = {"sequences": seen.n_examples, "steps of each": steps, "shape of a step": tuple(seen.frames.shape[1:])}
    return section("Data", table(sizes | hashes))


def provenance() -> str:
    """Show versions and the machine."""
    return section("Provenance", table(versions() | machine()))
