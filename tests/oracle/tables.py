"""All cases, by what they show."""

from . import (
    cases_background,
    cases_configuration,
    cases_daemon,
    cases_events,
    cases_fcgi,
    cases_lifecycle,
    cases_logging,
    cases_plugins,
    cases_rpc,
    cases_signals,
)
from .case import Case

AREAS: dict[str, dict[str, Case]] = {
    "configuration": cases_configuration.CASES,
    "lifecycle": cases_lifecycle.CASES,
    "rpc": cases_rpc.CASES,
    "logging": cases_logging.CASES,
    "signals": cases_signals.CASES,
    "daemon": cases_daemon.CASES,
    "background": cases_background.CASES,
    "events": cases_events.CASES,
    "fcgi": cases_fcgi.CASES,
    "plugins": cases_plugins.CASES,
}

CASES: dict[str, Case] = {key: case for table in AREAS.values() for key, case in table.items()}

assert len(CASES) == sum(map(len, AREAS.values())), "two cases have one name"
