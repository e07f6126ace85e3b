"""Whether probabilities are frequencies: raw and calibrated, on splits of real graphs.

    VGAE_DATA=... python benchmarks/calibration.py [--graphs cora,pubmed] [--runs 10] [--quick]

Prints two Markdown tables. VGAE and GAE learn from the training edges without features, with their
defaults; run r splits and fits with seed r (protocol T, train-only messages). The first table has
the expected calibration error (ECE) of the test pairs at 1:1, in percent: mean over the runs and
standard error. Next to it stands the error that the same probabilities would have if they were
right (drawn labels: the bias that finitely many pairs bring), and the error of all runs' pairs
pooled, where that bias is smaller. `ECE` bins the probability of an edge, `confidence` the
probability of the predicted class, as papers do. The second table compares the predicted with the
actual test edges among all pairs that are not known. Both AUC must agree to the bit.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import vgae
from vgae.data.split import Split
from vgae.learning.calibration import calibration_at_prevalence, fit_calibrator
from vgae.learning.judge import precision_at
from vgae.learning.metrics import expected_calibration_error, roc_auc
from vgae.learning.precision import expected_precision
from vgae.learning.scores import Scores, VectorScores

MODELS = {"vgae": vgae.VGAE, "gae": vgae.GAE}
N_DRAWS, BEST = 100, 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--graphs", default="cora,pubmed")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--quick", action="store_true", help="two short runs on the karate club")
    parser.add_argument("--embeddings", type=Path, help="folder that keeps them between calls")
    options = parser.parse_args()
    graphs = "karate" if options.quick else options.graphs
    n_runs, steps = (2, {"steps": 20}) if options.quick else (options.runs, {})
    errors, frequencies = [], []
    for name in graphs.split(","):
        graph = vgae.load_dataset(name)
        for model in MODELS:
            found = Found()
            for run in range(n_runs):
                split = vgae.split_edges(graph, seed=run)
                kept = options.embeddings and options.embeddings / f"{name}-{model}-{run}.npy"
                found.add(split, scores_of(split, model, run, steps, kept))
            errors += found.error_rows(f"{name}, {model}")
            frequencies.append(found.frequency_row(f"{name}, {model}"))
    print("| graph, model | probabilities | ECE | if right | pooled |", end="")
    print(" confidence | if right | pooled |")
    print("|---|---|---|---|---|---|---|---|")
    print(*errors, sep="\n")
    print(
        "\n| graph, model | AUC | predicted / actual | by tenth, the most probable first |", end=""
    )
    print(f" log loss saved | among the {BEST} best: test edges, expected |")
    print("|---|---|---|---|---|---|")
    print(*frequencies, sep="\n")


def scores_of(
    split: Split, model: str, seed: int, steps: dict[str, int], kept: Path | None
) -> Scores:
    """The fitted model's scores, from a file where they are kept."""
    if kept is not None and kept.exists():
        return VectorScores(np.load(kept))
    scores: Scores = MODELS[model](features="none", seed=seed, **steps).fit(split).scores()
    if kept is not None:
        partial = kept.with_name(kept.name + ".part.npy")
        np.save(partial, np.asarray(scores.vectors))
        os.replace(partial, kept)
    return scores


@dataclass
class Found:
    """What the runs of a model on a graph gave."""

    labels: list[NDArray[np.float64]] = field(default_factory=list)
    probabilities: dict[str, list[NDArray[np.float64]]] = field(
        default_factory=lambda: {"raw": [], "calibrated": []}
    )
    aucs: list[float] = field(default_factory=list)
    at_prevalence: list[dict[str, Any]] = field(default_factory=list)
    precision: list[tuple[float, float]] = field(default_factory=list)

    def add(self, split: Split, scores: Scores) -> None:
        """Measure one run."""
        calibrator = fit_calibrator(split.training, scores)
        assert calibrator is not None
        parts = (split.test.positives, split.test.negatives)
        raw = scores.pairs(np.concatenate(parts)).astype(np.float64)
        calibrated = calibrator.probabilities(raw, prevalence_factor=calibrator.balanced)
        cut = len(parts[0])
        auc = roc_auc(raw[:cut], raw[cut:])
        assert auc == roc_auc(calibrated[:cut], calibrated[cut:])
        self.aucs.append(auc)
        self.labels.append(np.repeat([1.0, 0.0], cut))
        self.probabilities["raw"].append(1 / (1 + np.exp(-raw)))
        self.probabilities["calibrated"].append(calibrated)
        self.at_prevalence.append(calibration_at_prevalence(split, scores, calibrator))
        factor = cut / calibrator.n_edges
        expected = expected_precision(split.training, scores, BEST, prevalence_factor=factor)
        actual = precision_at(split, scores, BEST)
        assert expected is not None
        assert actual is not None
        self.precision.append((actual, expected[0]))

    def error_rows(self, title: str) -> list[str]:
        """Rows of the first table."""
        rows = []
        for name, runs in self.probabilities.items():
            cells = [title, name]
            for convention in (edge, predicted_class):
                errors = [
                    expected_calibration_error(*convention(p, y))
                    for p, y in zip(runs, self.labels, strict=True)
                ]
                pooled = convention(np.concatenate(runs), np.concatenate(self.labels))
                right = np.mean([error_if_right(p, convention) for p in runs])
                cells += [spread(errors, 100), f"{100 * right:.2f}"]
                cells.append(f"{100 * expected_calibration_error(*pooled):.2f}")
            rows.append(f"| {' | '.join(cells)} |")
        return rows

    def frequency_row(self, title: str) -> str:
        """The row of the second table."""
        saved = [1 - one["log_loss"] / one["log_loss_of_prevalence"] for one in self.at_prevalence]
        tenths = np.zeros((2, 10))
        for one in self.at_prevalence:
            for place, group in enumerate(reversed(one["deciles"])):
                tenths[:, place] += group["actual"], group["predicted"]
        ratios = " ".join(f"{p / a:.2f}" if a else "-" for a, p in tenths.T)
        actual, expected = np.array(self.precision).T
        cells = [
            title,
            spread(self.aucs, 100),
            spread([one["ratio"] for one in self.at_prevalence], 1, 4),
            ratios,
            spread(saved, 100) + " %",
            f"{spread(actual, 100)} %, {spread(expected, 100)} %",
        ]
        return f"| {' | '.join(cells)} |"


Binned = tuple[NDArray[np.float64], NDArray[Any]]


def edge(probabilities: NDArray[np.float64], labels: NDArray[Any]) -> Binned:
    """The probability of an edge, and whether there is one."""
    return probabilities, labels


def predicted_class(probabilities: NDArray[np.float64], labels: NDArray[Any]) -> Binned:
    """The probability of the predicted class, and whether the prediction holds."""
    return np.maximum(probabilities, 1 - probabilities), (probabilities > 0.5) == labels


def error_if_right(probabilities: NDArray[np.float64], convention: Any) -> float:
    """Mean error over labels that are drawn from the probabilities."""
    random = np.random.default_rng(0)
    drawn = random.random((N_DRAWS, len(probabilities))) < probabilities
    return float(
        np.mean([expected_calibration_error(*convention(probabilities, row)) for row in drawn])
    )


def spread(values: Any, scale: float, digits: int = 2) -> str:
    """Mean and standard error."""
    values = np.asarray(values) * scale
    error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return f"{values.mean():.{digits}f} ± {error:.{digits}f}"


if __name__ == "__main__":
    main()
