"""The hub of a wheel: fills /config from git, sets permissions, and then idles as PID 1.

While it works /run/hub.lock is there, a directory; spokes wait until it is gone. After an error it stays: no spoke
starts on half a configuration.

    dynamic         at the first start clone and merge; later only where UPDATES says so
    static          at the build of an image: merge the skeleton and the wheels into the files that were copied in; end
    static-update   at the first start of such an image merge the wheels; later as dynamic
"""

import os
import tempfile

from minisup.errors import MinisupError
from minisup.runtime.posix import idle
from minisup.spoke.plan import Hub
from minisup.spoke.repository import Repository, Say, apply_permissions

MODES = ("dynamic", "static", "static-update")


def run(mode: str, hub: Hub, say: Say) -> int:
    """Be the hub; returns its exit code.

    Raises:
        MinisupError: something could not be done; the lock is still there.
    """
    _lock(hub)
    repository = Repository(hub.wheel.config, say)
    first = FirstRun(f"hub{hub.wheel.root.replace('/', '-')}")
    first.is_now = first.is_now or not repository.exists  # a new volume: nothing is there, whatever we remember
    repository.recover()
    if mode == "static":
        _merge_static(hub, say)
    elif first.is_now:
        _fill(mode, hub, say)
    else:
        say("restart")
        if hub.updates:
            _update(hub, say)
    if mode == "static" or first.is_now or hub.updates:
        apply_permissions((hub.wheel.config, hub.wheel.data, hub.wheel.log), hub.permissions)
    if mode != "static":  # the marker would be in the image, and no container of it would have a first run
        first.over()
    try:
        os.rmdir(hub.wheel.hub_lock)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise MinisupError(f"cannot remove the lock {hub.wheel.hub_lock!r}: {error.strerror}") from None
    if mode == "static":
        return 0
    say("the configuration is ready")
    idle()
    return 0


def _lock(hub: Hub) -> None:
    try:
        for folder in (hub.wheel.hub_lock, hub.wheel.config, hub.wheel.data, hub.wheel.log):
            os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise MinisupError(f"cannot make the folder {error.filename!r}: {error.strerror}") from None


def _fill(mode: str, hub: Hub, say: Say) -> None:
    repository = Repository(hub.wheel.config, say)
    if mode == "dynamic" and not repository.exists:
        repository.clone_inside(hub.skeleton)
    elif mode == "dynamic":  # the volume of an earlier hub, or of an earlier life
        repository.check_out()
        repository.pull(hub.skeleton)
    elif not repository.exists:
        raise MinisupError(f"cannot update {hub.wheel.config!r}: it is no git repository (was the image built static?)")
    if not hub.wheels:
        say("warning: no WHEEL_REPO is set, there is nothing to merge")
    for wheel in hub.wheels:
        repository.pull(wheel)


def _update(hub: Hub, say: Say) -> None:
    repository = Repository(hub.wheel.config, say)
    for source in (hub.skeleton, *hub.wheels):
        repository.pull(source)


def _merge_static(hub: Hub, say: Say) -> None:
    repository = Repository(hub.wheel.config, say)
    repository.adopt()
    for source in (hub.skeleton, *hub.wheels):
        repository.pull(source)


class FirstRun:
    """Whether a container runs for the first time: a marker in its own temporary folder, which no volume holds.

    Args:
        name: of what runs.
    """

    def __init__(self, name: str) -> None:
        self._marker = os.path.join(tempfile.gettempdir(), f"minisup-{name}-has-run")
        self.is_now = not os.path.exists(self._marker)

    def over(self) -> None:
        """It has done all that a first run does."""
        try:
            os.close(os.open(self._marker, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644))
        except OSError:
            pass  # no temporary folder: every run is a first one, and finds what the last one left
