"""Networks of random layers, which tests hand to other programs, and batches for them."""

import numpy as np
from hypothesis import strategies as st

from rnnbp import Network, layers

WIDTHS = st.integers(1, 5)
ELEMENTWISE = ["sigmoid", "tanh", "relu", "leaky_relu(0.3)", "elu(0.5)", "gelu", "softplus", "softsign"]


class Case:
    """A network with random parameters, and a ragged batch with initial states for it."""

    def __init__(self, stack, dtype, seed):
        rng = np.random.default_rng(seed)
        self.net = Network(stack, dtype=dtype)
        self.net.theta[:] = 0.5 * rng.normal(size=self.net.theta.size)
        self.lengths = rng.integers(1, 8, size=rng.integers(1, 5))
        shape = (self.lengths.max(), len(self.lengths))
        if isinstance(stack[0], layers.Embedding):
            self.x = rng.integers(stack[0].n_symbols, size=shape)
        else:
            self.x = rng.normal(size=(*shape, self.net.n_inputs)).astype(dtype)
        widths = {f"{k}.{name}": w for k, layer in enumerate(stack) for name, w in layer.states().items()}
        self.initial = {name: rng.normal(size=(shape[1], w)).astype(dtype) for name, w in widths.items()}
        self.run = self.net.run(self.x, self.lengths, initial_states=self.initial)

    def __repr__(self):
        return f"Case({self.net!r}, lengths={self.lengths})"

    def close(self, actual, expected, tolerance):
        """Check numbers, relative to the largest; of few features, layer normalisation blows rounding up."""
        assert actual.shape == expected.shape
        normalised = any(
            isinstance(layer, layers.LayerNorm) or getattr(layer, "layer_norm", False) for layer in self.net.layers
        )
        size = max(1.0, np.abs(expected).max())
        assert np.abs(actual - expected).max() < tolerance * size * (100 if normalised else 1)

    def inside(self):
        """Return whether each step of the output lies in its sequence, of shape (T, B, 1)."""
        lengths = self.net.interface.output_lengths(self.lengths)
        return (np.arange(lengths.max())[:, None] < lengths)[:, :, None]


@st.composite
def networks(draw, *, recurrent, activations=ELEMENTWISE, dtypes=("float32",), depth=3):
    """Draw a case.

    Parameters
    ----------
    recurrent : callable
        ``recurrent(draw, n_inputs, n_hidden, **direction)`` returns a recurrent layer that the program has.
    """
    width = draw(WIDTHS)
    stack = [layers.Embedding(7, width)] if draw(st.booleans()) else []
    last_direction, plain = {}, []
    for _ in range(draw(st.integers(1, depth))):
        kind = draw(st.sampled_from(["recurrent", "recurrent", "dense", "norm", "activation", "convolution"]))
        n = draw(WIDTHS)
        if kind == "recurrent":
            last_direction = draw(st.sampled_from([{}, {"reverse": True}, {"bidirectional": True}]))
            plain = [recurrent(draw, width, n, **last_direction)]
            width = plain[0].output_width(width)
        elif kind == "convolution":
            window = draw(st.integers(1, 4))
            options = {"causal": window > 1 and draw(st.booleans())}
            options[draw(st.sampled_from(["stride", "dilation"]))] = draw(st.integers(1, 3))
            plain, width, last_direction = [layers.Conv1D(width, n, window, **options)], n, {}
        elif kind == "dense":
            plain, width = [layers.Dense(width, n)], n
        elif kind == "norm":
            plain = [layers.LayerNorm(width, epsilon=draw(st.sampled_from([1e-5, 1e-3])))]
        else:
            plain = [layers.Activation(draw(st.sampled_from(activations)))]
        stack += plain
    pooling = [[], [layers.MeanOverTime()], [layers.MaxOverTime()]]
    if isinstance(stack[-1], layers.Recurrent):
        pooling.append([layers.LastStep(**last_direction)])
    stack += draw(st.sampled_from(pooling))
    if not any(layer.needs_time for layer in stack):
        stack.append(layers.MeanOverTime())
    if not any(hasattr(layer, name) for layer in stack for name in ("n_inputs", "n_features")):
        stack = [layers.Dense(width, width), *stack]
    if draw(st.booleans()):
        stack += [layers.Dropout(0.3), layers.Dense(width, 3), layers.Activation("softmax")]
    return Case(stack, draw(st.sampled_from(dtypes)), draw(st.integers(0, 2**32)))
