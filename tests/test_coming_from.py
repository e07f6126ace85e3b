"""The code of PyTorch Geometric that its page shows runs, and does what the page says of it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from places import DOCS

PAGE = DOCS / "coming-from" / "pyg.md"
BLOCKS = re.findall(r"```python\n(?!>>>)(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.fixture(scope="module")
def names() -> dict[str, Any]:
    """What the blocks define, run in their order as a reader would."""
    pytest.importorskip("torch_geometric", reason="the page compares with PyTorch Geometric")
    defined: dict[str, Any] = {}
    for block in BLOCKS:
        exec(compile(block, str(PAGE), "exec"), defined)
    return defined


def test_their_code_learns_something(names: dict[str, Any]) -> None:
    assert len(BLOCKS) == 5
    assert 0.8 < names["auc"] < 1
    assert names["probability"].shape == (2,)


def test_our_model_takes_their_split(names: dict[str, Any]) -> None:
    assert names["ours"].metrics_["test"]["auc"] > 0.8


def test_their_usual_leak_is_refused_in_one_line(names: dict[str, Any]) -> None:
    assert names["message"]
    assert "\n" not in names["message"]


def test_probabilities_of_the_library_average_about_one_half(names: dict[str, Any]) -> None:
    """As the table says: a sigmoid of inner products is no frequency."""
    every = names["model"].decoder.forward_all(names["z"])
    assert 0.4 < float(every.mean()) < 0.7
