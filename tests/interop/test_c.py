"""Networks as C: every layer and cell, compiled strictly and run under sanitizers, against the network's own stream."""

import ctypes
import re
import subprocess
from functools import partial

import numpy as np
import pytest
from networks_in_c import SANITIZERS, STACKS, STRICT, Leaky, Program, check, compilers, needs_compiler, network, ragged

from rnnbp import Network, layers
from rnnbp.activations import ACTIVATIONS
from rnnbp.cells import Cell, Product, Stage
from rnnbp.interop import c
from rnnbp.interop.c.elementwise import Functions, logarithm, square_root
from rnnbp.interop.c.exporting import render
from rnnbp.interop.c.layers import WRITERS
from rnnbp.kernels.elementwise import where
from rnnbp.kernels.trace import trace


def test_every_layer_that_streams_is_in_the_table():
    used = {type(layer) for stack in STACKS.values() for layer in stack}
    assert {*WRITERS} - used == {layers.Recurrent}  # which is abstract
    public = {getattr(layers, name) for name in layers.__all__} - {layers.Context, layers.BackwardContext, layers.Layer}
    assert public - used == {layers.Recurrent}


SMALL = {name: stack for name, stack in STACKS.items() if "37" not in name}
SHARES = {f"{k + 1} of 4": dict(list(STACKS.items())[k::4]) for k in range(4)}


@needs_compiler
@pytest.mark.parametrize("stacks", SHARES.values(), ids=SHARES)
def test_the_c_code_computes_what_the_stream_does_under_sanitizers(stacks, tmp_path):
    check(stacks, "float32", [*compilers()[0], *SANITIZERS], tmp_path)


@needs_compiler
def test_the_c_code_computes_what_the_stream_does_in_double_precision(tmp_path):
    check(SMALL, "float64", [*compilers()[-1], "-O1"], tmp_path)


@needs_compiler
@pytest.mark.parametrize("options", ["-O0", "-Os", "-O3 -march=native -ffp-contract=fast"])
@pytest.mark.parametrize("command", compilers(), ids=lambda command: command[0])
def test_the_c_code_computes_the_same_however_it_is_compiled(command, options, tmp_path):
    chosen = {name: STACKS[name] for name in ("all that streams", "a cell of a user's, stacked")}
    check(chosen, "float32", [*command, *options.split()], tmp_path)


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
    done = subprocess.run([*command, *STRICT, "-O1", "-c", "all.c", "-o", "all.o"], cwd=tmp_path, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    symbols = subprocess.run(["nm", "-u", "all.o"], cwd=tmp_path, capture_output=True, text=True).stdout
    assert set(symbols.split()) <= {"U", "memcpy", "memset", "_GLOBAL_OFFSET_TABLE_", "__stack_chk_fail"}


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


def test_the_logarithm_is_that_of_numpy():
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.uniform(0.5, 2, 20_000), 10.0 ** rng.uniform(-37, 38, 20_000)]).astype(np.float32)
    x = x[x != 1]
    (found,) = trace(logarithm, (None,), (None,)).run(x)
    assert np.max(np.abs(found / np.log(x.astype(np.float64)) - 1)) < 2.5 * np.finfo(np.float32).eps


@needs_compiler
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_square_root_of_powers_of_two_is_exact_also_below_the_normal_range_and_at_its_ends(dtype, tmp_path):
    """In C, which reads a number's bits: those of subnormals have no exponent of their own."""
    info, functions = np.finfo(dtype), Functions("model", dtype)
    x = np.ldexp(np.ones((), dtype), np.arange(info.minexp - info.nmant, info.maxexp))
    assert x[0] == info.smallest_subnormal
    x = np.append(x, np.array([0.0, np.inf], dtype))
    name, number = functions.name("sqrt"), functions.number
    whole = f"void roots({number} *x, int n)\n{{\n    for (int i = 0; i < n; i++) x[i] = {name}(x[i]);\n}}\n"
    (tmp_path / "roots.c").write_text(
        "\n".join(["#include <stdint.h>", "#include <string.h>", *functions.texts.values(), whole])
    )
    command = [*compilers()[0], "-O1", "-shared", "-fPIC", "roots.c", "-o", "roots.so"]
    subprocess.run(command, cwd=tmp_path, check=True)
    found = x.copy()
    ctypes.CDLL(str(tmp_path / "roots.so")).roots(ctypes.c_void_p(found.ctypes.data), len(found))
    np.testing.assert_array_equal(found, np.sqrt(x))


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


def compared(blocks, inputs):
    a, b = blocks
    conditions = (a < b, a <= b, a > b, a >= b, a == b, a != b, (a < b) & (b > 0.0), (a < b) | (b > 0.0), ~(a < b))
    return (sum(2.0**k * where(condition, 1.0, 0.0) for k, condition in enumerate(conditions)) + where(a, 0.5, 0.25),)


class ComparingCell(Cell):
    blocks, states = ("a", "b"), ("h",)
    input = Product("input_weight", "x", into=blocks)
    stages = (Stage((), blocks=blocks, outputs=("h",), step=compared),)


class Comparing(Leaky):
    def make_cell(self):
        return ComparingCell(self.n_inputs, self.n_hidden)


@needs_compiler
def test_comparisons_are_those_of_numpy():
    net = Network([Comparing(2, 1)])
    net.parameters["0.input_weight"][...] = np.eye(2)
    values = np.array([-1.0, -0.0, 0.0, 1.0, 2.0])
    pairs = np.array([[a, b] for a in values for b in values])
    assert len(np.unique(net.forward(pairs[:, None]))) > 5
    assert c.verify(net, [pairs]).difference == 0.0


@needs_compiler
def test_an_activation_far_out_is_that_of_the_stream(tmp_path):
    nets = [Network([layers.Dense(18, 18), layers.Activation(name)]) for name in ACTIVATIONS]
    for net in nets:
        net.parameters["0.weight"][...] = np.eye(18)
    program = Program(nets, tmp_path, [*compilers()[0], "-O1"])
    found = {name: program.verify(k, [np.diag(EXTREMES)]).relative for k, name in enumerate(ACTIVATIONS)}
    assert max(found.values()) < 1e-6, found


# -- the file ----------------------------------------------------------------------------------------------------------


@needs_compiler
def test_a_wrong_header_is_noticed(monkeypatch):
    net = network(STACKS["LSTM"])
    right = render(net, "model")
    monkeypatch.setattr(
        "rnnbp.interop.c.verification.render", lambda *given, **options: right.replace("0.5f + t2", "0.5f - t2", 1)
    )
    assert c.verify(net, ragged(net)).relative > 1e-3


@pytest.mark.parametrize(("largest", "relative"), [(2.0, 2.5e-31), (1e-30, 0.5), (0.9e-30, 5e-31), (0.0, 5e-31)])
def test_a_difference_is_relative_to_the_largest_output_unless_all_are_smaller_than_1e_30(largest, relative):
    assert c.Verification(5e-31, largest, 1.0, 7, "gcc").relative == pytest.approx(relative, rel=1e-12)


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


@pytest.mark.parametrize(
    ("stack", "multiply_adds", "weights", "state", "stack_bytes"),
    [
        ([layers.Dense(3, 4), layers.Dense(4, 7), layers.Dense(7, 2)], 3 * 4 + 4 * 7 + 7 * 2, 67, 0, 4 + 7),
        ([layers.Conv1D(3, 5, 1, causal=True)], 3 * 5, 20, 0, 0),  # of one frame: none is kept
        ([layers.Conv1D(3, 5, 4, dilation=2, causal=True)], 4 * 3 * 5, 65, 7 * 3, 0),
        ([layers.LayerNorm(6)], 0, 12, 0, 0),
        ([layers.Elman(3, 5)], 5 * (3 + 5), 45, 5, 5),
        ([layers.LSTM(3, 5, peepholes=True)], 4 * 5 * (3 + 5) + 3 * 5, 195, 2 * 5, 4 * 5),
        ([layers.GRU(3, 5, reset="before")], 3 * 5 * (3 + 5), 135, 5, 3 * 5 + 5),
        ([layers.LSTM(3, 5, layer_norm=True)], 4 * 5 * (3 + 5) + 2 * 20 + 5, 230, 2 * 5, 5 * 5 + 2 * 20 + 5),
        ([layers.Jordan(3, 5, n_outputs=2)], 5 * (3 + 2) + 5 * 2, 42, 2, 5 + 5 + 2 + 2),
        ([layers.LSTM(13, 64), layers.Dense(64, 10)], 256 * (13 + 64) + 640, 20_618, 128, 256 + 64),
    ],
    ids=lambda value: None if isinstance(value, int) else ", ".join(map(repr, value)),
)
@pytest.mark.parametrize(("dtype", "size"), [("float32", 4), ("float64", 8)])
def test_the_opening_comment_says_what_a_frame_costs(stack, multiply_adds, weights, state, stack_bytes, dtype, size):
    cost = f"""{multiply_adds} multiply-adds a frame, {size * weights} bytes of weights,
 * {size * state + 4 * bool(state and type(stack[0]) is layers.Conv1D)} bytes of state, and on the stack \
{size * stack_bytes} bytes of arrays."""
    assert f"Cost: {cost}" in render(Network(stack), "model", dtype=dtype).partition("*/")[0]


def test_where_no_output_may_be_due_a_frame_costs_so_much_at_most():
    stride = layers.Conv1D(3, 5, 1, stride=3, causal=True)
    assert "15 multiply-adds a frame, at most, 80 bytes of weights,\n * 4 bytes" in render(Network([stride]), "model")
    assert "at most" not in render(Network([layers.Conv1D(3, 5, 2, causal=True)]), "model").partition("*/")[0]


def test_what_is_counted_takes_memory_too():
    mean = [layers.LayerNorm(6), layers.MeanOverTime()]
    assert f"{6 * 4 + 8} bytes of state" in render(Network(mean), "model")
    text = render(Network([layers.Dense(6, 4)]), "model", quantize="int8", calibration=[np.ones((1, 6))])
    assert f"{6 * 4 + 2 * 4 * 4} bytes of weights" in text
    assert f"on the stack {6 * 2} bytes" in text


@needs_compiler
def test_the_state_takes_as_many_bytes_as_the_opening_comment_says(tmp_path):
    said = []
    for k, stack in enumerate(STACKS.values()):
        text = render(network(stack), f"net{k}")
        (tmp_path / f"net{k}.h").write_text(text)
        said.append(int(re.search(r" \* (\d+) bytes of state", text)[1]))
    sizes = "".join(f'    printf("%d ", (int)sizeof(struct net{k}_state));\n' for k in range(len(STACKS)))
    headers = "".join(f'#include "net{k}.h"\n' for k in range(len(STACKS)))
    (tmp_path / "main.c").write_text(f"{headers}#include <stdio.h>\nint main(void)\n{{\n{sizes}    return 0;\n}}\n")
    subprocess.run([*compilers()[0], "main.c", "-o", "main"], cwd=tmp_path, check=True)
    found = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=True).stdout.split()
    # C has no struct of nothing, and begins the number of frames of a mean at a multiple of 8 bytes
    room = {"MeanOverTime": 8, "all that streams": 8}
    assert {
        name: (int(size), n)
        for name, size, n in zip(STACKS, found, said, strict=True)
        if not max(n, 1) <= int(size) <= max(n, 1) + room.get(name, 0)
    } == {}


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
