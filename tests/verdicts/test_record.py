"""The record of verdicts loses nothing."""

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gnnneg.errors import UserError
from gnnneg.verdicts import Row, Statement, Verdicts

FISH = Statement("whale", "is_a", "fish")
BAT = Statement("bat", "is_a", "bird")
ODD = Statement("tab\there\nline \U0001f40b", "r\u00e9l\u202e", "\0'; DROP TABLE verdicts; --")


@pytest.fixture
def verdicts(tmp_path: Path) -> Verdicts:
    return Verdicts(tmp_path / "verdicts.db")


def stands(verdicts: Verdicts) -> list[tuple[str, str, str]]:
    frame = verdicts.standing()
    return list(zip(frame["head"], frame["verdict"], frame["who"]))


def test_a_verdict_is_kept_as_it_was_given(verdicts):
    number = verdicts.record(
        ODD, "deny", "Zo\u00eb", why="a\nb", queue="uncertain", run="r", score=-1.5, probability=0.25
    )
    (row,) = Verdicts(verdicts.path, writing=False).rows()
    assert row == Row(number, *ODD, "deny", "Zo\u00eb", row.when, "a\nb", "uncertain", "r", -1.5, 0.25, None)
    assert row.statement == ODD
    assert row.when.endswith("+00:00")


def test_undo_is_a_row_and_what_was_said_before_stands_again(verdicts):
    for statement, verdict in ((BAT, "accept"), (FISH, "accept"), (FISH, "deny")):
        verdicts.record(statement, verdict, "ann")
    verdicts.record(FISH, "accept", "bob")
    assert stands(verdicts) == [("bat", "accept", "ann"), ("whale", "deny", "ann"), ("whale", "accept", "bob")]
    taken = [verdicts.undo("ann") for _ in range(4)]
    assert [None if row is None else (row.head, row.verdict) for row in taken] == [
        ("whale", "deny"),
        ("whale", "accept"),
        ("bat", "accept"),
        None,
    ]
    assert stands(verdicts) == [("whale", "accept", "bob")]
    assert [(row.verdict, row.undoes) for row in verdicts.rows(after=4)] == [("undo", 3), ("undo", 2), ("undo", 1)]
    assert len(verdicts.rows(statement=BAT)) == 2
    assert verdicts.judged("ann") == set()


def test_what_stands_after_each_undo(verdicts):
    verdicts.record(FISH, "accept", "ann")
    verdicts.record(FISH, "deny", "ann")
    verdicts.undo("ann")
    assert stands(verdicts) == [("whale", "accept", "ann")]


def test_a_skip_takes_nothing_back_and_is_remembered(verdicts):
    verdicts.record(FISH, "deny", "ann")
    verdicts.record(FISH, "skip", "ann")
    verdicts.record(BAT, "skip", "ann")
    assert stands(verdicts) == [("whale", "deny", "ann"), ("bat", "skip", "ann")]
    assert verdicts.judged("ann") == {FISH, BAT}
    assert verdicts.judged("bob") == set()


def test_the_history_can_be_followed(verdicts):
    assert verdicts.last() == 0
    numbers = [verdicts.record(FISH, "deny", "ann") for _ in range(3)]
    assert verdicts.last() == numbers[-1]
    assert [row.id for row in verdicts.rows(after=numbers[0], limit=1)] == [numbers[1]]
    assert verdicts.rows(limit=0) == []


def test_a_note_judges_nothing(verdicts):
    verdicts.note(FISH, "ann", "see Linnaeus")
    assert stands(verdicts) == []
    assert verdicts.judged("ann") == set()
    assert verdicts.undo("ann") is None
    assert [(row.verdict, row.why) for row in verdicts.rows()] == [("note", "see Linnaeus")]


def test_an_empty_record_has_the_columns_of_a_full_one(verdicts):
    empty = verdicts.standing()
    verdicts.record(FISH, "deny", "ann", score=1.0)
    full = verdicts.standing()
    assert list(empty.columns) == list(full.columns)
    assert list(empty.dtypes) == list(full.dtypes)
    assert full.loc[0, "score"] == 1.0


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE verdicts SET verdict = 'accept'",
        "DELETE FROM verdicts",
        "INSERT OR REPLACE INTO verdicts SELECT 1, 'h', 'r', 't', 'accept', '', '', '', '', '', NULL, NULL, NULL",
    ],
)
def test_the_file_itself_refuses_to_forget(verdicts, change):
    verdicts.record(FISH, "deny", "ann")
    with sqlite3.connect(verdicts.path) as connection, pytest.raises(sqlite3.IntegrityError, match="only grows"):
        connection.execute(change)
    connection.close()
    assert stands(verdicts) == [("whale", "deny", "ann")]


def test_many_who_judge_at_once_lose_nothing(tmp_path):
    """Some with a record of their own, some with a shared one, on a file that none has begun."""
    path, each = tmp_path / "new" / "verdicts.db", 8
    shared: list[Verdicts] = []

    def judge(who: int) -> None:
        mine = Verdicts(path) if who % 2 else shared[0]
        for place in range(each):
            mine.record(Statement(str(place), "r", "t"), "deny", f"person {who}")
        mine.undo(f"person {who}")

    shared.append(Verdicts(path))
    threads = [threading.Thread(target=judge, args=(who,)) for who in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = shared[0].rows()
    assert [row.id for row in rows] == list(range(1, 6 * (each + 1) + 1))
    assert len(shared[0].standing()) == 6 * (each - 1)


def test_many_who_begin_one_file_at_once(tmp_path):
    path = tmp_path / "verdicts.db"
    barrier = threading.Barrier(6)

    def begin() -> None:
        barrier.wait()
        Verdicts(path).record(FISH, "deny", "ann")

    threads = [threading.Thread(target=begin) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(Verdicts(path, writing=False).rows()) == 6


def test_a_second_process_sees_a_verdict_of_one_that_was_killed(verdicts):
    """kill -9 at once after record returns."""
    program = (
        "import os, sys; from gnnneg.verdicts import Statement, Verdicts;"
        "Verdicts(sys.argv[1]).record(Statement('whale', 'is_a', 'fish'), 'deny', 'ann'); os.kill(os.getpid(), 9)"
    )
    verdicts.record(BAT, "accept", "bob")
    ended = subprocess.run([sys.executable, "-c", program, str(verdicts.path)], check=False)
    assert ended.returncode == -9
    assert stands(verdicts) == [("bat", "accept", "bob"), ("whale", "deny", "ann")]


def test_what_was_begun_and_not_ended_is_not_there(verdicts):
    verdicts.record(FISH, "deny", "ann")
    with pytest.raises(UserError, match="score"):
        verdicts.record(BAT, "deny", "ann", score=float("nan"))
    assert stands(verdicts) == [("whale", "deny", "ann")]
    verdicts.record(BAT, "deny", "ann")
    assert len(verdicts.rows()) == 2


@pytest.mark.parametrize(
    "call",
    [
        lambda v: v.record(FISH, "maybe", "ann"),
        lambda v: v.record(FISH, "undo", "ann"),
        lambda v: v.record(FISH, "deny", " "),
        lambda v: v.record(FISH._replace(tail=""), "deny", "ann"),
        lambda v: v.record(FISH._replace(head="\ud800"), "deny", "ann"),
        lambda v: v.record(FISH, "deny", "ann", probability=float("inf")),
        lambda v: v.note(FISH, "ann", ""),
        lambda v: v.undo(""),
        lambda v: v.judged("\udfff"),
        lambda v: Verdicts(v.path, writing=False).record(FISH, "deny", "ann"),
    ],
)
def test_what_cannot_be_recorded_is_refused(verdicts, call):
    with pytest.raises(UserError) as told:
        call(verdicts)
    assert str(told.value).endswith(".")
    assert verdicts.rows() == []


def foreign(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE mine (x)")
    connection.close()


def later(path: Path) -> None:
    Verdicts(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()


def torn(path: Path) -> None:
    verdicts = Verdicts(path)
    columns = 'head, relation, tail, verdict, who, "when", why, queue, run'
    row = f"({columns}) VALUES (?, 'r', 't', 'deny', '', '', '', '', '')"
    with verdicts._writing() as connection:
        connection.executemany(f"INSERT INTO verdicts {row}", [(str(place),) for place in range(500)])
    verdicts.close()
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


@pytest.mark.parametrize("writing", [True, False])
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.write_bytes(b"head,relation,tail\n" * 100), "no record of verdicts"),
        (lambda path: path.write_bytes(b"\0" * 5000), "no record of verdicts"),
        (lambda path: path.write_bytes(b"x"), "no record of verdicts"),
        (lambda path: path.write_bytes(b"SQLite format"), "no record of verdicts"),
        (lambda path: path.write_bytes(b"SQLite format 3\0" + b"x" * 1000), "no record of verdicts|damaged"),
        (foreign, "no record of verdicts: name another file"),
        (later, "later version"),
        (torn, "damaged"),
        (Path.mkdir, "cannot be opened|no record of verdicts at"),
    ],
)
def test_another_file_is_refused_in_one_sentence(tmp_path, make, said, writing):
    path = tmp_path / "file"
    make(path)
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(UserError, match=said) as told:
        Verdicts(path, writing).rows()
    assert str(path) in str(told.value)
    assert (path.read_bytes() if path.is_file() else b"") == before


def test_an_empty_file_is_begun(tmp_path):
    (tmp_path / "v.db").touch()
    Verdicts(tmp_path / "v.db").record(FISH, "deny", "ann")
    assert len(Verdicts(tmp_path / "v.db", writing=False).rows()) == 1


def test_a_file_that_is_not_there_is_read_by_nobody(tmp_path):
    with pytest.raises(UserError, match="There is no record of verdicts at"):
        Verdicts(tmp_path / "none", writing=False)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_and_one_that_can_only_be_read(verdicts):
    verdicts.record(FISH, "deny", "ann")
    verdicts._idle[0].execute(f"PRAGMA max_page_count = {verdicts._idle[0].execute('PRAGMA page_count').fetchone()[0]}")
    with pytest.raises(UserError, match=r"is full, so nothing was recorded: make room, and judge again\."):
        verdicts.record(BAT, "deny", "ann", why="x" * 100_000)
    verdicts._idle.append(verdicts._open())
    verdicts._idle[0].execute("PRAGMA query_only = 1")
    with pytest.raises(UserError, match=r"can only be read, so nothing was recorded"):
        verdicts.record(BAT, "deny", "ann")
    assert stands(verdicts) == [("whale", "deny", "ann")]


@pytest.mark.parametrize("path", ["/proc/none/verdicts.db", "/dev/full", "", "x" * 300, "a\0b"])
def test_what_can_be_no_record_is_refused(path):
    with pytest.raises(UserError):
        Verdicts(path).record(FISH, "deny", "ann")


def test_odd_names_of_files(tmp_path):
    for name in ("a b?#%20.db", "\U0001f40b.db", "\udc80.db"):
        Verdicts(tmp_path / name).record(FISH, "deny", "ann")
        assert len(Verdicts(tmp_path / name, writing=False).rows()) == 1


def test_a_record_on_a_disk_that_can_only_be_read_is_read(verdicts):
    """There the index of the log cannot be made."""
    verdicts.record(FISH, "deny", "ann")
    verdicts.close()
    verdicts.path.with_name("verdicts.db-shm").mkdir()
    assert stands(Verdicts(verdicts.path, writing=False)) == [("whale", "deny", "ann")]
    with pytest.raises(UserError, match="can only be read"):
        Verdicts(verdicts.path)
