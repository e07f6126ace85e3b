"""What every encoder does, and what those that propagate along edges share."""

from __future__ import annotations

import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn

from vgae.data.adjacency import row_sums
from vgae.data.graph import Features, FloatCSR, Graph
from vgae.ground.errors import InputError
from vgae.model.encoders.rows import RowsMatrix, propagated_rows
from vgae.model.kernels import SparseMatrix
from vgae.model.lengths import unit_rows
from vgae.model.noise import Noise
from vgae.model.ranks import Rows
from vgae.model.settings import ModelSettings

__all__ = ["Encoder", "EncoderInput", "Prepared", "Propagation", "glorot_uniform", "of_rows"]


class Prepared(Protocol):
    """A graph as an encoder takes it, in whichever form that encoder chooses.

    Examples
    --------
    >>> inputs: Prepared = EncoderInput.from_matrices(np.eye(1, dtype=np.float32), None)
    >>> inputs.to(torch.device("cpu")).propagated
    0
    """

    def to(self, device: torch.device) -> Self:
        """Copy the tensors to a device."""


class Encoder(nn.Module, ABC):
    """From a graph and the inputs of its nodes to the parameters of a distribution.

    An encoder prepares a graph once, in its own way (its normalisation, its direction), and is then
    called in every step. An encoder of your own is a subclass, or any `torch.nn.Module` that takes
    `(x, edge_index)`: see `vgae.model.encoders.ModuleEncoder`.

    Attributes
    ----------
    places_new_nodes
        Whether nodes can join the graph without a new fit; see `Propagation`.

    Examples
    --------
    >>> from vgae.model.encoders import ENCODERS
    >>> encoder: Encoder = ENCODERS["gcn"](
    ...     ModelSettings(latent_dim=3), 2, outputs=("mean",), generator=torch.Generator()
    ... )
    >>> prepared = encoder.prepare(Graph.from_pairs([("a", "b")]), None)
    >>> encoder.forward(prepared)["mean"].shape, encoder.places_new_nodes
    (torch.Size([2, 3]), True)
    >>> alone = Graph.from_edges([], n_nodes=2)
    >>> masked = ModelSettings(mask=0.5, objective="sampled")
    >>> encoder = ENCODERS["gcn"](masked, 2, outputs=("mean",), generator=torch.Generator())
    >>> encoder.along(encoder.prepare(alone, None), alone).n_nodes
    2
    """

    name: ClassVar[str]
    places_new_nodes: ClassVar[bool] = False

    @abstractmethod
    def prepare(self, graph: Graph, inputs: Features | None) -> Any:
        """The graph in the form that `forward` takes, with a method `to(device)`.

        Parameters
        ----------
        graph
            The message graph.
        inputs
            Inputs of the nodes, dense or sparse, shape (n_nodes, n_inputs); None means that every
            node has an input of its own.

        Raises
        ------
        InputError
            The encoder cannot take this graph.
        """

    def along(self, prepared: Any, graph: Graph) -> Any:  # noqa: ARG002 - by default there is none
        """The same inputs along the edges of another graph of the same nodes: what masks need.

        Parameters
        ----------
        prepared
            What `prepare` returned.
        graph
            The message graph to take instead.

        Raises
        ------
        InputError
            The encoder does not implement this.
        """
        raise InputError(f"encoder {type(self).__name__}: has no along() and so takes no mask")

    @abstractmethod
    def forward(self, prepared: Any, noise: Noise | None = None) -> dict[str, Tensor]:
        """Outputs by name, each of shape (n_nodes, latent_dim).

        Parameters
        ----------
        prepared
            What `prepare` returned.
        noise
            Decides what dropout leaves out; None outside of training, where nothing is left out.
        """


@dataclass(frozen=True)
class EncoderInput:
    """A graph as tensors.

    Attributes
    ----------
    adjacency
        A normalised adjacency of the message graph, shape (n_nodes, n_nodes).
    features
        Inputs of the nodes, shape (n_nodes, n_inputs), or None: every node is its own input
        (X = I).
    propagated
        How many times `features` have already been multiplied by the adjacency. Otherwise the
        encoder does so at every step.
    rows
        The nodes of this process, where they are shared out to several: adjacency and features are
        those of these nodes.

    Examples
    --------
    >>> graph = Graph.from_edges([(0, 1)])
    >>> features = np.array([[1.0], [3.0]], np.float32)
    >>> inputs = EncoderInput.from_matrices(graph.normalized_adjacency(), features, ahead=1)
    >>> inputs.features.tolist(), inputs.projected(torch.ones(1, 1)).tolist(), inputs.propagated
    ([[2.0], [2.0]], [[2.0], [2.0]], 1)
    >>> inputs.to(torch.device("cpu")).thinned(0.0, 0.0, None).n_nodes
    2
    >>> inputs.n_links(self_loops=True).tolist(), inputs.n_links_in(self_loops=True).tolist()
    ([1, 1], [1, 1])
    """

    adjacency: SparseMatrix
    features: SparseMatrix | Tensor | None
    propagated: int = 0
    rows: Rows | None = None

    @property
    def n_nodes(self) -> int:
        """Number of rows of the adjacency."""
        return self.adjacency.shape[0]

    def n_links(self, self_loops: bool) -> Tensor:
        """Number of links of each node, shape (n_nodes,); self loops were added or not.

        In a directed graph, of the arcs that start there.
        """
        return self.adjacency.forward.row_starts.diff() - int(self_loops)

    def n_links_in(self, self_loops: bool) -> Tensor:
        """The same of the arcs that end at each node."""
        return self.adjacency.transposed.row_starts.diff() - int(self_loops)

    @classmethod
    def from_matrices(
        cls, adjacency: FloatCSR, inputs: Features | None, *, ahead: int = 0
    ) -> EncoderInput:
        """Make the tensors.

        Parameters
        ----------
        adjacency
            A normalised adjacency.
        inputs
            Inputs of the nodes, or None.
        ahead
            The number of products of adjacency and inputs that may be formed once, ahead of all
            steps. They are formed where that saves multiplications in each step.
        """
        propagated = 0
        if inputs is not None:
            while propagated < ahead and _propagating_saves(adjacency, inputs):
                inputs, propagated = adjacency @ inputs, propagated + 1
        return cls(
            SparseMatrix.from_scipy(sparse.csr_array(adjacency)), _factor(inputs), propagated
        )

    @classmethod
    def from_own_weights(
        cls, adjacency: FloatCSR, rows: NDArray[np.int64], n_inputs: int
    ) -> EncoderInput:
        """Make the tensors of another graph for an encoder that was fitted without inputs.

        A node that the encoder was fitted to has its own row of the first layer's weights. Any
        other node has only its links.

        Parameters
        ----------
        adjacency
            A normalised adjacency of the other graph.
        rows
            Row of each node's weights, shape (n_nodes,); -1 for a node without weights.
        n_inputs
            Number of rows of the weights.

        Examples
        --------
        >>> known_and_new = Graph.from_edges([(0, 1)]).normalized_adjacency()
        >>> rows = np.array([0, -1])
        >>> inputs = EncoderInput.from_own_weights(known_and_new, rows, n_inputs=1)
        >>> (inputs.adjacency @ inputs.projected(torch.ones(1, 1))).tolist()
        [[0.5], [0.5]]
        """
        known = np.flatnonzero(rows >= 0)
        ones = np.ones(known.size, dtype=np.float32)
        chosen = sparse.csr_array((ones, (known, rows[known])), shape=(len(rows), n_inputs))
        return cls(SparseMatrix.from_scipy(adjacency), SparseMatrix.from_scipy(chosen))

    def to(self, device: torch.device) -> EncoderInput:
        """Copy the tensors to a device."""
        features = None if self.features is None else self.features.to(device)
        return replace(self, adjacency=self.adjacency.to(device), features=features)

    def projected(self, weight: Tensor) -> Tensor:
        """Multiply features and a weight, shape (n_nodes, width of the weight)."""
        if self.features is None:
            return weight if self.rows is None else weight[self.rows.own]
        return self.features @ weight

    def thinned(self, inputs: float, messages: float, noise: Noise | None) -> EncoderInput:
        """The same without a random share of inputs and of messages; the others grow to make up.

        Inputs that were propagated ahead are left out after it. Where every node is its own input,
        nothing is: the encoder leaves weights out instead.
        """
        if noise is None or (inputs == 0.0 and messages == 0.0):
            return self
        features, adjacency = self.features, self.adjacency
        if inputs and isinstance(features, SparseMatrix):
            features = features.thinned(inputs, noise)
        elif inputs and isinstance(features, Tensor):
            n_nodes, width = features.shape
            with noise.from_row(0 if self.rows is None else self.rows.own.start):
                kept = noise.uniform(n_nodes, width) >= inputs
            features = features * kept / (1.0 - inputs)
        if messages:
            adjacency = adjacency.thinned(messages, noise)
        return replace(self, adjacency=adjacency, features=features)


def _propagating_saves(adjacency: FloatCSR, features: Any) -> bool:
    """Whether a step takes fewer multiplications if A X is computed once.

    With h the width of the layer, A (X W) takes h multiplications per entry of X and of A, and
    (A X) W takes h per entry of A X. If X is dense, A X has as many entries as X. If X is sparse,
    it has at most one per pair of an edge and a feature of its end.
    """
    if not sparse.issparse(features):
        return True
    degrees, counts = (np.diff(matrix.indptr).astype(np.int64) for matrix in (adjacency, features))
    n_products = degrees @ counts
    return bool(n_products < adjacency.nnz + features.nnz)


def _factor(features: Features | None) -> SparseMatrix | Tensor | None:
    if features is None:
        return None
    if sparse.issparse(features):
        return SparseMatrix.from_scipy(features)
    with warnings.catch_warnings():
        # The features of a graph cannot be written to, and no encoder does.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(features)


class Propagation(Encoder):
    """An encoder in rounds: project the inputs, then pass messages along the edges.

    A round turns the state of all nodes into the next one,

        S_0 = X W      S_{l+1} = update(A messages(S_l), S_l, S_0)      output = read_out(S_last)

    with A a normalised adjacency. A subclass says what the functions are. New nodes are placed by
    the same rounds: given the states of the known nodes that they link to, which stay what they
    were, no more is needed (see `vgae.learning.inductive`).

    Parameters
    ----------
    settings
        Sizes, biases and dropout.
    n_inputs
        Number of inputs, or number of nodes if every node is its own input.
    outputs
        Names of the outputs, such as ("mean", "log_std").
    generator
        Source of the Glorot-uniform weights; global random state is not used.

    Examples
    --------
    >>> from vgae.model.encoders import GraphConvolutionEncoder
    >>> encoder: Propagation = GraphConvolutionEncoder(
    ...     ModelSettings(hidden_dim=4, latent_dim=3), 2, outputs=("mean",),
    ...     generator=torch.Generator(),
    ... )
    >>> graph = Graph.from_pairs([("a", "b")])
    >>> states = encoder.states(encoder.prepare(graph, None))
    >>> [tuple(state.shape) for state in states], encoder.n_rounds, len(encoder.first_weight)
    ([(2, 4), (2, 4), (2, 3)], 2, 2)
    >>> encoder.read_out(states, torch.tensor([1, 1]))["mean"].shape, encoder.self_loops
    (torch.Size([2, 3]), True)
    >>> encoder.biased(["mean"])
    ['mean']
    >>> encoder.adjacency(graph).toarray()
    array([[0.5, 0.5],
           [0.5, 0.5]], dtype=float32)
    >>> encoder.normalised(np.ones((1, 2)), np.array([1.0, 4.0])).toarray()  # the last row alone
    array([[0.5 , 0.25]])
    >>> encoder.shapes(n_inputs=2), encoder.ahead
    ({'hidden': (2, 4), 'mean': (4, 3)}, 1)
    >>> prepared = encoder.prepare(graph, None)
    >>> sent = encoder.passed(prepared.adjacency, encoder.messages(1, states[1]))
    >>> encoder.update(1, sent, states[1], states[0]).shape
    torch.Size([2, 3])
    >>> links = encoder.links(prepared)
    >>> read = encoder.read(states, links)
    >>> read["mean"].shape
    torch.Size([2, 3])
    >>> encoder.initial("mean", (2, 3), torch.Generator()).shape
    torch.Size([2, 3])
    >>> encoder.adjacency_rows(graph, slice(1, 2)).toarray(), encoder.symmetric
    (array([[0.5, 0.5]], dtype=float32), True)
    >>> from vgae.ground.launch import Launch
    >>> from vgae.model.ranks import Ranks
    >>> alone = Ranks(Launch(rank=0, size=1, local_rank=0, local_size=1))
    >>> rows = Rows.balanced(alone, graph.adjacency.indptr)
    >>> bool((encoder(encoder.prepare_rows(graph, None, rows))["mean"] == read["mean"]).all())
    True
    """

    places_new_nodes = True
    self_loops: ClassVar[bool] = True
    """Whether a node is among its own neighbours, with weight 1."""
    symmetric: ClassVar[bool] = True
    """Whether the normalised adjacency of an undirected graph is symmetric."""

    def __init__(
        self,
        settings: ModelSettings,
        n_inputs: int,
        *,
        outputs: tuple[str, ...],
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.settings, self.outputs = settings, outputs
        self.n_rounds = settings.layers_used
        shapes = self.shapes(n_inputs)
        self.weight = nn.ParameterDict(
            {
                name: nn.Parameter(self.initial(name, shape, generator))
                for name, shape in shapes.items()
            }
        )
        self.bias = nn.ParameterDict(
            {name: nn.Parameter(torch.zeros(shapes[name][1])) for name in self.biased(shapes)}
            if settings.bias
            else {}
        )
        if settings.unit_norm:
            self.log_length = nn.Parameter(torch.tensor(0.0))

    # ------------------------------------------------------- what a subclass says

    @abstractmethod
    def shapes(self, n_inputs: int) -> dict[str, tuple[int, int]]:
        """Shapes of the weights by name, in the order in which they are drawn."""

    def biased(self, names: Iterable[str]) -> list[str]:
        """Which of the weights go with a bias; by default all."""
        return list(names)

    @property
    @abstractmethod
    def first_weight(self) -> Tensor:
        """The weight W of the inputs, shape (n_inputs, width)."""

    def messages(self, level: int, state: Tensor) -> Tensor:  # noqa: ARG002 - not needed by all
        """What each node sends in a round; by default, its state."""
        return state

    def passed(self, adjacency: SparseMatrix, sent: Tensor) -> Tensor:
        """What each node receives of what all nodes sent; by default, the adjacency times it."""
        return adjacency @ sent

    @abstractmethod
    def update(self, level: int, received: Tensor, state: Tensor, first: Tensor) -> Tensor:
        """The next state, from what each node received, its state, and its state before all."""

    def normalised(
        self, adjacency: FloatCSR, degrees: NDArray[np.float64], first: int | None = None
    ) -> FloatCSR:
        """Normalise rows of an adjacency, to which self loops have been added where they belong.

        By default D^-1/2 A D^-1/2, the propagation of graph convolutions (Kipf & Welling 2017).

        Parameters
        ----------
        adjacency
            Weights, float64, shape (n_rows, n_nodes).
        degrees
            Sums of the weights of each node, shape (n_nodes,).
        first
            The node of the first row; None where the rows are those of the last nodes.
        """
        scale = 1.0 / np.sqrt(degrees)
        rows = of_rows(scale, adjacency, first)
        return sparse.csr_array(sparse.diags_array(rows) @ adjacency @ sparse.diags_array(scale))

    def adjacency(self, graph: Graph) -> FloatCSR:
        """The normalised adjacency of a whole graph.

        In a directed graph, by default the means over the targets of each node's arcs and the node
        itself (Salha et al. 2019).
        """
        if not graph.directed:
            return graph.normalized_adjacency()
        with_self = graph.adjacency.astype(np.float64) + sparse.eye_array(graph.n_nodes)
        return sparse.csr_array(
            sparse.diags_array(1.0 / with_self.sum(axis=1)) @ with_self, dtype=np.float32
        )

    def adjacency_rows(self, graph: Graph, rows: slice) -> FloatCSR:
        """Rows of `adjacency` of an undirected graph, without making the others.

        Parameters
        ----------
        graph
            The message graph.
        rows
            Consecutive nodes.
        """
        part = sparse.csr_array(graph.adjacency[rows].astype(np.float64))
        degrees = row_sums(graph.adjacency)
        if self.self_loops:
            loops = sparse.eye_array(*part.shape, k=rows.start, format="csr")
            part, degrees = sparse.csr_array(part + loops), degrees + 1.0
        found = sparse.csr_array(self.normalised(part, degrees, rows.start), dtype=np.float32)
        found.sort_indices()
        return found

    @property
    def ahead(self) -> int:
        """How many rounds do nothing but multiply by A, so that they can be done ahead."""
        return 0

    def read(self, states: Sequence[Tensor], n_links: Tensor) -> dict[str, Tensor]:  # noqa: ARG002
        """The outputs by name, without biases; by default, equal parts of the last state."""
        parts = states[-1].chunk(len(self.outputs), dim=1)
        # Copies, because operations on strided halves take several times as long.
        return {name: part.contiguous() for name, part in zip(self.outputs, parts, strict=True)}

    def initial(self, name: str, shape: tuple[int, int], generator: torch.Generator) -> Tensor:  # noqa: ARG002
        """A weight at the start; by default as in `glorot_uniform`."""
        return glorot_uniform(shape, generator)

    # ------------------------------------------------------------------ what follows

    def prepare(self, graph: Graph, inputs: Features | None) -> EncoderInput:
        """See `Encoder.prepare`."""
        moves = self.settings.edge_dropout or self.settings.mask
        ahead = 0 if moves else self.ahead
        return EncoderInput.from_matrices(self.adjacency(graph), inputs, ahead=ahead)

    def prepare_rows(
        self,
        graph: Graph,
        features: Features | None,
        rows: Rows,
        scaled: Callable[[Features], Features] = lambda features: features,
    ) -> EncoderInput:
        """What `prepare` makes, for the nodes of one of several processes alone.

        Parameters
        ----------
        graph
            The message graph, undirected. No more than its own rows is copied.
        features
            Of all nodes, as they are in the graph; None where every node is its own input.
        rows
            The nodes of each process.
        scaled
            What turns features into inputs.
        """
        own, n_loops = rows.own, int(self.self_loops)
        adjacency = self.adjacency_rows(graph, own)
        before = int(graph.adjacency.indptr[own.start]) + n_loops * own.start
        matrix = RowsMatrix.of(adjacency, rows, symmetric=self.symmetric, first_entry=before)
        if features is None:
            return EncoderInput(matrix, None, rows=rows)
        if sparse.issparse(features):
            part = SparseMatrix.from_scipy(sparse.csr_array(scaled(features[own])))
            before = int(sparse.csr_array(features).indptr[own.start])
            return EncoderInput(matrix, replace(part, first_entry=before), rows=rows)
        if self.ahead and not self.settings.edge_dropout:
            propagated = propagated_rows(adjacency, features, scaled)
            return EncoderInput(matrix, torch.from_numpy(propagated), 1, rows)
        return EncoderInput(matrix, torch.tensor(scaled(features[own])), rows=rows)

    def along(self, prepared: EncoderInput, graph: Graph) -> EncoderInput:
        """See `Encoder.along`."""
        if prepared.propagated:
            raise ValueError("the inputs were multiplied by another adjacency ahead")
        made = sparse.csr_array(self.adjacency(graph))
        # That of other encoders, which may be your own, is compared with its transpose.
        symmetric = type(self).adjacency is Propagation.adjacency and not graph.directed
        adjacency = SparseMatrix.from_scipy(made, symmetric=symmetric)
        return replace(prepared, adjacency=adjacency.to(self.first_weight.device))

    def forward(self, prepared: EncoderInput, noise: Noise | None = None) -> dict[str, Tensor]:
        """See `Encoder.forward`."""
        return self.read_out(self.states(prepared, noise), self.links(prepared))

    def links(self, prepared: EncoderInput) -> Tensor:
        """The numbers of links that `read` gets, by default shape (n_nodes,)."""
        return prepared.n_links(self.self_loops)

    def states(self, prepared: EncoderInput, noise: Noise | None = None) -> list[Tensor]:
        """The states before the first round and after each; some are skipped if done ahead."""
        settings = self.settings
        inputs = prepared.thinned(settings.dropout, settings.edge_dropout, noise)
        weight = self.first_weight
        if noise is not None and settings.dropout and inputs.features is None:
            kept = noise.uniform(len(weight), 1) >= settings.dropout
            weight = weight * kept / (1.0 - settings.dropout)
        states = [inputs.projected(weight)]
        for level in range(self.n_rounds):
            if level < inputs.propagated:
                received = states[-1]  # the inputs were multiplied by A ahead
            else:
                received = self.passed(inputs.adjacency, self.messages(level, states[-1]))
            states.append(self.update(level, received, states[-1], states[0]))
        return states

    def read_out(self, states: Sequence[Tensor], n_links: Tensor) -> dict[str, Tensor]:
        """The outputs by name.

        Parameters
        ----------
        states
            The states before the first round and after each.
        n_links
            Number of each node's links, shape (n_nodes,).
        """
        read = self.read(states, n_links)
        found = {name: self._with_bias(name, value) for name, value in read.items()}
        if self.settings.unit_norm:
            found["mean"] = unit_rows(found["mean"]) * torch.exp(self.log_length)
        return found

    def _output_weight(self) -> Tensor:
        """One matrix for all outputs: a pass over the edges costs less per column if it is wide."""
        return torch.cat([self.weight[name] for name in self.outputs], dim=1)

    def _with_bias(self, name: str, values: Tensor) -> Tensor:
        return values + self.bias[name] if name in self.bias else values


def of_rows(
    values: NDArray[np.float64], adjacency: FloatCSR, first: int | None
) -> NDArray[np.float64]:
    """The numbers of the nodes whose rows an adjacency has; see `Propagation.normalised`.

    Examples
    --------
    >>> of_rows(np.array([1.0, 2.0, 3.0]), np.ones((1, 3)), None).tolist()  # the last
    [3.0]
    """
    first = len(values) - adjacency.shape[0] if first is None else first
    return values[first : first + adjacency.shape[0]]


def glorot_uniform(shape: tuple[int, int], generator: torch.Generator) -> nn.Parameter:
    """Uniform in +-sqrt(6 / (fan_in + fan_out)) (Glorot & Bengio 2010, eq. 16).

    Examples
    --------
    >>> weight = glorot_uniform((1, 5), torch.Generator().manual_seed(0))
    >>> bool((weight.abs() <= 1.0).all())
    True
    """
    bound = math.sqrt(6.0 / sum(shape))
    return nn.Parameter(torch.empty(shape).uniform_(-bound, bound, generator=generator))
