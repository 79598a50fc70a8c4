"""The second of two processes fails while the first waits for it, by the command line."""

import sys

from gnnneg import cli, distributed
from gnnneg.errors import UserError


def run(words: list[str]) -> int:
    """In place of a command."""
    with distributed.together():
        if distributed.rank() == 1:
            raise UserError("This is why.")
        distributed.wait()
    return 0


if __name__ == "__main__":
    cli._run, cli.PATIENCE = run, 0.1
    sys.exit(cli.main())
