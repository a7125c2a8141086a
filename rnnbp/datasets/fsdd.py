"""The Free Spoken Digit Dataset: 3000 real recordings, by Zohar Jackson and others."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np

from rnnbp.datasets.audio_dataset import AudioDataset, check_subset
from rnnbp.datasets.home import Source, fetch
from rnnbp.datasets.shipped import DIGITS
from rnnbp.names import explained

__all__ = ["SOURCE", "fetch_fsdd", "read_recordings", "unpack_recordings"]

SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
N_TAKES = 50
SAMPLE_RATE = 8000

# Of the lines "<SHA-256>  <name>", one a recording, in order of name: `LC_ALL=C sha256sum *.wav | sha256sum`.
# The archive itself has no lasting checksum, because GitHub packs it anew on request.
MANIFEST_SHA256 = "1801eae019c063377d98f831d3f93574f259475df7332bb0e3d1b080fb5e6959"

DESCRIPTION = """\
Free Spoken Digit Dataset, version 1.0.10: 3000 recordings of the ten English digits, 50 of each by each of
six speakers, 8 kHz, 0.14 to 2.28 seconds, trimmed so that hardly any silence is left at either end.

The official split tests on indices 0 to 4 (300 recordings) and trains on 5 to 49 (2700), so all speakers are in
both parts. The honest question is how well an unknown speaker is understood: leave one speaker out (`groups`).
The speaker theo is very quiet (peaks from 343 of 32767): normalize each recording.

Licence: CC BY-SA 4.0. By Zohar Jackson, Cesar Souza, Jason Flaks, Yuxin Pan, Hereman Nicolas and Adhish Thite,
https://github.com/Jakobovski/free-spoken-digit-dataset, https://doi.org/10.5281/zenodo.1342401.
"""


@explained
def fetch_fsdd(subset: Literal["all", "train", "test"] = "all") -> AudioDataset:
    """Load the Free Spoken Digit Dataset [1]_: 3000 recordings of ten digits by six speakers.

    Read from ``fsdd/recordings/`` in the folder that the environment variable ``RNNBP_DATA`` names, else in the
    user's cache, after downloading it (about 16 MB) if it is not there.

    Parameters
    ----------
    subset : {"all", "train", "test"}, default="all"
        The official split: recordings with index 0 to 4 test (300), 5 to 49 train (2700). All speakers are in both;
        for speakers that were never heard, load all and leave one of the `groups` out.

    Returns
    -------
    AudioDataset
        At 8 kHz, in order of name. Loudness differs much: normalize each recording.

    Raises
    ------
    ValueError
        The subset is not one of those, or the recordings found are not those of version 1.0.10.
    ConnectionError
        They could not be downloaded; the message says what to do.
    FileNotFoundError
        ``RNNBP_DATA`` names no folder.

    References
    ----------
    .. [1] Z. Jackson et al., "Free Spoken Digit Dataset", version 1.0.10.
       https://github.com/Jakobovski/free-spoken-digit-dataset

    See Also
    --------
    load_spoken_digits
    AudioDataset

    Examples
    --------
    >>> fetch_fsdd("test")  # doctest: +SKIP
    <AudioDataset: 300 recordings at 8000 Hz (test), 10 classes, 6 voices>
    """
    check_subset(subset)
    dataset = fetch(SOURCE, read_recordings)
    return dataset if subset == "all" else dataset.select(dataset.subset == subset)


def read_recordings(folder: Path) -> AudioDataset:
    """Read the folder of recordings; raises ValueError unless it holds exactly those of version 1.0.10."""
    import soundfile

    expected = {f"{digit}_{speaker}_{k}" for digit in range(10) for speaker in SPEAKERS for k in range(N_TAKES)}
    names = sorted(path.stem for path in folder.glob("*.wav"))
    if set(names) != expected:
        missing, unknown = sorted(expected.difference(names)), sorted(set(names) - expected)
        parts = (
            [f"{len(missing)} of {len(expected)} recordings are missing, such as {missing[0]}.wav"] if missing else []
        )
        parts += [f"{len(unknown)} do not belong to it, such as {unknown[0]}.wav"] if unknown else []
        raise ValueError(" and ".join(parts))
    content = [(folder / f"{name}.wav").read_bytes() for name in names]
    lines = [f"{hashlib.sha256(wav).hexdigest()}  {name}.wav\n" for name, wav in zip(names, content, strict=True)]
    if hashlib.sha256("".join(lines).encode()).hexdigest() != MANIFEST_SHA256:
        raise ValueError("all recordings are there, but some differ from those of version 1.0.10")
    digits, speakers, takes = zip(*(name.split("_") for name in names), strict=True)
    return AudioDataset(
        waves=[soundfile.read(io.BytesIO(wav), dtype="float32")[0] for wav in content],
        target=np.array(digits, dtype=np.int64),
        groups=np.array(speakers),
        subset=np.where(np.array(takes, dtype=int) < 5, "test", "train"),
        names=np.array(names),
        sample_rate=SAMPLE_RATE,
        target_names=DIGITS,
        DESCR=DESCRIPTION,
    )


def unpack_recordings(archive: Path, folder: Path) -> None:
    """Take the recordings out of the archive of the repository; raises ValueError if it is not readable."""
    folder.mkdir()
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                inside = PurePosixPath(member.name)
                wav = tar.extractfile(member) if inside.match("recordings/*.wav") else None
                if wav is not None:
                    (folder / inside.name).write_bytes(wav.read())
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, KeyError, zlib.error) as error:
        raise ValueError(f"it is not a complete .tar.gz archive: {error}") from error


SOURCE = Source(
    name="the Free Spoken Digit Dataset",
    url="https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/tags/v1.0.10.tar.gz",
    location="fsdd/recordings",
    unpack=unpack_recordings,
)
