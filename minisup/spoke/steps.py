"""A spoke's way from the start of its container to the supervisor: wait, make folders, take the lock, link.

    SPOKE_NAME ── hub or clone ── lock /run/supervisor/ID ── folders, marker, link ── supervisor on the link
"""

import fcntl
import os
import shutil

from minisup.errors import MinisupError
from minisup.runtime.posix import wait_until
from minisup.spoke.plan import Permissions, Spoke
from minisup.spoke.repository import Say, apply_permissions, clone_whole

OURS = ".git/minisup-spoke"
"""In a configuration that a detached spoke has fetched: it is whole, and ours."""
LOOK = 0.1
"""Seconds between two looks at the hub's lock."""
REMIND = 10.0
"""Seconds between two lines that say what we wait for."""


def prepare(spoke: Spoke, say: Say) -> int:
    """Everything before the supervisor; returns the descriptor of the lock, which is ours until it is closed.

    Raises:
        MinisupError: something is missing or could not be done.
        Interrupted: told to stop while waiting or cloning.
    """
    if not spoke.name:
        raise MinisupError("cannot start a spoke: SPOKE_NAME is not set")
    for variable, value in (("SPOKE_NAME", spoke.name), ("SPOKE_ID", spoke.id)):
        if "/" in value or value in (".", ".."):
            raise MinisupError(f"cannot start a spoke: {variable} {value!r} cannot be the name of a file")
    if spoke.detached:
        _fetch(spoke, say)
    else:
        _await_hub(spoke, say)
    lock = _lock(spoke)
    _furnish(spoke)
    return lock


def _await_hub(spoke: Spoke, say: Say) -> None:
    wheel = spoke.wheel
    why = ""

    def ready() -> bool:
        # In this order: the hub makes its lock before it makes the file, so where the file is there and the lock is
        # not, the hub is through. Without the file the hub may just not have come as far as its lock.
        nonlocal why
        if not os.path.exists(spoke.target):
            why = f"there is no {spoke.target} yet"
        elif os.path.isdir(wheel.hub_lock):
            why = f"{wheel.hub_lock} is still there"
        else:
            return True
        return False

    if not os.path.isdir(wheel.config):
        why = f"there is no {wheel.config} (is there a Hub container, and are its volumes here?)"
        raise MinisupError(f"cannot start a spoke: {why}")
    wait_until(ready, LOOK, lambda: say(f"waiting for the hub: {why}"), REMIND)


def _fetch(spoke: Spoke, say: Say) -> None:
    wheel = spoke.wheel
    _make(wheel.data)
    _make(wheel.log)
    there = os.path.lexists(wheel.config)
    if os.path.exists(f"{wheel.config}/{OURS}"):  # an earlier life of this container has fetched it
        return
    if not spoke.wheels:
        say("warning: no WHEEL_REPO is set, the configuration is the skeleton alone")
    if not shutil.which("git"):
        raise MinisupError("cannot fetch the configuration: git is not installed")
    if there:
        raise MinisupError(f"cannot fetch the configuration: {wheel.config} is there already (SPOKE_DETACH_MODE is on)")

    def finish(draft: str) -> None:
        apply_permissions((draft, wheel.data, wheel.log), Permissions())
        os.close(os.open(f"{draft}/{OURS}", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644))

    clone_whole(wheel.config, spoke.skeleton, spoke.wheels, say, finish)


def _lock(spoke: Spoke) -> int:
    """A lock dies with its holder, unlike a pidfile; and it is a lock per id, for all spokes share /run."""
    _make(spoke.folder)
    try:
        fd = os.open(spoke.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise MinisupError(f"cannot open the lock {spoke.lock!r}: {error.strerror}") from None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(fd)
        if not isinstance(error, BlockingIOError):  # a file system without locks
            raise MinisupError(f"cannot lock {spoke.lock!r}: {error.strerror}") from None
        why = "another spoke with this id lives (set SPOKE_ID where containers share a host name)"
        raise MinisupError(f"cannot start a spoke as {spoke.id!r}: {why}") from None
    return fd


def _furnish(spoke: Spoke) -> None:
    _make(spoke.logs)
    try:
        os.close(os.open(spoke.marker, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644))
        draft = f"{spoke.link}.new"
        if os.path.lexists(draft):
            os.unlink(draft)
        os.symlink(spoke.target, draft)
        os.rename(draft, spoke.link)  # over whatever the last life left, at no moment missing
    except OSError as error:
        raise MinisupError(f"cannot furnish {spoke.folder!r}: {error.strerror}") from None


def _make(folder: str) -> None:
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise MinisupError(f"cannot make the folder {folder!r}: {error.strerror}") from None
