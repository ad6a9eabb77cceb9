"""The configuration of a wheel, fetched from git and merged in one folder, with the permissions that it is to have."""

import glob
import os
import re
import shutil
import stat
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
    *("-c", "gc.autoDetach=false"),  # nothing of it stays behind when it has ended
    *("-c", "core.fileMode=false"),  # what `apply_permissions` does is no change that a merge could lose
)
DRAFT = ".clone"
NOBODYS = {DRAFT, "lost+found"}
"""What may be in a folder that counts as empty: our own draft, and what mkfs(8) puts into a new volume."""
ELSEWHERE = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")
"""Variables that would lead git to another repository than ours."""


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
        self._say(f"cloning {shown(source.repository)} at {source.branch} into {self._folder}")
        self._clone(source, self._folder)

    def clone_inside(self, source: Source) -> None:
        """Clone into a folder that is there: a volume, which cannot be put in place as a whole.

        The repository appears when it is whole, its files after it. Where a life ends in between, `check_out` in the
        next one makes up for it.

        Raises:
            MinisupError: there are files, and nobody knows whose.
        """
        draft = os.path.join(self._folder, DRAFT)
        if set(os.listdir(self._folder)) - NOBODYS:
            raise MinisupError(f"cannot clone into {self._folder!r}: it has files already and is no git repository")
        self._say(f"cloning {shown(source.repository)} at {source.branch} into {self._folder}")
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
        self._git(words, f"cannot clone {shown(source.repository)!r}", inside=False)

    def recover(self) -> None:
        """Undo a merge in which an earlier life was killed; where there was none, nothing happens.

        Raises:
            GitError: it cannot be undone.
        """
        try:
            with open(self._merging, encoding="ascii") as file:
                before = file.read().strip()
        except OSError:
            return
        with suppress(FileNotFoundError):
            os.unlink(os.path.join(self._folder, ".git", "index.lock"))
        failure = f"cannot undo the merge that was cut short in {self._folder!r}"
        # First to what was being merged: so git knows the files that it had put there and takes them away again.
        for commit in ("FETCH_HEAD", before):
            self._git(("reset", "--quiet", "--hard", commit), failure)
        os.unlink(self._merging)

    @property
    def _merging(self) -> str:
        """A file that is there as long as a merge is under way; it holds the commit from before."""
        return os.path.join(self._folder, ".git", "minisup-merging")

    def adopt(self) -> None:
        """Make a repository of the files that are there, if there is none."""
        if not self.exists:
            self._git(("init", "--quiet", self._folder), f"cannot make a repository of {self._folder!r}", inside=False)
        self.recover()
        self._git(("add", "--all"), f"cannot add the files of {self._folder!r}")
        if self._git(("status", "--porcelain"), f"cannot look at {self._folder!r}").strip():
            words = ("commit", "--quiet", "--message", "files of the image")
            self._git(words, f"cannot commit the files of {self._folder!r}")

    def pull(self, source: Source) -> None:
        """Merge a branch of another repository, whatever its history; a conflict leaves everything as it was."""
        self._say(f"merging {shown(source.repository)} at {source.branch}")
        failure = f"cannot pull {shown(source.repository)!r}"
        self._git(("fetch", "--quiet", "--", source.repository, source.branch), failure)
        self._begin_merge()
        words = ("merge", "--quiet", "--no-edit", "--allow-unrelated-histories", "FETCH_HEAD")
        try:
            self._git(words, f"cannot merge {shown(source.repository)!r}")
        except GitError:
            with suppress(GitError):  # the first words are the ones that help; `recover` tries again
                if os.path.exists(os.path.join(self._folder, ".git", "MERGE_HEAD")):
                    self._git(("merge", "--abort"), "cannot undo the merge")
                os.unlink(self._merging)
            raise
        os.unlink(self._merging)

    def _begin_merge(self) -> None:
        try:
            before = self._git(("rev-parse", "--verify", "HEAD"), "")
        except GitError:
            before = "FETCH_HEAD"  # there is no commit yet
        with open(self._merging, "w", encoding="ascii") as file:
            file.write(before)

    def _git(self, words: tuple[str, ...], failure: str, inside: bool = True) -> str:
        """Run git on this repository and no other, whatever encloses the folder; `inside`: it exists already."""
        place = ("--git-dir", os.path.join(self._folder, ".git"), "--work-tree", self._folder) if inside else ()
        environment = {name: value for name, value in os.environ.items() if name not in ELSEWHERE}
        environment |= {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
        try:
            code, text = run_to_end([*GIT, *place, *words], self._folder if inside else None, environment)
        except OSError as error:
            if isinstance(error, FileNotFoundError) and error.filename == "git":
                raise GitError("cannot fetch the configuration: git is not installed") from None
            raise GitError(f"{failure}: {error.strerror}") from None
        if code:
            why = " ".join(text.split()) or f"git ended with {code}"
            raise GitError(f"{failure}: {why}")
        return text


def shown(repository: str) -> str:
    """A repository without the name and password that its URL may hold."""
    return re.sub(r"//[^/@]*@", "//", repository)


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
                folders[:] = [name for name in folders if name not in (".git", "lost+found")]
                _apply(folder, wanted.folders)
                for name in files:
                    if name != ".git" and stat.S_ISREG(_mode_of(path := os.path.join(folder, name))):
                        _apply(path, wanted.files)
        for deviation in wanted.exceptions:
            for path in sorted(glob.glob(deviation.pattern)):
                _apply(path, deviation.mode, deviation.user, deviation.group)
    except (OSError, LookupError) as error:
        raise MinisupError(f"cannot set permissions: {error}") from None


def _mode_of(path: str) -> int:
    try:
        return os.lstat(path).st_mode
    except FileNotFoundError:
        return 0


def _apply(path: str, mode: int, user: str | None = None, group: str | None = None) -> None:
    """Through a descriptor that is no link: spokes write in these folders, and may put a link where a file was."""
    try:
        fd = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not stat.S_ISLNK(os.fstat(fd).st_mode):
            place = f"/proc/self/fd/{fd}"
            if user is not None:
                shutil.chown(place, _number(user), None if group is None else _number(group))
            elif group is not None:
                shutil.chown(place, group=_number(group))
            os.chmod(place, mode)
    finally:
        os.close(fd)


def _number(name: str) -> str | int:
    """An owner, who often has a number only in a container."""
    return int(name) if name.isdecimal() else name
