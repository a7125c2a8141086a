"""The compiled run of a cell gives what its NumPy run gives; its parts give what NumPy and SciPy give."""

import os
import subprocess
import sys

import numpy as np
import pytest
from scipy import special

import rnnbp
from rnnbp import layers, threads
from rnnbp.gradients import BPTT
from rnnbp.kernels import elementwise, gemm
from rnnbp.kernels import lanes as lanes  # registers the elementwise functions
from rnnbp.kernels.compiling import compiled
from rnnbp.kernels.simd import lane_count, load_each, store_each

CELLS = {
    "elman": lambda **options: layers.Elman(3, 37, **options),
    "elman relu": lambda **options: layers.Elman(3, 5, activation="relu", **options),
    "jordan": lambda **options: layers.Jordan(3, 5, n_outputs=18, feedback_activation="tanh", **options),
    "lstm": lambda **options: layers.LSTM(3, 33, **options),
    "lstm peepholes": lambda **options: layers.LSTM(3, 7, peepholes=True, **options),
    "gru": lambda **options: layers.GRU(3, 16, **options),
    "gru reset before": lambda **options: layers.GRU(3, 19, reset="before", **options),
    "lstm layer norm zoneout": lambda **options: layers.LSTM(
        3, 17, layer_norm=True, zoneout=0.3, zoneout_cell=0.2, **options
    ),
    "gru layer norm": lambda **options: layers.GRU(3, 19, layer_norm=True, **options),
    "one unit": lambda **options: layers.GRU(3, 1, **options),
}


def everything(make, *, compiled_run, dtype, steps, batch, lengths, training=False):
    """Return outputs, final states and all gradients of a layer, from a workspace full of garbage."""
    rng = np.random.default_rng(5)
    layer = make(gradient=BPTT(compiled=compiled_run))
    net = rnnbp.Network([layer], dtype=dtype, seed=1)
    net.theta += rng.normal(scale=0.05, size=net.theta.size).astype(dtype)
    warm = net.run(np.full((steps + 3, batch + 2, 3), 9.0))  # leaves its activations in the workspace
    warm.backward(np.full((steps + 3, batch + 2, net.n_outputs), 9.0))
    x, dy = rng.normal(size=(steps, batch, 3)), rng.normal(size=(steps, batch, net.n_outputs))
    states = {f"0.{name}": rng.normal(size=(batch, width)) for name, width in layer.states().items()}
    inference = net.forward(x, lengths, initial_states=states)
    net.rng = np.random.default_rng(7)
    run = net.run(x, lengths, training=training, initial_states=states)
    output, final = run.output, run.final_states
    gradients = run.backward(dy, d_final_states=states)
    return [inference, output, *final.values(), *gradients[:2], *gradients.initial_states.values()]


def assert_alike(first, second, tolerance):
    for a, b in zip(first, second, strict=True):
        assert np.abs(a).max() > 0
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * (1 + np.abs(a).max()))


@pytest.mark.parametrize("make", CELLS.values(), ids=CELLS)
@pytest.mark.parametrize(
    ("steps", "batch", "lengths"), [(9, 5, [3, 9, 1, 7, 9]), (1, 1, None)], ids=["ragged", "one frame"]
)
def test_the_compiled_run_equals_the_numpy_run(make, steps, batch, lengths):
    case = {"dtype": "float64", "steps": steps, "batch": batch, "lengths": lengths}
    assert_alike(everything(make, compiled_run=False, **case), everything(make, compiled_run=True, **case), 1e-12)


@pytest.mark.parametrize("name", ["elman", "lstm", "gru"])
def test_the_compiled_run_equals_the_numpy_run_in_float32(name):
    case = {"dtype": "float32", "steps": 40, "batch": 7, "lengths": None}
    runs = [everything(CELLS[name], compiled_run=compiled_run, **case) for compiled_run in (False, True)]
    assert_alike(*runs, 1e-5)


@pytest.mark.parametrize("name", ["lstm", "gru reset before", "lstm layer norm zoneout"])
def test_recurrent_dropout_and_zoneout_are_the_same_in_both_runs(name):
    def dropped(**options):
        return CELLS[name](recurrent_dropout=0.4, **options)

    case = {"dtype": "float64", "steps": 9, "batch": 5, "lengths": [3, 9, 1, 7, 9], "training": True}
    assert_alike(everything(dropped, compiled_run=False, **case), everything(dropped, compiled_run=True, **case), 1e-12)


def test_teacher_forcing_is_the_same_in_both_runs():
    rng = np.random.default_rng(0)
    x, target = rng.normal(size=(8, 4, 3)), rng.normal(size=(8, 4, 18))
    results = []
    for compiled_run in (False, True):
        layer = layers.Jordan(3, 5, n_outputs=18, feedback_activation="tanh", gradient=BPTT(compiled=compiled_run))
        net = rnnbp.Network([layer], dtype="float64")
        results.append(net.loss_and_gradient(x, target, rnnbp.losses.MeanSquaredError(), [8, 2, 5, 8]))
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-13)
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=0, atol=1e-13)


def test_threads_share_a_batch_and_change_nothing_but_rounding(monkeypatch):
    monkeypatch.setattr("rnnbp.threads.MIN_OPERATIONS", 1)
    monkeypatch.setattr(threads, "HEAD_START", 0)
    case = {"dtype": "float64", "steps": 9, "batch": 5, "lengths": [3, 9, 1, 7, 9]}
    with threads.limit(1):
        alone = everything(CELLS["lstm"], compiled_run=True, **case)
    for n in (2, 3, 8):
        with threads.limit(n):
            assert_alike(alone, everything(CELLS["lstm"], compiled_run=True, **case), 1e-12)


def test_the_same_number_of_threads_gives_the_same_bits(monkeypatch):
    monkeypatch.setattr("rnnbp.threads.MIN_OPERATIONS", 1)
    monkeypatch.setattr(threads, "HEAD_START", 0)
    case = {"dtype": "float32", "steps": 40, "batch": 7, "lengths": None}
    with threads.limit(2):
        first, second = (everything(CELLS["lstm"], compiled_run=True, **case) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 1, 1), (6, 8, 64), (7, 33, 99), (13, 5, 257), (32, 100, 16), (2, 0, 3)])
def test_a_packed_product_equals_numpy_and_touches_nothing_else(dtype, shape):
    rows, depth, columns = shape
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(depth, rows)).astype(dtype).T, rng.normal(size=(depth, columns)).astype(dtype)
    c = rng.normal(size=(rows, columns + 5)).astype(dtype)
    expected = c.copy()
    expected[:, 2 : 2 + columns] += a @ b
    wide = np.concatenate([rng.normal(size=(depth, 3)).astype(dtype), b], axis=1)
    transposed = np.ascontiguousarray(b.T)
    results = []
    for pack in (
        # in two goes, as the rows of steps that are not next to each other are
        lambda packed: [
            gemm.pack(wide, first, n, 3, columns, packed, first, depth)
            for first, n in ((0, depth // 2), (depth // 2, depth - depth // 2))
        ],
        lambda packed: gemm.pack_transposed(transposed, 0, depth, packed),
    ):
        packed, sums = np.empty(gemm.packed_size(dtype, depth, columns), dtype), c.copy()
        pack(packed)
        _product(gemm.address(dtype), sums, 2, columns + 5, a.T.copy(), packed, rows, depth, columns)
        results.append(sums)
    for sums in results:
        np.testing.assert_allclose(sums, expected, rtol=0, atol=1e-12 if dtype == "float64" else 2e-5)


@compiled
def _product(address, c, c_at, c_row, a_transposed, packed, rows, depth, columns):
    gemm.multiply(address, c, c_at, c_row, a_transposed, 0, 1, rows, packed, rows, depth, columns)


FUNCTIONS = {
    "tanh": (elementwise.tanh, np.tanh),
    "sigmoid": (elementwise.sigmoid, special.expit),
    "exp": (elementwise.exp, np.exp),
    "expm1": (elementwise.expm1, np.expm1),
    "softplus": (elementwise.softplus, lambda x: np.logaddexp(0.0, x)),
    "erf": (elementwise.erf, special.erf),
}


def on_lanes(function, x):
    @compiled
    def loop(x, y):
        for at in range(0, len(x), lane_count_of_x):
            (value,) = load_each((x,), at, 0, 0)
            store_each((y,), at, 0, 0, (function(value),))

    lane_count_of_x = lane_count(x.dtype)
    y = np.empty_like(x)
    loop(x, y)
    return y


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_on_lanes_is_accurate(name, dtype):
    function, reference = FUNCTIONS[name]
    limit = 80.0 if name in ("exp", "expm1") else 30.0
    x = np.concatenate([np.linspace(-limit, limit, 4000), np.linspace(-1e-3, 1e-3, 96)]).astype(dtype)
    expected = reference(x.astype("float64"))
    error = np.abs(on_lanes(function, x) - expected) / np.maximum(1.0, np.abs(expected))
    assert error.max() < (4e-7 if dtype == "float32" else 2e-15)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_on_lanes_lets_nan_through_and_saturates(name):
    function, reference = FUNCTIONS[name]
    x = np.zeros(lane_count("float64"))
    x[0] = np.nan
    assert np.isnan(on_lanes(function, x)[0])
    with np.errstate(over="ignore"):
        for extreme in (-1e4, 1e4):
            assert on_lanes(function, np.full_like(x, extreme))[0] == reference(extreme)


SCRIPT = """
import numpy as np, rnnbp
from rnnbp import layers
from rnnbp.kernels.simd import REGISTER_BYTES
rng = np.random.default_rng(0)
net = rnnbp.Network([layers.Elman(3, 19)], dtype="float64")
run = net.run(rng.normal(size=(5, 4, 3)), [5, 2, 3, 5])
output = run.output
gradient = run.backward(np.cos(output)).theta
print(REGISTER_BYTES, repr(float(output.sum())), repr(float(np.abs(gradient).sum())))
"""


@pytest.mark.slow
def test_a_machine_without_vectors_gets_the_same_result(tmp_path):
    def result(**environment):
        run = subprocess.run(
            [sys.executable, "-c", SCRIPT], env=os.environ | environment, capture_output=True, text=True, check=True
        )
        width, *numbers = run.stdout.split()
        return int(width), np.array(numbers, float)

    width, numbers = result(RNNBP_SIMD_BYTES="0", NUMBA_CACHE_DIR=str(tmp_path))
    assert width == 0
    np.testing.assert_allclose(numbers, result()[1], rtol=1e-12)


@pytest.mark.slow
def test_a_cache_that_cannot_be_written_is_no_error(tmp_path):
    closed = tmp_path / "closed"
    closed.write_text("a file where the folder should be")
    environment = os.environ | {"NUMBA_CACHE_DIR": str(closed)}
    run = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
