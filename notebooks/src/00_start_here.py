# %% [markdown] id="00-title"
# # 0 · Start here
#
# You build a language model, a reward model and a policy that learns from
# reward, all from scratch; and what is said about them is checked by cells
# that you can run, or has its source.
#
# When you have read this page you can:
#
# - draw the course as one loop and say what each part hands to the next;
# - tell whether your machine is ready;
# - read a review with its human ratings, and say how far people agree;
# - use `claim`, `check`, `hint` and `solution`, and find your progress.
#
# The cell below stands at the top of every chapter. It finds the course, sets
# the random seeds, and prints one line about your machine.

# %% [markdown] id="00-map-text"
# ## The map
#
# A **language model** says how probable the next token of a text is. A [**reward
# model**](../GLOSSARY.md#reward) says with one number how much people would like a
# text. A [**policy**](../GLOSSARY.md#policy) is a language model that writes texts and
# is trained to earn reward. (These and all other words of the course are defined in the
# [glossary](../GLOSSARY.md).) The next cells, whose code is folded, draw how they fit
# together.

# %% id="00-map-helpers" tags=["folded"]
import matplotlib.pyplot as plt

from course import plots
from course.plots import COLOURS


def box(axes, x, y, name, what, colour):
    """A box with a name and what it does; returned for the arrows."""
    frame = {"boxstyle": "round,pad=0.7", "fc": "white", "ec": colour, "lw": 2}
    look = {"ha": "center", "va": "center", "fontsize": 10, "zorder": 3}
    return axes.text(x, y, f"{name}\n\n{what}", bbox=frame, **look)


# %% id="00-map-arrow" tags=["folded"]
def arrow(axes, start, end, label, bend=0.0):
    """An arrow from box to box with its label in the middle."""
    (x0, y0), (x1, y1) = start.get_position(), end.get_position()
    look = {"arrowstyle": "-|>", "lw": 1.6, "color": "black", "shrinkA": 4}
    look |= {"shrinkB": 4, "connectionstyle": f"arc3,rad={bend}"}
    look |= {"patchA": start.get_bbox_patch(), "patchB": end.get_bbox_patch()}
    axes.annotate("", (x1, y1), (x0, y0), arrowprops=look)
    x = (x0 + x1) / 2 + bend * (y1 - y0) / 2
    y = (y0 + y1) / 2 - bend * (x1 - x0) / 2
    white = {"fc": "white", "ec": "none", "pad": 1.5}
    axes.text(x, y, label, ha="center", va="center", fontsize=9, zorder=4, bbox=white)


# %% id="00-map" tags=["folded"]
_, axes = plt.subplots(figsize=(8.4, 5.2))
axes.set(xlim=(-0.8, 5.4), ylim=(-0.6, 3.3), aspect="equal")
axes.set_title("The course is one loop, with a faster one inside")
axes.axis("off")
language_model = "how probable is\nthis text? (01–04)"
reward_model = "how much would people\nlike it? (05–08)"
data = box(axes, 0, 1, "DATA", "reviews and\nratings", COLOURS[6])
writer = box(axes, 2.3, 2, "LANGUAGE MODEL", language_model, COLOURS[0])
judge = box(axes, 2.3, 0, "REWARD MODEL", reward_model, COLOURS[1])
policy = box(axes, 4.6, 1, "POLICY", "writes to earn\nreward (09–12)", COLOURS[2])
arrow(axes, data, writer, "texts")
arrow(axes, data, judge, "ratings")
arrow(axes, writer, judge, "start")
arrow(axes, writer, policy, "start")
arrow(axes, policy, judge, "texts", bend=0.2)
arrow(axes, judge, policy, "reward", bend=0.25)
arrow(axes, policy, data, "new texts for people to judge (13)", bend=0.86)
plots.show(
    "Data give texts to the language model and ratings to the reward model; both "
    "other models start as copies of the language model; the policy sends texts to the "
    "reward model and gets rewards back; its new texts go back to people."
)

# %% [markdown] id="00-map-alt"
# The names in the boxes are used in the same way in every chapter. Two of the arrows
# close loops. Policy and reward model form the inner one: in [chapter
# 09](09_policy_gradients.ipynb) it turns 80 times, with 64 texts each time, in a minute
# or two, and no person is in it. The outer one goes through people. It is slow, and it
# alone can notice that the inner one has gone wrong.
#
# Part IV takes the loop into the world: [13](13_instant_feedback.ipynb) puts you into
# it, [14](14_reward_hacking.ipynb) breaks the reward,
# [15](15_exact_judges.ipynb) and [16](16_longer_games.ipynb) change the task, and
# [17](17_real_model.ipynb) the model and the machine. Two appendices are for later:
# [sixty interview questions](A_interview_questions.ipynb), and [when it does not
# learn](B_when_it_does_not_learn.ipynb).

# %% [markdown] id="00-contents"
# ## Everything in the course
#
# <!-- contents -->
#
# The solutions stand in the folder `solutions` of the repository. Each exercise tells
# you your mistake, and gives hints, before you need them.

# %% [markdown] id="00-doctor-text"
# ## Is this machine ready?
#
# The course carries a doctor. In a terminal it is `python -m course doctor`. It
# prints `ok` or `!!` and says in the same line what to do. A line that says that a
# large model is missing does no harm: the few chapters with a real model fetch it when
# they need it.

# %% id="00-doctor"
from course.doctor import findings
from course.runtime import home

for good, sentence in findings(fetch=False):
    sentence = sentence.replace(str(home()), "COURSE_HOME")
    print("ok" if good else "!!", sentence)

# %% [markdown] id="00-reviews-text"
# ## The data: sentences that people rated
#
# One set of texts goes through the whole course: sentences from movie reviews. Each was
# rated by 15 to 29 people with a whole number from −4 (very negative) to +4 (very
# positive). The first use downloads them once.

# %% id="00-reviews" tags=["nbval-check-output"]
from course.data import reviews

movies = reviews.load("movies")
print(len(movies), "texts; columns:", ", ".join(movies.column_names))
for split in ("train", "validation", "test"):
    print(f"{split:<10}", movies["split"][:].count(split))
readers = [len(ratings) for ratings in movies["ratings"]]
print("people per text:", min(readers), "to", max(readers))

# %% [markdown] id="00-split-text"
# Models learn from the **train** texts only. The **validation** texts are for
# choosing settings, the **test** texts for the number that is reported. Which of the
# three a text belongs to depends on the text alone, so it never moves.
#
# Here are five texts, from the most negative to the most positive of the test texts.
# `sd` is the standard deviation of the single ratings: how far the raters disagree.

# %% id="00-five" tags=["nbval-check-output"]
rows = sorted(reviews.load("movies", "test"), key=lambda row: row["mean"])
for place in (0, 1 / 4, 1 / 2, 3 / 4, 1):
    row = rows[round(place * (len(rows) - 1))]
    ratings = " ".join(f"{x:+d}" for x in sorted(row["ratings"]))
    print(f"mean {row['mean']:+.1f}, sd {row['sd']:.1f}: {row['text'][:70]}")
    print(f"    {ratings}")

# %% [markdown] id="00-ratings-text"
# ### What the ratings are
#
# They are not free opinions about films, and you should know it before you read "people
# like". The authors of the data ([Hutto & Gilbert
# 2014](https://doi.org/10.1609/icwsm.v8i1.14550)) describe what was done:
#
# - the raters were **screened**: who could not match known ratings was not admitted;
# - they were **trained**, and their work was checked with texts of known rating;
# - they were **paid double** when they matched the mean of the group;
# - they were asked for the **sentiment** that *most other people* would see in the
#   text, not for their own view.
#
# So a rating is a trained guess at how positive others find a sentence. It is
# sentiment, not taste: a well-written pan has a low one. Two consequences run through
# the course. "Liked" is short for *rated positive*. And people who are paid to agree
# do agree; where taste is asked, expect less. (The labellers of InstructGPT agreed
# with each other in [73 % of cases](https://arxiv.org/abs/2203.02155).)

# %% [markdown] id="00-agree-question"
# **Predict first.** For each text, take one person's rating, and the mean of all
# others. Their correlation would be 1 if people always agreed and 0 if ratings had
# nothing to do with the text. What is it? And how much of it is only the *sign*: is it
# as large among the positive texts alone?
#
# <details><summary>Why the answer matters</summary>
#
# A reward model learns from what people agree on. It can imitate the crowd, but the
# disagreement is noise to it. The number in the next cells is the yardstick
# of part II: how well one *person* predicts the rest.
#
# </details>

# %% id="00-agree"
import torch

from course.reward.metrics import pearson
from course.runtime import generator

draw = generator(0)
one, others = [], []
for ratings in movies["ratings"]:
    mine = int(torch.randint(len(ratings), (), generator=draw))
    one.append(float(ratings[mine]))
    others.append((sum(ratings) - ratings[mine]) / (len(ratings) - 1))
one, others = torch.tensor(one), torch.tensor(others)
shuffled = others[torch.randperm(len(others), generator=draw)]

# %% id="00-agree-claim" tags=["nbval-check-output"]
from course import claim

agreement, control = pearson(one, others), pearson(one, shuffled)
claim("one person predicts the others with r above 0.85", agreement > 0.85,
      r=agreement)  # fmt: skip
claim("shuffled ratings predict nothing", abs(control) < 0.05, r=control)
liked = others > 0
halves = pearson(one[liked], others[liked]), pearson(one[~liked], others[~liked])
claim("within the positive and within the negative texts r is below 0.7",
      max(halves) < 0.7, positive=halves[0], negative=halves[1])  # fmt: skip
sign = pearson(one, others.sign())
claim("the mere sign of the others' mean gives r above 0.75", sign > 0.75, r=sign)

# %% [markdown] id="00-sign-text"
# Most of the agreement is about the sign. A number of agreement says little without the
# spread of the texts it was measured on.

# %% id="00-agree-figure"
marks = list(range(-4, 5))
plots.curves(
    {
        name: (marks, [float(y[one == mark].mean()) for mark in marks])
        for name, y in (("same text", others), ("shuffled texts", shuffled))
    },
    title="One person's rating predicts what the others say",
    x="one person's rating (−4 to +4)",
    y="mean rating of the others (−4 to +4)",
    alt="Over one person's rating, from −4 to +4, the mean of the others on the same "
    "texts rises steadily; on shuffled texts it is a flat line near 0.",
)

# %% [markdown] id="00-agree-alt"
# The flat line is a **negative control**: an experiment that must
# *not* work. If shuffled ratings agreed as well, our number would measure
# something else than agreement. Every chapter has one.

# %% [markdown] id="00-claim-text"
# ## Claims: prose that is checked
#
# A sentence in a text cannot fail. A **claim** can: it is a statement with the
# comparison that it rests on. You have just seen four. When the comparison holds, one
# line is printed, and under it what was measured. When it does not, the notebook stops
# and shows the numbers. One more that holds:

# %% id="00-claim" tags=["nbval-check-output"]
same = reviews.split_of("A great film.") == reviews.split_of("a GREAT  film.")
claim("case and spaces do not move a text to another split", same)

# %% [markdown] id="00-claim-fails-text"
# This one is false. We catch its error, so that this page runs on.

# %% id="00-claim-fails" tags=["nbval-check-output"]
from course.claims import ClaimError

means = movies["mean"][:]
try:
    claim("people like every review", min(means) > 0, lowest=round(min(means), 1))
except ClaimError as error:
    print(error)

# %% [markdown] id="00-check-text"
# ## Exercises: a check that knows your mistake
#
# Every chapter has a partner in the folder `exercises/`: functions with a blank. You
# write 1 to 15 lines and run the cell below them, `name = check(name)`. Its
# first line begins with one of three signs: ✔ correct, ✘ wrong, ◌ not attempted.
#
# The first exercise asks for `standardise`: move and scale scores so that their mean
# is 0 and their standard deviation 1. Here are three attempts. (`examine` is what
# `check` does inside; it keeps nothing as your progress.)

# %% id="00-check" tags=["nbval-check-output"]
from course.checks import catalogue
from course.checks.checking import examine


def not_yet(scores):
    raise NotImplementedError


def forgets_to_centre(scores):
    return scores / scores.std(correction=0)


def squashes(scores):
    return torch.sigmoid(scores - scores.mean())


for attempt in (not_yet, forgets_to_centre, squashes):
    print(examine(catalogue.find("0.1"), attempt).line)

# %% [markdown] id="00-check-after"
# The second attempt is a mistake that people often make, and it is recognised. The
# third is nobody's usual mistake: then `check` says what it could find out about your
# result, or else shows the smallest input on which it fails. After ◌ and ✘, `check`
# hands back the course's own function: whatever you leave open, the rest of the
# notebook runs.
#
# When you are stuck, ask for a hint. There are three for each exercise, from a
# question to nearly the line.

# %% id="00-hint" tags=["nbval-check-output"]
from course import hint

hint("0.1")
hint("0.1")

# %% [markdown] id="00-progress-text"
# `solution("0.1")` prints the course's own source, the same that the later chapters
# use. What you have solved is kept in a small file on your machine and sent nowhere:
#
# | command in a terminal | what it does |
# |---|---|
# | `python -m course progress` | shows what is solved in every chapter |
# | `python -m course next` | says which exercise is next |
# | `python -m course check 00` | grades the exercises of a chapter |
#
# ## Why the first exercise is about standardising
#
# Scores have no natural unit. One reward model gives 3 to a good text and another
# gives 300. On a **standardised** scale, +1 always means "one standard deviation
# better than usual", whatever the unit was. With mean $m$ and standard deviation $s$
# of the scores $r_i$:
#
# $$ z_i = \frac{r_i - m}{s} $$

# %% id="00-standardise"
from course.reward.model import standardise

r = torch.tensor([300.0, 100.0, 200.0])
m, s = r.mean(), r.std(correction=0)  # correction=0: divide by n, not n - 1
z = (r - m) / s
print("by the formula:", [round(x, 2) for x in z.tolist()])

# %% id="00-standardise-claim" tags=["nbval-check-output"]
claim("our line and the course's function agree", torch.allclose(z, standardise(r)))
same = torch.allclose(standardise(r), standardise(r / 100), atol=1e-5)
claim("the unit does not matter", same)
claim("the order of the texts stays", torch.equal(z.argsort(), r.argsort()))

# %% [markdown] id="00-limits"
# ## How to read a chapter
#
# Run the cells from top to bottom. Before a cell that says **Predict first**, write
# your guess down; a wrong guess is the moment when you learn most. Play
# with the panel where there is one. Do the exercises while the chapter is fresh.
#
# ## Limits
#
# The ratings are about sentiment, in English, by paid and trained raters, in 2014; see
# "What the ratings are". "Liked" means *rated positive* here, not well written, true,
# useful or kind. The models are small, so that an ordinary laptop can train them while
# you watch. What a chapter shows, it shows for these texts and these sizes; where it
# says more, it gives the source.
#
# ## Test yourself
#
# 1. Which two models of the map start as copies of the language model?
# 2. Which loop has people in it, and why is it needed?
# 3. What is a negative control? What was it on this page?
# 4. A claim stops a notebook. What do you know then, and what not?
# 5. Why do the test texts take no part in training?
#
# <details><summary>Answers</summary>
#
# 1. The reward model and the policy.
# 2. The outer one, from the policy's texts back to the data. The inner loop knows only
#    the reward model, so it cannot see where that is wrong.
# 3. An experiment that must not work. Here: shuffled ratings must not agree.
# 4. That one comparison failed on your machine, with the numbers that it printed. Not
#    yet why: the sentence, the code, the data or a too narrow bound may be at fault.
# 5. A model may fit them by heart; then their score would say nothing about new texts.
#
# </details>
#
# ## Further reading
#
# - C. J. Hutto and E. Gilbert, [*VADER: A Parsimonious Rule-based Model for Sentiment
#   Analysis of Social Media Text*](https://doi.org/10.1609/icwsm.v8i1.14550), ICWSM
#   2014: where the ratings come from, and how they were made.
# - B. Pang and L. Lee, [*Seeing Stars*](https://doi.org/10.3115/1219840.1219855), ACL
#   2005: where the movie snippets come from. The texts are the sentence data that were
#   first used there; the VADER paper names the authors' paper of the year before, [*A
#   Sentimental Education*](https://doi.org/10.3115/1218955.1218990), ACL 2004.
# - L. Ouyang and others, [*Training language models to follow instructions with human
#   feedback*](https://arxiv.org/abs/2203.02155), 2022: the loop of the map, at full
#   size.
# - D. M. Ziegler and others, [*Fine-Tuning Language Models from Human
#   Preferences*](https://arxiv.org/abs/1909.08593), 2019: an early form of it, with
#   continuations of texts.
#
# **Next:** the exercise in
# [exercises/00_start_here.ipynb](../exercises/00_start_here.ipynb), then [chapter
# 01](01_language_model_objective.ipynb), which asks how probable a text is.
