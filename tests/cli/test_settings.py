"""Which words of a command line are settings of a config: those that the command has no option for."""

import argparse

import pytest

from gnnneg.cli import main
from gnnneg.cli.settings import KEYS, options, parted


def test_an_option_of_the_command_is_no_setting() -> None:
    words = ["data", "import", "f", "--seed", "5", "--fit.epochs=3", "--device", "cpu", "--seed=6"]
    assert parted(words, {"--seed"}) == (
        ["data", "import", "f", "--seed", "5", "--seed=6"],
        ["--fit.epochs=3", "--device", "cpu"],
    )
    assert parted(words)[1] == ["--seed", "5", "--fit.epochs=3", "--device", "cpu", "--seed=6"]


def test_options_are_those_of_the_commands_that_the_words_name() -> None:
    parser = argparse.ArgumentParser()
    outer = parser.add_subparsers()
    one, other = outer.add_parser("one"), outer.add_parser("other")
    one.add_argument("--device")
    inner = other.add_subparsers().add_parser("one")  # a command within a command, of the same name
    inner.add_argument("--seed")
    assert options(parser, ["one", "x"]) == {"-h", "--help", "--device"}
    assert options(parser, ["--help", "other", "one"]) == {"-h", "--help", "--seed"}
    assert options(parser, ["nothing"]) == {"-h", "--help"}


@pytest.mark.parametrize("words", [["data", "import", "no.tsv", "--out", "o", "--seed", "5"]])
def test_an_option_reaches_its_command(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """By the way that users take, not by a parser of its own."""
    assert main(words) == 2
    assert capsys.readouterr().err == "no.tsv does not exist.\n"


def test_every_listed_option_reaches_its_command(capsys: pytest.CaptureFixture[str]) -> None:
    """No command lists an option that the command line would take for a setting of a config."""
    from gnnneg.cli import COMMANDS

    for command in [[c] for c in COMMANDS] + [["data", a] for a in ("list", "info", "check", "fetch", "import")]:
        with pytest.raises(SystemExit):
            main([*command, "--help"])
        text = capsys.readouterr().out
        for key in KEYS:
            if f"--{key} " in text and command[0] not in ("train", "negatives"):
                main([*command, f"--{key}", "5"])
                assert "takes no settings" not in capsys.readouterr().err
