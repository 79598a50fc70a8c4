"""kill -9 at ten random moments of a real run: what is gone on with comes to the same bits."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

# One process imports everything once. Each run is a child of it, which the kernel kills after so many seconds.
NURSERY = """
import json, os, random, signal, sys, time, warnings
from pathlib import Path

import torch
torch.set_num_threads(1)
from gnnneg.experiment import resume, train_config
from gnnneg.training import checkpoint

checkpoint.BRIEF = float("inf")  # however slow the disk is, one comes at each step: the same files are left
os.fsync = lambda handle: None  # processes are killed, not the machine

home, config, seed = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
settings = ["--fit.epochs", "6", "--fit.evaluate_every", "2", "--fit.checkpoint_seconds", "0", "--device", "cpu"]
settings += ["--fit.batch_size", "256", "--task.model.encoder.hidden_channels", "8", "--task.model.dropout", "0.1"]


def child(work, moment=None):
    # how the work ended; killed at a moment, which is waited for
    process = os.fork()
    if process == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    while moment is not None and not moment():
        if os.waitpid(process, os.WNOHANG)[0]:
            return 0
    if moment is not None:
        os.kill(process, signal.SIGKILL)
    return os.waitpid(process, 0)[1]


def start(run):
    return lambda: train_config(config, settings, run, progress=False)


def after(seconds):
    end = time.monotonic() + seconds
    return lambda: time.sleep(0.001) or time.monotonic() > end


def steps(run):
    files = [path.stem for path in (run / "checkpoints").glob("*.pt")]
    return max(map(int, files), default=-1)


def reached(run, step):
    def moment():
        if steps(run) >= step:
            time.sleep(draw.uniform(0, 0.02))
            return True
        return time.sleep(0.001)

    return moment


whole = home / "whole"
assert child(start(home / "warm")) == 0
began = time.monotonic()
assert child(start(whole)) == 0
took = time.monotonic() - began
draw, told, last = random.Random(seed), [], steps(whole)
for number in range(10):
    run = home / str(number)
    if number < 2:  # while it begins
        moment = after(draw.uniform(0, took / 4))
    else:  # once at the end, else on the way
        moment = reached(run, last if number == 2 else draw.randrange(last))
    status = child(start(run), moment)
    begun, at = (run / "config.yaml").exists(), steps(run)
    again = (lambda: resume(run, progress=False)) if begun else start(run)
    told.append({"killed": os.WIFSIGNALED(status), "begun": begun, "at": at, "ended": child(again)})
print(json.dumps(told))
"""

CONFIG = Path(__file__).parents[2] / "configs" / "synthetic" / "shared.yaml"


def log(run: Path) -> list[dict]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key not in ("seconds", "triples_per_s")} for line in lines]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_ten_runs_killed_at_random_moments_come_to_the_same_bits(tmp_path):
    seed = int.from_bytes(os.urandom(4))  # other moments each time
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", NURSERY, str(tmp_path), str(CONFIG), str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment, check=False)
    assert done.returncode == 0, (seed, done.stderr)
    told = json.loads(done.stdout)
    assert len(told) == 10
    assert sum(one["killed"] for one in told) >= 8, (seed, told)
    whole = tmp_path / "whole"
    for number, one in enumerate(told):
        run = tmp_path / str(number)
        assert one["ended"] == 0, (seed, one, done.stderr)
        weights = "model/model.safetensors"
        assert (run / weights).read_bytes() == (whole / weights).read_bytes(), (seed, one)
        assert (run / "ranks.parquet").read_bytes() == (whole / "ranks.parquet").read_bytes(), (seed, one)
        assert log(run) == log(whole), (seed, one)
        results = [json.loads((path / "result.json").read_text()) for path in (run, whole)]
        assert results[0]["metrics"] == results[1]["metrics"], (seed, one)
        left = {path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()}
        assert left == {path.relative_to(whole).as_posix() for path in whole.rglob("*") if path.is_file()}, (seed, one)
