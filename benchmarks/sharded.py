"""A table sharded by row over processes: ours beside one process and beside TorchRec's, one JSON line a row.

``python benchmarks/sharded.py --entities 1e6 5e6`` starts processes by torchrun for each row and trains DistMult with
InfoNCE on Zipf statements. A step fetches the rows of a batch's anchors, targets and negatives (1,000 shared, or 64
private), and ends with row-wise Adagrad. Loop, draws, scores, loss and relations are ours on each side:

- ``ours``: :class:`gnnneg.encoders.ShardedLookup` and :class:`gnnneg.training.RowAdagrad` as a config builds them;
- ``alone``: the same in one process, whose steps are of as many statements;
- ``theirs``: the same from an ``EmbeddingCollection`` whose fused optimiser (``EXACT_ROWWISE_ADAGRAD``) updates rows in
  the backward pass. It steps once for each fetch, and a step has only one. Distinct rows are found by our kernel, since
  TorchRec has none for CPUs.

After a row is measured, its side and ``ours`` take ``--compared`` steps from the same weights at a small size, and the
row says by how much their losses differ at most.

TorchRec is no part of gnnneg: ``pip install torchrec fbgemm-gpu-cpu``. ``--sides ours alone`` works without it.
``--processor-time`` counts processor seconds in place of those that pass, for machines that do something else too; a
process that waits for another counts little then. ``--record FILE`` keeps the rows, those of other sides beside ours.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from functools import partial
from importlib import import_module
from pathlib import Path

import scale
import torch
from measure import forget, peak_mib, recording
from plan_check import Sent
from torch import Tensor, nn

from gnnneg import distributed
from gnnneg.encoders import ShardedLookup
from gnnneg.encoders.at_once import AtOnce
from gnnneg.interfaces import Encoder, Encoding
from gnnneg.tasks import LinkPrediction
from gnnneg.training import Fit, RowAdagrad

WIDTH, BATCH, LR, EPS = 128, 1024, 0.1, 1e-10
TABLE = "entity"
SIDES = ["ours", "alone", "theirs"]
CASES = ("1,000 shared", "64 private")
NAMES = {"alone": "one process", "theirs": "TorchRec"}
SMALL = 10_000  # entities of the comparison
LAPS = 3


def task(num_nodes: int, negatives: str) -> LinkPrediction:
    """Ours, as a config builds it."""
    from gnnneg.experiment.settings import plan

    encoder = {"class_path": "ShardedLookup", "init_args": {"hidden_channels": WIDTH}}
    tree = scale.tree("made here", "DistMult", negatives)
    tree["task"]["init_args"]["model"]["init_args"]["encoder"] = encoder
    torch.manual_seed(0)
    facts = {"num_nodes": num_nodes, "num_relations": scale.RELATIONS, "graph": None}
    return plan(tree).arguments["task"].build(facts)


class Collected(AtOnce):
    """The rows that TorchRec fetches."""

    def __init__(self, made: nn.Module, num_rows: int):
        super().__init__(num_rows)
        self.made = made

    def fetch(self, row: Tensor, learned: Tensor | None = None) -> tuple[Tensor, Tensor]:
        from torchrec import KeyedJaggedTensor

        asked = KeyedJaggedTensor(keys=[TABLE], values=row, lengths=torch.tensor([len(row)]))
        rows = self.made(asked)[TABLE].values()
        return rows.detach(), rows if learned is None else rows[learned]


class Collection(Encoder):
    """TorchRec's table, with the vectors of one of ours."""

    uses_graph = False

    def __init__(self, like: ShardedLookup):
        import torchrec
        from fbgemm_gpu.split_embedding_configs import EmbOptimType
        from torchrec.distributed import comm_ops
        from torchrec.distributed.embedding import EmbeddingCollectionSharder
        from torchrec.distributed.sharding_plan import construct_module_sharding_plan, row_wise
        from torchrec.distributed.types import ShardingEnv

        super().__init__()
        self.hidden_channels = WIDTH
        comm_ops.set_gradient_division(False)  # a process's loss is weighted by its share already
        size = {"num_embeddings": like.num_nodes, "embedding_dim": WIDTH}
        table = torchrec.EmbeddingConfig(name=TABLE, feature_names=[TABLE], **size)
        whole = torchrec.EmbeddingCollection(tables=[table], device=torch.device("meta"))
        fused = {"optimizer": EmbOptimType.EXACT_ROWWISE_ADAGRAD, "learning_rate": LR, "eps": EPS}
        sharder = EmbeddingCollectionSharder(fused_params=fused)
        by_row, count = {TABLE: row_wise(compute_kernel="fused")}, distributed.size()
        plan = construct_module_sharding_plan(whole, by_row, sharder, count, count, "cpu")
        env = ShardingEnv.from_process_group(torch.distributed.group.WORLD)
        made = sharder.shard(whole, plan, env, torch.device("cpu"))
        (shard,) = made.state_dict()[f"embeddings.{TABLE}.weight"].local_shards()
        with torch.no_grad():
            shard.tensor.copy_(like.weight)
        # not as a submodule: DistributedDataParallel is not to see it
        self.encoding = partial(Collected, made, like.num_nodes)

    def forward(self, graph: None) -> Encoding:
        return self.encoding()


def built(side: str, num_nodes: int, words: argparse.Namespace) -> tuple[LinkPrediction, RowAdagrad]:
    """The task of a side and its optimiser."""
    made = task(num_nodes, words.case)
    encoder = made.model.encoder
    if side == "theirs":
        assert isinstance(encoder, ShardedLookup)
        made.model.encoder = Collection(encoder)
    return made, RowAdagrad(list(made.trained()), lr=LR, eps=EPS)


def losses(side: str, words: argparse.Namespace) -> Tensor:
    """The loss of each of some steps at a small size."""
    made, optimizer = built(side, SMALL, words)
    fit = Fit(epochs=words.compared, steps=1, batch_size=BATCH)
    history = fit(made, scale.statements(SMALL, 4 * BATCH), optimizer, seed=0, progress=False)
    return torch.tensor([one["loss"] for one in history.records])


def inside(words: argparse.Namespace) -> None:
    """What each process of a row does."""
    clock = time.process_time if words.processor_time else time.perf_counter
    with distributed.together():
        num_nodes = int(words.entities[0])
        made, optimizer = built(words.inside, num_nodes, words)
        data = scale.statements(num_nodes, words.steps * BATCH)
        fit, laps = Fit(epochs=1, batch_size=BATCH), []
        sent = Sent() if words.inside == "ours" else None
        forget()
        for _ in range(1 + LAPS):  # the first warms up
            distributed.wait()
            if sent:
                sent.bytes = 0
            begin = clock()
            fit(made, data, optimizer, seed=0, progress=False)
            laps.append((clock() - begin) / (len(data.rel_type) // BATCH))
        told = torch.zeros(distributed.size(), 2, dtype=torch.double)
        told[distributed.rank()] = torch.tensor([min(laps[1:]), peak_mib()])
        distributed.summed(told)
        differ = (losses("ours", words) - losses(words.inside, words)).abs().max() if words.compared else None
        if distributed.rank() == 0:
            row = {"side": words.inside, "entities": num_nodes, "negatives": words.case}
            row |= {"processes": distributed.size(), "clock": "processor" if words.processor_time else "wall"}
            row |= {"seconds_a_step": told[:, 0].max().item(), "peak_mib": told[:, 1].round().int().tolist()}
            if sent:
                row["sent_mb"] = sent.bytes * BATCH / len(data.rel_type) / 1e6
            print(json.dumps(row if differ is None else row | {"losses_differ_by": differ.item()}))


def missing() -> str | None:
    """Why TorchRec cannot be used, in one sentence."""
    for name in ("fbgemm_gpu", "torchrec"):
        try:
            import_module(name)
        except (ImportError, OSError, RuntimeError) as error:
            said = str(error).splitlines()[0]
            return (
                f"TorchRec cannot be used here ({said}): pip install torchrec fbgemm-gpu-cpu into an environment of "
                "its own, or measure without it with --sides ours."
            )
    return None


def measurement(told: dict, ours: dict | None) -> dict:
    """A row as a measurement: of another side beside the row of ours, where that was measured before."""
    same = {name: told[name] for name in ("entities", "clock", "losses_differ_by") if name in told}
    sharded = ours or told
    same |= {name: sharded[name] for name in ("processes", "sent_mb") if name in sharded}
    row = {"suite": "sharded", "case": f"DistMult, {told['negatives']}", "unit": "s a step", **same}
    if told["side"] == "ours" or ours is None:
        side = NAMES.get(told["side"], "")
        return {**row, "case": ", ".join(filter(None, (row["case"], side))), **_side("", told), "peer": None}
    ratio = told["seconds_a_step"] / ours["seconds_a_step"]
    return {**row, "peer_name": NAMES[told["side"]], **_side("", ours), **_side("peer_", told), "ratio": ratio}


def _side(of: str, told: dict) -> dict:
    return {of.removesuffix("_") or "ours": told["seconds_a_step"], f"{of}peak_mib": max(told["peak_mib"])}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entities", type=float, nargs="+", default=[100_000])
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=SIDES)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--steps", type=int, default=30, help="of each of three laps; the fastest counts")
    parser.add_argument("--compared", type=int, default=10, help="steps whose losses are compared; 0 compares none")
    parser.add_argument("--processor-time", action="store_true")
    parser.add_argument("--record", metavar="FILE", help="add each row to this file as well, as gnnneg bench does")
    parser.add_argument("--inside", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--case", choices=CASES, help=argparse.SUPPRESS)
    words = parser.parse_args()
    if words.processes < 2 or words.steps < 1 or words.compared < 0 or min(words.entities) < words.processes:
        parser.error("--processes is 2 or more, --entities as many or more, --steps 1 or more, --compared 0 or more.")
    torch.set_num_threads(1)
    if words.inside:
        inside(words)
        return
    if "theirs" in words.sides and (why := missing()) is not None:
        sys.exit(why)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    record = recording(words.record, threads=1)
    for entities in words.entities:
        for case in words.cases:
            ours: dict | None = None
            for side in words.sides:
                command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
                command += [
                    f"--nproc-per-node={1 if side == 'alone' else words.processes}",
                    str(Path(__file__)),
                    "--inside",
                    side,
                ]
                command += ["--case", case, "--entities", str(entities), "--steps", str(words.steps)]
                command += ["--compared", str(words.compared if side == "theirs" else 0)]
                command += ["--processor-time"] if words.processor_time else []
                done = subprocess.run(command, capture_output=True, text=True, env=environment)
                if done.returncode:
                    sys.exit(done.stderr)
                line = done.stdout.strip().splitlines()[-1]
                print(line, flush=True)
                told = json.loads(line)
                if side != "ours" or words.sides == ["ours"]:  # else it stands beside the other side
                    record(measurement(told, ours))
                ours = told if side == "ours" else ours


if __name__ == "__main__":
    main()
