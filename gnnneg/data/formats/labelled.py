"""Tables (CSV, TSV, JSON lines, parquet): the columns for truth, confidence and source."""

import dataclasses
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from gnnneg.data.account import Account
from gnnneg.data.coded import TEXT, mapped
from gnnneg.data.formats import columns as looks
from gnnneg.data.formats.beginning import Beginning, beginning
from gnnneg.data.formats.leading import named_each, numbers_each, numbers_lines
from gnnneg.data.formats.nested import denies_in_text, denies_within
from gnnneg.data.formats.statements import ROLES, Statements
from gnnneg.data.gate import tidied
from gnnneg.data.json_lines import read_json_lines
from gnnneg.data.layout import IGNORED, Labels, Layout
from gnnneg.data.read import as_text, listed, read_columns, read_parquet
from gnnneg.data.rows import Where, by_line, by_row
from gnnneg.data.shell import argument
from gnnneg.data.values import confidences, truth
from gnnneg.errors import UserError, echo

PLAIN = (
    *(pa.types.is_floating, pa.types.is_integer, pa.types.is_boolean),
    *(pa.types.is_string, pa.types.is_large_string),
)
DELIMITED = {"csv": "comma", "tsv": "tab"}
# SSSOM writes this instead of a head or tail if there is none; it is not an entity
NO_MATCH = ["sssom:NoTermFound", "https://w3id.org/sssom/NoTermFound"]
# keys of whole graphs, and where the JSON of OBO ontologies keeps its edges
AROUND = ("edges", "links", "triples", "statements", "relationships", "mappings", "elements", "message", "results")
OF_OBO = "graphs"
NAMED = {"parquet": read_parquet, "jsonl": read_json_lines}  # formats in which columns always have names


class Polarity(UserError):
    """Raised for a column that no option names but that seems to say what is stated and what is denied.

    Args:
        message (str): What is wrong.
        column (str): The value of ``--label`` that would select it.
    """

    def __init__(self, message: str, column: str):
        super().__init__(message)
        self.column = column


class Unlabelled(UserError):
    """Raised for a table without the requested label column."""


class Headerless(UserError):
    """Raised for a label column that is given by name, if the columns have no names."""


class Sheet(NamedTuple):
    """All columns of a file, their names, and the account of what became of them."""

    table: pa.Table
    names: list[str] | None
    first: list[str]
    account: Account


def read_labelled(
    path: str | Path,
    kind: str,
    columns: Sequence[str] | None = None,
    label: str | None = None,
    labels: Labels | None = None,
    confidence: str | None = None,
    source: str | None = None,
    ignore: Sequence[str] | None = None,
    header: bool | None = None,
    delimiter: str | None = None,
    count_line: bool = False,
) -> Statements:
    """Reads a table of statements.

    A column is given by its name in the header, or by digits. Digits are always a position counted from 1, whatever the
    header says. The account lists every column as used or left out.

    Args:
        path (str or Path): The file, compressed or not.
        kind (str): ``csv`` (quoted, with a header), ``tsv`` (no quotation, no header), ``jsonl`` or ``parquet``.
        columns (sequence, optional): The columns of head, relation and tail, in this order. By default, a TSV file has
            no header and its first three columns are used. Other formats must have columns named ``head``, ``relation``
            and ``tail``.
        label (str, optional): The column that says whether a statement is stated (1, true) or denied (0, -1, false). A
            column whose name is a negation, such as ``negated``, means the opposite; an empty entry in it is stated.
        labels (Labels, optional): Other labels and their meaning, as in ``Labels(stated=("yes",), denied=("no",
            "never"), unknown=("?",))``. Statements labelled unknown are left out.
        confidence (str, optional): The column that holds a number in ``[0, 1]``.
        source (str, optional): The column that says where a statement comes from.
        ignore (sequence, optional): Columns to leave out although they seem to say what is denied.
        header (bool, optional): Whether the first line names the columns. (default: if :obj:`columns` are names)
        delimiter (str, optional): ``tab``, ``comma``, ``blank``, ``semicolon`` or ``bar``.
        count_line (bool): Whether the first line gives the number of lines that follow. (default: :obj:`False`)

    Raises:
        UserError: For an unknown column (with the known ones), a malformed line, an unknown label or an invalid
            confidence. Also if a header looks like a statement or a statement like a header, a first column looks like
            line numbers, or an unused column looks like labels.
    """
    path = Path(path)
    if columns is not None and len(columns) != 3:
        raise UserError(f"Columns must be three: head, relation and tail; found {len(columns)}: {', '.join(columns)}.")
    if labels is not None and label is None:
        raise UserError(
            f"{path}: labels have a meaning only if a column holds them: say which is the label with --label."
        )
    if kind in NAMED and (header is not None or delimiter is not None or count_line):
        raise UserError(
            f"{path}: the columns of a {kind} file have names: leave --header, --delimiter and --count-line out."
        )
    extra = {"label": label, "confidence": confidence, "source": source}
    asked = {role: column for role, column in extra.items() if column is not None}
    named = list(columns) if columns is not None else [] if kind == "tsv" else list(ROLES)
    account, whole = Account(), None
    if kind in NAMED:
        whole = NAMED[kind](path)
        begins = Beginning(whole.column_names, whole.column_names)
        _refuse_whole_graphs(path, whole)
    else:
        layout = Layout((), delimiter or DELIMITED[kind], count_line=count_line, quoted=kind == "csv")
        begins = beginning(path, layout, [*named, *asked.values()], header, account)
        if kind == "tsv" and delimiter is None:
            _refuse_quotation_marks(path, begins.first)
        if begins.names is None and header is None:
            _refuse_an_unnamed_first(path, begins.first)
    named = named or _first_three(path, begins)
    wanted = dict(zip(ROLES, named)) | asked
    places = {role: _place(column, begins, path, role) for role, column in wanted.items()}
    for role, place in places.items():
        if list(places.values()).count(place) > 1:
            raise UserError(
                f"{path}: column {echo(wanted[role])} stands for two of {', '.join(places)}: name another with "
                "--columns or its own option."
            )
    if whole is None:
        role_of = {place: role for role, place in places.items()}
        roles = tuple(role_of.get(place, IGNORED) for place in range(len(begins.first)))
        whole = read_columns(
            path, dataclasses.replace(layout, columns=roles, header=begins.names is not None), begins.skip
        )
    sheet = Sheet(whole, begins.names, begins.first, account)
    if kind not in NAMED:
        _look_at_the_first_line(path, sheet, places, header, columns is None)
    ignored = {_place(column, sheet, path) for column in ignore or ()}
    if columns is None and sheet.names is None and len(sheet.first) > 3 and 0 not in ignored:
        _refuse_numbers_of_lines(path, sheet)
    table = sheet.table.select(list(places.values())).rename_columns(list(places))
    if kind in NAMED:
        _refuse_nested_roles(path, sheet, places)
        table = as_text(table, path)
    _keep_account(path, sheet, places, ignored)
    if kind not in NAMED:
        _tell_of_marks(sheet, places, kind == "tsv")
    where = by_row(path)
    if kind not in NAMED:
        where = by_line(path, layout, begins.skip + count_line + (begins.names is not None))
    return _stated(path, table, sheet, places, labels, where)


def _stated(
    path: Path, table: pa.Table, sheet: Sheet, places: dict[str, int], labels: Labels | None, where: Where
) -> Statements:
    """The columns of head, relation, tail and so on as statements."""
    kept: Sequence[int] = range(table.num_rows)
    account = sheet.account
    true = pa.chunked_array([pa.repeat(True, table.num_rows)])
    if "label" in places:
        name = sheet.names[places["label"]] if sheet.names is not None else ""
        if labels is not None and looks.turned(name, labels):
            raise UserError(
                f"{path}: the column {echo(name)} is a negation, so its yes means denied, but --labels says the "
                "opposite: exchange stated and denied."
            )
        met = table["label"].unique().to_pylist()[:64]
        meant = labels or looks.meaning(name, met)
        true = truth(table["label"], where, meant)
        if true.null_count:
            account.left_out("labelled unknown", true.null_count)
            kept = pc.indices_nonzero(pc.is_valid(true)).to_pylist()
            table, true = table.filter(pc.is_valid(true)), true.drop_null()
        if not table.num_rows:
            raise UserError(f"{path} says nothing: every line is labelled unknown.")
    empty = pc.or_(_no_match(table["head"]), _no_match(table["tail"]))
    if pc.any(empty).as_py():  # denying a missing match states nothing either
        account.left_out(
            "statements that nothing was found", pc.sum(empty).as_py(), f"their head or tail is {NO_MATCH[0]}"
        )
        left = pc.invert(empty)
        kept = [kept[row] for row in pc.indices_nonzero(left).to_pylist()]
        table, true = table.filter(left), true.filter(left)
        if not table.num_rows:
            raise UserError(f"{path} says nothing: every line says that nothing was found.")
    account.used("statements", table.num_rows)
    result = table.select(list(ROLES)).append_column("label", true)
    if "confidence" in places:
        sure = confidences(table["confidence"], lambda row: where(kept[row]))
        result = result.append_column("confidence", sure)
    if "source" in places:
        result = result.append_column("source", table["source"])
    return Statements(result, account)


def _no_match(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return mapped(column, lambda names: pc.is_in(names, pa.array(NO_MATCH, TEXT)), pa.bool_())


def _refuse_whole_graphs(path: Path, whole: pa.Table) -> None:
    """Refuses one object that holds all others: it is a graph, not a statement."""
    nested = [name for name, column in zip(whole.column_names, whole.columns) if pa.types.is_nested(column.type)]
    around = [name for name in nested if name in AROUND]
    if whole.num_rows == 1 and OF_OBO in nested:
        raise UserError(
            f"{path} is one object around all graphs, as JSON of OBO ontologies is: write one edge a line with 'jq -c "
            f'".graphs[].edges[]" {path.name} > edges.jsonl\', and say --columns sub,pred,obj; or import its .obo.'
        )
    if whole.num_rows == 1 and around:
        raise UserError(
            f"{path} is one object around all edges (it has {listed(whole.column_names)}): write one edge a line, such "
            f"as 'jq -c .{around[0]}[]' does if they are in {around[0]}."
        )


def _refuse_nested_roles(path: Path, sheet: Sheet, places: dict[str, int]) -> None:
    """Refuses heads and tails that are nested objects, as Neo4j exports them: they have no name to read."""
    for role, place in places.items():
        if pa.types.is_nested(sheet.table.column(place).type):
            raise UserError(
                f"{path}: column {place + 1} ({listed([sheet.table.column_names[place]])}), which should be the "
                f"{role}, holds lists or objects: write their names or ids into a separate column."
            )


def _first_three(path: Path, sheet: Beginning) -> list[str]:
    """Finds head, relation and tail of a TSV without options: the columns with these names, or the first three."""
    if sheet.names is None:
        return ["1", "2", "3"]
    if set(ROLES) <= set(sheet.names):
        return list(ROLES)
    found = looks.by_name(sheet.names)
    if found and found != sheet.names[:3]:
        raise UserError(
            f"{path} has columns {listed(sheet.names)}: say which are head, relation and tail, such as --columns "
            f"{argument(','.join(found))}."
        )
    return ["1", "2", "3"]


def _refuse_an_unnamed_first(path: Path, first: list[str]) -> None:
    """Refuses a first column without a name, which data frames write for their line numbers."""
    if len(first) > len(ROLES) and not first[0].strip() and all(field.strip() for field in first[1:]):
        raise UserError(
            f"{path}: the first field of its first line is empty, as with line numbers: if that line names the "
            "columns, say --header --columns 2,3,4 for the second to fourth."
        )


def _refuse_quotation_marks(path: Path, first: list[str]) -> None:
    """Refuses a TSV whose fields are all in quotation marks. TSV has no quoting, so the marks would become part of the
    names.
    """
    if len(first) >= 3 and all(len(field) > 2 and field[0] == field[-1] == '"' for field in first):
        raise UserError(
            f"{path}: all fields of its first line are in quotation marks: if they are not part of the names, say "
            "--format csv --delimiter tab (with --columns 1,2,3 --no-header if that line is a statement), and if they "
            "are, --delimiter tab."
        )


def _place(column: str, sheet: Beginning | Sheet, path: Path, role: str = "") -> int:
    """The position of a column. Digits are a position counted from 1. Anything else is a name, compared without blanks
    and case.
    """
    error = Unlabelled if role == "label" else UserError
    if column.isdigit():
        if 1 <= int(column[:9]) <= len(sheet.first):
            return int(column[:9]) - 1
        raise error(f"{path} has no column {column}; its first line has {len(sheet.first)} fields.")
    if sheet.names is None:
        headerless = Headerless if role == "label" else UserError
        raise headerless(f"{path}: without a header, columns are given by position, such as --columns 1,2,3.")
    for fold in (str, tidied, lambda name: tidied(name).casefold()):
        found = [i for i, name in enumerate(sheet.names) if fold(name) == fold(column)]
        if len(found) > 1:
            raise UserError(f"{path} has {len(found)} columns {echo(column)}: give the position of one, such as 1.")
        if found:
            return found[0]
    advice = ""
    if column in ROLES:
        likely = looks.by_name(sheet.names)
        how = f"--columns {argument(','.join(likely))}" if likely else "--columns"
        advice = f": say which are head, relation and tail with {how}"
        if (
            not likely
            and len(sheet.names) >= 3
            and path.suffix.lower() not in (".json", ".jsonl", ".ndjson", ".parquet")
        ):
            advice += ", and if its first line is a statement, with --columns 1,2,3 --no-header"
    raise error(f"{path} has no column {echo(column)}; it has {listed(sheet.names)}{advice}.")


def _look_at_the_first_line(
    path: Path, sheet: Sheet, places: dict[str, int], header: bool | None, default: bool
) -> None:
    """Refuses a header that was read as a statement, and a statement that was read as a header."""
    if sheet.names is None and header is None and looks.looks_like_names(sheet.first, sheet.table):
        found = looks.by_name(sheet.first) if not looks.counts(sheet.first) else []
        how = f"--columns {argument(','.join(found))}" if found and default else "--header"
        raise UserError(
            f"{path}: the first line, {listed(sheet.first)}, looks like names of columns: if it is, say {how}, and if "
            "it is a statement, --no-header."
        )
    roles = [places[role] for role in ROLES]
    if sheet.names is None and header is None:
        first = [sheet.first[place] for place in roles]
        named = looks.called_like_columns(sheet.first, sheet.table)
        if named or looks.may_be_names(first, sheet.table.select(roles)):
            warnings.warn(
                f"{path}: the first line, {listed(first)}, is read as a statement, but none of it occurs again: if "
                "it names the columns, say --header, and if not, --no-header.",
                stacklevel=2,
            )
    by_position = sheet.names is not None and not {sheet.names[place] for place in roles} <= set(ROLES)
    if by_position and header and looks.looks_like_a_statement(sheet.first, roles, sheet.table):
        raise UserError(
            f"{path}: the first line, {listed(sheet.first)}, looks like a statement, since other lines have the "
            f"relation {echo(sheet.first[places['relation']])}: leave --header out."
        )


def _tell_of_marks(sheet: Sheet, places: dict[str, int], quoted: bool) -> None:
    """Notes in the account what may be misread: lines that begin with ``#``, and names in quotes."""
    signed = pc.sum(mapped(sheet.table.column(0), lambda names: pc.starts_with(names, "#"), pa.bool_())).as_py() or 0
    if signed:
        sheet.account.used("lines that begin with '#', read as statements", signed)
    if not quoted:
        return
    within = (mapped(sheet.table.column(places[role]), _in_quotes, pa.bool_()) for role in ROLES)
    number = sum(pc.sum(found).as_py() or 0 for found in within)
    if number:
        what = "names in quotation marks, which stay parts of them (--format csv --delimiter tab would read them)"
        sheet.account.used(what, number)


def _in_quotes(names: pa.Array) -> pa.Array:
    return pc.match_substring_regex(names, '^".+"$')


def _refuse_numbers_of_lines(path: Path, sheet: Sheet) -> None:
    if numbers_lines(sheet.table.column(0)) or numbers_each(sheet.table):
        raise UserError(
            f"{path}: the first of its {len(sheet.first)} columns seems to number the lines: if it does, say --columns "
            "2,3,4, and if it is the head, --columns 1,2,3."
        )
    if order := named_each(sheet.table):
        raise UserError(
            f"{path}: the first of its {len(sheet.first)} columns has a different value in each line, and none of them "
            f"is in another column, as if the first named the lines: if it does, say --columns {order}, and if it is "
            "the head, --columns 1,2,3."
        )


def _keep_account(path: Path, sheet: Sheet, places: dict[str, int], ignored: set[int]) -> None:
    """Records what became of each column. An unused column that seems to say what is denied is refused, unless it is
    ignored.
    """
    role_of = {place: role for role, place in places.items()}
    label = places.get("label")
    for place in range(len(sheet.first)):
        name = None if sheet.names is None else sheet.names[place]
        called = f"column {place + 1}" if not name else f"column {place + 1} ({listed([name])})"
        size = sheet.table.num_rows
        if place in role_of:
            if place in ignored:
                raise UserError(f"{path}: {called} is the {role_of[place]}, so it cannot be ignored.")
            sheet.account.used(f"{called} as {role_of[place]}", size)
            continue
        if place not in ignored:
            _refuse_denials_within(path, called, str(place + 1), sheet.table.column(place))
            values = _words(sheet.table.column(place))
            if name is not None and looks.INDEX.fullmatch(name) and numbers_lines(sheet.table.column(place)):
                values = None
            # next to a label column, only clear labels are refused
            beside = label is not None
            last, kind = (False, name or "") if beside else (place == len(sheet.first) - 1, name)
            if values is not None and looks.says_polarity(kind, values, last, beside):
                met = values.unique().to_pylist()
                few = [value or "nothing" for value in met[:5]]
                column = name if name and not name.isdigit() else str(place + 1)
                said = argument(column)
                if label is not None:  # the column would be lost, and it may contradict the label
                    raise UserError(
                        f"{path}: {called} holds {listed(few)}, as if it too said what is stated and what is denied, "
                        f"and the label is column {label + 1}: merge the two columns, or say --ignore {said}."
                    )
                raise Polarity(
                    f"{path}: {called} holds {listed(few)}, as if it said what is stated and what is denied: if it "
                    f"does, say --label {said}{looks.says_how(name, met[:64])}, and if it does not, --ignore {said}.",
                    column,
                )
        why = "as --ignore says" if place in ignored else "no option names it"
        sheet.account.left_out(called, size, why)


def _refuse_denials_within(path: Path, called: str, column: str, values: pa.ChunkedArray) -> None:
    """Refuses lists, objects and texts that say that their statement is false. Other nested values are left out."""
    if pa.types.is_nested(values.type) and denies_within(values):
        raise UserError(
            f"{path}: {called} holds lists or objects, of which some say that their statement is false: write that "
            f"into a separate column, such as 'negated', or say --ignore {column}."
        )
    if denies_in_text(values, called):
        raise UserError(
            f"{path}: {called} holds texts, of which some say that their statement is false, as negated=true does: "
            f"write that into a separate column, such as 'negated', or say --ignore {column}."
        )


def _words(values: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """The distinct entries of a column as strings, if it can hold labels."""
    kind = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
    plain = any(is_kind(kind) for is_kind in PLAIN)
    return pa.chunked_array([pc.fill_null(pc.cast(values.unique(), pa.large_string()), "")]) if plain else None
