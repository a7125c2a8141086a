"""Packages that are not there: which extra brings them is said."""

import re
import sys

import pytest

from rnnbp.interop.extras import imported


@pytest.mark.parametrize(("package", "extra"), [("onnx", "onnx"), ("onnx.helper", "onnx"), ("torch.fx", "torch")])
def test_the_extra_that_brings_a_package_is_named(monkeypatch, package, extra):
    monkeypatch.setitem(sys.modules, extra, None)
    monkeypatch.setitem(sys.modules, package, None)
    command = f"python -m pip install 'rnnbp[{extra}]'"
    with pytest.raises(ImportError, match=f"^{extra} is not installed: {re.escape(command)}$"):
        imported(package)
