"""Thin ipywidgets views over functions of the other rooms."""

from importlib import import_module
from typing import Any

_HOME = {
    "next_token_explorer": "next_token",
    "show_next_token": "next_token",
    "attention_viewer": "attention",
    "show_attention": "attention",
    "preference_labeller": "labeller",
    "show_labels": "labeller",
    "reward_microscope": "microscope",
    "show_reward": "microscope",
    "bandit_playground": "bandit",
    "show_bandit": "bandit",
}
__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"course.widgets.{_HOME[name]}"), name)
    raise AttributeError(f"module 'course.widgets' has no attribute {name!r}")
