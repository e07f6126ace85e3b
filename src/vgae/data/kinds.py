"""Kinds of graphs: what an edge means, the types of nodes, and the words for both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vgae.data.adjacency import count
from vgae.ground.errors import InputError, shown, unknown_name

__all__ = [
    "INSTEAD",
    "KINDS",
    "NO_SIGNS",
    "NO_WEIGHTS",
    "SIDES",
    "WEIGHT_MEANS",
    "Kind",
    "WeightMeans",
    "check_signs",
    "checked_types",
    "graph_kind",
    "joined_types",
    "misfit",
    "types_of_new",
    "why_not_joined",
]

Kind = Literal["undirected", "directed", "bipartite", "signed"]
KINDS: tuple[Kind, ...] = get_args(Kind)

WeightMeans = Literal["propagation", "count", "value", "confidence"]
WEIGHT_MEANS: tuple[WeightMeans, ...] = get_args(WeightMeans)

INSTEAD = {
    "undirected": "",
    "directed": "; read it with --undirected (directed=False)",
    "bipartite": "; read it with --no-bipartite (bipartite=False)",
    "signed": "; remove the negative edges, and read it without --signed (signed=False)",
}
"""What else a graph of each kind can be read as, as a clause of a message."""

NO_WEIGHTS = "signed: give weights, whose signs say what an edge means"
"""What is wrong with a signed graph without weights."""
NO_SIGNS = (
    "no weight is negative, so that there is no sign to learn; read it without --signed "
    "(signed=False), or name the column of the weights (--weight, weight=)"
)
"""What is wrong with a signed graph of positive weights."""

SIDES = ("source", "target")
"""Names of the two types of a bipartite graph whose data name none."""


def graph_kind(
    kind: str | None = None,
    *,
    directed: bool = False,
    bipartite: bool | None = None,
    signed: bool = False,
) -> Kind:
    """The kind of a graph, from its name or from options that say so.

    Raises
    ------
    InputError
        The kind is unknown, or two of these contradict each other.

    Examples
    --------
    >>> graph_kind(), graph_kind(directed=True), graph_kind("signed", signed=True)
    ('undirected', 'directed', 'signed')
    """
    if kind is not None and kind not in KINDS:
        raise unknown_name("kind of graph", kind, KINDS)
    named: set[str] = {kind} if kind is not None else set()
    options = {"directed": directed, "bipartite": bool(bipartite), "signed": signed}
    named |= {name for name, is_set in options.items() if is_set}
    if len(named) > 1:
        said = " and ".join(name for name in KINDS if name in named)
        raise InputError(f"a graph cannot be {said}: give one kind")
    for name in KINDS:
        if name in named:
            return name
    return "undirected"


def misfit(who: str, kind: str, takes: Sequence[str] = ("undirected",)) -> InputError:
    """The error of a method that does not take graphs of this kind.

    Parameters
    ----------
    who
        The method, as the error names it.
    kind
        The kind of the graph.
    takes
        The kinds that the method takes.

    Examples
    --------
    >>> print(misfit("katz", "directed"))
    katz: takes undirected graphs, and this one is directed; read it with --undirected
    (directed=False)
    """
    words = f"{', '.join(takes[:-1])} and {takes[-1]}" if len(takes) > 1 else takes[0]
    advice = INSTEAD[kind]
    if kind == "undirected" and "directed" in takes:
        advice = "; read it with --directed (directed=True)"
    return InputError(f"{who}: takes {words} graphs, and this one is {kind}{advice}")


def checked_types(
    node_types: ArrayLike, type_names: Sequence[str] | None = None
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Codes of the types of nodes, shape (n_nodes,), and the names of the types.

    Parameters
    ----------
    node_types
        One type per node: names or other plain values, or, with `type_names`, codes from 0.
    type_names
        Names of the types; by default the distinct types, sorted.

    Raises
    ------
    InputError
        A node has no type, a code has no name, or a name occurs twice.

    Examples
    --------
    >>> checked_types(["b", "a", "b"])
    (array([1, 0, 1]), ('a', 'b'))
    >>> checked_types([0, 1], ["user", "item"])
    (array([0, 1]), ('user', 'item'))
    """
    given = np.asarray(node_types)
    if given.ndim != 1 or (given.size and given.dtype.kind not in "OUTiub"):
        raise InputError(
            f"node_types: {given.dtype} of shape {given.shape}; give one type per node"
        )
    if type_names is None:
        names = [value.strip() if isinstance(value, str) else value for value in given.tolist()]
        words = np.array(["" if name is None else str(name) for name in names], dtype=object)
        bad = np.flatnonzero((words == "") | (words == "nan"))
        if bad.size:
            raise InputError(
                f"node_types, row {bad[0]}: the node has no type "
                f"({count(bad.size, 'such node')}); give each node one"
            )
        found, codes = np.unique(words, return_inverse=True)
        return codes.astype(np.int64).reshape(-1), tuple(found.tolist())
    labels = tuple(type_names)
    if not all(isinstance(name, str) and name for name in labels) or len({*labels}) < len(labels):
        raise InputError(f"type_names: {list(labels)!r}; give distinct names of types")
    if given.size and given.dtype.kind not in "iu":
        raise InputError("node_types: with type_names, give the place of each node's type in them")
    bad = np.flatnonzero((given < 0) | (given >= len(labels)))
    if bad.size:
        raise InputError(
            f"node_types, row {bad[0]}: {given[bad[0]]} is no place among the "
            f"{count(len(labels), 'type')}"
        )
    return given.astype(np.int64), labels


def joined_types(
    edges: NDArray[np.int64], node_types: NDArray[np.int64], *, ordered: bool
) -> NDArray[np.int64]:
    """Pairs of types that edges join, each once, shape (n_type_pairs, 2), sorted.

    Examples
    --------
    >>> joined_types(np.array([[0, 1], [2, 1]]), np.array([1, 0, 1]), ordered=False).tolist()
    [[0, 1]]
    """
    pairs = node_types[edges]
    if not ordered:
        pairs = np.sort(pairs, axis=1)
    found: NDArray[np.int64] = np.unique(pairs.reshape(-1, 2), axis=0)
    return found


def why_not_joined(
    ends: Sequence[int] | NDArray[np.signedinteger[Any]],
    node_types: NDArray[np.int64] | None,
    type_names: Sequence[str],
    ids: Any,
) -> str:
    """Why no edge can join two nodes, in words.

    Parameters
    ----------
    ends
        Indices of the two nodes.
    node_types, type_names, ids
        Those of the graph.

    Examples
    --------
    >>> why_not_joined([0, 1], np.array([0, 0]), ["user"], ["a", "b"])
    "'a' and 'b' are of the types 'user' and 'user', which no edge of this graph joins"
    >>> why_not_joined([1, 1], None, [], ["a", "b"])
    "'b' - 'b' joins a node with itself, which no edge of a graph does"
    """
    one, other = (shown(ids[end]) for end in ends)
    if node_types is None or ends[0] == ends[1]:
        return f"{one} - {other} joins a node with itself, which no edge of a graph does"
    left, right = (shown(type_names[node_types[end]]) for end in ends)
    return (
        f"{one} and {other} are of the types {left} and {right}, which no edge of this graph joins"
    )


def types_of_new(
    ids: Sequence[Any],
    neighbors: Sequence[NDArray[np.int64]],
    can_join: NDArray[np.bool_],
    type_names: Sequence[str],
) -> NDArray[np.int64]:
    """The types of nodes that join a graph, shape (n_new,).

    An id that begins with the name of a type, as "user:7" does, tells it. Otherwise it is the one
    type that can be joined with those of all neighbours.

    Parameters
    ----------
    ids
        Ids of the new nodes.
    neighbors
        For each new node, the types of the known nodes that it is linked to.
    can_join
        Whether nodes of two types can be joined in either direction, shape (n_types, n_types).
    type_names
        Names of the types.

    Raises
    ------
    InputError
        Neither tells the type of a node.

    Examples
    --------
    >>> can_join, names = np.array([[False, True], [True, False]]), ["user", "item"]
    >>> types_of_new(["user:7", "tea"], [np.array([]), np.array([0])], can_join, names).tolist()
    [0, 1]
    """
    found = np.empty(len(ids), dtype=np.int64)
    for place, (name, linked) in enumerate(zip(ids, neighbors, strict=True)):
        prefix, mark, _ = str(name).partition(":")
        fitting = np.flatnonzero(can_join[linked.astype(np.int64)].all(axis=0))
        if mark and prefix in type_names:
            found[place] = list(type_names).index(prefix)
        elif len(linked) and fitting.size == 1:
            found[place] = fitting[0]
        else:
            raise InputError(
                f"node {shown(name)}: neither its id nor its links tell its type; write its id as "
                f"{shown(f'{type_names[0]}:{name}')} if it is of the type {shown(type_names[0])}"
            )
    return found


def check_signs(graph: Any, where: str) -> None:
    """Refuse a signed graph that was just read and has no negative weight.

    Raises
    ------
    InputError
        It has none.

    Examples
    --------
    >>> from vgae.data.graph import Graph
    >>> check_signs(Graph.from_edges([(0, 1)], weights=[2], kind="signed"), "edges.csv")
    Traceback (most recent call last):
    vgae.InputError: edges.csv: no weight is negative, so that there is no sign to learn; read it
    without --signed (signed=False), or name the column of the weights (--weight, weight=)
    """
    if graph.kind == "signed" and not (graph.adjacency.data < 0).any():
        raise InputError(f"{where}: {NO_SIGNS}")
