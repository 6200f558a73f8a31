"""``python -m pandad.cli``: the same as the `pandad` command."""

import sys

from pandad.cli.main import main

sys.exit(main())
