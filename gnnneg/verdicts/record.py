"""The record of verdicts: one append-only SQLite file."""

import math
import os
import sqlite3
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from gnnneg.errors import UserError, echo
from gnnneg.verdicts.statement import VERDICTS, Statement
from gnnneg.verdicts.troubles import sentence

if TYPE_CHECKING:
    import pandas as pd

SQLITE = b"SQLite format 3\0"  # the first bytes of every SQLite file
OURS = 0x676E6E76  # "gnnv" in the header of the file marks a record of verdicts
FORMAT = 1
PATIENCE = 30.0  # seconds that one writer waits for another
IDLE = 8  # idle connections that are kept: a server may have as many threads as simultaneous requests
CACHE = 64  # KiB of cache for each connection; the operating system caches the file for all of them
UNDO, NOTE = "undo", "note"

GROWS = "SELECT RAISE (ABORT, 'the record only grows')"
TABLE = (
    f"""CREATE TABLE verdicts (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        head TEXT NOT NULL, relation TEXT NOT NULL, tail TEXT NOT NULL,
        verdict TEXT NOT NULL CHECK (verdict IN {(*VERDICTS, UNDO, NOTE)}),
        who TEXT NOT NULL, "when" TEXT NOT NULL, why TEXT NOT NULL, queue TEXT NOT NULL, run TEXT NOT NULL,
        score REAL, probability REAL,
        undoes INTEGER UNIQUE REFERENCES verdicts (id) CHECK ((undoes IS NOT NULL) = (verdict = '{UNDO}'))
    )""",
    "CREATE INDEX of_statement ON verdicts (head, relation, tail)",
    "CREATE INDEX of_person ON verdicts (who)",
    f"CREATE TRIGGER nothing_changes BEFORE UPDATE ON verdicts BEGIN {GROWS}; END",
    f"CREATE TRIGGER nothing_goes BEFORE DELETE ON verdicts BEGIN {GROWS}; END",
    f"""CREATE TRIGGER nothing_is_replaced BEFORE INSERT ON verdicts
    WHEN EXISTS (SELECT 1 FROM verdicts WHERE id = NEW.id) BEGIN {GROWS}; END""",
    f"PRAGMA application_id = {OURS}",
    f"PRAGMA user_version = {FORMAT}",
)
COLUMNS = 'id, head, relation, tail, verdict, who, "when", why, queue, run, score, probability, undoes'
STANDS = f"verdict IN {VERDICTS} AND id NOT IN (SELECT undoes FROM verdicts WHERE undoes IS NOT NULL)"
# the last verdict of each person on each statement; a skip does not cancel an earlier verdict
LATEST = f"""
SELECT {COLUMNS} FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY head, relation, tail, who ORDER BY verdict = 'skip', id DESC) AS place
    FROM verdicts WHERE {STANDS}
) WHERE place = 1 ORDER BY id
"""


@dataclass(frozen=True)
class Row:
    """One row of the record.

    Args:
        id (int): Its number; later rows have larger ones.
        head, relation, tail (str): The statement, as names.
        verdict (str): ``"accept"``, ``"deny"``, ``"unsure"`` or ``"skip"``; ``"undo"`` cancels another row, and
            ``"note"`` adds a comment.
        who (str): The person.
        when (str): The time in UTC, in ISO 8601.
        why (str): A comment of the person.
        queue (str): The queue that showed the statement.
        run (str): The run that the person looked at.
        score, probability (float, optional): The values of that run for the statement at that time.
        undoes (int, optional): The row that is cancelled.
    """

    id: int
    head: str
    relation: str
    tail: str
    verdict: str
    who: str
    when: str
    why: str
    queue: str
    run: str
    score: float | None
    probability: float | None
    undoes: int | None

    @property
    def statement(self) -> Statement:
        """The statement of the row."""
        return Statement(self.head, self.relation, self.tail)


class Verdicts:
    """An append-only record of verdicts in SQLite, with a write-ahead log. Rows are never changed or removed.

    Each call is one short transaction, which is on disk when the call returns. Several threads and several processes
    may use one file at the same time.

    Args:
        path (str or Path): The file. It is created if it does not exist.
        writing (bool): Whether rows will be added. Otherwise the file must exist, and it may be on a read-only disk.
            (default: :obj:`True`)

    Raises:
        UserError: If the file is damaged, is not a record, or cannot be written.
    """

    def __init__(self, path: str | Path, writing: bool = True):
        self.path, self.writing = Path(path), writing
        self._idle: list[sqlite3.Connection] = []
        if "\0" in str(path):
            raise UserError(f"{echo(str(path))} holds a zero byte, which a file name cannot have: give another name.")
        if not writing and not self.path.is_file():
            raise UserError(f"There is no record of verdicts at {self.path}: give the file with the verdicts.")
        with sentence(self.path):
            if writing:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            _refuse_other(self.path)
            self._idle.append(self._open())
        weakref.finalize(self, _close, self._idle)

    def record(
        self,
        statement: Statement,
        verdict: str,
        who: str,
        *,
        why: str = "",
        queue: str = "",
        run: str = "",
        score: float | None = None,
        probability: float | None = None,
    ) -> int:
        """Adds a verdict and returns the number of its row.

        Args:
            statement (Statement): The judged statement, as names.
            verdict (str): ``"accept"``, ``"deny"``, ``"unsure"`` or ``"skip"``.
            who (str): The person.
            why, queue, run (str): See :class:`Row`. (default: empty)
            score, probability (float, optional): The current values of the run for it. (default: :obj:`None`)

        Raises:
            UserError: If an argument cannot be recorded, or the file cannot be written.
        """
        if verdict not in VERDICTS:
            raise UserError(f"A verdict is {', '.join(VERDICTS[:-1])} or {VERDICTS[-1]}, not {echo(verdict)}.")
        said = {"why": why, "queue": queue, "run": run}
        numbers = {"score": score, "probability": probability}
        with self._writing() as connection:
            return _add(connection, statement, verdict, who, said, numbers)

    def undo(self, who: str) -> Row | None:
        """Cancels the last valid verdict of a person and returns it; None if there is none.

        An earlier verdict of the person on the same statement is valid again.
        """
        mine = f"SELECT {COLUMNS} FROM verdicts WHERE who = ? AND {STANDS} ORDER BY id DESC LIMIT 1"
        with self._writing() as connection:
            found = connection.execute(mine, (_name("who", who),)).fetchone()
            if found is None:
                return None
            last = Row(*found)
            _add(connection, last.statement, UNDO, who, {"queue": last.queue, "run": last.run}, {}, last.id)
            return last

    def note(self, statement: Statement, who: str, why: str) -> int:
        """Adds a person's comment on a statement, which is not a verdict, and returns the number of the row."""
        with self._writing() as connection:
            return _add(connection, statement, NOTE, who, {"why": _name("why", why)}, {})

    def rows(self, after: int = 0, statement: Statement | None = None, limit: int | None = None) -> list[Row]:
        """The history in order: every row, including cancelled rows and the rows that cancel them.

        Args:
            after (int): The number of the last row that is already known. (default: :obj:`0`, all)
            statement (Statement, optional): Only rows about this statement. (default: all)
            limit (int, optional): The largest number of rows. (default: all)
        """
        asked = f"SELECT {COLUMNS} FROM verdicts WHERE id > ?"
        values: list[int | str] = [after]
        if statement is not None:
            asked += " AND head = ? AND relation = ? AND tail = ?"
            values += [_name(role, name) for role, name in zip(Statement._fields, statement)]
        values.append(-1 if limit is None else limit)
        with self._lent() as connection:
            return [Row(*found) for found in connection.execute(f"{asked} ORDER BY id LIMIT ?", values)]

    def last(self) -> int:
        """The number of the last row; 0 if there is none."""
        with self._lent() as connection:
            return int(connection.execute("SELECT COALESCE(MAX(id), 0) FROM verdicts").fetchone()[0])

    def standing(self) -> "pd.DataFrame":
        """The last valid verdict of each person on each statement, with the columns of :class:`Row`.

        A skip counts only if the person has given no other verdict on the statement. If people differ on a statement,
        it has several rows: see :func:`~gnnneg.verdicts.agreed.agreed`.

        Cost: a sort of the record.
        """
        import pandas as pd

        with self._lent() as connection:
            found = connection.execute(LATEST).fetchall()
        frame = pd.DataFrame(found, columns=[*Row.__dataclass_fields__], dtype=object)
        numbers = {"id": "int64", "score": "float64", "probability": "float64"}
        return frame.astype(numbers).drop(columns="undoes")

    def judged(self, who: str) -> set[Statement]:
        """The statements that a person has judged or skipped, without cancelled ones."""
        asked = f"SELECT DISTINCT head, relation, tail FROM verdicts WHERE who = ? AND {STANDS}"
        with self._lent() as connection:
            return {Statement(*found) for found in connection.execute(asked, (_name("who", who),))}

    def close(self) -> None:
        """Closes the file; the next call opens it again."""
        _close(self._idle)

    def __enter__(self) -> "Verdicts":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _lent(self) -> Iterator[sqlite3.Connection]:
        """A connection that nobody else uses at the same time."""
        with sentence(self.path):
            connection = self._idle.pop() if self._idle else self._open()
            try:
                yield connection
            except BaseException:
                connection.close()  # an unfinished transaction is rolled back
                raise
            if len(self._idle) < IDLE:
                self._idle.append(connection)
            else:
                connection.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A connection within a transaction, which is on disk at the end of the block."""
        if not self.writing:
            raise UserError(f"{self.path} was opened for reading: open it with Verdicts(path) to judge into it.")
        with self._lent() as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")

    def _open(self) -> sqlite3.Connection:
        if self.writing:
            connection = _connect(self.path, "mode=rwc")
            try:
                _begin(connection, self.path)
            except BaseException:
                connection.close()
                raise
            return connection
        connection = _connect(self.path, "mode=ro")
        try:
            _refuse_foreign(connection, self.path)
        except sqlite3.OperationalError:  # a read-only disk has no room for the index of the log
            connection.close()
            log = self.path.with_name(f"{self.path.name}-wal")
            if log.exists() and log.stat().st_size:
                raise
            connection = _connect(self.path, "immutable=1")
            _refuse_foreign(connection, self.path)
        return connection


def _refuse_other(path: Path) -> None:
    """Refuses another kind of file. SQLite would read a file of a few bytes as an empty database."""
    if path.is_file():
        with path.open("rb") as file:
            if file.read(len(SQLITE)) not in (b"", SQLITE):
                raise UserError(f"{path} is no record of verdicts: name another file.")


def _connect(path: Path, how: str) -> sqlite3.Connection:
    where = f"file:{quote(os.fsencode(path.resolve()))}?{how}"
    return sqlite3.connect(where, PATIENCE, isolation_level=None, check_same_thread=False, uri=True)


def _begin(connection: sqlite3.Connection, path: Path) -> None:
    """Creates the table in an empty file, and makes each commit wait for the disk."""
    connection.execute("BEGIN IMMEDIATE")
    if _number(connection, "application_id") == 0 and not _number(connection, "schema_version"):
        for command in TABLE:
            connection.execute(command)
    else:
        _refuse_foreign(connection, path)
    connection.execute("COMMIT")
    _keep_log(connection)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA cache_size = -{CACHE}")


def _keep_log(connection: sqlite3.Connection) -> None:
    """Turns on the write-ahead log. This needs the file exclusively, and SQLite does not wait for it by itself."""
    until = time.monotonic() + PATIENCE
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return  # some network file systems do not support it
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)


def _refuse_foreign(connection: sqlite3.Connection, path: Path) -> None:
    if _number(connection, "application_id") != OURS:
        raise UserError(f"{path} is a file of SQLite, but no record of verdicts: name another file.")
    if _number(connection, "user_version") > FORMAT:
        raise UserError(f"{path} was written by a later version of gnnneg: install that.")
    connection.execute("SELECT id FROM verdicts LIMIT 1").fetchall()


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])


def _add(
    connection: sqlite3.Connection,
    statement: Statement,
    verdict: str,
    who: str,
    said: dict[str, str],
    numbers: dict[str, float | None],
    undoes: int | None = None,
) -> int:
    names = [_name(role, name) for role, name in zip(Statement._fields, Statement(*statement))]
    words = [_text(key, said.get(key, "")) for key in ("why", "queue", "run")]
    values = [_finite(key, numbers.get(key)) for key in ("score", "probability")]
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    row = (*names, verdict, _name("who", who), now, *words, *values, undoes)
    marks = ", ".join("?" * len(row))
    number = connection.execute(f"INSERT INTO verdicts ({COLUMNS[4:]}) VALUES ({marks})", row).lastrowid
    return int(number or 0)


def _name(key: str, text: str) -> str:
    if not (_text(key, text) if key in Statement._fields else _text(key, text).strip()):
        raise UserError(f"{key} is empty: a verdict needs a head, a relation, a tail and a person, and a note text.")
    return text


def _text(key: str, text: str) -> str:
    if not isinstance(text, str):
        raise UserError(f"{key} is {echo(text)}: give text.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UserError(f"{key} is {echo(text)}, which holds a lone surrogate: give valid Unicode text.") from None
    return text


def _finite(key: str, value: float | None) -> float | None:
    """Checks a number, because SQLite has no NaN."""
    if value is None:
        return None
    if not math.isfinite(number := float(value)):
        raise UserError(f"{key} is {number}: give a finite number, or leave it out.")
    return number


def _close(idle: list[sqlite3.Connection]) -> None:
    while idle:
        idle.pop().close()
