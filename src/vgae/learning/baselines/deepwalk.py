"""DeepWalk and node2vec: skip-gram on random walks, the paper's baseline DW."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from importlib.util import find_spec
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vgae.data.graph import Graph
from vgae.ground.config import Dimension, stream_seed
from vgae.ground.errors import InputError
from vgae.learning.baselines.base import Baseline
from vgae.learning.baselines.walks import random_walks
from vgae.learning.scores import Scores, VectorScores

__all__ = ["DeepWalk"]

_SILENT = logging.NullHandler()


@final
class DeepWalk(Baseline):
    """Skip-gram embedding of truncated random walks (Perozzi, Al-Rfou & Skiena 2014).

    The walks are ours, skip-gram is gensim's. The defaults are those of the VGAE paper: one pass
    over ten walks of length 80 per node, window 10, hierarchical softmax. An isolated node's vector
    is zero. gensim runs on one thread, since its result would otherwise depend on chance.

    Attributes
    ----------
    latent_dim
        Dimensions of the embedding.
    walks_per_node, walk_length
        Number of walks that start at each node, and of nodes per walk.
    window
        Largest distance in a walk between two nodes that form a training pair.
    epochs
        Passes over the walks.
    p, q
        node2vec's return and in-out parameters (Grover & Leskovec 2016); 1 and 1 is DeepWalk.
    negative_samples
        Negative samples per pair; 0 means hierarchical softmax.

    Examples
    --------
    >>> ring = Graph.from_edges([(i, (i + 1) % 20) for i in range(20)])
    >>> DeepWalk(latent_dim=4, walk_length=10).fit(ring).vectors.shape
    (20, 4)
    """

    name: ClassVar[str] = "deepwalk"
    single_threaded: ClassVar[bool] = True

    latent_dim: Dimension = 128
    walks_per_node: int = Field(default=10, ge=1, le=1000)
    walk_length: int = Field(default=80, ge=2, le=10_000)  # gensim cuts longer ones
    window: int = Field(default=10, ge=1, le=1000)
    epochs: int = Field(default=1, ge=1, le=10_000)
    p: float = Field(default=1.0, ge=1e-3, le=1e3)
    q: float = Field(default=1.0, ge=1e-3, le=1e3)
    negative_samples: int = Field(default=0, ge=0, le=1000)

    def _check(self, graph: Graph) -> None:  # noqa: ARG002
        if find_spec("gensim") is None:
            raise InputError("deepwalk: needs the package gensim; install vgae[baselines]")

    def _fit(self, training: Graph, messages: Graph, seed: int) -> Scores:  # noqa: ARG002
        from gensim.models import Word2Vec

        corpus = _Walks(training, self, seed)
        # gensim warns of little work for its threads, which is of no interest here.
        logging.getLogger("gensim").addHandler(_SILENT)
        model = Word2Vec(
            vector_size=self.latent_dim,
            window=self.window,
            sg=1,
            hs=int(self.negative_samples == 0),
            negative=self.negative_samples,
            min_count=0,
            sample=0,
            workers=1,
            seed=stream_seed(seed, "skip-gram") % 2**32,
        )
        visits = corpus.visits()
        nodes = np.flatnonzero(visits)
        words = [corpus.words[node] for node in nodes]
        model.build_vocab_from_freq(dict(zip(words, visits[nodes].tolist(), strict=True)))
        model.train(
            corpus,
            total_examples=corpus.n_walks,
            total_words=int(visits.sum()),
            epochs=self.epochs,
        )
        vectors = np.zeros((training.n_nodes, self.latent_dim), dtype=np.float32)
        vectors[nodes] = model.wv[words]
        return VectorScores(vectors)


class _Walks:
    """The walks as gensim's sentences, drawn again at each pass: cheaper than keeping them."""

    def __init__(self, graph: Graph, settings: DeepWalk, seed: int) -> None:
        self._graph, self._settings, self._seed = graph, settings, seed
        self._starts = np.flatnonzero(graph.degrees)
        self.n_walks = settings.walks_per_node * self._starts.size
        # gensim reads a number as a place in its vocabulary, so nodes must be strings.
        self.words = [str(node) for node in range(graph.n_nodes)]

    def __iter__(self) -> Iterator[list[str]]:
        for walks in self._passes():
            for walk in walks:
                yield [self.words[node] for node in walk]

    def visits(self) -> NDArray[np.int64]:
        """How often the walks visit each node, shape (n_nodes,)."""
        total = np.zeros(self._graph.n_nodes, dtype=np.int64)
        for walks in self._passes():
            total += np.bincount(walks.ravel(), minlength=total.size)
        return total

    def _passes(self) -> Iterator[NDArray[np.int32]]:
        """`walks_per_node` times: one walk from each node that has edges, in random order."""
        settings = self._settings
        for number in range(settings.walks_per_node):
            seed = stream_seed(self._seed, f"walks {number}")
            order = np.random.default_rng(seed).permutation(self._starts)
            yield random_walks(
                self._graph,
                order,
                length=settings.walk_length,
                p=settings.p,
                q=settings.q,
                seed=seed,
            )
