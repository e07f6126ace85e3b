"""A fit: from a split and settings to a fitted value."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

import numpy as np
import torch

from vgae.data.graph import Features, Graph
from vgae.data.split import Split
from vgae.learning.calibration import Calibrator, calibration_at_prevalence, fit_calibrator
from vgae.learning.fitted import Fitted
from vgae.learning.inductive import States
from vgae.learning.metrics import expected_calibration_error
from vgae.learning.scores import ModelScores
from vgae.learning.settings import FitSettings
from vgae.learning.train import (
    Interrupt,
    StepRecord,
    choose_place,
    held_out_metrics,
    train,
)
from vgae.model.inputs import InputScaling, node_inputs
from vgae.model.kernels import Engine
from vgae.model.latents import Latent
from vgae.model.network import GraphAutoEncoder, Parts

__all__ = ["Callback", "fit", "untrained"]

logger = logging.getLogger(__name__)

Callback = Callable[[StepRecord], Any]
"""What `fit` calls after each step."""


def untrained(
    graph: Graph, settings: FitSettings, parts: Parts | None = None
) -> tuple[GraphAutoEncoder, InputScaling, Features | None]:
    """A network for a training graph, with what its nodes bring.

    Returns
    -------
    The network with its initial weights; how features become inputs; and the inputs of the nodes,
    None if every node is its own.

    Raises
    ------
    InputError
        The settings ask for what the graph lacks.

    Examples
    --------
    >>> graph = Graph.from_edges([(0, 1)], features=[[1.0], [3.0]])
    >>> network, scaling, inputs = untrained(graph, FitSettings.of("gae"))
    >>> network.prepare(graph, inputs).features.tolist(), scaling.use
    ([[2.0], [2.0]], 'raw')
    """
    shape, n_nodes = settings.network, graph.n_nodes
    scaling, inputs = node_inputs(
        graph,
        features=shape.features,
        structure=shape.structure,
        structure_dim=shape.structure_dim,
        seed=settings.seed,
    )
    network = GraphAutoEncoder(
        shape,
        n_inputs=n_nodes if inputs is None else inputs.shape[1],
        n_nodes=n_nodes,
        density=2.0 * graph.n_edges / max(1, n_nodes * (n_nodes - 1)),
        seed=settings.seed,
        parts=parts,
    )
    return network, scaling, inputs


def fit(
    split: Split,
    settings: FitSettings,
    *,
    parts: Parts | None = None,
    callbacks: Sequence[Callback] = (),
    interrupt: Interrupt | None = None,
) -> Fitted:
    """Fit a model to the training part of a split.

    Parameters
    ----------
    split
        The model trains on its training edges only. Early stopping looks at the validation pairs,
        and the test pairs are scored once at the end.
    settings
        All settings.
    parts
        Parts of your own, for the settings that say "own".
    callbacks
        Called after every step with its record.
    interrupt
        Ends the training after the current step once it is pressed. A callback presses it by
        raising KeyboardInterrupt.

    Raises
    ------
    InputError
        The graph is directed or has no edges, engine or device cannot be used here, the loss is no
        longer finite, or the settings ask for what the graph lacks.

    Examples
    --------
    >>> graph = Graph.from_pairs([("a", "b"), ("b", "c")])
    >>> fit(Split.without_holdout(graph), FitSettings.of("vgae", steps=5)).embedding.shape
    (3, 16)
    """
    view = split.training
    _, engine = choose_place(settings.training, settings.network.latent_dim)
    network, scaling, inputs = untrained(view.train, settings, parts)
    prepared = network.prepare(view.train, inputs)
    interrupt = interrupt or Interrupt()
    history = _trained(network, split, settings, prepared, callbacks, interrupt)
    graph = split.message_graph()
    messages = prepared if graph is split.train else network.prepare(graph, inputs)
    with torch.no_grad():
        known = network.encode(prepared)
        latent = known if messages is prepared else network.encode(messages)
    _settle(network, known, view.train, engine)
    seen = ModelScores.of(network, known)
    scores = seen if latent is known else ModelScores.of(network, latent)
    calibrator = fit_calibrator(view, seen, seed=settings.seed)
    held_out = {
        part: held_out_metrics(found, pairs, settings.training.stop_metric) if pairs else None
        for part, found, pairs in (
            ("validation", seen, split.validation),
            ("test", scores, split.test),
        )
    }
    calibration = None
    if calibrator is not None and split.test:
        calibration = _calibration(split, network, scores, calibrator)
    std = latent.std()
    return Fitted(
        settings=settings,
        network=network,
        split=split,
        graph=_about(split.graph),
        scaling=scaling,
        calibrator=calibrator,
        embedding=latent.mean.numpy(),
        embedding_std=None if std is None else std.numpy(),
        states=States.of(network, graph, messages, inputs),
        history=history,
        metrics={
            "protocol": split.settings.protocol,
            "proportions": split.settings.proportions,
            "seed": split.seed,
            **held_out,
            "calibration": calibration,
        },
        engine=engine.name,
        interrupted=interrupt.pressed,
        feature_encoding=split.graph.feature_encoding,
        parts={} if parts is None else parts.names(),
    )


def _calibration(
    split: Split, network: GraphAutoEncoder, scores: ModelScores, calibrator: Calibrator
) -> dict[str, Any]:
    """How well probabilities hold on the test pairs, as plain values."""
    edges, others = scores.pairs(split.test.positives), scores.pairs(split.test.negatives)
    labels = np.repeat([1, 0], [len(edges), len(others)])
    raw = network.likelihood.probability(np.concatenate([edges, others]))
    return {
        "ece": calibrator.error(edges, others),
        "ece_uncalibrated": expected_calibration_error(raw, labels),
        "n_validation_edges": calibrator.n_edges,
        **calibration_at_prevalence(split, scores, calibrator, seed=split.seed),
    }


def _trained(
    network: GraphAutoEncoder,
    split: Split,
    settings: FitSettings,
    prepared: Any,
    callbacks: Sequence[Callback],
    interrupt: Interrupt,
) -> list[dict[str, Any]]:
    """Train the network, and return one dictionary per step."""
    view = split.training
    steps = train(
        network,
        view.train,
        settings.training,
        seed=settings.seed,
        validation=view.validation,
        prepared=prepared,
    )
    history = []
    with closing(steps):  # type: ignore[type-var]
        for record in steps:
            history.append(record.as_dict())
            try:
                for callback in callbacks:
                    callback(record)
            except KeyboardInterrupt:
                interrupt.press()
            if interrupt.pressed:
                logger.warning(
                    "interrupted after step %d; finishing the fit "
                    "(press Ctrl-C again to stop at once)",
                    record.step,
                )
                break
    network.cpu()
    return history


MOST_ROUNDS, CLOSE = 20, 1e-3
"""How often scores are raised at most, and when the expected number of edges is right."""
MOST_NODES_SUMMED = 50_000
"""Beyond, the probabilities of rates are not summed: that would take longer than the training."""


def _settle(network: GraphAutoEncoder, latent: Latent, graph: Graph, engine: Engine) -> None:
    """Raise all scores so that probabilities sum to the number of edges.

    At the maximum of the likelihood they do, or nearly: the derivative by an offset of logits is
    the number of edges less its expectation. Steps of a fixed size end near this, and this ends
    there. It changes no ranking.
    """
    settings, likelihood = network.settings, network.likelihood
    logits = settings.likelihood == "bernoulli"
    summed = logits or (likelihood.rates and graph.n_nodes <= MOST_NODES_SUMMED)
    exact = settings.objective == "elbo" and settings.pairs == "all"
    if not (exact and summed) or network.offsets is None:
        return
    for _ in range(MOST_ROUNDS):
        factors = ModelScores.of(network, latent).factors
        if factors is None:
            return
        expected = likelihood.expected_edges(*factors, engine)
        if not expected > 0.0 or abs(expected - graph.n_edges) <= CLOSE * graph.n_edges:
            return
        network.multiply_odds(graph.n_edges / expected)


def _about(graph: Graph) -> dict[str, Any]:
    """What a model remembers of the whole graph."""
    return {
        "fingerprint": graph.fingerprint,
        "n_nodes": graph.n_nodes,
        "n_edges": graph.n_edges,
        "n_features": graph.n_features,
        "weighted": graph.weights is not None,
    }
