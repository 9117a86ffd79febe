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
    "reward_mixer": "mixer",
    "show_mixer": "mixer",
    "best_of_slider": "best_of",
    "show_best_of": "best_of",
    "label_viewer": "counted_tokens",
    "show_completion_labels": "counted_tokens",
    "bandit_playground": "bandit",
    "show_bandit": "bandit",
    "clip_explorer": "clip",
    "show_clip": "clip",
    "LiveDashboard": "dashboard",
    "draw_dashboard": "dashboard",
    "group_playground": "groups",
    "show_group": "groups",
    "judge_panel": "judge",
    "show_judge": "judge",
    "task_playground": "task_judge",
    "show_task": "task_judge",
    "talk_panel": "talk",
    "show_talk": "talk",
    "preference_explorer": "preference",
    "show_preference_losses": "preference",
    "FeedbackSession": "feedback_session",
    "vote_by_rule": "feedback_session",
    "feedback_panel": "feedback",
    "show_feedback": "feedback",
    "show_session": "feedback",
}
__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"course.widgets.{_HOME[name]}"), name)
    raise AttributeError(f"module 'course.widgets' has no attribute {name!r}")
