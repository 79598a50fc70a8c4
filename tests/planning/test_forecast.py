"""What a step takes, worked out by hand from constants that are easy to add up."""

import dataclasses
import json
import math

import pytest
import torch

from gnnneg.errors import UserError
from gnnneg.planning import Constants, Graph, Machines, constants, forecast, kept, known, measure, shipped
from gnnneg.planning.forecast import BANDWIDTH, NETWORK, PRODUCTS, PROGRAM_TIME, _even, _zipf
from gnnneg.planning.work import Negatives, Work

NAMES = {"inner": 1e-9, "L1": 2e-9, "L2": 2e-9, "modulus": 4e-9}
OPTIMIZERS = {"LazyAdam": 1e-8, "RowAdagrad": 5e-9, "Adagrad": 8e-9, "SGD": 4e-9, "Adam": 9e-9, "Adam, fused": 3e-9}
COST = Constants(
    measured="2026-01-01",
    command="by hand",
    machine="none",
    step=1e-3,
    query=1e-9,
    shared=NAMES,
    tiled=NAMES["inner"] / 2,
    private={name: 10 * cost for name, cost in NAMES.items()},
    looked=NAMES,
    fetched=3e-9,
    chosen=2e-9,
    loss={"InfoNCE": 1e-8, "LogSigmoid": 2e-8},
    draw=1e-9,
    filtered=1e-8,
    rows=OPTIMIZERS,
    many_rows={name: 2 * cost for name, cost in OPTIMIZERS.items()},
    dense=OPTIMIZERS,
)
WORK = Work(
    task="LinkPrediction",
    width=128,
    batch=1000,
    sides=2,
    similarity="inner",
    per_relation=128,
    fixed=0,
    sparse=True,
    sharded=True,
    optimizer="RowAdagrad",
    moments=0.0,
    loss="InfoNCE",
    negatives=Negatives(500, shared=True),
    memory_mib=256.0,
)
GRAPH = Graph(entities=4_600_000, statements=20_600_000, relations=822)


def made(machines: int = 1, work: Work = WORK, graph: Graph = GRAPH, **given):
    return forecast(work, graph, Machines(machines, **given), COST)


def test_bytes_by_hand():
    memory = made().memory
    assert memory["table"] == 4_600_000 * 128 * 4
    assert memory["optimizer"] == 4_600_000 * 4  # one number a row
    assert memory["statements"] == 20_600_000 * (32 + 12 + 8 + 48)
    assert memory["relations"] == 822 * 128 * 4 * 2
    lazy = made(work=dataclasses.replace(WORK, optimizer="LazyAdam", moments=2.0)).memory
    assert lazy["optimizer"] == 2 * lazy["table"]
    dense = made(work=dataclasses.replace(WORK, sparse=False, optimizer="Adam", moments=2.0)).memory
    assert dense["gradient"] + dense["optimizer"] == 5 * dense["table"]  # as was measured of a step
    plain = made(work=dataclasses.replace(WORK, sparse=False, optimizer="SGD", moments=0.0)).memory
    assert plain["gradient"] + plain["optimizer"] == 2 * plain["table"]
    assert made(8).memory["table"] == 575_000 * 128 * 4
    assert made().checkpoint == 4_600_000 * (128 + 1) * 4


def test_a_bounded_state_is_no_larger_than_its_bound():
    cached = Negatives(5, per_query=120)
    assert made(work=dataclasses.replace(WORK, negatives=cached)).memory["sampler's state"] == 2 * 20_600_000 * 120
    bounded = dataclasses.replace(cached, slots=1000)
    assert made(work=dataclasses.replace(WORK, negatives=bounded)).memory["sampler's state"] == 120_000


def test_seconds_by_hand():
    """2,000 queries, 500 shared candidates, width 128, on two cores."""
    one = made()
    assert one.seconds[PRODUCTS] == pytest.approx(2000 * 500 * 128 * 0.5e-9 / 2)  # the loss is made with the products
    apart = made(work=dataclasses.replace(WORK, loss="LogSigmoid"))
    assert apart.seconds[PRODUCTS] == pytest.approx((2000 * 500 * 128 * 1e-9 + 2000 * 500 * 2e-8) / 2)
    assert one.seconds[PROGRAM_TIME] == 1e-3
    assert one.seconds[NETWORK] == 0
    relations, queries = 822 * 128 * 5e-9, 2000 * 128 * 1e-9
    rows = one.touched * 128 * 5e-9  # fewer than 4,096
    assert one.touched < 4096
    assert one.seconds[BANDWIDTH] == pytest.approx((relations + queries + rows) / 2)
    assert one.steps == 20_600
    assert one.epoch == pytest.approx(20_600 * sum(one.seconds.values()))
    assert one.bound == PRODUCTS


def test_private_negatives_by_hand():
    private = made(work=dataclasses.replace(WORK, negatives=Negatives(50, drawn=50, filtered=50)), cores=1)
    scored, handled = 2000 * 50 * 128 * 1e-8, 2000 * 50 * (1e-9 + 1e-8)
    share = (private.touched - 4096) / (131072 - 4096)  # between 4,096 rows and 131,072
    assert 0.7 < share < 1
    rows = private.touched * 128 * (5e-9 + share * 5e-9)
    rest = 822 * 128 * 5e-9 + 2000 * 128 * 1e-9
    assert private.seconds[BANDWIDTH] == pytest.approx(scored + handled + rows + rest)
    assert private.seconds[PRODUCTS] == pytest.approx(2000 * 50 * 1e-8)


def test_a_pool_that_is_looked_at_is_read_where_it_lies_and_fetched_by_several_machines():
    """2,000 queries look at 256 each. On two machines it is 1,000, whose distinct rows are copied to be sent, and each
    machine holds them twice meanwhile.
    """
    hardest, plain = (dataclasses.replace(WORK, negatives=Negatives(5, looked=looked)) for looked in (256, 0))
    for machines in (1, 2):
        with_pool, none = made(machines, hardest, cores=1), made(machines, plain, cores=1)
        queries, fetched = 2000 / machines, (machines - 1) * _even(256_000, 4_600_000)
        more = with_pool.seconds[BANDWIDTH] - none.seconds[BANDWIDTH]
        assert more == pytest.approx(queries * 256 * (128 * 1e-9 + 2e-9) + fetched * 128 * 3e-9)
        held = with_pool.memory["gradient"] - none.memory["gradient"]
        assert held == pytest.approx(2 * fetched * 128 * 4, abs=8)


def test_rows_on_their_way_are_held():
    """Four times the touched rows in place of two: those that are sent, and those that have come."""
    one, two = made(), made(2)
    assert one.memory["gradient"] == pytest.approx(2 * one.touched * 128 * 4, abs=8)
    assert two.memory["gradient"] == pytest.approx(4 * two.touched * 128 * 4, abs=8)


def test_what_is_sent_by_hand():
    """Of two machines each asks the other for half of the rows it touches, and sends the gradients of as many back."""
    two = made(2, network=1e9)
    assert two.queries == 1000
    assert two.sent == pytest.approx((2 * two.touched * 128 + 2 * 822 * 128) * 4 / 2)
    assert two.seconds[NETWORK] == pytest.approx(two.sent / 1e9 + (4 + 2) * 6e-4)  # one fetch, and the loop
    assert made().sent == 0


def test_a_pool_is_sent_once_and_the_chosen_rows_after_it():
    """No gradient of the pool is sent, and there are two fetches."""
    looking = dataclasses.replace(WORK, negatives=Negatives(5, looked=256))
    two, none = made(2, looking, network=1e9), made(2, dataclasses.replace(WORK, negatives=Negatives(5)), network=1e9)
    assert two.sent - none.sent == pytest.approx(_even(1000 * 256, 4_600_000) * 128 * 4 / 2)
    assert two.seconds[NETWORK] - none.seconds[NETWORK] == pytest.approx((two.sent - none.sent) / 1e9 + 4 * 6e-4)


def test_targets_of_a_batch_are_divided_as_the_batch_is():
    """Of 2,000 queries each of two machines has 1,000, with 1,000 targets, which are among its ends."""
    work = dataclasses.replace(WORK, negatives=Negatives(2000, shared=True, targets=2000))
    for machines, queries in ((1, 2000), (2, 1000), (4, 500)):
        plan = made(machines, work)
        assert plan.seconds[PRODUCTS] == pytest.approx(queries * queries * 128 * 0.5e-9 / 2)
        assert plan.touched == pytest.approx(_zipf(queries, 4_600_000))  # a head and a tail for two queries
        assert plan.memory["scores"] == pytest.approx(3 * queries**2 * 4 + plan.touched * 128 * 4, abs=8)
        assert {one.work.negatives.count for one in plan.compared().values()} == {queries}


def test_targets_of_former_batches_are_rows_besides():
    """Those of this batch and of three more; 300 drawn ones beside them are even."""
    work = dataclasses.replace(WORK, negatives=Negatives(8300, shared=True, targets=8000))
    for machines, queries in ((1, 2000), (2, 1000)):
        plan = made(machines, work)
        assert plan.candidates == 4 * queries + 300
        assert plan.touched == pytest.approx(_zipf(queries + 3 * queries, 4_600_000) + _even(300, 4_600_000))


def test_a_pool_of_targets_is_there_already():
    """The hardest of the batch's targets: only what the batch has is fetched, and each machine looks at its own."""
    work = dataclasses.replace(WORK, negatives=Negatives(5, looked_shared=2000, looked_targets=2000))
    two = made(2, work, cores=1)
    assert two.pool == 0
    assert two.touched == pytest.approx(_zipf(1000, 4_600_000))
    none = made(2, dataclasses.replace(work, negatives=Negatives(5)), cores=1)
    looked = two.seconds[PRODUCTS] + two.seconds[BANDWIDTH] - none.seconds[PRODUCTS] - none.seconds[BANDWIDTH]
    rows = (none.touched - two.touched) * 128 * 3e-9 + (
        none.touched * none._row() - two.touched * two._row()
    ) * 128  # of which the one that draws has more
    assert looked + rows == pytest.approx(1000 * (1000 * 128 * 1e-9 / 3 + 1000 * 2e-9))


def test_no_step_touches_more_rows_than_there_are():
    """All of them are each touched once, and no draw finds more."""
    every = dataclasses.replace(WORK, negatives=Negatives(1000, shared=True, everyone=True))
    small = Graph(1000, 20_600_000, 822)
    assert made(work=every, graph=small).touched == 1000
    many = dataclasses.replace(WORK, negatives=Negatives(500))
    assert made(work=many, graph=small).touched == 1000


def test_distinct_draws():
    """Even ones against the mean of draws; by Zipf's law against the sum over all ranks."""
    rng = torch.Generator().manual_seed(0)
    counted = sum(len(torch.randint(100, (80,), generator=rng).unique()) for _ in range(200)) / 200
    assert _even(80, 100) == pytest.approx(counted, rel=0.02)
    chance = 1 / torch.arange(1, 5001, dtype=torch.double)
    chance /= chance.sum()
    assert _zipf(2000, 5000) == pytest.approx(float((1 - (1 - chance) ** 2000).sum()), rel=0.02)
    assert _zipf(1, 5000) == pytest.approx(1, rel=0.02)
    assert _even(5, 1) == 1


def test_the_fewest_machines_are_the_first_on_which_it_fits():
    small = {"memory": 8 << 30}
    wide = dataclasses.replace(WORK, width=1024)
    enough = made(work=wide, **small).needed()
    assert enough is not None
    assert enough > 1
    assert made(work=wide, **small).on(enough).fits
    assert not made(work=wide, **small).on(enough - 1).fits
    assert made(1, memory=64 << 30).needed() == 1
    assert made(1, memory=1 << 30).needed() is None
    alone = dataclasses.replace(wide, alone="MCNS keeps chains")
    assert made(work=alone, **small).needed() is None


def test_advice_names_what_to_do():
    private = dataclasses.replace(WORK, negatives=Negatives(500, drawn=500))
    fast, slow = made(), made(work=private)
    assert "private negatives would take" in fast.advice()
    assert f"{slow.step / fast.step:.1f} times as fast" in slow.advice()
    heavy = made(work=dataclasses.replace(WORK, optimizer="LazyAdam", moments=2.0, width=512), memory=12 << 30)
    assert heavy.bound == "memory"
    assert "take" in heavy.advice()
    assert "RowAdagrad" in heavy.advice()
    assert "fits on no number" in made(memory=1 << 30).advice()
    every = dataclasses.replace(WORK, task="KvsAll", sides=1, negatives=Negatives(GRAPH.entities, True))
    assert made(work=every).steps == 41_200
    assert not made(work=every).compared()
    with pytest.raises(UserError, match="KvsAll needs every row"):
        made(2, work=every)


def test_a_loss_that_was_not_measured_is_said_to_be_counted_as_another():
    unknown, other = dataclasses.replace(WORK, loss="MyOwn"), dataclasses.replace(WORK, loss="LogSigmoid")
    told = forecast(unknown, GRAPH, made().machines, COST)
    assert told.work.notes == ("The loss MyOwn is counted as LogSigmoid.",)
    assert told.seconds == forecast(other, GRAPH, made().machines, COST).seconds
    assert not forecast(other, GRAPH, made().machines, COST).work.notes
    assert not forecast(dataclasses.replace(WORK, loss="HaSa"), GRAPH, made().machines, shipped()).work.notes


@pytest.fixture
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "gnnneg" / "machine.json"


def test_constants_of_this_machine_come_first(own_cache):
    assert known() == shipped()
    assert kept(COST) == own_cache
    assert known() == COST
    own_cache.write_text('{"step": 1}')
    with pytest.raises(UserError, match="holds no constants of this version: measure again"):
        known()


def test_what_is_shipped_is_whole():
    """Each similarity, loss and optimiser that is measured, above 0; the day and the command beside them."""
    given = shipped()
    assert set(given.shared) == set(given.private) == set(given.looked) == set(measure.SIMILARITIES)
    assert set(given.loss) == set(measure.LOSSES)
    assert set(given.rows) == set(given.many_rows) == set(measure.SPARSE)
    assert set(given.dense) == set(measure.DENSE)
    assert given.command == constants.COMMAND
    assert len(given.measured) == 10
    for value in dataclasses.asdict(given).values():
        numbers = value.values() if isinstance(value, dict) else [value]
        assert all(isinstance(number, str) or 0 < number < 1 for number in numbers)


def test_a_machine_is_measured(monkeypatch):
    """On a small table: all pieces, by seconds of one unit each; the number of threads is given back."""
    for name, value in {"ROWS": 200, "WIDTH": 8, "QUERIES": 4, "SHARED": 5, "PRIVATE": 3, "OFTEN": 1}.items():
        monkeypatch.setattr(measure, name, value)
    monkeypatch.setattr(measure, "FEW", 16)
    monkeypatch.setattr(measure, "MANY", 32)
    monkeypatch.setattr(measure, "_step", lambda: 1e-3)
    before = torch.get_num_threads()
    found = measure.measure()
    assert torch.get_num_threads() == before
    assert set(dataclasses.asdict(found)) == set(dataclasses.asdict(shipped()))
    assert all(math.isfinite(number) and number >= 0 for number in [*found.private.values(), *found.rows.values()])
    assert json.dumps(dataclasses.asdict(found))


def test_a_step_is_measured():
    assert 1e-5 < measure._step(4) < 1
