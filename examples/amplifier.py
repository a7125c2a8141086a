"""A guitar amplifier, learnt from what goes in and what comes out, and written as C that runs in real time.

A small LSTM hears the guitar, sample by sample, and gives what has to be added to it to sound like the amplifier: the
skip connection around it carries the guitar itself. It is trained on segments of half a second, cut into chunks of 1000
samples with the states carried on, by the error-to-signal ratio with pre-emphasis (A. Wright, E.-P. Damskägg, L. Juvela
and V. Välimäki, "Real-time guitar amplifier emulation with deep learning", Applied Sciences 10(3), 2020)::

    output(t) = x(t) + W h(t) + b,    h(t) = LSTM(x(t), h(t-1))

The guitar and the amplifier are made here: plucked strings (K. Karplus and A. Strong, Computer Music Journal 7(2),
1983), and a stage that clips unevenly between two filters, with a supply that sags under load. Or a pair of wavs of
one's own, recorded at the two ends of a real one, is learnt.

Measured once, with --minutes 10 --max-epochs 100, of which 53 fitted in beside other work: an error-to-signal ratio of
0.013 on the part that was not learnt from; in C 40 times real time.

    python examples/amplifier.py
    python examples/amplifier.py --minutes 15 --figure amplifier.png
    python examples/amplifier.py --input dry.wav --output amplified.wav --hidden 16

It writes amplifier.rnnbp, amplifier.h and amplifier.json (for the plugin AIDA-X), and a wav of each of guitar,
amplifier and model, of the part that was not learnt from; where there is a C compiler, it also says how many times
faster than real time the header is at 48 kHz.
"""

import argparse
import ctypes
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
from scipy import signal

import rnnbp
from rnnbp import layers, losses, optimizers
from rnnbp.interop import c, rtneural
from rnnbp.interop.c.verification import find_compiler

SAMPLE_RATE = 44_100
SEGMENT, CHUNK = 22_050, 1000  # samples
HELD_OUT = 0.2  # of the clip, its end: half for validation, half for the test
LOSS = losses.ErrorToSignal()


# -- a guitar, and an amplifier ----------------------------------------------------------------------------------------


def guitar(seconds, rng):
    """Return chords and single notes of plucked strings, at many loudnesses, with pauses."""
    clip = np.zeros(round(seconds * SAMPLE_RATE))
    at = 0
    while at < clip.size:
        strings = 82.4 * 2 ** (rng.choice(30, rng.choice([1, 1, 2, 4]), replace=False) / 12)  # from the low E on
        length = min(round(rng.uniform(0.15, 1.5) * SAMPLE_RATE), clip.size - at)
        chord = sum(plucked(frequency, length, rng) for frequency in strings)
        clip[at : at + length] += rng.uniform(0.05, 0.6) * chord
        at += length + round(rng.choice([0, 0, 0.2]) * SAMPLE_RATE)
    return clip / np.abs(clip).max()


def plucked(frequency, length, rng):
    """Return one string: a burst of noise in a loop that averages neighbours."""
    period = round(SAMPLE_RATE / frequency)
    burst = np.zeros(length)
    burst[:period] = signal.lfilter([1], [1, -0.7], rng.uniform(-1, 1, period))[:length]
    loop = np.zeros(period + 2)
    loop[0], loop[period], loop[period + 1] = 1, -0.498, -0.498
    return signal.lfilter([1], loop, burst) * np.linspace(1, 0, length) ** 0.1


def amplified(clip):
    """Return what a tube-like stage makes of it: coupling filter, sagging gain, uneven clipping, and a cabinet."""
    coupled = signal.lfilter(*signal.butter(1, 90, "high", fs=SAMPLE_RATE), clip)
    load = signal.lfilter(*signal.butter(1, 3, fs=SAMPLE_RATE), np.abs(coupled))  # the supply follows in 50 ms
    driven = signal.resample_poly(12 * coupled / (1 + 6 * load), 4, 1)  # four times as fast, against aliases
    clipped = np.where(driven > -0.3, np.tanh(driven + 0.3), np.tanh(0.6 * (driven + 0.3)) / 0.6) - np.tanh(0.3)
    again = signal.resample_poly(clipped, 1, 4)
    warm = signal.lfilter(*signal.butter(2, 5500, fs=SAMPLE_RATE), again)
    centred = signal.lfilter(*signal.butter(1, 20, "high", fs=SAMPLE_RATE), warm)
    return 0.5 * centred / np.sqrt(np.mean(np.square(centred))) * np.sqrt(np.mean(np.square(clip)))


def read_pair(paths):
    """Return a dry and an amplified recording, equally long, and their rate."""
    clips, rates = [], []
    for path in paths:
        try:
            clip, rate = soundfile.read(path)
        except soundfile.LibsndfileError as error:
            raise SystemExit(f"error: {path} cannot be read: {error}") from None
        if clip.ndim != 1:
            raise SystemExit(f"error: {path} has {clip.shape[1]} channels: one is needed")
        clips.append(clip)
        rates.append(rate)
    if rates[0] != rates[1] or clips[0].size != clips[1].size:
        raise SystemExit(
            "error: both files must have one rate and one length, but they have "
            f"{rates[0]} and {rates[1]} Hz, {clips[0].size} and {clips[1].size} samples"
        )
    if clips[0].size < 10 * SEGMENT:
        raise SystemExit(f"error: {clips[0].size} samples are too few to learn from: {10 * SEGMENT} are needed")
    return *clips, rates[0]


# -- learning ----------------------------------------------------------------------------------------------------------


def segments(clip):
    """Return all whole segments, of shape (T, N, 1)."""
    n = clip.size // SEGMENT
    return clip[: n * SEGMENT].reshape(n, SEGMENT).T[..., None].astype(np.float32)


def modelled(net, dry):
    """Return what the network makes of a clip, which is one sequence."""
    return dry + rnnbp.predict(net, [dry[:, None]])[0][:, 0]


def error_to_signal(wet, output):
    return LOSS(output[:, None, None], wet[:, None, None])[0]


def train(dry, wet, arguments):
    """Fit the network to what the amplifier adds; stop after so many minutes, or epochs."""
    net = rnnbp.Network([layers.LSTM(1, arguments.hidden), layers.Dense(arguments.hidden, 1)], seed=arguments.seed)
    learnt, held = int((1 - HELD_OUT) * dry.size), int((1 - HELD_OUT / 2) * dry.size)
    x, added = segments(dry[:learnt]), segments((wet - dry)[:learnt])
    held_out = [dry[learnt:held, None]], [(wet - dry)[learnt:held, None]]
    began = time.perf_counter()
    optimizer = optimizers.Adam(optimizers.schedules.cosine(arguments.learning_rate, epochs=arguments.max_epochs))
    history = rnnbp.fit(
        net, x, added, loss=LOSS, optimizer=optimizer, max_epochs=arguments.max_epochs, batch_size=arguments.batch_size,
        chunk_length=CHUNK, validation_data=held_out, patience=arguments.max_epochs, seed=arguments.seed,
        callbacks=[lambda net, history: time.perf_counter() - began > 60 * arguments.minutes],
    )  # fmt: skip
    print(
        f"{net.theta.size} parameters, {x.shape[1]} segments, {len(history)} epochs in "
        f"{(time.perf_counter() - began) / 60:.1f} minutes"
    )
    return net, history, held


# -- C -----------------------------------------------------------------------------------------------------------------

WRAPPER = """
#include "amplifier.h"
static struct amplifier_state state;
void run(const float *x, size_t n, float *y) {
    size_t t;
    amplifier_init(&state);
    amplifier_run(&state, x, n, y);
    for (t = 0; t < n; ++t) y[t] += x[t];  /* the skip connection */
}
"""


def times_real_time(header, dry, expected, folder):
    """Compile the header, compare it with the network, and return how many times over it runs at 48 kHz."""
    source, library = Path(folder) / "run.c", Path(folder) / "run.so"
    source.write_text(WRAPPER)
    command = [find_compiler(), "-O3", "-march=native", "-shared", "-fPIC", f"-I{header.resolve().parent}"]
    subprocess.run([*command, str(source), "-o", str(library)], check=True)
    run = ctypes.CDLL(str(library)).run
    run.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p
    x, y = dry.astype(np.float32), np.empty(dry.size, np.float32)
    durations = []
    for _ in range(5):
        began = time.perf_counter()
        run(x.ctypes.data, x.size, y.ctypes.data)
        durations.append(time.perf_counter() - began)
    difference = np.abs(y - expected).max()
    return x.size / 48_000 / sorted(durations)[2], difference


# -- all of it ---------------------------------------------------------------------------------------------------------


def draw(path, dry, wet, output, history, sample_rate):
    """Draw how the loss fell, the loudest 30 ms, and the spectra of amplifier, model and error."""
    import matplotlib.pyplot as plt

    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(13, 3.8), layout="constrained")
    epochs = np.arange(1, 1 + len(history))
    left.semilogy(epochs, history.loss, label="training, chunk by chunk")
    left.semilogy(epochs, history.validation_loss, label="held out, as a whole")
    left.set(title="what the amplifier adds", xlabel="epoch", ylabel="error to signal")
    left.legend()
    centre = int(np.clip(np.argmax(np.abs(dry)), 0.015 * sample_rate, dry.size - 0.015 * sample_rate))
    part = slice(centre - int(0.015 * sample_rate), centre + int(0.015 * sample_rate))
    ms = 1000 * np.arange(part.stop - part.start) / sample_rate
    middle.plot(ms, dry[part], color="0.7", label="guitar")
    middle.plot(ms, wet[part], label="amplifier")
    middle.plot(ms, output[part], "--", label="model")
    middle.set(title="the loudest 30 ms of the test", xlabel="ms", ylabel="amplitude")
    middle.legend()
    for name, clip in (("amplifier", wet), ("model", output), ("error", wet - output)):
        frequencies, power = signal.welch(clip, sample_rate, nperseg=4096)
        right.semilogx(frequencies[1:], 10 * np.log10(power[1:] + 1e-15), label=name)
    right.set(title="spectra of the test", xlabel="Hz", ylabel="dB", xlim=(30, sample_rate / 2))
    right.legend()
    figure.savefig(path, dpi=110)
    print(f"wrote {path}")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--input", type=Path, metavar="WAV", help="what goes into an amplifier of one's own")
    parser.add_argument("--output", type=Path, metavar="WAV", help="what comes out of it")
    parser.add_argument("--seconds", type=float, default=60, help="of guitar that is made (default: %(default)s)")
    parser.add_argument("--hidden", type=int, default=32, metavar="N", help="units of the LSTM (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=5, help="of training at most (default: %(default)s)")
    parser.add_argument("--max-epochs", type=int, default=60, metavar="N", help="(default: %(default)s)")
    parser.add_argument("--batch-size", type=int, default=16, metavar="N", help="segments (default: %(default)s)")
    parser.add_argument("--learning-rate", type=float, default=5e-3, help="(default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of everything that is random (default: %(default)s)")
    parser.add_argument("--folder", type=Path, default=Path(), help="where files are written (default: here)")
    parser.add_argument("--figure", type=Path, metavar="FILE", help="draw curves, waves and spectra into this file")
    arguments = parser.parse_args()
    if (arguments.input is None) != (arguments.output is None):
        parser.error("--input and --output go together")
    for name, least in (("hidden", 1), ("max_epochs", 1), ("batch_size", 1), ("seconds", 6)):
        if (given := getattr(arguments, name)) < least:
            parser.error(f"--{name.replace('_', '-')} must be at least {least}, but {given} was given")
    if not arguments.folder.is_dir():
        parser.error(f"--folder: there is no folder {arguments.folder}")
    return arguments


def main():
    arguments = parse_arguments()
    if arguments.input is None:
        sample_rate = SAMPLE_RATE
        dry = guitar(arguments.seconds, np.random.default_rng(arguments.seed))
        wet = amplified(dry)
    else:
        dry, wet, sample_rate = read_pair([arguments.input, arguments.output])
    net, history, held = train(dry, wet, arguments)

    dry, wet = dry[held:], wet[held:]
    output = modelled(net, dry)
    print(f"test, {dry.size / sample_rate:.0f} s: error to signal {error_to_signal(wet, output):.4f}")
    print(f"      (the guitar itself in the amplifier's place: {error_to_signal(wet, dry):.4f})")
    for name, clip in (("guitar", dry), ("amplifier", wet), ("model", output)):
        soundfile.write(arguments.folder / f"{name}.wav", np.clip(clip, -1, 1), sample_rate)
    header = arguments.folder / "amplifier.h"
    net.save(arguments.folder / "amplifier.rnnbp", metadata={"sample_rate": sample_rate, "skip": True})
    c.export(net, header)
    rtneural.export_aidax(net, arguments.folder / "amplifier.json", sample_rate=sample_rate, skip=True)
    print("wrote amplifier.rnnbp, .h and .json, and guitar.wav, amplifier.wav and model.wav")
    try:
        with tempfile.TemporaryDirectory() as folder:
            times, difference = times_real_time(header, dry, output, folder)
        print(f"in C, at 48 kHz: {times:.1f} times real time, {difference:.1e} from the network at most")
    except RuntimeError as error:
        print(f"the header was not run: {error}")
    if arguments.figure:
        draw(arguments.figure, dry, wet, output, history, sample_rate)


if __name__ == "__main__":
    main()
