"""Adds verdicts to the data set: accepted statements become stated in train, denied ones denied."""

import hashlib
import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor
from torch_geometric.data import HeteroData

from gnnneg.data.gate import SHOWN, numbered, only, within
from gnnneg.data.statements import POLARITIES, completed
from gnnneg.data.words import VERDICTS
from gnnneg.errors import UserError, echo
from gnnneg.verdicts.added import Masks, added
from gnnneg.verdicts.judged import Judged, judged
from gnnneg.verdicts.record import Verdicts
from gnnneg.verdicts.statement import Statement

REASONS = {
    "asked": "on a statement of valid or test, which training must not see",
    "mirrored": "on two entities that a statement of valid or test links the other way round",
    "lost": "against a training statement, which wins",
    "unsure": "unsure",
    "conflicts": "in conflict, since people differ",
}


def curated(
    data: HeteroData,
    verdicts: Verdicts | str | Path,
    whose: Sequence[str] = (),
    wins: str | None = None,
    where: str = "the graph",
) -> HeteroData:
    """A graph with verdicts among its training statements: accepted statements are stated, denied ones denied.

    ::

        data = gnnneg.curated(gnnneg.load("CoDEx-S"), "verdicts.sqlite")

    No information about valid and test gets into training. A verdict is left out if its statement is in valid or test
    (stated or denied), or if a statement of the same polarity there links the two entities in the opposite direction by
    any relation (see :class:`~gnnneg.data.gate.GateReport`). Verdicts are also left out if people are unsure or differ.
    A warning gives the numbers. Statements that are already in train are not added again.

    ``data.verdicts`` of the result holds the numbers and a digest of the added statements. The source of an added
    statement is the person who judged it.

    Cost: three sorts of the statements.

    Args:
        data (torch_geometric.data.HeteroData): The graph that was judged. It is not changed.
        verdicts (Verdicts, str or Path): The record, or a table of labelled statements: see
            :func:`~gnnneg.verdicts.judged.judged`.
        whose (list of str): People whose verdict decides if people differ; the first of them with a verdict counts.
            (default: nobody)
        wins (str, optional): Which side is kept if a verdict contradicts a training statement: ``"stated"``,
            ``"denied"`` or ``"verdicts"``. (default: refuse)
        where (str): The name of the graph in error messages. (default: ``"the graph"``)

    Raises:
        UserError: If the graph does not have a name, a table states and denies the same statement, or a verdict
            contradicts a training statement and ``wins`` is not given.
    """
    if wins not in (None, *POLARITIES, VERDICTS):
        raise UserError(f"A contradiction is won by 'stated', 'denied' or 'verdicts', not {echo(wins)}.")
    found = judged(verdicts, whose)
    both, new = added(completed(data), found, where)
    parts = _sorted_out(both, new, found)
    if wins is None:
        _refuse_contradictions(found, both, parts, where)
    keep = {p: ~new[p] | parts.joins[p] for p in POLARITIES}
    loses = {p: wins not in (p, VERDICTS) for p in POLARITIES}  # polarities whose verdicts lose a contradiction
    for p, other in zip(POLARITIES, reversed(POLARITIES)):
        if loses[p]:
            keep[p] = keep[p] & ~parts.contradicting[p]
        else:
            keep[other] = keep[other] & ~parts.contradicted[other]
    result = only(both, keep)
    told = _told(found, both, parts, {p: new[p] & keep[p] for p in POLARITIES}, loses)
    result.verdicts = told
    _warn(told)
    return result


@dataclass(frozen=True)
class _Parts:
    """Masks that sort the statements of a graph with verdicts, by polarity.

    Args:
        asked (dict): Verdicts on statements of valid and test.
        mirrored (dict): Other verdicts whose entities are linked in the opposite direction by a statement of valid or
            test.
        already (dict): Other verdicts that repeat a training statement or an earlier verdict.
        joins (dict): All other verdicts.
        contradicting (dict): Those of the last two groups that contradict a training statement. A graph may contradict
            itself.
        contradicted (dict): The training statements that they contradict.
    """

    asked: Masks
    mirrored: Masks
    already: Masks
    joins: Masks
    contradicting: Masks
    contradicted: Masks


def _sorted_out(both: HeteroData, new: Masks, found: Judged) -> _Parts:
    number, size = numbered(both), int(both["entity"].num_nodes or 0)
    split = {p: both["entity", p, "entity"].split for p in POLARITIES}
    old = {p: ~new[p] & (split[p] == 0) for p in POLARITIES}
    later = torch.cat([number[p][split[p] > 0] for p in POLARITIES])
    parts, rest = _Parts({}, {}, {}, {}, {}, {}), {}
    for p in POLARITIES:
        head, tail = both["entity", p, "entity"].edge_index
        linked = (split[p] > 0) & (head != tail)
        parts.asked[p] = new[p] & within(number[p], later)
        parts.mirrored[p] = new[p] & ~parts.asked[p] & within(head * size + tail, (tail * size + head)[linked])
        rest[p] = new[p] & ~parts.asked[p] & ~parts.mirrored[p]
        said = within(number[p], number[p][old[p]]) | ~_first(number[p])
        parts.already[p], parts.joins[p] = rest[p] & said, rest[p] & ~said
    for p, other in zip(POLARITIES, reversed(POLARITIES)):
        if bool(within(number[p][rest[p]], number[other][rest[other]]).any()):
            raise UserError(f"{found.name} states and denies the same statement: leave one of the two lines out.")
        parts.contradicting[p] = rest[p] & within(number[p], number[other][old[other]])
        parts.contradicted[other] = old[other] & within(number[other], number[p][parts.contradicting[p]])
    return parts


def _first(number: Int[Tensor, "e"]) -> Bool[Tensor, "e"]:
    """A mask of the first occurrence of each number."""
    found = torch.zeros_like(number, dtype=torch.bool)
    found[torch.from_numpy(np.unique(number.numpy(), return_index=True)[1])] = True
    return found


def _refuse_contradictions(found: Judged, both: HeteroData, parts: _Parts, where: str) -> None:
    said = zip(POLARITIES, ("accepted", "denied"))
    rows = [(word, *row) for p, word in said for row in _named(both, p, parts.contradicting[p])]
    if rows:
        shown = "; ".join(f"{word} {' '.join(echo(name) for name in names)}" for word, *names in rows[:SHOWN])
        more = f" and {len(rows) - SHOWN:,} more" if len(rows) > SHOWN else ""
        raise UserError(
            f"{len(rows):,} of the verdicts of {found.name} contradict training statements of {where} ({shown}{more}): "
            "say which win, verdicts, stated or denied, with --data.wins ('gnnneg verdicts' has --wins; in Python, "
            "wins='verdicts')."
        )


def _named(data: HeteroData, polarity: str, chosen: Bool[Tensor, "e"]) -> list[Statement]:
    names, relations, store = data["entity"].names, data.relation_names, data["entity", polarity, "entity"]
    columns = zip(*store.edge_index[:, chosen].tolist(), store.edge_type[chosen].tolist())
    return [Statement(names[head], relations[kind], names[tail]) for head, tail, kind in columns]


def _told(found: Judged, both: HeteroData, parts: _Parts, joined: Masks, loses: dict[str, bool]) -> dict[str, Any]:
    """What became of the verdicts: counts, and a digest of those that were added."""
    rows = sorted((p, *row) for p in POLARITIES for row in _named(both, p, joined[p]))
    contradicting = {p: int(parts.contradicting[p].sum()) for p in POLARITIES}
    return {
        "file": found.name,
        "accepted": int(joined["stated"].sum()),
        "denied": int(joined["denied"].sum()),
        **{name: sum(int(masks[p].sum()) for p in POLARITIES) for name, masks in list(vars(parts).items())[:3]},
        "lost": sum(contradicting[p] for p in POLARITIES if loses[p]),
        "replaced": sum(contradicting[p] for p in POLARITIES if not loses[p]),
        "unsure": found.unsure,
        "conflicts": found.conflicts,
        "digest": hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16],
    }


def _warn(told: dict[str, Any]) -> None:
    """Warns about verdicts that were not added, and about a file without any."""
    out = [f"{told[name]:,} {reason}" for name, reason in REASONS.items() if told[name]]
    if out:
        warnings.warn(f"Not all verdicts of {told['file']} join training; left out: {'; '.join(out)}.", stacklevel=3)
    elif not told["accepted"] + told["denied"] + told["already"]:
        warnings.warn(f"{told['file']} accepts nothing and denies nothing: the data stay as they are.", stacklevel=3)
