"""The errors of minisup, and the faults that clients of supervisord know by number.

A fault's text is interface: the name, then a colon and what it is about. Source: supervisor's ``xmlrpc`` module.
"""


class MinisupError(Exception):
    """Anything minisup reports to its user in one line; everything else that is raised is a bug of ours."""


class Faults:
    """Fault numbers of the XML-RPC interface. SUCCESS is only ever a status value inside an answer."""

    UNKNOWN_METHOD = 1
    INCORRECT_PARAMETERS = 2
    BAD_ARGUMENTS = 3
    SIGNATURE_UNSUPPORTED = 4
    SHUTDOWN_STATE = 6
    BAD_NAME = 10
    BAD_SIGNAL = 11
    NO_FILE = 20
    NOT_EXECUTABLE = 21
    FAILED = 30
    ABNORMAL_TERMINATION = 40
    SPAWN_ERROR = 50
    ALREADY_STARTED = 60
    NOT_RUNNING = 70
    SUCCESS = 80
    ALREADY_ADDED = 90
    STILL_RUNNING = 91
    CANT_REREAD = 92


FAULT_NAMES = {code: name for name, code in vars(Faults).items() if not name.startswith("_")}


class Fault(MinisupError):
    """A refusal that goes over the wire.

    Attributes:
        code: one of `Faults`.
        about: what it is about; None for nothing.
        text: ``NAME`` or ``NAME: about``.
    """

    def __init__(self, code: int, about: object = None) -> None:
        name = FAULT_NAMES.get(code, "UNKNOWN")
        self.code = code
        self.about = about
        self.text = name if about is None else f"{name}: {about}"
        super().__init__(self.text)


class Problem:
    """One thing that is wrong in a configuration, and where.

    Attributes:
        text: our own words, without the place.
        legacy: supervisord's wording of the same, for CANT_REREAD; equal to `text` where nothing else is said.
        path: the file to blame, or None (the command line, the environment).
        line: counted from 1, or None.
    """

    __slots__ = ("legacy", "line", "path", "text")

    def __init__(
        self, text: str, *, path: str | None = None, line: int | None = None, legacy: str | None = None
    ) -> None:
        self.text = text
        self.path = path
        self.line = line
        self.legacy = text if legacy is None else legacy

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}: " if self.line is not None else f"{self.path}: " if self.path else ""
        return place + self.text


class ConfigError(MinisupError):
    """The configuration cannot be used. Carries every problem found, in the order of the text."""

    def __init__(self, problems: "list[Problem]") -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))


class UnknownProgram(MinisupError, LookupError):
    """There is no program of that name."""


class ProcessError(MinisupError):
    """A process is not what it should be.

    Attributes:
        name: of the process.
        state: its state then, in supervisord's words.
        returncode: exit code of its last run, -N for signal N; None where there was no run, or it goes on.
        log: the last lines that it wrote.
    """

    def __init__(self, what: str, name: str, why: str, state: str, returncode: int | None, log: str) -> None:
        self.name = name
        self.state = state
        self.returncode = returncode
        self.log = log
        said = "".join(f"\n  | {line}" for line in log.splitlines())
        super().__init__(f"{what}: {f'{why} ({state})' if why else state}{said}")


class StartError(ProcessError):
    """A program did not start, or did not become ready."""


class TimedOut(ProcessError, TimeoutError):
    """A process did not come to a state in time."""
