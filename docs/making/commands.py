"""The pages of the command line, from its parsers."""

import argparse
import re
from collections.abc import Iterator

from gnnneg.cli import parser
from making.pages import Pages, contents, heading, table

OPTION = re.compile(r"(?<![\w-])--[a-z][\w-]*(?:\.\w+)*")


def write(pages: Pages) -> None:
    """A page for each command, and one that lists them."""
    whole, commands = parser()
    about = {name: help_ for name, _, help_ in _inner(whole)}
    text = ".. _commands:\n\n" + heading("Command line")
    text += "``gnnneg COMMAND --help`` says the same as these pages. A command ends with 0 only on success. Bad input\n"
    text += "ends it with 2 and one sentence; ``--debug`` shows where an error came from.\n\n"
    rows = [[f":doc:`gnnneg {name} <cli/{name}>`", _sentence(about[name])] for name in commands]
    text += table(["command", "does"], rows, "25 75", "names")
    text += contents(f"cli/{name}" for name in commands)
    pages.add("cli.rst", text)
    for name, command in commands.items():
        pages.add(f"cli/{name}.rst", page(f"gnnneg {name}", command, about[name]))


def page(title: str, command: argparse.ArgumentParser, about: str, sign: str = "=") -> str:
    """The page of a command: how it is called, its options, its own commands."""
    text = heading(title, sign)
    text += _sentence(command.description or about) + "\n\n"
    usage = command.format_usage().removeprefix("usage: ").rstrip()
    text += ".. code-block:: text\n\n" + "".join(f"   {line}\n" for line in usage.splitlines()) + "\n"
    rows = [[_called(action), _sentence(_help(action, command))] for action in _own(command)]
    text += table(["argument", "meaning"], rows, "32 68", "keys") if rows else ""
    text += _epilog(command.epilog) if command.epilog else ""
    for name, inner, help_ in _inner(command):
        text += page(f"{title} {name}", inner, help_, "-" if sign == "=" else "^")
    return text


def _epilog(said: str) -> str:
    """What stands below the options: as it is where it has lines of its own."""
    if "\n" not in said:
        return _sentence(said) + "\n\n"
    return ".. code-block:: text\n\n" + "".join(f"   {line}\n" for line in said.splitlines()) + "\n"


def _own(command: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in command._actions:
        if (
            not isinstance(action, argparse._SubParsersAction | argparse._HelpAction)
            and action.help != argparse.SUPPRESS
        ):
            yield action


def _inner(command: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser, str]]:
    for action in command._actions:
        if isinstance(action, argparse._SubParsersAction):
            about = {one.dest: one.help or "" for one in action._choices_actions}
            yield from ((name, inner, about.get(name, "")) for name, inner in action.choices.items())


def _called(action: argparse.Action) -> str:
    """An argument as it is written."""
    value = action.metavar or (action.dest.upper() if action.nargs != 0 else "")
    if isinstance(value, tuple):
        value = " ".join(value)
    if action.choices is not None and action.metavar is None:
        value = " | ".join(map(str, action.choices))
    if not action.option_strings:
        return f"``{value}``" + (" ..." if action.nargs in ("*", "+") else "")
    return ", ".join(f"``{option} {value}``".replace(" ``", "``") for option in action.option_strings)


def _help(action: argparse.Action, command: argparse.ArgumentParser) -> str:
    return command._get_formatter()._expand_help(action) if action.help else ""


def _sentence(text: str) -> str:
    """A piece of help as a sentence, its options as code."""
    text = " ".join(text.split()).replace("|", r"\|").replace("`", r"\`").replace("*", r"\*").replace("@", r"\@")
    text = OPTION.sub(r"``\g<0>``", text)
    text = text[:1].upper() + text[1:]
    return text if not text or text[-1] in ".?!:" else f"{text}."
