"""Exercises of chapter 14, reward hacking."""

from course.checks.ch14 import (
    alarm,
    conservative_score,
    kl_budget_fit,
    with_unscorable,
)

EXERCISES = [
    kl_budget_fit.EXERCISE,
    conservative_score.EXERCISE,
    alarm.EXERCISE,
    with_unscorable.EXERCISE,
]
