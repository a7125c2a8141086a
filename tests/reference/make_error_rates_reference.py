"""Write error_rates_reference.json: word and character error rates of random texts, computed by jiwer.

Run it with jiwer installed: python tests/reference/make_error_rates_reference.py. The tests only read the file.
"""

import json
import random
from pathlib import Path

import jiwer

rng = random.Random(0)
WORDS = ["a", "ab", "abc", "b", "bc", "one", "once", "Zwei", "größer", "o'clock", "x"]


def text(least):
    return " ".join(rng.choices(WORDS, k=rng.randint(least, 12)))


def changed(words):
    """The text with some words left out, exchanged and put in."""
    result = []
    for word in words.split():
        chance = rng.random()
        result += [] if chance < 0.1 else [rng.choice(WORDS)] if chance < 0.3 else [word]
        result += rng.choices(WORDS, k=rng.randint(1, 2)) if rng.random() < 0.1 else []
    return " ".join(result)


cases = []
for k in range(60):
    references = [text(1) for _ in range(rng.randint(1, 5))]
    hypotheses = [text(0) if k % 3 == 0 else changed(each) for each in references]
    words = jiwer.process_words(references, hypotheses)
    cases.append(
        {
            "references": references,
            "hypotheses": hypotheses,
            "wer": words.wer,
            "errors": words.substitutions + words.deletions + words.insertions,
            "cer": jiwer.cer(references, hypotheses),
        }
    )
Path(__file__).with_name("error_rates_reference.json").write_text(json.dumps(cases, ensure_ascii=False, indent=0))
