"""A graph of ONNX while it is written."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.interop.extras import imported

__all__ = ["Builder"]

Array = NDArray[Any]


class Builder:
    """Nodes, constants, inputs and outputs.

    Parameters
    ----------
    dtype : dtype
        Of what is computed.

    Attributes
    ----------
    prefix : str
        Begins the names of what is added.
    """

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.onnx = imported("onnx")
        self.dtype, self.prefix = dtype, ""
        self._nodes: list[Any] = []
        self._constants: dict[str, Array] = {}
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []
        self._taken: set[str] = set()

    def body(self) -> Builder:
        """Return another builder, for a graph within this one, whose values it may use."""
        inner = Builder(self.dtype)
        inner.prefix, inner._taken = self.prefix, self._taken
        return inner

    def add(self, operator: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        """Add a node, and return the name of its output, or the names if there are several."""
        name = self._free(f"{self.prefix}{operator}")
        results = [name] if outputs == 1 else [f"{name}:{k}" for k in range(outputs)]
        self._nodes.append(self.onnx.helper.make_node(operator, list(inputs), results, name=name, **attributes))
        return name if outputs == 1 else results

    def constant(self, name: str, values: Any, dtype: Any = None) -> str:
        """Add a constant, and return its name; an equal one of that name is not added again."""
        array, name = np.asarray(values, dtype), self.prefix + name
        known = self._constants.get(name)
        if known is not None and known.dtype == array.dtype and np.array_equal(known, array):
            return name
        name = self._free(name)
        self._constants[name] = array
        return name

    def number(self, value: float) -> str:
        """Add a number of the dtype that is computed in."""
        return self.constant(f"number {value!r}", value, self.dtype)

    def integers(self, *values: int) -> str:
        """Add a vector of whole numbers, such as axes or a shape."""
        return self.constant("integers " + " ".join(map(str, values)), list(values), np.int64)

    def input(self, name: str, dtype: Any, shape: list[str | int], default: Array | None = None) -> str:
        """Add an input; one with a default may be left out."""
        self._inputs.append(self._described(name, dtype, shape))
        self._taken.add(name)
        if default is not None:
            self._constants[name] = default
        return name

    def parameter(self, name: str, dtype: Any, shape: list[str | int]) -> str:
        """Add an input of a graph within another, and return its name."""
        return self.input(self._free(self.prefix + name), dtype, shape)

    def result(self, name: str, value: str, shape: list[str | int]) -> None:
        """Add an output of a graph within another."""
        self.output(self._free(self.prefix + name), value, shape)

    def output(self, name: str, value: str, shape: list[str | int]) -> None:
        """Give a value the name of an output."""
        self._nodes.append(self.onnx.helper.make_node("Identity", [value], [name], name=f"output {name}"))
        self._outputs.append(self._described(name, self.dtype, shape))

    def graph(self, title: str) -> Any:
        """Return what was added as a GraphProto."""
        constants = [self.onnx.numpy_helper.from_array(array, name) for name, array in self._constants.items()]
        return self.onnx.helper.make_graph(self._nodes, title, self._inputs, self._outputs, constants)

    def model(self, title: str, description: str) -> Any:
        """Return the whole as a ModelProto."""
        helper = self.onnx.helper
        # operators of 2024, which runtimes of that year know
        model = helper.make_model(
            self.graph(title), opset_imports=[helper.make_opsetid("", 20)], ir_version=9, producer_name="rnnbp"
        )
        model.doc_string = description
        return model

    def _described(self, name: str, dtype: Any, shape: list[str | int]) -> Any:
        kind = self.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return self.onnx.helper.make_tensor_value_info(name, kind, shape)

    def _free(self, name: str) -> str:
        found, k = name, 1
        while found in self._taken:
            k += 1
            found = f"{name} {k}"
        self._taken.add(found)
        return found
