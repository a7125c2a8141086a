"""What `rnnbp.diagnostics` has: its own names, and the report, which is made where pictures are."""

import pytest

from rnnbp import diagnostics
from rnnbp.plotting.report import TrainingReport


def test_the_report_is_found_here_too_and_nothing_else_is():
    assert diagnostics.TrainingReport is TrainingReport
    assert all(hasattr(diagnostics, name) for name in dir(diagnostics))
    with pytest.raises(AttributeError, match=r"module 'rnnbp\.diagnostics' has no attribute 'Report'"):
        diagnostics.Report  # noqa: B018
