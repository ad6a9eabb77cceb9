"""The shell of the client: a prompt, history and completion where there is a terminal."""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from minisup.ctl.controller import Controller

OF_GROUPS = ("add", "remove", "update")
OF_PROCESSES = ("clear", "fg", "pid", "ready", "restart", "signal", "start", "status", "stop", "tail")


def run(controller: "Controller") -> None:
    """Show the status, then do what is asked for. Ctrl-C ends it, as the end of the input does."""
    readline = _readline(controller)
    path = controller.options.history_file
    if readline and path:
        try:
            readline.read_history_file(path)
        except OSError:
            pass
    try:
        controller.cmdqueue.append("status")
        controller.cmdloop()
    except KeyboardInterrupt:
        controller.output("")
    finally:
        if readline and path:
            try:
                readline.write_history_file(path)
            except OSError:
                pass


def _readline(controller: "Controller") -> "Any":
    """The line editor with our completion, or None without a terminal: its import alone may write to one."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return None
    try:
        import readline
    except ImportError:
        return None
    # ":", "*" and "-" belong to the names of processes.
    readline.set_completer_delims("".join(set(readline.get_completer_delims()) - set(":*-")))
    readline.set_completer(controller.complete)
    libedit = "libedit" in (readline.__doc__ or "")
    readline.parse_and_bind("bind ^I rl_complete" if libedit else f"{controller.completekey}: complete")
    return readline


def completions(controller: "Controller", text: str, line: str | None = None) -> list[str]:
    """What the word that is being written may become, each with a blank behind.

    Args:
        text: the word so far.
        line: all of the line; None for that of readline.
    """
    if line is None:
        import readline

        line = readline.get_line_buffer()
    words = line.split()
    command = words[0] if words else ""
    if not command or command == "help" or (len(words) == 1 and not line.endswith(" ")):
        found = controller.vocab
    elif command in OF_GROUPS:
        found = list(dict.fromkeys(info["group"] for info in controller.processes()))
    elif command in OF_PROCESSES:
        found = _names(controller, full=":" in text)
    else:
        found = []
    return [f"{name} " for name in found if name.startswith(text)]


def _names(controller: "Controller", *, full: bool) -> list[str]:
    names: dict[str, None] = {}
    for info in controller.processes():
        group, name = info["group"], info["name"]
        if full or name != group:
            names[f"{group}:{name}"] = names[f"{group}:*"] = None
        else:
            names[name] = None
    return list(names)
