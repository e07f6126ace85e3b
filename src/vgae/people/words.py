"""Results in words, the same on a terminal and in a report."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from vgae.learning.results import NULL, Evaluation, figure, shares
from vgae.learning.settings import WEIGHT_METRICS

__all__ = [
    "command_line",
    "evaluation_notes",
    "interval_words",
    "metric_title",
    "nothing_left",
    "precision_words",
    "reasons_words",
    "split_label",
    "split_words",
]

_METRIC_TITLES = {
    "auc": "AUC",
    "average_precision": "AP",
    "mrr": "MRR",
    "mrr_open": "MRR open",
    "mrr_by_user": "MRR user",
    "full_average_precision": "full AP",
    "auc_uniform": "AUC unif.",
    "average_precision_uniform": "AP unif.",
    "auc_degree": "AUC deg.",
    "average_precision_degree": "AP deg.",
    "auc_two-hop": "AUC 2-hop",
    "average_precision_two-hop": "AP 2-hop",
    "auc_by_node": "AUC node",
    "auc_biased": "AUC biased",
    "average_precision_biased": "AP biased",
    "mrr_biased": "MRR biased",
    "auc_bidirectional": "AUC bidir.",
    "average_precision_bidirectional": "AP bidir.",
    "mrr_bidirectional": "MRR bidir.",
    "sign_auc": "sign AUC",
    "sign_f1_macro": "sign F1",
    "ece": "ECE",
    "log_likelihood": "log lik.",
    "spearman": "Spearman",
    "rmse": "RMSE",
    "nmi": "NMI",
    "ari": "ARI",
}

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


def nothing_left(*, of_nodes: bool = False) -> str:
    """Why no link is recommended.

    Parameters
    ----------
    of_nodes
        Whether links of some nodes were asked for, and not those of the whole graph.

    Examples
    --------
    >>> nothing_left()
    'all pairs that can be edges are known edges: there is nothing to recommend'
    """
    nodes = "of these nodes " if of_nodes else ""
    return f"all pairs {nodes}that can be edges are known edges: there is nothing to recommend"


def metric_title(metric: str) -> str:
    """A metric as the header of a column names it.

    Examples
    --------
    >>> metric_title("average_precision"), metric_title("precision@100"), metric_title("hits@10")
    ('AP', 'P@100', 'Hits@10')
    """
    if metric.startswith("precision@"):
        return metric.replace("precision", "P")
    if metric.startswith("ndcg@"):
        return metric.replace("ndcg", "NDCG")
    if metric.startswith("hits_"):
        return metric.replace("hits_", "Hits ")
    return _METRIC_TITLES.get(metric, metric.title())


def interval_words(metric: str, interval: tuple[float, float] | None) -> str:
    """The two ends of an interval of a metric, as people read them.

    Examples
    --------
    >>> interval_words("auc", (0.81, 0.9)), interval_words("auc", None)
    ('81.0 to 90.0', '-')
    """
    return "-" if interval is None else " to ".join(figure(metric, end) for end in interval)


def evaluation_notes(result: Evaluation) -> list[str]:
    """How an evaluation was made, and by which methods: the notes to its table.

    Examples
    --------
    >>> from vgae import evaluate, load_dataset
    >>> result = evaluate(load_dataset("karate"), ["katz"], runs=1, metrics=["auc"])
    >>> evaluation_notes(result)[-1]
    'katz: without features'
    """
    if result.runs > 1:
        told = ["mean and standard error, in percent", f"{result.runs} runs"]
        if result.given_split:
            told[1] += " (only the method's seed changes)"
        elif "links" in result.tasks:
            told[1] += " (seed and split change together)"
    else:
        told = ["a single run, in percent, without a standard error"]
    if "links" in result.tasks:
        told.append(split_words(result.protocol, result.proportions))
        told[-1] += ", given" * result.given_split
        if result.negatives != "uniform":
            told.append(f"{result.negatives} negatives")
    for name, used in result.results.items():
        words = [] if used.features is None else [f"with{'' if used.features else 'out'} features"]
        words += [] if used.preset is None else [f"preset {used.preset}"]
        words += [f"{key} {value}" for key, value in used.overrides.items()]
        if used.objective == "sampled" and "objective" not in used.overrides:
            words.append("objective sampled")
        told.append(f"{name}: {', '.join(words) or used.kind}")
    if any(name in WEIGHT_METRICS for scores in result.metrics.values() for name in scores):
        told.append("metrics of weights as they are, not in percent")
    beaten = result.beaten_by_degrees()
    if beaten is not None:
        told.append(
            f"{NULL} knows degrees alone: a method that does not beat it has learned nothing else "
            f"of this graph (here: {', '.join(beaten) or 'none'})"
        )
    return told
