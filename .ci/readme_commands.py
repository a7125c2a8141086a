"""Print the set-up commands of a README, a line each: the lines of its first block of shell code."""

import re
import sys
from pathlib import Path

block = re.search(r"```(?:bash|sh|shell)\n(.*?)```", Path(sys.argv[1]).read_text(encoding="utf-8"), re.DOTALL)
if block is None:
    sys.exit("there is no block of shell code in the README")
for line in block.group(1).splitlines():
    if line.strip() and not line.lstrip().startswith("#"):
        print(line.strip())
