"""Dense layers and activations, one after another, run as one by compiled loops.

`dense.py` and `activation.py` say what is computed, and run it in NumPy, a call for each operation; here a whole run of
such layers is two calls, forwards and back, on one flat vector of parameters (`rnnbp.kernels.chain`). A network puts
chains in the place of the layers that they are made of; users see only the layers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnbp import threads
from rnnbp.activations import ACTIVATIONS
from rnnbp.layers.activation import Activation
from rnnbp.layers.dense import Dense
from rnnbp.layers.layer import Context, Layer
from rnnbp.parameters import Parameter
from rnnbp.workspace import Workspace, contiguous

__all__ = ["Chain", "can_join"]

Array = NDArray[Any]


def can_join(layer: Layer) -> bool:
    """Whether a layer can be a link of a chain."""
    return type(layer) is Dense or (type(layer) is Activation and ACTIVATIONS[layer.name].elementwise)


class Chain(Layer):
    """Dense layers and activations, one after another.

    Parameters
    ----------
    links : sequence of Layer
        Of which `can_join` holds.
    n_inputs : int
        The width of the input.
    """

    def __init__(self, links: Sequence[Layer], n_inputs: int) -> None:
        self.links = tuple(links)
        widths = list(accumulate(links, lambda width, link: link.output_width(width), initial=n_inputs))
        self.n_inputs, self.n_outputs, self.widest = widths[0], widths[-1], max(widths)
        self.n_columns = sum(widths[1:])
        self._widths = list(pairwise(widths))

    def parameters(self) -> Sequence[Parameter]:
        """Declare nothing: the parameters are those of the links."""
        return ()

    def output_width(self, input_width: int) -> int:
        """Return the width of the last link's output."""
        return self.n_outputs

    def forward(self, parameters: Mapping[str, Array], x: Array, workspace: Workspace, context: Context) -> Array:
        """Run all links; ``parameters["theta"]`` is the vector of theirs."""
        theta = parameters["theta"]
        plan = workspace.get("plan")
        if plan is None:
            plan = workspace["plan"] = _Plan(self, theta)
        shares = plan.shares(len(x), workspace)
        workspace["x"] = x = contiguous(x)
        alone = len(shares) == 1
        if not alone:
            plan.pack_weights(theta, plan.links, plan.packed)
        arguments = (plan.address, theta, plan.links, plan.packed, x, workspace["outputs"], alone)
        threads.run(plan.forward, [(*arguments, share.first, share.stop) for share in shares])
        return plan.y

    def backward(
        self,
        parameters: Mapping[str, Array],
        gradients: Mapping[str, Array],
        dy: Array,
        workspace: Workspace,
        context: Context,
    ) -> Array | None:
        """Pull back through all links; ``gradients["theta"]`` is the vector of their gradients."""
        plan, x, gradient = workspace["plan"], workspace["x"], gradients["theta"]
        if context.input_gradient:
            dx, bottom, above = workspace.empty("dx", x.shape, x.dtype), 0, plan.links
        else:
            dx, bottom, above = plan.nothing, plan.bottom, plan.above
        shares, theta = plan.shares(len(x), workspace), parameters["theta"]
        alone = len(shares) == 1
        if not alone:
            plan.pack_transposes(theta, above, plan.transposed)
        rows = (x, workspace["outputs"], contiguous(dy), dx)
        arguments = (plan.address, theta, plan.links, plan.transposed, *rows, bottom, alone)
        # the first thread writes the gradient that was asked for, the others theirs, to be added
        vectors = [gradient, *plan.others]
        threads.run(
            plan.backward, [(*arguments, *share, vector) for share, vector in zip(shares, vectors, strict=True)]
        )
        for other in vectors[1:]:
            gradient += other
        return dx if context.input_gradient else None


class _Share(NamedTuple):
    """A thread's rows, and the memory that it works in."""

    first: int
    stop: int
    da_even: Array
    da_odd: Array
    dz_rows: Array


class _Plan:
    """What is the same for every run: the links as integers, the compiled loops, and memory for packed weights."""

    def __init__(self, chain: Chain, theta: Array) -> None:
        from rnnbp.kernels import chain as fields
        from rnnbp.kernels.chain import loops
        from rnnbp.kernels.gemm import address, packed_size

        self.chain, self.dtype, self.size = chain, theta.dtype, theta.size
        dtype = theta.dtype
        self.address = address(dtype.name)
        self.pack_weights, self.pack_transposes = fields.pack_weights, fields.pack_transposes
        # compiled for the functions that are used, as each takes its time
        names = sorted({link.name for link in chain.links if isinstance(link, Activation)})
        self.forward, self.backward = loops(tuple((ACTIVATIONS[n].value, ACTIVATIONS[n].pullback) for n in names))
        self.links = np.zeros((len(chain.links), len(fields.LINK)), np.int64)
        parameters = packed = transposed = column = 0
        for row, link, (n_in, n_out) in zip(self.links, chain.links, chain._widths, strict=True):
            row[fields.N_INPUTS], row[fields.N_OUTPUTS], row[fields.COLUMN] = n_in, n_out, column
            column += n_out
            if isinstance(link, Activation):
                row[fields.KIND] = 1 + names.index(link.name)
                continue
            row[fields.WEIGHT], row[fields.BIAS] = parameters, parameters + n_in * n_out
            row[fields.PACKED], row[fields.TRANSPOSED] = packed, transposed
            parameters += (n_in + 1) * n_out
            packed += packed_size(dtype, n_in, n_out)
            transposed += packed_size(dtype, n_out, n_in)
        self.packed, self.transposed = np.empty(packed, dtype), np.empty(transposed, dtype)
        self.widest_packed = packed_size(dtype, 1, chain.widest)
        # the first link that has parameters, and those that are pulled back through if dx is not wanted
        self.bottom = next(k for k, link in enumerate(chain.links) if isinstance(link, Dense))
        self.above, self.nothing = self.links[self.bottom + 1 :], np.empty((0, chain.n_inputs), dtype)

    def shares(self, n_rows: int, workspace: Workspace) -> list[_Share]:
        """Divide the rows among threads."""
        n_threads = threads.worth_waking(n_rows, n_rows * self.size)
        before = workspace.get("shares")
        if before is not None and before[:2] == (n_rows, n_threads):
            return before[2]  # type: ignore[no-any-return]
        outputs = workspace.empty("outputs", (n_rows * self.chain.n_columns,), self.dtype)
        self.y = outputs[-n_rows * self.chain.n_outputs :].reshape(n_rows, self.chain.n_outputs)
        shares = []
        inner = [round(cut) for cut in threads.cuts(n_rows, n_threads, self.size)]
        for k, (first, stop) in enumerate(pairwise([0, *inner, n_rows])):
            sizes = {"da_even": self.chain.widest, "da_odd": self.chain.widest, "dz_rows": self.widest_packed}
            memory = {
                name: workspace.empty(f"{name}_{k}", ((stop - first) * width,), self.dtype)
                for name, width in sizes.items()
            }
            shares.append(_Share(first, stop, **memory))
        workspace["shares"] = (n_rows, n_threads, shares)
        self.others = [workspace.empty(f"gradient_{k}", (self.size,), self.dtype) for k in range(1, n_threads)]
        return shares
