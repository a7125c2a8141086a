"""Networks as C: one header without dependencies, and the proof that it computes the same.

::

    from rnnbp.interop import c

    c.export(net, "model.h")
    c.verify(net, sequences)            # compiles it, and compares with net.stream()

A network's way into C: `exporting` checks it and asks a writer for each layer (`layers`, `recurrent`), which adds to a
header (`header`) its weights, its state and its function; `document` puts them together. What a cell or an activation
computes comes from its trace (`elementwise`, `routines`). Matrix products are written in floating point, or in whole
numbers (`quantization`); `frontend` writes audio features.
"""

from rnnbp.interop.c.exporting import export
from rnnbp.interop.c.verification import Verification, verify

__all__ = ["Verification", "export", "verify"]
