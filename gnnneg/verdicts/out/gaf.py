"""Verdicts on annotations as GAF 2.2: what is denied has the qualifier ``NOT``."""

import re

from gnnneg.verdicts.out.outcome import Outcome, Row, Written, breaks, one_line, parted
from gnnneg.verdicts.out.tables import UNSURE

# the aspect that each relation of GAF 2.2 belongs to
ASPECTS = {
    **dict.fromkeys(("enables", "contributes_to"), "F"),
    **dict.fromkeys(("involved_in", "acts_upstream_of_or_within", "acts_upstream_of"), "P"),
    **{
        f"acts_upstream_of{within}_{sign}_effect": "P"
        for within in ("", "_or_within")
        for sign in ("positive", "negative")
    },
    **dict.fromkeys(("located_in", "part_of", "is_active_in", "colocalizes_with"), "C"),
}
PRODUCT, TERM = re.compile(r"[^\s:|,]+:[^\s|,]+"), re.compile(r"GO:[0-9]{7}")
NOT_ONE = "that annotate no gene product (DB:ID, a relation of GAF 2.2, GO:ID)"
EVIDENCE, REFERENCE = "IC", "GO_REF:0000036"  # inferred by a curator
TAXON, KIND = "taxon:32644", "gene_product"  # unidentified
HEADER = ["!gaf-version: 2.2", "!generated-by: gnnneg"]


def gaf(outcome: Outcome) -> Written:
    """Lines of `GAF 2.2 <https://geneontology.org/docs/go-annotation-file-gaf-format-2.2/>`_, as far as the statements
    are annotations of gene products.

    The evidence is ``IC``, inferred by a curator; the taxon, which a graph does not say, is that of what is not
    identified.
    """
    rows, left_out = parted(outcome.rows, _why_not)
    lines = [_line(outcome, row) for row in rows]
    notes = [
        f"All lines have the evidence code {EVIDENCE} with {REFERENCE}, and {TAXON} (unidentified): put your own in "
        "before you hand them in.",
        "Who judged, why and how sure they are is not said.",
    ]
    return Written("\n".join([*HEADER, *lines]) + "\n", len(rows), left_out, notes if rows else [], "")


def _why_not(row: Row) -> str:
    if row["verdict"] == "unsure":
        return UNSURE
    annotates = PRODUCT.fullmatch(row["head"]) and row["relation"] in ASPECTS and TERM.fullmatch(row["tail"])
    return "" if annotates and not breaks(row) else NOT_ONE


def _line(outcome: Outcome, row: Row) -> str:
    database, _, product = row["head"].partition(":")
    relation = f"NOT|{row['relation']}" if row["verdict"] == "deny" else row["relation"]
    symbol = one_line(outcome.label(row["head"])).replace("|", " ") or product
    date = row["when"][:10].replace("-", "")
    fields = [database, product, symbol, relation, row["tail"], REFERENCE, EVIDENCE, "", ASPECTS[row["relation"]]]
    return "\t".join([*fields, "", "", KIND, TAXON, date, "gnnneg", "", ""])
