"""What the workbench adds to training, and what it saves: one JSON line a row.

``python benchmarks/workbench.py asked`` asks a model of FB15k-237 100,000 questions at once, beside some of them one
by one. ``python benchmarks/workbench.py tuned`` runs a study of 200 trials of five seconds, beside the seconds that
its trials trained and validated; ``--trials 20 --seconds 1`` is a short one. ``--record FILE`` adds each row to a file.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from measure import recording

FB15K237 = "FB15k-237"
ONE_BY_ONE = 100
TUNED: dict[str, Any] = {
    "data": {"name": "UMLS"},
    "task": {
        "class_path": "LinkPrediction",
        "init_args": {
            "model": {
                "class_path": "KGEModel",
                "init_args": {
                    "encoder": {"class_path": "Lookup", "init_args": {"hidden_channels": 100}},
                    "decoder": "DistMult",
                    "dropout": 0.3,
                },
            },
            "corruption": "Both",
            "sampler": "All",
            "loss": "InfoNCE",
        },
    },
    "optimizer": {"class_path": "Adagrad", "init_args": {"lr": 0.1}},
    "tune": {
        "optimizer.lr": {"low": 0.01, "high": 0.5, "log": True},
        "task.model.dropout": {"low": 0.0, "high": 0.5},
    },
}


def asked(data: str, count: int) -> dict[str, Any]:
    """Questions a second at once, and one by one."""
    import gnnneg

    run = gnnneg.pipeline(data, "ComplEx", hidden_channels=128, epochs=0)
    names, relations = run.data["entity"].names, run.data.relation_names
    rng = torch.Generator().manual_seed(0)
    head, relation = (torch.randint(len(of), (count,), generator=rng).tolist() for of in (names, relations))
    frame = pd.DataFrame({"head": [names[i] for i in head], "relation": [relations[i] for i in relation]})
    run.predict_many(frame[:ONE_BY_ONE])  # which compiles, and reads what is known
    begin = time.perf_counter()
    answers = run.predict_many(frame)
    ours = count / (time.perf_counter() - begin)
    begin = time.perf_counter()
    some = [run.predict(*row) for row in frame[:ONE_BY_ONE].itertuples(index=False)]
    peer = ONE_BY_ONE / (time.perf_counter() - begin)
    first = answers[answers["question"] < ONE_BY_ONE]
    assert first["tail"].tolist() == [name for one in some for name in one["tail"]], "other answers"
    about = {"case": f"{count:,} questions at once", "unit": "questions/s", "ours": ours}
    return {**about, "peer": peer, "peer_name": f"{ONE_BY_ONE} one by one", "ratio": ours / peer}


def tuned(trials: int, seconds: float) -> dict[str, Any]:
    """Seconds of a whole study, and those that its trials trained and validated."""
    import gnnneg

    fit = {"epochs": 1_000_000, "batch_size": 256, "evaluate_every": 5, "patience": None, "max_seconds": seconds}
    with tempfile.TemporaryDirectory() as home:
        begin = time.perf_counter()
        study = gnnneg.tune(
            {**TUNED, "fit": fit}, trials, seeds=0, prune=False, out=Path(home) / "study", progress=False
        )
        whole = time.perf_counter() - begin
        results = [json.loads(path.read_text()) for path in study.path.glob("trials/*/result.json")]
    used = sum(one["time"]["train_s"] + one["time"]["evaluate_s"] for one in results)
    about = {"case": f"a study of {trials} trials of {seconds:g} s", "unit": "s", "ours": whole}
    return {**about, "peer": used, "peer_name": "training and validation", "ratio": used / whole}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=["asked", "tuned"], metavar="asked | tuned")
    parser.add_argument("--questions", type=int, default=100_000)
    parser.add_argument("--data", default=FB15K237)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--record", metavar="FILE", help="add each row to this file as well")
    words = parser.parse_args()
    torch.set_num_threads(words.threads)
    record = recording(words.record, words.threads)
    ways = {
        "asked": lambda: asked(words.data, words.questions),
        "tuned": lambda: tuned(words.trials, words.seconds),
    }
    for part in words.parts:
        row = {"suite": "workbench", **ways[part](), "clock": "wall"}
        print(json.dumps(row), flush=True)
        record(row)


if __name__ == "__main__":
    main()
