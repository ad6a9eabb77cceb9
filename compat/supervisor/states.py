"""The numbers of states: plain integers, for listeners compare them with ``is``."""

from minisup.states import (
    PROCESS_STATE_NAMES,
    RUNNING_STATES,
    SIGNALLABLE_STATES,
    STOPPED_STATES,
    SUPERVISOR_STATE_NAMES,
    ProcessStates,
    SupervisorStates,
)


class EventListenerStates:
    """Where a listener is in its conversation with the daemon."""

    READY = 10
    BUSY = 20
    ACKNOWLEDGED = 30
    UNKNOWN = 40


# Plugins read these, although their names begin so.
_process_states_by_code = PROCESS_STATE_NAMES
_supervisor_states_by_code = SUPERVISOR_STATE_NAMES
_eventlistener_states_by_code = {
    code: name for name, code in vars(EventListenerStates).items() if not name.startswith("_")
}


def getProcessStateDescription(code: int) -> str | None:
    """``RUNNING`` for 20; None for no state."""
    return _process_states_by_code.get(code)


def getSupervisorStateDescription(code: int) -> str | None:
    """``RUNNING`` for 1; None for no state."""
    return _supervisor_states_by_code.get(code)


def getEventListenerStateDescription(code: int) -> str | None:
    """``READY`` for 10; None for no state."""
    return _eventlistener_states_by_code.get(code)
