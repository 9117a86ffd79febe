"""Exercises of chapter 10, PPO."""

from course.checks.ch10 import (
    gae_advantages,
    importance_ratio,
    ppo_clip_loss,
    shaped_rewards,
    value_loss,
)

EXERCISES = [
    importance_ratio.EXERCISE,
    ppo_clip_loss.EXERCISE,
    gae_advantages.EXERCISE,
    shaped_rewards.EXERCISE,
    value_loss.EXERCISE,
]
