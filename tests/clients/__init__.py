"""Clients that others wrote, unchanged: `install` fetches them, modules tell stories, `room` has the supervisor."""

import pytest

pytest.register_assert_rewrite("clients.room", "clients.listeners", "clients.commands", "clients.calls")
