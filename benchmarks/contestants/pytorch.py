"""PyTorch on the CPU."""

from __future__ import annotations

import os

import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pack_sequence, pad_packed_sequence

from benchmarks import data
from benchmarks.contestants import LEARNING_RATE, Prepared
from benchmarks.tasks import LabelSequenceLoss, Recurrent, SpeechEpoch, StaticEpoch, Streaming

torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads())))

LAYERS = {"elman": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
NAMES = {"weight_ih_l0": "input_weight", "weight_hh_l0": "recurrent_weight", "bias_ih_l0": "bias"}


def load(module: nn.Module, parameters: dict[str, np.ndarray], suffix: str = "") -> None:
    """Write a recurrent layer's parameters; PyTorch's matrices are transposed, and it has a second bias always."""
    with torch.no_grad():
        for theirs, ours in NAMES.items():
            getattr(module, theirs + suffix).copy_(torch.from_numpy(parameters[ours + suffix].T))
        second = parameters.get("recurrent_bias" + suffix)
        getattr(module, "bias_hh_l0" + suffix).copy_(torch.tensor(0.0) if second is None else torch.from_numpy(second))


def gradients_of(module: nn.Module, *, second_bias: bool = False, suffix: str = "") -> dict[str, np.ndarray]:
    """Return a recurrent layer's gradients under the project's names and in its layout."""
    names = NAMES | ({"bias_hh_l0": "recurrent_bias"} if second_bias else {})
    return {f"d_{ours}{suffix}": getattr(module, theirs + suffix).grad.numpy().T for theirs, ours in names.items()}


def recurrent(task: Recurrent) -> Prepared:
    """Return a training step, or inference, of one layer; ragged batches as packed sequences."""
    module, (x, dy) = LAYERS[task.cell](*task.shape[2:]), task.data()
    load(module, task.parameters())
    x, dy, lengths = torch.from_numpy(x), torch.from_numpy(dy), torch.from_numpy(task.lengths)
    x.requires_grad_(task.training)
    d_packed = pack_padded_sequence(dy, lengths, enforce_sorted=False).data

    def forward():
        if task.ragged:
            return module(pack_padded_sequence(x, lengths, enforce_sorted=False))[0]
        return module(x)[0]

    def train():
        module.zero_grad()
        x.grad = None
        y = forward()
        if task.ragged:
            y.data.backward(d_packed)
        else:
            y.backward(dy)
        return y

    def infer():
        with torch.inference_mode():
            return forward()

    def check():
        y = train() if task.training else infer()
        padded = pad_packed_sequence(y)[0] if task.ragged else y
        results = {"output": padded.detach().numpy()}
        if task.training:
            results |= {"d_x": x.grad.numpy()} | gradients_of(module, second_bias=task.cell == "gru")
        return results

    return Prepared(train if task.training else infer, check)


def streaming(task: Streaming) -> Prepared:
    """Return the call of an LSTM with its state, on one frame."""
    module, (frames, _) = nn.LSTM(task.n_inputs, task.hidden), task.layer.data()
    load(module, task.layer.parameters())
    frames = torch.from_numpy(frames)
    state = [None]

    def push(frame=frames[:1]):
        with torch.inference_mode():
            y, state[0] = module(frame, state[0])
        return y

    def check():
        state[0] = None
        return {"output": np.concatenate([push(frames[t : t + 1]).numpy() for t in range(len(frames))])}

    return Prepared(push, check)


def static(task: StaticEpoch) -> Prepared:
    """Return epochs of a plain training loop; the minibatches are cut from one tensor, without a DataLoader."""
    x, x_test, y, y_test = (torch.from_numpy(a) for a in data.images(task))
    n_inputs, hidden, classes = task.sizes

    def make():
        model = nn.Sequential(nn.Linear(n_inputs, hidden), nn.ReLU(), nn.Linear(hidden, classes))
        with torch.no_grad():
            for parameter, first in zip(model.parameters(), task.parameters(), strict=True):
                parameter.copy_(torch.from_numpy(first.T))
        return model

    loss_of = nn.CrossEntropyLoss()

    def fit(model, epochs):
        adam = torch.optim.Adam(model.parameters(), LEARNING_RATE)
        for _ in range(epochs):
            for chosen in torch.randperm(len(x)).split(task.batch):
                adam.zero_grad()
                loss_of(model(x[chosen]), y[chosen]).backward()
                adam.step()

    def check():
        model = make()
        loss = loss_of(model(x[: task.batch]), y[: task.batch])
        loss.backward()
        return {
            "loss": loss.detach().numpy(),
            **{f"d_{k}": p.grad.numpy().T for k, p in enumerate(model.parameters())},
        }

    def score():
        model = make()
        fit(model, task.score_epochs)
        with torch.inference_mode():
            return float((model(x_test).argmax(1) == y_test).float().mean())

    trained = make()
    return Prepared(lambda: fit(trained, task.epochs), check, score)


def speech(task: SpeechEpoch) -> Prepared:
    """Return an epoch over packed sequences, in minibatches of like lengths."""
    frames, y = data.speech(task)
    lengths, x, y = np.array([len(f) for f in frames]), [torch.from_numpy(f) for f in frames], torch.from_numpy(y)
    lstm, dense = nn.LSTM(task.n_mels, task.hidden, bidirectional=True), nn.Linear(2 * task.hidden, task.classes)
    model, first, loss_of = nn.ModuleList([lstm, dense]), task.parameters(), nn.CrossEntropyLoss()

    def loss(chosen):
        packed = pack_sequence([x[i] for i in chosen], enforce_sorted=False)
        padded, n_frames = pad_packed_sequence(lstm(packed)[0])
        return loss_of(dense(padded.sum(0) / n_frames[:, None]), y[chosen])

    rng = np.random.default_rng(task.seed)

    def fit():
        adam = torch.optim.Adam(model.parameters(), LEARNING_RATE)
        for chosen in data.bucketed(lengths, task.batch, rng):
            adam.zero_grad()
            loss(chosen).backward()
            adam.step()

    def check():
        for suffix in ("", "_reverse"):
            load(lstm, first, suffix)
        with torch.no_grad():
            dense.weight.copy_(torch.from_numpy(first["weight"].T))
            dense.bias.copy_(torch.from_numpy(first["bias_out"]))
        model.zero_grad()
        value = loss(np.arange(task.batch))
        value.backward()
        return {
            "loss": value.detach().numpy(),
            **gradients_of(lstm),
            **gradients_of(lstm, suffix="_reverse"),
            "d_weight": dense.weight.grad.numpy().T,
            "d_bias_out": dense.bias.grad.numpy(),
        }

    return Prepared(fit, check)


def label_sequence_loss(task: LabelSequenceLoss) -> Prepared:
    """Return the loss of padded logits, log-softmaxed, and its gradient.

    It is compared with others in float64: in float32, its sums of logarithms lose 2e-4 over 300 steps.
    """
    single, lengths, labels = map(torch.from_numpy, task.data())
    double = single.double().requires_grad_()
    single.requires_grad_()
    label_lengths = torch.full((len(labels),), labels.shape[1])

    def run(logits=single):
        logits.grad = None
        log_p = logits.log_softmax(-1)
        value = nn.functional.ctc_loss(log_p, labels, lengths, label_lengths, reduction="sum")
        value.backward()
        return value

    def check():
        value = run(double)
        return {"loss": value.detach().numpy(), "d_logits": double.grad.numpy()}

    return Prepared(run, check)


TASKS = {
    Recurrent: recurrent, Streaming: streaming, StaticEpoch: static, SpeechEpoch: speech,
    LabelSequenceLoss: label_sequence_loss,
}  # fmt: skip
