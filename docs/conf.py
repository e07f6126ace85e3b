"""Sphinx settings: Markdown pages, the docstrings of public names, the options of the commands."""

import sys
from pathlib import Path
from typing import Any

import vgae

sys.path.append(str(Path(__file__).parent / "_ext"))

project = "vgae"
copyright = "2026, the vgae authors"  # noqa: A001 - Sphinx's name
version = release = vgae.__version__
html_title = f"vgae {version}"
extensions = [
    "command_reference",
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
]
html_theme = "furo"
exclude_patterns = ["_build"]
smartquotes = False  # "--out" must stay what one types
default_role = "py:obj"  # a name between single backticks in a docstring is a link to its entry
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
napoleon_google_docstring = False
napoleon_use_rtype = False
python_maximum_signature_line_length = 80
myst_heading_anchors = 3
myst_enable_extensions = ["dollarmath"]
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True


def entry_by_name(app: Any, env: Any, node: Any, shown: Any) -> Any:
    """Link `vgae.graph.Graph` or `Graph` to the entry of `vgae.Graph`, if it is the only one."""
    name = node.get("reftarget", "").rpartition(".")[2]
    if node.get("refdomain") != "py" or not (name[:1].isupper() or name in vgae.__all__):
        return None
    domain = env.get_domain("py")
    entries = [entry for entry in domain.objects if entry.endswith(f".{name}")]
    if len(entries) != 1:
        return None
    return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", entries[0], node, shown)


def setup(app: Any) -> None:
    """Have Sphinx ask for links that it does not find."""
    app.connect("missing-reference", entry_by_name)
