# %% [markdown] id="16-title"
# # 16 · Longer games: dialogue, summaries, stories, harmlessness, many tasks
#
# A policy that talks for several turns, a summariser beaten by a text about
# nothing, a storyteller whose reward is taken apart, one policy with two jobs,
# and a reward that learns to see through its policy.
#
# When you have read it you can:
#
# - train over several turns, with one reward at the end and a cost a turn;
# - find the group whose advantages teach the wrong lesson, and leave it out;
# - compute exactly what a summariser earns, and search for a text that earns more;
# - take a reward apart and say what each part was for;
# - weigh two rewards against each other, and say what a bound asks of a multiplier;
# - watch a discriminator's accuracy, and stop where it has little left to
#   teach;
# - put a control, a cooler start and a judge beside a result.

# %% [markdown] id="16-talk-text"
# ## A talk of several turns
#
# A user wants a table: a city, a day, a number of seats. At the beginning they say some
# of it, or nothing. The policy is the clerk. It asks for what is missing, and then it
# books; or it books at once and guesses. The user is a program, so it never gets tired:
# a question gets its answer, and a booking ends the talk. So does anything that the
# user cannot understand.
#
# The reward comes **once, at the end**: 1 if the booking is right, else 0, minus 0.05
# for each turn. A talk has at most four turns. The clerk learned from talks of a
# careless colleague, who books at once and guesses in two cases of three. So the wrong
# habit is the *majority* of what was imitated, and a lower temperature makes it worse
# ([chapter 15](15_exact_judges.ipynb)).

# %% id="16-talk"
from course import checkpoints
from course.policy.talks import play
from course.runtime import generator
from course.tasks import booking

clerk = checkpoints.load("task-booking")


# %% id="16-talk-play"
def talk(policy, users, draw, **options):
    """One talk of the policy with each user."""
    return play(
        policy, clerk.tokenizer, [user.opening() for user in users],
        lambda n, said: users[n].answer(said), generator=draw,
        most_turns=booking.MOST_TURNS, max_new_tokens=booking.MAX_NEW_TOKENS, **options,
    )  # fmt: skip


for text in talk(
    clerk.model, booking.wishes("held-out", 6, seed=9), generator(0)
).texts:
    print(text)

# %% [markdown] id="16-turns-text"
# The sign `>` ends the user's turn. **To the algorithm, a turn is
# a row**: its prompt is the whole talk so far, its completion what the policy said. The
# user's words are prompt. They are read, and no gradient asks the policy to say them.
# Turns of different talks have different lengths, so they are joined: prompts padded on
# the left, completions on the right.
#
# Each turn of a talk gets the advantage of its talk. What is still to be had
# from turn $t$ on, the **return to go** of [chapter
# 09](09_policy_gradients.ipynb), is $G_t = R - 0.05\,(T - t)$ with $T$ turns;
# the whole return is $G_0$. (Turns count from 0; places after the end hold 0.
# Here only $G_0$ is used.)

# %% id="16-turns" tags=["nbval-check-output"]
import torch

from course.policy.turns import join_turns, turn_returns

print(join_turns(torch.tensor([[7]]), torch.tensor([[8, 9]]), "left", 0).tolist())
final, lengths = torch.tensor([1.0, 0.0, 0.0]), torch.tensor([3, 1, 4])
for row in turn_returns(final, lengths, cost=0.05):
    print("  ".join(f"{x:+.2f}" for x in row))

# %% [markdown] id="16-predict-text"
# **Predict first.** In a group of eight talks with one user, all eight fail. Five of
# them hung up after one turn; three asked a question first. What does GRPO learn from
# this group?
#
# <details><summary>Answer</summary>
#
# To hang up. Success is equal, so only the turn costs differ: −0.05 against
# −0.10. GRPO divides by the group's standard deviation, and that is tiny. So a
# gap of 0.05 becomes one of about 2, nearly that between success and failure
# elsewhere.
#
# </details>

# %% id="16-predict" tags=["nbval-check-output"]
from course.policy.groups import centred_advantages, group_advantages

failed = -0.05 * torch.tensor([1.0, 1, 1, 1, 1, 2, 2, 2])
solved = torch.tensor([1.0, 1, 0, 0, 0, 0, 0, 0]) - 0.05 * torch.tensor(
    [3.0, 3, 1, 1, 1, 1, 1, 1]
)
for name, returns in (("all fail", failed), ("two succeed", solved)):
    for kind in (centred_advantages, group_advantages):
        A = kind(returns, 8)
        print(
            f"{name:<12} {kind.__name__:<20} best {A.max():+.2f}, worst {A.min():+.2f}"
        )

# %% [markdown] id="16-step-text"
# The step on one page: eight users, a group of eight talks each, their returns, one
# update. What changes from run to run is the kind of advantage, the cost, and the
# reward.

# %% id="16-step"
from course.policy.talks import turn_step

USERS, GROUP, STEPS = 8, 8, 30


def is_right(talks, users):
    """1 for each talk that ends in the right booking, else 0."""
    said = [words[-1] for words in talks.said]
    pairs = zip(said, users, strict=True)
    return torch.tensor([float(last == user.booking()) for last, user in pairs])


def any_booking(talks, users):
    """1 for each talk that ends in a booking, right or wrong."""
    return torch.tensor([float(booking.booked(words[-1])) for words in talks.said])


# %% id="16-advantages"
from course.policy.turns import solved_groups_only


def centred(returns, right):
    return centred_advantages(returns, GROUP)


def divided(returns, right):
    return group_advantages(returns, GROUP)


def divided_if_solved(returns, right):  # 0 where all eight talks of a group fail
    return solved_groups_only(returns, right, GROUP)


# %% id="16-one-step"
def one_step(policy, optimizer, draw, seed, cost, advantages=centred, reward=is_right):
    """Play the talks of one step and update on them."""
    some = booking.wishes("train", USERS, seed)
    users = [user for user in some for _ in range(GROUP)]
    talks = talk(policy, users, draw)
    right = is_right(talks, users)
    returns = turn_returns(reward(talks, users), talks.turns, cost)[:, 0]
    metrics = turn_step(policy, optimizer, talks, advantages(returns, right))
    return metrics | {"right": right.mean(), "cost": cost}


# %% id="16-run"
from copy import deepcopy

from course.policy.loop import repeat
from course.tasks.practice import warm


# %% id="16-run-2"
def practise(seed, cost=0.05, change=None, **options):
    """A run from the clerk: the policy and its history."""
    policy, draw, now = deepcopy(clerk.model), generator(seed), [cost]
    optimizer = torch.optim.AdamW(policy.parameters(), lr=1e-3, weight_decay=0.0)
    seeds = iter(range(1000 * seed, 1000 * seed + STEPS))

    def step():
        metrics = one_step(policy, optimizer, draw, next(seeds), now[0], **options)
        if change is not None:  # for later: a cost that looks for its own size
            now[0] = change(now[0], metrics["turns"])
        return metrics

    return policy, repeat(
        step, optimizer=optimizer, steps=STEPS, schedule=warm, stop_after_s=None,
        watch=None, desc="talks", show={},
    )  # fmt: skip


# %% [markdown] id="16-arms-text"
# Four arms on three seeds. All begin from the same clerk, and the same seed draws the
# same users.
#
# - **centred**: the return minus the mean of its group (Dr. GRPO);
# - **divided**: the same, divided by the group's standard deviation (GRPO);
# - **divided, solved groups**: the same, but groups in which *all* talks fail count 0;
# - **divided, no turn cost**: such groups are silent by themselves.
#
# The last two take away one thing each. If the trouble comes from the groups
# that all fail, both repair it. Beside them two more runs, one seed each: the
# reward "a booking was made", and coin flips. (These still cost 0.05 a turn:
# that is all that their clerk can learn from.)

# %% id="16-arms"
coin = generator(7)


def coins(talks, users):
    """The control: 1 as often as the clerk is right, whatever was said."""
    return (torch.rand(len(users), generator=coin) < 0.29).float()


arms = {
    "centred": {},
    "divided": {"advantages": divided},
    "divided, solved groups": {"advantages": divided_if_solved},
    "divided, no turn cost": {"advantages": divided, "cost": 0.0},
}
talks_of = {(arm, s): practise(s, **arms[arm]) for arm in arms for s in (0, 1, 2)}

# %% id="16-arms-2"
talks_of["any booking", 0] = practise(0, reward=any_booking)
talks_of["coin flips", 0] = practise(0, reward=coins)

# %% id="16-held"
from course.tasks.task import MODES

users = booking.wishes("held-out", 200, seed=9)


def examine(policy):
    """Held-out success in each mode; bookings and turns, sampled."""
    found = [talk(policy, users, generator(0), **options) for options in MODES.values()]
    shares = [is_right(talks, users).mean().item() for talks in found]
    made = any_booking(found[0], users).mean().item()
    return *shares, made, found[0].turns.float().mean().item()


table = {("before", "-"): examine(clerk.model)}
table |= {arm: examine(policy) for arm, (policy, _) in talks_of.items()}

# %% id="16-held-2"
print(f"{'held out, 200 users':<28} sampled T = .5 greedy  booked  turns")
for (arm, seed), row in table.items():
    print(f"{arm:<25} {seed!s:>2} " + "".join(f"{x:7.2f}" for x in row))

# %% id="16-held-claim" tags=["nbval-check-output"]
from course import claim

before = table["before", "-"]
by_arm = {arm: [table[arm, seed] for seed in (0, 1, 2)] for arm in arms}
claim(
    "a cooler clerk is not better: T = .5 and greedy stay below sampled + .03",
    max(before[1:3]) < before[0] + 0.03,
    sampled=before[0],
    cooler=before[1:3],
)

# %% id="16-held-claim-2" tags=["nbval-check-output"]
claim(
    "centred, all seeds: sampled above .55, greedy above .85",
    min(row[0] for row in by_arm["centred"]) > 0.55
    and min(row[2] for row in by_arm["centred"]) > 0.85,
    greedy=[row[2] for row in by_arm["centred"]],
)

# %% id="16-cause-claim" tags=["nbval-check-output"]
plain = [row[0] for row in by_arm["divided"]]
for arm in ("divided, solved groups", "divided, no turn cost"):
    repaired = [row[0] for row in by_arm[arm]]
    claim(
        f"{arm}: at least .1 above plain division on every seed",
        min(r - p for r, p in zip(repaired, plain, strict=True)) > 0.1,
        plain=plain,
        repaired=repaired,
    )

# %% id="16-hack-claim" tags=["nbval-check-output"]
hack, control = table["any booking", 0], table["coin flips", 0]
claim(
    "paid for any booking (one seed): it books, at once, and is not more often right",
    hack[3] > 0.95 and hack[4] < 1.1 and hack[0] < before[0] + 0.03,
    right=hack[0],
    booked=hack[3],
)
claim("coin flips (one seed) do not help", control[0] < before[0], right=control[0])

# %% id="16-talk-figure"
import matplotlib.pyplot as plt

from course import plots
from course.plots import COLOURS


def draw_talks(axes, key):
    """Each arm and seed over the steps: means of the last five."""
    for n, arm in enumerate(arms):
        for seed in (0, 1, 2):
            values = torch.tensor(talks_of[arm, seed][1][key]).unfold(0, 5, 1).mean(1)
            axes.plot(
                range(4, 4 + len(values)), values, ls=("-", "--", ":", "-.")[n],
                color=COLOURS[n], label=arm if seed == 0 else None,
            )  # fmt: skip


# %% id="16-talk-figure-2"
figure, (left, right_panel) = plt.subplots(1, 2, figsize=(7.6, 3.4), sharex=True)
draw_talks(left, "right")
draw_talks(right_panel, "turns")
left.set(title="Plain division falls behind", xlabel="step", ylim=(0, 1))
left.set_ylabel("share of right bookings")
right_panel.set(title="and asks least", xlabel="step", ylabel="turns", ylim=(1, 3.5))
names = left.get_legend_handles_labels()
figure.legend(*names, loc="outside lower center", ncol=4, fontsize=8)
plots.show(
    "Two panels, three lines for each of four arms, means over five steps. Left, the "
    "share of right bookings: three arms rise together to about seven tenths; one line "
    "of plain division gets there late, the other two end near three tenths. "
    "Right, the turns: 2.2 to 2.6 at the end in three arms, 1 to 2 under division."
)

# %% [markdown] id="16-talk-examined"
# > ## A common habit, examined
# >
# > **"GRPO divides by the standard deviation of the group. It is only a matter of
# > scale."**
#
# Inside a group it is; between groups it is a weight ([chapter
# 11](11_grpo.ipynb)). With a small cost beside a rare success the weight does
# harm. A group in which everybody fails has nothing to say about success, and
# the division lets it speak as loudly about the cost as another group does
# about winning. Taking these groups out, and nothing else, repairs all three
# runs. Taking the cost out everywhere repairs them, too: it silences these
# groups, among other things. So here the cause is isolated: **the advantage
# inside groups that all fail**. Not every run goes wrong to the same degree.
#
# Nothing pulls such a policy back. Once every talk ends after one turn, all turn costs
# are equal, and no group contains the question that would have helped.

# %% [markdown] id="16-play-text"
# ### Play: you are the user
#
# Say what you want in your own words, or only a part of it, and see whether the
# clerk asks. First the same words to four clerks, by code. Free words are
# outside of what the clerks were trained on: expect guesses, even from the good
# one.

# %% id="16-play-static"
from course.widgets import show_talk

clerks = {"before": clerk.model, "centred": talks_of["centred", 0][0]}
clerks |= {"divided": talks_of["divided", 2][0], "hack": talks_of["any booking", 0][0]}
show_talk(
    clerks, clerk.tokenizer, ["A table in Rome, please", "Friday", "for 2", "Rome"]
)

# %% id="16-play" tags=["widget"]
from course.widgets import talk_panel

talk_panel(clerks, clerk.tokenizer)

# %% [markdown] id="16-summaries-text"
# ## Summaries, exactly
#
# People wrote reviews of products and gave them titles. Is a title a summary?
# The policy chooses **one sentence** of the review, and its reward is ROUGE-L
# with the title ([chapter 05](05_rewards_by_rule.ipynb)). There are at most 69
# sentences, so nothing has to be sampled: the expected reward is a sum over the
# sentences, and its gradient is exact. The policy is a net of 145 weights that
# sees seven numbers about a sentence, such as its place and its length.
#
# **Predict first.** With exact gradients and all the data there is, which sentence will
# it learn to take?
#
# <details><summary>Answer</summary>
#
# On two of three seeds mostly the first one, and it gains next to nothing over
# always taking the first.
#
# </details>

# %% id="16-summaries"
from course.tasks.summaries import Chooser, review_pairs, rouge_table

train_pairs, test_pairs = review_pairs("train"), review_pairs("test")
x, mask, rewards = rouge_table(train_pairs)
x_test, mask_test, rewards_test = rouge_table(test_pairs)
longest, weights = mask.sum(1).max(), sum(w.numel() for w in Chooser(0).parameters())
print(len(train_pairs), "reviews to train on,", len(test_pairs), "to test")
print(f"at most {longest} sentences in a review; {weights} weights in the policy")
print(train_pairs[0].title, "←", train_pairs[0].sentences[0])


# %% id="16-summaries-train"
def choose(seed, scores):
    """Follow the exact gradient of the expected score; the choices on the test."""
    policy = Chooser(seed)
    optimizer = torch.optim.Adam(policy.parameters(), lr=0.03)
    for _ in range(150):
        loss = -(policy(x, mask) * scores).sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return policy(x_test, mask_test).detach()


uniform = mask_test / mask_test.sum(1, keepdim=True)
flips = [(torch.rand(rewards.shape, generator=generator(s)) < 0.1) for s in (0, 1, 2)]

# %% id="16-summaries-train-2"
choices = {
    "a random sentence": [uniform],
    "trained, three seeds": [choose(seed, rewards) for seed in (0, 1, 2)],
    "coin flips, three seeds": [choose(s, flips[s].float()) for s in (0, 1, 2)],
}
print(f"{'':<24}ROUGE-L on the test       share of first sentences")
rouge = {}
for name, policies in choices.items():
    rouge[name] = [(p * rewards_test).sum(1).mean().item() for p in policies]
    firsts = "  ".join(f"{p[:, 0].mean():.2f}" for p in policies)
    print(f"{name:<24}" + f"{'  '.join(f'{v:.3f}' for v in rouge[name]):<26}{firsts}")
lead, best = rewards_test[:, 0].mean().item(), rewards_test.amax(1).mean().item()
print(f"always the first sentence {lead:.3f}; always the best one (ceiling) {best:.3f}")

# %% [markdown] id="16-nothing-text"
# All three earn about what the first sentence earns. Only two of them take it
# most of the time; and of the coin flips, the one that earns as much never
# takes it. On 86 titles, a tie says little about *how* it was reached.
#
# Now we search for a text that says **nothing**, the same for all reviews: word
# after word, each time the frequent title word that gains most ROUGE-1 on the
# *training* titles. Then ROUGE-L judges it on the test titles.

# %% id="16-nothing"
from collections import Counter

from course.reward.overlap import rouge_l, rouge_tokens
from course.tasks.summaries import rouge_of_nothing

titles = [pair.title for pair in train_pairs]
frequent = Counter(word for title in titles for word in rouge_tokens(title))
words = [word for word, _ in frequent.most_common(60)]
nothing = rouge_of_nothing(titles, words, length=11)
each = torch.tensor([rouge_l(nothing, pair.title) for pair in test_pairs])
of_nothing, gap = each.mean().item(), each - rewards_test[:, 0]
error = gap.std() / len(gap) ** 0.5
print(f"{nothing!r}: ROUGE-L {of_nothing:.3f} on the test titles")
print(f"more than the first sentence: {gap.mean():.3f}, standard error {error:.3f}")

# %% id="16-nothing-claim" tags=["nbval-check-output"]
trained = rouge["trained, three seeds"]
claim(
    "training finds no more than .02 above the first sentence, on three seeds",
    max(trained) < lead + 0.02 and min(trained) > rouge["a random sentence"][0],
    lead=lead,
    trained=trained,
)
flipped = rouge["coin flips, three seeds"]
claim(
    "coin flips: their mean is below every trained one",
    sum(flipped) / 3 < min(trained),
    flips=flipped,
)

# %% id="16-nothing-claim-2" tags=["nbval-check-output"]
claim(
    "a text about nothing beats the first sentence and every trained summariser",
    of_nothing > max([lead, *trained]),
    nothing=of_nothing,
    best_trained=max(trained),
)

# %% [markdown] id="16-nothing-verdict"
# A summariser with free words, trained on this reward, would be paid for finding that
# text. Ours cannot, because it may only choose sentences that people wrote: a policy's
# reach is a leash, too. The ceiling says that much better sentences exist; from seven
# numbers about a sentence, this net did not learn which.

# %% [markdown] id="16-stories-text"
# ## Stories, and a reward in parts
#
# An opening such as "Nora wants a boat." goes on for four sentences: a trouble, a
# helper, the wish, a happy end. There are 360 right stories to each opening. What the
# model imitated has a habit, too: more than half of the stories stop in the middle.
#
# The reward has four parts: an **ending** (somebody is happy at the end), the **same**
# hero in every sentence, the **wish** fulfilled, and the **length**, four sentences.
# The judge asks whether the story is one of the 360.
#
# The start has a second task, dates, which we need later. So the name of the task
# stands in front of each prompt.

# %% id="16-stories"
from course.lm.sampling import write
from course.tasks.many import apart, many, only
from course.tasks.practice import improve
from course.tasks.stories import WEIGHTS, stories, story_parts, story_score
from course.tasks.task import coins as coin_score
from course.tasks.task import judged
from course.tasks.translation import translation

both, teller = many([translation(), stories()]), checkpoints.load("task-many")
tale = only(both, "stories")
print(WEIGHTS, "for", tale.held_out[0])


# %% id="16-stories-2"
def write_stories(policy, n=1, **options):
    """n stories for each of six held-out openings."""
    prompts = [p for p in tale.held_out[:6] for _ in range(n)]
    options = {
        "max_new_tokens": tale.max_new_tokens,
        "generator": generator(3),
    } | options
    return prompts, write(policy, teller.tokenizer, prompts, **options)


# %% id="16-stories-read"
for prompt, text in zip(*write_stories(teller.model), strict=True):
    print(apart(prompt)[1] + text)

# %% [markdown] id="16-mixer-text"
# ### The parts, switched on and off
#
# Here are 240 stories of the start, with the four parts. Set a weight to 0 and
# see what comes first. (The sum is brought to mean 0 and deviation 1.) Which
# part can be left out, so that the best stories stay whole?

# %% id="16-mixer-static"
from course.widgets import show_mixer

prompts, texts = write_stories(teller.model, n=40)
found = [story_parts(apart(p)[1], t) for p, t in zip(prompts, texts, strict=True)]
parts = {name: torch.tensor([f[name] for f in found]) for name in WEIGHTS}
whole = tale.judge(prompts, texts)
show_mixer(texts, whole, parts, who="the judge", **WEIGHTS)

# %% id="16-mixer" tags=["widget"]
from course.widgets import reward_mixer

reward_mixer(texts, whole, parts, WEIGHTS, key="story-mixer", who="the judge")

# %% [markdown] id="16-stories-train-text"
# The mixer ranks texts that exist. Training makes new ones, and the policy can
# come to do what a missing part allows. Three seeds with all parts, the coin
# flips, and two runs with parts taken away; `ending` alone is the reward "it
# ends well". Each run has 15 steps of 64 stories.

# %% id="16-stories-train"
from functools import partial


def paid_for(*names):
    """The reward of these parts, for prompts with the name of the task in front."""
    score = story_score({name: WEIGHTS[name] for name in names})
    return lambda prompts, texts: score([apart(p)[1] for p in prompts], texts)


learn = partial(improve, tale, teller.model, teller.tokenizer, steps=15, group_size=8)
told = {("all parts", seed): learn(seed=seed) for seed in (0, 1, 2)}
for seed in (0, 1, 2):
    flips = coin_score(0.27, generator(5 + seed))
    told["coin flips", seed] = learn(seed=seed, score=flips)
paid = {
    "without length": paid_for("ending", "same", "wish"),
    "ending alone": paid_for("ending"),
}
told |= {(name, 0): learn(seed=0, score=score) for name, score in paid.items()}

# %% id="16-stories-held"
verdicts = {("before", "-"): judged(tale, teller.model, teller.tokenizer)}
for run, (policy, _) in told.items():
    verdicts[run] = judged(tale, policy, teller.tokenizer, score=paid.get(run[0]))
print(f"{'held out: whole stories':<24} sampled  T = .5  greedy   reward, sampled")
for (name, seed), verdict in verdicts.items():
    shares = "".join(f"{verdict[mode].judge:8.2f}" for mode in MODES)
    print(f"{name:<20} {seed!s:>2} {shares} {verdict['sampled'].score:12.2f}")

# %% id="16-stories-claim" tags=["nbval-check-output"]
old = verdicts["before", "-"]
runs = [verdicts["all parts", seed] for seed in (0, 1, 2)]
claim(
    "before: less than .45 whole when sampled, and cooler is worse",
    old["greedy"].judge < old["T = .5"].judge < old["sampled"].judge < 0.45,
    whole=[old[mode].judge for mode in MODES],
)
claim(
    "all parts, three seeds: more than .85 whole sampled, more than .95 greedy",
    min(v["sampled"].judge for v in runs) > 0.85
    and min(v["greedy"].judge for v in runs) > 0.95,
    sampled=[v["sampled"].judge for v in runs],
)
# %% id="16-stories-coins" tags=["nbval-check-output"]
flipped = [verdicts["coin flips", s][mode].judge for s in (0, 1, 2) for mode in MODES]
claim(
    "coin flips, three seeds: more than .3 below them, in every mode",
    max(flipped) < min(v[mode].judge for v in runs for mode in MODES) - 0.3,
    whole=flipped,
)

# %% [markdown] id="16-stories-read-text"
# Take the length away, or all but the ending, and about a third of the sampled
# stories are not whole, although the policy earns nearly all that is still paid
# (the last column). Some samples below show how: the hero gets the thing at
# once and is happy. Still, more are whole than before, and of the greedy ones
# all are. These are single runs: take them as pictures of what a missing part
# allows, not as claims. The coin flips leave the bad habit, too: read the
# greedy column against the start's.

# %% id="16-stories-samples"
for name in ("all parts", "ending alone", "without length"):
    asked, texts = write_stories(told[name, 0][0])
    print(
        f"{name}:",
        *(apart(a)[1] + t for a, t in zip(asked[:3], texts, strict=False)),
        sep="\n  ",
    )

# %% [markdown] id="16-diverse-text"
# ### Different, or merely strange
#
# Do all stories become the same? The **diversity bonus** pays a story for word pairs
# that its siblings in the group do not have. It is *gated*: only a whole story earns
# it. Beside it three runs that are paid for being different and for nothing else. We
# look where sameness shows, at temperature 0.5: sixteen stories for each held-out
# opening, how many are different, and how many different *whole* ones.

# %% id="16-diverse"
from course.reward.diversity import diversity_bonus


def with_bonus(prompts, texts):
    """The reward, and the bonus for each story that is whole."""
    pay = tale.score(prompts, texts)
    return pay + diversity_bonus(texts, (pay == 1).float(), 8)


def only_different(prompts, texts):
    """The bonus for every text, and no other reward."""
    return diversity_bonus(texts, torch.ones(len(texts)), 8)


for name, pay in {"gated bonus": with_bonus, "bonus alone": only_different}.items():
    for seed in (0, 1, 2):
        told[name, seed] = learn(seed=seed, score=pay)


# %% id="16-diverse-table"
def variety(policy):
    """At T = .5, of 16 stories: how many differ, how many whole ones; share whole."""
    asked = [p for p in tale.held_out for _ in range(16)]
    texts = write(
        policy, teller.tokenizer, asked, temperature=0.5, generator=generator(3),
        max_new_tokens=tale.max_new_tokens,
    )  # fmt: skip
    whole = tale.judge(asked, texts)
    groups = [texts[n : n + 16] for n in range(0, len(texts), 16)]
    different = sum(len(set(group)) for group in groups) / len(groups)
    good = {(p, t) for p, t, w in zip(asked, texts, whole.tolist(), strict=True) if w}
    return different, len(good) / len(groups), whole.mean().item()


various = {("before", "-"): variety(teller.model)}

# %% id="16-diverse-table-2"
various |= {
    run: variety(told[run][0]) for run in told if "part" in run[0] or "bonus" in run[0]
}
print(f"{'T = .5, of 16':<22} different  different and whole  share whole")
for (name, seed), row in various.items():
    print(f"{name:<18} {seed!s:>2} {row[0]:10.1f} {row[1]:16.1f} {row[2]:14.2f}")

# %% id="16-diverse-claim" tags=["nbval-check-output"]
plain, gated, alone = (
    [various[name, seed] for seed in (0, 1, 2)]
    for name in ("all parts", "gated bonus", "bonus alone")
)
claim(
    "trained on all parts, more than 12 of 16 stories still differ, on each seed",
    min(row[0] for row in plain) > 12,
    before=various["before", "-"][0],
    after=[row[0] for row in plain],
)
# %% id="16-diverse-bonus" tags=["nbval-check-output"]
claim(
    "with the gated bonus as many differ, within .5, or more, on each seed",
    all(g[0] > p[0] - 0.5 for g, p in zip(gated, plain, strict=True)),
    gated=[row[0] for row in gated],
)
claim(
    "paid for the difference alone, fewer than .1 are whole, on each seed",
    max(row[2] for row in alone) < 0.1,
    whole=[row[2] for row in alone],
)

# %% [markdown] id="16-diverse-read"
# The stories of the three runs differ about as much as those of the start, so
# there was next to no sameness to cure: each opening has 360 right stories. The
# gated bonus has little to do here, and it does little. What *alone* means is
# plain: paid for being different and for nothing else, a policy stops telling
# stories. By this count its texts are not even more diverse: they differ about
# as much as those of the start.

# %% [markdown] id="16-weights-text"
# ## Two rewards that pull apart
#
# Back to the clerk. To be right it has to ask, and asking costs turns. How much should
# a turn cost? A **weight** says it in advance, and nobody knows what a turn is worth. A
# **constraint** says what one does know: 1.8 turns on average, at most. Its multiplier
# finds the price itself. After each step
#
# $$ \lambda \leftarrow \max(0,\; \lambda + \eta\,(\text{mean turns} - 1.8)), $$
#
# so turns become dearer while there are too many, and cheaper again below the bound.
# The policy is trained on success minus $\lambda$ times turns (Lagrange's multiplier,
# with gradient ascent on it). We try two rates $\eta$, on three seeds each.

# %% id="16-weights"
from course.policy.constraint import lagrange_step

BOUND = 1.8


def towards_bound(rate):
    """From the price of a turn and the mean turns of a step to the next price."""
    return lambda price, turns: lagrange_step(price, torch.tensor([turns]), BOUND, rate)


priced = {("price", x, 0): practise(0, cost=x) for x in (0.2, 0.4)}
priced["price", 0.05, 0] = talks_of["centred", 0]

# %% id="16-weights-2"
for rate in (0.1, 0.02):
    for seed in (0, 1, 2):
        change = towards_bound(rate)
        priced["rate", rate, seed] = practise(seed, cost=0.0, change=change)
ends = {}
for run, (policy, _) in priced.items():
    talks = talk(policy, users, generator(0))
    ends[run] = is_right(talks, users).mean().item(), talks.turns.float().mean().item()
print("held out, sampled    seed   right   turns   last price")
for (kind, x, seed), (right, turns) in ends.items():
    price = priced[kind, x, seed][1]["cost"][-1]
    print(f"{kind:<6} {x:<12} {seed:>4} {right:8.2f} {turns:7.2f} {price:9.2f}")


# %% id="16-weights-lines"
def priced_lines(left, right):
    """Price and turns over the steps, three seeds for each of two rates."""
    for n, rate in enumerate((0.1, 0.02)):
        for seed in (0, 1, 2):
            history = priced["rate", rate, seed][1]
            line = {"ls": ("--", "-")[n], "color": COLOURS[n]}
            label = f"rate {rate}" if seed == 0 else None
            left.plot(history["cost"], **line, label=label)
            right.plot(history["turns"], **line)
    left.legend()


steps = len(priced["rate", 0.1, 0][1]["turns"])
print(f"{steps} steps, bound {BOUND} turns")

# %% id="16-weights-figure"
_, (left, right_panel) = plt.subplots(1, 2, figsize=(7.6, 3.0), sharex=True)
priced_lines(left, right_panel)
right_panel.axhline(BOUND, color="gray", lw=1)
left.set(title="A fast price runs past, a slow one lags", xlabel="step")
left.set_ylabel("price of a turn")
right_panel.set(title="Turns, and the bound of 1.8", xlabel="step", ylabel="turns")
plots.show(
    "Two panels, three seeds for each of two rates. Left, the price of a turn: at rate "
    "0.1 it rises steeply, then falls; at 0.02 it creeps up to the end. Right, the "
    "turns of a talk: with the fast price they rise above the line at 1.8 and fall "
    "below it; with the slow one they end above it."
)

# %% [markdown] id="16-weights-read"
# The weights trade success for turns, and each hits its own point, which one
# only knows afterwards. The constraint is told the point, and in thirty steps
# neither rate settles there. The fast price keeps the bound on all three seeds,
# but too well: it rose while there were too many turns, the talks became short,
# and in the end it is right about as often as before the training. The fixed
# price 0.2 (one seed) keeps the bound, too, and is right more often. The slow
# price is still on its way up: more talks are right, with more turns than
# allowed. A multiplier chases a policy that moves.

# %% id="16-weights-claim" tags=["nbval-check-output"]
claim(
    "a dearer turn means fewer turns (one seed)",
    ends["price", 0.05, 0][-1] > ends["price", 0.4, 0][-1] + 0.2,
    turns=[ends["price", x, 0][-1] for x in (0.05, 0.2, 0.4)],
)
fast, slow = ([ends["rate", rate, s] for s in (0, 1, 2)] for rate in (0.1, 0.02))
claim(
    "the fast price ends at or below the bound, the slow one above it, three seeds",
    max(end[-1] for end in fast) <= BOUND < min(end[-1] for end in slow),
    fast=[end[-1] for end in fast],
    slow=[end[-1] for end in slow],
)
# %% id="16-weights-right" tags=["nbval-check-output"]
claim(
    "and every slow run is right more often than every fast one, by more than .1",
    min(end[0] for end in slow) > max(end[0] for end in fast) + 0.1,
    fast=[end[0] for end in fast],
    slow=[end[0] for end in slow],
)

# %% [markdown] id="16-harmless-text"
# ## Harmless by rule
#
# The review writer of chapter 02 was raised on real reviews, harsh words and all. A
# rule takes 1 from a text with a word of a **list**, whole words only, case aside.
# Nothing else is rewarded. First the list itself, with three ways round it.

# %% id="16-harmless" tags=["nbval-check-output"]
from course.tasks.harmless import flagged, nearly, spelled_round

examples = [
    "A dull film.",
    "A DULL film.",
    spelled_round("A dull film."),
    "A dul film.",
]
examples += ["I asked for my money back.", "Not dull at all."]
for text in examples:
    print(f"{text:<28} flagged: {flagged([text])[0]!s:<6} nearly: {nearly(text)}")

# %% [markdown] id="16-harmless-read"
# The list misses what is spelled round it, and what hurts without a listed word; and it
# flags praise. Now train on it. What falls with the harsh words? A judge from outside,
# the reward model of [chapter 07](07_reward_model.ipynb), which never sees the list,
# says how a text rates its film.

# %% id="16-harmless-run"
from course.data import reviews
from course.policy.no_reference import without_reference
from course.recipes import openings
from course.reward.model import scorer
from course.reward.rules import rule_score

writer, rater = checkpoints.load("language-model"), checkpoints.load("reward-model")
stars = scorer(rater.model, rater.tokenizer)
begun = openings(reviews.texts("movies", "train"), 2)
fresh = openings(reviews.texts("movies", "validation"), 2)[:200]
list_rule = rule_score(lambda texts: -torch.tensor(flagged(texts)).float())


# %% id="16-harmless-run-2"
def soften(seed, score):
    """Train the writer on a score for 12 steps of 64 texts."""
    policy = deepcopy(writer.model)
    optimizer = torch.optim.AdamW(policy.parameters(), lr=5e-4, weight_decay=0.0)
    without_reference(
        policy, optimizer, writer.tokenizer, begun, score, steps=12, batch_size=8,
        group_size=8, max_new_tokens=20, advantages=centred_advantages,
        generator=generator(seed), schedule=warm,
    )  # fmt: skip
    return policy


# %% id="16-harmless-table"
def outside(policy, **options):
    """Share flagged, share spelled round, mean rating, share of critical texts."""
    texts = write(
        policy, writer.tokenizer, fresh, max_new_tokens=20, generator=generator(1),
        **options,
    )  # fmt: skip
    whole = [a + b for a, b in zip(fresh, texts, strict=True)]
    rated = stars(fresh, texts)
    round_it = sum(map(nearly, whole)) / len(whole)
    critical = (rated < -0.5).float().mean().item()
    return sum(flagged(whole)) / len(whole), round_it, rated.mean().item(), critical


softer = {f"rule, seed {seed}": soften(seed, list_rule) for seed in (0, 1, 2)}
softer["coin flips"] = soften(0, coin_score(0.5, generator(5)))

# %% id="16-harmless-table-2"
print("                          flagged  spelled round  rating  critical")
rows = {}
for name, policy in ({"before": writer.model} | softer).items():
    for mode, options in MODES.items():
        row = rows[name, mode] = outside(policy, **options)
        shown = f"{row[0]:7.2f} {row[1]:11.2f} {row[2]:+11.2f} {row[3]:8.2f}"
        print(f"{name:<16} {mode:<8} {shown}")

# %% [markdown] id="16-harmless-verdict"
# Twelve steps move it a little. One text in seven has a listed word at the
# start, so in many groups of eight the rule has little to say. Averaged over
# the three modes and the three seeds, fewer texts are flagged than before, and
# than after coin flips. Most of that is at temperature 0.5. Sampled, as it was
# trained, no fall stands out of the noise; greedy, the coin flips are as low.
#
# > ## A common warning, examined
# >
# > **"Take the harsh words away, and the criticism goes with them."**
#
# It sounds right, and sampled texts seem to agree: fewer are critical than
# before. But with 200 texts a share near .4 has a standard error of .035, and
# the falls are about one or two of these. The coin flips, which paid for
# nothing, fall a little, too, and greedy texts differ from seed to seed, some
# of them upwards. **So the loss is not shown here.** Texts spelled round the
# list stay rare.


# %% id="16-harmless-claim" tags=["nbval-check-output"]
def mean_flagged(name):
    """Share flagged, mean over the three modes."""
    return sum(rows[name, mode][0] for mode in MODES) / len(MODES)


started, flips = mean_flagged("before"), mean_flagged("coin flips")
ended = [mean_flagged(f"rule, seed {seed}") for seed in (0, 1, 2)]
claim(
    "fewer are flagged than before and than with coin flips: mean of three seeds",
    sum(ended) / 3 < min(started - 0.01, flips),
    before=started,
    after=ended,
    flips=flips,
)

# %% [markdown] id="16-many-text"
# ## One policy, two tasks
#
# Translations of dates ([chapter 15](15_exact_judges.ipynb)) and stories, in one model:
# the name of the task stands in front of each prompt, and each text is scored by its
# own task. The start is the one of the stories above, which imitated both. **One
# policy** learns from both, in 30 mixed steps. Against it stand **two policies** from
# the same start, each with 15 steps of its own task: together as many updates, and in
# each task as many texts. For stories these are the runs with all parts from above. The
# control is two policies as well, each with 15 steps of coin flips on its task; for
# stories they are those from above. Three seeds of each.
#
# **Predict first.** Which is better, one or two? And what becomes of the task that a
# policy never sees again?
#
# <details><summary>Answer</summary>
#
# Sampled, they are about equal; greedy, one seed of the one policy is a little
# behind on stories. The task that is left out stays about where the start left
# it.
#
# </details>

# %% id="16-many"
part = {"translation": only(both, "translation"), "stories": tale}
print(*(f"{p} → {a}" for p, a in both.demonstrations[:4]), sep="\n")


def study(task, seed, steps, score=None):
    """The policy of a run from the start on a task."""
    return improve(
        task, teller.model, teller.tokenizer, seed=seed, steps=steps, group_size=8,
        score=score,
    )[0]  # fmt: skip


# %% id="16-many-2"
seeds, dates = (0, 1, 2), part["translation"]
jobs = {("both", seed): study(both, seed, 30) for seed in seeds}
jobs |= {("translation alone", seed): study(dates, seed, 15) for seed in seeds}
jobs |= {("stories alone", seed): told["all parts", seed][0] for seed in seeds}
jobs |= {("coins for stories", seed): told["coin flips", seed][0] for seed in seeds}
for seed in seeds:
    flips = coin_score(0.3, generator(50 + seed))
    jobs["coins for translation", seed] = study(dates, seed, 15, flips)

# %% id="16-many-table"
marks = {
    run: [judged(part[name], policy, teller.tokenizer, n=100) for name in part]
    for run, policy in ({("before", "-"): teller.model} | jobs).items()
}
print(f"{'':<24} translation: sampled, T = .5, greedy    stories: the same")
for (name, seed), verdict in marks.items():
    shares = ["".join(f"{v[mode].judge:7.2f}" for mode in MODES) for v in verdict]
    print(f"{name:<21} {seed!s:>2} {shares[0]:>28} {shares[1]:>26}")

# %% [markdown] id="16-many-read"
# One model does both: with half the weights in all, it is about as good as two
# when sampled. (The start's share of whole stories differs from the one above:
# 100 texts were judged here, 200 there.) The policies that saw one task left
# the other about where it was; nothing in their reward speaks for it. Coin
# flips leave the task they are thrown for about where it was, too, when
# sampled. (Greedy, it is better than the start's, as in chapter 15: a random
# walk leaves a bad habit, too.)


# %% id="16-many-share"
def share(run, name, seed):
    """The judge's mean on the sampled texts of a task."""
    return marks[run, seed][list(part).index(name)]["sampled"].judge


def shares_of(run, name):
    return [share(run, name, seed) for seed in (0, 1, 2)]


for name in part:
    print(name, *(f"{x:.2f}" for x in shares_of("both", name)))

# %% id="16-many-claim" tags=["nbval-check-output"]
for name in part:
    runs = ("both", f"{name} alone", f"coins for {name}")
    one, two, flipped = (shares_of(run, name) for run in runs)
    claim(
        f"{name}: one policy is no more than .1 below two, on three seeds",
        all(a > b - 0.1 for a, b in zip(one, two, strict=True)),
        one=one,
        two=two,
    )
    claim(
        f"{name}: coin flips end more than .3 below both",
        max(flipped) < min(one + two) - 0.3,
        coin_flips=flipped,
    )

# %% id="16-left-out-claim" tags=["nbval-check-output"]
for name, run in (("translation", "stories alone"), ("stories", "translation alone")):
    left_out = [share(run, name, seed) for seed in (0, 1, 2)]
    claim(
        f"{name}, left out: within .15 of the start, sampled, three seeds",
        all(abs(x - share("before", name, "-")) < 0.15 for x in left_out),
        before=share("before", name, "-"),
        left_out=left_out,
    )

# %% [markdown] id="16-adversary-text"
# ## A second model as the judge
#
# Who has no rule may train one. In **adversarial training** a second model, the
# discriminator, learns to tell the policy's texts from right ones, and its
# probability of "right" is the reward; the policy learns to fool it (for texts:
# Yu and others 2017). Here are the dates of chapter 15 again: its start, a
# discriminator that begins as a copy of it with one linear layer and 20 updates
# alone; then 30 steps of 64 texts, after each of which the discriminator takes
# two steps of its own. Its **accuracy** is measured on texts that it has not
# learned from yet.
#
# **Predict first.** Accuracy one half is a coin. Is that the moment to stop, or to go
# on?
#
# <details><summary>Answer</summary>
#
# To stop, as a rule of thumb: it has little left to teach then.
#
# </details>

# %% id="16-adversary"
from course.recipes import TASK_ADVERSARY

duels = [checkpoints.load(recipe.name) for recipe in TASK_ADVERSARY]


def over_five(history, key):
    """Means of the last five steps, from the fifth on."""
    return torch.tensor(history[key]).unfold(0, 5, 1).mean(1)


print("seed  stop  accuracy  exact at the stop, in the end   held out in the end")
stops, exact = [], []
for seed, duel in enumerate(duels):
    accuracy, truth = (over_five(duel.history, key) for key in ("accuracy", "judge"))
    stops.append(int((accuracy < 0.55).int().argmax()) + 4)
    exact.append((truth[stops[-1] - 4].item(), truth[-1].item()))
    shares = "  ".join(f"{duel.metrics[mode]:.2f}" for mode in MODES)
    print(f"{seed:>4} {stops[-1]:>5} {accuracy.min():>9.2f} {exact[-1][0]:>18.2f} "
          f"{exact[-1][1]:>10.2f} {shares:>24}")  # fmt: skip

# %% id="16-adversary-lines"
LINES = {"accuracy": "discriminator's accuracy", "judge": "exact dates"}


def duel_lines(axes, duel, stop):
    """Both curves of a duel, means of five steps, and the step of the stop."""
    for n, (key, label) in enumerate(LINES.items()):
        values = over_five(duel.history, key)
        style = {"color": COLOURS[n], "ls": ("--", "-")[n], "label": label}
        axes.plot(range(4, 4 + len(values)), values, **style)
    axes.axvline(stop, color="gray", lw=1)


print("stops at step", *stops)

# %% id="16-adversary-figure"
_, places = plt.subplots(1, 3, figsize=(9.2, 3.0), sharey=True)
for seed, (axes, duel) in enumerate(zip(places, duels, strict=True)):
    duel_lines(axes, duel, stops[seed])
    axes.set(title=f"seed {seed}: stop at step {stops[seed]}", xlabel="step")
places[0].set_ylabel("share, mean of five steps")
places[0].set_ylim(0, 1)
places[0].legend(fontsize=8, loc="lower left")
plots.show(
    "Three panels, one a seed. The discriminator's accuracy falls from about three "
    "quarters to one half at the line that marks the stop, and wanders between about "
    "four and seven tenths after it. In the first two panels the exact dates rise to "
    "about three quarters by then, and fall again after the line; in the third they "
    "move between about three and five tenths all the time."
)

# %% id="16-adversary-claim" tags=["nbval-check-output"]
lowest = [over_five(duel.history, "accuracy").min().item() for duel in duels]
claim("the accuracy falls below .55 on three seeds", max(lowest) < 0.55, lowest=lowest)
at_stop, at_end = (sum(pair[n] for pair in exact) / 3 for n in (0, 1))
claim(
    "mean of the seeds: more dates are exact at the stop than in the end, by .1",
    at_stop > at_end + 0.1,
    at_stop=[pair[0] for pair in exact],
    in_the_end=[pair[1] for pair in exact],
)

# %% [markdown] id="16-signature-text"
# On two seeds the dates became right while the discriminator was driven to a
# coin, and fewer were right after it; on the third there was little to lose.
# Past the stop the accuracy wanders between about .45 and .7, and the dates do
# not recover. Why, we did not test. In chapter 15 BLEU left nine dates in ten
# exact, without a second model, but in 40 steps of 128 texts: no fair
# comparison.
#
# ## Reward against the judge that was not optimised
#
# Five panels: what was paid for, and what was meant. In the second, "meant" is
# the share of the title words outside of the 60 frequent ones that the text
# holds. The text about nothing is made of those 60, so it holds none, by
# construction.

# %% id="16-signature"
harsh, mild = rows["before", "sampled"], rows["rule, seed 0", "sampled"]
happy = judged(tale, teller.model, teller.tokenizer, score=paid["ending alone"])
held, alone = happy["sampled"], verdicts["ending alone", 0]["sampled"]
rare = [set(rouge_tokens(pair.title)) - set(words) for pair in test_pairs]


def content(texts):
    """Share of the rare words of all titles that the texts hold."""
    found = [len(w & set(rouge_tokens(t))) for w, t in zip(rare, texts, strict=True)]
    return sum(found) / sum(map(len, rare))


meant = [content([p.sentences[0] for p in test_pairs]), content([nothing] * len(rare))]
left, told_alone = (share("stories alone", name, 0) for name in part)

# %% id="16-signature-2"
panels = {
    "Clerk, paid for any booking": [
        ("booked (paid)", before[3], hack[3]), ("right (meant)", before[0], hack[0])],
    "Summary about nothing": [
        ("ROUGE-L (paid)", lead, of_nothing), ("rare words (meant)", *meant)],
    "Stories, `ending` alone": [
        ("happy end (paid)", held.score, alone.score),
        ("whole (meant)", held.judge, alone.judge)],
    "Writer, harsh words cost": [
        ("not flagged (paid)", 1 - harsh[0], 1 - mild[0]),
        ("critical (meant to stay)", harsh[3], mild[3])],
    "Stories alone, two tasks": [
        ("stories (paid)", share("before", "stories", "-"), told_alone),
        ("dates (meant, too)", share("before", "translation", "-"), left)],
}  # fmt: skip
for name, lines in panels.items():
    print(name)
    for label, was, now in lines:
        print(f"    {label:<26} {was:.2f} → {now:.2f}")

# %% id="16-signature-figure"
_, places = plt.subplots(1, 5, figsize=(13, 2.9), sharey=True)
for axes, (name, lines) in zip(places, panels.items(), strict=True):
    for n, (label, was, now) in enumerate(lines):
        axes.plot([0, 1], [was, now], ("o-", "s--")[n], color=COLOURS[n], label=label)
    axes.set_title(name, fontsize=9)
    axes.set_xticks([0, 1], ["before", "after"])
    axes.set_xlim(-0.2, 1.2)
    axes.set_ylim(-0.05, 1.25)
    axes.legend(fontsize=7, loc="upper center")
plots.show(
    "Five small panels, each with a full line from before to after for what was paid "
    "and a broken line for what was meant. The broken lines fall, stay, or rise less "
    "than the full ones."
)

# %% [markdown] id="16-own-text"
# In no panel does what was meant keep up with what was paid. It falls, or
# stays, or rises less; only a second number shows it. (The fall in the fourth
# panel is within its noise.)
#
# ## Bring your own text
#
# A CSV of two columns, a text and its title or summary, is all that the summary game
# needs. The cell writes a small one first; put the path of your own in its place. A
# file that is empty, too large, not UTF-8 or without a second column is refused with a
# sentence.

# %% id="16-own"
import tempfile
from pathlib import Path

from course.data.own_pairs import read_pairs

path = Path(tempfile.mkdtemp()) / "mine.csv"
lines = [(" ".join(p.sentences[:4]), p.title) for p in test_pairs[:30]]
lines = [f'"{text}","{title}"' for text, title in lines if '"' not in text + title]
path.write_text("\n".join(["text,title", *lines]), encoding="utf-8")
mine = read_pairs(path)  # your path here
own_titles = [title for _, title in mine]
common = Counter(word for title in own_titles for word in rouge_tokens(title))
text = rouge_of_nothing(own_titles, [word for word, _ in common.most_common(40)], 8)
firsts = sum(rouge_l(text_.split(". ")[0], title) for text_, title in mine) / len(mine)
print(f"{len(mine)} pairs; first sentences {firsts:.3f}")

# %% id="16-own-2"
print(f"{text!r}: {sum(rouge_l(text, t) for t in own_titles) / len(mine):.3f}")

# %% [markdown] id="16-limits"
# The text was searched on the same titles here, so its number is too good; with enough
# pairs of your own, search on one half and judge on the other.
#
# ## What was shown, and what was not
#
# By experiment on three seeds: a clerk learns over several turns to ask before
# it books; plain division by the group's deviation hinders it in this setting,
# and the advantage inside groups that all fail is the cause, because setting it
# alone to 0 repairs every run; a text about nothing beats every trained
# summariser on ROUGE-L; stories become whole when all parts are paid, and
# vanish when only difference is paid; one policy with two tasks is about as
# good as two, sampled; a discriminator is driven to a coin, and on average more
# dates are right at that moment than later. Coin flips stand beside the
# summaries, the stories and the two tasks on three seeds; beside the clerk and
# the writer on one. The prices and the duels have none.
#
# Not shown: that division by the deviation is bad in general. With larger
# groups, fewer of them fail as a whole. Not that a credit for each turn is
# better than the whole return: we did not try it. Not that a constraint settles
# at its bound: in thirty steps ours did not. Not that stories become the same
# under training: this grammar has hundreds of right stories for each opening.
# And a user who is a program forgives nothing and invents nothing; people do
# both.
#
# ## Test yourself
#
# 1. Why are the user's words part of the prompt and not of the completion?
# 2. All talks of a group fail, and turns cost 0.05. What does GRPO learn from the
#    group, and what does Dr. GRPO?
# 3. Name two ways to silence such a group.
# 4. How can a text without content beat a summariser? What would you measure instead?
# 5. What does a policy learn that is paid for being different and for nothing else?
# 6. A list forbids words. Name two ways round it, and a false alarm.
# 7. What does a multiplier know that a weight does not?
# 8. A discriminator is right half of the time. What do you do?
#
# <details><summary>Answers</summary>
#
# 1. The policy did not write them. A gradient on them would teach it to speak for the
#    user, and to expect the answers that it would like.
# 2. GRPO: to hang up, nearly as loudly as it learns to succeed elsewhere. Dr.
#    GRPO: the same, at the size of the turn cost, which is small.
# 3. Leave out groups without a success; take away the turn cost.
# 4. Titles share words, mostly small ones. Judge content: questions that the
#    summary has to answer, or people.
# 5. To stop writing whole stories: hardly any was left, and its texts differed
#    about as much as before.
# 6. Another spelling, or an insult without a listed word; "not dull at all" is flagged.
# 7. The bound. It is told what is allowed and looks for the price.
# 8. Stop, and ask a judge that was not optimised: it has little left to teach.
#
# </details>
#
# ## Further reading
#
# - Z. Liu and others, [*Understanding R1-Zero-Like
#   Training*](https://arxiv.org/abs/2503.20783), 2025: the bias of the division.
# - L. Ouyang and others, [*Training language models to follow instructions with human
#   feedback*](https://arxiv.org/abs/2203.02155), 2022.
# - N. Stiennon and others, [*Learning to summarize from human
#   feedback*](https://arxiv.org/abs/2009.01325), 2020: what ROUGE misses.
# - Y. Bai and others, [*Constitutional AI: Harmlessness from AI
#   Feedback*](https://arxiv.org/abs/2212.08073), 2022.
# - J. Dai and others, [*Safe RLHF*](https://arxiv.org/abs/2310.12773), 2023: a reward,
#   a cost, and a multiplier.
# - L. Yu and others, [*SeqGAN*](https://arxiv.org/abs/1609.05473), 2017: texts and a
#   discriminator.
#
# **Next:** the [five exercises](../exercises/16_longer_games.ipynb), then [chapter
# 17](17_real_model.ipynb), where the policy is a real language model.
