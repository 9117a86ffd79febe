"""Policies: gradients, PPO, GRPO, DPO."""

TEXT = """
## policy-gradient
? Derive the policy gradient in one line.
20: The gradient of the expected score is the expectation of score times the gradient
of the log-probability, because p ∇log p = ∇p.
120: Sum over texts of p(y) r(y); differentiate p; write ∇p as p ∇log p; read the sum
as an expectation. The reward is never differentiated. Sample texts to estimate it.
With seven possible texts you can compare with the exact gradient, to the last digit.
! Forgetting that samples must come from the policy that is differentiated.
@ 09 A-roles

## baseline
? Why does a baseline not bias the gradient?
20: The expected gradient of the log-probability is zero, so a constant times it adds
nothing on average. It changes only the variance, and a good one lowers it.
120: Probabilities sum to one, so their gradients sum to zero. The best constant
weighs scores by squared gradients. On chapter 09's seven texts it is worth 7 times the
samples, the mean score 4 times; with scores 0 and 1 that are mostly 1 the mean even
does harm. It must not depend on the text itself; leave-one-out keeps that promise,
and the group's own mean shrinks the gradient by (G − 1)/G.
! A baseline that looks at the token it judges.
@ 09 A-baseline

## kl-leash
? Why the KL term, and what is its optimum?
20: It keeps the policy where the reward can be trusted. The optimum is the reference
times exp(reward / beta), normalised.
120: Maximising E[r] − beta KL has that closed form, so beta is a temperature: small
beta gives the best text everything, large beta gives the reference. It does not say
that reward cannot be hacked, only how far you may go.
! Treating beta as a learning rate: it changes the goal, not the speed.
@ 12 A-optimum

## kl-estimators
? k1, k2, k3: which one, and where?
20: As a value k3 is unbiased with little noise near the reference. As a loss, k3's
gradient is that of the other KL, and k1's is zero on average. In the reward take k1.
120: d is the log-ratio. k1 = d, k2 = d²/2, k3 = exp(−d) − 1 + d. What is unbiased as
a number need not have an unbiased gradient: chapter 11 enumerates it. k2 in the loss
is right, and k3 times the ratio.
! Choosing the estimator by its value's variance and then differentiating it.
@ 11 A-kl

## importance-ratio
? Why the ratio in PPO, and why the clip?
20: The ratio makes old texts count as if the new policy had drawn them. The clip
takes away the reward for moving it further than 1 ± epsilon.
120: Several updates on one batch need the correction. Far away the weights' variance
explodes, and a few texts rule. The clip silences the gradient of tokens that have
moved far enough in the right direction; it keeps no ratio inside by force, and tokens
in the wrong direction keep their gradient.
! "The clip keeps ratios inside the interval": in chapter 10 over a quarter of them end
outside.
@ 10 A-clip

## gae
? What does lambda in GAE trade?
20: Bias for variance. Lambda 1 is returns minus values, unbiased whatever the critic;
lambda 0 trusts the critic entirely.
120: With exact values every lambda gives the exact gradient; with wrong values only
lambda 1 does. Language tasks often use .95 to 1, with gamma 1, because the reward
comes at the end.
! Discounting: gamma .9 leaves the first of thirty tokens under 5 % of the reward.
@ 10 10-gae-claim

## grpo-or-ppo
? What does GRPO change against PPO?
20: No critic: several answers to one question judge each other. Cheaper in memory,
one advantage for all tokens of an answer.
120: Score minus group mean, divided by the group's deviation. That saves a model and
its tuning; it costs several answers a question, and credit is not shared among
tokens. Where all answers of a group score alike, it learns nothing.
! Thinking that dividing by the deviation is harmless: it reweighs questions.
@ 11 11-group

## zero-gradient
? Half of your groups have equal scores. What happens?
20: They give exactly no gradient; the effective batch is half. Choose questions that
are sometimes solved, or larger groups.
120: With success p, a group of G is equal with probability p^G + (1 − p)^G. At p =
.05 and G = 8 that is two thirds. Log the share; it is the first number to look at.
! Averaging the loss over the live groups only without noticing that the step grew.
@ 11 A-equal

## length-normalisation
? Who divides by the length in GRPO, and why does it matter?
20: Per-answer means favour short right answers and long wrong ones. Dividing by a
constant gives the policy gradient.
120: Four ways are in use. A mean per answer keeps its bias at any batch size; a mean
over all tokens has one that vanishes as the batch grows. With unequal processes the
mean of their token means is wrong again.
! Comparing runs of two libraries without looking which one each uses.
@ 11 11-length-claim

## dpo
? What does DPO do without a reward model?
20: It solves the leash's optimum for the reward: beta times the log-ratio to the
reference. Put into Bradley–Terry, that is a loss on pairs.
120: At the start the loss is ln 2, since policy and reference are equal. The
log-ratios are summed, not averaged. It is offline: no new texts are drawn, so what
nobody compared may rise. In chapter 12 chosen texts lose probability too, the
rejected ones lose more.
! "DPO has no reward model": it has an implicit one, and it can overfit.
@ 12 A-dpo

## dpo-or-rl
? DPO or reinforcement learning?
20: DPO when you have pairs and little machinery. Reinforcement learning when a
program can judge or when the policy's own mistakes matter.
120: DPO learns from given texts; the further the policy goes, the less they tell.
Online methods judge what the policy writes now. With certain labels DPO pushes the
best text to one, whatever beta; IPO and smoothing settle.
! Comparing them at unequal KL.
@ 12 12-certain-claim

## entropy-collapse
? The entropy falls during training. Good or bad?
20: Both: sharpening is part of learning, and collapse ends it. Look at pass@k and at
how alike texts are.
120: In chapter 11 one try gains more than sixteen tries: the model mostly becomes
surer of what it could already do. In chapter 15 the entropy rises on closed-book
questions while answers improve. So entropy is a description, not a verdict.
! Adding an entropy bonus without a reason: it pays for noise.
@ 15 15-entropy-claim
"""
