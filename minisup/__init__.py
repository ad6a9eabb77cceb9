"""minisup: a small async process manager that takes supervisord's place, and that programs and tests can embed.

What is embedded is imported when it is first asked for: `import minisup` alone costs nothing.
"""

TYPE_CHECKING = False  # typing takes longer to import than a command of the client
if TYPE_CHECKING:
    from minisup.embed.program import Program as Program
    from minisup.embed.program import ProgramOptions as ProgramOptions
    from minisup.embed.streams import Line as Line
    from minisup.embed.streams import Stream as Stream
    from minisup.embed.supervisor import Info as Info
    from minisup.embed.supervisor import Supervisor as Supervisor
    from minisup.errors import ConfigError as ConfigError
    from minisup.errors import MinisupError as MinisupError
    from minisup.errors import ProcessError as ProcessError
    from minisup.errors import StartError as StartError
    from minisup.errors import TimedOut as TimedOut
    from minisup.errors import UnknownProgram as UnknownProgram
    from minisup.events import Event as Event

__version__ = "0.1.0"

SUPERVISORD_VERSION = "4.3.0"
"""The supervisord that we stand in for: what clients and scripts that compare versions must see."""

PUBLIC = {
    **dict.fromkeys(("Info", "Supervisor"), "minisup.embed.supervisor"),
    **dict.fromkeys(("Program", "ProgramOptions"), "minisup.embed.program"),
    **dict.fromkeys(("Line", "Stream"), "minisup.embed.streams"),
    **dict.fromkeys(
        ("ConfigError", "MinisupError", "ProcessError", "StartError", "TimedOut", "UnknownProgram"), "minisup.errors"
    ),
    "Event": "minisup.events",
}
"""What programs that embed us use, by name, and where it is."""


def __getattr__(name: str) -> object:
    if name in ("blocking", "testing"):
        from importlib import import_module

        return import_module(f"minisup.{name}")
    if name not in PUBLIC:
        raise AttributeError(f"module 'minisup' has no attribute {name!r}")
    from importlib import import_module

    found = globals()[name] = getattr(import_module(PUBLIC[name]), name)
    return found
