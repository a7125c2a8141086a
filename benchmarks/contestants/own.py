"""The project."""

from __future__ import annotations

from functools import partial

import numpy as np

import rnnbp
from benchmarks import data
from benchmarks.contestants import LEARNING_RATE, Prepared
from benchmarks.tasks import BeamDecoding, LabelSequenceLoss, Recurrent, SpeechEpoch, StaticEpoch, Streaming
from rnnbp import decoding, gradients, layers, losses, metrics, optimizers

LAYERS = {"elman": layers.Elman, "gru": layers.GRU, "lstm": layers.LSTM}


def recurrent(task: Recurrent, *, compiled: bool = True) -> Prepared:
    """Return a training step, or inference, of one layer."""
    net, (x, dy) = recurrent_network(task, compiled=compiled), task.data()
    lengths = task.lengths if task.ragged else None
    steps = net.batch(x, lengths).packing
    assert steps is not None
    d_rows = steps.pack(dy)  # what a loss gives

    def train():
        forward = net.run(x, lengths)
        return forward, forward.backward_rows(d_rows)

    def check():
        if not task.training:
            return {"output": net.forward(x, lengths)}
        forward, gradient = train()
        named = {f"d_{name[2:]}": value for name, value in net.unflatten(gradient.theta).items()}
        return {"output": forward.output, "d_x": gradient.x, **named}

    return Prepared(train if task.training else partial(net.forward, x, lengths), check)


def recurrent_network(task: Recurrent, *, compiled: bool = True) -> rnnbp.Network:
    """Return the layer with the task's parameters."""
    layer = LAYERS[task.cell](*task.shape[2:], gradient=gradients.BPTT(compiled=compiled))
    net = rnnbp.Network([layer])
    for name, value in task.parameters().items():
        net.parameters[f"0.{name}"][...] = value
    return net


def streaming(task: Streaming) -> Prepared:
    """Return the pushing of one frame."""
    net = recurrent_network(task.layer)
    frames = np.ascontiguousarray(task.layer.data()[0][:, 0])

    def check():
        stream = net.stream()
        return {"output": np.array([stream.push(frame) for frame in frames])[:, None]}

    return Prepared(partial(net.stream().push, frames[0]), check)


def static_network(task: StaticEpoch) -> rnnbp.Network:
    """Return the perceptron with the task's first parameters."""
    n_inputs, hidden, classes = task.sizes
    net = rnnbp.Network([layers.Dense(n_inputs, hidden), layers.Activation("relu"), layers.Dense(hidden, classes)])
    names = ("0.weight", "0.bias", "2.weight", "2.bias")
    for name, value in zip(names, task.parameters(), strict=True):
        net.parameters[name][...] = value
    return net


def static(task: StaticEpoch) -> Prepared:
    """Return epochs of `rnnbp.fit`."""
    x, x_test, y, y_test = data.images(task)
    trained = static_network(task)

    def fit(net, epochs):
        adam = optimizers.Adam(LEARNING_RATE)
        rnnbp.fit(
            net, x, y, loss=losses.CrossEntropy(), optimizer=adam, max_epochs=epochs, batch_size=task.batch,
            seed=task.seed, progress=False,
        )  # fmt: skip

    def check():
        net = static_network(task)
        loss, gradient = net.loss_and_gradient(x[: task.batch], y[: task.batch], losses.CrossEntropy())
        return {"loss": np.array(loss), **{f"d_{k}": d for k, d in enumerate(net.unflatten(gradient).values())}}

    def score():
        net = static_network(task)
        fit(net, task.score_epochs)
        return metrics.accuracy(y_test, rnnbp.predict(net, x_test))

    return Prepared(partial(fit, trained, task.epochs), check, score)


def speech(task: SpeechEpoch) -> Prepared:
    """Return an epoch of `rnnbp.fit` over spoken digits."""
    x, y = data.speech(task)
    net = rnnbp.Network(
        [
            layers.LSTM(task.n_mels, task.hidden, bidirectional=True),
            layers.MeanOverTime(),
            layers.Dense(2 * task.hidden, task.classes),
        ]
    )
    places = {"weight": "2.weight", "bias_out": "2.bias"}
    first = {places.get(name, f"0.{name}"): value for name, value in task.parameters().items()}
    loss = losses.CrossEntropy()

    def fit():
        rnnbp.fit(
            net, x, y, loss=loss, optimizer=optimizers.Adam(LEARNING_RATE), max_epochs=1, batch_size=task.batch,
            seed=task.seed, progress=False,
        )  # fmt: skip

    def check():
        for name, value in first.items():
            net.parameters[name][...] = value
        value, gradient = net.loss_and_gradient(x[: task.batch], y[: task.batch], loss)
        named = net.unflatten(gradient)
        given = {place: name for name, place in places.items()}
        return {"loss": np.array(value), **{f"d_{given.get(n, n[2:])}": d for n, d in named.items()}}

    return Prepared(fit, check)


def label_sequence_loss(task: LabelSequenceLoss) -> Prepared:
    """Return the loss of padded logits and its gradient, with all checks of the labels."""
    logits, lengths, labels = task.data()
    loss, target = losses.CTC(normalize="none"), list(labels)

    def run():
        return loss(logits, target, lengths=lengths)

    def check():
        value, gradient = run()
        return {"loss": np.array(value), "d_logits": gradient}

    return Prepared(run, check)


def beam_decoding(task: BeamDecoding) -> Prepared:
    """Return a beam search over all sequences."""
    logits, search = task.logits(), decoding.BeamSearch(task.width)

    def check():
        best = [found[0] for found in search.n_best(logits, 1)]
        return {"score": np.array([each.score for each in best]), "labels": np.concatenate([e.labels for e in best])}

    return Prepared(partial(search, logits), check)


TASKS = {
    Recurrent: recurrent, Streaming: streaming, StaticEpoch: static, SpeechEpoch: speech,
    LabelSequenceLoss: label_sequence_loss, BeamDecoding: beam_decoding,
}  # fmt: skip
