"""RDF in all its syntaxes, read through pyoxigraph."""

import re
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from gnnneg.data.account import Account
from gnnneg.data.decode import text
from gnnneg.data.formats.annotated import Annotations, with_labels
from gnnneg.data.formats.bounds import DEEPEST, JSON, TRIPLES, caught, one_line, shallow, sound_xml
from gnnneg.data.formats.columns import negates
from gnnneg.data.formats.negations import ABOUT, LITERALS, Triple, folded, refuse_denial
from gnnneg.data.formats.ntriples import BLANK
from gnnneg.data.formats.seen import syntax
from gnnneg.data.formats.statements import Statements, collected
from gnnneg.data.shell import argument
from gnnneg.errors import MissingExtra, UserError, echo

OX = {
    **{"N-Triples": "N_TRIPLES", "N-Quads": "N_QUADS", "Turtle": "TURTLE", "TriG": "TRIG", "N3": "N3"},
    **{"RDF/XML": "RDF_XML", "JSON-LD": "JSON_LD"},
}


def read_rdf(path: str | Path, literals: bool = False, denied_graphs: Sequence[str] = ()) -> Statements:
    """Reads `RDF 1.1 <https://www.w3.org/TR/rdf11-concepts/>`_: Turtle, TriG, N-Triples, N-Quads, N3, RDF/XML or
    JSON-LD. The beginning of the file tells the syntax, or its name if the beginning is ambiguous.

    A triple between IRIs is stated. An ``owl:NegativePropertyAssertion`` is one denied statement (see
    :func:`gnnneg.data.formats.negations.folded`), and all triples of a denied graph are denied. The source of a
    statement is its named graph, if any. Triples with blank nodes are left out, because ``_:b0`` is a different node in
    each file. Labels and synonyms are read from ``rdfs:label``, ``skos:prefLabel`` and ``skos:altLabel``, definitions
    from ``skos:definition`` and ``IAO:0000115``.

    Args:
        path (str or Path): The file.
        literals (bool): Whether literals become entities. (default: :obj:`False`)
        denied_graphs (sequence): IRIs of the named graphs whose triples are false. (default: none)

    Raises:
        MissingExtra: If pyoxigraph is not installed.
        UserError: If the syntax is wrong or nested too deeply, a negative assertion is incomplete, or the file does not
            have a denied graph.
    """
    path, account, annotations = Path(path), Account(), Annotations()
    graphs: dict[str, None] = {}
    triples = with_labels(_triples(path, literals, denied_graphs, graphs), annotations)
    result = annotations.put(collected(folded(triples, path, account), path, account))
    for graph in denied_graphs:
        if graph not in graphs:
            raise UserError(f"{path} has no graph {graph!r}; it has {', '.join(graphs) or 'no named ones'}.")
    for graph in graphs:
        result.left_out.used(f"named graph {echo(graph)}, as {'denied' if graph in denied_graphs else 'stated'}")
        if graph not in denied_graphs and negates(re.split(r"[/#:]", graph)[-1]):
            warnings.warn(
                f"{path}: the triples of the named graph {echo(graph)} are read as stated: if they are denied, say "
                f"--denied-graph {argument(graph)}.",
                stacklevel=2,
            )
    return result


def _triples(path: Path, literals: bool, denied: Sequence[str], graphs: dict[str, None]) -> Iterator[Triple]:
    try:
        import pyoxigraph as ox
    except ImportError as error:
        raise MissingExtra("rdf", "Reading RDF") from error

    def entity(node: object) -> tuple[str, str]:
        """The name of a node, and the reason why it cannot be an entity, if there is one."""
        if isinstance(node, ox.NamedNode):
            return node.value, ""
        if isinstance(node, ox.Literal):
            return str(node), "" if literals else LITERALS
        return str(node), BLANK if isinstance(node, ox.BlankNode) else ABOUT

    about: set[str] = set()  # blank nodes that stand for a triple
    content, kind = text(path), syntax(path)
    if kind == "RDF/XML":
        content = sound_xml(path, content)
    elif kind == "JSON-LD":
        shallow(path, content, JSON)
    elif content.count("<<") > DEEPEST:  # nested quoted triples
        shallow(path, content, TRIPLES)
    try:
        with caught(path):
            for quad in ox.parse(content, getattr(ox.RdfFormat, OX[kind])):
                graph = "" if isinstance(quad.graph_name, ox.DefaultGraph) else quad.graph_name.value
                if graph:
                    graphs[graph] = None
                (head, refused_head), (tail, refused_tail) = (entity(node) for node in (quad.subject, quad.object))
                if refused_tail == ABOUT:
                    about.add(head)
                stated = graph not in denied
                if refused_tail == ABOUT or head in about:
                    refused_head = ABOUT
                    if stated:
                        refuse_denial(path, getattr(quad.predicate, "value", ""), getattr(quad.object, "value", ""))
                if not isinstance(quad.predicate, ox.NamedNode):  # possible in N3
                    refused_head = refused_head or "relations that are no IRIs"
                yield Triple(head, quad.predicate.value, tail, refused_head, refused_tail, stated, graph)
    except SyntaxError as error:
        said = re.sub(r"^Parser error (?:at line \d+ )?", "", error.msg)
        raise UserError(f"{path}{f':{error.lineno}' if error.lineno else ''}: {one_line(said)}.") from None
    except ValueError as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path} cannot be read: {one_line(error)}.") from None
