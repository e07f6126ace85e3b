"""Why a pair of nodes scores what it scores: the parts of the score, and the edges behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vgae.data.attributes import AttributeEncoding, feature_names
from vgae.data.graph import Graph, count
from vgae.data.ids import NodeId
from vgae.ground.errors import InputError, one_line, shortened
from vgae.learning.evidence import GROUPS
from vgae.learning.fitted import Fitted
from vgae.learning.fitted_baseline import FittedBaseline
from vgae.learning.removals import LocalRemovals, Removals, removals_of
from vgae.learning.score_parts import Part, parts_of, scale_of

__all__ = [
    "CommonNeighbor",
    "EdgeEffect",
    "Explanation",
    "FeatureEffect",
    "SimilarPair",
    "explain",
    "explain_many",
    "with_graph",
]

MOST_NAMED = 10
"""How many common neighbours and known pairs are named."""
MOST_SAID = 2
"""How many of anything the one line names."""

Pairs = NDArray[np.int64]


class EdgeEffect(NamedTuple):
    """A known edge, and how much the score of the pair falls without it.

    Examples
    --------
    >>> EdgeEffect("ann", "bob", 0.25).effect
    0.25
    """

    source: NodeId
    target: NodeId
    effect: float


class FeatureEffect(NamedTuple):
    """A feature, and how much the score falls where neither of the two nodes has it.

    Examples
    --------
    >>> FeatureEffect("age", -0.5).effect
    -0.5
    """

    name: str
    effect: float


class CommonNeighbor(NamedTuple):
    """A node that is linked to both nodes of the pair, and its number of edges.

    Examples
    --------
    >>> CommonNeighbor("cid", 4).degree
    4
    """

    node: NodeId
    degree: int


class SimilarPair(NamedTuple):
    """A known edge at one node of the pair, whose other end is like the pair's other node.

    The similarity is the cosine of the two embeddings.

    Examples
    --------
    >>> SimilarPair("ann", "cid", "bob", 0.875).similarity
    0.875
    """

    source: NodeId
    target: NodeId
    like: NodeId
    similarity: float


@dataclass(frozen=True)
class Explanation:
    """Why a pair of nodes scores what it scores.

    Attributes
    ----------
    source, target
        The pair.
    probability, score
        What is predicted of it, and the score that this is made from.
    scale
        "logit", where the score is the model's log-odds of an edge; "rate", where it is the
        expected number of edges; otherwise "score".
    parts
        Summands of the score, in the order in which the model has them; they add up to it. Of a
        decoder in factor form, the dimensions of the embedding; of a combiner, its evidence, each
        relative to the mean of the pairs that it was fitted to. Empty where the score is no sum.
    edges
        Known edges, and how much the score falls without each: those that raise it most, then the
        ones that lower it.
    n_edges, n_edges_tried
        How many edges carry messages to the pair, and how many of these were left out in turn.
    features
        The same of features.
    common_neighbors, n_common_neighbors
        Nodes that are linked to both, those with the fewest edges first; and how many there are, or
        None where links join two sides, whose nodes have none in common.
    similar
        The known edges that are most like the pair.
    known
        Whether the pair is a known edge, which the model may have learned from.
    notes
        What to know of the pair, and what could not be said and why.

    Examples
    --------
    >>> from vgae import GAE
    >>> model = GAE(steps=5).fit([("a", "b"), ("b", "c"), ("c", "d"), ("a", "d")])
    >>> found = explain(model.fitted_, (0, 2))
    >>> found.source, found.target, found.scale, found.n_common_neighbors, found.n_edges
    ('a', 'c', 'logit', 2, 4)
    >>> bool(np.isclose(sum(part.amount for part in found.parts), found.score))
    True
    >>> found.why.partition(";")[0]
    '2 common neighbours (b and d)'
    >>> found.by_kind()[0].kind, list(found.as_dict())[:3]
    ('embedding', ['source', 'target', 'probability'])
    """

    source: NodeId
    target: NodeId
    probability: float
    score: float
    scale: str
    parts: tuple[Part, ...]
    common_neighbors: tuple[CommonNeighbor, ...]
    n_common_neighbors: int | None
    similar: tuple[SimilarPair, ...]
    known: bool
    edges: tuple[EdgeEffect, ...] = ()
    n_edges: int = 0
    n_edges_tried: int = 0
    features: tuple[FeatureEffect, ...] = ()
    notes: tuple[str, ...] = ()

    def by_kind(self) -> list[Part]:
        """The parts of each kind as one, the largest amounts first."""
        sums: dict[str, float] = {}
        for part in self.parts:
            sums[part.kind] = sums.get(part.kind, 0.0) + part.amount
        made = [Part(kind, kind, amount) for kind, amount in sums.items()]
        return sorted(made, key=lambda part: -abs(part.amount))

    @property
    def why(self) -> str:
        """The explanation in one line, in which long names are shortened."""
        said = [] if self.n_common_neighbors is None else [self._in_common(self.n_common_neighbors)]
        evidence = [part for part in self.by_kind() if part.kind in GROUPS.values()]
        if evidence:
            said.insert(0, _amounts((part.kind, part.amount) for part in evidence))
        raising = [edge for edge in self.edges if edge.effect > 0][:MOST_SAID]
        if raising:
            links = _amounts(
                (f"{shortened(edge.source)} - {shortened(edge.target)}", -edge.effect)
                for edge in raising
            )
            said.append(f"without a link, the {self.scale} changes: {links}")
        helping = [one for one in self.features if one.effect > 0][:MOST_SAID]
        if helping:
            named = _amounts((shortened(one.name), one.effect) for one in helping)
            said.append(f"features {named}")
        said += [
            f"{shortened(one.source)} is linked to {shortened(one.target)}, which is like "
            f"{shortened(one.like)} ({one.similarity:.2f})"
            for one in self.similar[:1]
        ]
        return one_line("; ".join(said))

    def _in_common(self, n_common: int) -> str:
        if not n_common:
            return "no common neighbours"
        names = [shortened(one.node) for one in self.common_neighbors[:MOST_SAID]]
        more = n_common - len(names)
        listed = " and ".join(names) if not more else f"{', '.join(names)} and {more} more"
        return f"{count(n_common, 'common neighbour')} ({listed})"

    def as_dict(self) -> dict[str, Any]:
        """The explanation as plain values, with its one line as "why"."""
        found = asdict(self)
        for name, value in found.items():
            if isinstance(value, tuple):
                found[name] = [
                    item._asdict() if hasattr(item, "_asdict") else item for item in value
                ]
        return {**found, "why": self.why}


def _amounts(named: Any) -> str:
    """The first names with signed amounts: "degrees +1.20, paths -0.10"."""
    return ", ".join(f"{name} {amount:+.2f}" for name, amount in list(named)[:MOST_SAID])


def explain(
    fitted: Fitted | FittedBaseline, pair: tuple[int, int], *, graph: Graph | None = None
) -> Explanation:
    """Explain the score of a pair: its parts, and what it would be without single edges.

    Every edge is left out of the messages alone, and the score computed again, exactly, with the
    weights as they were learned. Up to 100 edges are left out: those that the score's gradient
    says matter most. What an encoder in rounds needs is in the run; other models need the graph.

    Parameters
    ----------
    fitted
        A fitted method. Of a baseline, no edges are left out.
    pair
        Node indices.
    graph
        The graph of the fit, where the run does not keep the features or weights that it had.

    Raises
    ------
    InputError
        The graph is another one than that of the fit, or no edge can join the pair.

    Examples
    --------
    >>> from vgae import GAE
    >>> fitted = GAE(steps=20).fit([("a", "b"), ("b", "c"), ("c", "d")]).fitted_
    >>> found = explain(fitted, (0, 2))
    >>> sorted((edge.source, edge.target) for edge in found.edges), found.n_edges_tried
    ([('a', 'b'), ('b', 'c'), ('c', 'd')], 3)
    """
    if graph is not None:
        fitted = with_graph(fitted, graph)
    (made,) = explain_many(fitted, [pair])
    if isinstance(fitted, FittedBaseline):
        return made
    removals = removals_of(fitted, (int(pair[0]), int(pair[1])))
    if isinstance(removals, str):
        return replace(made, notes=(*made.notes, removals))
    return _with_features(_with_edges(made, removals), removals)


def explain_many(fitted: Fitted | FittedBaseline, pairs: ArrayLike) -> list[Explanation]:
    """Explain the scores of many pairs, without leaving anything out.

    Parameters
    ----------
    fitted
        A fitted method.
    pairs
        Node indices, shape (n_pairs, 2).

    Raises
    ------
    InputError
        No edge can join a pair: a node with itself, or two of types that never join.

    Examples
    --------
    >>> from vgae import GAE
    >>> fitted = GAE(steps=1).fit([("a", "b"), ("b", "c"), ("c", "d")]).fitted_
    >>> [found.why.partition(";")[0] for found in explain_many(fitted, [(0, 2), (0, 3)])]
    ['1 common neighbour (b)', 'no common neighbours']
    """
    rows = np.asarray(pairs, dtype=np.int64).reshape(-1, 2)
    fitted.split.graph.check_possible(rows)
    known = _known_words(fitted, rows)
    scores = fitted.scores.pairs(rows)
    probabilities = fitted.probabilities(scores)
    parts, scale, ids = parts_of(fitted, rows), scale_of(fitted), fitted.ids
    plain = fitted.split.message_graph().undirected()
    vectors = fitted.vectors
    found = []
    for place, (first, second) in enumerate(rows.tolist()):
        common, n_common = _common(plain, fitted, first, second)
        similar = () if vectors is None else _similar(plain, fitted, vectors, first, second)
        found.append(
            Explanation(
                source=ids[first : first + 1].tolist()[0],
                target=ids[second : second + 1].tolist()[0],
                probability=float(probabilities[place]),
                score=float(scores[place]),
                scale=scale,
                parts=tuple(parts[place]),
                common_neighbors=common,
                n_common_neighbors=None if plain.kind == "bipartite" else n_common,
                similar=similar,
                known=bool(known[place]),
                notes=tuple(filter(None, known[place : place + 1])),
            )
        )
    return found


def _known_words(fitted: Fitted | FittedBaseline, pairs: Pairs) -> list[str]:
    """What to know of each pair that is a known edge; nothing of open pairs."""
    split = fitted.split
    said = "the pair is a known edge{}: the probability is that of an open pair with this score"
    known, seen = (graph.places(pairs) >= 0 for graph in (split.graph, split.message_graph()))
    return [
        said.format("" if is_seen else ", which was held out") if is_known else ""
        for is_known, is_seen in zip(known, seen, strict=True)
    ]


def with_graph(fitted: Fitted | FittedBaseline, graph: Graph) -> Any:
    """The same fitted method with the features and weights of its graph.

    Raises
    ------
    InputError
        The graph is another one than that of the fit, or nodes have joined since.

    Examples
    --------
    >>> from vgae import GAE, load_dataset
    >>> karate = load_dataset("karate")
    >>> fitted = GAE(steps=1).fit(karate).fitted_
    >>> with_graph(fitted, karate).split.train.weights is None
    False
    >>> with_graph(fitted, Graph.from_pairs([("a", "b")]))
    Traceback (most recent call last):
    vgae.InputError: the graph is not the one of the fit: 2 nodes instead of 34, 1 edge instead of
    78, no weights instead of some; read it as `vgae fit` did
    """
    fitted.check_graph(graph)
    if fitted.graph.get("n_added_nodes"):
        raise InputError(
            "nodes have joined this model since its fit, and the graph does not have them; omit "
            "the graph (--graph)"
        )
    split = replace(fitted.split, graph=graph, train=graph.with_edges(fitted.split.train.edges))
    return replace(fitted, split=split)


# ------------------------------------------------------------- neighbours and edges


def _neighbors(plain: Graph, node: int) -> NDArray[np.int64]:
    adjacency = plain.adjacency
    found: NDArray[np.int64] = adjacency.indices[
        adjacency.indptr[node] : adjacency.indptr[node + 1]
    ].astype(np.int64)
    return found


def _common(
    plain: Graph, fitted: Fitted | FittedBaseline, first: int, second: int
) -> tuple[tuple[CommonNeighbor, ...], int]:
    both = np.intersect1d(_neighbors(plain, first), _neighbors(plain, second))
    degrees = plain.degrees[both]
    named = np.argsort(degrees, kind="stable")[:MOST_NAMED]
    nodes = fitted.ids[both[named]].tolist()
    made = map(CommonNeighbor, nodes, degrees[named].tolist())
    return tuple(made), len(both)


def _similar(
    plain: Graph,
    fitted: Fitted | FittedBaseline,
    vectors: NDArray[np.float32],
    first: int,
    second: int,
) -> tuple[SimilarPair, ...]:
    """Edges at one node whose other ends are like the other node, the most alike first."""
    found = []
    ids = fitted.ids
    for here, there in ((first, second), (second, first)):
        near = _neighbors(plain, here)
        near = near[near != there]
        lengths = np.linalg.norm(vectors[near], axis=1) * np.linalg.norm(vectors[there])
        alike = vectors[near] @ vectors[there] / np.where(lengths > 0, lengths, 1.0)
        best = np.argsort(-alike, kind="stable")[:MOST_NAMED]
        source, like = ids[[here, there]].tolist()
        found += [
            SimilarPair(source, target, like, float(value))
            for target, value in zip(ids[near[best]].tolist(), alike[best], strict=True)
        ]
    return tuple(sorted(found, key=lambda one: -one.similarity)[:MOST_NAMED])


def _with_edges(made: Explanation, removals: Removals) -> Explanation:
    """The same with the edges that were left out in turn, those that raise the score most first."""
    n_edges = len(removals.candidates)
    tried = removals.screened(removals.most)
    notes = made.notes
    if len(tried) < n_edges:
        rest = n_edges - len(tried)
        notes = (
            *notes,
            f"the score was computed without each of {count(len(tried), 'edge')} near the pair in "
            f"turn; the other {rest:,} {'was' if rest == 1 else 'were'} not tried",
        )
    effects = made.score - removals.without_edges(tried)
    ids, order = removals.fitted.ids, np.argsort(-effects, kind="stable")
    ends = ids[tried[order]].tolist()
    edges = tuple(
        EdgeEffect(a, b, float(effect)) for (a, b), effect in zip(ends, effects[order], strict=True)
    )
    return replace(made, edges=edges, n_edges=n_edges, n_edges_tried=len(tried), notes=notes)


def _with_features(made: Explanation, removals: Removals) -> Explanation:
    """The same with the features of the two nodes, where they are at hand and can be left out."""
    fitted = removals.fitted
    if not fitted.n_features:
        return made
    if fitted.split.graph.features is None:
        note = "the run does not keep node features; give the graph (--graph) for them"
        return replace(made, notes=(*made.notes, note))
    if not isinstance(removals, LocalRemovals) or fitted.settings.network.structure != "none":
        return made
    tried = removals.used_inputs[: removals.most]
    effects = made.score - removals.without_inputs(tried)
    names = _feature_names(fitted)
    order = np.argsort(-effects, kind="stable")
    features = tuple(
        FeatureEffect(
            names[tried[place]] if names else f"feature {tried[place]}", float(effects[place])
        )
        for place in order
    )
    return replace(made, features=features)


def _feature_names(fitted: Fitted) -> Sequence[str]:
    encoding = fitted.feature_encoding
    if encoding is None:
        return ()
    return feature_names(AttributeEncoding.parse(dict(encoding), where="attributes"))
