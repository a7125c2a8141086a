"""Sphinx builds the site: ``python -m sphinx -W -b html docs docs/_build/html``."""

import inspect
import os
import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
os.environ["MPLBACKEND"] = "Agg"

import public_names
import reference_pages
import scripts

import rnnbp

NAMES = public_names.public_names()

project = "rnnbp"
author = "The rnnbp developers"
copyright = f"2026, {author}"
version = release = rnnbp.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "matplotlib.sphinxext.plot_directive",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = [
    "_build",
    "_scripts",
    "gallery/*.rst",
    "*/GALLERY_HEADER.rst",
    "auto_*/**/*.ipynb",
    "**/sg_execution_times.rst",
    "sg_execution_times.rst",
]
templates_path = ["_templates"]
default_role = "py:obj"
pygments_style = "friendly"
add_module_names = False
autodoc_typehints = "none"  # numpydoc's sections say the types
autosummary_generate = True
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
plot_include_source = False
plot_html_show_source_link = False
plot_html_show_formats = False
plot_formats = [("png", 110)]

html_theme = "pydata_sphinx_theme"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_title = "rnnbp"
html_show_sourcelink = False
html_copy_source = False
html_sidebars = {"index": [], "start/coming_from": []}
html_theme_options = {
    "show_prev_next": True,
    "show_toc_level": 2,
    "navigation_depth": 2,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}

sphinx_gallery_conf = {
    "examples_dirs": ["gallery", "_scripts"],
    "gallery_dirs": ["auto_gallery", "auto_examples"],
    "filename_pattern": scripts.RUN,
    "ignore_pattern": r"__init__|conf",
    "image_scrapers": ("matplotlib", scripts.WrittenPictures()),
    "reset_argv": scripts.Arguments(),
    "within_subsection_order": "FileNameSortKey",
    "reference_url": {},
    "doc_module": ("rnnbp",),
    "backreferences_dir": "reference/backreferences",
    "remove_config_comments": True,
    "show_memory": False,
    "plot_gallery": True,
    "download_all_examples": False,
    "min_reported_time": 5,
    "abort_on_example_error": True,
    "capture_repr": ("_repr_html_", "__repr__"),
    "show_signature": False,
}


def escape_initials(app, what, name, obj, options, lines):
    """Keep "D. E. Rumelhart and ..." at the head of a line from being read as item D of a list."""
    lines[:] = [re.sub(r"^( *)([A-Z]\. )", r"\1\\\2", line) for line in lines]


def add_see_also(app, what, name, obj, options, lines):
    """Point from a public name that points nowhere to those that are listed beside it."""
    if what not in ("class", "function", "exception") or any(".. seealso::" in line for line in lines):
        return
    module, _, own = name.rpartition(".")
    beside = [other for other in NAMES.get(module, ()) if other != own and inspect.isclass(obj) == other[0].isupper()]
    if own in NAMES.get(module, ()) and beside:
        lines += ["", ".. seealso::", "", "   " + ", ".join(f"`{module}.{other}`" for other in beside[:8]), ""]


def add_the_idea(app, what, name, obj, options, lines):
    """Put the equations, costs and papers with which a file opens under the class or function that it is about."""
    module = sys.modules.get(getattr(obj, "__module__", None) or "")
    if what not in ("class", "function") or module is None or hasattr(module, "__path__"):
        return
    if len(getattr(module, "__all__", ())) > 3 or "\n\n" not in (module.__doc__ or ""):
        return
    said = re.sub(r"(?m)^(\w.*)\n-+$", r".. rubric:: \1\n", inspect.cleandoc(module.__doc__))
    lines += ["", ".. rubric:: The idea", "", *said.splitlines(), ""]


def setup(app):
    """Write what is made by code before Sphinx reads the pages."""
    app.connect("autodoc-process-docstring", add_see_also, priority=899)
    app.connect("autodoc-process-docstring", add_the_idea, priority=900)  # after numpydoc
    app.connect("autodoc-process-docstring", escape_initials, priority=901)
    reference_pages.write(HERE / "reference")
    scripts.write(HERE.parent / "examples", HERE / "_scripts")
