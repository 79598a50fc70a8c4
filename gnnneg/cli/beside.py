"""``python -m gnnneg.cli.beside COMMAND``: a command that ends, as after Ctrl-C, when whoever started it has gone."""

import os
import signal
import sys
import threading

from gnnneg.cli import main


def _until_input_ends() -> None:
    """Our input is the other end of a pipe, which closes when its owner ends, however that comes."""
    while os.read(0, 1024):  # not sys.stdin, whose lock we would hold when Python ends
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_until_input_ends, daemon=True).start()
    sys.exit(main())
