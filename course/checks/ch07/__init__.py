"""Exercises of chapter 07, the reward model."""

from course.checks.ch07 import pairwise_loss

EXERCISES = [pairwise_loss.EXERCISE]
