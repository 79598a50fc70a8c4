"""Answers of similar relations, in a share that rises and then falls."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from gnnneg.checks import FOREVER, draws, fraction, positive, whole
from gnnneg.data.known import KnownAnswers
from gnnneg.data.pools import slots
from gnnneg.errors import UserError
from gnnneg.interfaces import Sampler, Scorer
from gnnneg.kernels.choice import choose
from gnnneg.records import Negatives, Query, ones
from gnnneg.stateful import Counts


class KMAS(Counts, Sampler):
    r"""Draws hard candidates with probability :math:`\pi_t` and uniform ones otherwise,

    .. math::
        q(u \mid r) = \pi_t \sum_{r'} w_{r r'} \frac{[u \in A_{r'}]}{\lvert A_{r'} \rvert}
        + (1 - \pi_t) \frac{1}{n} , \qquad
        w_{r r'} \propto e^{\cos(\mathbf{r}, \mathbf{r}') / T} ,

    where :math:`A_{r'}` are the entities on the target's side of :math:`r'` in the training facts. A hard candidate
    answers a relation whose current vector is like that of the query's relation. :math:`\pi_t` is 0 during a warm-up,
    rises linearly to ``share``, and falls linearly to 0 at ``steps``. Training steps are counted, and checkpoints have
    the count.

    The idea is that of `"Boosting Knowledge Graph Foundation Models via Enhanced Negative Sampling"
    <https://arxiv.org/abs/2605.27023>`_ (KMAS). We have read its abstract and a summary, and not its formulas. From
    these are: similarities of the current relation embeddings, head and tail distributions weighted by them, a mixture
    with random negatives, and the warm-up with a linear rise and fall. Assumed here are: the cosine with the softmax,
    equal probability within :math:`A_{r'}`, :math:`r' = r` as one of the relations, all default values, and that the
    share ends at 0. The paper trains foundation models such as ULTRA. Here the vectors are the rows of the decoder's
    relation table, for RotatE its angles.

    Cost: one cosine of two relations for each query and relation, then three random numbers and three look-ups a
    candidate. Its probability takes one more look-up for each relation that the candidate answers.

    Args:
        known (KnownAnswers): Training facts.
        num_negatives (int): Candidates per query.
        share (float): The largest :math:`\pi_t`. (default: :obj:`0.5`)
        warmup (float): The fraction of ``steps`` before the rise. (default: :obj:`0.1`)
        peak (float): The fraction of ``steps`` at which the share is largest. (default: :obj:`0.5`)
        steps (int): The number of training steps until the share is 0 again. (default: :obj:`10000`)
        temperature (float): :math:`T`. Small values draw answers of the query's own relation only.
            (default: :obj:`0.2`)

    Raises:
        UserError: If a number is out of range, or the warm-up ends after the peak; when drawing, if the model has no
            decoder, or two.
    """

    step: Tensor
    _drew: float | None = None  # the share of the last draw: log_prob speaks of that one, not of the next

    def __init__(
        self,
        known: KnownAnswers,
        num_negatives: int,
        share: float = 0.5,
        warmup: float = 0.1,
        peak: float = 0.5,
        steps: int = 10000,
        temperature: float = 0.2,
    ):
        super().__init__()
        draws("KMAS", num_negatives=num_negatives)
        fraction("KMAS", share=share, warmup=warmup, peak=peak)
        whole("KMAS", 1, FOREVER, steps=steps)
        positive("KMAS", temperature=temperature)
        if warmup > peak:
            raise UserError(f"KMAS(warmup={warmup}, peak={peak}): give a warmup of at most the peak.")
        self.num_nodes, self.num_relations, self.num_negatives = known.num_nodes, known.num_relations, num_negatives
        self.share, self.warmup, self.peak, self.steps = share, warmup, peak, steps
        self.temperature = temperature
        self.answers = slots(known)
        self.of = self.answers.transpose(known.num_nodes)
        self.most = int(self.of.offset.diff().max())  # relations that one entity answers
        self.register_buffer("step", torch.zeros((), dtype=torch.long))

    @property
    def hard_share(self) -> float:
        r""":math:`\pi_t` now."""
        done = int(self.step) / self.steps
        if done < self.warmup or done >= 1 or not self.most:
            return 0.0
        if done < self.peak:
            return self.share * (done - self.warmup) / (self.peak - self.warmup)
        return self.share * (1 - done) / (1 - self.peak)

    def monitored(self) -> dict[str, float]:
        """``hard_share``, the share of hard candidates."""
        return {"hard_share": self.hard_share}

    def forward(
        self, query: Query, target: Int[Tensor, "b"], critic: Scorer, rng: torch.Generator | None = None
    ) -> Negatives:
        share = self._drew = self.hard_share
        weight, there = self.similar(query, critic)
        if self.training:
            self.step += 1
        size = (len(target), self.num_negatives)
        index = torch.randint(self.num_nodes, size, generator=rng, device=target.device)
        if share:
            hard = torch.rand(size, generator=rng, device=target.device) < share
            answer = self.answers.draw(choose(weight, self.num_negatives, rng), rng)
            index = torch.where(hard & there[:, None], answer, index)
        return Negatives(index, ones(index))

    def log_prob(
        self, query: Query, target: Int[Tensor, "b"], critic: Scorer, index: Int[Tensor, "c k"]
    ) -> Float[Tensor, "b k"]:
        share = self.hard_share if self._drew is None else self._drew
        weight, there = self.similar(query, critic)
        each = weight / self.answers.offset.diff().clamp(min=1)  # of one answer of each relation
        index = index.expand(len(target), -1)
        first, count = self.of.offset[index], self.of.length(index)
        hard = torch.zeros(index.shape, device=index.device)
        for place in range(self.most):  # the candidate's first relation, its second, ...
            here = place < count
            relation = self.of.member[torch.where(here, first + place, 0)]
            hard += torch.where(here, each.gather(1, relation), 0.0)
        part = share * there[:, None]
        return (part * hard + (1 - part) / self.num_nodes).log()

    def similar(self, query: Query, critic: Scorer) -> tuple[Float[Tensor, "b t"], Bool[Tensor, "b"]]:
        r""":math:`w_{r r'}` of each query, and whether there are any.

        Columns are all relations, then all inverses. Only those of the query's own direction are above 0.

        Raises:
            UserError: If the model has no decoder, or two.
        """
        with torch.no_grad():
            table, *others = critic.by_decoder(lambda decoder, _: decoder.relation.weight.detach().float(), "KMAS")
            if others:
                raise UserError("KMAS reads the relations of one decoder, and a difference has two: leave it out.")
            unit = torch.nn.functional.normalize(table, dim=1).view(-1, self.num_relations, table.size(1))
            unit = unit.expand(2, -1, -1)  # a tied inverse has the vector of its relation
            cosine = unit.flatten(0, 1)[query.rel_type] @ unit.flatten(0, 1).T
            column = torch.arange(2 * self.num_relations, device=query.rel_type.device)
            same = (column >= self.num_relations) == (query.rel_type >= self.num_relations)[:, None]
            fits = same & (self.answers.offset.diff() > 0)
            there = fits.any(1)
            # a query without any is given some weights, which nobody uses
            logit = (cosine / self.temperature).masked_fill(~fits, -torch.inf)
            return torch.where(there[:, None], logit, 0.0).softmax(1), there
