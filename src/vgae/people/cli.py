"""The command line: commands in the order of the help, and an exit status for every error.

Each command is a function in `vgae.people.commands`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from vgae.ground.errors import InputError, VgaeError
from vgae.ground.launch import Launch
from vgae.people.commands import asking, comparing, fitting, graphs, showing
from vgae.people.usage import Command, example, grouped

__all__ = ["app", "main"]

INTERRUPTED = 130

app = typer.Typer(
    name="vgae",
    help="Learn an embedding of a graph without labels, find its missing links, and measure on "
    "held-out edges how well that works.",
    epilog=example("vgae fit karate --out runs/karate", "vgae recommend runs/karate --top 10"),
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", "-V", help="Print the version.")] = False,
) -> None:
    if version:
        from vgae import __version__

        typer.echo(f"vgae {__version__}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())
    elif context.invoked_subcommand != "fit" and _launched_size() > 1:
        if _is_echo():
            raise SystemExit(2)
        raise InputError(
            f"{context.invoked_subcommand}: only fit is shared by several processes; start it "
            "without torchrun"
        )


def _launched_size() -> int:
    """How many processes were started together with this one, which is one of them."""
    with suppress(InputError):  # variables of another launcher
        launch = Launch.here()
        return 1 if launch is None else launch.size
    return 1


def _is_echo() -> bool:
    """Whether this process repeats a mistake in the command, which rank 0 tells."""
    return _launched_size() > 1 and os.environ["RANK"] != "0"


def _add(command: Callable[..., None], *calls: str) -> None:
    """Give the program a command, with examples of how it is called: the first one has its name."""
    name = calls[0].split()[1]
    app.command(name, cls=Command, epilog=example(*calls))(grouped(command))


_add(graphs.inspect, "vgae inspect karate")
_add(fitting.plan, "vgae plan karate", "vgae plan --nodes 1000000 --edges 10000000 --gpu h100")
_add(graphs.import_, "vgae import karate --out graphs/karate")
_add(fitting.fit, "vgae fit karate --out runs/karate --top 5")
_add(graphs.split, "vgae split karate --out splits/karate")
_add(comparing.evaluate, "vgae evaluate karate --models vgae,katz --runs 3")
_add(comparing.tune, "vgae tune karate --trials 20 --out runs/tune")
_add(comparing.reproduce, "vgae reproduce --only cora --runs 1")
_add(asking.predict, "vgae predict runs/karate pairs.csv")
_add(asking.recommend, "vgae recommend runs/karate --top 10")
_add(asking.embed, "vgae embed runs/karate --out embedding.csv")
_add(asking.explain, "vgae explain runs/karate 0 9")
_add(showing.plot, "vgae plot runs/karate --kind map --out map.svg")
_add(comparing.compare, "vgae compare runs/one runs/two --out comparison.html")
_add(showing.report, "vgae report runs/karate")
_add(graphs.datasets, "vgae datasets")
_add(fitting.warm_up, "vgae warm-up")


class _NoPandas:
    """Answers that pandas is not installed."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> None:  # noqa: ARG004
        if name == "pandas":
            raise ModuleNotFoundError("no command uses pandas", name=name)


def _spare_memory() -> None:
    """Have PyArrow do without what no command needs; for a process that runs one command.

    It imports pandas, where that is installed, to convert the first array (30 MB, half a second),
    and its own memory pool keeps tens of megabytes that it has freed.
    """
    sys.meta_path.insert(0, _NoPandas)
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")


def main() -> None:
    """Run the command line; every error becomes one line and an exit status.

    0 done, 1 a fault of this program, 2 input that cannot be used, 130 interrupted, 143 terminated
    after a checkpoint.

    Examples
    --------
    >>> from contextlib import suppress
    >>> from unittest.mock import patch
    >>> with patch("sys.argv", ["vgae", "--version"]), suppress(SystemExit):
    ...     main()
    vgae 0.1.0
    """
    program = Path(getattr(sys.modules["__main__"], "__file__", None) or "")
    if program.stem == "vgae" or program.parts[-2:] == ("vgae", "__main__.py"):
        _spare_memory()  # the process is this command's alone
    if sys.stdout is None:  # closed by the shell, as by >&-
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - to the end
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal without "±" must not cost the results
            stream.reconfigure(errors="backslashreplace")
    try:
        status = app(prog_name="vgae", standalone_mode=False) or 0
    except InputError as error:
        _leave(str(error), 2)
    except (KeyboardInterrupt, typer.Abort):
        status = INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last resort promises one line
        if hasattr(error, "format_message"):  # typer's own words on arguments
            if _is_echo():
                sys.exit(2)
            _leave(error.format_message().rstrip(".") + "; see --help", 2)
        kind = "" if isinstance(error, VgaeError) else f"{type(error).__name__}: "
        first_line = (str(error).splitlines() or [""])[0]
        _leave(
            f"{kind}{first_line} - this is a fault of vgae; please report it with the command and "
            "what it prints with VGAE_TRACEBACK=1 set, at the project's issue page",
            1,
        )
    if status == INTERRUPTED:  # typer may have turned the signal into a status itself
        _leave("interrupted", INTERRUPTED)
    sys.exit(status)


def _leave(line: str, status: int) -> NoReturn:
    from vgae.people.report import print_error, print_traceback

    error = sys.exception()
    if error is not None and os.environ.get("VGAE_TRACEBACK"):
        print_traceback(error)
    print_error(line)
    sys.exit(status)
