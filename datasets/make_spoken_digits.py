"""Make ``spoken_digits/``: the ten English digits, said by 36 synthetic voices in noisy little rooms.

Two free speech synthesizers speak, espeak-ng (formant synthesis) and flite (diphones and statistical voices
made from recorded people); both are ordinary Debian packages: ``apt-get install espeak-ng flite``. Every take
then goes through a room and a microphone (``*`` is convolution)::

    speech = trim(voice(word, pitch, rate, ending))
    heard  = level * (microphone * room * speech + noise)

No voice, and no espeak-ng variant, is in both the train and the test part, and one accent is heard in the
test part only. Everything random about a take comes from its own generator, seeded by (seed, voice, digit,
take), so adding a voice leaves the others as they were. The same programs and seed give the same samples.

    python datasets/make_spoken_digits.py --output datasets/spoken_digits
"""

import argparse
import csv
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.signal import fftconvolve, lfilter, resample_poly

SAMPLE_RATE = 8000
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

Wave = NDArray[np.float64]


class Voice(NamedTuple):
    """A speaker: who is in which part, and how its program is told to speak like it."""

    name: str
    subset: str
    program: str
    accent: str
    timbre: str  # an espeak-ng variant (``espeak-ng --voices=variant``), or a flite voice
    pitch_hz: float = 0.0  # flite only: the middle of the voice's range
    size: float = 1.0  # length of the vocal tract: below 1 a smaller person, whose formants are higher


VOICES = (
    Voice("alex", "train", "espeak-ng", "en-us", "Alex"),
    Voice("anika", "train", "espeak-ng", "en-gb", "anika"),
    Voice("annie", "train", "espeak-ng", "en-us", "Annie"),
    Voice("belinda", "train", "espeak-ng", "en-gb-scotland", "belinda"),
    Voice("boris", "train", "espeak-ng", "en-us", "boris"),
    Voice("ed", "train", "espeak-ng", "en-gb-x-gbclan", "ed"),
    Voice("f1", "train", "espeak-ng", "en-gb-x-gbcwmd", "f1"),
    Voice("f3", "train", "espeak-ng", "en-us", "f3"),
    Voice("f4", "train", "espeak-ng", "en-gb", "f4"),
    Voice("f5", "train", "espeak-ng", "en-gb-x-rp", "f5"),
    Voice("gene", "train", "espeak-ng", "en-gb-x-gbcwmd", "Gene"),
    Voice("grandma", "train", "espeak-ng", "en-gb-x-gbclan", "grandma"),
    Voice("kal16", "train", "flite", "en-us", "kal16", 95),
    Voice("kal16-small", "train", "flite", "en-us", "kal16", 180, 0.86),
    Voice("klatt", "train", "espeak-ng", "en-us", "klatt"),
    Voice("m1", "train", "espeak-ng", "en-gb", "m1"),
    Voice("m3", "train", "espeak-ng", "en-us", "m3"),
    Voice("m4", "train", "espeak-ng", "en-029", "m4"),
    Voice("m7", "train", "espeak-ng", "en-gb-x-rp", "m7"),
    Voice("m8", "train", "espeak-ng", "en-gb", "m8"),
    Voice("max", "train", "espeak-ng", "en-gb-scotland", "max"),
    Voice("pablo", "train", "espeak-ng", "en-us", "pablo"),
    Voice("rms", "train", "flite", "en-us", "rms", 80),
    Voice("rms-small", "train", "flite", "en-us", "rms", 80, 0.8),
    Voice("rob", "train", "espeak-ng", "en-us", "rob"),
    Voice("slt", "train", "flite", "en-us", "slt", 170),
    Voice("slt-tall", "train", "flite", "en-us", "slt", 120, 1.15),
    Voice("steph", "train", "espeak-ng", "en-gb", "steph"),
    Voice("andrea", "test", "espeak-ng", "en-us", "Andrea"),
    Voice("aunty", "test", "espeak-ng", "en-gb", "aunty"),
    Voice("awb", "test", "flite", "en-gb-scotland", "awb", 135),
    Voice("f2", "test", "espeak-ng", "en-gb-x-gbcwmd", "f2"),
    Voice("john", "test", "espeak-ng", "en-gb", "john"),
    Voice("linda", "test", "espeak-ng", "en-029", "linda"),
    Voice("m2", "test", "espeak-ng", "en-us", "m2"),
    Voice("michel", "test", "espeak-ng", "en-us-nyc", "michel"),
)


@dataclass(frozen=True)
class Take:
    """How one utterance is said, and where. The columns of ``index.csv`` after the voice's."""

    pitch: float  # -1 to 1: low to high within the voice's own range
    rate: float  # speed of speaking; 1 is the program's unhurried normal
    ending: str  # punctuation, which moves espeak-ng's intonation (flite ignores it)
    reverberation_s: float  # time in which the room's echo falls by 60 dB
    tilt: float  # the microphone: negative is dull, positive is bright
    noise_colour: float  # exponent of the noise's power spectrum: 0 is white, 2 is brown
    snr_db: float  # speech power over noise power
    level_db: float  # RMS of the speech against full scale

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Take":
        """Choose a take at random."""
        return cls(
            pitch=round(rng.uniform(-1, 1), 3),
            rate=round(rng.uniform(0.8, 1.25), 3),
            ending=str(rng.choice([".", ".", ",", "?", "!"])),
            reverberation_s=round(rng.uniform(0.05, 0.35), 3),
            tilt=round(rng.uniform(-0.3, 0.3), 3),
            noise_colour=round(rng.uniform(1, 2), 3),
            snr_db=round(rng.uniform(15, 40), 1),
            level_db=round(rng.uniform(-46, -26), 1),
        )


def speak(voice: Voice, word: str, take: Take) -> Wave:
    """Let the voice's program say the word."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        if voice.program == "espeak-ng":
            command = ["espeak-ng", "-v", f"{voice.accent}+{voice.timbre}", "-w", str(path)]
            command += ["-p", str(round(50 + 25 * take.pitch)), "-s", str(round(155 * take.rate))]
            command += [word + take.ending]
        else:
            # A smaller speaker: the larger one, slower and lower, played back faster.
            hertz, stretch = voice.pitch_hz * voice.size * 2 ** (take.pitch / 4), 1 / (voice.size * take.rate)
            command = ["flite", "-voice", voice.timbre, "-o", str(path), "-t", word + take.ending]
            command += ["--setf", f"int_f0_target_mean={hertz:.1f}", "--setf", f"duration_stretch={stretch:.3f}"]
        subprocess.run(command, check=True, capture_output=True)
        wave, rate = soundfile.read(path)
    return np.asarray(resample_poly(trim(wave, rate), SAMPLE_RATE, round(rate / voice.size)))


def trim(wave: Wave, rate: int, *, threshold_db: float = -40.0) -> Wave:
    """Cut the silence before and after: what stays below the threshold, against the loudest 10 ms.

    To be done before the band is halved: most of an "s" or an "f" lies above 4 kHz.
    """
    window = rate // 100
    power = np.convolve(wave**2, np.full(window, 1 / window), mode="same")
    (loud,) = np.nonzero(power > power.max() * 10 ** (threshold_db / 10))
    return wave[loud[0] : loud[-1] + 1]


def room(reverberation_s: float, rng: np.random.Generator) -> Wave:
    """Impulse response: the direct sound, then decaying noise of an eighth of its energy."""
    seconds = np.arange(1, int(reverberation_s * SAMPLE_RATE)) / SAMPLE_RATE
    echo = rng.standard_normal(seconds.size) * 10 ** (-3 * seconds / reverberation_s)
    return np.concatenate([[1.0], echo * np.sqrt(1 / 8 / np.sum(echo**2))])


def noise(n_samples: int, colour: float, rng: np.random.Generator) -> Wave:
    """Noise of power 1 whose power spectrum falls as 1 / frequency ** colour above 50 Hz."""
    spectrum = np.fft.rfft(rng.standard_normal(n_samples))
    frequency = np.maximum(np.fft.rfftfreq(n_samples, 1 / SAMPLE_RATE), 50.0)
    coloured = np.fft.irfft(spectrum * frequency ** (-colour / 2), n_samples)
    return np.asarray(coloured / np.sqrt(np.mean(coloured**2)))


def record(speech: Wave, take: Take, rng: np.random.Generator) -> NDArray[np.int16]:
    """Hear the speech through a microphone in the take's room, as 16-bit samples."""
    before, after = rng.integers(SAMPLE_RATE // 200, SAMPLE_RATE // 25, size=2)  # 5 to 40 ms of room either side
    wet = fftconvolve(speech, room(take.reverberation_s, rng))[: speech.size + after]
    wet = lfilter([1.0, -take.tilt], [1.0], np.pad(wet, (before, 0)))
    wet /= np.sqrt(np.sum(wet**2) / speech.size)
    heard = wet + 10 ** (-take.snr_db / 20) * noise(wet.size, take.noise_colour, rng)
    heard *= min(10 ** (take.level_db / 20), 0.98 / np.abs(heard).max())
    return np.round(heard * 32767).astype(np.int16)


def make(output: Path, *, n_takes: int, seed: int, voices: Sequence[Voice] = VOICES) -> list[dict[str, Any]]:
    """Write one FLAC file for each voice, all its takes in a row; return the rows of ``index.csv``."""
    rows = []
    pause = np.zeros(SAMPLE_RATE // 4, dtype=np.int16)  # for whoever listens; it costs next to nothing
    for voice in voices:
        path = f"{voice.subset}/{voice.name}.flac"
        who = {"voice": voice.name, "subset": voice.subset, "program": voice.program, "accent": voice.accent}
        pieces, start = [], 0
        for (digit, word), k in product(enumerate(DIGITS), range(n_takes)):
            rng = np.random.default_rng([seed, crc32(voice.name.encode()), digit, k])
            take = Take.draw(rng)
            samples = record(speak(voice, word, take), take, rng)
            where = {"path": path, "start": start, "stop": start + samples.size}
            rows.append({**where, "digit": digit, "take": k, **who, **asdict(take)})
            pieces += [samples, pause]
            start += samples.size + pause.size
        (output / path).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(output / path, np.concatenate(pieces), SAMPLE_RATE, subtype="PCM_16")
        print(f"{voice.name:12} {voice.subset:5}  {voice.program:9}  {voice.accent}", flush=True)
    return rows


def main() -> None:
    """Write the recordings and their index."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "spoken_digits")
    parser.add_argument("--takes", type=int, default=3, help="utterances of each digit by each voice (default 3)")
    parser.add_argument("--seed", type=int, default=0, help="of everything random (default 0)")
    arguments = parser.parse_args()
    missing = [program for program in ("espeak-ng", "flite") if shutil.which(program) is None]
    if missing:
        parser.error(f"{' and '.join(missing)} not found: on Debian or Ubuntu, apt-get install espeak-ng flite")
    rows = make(arguments.output, n_takes=arguments.takes, seed=arguments.seed)
    with open(arguments.output / "index.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    size = sum(path.stat().st_size for path in arguments.output.rglob("*") if path.is_file())
    print(f"{len(rows)} utterances by {len(VOICES)} voices, {size / 1e6:.1f} MB, in {arguments.output}")


if __name__ == "__main__":
    main()
