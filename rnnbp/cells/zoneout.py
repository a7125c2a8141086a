"""Zoneout: units that, at random, keep their previous value.

Of a cell's new state s~, with m drawn anew for each unit, sequence and step::

    s = m s' + (1 - m) s~                     (1)   m = 1 with probability p, else 0, in training; at inference m = p

    ds~ = ds (1 - m);  ds' = ds m;  dm = ds (s' - s~)                        (1')

Any cell becomes one with zoneout: what its stages compute for a state is renamed to be new ("new_h"), within the step
they hand that to each other, and one more stage makes the state of it. So an LSTM's h sees the new cell state,
o tanh(f c' + i g), whether or not the cell keeps it; that is the paper's definition.

References
----------
D. Krueger et al., "Zoneout: regularizing RNNs by randomly preserving hidden activations", ICLR 2017.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from rnnbp.cells.cell import Cell, Stage

__all__ = ["ZoneoutCell"]

NEW, KEEP = "new_", "keep_"


def step(blocks, inputs):
    """Compute (1) for one state."""
    (m,), (previous, new) = blocks, inputs
    return (m,), (m * previous + (1.0 - m) * new,)  # 1


def pullback(saved, inputs, outputs, d_outputs):
    """Compute (1') for one state."""
    (m,), (previous, new), (d,) = saved, inputs, d_outputs
    dm, d_previous, d_new = d * (previous - new), d * m, d * (1.0 - m)  # 1'
    return (dm,), (d_previous, d_new)


class ZoneoutCell(Cell):
    """A cell with zoneout on some of its states.

    Parameters
    ----------
    cell : Cell
    rates : mapping of str to float
        The probability that a unit keeps its previous value, for each state that zoneout applies to.

    See Also
    --------
    rnnbp.layers.Recurrent

    Examples
    --------
    >>> from rnnbp.cells import GRUCell
    >>> cell = ZoneoutCell(GRUCell(3, 4), {"h": 0.1})
    >>> cell.states
    ('h',)
    """

    def __init__(self, cell: Cell, rates: Mapping[str, float]) -> None:
        super().__init__(cell.n_inputs, cell.n_hidden)
        self._cell = cell
        self.blocks = (*cell.blocks, *(KEEP + state for state in rates))
        self.states, self.output, self.teacher_forced = cell.states, cell.output, cell.teacher_forced
        self.noise = {KEEP + state: rate for state, rate in rates.items()}
        self.input = cell.input
        renamed = {state: NEW + state for state in rates}
        self.stages = (*(_renamed(stage, renamed) for stage in cell.stages), *map(_zoneout, rates))

    def width(self, name: str) -> int:
        """Return the width of a block or variable, or of the input ``"x"``."""
        return self._cell.width(name.removeprefix(NEW).removeprefix(KEEP))


def _renamed(stage: Stage, new: Mapping[str, str]) -> Stage:
    """Return the stage with other names for variables of this step; previous ones keep theirs."""

    def renamed(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(new.get(name, name) for name in names)

    products = tuple(
        product if product.lag else replace(product, source=new.get(product.source, product.source))
        for product in stage.products
    )
    return replace(stage, products=products, outputs=renamed(stage.outputs), uses=renamed(stage.uses))


def _zoneout(state: str) -> Stage:
    """Return the stage that makes a state of its new value and its previous one."""
    return Stage(
        (), blocks=(KEEP + state,), reads=(state,), uses=(NEW + state,), outputs=(state,), step=step, pullback=pullback
    )
