"""Writes formulas as MathML, which browsers draw themselves: without a script, offline."""

from typing import Any

from docutils import nodes
from docutils.utils.math import MathError, latex2mathml
from sphinx.util import logging


def mathml(formula: str, *, display: bool = False) -> str:
    r"""A formula of LaTeX as an element of HTML.

    Raises
    ------
    MathError
        A command is not known.

    Examples
    --------
    >>> mathml("x")
    '<math xmlns="http://www.w3.org/1998/Math/MathML">\n  <mi>x</mi>\n</math>'
    """
    return str(latex2mathml.tex2mathml(formula, as_block=display))


def _draw(page: Any, node: Any) -> None:
    try:
        page.body.append(mathml(node.astext(), display=isinstance(node, nodes.math_block)))
    except MathError as error:
        logging.getLogger(__name__).warning("formula: %s", error, location=node)
    raise nodes.SkipNode


def setup(app: Any) -> dict[str, bool]:
    """Offer the renderer to `html_math_renderer`."""
    app.add_html_math_renderer("mathml", (_draw, None), (_draw, None))
    return {"parallel_read_safe": True}
