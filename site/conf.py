"""Sphinx's settings for the site; `make site` copies this beside the staged pages."""

project = "Next Token to Reward"
author = "the authors of the course"
copyright = "the authors of the course; MIT licence"
extensions = ["myst_nb", "sphinx-mathjax-offline"]
html_theme = "sphinx_book_theme"
html_title = project
html_static_path = ["_static"]
html_css_files = ["course.css"]
html_theme_options = {
    "home_page_in_toc": True,
    "show_navbar_depth": 1,
    "show_toc_level": 1,
    "use_download_button": True,
    "use_fullscreen_button": False,
    "navbar_persistent": [],  # the sidebar has the search
}
# Outputs are those that are stored: building the site runs nothing.
nb_execution_mode = "off"
nb_render_markdown_format = "myst"
nb_output_stderr = "remove"
nb_mime_priority_overrides = [
    # A live panel needs a kernel; its picture or text does not.
    ("html", "application/vnd.jupyter.widget-view+json", None),
    ("html", "text/html", 10),
]
myst_enable_extensions = ["dollarmath", "amsmath", "deflist", "html_image"]
myst_heading_anchors = 4
myst_dmath_double_inline = True
myst_update_mathjax = False
suppress_warnings = ["myst.header", "mystnb.unknown_mime_type", "toc.not_readable"]
exclude_patterns = ["_build", "**/.ipynb_checkpoints"]
