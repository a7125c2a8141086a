"""Networks that are exported to C: every layer and cell, alone and stacked, and how their code is compiled."""

import shutil
import subprocess

import numpy as np
import pytest
from conformance import RECURRENT, SYMBOLS, H, I

from rnnbp import Network, gradients, layers
from rnnbp.activations import ACTIVATIONS
from rnnbp.cells import Cell, Product, Stage
from rnnbp.interop.c.exporting import render
from rnnbp.interop.c.verification import COMPILERS, compared, outputs_of, program, streamed
from rnnbp.kernels.elementwise import absolute, erf, exp, expm1, log1p, maximum, minimum, sqrt, tanh, where

needs_compiler = pytest.mark.skipif(not any(map(shutil.which, COMPILERS)), reason="there is no C compiler")

STRICT = ("-Wall", "-Wextra", "-Wpedantic", "-Werror")
SANITIZERS = ("-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
TOLERANCE = {"float32": 1e-6, "float64": 1e-14}
CLOSED = {"Jordan, taught": {"teacher_forcing": False}}

# -- what is exported --------------------------------------------------------------------------------------------------


def leaky(blocks, inputs):
    (z_a, z_h), (h, m) = blocks, inputs
    rate = where(z_a > 0.0, 1.0 / (1.0 + exp(-z_a)), 0.25)
    h = h + rate * (tanh(z_h) - h)
    return h, maximum(m, absolute(h)) * 0.9


def readout(blocks, inputs):
    (z_y,), (h, m) = blocks, inputs
    quiet = (m < 0.5) & ~(h > z_y)
    size = sqrt(m + z_y * z_y) + log1p(absolute(z_y)) - expm1(minimum(h, 0.0)) + erf(z_y)
    return (where(quiet | (h == 0.0), z_y, size),)


class LeakyCell(Cell):
    """Two stages, states of which one is read late, conditions, and every function of the vocabulary; no pullback."""

    blocks, states, output = ("register", "h ~", "y"), ("h ~", "m"), "y"
    input = Product("int", "x", into=("register", "h ~"), bias="bias")
    stages = (
        Stage(
            (Product("recurrent_weight", "h ~", into=("h ~", "register")),),
            blocks=("register", "h ~"),
            reads=("h ~", "m"),
            outputs=("h ~", "m"),
            step=leaky,
        ),
        Stage(
            (
                Product("output_weight", "h ~", into=("y",), bias="output_bias", lag=0),
                Product("back", "m", into=("y",)),
                Product("late", "m", into=("y",), diagonal=True),
            ),
            blocks=("y",),
            uses=("h ~", "m"),
            outputs=("y",),
            step=readout,
        ),
    )  # fmt: skip


class Leaky(layers.Recurrent):
    """The layer around it."""

    def __init__(self, n_inputs, n_hidden, **options):
        super().__init__(n_inputs, n_hidden, **options)

    def make_cell(self):
        return LeakyCell(self.n_inputs, self.n_hidden)


def conv(n_inputs, n_outputs, width, **options):
    return layers.Conv1D(n_inputs, n_outputs, width, causal=True, **options)


STACKS = {
    **{name: [factory(I, H)] for name, factory in RECURRENT.items()},
    **{f"{name}, 37 units": [factory(9, 37)] for name, factory in RECURRENT.items()},
    **{f"Elman, {name}": [layers.Elman(I, H, activation=name)] for name in ACTIVATIONS},
    **{f"Jordan, feeds back {n}": [layers.Jordan(I, H, n_outputs=2, feedback_activation=n)] for n in ACTIVATIONS},
    **{f"Activation, {name}": [layers.Dense(I, 11), layers.Activation(name)] for name in ACTIVATIONS},
    "zoneout of a Jordan cell": [layers.Jordan(I, H, teacher_forcing=False, zoneout=0.3)],
    "recurrent dropout": [layers.GRU(I, H, recurrent_dropout=0.4)],
    "RTRL": [layers.Elman(I, H, gradient=gradients.RTRL())],
    "a cell of a user's": [Leaky(I, 5)],
    "a cell of a user's, stacked": [Leaky(I, 5), Leaky(5, 17), layers.Dense(17, 2)],
    "Dense": [layers.Dense(I, H)],
    "dropout alone": [layers.Dense(I, H), layers.Dropout(0.5), layers.Dense(H, 19), layers.Dropout(0.5)],
    "nothing to do": [layers.Dropout(0.5), layers.LayerNorm(4), layers.Activation("identity")],
    "LayerNorm": [layers.LayerNorm(21)],
    "Embedding": [layers.Embedding(SYMBOLS, H)],
    "Embedding and LSTM": [layers.Embedding(SYMBOLS, 6), layers.LSTM(6, 12), layers.Dense(12, SYMBOLS)],
    "Conv1D": [conv(I, H, 2)],
    "Conv1D of one frame": [conv(I, H, 1)],
    "Conv1D of one frame in three": [conv(I, H, 1, stride=3)],
    "Conv1D, strided and dilated": [conv(I, H, 3, stride=2, dilation=3)],
    "Conv1D twice": [conv(I, 8, 4, stride=2), layers.Activation("relu"), conv(8, 5, 3, stride=3), layers.GRU(5, 4)],
    "LastStep": [layers.LSTM(I, H), layers.LastStep(), layers.Dense(H, 2)],
    "MeanOverTime": [layers.GRU(I, H), layers.MeanOverTime(), layers.Dense(H, 2)],
    "MaxOverTime": [layers.Dense(I, H), layers.MaxOverTime(), layers.LayerNorm(H), layers.Activation("softmax")],
    "all that streams": [
        layers.LayerNorm(I), conv(I, 16, 3, stride=2), layers.Activation("gelu"), layers.LSTM(16, 32, layer_norm=True),
        layers.Dropout(0.3), layers.GRU(32, 24), layers.Jordan(24, 8, n_outputs=12, feedback_activation="softmax"),
        layers.MeanOverTime(), layers.Dense(12, 3), layers.Activation("softmax"),
    ],
}  # fmt: skip


def network(stack, dtype="float32", seed=3):
    net = Network(stack, dtype=dtype, seed=seed)
    rng = np.random.default_rng(seed)
    for values in net.parameters.values():  # of a size at which nothing saturates, and no network is chaotic
        fan_in = len(values) if values.ndim > 1 else 2
        values[...] = rng.normal(size=values.shape) / np.sqrt(fan_in)
    return net


def ragged(net, seed=5):
    rng = np.random.default_rng(seed)
    lengths = (1, 13, 2, 40, 7)
    if isinstance(net.layers[0], layers.Embedding):
        return [rng.integers(SYMBOLS, size=n) for n in lengths]
    return [rng.normal(size=(n, net.n_inputs)) for n in lengths]


def compilers():
    """What to compile with: gcc, clang and C++, those that there are."""
    found = [
        [program, f"-std={standard}", *(["-x", "c++"] if "++" in program else [])]
        for program, standard in (("gcc", "c99"), ("clang", "c99"), ("g++", "c++11"))
        if shutil.which(program)
    ]
    return found or [[next(filter(shutil.which, COMPILERS)), "-std=c99"]]


MAIN = """
int main(int argc, char **argv)
{
    const int n = argc > 1 ? atoi(argv[1]) : -1;
%s
    return 9;
}
"""


class Program:
    """One program of many networks, as `interop.c.verification` makes one of each: compiled in one call.

    ``program.verify(k)`` runs the k-th network, by default on its `ragged` sequences, and compares, by default with its
    own stream.
    """

    def __init__(self, nets, folder, command, **options):
        self.nets, self.program = nets, folder / "main"
        self.compiler, *flags = command
        parts = []
        for k, net in enumerate(nets):
            given = {"calibration": ragged(net), **options} if options else {}
            (folder / f"net{k}.h").write_text(render(net, f"net{k}", **given))
            own = program(f"net{k}")
            parts += [
                f"int main{k}(void);",
                f"#define main main{k}",
                f"#define s state_of_net{k}",
                own,
                "#undef main",
                "#undef s",
            ]
        cases = "\n".join(f"    if (n == {k})\n        return main{k}();" for k in range(len(nets)))
        (folder / "main.c").write_text("\n".join([*parts, MAIN % cases]))
        built = [self.compiler, *flags, *STRICT, "main.c", "-o", "main"]
        done = subprocess.run(built, cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[:4000]

    def verify(self, k, sequences=None, own=None):
        net = self.nets[k]
        sequences = ragged(net) if sequences is None else sequences
        command = [str(self.program), str(k)]
        actual = outputs_of(command, sequences, net, net.dtype)
        return compared([streamed(own or net, each) for each in sequences], actual, self.compiler)


def check(stacks, dtype, command, folder):
    """Compile networks by name into one program, and hold each against its stream."""
    program = Program([network(stack, dtype) for stack in stacks.values()], folder, command)
    results = {name: program.verify(k) for k, name in enumerate(stacks)}
    assert {name: r.largest for name, r in results.items() if not r.largest > 1e-2} == {}, "the outputs show nothing"
    assert {name: r.relative for name, r in results.items() if not r.relative < TOLERANCE[dtype]} == {}
