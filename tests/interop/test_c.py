"""Networks as C: every layer and cell, compiled strictly and run under sanitizers, against the network's own stream."""

import copy
import re
import shutil
import subprocess
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from conformance import RECURRENT, SYMBOLS, H, I

from rnnbp import Network, gradients, layers
from rnnbp.activations import ACTIVATIONS
from rnnbp.cells import Cell, Product, Stage
from rnnbp.interop import c
from rnnbp.interop.c.elementwise import square_root
from rnnbp.interop.c.exporting import render
from rnnbp.interop.c.layers import WRITERS
from rnnbp.interop.c.quantization import measured
from rnnbp.interop.c.verification import COMPILERS, build, outputs_of
from rnnbp.kernels.elementwise import absolute, erf, exp, expm1, log1p, maximum, minimum, sqrt, tanh, where
from rnnbp.kernels.trace import trace

needs_compiler = pytest.mark.skipif(not any(map(shutil.which, COMPILERS)), reason="there is no C compiler")

STRICT = ("-Wall", "-Wextra", "-Wpedantic", "-Werror")
SANITIZERS = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
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
    "Conv1D": [conv(I, H, 3)],
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


def test_every_layer_that_streams_is_in_the_table():
    used = {type(layer) for stack in STACKS.values() for layer in stack}
    assert {*WRITERS} - used == {layers.Recurrent}  # which is abstract
    public = {getattr(layers, name) for name in layers.__all__} - {layers.Context, layers.BackwardContext, layers.Layer}
    assert public - used == {layers.Recurrent}


def check(stack, dtype, command):
    net = network(stack, dtype)
    program, *flags = command
    result = c.verify(net, ragged(net), compiler=program, flags=[*flags, *STRICT])
    assert result.largest > 1e-2, "the outputs show nothing"
    assert result.relative < TOLERANCE[dtype]


@needs_compiler
@pytest.mark.parametrize("stack", STACKS.values(), ids=STACKS)
def test_the_c_code_computes_what_the_stream_does_under_sanitizers(stack):
    check(stack, "float32", [*compilers()[0], *SANITIZERS])


@needs_compiler
@pytest.mark.parametrize(
    "stack", [s for n, s in STACKS.items() if "37" not in n], ids=[n for n in STACKS if "37" not in n]
)
def test_the_c_code_computes_what_the_stream_does_in_double_precision(stack):
    check(stack, "float64", [*compilers()[-1], "-O1"])


@needs_compiler
@pytest.mark.parametrize("options", ["-O0", "-Os", "-O3 -march=native -ffp-contract=fast"])
@pytest.mark.parametrize("command", compilers(), ids=lambda command: command[0])
@pytest.mark.parametrize("name", ["all that streams", "a cell of a user's, stacked"])
def test_the_c_code_computes_the_same_however_it_is_compiled(name, command, options):
    check(STACKS[name], "float32", [*command, *options.split()])


@needs_compiler
@pytest.mark.parametrize("command", compilers(), ids=lambda command: command[0])
def test_all_headers_compile_without_a_warning_in_one_program(command, tmp_path):
    for k, stack in enumerate(STACKS.values()):
        c.export(network(stack), tmp_path / f"net{k}.h")
    steps = "".join(f"int f{k}(struct net{k}_state *s, const net{k}_input *x, net{k}_output *y);\n"
                    f"int f{k}(struct net{k}_state *s, const net{k}_input *x, net{k}_output *y)\n"
                    f"{{ net{k}_init(s); return net{k}_step(s, x, y) + (int)net{k}_run(s, x, 2, y); }}\n"
                    for k in range(len(STACKS)))  # fmt: skip
    (tmp_path / "all.c").write_text("".join(f'#include "net{k}.h"\n' for k in range(len(STACKS))) + steps)
    done = subprocess.run([*command, *STRICT, "-O2", "-c", "all.c", "-o", "all.o"], cwd=tmp_path, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    symbols = subprocess.run(["nm", "-u", "all.o"], cwd=tmp_path, capture_output=True, text=True).stdout
    assert set(symbols.split()) <= {"U", "memcpy", "memset", "_GLOBAL_OFFSET_TABLE_", "__stack_chk_fail"}


@pytest.mark.skipif(not shutil.which("arm-none-eabi-gcc"), reason="there is no cross compiler for Cortex-M")
def test_a_header_compiles_for_a_microcontroller(tmp_path):
    c.export(network(STACKS["all that streams"]), tmp_path / "net.h")
    (tmp_path / "net.c").write_text(
        '#include "net.h"\nint f(struct net_state *s, const float *x, float *y);\n'
        "int f(struct net_state *s, const float *x, float *y) { return net_step(s, x, y); }\n"
    )
    options = ["-mcpu=cortex-m4", "-mthumb", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard", "-O2"]
    double = ["-Wdouble-promotion"]  # a processor with single precision only would compute it in software
    command = ["arm-none-eabi-gcc", "-std=c99", *STRICT, *double, *options, "-c", "net.c", "-o", "net.o"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


# -- the functions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_square_root_is_that_of_numpy(dtype):
    info = np.finfo(dtype)
    x = np.concatenate([
        np.random.default_rng(0).uniform(0, 4, 20_000), 10.0 ** np.random.default_rng(1).uniform(-37, 38, 20_000),
        [1.0, 4.0, 2.0, info.max, info.tiny, info.smallest_subnormal, 3 * info.smallest_subnormal],
    ]).astype(dtype)  # fmt: skip
    graph = trace(partial(square_root, dtype), (None,), (None,))
    with np.errstate(over="ignore"):  # where what is too large for it is not chosen
        (found,) = graph.run(x)
    assert np.max(np.abs(found / np.sqrt(x) - 1)) < 2.5 * info.eps
    with np.errstate(all="ignore"):
        (found,) = graph.run(np.array([0.0, -1.0, np.inf, np.nan], dtype))
    np.testing.assert_array_equal(found, [0.0, np.nan, np.inf, np.nan])


EXTREMES = [
    0.0,
    -0.0,
    1e-30,
    -1e-30,
    0.3,
    -0.3,
    1.0,
    -1.0,
    9.0,
    -9.0,
    20.0,
    -20.0,
    88.5,
    -87.5,
    200.0,
    -200.0,
    3e37,
    -3e37,
]


@needs_compiler
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_far_out_is_that_of_the_stream(name):
    net = Network([layers.Dense(18, 18), layers.Activation(name)])
    net.parameters["0.weight"][...] = np.eye(18)
    result = c.verify(net, [np.diag(EXTREMES)])
    assert result.relative < 1e-6


# -- weights of 8 bits -------------------------------------------------------------------------------------------------

WHOLE = (
    *RECURRENT, "Elman, 37 units", "a cell of a user's, stacked", "Conv1D, strided and dilated", "Conv1D twice",
    "Embedding and LSTM", "MeanOverTime", "all that streams",
)  # fmt: skip


def with_rounded_weights(net):
    """Return the network with each matrix as 8 bits have it."""
    twin = copy.deepcopy(net)
    for name, values in twin.parameters.items():
        layer = net.layers[int(name.partition(".")[0])]
        if values.ndim == 2 and not isinstance(layer, layers.Embedding):
            n_parts = layer.width if isinstance(layer, layers.Conv1D) else 1
            for part in np.split(values, n_parts):
                scale = np.abs(part).max(axis=0) / 127
                part[...] = np.round(part / scale) * scale
    return twin


@needs_compiler
@pytest.mark.parametrize("name", WHOLE)
def test_weights_of_8_bits_compute_what_the_network_does_with_rounded_weights(name, monkeypatch):
    net = network(STACKS[name])
    sequences = ragged(net)
    text = render(net, "model", quantize="int8", calibration=sequences)
    monkeypatch.setattr("rnnbp.interop.c.verification.render", lambda *given, **options: text)
    program, *flags = compilers()[0]
    command = {"compiler": program, "flags": [*flags, *STRICT, *SANITIZERS]}
    rounded = c.verify(with_rounded_weights(net), sequences, **command)
    assert rounded.relative < 2e-3  # what 16 bits of activations take
    exact = c.verify(net, sequences, **command)
    assert rounded.relative < exact.relative < 0.15


@needs_compiler
def test_long_sums_of_whole_numbers_do_not_overflow_and_what_is_too_large_is_cut_off():
    net = Network([layers.Dense(1200, 2)])
    net.parameters["0.weight"][...] = 0.5
    frames = np.array([[1.0], [-2.0], [2.0], [7.0]]) * np.ones(1200)
    program, *flags = compilers()[0]
    text = render(net, "model", quantize="int8", calibration=[frames[:1]])
    with tempfile.TemporaryDirectory() as folder:
        runnable = build(text, Path(folder), program, [*flags, *STRICT, *SANITIZERS])
        [(y, _)] = outputs_of(runnable, [frames], net, np.dtype("float32"))
    np.testing.assert_allclose(y[:, 0], [600, -1200, 1200, 1200], rtol=1e-4)


def test_weights_of_8_bits_take_a_quarter_of_the_memory():
    net = network(STACKS["LSTM, 37 units"])
    [exact, whole] = [
        int(re.search(r"(\d+) bytes\s+(\* )?of weights", render(net, "m", **options))[1])
        for options in ({}, {"quantize": "int8", "calibration": ragged(net)})
    ]
    matrices = sum(values.size for values in net.parameters.values() if values.ndim == 2)
    assert exact - whole == 3 * matrices - 2 * 4 * 4 * 37  # but for the scales of two matrices' rows


def test_a_range_is_that_of_what_a_product_multiplies():
    net = Network([layers.GRU(2, 3, reset="before"), layers.Dense(3, 1)])
    rng = np.random.default_rng(0)
    x = [rng.normal(size=(n, 2)).astype(np.float32) for n in (4, 9)]
    ranges = measured(net, x)
    outputs = [Network([net.layers[0]]).forward(each[:, None]) for each in x]
    assert ranges[0, "x1"] == max(np.abs(each).max() for each in x)
    np.testing.assert_allclose(ranges[0, "h1"], max(np.abs(each).max() for each in outputs), rtol=1e-5)
    assert ranges[0, "h1"] == ranges[1, "x"]
    assert 0 < ranges[0, "q0"] < ranges[0, "h1"]  # q = r h', and r is below 1


@pytest.mark.parametrize(
    ("message", "options"),
    [
        ("quantize must be 'int8' or None, but 'int4' was given", {"quantize": "int4"}),
        ("calibration must be sequences where quantize is given", {"quantize": "int8"}),
        ("and None where it is not, but quantize=None and some were given", {"calibration": [np.zeros((3, 2))]}),
        ("dtype must be float32 with quantize='int8', but 'float64' was", {"quantize": "int8", "dtype": "float64"}),
        ("calibration must be sequences of at least one frame", {"quantize": "int8", "calibration": []}),
        (
            r"must be arrays of shape \(T, F\), but one of \(2,\) was",
            {"quantize": "int8", "calibration": [np.zeros(2)]},
        ),
        ("expected 2 features, but the input has 3", {"quantize": "int8", "calibration": [np.zeros((2, 3))]}),
    ],
)
def test_a_quantisation_that_cannot_be_is_refused(message, options, tmp_path):
    with pytest.raises(ValueError, match=message):
        c.export(Network([layers.Dense(2, 1)]), tmp_path / "model.h", **options)
    assert not list(tmp_path.iterdir())


# -- what is refused ---------------------------------------------------------------------------------------------------


class Twice(layers.Dense):
    def forward(self, parameters, x, context):
        y, saved = super().forward(parameters, x, context)
        return 2 * y, saved


class Unknown(layers.Layer):
    def output_width(self, input_width):
        return input_width

    def forward(self, parameters, x, context):
        return x + 1, None

    def backward(self, parameters, gradients, dy, saved, context):
        return dy


def ranked(blocks, inputs):
    (z,) = blocks
    return (z,), (np.sort(z),)


class RankedCell(Cell):
    blocks, states = ("h",), ("h",)
    input = Product("input_weight", "x", into=("h",))
    stages = (Stage((), blocks=("h",), outputs=("h",), step=ranked, pullback=ranked, elementwise=False),)


class Ranked(Leaky):
    def make_cell(self):
        return RankedCell(self.n_inputs, self.n_hidden)


REFUSED = {
    "layer 1, LSTM(2, 3, bidirectional=True), cannot be exported to C: it runs backwards": [
        layers.Dense(2, 2),
        layers.LSTM(2, 3, bidirectional=True),
    ],
    "layer 0, GRU(2, 3, reverse=True), cannot be exported to C: it runs backwards": [layers.GRU(2, 3, reverse=True)],
    "layer 0, Conv1D(2, 3, 3), cannot be exported to C: it looks ahead: give it causal=True": [layers.Conv1D(2, 3, 3)],
    "layer 1, LastStep(bidirectional=True), cannot be exported to C: it runs backwards": [
        layers.Dense(2, 2),
        layers.LastStep(bidirectional=True),
    ],
    "layer 0, Elman(2, 3, gradient=FixedPoint()), cannot be exported to C: it looks for a state of rest": [
        layers.Elman(2, 3, gradient=gradients.FixedPoint())
    ],
    "layer 0, Twice(2, 3), cannot be exported to C: it has a `forward` of its own": [Twice(2, 3)],
    "layer 1, Unknown(), cannot be exported to C: it is of a class that C export does not know": [
        layers.Dense(2, 2),
        Unknown(),
    ],
    "layer 0, Ranked(2, 3), cannot be exported to C: it has a stage with elementwise=False, ranked": [Ranked(2, 3)],
    "the network must have a layer that says how many features it takes": [layers.Activation("tanh")],
}


@pytest.mark.parametrize(("message", "stack"), REFUSED.items(), ids=REFUSED)
def test_what_has_no_c_is_named_before_anything_is_written(message, stack, tmp_path):
    with pytest.raises(ValueError, match=re.escape(message)):
        c.export(Network(stack), tmp_path / "model.h")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["my-model.h", "2nd.h", "_m.h", "größe.h", "a b.h", "model.tar.h", ".h"])
def test_a_name_that_is_no_identifier_is_refused(name, tmp_path):
    message = f"the header's name must be an identifier of C, such as 'model.h', .*, but '{re.escape(name)}' was given"
    with pytest.raises(ValueError, match=message):
        c.export(Network([layers.Dense(2, 1)]), tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_what_is_no_network_or_dtype_is_refused(tmp_path):
    with pytest.raises(TypeError, match="net must be a Network, but Dense was given"):
        c.export(layers.Dense(2, 1), tmp_path / "model.h")
    with pytest.raises(ValueError, match="dtype must be float32 or float64, but 'int8' was given"):
        c.export(Network([layers.Dense(2, 1)]), tmp_path / "model.h", dtype="int8")


def test_parameters_that_are_not_finite_are_refused(tmp_path):
    net = Network([layers.Dense(2, 1)], dtype="float64")
    net.theta[0] = 1e40
    with pytest.raises(ValueError, match=r"the parameters must be finite float32 numbers, but '0.weight' holds inf"):
        c.export(net, tmp_path / "model.h", dtype="float32")
    c.export(net, tmp_path / "model.h")


@needs_compiler
def test_sequences_that_do_not_fit_are_refused():
    net = Network([layers.Conv1D(2, 3, 1, stride=2, causal=True)])
    with pytest.raises(ValueError, match=r"must be arrays of shape \(T, F\), but one of shape \(2,\) was given"):
        c.verify(net, [np.zeros(2)])
    with pytest.raises(ValueError, match="the sequences must have at least one output, but they have none"):
        c.verify(net, [])
    with pytest.raises(RuntimeError, match="no-such-compiler does not run"):
        c.verify(net, [np.zeros((1, 2))], compiler="no-such-compiler")
    with pytest.raises(RuntimeError, match="fails"):
        c.verify(net, [np.zeros((1, 2))], flags=["-DMODEL_H"])
    with pytest.raises(RuntimeError, match="compile it without -ffast-math"):
        c.verify(net, [np.zeros((1, 2))], flags=["-ffast-math"])


# -- the file ----------------------------------------------------------------------------------------------------------


@needs_compiler
def test_a_wrong_header_is_noticed(monkeypatch):
    net = network(STACKS["LSTM"])
    right = render(net, "model")
    monkeypatch.setattr(
        "rnnbp.interop.c.verification.render", lambda *given, **options: right.replace("0.5f + t2", "0.5f - t2", 1)
    )
    assert c.verify(net, ragged(net)).relative > 1e-3


@needs_compiler
def test_a_symbol_that_there_is_not_changes_nothing(tmp_path):
    c.export(network(STACKS["Embedding and LSTM"]), tmp_path / "net.h")
    (tmp_path / "main.c").write_text("""
#include "net.h"
int main(void)
{
    struct net_state s, before;
    const int32_t wrong[2] = {-1, NET_N_OUTPUTS}, right = NET_N_OUTPUTS - 1;
    float y[NET_N_OUTPUTS];
    net_init(&s);
    if (net_step(&s, &right, y) != 1)
        return 1;
    before = s;
    return net_step(&s, &wrong[0], y) != -1 || net_step(&s, &wrong[1], y) != -1 || memcmp(&s, &before, sizeof s);
}
""")
    subprocess.run([*compilers()[0], *STRICT, *SANITIZERS, "main.c", "-o", "main"], cwd=tmp_path, check=True)
    assert subprocess.run([tmp_path / "main"]).returncode == 0


def test_the_opening_comment_says_what_a_frame_costs():
    head = render(Network([layers.LSTM(13, 64), layers.Dense(64, 10)]), "model").partition("*/")[0]
    weights = 13 * 256 + 64 * 256 + 256 + 64 * 10 + 10
    assert f"{13 * 256 + 64 * 256 + 640} multiply-adds a frame, {4 * weights} bytes of weights" in head
    assert "512 bytes of state" in head


def test_the_opening_comment_ends_where_it_should(tmp_path):
    class Odd(layers.Dropout):
        def __repr__(self):
            return "*/ int ??/\\ /* größe \\"

    text = render(Network([layers.Dense(2, 1), Odd(0.1)]), "model")
    assert text.index("*/") == text.index("*/\n#ifndef")
    assert text.isascii()


def test_a_header_is_replaced_in_one_step(tmp_path, monkeypatch):
    c.export(Network([layers.Dense(2, 1)]), tmp_path / "model.h")
    before = (tmp_path / "model.h").read_text()
    monkeypatch.setattr("os.replace", lambda *names: (_ for _ in ()).throw(OSError("no space")))
    with pytest.raises(OSError, match="no space"):
        c.export(Network([layers.Dense(2, 7)]), tmp_path / "model.h")
    assert [path.name for path in tmp_path.iterdir()] == ["model.h"]
    assert (tmp_path / "model.h").read_text() == before


def test_the_same_network_gives_the_same_text():
    assert render(network(STACKS["all that streams"]), "a") == render(network(STACKS["all that streams"]), "a")
