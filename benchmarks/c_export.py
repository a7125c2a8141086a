"""A step of an LSTM, one frame after the other: the exported C beside the network's own stream and ONNX Runtime.

    python -m benchmarks.c_export [--rounds 15] [--hidden 64] [--inputs 40]

Each takes a turn in each round, on the same frames. Printed are medians over the rounds, and of the ratios within a
round. Before that the results are checked: all agree to 1e-5 of the largest output, 8-bit weights to 5e-2. The C code
is called through ctypes once for all frames (`run`, as a program in C calls it), and once for each (`step`, where most
of a microsecond is ctypes' own).
"""

from __future__ import annotations

import argparse
import ctypes
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.timing import clock
from rnnbp import Network, layers
from rnnbp.interop import c

N_FRAMES, CLASSES = 2000, 10
TOLERANCE, TOLERANCE_INT8 = 1e-5, 5e-2
WRAPPER = """
#include "model.h"
static struct model_state s;
void start(void) { model_init(&s); }
int step(const float *x, float *y) { return model_step(&s, x, y); }
size_t run(const float *x, size_t n, float *y) { return model_run(&s, x, n, y); }
"""

Contestant = Callable[[np.ndarray], np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--inputs", type=int, default=40)
    options = parser.parse_args()
    net = Network([layers.LSTM(options.inputs, options.hidden), layers.Dense(options.hidden, CLASSES)])
    frames = np.random.default_rng(0).normal(size=(N_FRAMES, options.inputs)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        contestants = {**compiled(net, Path(folder), frames), "net.stream()": streamed(net)}
        try:
            contestants["ONNX Runtime"] = onnx_runtime(net, options.inputs, options.hidden)
        except ImportError as error:
            print(f"no ONNX Runtime: {error.name} is not installed")
        check(contestants, frames)
        race(contestants, frames, options.rounds)


def race(contestants: dict[str, Contestant], frames: np.ndarray, n_rounds: int) -> None:
    """Let each take a turn in each round, and print what came of it."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(n_rounds):
        for name, run in contestants.items():
            times[name].append(clock(lambda run=run: run(frames)) / len(frames))
    first = next(iter(times.values()))
    print(f"{'':32} {'us a frame':>10}   times as long as the first")
    for name, own in times.items():
        ratios = [mine / reference for mine, reference in zip(own, first, strict=True)]
        print(f"{name:32} {1e6 * median(own):10.2f}   {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


def check(contestants: dict[str, Contestant], frames: np.ndarray) -> None:
    """See that all compute the same."""
    outputs = {name: run(frames) for name, run in contestants.items()}
    expected = outputs["net.stream()"]
    for name, output in outputs.items():
        difference = np.abs(output - expected).max() / np.abs(expected).max()
        print(f"{name:32} differs from net.stream() by {difference:.1e}")
        if not difference < (TOLERANCE_INT8 if "int8" in name else TOLERANCE):
            raise SystemExit(f"{name} computes something else")


def compiled(net: Network, folder: Path, frames: np.ndarray) -> dict[str, Contestant]:
    """Return the exported code, with two sets of flags, whole and frame by frame, and with weights of 8 bits."""
    c.export(net, folder / "model.h")
    (folder / "int8").mkdir()
    c.export(net, folder / "int8" / "model.h", quantize="int8", calibration=[frames[:200]])
    for place in (folder, folder / "int8"):
        (place / "wrapper.c").write_text(WRAPPER)
    pointer = ctypes.c_void_p
    contestants: dict[str, Contestant] = {}
    fast = ["-O3", "-march=native"]
    for k, (name, place, flags) in enumerate(
        (("C", folder, fast), ("C", folder, ["-O2"]), ("C int8", folder / "int8", fast))
    ):
        library = place / f"model{k}.so"
        command = ["gcc", "-std=gnu99", *flags, "-shared", "-fPIC", str(place / "wrapper.c"), "-o", str(library)]
        subprocess.run(command, check=True)
        loaded = ctypes.CDLL(str(library))
        loaded.run.argtypes, loaded.run.restype = [pointer, ctypes.c_size_t, pointer], ctypes.c_size_t
        loaded.step.argtypes = [pointer, pointer]

        def whole(frames: np.ndarray, loaded: ctypes.CDLL = loaded) -> np.ndarray:
            y = np.empty((len(frames), CLASSES), np.float32)
            loaded.start()
            loaded.run(frames.ctypes.data, len(frames), y.ctypes.data)
            return y

        def stepped(frames: np.ndarray, loaded: ctypes.CDLL = loaded) -> np.ndarray:
            y = np.empty((len(frames), CLASSES), np.float32)
            x_at, y_at, x_size, y_size = frames.ctypes.data, y.ctypes.data, frames.strides[0], y.strides[0]
            loaded.start()
            for t in range(len(frames)):
                loaded.step(x_at + t * x_size, y_at + t * y_size)
            return y

        contestants[f"{name} {' '.join(flags)}"] = whole
        contestants[f"{name} {' '.join(flags)}, by step"] = stepped
    return contestants


def streamed(net: Network) -> Contestant:
    """Return the network's own stream, frame by frame."""

    def run(frames: np.ndarray) -> np.ndarray:
        stream = net.stream()
        return np.array([stream.push(frame) for frame in frames])

    return run


def onnx_runtime(net: Network, n_inputs: int, n_hidden: int) -> Contestant:
    """Return ONNX Runtime with the same weights on one thread, frame by frame."""
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    def gates(weight: np.ndarray) -> np.ndarray:
        """Return weights as ONNX has them: gates in the order i, o, f, g, outputs first."""
        i, f, g, o = np.split(weight.T, 4)
        return np.concatenate([i, o, f, g])[None]

    p = {name: np.array(values) for name, values in net.parameters.items()}
    bias = gates(p["0.bias"][None]).reshape(1, -1)
    held = {
        "W": gates(p["0.input_weight"]),
        "R": gates(p["0.recurrent_weight"]),
        "B": np.concatenate([bias, np.zeros_like(bias)], axis=1),
        "V": p["1.weight"],
        "c": p["1.bias"],
        "shape": np.array([1, n_hidden]),
    }
    nodes = [
        helper.make_node("LSTM", ["x", "W", "R", "B", "", "h0", "c0"], ["", "h1", "c1"], hidden_size=n_hidden),
        helper.make_node("Reshape", ["h1", "shape"], ["h"]),
        helper.make_node("Gemm", ["h", "V", "c"], ["y"]),
    ]
    state = [1, 1, n_hidden]
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "lstm",
        [info("x", TensorProto.FLOAT, [1, 1, n_inputs])]
        + [info(name, TensorProto.FLOAT, state) for name in ("h0", "c0")],
        [info("y", TensorProto.FLOAT, [1, CLASSES])] + [info(name, TensorProto.FLOAT, state) for name in ("h1", "c1")],
        [numpy_helper.from_array(values, name) for name, values in held.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), settings, providers=["CPUExecutionProvider"])

    def run(frames: np.ndarray) -> np.ndarray:
        outputs = np.empty((len(frames), CLASSES), np.float32)
        h = cell = np.zeros(state, np.float32)
        for t, frame in enumerate(frames):
            outputs[t], h, cell = session.run(["y", "h1", "c1"], {"x": frame[None, None], "h0": h, "c0": cell})
        return outputs

    return run


if __name__ == "__main__":
    main()
