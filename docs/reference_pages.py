"""Writes the reference: a page for each public module, with a table of its names; autosummary makes their pages."""

from __future__ import annotations

import inspect
from pathlib import Path
from types import ModuleType

from public_names import ROOTS, public_modules, public_names

TITLES = {
    "rnnbp": "Networks, training, estimators, files",
    "rnnbp.training": "Training in general",
    "rnnbp.kernels.elementwise": "The vocabulary of cells",
}


def write(folder: Path) -> None:
    """Write ``index.rst`` and a page for each module into this folder; pages that are as they should be stay."""
    folder.mkdir(exist_ok=True)
    modules, names = public_modules(), public_names()
    shown = sorted(modules, key=lambda name: (name != ROOTS[0], name in ROOTS, name))
    for name in shown:
        _write(folder / f"{name}.rst", _module_page(name, modules[name], names[name]))
    lines = ["Reference", "=========", "", INTRODUCTION, "", ".. toctree::", "   :maxdepth: 1", "   :hidden:", ""]
    lines += [f"   {name}" for name in shown]
    lines += ["", ".. list-table::", "   :widths: 35 65", "   :class: reference-modules", ""]
    for name in shown:
        lines += [f"   * - :doc:`{name}`", f"     - {_summary(modules[name])}"]
    _write(folder / "index.rst", "\n".join(lines) + "\n")


INTRODUCTION = """Every public name is here, with its arguments, shapes, errors and an example. In all of them T is the
number of steps, B that of sequences in a batch, I that of inputs, H that of hidden units, F that of features and N that
of samples."""


def _module_page(name: str, module: ModuleType, names: list[str]) -> str:
    title = f"{name}: {TITLES[name].lower()}" if name in TITLES else name
    lines = [title, "=" * len(title), "", f".. currentmodule:: {name}", "", inspect.getdoc(module) or "", ""]
    elsewhere = [own for own in module.__all__ if own not in names and not inspect.ismodule(getattr(module, own))]
    inner = [own for own in module.__all__ if inspect.ismodule(getattr(module, own))]
    if elsewhere:
        lines += [
            "Listed here too: " + ", ".join(f"`{_home(getattr(module, own), own)}`" for own in elsewhere) + ".",
            "",
        ]
    if inner and name != ROOTS[0]:
        lines += ["Modules: " + ", ".join(f":doc:`{name}.{own}`" for own in inner) + ".", ""]
    kinds = {each: _kind(getattr(module, each)) for each in names}
    for kind in ("Classes", "Functions", "Errors"):
        if own := [each for each in names if kinds[each] == kind]:
            lines += [f".. rubric:: {kind}", "", ".. autosummary::", "   :toctree: generated", "   :nosignatures:", ""]
            lines += [f"   {each}" for each in own] + [""]
    if own := [each for each in names if kinds[each] == "Constants and types"]:
        lines += [".. rubric:: Constants and types", ""]
        for each in own:
            value = getattr(module, each)
            if isinstance(value, dict):  # a table, with a comment that says what it holds
                lines += [f".. autodata:: {each}", "   :no-value:", ""]
            else:
                lines += [f".. py:data:: {each}", "", f"   ``{value!r}``", ""]
    return "\n".join(lines)


def _kind(value: object) -> str:
    if inspect.isclass(value) and not _is_alias(value):
        return "Errors" if issubclass(value, Exception) else "Classes"
    return "Functions" if inspect.isroutine(value) else "Constants and types"


def _is_alias(value: object) -> bool:
    """Tell whether it is a type such as ``dict[str, float]``, which looks like a class, but is none."""
    return hasattr(value, "__origin__")


def _home(value: object, name: str) -> str:
    return next(
        (
            f"{module}.{own}"
            for module, names in public_names().items()
            for own in names
            if getattr(public_modules()[module], own) is value
        ),
        name,
    )


def _summary(module: ModuleType) -> str:
    return " ".join((inspect.getdoc(module) or "").split("\n\n")[0].split())


def _write(path: Path, text: str) -> None:
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
