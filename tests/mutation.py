"""How many small changes to the code the tests notice: ``python tests/mutation.py --count 60 --seed 0``.

A seeded sample of changes (a comparison, a constant, ``and``, an operator, a dropped ``not`` or statement, two swapped
arguments) is made in a copy of the checkout, one at a time, and the tests that import what the changed file defines are
run on it. Given again with the same ``--out`` it goes on where it stopped. Changes that alter nothing that can be seen
are listed in ``mutants-equivalent.md``, each as the line that it changes and what becomes of it, and are not counted.

Why no library does it: mutmut 3 and its like run all in one process that has imported the package, which jaxtyping
refuses to check from then on, and fork it after Numba and OpenMP have started threads, which aborts.
"""

import argparse
import ast
import copy
import fnmatch
import hashlib
import importlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FILES = [
    *(f"gnnneg/data/{name}.py" for name in ("known", "read", "hetero", "splits")),
    *(f"gnnneg/training/{name}.py" for name in ("fit", "checkpoint", "state", "atomic")),
    *(f"gnnneg/{room}/*.py" for room in ("evaluation", "samplers", "losses")),
]
HEAVY = "torch", "torch_geometric.data", "torch_geometric.nn", "numba", "pyarrow", "pandas", "networkx", "pytest"
COMMON = "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-m", "not slow and not gpu"
OPERATORS: dict[type, type] = {
    **{ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq},
    **{ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And},
    **{ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult},
    **{ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.MatMult: ast.Mult},
}
COMMUTE = "min", "max", "minimum", "maximum", "logaddexp"  # two arguments the other way round are no change


@dataclass(frozen=True)
class Mutant:
    """One change: what it was and became, the line that this stands in before and after, and all of the new file."""

    file: str
    line: int
    place: str
    was: str
    became: str
    before: str
    after: str
    source: str

    @property
    def key(self) -> str:
        """What tells it from all others, of another state of the file too."""
        return hashlib.sha256(f"{self.file} {self.source}".encode()).hexdigest()[:16]

    def record(self) -> dict[str, Any]:
        """All but the source."""
        return {"key": self.key, **{name: value for name, value in vars(self).items() if name != "source"}}


def changes(node: ast.AST) -> Iterator[ast.AST]:
    """What a piece of code may become."""
    other = copy.deepcopy(node)
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        other.ops = [OPERATORS[type(node.ops[0])]()]  # type: ignore[attr-defined]
        yield other
    elif isinstance(node, ast.BoolOp | ast.BinOp) and type(node.op) in OPERATORS:
        other.op = OPERATORS[type(node.op)]()  # type: ignore[attr-defined]
        yield other
    elif isinstance(node, ast.UnaryOp) and not isinstance(node.operand, ast.Constant):
        yield node.operand
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        yield ast.Constant(node.value + 1)
        yield ast.Constant(node.value - 1)
    elif isinstance(node, ast.Call) and len(node.args) > 1 and not any(isinstance(a, ast.Starred) for a in node.args):
        other.args[:2] = other.args[1::-1]  # type: ignore[attr-defined]
        if len(node.args) > 2 or ast.unparse(node.func).rpartition(".")[2] not in COMMUTE:
            yield other
    elif isinstance(node, ast.Assign | ast.AugAssign) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Call | ast.Yield | ast.YieldFrom)
    ):
        yield ast.Pass()


def visible(node: ast.AST, place: tuple[str, ...] = ()) -> Iterator[tuple[ast.AST, str]]:
    """The code of functions, without what only names types or words an error."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        place = (*place, node.name)
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "bases", "type_params"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not isinstance(child, ast.Raise | ast.JoinedStr | ast.Import):
                if place:
                    yield child, ".".join(place)
                yield from visible(child, place)


def mutants(file: str, source: str) -> Iterator[Mutant]:
    """All changes of a file that leave it one that can be read."""
    lines = source.encode().splitlines(keepends=True)  # columns count bytes
    starts = [sum(map(len, lines[:i])) for i in range(len(lines) + 1)]
    raw = source.encode()
    for node, place in visible(ast.parse(source)):
        if not isinstance(node, ast.expr | ast.stmt):
            continue
        for became in changes(node):
            begin = starts[node.lineno - 1] + node.col_offset
            end = starts[(node.end_lineno or 0) - 1] + (node.end_col_offset or 0)
            text = ast.unparse(became)
            if text == ast.unparse(node):  # 1e30 + 1, or two arguments alike
                continue
            new = f"({text})" if isinstance(node, ast.expr) else text
            changed = (raw[:begin] + new.encode() + raw[end:]).decode()
            try:
                ast.parse(changed)
            except SyntaxError:  # within a pattern, say
                continue
            before, after = (code.splitlines()[node.lineno - 1].strip() for code in (source, changed))
            yield Mutant(file, node.lineno, place, ast.unparse(node), text, before, after, changed)


@cache
def imported(test: Path) -> frozenset[tuple[str, str]]:
    """The modules, and the names of them, that a test file takes from the package."""
    found = [node for node in ast.walk(ast.parse(test.read_text(encoding="utf-8"))) if isinstance(node, ast.ImportFrom)]
    return frozenset((node.module or "", name.name) for node in found for name in node.names)


def tests_of(home: Path, file: str) -> list[str]:
    """The test files that import what a file defines, and the contract of its room; those of its name first."""
    path, module = home / file, file.removesuffix(".py").replace("/", ".")
    package, stem = module.rsplit(".", 1)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    found = []
    for test in (home / "tests").rglob("test_*.py"):
        near = test.parent.name == path.parent.name
        own = near and stem in test.stem
        contract = test.parent.name == "contracts" and test.stem == f"test_{path.parent.name}"
        for where, name in imported(test):
            own |= where == module
            near |= where == package and name in defined
            contract |= (where == package and name in defined) or where == module or (where, name) == (package, stem)
        if own or contract:
            found.append((not own, not near, str(test.relative_to(home))))
    return [name for *_, name in sorted(found)]


class Failures:
    """A pytest plugin that remembers what failed."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed:
            self.names.append(report.nodeid)

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self.names.append(report.nodeid)


def run(home: Path, arguments: list[str], limit: float) -> tuple[str, list[str]]:
    """How a run of pytest ends, ``green``, ``red`` or ``late``, and what failed. Each is a new child without gnnneg."""
    note = home / ".failed.json"
    note.unlink(missing_ok=True)
    child = os.fork()
    if not child:
        code = 70
        try:
            os.setsid()
            silent = os.open(os.devnull, os.O_RDWR)
            for stream in range(3):
                os.dup2(silent, stream)
            os.chdir(home)
            failures = Failures()
            code = int(importlib.import_module("pytest").main(arguments, [failures]))
            note.write_text(json.dumps(failures.names), encoding="utf-8")
        finally:
            os._exit(code)
    end = time.monotonic() + limit
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done or time.monotonic() > end:
            break
        time.sleep(0.05)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # what it started, too
    if not done:
        os.waitpid(child, 0)
        return "late", []
    failed = json.loads(note.read_text(encoding="utf-8")) if note.exists() else []
    return ("green" if status == 0 else "red"), failed


def copied(home: Path) -> None:
    """The files that git knows or does not ignore, as they are now."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, home / name)


def equivalent() -> set[tuple[str, ...]]:
    """The changes that are listed as changing nothing: file, place, line, what becomes of it."""
    listed = (ROOT / "tests" / "mutants-equivalent.md").read_text(encoding="utf-8").splitlines()
    rows = [line.removeprefix("| ").split(" | ") for line in listed if line.startswith("| `")]
    return {tuple(cell.strip("`").replace("\\|", "|") for cell in row[:4]) for row in rows}


def seen(one: dict[str, Any]) -> tuple[str, ...]:
    """By what a change is told from others in the list of those that change nothing."""
    return one["file"], one["place"], one["before"], one["after"]


class Bench:
    """The copy, and which tests fail in it without a change: somebody's half-done work is nobody's catch."""

    def __init__(self, home: Path, limit: float):
        self.home, self.limit = home, limit
        self.sound: dict[str, bool] = {}

    def outcome(self, mutant: Mutant) -> tuple[str, str]:
        """Whether a change is noticed, and by what: by the tests beside the file's own, if not by the others."""
        tests, room = tests_of(self.home, mutant.file), f"tests/{Path(mutant.file).parent.name}/"
        near = [test for test in tests if test.startswith(room)]
        ended = "survived", "no test reaches it"
        for some in (near, [test for test in tests if test not in near]):
            if some and ended[0] == "survived":
                ended = self._outcome(mutant, some)
        return ended

    def _outcome(self, mutant: Mutant, tests: list[str]) -> tuple[str, str]:
        while True:
            ended, failed = self._changed(mutant, tests)
            if ended != "red":
                return ("survived" if ended == "green" else "noticed"), ended
            by = failed[:1] or tests  # it crashed before any test failed
            if self._passes(by):
                return "noticed", by[0]
            if not failed:
                raise SystemExit(f"No test of {mutant.file} runs without a change: {', '.join(tests)}.")
            print(f"  fails without a change, left out: {failed[0]}", flush=True)
            tests = [*tests, f"--deselect={failed[0]}"]

    def _changed(self, mutant: Mutant, tests: list[str]) -> tuple[str, list[str]]:
        path = self.home / mutant.file
        original, stamp = path.read_bytes(), path.stat().st_mtime
        path.write_text(mutant.source, encoding="utf-8")
        # byte code and Numba's cache go by size and time, and two changes may be of one size within one second
        os.utime(path, (stamp, int(mutant.key[:7], 16)))
        try:
            return run(self.home, [*COMMON, "-x", *tests], self.limit)
        finally:
            path.write_bytes(original)
            os.utime(path, (stamp, stamp))

    def _passes(self, tests: list[str]) -> bool:
        key = " ".join(tests)
        if key not in self.sound:
            self.sound[key] = run(self.home, [*COMMON, *tests], 1800)[0] == "green"
        return self.sound[key]


def judged(bench: Bench, chosen: list[Mutant], out: Path, minutes: float) -> list[dict[str, Any]]:
    """Runs those that are not in the record yet, and adds them to it."""
    lines = out.read_text(encoding="utf-8").splitlines() if out.exists() else []
    known = {one["key"]: one for one in map(json.loads, lines)}
    left = [one for one in chosen if one.key not in known]
    begin = time.monotonic()
    for count, mutant in enumerate(left, 1):
        if time.monotonic() - begin > 60 * minutes:
            break
        start = time.monotonic()
        outcome, by = bench.outcome(mutant)
        record = {**mutant.record(), "outcome": outcome, "by": by, "seconds": round(time.monotonic() - start, 1)}
        known[mutant.key] = record
        with out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        each = (time.monotonic() - begin) / count
        rest = each * (len(left) - count) / 60
        print(f"{count}/{len(left)} {outcome:8} {each:.1f} s each, {rest:.0f} min left: {told(record)}", flush=True)
    return [known[one.key] for one in chosen if one.key in known]


def told(one: dict[str, Any]) -> str:
    """A change in a line."""
    return f"{one['file']}:{one['line']} {one['place']}: {one['was']!r:.100} -> {one['became']!r:.100}"


def main() -> None:
    """Draws, runs and counts."""
    parser = argparse.ArgumentParser(description="How many small changes to the code the tests notice.")
    parser.add_argument("--count", type=int, default=200, help="how many changes are drawn")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument("--files", default="*", help="only files that match, such as 'gnnneg/losses/*'")
    parser.add_argument("--minutes", type=float, default=1e9, help="begin no further change after so long")
    parser.add_argument("--limit", type=float, default=300, help="seconds for one change; what takes longer is noticed")
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "mutation.jsonl", help="the record to go on with")
    given = parser.parse_args()

    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out = given.out.resolve()
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        home = Path(folder)
        copied(home)
        files = sorted(str(path.relative_to(home)) for pattern in FILES for path in home.glob(pattern))
        every = [
            mutant
            for file in files
            if fnmatch.fnmatch(file, given.files) and not file.endswith("__init__.py")
            for mutant in mutants(file, (home / file).read_text(encoding="utf-8"))
        ]
        drawn = random.Random(given.seed).sample(every, min(given.count, len(every)))
        print(f"{len(drawn)} of {len(every)} changes to {len(files)} files, in {home}", flush=True)
        sys.path.insert(0, str(home))
        os.environ["PYTHONPATH"] = str(home)
        for name in HEAVY:  # once for all children; they themselves import gnnneg, so that jaxtyping checks it
            importlib.import_module(name)
        found = judged(Bench(home, given.limit), drawn, given.out, given.minutes)
    same = equivalent()
    counted = [one for one in found if seen(one) not in same]
    noticed = sum(one["outcome"] == "noticed" for one in counted)
    print(f"{noticed} of {len(counted)} noticed, {noticed / max(1, len(counted)):.1%}", end="; ")
    print(f"{len(found) - len(counted)} more change nothing. Survivors:")
    for one in counted:
        if one["outcome"] == "survived":
            print(f"- {told(one)}")


if __name__ == "__main__":
    main()
