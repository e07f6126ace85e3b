"""The errors a caller can act on, each with one clear line."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from difflib import get_close_matches
from functools import cache
from itertools import islice

__all__ = [
    "InputError",
    "NotFittedError",
    "VgaeError",
    "nearest",
    "newer_format",
    "not_fitted",
    "one_line",
    "shown",
    "unknown_name",
]

CONTROL = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # controls, with the escape that steers a terminal
    "\xad\u061c\u180e\u200b-\u200f\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"  # unseen
    "\u2028-\u202e"  # line breaks; what turns the direction of the text around
    "\ud800-\udfff]"  # halves of characters, which cannot be written
)
SHOWN = 40
"""Characters of a cell that a message quotes."""
MOST_COMPARED = 20_000
"""Known names that are looked at for one that is like an unknown name."""


class VgaeError(Exception):
    """Base of every error that this library raises on purpose."""


class InputError(VgaeError, ValueError):
    """The caller's input cannot be used: says what, where and what to do.

    The message is one line: line breaks that it quotes are spelt out. The command line prints it
    and leaves with exit status 2.
    """

    def __init__(self, message: object) -> None:
        super().__init__(one_line(str(message)))


class NotFittedError(VgaeError, AttributeError):
    """A result was asked of a model that has not been fitted."""


def one_line(text: str) -> str:
    r"""Text whose line breaks, control characters and unseen characters are spelt out.

    What people are shown goes through it, so that no node id can steer their terminal.

    Examples
    --------
    >>> print(one_line("a\nb"), one_line("\x1b[31mred"), one_line("a\u202eb"))
    a\nb \x1b[31mred a\u202eb
    """
    return CONTROL.sub(lambda match: repr(match[0])[1:-1], text)


def shown(value: object) -> str:
    """What a cell or an id holds, between quotes, cut where it is long.

    Examples
    --------
    >>> shown("ann"), shown("x" * 100)
    ("'ann'", "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...'")
    """
    text = str(value)
    return f"'{one_line(text[:SHOWN] + '...' if len(text) > SHOWN else text)}'"


def not_fitted(kind: str) -> NotFittedError:
    """Error for a result that was asked of an estimator before its `fit`.

    Where scikit-learn is loaded, it is an instance of that library's error of this name too, which
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
    """A class below ours and theirs, which a reader of a traceback sees as ours."""
    return type("NotFittedError", (NotFittedError, theirs), {"__module__": __name__})


def unknown_name(kind: str, name: str, known: Iterable[str]) -> InputError:
    """Error for a name outside a closed list, with the nearest known name.

    Examples
    --------
    >>> print(unknown_name("model", "vgea", ["vgae", "gae"]))
    unknown model 'vgea': did you mean 'vgae'? Known: gae, vgae
    """
    names = sorted(known)
    near = nearest(name, names)
    hint = "" if near is None else f"did you mean '{near}'? "
    return InputError(f"unknown {kind} '{name}': {hint}Known: {', '.join(names)}")


def nearest(name: str, known: Iterable[str], *, cutoff: float = 0.5) -> str | None:
    """The known name that is most like another one, or None.

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
    """Error for a file that a later version of this program wrote.

    Examples
    --------
    >>> print(newer_format("run.json", 2, 1))
    run.json: format 2 is newer than this program's 1; update vgae
    """
    return InputError(
        f"{where}: format {str(found)[:SHOWN]} is newer than this program's {known}; update vgae"
    )
