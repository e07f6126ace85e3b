"""What every fitted method keeps: its scores, the split it learned from, and how well it did."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Annotated, Any, Literal, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field

from vgae.data.graph import Graph, count
from vgae.data.ids import IdArray
from vgae.data.kinds import Kind, WeightMeans
from vgae.data.split import Protocol, Split
from vgae.data.tables import BATCH_ROWS
from vgae.ground.config import Fraction, Settings
from vgae.ground.errors import InputError, one_line, shown
from vgae.learning.calibration import Calibrator
from vgae.learning.fit_record import FitRecord
from vgae.learning.precision import expected_precision
from vgae.learning.scores import Ranked, Scores, blocks
from vgae.learning.simple import SimpleMethods

__all__ = ["FittedScores", "GraphRecord", "HeldOutScores", "MetricsRecord"]

Checksum = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
HeldOutScores = Annotated[dict[str, Fraction | None], Field(min_length=1)]


class GraphRecord(Settings):
    """The whole graph: fingerprint, sizes and, if known, its name.

    Examples
    --------
    >>> GraphRecord(fingerprint="0" * 64, n_nodes=3, n_edges=2, n_features=0).weighted
    False
    """

    name: str | None = None
    fingerprint: Checksum
    n_nodes: int = Field(ge=1)
    n_edges: int = Field(ge=0)
    n_features: int = Field(ge=0)
    weighted: bool = False
    kind: Kind = "undirected"
    weight_means: WeightMeans = "propagation"
    n_added_nodes: int = Field(default=0, ge=0)
    n_added_edges: int = Field(default=0, ge=0)


class MetricsRecord(Settings):
    """Held-out metrics with protocol and proportions; None if nothing was held out.

    Examples
    --------
    >>> shares = {"train": 1.0, "validation": 0.0, "test": 0.0}
    >>> MetricsRecord(protocol="T", proportions=shares, seed=0, validation=None, test=None).test
    """

    protocol: Protocol
    proportions: dict[Literal["train", "validation", "test"], Fraction]
    seed: int = Field(ge=0)
    validation: HeldOutScores | None
    test: HeldOutScores | None
    calibration: dict[str, Any] | None = None
    weights: dict[str, Any] | None = None
    simple: SimpleMethods | None = None


@dataclass(frozen=True)
class FittedScores(ABC):
    """A fitted method of any kind; `Fitted` and `FittedBaseline` are the two.

    Attributes
    ----------
    split
        Training and held-out pairs; its graph has the node ids and the known edges.
    graph
        Fingerprint, sizes and, if known, name of the whole graph, as plain values.
    calibrator
        The map from scores to probabilities that are frequencies; None if there were no validation
        edges to learn it from.
    metrics
        Held-out metrics with protocol and proportions, as plain values.
    record
        What reports say of the fit besides; None if an earlier version stored the method.

    Raises
    ------
    InputError
        A part is invalid, or the parts do not belong together.

    Examples
    --------
    >>> from vgae.data.graph import Graph
    >>> from vgae.learning.baselines import baseline
    >>> from vgae.learning.fitting import fit_baseline
    >>> path = Graph.from_pairs([("a", "b"), ("b", "c")])
    >>> fitted = fit_baseline(Split.without_holdout(path), baseline("common-neighbors"))
    >>> fitted.check_graph(path)  # is the one of the fit
    >>> fitted.scores.pairs([(0, 2)]).tolist(), fitted.ids.tolist(), fitted.random_seed
    ([1.0], ['a', 'b', 'c'], 0)
    >>> fitted.probabilities(fitted.scores.pairs([(0, 2)])), fitted.uncalibrated(np.zeros(1))
    (array([0.75]), array([0.5]))
    >>> fitted.named("letters").graph["name"], fitted.vectors
    ('letters', None)
    >>> fitted.meaning.partition(":")[0], fitted.expected_precision(1)
    ('uncalibrated', None)
    >>> fitted.weights(np.array([(0, 2)])) is None
    True
    >>> fitted.with_command("vgae fit letters.csv").record.facts.command
    'vgae fit letters.csv'
    >>> fitted.annotated(metrics=fitted.metrics).scores is fitted.scores
    True
    """

    split: Split
    graph: Mapping[str, Any]
    calibrator: Calibrator | None
    metrics: Mapping[str, Any]
    record: FitRecord | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        graph = GraphRecord.parse(dict(self.graph), where="graph")
        metrics = MetricsRecord.parse(dict(self.metrics), where="metrics")
        sizes = {
            "nodes": (graph.n_nodes + graph.n_added_nodes, self.split.graph.n_nodes),
            "edges": (graph.n_edges + graph.n_added_edges, self.split.graph.n_edges),
        }
        for name, (told, found) in sizes.items():
            if told != found:
                raise InputError(f"graph: has {told} {name}, but its split has {found}")
        made = self.split.settings
        # Metrics are those of the training, before any nodes were added.
        proportions = metrics.proportions if graph.n_added_nodes else made.proportions
        if (metrics.protocol, metrics.proportions) != (made.protocol, proportions):
            raise InputError("metrics: protocol or proportions differ from those of the split")
        for name in ("validation", "test"):
            if bool(getattr(self.split, name)) != (getattr(metrics, name) is not None):
                raise InputError(f"metrics: {name} does not match the split")
        labels = None if self.record is None else self.record.labels
        if labels is not None and len(labels) != self.split.graph.n_nodes:
            raise InputError("record: labels are not one per node")

    @property
    @abstractmethod
    def random_seed(self) -> int:
        """The seed of everything random in the fit."""

    @property
    @abstractmethod
    def scores(self) -> Scores:
        """Scores of all pairs, with the messages of the protocol."""

    @abstractmethod
    def uncalibrated(self, scores: NDArray[np.floating]) -> NDArray[np.float64]:
        """Numbers from 0 to 1 in the order of the scores, before any calibration."""

    @property
    def vectors(self) -> NDArray[np.float32] | None:
        """The embedding, shape (n_nodes, latent_dim); None for a method without one."""
        return self.scores.vectors

    @property
    def ids(self) -> IdArray:
        """Node ids in the order of the rows."""
        return self.split.graph.ids

    def probabilities(
        self, scores: NDArray[np.floating], *, calibrated: bool = True
    ) -> NDArray[np.float64]:
        """Probability of an edge for each score; calibrated where that is possible and wanted."""
        if self.calibrator is None or not calibrated:
            return self.uncalibrated(scores)
        return self.calibrator.probabilities(scores)

    def weights(self, pairs: NDArray[np.int64]) -> NDArray[np.float64] | None:
        """Expected weights of pairs of node indices; None for a method that expects none.

        Counts are those of the whole graph, with all edges that were held out; values are those
        that the edges would have.
        """
        scores = self.scores
        if scores.expected is None:
            return None
        expected = scores.expected.for_edges(self.split.graph.n_edges)
        return expected.of(scores.pairs(pairs), pairs)

    def numbers(
        self, pairs: NDArray[np.int64], scores: NDArray[np.floating]
    ) -> dict[str, NDArray[np.float64]]:
        """What is said of pairs of node indices with these scores, by name.

        Returns
        -------
        `probability` and, where the method tells them, `expected_weight` and `p_positive`.

        Examples
        --------
        >>> from vgae import VGAE
        >>> fitted = VGAE(steps=5).fit([("a", "b"), ("b", "c")]).fitted_
        >>> pairs = np.array([[0, 2]])
        >>> list(fitted.numbers(pairs, fitted.scores.pairs(pairs)))
        ['probability']
        """
        found = {"probability": self.probabilities(scores)}
        weights, signs = self.weights(pairs), self.scores.signs
        if weights is not None:
            found["expected_weight"] = weights
        if signs is not None:
            found["p_positive"] = signs.pairs(pairs)
        return found

    def ranked(self, k: int, nodes: NDArray[np.int64] | None) -> Iterator[Ranked]:
        """The likeliest open pairs, a part at a time, with their scores.

        Parameters
        ----------
        k
            Number of pairs; with `nodes`, of each node.
        nodes
            Indices of nodes to find partners for. By default the best pairs of the whole graph,
            which are one part.

        Examples
        --------
        >>> from vgae import VGAE
        >>> fitted = VGAE(steps=5).fit([("a", "b"), ("b", "c")]).fitted_
        >>> [pairs.tolist() for pairs, _ in fitted.ranked(1, None)]
        [[[0, 2]]]
        """
        known = self.split.graph
        if nodes is None:
            pairs, scores = self.scores.top(k, known)
            yield known.from_first_type(pairs), scores
        else:
            for some in blocks(nodes, max(1, BATCH_ROWS // k)) or [nodes]:
                yield self.scores.partners(some, k, known)

    def batches(self, parts: Iterable[Ranked]) -> pa.RecordBatchReader:
        """The columns of pairs as record batches, of which one is made at a time.

        Parameters
        ----------
        parts
            Pairs of node indices with their scores; of each part, a batch of rows at a time is
            turned into columns.

        Examples
        --------
        >>> from vgae import VGAE
        >>> fitted = VGAE(steps=5).fit([("a", "b"), ("b", "c")]).fitted_
        >>> fitted.batches(fitted.ranked(1, None)).read_all().column("source").to_pylist()
        ['a']
        """
        # Texts are copied from one Arrow array, so that no row makes Python objects.
        ids = pa.array(self.ids)
        told = list(self.numbers(np.empty((0, 2), np.int64), np.empty(0, np.float32)))
        schema = pa.schema(
            {"source": ids.type, "target": ids.type} | dict.fromkeys(told, pa.float64())
        )

        def made() -> Iterator[pa.RecordBatch]:
            for pairs, scores in parts:
                for start in range(0, len(pairs), BATCH_ROWS):
                    rows = slice(start, start + BATCH_ROWS)
                    ends = [ids.take(pa.array(end)) for end in pairs[rows].T]
                    numbers = self.numbers(pairs[rows], scores[rows])
                    yield pa.record_batch([*ends, *(numbers[name] for name in told)], schema)

        return pa.RecordBatchReader.from_batches(schema, made())

    def scored(self, pairs: NDArray[np.int64]) -> pa.RecordBatchReader:
        """The columns of given pairs of node indices, scored and made a batch at a time.

        Examples
        --------
        >>> from vgae import VGAE
        >>> fitted = VGAE(steps=5).fit([("a", "b"), ("b", "c")]).fitted_
        >>> fitted.scored(np.array([[0, 2], [1, 2]])).read_all().num_rows
        2
        """
        return self.batches((some, self.scores.pairs(some)) for some in blocks(pairs, BATCH_ROWS))

    @property
    def meaning(self) -> str:
        """What the probabilities say, in one sentence."""
        if self.calibrator is None:
            return (
                "uncalibrated: the probabilities rank pairs and are not frequencies; for those, "
                "hold validation edges out"
            )
        edges = count(self.calibrator.n_edges, "held-out edge")
        return (
            "of open pairs with probability 0.2, about one in five is an edge that was held out or "
            f"is missing at the same rate (calibrated on {edges})"
        )

    def expected_precision(self, k: int) -> tuple[float, float, float] | None:
        """Share of the k best open pairs that are expected to be missing edges.

        Returns
        -------
        The estimate from the validation edges and the ends of its 95 % interval, see
        `vgae.learning.precision.expected_precision`; None without validation edges.
        """
        if not self.split.validation:
            return None
        return expected_precision(self.split.training, self.scores, k)

    def check_graph(self, graph: Graph) -> None:
        """Refuse a graph that is not the one of the fit.

        Raises
        ------
        InputError
            Ids, edges, weights, directions or features differ.
        """
        if graph.fingerprint != self.graph["fingerprint"]:
            found = ", ".join(self._what_differs(graph) or self._what_else_differs(graph))
            raise InputError(
                f"the graph is not the one of the fit: {found}; read it as `vgae fit` did"
            )

    def _what_differs(self, graph: Graph) -> list[str]:
        """In what a graph differs from that of the fit: sizes, and what its edges are."""
        about = GraphRecord.parse(dict(self.graph), where="graph")
        found = [
            f"{count(own, thing)} instead of {known:,}"
            for thing, own, known in (
                ("node", graph.n_nodes, about.n_nodes),
                ("edge", graph.n_edges, about.n_edges),
                ("feature", graph.n_features, about.n_features),
            )
            if own != known
        ]
        if graph.kind != about.kind:
            found.append(f"{graph.kind} instead of {about.kind}")
        weighted = graph.weights is not None
        if "weighted" in self.graph and weighted != about.weighted:
            found.append("weights instead of none" if weighted else "no weights instead of some")
        if graph.weight_means != about.weight_means:
            found.append(f"weights mean {graph.weight_means} instead of {about.weight_means}")
        return found

    def _what_else_differs(self, graph: Graph) -> list[str]:
        """The same of a graph that is alike in all this: ids, edges, or values."""
        known = self.split.graph.ids[: graph.n_nodes]  # nodes that joined come last
        strange = np.flatnonzero((graph.ids != known) if known.dtype == graph.ids.dtype else [1])
        if strange.size:
            row = strange[0]
            return [f"other ids, such as {shown(graph.ids[row])} instead of {shown(known[row])}"]
        lost = np.flatnonzero(self.split.graph.places(graph.edges) < 0)
        if lost.size:
            ends = " - ".join(shown(name) for name in graph.ids[graph.edges[lost[0]]])
            return [f"other edges, such as {ends}"]
        values = {
            "weights": graph.weights is not None,
            "values of features": graph.n_features > 0,
            "types of nodes": bool(graph.type_names or self.split.graph.type_names),
        }
        return [f"other {' or '.join(name for name, there in values.items() if there)}"]

    def named(self, graph_name: str) -> Self:
        """The same with a name of the graph."""
        return self.annotated(graph={**self.graph, "name": one_line(graph_name)})

    def with_command(self, command: str) -> Self:
        """The same, whose record names the command that made the fit."""
        if self.record is None:
            return self
        return self.annotated(record=self.record.with_command(command))

    def annotated(self, **facts: Any) -> Self:
        """The same, about which other things are told: `graph`, `metrics` or `record`.

        Scores that were computed are kept: no such fact changes them.
        """
        made = replace(self, **facts)
        if "scores" in vars(self):
            vars(made)["scores"] = vars(self)["scores"]
        return made

    def __getstate__(self) -> dict[str, Any]:
        # What was computed from the fields is computed again, and need not be able to travel.
        return {own.name: getattr(self, own.name) for own in fields(self)}
