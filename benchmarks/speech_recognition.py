"""Real speech: AN4's official split, five seeds.

python -m benchmarks.speech_recognition --json FILE              # all seeds; 20 to 25 minutes of the processor each
python -m benchmarks.speech_recognition --seeds 0                # one of them
python -m benchmarks.speech_recognition --held-out               # nothing of the test: twelve speakers of the training
                                                                 # set are held out, as when settings were chosen
python -m benchmarks.speech_recognition --held-out --networks 1 --set '{"dropout": 0.3, "max_iter": 30}'

Words and characters that are wrong, with nothing but the networks, and with an n-gram of the training texts and their
words. For each seed four networks of two layers of 128 units in each direction are trained, and vote; what each of them
writes alone, by the best path and by a search with the n-gram, is counted too. Settings that are not in `BEST` are
`CTCTranscriber`'s defaults. 773 words of ten speakers are tested. The processor's time is that of training, over all
threads.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.report import machine
from rnnbp import CTCTranscriber, VotingTranscriber, datasets, metrics
from rnnbp.datasets import TranscribedDataset

BEST: dict[str, Any] = {
    "hidden_layer_sizes": [128, 128],
    "consistency": 0.2,
    "n_masks": [1, 3],
    "batch_size": 8,
    "max_iter": 20,
    "language_model": 5,
    "language_model_weight": 0.6,
    "lexicon": True,
}
N_HELD_OUT = 12  # speakers
DRAWN_WITH = 7


class Result(NamedTuple):
    """What a seed came to; of each network alone, and of their vote."""

    seed: int
    words: int
    wrong_of_each: list[int]  # by the best path
    wrong_of_each_with_language_model: list[int]
    wrong: int  # of the vote
    wrong_with_language_model: int
    characters: float  # rates, of the vote
    characters_with_language_model: float
    minutes: float
    processor_minutes: float

    def __str__(self) -> str:
        def share(wrong: int, rate: float) -> str:
            return f"{wrong} wrong ({100 * wrong / self.words:.1f} %, of the characters {100 * rate:.1f} %)"

        return (
            f"seed {self.seed}: of {self.words} words {share(self.wrong, self.characters)}, with the n-gram "
            f"{share(self.wrong_with_language_model, self.characters_with_language_model)}; networks alone "
            f"{self.wrong_of_each} and {self.wrong_of_each_with_language_model}; trained {self.minutes:.1f} minutes, "
            f"{self.processor_minutes:.1f} of the processor"
        )


def split(held_out: bool) -> tuple[TranscribedDataset, TranscribedDataset]:
    """Return what to train on, and what to test on."""
    learnt = datasets.fetch_an4("train")
    if not held_out:
        return learnt, datasets.fetch_an4("test")
    speakers = np.random.default_rng(DRAWN_WITH).permutation(np.unique(learnt.speaker))[:N_HELD_OUT]
    is_held_out = np.isin(learnt.speaker, speakers)
    return learnt.select(~is_held_out), learnt.select(is_held_out)


def measure(seed: int, n_networks: int, settings: Mapping[str, Any], held_out: bool) -> Result:
    """Train with one seed, and count what is wrong."""
    learnt, heard = split(held_out)
    model = VotingTranscriber(CTCTranscriber(learnt.sample_rate, **settings), n_networks, random_state=seed)
    began, worked = time.perf_counter(), time.process_time()
    model.fit(learnt.waves, learnt.text, groups=learnt.speaker)
    minutes, worked = (time.perf_counter() - began) / 60, (time.process_time() - worked) / 60

    def counted(model: CTCTranscriber | VotingTranscriber, *, best_path: bool, unit: str = "word") -> Any:
        return metrics.error_rates(heard.text, model.predict(heard.waves, best_path=best_path), unit=unit)

    alone = [[counted(each, best_path=free).errors for each in model.estimators_] for free in (True, False)]
    voted = [counted(model, best_path=free) for free in (True, False)]
    rates = [counted(model, best_path=free, unit="character").rate for free in (True, False)]
    wrong = [each.errors for each in voted]
    return Result(seed, voted[0].n_reference, *alone, *wrong, *rates, minutes, worked)


def summary(results: Sequence[Result]) -> str:
    """Return medians over seeds."""
    words = results[0].words
    lines = []
    for name, counts in (
        ("a network alone, by the best path", [n for each in results for n in each.wrong_of_each]),
        ("a network alone, with the n-gram", [n for each in results for n in each.wrong_of_each_with_language_model]),
        ("their vote", [each.wrong for each in results]),
        ("their vote, with the n-gram", [each.wrong_with_language_model for each in results]),
    ):
        lines.append(
            f"{name}: median of {len(counts)} {np.median(counts):g} of {words} words wrong "
            f"({100 * np.median(counts) / words:.1f} %), {min(counts)} to {max(counts)}"
        )
    return "\n".join(lines)


def read(path: Path, what: Mapping[str, Any]) -> dict[int, Result]:
    """Return what an earlier run with the same settings has found, by seed."""
    if not path.exists():
        return {}
    found = json.loads(path.read_text())
    if any(found.get(name) != value for name, value in what.items()):
        raise SystemExit(f"error: {path} has results of other settings: write to another file, or remove it")
    return {each["seed"]: Result(**each) for each in found["seeds"]}


def write(path: Path, what: Mapping[str, Any], done: Mapping[int, Result]) -> None:
    """Write all results."""
    path.parent.mkdir(parents=True, exist_ok=True)
    found = {"machine": machine(), **what, "seeds": [done[seed]._asdict() for seed in sorted(done)]}
    path.write_text(json.dumps(found, indent=1) + "\n")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speech_recognition",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4], metavar="N")
    parser.add_argument(
        "--held-out", action="store_true", help="train on a part of the training speakers, test on others"
    )
    parser.add_argument("--networks", type=int, default=4, metavar="N", help="that vote (default: %(default)s)")
    parser.add_argument("--set", type=json.loads, default={}, metavar="JSON", help="settings in the place of the best")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep results in it, seed by seed, and go on from it")
    options = parser.parse_args(arguments)
    given = BEST | options.set
    settings = CTCTranscriber(**given).get_params()  # the defaults, too
    what = {"settings": settings, "networks": options.networks, "held out": options.held_out}
    what = json.loads(json.dumps(what))
    done = {} if options.json is None else read(options.json, what)
    for seed in options.seeds:
        if seed not in done:
            done[seed] = measure(seed, options.networks, given, options.held_out)
            if options.json is not None:
                write(options.json, what, done)
        print(done[seed], flush=True)
    print(summary([done[seed] for seed in options.seeds]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
