"""Statements and models of any size, made by chance."""

from typing import Any

import torch
from on_gpu.bench import Size


def facts(size: Size, device: torch.device):  # type: ignore[no-untyped-def]
    """Random statements of a size, as the task takes them, on the device."""
    from gnnneg.records import Triplets

    draw = torch.Generator().manual_seed(0)
    highs = size.nodes, size.relations, size.nodes
    return Triplets(*(torch.randint(high, (size.edges,), generator=draw).to(device) for high in highs))


def model(name: str, size: Size, **options: Any):  # type: ignore[no-untyped-def]
    import gnnneg.decoders
    from gnnneg.encoders import Lookup
    from gnnneg.models import KGEModel

    torch.manual_seed(0)
    width = size.width * (2 if name in ("ComplEx", "RotatE") else 1)
    return KGEModel(Lookup(size.nodes, width, **options), getattr(gnnneg.decoders, name)(size.relations, width)), width


def message_graph(size: Size, device: torch.device):  # type: ignore[no-untyped-def]
    from torch_geometric.data import Data

    head, relation, tail = facts(size, device)
    index = torch.cat([torch.stack([head, tail]), torch.stack([tail, head])], dim=1)
    return Data(edge_index=index, edge_type=torch.cat([relation, relation + size.relations]), num_nodes=size.nodes)
