import numpy as np
import pytest

from vgae.evaluation import evaluate_runs, summarize
from vgae.graph import Graph
from vgae.split import Split, SplitSettings, split_edges


def test_seed_and_split_change_together_and_methods_share_splits(karate: Graph) -> None:
    seen: list[tuple[str, int, int, tuple[int, ...]]] = []

    def method(name: str):  # type: ignore[no-untyped-def]
        def scores(split: Split, seed: int) -> dict[str, float | None]:
            seen.append((name, split.seed, seed, tuple(split.test.positives.ravel())))
            return {"auc": 0.5}

        return scores

    found = list(
        evaluate_runs(
            karate,
            {"a": method("a"), "b": method("b")},
            runs=3,
            seed=10,
            settings=SplitSettings(),
        )
    )
    assert [(score.method, score.run) for score in found] == [
        (name, run) for run in range(3) for name in "ab"
    ]
    assert [row[1] for row in seen] == [row[2] for row in seen] == [10, 10, 11, 11, 12, 12]
    assert seen[0][3] == seen[1][3] != seen[2][3]
    expected = split_edges(karate, seed=11).test.positives
    assert seen[2][3] == tuple(expected.ravel())


def test_the_standard_error_is_that_of_the_mean() -> None:
    values = [0.5, 0.7, 0.9, 0.6]
    summary = summarize(list(values))
    assert summary.mean == pytest.approx(np.mean(values))
    assert summary.standard_error == pytest.approx(np.std(values, ddof=1) / 2)
    assert summary.as_dict()["values"] == values


def test_one_run_has_no_standard_error_and_undefined_stays_undefined() -> None:
    assert summarize([0.5]).standard_error is None
    assert summarize([0.5, None]).mean is None
    assert summarize([]).mean is None
