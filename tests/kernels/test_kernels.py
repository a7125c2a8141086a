"""Every kernel computes the same, compiled and as Python."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from both_ways import World, in_python, library, rows_by_address
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnbp import layers
from rnnbp.data.packing import Packing
from rnnbp.decoding import NGram
from rnnbp.decoding.tables import automaton, token_numbers, trie
from rnnbp.gradients.compiled.layout import rows_of_stage
from rnnbp.kernels import processor, threads, workers
from rnnbp.kernels.beam import BeamRecord, floats_needed, ints_needed
from rnnbp.kernels.ctc import CTCRecord, work_size
from rnnbp.kernels.engine import engine, kernels
from rnnbp.kernels.language import Pointer
from rnnbp.kernels.matrices import packed_size
from rnnbp.kernels.programs import ProgramRecord
from rnnbp.kernels.records import together
from rnnbp.kernels.training import Gradient, LossRows
from rnnbp.kernels.workers import POOL_SIZE
from rnnbp.layers.compiled.activation import rows_of
from rnnbp.networks.network import Network
from rnnbp.networks.program import Program

DTYPES = ("float32", "float64")
each_dtype = pytest.mark.parametrize("dtype", DTYPES)
RNG = np.random.default_rng(0)


def assert_same_both_ways(name, *arguments, dtype):
    """Run a kernel (what stands before a comma) both ways, and return the names of those that Python has called."""
    name = name.split(",")[0]
    world = World(*arguments, dtype=dtype)
    with in_python(dtype) as called:
        expected = world.call(kernels()[name], *arguments)
    result = library(dtype)[name](*arguments)
    world.assert_same()
    assert result == pytest.approx(expected, rel=1e-5 if dtype == "float32" else 1e-12) if expected else not result
    return called


# -- small ones --------------------------------------------------------------------------------------------------------


def of_rows(a):
    return {
        "add_numbers": (a(13), a(13), 13),
        "sum_rows": (a(5), a(7, 9), 9, 7, 5),
        "fill_rows": (a(7, 5), a(5), 7, 5),
        "start_rows": (a(12), a(12), 1, 12),
        "sum_of_squares": (a(37), 37),
    }


def of_normalization(a):
    targets = np.array([3, 4, 5, 6, 9, 10, 11])
    return {
        "add_normalized": (a(12), a(7), a(7), targets, 7, np.zeros(2)),
        "normalized_backward": (a(12), a(7), a(7), a(7), targets, 7, a(7), 0, np.zeros(2)),
    }


def of_losses(a):
    z, dz, loss = a(6, 5), a(6, 5), np.zeros(1)
    classes, index = np.array([1, 0, 4, 2, 2, 3, 1, 0]), np.array([7, 0, 2, 1, 2, 5])
    rows = {"n": 6, "width": 5, "z": z, "dz": dz, "loss": loss, "index": index}
    shares = {"shares": np.linspace(0.1, 0.6, 6), "n_shares": 6}
    one_share = {"shares": np.array([0.2]), "n_shares": 1}
    return {
        "cross_entropy": (LossRows(**rows, **shares, classes=classes, indexed=1), 0),
        "squared_error": (LossRows(**rows, **one_share, target=a(6, 5)), 0),
        "binary_cross_entropy": (LossRows(**rows, **shares, target=abs(a(8, 5)) % 1.0, indexed=1), 0),
    }


def of_gradients(a):
    def record(**fields):
        decayed = (a(40) > 0).astype(a(1).dtype)
        return Gradient(
            program=ProgramRecord(), n=40, theta=a(40), gradient=a(40), decayed=decayed, factor=0.3,
            loss=np.array([2.0]), norm=np.array([5.0]), **fields,
        )  # fmt: skip

    return {
        "decay": (record(), 0),
        "check": (record(), 0),
        "clip": (record(clip_value=0.7, clip_norm=2.0), 0),
    }


def of_ctc(a):
    steps, rng = Packing([6, 5, 4, 1]), np.random.default_rng(2)
    labels, offsets = np.array([1, 3, 3, 2, 1, 1, 2, 1]), np.array([0, 3, 7, 7, 8])
    z, size = a(steps.n_rows, 4), work_size(processor.lanes(str(a(1).dtype)), 4, 6, 4)
    record = CTCRecord(
        layout=steps.layout(1), width=4, blank=0, z=z, dz=a(*z.shape), labels=labels, offsets=offsets,
        shares=rng.random(4), loss=np.zeros(4), work=a(2 * size), work_size=size, norms=np.zeros(6),
        n_shares=1,
    )  # fmt: skip
    return {"ctc": (record, 0)}


def of_beams(a):
    """A search with a model of words, with and without a lexicon, and one with a model of labels."""
    rng, symbols = np.random.default_rng(4), ["", " ", "a", "b"]
    log_p, starts = np.log(rng.dirichlet(np.full(4, 0.3), 12)), np.array([0, 7, 12])
    words, made = NGram(2).fit(["ab a", "b ab"]), {}
    labels = {symbol: k for k, symbol in enumerate(symbols) if k}
    numbers = token_numbers(words)
    needed = ints_needed(7, 5, 4), floats_needed(7, 5, 4)
    for name, listed, is_open in (("lexicon", ["ab", "b", "ba"], 0), ("words", ["ab", "a", "b"], 1), ("labels", [], 0)):
        model = words if listed else NGram(2, unit="character").fit(["ab a", "b ab"])
        made[f"beam, {name}"] = BeamRecord(
            log_p=log_p.copy(), starts=starts, n_sequences=2, n_classes=4, blank=0, width=5, least=-9.0, margin=30.0,
            has_model=1, model=automaton(model), weight=0.8, bonus=0.2, tokens=np.array([0, 0, 3, 4]),
            spelled=int(bool(listed)), separator=1, trie=trie(listed or ["a"], labels, numbers, 9), open=is_open,
            n_best=2, room=7, labels=np.zeros((2, 2, 7), np.int64), counts=np.zeros((2, 2), np.int64),
            scores=np.zeros((2, 2)), ints=np.zeros(needed[0], np.int64), ints_size=needed[0],
            floats=np.zeros(needed[1]), floats_size=needed[1], n_shares=1,
        )  # fmt: skip
    return {name: (record, 0) for name, record in made.items()}


SMALL = (of_rows, of_normalization, of_losses, of_gradients, of_ctc, of_beams)
NAMES = [name for make in SMALL for name in make(lambda *shape: RNG.normal(size=shape))]


def case(name, dtype):
    rng = np.random.default_rng(1)
    made = {k: v for make in SMALL for k, v in make(lambda *shape: rng.normal(size=shape).astype(dtype)).items()}
    return made[name]


@each_dtype
@pytest.mark.parametrize("name", NAMES)
def test_a_small_kernel_runs_alike(name, dtype):
    assert_same_both_ways(name, *case(name, dtype), dtype=dtype)


@each_dtype
def test_rows_that_are_not_given_start_from_zero(dtype):
    assert_same_both_ways("start_rows", np.ones(5, dtype), np.ones(5, dtype), 0, 5, dtype=dtype)


@pytest.mark.parametrize("bad", ["gradient", "loss"])
def test_a_step_that_is_not_finite_stops_the_program(bad):
    (record, _) = case("check", "float64")
    with np.errstate(invalid="ignore"):
        getattr(record, bad)[0] = np.inf
        assert_same_both_ways("check", record, 0, dtype="float64")
    assert record.program.read("stopped") == 1


@each_dtype
def test_a_gradient_that_is_normalised_in_place(dtype):
    dz, a, gain, d_gain, targets, width, *_, moments = case("normalized_backward", dtype)
    assert_same_both_ways("normalized_backward", dz, a, gain, d_gain, targets, width, a, 1, moments, dtype=dtype)


# -- products ----------------------------------------------------------------------------------------------------------


def product(rows, depth, columns, dtype, way):
    """Check a packed product against NumPy; neighbours of c's columns must stay as they are."""
    rng = np.random.default_rng(0)
    lanes, kernel = processor.lanes(dtype), library(dtype)
    a, b = rng.normal(size=(rows, depth)).astype(dtype), rng.normal(size=(depth, columns)).astype(dtype)
    c = rng.normal(size=(rows + 2, columns + 5)).astype(dtype)
    expected = c.copy()
    expected[1:-1, 2:-3] += a @ b
    to, row = c.reshape(-1)[columns + 5 + 2 :], columns + 5
    transposed = np.concatenate([a.T, rng.normal(size=(depth, 2)).astype(dtype)], axis=1)
    packed = np.full(packed_size(lanes, depth, columns), np.nan, dtype)
    if way == "transposed":
        kernel["pack_transposed"](np.ascontiguousarray(b.T), depth, depth, columns, packed)
        kernel["multiply"](to, row, transposed, 1, rows + 2, packed, rows, depth, columns)
    else:  # in two goes, and from columns of a wider matrix
        wide, half = np.concatenate([b, rng.normal(size=(depth, 3)).astype(dtype)], axis=1), depth // 2
        kernel["pack"](wide, columns + 3, half, columns, packed, 0, depth)
        kernel["pack"](wide[half:].copy(), columns + 3, depth - half, columns, packed, half, depth)
        if way == "rows":
            kernel["multiply"](to, row, a, depth, 1, packed, rows, depth, columns)
        else:
            packed_a = np.full(rows * depth, np.nan, dtype)
            kernel["pack_rows"](transposed, rows + 2, rows, depth, packed_a)
            kernel["multiply_both"](to, row, packed_a, packed, rows, depth, columns)
    size = 1.0 + np.sqrt(depth)
    np.testing.assert_allclose(c, expected, rtol=0, atol=size * (1e-13 if dtype == "float64" else 5e-6))


SHAPES = [
    (1, 1, 1),
    (6, 8, 64),
    (7, 33, 99),
    (13, 5, 257),
    (32, 100, 16),
    (7, 600, 37),
    (2, 0, 3),
    (0, 4, 100),
    (3, 5, 0),
]
WAYS = ("rows", "transposed", "both packed")


@each_dtype
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("way", WAYS)
def test_a_packed_product_equals_numpy_and_touches_nothing_else(shape, way, dtype):
    product(*shape, dtype, way)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 20), st.integers(0, 40), st.integers(0, 150), st.sampled_from(DTYPES), st.sampled_from(WAYS))
def test_a_packed_product_of_any_shape(rows, depth, columns, dtype, way):
    product(rows, depth, columns, dtype, way)


@each_dtype
@pytest.mark.parametrize("shape", [(1, 3, 70), (2, 3, 37), (3, 2, 33), (7, 4, 19), (0, 3, 70)])
def test_a_product_and_its_packing(shape, dtype):
    rows, depth, columns = shape
    rng = np.random.default_rng(2)
    a, b, c = (rng.normal(size=s).astype(dtype) for s in ((rows, depth), (depth, columns), (rows, columns)))
    packed = np.zeros(packed_size(processor.lanes(dtype), depth, columns), dtype)
    assert_same_both_ways("pack_transposed", b.T.copy(), depth, depth, columns, packed, dtype=dtype)
    assert_same_both_ways("pack", b, columns, depth, columns, packed, 0, depth, dtype=dtype)
    assert_same_both_ways("multiply", c, columns, a, depth, 1, packed, rows, depth, columns, dtype=dtype)


# -- programs ----------------------------------------------------------------------------------------------------------

STACKS = {
    "LSTM": lambda: [layers.LSTM(2, 3)],
    "LSTM, peepholes": lambda: [layers.LSTM(2, 3, peepholes=True)],
    "LSTM, layer norm and zoneout": lambda: [layers.LSTM(2, 3, layer_norm=True, zoneout=0.3)],
    "GRU, reset before, layer norm": lambda: [layers.GRU(2, 3, layer_norm=True)],
    "GRU, reset before, both ways": lambda: [layers.GRU(2, 3, reset="before", bidirectional=True)],
    "Elman, wide, dropout": lambda: [layers.Elman(2, 19, recurrent_dropout=0.4, reverse=True)],
    "Jordan": lambda: [layers.Jordan(2, 3, n_outputs=2)],
    "dense": lambda: [layers.Dense(2, 19), layers.Activation("gelu"), layers.Dense(19, 3)],
    "last step": lambda: [layers.Elman(2, 4), layers.LastStep(), layers.Dense(4, 2)],
    "last step both ways": lambda: [layers.Dense(2, 4), layers.LastStep(bidirectional=True)],
    "mean": lambda: [layers.Dense(2, 4), layers.MeanOverTime(), layers.Activation("relu")],
    "maximum": lambda: [layers.Dense(2, 4), layers.MaxOverTime()],
}


def laid_out(stack, dtype, *, lengths, keep, training):
    """Return a network's only segment, laid out for a batch, with everything given that can be."""
    net, rng = Network(stack, dtype=dtype, seed=1), np.random.default_rng(3)
    net.theta[...] = rng.normal(size=net.theta.size, scale=0.5)
    (segment,) = Program(net.layers, net.parameters, compiled=True).segments
    steps = Packing(lengths)
    x = rng.normal(size=(steps.n_rows, 2)).astype(dtype)
    states = {
        name: rng.normal(size=(steps.n_sequences, width)).astype(dtype) for name, width in stack[0].states().items()
    }
    teacher = np.ma.MaskedArray(x.copy(), np.repeat(rng.random(len(x))[:, None] < 0.5, 2, axis=1))
    segment.begin(
        x, steps, training, keep, rng, {0: states}, None if net.interface.teacher_forced_layer is None else (0, teacher)
    )
    gradient = np.full_like(net.theta, 7.0)
    if keep:
        dy = rng.normal(size=segment.y.shape).astype(dtype)
        segment.begin_back(dy, gradient.__array_interface__["data"][0], True, {0: states})
    return SimpleNamespace(net=net, segment=segment, gradient=gradient)


def buffers(workspace):
    for value in workspace._buffers.values():
        value[...] = 7.0
        yield value
    for part in workspace._parts.values():
        yield from buffers(part)


def run_both_ways(stack, dtype, **options):
    """Run a network both ways as a program of instructions; return the names of the kernels that Python has called."""
    made = laid_out(stack, dtype, **options)
    segment = made.segment
    instructions = together([*segment.prepare, *segment.forwards, *(segment.back if options["keep"] else [])])
    program = ProgramRecord(instructions=instructions, n=len(instructions))
    memory = [segment.x, getattr(segment, "dy", segment.x), made.gradient]
    memory += [array for unit in segment.units for array in buffers(unit.workspace)]
    records = [instruction.__dict__["record"] for instruction in instructions]
    rows = [each for layer in stack if hasattr(layer, "cell") for s in layer.cell.stages for each in rows_of_stage(s)]
    rows += [each for layer in stack if hasattr(layer, "_function") for each in rows_of(layer._function)]
    world = World(program, records, memory, dtype=dtype, rows=rows_by_address(rows, dtype))
    with in_python(dtype) as called:
        world.call(kernels()["run_program"], program, 0, program.n)
    engine(dtype).run(program.address, 0, program.n)
    world.assert_same()
    if options["keep"] and made.gradient.size:
        assert not (made.gradient == 7.0).any()
    return called


CASES = {
    "ragged": {"lengths": (3, 5, 1), "keep": True, "training": True},
    "one step of one sequence": {"lengths": (1,), "keep": True, "training": False},
    "inference": {"lengths": (2, 4, 4), "keep": False, "training": False},
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", STACKS)
def test_a_network_runs_alike(name, case):
    run_both_ways(STACKS[name](), "float64", **CASES[case])


@pytest.mark.parametrize("name", ["LSTM, layer norm and zoneout", "dense"])
def test_a_network_runs_alike_in_single_precision(name):
    run_both_ways(STACKS[name](), "float32", **CASES["ragged"])


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", ["GRU, reset before, both ways", "Elman, wide, dropout", "dense", "LSTM"])
def test_a_network_runs_alike_in_shares(name, case, monkeypatch):
    monkeypatch.setattr(threads, "MIN_OPERATIONS", 1)
    with threads.limit(3):
        run_both_ways(STACKS[name](), "float64", **CASES[case])


@pytest.mark.parametrize("lengths", [(100, 100, 100), (90, 70, 40, 30)], ids=["rectangular", "ragged"])
@pytest.mark.parametrize("keep", [True, False])
def test_a_network_runs_alike_where_there_is_more_than_one_chunk(lengths, keep):
    run_both_ways([layers.Elman(2, 3)], "float64", lengths=lengths, keep=keep, training=False)


# -- work in shares ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 7])
def test_in_python_too_a_job_s_shares_are_all_done_once(n, monkeypatch):
    done, pool = [], Pointer([0] * POOL_SIZE)
    monkeypatch.setattr(workers, "call", lambda function, record, share: done.append(share))
    for _ in range(3):
        kernels()["parallel"](pool, 0, 0, n)
    assert done == [*range(n)] * 3
    kernels()["serve"](pool, 5)  # there is nothing to be done any more
    assert done == [*range(n)] * 3


# -- all of them -------------------------------------------------------------------------------------------------------

WITHOUT_RECORDS = {"tile_address", "parallel", "serve", "_take"}  # above, in other ways


def test_no_kernel_is_left_out():
    called = set(WITHOUT_RECORDS)
    for name in NAMES:
        called |= assert_same_both_ways(name, *case(name, "float64"), dtype="float64") | {name.split(",")[0]}
    for stack in STACKS.values():
        for options in CASES.values():
            called |= run_both_ways(stack(), "float64", **options)
    assert called == set(kernels())
