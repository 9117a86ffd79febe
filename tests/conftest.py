"""The environment of all tests, set before torch, datasets or matplotlib load."""

import os
import tempfile

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")  # the GPU lane sets it
os.environ.update(
    OMP_NUM_THREADS="1",
    HF_HUB_OFFLINE="1",
    HF_HOME=os.path.join(tempfile.gettempdir(), f"course-tests-hf-{os.getpid()}"),
    HF_DATASETS_DISABLE_PROGRESS_BARS="1",
    TQDM_DISABLE="1",
    TOKENIZERS_PARALLELISM="false",
    MPLBACKEND="Agg",
    COURSE_EXACT="1",  # torch's default products; `products` tries the others too
)

import pytest
import torch
from hypothesis import settings

# A busy machine may take longer than 200 ms for an example; that is no fault of it.
settings.register_profile("course", deadline=None)
settings.load_profile("course")


@pytest.fixture(autouse=True)
def no_other_program(monkeypatch):
    """A test that turns its process into another program would end them all unseen."""

    def refused(*command):
        raise AssertionError(f"a test becomes {command}")

    for name in ("execv", "execve", "execvp", "execvpe"):
        monkeypatch.setattr(os, name, refused)


@pytest.fixture(scope="module", params=["highest", "medium"])
def products(request):
    """The tests of a module twice: with torch's default products and with oneDNN's."""
    if request.param != "highest" and os.environ["CUDA_VISIBLE_DEVICES"]:
        pytest.skip("a GPU keeps torch's default products: the others round to TF32")
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(request.param)
    yield request.param
    torch.set_float32_matmul_precision(before)


@pytest.fixture(scope="module")
def on_cpu():
    """Models are loaded to the CPU, where those of transformers are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_DEVICE", "cpu")
        yield


@pytest.fixture
def fresh_home(tmp_path, monkeypatch):
    """An empty COURSE_HOME; without it tests share the user's cache."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("COURSE_HOME", str(home))
    return home


@pytest.fixture(scope="session")
def tokenizer():
    """A tokenizer of 270 tokens; a module's own fixture of that name goes before it."""
    from course.lm.tokenizer import train_tokenizer

    return train_tokenizer(["a good film", "the film was bad", "good acting"], 270)
