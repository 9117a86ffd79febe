# %% [markdown] id="97-title"
# # 97 · Exercises to test the generator with

# %% [markdown] id="97-1-text"
# **Exercise 97.1 — twice a number** · 5 minutes

# %% id="97-1-stub" tags=["exercise"]
def twice(x: float) -> float:
    """Two times x."""
    ### BEGIN SOLUTION
    doubled_value = x + x
    return doubled_value
    ### END SOLUTION


# %% id="97-1-check"
twice = check(twice)

# %% id="97-after" tags=["nbval-check-output"]
print("twice 4 is", twice(4))


# %% id="97-2-stub" tags=["exercise"]
class Counter:
    """Counts."""

    def __init__(self) -> None:
        """Start at zero."""
        self.count = 0

    def add(self, amount: int) -> int:
        """Add an amount and return the sum."""
        # Say what is wrong before anything changes.
        if amount < 0:
            raise ValueError("negative")
        ### BEGIN SOLUTION
        self.count += amount
        return self.count
        ### END SOLUTION


# %% id="97-2-check"
Counter = check(Counter)
