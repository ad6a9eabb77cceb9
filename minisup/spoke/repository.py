"""The configuration of a wheel, fetched from git and merged in one folder, with the permissions that it is to have."""

import fnmatch
import glob
import os
import shutil
import stat
from collections.abc import Callable, Iterable

from minisup.errors import MinisupError
from minisup.runtime.posix import run_to_end
from minisup.spoke.plan import Permissions, Source, Wheel

Say = Callable[[str], None]
"""Takes a line for whoever reads the container's output."""

GIT = (
    "git",
    *("-c", "safe.directory=*"),  # the folders are shared by containers whose users differ
    *("-c", "user.name=minisup", "-c", "user.email=minisup@localhost"),  # for merges; nobody's identity is there
    *("-c", "advice.detachedHead=false", "-c", "init.defaultBranch=master"),
)


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
        words = ("clone", "--quiet", "--branch", source.branch, "--", source.repository, self._folder)
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


def clone_whole(folder: str, skeleton: Source, wheels: Iterable[Source], say: Say) -> None:
    """Clone and merge beside `folder`, which appears only when it is whole: a life cut short leaves no half of it."""
    draft = f"{folder.rstrip('/')}.new"
    shutil.rmtree(draft, ignore_errors=True)
    repository = Repository(draft, say)
    try:
        repository.clone(skeleton)
        for wheel in wheels:
            repository.pull(wheel)
        os.rename(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def apply_permissions(wheel: Wheel, wanted: Permissions) -> None:
    """Give everything under /config, /data and /log its mode, then the exceptions theirs. What is git's is left alone.

    Links are not followed: what they point to is not ours to change.

    Raises:
        MinisupError: something cannot be changed.
    """
    try:
        for root in (wheel.config, wheel.data, wheel.log):
            for folder, folders, files in os.walk(root):
                folders[:] = [name for name in folders if not fnmatch.fnmatch(name, ".git")]
                os.chmod(folder, wanted.folders)
                for name in files:
                    path = os.path.join(folder, name)
                    if name != ".git" and stat.S_ISREG(os.lstat(path).st_mode):
                        os.chmod(path, wanted.files)
        for deviation in wanted.exceptions:
            for path in sorted(glob.glob(deviation.pattern)):
                if deviation.user and deviation.group:
                    shutil.chown(path, deviation.user, deviation.group)
                elif deviation.user:
                    shutil.chown(path, deviation.user)
                os.chmod(path, deviation.mode)
    except (OSError, LookupError) as error:
        raise MinisupError(f"cannot set permissions: {error}") from None
