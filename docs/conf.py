"""How the documentation site is built: `scripts/docs` writes it to build/docs.

Sphinx with MyST and Furo, because they are the better kept choice. Sphinx 9 and MyST-Parser 5 have
regular releases and Furo follows them; MkDocs has had no release since 1.6.1 (August 2024), Material
for MkDocs has been in maintenance mode since November 2025, and its successor, Zensical, is at 0.1.
The theme brings its own style sheets and scripts and uses the fonts of the reader's system, so
nothing is fetched from another server when the site is read.
"""

from __future__ import annotations

import fer_tf

project = "fer_tf"
author = "The fer_tf authors"
copyright = "The fer_tf authors, Apache License 2.0"
version = release = fer_tf.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "index"
exclude_patterns = ["explanations/README.md"]

myst_heading_anchors = 3

# Docstrings follow Google's style, with names of code in single backquotes.
default_role = "literal"
napoleon_numpy_docstring = False
napoleon_use_ivar = True
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
maximum_signature_line_length = 88

html_theme = "furo"
html_title = f"fer_tf {version}"
html_static_path = ["_static"]
html_css_files = ["tables.css"]
html_copy_source = False
html_show_sphinx = False
