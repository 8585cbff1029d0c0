"""How the documentation site is built: `scripts/docs` writes it to build/docs.

Sphinx with MyST and Furo, because they are the better kept choice in November 2026: Sphinx 9.2 and
MyST-Parser 5.2 are of the last two months, and Furo supports Sphinx 9. MkDocs has had no stable
release since 1.6.1 (August 2024), and 2.0, a pre-release, has no plugins. Material for MkDocs has
been in maintenance mode since November 2025, for at least a year; its successor, Zensical, is at
0.1. The theme brings its own style sheets and scripts and uses the fonts of the reader's system,
so nothing is fetched from another server when the site is read.
"""

from __future__ import annotations

import fer_tf
from fer_tf.cli import start_keras

start_keras()  # some signatures name its types; without TensorFlow's notices

project = "fer_tf"
author = "The fer_tf authors"
copyright = "The fer_tf authors, Apache License 2.0"
version = release = fer_tf.__version__

# MyST-NB reads the pages with MyST-Parser, and the notebooks with the outputs that they hold.
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
nb_execution_mode = "off"
myst_heading_anchors = 3
highlight_language = "text"

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
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
