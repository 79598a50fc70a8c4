"""The names of a study folder's files, and how much a study may take."""

from dataclasses import dataclass

STUDY = "study.yaml"  # what is tuned: the config, its tune section included
JOURNAL = "journal.jsonl"  # Optuna's
BEST = "best.yaml"
PAGE = "study.html"
CLOCK = "clock.json"  # how long a study has been worked on, in all sittings
TRIALS = "trials"  # a folder of run folders
SEEDS = "seeds"  # likewise, of the winner
CLAIMS = "claims"  # a folder of the locks of those who work on a trial

SENTENCE, SECONDS, PROCESS, KILLED = "sentence", "seconds", "process", "killed"  # what is noted of a trial
TESTED = "tested"  # of a study: winner and number of trials at each time that the test set was looked at
STATES = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}  # any other is running


@dataclass(frozen=True)
class Budget:
    """How much a study may take.

    Args:
        trials (int, optional): In all, those that failed or were ended included; None bounds the time alone.
        until (float, optional): The time (of :func:`time.time`) from which on none is begun.
        seeds (int): How many times the winner is trained at the end.
        startup (int): Trials that are drawn at random, and none of which is ended before its time.
        prune (bool): Whether trials that promise nothing are ended.
    """

    trials: int | None
    until: float | None = None
    seeds: int = 5
    startup: int = 10
    prune: bool = True
