"""ARPA files: what is written is read again, and what is broken is refused, with its line."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnbp.decoding import ArpaError, NGram

# As SRILM and KenLM write them; log10.
FILE = """\
A comment of whatever program has made it.

\\data\\
ngram 1=4
ngram 2=3

\\1-grams:
-99 <s> -0.30103
-0.60206 </s>
-0.47712 one -0.1
-0.30103 two

\\2-grams:
-0.2 <s> one
-0.4 one two
-0.5 one </s>

\\end\\
"""


def written(tmp_path, text):
    path = tmp_path / "model.arpa"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_of_another_program_is_read(tmp_path):
    model = NGram.load_arpa(written(tmp_path, FILE))
    assert model.order == 2
    assert model.vocabulary == ["</s>", "one", "two"]
    assert model.log_probability("two", ["one"]) == pytest.approx(-0.4 * math.log(10))
    assert model.log_probability("one", ["one"]) == pytest.approx((-0.1 - 0.47712) * math.log(10))
    assert model.log_probability("one", ["two"]) == pytest.approx(-0.47712 * math.log(10))
    assert model.log_probability("three") == pytest.approx(-100 * math.log(10))  # it has no <unk>
    assert model.score("one two") == pytest.approx((-0.2 - 0.4 - 0.60206) * math.log(10))


def test_unknown_words_may_be_in_capitals(tmp_path):
    text = FILE.replace("-0.30103 two", "-0.7 <UNK>").replace("one two", "one <UNK>")
    model = NGram.load_arpa(written(tmp_path, text))
    assert model.log_probability("three") == pytest.approx(-0.7 * math.log(10))


def test_a_weight_of_the_longest_n_grams_means_nothing(tmp_path):
    model = NGram.load_arpa(written(tmp_path, FILE.replace("-0.4 one two", "-0.4 one two -0.7")))
    assert model.log_probability("one", ["one", "two"]) == pytest.approx(-0.47712 * math.log(10))


def test_a_file_has_the_numbers_that_other_programs_expect(tmp_path):
    """The word and its end have a discount of 1/2, so (1 - 1/2) / 2 each; the half that is left goes to all three."""
    NGram(1).fit(["one"]).save_arpa(tmp_path / "model.arpa")
    known, unknown = math.log10(0.25 + 0.5 / 3), math.log10(0.5 / 3)
    grams = [f"{known:.9g}\t</s>", "-99\t<s>", f"{unknown:.9g}\t<unk>", f"{known:.9g}\tone"]
    lines = ["\\data\\", "ngram 1=4", "", "\\1-grams:", *grams, "", "\\end\\", ""]
    assert (tmp_path / "model.arpa").read_text().split("\n") == lines


def test_texts_may_be_shorter_than_the_order(tmp_path):
    model = NGram(5).fit(["a"])
    model.save_arpa(tmp_path / "model.arpa")
    assert NGram.load_arpa(tmp_path / "model.arpa").score("a b") == pytest.approx(model.score("a b"), rel=1e-7)


@pytest.mark.parametrize("unit", ["word", "character"])
@pytest.mark.parametrize("order", [1, 2, 4])
def test_what_is_saved_is_loaded(tmp_path, unit, order):
    model = NGram(order, unit=unit).fit(["eins zwei drei", "zwei drei", "größer als drei", "eins"])
    model.save_arpa(tmp_path / "model.arpa")
    loaded = NGram.load_arpa(tmp_path / "model.arpa", unit=unit)
    assert (loaded.order, loaded.unit, loaded.vocabulary) == (order, unit, model.vocabulary)
    assert loaded.log_p == pytest.approx(model.log_p, rel=1e-7)
    assert loaded.backoff == pytest.approx(model.backoff, rel=1e-7)
    assert loaded.score("eins drei vier") == pytest.approx(model.score("eins drei vier"), rel=1e-7)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\\data\\", "data", r"there must be a line \\data\\, but there is none"),
        ("ngram 2=3", "ngram 3=3", r"line 5: 'ngram 2=count' must stand here, but it is 'ngram 3=3'"),
        ("ngram 1=4", "ngram 1=four", r"line 4: 'ngram 1=count' must stand here"),
        ("ngram 1=4\nngram 2=3\n", "", r"line 5: \\data\\ must say how many n-grams there are"),
        ("ngram 1=4", "ngram 1=0", "the model is empty"),
        ("ngram 1=4", "ngram 1=5", r"line 13: there must be 5 1-grams since line 7, but there are 4"),
        ("ngram 2=3", "ngram 2=2", r"line 18: there must be 2 2-grams since line 13, but there are 3"),
        ("\\2-grams:", "\\3-grams:", r"line 13: \\2-grams: must stand here"),
        (
            "-0.4 one two",
            "-0.4 one",
            r"line 15: a 2-gram must be a number, 2 words and maybe a number, but it is '-0.4",
        ),
        ("-0.4 one two", "x one two", r"line 15: a log-probability must be a number of at most 0, but it is 'x'"),
        ("-0.4 one two", "0.4 one two", r"line 15: a log-probability must be a number of at most 0, but it is '0.4'"),
        ("-0.4 one two", "nan one two", r"line 15: a log-probability must be a number"),
        ("-0.4 one two", "-0.4 one three", r"line 15: the words of an n-gram must be 1-grams, but 'three' is none"),
        ("-0.4 one two", "-0.2 <s> one", r"line 15: each n-gram must stand once, but '<s> one' does twice"),
        ("one -0.1", "one much", r"line 10: a backoff weight must be a number, but it is 'much'"),
        ("\\end\\", "", r"line 19: \\end\\ must stand here, but it is '': the file may have been cut"),
    ],
)
def test_a_broken_file_is_refused_with_its_line(tmp_path, old, new, message):
    assert old in FILE
    path = written(tmp_path, FILE.replace(old, new))
    with pytest.raises(ArpaError, match=message) as caught:
        NGram.load_arpa(path)
    assert str(path) in str(caught.value)


@given(st.integers(0, len(FILE) - 8), st.integers(0, 40), st.text(max_size=5))
def test_any_damage_is_refused_or_harmless(tmp_path_factory, at, length, put):
    path = tmp_path_factory.getbasetemp() / "damaged.arpa"
    path.write_text(FILE[:at] + put + FILE[at + length :], encoding="utf-8")
    try:
        model = NGram.load_arpa(path)
    except ArpaError:
        return
    assert math.isfinite(model.score("one two"))


def test_bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "model.arpa"
    path.write_bytes(b"\x80\x81\xff")
    with pytest.raises(ArpaError, match="must be text in UTF-8"):
        NGram.load_arpa(path)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.arpa"):
        NGram.load_arpa(tmp_path / "none.arpa")
