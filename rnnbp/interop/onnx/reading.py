"""What readers of nodes share: the chain so far, and how axes, lengths and constants are told."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.configuration import brief
from rnnbp.interop.chain import Link
from rnnbp.interop.errors import InteropError
from rnnbp.interop.extras import imported
from rnnbp.interop.onnx.files import Node, refusal
from rnnbp.interop.onnx.values import Constant, Frames, Value, Whole
from rnnbp.layers import LastStep, Layer, Recurrent

__all__ = ["FOLDED", "Reading", "constant", "folded", "frames", "refuse_repeated"]

Array = NDArray[Any]

FOLDED = (
    "Add", "Cast", "Concat", "Constant", "Div", "Flatten", "Gather", "Identity", "Mul", "Neg", "Reshape", "Slice",
    "Split", "Squeeze", "Sub", "Transpose", "Unsqueeze",
)  # fmt: skip
LARGEST = 1 << 24  # elements of a result that two operands are broadcast to


class Reading:
    """The chain of layers so far.

    Attributes
    ----------
    opset : int
    links : list of Link
    dtype : dtype
    x, lengths : str
        The names of the graph's inputs for frames and for lengths; empty as long as none is known.
    strides : list of int
        Of the convolutions so far.
    initial : dict of str to object
        For each state of the network that an input gives, the input's name, and the direction in it (None if it has
        no axis of them).
    open_bias : bool
        Whether the last layer is a product whose bias may follow. Frames that come before their bias have it too.
    sizes : dict of str to int
        Of the axes of inputs, by their names, where they are fixed.
    past_the_end : Node or None
        The first node that looks at what lies after a sequence's end, where our layers look at none of it.
    """

    def __init__(self, opset: int) -> None:
        self.opset, self.links, self.dtype = opset, list[Link](), np.dtype(np.float32)
        self.x, self.lengths, self.strides, self.open_bias = "", "", list[int](), False
        self.initial: dict[str, tuple[str, int | None]] = {}
        self.axes: dict[str, str] = {}
        self.sizes: dict[str, int] = {}
        self.past_the_end: Node | None = None
        self._dtypes: set[np.dtype[Any]] = set()

    # -- layers --------------------------------------------------------------------------------------------------

    def add(self, node: Node, layer: Any, parameters: dict[str, Array], *, open_bias: bool = False) -> None:
        """Add a layer to the chain."""
        self.links.append(Link(layer, parameters, f"node {node.name!r}"))
        self.open_bias = open_bias

    def made(self, node: Node, kind: type[Layer], *arguments: Any, **settings: Any) -> Any:
        """Return a layer, or say in the node's name what is wrong with its settings."""
        try:
            return kind(*arguments, **settings)
        except (TypeError, ValueError) as error:
            raise refusal(node, str(error)) from error

    def enter(self, node: Node, value: Value | None) -> Frames:
        """Return frames that a layer takes: what the chain has given last."""
        given = frames(node, value)
        refuse_repeated(given, f"node {node.name!r}")
        if given.source:
            if self.x not in ("", given.source):
                raise refusal(node, f"it takes {given.source!r}, but the network's input is {self.x!r}")
            self.x = given.source
        if not self.is_last(given):
            raise refusal(node, "its input is not what the layer before it gives: the model is no chain of layers")
        return given if given.step is None else self.picked(given, f"node {node.name!r}")

    def is_last(self, value: Frames) -> bool:
        """Whether frames are what the last layer gives, and not its product before a bias that another node adds."""
        return value.n_links == len(self.links) and value.open_bias == self.open_bias

    def picked(self, value: Frames, place: str) -> Frames:
        """Return frames, which the last layer gives, after the layer that picks one step of each sequence."""
        if value.state == "c":
            raise InteropError(f"{place} takes a cell state, which no layer gives")
        if value.half is not None:
            raise InteropError(f"{place} takes one direction of two, which no layer picks")
        layer = {
            "last": LastStep(), "first": LastStep(reverse=True), "both": LastStep(bidirectional=True)
        }[value.step or "last"]  # fmt: skip
        self.links.append(Link(layer, {}, place))
        self.open_bias = False
        return replace(self.unmoved(value), step=None)

    def next(self, value: Frames, width: int | None) -> Frames:
        """Return what comes out of the layer that was added last, laid out like what went in."""
        axes = (*value.axes[:-1], "f")
        return Frames(len(self.links), axes, width, n_directions=value.n_directions, open_bias=self.open_bias)

    def unmoved(self, value: Frames) -> Frames:
        """Return what comes out of the layer that was added last, with the axes of what went in, in any order."""
        return replace(value, n_links=len(self.links), source="", state="", outside=None, open_bias=self.open_bias)

    def features_last(self, node: Node, value: Frames) -> None:
        """Check that the last axis is that of features, of both directions where there are two."""
        if not value.axes or self.bound(value.axes[-1], "f") != "f":
            raise refusal(node, f"it must act on features along the last axis, but the axes are {self.shown(value)}")
        if "d" in value.axes and value.n_directions == 2:
            raise refusal(node, "it must act on the features of both directions, but acts on those of each by itself")

    def numbers(self, node: Node, value: Value | None, what: str) -> Array:
        """Return a parameter's values, and note their dtype."""
        array = constant(node, value, what)
        if array.dtype not in (np.float32, np.float64):
            raise refusal(node, f"{what} must be float32 or float64, but its dtype is {array.dtype}")
        self._dtypes.add(array.dtype)
        if len(self._dtypes) > 1:
            raise refusal(node, "some parameters are float32 and others float64")
        self.dtype = array.dtype
        return array

    # -- axes ----------------------------------------------------------------------------------------------------

    def axis(self, name: str) -> str:
        """Return what is known of an axis: a letter, or the number that it has in an input."""
        return self.axes.get(name, name)

    def bound(self, name: str, letter: str) -> str:
        """Return an axis's letter, which is this one if it had none."""
        found = self.axis(name)
        if "." in found:  # it is the number of an input's axis still
            self.axes[name] = found = letter
        return found

    def arranged(self, node: Node, value: Frames, letters: str) -> None:
        """Check that the axes are these."""
        axes = value.axes
        if len(axes) != len(letters) or tuple(map(self.bound, axes, letters)) != tuple(letters):
            raise refusal(node, f"its input must have the axes {', '.join(letters)}, but has {self.shown(value)}")

    def sizes_of(self, value: Frames) -> tuple[int | str, ...]:
        """Return the size of each axis, or what stands for it where it is known only when the model runs."""
        known = {"1": 1, "d": value.n_directions, "f": value.width or "f", "t": self._n_steps()}
        return tuple(self.size(known.get(self.axis(name), name)) for name in value.axes)

    def size(self, given: int | str) -> int | str:
        """Return what is known by now of a size that an axis's name stands for."""
        if isinstance(given, int):
            return given
        if given in self.sizes:
            return self.sizes[given]
        fixed = {self.axis(name): n for name, n in self.sizes.items() if name.rpartition(".")[0] == self.x}
        return fixed.get(self.axis(given), self.axis(given))

    def _n_steps(self) -> str:
        """Return what stands for the number of steps at this place of the chain."""
        return "t" + "".join(f"/{stride}" for stride in self.strides if stride != 1)

    def shown(self, value: Frames) -> str:
        """Return the axes as an error names them."""
        return ", ".join(map(self.axis, value.axes)) or "none"

    # -- lengths -------------------------------------------------------------------------------------------------

    def is_length(self, value: Value | None) -> bool:
        """Whether whole numbers are the sequences' lengths at this place of the chain."""
        if not isinstance(value, Whole):
            return False
        expression = value.expression
        for stride in reversed(self.strides):
            if stride == 1:
                continue
            match expression:
                case ("Div", ("Add", tuple(before), more), by) if (more, by) == (stride - 1, stride):
                    expression = before
                case _:
                    return False
        if expression[0] != "input" or self.lengths not in ("", expression[1]):
            return False
        self.lengths = str(expression[1])
        return True

    def check_lengths(self, node: Node, value: Value | None) -> None:
        """Check that a node's lengths, if it is given some, are the sequences'."""
        if value is not None and not self.is_length(value):
            raise refusal(node, "its lengths must be an input of the model, which strides divide")

    def looks_past_the_end(self, node: Node) -> None:
        """Note a node that looks at what lies after a sequence's end."""
        self.past_the_end = self.past_the_end or node

    def check_ends(self) -> None:
        """Check that no node looks past an end where sequences have lengths, when all nodes have been read.

        Raises
        ------
        InteropError
            If one does; names it.
        """
        if self.lengths and self.past_the_end is not None:
            raise refusal(
                self.past_the_end,
                f"sequences have lengths, {self.lengths!r}, but it looks at what lies after a sequence's end, which no "
                "layer does",
            )

    def state_names(self, value: Frames) -> list[str]:
        """Return what final states are called in the network."""
        k, layer = value.n_links - 1, self.links[value.n_links - 1].layer
        assert isinstance(layer, Recurrent), "final states are those of a recurrent layer"
        suffixes = ["", "_reverse"] if layer.bidirectional else [""]
        chosen = suffixes if value.half is None else [suffixes[value.half]]
        return [f"{k}.{value.state}{suffix}" for suffix in chosen]


def refuse_repeated(value: Frames, place: str) -> None:
    """Check that frames are not repeated along an axis.

    Raises
    ------
    InteropError
        If a node may have done so; names it.
    """
    if value.repeated:
        raise InteropError(
            f"node {value.repeated!r}, Expand, repeats what {place} takes, which no layer does: only states that a "
            "recurrent operator begins with may be broadcast"
        )


def frames(node: Node, value: Value | None) -> Frames:
    """Return frames, or say that something else was given."""
    if not isinstance(value, Frames):
        what = "nothing" if value is None else f"a {type(value).__name__.lower()}"
        raise refusal(node, f"its input must be what a layer gives, or the model's input, but it is {what}")
    return value


def constant(node: Node, value: Value | None, what: str) -> Array:
    """Return the value of an input that must be in the file."""
    if not isinstance(value, Constant):
        raise refusal(node, f"{what} must be in the file, but is computed or given when the model runs")
    return value.array


def folded(node: Node, values: Sequence[Value | None], opset: int) -> list[Value] | None:
    """Return the outputs of a node that computes with constants only, or None if it is another."""
    if node.operator not in FOLDED or not all(value is None or isinstance(value, Constant) for value in values):
        return None
    arrays = [value.array for value in values if isinstance(value, Constant)]
    if node.operator == "Constant" and len(node.attributes) != 1:
        raise refusal(node, "it must have one value")
    try:
        if (
            node.operator in ("Add", "Sub", "Mul", "Div")
            and math.prod(np.broadcast_shapes(*(a.shape for a in arrays))) > LARGEST
        ):
            raise ValueError("its result is too large")
        results = _evaluated(node, values, opset)
    except Exception as error:  # a node of a damaged file may do anything
        raise refusal(node, brief(error)) from error
    node.attributes.clear()
    return [Constant(np.asarray(each)) for each in results]


def _evaluated(node: Node, values: Sequence[Value | None], opset: int) -> Any:
    onnx = imported("onnx")
    evaluator = imported("onnx.reference").ReferenceEvaluator
    attributes = {
        name: onnx.numpy_helper.from_array(value) if isinstance(value, np.ndarray) else value
        for name, value in node.attributes.items()
    }
    inputs = [f"x{k}" if value is not None else "" for k, value in enumerate(values)]
    outputs = [f"y{k}" for k in range(len(node.outputs))]
    proto = onnx.helper.make_node(node.operator, inputs, outputs, **attributes)
    given = {f"x{k}": value.array for k, value in enumerate(values) if isinstance(value, Constant)}
    with np.errstate(all="ignore"):
        return evaluator(proto, opsets={"": opset}).run(None, given)
