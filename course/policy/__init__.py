"""Part III: the policy."""
