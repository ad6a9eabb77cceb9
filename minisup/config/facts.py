"""What reading a configuration may know of the world: handed in, never looked up by the rooms that read.

Only `Facts.of_this_machine` and what stands below it ask the operating system.
"""

import os
import posixpath
from collections.abc import Callable, Mapping
from typing import Any


class Overrides:
    """What the command line said, for `minisup.config.build.load`.

    Attributes:
        configfile: of ``-c``, as given; None to search.
        argv0: how the program was called: two of the searched places lie beside it.
        values: converted values of options of [supervisord], by name. They win over the file.
        start: groups named by ``--start``.
    """

    __slots__ = ("argv0", "configfile", "start", "values")

    def __init__(
        self,
        configfile: str | None = None,
        values: Mapping[str, Any] | None = None,
        *,
        start: tuple[str, ...] = (),
        argv0: str = "minisup",
    ) -> None:
        self.configfile = configfile
        self.values: Mapping[str, Any] = values or {}
        self.start = start
        self.argv0 = argv0


class Facts:
    """Everything that reading may know. Paths handed to the look-ups are absolute.

    Keep one object from the start of the process on: its `cwd` is what relative paths of the configuration mean,
    also after a daemon has changed its directory.

    Attributes:
        environ: the environment that ``%(ENV_x)s`` sees.
        cwd: the working directory, absolute.
        host_node_name: of uname.
        uid: the effective user.
        tempdir: the default of childlogdir.
        user: (uid, primary gid) of a user name or number, or None.
        group: the gid of a group name or number, or None.
        is_dir: whether the path is a directory.
        exists: whether the path exists.
        glob: paths that match a shell pattern, in any order.
        read: the bytes of a file; OSError when that fails.
        expand_user: a path with its leading ``~`` or ``~name`` replaced.
        resolve: why what ``module:name`` says cannot be imported; None where it can.
    """

    __slots__ = (
        "cwd", "environ", "exists", "expand_user", "glob", "group", "host_node_name", "is_dir", "read", "resolve",
        "tempdir", "uid", "user",
    )  # fmt: skip

    def __init__(
        self,
        *,
        environ: Mapping[str, str] | None = None,
        cwd: str = "/",
        host_node_name: str = "localhost",
        uid: int = 1000,
        tempdir: str = "/tmp",
        user: Callable[[str | int], tuple[int, int] | None] = lambda name: None,
        group: Callable[[str | int], int | None] = lambda name: None,
        is_dir: Callable[[str], bool] = lambda path: True,
        exists: Callable[[str], bool] = lambda path: True,
        glob: Callable[[str], list[str]] = lambda pattern: [],
        read: Callable[[str], bytes] | None = None,
        expand_user: Callable[[str], str] = lambda path: path,
        resolve: Callable[[str], str | None] = lambda spec: None,
    ) -> None:
        self.environ: Mapping[str, str] = environ or {}
        self.cwd = cwd
        self.host_node_name = host_node_name
        self.uid = uid
        self.tempdir = tempdir
        self.user = user
        self.group = group
        self.is_dir = is_dir
        self.exists = exists
        self.glob = glob
        self.read = read or _nothing_to_read
        self.expand_user = expand_user
        self.resolve = resolve

    @classmethod
    def of_this_machine(cls) -> "Facts":
        """The facts of the running process, as they are now."""
        return cls(
            environ=dict(os.environ),
            cwd=_cwd(),
            host_node_name=os.uname().nodename,
            uid=os.getuid(),
            tempdir=_tempdir(),
            user=_user,
            group=_group,
            is_dir=os.path.isdir,
            exists=os.path.exists,
            glob=_glob,
            read=_read,
            expand_user=os.path.expanduser,
            resolve=_resolve,
        )

    def absolute(self, path: str) -> str:
        """The path from the root, ``..`` and doubled slashes resolved as text; links stay."""
        return posixpath.normpath(posixpath.join(self.cwd, path))

    def normalize(self, path: str) -> str:
        """`absolute`, after the expansion of ``~``."""
        return self.absolute(self.expand_user(path))


def imported(spec: str) -> Any:
    """What ``module:name`` means; dots in the name are looked up one by one.

    Raises:
        ImportError: there is no such module.
        AttributeError: nothing of that name is in it.
        Exception: whatever the module raised while it was imported.
    """
    from importlib import import_module

    module, _, path = spec.partition(":")
    if not module.strip():
        raise ImportError(f"{spec!r} names no module")
    found: Any = import_module(module.strip())
    for name in filter(None, path.strip().split(".")):
        found = getattr(found, name)
    return found


def _resolve(spec: str) -> str | None:
    try:
        imported(spec)
    except BaseException as error:  # also one that leaves: a reread must not be the end of the daemon
        return f"{type(error).__name__}: {error}"
    return None


def _nothing_to_read(path: str) -> bytes:
    raise FileNotFoundError(2, "No such file or directory", path)


def _cwd() -> str:
    try:
        return os.getcwd()
    except OSError:  # removed under our feet: only relative paths suffer
        return "/"


def _tempdir() -> str:
    """What ``tempfile.gettempdir`` says where one can write; it costs 10 ms to import and raises where one cannot."""
    named = [os.environ[name] for name in ("TMPDIR", "TEMP", "TMP") if os.environ.get(name)]
    places = [os.path.abspath(place) for place in (*named, "/tmp", "/var/tmp", "/usr/tmp")]
    writable = (place for place in places if os.path.isdir(place) and os.access(place, os.W_OK | os.X_OK))
    return next(writable, "/tmp" if os.path.isdir("/tmp") else "/")


def _user(name: str | int) -> tuple[int, int] | None:
    import pwd

    try:
        entry = pwd.getpwuid(name) if isinstance(name, int) else pwd.getpwnam(name)
    except (KeyError, OverflowError, ValueError):
        return None
    return entry.pw_uid, entry.pw_gid


def _group(name: str | int) -> int | None:
    import grp

    try:
        entry = grp.getgrgid(name) if isinstance(name, int) else grp.getgrnam(name)
    except (KeyError, OverflowError, ValueError):
        return None
    return entry.gr_gid


def _glob(pattern: str) -> list[str]:
    import glob

    return glob.glob(pattern)


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
