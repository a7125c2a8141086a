"""Run networks in memory in which each array ends, or begins, beside a page that must not be touched.

Run as ``python tests/kernels/guard_pages.py {after,before} {float32,float64} [too-small]``. A kernel that reads or
writes beyond an array ends this process with a segmentation fault; the network that did it is the one printed last. An
array that a record is given and that lies elsewhere is an error. "too-small" makes the packed weights of dense layers
too small, to see that it is noticed.
"""

from __future__ import annotations

import ctypes
import faulthandler
import math
import mmap
import sys
import weakref
from bisect import bisect_right, insort

import numpy as np
import numpy.ma  # which looks at the functions that are exchanged below

from rnnbp import layers, optimizers
from rnnbp.data.workspace import Workspace
from rnnbp.kernels import records, threads
from rnnbp.kernels.matrices import packed_size
from rnnbp.layers.compiled import dense
from rnnbp.networks import segment
from rnnbp.networks.network import Network
from rnnbp.training import fit

PAGE = mmap.PAGESIZE
UNTOUCHABLE = 0  # PROT_NONE
libc = ctypes.CDLL(None, use_errno=True)
libc.mprotect.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int

side = sys.argv[1]
starts: list[int] = []  # where arrays begin, in order
ends: dict[int, int] = {}  # and end


def guard(shape, dtype=float, *, fill=None) -> np.ndarray:
    """Return an array beside an untouchable page."""
    dtype = np.dtype(dtype)
    size = math.prod(shape) if isinstance(shape, tuple | list) else int(shape)
    n_bytes = size * dtype.itemsize
    n_pages = -(-n_bytes // PAGE) + 1
    pages = mmap.mmap(-1, n_pages * PAGE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(pages))
    last = start + (n_pages - 1) * PAGE
    at = last - n_bytes if side == "after" else start + PAGE
    if libc.mprotect(last if side == "after" else start, PAGE, UNTOUCHABLE):
        raise OSError(ctypes.get_errno(), "mprotect")
    memory = (ctypes.c_char * n_bytes).from_buffer(pages, at - start)
    array = np.frombuffer(memory, dtype, size).reshape(shape)
    if n_bytes:
        insort(starts, at)
        ends[at] = at + n_bytes
        weakref.finalize(memory, forget, at)
    if fill is not None:
        array[...] = fill
    elif dtype.kind == "f":
        array[...] = np.nan  # what was there before must not matter
    return array


def forget(at: int) -> None:
    starts.remove(at)
    del ends[at]


def guarded_copy(array: np.ndarray) -> np.ndarray:
    return guard(array.shape, array.dtype, fill=array)


def is_guarded(array: np.ndarray) -> bool:
    address = array.__array_interface__["data"][0]
    k = bisect_right(starts, address) - 1
    return not array.size or (k >= 0 and address + array.nbytes <= ends[starts[k]])


ONLY_READ = ("x", "a", "dy", "initial", "d_final", "mask", "noise", "teacher", "target", "decayed")


def guarded_in_time(self, name, value, *, set_field=records.Record.__setattr__) -> None:
    """Set a field; arrays that are only read, and that NumPy's own functions have made, are moved first."""
    if isinstance(value, np.ndarray) and not is_guarded(value):
        if self.fields[name] != "ints" and name not in ONLY_READ:
            raise AssertionError(f"{type(self).__name__}.{name} has been given an array that is not guarded")
        value = guarded_copy(value)
    set_field(self, name, value)


def segment_begins(self, x, *given, begin=segment.Segment.begin) -> None:
    begin(self, guarded_copy(np.ascontiguousarray(x, self.dtype)), *given)


def segment_begins_back(self, dy, *given, begin=segment.Segment.begin_back) -> None:
    begin(self, guarded_copy(np.ascontiguousarray(dy, self.dtype)), *given)


def of_workspace(self, name, shape, dtype) -> np.ndarray:
    return guard(shape, dtype)


np.empty = guard
np.zeros = lambda shape, dtype=float: guard(shape, dtype, fill=0)
np.empty_like = lambda array: guard(array.shape, array.dtype)
np.zeros_like = lambda array: guard(array.shape, array.dtype, fill=0)
np.stack = lambda arrays, stack=np.stack: guarded_copy(stack(arrays))
Workspace.empty = of_workspace
records.Record.__setattr__ = guarded_in_time
segment.Segment.begin = segment_begins
segment.Segment.begin_back = segment_begins_back

CELLS = {
    "Elman": layers.Elman,
    "LSTM": layers.LSTM,
    "LSTM with peepholes": lambda *sizes, **options: layers.LSTM(*sizes, peepholes=True, **options),
    "LSTM, layer norm": lambda *sizes, **options: layers.LSTM(*sizes, layer_norm=True, **options),
    "LSTM, zoneout": lambda *sizes, **options: layers.LSTM(*sizes, zoneout=0.3, zoneout_cell=0.2, **options),
    "GRU": layers.GRU,
    "GRU, reset before": lambda *sizes, **options: layers.GRU(*sizes, reset="before", **options),
    "GRU, layer norm": lambda *sizes, **options: layers.GRU(*sizes, layer_norm=True, **options),
    "Jordan": lambda *sizes, **options: layers.Jordan(*sizes, n_outputs=3, **options),
}
STACKS = {
    **{f"{name} {h}": [make(3, h)] for name, make in CELLS.items() for h in (1, 5, 19)},
    **{f"{name}, both ways": [make(3, 5, bidirectional=True, recurrent_dropout=0.3)] for name, make in CELLS.items()},
    "dense": [layers.Dense(3, 1), layers.Dense(1, 37), layers.Activation("gelu"), layers.Dense(37, 5)],
    "wide": [layers.Dense(3, 131), layers.Activation("relu"), layers.Dense(131, 97), layers.Activation("elu")],
    "last step": [layers.Elman(3, 6, bidirectional=True), layers.LastStep(bidirectional=True), layers.Dense(12, 2)],
    "mean": [layers.GRU(3, 7), layers.MeanOverTime(), layers.Dense(7, 2)],
    "maximum": [layers.LSTM(3, 7), layers.MaxOverTime(), layers.Activation("tanh")],
}
BATCHES = [(1,), (4, 1, 3), (5, 5), (3, 2, 2, 7, 7, 1, 1), (70, 41, 69)]


def run(stack, dtype: str) -> None:
    """Run a network forwards, forwards without keeping anything, and back."""
    rng = np.random.default_rng(0)
    net = Network(stack, dtype=dtype)
    for lengths in BATCHES:
        x = rng.normal(size=(max(lengths), len(lengths), 3))
        widths = stack[0].states().items()
        states = {f"0.{state}": rng.normal(size=(len(lengths), width)) for state, width in widths}
        teacher = (
            rng.normal(size=(sum(lengths), net.n_outputs)) if net.interface.teacher_forced_layer is not None else None
        )
        net.forward(x, np.array(lengths), initial_states=states)
        passed = net.run(x, np.array(lengths), training=True, initial_states=states, teacher=teacher)
        output = passed.output
        gradients = passed.backward(np.ones(output.shape), d_final_states=states)
        for values in (output, gradients.theta, gradients.x, *gradients.initial_states.values()):
            assert np.isfinite(values).all(), "something was used before it was set"


def multiply(dtype: str) -> None:
    """Run products of odd sizes, through dense layers."""
    rng = np.random.default_rng(0)
    for rows, depth, columns in [
        (1, 1, 1),
        (2, 3, 5),
        (7, 33, 31),
        (13, 64, 9),
        (3, 100, 65),
        (6, 8, 130),
        (12, 31, 257),
    ]:
        net, x = Network([layers.Dense(depth, columns)], dtype=dtype), rng.normal(size=(rows, depth))
        passed = net.run(x)
        np.testing.assert_allclose(passed.output, x @ net.parameters["0.weight"], atol=1e-4)
        passed.backward(np.ones((rows, columns)))


def train(dtype: str) -> None:
    """Train for a few steps with each loss, and with what a step may have beside it."""
    rng = np.random.default_rng(0)
    x, lengths = rng.normal(size=(6, 11, 3)), np.array([6, 1, 3, 6, 2, 2, 5, 6, 4, 1, 1])
    targets = {
        "cross_entropy": rng.integers(5, size=11),
        "mean_squared_error": rng.normal(size=(11, 5)),
        "binary_cross_entropy": rng.integers(2, size=(11, 5)),
    }
    made = (optimizers.Adam(clip_norm=0.1), optimizers.SGD(0.1, momentum=0.9), optimizers.AdamW(clip_value=0.1))
    for (loss, target), optimizer in zip(targets.items(), made, strict=True):
        net = Network([layers.GRU(3, 7), layers.LastStep(), layers.Dense(7, 5)], dtype=dtype)
        options = {"max_epochs": 2, "batch_size": 4, "l2": 0.1, "optimizer": optimizer, "progress": False}
        fit(net, x, target, loss=loss, lengths=lengths, **options)
        fit(net, x, target, loss=loss, sample_weight=rng.random(11), **options)
        assert np.isfinite(net.theta).all()


def main(dtype: str) -> None:
    print("products", flush=True)
    multiply(dtype)
    print("training", flush=True)
    train(dtype)
    for name, stack in STACKS.items():
        for n_threads in (1, 3):
            print(name, n_threads, flush=True)
            with threads.limit(n_threads):
                run(stack, dtype)


if __name__ == "__main__":
    faulthandler.enable()
    threads.MIN_OPERATIONS = 1
    if sys.argv[3:] == ["too-small"]:
        dense.packed_size = lambda *shape: packed_size(*shape) - 1
    main(sys.argv[2])
