"""What reading a configuration may know of the world: handed in, never looked up by the rooms that read."""

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
    """

    __slots__ = (
        "cwd", "environ", "exists", "expand_user", "glob", "group", "host_node_name", "is_dir", "read", "tempdir",
        "uid", "user",
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

    @classmethod
    def of_this_machine(cls) -> "Facts":
        """The facts of the running process, as they are now."""
        from minisup.config import machine

        return machine.facts()

    def absolute(self, path: str) -> str:
        """The path from the root, ``..`` and doubled slashes resolved as text; links stay."""
        return posixpath.normpath(posixpath.join(self.cwd, path))

    def normalize(self, path: str) -> str:
        """`absolute`, after the expansion of ``~``."""
        return self.absolute(self.expand_user(path))


def _nothing_to_read(path: str) -> bytes:
    raise FileNotFoundError(2, "No such file or directory", path)
