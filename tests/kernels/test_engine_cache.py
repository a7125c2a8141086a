"""Machine code is kept on disk, and whatever is wrong with what is there changes no result."""

import errno
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from rnnbp.kernels import cache

SCRIPT = """
import sys
import numpy as np
from rnnbp import layers
from rnnbp.kernels import engine, processor
from rnnbp.networks.network import Network

if "no-compiler" in sys.argv:
    def compiler(text):
        raise AssertionError("this is compiled already")
    engine._compile = compiler
rng = np.random.default_rng(0)
net = Network([layers.GRU(3, 19), layers.Dense(19, 33), layers.Activation("tanh")], dtype="float64")
run = net.run(rng.normal(size=(5, 4, 3)), [5, 2, 3, 5])
output = run.output
gradient = run.backward(np.cos(output)).theta
print(processor.register_bytes(), output.sum().hex(), np.abs(gradient).sum().hex(), gradient[0].hex())
"""


NOTICE = "rnnbp: compiling for this machine"


def start(*arguments, **environment):
    """Run the script in a new process, where a warning is an error; return what it prints."""
    command = [sys.executable, "-W", "error", "-c", SCRIPT, *arguments]
    run = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert all(line.startswith(NOTICE) for line in run.stderr.splitlines()), run.stderr
    return run.stdout


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """Return a folder that holds all that the script needs, and what the script prints."""
    folder = tmp_path_factory.mktemp("cache")
    return folder, start(RNNBP_CACHE_DIR=str(folder))


def contents(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def test_a_second_start_compiles_nothing(filled):
    folder, expected = filled
    before = contents(folder)
    assert len(before) > 1
    assert start("no-compiler", RNNBP_CACHE_DIR=str(folder)) == expected
    assert contents(folder) == before


def test_no_cache_is_used_if_its_name_is_empty(filled, tmp_path):
    assert start(RNNBP_CACHE_DIR="", HOME=str(tmp_path), XDG_CACHE_HOME=str(tmp_path)) == filled[1]
    assert not list(tmp_path.iterdir())


def test_without_a_name_it_is_in_the_user_s_cache_folder(filled, tmp_path, monkeypatch):
    monkeypatch.delenv("RNNBP_CACHE_DIR", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.folder() == tmp_path / "rnnbp" / "kernels"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/someone")
    assert cache.folder() == Path("/home/someone/.cache/rnnbp/kernels")


def test_a_home_that_cannot_be_written_to_is_no_error(filled, monkeypatch):
    home = "/proc/nonexistent" if os.access("/", os.W_OK) else "/nonexistent"  # the superuser may write to the other
    monkeypatch.delenv("RNNBP_CACHE_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert start(HOME=home) == filled[1]


def test_a_file_where_the_folder_should_be_is_no_error(filled, tmp_path):
    closed = tmp_path / "closed"
    closed.write_text("a file")
    assert start(RNNBP_CACHE_DIR=str(closed)) == filled[1]
    assert closed.read_text() == "a file"


@pytest.mark.parametrize(
    "damaged", [lambda whole: whole[: len(whole) // 2], lambda whole: b"garbage" * 999], ids=["half", "garbage"]
)
def test_damaged_files_are_made_anew(filled, tmp_path, damaged):
    folder = tmp_path / "cache"
    folder.mkdir()
    for name, content in contents(filled[0]).items():
        (folder / name).write_bytes(damaged(content))
    assert start(RNNBP_CACHE_DIR=str(folder)) == filled[1]
    assert contents(folder) == contents(filled[0])


@pytest.mark.slow
def test_processes_that_start_at_once_do_not_disturb_each_other(filled, tmp_path):
    folder = tmp_path / "cache"
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: start(RNNBP_CACHE_DIR=str(folder)), range(8)))
    assert results == [filled[1]] * 8
    assert contents(folder) == contents(filled[0])


@pytest.mark.slow
@pytest.mark.parametrize("width", ["0", "16"])
def test_any_width_of_vectors_gives_the_same_result(filled, width, tmp_path):
    folder, expected = shutil.copytree(filled[0], tmp_path / "cache"), filled[1]  # other tests look into `filled`
    found, *numbers = start(RNNBP_CACHE_DIR=str(folder), RNNBP_SIMD_BYTES=width).split()
    assert found == width
    expected = [float.fromhex(number) for number in expected.split()[1:]]
    np.testing.assert_allclose([float.fromhex(number) for number in numbers], expected, rtol=1e-12)


def test_a_width_that_is_none_is_refused():
    command, environment = [sys.executable, "-c", SCRIPT], os.environ | {"RNNBP_SIMD_BYTES": "7"}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert "RNNBP_SIMD_BYTES must be 0, 16, 32 or 64, but it is '7'" in run.stderr


# -- a single file -----------------------------------------------------------------------------------------------------

CODE, OTHER = b"machine code" * 100, b"other machine code"
DAMAGES = {
    "empty": lambda content: b"",
    "cut within its hash": lambda content: content[:10],
    "truncated": lambda content: content[:-1],
    "longer": lambda content: content + b"\0",
    "one bit": lambda content: content[:-9] + bytes([content[-9] ^ 1]) + content[-8:],
    "garbage": lambda content: np.random.default_rng(0).bytes(len(content)),
    "text": lambda content: b"#!/bin/sh\necho foreign\n",
}


def never():
    raise AssertionError("this is kept already")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return the cache's folder, which is not there yet, some folders deep."""
    folder = tmp_path / "not" / "there"
    monkeypatch.setenv("RNNBP_CACHE_DIR", str(folder))
    return folder


def test_code_is_made_once_and_kept_for_its_owner_only(folder):
    assert cache.code_of("key", lambda: CODE) == CODE
    assert cache.code_of("key", never) == CODE
    assert cache.code_of("another key", lambda: OTHER) == OTHER
    assert len(contents(folder)) == 2
    assert folder.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_made_anew(folder, damage):
    cache.code_of("key", lambda: CODE)
    ((name, whole),) = contents(folder).items()
    (folder / name).write_bytes(DAMAGES[damage](whole))
    assert cache.code_of("key", lambda: CODE) == CODE
    assert contents(folder) == {name: whole}
    assert cache.code_of("key", never) == CODE


def test_one_file_in_the_place_of_another_is_made_anew(folder):
    cache.code_of("key", lambda: CODE)
    ((name, whole),) = contents(folder).items()
    cache.code_of("another key", lambda: OTHER)
    (other,) = contents(folder).keys() - {name}
    (folder / name).write_bytes((folder / other).read_bytes())
    assert cache.code_of("key", lambda: CODE) == CODE
    assert contents(folder)[name] == whole


def test_a_folder_in_the_place_of_a_file_is_no_error_and_leaves_nothing_behind(folder):
    cache.code_of("key", lambda: CODE)
    (path,) = folder.iterdir()
    path.unlink()
    path.mkdir()
    for _ in range(2):
        assert cache.code_of("key", lambda: CODE) == CODE
    assert [*folder.iterdir()] == [path]


def test_what_others_keep_there_is_left_alone(folder):
    folder.mkdir(parents=True)
    (folder / "foreign.o").write_bytes(b"of another program")
    cache.code_of("key", lambda: CODE)
    assert contents(folder)["foreign.o"] == b"of another program"


def test_a_full_disk_is_no_error_and_leaves_nothing_behind(folder, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(cache.os, "replace", full)
    for _ in range(2):
        assert cache.code_of("key", lambda: CODE) == CODE
    assert contents(folder) == {}


@pytest.mark.parametrize(("days", "n_left"), [(0.9, 1), (1.1, 0)])
def test_what_a_killed_process_has_left_is_removed_after_a_day(folder, days, n_left):
    folder.mkdir(parents=True)
    leftover = folder / f"{cache.PREFIX}abc"
    leftover.write_bytes(b"half of")
    then = time.time() - days * 86400
    os.utime(leftover, (then, then))
    cache.code_of("key", lambda: CODE)
    assert len(contents(folder)) == 1 + n_left


def test_an_error_of_the_compiler_is_no_error_of_the_cache(folder):
    with pytest.raises(OSError, match="no memory"):
        cache.code_of("key", lambda: (_ for _ in ()).throw(OSError("no memory")))


@pytest.mark.parametrize("change", ["sources", "processor", "version"])
def test_other_sources_another_processor_or_version_has_code_of_its_own(folder, change, monkeypatch):
    cache.code_of("key", lambda: CODE)
    cache._surroundings.cache_clear()
    if change == "processor":
        monkeypatch.setattr(cache.processor, "features", lambda: "+none")
    elif change == "version":
        monkeypatch.setattr(cache.llvmlite, "__version__", "0.1")
    else:
        monkeypatch.setattr(cache, "__file__", __file__)
    assert cache.code_of("key", lambda: OTHER) == OTHER
    cache._surroundings.cache_clear()
