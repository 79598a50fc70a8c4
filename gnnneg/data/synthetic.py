"""A small world with a known truth, for machines without data and for measurements that no benchmark allows.

People live in cities and work for companies, cities lie in countries on continents. Everything else follows by rules.
The world has every kind of relation by which decoders differ:

==================  ==================  =========================================================
relation            kind                rule
==================  ==================  =========================================================
``located_in``      functional          each city lies in one country
``lies_on``         functional          each country lies on one continent
``within``          hierarchical        transitive: city, country, continent
``capital_of``      one-to-one          one city of each country; implies ``located_in``
``lives_in``        functional          each person lives in one city
``citizen_of``      composed            ``lives_in`` then ``located_in``
``based_in``        functional          each company has its seat in one city
``works_for``       functional          people work for a company of their country
``employs``         inverse             of ``works_for``
``leads``           one-to-one          one person of each company; implies ``works_for``
``colleague_of``    symmetric           people of one company
``neighbor_of``     symmetric           people of one city
==================  ==================  =========================================================

The truth is complete: a statement that is not in it *is* false. So false negatives can be counted exactly, and every
denied statement is false.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor
from torch_geometric.data import HeteroData

from gnnneg.checks import fraction, whole
from gnnneg.data.known import KnownAnswers
from gnnneg.data.splits import random_split
from gnnneg.data.statements import assemble
from gnnneg.errors import UserError
from gnnneg.kernels.ragged import entries, rows
from gnnneg.kernels.unique import numbered_rows, unique_rows
from gnnneg.records import Query, Triplets

TYPES = ("person", "city", "company", "country", "continent")
SHARES = (0.6, 0.2, 0.14, 0.05, 0.01)
# which types each relation leads from and to
RELATIONS = {
    "located_in": ("city", "country"),
    "lies_on": ("country", "continent"),
    "within": ("city country", "country continent"),
    "capital_of": ("city", "country"),
    "lives_in": ("person", "city"),
    "citizen_of": ("person", "country"),
    "based_in": ("company", "city"),
    "works_for": ("person", "company"),
    "employs": ("company", "person"),
    "leads": ("person", "company"),
    "colleague_of": ("person", "person"),
    "neighbor_of": ("person", "person"),
}


@dataclass(frozen=True)
class World:
    """A graph and its whole truth.

    Args:
        data (HeteroData): The stated and denied statements, in the convention, with ``data["entity"].type`` and
            ``type_names``.
        truth (Triplets): All true statements, observed or not. All others are false.
    """

    data: HeteroData
    truth: Triplets

    @property
    def known(self) -> KnownAnswers:
        """The truth as an index."""
        return KnownAnswers(self.truth, self.data["entity"].num_nodes, len(self.data.relation_names))

    def true(self, triplets: Triplets) -> Bool[Tensor, "b"]:
        """Whether each statement is true."""
        head_index, rel_type, tail_index = triplets
        return self.known.contains(Query(head_index, rel_type), tail_index[:, None])[:, 0]


def world(
    num_entities: int = 200,
    observed: float = 0.8,
    denied: float = 1.0,
    valid: float = 0.1,
    test: float = 0.1,
    seed: int = 0,
    plausible: float = 0.0,
    named: bool = False,
) -> World:
    """Makes a world.

    Args:
        num_entities (int): Number of entities; at least 40. (default: :obj:`200`)
        observed (float): Share of the truth that is stated; the rest is true and unknown. (default: :obj:`0.8`)
        denied (float): Denied statements per stated one. Each keeps head and relation of a stated one of its split
            and denies a tail of a fitting type. (default: :obj:`1.0`)
        valid (float): Share of stated statements for validation. (default: :obj:`0.1`)
        test (float): Share for test. (default: :obj:`0.1`)
        seed (int): The same seed makes the same world. (default: :obj:`0`)
        plausible (float): Share of the denied statements that are nearly true, like those that people deny. The denied
            tail is in the country of the true one, and a denied country is on the same continent. Without such a tail,
            it is any of a fitting type. (default: :obj:`0.0`)
        named (bool): Whether entities have names such as ``"Mara Novak"`` and ``"Pineford"``, and not ``"person_12"``
            and ``"city_3"``. (default: :obj:`False`)

    Raises:
        UserError: If a size or share is out of range.
    """
    whole("a world", 0, num_entities=num_entities)
    whole("a world", -(2**63), seed=seed)
    fraction("a world", observed=observed, denied=denied, plausible=plausible, valid=valid, test=test)
    if not isinstance(named, bool):
        raise UserError(f"named={named!r} of a world is neither true nor false.")
    if num_entities < 40:
        raise UserError(f"A world needs at least 40 entities, not {num_entities}.")
    if not observed:
        raise UserError("A world of which nothing is stated (observed=0) is no graph: give a share above 0.")
    rng = torch.Generator().manual_seed(seed)
    kind = _kinds(num_entities)
    truth = _truth(kind, rng)
    seen = _observed(truth, observed, rng)
    split = random_split(seen, valid, test, rng, together=False)
    wrong, wrong_split = _denied(seen, split, truth, kind, denied, plausible, rng)
    if named:
        from gnnneg.data.made_names import made_names  # here, and not above: other data have names of their own

        names = made_names(dict(zip(TYPES, torch.bincount(kind, minlength=len(TYPES)).tolist())), seed)
    else:
        names = [f"{TYPES[k]}_{i}" for k, i in zip(kind.tolist(), _count(kind).tolist())]
    data = assemble(seen, split, names, list(RELATIONS), wrong, wrong_split)
    data["entity"].type = torch.nn.functional.one_hot(kind, len(TYPES)).bool()
    data["entity"].type_names = list(TYPES)
    return World(data, truth)


def _kinds(num_entities: int) -> Int[Tensor, "n"]:
    size = [max(2, int(share * num_entities)) for share in SHARES]
    size[0] += num_entities - sum(size)
    return rows(torch.tensor(size))


def _count(kind: Int[Tensor, "n"]) -> Int[Tensor, "n"]:
    first = torch.searchsorted(kind, torch.arange(len(TYPES)))
    return torch.arange(kind.numel()) - first[kind]


def _truth(kind: Int[Tensor, "n"], rng: torch.Generator) -> Triplets:
    person, city, company, country, continent = (torch.nonzero(kind == k)[:, 0] for k in range(len(TYPES)))

    def pick(size: int, among: Tensor) -> Tensor:
        """Evenly spread: everything is picked once before anything is picked again."""
        turns = [torch.randperm(among.numel(), generator=rng) for _ in range(size // among.numel() + 1)]
        return among[torch.cat(turns)[:size]]

    node = torch.zeros(kind.numel(), dtype=torch.long)
    node[country] = pick(country.numel(), continent)  # what each entity leads to by its functional relation
    node[city] = pick(city.numel(), country)
    node[company] = pick(company.numel(), city)
    home = pick(person.numel(), city)
    # people work in their own country if it has a company, which makes citizen_of and works_for bear on one another
    place = node[node[company]]
    employer = pick(person.numel(), company)
    firms, dwellers = _members(place, country), _members(node[home], country)
    for local, here in zip(firms, dwellers):
        if local.numel():
            employer[here] = pick(here.numel(), company[local])
    capital = city[_first(node[city], country)]
    led = company[torch.isin(company, employer)]
    leader = person[_first(employer, led)]

    pairs = {
        "located_in": (city, node[city]),
        "lies_on": (country, node[country]),
        "within": (torch.cat([city, city, country]), torch.cat([node[city], node[node[city]], node[country]])),
        "capital_of": (capital, country),
        "lives_in": (person, home),
        "citizen_of": (person, node[home]),
        "based_in": (company, node[company]),
        "works_for": (person, employer),
        "employs": (employer, person),
        "leads": (leader, led),
        "colleague_of": _alike(person, employer),
        "neighbor_of": _alike(person, home),
    }
    rel_type = torch.cat([torch.full_like(pairs[name][0], r) for r, name in enumerate(RELATIONS)])
    return Triplets(torch.cat([h for h, _ in pairs.values()]), rel_type, torch.cat([t for _, t in pairs.values()]))


def _members(group: Int[Tensor, "p"], values: Int[Tensor, "g"]) -> tuple[Int[Tensor, "_"], ...]:
    """Where in ``group`` each of some ascending values stands."""
    order = group.argsort(stable=True)
    begin = torch.searchsorted(group[order], values)
    end = torch.searchsorted(group[order], values, right=True)
    return tuple(order[a:b] for a, b in zip(begin.tolist(), end.tolist()))


def _first(group: Int[Tensor, "p"], values: Int[Tensor, "g"]) -> Int[Tensor, "g"]:
    """Where in ``group`` each of some values, which are there, stands first."""
    order = group.argsort(stable=True)
    return order[torch.searchsorted(group[order], values)]


def _alike(entity: Int[Tensor, "p"], group: Int[Tensor, "p"]) -> tuple[Int[Tensor, "e"], Int[Tensor, "e"]]:
    """All pairs of different entities of one group."""
    order = group.argsort(stable=True)
    begin = torch.searchsorted(group[order], group)
    length = torch.searchsorted(group[order], group, right=True) - begin
    row, place = entries(length)
    column = order[begin[row] + place]
    other = row != column
    return entity[row[other]], entity[column[other]]


def _observed(truth: Triplets, share: float, rng: torch.Generator) -> Triplets:
    """A random part of the truth in which every relation and entity is still mentioned."""
    if share == 1:
        return truth
    keep = random_split(truth, test=1 - share, valid=0.0, rng=rng, together=False) == 0
    return Triplets(*(x[keep] for x in truth))


def _region(truth: Triplets, num_nodes: int) -> Int[Tensor, "n"]:
    """What each entity lies in: people, cities and companies in a country, a country on its continent; else -1."""
    names, region = list(RELATIONS), torch.full((num_nodes,), -1)
    for name in ("located_in", "lies_on", "citizen_of"):
        here = truth.rel_type == names.index(name)
        region[truth.head_index[here]] = truth.tail_index[here]
    seat = truth.rel_type == names.index("based_in")
    region[truth.head_index[seat]] = region[truth.tail_index[seat]]
    return region


def _denied(
    seen: Triplets,
    split: Int[Tensor, "e"],
    truth: Triplets,
    kind: Int[Tensor, "n"],
    share: float,
    plausible: float,
    rng: torch.Generator,
) -> tuple[Triplets, Int[Tensor, "f"]]:
    known = KnownAnswers(truth, kind.numel(), len(RELATIONS))
    fitting = [[t in right.split() for t in TYPES] for _, right in RELATIONS.values()]
    chosen = torch.randperm(split.numel(), generator=rng)[: round(share * split.numel())]
    head_index, rel_type, part = seen.head_index[chosen], seen.rel_type[chosen], split[chosen]
    # entities of one type, and of the types that fit one relation, stand side by side; with ``plausible`` also those
    # of one type that lie in one region
    region = _region(truth, kind.numel()) if plausible else torch.zeros_like(kind)
    group = kind * (int(region.max()) + 2) + region
    order = group.argsort(stable=True)
    place = order.argsort()
    size = torch.bincount(kind, minlength=len(TYPES))
    first = torch.tensor([row.index(True) for row in fitting])[rel_type]
    low, high = (size.cumsum(0) - size)[first], (torch.tensor(fitting).long() @ size)[rel_type]
    high += low
    # the n-th entity that is neither an answer nor the head itself: so many of those stand before it
    row, refused = known.answers(Query(head_index, rel_type))
    row, refused = torch.cat([row, torch.arange(chosen.numel())]), place[torch.cat([refused, head_index])]
    row, refused = unique_rows(row, refused)

    def left(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The refused ones between two places, row by row, and how many others there are."""
        inside = (refused >= low[row]) & (refused < high[row])
        count = torch.bincount(row[inside], minlength=chosen.numel())
        return row[inside], refused[inside], high - low - count

    near = torch.arange(chosen.numel()) < round(plausible * chosen.numel())
    begin = torch.searchsorted(group[order], group[seen.tail_index[chosen]])
    end = torch.searchsorted(group[order], group[seen.tail_index[chosen]], right=True)
    near &= left(begin, end)[2] > 0
    low, high = torch.where(near, begin, low), torch.where(near, end, high)
    row, refused, room = left(low, high)
    nth = (torch.rand(chosen.numel(), generator=rng, dtype=torch.double) * room).long()
    before = refused - low[row] - entries(torch.bincount(row, minlength=chosen.numel()))[1]
    skipped = torch.zeros_like(nth).scatter_add(0, row, (before <= nth[row]).long())
    some = room > 0
    tail_index = order[(low + nth + skipped)[some]]
    made = torch.stack([head_index[some], rel_type[some], tail_index, part[some]], dim=1)
    # one statement is denied once, in the earliest split that drew it
    made = made[made[:, 3].argsort(stable=True)]
    rows, copy = numbered_rows(*made[:, :3].T)
    first = torch.full_like(rows[0], made.size(0)).scatter_reduce(0, copy, torch.arange(made.size(0)), "amin")
    made = made[first.sort().values]
    return Triplets(made[:, 0], made[:, 1], made[:, 2]), made[:, 3]
