"""Measures the time of work over several processes."""

import time
from pathlib import Path

from gnnneg import documents
from gnnneg.errors import UserError
from gnnneg.plain import to_json
from gnnneg.training.atomic import replacing

TICK = 5.0  # seconds between looks at the clock


class Clock:
    """Seconds of work in all processes so far. A kill loses the seconds since the last write.

    Args:
        path (pathlib.Path): The file in which they are kept.

    Raises:
        UserError: If the file is damaged.
    """

    def __init__(self, path: Path):
        self.path, self._before = path, (0.0, 0.0)
        try:
            found = documents.read_json(path) if path.exists() else {}
            if isinstance(found, dict) and "seconds" in found:
                # older files have no processor time
                self._before = float(found["seconds"]), float(found.get("processor", 0.0))
        except (ValueError, TypeError) as error:  # broken JSON is a UserError, which is a ValueError
            raise UserError(f"{path} is damaged: delete it, and the time is counted from 0.") from error
        self._began = time.monotonic(), time.process_time()
        self._last = self._began[0]

    @property
    def seconds(self) -> float:
        """Wall-clock seconds until now."""
        return self._before[0] + time.monotonic() - self._began[0]

    @property
    def processor(self) -> float:
        """Processor seconds of all threads of this process until now."""
        return self._before[1] + time.process_time() - self._began[1]

    def tick(self) -> None:
        """Writes both if the last write was some seconds ago."""
        if time.monotonic() - self._last > TICK:
            self.write()

    def write(self) -> None:
        """Writes both."""
        self._last = time.monotonic()
        with replacing(self.path) as temporary:
            said = {"seconds": self.seconds, "processor": self.processor}
            temporary.write_text(to_json(said), encoding="utf-8")
