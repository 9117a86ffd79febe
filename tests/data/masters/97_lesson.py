# %% [markdown] id="97-title"
# # 97 · A lesson to test the generator with
#
# It computes $1 + 1$ and says naïvely: „two“.

# %% id="97-sum" tags=["nbval-check-output"]
# copy the numbers
# %time is a comment here, and so is
# !this line
total = 1 + 1
print("total:", total)

# %% [markdown] id="97-claim-text"
"""
The next cell holds the sentence above to its word.
"""

# %% id="97-claim" tags=["nbval-check-output"]
from course import claim

claim("one and one is two", total == 2)

# %% id="97-value"
f"{total} apples"
