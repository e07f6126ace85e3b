"""Writes formulas as MathML, which browsers draw themselves: without a script, offline.

A formula that cannot be converted ends the build.
"""

from typing import Any

from docutils import nodes
from docutils.utils.math import latex2mathml


def mathml(formula: str, *, display: bool = False) -> str:
    r"""A formula of LaTeX as an element of HTML.

    Examples
    --------
    >>> mathml("x_i")
    '<math xmlns="http://www.w3.org/1998/Math/MathML">...
    """
    return latex2mathml.tex2mathml(formula, as_block=display)


def _inline(page: Any, node: nodes.math) -> None:
    page.body.append(mathml(node.astext()))
    raise nodes.SkipNode


def _display(page: Any, node: nodes.math_block) -> None:
    page.body.append(mathml(node.astext(), display=True))
    raise nodes.SkipNode


def setup(app: Any) -> dict[str, bool]:
    """Offer the renderer to `html_math_renderer`."""
    app.add_html_math_renderer("mathml", (_inline, None), (_display, None))
    return {"parallel_read_safe": True}
