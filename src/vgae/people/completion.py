"""Names that a shell completes. Nothing here imports torch, since a shell asks at every Tab."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from vgae.learning.settings import LATENT_OF

__all__ = [
    "METHODS",
    "METRICS",
    "NEGATIVES",
    "PLOTS",
    "QUESTIONS",
    "TASKS",
    "graphs",
    "list_of",
    "one_of",
    "one_or_file",
]

METHODS = (
    *LATENT_OF,
    *("propagated-features", "random-projection", "spectral", "gsvd", "als", "strap"),
    *("deepwalk", "sdne", "vae", "common-neighbors", "adamic-adar"),
    *("resource-allocation", "directed-common-neighbors", "directed-resource-allocation"),
    *(
        "degree",
        "preferential-attachment",
        "strength",
        "balance",
        "popularity",
        "item-knn",
        "katz",
        "pagerank",
    ),
)
METRICS = (
    *("auc", "average_precision", "hits@10", "hits@50", "hits@100", "mrr"),
    *("full_average_precision", "auc_degree", "average_precision_degree", "auc_by_node"),
    *("mrr_open", "hits_open@10", "precision@100", "ece"),
    *("recall@20", "ndcg@10", "mrr_by_user"),
)
NEGATIVES = ("uniform", "degree", "two-hop")
PLOTS = ("map", "roc", "pr", "reliability", "training", "degrees")
TASKS = ("links", "nodes", "clusters")
QUESTIONS = ("general", "biased", "bidirectional")
"""Closed lists of names, written again here since the rooms that own them import torch."""


def one_of(*names: str) -> Callable[[str], list[str]]:
    """Complete one of these names.

    Examples
    --------
    >>> one_of("paper", "unit")("u")
    ['unit']
    """

    def complete(incomplete: str) -> list[str]:
        return [name for name in names if name.startswith(incomplete)]

    return complete


def list_of(*names: str) -> Callable[[str], list[str]]:
    """Complete the last of several names with commas between them; each is offered once.

    Examples
    --------
    >>> list_of("vgae", "gae", "katz")("vgae,")
    ['vgae,gae', 'vgae,katz']
    """

    def complete(incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",")
        given = before.split(",")
        return [
            f"{before}{comma}{name}"
            for name in names
            if name.startswith(last) and name not in given
        ]

    return complete


def graphs(incomplete: str) -> list[str]:
    """Complete the name of a data set or of a file.

    Examples
    --------
    >>> graphs("karat")
    ['karate']
    """
    from vgae.data.datasets import DATASETS

    return one_or_file(*DATASETS)(incomplete)


def one_or_file(*names: str, suffix: str = "") -> Callable[[str], list[str]]:
    """Complete one of these names, or a file whose name ends in `suffix`.

    Examples
    --------
    >>> one_or_file("paper", "unit", suffix=".toml")("pap")
    ['paper']
    """

    def complete(incomplete: str) -> list[str]:
        folder, slash, start = incomplete.rpartition("/")
        found = [] if slash else one_of(*names)(incomplete)
        try:
            items = sorted(Path(f"{folder}{slash}" or ".").iterdir())
        except OSError:
            return found
        visible = [item for item in items if not item.name.startswith(".") or start.startswith(".")]
        return found + [
            f"{folder}{slash}{item.name}{'/' * item.is_dir()}"
            for item in visible
            if item.name.startswith(start) and (item.is_dir() or item.name.endswith(suffix))
        ]

    return complete
