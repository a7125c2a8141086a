"""Where a result comes from: the versions and the machine that computed it."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import rnnbp
from rnnbp.kernels import threads

__all__ = ["machine", "versions"]

PACKAGES = ("numpy", "scipy", "llvmlite", "scikit-learn", "librosa", "matplotlib")


def versions() -> dict[str, str]:
    """Return the versions of rnnbp, of Python, and of the packages that numbers may depend on."""
    found = {"rnnbp": rnnbp.__version__, "Python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def machine() -> dict[str, str]:
    """Return what computed it; nothing that names its owner."""
    return {
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "threads of rnnbp": str(threads.count()),
    }


def _processor() -> str:
    described = Path("/proc/cpuinfo")  # platform.processor() is empty on most Linux systems
    if described.exists() and (found := re.search(r"model name\s*:\s*(.+)", described.read_text())):
        return found[1]
    return platform.processor() or "unknown"
