"""Optical character recognition: a static network reads handwritten digits, and shows what each layer makes of them.

Images are turned to grey, framed and brought to one size, and go as one vector of pixels through a multi-layer
perceptron, which learns by backpropagation of the cross-entropy::

    h = relu(x W1 + b1)        z = h W2 + b2        P(digit) = softmax(z)

By default it learns from scikit-learn's images (1797 of 8 x 8 pixels), which takes seconds; MNIST's (70000 of 28 x 28)
take a minute or two, and make it a better reader of one's own handwriting.

    python examples/handwritten_digits.py --figure activations.png
    python examples/handwritten_digits.py --dataset mnist --image my_seven.png my_three.jpg
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import rnnbp
from rnnbp import activations, datasets, layers, metrics, optimizers, plotting
from rnnbp.optimizers import schedules

# How the makers of each data set framed a digit: the side of the image, in heights of the digit.
FRAME = {"digits": 1.0, "mnist": 28 / 20}
SETTINGS = {
    "digits": {"hidden_units": 144, "rate": 1e-2, "max_epochs": 30, "batch_size": 32},
    "mnist": {"hidden_units": 256, "rate": 4e-3, "max_epochs": 10, "batch_size": 128},
}


def load_images(name, seed):
    """Return train images, test images (N, height, width), with ink 1 on paper 0, train digits and test digits."""
    if name == "mnist":
        train_images, test_images, train_digits, test_digits = datasets.fetch_mnist()
        return train_images / np.float32(255), test_images / np.float32(255), train_digits, test_digits
    data = load_digits()
    return train_test_split(data.images / 16, data.target, test_size=0.25, stratify=data.target, random_state=seed)


def resize(images, size):
    """Return images of size x size pixels; a new pixel is the mean of the old ones that it covers.

    Means along one axis are a matrix product, with the shares that new pixels have in old ones.
    """

    def shares(n_pixels):
        edges, old = np.linspace(0, n_pixels, size + 1), np.arange(n_pixels)
        overlap = np.minimum(edges[1:, None], old + 1) - np.maximum(edges[:-1, None], old)
        return (overlap.clip(min=0) * size / n_pixels).astype(images.dtype)

    height, width = images.shape[-2:]
    return shares(height) @ images @ shares(width).T


def read_image(path, *, size, frame):
    """Return a picture of a digit as the data set would show it: (size, size), with ink 1 on paper 0."""
    from PIL import Image, ImageOps

    try:
        picture = ImageOps.exif_transpose(Image.open(path)).convert("RGBA")
    except OSError as error:
        raise SystemExit(f"error: {path} is no picture that can be read: {error}") from None
    white = Image.new("RGBA", picture.size, "white")  # behind what is transparent
    grey = np.asarray(Image.alpha_composite(white, picture).convert("L")) / 255
    paper = np.median(np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]]))
    ink = (paper - grey if paper > 0.5 else grey - paper).clip(min=0)  # inverted if the background is light
    if ink.max() < 0.1:
        raise SystemExit(f"error: {path}: there is nothing to read, all of it looks like its border")
    ink = np.where(ink > 0.3 * ink.max(), ink / ink.max(), 0)  # shadows on the paper are no ink

    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    digit = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    side = round(frame * max(digit.shape))
    # MNIST's makers put a digit's centre of mass into the middle
    centre = [np.average(np.arange(n), weights=digit.sum(axis=1 - axis)) for axis, n in enumerate(digit.shape)]
    first = [int(np.clip(round((side - 1) / 2 - c), 0, side - n)) for c, n in zip(centre, digit.shape, strict=True)]
    square = np.zeros((side, side))
    square[tuple(slice(i, i + n) for i, n in zip(first, digit.shape, strict=True))] = digit
    small = resize(square, size)
    return small / small.max()


def layer_outputs(net, images):
    """Return what each layer puts out for some images, by name.

    The parameters of all layers lie in one vector in their order, so the first k layers are a network whose parameters
    are the beginning of that vector.
    """
    outputs = {"image": images}
    for k, layer in enumerate(net.layers, start=1):
        if isinstance(layer, layers.Dropout):
            continue  # in use it does nothing
        beginning = rnnbp.Network(net.layers[:k])
        beginning.theta[:] = net.theta[: beginning.theta.size]
        outputs[f"{layer}"] = beginning.forward(images.reshape(len(images), -1))
    return outputs | {"softmax": probabilities(net, images)}


def probabilities(net, images):
    """Return the probability of each digit, (N, 10); the network itself puts out logits."""
    return activations.get("softmax").value(rnnbp.predict(net, images.reshape(len(images), -1)))


def draw(net, images, names, path):
    from matplotlib.figure import Figure

    outputs = layer_outputs(net, images)
    figure = Figure(figsize=(1.5 * len(outputs) + 0.6, 1.25 * len(images) + 0.5), layout="constrained")
    plotting.layer_activations(outputs, row_names=names, unit_names="0123456789", figure=figure)
    figure.savefig(path, dpi=120)
    print(f"wrote {path}")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", choices=SETTINGS, default="digits", help="(default: %(default)s)")
    parser.add_argument("--size", type=int, metavar="PIXELS", help="resize all images to this (default: as they are)")
    parser.add_argument("--max-epochs", type=int, metavar="N", help="(default: 30, MNIST: 10)")
    parser.add_argument("--seed", type=int, default=0, help="of weights, shuffling and split (default: %(default)s)")
    parser.add_argument("--image", type=Path, nargs="+", default=[], metavar="FILE", help="pictures of digits, to read")
    parser.add_argument(
        "--figure", type=plotting.figure_path, metavar="FILE", help="draw every layer's activations into this file"
    )
    arguments = parser.parse_args()
    for name in ("size", "max_epochs"):
        value = getattr(arguments, name)
        if value is not None and value < 1:
            parser.error(f"--{name.replace('_', '-')} must be at least 1, but {value} was given")
    for path in arguments.image:
        if not path.is_file():
            parser.error(f"there is no file {path}")
    return arguments


def main():
    arguments = parse_arguments()
    settings = SETTINGS[arguments.dataset]
    max_epochs = arguments.max_epochs or settings["max_epochs"]
    try:
        x_train, x_test, digit_train, digit_test = load_images(arguments.dataset, arguments.seed)
    except (OSError, ValueError) as error:  # they are downloaded
        raise SystemExit(f"error: {error}") from None
    size = arguments.size or x_train.shape[1]
    if size != x_train.shape[1]:
        x_train, x_test = resize(x_train, size), resize(x_test, size)

    pictures = [read_image(path, size=size, frame=FRAME[arguments.dataset]) for path in arguments.image]

    net = rnnbp.Network(
        [
            layers.Dense(size * size, settings["hidden_units"]),
            layers.Activation("relu"),
            layers.Dropout(0.2),  # while it learns; in use it does nothing
            layers.Dense(settings["hidden_units"], 10),
        ],
        seed=arguments.seed,
    )
    history = rnnbp.fit(
        net,
        x_train.reshape(len(x_train), -1),
        digit_train,
        loss="cross_entropy",
        optimizer=optimizers.Adam(schedules.one_cycle(settings["rate"], max_epochs)),
        max_epochs=max_epochs,
        batch_size=settings["batch_size"],
        seed=arguments.seed,
    )
    print(f"{len(x_train)} images of {size} x {size} pixels, {net.theta.size} parameters")
    print(
        f"{len(history)} epochs in {sum(history.seconds):.1f} s, loss {history.loss[0]:.3f} -> {history.loss[-1]:.3f}"
    )
    print(f"test accuracy {metrics.accuracy(digit_test, probabilities(net, x_test)):.4f}  ({len(x_test)} images)")

    if pictures:
        shown = np.stack(pictures)
        names = [path.name for path in arguments.image]
        for path, p in zip(arguments.image, probabilities(net, shown), strict=True):
            first, second = np.argsort(p)[:-3:-1]
            print(f"{path}: {first} ({p[first]:.0%}), or {second} ({p[second]:.0%})")
    else:
        shown = np.stack([x_test[np.argmax(digit_test == digit)] for digit in range(10)])
        names = list("0123456789")
    if arguments.figure:
        draw(net, shown, names, arguments.figure)


if __name__ == "__main__":
    main()
