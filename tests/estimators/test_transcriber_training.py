"""What a transcriber hears and learns from, piece by piece: no network is trained here."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from rnnbp import History
from rnnbp.audio import AudioError
from rnnbp.estimators.alphabet import Alphabet
from rnnbp.estimators.live import LiveTranscription
from rnnbp.estimators.transcriber_training import (
    Masking,
    NotBetter,
    check_groups,
    check_room,
    hold_out,
    understood,
    with_copies,
)
from rnnbp.estimators.utterances import Ear, check_features

RATE = 4000
EAR = Ear.of(RATE, n_mels=12, hop_length=0.01, live=False)
HOP = 40


def noise(n, seed=0):
    return (0.1 * np.random.default_rng(seed).standard_normal(n)).astype(np.float32)


# -- features and sound ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given", [np.ones((1, 1)), np.ones((2, 3), int), np.ones((2, 3), np.float32), [[0, 1], [2, 3]]]
)
def test_features_are_any_table_of_numbers(given):
    (found,) = check_features([given])
    assert found.dtype == np.float32
    assert_array_equal(found, given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "X must hold at least one utterance, but it is empty"),
        (
            [np.ones((2, 3)), np.ones(3)],
            r"utterance 1 must be features of shape \(T, F\), but its shape is \(3,\): for",
        ),
        ([np.ones((0, 3))], r"utterance 0 must be features .* but float64 of shape \(0, 3\) was given"),
        ([np.ones((3, 0))], r"utterance 0 must be features .* but float64 of shape \(3, 0\) was given"),
        ([np.ones((1, 2, 3))], r"but float64 of shape \(1, 2, 3\) was given"),
        ([np.ones((2, 3), bool)], r"but bool of shape \(2, 3\) was given"),
        ([np.ones((2, 3), complex)], r"but complex128 of shape \(2, 3\) was given"),
        ([np.ones((2, 3)), np.ones((2, 4))], "utterance 1 must have 3 features a frame, but it has 4"),
        ([np.ones((2, 3)), np.full((2, 3), np.inf)], "utterance 1 must hold finite numbers only"),
    ],
)
def test_what_are_no_features_is_named(given, message):
    with pytest.raises(ValueError, match=message):
        check_features(given)


def test_a_recording_of_one_frame_is_the_shortest_that_is_heard():
    (features,) = EAR([noise(EAR.shortest)])
    assert len(features) == EAR.n_frames(noise(EAR.shortest))
    with pytest.raises(AudioError, match=f"recording 1 must have at least {EAR.shortest} samples, one frame, but it h"):
        EAR([noise(400), noise(EAR.shortest - 1)])


@pytest.mark.parametrize("n", [10 * HOP - 1, 10 * HOP, 10 * HOP + 1])
def test_how_many_frames_a_recording_has_is_known_before_they_are_made(n):
    assert EAR.n_frames(noise(n)) == len(EAR([noise(n)])[0])


@pytest.mark.parametrize(("n", "said"), [(3000, False), (2999, True)])
def test_clipped_is_what_stands_at_the_end_of_the_range_in_more_than_a_thousandth(n, said, recwarn):
    wave = noise(n)
    wave[10:13] = 1.0
    EAR.hear([wave])
    assert [str(each.message)[:41] for each in recwarn] == ["recording 0 (0.1 % of its samples) is cli"] * said


def test_nothing_is_printed(capfd):
    EAR(EAR.hear([noise(2000)]))
    assert capfd.readouterr() == ("", "")


class Said:
    """A network that puts out given classes."""

    def stream(self):
        return self

    def reset(self):
        pass

    def push(self, frames):
        return np.eye(3)[frames[:, 0].astype(int)]


def test_a_live_text_has_each_class_once_as_long_as_it_lasts():
    heard = LiveTranscription(Said(), Alphabet("ab"), None)
    assert heard.push(np.array([[1.0], [1.0], [2.0]])) == "ab"
    assert heard.push([2.0]) == "ab"
    assert heard.push([0.0]) == "ab"
    assert heard.push([2.0]) == "abb"
    heard.reset()
    assert heard.push([2.0]) == "b"
    assert heard.finish() == "b"


# -- what is learnt from -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "least"), [([1, 2], 3), ([1, 1], 5), ([1], 1), ([], 0), ([2, 2, 2], 9)])
def test_a_text_needs_a_step_a_character_and_one_between_two_that_are_the_same(text, least):
    labels, texts = [np.array([1, 2]), np.array(text, int)], ["ab", "it"]
    check_room(np.array([3, least]), labels, texts, stride=2, hop_length=0.01)
    if least:
        with pytest.raises(
            ValueError, match=r"have a step of 0\.02 s .* but utterance 1 has .* s, \d steps, and 'it' n"
        ):
            check_room(np.array([3, least - 1]), labels, texts, stride=2, hop_length=0.01)


@pytest.mark.parametrize(("n_steps", "kept"), [(6, True), (7, False)])
def test_a_copy_is_made_of_a_recording_that_has_as_many_steps_as_its_text_needs(n_steps, kept):
    """Of 800 samples 21 frames; twice as fast 11, which are 6 steps of two frames."""
    labels = [np.arange(1, n_steps + 1)]
    x, chosen = with_copies(EAR, [noise(800)], np.array([0]), labels, speeds=[2.0], stride=2)
    assert [len(each) for each in x] == [21, 11][: 1 + kept]
    assert chosen == [0, 0][: 1 + kept]


@pytest.mark.parametrize(("fewer", "kept"), [(0, True), (1, False)])
def test_a_copy_is_no_shorter_than_a_frame(fewer, kept):
    wave = noise(2 * (EAR.shortest - fewer))
    _, chosen = with_copies(EAR, [noise(800), wave], np.array([0, 1]), [np.array([1])] * 2, speeds=[2.0], stride=2)
    assert chosen == [0, 1, 0, 1][: 3 + kept]


def test_copies_belong_to_the_recordings_that_are_kept():
    waves = [noise(n, n) for n in (400, 800, 1200)]
    x, chosen = with_copies(EAR, waves, np.array([0, 2]), [np.array([1])] * 3, speeds=[0.5, 2.0], stride=2)
    assert chosen == [0, 2] * 3
    assert [len(each) for each in x] == [11, 31, 21, 61, 6, 16]


def test_whole_groups_are_held_out():
    groups = np.array(["ann", "bob", "ann", "eve", "bob", "eve"])
    for seed in range(5):
        kept, held_out = hold_out(6, groups, 0.3, np.random.RandomState(seed))
        assert_array_equal(np.sort(np.concatenate([kept, held_out])), np.arange(6))
        assert len(set(groups[held_out])) == 1
        assert not set(groups[held_out]) & set(groups[kept])
        assert (np.diff(kept) > 0).all()


def test_one_of_two_is_enough_to_hold_out():
    assert sorted(map(len, hold_out(2, None, 0.5, np.random.RandomState(0)))) == [1, 1]
    with pytest.raises(ValueError, match="only one utterance"):
        hold_out(1, None, 0.5, np.random.RandomState(0))
    with pytest.raises(ValueError, match="only one group"):
        hold_out(3, np.zeros(3), 0.5, np.random.RandomState(0))
    with pytest.raises(ValueError, match=r"must leave some of the 2 utterances to train on, but 0\.9 was given"):
        hold_out(2, None, 0.9, np.random.RandomState(0))


def test_there_is_a_group_for_each_utterance():
    assert check_groups(None, 3) is None
    assert_array_equal(check_groups([2, 2, 1], 3), [2, 2, 1])
    with pytest.raises(ValueError, match=r"groups must be one for each of the 3 utterances, but their shape is \(2,\)"):
        check_groups([1, 2], 3)


@pytest.mark.parametrize(
    ("n_frames", "n_features", "longest", "widest"), [(200, 40, 25, 8), (100, 40, 15, 8), (100, 2, 15, 1)]
)
def test_masks_hide_up_to_a_fifth_of_the_bands_and_a_quarter_of_a_second(n_frames, n_features, longest, widest):
    frames, rng = noise(n_frames * n_features).reshape(n_frames, n_features), np.random.default_rng(0)
    bands, stretches = set(), set()
    for _ in range(500):
        changed = Masking(noise=0.0, n_bands=1, n_stretches=1)(frames, rng) != frames
        bands.add(int(changed.all(axis=0).sum()))
        stretches.add(int(changed.all(axis=1).sum()))
    assert bands == set(range(widest + 1))
    assert stretches == set(range(longest + 1))


def test_several_masks_are_several():
    frames = noise(4000).reshape(100, 40)
    changed = [
        Masking(noise=0.0, n_bands=3, n_stretches=3)(frames, np.random.default_rng(seed)) != frames
        for seed in range(50)
    ]
    assert max(each.all(axis=0).sum() for each in changed) > 8
    assert max(each.all(axis=1).sum() for each in changed) > 15


@pytest.mark.parametrize(("axis", "n_bands", "n_stretches"), [(0, 2, 0), (1, 0, 2)])
def test_bands_and_stretches_have_a_number_each(axis, n_bands, n_stretches):
    frames, masking = noise(4000).reshape(100, 40), Masking(noise=0.0, n_bands=n_bands, n_stretches=n_stretches)
    changed = [masking(frames, np.random.default_rng(seed)) != frames for seed in range(50)]
    assert max(each.all(axis=axis).sum() for each in changed) > 4
    assert not any(each.all(axis=1 - axis).any() for each in changed)


def test_noise_has_the_deviation_that_was_asked_for():
    frames = np.ones((500, 40), np.float32)
    found = Masking(noise=0.5, n_bands=0, n_stretches=0)(frames, np.random.default_rng(0))
    assert found.dtype == np.float32
    assert found.mean() == pytest.approx(1.0, abs=0.02)
    assert found.std() == pytest.approx(0.5, abs=0.01)
    assert_array_equal(Masking(noise=0.0, n_bands=0, n_stretches=0)(frames, np.random.default_rng(0)), frames)


def test_what_was_understood_is_one_minus_the_share_of_wrong_characters():
    logits = [10.0 * np.eye(3)[[1, 0, 2]], 10.0 * np.eye(3)[[0, 1, 1]]]
    assert understood([np.array([1, 2]), np.array([1])], logits) == 1.0
    assert understood([np.array([1, 1]), np.array([1, 2])], logits) == pytest.approx(0.5)


@pytest.mark.parametrize(("best", "ends"), [(0.0, False), (0.1, False), (0.11, True)])
def test_training_does_not_end_before_something_was_understood(best, ends):
    history = History(loss=[1.0] * 4, validation_score=[best, 0.0, 0.0, 0.0], monitor="score")
    assert NotBetter(2)(None, history) == ends
