"""How a change of one answer's score changes that of another answer to the same query."""

from typing import Protocol, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor
from torch.func import functional_call, grad, jvp, vmap

from gnnneg.candidates import Private, indexed
from gnnneg.interfaces import Decoder, Encoding
from gnnneg.records import Query

WEIGHT = "relation.weight"


@runtime_checkable
class Aligned(Protocol):
    """A decoder whose alignments are inner products with candidates."""

    def aligned(
        self, anchor: Float[Tensor, "b d"], rel_type: Int[Tensor, "b"], candidate: Float[Tensor, "b d"]
    ) -> Float[Tensor, "b d"]:
        r"""For a bilinear score :math:`\mathbf{W}_r^{\top} \mathbf{W}_r \mathbf{c}` plus the part from the relation's
        gradient.
        """


def alignment(
    decoder: Decoder, encoding: Encoding, query: Query, target: Int[Tensor, "b"], index: Int[Tensor, "c k"]
) -> Float[Tensor, "b k"]:
    r""":math:`\langle \nabla s_0, \nabla s_j \rangle` of the target's and each candidate's score. The gradients are
    with respect to the query's anchor vector and relation parameters.
    """
    encoding.ahead(query.anchor, target, index)
    anchor, wanted = encoding[query.anchor], encoding[target]
    if isinstance(decoder, Aligned):
        return indexed(encoding, index).inner(decoder.aligned(anchor, query.rel_type, wanted))
    return derived(decoder, anchor, query.rel_type, wanted, encoding[index].expand(len(target), -1, -1))


def derived(
    decoder: Decoder,
    anchor: Float[Tensor, "b d"],
    rel_type: Int[Tensor, "b"],
    target: Float[Tensor, "b d"],
    candidate: Float[Tensor, "b k d"],
) -> Float[Tensor, "b k"]:
    """The alignment by the decoder's own derivative.

    It takes one gradient a query, and one derivative of all its candidates' scores in that direction. No candidate
    needs a gradient of its own.

    Args:
        decoder (Decoder): Keeps its relations' parameters in ``relation``.
        anchor (torch.Tensor): ``(b, d)``.
        rel_type (torch.Tensor): ``(b,)``.
        target (torch.Tensor): ``(b, d)``.
        candidate (torch.Tensor): ``(b, k, d)``.
    """
    weight = decoder.relation.weight
    tied = len(weight) == decoder.num_relations
    inverse = (rel_type >= decoder.num_relations) & tied
    rows = weight[rel_type - decoder.num_relations * inverse]

    def of_one(anchor: Tensor, row: Tensor, rel_type: Tensor, target: Tensor, candidate: Tensor) -> Tensor:
        def scores(anchor: Tensor, row: Tensor, candidate: Tensor) -> Tensor:
            query = functional_call(decoder, {WEIGHT: row[None]}, (anchor[None], rel_type[None]))
            return decoder.similarity(query, Private(candidate[None]))[0]

        pull = grad(lambda anchor, row: scores(anchor, row, target[None])[0], argnums=(0, 1))(anchor, row)
        return jvp(lambda anchor, row: scores(anchor, row, candidate), (anchor, row), pull)[1]

    # each query with its relation's row as the only one: row 0, asked forth or, if tied, back
    return vmap(of_one)(anchor, rows, decoder.num_relations * inverse, target, candidate)
