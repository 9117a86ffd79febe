"""Part II: the reward."""
