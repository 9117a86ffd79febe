# %% [markdown] id="15-title"
# # 15 · Exact judges: translation, questions, programs
#
# Three small tasks, each with a reward and a judge. In two of them the judge is not the
# reward, and you see which of the two the policy obeys.
#
# When you have read it you can:
#
# - describe any task by a reward, a judge, demonstrations and a hack, and train on it;
# - judge a program without running it;
# - say what happens when the tests that pay can be seen, and repair it;
# - compute when a translation metric pays for leaving something out;
# - hold a result against a lower temperature, greedy answers and coin flips;
# - tell learning from sharpening, on questions that a model has to know by heart.

# %% [markdown] id="15-task-text"
# ## A task is two functions
#
# [Chapter 11](11_grpo.ipynb) had one function, the test, which was reward and truth
# at once. Outside of arithmetic the two are seldom the same. So a `Task` of this
# course has both:
#
# | field | what it is |
# |---|---|
# | `train`, `held_out` | prompts; no prompt is in both |
# | `demonstrations` | what people wrote: pairs of prompt and completion |
# | `score` | the **reward**, `score(prompts, completions)`: what training sees |
# | `judge` | what was meant, from 0 to 1: training never sees it |
# | `hack` | a text that the reward likes better than it should |
#
# The tasks of this chapter: dates into German, Russian and Chinese (an overlap rewards,
# an exact match judges); currencies from memory (an exact match does both, so its hack,
# always "US Dollar", earns no more than it should); and programs of one line (two tests
# in the prompt reward, ten hidden ones judge). The names of days, months, countries and
# currencies are the real ones, from [Unicode CLDR](https://cldr.unicode.org) through
# [Babel](https://babel.pocoo.org).
#
# Each has a **start**: a model of 0.31 to 0.36 million parameters that imitated the
# demonstrations.

# %% id="15-load"
from course import checkpoints, claim, plots
from course.tasks.programs import programs
from course.tasks.questions import questions
from course.tasks.translation import translation

tasks = {task.name: task for task in (translation(), questions(), programs())}
starts = {name: checkpoints.load(f"task-{name}") for name in tasks}
for name, task in tasks.items():
    size = sum(weights.numel() for weights in starts[name].model.parameters())
    print(f"{name}: {len(task.train):,} prompts to train on, ", end="")
    print(f"{len(task.held_out):,} held out, {size:,} parameters")

# %% id="15-sample"
from course.lm.sampling import write

for name, task in tasks.items():
    prompt = task.held_out[len(task.held_out) // 2]
    model, tokenizer = starts[name].model, starts[name].tokenizer
    options = {"max_new_tokens": task.max_new_tokens, "top_k": 1}
    texts = {
        "right": task.references[prompt],
        "hack": task.hack(prompt),
        "start, greedy": write(model, tokenizer, [prompt], **options)[0],
    }
    print(prompt)
    for kind, text in texts.items():
        pay, truth = (float(f([prompt], [text])[0]) for f in (task.score, task.judge))
        print(f"   {kind:<14} reward {pay:.2f}, judge {truth:.0f}: {text.strip()}")

# %% [markdown] id="15-before-text"
# ## A habit, not a mistake
#
# The careless class of chapter 11 made *many different* mistakes. Then the
# right answer is still the most frequent single one, and a lower temperature
# finds it without any training. To show more than cooling can do, a task needs
# the opposite: one wrong [**habit**](../GLOSSARY.md#reward) that is the
# majority. In the demonstrations here, seven of ten translations are word for
# word, seven of ten answers are "US Dollar", and six of ten programs forget the
# bracket.
#
# **Predict first.** For such a start, is the answer at temperature .5 better than the
# sampled one? And the greedy one?
#
# <details><summary>Answer</summary>
#
# Where the habit is never right, in translations and programs, both are worse and
# greedy is worst: a lower temperature makes the majority louder, and the majority is
# wrong. In the questions the habit is right now and then (one held-out question in nine
# is about a place that does pay in US dollars), and the temperature changes next to
# nothing.
#
# </details>

# %% id="15-before"
from course.tasks.practice import improve
from course.tasks.task import coins, judged


def row(name, verdicts, more=""):
    """Judge (reward), in each of the three modes."""
    cells = (f"{v.judge:.3f} ({v.score:.3f})" for v in verdicts.values())
    print(f"{name:<16}" + "".join(f"{cell:>16}" for cell in cells) + more)


head = f"{'judge (reward)':<16}{'sampled':>16}{'T = .5':>16}{'greedy':>16}"

# %% id="15-before-table"
before = {
    name: judged(task, starts[name].model, starts[name].tokenizer)
    for name, task in tasks.items()
}
print(head)
for name, verdicts in before.items():
    row(name, verdicts)

# %% id="15-before-claim" tags=["nbval-check-output"]
modes = ("sampled", "T = .5", "greedy")
falls = {
    name: [before[name][mode].judge for mode in modes]
    for name in ("translation", "programs")
}
for name, (sampled, cooler, greedy) in falls.items():
    claim(
        f"{name}: the lower the temperature, the fewer are right",
        greedy < cooler < sampled,
        sampled=sampled,
        cooler=cooler,
        greedy=greedy,
    )
best = max(before["questions"][mode].judge for mode in modes)
claim("questions: no temperature gives more than .25", best < 0.25, best=best)

# %% [markdown] id="15-programs-text"
# ## Programs, judged without being run
#
# "add 7, then times 8" asks for `(x+7)*8`. To test a program one has to know its
# value, and the obvious way, `eval`, runs whatever a model wrote. Our judge parses the
# text and walks the syntax tree with a **whitelist**: whole numbers, `x`, `+ - *`,
# and `a if b == c else d`. Everything else has no value. There is nothing to escape
# from, because nothing is executed. Length and depth are bounded, too: without powers
# and loops, forty characters cannot keep a computer busy.

# %% id="15-safe" tags=["nbval-check-output"]
from course.tasks.safe_programs import safe_value

for program in ("(x+7)*8", "x+7*8", "120 if x==8 else 112"):
    print(f"{program:<24} at x = 8: {safe_value(program, 8)}")
hostile = [
    "__import__('os').remove('a')", "open('a').read()", "x.__class__", "9**9**9**9",
    "(lambda: x)()", "[x for x in 'ab']", "print(x)", "exit()", "x/0", "'a'*10**9",
    "(y:=8)", "f'{x}'", "True", "x<9", "-" * 39 + "x", "globals()",
]  # fmt: skip
claim(
    f"none of {len(hostile)} hostile or forbidden programs has a value",
    all(safe_value(program, 8) is None for program in hostile),
)

# %% [markdown] id="15-visible-text"
# The prompt shows two tests, as exercises and tickets do: `f(8)=120 f(7)=112`. About a
# quarter of the demonstrations do not solve the task but look the answers up:
# `120 if x==8 else 112`. Fifteen in a hundred are right.
#
# We train on the two **visible tests**, with three seeds; then with [**fresh
# tests**](../GLOSSARY.md#reward), two values of x from −20 to 39 that are drawn anew at
# every step, whatever the prompt shows; then with coin flips, which pay as often as the
# visible tests pay the start. Everything else is equal: the start, the three seeds, 30
# updates, 8 prompts with 16 programs each. `improve` is `run` of chapter 11: GRPO, no
# reference term, the judge only looks on.
#
# **Predict first.** Both kinds of tests pay for a right program. What will the policy
# write that is paid for visible tests?
#
# <details><summary>Answer</summary>
#
# Lookups. Both programs are paid in full, so the reward cannot prefer the right
# one; by the race below, the one that the start wrote more often wins.
#
# </details>

# %% id="15-programs-run"
from course.tasks.program_tests import fresh_score

STEPS, SEEDS = {"translation": 40, "questions": 25, "programs": 30}, (0, 1, 2)


def run(name, seed, score=None):
    """A run from the start of a task: policy, history, verdicts on held-out prompts."""
    start = starts[name]
    policy, history = improve(
        tasks[name], start.model, start.tokenizer, seed=seed, steps=STEPS[name],
        score=score,
    )  # fmt: skip
    return policy, history, judged(tasks[name], policy, start.tokenizer)


# %% id="15-programs-visible"
from course.runtime import generator


def passed(kind):
    """Share of the sampled programs that pass the visible tests, each seed."""
    found = [code_runs[f"{kind}, seed {seed}"][2]["sampled"].score for seed in SEEDS]
    print(f"{kind}: the visible tests pass", *(f"{share:.2f}" for share in found))


rate = before["programs"]["sampled"].score
code_runs = {f"visible, seed {seed}": run("programs", seed) for seed in SEEDS}
passed("visible")

# %% id="15-programs-fresh"
for seed in SEEDS:
    code_runs[f"fresh, seed {seed}"] = run("programs", seed, fresh_score(seed))
passed("fresh")

# %% id="15-programs-coins"
for seed in SEEDS:
    flips = coins(rate, generator(7 + seed))
    code_runs[f"coins, seed {seed}"] = run("programs", seed, flips)
passed("coins")

# %% id="15-signature"
import matplotlib.pyplot as plt

from course.plots import COLOURS

_, panels = plt.subplots(1, 2, figsize=(9.2, 3.6), sharey=True)
for axes, kind in zip(panels, ("visible", "fresh"), strict=True):
    for seed in SEEDS:
        _, history, _ = code_runs[f"{kind}, seed {seed}"]
        first = seed == 0
        axes.plot(history["score/mean"], "-", color=COLOURS[0], alpha=0.8,
                  label=f"{kind} tests: the reward" if first else None)  # fmt: skip
        axes.plot(history["judge"], "--", color=COLOURS[1], alpha=0.8,
                  label="hidden tests: the judge" if first else None)  # fmt: skip
    finding = {"visible": "the hidden ones fail", "fresh": "both rise together"}[kind]
    axes.set(title=f"Paid for {kind} tests: {finding}", xlabel="step", ylim=(0, 1.02))
    axes.legend(loc="center right", fontsize=8)
panels[0].set_ylabel("share of programs that pass")
plots.show(
    "Two panels, three seeds each. Left, paid for visible tests: the reward rises to "
    "about nine tenths and the hidden tests fall to nearly zero within ten steps. "
    "Right, paid for fresh tests: both rise together to about nine tenths, and where "
    "one dips, so does the other."
)


# %% id="15-lookups"
def share_of_lookups(policy, name="programs"):
    """Share of sampled programs that contain an `if`."""
    prompts = list(tasks[name].held_out)[:200]
    texts = write(
        policy, starts[name].tokenizer, prompts, max_new_tokens=22,
        generator=generator(1),
    )  # fmt: skip
    return sum(" if" in text for text in texts) / len(texts)


# %% id="15-lookups-table"
lookups = {name: share_of_lookups(r[0]) for name, r in code_runs.items()}
lookups["before"] = share_of_lookups(starts["programs"].model)
print(head + "   lookups")
row("before", before["programs"], f"{lookups['before']:>10.2f}")
for name, (_, _, verdicts) in code_runs.items():
    row(name, verdicts, f"{lookups[name]:>10.2f}")

# %% id="15-programs-claim" tags=["nbval-check-output"]
seen, fresh = (
    [code_runs[f"{kind}, seed {seed}"][2] for seed in SEEDS]
    for kind in ("visible", "fresh")
)
claim(
    "paid for visible tests: more than .7 of the programs pass them, three seeds",
    min(v["sampled"].score for v in seen) > 0.7,
    visible=[v["sampled"].score for v in seen],
)
claim(
    "and fewer than .05 of the programs pass the hidden ones, in every mode",
    max(v[mode].judge for v in seen for mode in modes) < 0.05,
    before=before["programs"]["sampled"].judge,
    hidden=[v["sampled"].judge for v in seen],
)

# %% id="15-fresh-claim" tags=["nbval-check-output"]
claim(
    "paid for fresh tests: more than .85 pass the hidden ones, greedy more than .95",
    min(v["sampled"].judge for v in fresh) > 0.85
    and min(v["greedy"].judge for v in fresh) > 0.95,
    sampled=[v["sampled"].judge for v in fresh],
    greedy=[v["greedy"].judge for v in fresh],
)
claim(
    "more than .9 are lookups after visible tests, fewer than .1 after fresh ones",
    min(lookups[f"visible, seed {seed}"] for seed in SEEDS) > 0.9
    and max(lookups[f"fresh, seed {seed}"] for seed in SEEDS) < 0.1,
    visible=[lookups[f"visible, seed {seed}"] for seed in SEEDS],
    fresh=[lookups[f"fresh, seed {seed}"] for seed in SEEDS],
)

# %% id="15-coins-claim" tags=["nbval-check-output"]
flips = [code_runs[f"coins, seed {seed}"][2] for seed in SEEDS]
worst = {m: min(v[m].judge for v in fresh) for m in modes}
claim(
    "coin flips: fewer than half of the worst fresh run pass the hidden tests, in "
    "every mode, three seeds",
    all(max(v[m].judge for v in flips) < worst[m] / 2 for m in modes),
    sampled=[v["sampled"].judge for v in flips],
    greedy=[v["greedy"].judge for v in flips],
)
claim(
    "and their programs pass the visible tests less often than after visible ones",
    max(v["sampled"].score for v in flips) < min(v["sampled"].score for v in seen),
    after=[v["sampled"].score for v in flips],
)

# %% [markdown] id="15-programs-read"
# The reward of the left panel looks like a success: nobody who watches only the
# reward would stop the run. That a unit test is *exact* does not help: the
# policy could read its answers off the prompt. In the right panel each pair of
# lines coincides, and where they dip, they dip together: the programs of such a
# step were wrong, the tests were not to blame.
#
# Read the rows of the coin flips, too. Under them right programs became rarer as well,
# and where the rest drifted to depends on the seed: one of the three ended mostly with
# lookups. So lookups alone prove little: noise can bring them, too. What it brought to
# no seed is lookups that *pass*, nine in ten, or the right programs that fresh tests
# taught.
#
# Three held-out prompts, with the greedy program of each policy. (A lookup that copies
# a number wrongly is not paid.)

# %% id="15-samples"
policies = {"before": starts["programs"].model}
policies |= {kind: code_runs[f"{kind}, seed 0"][0] for kind in ("visible", "fresh")}
for prompt in list(tasks["programs"].held_out)[:120:40]:
    print(prompt)
    for name, policy in policies.items():
        text = write(
            policy,
            starts["programs"].tokenizer,
            [prompt],
            max_new_tokens=22,
            top_k=1,
        )[0]
        print(f"   {name:<8} {text}")

# %% [markdown] id="15-race-text"
# ## Why the lookup wins
#
# Let a policy choose among three programs: the habit (reward 0), the right one and the
# lookup (reward 1 each), with probabilities $p_i$ from logits $\theta_i$. The exact
# policy gradient (chapter 09) is $\partial J / \partial \theta_i = p_i (r_i - J)$.
# Right and lookup have the same $r_i - J$, so the logit of the *more frequent* one
# rises faster: a reward that cannot tell two ways apart widens the lead of the one that
# is ahead. We follow the gradient from three starts.

# %% id="15-race"
import torch

r = torch.tensor([0.0, 1.0, 1.0], dtype=torch.float64)  # habit, right, lookup


def race(right, lookup, steps=400):
    """Shares of right programs and of lookups in the end, by the exact gradient."""
    p = torch.tensor([1 - right - lookup, right, lookup], dtype=torch.float64)
    theta = p.log()
    for _ in range(steps):
        p = theta.softmax(0)
        theta = theta + p * (r - p @ r)  # the gradient, learning rate 1
    return p[1].item(), p[2].item()


# %% id="15-race-ends" tags=["nbval-check-output"]
ends = {shares: race(*shares) for shares in ((0.15, 0.25), (0.2, 0.2), (0.25, 0.08))}
for (right, lookup), (a, b) in ends.items():
    print(f"right {right:.2f} : lookup {lookup:.2f}  →  {a:.2f} : {b:.2f}")
lead = [max(end) / min(end) - max(p) / min(p) for p, end in ends.items()]
claim("whoever leads widens the lead", min(lead[0], lead[2]) > 1)
claim("equal shares stay equal", abs(lead[1]) < 1e-12)

# %% [markdown] id="15-race-read"
# With three arms and the exact gradient, whichever leads ends with .94 of the
# probability or more, and its rival keeps a little; in the network, in each of three
# runs, right programs vanished from the sample. By this account it is not the hack's
# cleverness that wins but its head start, and with fewer lookups than right programs at
# the start the visible tests need not do harm (the third line; we trained no network to
# check it). You rarely know which of the two you have.
#
# ## Translation: an overlap as the reward
#
# [Chapter 05](05_rewards_by_rule.ipynb) built BLEU. It counts *words*, and its
# tokenizer sees one word in "1月17日星期一": such a text gets 1 or 0. So the reward of
# this task puts a space round every Chinese character first.
# [**chrF**](../GLOSSARY.md#reward) counts runs of one to six *characters* instead,
# white space left out, and needs no tokenizer: precision $P$ and recall $R$ are
# averaged over the six lengths, and recall weighs twice as much as precision,
#
# $$ \text{chrF} = \frac{(1 + \beta^2)\, P R}{\beta^2 P + R}, \qquad \beta = 2. $$
#
# Here are four translations of "Monday, January 17" into Russian and Chinese.

# %% id="15-overlap"
from course.reward.overlap import bleu, chrf
from course.tasks.dates import date_pairs
from course.tasks.translation import silence_pays, split_bleu

metrics = {"BLEU": bleu, "BLEU, split": split_bleu, "chrF": chrf}
print(f"{'':<26}" + "".join(f"{name:>13}" for name in metrics))
for language in ("ru", "zh"):
    pairs = date_pairs(language)
    right, word_for_word, silent = pairs[f"{language}: Monday, January 17 ="]
    wrong = pairs[f"{language}: Monday, April 17 ="][0]
    for text in (right, word_for_word, wrong, silent):
        scores = "".join(f"{f(text, right):>13.3f}" for f in metrics.values())
        print(f"{text.strip():<26}{scores}")

# %% id="15-overlap-claim" tags=["nbval-check-output"]
import sacrebleu

from course.reward.metric_modules import ChrF

texts = [text for lang in ("de", "ru", "zh") for text in date_pairs(lang).values()]
some = [(t[n], t[0]) for t in texts[::23] for n in (0, 1, 2)]
ours = [chrf(a, b) for a, b in some]
theirs = [sacrebleu.sentence_chrf(a, [b]).score / 100 for a, b in some]
off = max(abs(a - b) for a, b in zip(ours, theirs, strict=True))
claim(f"chrF equals sacrebleu's on {len(some):,} pairs", off < 1e-12, largest_gap=off)
columns = dict(zip(("predictions", "references"), zip(*some, strict=True), strict=True))
mean = ChrF().compute(**columns)["chrf"]
claim("the evaluate module gives their mean", abs(mean - sum(ours) / len(ours)) < 1e-12)

# %% [markdown] id="15-silence-text"
# ## Silence pays
#
# Look at the last two rows of the Russian table. The wrong month scores *less* than no
# month at all: it is one more word that does not match, and no run that holds it
# matches either. So a policy that is right about the month with probability $p$ earns
# more by leaving it out as long as
#
# $$ p \cdot 1 + (1 - p)\, s_\text{wrong} < s_\text{silent}
#   \quad\Longleftrightarrow\quad
#   p < \frac{s_\text{silent} - s_\text{wrong}}{1 - s_\text{wrong}}. $$
#
# Here $s_\text{wrong}$ is the mean score of its wrong guesses; the next cell takes the
# mean over the eleven other months. The rule is exact; of a policy it asks only how it
# guesses.
#
# **Predict first.** In Chinese, is there such a threshold as well? (Compare the rows.)
#
# <details><summary>Answer</summary>
#
# No. There the month is a number at the beginning. A wrong one spoils only the runs
# that begin with it, and keeps the character 月 and the length; leaving the month out
# costs both. Silence scores less than a wrong guess.
#
# </details>

# %% id="15-silence"
from course.tasks.dates import held_out


def thresholds(language, metric):
    """The certainty below which leaving the month out pays, for some held-out days."""
    pairs, found = date_pairs(language), []
    for prompt in [p for p in pairs if held_out(p)][::16]:
        right, _, silent = pairs[prompt]
        weekday, day = prompt.split(",")[0], prompt.split()[-2]
        same = [p for p in pairs if p.startswith(weekday) and p.split()[-2] == day]
        wrong = [metric(pairs[p][0], right) for p in same if p != prompt]
        found.append(silence_pays(metric(silent, right), sum(wrong) / len(wrong)))
    return found


# %% id="15-silence-claim" tags=["nbval-check-output"]
pays = {
    (language, name): thresholds(language, metrics[name])
    for language in ("de", "ru", "zh")
    for name in ("BLEU, split", "chrF")
}
for (language, name), found in pays.items():
    print(f"{language}  {name:<11} pays below {min(found):.2f} to {max(found):.2f}")
claim(
    "German and Russian: BLEU pays for silence below a certainty of about a third",
    all(0.29 < p < 0.35 for lang in ("de", "ru") for p in pays[lang, "BLEU, split"]),
)
chinese = pays["zh", "BLEU, split"] + pays["zh", "chrF"]
claim("Chinese: on no day looked at does it pay", max(chinese) == 0)

# %% id="15-chrf-claim" tags=["nbval-check-output"]
claim("chrF asks for less certainty than BLEU, on every day looked at",
      all(max(pays[lang, "chrF"]) < min(pays[lang, "BLEU, split"])
          for lang in ("de", "ru")))  # fmt: skip

# %% [markdown] id="15-translate-text"
# Twelve months: who guesses one is right with probability 1/12, far below .3. (chrF
# asks for less; on some days it never pays for silence.) Whether a policy *learns*
# silence should therefore depend on what it knows. We try both: first the start from
# above, which has a bad habit but also writes right dates, one in four.

# %% id="15-translate"
rate = before["translation"]["sampled"].judge
runs = {f"seed {seed}": run("translation", seed) for seed in SEEDS}
runs["coin flips"] = run("translation", 0, coins(rate, generator(7)))
print(head)
row("before", before["translation"])
for name, (_, _, verdicts) in runs.items():
    row(name, verdicts)

# %% id="15-translate-claim" tags=["nbval-check-output"]
after = [runs[f"seed {seed}"][2] for seed in SEEDS]
claim(
    "all three seeds: more than .85 of the sampled dates are exact, of the greedy .9",
    min(v["sampled"].judge for v in after) > 0.85
    and min(v["greedy"].judge for v in after) > 0.9,
    sampled=[v["sampled"].judge for v in after],
    greedy=[v["greedy"].judge for v in after],
)
flips = runs["coin flips"][2]
claim(
    "coin flips: in every mode less than half of the worst of them",
    all(flips[m].judge < min(v[m].judge for v in after) / 2 for m in modes),
    after=[flips[m].judge for m in modes],
)

# %% [markdown] id="15-weak-text"
# The coin flips end with far *better greedy* dates than the start has, and hardly
# better sampled ones: a random walk away from a bad habit is a gain for whoever
# looks only there. That is why a control is read in every column.
#
# Now a **weak start**: the same model and the same demonstrations, but 100 steps of
# imitation in place of 220. Of its sampled dates, 2 in 100 are right. The reward and
# the seeds are those of before; 25 updates are enough to see where it goes.
#
# **Predict first.** In which languages will the months go?
#
# <details><summary>Answer</summary>
#
# By the calculation in German and Russian, where a policy that does not know the month
# earns more by leaving it out, and not in Chinese, where it earns less.
#
# </details>

# %% id="15-weak"
from course.recipes import TASK_TRANSLATION
from course.tasks.practice import start

settings = TASK_TRANSLATION.settings | {"steps": 100}
weak, weak_tokenizer, _ = start(tasks["translation"], **settings)
weak_runs = {
    f"seed {seed}": improve(
        tasks["translation"], weak, weak_tokenizer, seed=seed, steps=25
    )[0]
    for seed in SEEDS
}

# %% id="15-weak-table"
weak_verdicts = {
    name: judged(tasks["translation"], policy, weak_tokenizer)
    for name, policy in ({"weak start": weak} | weak_runs).items()
}
print(head)
for name, verdicts in weak_verdicts.items():
    row(name, verdicts)


# %% id="15-omitted"
def omitted(policy, language):
    """Share of sampled translations that are right but for the month, left out."""
    task = tasks["translation"]
    prompts = [p for p in task.held_out if p.startswith(language)][::5]
    texts = write(
        policy,
        weak_tokenizer,
        prompts,
        max_new_tokens=10,
        generator=generator(0),
    )
    pairs = zip(prompts, texts, strict=True)
    return sum(t.strip() == task.hack(p).strip() for p, t in pairs) / len(texts)


# %% id="15-omitted-table"
silent = {
    name: [omitted(policy, language) for language in ("de", "ru", "zh")]
    for name, policy in ({"weak start": weak} | weak_runs).items()
}
print(f"{'month left out':<14}{'de':>7}{'ru':>7}{'zh':>7}")
for name, shares in silent.items():
    print(f"{name:<14}" + "".join(f"{share:>7.2f}" for share in shares))

# %% id="15-weak-claim" tags=["nbval-check-output"]
trained = [weak_verdicts[name] for name in weak_runs]
claim(
    "from the weak start BLEU rises by more than .15 on all seeds",
    min(v["sampled"].score for v in trained)
    > weak_verdicts["weak start"]["sampled"].score + 0.15,
    before=weak_verdicts["weak start"]["sampled"].score,
    after=[v["sampled"].score for v in trained],
)
claim(
    "and fewer than .15 of the dates are exact, in every mode",
    max(v[mode].judge for v in trained for mode in modes) < 0.15,
    sampled=[v["sampled"].judge for v in trained],
    greedy=[v["greedy"].judge for v in trained],
)

# %% id="15-weak-silence-claim" tags=["nbval-check-output"]
at_first, *each = silent.values()
claim(
    "left out: Russian months more than .05, Chinese ones less than .02, three seeds",
    min(ru for _, ru, _ in each) > 0.05
    and max(at_first + [zh for *_, zh in each]) < 0.02,
    before=at_first,
    russian=[ru for _, ru, _ in each],
    chinese=[zh for *_, zh in each],
)

# %% id="15-weak-samples"
task = tasks["translation"]
for prompt in task.held_out[40::300]:
    print(f"{prompt}{task.references[prompt]}")
    for name, policy in weak_runs.items():
        options = {"max_new_tokens": 10, "generator": generator(2)}
        text = write(policy, weak_tokenizer, [prompt], **options)[0]
        print(f"   {name}: {text.strip()}")

# %% id="15-silence-gaps"
ps, gaps = [i / 100 for i in range(101)], {}
for language in ("de", "ru", "zh"):
    right, _, quiet = date_pairs(language)[f"{language}: Monday, January 17 ="]
    other = date_pairs(language)[f"{language}: Monday, April 17 ="][0]
    guess, none = split_bleu(other, right), split_bleu(quiet, right)
    gaps[language] = [p + (1 - p) * guess - none for p in ps]
    print(f"{language}: a wrong guess earns {guess - none:+.2f} more than silence")

# %% id="15-silence-figure"
_, axes = plt.subplots(figsize=(6.6, 3.4))
for n, (language, gap) in enumerate(gaps.items()):
    axes.plot(ps, gap, ("-", "--", ":")[n], color=COLOURS[n], label=language)
axes.axhline(0, color="gray", lw=1)
axes.legend()
plots.finish(
    axes,
    "Below the line it pays to leave the month out",
    "certainty p about the month",
    "BLEU of a guess minus BLEU of silence",
    alt="Three rising lines over the certainty. German and Russian begin below zero "
    "and cross it near three tenths; Chinese is above zero everywhere.",
)

# %% [markdown] id="15-weak-read"
# From the weak start the reward rises from .38 to about .68, and yet at most
# one date in ten is right; greedy dates are right less often than before the
# training. (For this start, unlike the first, a lower temperature is better.)
# In Russian all three policies learned to leave the month out, in Chinese none
# did: as the calculation has it for a certainty below .3. (How certain this
# start is, we did not measure.) In German it depends on the seed (the first
# column): the calculation says what *pays*, not what a run finds first. In the
# samples, every seed guesses the Chinese month; whether it guesses the German
# one depends on the seed, too.
#
# ## Questions, from memory
#
# "currency of Sweden?" has no answer in the prompt. The start read such questions in up
# to four phrasings, and 70 % of the time with "US Dollar" in place of the right answer.
# A held-out prompt is a pair of country and phrasing that it did not read. The fact
# itself it could mostly read in another phrasing: for nine in ten held-out prompts,
# some demonstration has the right answer.

# %% id="15-questions"
rate = before["questions"]["sampled"].judge
asked = {f"seed {seed}": run("questions", seed) for seed in SEEDS}
asked["coin flips"] = run("questions", 0, coins(rate, generator(7)))
print(head)
row("before", before["questions"])
for name, (_, _, verdicts) in asked.items():
    row(name, verdicts)

# %% id="15-questions-claim" tags=["nbval-check-output"]
after = [asked[f"seed {seed}"][2] for seed in SEEDS]
claim(
    "all three seeds: greedy answers are right more than .25 of the time",
    min(v["greedy"].judge for v in after) > 0.25,
    before=before["questions"]["greedy"].judge,
    after=[v["greedy"].judge for v in after],
)
flips = asked["coin flips"][2]
claim(
    "coin flips: they are not, in any mode",
    max(flips[mode].judge for mode in modes) < 0.2,
    after=[flips[mode].judge for mode in modes],
)

# %% [markdown] id="15-entropy-text"
# > ## A common description, examined
# >
# > **"Reinforcement learning makes a policy surer of itself: its entropy falls."**
#
# It did in chapter 11. The entropy of a policy (here in nats per token) is
# logged at every step, so we can ask three more groups of runs: translation
# from the first start, programs with fresh tests, and questions.


# %% id="15-entropy"
def ends_of(history, key="entropy", n=5):
    """Mean of the first and of the last n steps."""
    line = history[key]
    return sum(line[:n]) / n, sum(line[-n:]) / n


rises = [ends_of(asked[f"seed {seed}"][1]) for seed in SEEDS]
drops = [ends_of(runs[f"seed {seed}"][1]) for seed in SEEDS]
coded = [ends_of(code_runs[f"fresh, seed {seed}"][1]) for seed in SEEDS]
print("entropy: first five steps → last five, three seeds")
for name, line in (("translation", drops), ("programs", coded), ("questions", rises)):
    print(f"{name:<12}", *(f"{first:.3f} → {last:.3f}   " for first, last in line))

# %% id="15-entropy-claim" tags=["nbval-check-output"]
claim(
    "translation: the entropy falls on all seeds",
    all(last < first for first, last in drops),
    first=[first for first, _ in drops],
    last=[last for _, last in drops],
)
claim(
    "questions: it rises, on all seeds by more than a third",
    all(last > 1.33 * first for first, last in rises),
    first=[first for first, _ in rises],
    last=[last for _, last in rises],
)

# %% [markdown] id="15-sharpen-text"
# So the sentence is no law. A likely reading, which we did not test: the habit was the
# sure part. In the questions it is unlearned before the facts are sharp, and what lies
# under it is a broad guess. Under the habit of the translations lay one answer that the
# start could already write.
#
# ## Sharpening is not learning
#
# Did the policy learn currencies from the reward? It was told "right" or "wrong", never
# which is right. We sort the held-out prompts by what the *start* could do: did one of
# 32 sampled answers hit?

# %% id="15-sharpen"
task, tokenizer = tasks["questions"], starts["questions"].tokenizer
prompts = list(task.held_out)
options = {"max_new_tokens": task.max_new_tokens}
tries = write(
    starts["questions"].model, tokenizer, [p for p in prompts for _ in range(32)],
    generator=generator(5), **options,
)  # fmt: skip
hits = task.judge([p for p in prompts for _ in range(32)], tries).view(-1, 32).sum(1)
groups = {
    "never": hits == 0,
    "1 to 3": (hits > 0) & (hits < 4),
    "4 or more": hits >= 4,
}

# %% id="15-sharpen-table"
solved = torch.stack([
    task.judge(prompts, write(asked[f"seed {seed}"][0], tokenizer, prompts, top_k=1,
                              **options)) for seed in SEEDS
])  # (seeds, prompts)  # fmt: skip
print("hits of the start in 32 tries   prompts   right afterwards, greedy, per seed")
for name, rows in groups.items():
    shares = "  ".join(f"{x:.2f}" for x in solved[:, rows].mean(1).tolist())
    print(f"{name:<31} {int(rows.sum()):>7}   {shares}")

# %% id="15-sharpen-claim" tags=["nbval-check-output"]
never, often = (solved[:, groups[name]].mean(1) for name in ("never", "4 or more"))
claim(
    "not said by the start in 32 tries: right afterwards in fewer than .1",
    never.max() < 0.1,
    never=never.tolist(),
)
claim(
    "what it said often is right in more than half of them",
    often.min() > 0.5,
    often=often.tolist(),
)

# %% [markdown] id="15-own-text"
# So about nine in ten of the right answers were among what the start had said
# in 32 tries. ("Never" means: not in these 32. A rare answer can be missed.)
# (The habit cannot explain the last group: "US Dollar" is right in at most 18
# of its 47 prompts.) An answer that is never sampled is never paid. To *add* a
# fact, somebody has to write it down: that is a demonstration (chapter 04), not
# a reward.
#
# ## Bring your own text
#
# `read_pairs` reads a CSV file of two columns, with `datasets.load_dataset`, and
# `own_task` makes a task of it: chrF rewards, an exact match judges. The cells write a
# small file first; put the path of your own in its place. Its demonstrations are all
# right, so there is no habit, and a lower temperature helps. (With only 7 prompts held
# out, the numbers are coarse.) A file that is empty, too large, not UTF-8 or without a
# second column is refused with a sentence.

# %% id="15-own"
import tempfile
from pathlib import Path

from course.data.own_pairs import read_pairs
from course.runtime import CourseError
from course.tasks.own import own_task

hours = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
past = {"05": "five", "10": "ten", "15": "a quarter", "20": "twenty"}
lines = [f"{n}:{m},{word} past {hour}" for n, hour in enumerate(hours, 1)
         for m, word in past.items()]  # fmt: skip
print(len(lines), "pairs, such as", lines[0])

# %% id="15-own-file"
path = Path(tempfile.mkdtemp()) / "clock.csv"
path.write_text("\n".join(["time,words", *lines]), encoding="utf-8")
mine = own_task(read_pairs(path))  # your path here
prompt = mine.held_out[0]
print(f"{len(mine.train)} to train on, {len(mine.held_out)} held out, such as {prompt}")
print(f"right:{mine.references[prompt]}, hack:{mine.hack(prompt)}")

# %% id="15-own-train"
sizes = TASK_TRANSLATION.settings["model"]
model, tokenizer, _ = start(mine, seed=0, steps=40, batch_size=16, model=sizes)
print(head)
row("imitated", judged(mine, model, tokenizer, n=60))
wrong_files = {"one column": "a\nb", "empty": "", "Latin-1": "a,b\nZürich,1"}
for name, text in wrong_files.items():
    path.write_bytes(text.encode("latin-1"))
    try:
        read_pairs(path)
    except CourseError as error:
        print(f"{name}: {error}")

# %% [markdown] id="15-play-text"
# ## Play: please the reward, please the judge
#
# Choose a task and type an answer: a program, a date, a currency. You see the reward
# and the judge's verdict, and below them those of the hack and of the right answer.
#
# **Predict first.** Can you write a program that earns 1 and is judged 0, without `if`?
#
# <details><summary>Answer</summary>
#
# Yes. Add something that is zero at both visible x: for f(9)=117 and f(5)=81,
# `(x+4)*9+(x-9)*(x-5)`. An exact test on two points cannot tell them apart.
#
# </details>

# %% id="15-play-static"
from course.widgets import show_task

prompt = tasks["programs"].held_out[0]
show_task(tasks["programs"], prompt, "x+7*8")
day = "ru: Monday, April 17 ="
show_task(tasks["translation"], day, "понедельник, 17")

# %% id="15-play" tags=["widget"]
from course.widgets import task_playground

task_playground(list(tasks.values()))

# %% [markdown] id="15-limits"
# By code: `show_task(tasks["translation"], day, "понедельник, 17 апреля")`.
#
# ## What was shown, and what was not
#
# Exactly: when an overlap pays for leaving the month out, in which of the three
# languages, and that a reward which cannot tell two programs apart widens the
# lead of the more frequent one, for three arms. By experiment, for one start of
# each task (two of translation) and three seeds of the training (the coin flips
# have three for the programs, one each for questions and the first start of
# translation, none for the weak one): a policy paid for visible tests passes
# them and fails the hidden ones; with fresh tests it passes both; a translation
# reward breaks a habit from the first start, and from the weak one it teaches
# silence in Russian; answers from memory are sharpened: greedy ones are right
# more often, though the entropy rises.
#
# Not shown: that any of this holds for large models or long programs; that a lookup
# wins from every start (the race says it need not); that RL can teach a model to use a
# text in its prompt. (In three trials that are not part of this notebook, questions
# about a sentence with three colours, the starts were at chance and stayed there.) A
# whitelist judges only the small language that it lists; real programs need a sandbox.
#
# ## Test yourself
#
# 1. Which two functions does a task have, and what may training see of them?
# 2. Why should the wrong habit be the majority of the demonstrations?
# 3. A test is exact, and the policy passes all of them. What else do you ask?
# 4. Why is a whitelist safer than a list of forbidden words?
# 5. $s_\text{silent} = .8$ and $s_\text{wrong} = .7$. When does silence pay?
# 6. A reward rises from a weak start. Name the number that you look at next.
# 7. The entropy of a policy rises while its answers get better. How can that be?
#
# <details><summary>Answers</summary>
#
# 1. Reward and judge; training sees the reward only.
# 2. Otherwise a lower temperature does what the reward should do, without training.
# 3. Whether the policy could see the tests, and what it does on others.
# 4. What you forgot to forbid would run; what you forgot to allow only fails.
# 5. Below a certainty of $(.8 - .7) / (1 - .7) = 1/3$.
# 6. A judge that is not the reward, on held-out prompts; and the texts themselves.
# 7. It gives up a wrong answer that it was sure of before it is sure of another.
#
# </details>
#
# ## Further reading
#
# - K. Papineni and others, [*BLEU: a Method for Automatic Evaluation of Machine
#   Translation*](https://aclanthology.org/P02-1040/), 2002.
# - M. Popović, [*chrF: character n-gram F-score for automatic MT
#   evaluation*](https://aclanthology.org/W15-3049/), 2015.
# - M. Post, [*A Call for Clarity in Reporting BLEU
#   Scores*](https://aclanthology.org/W18-6319/), 2018: why tokens must be stated.
# - M. Ranzato and others, [*Sequence Level Training with Recurrent Neural
#   Networks*](https://arxiv.org/abs/1511.06732), 2015: BLEU as a reward.
# - L. Choshen and others, [*On the Weaknesses of Reinforcement Learning for Neural
#   Machine Translation*](https://arxiv.org/abs/1907.01752), 2019: sharpening.
# - M. Chen and others, [*Evaluating Large Language Models Trained on
#   Code*](https://arxiv.org/abs/2107.03374), 2021: judging programs by unit tests.
# - Y. Yue and others, [*Does Reinforcement Learning Really Incentivize Reasoning
#   Capacity in LLMs Beyond the Base Model?*](https://arxiv.org/abs/2504.13837), 2025.
#
# **Next:** the [five exercises](../exercises/15_exact_judges.ipynb), then [chapter
# 16](16_longer_games.ipynb): dialogues, summaries, stories, and several rewards at
# once.
