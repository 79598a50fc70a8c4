"""What is told of a Dual's negatives is what its opponent chooses, whatever encoder that has."""

import json
from pathlib import Path

import pytest
import torch

from gnnneg.data.statements import triplets
from gnnneg.experiment import untrained
from gnnneg.interfaces import Scorer
from gnnneg.records import Query

CONFIG = Path(__file__).parents[2] / "configs" / "synthetic" / "dual.yaml"
SAMPLER = {
    "class_path": "Hardest",
    "init_args": {
        "proposal": {"class_path": "Filtered", "init_args": {"proposal": "All"}},
        "num_negatives": 1,
    },
}
ENCODERS = {
    "Lookup": {},
    "RGCN": {"num_bases": 2, "num_layers": 1, "dropout": 0.5, "edge_dropout": 0.5},
    "CompGCN": {"dropout": 0.5},
}


def settings(encoder: str) -> list[str]:
    said = {"class_path": encoder, "init_args": {"hidden_channels": 8, **ENCODERS[encoder]}}
    found = []
    for side in ("positive", "negative"):
        found += [f"--task.{side}.model.encoder", json.dumps(said), f"--task.{side}.model.dropout", "0.5"]
        found += [f"--task.{side}.model.decoder", json.dumps({"class_path": "DistMult", "init_args": RECIPROCAL})]
        found += [f"--task.{side}.sampler", json.dumps(SAMPLER)]
    return found


RECIPROCAL = {"reciprocal": True}


@pytest.mark.parametrize("encoder", ENCODERS)
def test_the_opponent_is_looked_at_as_training_does(encoder):
    """Its best unknown answer by its scores in evaluation mode, on its own graph; it stays as it was."""
    run = untrained(CONFIG, settings(encoder))
    task, data = run.task.train(), run.data
    found = run.negatives(statements=8)
    assert {"false_negative_rate", "hardness", "geometry", "plane", "examples"} <= set(found)
    names, relations = data["entity"].names, data.relation_names
    number, kind = ({name: i for i, name in enumerate(words)} for words in (names, relations))
    rows = found["examples"]
    anchor = torch.tensor([number[row["anchor"]] for row in rows])
    rel_type = torch.tensor([kind[row["relation"]] + len(kind) * (row["side"] == "head") for row in rows])
    target = torch.tensor([number[row["target"]] for row in rows])
    opponent: Scorer = task.negative.judge(Query(anchor, rel_type))
    score = opponent(torch.arange(len(names))[None])
    head, relation, tail = triplets(data, "stated", "train")
    for row, mine in enumerate(score):
        known = {
            t
            for h, r, t in zip(head.tolist(), relation.tolist(), tail.tolist())
            if (h, r) == (anchor[row], rel_type[row])
        }
        known |= {
            h
            for h, r, t in zip(head.tolist(), relation.tolist(), tail.tolist())
            if (t, r + len(kind)) == (anchor[row], rel_type[row])
        }
        assert int(target[row]) in known
        mine[list(known)] = -torch.inf
        assert rows[row]["negatives"][0]["name"] == names[int(mine.argmax())]
    assert all(part.training for part in task.modules())
    assert all(weight.requires_grad for weight in task.negative.model.parameters())
