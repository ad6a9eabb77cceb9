"""A merge cut short, other people's repositories, links and owners: what must not happen to a wheel's files."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from minisup.spoke.plan import Deviation, Permissions, Source
from minisup.spoke.repository import GitError, Repository, apply_permissions, shown

pytestmark = pytest.mark.slow


def git(folder: Path, *words: str, check: bool = True) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "init.defaultBranch=config")
    done = subprocess.run(["git", *identity, *words], cwd=folder, capture_output=True, text=True, check=check)
    return done.stdout


@pytest.fixture(autouse=True)
def signals_as_before() -> Iterator[None]:
    """What runs git holds our signals back for the daemon to come; the other tests' children must not inherit that."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def make(folder: Path, **files: str) -> Path:
    folder.mkdir()
    git(folder, "init", "-q")
    for name, text in files.items():
        (folder / name).write_text(text)
    git(folder, "add", "--all")
    git(folder, "commit", "-q", "-m", "files")
    return folder


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    make(tmp_path / "config", shared="ours\n")
    return Repository(str(tmp_path / "config"), lambda text: None)


def test_a_merge_that_was_killed_is_undone(tmp_path: Path, repository: Repository) -> None:
    config = tmp_path / "config"
    wheel = make(tmp_path / "wheel", shared="theirs\n", new="new\n")
    before = git(config, "rev-parse", "HEAD")
    git(config, "fetch", "-q", str(wheel), "config")
    (config / ".git/minisup-merging").write_text(before)
    git(config, "merge", "-q", "--allow-unrelated-histories", "FETCH_HEAD", check=False)
    assert "<<<<<<<" in (config / "shared").read_text()
    (config / ".git/index.lock").touch()

    repository.recover()

    assert git(config, "status", "--porcelain") == ""
    assert git(config, "rev-parse", "HEAD") == before
    assert sorted(path.name for path in config.iterdir()) == [".git", "shared"]
    assert (config / "shared").read_text() == "ours\n"
    repository.recover()  # there is nothing to undo any more


def test_a_conflict_leaves_no_mark(tmp_path: Path, repository: Repository) -> None:
    wheel = make(tmp_path / "wheel", shared="theirs\n")
    with pytest.raises(GitError, match=r"cannot merge .*CONFLICT"):
        repository.pull(Source(str(wheel), "config"))
    assert not (tmp_path / "config/.git/minisup-merging").exists()
    assert (tmp_path / "config/shared").read_text() == "ours\n"


def test_an_enclosing_repository_is_none_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outer = make(tmp_path / "outer", mine="mine\n")
    inner = outer / "config"
    inner.mkdir()
    wheel = make(tmp_path / "wheel", new="new\n")
    monkeypatch.setenv("GIT_DIR", str(outer / ".git"))
    with pytest.raises(GitError):
        Repository(str(inner), lambda text: None).pull(Source(str(wheel), "config"))
    monkeypatch.delenv("GIT_DIR")
    assert git(outer, "status", "--porcelain") == ""
    assert not (outer / "new").exists()


def test_exceptions_do_not_follow_links(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("")
    secret.chmod(0o600)
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / "link").symlink_to(secret)
    (folder / "file").write_text("")
    deviation = Deviation(f"{folder}/*", 0o755, None, None)
    apply_permissions([str(folder)], Permissions(exceptions=(deviation,)))
    assert secret.stat().st_mode & 0o777 == 0o600
    assert (folder / "file").stat().st_mode & 0o777 == 0o755


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_owners_may_be_numbers(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    deviation = Deviation(f"{tmp_path}/file", 0o640, "12345", "23456")
    apply_permissions([str(tmp_path)], Permissions(exceptions=(deviation,)))
    found = (tmp_path / "file").stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (12345, 23456, 0o640)


def test_passwords_are_not_shown() -> None:
    assert shown("https://user:secret@host/x.git") == "https://host/x.git"
    assert shown("git@host:x.git") == "git@host:x.git"
