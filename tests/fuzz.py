"""Every sampler with every generator, decoder and loss on odd sizes: ``make fuzz``, or ``python tests/fuzz.py CASE``.

A case is one example of each of the four kinds (``tests/examples.py``), and a setting drawn with its name as the seed:
three entities, one relation, one query, one negative, chunks of one column, rows without a candidate, no known answers,
bfloat16, row-sparse tables, dropout, soft labels. Two steps of training must give finite numbers, or a ``UserError``
says what does not go together. The whole product is gone through once, in an order drawn by ``--seed``; interrupted and
started again it goes on where it stopped, and tries first what has failed.
"""

import argparse
import builtins
import hashlib
import inspect
import json
import os
import random
import sys
import time
import tomllib
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import torch
from examples import examples
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

import gnnneg.candidates
import gnnneg.generators.hardest
import gnnneg.mixed
from gnnneg.data.known import KnownAnswers
from gnnneg.data.pools import slots
from gnnneg.encoders import Lookup
from gnnneg.errors import UserError
from gnnneg.interfaces import Corruption, Decoder, Generator, Loss, Part, Penalty, Sampler, SoftLabel, Weighing
from gnnneg.models import KGEModel
from gnnneg.records import Triplets
from gnnneg.tasks import LinkPrediction

ROOT = Path(__file__).resolve().parent.parent
CHUNKED = gnnneg.mixed, gnnneg.candidates, gnnneg.generators.hardest  # where CHUNK is read
signature = cache(inspect.signature)
NOBODY = "None.0"  # in place of a generator
FEWER = {"num_negatives": 0, "num_neighbors": 1, "size": 1}  # by how many at least than there are entities
KINDS = Sampler, Generator, Decoder, Loss


@dataclass(frozen=True)
class World:
    """A graph, and what its parts are told about it, by the names of their parameters."""

    facts: dict[str, Any]
    batch: Triplets


def statements(nodes: int, relations: int, size: int, seed: int = 0) -> Triplets:
    """Random ones."""
    draw = torch.Generator().manual_seed(seed)
    return Triplets(*(torch.randint(high, (size,), generator=draw) for high in (nodes, relations, nodes)))


def world(nodes: int, relations: int, stated: Triplets, denied: Triplets, batch: Triplets | None = None) -> World:
    known = KnownAnswers(stated, nodes, relations)
    facts = {"num_nodes": nodes, "num_relations": relations, "known": known, "types": slots(known)}
    facts["denied"] = KnownAnswers(denied, nodes, relations)
    return World(facts, batch or stated)


@cache
def worlds() -> dict[str, World]:
    every = Triplets(*torch.cartesian_prod(torch.arange(3), torch.arange(1), torch.arange(3)).unbind(1))
    none, few = statements(3, 1, 0), statements(3, 1, 3)
    return {
        "plain": world(7, 3, statements(7, 3, 15), statements(7, 3, 6, 1)),
        "three entities": world(3, 1, few, statements(3, 1, 2, 1)),
        "all is known": world(3, 1, every, none),
        "nothing is known": world(3, 1, none, none, few),
        "others are known": world(7, 3, statements(7, 3, 9, 2), none, statements(7, 3, 9)),
        "all is denied": world(3, 1, few, every),
    }


@cache
def parts(kind: type) -> dict[str, Part]:
    """The examples of one kind by a name: the class, and the how many-th of it."""
    found: dict[str, Part] = {}
    for part in (make() for make in examples(kind)):
        name = type(part).__name__
        found[next(f"{name}.{i}" for i in count() if f"{name}.{i}" not in found)] = part
    return found


def fitted(part: Any, facts: dict[str, Any]) -> Any:
    """The same made anew for other facts, and so with all parts of it."""
    if isinstance(part, list | tuple) and any(isinstance(one, Part) for one in part):
        return [fitted(one, facts) for one in part]
    if not isinstance(part, Part):
        return part
    args, kwargs = part.made_with
    given = signature(type(part)).bind(*args, **kwargs).arguments
    if isinstance(part, Lookup):
        given["sparse"] = False  # that of a policy or a teacher too
    for name, value in given.items():
        given[name] = facts[name] if name in facts else fitted(value, facts)
        if name in FEWER and isinstance(value, int):
            given[name] = min(given[name], facts["num_nodes"] - FEWER[name])
    return type(part)(**given)


@dataclass(frozen=True)
class Setting:
    """What else a case is tried under, drawn with its name."""

    world: str
    sizes: tuple[int, int]
    one_negative: bool
    one_column: bool
    bfloat16: bool
    sparse: bool
    channels: int
    dropout: float
    label: float | str
    one_term: bool
    corruption: str
    penalty: str | None
    weighing: str | None

    @classmethod
    def drawn(cls, case: str) -> "Setting":
        draw = random.Random(case)
        half, tenth = (lambda: draw.random() < 0.5), (lambda: draw.random() < 0.1)
        return cls(
            draw.choice(list(worlds())),
            draw.choice([(1, 1), (5, 1), (5, 3)]),
            half(),
            half(),
            half(),
            half(),
            draw.choice([2, 8]),
            0.5 * tenth(),
            draw.choice(list(parts(SoftLabel))) if tenth() else 0.3 * half(),
            half(),
            draw.choice(list(parts(Corruption))),
            draw.choice(list(parts(Penalty))) if tenth() else None,
            draw.choice(list(parts(Weighing))) if tenth() else None,
        )


def task(case: str, now: Setting) -> LinkPrediction:
    sampler, rng, decoder, loss = case.split("/")
    facts = dict(worlds()[now.world].facts)
    if now.one_negative:
        facts["num_negatives"] = 1
    facts |= {"hidden_channels": now.channels, "sparse": now.sparse}

    def made(kind: type, name: str) -> Any:
        return fitted(parts(kind)[name], facts)

    generators = [] if rng == NOBODY else [made(Generator, rng)]
    model = KGEModel(
        Lookup(facts["num_nodes"], now.channels, sparse=now.sparse, bound=0.5), made(Decoder, decoder), now.dropout
    )
    return LinkPrediction(
        model,
        made(Corruption, now.corruption),
        made(Sampler, sampler),
        made(Loss, loss),
        generators,
        None if now.penalty is None else made(Penalty, now.penalty),
        None if now.weighing is None else made(Weighing, now.weighing),
        soft_label=made(SoftLabel, now.label) if isinstance(now.label, str) else now.label,
        one_term=now.one_term and bool(generators),
    )


class NotFinite(AssertionError):
    """A loss, a gradient or a weight is NaN or infinite."""


def finite(what: str, value: Tensor) -> None:
    value = value.coalesce().values() if value.is_sparse else value
    if not value.isfinite().all():
        raise NotFinite(f"{what} is not finite")


def steps(case: str, now: Setting) -> None:
    """Two steps; the second of fewer statements, as the last of an epoch is."""
    torch.manual_seed(0)
    trained, draw = task(case, now), torch.Generator().manual_seed(0)
    batch = worlds()[now.world].batch
    weights = dict(trained.named_parameters())
    for size in now.sizes:
        trained.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=now.bfloat16):
            loss = trained(Triplets(*(column[:size] for column in batch)), draw)
        finite("the loss", loss)
        loss.backward()
        for name, weight in weights.items():
            if weight.grad is not None:
                finite(f"the gradient of {name}", weight.grad)
                weight.data.add_(weight.grad, alpha=-0.01)
    for name, weight in weights.items():  # which some samplers and generators learn by themselves
        finite(name, weight.detach())


def outcome(case: str, is_shown: bool = False) -> str:
    """``ran``, ``refused: ...`` or ``failed: ...``."""
    now, held = Setting.drawn(case), [module.CHUNK for module in CHUNKED]
    try:
        for module in CHUNKED:
            module.CHUNK = 1 if now.one_column else module.CHUNK
        steps(case, now)
    except UserError as error:
        return f"refused: {error}"
    except Exception as error:
        if is_shown:
            traceback.print_exc()
        return f"failed: {type(error).__name__}: {' '.join(str(error).split())[:300]}"
    finally:
        for module, size in zip(CHUNKED, held):
            module.CHUNK = size
    return "ran"


def kinds() -> list[list[str]]:
    """The names of all samplers, generators, decoders and losses."""
    return [[*([NOBODY] if kind is Generator else []), *parts(kind)] for kind in KINDS]


def sample(size: int, seed: int = 0) -> Iterator[str]:
    """Cases in which no part occurs once more than necessary before every other of its kind has had its turn."""
    draw, names = random.Random(seed), kinds()
    left: list[list[str]] = [[] for _ in names]
    for _ in range(size):
        for one, every in zip(left, names):
            one.extend([] if one else draw.sample(every, len(every)))
        yield "/".join(one.pop() for one in left)


class Whole:
    """All cases in an order drawn by a seed. A number is a case, so that none of them is held."""

    def __init__(self, seed: int):
        self.kinds = kinds()
        self.order = list(range(torch.Size(map(len, self.kinds)).numel()))
        random.Random(seed).shuffle(self.order)

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, place: int) -> str:
        if place >= len(self):
            raise IndexError(place)
        number, found = self.order[place], []
        for every in self.kinds:
            number, at = divmod(number, len(every))
            found.append(every[at])
        return "/".join(found)


@dataclass
class Record:
    """How far it has come, and what has failed: a file that is written anew every few seconds."""

    path: Path
    of: str
    done: int = 0
    refused: int = 0
    ran: Counter = field(default_factory=Counter)
    failed: dict[str, str] = field(default_factory=dict)

    @classmethod
    def opened(cls, path: Path, seed: int) -> "Record":
        """The one to go on with, or a new one if parts have come or gone."""
        of = hashlib.sha256(json.dumps([seed, kinds()]).encode()).hexdigest()[:16]
        found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        if found.get("of") != of:
            return cls(path, of)
        failed = {one["case"]: one["error"] for one in found["failed"]}
        return cls(path, of, found["done"], found["refused"], Counter(found["ran"]), failed)

    def tried(self, case: str, found: str) -> None:
        if found.startswith("failed"):
            self.failed[case] = found
        else:
            self.failed.pop(case, None)
        self.refused += found.startswith("refused")
        if found == "ran":
            self.ran.update(case.split("/"))

    def write(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        failed = [{"case": case, "error": error, "again": again(case)} for case, error in self.failed.items()]
        content = {**vars(self), "path": str(self.path), "failed": failed}
        beside = self.path.with_suffix(".new")
        beside.write_text(json.dumps(content, indent=1), encoding="utf-8")
        os.replace(beside, self.path)

    def told(self) -> Iterator[str]:
        yield f"{self.done:,} cases done: {self.refused:,} refused in a sentence, {len(self.failed)} failed."
        never = [name for names in kinds() for name in names if not self.ran[name]]
        if never:
            yield f"Never ran: {', '.join(never)}."
        for case, error in self.failed.items():
            yield f"{error}\n  {again(case)}"


def again(case: str) -> str:
    """The line that tries a case again."""
    return f".venv/bin/python tests/fuzz.py {case}"


def work(whole: Whole, record: Record, minutes: float, console: Console) -> None:
    """Tries what has failed before, then all that is left; interrupted it has written down how far it came."""
    try:
        for case in list(record.failed):
            record.tried(case, outcome(case))
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
            _all(whole, record, minutes, bar)
    finally:
        record.write()


def _all(whole: Whole, record: Record, minutes: float, bar: Progress) -> None:
    begin = written = said = time.monotonic()
    start, console = record.done, bar.console
    line = bar.add_task("", total=len(whole), completed=start, rate="")
    while record.done < len(whole) and time.monotonic() - begin < 60 * minutes:
        case = whole[record.done]
        found = outcome(case)
        record.tried(case, found)
        record.done += 1
        if found.startswith("failed"):
            console.print(f"{found}\n  {again(case)}", markup=False, highlight=False, soft_wrap=True)
        now = time.monotonic()
        rate = (record.done - start) / (now - begin)
        text = f"{record.done:,} of {len(whole):,}, {len(record.failed)} failed"
        bar.update(line, completed=record.done, description=text, rate=f"{rate:.0f} a second")
        if now - written > 5:
            record.write()
            written = now
        if now - said > 60 and not console.is_terminal:
            left = (len(whole) - record.done) / rate / 60
            console.print(f"{text}, {rate:.0f} a second, {left:.0f} min left", highlight=False)
            said = now


def strict() -> None:
    """Warnings are errors, but for those that are none in the tests."""
    tests = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]["ini_options"]
    for line in tests["filterwarnings"]:
        action, message, category = (*line.split(":"), "", "Warning")[:3]
        warnings.filterwarnings(action, message, getattr(builtins, category))


def shown(case: str) -> int:
    """One case by itself, with its traceback if it fails."""
    found = outcome(case, is_shown=True)
    print(f"{case}\n{Setting.drawn(case)}\n{found}")
    return int(found.startswith("failed"))


def main() -> int:
    """Goes through all cases, or tries the named ones."""
    parser = argparse.ArgumentParser(description="Every sampler with every generator, decoder and loss on odd sizes.")
    parser.add_argument("cases", nargs="*", help="such as Uniform.0/EMU.1/RotatE.0/InfoNCE.0; none: all of them")
    parser.add_argument("--seed", type=int, default=0, help="of the order")
    parser.add_argument("--minutes", type=float, default=1e9, help="stop after so long")
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "fuzz.json", help="the record to go on with")
    given = parser.parse_args()
    torch.set_num_threads(1)
    strict()
    if given.cases:
        return max(map(shown, given.cases))
    console, whole, record = Console(), Whole(given.seed), Record.opened(given.out, given.seed)
    with suppress(KeyboardInterrupt):
        work(whole, record, given.minutes, console)
    for line in record.told():
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return bool(record.failed)


if __name__ == "__main__":
    sys.exit(main())
