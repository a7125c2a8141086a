"""The public names of rnnbp: whatever can be reached from it by way of `__all__`.

One list, from which the reference is made and against which the docstrings are tested: a name that is added to an
`__all__` is in both.
"""

from __future__ import annotations

from importlib import import_module
from inspect import ismodule
from types import ModuleType
from typing import Any

ROOTS = ("rnnbp", "rnnbp.training", "rnnbp.kernels.elementwise")


def public_modules() -> dict[str, ModuleType]:
    """Return every public module by its name; a module comes before those that it lists."""
    found: dict[str, ModuleType] = {}
    waiting = list(ROOTS)
    while waiting:
        name = waiting.pop(0)
        found[name] = module = import_module(name)
        waiting += [f"{name}.{own}" for own in module.__all__ if ismodule(getattr(module, own))]
    return found


def public_names() -> dict[str, list[str]]:
    """Return, for each public module, its names that are no modules, each under the first module that lists it."""
    seen: set[int] = set()
    names: dict[str, list[str]] = {}
    for module_name, module in public_modules().items():
        names[module_name] = []
        for own in sorted(module.__all__, key=str.lower):
            value = getattr(module, own)
            if not ismodule(value) and id(value) not in seen:
                seen.add(id(value))
                names[module_name].append(own)
    return names


def public_objects() -> dict[str, Any]:
    """Return every public object by its full name."""
    modules = public_modules()
    return {
        f"{module}.{name}": getattr(modules[module], name) for module, names in public_names().items() for name in names
    }
