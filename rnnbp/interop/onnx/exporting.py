"""`export`: a network as an ONNX file."""

from __future__ import annotations

from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from rnnbp.configuration import shown
from rnnbp.files.writing import write_atomically
from rnnbp.interop.errors import InteropError
from rnnbp.interop.onnx.builder import Builder
from rnnbp.interop.onnx.writers import Way, writer_of
from rnnbp.names import explained
from rnnbp.networks.network import Network

__all__ = ["export", "to_model"]


@explained
def export(net: Any, path: str | PathLike[str], *, dtype: DTypeLike = "float32") -> None:
    """Write a network, or a fitted model, as an ONNX file, in one atomic step.

    A recurrent network's graph has, for any batch and any number of steps::

        x                 (time, batch, features), or symbols (time, batch)
        lengths           (batch,) int32: the true lengths
        initial_0.h, ...  (batch, width): the states to start from; may be left out, and are zero then
        y                 (time, batch, outputs), zero after a sequence's end; (batch, outputs) after pooling
        final_0.h, ...    (batch, width): the states after each sequence's last step

    y is what the last layer gives: of a classifier scores, one for each of ``classes_`` in their order, whose softmax
    is probabilities; of one that knows two classes a single score, above 0 for the second. The file's description
    (``doc_string``) says it of a fitted model, and names its columns and classes: ONNX Runtime has it as
    ``session.get_modelmeta().description``.

    States are called as in `Network.run`. A static network has x of shape (batch, features) and y alone. What lies in x
    after a sequence's end is never looked at, but must be no NaN.

    Parameters
    ----------
    net : Network, estimator, Pipeline or TransformedTargetRegressor
        Scalers before an estimator and of its targets become part of its first layer and its last.
    path : path-like
    dtype : {"float32", "float64"}, default "float32"
        Of weights and arithmetic, whatever the network's own is: ONNX Runtime has RNN, LSTM and GRU in float32 only. It
        runs all else in both.

    Raises
    ------
    TypeError
        If `net` is no network, and has none.
    ValueError
        If the dtype is another.
    InteropError
        If a model does more than its network can, or begins with audio features, which ONNX cannot compute: names what.
        If a layer is one of your own that is no recurrent one, looks for a state of rest, or has a cell that cannot be
        traced; names it.
    ImportError
        If onnx is not installed.

    Notes
    -----
    Recurrent layers become ONNX's own RNN, LSTM and GRU (opset 20), which runtimes have tuned code for. Cells that the
    standard has not (Jordan, layer normalisation, zoneout, other activations, your own) become a `Scan` over time,
    written from what the cell declares; `load` does not read such a loop back. Initial states are inputs with a
    default, for which ONNX Runtime prints a warning when it loads the file.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from rnnbp import Network, layers
    >>> from rnnbp.interop import onnx
    >>> net = Network([layers.LSTM(13, 8), layers.LastStep(), layers.Dense(8, 10)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     onnx.export(net, Path(folder) / "digits.onnx")
    ...     same = onnx.load(Path(folder) / "digits.onnx")
    >>> same
    Network([
        LSTM(13, 8),
        LastStep(),
        Dense(8, 10),
    ], dtype='float32', seed=0)  # 794 parameters
    """
    write_atomically(path, to_model(net, dtype=dtype).SerializeToString())


def to_model(net: Any, *, dtype: DTypeLike = "float32") -> Any:
    """Return the `onnx.ModelProto` that `export` writes."""
    kind = np.dtype(dtype)
    if kind not in (np.float32, np.float64):
        raise ValueError(f"dtype must be float32 or float64, but {shown(dtype)} was given")
    notes: list[str] = []
    if not isinstance(net, Network):
        from rnnbp.interop.whole import whole

        net, features, notes = whole(net, dtype=kind)
        if features is not None:
            raise InteropError(f"ONNX cannot hold {features!r}: only a C header computes audio features")
    graph = Builder(kind)
    leading: list[str | int] = ["time", "batch"] if net.is_recurrent else ["batch"]
    if net.layers[0].frame_rank == 0:
        x = graph.input("x", np.int64, leading)
    else:
        x = graph.input("x", kind, [*leading, net.n_inputs or "features"])
    way = Way(graph, graph.input("lengths", np.int32, ["batch"]) if net.is_recurrent else "")
    for k, layer in enumerate(net.layers):
        way.k, graph.prefix = k, f"{k}."
        write = writer_of(layer)
        if write is None:
            raise InteropError(f"layer {k}, {layer!r}, cannot be written in ONNX: there is no operator for it")
        parameters = {name: view.astype(kind) for name, view in net.parameters.within(f"{k}.").items()}
        try:
            x = write(layer, parameters, x, way)
        except ValueError as error:
            raise InteropError(f"layer {k}, {layer!r}, cannot be written in ONNX: it {error}") from None
    graph.prefix = ""
    per_step = net.is_recurrent and not net.pools_time
    out: str | int = net.n_outputs if net.n_inputs or net.layers[0].frame_rank == 0 else "features"
    graph.output("y", way.masked(x) if per_step else x, [*(["steps", "batch"] if per_step else ["batch"]), out])
    for name, value in way.finals.items():
        own = name.partition(".")[2]
        width = net.layers[int(name.partition(".")[0])].states()[own]
        graph.output(f"final_{name}", value, ["batch", width])
    return graph.model("rnnbp", "\n".join([repr(net), *notes]))
