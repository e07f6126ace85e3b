"""The answers of a fitted method: links by node id, a score, a run folder."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, NamedTuple, overload

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vgae.data.graph import Graph, count
from vgae.data.ids import IdArray, NodeId, as_ids, unknown_node
from vgae.data.interop import as_edge_pairs, as_graph, as_pairs
from vgae.data.split import Split, sample_non_edges
from vgae.ground.config import stream_seed
from vgae.ground.errors import InputError, shown, unknown_name
from vgae.ground.notebook import FRAMES, data_frame, vector_frame
from vgae.learning.calibration import Calibrator
from vgae.learning.combiner import CombinedScores
from vgae.learning.explanation import Explanation, explain
from vgae.learning.fitted import Fitted
from vgae.learning.fitted_baseline import FittedBaseline
from vgae.learning.metrics import roc_auc
from vgae.learning.scores import Ranked, Scores
from vgae.learning.store import save_fitted, staged_run
from vgae.people.html.gather import findings_of, map_findings
from vgae.people.html.page import EmbeddingMap, Report, map_page, page
from vgae.people.html.settings import ReportSettings
from vgae.people.plot import MapDisplay, png_of

__all__ = ["FittedLinks", "Link", "SignedLink", "WeightedLink", "warn_of_impossible"]

logger = logging.getLogger(__name__)


class Link(NamedTuple):
    """A pair of nodes and the model's probability of an edge between them.

    Examples
    --------
    >>> Link("ann", "bob", 0.75).probability
    0.75
    """

    source: NodeId
    target: NodeId
    probability: float


class SignedLink(NamedTuple):
    """A link of a signed graph: also the probability that an edge there, if any, is positive.

    Examples
    --------
    >>> SignedLink("ann", "bob", 0.75, p_positive=0.1)
    SignedLink(source='ann', target='bob', probability=0.75, p_positive=0.1)
    """

    source: NodeId
    target: NodeId
    probability: float
    p_positive: float


class WeightedLink(NamedTuple):
    """A link of a model of counts or values, with the weight that is expected of it.

    Examples
    --------
    >>> WeightedLink("ann", "bob", 0.75, 1.4).expected_weight
    1.4
    """

    source: NodeId
    target: NodeId
    probability: float
    expected_weight: float


def warn_of_impossible(graph: Graph, pairs: NDArray[np.int64]) -> None:
    """Say how many pairs no edge can join: their scores are numbers that mean nothing.

    Parameters
    ----------
    graph
        The graph of the fit.
    pairs
        Node indices, shape (n_pairs, 2).

    Examples
    --------
    >>> warn_of_impossible(Graph.from_pairs([("a", "b")]), np.array([[0, 1]]))
    """
    loops = pairs[:, 0] == pairs[:, 1]
    n_loops = int(loops.sum())
    n_apart = int(np.count_nonzero(~graph.pair_space.allows(pairs) & ~loops))
    nodes = "joins a node" if n_loops == 1 else "join a node"
    for number, what in (
        (n_loops, f"{nodes} with itself, which no edge of a graph does"),
        (n_apart, f"{'joins' if n_apart == 1 else 'join'} nodes of types that no edge joins"),
    ):
        if number:
            logger.warning("%s %s: the probability means nothing", count(number, "pair"), what)


class FittedLinks:
    """The answers of any fitted method, by node id.

    Examples
    --------
    >>> from vgae import LinkBaseline
    >>> model = LinkBaseline("common-neighbors").fit([("a", "b"), ("b", "c")])
    >>> model.name, model.ids_.tolist(), model.embedding_, model.calibrator_
    ('common-neighbors', ['a', 'b', 'c'], None, None)
    >>> model.split_.graph.n_edges, model.graph_["n_edges"], model.metrics_["test"]
    (2, 2, None)
    """

    name: str
    """The method by its name on the command line."""

    fitted_: Fitted | FittedBaseline

    @property
    def embedding_(self) -> NDArray[np.float32] | None:
        """The embedding, shape (n_nodes, latent_dim); None for a method without one."""
        return self.fitted_.vectors

    @property
    def ids_(self) -> IdArray:
        """Node ids in the order of the rows."""
        return self.fitted_.ids

    @property
    def split_(self) -> Split:
        """The training graph and what was held out."""
        return self.fitted_.split

    @property
    def graph_(self) -> dict[str, Any]:
        """Fingerprint and sizes of the whole graph, and the numbers that `with_nodes` added."""
        return dict(self.fitted_.graph)

    @property
    def metrics_(self) -> dict[str, Any]:
        """Protocol, proportions and held-out metrics, which are None if nothing was held out."""
        return dict(self.fitted_.metrics)

    @property
    def calibrator_(self) -> Calibrator | None:
        """The map from scores to probabilities that are frequencies, or None."""
        return self.fitted_.calibrator

    def scores(self) -> Scores:
        """Scores of all pairs, from the posterior over the protocol's messages.

        Raises
        ------
        NotFittedError
            `fit` has not been called.

        Examples
        --------
        >>> from vgae import VGAE
        >>> model = VGAE(steps=5).fit([("a", "b"), ("b", "c")])
        >>> model.scores().rows(np.array([0])).shape
        (1, 3)
        """
        return self.fitted_.scores

    def vectors(self, ids: Iterable[NodeId] | IdArray | NodeId) -> NDArray[np.float32]:
        """Embedding of some nodes, shape (n_ids, latent_dim).

        Parameters
        ----------
        ids
            Node ids, or a single one, which gives one row.

        Raises
        ------
        InputError
            A node is unknown.
        NotFittedError
            `fit` has not been called.

        Examples
        --------
        >>> from vgae import VGAE
        >>> VGAE(steps=5).fit([("a", "b"), ("b", "c")]).vectors(["c", "a"]).shape
        (2, 16)
        """
        return self._vectors()[self._rows(ids)]

    def predict_proba(self, pairs: Any, *, calibrated: bool = True) -> NDArray[np.float64]:
        """Probability of an edge for each pair of node ids, in the order given.

        If the fit held validation edges out, probabilities are frequencies: of the open pairs that
        get 0.2, about one in five is an edge that was held out, or is missing at the same rate.
        Without validation edges, or with `calibrated=False`, they are the model's own. Then use
        them to rank pairs: without an offset they average about one half over all pairs, however
        few have an edge.

        Parameters
        ----------
        pairs
            Node ids, in one of these forms:

            - one pair per row: a list of pairs or an array of shape (n_pairs, 2);
            - one column per end: a tuple of two arrays or Series, matched by position. A tuple of
              two lists is two rows, not two columns;
            - a pandas or Polars `DataFrame` or a PyArrow `Table`, whose columns of ids are found
              as in a table of edges: by usual names (source and target, from and to, ...),
              otherwise the first two.
        calibrated
            Whether to give frequencies where they can be had. The ranking is the same.

        Raises
        ------
        InputError
            A pair names an unknown node, or what is given holds no pairs.
        NotFittedError
            `fit` has not been called.

        Examples
        --------
        >>> from vgae import VGAE
        >>> model = VGAE(steps=5).fit([("a", "b"), ("b", "c")])
        >>> model.predict_proba([("a", "c")]).shape
        (1,)
        >>> model.predict_proba((np.array(["a", "b"]), np.array(["c", "c"]))).shape
        (2,)
        """
        fitted = self.fitted_
        rows = self._pair_rows(*as_pairs(pairs, fitted.split.graph))
        return fitted.probabilities(fitted.scores.pairs(rows), calibrated=calibrated)

    def predict_sign_proba(self, pairs: Any) -> NDArray[np.float64]:
        """Probability that the sign is positive, given an edge, for each pair of node ids.

        Parameters
        ----------
        pairs
            Pairs of node ids, in any form that `predict_proba` takes. The order within a pair does
            not matter.

        Raises
        ------
        InputError
            The method was fitted to a graph without signs, or as in `predict_proba`.
        NotFittedError
            `fit` has not been called.

        Examples
        --------
        >>> from vgae import LinkBaseline
        >>> from vgae.data.graph import Graph
        >>> pairs = [("a", "b"), ("b", "c"), ("c", "d")]
        >>> graph = Graph.from_pairs(pairs, weights=[1, 1, -1], kind="signed")
        >>> model = LinkBaseline("balance").fit(graph)
        >>> friend, foe = model.predict_sign_proba([("a", "c"), ("b", "d")])
        >>> bool(friend > foe)
        True
        """
        fitted = self.fitted_
        if fitted.scores.signs is None:
            raise InputError(
                f"{self.name}: was fitted to a graph without signs; read one with --signed "
                "(signed=True) and fit again"
            )
        return fitted.scores.signs.pairs(self._pair_rows(*as_pairs(pairs, fitted.split.graph)))

    def predict_weight(self, pairs: Any) -> NDArray[np.float64]:
        """Expected weight of each pair of node ids, in the order given.

        Of a model of counts (the likelihood poisson, or the baseline strength) it is the expected
        number of events in the whole graph, with the edges that were held out; of a model of values
        (gaussian) the value that an edge would have.

        Parameters
        ----------
        pairs
            As in `predict_proba`.

        Raises
        ------
        InputError
            The method expects no weights, or as in `predict_proba`.
        NotFittedError
            `fit` has not been called.

        Examples
        --------
        >>> from vgae import GAE, as_graph
        >>> graph = as_graph([("a", "b"), ("b", "c")], weight_means="count")
        >>> GAE(steps=5).fit(graph).predict_weight([("a", "c")]).shape
        (1,)
        """
        fitted = self.fitted_
        found = fitted.weights(self._pair_rows(*as_pairs(pairs, fitted.split.graph)))
        if found is None:
            raise InputError(
                f"{self.name}: says nothing of the weights of edges; fit with the preset counts "
                "(--preset counts), or read the graph with --weight-means count or value"
            )
        return found

    def links(self, pairs: Any) -> list[Any]:
        """Pairs of node ids with what is predicted of them, in the order given.

        Parameters
        ----------
        pairs
            Pairs of node ids, in any form that `predict_proba` takes.

        Returns
        -------
        A list of `Link` with the probabilities of `predict_proba`; of a signed graph, of
        `SignedLink`, with those of `predict_sign_proba`; of a model of counts or values, of
        `WeightedLink`, with the weights of `predict_weight`.

        Raises
        ------
        InputError
            See `predict_proba`.
        NotFittedError
            `fit` has not been called.

        Examples
        --------
        >>> from vgae import VGAE
        >>> VGAE(steps=5).fit([("a", "b"), ("b", "c")]).links([("a", "c")])[0]._fields
        ('source', 'target', 'probability')
        """
        fitted = self.fitted_
        source, target = as_pairs(pairs, fitted.split.graph)
        rows = self._pair_rows(source, target)
        numbers = fitted.numbers(rows, fitted.scores.pairs(rows))
        return _as_links({"source": source, "target": target, **numbers})

    def link_batches(self, pairs: Any) -> pa.RecordBatchReader:
        """What `links` says, as Arrow's record batches: for more pairs than Python objects suit.

        A batch of 65,536 rows is made when it is asked for, so that the memory does not grow with
        what comes after. Pairs are held as node indices, 16 bytes each.

        Parameters
        ----------
        pairs
            Pairs of node ids, in any form that `predict_proba` takes. Arrays of ids, and Arrow
            tables, are taken without a Python object per row.

        Returns
        -------
        A reader, which can be iterated over, and which pandas, Polars, DuckDB and PyArrow take;
        `read_all` makes one table of it. The ids in it are those of the graph.

        Raises
        ------
        InputError
            See `predict_proba`.
        NotFittedError
            `fit` has not been called.

        Examples
        --------
        >>> from vgae import VGAE
        >>> model = VGAE(steps=5).fit([("a", "b"), ("b", "c")])
        >>> reader = model.link_batches((np.array(["a", "b"]), np.array(["c", "c"])))
        >>> [batch.num_rows for batch in reader], reader.schema.names
        ([2], ['source', 'target', 'probability'])
        """
        fitted = self.fitted_
        return fitted.scored(self._pair_rows(*as_pairs(pairs, fitted.split.graph)))

    def report(
        self, *, top: int | None = None, projection: str | None = None, graph: Any = None
    ) -> Report:
        """A report of the fit and its likeliest missing links, as one HTML page.

        A notebook shows it in place; `save` writes it to a file that opens anywhere, without a
        network or a server. `vgae report` makes the same.

        Parameters
        ----------
        top
            Number of links; by default 200.
        projection
            How the embedding becomes a map: "pca" (the default) or "tsne".
        graph
            The graph of the fit, for the labels of a run that an earlier version stored.

        Raises
        ------
        InputError
            An argument is not allowed, the graph is not that of the fit, or t-SNE's library is
            missing.
        NotFittedError
            `fit` has not been called.

        Examples
        --------
        >>> from vgae import VGAE
        >>> report = VGAE(steps=5).fit([("a", "b"), ("b", "c")]).report(top=1)
        >>> report.html.startswith("<!doctype html>")
        True
        """
        given = {"top": top, "projection": projection}
        settings = ReportSettings.parse({k: v for k, v in given.items() if v is not None})
        known = None if graph is None else as_graph(graph)
        return page(findings_of(self.fitted_, settings, graph=known))

    def map(self) -> EmbeddingMap:
        """The embedding in the plane, to be explored in a notebook.

        The map is that of `report`: it can be moved and searched, and shows the edges and the
        likeliest links of a node. Where a notebook runs no JavaScript or shows no HTML, as in a
        PDF, it is the picture that `vgae.plot.MapDisplay` draws.

        Returns
        -------
        What a notebook shows as the last line of a cell; its `page.save` writes the map to a file.

        Raises
        ------
        InputError
            The method has no embedding.
        NotFittedError
            `fit` has not been called.

        Examples
        --------
        >>> from vgae import VGAE
        >>> made = VGAE(steps=5).fit([("a", "b"), ("b", "c")]).map()
        >>> made.page.html.startswith("<!doctype html>")
        True
        """
        found = map_findings(self.fitted_)
        drawn = find_spec("matplotlib") is not None
        return map_page(found, png_of(MapDisplay.of(self)) if drawn else None)

    def reasons(self, pairs: Any) -> list[dict[str, float]]:
        """What each group of evidence adds to the logits of pairs, of a model with a combiner.

        Parameters
        ----------
        pairs
            Pairs of node ids, in any form that `predict_proba` takes.

        Returns
        -------
        A dictionary per pair, from the name of the group to what it adds, the largest first. The
        amounts are relative to the mean of the pairs that the combiner was fitted to.

        Raises
        ------
        InputError
            The model has no combiner, or as in `predict_proba`.
        NotFittedError
            `fit` has not been called.

        Examples
        --------
        >>> from vgae import GAE
        >>> ring = [(i, (i + 1) % 30) for i in range(30)]
        >>> model = GAE(steps=1, combiner="logistic").fit(ring)
        >>> "degrees" in model.reasons([(0, 2)])[0]
        True
        """
        fitted = self.fitted_
        scores = fitted.scores
        if not isinstance(scores, CombinedScores):
            raise InputError(
                "this model scores pairs by its embedding alone; fit with --combiner logistic or "
                "--preset strong to see what each kind of evidence adds"
            )
        rows = self._pair_rows(*as_pairs(pairs, fitted.split.graph))
        return [dict(found) for found in scores.reasons(rows)]

    def explain(self, source: NodeId, target: NodeId, *, graph: Any = None) -> Explanation:
        """Why a pair scores what it scores: the parts of the score, and the edges behind it.

        Known edges near the pair are left out one by one, and the score is computed again each
        time; see `vgae.learning.explanation.explain`.

        Parameters
        ----------
        source, target
            Node ids.
        graph
            The graph that was fitted, in any form that `vgae.as_graph` takes. A loaded run needs it
            to name features, and edges where it was fitted to weights.

        Raises
        ------
        InputError
            A node is unknown, no edge can join the pair, or the graph is another one than that of
            the fit.
        NotFittedError
            `fit` has not been called.

        Examples
        --------
        >>> from vgae import VGAE
        >>> model = VGAE(steps=5).fit([("a", "b"), ("b", "c"), ("c", "d")])
        >>> found = model.explain("a", "c")
        >>> found.why.partition(";")[0], len(found.edges), len(found.parts)
        ('1 common neighbour (b)', 3, 16)
        """
        fitted = self.fitted_
        first, second = (int(self._rows(node)[0]) for node in (source, target))
        given = None if graph is None else as_graph(graph)
        return explain(fitted, (first, second), graph=given)

    @overload
    def recommend(
        self,
        k: int = 10,
        *,
        nodes: Sequence[NodeId] | IdArray | NodeId | None = None,
        as_frame: Literal[False] = False,
    ) -> list[Any]: ...

    @overload
    def recommend(
        self,
        k: int = 10,
        *,
        nodes: Sequence[NodeId] | IdArray | NodeId | None = None,
        as_frame: Literal[True, "pandas", "polars", "arrow", "arrays"],
    ) -> Any: ...

    def recommend(
        self,
        k: int = 10,
        *,
        nodes: Sequence[NodeId] | IdArray | NodeId | None = None,
        as_frame: bool | Literal["pandas", "polars", "arrow", "arrays"] = False,
    ) -> Any:
        """The likeliest missing links, among all pairs that are not known edges.

        Every pair that can be an edge is scored: of a directed graph, ordered pairs from source to
        target; of a bipartite or typed graph, pairs of types that edges join. Edges that a split
        held out are known edges, so they are excluded too.

        Parameters
        ----------
        k
            Number of links; with `nodes`, number of links per node.
        nodes
            Node id or ids to recommend partners for; by default, the best pairs of the whole graph.
            Ids that begin with the name of a type, as "user:1" does, can be given without it where
            that leaves one node.
        as_frame
            Whether to return columns: source, target and probability, of a model of counts or
            values also expected_weight, and of a signed graph p_positive. "pandas" (also True) or
            "polars" makes a DataFrame of them, "arrow" a PyArrow `Table` and "arrays" a dictionary
            of NumPy arrays; the last two make no Python object per link.

        Returns
        -------
        A list of `Link` (`WeightedLink` of a model of counts or values, `SignedLink` of a signed
        graph), or a frame with one link per row, likeliest first: for counts, by the probability of
        at least one event. In a
        bipartite graph the source is of the first type, such as the user. With `nodes`, the links
        of one node after the other, each with that node as its source. Ties go to the pair that
        comes first in the order of the nodes.

        Raises
        ------
        InputError
            `k` is below 1, a node is unknown, or the frame is of another kind or its library not
            installed.
        NotFittedError
            `fit` has not been called.

        Examples
        --------
        >>> from vgae import VGAE
        >>> model = VGAE(steps=5).fit([("a", "b"), ("b", "c")])
        >>> [(link.source, link.target) for link in model.recommend(5)]
        [('a', 'c')]
        >>> model.recommend(5, as_frame=True).columns.tolist()
        ['source', 'target', 'probability']
        """
        fitted = self.fitted_
        if as_frame == "arrow":
            return self.recommend_batches(k, nodes=nodes).read_all()
        parts = list(self._ranked(k, nodes))
        pairs, scores = (np.concatenate(found) for found in zip(*parts, strict=True))
        source, target = (fitted.ids[end] for end in pairs.T)
        columns = {"source": source, "target": target, **fitted.numbers(pairs, scores)}
        if as_frame == "arrays":
            return columns
        if as_frame is not False:
            kind = "pandas" if as_frame is True else str(as_frame)
            if kind not in FRAMES:
                raise unknown_name("kind of frame", kind, (*FRAMES, "arrow", "arrays"))
            return data_frame(columns, kind=kind)
        return _as_links(columns)

    def recommend_batches(
        self, k: int = 10, *, nodes: Sequence[NodeId] | IdArray | NodeId | None = None
    ) -> pa.RecordBatchReader:
        """What `recommend` finds, as Arrow's record batches: for more links than fit in a list.

        With `nodes`, their partners are searched for when a batch is asked for: recommending
        partners to every node takes no more memory than to some thousands. The best pairs of the
        whole graph are found at once and held as node indices and scores, 24 bytes each at most.

        Parameters
        ----------
        k, nodes
            As in `recommend`; all nodes are `nodes=model.ids_`.

        Returns
        -------
        A reader of batches of up to 65,536 rows; see `link_batches`.

        Raises
        ------
        InputError
            As in `recommend`.
        NotFittedError
            `fit` has not been called.

        Examples
        --------
        >>> from vgae import VGAE
        >>> model = VGAE(steps=5).fit([("a", "b"), ("b", "c"), ("c", "d")])
        >>> table = model.recommend_batches(1, nodes=model.ids_).read_all()
        >>> table.column("source").to_pylist()
        ['a', 'b', 'c', 'd']
        """
        return self.fitted_.batches(self._ranked(k, nodes))

    def _ranked(
        self, k: int, nodes: Sequence[NodeId] | IdArray | NodeId | None
    ) -> Iterator[Ranked]:
        """The likeliest open pairs and their scores, a part at a time; checked at once."""
        fitted = self.fitted_
        if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
            raise InputError(f"k = {k}: must be a whole number, at least 1")
        return fitted.ranked(int(k), None if nodes is None else self._rows(nodes))

    def score(self, data: Any, y: Any = None) -> float:  # noqa: ARG002 - scikit-learn's convention
        """AUC of edges against as many random pairs without an edge.

        Parameters
        ----------
        data
            Edges as pairs of node ids, in any form that `predict_proba` takes; or a graph,
            or another object that `vgae.as_graph` reads, whose edges are scored by their node ids.
            For an honest figure, give edges that `fit` has not seen.
        y
            Ignored.

        Returns
        -------
        A fraction from 0 to 1. The pairs without an edge are drawn with the seed of the fit from
        those that are edges neither of the graph that was fitted nor among `data`.

        Raises
        ------
        InputError
            A node is unknown, no edge can join a pair (a node with itself, or two of types that
            never join), there are no pairs, or too few pairs without an edge.
        NotFittedError
            `fit` has not been called.

        Examples
        --------
        >>> from vgae import VGAE
        >>> model = VGAE(steps=5).fit([("a", "b"), ("b", "c"), ("c", "d")])
        >>> 0.0 <= model.score([("a", "c")]) <= 1.0
        True
        """
        known = self.split_.graph
        rows = np.stack([self._rows(ids) for ids in as_edge_pairs(data, known)], axis=1)
        known.check_possible(rows, "pairs, row {}".format)
        if not len(rows):
            raise InputError("pairs: none")
        edges = known.with_pairs(np.concatenate([known.edges, rows]))
        random = np.random.default_rng(stream_seed(self.fitted_.random_seed, "score"))
        negatives = sample_non_edges(edges, len(rows), random, advice="score fewer edges")
        scores = self.scores()
        return roc_auc(scores.pairs(rows), scores.pairs(negatives))

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write the run folder; `vgae.load` reads it back.

        Raises
        ------
        InputError
            The folder exists and `overwrite` is False, or cannot be written.
        NotFittedError
            `fit` has not been called.

        Examples
        --------
        >>> import tempfile
        >>> from vgae import VGAE, load
        >>> folder = Path(tempfile.mkdtemp()) / "run"
        >>> VGAE(steps=5).fit([("a", "b"), ("b", "c")]).save(folder)
        >>> load(folder).embedding_.shape
        (3, 16)
        """
        with staged_run(Path(path), overwrite=overwrite) as staged:
            save_fitted(self.fitted_, staged)

    # ------------------------------------------------------------ as data frames

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:  # noqa: ARG002
        """Names of the embedding's columns: 'vgae0', 'vgae1', ...; the argument is ignored.

        Examples
        --------
        >>> from vgae import VGAE
        >>> model = VGAE(latent_dim=2, steps=1).fit([("a", "b"), ("b", "c")])
        >>> model.get_feature_names_out().tolist()
        ['vgae0', 'vgae1']
        """
        dim = self._vectors().shape[1]
        return np.array([f"{self.name}{place}" for place in range(dim)], dtype=object)

    def embedding_frame(self) -> Any:
        """The embedding as a pandas DataFrame, whose index holds the node ids.

        Raises
        ------
        InputError
            pandas is not installed.
        NotFittedError
            `fit` has not been called.

        Examples
        --------
        >>> from vgae import VGAE
        >>> frame = VGAE(steps=5).fit([("a", "b"), ("b", "c")]).embedding_frame()
        >>> frame.loc["b"].shape
        (16,)
        """
        return vector_frame(self._vectors(), self.get_feature_names_out(), self.ids_)

    def _vectors(self) -> NDArray[np.float32]:
        """The embedding, where there is one."""
        if self.embedding_ is None:
            raise InputError(f"{self.name}: gives scores of pairs and has no embedding")
        return self.embedding_

    def _rows(self, ids: Iterable[NodeId] | IdArray | NodeId) -> NDArray[np.int64]:
        if isinstance(ids, str) or not isinstance(ids, Iterable):
            ids = [ids]
        names = as_ids(ids if isinstance(ids, np.ndarray) else list(ids))
        rows = self.split_.graph.index(names)
        for place in np.flatnonzero(rows < 0):
            rows[place] = self._row_without_type(names[place])
        return rows

    def _row_without_type(self, name: NodeId) -> int:
        """The node of an id that lacks the name of its type, as in "1" for "user:1"."""
        graph = self.split_.graph
        full = [f"{kind}:{name}" for kind in graph.type_names]
        rows = graph.index(full)
        if not (rows >= 0).any():
            raise unknown_node(name, self.ids_)
        if np.count_nonzero(rows >= 0) > 1:
            both = " or ".join(shown(graph.ids[row]) for row in rows[rows >= 0])
            raise InputError(f"{shown(name)} may be node {both}; give one of them")
        return int(rows.max())

    def _pair_rows(self, source: IdArray, target: IdArray) -> NDArray[np.int64]:
        rows = np.stack([self._rows(source), self._rows(target)], axis=1)
        warn_of_impossible(self.split_.graph, rows)
        return rows

    # ------------------------------------------------------------ in a few words

    def _fitted_to(self) -> str:
        """What it was fitted to and how well it does on held-out links, in one line."""
        about = self.graph_
        words = f"{count(about['n_nodes'], 'node')}, {count(about['n_edges'], 'edge')}"
        if added := about.get("n_added_nodes", 0):
            words += f", with {count(added, 'new node')}"
        for part in ("test", "validation"):
            if scores := self.metrics_[part]:
                words += f"; {part} {_scores_words(scores, 'auc')}"
                break
        return words

    def _fitted_rows(self) -> dict[str, object]:
        """The same in more detail, by name."""
        metrics, vectors = self.metrics_, self.embedding_
        shape = "none" if vectors is None else " x ".join(map(str, vectors.shape))
        rows: dict[str, object] = {
            "fitted to": self._fitted_to().partition(";")[0],
            "embedding": shape,
        }
        for part in ("validation", "test"):
            if metrics[part]:
                rows[part] = _scores_words(metrics[part], "auc", "average_precision")
        return rows


def _as_links(columns: Mapping[str, NDArray[Any]]) -> list[Any]:
    """Links from their columns."""
    kinds = {"expected_weight": WeightedLink, "p_positive": SignedLink}
    kind: Any = next((made for name, made in kinds.items() if name in columns), Link)
    return [kind(*row) for row in zip(*(c.tolist() for c in columns.values()), strict=True)]


def _scores_words(scores: Mapping[str, float | None], *names: str) -> str:
    """Metrics in words: "AUC 0.912, AP 0.924"."""
    titles = {"auc": "AUC", "average_precision": "AP"}
    found = ((titles[name], scores[name]) for name in names)
    return ", ".join(
        f"{title} {'-' if value is None else f'{value:.3f}'}" for title, value in found
    )
