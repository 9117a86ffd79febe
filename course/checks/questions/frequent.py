"""The twelve questions that are asked first."""

TEXT = """
## reward-model-or-rl
? What is the difference between a reward model and reinforcement learning?
20: A reward model judges: it reads a text and gives a number, and is trained on
people's judgements by ordinary supervised learning. Reinforcement learning changes
the writer, so that it earns more of such a number.
120: The reward model's data are fixed: texts and what people said of them. Its loss
is a regression or a comparison of pairs. The writer's data are its own texts, which
change as it changes; no text comes with a right answer, only with a score. You can
have one without the other: best-of-n uses a reward model and trains nothing, and GRPO
on arithmetic uses a program instead of a model. In RLHF the first feeds the second.
! Saying "the reward model is trained with reinforcement learning". In RLHF it is not;
only judges that reason in words before they score are sometimes trained so.
@ 09 A-roles

## which-models
? To which models can a reward and reinforcement learning be applied?
20: To any model that samples its output and can say how probable that output was. The
gradient needs nothing else: no special layer, and the reward need not be
differentiable.
120: The policy gradient uses the log-probability of what was drawn, times a number. A
table of nine logits, a small transformer, a pretrained model with adapters, an image
model that can give likelihoods: the same line. The reward may be a rule, a program, a
person or another network, a black box in each case. What you do need is a start that
is sometimes right: where every sample scores the same, there is no gradient.
! Thinking that the gradient flows through the reward model into the policy. It stops
at the text, which is discrete.
@ 11 A-any-policy

## how-much-data
? How much data does a reward model need?
20: Measure it: train on a half and on all, with equal updates, and look at the slope.
In the course four times the texts added about .09 of r, and a pretrained trunk was
worth more than any number of our texts.
120: There are three currencies: texts, updates and what the trunk knows already. In
chapter 07, at 500 texts, four times the updates gained more than four times the
texts. A head on SmolLM2's vectors with 800 texts orders more pairs as people do than
our small model with all of them. And there is a ceiling: no judge can agree with
noisy votes more often than people allow; in chapter 06 that is about 90 % of the
votes. Published sets have ten thousand to some hundred thousand pairs; the curve of
your own task decides.
! Giving one number, or comparing two sizes of data with unequal numbers of updates.
@ 07 07-curve-claim

## choose-a-loss
? How do you choose the loss of a reward model?
20: By the labels that you have. Pairs: the pairwise logistic loss. Ratings:
regression, or an ordinal loss when the steps are not equal. Then compare on held-out
pairs.
120: The pairwise loss learns differences only; a constant added to all scores of a
prompt costs nothing, so scores of different prompts are not comparable. Regression
fixes zero and unit, but treats +3 against +4 like 0 against +1. An ordinal loss
learns where the steps are. In chapter 07 all three learn, and the control does not;
at that size more updates gave more than more texts. If you need an absolute number,
say a threshold, do not take the pairwise loss alone.
! Choosing by fashion: the pairwise loss is usual because pairs are easy to collect,
not because it is better.
@ 07 A-pairwise

## adapt-a-loss
? How would you adapt a loss to a new kind of feedback?
20: Write down how the feedback arises from a score, as a probability, and take minus
its logarithm. Then test what the loss cannot see.
120: Pairs: a logistic in the difference of scores. Ties: a third outcome with a width
of its own. Stars: cut points. Thumbs without pairs: a logistic against a reference,
as KTO does. A noisy rater: mix in the chance of a flip, which gives label smoothing
or the robust loss. Each adaptation has invariances, changes of the scores that leave
it as it is; list them, and check by code that the rest of your pipeline does not rely
on what the loss leaves open.
! Adding a term because it helps once. Each term answers an assumption; name it.
@ 12 12-robust

## design-a-reward
? How do you design a reward?
20: Say what is to be achieved, reward the result rather than the steps, and then try
to break it yourself before the policy does. Keep a judge that is not optimised.
120: Begin with the task's own test where there is one. Where there is not, combine
terms on one scale, standardised, and with fixed weights. Search for texts that score
high and are bad: in chapter 05 a simple search beats every human text under each of
six rules. Give unreadable outputs the worst score, never none. Look at constant
answers: a text about nothing that scores above honest tries is an invitation. And
keep outside judges, of another kind than the reward, to see when the two part.
! Rewarding progress only when it rises: going back and forth is then paid.
@ 05 05-worse-claim

## how-long
? How long does it take?
20: On two cores the course's reward model trains in minutes and its reinforcement
learning in about a minute. In general: steps × texts × tokens ÷ tokens a second.
120: A step writes, scores, reads the texts again, and updates. Writing goes one token
after another; in the course's REINFORCE it took about a third of the time, and the
share grows with the length of the texts. A cache of keys and values makes it several
times faster. The other numbers are the texts of a step and the updates on each of
them. Chapter 17 has a calculator, checked against published numbers.
! Counting training steps only, and forgetting generation and the labels, which take
weeks.
@ 03 A-time

## ethics
? Whose values does a model learn from human feedback?
20: Those of the people who were asked, in the way they were asked, averaged. A mean
hides who disagrees, and a policy trained on it writes for the majority.
120: The course's raters were screened, trained and paid for matching the group: that
is sentiment, not taste. A mean of ratings erases minorities: even among raters who
are paid to agree, in one text of twenty or so a quarter stands on the other side of
zero than the mean. So say who rated, for what pay, with which instructions; keep
single ratings, not means; report agreement in groups; test the same sentence with
names and groups exchanged. And look at what is lost: a rule against offensive words
can silence criticism, too.
! Calling it "human values" in general. It is a sample of people, with instructions.
@ 06 A-majority

## why-not-supervised
? Why not simply fine-tune on good texts?
20: Often you should. But imitation raises whatever the demonstrations contain and has
no notion of worse; a reward can say what not to write, and can exceed the
demonstrations.
120: Fine-tuning maximises the likelihood of given texts. It needs texts, which
somebody must write, and it weighs each token of them alike. A reward needs
judgements, which are easier to give than texts, works on the model's own mistakes,
and can be negative. Rejection sampling stands between: write many, keep the best,
imitate those. In chapter 08 it lifts the gold score above its control, and spends
more KL than best-of-8 does.
! Forgetting that reinforcement learning from a hopeless start learns nothing:
fine-tune first.
@ 08 08-judge-claim

## what-is-rlhf
? Explain RLHF in three sentences.
20: Train a language model. Ask people which of its texts are better, and fit a model
of their answers. Change the language model so that it earns more of that model's
score, on a leash that keeps it near where it began.
120: Three models: the policy, its frozen reference, and the reward model (PPO adds a
critic). A step
draws texts from the policy, scores them, and moves the log-probability of each by its
advantage, its score relative to others. The penalty beta times KL to the reference
keeps texts in the region where the reward model was trained. The outer loop matters
as much: look at new texts, ask people again, train the reward model anew.
! Leaving out the leash, or explaining it as "regularisation" without saying against
what.
@ 10 10-control-claim

## is-it-learning
? How do you know that a run works, and is not merely moving?
20: By a control that must not work, run beside it: random rewards, shuffled scores,
the sign turned round. And by a judge that was not optimised.
120: A rising reward shows that the optimiser works, not that texts are better. KL
grows also under coin flips, so it is no sign of learning. Print sampled, cooler and
greedy results: part of a gain may only be sharpening, which a lower temperature gives
for free. In chapter 11 the untrained model, greedy, beats the trained one that is
sampled. Use three seeds and held-out prompts, and compare at equal KL or equal
updates.
! Reporting the reward that was trained on, from one seed.
@ 11 11-control-claim

## reward-hacking
? What is reward hacking, and how do you notice it?
20: The policy finds texts that the reward likes and people do not. You notice it when
an outside judge falls while the reward still rises.
120: Any learned reward is right near its data and wrong somewhere; optimisation looks
for that somewhere. In chapter 14 three proxies end far up, a judge of their own
family is fooled with them, and a judge that counts words falls from its peak in two
of the three. So measure with judges of another family, and more than one. Watch KL,
the share of texts that end, and how alike texts become. A leash keeps the run where it
helps, and so does stopping in time; labels of the policy's own texts did no more there
than as many ordinary ones.
! Trusting a larger model of the same kind, trained on the same labels, as the judge.
@ 14 14-run-claim
"""
