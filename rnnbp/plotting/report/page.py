"""One HTML page that needs nothing beside it: text, tables, and pictures as data URIs.

The page loads nothing and runs no script; its content-security policy says so to the browser. It follows the reader's
light or dark setting, where pictures (drawn for white paper, without a background) are inverted and their hues kept.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["page", "paragraph", "picture", "section", "table"]

STYLE = """
:root { color-scheme: light dark; --ink: #1d1f21; --soft: #5f6670; --line: #e3e5e8; --paper: #fdfdfc; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #dcdee1; --soft: #9aa2ac; --line: #33373c; --paper: #17191b; }
  figure img { filter: invert(0.92) hue-rotate(180deg); }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { max-width: 44rem; margin: 0 auto; padding: 3rem 1.25rem 5rem; }
h1 { font-size: 1.75rem; line-height: 1.2; font-weight: 600; margin: 0 0 0.35rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; font-weight: 600; margin: 3rem 0 0.75rem; padding-top: 1rem;
  border-top: 1px solid var(--line); }
p { margin: 0.5rem 0; }
.soft, figcaption { color: var(--soft); font-size: 0.9rem; }
figure { margin: 1.25rem 0; }
figure img { display: block; width: 100%; height: auto; }
figcaption { margin-top: 0.4rem; }
table { width: 100%; border-collapse: collapse; font-size: 0.925rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: 0.4rem 0; border-bottom: 1px solid var(--line); }
th { font-weight: 400; color: var(--soft); width: 38%; padding-right: 1rem; }
td { overflow-wrap: anywhere; }
@media print { main { max-width: none; padding: 0; } h2 { break-after: avoid; } figure { break-inside: avoid; } }
"""

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def page(title: str, summary: str, sections: Iterable[str]) -> str:
    """Return a whole page.

    Parameters
    ----------
    title, summary : str
        Plain text.
    sections : iterable of str
        From `section`.
    """
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<title>{escape(title)}</title>
<link rel="icon" href="data:,">
<style>{STYLE}</style>
</head>
<body>
<main>
<header>
<h1>{escape(title)}</h1>
<p class="soft">{escape(summary)}</p>
</header>
{"".join(sections)}</main>
</body>
</html>
"""


def section(title: str, *parts: str) -> str:
    """Return a section of what `paragraph`, `table` and `picture` return; its id is its title in small letters."""
    identity = title.lower().replace(" ", "-")
    return f'<section id="{escape(identity)}">\n<h2>{escape(title)}</h2>\n{"".join(parts)}</section>\n'


def paragraph(text: str) -> str:
    """Return a paragraph of plain text."""
    return f"<p>{escape(text)}</p>\n"


def table(rows: Mapping[str, object]) -> str:
    """Return a table of names and values, both in plain text."""
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(str(value))}</td></tr>\n' for name, value in rows.items()
    )
    return f"<table>\n<tbody>\n{body}</tbody>\n</table>\n"


def picture(figure: Figure, alternative: str, caption: str) -> str:
    """Return a figure, embedded as SVG.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    alternative : str
        What it shows, for those who cannot see it.
    caption : str
    """
    drawn = io.BytesIO()
    figure.savefig(drawn, format="svg", transparent=True, metadata={"Date": None})
    uri = f"data:image/svg+xml;base64,{base64.b64encode(drawn.getvalue()).decode()}"
    image = f'<img src="{uri}" alt="{escape(alternative)}">'
    return f"<figure>\n{image}\n<figcaption>{escape(caption)}</figcaption>\n</figure>\n"
