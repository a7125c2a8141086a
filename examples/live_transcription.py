"""Live transcription: sound comes in pieces of 10 ms, from a wav file or the microphone, and words come out.

The network is asked after each piece, and looks at nothing that has not been said yet. By default it is the transcriber
of connected digits that ships with the library: English digits, one after another, such as a telephone number. Another
one is trained by ``examples/connected_digits.py --live`` or ``examples/speech_recognition.py --live``.

What is printed is the text as it grows, beside the time of the recording; then the real-time factor (time to compute
over time of sound) and the latency: how long a piece takes, to which the front end adds half a frame (12.5 ms) and the
network a step.

    python examples/live_transcription.py --wav my_number.wav
    python examples/live_transcription.py                               # digits put together from the shipped ones
    python examples/live_transcription.py --microphone                  # needs python -m pip install '.[microphone]'
"""

import argparse
import time
from pathlib import Path

import numpy as np

import rnnbp
from rnnbp import audio, datasets, plotting

PIECE = 0.010  # seconds


def pieces_of(wave, sample_rate, *, wait):
    """Yield a recording piece by piece; as fast as it was recorded if `wait` is true."""
    n, began = round(PIECE * sample_rate), time.perf_counter()
    for at in range(0, len(wave), n):
        if wait:
            time.sleep(max(0.0, began + (at + n) / sample_rate - time.perf_counter()))
        yield wave[at : at + n]


def pieces_of_microphone(sample_rate):
    """Yield what the microphone hears, until Ctrl-C."""
    try:
        import sounddevice
    except (ImportError, OSError) as error:  # the second: no PortAudio
        raise SystemExit(
            f"error: the microphone needs sounddevice (python -m pip install 'rnnbp[microphone]'): {error}"
        ) from None
    n = round(PIECE * sample_rate)
    try:
        with sounddevice.InputStream(sample_rate, blocksize=n, channels=1, dtype="float32") as microphone:
            print("listening; Ctrl-C ends it")
            while True:
                piece, overflowed = microphone.read(n)
                if overflowed:
                    print("    (some sound was lost: this machine was too slow, or too busy)")
                yield piece[:, 0]
    except sounddevice.PortAudioError as error:
        raise SystemExit(f"error: the microphone cannot be read: {error}") from None
    except KeyboardInterrupt:
        return


def listen(model, pieces):
    """Print the text as it grows; return what was heard, and how long each piece took."""
    stream, shown, n_samples, seconds, heard = model.stream(), "", 0, [], [np.zeros(0, np.float32)]
    for piece in pieces:
        began = time.perf_counter()
        text = stream.push(piece)
        seconds.append(time.perf_counter() - began)
        n_samples += len(piece)
        heard.append(np.array(piece))
        if text != shown:
            print(f"\r{n_samples / model.sample_rate:7.2f} s   {text}", end="", flush=True)
            shown = text
    print(f"\r{n_samples / model.sample_rate:7.2f} s   {stream.finish()}   (the end)")
    return np.concatenate(heard), np.array(seconds)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--wav", type=Path, metavar="FILE", help="a recording, at any sample rate")
    source.add_argument("--microphone", action="store_true")
    parser.add_argument("--model", type=Path, metavar="FILE", help="another transcriber, that can stream")
    parser.add_argument("--wait", action="store_true", help="take a recording no faster than it was said")
    parser.add_argument("--seed", type=int, default=0, help="of the digits that are put together")
    parser.add_argument(
        "--figure", type=plotting.figure_path, metavar="FILE", help="draw what was heard into this file"
    )
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    try:
        model = rnnbp.CTCTranscriber.load(arguments.model or datasets.find_model("connected_digits_live"))
        if model.sample_rate is None:
            raise SystemExit("error: the transcriber must be one of sound, but it takes features")
        if arguments.microphone:
            pieces = pieces_of_microphone(model.sample_rate)
        elif arguments.wav:
            pieces = pieces_of(audio.load(arguments.wav, model.sample_rate), model.sample_rate, wait=arguments.wait)
        else:
            made = datasets.make_connected_digits(1, "test", snr_db=30.0, seed=arguments.seed)
            print(f"what is said: {made.text[0]}")
            pieces = pieces_of(made.waves[0], made.sample_rate, wait=arguments.wait)
        model.stream().push(np.zeros(model.sample_rate))  # kernels are compiled before it counts
        heard, seconds = listen(model, pieces)
    except (OSError, ValueError) as error:  # no such file, no sound, no model, or one that cannot stream
        raise SystemExit(f"error: {error}") from None
    if len(heard):
        factor = seconds.sum() / (len(heard) / model.sample_rate)
        typical, slowest = np.percentile(1000 * seconds, [50, 99])
        print(
            f"real-time factor {factor:.4f}; a piece of 10 ms takes {typical:.2f} ms (1 of 100 over {slowest:.2f} ms)"
        )
        waits = 1000 * model.hop_length * model.stride
        print(f"sound is looked at {12.5 + typical:.1f} to {12.5 + waits + typical:.1f} ms after it was made")
        if arguments.figure:
            plotting.plot_transcription(model, heard).savefig(arguments.figure, dpi=120)
            print(f"wrote {arguments.figure}")


if __name__ == "__main__":
    main()
