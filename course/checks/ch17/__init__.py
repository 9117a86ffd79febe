"""Exercises of chapter 17, a real language model and more machines."""

from course.checks.ch17 import (
    judge_interval,
    merge_adapters,
    rank_mean,
    sequence_is,
    swap_bias,
)

EXERCISES = [
    sequence_is.EXERCISE,
    judge_interval.EXERCISE,
    rank_mean.EXERCISE,
    swap_bias.EXERCISE,
    merge_adapters.EXERCISE,
]
