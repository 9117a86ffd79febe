"""Thin ipywidgets views over functions of the other rooms."""
