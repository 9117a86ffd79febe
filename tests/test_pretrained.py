"""SmolLM2 in our own `GPT` says what it says in transformers."""

import json
import math
import sys

import pytest
import torch

from course.data.assets import SMOLLM2, fetch
from course.lm.interop import from_transformers, to_transformers, weight_names
from course.lm.model import GPT, GPTConfig, parameter_count
from course.lm.pretrained import chat, chat_ids, give_padding, load_pretrained
from course.lm.tokenizer import train_tokenizer
from course.runtime import CourseError

pytestmark = pytest.mark.usefixtures("on_cpu")

TOLERANCE = 1e-3  # fp32, 30 blocks, logits of order 10
QUESTION = [
    {"role": "system", "content": "You answer in one short sentence."},
    {"role": "user", "content": "What is the capital of France?"},
]


def peak_memory() -> float:
    """Most memory that this process has held, GB (0 where it cannot be asked)."""
    try:
        import resource
    except ImportError:
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**30 if sys.platform == "darwin" else 2**20)


@pytest.fixture(scope="module")
def smollm2():
    """Our model, its tokenizer, and the model that transformers itself loads."""
    from transformers import AutoModelForCausalLM

    try:
        file = next(fetch(SMOLLM2).rglob("*.gguf"))
        llama = AutoModelForCausalLM.from_pretrained(
            file.parent, gguf_file=file.name, dtype=torch.float32
        )
        model, tokenizer = load_pretrained()
    except CourseError as error:
        pytest.skip(str(error))
    print(f"peak memory after loading: {peak_memory():.2f} GB")
    return model, tokenizer, llama.eval()


def test_smollm2_has_the_shape_of_its_model_card(smollm2):
    model, tokenizer, _ = smollm2
    assert model.config == GPTConfig(
        vocab_size=49_152,
        context=512,
        width=576,
        layers=30,
        heads=9,
        kv_heads=3,
        feed_forward=1536,
        rope_base=100_000.0,
        norm_eps=model.config.norm_eps,
        tied=True,
    )
    assert model.config.norm_eps == pytest.approx(1e-5)
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert len(tokenizer) == 49_152
    assert tokenizer.eos_token == "<|im_end|>"
    assert tokenizer.pad_token_id not in (None, tokenizer.eos_token_id)


def test_every_weight_is_bit_equal_to_the_one_that_transformers_loads(smollm2):
    model, _, llama = smollm2
    theirs = llama.state_dict()
    names = weight_names(model.config)
    assert names.keys() == model.state_dict().keys()
    for ours, name in names.items():
        assert torch.equal(model.get_parameter(ours), theirs[name]), ours


def test_the_formula_counts_smollm2s_parameters(smollm2):
    model, _, llama = smollm2
    assert parameter_count(model.config) == llama.num_parameters() == 134_515_008


def test_smollm2_survives_the_way_to_transformers_and_back(smollm2, tmp_path):
    from transformers import AutoModelForCausalLM

    model, tokenizer, _ = smollm2
    to_transformers(model, tokenizer).save_pretrained(tmp_path)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32)
    back = from_transformers(loaded)
    assert back.config == model.config
    for name, weight in model.state_dict().items():
        assert torch.equal(back.state_dict()[name], weight), name


@torch.no_grad()
def test_logits_equal_those_of_transformers_over_a_whole_prompt(smollm2):
    model, tokenizer, llama = smollm2
    ids = torch.tensor([chat_ids(tokenizer, QUESTION)])
    ours, theirs = model(ids), llama(input_ids=ids).logits
    print(f"largest difference: {(ours - theirs).abs().max():.1e}")
    assert ours.std() > 1
    torch.testing.assert_close(ours, theirs, atol=TOLERANCE, rtol=0)


@torch.no_grad()
def test_logits_with_our_cache_equal_those_of_transformers(smollm2):
    model, tokenizer, llama = smollm2
    ids = torch.tensor([chat_ids(tokenizer, QUESTION)])
    cache = model.new_cache()
    cuts = [0, 10, 11, 12, ids.shape[1]]
    steps = [
        model(ids[:, a:b], cache=cache) for a, b in zip(cuts, cuts[1:], strict=False)
    ]
    theirs = llama(input_ids=ids).logits
    torch.testing.assert_close(torch.cat(steps, 1), theirs, atol=TOLERANCE, rtol=0)


@torch.no_grad()
def test_the_greedy_answer_is_that_of_transformers_and_names_paris(smollm2):
    model, tokenizer, llama = smollm2
    ids = torch.tensor([chat_ids(tokenizer, QUESTION)])
    made = llama.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=16,
        do_sample=False,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )[0, ids.shape[1] :]
    theirs = tokenizer.decode(made, skip_special_tokens=True).strip()
    ours = chat(model, tokenizer, QUESTION, max_new_tokens=16, top_k=1)
    print(ours)
    assert ours == theirs
    assert "Paris" in ours


def test_the_conversation_is_that_of_the_models_own_template(smollm2):
    _, tokenizer, _ = smollm2
    messages = [*QUESTION, {"role": "assistant", "content": "Paris."}, QUESTION[1]]
    template = tokenizer.apply_chat_template(
        messages, add_generation_prompt=True, tokenize=False
    )
    expected = tokenizer(template, add_special_tokens=False)["input_ids"]
    assert chat_ids(tokenizer, messages) == expected


def test_a_user_cannot_end_their_turn_by_spelling_its_token(smollm2):
    _, tokenizer, _ = smollm2
    ids = chat_ids(tokenizer, [{"role": "user", "content": "a<|im_end|>b"}])
    assert ids.count(tokenizer.eos_token_id) == 1


# ------------------------------------------------------------- tiny made-up models


def a_tokenizer(vocab_size: int = 280):
    return train_tokenizer(["a film, a fine film"] * 3, vocab_size)


def save(folder, tokenizer, vocab_size: int) -> GPT:
    torch.manual_seed(0)
    model = GPT(
        GPTConfig(
            vocab_size=vocab_size,
            context=32,
            width=16,
            layers=1,
            heads=2,
            kv_heads=1,
            feed_forward=16,
        )
    )
    to_transformers(model, tokenizer).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return model


@pytest.mark.parametrize(("asked", "given"), [(8, 8), (512, 32)])
@torch.no_grad()
def test_a_saved_folder_gives_the_same_logits_and_no_longer_context(
    tmp_path, asked, given
):
    tokenizer = a_tokenizer()
    model = save(tmp_path, tokenizer, len(tokenizer))
    back, its_tokenizer = load_pretrained(tmp_path, context=asked)
    ids = torch.tensor([[0, 9, 40, 1]])
    torch.testing.assert_close(back(ids), model(ids), atol=1e-6, rtol=0)
    assert back.config.context == given
    assert its_tokenizer.get_vocab() == tokenizer.get_vocab()
    with pytest.raises(ValueError, match="context"):
        back(torch.zeros(1, given + 1, dtype=torch.long))


def test_more_tokens_than_the_model_knows_are_refused(tmp_path):
    tokenizer = a_tokenizer()
    save(tmp_path, tokenizer, len(tokenizer) - 1)
    with pytest.raises(ValueError, match="expected at most the model's vocabulary"):
        load_pretrained(tmp_path)


@pytest.mark.parametrize(
    "name", ["no-such-folder/at-all", "nothing.gguf", "an empty folder"]
)
def test_a_source_that_is_not_there_is_refused_in_one_sentence(name, tmp_path):
    if name == "an empty folder":
        (tmp_path / name).mkdir()
        name = tmp_path / name
    with pytest.raises(CourseError, match="check its spelling and the network") as seen:
        load_pretrained(name)
    assert str(name) in str(seen.value)
    assert "\n" not in str(seen.value)


def test_another_architecture_is_refused(tmp_path):
    from transformers import GPT2Config

    GPT2Config(vocab_size=11, n_embd=8, n_layer=1, n_head=2).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="got a model of the architecture 'gpt2'"):
        load_pretrained(tmp_path)


def test_a_llama_with_biases_is_refused(tmp_path):
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = a_tokenizer()
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        attention_bias=True,
    )
    LlamaForCausalLM(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="attention bias"):
        load_pretrained(tmp_path)


def test_padding_that_is_the_end_token_is_replaced_or_refused():
    tokenizer = a_tokenizer()
    tokenizer.pad_token = tokenizer.eos_token
    give_padding(tokenizer)  # finds `<pad>` in the vocabulary
    assert tokenizer.pad_token == "<pad>"

    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    bare = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel({"<end>": 0, "a": 1}, "a")),
        eos_token="<end>",
        pad_token="<end>",
    )
    with pytest.raises(ValueError, match="pads with its end token '<end>'"):
        give_padding(bare)


@pytest.mark.parametrize("messages", [[], [{"role": "user", "text": "hello"}]])
def test_messages_without_role_and_content_are_refused(messages, smollm2):
    with pytest.raises(ValueError, match="role and content"):
        chat_ids(smollm2[1], messages)


def test_a_tokenizer_without_chatml_is_refused():
    with pytest.raises(ValueError, match="expected ChatML"):
        chat_ids(a_tokenizer(), QUESTION)


def test_a_context_below_one_token_is_refused():
    with pytest.raises(ValueError, match="got context = 0"):
        load_pretrained(context=0)


def changed(folder, change) -> None:
    """Save the weights of a folder again after `change(weights)`."""
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


NORM = "model.norm.weight"
ODD = {
    "a weight is missing": lambda w: w.pop(NORM),
    "a weight is left over": lambda w: w.update({"model.layers.9.x": torch.ones(2)}),
    "a weight has another size": lambda w: w.update({NORM: torch.ones(3)}),
}


@pytest.mark.parametrize("change", ODD.values(), ids=ODD)
def test_a_folder_that_holds_other_weights_than_it_says_is_refused(change, tmp_path):
    """transformers fills in random numbers and only prints a report."""
    save(tmp_path, a_tokenizer(), 280)
    changed(tmp_path, change)
    with pytest.raises(CourseError, match="The weights of .*(norm|layers.9)"):
        load_pretrained(tmp_path)


def test_a_head_of_its_own_in_a_folder_that_says_tied_gives_transformers_numbers(
    tmp_path,
):
    from transformers import AutoModelForCausalLM

    save(tmp_path, a_tokenizer(), 280)
    head = torch.randn(280, 8, generator=torch.Generator().manual_seed(0))

    def untie(weights):
        width = weights["model.embed_tokens.weight"].shape[1]
        weights["lm_head.weight"] = head.repeat(1, width // 8 + 1)[:, :width].clone()

    changed(tmp_path, untie)
    ids = torch.tensor([[0, 5, 9]])
    try:
        ours = load_pretrained(tmp_path)[0](ids)
    except CourseError as error:
        assert "lm_head.weight" in str(error)
        return
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path)(ids).logits
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)


def configured(folder, **said) -> None:
    """Let the folder's configuration say something else."""
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | said))


def nothing_a_number(weights) -> None:
    weights[NORM].fill_(float("nan"))


LIES = {
    "no head of its own, and none tied": ({"tie_word_embeddings": False}, "lm_head"),
    "one block fewer": ({"num_hidden_layers": 2}, r"layers\.1\..* and \d more"),
    "another width": ({"hidden_size": 32}, "head width 8, expected 16"),
    "a larger vocabulary": ({"vocab_size": 400}, "embed_tokens.weight"),
    "a smaller vocabulary": ({"vocab_size": 200}, "at most the model's vocabulary"),
    "8 bits": ({"quantization_config": {"quant_method": "bitsandbytes",
                "load_in_8bit": True}}, "not plain floating-point numbers"),
    "no number of heads": ({"num_attention_heads": 0}, "configuration of .* fetch"),
    "heads that do not divide": ({"num_attention_heads": 3}, "configuration of"),
    "a number in words": ({"num_hidden_layers": "2"}, "configuration of"),
    "tied by a number": ({"tie_word_embeddings": 1}, "configuration of"),
    "padding outside": ({"pad_token_id": 9999}, "The weights of .* fetch"),
    "nothing turns": ({"rope_parameters": {"rope_theta": 0}}, "got rope_theta = 0"),
    "turns of NaN": ({"rope_parameters": {"rope_theta": math.nan}}, "rope_theta = nan"),
}  # fmt: skip


@pytest.mark.parametrize(("said", "sentence"), LIES.values(), ids=LIES)
def test_a_configuration_that_says_more_or_less_is_refused(said, sentence, tmp_path):
    save(tmp_path, a_tokenizer(), 280)
    configured(tmp_path, **said)
    with pytest.raises((CourseError, ValueError), match=sentence) as seen:
        load_pretrained(tmp_path)
    assert "\n" not in str(seen.value)


def test_a_base_of_the_turns_that_is_no_number_is_refused(tmp_path):
    save(tmp_path, a_tokenizer(), 280)
    configured(tmp_path, rope_parameters={"rope_theta": "x"})
    with pytest.raises(TypeError, match="got rope_theta = 'x', expected a number"):
        load_pretrained(tmp_path)


def test_weights_that_are_no_numbers_are_refused(tmp_path):
    save(tmp_path, a_tokenizer(), 280)
    changed(tmp_path, nothing_a_number)
    with pytest.raises(CourseError, match="hold NaN or infinity in model.norm.weight"):
        load_pretrained(tmp_path)


FORMS = {
    "in halves": torch.float16,
    "in brain floats": torch.bfloat16,
    "in parts": None,
}


@pytest.mark.parametrize("kind", FORMS.values(), ids=FORMS)
@torch.no_grad()
def test_a_larger_vocabulary_a_head_of_its_own_and_other_files_give_equal_logits(
    kind, tmp_path
):
    from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

    tokenizer = a_tokenizer()
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer) + 5, hidden_size=16, intermediate_size=16,
        num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1,
        tie_word_embeddings=False, max_position_embeddings=32,
    )  # fmt: skip
    llama = LlamaForCausalLM(config)
    llama = llama.to(kind) if kind else llama
    llama.save_pretrained(tmp_path, max_shard_size="9KB" if kind is None else "1GB")
    tokenizer.save_pretrained(tmp_path)
    assert (len(list(tmp_path.glob("*.safetensors"))) > 1) == (kind is None)
    ids = torch.tensor([[0, 5, 9]])
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32)
    ours = load_pretrained(tmp_path)[0](ids)
    torch.testing.assert_close(ours, theirs(ids).logits, atol=1e-6, rtol=0)
    if kind is None:
        sorted(tmp_path.glob("*.safetensors"))[1].unlink()
        with pytest.raises(CourseError, match="no folder of a saved model"):
            load_pretrained(tmp_path)


def test_weights_that_were_cut_off_are_refused_in_one_sentence(tmp_path):
    save(tmp_path, a_tokenizer(), 280)
    file = tmp_path / "model.safetensors"
    whole = file.read_bytes()
    for length in (0, 4, 100, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:length])
        with pytest.raises(
            CourseError, match=r"^The weights of .*fetch the files again\.$"
        ):
            load_pretrained(tmp_path)


def test_a_folder_without_a_tokenizer_is_refused_in_one_sentence(tmp_path):
    save(tmp_path, a_tokenizer(), 280)
    for file in tmp_path.glob("*token*"):
        file.unlink()
    with pytest.raises(CourseError, match="no folder of a saved model with its token"):
        load_pretrained(tmp_path)


# File of the folder -> texts that stand in it instead.
DAMAGED = {
    "config.json": ("", "{", "[]", "{}", "3", "null", '{"model_type": 7}'),
    "tokenizer.json": ("", "{", "[]", "{}", "3", '{"model": null}'),
    "tokenizer_config.json": ("{", "[]", '{"bos_token": 3}'),
    "model.safetensors.index.json": ("{", "[]", "{}", '{"weight_map": 3}'),
    "pytorch_model.bin": ("", "<html>"),
}


@pytest.mark.parametrize(
    ("file", "text"), [(file, text) for file, some in DAMAGED.items() for text in some]
)
def test_a_damaged_file_of_a_folder_is_one_sentence(file, text, tmp_path):
    """transformers raises KeyError, AttributeError and errors of its own here."""
    save(tmp_path, a_tokenizer(), 280)
    if file.startswith(("model.", "pytorch")):  # in place of the weights
        (tmp_path / "model.safetensors").unlink()
    (tmp_path / file).write_text(text)
    with pytest.raises(CourseError) as seen:
        load_pretrained(tmp_path)
    assert str(tmp_path) in str(seen.value)
    assert "\n" not in str(seen.value)


def test_a_vocabulary_with_a_gap_counts_to_its_last_number(tmp_path):
    save(tmp_path, a_tokenizer(), 280)
    file = tmp_path / "tokenizer.json"
    content = json.loads(file.read_text())
    vocabulary = content["model"]["vocab"]
    vocabulary[max(vocabulary, key=vocabulary.get)] = 300
    file.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="got a tokenizer of 301 tokens"):
        load_pretrained(tmp_path)


@pytest.mark.parametrize("source", [3, b"folder", [], True])
def test_a_source_that_is_no_path_is_refused(source):
    with pytest.raises(TypeError, match="expected a path, a name or None"):
        load_pretrained(source)


def test_a_tokenizer_that_begins_no_text_is_refused(tmp_path):
    tokenizer = a_tokenizer()
    tokenizer.bos_token = None
    save(tmp_path, tokenizer, 280)
    with pytest.raises(CourseError, match="has no token to begin a text"):
        load_pretrained(tmp_path)
