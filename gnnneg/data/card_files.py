"""The files of a card as tables: ids as the dictionary has them, labels as truth values, confidences as numbers."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gnnneg.data.catalogue import Card
from gnnneg.data.coded import TEXT, mapped
from gnnneg.data.formats.statements import ROLES
from gnnneg.data.formats.truewalks import read_truewalks
from gnnneg.data.parts import Names, Parts, Piece, parted
from gnnneg.data.read import read_table
from gnnneg.data.rows import where_of
from gnnneg.data.statements import POLARITIES, SPLITS
from gnnneg.data.values import confidences, read_names, truth
from gnnneg.errors import UserError, echo


@dataclass(frozen=True)
class CardFiles:
    """The files of a card.

    Args:
        card (Card): What they hold.
        folder (Path): Where they are.
        graphed (list[str], optional): The relations of the graph that is trained on, where this one is tested on.
    """

    card: Card
    folder: Path
    graphed: list[str] | None = None

    @cached_property
    def words(self) -> dict[str, Names]:
        """The entities and the relations of the dictionary, whose ids stand in the files; empty without one."""
        if self.card.dictionary is None:
            return {}
        layout = self.card.dictionary.layout
        files = {"entity": self.card.dictionary.entities, "relation": self.card.dictionary.relations}
        names = {what: read_names(self.folder / file, layout) for what, file in files.items()}
        return {w: Names(n, pc.cast(pa.array(np.arange(len(n))), TEXT)) for w, n in names.items()}

    @property
    def entities(self) -> Names | None:
        """The entities of the graph, if they are known without its statements."""
        return self.words.get("entity")

    @property
    def relations(self) -> Names | None:
        """The relations of the graph, if they are known without its statements."""
        if self.graphed is not None or not self.words:
            return None if self.graphed is None else Names.of(self.graphed)
        names, keys = self.words["relation"].names, self.words["relation"].keys
        kept = [i for i, name in enumerate(names) if name not in self.card.negated]
        return Names([names[i] for i in kept], keys.take(pa.array(kept, pa.int64())))

    def table(self, name: str, *columns: str) -> pa.Table:
        """A file with at least these columns.

        Raises:
            UserError: As :func:`~gnnneg.data.read.read_table`, if a column is missing, an entry means nothing, or what
                should be in the dictionary is not.
        """
        path, layout = self.folder / name, self.card.layout_of(name)
        table = read_truewalks(path).table if layout.annotations else read_table(path, layout)
        for column in columns:
            if column not in table.column_names:
                raise UserError(f"Card {self.card.name}: the layout of {name} names no {column} column.")
        where = where_of(path, layout)
        if "confidence" in table.column_names:
            table = _put(table, "confidence", confidences(table["confidence"], where))
        if "label" in table.column_names:
            table = _put(table, "label", truth(table["label"], where, layout.labels))
        for column in {*ROLES} & {*columns} if self.words else ():
            what = "relation" if column == "relation" else "entity"
            known = self.words[what]
            if layout.named and len(set(known.names)) < len(known.names):
                raise UserError(
                    f"Card {self.card.name}: {name} holds names, but the dictionary gives one name to two ids."
                )
            index = (Names.of(known.names) if layout.named else known).index(table[column], what, path)
            if layout.named:
                table = _put(table, column, known.keys.take(pa.array(index.numpy())))
        return table

    def statements(self) -> tuple[Parts, Counter[str]]:
        """What is stated and denied, and how much is left out of each split, by what it is.

        Raises:
            UserError: As :meth:`table`, and for a relation that the graph to train on has not.
        """
        left_out, found = Counter[str](), []
        for path, (polarity, split, table) in self._found():
            if polarity in POLARITIES:
                self._refuse_unseen(path, table)
                found.append((polarity, split, table))
            elif table.num_rows:
                left_out[f"{polarity}_{split}"] += table.num_rows
        return Parts.of(found), left_out

    def _found(self) -> Iterator[tuple[Path, Piece]]:
        """What each file says by polarity; what is unknown and what is denied twice are of one of their own."""
        for polarity, files in (("stated", self.card.stated), ("denied", self.card.denied)):
            for split in SPLITS:
                if split not in files:
                    continue
                table = self.table(files[split], *ROLES)
                pieces = parted(table, split) if "label" in table.column_names else [(polarity, split, table)]
                if self.card.negated:
                    pieces = [turned for piece in pieces for turned in self._turned(piece)]
                yield from ((self.folder / files[split], piece) for piece in pieces)

    def _turned(self, piece: Piece) -> Iterator[Piece]:
        """A piece without its negated relations, and what they state, denied of the relations that they negate."""
        polarity, split, table = piece
        keys = {self._key(negated): self._key(plain) for negated, plain in self.card.negated.items()}
        negated = pa.array(list(keys), TEXT)
        place = mapped(table["relation"], lambda names: pc.index_in(names, negated), pa.int32())
        yield polarity, split, table.filter(pc.is_null(place))
        plain = pa.array(list(keys.values()), pa.large_string()).take(place.drop_null())
        becomes = {"stated": "denied", "denied": "doubly_denied"}.get(polarity, polarity)
        yield becomes, split, _put(table.filter(pc.is_valid(place)), "relation", plain)

    def _key(self, relation: str) -> str:
        """What stands for a relation in the files."""
        if not self.words:
            return relation
        names = self.words["relation"].names
        if relation not in names:
            raise UserError(f"Card {self.card.name}: 'negated' names {relation!r}, which is not in the dictionary.")
        return str(names.index(relation))

    def _refuse_unseen(self, path: Path, table: pa.Table) -> None:
        """Nothing is learnt of a relation that only the graph to test on has."""
        if self.graphed is None:
            return
        known = pa.array(self.graphed, TEXT)
        new = mapped(table["relation"], lambda names: pc.invert(pc.is_in(names, known)), pa.bool_())
        if pc.any(new).as_py():
            statement = table.slice(pc.index(new, True).as_py(), 1).to_pylist()[0]
            raise UserError(
                f"{path}: the graph to train on has no relation {echo(statement['relation'])}, so that nothing can be "
                f"learnt of it: leave its statements out, such as {' '.join(echo(statement[role]) for role in ROLES)}."
            )


def _put(table: pa.Table, name: str, column: pa.ChunkedArray | pa.Array) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, column)
