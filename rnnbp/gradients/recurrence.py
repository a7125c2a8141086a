"""One recurrence, and the operations that every gradient algorithm is made of.

With the blocks z, the variables s = (h, c, ...) and a teacher's values if there are any, step t is::

    z(t) = x(t) W + b                                                        (1)   `project`, for all t at once
    z(t) += s(t-1) U;  s(t) = step(z(t), s(t-1))                             (2)   `advance`

and its linearisation, contracted with dL/ds(t)::

    dz(t) = pullback(ds(t));  ds(t-1) = dz(t) U^T + ...                      (2')  `retreat`
    dx = dz W^T;  dW = sum_t x(t)^T dz(t);  db = sum_t dz(t)                 (1')  `pull_input`, `accumulate`
    dU = sum_t s(t-1)^T dz(t)                                                (2')  `accumulate`

The products of (1), (1') and the weight gradients of (2') are one matrix product each over all steps; only `advance`
and `retreat` are within the loop over time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.cells import Cell, Product
from rnnbp.sequences import Steps

__all__ = ["Recurrence", "Variables"]

Array = NDArray[Any]
Variables = dict[str, Array]


@dataclass(frozen=True)
class Recurrence:
    """A cell with its parameters, and the sequences that it is run over.

    Attributes
    ----------
    cell : Cell
    parameters : mapping of str to ndarray
    x : ndarray of shape (n_rows, I)
        The input, packed.
    steps : Steps
        How x is packed.
    initial : mapping of str to ndarray of shape (B, width)
        The initial states, in packed order; those missing are zero.
    mask : ndarray of shape (B, width) or None
        Recurrent dropout: what multiplies the operand of the recurrent weight, the same at every step.
    teacher : ndarray of shape (n_rows, width) or None
        What replaces the values of the state ``cell.forced``.
    """

    cell: Cell
    parameters: Mapping[str, Array]
    x: Array
    steps: Steps
    initial: Mapping[str, Array]
    mask: Array | None = None
    teacher: Array | None = None

    def project(self, z: Array) -> None:
        """Start all rows of z with the input product and the biases (1)."""
        product = self.cell.input
        weight = self.parameters[product.weight]
        z[...] = self.bias()
        for columns, into in self.cell.routes[product]:
            z[:, into] += self.x @ weight[:, columns]

    def bias(self) -> Array:
        """Return the sum of the biases of each column of z."""
        total = np.zeros(self.cell.n_columns, self.x.dtype)
        for product in self.cell.products:
            if product.bias is not None:
                for columns, into in self.cell.routes[product]:
                    total[into] += self.parameters[product.bias][columns]
        return total

    def advance(self, z: Array, previous: Variables, current: Variables) -> None:
        """Carry out one step (2): z becomes what the pullback needs, and `current` is filled in.

        Parameters
        ----------
        z : ndarray of shape (n, n_columns)
            What `project` put there.
        previous, current : dict of str to ndarray of shape (n, width)
            The states before the step; all variables after it.
        """
        cell = self.cell
        for stage in cell.stages:
            for product in stage.products:
                weight = self.parameters[product.weight]
                source = self._source(product, previous if product.lag else current)
                for columns, into in cell.routes[product]:
                    z[:, into] += source * weight[columns] if product.diagonal else source @ weight[:, columns]
            inputs = (*(previous[name] for name in stage.reads), *(current[name] for name in stage.uses))
            kept, outputs = stage.step(tuple(z[:, cell.columns[block]] for block in stage.blocks), inputs)
            for block, value in zip(stage.blocks, kept, strict=True):
                z[:, cell.columns[block]] = value
            for name, value in zip(stage.outputs, outputs, strict=True):
                current[name][...] = value

    def retreat(self, z: Array, previous: Variables, current: Variables, d: Variables, d_previous: Variables) -> None:
        """Pull one step back (2'): z becomes dL/dz, and `d_previous` is filled in.

        Parameters
        ----------
        z : ndarray of shape (n, n_columns)
            What `advance` put there.
        previous, current : dict of str to ndarray of shape (n, width)
            As `advance` left them.
        d : dict of str to ndarray of shape (n, width)
            dL/d(variable) of this step; what stages hand to each other within a step is added to it.
        d_previous : dict of str to ndarray of shape (n, width)
            dL/d(state) of the step before; overwritten.
        """
        cell = self.cell
        for name in cell.states:
            d_previous[name].fill(0)
        for stage in reversed(cell.stages):
            inputs = (*(previous[name] for name in stage.reads), *(current[name] for name in stage.uses))
            d_blocks, d_inputs = stage.pullback(
                tuple(z[:, cell.columns[block]] for block in stage.blocks),
                inputs,
                tuple(current[name] for name in stage.outputs),
                tuple(d[name] for name in stage.outputs),
            )
            for block, value in zip(stage.blocks, d_blocks, strict=True):
                z[:, cell.columns[block]] = value
            receivers = (*(d_previous[name] for name in stage.reads), *(d[name] for name in stage.uses))
            for receiver, value in zip(receivers, d_inputs, strict=True):
                receiver += value
            # A product may feed blocks of later stages too (a peephole LSTM's o), whose dz are known by now.
            for product in stage.products:
                weight = self.parameters[product.weight]
                receiver = (d_previous if product.lag else d)[product.source]
                for columns, into in cell.routes[product]:
                    if product.diagonal:
                        receiver += z[:, into] * weight[columns]
                    else:
                        receiver += self._masked(product, z[:, into] @ weight[:, columns].T)

    def accumulate(self, dz: Array, previous: Variables, current: Variables, gradients: Mapping[str, Array]) -> None:
        """Write the gradients of all parameters, given dL/dz of all rows (1', 2').

        Parameters
        ----------
        dz : ndarray of shape (n_rows, n_columns)
        previous, current : dict of str to ndarray of shape (n_rows, width)
            The states before, and the variables after, the step of each row.
        gradients : mapping of str to ndarray
            Overwritten.
        """
        for product in self.cell.products:
            if product.source == "x":
                source = self.x
            else:
                source = self._masked_rows(product, (previous if product.lag else current)[product.source])
            for columns, into in self.cell.routes[product]:
                if product.diagonal:
                    gradients[product.weight][columns] = (source * dz[:, into]).sum(axis=0)
                else:
                    gradients[product.weight][:, columns] = source.T @ dz[:, into]
        self.accumulate_biases(dz.sum(axis=0), gradients)

    def accumulate_biases(self, dz_sum: Array, gradients: Mapping[str, Array]) -> None:
        """Write the gradients of the biases, given the sum of dL/dz over all rows."""
        for product in self.cell.products:
            if product.bias is not None:
                for columns, into in self.cell.routes[product]:
                    gradients[product.bias][columns] = dz_sum[into]

    def pull_input(self, dz: Array) -> Array:
        """Return dL/dx of all rows, given dL/dz (1')."""
        product = self.cell.input
        weight = self.parameters[product.weight]
        pieces = [dz[:, into] @ weight[:, columns].T for columns, into in self.cell.routes[product]]
        return np.asarray(sum(pieces[1:], start=pieces[0]))

    def _source(self, product: Product, variables: Variables) -> Array:
        return self._masked(product, variables[product.source])

    def _masked(self, product: Product, value: Array) -> Array:
        """Apply recurrent dropout to the operand of the recurrent weight, or to its gradient."""
        if self.mask is None or product.weight != "recurrent_weight":
            return value
        return np.asarray(value * self.mask[: len(value)])

    def _masked_rows(self, product: Product, rows: Array) -> Array:
        if self.mask is None or product.weight != "recurrent_weight":
            return rows
        return np.asarray(rows * self.mask[self.steps.sequence_of_row])
