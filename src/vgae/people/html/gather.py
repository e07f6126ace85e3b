"""From a fitted method to everything that its report shows."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from vgae.data.adjacency import Cleaning, count
from vgae.data.datasets import load_dataset
from vgae.data.graph import Graph
from vgae.ground.errors import InputError, one_line
from vgae.learning.combiner import CombinedScores
from vgae.learning.diagnostics import (
    active_dimensions,
    bootstrap_intervals,
    kl_by_dimension,
    latent_contributions,
    posterior_scores,
    precision_recall_among,
    precision_recall_curve,
    roc_curve,
    scores_by_degree,
)
from vgae.learning.fit_record import coded_labels, sampled_places
from vgae.learning.fitted import Fitted
from vgae.learning.fitted_baseline import FittedBaseline
from vgae.learning.scores import ModelScores
from vgae.learning.settings import FitSettings, presets
from vgae.people.html.layout import (
    coloured_by_name,
    coloured_by_number,
    communities,
    components,
    projected,
    scaled,
)
from vgae.people.html.settings import ReportSettings
from vgae.people.html.values import (
    Colouring,
    Findings,
    Headline,
    Health,
    LinkTable,
    NodeMap,
    Pictures,
    Quality,
    ReliabilityBin,
)
from vgae.people.progress import percent, time_words
from vgae.people.words import reasons_words, split_words

__all__ = ["findings_of"]

MOST_NODES_RANKED, MOST_NODES_RANKED_SLOWLY = 20_000, 4_000
"""Nodes whose best partners are looked up, and whose open pairs are counted: of scores that
compiled loops search, and of others."""
MOST_EDGES_CARRIED = 2_000_000
PARTNERS, COMMON_NAMED = 5, 3
FEW_RELIABLE = 20
"""With fewer test edges, a reliability diagram is noise."""
PICTURED = "digits"
"""The data set whose features are pixels."""

AnyFitted = Fitted | FittedBaseline
Pairs = NDArray[np.int64]


def findings_of(
    fitted: AnyFitted, settings: ReportSettings | None = None, *, graph: Graph | None = None
) -> Findings:
    """Everything that the report of a fitted method shows.

    Parameters
    ----------
    fitted
        A fitted model or baseline, by a fit or from a run folder of any format.
    settings
        What the report shows; the defaults if None.
    graph
        The graph of the fit, for its labels. Only a run that an earlier version stored needs it.

    Raises
    ------
    InputError
        The graph is another one than that of the fit, or the projection cannot be made.

    Examples
    --------
    >>> from vgae import VGAE
    >>> found = findings_of(VGAE(steps=2).fit([("a", "b"), ("b", "c")]).fitted_)
    >>> found.title, found.links.pairs.tolist(), found.quality, len(found.history)
    ('graph', [[0, 2]], None, 2)
    """
    settings = settings or ReportSettings()
    if graph is not None and graph.fingerprint != fitted.graph["fingerprint"]:
        raise InputError(f"{graph}: is not the graph of the fit; give the one that was fitted")
    known = _neighbours(fitted.split.graph)
    degrees = np.diff(known.indptr)
    links = _links(fitted, settings, known, degrees)
    quality = _quality(fitted)
    whole, record = fitted.split.graph, fitted.record
    return Findings(
        title=one_line(str(fitted.graph.get("name") or "graph")),
        subtitle=_subtitle(fitted),
        verdict=_verdict(fitted),
        warnings=_warnings(fitted),
        headlines=_headlines(fitted, quality, links),
        facts=_facts(fitted, known, graph),
        command=None if record is None else record.facts.command,
        ids=None if whole.ids_are_rows else [str(name) for name in whole.ids.tolist()],
        n_nodes=whole.n_nodes,
        links=links,
        map=_map(fitted, settings, known, degrees, graph),
        quality=quality,
        history=[] if isinstance(fitted, FittedBaseline) else list(fitted.history),
        health=_health(fitted, degrees),
        directed=whole.directed,
    )


def _neighbours(graph: Graph) -> sparse.csr_array:
    """Which nodes are joined by a known edge in either direction, without weights."""
    joined = graph.adjacency + graph.adjacency.T if graph.directed else graph.adjacency
    made = sparse.csr_array(joined)
    made.sort_indices()
    return sparse.csr_array(
        (np.ones(made.nnz, np.float32), made.indices, made.indptr), shape=made.shape
    )


# ------------------------------------------------------------------------------ words


def _subtitle(fitted: AnyFitted) -> str:
    made = split_words(fitted.metrics["protocol"], fitted.metrics["proportions"])
    return f"{_method(fitted)} · {made}"


def _method(fitted: AnyFitted) -> str:
    if isinstance(fitted, FittedBaseline):
        return fitted.method.name
    name = fitted.settings.model.upper()
    preset = _preset(fitted.settings)
    return f"{name}, {'settings of its own' if preset is None else f'preset {preset}'}"


def _preset(settings: FitSettings) -> str | None:
    """The preset of these settings, or None; what a step computes follows from the graph."""
    found = settings.parameters() | {"objective": None}
    for name, preset in presets().items():
        if preset.model in (None, settings.model):
            try:
                made = FitSettings.of(settings.model, **preset.settings, seed=settings.seed)
            except InputError:
                continue
            if made.parameters() | {"objective": None} == found:
                return name
    return None


def _verdict(fitted: AnyFitted) -> str:
    held = fitted.metrics.get("calibration") or {}
    words = f"{fitted.meaning[0].upper()}{fitted.meaning[1:]}."
    if "predicted" in held:
        words += (
            f" Checked on the test edges among all open pairs: {held['predicted']:,.0f} predicted, "
            f"{held['actual']:,} found."
        )
    return words


def _warnings(fitted: AnyFitted) -> list[str]:
    found = []
    if isinstance(fitted, Fitted):
        if fitted.interrupted:
            found.append(
                f"The training was interrupted after step {len(fitted.history)}; what it had "
                "learned until then is shown."
            )
        elif not fitted.history:
            found.append("There were no training steps: the weights are random.")
    if not fitted.metrics["test"]:
        found.append("No test edges were held out, so nothing here says how good the links are.")
    return found


def _headlines(fitted: AnyFitted, quality: Quality | None, links: LinkTable) -> list[Headline]:
    found, test = [], fitted.metrics["test"] or {}
    if quality is not None:
        ends = bootstrap_intervals(quality.edges, quality.others, seed=fitted.random_seed)
        for name, title in (("auc", "AUC"), ("average_precision", "Average precision")):
            if test.get(name) is not None:
                low, high = (percent(end) for end in ends[name])
                note = f"95 % interval {low} to {high}, in percent, on held-out test edges"
                found.append(Headline(title, percent(test[name]), note))
    n_links = len(links.pairs)
    expected = fitted.expected_precision(n_links) if n_links else None
    if expected is not None:
        shown = [f"{n_links * share:,.1f}" for share in expected]
        found.append(
            Headline(
                f"Expected among the {count(n_links, 'link')}",
                shown[0],
                f"missing edges, 95 % interval {shown[1]} to {shown[2]}, if the graph lacks as "
                "many as were held out for validation",
            )
        )
    return found


def _facts(
    fitted: AnyFitted, known: sparse.csr_array, graph: Graph | None
) -> list[tuple[str, str]]:
    """The data card: what was read, fitted and spent, by name."""
    about, record = fitted.graph, fitted.record
    sizes = np.bincount(components(known))
    isolated = int((np.diff(known.indptr) == 0).sum())
    weights = f"weights mean {about['weight_means']}" if about.get("weighted") else "no weights"
    features = about["n_features"]
    found = [
        ("Nodes", f"{fitted.split.graph.n_nodes:,}, of which {isolated:,} without an edge"),
        ("Edges", f"{fitted.split.graph.n_edges:,}, {about.get('kind', 'undirected')}, {weights}"),
        ("Components", f"{len(sizes):,}, the largest with {count(int(sizes.max()), 'node')}"),
        ("Features", f"{features:,}" if features else "none"),
    ]
    if record is not None or graph is not None:
        rows, cleaning = _cleaning(fitted, graph)
        found.insert(
            0, ("Read", f"{count(rows, 'row')}; {cleaning or 'nothing dropped or merged'}")
        )
        if record is not None and record.facts.reading:
            found.insert(1, ("As", one_line(record.facts.reading)))
    if added := about.get("n_added_nodes", 0):
        found.append(("Joined later", count(added, "node")))
    if isinstance(fitted, Fitted):
        network = fitted.settings.network
        parts = f"{network.encoder} encoder, {network.decoder} decoder"
        found.append(("Model", f"{parts}, {network.latent_dim} dimensions, engine {fitted.engine}"))
    if record is not None:
        peak = record.facts.peak_memory
        memory = "" if peak is None else f", {peak / 1e6:,.0f} MB of memory at most"
        found.append(("Time", f"{_time(record.facts.seconds)}{memory}"))
        found.append(
            ("Finished", record.facts.finished.replace("T", " ").replace("+00:00", " UTC"))
        )
    found.append(("Seed", str(fitted.random_seed)))
    found.append(("Version", f"vgae {importlib.metadata.version('vgae')}"))
    found.append(("Fingerprint", str(about["fingerprint"])[:16]))
    return found


def _time(seconds: float) -> str:
    return f"{seconds:.2g} s" if seconds < 10 else time_words(seconds)


def _cleaning(fitted: AnyFitted, graph: Graph | None) -> tuple[int, str]:
    if fitted.record is not None:
        facts = fitted.record.facts
        known = {name: facts.cleaning.get(name, 0) for name in Cleaning.__dataclass_fields__}
        return facts.rows, str(Cleaning(**known))
    if graph is None:
        return 0, ""
    return graph.n_edges + sum(graph.cleaning.rows.values()), str(graph.cleaning)


# ------------------------------------------------------------------------------ links


def _links(
    fitted: AnyFitted,
    settings: ReportSettings,
    known: sparse.csr_array,
    degrees: NDArray[np.integer[Any]],
) -> LinkTable:
    graph = fitted.split.graph
    pairs, scores = fitted.scores.top(settings.top, graph)
    pairs = graph.from_first_type(pairs)
    extra: dict[str, NDArray[np.float64]] = {}
    if (weights := fitted.weights(pairs)) is not None:
        extra["expected weight"] = np.asarray(weights, np.float64)
    if fitted.scores.signs is not None:
        extra["positive"] = fitted.scores.signs.pairs(pairs)
    shared = _common(known, pairs)
    joins_sides = graph.kind == "bipartite"
    return LinkTable(
        pairs=pairs,
        probabilities=fitted.probabilities(scores),
        intervals=_intervals(fitted, pairs),
        degrees=np.asarray(degrees)[pairs].astype(np.int64),
        common=None if joins_sides else np.array([len(nodes) for nodes in shared], np.int64),
        why=_why(fitted, pairs, shared, degrees),
        extra=extra,
    )


def _intervals(fitted: AnyFitted, pairs: Pairs) -> NDArray[np.float64] | None:
    """Quantiles of the probability over posterior samples, where one posterior makes the score."""
    if isinstance(fitted, FittedBaseline) or fitted.embedding_std is None or fitted.needs_graph:
        return None
    if len(pairs) == 0:
        return np.empty((0, 2))
    drawn = posterior_scores(
        fitted.network, fitted.embedding, fitted.embedding_std, pairs, seed=fitted.random_seed
    )
    # A strictly monotone map carries quantiles of scores to quantiles of probabilities.
    ends = np.quantile(drawn, [0.025, 0.975], axis=0).astype(np.float32)
    return fitted.probabilities(ends.T)


def _common(known: sparse.csr_array, pairs: Pairs) -> list[NDArray[np.integer[Any]]]:
    """The common neighbours of each pair."""
    rows = [known.indices[known.indptr[i] : known.indptr[i + 1]] for i in pairs.ravel()]
    return [
        np.intersect1d(first, second, assume_unique=True)
        for first, second in zip(rows[::2], rows[1::2], strict=True)
    ]


def _why(
    fitted: AnyFitted,
    pairs: Pairs,
    shared: Sequence[NDArray[np.integer[Any]]],
    degrees: NDArray[np.integer[Any]],
) -> list[str]:
    """What speaks for each link: its common neighbours of the smallest degree, and amounts."""
    names = fitted.ids
    said = []
    for nodes, amounts in zip(shared, _amounts(fitted, pairs), strict=True):
        rarest = nodes[np.argsort(degrees[nodes], kind="stable")][:COMMON_NAMED]
        listed = ", ".join(one_line(str(names[node])) for node in rarest)
        more = f" and {len(nodes) - len(rarest)} more" if len(nodes) > len(rarest) else ""
        parts = [f"linked to both: {listed}{more}"] if listed else []
        parts += [reasons_words(amounts)] if amounts else []
        said.append("; ".join(parts))
    return said


def _amounts(fitted: AnyFitted, pairs: Pairs) -> Sequence[Mapping[str, float]]:
    """What adds to the score of each pair; nothing where scores are no sums."""
    scores = fitted.scores
    if isinstance(scores, CombinedScores):
        return scores.reasons(pairs)
    if not isinstance(scores, ModelScores) or scores.factors is None:
        return [{}] * len(pairs)
    left, right = (None if part is None else part.numpy() for part in scores.factors)
    assert left is not None  # noqa: S101 - the first factor is never None
    found = latent_contributions(
        left, left if right is None else right, pairs, scores.vectors.shape[1]
    )
    return [
        {name.replace("z", "dimension ", 1): amount for name, amount in one.items()}
        for one in found
    ]


# -------------------------------------------------------------------------------- map


def _map(
    fitted: AnyFitted,
    settings: ReportSettings,
    known: sparse.csr_array,
    degrees: NDArray[np.integer[Any]],
    graph: Graph | None,
) -> NodeMap | None:
    vectors = fitted.vectors
    if vectors is None or vectors.shape[1] == 0 or len(vectors) == 0:
        return None
    positions, words = projected(vectors, settings.projection, seed=fitted.random_seed)
    edges = fitted.split.graph.edges
    partners, probabilities = _partners(fitted)
    return NodeMap(
        positions=scaled(positions),
        words=words,
        colourings=_colourings(fitted, known, degrees, graph),
        edges=edges if len(edges) <= MOST_EDGES_CARRIED else None,
        partners=partners,
        partner_probabilities=probabilities,
        pictures=_pictures(fitted),
    )


def _ranks_all_pairs(fitted: AnyFitted) -> bool:
    scores = fitted.scores
    quick = isinstance(scores, ModelScores) and scores.factors is not None
    most = MOST_NODES_RANKED if quick else MOST_NODES_RANKED_SLOWLY
    return fitted.split.graph.n_nodes <= most and not scores.dear


def _partners(fitted: AnyFitted) -> tuple[Pairs | None, NDArray[np.float64] | None]:
    """The best open partners of each node and their probabilities; None for large graphs."""
    if not _ranks_all_pairs(fitted):
        return None, None
    graph = fitted.split.graph
    nodes = np.arange(graph.n_nodes)
    pairs, scores = fitted.scores.partners(nodes, PARTNERS, graph)
    starts = np.searchsorted(pairs[:, 0], nodes)
    places = np.arange(len(pairs)) - starts[pairs[:, 0]]
    partners = np.full((graph.n_nodes, PARTNERS), -1)
    probabilities = np.zeros((graph.n_nodes, PARTNERS))
    partners[pairs[:, 0], places] = pairs[:, 1]
    probabilities[pairs[:, 0], places] = fitted.probabilities(scores)
    return partners, probabilities


def _colourings(
    fitted: AnyFitted,
    known: sparse.csr_array,
    degrees: NDArray[np.integer[Any]],
    graph: Graph | None,
) -> list[Colouring]:
    found = []
    names, labels = _labels(fitted, graph)
    if names and labels is not None:
        found.append(coloured_by_name("label", labels, [one_line(name) for name in names]))
    whole = fitted.split.graph
    if whole.node_types is not None:
        kinds = [one_line(name) for name in whole.type_names]
        found.append(coloured_by_name("type", whole.node_types, kinds))
    groups = communities(known)
    if groups is not None and len(known.indices):
        found.append(coloured_by_name("community", groups))
    found.append(coloured_by_number("degree", degrees, logarithmic=True))
    if isinstance(fitted, Fitted) and fitted.embedding_std is not None:
        found.append(coloured_by_number("uncertainty", fitted.embedding_std.mean(axis=1)))
    found.append(coloured_by_name("component", components(known)))
    return found


def _labels(
    fitted: AnyFitted, graph: Graph | None
) -> tuple[list[str] | None, NDArray[np.integer[Any]] | None]:
    if fitted.record is not None and fitted.record.labels is not None:
        return fitted.record.facts.label_names, fitted.record.labels
    if graph is not None and graph.n_nodes == fitted.split.graph.n_nodes:
        return coded_labels(graph)
    return None, None


def _pictures(fitted: AnyFitted) -> Pictures | None:
    if fitted.graph.get("name") != PICTURED:
        return None
    graph = load_dataset(PICTURED)
    if graph.fingerprint != fitted.graph["fingerprint"] or graph.features is None:
        return None
    pixels = np.asarray(graph.features, np.float64)
    if len(pixels) != fitted.split.graph.n_nodes:
        return None
    shades = np.rint(pixels / (pixels.max() or 1.0) * 255).astype(np.uint8)
    return Pictures(shades, width=int(np.sqrt(shades.shape[1])))


# ---------------------------------------------------------------------------- quality


def _quality(fitted: AnyFitted) -> Quality | None:
    test = fitted.split.test
    if not test or len(test.positives) == 0 or len(test.negatives) == 0:
        return None
    places = sampled_places(len(test.positives))
    kept = {} if fitted.record is None else fitted.record.scores
    edges = kept.get("test_edges", fitted.scores.pairs(test.positives[places]))
    others = kept.get(
        "test_others", fitted.scores.pairs(test.negatives[sampled_places(len(test.negatives))])
    )
    known = fitted.split.training.known
    n_open = fitted.split.graph.pair_space.n_pairs - known.n_edges
    among_open = None
    if _ranks_all_pairs(fitted):
        among_open = precision_recall_among(fitted.scores, test.positives, fitted.split.graph)
    seen = np.diff(_neighbours(fitted.split.message_graph()).indptr)
    held = fitted.metrics.get("calibration") or {}
    simple = fitted.metrics.get("simple") or {}
    own = {_method(fitted).partition(",")[0]: simple["model"]} if simple else {}
    return Quality(
        edges=np.asarray(edges, np.float64),
        others=np.asarray(others, np.float64),
        roc=roc_curve(edges, others),
        precision_recall=precision_recall_curve(edges, others),
        among_open=among_open,
        prevalence=len(test.positives) / max(n_open, 1),
        by_degree=scores_by_degree(edges, others, seen[test.positives[places]].min(axis=1)),
        reliability=_reliability(fitted, edges, others),
        deciles=held.get("deciles", []),
        simple=own | dict(simple.get("methods", {})),
    )


def _reliability(
    fitted: AnyFitted, edges: NDArray[np.floating], others: NDArray[np.floating]
) -> list[ReliabilityBin]:
    """Ten bins of probabilities at 1:1, with Wilson's intervals (1927) for the share of edges."""
    calibrator = fitted.calibrator
    if calibrator is None or len(edges) < FEW_RELIABLE:
        return []
    factor = calibrator.balanced * len(edges) / len(others)
    found = calibrator.probabilities(np.concatenate([edges, others]), prevalence_factor=factor)
    truth = np.repeat([1.0, 0.0], [len(edges), len(others)])
    bins, made, z = np.minimum((found * 10).astype(np.int64), 9), [], 1.959964
    for place in np.unique(bins):
        inside = bins == place
        n, share = int(inside.sum()), float(truth[inside].mean())
        middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
        half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
        made.append(
            ReliabilityBin(
                predicted=float(found[inside].mean()),
                observed=share,
                low=float(middle - half),
                high=float(middle + half),
                n_pairs=n,
            )
        )
    return made


def _health(fitted: AnyFitted, degrees: NDArray[np.integer[Any]]) -> Health | None:
    if isinstance(fitted, FittedBaseline) or fitted.embedding_std is None:
        return None
    kl, active = (
        kl_by_dimension(fitted.embedding, fitted.embedding_std),
        active_dimensions(fitted.embedding),
    )
    spread, bins = [], np.frexp(degrees.astype(np.float64))[1]
    each = fitted.embedding_std.mean(axis=1)
    for place in np.unique(bins):
        inside = degrees[bins == place]
        median = float(np.median(each[bins == place]))
        spread.append((int(inside.min()), int(inside.max()), len(inside), median))
    return Health(kl, active, spread, _health_words(kl, active))


def _health_words(kl: NDArray[np.float64], active: NDArray[np.bool]) -> str:
    n_active, total = int(active.sum()), float(kl.sum())
    said = f"the divergence from the prior is {total:.3g} nats per node"
    if n_active == 0:
        return (
            "The posterior has collapsed: no latent dimension tells nodes apart, and all nodes "
            f"have nearly the same embedding ({said}). Links then follow from degrees and offsets "
            "alone; train longer, or with a smaller weight of the divergence."
        )
    whole = "All" if n_active == len(active) else f"{n_active} of"
    unused = len(active) - n_active
    more = f"; {count(unused, 'dimension')} could be left out" if unused else ""
    return f"{whole} {count(len(active), 'latent dimension')} are active, and {said}{more}."
