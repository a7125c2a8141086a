"""Data: `load_*` reads what is installed with the library, `fetch_*` downloads, `make_*` generates from a seed.

`find_recordings`, `load_transcribed_folder` and `read_sequences` are for your own: a folder of recordings for each
class, recordings with their texts, a table of sequences.

What `fetch_*` downloads is kept in the folder that the environment variable ``RNNBP_DATA`` names, else in the user's
cache, and read from there the next time.
"""

from rnnbp.datasets.an4 import fetch_an4
from rnnbp.datasets.audio_dataset import AudioDataset
from rnnbp.datasets.connected_digits import make_connected_digits
from rnnbp.datasets.dynamics import make_mackey_glass, make_narma10
from rnnbp.datasets.folder import find_recordings
from rnnbp.datasets.fsdd import fetch_fsdd
from rnnbp.datasets.grammars import (
    ANBN_SYMBOLS,
    REBER_SYMBOLS,
    decode,
    is_reber,
    make_anbn,
    make_embedded_reber,
    make_reber,
)
from rnnbp.datasets.home import data_home
from rnnbp.datasets.long_lags import TEMPORAL_ORDER_SYMBOLS, make_adding_problem, make_copy_memory, make_temporal_order
from rnnbp.datasets.mnist import fetch_mnist
from rnnbp.datasets.models import find_model
from rnnbp.datasets.series import fetch_santafe_laser, fetch_sunspots, fetch_tinyshakespeare
from rnnbp.datasets.shapes import make_control_charts, make_cylinder_bell_funnel, make_two_patterns
from rnnbp.datasets.shipped import load_spoken_digits
from rnnbp.datasets.table import SequenceTable, read_sequences
from rnnbp.datasets.transcribed_dataset import TranscribedDataset
from rnnbp.datasets.transcribed_folder import load_transcribed_folder

__all__ = [
    "ANBN_SYMBOLS",
    "REBER_SYMBOLS",
    "TEMPORAL_ORDER_SYMBOLS",
    "AudioDataset",
    "SequenceTable",
    "TranscribedDataset",
    "data_home",
    "decode",
    "fetch_an4",
    "fetch_fsdd",
    "fetch_mnist",
    "fetch_santafe_laser",
    "fetch_sunspots",
    "fetch_tinyshakespeare",
    "find_model",
    "find_recordings",
    "is_reber",
    "load_spoken_digits",
    "load_transcribed_folder",
    "make_adding_problem",
    "make_anbn",
    "make_connected_digits",
    "make_control_charts",
    "make_copy_memory",
    "make_cylinder_bell_funnel",
    "make_embedded_reber",
    "make_mackey_glass",
    "make_narma10",
    "make_reber",
    "make_temporal_order",
    "make_two_patterns",
    "read_sequences",
]


def __dir__() -> list[str]:
    return __all__
