"""A command is made of its path and its body, by the names of its members."""

import re
from typing import get_args

import attrs
import pytest

from sandbox_agent.schema.api.commands import Command
from sandbox_agent.transport.api.routes import ROUTES
from sandbox_agent.transport.route import Route

COMMANDS = [route for route in ROUTES if route.command is not None]


@pytest.mark.parametrize("route", COMMANDS, ids=lambda route: route.operation_id)
def test_path_and_body_have_exactly_the_members_of_the_command(route: Route):
    assert route.command is not None
    of_path = set(re.findall(r"\{(\w+)\}", route.path)) - {"session_id"}
    of_body = {field.name for field in attrs.fields(route.body)} if route.body else set()
    assert of_path | of_body == {field.name for field in attrs.fields(route.command) if field.init}


def test_every_command_of_a_websocket_has_a_route_too():
    assert {route.command for route in COMMANDS} == set(get_args(Command))
