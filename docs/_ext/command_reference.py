"""Writes the command-line reference from the options that the program declares.

When Sphinx reads a page, the line `<!-- reference of all commands -->` becomes one section per
command: its usage, its arguments and its options, as `vgae COMMAND --help` gives them.
"""

import re
from typing import Any

MARK = "<!-- reference of all commands -->"


def contexts() -> dict[str, Any]:
    """The program itself and every command of it, ready to be asked, by what one types."""
    import typer.main

    from vgae.people.cli import app

    program: Any = typer.main.get_command(app)
    root = program.make_context("vgae", [], resilient_parsing=True)
    made = {"vgae": root}
    for name, command in program.commands.items():
        made[f"vgae {name}"] = command.make_context(name, [], parent=root, resilient_parsing=True)
    return made


def reference() -> str:
    """The sections of all commands."""
    return "\n\n".join(section(typed, context) for typed, context in contexts().items())


def section(typed: str, context: Any) -> str:
    """The section of one command, in MyST Markdown.

    Examples
    --------
    >>> section("vgae datasets", contexts()["vgae datasets"]).splitlines()[0]
    '## vgae datasets'
    """
    command = context.command
    calls = [line.strip() for line in (command.epilog or "").splitlines() if "  vgae " in line]
    usage = context.get_usage().removeprefix("Usage: ")
    parts = [f"## {typed}", _escaped(command.help or ""), f"```text\n{usage}\n```"]
    if calls:
        parts.append("For example:\n\n```text\n" + "\n".join(calls) + "\n```")
    if context.parent is not None:
        parts.append(f"[](commands/{context.info_name}.md) shows what it prints and writes.")
    parts.append(f"```{{program}} {typed}\n```")
    for group, records in _groups(context).items():
        parts.append(f"### {group}")
        parts += [f"````{{option}} {names}\n{_escaped(text)}\n````" for names, text in records]
    return "\n\n".join(parts)


def _groups(context: Any) -> dict[str, list[tuple[str, str]]]:
    groups: dict[str, list[tuple[str, str]]] = {}
    for parameter in context.command.get_params(context):
        record = parameter.get_help_record(context)
        if record is None:  # hidden
            continue
        names, text = record
        is_argument = parameter.param_type_name == "argument"
        group = getattr(parameter, "rich_help_panel", None) or "Options"
        names = names.partition(" <")[0] if is_argument else names.replace(" / ", ", ")
        groups.setdefault("Arguments" if is_argument else group, []).append((names, text))
    if groups.keys() - {"Arguments", "Options"}:
        groups["Other options"] = groups.pop("Options")
    return groups


def _escaped(text: str) -> str:
    """Text of a help page as Markdown: options are code, and only backticks mean anything else."""
    text = re.sub(r"([*_<>\[\]{}#|])", r"\\\1", text)
    return re.sub(r"(?<![\w`-])--[a-z][a-z-]*", r"`\g<0>`", text)


def _fill_in(_app: Any, _page: str, source: list[str]) -> None:
    if MARK in source[0]:
        source[0] = source[0].replace(MARK, reference())


def _always_read(*_: Any) -> list[str]:
    return ["command-line"]  # the page's file does not change when an option does


def setup(app: Any) -> dict[str, bool]:
    """Have Sphinx call this when it reads a page."""
    app.connect("source-read", _fill_in)
    app.connect("env-get-outdated", _always_read)
    return {"parallel_read_safe": True}
