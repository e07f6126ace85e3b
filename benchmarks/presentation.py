"""The figures of benchmarks/objective.py as Markdown tables and as a plot."""

from __future__ import annotations

import importlib
import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cases
from bars import NOT_ASKED, judged_engine, reason, row_of, title

__all__ = ["plot", "report"]

Found = dict[str, Any]


def report(results: Found) -> str:
    """Everything that was measured as Markdown, the bars last."""
    parts = [
        machine_line(results["machine"]),
        "A quick run: too few epochs to judge by." if results["quick"] else "",
        epoch_table(results),
        sweep_table(results),
        search_table(results),
        accuracy_table(results),
        growth_table(results),
        *sentences(results),
        table(
            ("what", "bar", "measured", "met"),
            (
                [row[key] for key in ("what", "bar", "measured", "verdict")]
                for row in results["bars"]
            ),
        ),
    ]
    return "\n\n".join(part for part in parts if part)


def table(header: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """A Markdown table."""
    names = list(header)
    lines = [names, ["---"] * len(names), *([str(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machine_line(machine: Found) -> str:
    """Processor, threads, memory and versions."""
    cores = f"{machine['cores']} cores, " if machine["cores"] else ""
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return (
        f"{machine['processor']}, {cores}{machine['threads']} threads, of which "
        f"{machine['torch_threads']} are used, "
        f"{machine['available_gb']:.1f} GB of memory free, load {machine['load_at_start']:.2f} at "
        f"the start, GPU: {machine['gpu'] or 'none'}; {versions}"
    )


def epoch_table(results: Found) -> str:
    """Every graph with every implementation."""
    if not results.get("epochs"):
        return ""
    engine = judged_engine(results)
    lines = []
    for row in results["epochs"]:
        start = [row["graph"], number(row, "nodes", ","), number(row, "edges", ",")]
        start.append("all" if row["implementation"] == "all" else title(row["implementation"]))
        if "seconds" not in row:
            lines.append([*start, reason(row), *["-"] * 4])
            continue
        ours = row_of(results, row["graph"], engine).get("seconds")
        ratio = f"{row['seconds'] / ours:.2f}" if ours else "-"
        peaks = (number(row, key, ".0f") for key in ("peak_mb", "peak_mb_above_own_imports"))
        lines.append([*start, f"{row['seconds']:.4g}", ratio, *peaks, row["counted"]])
    memory = ("peak MB above torch, numba, SciPy", "peak MB above its own imports")
    header = ("graph", "nodes", "edges", "implementation", "seconds an epoch")
    return table((*header, f"times {engine}", *memory, "epochs"), lines)


def number(row: Found, key: str, form: str) -> str:
    """A figure, or a dash where there is none."""
    return format(row[key], form) if row.get(key) is not None else "-"


def sweep_table(results: Found) -> str:
    """The sum over all pairs by itself."""
    if not results.get("sweep"):
        return ""
    form = {"seconds": ".4g", "gflops": ".1f", "peak_gflops": ".1f", "fraction_of_peak": ".1%"}
    form |= {"sum_error": ".1e", "sum_gradient_error": ".1e"}
    header = ("sweep by", "nodes", "latent", "seconds", "GFLOP/s", "matrix product GFLOP/s")
    return table(
        (*header, "share of it", "error of the sum", "error of its gradient"),
        (
            [row["engine"], f"{row['nodes']:,}", row["latent"]]
            + (
                [reason(row), *["-"] * 5]
                if reason(row)
                else [number(row, *f) for f in form.items()]
            )
            for row in results["sweep"]
        ),
    )


def search_table(results: Found) -> str:
    """Exact searches next to the sum."""
    if not results.get("search"):
        return ""
    return table(
        ("among all pairs of", "latent", "sum", "best 100 (recommend)", "ranks (full AP)"),
        (
            [f"{row['nodes']:,} nodes", row["latent"]]
            + (
                [reason(row), "-", "-"]
                if reason(row)
                else [
                    f"{row[key]:.3g} s" for key in ("sweep_seconds", "top_seconds", "count_seconds")
                ]
            )
            for row in results["search"]
        ),
    )


def accuracy_table(results: Found) -> str:
    """Relative errors against float64."""
    if not results.get("accuracy"):
        return ""
    keys = ("sum_error", "sum_gradient_error", "loss_error", "loss_gradient_error")
    return table(
        (
            "against float64",
            "nodes",
            "largest logit",
            "sum",
            "its gradient",
            "loss",
            "its gradient",
        ),
        (
            [
                row["engine"],
                reason(row) or number(row, "nodes", ","),
                number(row, "largest_logit", "g"),
                *(number(row, key, ".1e") for key in keys),
            ]
            for row in results["accuracy"]
        ),
    )


def growth_table(results: Found) -> str:
    """Exponents over the largest random graphs."""
    if not results["growth"]:
        return ""
    return table(
        ("growth with the nodes, as a power", "over", "seconds", "peak memory"),
        (
            [title(row["implementation"]), ", ".join(f"{n:,}" for n in row["nodes"])]
            + [number(row, key, ".2f") for key in ("seconds", "peak_mb")]
            for row in results["growth"]
        ),
    )


def sentences(results: Found) -> list[str]:
    """What needs no table."""
    peaks = [row["peak_gflops"] for row in results.get("sweep", ()) if "peak_gflops" in row]
    product = (
        f"Matrix product of float32: {statistics.median(peaks):.0f} GFLOP/s (median of "
        f"{len(peaks)}, {min(peaks):.0f} to {max(peaks):.0f})"
        if peaks
        else ""
    )
    shares = [
        f"Share of the sweep in the epoch of Cora, {title(row['implementation'])}: "
        f"{row['sweep_seconds'] / row['seconds']:.0%} ({row['sweep_seconds']:.4g} of "
        f"{row['seconds']:.4g} s)"
        for row in results.get("epochs", ())
        if row["graph"] == "cora" and row.get("sweep_seconds")
    ]
    first, graphics = (results.get(part, NOT_ASKED) for part in ("first-use", "gpu"))
    return [
        product,
        *shares,
        "" if first is NOT_ASKED else first_use_said(first),
        "" if graphics is NOT_ASKED else gpu_said(graphics),
    ]


def first_use_said(first: Found) -> str:
    """How long the first processes took."""
    if reason(first):
        return f"First use: {reason(first)}"
    return (
        f"First use, one step on {first['graph']}, whole processes: {first['tiles_seconds']:.2f} s "
        f"with tiles, {first['compiling_seconds']:.2f} s with numba when it compiles (peak "
        f"{first['compiling_peak_mb']:.0f} MB), {first['later_seconds']:.2f} s from then on (peak "
        f"{first['later_peak_mb']:.0f} MB)"
    )


def gpu_said(graphics: Found) -> str:
    """The epoch on a GPU."""
    if reason(graphics):
        return f"GPU: {reason(graphics)}"
    return (
        f"GPU {graphics['gpu']}, {graphics['nodes']:,} nodes, {graphics['edges']:,} edges, engine "
        f"{graphics['implementation']}: {graphics['seconds']:.4g} s an epoch (median of "
        f"{graphics['counted']}), {graphics['device_peak_mb']:.0f} MB on the device"
    )


# -------------------------------------------------------------------------- plot


def plot(results: Found, path: Path) -> str:
    """Time and memory over nodes, both logarithmic; says what became of it."""
    rows = [row for row in results.get("epochs", ()) if "seconds" in row]
    if not rows:
        return "no plot: there is no epoch to draw"
    try:
        # Not an import statement: types are checked where this library is not installed, too.
        figure_module = importlib.import_module("matplotlib.figure")
    except ImportError:
        return "no plot: install the extra `bench` for matplotlib"
    figure = figure_module.Figure(figsize=(11, 4.5), layout="constrained")
    panels = zip(figure.subplots(1, 2), ("seconds", "peak_mb"), strict=True)
    labels = {"seconds": "seconds an epoch", "peak_mb": "peak MB above torch, numba, SciPy"}
    for axes, key in panels:
        for index, name in enumerate(dict.fromkeys(row["implementation"] for row in rows)):
            own = [row for row in rows if row["implementation"] == name and row[key] > 0]
            drawn = sorted(own, key=lambda row: int(row["nodes"]))
            for real, style in ((False, "o-"), (True, "s")):
                part = [row for row in drawn if cases.is_random(row["graph"]) != real]
                axes.plot(
                    [row["nodes"] for row in part],
                    [row[key] for row in part],
                    style,
                    color=f"C{index}",
                    fillstyle="none" if real else "full",
                    label=None if real else title(name),
                )
        axes.set(xscale="log", yscale="log", xlabel="nodes", ylabel=labels[key])
        axes.grid(visible=True, which="major", alpha=0.3)
    handles, labels_drawn = axes.get_legend_handles_labels()
    figure.legend(
        handles,
        labels_drawn,
        loc="outside lower center",
        ncols=len(handles),
        title="random graphs; hollow: real ones",
        fontsize="small",
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    return str(path)
