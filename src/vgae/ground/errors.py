"""Errors that the caller can act on, each with one clear line."""

from __future__ import annotations

import re
import sys
import sysconfig
import traceback
from collections.abc import Iterable
from difflib import get_close_matches
from functools import cache
from itertools import islice
from pathlib import Path

__all__ = [
    "InputError",
    "NotFittedError",
    "VgaeError",
    "nearest",
    "newer_format",
    "not_among",
    "not_fitted",
    "one_line",
    "shortened",
    "shown",
    "unknown_name",
]

CONTROL = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # controls, among them the escape that steers a terminal
    "\xad\u061c\u180e\u200b-\u200f\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"  # unseen
    "\u2028-\u202e"  # line breaks; what changes the direction of text
    "\ud800-\udfff]"  # surrogates, which cannot be written
)
LIBRARIES = (
    str(Path(__file__).parents[1]),
    *(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")),
)
"""Folders of code that is not the reader's."""
SHOWN = 40
"""How many characters of a cell a message quotes."""
MOST_COMPARED = 20_000
"""How many known names are compared with an unknown one."""


class VgaeError(Exception):
    """Base of every error that this library raises on purpose.

    Its line says all that its reader needs, so that a traceback shows this error alone, and IPython
    only the reader's own code above it. What led to it remains in `__context__`.

    Examples
    --------
    >>> try:
    ...     {}["ann"]
    ... except KeyError:
    ...     try:
    ...         raise InputError("no such node")
    ...     except VgaeError as error:
    ...         error.__suppress_context__, error.__context__
    (True, KeyError('ann'))
    """

    __module__ = "vgae"  # where people import it from

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.__suppress_context__ = True

    def _render_traceback_(self) -> list[str]:
        """What IPython shows: the lines of the reader's own code that led here, and the message."""
        frames = traceback.extract_tb(self.__traceback__)
        own = [frame for frame in frames if not frame.filename.startswith(LIBRARIES)]
        lines = [*traceback.format_list(own or frames), f"{type(self).__name__}: {self}"]
        return ["Traceback (most recent call last):", *"".join(lines).splitlines()]


class InputError(VgaeError, ValueError):
    """The input cannot be used; the message says what is wrong, where, and what to do.

    The message is one line: line breaks that it quotes are escaped. The command line prints
    it and exits with status 2.

    Examples
    --------
    >>> import vgae
    >>> try:
    ...     vgae.read_graph("nowhere.csv")
    ... except vgae.InputError as error:
    ...     print(error)
    nowhere.csv: no such file or folder
    """

    __module__ = "vgae"  # where people import it from

    def __init__(self, message: object) -> None:
        super().__init__(one_line(str(message)))


class NotFittedError(VgaeError, AttributeError):
    """A model was asked for a result before it was fitted.

    Examples
    --------
    >>> from vgae import VGAE
    >>> hasattr(VGAE(), "embedding_")
    False
    """

    __module__ = "vgae"  # where people import it from


def one_line(text: str) -> str:
    r"""Text whose line breaks, control characters and invisible characters are escaped.

    Everything that people see goes through it, so that no node id can steer their terminal.

    Examples
    --------
    >>> print(one_line("a\nb"), one_line("\x1b[31mred"), one_line("a\u202eb"))
    a\nb \x1b[31mred a\u202eb
    """
    return CONTROL.sub(lambda match: repr(match[0])[1:-1], text)


def shortened(value: object) -> str:
    """A name as text for people has it: its beginning, if it is long.

    Examples
    --------
    >>> shortened(7), shortened("x" * 100)
    ('7', 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...')
    """
    text = str(value)
    return text[:SHOWN] + "..." if len(text) > SHOWN else text


def shown(value: object) -> str:
    """A cell or an id in quotes, shortened if it is long.

    Examples
    --------
    >>> shown("ann"), shown("x" * 100)
    ("'ann'", "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...'")
    """
    return f"'{one_line(shortened(value))}'"


def not_fitted(kind: str) -> NotFittedError:
    """The error of an estimator that is asked for a result before its `fit`.

    If scikit-learn is loaded, it is also an instance of that library's `NotFittedError`, which
    its tools look for.

    Examples
    --------
    >>> print(not_fitted("VGAE"))
    this VGAE is not fitted yet; call fit first
    """
    theirs = sys.modules.get("sklearn.exceptions")
    made = NotFittedError if theirs is None else _both_errors(theirs.NotFittedError)
    return made(f"this {kind} is not fitted yet; call fit first")


@cache
def _both_errors(theirs: type[Exception]) -> type[NotFittedError]:
    """A subclass of both errors, which a traceback shows under our name."""
    return type("NotFittedError", (NotFittedError, theirs), {"__module__": "vgae"})


def unknown_name(kind: str, name: str, known: Iterable[str]) -> InputError:
    """The error for a name that is not in a closed list, with the nearest known name.

    Examples
    --------
    >>> print(unknown_name("model", "vgea", ["vgae", "gae"]))
    unknown model 'vgea': did you mean 'vgae'? Known: gae, vgae
    """
    names = sorted(known)
    near = nearest(name, names)
    hint = "" if near is None else f"did you mean '{near}'? "
    return InputError(f"unknown {kind} '{name}': {hint}Known: {', '.join(names)}")


def not_among(value: object, known: Iterable[str]) -> str:
    """The words on a value that is not one of a few, with all of them and the nearest.

    Examples
    --------
    >>> not_among("lineer", ["gcn", "linear", "sage"])
    "input should be 'gcn', 'linear' or 'sage'; did you mean 'linear'?"
    """
    names = list(known)
    *most, last = (f"'{name}'" for name in names)
    near = nearest(str(value), names)
    hint = "" if near is None else f"; did you mean '{near}'?"
    return f"input should be {', '.join(most)}{' or ' if most else ''}{last}{hint}"


def nearest(name: str, known: Iterable[str], *, cutoff: float = 0.5) -> str | None:
    """The known name most similar to this one, or None.

    A name that differs by case and blanks alone comes before any other. Of many known names, the
    first 20,000 are compared.

    Parameters
    ----------
    name
        The unknown name.
    known
        The known names.
    cutoff
        How alike the two must be, from 0 (anything) to 1 (equal).

    Examples
    --------
    >>> nearest("embeddings_", ["embedding_", "ids_"]), nearest(" Ann", ["Anna", "ann"])
    ('embedding_', 'ann')
    """
    bare = {_bare(known_name): known_name for known_name in islice(known, MOST_COMPARED)}
    wanted = _bare(name)
    if wanted in bare:
        return bare[wanted]
    found = get_close_matches(wanted, bare, n=1, cutoff=cutoff)
    return bare[found[0]] if found else None


def _bare(name: str) -> str:
    return "".join(name.split()).casefold()


def newer_format(where: object, found: object, known: int) -> InputError:
    """The error for a file that a later version of this program wrote.

    Examples
    --------
    >>> print(newer_format("run.json", 2, 1))
    run.json: format 2 is newer than this program's 1; update vgae
    """
    return InputError(
        f"{where}: format {str(found)[:SHOWN]} is newer than this program's {known}; update vgae"
    )
