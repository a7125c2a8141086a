"""Three small, much used sequences: sunspots, a chaotic laser, and Shakespeare's letters."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rnnbp.datasets.home import Source, check_sha256, fetch
from rnnbp.names import explained

__all__ = ["LASER", "SHAKESPEARE", "SUNSPOTS", "fetch_santafe_laser", "fetch_sunspots", "fetch_tinyshakespeare"]

SUNSPOTS = Source(
    name="the yearly sunspot numbers",
    url="https://raw.githubusercontent.com/statsmodels/statsmodels/v0.14.4/statsmodels/datasets/sunspots/sunspots.csv",
    location="series/sunspots.csv",
)
LASER = Source(
    name="the Santa Fe laser",
    url=(
        "https://raw.githubusercontent.com/reservoirpy/reservoirpy/0af79a4148503cdb5c15afeabde2e96ac3d59470"
        "/reservoirpy/datasets/santafe_laser.npy"
    ),
    location="series/santafe_laser.npy",
)
SHAKESPEARE = Source(
    name="Tiny Shakespeare",
    url=(
        "https://raw.githubusercontent.com/karpathy/char-rnn/6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e"
        "/data/tinyshakespeare/input.txt"
    ),
    location="text/tinyshakespeare.txt",
)

SUNSPOTS_SHA256 = "f67889b1d9002cd5227f0e0ef54e35b419cdd85a31279adef6f73fb41e5c0a9b"
LASER_SHA256 = "cc4ace0cb515b4feb5f70ac3998ebe0db1c9eb2708cebdee4b554eb997c91003"  # of its numbers as int64
SHAKESPEARE_SHA256 = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"


@explained
def fetch_sunspots() -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Load the mean number of sunspots of each year from 1700 to 2008.

    Read from ``series/sunspots.csv`` in the folder that the environment variable ``RNNBP_DATA`` names, else in the
    user's cache, after downloading it if it is not there. Public domain.

    Returns
    -------
    years : ndarray of shape (309,)
        1700 to 2008.
    numbers : ndarray of shape (309,)
        Between 0 and 190.2. Forecasters since [1]_ train on 1700 to 1920 and test on 1921 to 1955.

    Raises
    ------
    ValueError
        The file found is another one.
    ConnectionError
        It could not be downloaded; the message says what to do.
    FileNotFoundError
        ``RNNBP_DATA`` names no folder.

    References
    ----------
    .. [1] A. S. Weigend, B. A. Huberman and D. E. Rumelhart, "Predicting the future: a connectionist approach",
       International Journal of Neural Systems 1(3), 1990.

    See Also
    --------
    fetch_santafe_laser

    Examples
    --------
    >>> years, numbers = fetch_sunspots()  # doctest: +SKIP
    >>> years[[0, -1]]  # doctest: +SKIP
    array([1700, 2008])
    """
    return fetch(SUNSPOTS, _read_sunspots)


@explained
def fetch_santafe_laser() -> NDArray[np.int64]:
    """Load series A of the Santa Fe time series competition [1]_: the intensity of a chaotic infrared laser.

    Read from ``series/santafe_laser.npy`` in the folder that the environment variable ``RNNBP_DATA`` names, else in
    the user's cache, after downloading it if it is not there.

    Returns
    -------
    ndarray of shape (10093,)
        Whole numbers from 0 to 255. The competition gave the first 1000 and asked for the next 100.

    Raises
    ------
    ValueError
        The file found is another one.
    ConnectionError
        It could not be downloaded; the message says what to do.
    FileNotFoundError
        ``RNNBP_DATA`` names no folder.

    References
    ----------
    .. [1] A. S. Weigend and N. A. Gershenfeld (editors), "Time Series Prediction: Forecasting the Future and
       Understanding the Past", Addison-Wesley, 1993.

    See Also
    --------
    fetch_sunspots

    Examples
    --------
    >>> fetch_santafe_laser()[:5]  # doctest: +SKIP
    array([ 86, 141,  95,  41,  22])
    """
    return fetch(LASER, _read_laser)


@explained
def fetch_tinyshakespeare() -> str:
    """Load 1115394 characters of Shakespeare's plays, as A. Karpathy's char-rnn [1]_ did.

    Read from ``text/tinyshakespeare.txt`` in the folder that the environment variable ``RNNBP_DATA`` names, else in
    the user's cache, after downloading it (1 MB) if it is not there. Public domain.

    Returns
    -------
    str
        Text with 65 different characters. It is usual to train on the first 90 % and to test on the rest.

    Raises
    ------
    ValueError
        The file found is another one.
    ConnectionError
        It could not be downloaded; the message says what to do.
    FileNotFoundError
        ``RNNBP_DATA`` names no folder.

    References
    ----------
    .. [1] A. Karpathy, "The unreasonable effectiveness of recurrent neural networks", 2015.
       https://karpathy.github.io/2015/05/21/rnn-effectiveness/

    Examples
    --------
    >>> fetch_tinyshakespeare()[:14]  # doctest: +SKIP
    'First Citizen:'
    """
    return fetch(SHAKESPEARE, _read_shakespeare)


def _read_sunspots(path: Path) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    check_sha256(path.read_bytes(), SUNSPOTS_SHA256)
    years, numbers = np.loadtxt(path, delimiter=",", skiprows=1, unpack=True)
    return years.astype(np.int64), numbers


def _read_laser(path: Path) -> NDArray[np.int64]:
    try:
        with open(path, "rb") as file:
            series = np.asarray(np.load(file, allow_pickle=False)).astype("<i8").ravel()
    except (OSError, EOFError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise ValueError(f"it cannot be read as an .npy file of numbers: {error}") from error
    check_sha256(series.tobytes(), LASER_SHA256)
    return series


def _read_shakespeare(path: Path) -> str:
    content = path.read_bytes()
    check_sha256(content, SHAKESPEARE_SHA256)
    return content.decode("ascii")
