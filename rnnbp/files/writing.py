"""Files that are whole at every moment, whatever happens to the process that writes them.

A file is written under a temporary name beside its place, and moved there in one step::

    .run.ckpt.3f9a01c2-4711-8d20c4be.x2k9.part
     |        |        |    |        `- at random
     |        |        |    `- when the process began
     |        |        `- the process
     |        `- the machine
     `- the file that it is to be

A process that is killed as it writes leaves such a file behind. Whoever writes the same file next removes it, but only
if the name shows that the process is no more: another run may be writing at this moment. What a process of another
machine has left is removed once it has not changed for a day.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from os import PathLike
from pathlib import Path

__all__ = ["write_atomically"]

DAY = 86400.0  # seconds
UNKNOWN = "0" * 8
LONGEST_NAME = 160  # characters of a file's name that its temporary name repeats; file systems allow 255 bytes


def write_atomically(path: str | PathLike[str], content: bytes) -> None:
    """Write a file so that `path` holds its old content or the new one, whatever happens meanwhile.

    A file that is replaced keeps its permissions, and a symbolic link stays one: what it points to is replaced.

    Parameters
    ----------
    path : path-like
    content : bytes

    Raises
    ------
    OSError
        If it cannot be written; names the file.
    """
    target = Path(os.path.realpath(path))
    with _named(path):
        if not os.fspath(path):
            raise FileNotFoundError(errno.ENOENT, "an empty path names no file")
        if not target.parent.exists():
            raise FileNotFoundError(errno.ENOENT, f"there is no directory {target.parent}")
        mode = _mode(target)
        _remove_dead(target)
        temporary = target.with_name(_temporary_name(target.name))
        # a new file is as open as the process's umask says; one that replaces another is private until it is alike
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        descriptor = os.open(temporary, flags, 0o666 if mode is None else 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                if mode is not None:
                    os.chmod(temporary, mode)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, target)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
        _keep_entry(target.parent)


@contextmanager
def _named(path: str | PathLike[str]) -> Iterator[None]:
    """Let errors of the system name the file that the user knows."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error


def _mode(target: Path) -> int | None:
    """Return the permissions of a file that is there, or None."""
    try:
        found = target.stat()
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    if not stat.S_ISREG(found.st_mode):  # replacing a device or a pipe would do away with it
        raise OSError(errno.EINVAL, "this is no ordinary file", str(target))
    return stat.S_IMODE(found.st_mode)


def _keep_entry(folder: Path) -> None:
    """Have the folder's entry on the disk too, where the system can."""
    if os.name != "posix":
        return
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


# -- temporary names ---------------------------------------------------------------------------------------------------


def _temporary_name(name: str) -> str:
    pid = os.getpid()
    return f".{_stem(name)}.{_machine()}-{pid}-{_began(pid)}.{secrets.token_hex(2)}.part"


def _stem(name: str) -> str:
    """Return a file's name, or what stands for one that is too long to be repeated."""
    if len(os.fsencode(name)) <= LONGEST_NAME:
        return name
    return hashlib.sha256(os.fsencode(name)).hexdigest()


def _remove_dead(target: Path) -> None:
    """Remove what processes that are no more have left of this very file."""
    pattern = re.compile(
        rf"\.{re.escape(_stem(target.name))}\.([0-9a-f]{{8}})-(\d{{1,10}})-([0-9a-f]{{8}})\.[0-9a-f]{{4}}\.part"
    )
    with suppress(OSError), os.scandir(target.parent) as entries:
        for entry in entries:
            if found := pattern.fullmatch(entry.name):
                machine, pid, began = found.groups()
                with suppress(OSError):
                    if _is_dead(machine, int(pid), began, entry):
                        os.unlink(entry.path)


def _is_dead(machine: str, pid: int, began: str, entry: os.DirEntry[str]) -> bool:
    if machine == _machine():
        if _began(os.getpid()) != UNKNOWN:
            return _began(pid) != began
        if os.name == "posix":
            try:
                os.kill(pid, 0)  # sends nothing: says whether there is such a process
            except (ProcessLookupError, OverflowError):
                return True
            except PermissionError:
                pass
    return time.time() - entry.stat(follow_symlinks=False).st_mtime > DAY


@cache
def _machine() -> str:
    """Return what tells machines, and containers on them, apart: only within one do process numbers mean anything."""
    space = ""
    with suppress(OSError):
        space = os.readlink("/proc/self/ns/pid")
    return hashlib.sha256(f"{socket.gethostname()} {space}".encode(errors="replace")).hexdigest()[:8]


def _began(pid: int) -> str:
    """Return what tells a process from others that have had its number; `UNKNOWN` also if there is none."""
    with suppress(OSError, IndexError, ValueError):
        state, *figures = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        if state != b"Z":  # a zombie writes nothing
            return hashlib.sha256(f"{_boot()} {int(figures[18])}".encode()).hexdigest()[:8]
    return UNKNOWN


@cache
def _boot() -> str:
    """Return what tells one start of the machine from another, where the system says it."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text()
    return ""
