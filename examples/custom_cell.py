"""A recurrent cell of one's own: the minimal gated unit, from its equations to a trained network.

The minimal gated unit (Zhou et al. 2016) is a GRU with a single gate::

    f = sigmoid(x W_f + h' U_f + b_f)         (1)
    q = f h'                                  (2)
    n = tanh(x W_n + q U_n + b_n)             (3)
    h = (1 - f) h' + f n                      (4)

It is not a part of rnnbp. All that it takes is its forward equations: an elementwise step for each stage, and which
products feed which pre-activations. The pullbacks are derived from the steps. The script checks the gradient by finite
differences, compares the derived pullbacks with some that are written by hand (`ByHand`, to be read), lets the compiled
run answer for itself against the NumPy run, and trains the cell on the adding problem: of two numbers among many,
marked by a second input, give the sum. A constant's mean squared error is 1/6.
"""

import argparse
import time

import numpy as np

import rnnbp
from rnnbp import datasets, layers, losses, optimizers
from rnnbp.cells import Cell, Product, Stage
from rnnbp.gradients import BPTT
from rnnbp.kernels.elementwise import sigmoid, tanh


def forget(blocks, inputs):
    (z_f,), (h,) = blocks, inputs
    f = sigmoid(z_f)  # 1
    return f, f * h  # 2


def update(blocks, inputs):
    (z_n,), (h, f) = blocks, inputs
    return (h + f * (tanh(z_n) - h),)  # 3, 4


GATE, CANDIDATE = Product("recurrent_weight", "h", into=("f",)), Product("recurrent_weight", "q", into=("n",), lag=0)


class MinimalGatedCell(Cell):
    """Its state is h; f and q go from the first stage of a step to the second."""

    blocks, states = ("f", "n"), ("h",)
    input = Product("input_weight", "x", into=("f", "n"), bias="bias")
    stages = (
        Stage((GATE,), blocks=("f",), reads=("h",), outputs=("f", "q"), step=forget),
        Stage((CANDIDATE,), blocks=("n",), reads=("h",), uses=("f",), outputs=("h",), step=update),
    )


class MinimalGatedUnit(layers.Recurrent):
    """The layer around the cell: it takes all options of a recurrent layer, and can be saved and loaded."""

    def __init__(self, n_inputs, n_hidden, **options):
        super().__init__(n_inputs, n_hidden, **options)

    def make_cell(self):
        """Return the cell that the layer runs."""
        return MinimalGatedCell(self.n_inputs, self.n_hidden)


# -- the same with pullbacks by hand: each backward line names the forward line that it undoes -------------------------


def forget_step(blocks, inputs):
    (z_f,), (h_previous,) = blocks, inputs
    f = sigmoid(z_f)  # 1
    q = f * h_previous  # 2
    return (f,), (f, q)


def forget_pullback(kept, inputs, outputs, d_outputs):
    (f,), (h_previous,), (df, dq) = kept, inputs, d_outputs
    df, dh_previous = df + dq * h_previous, dq * f  # 2'
    dz_f = df * f * (1.0 - f)  # 1'
    return (dz_f,), (dh_previous,)


def update_step(blocks, inputs):
    (z_n,), (h_previous, f) = blocks, inputs
    n = tanh(z_n)  # 3
    h = h_previous + f * (n - h_previous)  # 4
    return (n,), (h,)


def update_pullback(kept, inputs, outputs, d_outputs):
    (n,), (h_previous, f), (dh,) = kept, inputs, d_outputs
    dn, df, dh_previous = dh * f, dh * (n - h_previous), dh * (1.0 - f)  # 4'
    dz_n = dn * (1.0 - n * n)  # 3'
    return (dz_n,), (dh_previous, df)


class ByHand(MinimalGatedCell):
    """What is saved between step and pullback is the author's choice here: the gate and the candidate."""

    stages = (
        Stage((GATE,), ("f",), ("f", "q"), forget_step, forget_pullback, reads=("h",)),
        Stage((CANDIDATE,), ("n",), ("h",), update_step, update_pullback, reads=("h",), uses=("f",)),
    )


class MinimalGatedUnitByHand(MinimalGatedUnit):
    """The layer around it."""

    def make_cell(self):
        """Return the cell that the layer runs."""
        return ByHand(self.n_inputs, self.n_hidden)


def difference_of_pullbacks(seed):
    """Return the largest difference between the gradients by derived pullbacks and by those that are written."""
    x, gradients = np.random.default_rng(seed).normal(size=(7, 4, 3)), []
    for layer in (MinimalGatedUnit(3, 5), MinimalGatedUnitByHand(3, 5)):
        run = rnnbp.Network([layer], dtype="float64", seed=seed).run(x)
        gradients.append(run.backward(np.cos(run.output)).theta)
    return np.abs(gradients[0] - gradients[1]).max()


def largest_error_of_gradient(seed):
    """Compare the gradient with central differences, in float64; return the largest error."""
    rng = np.random.default_rng(seed)
    net = rnnbp.Network([MinimalGatedUnit(3, 5, bidirectional=True)], dtype="float64", seed=seed)
    x, target = rng.normal(size=(7, 4, 3)), rng.normal(size=(7, 4, 10))
    loss, lengths, step = losses.MeanSquaredError(), [7, 2, 5, 1], 1e-6
    _, gradient = net.loss_and_gradient(x, target, loss, lengths)
    errors = []
    for i, value in enumerate(net.theta.copy()):
        net.theta[i] = value + step
        above, _ = net.loss_and_gradient(x, target, loss, lengths)
        net.theta[i] = value - step
        below, _ = net.loss_and_gradient(x, target, loss, lengths)
        net.theta[i] = value
        errors.append(abs((above - below) / (2 * step) - gradient[i]))
    return max(errors)


def compare_runs(seed):
    """Return how far the compiled run is from the NumPy run, and how many times as fast."""
    x = np.random.default_rng(seed).normal(size=(100, 32, 8))
    outputs, seconds = [], []
    for compiled in (False, True):
        net = rnnbp.Network([MinimalGatedUnit(8, 64, gradient=BPTT(compiled=compiled))], seed=seed)
        outputs.append(net.forward(x))
        times = []
        for _ in range(5):
            began = time.perf_counter()
            run = net.run(x)
            run.backward(run.output)
            times.append(time.perf_counter() - began)
        seconds.append(min(times))
    return np.abs(outputs[0] - outputs[1]).max(), seconds[0] / seconds[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=50, help="length of the sequences (default: %(default)s)")
    parser.add_argument("--samples", type=int, default=4000, help="training sequences (default: %(default)s)")
    parser.add_argument("--max-epochs", type=int, default=20, help="(default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="(default: %(default)s)")
    options = parser.parse_args()

    print(f"gradient: largest difference from finite differences {largest_error_of_gradient(options.seed):.1e}")
    print(f"derived pullbacks: largest difference from those by hand {difference_of_pullbacks(options.seed):.1e}")
    error, ratio = compare_runs(options.seed)
    print(f"compiled run: largest difference from the NumPy run {error:.1e}, {ratio:.1f} times as fast")

    x, y = datasets.make_adding_problem(options.samples, options.steps, random_state=options.seed)
    x_test, y_test = datasets.make_adding_problem(500, options.steps, random_state=options.seed + 1)
    net = rnnbp.Network([MinimalGatedUnit(2, 32), layers.LastStep(), layers.Dense(32, 1)], seed=options.seed)
    rnnbp.fit(
        net,
        list(x),
        y,
        loss=losses.MeanSquaredError(),
        optimizer=optimizers.Adam(5e-3, clip_norm=1.0),
        max_epochs=options.max_epochs,
        batch_size=32,
        seed=options.seed,
    )
    mse = np.mean((rnnbp.predict(net, list(x_test)) - y_test) ** 2)
    print(f"adding problem, {options.steps} steps: mean squared error {mse:.5f} (a constant's is {1 / 6:.3f})")


if __name__ == "__main__":
    main()
