"""The site in docs/: its snippets run, its names have examples that run, and its built pages are whole."""

import os
import re
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(path for folder in ("start", "lessons", "why") for path in (DOCS / folder).glob("*.rst"))


# -- snippets --------------------------------------------------------------------------------------------------------


def snippets(page):
    """Return the Python blocks of a page and the line of each; those of other libraries are left out."""
    found = []
    lines = page.read_text().splitlines()
    for number, line in enumerate(lines):
        if not (match := re.match(r"( *)\.\. code-block:: python$", line)):
            continue
        block = []
        for following in lines[number + 1 :]:
            if following.strip() and len(following) - len(following.lstrip()) <= len(match[1]):
                break
            block.append(following[len(match[1]) + 3 :])
        options = [text for text in block if text.startswith(":")]
        if ":class: theirs" not in options:
            found.append((number + 1, "\n".join("" if text in options else text for text in block)))
    return found


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # few epochs, for speed
@pytest.mark.parametrize("page", [page for page in PAGES if snippets(page)], ids=lambda page: f"{page.parent.name}/{page.stem}")
def test_every_snippet_of_a_page_runs_after_those_before_it(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "snippets"}
    for line, source in snippets(page):
        exec(compile("\n" * line + source, str(page), "exec"), namespace)
