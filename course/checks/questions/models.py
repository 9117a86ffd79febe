"""Language models: objective, sampling, fine-tuning."""

TEXT = """
## lm-loss
? What does a language model's loss measure?
20: The average number of nats it needs for the next token: minus the logarithm of the
probability that it gave to what came.
120: By the chain rule the sum over tokens is minus the log-probability of the text.
Minimising it is maximum likelihood, and is the KL from the data to the model plus the
entropy of the data, which nobody can lower. A model that knows nothing pays ln V. Its
exponential is the perplexity; divided by bytes it is comparable across tokenizers.
! Comparing perplexities of models with different tokenizers.
@ 01 A-uniform

## bits-per-byte
? Why bits per byte instead of perplexity?
20: A token is whatever the tokenizer says. Bytes are the same for everyone.
120: A larger vocabulary makes fewer and harder tokens: loss per token rises while
nothing got worse. Divide the total nats of a text by ln 2 and by its number of bytes,
and the unit no longer depends on the cutting.
! Averaging the per-text values instead of dividing totals.
@ 01 01-vocab-claim

## causal-mask
? What does the causal mask do, and how do you test it?
20: It hides the future. Change a later token: no earlier logit may change, not in one
digit.
120: In attention each position may look at itself and what stands before. Without the
mask the model copies the next token, its loss collapses, and its samples are noise.
The test is exact, so ask for equality, not closeness. A mask that is applied after
the softmax leaks: the weights no longer sum to one.
! Testing it by looking at the loss: a leak looks like a good model.
@ 02 02-future

## why-cache
? What does a key-value cache save, and what does it cost?
20: Reading the past again. Each new token then costs one position instead of all; the
price is memory for keys and values of every layer and token.
120: Keys and values of earlier tokens never change under a causal mask, so they can
be kept. The samples are the same. Memory grows with batch × length × layers ×
key/value heads, which is why heads are shared among queries.
! Caching while the weights still change between tokens of one text.
@ 03 03-cost-claim

## temperature
? What does temperature do to a distribution?
20: It divides the logits. Below 1 the likely tokens gain, above 1 the unlikely ones;
the entropy grows with it.
120: At 0 it is greedy, at infinity uniform. It changes the distribution you draw
from, so log-probabilities for training must be taken at the same temperature;
otherwise the ratio is wrong at the first update. A cooler model is often "better" for
free, so print it beside a trained one.
! Dividing probabilities instead of logits.
@ 03 A-temperature

## top-p
? Top-k or top-p?
20: Top-k keeps a fixed number, top-p as many as reach a probability. The size of the
nucleus varies a lot from state to state, and a fixed k fits few of them.
120: In chapter 03 the nucleus of .9 varies more than tenfold between sure and unsure
states. Both change the policy: its likely texts are drawn more often than it says,
the others never. For training, draw without either.
! Leaving a library's default top-k of 50 on while training.
@ 03 A-top-p

## greedy-loops
? Why does greedy decoding repeat itself?
20: After the same few tokens the same next one is the likeliest, so the text returns
to where it was. The likeliest next token is not the likeliest text.
120: Measured in chapter 03: greedy texts have a quarter of people's distinct pairs.
And it is no good search: for most openings some sampled text is more probable than
the greedy one.
! Saying that repetition is what the model finds most probable over whole texts.
@ 03 03-loop-claim

## sft-mask
? On which tokens is the loss of supervised fine-tuning computed?
20: On those of the completion, the end token included. The prompt is read, not
learned.
120: A mask sets the prompt's labels aside, so that no gradient comes from them,
exactly none. If the end token is masked as well, the model never stops, and every
later stage pays for it: texts are cut, and rewards for whole answers are out of
reach.
! Masking the end token together with the padding because they share an id.
@ 04 04-end-claim

## packing
? What is packing, and what can go wrong?
20: Several texts in one row instead of padding. A text must not see its neighbour,
and learned positions must start anew; rotary ones need not.
120: It saves what padding wastes. The mask then has blocks; without them a text is
conditioned on a stranger. The check is exact: logits of a packed text equal those of
the text alone.
! Counting the mean over rows instead of tokens: short rows then weigh more.
@ 04 04-pack-claim

## lora
? What are adapters, and when do they suffice?
20: Two thin matrices added to a frozen one. They suffice when the change is small in
rank: style, format, a new habit.
120: W + (alpha / r) B A, with B at 0, so the first step starts from the model itself.
Merged, they cost nothing at inference. Switched off, they give the reference model
for free, which saves a copy in memory.
! Starting both matrices at 0: then no gradient reaches either.
@ 04 04-lora-claim

## forgetting
? What does fine-tuning forget?
20: What is not in its data. Measure it on held-out texts of the old kind, at each
stage.
120: In chapter 04 reviews get cheaper in bits per byte and other texts dearer. A
lower learning rate, mixed-in old data, adapters and a KL leash all trade the same two
things.
! Measuring only the new domain.
@ 04 04-train-claim

## initial-loss
? What loss do you expect before training?
20: ln V: the model knows nothing. Anything else is a fault, and it takes a second to
see.
120: With V tokens and flat logits every token costs ln V nats. A far larger value
means too large an initial scale; a smaller one means that labels leak. Next, overfit
a single batch: the loss must go to about zero.
! Skipping both checks because "it will show during training".
@ 02 A-uniform
"""
