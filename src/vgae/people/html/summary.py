"""The words and figures of a report's first screen."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from typing import Any

import numpy as np

from vgae.data.adjacency import Cleaning, count
from vgae.data.graph import Graph
from vgae.ground.errors import InputError, one_line
from vgae.learning.diagnostics import bootstrap_intervals
from vgae.learning.fitted import Fitted
from vgae.learning.fitted_baseline import FittedBaseline
from vgae.learning.settings import FitSettings, presets
from vgae.people.html.layout import components
from vgae.people.html.values import Headline, LinkTable, Quality
from vgae.people.progress import percent, short_time_words
from vgae.people.words import split_words

__all__ = [
    "facts",
    "graph_facts",
    "headlines",
    "method_name",
    "read_facts",
    "subtitle",
    "verdict",
    "warnings_of",
]

AnyFitted = Fitted | FittedBaseline


def subtitle(fitted: AnyFitted) -> str:
    """The method and the split, in words.

    Examples
    --------
    >>> from vgae import GAE, load_dataset
    >>> fitted = GAE(steps=1).fit(load_dataset("karate")).fitted_
    >>> subtitle(fitted)[:19]
    'GAE, settings of it'
    """
    made = split_words(fitted.metrics["protocol"], fitted.metrics["proportions"])
    return f"{method_name(fitted)} · {made}"


def method_name(fitted: AnyFitted) -> str:
    """The method, and the preset of its settings.

    Examples
    --------
    >>> from vgae import GAE, load_dataset
    >>> fitted = GAE(steps=1).fit(load_dataset("karate")).fitted_
    >>> method_name(fitted)
    'GAE, settings of its own'
    """
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


def verdict(fitted: AnyFitted) -> str:
    """What the probabilities mean, and how well they hold.

    Examples
    --------
    >>> from vgae import GAE, load_dataset
    >>> fitted = GAE(steps=1).fit(load_dataset("karate")).fitted_
    >>> verdict(fitted).startswith("Uncalibrated: ")
    True
    """
    held = fitted.metrics.get("calibration") or {}
    words = f"{fitted.meaning[0].upper()}{fitted.meaning[1:]}."
    groups = held.get("deciles", [])
    if groups:
        predicted, found = ([group[name] for group in groups] for name in ("predicted", "actual"))
        words += (
            f" Checked on {held['actual']:,} test edges: of {len(groups)} groups of open pairs, by "
            f"probability, that should hold {min(predicted):.3g} to {max(predicted):.3g} of them "
            f"each, the poorest holds {min(found):,} and the richest {max(found):,}."
        )
    return words


def warnings_of(fitted: AnyFitted) -> list[str]:
    """What a reader must know before anything else.

    Examples
    --------
    >>> from vgae import GAE, load_dataset
    >>> fitted = GAE(steps=1).fit(load_dataset("karate")).fitted_
    >>> warnings_of(fitted)
    ['No test edges were held out, so nothing here says how good the links are.']
    """
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


def headlines(fitted: AnyFitted, quality: Quality | None, links: LinkTable) -> list[Headline]:
    """The figures that come first: metrics with their intervals, and links to be expected.

    Examples
    --------
    >>> from vgae import GAE, load_dataset
    >>> fitted = GAE(steps=1).fit(load_dataset("karate")).fitted_
    >>> empty = LinkTable(np.empty((0, 2), np.int64), np.empty(0), None, np.empty((0, 2)), None, [])
    >>> headlines(fitted, None, empty)
    []
    """
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


def facts(fitted: AnyFitted, known: Graph, graph: Graph | None) -> list[tuple[str, str]]:
    """The data card: what was read, fitted and spent, by name.

    Parameters
    ----------
    fitted
        A fitted method.
    known
        Its graph without directions.
    graph
        The graph of the fit with its cleaning, for runs without a record; or None.

    Examples
    --------
    >>> from vgae import GAE, load_dataset
    >>> fitted = GAE(steps=1).fit(load_dataset("karate")).fitted_
    >>> dict(facts(fitted, fitted.split.graph, None))["Components"]
    '1, the largest with 34 nodes'
    """
    about, record = fitted.graph, fitted.record
    found = []
    if record is not None or graph is not None:
        found += read_facts(*_cleaning(fitted, graph), record and record.facts.reading)
    found += graph_facts(fitted.split.graph, known, about)
    if added := about.get("n_added_nodes", 0):
        found.append(("Joined later", count(added, "node")))
    if isinstance(fitted, Fitted):
        network = fitted.settings.network
        parts = f"{network.encoder} encoder, {network.decoder} decoder"
        found.append(("Model", f"{parts}, {network.latent_dim} dimensions, engine {fitted.engine}"))
    if record is not None:
        peak = record.facts.peak_memory
        memory = "" if peak is None else f", {peak / 1e6:,.0f} MB of memory at most"
        found.append(("Time", f"{short_time_words(record.facts.seconds)}{memory}"))
        found.append(
            ("Finished", record.facts.finished.replace("T", " ").replace("+00:00", " UTC"))
        )
    found.append(("Seed", str(fitted.random_seed)))
    found.append(("Version", f"vgae {importlib.metadata.version('vgae')}"))
    found.append(("Fingerprint", str(about["fingerprint"])[:16]))
    return found


def read_facts(n_rows: int, cleaning: str, reading: object) -> list[tuple[str, str]]:
    """The rows of a data card that say how a graph was read.

    Parameters
    ----------
    n_rows
        Number of rows that were read.
    cleaning
        What was dropped or merged, in words; empty if nothing was.
    reading
        How the table was understood, or nothing.

    Examples
    --------
    >>> read_facts(1, "", None)
    [('Read', '1 row; nothing dropped or merged')]
    """
    found = [("Read", f"{count(n_rows, 'row')}; {cleaning or 'nothing dropped or merged'}")]
    if reading:
        found.append(("As", one_line(str(reading))))
    return found


def graph_facts(graph: Graph, known: Graph, about: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The rows of a data card that say what a graph is.

    Parameters
    ----------
    graph
        The graph.
    known
        The same without directions.
    about
        What it was when it was read: `kind`, `weighted`, `weight_means` and `n_features`.

    Examples
    --------
    >>> from vgae import load_dataset
    >>> karate = load_dataset("karate")
    >>> dict(graph_facts(karate, karate, {"weighted": False, "n_features": 0}))["Edges"]
    '78, undirected, no weights'
    """
    sizes = np.bincount(components(known.adjacency))
    weights = f"weights mean {about['weight_means']}" if about.get("weighted") else "no weights"
    features = about["n_features"]
    return [
        ("Nodes", f"{graph.n_nodes:,}, of which {known.n_isolated:,} without an edge"),
        ("Edges", f"{graph.n_edges:,}, {about.get('kind', 'undirected')}, {weights}"),
        ("Components", f"{len(sizes):,}, the largest with {count(int(sizes.max()), 'node')}"),
        ("Features", f"{features:,}" if features else "none"),
    ]


def _cleaning(fitted: AnyFitted, graph: Graph | None) -> tuple[int, str]:
    if fitted.record is not None:
        facts = fitted.record.facts
        known = {name: facts.cleaning.get(name, 0) for name in Cleaning.__dataclass_fields__}
        return facts.rows, str(Cleaning(**known))
    if graph is None:
        return 0, ""
    return graph.n_rows, str(graph.cleaning)
