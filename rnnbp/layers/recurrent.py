"""Recurrent layers: a cell, a direction or two, and a gradient algorithm.

The equations are the cells' (`rnnbp.cells`), the way through time the gradient algorithm's (`rnnbp.gradients`). Here is
what joins them to a network: parameters, directions, initial states, recurrent dropout, zoneout and teacher forcing.

A backward direction runs over each sequence reversed from its own true end; its output is reversed again, so that row t
of both directions belongs to input t. A bidirectional layer puts the two side by side: forward, then backward.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rnnbp import initializers
from rnnbp.cells import Cell, ZoneoutCell
from rnnbp.cells.checking import check as check_cell
from rnnbp.configuration import flag, number, shown
from rnnbp.data.packing import Packing
from rnnbp.data.workspace import Workspace
from rnnbp.gradients import BPTT, RTRL, GradientAlgorithm, Recurrence
from rnnbp.gradients.algorithm import Run
from rnnbp.initializers import Initializer
from rnnbp.layers.dropout import dropout_mask
from rnnbp.layers.layer import BackwardContext, Context, Layer, StreamStep, expect_width
from rnnbp.parameters import Parameter

if TYPE_CHECKING:
    from rnnbp.layers.compiled import Part
    from rnnbp.layers.online import OnlineLayer

__all__ = ["Recurrent", "RecurrentPass"]

Array = NDArray[Any]

REVERSE = "_reverse"


@dataclass(eq=False)
class RecurrentPass:
    """What a recurrent layer saves of a pass: a run of each direction, and its states under the layer's own names.

    Attributes
    ----------
    runs : list of Run
    final, d_initial : dict of str to ndarray of shape (B, width)
        The final states, and, after the way back, the gradients of the initial ones.
    """

    runs: list[Run] = field(default_factory=list)
    final: dict[str, Array] = field(default_factory=dict)
    d_initial: dict[str, Array] = field(default_factory=dict)


class Recurrent(Layer):
    """A layer that runs a cell over time; derive from it and give `make_cell`.

    Parameters
    ----------
    n_inputs, n_hidden : int
        I and H.
    bidirectional : bool, default False
        Whether a second cell, with parameters of its own (their names end in "_reverse"), runs backwards; the output is
        then twice as wide.
    reverse : bool, default False
        Whether the only cell runs backwards.
    recurrent_dropout : float, default 0
        The rate of dropout on the recurrent operand, in training; one mask for all steps (Gal and Ghahramani 2016).
    zoneout : float, default 0
        The probability that a unit of the cell's (first) state keeps its previous value instead of the new one, drawn
        for each step in training; at inference each takes the mean of both (Krueger et al. 2017).
    gradient : GradientAlgorithm, default BPTT()
        How gradients are computed.
    input_initializer, recurrent_initializer, bias_initializer : str or Initializer
        How the weights into a cell (and out of it), its recurrent weights, and its biases are drawn; by default
        "glorot", "orthogonal" and "zeros".

    Raises
    ------
    ValueError
        If a number is out of its range or a name unknown.
    TypeError
        If `gradient` is not a gradient algorithm.

    See Also
    --------
    rnnbp.cells.Cell
    GRU

    Examples
    --------
    >>> from rnnbp import Network
    >>> from rnnbp.cells import ElmanCell
    >>> class Mine(Recurrent):
    ...     def make_cell(self):
    ...         return ElmanCell(self.n_inputs, self.n_hidden, activation="relu")
    >>> Network([Mine(3, 8, bidirectional=True)]).forward(np.zeros((5, 2, 3))).shape
    (5, 2, 16)
    """

    def __init__(
        self,
        n_inputs: int,
        n_hidden: int,
        *,
        bidirectional: bool = False,
        reverse: bool = False,
        recurrent_dropout: float = 0.0,
        zoneout: float = 0.0,
        gradient: GradientAlgorithm = BPTT(),
        input_initializer: str | Initializer = "glorot",
        recurrent_initializer: str | Initializer = "orthogonal",
        bias_initializer: str | Initializer = "zeros",
    ) -> None:
        self.n_inputs = n_inputs
        self.n_hidden = n_hidden
        self.bidirectional = flag("bidirectional", bidirectional)
        self.reverse = flag("reverse", reverse)
        self.recurrent_dropout = number("recurrent_dropout", recurrent_dropout, "[0, 1)")
        self.zoneout = number("zoneout", zoneout, "[0, 1)")
        self.gradient = gradient
        self.input_initializer = input_initializer
        self.recurrent_initializer = recurrent_initializer
        self.bias_initializer = bias_initializer
        if not isinstance(gradient, GradientAlgorithm):
            raise TypeError(f"gradient must be an algorithm such as gradients.BPTT(), but {shown(gradient)} was given")
        if bidirectional and reverse:
            raise ValueError("a bidirectional layer runs both ways already: leave out reverse=True")
        self.needs_time = gradient.needs_time
        self.runs_backwards = bidirectional or reverse
        cell = self.make_cell()
        check_cell(cell)
        rates = {state: rate for state, rate in self.zoneout_rates(cell).items() if rate > 0.0}
        if rates and not gradient.needs_time:
            raise ValueError(f"zoneout holds units at their values of the step before, and {gradient!r} has none")
        self.cell = ZoneoutCell(cell, rates) if rates else cell
        suffixes = ("", REVERSE) if bidirectional else ("",)
        # each direction: the suffix of its names, and whether it runs backwards
        self._directions = tuple((suffix, reverse or suffix == REVERSE) for suffix in suffixes)
        if self.recurrent_dropout > 0.0 and "recurrent_weight" not in self.cell.weights:
            raise ValueError(
                "recurrent_dropout applies to the operand of a weight named 'recurrent_weight', but "
                f"{type(cell).__name__} has {', '.join(self.cell.weights)}"
            )
        matrices = {
            name: initializers.get(recurrent_initializer if name == "recurrent_weight" else input_initializer)
            for name, products in self.cell.weights.items()
            if not products[0].diagonal
        }
        self._initializers = {**matrices, "bias": initializers.get(bias_initializer)}
        gains = (product.gain for product in self.cell.products if product.gain is not None)
        self._initializers |= dict.fromkeys(gains, initializers.Ones())

        self._names = tuple(p.name for p in self._cell_parameters())

    @abstractmethod
    def make_cell(self) -> Cell:
        """Return the cell that the layer runs."""

    def zoneout_rates(self, cell: Cell) -> dict[str, float]:
        """Return the rate of zoneout of each state that it may apply to."""
        return {cell.states[0]: self.zoneout}

    def parameters(self) -> Sequence[Parameter]:
        """Declare the cell's parameters, for each direction."""
        return [
            Parameter(declared.name + suffix, declared.shape, declared.initializer, declared.blocks)
            for suffix, _ in self._directions
            for declared in self._cell_parameters()
        ]

    def _cell_parameters(self) -> Sequence[Parameter]:
        cell, zeros, declared = self.cell, initializers.Zeros(), []
        for name, products in cell.weights.items():
            blocks = tuple(block for product in products for block in product.into)
            columns = sum(map(cell.width, blocks))
            rows = () if products[0].diagonal else (cell.width(products[0].source),)
            declared.append(Parameter(name, (*rows, columns), self._initializers.get(name, zeros), blocks))
            vectors = (v for v in (products[0].gain, products[0].bias) if v not in (None, name))
            declared += [Parameter(v, (columns,), self._initializers.get(v, zeros), blocks) for v in vectors]
        return declared

    def states(self) -> Mapping[str, int]:
        """Return the width of each state, by name; those of the backward direction end in "_reverse"."""
        return {name + suffix: self.cell.width(name) for suffix, _ in self._directions for name in self.cell.states}

    def output_width(self, input_width: int) -> int:
        """Return the cell's output width, for both directions if there are two."""
        expect_width(self, self.n_inputs, input_width)
        return len(self._directions) * self.cell.width(self.cell.output)

    def compiled(self, parameters: Mapping[str, Array], dtype: np.dtype[Any]) -> Part | None:
        """Return a `RecurrentPart`, if the gradient algorithm is plain compiled `BPTT` and the cell is elementwise."""
        if not (type(self.gradient) is BPTT and self.gradient.compiled and self.cell.is_elementwise):
            return None
        from rnnbp.layers.compiled.recurrent import Direction, RecurrentPart

        directions = [
            Direction(suffix, backwards, {name: parameters[name + suffix] for name in self._names})
            for suffix, backwards in self._directions
        ]
        draws = self.recurrent_dropout > 0.0 or bool(self.cell.noise)
        return RecurrentPart(self.cell, directions, dtype, draw=self._draw if draws else None)

    def _draw(self, rng: np.random.Generator, packing: Packing) -> tuple[Array | None, dict[str, Array] | None]:
        """Draw what is random in one direction of a training run: recurrent dropout, and noise."""
        return self._mask(rng, packing), self._noise(rng, packing)

    def forward(self, parameters: Mapping[str, Array], x: Array, context: Context) -> tuple[Array, RecurrentPass]:
        """Run each direction and put their outputs side by side."""
        packing, saved = _packing(context, x), RecurrentPass()
        for suffix, backwards in self._directions:
            mask, noise = self._draw(context.rng, packing) if context.training else (None, None)
            teacher = context.teacher
            recurrence = Recurrence(
                cell=self.cell,
                parameters={name: parameters[name + suffix] for name in self._names},
                x=packing.reverse(x) if backwards else x,
                packing=packing,
                initial=self._own(context.initial, suffix),
                mask=None if mask is None else mask.astype(x.dtype),
                teacher=packing.reverse(teacher) if teacher is not None and backwards else teacher,
                noise=noise,
                compiled=context.compiled,
            )
            run = self.gradient.forward(recurrence, context.workspace.part(f"direction{suffix}"), keep=context.keep)
            saved.runs.append(run)
            saved.final |= {name + suffix: state for name, state in run.final.items()}
        outputs = [
            packing.reverse(run.output) if backwards else run.output
            for run, (_, backwards) in zip(saved.runs, self._directions, strict=True)
        ]
        return (outputs[0] if len(outputs) == 1 else np.concatenate(outputs, axis=1)), saved

    def final_states(self, saved: RecurrentPass) -> Mapping[str, Array]:
        """Return the states after each sequence's last step."""
        return saved.final

    def initial_gradients(self, saved: RecurrentPass) -> Mapping[str, Array]:
        """Return the gradients of the initial states, after the way back."""
        return saved.d_initial

    def _own(self, states: Mapping[str, Array], suffix: str) -> dict[str, Array]:
        """Return those of the states that belong to one direction, under the cell's names."""
        return {name: states[name + suffix] for name in self.cell.states if name + suffix in states}

    def _mask(self, rng: np.random.Generator, packing: Packing) -> Array | None:
        if self.recurrent_dropout == 0.0:
            return None
        (operand, *_) = self.cell.weights["recurrent_weight"]
        shape = (packing.n_sequences, self.cell.width(operand.source))
        return dropout_mask(self.recurrent_dropout, shape, np.float64, rng)

    def _noise(self, rng: np.random.Generator, packing: Packing) -> dict[str, Array] | None:
        if not self.cell.noise:
            return None
        return {
            block: rng.random((packing.n_rows, self.cell.width(block)), dtype=np.float32) < rate
            for block, rate in self.cell.noise.items()
        }

    def stream(self, parameters: Mapping[str, Array], dtype: np.dtype[Any], *, compiled: bool) -> StreamStep:
        """Return a step that carries the cell's states from frame to frame."""
        if self.runs_backwards:
            raise ValueError(f"{self!r} runs backwards: it needs the whole sequence, so it cannot stream")
        if type(self).forward is not Recurrent.forward:
            raise ValueError(f"{self!r} has a forward pass of its own, over whole sequences: it cannot stream")
        cell, one_step, workspace = self.cell, Packing.full(1, 1), Workspace()
        states = {name: np.zeros((1, cell.width(name)), dtype) for name in cell.states}

        def step(frame: Array) -> Array:
            recurrence = Recurrence(cell, parameters, frame, one_step, initial=states, compiled=compiled)
            run = self.gradient.forward(recurrence, workspace, keep=False)
            for name, state in run.final.items():
                states[name][...] = state
            return run.output

        return step

    def check_online(self) -> None:
        """Check that the layer carries its gradient forwards in time."""
        super().check_online()
        if not isinstance(self.gradient, RTRL):
            raise ValueError(f"{self!r} learns from whole sequences: give it gradient=RTRL(), or SnAp1()")
        if self.recurrent_dropout:
            raise ValueError(f"{self!r} keeps one dropout mask for a sequence, but a stream has no end: set it to 0")

    def online(self, parameters: Mapping[str, Array], n_below: int, dtype: np.dtype[Any]) -> OnlineLayer:
        """Return a `RecurrentOnline`."""
        from rnnbp.layers.recurrent_online import RecurrentOnline

        return RecurrentOnline(self, parameters, n_below, dtype)

    def check_scheduled_sampling(self) -> None:
        """Ask the gradient algorithm."""
        self.gradient.check_scheduled_sampling()

    def backward(
        self,
        parameters: Mapping[str, Array],
        gradients: Mapping[str, Array],
        dy: Array,
        saved: Any,
        context: BackwardContext,
    ) -> Array | None:
        """Propagate each direction's share of dy back, and add what they say of the input."""
        packing, total = _packing(context, dy), None
        width = self.cell.width(self.cell.output)
        stops = accumulate(width for _ in self._directions)
        for (suffix, backwards), stop, run in zip(self._directions, stops, saved.runs, strict=True):
            share = dy[:, stop - width : stop]
            dx, d_initial = self.gradient.backward(
                run,
                packing.reverse(share) if backwards else share,
                self._own(context.d_final, suffix),
                {name: gradients[name + suffix] for name in self._names},
                input_gradient=context.input_gradient,
            )
            saved.d_initial |= {name + suffix: d for name, d in d_initial.items()}
            if dx is not None:
                dx = packing.reverse(dx) if backwards else dx
                total = dx if total is None else total + dx
        return total


def _packing(context: Context | BackwardContext, rows: Array) -> Packing:
    """Return how the rows are arranged in time; a static example is a sequence of one step."""
    return Packing.full(1, len(rows)) if context.packing is None else context.packing
