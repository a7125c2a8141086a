"""Data that is downloaded: against a server on this machine, against no server, and against what people keep."""

import hashlib
import io
import os
import socket
import tarfile
import threading
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pooch
import pytest
import soundfile

from rnnbp import datasets
from rnnbp.datasets import an4, fsdd, mnist, series

REAL = os.environ.get("RNNBP_DATA")
needs_real_data = pytest.mark.skipif(not REAL, reason="needs the real data: set RNNBP_DATA")


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A web server with a folder of its own; `server.requests` counts what was asked of it."""

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self):
            self.server.requests += 1
            super().do_GET()

        def log_message(self, *_):
            pass

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    folder = tmp_path / "served"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder))) as web:
        web.folder, web.requests = folder, 0
        web.url = f"http://127.0.0.1:{web.server_address[1]}"
        thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield web
        web.shutdown()
        thread.join()


@pytest.fixture
def data_home(tmp_path, monkeypatch):
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("RNNBP_DATA", str(folder))
    return folder


def point(monkeypatch, module, name, url):
    monkeypatch.setattr(module, name, replace(getattr(module, name), url=url))


@pytest.fixture
def text(server, data_home, monkeypatch):
    """Tiny Shakespeare, shrunk to one line that a server has."""
    line = b"Speak, speak.\n"
    (server.folder / "input.txt").write_bytes(line)
    monkeypatch.setattr(series, "SHAKESPEARE_SHA256", hashlib.sha256(line).hexdigest())
    point(monkeypatch, series, "SHAKESPEARE", f"{server.url}/input.txt")
    return line.decode()


def nobody_listens():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def test_a_download_is_returned_and_kept(text, data_home):
    assert datasets.fetch_tinyshakespeare() == text
    assert (data_home / "text" / "tinyshakespeare.txt").read_text() == text


def test_what_was_downloaded_is_not_asked_for_again(text, server):
    datasets.fetch_tinyshakespeare()
    datasets.fetch_tinyshakespeare()
    assert server.requests == 1


def test_downloads_go_to_the_users_cache_unless_told_otherwise(text, tmp_path, monkeypatch):
    monkeypatch.delenv("RNNBP_DATA")
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / "cache" / name)
    datasets.fetch_tinyshakespeare()
    assert datasets.data_home() == tmp_path / "cache" / "rnnbp"
    assert (tmp_path / "cache" / "rnnbp" / "text" / "tinyshakespeare.txt").is_file()


def test_offline_says_what_was_tried_where_files_go_and_what_to_do(text, data_home, monkeypatch):
    url = nobody_listens() + "/input.txt"
    point(monkeypatch, series, "SHAKESPEARE", url)
    with pytest.raises(ConnectionError) as caught:
        datasets.fetch_tinyshakespeare()
    message = str(caught.value)
    assert url in message
    assert f"put it at {data_home / 'text' / 'tinyshakespeare.txt'}" in message
    assert "Call again to try again" in message
    assert "RNNBP_DATA to a folder that holds text/tinyshakespeare.txt" in message
    assert "the download failed (Failed to establish a new connection" in message
    assert "\n" not in message
    assert caught.value.__suppress_context__  # one message, and not the three of urllib3 and requests before it


def test_after_a_failure_the_same_call_succeeds_once_there_is_a_connection(text, server, monkeypatch):
    online = series.SHAKESPEARE
    point(monkeypatch, series, "SHAKESPEARE", nobody_listens())
    with pytest.raises(ConnectionError):
        datasets.fetch_tinyshakespeare()
    monkeypatch.setattr(series, "SHAKESPEARE", online)
    assert datasets.fetch_tinyshakespeare() == text


def test_a_page_that_is_gone_is_reported(text, monkeypatch, server):
    point(monkeypatch, series, "SHAKESPEARE", f"{server.url}/moved.txt")
    with pytest.raises(ConnectionError, match=r"the download failed .*404"):
        datasets.fetch_tinyshakespeare()


def test_a_corrupt_download_is_refused_and_not_kept(text, server, data_home):
    (server.folder / "input.txt").write_bytes(b"<html>Please log in to this network</html>")
    with pytest.raises(ConnectionError, match=r"what came is not the expected data .its SHA-256 is"):
        datasets.fetch_tinyshakespeare()
    assert list((data_home / "text").iterdir()) == []


def test_a_download_waits_beside_its_place_so_that_it_can_be_moved_there_at_once(text, data_home, monkeypatch):
    seen = []

    def look(received, ready):
        seen.append(received.parent.parent)
        os.replace(received, ready)

    monkeypatch.setattr(series, "SHAKESPEARE", replace(series.SHAKESPEARE, unpack=look))
    datasets.fetch_tinyshakespeare()
    assert seen == [data_home / "text"]


def test_an_interrupted_download_leaves_nothing_behind(text, data_home, monkeypatch):
    def interrupt(received, ready):
        raise KeyboardInterrupt

    monkeypatch.setattr(series, "SHAKESPEARE", replace(series.SHAKESPEARE, unpack=interrupt))
    with pytest.raises(KeyboardInterrupt):
        datasets.fetch_tinyshakespeare()
    assert list((data_home / "text").iterdir()) == []


def test_a_file_that_was_changed_is_refused_with_its_path(text, data_home):
    (data_home / "text").mkdir()
    (data_home / "text" / "tinyshakespeare.txt").write_text("Speak, speak!\n")
    with pytest.raises(ValueError, match=r"tinyshakespeare\.txt is not Tiny Shakespeare: .*Remove it and call again"):
        datasets.fetch_tinyshakespeare()


def test_a_data_folder_that_is_none_is_refused_before_anything_else(monkeypatch, tmp_path):
    monkeypatch.setenv("RNNBP_DATA", str(tmp_path / "typo"))
    for fetch in (datasets.fetch_fsdd, datasets.fetch_mnist, datasets.fetch_sunspots):
        with pytest.raises(FileNotFoundError, match=r"RNNBP_DATA is .*typo', which is not a folder"):
            fetch()


def test_a_data_folder_that_cannot_be_written_to_is_reported(text, data_home):
    (data_home / "text").write_text("a file in the folder's place")
    with pytest.raises(OSError, match=r"cannot be downloaded to there: .*a folder that you may write to"):
        datasets.fetch_tinyshakespeare()


# The Free Spoken Digit Dataset, shrunk to one speaker with six takes.


@pytest.fixture
def recordings(monkeypatch):
    """Names and contents of the recordings of a small FSDD, whose manifest the loader now expects."""
    rng = np.random.default_rng(0)
    files = {}
    for digit in range(10):
        for take in range(6):
            wav = io.BytesIO()
            soundfile.write(
                wav, rng.integers(-999, 999, 80 + take, dtype=np.int16), 8000, format="WAV", subtype="PCM_16"
            )
            files[f"{digit}_ann_{take}.wav"] = wav.getvalue()
    manifest = "".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files))
    monkeypatch.setattr(fsdd, "SPEAKERS", ("ann",))
    monkeypatch.setattr(fsdd, "N_TAKES", 6)
    monkeypatch.setattr(fsdd, "MANIFEST_SHA256", hashlib.sha256(manifest.encode()).hexdigest())
    return files


def serve_archive(server, monkeypatch, files):
    """Serve the recordings as GitHub packs them: with the rest of the repository around."""
    with tarfile.open(server.folder / "v1.tar.gz", "w:gz") as tar:
        for name, content in {"README.md": b"# FSDD", **{f"recordings/{n}": c for n, c in files.items()}}.items():
            member = tarfile.TarInfo(f"free-spoken-digit-dataset-1.0.10/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    point(monkeypatch, fsdd, "SOURCE", f"{server.url}/v1.tar.gz")


def keep(data_home, files):
    folder = data_home / "fsdd" / "recordings"
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def test_fsdd_is_unpacked_from_the_archive_and_kept(recordings, server, data_home, monkeypatch):
    serve_archive(server, monkeypatch, recordings)
    first, second = datasets.fetch_fsdd(), datasets.fetch_fsdd()
    assert server.requests == 1
    assert {path.name for path in (data_home / "fsdd" / "recordings").iterdir()} == set(recordings)
    assert first.names.tolist() == second.names.tolist() == sorted(name[:-4] for name in recordings)


def test_fsdd_waves_are_those_of_the_files(recordings, data_home):
    folder = keep(data_home, recordings)
    found = datasets.fetch_fsdd()
    for name, wave, digit, speaker in zip(found.names, found.waves, found.target, found.groups, strict=True):
        samples, rate = soundfile.read(folder / f"{name}.wav", dtype="int16")
        assert rate == found.sample_rate
        assert np.array_equal(wave * np.float32(32768), samples)
        assert (digit, speaker) == (int(name[0]), "ann")


def test_fsdd_tests_on_the_first_five_takes(recordings, data_home):
    keep(data_home, recordings)
    assert sorted({name[-1] for name in datasets.fetch_fsdd("test").names}) == list("01234")
    assert {name[-1] for name in datasets.fetch_fsdd("train").names} == {"5"}


def test_fsdd_with_a_recording_missing_is_refused(recordings, data_home):
    (keep(data_home, recordings) / "3_ann_4.wav").unlink()
    with pytest.raises(ValueError, match=r"1 of 60 recordings are missing, such as 3_ann_4\.wav"):
        datasets.fetch_fsdd()


def test_fsdd_with_a_foreign_recording_is_refused(recordings, data_home):
    (keep(data_home, recordings) / "3_bob_0.wav").write_bytes(b"")
    with pytest.raises(ValueError, match=r"1 do not belong to it, such as 3_bob_0\.wav"):
        datasets.fetch_fsdd()


def test_fsdd_with_a_changed_recording_is_refused(recordings, data_home):
    folder = keep(data_home, recordings)
    (folder / "3_ann_4.wav").write_bytes((folder / "3_ann_3.wav").read_bytes())
    with pytest.raises(ValueError, match="some differ from those of version"):
        datasets.fetch_fsdd()


@pytest.mark.parametrize("cut", [0, 5, 3000])
def test_a_truncated_archive_is_refused_and_not_kept(recordings, server, data_home, monkeypatch, cut):
    serve_archive(server, monkeypatch, recordings)
    archive = server.folder / "v1.tar.gz"
    archive.write_bytes(archive.read_bytes()[:cut])
    with pytest.raises(ConnectionError, match=r"it is not a complete \.tar\.gz archive"):
        datasets.fetch_fsdd()
    assert list((data_home / "fsdd").iterdir()) == []


def test_an_archive_with_a_flipped_bit_is_refused(recordings, server, data_home, monkeypatch):
    serve_archive(server, monkeypatch, recordings)
    archive = server.folder / "v1.tar.gz"
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 16
    archive.write_bytes(content)
    with pytest.raises(ConnectionError, match=r"what came is not the expected data"):
        datasets.fetch_fsdd()


def test_an_archive_of_other_recordings_is_refused_and_not_kept(recordings, server, data_home, monkeypatch):
    serve_archive(server, monkeypatch, dict(list(recordings.items())[:7]))
    with pytest.raises(ConnectionError, match="53 of 60 recordings are missing"):
        datasets.fetch_fsdd()
    assert list((data_home / "fsdd").iterdir()) == []


def test_fsdd_refuses_an_unknown_subset_before_anything_is_downloaded(server, data_home):
    with pytest.raises(ValueError, match="unknown subset 'dev'"):
        datasets.fetch_fsdd("dev")
    assert server.requests == 0


# MNIST, shrunk to three images and two.


@pytest.fixture
def arrays(monkeypatch, data_home):
    rng = np.random.default_rng(0)
    shapes = {"x_train": (3, 28, 28), "x_test": (2, 28, 28), "y_train": (3,), "y_test": (2,)}
    made = {
        name: rng.integers(0, 256 if name[0] == "x" else 10, shape, dtype=np.uint8) for name, shape in shapes.items()
    }
    # An IDX file: magic number 0x0803 or 0x0801, lengths of the axes in four big-endian bytes each, then the bytes.
    idx = {
        "x_train": bytes.fromhex("00000803 00000003 0000001c 0000001c"),
        "x_test": bytes.fromhex("00000803 00000002 0000001c 0000001c"),
        "y_train": bytes.fromhex("00000801 00000003"),
        "y_test": bytes.fromhex("00000801 00000002"),
    }
    table = tuple(mnist._Array(n, s, hashlib.sha256(idx[n] + made[n].tobytes()).hexdigest()) for n, s in shapes.items())
    monkeypatch.setattr(mnist, "ARRAYS", table)
    (data_home / "mnist").mkdir()
    return made


def test_mnist_comes_in_the_order_of_train_test_split(arrays, data_home):
    np.savez(data_home / "mnist" / "mnist.npz", **arrays)
    found = datasets.fetch_mnist()
    for part, name in zip(found, ("x_train", "x_test", "y_train", "y_test"), strict=True):
        assert np.array_equal(part, arrays[name])
    assert [part.dtype for part in found] == [np.uint8, np.uint8, np.int64, np.int64]


def test_mnist_is_downloaded(arrays, data_home, server, monkeypatch):
    np.savez_compressed(server.folder / "mnist.npz", **arrays)
    point(monkeypatch, mnist, "SOURCE", f"{server.url}/mnist.npz")
    assert np.array_equal(datasets.fetch_mnist()[0], arrays["x_train"])
    assert (data_home / "mnist" / "mnist.npz").is_file()


def test_mnist_with_a_changed_pixel_is_refused(arrays, data_home):
    arrays["x_test"][1, 14, 14] ^= 1
    np.savez(data_home / "mnist" / "mnist.npz", **arrays)
    with pytest.raises(ValueError, match="x_test is not what MNIST has"):
        datasets.fetch_mnist()


def test_mnist_of_another_shape_is_refused(arrays, data_home):
    np.savez(data_home / "mnist" / "mnist.npz", **{**arrays, "x_train": arrays["x_train"].reshape(3, 784)})
    with pytest.raises(ValueError, match=r"x_train is uint8 of shape \(3, 784\), where uint8 of \(3, 28, 28\) is"):
        datasets.fetch_mnist()


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 half an archive"])
def test_a_file_that_is_no_npz_is_refused(arrays, data_home, content):
    (data_home / "mnist" / "mnist.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"it cannot be read as an \.npz file of x_train, x_test, y_train, y_test"):
        datasets.fetch_mnist()


def test_a_truncated_or_damaged_npz_is_refused(arrays, data_home):
    path = data_home / "mnist" / "mnist.npz"
    np.savez_compressed(path, **arrays)
    whole = path.read_bytes()
    damaged = whole[:200] + bytes(100) + whole[300:]
    for content in (whole[:-50], damaged):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"it cannot be read as an \.npz file"):
            datasets.fetch_mnist()


def test_a_single_array_in_mnists_place_is_refused(arrays, data_home):
    with open(data_home / "mnist" / "mnist.npz", "wb") as file:
        np.save(file, arrays["x_train"])
    with pytest.raises(ValueError, match=r"it cannot be read as an \.npz file"):
        datasets.fetch_mnist()


def test_an_npz_without_the_arrays_is_refused(arrays, data_home):
    np.savez(data_home / "mnist" / "mnist.npz", images=arrays["x_train"])
    with pytest.raises(ValueError, match=r"it cannot be read as an \.npz file of x_train"):
        datasets.fetch_mnist()


def test_a_laser_file_that_is_no_npy_is_refused(data_home):
    (data_home / "series").mkdir()
    (data_home / "series" / "santafe_laser.npy").write_bytes(b"86 141 95")
    with pytest.raises(ValueError, match=r"it cannot be read as an \.npy file"):
        datasets.fetch_santafe_laser()


# The real data.


@needs_real_data
def test_fsdd_has_3000_recordings_of_six_speakers():
    found = datasets.fetch_fsdd()
    assert np.unique(found.groups, return_counts=True)[1].tolist() == [500] * 6
    assert np.bincount(found.target).tolist() == [300] * 10
    assert np.unique(found.subset, return_counts=True)[1].tolist() == [300, 2700]
    theo = found.waves[found.names.tolist().index("0_theo_0")]
    assert np.array_equal(theo, soundfile.read(Path(REAL, "fsdd/recordings/0_theo_0.wav"), dtype="float32")[0])


@needs_real_data
def test_mnist_is_the_published_one():
    x_train, x_test, y_train, y_test = datasets.fetch_mnist()
    assert (x_train.shape, x_test.shape) == ((60000, 28, 28), (10000, 28, 28))
    assert y_train[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert y_test[:5].tolist() == [7, 2, 1, 0, 4]
    assert np.mean(x_train) / 255 == pytest.approx(0.1307, abs=1e-4)  # as everybody subtracts it


@needs_real_data
def test_the_small_series_are_those_that_were_published():
    years, numbers = datasets.fetch_sunspots()
    assert (years[0], years[-1], years.size) == (1700, 2008, 309)
    assert numbers[years == 1957] == 190.2  # the highest maximum
    laser = datasets.fetch_santafe_laser()
    assert laser.shape == (10093,)
    assert (laser.min(), laser.max()) == (0, 255)
    assert laser[:5].tolist() == [86, 141, 95, 41, 22]
    text = datasets.fetch_tinyshakespeare()
    assert (len(text), len(set(text))) == (1115394, 65)
    assert text.startswith("First Citizen:\nBefore we proceed")


def test_sources_lie_in_the_layout_that_is_documented():
    found = {
        source.location
        for source in (an4.SOURCE, fsdd.SOURCE, mnist.SOURCE, series.SUNSPOTS, series.LASER, series.SHAKESPEARE)
    }
    assert found == {
        "an4",
        "fsdd/recordings",
        "mnist/mnist.npz",
        "series/sunspots.csv",
        "series/santafe_laser.npy",
        "text/tinyshakespeare.txt",
    }
