"""The zip of a release works where no other address can be reached."""

import zipfile

from tools.release import FOLDERS, bundle


def test_the_wheel_lies_beside_every_notebook(tmp_path):
    """The first cell of a notebook installs the wheel that it finds next to it."""
    for name in ("GLOSSARY.md", "LICENSE", "README.md"):
        (tmp_path / name).write_text(name)
    for folder in FOLDERS:
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "00_start_here.ipynb").write_text("{}")
    wheel = tmp_path / "next_token_to_reward-0.1.0-py3-none-any.whl"
    wheel.write_text("wheel")
    files = [tmp_path / "one.zip", tmp_path / "two.zip"]
    for file in files:
        bundle(tmp_path, wheel, file)
    names = zipfile.ZipFile(files[0]).namelist()
    for folder in FOLDERS:
        assert f"{folder}/00_start_here.ipynb" in names
        assert f"{folder}/{wheel.name}" in names
    assert "GLOSSARY.md" in names  # the lessons link to ../GLOSSARY.md
    assert files[0].read_bytes() == files[1].read_bytes()
