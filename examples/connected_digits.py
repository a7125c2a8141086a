"""Connected digits: strings of one to six digits, understood without being cut into words. Offline, in a few minutes.

The digits that ship with the library are put one after another, with pauses, at other speeds and in noise: strings of
28 voices to learn from, and of eight others to be tested on, clean and with noise 10 dB below the speech. The network
is told which digits are said, but not where; connectionist temporal classification finds out::

    sound -> log-mel bands -> convolution, a step for 3 frames -> LSTM, both ways -> a letter or the blank at each step
          -> text, of the ten words only

Measured once: 1.5 % of the words of new voices wrong (95 % interval 0.7 to 2.5 %), 3.7 % in the noise. The model that
ships is another, of more strings (`datasets/make_models.py`).

    python examples/connected_digits.py
    python examples/connected_digits.py --figure digits.png
    python examples/connected_digits.py --live                    # that understands digits as they come
    python examples/connected_digits.py --wav my_number.wav       # with the model that was saved before
"""

import argparse
import time
from pathlib import Path

import rnnbp
from rnnbp import audio, datasets, metrics, plotting


def train(arguments):
    """Fit a transcriber to strings of the training voices."""
    strings = datasets.make_connected_digits(arguments.strings, "train", seed=arguments.seed)
    print(f"train: {strings!r}")
    began = time.perf_counter()
    model = rnnbp.CTCTranscriber(
        strings.sample_rate,
        hidden_layer_sizes=(96,),
        bidirectional=not arguments.live,
        speeds=(),  # the strings are at many speeds already
        learning_rate_init=0.005,
        max_iter=arguments.max_epochs,
        lexicon=True,
        random_state=arguments.seed,
    )
    model.fit(strings.waves, strings.text)
    print(f"{model.network_.theta.size} parameters, {model.n_iter_} epochs in {time.perf_counter() - began:.0f} s")
    return model


def test(model, seed):
    """Print error rates of voices that were never heard; return a string of theirs."""
    for name, snr_db in (("clean", 40.0), ("noise at 10 dB", 10.0)):
        heard = datasets.make_connected_digits(200, "test", snr_db=snr_db, seed=seed + 1)
        rates = metrics.error_rates(heard.text, model.predict(heard.waves), groups=heard.speaker)
        print(f"{name}: words wrong {rates}")
    for said, written, n in rates.confusions()[:5]:
        print(f"{n:5d} times {said or 'nothing'} was understood as {written or 'nothing'}")
    longest = max(range(len(heard)), key=lambda i: len(heard.text[i]))
    return heard.waves[longest], heard.text[longest]


def transcribe(paths, model):
    """Print what is said in files, and when."""
    for path, words in zip(paths, model.predict_alignments(paths), strict=True):
        print(f"{path}: {' '.join(word.text for word in words)}")
        for word in words:
            print(f"    {word.start:6.2f} to {word.end:6.2f} s   {word.confidence:4.0%}   {word.text}")


def listen(model, wave, sample_rate):
    """Print a string's text as it grows, from pieces of 10 ms."""
    stream, shown, n = model.stream(), "", sample_rate // 100
    for at in range(0, len(wave), n):
        text = stream.push(wave[at : at + n])
        if text != shown and text.count(" ") > shown.count(" "):
            print(f"    {at / sample_rate:5.2f} s   {text}")
            shown = text
    print(f"    at the end   {stream.finish()}")


def draw(model, recording, path, reference=None):
    plotting.plot_transcription(model, recording, reference=reference).savefig(path, dpi=120)
    print(f"wrote {path}")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--strings", type=int, default=1400, metavar="N", help="to train on (default: %(default)s)")
    parser.add_argument("--max-epochs", type=int, default=30, metavar="N", help="(default: %(default)s)")
    parser.add_argument("--live", action="store_true", help="look at nothing that has not been said yet")
    parser.add_argument("--seed", type=int, default=0, help="of everything that is random (default: %(default)s)")
    parser.add_argument("--model", type=Path, default="digits.rnnbp", help="model file (default: %(default)s)")
    parser.add_argument("--wav", type=Path, nargs="+", help="train nothing, transcribe these files with the model")
    parser.add_argument(
        "--figure", type=plotting.figure_path, metavar="FILE", help="draw a transcription into this file"
    )
    arguments = parser.parse_args()
    for name in ("strings", "max_epochs"):
        if (given := getattr(arguments, name)) < 1:
            parser.error(f"--{name.replace('_', '-')} must be at least 1, but {given} was given")
    return arguments


def main():
    arguments = parse_arguments()
    if arguments.wav:
        try:
            model = rnnbp.CTCTranscriber.load(arguments.model)
            transcribe(arguments.wav, model)
        except (FileNotFoundError, rnnbp.ModelFileError, audio.AudioError) as error:
            raise SystemExit(f"error: {error}") from None
        if arguments.figure:
            draw(model, arguments.wav[0], arguments.figure)
        return
    model = train(arguments)
    wave, text = test(model, arguments.seed)
    model.save(arguments.model)
    print(f"saved as {arguments.model}; read again, it hears in {text!r}:")
    again = rnnbp.CTCTranscriber.load(arguments.model)
    print(f"    {again.predict([wave])[0]}")
    if arguments.live:
        listen(again, wave, again.sample_rate)
    if arguments.figure:
        draw(model, wave, arguments.figure, text)


if __name__ == "__main__":
    main()
