"""From the files of a card to the graph: statements, what is beside them, and whether the counts are right."""

from pathlib import Path

from torch_geometric.data import HeteroData

from gnnneg.checks import whole
from gnnneg.data.beside import put_beside
from gnnneg.data.card_files import CardFiles
from gnnneg.data.catalogue import Card
from gnnneg.data.parts import graph
from gnnneg.data.statements import counts
from gnnneg.data.synthetic import World, world
from gnnneg.errors import UserError


def build_graphs(card: Card, folder: Path) -> list[HeteroData]:
    """Every graph of a card: one, or the one to train on and the one to test on, which has its relations.

    Raises:
        UserError: For a file that is missing or does not hold what the card says, or a relation that only the second
            graph has.
    """
    first, *others = card.graphs
    data = build(first, folder)
    return [data, *(build(other, folder, data.relation_names) for other in others)]


MOST = 1_000_000  # entities of a world that a card asks for: it may be somebody else's


def made(card: Card) -> World:
    """The world that a card asks for.

    Raises:
        UserError: If it asks for one that cannot be made.
    """
    how = {} if card.generated is True else dict(card.generated or {})
    try:
        if None in how.values():
            raise UserError("leave out what you give no value")
        whole("a card", 0, MOST, num_entities=how.get("num_entities", 0))
        return world(**how)
    except (TypeError, UserError) as error:
        raise UserError(f"Card {card.name}: 'generated' is {how}: {error}") from None


def build(card: Card, folder: Path, relations: list[str] | None = None) -> HeteroData:
    """Reads the files of a card in ``folder`` and assembles the (first) graph.

    Indices are the ids of the dictionary, or else follow the order of appearance in train, valid, test (head before
    tail, denied statements last): the numbers that PyG's ``FB15k_237`` gives.

    Args:
        card (Card): What to read.
        folder (Path): Where its files are.
        relations (list[str], optional): Names of the relations, where another graph has numbered them.

    Raises:
        UserError: For a file that is missing or does not hold what the card says, or a relation that is none of those
            given.
    """
    if card.generated:
        return made(card).data
    files = CardFiles(card, folder, relations)
    parts, left_out = files.statements()
    data = graph(parts, files.entities, files.relations)
    if left_out:
        data.left_out = dict(left_out)
    put_beside(data, files)
    if not all(card.files[name].sha256 for name in card.needed):  # where the bytes cannot be checked, the counts are
        for what, found in counts(data).items():
            said = card.published.get(what, found)
            if said != found:
                raise UserError(f"{card.name} should have {said:,} {what}, but its files have {found:,}.")
    return data
