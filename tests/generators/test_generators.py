"""Each generator against its formula: identities, brute force, frequencies."""

import copy
import inspect
import itertools
import math

import pytest
import torch
from examples import CHANNELS, NODES, RELATIONS, kge, known, toy
from torch.testing import assert_close

from gnnneg.chance import seed
from gnnneg.decoders import ComplEx, DistMult, RotatE, TransE
from gnnneg.errors import UserError
from gnnneg.former import FormerName
from gnnneg.generators import EMU, HardestEMU, LearnedEMU, MatchedEMU, Mixup, SelfPacedEMU
from gnnneg.interfaces import Drawn, Generator
from gnnneg.labels import SlotLabel
from gnnneg.losses import BCE, InfoNCE
from gnnneg.records import Made, Negatives, Query

B, K = 4, 6


def draw(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def asked(decoder=DistMult, shared: bool = True):
    torch.manual_seed(0)
    model, query = kge(decoder), Query(torch.arange(B), torch.arange(B) % (2 * RELATIONS))
    scorer, target = model.scorer(model.encode(None), query), torch.arange(4, 4 + B)
    index = torch.randint(NODES, (1 if shared else B, K))
    return scorer, query, target, Negatives(index, torch.ones(1, 1))


def term(rng, decoder=DistMult, loss=None, shared: bool = True) -> torch.Tensor:
    scorer, query, target, negatives = asked(decoder, shared)
    made = rng(Drawn(scorer, query, target, negatives, draw()))
    return made.scale * (loss or InfoNCE())(scorer(target[:, None]), made.score, made.weight, made.label)


def test_no_mutation_and_no_label_is_cross_entropy():
    scorer, _, target, negatives = asked()
    plain = InfoNCE()(scorer(target[:, None]), scorer(negatives.index), negatives.weight)
    assert_close(K * term(EMU(0.0)), plain)
    assert_close(term(EMU(0.0, mean=False)), plain)
    assert_close(term(EMU(0.0, scale=3.0, mean=False)), 3 * plain)


@pytest.mark.parametrize("groups", [1, 3, None])
def test_mutated_whole_all_are_the_target(groups):
    assert_close(term(EMU(1.0, mean=False, groups=groups)), torch.full((B,), math.log(1 + K)))


@pytest.mark.parametrize("label", [0.1, 0.25, 0.53])
def test_gradient_vanishes_at_the_gap(label):
    """s_0 - s_j = ln(1 / beta), and only there."""
    positive = torch.tensor([[math.log(1 / label)]], requires_grad=True)
    negative = torch.zeros(1, K, requires_grad=True)
    grads = torch.autograd.grad(InfoNCE()(positive, negative, torch.ones(1, 1), label).sum(), (positive, negative))
    assert max(grad.abs().max() for grad in grads) < 1e-5
    more = InfoNCE()(positive + 0.5, negative, torch.ones(1, 1), label)
    assert torch.autograd.grad(more.sum(), positive)[0] > 0.01  # pushed back once it is exceeded


def test_each_negative_has_a_gap_of_its_own():
    label = torch.tensor([[0.1, 0.2, 0.3, 0.4, 0.5, 0.6]])
    positive, negative = torch.zeros(1, 1), label.log().requires_grad_()
    (grad,) = torch.autograd.grad(InfoNCE()(positive, negative, torch.ones(1, 1), label).sum(), negative)
    assert grad.abs().max() < 1e-6


def test_unbounded_smoothing_is_scaled_cross_entropy():
    """W times the cross-entropy against targets divided by W = 1 + beta N."""
    score, label = torch.randn(B, 1 + K), 0.3
    targets = torch.tensor([1.0] + [label] * K) / (1 + label * K)
    wanted = (1 + label * K) * torch.nn.functional.cross_entropy(score, targets.expand(B, -1), reduction="none")
    assert_close(InfoNCE()(score[:, :1], score[:, 1:], torch.ones(1, 1), label), wanted)


def test_constant_cancels_under_softmax_only():
    """Of inner products shared-mask EMU is the masked query; what the target adds no softmax sees, but BCE does."""
    scorer, _query, target, negatives = asked()
    emu = EMU(0.6, soft_label=0.3, mean=False)
    keep = emu.masks((B, CHANNELS), torch.device("cpu"), draw())
    scorer.vector = scorer.vector * keep  # dropout of the query, not rescaled
    masked = scorer(target[:, None]), scorer(negatives.index)
    for loss, same in ((InfoNCE(), True), (BCE(), False)):
        found = term(emu, loss=loss)
        wanted = loss(*masked, negatives.weight, 0.3)
        assert torch.allclose(found, wanted, atol=1e-6) == same


def test_masked_coordinates_teach_nothing():
    """Under softmax and one mask a query, the target's exchanged coordinates get no gradient."""
    torch.manual_seed(0)
    model, query = kge(DistMult), Query(torch.zeros(1, dtype=torch.long), torch.zeros(1, dtype=torch.long))
    emu, target = EMU(0.5), torch.tensor([5])
    keep = emu.masks((1, CHANNELS), torch.device("cpu"), draw())[0]
    scorer = model.scorer(model.encode(None), query)
    made = emu(Drawn(scorer, query, target, Negatives(torch.tensor([[1, 2, 3]]), torch.ones(1, 1)), draw()))
    InfoNCE()(scorer(target[:, None]), made.score, made.weight).sum().backward()
    grad = model.encoder.weight.grad[5].abs()
    assert 0 < keep.sum() < CHANNELS
    assert grad[~keep].max() < 1e-7 < grad[keep].min()


def test_detached_target_is_taught_by_its_own_score_only():
    grads = []
    for detach in (False, True):
        scorer, query, target, negatives = asked()
        made = EMU(0.5, detach=detach)(Drawn(scorer, query, target, negatives, draw()))
        (grad,) = torch.autograd.grad(made.score.sum(), scorer.encoding.table)
        grads.append(grad[target])
    assert grads[0].abs().max() > 1e-3
    others = ~torch.isin(target, torch.cat([negatives.index[0], query.anchor]))
    assert others.any()
    assert (grads[1][others] == 0).all()


def test_share_is_the_share_of_exchanged_coordinates():
    device = torch.device("cpu")
    for share in (0.06, 0.39, 0.61, 0.94):
        kept = EMU(share).masks((2000, 100), device, draw()).double().mean(1)
        assert kept.mean() == pytest.approx(1 - share, abs=5 * (share * (1 - share) / 200_000) ** 0.5)
        assert kept.std() == pytest.approx((share * (1 - share) / 100) ** 0.5, rel=0.1)
        fixed = EMU(share, fixed=True).masks((2000, 100), device, draw())
        assert (fixed.sum(1) == 100 - round(100 * share)).all()
        each = fixed.double().mean(0)  # every coordinate as often as any other
        assert (each - (1 - share)).abs().max() < 5 * (share * (1 - share) / 2000) ** 0.5


@pytest.mark.parametrize("share", [7e-6, 1e-3, 1 - 7e-6])
def test_a_small_share_is_drawn_as_it_is(share):
    """Of ten million coordinates, exchanged or kept as often as told: 16 bits would make of 7e-6 nothing."""
    rare = EMU(share).masks((10_000_000,), torch.device("cpu"), draw())
    rare, wanted = int(rare.sum()) if share > 0.5 else int((~rare).sum()), 1e7 * min(share, 1 - share)
    assert abs(rare - wanted) < 5 * wanted**0.5


@pytest.mark.parametrize("make", [EMU, MatchedEMU, HardestEMU])
@pytest.mark.parametrize("share", [1e-7, 1 - 1e-7])
def test_a_share_that_no_draw_can_have_is_refused(make, share):
    with pytest.raises(UserError, match=f"give {round(share)} itself, or keep 1e-06 away from it"):
        make(share)
    for whole in (0.0, 1.0, 1e-6):
        make(whole)


@pytest.mark.parametrize("make", [lambda share: EMU(share, fixed=True), HardestEMU])
def test_a_count_of_none_or_all_is_asked_for_as_such(make):
    """Of eight coordinates: one is 1/8, and what rounds to none or all is told."""
    scorer, query, target, negatives = asked()
    for share, told in (
        (0.06, "none of 8 coordinates: give at least 0.125, or 0"),
        (0.95, "all of 8.*at most 0.875, or 1"),
    ):
        with pytest.raises(UserError, match=told):
            make(share)(Drawn(scorer, query, target, negatives, draw()))
    plain, own = scorer(negatives.index), scorer(target[:, None])
    assert_close(make(0.0)(Drawn(scorer, query, target, negatives, draw())).score, plain)
    if isinstance(make(1.0), EMU):
        assert_close(make(1.0)(Drawn(scorer, query, target, negatives, draw())).score, own.expand_as(plain))


def test_hardness_grows_with_the_share():
    """The cosine of mutated negatives to the positive, and the score's nearness to the target's."""
    torch.manual_seed(0)
    positive, negative, last = torch.randn(50, 1, 64), torch.randn(50, 20, 64), -1.0
    for share in (0.0, 0.2, 0.4, 0.6, 0.8):
        keep = EMU(share).masks((50, 20, 64), torch.device("cpu"), draw())
        cosine = torch.cosine_similarity(torch.where(keep, negative, positive), positive, dim=2).mean().item()
        assert cosine > last + 0.05
        last = cosine


@pytest.mark.parametrize("decoder", [DistMult, RotatE, TransE])
def test_groups_have_masks_of_their_own(decoder):
    """Equal negatives in one group score alike, in two groups differently; one group a negative is independence."""
    scorer, query, target, _ = asked(decoder)
    negatives = Negatives(torch.full((1, K), 9), torch.ones(1, 1))

    def distinct(groups: int | None) -> int:
        score = EMU(0.5, groups=groups)(Drawn(scorer, query, target, negatives, draw())).score
        return max(len(row.unique()) for row in (score * 1e4).round())

    assert [distinct(groups) for groups in (1, 2, 3)] == [1, 2, 3]
    assert distinct(None) > 3
    assert distinct(K) > 3


def test_joint_masks_matter_to_rotate_alone():
    for decoder, same in ((ComplEx, True), (RotatE, False)):
        scorer, query, target, negatives = asked(decoder)
        scores = [
            EMU(0.5, joint=joint)(Drawn(scorer, query, target, negatives, draw())).score for joint in (True, False)
        ]
        assert torch.allclose(*scores) == same


def test_matched_is_the_limit_of_independent_masks():
    """Over many draws both forms have one mean and one spread; noise is anew each time."""
    scorer, query, target, negatives = asked(ComplEx)
    many = Negatives(negatives.index.repeat(1, 3000), negatives.weight)
    forms = [EMU(0.6, groups=None), MatchedEMU(0.6)]
    drawn = [form(Drawn(scorer, query, target, many, draw())).score.view(B, 3000, K) for form in forms]
    spread = drawn[0].std(1)
    assert ((drawn[0].mean(1) - drawn[1].mean(1)).abs() < 6 * spread / 3000**0.5 + 1e-4).all()
    busy = spread > 1e-2
    assert_close(drawn[1].std(1)[busy], spread[busy], rtol=0.1, atol=0)


def test_pace_goes_from_start_to_end():
    paced = SelfPacedEMU(start=3.0, end=1.0, steps=4)
    scorer, query, target, negatives = asked()
    seen = []
    for _ in range(6):
        seen.append(paced.pace)
        paced(Drawn(scorer, query, target, negatives, draw()))
    assert seen == [3.0, 2.5, 2.0, 1.5, 1.0, 1.0]


def test_learned_budget_holds_and_has_its_gradient():
    learned = LearnedEMU(RELATIONS, CHANNELS, mutation_ratio=0.7, floor=0.1).double()
    logit = (3 * torch.randn(5, CHANNELS)).double().requires_grad_()
    probability = learned.probability(logit)
    assert_close(probability.mean(1), torch.full((5,), 0.7).double())
    assert probability.min() > 0.1
    assert probability.max() < 0.9
    assert torch.autograd.gradcheck(learned.probability, (logit,), eps=1e-5, atol=1e-5)


def test_learned_mutation_makes_the_loss_larger():
    """The model's optimiser descends, and yet the generator's own parameters move to where the loss is larger."""
    learned = LearnedEMU(RELATIONS, CHANNELS, mutation_ratio=0.5)
    optimizer = torch.optim.Adam(learned.parameters(), lr=0.2)

    def mean() -> float:
        with torch.no_grad():
            return sum(term(learned).mean().item() for _ in range(3)) / 3

    before = mean()
    for _ in range(50):
        optimizer.zero_grad()
        term(learned).mean().backward()
        optimizer.step()
    assert mean() > before + 1e-3
    used = learned.logit[torch.arange(B) % (2 * RELATIONS)]
    assert used.std() > 0.1
    assert (learned.logit[-1] == 0).all()


def test_learned_mutation_goes_up_by_the_gradient_of_the_loss():
    """Minus the difference quotient, whatever else the optimiser does with it: there is no factor to choose."""
    learned = LearnedEMU(RELATIONS, CHANNELS, mutation_ratio=0.5).double()
    learned.logit.data.normal_(generator=draw())
    term(learned).mean().backward()
    step, place, found = 1e-3, (0, 3), []
    for sign in (1, -1):
        moved = copy.deepcopy(learned)
        moved.logit.data[place] += sign * step
        found.append(float(term(moved).detach().mean()))
    assert float(learned.logit.grad[place]) == pytest.approx((found[1] - found[0]) / (2 * step), rel=1e-2)
    assert not any("rate" in key for key in inspect.signature(LearnedEMU).parameters)


@pytest.mark.parametrize("decoder", [DistMult, TransE, RotatE])
def test_no_mask_is_harder_than_the_hardest(decoder):
    """Brute force over all masks of that share; those that would lower the score are not taken."""
    scorer, query, target, negatives = asked(decoder)
    found = HardestEMU(0.5)(Drawn(scorer, query, target, negatives, draw())).score
    width = CHANNELS // scorer.parts
    own, each = scorer.terms(scorer.embed(target[:, None])), scorer.terms(scorer.embed(negatives.index))
    best = each.sum(2)
    for chosen in itertools.combinations(range(width), width // 2):
        mask = torch.zeros(width, dtype=torch.bool).index_fill(0, torch.tensor(chosen), True)
        best = torch.maximum(best, torch.where(mask & (own > each), own, each).sum(2))
    assert_close(found, best)


def test_one_that_takes_a_record_apart_is_understood():
    """As earlier versions had it: a warning says what is to be changed."""
    with pytest.warns(FormerName, match=r"^Apart\.\w+ should take one Drawn, which has scorer, query, target") as seen:

        class Apart(Generator):
            def forward(self, scorer, query, target, negatives, rng=None):
                score = scorer.decode(self.vectors(Drawn(scorer, query, target, negatives, rng)))
                return Made(score, negatives.weight, 0.0, 1.0)

            def vectors(self, scorer, query, target, negatives, rng=None):
                return scorer.embed(negatives.index) + torch.rand(1, generator=rng)

    assert [one.filename for one in seen] == [__file__] * 2
    scorer, query, target, negatives = asked()
    made = Apart()(Drawn(scorer, query, target, negatives, draw()))
    assert_close(made.score, scorer.decode(scorer.embed(negatives.index) + torch.rand(1, generator=draw())))


def test_hardest_is_labelled_by_its_share():
    scorer, query, target, negatives = asked()
    assert HardestEMU(0.4)(Drawn(scorer, query, target, negatives, draw())).label == 0.4
    assert HardestEMU(0.4, soft_label=0.1)(Drawn(scorer, query, target, negatives, draw())).label == 0.1


def test_mixtures_lie_between():
    """Of inner products, a mixture's score is the mixture of scores; what it has from the negative is Beta(2, 1)."""
    scorer, query, target, negatives = asked()
    made = Mixup()(Drawn(scorer, query, target, negatives, draw()))
    own, plain = scorer(target[:, None]), scorer(negatives.index)
    assert_close(made.score, made.label * own + (1 - made.label) * plain)
    many = Mixup()(Drawn(scorer, query, target, Negatives(negatives.index.repeat(1, 2000), negatives.weight), draw()))
    kept = 1 - many.label
    assert kept.mean() == pytest.approx(2 / 3, abs=5e-3)
    assert kept.var() == pytest.approx(1 / 18, abs=3e-3)


def test_slot_label_knows_who_was_seen_where():
    triplets = toy()
    label = SlotLabel(known(triplets), seen=0.3, unseen=0.1)
    for relation in range(RELATIONS):
        tails = set(triplets.tail_index[triplets.rel_type == relation].tolist())
        heads = set(triplets.head_index[triplets.rel_type == relation].tolist())
        query = Query(torch.zeros(2, dtype=torch.long), torch.tensor([relation, relation + RELATIONS]))
        found = label(query, torch.arange(NODES)[None])
        for row, seen in zip(found.tolist(), (tails, heads)):
            assert row == pytest.approx([0.3 if entity in seen else 0.1 for entity in range(NODES)])


@pytest.mark.parametrize(
    "make",
    [
        lambda: EMU(1.2),
        lambda: EMU(0.5, soft_label=-0.1),
        lambda: EMU(0.5, scale=-1.0),
        lambda: EMU(0.5, groups=0),
        lambda: MatchedEMU(-0.1),
        lambda: SelfPacedEMU(start=0.0),
        lambda: LearnedEMU(3, 8, mutation_ratio=0.97, floor=0.05),
        lambda: Mixup(a=0.0),
        lambda: SlotLabel(known(), seen=1.5),
    ],
)
def test_nonsense_is_refused(make):
    with pytest.raises(UserError):
        make()


@pytest.mark.parametrize("make", [lambda: MatchedEMU(0.3), lambda: LearnedEMU(RELATIONS, CHANNELS, 0.3)])
def test_vectors_of_the_matched_forms_take_their_share_of_the_target(make):
    """One vector a negative; each coordinate is the target's or the negative's, the target's as often as told."""
    scorer, query, target, negatives = asked(shared=False)
    draws = [make().vectors(Drawn(scorer, query, target, negatives, draw(seed))) for seed in range(60)]
    found = torch.stack(draws)
    assert found.shape == (60, B, K, CHANNELS)
    lent, own = scorer.embed(target[:, None]), scorer.embed(negatives.index)
    differ = (lent != own).expand_as(found)
    of_target = (found == lent)[differ]
    assert ((found == lent) | (found == own)).all()
    assert abs(float(of_target.float().mean()) - 0.3) < 0.02


def test_a_seed_is_a_number_of_32_bits():
    found = [seed(draw(i), torch.device("cpu")) for i in range(20)]
    assert all(0 <= one < 1 << 32 for one in found)
    assert len(set(found)) == 20


@pytest.mark.parametrize("ratio", [-0.1, 1.1])
def test_a_mutation_ratio_is_a_fraction(ratio):
    for make in (EMU, MatchedEMU, lambda ratio: LearnedEMU(RELATIONS, CHANNELS, ratio)):
        with pytest.raises(UserError, match=rf"EMU\(mutation_ratio={ratio}\): give a number between 0 and 1"):
            make(ratio)


def test_bits_are_drawn_four_from_a_number(monkeypatch):
    """As many draws of 64 bits as a fourth of the bits needs, one more for a rest."""
    asked_for = []
    plain = torch.randint
    monkeypatch.setattr(torch, "randint", lambda *args, **kwargs: asked_for.append(args[2]) or plain(*args, **kwargs))
    assert EMU(0.5).masks((3, 7), torch.device("cpu"), draw()).shape == (3, 7)
    assert asked_for == [(6,)]
