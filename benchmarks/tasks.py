"""The tasks: what is computed, in numbers that every contestant is given. Nothing here knows a framework."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

GATES = {"elman": 1, "gru": 3, "lstm": 4}
STORED = {"elman": 2, "gru": 5, "lstm": 6}  # columns of width H that a training step keeps of each frame


@dataclass(frozen=True)
class Task:
    """What all tasks share.

    Attributes
    ----------
    seed : int
        Of parameters and data.
    """

    seed: int = 0

    @property
    def repeats(self) -> int:
        """How many units (steps, frames, epochs) one call does; times are given for one."""
        return 1

    @property
    def flops(self) -> float | None:
        """Floating-point operations of one unit's matrix products, where they are counted."""
        return None

    @property
    def stored_bytes(self) -> int | None:
        """Bytes of the activations that one call has to keep, where a formula says."""
        return None

    @property
    def baseline(self) -> Self | None:
        """The task that this one's time is also put over, in the same process, turn by turn; None if there is none."""
        return None

    @property
    def not_compared(self) -> frozenset[str]:
        """Names of results that may differ between contestants who are all right."""
        return frozenset()

    def tiny(self) -> Self:
        """Return the task at a size that loads and compiles everything but needs no memory."""
        return self


@dataclass(frozen=True)
class Recurrent(Task):
    """One recurrent layer over one batch.

    Attributes
    ----------
    cell : {"elman", "gru", "lstm"}
    shape : tuple (T, B, I, H)
    training : bool
        Forwards and backwards, with the gradients of all parameters and of the input; or forwards only.
    ragged : bool
        Whether lengths are drawn from T / 4 to T, or are all T.
    scale : float
        Of the input: 1e-40 makes every number of it a denormal one.
    """

    cell: str = "lstm"
    shape: tuple[int, int, int, int] = (20, 1, 8, 32)
    training: bool = True
    ragged: bool = False
    scale: float = 1.0

    @property
    def flops(self) -> float:
        """2 R G H (I + H), three times for training."""
        _, _, n_inputs, hidden = self.shape
        once = 2.0 * self.lengths.sum() * GATES[self.cell] * hidden * (n_inputs + hidden)
        return once * (3 if self.training else 1)

    @property
    def stored_bytes(self) -> int | None:
        """R (sum of block widths + sum of variable widths + I) numbers of 4 bytes: z, the states, and dL/dx."""
        _, _, n_inputs, hidden = self.shape
        return 4 * int(self.lengths.sum()) * (STORED[self.cell] * hidden + n_inputs) if self.training else None

    @property
    def baseline(self) -> Self | None:
        """The same with normal inputs."""
        return None if self.scale == 1.0 else replace(self, scale=1.0)

    @property
    def not_compared(self) -> frozenset[str]:
        """The gradient of the input's weight is as large as the input: if denormal, some keep it and some make it 0."""
        return frozenset({"d_input_weight"}) if self.scale < np.finfo(np.float32).tiny else frozenset()

    @property
    def lengths(self) -> NDArray[np.int64]:
        """The sequences' lengths, of shape (B,); the longest is T."""
        n_steps, n_sequences = self.shape[:2]
        lengths = np.full(n_sequences, n_steps)
        if self.ragged:
            lengths[1:] = np.random.default_rng(self.seed).integers(-(-n_steps // 4), n_steps + 1, n_sequences - 1)
        return lengths

    def parameters(self) -> dict[str, Array]:
        """Return weights (inputs, gates * hidden) and biases, gates in the order i f g o or r z n."""
        _, _, n_inputs, hidden = self.shape
        columns = GATES[self.cell] * hidden
        shapes = {"input_weight": (n_inputs, columns), "recurrent_weight": (hidden, columns), "bias": (columns,)}
        if self.cell == "gru":
            shapes["recurrent_bias"] = (columns,)
        rng, bound = np.random.default_rng(self.seed + 1), hidden**-0.5
        return {name: rng.uniform(-bound, bound, shape).astype(np.float32) for name, shape in shapes.items()}

    def data(self) -> tuple[Array, Array]:
        """Return x (T, B, I) and dL/dy (T, B, H), zero where there is padding."""
        n_steps, n_sequences, n_inputs, hidden = self.shape
        rng = np.random.default_rng(self.seed + 2)
        x = rng.standard_normal((n_steps, n_sequences, n_inputs), dtype=np.float32)
        dy = rng.standard_normal((n_steps, n_sequences, hidden), dtype=np.float32)
        real = (np.arange(n_steps)[:, None] < self.lengths)[..., None]
        return x * real * np.float32(self.scale), dy * real

    def tiny(self) -> Self:
        """Return two steps of two sequences."""
        return replace(self, shape=(2, 2, 3, 8))


@dataclass(frozen=True)
class Streaming(Task):
    """An LSTM given one frame of one sequence at a time, its state carried on."""

    n_inputs: int = 40
    hidden: int = 64

    @property
    def layer(self) -> Recurrent:
        """The layer, and 20 frames to compare results on."""
        return Recurrent(self.seed, "lstm", (20, 1, self.n_inputs, self.hidden), training=False)


@dataclass(frozen=True)
class StaticEpoch(Task):
    """Epochs of a multilayer perceptron (ReLU, cross-entropy, Adam) over images of digits.

    Attributes
    ----------
    images : {"digits", "mnist"}
    sizes : tuple (inputs, hidden units, classes)
    batch : int
    epochs : int
        Of one call; a call also checks its data and sets up, which a user pays once a fit.
    score_epochs : int
        After so many the accuracy on the test images is compared.
    limit : int or None
        Use only so many training images.
    """

    images: str = "digits"
    sizes: tuple[int, int, int] = (64, 64, 10)
    batch: int = 32
    epochs: int = 10
    score_epochs: int = 30
    limit: int | None = None

    @property
    def repeats(self) -> int:
        """A call does several epochs."""
        return self.epochs

    def parameters(self) -> list[Array]:
        """Return W1 (inputs, hidden), b1, W2 (hidden, classes), b2."""
        rng, parameters = np.random.default_rng(self.seed + 1), []
        for n_inputs, n_outputs in zip(self.sizes[:-1], self.sizes[1:], strict=True):
            bound = n_inputs**-0.5
            parameters += [rng.uniform(-bound, bound, (n_inputs, n_outputs)), rng.uniform(-bound, bound, n_outputs)]
        return [p.astype(np.float32) for p in parameters]

    def tiny(self) -> Self:
        """Return an epoch of two minibatches."""
        return replace(self, limit=2 * self.batch, epochs=1)


@dataclass(frozen=True)
class SpeechEpoch(Task):
    """An epoch of a bidirectional LSTM, the mean over time and a dense layer, over spoken digits of real lengths."""

    n_mels: int = 40
    hidden: int = 64
    classes: int = 10
    batch: int = 32
    limit: int | None = None

    def parameters(self) -> dict[str, Array]:
        """Return the LSTM's parameters, those of its backward direction (ending in _reverse), weight and bias."""
        shape = (1, 1, self.n_mels, self.hidden)
        forward, backward = (Recurrent(self.seed + k, "lstm", shape).parameters() for k in (0, 10))
        rng, bound = np.random.default_rng(self.seed + 20), (2 * self.hidden) ** -0.5
        return {
            **forward,
            **{f"{name}_reverse": value for name, value in backward.items()},
            "weight": rng.uniform(-bound, bound, (2 * self.hidden, self.classes)).astype(np.float32),
            "bias_out": rng.uniform(-bound, bound, self.classes).astype(np.float32),
        }

    def tiny(self) -> Self:
        """Return an epoch of two minibatches."""
        return replace(self, limit=2 * self.batch)


@dataclass(frozen=True)
class LabelSequenceLoss(Task):
    """Connectionist temporal classification of a batch: the losses, and the gradient of their sum to the logits.

    Attributes
    ----------
    shape : tuple (T, B, C, L)
        Steps, sequences, classes, and labels of each sequence.
    ragged : bool
        Whether lengths are drawn from 2 L to T, or are all T.
    """

    shape: tuple[int, int, int, int] = (300, 16, 28, 40)
    ragged: bool = False

    def data(self) -> tuple[Array, NDArray[np.int64], NDArray[np.int64]]:
        """Return logits (T, B, C), lengths (B,), and labels (B, L) from 1 to C - 1; 0 is the blank."""
        n_steps, n_sequences, n_classes, n_labels = self.shape
        rng = np.random.default_rng(self.seed + 2)
        logits = rng.standard_normal((n_steps, n_sequences, n_classes), dtype=np.float32)
        lengths = np.full(n_sequences, n_steps)
        if self.ragged:
            lengths = rng.integers(2 * n_labels, n_steps + 1, n_sequences)
        return logits, lengths, rng.integers(1, n_classes, (n_sequences, n_labels))

    def tiny(self) -> Self:
        """Return six steps of two sequences."""
        return replace(self, shape=(6, 2, 4, 2))


@dataclass(frozen=True)
class BeamDecoding(Task):
    """A prefix beam search over logits, without a language model.

    Attributes
    ----------
    shape : tuple (T, B, C)
    width : int
        Of the beam.
    """

    shape: tuple[int, int, int] = (300, 4, 28)
    width: int = 60

    def logits(self) -> list[Array]:
        """Return B arrays (T, C), mostly sure of the blank or of one label, as a trained network's are."""
        n_steps, n_sequences, n_classes = self.shape
        rng = np.random.default_rng(self.seed + 2)
        logits = rng.standard_normal((n_sequences, n_steps, n_classes), dtype=np.float32)
        said = rng.integers(1, n_classes, (n_sequences, n_steps)) * (rng.random((n_sequences, n_steps)) < 0.3)
        np.put_along_axis(logits, said[..., None], 6.0, axis=2)
        return list(logits)

    def tiny(self) -> Self:
        """Return five steps of two sequences."""
        return replace(self, shape=(5, 2, 4), width=3)


@dataclass(frozen=True)
class SquareProduct(Task):
    """A product of two n x n matrices: the machine's own peak.

    Attributes
    ----------
    n : int
    scale : float
        Of the second matrix.
    """

    n: int = 2048
    scale: float = 1.0

    @property
    def flops(self) -> float:
        """2 n^3."""
        return 2.0 * self.n**3

    @property
    def baseline(self) -> Self | None:
        """The same of normal numbers."""
        return None if self.scale == 1.0 else replace(self, scale=1.0)

    def tiny(self) -> Self:
        """Return a product of 8 x 8."""
        return replace(self, n=8)
