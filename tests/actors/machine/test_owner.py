"""Whether the daemon that started a process lives, by what stands in the process's marker."""

import subprocess

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from sandbox_agent.actors.machine.owner import Owner, ProcessId
from sandbox_agent.actors.machine.process_rows import read_all, read_process

BOOT = "0123456789abcdef" * 2
ME = Owner(ProcessId(10, 1000), 4026531836, BOOT)
OTHER = Owner(ProcessId(20, 2000), 4026531836, BOOT)


def test_it_lives_while_that_very_process_is_there():
    assert OTHER.lives(ME, {ProcessId(20, 2000)})
    assert not OTHER.lives(ME, set())


def test_a_pid_that_was_given_out_again_is_another_process():
    assert not OTHER.lives(ME, {ProcessId(20, 2001)})


def test_nobody_outlives_the_machine():
    """Pids and start times of another boot may well be there again."""
    assert not evolve(OTHER, boot="f" * 32).lives(ME, {OTHER.process})


def test_this_process_is_no_other_daemon():
    assert not ME.lives(ME, {ME.process})


def test_an_owner_in_another_pid_namespace_counts_as_living_for_nobody_here_can_tell():
    assert evolve(OTHER, namespace=1).lives(ME, set())
    # Not where namespaces are not told.
    assert not evolve(OTHER, namespace=0).lives(ME, set())
    assert not evolve(OTHER, namespace=1).lives(evolve(ME, namespace=0), set())


def test_a_zombie_owns_nothing():
    process = subprocess.Popen(["sleep", "600"])
    try:
        row = read_process(process.pid)
        me = Owner.own()
        assert row is not None
        assert me is not None
        owner = Owner.here(row.id)
        assert owner.lives(me, {other.id for other in read_all() if not other.zombie})
        process.kill()
        while (dead := read_process(process.pid)) is not None and not dead.zombie:
            pass
        assert dead is not None
        assert not owner.lives(me, {other.id for other in read_all() if not other.zombie})
    finally:
        process.kill()
        process.wait()


def test_this_process_as_the_kernel_tells_it():
    me = Owner.own()
    row = read_process(me.process.pid) if me is not None else None
    assert me is not None
    assert row is not None
    assert row.id == me.process
    assert Owner.of_marker(f"a-journal.{me}.unique") == me


@given(
    st.builds(
        Owner,
        st.builds(ProcessId, st.integers(1, 2**22), st.integers(0, 2**63)),
        st.integers(0, 2**32),
        st.text("0123456789abcdef", min_size=32, max_size=32),
    )
)
def test_what_is_written_is_read_again(owner: Owner):
    assert Owner.parse(str(owner)) == owner


@pytest.mark.parametrize(
    "marker",
    [
        "",
        ".",
        "..",
        "journal.unique",  # of a version that named no owner
        f"journal.{OTHER}",
        f"journal.-{OTHER}.unique",
        f"journal.{OTHER}-.unique",
        f"journal.{str(OTHER)[:-1]}.unique",
        "journal.²-1-1-" + BOOT + ".unique",
        "journal." + "9" * 5000 + "-1-1-" + BOOT + ".unique",
    ],
)
def test_what_names_no_owner_names_none(marker: str):
    assert Owner.of_marker(marker) is None


@given(st.text())
def test_a_marker_is_an_agents_own_word_and_may_be_anything(marker: str):
    Owner.of_marker(marker)
