"""What a ``tune:`` section says, and what is refused of it before anything is trained."""

import copy

import optuna
import pytest

from gnnneg.documents import parse_yaml
from gnnneg.errors import UserError
from gnnneg.experiment import plan
from gnnneg.tuning.space import Space, _labels

CONFIG = """
data: {name: synthetic}
task:
  class_path: LinkPrediction
  init_args:
    model: {class_path: KGEModel, init_args: {encoder: {class_path: Lookup, init_args: {hidden_channels: 8}}, decoder: DistMult}}
    corruption: Both
    sampler: {class_path: Uniform, init_args: {num_negatives: 4}}
    loss: InfoNCE
optimizer: {class_path: Adagrad, init_args: {lr: 0.1}}
fit: {epochs: 2, batch_size: 256}
"""  # noqa: E501
MANY = """
optimizer.lr: {low: 0.01, high: 1, log: true}
fit.batch_size: {low: 64, high: 300, step: 64}
task.model.encoder.hidden_channels: [4, 8]
task.init_args.penalty: [null, {class_path: Lp, init_args: {weight: {low: 0.5, high: 2}}}]
task.sampler:
  choices:
    - All
    - {class_path: Uniform, init_args: {num_negatives: 3}}
    - {class_path: Uniform, init_args: {num_negatives: {low: 8, high: 64, log: true}, shared: true}}
"""


def space(section: str) -> Space:
    return Space({**parse_yaml(CONFIG, ""), "tune": parse_yaml(section, "")}, plan)


def test_every_kind_of_range_and_choice_is_drawn_within_its_bounds():
    """Each value that a config of a trial has is one that the section allows, and all that it allows come."""
    asked, study, seen = space(MANY), optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0)), []
    for _ in range(40):
        tree = asked.drawn(study.ask())
        means = plan(tree).arguments
        task, sampler = means["task"].arguments, means["task"].arguments["sampler"]
        assert 0.01 <= means["optimizer"].arguments["lr"] <= 1
        assert means["fit"].arguments["batch_size"] in (64, 128, 192, 256)  # 300 is no step
        assert task["model"].arguments["encoder"].arguments["hidden_channels"] in (4, 8)
        penalty = task["penalty"]
        assert penalty is None or 0.5 <= penalty.arguments["weight"] <= 2
        many = sampler.arguments.get("num_negatives", 0)
        shared = sampler.arguments.get("shared", False)
        assert isinstance(many, int)
        assert many in (0, 3) or (8 <= many <= 64 and shared)
        seen.append((penalty is None, many if many < 8 else "many", means["fit"].arguments["batch_size"]))
    assert [len(set(column)) for column in zip(*seen)] == [2, 3, 4]
    lows = [trial.params["optimizer.lr"] for trial in study.trials]
    assert 10 < sum(lr < 0.1 for lr in lows) < 30  # half of the orders of magnitude, not a tenth of the numbers
    assert "task.sampler[Uniform(num_negatives=3)].num_negatives" not in study.trials[0].params
    assert asked.base == parse_yaml(CONFIG, "")  # which no trial changes


def test_a_trial_is_the_same_config_again():
    asked, study = space(MANY), optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    for _ in range(10):
        trial = study.ask()
        tree = asked.drawn(trial)
        assert asked.of(trial.params) == tree
        assert asked.drawn(optuna.Trial(study, trial._trial_id)) == tree


def test_what_is_not_asked_has_no_value():
    """A range within a choice is a setting of those trials alone that chose it."""
    asked, study = space(MANY), optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=2))
    inner = [name for name in (one["name"] for one in asked.described()) if "[" in name]
    assert len(inner) == 2
    for _ in range(20):
        trial = study.ask()
        sampler = plan(asked.drawn(trial)).arguments["task"].arguments["sampler"]
        assert (inner[1] in trial.params) == (sampler.arguments.get("num_negatives", 0) >= 8)


def test_a_key_that_the_config_lacks_can_be_chosen():
    tree = parse_yaml(CONFIG, "")
    del tree["task"]["init_args"]["loss"]
    made = Space({**tree, "tune": {"task.loss": ["InfoNCE", "BCE"]}}, plan).of({"task.loss": "BCE"})
    assert plan(made).arguments["task"].arguments["loss"].cls.__name__ == "BCE"


def test_integers_where_numbers_are_asked_for():
    """Whether a range is of integers the key says, not how its ends are written."""
    asked = space("{optimizer.lr: {low: 1, high: 2}, fit.epochs: {low: 1, high: 9}}")
    rate, epochs = asked.settings["optimizer.lr"], asked.settings["fit.epochs"]
    assert not rate.whole
    assert epochs.whole


@pytest.mark.parametrize(
    ("section", "said"),
    [
        (
            "{optimiser.lr: {low: 1, high: 2}}",
            "tune.optimiser.lr: The config has no 'optimiser'. Did you mean 'optimizer'?",
        ),
        ("{optimizer.rate: [1, 2]}", "tune.optimizer.rate: .* has no 'rate'"),
        ("{optimizer.lr: {low: 1, high: 1}}", "tune.optimizer.lr is empty, from 1 to 1"),
        ("{optimizer.lr: {low: 2, high: 1}}", "tune.optimizer.lr is empty"),
        ("{optimizer.lr: {low: 0, high: 1, log: true}}", "tune.optimizer.lr is logarithmic from 0: give a low above 0"),
        ("{optimizer.lr: {low: 0.1, high: 1, log: yes}}", "tune.optimizer.lr.log should be true or false"),
        ("{optimizer.lr: {low: 0.1, high: 1, log: true, step: 0.1}}", "tune.optimizer.lr has both log and step"),
        ("{optimizer.lr: {low: 0.1, high: 1, step: 2}}", "tune.optimizer.lr.step is 2"),
        ("{fit.epochs: {low: 1, high: 9, step: 0.5}}", "tune.fit.epochs.step is 0.5, and it takes integers"),
        ("{optimizer.lr: {low: .nan, high: 1}}", "tune.optimizer.lr.low should be a number"),
        ("{optimizer.lr: {low: true, high: 2}}", "tune.optimizer.lr.low should be a number"),
        ("{optimizer.lr: {low: 0.1}}", "tune.optimizer.lr lacks 'high'"),
        ("{optimizer.lr: {low: 0.1, hihg: 1}}", "tune.optimizer.lr has no 'hihg': did you mean 'high'"),
        ("{optimizer.lr: 0.1}", "tune.optimizer.lr should be a range"),
        ("{optimizer: {lr: {low: 0.1, high: 1}}}", "tune.optimizer should be a range"),
        ("{optimizer.lr: {low: -1, high: 1}}", "tune.optimizer.lr: .*Invalid learning rate"),
        ("{optimizer.lr: [0.1]}", "tune.optimizer.lr.choices should be a list of two or more"),
        ("{optimizer.lr: {choices: 3}}", "tune.optimizer.lr.choices should be a list of two or more"),
        ("{optimizer.lr: [0.1, 0.1]}", "tune.optimizer.lr.choices has 0.1 twice"),
        ("{optimizer.lr: {choices: [1, 2], low: 1}}", "tune.optimizer.lr has 'low' beside choices"),
        ("{fit.epochs: [1, few]}", "tune.fit.epochs: fit.epochs should be int, not 'few'"),
        ("{fit.epochs: {low: 1, high: 2.5}}", "tune.fit.epochs: fit.epochs should be int, not 2.5"),
        ("{fit.epochs: [1, -1]}", "tune.fit.epochs: fit.epochs is -1"),
        ("{task.sampler: [All, Unifrom]}", "tune.task.sampler: .*'Unifrom'; did you mean 'Uniform'"),
        ("{task.sampler: [All, {class_path: Uniform, init_args: {many: 1}}]}", "tune.task.sampler: .* has no 'many'"),
        ("{task.loss: {low: 1, high: 2}}", "tune.task.loss: task.loss should be a Loss"),
        ("{fit.metric: [mrr, mr]}", "tune.fit.metric cannot be tuned: figures of other metrics"),
        ("{evaluation.filter: [[train], [train, valid]]}", "tune.evaluation.filter cannot be tuned"),
        ("{data.name: [UMLS, FB15k-237]}", "tune.data.name cannot be tuned"),
        ("{data: [{name: UMLS}, {name: WN18}]}", r"tune\.data cannot be tuned as a whole, since data\.name is in it"),
        ("{fit: [{epochs: 1}, {epochs: 2}]}", r"tune\.fit cannot be tuned as a whole, since fit\.metric is in it"),
        ("{data.denied_from_valid: {low: 0.1, high: 0.9}}", "cannot be tuned: it changes what validation holds"),
        ("{data.wins: [stated, denied]}", "cannot be tuned: it changes what validation holds"),
        ("{seed: [1, 2]}", "tune.seed cannot be tuned: .*--seeds"),
        ("{task.sampler: [All, Uniform], task.sampler.num_negatives: [1, 2]}", "are one within the other"),
        ("{task..sampler: [1, 2]}", "give dotted keys"),
        ("{3: [1, 2]}", "tune has the key 3"),
        (
            "{task.sampler: [All, {class_path: Uniform, init_args: {num_negatives: [4, 8]}}]}",
            r"num_negatives should be int, not \[4, 8\] \(a choice within a part is {choices: \[\.\.\.\]}, since",
        ),
        ("{}", "The config has no tune: section"),
        ("[a]", "The config has no tune: section"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(section, said):
    with pytest.raises(UserError, match=said) as refused:
        space(section)
    assert "\n" not in str(refused.value)


def test_arguments_may_be_called_low_and_high():
    """Within a class's arguments a mapping is a range, but the arguments themselves never are."""
    made = space("{task.penalty: [null, {class_path: Lp, init_args: {weight: 1.0, p: 3}}]}")
    assert made.tree({"task.penalty": 1})["task"]["init_args"]["penalty"]["init_args"] == {"weight": 1.0, "p": 3}
    assert copy.deepcopy(made.settings) == made.settings


@pytest.mark.parametrize(
    ("section", "start"),
    [
        ("{optimizer.lr: {low: 0.01, high: 1, log: true}}", {"optimizer.lr": 0.1}),
        ("{fit.batch_size: {low: 64, high: 300, step: 64}}", {"fit.batch_size": 256}),
        ("{fit.batch_size: {low: 64, high: 300, step: 60}}", None),  # 256 is no step
        ("{optimizer.lr: {low: 0.2, high: 1}}", None),
        ("{optimizer.lr: [0.5, 0.1], task.loss: [BCE, InfoNCE]}", {"optimizer.lr": 0.1, "task.loss": "InfoNCE"}),
        ("{task.penalty: [{class_path: Lp, init_args: {weight: 1.0}}, null]}", {"task.penalty": "null"}),
        (
            "{task.sampler: [All, {class_path: Uniform, init_args: {num_negatives: {low: 1, high: 9}}}]}",
            {"task.sampler": "Uniform", "task.sampler[Uniform].num_negatives": 4},
        ),
        ("{task.sampler: [All, {class_path: Uniform, init_args: {num_negatives: 4, shared: true}}]}", None),
        (
            "{task.sampler: [{class_path: Uniform, init_args: {num_negatives: {low: 1, high: 9}, shared: true}},"
            "{class_path: Uniform, init_args: {num_negatives: {low: 2, high: 9}}}]}",
            {
                "task.sampler": "Uniform(num_negatives={low: 2, high: 9})",
                "task.sampler[Uniform(num_negatives={low: 2, high: 9})].num_negatives": 4,
            },
        ),
    ],
)
def test_the_config_as_it_stands_is_a_trial_where_the_section_allows_it(section, start):
    """What would be drawn for it makes the same config; None where nothing would."""
    asked = space(section)
    assert asked.start() == start
    if start is not None:
        assert plan(asked.of(start)).plain() == plan(asked.base).plain()


@pytest.mark.parametrize(
    ("said", "last"),
    [
        ("{low: 0, high: 1, step: 0.3}", 0.9),
        ("{low: 0.1, high: 2, step: 0.3}", 1.9),
        ("{low: 0.1, high: 1, step: 0.2}", 0.9),
        ("{low: 1, high: 3, step: 1}", 3.0),
    ],
)
def test_steps_reach_as_far_as_they_go_below_a_whole_number(said, last):
    asked = space(f"optimizer.lr: {said}")
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(lambda trial: float(asked.drawn(trial)["optimizer"]["init_args"]["lr"]), n_trials=60)
    assert max(trial.value for trial in study.trials) == pytest.approx(last)


def test_classes_of_one_name_from_two_modules_are_two_choices():
    one, other = ({"class_path": f"{module}.Uniform", "init_args": {"num_negatives": 3}} for module in ("a", "b"))
    assert _labels([one, other, "All"]) == ["a.Uniform(num_negatives=3)", "b.Uniform(num_negatives=3)", "All"]
