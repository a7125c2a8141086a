"""Recurrent layers: a cell, a direction or two, and a gradient algorithm.

The equations are the cells' (`rnnbp.cells`), the way through time the gradient algorithm's (`rnnbp.gradients`). Here is
what joins them to a network: parameters, directions, initial states, recurrent dropout and teacher forcing.

A backward direction runs over each sequence reversed from its own true end; its output is reversed again, so that row t
of both directions belongs to input t. A bidirectional layer puts the two side by side: forward, then backward.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp import initializers
from rnnbp.cells import Cell, ElmanCell, GRUCell, JordanCell, LSTMCell, PeepholeLSTMCell, ResetBeforeGRUCell
from rnnbp.checks import probability
from rnnbp.configuration import lookup
from rnnbp.gradients import BPTT, GradientAlgorithm, Recurrence
from rnnbp.initializers import Initializer
from rnnbp.layers.dropout import dropout_mask
from rnnbp.layers.layer import Context, Layer, expect_width
from rnnbp.parameters import Parameter
from rnnbp.workspace import Workspace

__all__ = ["GRU", "LSTM", "Elman", "Jordan", "Recurrent"]

Array = NDArray[Any]

REVERSE = "_reverse"


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
    """

    needs_time = True

    def __init__(
        self,
        n_inputs: int,
        n_hidden: int,
        *,
        bidirectional: bool = False,
        reverse: bool = False,
        recurrent_dropout: float = 0.0,
        gradient: GradientAlgorithm = BPTT(),
        input_initializer: str | Initializer = "glorot",
        recurrent_initializer: str | Initializer = "orthogonal",
        bias_initializer: str | Initializer = "zeros",
    ) -> None:
        self.n_inputs = n_inputs
        self.n_hidden = n_hidden
        self.bidirectional = bidirectional
        self.reverse = reverse
        self.recurrent_dropout = probability(recurrent_dropout, "recurrent_dropout")
        self.gradient = gradient
        self.input_initializer = input_initializer
        self.recurrent_initializer = recurrent_initializer
        self.bias_initializer = bias_initializer
        if not isinstance(gradient, GradientAlgorithm):
            raise TypeError(f"gradient must be an algorithm such as gradients.BPTT(), but {gradient!r} was given")
        if bidirectional and reverse:
            raise ValueError("a bidirectional layer runs both ways already: leave out reverse=True")
        self.cell = self.make_cell()
        suffixes = ("", REVERSE) if bidirectional else ("",)
        # each direction: the suffix of its names, and whether it runs backwards
        self._directions = tuple((suffix, reverse or suffix == REVERSE) for suffix in suffixes)
        self._initializers = {
            "input_weight": initializers.get(input_initializer),
            "output_weight": initializers.get(input_initializer),
            "recurrent_weight": initializers.get(recurrent_initializer),
            "bias": initializers.get(bias_initializer),
        }

        self._names = tuple(p.name for p in self._cell_parameters())

    @abstractmethod
    def make_cell(self) -> Cell:
        """Return the cell that the layer runs."""

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
            if (bias := products[0].bias) is not None:
                declared.append(Parameter(bias, (columns,), self._initializers.get(bias, zeros), blocks))
        return declared

    def states(self) -> Mapping[str, int]:
        """Return the width of each state, by name; those of the backward direction end in "_reverse"."""
        return {name + suffix: self.cell.width(name) for suffix, _ in self._directions for name in self.cell.states}

    def output_width(self, input_width: int) -> int:
        """Return the cell's output width, for both directions if there are two."""
        expect_width(self, self.n_inputs, input_width)
        return len(self._directions) * self.cell.width(self.cell.output)

    def forward(self, parameters: Mapping[str, Array], x: Array, workspace: Workspace, context: Context) -> Array:
        """Run each direction and put their outputs side by side."""
        steps = context.steps
        assert steps is not None, "the network lets only sequences come here"
        outputs = []
        for suffix, backwards in self._directions:
            own = workspace.setdefault(f"direction{suffix}", Workspace())
            recurrence = own["recurrence"] = Recurrence(
                cell=self.cell,
                parameters={name: parameters[name + suffix] for name in self._names},
                x=steps.reverse(x) if backwards else x,
                steps=steps,
                initial=self._own(context.initial, suffix),
                mask=self._mask(context, x),
                teacher=None
                if context.teacher is None
                else (steps.reverse(context.teacher) if backwards else context.teacher),
            )
            y, final = self.gradient.forward(recurrence, own, keep=context.keep)
            context.final |= {name + suffix: state for name, state in final.items()}
            outputs.append(steps.reverse(y) if backwards else y)
        return outputs[0] if len(outputs) == 1 else np.concatenate(outputs, axis=1)

    def _own(self, states: Mapping[str, Array], suffix: str) -> dict[str, Array]:
        """Return those of the states that belong to one direction, under the cell's names."""
        return {name: states[name + suffix] for name in self.cell.states if name + suffix in states}

    def _mask(self, context: Context, x: Array) -> Array | None:
        if not context.training or self.recurrent_dropout == 0.0:
            return None
        assert context.steps is not None
        (operand, *_) = self.cell.weights["recurrent_weight"]
        shape = (context.steps.n_sequences, self.cell.width(operand.source))
        return dropout_mask(self.recurrent_dropout, shape, x.dtype, context.rng)

    def backward(
        self,
        parameters: Mapping[str, Array],
        gradients: Mapping[str, Array],
        dy: Array,
        workspace: Workspace,
        context: Context,
    ) -> Array | None:
        """Pull back each direction's share of dy, and add what they say of the input."""
        steps, total = context.steps, None
        assert steps is not None, "the network lets only sequences come here"
        width = self.cell.width(self.cell.output)
        stops = accumulate(width for _ in self._directions)
        for (suffix, backwards), stop in zip(self._directions, stops, strict=True):
            own = workspace[f"direction{suffix}"]
            share = dy[:, stop - width : stop]
            dx, d_initial = self.gradient.backward(
                own["recurrence"],
                own,
                steps.reverse(share) if backwards else share,
                self._own(context.d_final, suffix),
                {name: gradients[name + suffix] for name in self._names},
                input_gradient=context.input_gradient,
            )
            context.d_initial |= {name + suffix: d for name, d in d_initial.items()}
            if dx is not None:
                dx = steps.reverse(dx) if backwards else dx
                total = dx if total is None else total + dx
        return total


class Elman(Recurrent):
    """A simple recurrent layer: h = f(x W + h' U + b); see `rnnbp.cells.elman`.

    Parameters
    ----------
    n_inputs, n_hidden : int
        I and H.
    activation : str, default "tanh"
        f; any of the names that `Activation` knows.
    **options
        bidirectional, reverse, recurrent_dropout, gradient, input_initializer, recurrent_initializer and
        bias_initializer: see `Recurrent`.

    Notes
    -----
    Its parameters are ``input_weight`` (I, H), ``bias`` (H,) and ``recurrent_weight`` (H, H); its state is ``h``.
    """

    def __init__(
        self,
        n_inputs: int,
        n_hidden: int,
        *,
        activation: str = "tanh",
        **options: Any,
    ) -> None:
        self.activation = activation
        super().__init__(n_inputs, n_hidden, **options)

    def make_cell(self) -> Cell:
        """Return an `ElmanCell`."""
        return ElmanCell(self.n_inputs, self.n_hidden, activation=self.activation)


class Jordan(Recurrent):
    """A recurrent layer that is fed its own previous output; see `rnnbp.cells.jordan`.

    In training the target takes the place of the previous output (teacher forcing); in use the loop is closed. Teacher
    forcing needs targets for this very output, so it applies where the layer runs in one direction and is the network's
    last but for activations; anywhere else the loop is closed in training too.

    Parameters
    ----------
    n_inputs, n_hidden : int
        I and H.
    n_outputs : int or None, default None
        The width of the output; None stands for n_hidden.
    activation : str, default "tanh"
        Of the hidden units.
    feedback_activation : str, default "identity"
        What makes of the output what it stands for, before it is fed back: "identity" for values, "softmax" for
        classes, "sigmoid" for probabilities (losses take logits, and so the layer puts out logits).
    teacher_forcing : bool, default True
        Whether targets are fed back in training where they can be.
    **options
        bidirectional, reverse, recurrent_dropout, gradient, input_initializer, recurrent_initializer and
        bias_initializer: see `Recurrent`.

    Notes
    -----
    Its parameters are ``input_weight`` (I, H), ``bias`` (H,), ``recurrent_weight`` (n_outputs, H), ``output_weight``
    (H, n_outputs) and ``output_bias`` (n_outputs,); its state is ``v``, the output as it is fed back.
    """

    def __init__(
        self,
        n_inputs: int,
        n_hidden: int,
        *,
        n_outputs: int | None = None,
        activation: str = "tanh",
        feedback_activation: str = "identity",
        teacher_forcing: bool = True,
        **options: Any,
    ) -> None:
        self.n_outputs = n_outputs
        self.activation = activation
        self.feedback_activation = feedback_activation
        self.teacher_forcing = teacher_forcing
        super().__init__(n_inputs, n_hidden, **options)

    def make_cell(self) -> Cell:
        """Return a `JordanCell`."""
        return JordanCell(
            self.n_inputs,
            self.n_hidden,
            self.n_hidden if self.n_outputs is None else self.n_outputs,
            activation=self.activation,
            feedback_activation=self.feedback_activation,
        )


class LSTM(Recurrent):
    """A layer of long short-term memory; see `rnnbp.cells.lstm` and `rnnbp.cells.peephole_lstm`.

    Parameters
    ----------
    n_inputs, n_hidden : int
        I and H.
    peepholes : bool, default False
        Whether the gates see the cell state.
    bias_initializer : str or Initializer, default "forget_gate"
        By default the forget gate's bias starts at 1, so that a new network remembers.
    **options
        bidirectional, reverse, recurrent_dropout, gradient, input_initializer and recurrent_initializer: see
        `Recurrent`.

    Notes
    -----
    Its parameters are ``input_weight`` (I, 4 H), ``bias`` (4 H,) and ``recurrent_weight`` (H, 4 H), with the gates in
    the order i, f, g, o, and ``peephole`` (3 H,) in the order i, f, o, first 0; its states are ``h`` and ``c``.
    """

    def __init__(
        self,
        n_inputs: int,
        n_hidden: int,
        *,
        peepholes: bool = False,
        bias_initializer: str | Initializer = "forget_gate",
        **options: Any,
    ) -> None:
        self.peepholes = peepholes
        super().__init__(n_inputs, n_hidden, bias_initializer=bias_initializer, **options)

    def make_cell(self) -> Cell:
        """Return an `LSTMCell`, or a `PeepholeLSTMCell`."""
        return (PeepholeLSTMCell if self.peepholes else LSTMCell)(self.n_inputs, self.n_hidden)


class GRU(Recurrent):
    """A layer of gated recurrent units; see `rnnbp.cells.gru`.

    Parameters
    ----------
    n_inputs, n_hidden : int
        I and H.
    reset : {"after", "before"}, default "after"
        Whether the reset gate acts after the recurrent product (PyTorch, cuDNN) or before it (Cho et al. 2014).
    **options
        bidirectional, reverse, recurrent_dropout, gradient, input_initializer, recurrent_initializer and
        bias_initializer: see `Recurrent`.

    Notes
    -----
    Its parameters are ``input_weight`` (I, 3 H), ``bias`` (3 H,), ``recurrent_weight`` (H, 3 H) and, in the
    reset-after form, ``recurrent_bias`` (3 H,), with the gates in the order r, z, n; its state is ``h``.
    """

    def __init__(
        self,
        n_inputs: int,
        n_hidden: int,
        *,
        reset: str = "after",
        **options: Any,
    ) -> None:
        self.reset = reset
        super().__init__(n_inputs, n_hidden, **options)

    def make_cell(self) -> Cell:
        """Return a `GRUCell`, or a `ResetBeforeGRUCell`."""
        cells: dict[str, type[Cell]] = {"after": GRUCell, "before": ResetBeforeGRUCell}
        return lookup(cells, self.reset, "place of the reset gate")(self.n_inputs, self.n_hidden)
