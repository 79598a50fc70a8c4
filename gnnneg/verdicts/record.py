"""The record of verdicts: one SQLite file that only grows."""

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

SQLITE = b"SQLite format 3\0"  # how each of its files begins
OURS = 0x676E6E76  # "gnnv" in the header of the file: it is a record of verdicts
FORMAT = 1
PATIENCE = 30.0  # seconds that one writer waits for another
IDLE = 8  # connections that wait to be used again: a server has as many threads as requests at once
CACHE = 64  # KiB of the file that each of them keeps: the system keeps it as well, once for all
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
# of each statement and person the last one; a skip takes back nothing that was said before
LATEST = f"""
SELECT {COLUMNS} FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY head, relation, tail, who ORDER BY verdict = 'skip', id DESC) AS place
    FROM verdicts WHERE {STANDS}
) WHERE place = 1 ORDER BY id
"""


@dataclass(frozen=True)
class Row:
    """One line of the record.

    Args:
        id (int): Its number; later rows have larger ones.
        head, relation, tail (str): The statement, in names.
        verdict (str): ``"accept"``, ``"deny"``, ``"unsure"`` or ``"skip"``; ``"undo"`` takes another row back, and
            ``"note"`` adds words.
        who (str): The person.
        when (str): The time in UTC, as ISO 8601 writes it.
        why (str): Words of the person.
        queue (str): Where the statement was found.
        run (str): The run that was looked at.
        score, probability (float, optional): What that run said of the statement at that time.
        undoes (int, optional): The row that is taken back.
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
        """What it is about."""
        return Statement(self.head, self.relation, self.tail)


class Verdicts:
    """An append-only record of verdicts in SQLite, with a write-ahead log: no row is ever changed or removed.

    Each call is one short transaction that is on the disk when the call returns. Several threads, and several
    processes, may use one file at once.

    Args:
        path (str or Path): The file; it is begun where there is none.
        writing (bool): Whether rows will be added. Otherwise the file must be there, and it may lie on a disk that can
            only be read. (default: :obj:`True`)

    Raises:
        UserError: If the file is damaged, is something else, or cannot be written.
    """

    def __init__(self, path: str | Path, writing: bool = True):
        self.path, self.writing = Path(path), writing
        self._idle: list[sqlite3.Connection] = []
        if "\0" in str(path):
            raise UserError(f"{echo(str(path))} holds a zero byte, which no name of a file has: name another one.")
        if not writing and not self.path.is_file():
            raise UserError(f"There is no record of verdicts at {self.path}: give the file that was judged into.")
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
        """Adds a verdict, and gives the number of its row.

        Args:
            statement (Statement): What is judged, in names.
            verdict (str): ``"accept"``, ``"deny"``, ``"unsure"`` or ``"skip"``.
            who (str): The person.
            why, queue, run (str): See :class:`Row`. (default: nothing)
            score, probability (float, optional): What the run says of it now. (default: :obj:`None`)

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
        """Takes back the last verdict of a person that still stands, and gives it; none if there is none.

        What the person said of the statement before stands again.
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
        """Adds a person's words on a statement, which judge nothing, and gives the number of the row."""
        with self._writing() as connection:
            return _add(connection, statement, NOTE, who, {"why": _name("why", why)}, {})

    def rows(self, after: int = 0, statement: Statement | None = None, limit: int | None = None) -> list[Row]:
        """The history in its order: every row, those taken back and those that take back, too.

        Args:
            after (int): The number of the last row that is known already. (default: :obj:`0`, all)
            statement (Statement, optional): Only what was said of it. (default: all)
            limit (int, optional): So many rows at most. (default: all)
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
        """The number of the last row, 0 if there is none."""
        with self._lent() as connection:
            return int(connection.execute("SELECT COALESCE(MAX(id), 0) FROM verdicts").fetchone()[0])

    def standing(self) -> "pd.DataFrame":
        """The last verdict of each person on each statement that was not undone, with the columns of :class:`Row`.

        A skip stands only where the person has said nothing else of the statement. Of statements on which people
        differ there are several rows: see :func:`~gnnneg.verdicts.agreed.agreed`.

        Cost: a sort of the record.
        """
        import pandas as pd

        with self._lent() as connection:
            found = connection.execute(LATEST).fetchall()
        frame = pd.DataFrame(found, columns=[*Row.__dataclass_fields__], dtype=object)
        numbers = {"id": "int64", "score": "float64", "probability": "float64"}
        return frame.astype(numbers).drop(columns="undoes")

    def judged(self, who: str) -> set[Statement]:
        """The statements that a person has judged or skipped, without those taken back."""
        asked = f"SELECT DISTINCT head, relation, tail FROM verdicts WHERE who = ? AND {STANDS}"
        with self._lent() as connection:
            return {Statement(*found) for found in connection.execute(asked, (_name("who", who),))}

    def close(self) -> None:
        """Lets the file go; the next call opens it again."""
        _close(self._idle)

    def __enter__(self) -> "Verdicts":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _lent(self) -> Iterator[sqlite3.Connection]:
        """A connection that nobody else uses meanwhile."""
        with sentence(self.path):
            connection = self._idle.pop() if self._idle else self._open()
            try:
                yield connection
            except BaseException:
                connection.close()  # whatever was begun is rolled back
                raise
            if len(self._idle) < IDLE:
                self._idle.append(connection)
            else:
                connection.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """The same within a transaction of its own, which is on the disk behind the block."""
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
        except sqlite3.OperationalError:  # a disk that can only be read has no room for the log's index
            connection.close()
            log = self.path.with_name(f"{self.path.name}-wal")
            if log.exists() and log.stat().st_size:
                raise
            connection = _connect(self.path, "immutable=1")
            _refuse_foreign(connection, self.path)
        return connection


def _refuse_other(path: Path) -> None:
    """Refuses a file of something else, which SQLite would take for an empty one if it has few bytes."""
    if path.is_file():
        with path.open("rb") as file:
            if file.read(len(SQLITE)) not in (b"", SQLITE):
                raise UserError(f"{path} is no record of verdicts: name another file.")


def _connect(path: Path, how: str) -> sqlite3.Connection:
    where = f"file:{quote(os.fsencode(path.resolve()))}?{how}"
    return sqlite3.connect(where, PATIENCE, isolation_level=None, check_same_thread=False, uri=True)


def _begin(connection: sqlite3.Connection, path: Path) -> None:
    """Makes the table in an empty file, and has what is committed on the disk at once."""
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
    """Turns the write-ahead log on, for which nobody else may look at the file: SQLite does not wait by itself."""
    until = time.monotonic() + PATIENCE
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return  # some network file systems keep none
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
        raise UserError(f"{key} is empty: a verdict needs a head, a relation, a tail and a person, and a note words.")
    return text


def _text(key: str, text: str) -> str:
    if not isinstance(text, str):
        raise UserError(f"{key} is {echo(text)}: give text.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UserError(f"{key} is {echo(text)}, which holds half of a letter: give whole Unicode text.") from None
    return text


def _finite(key: str, value: float | None) -> float | None:
    """SQLite has no NaN."""
    if value is None:
        return None
    if not math.isfinite(number := float(value)):
        raise UserError(f"{key} is {number}: give a finite number, or leave it out.")
    return number


def _close(idle: list[sqlite3.Connection]) -> None:
    while idle:
        idle.pop().close()
