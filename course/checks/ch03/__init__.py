"""Exercises of chapter 03, sampling."""

from course.checks.ch03 import (
    apply_temperature,
    completion_mask,
    token_entropy,
    top_k_filter,
    top_p_filter,
)

EXERCISES = [
    apply_temperature.EXERCISE,
    top_p_filter.EXERCISE,
    completion_mask.EXERCISE,
    token_entropy.EXERCISE,
    top_k_filter.EXERCISE,
]
