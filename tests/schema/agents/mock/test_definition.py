"""What the API says of the mock agent."""

from attrs import asdict

from sandbox_agent.schema.agents.dialect import AgentSpec
from sandbox_agent.schema.agents.mock.definition import DEFINITION


def test_it_can_do_everything_but_share_a_process():
    capabilities = asdict(DEFINITION.capabilities)
    assert [name for name, can in capabilities.items() if not can] == ["shared_process"]


def test_its_modes_and_models_are_those_of_wire_0_1():
    definition = DEFINITION
    assert definition.id == "mock"
    assert definition.executable is None
    assert [mode.id for mode in definition.modes] == ["build", "plan"]
    assert definition.permission_modes == ("default", "plan", "bypass")
    assert dict(definition.permission_aliases) == {"acceptEdits": "default"}
    assert [model.id for model in definition.models] == [definition.default_model] == ["mock"]


def test_it_makes_its_dialect():
    spec = AgentSpec("s", ("mock",), "/", "build", "default", "seed")
    assert repr(DEFINITION.load_dialect()(spec)) == "<Mock 'mock-s' new asks=[]>"
