"""The model: encoder, distribution, decoder and likelihood together; no file, no loop."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, final

import torch
from torch import Tensor, nn

from vgae.data.graph import Features, Graph
from vgae.ground.config import stream_seed
from vgae.ground.errors import InputError
from vgae.model.decoders import DECODERS, Decoder, Factors, Offsets
from vgae.model.encoders import ENCODERS, Encoder, ModuleEncoder
from vgae.model.kernels import Engine
from vgae.model.latents import LATENTS, Latent
from vgae.model.likelihoods import LIKELIHOODS, Likelihood
from vgae.model.noise import Noise
from vgae.model.objective import (
    Everywhere,
    Loss,
    Targets,
    reconstruction,
    sampled_reconstruction,
)
from vgae.model.ranks import Rows
from vgae.model.rows_objective import reconstruction_of_rows
from vgae.model.settings import OWN, RATES, ModelSettings
from vgae.model.signs import SignDecoder
from vgae.model.subsets import subset_sum

__all__ = ["GraphAutoEncoder", "Parts"]


@dataclass(frozen=True)
class Parts:
    """The parts of a model that people bring themselves; None for one that has a name.

    Attributes
    ----------
    encoder
        An `Encoder`, or a `torch.nn.Module` with `forward(x, edge_index)`.
    decoder
        A `Decoder`.
    likelihood
        A `Likelihood`.

    Raises
    ------
    InputError
        A part is something else.

    Examples
    --------
    >>> Parts().names()
    {}
    >>> from vgae.model.decoders import CosineDecoder
    >>> Parts(decoder=CosineDecoder()).names()
    {'decoder': 'CosineDecoder'}
    """

    encoder: nn.Module | None = None
    decoder: Decoder | None = None
    likelihood: Likelihood | None = None

    def __post_init__(self) -> None:
        kinds: dict[str, tuple[type, str]] = {
            "encoder": (nn.Module, "a torch.nn.Module with forward(x, edge_index), or an Encoder"),
            "decoder": (Decoder, "a vgae.model.decoders.Decoder"),
            "likelihood": (Likelihood, "a vgae.model.likelihoods.Likelihood"),
        }
        for name, (kind, words) in kinds.items():
            part = getattr(self, name)
            if part is not None and not isinstance(part, kind):
                what = f"the class {part.__name__}" if isinstance(part, type) else repr(part)
                raise InputError(f"{name}: {what} is not {words}")

    def names(self) -> dict[str, str]:
        """Names of the classes of the parts that there are."""
        return {name: type(part).__name__ for name, part in vars(self).items() if part is not None}


@final
class GraphAutoEncoder(nn.Module):
    """The (variational) graph auto-encoder (Kipf & Welling 2016), of any parts.

    Parameters
    ----------
    settings
        What it consists of.
    n_inputs
        Number of inputs, or number of nodes if every node is its own input.
    n_nodes
        Number of nodes of the training graph; by default `n_inputs`. Offsets per node need it.
    density
        Share of the pairs that have an edge, from which offsets start.
    seed
        Seed of the initial weights.
    parts
        Parts of your own, for the settings that say "own".

    Raises
    ------
    InputError
        A part of your own is missing, or there is one that the settings do not ask for.

    Examples
    --------
    >>> model = GraphAutoEncoder(ModelSettings(latent_dim=2), n_inputs=3, seed=0)
    >>> prepared = model.encoder.prepare(Graph.from_pairs([(0, 1), (1, 2)]), None)
    >>> latent = model.encode(prepared)
    >>> type(latent).__name__, tuple(latent.mean.shape)
    ('Gaussian', (3, 2))
    >>> sum(weight.size for weight in model.arrays().values())  # 3 x 32 and twice 32 x 2
    224
    >>> model.multiply_odds(2.0)  # does nothing without offsets
    """

    def __init__(
        self,
        settings: ModelSettings,
        *,
        n_inputs: int,
        seed: int,
        n_nodes: int | None = None,
        density: float = 0.5,
        parts: Parts | None = None,
    ) -> None:
        super().__init__()
        parts = parts or Parts()
        for name in ("encoder", "decoder", "likelihood"):
            if (getattr(parts, name) is None) == (getattr(settings, name) == OWN):
                raise InputError(f"{name}: the settings ask for a part of your own; give it")
        self.settings = settings
        self.latent = LATENTS[settings.latent]
        generator = torch.Generator().manual_seed(stream_seed(seed, "weights"))
        self.encoder: Encoder = _encoder(
            settings, parts, n_inputs, self.latent.parameters, generator
        )
        self.decoder: Decoder = copy.deepcopy(parts.decoder) or DECODERS[settings.decoder].made(
            settings, generator
        )
        self.likelihood = parts.likelihood or _likelihood(settings)
        if self.likelihood.rates:
            start = 0.0
            if settings.rate_link == "exp":
                # Rates start about where the data are: a sum of latent_dim products of ones.
                start = 0.5 * math.log(_first_rate(settings, density) / settings.latent_dim)
            self.log_scale = nn.Parameter(torch.tensor(start))
        self.offsets: Offsets | None = None
        if settings.offset_used != "none":
            self.offsets = Offsets(
                settings.offset_used,
                n_nodes=n_inputs if n_nodes is None else n_nodes,
                initial=_first_offset(self.likelihood, settings, density),
                positive=self.likelihood.rates,
                ordered=self.decoder.ordered,
            )
        self.signs: SignDecoder | None = None
        if settings.encoder == "signed":
            self.signs = SignDecoder(n_inputs if n_nodes is None else n_nodes, settings.latent_dim)

    def prepare(self, graph: Graph, inputs: Features | None) -> Any:
        """The graph in the encoder's form; see `Encoder.prepare`.

        Raises
        ------
        InputError
            The graph is directed and the decoder scores a pair the same in both directions, or the
            reverse; or the encoder cannot take this graph.
        """
        self._check_signs(graph)
        self._check_direction(graph)
        return self.encoder.prepare(graph, inputs)

    def _check_direction(self, graph: Graph) -> None:
        called = type(self.decoder).__name__ if self.settings.decoder == OWN else self.decoder.name
        if graph.directed and not self.decoder.ordered:
            raise InputError(
                f"decoder {called}: scores a pair the same in both directions, and the graph is "
                "directed; use directed-inner or gravity-squared (--decoder), or read the graph "
                "without direction (--undirected, directed=False)"
            )
        if self.decoder.ordered and not graph.directed:
            raise InputError(
                f"decoder {called}: scores arcs, and the graph is undirected; read it with "
                "--directed (directed=True), or use another decoder (--decoder inner)"
            )

    def _check_signs(self, graph: Graph) -> None:
        called = self.settings.encoder
        if graph.kind == "signed" and called != "signed":
            raise InputError(
                f"encoder {called}: reads no signs of edges, and the graph is signed; use the "
                "encoder signed (--encoder signed, or --preset signs)"
            )
        if graph.kind != "signed" and called == "signed":
            raise InputError(
                f"encoder signed: reads the signs of edges, and the graph is {graph.kind}; read it "
                "with --signed (signed=True), or use another encoder (--encoder gcn)"
            )

    def encode(self, prepared: Any, noise: Noise | None = None) -> Latent:
        """Compute the posterior q(Z | X, A) (Kipf & Welling 2016, eq. 1).

        Parameters
        ----------
        prepared
            What `prepare` returned.
        noise
            Decides what dropout leaves out; None outside of training.
        """
        outputs = self.encoder(prepared, noise)
        self._check(outputs)
        return self.latent(**outputs)

    def _check(self, outputs: dict[str, Tensor]) -> None:
        """Refuse what an encoder of your own must not return."""
        own = getattr(self.encoder, "module", self.encoder)
        called, width = f"encoder {type(own).__name__}", self.settings.latent_dim
        if set(outputs) != set(self.latent.parameters):
            raise InputError(
                f"{called}: returned {', '.join(outputs)}; a {self.settings.latent} latent takes "
                f"{' and '.join(self.latent.parameters)}"
            )
        for name, values in outputs.items():
            if values.ndim != 2 or values.shape[1] != width:
                raise InputError(
                    f"{called}: {name} has shape {tuple(values.shape)}; it must have a row per "
                    f"node and latent_dim = {width} columns"
                )

    def targets(
        self, graph: Graph, rows: Rows | None = None, scale: tuple[float, float] | None = None
    ) -> Targets:
        """The positive pairs of a training graph, for these settings.

        A node and itself are a positive pair where the paper's model is used: an inner product
        without an offset, which cannot tell such pairs apart. Otherwise they are left out, and
        always in directed graphs and where types rule pairs out, as in bipartite graphs.

        Parameters
        ----------
        graph
            The training graph.
        rows
            The nodes of this process, where they are shared out to several.
        scale
            The `value_scale` of the whole training graph, where `graph` has a part of its edges.

        Raises
        ------
        InputError
            The graph has no edges, or a weight is no count.

        Examples
        --------
        >>> model = GraphAutoEncoder(ModelSettings(), n_inputs=3, seed=0)
        >>> model.targets(Graph.from_edges([(0, 1)])).self_pairs
        True
        """
        settings = self.settings
        plain = settings.likelihood_used == "bernoulli" and settings.offset_used == "none"
        paper = plain and not self.decoder.ordered
        return Targets.from_graph(
            graph,
            settings.class_weight_used,
            self_pairs=paper and settings.objective_used == "exact",
            counts=self.likelihood.counts,
            values=self.likelihood.values,
            confidence=settings.confidence if graph.weight_means == "confidence" else None,
            rows=rows,
            scale=scale,
        )

    def linked(self, sample: Tensor) -> Tensor:
        """What the decoder gets for a sample of the embedding; see `Likelihood.link`."""
        return self._scaled(self.likelihood.link(sample))

    def linked_mean(self, mean: Tensor, std: Tensor | None) -> Tensor:
        """What the decoder gets for a whole distribution; see `Likelihood.factors_of`."""
        return self._scaled(self.likelihood.factors_of(mean, std))

    def _scaled(self, factors: Tensor) -> Tensor:
        return factors * torch.exp(self.log_scale) if self.likelihood.rates else factors

    @torch.no_grad()
    def multiply_odds(self, factor: float) -> None:
        """Raise all scores for good, so that few edges become about `factor` times as many.

        Logits rise by the logarithm of the factor, and rates are multiplied by it; the ranking of
        the pairs stays. Does nothing without offsets.
        """
        if self.offsets is None:
            return
        if self.likelihood.rates:
            self.log_scale.add_(0.5 * math.log(factor))
        self.offsets.raise_by(math.log(factor))

    def factors(self, vectors: Tensor, rows: slice | None = None) -> Factors | None:
        """Factors of the scores of all pairs; None if the decoder has no such form.

        Parameters
        ----------
        vectors
            What the decoder gets: see `linked` and `linked_mean`.
        rows
            The nodes whose vectors they are; None for all.
        """
        factors = self.decoder.factors(vectors)
        if factors is not None and self.decoder.ordered and factors.right is None:
            factors = replace(factors, right=factors.left)  # sources and targets have gradients
        if factors is None or self.offsets is None:
            return factors
        return self.offsets.added_to(factors, rows)

    @torch.no_grad()
    def has_factors(self, n_nodes: int) -> bool:
        """Whether the decoder has factors, which only the decoder knows: it is asked for them.

        Parameters
        ----------
        n_nodes
            Number of nodes, whose weights a decoder of your own may have.

        Examples
        --------
        >>> GraphAutoEncoder(ModelSettings(decoder="mlp"), n_inputs=3, seed=0).has_factors(3)
        False
        """
        device = next(self.parameters()).device
        vectors = torch.zeros(n_nodes, self.settings.latent_dim, device=device)
        return self.decoder.factors(vectors) is not None

    def pair_scores(self, vectors: Tensor, pairs: Tensor) -> Tensor:
        """Scores of pairs of node indices, offsets included, shape (n_pairs,)."""
        scores = self.decoder.pairs(vectors, pairs)
        return scores if self.offsets is None else scores + self.offsets.at(pairs)

    def loss(self, prepared: Any, targets: Targets, *, noise: Noise, engine: Engine) -> Loss:
        """Compute the objective, or an estimate of it, with one reparameterised sample.

        Parameters
        ----------
        prepared
            What `prepare` returned.
        targets
            The positive pairs.
        noise
            Random numbers of this step.
        engine
            Computes the sum over all pairs, where there is no closed form.

        Raises
        ------
        InputError
            The decoder has no factors and all pairs are wanted, or a rate of an edge is zero.

        Examples
        --------
        >>> from vgae.model.kernels import choose_engine
        >>> from vgae.model.noise import CounterNoise
        >>> graph = Graph.from_edges([(0, 1), (1, 2)])
        >>> model = GraphAutoEncoder(ModelSettings(latent_dim=2), n_inputs=3, seed=0)
        >>> loss = model.loss(
        ...     model.prepare(graph, None),
        ...     model.targets(graph),
        ...     noise=CounterNoise(0, torch.device("cpu")),
        ...     engine=choose_engine("auto"),
        ... )
        >>> bool(loss.total > 0), list(loss.terms)
        (True, ['reconstruction', 'kl'])
        >>> model.factors(torch.zeros(3, 2)).left.shape
        torch.Size([3, 2])
        >>> model.pair_scores(torch.zeros(3, 2), torch.tensor([[0, 2]])).tolist()
        [0.0]
        >>> vectors = torch.ones(1, 2)
        >>> model.linked(vectors).tolist(), model.linked_mean(vectors, None).tolist()
        ([[1.0, 1.0]], [[1.0, 1.0]])
        """
        latent = self.encode(prepared, noise)
        own = None if targets.rows is None else targets.rows.own
        with noise.from_row(own.start if own else 0):
            # A view, because the gradient of an index would be a copy among zeros.
            sample = latent.draw(noise).squeeze(0)
        vectors = self.linked(sample)
        settings = self.settings
        needless = settings.samples_pairs(has_factors=True)
        factors = None if needless else self.factors(vectors, own)
        if settings.samples_pairs(has_factors=factors is not None):
            drawn = _random_pairs(targets, noise)
            term = sampled_reconstruction(
                self.likelihood, lambda pairs: self.pair_scores(vectors, pairs), targets, drawn
            )
        else:
            joined, expected = self._joined(factors), self._expected(latent, own)
            if own is None:
                sampled = settings.objective_used == "sampled"
                estimated = self._estimated(noise, engine) if sampled else None
                term = reconstruction(
                    self.likelihood,
                    joined,
                    targets,
                    engine=engine,
                    expected=expected,
                    estimated=estimated,
                )
            else:
                term = reconstruction_of_rows(
                    self.likelihood, joined, targets, engine=engine, expected=expected
                )
        kl = latent.kl().sum(dtype=torch.float64) / targets.n_cells
        terms = {"reconstruction": term, "kl": kl}
        if self.signs is not None and targets.signs is not None:
            terms["sign"] = targets.signs.loss(self.signs(sample, targets.signs.pairs))
        return Loss(terms)

    def arrays(self) -> dict[str, Any]:
        """All weights by our names, as NumPy arrays: what a run folder keeps.

        The names are those of the parts (encoder, decoder, offsets) and of what they declare, in
        their order.
        """
        return {name: value.detach().cpu().numpy() for name, value in self._named()}

    def load_arrays(self, arrays: Any) -> None:
        """Take over weights from `arrays`.

        Raises
        ------
        InputError
            Names, shapes or types differ.

        Examples
        --------
        >>> one, other = (
        ...     GraphAutoEncoder(ModelSettings(), n_inputs=3, seed=seed) for seed in (0, 1)
        ... )
        >>> other.load_arrays(one.arrays())
        >>> bool((other.encoder.weight["mean"] == one.encoder.weight["mean"]).all())
        True
        """
        own = dict(self._named())
        forms = [
            {
                name: (tuple(value.shape), str(value.dtype).removeprefix("torch."))
                for name, value in part
            }
            for part in (own.items(), arrays.items())
        ]
        if forms[0] != forms[1]:
            raise InputError("weights do not fit the settings; fit again")
        with torch.no_grad():
            for name, value in own.items():
                value.copy_(torch.from_numpy(arrays[name]))

    def _named(self) -> list[tuple[str, Tensor]]:
        return [*self.named_parameters(), *self.named_buffers()]

    def _joined(self, factors: Factors | None) -> tuple[Tensor, Tensor | None]:
        if factors is None:
            raise InputError(
                f"decoder {type(self.decoder).__name__}: scores pairs one by one and cannot sum "
                "over all of them; sample pairs (objective='sampled'), or give it factors"
            )
        return factors.joined()

    def _estimated(self, noise: Noise, engine: Engine) -> Everywhere | None:
        """The estimate of the sum over all pairs, where it is not known in linear time."""
        if self.likelihood.closed is not None or self.likelihood.values:
            return None
        return partial(
            subset_sum,
            self.likelihood,
            n_drawn=self.settings.batch_nodes,
            noise=noise,
            engine=engine,
        )

    def _expected(self, latent: Latent, rows: slice | None) -> tuple[Tensor, Tensor | None] | None:
        """Factors of expected rates, where these have a closed form."""
        std = latent.std()
        closed = self.likelihood.rates and self.settings.rate_link != "relu"
        if std is None or not closed or self.settings.likelihood_used not in RATES:
            return None
        return self._joined(self.factors(self.linked_mean(latent.mean, std), rows))


def _encoder(
    settings: ModelSettings,
    parts: Parts,
    n_inputs: int,
    outputs: tuple[str, ...],
    generator: torch.Generator,
) -> Encoder:
    if parts.encoder is None:
        return ENCODERS[settings.encoder](settings, n_inputs, outputs=outputs, generator=generator)
    if isinstance(parts.encoder, Encoder):
        return copy.deepcopy(parts.encoder)
    return ModuleEncoder(parts.encoder, outputs=outputs, latent_dim=settings.latent_dim)


def _likelihood(settings: ModelSettings) -> Likelihood:
    kind = LIKELIHOODS[settings.likelihood_used]
    made: Likelihood = kind(settings.rate_link) if kind.rates else kind()
    return made


def _first_offset(likelihood: Likelihood, settings: ModelSettings, density: float) -> float:
    """The offset with which a model that knows nothing else has the right number of edges."""
    share = 0.5 if settings.class_weight_used == "balanced" else min(max(density, 1e-9), 1.0 - 1e-9)
    if likelihood.rates:
        # Little, next to what the factors should explain.
        return min(max(density, 1e-9), 1.0)
    return math.log(share / (1.0 - share)) if settings.likelihood_used == "bernoulli" else 0.0


def _first_rate(settings: ModelSettings, density: float) -> float:
    return (
        math.log(2.0) if settings.class_weight_used == "balanced" else min(max(density, 1e-9), 1.0)
    )


def _random_pairs(targets: Targets, noise: Noise) -> Tensor:
    """As many uniform pairs of different nodes as there are positive pairs."""
    n_nodes = targets.n_nodes
    uniform = noise.uniform(len(targets.positive.columns), 2)
    if targets.typed is not None:
        return targets.typed.drawn(uniform)
    first = (uniform[:, 0] * n_nodes).long().clamp(max=n_nodes - 1)
    other = (uniform[:, 1] * (n_nodes - 1)).long().clamp(max=n_nodes - 2)
    return torch.stack([first, other + (other >= first)], dim=1)
