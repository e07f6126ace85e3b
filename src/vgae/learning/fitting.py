"""A fit: from a split and settings, or a baseline, to a fitted value."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit

from vgae.data.graph import Features, Graph
from vgae.data.split import HeldOut, Split, TrainingView, count_non_edges, sample_non_edges
from vgae.ground.config import stream_seed
from vgae.learning.baselines import Baseline
from vgae.learning.calibration import Calibrator, calibration_at_prevalence, fit_calibrator
from vgae.learning.checkpoints import Checkpoints
from vgae.learning.combiner import fit_combiner
from vgae.learning.ensemble import (
    evidence_about,
    inputs_of,
    member_seed,
    network_of,
    scores_of_members,
)
from vgae.learning.evidence import Column
from vgae.learning.fit_record import record_of_fit
from vgae.learning.fitted import Fitted
from vgae.learning.fitted_baseline import FittedBaseline, between_0_and_1
from vgae.learning.inductive import States
from vgae.learning.metrics import expected_calibration_error
from vgae.learning.scores import ModelScores, Scores
from vgae.learning.settings import FitSettings
from vgae.learning.signs import sign_metrics
from vgae.learning.train import (
    Interrupt,
    StepRecord,
    TrainState,
    choose_place,
    held_out_metrics,
    train,
)
from vgae.learning.weighing import weight_report
from vgae.learning.weights import Expected, fit_count_map, fit_value_map
from vgae.model.inputs import InputScaling
from vgae.model.kernels import choose_engine
from vgae.model.latents import Latent
from vgae.model.network import GraphAutoEncoder, Parts
from vgae.model.objective import expected_edges, value_scale
from vgae.model.signs import log_odds_of_signs

__all__ = ["Callback", "fit", "fit_baseline", "hidden_edge_evidence", "untrained"]

logger = logging.getLogger(__name__)

Table = NDArray[np.float64]

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
    scaling, inputs = inputs_of(graph, settings)
    return network_of(graph, inputs, settings, settings.seed, parts), scaling, inputs


def fit(
    split: Split,
    settings: FitSettings,
    *,
    parts: Parts | None = None,
    callbacks: Sequence[Callback] = (),
    interrupt: Interrupt | None = None,
    checkpoints: Checkpoints | None = None,
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
    checkpoints
        Where the fit is written down while it runs, or where it goes on from.

    Raises
    ------
    InputError
        The graph has no edges; it is directed or signed and decoder or encoder is made for others;
        engine or device cannot be used here, the loss is no longer finite, or the settings ask for
        what the graph lacks; or the checkpoints are of another fit, or cannot be written.
    Terminated
        `Interrupt.terminate` was called.

    Examples
    --------
    >>> graph = Graph.from_pairs([("a", "b"), ("b", "c")])
    >>> fit(Split.without_holdout(graph), FitSettings.of("vgae", steps=5)).embedding.shape
    (3, 16)
    """
    started, view = time.perf_counter(), split.training
    asked, (settings, why) = settings, settings.settled(view.train)
    _, engine = choose_place(settings.training, settings.network.latent_dim)
    interrupt, checkpoints = interrupt or Interrupt(), checkpoints or Checkpoints(None)
    checkpoints.begin(split, asked, parts)
    signed = view.train.kind == "signed"
    log_odds = log_odds_of_signs(view.train, "encoder signed") if signed else 0.0
    scaling, inputs = inputs_of(view.train, settings)
    members: list[GraphAutoEncoder] = []
    prepared: Any = None
    history: list[dict[str, Any]] = []
    for number in range(settings.combining.ensemble):
        seed = member_seed(settings.seed, number)
        if number:
            logger.info("fitting member %d of %d", number + 1, settings.combining.ensemble)
        network = network_of(view.train, inputs, settings, seed, parts)
        prepared = network.prepare(view.train, inputs) if prepared is None else prepared
        validation = view.validation if number == 0 or settings.training.patience else None
        records = _trained(
            network,
            view.train,
            settings,
            prepared,
            seed=seed,
            validation=validation,
            title=_title("member", number, settings.combining.ensemble),
            callbacks=callbacks if number == 0 else (),
            interrupt=interrupt,
            checkpoints=checkpoints,
        )
        if network.signs is not None:
            network.signs.raise_by(log_odds)
        history = history or records
        members.append(network)
        if interrupt.pressed:
            break
    combiner = None
    if settings.combining.combiner != "none" and not interrupt.pressed:
        found = hidden_edge_evidence(view.train, settings, parts, interrupt, checkpoints)
        combiner = None if found is None else fit_combiner(*found)
    network, graph = members[0], split.message_graph()
    messages = prepared if graph is split.train else network.prepare(graph, inputs)
    with torch.no_grad():
        known = [member.encode(prepared) for member in members]
        latents = known if messages is prepared else [one.encode(messages) for one in members]
    if combiner is None:
        for member, latent in zip(members, known, strict=True):
            _settle(member, latent, view.train)

    def scores_of(latents: Sequence[Latent], messages: Graph) -> Scores:
        return scores_of_members(
            members, latents, messages=messages, combiner=combiner, seed=settings.seed
        )

    seen = scores_of(known, view.train)
    scores = seen if latents is known else scores_of(latents, graph)
    uncalibrated = expit if combiner is not None else network.likelihood.probability
    with _scored_once(split, seen, scores):
        calibrator, metrics = _judged(
            split,
            seen,
            scores,
            uncalibrated,
            seed=settings.seed,
            stop_metric=settings.training.stop_metric,
        )
        expected = None
        if combiner is None:
            expected = _expected(network, view, seen, seed=settings.seed)
        if expected is not None and split.test:
            metrics["weights"] = weight_report(split, scores.with_expected(expected))
        record = record_of_fit(split, seen, scores, started=started)
    latent, std = latents[0], latents[0].std()
    fitted = Fitted(
        settings=settings,
        network=network,
        split=split,
        graph=_about(split.graph)
        | {"weight_means": settings.network.weights_mean(split.graph.weight_means)},
        scaling=scaling,
        calibrator=calibrator,
        embedding=latent.mean.numpy(),
        embedding_std=None if std is None else std.numpy(),
        states=States.of(network, graph, messages, inputs),
        history=history,
        metrics=metrics,
        engine=engine.name,
        interrupted=interrupt.pressed,
        feature_encoding=split.graph.feature_encoding,
        parts={} if parts is None else parts.names(),
        members=tuple(members[1:]),
        combiner=combiner,
        expected=expected,
        record=record,
        objective_reason=why,
    )
    return fitted.knowing(scores.with_expected(expected)) if fitted.needs_graph else fitted


def _expected(
    network: GraphAutoEncoder, view: TrainingView, scores: Scores, *, seed: int
) -> Expected | None:
    """What the scores of a model of counts or values say of the weights of edges."""
    given = view.train, view.known, view.validation, scores
    if network.likelihood.counts:
        return fit_count_map(*given, seed=seed)
    if network.likelihood.values:
        return fit_value_map(*given, value_scale(view.train))
    return None


def hidden_edge_evidence(
    graph: Graph,
    settings: FitSettings,
    parts: Parts | None = None,
    interrupt: Interrupt | None = None,
    checkpoints: Checkpoints | None = None,
) -> tuple[tuple[Column, ...], Table, Table, Table | None] | None:
    """The evidence about training edges that were hidden from models made for this purpose.

    Each fold hides a tenth of the training edges, fits new members to the others, and gathers the
    evidence about the hidden edges and about random pairs without an edge; in a directed graph,
    also about the reverses of hidden arcs that are no arcs. Validation and test pairs are not seen.

    Parameters
    ----------
    graph
        The training graph.
    settings
        All settings.
    parts
        Parts of your own.
    interrupt
        Ends the fit of a member.
    checkpoints
        Where the trainings are written down, as by `fit`.

    Returns
    -------
    What there is, and the tables of hidden edges, of pairs without an edge, and of reverses of
    hidden arcs (None unless directed): what `fit_combiner` takes. None where the graph is too small
    to hide edges and find pairs without one.

    Examples
    --------
    >>> ring = Graph.from_edges([(i, (i + 1) % 30) for i in range(30)])
    >>> settings = FitSettings.of("gae", steps=1, combiner="logistic")
    >>> columns, hidden, others, reverse = hidden_edge_evidence(ring, settings)
    >>> len(hidden), len(others), hidden.shape[1] == len(columns), reverse
    (6, 30, True, None)
    """
    interrupt, checkpoints = interrupt or Interrupt(), checkpoints or Checkpoints(None)
    random = np.random.default_rng(stream_seed(settings.seed, "combiner"))
    n_hidden = min(max(1, graph.n_edges // 10), graph.n_edges - 2)
    n_others = min(OTHERS_PER_EDGE * min(n_hidden, MOST_HIDDEN), count_non_edges(graph))
    if n_hidden < 1 or n_others < 1:
        return None
    order, tables = random.permutation(graph.n_edges), []
    for fold in range(settings.combining.folds):
        logger.info(
            "fitting the combiner: fold %d of %d, %s training edges hidden",
            *(fold + 1, settings.combining.folds, f"{n_hidden:,}"),
        )
        own = np.roll(order, -fold * n_hidden)
        hidden, kept = graph.edges[own[:n_hidden]], graph.with_edges(graph.edges[own[n_hidden:]])
        others = sample_non_edges(graph, n_others, random, advice="")
        latents = _latents_of_fold(kept, settings, fold, parts, interrupt, checkpoints)
        evidence = evidence_about(kept, latents, settings.network, seed=settings.seed)
        pairs = [hidden[:MOST_HIDDEN], others]
        if graph.directed:
            reverse = hidden[:MOST_HIDDEN, ::-1]
            pairs.append(reverse[graph.places(reverse) < 0])
        tables.append([evidence.table(part) for part in pairs])
        columns = evidence.columns
    edges, without, *reverses = (np.concatenate(part) for part in zip(*tables, strict=True))
    return columns, edges, without, reverses[0] if reverses else None


def _latents_of_fold(
    kept: Graph,
    settings: FitSettings,
    fold: int,
    parts: Parts | None,
    interrupt: Interrupt,
    checkpoints: Checkpoints,
) -> list[Latent]:
    """The posteriors of new members, fitted to a part of the training graph."""
    _, inputs = inputs_of(kept, settings)
    latents, combining = [], settings.combining
    for number in range(combining.ensemble):
        seed = member_seed(settings.seed, (fold + 1) * 1000 + number)
        network = network_of(kept, inputs, settings, seed, parts)
        prepared = network.prepare(kept, inputs)
        member = _title("member", number, combining.ensemble)
        _trained(
            network,
            kept,
            settings,
            prepared,
            seed=seed,
            title=f"fold {fold + 1} of {combining.folds}" + (member and f", {member}"),
            interrupt=interrupt,
            checkpoints=checkpoints,
        )
        with torch.no_grad():
            latents.append(network.encode(prepared))
    return latents


def fit_baseline(split: Split, method: Baseline, *, seed: int = 0) -> FittedBaseline:
    """Fit a baseline to the training part of a split.

    Parameters
    ----------
    split
        The method learns from its training edges, and scores test pairs with the messages of its
        protocol. Probabilities are calibrated on the validation pairs, and the test pairs are
        scored once at the end.
    method
        The baseline with its settings.
    seed
        Seed of everything random.

    Raises
    ------
    InputError
        The graph is of another kind, has no edges, or lacks what the method needs.

    Examples
    --------
    >>> from vgae.learning.baselines import baseline
    >>> ring = Graph.from_edges([(i, (i + 1) % 40) for i in range(40)])
    >>> fit_baseline(Split.without_holdout(ring), baseline("spectral")).vectors.shape
    (40, 2)
    """
    started, view = time.perf_counter(), split.training
    scores = method.fit(view, seed=seed)
    # Validation pairs tell something only to a method that has not seen them as messages.
    seen = scores
    if view.messages is not view.train and split.validation:
        seen = method.fit(replace(view, protocol="T"), seed=seed)
    with _scored_once(split, seen, scores):
        calibrator, metrics = _judged(split, seen, scores, between_0_and_1, seed=seed)
        if scores.expected is not None and split.test:
            metrics["weights"] = weight_report(split, scores)
        record = record_of_fit(split, seen, scores, started=started)
    return FittedBaseline(
        split=split,
        graph=_about(split.graph),
        calibrator=calibrator,
        metrics=metrics,
        method=method,
        seed=seed,
        found=scores,
        record=record,
    )


@contextmanager
def _scored_once(split: Split, seen: Scores, scores: Scores) -> Iterator[None]:
    """Score every held-out pair once, for all that is said of a fit."""
    known, later = split.validation, split.test
    with (
        seen.remembering(known.positives, known.negatives),
        scores.remembering(later.positives, later.negatives),
    ):
        yield


def _judged(
    split: Split,
    seen: Scores,
    scores: Scores,
    uncalibrated: Callable[[NDArray[np.floating]], NDArray[np.float64]],
    *,
    seed: int,
    stop_metric: str = "average_precision",
) -> tuple[Calibrator | None, dict[str, Any]]:
    """The calibrator, and the held-out metrics as plain values.

    Parameters
    ----------
    split
        The split of the fit.
    seen, scores
        Scores with the messages of training, for validation pairs; and with those of the protocol,
        for test pairs.
    uncalibrated
        From scores to probabilities before any calibration.
    seed
        Seed of the pairs that the calibrator draws.
    stop_metric
        What early stopping watches, which is among the metrics.
    """
    calibrator = fit_calibrator(split.training, seen, seed=seed)
    metrics: dict[str, Any] = {
        "protocol": split.settings.protocol,
        "proportions": split.settings.proportions,
        "seed": split.seed,
        **{
            part: _metrics_of(split.graph, found, pairs, stop_metric) if pairs else None
            for part, found, pairs in (
                ("validation", seen, split.validation),
                ("test", scores, split.test),
            )
        },
        "calibration": None,
        "simple": None,  # which estimators fill in
    }
    if calibrator is not None and split.test:
        edges, others = scores.pairs(split.test.positives), scores.pairs(split.test.negatives)
        labels = np.repeat([1, 0], [len(edges), len(others)])
        raw = uncalibrated(np.concatenate([edges, others]))
        metrics["calibration"] = {
            "ece": calibrator.error(edges, others),
            "ece_uncalibrated": expected_calibration_error(raw, labels),
            "n_validation_edges": calibrator.n_edges,
            **calibration_at_prevalence(split, scores, calibrator, seed=split.seed),
        }
    return calibrator, metrics


def _metrics_of(
    graph: Graph, scores: Scores, pairs: HeldOut, stop_metric: str
) -> dict[str, float | None]:
    """Metrics of held-out pairs and, in a signed graph, of the signs of the edges among them."""
    found = dict(held_out_metrics(scores, pairs, stop_metric))
    if graph.kind == "signed":
        found |= sign_metrics(graph, pairs.positives, scores.signs)
    return found


def _title(kind: str, number: int, total: int) -> str:
    """Which of several trainings one is, in words; empty for an only one."""
    return f"{kind} {number + 1} of {total}" if total > 1 else ""


def _trained(
    network: GraphAutoEncoder,
    graph: Graph,
    settings: FitSettings,
    prepared: Any,
    *,
    seed: int,
    title: str,
    interrupt: Interrupt,
    checkpoints: Checkpoints,
    validation: HeldOut | None = None,
    callbacks: Sequence[Callback] = (),
) -> list[dict[str, Any]]:
    """Train the network, from where the checkpoints have it; return one dictionary per step."""
    training = settings.training
    if validation is None:  # folds have no pairs to stop by
        training = training.model_copy(update={"patience": None})
    device, _ = choose_place(training, settings.network.latent_dim)
    state = TrainState(network, training, seed=seed, device=device)
    if not checkpoints.take_up(state, title):
        how: dict[str, Any] = {"seed": seed, "validation": validation, "prepared": prepared}
        steps = train(network, graph, training, state=state, **how)
        with interrupt.stepping():
            with closing(steps):  # type: ignore[type-var]
                for record in steps:
                    try:
                        for callback in callbacks:
                            callback(record)
                    except KeyboardInterrupt:
                        interrupt.press()
                    if interrupt.pressed or interrupt.terminated:
                        checkpoints.stop(state)
                        break
                    checkpoints.offer(state)
            checkpoints.finish(state)
        if interrupt.pressed:
            logger.warning(
                "interrupted after step %d; finishing the fit (press Ctrl-C again to stop at once)",
                state.n_steps,
            )
    network.cpu()
    return [record.as_dict() for record in state.history]


OTHERS_PER_EDGE, MOST_HIDDEN = 5, 4000
"""Pairs without an edge per hidden edge; hidden edges of a fold whose evidence is computed."""
MOST_ROUNDS, CLOSE = 20, 1e-3
"""How often scores are raised at most, and when the expected number of edges is right."""
MOST_NODES_SUMMED = 50_000
"""Beyond, the probabilities of rates are not summed: that would take longer than the training."""


def _settle(network: GraphAutoEncoder, latent: Latent, graph: Graph) -> None:
    """Raise all scores so that probabilities sum to the number of edges.

    At the maximum of the likelihood they do, or nearly: the derivative by an offset of logits is
    the number of edges less its expectation. Steps of a fixed size end near this, and this ends
    there. It changes no ranking.
    """
    settings, likelihood = network.settings, network.likelihood
    logits = settings.likelihood_used == "bernoulli"
    summed = logits or (likelihood.rates and graph.n_nodes <= MOST_NODES_SUMMED)
    exact = settings.class_weight_used == "none" and settings.objective_used == "exact"
    if not (exact and summed) or network.offsets is None:
        return
    engine = choose_engine("auto")  # not that of the training: the model has left the GPU by now
    for _ in range(MOST_ROUNDS):
        factors = ModelScores.of(network, latent).factors
        if factors is None:
            return
        expected = expected_edges(likelihood, factors, graph.pair_space, engine)
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
        "kind": graph.kind,
        "weight_means": graph.weight_means,
    }
