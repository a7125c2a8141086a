"""Archives and files that are damaged inside or mean harm: nothing is written elsewhere, and errors say what to do."""

import io
import subprocess
import sys
import tarfile

import numpy as np
import pytest

from rnnbp import datasets
from rnnbp.datasets import fsdd

RECORDINGS = "free-spoken-digit-dataset-1.0.10/recordings/"


def archive(path, files, *others):
    """Write a .tar.gz archive of files, by name, and of other members."""
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for member in others:
            tar.addfile(member)
    return path


def link(name, target, kind=tarfile.SYMTYPE):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, str(target)
    return member


def files_in(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


@pytest.fixture
def unpacked(tmp_path):
    (tmp_path / "in").mkdir()
    return tmp_path / "in" / "recordings"


def test_unpacking_writes_recordings_only_and_nowhere_else(tmp_path, unpacked):
    packed = {
        "../../recordings/climbed.wav": b"1",
        f"{tmp_path}/absolute/recordings/absolute.wav": b"2",
        f"{RECORDINGS}../../outside.wav": b"3",
        f"{RECORDINGS}notes.txt": b"4",
        "free-spoken-digit-dataset-1.0.10/setup.py": b"5",
        "free-spoken-digit-dataset-1.0.10/other/6.wav": b"6",
        f"{RECORDINGS}kept.wav": b"7",
    }
    fsdd.unpack_recordings(archive(tmp_path / "a.tar.gz", packed), unpacked)
    assert files_in(tmp_path) == {"a.tar.gz", *(f"in/recordings/{n}.wav" for n in ("climbed", "absolute", "kept"))}


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_unpacking_never_follows_a_link_out_of_the_archive(tmp_path, unpacked, kind):
    secret = tmp_path / "secret.wav"
    secret.write_bytes(b"secret")
    member = link(f"{RECORDINGS}link.wav", secret, kind)
    with pytest.raises((ValueError, KeyError)):
        fsdd.unpack_recordings(archive(tmp_path / "a.tar.gz", {}, member), unpacked)
    assert files_in(unpacked) == set()


def test_unpacking_makes_neither_links_nor_folders(tmp_path, unpacked):
    folder = tarfile.TarInfo(f"{RECORDINGS}folder.wav")
    folder.type = tarfile.DIRTYPE
    packed = {f"{RECORDINGS}kept.wav": b"7"}
    fsdd.unpack_recordings(
        archive(tmp_path / "a.tar.gz", packed, folder, link(f"{RECORDINGS}link.wav", "kept.wav")), unpacked
    )
    assert not any(path.is_symlink() or path.is_dir() for path in unpacked.iterdir())


def damaged(content, start):
    """The same bytes but for a run of ones."""
    return content[:start] + b"\xff" * 600 + content[start + 600 :]


def test_an_archive_damaged_inside_is_reported_as_such(tmp_path, unpacked):
    quiet = np.random.default_rng(0).integers(0, 4, 200_000, dtype=np.uint8).tobytes()
    path = archive(tmp_path / "a.tar.gz", {f"{RECORDINGS}0_theo_0.wav": quiet})
    path.write_bytes(damaged(path.read_bytes(), path.stat().st_size // 2))
    with pytest.raises(ValueError, match=r"it is not a complete \.tar\.gz archive"):
        fsdd.unpack_recordings(path, unpacked)


def test_an_mnist_file_damaged_inside_is_reported_with_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("RNNBP_DATA", str(tmp_path))
    buffer = io.BytesIO()
    np.savez_compressed(buffer, x_train=np.random.default_rng(0).integers(0, 4, 200_000, dtype=np.uint8))
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / "mnist.npz").write_bytes(damaged(buffer.getvalue(), 80))
    with pytest.raises(ValueError, match=r"mnist\.npz is not MNIST: .*Remove it and call again"):
        datasets.fetch_mnist()


@pytest.mark.parametrize(
    ("fetch", "place"),
    [
        (datasets.fetch_mnist, "mnist/mnist.npz"),
        (datasets.fetch_sunspots, "series/sunspots.csv"),
        (datasets.fetch_santafe_laser, "series/santafe_laser.npy"),
        (datasets.fetch_tinyshakespeare, "text/tinyshakespeare.txt"),
    ],
)
@pytest.mark.parametrize("content", [b"", b"something else", b"\x93NUMPY\x01\x00"])
def test_what_the_user_put_there_is_refused_but_never_removed(tmp_path, monkeypatch, fetch, place, content):
    monkeypatch.setenv("RNNBP_DATA", str(tmp_path))
    (tmp_path / place).parent.mkdir()
    (tmp_path / place).write_bytes(content)
    with pytest.raises(ValueError, match=r"Remove it and call again"):
        fetch()
    assert (tmp_path / place).read_bytes() == content


class Harm:
    """What does harm as soon as it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return self.path.touch, ()


@pytest.mark.parametrize(
    ("fetch", "place", "save"),
    [
        (datasets.fetch_mnist, "mnist/mnist.npz", lambda path, array: np.savez(path, x_train=array)),
        (datasets.fetch_santafe_laser, "series/santafe_laser.npy", np.save),
    ],
)
def test_no_code_in_a_file_is_run(tmp_path, monkeypatch, fetch, place, save):
    monkeypatch.setenv("RNNBP_DATA", str(tmp_path))
    (tmp_path / place).parent.mkdir()
    save(tmp_path / place, np.array([Harm(tmp_path / "done")], dtype=object))
    with pytest.raises(ValueError, match=r"Remove it and call again"):
        fetch()
    assert not (tmp_path / "done").exists()


def test_a_connection_that_breaks_off_leaves_nothing(tmp_path, monkeypatch):
    from requests.exceptions import ChunkedEncodingError

    def break_off(self, url, output_file, pooch):
        with open(output_file, "wb") as file:
            file.write(b"half of it")
        raise ChunkedEncodingError("Connection broken: IncompleteRead")

    monkeypatch.setenv("RNNBP_DATA", str(tmp_path))
    monkeypatch.setattr("pooch.HTTPDownloader.__call__", break_off)
    with pytest.raises(ConnectionError, match=r"the download failed \(Connection broken"):
        datasets.fetch_mnist()
    assert files_in(tmp_path) == set()


def test_importing_the_datasets_loads_nothing_heavy():
    heavy = "{'pooch', 'requests', 'soundfile', 'sklearn', 'librosa', 'numba', 'rnnbp.layers', 'rnnbp.networks'}"
    code = f"import sys, rnnbp.datasets; print(sorted({heavy} & set(sys.modules)))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"
