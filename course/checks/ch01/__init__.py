"""Exercises of chapter 01, the language-model objective."""

from course.checks.ch01 import (
    bits_per_byte,
    interpolated_probability,
    next_token_loss,
    sequence_logprob,
)

EXERCISES = [
    next_token_loss.EXERCISE,
    bits_per_byte.EXERCISE,
    interpolated_probability.EXERCISE,
    sequence_logprob.EXERCISE,
]
