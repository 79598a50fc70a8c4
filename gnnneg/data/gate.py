"""The checks that every graph passes: at import, in ``from_hetero``, after inheritance, and with given splits.

Three things are refused unless an option resolves them: a statement that is both stated and denied, a statement in two
splits, and two spellings of one name. Mirrored pairs are counted: statements of valid or test whose entities train
links in the opposite direction.
"""

import copy
import re
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import pyarrow.compute as pc
import torch
from jaxtyping import Bool, Int
from torch import Tensor
from torch_geometric.data import HeteroData

from gnnneg.data.statements import POLARITIES, SPLITS, distinct, sliced, triplets
from gnnneg.data.texts import Texts
from gnnneg.errors import UserError, echo
from gnnneg.records import Triplets

SHOWN = 20
AT_ONCE = 1 << 20  # numbers searched at a time
BLANKS = re.compile(r"[^\S\n]+")
# invisible characters: zero-width spaces, soft hyphens, direction marks (but not joiners of letters)
UNSEEN = re.compile("[\ufeff\u200b\u2060\u00ad\u180e\u200e\u200f\u202a-\u202e\u2066-\u2069]")
STRAY = r"[^\x20-\x7e]|^ | $|  "  # only names that match this can be untidy
Keep = dict[str, Bool[Tensor, "_"]]


@dataclass(frozen=True)
class GateReport:
    """The counts of the checks.

    Args:
        contradictions (int): Distinct statements that are both stated and denied, in any splits.
        overlap (int): Distinct statements that are also in an earlier split (train, valid, test) with the same
            polarity.
        mirrored (int): Distinct stated statements of valid and test whose two entities train links in the opposite
            direction, by any relation.
        asked (int): All distinct stated statements of valid and test.
        contradicted (list): The first twenty contradictions, as names.
        overlapping (list): The first twenty statements in two splits, as names.
    """

    contradictions: int = 0
    overlap: int = 0
    mirrored: int = 0
    asked: int = 0
    contradicted: list[list[str]] = field(default_factory=list)
    overlapping: list[list[str]] = field(default_factory=list)


def admit(
    data: HeteroData,
    wins: str | None = None,
    overlap: str | None = None,
    mirrored: str | None = None,
    apart: bool = False,
    where: str = "The graph",
) -> tuple[HeteroData, GateReport]:
    """Checks a graph. Contradictions and statements in two splits are refused, or resolved by an option.

    Cost: two sorts of the statements, and one pass over all names.

    Args:
        data (torch_geometric.data.HeteroData): A graph in the convention; it is not changed.
        wins (str, optional): Which version of a contradiction is kept: ``"stated"`` or ``"denied"``. (default: refuse)
        overlap (str, optional): ``"drop"`` removes a statement from later splits if an earlier one has it, ``"keep"``
            keeps it. (default: refuse)
        mirrored (str, optional): ``"drop"`` removes statements from valid and test if train links their entities in the
            opposite direction, ``"keep"`` keeps them. (default: keep and count)
        apart (bool): Whether names that differ only in blanks or Unicode form belong to different things. (default:
            :obj:`False`, refuse)
        where (str): The subject of error messages. (default: ``"The graph"``)

    Returns:
        The graph, and the counts before anything was resolved.

    Raises:
        UserError: If a conflict is not resolved, or names differ only in blanks or Unicode form.
    """
    if not apart:
        names = {"entity": data["entity"].names, "relation": data.relation_names}
        refuse_variants(
            names,
            where,
            "rename them so that each thing has one, or make the graph with gnnneg.from_frames or gnnneg.from_hetero "
            "to keep them apart with apart=True",
        )
        for remark in lookalikes(names):
            warnings.warn(f"{where}: {remark}", stacklevel=3)
    keep, found = resolved(data, wins, overlap, mirrored, where)
    return (data if all(bool(k.all()) for k in keep.values()) else only(data, keep)), found


def tell_of_mirrored(found: GateReport) -> None:
    """Warns about mirrored statements of valid and test if no option says what to do with them."""
    if found.mirrored:
        warnings.warn(
            f"{found.mirrored:,} of {found.asked:,} stated statements of valid and test link two entities that train "
            "links in the opposite direction, so that metrics may be too high: remove them with mirrored='drop', or "
            "keep them with mirrored='keep'.",
            stacklevel=3,
        )


def look_over(data: HeteroData, name: str) -> None:
    """Checks a graph before training. Contradictions are refused, because the model would learn one of the two wrongly.
    Statements in two splits only give a warning, because some published data sets have them.

    Args:
        data (torch_geometric.data.HeteroData): A graph in the convention.
        name (str): Its name.

    Raises:
        UserError: If a statement is both stated and denied.
    """
    found = resolved(data, "stated", "keep")[1]
    if found.contradictions:
        raise UserError(
            f"In {name}, {found.contradictions:,} statements are both stated and denied, such as "
            f"{' '.join(echo(part) for part in found.contradicted[0])}: say which wins, with --data.wins stated or "
            "--data.wins denied (in Python, gnnneg.from_hetero(data, wins='stated')); 'gnnneg data check' lists them."
        )
    if found.overlap:
        warnings.warn(
            f"In {name}, {found.overlap:,} statements are in two splits, such as "
            f"{' '.join(echo(part) for part in found.overlapping[0])}; statements seen in training are easy to "
            "answer: 'gnnneg data check' lists them.",
            stacklevel=3,
        )


def resolved(
    data: HeteroData,
    wins: str | None = None,
    overlap: str | None = None,
    mirrored: str | None = None,
    where: str = "The graph",
) -> tuple[Keep, GateReport]:
    """The statements of each polarity to keep, and what was found; see :func:`admit`."""
    for name, value, known in (
        ("wins", wins, POLARITIES),
        ("overlap", overlap, ("drop", "keep")),
        ("mirrored", mirrored, ("drop", "keep")),
    ):
        if value is not None and value not in known:
            what = "A contradiction is won by" if name == "wins" else f"{name} is"
            raise UserError(f"{what} {known[0]!r} or {known[1]!r}, not {echo(value)}.")
    number = numbered(data)
    split = {p: data["entity", p, "entity"].split for p in POLARITIES}
    both = {p: within(number[p], number[other]) for p, other in zip(POLARITIES, reversed(POLARITIES))}
    later = {p: _later(number[p], split[p]) for p in POLARITIES}
    turned = _turned(data)
    asked = split["stated"] > 0
    found = GateReport(
        int(torch.unique(number["stated"][both["stated"]]).numel()),
        sum(int(torch.unique(number[p][later[p]]).numel()) for p in POLARITIES),
        int(torch.unique(number["stated"][turned]).numel()),
        int(torch.unique(number["stated"][asked]).numel()),
        _named(data, "stated", both["stated"]),
        [row for p in POLARITIES for row in _named(data, p, later[p])][:SHOWN],
    )
    _refuse(found, wins, overlap, where)
    keep = {p: torch.ones_like(both[p]) for p in POLARITIES}
    if wins is not None:
        loser = "denied" if wins == "stated" else "stated"
        keep[loser] &= ~both[loser]
    for polarity in POLARITIES:
        if overlap == "drop":
            keep[polarity] &= ~later[polarity]
    if mirrored == "drop":
        keep["stated"] &= ~turned
    return keep, found


def only(data: HeteroData, keep: Mapping[str, Tensor]) -> HeteroData:
    """The graph with only the statements that ``keep`` selects; names stay."""
    result = copy.copy(data)
    for polarity, chosen in keep.items():
        store = result["entity", polarity, "entity"]
        for key, value in store.to_dict().items():
            store[key] = sliced(key, value, chosen, chosen.numel())
    return result


def tidied(name: str) -> str:
    """A name in composed form (Unicode's NFC), without surrounding, repeated or invisible blanks.

    ``"Cafe\\u0301 "`` and ``"Caf\\u00e9"`` look the same, and are equal once they are tidied.
    """
    if not name.isascii():
        name = UNSEEN.sub("", unicodedata.normalize("NFC", name))
    return BLANKS.sub(" ", name.strip())


def alike(name: str) -> str:
    """A key that is equal for names that differ only in Unicode form, including compatible forms (NFKC): ``"\\u00b5m"``
    with the micro sign and ``"\\u03bcm"`` with the Greek letter have the same key.
    """
    return tidied(unicodedata.normalize("NFKC", tidied(name)) if not name.isascii() else name)


def untidy(names: Iterable[str]) -> list[tuple[int, str, str]]:
    """The names that change when they are tidied: position, name and tidy form.

    Most names are plain letters without stray blanks; Arrow finds these quickly, and they are skipped.
    """
    return _changed(Texts.of(names), tidied)


def _changed(texts: Texts, made: Callable[[str], str]) -> list[tuple[int, str, str]]:
    places = pc.indices_nonzero(pc.match_substring_regex(texts.array, STRAY)).to_pylist()
    every = ((place, name, made(name)) for place, name in zip(places, texts.take(places)))
    return [(place, name, plain) for place, name, plain in every if name != plain]


def variants(names: Iterable[str], made: Callable[[str], str] = tidied) -> list[list[str]]:
    """Groups of names that become equal when they are tidied, in the order of their first names.

    Args:
        names (iterable): The names.
        made (callable): A key function to use instead of tidying, such as :func:`alike`. (default: tidied)
    """
    texts = Texts.of(names)
    groups: dict[str, dict[str, int]] = {}
    for place, name, plain in _changed(texts, made):
        if plain not in groups:
            groups[plain] = {plain: texts.index(plain)} if plain in texts else {}
        groups[plain].setdefault(name, place)
    several = [sorted(group, key=lambda name: group[name]) for group in groups.values() if len(group) > 1]
    return sorted(several, key=lambda group: groups[made(group[0])][group[0]])


def lookalikes(names: Mapping[str, Iterable[str]]) -> list[str]:
    """Warnings about names that look almost the same but may differ, such as ``x\u00b2`` and ``x2``, or two kinds of
    mu.

    Args:
        names (dict): The names of each kind, such as ``entity``. They must not become equal when tidied.
    """
    said = []
    for kind, every in names.items():
        found = variants(every, alike)
        if found:
            shown = "; ".join(" and ".join(ascii(name) for name in group) for group in found[:3])
            said.append(
                f"{len(found):,} names of {kind} differ in compatible forms of Unicode (NFKC) only, such as {shown}, "
                "and are kept apart: rename them if they mean one thing."
            )
    return said


def refuse_variants(names: Mapping[str, Iterable[str]], where: str, advice: str) -> None:
    """Refuses two spellings of one name.

    Args:
        names (dict): The names of each kind, such as ``entity``.
        where (str): The subject of the error message.
        advice (str): What the user can do.

    Raises:
        UserError: If two names of one kind differ only in blanks or Unicode form.
    """
    for kind, every in names.items():
        found = variants(every)
        if found:
            shown = "; ".join(" and ".join(ascii(name) for name in group) for group in found[:3])
            raise UserError(
                f"{where}: {len(found):,} names of {kind} differ in blanks or in their form in Unicode only, such as "
                f"{shown}: {advice}."
            )


def _refuse(found: GateReport, wins: str | None, overlap: str | None, where: str) -> None:
    if found.contradictions and wins is None:
        raise UserError(
            f"{where}: {found.contradictions:,} statements are both stated and denied, such as "
            f"{_shown(found.contradicted, found.contradictions)}: say which wins, with --wins stated or "
            "--wins denied (in Python, gnnneg.from_hetero(data, wins='stated'))."
        )
    if found.overlap and overlap is None:
        raise UserError(
            f"{where}: {found.overlap:,} statements are in two splits, such as "
            f"{_shown(found.overlapping, found.overlap)}: take them out of the later split with --overlap drop, or "
            "leave them there with --overlap keep (in Python, gnnneg.from_frames or gnnneg.from_hetero with "
            "overlap='drop')."
        )


def _shown(rows: list[list[str]], total: int) -> str:
    listed = "; ".join(" ".join(echo(name) for name in row) for row in rows)
    return listed + (f" and {total - len(rows):,} more" if total > len(rows) else "")


def numbered(data: HeteroData) -> dict[str, Int[Tensor, "_"]]:
    """A key for each statement. It depends only on head, relation and tail, not on polarity and split.

    Cost: one product, or a sort if head, relation and tail together do not fit into one integer.
    """
    parts = [triplets(data, polarity) for polarity in POLARITIES]
    nodes, relations = int(data["entity"].num_nodes or 0), len(data.relation_names)
    if nodes * nodes * relations < 1 << 63:
        keys = ((part.head_index * relations + part.rel_type) * nodes + part.tail_index for part in parts)
        return dict(zip(POLARITIES, keys))
    number = distinct(Triplets(*map(torch.cat, zip(*parts))))[1]
    return dict(zip(POLARITIES, number.split([part.rel_type.numel() for part in parts])))


def _later(number: Int[Tensor, "e"], split: Int[Tensor, "e"]) -> Bool[Tensor, "e"]:
    """The statements that an earlier split has too."""
    found = torch.zeros_like(number, dtype=torch.bool)
    for later in range(1, len(SPLITS)):
        mine = (split == later).nonzero()[:, 0]
        found[mine] = within(number[mine], number[split < later])
    return found


def _turned(data: HeteroData) -> Bool[Tensor, "e"]:
    """The stated statements of valid and test whose entities train links in the opposite direction."""
    store, size = data["entity", "stated", "entity"], int(data["entity"].num_nodes or 0)
    head, tail = store.edge_index
    train = store.split == 0
    asked = (~train & (head != tail)).nonzero()[:, 0]
    found = torch.zeros_like(train)
    found[asked] = within((tail * size + head)[asked], (head * size + tail)[train])
    return found


def within(numbers: Int[Tensor, "e"], others: Int[Tensor, "f"]) -> Bool[Tensor, "e"]:
    """Which of the first numbers occur among the second.

    Cost: a sort of the shorter sequence, and a binary search for each number of the longer one.
    """
    if numbers.numel() <= others.numel():
        few, place = torch.unique(numbers, return_inverse=True)
        found = torch.zeros_like(few, dtype=torch.bool)
        for part in others.split(AT_ONCE) if few.numel() else ():
            near = torch.searchsorted(few, part).clamp_(max=few.numel() - 1)
            found[near[few[near] == part]] = True
        return found[place]
    few = torch.unique(others)
    parts = []
    for part in numbers.split(AT_ONCE):
        near = torch.searchsorted(few, part).clamp_(max=max(few.numel() - 1, 0))
        parts.append(few[near] == part if few.numel() else torch.zeros_like(part, dtype=torch.bool))
    return torch.cat(parts)


def _named(data: HeteroData, polarity: str, chosen: Bool[Tensor, "e"]) -> list[list[str]]:
    """The first distinct statements among the chosen ones, as names and in the order of names."""
    names, relations = data["entity"].names, data.relation_names
    head, rel, tail = (column[chosen] for column in triplets(data, polarity))
    rows = {(names[h], relations[r], names[t]) for h, r, t in zip(head.tolist(), rel.tolist(), tail.tolist())}
    return [list(row) for row in sorted(rows)[:SHOWN]]
