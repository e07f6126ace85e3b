"""Pictures of fitted methods, as displays that hold what they show and draw it on any axes.

`vgae.plot` is this room. matplotlib is imported when something is drawn, and not before.
"""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vgae.data.graph import Graph
from vgae.ground.errors import InputError, NotFittedError, one_line, unknown_name
from vgae.ground.files import check_file, file_errors, staged_file
from vgae.ground.notebook import library
from vgae.learning.diagnostics import (
    Curve,
    ReliabilityBin,
    TrainingCurves,
    precision_recall_curve,
    reliability_bins,
    roc_curve,
    training_curves,
)
from vgae.learning.embeddings import principal_components
from vgae.learning.fitted import Fitted
from vgae.learning.fitted_baseline import FittedBaseline
from vgae.learning.fitted_scores import FittedScores
from vgae.learning.metrics import average_precision, roc_auc

__all__ = [
    "COLORS",
    "DISPLAYS",
    "DegreeDisplay",
    "Display",
    "MapDisplay",
    "PrecisionRecallDisplay",
    "ReliabilityDisplay",
    "RocDisplay",
    "TrainingDisplay",
    "check_picture",
    "figure_of",
    "held_out_scores",
    "plain_text",
    "png_of",
    "save_picture",
]

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")
"""Colours that people with any colour vision can tell apart (Okabe & Ito 2008)."""
GREY = "#888888"
FORMATS = (".png", ".svg", ".pdf")
SIZE = (6.4, 4.8)
"""Width and height in inches."""
MOST_VECTORS = 20_000
"""Points from which on a map is drawn as an image within an .svg or .pdf."""

Values = NDArray[np.float64]


def held_out_scores(fitted: Fitted | FittedBaseline) -> tuple[str, Values, Values]:
    """The part that was held out, and the scores of its edges and of its pairs without an edge.

    Test pairs if there are any, otherwise validation pairs.

    Raises
    ------
    InputError
        Nothing was held out.

    Examples
    --------
    >>> from vgae import GAE, load_dataset, split_edges
    >>> fitted = GAE(steps=1).fit(split_edges(load_dataset("karate"), seed=0)).fitted_
    >>> part, edges, others = held_out_scores(fitted)
    >>> part, edges.shape, others.shape
    ('test', (7,), (7,))
    """
    split = fitted.split
    if split.test:
        scores, pairs = fitted.scores, split.test
    elif split.validation and split.settings.protocol == "T":
        scores, pairs = fitted.scores, split.validation
    else:
        raise InputError(
            "nothing was held out, so that there are no scores to draw; fit without --no-holdout "
            "(in Python, fit vgae.split_edges(graph))"
        )
    edges, others = (
        np.asarray(scores.pairs(part), np.float64) for part in (pairs.positives, pairs.negatives)
    )
    return "test" if split.test else "validation", edges, others


class Display(ABC):
    """Something to draw: `of(model)` computes it, `plot(ax)` draws it on axes of matplotlib.

    Attributes
    ----------
    ax_, figure_
        The axes and the figure, once it is drawn.

    Examples
    --------
    >>> from vgae import GAE, load_dataset, plot
    >>> model = GAE(steps=5).fit(load_dataset("karate"))
    >>> display = plot.TrainingDisplay.of(model).plot()
    >>> figure = plot.figure_of(display)
    >>> [axes.get_xlabel() for axes in figure.axes]
    ['step']
    """

    ax_: Any = None
    figure_: Any = None

    @classmethod
    def of(cls, model: Any) -> Self:
        """What there is to draw of a fitted estimator, or of its `fitted_`.

        Raises
        ------
        InputError
            It is no fitted method, or the method has nothing of the kind.
        NotFittedError
            `fit` has not been called.
        """
        fitted = model if isinstance(model, FittedScores) else _fitted_of(model)
        return cls._of(fitted)

    @classmethod
    @abstractmethod
    def _of(cls, fitted: Any) -> Self: ...

    @abstractmethod
    def _draw(self, ax: Any, **style: Any) -> None: ...

    def plot(self, ax: Any = None, **style: Any) -> Self:
        """Draw.

        Parameters
        ----------
        ax
            Axes of matplotlib; by default those of a new figure of pyplot.
        **style
            What matplotlib's function takes for lines or points, such as `color` and `label`.

        Raises
        ------
        InputError
            matplotlib is not installed.
        """
        library("matplotlib")
        if ax is None:
            _, ax = import_module("matplotlib.pyplot").subplots()
        self._draw(ax, **style)
        self.ax_, self.figure_ = ax, ax.figure
        return self


@dataclass
class RocDisplay(Display):
    """The receiver operating characteristic of held-out pairs, with the area under it.

    Examples
    --------
    >>> display = RocDisplay(roc_curve([2.0, 1.0], [1.5]), area=0.5, part="test")
    >>> figure_of(display).axes[0].get_title(), display.figure
    ('ROC curve, test pairs', 'AUC 0.500')
    """

    curve: Curve
    area: float
    part: str

    @classmethod
    def _of(cls, fitted: Any) -> Self:
        part, edges, others = held_out_scores(fitted)
        return cls(roc_curve(edges, others), roc_auc(edges, others), part)

    @property
    def figure(self) -> str:
        """The area in words."""
        return f"AUC {self.area:.3f}"

    def _draw(self, ax: Any, **style: Any) -> None:
        ax.plot([0, 1], [0, 1], color=GREY, linestyle=":", linewidth=1)
        _line(ax, *self.curve, **{"label": self.figure, **style})
        ax.set(xlabel="false positive rate", ylabel="true positive rate")
        ax.set(title=f"ROC curve, {self.part} pairs", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        ax.legend(loc="lower right")


@dataclass
class PrecisionRecallDisplay(Display):
    """Precision against recall of held-out pairs, with the average precision.

    Examples
    --------
    >>> curve = precision_recall_curve([2.0, 1.0], [1.5])
    >>> display = PrecisionRecallDisplay(curve, average=0.83, part="test", share=2 / 3)
    >>> figure_of(display).axes[0].get_xlabel(), display.figure
    ('recall', 'AP 0.830')
    """

    curve: Curve
    average: float
    part: str
    share: float
    """Share of edges among the pairs: the precision of a random order."""

    @classmethod
    def _of(cls, fitted: Any) -> Self:
        part, edges, others = held_out_scores(fitted)
        share = len(edges) / (len(edges) + len(others))
        curve = precision_recall_curve(edges, others)
        return cls(curve, average_precision(edges, others), part, share)

    @property
    def figure(self) -> str:
        """The average precision in words."""
        return f"AP {self.average:.3f}"

    def _draw(self, ax: Any, **style: Any) -> None:
        ax.axhline(self.share, color=GREY, linestyle=":", linewidth=1)
        style = {"label": self.figure, "drawstyle": "steps-pre", **style}
        _line(ax, *self.curve, **style)
        ax.set(xlabel="recall", ylabel="precision", title=f"Precision, {self.part} pairs")
        ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        ax.legend(loc="lower left")


@dataclass
class ReliabilityDisplay(Display):
    """Predicted probabilities against frequencies, in ten bins of equally many held-out pairs.

    Probabilities are calibrated, and raised to the share of edges among the held-out pairs. Bars
    are 95 % intervals of the frequencies. See `vgae.learning.diagnostics.reliability_bins`.

    Examples
    --------
    >>> display = ReliabilityDisplay([ReliabilityBin(0.1, 0.2, 0.11, 0.33, 50)], "test")
    >>> figure_of(display).axes[0].get_ylabel()
    'share of edges'
    """

    bins: Sequence[ReliabilityBin]
    part: str

    @classmethod
    def _of(cls, fitted: Any) -> Self:
        if fitted.calibrator is None:
            raise InputError(
                "the probabilities are not calibrated; hold validation edges out and fit again"
            )
        part, edges, others = held_out_scores(fitted)
        return cls(reliability_bins(fitted.calibrator, edges, others), part)

    def _draw(self, ax: Any, **style: Any) -> None:
        predicted, observed, low, high, _ = np.array(self.bins).T
        ax.plot([0, 1], [0, 1], color=GREY, linestyle=":", linewidth=1)
        reach = np.maximum(np.stack([observed - low, high - observed]), 0.0)
        style = {"color": COLORS[0], "marker": "o", "capsize": 3, **style}
        ax.errorbar(predicted, observed, yerr=reach, **style)
        ax.set(xlabel="predicted probability", ylabel="share of edges")
        ax.set(title=f"Reliability, {self.part} pairs", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))


@dataclass
class TrainingDisplay(Display):
    """The terms of the loss by step, and the metrics of validation pairs.

    Examples
    --------
    >>> display = TrainingDisplay(
    ...     training_curves([{"step": 1, "loss": 2.0, "validation": {"auc": 0.8}}])
    ... )
    >>> [axes.get_ylabel() for axes in figure_of(display).axes]
    ['loss', 'validation']
    """

    curves: TrainingCurves

    @classmethod
    def _of(cls, fitted: Any) -> Self:
        history = getattr(fitted, "history", ())
        if not history:
            raise InputError("there were no training steps, so that there is no curve to draw")
        return cls(training_curves(history))

    def _draw(self, ax: Any, **style: Any) -> None:
        colors = iter(COLORS)
        for name, values in self.curves.losses.items():
            _line(ax, self.curves.steps, values, **{"label": name, "color": next(colors), **style})
        ax.set(xlabel="step", ylabel="loss", title="Training")
        handles, labels = ax.get_legend_handles_labels()
        if self.curves.metrics:
            other = ax.twinx()
            for name, values in self.curves.metrics.items():
                words = f"validation {name.replace('_', ' ')}"
                dashed = {"label": words, "color": next(colors), "linestyle": "--", **style}
                _line(other, self.curves.validated, values, **dashed)
            other.set(ylabel="validation")
            more, words_ = other.get_legend_handles_labels()
            handles, labels = [*handles, *more], [*labels, *words_]
        ax.legend(handles, labels, loc="center right")


@dataclass
class DegreeDisplay(Display):
    """How many nodes have how many edges, on logarithmic axes.

    Examples
    --------
    >>> display = DegreeDisplay.of_graph(Graph.from_edges([(0, 1), (1, 2)]))
    >>> display.degrees.tolist(), display.n_nodes.tolist(), display.n_isolated
    ([1, 2], [2, 1], 0)
    """

    degrees: NDArray[np.int64]
    n_nodes: NDArray[np.int64]
    n_isolated: int

    @classmethod
    def of_graph(cls, graph: Graph) -> Self:
        """The degrees of a graph; of a directed one, without directions."""
        degrees, counts = np.unique(graph.undirected().degrees, return_counts=True)
        isolated = int(counts[degrees == 0].sum())
        return cls(degrees[degrees > 0], counts[degrees > 0], isolated)

    @classmethod
    def _of(cls, fitted: Any) -> Self:
        return cls.of_graph(fitted.split.graph)

    def _draw(self, ax: Any, **style: Any) -> None:
        style = {"color": COLORS[0], "linestyle": "none", "marker": "o", "markersize": 4, **style}
        ax.plot(self.degrees, self.n_nodes, **style)
        if len(self.degrees):
            ax.set(xscale="log", yscale="log")
        more = f" ({self.n_isolated:,} nodes without an edge)" if self.n_isolated else ""
        ax.set(xlabel="degree", ylabel="nodes", title=f"Degrees{more}")


@dataclass
class MapDisplay(Display):
    """The embedding in the plane: its first two principal components, coloured by label.

    Examples
    --------
    >>> display = MapDisplay(np.eye(3, 2), np.array([0, 1, -1]), ("red", "blue"), (0.75, 0.25))
    >>> figure_of(display).axes[0].get_xlabel()
    'first component (75 % of the variance)'
    """

    points: Values
    labels: NDArray[np.int64] | None = None
    """The place of each node's label in `names`, -1 for a node without one."""
    names: Sequence[str] = ()
    shares: tuple[float, float] = (0.0, 0.0)
    """Shares of the variance that the two components have."""

    @classmethod
    def _of(cls, fitted: Any) -> Self:
        vectors = fitted.vectors
        if vectors is None or not vectors.shape[1]:
            raise InputError("the method scores pairs and has no embedding to draw")
        points, (first, second) = principal_components(vectors)
        shares = float(first), float(second)
        record = fitted.record
        if record is None or record.labels is None or record.facts.label_names is None:
            return cls(points, shares=shares)
        codes, names = _frequent(record.labels, record.facts.label_names)
        return cls(points, codes, names, shares)

    def _draw(self, ax: Any, **style: Any) -> None:
        small = {"s": max(1.0, min(24.0, 2e4 / max(len(self.points), 1))), "linewidths": 0}
        drawn = {**small, "rasterized": len(self.points) > MOST_VECTORS, **style}
        if self.labels is None:
            ax.scatter(*self.points.T, **{"color": COLORS[0], **drawn})
        else:
            for code in range(-1, len(self.names)):
                chosen = self.points[self.labels == code]
                color = GREY if code < 0 else COLORS[code % len(COLORS)]
                name = "others" if code < 0 else plain_text(self.names[code])
                if len(chosen):
                    ax.scatter(*chosen.T, **{"color": color, "label": name, **drawn})
            ax.legend(markerscale=2, fontsize="small")
        titles = [
            f"{place} component ({100 * share:.0f} % of the variance)"
            for place, share in zip(("first", "second"), self.shares, strict=True)
        ]
        ax.set(xlabel=titles[0], ylabel=titles[1], title="Map of the embedding")


def _frequent(codes: Any, names: Sequence[str]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Labels as places among the most frequent ones, one for each colour; others are -1."""
    counts = np.bincount(codes[codes >= 0], minlength=len(names))
    kept = np.argsort(-counts, kind="stable")[: len(COLORS)]
    places = np.full(len(names) + 1, -1)
    places[kept] = np.arange(len(kept))
    return places[codes], tuple(names[code] for code in kept)


def _line(ax: Any, x: Any, y: Any, **style: Any) -> None:
    ax.plot(x, y, **{"color": COLORS[0], "linewidth": 1.8, **style})


def _fitted_of(model: Any) -> FittedScores:
    try:
        fitted = model.fitted_
    except NotFittedError:
        raise
    except AttributeError:
        fitted = None
    if not isinstance(fitted, FittedScores):
        raise InputError(
            f"{type(model).__name__}: is no fitted method; fit one to the graph first, as in "
            "vgae.VGAE().fit(graph)"
        )
    return fitted


DISPLAYS: Mapping[str, type[Display]] = {
    "map": MapDisplay,
    "roc": RocDisplay,
    "pr": PrecisionRecallDisplay,
    "reliability": ReliabilityDisplay,
    "training": TrainingDisplay,
    "degrees": DegreeDisplay,
}
"""The displays, by the names that `vgae plot --kind` takes."""


def figure_of(display: Display, *, size: tuple[float, float] = SIZE) -> Any:
    """A figure with one display, which no window shows and pyplot does not keep.

    Parameters
    ----------
    display
        What to draw.
    size
        Width and height in inches.

    Raises
    ------
    InputError
        matplotlib is not installed.

    Examples
    --------
    >>> len(figure_of(DegreeDisplay.of_graph(Graph.from_edges([(0, 1)]))).axes)
    1
    """
    library("matplotlib")
    figure = import_module("matplotlib.figure").Figure(figsize=size, layout="constrained")
    display.plot(figure.subplots())
    return figure


def check_picture(kind: str, path: Path, *, overwrite: bool) -> None:
    """Refuse, before any work, a picture that cannot be drawn or a place for it.

    Raises
    ------
    InputError
        The kind or the suffix is unknown, matplotlib is not installed, or the file cannot be
        written or is there.

    Examples
    --------
    >>> check_picture("roc", Path("roc.jpeg"), overwrite=False)
    Traceback (most recent call last):
    vgae.InputError: roc.jpeg: cannot write '.jpeg'; use one of .png, .svg, .pdf
    """
    if kind not in DISPLAYS:
        raise unknown_name("kind of plot", kind, DISPLAYS)
    _form_of(path)
    library("matplotlib")
    check_file(path, overwrite=overwrite)


def _form_of(path: Path) -> str:
    """The format that a picture's suffix names."""
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise InputError(f"{path}: cannot write '{path.suffix}'; use one of {', '.join(FORMATS)}")
    return suffix.removeprefix(".")


def plain_text(name: str) -> str:
    r"""A name as matplotlib draws it letter by letter, and shows it in legends.

    Otherwise "$" would begin a formula, and what begins with "_" be left out.

    Examples
    --------
    >>> print(plain_text("_$x"))
    \$x
    """
    return one_line(name).replace("$", r"\$").lstrip("_") or "unnamed"


def png_of(display: Display) -> bytes:
    r"""A display as the bytes of a PNG.

    Raises
    ------
    InputError
        matplotlib is not installed.

    Examples
    --------
    >>> png_of(DegreeDisplay.of_graph(Graph.from_edges([(0, 1)])))[:4]
    b'\x89PNG'
    """
    content = io.BytesIO()
    figure_of(display).savefig(content, format="png", dpi=100)
    return content.getvalue()


def save_picture(figure: Any, path: str | Path) -> None:
    """Write a figure whole, with the same bytes for the same figure.

    Raises
    ------
    InputError
        The suffix is unknown, or the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "degrees.svg")
    >>> save_picture(figure_of(DegreeDisplay.of_graph(Graph.from_edges([(0, 1)]))), path)
    >>> path.read_text().startswith("<?xml")
    True
    """
    path = Path(path)
    form = _form_of(path)
    dated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(form)
    fixed = import_module("matplotlib").rc_context({"svg.hashsalt": "vgae"})
    with staged_file(path) as staged, file_errors(path), fixed:
        figure.savefig(staged, format=form, dpi=150, metadata=dated)
