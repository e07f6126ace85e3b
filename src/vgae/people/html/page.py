"""One HTML file that holds a report: nothing in it asks for a network, a server or a library."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from numpy.typing import NDArray

from vgae.ground.errors import InputError, one_line
from vgae.ground.files import check_file, file_errors, staged_file
from vgae.people.html.charts import Chart
from vgae.people.html.figures import health_charts, quality_charts, training_charts
from vgae.people.html.values import Colouring, Findings, LinkTable, NodeMap
from vgae.people.words import nothing_left

__all__ = [
    "EmbeddingMap",
    "Report",
    "check_page",
    "drawn",
    "map_page",
    "page",
    "rendered",
    "script_json",
]

TEMPLATES = Path(__file__).with_name("templates")
SCRIPTS = ("theme.js", "start.js", "links.js", "view.js", "map.js", "main.js")
SHOWN_AT_FIRST = 25
"""Links that stand in the page itself, for readers without scripts."""
FRAME_HEIGHT, MAP_HEIGHT = 860, 780


def check_page(path: Path, *, overwrite: bool) -> None:
    """Refuse a place for a page before any work.

    Raises
    ------
    InputError
        The suffix is another one than .html, or the file cannot be written or is there.

    Examples
    --------
    >>> check_page(Path("page.txt"), overwrite=False)
    Traceback (most recent call last):
    vgae.InputError: page.txt: a page ends in .html
    """
    if path.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"{path}: a page ends in .html")
    check_file(path, overwrite=overwrite)


@dataclass(frozen=True)
class Report:
    """A report as one HTML page, which a notebook shows in place.

    Attributes
    ----------
    html
        The whole page.

    Examples
    --------
    >>> report = Report("<!doctype html><title>Karate</title>")
    >>> report
    Report(36 bytes)
    >>> report._repr_html_().startswith("<iframe")
    True
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "report.html"
    >>> report.save(path)
    >>> path.read_text() == report.html
    True
    """

    html: str

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write the page to a file, whole or not at all.

        Raises
        ------
        InputError
            The file does not end in .html, exists and `overwrite` is False, or cannot be written.
        """
        path = Path(path)
        check_page(path, overwrite=overwrite)
        with staged_file(path) as staged, file_errors(path):
            staged.write_text(self.html, encoding="utf-8")

    def __repr__(self) -> str:
        return f"Report({len(self.html.encode()):,} bytes)"

    def _repr_html_(self) -> str:
        return self.framed("report", FRAME_HEIGHT)

    def framed(self, title: str, height: int) -> str:
        """The page in a frame of its own, as an element of another page.

        Parameters
        ----------
        title
            What the frame is called, to those who hear the page.
        height
            In pixels.

        Examples
        --------
        >>> Report("<!doctype html>").framed("map", 300).startswith('<iframe title="map"')
        True
        """
        return (
            f'<iframe title="{escape(title)}" sandbox="allow-scripts allow-downloads" '
            f'style="width:100%;height:{height}px;border:0" srcdoc="{escape(self.html)}"></iframe>'
        )


@dataclass(frozen=True)
class EmbeddingMap:
    """A map of nodes as a notebook shows it: with JavaScript to be explored, otherwise a picture.

    Attributes
    ----------
    page
        The interactive map as one page, whose `save` writes it to a file.
    picture
        The same nodes as a PNG; None where matplotlib is not installed.

    Examples
    --------
    >>> made = EmbeddingMap(Report("<!doctype html><title>Karate</title>"), b"PNG")
    >>> sorted(made._repr_mimebundle_())
    ['image/png', 'text/html', 'text/plain']
    """

    page: Report
    picture: bytes | None

    def __repr__(self) -> str:
        return f"EmbeddingMap({len(self.page.html.encode()):,} bytes)"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:  # noqa: ARG002 - IPython's
        """All forms; whoever shows them takes the richest that it can."""
        found = {"text/plain": repr(self), "text/html": self.page.framed("map", MAP_HEIGHT)}
        if self.picture is not None:
            found["image/png"] = base64.b64encode(self.picture).decode()
        return found


def page(findings: Findings) -> Report:
    """Draw a report.

    Text that came from a graph, such as ids and labels, is escaped wherever it stands: in the page,
    in its charts and in its data. A content security policy lets no other script run than the
    page's own, and nothing be loaded.

    Examples
    --------
    >>> import numpy as np
    >>> links = LinkTable(np.array([[0, 1]]), np.array([0.5]), None, np.ones((1, 2)), None, ["-"])
    >>> found = Findings("a <graph>", "GAE", "Fine.", [], [], [("Nodes", "2")], None, ["a", "b"], 2,
    ...                  links, None, None, [], None)
    >>> html = page(found).html
    >>> "a &lt;graph&gt;" in html, "a <graph>" in html
    (True, False)
    """
    quality = [] if findings.quality is None else quality_charts(findings.quality)
    health = [] if findings.health is None else health_charts(findings.health)
    sections = (
        ("Quality", "quality", "On edges that were held out for the test.", quality),
        ("Training", "training", "", training_charts(findings.history)),
        (
            "Variational health",
            "health",
            "" if findings.health is None else findings.health.words,
            health,
        ),
    )
    return rendered(
        "report.html.j2",
        SCRIPTS,
        found=findings,
        data=Markup(script_json(_data(findings))),  # noqa: S704 - escaped there
        first_links=_first_links(findings),
        nothing_left=nothing_left(),
        sections=[
            (title, slug, words, [drawn(chart) for chart in charts])
            for title, slug, words, charts in sections
            if charts
        ],
    )


def map_page(findings: Findings, picture: bytes | None) -> EmbeddingMap:
    """Draw the map of a report alone.

    Parameters
    ----------
    findings
        What a report would show; only its map and its links are used.
    picture
        The same as a PNG, for readers without scripts; or None.

    Examples
    --------
    >>> nodes = NodeMap(np.zeros((2, 2), np.uint16), "all in one place", ())
    >>> links = LinkTable(np.array([[0, 1]]), np.array([0.5]), None, np.ones((1, 2)), None, ["-"])
    >>> found = Findings("a <graph>", "", "", [], [], [], None, None, 2, links, nodes, None, (),
    ...                  None)
    >>> html = map_page(found, b"PNG").page.html
    >>> "a &lt;graph&gt;" in html, 'src="data:image/png;base64,UE5H"' in html
    (True, True)
    """
    page = rendered(
        "map.html.j2",
        SCRIPTS,
        found=findings,
        data=Markup(script_json(_data(findings))),  # noqa: S704 - escaped there
        picture=None if picture is None else base64.b64encode(picture).decode(),
    )
    return EmbeddingMap(page, picture)


def rendered(template: str, scripts: tuple[str, ...], **values: Any) -> Report:
    """A page of a template and its scripts, which are all that may run on it.

    Parameters
    ----------
    template
        Its file, which extends `frame.html.j2`.
    scripts
        Files that make up the page's only script, in this order.
    **values
        What the template shows. Text is escaped.

    Examples
    --------
    >>> html = rendered("frame.html.j2", ("theme.js",)).html
    >>> html.count("<script>"), "default-src &#39;none&#39;; script-src &#39;sha256-" in html
    (1, True)
    """
    script, style = _script(scripts), (TEMPLATES / "report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    html = (
        _environment()
        .get_template(template)
        .render(
            policy=policy,
            style=Markup(style),  # noqa: S704 - our own file
            script=Markup(script),  # noqa: S704 - our own files
            **values,
        )
    )
    return Report(html)


def drawn(chart: Chart) -> dict[str, Any]:
    """A chart as templates take it: its title, its words and its picture.

    Examples
    --------
    >>> from vgae.people.html.charts import linear_axis
    >>> list(drawn(Chart("loss", "It falls.", linear_axis("x", 0, 1), linear_axis("y", 0, 1))))
    ['title', 'words', 'svg']
    """
    svg = Markup(chart.svg())  # noqa: S704 - it escapes all words
    return {"title": chart.title, "words": chart.description, "svg": svg}


def script_json(value: Any) -> str:
    r"""JSON that can stand in a script element of a page, no matter what text is in it.

    Examples
    --------
    >>> script_json({"id": "</script><b>"})
    '{"id":"\\u003c/script\\u003e\\u003cb\\u003e"}'
    """
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return re.sub("[<>&]", lambda found: f"\\u{ord(found[0]):04x}", text)


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _script(names: tuple[str, ...]) -> str:
    parts = [(TEMPLATES / name).read_text(encoding="utf-8") for name in names]
    return '"use strict";\n(() => {\n' + "\n".join(parts) + "})();\n"


def _first_links(findings: Findings) -> list[dict[str, str]]:
    links, ids = findings.links, findings.ids
    nodes = links.pairs.ravel().tolist()
    names = [str(node) if ids is None else one_line(ids[node]) for node in nodes]
    rows = zip(names[::2], names[1::2], links.probabilities, links.why, strict=True)
    return [
        {"source": source, "target": target, "probability": f"{probability:.4f}", "why": why}
        for source, target, probability, why in list(rows)[:SHOWN_AT_FIRST]
    ]


# ------------------------------------------------------------------------------- data


def _data(findings: Findings) -> dict[str, Any]:
    """All that the page's script needs, as JSON values."""
    return {
        "ids": None if findings.ids is None else list(findings.ids),
        "n": findings.n_nodes,
        "directed": findings.directed,
        "links": _link_data(findings.links),
        "map": None if findings.map is None else _map_data(findings.map),
    }


def _link_data(links: LinkTable) -> dict[str, Any]:
    columns: dict[str, Any] = {
        "source": links.pairs[:, 0].tolist(),
        "target": links.pairs[:, 1].tolist(),
        "probability": _rounded(links.probabilities),
        "sourceDegree": links.degrees[:, 0].tolist(),
        "targetDegree": links.degrees[:, 1].tolist(),
        "why": list(links.why),
        "extra": {name: _rounded(values) for name, values in links.extra.items()},
    }
    if links.intervals is not None:
        columns["low"], columns["high"] = (_rounded(column) for column in links.intervals.T)
    if links.common is not None:
        columns["common"] = links.common.tolist()
    return columns


def _rounded(values: NDArray[np.floating]) -> list[float]:
    return [float(f"{value:.6g}") for value in values]


def _map_data(nodes: NodeMap) -> dict[str, Any]:
    made: dict[str, Any] = {
        "words": nodes.words,
        "positions": _packed(nodes.positions, "<u2"),
        "colourings": [_colouring_data(colouring) for colouring in nodes.colourings],
        "edges": None if nodes.edges is None else _packed(nodes.edges, "<u4"),
        "partners": None,
        "pictures": None,
    }
    if nodes.partners is not None and nodes.partner_probabilities is not None:
        made["partners"] = {
            "each": nodes.partners.shape[1],
            "nodes": _packed(nodes.partners, "<i4"),
            "probabilities": _packed(nodes.partner_probabilities, "<f4"),
        }
    if nodes.pictures is not None:
        shades = nodes.pictures.shades
        made["pictures"] = {"width": nodes.pictures.width, "shades": _packed(shades, "u1")}
    return made


def _colouring_data(colouring: Colouring) -> Mapping[str, Any]:
    return {
        "title": colouring.title,
        "codes": _packed(colouring.codes, "<u2"),
        "names": None if colouring.names is None else list(colouring.names),
        "low": colouring.low,
        "high": colouring.high,
        "logarithmic": colouring.logarithmic,
    }


def _packed(array: NDArray[Any], kind: str) -> str:
    """An array as little-endian bytes in base64."""
    return base64.b64encode(np.ascontiguousarray(array, kind).tobytes()).decode()
