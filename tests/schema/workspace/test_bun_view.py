"""The program that hides a project's configuration: what is put into it, and how it is made to run. What it does is
tested with the real agents."""

import json
import re

from sandbox_agent.schema.workspace.bun_view import PROOF, Hidden, program, variables


def view(directory: str = "/w", **environment: str) -> dict[str, object]:
    """What the program is told, as JavaScript reads it."""
    text = program("/private", directory, [Hidden(".tool", ("a.md",), home=False)], {"/w/x": "/y"}, environment)
    found = re.search(r"^  const VIEW = (.*);$", text.decode(), re.MULTILINE)
    assert found is not None
    return dict(json.loads(found[1]))


def test_a_directory_of_any_name_is_data_and_no_program():
    for directory in ('/a"); evil(); ("', "/a\n/b", "/a'`${evil()}`\\", "/@VIEW@", "/ä\u2028"):
        assert view(directory)["directory"] == directory


def test_what_the_program_is_told():
    told = view()
    assert told["hidden"] == [{"path": ".tool", "names": ["a.md"], "home": False}]
    assert (told["instead"], told["proof"]) == ({"/w/x": "/y"}, PROOF.decode())


def test_what_the_user_says_to_bun_is_kept_and_given_back():
    users = {"BUN_OPTIONS": "--smol"}
    assert variables("/private", users)["BUN_OPTIONS"] == "--smol --preload=/private/view.js"
    back = view(**users)["environment"]
    assert back == {"BUN_OPTIONS": "--smol", "BUN_INSPECT_PRELOAD": None, "BUN_RUNTIME_TRANSPILER_CACHE_PATH": None}


def test_a_private_directory_with_blanks_is_named_relative_to_itself():
    assert variables("/a private place", {})["BUN_OPTIONS"] == "--preload=./view.js"
