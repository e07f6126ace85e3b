"""What a training step costs, counted from sizes and settings alone; nothing is measured here.

A step is a list of operations of a few kinds, such as the pairs that a sum covers or the products
of a sparse matrix; `vgae.model.rates` says what they take. Bytes are those of the arrays that a fit
holds. Nothing here imports torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from vgae.ground.errors import InputError
from vgae.model.rates import Operation
from vgae.model.settings import HALVES, LINEAR, MOST_PREDICTED, ONE_BY_ONE, RATES, ModelSettings

if TYPE_CHECKING:
    from vgae.data.graph import Graph

__all__ = ["Sizes", "exchanged_bytes", "memory_bytes", "n_weights", "operations"]

FLOAT, WIDE = 4.0, 8.0
"""Bytes of a float32 and of an int64 or float64."""
SPLIT_EDGE, FITTING_EDGE, NORMALISING_ENTRY = 64.0, 29.0, 40.0
"""Bytes per edge that a split holds and that a fit adds, and per entry while one is normalised."""
DRAWING_EDGE = 113.0
"""Bytes per edge while a split is drawn: numbers of known pairs are sorted."""
READING_EDGE = 50.0
"""Bytes per edge while a table is read: numbers of pairs are sorted and merged."""
SCORING_ENTRY, MOST_SCORING = 155.0, 4.7e8
"""Bytes per entry while held-out pairs are scored; blocks of rows bound them."""


@dataclass(frozen=True)
class Sizes:
    """The sizes of a graph that costs depend on.

    Attributes
    ----------
    n_nodes, n_edges, n_features
        As in the graph.
    feature_entries
        Number of entries of sparse features; None for dense ones.
    n_cells
        Number of ordered pairs that can be edges; by default the square of `n_nodes`.
    kind
        As in the graph.
    mapped
        Whether the graph is in a folder, so that no table is read.

    Examples
    --------
    >>> sizes = Sizes(10, 20, n_features=3)
    >>> sizes.index_bytes, sizes.feature_bytes > 0
    (4.0, True)
    >>> sizes.entries, sizes.cells, sizes.held_bytes
    (40, 100, 564.0)
    >>> from vgae.data.graph import Graph
    >>> Sizes.of(Graph.from_edges([(0, 1), (1, 2)])) == Sizes(3, 2)
    True
    """

    n_nodes: int
    n_edges: int
    n_features: int = 0
    feature_entries: int | None = None
    n_cells: int | None = None
    kind: str = "undirected"
    mapped: bool = False

    def __post_init__(self) -> None:
        for name in ("n_nodes", "n_edges", "n_features"):
            if getattr(self, name) < 0:
                raise InputError(f"{name[2:]} {getattr(self, name)}: must be 0 or more")
        others = self.cells - (self.n_nodes if self.n_cells is None else 0)
        pairs = others if self.kind == "directed" else others / 2
        if self.n_edges > pairs:
            raise InputError(
                f"edges {self.n_edges:,}: {self.n_nodes:,} nodes have fewer pairs than that"
            )

    @classmethod
    def of(cls, graph: Graph) -> Sizes:
        """The sizes of a graph.

        Parameters
        ----------
        graph
            Any graph; its arrays are not read.
        """
        features = graph.features
        entries = None if features is None else getattr(features, "nnz", None)
        space = graph.pair_space
        ruled = space.node_types is not None and not space.type_table.all()
        directions = 1 if graph.directed else 2
        return cls(
            graph.n_nodes,
            graph.n_edges,
            graph.n_features,
            None if entries is None else int(entries),
            directions * space.n_pairs if ruled else None,
            graph.kind,
        )

    @property
    def entries(self) -> int:
        """Number of entries of the adjacency."""
        return self.n_edges if self.kind == "directed" else 2 * self.n_edges

    @property
    def cells(self) -> int:
        """Number of ordered pairs that the loss is a mean over."""
        return self.n_nodes**2 if self.n_cells is None else self.n_cells

    @property
    def index_bytes(self) -> float:
        """Bytes of an index of an entry."""
        return FLOAT if self.entries + self.n_nodes < 2**31 else WIDE

    @property
    def feature_bytes(self) -> float:
        """Bytes of the features as the graph holds them."""
        if self.feature_entries is not None:
            return (FLOAT + FLOAT) * self.feature_entries + FLOAT * self.n_nodes
        return FLOAT * self.n_nodes * self.n_features

    @property
    def held_bytes(self) -> float:
        """Bytes of the graph: adjacency, ids and features."""
        adjacency = (self.index_bytes + FLOAT) * self.entries + self.index_bytes * (
            self.n_nodes + 1
        )
        return adjacency + WIDE * self.n_nodes + self.feature_bytes


# ------------------------------------------------------------------ operations


def operations(sizes: Sizes, settings: ModelSettings) -> list[Operation]:
    """Count the operations of one training step: forward, backward and Adam.

    Parameters
    ----------
    sizes
        The training graph.
    settings
        The model, with what depends on the graph filled in (`FitSettings.on`).

    Examples
    --------
    >>> from vgae.model.rates import NOMINAL
    >>> exact = operations(Sizes(1000, 5000), ModelSettings())
    >>> next(found for found in exact if found.kind == "pair")
    Operation(part='all pairs', kind='pair', amount=500500.0, reach=64000.0)
    >>> linear = operations(Sizes(1000, 5000), ModelSettings(likelihood="bernoulli-poisson"))
    >>> NOMINAL.total(linear) < NOMINAL.total(exact)
    True
    """
    found = [*_encoder(sizes, settings), *_latent(sizes, settings)]
    sampled = settings.objective_used == "sampled"
    found += _sampled(sizes, settings) if sampled else _exact(sizes, settings)
    if settings.mask:
        found.append(Operation("edges", "masked", sizes.n_edges))
    weights = n_weights(sizes, settings)
    # Adam reads and writes weights, gradients and two moments; then weights are checked.
    found.append(Operation("optimizer", "number", 9.0 * weights, FLOAT * weights))
    return [*found, Operation("step", "step", 1.0)]


def n_weights(sizes: Sizes, settings: ModelSettings) -> float:
    """Number of weights of the encoder, and of offsets.

    Examples
    --------
    >>> n_weights(Sizes(5, 4, n_features=3), ModelSettings(hidden_dim=4, latent_dim=2))
    28.0
    """
    widths = _widths(settings)
    inputs = _n_inputs(sizes, settings)
    own = inputs * widths[0] + sum(a * b for a, b in pairwise(widths))
    if settings.encoder == "sage":
        own *= 2
    if settings.offset_used == "node":
        own += sizes.n_nodes * (2 if sizes.kind == "directed" else 1)
    return float(own)


def _n_outputs(settings: ModelSettings) -> int:
    return 2 if settings.latent == "gaussian" else 1


def _widths(settings: ModelSettings) -> list[int]:
    """Width of what each layer gives, the outputs side by side."""
    out, hidden = _n_outputs(settings) * settings.latent_dim, settings.hidden_dim
    if settings.encoder == "linear":
        return [out]
    if settings.encoder == "appnp":
        return [hidden, out]
    if settings.encoder == "multi-hop":
        return [settings.hop_width]
    if settings.encoder == "directed-multi-hop":
        return [2 * settings.hop_width]
    both = 2 if settings.encoder in ("directed", "signed") else 1
    return [both * hidden] * (settings.layers_used - 1) + [out]


def _n_inputs(sizes: Sizes, settings: ModelSettings) -> int:
    """Number of inputs of a node; the number of nodes where each is its own."""
    if not settings.has_inputs(sizes.n_features):
        return sizes.n_nodes
    structure = 0 if settings.structure == "none" else settings.structure_dim
    return settings.features_used(sizes.n_features) + structure


def _input_entries(sizes: Sizes, settings: ModelSettings) -> float | None:
    """Entries of sparse inputs; None where inputs are dense or nodes have none."""
    if settings.features == "none" or sizes.feature_entries is None:
        return None
    structure = 0 if settings.structure == "none" else settings.structure_dim
    return float(sizes.feature_entries + sizes.n_nodes * structure)


def _ahead(sizes: Sizes, settings: ModelSettings) -> int:
    """How many products of adjacency and inputs are formed once, ahead of all steps."""
    if settings.edge_dropout or settings.mask or not settings.has_inputs(sizes.n_features):
        return 0
    rounds = {"gcn": 1, "linear": settings.layers_used}.get(settings.encoder, 0)
    entries = _input_entries(sizes, settings)
    if entries is None:
        return rounds
    # At most an entry per pair of a link and a feature of its end: more than it saves, but for
    # very few features.
    links = sizes.entries + sizes.n_nodes
    grown = links * entries / max(1, sizes.n_nodes)
    return rounds if grown < links + entries else 0


def _sent(sizes: Sizes, settings: ModelSettings) -> list[int]:
    """Width of what each round of a step sends along the edges."""
    widths, rounds = _widths(settings), settings.layers_used
    columns = [widths[min(level, len(widths) - 1)] for level in range(rounds)]
    if settings.encoder == "appnp":
        columns = [widths[-1]] * rounds
    return columns[_ahead(sizes, settings) :]


def _encoder(sizes: Sizes, settings: ModelSettings) -> list[Operation]:
    """Projection of the inputs, rounds of messages, and products with the other weights."""
    nodes, widths = sizes.n_nodes, _widths(settings)
    doubled = 2 if settings.encoder == "sage" else 1  # neighbours and the node itself
    found = _projection(sizes, settings, doubled * widths[0])
    links = sizes.entries + (0 if settings.encoder == "sage" else nodes)
    for width in _sent(sizes, settings):
        found += _sparse("link", links, width, FLOAT * nodes * width)
    again = settings.layers_used if settings.encoder == "appnp" else doubled
    if len(widths) > 1:
        for before, after in pairwise(widths):
            share = 0.5 if settings.encoder in ("directed", "signed") else 1.0
            # Forward, and backward for both factors.
            products = 3.0 * again * doubled * share * nodes * before * after
            found.append(Operation("encoder", "product", products))
            # The ReLU and its gradient, and what the product reads and writes.
            found.append(_numbers("encoder", nodes * before, 7.0))
    if settings.encoder in ("multi-hop", "directed-multi-hop"):
        # Lengths of all hops, their gradients, and hops put side by side.
        found.append(_numbers("encoder", nodes * settings.latent_dim, 24.0))
        if settings.latent == "gaussian":
            products = 3.0 * nodes * widths[-1] * settings.latent_dim
            found.append(Operation("encoder", "product", products))
    return found


def _projection(sizes: Sizes, settings: ModelSettings, width: int) -> list[Operation]:
    """Inputs times the first weight, and the gradient of that weight."""
    if not settings.has_inputs(sizes.n_features):
        return []
    entries = _input_entries(sizes, settings)
    if entries is None:
        inputs = _n_inputs(sizes, settings)
        amount = 2.0 * sizes.n_nodes * inputs * width
        return [
            Operation("encoder", "product", amount),
            _numbers("encoder", sizes.n_nodes * inputs, 2.0),
        ]
    near = FLOAT * width * _n_inputs(sizes, settings)
    forward = _sparse("entry", entries, width, near)
    backward = _sparse("entry", entries, width, FLOAT * width * sizes.n_nodes)
    return [*forward[:2], *backward[2:]]


def _sparse(kind: str, entries: float, width: int, reach: float) -> list[Operation]:
    """A product of a sparse matrix with a dense one, and the gradient of the dense one."""
    once = [
        Operation("encoder", kind, entries, reach),
        Operation("encoder", f"{kind}_product", entries * width, reach),
    ]
    return [*once, *once]


def _numbers(part: str, size: float, passes: float) -> Operation:
    """Elementwise operations on arrays of a size, each reading or writing it."""
    return Operation(part, "number", passes * size, FLOAT * size)


def _latent(sizes: Sizes, settings: ModelSettings) -> list[Operation]:
    """The sample, the divergence, the link, and their gradients."""
    size = float(sizes.n_nodes * settings.latent_dim)
    found = []
    if settings.latent == "gaussian":
        # Two outputs copied apart, exp, noise, the divergence; and the way back through them.
        found += [Operation("latent", "drawn", size), _numbers("latent", size, 48.0)]
    if settings.likelihood_used in RATES:
        found.append(_numbers("latent", size, 12.0))
    return found


def _factors(settings: ModelSettings) -> tuple[int, bool]:
    """Length of the factors of a score, and whether both are the same matrix."""
    half = settings.decoder in HALVES
    dim = settings.latent_dim // 2 if half else settings.latent_dim
    same = settings.decoder in ("inner", "cosine")
    rates = settings.likelihood_used in RATES
    if settings.offset_used == "constant":
        return dim + 1, same and rates
    if settings.offset_used == "node" or settings.decoder in ("distance", "gravity-squared"):
        return dim + 2, False
    return dim, same


def _exact(sizes: Sizes, settings: ModelSettings) -> list[Operation]:
    """The sum over all pairs with its gradient, and the terms of the edges."""
    nodes, likelihood = sizes.n_nodes, settings.likelihood_used
    dim, same = _factors(settings)
    reach = FLOAT * nodes * dim
    plain = likelihood == "bernoulli" and settings.offset_used == "none" and not sizes.n_cells
    # Every node is a positive pair with itself in the paper's objective.
    ends = sizes.entries + (nodes if plain and sizes.kind != "directed" else 0)
    found = _edge_terms(sizes, settings, ends)
    if likelihood in LINEAR:
        passes = 0.0 if likelihood == "squared" else 4.0
        products = 2.0 * nodes * dim * dim if likelihood == "squared" else 0.0
        return [
            *found,
            _numbers("all pairs", nodes * dim, passes),
            Operation("all pairs", "product", products),
        ]
    pairs = sizes.cells / 2.0
    if sizes.n_cells is None:
        pairs = nodes * (nodes + 1) / 2.0 if same else float(nodes**2)
    return [
        *found,
        Operation("all pairs", "pair", pairs, reach),
        Operation("all pairs", "pair_product", pairs * dim, reach),
    ]


def _edge_terms(sizes: Sizes, settings: ModelSettings, ends: float) -> list[Operation]:
    """The terms of so many positive pairs, with the gradient."""
    dim, same = _factors(settings)
    reach = FLOAT * sizes.n_nodes * dim
    linear = settings.likelihood_used in LINEAR
    kind, product = ("edge", "edge_product") if linear else ("logistic_edge", "logistic_product")
    passes = 1.0 if same else 2.0
    return [
        _numbers("edges", sizes.n_nodes * dim, 8.0 * passes),
        Operation("edges", kind, passes * ends, reach),
        Operation("edges", product, passes * ends * dim, reach),
    ]


def _sampled(sizes: Sizes, settings: ModelSettings) -> list[Operation]:
    """The pairs between two sets of nodes and the edges; or random pairs and the edges."""
    edges: float = sizes.n_edges
    if settings.mask:
        edges = min(settings.mask * edges, MOST_PREDICTED)
    nodes, (dim, _) = sizes.n_nodes, _factors(settings)
    reach = FLOAT * nodes * dim
    if not settings.samples_pairs(has_factors=settings.decoder not in ONE_BY_ONE):
        drawn = float(min(settings.batch_nodes, nodes)) ** 2
        edges = min(edges, settings.batch_edges or edges)
        return [
            *_edge_terms(sizes, settings, (1 if sizes.kind == "directed" else 2) * edges),
            Operation("all pairs", "pair", drawn),
            Operation("all pairs", "pair_product", drawn * dim),
            # The quadratic's sum over all pairs, for scores and for their moments.
            Operation("all pairs", "product", 4.0 * nodes * dim * dim),
            _numbers("all pairs", nodes * dim, 8.0),
        ]
    # Both ends of a pair are read, and the gradient of both is added to.
    return [
        Operation("edges", "gathered", 2.0 * edges * 4.0 * dim, reach),
        Operation("edges", "drawn", 2.0 * edges),
        _numbers("edges", 2.0 * edges, 30.0),
        _numbers("edges", nodes * dim, 8.0),
    ]


# ----------------------------------------------------------------------- bytes


def memory_bytes(
    sizes: Sizes, settings: ModelSettings, *, ranks: int = 1, held_out: bool = True
) -> dict[str, float]:
    """Count the bytes of the arrays that a fit holds, at the end of each of its stages.

    The peak of a fit is the largest of them, plus the memory of the libraries.

    Parameters
    ----------
    sizes
        The graph.
    settings
        The model.
    ranks
        Number of processes among which rows of adjacency and features are divided.
    held_out
        Whether edges are held out and scored.

    Returns
    -------
    Bytes by stage: "reading", "splitting", "normalising", "training" and "scoring".

    Examples
    --------
    >>> found = memory_bytes(Sizes(1000, 5000, n_features=8), ModelSettings())
    >>> list(found), found["training"] < 1e7
    (['reading', 'splitting', 'normalising', 'training', 'scoring'], True)
    """
    own = 1.0 / ranks
    nodes, edges = float(sizes.n_nodes), sizes.n_edges * own
    entries = sizes.entries * own
    trained = 0.85 if held_out else 1.0
    cell = sizes.index_bytes + FLOAT
    graph = sizes.held_bytes * own
    reading = graph + (0.0 if sizes.mapped else READING_EDGE * edges)
    split = (SPLIT_EDGE if held_out else 0.0) * edges
    fitting = graph + split + FITTING_EDGE * edges
    links = trained * entries + nodes * own
    inputs = _input_bytes(sizes, settings) * own
    normalising = fitting + NORMALISING_ENTRY * trained * entries + cell * links + inputs
    adjacency = (1 if sizes.kind in ("undirected", "bipartite") else 2) * cell * links
    targets = sizes.index_bytes * links * (1 if sizes.kind != "directed" else 3)
    training = fitting + adjacency + inputs + targets + _step_bytes(sizes, settings, ranks)
    scoring = min(SCORING_ENTRY * trained * entries, MOST_SCORING) if held_out else 0.0
    return {
        "reading": reading,
        "splitting": graph + (DRAWING_EDGE * edges if held_out else 0.0),
        "normalising": normalising,
        "training": training,
        "scoring": training + scoring,
    }


def _input_bytes(sizes: Sizes, settings: ModelSettings) -> float:
    """Bytes of the inputs as the encoder takes them, next to the features of the graph."""
    if not settings.has_inputs(sizes.n_features):
        return 0.0
    scaled = settings.features not in ("raw", "none") or settings.structure != "none"
    entries = _input_entries(sizes, settings)
    if entries is not None:
        # The matrix and its transpose.
        return 2.0 * (FLOAT + FLOAT) * entries + scaled * sizes.feature_bytes
    size = FLOAT * sizes.n_nodes * _n_inputs(sizes, settings)
    return size * (scaled + (_ahead(sizes, settings) > 0))


def _step_bytes(sizes: Sizes, settings: ModelSettings, ranks: int) -> float:
    """Bytes of weights with gradients and moments, and of what a step keeps for its gradient."""
    nodes, weights = float(sizes.n_nodes), n_weights(sizes, settings)
    hidden = sum(_widths(settings)[:-1])
    if settings.encoder in ("multi-hop", "directed-multi-hop"):
        hidden = settings.latent_dim
    per_dim = 12.0 if settings.latent == "gaussian" else 8.0
    numbers = nodes * (4.0 * hidden + per_dim * settings.latent_dim) / ranks
    # Gathered from all ranks: one hidden state and the embedding, of all nodes.
    gathered = 0.0 if ranks == 1 else nodes * (2.0 * max(_widths(settings)) + settings.latent_dim)
    pairs = 40.0 * sizes.n_edges / ranks if settings.objective_used == "sampled" else 0.0
    return FLOAT * (4.0 * weights + numbers + gathered + pairs)


def exchanged_bytes(sizes: Sizes, settings: ModelSettings, ranks: int) -> dict[str, float]:
    """Count the bytes that each of several processes receives in a step.

    Every process has the weights and its own rows. It gathers the states that a round sends, and
    the embedding, from all others; their gradients go back; and gradients of weights are added up.

    Parameters
    ----------
    sizes
        The graph.
    settings
        The model.
    ranks
        Number of processes.

    Returns
    -------
    Bytes by what is exchanged: "states", "embedding" and "weights". Nothing with one process.

    Examples
    --------
    >>> exchanged_bytes(Sizes(100, 200, n_features=4), ModelSettings(latent="point"), 2)
    {'states': 6400.0, 'embedding': 6400.0, 'weights': 2560.0}
    >>> sum(exchanged_bytes(Sizes(100, 200), ModelSettings(), 1).values())
    0.0
    """
    if ranks < 1:
        raise InputError(f"ranks {ranks}: must be 1 or more")
    others = (ranks - 1) / ranks
    states = sum(_sent(sizes, settings))
    # What goes out in the forward pass comes back as a gradient.
    both = 2.0 * FLOAT * sizes.n_nodes * others
    return {
        "states": both * states,
        "embedding": both * settings.latent_dim,
        "weights": 2.0 * FLOAT * n_weights(sizes, settings) * others,
    }
