"""Whole runs on a CUDA device, opened again there and on the CPU."""

import json
import os
from pathlib import Path

import pytest
import torch

from gnnneg.experiment import Run, train_config

CONFIGS = sorted((Path(__file__).resolve().parents[1] / "configs" / "synthetic").glob("*.yaml"))
DEVICE = os.environ.get("GNNNEG_TEST_DEVICE", "cuda")  # cpu tries the test itself
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(DEVICE == "cuda" and not torch.cuda.is_available(), reason="no CUDA device"),
    pytest.mark.filterwarnings("ignore"),
]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_a_run_trains_there_and_is_read_anywhere(config, tmp_path):
    """Two epochs, all figures of an evaluation, and the same test MRR from the folder on either device."""
    out = tmp_path / "run"
    settings = ["--device", DEVICE, "--fit.epochs", "2", "--fit.evaluate_every", "1"]
    train_config(config, settings, out=out, progress=False)
    result = json.loads((out / "result.json").read_text())
    mrr = result["metrics"]["test"]["mrr"]
    assert 0 < mrr <= 1
    for device in (DEVICE, "cpu"):
        run = Run.load(out, device=device)
        assert run.evaluate()["mrr"] == pytest.approx(mrr, abs=2e-3)
    if config.stem != "k-vs-all":  # which draws none
        assert run.negatives()


@pytest.mark.parametrize("name", ["uniform", "dual"])
def test_a_run_from_there_goes_on_there(name, tmp_path):
    """A run that was stopped ends where one that was not stopped ends, but for the order of sums on the device."""
    from gnnneg.experiment import resume

    config = next(path for path in CONFIGS if path.stem == name)
    settings = ["--device", DEVICE, "--fit.evaluate_every", "1", "--fit.patience", "null"]
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    train_config(config, [*settings, "--fit.epochs", "4"], out=whole, progress=False)
    train_config(config, [*settings, "--fit.epochs", "2"], out=parted, progress=False)
    text = (parted / "config.yaml").read_text()
    (parted / "config.yaml").write_text(text.replace("epochs: 2", "epochs: 4"))
    (parted / "result.json").unlink()
    resume(parted, progress=False)
    found = [json.loads((folder / "result.json").read_text())["metrics"]["test"]["mrr"] for folder in (whole, parted)]
    assert found[0] == pytest.approx(found[1], abs=0.02)
