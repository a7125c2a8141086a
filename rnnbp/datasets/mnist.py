"""The MNIST database of handwritten digits, by Yann LeCun, Corinna Cortes and Christopher Burges."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from rnnbp.datasets.home import Source, check_sha256, fetch
from rnnbp.names import explained

__all__ = ["SOURCE", "fetch_mnist", "read_arrays"]

SOURCE = Source(
    name="MNIST",
    url="https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz",
    location="mnist/mnist.npz",
)


class _Array(NamedTuple):
    name: str
    shape: tuple[int, ...]
    sha256: str


# The arrays in the order of `train_test_split`, each with the SHA-256 of the file (train-images-idx3-ubyte and so
# on) that MNIST was first published in. An .npz file can pack the same numbers in many ways; these do not change.
ARRAYS = (
    _Array("x_train", (60000, 28, 28), "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
    _Array("x_test", (10000, 28, 28), "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
    _Array("y_train", (60000,), "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
    _Array("y_test", (10000,), "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
)

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]


@explained
def fetch_mnist() -> tuple[Images, Images, Labels, Labels]:
    """Load MNIST [1]_: 70000 handwritten digits, in the official split.

    Read from ``mnist/mnist.npz`` in the folder that the environment variable ``RNNBP_DATA`` names, else in the
    user's cache, after downloading it (11 MB) if it is not there. Licence: CC BY-SA 3.0.

    Returns
    -------
    X_train : ndarray of shape (60000, 28, 28)
        Images of 28 rows of 28 pixels, uint8: ink is 255 and paper 0. Divide by 255 for a network; read as
        ``(N, T, F)`` they are sequences of 28 rows.
    X_test : ndarray of shape (10000, 28, 28)
        By other writers.
    y_train : ndarray of shape (60000,)
        The digits, int64.
    y_test : ndarray of shape (10000,)
        The digits, int64.

    Raises
    ------
    ValueError
        The file found is not MNIST.
    ConnectionError
        It could not be downloaded; the message says what to do.
    FileNotFoundError
        ``RNNBP_DATA`` names no folder.

    References
    ----------
    .. [1] Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, "Gradient-based learning applied to document
       recognition", Proceedings of the IEEE 86(11), 1998.

    Examples
    --------
    >>> x_train, x_test, y_train, y_test = fetch_mnist()  # doctest: +SKIP
    >>> x_train.shape, y_test.shape  # doctest: +SKIP
    ((60000, 28, 28), (10000,))
    """
    return fetch(SOURCE, read_arrays)


def read_arrays(path: Path) -> tuple[Images, Images, Labels, Labels]:
    """Read the .npz file; raises ValueError unless it holds exactly MNIST."""
    try:
        with open(path, "rb") as file:
            content = np.load(file, allow_pickle=False)
            arrays = {array.name: np.asarray(content[array.name]) for array in ARRAYS}
    except (OSError, EOFError, ValueError, LookupError, TypeError, BadZipFile, zlib.error) as error:
        raise ValueError(
            f"it cannot be read as an .npz file of {', '.join(a.name for a in ARRAYS)}: {error}"
        ) from error
    for expected in ARRAYS:
        found = arrays[expected.name]
        if found.shape != expected.shape or found.dtype != np.uint8:
            raise ValueError(
                f"{expected.name} is {found.dtype} of shape {found.shape}, where uint8 of {expected.shape} is expected"
            )
        try:
            check_sha256(_idx_header(found) + found.tobytes(), expected.sha256)
        except ValueError as error:
            raise ValueError(f"{expected.name} is not what MNIST has: {error}") from error
    x_train, x_test, y_train, y_test = arrays.values()
    return x_train, x_test, y_train.astype(np.int64), y_test.astype(np.int64)


def _idx_header(array: Images) -> bytes:
    """First bytes of an IDX file of uint8: two zeros, the type, the number of axes, then each axis's length."""
    return struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
