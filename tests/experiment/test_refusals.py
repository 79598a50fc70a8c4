"""What a run folder could not say again, or what would train nothing, is refused before anything is trained."""

import pytest
import torch
from experiment.helpers import linked, ring, trained
from torch.optim import LBFGS, SGD, Adagrad, Adam

from gnnneg import DistMult, Fit, KGEModel, KvsAll, Lookup, UserError, train
from gnnneg.data.facts import Facts
from gnnneg.data.statements import confidence
from gnnneg.evaluation import Ranking, Testbed
from gnnneg.experiment import Evaluation, resume
from gnnneg.experiment.folder import FIRST, begun
from gnnneg.experiment.ready import refuse_optimizer
from gnnneg.interfaces import Weighing
from gnnneg.run_files import CHECKPOINTS
from gnnneg.training import Watcher
from gnnneg.weighings import Confidence

FIT = Fit(epochs=3, batch_size=8, evaluate_every=1)


def go(optimize, out, schedule=None, fit=FIT, **options):
    torch.manual_seed(0)
    data = ring()
    task = linked(data)
    optimizer = optimize(task)
    scheduler = schedule(optimizer) if schedule else None
    return train(task, data, optimizer, fit, scheduler=scheduler, out=out, progress=False, **options)


def plain(task):
    return Adagrad(task.trained(), lr=0.1)


def groups(task):
    one, other = task.model.encoder.parameters(), task.model.decoder.parameters()
    return Adagrad([{"params": one, "lr": 0.5}, {"params": other}])


@pytest.mark.parametrize(
    ("optimize", "told"),
    [
        (groups, "Adagrad has 2 groups of parameters, which a config cannot say: give it task.trained(), or train wit"),
        (lambda task: Adam(list(task.trained())[::-1]), "or in another order, which a config cannot say"),
        (lambda task: SGD(list(task.trained())[:1], lr=1), "owns other parameters than the task trains (1 and 2)"),
        (lambda task: SGD([torch.nn.Parameter(torch.ones(1))], lr=1), "owns other parameters than the task trains"),
        (lambda task: LBFGS(task.trained()), "asks for the loss several times a step"),
    ],
    ids=["groups", "order", "some", "none", "closure"],
)
def test_an_optimiser_that_a_config_cannot_say(tmp_path, optimize, told):
    with pytest.raises(UserError) as caught:
        go(optimize, tmp_path / "run")
    assert told in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_without_a_folder_groups_are_taken():
    assert go(groups, None).metrics["test"]["mrr"] > 0


def test_an_optimiser_that_owns_nothing_trains_nothing():
    with pytest.raises(UserError, match=r"SGD owns no parameter of LinkPrediction: give it task\.trained\(\)"):
        go(lambda task: SGD([torch.nn.Parameter(torch.ones(1))], lr=1), None)
    with pytest.warns(UserWarning, match="SGD owns 1 of the 2 parameters of LinkPrediction: the others stay"):
        go(lambda task: SGD(list(task.trained())[:1], lr=1), None)


def test_lbfgs_is_refused_by_fit_itself():
    task = linked(ring())
    from gnnneg.data.statements import triplets

    with pytest.raises(UserError, match=r"optimizer \(LBFGS\) asks for the loss several times a step"):
        FIT(task, triplets(ring(), "stated", "train"), LBFGS(task.trained()), seed=0, progress=False)


@pytest.mark.parametrize("lr", [1e300, float("inf")])
def test_a_step_that_no_computation_survives_is_refused_before_training(lr):
    task = linked(ring())
    from gnnneg.data.statements import triplets

    with pytest.raises(UserError, match=r"Adagrad\(lr=.*\): give a finite number"):
        FIT(task, triplets(ring(), "stated", "train"), Adagrad(task.trained(), lr=lr), seed=0, progress=False)


def test_numbers_of_the_only_group_are_recorded(tmp_path):
    """Not the defaults beside it."""

    def one(task):
        return SGD([{"params": list(task.trained()), "lr": 0.5, "momentum": 0.25}], lr=0.1)

    said = go(one, tmp_path / "run").config["optimizer"]["init_args"]
    assert (said["lr"], said["momentum"]) == (0.5, 0.25)


# the metric


@pytest.mark.parametrize("name", ["foo", "hits@5", "head", "tail", "hits@10_50", "MRR", ""])
@pytest.mark.parametrize("folder", [True, False])
def test_a_metric_that_validation_does_not_give_is_refused_before_training(tmp_path, monkeypatch, name, folder):
    from gnnneg import LinkPrediction

    monkeypatch.setattr(LinkPrediction, "forward", lambda *_: pytest.fail("it trains"))
    with pytest.raises(UserError, match=r"Validation gives no metric .* \(fit\.metric\): "):
        go(plain, tmp_path / "run" if folder else None, fit=Fit(epochs=60, metric=name))
    assert not (tmp_path / "run").exists()


def test_every_metric_that_is_foretold_is_given():
    data, ranking = ring(), Ranking("valid")
    for evaluation in (Evaluation(), Evaluation(sampled=7)):
        bed = evaluation.testbed(0, torch.device("cpu"), data)
        assert ranking.metrics(bed) == list(ranking.validate(linked(data).model, bed))
    assert "hits@10_7" in ranking.metrics(bed)
    assert go(plain, None, fit=Fit(epochs=1, metric="hits@10_7"), evaluation=Evaluation(sampled=7)).metrics


def test_an_evaluation_says_which_numbers_it_takes():
    with pytest.raises(UserError, match=r"evaluation\.sampled is 0: give at least 1"):
        Evaluation(sampled=0)
    assert Evaluation(sampled=1).sampled == 1
    for wrong in (0.0, -1.0, float("nan")):
        with pytest.raises(UserError, match=r"evaluation\.memory_mib is .*: give a number above 0"):
            Evaluation(memory_mib=wrong)


def test_test_statements_of_another_graph_have_their_own_testbed():
    bed = Testbed(ring(), ring())
    assert bed.on("test") is bed.elsewhere
    assert bed.on("valid") is bed
    assert bed.on("train") is bed


# what nobody reads


def doubtful(share=1.0):
    data = ring()
    count = data["entity", "stated", "entity"].edge_type.numel()
    sure = torch.full((count,), 0.25)
    sure[int(share * count) :] = 1.0
    data["entity", "stated", "entity"].confidence = sure
    return data


def test_confidences_that_no_loss_reads_are_told_of(tmp_path):
    """Case 18: K-vs-all and link prediction came to the same numbers whatever the data said."""
    data = doubtful(0.5)
    known = Facts(data).known
    number = int((confidence(data, "stated", "train") < 1).sum())
    for task in (linked(data), KvsAll(KGEModel(Lookup(20, 4), DistMult(2, 4)), known)):
        words = rf"{number} training statements have a confidence below 1, which {type(task).__name__} does not read"
        with pytest.warns(UserWarning, match=words):
            train(task, data, plain(task), Fit(epochs=1, batch_size=8), progress=False)
    with pytest.warns(UserWarning, match="does not read: .* weighing: Confidence"):
        trained(data, tmp_path / "run")
    (tmp_path / "run" / "result.json").unlink()
    resume(tmp_path / "run", progress=False)  # it has been told once


class Own(Weighing):
    def forward(self, triplets):
        return torch.full((len(triplets.rel_type),), 1.0)


def test_confidences_that_are_read_are_not_told_of():
    data = doubtful()
    for task in (linked(data, weighing=Confidence(Facts(data).known)), linked(data, weighing=Own())):
        train(task, data, plain(task), Fit(epochs=1, batch_size=8), progress=False)
    data = doubtful(0.0)
    task = linked(data)
    train(task, data, plain(task), Fit(epochs=1, batch_size=8), progress=False)  # all are sure


def test_steps_of_size_0_are_told_of():
    data = ring()
    for rate in (0.0, 0.1):
        task = linked(data)
        given = task, data, Adagrad(task.trained(), lr=rate), Fit(epochs=1, batch_size=8)
        if rate:
            train(*given, progress=False)
            continue
        with pytest.warns(UserWarning, match=r"optimizer \(Adagrad\): lr is 0, so nothing is learnt"):
            train(*given, progress=False)


class Relative(SGD):
    """An optimiser that finds its learning rate itself where it is given none, as Adafactor of transformers does."""

    def __init__(self, params, lr=None):
        super().__init__(params, lr=0.1)
        for group in self.param_groups:
            group["lr"] = lr

    def step(self, closure=None):
        for group in self.param_groups:
            for weight in group["params"]:
                weight.data -= 0.1 * weight.grad


@pytest.mark.parametrize("rates", [[None], [None, None], [None, 0.0], [torch.tensor(0.1)]])
def test_an_optimizer_may_find_its_learning_rate_itself(rates):
    optimizer = Relative([{"params": [torch.nn.Parameter(torch.ones(1))]} for _ in rates])
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        group["lr"] = rate
    refuse_optimizer(optimizer, scheduled=False)  # pytest makes an error of a warning


class Heard(Watcher):
    def begin(self, setup):
        self.lines = []

    def record(self, record):
        self.lines.append(dict(record))

    def end(self, result):
        pass


def test_a_learning_rate_that_is_none_is_not_in_the_log():
    data, heard = ring(), Heard()
    task = linked(data)
    fit = Fit(epochs=1, batch_size=8, evaluate_every=1)
    train(task, data, Relative(task.trained()), fit, track=[heard], progress=False)
    (line,) = [line for line in heard.lines if "loss" in line]
    assert {"epoch", "step", "loss", "seconds"} <= {*line}
    assert "lr" not in line


def test_a_learning_rate_that_is_none_cannot_be_scheduled():
    optimizer = Relative([torch.nn.Parameter(torch.ones(1))])
    with pytest.raises(UserError, match=r"optimizer \(Relative\): .* \(lr is None\): leave the scheduler out"):
        refuse_optimizer(optimizer, scheduled=True)
    refuse_optimizer(optimizer, scheduled=False)
    optimizer.param_groups[0]["lr"] = 0.0
    with pytest.warns(UserWarning, match="lr is 0"):
        refuse_optimizer(optimizer, scheduled=False)


@pytest.mark.parametrize(
    ("names", "stays"), [((FIRST, "000000000.1of3.part", "000000000.2of3.part"), False), (("mine.part",), True)]
)
def test_the_parts_of_other_processes_go_with_a_refused_run(tmp_path, names, stays):
    """What several processes wrote before their first step, but nobody else's file."""

    def refused():
        with begun(tmp_path / "run"):
            (tmp_path / "run" / CHECKPOINTS).mkdir()
            for name in names:
                (tmp_path / "run" / CHECKPOINTS / name).touch()
            raise UserError("refused")

    with pytest.raises(UserError, match="refused"):
        refused()
    assert (tmp_path / "run").exists() == stays
