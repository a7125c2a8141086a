"""Print the oldest versions that pyproject.toml allows, as constraints of pip: a line for each dependency.

They are those of the library, of plots, of the tests and of the build. Nothing else may be said of them: so the newest
versions are installed, and tested, unless other packages hold them back.
"""

import re
import tomllib
from pathlib import Path

content = tomllib.loads(Path(__file__).parents[1].joinpath("pyproject.toml").read_text(encoding="utf-8"))
project, extras = content["project"], content["project"]["optional-dependencies"]
requirements = [*content["build-system"]["requires"], *project["dependencies"], *extras["plot"], *extras["test"]]
for requirement in sorted(set(requirements)):
    declared = re.fullmatch(r"([\w.-]+)>=([\d.]+)", requirement)
    if declared is None:
        raise SystemExit(
            f"pyproject.toml must give each dependency a minimum alone (name>=version), not {requirement!r}"
        )
    print("{}=={}".format(*declared.groups()))
