"""Exercises of chapter 05, rewards by rule."""

from course.checks.ch05 import (
    brevity_penalty,
    clipped_precision,
    composite_reward,
    distinct_n,
    rouge_l,
)

EXERCISES = [
    clipped_precision.EXERCISE,
    brevity_penalty.EXERCISE,
    rouge_l.EXERCISE,
    composite_reward.EXERCISE,
    distinct_n.EXERCISE,
]
