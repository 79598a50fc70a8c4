"""What ``pip install`` brings works without the checkout: built wheel and source distribution."""

import os
import subprocess
import sys
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
