"""`AudioFeatures` as a transformer: lists, files, workers, the cache, scikit-learn, and the input it refuses."""

import json
import os
import time
import warnings

import joblib
import numpy as np
import pytest
import soundfile
from sklearn import config_context
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from rnnbp import audio
from rnnbp.audio import AudioError, AudioFeatures


def make_wave(seed, n_samples=2400):
    rng = np.random.default_rng(seed)
    frequency = rng.uniform(200, 1500)
    wave = 0.3 * np.sin(2 * np.pi * frequency * np.arange(n_samples) / 8000) + 0.01 * rng.standard_normal(n_samples)
    return wave.astype(np.float32)


@pytest.fixture
def waves():
    return [make_wave(seed, 1600 + 80 * seed) for seed in range(6)]


@pytest.fixture
def paths(tmp_path, waves):
    names = [tmp_path / f"{index}.wav" for index in range(len(waves))]
    for name, wave in zip(names, waves, strict=True):
        soundfile.write(name, wave, 8000)
    return names


def assert_same(left, right):
    assert len(left) == len(right)
    for one, other in zip(left, right, strict=True):
        np.testing.assert_array_equal(one, other)


# What it gives ------------------------------------------------------------------------------------------------


def test_a_file_and_the_waveform_loaded_from_it_have_the_same_features(paths):
    features = AudioFeatures(8000)
    assert_same(features.transform(paths), features.transform([audio.load(path, 8000) for path in paths]))


def test_a_file_at_another_rate_is_resampled(tmp_path):
    soundfile.write(tmp_path / "high.wav", make_wave(0), 22050)
    path = tmp_path / "high.wav"
    features = AudioFeatures(8000)
    assert_same(features.transform([str(path)]), features.transform([audio.load(path, 8000)]))


def test_waveforms_and_paths_may_be_mixed(waves, paths):
    assert len(AudioFeatures(8000).transform([waves[0], paths[1], str(paths[2])])) == 3


def test_rows_of_an_array_are_recordings(waves):
    rows = np.stack([wave[:1600] for wave in waves])
    assert_same(AudioFeatures(8000).transform(rows), AudioFeatures(8000).transform(list(rows)))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_features_are_float32(waves, dtype):
    assert AudioFeatures(8000).transform([waves[0].astype(dtype)])[0].dtype == np.float32


def test_waveforms_are_not_changed(waves):
    before = waves[0].copy()
    AudioFeatures(8000, trim=20.0, deltas=2).transform([waves[0]])
    np.testing.assert_array_equal(waves[0], before)


def test_a_recording_does_not_depend_on_the_others(waves):
    features = AudioFeatures(8000)
    assert_same(features.transform(waves)[2:3], features.transform([waves[2]]))


def test_a_very_quiet_recording_is_not_silent(tmp_path):
    soundfile.write(tmp_path / "quiet.wav", 3 / 32768 * np.sign(make_wave(0)), 8000)
    [features] = AudioFeatures(8000).transform([tmp_path / "quiet.wav"])
    assert features.std() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("kind", ["log_mel", "mfcc"])
def test_the_mean_of_each_feature_can_be_taken_away_and_nothing_else(waves, kind):
    [whole] = AudioFeatures(8000, kind=kind, deltas=1, normalize=None).transform(waves[:1])
    [centred] = AudioFeatures(8000, kind=kind, deltas=1, normalize="mean").transform(waves[:1])
    np.testing.assert_allclose(centred, whole - whole.mean(axis=0), atol=1e-4)
    assert centred.dtype == np.float32
    assert centred.std() > 1.5  # still in dB


@pytest.mark.parametrize("normalize", ["mean", "utterance"])
def test_normalized_features_do_not_depend_on_the_gain(waves, normalize):
    features = AudioFeatures(8000, normalize=normalize)
    np.testing.assert_allclose(*features.transform([waves[0], 0.25 * waves[0]]), atol=1e-3)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"n_mels": 2}, ["log_mel_0", "log_mel_1"]),
        ({"n_mels": 1}, ["log_mel_0"]),
        ({"kind": "mfcc", "n_mels": 2, "n_mfcc": 2}, ["mfcc_0", "mfcc_1"]),
        ({"kind": "mfcc", "n_mfcc": 1, "deltas": 2}, ["mfcc_0", "delta_mfcc_0", "delta2_mfcc_0"]),
    ],
)
def test_every_column_has_a_name(waves, options, names):
    features = AudioFeatures(8000, **options)
    assert features.get_feature_names_out().tolist() == names
    assert features.transform(waves[:1])[0].shape[1] == len(names)


# How it is computed -------------------------------------------------------------------------------------------


def test_two_workers_give_the_same_bits_as_one(waves, paths):
    recordings = [*waves, *paths]
    assert_same(AudioFeatures(8000, n_jobs=2).transform(recordings), AudioFeatures(8000).transform(recordings))


def test_n_jobs_is_the_number_of_workers(waves, monkeypatch):
    asked = []
    parallel = joblib.Parallel
    monkeypatch.setattr(joblib, "Parallel", lambda n_jobs, **rest: asked.append(n_jobs) or parallel(n_jobs=1, **rest))
    AudioFeatures(8000, n_jobs=3).transform(waves)
    assert asked == [3]


def test_an_error_in_a_worker_names_the_recording(waves):
    with pytest.raises(AudioError, match="recording 1 has 10 samples"):
        AudioFeatures(8000, n_jobs=2).transform([waves[0], waves[1][:10], *waves])


def replace_keeping_size_and_time(path, wave):
    status = os.stat(path)
    soundfile.write(path, wave, 8000)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_the_cache_is_used_instead_of_computing_again(tmp_path, paths, waves):
    features = AudioFeatures(8000, memory=tmp_path / "cache")
    first = features.transform(paths[:1])
    replace_keeping_size_and_time(paths[0], waves[0][::-1])  # only a cache could still know the first recording
    assert_same(features.transform(paths[:1]), first)


def test_the_cache_knows_a_waveform_again(tmp_path, waves, monkeypatch):
    features = AudioFeatures(8000, memory=str(tmp_path / "cache"))
    first = features.transform(waves)
    monkeypatch.setattr("rnnbp.audio.frontend.Frontend.__call__", lambda *_: pytest.fail("computed again"))
    assert_same(features.transform(waves), first)


def test_a_file_written_anew_is_computed_anew(tmp_path, paths, waves):
    features = AudioFeatures(8000, memory=tmp_path / "cache")
    features.transform(paths[:1])
    soundfile.write(paths[0], waves[1], 8000)
    assert_same(features.transform(paths[:1]), AudioFeatures(8000).transform(paths[:1]))


def test_the_cache_tells_files_of_the_same_relative_name_apart(tmp_path, waves, monkeypatch):
    features = AudioFeatures(8000, memory=tmp_path / "cache")
    results = []
    for folder, wave in {"one": waves[0], "two": waves[0][::-1]}.items():
        (tmp_path / folder).mkdir()
        monkeypatch.chdir(tmp_path / folder)
        soundfile.write("wave.wav", wave, 8000)
        os.utime("wave.wav", (1e9, 1e9))
        results += features.transform(["wave.wav"])
    assert not np.array_equal(*results)


def test_other_settings_are_not_found_in_the_cache(tmp_path, waves):
    folder = tmp_path / "cache"
    AudioFeatures(8000, memory=folder).transform(waves)
    other = AudioFeatures(8000, memory=folder, kind="mfcc").transform(waves)
    assert_same(other, AudioFeatures(8000, kind="mfcc").transform(waves))


def test_there_is_no_progress_bar_unless_asked_for_or_on_a_terminal(waves, capsys):
    AudioFeatures(8000).transform(waves)
    AudioFeatures(8000, progress=False).transform(waves)
    assert capsys.readouterr().err == ""
    AudioFeatures(8000, progress=True).transform(waves)
    assert "audio features: 100%" in capsys.readouterr().err


@pytest.mark.parametrize("terminal", [False, True])
def test_where_the_work_takes_long_there_is_a_progress_bar_on_a_terminal(waves, capsys, monkeypatch, terminal):
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    monkeypatch.setattr("rnnbp.audio.frontend.Frontend.__call__", lambda *_: time.sleep(1.1))
    AudioFeatures(8000).transform(waves[:1])
    assert ("audio features: 100%" in capsys.readouterr().err) is terminal


# scikit-learn -------------------------------------------------------------------------------------------------


def test_it_can_be_cloned(waves):
    features = AudioFeatures(8000, kind="mfcc", deltas=1, trim=30.0, n_jobs=1)
    copy = clone(features)
    assert copy is not features
    assert copy.get_params() == features.get_params()
    assert_same(copy.transform(waves), features.transform(waves))


def test_parameters_can_be_set(waves):
    features = AudioFeatures(8000).set_params(kind="mfcc", n_mfcc=5)
    assert features.transform(waves)[0].shape[1] == 5


def test_it_needs_no_fit_and_fit_returns_it(waves):
    features = AudioFeatures(8000)
    before = features.transform(waves)
    assert features.fit(waves) is features
    assert_same(features.transform(waves), before)
    assert_same(AudioFeatures(8000).fit_transform(waves), before)


def test_scikit_learn_takes_it_for_fitted_and_leaves_its_lists_alone(waves):
    features = AudioFeatures(8000)
    check_is_fitted(features)
    with config_context(transform_output="pandas"):
        assert isinstance(features.transform(waves), list)


def test_scikit_learn_is_told_that_it_takes_recordings_and_paths_and_no_tables():
    tags = get_tags(AudioFeatures(8000))
    assert (tags.input_tags.two_d_array, tags.input_tags.string, tags.no_validation) == (False, True, True)


def average(list_of_features):
    return np.stack([features.mean(axis=0) for features in list_of_features])


def test_it_works_in_a_pipeline_under_cross_validation():
    low = [0.3 * np.sin(2 * np.pi * (300 + 5 * k) * np.arange(1600) / 8000) for k in range(12)]
    high = [0.3 * np.sin(2 * np.pi * (1500 + 5 * k) * np.arange(1600) / 8000) for k in range(12)]
    pipeline = make_pipeline(
        AudioFeatures(8000, normalize=None), FunctionTransformer(average), LogisticRegression(max_iter=2000)
    )
    assert cross_val_score(pipeline, low + high, ["low"] * 12 + ["high"] * 12, cv=3).mean() == 1


def test_settings_survive_json(waves):
    features = AudioFeatures(
        np.int64(8000), kind="mfcc", n_mels=np.int32(30), f_min=np.float32(50), trim=25.0, n_jobs=2
    )
    stored = json.loads(json.dumps(features.settings()))
    assert "n_jobs" not in stored
    assert_same(AudioFeatures.from_settings(stored).transform(waves), features.set_params(n_jobs=None).transform(waves))


def test_settings_are_everything_that_determines_the_features():
    computing = {"n_jobs", "progress", "memory"}
    assert set(AudioFeatures(8000).settings()) == set(AudioFeatures(8000).get_params()) - computing


def test_settings_of_something_else_are_refused():
    settings = AudioFeatures(8000).settings() | {"colour": "blue"}
    del settings["kind"]
    with pytest.raises(
        ValueError, match=r"not the settings of AudioFeatures: missing \['kind'\], unknown \['colour'\]"
    ):
        AudioFeatures.from_settings(settings)


# What it refuses ----------------------------------------------------------------------------------------------

WRONG_SETTINGS = [
    ({"sample_rate": None}, TypeError, "sample_rate must be a positive integer"),
    ({"sample_rate": 8000.5}, TypeError, "sample_rate must be a positive integer"),
    ({"sample_rate": 0}, ValueError, "sample_rate must be a positive integer"),
    ({"sample_rate": -8000}, ValueError, "sample_rate must be a positive integer"),
    ({"sample_rate": 768_001}, ValueError, "sample_rate must be a positive integer up to 768000"),
    ({"sample_rate": 10**300}, ValueError, "sample_rate must be a positive integer up to 768000"),
    (
        {"sample_rate": 20},
        ValueError,
        "at 20 Hz, frame_length 0.025 s is 0 samples and hop_length 0.01 s is 0; expected at least 3 and 1",
    ),
    ({"sample_rate": 300, "hop_length": 0.001}, ValueError, "is 8 samples and hop_length 0.001 s is 0"),
    ({"sample_rate": 100}, ValueError, "is 2 samples and hop_length 0.01 s is 1"),
    ({"kind": "mel"}, ValueError, "unknown kind 'mel'; known kinds: log_mel, mfcc"),
    ({"normalize": True}, ValueError, "normalize must be 'utterance', 'mean' or None, but True was given"),
    ({"normalize": ["mean"]}, ValueError, r"normalize must be 'utterance', 'mean' or None, but \['mean'\] was given"),
    ({"n_mels": 0}, ValueError, "n_mels must be an integer >= 1, but 0 was given"),
    ({"n_mels": 40.0}, ValueError, "n_mels must be an integer >= 1, but 40.0 was given"),
    ({"n_mels": 200}, ValueError, "n_mels=200 is too many: .* bands .* hold no frequency .* Use fewer"),
    ({"n_mels": 258}, ValueError, "n_mels=258 is too many: .* bands .* hold no frequency .* Use fewer"),
    (
        {"n_mels": 259},
        ValueError,
        "n_mels=259 is too many: each of the 129 frequencies .* lies in two mel bands at most",
    ),
    ({"n_mels": 10**15}, ValueError, "is too many: .* lies in two mel bands at most. Use fewer"),
    ({"n_mfcc": 0}, ValueError, "n_mfcc must be an integer >= 1, but 0 was given"),
    ({"kind": "mfcc", "n_mfcc": 41}, ValueError, "n_mfcc=41 is more than n_mels=40"),
    ({"deltas": 3}, ValueError, "deltas must be 0, 1 or 2, but 3 was given"),
    ({"deltas": True}, ValueError, "deltas must be 0, 1 or 2, but True was given"),
    ({"frame_length": 1}, ValueError, "frame_length must be seconds between 0 and 1, but 1 was given"),
    ({"hop_length": 0}, ValueError, "hop_length must be seconds between 0 and 1, but 0 was given"),
    ({"hop_length": float("nan")}, ValueError, "hop_length must be seconds between 0 and 1, but nan was given"),
    ({"hop_length": 0.03}, ValueError, r"hop_length \(0.03 s\) is longer than frame_length \(0.025 s\)"),
    ({"f_min": -1.0}, ValueError, "expected 0 <= f_min < f_max"),
    ({"f_min": "low"}, ValueError, "f_min must be a frequency in Hz, but 'low' was given"),
    ({"f_max": 4001.0}, ValueError, "expected 0 <= f_min < f_max <= sample_rate / 2 = 4000 Hz"),
    ({"f_min": 500.0, "f_max": 500.0}, ValueError, "expected 0 <= f_min < f_max"),
    ({"trim": 0.0}, ValueError, "trim must be None or a positive number of dB .*, but 0.0 was given"),
]


@pytest.mark.parametrize(("settings", "error", "message"), WRONG_SETTINGS)
@pytest.mark.parametrize("method", ["fit", "transform"])
def test_a_setting_that_makes_no_sense_is_refused(waves, method, settings, error, message):
    features = AudioFeatures(**{"sample_rate": 8000} | settings)
    with pytest.raises(error, match=message):
        getattr(features, method)(waves)


@pytest.mark.parametrize(
    "settings", [{"trim": 0.5}, {"sample_rate": 300, "frame_length": 0.01, "hop_length": 0.0035, "n_mels": 1}]
)
def test_a_setting_at_the_end_of_its_range_is_taken(waves, settings):
    [features] = AudioFeatures(**{"sample_rate": 8000} | settings).transform(waves[:1])
    assert np.isfinite(features).all()


def test_the_sample_rate_has_to_be_given():
    with pytest.raises(TypeError, match="sample_rate"):
        AudioFeatures()


def spoilt(wave, value):
    wave = wave.copy()
    wave[7] = value
    return wave


WRONG_WAVES = [
    (np.zeros((800, 2)), AudioError, r"recording 1 has shape \(800, 2\); expected a 1-D waveform"),
    (0.5, AudioError, r"recording 1 has shape \(\)"),
    (np.zeros(0), AudioError, "recording 1 is empty"),
    (np.zeros(800), AudioError, "recording 1 is silent: all 800 samples equal 0"),
    (np.full(800, 0.25), AudioError, "recording 1 is silent: all 800 samples equal 0.25"),
    (spoilt(make_wave(0), np.nan), AudioError, "recording 1 holds NaN or infinity, first at sample 7 of 2400"),
    (spoilt(make_wave(0), np.inf), AudioError, "recording 1 holds NaN or infinity"),
    (make_wave(0, 199), AudioError, r"recording 1 has 199 samples at 8000 Hz, less than one frame \(200 samples"),
    (np.arange(800, dtype=np.int16), TypeError, "recording 1 holds int16 samples; .* pass wave / 32768"),
    (np.arange(800, dtype=np.int32), TypeError, "recording 1 holds int32 samples; .* pass wave / 2147483648"),
    (np.zeros(800, np.uint8), TypeError, r"recording 1 holds uint8 samples; .* pass \(wave - 128.0\) / 128"),
    (np.zeros(800, complex), TypeError, "recording 1 holds complex128 values"),
    (np.zeros(800, bool), TypeError, "recording 1 holds bool values"),
    (1e-25 * make_wave(0), AudioError, "recording 1 is far too quiet or loud"),
]


@pytest.mark.parametrize(("wave", "error", "message"), WRONG_WAVES)
def test_what_is_no_waveform_is_refused_by_its_place_in_the_list(waves, wave, error, message):
    with pytest.raises(error, match=message):
        AudioFeatures(8000).transform([waves[0], wave])


@pytest.mark.parametrize("constant", [0.0, 0.25])
@pytest.mark.parametrize("file_rate", [8000, 11025])  # resampling makes a constant ring at its ends
def test_a_silent_file_is_named(tmp_path, waves, constant, file_rate):
    soundfile.write(tmp_path / "silent.wav", np.full(4000, constant), file_rate)
    with pytest.raises(AudioError, match=r"recording 1 \(.*silent\.wav\) is silent"):
        AudioFeatures(8000).transform([waves[0], tmp_path / "silent.wav"])


def test_a_damaged_file_is_named(tmp_path, paths):
    paths[3].write_bytes(paths[3].read_bytes()[:-100])
    with pytest.raises(AudioError, match=r"3\.wav is truncated"):
        AudioFeatures(8000).transform(paths)


def test_a_file_recorded_at_too_low_a_rate_is_refused(paths):
    with pytest.raises(AudioError, match=r"0\.wav\) is sampled at 8000 Hz .* nothing above 4000 Hz, .* reach 8000 Hz"):
        AudioFeatures(16000).transform(paths)


def test_a_file_of_a_lower_rate_is_fine_where_the_features_stay_below_its_range(paths):
    assert AudioFeatures(16000, f_max=4000.0).transform(paths[:1])[0].shape == (21, 40)


@pytest.mark.parametrize("method", ["fit", "transform"])
def test_a_missing_file_is_found_missing_before_work_starts(tmp_path, paths, method):
    paths[0].write_text("nobody gets to read this")
    with pytest.raises(FileNotFoundError, match=r"recording 6: no such file: .*gone\.wav"):
        getattr(AudioFeatures(8000), method)([*paths, tmp_path / "gone.wav"])


@pytest.mark.parametrize("method", ["fit", "transform"])
def test_what_is_no_list_of_recordings_is_refused(waves, paths, method):
    for recordings, error, message in [
        ([], ValueError, "at least one recording, got an empty list"),
        (str(paths[0]), TypeError, "got the single path .*0.wav.* put it in a list"),
        (paths[0], TypeError, "got the single path"),
        (waves[0], TypeError, "got one waveform of 1600 samples: put it in a list"),
    ]:
        with pytest.raises(error, match=message):
            getattr(AudioFeatures(8000), method)(recordings)


def test_no_warning_reaches_the_user(waves, paths):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        AudioFeatures(8000, kind="mfcc", deltas=2, trim=30.0).fit_transform([*waves, *paths])
