"""Results in words, the same on a terminal and in a report."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from vgae.learning.results import shares

__all__ = ["command_line", "precision_words", "reasons_words", "split_label", "split_words"]

LEAST_REASON, MOST_REASONS = 0.05, 3
"""What a reason must add to a logit to be said, and how many are said."""


def command_line(*words: object) -> str:
    """A command as a shell takes it, with quotes where it needs them.

    Examples
    --------
    >>> command_line("vgae", "recommend", "my folder/run 1", "--top", 10)
    "vgae recommend 'my folder/run 1' --top 10"
    """
    return shlex.join(map(str, words))


def reasons_words(reason: Mapping[str, float]) -> str:
    """The kinds of evidence that say most about a link, and what each adds to its logit.

    Examples
    --------
    >>> reasons_words({"feature similarity": 3.14, "degrees": -0.5, "random walks": 0.01})
    'feature similarity +3.1, degrees -0.5'
    """
    said = [(name, value) for name, value in reason.items() if abs(value) >= LEAST_REASON]
    said = sorted(said, key=lambda item: -abs(item[1]))[:MOST_REASONS]
    return ", ".join(f"{name} {value:+.1f}" for name, value in said)


def split_label(protocol: str, proportions: Mapping[str, float]) -> str:
    """Protocol and proportions in brief, for the header of every table of scores.

    Examples
    --------
    >>> split_label("T", {"train": 0.85, "validation": 0.05, "test": 0.1})
    '[T, 85 / 5 / 10]'
    """
    return f"[{protocol}, {shares(proportions)}]"


def split_words(protocol: str, proportions: Mapping[str, float]) -> str:
    """Protocol and proportions in words, for every result that is shown.

    Examples
    --------
    >>> split_words("T", {"train": 0.85, "validation": 0.05, "test": 0.1})
    'protocol T, split 85 / 5 / 10 (train / validation / test)'
    """
    return f"protocol {protocol}, split {shares(proportions)} ({' / '.join(proportions)})"


def precision_words(n_links: int, estimate: float, low: float, high: float) -> str:
    """How many of the recommended links are expected to be missing edges.

    Examples
    --------
    >>> precision_words(10, 0.23, 0.05, 0.61)
    'of these 10 links, 2.3 (95 % interval 0.5 to 6.1) are expected to be missing edges, if the
    graph lacks as many as were held out for validation'
    """
    shown = (f"{n_links * share:.1f}" for share in (estimate, low, high))
    expected, least, most = shown
    links = "link" if n_links == 1 else f"{n_links:,} links"
    return (
        f"of {'this' if n_links == 1 else 'these'} {links}, {expected} (95 % interval {least} to "
        f"{most}) are expected to be missing edges, if the graph lacks as many as were held out "
        "for validation"
    )
