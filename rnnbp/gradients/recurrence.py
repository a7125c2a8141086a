"""One recurrence, and the operations that every gradient algorithm is made of.

With the blocks z, the variables s = (h, c, ...) and a teacher's values if there are any, step t is::

    z(t) = x(t) W + b                                                        (1)   `project`, for all t at once
    z(t) += s(t-1) U;  s(t) = step(z(t), s(t-1))                             (2)   `step`

and its linearisation, contracted with dL/ds(t)::

    dz(t) = pullback(ds(t));  ds(t-1) = dz(t) U^T + ...                      (2')  `step_backward`
    dx = dz W^T;  dW = sum_t x(t)^T dz(t);  db = sum_t dz(t)                 (1')  `backward_input`, `accumulate`
    dU = sum_t s(t-1)^T dz(t)                                                (2')  `accumulate`

The products of (1), (1') and the weight gradients of (2') are one matrix product each over all steps; only `step`
and `step_backward` are within the loop over time.

How one product is carried out, normalised or not, and pulled back, is in `rnnbp.gradients.cell_products`. Noise blocks
of z are filled by `project`, like any start of z: with draws in training, with their means otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.cells import Cell, Product
from rnnbp.data.packing import Packing
from rnnbp.gradients import cell_products

__all__ = ["Recurrence", "Variables"]

Array = NDArray[Any]
Variables = dict[str, Array]


@dataclass(slots=True, eq=False)
class Recurrence:
    """A cell with its parameters, and the sequences that it is run over.

    Attributes
    ----------
    cell : Cell
    parameters : mapping of str to ndarray
    x : ndarray of shape (n_rows, I)
        The input, packed.
    packing : Packing
        How x is packed.
    initial : mapping of str to ndarray of shape (B, width)
        The initial states, in packed order; those missing are zero.
    mask : ndarray of shape (B, width) or None
        Recurrent dropout: what multiplies the operand of the recurrent weight, the same at every step.
    teacher : ndarray of shape (n_rows, width) or None
        What replaces the values of the state ``cell.teacher_forced``; where it is a masked array, not at its masked
        rows.
    noise : mapping of str to ndarray of bool, of shape (n_rows, width), or None
        What was drawn for each block of ``cell.noise``; None for their means.
    compiled : bool, default True
        Whether compiled loops may run it.
    whole : Recurrence or None
        The one that this is a window in time of, if it is (`rnnbp.gradients.windows`).

    See Also
    --------
    GradientAlgorithm

    Examples
    --------
    >>> from rnnbp.cells import ElmanCell
    >>> rng, packing = np.random.default_rng(0), Packing.full(5, 2)
    >>> weights = {name: rng.normal(size=size) for name, size in
    ...            {"input_weight": (3, 4), "recurrent_weight": (4, 4), "bias": (4,)}.items()}
    >>> recurrence = Recurrence(ElmanCell(3, 4), weights, rng.normal(size=(10, 3)), packing, {})
    >>> z = np.empty((10, 4))
    >>> recurrence.project(z)
    >>> bool(np.allclose(z, recurrence.x @ weights["input_weight"] + weights["bias"]))
    True
    """

    cell: Cell
    parameters: Mapping[str, Array]
    x: Array
    packing: Packing
    initial: Mapping[str, Array]
    mask: Array | None = None
    teacher: Array | None = None
    noise: Mapping[str, Array] | None = None
    whole: Recurrence | None = None
    compiled: bool = True

    def project(self, z: Array) -> None:
        """Start all rows of z with the input product, the biases and the noise (1)."""
        z[...] = self.bias()
        for block, drawn in (self.noise or {}).items():
            z[:, self.cell.columns[block]] = drawn
        cell_products.forward(self.cell, self.cell.input, self.parameters, self.x, z)

    def bias(self) -> Array:
        """Return the sum of the biases of each column of z, and the means of the noise blocks."""
        total = np.zeros(self.cell.n_columns, self.x.dtype)
        for block, mean in self.cell.noise.items():
            total[self.cell.columns[block]] = mean
        for product in self.cell.products:
            if product.bias is not None:
                for columns, into in self.cell.column_map[product]:
                    total[into] += self.parameters[product.bias][columns]
        return total

    def step(self, z: Array, previous: Variables, current: Variables) -> None:
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
                source = self._masked(product, (previous if product.lag else current)[product.source])
                cell_products.forward(cell, product, self.parameters, source, z)
            inputs = (*(previous[name] for name in stage.reads), *(current[name] for name in stage.uses))
            saved, outputs = stage.step(tuple(z[:, cell.columns[block]].copy() for block in stage.blocks), inputs)
            for block, value in zip(stage.blocks, saved, strict=True):
                z[:, cell.columns[block]] = value
            for name, value in zip(stage.outputs, outputs, strict=True):
                current[name][...] = value

    def step_backward(
        self, z: Array, previous: Variables, current: Variables, d: Variables, d_previous: Variables
    ) -> None:
        """Pull one step back (2'): z becomes dL/dz, and `d_previous` is filled in.

        Parameters
        ----------
        z : ndarray of shape (n, n_columns)
            What `step` put there.
        previous, current : dict of str to ndarray of shape (n, width)
            As `step` left them.
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
            assert stage.pullback is not None  # a stage without one has derived it
            d_blocks, d_inputs = stage.pullback(
                tuple(z[:, cell.columns[block]].copy() for block in stage.blocks),
                inputs,
                tuple(current[name] for name in stage.outputs),
                tuple(d[name].copy() for name in stage.outputs),
            )
            for block, value in zip(stage.blocks, d_blocks, strict=True):
                z[:, cell.columns[block]] = value
            d_read = (*(d_previous[name] for name in stage.reads), *(d[name] for name in stage.uses))
            for receiver, value in zip(d_read, d_inputs, strict=True):
                receiver += value
            # A product may feed blocks of later stages too (a peephole LSTM's o), whose dz are known by now.
            for product in stage.products:
                values, receivers = (previous, d_previous) if product.lag else (current, d)
                d_source = cell_products.backward(cell, product, self.parameters, values[product.source], z)
                receivers[product.source] += self._masked(product, d_source)

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
        for name, columns, source, d in self._factors(dz, previous, current):
            gradients[name][..., columns] = d.sum(axis=0) if source is None else source.T @ d
        self.accumulate_biases(dz.sum(axis=0), gradients)

    def separate(self, dz: Array, previous: Variables, current: Variables, gradients: Mapping[str, Array]) -> None:
        """Write the gradients that `accumulate` sums, each row's for itself.

        Parameters
        ----------
        dz, previous, current
            See `accumulate`.
        gradients : mapping of str to ndarray of shape (n_rows, ...)
            Overwritten.
        """
        for name, columns, source, d in self._factors(dz, previous, current):
            gradients[name][..., columns] = d if source is None else source[:, :, None] * d[:, None, :]
        self.accumulate_biases(dz, gradients)

    def accumulate_biases(self, dz_sum: Array, gradients: Mapping[str, Array]) -> None:
        """Write the gradients of the biases, given the sum of dL/dz over all rows."""
        for product in self.cell.products:
            if product.bias is not None:
                for columns, into in self.cell.column_map[product]:
                    gradients[product.bias][..., columns] = dz_sum[..., into]

    def backward_input(self, dz: Array) -> Array:
        """Return dL/dx of all rows, given dL/dz (1')."""
        return cell_products.backward(self.cell, self.cell.input, self.parameters, self.x, dz)

    def _factors(
        self, dz: Array, previous: Variables, current: Variables
    ) -> Iterator[tuple[str, slice, Array | None, Array]]:
        """Yield what makes the gradients of the products' parameters; see `cell_products.factors`."""
        for product in self.cell.products:
            if product.source == "x":
                source = self.x
            else:
                source = self._masked_rows(product, (previous if product.lag else current)[product.source])
            yield from cell_products.factors(self.cell, product, self.parameters, source, dz)

    def _masked(self, product: Product, value: Array) -> Array:
        """Apply recurrent dropout to the operand of the recurrent weight, or to its gradient."""
        if self.mask is None or product.weight != "recurrent_weight":
            return value
        return np.asarray(value * self.mask[: len(value)])

    def _masked_rows(self, product: Product, rows: Array) -> Array:
        if self.mask is None or product.weight != "recurrent_weight":
            return rows
        return np.asarray(rows * self.mask[self.packing.sequence_of_row])
