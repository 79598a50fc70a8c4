"""PyKEEN's side: its own training loop and its own evaluator, on the same statements."""

import itertools
import time
from collections.abc import Callable

import torch
from torch import Tensor


def made(name: str, mapped: Tensor, nodes: int, relations: int, width: int, device: str | torch.device = "cpu"):  # type: ignore[no-untyped-def]
    """A model and the statements that it is trained on."""
    import pykeen.models
    from pykeen.losses import NSSALoss
    from pykeen.triples import CoreTriplesFactory

    factory = CoreTriplesFactory(mapped, num_entities=nodes, num_relations=relations)
    options = {"scoring_fct_norm": 1} if name == "TransE" else {}
    loss = NSSALoss(margin=9.0, adversarial_temperature=1.0)
    kind = getattr(pykeen.models, name)
    model = kind(triples_factory=factory, embedding_dim=width, loss=loss, random_seed=0, **options)
    return model.to(device), factory


def _adam(weights) -> torch.optim.Optimizer:  # type: ignore[no-untyped-def]
    weights = list(weights)
    return torch.optim.Adam(weights, lr=1e-3, fused=True if weights[0].is_cuda else None)  # as ours is there


def epochs(  # type: ignore[no-untyped-def]
    model,
    factory,
    negatives: int,
    batch: int,
    count: int,
    wait: Callable[[], None],
    clock: Callable[[], float] = time.perf_counter,
    optimizer: Callable[..., torch.optim.Optimizer] = _adam,
    sub_batch: int | None = None,
) -> list[float]:
    """Seconds from one epoch's end to the next: the first, which warms up, is left out."""
    from pykeen.training import SLCWATrainingLoop, TrainingCallback

    marks: list[float] = []

    class Clock(TrainingCallback):
        def post_epoch(self, epoch: int, epoch_loss: float, **kwargs: object) -> None:
            wait()
            marks.append(clock())

    SLCWATrainingLoop(
        model=model,
        triples_factory=factory,
        optimizer=optimizer(model.parameters()),
        negative_sampler_kwargs={"num_negs_per_pos": negatives},
    ).train(
        factory,
        num_epochs=count,
        batch_size=batch,
        sub_batch_size=sub_batch,
        use_tqdm=False,
        use_tqdm_batch=False,
        callbacks=Clock(),
    )
    return [later - earlier for earlier, later in itertools.pairwise(marks)]


def ranking(model, asked: Tensor, known: list[Tensor], batch: int) -> Callable[[], int]:  # type: ignore[no-untyped-def]
    """What ranks statements once, filtered by what is known, and says how many these are.

    ``RankBasedEvaluator.evaluate`` would make its filter in each call. Here it is made once, as ours is.
    """
    from pykeen.evaluation import RankBasedEvaluator
    from pykeen.evaluation.evaluator import evaluate, prepare_filter_triples
    from pykeen.typing import LABEL_HEAD, LABEL_TAIL
    from tqdm import tqdm

    everything = prepare_filter_triples(mapped_triples=asked, additional_filter_triples=known).to(model.device)
    evaluator, asked = RankBasedEvaluator(filtered=True), asked.to(model.device)

    def rank() -> int:
        model.eval()
        with tqdm(disable=True) as bar:
            evaluate(
                evaluator=evaluator,
                model=model,
                mapped_triples=asked,
                all_pos_triples=everything,
                batch_size=batch,
                slice_size=model.num_entities,
                targets=(LABEL_HEAD, LABEL_TAIL),
                restrict_entities_to=None,
                mode=None,
                progress_bar=bar,
            )
        return len(asked)

    return rank
