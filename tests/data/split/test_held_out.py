"""Held-out edges with negatives of their own: checked, copied, saved."""

from pathlib import Path
from typing import Any

import pytest

from vgae.data.graph import Graph
from vgae.data.split import HeldOut, Split, load_split, save_split
from vgae.ground.errors import InputError

PATH = Graph.from_edges([(i, i + 1) for i in range(9)])


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ([0, 0], "give the row of a positive for each of the 3 negatives"),
        ([0.0, 1.0, 1.0], "groups: float64"),
        ([0, 1, 2], "groups, row 2: 2 is no row of the 2 positives"),
        ([0, -1, 1], "groups, row 1: -1 is no row"),
        ([1, 1, 1], "positive 0 has no negative of its own"),
    ],
)
def test_groups_name_a_positive_for_each_negative(groups: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        HeldOut([(0, 1), (1, 2)], [(0, 3), (0, 4), (1, 3)], groups)


def test_a_split_by_hand_is_checked_within_groups_too(tmp_path: Path) -> None:
    edges, nothing = [(0, 1), (1, 2)], HeldOut.nothing()

    def split(negatives: Any, groups: Any) -> Split:
        test = HeldOut(edges, negatives, groups)
        return Split.of_parts(PATH, validation=nothing, test=test)

    shared = split([(0, 5), (5, 0), (0, 6)], [0, 1, 1])
    assert shared.test.groups is not None
    with pytest.raises(InputError, match="a test positive has the same negative twice"):
        split([(0, 5), (5, 1), (1, 5)], [0, 1, 1])
    with pytest.raises(InputError, match="in both the training edges and the test negatives"):
        split([(0, 5), (5, 1), (3, 4)], [0, 1, 1])
    with pytest.raises(InputError, match=r"give one per positive, or settings with negatives="):
        Split.of_parts(PATH, validation=nothing, test=shared.test, negatives="uniform")
    save_split(shared, tmp_path / "split.npz")
    back = load_split(tmp_path / "split.npz", PATH)
    assert back.test.groups is not None
    assert back.test.groups.tolist() == [0, 1, 1]
    assert back.settings == shared.settings
