"""``python -m gnnneg.cli.beside COMMAND``: a command that ends, as after Ctrl-C, with the process that started it."""

import sys
import threading

from gnnneg.beside import until_input_ends
from gnnneg.cli import main

if __name__ == "__main__":
    threading.Thread(target=until_input_ends, daemon=True).start()
    sys.exit(main())
