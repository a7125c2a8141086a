"""``python -m rnnbp`` is the command ``rnnbp``."""

import sys

from rnnbp.command_line import main

sys.exit(main())
