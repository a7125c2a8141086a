"""Networks as modules of PyTorch, and modules as networks; where PyTorch is installed."""

from contextlib import nullcontext
from importlib import import_module

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


class Code(nn.Module):
    """Modules, and what is done with them."""

    def __init__(self, code, *modules):
        super().__init__()
        self.code, self.a, self.b = code, modules[0], modules[-1]

    def forward(self, x):
        return self.code(self, x)


@pytest.mark.parametrize(
    ("code", "modules"),
    [
        (lambda m, x: m.b(m.a(x).squeeze(-1)), (nn.AdaptiveAvgPool1d((1,)), nn.Linear(I, 2))),
        (lambda m, x: m.b(torch.flatten(m.a(x), 1)), (nn.AdaptiveMaxPool1d(1), nn.Linear(I, 2))),
        (lambda m, x: m.b(m.a(x)).amax(-1), (nn.Conv1d(I, 2, 3, padding="same", dilation=2), nn.Tanh())),
        (lambda m, x: m.b(m.a(x)).amax(-1), (nn.Conv1d(I, 2, 1, padding="valid"), nn.Tanh())),
    ],
)
def test_code_over_frames_that_come_last_is_taken_over(code, modules):
    module, x = Code(code, *modules), np.random.default_rng(0).normal(size=(3, I, 8)).astype(np.float32)
    close(from_module(module).forward(x.transpose(2, 0, 1)), numbers(module(torch.tensor(x))))


@pytest.mark.parametrize(
    "code",
    [
        lambda m, x: m.a(x)[0].permute(dims=(2, 1, 0)).mean(2).tanh(),
        lambda m, x: m.a(x)[0].transpose(dim0=0, dim1=1).mean(1).tanh(),
        lambda m, x: m.b(m.a(x)[0]).mean(-3),
        lambda m, x: (m.b(m.a(x)[0]), x),
    ],
)
def test_code_over_a_recurrent_layer_is_taken_over(code):
    module, x = Code(code, nn.GRU(I, H), nn.Softmax(2)), np.random.default_rng(0).normal(size=(6, 5, I))
    y = module(torch.tensor(x, dtype=torch.float32))
    y = numbers(y[0] if isinstance(y, tuple) else y)
    close(from_module(module).forward(x), y if y.shape[0] != H else y.T)


def test_dropout_goes_between_layers_of_one_module():
    net = from_module(nn.LSTM(I, H, 3, dropout=0.25, bidirectional=True))
    first, later = (layers.LSTM(n, H, bidirectional=True) for n in (I, 2 * H))
    assert net.layers == (first, layers.Dropout(0.25), later, layers.Dropout(0.25), later)
    assert from_module(nn.GRU(I, H, 2)).layers == (layers.GRU(I, H), layers.GRU(H, H))


def test_a_chain_may_be_made_by_hand():
    modules = import_module("rnnbp.interop.torch.modules")
    chain = modules.Chain([nn.GRU(I, H), modules.LastStep()])
    x, lengths = torch.tensor(np.random.default_rng(0).normal(size=(6, 2, I)), dtype=torch.float32), [3, 6]
    alone = [chain.layers[0](x[:n, k])[1][0] for k, n in enumerate(lengths)]
    close(numbers(chain(x, torch.tensor(lengths))), numbers(torch.stack(alone)))


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


class Second(Skip):
    def forward(self, x, other):
        return self.linear(other)


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.head = nn.LSTM(I, H), nn.Linear(H, 2)

    def forward(self, x):
        _, (_, c) = self.rnn(x)
        return self.head(c[-1])


def state_and_cell(m, x):
    _, (h, c) = m.a(x)
    return torch.cat([h[-2], c[-1]], 1)


def states_of_two(m, x):
    y, below = m.a(x)
    _, above = m.b(y)
    return torch.cat([above[-2], below[-1]], 1)


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
        (Second(), "Second, at 'linear': its code is no chain of layers"),
        (Code(lambda m, x: m.a(x, None), nn.GRU(I, H)), "must be called with one tensor: initial states belong to"),
        (Code(lambda m, x: m.a(input=x), nn.Linear(I, H)), "must be called with one tensor"),
        (nn.Sequential(nn.GRU(I, H), nn.Flatten()), r"module '1', Flatten\(.*has no counterpart"),
        (
            nn.Sequential(nn.AdaptiveMaxPool1d(1), nn.Linear(I, H)),
            "features along the last axis, but these are b, f, 1",
        ),
        (nn.AdaptiveMaxPool1d(2), r"AdaptiveMaxPool1d\(.*has no counterpart"),
        (nn.Embedding(9, I, max_norm=1.0), r"has max_norm=1\.0"),
        (nn.LayerNorm((5, I)), "goes over 2 axes: it must go over the features"),
        (nn.Conv1d(2, 3, 3, padding=1, padding_mode="circular"), "has groups=1 and padding_mode='circular'"),
        (nn.Conv1d(2, 3, 4, padding="same", dilation=2), "adds 3 and 3 frames: .* as with 2 and 4"),
        (nn.Conv1d(2, 3, 3, padding="valid"), "adds 0 and 0 frames"),
        (Code(lambda m, x: m.a(x)[0].sum(-1), nn.GRU(I, H)), "sum has no counterpart here"),
        (Code(state_and_cell, nn.LSTM(I, H, bidirectional=True)), "it puts branches together"),
        (Code(states_of_two, nn.GRU(I, H, bidirectional=True), nn.GRU(6, H, bidirectional=True)), "it puts branches"),
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
