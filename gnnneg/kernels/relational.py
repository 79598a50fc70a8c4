"""Relational message passing: messages are computed and aggregated in one pass, without a tensor of edges."""

from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gnnneg.kernels import numba_relational
from gnnneg.kernels.devices import needs_float, on_triton
from gnnneg.kernels.numba_relational import ALL, EXTREME, PRODUCT, ROTATION, SUM, TOTAL
from gnnneg.kernels.operator import operator
from gnnneg.kernels.parts import in_parts, pulled_in_parts, slices
from gnnneg.kernels.ragged import offsets, rows
from gnnneg.kernels.threads import launch


class Edges(NamedTuple):
    """A graph's edges sorted by target, and again by source for gradients.

    Args:
        source (torch.Tensor): ``(e,)``, sorted by target.
        edge_type (torch.Tensor): ``(e,)``, sorted by target.
        offset (torch.Tensor): Where the edges of each target begin, and where the last ones end, ``(n + 1,)``.
        order (torch.Tensor): The index of each of these edges in the graph, ``(e,)``.
        target (torch.Tensor): ``(e,)``, sorted by source.
        back_type (torch.Tensor): ``(e,)``, sorted by source.
        back_offset (torch.Tensor): Where the edges of each source begin, and where the last ones end, ``(n + 1,)``.
        place (torch.Tensor): For each edge sorted by source, its position among the edges sorted by target, ``(e,)``.
    """

    source: Int[Tensor, "e"]
    edge_type: Int[Tensor, "e"]
    offset: Int[Tensor, "m"]
    order: Int[Tensor, "e"]
    target: Int[Tensor, "e"]
    back_type: Int[Tensor, "e"]
    back_offset: Int[Tensor, "m"]
    place: Int[Tensor, "e"]


def sort_edges(edge_index: Int[Tensor, "2 e"], edge_type: Int[Tensor, "e"], num_nodes: int) -> Edges:
    """Sorts a graph's edges by target and by source. Cost: two sorts of all edges."""
    source, target = edge_index
    by_target, by_source = target.argsort(stable=True), source.argsort(stable=True)
    place = torch.empty_like(by_target)
    place[by_target] = torch.arange(len(by_target), device=place.device)

    return Edges(
        source=source[by_target].int(),
        edge_type=edge_type[by_target].int(),
        offset=offsets(target.bincount(minlength=num_nodes)),
        order=by_target,
        target=target[by_source].int(),
        back_type=edge_type[by_source].int(),
        back_offset=offsets(source.bincount(minlength=num_nodes)),
        place=place[by_source].int(),
    )


class Arrived(NamedTuple):
    """Aggregates of the messages at each node. Those that were not requested are empty.

    Args:
        total (torch.Tensor): Their sum, ``(n, c)``.
        squares (torch.Tensor): The sum of their squares, ``(n, c)``.
        high (torch.Tensor): The largest, ``(n, c)``; minus infinity for nodes without messages.
        low (torch.Tensor): The smallest, ``(n, c)``; infinity for nodes without messages.
    """

    total: Float[Tensor, "n _"]
    squares: Float[Tensor, "n _"]
    high: Float[Tensor, "n _"]
    low: Float[Tensor, "n _"]


def messages_reference(
    kind: int, states: Float[Tensor, "n c"], relation: Float[Tensor, "t c"], edges: Edges, weight: Float[Tensor, "e"]
) -> Float[Tensor, "e c"]:
    """The message of each edge, sorted by target."""
    sent, along = states[edges.source.long()], relation[edges.edge_type.long()]
    if kind == PRODUCT:
        made = sent * along
    elif kind == SUM:
        made = sent + along
    else:
        (x, y), (u, v) = sent.chunk(2, 1), along.chunk(2, 1)
        made = torch.cat([x * u - y * v, x * v + y * u], 1)
    return made * weight[:, None]


def propagate_reference(
    kind: int,
    want: int,
    sign: float,
    states: Float[Tensor, "n c"],
    relation: Float[Tensor, "t c"],
    edges: Edges,
    weight: Float[Tensor, "e"],
) -> Arrived:
    """The same with a tensor of edges; any device. Equal extremes share the gradient."""
    size = len(edges.offset) - 1
    target = rows(edges.offset.diff())
    made = messages_reference(kind, states, relation, edges, weight)
    there = weight != 0
    made, target = made[there], target[there]
    none = states.new_empty(0, 0)

    def gathered(of: Tensor) -> Tensor:
        return of.new_zeros(size, of.size(1)).index_add(0, target, of)

    def extreme(of: Tensor) -> Tensor:
        worst = of.new_full((size, of.size(1)), -torch.inf)
        return worst.scatter_reduce(0, target[:, None].expand_as(of), of, "amax")

    if want == TOTAL:
        return Arrived(gathered(made), none, none, none)
    if want == EXTREME:
        return Arrived(none, none, sign * extreme(sign * made), none)
    return Arrived(gathered(made), gathered(made * made), extreme(made), -extreme(-made))


def _in_columns(
    kind: int, want: int, sign: float, states: Tensor, relation: Tensor, weight: Tensor, edges: Edges
) -> tuple[Any, ...]:
    """The form with tensors of edges for :func:`in_parts`; pairs of columns stay together."""
    size, cost = states.size(1), len(weight)
    columns: list[Any] = slices(size, cost)
    if kind == ROTATION:
        half = torch.arange(size // 2)
        columns = [torch.cat([half[some], half[some] + size // 2]) for some in slices(size // 2, 2 * cost)]

    def compute(some: slice | Tensor, states: Tensor, relation: Tensor, weight: Tensor) -> list[Tensor]:
        found = propagate_reference(kind, want, sign, states[:, some], relation[:, some], edges, weight)
        return [one for one, told in zip(found, _told(want)) if told]

    return compute, columns, (states, relation, weight)


def _told(want: int) -> tuple[bool, bool, bool, bool]:
    """Which fields of :class:`Arrived` are filled."""
    return want != EXTREME, want == ALL, want != TOTAL, want == ALL


def _room(states: Tensor, want: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Allocates the results: sums, squares, largest and its edge, smallest and its edge."""
    total, squares, high, low = (states.new_empty(states.shape if told else (0, 0)) for told in _told(want))
    at_high, at_low = (torch.empty_like(one, dtype=torch.int32) for one in (high, low))
    return total, squares, high, at_high, low, at_low


@operator(
    "propagate_backward",
    lambda grads, states, relation, weight, *given: (
        torch.empty_like(states),
        torch.empty_like(relation),
        torch.empty_like(weight) if given[-1] else weight.new_empty(0),
    ),
)
def propagate_backward(
    grads: list[Tensor],
    states: Tensor,
    relation: Tensor,
    weight: Tensor,
    edges: list[Tensor],
    at: list[Tensor],
    kind: int,
    want: int,
    sign: float,
    learned: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of states, relations and, if they are ``learned``, weights. ``at`` holds the edges of the
    extremes.
    """
    sorted_edges = Edges(*edges)
    if on_triton(states, relation, weight, *grads) and states.numel():
        from gnnneg.kernels import triton_relational

        with torch.cuda.device_of(states):
            told = sorted_edges, tuple(grads), tuple(at)
            return triton_relational.backward(kind, want, states, relation, weight, *told, learned)
    if needs_float(states, relation, weight, *(one for one in grads if one.numel())):
        lifted = [one.float() for one in grads], states.float(), relation.float(), weight.float()
        found = propagate_backward(*lifted, edges, at, kind, want, sign, learned)
        return found[0].to(states.dtype), found[1].to(relation.dtype), found[2].to(weight.dtype)
    if states.device.type != "cpu":
        made = _in_columns(kind, want, sign, states, relation, weight, sorted_edges)
        pulled = pulled_in_parts([grad for grad, told in zip(grads, _told(want)) if told], *made)
        return pulled[0], pulled[1], pulled[2] if learned else weight.new_empty(0)
    of_states, of_relation = torch.zeros_like(states), torch.zeros_like(relation)
    of_weight = torch.zeros_like(weight) if learned else weight.new_empty(0)
    if not states.numel():
        return of_states, of_relation, of_weight
    total, squares, high, low = (one.contiguous().numpy() for one in grads)
    arrays = total, squares, high, at[0].numpy(), low, at[1].numpy()
    given = states.contiguous(), relation.contiguous()
    weight, place = weight.contiguous(), sorted_edges.place.long()
    there = tuple(one.numpy() for one in (weight, sorted_edges.source, sorted_edges.edge_type))
    back = tuple(
        one.numpy() for one in (weight[place], sorted_edges.target, sorted_edges.back_type, sorted_edges.back_offset)
    )
    tasks = numba_relational.tasks(kind, states.size(1))
    launch(numba_relational.backward, kind, want, tasks, *given, there, back, arrays, of_states, of_relation)
    if learned:
        way = weight, sorted_edges.source, sorted_edges.edge_type, sorted_edges.offset
        launch(numba_relational.weights, kind, want, *given, *way, arrays, of_weight)
    return of_states, of_relation, of_weight


def _save(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    states, relation, weight, edges, ctx.kind, ctx.want, ctx.sign = inputs
    ctx.save_for_backward(states, relation, weight, output[3], output[5], *edges)


def _differentiate(ctx, total, squares, high, at_high, low, at_low):  # type: ignore[no-untyped-def]
    states, relation, weight, at_high, at_low, *edges = ctx.saved_tensors
    learned = ctx.needs_input_grad[2]
    grads, at = [total, squares, high, low], [at_high, at_low]
    found = propagate_backward(grads, states, relation, weight, edges, at, ctx.kind, ctx.want, ctx.sign, learned)
    return found[0], found[1], found[2] if learned else None, [None] * len(edges), None, None, None


@operator(
    "propagate", lambda states, relation, weight, edges, kind, want, sign: _room(states, want), _save, _differentiate
)
def _propagate(
    states: Tensor, relation: Tensor, weight: Tensor, edges: list[Tensor], kind: int, want: int, sign: float
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    fused = on_triton(states, relation, weight)
    if not fused and needs_float(states, relation, weight):
        given = states.float(), relation.float(), weight.float()
        total, squares, high, at_high, low, at_low = _propagate(*given, edges, kind, want, sign)
        kept = (total, squares, high, low)
        total, squares, high, low = (one.to(states.dtype) for one in kept)
        return total, squares, high, at_high, low, at_low
    states, relation, weight = states.contiguous(), relation.contiguous(), weight.contiguous()
    outs, way = _room(states, want), (edges[0], edges[1], edges[2])
    if not states.numel():
        return outs
    if fused:
        from gnnneg.kernels import triton_relational  # imported late: it needs a device to compile for

        with torch.cuda.device_of(states):
            triton_relational.forward(kind, want, sign, states, relation, weight, way, outs)
    elif states.device.type != "cpu":
        told = [one for one, told in zip((outs[0], outs[1], outs[2], outs[4]), _told(want)) if told]
        in_parts(told, *_in_columns(kind, want, sign, states, relation, weight, Edges(*edges)))
    else:
        arrays = tuple(one.numpy() for one in outs)
        tasks = numba_relational.tasks(kind, states.size(1))
        launch(numba_relational.forward, kind, want, sign, tasks, states, relation, weight, *way, arrays)
    return outs


def propagate(
    states: Float[Tensor, "n c"],
    relation: Float[Tensor, "t c"],
    edges: Edges,
    weight: Float[Tensor, "e"] | None = None,
    kind: int = PRODUCT,
    want: int = TOTAL,
    sign: float = 1.0,
) -> Arrived:
    r"""Sends :math:`w_e \, (\mathbf{h}_j \circ \mathbf{w}_r)` along each edge :math:`j \xrightarrow{r} i` and
    aggregates the messages at each node.

    Columns are independent of each other (for rotations, pairs of columns), so several queries can be placed side by
    side in them. On CPU, and on CUDA in float32 or half precision, there is no tensor of edges: memory is a few
    ``(n, c)`` matrices, forward and backward. Elsewhere memory is limited by processing the columns in parts.

    Args:
        states (torch.Tensor): The states of the nodes, ``(n, c)``.
        relation (torch.Tensor): The vectors of the relations, ``(t, c)``.
        edges (Edges): The graph, sorted by :func:`sort_edges`.
        weight (torch.Tensor, optional): The weight of each edge, sorted by target, ``(e,)``; 0 removes an edge. Carries
            a gradient. (default: :obj:`None`, all 1)
        kind (int): The operation :math:`\circ`: ``PRODUCT`` (as in DistMult), ``SUM`` (as in TransE), or ``ROTATION``
            (the complex product of RotatE, with real parts in the first half of the columns). (default: ``PRODUCT``)
        want (int): The requested aggregates: ``TOTAL``, ``EXTREME``, or ``ALL``. (default: ``TOTAL``)
        sign (float): The extreme in :obj:`Arrived.high`: 1 for the largest, -1 for the smallest. (default: :obj:`1.0`)
    """
    if weight is None:
        weight = states.new_ones(len(edges.source))
    total, squares, high, _, low, _ = _propagate(states, relation, weight, list(edges), kind, want, sign)
    return Arrived(total, squares, high, low)
