"""ONNX's recurrent operators, RNN, LSTM and GRU, with all their attributes, as layers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, islice, repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.interop.conventions import CONVENTIONS, Weights
from rnnbp.interop.onnx.files import Node, refusal
from rnnbp.interop.onnx.functions import from_onnx
from rnnbp.interop.onnx.reading import Reading
from rnnbp.interop.onnx.values import Constant, Frames, Stack, Value, Zeros
from rnnbp.layers import GRU, LSTM, Elman, Recurrent

__all__ = ["recurrent"]

Array = NDArray[Any]
Given = Sequence[Value | None]

KINDS: dict[str, type[Recurrent]] = {"RNN": Elman, "LSTM": LSTM, "GRU": GRU}
GATES = {"RNN": 1, "LSTM": 4, "GRU": 3}
USUAL = {"RNN": ["Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"]}
DIRECTIONS = {"forward": {}, "reverse": {"reverse": True}, "bidirectional": {"bidirectional": True}}


def recurrent(node: Node, values: Given, reading: Reading) -> list[Value]:
    """Read a recurrent operator."""
    given, weight, recurrent_weight, bias, lengths, h, c, peephole = islice(chain(values, repeat(None)), 8)
    x = reading.enter(node, given)
    if x.symbols:
        raise refusal(node, "it takes numbers, but symbols come in")
    batch_first = node.take("layout", 0)
    reading.arranged(node, x, "btf" if batch_first else "tbf")
    w, r = reading.numbers(node, weight, "W"), reading.numbers(node, recurrent_weight, "R")
    n_directions, width, n_inputs, n_hidden = _sizes(node, w, r, x)
    settings = _settings(node, n_directions)
    peepholes = _optional(node, peephole, "P", (n_directions, 3 * n_hidden), reading)
    if peepholes is not None:
        settings["peepholes"] = True
    layer = reading.made(node, KINDS[node.operator], n_inputs, n_hidden, **settings)
    b = _optional(node, bias, "B", (n_directions, 2 * width), reading)
    b = np.zeros((n_directions, 2 * width), w.dtype) if b is None else b
    parameters: dict[str, Array] = {}
    for d, suffix in enumerate(("", "_reverse")[:n_directions]):
        first, second = np.split(b[d], 2)
        theirs = Weights(w[d], r[d], first, second, None if peepholes is None else peepholes[d])
        parameters |= CONVENTIONS["onnx"].ours(layer, theirs, suffix)
    reading.check_lengths(node, lengths)
    if lengths is None and (n_directions == 2 or settings.get("reverse") or any(node.outputs[1:])):
        reading.looks_past_the_end(node)
    k = len(reading.links)
    for name, value in (("h", h), ("c", c)):
        _note_initial(node, value, name, k, n_directions, reading)
    reading.add(node, layer, parameters)
    backwards = settings.get("reverse", False)
    step = "both" if n_directions == 2 else "first" if backwards else "last"
    y = Frames(
        k + 1,
        ("b", "t", "d", "f") if batch_first else ("t", "d", "b", "f"),
        n_hidden,
        n_directions=n_directions,
        outside=None if lengths is None else 0.0,
    )
    axes = ("b", "d", "f") if batch_first else ("d", "b", "f")
    finals = [
        Frames(k + 1, axes, n_hidden, n_directions=n_directions, step=step, state=name) for name in layer.cell.states
    ]
    return [y, *finals]


def _sizes(node: Node, w: Array, r: Array, x: Frames) -> tuple[int, int, int, int]:
    """Return the number of directions, of gates times units, of inputs and of units."""
    n_gates = GATES[node.operator]
    if w.ndim != 3 or r.ndim != 3 or not w.size or not r.size:
        raise refusal(node, f"W and R must have three axes, but are of shape {w.shape} and {r.shape}")
    n_hidden = node.take("hidden_size", r.shape[2])
    expected = (len(w), n_gates * n_hidden, n_hidden)
    if len(w) not in (1, 2) or r.shape != expected or w.shape[1] != expected[1]:
        raise refusal(
            node, f"W and R do not fit {n_hidden} units of {n_gates} gates: they are of shape {w.shape} and {r.shape}"
        )
    if x.width not in (None, w.shape[2]):
        raise refusal(node, f"W is for {w.shape[2]} features, but {x.width} come in")
    return len(w), w.shape[1], w.shape[2], n_hidden


def _settings(node: Node, n_directions: int) -> dict[str, Any]:
    """Return the layer's settings that are attributes of the operator."""
    direction = node.take("direction", "forward")
    if direction not in DIRECTIONS or (direction == "bidirectional") != (n_directions == 2):
        raise refusal(node, f"direction={direction!r} does not fit weights of {n_directions} direction(s)")
    settings: dict[str, Any] = dict(DIRECTIONS[direction])
    functions = _functions(node, n_directions)
    if node.operator == "RNN":
        settings["activation"] = functions[0]
    else:
        settings["activations"] = functions
    clip = node.take("clip", 0.0)
    if clip:
        settings["clip"] = clip
    if node.operator == "LSTM" and node.take("input_forget", 0):
        settings["coupled"] = True
    if node.operator == "GRU":
        settings["reset"] = "after" if node.take("linear_before_reset", 0) else "before"
    return settings


def _functions(node: Node, n_directions: int) -> tuple[str, ...]:
    """Return the activation functions, the same in both directions."""
    usual = USUAL[node.operator]
    theirs = node.take("activations", usual * n_directions)
    theirs = [each.decode(errors="replace") if isinstance(each, bytes) else str(each) for each in theirs]
    alphas, betas = (iter(node.take(name, [])) for name in ("activation_alpha", "activation_beta"))
    if len(theirs) != len(usual) * n_directions:
        raise refusal(node, f"it must have {len(usual) * n_directions} activations, but has {len(theirs)}")
    try:
        ours = [from_onnx(name, alphas, betas) for name in theirs]
    except ValueError as error:
        raise refusal(node, f"it {error}") from None
    forward, backward = ours[: len(usual)], ours[len(usual) :]
    if backward and backward != forward:
        raise refusal(node, f"its directions have different activations, {forward} and {backward}")
    return tuple(forward)


def _optional(node: Node, value: Value | None, what: str, shape: tuple[int, ...], reading: Reading) -> Array | None:
    if value is None:
        return None
    array = reading.numbers(node, value, what)
    if array.shape != shape:
        raise refusal(node, f"{what} must be of shape {shape}, but is of shape {array.shape}")
    return array


def _note_initial(node: Node, value: Value | None, name: str, k: int, n_directions: int, reading: Reading) -> None:
    """Note which input of the graph gives an initial state."""
    if value is None or isinstance(value, Zeros) or (isinstance(value, Constant) and not value.array.any()):
        return
    names = [f"{k}.{name}{suffix}" for suffix in ("", "_reverse")[:n_directions]]
    if isinstance(value, Frames) and _is_input(value):
        whole = len(value.axes) == 3 and "1" not in value.axes
        for d, own in enumerate(names):
            reading.initial[own] = (value.source, d if whole else None)
        if whole or n_directions == 1:
            return
    if isinstance(value, Stack) and len(value.parts) == n_directions and all(map(_is_input, value.parts)):
        for own, part in zip(names, value.parts, strict=True):
            reading.initial[own] = (part.source, None)
        return
    raise refusal(
        node,
        f"initial_{name} must be 0, or an input of the model, as a network here is given its initial states when it "
        "runs",
    )


def _is_input(value: Frames) -> bool:
    """Whether it is an input of the graph, all of it, with its axes in their order."""
    axes = [name for name in value.axes if name != "1"]
    return bool(value.source) and value.step is None and axes == sorted(axes)
