"""Utterances with their texts: AN4, and folders of one's own in the forms that they come in."""

import os
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from rnnbp import datasets
from rnnbp.audio import AudioError
from rnnbp.datasets import an4

REAL = os.environ.get("RNNBP_DATA")
needs_real_data = pytest.mark.skipif(not REAL, reason="needs the real data: set RNNBP_DATA")
RATE = 8000


def sound(seed, n=800):
    return (0.1 * np.random.default_rng(seed).standard_normal(n)).astype(np.float32)


def write(path, seed=0, rate=RATE):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, sound(seed), rate, subtype="FLOAT" if path.suffix == ".wav" else None)


@pytest.fixture
def folder(tmp_path):
    """A folder with three recordings, and a table."""
    for i in range(3):
        write(tmp_path / f"{i}.wav", i)
    (tmp_path / "texts.csv").write_text(
        'file,text,speaker\n2.wav,"two, too",ann\n0.wav,zero,bob\n1.wav,one  more,ann\n'
    )
    return tmp_path


def table(folder, text, name="texts.csv"):
    (folder / name).write_text(text, encoding="utf-8")


# -- folders ---------------------------------------------------------------------------------------------------------


def test_a_folder_is_read_in_the_order_of_its_table(folder):
    found = datasets.load_transcribed_folder(folder)
    assert found.text == ["two, too", "zero", "one more"]
    assert found.speaker.tolist() == ["ann", "bob", "ann"]
    assert found.names.tolist() == ["2", "0", "1"]
    assert found.sample_rate == RATE
    np.testing.assert_array_equal(found.waves[0], sound(2))


def test_the_table_itself_may_be_given(folder):
    assert len(datasets.load_transcribed_folder(folder / "texts.csv")) == 3


def test_select_takes_all_that_belongs_to_an_utterance(folder):
    found = datasets.load_transcribed_folder(folder)
    some = found.select(found.speaker == "ann")
    assert some.text == ["two, too", "one more"]
    np.testing.assert_array_equal(some.waves[1], sound(1))
    assert len({found, some, found.select([0, 1, 2])}) == 3  # sets are themselves; no arrays are compared
    assert repr(some) == "<TranscribedDataset: 2 utterances at 8000 Hz, 0.0 minutes, 4 words, 1 speakers>"


def test_a_set_is_shown_with_its_minutes_and_its_speakers_if_they_are_known(tmp_path):
    soundfile.write(tmp_path / "0.wav", np.tile(sound(0), 90), RATE)
    (tmp_path / "texts.csv").write_text("file,text\n0.wav,one two three\n")
    found = datasets.load_transcribed_folder(tmp_path)
    assert repr(found) == "<TranscribedDataset: 1 utterances at 8000 Hz, 0.1 minutes, 3 words>"


def test_common_voice_is_read_as_it_is(tmp_path):
    write(tmp_path / "clips" / "cv_1.flac", 1)
    write(tmp_path / "clips" / "cv_2.flac", 2)
    header = "client_id\tpath\tsentence\tup_votes\tdown_votes\tage\n"
    table(
        tmp_path,
        header + 'a1\tcv_1.flac\tSay "yes, please".\t2\t0\t\nb2\tcv_2\t"Überall\t3\t1\ttwenties\n',
        "train.tsv",
    )
    found = datasets.load_transcribed_folder(tmp_path)
    assert found.text == ['Say "yes, please".', '"Überall']
    assert found.speaker.tolist() == ["a1", "b2"]


def test_ljspeech_is_read_as_it_is_and_normalised_text_is_taken(tmp_path):
    for i in (1, 2):
        write(tmp_path / "wavs" / f"LJ001-000{i}.wav", i)
    table(tmp_path, 'LJ001-0001|in 1465, "as|in fourteen sixty-five, "as\nLJ001-0002|only text|\n', "metadata.csv")
    found = datasets.load_transcribed_folder(tmp_path)
    assert found.text == ['in fourteen sixty-five, "as', "only text"]
    assert found.speaker is None
    np.testing.assert_array_equal(found.waves[1], sound(2))


def test_a_table_of_file_and_text_alone_needs_no_names_where_bars_separate_them(tmp_path):
    write(tmp_path / "LJ001-0001.wav")
    table(tmp_path, "LJ001-0001|as it was said\n", "metadata.csv")
    assert datasets.load_transcribed_folder(tmp_path).text == ["as it was said"]


def test_bars_may_separate_columns_that_have_names(folder):
    table(folder, "speaker|file|text\nann|0.wav|zero\n")
    found = datasets.load_transcribed_folder(folder)
    assert (found.text, found.speaker.tolist()) == (["zero"], ["ann"])


@pytest.mark.parametrize("between", ["\n", "\u2028", "\x85"])
def test_a_text_may_have_lines_of_its_own(folder, between):
    table(folder, f'file,text\n0.wav,"zero{between}one"\n1.wav,two{between.strip(chr(10))}\n')
    assert datasets.load_transcribed_folder(folder).text == ["zero one", "two"]


def test_texts_are_normalised_on_request(folder):
    assert datasets.load_transcribed_folder(folder, normalize=str.upper).text[1] == "ZERO"


def test_columns_of_other_names_can_be_named(folder):
    table(folder, "what;where;who\nzero;0.wav;ann\n")
    found = datasets.load_transcribed_folder(folder, file="where", text="what", speaker="who")
    assert (found.text, found.speaker.tolist()) == (["zero"], ["ann"])


def test_recordings_are_brought_to_the_rate_that_is_asked_for(folder):
    write(folder / "1.wav", 1, rate=16000)
    found = datasets.load_transcribed_folder(folder, sample_rate=4000)
    assert [wave.size for wave in found.waves] == [400, 400, 200]
    assert found.sample_rate == 4000


@pytest.mark.parametrize("other", ["0", "1"])  # of 2, 0 and 1
def test_several_sample_rates_are_an_error_unless_one_is_asked_for(folder, other):
    write(folder / f"{other}.wav", rate=16000)
    with pytest.raises(
        ValueError, match=rf"sample_rate must be given .*2\.wav is at 8000 Hz and .*{other}\.wav at 16000 Hz"
    ):
        datasets.load_transcribed_folder(folder)


def test_all_missing_files_are_named_at_once(folder):
    (folder / "0.wav").unlink()
    (folder / "1.wav").write_text("this is not even looked at")
    (folder / "2.wav").unlink()
    with pytest.raises(FileNotFoundError, match=r"2 of the 3 files .*2\.wav \(line 2\), 0\.wav \(line 3\)"):
        datasets.load_transcribed_folder(folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it is empty"),
        ("file,text\n", "must have a line for each recording, but it has only 'file,text'"),
        ("0.wav,zero\n1.wav,one\n", "must have a column 'file' or .* but its columns are '0.wav', 'zero'"),
        ("file,text\n0.wav\n", r"line 2 of .* must have 2 fields, but it has 1"),
        ("file,text\n0.wav,zero\n1.wav,  \n", r"line 3 of .* must have a text, but it is empty"),
        ("file,text,speaker\n0.wav,zero,\n", r"line 2 of .* must have a speaker, but it is empty"),
        ("file,text\n0.wav,zero\n0.wav,again\n", r"lines 2 and 3 of .* have 0\.wav"),
        ("file,said\n0.wav,zero\n", r"must have a column 'text' or .* its columns are 'file', 'said': say text=\.\.\."),
        ("who,text\nann,zero\n", r"for the file, but its columns are 'who', 'text'"),
        ("file,text\n0.wav,ze\0ro\n", "null characters"),
    ],
)
def test_a_damaged_table_is_refused_with_the_line(folder, text, message):
    table(folder, text)
    with pytest.raises(ValueError, match=message):
        datasets.load_transcribed_folder(folder)


def test_a_column_that_was_asked_for_must_be_there(folder):
    with pytest.raises(ValueError, match=r"a column 'who' for the speaker"):
        datasets.load_transcribed_folder(folder, speaker="who")


def test_which_table_must_be_said_if_there_are_several(folder):
    table(folder, "file,text\n0.wav,zero\n", "more.tsv")
    with pytest.raises(ValueError, match=r"table must say which of more\.tsv, texts\.csv"):
        datasets.load_transcribed_folder(folder)
    assert len(datasets.load_transcribed_folder(folder, table="texts.csv")) == 3


@pytest.mark.parametrize(("path", "table"), [("nowhere", None), (".", "other.csv"), ("empty", None)])
def test_a_missing_folder_or_table_is_named(folder, path, table):
    (folder / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"nowhere|other\.csv|must hold a table"):
        datasets.load_transcribed_folder(folder / path, table=table)


def test_a_table_that_is_no_text_is_refused(folder):
    (folder / "texts.csv").write_bytes(b"file,text\n0.wav,\xff\xfe\n")
    with pytest.raises(ValueError, match="must be text in UTF-8"):
        datasets.load_transcribed_folder(folder)


def test_a_name_too_long_for_a_file_is_one_that_is_missing(folder):
    table(folder, f"file,text\n{'x' * 300},zero\n")
    with pytest.raises(FileNotFoundError, match=r"1 of the 1 files .*xxx \(line 2\)"):
        datasets.load_transcribed_folder(folder)


def test_a_silent_recording_is_named(folder):
    soundfile.write(folder / "1.wav", np.zeros(800), RATE)
    with pytest.raises(AudioError, match=r"1\.wav is silent"):
        datasets.load_transcribed_folder(folder)


@given(st.data())
def test_damage_anywhere_in_a_table_raises_errors_of_ours_only(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("own")
    for i in range(2):
        write(folder / f"{i}.wav", i)
    content = bytearray(b'file,text,speaker\n0.wav,"two, too",ann\n1.wav,one,bob\n')
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=3))
    (folder / "texts.csv").write_bytes(content)
    try:
        found = datasets.load_transcribed_folder(folder)
    except (ValueError, FileNotFoundError) as error:
        assert not isinstance(error, UnicodeError)  # noqa: PT017
    else:
        assert len(found.waves) == len(found.text) > 0
        assert all(found.text)
    shutil.rmtree(folder)


# -- AN4 -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def small(tmp_path, monkeypatch):
    """AN4 with three utterances in all, which are sound of ours, in RNNBP_DATA."""
    monkeypatch.setattr(an4, "N_UTTERANCES", {"train": 2, "test": 1})
    monkeypatch.setenv("RNNBP_DATA", str(tmp_path))
    home = tmp_path / "an4"
    (home / "etc").mkdir(parents=True)
    table(home, "an4_clstk/fash/an1-fash-b\nan4_clstk/mdkw/cen2-mdkw-b\n", "etc/an4_train.fileids")
    table(home, "<s> YES </s> (an1-fash-b)\n<s> A B C </s> (cen2-mdkw-b)\n", "etc/an4_train.transcription")
    table(home, "an4test_clstk/fcaw/an3-fcaw-b\n", "etc/an4_test.fileids")
    table(home, "RUBOUT G M (an3-fcaw-b)\n", "etc/an4_test.transcription")
    write(home / "flac/an4_clstk/fash/an1-fash-b.flac", 1, 16000)
    write(home / "flac/an4_clstk/mdkw/cen2-mdkw-b.flac", 2, 16000)
    write(home / "flac/an4test_clstk/fcaw/an3-fcaw-b.flac", 3, 16000)
    return home


def test_an4_gives_texts_without_marks_and_the_speaker_of_each(small):
    found = datasets.fetch_an4("train")
    assert found.text == ["YES", "A B C"]
    assert found.speaker.tolist() == ["fash", "mdkw"]
    assert found.names.tolist() == ["an1-fash-b", "cen2-mdkw-b"]
    assert datasets.fetch_an4("test").text == ["RUBOUT G M"]
    assert len(datasets.fetch_an4("all")) == 3
    assert found.sample_rate == 16000
    assert "Licence" in found.DESCR


def test_all_that_is_missing_of_an4_is_named(small):
    (small / "flac/an4_clstk/fash/an1-fash-b.flac").unlink()
    (small / "flac/an4test_clstk/fcaw/an3-fcaw-b.flac").unlink()
    with pytest.raises(ValueError, match=r"2 of 3 recordings are missing: .*an1-fash-b, .*an3-fcaw-b"):
        datasets.fetch_an4("train")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("an4_test.fileids", None, "an4_test.fileids is missing"),
        ("an4_train.fileids", "an4_clstk/fash/an1-fash-b\n", "must list 2 different utterances, but lists 1"),
        ("an4_train.fileids", 2 * "an4_clstk/fash/an1-fash-b\n", "must list 2 different utterances, but lists 1"),
        ("an4_train.transcription", "<s> YES </s> (an1-fash-b)\n", "1 utterances .* have no text: .*cen2-mdkw-b"),
        ("an4_train.transcription", "<s> yes </s> (an1-fash-b)\n", "line 1 of .* is damaged"),
        ("an4_test.transcription", "RUBOUT É (an3-fcaw-b)\n", "not ASCII"),
    ],
)
def test_damaged_lists_of_an4_are_refused_with_what_to_do(small, name, content, message):
    (small / "etc" / name).unlink()
    if content is not None:
        table(small / "etc", content, name)
    with pytest.raises(ValueError, match=rf"is not CMU AN4: .*{message}.*Remove it and call again"):
        datasets.fetch_an4()


def test_an4_at_another_rate_is_refused(small):
    write(small / "flac/an4_clstk/fash/an1-fash-b.flac", 1, 8000)
    with pytest.raises(ValueError, match="must be sampled at 16000 Hz, but is at 8000 Hz"):
        datasets.fetch_an4()


def test_an_unknown_subset_is_refused():
    with pytest.raises(ValueError, match="subset must be 'train', 'test' or 'all', but 'dev' was given"):
        datasets.fetch_an4("dev")


def test_an4_is_downloaded_as_cmu_packs_it(small, tmp_path, monkeypatch):
    """Its sound is in NIST's format, in wav/; nothing of the archive lands elsewhere."""
    packed, before = tmp_path / "packed", datasets.fetch_an4("all")
    for path in small.glob("flac/**/*.flac"):
        wave, rate = soundfile.read(path, dtype="int16")
        to = packed / "wav" / path.relative_to(small / "flac").with_suffix(".sph")
        to.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(to, wave, rate, format="NIST", subtype="PCM_16")
    shutil.copytree(small / "etc", packed / "etc")
    table(packed, "free", "LICENSE")
    table(packed, "out", "outside")
    archive = tmp_path / "an4_sphere.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(packed, "an4")
        for name in (
            "an4/etc/../../../escaped",
            "../etc/escaped",
            "/wav/x/y/escaped.sph",
            "an4/wav/an4_clstk/../e.sph",
            "an4/feat/an4_clstk/fash/escaped.sph",
            "an4/bin/escaped",
            "an4/etc/more/escaped",
        ):
            tar.add(packed / "outside", name)
        tar.add(packed, "an4/etc/folder", recursive=False)
    shutil.rmtree(small)
    shutil.rmtree(packed)
    monkeypatch.setattr("pooch.HTTPDownloader.__call__", lambda self, url, to, pooch: shutil.copy(archive, to))
    found = datasets.fetch_an4("all")
    assert found.text == before.text
    for ours, theirs in zip(found.waves, before.waves, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert not [path for path in tmp_path.rglob("*") if path.name in ("escaped", "escaped.sph", "e.sph", "outside")]
    assert (small / "LICENSE").read_text() == "free"


def test_a_download_that_is_no_archive_is_reported(small, monkeypatch):
    shutil.rmtree(small)
    monkeypatch.setattr("pooch.HTTPDownloader.__call__", lambda self, url, to, pooch: Path(to).write_bytes(b"<html>"))
    with pytest.raises(ConnectionError, match=r"not the expected data .*it is not a complete \.tar\.gz archive"):
        datasets.fetch_an4()
    assert not small.exists()


@needs_real_data
def test_an4_is_the_published_one():
    learnt, heard = datasets.fetch_an4("train"), datasets.fetch_an4("test")
    assert (len(learnt), len(heard)) == (948, 130)
    assert (np.unique(learnt.speaker).size, np.unique(heard.speaker).size) == (74, 10)
    assert not set(learnt.speaker) & set(heard.speaker)
    assert sum(len(text.split()) for text in heard.text) == 773
    assert heard.text[0] == "RUBOUT G M E F THREE NINE"
    assert {c for text in learnt.text for c in text} == set("ABCDEFGHIJKLMNOPQRSTUVWXYZ ")
    assert len(set(heard.text) & set(learnt.text)) > 0
    assert set(" ".join(heard.text).split()) - set(" ".join(learnt.text).split()) == {"NOVEMBER", "THIRTEEN"}
