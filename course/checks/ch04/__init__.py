"""Exercises of chapter 04, supervised fine-tuning."""

from course.checks.ch04 import (
    chat_format,
    completion_labels,
    masked_mean_loss,
    pack_sequences,
)

EXERCISES = [
    completion_labels.EXERCISE,
    masked_mean_loss.EXERCISE,
    pack_sequences.EXERCISE,
    chat_format.EXERCISE,
]
