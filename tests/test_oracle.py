"""The real supervisord 4.3.0 and minisup side by side: the same configuration, the same script, the same sights.

The tables are in `oracle/cases_*.py`. All cases that were chosen are played at once before the first one is looked at.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from mutants import NOTICED_BY
from oracle.case import Runs, differences, judge, playing
from oracle.peer import MINISUP, REAL, oracle_venv
from oracle.tables import CASES

pytestmark = pytest.mark.slow

TABLE = Path(__file__).parents[1] / "docs" / "compatibility.md"
ROOT = os.geteuid() == 0


@pytest.fixture(scope="module")
def runs(request: pytest.FixtureRequest) -> Iterator[Runs]:
    """Every chosen case, under way on both peers; the mutants' cases on the mutants, too."""
    wanted = {item.callspec.params.get("key") for item in request.session.items if hasattr(item, "callspec")}
    mutants = {item.callspec.params.get("mutant") for item in request.session.items if hasattr(item, "callspec")}
    mutants &= set(NOTICED_BY)
    wanted |= {NOTICED_BY[mutant] for mutant in mutants}
    chosen = {key: case for key, case in CASES.items() if key in wanted and (ROOT or not case.root)}
    plan = [(key, kind) for key in chosen for kind in (REAL, MINISUP)]
    plan += [(NOTICED_BY[mutant], f"{MINISUP}:{mutant}") for mutant in sorted(mutants)]
    oracle_venv()
    with playing(chosen, plan) as under_way:
        yield under_way


@pytest.mark.parametrize("key", CASES)
def test_case(key: str, runs: Runs) -> None:
    case = CASES[key]
    if case.root and not ROOT:
        pytest.skip("needs root: another user, or the words for root")
    found = judge(case, runs[key, REAL].result(), runs[key, MINISUP].result())
    assert not found, "\n".join(["minisup differs from supervisord:", *found])


@pytest.mark.parametrize("mutant", NOTICED_BY)
def test_mutant_is_noticed(mutant: str, runs: Runs) -> None:
    key = NOTICED_BY[mutant]
    case, real = CASES[key], runs[key, REAL].result()
    found = differences(case, real, runs[key, f"{MINISUP}:{mutant}"].result())
    assert found, f"nobody noticed {mutant}"
    assert found != differences(case, real, runs[key, MINISUP].result()), "that is not the mutant's doing"


def test_decisions_are_rows_of_the_table() -> None:
    rows = set(re.findall(r"^\| ([a-z0-9-]+) \|", TABLE.read_text(), re.M))
    named = {one if isinstance(one, str) else one[0] for case in CASES.values() for one in case.differs.values()}
    assert named <= rows, f"no such rows in {TABLE.name}: {sorted(named - rows)}"
