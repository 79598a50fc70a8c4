"""Two processes of one study, both killed at a random moment: no trial is lost, and none is run twice."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from optuna.trial import TrialState
from studies.toy import CONFIG as PLAIN

from gnnneg import Study, tune
from gnnneg.documents import parse_yaml
from gnnneg.errors import UserError
from gnnneg.tuning import processes

TRIALS = 5
LONGER = "fit: {epochs: 5, batch_size: 512, evaluate_every: 1, checkpoint_seconds: 0.1}"
CONFIG = re.sub("^fit: .*$", LONGER, PLAIN, flags=re.MULTILINE)
CONFIG += "tune: {optimizer.lr: {low: 0.01, high: 1.0, log: true}}\n"


# One process imports everything once. Those of the study are forked from it, not started, and struck by a thread.
NURSERY = """
import json, os, random, signal, sys, threading, time
from pathlib import Path

import torch
torch.set_num_threads(1)
from gnnneg import tune
from gnnneg.documents import parse_yaml
from gnnneg.tuning import processes

home, config, trials, seed = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
draw, living, killed = random.Random(seed), [], []


class Forked:
    # as much of subprocess.Popen as is asked for
    stdin = stdout = None

    def __init__(self, command, **options):
        self.returncode, self.pid = None, os.fork()
        if self.pid == 0:
            code = 1
            processes.subprocess.Popen = Popen
            try:
                code = processes._work(command[-1])
            finally:
                os._exit(code)
        living.append(self)

    def poll(self):
        if self.returncode is None:
            process, status = os.waitpid(self.pid, os.WNOHANG)
            if process:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


def strike(validations):
    path = home / "journal.jsonl"
    while not path.exists() or path.read_text().count("intermediate_value") <= validations:
        time.sleep(0.005)
    time.sleep(draw.uniform(0, 0.05))
    for one in list(living):
        os.kill(one.pid, signal.SIGKILL)
        killed.append(one.pid)


Popen, processes.subprocess.Popen, processes.until_input_ends = processes.subprocess.Popen, Forked, lambda: None
threading.Thread(target=strike, args=[draw.randrange(12)], daemon=True).start()
tune(parse_yaml(config, ""), trials, workers=2, startup=2, seeds=2, prune=False, out=home, progress=False)
print(len(killed))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_two_processes_that_are_killed_lose_no_trial_and_run_none_twice(tmp_path):
    seed, home = int.from_bytes(os.urandom(4)), tmp_path / "study"  # another moment each time
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", NURSERY, str(home), CONFIG, str(TRIALS), str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment, check=False)
    assert (done.returncode, done.stdout) == (0, "2\n"), (seed, done.stderr)
    told = [json.loads(line) for line in (home / "journal.jsonl").read_text().splitlines()]
    ends = {state.value for state in TrialState if state.is_finished()}
    ended = Counter(one["trial_id"] for one in told if one["op_code"] == 6 and one["state"] in ends)
    assert ended == dict.fromkeys(range(TRIALS), 1), (seed, ended)
    study = Study(home)
    assert set(study.trials.state) == {"complete"}, (seed, study.trials)
    reports = Counter((one["trial_id"], one["step"]) for one in told if "intermediate_value" in one)
    assert reports == {(trial, epoch): 1 for trial in range(TRIALS) for epoch in range(1, 6)}, seed
    for path in sorted((home / "trials").iterdir()):
        lines = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
        assert [line["epoch"] for line in lines if "loss" in line] == list(range(1, 6)), (seed, path)
    assert [run.result["seed"] for run in study.seeds] == [0, 1]
    assert list((home / "claims").iterdir()) == []


def test_a_process_is_told_its_orders_and_tells_what_it_could_not_do(tmp_path, monkeypatch):
    """What is started is this module, with its share of the cores; its sentence comes back as ours."""
    started = []

    class Failing(subprocess.Popen):
        stdin, returncode, pid, _child_created = None, 2, 0, False

        def __init__(self, command, env, **options):
            (tmp_path / "said").write_text("There is no such data set.\n")
            self.stdout = (tmp_path / "said").open()
            started.append((command, env))

        def poll(self):
            return self.returncode

    monkeypatch.setattr(processes.subprocess, "Popen", Failing)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(9)), raising=False)
    with pytest.raises(UserError, match=r"^There is no such data set\.$"):
        tune(parse_yaml(CONFIG, ""), hours=1.0, workers=4, out=tmp_path / "study", allow="mine", progress=False)
    orders = [json.loads(command[-1]) for command, _ in started]
    assert [command[:3] for command, _ in started] == [[sys.executable, "-m", processes.__name__]] * 4
    assert {env["OMP_NUM_THREADS"] for _, env in started} == {"2"}
    assert [one["number"] for one in orders] == [0, 1, 2, 3]
    assert {(one["home"], tuple(one["allow"]), one["budget"]["trials"]) for one in orders} == {
        (str(tmp_path / "study"), ("mine",), None)
    }
