"""How Sphinx builds the pages: `make docs`."""

from importlib.metadata import version as installed_version

project = "actorflow"
author = "The actorflow authors"
copyright = author
version = release = installed_version("actorflow")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinxcontrib.mermaid",
]
exclude_patterns = ["_build"]
root_doc = "index"

# Docstrings write `code` between single backticks, as Markdown does.
default_role = "code"
autoclass_content = "class"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

# A fence that the forge draws, Sphinx draws too.
myst_fence_as_directive = ["mermaid"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"actorflow {version}"
html_static_path: list[str] = []
html_show_sourcelink = False
