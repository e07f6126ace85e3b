"""Pairs that people bring, by node id, as held-out parts; an error names the row that is wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vgae.data.adjacency import count, places_of
from vgae.data.ends import named_ends
from vgae.data.graph import Graph
from vgae.data.ids import IdArray, as_ids, id_columns, unknown_node
from vgae.data.split.held_out import HeldOut
from vgae.data.split.negatives import Pairs, sample_non_edges
from vgae.ground.config import stream_seed
from vgae.ground.errors import InputError

__all__ = ["POSITIVE", "GivenPairs", "given_pairs", "held_out_parts"]

POSITIVE = "positive"
"""The column of a table of negatives that holds the row of the positive, counted from 0."""


@dataclass(frozen=True)
class GivenPairs:
    """Pairs of nodes that know where they were given.

    Attributes
    ----------
    rows
        Node indices, shape (n_pairs, 2).
    place
        Where a row is, in words.
    groups
        For negatives, the row of the positive of each; None where all positives share them.

    Examples
    --------
    >>> pairs = GivenPairs(np.array([[0, 1]]), "test.csv, line {}".format)
    >>> pairs.place(2), pairs.rows.tolist(), pairs.groups
    ('test.csv, line 2', [[0, 1]], None)
    """

    rows: Pairs
    place: Callable[[int], str]
    groups: NDArray[np.int64] | None = None


def given_pairs(graph: Graph, data: Any, name: str) -> GivenPairs:
    """Pairs of node ids as node indices.

    Parameters
    ----------
    graph
        The graph that the ids belong to.
    data
        Pairs, see `vgae.data.ids.id_columns`; an array of ids of shape (n_positives, n_negatives,
        2) or a list of lists of pairs, with the negatives of each positive; or a data frame, whose
        column "positive", if it has one, holds the row of the positive, counted from 0.
    name
        What errors call them.

    Raises
    ------
    InputError
        They are no pairs of node ids, or a node is not in the graph.

    Examples
    --------
    >>> graph = Graph.from_pairs([("a", "b"), ("b", "c")])
    >>> given_pairs(graph, [("c", "a")], "test").rows.tolist()
    [[2, 0]]
    >>> given_pairs(graph, [[("a", "c")], [("c", "a")]], "test_negatives").groups.tolist()
    [0, 1]
    """

    def place(row: int) -> str:
        return f"{name}, row {row}"

    try:
        source, target, groups = _columns(data)
    except InputError as error:
        words = str(error)
        named = words.replace("pairs", name, 1) if words.startswith("pairs") else f"{name}: {words}"
        raise InputError(named) from None
    ends = []
    for ids in (source, target):
        found = graph.index(ids)
        unknown = np.flatnonzero(found < 0)
        if unknown.size:
            what = unknown_node(ids[unknown[0]], graph.ids)
            raise InputError(f"{place(int(unknown[0]))}: {what}")
        ends.append(found)
    return GivenPairs(np.stack(ends, axis=1), place, groups)


def held_out_parts(
    graph: Graph,
    edges: Mapping[str, GivenPairs],
    negatives: Mapping[str, GivenPairs],
    *,
    seed: int,
) -> dict[str, HeldOut]:
    """The parts "validation" and "test", checked, with negatives drawn where none are given.

    Parameters
    ----------
    graph
        The whole graph.
    edges
        Edges by part: "validation", "test" and, only to be checked, "train". A missing part is
        empty.
    negatives
        Negatives by part. A part without them gets one per edge, drawn uniformly.
    seed
        Seed of this draw.

    Raises
    ------
    InputError
        A pair is not an edge of the graph, or a negative is; a pair joins a node with itself,
        occurs twice or in two parts. The error names the row.

    Examples
    --------
    >>> graph = Graph.from_pairs([("a", "b"), ("b", "c")])
    >>> test = given_pairs(graph, [("b", "a")], "test")
    >>> held_out_parts(graph, {"test": test}, {}, seed=0)["test"].negatives.tolist()
    [[0, 2]]
    """
    for name, part in negatives.items():
        if not len(part.rows):
            raise InputError(f"{name} negatives: there are none; omit them to draw one per edge")
        if name not in edges or not len(edges[name].rows):
            raise InputError(f"{name} negatives: there are no {name} edges to rank against them")
    _check_edges(graph, edges)
    _check_negatives(graph, negatives)
    wanted = {
        name: len(edges[name].rows)
        for name in ("validation", "test")
        if name in edges and name not in negatives
    }
    taken = [graph.edges, *(part.rows for part in negatives.values())]
    drawn = sample_non_edges(
        graph.with_pairs(np.concatenate(taken)),
        sum(wanted.values()),
        np.random.default_rng(stream_seed(seed, "negatives")),
        advice="hold out fewer, or give negatives of your own",
    )
    parts = {}
    for name in ("validation", "test"):
        if name not in edges:
            parts[name] = HeldOut.nothing()
        elif name in negatives:
            parts[name] = _held_out(graph, name, edges[name], negatives[name])
        else:
            parts[name] = HeldOut(edges[name].rows, drawn[: wanted[name]])
            drawn = drawn[wanted[name] :]
    return parts


# ------------------------------------------------------------------------- checks


def _check_edges(graph: Graph, edges: Mapping[str, GivenPairs]) -> None:
    for part in edges.values():
        codes = _codes_between_two(graph, part)
        strange = np.flatnonzero(places_of(codes, graph.pair_space.codes(graph.edges)) < 0)
        if strange.size:
            row = int(strange[0])
            raise InputError(
                f"{part.place(row)}: {_ids(graph, part, row)} is not an edge of the graph, which "
                "must contain held-out edges too"
            )
    _refuse_repeats(graph, edges, "an edge belongs to one part, once, in one direction")


def _check_negatives(graph: Graph, negatives: Mapping[str, GivenPairs]) -> None:
    for part in negatives.values():
        codes = _codes_between_two(graph, part)
        edge = np.flatnonzero(places_of(codes, graph.pair_space.codes(graph.edges)) >= 0)
        if edge.size:
            row = int(edge[0])
            raise InputError(
                f"{part.place(row)}: {_ids(graph, part, row)} is an edge of the graph, and so no "
                "negative"
            )
        strange = np.flatnonzero(~graph.pair_space.allows(part.rows))
        if strange.size:
            row = int(strange[0])
            raise InputError(
                f"{part.place(row)}: {_ids(graph, part, row)} joins types of nodes that no edge of "
                "the graph joins, and so is no negative"
            )
    shared = {name: part for name, part in negatives.items() if part.groups is None}
    _refuse_repeats(graph, shared, "give each negative once")
    for name, part in negatives.items():
        if part.groups is not None:
            _refuse_repeats(graph, {name: part}, "give each negative of a positive once")


def _held_out(graph: Graph, name: str, edges: GivenPairs, negatives: GivenPairs) -> HeldOut:
    groups, n_edges = negatives.groups, len(edges.rows)
    if groups is not None:
        outside = np.flatnonzero((groups < 0) | (groups >= n_edges))
        if outside.size:
            row = int(outside[0])
            raise InputError(
                f"{negatives.place(row)}: {POSITIVE} {groups[row]} is no row of the "
                f"{count(n_edges, f'{name} edge')}, which are counted from 0"
            )
        alone = np.flatnonzero(np.bincount(groups, minlength=n_edges) == 0)
        if alone.size:
            row = int(alone[0])
            raise InputError(
                f"{edges.place(row)}: {_ids(graph, edges, row)} has no negative of its own "
                f"({count(alone.size, 'such edge')}); give each at least one"
            )
    return HeldOut(edges.rows, negatives.rows, groups)


def _codes_between_two(graph: Graph, part: GivenPairs) -> NDArray[np.int64]:
    loops = np.flatnonzero(part.rows[:, 0] == part.rows[:, 1])
    if loops.size:
        row = int(loops[0])
        raise InputError(
            f"{part.place(row)}: {_ids(graph, part, row)} joins a node with itself, which no edge "
            "of a graph does"
        )
    return graph.pair_space.codes(part.rows)


def _refuse_repeats(graph: Graph, parts: Mapping[str, GivenPairs], rule: str) -> None:
    """Refuse a pair that occurs twice, in any of the parts; in groups, twice in one."""
    if not parts:
        return
    codes = np.concatenate([graph.pair_space.codes(part.rows) for part in parts.values()])
    groups = [np.zeros(len(p.rows), int) if p.groups is None else p.groups for p in parts.values()]
    group = np.concatenate(groups)
    order = np.lexsort((group, codes))  # stable: of equal ones the first given comes first
    same = (np.diff(codes[order]) == 0) & (np.diff(group[order]) == 0)
    if not same.any():
        return
    found = np.flatnonzero(same)[np.argmin(order[1:][same])]
    owners = [(part, row) for part in parts.values() for row in range(len(part.rows))]
    (first, row), (second, again) = owners[order[found]], owners[order[found + 1]]
    raise InputError(
        f"{second.place(again)}: {_ids(graph, second, again)} is there already "
        f"({first.place(row)}); {rule}"
    )


def _ids(graph: Graph, part: GivenPairs, row: int) -> tuple[Any, ...]:
    return tuple(graph.ids[part.rows[row]].tolist())


# ------------------------------------------------------------------------ columns


def _columns(data: Any) -> tuple[IdArray, IdArray, NDArray[np.int64] | None]:
    """Both ends of pairs and, where each positive has its own, the row of the positive."""
    names = getattr(data, "column_names", None)  # PyArrow's, whose `columns` are the cells
    names = getattr(data, "columns", None) if names is None else names
    if names is not None:
        return _columns_of_frame(data, list(names))
    if isinstance(data, (list, np.ndarray)) and len(data) and _holds_pairs(data[0]):
        ends = [id_columns(own) for own in data]
        groups = np.repeat(np.arange(len(ends)), [len(source) for source, _ in ends])
        source, target = (as_ids(np.concatenate(column)) for column in zip(*ends, strict=True))
        return source, target, groups
    return *id_columns(data), None


def _holds_pairs(item: Any) -> bool:
    """Whether it is not a pair of ids but holds such pairs, or none."""
    if isinstance(item, np.ndarray):
        return item.ndim == 2
    return isinstance(item, list) and all(isinstance(pair, (tuple, list)) for pair in item)


def _columns_of_frame(
    data: Any, names: list[Any]
) -> tuple[IdArray, IdArray, NDArray[np.int64] | None]:
    others = [name for name in names if name != POSITIVE]
    if len(others) < 2:
        raise InputError(f"{count(len(others), 'column')} of node ids; give two")
    ends = (named_ends([str(name) for name in others]) or [(0, 1)])[0]
    source, target = (as_ids(np.asarray(data[others[end]])) for end in ends)
    if POSITIVE not in names:
        return source, target, None
    groups = np.asarray(data[POSITIVE])
    if groups.dtype.kind not in "iu":
        raise InputError(f"column '{POSITIVE}' holds {groups.dtype}, not row numbers from 0")
    return source, target, groups.astype(np.int64)
