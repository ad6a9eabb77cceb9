"""The real supervisorctl 4.3.0 against minisup and against the real supervisord: the same words, the same exit status.

The table is in `oracle/cases_supervisorctl.py`.
"""

from collections.abc import Iterator

import pytest
from oracle.case import Runs, judge, playing
from oracle.cases_supervisorctl import CASES
from oracle.peer import MINISUP, REAL, oracle_venv

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def runs(request: pytest.FixtureRequest) -> Iterator[Runs]:
    """Every chosen case, under way on both peers."""
    items = [item for item in request.session.items if item.module is request.module]
    wanted = {item.callspec.params["command"] for item in items if hasattr(item, "callspec")}
    chosen = {command: case for command, case in CASES.items() if command in wanted}
    oracle_venv()
    with playing(chosen, [(command, kind) for command in chosen for kind in (REAL, MINISUP)]) as under_way:
        yield under_way


@pytest.mark.parametrize("command", CASES)
def test_supervisorctl(command: str, runs: Runs) -> None:
    found = judge(CASES[command], runs[command, REAL].result(), runs[command, MINISUP].result())
    assert not found, "\n".join(["supervisorctl sees a difference:", *found])
