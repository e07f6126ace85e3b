"""How a command presents itself: help in named groups, examples, errors in the user's words."""

from __future__ import annotations

import functools
import inspect
import re
import textwrap
from collections.abc import Callable, Collection, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, get_type_hints

from typer.core import TyperCommand

from vgae.ground.errors import InputError

__all__ = ["Command", "applicable", "example", "grouped", "in_typed_words"]

OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
CLAUSE_START = re.compile(r"(; |: |, or | \()")
STAGE = re.compile(r"(?:settings|split): (?:(?:training|network): )?")
KEY = re.compile(
    r"(?:(?:settings|split|training|network)\.)*(\w+)(?: = [^ :]+| '[^']*'| [^ :]+)?: "
)
"""A setting at the start of a message, with its path and its value or without them."""
LAST_GROUPS = "Output, Help"


class Command(TyperCommand):
    """A command whose help lists options in named groups, and which owns its advice.

    An option belongs to the group that its `rich_help_panel` names. An `InputError` about a
    setting names the option as it was typed, and advice keeps to the options of this command.

    Examples
    --------
    >>> import typer
    >>> app = typer.Typer(add_completion=False, rich_markup_mode=None)
    >>> @app.command(cls=Command)
    ... def hello(times: int = 1) -> None:
    ...     if times < 1:
    ...         raise InputError(f"times = {times}: must be at least 1")
    >>> command = typer.main.get_command(app)
    >>> command.invoke(command.make_context("hello", ["--times", "0"]))
    Traceback (most recent call last):
    vgae.InputError: --times 0: must be at least 1
    >>> context = command.make_context("hello", [])
    >>> formatter = context.make_formatter()
    >>> command.format_options(context, formatter)
    >>> print(formatter.getvalue(), end="")
    Help:
      --times <int>  [default: 1]
      --help         Show this message and exit.
    """

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments and options, group by group, without breaks inside names."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                is_argument = parameter.param_type_name == "argument"
                named = getattr(parameter, "rich_help_panel", None) or "Help"
                groups.setdefault("Arguments" if is_argument else named, []).append(record)
        names = [name for records in groups.values() for name, _ in records]
        most = formatter.width // 3
        indent = 4 + max((len(name) for name in names if len(name) <= most), default=most)
        for group in sorted(groups, key=LAST_GROUPS.find):
            with formatter.section(group):
                for name, text in groups[group]:
                    formatter.write(_described(name, text, indent, formatter.width))

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        from vgae.people.report import advising

        options = {name for parameter in self.params for name in _names(parameter)}
        try:
            with advising(lambda line: applicable(line, options)):
                return super().invoke(ctx)
        except InputError as error:
            given = ctx.params.values()
            typed = {
                parameter.name: (parameter.opts[0], ctx.params.get(parameter.name))
                for parameter in self.params
                if parameter.param_type_name == "option" and parameter.name not in map(str, given)
            }
            raise InputError(in_typed_words(applicable(str(error), options), typed)) from None


def _names(parameter: Any) -> list[str]:
    return [*parameter.opts, *parameter.secondary_opts]


def _described(name: str, text: str, indent: int, width: int) -> str:
    """One entry of a group: the name, then the text in its column."""
    blank = " " * indent
    lines = textwrap.wrap(
        text, width, initial_indent=blank, subsequent_indent=blank, break_on_hyphens=False
    ) or [blank]
    start = f"  {name}"
    if len(start) > indent - 2:
        return "\n".join([start, *lines]) + "\n"
    lines[0] = start + lines[0][len(start) :]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def example(*lines: str) -> str:
    r"""The last words of a command's help: how it is called.

    Examples
    --------
    >>> print(example("vgae fit karate --out run").replace("\b", ""))
    <BLANKLINE>
    Example:
      vgae fit karate --out run
    """
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)


def applicable(line: str, options: Collection[str]) -> str:
    """A message without the advice that names options which the running command does not have.

    Advice to fit again keeps its options, which are those of `vgae fit`.

    Examples
    --------
    >>> applicable("a.csv: is damaged; mend it, or say --quote none", {"--header"})
    'a.csv: is damaged; mend it'
    >>> applicable("a.csv: is damaged; mend it, or say --quote none", {"--quote"})
    'a.csv: is damaged; mend it, or say --quote none'
    """
    first, *rest = CLAUSE_START.split(line)
    kept, dropped = [first], False
    for start, clause in zip(rest[::2], rest[1::2], strict=True):
        foreign = set() if re.search(r"\bfit\b", clause) else set(OPTION.findall(clause))
        # What stands in brackets behind an option says it in Python, and goes with it.
        dropped = bool(foreign - set(options)) or (dropped and start == " (")
        if not dropped:
            kept += [start, clause]
    return "".join(kept)


def in_typed_words(line: str, typed: Mapping[str, tuple[str, Any]]) -> str:
    """A message about a setting that names the option in its place, with the value typed.

    Parameters
    ----------
    line
        Such as "runs = 0: must be at least 1" or "split: test: input should be less than 1".
    typed
        Option and value by the name of the setting; None stands for an option that was not given.

    Examples
    --------
    >>> in_typed_words("runs = 0: must be at least 1", {"runs": ("--runs", 0)})
    '--runs 0: must be at least 1'
    >>> in_typed_words("settings: training.steps: is too small", {"steps": ("--steps", -1)})
    '--steps -1: is too small'
    >>> in_typed_words("settings: network: mask: hides edges", {"mask": ("--mask", None)})
    '--mask: hides edges'
    """
    told = STAGE.sub("", line, count=1) if STAGE.match(line) else line
    found = KEY.match(told)
    name, value = typed.get(found[1], ("", None)) if found else ("", None)
    if found and value is not None:
        shown = f"{value:g}" if isinstance(value, float) else value
        return f"{name} {shown}: {told[found.end() :]}"
    if found and STAGE.match(line):  # it was not typed, and may come from a preset
        return f"{name or found[1]}: {told[found.end() :]}"
    for setting, (name, value) in typed.items():  # "patience 3 is less than ..."
        if value is not None and told.startswith(f"{setting} {value} "):
            return name + told.removeprefix(setting)
    return line


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """The command with each group of options replaced by the options themselves.

    Examples
    --------
    >>> from vgae.people.options import HoldingOut
    >>> @grouped
    ... def show(graph: str, *, holding_out: HoldingOut) -> None:
    ...     print(graph, holding_out.test)
    >>> list(inspect.signature(show).parameters)
    ['graph', 'validation', 'test', 'negatives', 'protocol']
    >>> show(graph="karate", validation=None, test=0.2, negatives=None, protocol=None)
    karate 0.2
    """
    signature = inspect.signature(command, eval_str=True)
    groups: dict[str, Any] = {}
    parameters: list[inspect.Parameter] = []
    for parameter in signature.parameters.values():
        group: Any = parameter.annotation
        if not is_dataclass(group):
            parameters.append(parameter)
            continue
        groups[parameter.name] = group
        hints = get_type_hints(group, include_extras=True)
        parameters += [
            inspect.Parameter(
                option.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=option.default,
                annotation=hints[option.name],
            )
            for option in fields(group)
        ]

    @functools.wraps(command)
    def called(**values: Any) -> None:
        made = {
            name: group(**{option.name: values.pop(option.name) for option in fields(group)})
            for name, group in groups.items()
        }
        command(**values, **made)

    keywords = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters]
    called.__signature__ = signature.replace(parameters=keywords)  # type: ignore[attr-defined]
    called.__annotations__ = {p.name: p.annotation for p in keywords}
    return called
