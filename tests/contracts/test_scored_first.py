"""What a sampler has scored before the loss, without gradients, costs no weight its gradient, in any model."""

from collections.abc import Callable

import pytest
import torch
from examples import CHANNELS, NODES, RELATIONS, concrete, examples, made_by, messages, name
from torch import Tensor, nn
from torch.testing import assert_close

from gnnneg.decoders import DistMult
from gnnneg.encoders import Lookup
from gnnneg.interfaces import Encoder, Model, Scorer
from gnnneg.models import KGEModel
from gnnneg.records import Query

LOOKS: dict[str, Callable[[Scorer, Tensor], object]] = {
    "scores": lambda scorer, index: scorer(index),
    "vectors": lambda scorer, index: scorer.embed(index),
    "targets": lambda scorer, index: scorer(index[:, :1].expand(4, 1)),
}


def gradients(make: Callable[[], Model], look: Callable[[Scorer, Tensor], object] | None) -> list[Tensor | None]:
    """Of a sum of scores, if a sampler has had a look at them before."""
    torch.manual_seed(0)
    model = make().train()
    torch.manual_seed(1)
    query = Query(torch.arange(4), torch.arange(4) % (2 * model.num_relations))
    graph = messages()
    graph.x = torch.randn(NODES, CHANNELS)
    scorer = model.scorer(model.encode(graph), query)
    index = torch.arange(NODES)[None]
    if look is not None:
        with torch.no_grad():
            look(scorer, index)
    torch.manual_seed(2)
    (scorer(index).sigmoid().sum() + scorer(index[:, :1].expand(4, 1)).square().sum()).backward()
    return [weight.grad for weight in model.parameters()]


def with_encoder(make: Callable[[], nn.Module]) -> Callable[[], Model]:
    def model() -> Model:
        encoder = make()
        return KGEModel(encoder, DistMult(RELATIONS, encoder.hidden_channels, reciprocal=True))

    return model


MODELS = {name(make): make for make in examples(Model)}
MODELS |= {
    f"KGEModel over {name(make)}": with_encoder(make) for make in examples(Encoder) if made_by(make) is not Lookup
}


def test_every_model_is_tried():
    assert {made_by(make) for make in examples(Model)} >= concrete(Model)


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("model", MODELS)
def test_a_look_at_the_model_takes_no_gradient_away(model, look):
    plain, after = gradients(MODELS[model], None), gradients(MODELS[model], LOOKS[look])
    assert [one is None for one in plain] == [one is None for one in after]
    for one, other in zip(plain, after):
        if one is not None:
            assert_close(other, one)
