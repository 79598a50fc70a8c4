"""Tests of the tests, and of the house."""

import ast
import re
import tomllib
from pathlib import Path

import pytest
from examples import EXAMPLES, concrete, made_by
from jaxtyping import TypeCheckError

from gnnneg import interfaces
from gnnneg.evaluation import Evaluator
from gnnneg.interfaces import (
    Corruption,
    Decoder,
    Encoder,
    Generator,
    Loss,
    Model,
    Penalty,
    Sampler,
    Similarity,
    SoftLabel,
    Task,
    Weighing,
)
from gnnneg.plain import visible

ROOT = Path(interfaces.__file__).parent
BASES = [Encoder, Decoder, Similarity, Model, Corruption, Sampler, Generator, SoftLabel, Loss, Penalty, Task, Weighing]
BASES += [Evaluator]


@pytest.mark.parametrize("base", BASES)
def test_every_part_has_an_example(base):
    shown = {made_by(make) for make in EXAMPLES}
    missing = {part.__name__ for part in concrete(base)} - {part.__name__ for part in shown}
    assert not missing, f"add an example of {missing} to tests/examples.py"


@pytest.mark.parametrize("base", BASES)
def test_abstract_or_final(base):
    """Nothing finished is subclassed."""
    for part in concrete(base):
        assert not [child for child in part.__subclasses__() if child.__module__.startswith("gnnneg.")], part


# who may import whom, one room a line: what is not named here may not be imported
FIRST = {"errors", "former", "checks", "plain", "documents", "run_files", "trust", "chance", "distributed"}
FIRST |= {
    "stateful",
    "mixed",
    "postponed",
    "tree",
    "run_folder",
    "sources",
    "compiling",
    "beside",
    "allocation",
    "row_gradient",
    "looked_up",
}
GROUND = FIRST | {"records", "interfaces", "candidates", "encodings", "looking", "remember", "subgraph"}
GROUND |= {"data", "kernels", "memory", "nearest", "spectrum"}
PARTS = {"encoders", "decoders", "models", "corruption", "samplers", "generators", "losses", "penalties", "labels"}
PARTS |= {"weighings"}
ROOMS = {
    "errors": set(),
    "checks": {"errors"},
    "former": {"errors"},
    "plain": set(),
    "postponed": set(),
    "beside": {"errors"},
    "compiling": set(),
    "neighbors": set(),
    "allocation": set(),
    "row_gradient": {"allocation", "kernels"},
    "looked_up": set(),
    "sources": set(),
    "tree": {"documents", "errors"},
    "run_folder": {"documents", "errors", "run_files", "tree"},
    "digits": set(),
    "chance": set(),
    "distributed": {"errors", "allocation"},
    "documents": {"errors"},
    "run_files": set(),
    "trust": {"errors", "run_files"},
    "kernels": {"errors", "compiling", "allocation"},
    "memory": {"errors"},
    "nearest": set(),
    "spectrum": set(),
    "records": set(),
    "stateful": set(),
    "mixed": {"records", "errors"},
    "interfaces": {"records", "errors", "former", "chance", "mixed", "checks", "row_gradient"},
    "candidates": {"interfaces", "kernels", "mixed", "allocation", "row_gradient"},
    "encodings": {"interfaces", "kernels", "row_gradient"},
    "looking": {"interfaces", "records"},
    "remember": {"subgraph"},
    "subgraph": {"errors"},
    "data": {"records", "checks", "kernels", "errors", "documents", "run_files", "plain"},
    "datasets": {"data", "records", "errors", "run_files"},
    "verdicts": {"data", "records", "errors", "plain", "documents", "run_files"},
    **dict.fromkeys(PARTS, GROUND),
    "tasks": GROUND | {"models"},  # the dual task makes one model of two
    "training": GROUND,
    "trackers": {"training", "documents", "errors", "run_files"},
    "evaluation": GROUND,
    "report": {"errors", "documents", "run_files", "run_folder", "digits"},
    "config": {"data", "records", "errors", "former", "documents", "trust", "tree"},
    "experiment": GROUND | PARTS | {"trackers", "datasets", "tasks", "training", "evaluation", "config", "verdicts"},
    "planning": GROUND | PARTS | {"tasks", "training", "config"},
    "exports": GROUND | PARTS | {"training", "evaluation", "experiment"},
    "tuning": GROUND | {"training", "config", "experiment", "report"},
    "curation": GROUND | PARTS | {"tasks", "datasets", "evaluation", "experiment", "report", "verdicts"},
    "studies": GROUND | {"training", "config", "experiment", "report", "tuning", "digits"},
    "cli": GROUND
    | PARTS
    | {"exports", "tuning", "datasets", "tasks", "training", "evaluation", "config", "experiment", "report", "planning"}
    | {"digits", "studies", "verdicts", "curation"},
}


def imports(file: Path) -> set[str]:
    """The rooms of gnnneg that a file imports from."""
    rooms = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "gnnneg":
            names = [node.module] if "." in node.module else [f"gnnneg.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if alias.name.startswith("gnnneg.")]
        else:
            continue
        rooms |= {name.split(".")[1] for name in names if "." in name}
    return rooms


def test_the_house_stands():
    """Imports point downwards, and rooms on one floor do not import each other."""
    for file in sorted(ROOT.rglob("*.py")):
        room = file.relative_to(ROOT).parts[0].removesuffix(".py")
        if room.startswith("__"):
            continue
        assert room in ROOMS, f"{file} stands in no room: add it to the plan in this test"
        beyond = imports(file) - ROOMS[room] - {room}
        assert not beyond, f"{file.relative_to(ROOT)} imports {beyond}, which {room} may not"


def test_types_are_checked():
    """At the first call of a function, when its check is made, and at any later one."""
    for _ in range(2):
        with pytest.raises(TypeCheckError, match=r"parameters of gnnneg\.plain\.visible"):
            visible(3)
        assert visible("a") == "a"


def test_distribution_stays_in_one_file():
    for file in ROOT.rglob("*.py"):
        if "torch.distributed" in file.read_text():
            assert file.relative_to(ROOT).as_posix() in {"distributed.py"}


def test_every_extra_is_used():
    """An extra that nothing imports promises what is not there."""
    extras = tomllib.loads((ROOT.parent / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    folders = ROOT, ROOT.parent / "benchmarks", ROOT.parent / "docs"
    code = "\n".join(file.read_text() for folder in folders for file in folder.rglob("*.py"))
    site = (ROOT.parent / "docs" / "conf.py").read_text()  # names its extensions and theme in strings
    modules = {"py-horned-owl": "pyhornedowl", "scikit-learn": "sklearn", "mlflow-skinny": "mlflow"}
    for extra in set(extras) - {"dev"}:
        for package in extras[extra]:
            name = package.partition(">")[0]
            module = modules.get(name, name.replace("-", "_"))
            taken = re.search(rf"(import|from) {module}\b", code) or f'"{module}' in site
            assert taken, f"{extra}: nothing imports {package}"
