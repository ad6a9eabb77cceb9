"""The numbers of process and daemon states, as they go over the wire.

Plain integers, never an enum: third-party listeners compare them with ``is``
(superlance's httpok does ``spec['state'] is ProcessStates.RUNNING``).
Source: supervisor's ``states`` module.
"""


class ProcessStates:
    """States of one process; the names are those of the ``PROCESS_STATE_*`` events."""

    STOPPED = 0
    STARTING = 10
    RUNNING = 20
    BACKOFF = 30
    STOPPING = 40
    EXITED = 100
    FATAL = 200
    UNKNOWN = 1000


class SupervisorStates:
    """States of the daemon itself. FATAL is never set; clients know the number."""

    FATAL = 2
    RUNNING = 1
    RESTARTING = 0
    SHUTDOWN = -1


STOPPED_STATES = (ProcessStates.STOPPED, ProcessStates.EXITED, ProcessStates.FATAL, ProcessStates.UNKNOWN)
"""Nothing runs and nothing will: the group of such processes may be removed."""

RUNNING_STATES = (ProcessStates.RUNNING, ProcessStates.BACKOFF, ProcessStates.STARTING)
"""What `start` refuses as already started and `stop` accepts."""

SIGNALLABLE_STATES = (ProcessStates.RUNNING, ProcessStates.STARTING, ProcessStates.STOPPING)
"""There is a process to signal."""

PROCESS_STATE_NAMES = {code: name for name, code in vars(ProcessStates).items() if not name.startswith("_")}
SUPERVISOR_STATE_NAMES = {code: name for name, code in vars(SupervisorStates).items() if not name.startswith("_")}
