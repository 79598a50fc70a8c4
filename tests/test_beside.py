"""How a process that works beside another one ends."""

import errno
import os

import pytest

from gnnneg.beside import code_of, started, told
from gnnneg.errors import UserError

FULL = OSError(errno.ENOSPC, "No space left on device")
NAMED = OSError(errno.EACCES, "Permission denied", "/shut/file")


@pytest.mark.parametrize(
    ("wrong", "code", "said"),
    [
        (KeyboardInterrupt(), 130, ""),
        (UserError("Give another name."), 2, "Give another name.\n"),
        (FULL, 2, "home: No space left on device.\n"),
        (NAMED, 2, "/shut/file: Permission denied.\n"),
        (OSError("gone"), 2, "home: gone.\n"),
    ],
    ids=str,
)
def test_what_goes_wrong_is_a_sentence_and_a_code(wrong, code, said, capsys):
    def work():
        raise wrong

    assert code_of(work, "home") == code
    assert capsys.readouterr().out == said


def test_work_that_ends_says_nothing(capsys):
    done = []
    assert code_of(lambda: done.append(1), "home") == 0
    assert done == [1]
    assert capsys.readouterr().out == ""


def test_a_fault_of_ours_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        code_of(lambda: print(1 // 0), "home")


def test_what_work_prints_is_no_sentence(capsys):
    def work():
        print("epoch 1")
        raise UserError("Give another name.")

    assert code_of(work, "home") == 2
    assert capsys.readouterr() == ("Give another name.\n", "epoch 1\n")


def test_it_finds_the_modules_of_the_process_that_starts_it(tmp_path, monkeypatch):
    (tmp_path / "mine_alone.py").write_text("import sys\nprint('found', sys.argv[1])\n")
    monkeypatch.syspath_prepend(tmp_path)
    process = started("mine_alone", {"a": 1}, os.environ)
    process.wait()
    assert told(process) == 'found {"a": 1}'
