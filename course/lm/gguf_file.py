"""Quantised weights in a gguf file: read fast, the slow part converted only once.

transformers parses such a file anew for the shape, the tokenizer and the weights; most
of that time goes into the strings of the vocabulary.  So the small parts (shape,
tokenizer, the table that says where each weight lies) are converted once and kept;
the weights are always read from the file itself, so nothing large is stored twice.
"""

import json
import os
import shutil
import tempfile
from pathlib import Path

import torch
from torch import Tensor

from course import runtime
from course.data.archives import sha256
from course.lm.interop import shape_of
from course.lm.model import GPTConfig

GGUF_MODEL = {"token_embd": "embedding", "output_norm": "norm", "output": "unembedding"}
GGUF_BLOCK = {
    "attn_norm": "attention_norm",
    "attn_q": "attention.query",
    "attn_k": "attention.key",
    "attn_v": "attention.value",
    "attn_output": "attention.output",
    "ffn_norm": "feed_forward_norm",
    "ffn_gate": "feed_forward.gate",
    "ffn_up": "feed_forward.up",
    "ffn_down": "feed_forward.down",
}
TABLE, CARD = "weights.json", "card.json"


def converted(file: Path) -> Path:
    """The folder with a gguf file's shape, tokenizer and table of weights.

    Converted by transformers when missing or damaged, under the file's sha256, whole
    or not at all; two processes that ask at once convert it once.  Raises CourseError
    on a file that cannot be read and where the disk does not let it be kept,
    ValueError on another architecture.  Chapter 02.
    """
    import transformers
    from filelock import FileLock

    try:
        name = f"{sha256(file)[:16]}-{transformers.__version__}"
    except OSError as error:
        raise _unreadable(file, error) from error
    folder = runtime.home() / "pretrained" / name
    if _whole(folder):
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.parent / f"{name}.lock"):
            if not _whole(folder):  # another process may have been faster
                print(f"reading {file.name} for the first time (kept for the next)")
                _convert(file, folder)
    except OSError as error:
        raise runtime.CourseError(
            f"The converted model cannot be kept in {folder.parent} "
            f"({error.strerror or error}); free some space or set COURSE_HOME."
        ) from error
    return folder


def read_weights(
    file: Path, table: dict[str, dict], config: GPTConfig
) -> dict[str, Tensor]:
    """Every weight of a `GPT` of this shape, de-quantised to fp32, under our names.

    table: as kept by `converted`.  Raises ValueError on a weight that `GPT` lacks and
    on a packing that is not known.  Chapter 02.
    """
    import numpy
    from gguf import GGMLQuantizationType, dequantize

    data, weights = numpy.memmap(file, mode="r"), {}
    for theirs, entry in table.items():
        packed = data[entry["start"] : entry["end"]].reshape(entry["shape"])
        try:
            values = dequantize(packed, GGMLQuantizationType[entry["packing"]])
        except NotImplementedError as error:
            raise ValueError(f"got {theirs}: {error}, expected another file") from error
        name = _our_name(theirs)
        if name.endswith(("query.weight", "key.weight")):
            values = _halves(values, config.width // config.heads)
        weights[name] = torch.from_numpy(
            numpy.require(values, requirements=["C", "W", "O"])
        )
    return weights


def _halves(matrix, dim: int):
    """Rows of every head back in two halves, as our rotary positions turn them.

    The format lays the two components of a pair side by side (llama.cpp).
    """
    pairs = matrix.reshape(-1, dim // 2, 2, matrix.shape[-1])
    return pairs.swapaxes(1, 2).reshape(matrix.shape)


def _our_name(theirs: str) -> str:
    """The name of a weight in our `GPT`; ValueError where it has none."""
    part = theirs.removesuffix(".weight").split(".")
    if part[0] == "blk" and part[2:] and ".".join(part[2:]) in GGUF_BLOCK:
        return f"blocks.{part[1]}.{GGUF_BLOCK['.'.join(part[2:])]}.weight"
    if len(part) == 1 and part[0] in GGUF_MODEL and theirs.endswith(".weight"):
        return f"{GGUF_MODEL[part[0]]}.weight"
    raise ValueError(f"got a weight {theirs!r}, expected those of the Llama layout")


def _convert(file: Path, folder: Path) -> None:
    """Write shape, tokenizer, table and card beside `folder`, then rename."""
    config, tokenizer, table = _parse(file)
    partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=folder.parent))
    try:
        config.save_pretrained(partial)
        tokenizer.save_pretrained(partial)
        (partial / TABLE).write_text(json.dumps(table, indent=1), "utf-8")
        digests = {path.name: sha256(path) for path in sorted(partial.iterdir())}
        (partial / CARD).write_text(json.dumps(digests, indent=1), "utf-8")
        shutil.rmtree(folder, ignore_errors=True)  # a damaged one
        os.replace(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _parse(file: Path) -> tuple:
    """Config and tokenizer as transformers reads them, and the table of weights."""
    from gguf import GGUFReader
    from transformers import AutoConfig, AutoTokenizer

    try:
        config = AutoConfig.from_pretrained(file.parent, gguf_file=file.name)
    except Exception as error:  # whatever a damaged file makes the reader raise
        raise _unreadable(file, error) from error
    shape_of(config)  # another architecture is refused before the slow part
    try:
        tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
        tensors = GGUFReader(file).tensors
    except Exception as error:
        raise _unreadable(file, error) from error
    table = {
        tensor.name: {
            "packing": tensor.tensor_type.name,
            "shape": list(tensor.data.view("uint8").shape),
            "start": int(tensor.data_offset),
            "end": int(tensor.data_offset + tensor.n_bytes),
        }
        for tensor in tensors
    }
    return config, tokenizer, table


def _whole(folder: Path) -> bool:
    """Is every file of a kept folder there and unaltered?"""
    try:
        card = json.loads((folder / CARD).read_text("utf-8"))
        return TABLE in card and all(
            sha256(folder / name) == digest for name, digest in card.items()
        )
    except (OSError, ValueError, AttributeError, TypeError):
        return False


def _unreadable(file: Path, error: Exception) -> runtime.CourseError:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return runtime.CourseError(
        f"{file} cannot be read as a gguf file ({reason}); fetch it again."
    )
