"""Speech recognition: real utterances of many speakers, from sound to text, on a laptop.

CMU AN4: 948 utterances of 74 people to learn from (42 minutes), 130 of ten others to be tested on. They spell names and
addresses, and say numbers and commands. A recurrent network in both directions is trained by connectionist temporal
classification: it is told what is said, but not when. Of each utterance it sees two looks at a time, with other parts
of it hidden, and is to write the same of both. Several such networks vote::

    sound -> 40 log-mel bands, 100 frames a second -> convolution, a step for 3 frames -> LSTM layers, both ways
          -> a letter or the blank at each step -> text

Texts are found in two ways: the likeliest letter at each step ("greedy"), or a beam search with the words of the
training texts and an n-gram model of them. Error rates come with 95 % intervals, by drawing utterances again, and, as
those of one speaker are alike, by drawing speakers.

Measured over five seeds (`python -m benchmarks.speech_recognition`): of 773 words the vote of four networks has 48 to
53 wrong without a language model, 6.9 % in the median, and 41 to 45 with a 5-gram, 5.7 %. A network alone has 8.5 %
wrong by the best path, and 6.3 % with the 5-gram.

    python examples/speech_recognition.py                                      # AN4, downloaded once (64 MB)
    python examples/speech_recognition.py --networks 1                         # a quarter of the work, less well
    python examples/speech_recognition.py --live                               # that understands sound as it comes
    python examples/speech_recognition.py --wav my.wav                         # with the model that was saved before
    python examples/speech_recognition.py --folder my_recordings               # train on your own: see --help
"""

import argparse
import time
from pathlib import Path

import numpy as np

import rnnbp
from rnnbp import audio, datasets, metrics, plotting


def load(arguments):
    """Return what to train on, and what to test on: of other speakers."""
    if arguments.folder is None:
        return datasets.fetch_an4("train"), datasets.fetch_an4("test")
    spoken = datasets.load_transcribed_folder(arguments.folder, sample_rate=16000, normalize=str.upper)
    groups = np.arange(len(spoken)) if spoken.speaker is None else spoken.speaker
    chosen = np.random.default_rng(arguments.seed).permutation(np.unique(groups))
    is_tested = np.isin(groups, chosen[: -(-len(chosen) // 10)])
    return spoken.select(~is_tested), spoken.select(is_tested)


def train(learnt, arguments):
    """Fit transcribers, and say what they cost."""
    began = time.perf_counter()
    one = rnnbp.CTCTranscriber(
        learnt.sample_rate,
        hidden_layer_sizes=arguments.hidden,
        bidirectional=not arguments.live,
        n_masks=(1, 3),
        consistency=0.2,
        batch_size=8,
        max_iter=arguments.max_epochs,
        language_model=arguments.order,
        language_model_weight=0.6,
        lexicon=True,
        early_stopping=arguments.early_stopping,
        random_state=arguments.seed,
    )
    several = rnnbp.VotingTranscriber(one, arguments.networks, random_state=arguments.seed)
    model = one if arguments.networks == 1 else several
    model.fit(learnt.waves, learnt.text, groups=learnt.speaker)
    minutes = (time.perf_counter() - began) / 60
    for each in alone(model):
        print(
            f"{each.network_.theta.size} parameters, {each.n_iter_} epochs, loss of an utterance "
            f"{each.loss_curve_[0]:.2f} in the first epoch, {each.loss_curve_[-1]:.2f} in the last"
        )
    print(f"{minutes:.1f} minutes")
    return model


def alone(model):
    """Return the transcribers that vote, or the only one."""
    return getattr(model, "estimators_", [model])


def report(model, heard):
    """Print error rates of both ways to find the text, and what the errors are."""
    seconds = sum(wave.size for wave in heard.waves) / heard.sample_rate
    for name, best_path in (("greedy", True), ("n-gram", False)):
        began = time.perf_counter()
        understood = model.predict(heard.waves, best_path=best_path)
        factor = (time.perf_counter() - began) / seconds
        words = metrics.error_rates(heard.text, understood, groups=heard.speaker)
        characters = metrics.error_rates(heard.text, understood, unit="character")
        print(f"\n{name}: words wrong {words}")
        if heard.speaker is not None:
            low, high = words.confidence_interval(resample="group")
            print(f"{name}: other speakers might give {100 * low:.1f} to {100 * high:.1f} %")
        print(f"{name}: characters wrong {100 * characters.rate:.1f} %; real-time factor {factor:.4f}")
    print("\nmost frequent errors (said, understood):")
    for said, written, n in words.confusions()[:8]:
        print(f"{n:5d}   {said or '-':>12}   {written or '-'}")
    if heard.speaker is not None:
        print("\nwords wrong, by speaker:")
        for speaker, rates in words.by_group().items():
            print(f"{speaker:>12}   {100 * rates.rate:5.1f} %")


def transcribe(paths, model):
    """Print what is said in files, and when."""
    for path, words in zip(paths, model.predict_alignments(paths), strict=True):
        print(f"{path}: {' '.join(word.text for word in words)}")
        for word in words:
            print(f"    {word.start:6.2f} to {word.end:6.2f} s   {word.confidence:4.0%}   {word.text}")


def draw(model, recording, path, reference=None):
    plotting.plot_transcription(alone(model)[0], recording, reference=reference).savefig(path, dpi=120)
    print(f"wrote {path}")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="recordings with a table of file and text; default: AN4")
    parser.add_argument("--hidden", type=int, nargs="+", default=[128, 128], metavar="H", help="units of each layer")
    parser.add_argument("--networks", type=int, default=4, metavar="N", help="that vote (default: %(default)s)")
    parser.add_argument("--max-epochs", type=int, default=20, metavar="N", help="(default: %(default)s)")
    parser.add_argument("--early-stopping", action="store_true", help="hold a tenth of the speakers out")
    parser.add_argument("--live", action="store_true", help="look at nothing that has not been said yet")
    parser.add_argument("--order", type=int, default=5, metavar="N", help="of the n-gram model (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="a small network, some utterances, one epoch: no result")
    parser.add_argument("--seed", type=int, default=0, help="of everything that is random (default: %(default)s)")
    parser.add_argument("--model", type=Path, default="speech.rnnbp", help="model file (default: %(default)s)")
    parser.add_argument("--wav", type=Path, nargs="+", help="train nothing, transcribe these files with the model")
    parser.add_argument(
        "--figure", type=plotting.figure_path, metavar="FILE", help="draw a transcription into this file"
    )
    arguments = parser.parse_args()
    for name in ("max_epochs", "networks", "order"):
        if (given := getattr(arguments, name)) < 1:
            parser.error(f"--{name.replace('_', '-')} must be at least 1, but {given} was given")
    if min(arguments.hidden) < 1:
        parser.error(f"--hidden must be at least 1, but {min(arguments.hidden)} was given")
    return arguments


def main():
    arguments = parse_arguments()
    if arguments.wav:
        try:
            model = rnnbp.load(arguments.model)
            transcribe(arguments.wav, model)
        except (FileNotFoundError, rnnbp.ModelFileError, audio.AudioError) as error:
            raise SystemExit(f"error: {error}") from None
        if arguments.figure:
            draw(model, arguments.wav[0], arguments.figure)
        return
    try:
        learnt, heard = load(arguments)
    except (OSError, ValueError) as error:  # AN4 is downloaded
        raise SystemExit(f"error: {error}") from None
    if arguments.quick:
        learnt, heard = learnt.select(np.arange(0, len(learnt), 12)), heard.select(np.arange(0, len(heard), 5))
        arguments.hidden, arguments.max_epochs, arguments.networks = [16], 1, 2
    print(f"train: {learnt!r}\ntest:  {heard!r}")
    model = train(learnt, arguments)
    report(model, heard)
    model.save(arguments.model)
    print(f"\nsaved as {arguments.model}; the words of the first utterance of the test:")
    (words,) = rnnbp.load(arguments.model).predict_alignments(heard.waves[:1])
    for word in words:
        print(f"    {word.start:6.2f} to {word.end:6.2f} s   {word.confidence:4.0%}   {word.text}")
    if arguments.figure:
        draw(model, heard.waves[0], arguments.figure, heard.text[0])


if __name__ == "__main__":
    main()
