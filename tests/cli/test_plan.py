"""``gnnneg plan``, by the way that users take."""

import json

import pytest

from gnnneg.cli import main

CONFIG = """
data: {name: nowhere at all}
task:
  class_path: LinkPrediction
  init_args:
    model:
      class_path: KGEModel
      init_args:
        encoder: {class_path: ShardedLookup, init_args: {hidden_channels: 128}}
        decoder: DistMult
    corruption: Both
    sampler: {class_path: Uniform, init_args: {num_negatives: 1000, shared: true}}
    loss: InfoNCE
optimizer: RowAdagrad
"""
SIZE = ["--entities", "90e6", "--statements", "338e6"]


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "config.yaml").write_text(CONFIG)
    return str(tmp_path / "config.yaml")


def test_a_plan_fits_the_page_and_ends_with_advice(config, capsys):
    words = ["--machines", "8", "--memory", "64GiB", "--network", "10Gbit"]
    assert main(["plan", config, *SIZE, *words]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[0].startswith("90,000,000 entities, 338,000,000 statements, 1,000 relations on 8 machines of 64.0 GiB")
    assert any(line.startswith("table") and "5.4 GiB" in line for line in lines)  # 90e6 / 8 rows of 512 bytes
    assert any(line.startswith("Constants:") for line in lines)
    assert any(line.startswith("It fits, at ") for line in lines[-2:])


def test_a_plan_as_json_says_the_same(config, capsys):
    assert main(["plan", config, *SIZE, "--machines", "8", "--memory", "64GiB", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["fits"]
    assert told["memory_bytes"]["table"] == 90_000_000 // 8 * 512
    assert told["machines_needed"] >= 1
    assert told["epoch_s"] == pytest.approx(told["steps"] * told["step_s"])
    assert set(told["negatives"]) == {"uniform, shared", "uniform, private"}
    assert told["negatives"]["uniform, private"]["sent_bytes"] > 50 * told["sent_bytes"]


def test_settings_change_the_plan(config, capsys):
    taken = []
    for width in ("128", "256"):
        key = "--task.model.encoder.hidden_channels"
        assert main(["plan", config, *SIZE, "--json", key, width]) == 0
        taken.append(json.loads(capsys.readouterr().out)["memory_bytes"]["table"])
    assert taken[1] == 2 * taken[0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "How large is the graph? Give --entities"),
        (["--entities", "0", "--statements", "5"], "--entities '0': give a whole number of at least 1"),
        ([*SIZE, "--memory", "64"], "--memory '64': give a number above 0 with its unit (KiB, KB, MiB"),
        ([*SIZE, "--network", "10GB"], "--network '10GB': give a number above 0 with its unit (Kbit"),
        ([*SIZE, "--machines", "91e6"], "some machines would hold none"),
        (["--entities", "5", "--statements", "9", "--machines", "4"], "of 5 entities some machines would hold none"),
        ([*SIZE, "--task.sampler", "Unifrom"], "Uniform"),
        ([*SIZE, "--cores", "0"], "--cores '0'"),
        ([*SIZE, "--fit.batch_size", "-256"], "batch_size"),
        ([*SIZE, "--task.sampler.num_negatives", "0"], "task.sampler: Uniform(num_negatives=0): give"),
        (
            [*SIZE, "--machines", "2", "--task.sampler", "All"],
            "All asks for every entity's vector at once, and several",
        ),
        ([*SIZE, "--optimizer", "RMSprop"], "does not know what the optimizer RMSprop costs"),
    ],
)
def test_bad_input_gets_one_sentence(config, words, said, capsys):
    assert main(["plan", config, *words]) == 2
    out, err = capsys.readouterr()
    assert not out
    assert said in err
    assert err.count("\n") == 1


def test_a_plan_of_nothing_is_refused(capsys):
    assert main(["plan"]) == 2
    assert capsys.readouterr().err.startswith("Which config?")


def test_measuring_keeps_the_constants(config, capsys, monkeypatch):
    from gnnneg.planning import measure, shipped

    monkeypatch.setattr(measure, "measure", shipped)
    assert main(["plan", "--measure"]) == 0
    assert capsys.readouterr().out.endswith("machine.json\n")
    assert main(["plan", config, *SIZE, "--measure", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["constants"]["measured"] == shipped().measured
