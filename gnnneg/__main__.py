"""``python -m gnnneg``."""

import sys

from gnnneg.cli import main

sys.exit(main())
