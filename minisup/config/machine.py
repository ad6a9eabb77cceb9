"""The real facts of this process and machine: the only room of config that asks the operating system."""

import os

from minisup.config.facts import Facts


def facts() -> Facts:
    """See `Facts.of_this_machine`."""
    return Facts(
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
    )


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
