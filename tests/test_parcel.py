"""A parcel carries checkpoints and data, and brings nothing else in."""

import hashlib
import json
import zipfile
from dataclasses import replace

import pytest
import torch
from tiny_recipe import TINY

from course import checkpoints, cli, parcel, recipes
from course.data import assets
from course.data.archives import Archive
from course.runtime import CourseError

TEXTS = {"texts.txt": b"a good film\n", "LICENSE.txt": b"free\n"}
MADE = replace(
    assets.RATINGS,
    name="made",
    archive=Archive(
        "0" * 64, {f"x/{n}": hashlib.sha256(b).hexdigest() for n, b in TEXTS.items()}
    ),
)


@pytest.fixture
def homes(monkeypatch, tmp_path):
    """Two machines: `move("a")` goes to the first one's home."""
    for name in [*recipes.RECIPES]:
        monkeypatch.delitem(recipes.RECIPES, name)
    monkeypatch.setitem(recipes.RECIPES, "tiny", TINY)
    for name in ("RATINGS", "SMOLLM2"):
        monkeypatch.setattr(assets, name, MADE)

    def move(name: str):
        home = tmp_path / name
        monkeypatch.setenv("COURSE_HOME", str(home))
        return home

    return move


@pytest.fixture
def packed(homes, tmp_path):
    """A parcel with one checkpoint and one data set; the second machine is empty."""
    data = homes("a") / "data" / "made"
    data.mkdir(parents=True)
    for name, content in TEXTS.items():
        (data / name).write_bytes(content)
    checkpoints.load("tiny")
    file = parcel.pack(tmp_path / "to carry")
    homes("b")
    return file


def rewritten(file, change) -> None:
    """The parcel with other members; change(name -> bytes) edits the mapping."""
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def listed(members, name, content) -> None:
    """Add a member as an attacker would: with its right hash in the manifest."""
    manifest = json.loads(members["manifest.json"])
    manifest["sha256"][name] = hashlib.sha256(content).hexdigest()
    members["manifest.json"] = json.dumps(manifest).encode()
    members[name] = content


def there(home) -> set[str]:
    """The files of a home but for locks and notes."""
    return {
        path.relative_to(home).as_posix()
        for path in home.rglob("*")
        if path.is_file() and not path.name.endswith((".lock", "progress.json"))
    }


def weights_of(members) -> str:
    return next(name for name in members if name.endswith(".safetensors"))


def test_what_is_packed_here_is_found_there_without_training(homes, packed, capsys):
    first = checkpoints.load("tiny") if homes("a") else None
    assert cli.main(["unpack", str(packed)]) == 0
    home = homes("b")
    assert cli.main(["unpack", str(packed)]) == 0
    assert capsys.readouterr().out.count("verified and put in place") == 2
    second = checkpoints.load("tiny")
    assert capsys.readouterr().out == ""  # nothing is trained
    for p, q in zip(first.model.parameters(), second.model.parameters(), strict=True):
        assert torch.equal(p, q)
    assert (home / "data/made/texts.txt").read_bytes() == TEXTS["texts.txt"]
    assert not list(home.glob(".parcel-*"))


def test_pack_says_what_is_missing_and_leaves_out_what_is_damaged(
    homes, tmp_path, capsys
):
    home = homes("a")
    with pytest.raises(CourseError, match="nothing to pack.*doctor --fetch"):
        parcel.pack(tmp_path)
    checkpoints.load("tiny")
    assert cli.main(["pack", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "left out" in out and "data/made" in out.partition("left out")[2]
    next(home.rglob("model.safetensors")).write_bytes(b"cut")
    with pytest.raises(CourseError, match="nothing to pack"):
        parcel.pack(tmp_path)


def test_what_is_whole_stays_and_what_is_damaged_is_replaced(homes, packed, capsys):
    home = homes("b")
    checkpoints.load("tiny")
    card = next(home.rglob("checkpoint.json"))
    before = card.read_bytes()
    assert parcel.unpack(packed) == ["data/made"]
    assert "already here" in capsys.readouterr().out and card.read_bytes() == before
    (home / "data/made/texts.txt").write_bytes(b"altered")
    card.unlink()
    assert sorted(parcel.unpack(packed)) == ["checkpoints/" + card.parent.name,
                                             "data/made"]  # fmt: skip
    assert checkpoints.verified(card.parent)
    assert (home / "data/made/texts.txt").read_bytes() == TEXTS["texts.txt"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda m: m.update({weights_of(m): b"other"}), "is damaged; copy it again"),
        (lambda m: m.pop(weights_of(m)), "does not hold what it lists"),
        (lambda m: m.update({"data/made/more.txt": b""}), "does not hold what it"),
        (lambda m: listed(m, weights_of(m), b"other"), "holds a damaged checkpoints/"),
        (lambda m: listed(m, "data/made/texts.txt", b"bad"), "holds a damaged data/"),
        (lambda m: listed(m, "data/made/../../x", b""), "'data/made/../../x' that"),
        (lambda m: listed(m, "data/../x.json", b""), "does not belong"),
        (lambda m: listed(m, "/data/x", b""), "does not belong"),
        (lambda m: listed(m, "C:/data/x", b""), "does not belong"),
        (lambda m: listed(m, "data/made/..\\x", b""), "does not belong"),
        (lambda m: listed(m, "progress.json", b"{}"), "does not belong"),
        (lambda m: listed(m, "checkpoints/tiny-0/model.pkl", b""), "does not belong"),
        (lambda m: m.pop("manifest.json"), "is not a parcel of this course"),
        (lambda m: m.update({"manifest.json": b"[]"}), "is not a parcel"),
        (lambda m: m.update({"manifest.json": b'{"format": 9, "sha256": {}}'}),
         "format 9, expected 1"),
    ],
)  # fmt: skip
def test_a_parcel_with_anything_wrong_keeps_nothing(homes, packed, change, sentence):
    rewritten(packed, change)
    home = homes("b")
    with pytest.raises(CourseError) as error:
        parcel.unpack(packed)
    assert sentence in str(error.value) and "\n" not in str(error.value)
    assert there(home) == set() and not list(home.glob(".parcel-*"))


def test_a_link_in_a_parcel_is_refused(homes, packed):
    with zipfile.ZipFile(packed, "a") as archive:
        info = zipfile.ZipInfo("data/made/link")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(CourseError, match="'data/made/link' that does not belong"):
        parcel.unpack(packed)


def test_a_file_cut_off_another_file_and_none_get_a_sentence(homes, packed, tmp_path):
    whole = packed.read_bytes()
    for content in (whole[: len(whole) // 2], whole[:-1], b"", b"a text"):
        packed.write_bytes(content)
        with pytest.raises(CourseError, match="cut off, damaged or not a parcel"):
            parcel.unpack(packed)
    packed.write_bytes(whole.replace(b"a good film", b"a bad, film"))
    with pytest.raises(CourseError, match="damaged"):
        parcel.unpack(packed)
    with pytest.raises(CourseError, match="There is no file"):
        parcel.unpack(tmp_path / "none.zip")
    assert there(homes("b")) == set()


def test_checkpoints_of_another_version_are_left_out_and_said(
    homes, packed, monkeypatch, capsys
):
    home = homes("b")
    newer = replace(TINY, settings={"seed": 7})
    monkeypatch.setitem(recipes.RECIPES, "tiny", newer)
    assert parcel.unpack(packed) == ["data/made"]
    assert "of another version, left out" in capsys.readouterr().out
    assert not list(home.rglob("model.safetensors"))
    other = replace(MADE, name="other")
    for name in ("RATINGS", "SMOLLM2"):
        monkeypatch.setattr(assets, name, other)
    with pytest.raises(CourseError, match="packed with another version of the course"):
        parcel.unpack(packed)


def test_a_full_disk_is_said_and_leaves_nothing(homes, packed, monkeypatch, tmp_path):
    def full(*_):
        raise OSError(28, "No space left on device")

    home = homes("b")
    monkeypatch.setattr(parcel.shutil, "copyfileobj", full)
    with pytest.raises(CourseError, match="cannot be unpacked .*No space left"):
        parcel.unpack(packed)
    assert there(home) == set() and not list(home.glob(".parcel-*"))
    homes("a")
    monkeypatch.setattr(parcel.zipfile.ZipFile, "write", full)
    with pytest.raises(CourseError, match="cannot be written .*No space left"):
        parcel.pack(tmp_path / "second")
    assert list((tmp_path / "second").iterdir()) == []
