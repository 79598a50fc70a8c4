"""The file names of a study folder, and the budget of a study."""

from dataclasses import dataclass

from gnnneg import run_files

STUDY = run_files.STUDY  # the config with its tune section
JOURNAL = "journal.jsonl"  # the file of Optuna
BEST = "best.yaml"
PAGE = "study.html"
CLOCK = "clock.json"  # total time spent on a study, over all sessions
TRIALS = "trials"  # a folder of run folders
SEEDS = "seeds"  # the same for the seeds of the winner
CLAIMS = "claims"  # a folder of locks of the processes that work on a trial

SENTENCE, SECONDS, PROCESS = "sentence", "seconds", "process"  # attributes of a trial
KILLED, STUCK = "killed", "stuck"  # how often its process was killed: under one parent, and at one checkpoint
TESTED = "tested"  # attribute of a study: winner and number of trials each time the test set was used
STATES = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}  # any other state means running


@dataclass(frozen=True)
class Budget:
    """The budget of a study.

    Args:
        trials (int, optional): The total number of trials, including failed and stopped ones. None means that only time
            is limited.
        until (float, optional): The time (of :func:`time.time`) after which no trial starts.
        seeds (int): How many times the winner is trained at the end.
        startup (int): The number of trials that are drawn at random; these are never stopped early.
        prune (bool): Whether unpromising trials are stopped early.
    """

    trials: int | None
    until: float | None = None
    seeds: int = 5
    startup: int = 10
    prune: bool = True
