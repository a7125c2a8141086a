"""Networks as ONNX files, and ONNX files as networks.

::

    from rnnbp.interop import onnx

    onnx.export(net, "model.onnx")
    net = onnx.load("model.onnx")

`exporting` checks a network, and asks a writer for each layer (`writers`), which adds nodes to a graph (`builder`); a
cell that the standard has no operator for becomes a loop (`scan`) of its traced steps (`elementwise`).
`loading` goes through the nodes of a checked file (`files`) and asks a reader for each (`readers`, `arranging`,
`recurrent`), which says what the node's output is (`values`): a chain of layers comes of it, as `rnnbp.interop.chain`
has it. `functions` has the names of activation functions, `rnnbp.interop.conventions` the order of gates. `backend` is
the face that the standard's own tests ask for.
"""

from rnnbp.interop.onnx.exporting import export
from rnnbp.interop.onnx.loading import load

__all__ = ["export", "load"]
