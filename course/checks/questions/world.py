"""In the world: tasks, real models, several machines, and what goes wrong."""

TEXT = """
## verifiable
? What makes a reward verifiable, and can it still be gamed?
20: A program decides. And yes: a policy paid for visible tests learns to pass those.
120: Chapter 15: paid for visible tests, three seeds pass most of them and next to
none of the hidden ones, by lookup tables. Fresh tests at each step repair it. Never
run what a model wrote; parse it against a list of what is allowed.
! Testing on the examples that stand in the prompt.
@ 15 15-programs-claim

## sharpening
? Does reinforcement learning teach anything new?
20: Mostly it makes likely what was already possible. What the start never says is
rarely right afterwards.
120: Chapter 15 sorts prompts by how often the start was right: what it never said
stays wrong in nine of ten, what it said often becomes reliable. Sixteen tries of the
untrained adder solve most problems. New knowledge needs data.
! Quoting a gain in pass@1 as new ability.
@ 15 15-sharpen-claim

## dialogue-reward
? How do you train a dialogue of several turns?
20: One reward at the end, every token of the model's turns gets the advantage, the
user's tokens are masked. A simulator must play the user.
120: Chapter 16: paid for right bookings the clerk learns to ask first; paid for any
booking, it nearly always books, at once. The mask is the usual bug: training on the
user's words teaches the model to speak for the user.
! Rewarding "a booking was made".
@ 16 16-hack-claim

## summaries
? Is ROUGE a good reward for summaries?
20: It is easily met by nothing: in chapter 16 a constant text without content beats
the first sentence and every trained summariser.
120: Overlap with a reference rewards frequent words. Try the constant, the lead
sentence and a random one before training; if one of them wins, the metric is the
problem.
! Comparing only with the untrained model.
@ 16 16-nothing-claim

## real-model
? What changes when you go from a toy to a pretrained model?
20: The formulas do not. Memory, precision and templates do: adapters, 16-bit
sampling, chat formats, and what the model does at the end of a text.
120: Chapter 17 runs the same step on SmolLM2-135M with adapters. The reference is the
same model with adapters off. New faults: a sampler in another precision than the
trainer, a missing start token, a model that forgets to end.
! Changing algorithm and model at once.
@ 17 17-trained-claim

## llm-judge
? Can a language model replace human judges?
20: Not alone. Its verdicts move with the order and the words of the question, and an
interval from the judge alone misses the truth nearly always.
120: Chapter 17: when two label words change places, four of ten verdicts or more
flip; asked about pairs it says "A" more than nine times of ten. Used beside people,
with probabilities and a correction on a labelled part, it narrows intervals by some 5
to 20 %.
! Reporting the judge's mean with an interval that counts only its own sampling error.
@ 17 17-coverage-claim

## sampler-trainer
? The sampler runs in 16 bits, the trainer in 32. Is that a problem?
20: Then the texts come from another policy than the one that is trained. Measure the
gap in nats per token; weigh whole texts by their ratio if it matters.
120: A ratio per text makes the expected gradient exact, at the price of variance;
ratios per token did not at any of four distances. A limit of 2 on a token's ratio
touches next to no token. Two readings of one batch in the log show the gap for free.
! Believing that per-token truncation corrects the mismatch.
@ 17 17-mismatch-claim

## several-machines
? You train on eight processes. What must equal one process?
20: The gradient: that of the whole batch. The mean of each process's token mean is
wrong when lengths differ.
120: Sum gradients and divide by the tokens of all. Chapter 17 tests it: two processes
take the step of one within 1e-6, while with own means the gradient is off by about a
tenth, with eight by more. Each process needs its own seed, or all draw the same texts.
! Averaging means.
@ 17 17-processes-claim

## not-learning
? A run does not learn. What do you look at first?
20: The first ratio, then the spread of scores in groups, the share of texts that end,
KL, and only then the learning rate.
120: From the top: if two readings of one text differ, all else is meaningless. If
groups are equal there is no gradient. If no text ends, rewards for whole answers are
out of reach. If KL stays at 0, the leash or the rate holds it. Appendix B plants
twelve faults and shows each sign.
! Tuning the learning rate first.
@ 11 B-diagnose-claim

## works-but-wrong
? The reward rises. Is the code right?
20: No proof. With a wrong mask, top-p in the sampler or dropout the reward rises as
well.
120: Appendix B counts how many of the faulty runs learn all the same: at least four.
Test what is exact: first ratio 1, the gradient on an enumerable policy, the loss ln 2
at the start of DPO, equality with a reference implementation.
! Testing by curve.
@ 11 B-examined-count

## unscorable
? Some outputs cannot be scored. What do you do with them?
20: Give them the worst score. Dropped from the mean, they make failing profitable.
120: If a crash counts nothing and a wrong answer counts against you, then whoever is
unsure does better to crash. It is exact: with a chance p of being right the mean over
what is left rises to 1 when only sure answers are given. Log the share of what could
not be scored.
! Filtering bad rows "to be safe".
@ 14 A-dropped

## reproduce
? Your result differs from a colleague's by two points. Now what?
20: Ask for seeds, the number of texts evaluated, and the interval. Two points on 200
texts are noise.
120: A share near one half, on n texts, has a standard error of .5/√n: .035 at 200.
Seeds of training add more. Compare the same prompts in pairs, which removes most of
the noise, fix temperature and length, and say how often you looked.
! Comparing best seeds.
@ 06 A-noise
"""
