"""The project's NumPy path: the text that the compiled loops are compiled from, run as it stands."""

from functools import partial

from benchmarks.contestants import own
from benchmarks.tasks import Recurrent

TASKS = {Recurrent: partial(own.recurrent, compiled=False)}
