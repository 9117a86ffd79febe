"""Exercises of chapter 07, the reward model."""

from course.checks.ch07 import (
    expected_calibration_error,
    last_token_scores,
    ordinal_loss,
    pairwise_loss,
    preference_accuracy,
)

EXERCISES = [
    pairwise_loss.EXERCISE,
    last_token_scores.EXERCISE,
    ordinal_loss.EXERCISE,
    expected_calibration_error.EXERCISE,
    preference_accuracy.EXERCISE,
]
