"""RDF in all its syntaxes, through pyoxigraph."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from gnnneg.data.decode import ending, text
from gnnneg.data.formats.negations import LITERALS, Triple, folded
from gnnneg.data.formats.statements import Statements, collected
from gnnneg.errors import MissingExtra, UserError

SYNTAXES = {
    **{".nt": "N_TRIPLES", ".nq": "N_QUADS", ".ttl": "TURTLE", ".trig": "TRIG", ".n3": "N3"},
    **{".rdf": "RDF_XML", ".xml": "RDF_XML", ".jsonld": "JSON_LD"},
}


def read_rdf(path: str | Path, literals: bool = False, denied_graphs: Sequence[str] = ()) -> Statements:
    """Reads `RDF 1.1 <https://www.w3.org/TR/rdf11-concepts/>`_ by the ending of its name: Turtle, TriG, N-Triples,
    N-Quads, N3, RDF/XML or JSON-LD.

    A triple between IRIs is stated, an ``owl:NegativePropertyAssertion`` is one denied statement (see
    :func:`gnnneg.data.formats.negations.folded`), and what stands in a denied graph is denied. The source of a
    statement is the graph that it stands in, if that has a name. Triples with blank nodes are left out, since outside
    N-Triples they have no names of their own.

    Args:
        path (str or Path): The file; ``.gz`` is decompressed.
        literals (bool): Whether literals become entities. (default: :obj:`False`)
        denied_graphs (sequence): IRIs of the named graphs whose triples are false. (default: none)

    Raises:
        MissingExtra: If pyoxigraph is not installed.
        UserError: Where the syntax is wrong, for an incomplete negative assertion, and for a denied graph that the file
            does not have.
    """
    path, left_out = Path(path), Counter[str]()
    graphs: dict[str, None] = {}
    found = folded(_triples(path, literals, denied_graphs, graphs), path, left_out)
    result = collected(found, path, left_out)
    for graph in denied_graphs:
        if graph not in graphs:
            raise UserError(f"{path} has no graph {graph!r}; it has {', '.join(graphs) or 'no named ones'}.")
    return result


def _triples(path: Path, literals: bool, denied: Sequence[str], graphs: dict[str, None]) -> Iterator[Triple]:
    try:
        import pyoxigraph as ox
    except ImportError as error:
        raise MissingExtra("rdf", "Reading RDF") from error

    def entity(node: object) -> tuple[str, str]:
        """What a node is called, and why it is no entity, if it is none."""
        if isinstance(node, ox.NamedNode):
            return node.value, ""
        if isinstance(node, ox.Literal):
            return str(node), "" if literals else LITERALS
        return str(node), "blank nodes" if isinstance(node, ox.BlankNode) else "triples about triples"

    suffix = ending(path)
    if suffix not in SYNTAXES:
        raise UserError(f"{path}: RDF is told by the name, which should end in one of {', '.join(SYNTAXES)}.")
    try:
        for quad in ox.parse(text(path), getattr(ox.RdfFormat, SYNTAXES[suffix])):
            graph = "" if isinstance(quad.graph_name, ox.DefaultGraph) else quad.graph_name.value
            if graph:
                graphs[graph] = None
            (head, refused_head), (tail, refused_tail) = (entity(node) for node in (quad.subject, quad.object))
            stated = graph not in denied
            yield Triple(head, quad.predicate.value, tail, refused_head, refused_tail, stated, graph)
    except SyntaxError as error:
        said = re.sub(r"^Parser error (?:at line \d+ )?", "", error.msg)
        raise UserError(f"{path}{f':{error.lineno}' if error.lineno else ''}: {said}.") from None
    except ValueError as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path} cannot be read: {error}") from None
