"""What a hub or a spoke is to do, read from its environment. Pure: nothing here looks at a file.

Source: what the public entrypoints of Radial's hub-base and spoke-base images do.
"""

import glob
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from minisup.errors import ConfigError, MinisupError, Problem
from minisup.specs import Configuration, GroupSpec, ProcessKey, ProcessSpec, make_namespec

SKELETON = "https://github.com/radial/config-supervisor.git"
"""Where the configuration of supervisord itself comes from, unless SUPERVISOR_REPO says otherwise."""

YES = ("true", "yes", "on", "1")


class Wheel:
    """The folders that the containers of a wheel share.

    Args:
        root: put before each of them (WHEEL_ROOT).
    """

    def __init__(self, root: str = "") -> None:
        self.config = f"{root}/config"
        self.data = f"{root}/data"
        self.log = f"{root}/log"
        self.run = f"{root}/run"
        self.hub_lock = f"{root}/run/hub.lock"
        self.root = root


class Source(NamedTuple):
    """A git repository and the branch of it that counts."""

    repository: str
    branch: str


class Deviation(NamedTuple):
    """One entry of PERMISSIONS_EXCEPTIONS."""

    pattern: str
    mode: int
    user: str | None
    group: str | None


class Permissions(NamedTuple):
    """What the files of a wheel may look like."""

    folders: int = 0o755
    files: int = 0o644
    exceptions: tuple[Deviation, ...] = ()


class Spoke:
    """A spoke, as its environment describes it.

    Attributes:
        name: SPOKE_NAME, ``""`` where it is not set.
        id: names its folders: SPOKE_ID, else HOSTNAME.
        wheel: the shared folders.
        detached: there is no hub; the spoke fetches its configuration itself.
        skeleton: where from (detached).
        wheels: and what is merged into it (detached).
        exit_on: SPOKE_EXIT_ON, ``""`` where it is not set.
    """

    def __init__(self, environ: Mapping[str, str], hostname: str) -> None:
        self.name = environ.get("SPOKE_NAME", "")
        self.id = environ.get("SPOKE_ID") or environ.get("HOSTNAME") or hostname
        self.wheel = Wheel(environ.get("WHEEL_ROOT", "").rstrip("/"))
        self.detached = is_yes(environ.get("SPOKE_DETACH_MODE", ""))
        self.skeleton = skeleton(environ)
        self.wheels = wheels(environ)
        self.exit_on = environ.get("SPOKE_EXIT_ON", "")

    @property
    def folder(self) -> str:
        """Its own folder: socket, pidfile, marker, link, lock."""
        return f"{self.wheel.run}/supervisor/{self.id}"

    @property
    def logs(self) -> str:
        """Where its logs are."""
        return f"{self.wheel.log}/{self.id}"

    @property
    def lock(self) -> str:
        """Held as long as the spoke lives."""
        return f"{self.folder}/.lock"

    @property
    def link(self) -> str:
        """What it reads as its configuration; ``%(here)s`` is the folder of the link, not of the file."""
        return f"{self.folder}/supervisord.conf"

    @property
    def target(self) -> str:
        """What the link points to."""
        return f"{self.wheel.config}/supervisor/supervisord.conf"

    @property
    def marker(self) -> str:
        """An empty file that tells whose folder it is."""
        return f"{self.folder}/{self.name}"

    @property
    def main_log(self) -> str:
        """The log of the supervisor itself."""
        return f"{self.logs}/supervisord.log"


class Hub:
    """A hub, as its environment describes it."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.wheel = Wheel(environ.get("WHEEL_ROOT", "").rstrip("/"))
        self.skeleton = skeleton(environ)
        self.wheels = wheels(environ)
        self.updates = (environ.get("UPDATES") or "False") != "False"
        self.permissions = permissions(environ, self.wheel.root)


def is_yes(text: str) -> bool:
    """Whether a switch of the environment is on."""
    return text.strip().lower() in YES


def skeleton(environ: Mapping[str, str]) -> Source:
    """The repository of supervisord.conf."""
    return Source(environ.get("SUPERVISOR_REPO") or SKELETON, environ.get("SUPERVISOR_BRANCH") or "master")


def wheels(environ: Mapping[str, str]) -> tuple[Source, ...]:
    """WHEEL_REPO* and WHEEL_BRANCH*, each sorted by name and paired by position; a missing branch is ``config``."""
    repositories = [environ[name] for name in sorted(environ) if name.startswith("WHEEL_REPO") and environ[name]]
    branches = [environ[name] or "config" for name in sorted(environ) if name.startswith("WHEEL_BRANCH")]
    branches += ["config"] * (len(repositories) - len(branches))
    return tuple(Source(*pair) for pair in zip(repositories, branches, strict=False))


def permissions(environ: Mapping[str, str], root: str = "") -> Permissions:
    """PERMISSIONS_*: the modes of all folders and files, and the exceptions in the order in which they are applied.

    Raises:
        MinisupError: one cannot be understood.
    """
    exceptions = []
    for entry in sorted(environ.get("PERMISSIONS_EXCEPTIONS", "").split(), reverse=True):
        pattern, _, rest = entry.partition(":")
        parts = rest.split(":")
        if not pattern or not parts[0] or len(parts) > 3:
            raise MinisupError(f"cannot use PERMISSIONS_EXCEPTIONS entry {entry!r}: it is not PATH:MODE[:USER[:GROUP]]")
        user, group = [*parts[1:], "", ""][:2]
        mode = _mode("PERMISSIONS_EXCEPTIONS", parts[0])
        exceptions.append(Deviation(glob.escape(root) + pattern, mode, user or None, group or None))
    return Permissions(
        _mode("PERMISSIONS_DEFAULT_DIR", environ.get("PERMISSIONS_DEFAULT_DIR") or "755"),
        _mode("PERMISSIONS_DEFAULT_FILE", environ.get("PERMISSIONS_DEFAULT_FILE") or "644"),
        tuple(exceptions),
    )


def _mode(name: str, text: str) -> int:
    try:
        mode = int(text, 8)
    except ValueError:
        mode = -1
    if not 0 <= mode <= 0o7777:
        raise MinisupError(f"cannot use {name} {text!r}: it is not an octal mode")
    return mode


def command(prefix: str, words: Sequence[str]) -> list[str]:
    """What a spoke runs instead of a supervisor: SPOKE_CMD, then each argument as it was given.

    Raises:
        MinisupError: SPOKE_CMD has a quote without an end.
    """
    try:
        return [*shlex.split(prefix), *words]
    except ValueError as error:
        raise MinisupError(f"cannot use SPOKE_CMD {prefix!r}: {error}") from None


def confine(configuration: Configuration, name: str) -> Configuration:
    """The configuration of one spoke: its own programs start, whatever autostart says, and no others.

    Its own are those of the group ``NAME-group``, where there is none those of the group ``NAME``, else the program
    ``NAME`` wherever it is.

    Raises:
        ConfigError: there is none of these.
    """
    own = _own(configuration.groups, name)
    if not own:
        there = ", ".join(group.name for group in configuration.groups) or "none"
        why = f"there is no {name}-group (there are: {there})"
        raise ConfigError([Problem(f"cannot start the group of spoke {name!r}: {why}")])
    groups = tuple(_confined(group, own) for group in configuration.groups)
    others = [group.name for group in groups if not any(process.autostart for process in group.processes)]
    left = (("info", f"left alone, for other spokes: {', '.join(others)}"),) if others else ()
    return replace(
        configuration,
        groups=groups,
        daemon=replace(configuration.daemon, own=tuple(own)),
        messages=configuration.messages + left,
    )


def _own(groups: Sequence[GroupSpec], name: str) -> dict[ProcessKey, None]:
    for wanted in (f"{name}-group", name):
        for group in groups:
            if group.name == wanted and group.processes:
                return {(group.name, process.name): None for process in group.processes}
    found = [(group.name, process.name) for group in groups for process in group.processes]
    return {key: None for key in found if name in (key[1], make_namespec(*key))}


def _confined(group: GroupSpec, own: Mapping[ProcessKey, None]) -> GroupSpec:
    def confined(process: ProcessSpec) -> ProcessSpec:
        wanted = (group.name, process.name) in own
        return process if process.autostart == wanted else replace(process, autostart=wanted)

    return replace(group, processes=tuple(confined(process) for process in group.processes))
