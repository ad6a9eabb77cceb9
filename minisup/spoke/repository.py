"""The configuration of a wheel, fetched from git and merged in one folder, with the permissions that it is to have."""

import glob
import os
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress

from minisup.errors import MinisupError
from minisup.runtime.posix import run_to_end
from minisup.spoke.plan import Permissions, Source

Say = Callable[[str], None]
"""Takes a line for whoever reads the container's output."""

GIT = (
    "git",
    *("-c", "safe.directory=*"),  # the folders are shared by containers whose users differ
    *("-c", "user.name=minisup", "-c", "user.email=minisup@localhost"),  # for merges; nobody's identity is there
    *("-c", "advice.detachedHead=false", "-c", "init.defaultBranch=master"),
    *("-c", "core.fileMode=false"),  # what `apply_permissions` does is no change that a merge could lose
)
DRAFT = ".clone"


class GitError(MinisupError):
    """git could not do it; the text ends with its own words."""


class Repository:
    """A git repository with a work tree.

    Args:
        folder: of the work tree.
        say: told what is being done.
    """

    def __init__(self, folder: str, say: Say) -> None:
        self._folder = folder
        self._say = say

    @property
    def exists(self) -> bool:
        """Whether there is a repository in the folder."""
        return os.path.isdir(os.path.join(self._folder, ".git"))

    def clone(self, source: Source) -> None:
        """Clone into the folder, which is missing or empty."""
        self._say(f"cloning {source.repository} at {source.branch} into {self._folder}")
        self._clone(source, self._folder)

    def clone_inside(self, source: Source) -> None:
        """Clone into a folder that is there: a volume, which cannot be put in place as a whole.

        The repository appears when it is whole, its files after it. Where a life ends in between, `check_out` in the
        next one makes up for it.

        Raises:
            MinisupError: there are files, and nobody knows whose.
        """
        draft = os.path.join(self._folder, DRAFT)
        if set(os.listdir(self._folder)) - {DRAFT}:
            raise MinisupError(f"cannot clone into {self._folder!r}: it has files already and is no git repository")
        self._say(f"cloning {source.repository} at {source.branch} into {self._folder}")
        shutil.rmtree(draft, ignore_errors=True)
        try:
            self._clone(source, draft, "--no-checkout")
            os.rename(os.path.join(draft, ".git"), os.path.join(self._folder, ".git"))
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        self.check_out()

    def check_out(self) -> None:
        """Put the files of a clone in place, unless they have been: git writes its index when it is through."""
        index = os.path.join(self._folder, ".git", "index")
        if not os.path.exists(index):
            with suppress(FileNotFoundError):
                os.unlink(f"{index}.lock")
            with suppress(OSError):
                os.rmdir(os.path.join(self._folder, DRAFT))
            try:
                self._git(("rev-parse", "--verify", "HEAD"), "")
            except GitError:
                return  # there is no commit yet
            self._git(("reset", "--quiet", "--hard"), f"cannot put files into {self._folder!r}")

    def _clone(self, source: Source, folder: str, *options: str) -> None:
        words = ("clone", "--quiet", *options, "--branch", source.branch, "--", source.repository, folder)
        self._git(words, f"cannot clone {source.repository!r}", folder=None)

    def adopt(self) -> None:
        """Make a repository of the files that are there, if there is none."""
        if not self.exists:
            self._git(("init", "--quiet"), f"cannot make a repository of {self._folder!r}")
        self._git(("add", "--all"), f"cannot add the files of {self._folder!r}")
        if self._git(("status", "--porcelain"), f"cannot look at {self._folder!r}").strip():
            words = ("commit", "--quiet", "--message", "files of the image")
            self._git(words, f"cannot commit the files of {self._folder!r}")

    def pull(self, source: Source) -> None:
        """Merge a branch of another repository, whatever its history; a conflict leaves everything as it was."""
        self._say(f"merging {source.repository} at {source.branch}")
        failure = f"cannot pull {source.repository!r}"
        self._git(("fetch", "--quiet", "--", source.repository, source.branch), failure)
        words = ("merge", "--quiet", "--no-edit", "--allow-unrelated-histories", "FETCH_HEAD")
        try:
            self._git(words, f"cannot merge {source.repository!r}")
        except GitError:
            if os.path.exists(os.path.join(self._folder, ".git", "MERGE_HEAD")):
                self._git(("merge", "--abort"), "cannot undo the merge")
            raise

    def _git(self, words: tuple[str, ...], failure: str, folder: str | None = "") -> str:
        where = self._folder if folder == "" else folder
        try:
            code, text = run_to_end([*GIT, *words], where, {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"})
        except FileNotFoundError:
            raise GitError("cannot fetch the configuration: git is not installed") from None
        if code:
            why = " ".join(text.split()) or f"git ended with {code}"
            raise GitError(f"{failure}: {why}")
        return text


def clone_whole(
    folder: str, skeleton: Source, wheels: Iterable[Source], say: Say, finish: Callable[[str], None]
) -> None:
    """Clone and merge beside `folder`, which appears only when it is whole: a life cut short leaves no half of it.

    Args:
        folder: is not there yet.
        skeleton: is cloned.
        wheels: are merged into it.
        say: told what is being done.
        finish: called with the folder's name so far when everything is in it.
    """
    draft = f"{folder.rstrip('/')}.new"
    shutil.rmtree(draft, ignore_errors=True)
    repository = Repository(draft, say)
    try:
        repository.clone(skeleton)
        for wheel in wheels:
            repository.pull(wheel)
        finish(draft)
        os.rename(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def apply_permissions(roots: Iterable[str], wanted: Permissions) -> None:
    """Give everything under `roots` its mode, then the exceptions theirs. What is git's is left alone.

    Links are not followed: what they point to is not ours to change. What vanishes meanwhile needs no mode: spokes
    write their logs.

    Raises:
        MinisupError: something cannot be changed.
    """
    try:
        for root in roots:
            for folder, folders, files in os.walk(root):
                folders[:] = [name for name in folders if name != ".git"]
                _apply(folder, wanted.folders)
                for name in files:
                    path = os.path.join(folder, name)
                    if name != ".git" and _is_file(path):
                        _apply(path, wanted.files)
        for deviation in wanted.exceptions:
            for path in sorted(glob.glob(deviation.pattern)):
                _apply(path, deviation.mode, deviation.user, deviation.group)
    except (OSError, LookupError) as error:
        raise MinisupError(f"cannot set permissions: {error}") from None


def _is_file(path: str) -> bool:
    return os.path.isfile(path) and not os.path.islink(path)


def _apply(path: str, mode: int, user: str | None = None, group: str | None = None) -> None:
    with suppress(FileNotFoundError):
        if user is not None:
            shutil.chown(path, user, group)
        elif group is not None:
            shutil.chown(path, group=group)
        os.chmod(path, mode)
