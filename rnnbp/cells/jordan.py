"""The Jordan cell: a network whose previous output is an input of its next step.

::

    z = x W + v' U + b
    h = f(z)                                  (1)
    y = h V + c                               (2)   the output
    v = g(y)                                  (3)   the output as the next step sees it

    dy += dv g'(y)                            (3')
    dh = dy V^T                               (2')
    dz = dh f'(z)                             (1')

y is what the layer puts out: values, or logits as the losses take them. g, the feedback activation, makes of it what
the output stands for: "identity" for values, "softmax" for classes, "sigmoid" for probabilities. In teacher forcing v
is replaced by the target, so that a wrong output does not spoil the steps after it, and no gradient flows through v.

References
----------
M. I. Jordan, "Attractor dynamics and parallelism in a connectionist sequential machine", Proc. CogSci, 1986.
R. J. Williams and D. Zipser, "A learning algorithm for continually running fully recurrent neural networks", Neural
Computation 1, 1989 (teacher forcing).
"""

from __future__ import annotations

from functools import cache

from rnnbp.activations import ActivationFunction
from rnnbp.activations import get as get_activation
from rnnbp.cells.cell import Cell, Product, Pullback, Stage, Step
from rnnbp.cells.elman import activation_step
from rnnbp.configuration import whole_number

__all__ = ["JordanCell"]


@cache
def feedback_step(feedback: ActivationFunction) -> tuple[Step, Pullback]:
    """Return the step v = g(y) of a feedback activation g, and its pullback."""
    g, g_pullback = feedback.value, feedback.pullback

    def step(blocks, inputs):
        (y,) = blocks  # 2
        v = g(y)  # 3
        return (y,), (y, v)

    def pullback(saved, inputs, outputs, d_outputs):
        (y, v), (dy, dv) = outputs, d_outputs
        dy = dy + g_pullback(dv, y, v)  # 3'
        return (dy,), ()  # 2' is the product's own

    return step, pullback


class JordanCell(Cell):
    """h = f(x W + g(y') U + b), y = h V + c.

    Parameters
    ----------
    n_inputs, n_hidden, n_outputs : int
        I, H and the width of y.
    activation, feedback_activation : str, default "tanh" and "identity"
        The names of f and g.

    See Also
    --------
    rnnbp.layers.Jordan

    Examples
    --------
    >>> cell = JordanCell(3, 4, 2)
    >>> cell.states, cell.output, cell.width("y")
    (('v',), 'y', 2)
    """

    blocks = ("h", "y")
    states = ("v",)
    output = "y"
    teacher_forced = "v"
    input = Product("input_weight", "x", into=("h",), bias="bias")

    def __init__(
        self,
        n_inputs: int,
        n_hidden: int,
        n_outputs: int,
        *,
        activation: str = "tanh",
        feedback_activation: str = "identity",
    ) -> None:
        super().__init__(n_inputs, n_hidden)
        self.n_outputs = whole_number("n_outputs", n_outputs)
        hidden, feedback = get_activation(activation), get_activation(feedback_activation)
        hidden_step, hidden_pullback = activation_step(hidden)
        output_step, output_pullback = feedback_step(feedback)
        self.stages = (
            Stage(
                (Product("recurrent_weight", "v", into=("h",)),),
                blocks=("h",),
                outputs=("h",),
                step=hidden_step,
                pullback=hidden_pullback,
                elementwise=hidden.elementwise,
            ),
            Stage(
                (Product("output_weight", "h", into=("y",), bias="output_bias", lag=0),),
                blocks=("y",),
                outputs=("y", "v"),
                step=output_step,
                pullback=output_pullback,
                elementwise=feedback.elementwise,
            ),
        )

    def width(self, name: str) -> int:
        """Return the width of a block or variable, or of the input ``"x"``."""
        return self.n_outputs if name in ("y", "v") else super().width(name)
