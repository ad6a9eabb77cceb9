"""How processes are called, by people and on the wire. Alone in its file: a client needs it, and no specs."""


def make_namespec(group: str, process: str) -> str:
    """How a process is called on the wire: ``group:process``, or ``process`` where both are equal."""
    return process if group == process else f"{group}:{process}"


def split_namespec(namespec: str) -> tuple[str, str | None]:
    """The group and process that a client means; the process is None for ``group:`` and ``group:*``."""
    group, colon, process = namespec.partition(":")
    if not colon:
        return namespec, namespec
    return group, None if process in ("", "*") else process
