"""Networks as C: one header without dependencies, and the proof that it computes the same.

::

    from rnnbp.interop import c

    c.export(net, "model.h")
    c.verify(net, sequences)            # compiles it, and compares with net.stream()
"""

from rnnbp.interop.c.exporting import export
from rnnbp.interop.c.verification import Verification, verify

__all__ = ["Verification", "export", "verify"]
