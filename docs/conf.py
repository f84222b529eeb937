"""Sphinx: ``sphinx-build -W docs docs/_build/html`` (pip install '.[docs]', with fastcv itself installed or on the path)."""

import fastcv

project = "fastcv"
author = "fastcv developers"
copyright = "fastcv developers, BSD 3-Clause"
version = release = fastcv.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
suppress_warnings = ["toc.not_included"]  # pages are also linked from index.md's tables

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

default_role = "code"  # `name` in docstrings
autodoc_typehints = "none"  # the docstrings say types, shapes and ranges in words
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_ivar = True  # attributes are described where they are listed
napoleon_use_rtype = False

html_theme = "furo"
html_title = f"fastcv {version}"
html_static_path = ["style"]
html_css_files = ["fastcv.css"]
html_show_sphinx = False
html_copy_source = False
