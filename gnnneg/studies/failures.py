"""The jobs that failed in one session of some studies; its processes share this knowledge."""

import json
from dataclasses import dataclass
from pathlib import Path

from gnnneg.studies.queue import Job
from gnnneg.training.atomic import replacing


@dataclass(frozen=True)
class Failures:
    """Failed jobs. No process of the session tries them again; the next session does.

    Args:
        folder (pathlib.Path): A folder of this session alone, with a file for each of them.
    """

    folder: Path

    def note(self, job: Job, why: str) -> None:
        """Notes that a job failed, and why."""
        with replacing(self._file(job)) as path:
            path.write_text(json.dumps(f"{job.name}: {why}"), encoding="utf-8")

    def __contains__(self, job: object) -> bool:
        return isinstance(job, Job) and self._file(job).exists()

    def sentences(self) -> list[str]:
        """A sentence for each failed job, the first to fail first."""
        files = sorted(self.folder.glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
        return [json.loads(path.read_bytes()) for path in files]

    def _file(self, job: Job) -> Path:
        return self.folder / f"{job.study.name}-{job.slug}.json"
