"""The settings of a model. Each is written once here, with its default and its description.

The estimators' keywords, the options of the command line and the tables of the docs are made from
these fields. Nothing here imports torch, so that the command line can show them at once.
"""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from vgae.ground.config import Dimension, Settings
from vgae.ground.errors import InputError

__all__ = [
    "DECODERS",
    "ENCODERS",
    "HALVES",
    "LIKELIHOODS",
    "MOST_PREDICTED",
    "N_DEGREE_CLASSES",
    "OWN",
    "RATES",
    "WEIGHED",
    "ClassWeight",
    "EngineName",
    "FeatureUse",
    "ModelSettings",
    "Offset",
    "RateLink",
    "Structure",
]

ClassWeight = Literal["balanced", "none"]
EngineName = Literal["auto", "numba", "triton", "triton-tf32", "triton-bf16", "tiles", "reference"]
FeatureUse = Literal["raw", "unit", "idf", "standard", "none"]
Offset = Literal["none", "constant", "node"]
RateLink = Literal["relu", "square", "exp"]
Structure = Literal["none", "svd", "spectral", "ppr"]

ENCODERS = (
    *("gcn", "linear", "appnp", "sage", "multi-hop"),
    *("directed", "directed-multi-hop", "signed"),
)
DECODERS = (
    *("inner", "cosine", "distance", "bilinear-diagonal", "hops", "mlp"),
    *("directed-inner", "gravity", "gravity-squared", "directed-hops"),
)
LIKELIHOODS = ("bernoulli", "bernoulli-poisson", "poisson", "squared", "gaussian")
"""The parts that come with the package, by name."""

MOST_NUMBERS = 10_000_000
"""Numbers in the embedding of multi-hop, at most."""

N_DEGREE_CLASSES = 8
"""Classes of degrees that the encoder multi-hop tells apart: 0, 1, 2, 3-4, 5-8, ..., 33 or more."""

ARC_PARTS = {
    ("gcn", "inner"): ("directed", "directed-inner"),
    ("multi-hop", "hops"): ("directed-multi-hop", "directed-hops"),
}
"""The encoder and decoder that take the place of these in a directed graph."""

PRODUCTS = ("inner", "bilinear-diagonal", "directed-inner")
"""The decoders whose scores are not negative where no coordinate of the embedding is."""

HALVES = ("directed-inner", "directed-hops")
"""The decoders that read half of the embedding as sources and half as targets."""

ONE_BY_ONE = ("mlp", "gravity")
"""The decoders that score pairs one by one: their scores are no inner products."""

DISTANCES = ("distance", "gravity", "gravity-squared")
"""The decoders whose scores fall with a distance, so that a logit needs an offset."""

RATES = ("bernoulli-poisson", "poisson")
"""The likelihoods whose scores are rates, which cannot be negative."""

LINEAR = ("bernoulli-poisson", "poisson", "squared", "gaussian")
"""The likelihoods whose loss of all pairs takes time linear in nodes and edges."""

MOST_PREDICTED = 100_000
"""Hidden edges that one step predicts with a mask: more make it slower, and its gradient hardly
better."""

MOST_OPERATIONS = 2e13
"""Operations on pairs of a fit that is exact without being told to be: about five minutes on two
cores."""

WEIGHED = {"poisson": "count", "gaussian": "value"}
"""The likelihoods that the weights of edges are data of, and what weights mean to each."""

OWN = "own"
"""The name of a part that the user brings, such as a `torch.nn.Module` as the encoder."""


class ModelSettings(Settings):
    """What a graph auto-encoder consists of; the defaults are the paper's (Kipf & Welling 2016).

    Examples
    --------
    >>> ModelSettings(latent="point", latent_dim=64).hidden_dim
    32
    >>> ModelSettings(likelihood="poisson").offset_used
    'constant'
    >>> ModelSettings().likelihood_used, ModelSettings().class_weight_used
    ('bernoulli', 'balanced')
    >>> ModelSettings().objective_used, ModelSettings(mask=0.5).objective_used
    ('exact', 'sampled')
    >>> ModelSettings().weights_mean("confidence")
    'confidence'
    >>> ModelSettings(encoder="appnp").layers_used
    10
    >>> ModelSettings(features="none").features_used(5), ModelSettings().has_inputs(5)
    (0, True)
    >>> hops = ModelSettings(encoder="multi-hop", latent_dim=68)
    >>> hops.on(5, n_nodes=9).n_hops, hops.on(0, n_nodes=9).n_hops, hops.hop_width
    (3, 5, 20)
    >>> hops.on(5, n_nodes=10**6).latent_dim
    17
    >>> arcs = ModelSettings().on(0, n_nodes=9, directed=True)
    >>> arcs.encoder, arcs.decoder
    ('directed', 'directed-inner')
    """

    latent: Literal["gaussian", "point"] = Field(
        default="gaussian",
        description="gaussian for the variational model (VGAE), point for the one without "
        "distributions (GAE).",
    )
    encoder: Literal[
        "gcn",
        "linear",
        "appnp",
        "sage",
        "multi-hop",
        "directed",
        "directed-multi-hop",
        "signed",
        "own",
    ] = Field(
        default="gcn",
        description="What computes the embedding: gcn (graph convolutions), linear (propagated "
        "inputs times one matrix), appnp (personalised PageRank of a projection), sage (means "
        "of neighbours next to the node itself) or multi-hop (directions of a projection after "
        "0, 1, 2, ... propagations, side by side). For directed graphs: directed (two graph "
        "convolutions, one along the arcs and one against them) or directed-multi-hop (hops of a "
        "source and of a target projection). For signed graphs: signed (two graph convolutions, "
        "for friends and for foes).",
    )
    decoder: Literal[
        "inner",
        "cosine",
        "distance",
        "bilinear-diagonal",
        "hops",
        "mlp",
        "directed-inner",
        "gravity",
        "gravity-squared",
        "directed-hops",
        "own",
    ] = Field(
        default="inner",
        description="How two embeddings become a score: inner (product), cosine, distance "
        "(squared, negative), bilinear-diagonal (one weight per dimension), hops (one weight per "
        "hop of the encoder multi-hop) or mlp (of the products of coordinates; its objective is "
        "sampled). For directed graphs: directed-inner (product of a source half and a target "
        "half), gravity (mass of the target less the logarithm of the distance; its objective is "
        "sampled), gravity-squared (less the squared distance) or directed-hops (one weight per "
        "hop of the encoder directed-multi-hop).",
    )
    likelihood: (
        Literal["bernoulli", "bernoulli-poisson", "poisson", "squared", "gaussian", "own"] | None
    ) = Field(
        default=None,
        description="What a score says about a pair: bernoulli (logit of an edge); "
        "bernoulli-poisson (rate of at least one event); poisson (rate of the count that the "
        "weight is); squared (the edge as a number); gaussian (the value that the weight of an "
        "edge is; pairs without one say nothing). All but bernoulli take time linear in nodes and "
        "edges. Default: bernoulli, but poisson where weights mean counts, and gaussian where they "
        "mean values.",
    )
    offset: Offset | None = Field(
        default=None,
        description="What is added to every score: none, constant (learned, for all pairs) or "
        "node (learned, for each end; in a directed graph, for each source and each target). "
        "Default: constant, but none with bernoulli unless the decoder is distance or one of "
        "gravity, and node where weights mean counts or values.",
    )
    rate_link: RateLink = Field(
        default="relu",
        description="How an embedding becomes the factors of a rate, which are not negative: "
        "relu, square or exp.",
    )
    hidden_dim: Dimension = Field(default=32, description="Width of the hidden layers.")
    latent_dim: Dimension = Field(default=16, description="Dimensions of the embedding.")
    layers: int | None = Field(
        default=None,
        ge=1,
        le=64,
        description="Number of graph convolutions or means, or of propagations of the inputs. "
        "Default: 2, but 10 with appnp, and 4 with multi-hop where nodes have no inputs.",
    )
    residual: bool = Field(
        default=False, description="Whether hidden layers of equal width are added up."
    )
    bias: bool = Field(default=False, description="Whether layers have biases.")
    unit_norm: bool = Field(
        default=False,
        description="Whether the means of the embedding have the same length, which is learned.",
    )
    dropout: float = Field(
        default=0.0, ge=0.0, lt=1.0, description="Share of the inputs to leave out in each step."
    )
    edge_dropout: float = Field(
        default=0.0, ge=0.0, lt=1.0, description="Share of the messages to leave out in each step."
    )
    mask: float = Field(
        default=0.0,
        ge=0.0,
        lt=1.0,
        description="Share of the training edges that each step hides from the encoder; the step "
        "learns to predict these alone, and its objective is sampled. Default: none, every edge "
        "carries messages and is predicted.",
    )
    teleport: float = Field(
        default=0.1,
        gt=0.0,
        le=1.0,
        description="Weight of the node itself in each propagation of appnp.",
    )
    out_power: float = Field(
        default=0.5,
        ge=0.0,
        le=2.0,
        description="Arcs of the encoders directed and directed-multi-hop are divided by this "
        "power of the source's out-degree (beta in the paper of DiGAE).",
    )
    in_power: float = Field(
        default=0.5,
        ge=0.0,
        le=2.0,
        description="Arcs of the encoders directed and directed-multi-hop are divided by this "
        "power of the target's in-degree (alpha in the paper of DiGAE).",
    )
    class_weight: ClassWeight | None = Field(
        default=None,
        description="balanced (the edges weigh as much as all the pairs without one, as in the "
        "paper's program) or none (all pairs have the same weight: the evidence lower bound). "
        "Default: balanced, but none where weights mean counts or values.",
    )
    confidence: float = Field(
        default=1.0,
        gt=0.0,
        le=1e6,
        description="Where weights mean confidence: how much more an edge of mean weight counts "
        "than one of weight 0 would (alpha in the paper of iALS).",
    )
    objective: Literal["auto", "exact", "sampled"] = Field(
        default="auto",
        description="What a step computes of the loss of all pairs: exact (all of it), sampled (an "
        "estimate without bias from random pairs) or auto (exact as long as that takes minutes at "
        "most, otherwise sampled).",
    )
    sampling: Literal["nodes", "pairs"] | None = Field(
        default=None,
        description="What an objective that is sampled draws in each step: nodes (two random sets "
        "of nodes, and the pairs between them) or pairs (as many random pairs as there are edges). "
        "Default: nodes, but pairs where a decoder scores pairs one by one.",
    )
    batch_nodes: int = Field(
        default=2048,
        ge=1,
        description="Nodes of each of the two sets, where nodes are sampled.",
    )
    batch_edges: int = Field(
        default=2**20,
        ge=1,
        description="Edges that a step learns from, in shuffled blocks, where nodes are sampled.",
    )
    features: FeatureUse = Field(
        default="raw",
        description="Node features as inputs: raw, unit (each node's scaled to unit length), idf "
        "(weighted by how rare a feature is, then unit), standard (each column with mean 0 and "
        "deviation 1) or none. A graph without any gives each node an input of its own.",
    )
    structure: Structure = Field(
        default="none",
        description="Inputs made from the training graph, next to the features: none, svd (of the "
        "normalised adjacency), spectral (of the Laplacian) or ppr (of personalised PageRank).",
    )
    structure_dim: Dimension = Field(
        default=128, description="Number of inputs made from the training graph."
    )

    def features_used(self, n_features: int) -> int:
        """How many of a graph's features are inputs: all, or none."""
        return 0 if self.features == "none" else n_features

    def has_inputs(self, n_features: int) -> bool:
        """Whether the nodes of a graph get inputs; otherwise every node is its own."""
        return self.structure != "none" or self.features_used(n_features) > 0

    @property
    def layers_used(self) -> int:
        """The number of layers, with the default of the encoder filled in."""
        return self.layers or (10 if self.encoder == "appnp" else 2)

    @property
    def likelihood_used(self) -> str:
        """The likelihood, with the default filled in."""
        return self.likelihood or "bernoulli"

    @property
    def class_weight_used(self) -> ClassWeight:
        """How classes are weighted, with the default filled in."""
        return self.class_weight or "balanced"

    @property
    def objective_used(self) -> Literal["exact", "sampled"]:
        """Whether the objective is exact or sampled; auto, before a graph decides, as far as known.

        `on_pairs` decides by the size of a graph.
        """
        if self.objective != "auto":
            return self.objective
        return "sampled" if self.mask or self.decoder in ONE_BY_ONE else "exact"

    def samples_pairs(self, *, has_factors: bool) -> bool:
        """Whether steps draw random pairs one by one, and learn from all edges.

        Parameters
        ----------
        has_factors
            Whether the decoder has factors, which sets of nodes need.

        Examples
        --------
        >>> ModelSettings(objective="sampled").samples_pairs(has_factors=True)
        False
        >>> ModelSettings(decoder="mlp").samples_pairs(has_factors=False)
        True
        """
        by_default = self.sampling is None and not has_factors
        return self.objective_used == "sampled" and (self.sampling == "pairs" or by_default)

    def on_pairs(self, n_pairs: int, steps: int) -> tuple[ModelSettings, str]:
        """These settings with an objective that is exact or sampled, and the reason for it.

        What decides are counted operations, so that the same graph and settings have the same
        result on every machine.

        Parameters
        ----------
        n_pairs
            Number of ordered pairs of nodes that can be edges.
        steps
            Number of training steps.

        Examples
        --------
        >>> ModelSettings().on_pairs(10**6, steps=200)[0].objective
        'exact'
        >>> ModelSettings().on_pairs(100, steps=1)[1]
        '1 step over all pairs takes 4.8e+03 operations, at most 2e+13'
        >>> made, why = ModelSettings().on_pairs(10**12, steps=200)
        >>> made.objective, why
        ('sampled', '200 steps over all pairs would take 9.6e+15 operations, more than 2e+13')
        """
        if self.objective != "auto":
            return self, "as given"
        # A score and both its gradients take six operations per dimension, for half of the pairs.
        operations = 3.0 * n_pairs * self.latent_dim * steps
        told, used = f"{operations:.2g} operations", self.objective_used
        over_all = f"{steps} step{'s' * (steps != 1)} over all pairs"
        if self.mask:
            why = "a mask hides edges, which are then no pairs without one"
        elif self.decoder in ONE_BY_ONE:
            why = f"the decoder {self.decoder} scores pairs one by one"
        elif self.likelihood_used in LINEAR:
            why = f"{self.likelihood_used} sums over all pairs in linear time"
        elif operations <= MOST_OPERATIONS:
            take = "takes" if steps == 1 else "take"
            why = f"{over_all} {take} {told}, at most {MOST_OPERATIONS:.0e}"
        else:
            used = "sampled"
            why = f"{over_all} would take {told}, more than {MOST_OPERATIONS:.0e}"
        return self.model_copy(update={"objective": used}), why

    def weights_mean(self, meaning: str) -> str:
        """What weights of edges mean to this model: what its likelihood takes them for, if any.

        Parameters
        ----------
        meaning
            What they mean in the graph, in `vgae.data.kinds.WEIGHT_MEANS`.
        """
        return WEIGHED.get(self.likelihood_used, meaning)

    def for_weights(self, meaning: str) -> ModelSettings:
        """These settings, with those filled in that the meaning of the weights decides.

        Counts and values take a likelihood of their own, the plain objective and an offset per
        node, unless other ones are given.

        Raises
        ------
        InputError
            What is given contradicts the meaning.

        Examples
        --------
        >>> made = ModelSettings().for_weights("count")
        >>> made.likelihood, made.class_weight, made.offset
        ('poisson', 'none', 'node')
        >>> ModelSettings(likelihood="squared").for_weights("count")
        Traceback (most recent call last):
        vgae.InputError: likelihood squared: says nothing of weights that mean count; ...
        """
        own = {means: likelihood for likelihood, means in WEIGHED.items()}.get(meaning)
        given = self.likelihood
        if own is not None and given not in (None, own, OWN):
            raise InputError(
                f"likelihood {given}: says nothing of weights that mean {meaning}; leave it out "
                f"(or give --likelihood {own}), or read the graph with --weight-means propagation"
            )
        if meaning == "confidence" and given in (*WEIGHED, OWN):
            raise InputError(
                f"likelihood {given}: has no place for weights that mean confidence; use "
                "bernoulli, bernoulli-poisson or squared, or read the graph with --weight-means "
                "propagation"
            )
        if own is None or given == OWN:
            return self
        if own in RATES and self.decoder not in (*PRODUCTS, OWN):
            raise InputError(
                f"decoder {self.decoder}: can give negative scores, and counts need rates; use the "
                "preset counts (--preset counts), or read the graph with --weight-means propagation"
            )
        chosen = {"likelihood": own, "class_weight": "none", "offset": "node"}
        missing = {name: value for name, value in chosen.items() if getattr(self, name) is None}
        return ModelSettings.parse(self.model_dump() | missing) if missing else self

    def on(
        self, n_features: int, *, n_nodes: int, directed: bool = False, signed: bool = False
    ) -> ModelSettings:
        """These settings, with those filled in or capped that depend on the graph.

        Without inputs, the encoder multi-hop reaches further. Its embedding, a part per hop, has at
        most ten million numbers: the large graphs that this concerns have many links to learn from,
        and time and memory grow with each number.

        In a directed graph, gcn with the decoder inner becomes directed with directed-inner, and
        multi-hop with hops directed-multi-hop with directed-hops, whose hops are half as wide:
        each is there for sources and for targets. In a signed graph, gcn becomes signed.
        """
        if directed and self.encoder == "signed":
            raise InputError(
                "encoder signed: reads the signs of edges, and the graph is directed; leave it out "
                "(--encoder), or read a signed graph (--signed)"
            )
        if signed and self.encoder == "gcn":
            return ModelSettings.parse(self.model_dump() | {"encoder": "signed"})
        if directed and (self.encoder, self.decoder) in ARC_PARTS:
            return self._of_arcs(n_nodes)
        if self.encoder != "multi-hop":
            return self
        layers = self.layers or (2 if self.has_inputs(n_features) else 4)
        width = (self.latent_dim - N_DEGREE_CLASSES) // (layers + 1)
        most = _most_width(n_nodes, layers + 1)
        if width <= most and layers == self.layers_used:
            return self
        latent_dim = (layers + 1) * max(1, min(width, most)) + N_DEGREE_CLASSES
        return ModelSettings.parse(self.model_dump() | {"layers": layers, "latent_dim": latent_dim})

    def _of_arcs(self, n_nodes: int) -> ModelSettings:
        """The counterpart of these settings for directed graphs."""
        encoder, decoder = ARC_PARTS[self.encoder, self.decoder]
        changes: dict[str, object] = {"encoder": encoder, "decoder": decoder}
        if self.encoder == "multi-hop":
            width = max(1, min(self.hop_width, _most_width(n_nodes, self.n_hops)) // 2)
            changes["latent_dim"] = 2 * (self.n_hops * width + N_DEGREE_CLASSES)
        return ModelSettings.parse(self.model_dump() | changes)

    @property
    def n_hops(self) -> int:
        """The number of hops of the multi-hop encoders, nodes themselves included."""
        return self.layers_used + 1

    @property
    def offset_used(self) -> Offset:
        """The offset, with the default of the likelihood filled in."""
        plain = self.likelihood_used in ("bernoulli", OWN) and self.decoder not in DISTANCES
        return self.offset or ("none" if plain else "constant")

    @property
    def hop_width(self) -> int:
        """The width of each part of the embedding of multi-hop and directed-multi-hop."""
        half = self.latent_dim // (2 if self.encoder == "directed-multi-hop" else 1)
        return max(1, (half - N_DEGREE_CLASSES) // self.n_hops)

    @model_validator(mode="before")
    @classmethod
    def _names_are_those_of_today(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("objective") in ("paper", "elbo"):
            now = {"paper": "balanced", "elbo": "none"}[values["objective"]]
            raise ValueError(
                f"objective {values['objective']}: is class_weight {now} now (--class-weight {now})"
            )
        if isinstance(values, dict) and "pairs" in values:
            raise ValueError("pairs: is objective now, exact or sampled (--objective)")
        return values

    @model_validator(mode="after")
    def _embedding_divides(self) -> Self:
        fitting, twice = self.n_hops * self.hop_width + N_DEGREE_CLASSES, ""
        if self.encoder == "directed-multi-hop":
            fitting, twice = 2 * fitting, " twice, for sources and targets,"
        if self.encoder in ("multi-hop", "directed-multi-hop") and self.latent_dim != fitting:
            raise ValueError(
                f"latent_dim {self.latent_dim} does not suit the encoder {self.encoder}, which puts"
                f"{twice} {self.n_hops} hops of equal width and {N_DEGREE_CLASSES} classes of "
                f"degrees side by side (layers {self.layers_used}): use {fitting}"
            )
        has_halves = self.encoder in ("directed", "signed") or self.decoder in HALVES
        if has_halves and self.latent_dim % 2:
            one, other = ("friends", "foes") if self.encoder == "signed" else ("sources", "targets")
            raise ValueError(
                f"latent_dim {self.latent_dim} is odd, and half of the embedding belongs to "
                f"{one} and half to {other}: use {self.latent_dim + 1}"
            )
        if self.decoder in ("gravity", "gravity-squared") and self.latent_dim < 2:
            raise ValueError(
                f"decoder {self.decoder}: one dimension is the mass of a node, so use a "
                "latent_dim of at least 2"
            )
        return self

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if self.mask and self.objective == "exact":
            raise ValueError(
                "mask: edges that carry messages are then neither predicted nor pairs without an "
                "edge, so not all pairs are in the loss: sample pairs (--objective sampled)"
            )
        if self.likelihood_used in RATES and self.decoder not in (*PRODUCTS, OWN):
            raise ValueError(
                f"decoder {self.decoder} can give negative scores, and {self.likelihood} needs "
                "rates: use inner, bilinear-diagonal or directed-inner, or the likelihood "
                "bernoulli or squared"
            )
        weighed = {"hops": "multi-hop", "directed-hops": "directed-multi-hop"}.get(self.decoder)
        if weighed is not None and self.encoder not in (weighed, OWN):
            raise ValueError(
                f"decoder {self.decoder} weighs the hops of the encoder {weighed}: use both, or "
                "another decoder"
            )
        if self.decoder in ONE_BY_ONE and self.sampling == "nodes":
            raise ValueError(
                f"decoder {self.decoder} scores pairs one by one: sampling is pairs (--sampling)"
            )
        if self.decoder in ONE_BY_ONE and self.objective == "exact":
            others = "inner, cosine, distance or bilinear-diagonal"
            others = "gravity-squared" if self.decoder == "gravity" else others
            raise ValueError(
                f"decoder {self.decoder} scores pairs one by one and cannot sum over all of them: "
                f"use {others}, or sample pairs (--objective sampled)"
            )
        return self


def _most_width(n_nodes: int, n_hops: int) -> int:
    """The largest width of a hop with which the embedding has no more than `MOST_NUMBERS`."""
    return max(1, MOST_NUMBERS // (n_nodes * n_hops))
