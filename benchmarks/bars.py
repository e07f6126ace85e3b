"""What the figures of benchmarks/objective.py say: bars and growth."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable
from typing import Any

import cases

__all__ = ["NOT_ASKED", "growth", "judged", "judged_engine", "reason", "row_of", "said", "title"]

TITLES = {"dense": "dense torch", "pyg": "PyG, documented", "pyg-tuned": "PyG, tuned"}
SAMPLED = ("pyg", "pyg-tuned")

Found = dict[str, Any]

NOT_ASKED: Found = {"skipped": "not asked for"}


def title(implementation: str) -> str:
    """How tables name an implementation."""
    return TITLES.get(implementation, f"vgae, {implementation}")


def reason(answer: Found) -> str:
    """Why there is no figure, or an empty text."""
    for word in ("skipped", "failed"):
        if word in answer:
            return f"{word}: {answer[word]}"
    return ""


def judged_engine(results: Found) -> str:
    """The engine that bars and ratios are about: the first that was asked for."""
    engines: list[str] = results["engines"]
    return engines[0] if engines else "none"


def row_of(results: Found, graph: str, implementation: str) -> Found:
    """Figures of a graph and an implementation, or the reason why there are none."""
    for row in results.get("epochs", ()):
        if row["graph"] == graph and row["implementation"] in (implementation, "all"):
            found: Found = row
            return found
    return NOT_ASKED


# -------------------------------------------------------------------------- bars


def judged(results: Found) -> list[Found]:
    """The bars: what, the bar, what was measured, and whether that meets it."""
    engine = judged_engine(results)
    large = row_of(results, "random-100k", engine)
    first, graphics = (results.get(part, NOT_ASKED) for part in ("first-use", "gpu"))
    wide: Found = next(
        (
            row
            for row in results.get("sweep", ())
            if (row["engine"], row["nodes"], row["latent"]) == (engine, 20_000, 16)
        ),
        NOT_ASKED,
    )
    size = "100,000 nodes, 1,000,000 edges, 64 features"
    return [
        faster(results, "cora", ("dense",), 10.0),
        faster(results, "dblp", ("dense",), 30.0),
        bar(
            "dblp, exact epoch: peak memory above torch, numba, SciPy",
            150.0,
            row_of(results, "dblp", engine),
            "peak_mb",
            "MB",
        ),
        faster(results, "cora", SAMPLED, 1.0),
        bar(f"{size}: exact epoch", 15.0, large, "seconds", "s"),
        bar(f"{size}: peak memory above torch, numba, SciPy", 600.0, large, "peak_mb", "MB"),
        bar(
            "sweep, latent 16, 20,000 nodes, of the matrix product's rate",
            40.0,
            wide | {"percent": 100.0 * wide.get("fraction_of_peak", 0.0)},
            "percent",
            "%",
            at_least=True,
        ),
        bar("loss and gradient against float64", 1e-5, largest_error(results), "error", ""),
        bar("first use: compiling", 15.0, first, "compiling_more", "s"),
        bar("first use: later processes", 1.0, first, "later_more", "s"),
        bar("GPU, 1,000,000 nodes, 10,000,000 edges: exact epoch", 5.0, graphics, "seconds", "s"),
    ]


def bar(
    what: str, limit: float, row: Found, key: str, unit: str, *, at_least: bool = False
) -> Found:
    """One bar and whether `row[key]` meets it."""
    sign = ">=" if at_least else "<="
    result = {"what": what, "bar": f"{sign} {said(limit, unit)}"}
    why = reason(row)
    if why:
        return result | {"measured": why.replace("skipped", "not measured", 1), "verdict": "-"}
    value = row[key]
    met = value >= limit if at_least else value <= limit
    beyond = f"{value / limit:.2g} times the bar" if unit == "" else said(abs(value - limit), unit)
    verdict = "met" if met else f"missed by {beyond}"
    return result | {"measured": said(value, unit), "value": value, "verdict": verdict}


def faster(results: Found, graph: str, others: Iterable[str], times: float) -> Found:
    """How many times faster an exact epoch is than the fastest of others."""
    ours = row_of(results, graph, judged_engine(results))
    theirs = [row_of(results, graph, other) for other in others]
    there = [row for row in theirs if "seconds" in row]
    compared = "PyG's epoch of sampled negatives" if times == 1.0 else "dense torch"
    what = f"{graph.capitalize() if graph != 'dblp' else graph}, exact epoch against {compared}"
    if "seconds" not in ours or not there:
        missing = theirs[0] if "seconds" in ours else ours
        return bar(what, times, missing, "ratio", "x", at_least=True)
    best = min(there, key=lambda row: row["seconds"])
    ratio = best["seconds"] / ours["seconds"]
    result = bar(what, times, {"ratio": ratio}, "ratio", "x", at_least=True)
    times_said = (said(row["seconds"], "s") for row in (ours, best))
    result["measured"] += " ({} against {} of {})".format(
        *times_said, title(best["implementation"])
    )
    return result


def largest_error(results: Found) -> Found:
    """The largest relative error of the judged engine, of all that were taken."""
    engine = judged_engine(results)
    errors = [
        value
        for row in (*results.get("accuracy", ()), *results.get("sweep", ()))
        if row["engine"] == engine
        for name, value in row.items()
        if name.endswith("error")
    ]
    return {"error": max(errors, key=nan_last)} if errors else NOT_ASKED


def nan_last(value: float) -> float:
    """A key by which what is no number is larger than every number."""
    return math.inf if math.isnan(value) else value


def said(value: float, unit: str) -> str:
    """A figure with its unit."""
    if unit == "":
        return f"{value:.1e}"
    if unit == "s":
        return f"{value:.3g} s"
    return f"{value:.0f} {unit}" if abs(value) >= 100 else f"{value:.3g} {unit}"


def growth(results: Found) -> list[Found]:
    """Exponents of time and memory over the three largest random graphs, by least squares."""
    found = []
    rows = [
        row
        for row in results.get("epochs", ())
        if cases.is_random(row["graph"]) and "seconds" in row
    ]
    for implementation in dict.fromkeys(row["implementation"] for row in rows):
        own = [row for row in rows if row["implementation"] == implementation]
        largest = sorted(own, key=lambda row: int(row["nodes"]))[-3:]
        if len(largest) == 3:
            line: Found = {"implementation": implementation}
            line["nodes"] = [row["nodes"] for row in largest]
            for key in ("seconds", "peak_mb"):
                line[key] = exponent(line["nodes"], [row[key] for row in largest])
            found.append(line)
    return found


def exponent(sizes: list[int], values: list[float]) -> float | None:
    """Slope of the line through the logarithms; None where a value is not positive."""
    if min(values) <= 0:
        return None
    return statistics.linear_regression(
        [math.log(size) for size in sizes], [math.log(value) for value in values]
    ).slope
