"""A gguf file in our `GPT` is what transformers reads from it, and is parsed once."""

import json
import shutil

import pytest
import torch

from course.lm.gguf_file import CARD, converted
from course.lm.interop import from_transformers
from course.lm.pretrained import load_pretrained, with_weights
from course.lm.tokenizer import train_tokenizer
from course.runtime import CourseError

pytestmark = pytest.mark.usefixtures("on_cpu")

WIDTH, HEADS, KV_HEADS, FEED_FORWARD, LAYERS = 64, 4, 2, 96, 2


def vocabulary() -> tuple[list[str], list[str]]:
    """Tokens and merges of a small byte-level tokenizer."""
    tokenizer = train_tokenizer(["a film, a fine film"] * 3, 280)
    model = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    tokens[2] = "<|endoftext|>"  # transformers wants this one for unknown text
    return tokens, [" ".join(pair) for pair in model["merges"]]


def write_gguf(path, architecture="llama", packing="F32", extra=None):
    """A small random model; the matrices of its blocks are packed as asked."""
    import numpy
    from gguf import GGMLQuantizationType, GGUFWriter, quantize

    tokens, merges = vocabulary()
    writer = GGUFWriter(path, architecture)
    writer.add_name("tiny")
    writer.add_vocab_size(len(tokens))
    writer.add_context_length(32)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(5000.0)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types([3] * 3 + [1] * (len(tokens) - 3))  # 3: special
    writer.add_token_merges(merges)
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_unk_token_id(2)
    writer.add_pad_token_id(2)
    draws = numpy.random.default_rng(0)

    def add(name, *shape):
        values = draws.normal(0.1, 0.3, shape).astype("float32")
        kind = GGMLQuantizationType["F32" if len(shape) == 1 else packing]
        packed = quantize(values, kind) if packing != "F32" else values
        if len(shape) == 1:
            writer.add_tensor(name, values)
        else:
            writer.add_tensor(name, packed, raw_dtype=kind)

    add("token_embd.weight", len(tokens), WIDTH)
    add("output_norm.weight", WIDTH)
    small = WIDTH // HEADS * KV_HEADS
    for block in range(LAYERS):
        for name, *shape in (
            ("attn_norm", WIDTH),
            ("attn_q", WIDTH, WIDTH),
            ("attn_k", small, WIDTH),
            ("attn_v", small, WIDTH),
            ("attn_output", WIDTH, WIDTH),
            ("ffn_norm", WIDTH),
            ("ffn_gate", FEED_FORWARD, WIDTH),
            ("ffn_up", FEED_FORWARD, WIDTH),
            ("ffn_down", WIDTH, FEED_FORWARD),
        ):
            add(f"blk.{block}.{name}.weight", *shape)
    if extra:
        add(extra, 8)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "home"))


def kept(tmp_path):
    return next(p for p in (tmp_path / "home" / "pretrained").iterdir() if p.is_dir())


@pytest.mark.parametrize("packing", ["F32", "F16", "Q8_0", "Q4_1"])
@torch.no_grad()
def test_every_weight_and_logit_is_that_of_transformers(tmp_path, packing):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    file = write_gguf(tmp_path / "tiny.gguf", packing=packing)
    llama = AutoModelForCausalLM.from_pretrained(
        tmp_path, gguf_file=file.name, dtype=torch.float32
    )
    model, tokenizer = load_pretrained(file)
    expected = from_transformers(llama)
    assert model.config == expected.config
    for name, weight in expected.state_dict().items():
        assert torch.equal(model.state_dict()[name], weight), name
    ids = torch.tensor([[0, 9, 40, 41, 77, 1]])
    logits = model(ids)
    assert logits.std() > 0.5
    torch.testing.assert_close(logits, llama(ids).logits, atol=1e-4, rtol=0)
    theirs = AutoTokenizer.from_pretrained(tmp_path, gguf_file=file.name)
    assert tokenizer.get_vocab() == theirs.get_vocab()
    text = "A fine film,\n  très bon! <eos>"
    assert tokenizer(text)["input_ids"] == theirs(text)["input_ids"]


def test_a_second_load_parses_nothing_and_is_equal(tmp_path, monkeypatch, capsys):
    file = write_gguf(tmp_path / "tiny.gguf")
    first, tokenizer = load_pretrained(file)
    assert "first time" in capsys.readouterr().out
    import gguf

    monkeypatch.delattr(gguf, "GGUFReader")
    second, again = load_pretrained(file)
    assert capsys.readouterr().out == ""
    for name, weight in first.state_dict().items():
        assert torch.equal(second.state_dict()[name], weight), name
    assert again.get_vocab() == tokenizer.get_vocab()


def test_the_weights_can_be_trained(tmp_path):
    model, _ = load_pretrained(write_gguf(tmp_path / "tiny.gguf"))
    model(torch.tensor([[0, 9, 40]])).sum().backward()
    with torch.no_grad():
        for parameter in model.parameters():
            assert parameter.requires_grad
            parameter.sub_(0.1 * parameter.grad)


def test_another_file_is_another_copy(tmp_path):
    one = converted(write_gguf(tmp_path / "a.gguf"))
    assert converted(shutil.copy(tmp_path / "a.gguf", tmp_path / "b.gguf")) == one
    assert converted(write_gguf(tmp_path / "c.gguf", packing="Q8_0")) != one


@pytest.mark.parametrize("name", ["tokenizer.json", "weights.json", CARD])
@pytest.mark.parametrize("damage", ["altered", "missing"])
def test_a_damaged_copy_is_noticed_and_made_again(tmp_path, name, damage):
    file = write_gguf(tmp_path / "tiny.gguf")
    folder = converted(file)
    before = (folder / name).read_bytes()
    if damage == "missing":
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(before[:-9])
    assert converted(file) == folder
    assert (folder / name).read_bytes() == before
    assert not list(folder.parent.glob(".partial-*"))


def test_a_conversion_that_fails_leaves_nothing(tmp_path, monkeypatch):
    file = write_gguf(tmp_path / "tiny.gguf")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("course.lm.gguf_file.os.replace", full)
    with pytest.raises(CourseError, match="cannot be kept in .*No space left"):
        load_pretrained(file)
    left = list((tmp_path / "home" / "pretrained").iterdir())
    assert [path.suffix for path in left] == [".lock"]


@pytest.mark.parametrize("bytes_left", [0, 3, 900, -400])
def test_a_file_that_is_no_gguf_or_cut_is_refused_in_one_sentence(tmp_path, bytes_left):
    file = write_gguf(tmp_path / "tiny.gguf")
    file.write_bytes(file.read_bytes()[:bytes_left])
    with pytest.raises(CourseError, match="cannot be read as a gguf file") as seen:
        load_pretrained(file)
    assert "\n" not in str(seen.value)


def test_another_architecture_in_a_gguf_is_refused(tmp_path):
    file = write_gguf(tmp_path / "tiny.gguf", architecture="qwen3")
    with pytest.raises(ValueError, match="got a model of the architecture 'qwen3'"):
        load_pretrained(file)


@pytest.mark.parametrize("name", ["rope_freqs.weight", "blk.0.attn_q.bias"])
def test_a_weight_that_our_model_lacks_is_refused(tmp_path, name):
    file = write_gguf(tmp_path / "tiny.gguf", extra=name)
    with pytest.raises(ValueError, match=f"got a weight '{name}'"):
        load_pretrained(file)


def test_weights_of_another_shape_are_refused(tmp_path):
    model, _ = load_pretrained(write_gguf(tmp_path / "tiny.gguf"))
    weights = model.state_dict() | {"norm.weight": torch.ones(WIDTH + 1)}
    with pytest.raises(ValueError, match="got weights that do not fit"):
        with_weights(model.config, weights)
    del weights["norm.weight"]
    with pytest.raises(ValueError, match="norm.weight"):
        with_weights(model.config, weights)
