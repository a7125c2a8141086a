"""Features are computed where nothing can be kept: without a home, a cache folder, or space."""

import subprocess
import sys

import pytest

from rnnbp.audio import librosa_import

SCRIPT = """
import sys
import numpy as np
from numba.core.dispatcher import Dispatcher
from numba.np.ufunc.ufuncbuilder import UFuncDispatcher

asked = []

def enable_caching(self):
    asked.append(self)
    raise {error}

if "kept" not in sys.argv:
    Dispatcher.enable_caching = UFuncDispatcher.enable_caching = enable_caching
from rnnbp.audio.spectral import mel_filterbank
print(float(mel_filterbank(8000, 512, 20, 0.0, 4000.0).sum()).hex())
if "kept" not in sys.argv:
    assert asked, "librosa asks for no cache: this test shows nothing"
    import numba
    assert numba.jit.__module__.startswith("numba")  # its decorators are its own again
"""


def start(error, *arguments):
    strict = ["-W", "error", "-W", "ignore::DeprecationWarning"]  # of older versions of others
    command = [sys.executable, *strict, "-c", SCRIPT.format(error=error), *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.mark.parametrize(
    "error", ["RuntimeError('no locator available')", "OSError(28, 'No space left on device')", "EOFError('truncated')"]
)
def test_librosa_is_imported_where_numba_can_keep_nothing(error):
    assert start(error) == start(error, "kept")


def test_what_is_not_installed_is_said_as_ever():
    with pytest.raises(ModuleNotFoundError, match=r"librosa\.nothing"):
        librosa_import.import_librosa("librosa.nothing")
