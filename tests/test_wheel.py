"""What ``pip install`` brings works without the checkout: built wheel and source distribution."""

import os
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = """
import sys
import gnnneg
from gnnneg.cli import main
assert gnnneg.__file__.startswith(sys.argv[1]), gnnneg.__file__
lines = (
    "demo --configs --out town",
    "train town/configs/denied.yaml --print-config",
    "data info Town",
    "bench --help",
)
for line in lines:
    try:
        code = main(line.split())
    except SystemExit as end:
        code = end.code
    assert code == 0, line
"""
STORY = """
import shlex, sys
from pathlib import Path
import gnnneg
from gnnneg.cli import main
from gnnneg.cli.demo import ASKS, DENIED, KINDS, STORY, WHO

assert gnnneg.__file__.startswith(sys.argv[1]), gnnneg.__file__
out = "my town"
assert main(["demo", "--configs", "--out", out]) == 0
words = {"out": shlex.quote(out), "seeds": 1, "workers": 1, "who": WHO, "asks": ASKS, "denied": DENIED}
words["runs"] = words["firsts"] = shlex.join(f"{out}/{kind}-0" for kind in KINDS)
for _, line in STORY:
    asked = shlex.split(line.format(**words))
    assert main(asked + (["--fit.epochs", "1"] if asked[0] == "train" else [])) == 0, line
assert "<svg" in Path(out, "report.html").read_text(encoding="utf-8")
"""


def built(kind: str, folder: Path) -> Path:
    pytest.importorskip("hatchling")
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (made,) = folder.iterdir()
    return made


def tracked(*folders: str) -> set[str]:
    """The files of folders that git knows and that are still there."""
    listed = subprocess.run(["git", "ls-files", "-z", *folders], cwd=ROOT, check=True, capture_output=True, text=True)
    return {name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()}


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="no checkout")
def test_the_wheel_holds_the_package_the_cards_and_the_benchmarks(tmp_path):
    with zipfile.ZipFile(built("wheel", tmp_path)) as wheel:
        names = set(wheel.namelist())
    wanted = tracked("gnnneg")
    for folder, inside in (("datasets", "gnnneg/cards"), ("benchmarks", "gnnneg/benchmarks")):
        wanted |= {name.replace(folder, inside, 1) for name in tracked(folder)}
    assert wanted <= names, sorted(wanted - names)
    assert not [name for name in names if "__pycache__" in name or name.endswith((".pyc", ".nbi", ".nbc"))]


def test_an_installed_package_needs_no_checkout(tmp_path):
    with zipfile.ZipFile(built("wheel", tmp_path / "wheel")) as wheel:
        wheel.extractall(tmp_path / "site")
    site = str(tmp_path / "site")
    environment = {**os.environ, "PYTHONPATH": site, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", SCRIPT, site]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-3000:]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="no checkout")
def test_the_source_distribution_can_be_built_from(tmp_path):
    with tarfile.open(built("sdist", tmp_path)) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = tracked("gnnneg", "datasets", "benchmarks") | {"pyproject.toml", "README.md", "LICENSE"}
    assert wanted <= names, sorted(wanted - names)
    assert not [name for name in names if name.startswith(("runs/", ".venv/", ".gpu/"))]


def fresh(folder: Path, wheel: Path) -> Path:
    """A new environment with the wheel, which finds all else where this one has it: nothing is downloaded."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    # a path and no more: what is installed there as an editable checkout is not seen
    (site / "rest.pth").write_text(f"{sysconfig.get_paths()['purelib']}\n")
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install", "--quiet"]
    subprocess.run([*pip, "--no-index", "--no-deps", "--ignore-installed", str(wheel)], check=True)
    return site


@pytest.mark.skipif(os.name == "nt", reason="the layout of an environment is another one")
def test_the_wheel_runs_the_demo_in_a_fresh_environment(tmp_path):
    """The command is there, and each step of the story works without the checkout, with one epoch of training."""
    pytest.importorskip("pip")
    wheel = built("wheel", tmp_path / "wheel")
    site = fresh(tmp_path / "environment", wheel)
    without = {"PYTHONPATH", "PYTHONHOME", "GNNNEG_MIRROR", "VIRTUAL_ENV"}
    environment = {name: value for name, value in os.environ.items() if name not in without} | {"OMP_NUM_THREADS": "1"}
    (tmp_path / "elsewhere").mkdir()

    def run(*command: str) -> str:
        done = subprocess.run(
            [str(tmp_path / "environment" / "bin" / command[0]), *command[1:]],
            cwd=tmp_path / "elsewhere",
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-3000:]
        return done.stdout

    assert wheel.name.split("-")[1] in run("gnnneg", "--version")
    run("python", "-c", STORY, str(site))
