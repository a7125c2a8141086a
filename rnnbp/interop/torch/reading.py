"""`from_module`: a network of a module of PyTorch.

What a module computes is found by `torch.fx`: it is called once with symbols, and the calls of modules, functions and
methods that it leaves are gone through here. Recurrent modules give a tuple, of which the code picks the output or a
final state; picking a step, or pooling over time, is a layer here.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, replace
from typing import Any

from rnnbp.configuration import brief
from rnnbp.interop.chain import Link, network
from rnnbp.interop.errors import InteropError
from rnnbp.interop.extras import imported
from rnnbp.interop.torch.functions import FUNCTIONS
from rnnbp.interop.torch.layers import RECURRENT, links_of
from rnnbp.layers import Activation, LastStep, MaxOverTime, MeanOverTime
from rnnbp.names import explained
from rnnbp.networks.network import Network

__all__ = ["from_module"]


@explained
def from_module(module: Any) -> Network:
    """Return a module of PyTorch as a network, with copies of its weights.

    Parameters
    ----------
    module : torch.nn.Module
        What `to_module` has made; an `nn.Sequential`, in which a recurrent module's output goes on; or a module whose
        ``forward(x)`` is a chain of layers, such as a recurrent one, its last step, final state or mean over time, and
        a linear one.

    Returns
    -------
    Network
        Time-major, also where the module has ``batch_first=True``.

    Raises
    ------
    TypeError
        If it is no module.
    InteropError
        If something in it has no counterpart here, or if its code is no chain of layers; names what.
    ImportError
        If PyTorch is not installed.

    Examples
    --------
    >>> from torch import nn
    >>> from rnnbp.interop import torch
    >>> torch.from_module(nn.Sequential(nn.LSTM(13, 8, bidirectional=True), nn.Linear(16, 4)))
    Network([
        LSTM(13, 8, bidirectional=True),
        Dense(16, 4),
    ], dtype='float32', seed=0)  # 1476 parameters
    """
    torch = imported("torch")
    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"module must be a torch.nn.Module, but {type(module).__name__} was given")
    from rnnbp.interop.torch.modules import Chain

    links = _of_chain(module) if isinstance(module, Chain) else _of_code(module, torch)
    dtypes = {array.dtype for link in links for array in link.parameters.values()}
    if len(dtypes) > 1:
        raise InteropError("some parameters of the module are float32 and others float64")
    return network(links, next(iter(dtypes), torch.zeros(()).numpy().dtype))


def _of_chain(chain: Any) -> list[Link]:
    from rnnbp.interop.torch.modules import ReversedRNN

    links = []
    for k, module in enumerate(chain.layers):
        backwards = isinstance(module, ReversedRNN)
        for link in links_of(module.module if backwards else module, f"layer {k}"):
            if backwards:
                settings = {**link.layer.settings(), "reverse": True}
                link = Link(type(link.layer)(**settings), link.parameters, link.place)
            links.append(link)
    return links


@dataclass(frozen=True)
class Frames:
    """What is known of a tensor while the code is gone through.

    Attributes
    ----------
    n_links : int
        How many layers it has gone through.
    axes : str
        A letter for each: t, b, f, or d for layers and directions of final states; "" if they are not known yet.
    step : {"last", "first", "both"} or None
        The step that it is, which no layer has picked yet.
    half : int or None
        The direction that has been picked of two.
    state : str
        "h" or "c" for final states.
    n_states : int
        The size of the axis d.
    directions : int
    """

    n_links: int
    axes: str = ""
    step: str | None = None
    half: int | None = None
    state: str = ""
    n_states: int = 0
    directions: int = 1


class _Reader:
    """The chain so far; a method for each kind of call."""

    def __init__(self, module: Any, torch: Any) -> None:
        self.module, self.torch, self.links = module, torch, list[Link]()

    def refusal(self, node: Any, what: str) -> InteropError:
        return InteropError(f"{type(self.module).__name__}, at {node.name!r}: {what}")

    def enter(self, node: Any, value: Any) -> Frames:
        """Return frames that a layer takes: what the last one gives."""
        if isinstance(value, tuple):  # a recurrent module's, in an nn.Sequential
            value = value[0]
        if not isinstance(value, Frames):
            raise self.refusal(node, "its code is no chain of layers: this does not come out of one")
        if value.n_links != len(self.links):
            raise self.refusal(
                node, "its code is no chain of layers: it uses something else than the last layer's output"
            )
        if value.step is None:
            return value
        if "d" in value.axes and value.n_states > 1:
            raise self.refusal(node, "it takes the final states of several layers or directions: pick the last one's")
        if value.half is not None or value.state == "c":
            raise self.refusal(node, "it takes one direction of two, or a cell state, which no layer gives")
        layer = {"last": LastStep(), "first": LastStep(reverse=True), "both": LastStep(bidirectional=True)}[value.step]
        self.links.append(Link(layer, {}, node.name))
        return Frames(len(self.links), value.axes, n_states=value.n_states)

    def module_called(self, node: Any, given: list[Any]) -> Any:
        called = self.module.get_submodule(node.target)
        kind = type(called).__name__
        if len(given) != 1 or node.kwargs:
            raise self.refusal(node, "a layer must be called with one tensor: initial states belong to Network.run")
        x = self.enter(node, given[0])
        if kind in RECURRENT:
            return self.recurrent(node, called, x)
        if (
            kind in ("AdaptiveAvgPool1d", "AdaptiveMaxPool1d")
            and called.output_size in (1, (1,))
            and x.axes in ("", "bft")
        ):
            self.links.append(Link(MeanOverTime() if "Avg" in kind else MaxOverTime(), {}, node.name))
            return Frames(len(self.links), "bf1")
        if kind == "Flatten" and x.axes == "bf1":
            return replace(x, axes="bf")
        axes = self.laid_out(node, x, "bft") if kind == "Conv1d" else x.axes
        if kind in ("Linear", "LayerNorm", "Softmax"):
            self.features_last(node, x)
        self.links += links_of(called, f"module {node.target!r}")
        return replace(x, n_links=len(self.links), axes=axes)

    def features_last(self, node: Any, x: Frames) -> None:
        if x.axes and x.axes[-1] != "f":
            raise self.refusal(node, f"it must act on features along the last axis, but these are {', '.join(x.axes)}")

    def laid_out(self, node: Any, x: Frames, axes: str) -> str:
        if x.axes not in ("", axes):
            raise self.refusal(node, f"it takes the axes {', '.join(axes)}, but {', '.join(x.axes)} come in")
        return axes

    def recurrent(self, node: Any, called: Any, x: Frames) -> Any:
        axes = self.laid_out(node, x, "btf" if called.batch_first else "tbf")
        self.links += links_of(called, f"module {node.target!r}")
        directions = 2 if called.bidirectional else 1
        state = Frames(
            len(self.links), "dbf", step="both" if directions == 2 else "last", state="h",
            n_states=called.num_layers * directions, directions=directions,
        )  # fmt: skip
        final = (state, replace(state, state="c")) if type(called).__name__ == "LSTM" else state
        return Frames(len(self.links), axes), final

    def picked(self, node: Any, value: Any, index: Any) -> Any:
        """Return what ``value[index]`` is: of a tuple, of states, or a step."""
        if isinstance(value, tuple):
            if not isinstance(index, int) or not -len(value) <= index < len(value):
                raise self.refusal(node, f"{index} is not supported")
            return value[index]
        if not isinstance(value, Frames):
            raise self.refusal(node, "its code is no chain of layers")
        parts = list(index) if isinstance(index, tuple) else [index]
        axes, found = value.axes, value
        if Ellipsis in parts:
            at = parts.index(Ellipsis)
            parts[at : at + 1] = [slice(None)] * (len(axes) - len(parts) + 1)
        if len(parts) > len(axes):
            raise self.refusal(node, f"[{index}] does not fit the axes {', '.join(axes) or 'that are not known'}")
        parts += [slice(None)] * (len(axes) - len(parts))
        kept = ""
        for letter, part in zip(axes, parts, strict=True):
            if part == slice(None):
                kept += letter
            elif letter == "t" and part in (0, -1):
                found = replace(found, step="first" if part == 0 else "last")
            elif letter == "d" and isinstance(part, int) and value.n_states - value.directions <= part % value.n_states:
                half = (part % value.n_states) % value.directions if value.directions == 2 else None
                found = replace(found, half=half, step=("last", "first")[half] if half is not None else found.step)
            else:
                raise self.refusal(
                    node, f"[{index}] is not supported: the first or last step, or the last layer's states"
                )
        return replace(found, axes=kept)

    def pooled(self, node: Any, value: Any, dim: Any, layer: Any) -> Frames:
        """Return frames after the mean or the maximum over an axis, which must be that of time."""
        x = self.enter(node, value)
        dim = dim[0] if isinstance(dim, (tuple, list)) and len(dim) == 1 else dim
        if not isinstance(dim, int) or not -len(x.axes) <= dim < len(x.axes) or x.axes[dim] != "t":
            raise self.refusal(node, f"it must go over the axis of time, but goes over {dim} of {', '.join(x.axes)}")
        self.links.append(Link(layer, {}, node.name))
        return Frames(len(self.links), x.axes.replace("t", ""))

    def called(self, node: Any, name: str, given: list[Any]) -> Any:
        """Return what a function or method gives."""
        dim = node.kwargs.get("dim", given[1] if len(given) > 1 else None)
        value = given[0] if given else None
        if name in FUNCTIONS:
            x = self.enter(node, value)
            self.links.append(Link(Activation(FUNCTIONS[name]), {}, node.name))
            return replace(x, n_links=len(self.links))
        if name in ("mean", "amax", "max"):
            pooled = self.pooled(node, value, dim, MeanOverTime() if name == "mean" else MaxOverTime())
            return (pooled, None) if name == "max" else pooled
        if name in ("transpose", "permute", "swapaxes"):
            return self.transposed(node, name, value, [*given[1:], *node.kwargs.values()])
        if name in ("squeeze", "contiguous", "flatten") and isinstance(value, Frames):
            if name == "squeeze" and value.axes and value.axes[0] == "d" and value.n_states == 1:
                return replace(value, axes=value.axes.replace("d", ""))
            if name == "contiguous" or value.axes.endswith("1"):
                return replace(value, axes=value.axes.replace("1", ""))
        if name in ("cat", "concat", "concatenate"):
            return self.joined(node, value, dim)
        if name == "softmax" and dim in (-1, 2):
            x = self.enter(node, value)
            self.features_last(node, x)
            self.links.append(Link(Activation("softmax"), {}, node.name))
            return replace(x, n_links=len(self.links))
        if name == "dropout" and isinstance(value, Frames):
            return value
        raise self.refusal(node, f"its code is no chain of layers: {name} has no counterpart here")

    def transposed(self, node: Any, name: str, value: Any, order: list[Any]) -> Frames:
        x = self.enter(node, value)
        order = list(order[0]) if isinstance(order[0], (tuple, list)) else order
        axes = x.axes
        if not axes:
            return x  # of an input: whoever comes next says which axes these are
        places = list(range(len(axes)))
        if name == "permute":
            places = [k % len(axes) for k in order]
        else:
            a, b = (k % len(axes) for k in order)
            places[a], places[b] = places[b], places[a]
        return replace(x, axes="".join(axes[k] for k in places))

    def joined(self, node: Any, parts: Any, dim: Any) -> Frames:
        """Return the last states of the two directions of a layer, which may be put together in their order."""
        match parts:
            case [Frames(axes="bf", step="last", half=0) as first, second] if dim in (-1, 1):
                if second == replace(first, step="first", half=1):
                    return replace(first, step="both", half=None)
        raise self.refusal(node, "its code is no chain of layers: it puts branches together")


def _of_code(module: Any, torch: Any) -> list[Link]:
    if torch.fx.Tracer().is_leaf_module(module, ""):
        module = torch.nn.Sequential(module)
    try:
        graph = torch.fx.Tracer().trace(module)
    except Exception as error:  # a user's code may do anything
        raise InteropError(f"{type(module).__name__} has code that is not a chain of layers: {brief(error)}") from error
    reader, values, entered = _Reader(module, torch), dict[Any, Any](), False
    for node in graph.nodes:
        given = torch.fx.node.map_arg(node.args, values.get)
        given = list(given)
        if node.op == "placeholder":
            values[node] = None if entered else Frames(0)
            entered = True
        elif node.op == "call_module":
            values[node] = reader.module_called(node, given)
        elif node.op == "call_function" and node.target is operator.getitem:
            values[node] = reader.picked(node, *given)
        elif node.op in ("call_function", "call_method"):
            name = node.target if isinstance(node.target, str) else node.target.__name__
            values[node] = reader.called(node, name, given)
        elif node.op == "output":
            out = given[0]
            out = out[0] if isinstance(out, (tuple, list)) else out
            reader.enter(node, out)
        else:
            raise reader.refusal(node, "its code is no chain of layers: it uses a tensor of its own")
    return reader.links
