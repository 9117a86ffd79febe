"""Rewards: rules, people, reward models, best-of-n."""

TEXT = """
## bleu
? When is BLEU a bad reward?
20: When silence pays: leaving out what one is unsure of can score higher than a
guess.
120: BLEU counts matched n-grams, with a penalty for brevity. In chapter 15, dates in
German and Russian: below a certainty of about .3 it is better to leave the month out,
and a weak start learns just that: BLEU rises, exact answers do not come. Plain BLEU
of a short text is 0 when one n-gram order has no match.
! Reporting BLEU alone after training on it.
@ 15 15-silence-claim

## likelihood-reward
? Why not use the model's own likelihood as a reward?
20: Probable is not good. It says next to nothing about what people like, and its
optimum is short and repetitive.
120: In chapter 05 the log-probability correlates at .09 with the ratings. As a sum it
favours short texts, as a mean it favours repetition. Maximised, it gives a model that
says one thing.
! Calling minus the language-model loss "the reward model's loss".
@ 05 05-agree-claim

## sparse-dense
? Sparse or dense rewards?
20: A dense reward that is a difference of potentials keeps the optimum and helps with
credit. Other dense rewards change what is optimal.
120: Paying changes of a state function telescopes: the sum is the end minus the
start, whatever the way. Paying only the rises does not: going up and down earns more
than going straight. Sparse rewards are honest and noisy; baselines and critics help.
! Adding "small" bonuses per step without asking who could collect them for ever.
@ 05 05-dense-claim

## standardise
? Why standardise scores, and when must you not?
20: It makes learning rates and beta mean the same for every reward. Not when zero has
a meaning, such as "accept above 0".
120: Divide by the standard deviation of the reference's texts and subtract their
mean, fixed once. A running standard deviation changes the objective while you train.
When terms are combined, standardise each, or the widest rules alone.
! Normalising a term that is nearly constant: it is blown up to √n.
@ 05 05-normalise

## agreement
? How well do people agree, and why does it matter?
20: It is the ceiling. Here one person correlates with the mean of the others at about
.88; between two single people it is .80.
120: Much of it is the sign: within the liked texts alone it falls below .6. Chance
agreement must be taken off (kappa, alpha). No reward model can agree with single
noisy votes more often than the truth would; chapter 06 computes at most about 90 %.
! Judging a reward model against 100 %.
@ 06 06-ceiling-claim

## bradley-terry
? What does Bradley–Terry assume?
20: Each text has one strength, and the chance that A beats B is a logistic function
of the difference. So: no cycles, no context, one kind of judge.
120: It is logistic regression on differences. Only differences are identified; add a
constant and nothing changes. If somebody prefers A to B, B to C and C to A, no
strengths fit. A text that always won has an infinite strength, so a prior is needed.
Elo is the same model, fitted one match at a time.
! Reading strengths of two separate fits on one scale.
@ 06 A-pairwise

## rater-bias
? You have twice the money for labels. More raters or more texts?
20: More texts for a reward model; more raters where you must judge single texts.
Noise averages out, shared bias does not.
120: A hundred times the votes make the noise about ten times smaller. A bias that all
raters share stays: in chapter 06 more than half of the error is left. So spend some
of the money on instructions, on other raters, on swapped order.
! Believing that the mean of many biased votes is the truth.
@ 06 06-examined-claim

## calibration
? What is a calibrated reward model?
20: One whose probabilities come true: of the pairs that it calls 80 to 20, 80 in 100
go that way. Accuracy does not see it, since scaling all scores changes no order.
120: One temperature, fitted on held-out pairs, repairs most of it. It matters for
rejection thresholds, for ensembles, and for beta: twice the scale of the reward is
half the leash.
! Fitting the temperature on the training pairs.
@ 07 07-ece-claim

## length-bias
? How do you find and remove a length bias?
20: Correlate score and length with the rating held fixed. One number, fitted on other
texts, takes out most of it.
120: Plant it to see that your test works: chapter 07 does, and recovers it. People
may like longer texts for good reasons, so hold their judgement fixed before you call
it bias. In training, watch the mean length beside the score.
! Taking out all correlation with length, the deserved part included.
@ 07 07-length-claim

## reward-elsewhere
? Why does a reward model fail on other texts?
20: It learned the words of its data. On news or tweets ours falls behind a simple
lexicon; a policy moves away from the data in the same way.
120: Chapter 07 measures it by source. It lifts "not charming" as much as "charming":
it adds words up. More data of the old kind does not help; data from where the policy
writes does.
! Reporting accuracy on a random split as if it held for the policy's texts.
@ 07 07-sources-claim

## best-of-n
? What does best-of-n cost, and how far does it move?
20: n times the writing at inference, no training, and at most log n − (n − 1)/n nats:
1.8 nats for n = 16.
120: It is the strongest baseline: at equal KL it beat every trained policy compared
in chapter 12. Its gain grows like the expected largest of n scores, so slowly. The
formula is a bound, and nearly exact where each text is rare and no two scores tie.
! Using log n for its KL: that is the policy with a hard edge, .9 nats more at n = 16.
@ 08 A-best-of-n

## ensemble
? Does an ensemble of reward models stop reward hacking?
20: It helps where members err apart, and not where they share data and flaws. In
chapter 14 what fools one proxy fools the others in five of six pairs.
120: In chapter 07 the mean of three beats the average member, so as an estimate it is
better. As a guard, the members' spread warns of texts that they judge differently,
and is blind to mistakes that they share; in chapter 14 five of six pairs of proxies
share theirs. Another kind of model, or another kind of label, errs apart; another seed
hardly does.
! Counting seeds as independent judges.
@ 14 14-ensemble-claim
"""
