"""Exercises of chapter 13, instant feedback."""

from course.checks.ch13 import (
    choose_pair,
    laplace_update,
    replay_votes,
    thumbs_to_pairs,
)

EXERCISES = [
    laplace_update.EXERCISE,
    choose_pair.EXERCISE,
    replay_votes.EXERCISE,
    thumbs_to_pairs.EXERCISE,
]
