"""What an auto-encoder tells of itself: also how simple methods would have done."""

from pathlib import Path

import pytest

import vgae
from vgae.data.graph import Graph
from vgae.data.split import split_edges

GRID = Graph.from_edges([(i, i + step) for i in range(200) for step in (1, 2, 3)])


@pytest.mark.parametrize("model", [vgae.VGAE(steps=1), vgae.GAE(steps=1)])
def test_simple_methods_are_compared_and_kept(model: vgae.VGAE, tmp_path: Path) -> None:
    model.fit(split_edges(GRID, seed=0))
    found = model.simple_methods_
    assert found is not None
    assert found.better is not None
    assert found.methods[found.better] > found.model
    told = model.metrics_["validation"]
    assert found.model == pytest.approx((told["auc"] + told["average_precision"]) / 2)
    model.save(tmp_path / "run")
    assert vgae.load(tmp_path / "run").simple_methods_ == found
    assert "simple_methods_" in type(model)._learned()


def test_there_is_nothing_to_compare_without_validation_pairs() -> None:
    model = vgae.GAE(steps=1).fit(GRID)
    assert model.simple_methods_ is None
    assert model.metrics_["simple"] is None


def test_interruption_is_told() -> None:
    def stop(_: object) -> None:
        raise KeyboardInterrupt

    model = vgae.GAE(steps=9)
    with pytest.raises(KeyboardInterrupt):
        model.fit(split_edges(GRID, seed=0), callbacks=stop)
    assert repr(model).endswith("; interrupted after step 1")
    assert "1, interrupted" in model._repr_html_()
