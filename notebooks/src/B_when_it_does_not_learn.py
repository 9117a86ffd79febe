# %% [markdown] id="B-title"
# # B · When it does not learn
#
# Twelve faults that people plant without meaning to, each on purpose, each in a few
# seconds; and the sign that each one leaves in the log.
#
# When you have read this appendix you can:
#
# - read a run's log in the order in which a doctor would;
# - go from a sign to its likely cause, and from the cause to what to change;
# - call `diagnose(history)` on a run of your own, and say what its silence means;
# - tell a run that learns from a run that is right.
#
# In a hurry? The table is in the next section.

# %% [markdown] id="B-table-text"
# ## The table: sign → cause → what to do
#
# Read it from the top: a fault further up makes the numbers further down meaningless.
# The names are those of the shared metrics, which every step of the course logs
# ([chapter 09](09_policy_gradients.ipynb) and [10](10_ppo.ipynb)). *First ratio* is
# `first/ratio_error`: how far the ratio of new to old probability is from 1 before any
# weight has moved. It must be 0.

# %% id="B-table"
from course.policy.signs import SIGNS

for fault, (sign, remedy) in SIGNS.items():
    print(f"{fault}\n    sign: {sign}\n    do:   {remedy}")

# %% [markdown] id="B-start-text"
# ## A sound run first
#
# You cannot see that a log is sick before you have seen a healthy one. The patient is
# the adder of [chapter 11](11_grpo.ipynb): 0.15 million parameters that learned to add
# two numbers and then to be careless. The loop is GRPO with two updates a step, groups
# of eight, and **none of the guards** of the course's own `train`. That one would
# refuse several of the faults that follow, with a sentence. One prompt in nine is
# shorter than the rest, so that there is padding to read wrongly.

# %% id="B-start"
from course import checkpoints
from course.data.arithmetic import problems
from course.reward.verifiable import unit_test_reward

start = checkpoints.load("adder")
short = [f"{a}+{b}=" for a in range(1, 10) for b in range(10, 100)]
pool = problems("train")[::4] + short[::4]
print(len(pool), "problems, such as", pool[0], "and", pool[-1])

# %% id="B-run"
import torch

from course.policy.faults import FAULTS, Loop, faulty_run
from course.runtime import generator


def run(loop, seed=0, prompts=pool, steps=40):
    """Forty steps from the start, with this loop's fault."""
    torch.manual_seed(seed)  # dropout draws from here
    return faulty_run(
        start.model, start.tokenizer, prompts, unit_test_reward, loop,
        steps=steps, generator=generator(seed),
    )  # fmt: skip


def ends(values, n=8):
    """Means of the first and of the last n values."""
    return sum(values[:n]) / n, sum(values[-n:]) / n


# %% id="B-sound"
from time import perf_counter

began = perf_counter()
sound = [run(Loop(), seed) for seed in (0, 1, 2)]
print(f"three sound runs in {perf_counter() - began:.0f} s")
for seed, history in enumerate(sound):
    first, last = ends(history["score/mean"])
    print(f"seed {seed}: solved {first:.2f} → {last:.2f}")

# %% id="B-sound-numbers"
names = (
    "score/mean", "score/std", "frac_reward_zero_std", "kl_seq", "entropy",
    "completion/length", "completion/eos_rate", "first/ratio_error",
    "policy/approx_kl", "policy/clipfrac", "grad_norm",
)  # fmt: skip
print(f"{'seed 0':<22} first step   last step")
for name in names:
    values = sound[0][name]
    print(f"{name:<22} {values[0]:>10.3f} {values[-1]:>11.3f}")

# %% [markdown] id="B-sound-after"
# What a sound log looks like: the score rises, its spread is not 0, fewer and fewer
# groups are equal, KL grows from 0, entropy falls, texts end, the first ratio is 1, and
# an update moves the policy by far less than 0.1 nats per token. And the doctor is
# silent:

# %% id="B-sound-claim" tags=["nbval-check-output"]
from course import claim
from course.policy.signs import diagnose, told

for history in sound:
    print(told(diagnose(history)))
claim("on three sound runs nothing is found", not any(map(diagnose, sound)))
claim(
    "all three learn",
    all(ends(h["score/mean"])[1] > ends(h["score/mean"])[0] + 0.05 for h in sound),
    gains=[ends(h["score/mean"])[1] - ends(h["score/mean"])[0] for h in sound],
)

# %% [markdown] id="B-faults-text"
# ## Twelve faults
#
# Each is one argument of the loop, a few lines that you can read in
# `course/policy/faults.py`. The learning rate is wrong in both directions, so there are
# thirteen runs.
#
# **Predict first.** Which of the twelve will still raise the score? Write down your
# list.
#
# <details><summary>Answer</summary>
#
# More than most people think; the table below the runs shows it. A wrong mask, padding
# read wrongly in a few prompts, top-p, dropout and recomputed log-probabilities all
# disturb the gradient without turning it round.
#
# </details>

# %% id="B-faults"
began, runs = perf_counter(), {}
for fault, loop in FAULTS.items():
    too_hard = fault == "equal groups"  # a kind of problem that it has never seen
    runs[fault] = run(loop, prompts=short if too_hard else pool)
print(f"{len(runs)} runs, {(perf_counter() - began) / len(runs):.0f} s each")
print(f"{'':<38} solved")
for fault, history in runs.items():
    first, last = ends(history["score/mean"])
    print(f"{fault:<38} {first:.2f} → {last:.2f}")

# %% [markdown] id="B-signs-text"
# ## The sign of each, in one picture
#
# Each panel shows the one metric that gives the fault away: the sick run as a solid
# line, the sound run of the same seed dashed. First six faults that leave the first
# ratio at 1, then five that move it, because two readings of one text disagree, and one
# that holds every ratio at 1.

# %% id="B-figure-what"
OUTSIDE = {
    "equal groups": "frac_reward_zero_std",
    "no end token": "completion/eos_rate",
    "beta too large": "kl_seq",
    "reward clipped to a constant": "score/std",
    "unscorable texts dropped": "score/missing",
    "learning rate too large": "policy/approx_kl",
}

# %% id="B-figure-what-inside"
INSIDE = {
    "wrong mask": "completion/length",
    "shift by one": "policy/approx_kl",
    "left padding read from the wrong side": "policy/approx_kl",
    "top-p in the sampler": "policy/ratio_mean",
    "dropout while sampling": "first/ratio_error",
    "old log-probabilities recomputed": "policy/clipfrac",
}

# %% id="B-figure-draw"
import matplotlib.pyplot as plt

from course import plots


def draw(deciding):
    """Six panels: the deciding metric of each fault, sick and sound."""
    _, panels = plt.subplots(2, 3, figsize=(8.6, 4.2), sharex=True)
    for axes, (fault, name) in zip(panels.flat, deciding.items(), strict=True):
        axes.plot(runs[fault][name], "-", label="with the fault")
        axes.plot(sound[0][name] or [0.0] * 40, "--", label="sound")
        axes.set_title(fault.replace(" read", "\nread"), fontsize=9)
        axes.set_ylabel(name, fontsize=8)
    for axes in panels[1]:
        axes.set_xlabel("step")
    shown = panels[0, 0].get_legend_handles_labels()
    panels[0, 0].figure.legend(*shown, loc="outside lower center", ncol=2)


# %% id="B-figure-outside"
draw(OUTSIDE)
plots.show(
    "Six panels over forty steps. Equal groups stay between one half and 1, where the "
    "sound run is mostly below 0.3; the share of texts that end is 0, not 1; KL stays "
    "near 0 with a large beta; the spread of a clipped score is 0; about a fifth of "
    "the texts has no score; with the large learning rate single updates move the "
    "policy by half a nat per token or more, where the sound run is at 0."
)

# %% id="B-figure-inside"
draw(INSIDE)
plots.show(
    "Six panels over forty steps. With the wrong mask every length is 4; shifted by "
    "one the two readings are nats apart, with wrong padding up to a nat, where "
    "the sound run is at 0; top-p keeps the mean ratio near 0.93; dropout puts the "
    "first ratio off by about 1; recomputed, the clip fraction is 0 throughout."
)

# %% [markdown] id="B-diagnose-text"
# ## `diagnose(history)`
#
# The function holds the table as rules. It names a fault only where its sign is in the
# log, with the numbers that speak for it.

# %% id="B-diagnose"
for fault, history in runs.items():
    print(f"planted: {fault}")
    for finding in diagnose(history):
        print(f"    found: {finding.fault} ({finding.measured})")

# %% id="B-diagnose-claim" tags=["nbval-check-output"]
found = {fault: [f.fault for f in diagnose(h)] for fault, h in runs.items()}
claim(
    "every planted fault is among those found",
    all(fault in names for fault, names in found.items()),
    faults=len(found),
)
claim(
    "at most two are named for a run",
    max(map(len, found.values())) <= 2,
    named_on_average=sum(map(len, found.values())) / len(found),
)

# %% [markdown] id="B-two-text"
# Where two are named, the second is a consequence of the first: a policy that a large
# step has thrown away is right nowhere, so its groups are equal. This is why the table
# is read from the top.
#
# ## What the course's own loop does
#
# `policy.loop.train` refuses several of these runs, because it reads each batch twice
# and compares. Here it meets a sampler in training mode.

# %% id="B-guard-rollout"
from course.policy.faults import with_dropout
from course.policy.rollout import collect

torch.manual_seed(0)
asked = [p for p in pool[:8] for _ in range(8)]
rollout = collect(
    with_dropout(start.model), start.model, start.tokenizer, asked,
    unit_test_reward, max_new_tokens=4, generator=generator(0),
)  # fmt: skip

# %% id="B-guard" tags=["nbval-check-output"]
from course.policy.grpo import grpo_step
from course.runtime import CourseError

optimizer = torch.optim.AdamW(start.model.parameters(), lr=1e-4)
try:
    grpo_step(start.model, optimizer, rollout, group_size=8)
except CourseError as error:
    print(str(error).partition(":")[0])
    claim("the guard names dropout", "dropout" in str(error))

# %% [markdown] id="B-examined"
# ## Examined: "the score goes up, so the code is right"
#
# A popular way to test a loop is to look whether the reward rises. Look at the list of
# runs above again: how many faulty runs rise as far as the sound ones?

# %% id="B-examined-count" tags=["nbval-check-output"]
gain = {fault: ends(h["score/mean"])[1] - ends(h["score/mean"])[0]
        for fault, h in runs.items()}  # fmt: skip
learned = [fault for fault, value in gain.items() if value > 0.05]
claim("at least four faulty runs learn all the same", len(learned) >= 4)

# %% id="B-examined-list"
for fault in sorted(gain, key=gain.get, reverse=True):
    print(f"{fault:<38} {gain[fault]:+.2f}")

# %% [markdown] id="B-no-end-text"
# About half of them rise as far as the sound runs. Even without an end token
# the score rises, and most of all. How can an answer be
# right that does not end? Look at the tokens of some that are, before any training.

# %% id="B-no-end"
from course.policy.faults import without_end

endless = without_end(start.model)
tried = [problem for problem in pool[:1600:60] for _ in range(8)]
rollout = collect(
    endless, endless, start.tokenizer, tried, unit_test_reward,
    max_new_tokens=4, generator=generator(0),
)  # fmt: skip
print(f"{int(rollout.scores.sum())} of {len(tried)} are right:")
for i in rollout.scores.nonzero()[:3, 0].tolist():
    written = rollout.completion_ids[i].tolist()
    print(rollout.prompts[i], *start.tokenizer.convert_ids_to_tokens(written))

# %% [markdown] id="B-examined-after"
# Four tokens are written where the answer has three characters, and the rest is a
# token that decoding drops. Such texts earn the reward, so the policy learns to write
# them, and the score alone says nothing of it.
#
# So a rising score is no test. What these faults do, forty easy steps do not show:
# top-p teaches from texts of another policy, a recomputed ratio switches the clip
# off, and a mask that counts padding spends gradient on tokens that nobody reads. Test
# the *first ratio* instead: it is exact, it needs one batch, and it sees five of the
# twelve.
#
# ## What the doctor cannot know
#
# - It looks at shared metrics only. A reward that measures the wrong thing leaves no
#   sign there: the score rises, and that is all ([chapter
#   14](14_reward_hacking.ipynb)).
# - Dropout in the sampler and any other noise in it look alike, and so do padding read
#   wrongly and other faults of a second reading. The log gives you the family; one
#   batch with one long and one short prompt, read twice, gives you the cause.
# - Its limits were chosen on these runs and on the course's own. A larger model, a
#   sampler in 16 bits or a long run may need others: they stand in
#   `course/policy/signs.py`, one line each.
# - "nothing found" means that no *known* sign was found.
#
# ## Test yourself
#
# 1. `frac_reward_zero_std` is 1 and `score/std` is 0. Which two causes can that have,
#    and what do you print to decide?
# 2. The first ratio is 1, the clip fraction is 0 in every step, and there are four
#    updates a step. What is wrong?
# 3. KL to the reference is 0.4 nats in the very first step. Name two causes.
# 4. Why does "unscorable texts dropped" need a metric of its own?
# 5. With which fault is the mean length the same whole number in every step?
#
# <details><summary>Answers</summary>
#
# 1. All scores are equal: either the reward is constant (a clip, a rule that never
#    fires), or no text is ever right. Print ten texts with their raw scores.
# 2. The old log-probabilities are taken anew before each update, so that every ratio is
#    1 and the clip can never work.
# 3. Policy and reference are the same weights then, so the two were *read* differently:
#    top-k, top-p, a temperature or dropout in the sampler, 16-bit arithmetic, or a
#    reference that is not the start.
# 4. A text without a score is in no mean, so none of the other metrics knows of it.
# 5. The wrong mask: every text has exactly the longest length, though nearly all end.
#    (The first ratio is off, too.)
#
# </details>
#
# ## Further reading
#
# - J. Schulman, [*Nuts and Bolts of Deep RL
#   Research*](http://joschu.net/docs/nuts-and-bolts.pdf), 2016: the same craft, for
#   games and robots.
# - S. Huang and others, [*The N+ Implementation Details of RLHF with
#   PPO*](https://arxiv.org/abs/2403.17031), 2024: what must be the same twice.
#
# **Next:** [appendix A](A_interview_questions.ipynb) asks sixty questions about all of
# it.
