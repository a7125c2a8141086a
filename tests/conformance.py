"""The conformance table of layers and cells, and the problem that each of its entries is put to.

A new layer needs one entry in `LAYERS`, a new recurrent one or a new cell one in `RECURRENT`; a test fails if a public
one has none. Each entry is then checked in one way: a network of it alone, with random parameters, is given random
input and initial states, and

    value = sum(output * d_output) + sum(final_state * d_final)

with random d_output and d_final. The derivatives of `value` by each of its leaves (parameters, input, initial states)
are what the backward pass must give, and what central differences give, to about 1e-10 in float64.

Recurrent layers run as NumPy here, so that it is their text that is held against finite differences; `as_compiled`
returns the same layers as the engine runs them, which must compute the same.
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from rnnbp import layers
from rnnbp.activations import ACTIVATIONS
from rnnbp.data.packing import Packing
from rnnbp.gradients import BPTT
from rnnbp.layers import Layer, Recurrent
from rnnbp.networks.network import Network

I, H = 2, 3  # noqa: E741
SYMBOLS = 5

# Layers that take static examples and sequences alike, and those that pool sequences.
LAYERS: tuple[Layer, ...] = (
    layers.Dense(I, H),
    *(layers.Activation(name) for name in ACTIVATIONS),
    layers.Dropout(0.4),
    layers.Dropout(0.4, over_time=True),
    layers.LayerNorm(5),  # of two features little is left
    layers.Embedding(SYMBOLS, H),
    layers.Conv1D(I, H, 3),
    layers.Conv1D(I, H, 2, stride=2, dilation=2, causal=True),
    layers.LastStep(),
    layers.MeanOverTime(),
    layers.MaxOverTime(),
)

# Layers around a cell: each is tried in both directions, stacked, and with recurrent dropout.
Elman, Jordan, LSTM, GRU = (
    partial(layer, gradient=BPTT(compiled=False)) for layer in (layers.Elman, layers.Jordan, layers.LSTM, layers.GRU)
)
RECURRENT: dict[str, Callable[..., Recurrent]] = {
    "Elman": Elman,
    "Jordan, taught": partial(Jordan, n_outputs=2),
    "Jordan, closed loop": partial(Jordan, n_outputs=2, teacher_forcing=False, feedback_activation="tanh"),
    "LSTM": LSTM,
    "LSTM with peepholes": partial(LSTM, peepholes=True),
    "GRU, reset after": GRU,
    "GRU, reset before": partial(GRU, reset="before"),
    "LSTM, layer norm": partial(LSTM, layer_norm=True),
    "GRU, layer norm": partial(GRU, layer_norm=True),
    "Elman, clipped": partial(Elman, clip=2.0),
    "LSTM, variant": partial(LSTM, activations=("sigmoid", "softsign", "elu(0.5)"), clip=1.5),
    "LSTM, coupled, with peepholes": partial(LSTM, coupled=True, peepholes=True),
    "GRU, variant": partial(GRU, activations=("hard_sigmoid(0.2, 0.5)", "scaled_tanh(1.7, 0.6)"), clip=2.0),
    "GRU, variant, reset before": partial(GRU, activations=("sigmoid", "softsign"), reset="before"),
    "LSTM, zoneout": partial(LSTM, zoneout=0.3, zoneout_cell=0.5),
}


def _stack(factory: Callable[..., Recurrent]) -> list[Layer]:
    first = factory(I, H, bidirectional=True)
    return [first, factory(first.output_width(I), H)]


def _variants(name: str, factory: Callable[..., Recurrent]) -> dict[str, list[Layer]]:
    return {
        name: [factory(I, H)],
        f"{name}, reverse": [factory(I, H, reverse=True)],
        f"{name}, bidirectional": [factory(I, H, bidirectional=True)],
        f"{name}, stacked": _stack(factory),
        f"{name}, dropout": [factory(I, H, recurrent_dropout=0.4)],
        f"{name}, dropout both ways": [factory(I, H, recurrent_dropout=0.4, bidirectional=True)],
    }


RECURRENT_NETWORKS: dict[str, list[Layer]] = {
    **{case: stack for name, factory in RECURRENT.items() for case, stack in _variants(name, factory).items()},
    **{f"Elman, {name}": [Elman(I, H, activation=name)] for name in ACTIVATIONS},
    **{f"Jordan, {name}": [Jordan(I, H, activation=name, teacher_forcing=False)] for name in ACTIVATIONS},
    **{
        f"Jordan, feeds back {name}": [Jordan(I, H, n_outputs=2, feedback_activation=name, teacher_forcing=False)]
        for name in ACTIVATIONS
    },
    "LastStep, backwards": [LSTM(I, H, reverse=True), layers.LastStep(reverse=True)],
    "LastStep, both ways": [LSTM(I, H, bidirectional=True), layers.LastStep(bidirectional=True)],
    "Jordan, taught through an activation": [Jordan(I, H, n_outputs=2), layers.Activation("sigmoid")],
}
NETWORKS: dict[str, list[Layer]] = {**{repr(layer): [layer] for layer in LAYERS}, **RECURRENT_NETWORKS}


def as_compiled(stack: Sequence[Layer]) -> list[Layer]:
    """Return a table's layers again, recurrent ones with the gradient algorithm that they have by default."""
    return [
        type(layer)(**{**layer.settings(), "gradient": BPTT()}) if isinstance(layer, Recurrent) else layer
        for layer in stack
    ]


def is_random(stack: Sequence[Layer]) -> bool:
    """Whether dropout or zoneout makes a network's output depend on the draw."""
    rates = ("recurrent_dropout", "zoneout")
    return any(isinstance(layer, layers.Dropout) or any(getattr(layer, r, 0.0) for r in rates) for layer in stack)


class Problem:
    """A network of some layers, a differentiable `value` of its leaves, and the derivatives by the backward pass.

    `lengths` makes it a batch of padded sequences; else it is `n_examples` static ones. What lies in the padding, of
    input and cotangents, is NaN.
    """

    def __init__(
        self,
        stack: Sequence[Layer],
        lengths: Sequence[int] | None = None,
        *,
        n_examples: int = 4,
        dtype: str = "float64",
        seed: int = 1,  # one at which no rectifier is off in every row
        scale: float = 0.7,  # of the parameters
        compiled: bool = True,
    ) -> None:
        rng = np.random.default_rng(seed)
        self.stack = stack
        self.net = Network(stack, dtype=dtype, seed=seed, compiled=compiled)
        self.net.theta[:] = scale * rng.normal(size=self.net.theta.size)
        self.lengths = None if lengths is None else np.array(lengths)
        leading = (n_examples,) if lengths is None else (max(lengths), len(lengths))
        if isinstance(stack[0], layers.Embedding):
            self.x = rng.integers(SYMBOLS, size=leading)
        else:
            self.x = self._blank(rng.normal(size=(*leading, self.net.n_inputs or I)).astype(dtype))
        widths = {f"{k}.{name}": w for k, layer in enumerate(stack) for name, w in layer.states().items()}
        n_sequences = leading[-1]
        self.initial = {name: rng.normal(size=(n_sequences, w)).astype(dtype) for name, w in widths.items()}
        self.d_final = {name: rng.normal(size=(n_sequences, w)).astype(dtype) for name, w in widths.items()}
        self.teacher = None
        if self.net.interface.teacher_forced_layer is not None:
            n_rows = Packing(lengths).n_rows
            self.teacher = rng.normal(size=(n_rows, self.net.n_outputs)).astype(dtype)
        self.draws = self.net.rng.bit_generator.state
        output = self.run().output
        d_output = rng.normal(size=output.shape).astype(dtype)
        self.d_output = self._blank(d_output) if output.ndim == 3 else d_output

    def _blank(self, array: np.ndarray) -> np.ndarray:
        """Return the array with NaN after each sequence's end."""
        if self.lengths is not None:
            array[np.arange(len(array))[:, None] >= self.lengths] = np.nan
        return array

    def of_sequences(self, chosen: list[int]) -> "Problem":
        """Return the same problem for some of its sequences, in that order."""
        lengths, longest = self.lengths[chosen], self.lengths[chosen].max()
        part = Problem(self.stack, lengths, dtype=self.net.dtype)
        part.net.theta[:] = self.net.theta
        part.x = self.x[:longest, chosen]
        part.initial = {name: state[chosen] for name, state in self.initial.items()}
        part.d_final = {name: d[chosen] for name, d in self.d_final.items()}
        part.d_output = self.of_rows(self.d_output, chosen)
        if self.teacher is not None:
            part.teacher = Packing(lengths).pack(Packing(self.lengths).unpack(self.teacher)[:, chosen])
        return part

    def of_rows(self, rows: np.ndarray, chosen: list[int]) -> np.ndarray:
        """Return the part of an output, of an input or of their gradients that belongs to some sequences."""
        for lengths in (self.lengths, self.net.interface.output_lengths(self.lengths)):  # of inputs, and of outputs
            if rows.shape[:2] == (lengths.max(), len(lengths)):
                return rows[: lengths[chosen].max(), chosen]
        return rows[chosen]

    def run(self):
        """Run the network forwards, with the same dropout masks every time."""
        self.net.rng.bit_generator.state = self.draws
        return self.net.run(self.x, self.lengths, training=True, initial_states=self.initial, teacher=self.teacher)

    def value(self) -> float:
        """Return the weighted sum of what the network puts out."""
        forward = self.run()
        total = np.sum(forward.output * self.d_output, where=~np.isnan(self.d_output))
        return float(total + sum(np.sum(state * self.d_final[name]) for name, state in forward.final_states.items()))

    @property
    def leaves(self) -> dict[str, np.ndarray]:
        """What `value` can be differentiated by, to be changed in place."""
        inputs = {} if self.x.dtype.kind == "i" else {"x": self.x}
        return {**self.net.parameters, **inputs, **{f"initial {name}": s for name, s in self.initial.items()}}

    def gradients(self) -> dict[str, np.ndarray]:
        """Return the derivatives of `value` by each leaf, as the backward pass gives them."""
        gradients = self.run().backward(self.d_output, d_final_states=self.d_final)
        named = {**self.net.unflatten(gradients.theta), "x": gradients.x}
        named |= {f"initial {name}": d for name, d in gradients.initial_states.items()}
        return {name: named[name] for name in self.leaves}


STEP = 2e-5  # the differences err by 4 STEP^4 / 120 of the fifth derivative, and by 1e-16 / STEP of the value


def slope(value: Callable[[], float], leaf: np.ndarray, direction: np.ndarray) -> float:
    """Return the derivative of `value` by an array along a direction, by central differences of fourth order."""
    kept, total = leaf.copy(), 0.0
    for steps, weight in ((-2, 1 / 12), (-1, -2 / 3), (1, 2 / 3), (2, -1 / 12)):
        leaf[...] = kept + steps * STEP * direction
        total += weight * value()
    leaf[...] = kept
    return total / STEP


def numerical_gradient(value: Callable[[], float], leaf: np.ndarray) -> np.ndarray:
    """Return the derivatives of `value` by each element of an array; 0 where it is NaN."""
    gradient = np.zeros_like(leaf)
    for index in np.argwhere(~np.isnan(leaf)):
        unit = np.zeros_like(leaf)
        unit[tuple(index)] = 1.0
        gradient[tuple(index)] = slope(value, leaf, unit)
    return gradient


def error(actual: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest difference, relative to the largest value."""
    return float(np.abs(actual - expected).max() / np.abs(expected).max())
