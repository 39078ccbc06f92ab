"""A repository's own configuration of git starts no program in an untrusted session."""

from sandbox_agent.schema.workspace.git import guarded


def test_what_the_user_tells_git_stays():
    assert guarded({}) == {
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": "core.fsmonitor",
        "GIT_CONFIG_VALUE_0": "false",
        "GIT_CONFIG_KEY_1": "safe.bareRepository",
        "GIT_CONFIG_VALUE_1": "explicit",
    }
    assert set(guarded({"GIT_CONFIG_COUNT": "3"})) == {
        "GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_3", "GIT_CONFIG_VALUE_3", "GIT_CONFIG_KEY_4", "GIT_CONFIG_VALUE_4",
    }  # fmt: skip
    assert guarded({"GIT_CONFIG_COUNT": "many"})["GIT_CONFIG_COUNT"] == "2"
