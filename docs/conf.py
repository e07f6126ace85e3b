"""Sphinx settings: Markdown pages and the docstrings of the public names."""

import vgae

project = "vgae"
copyright = "2026, the vgae authors"  # noqa: A001 - Sphinx's name
version = release = vgae.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
exclude_patterns = ["_build"]
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
napoleon_google_docstring = False
myst_heading_anchors = 2
