"""The settings of a model. Each is written once here, with its default and its description.

The estimators' keywords, the options of the command line and the tables of the docs are made from
these fields. Nothing here imports torch, so that the command line can show them at once.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from vgae.ground.config import Dimension, Settings

__all__ = [
    "DECODERS",
    "ENCODERS",
    "LIKELIHOODS",
    "OWN",
    "RATES",
    "EngineName",
    "FeatureUse",
    "ModelSettings",
    "ObjectiveName",
    "Offset",
    "RateLink",
    "Structure",
]

EngineName = Literal["auto", "numba", "triton", "triton-tf32", "triton-bf16", "tiles", "reference"]
FeatureUse = Literal["raw", "unit", "idf", "standard", "none"]
ObjectiveName = Literal["paper", "elbo"]
Offset = Literal["none", "constant", "node"]
RateLink = Literal["relu", "square", "exp"]
Structure = Literal["none", "svd", "spectral", "ppr"]

ENCODERS = ("gcn", "linear", "appnp", "sage")
DECODERS = ("inner", "cosine", "distance", "bilinear-diagonal", "mlp")
LIKELIHOODS = ("bernoulli", "bernoulli-poisson", "poisson", "squared")
"""The parts that come with the package, by name."""

RATES = ("bernoulli-poisson", "poisson")
"""The likelihoods whose scores are rates, which cannot be negative."""

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
    >>> ModelSettings(encoder="appnp").layers_used
    10
    >>> ModelSettings(features="none").features_used(5), ModelSettings().has_inputs(5)
    (0, True)
    """

    latent: Literal["gaussian", "point"] = Field(
        default="gaussian",
        description="gaussian for the variational model (VGAE), point for the one without "
        "distributions (GAE).",
    )
    encoder: Literal["gcn", "linear", "appnp", "sage", "own"] = Field(
        default="gcn",
        description="What computes the embedding: gcn (graph convolutions), linear (propagated "
        "inputs times one matrix), appnp (personalised PageRank of a projection) or sage (means "
        "of neighbours next to the node itself).",
    )
    decoder: Literal["inner", "cosine", "distance", "bilinear-diagonal", "mlp", "own"] = Field(
        default="inner",
        description="How two embeddings become a score: inner (product), cosine, distance "
        "(squared, negative), bilinear-diagonal (one weight per dimension) or mlp (of the products "
        "of coordinates; with pairs=sampled only).",
    )
    likelihood: Literal["bernoulli", "bernoulli-poisson", "poisson", "squared", "own"] = Field(
        default="bernoulli",
        description="What a score says about a pair: bernoulli (logit of an edge); "
        "bernoulli-poisson (rate of at least one event); poisson (rate of the count that the "
        "weight is); squared (the edge as a number). All but bernoulli take time linear in nodes "
        "and edges.",
    )
    offset: Offset | None = Field(
        default=None,
        description="What is added to every score: none, constant (learned, for all pairs) or "
        "node (learned, for each end). Default: constant, but none with bernoulli unless the "
        "decoder is distance.",
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
        "Default: 2, and 10 with appnp.",
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
    teleport: float = Field(
        default=0.1,
        gt=0.0,
        le=1.0,
        description="Weight of the node itself in each propagation of appnp.",
    )
    objective: ObjectiveName = Field(
        default="paper",
        description="paper (class-weighted: the edges weigh as much as all the pairs without one) "
        "or elbo (all pairs have the same weight).",
    )
    pairs: Literal["all", "sampled"] = Field(
        default="all",
        description="The pairs that the loss is about: all (exactly) or sampled (in each step as "
        "many random pairs as there are edges, weighted so that the estimate has no bias).",
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
    def offset_used(self) -> Offset:
        """The offset, with the default of the likelihood filled in."""
        plain = self.likelihood in ("bernoulli", OWN) and self.decoder != "distance"
        return self.offset or ("none" if plain else "constant")

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if self.likelihood in RATES and self.decoder not in ("inner", "bilinear-diagonal", OWN):
            raise ValueError(
                f"decoder {self.decoder} can give negative scores, and {self.likelihood} needs "
                "rates: use inner or bilinear-diagonal, or the likelihood bernoulli or squared"
            )
        if self.decoder == "mlp" and self.pairs == "all":
            raise ValueError(
                "decoder mlp scores pairs one by one and cannot sum over all of them: use inner, "
                "cosine, distance or bilinear-diagonal, or sample pairs (--pairs sampled)"
            )
        return self
