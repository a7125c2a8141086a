"""N-gram models: probabilities worked out by hand, and what must hold for any texts."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnbp.decoding import NGram
from rnnbp.decoding.kneser_ney import discounts_of

TEXTS = ["a b", "a b", "a c"]
texts_of_words = st.lists(st.lists(st.sampled_from("abcd"), max_size=8), min_size=1, max_size=12).filter(any)


def test_probabilities_are_those_worked_out_by_hand():
    """Plain Kneser-Ney for the unigrams (nothing has three words before it), modified for the bigrams.

    Different words before a, b, c, </s>: 1, 1, 1, 2, so n1 = 3, n2 = 1, D = 3/5, γ = 4 * 3/5 / 5; 5 words can follow.
    Bigrams: <s> a 3, a b 2, a c 1, b </s> 2, c </s> 1, so Y = 2/6, D1 = 1 - 2/3, D2 = 2 - 1/2, D3 = 3.
    """
    model = NGram(2).fit(TEXTS)
    of_word, of_end, of_unknown = 0.4 / 5 + 0.48 / 5, 1.4 / 5 + 0.48 / 5, 0.48 / 5
    assert math.exp(model.log_probability("b")) == pytest.approx(of_word, rel=1e-12)
    assert math.exp(model.log_probability("</s>")) == pytest.approx(of_end, rel=1e-12)
    assert math.exp(model.log_probability("never")) == pytest.approx(of_unknown, rel=1e-12)
    gamma = (1.5 + 1 / 3) / 3
    assert math.exp(model.log_probability("b", ["a"])) == pytest.approx(0.5 / 3 + gamma * of_word, rel=1e-12)
    assert math.exp(model.log_probability("c", ["a"])) == pytest.approx((1 - 1 / 3) / 3 + gamma * of_word, rel=1e-12)
    assert math.exp(model.log_probability("a", ["a"])) == pytest.approx(gamma * of_word, rel=1e-12)
    assert math.exp(model.log_probability("a", ["<s>"])) == pytest.approx(0.0 + 3 / 3 * of_word, rel=1e-12)


@pytest.mark.parametrize(
    ("counts", "discounts"),
    [
        ([1, 1, 1, 1, 2, 2, 3, 4], (1 / 2, 2 - 3 / 4, 3 - 2)),
        ([1, 2, 3, 3], (1 / 3, 1 / 3, 1 / 3)),  # D_2 would be 0, which would leave nothing to shorter histories
        ([1, 1, 2, 4], (1 / 2, 1 / 2, 1 / 2)),
        ([1, 1, 3, 4], (1 / 2, 1 / 2, 1 / 2)),
        ([2, 3, 3], (1 / 2, 1 / 2, 1 / 2)),
        ([5], (1 / 2, 1 / 2, 1 / 2)),
    ],
)
def test_discounts_are_those_worked_out_by_hand(counts, discounts):
    assert discounts_of({(str(k),): c for k, c in enumerate(counts)}) == pytest.approx(discounts, rel=1e-12)


@given(texts_of_words, st.integers(1, 4), st.lists(st.sampled_from(["a", "b", "c", "d", "<s>", "e"]), max_size=4))
def test_probabilities_of_all_that_can_follow_sum_to_one(texts, order, context):
    model = NGram(order).fit(texts)
    total = sum(math.exp(model.log_probability(word, context)) for word in model.vocabulary)
    assert total == pytest.approx(1.0, rel=1e-10)


@given(texts_of_words, st.integers(2, 4))
def test_probabilities_follow_the_equations(texts, order):
    """Against the equations written down recursively, from a list of all n-grams."""
    model = NGram(order).fit(texts)
    padded = [["<s>", *text, "</s>"] for text in texts]

    def grams(n):
        return [tuple(text[i : i + n]) for text in padded for i in range(len(text) - n + 1)]

    def c(gram):
        if len(gram) == order or gram[0] == "<s>":
            return grams(len(gram)).count(gram)
        return len({each for each in grams(len(gram) + 1) if each[1:] == gram})

    def discounts(n):
        counts = [c(gram) for gram in set(grams(n)) if gram != ("<s>",)]
        n1, n2, n3, n4 = (counts.count(k) for k in (1, 2, 3, 4))
        y = n1 / (n1 + 2 * n2) if n1 else 0.5
        if n1 and n2 and n3:
            d = (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
            if all(0 < each <= k for k, each in enumerate(d, 1)):
                return d
        return (0.5 if y == 1.0 else y,) * 3

    words = {gram[0] for gram in grams(1)} - {"<s>"} | {"<unk>"}
    by_order = {n: discounts(n) for n in range(1, order + 1)}

    def p(word, history):
        following = [c((*history, each)) for each in words]
        d = [0.0, *by_order[len(history) + 1]]
        below = p(word, history[1:]) if history else 1 / len(words)
        if not sum(following):
            return below
        own = c((*history, word))
        gamma = sum(d[min(each, 3)] for each in following) / sum(following)
        return (own - d[min(own, 3)]) / sum(following) + gamma * below

    rng = np.random.default_rng(0)
    for _ in range(5):
        text = padded[rng.integers(len(padded))]
        end = rng.integers(1, len(text))
        history = tuple(text[max(0, end - order + 1) : end])
        for word in (text[end], "a", "</s>"):
            if word in words:
                assert math.exp(model.log_probability(word, history)) == pytest.approx(p(word, history), rel=1e-10)


def test_a_text_s_score_is_the_sum_of_its_words_and_its_end():
    model = NGram(3).fit(TEXTS)
    expected = sum(
        model.log_probability(*each) for each in [("a", ["<s>"]), ("c", ["<s>", "a"]), ("</s>", ["<s>", "a", "c"])]
    )
    assert model.score("a c") == pytest.approx(expected, rel=1e-12)
    assert model.score(["a", "c"]) == model.score("a c")
    assert model.perplexity(["a c"]) == pytest.approx(math.exp(-expected / 3), rel=1e-12)


def test_longer_histories_tell_more():
    texts = ["the cat sat", "a dog ran", "the cat ran", "a dog sat"] * 3
    assert NGram(3).fit(texts).perplexity(texts) < NGram(1).fit(texts).perplexity(texts)


def test_a_model_of_characters_takes_spaces_for_characters():
    model = NGram(3, unit="character").fit(["ab ba", "ba ab"])
    assert model.vocabulary == [" ", "</s>", "<unk>", "a", "b"]
    assert model.score("ab") == pytest.approx(
        model.log_probability("a", ["<s>"])
        + model.log_probability("b", ["<s>", "a"])
        + model.log_probability("</s>", ["a", "b"]),
    )


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([], "texts must hold at least one word, but none was given"),
        (["", "  "], "texts must hold at least one word"),
        ("one text", "texts must be a list of texts, but the one text 'one text' was given"),
        (["a </s> b"], "words other than <s> and </s> and without spaces, but '</s>' was given"),
        ([["a", "b c"]], "without spaces, but 'b c' was given"),
        ([["a", 3]], "but 3 was given"),
    ],
)
def test_what_are_no_texts_is_refused(texts, message):
    with pytest.raises(ValueError, match=message):
        NGram(2).fit(texts)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"order": 0}, "order must be a whole number of at least 1, but 0 was given"),
        ({"order": 2.5}, "order must be a whole number"),
        ({"order": 2, "unit": "phone"}, "unit must be one of .*, but 'phone' was given"),
        ({"order": 2, "unit": [0] * 3000}, r"^.{0,100}, but \[0, 0, .{0,300}\.\.\. was given$"),
    ],
)
def test_settings_that_make_no_sense_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        NGram(**arguments)


@pytest.mark.parametrize("use", [lambda m: m.score("a"), lambda m: m.log_probability("a"), lambda m: m.save_arpa("x")])
def test_an_empty_model_says_that_it_is(use):
    with pytest.raises(ValueError, match=r"must have been fitted or loaded, but the empty NGram\(2\)  # 0 n-grams was"):
        use(NGram(2))


def test_a_model_is_shown_with_its_unit_if_that_is_not_the_usual_one():
    assert repr(NGram(1, unit="character").fit(["ab"])) == "NGram(1, unit='character')  # 4 n-grams"
