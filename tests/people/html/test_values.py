import numpy as np
import pytest

from vgae.people.html.values import LinkTable, NodeMap


def test_what_a_run_may_lack_is_empty_by_default() -> None:
    links = LinkTable(
        np.zeros((0, 2), np.int64), np.zeros(0), None, np.zeros((0, 2), np.int64), None, []
    )
    nodes = NodeMap(np.zeros((1, 2), np.uint16), "one place", ())
    assert dict(links.extra) == {}
    assert (nodes.edges, nodes.partners, nodes.pictures) == (None, None, None)
    with pytest.raises(AttributeError):
        nodes.words = "another"  # type: ignore[misc]
