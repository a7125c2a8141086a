"""Files are whole at every moment, keep what the user has made of them, and leave nothing behind."""

import errno
import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from rnnbp.files import writing
from rnnbp.files.writing import write_atomically

FOREIGN_MACHINE, NO_PROCESS, NEVER = "0" * 7 + "1", 2**22 + 1, "12345678"  # Linux gives no process such a number


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.ckpt"


def leftover(path, *, machine=None, pid=NO_PROCESS, began=NEVER, name="run.ckpt"):
    """Return what a process has left that was killed as it wrote."""
    found = path.with_name(f".{name}.{machine or writing._machine()}-{pid}-{began}.ab12.part")
    found.write_bytes(b"half of")
    return found


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


# -- what is there stays as the user has made it -----------------------------------------------------------------------


@pytest.mark.parametrize("permissions", [0o600, 0o640, 0o664, 0o400])
def test_permissions_are_kept(path, permissions):
    path.write_bytes(b"old")
    path.chmod(permissions)
    write_atomically(path, b"new")
    assert (path.read_bytes(), mode(path)) == (b"new", permissions)


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_a_new_file_is_as_open_as_the_umask_says(path, umask):
    before = os.umask(umask)
    try:
        write_atomically(path, b"new")
    finally:
        assert os.umask(before) == umask
    assert mode(path) == 0o666 & ~umask


def test_the_process_s_umask_is_not_touched(path, monkeypatch):
    monkeypatch.setattr(os, "umask", lambda mask: pytest.fail("another thread may make a file at this moment"))
    write_atomically(path, b"new")


def test_what_is_written_is_never_more_open_than_the_file_was(path, monkeypatch):
    path.write_bytes(b"old")
    path.chmod(0o600)
    seen, opened = [], os.open

    def note(*arguments):
        descriptor = opened(*arguments)
        seen.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        return descriptor

    monkeypatch.setattr(os, "open", note)
    write_atomically(path, b"new")
    assert seen[0] == 0o600


@pytest.mark.skipif(os.name != "posix", reason="other systems cannot")
def test_the_file_and_its_folder_are_on_the_disk(path, monkeypatch):
    kept, fsync = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: kept.append(os.fstat(descriptor)) or fsync(descriptor))
    write_atomically(path, b"new")
    assert {each.st_ino for each in kept} == {path.stat().st_ino, path.parent.stat().st_ino}


def test_a_symbolic_link_stays_one(path, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    target = tmp_path / "elsewhere" / "model"
    target.write_bytes(b"old")
    path.symlink_to(target)
    write_atomically(path, b"new")
    assert path.is_symlink()
    assert target.read_bytes() == b"new"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["elsewhere", "run.ckpt"]


def test_a_link_to_nothing_is_filled(path, tmp_path):
    path.symlink_to(tmp_path / "not yet")
    write_atomically(path, b"new")
    assert (tmp_path / "not yet").read_bytes() == b"new"


def test_a_link_into_a_directory_that_is_not_there_names_that(path, tmp_path):
    path.symlink_to(tmp_path / "gone" / "model")
    with pytest.raises(FileNotFoundError, match=r"there is no directory \S*gone: \S*run\.ckpt"):
        write_atomically(path, b"new")


def test_a_pipe_is_not_replaced(path):
    os.mkfifo(path)
    with pytest.raises(OSError, match=r"no ordinary file: .*run\.ckpt"):
        write_atomically(path, b"new")
    assert stat.S_ISFIFO(path.stat().st_mode)


def test_a_long_name_is_no_trouble(tmp_path):
    path = tmp_path / ("x" * 250)
    write_atomically(path, b"new")
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


# -- what cannot be written --------------------------------------------------------------------------------------------


def test_a_full_disk_is_named_with_the_file_and_leaves_the_old_one(path, monkeypatch):
    path.write_bytes(b"old")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device: .*run\.ckpt") as caught:
        write_atomically(path, b"new")
    assert caught.value.errno == errno.ENOSPC
    assert [each.name for each in path.parent.iterdir()] == ["run.ckpt"]
    assert path.read_bytes() == b"old"


def test_errors_keep_their_kind(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere.run\.ckpt"):
        write_atomically(tmp_path / "nowhere" / "run.ckpt", b"new")
    with pytest.raises(IsADirectoryError):
        write_atomically(tmp_path, b"new")


# -- what killed processes have left -----------------------------------------------------------------------------------


@pytest.mark.parametrize("pid", [NO_PROCESS, os.getpid(), 10**10 - 1], ids=["none", "this one's", "impossible"])
def test_what_a_dead_process_has_left_is_removed(path, pid):
    found = leftover(path, pid=pid)  # this process has its number, but began at another time
    write_atomically(path, b"new")
    assert not found.exists()


def test_what_a_living_process_writes_is_left_alone(path):
    with subprocess.Popen(["sleep", "60"]) as other:
        found = leftover(path, pid=other.pid, began=writing._began(other.pid))
        write_atomically(path, b"new")
        alive = found.exists()
        other.kill()
    assert alive
    write_atomically(path, b"new")
    assert not found.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not say it")
def test_a_process_that_has_ended_but_was_not_waited_for_is_dead(path):
    other = subprocess.Popen(["sleep", "60"])
    found = leftover(path, pid=other.pid, began=writing._began(other.pid))
    other.kill()
    while b") Z" not in Path(f"/proc/{other.pid}/stat").read_bytes():  # a zombie, as nobody waits for it
        time.sleep(0.01)
    write_atomically(path, b"new")
    assert not found.exists()
    other.wait()


@pytest.mark.parametrize("name", ["run", "run.ckpt.2", "other.ckpt", "xrun.ckpt", "run_ckpt"])
def test_what_belongs_to_a_file_of_another_name_is_left_alone(path, name):
    found = leftover(path, name=name)
    write_atomically(path, b"new")
    assert found.exists()


def test_what_is_called_otherwise_is_left_alone(path):
    found = path.with_name(".run.ckpt.abc.part")
    found.write_bytes(b"the user's")
    write_atomically(path, b"new")
    assert found.exists()


@pytest.mark.parametrize(("days", "removed"), [(0.0, False), (0.9, False), (1.1, True)])
def test_what_another_machine_has_left_is_removed_after_a_day(path, days, removed):
    found = leftover(path, machine=FOREIGN_MACHINE)
    then = time.time() - days * 86400
    os.utime(found, (then, then))
    write_atomically(path, b"new")
    assert found.exists() == (not removed)


def test_without_a_process_table_a_process_s_number_says_whether_it_lives(path, monkeypatch):
    monkeypatch.setattr(writing, "_began", lambda pid: writing.UNKNOWN)
    dead, alive = (leftover(path, pid=pid, began=writing.UNKNOWN) for pid in (NO_PROCESS, os.getpid()))
    write_atomically(path, b"new")
    assert (dead.exists(), alive.exists()) == (False, True)


KILLED = """
import os, signal, sys
from rnnbp.files import writing
os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)
writing.write_atomically(sys.argv[1], b"new" * 1000)
"""


def test_thirty_kills_leave_no_more_than_one_file(path):
    for _ in range(30):
        subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
        assert len(list(path.parent.iterdir())) == 1  # of this very kill; the next one removes it
    write_atomically(path, b"new")
    assert [each.name for each in path.parent.iterdir()] == ["run.ckpt"]


def test_threads_that_write_the_same_file_do_not_disturb_each_other(path):
    failed = []

    def write(k):
        try:
            for _ in range(20):
                write_atomically(path, bytes([k]) * 5000)
        except OSError as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(set(path.read_bytes())) == 1
    assert len(path.read_bytes()) == 5000
    assert [each.name for each in path.parent.iterdir()] == ["run.ckpt"]
