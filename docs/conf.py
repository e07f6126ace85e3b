"""Sphinx settings: Markdown pages, the docstrings of public names, the options of the commands.

Pages with code cells (tutorials, gallery) are run as they are built, each in a folder of its own.
An error in a cell ends the build.
"""

import re
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
    "browser_math",
    "command_reference",
    "myst_nb",  # which brings MyST's parser along
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
]
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["terminal.css"]
exclude_patterns = ["_build"]
smartquotes = False  # "--out" must stay what one types
default_role = "py:obj"  # a name between single backticks in a docstring is a link to its entry
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_type_aliases = {"ArrayLike": "numpy.typing.ArrayLike"}
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_attr_annotations = False  # the signature has the types
python_maximum_signature_line_length = 80
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
html_math_renderer = "mathml"
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_execution_timeout = 600
nb_merge_streams = True
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True


def entry_by_name(app: Any, env: Any, node: Any, shown: Any) -> Any:
    """Link `vgae.data.graph.Graph` or `Graph` to the only entry of that name, `vgae.Graph`."""
    name = node.get("reftarget", "").rpartition(".")[2]
    if node.get("refdomain") != "py" or not (name[:1].isupper() or name in vgae.__all__):
        return None
    domain = env.get_domain("py")
    entries = [entry for entry in domain.objects if entry.endswith(f".{name}")]
    if len(entries) != 1:
        return None
    return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", entries[0], node, shown)


def readable(*event: Any) -> tuple[str | None, str | None]:
    """Write arrays and made defaults in a signature as the source does."""
    array = r"~numpy\.ndarray\[tuple\[~typing\.Any, \.\.\.\], ~numpy\.dtype\[([~.\w]+)\]\]"
    parts = [
        text and re.sub(array, r"~numpy.typing.NDArray[\1]", text).replace("<factory>", "...")
        for text in event[-2:]
    ]
    return parts[0], parts[1]


def setup(app: Any) -> None:
    """Have Sphinx ask for links that it does not find, and for signatures."""
    app.connect("autodoc-process-signature", readable)
    app.connect("missing-reference", entry_by_name)
