"""What people see: results in words and tables, remarks and progress on standard error."""

from __future__ import annotations

import logging
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from vgae.data.adjacency import count
from vgae.ground.errors import one_line
from vgae.learning.results import figure
from vgae.people.printing import print_json, print_lines, print_table
from vgae.people.progress import (
    percent,
    say,
    short_time_words,
    time_words,
    training_display,
    waiting_display,
)
from vgae.people.words import (
    command_line,
    evaluation_notes,
    interval_words,
    metric_title,
    precision_words,
    reasons_words,
    split_label,
    split_words,
)

if TYPE_CHECKING:
    from vgae.data.graph import Graph
    from vgae.data.split import Split
    from vgae.learning.results import Evaluation
    from vgae.learning.tuning import Trial, Tuning

__all__ = [
    "Reporter",
    "advising",
    "command_line",
    "evaluation_words",
    "evidence_words",
    "percent",
    "precision_words",
    "print_comparisons",
    "print_datasets",
    "print_embedding",
    "print_error",
    "print_evaluation",
    "print_fit",
    "print_import",
    "print_inspection",
    "print_json",
    "print_links",
    "print_metrics",
    "print_plan",
    "print_report",
    "print_reproduction",
    "print_split",
    "print_table",
    "print_traceback",
    "print_tuning",
    "print_weights",
    "reasons_words",
    "scores_words",
    "split_label",
    "split_words",
    "time_words",
    "trial_words",
    "tuning_words",
]

_fit_advice: ContextVar[Callable[[str], str]] = ContextVar("fit_advice", default=str)

ROW_WORDS = {
    "edges": ("edge", ""),
    "self_loops": ("self loop", " (dropped)"),
    "duplicates": ("duplicate", " (merged)"),
    "reversed_duplicates": ("reversed row", " (merged)"),
    "incomplete": ("row", " without a node id (dropped)"),
}


def print_error(line: str) -> None:
    """Show an error as one line on standard error.

    Examples
    --------
    >>> print_error("edges.csv: is empty")
    """
    say(Text.assemble(("Error: ", "bold red"), one_line(line)))


def print_traceback(error: BaseException) -> None:
    """Show where an error came from, and every error that led to it, on standard error.

    Examples
    --------
    >>> print_traceback(ValueError("no reason"))
    """
    led_to_it: BaseException | None = error
    while led_to_it is not None:
        led_to_it.__suppress_context__ = False
        led_to_it = led_to_it.__context__
    for line in "".join(traceback.format_exception(error)).splitlines():
        say(Text(one_line(line)))


@contextmanager
def advising(fit: Callable[[str], str]) -> Iterator[None]:
    """Pass what the library logs in this block through a function before it is shown.

    Examples
    --------
    >>> with advising(str.upper):
    ...     pass
    """
    token = _fit_advice.set(fit)
    try:
        yield
    finally:
        _fit_advice.reset(token)


def print_metrics(metrics: Mapping[str, Any]) -> None:
    """Print held-out metrics of one run as percentages.

    Examples
    --------
    >>> made = {"protocol": "T", "proportions": {"train": 0.85, "validation": 0.05, "test": 0.1}}
    >>> print_metrics({**made, "validation": None, "test": {"auc": 0.9, "mrr": None}})
    held out [T, 85 / 5 / 10]  AUC   MRR
    test                       90.0  -
    """
    parts = {part: metrics[part] for part in ("validation", "test") if metrics[part]}
    if not parts:
        return
    names = list(next(iter(parts.values())))
    print_table(
        [
            f"held out {split_label(metrics['protocol'], metrics['proportions'])}",
            *(metric_title(name) for name in names),
        ],
        [[part, *(figure(name, scores[name]) for name in names)] for part, scores in parts.items()],
    )


def print_fit(metrics: Mapping[str, Any], links: Sequence[Any] | None, *, json: bool) -> None:
    """Print held-out metrics of one run and, where they are given, the likeliest missing links.

    Examples
    --------
    >>> made = {"protocol": "T", "proportions": {"train": 1.0}, "validation": None, "test": None}
    >>> print_fit(made, None, json=False)
    """
    if json:
        print_json({**metrics, "links": [link._asdict() for link in links or ()]})
        return
    print_metrics(metrics)
    if metrics.get("weights"):
        print_weights(metrics["weights"])
    if links is not None:
        print_links(links, json=False)


def print_weights(report: Mapping[str, Any]) -> None:
    """Print how well expected weights agree with those of test edges.

    Examples
    --------
    >>> figures = {"log_likelihood": -4.5, "log_likelihood_of_null": -10.9, "spearman": 0.6}
    >>> print_weights({"meaning": "count", **figures, "rmse": 1.0, "ratio": None})
    held-out weights (count)  log lik.  of null  Spearman  RMSE   predicted / actual
    test                      -4.500    -10.900  0.600     1.000  -
    """
    names = ["log_likelihood", "log_likelihood_of_null", "spearman", "rmse", "ratio"]
    cells = ["-" if report[name] is None else f"{report[name]:.3f}" for name in names]
    titles = ["log lik.", "of null", "Spearman", "RMSE", "predicted / actual"]
    print_table([f"held-out weights ({report['meaning']})", *titles], [["test", *cells]])


def print_links(
    links: Sequence[Any],
    *,
    json: bool,
    reasons: Sequence[Mapping[str, float]] | None = None,
) -> None:
    """Print pairs of nodes with their probabilities, and with the reasons where they are given.

    Examples
    --------
    >>> from vgae import Link
    >>> print_links([Link("ann", "bob", 0.75)], json=True)
    {"source": "ann", "target": "bob", "probability": 0.75}
    >>> print_links([Link("ann", "bob", 0.75)], json=True, reasons=[{"degrees": 0.5}])
    {"source": "ann", "target": "bob", "probability": 0.75, "reasons": {"degrees": 0.5}}
    """
    rows = [link._asdict() for link in links]
    if json:
        for row, reason in zip(rows, reasons or (), strict=reasons is not None):
            row["reasons"] = dict(reason)
        print_json(rows, lines=True)
        return
    names = list(rows[0] if rows else ("source", "target", "probability"))
    formats = {"expected_weight": ".4g"}
    cells = [
        [
            f"{value:{formats.get(name, '.6f')}}" if isinstance(value, float) else str(value)
            for name, value in row.items()
        ]
        for row in rows
    ]
    if reasons is not None:
        names.append("reasons")
        cells = [[*row, reasons_words(reason)] for row, reason in zip(cells, reasons, strict=True)]
    print_table(names, cells, labels=2)


def evidence_words(shares: Mapping[str, float]) -> str:
    """How much each kind of evidence counts.

    Examples
    --------
    >>> evidence_words({"feature similarity": 0.613, "degrees": 0.387})
    'evidence: feature similarity 61 %, degrees 39 %'
    """
    return "evidence: " + ", ".join(f"{name} {100 * share:.0f} %" for name, share in shares.items())


def print_embedding(columns: Mapping[str, Any], *, json: bool) -> None:
    """Print nodes and their coordinates.

    Examples
    --------
    >>> import numpy as np
    >>> print_embedding({"node": np.array([7]), "z0": np.array([0.25])}, json=True)
    {"node": 7, "z0": 0.25}
    """
    rows = list(zip(*(column.tolist() for column in columns.values()), strict=True))
    if json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows], lines=True)
    else:
        print_table(list(columns), [[f"{row[0]}", *(f"{x:.6g}" for x in row[1:])] for row in rows])


def print_datasets(rows: Sequence[Mapping[str, Any]], *, json: bool) -> None:
    """Print the data sets; a terminal has no room for their licences and citations.

    Examples
    --------
    >>> print_datasets([{"name": "karate", "cached": True}], json=False)
    name    cached
    karate  yes
    """
    if json:
        print_json(rows)
        return
    words = {True: "yes", False: "no"}
    cells = [[words[v] if isinstance(v, bool) else str(v) for v in row.values()] for row in rows]
    print_table(list(rows[0]), cells, piped_only=("licence", "citation"))
    if sys.stdout.isatty():
        say(Text("licences and citations: vgae datasets --json"))


def print_report(place: Path, n_bytes: int, *, json: bool) -> None:
    """Print where a report is and how large.

    Examples
    --------
    >>> print_report(Path("runs/karate/report.html"), 90_000, json=True)
    {
      "report": "runs/karate/report.html",
      "bytes": 90000
    }
    """
    if json:
        print_json({"report": str(place), "bytes": n_bytes})
    else:
        print_table(["report", "size"], [[str(place), f"{n_bytes / 1e6:.1f} MB"]])


def print_reproduction(
    rows: Sequence[Sequence[str]], runs: int, protocol: str, proportions: Mapping[str, float]
) -> str:
    """Print reproduced cells by data set and method; returns how they were made, in words.

    Examples
    --------
    >>> row = ["cora", "VGAE", "91.40 ± 0.10", "91.4", "+0.00", "92.60 ± 0.10", "92.6", "+0.00"]
    >>> said = print_reproduction([row], 1, "T", {"train": 0.85, "validation": 0.05, "test": 0.1})
    data [T, 85 / 5 / 10]  method  AUC           paper  difference  AP            paper  difference
    cora                   VGAE    91.40 ± 0.10  91.4   +0.00       92.60 ± 0.10  92.6   +0.00
    """
    columns = ["method", "AUC", "paper", "difference", "AP", "paper", "difference"]
    print_table([f"data {split_label(protocol, proportions)}", *columns], rows, labels=2)
    return (
        f"mean and standard error, in percent; {runs} run{'s' * (runs > 1)} (seed and split "
        f"change together), {split_words(protocol, proportions)}; (below): by more than two "
        "standard errors"
    )


def print_evaluation(result: Evaluation) -> None:
    """Print methods against metrics: mean and standard error, with the 95 % interval below.

    Examples
    --------
    >>> from vgae import evaluate, load_dataset
    >>> print_evaluation(evaluate(load_dataset("karate"), ["katz"], runs=1, metrics=["auc"]))
    model [T, 85 / 5 / 10]  AUC
    katz                    93.9
    """
    metrics = list(next(iter(result.metrics.values())))
    rows = []
    for name, scores in result.metrics.items():
        means = (figure(m, scores[m].mean, scores[m].standard_error) for m in metrics)
        rows.append([result.title(name), *means])
        if any(scores[m].interval is not None for m in metrics):
            rows.append(
                ["  95 % interval", *(interval_words(m, scores[m].interval) for m in metrics)]
            )
    header = "model"
    if "links" in result.tasks:
        header += f" {split_label(result.protocol, result.proportions)}"
    print_table([header, *(metric_title(name) for name in metrics)], rows)


def print_comparisons(result: Evaluation) -> None:
    """Print every method's difference to the first one, metric by metric, on the same splits.

    Examples
    --------
    >>> from vgae import evaluate, load_dataset
    >>> print_comparisons(evaluate(load_dataset("karate"), ["katz"], runs=1))  # nothing to compare
    """
    rows = [
        [
            f"{one.first} - {one.second}",
            metric_title(one.metric),
            figure(one.metric, one.difference.mean, one.difference.standard_error),
            interval_words(one.metric, one.difference.interval),
            f"{one.wins} of {result.runs}",
        ]
        for one in result.comparisons()
        if one.difference.mean is not None
    ]
    if rows:
        columns = ["difference", "metric", "mean", "95 % interval", "runs ahead"]
        print_table(columns, rows, labels=2)


def print_inspection(found: Mapping[str, Any]) -> None:
    """Print a graph in figures, one per line, and what fitting it would take.

    Examples
    --------
    >>> from vgae import Graph
    >>> from vgae.people.inspection import inspect_graph
    >>> found = inspect_graph(Graph.from_pairs([("a", "b")])).as_dict()
    >>> print_inspection(found)  # doctest: +ELLIPSIS
    graph       figure
    nodes       2 (0 without an edge)
    edges       1 (undirected)
    ...
    """
    parts = {"edges": found["n_edges"], **found["cleaning"]}
    rows_words = " + ".join(
        count(number, ROW_WORDS[name][0]) + ROW_WORDS[name][1]
        for name, number in parts.items()
        if number
    )
    rows = [
        ("nodes", f"{found['n_nodes']:,} ({found['isolated']:,} without an edge)"),
        ("edges", f"{found['n_edges']:,} ({found['kind']})"),
        *_kind_rows(found),
        ("rows", f"{found['rows']:,} = {rows_words}"),
        ("density", f"{found['density']:.3g}"),
        (
            "components",
            f"{found['components']:,}, the largest {found['largest_component']:,} nodes",
        ),
        ("degrees", ", ".join(f"{name} {value:,g}" for name, value in found["degrees"].items())),
        (
            "by degree",
            ", ".join(f"{at}: {value:,}" for at, value in found["degree_counts"].items()),
        ),
        ("weights", "none" if found["weights"] is None else _range(*found["weights"])),
        ("features", _features_words(found["features"])),
        ("labels", _labels_words(found["labels"])),
        *_plan_rows(found["plan"]),
    ]
    print_table(["graph", "figure"], rows)


def _kind_rows(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What only some kinds of graphs have: types, times, signs and a meaning of weights."""
    rows = []
    if found["types"] is not None:
        for part in ("nodes", "edges"):
            numbers = found["types"][part].items()
            words = ", ".join(f"{name} {number:,}" for name, number in numbers)
            rows.append((f"{part} by type", words))
    if found["times"] is not None:
        rows.append(("times", _range(*found["times"])))
    if found["signs"] is not None:
        words = ", ".join(f"{number:,} {sign}" for sign, number in found["signs"].items())
        rows.append(("signs", words))
    if found["weight_means"] != "propagation":
        rows.append(("weights mean", found["weight_means"]))
    return rows


def _plan_rows(plan: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        ("preset", f"{plan['preset']} ({plan['why']})"),
        ("held out", _held_out_words(plan)),
        (
            "time",
            f"about {short_time_words(plan['seconds'])} for {plan['steps']} {plan['objective']} "
            f"steps, {plan['engine']}",
        ),
        ("memory", f"about {plan['bytes'] / 1e9:.1f} GB"),
    ]


def print_plan(plan: Mapping[str, Any]) -> None:
    """Print what a fit would take, one figure per line.

    Examples
    --------
    >>> from vgae.learning.settings import FitSettings
    >>> from vgae.model.costs import Sizes
    >>> from vgae.people.planning import plan_fit
    >>> plan = plan_fit(Sizes(1000, 5000), FitSettings.of("vgae"), gpu="h100").as_dict()
    >>> print_plan(plan)  # doctest: +ELLIPSIS
    plan       figure
    graph      1,000 nodes, 5,000 edges, no features
    objective  exact (...)
    rates      h100: from published peak figures, not measured
    ...
    """
    features = count(plan["n_features"], "feature") if plan["n_features"] else "no features"
    edges = f"{count(plan['n_nodes'], 'node')}, {count(plan['n_edges'], 'edge')}"
    rates = "measured now" if plan["measured"] else "from published peak figures, not measured"
    trainings = f"{plan['trainings']} x " * (plan["trainings"] > 1)
    words = f"about {short_time_words(plan['seconds'])} for {trainings}{plan['steps']} steps"
    bound = "" if plan["measured"] else "; at best"
    shares = sorted(plan["parts"].items(), key=lambda part: -part[1])
    each = " each" * (plan["ranks"] > 1)
    rows = [
        ("graph", f"{edges}, {features}"),
        ("objective", f"{plan['objective']} ({plan['why']})"),
        ("rates", f"{plan['machine']}: {rates}"),
        ("step", f"{short_time_words(plan['step_seconds'])}, {plan['engine']}{bound}"),
        ("of it", ", ".join(f"{name} {short_time_words(seconds)}" for name, seconds in shares)),
        ("training", words + bound),
        ("memory", f"about {_size(plan['bytes'])}{each}, {_size(plan['library_bytes'])} libraries"),
        ("of it", ", ".join(f"{name} {_size(size)}" for name, size in plan["stages"].items())),
    ]
    if plan["device_bytes"] is not None:
        needs, has = plan["device_bytes"]
        fits = "" if needs <= has else ": does not fit"
        rows.append(("on the GPU", f"about {_size(needs)}, of {_size(has)}{fits}"))
    if plan["ranks"] > 1:
        total = _size(sum(plan["exchanged"].values()))
        parts = ", ".join(f"{name} {_size(size)}" for name, size in plan["exchanged"].items())
        rows.append(("exchanged", f"{plan['ranks']} processes, each receives {total} a step"))
        rows.append(("of it", parts))
    print_table(["plan", "figure"], rows)


def _size(n_bytes: float) -> str:
    """Bytes in the unit that people would use, with two or three digits."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3), ("bytes", 1.0)):
        number = n_bytes / size
        if number >= 1.0:
            return f"{number:,.0f} {unit}" if number >= 100.0 else f"{number:.2g} {unit}"
    return "0 bytes"


def _range(least: float, largest: float) -> str:
    return f"{least:g} to {largest:g}"


def _features_words(features: Mapping[str, Any] | None) -> str:
    if features is None:
        return "none"
    return (
        f"{features['number']:,}, {features['kind']}, {percent(features['not_zero'])} % not zero, "
        f"{_range(features['least'], features['largest'])}"
    )


def _labels_words(labels: Mapping[str, int] | None) -> str:
    if labels is None:
        return "none"
    first = [f"{name} ({number:,})" for name, number in list(labels.items())[:3]]
    return f"{len(labels):,}: {', '.join(first)}{', ...' if len(labels) > 3 else ''}"


def _held_out_words(plan: Mapping[str, Any]) -> str:
    if not plan["test"]:
        return "too few edges to hold any out: vgae fit --no-holdout"
    return f"{plan['validation']:,} edges for validation, {plan['test']:,} for the test"


def evaluation_words(result: Evaluation) -> str:
    """How an evaluation was made, for the line below its table.

    Examples
    --------
    >>> from vgae import evaluate, load_dataset
    >>> result = evaluate(load_dataset("karate"), ["katz"], runs=1, metrics=["auc"])
    >>> evaluation_words(result).split("; ")[0]
    'a single run, in percent, without a standard error'
    """
    return "; ".join(evaluation_notes(result))


def scores_words(metrics: Mapping[str, float | None]) -> str:
    """The first two metrics of a run, for a line of progress.

    Examples
    --------
    >>> scores_words({"auc": 0.912, "average_precision": 0.9, "mrr": 0.1})
    'AUC 91.2 AP 90.0'
    """
    return " ".join(
        f"{metric_title(name)} {figure(name, metrics[name])}" for name in list(metrics)[:2]
    )


def print_tuning(found: Tuning, *, json: bool) -> None:
    """Print the best settings of a search: as a preset's file, or as JSON.

    Raises
    ------
    InputError
        No trial is complete.

    Examples
    --------
    >>> from vgae.learning.tuning import Trial, Tuning
    >>> trial = Trial(1, "complete", {"steps": 50}, 0.9, 1.0)
    >>> print_tuning(Tuning("gae", "auc", 1, 0, {}, (trial,)), json=False)
    about = "auc 90.0 on the validation pairs of 1 split: trial 1 of 1 (model gae, seed 0)"
    model = "gae"
    <BLANKLINE>
    [settings]
    stop_metric = "auc"
    steps = 50
    """
    if json:
        print_json(found.as_dict())
    else:
        print_lines(found.preset.toml())


def trial_words(trial: Trial, n_trials: int, metric: str) -> str:
    """One line on a finished trial.

    Examples
    --------
    >>> from vgae.learning.tuning import Trial
    >>> trial_words(Trial(2, "pruned", {"steps": 50, "layers": None}, None, 1.0), 20, "auc")
    'trial 2/20: pruned | steps 50'
    """
    result: str = trial.state
    if trial.value is not None:
        result = f"{metric_title(metric)} {percent(trial.value)}"
    elif trial.reason is not None:
        result = f"failed: {trial.reason}"
    used = (f"{name} {value}" for name, value in trial.settings.items() if value is not None)
    return f"trial {trial.number}/{n_trials}: {result} | {', '.join(used)}"


def tuning_words(found: Tuning) -> str:
    """One line on a search: how many trials, the best one, and the first one, which it began with.

    Examples
    --------
    >>> from vgae.learning.tuning import Trial, Tuning
    >>> trials = [Trial(n, "complete", {"steps": n}, n / 10, 1.0) for n in (1, 2)]
    >>> tuning_words(Tuning("gae", "auc", 1, 0, {}, tuple(trials)))
    '2 trials: 2 complete, 0 pruned, 0 failed; best AUC 20.0 (trial 2), at the start 10.0'
    """
    best, title = found.best, metric_title(found.metric)
    counted = ", ".join(f"{number} {state}" for state, number in found.counts.items())
    return (
        f"{count(len(found.trials), 'trial')}: {counted}; best {title} {percent(best.value)} "
        f"(trial {best.number}), at the start {percent(found.trials[0].value)}"
    )


def print_import(graph: Graph, folder: Path, *, json: bool) -> None:
    """Print what a folder holds, and what was dropped or merged on the way.

    Examples
    --------
    >>> from vgae import load_dataset
    >>> print_import(load_dataset("karate"), Path("graphs/karate"), json=False)
    graphs/karate: 34 nodes, 78 edges, weighted, no features
    """
    if json:
        print_json(
            {
                "folder": str(folder),
                "kind": graph.kind,
                "nodes": graph.n_nodes,
                "edges": graph.n_edges,
                "features": graph.n_features,
                "cleaning": asdict(graph.cleaning),
            }
        )
        return
    print_lines(f"{folder}: {graph}" + (f"; {graph.cleaning}" if graph.cleaning else ""))


def print_split(split: Split, *, json: bool) -> None:
    """Print the parts of a split with their numbers of edges and negatives.

    Examples
    --------
    >>> from vgae import load_dataset, split_edges
    >>> print_split(split_edges(load_dataset("karate"), seed=0), json=False)
    part [T, 85 / 5 / 10]  edges  negatives
    train                     68          0
    validation                 3          3
    test                       7          7
    """
    parts = {"validation": split.validation, "test": split.test}
    numbers = {"train": {"edges": split.train.n_edges, "negatives": 0}} | {
        name: {"edges": len(part.positives), "negatives": len(part.negatives)}
        for name, part in parts.items()
    }
    made = split.settings
    if json:
        proportions = made.proportions
        about: dict[str, Any] = {"protocol": made.protocol, "proportions": proportions}
        about |= {"negatives": made.negatives, "order": made.order or "random"}
        for name in parts:
            numbers[name] |= {"reversed": split.n_reversed[name], "tied": split.n_tied[name]}
        print_json({**about, "seed": split.seed, "parts": numbers})
        return
    print_table(
        [f"part {split_label(made.protocol, made.proportions)}", "edges", "negatives"],
        [[name, *(f"{number:,}" for number in row.values())] for name, row in numbers.items()],
    )


class Reporter:
    """Shows progress and remarks on standard error, and what the library logs.

    Parameters
    ----------
    quiet
        Whether to show errors only.

    Examples
    --------
    >>> reporter = Reporter(quiet=True)
    >>> reporter.say("karate: 34 nodes")
    >>> reporter.suggest("vgae", "datasets")
    >>> with reporter.working("reading edges.csv"), reporter.training(10) as callback:
    ...     print(callback)
    None
    >>> with reporter.counting("run", 3) as tick:
    ...     tick("AUC 91.2")
    >>> reporter.close()
    """

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        package = logging.getLogger("vgae")
        self._before = package.handlers, package.propagate, package.level
        package.handlers = [_SayHandler()]
        package.propagate = False
        package.setLevel(logging.ERROR if quiet else logging.INFO)

    def close(self) -> None:
        """Give the library's log back to those who had it."""
        package = logging.getLogger("vgae")
        package.handlers, package.propagate = self._before[:2]
        package.setLevel(self._before[2])

    def say(self, line: str) -> None:
        """Show a remark."""
        if not self.quiet:
            say(Text(one_line(line)))

    def suggest(self, *command: object) -> None:
        """Suggest the next command, in a form to be copied to a shell."""
        if not self.quiet:
            say(Text(one_line(f"next: {command_line(*command)}")), wrapped=False)

    @contextmanager
    def working(self, words: str) -> Iterator[Callable[[str], None]]:
        """Say what is being done if it takes longer than two seconds.

        A terminal shows a live line with the elapsed time, which disappears at the end; a pipe gets
        the words once. Call the yielded function to change the words.
        """
        if self.quiet:
            yield lambda _: None
        else:
            with waiting_display(words) as change:
                yield change

    @contextmanager
    def training(self, n_steps: int) -> Iterator[Any]:
        """A display to give to `fit` as a callback: a live line, or some lines in a pipe."""
        if self.quiet or n_steps == 0:
            yield None
        else:
            with training_display(n_steps) as show:
                yield show

    @contextmanager
    def counting(self, title: str, total: int) -> Iterator[Any]:
        """A display of `total` steps; call what it yields with the words for each."""
        done, started = 0, time.perf_counter()
        with self.working(f"{title} 1/{total}") as change:

            def tick(words: str) -> None:
                nonlocal done
                done += 1
                left = (time.perf_counter() - started) / done * (total - done)
                self.say(f"{title} {done}/{total}: {words} | {time_words(left)} left")
                change(f"{title} {min(done + 1, total)}/{total}")

            yield tick


class _SayHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        style = "yellow" if record.levelno >= logging.WARNING else ""
        say(Text(one_line(_fit_advice.get()(record.getMessage())), style=style))
