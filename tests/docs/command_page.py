"""docs/cli.md: every command with its arguments and options, from the app itself."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from typing import Any

import typer.main

from .tables import HEAD, make_table

#: Where the typer app is, and how it is called.
APP, PROGRAM = "hwapung.cli:app", "hwapung"
INTRODUCTION = f"""
# Commands
`{PROGRAM} COMMAND --help` says the same. Wrong input ends with status 2, a failure with 1, Ctrl-C with 130; the
message is one line that names the thing and the remedy."""


def describe_commands() -> str:
    """The page: a heading for each command."""
    module, _, name = APP.partition(":")
    app = typer.main.get_command(getattr(importlib.import_module(module), name))
    return "\n".join([HEAD, INTRODUCTION, *describe_command(app, PROGRAM)]) + "\n"


def describe_command(command: Any, path: str) -> Iterator[str]:
    """A command's heading, help, usage and options; a group's commands one by one. `path`: what calls it."""
    commands = getattr(command, "commands", None)
    if commands:
        for name, each in commands.items():
            if not each.hidden:
                yield from describe_command(each, f"{path} {name}")
        return
    parameters = [each for each in command.params if not each.hidden and "--help" not in each.opts]
    context = command.make_context(path, [], resilient_parsing=True)
    yield from ("", f"## {path.removeprefix(PROGRAM).strip()}", *read_text(command.help), "")
    yield from ("```sh", " ".join([path, *command.collect_usage_pieces(context)]), "```")
    rows = [
        [phrase_name(each, context), phrase_default(each), " ".join((each.help or "").split())] for each in parameters
    ]
    if rows:
        yield from ("", *make_table(["", "default", "meaning"], rows))
    if command.epilog:
        yield from ("", *(re.sub(r"^Example: (.*)$", r"Example: `\1`", line) for line in read_text(command.epilog)))


def read_text(text: str | None) -> list[str]:
    """A help text's lines without the marks that typer lays it out by."""
    return [line.strip() for line in (text or "").replace("\b", "").replace("\f", "").strip().splitlines()]


def phrase_name(parameter: Any, context: Any) -> str:
    """`RECIPE` of an argument; `--data PATH` of an option; both names of a switch."""
    if parameter.param_type_name == "argument":
        return f"`{(parameter.metavar or parameter.name).upper()}`"
    names = ", ".join((*parameter.opts, *parameter.secondary_opts))
    return f"`{names}`" if parameter.is_flag else f"`{names} {parameter.display_type(context).strip('<>').upper()}`"


def phrase_default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    default = parameter.default() if callable(parameter.default) else parameter.default
    if default in (None, False, "", [], ()):
        return ""
    return "yes" if default is True else f"`{default}`"
