"""Exercises of chapter 02, a transformer from scratch."""

from course.checks.ch02 import (
    causal_attention,
    parameter_count,
    rms_norm,
    rotary,
    swiglu,
)

EXERCISES = [
    causal_attention.EXERCISE,
    rms_norm.EXERCISE,
    rotary.EXERCISE,
    swiglu.EXERCISE,
    parameter_count.EXERCISE,
]
