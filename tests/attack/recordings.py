"""Damaged recordings: `audio.load` returns finite samples in [-1, 1], or raises `AudioError` that names the file.

A short recording is written in one of the formats that libsndfile writes, and then damaged: bits, cuts, fields of its
header, pieces that are moved, repeated, removed or taken from another format. Whatever was cut within its samples must
be refused; what was not damaged must be read.
"""

import functools
import io

import numpy as np
import soundfile

from rnnbp import audio

from .harness import Fault, Limits

LIMITS = Limits(seconds=2.0, megabytes=64.0, batch=5000)
READ = ("WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "NIST", "HTK", "FLAC", "OGG", "MP3")
OTHERS = ("AVR", "IRCAM", "MAT4", "MAT5", "MPC2K", "PAF", "PVF", "SDS", "SVX", "VOC", "WVE", "XI")
RATES = (8000, 16000, 44100)
UNWRITTEN = ("DWVW_12",)  # libsndfile cannot read what it wrote
SUFFIXES = ("wav", "flac", "mp3", "ogg", "aiff", "raw", "vox", "gsm", "sd2", "dat", "")
FIELDS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 62, (1 << 64) - 1)


@functools.cache
def encodings():
    """Return each format, subtype and rate that can be written."""
    found = []
    for container in (*READ, *OTHERS):
        for subtype in soundfile.available_subtypes(container):
            for rate in RATES:
                try:
                    encoded(container, subtype, rate)
                except soundfile.LibsndfileError:
                    continue
                if subtype not in UNWRITTEN:
                    found.append((container, subtype, rate))
    return found


@functools.cache
def encoded(container, subtype, rate):
    rng = np.random.default_rng(rate)
    time = np.arange(4000)
    wave = 0.3 * np.sin(time / 5) * (time > 1500) + 0.01 * rng.standard_normal(time.size)
    file = io.BytesIO()
    soundfile.write(file, wave, rate, format=container, subtype=subtype)
    return file.getvalue()


def bits(content, rng):
    first = 200 if rng.random() < 0.5 else len(content)
    for at in rng.integers(0, min(first, len(content)), size=rng.integers(1, 12)):
        content[at] ^= 1 << rng.integers(8)


def cut(content, rng):
    del content[rng.integers(1, len(content) - 1) :]


def header_field(content, rng):
    for _ in range(rng.integers(1, 4)):
        width = int(rng.choice([1, 2, 4, 8]))
        at = int(rng.integers(0, min(160, len(content) - width)))
        value = FIELDS[rng.integers(len(FIELDS))] if rng.random() < 0.7 else int(rng.integers(1 << 62))
        order = "little" if rng.random() < 0.5 else "big"
        content[at : at + width] = (value & ((1 << 8 * width) - 1)).to_bytes(width, order)


def splice(content, rng):
    """Put a piece of this file, or of one of another format, somewhere else."""
    other = content if rng.random() < 0.5 else encoded(*encodings()[rng.integers(len(encodings()))])
    start = int(rng.integers(0, len(other)))
    piece = bytes(other[start : start + int(rng.integers(1, 600))])
    at = int(rng.integers(0, len(content)))
    content[at : at if rng.random() < 0.5 else at + len(piece)] = piece


def remove(content, rng):
    at = int(rng.integers(0, len(content) - 2))
    del content[at : at + int(rng.integers(1, 600))]


def blank(content, rng):
    at = int(rng.integers(0, len(content)))
    length = min(int(rng.integers(1, 2000)), len(content) - at)
    content[at : at + length] = bytes([int(rng.choice([0, 255]))]) * length


def append(content, rng):
    content += rng.bytes(int(rng.integers(1, 300))) if rng.random() < 0.5 else content[: rng.integers(1, len(content))]


def several(content, rng):
    for _ in range(rng.integers(2, 5)):
        if len(content) > 20:
            DAMAGES[("bits", "header_field", "splice", "remove", "blank")[rng.integers(5)]](content, rng)


def nothing(content, rng):
    pass


DAMAGES = {
    function.__name__: function
    for function in (bits, cut, header_field, splice, remove, blank, append, several, nothing)
}


def recording(seed):
    """Return what a seed stands for: format, kind of damage, content, and a generator for what else is drawn."""
    rng = np.random.default_rng(seed)
    wanted = READ if rng.random() < 0.9 else OTHERS  # as often whatever the number of their subtypes
    container = wanted[rng.integers(len(wanted))]
    choices = [encoding for encoding in encodings() if encoding[0] == container]
    encoding = choices[rng.integers(len(choices))]
    damage = list(DAMAGES)[rng.integers(len(DAMAGES))]
    content = bytearray(encoded(*encoding))
    DAMAGES[damage](content, rng)
    return encoding, damage, bytes(content), rng


def case(seed, folder):
    encoding, damage, content, rng = recording(seed)
    container, subtype, _ = encoding
    path = folder / f"recording.{SUFFIXES[rng.integers(len(SUFFIXES))]}"
    path.write_bytes(content)
    # A large limit, at times: then a length that is declared is met with reading, not with a refusal.
    options = {"max_samples": 1 << 60} if rng.random() < 0.2 else {}
    try:
        wave = audio.load(path, int(rng.choice([8000, 16000, 22050])), **options)
    except audio.AudioError as error:
        if not str(error).startswith(str(path)):
            raise Fault(f"the message does not begin with the file's name: {error}") from error
        if damage == "nothing" and container in READ:
            raise Fault(f"an undamaged {container} ({subtype}) was refused: {error}") from error
        return f"{damage}: refused"
    if wave.ndim != 1 or wave.dtype != np.float32 or wave.size == 0:
        raise Fault(f"{wave.dtype} of shape {wave.shape} was returned")
    if not np.isfinite(wave).all() or np.abs(wave).max() > 1:
        raise Fault("samples that are no samples were returned")
    missing = len(encoded(*encoding)) - len(content)
    if damage == "cut" and missing > 1:  # the last byte of all may be padding
        raise Fault(f"{container} ({subtype}) was read although {missing} of its bytes are missing")
    return f"{damage}: read"
