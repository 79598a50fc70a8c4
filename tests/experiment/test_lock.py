"""One process at a time in a run folder, and nobody's files are cleared away but one's own."""

import errno
import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from experiment.helpers import CONFIG, QUICK, everything, ring, trained

from gnnneg import UserError, run_files
from gnnneg.experiment import folder, lock, resume, train_config
from gnnneg.experiment.lock import LOCK, held
from gnnneg.training import Interrupted
from gnnneg.training.atomic import Unwritable

# holds a folder without loading torch
CHILD = """
import sys, types
sys.modules["gnnneg.experiment"] = package = types.ModuleType("gnnneg.experiment")
training = types.ModuleType("gnnneg.training")
package.__path__, training.__path__ = [sys.argv[2] + "/experiment"], [sys.argv[2] + "/training"]
sys.modules["gnnneg.training"] = training
from pathlib import Path
from gnnneg.experiment.lock import held
with held(Path(sys.argv[1])):
    print("in", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def occupied(tmp_path):
    """A folder that another process is in, and the process."""
    run = tmp_path / "run"
    run.mkdir()
    package = Path(folder.__file__).parents[1]
    command = [sys.executable, "-c", CHILD, str(run), str(package)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=package.parent) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"in\n"
        yield run, child
        child.kill()


def test_another_process_is_told_by_its_number(occupied):
    run, child = occupied
    words = rf"run is in use by process {child.pid} on {socket.gethostname()}: wait until it has ended or stop it\."
    with pytest.raises(UserError, match=words), held(run):
        pass
    with pytest.raises(UserError, match=words):
        train_config(CONFIG, QUICK, run, progress=False)
    assert list(everything(run)) == [LOCK]


@pytest.mark.parametrize("kill", [True, False])
def test_what_a_dead_process_held_is_free(occupied, kill):
    run, child = occupied
    if kill:
        child.send_signal(signal.SIGKILL)
    else:
        child.stdin.close()
    child.wait()
    assert (run / LOCK).exists() is kill
    with held(run) as before:
        assert before is kill
    assert not list(run.iterdir())


def test_a_process_of_another_machine_is_not_guessed_at(tmp_path):
    (tmp_path / LOCK).write_text(json.dumps({"host": "elsewhere", "process": 1}))
    words = rf"process 1 on elsewhere: wait until it has ended, or delete {LOCK} in it if that process is no more\."
    with pytest.raises(UserError, match=words), held(tmp_path):
        pass
    assert list(everything(tmp_path)) == [LOCK]


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"host": 3}', b"\x80" * 2000])
def test_a_lock_that_a_kill_cut_short_is_free_or_told(tmp_path, content):
    (tmp_path / LOCK).write_bytes(content)
    if content == b'{"host": 3}':
        with pytest.raises(UserError, match="is in use by another process"), held(tmp_path):
            pass
        return
    with held(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


def test_resuming_a_run_that_is_still_training_touches_nothing(tmp_path):
    """From within the training itself: the lock is the folder's, not the process's."""
    from gnnneg import LinkPrediction

    run, step, told = tmp_path / "run", LinkPrediction.forward, []

    def forward(self, *arguments):
        if len(told) < 3:
            before = everything(run)
            for again in (
                lambda: resume(run, progress=False),
                lambda: train_config(CONFIG, QUICK, run, progress=False),
            ):
                with pytest.raises(UserError) as caught:
                    again()
                told.append(str(caught.value))
            assert everything(run) == before
        return step(self, *arguments)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(LinkPrediction, "forward", forward)
        trained(ring(), run)
    assert f"is in use by process {os.getpid()}" in told[0]
    assert LOCK not in everything(run)


def test_of_two_at_once_the_loser_clears_nothing(tmp_path, monkeypatch):
    """The second comes to an empty folder, as on a slow disk, while the first has made it and written nothing yet."""
    run = tmp_path / "run"
    with folder.begun(run):
        monkeypatch.setattr(folder, "claim", lambda path: None)
        monkeypatch.setattr(folder, "refuse_used", lambda path: None)
        with pytest.raises(UserError, match="is in use by process"), folder.begun(run):
            pytest.fail("two are in it")
        (run / run_files.CONFIG).write_text("mine")
        with pytest.raises(UserError, match="is in use by process"), folder.begun(run):
            pytest.fail("two are in it")
        assert (run / run_files.CONFIG).read_text() == "mine"
        (run / run_files.CONFIG).unlink()
        (run / run_files.METRICS).write_text("learnt")


def test_only_what_a_run_writes_is_cleared(tmp_path):
    run = tmp_path / "run"

    def fail() -> None:
        for name in (run_files.ENVIRONMENT, run_files.STATEMENTS, run_files.ATTRIBUTES, run_files.DATA, "theirs.txt"):
            (run / name).touch()
        (run / run_files.MODEL).mkdir()
        (run / run_files.MODEL / "entities.parquet").touch()
        (run / "config.yaml.12-ab.tmp").touch()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), folder.begun(run):
        fail()
    assert list(everything(run)) == ["theirs.txt"]


@pytest.mark.parametrize("number", [1, 3, 5])  # the others are of folders, which some systems cannot flush
def test_a_disk_that_is_full_at_the_start_leaves_nothing_to_go_on_with(tmp_path, monkeypatch, number):
    """Whichever of the first files it is: the folder is gone, and nobody is told to go on with it."""
    fsync, calls = os.fsync, []

    def full(handle):
        calls.append(None)
        if len(calls) == number:
            raise OSError(errno.ENOSPC, "No space left on device")
        return fsync(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match="No space left on device") as caught:
        trained(ring(), tmp_path / "run")
    assert "resume" not in str(caught.value)
    assert "give the command again" in str(caught.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("where", ["write_names", "write_json", "write_graph"])
def test_ctrl_c_before_there_is_a_run_leaves_nothing(tmp_path, monkeypatch, where):
    from gnnneg.experiment import execute

    home = execute if where == "write_graph" else folder
    write = getattr(home, where)

    def struck(*arguments, **options):
        write(*arguments, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(home, where, struck)
    with pytest.raises(KeyboardInterrupt):
        trained(ring(), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_what_was_killed_before_there_was_a_run_makes_room(tmp_path):
    """Its lock is there and it is not: what it wrote is cleared away. Anything else is somebody's."""
    run = tmp_path / "run"
    (run / "model").mkdir(parents=True)
    (run / LOCK).write_text(json.dumps({"host": socket.gethostname(), "process": 0}))
    for name in ("environment.json", "model/entities.parquet", "environment.json.1-a.tmp"):
        (run / name).touch()
    (run / "mine.txt").touch()
    with pytest.raises(UserError, match="is not empty: choose another folder"):
        trained(ring(), run)
    assert list(everything(run)) == ["mine.txt"]
    (run / "mine.txt").unlink()
    for name in ("environment.json", "data.json"):
        (run / name).touch()
    (run / LOCK).write_text(json.dumps({"host": socket.gethostname(), "process": 0}))
    assert train_config(CONFIG, QUICK, run, progress=False).metrics


def test_ctrl_c_while_the_result_is_worked_out_says_how_to_get_it(tmp_path, monkeypatch):
    from gnnneg.experiment import execute

    result = execute.judged

    def struck(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(execute, "judged", struck)
    with pytest.raises(Interrupted, match=r"while the trained model was tested: 'gnnneg resume .*run' finishes it"):
        trained(ring(), tmp_path / "run")
    monkeypatch.setattr(execute, "judged", result)
    assert resume(tmp_path / "run", progress=False).metrics == trained(ring(), None).metrics


# where the file system locks nothing


@pytest.fixture
def unlocked(monkeypatch):
    """As some network file systems: ``flock`` is refused."""

    def flock(*arguments):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(lock.fcntl, "flock", flock)
    monkeypatch.setattr(lock, "PATIENCE", 0.05)


def left_by(folder: Path, **said: object) -> None:
    (folder / LOCK).write_text(json.dumps({"host": socket.gethostname(), **said}))


NOBODY = 2**30  # beyond what any system numbers its processes with


def test_without_locks_who_makes_the_file_has_it(tmp_path, unlocked):
    with held(tmp_path) as before:
        assert before is False
        said = json.loads((tmp_path / LOCK).read_text())
        assert (said["host"], said["process"]) == (socket.gethostname(), os.getpid())
        words = (
            rf"by process {os.getpid()} on .*: wait until it has ended, or delete {LOCK} in it if that process is no"
        )
        with pytest.raises(UserError, match=words), held(tmp_path):
            pytest.fail("two are in it")
        assert json.loads((tmp_path / LOCK).read_text()) == said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("said", "free"),
    [
        ({"process": NOBODY}, True),
        ({"process": NOBODY, "started": "7 x"}, True),
        ({"process": os.getpid(), "started": "7 another start of the system"}, True),  # its number is ours by now
        ({"process": os.getpid()}, False),  # as older versions wrote it
        ({"process": "who"}, False),
        ({"process": NOBODY, "host": "elsewhere"}, False),
    ],
)
def test_without_locks_the_dead_are_told_from_the_living(tmp_path, unlocked, said, free):
    left_by(tmp_path, **said)
    if free:
        with held(tmp_path) as before:
            assert before is True
            assert json.loads((tmp_path / LOCK).read_text())["started"] == lock._started(os.getpid())
    else:
        with pytest.raises(UserError, match="is in use by process"), held(tmp_path):
            pytest.fail("two are in it")
        (tmp_path / LOCK).unlink()
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux tells")
def test_when_a_process_began():
    assert lock._started(os.getpid()) == lock._started(os.getpid()) is not None
    assert lock._started(os.getppid()) != lock._started(os.getpid())
    assert lock._started(NOBODY) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[1]"])
def test_without_locks_a_file_that_a_kill_cut_short_is_waited_for_and_taken(tmp_path, unlocked, content):
    (tmp_path / LOCK).write_bytes(content)
    with held(tmp_path):
        assert json.loads((tmp_path / LOCK).read_text())["process"] == os.getpid()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("moment", ["_owner", "_sign", "_gone", "_clear"])
@pytest.mark.parametrize("left", [True, False])
def test_without_locks_one_of_two_has_it_whenever_the_other_comes(tmp_path, unlocked, monkeypatch, moment, left):
    """The second comes, from the beginning to its end, between two steps of the first."""
    if left:
        left_by(tmp_path, process=NOBODY)
    step, inside, second = getattr(lock, moment), [], held(tmp_path)

    def struck(*arguments):
        if not inside:
            inside.append(None)
            try:
                second.__enter__()
            except UserError:
                return step(*arguments)
            inside.append("second")
        return step(*arguments)

    monkeypatch.setattr(lock, moment, struck)
    with suppress(UserError), held(tmp_path):
        inside.append("first")
    if not left and moment in ("_gone", "_clear"):
        assert inside == ["first"], "of a new file nobody asks who is gone"
        return
    assert inside[1:] in (["first"], ["second"])
    if inside[1] == "second":
        assert (tmp_path / LOCK).exists()
        second.__exit__(None, None, None)
    assert not list(tmp_path.iterdir())


def test_a_lock_that_is_not_ours_any_more_is_left_alone(tmp_path):
    """Somebody deleted it by hand, and another process is in."""
    with held(tmp_path):
        (tmp_path / LOCK).unlink()
        (tmp_path / LOCK).write_text("theirs")
    assert (tmp_path / LOCK).read_text() == "theirs"


@pytest.mark.parametrize("there", [True, False])
def test_a_lock_that_is_a_link_writes_over_no_other_file(tmp_path, there):
    """A run folder of somebody else's may hold one."""
    run, target = tmp_path / "run", tmp_path / "mine.txt"
    run.mkdir()
    if there:
        target.write_text("mine")
    (run / LOCK).symlink_to(target)
    with pytest.raises(Unwritable, match=rf"{LOCK} could not be written"), held(run):
        pytest.fail("it is held")
    assert target.exists() is there
    assert not there or target.read_text() == "mine"
