"""Recurrent backpropagation in the original sense (Almeida 1987, Pineda 1987): pictures are completed by settling.

Half of a handwritten digit is shown, the other half is hidden. The network is recurrent, but there is no time: the
input is held, and the state relaxes until it no longer changes. What it then puts out is the whole picture::

    h <- tanh(x W + h U + b)   until h = h*              x: the pixels that are seen, 0 elsewhere, and which ones are
    picture = h* V + c

Training compares that with the true picture. The error relaxes in its turn, backwards through the same connections
(e <- dL/dh* + J^T e, J the derivative of one step at h*), and the settled error gives the gradient. Neither needs any
of the states on the way: the result is what backpropagation through time gives after many steps of the same input, at
the memory of one. The last lines printed compare the two.

Shown are the mean squared errors of the hidden pixels, for pictures that were not learnt from: of the mean picture, of
the hidden half of the picture in the training set that is most like the visible half, of the network after one step and
after it has settled, and of a static network with as many units that is trained in the same way.

    python examples/fixed_point.py --figure fixed_point.png
"""

import argparse

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import rnnbp
from rnnbp import layers, losses, optimizers, plotting
from rnnbp.gradients import BPTT, FixedPoint
from rnnbp.initializers import Identity
from rnnbp.optimizers import schedules

TEXT = BPTT(compiled=False)  # as NumPy: a few steps are not worth compiling
SIDE, N_HIDDEN = 8, 64
N_PIXELS = SIDE * SIDE
SHOWN_AFTER = (1, 2, 4)  # iterations, in the figure
HALVES = np.zeros((4, SIDE, SIDE))  # 1 where pixels can be seen
HALVES[0, : SIDE // 2] = HALVES[1, SIDE // 2 :] = HALVES[2, :, : SIDE // 2] = HALVES[3, :, SIDE // 2 :] = 1
HALVES = HALVES.reshape(4, N_PIXELS)


def hide(pictures, mean, rng):
    """Return what the network is shown of pictures (N, 64), and which pixels those are."""
    seen = HALVES[rng.integers(len(HALVES), size=len(pictures))]
    return np.hstack([(pictures - mean) * seen, seen - 0.5]), seen


def settling(gradient):
    """Return the recurrent network: a layer that feeds back to itself, and one that reads the picture from it."""
    units = layers.Elman(2 * N_PIXELS, N_HIDDEN, recurrent_initializer=Identity(0.3), gradient=gradient)
    return [units, layers.Dense(N_HIDDEN, N_PIXELS)]


def static():
    """Return a network of as many units that do not feed back."""
    return [layers.Dense(2 * N_PIXELS, N_HIDDEN), layers.Activation("tanh"), layers.Dense(N_HIDDEN, N_PIXELS)]


def train(stack, x, target, arguments):
    """Return a network of these layers, trained to put out the whole picture, and what it took."""
    net = rnnbp.Network(stack, seed=arguments.seed)
    history = rnnbp.fit(
        net,
        x,
        target,
        loss=losses.MeanSquaredError(),
        optimizer=optimizers.Adam(schedules.one_cycle(1e-2, arguments.max_epochs), clip_norm=1.0),
        max_epochs=arguments.max_epochs,
        batch_size=64,
        seed=arguments.seed,
    )
    return net, sum(history.seconds)


def unrolled(net, x, n_steps):
    """Return the network's pictures after each of some steps from 0, the input being held; shape (n_steps, N, 64)."""
    twin = rnnbp.Network(settling(TEXT))
    twin.theta = net.theta
    return twin.forward(np.repeat(x[None], n_steps, axis=0))


def most_alike(pictures, seen, learnt):
    """Return, for each picture, the one of those learnt that differs least where it is seen."""
    distance = seen @ (learnt**2).T - 2 * (pictures * seen) @ learnt.T
    return learnt[distance.argmin(axis=1)]


def relaxations(net, x, target):
    """Return the residuals of both relaxations, and how far their gradient is from BPTT's after many held steps."""
    exact = rnnbp.Network(settling(FixedPoint(1e-12, 5000)), dtype="float64")
    exact.theta = net.theta
    forward = exact.run(x)
    _, d_output = losses.MeanSquaredError()(forward.output, target)
    gradient = forward.backward(d_output).theta
    (run,) = forward.saved[0].runs
    state, error = run.state_residuals, run.error_residuals

    unit, read = settling(TEXT)
    twin = rnnbp.Network([unit, layers.LastStep(), read], dtype="float64")
    twin.theta = net.theta
    held = np.repeat(x[None], len(state) + len(error), axis=0)
    _, through_time = twin.loss_and_gradient(held, target, losses.MeanSquaredError())
    print(f"\non {len(x)} pictures the state settles in {len(state)} iterations, the error in {len(error)}, to 1e-12;")
    difference = np.linalg.norm(gradient - through_time) / np.linalg.norm(through_time)
    print(f"the gradient differs by {difference:.0e} from that of backpropagation through {len(held)} steps of time")
    return state, error


def draw(pictures, residuals, path):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.2), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1, 1.35))
    ax = left.subplots()
    for name, values, style in zip(("the state", "the error"), residuals, ("-", "--"), strict=True):
        ax.semilogy(np.arange(1, len(values) + 1), values, style, label=name)
    ax.set(xlabel="iteration", ylabel="residual", title="Both relaxations")
    ax.legend(frameon=False)
    plotting.axes.plain_frame(ax)
    grid = right.subplots(len(pictures), len(next(iter(pictures.values()))))
    for row, (name, images) in zip(grid, pictures.items(), strict=True):
        for cell, image in zip(row, images, strict=True):
            cell.imshow(image.reshape(SIDE, SIDE), cmap="Greys", vmin=0, vmax=1)
            cell.set(xticks=[], yticks=[])
        row[0].set_ylabel(name, rotation=0, ha="right", va="center")
    figure.savefig(path, dpi=120)
    print(f"wrote {path}")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--max-epochs", type=int, default=8, metavar="N", help="(default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of weights, halves and batches (default: %(default)s)")
    parser.add_argument(
        "--figure", type=plotting.figure_path, metavar="FILE", help="draw relaxations and pictures into this file"
    )
    arguments = parser.parse_args()
    if arguments.max_epochs < 1:
        parser.error(f"--max-epochs must be at least 1, but {arguments.max_epochs} was given")
    return arguments


def main():
    arguments = parse_arguments()
    rng = np.random.default_rng(arguments.seed)
    data = load_digits()
    learnt, test, _, digits = train_test_split(data.data / 16, data.target, stratify=data.target, random_state=0)
    mean = learnt.mean(axis=0)
    repeated = np.tile(learnt, (4, 1))  # with other halves each time
    x_train, _ = hide(repeated, mean, rng)
    x_test, seen = hide(test, mean, rng)

    net, seconds = train(settling(FixedPoint(1e-5)), x_train, repeated - mean, arguments)
    without, static_seconds = train(static(), x_train, repeated - mean, arguments)
    settled = rnnbp.predict(net, x_test) + mean
    steps = unrolled(net, x_test, max(SHOWN_AFTER)) + mean

    def error(completed):
        return float(np.sum((completed - test) ** 2 * (1 - seen)) / np.sum(1 - seen))

    print("mean squared error of the hidden pixels")
    print(f"the mean picture           {error(mean):.4f}")
    print(f"the picture most alike     {error(most_alike(test, seen, learnt)):.4f}")
    print(f"the network after one step {error(steps[0]):.4f}")
    print(f"the network, settled       {error(settled):.4f}   trained in {seconds:.1f} s")
    print(f"a static network           {error(rnnbp.predict(without, x_test) + mean):.4f}   in {static_seconds:.1f} s")

    residuals = relaxations(net, x_test[:64], test[:64] - mean)
    if arguments.figure:
        chosen = [int(np.argmax(digits == digit)) for digit in range(10)]
        pictures = {"seen": (test * seen)[chosen]}
        pictures |= {f"after {k} step{'s' * (k > 1)}": steps[k - 1][chosen] for k in SHOWN_AFTER}
        draw(pictures | {"settled": settled[chosen], "true": test[chosen]}, residuals, arguments.figure)


if __name__ == "__main__":
    main()
