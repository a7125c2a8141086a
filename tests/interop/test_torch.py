"""Networks as modules of PyTorch, and modules as networks; where PyTorch is installed."""

from contextlib import nullcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_networks import ELEMENTWISE, networks

from rnnbp import Network, layers
from rnnbp.interop import InteropError
from rnnbp.interop.torch import from_module, to_module

torch = pytest.importorskip("torch")
nn = torch.nn
I, H = 4, 3  # noqa: E741


def recurrent(draw, n_inputs, n_hidden, **options):
    kind = draw(st.sampled_from([layers.Elman, layers.LSTM, layers.GRU]))
    if kind is layers.Elman:
        options["activation"] = draw(st.sampled_from(["tanh", "relu"]))
    return kind(n_inputs, n_hidden, **options)


TOLERANCE = {"float32": 1e-6, "float64": 1e-13}
cases = networks(recurrent=recurrent, activations=[*ELEMENTWISE, "thresholded_relu(0.2)"], dtypes=tuple(TOLERANCE))


def close(actual, expected):
    assert actual.shape == expected.shape
    assert np.abs(actual - expected).max() < 1e-6


def numbers(tensor):
    return tensor.detach().numpy()


@given(cases)
def test_a_module_computes_the_same_of_ragged_batches_with_states(case):
    module, dtype = to_module(case.net), case.net.dtype.name
    states = {name: torch.tensor(state) for name, state in case.initial.items()}
    y, final = module.run(torch.tensor(case.x), torch.tensor(case.lengths), states)
    case.close(numbers(y), case.run.output, TOLERANCE[dtype])
    assert final.keys() == case.run.final_states.keys()
    for name, state in case.run.final_states.items():
        case.close(numbers(final[name]), state, TOLERANCE[dtype])
    case.close(numbers(module(torch.tensor(case.x))), case.net.forward(case.x), TOLERANCE[dtype])


@given(cases)
def test_a_network_comes_back_as_it_was(case):
    back = from_module(to_module(case.net))
    assert back.layers == case.net.layers
    assert back.dtype == case.net.dtype
    np.testing.assert_array_equal(back.theta, case.net.theta)


def test_gradients_are_the_same():
    net = Network([layers.LSTM(I, H), layers.LastStep(), layers.Dense(H, 2)], dtype="float64")
    x = np.random.default_rng(0).normal(size=(5, 3, I))
    module = to_module(net)
    module(torch.tensor(x)).sum().backward()
    gradients = net.run(x).backward(np.ones((3, 2)))
    weight = numbers(module.layers[0].weight_ih_l0.grad).T
    np.testing.assert_allclose(net.unflatten(gradients.theta)["0.input_weight"], weight, atol=1e-12)


class Pattern(nn.Module):
    """A recurrent module, one of its steps, states or a pool, and a linear one, as people write it."""

    def __init__(self, kind, way, *, bidirectional, n_layers, batch_first):
        super().__init__()
        settings = {"bidirectional": bidirectional, "num_layers": n_layers, "batch_first": batch_first, "dropout": 0.1}
        self.rnn = kind(I, H, **settings)
        self.head = nn.Linear(H * (1 + bidirectional), 2)
        self.way, self.time = way, int(batch_first)

    def forward(self, x):
        output, states = self.rnn(x)
        h = states[0] if isinstance(self.rnn, nn.LSTM) else states
        match self.way:
            case "last":
                pooled = output[:, -1] if self.time else output[-1]
            case "first":
                pooled = output[:, 0, :] if self.time else output[0]
            case "mean":
                pooled = output.mean(dim=self.time)
            case "max":
                pooled = output.max(dim=self.time)[0]
            case "amax":
                pooled = torch.amax(output, self.time)
            case "state":
                pooled = torch.cat([h[-2], h[-1]], dim=1) if self.rnn.bidirectional else h[-1]
            case _:
                pooled = output
        return torch.relu(self.head(pooled))


@pytest.mark.parametrize("way", ["last", "first", "mean", "max", "amax", "state", "steps"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
@pytest.mark.filterwarnings("ignore:dropout option adds dropout")
def test_the_common_pattern_is_taken_over(kind, bidirectional, way):
    for n_layers, batch_first in ((1, True), (2, False)):
        module = Pattern(kind, way, bidirectional=bidirectional, n_layers=n_layers, batch_first=batch_first).eval()
        wrong_end = way == "first" or (way == "last" and bidirectional)  # one direction has only begun there
        with pytest.warns(UserWarning, match="LastStep.* that one frame only") if wrong_end else nullcontext():
            net = from_module(module)
        x = np.random.default_rng(0).normal(size=(6, 3, I)).astype(np.float32)
        y = numbers(module(torch.tensor(x.swapaxes(0, 1) if batch_first else x)))
        close(net.forward(x), y.swapaxes(0, 1) if batch_first and way == "steps" else y)


def test_sequential_like_models_are_taken_over():
    module = nn.Sequential(
        nn.Embedding(9, I), nn.LSTM(I, H), nn.Sequential(nn.Linear(H, 5), nn.ReLU()), nn.LayerNorm(5), nn.Identity()
    )
    names = [type(layer).__name__ for layer in from_module(module).layers]
    assert names == ["Embedding", "LSTM", "Dense", "Activation", "LayerNorm"]
    pooled = nn.Sequential(
        nn.Conv1d(I, 5, 3, padding=2, dilation=2),
        nn.Hardsigmoid(),
        nn.AdaptiveMaxPool1d(1),
        nn.Flatten(),
        nn.Linear(5, 2),
    )
    x = np.random.default_rng(0).normal(size=(3, I, 8)).astype(np.float32)
    close(from_module(pooled).forward(x.transpose(2, 0, 1)), numbers(pooled(torch.tensor(x))))


class Skip(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear, self.weight = nn.Linear(I, I), nn.Parameter(torch.ones(I))

    def forward(self, x):
        return self.linear(x) + x


class Branch(Skip):
    def forward(self, x):
        return self.linear(x) if x.sum() > 0 else x


class Own(Skip):
    def forward(self, x):
        return self.linear(x) * self.weight


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.head = nn.LSTM(I, H), nn.Linear(H, 2)

    def forward(self, x):
        _, (_, c) = self.rnn(x)
        return self.head(c[-1])


@pytest.mark.parametrize(
    ("module", "why"),
    [
        (Skip(), "Skip, at 'add': its code is no chain of layers"),
        (Branch(), "Branch has code that is not a chain of layers"),
        (Own(), "Own, at 'weight': its code is no chain of layers"),
        (Twice(), "Twice, at 'head': it takes one direction of two, or a cell state"),
        (nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)), r"module '1', BatchNorm1d\(2.*has no counterpart"),
        (nn.LSTM(3, 4, proj_size=2), "it has proj_size=2"),
        (nn.Linear(2, 2).half(), "must be float32 or float64, but are torch.float16"),
        (nn.Conv1d(2, 3, 3), "it must lose no step"),
        (nn.Conv1d(2, 2, 1, groups=2), "groups=2"),
        (nn.GELU(approximate="tanh"), "approximate='tanh'"),
        (nn.Softmax(dim=0), "dim=0"),
        (nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2).double()), "some parameters of the module are float32"),
    ],
)
def test_what_has_no_counterpart_is_refused_and_named(module, why):
    with pytest.raises(InteropError, match=why):
        from_module(module)


@pytest.mark.parametrize(
    ("layer", "why"),
    [
        (layers.GRU(3, 4, reset="before"), 'it has reset="before"'),
        (layers.LSTM(3, 4, peepholes=True), "it has peepholes=True"),
        (layers.LSTM(3, 4, clip=1.0), r"it has clip=1\.0"),
        (layers.Elman(3, 4, activation="sigmoid"), "it has the activation 'sigmoid'"),
        (layers.Jordan(3, 4), "it is a Jordan"),
        (layers.Activation("scaled_tanh(2.0, 1.0)"), "it has the activation"),
    ],
)
def test_a_layer_that_pytorch_has_not_is_refused_by_name(layer, why):
    with pytest.raises(InteropError, match=rf"layer 1, {type(layer).__name__}\(.*has no counterpart in PyTorch.*{why}"):
        to_module(Network([layers.Dense(3, 3), layer]))


def test_what_is_no_network_or_module_is_refused():
    with pytest.raises(TypeError, match="net must be a Network, but int was given"):
        to_module(1)
    with pytest.raises(TypeError, match=r"module must be a torch\.nn\.Module, but int was given"):
        from_module(1)
