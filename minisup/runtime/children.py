"""What a child is given to live in, and supervisord's words for what went wrong before there was one."""

from collections.abc import Mapping

from minisup.runtime.system import errno_name
from minisup.specs import ProcessKey, ProcessSpec


def spawn_problem(name: str, error: OSError | ValueError | OverflowError) -> str:
    """supervisord's words for what went wrong before there was a child. Source: ``process.Subprocess.spawn``."""
    if not isinstance(error, OSError):
        return f"unknown error making dispatchers for '{name}': {error}"
    if error.filename == "fork":
        if isinstance(error, BlockingIOError):
            return f"Too many processes in process table to spawn '{name}'"
        return f"unknown error during fork for '{name}': {errno_name(error)}"
    if errno_name(error) == "EMFILE":
        return f"too many open files to spawn '{name}'"
    return f"unknown error making dispatchers for '{name}': {errno_name(error)}"


def child_environment(
    base: Mapping[str, str], key: ProcessKey, spec: ProcessSpec, serverurl: str | None
) -> Mapping[str, str]:
    """The daemon's environment, the SUPERVISOR_* variables, then the program's own, which may override any.

    Source: supervisor's ``process._spawn_as_child``.
    """
    url = spec.serverurl or serverurl
    return {
        **base,
        "SUPERVISOR_ENABLED": "1",
        **({"SUPERVISOR_SERVER_URL": url} if url else {}),
        "SUPERVISOR_PROCESS_NAME": key[1],
        "SUPERVISOR_GROUP_NAME": key[0],
        **spec.environment,
    }
