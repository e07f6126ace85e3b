"""What each ingredient of the preset strong is worth: the model without it, on the same splits.

    VGAE_DATA=... python benchmarks/ablation.py [--graphs cora,cora-links,...] [--runs 10]

Protocol T, 85/5/10, splits of seeds 100 to 109. A graph with the ending -links is used without its
features. Prints a Markdown table per graph: AUC, AP and degree-corrected AUC of the test pairs in
percent, and for each ingredient the paired difference without it, with its standard error.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

import numpy as np
from strong import cell, graph_of

from vgae.data.split import Split, split_edges
from vgae.learning.combiner import CombinedScores, fit_combiner
from vgae.learning.evidence import GROUPS, Evidence, Term
from vgae.learning.fitting import fit, hidden_edge_evidence
from vgae.learning.judge import link_scores
from vgae.learning.scores import Scores
from vgae.learning.settings import FitSettings, named_preset

GRAPHS = "cora,citeseer,cora_ml,cora-links,citeseer-links,cora_ml-links"
METRICS = ("auc", "average_precision", "auc_degree")
REFITTED: dict[str, dict[str, Any]] = {
    "all members but one": {"ensemble": 1},
    "the mask": {"mask": 0.0},
    "the combiner": {"combiner": "none"},
}
"""What is taken away by fitting again; groups of evidence are taken from the combiner alone."""


def variants(split: Split, seed: int) -> Iterator[tuple[str, Scores]]:
    """The strong model, then without each of its ingredients."""
    strong = named_preset("strong").settings
    settings = FitSettings.of("gae", **strong, seed=seed)
    scores = fit(split, settings).scores
    yield "strong", scores
    for name, change in REFITTED.items():
        yield name, fit(split, FitSettings.of("gae", **strong | change, seed=seed)).scores
    found = hidden_edge_evidence(split.train, settings.on(split.train))
    assert isinstance(scores, CombinedScores)
    assert found is not None
    columns, hidden, others, _ = found
    for group, words in GROUPS.items():
        kept = np.array([column.group != group for column in columns])
        if kept.all():
            continue
        terms = [
            Term(term.scores, tuple(one for one in term.columns if one.group != group))
            for term in scores.evidence.terms
        ]
        evidence = Evidence([term for term in terms if term.columns], split.train.n_nodes)
        combiner = fit_combiner(evidence.columns, hidden[:, kept], others[:, kept])
        yield words, CombinedScores(evidence, combiner, scores.vectors)


def main() -> None:
    """Print a table per graph."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--graphs", default=GRAPHS)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--first", type=int, default=100)
    options = parser.parse_args()
    for name in options.graphs.split(","):
        graph = graph_of(name)
        found: dict[str, list[list[float]]] = {}
        for seed in range(options.first, options.first + options.runs):
            split = split_edges(graph, seed=seed)
            for label, scores in variants(split, seed):
                row = link_scores(split, scores, METRICS)
                found.setdefault(label, []).append([float(row[key] or 0.0) for key in METRICS])
                shown = " ".join(f"{100 * value:.2f}" for value in found[label][-1])
                print(f"# {name} {seed} {label}: {shown}", flush=True)
        print(f"\n{name}: {graph}, {options.runs} splits\n")
        print(f"| without | {' | '.join(METRICS)} |\n|---|{'---|' * len(METRICS)}")
        whole = np.array(found.pop("strong"))
        print(f"| - | {' | '.join(cell(column) for column in whole.T)} |")
        for label, rows in found.items():
            cells = [cell(column, sign="+") for column in (np.array(rows) - whole).T]
            print(f"| {label} | {' | '.join(cells)} |")
        print(flush=True)


if __name__ == "__main__":
    main()
