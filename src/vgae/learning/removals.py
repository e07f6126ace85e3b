"""The score of one pair as it would be without an edge, or without a feature of its two nodes.

Weights stay as they were learned; what changes is what the encoder reads. An encoder that works in
rounds needs only the nodes near the pair: their states before the first round are known (see
`vgae.learning.inductive.States`), so that neither features nor the rest of the graph is read.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from vgae.data.adjacency import row_sums
from vgae.data.graph import Graph
from vgae.learning.ensemble import inputs_of, scores_of_members
from vgae.learning.fitted import Fitted
from vgae.learning.scores import block_rows, blocks
from vgae.model.encoders import Propagation
from vgae.model.kernels.sparse import CsrParts

__all__ = ["LocalRemovals", "Removals", "WholeRemovals", "removals_of"]

MOST_REMOVED = 100
"""Edges, or features, that are left out one by one; those that matter most by their gradients."""
LOCAL_WORK, WHOLE_WORK, EVIDENCE_WORK = 3e7, 1e5, 4e4
"""What bounds that number: numbers of states that all removals compute, or edges that they read,
of a model that is encoded as a whole and of one whose evidence is computed again too."""
NUMBERS_AT_ONCE = 2**22
"""Numbers of the states that are computed at a time, for several removals."""
OTHER_HOPS = 2
"""Hops that count as near a pair where the encoder does not work in rounds."""

Pairs = NDArray[np.int64]


class Removals(ABC):
    """The score of a pair of nodes without one edge at a time.

    Parameters
    ----------
    fitted
        The model.
    pair
        Node indices.

    Attributes
    ----------
    most
        How many removals take seconds, and not minutes.

    Examples
    --------
    >>> from vgae import GAE
    >>> fitted = GAE(steps=1).fit([("a", "b"), ("b", "c"), ("c", "d"), ("d", "e")]).fitted_
    >>> removals = removals_of(fitted, (0, 2))
    >>> sorted(removals.candidates.tolist())
    [[0, 1], [1, 2], [2, 3], [3, 4]]
    >>> removals.screened(1).shape, removals.without_edges([(0, 1)]).shape, removals.most
    ((1, 2), (1,), 100)
    """

    def __init__(self, fitted: Fitted, pair: tuple[int, int]) -> None:
        self.fitted, self.pair = fitted, pair
        self.messages: Graph = fitted.split.message_graph()

    @property
    @abstractmethod
    def most(self) -> int:
        """See the class."""

    @property
    def _n_rounds(self) -> int:
        encoder = self.fitted.network.encoder
        return encoder.n_rounds if isinstance(encoder, Propagation) else OTHER_HOPS

    @cached_property
    def _hops(self) -> NDArray[np.int64]:
        """Hops from each end of the pair to each node, at most rounds + 1; shape (2, n_nodes)."""
        plain = self.messages.undirected().adjacency
        found = np.full((2, self.messages.n_nodes), self._n_rounds + 1)
        for end, node in enumerate(self.pair):
            front = np.array([node])
            for hop in range(self._n_rounds + 1):
                found[end, front] = hop
                reached = np.unique(plain[front].indices).astype(np.int64)
                front = reached[found[end, reached] > self._n_rounds]
        return found

    @cached_property
    def candidates(self) -> Pairs:
        """The edges along which messages come to the pair, shape (n, 2).

        Those on the shortest paths between its ends come first, and of these the ones whose ends
        have the fewest edges.
        """
        edges, (first, second) = self.messages.edges, self._hops
        start, end = edges.T
        inside = np.minimum(first, second)[edges].min(axis=1) < self._n_rounds
        length = np.minimum(first[start] + second[end], second[start] + first[end])
        degrees = self.messages.undirected().degrees.astype(np.float64)
        order = np.lexsort((degrees[start] * degrees[end], length))
        found: Pairs = edges[order[inside[order]]]
        return found

    def screened(self, most: int) -> Pairs:
        """So many of the candidates: those that matter most, as far as that is known at no cost."""
        return self.candidates[:most]

    @abstractmethod
    def without_edges(self, edges: Any) -> NDArray[np.float64]:
        """The score of the pair without each of these edges of the message graph alone.

        Parameters
        ----------
        edges
            Rows of `candidates`, shape (n, 2).
        """


@final
class LocalRemovals(Removals):
    """Removals from the nodes near a pair, for encoders whose states the model keeps.

    Every round of the encoder is computed again, for the nodes whose messages reach the pair.

    Parameters
    ----------
    fitted
        A model with states.
    pair
        Node indices.

    Examples
    --------
    >>> from vgae import GAE
    >>> path = Graph.from_edges([(0, 1), (1, 2), (2, 3)], features=np.eye(4))
    >>> fitted = GAE(steps=5).fit(path).fitted_
    >>> removals = LocalRemovals(fitted, (0, 1))
    >>> bool(np.isclose(removals.score, fitted.scores.pairs([(0, 1)])[0], atol=1e-5))
    True
    >>> removals.used_inputs.tolist(), removals.without_inputs(np.array([0])).shape
    ([0, 1], (1,))
    """

    def __init__(self, fitted: Fitted, pair: tuple[int, int]) -> None:
        super().__init__(fitted, pair)
        states, encoder = fitted.states, fitted.network.encoder
        assert states is not None  # noqa: S101 - see removals_of
        assert isinstance(encoder, Propagation)  # noqa: S101 - it has states
        self._encoder = encoder
        hops = self._hops.min(axis=0)
        self._nodes = np.flatnonzero(hops <= self._n_rounds)
        inner = (hops[self._nodes] < self._n_rounds).astype(np.float64)
        near = self.messages.adjacency[self._nodes][:, self._nodes].astype(np.float64)
        if encoder.self_loops:
            near = near + sparse.eye_array(len(self._nodes))
        # Rows of the outermost nodes have no use: what they receive comes too late.
        self._near = sparse.csr_array(sparse.diags_array(inner) @ sparse.csr_array(near))
        self._near.sort_indices()
        self._degrees = states.degrees[self._nodes] - (0.0 if encoder.self_loops else 1.0)
        self._n_links = np.diff(self.messages.adjacency.indptr)[self._nodes].astype(np.int64)
        self._first = torch.from_numpy(states.levels[0][self._nodes])
        self._ends = np.searchsorted(self._nodes, pair)

    @property
    def most(self) -> int:
        """See `Removals`."""
        work = self._first.numel() * self._n_rounds
        return min(MOST_REMOVED, max(1, int(LOCAL_WORK / work)))

    @property
    def score(self) -> float:
        """The score of the pair, with everything."""
        return float(self._scores(np.empty((1, 0, 2), np.int64), self._first[None])[0])

    def without_edges(self, edges: Any) -> NDArray[np.float64]:
        """See `Removals.without_edges`."""
        places = np.searchsorted(self._nodes, np.asarray(edges, np.int64).reshape(-1, 2))
        size = block_rows(len(self._nodes) * self._first.shape[1], NUMBERS_AT_ONCE)
        found = [
            self._scores(places[chosen][:, None], self._first[None].expand(len(chosen), -1, -1))
            for chosen in blocks(np.arange(len(places)), size)
        ]
        return np.concatenate([np.empty(0), *found])

    def screened(self, most: int) -> Pairs:
        """See `Removals.screened`: by the gradients of the score, at the degrees as they are."""
        if len(self.candidates) <= most:
            return self.candidates
        values, gradient, _ = self._gradients
        size = len(self._nodes)
        effects = sparse.coo_array((values * gradient, self._places), shape=(size, size)).tocsr()
        a, b = np.searchsorted(self._nodes, self.candidates).T
        both = np.abs(np.asarray(effects[a, b] + effects[b, a]).ravel())
        return self.candidates[np.argsort(-both, kind="stable")[:most]]

    # ------------------------------------------------------------------ features

    @cached_property
    def _inputs(self) -> NDArray[np.float32]:
        """Inputs of the two nodes, shape (2, n_inputs)."""
        rows: Any = self.fitted.scaling.apply(self.fitted.split.graph.features)
        chosen = rows[list(self.pair)]
        return np.asarray(chosen.toarray() if sparse.issparse(chosen) else chosen)

    @cached_property
    def used_inputs(self) -> NDArray[np.int64]:
        """The inputs that are not zero at both nodes, those first that matter most by gradients."""
        inputs = self._inputs
        used = np.flatnonzero((inputs != 0).any(axis=0))
        _, _, gradient = self._gradients
        weight = self._encoder.first_weight.detach().numpy()[used]
        effects = np.abs((inputs[:, used].T * (weight @ gradient[self._ends].T)).sum(axis=1))
        return used[np.argsort(-effects, kind="stable")]

    def without_inputs(self, inputs: NDArray[np.int64]) -> NDArray[np.float64]:
        """The score of the pair where each of these inputs is zero at both of its nodes."""
        size = block_rows(len(self._nodes) * self._first.shape[1], NUMBERS_AT_ONCE)
        weight = self._encoder.first_weight.detach()
        found = [np.empty(0)]
        for chosen in blocks(inputs, size):
            first = self._first.repeat(len(chosen), 1, 1)
            for end, place in enumerate(self._ends):
                amounts = torch.from_numpy(self._inputs[end, chosen])[:, None]
                if end == 0 or self.pair[0] != self.pair[1]:
                    first[:, place] -= amounts * weight[chosen]
            found.append(self._scores(np.empty((len(chosen), 0, 2), np.int64), first))
        return np.concatenate(found)

    # ------------------------------------------------------------------ the rounds again

    @cached_property
    def _places(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows and columns of the entries of the adjacency near the pair."""
        counts = np.diff(self._near.indptr)
        return np.repeat(np.arange(len(counts)), counts), self._near.indices.astype(np.int64)

    def _scores(self, removed: NDArray[np.int64], first: Tensor) -> NDArray[np.float64]:
        """Scores of several removals at once, each with its copy of the nodes near the pair.

        Parameters
        ----------
        removed
            Edges between places, shape (n, n_removed, 2): what each copy lacks.
        first
            States before all rounds, shape (n, n_near, width).
        """
        n, size = len(removed), len(self._nodes)
        data = np.tile(self._near.data, (n, 1))
        degrees, n_links = np.tile(self._degrees, (n, 1)), np.tile(self._n_links, (n, 1))
        rows, columns = self._places
        codes = rows * size + columns
        for copy, edges in enumerate(removed):
            for a, b in edges:
                weight = 0.0
                for row, column in ((a, b), (b, a)):
                    place = np.searchsorted(codes, row * size + column)
                    if place < len(codes) and codes[place] == row * size + column:
                        weight = data[copy, place]
                        data[copy, place] = 0.0
                for end in (a, b):
                    degrees[copy, end] -= weight
                    n_links[copy, end] -= 1
        shift = np.arange(n)[:, None]
        starts = np.append(
            (self._near.indptr[None, :-1] + shift * len(codes)).ravel(), n * len(codes)
        )
        near = sparse.csr_array(
            (data.ravel(), (columns[None] + shift * size).ravel(), starts),
            shape=(n * size, n * size),
        )
        normalised = sparse.csr_array(self._encoder.normalised(near, degrees.ravel()))
        adjacency = CsrParts.of(normalised.astype(np.float32))
        ends = (self._ends[None] + shift * size).ravel()
        with torch.no_grad():
            first = first.reshape(n * size, -1)
            levels = [first]
            for level in range(self._n_rounds):
                received = adjacency.times(self._encoder.messages(level, levels[-1]))
                levels.append(self._encoder.update(level, received, levels[-1], first))
            links = torch.from_numpy(n_links.ravel()[ends])
            return self._decoded([state[ends] for state in levels], links).double().numpy()

    def _decoded(self, levels: list[Tensor], n_links: Tensor) -> Tensor:
        """Scores from the states of the two ends, one pair after the other."""
        network = self.fitted.network
        latent = network.latent(**self._encoder.read_out(levels, n_links))
        pairs = torch.arange(len(n_links)).reshape(-1, 2)
        scores = network.decoder.pairs(network.linked_mean(latent.mean, latent.std()), pairs)
        if network.offsets is None:
            return scores
        return scores + network.offsets.at(torch.tensor([self.pair]))

    @cached_property
    def _gradients(
        self,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Normalised weights near the pair; gradients of the score by them and the first state."""
        matrix = sparse.csr_array(self._encoder.normalised(self._near, self._degrees))
        values = torch.from_numpy(matrix.data.astype(np.float32)).requires_grad_()
        first = self._first.clone().requires_grad_()
        rows, columns = (torch.from_numpy(part) for part in self._places)
        levels: list[Tensor] = [first]
        for level in range(self._n_rounds):
            sent = self._encoder.messages(level, levels[-1])
            received = torch.zeros(len(self._nodes), sent.shape[1]).index_add(
                0, rows, values[:, None] * sent[columns]
            )
            levels.append(self._encoder.update(level, received, levels[-1], first))
        links = torch.from_numpy(self._n_links[self._ends])
        score = self._decoded([state[self._ends] for state in levels], links).sum()
        by_values, by_first = torch.autograd.grad(score, [values, first])
        return values.detach().numpy(), by_values.numpy(), by_first.numpy()


@final
class WholeRemovals(Removals):
    """Removals from the whole graph, which all members encode again for each, with its evidence.

    Parameters
    ----------
    fitted
        A model that has the inputs of its nodes at hand.
    pair
        Node indices.

    Examples
    --------
    >>> from vgae import GAE
    >>> fitted = GAE(steps=5).fit([("a", "b"), ("b", "c"), ("c", "d")]).fitted_
    >>> whole, local = (kind(fitted, (0, 2)) for kind in (WholeRemovals, LocalRemovals))
    >>> edges = whole.candidates
    >>> bool(np.allclose(whole.without_edges(edges), local.without_edges(edges), atol=1e-5))
    True
    """

    @property
    def most(self) -> int:
        """See `Removals`."""
        work = WHOLE_WORK if self.fitted.combiner is None else EVIDENCE_WORK
        return min(MOST_REMOVED, int(work / max(1, self.messages.n_edges)))

    def without_edges(self, edges: Any) -> NDArray[np.float64]:
        """See `Removals.without_edges`."""
        removed = self.messages.places(edges)
        weights, every = self.messages.weights, self.messages.edges
        found = np.empty(len(removed))
        for row, place in enumerate(removed):
            kept = np.delete(np.arange(len(every)), place)
            graph = self.messages.with_pairs(
                every[kept], weights=None if weights is None else weights[kept]
            )
            found[row] = self._score(graph)
        return found

    @cached_property
    def _given(self) -> Any:
        return inputs_of(self.fitted.split.train, self.fitted.settings)[1]

    def _score(self, messages: Graph) -> float:
        fitted = self.fitted
        networks = [fitted.network, *fitted.members]
        with torch.no_grad():
            latents = [one.encode(one.prepare(messages, self._given)) for one in networks]
        scores = scores_of_members(
            networks, latents, messages=messages, combiner=fitted.combiner, seed=fitted.random_seed
        )
        return float(scores.pairs([self.pair])[0])


def removals_of(fitted: Fitted, pair: tuple[int, int]) -> Removals | str:
    """What can be left out of a model's graph; or in words, why nothing can.

    Parameters
    ----------
    fitted
        The model.
    pair
        Node indices.

    Examples
    --------
    >>> from vgae import GAE
    >>> fitted = GAE(steps=1).fit([("a", "b"), ("b", "c")]).fitted_
    >>> type(removals_of(fitted, (0, 2))).__name__
    'LocalRemovals'
    """
    if fitted.graph.get("n_added_nodes"):
        return "nodes joined after the fit, so that the messages of its edges are not known"
    messages = fitted.split.message_graph()
    if fitted.graph.get("weighted") and messages.weights is None:
        return "the run does not keep edge weights; give the graph (--graph) for the edges"
    alone = not fitted.needs_graph and fitted.states is not None
    if alone and fitted.states is not None:
        degrees = 1.0 + row_sums(messages.adjacency)
        if np.allclose(degrees, fitted.states.degrees):
            return LocalRemovals(fitted, pair)
    if fitted.n_features and fitted.split.train.features is None:
        return "the run does not keep node features; give the graph (--graph) for the edges"
    return WholeRemovals(fitted, pair)
