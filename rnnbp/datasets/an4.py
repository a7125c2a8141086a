"""CMU's AN4 ("census"): people who spell names and addresses, and say numbers and commands."""

from __future__ import annotations

import gzip
import os
import re
import tarfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np

from rnnbp.configuration import shown
from rnnbp.datasets.home import Source, fetch
from rnnbp.datasets.transcribed_dataset import TranscribedDataset
from rnnbp.names import explained

__all__ = ["fetch_an4"]

SAMPLE_RATE = 16000
N_UTTERANCES = {"train": 948, "test": 130}
PLACES = (("flac", ".flac"), ("wav", ".sph"), ("wav", ".wav"))  # of the sound: as it is kept, and as CMU packs it
TOP = ("LICENSE", "README", "README.md", "COPYING")

DESCRIPTION = """\
CMU AN4, recorded at Carnegie Mellon University in 1991 with a close-talking microphone at 16 kHz: people spell out
names and addresses, say dates and numbers, and give commands of a few words. Utterances whose names begin with "cen9"
are left out, as in the published archive.

The official split trains on 948 utterances of 74 speakers and tests on 130 of 10 others (773 words). 26 of the 130 test
sentences occur in the training texts, too; two words of the test, NOVEMBER and THIRTEEN, never do. Texts are capital
letters and spaces.

Licence: free for any use; redistribution must keep the notice (BSD style; see LICENSE beside the data).
A. Acero, "Acoustical and environmental robustness in automatic speech recognition", Kluwer 1993;
http://www.speech.cs.cmu.edu/databases/an4/.
"""


@explained
def fetch_an4(subset: Literal["train", "test", "all"] = "train") -> TranscribedDataset:
    """Load CMU AN4 [1]_: 1078 utterances of spelt words, numbers and commands, with what is said in them.

    Read from ``an4/`` in the folder that the environment variable ``RNNBP_DATA`` names, else in the user's cache, after
    downloading it (about 64 MB) if it is not there. There, ``etc/`` holds lists and texts, and ``flac/`` or ``wav/``
    the sound.

    Parameters
    ----------
    subset : {"train", "test", "all"}, default="train"
        The official split: 948 utterances train and 130, of other speakers, test.

    Returns
    -------
    TranscribedDataset
        With ``waves``, ``text``, ``speaker`` and ``sample_rate`` (16 kHz), in the order of the official lists.

    Raises
    ------
    ValueError
        The subset is not one of those, or what was found is not all of AN4; all that is missing is named.
    ConnectionError
        It could not be downloaded; the message says what to do.
    FileNotFoundError
        ``RNNBP_DATA`` names no folder.

    References
    ----------
    .. [1] A. Acero, "Acoustical and environmental robustness in automatic speech recognition", Kluwer 1993.
       http://www.speech.cs.cmu.edu/databases/an4/

    Examples
    --------
    >>> from rnnbp import datasets
    >>> heard = datasets.fetch_an4("test")                                   # doctest: +SKIP
    >>> heard.speaker[0], heard.text[0]                                      # doctest: +SKIP
    ('fcaw', 'RUBOUT G M E F THREE NINE')
    """
    if subset not in ("train", "test", "all"):
        raise ValueError(f"subset must be 'train', 'test' or 'all', but {shown(subset)} was given")
    return fetch(SOURCE, lambda folder: read_utterances(folder, subset))


def read_utterances(folder: Path, subset: str) -> TranscribedDataset:
    """Read a part of the set; ValueError unless all of both parts is there (sound is decoded of this part only)."""
    parts = {part: _listed(folder, part) for part in N_UTTERANCES}
    files = {name: _sound_of(folder, name) for listed in parts.values() for name in listed}
    if missing := [name for name, path in files.items() if path is None]:
        raise ValueError(f"{len(missing)} of {len(files)} recordings are missing: {', '.join(missing)}")
    chosen = {name: text for part in N_UTTERANCES if subset in (part, "all") for name, text in parts[part].items()}
    return TranscribedDataset(
        waves=[_decoded(files[name]) for name in chosen],
        text=list(chosen.values()),
        speaker=np.array([PurePosixPath(name).parent.name for name in chosen]),
        names=np.array([PurePosixPath(name).name for name in chosen]),
        sample_rate=SAMPLE_RATE,
        DESCR=DESCRIPTION,
    )


def _listed(folder: Path, part: str) -> dict[str, str]:
    """Return the text of each utterance of a part, by its name with its folders."""
    lines = {}
    for kind in ("fileids", "transcription"):
        path = folder / "etc" / f"an4_{part}.{kind}"
        try:
            lines[kind] = path.read_text(encoding="ascii").split("\n")
        except OSError:
            raise ValueError(f"etc/{path.name} is missing, or is not a file that can be read") from None
        except UnicodeDecodeError:
            raise ValueError(f"etc/{path.name} is damaged: it is not ASCII text") from None
    names = [line.strip() for line in lines["fileids"] if line.strip()]
    if len(set(names)) != N_UTTERANCES[part]:
        raise ValueError(
            f"etc/an4_{part}.fileids must list {N_UTTERANCES[part]} different utterances, but lists {len(set(names))}"
        )
    texts = {}
    for number, line in enumerate(lines["transcription"], 1):
        found = re.fullmatch(r"(?:<s> )?([A-Z]+(?: [A-Z]+)*) *(?:</s>)? *\(([\w-]+)\)\s*", line)
        if found is None and line.strip():
            raise ValueError(f"line {number} of etc/an4_{part}.transcription is damaged: {line!r}")
        if found is not None:
            texts[found[2]] = found[1]
    if unsaid := [name for name in names if PurePosixPath(name).name not in texts]:
        raise ValueError(f"{len(unsaid)} utterances of etc/an4_{part}.fileids have no text: {', '.join(unsaid)}")
    return {name: texts[PurePosixPath(name).name] for name in names}


def _sound_of(folder: Path, name: str) -> Path | None:
    """Return the file of an utterance, if there is one."""
    places = (folder / below / f"{name}{suffix}" for below, suffix in PLACES)
    return next((path for path in places if path.is_file()), None)


def _decoded(path: Path | None) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    from rnnbp.audio.files import read

    assert path is not None, "all were found before"
    wave, rate = read(path, SAMPLE_RATE)  # an AudioError is a ValueError, and names the file
    if rate != SAMPLE_RATE:
        raise ValueError(f"{path.name} must be sampled at {SAMPLE_RATE} Hz, but is at {rate} Hz")
    return wave


def unpack_utterances(archive: Path, folder: Path) -> None:
    """Take sound, texts and licence out of CMU's archive; raises ValueError if it is not readable."""
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                if (place := _place(member.name)) and (content := tar.extractfile(member)):
                    os.makedirs((folder / place).parent, exist_ok=True)
                    (folder / place).write_bytes(content.read())
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, KeyError, zlib.error) as error:
        raise ValueError(f"it is not a complete .tar.gz archive: {error}") from error


def _place(name: str) -> PurePosixPath | None:
    """Return where a member of the archive belongs, which is nowhere outside of the folder; None leaves it out."""
    top, *parts = PurePosixPath(name).parts or ("",)  # an4/
    if not parts or any(not re.fullmatch(r"[\w-][\w.-]*", part) for part in (top, *parts)):
        return None
    place = PurePosixPath(*parts)
    is_sound = len(parts) == 4 and parts[0] == "wav" and place.suffix in (".sph", ".wav")
    is_text = len(parts) == 2 and parts[0] == "etc"
    return place if is_sound or is_text or str(place) in TOP else None


SOURCE = Source(
    name="CMU AN4",
    url="http://www.speech.cs.cmu.edu/databases/an4/an4_sphere.tar.gz",
    location="an4",
    unpack=unpack_utterances,
)
