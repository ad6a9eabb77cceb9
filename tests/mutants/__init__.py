"""Minisup, broken on purpose in several ways, to see that the oracle notices."""

NOTICED_BY: dict[str, str] = {
    "startsecs_ignored": "a program is STARTING until startsecs have gone",
    "exitcodes_ignored": "exitcodes says what is expected",
    "stop_order_reversed": "a group of higher priority is gone before the next is asked to stop",
    "sigkill_never_sent": "a program that does not stop is killed after stopwaitsecs",
    "fault_code_changed": "starting: true, or why not",
    "log_line_reworded": "a program that answers TERM with exit 0 was stopped as expected",
    "one_backup_fewer": "a full log is renamed, the oldest is dropped",
    "redirect_stderr_ignored": "redirect_stderr puts both into one file in their order",
    "environment_not_merged": "environment: quotes and separators",
    "socket_mode_wrong": "the socket has the mode of chmod",
    "exit_status_wrong": "TERM ends it",
    "unexpected_as_always": "an expected exit ends it with autorestart=unexpected",
    "stop_signal_ignored": "stopsignal by name",
    "one_retry_fewer": "a failed start is tried again after a second, then given up",
}
"""Mutant to the case that has to notice it."""
