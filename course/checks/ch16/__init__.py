"""Exercises of chapter 16, longer games."""

from course.checks.ch16 import (
    diversity_bonus,
    join_turns,
    lagrange_step,
    rouge_of_nothing,
    turn_returns,
)

EXERCISES = [
    turn_returns.EXERCISE,
    join_turns.EXERCISE,
    rouge_of_nothing.EXERCISE,
    diversity_bonus.EXERCISE,
    lagrange_step.EXERCISE,
]
