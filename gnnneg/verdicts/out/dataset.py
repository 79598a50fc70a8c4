"""The data set that was judged, with the verdicts in it, as a folder like those of ``gnnneg data import``."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
from torch_geometric.data import HeteroData

from gnnneg.data.account import Account
from gnnneg.data.definitions import Defined
from gnnneg.data.gathered import Gathered
from gnnneg.data.labels import Called
from gnnneg.data.options import refuse_used
from gnnneg.data.parts import Parts, Piece
from gnnneg.data.statements import PAIR, POLARITIES, SPLITS, counts
from gnnneg.data.texts import Texts
from gnnneg.data.write import write
from gnnneg.verdicts.agreed import ROLES
from gnnneg.verdicts.joined import curated
from gnnneg.verdicts.out.outcome import Outcome
from gnnneg.verdicts.record import Verdicts

UNSURE = "unsure.parquet"
BESIDE = {"type": "types", "x": "features", "candidate_tails": "candidates"}


def write_dataset(
    out: Path,
    data: HeteroData,
    verdicts: Verdicts,
    outcome: Outcome,
    whose: Sequence[str] = (),
    wins: str | None = None,
    where: str = "the data set",
) -> dict[str, Any]:
    """Writes the data set with the verdicts in its training statements, by the rules of :func:`~gnnneg.curated`.

    A config names the folder, ``gnnneg data import`` reads it. Who judged is the source of a statement, and the share
    of judges who said so its confidence. What people are unsure of lies in ``unsure.parquet``, which neither reads.

    Args:
        out (Path): The folder; it must not exist or be empty.
        data (torch_geometric.data.HeteroData): The graph that was judged.
        verdicts (Verdicts): The record.
        outcome (Outcome): What it comes to.
        whose, wins, where: See :func:`~gnnneg.curated`.

    Returns:
        What became of the verdicts (``data.verdicts``), and ``notes``.

    Raises:
        UserError: If the folder is in use, and as :func:`~gnnneg.curated`.
    """
    refuse_used(out)
    found = curated(data, verdicts, whose, wins, where)
    parts = Parts.of(_pieces(found))
    told = found.verdicts
    about = f"{where} with {told['accepted']:,} accepted and {told['denied']:,} denied statements of {told['file']}."
    account = Account()
    read = Gathered(Parts({}), None, _labels(found), account, _definitions(found, account))
    numbers = counts(parts.graph)
    write(out, Path(f"{where} and {Path(verdicts.path).name}"), parts, None, read, about, numbers)
    unsure = [row for row in outcome.rows if row["verdict"] == "unsure"]
    if unsure:
        columns = {key: pa.array([row[key] for row in unsure], pa.string()) for key in (*ROLES, "who", "when", "why")}
        pyarrow.parquet.write_table(pa.table(columns), out / UNSURE)
    lost = [name for key, name in BESIDE.items() if key in data["entity"]]
    lost += ["labelled pairs"] if PAIR in data.edge_types else []
    notes = [f"The folder has no {' and no '.join(lost)}, which the data set has."] if lost else []
    silent = int(data["entity"].num_nodes or 0) - numbers["entities"]
    notes += [f"{silent:,} entities of which nothing is said are not in it."] if silent else []
    return {**told, "notes": notes}


def _pieces(data: HeteroData) -> Iterator[Piece]:
    """The statements of each polarity and split, in names."""
    names, relations = Texts.of(data["entity"].names).array, pa.array(data.relation_names, pa.large_string())
    sources = pa.array([*data.source_names, ""], pa.large_string())
    for polarity in POLARITIES:
        store = data["entity", polarity, "entity"]
        columns = {
            "head": names.take(pa.array(store.edge_index[0].numpy())),
            "relation": relations.take(pa.array(store.edge_type.numpy())),
            "tail": names.take(pa.array(store.edge_index[1].numpy())),
            "source": sources.take(pa.array((store.source % len(sources)).numpy())),
        }
        if "confidence" in store:
            columns["confidence"] = pa.array(store.confidence.double().numpy())
        table = pa.table(columns)
        for number, split in enumerate(SPLITS):
            yield polarity, split, table.filter(pa.array((store.split == number).numpy()))


def _labels(data: HeteroData) -> pa.Table | None:
    """What things are called, as an import keeps it."""
    called = Called()
    for store, prefix, names in ((data["entity"], "", data["entity"].names), (data, "relation_", data.relation_names)):
        labels, synonyms = (store.get(f"{prefix}{kind}") for kind in ("labels", "synonyms"))
        for place, name in enumerate(names if labels is not None else ()):
            called.add(name, labels[place], *(synonyms[place] if synonyms is not None else ()))
    return called.table()


def _definitions(data: HeteroData, account: Account) -> pa.Table | None:
    """What things are, as an import keeps it."""
    defined = Defined()
    for names, texts in (
        (data["entity"].names, data["entity"].get("definitions")),
        (data.relation_names, data.get("relation_definitions")),
    ):
        for name, text in zip(names, texts or ()):
            defined.add(name, text or "")
    return defined.table(account)
