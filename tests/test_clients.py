"""Clients that others wrote, unchanged: the same story first with the real supervisord, then with minisup.

The stories are in `clients/commands.py`, `clients/listeners.py` and `clients/calls.py`; docs/clients.md lists them.
"""

from collections.abc import Iterator

import pytest
from clients import calls, commands, listeners
from clients.room import CLIENTS, KINDS, OUR_CLIENT, Story, Telling, telling

PLAN = [(tell, kind) for tell in [*commands.STORIES, *listeners.STORIES, *calls.STORIES] for kind in KINDS]
PLAN += [(tell, OUR_CLIENT) for tell in commands.WITH_SUPERVISORCTL]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CLIENTS / ".installed").exists(), reason="needs what `make test` installs"),
]


@pytest.fixture(scope="module")
def under_way(request: pytest.FixtureRequest) -> Iterator[Telling]:
    """Every chosen story, under way."""
    items = [item for item in request.session.items if item.module is request.module]
    with telling([(item.callspec.params["tell"], item.callspec.params["kind"]) for item in items]) as stories:
        yield stories


@pytest.mark.parametrize(("tell", "kind"), PLAN, ids=[f"{tell.__name__}, {kind}" for tell, kind in PLAN])
def test_client(tell: Story, kind: str, under_way: Telling) -> None:
    under_way[tell.__name__, kind].result()
