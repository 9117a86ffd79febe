"""Exercises of chapter 09, policy gradients."""

from course.checks.ch09 import (
    bellman_backup,
    leave_one_out_baseline,
    policy_entropy,
    reinforce_loss,
    returns_to_go,
)

EXERCISES = [
    returns_to_go.EXERCISE,
    reinforce_loss.EXERCISE,
    leave_one_out_baseline.EXERCISE,
    bellman_backup.EXERCISE,
    policy_entropy.EXERCISE,
]
