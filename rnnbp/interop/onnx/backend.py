"""The face that the ONNX standard's own tests ask for (`onnx.backend.base.Backend`).

::

    import onnx.backend.test
    from rnnbp.interop.onnx import backend

    tests = onnx.backend.test.BackendTest(backend, __name__)
    tests.include("test_(simple_rnn|rnn|lstm|gru)")

Here a model's inputs and outputs are as its graph has them: parameters may be inputs, and axes lie in its order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.interop.errors import InteropError
from rnnbp.interop.onnx.loading import Loaded, read
from rnnbp.interop.onnx.values import Frames

__all__ = ["Prepared", "is_compatible", "prepare", "run_model", "supports_device"]

Array = NDArray[Any]


def supports_device(device: str) -> bool:
    """Whether it is the CPU."""
    return device.partition(":")[0] == "CPU"


def is_compatible(model: Any, device: str = "CPU", **options: Any) -> bool:
    """Whether the model may be tried; `Prepared.run` says whether it can be read, as parameters may be inputs."""
    return supports_device(device)


def prepare(model: Any, device: str = "CPU", **options: Any) -> Prepared:
    """Return a model that is ready to run."""
    return Prepared(model)


def run_model(model: Any, inputs: Any, device: str = "CPU", **options: Any) -> tuple[Array, ...]:
    """Run a model once."""
    return prepare(model, device).run(inputs)


class Prepared:
    """A model that is read when it is run, as its parameters may be among what it is given."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def run(self, inputs: Sequence[Array] | Mapping[str, Array], **options: Any) -> tuple[Array, ...]:
        """Return the outputs, in the graph's order and with its axes."""
        names = [each.name for each in self._model.graph.input]
        given = dict(inputs) if isinstance(inputs, Mapping) else dict(zip(names, inputs, strict=False))
        parameters = {
            name
            for node in self._model.graph.node
            for place, name in enumerate(node.input)
            if place in PARAMETERS.get(node.op_type, ()) and name in given
        }
        loaded = read(self._model, constants={name: given[name] for name in parameters})
        return _run(loaded, given)


PARAMETERS = {"RNN": (1, 2, 3), "GRU": (1, 2, 3), "LSTM": (1, 2, 3, 7), "Gemm": (1, 2), "MatMul": (1,), "Conv": (1, 2)}


def _run(loaded: Loaded, given: Mapping[str, Array]) -> tuple[Array, ...]:
    net, reading = loaded.network, loaded.reading
    x = given[reading.x]
    names = [f"{reading.x}.{k}" for k in range(np.ndim(x))]
    order = "tb" if net.interface.frame_rank == 0 else "tbf"
    if len(names) > len(order):
        raise ValueError(f"expected an input of at most {len(order)} axes, but its shape is {np.shape(x)}")
    if "t" not in map(reading.axis, names):  # nothing says how its axes lie, so as they do here
        reading.axes |= zip(names, order[-len(names) :], strict=True)
    axes = [reading.axis(name) for name in names]
    x = x.transpose([axes.index(letter) for letter in order if letter in axes])
    batch_first = axes[0] == "b"
    initial = {}
    for name, (source, direction) in reading.initial.items():
        if source not in given:  # it has a default, which is zero
            continue
        state = np.asarray(given[source])
        if direction is not None:
            state = state[:, direction] if batch_first else state[direction]
        initial[name] = np.atleast_2d(state)
    run = net.run(x, given.get(reading.lengths), keep=False, initial_states=initial)
    return tuple(_arranged(value, name == loaded.output, run, reading) for name, value in loaded.values.items())


def _arranged(value: Any, is_output: bool, run: Any, reading: Any) -> Array:
    """Return an output with the graph's axes."""
    if not isinstance(value, Frames):
        raise InteropError("several states in one output are not supported")
    letters = [reading.axis(name) for name in value.axes]
    if not is_output:
        states = np.stack([run.final_states[name] for name in reading.state_names(value)])
        array, have = states, ["d", "b", "f"]
    else:
        array, have = run.output, ["t", "b", "f"] if run.output.ndim == 3 else ["b", "f"]
        if "d" in letters:
            array = array.reshape(*array.shape[:-1], value.n_directions, -1)
            have = [*have[:-1], "d", "f"]
    for k, letter in enumerate(have):
        if letter not in letters and array.shape[k] != 1:
            raise InteropError(f"the output has lost its axis {letter}")
    array = array.reshape([n for n, letter in zip(array.shape, have, strict=True) if letter in letters])
    have = [letter for letter in have if letter in letters]
    array = array.transpose([have.index(letter) for letter in letters if letter in have])
    for k, letter in enumerate(letters):
        if letter == "1":
            array = np.expand_dims(array, k)
    return np.ascontiguousarray(array)
