"""Print the oldest versions that pyproject.toml allows, as constraints of pip: a line for each dependency.

They are those of the library, of plots, of the tests and of the build.
"""

import re
import tomllib
from pathlib import Path

content = tomllib.loads(Path(__file__).parents[1].joinpath("pyproject.toml").read_text(encoding="utf-8"))
project, extras = content["project"], content["project"]["optional-dependencies"]
requirements = [*content["build-system"]["requires"], *project["dependencies"], *extras["plot"], *extras["test"]]
for requirement in sorted(set(requirements)):
    name, minimum = re.fullmatch(r"([\w.-]+)>=([\d.]+)", requirement).groups()
    print(f"{name}=={minimum}")
