"""Exercises of chapter 06, human feedback."""

from course.checks.ch06 import (
    bradley_terry_fit,
    elo_update,
    pair_probability,
    pairwise_ceiling,
    split_half,
)

EXERCISES = [
    pair_probability.EXERCISE,
    bradley_terry_fit.EXERCISE,
    split_half.EXERCISE,
    elo_update.EXERCISE,
    pairwise_ceiling.EXERCISE,
]
