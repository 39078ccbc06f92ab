"""The reserve: work that must succeed does, whatever is used up."""

import errno
import os
import threading

import pytest
import trio

from sandbox_agent.actors.machine.descriptor_reserve import DescriptorReserve, Exhausted

from ...patience import PATIENCE
from .exhaustion import no_descriptors, no_threads, open_descriptors


def look() -> int:
    """Needs a descriptor; tells in which thread it was done."""
    os.close(os.open(os.devnull, os.O_RDONLY))
    return threading.get_ident()


async def test_work_is_done_off_the_loop_while_there_is_enough():
    thread = await DescriptorReserve(4).run(look)
    assert thread != threading.get_ident()


async def test_without_descriptors_work_is_done_with_those_of_the_reserve():
    reserve = DescriptorReserve(4)
    assert reserve.fill()
    with no_descriptors():
        with pytest.raises(OSError, match="Too many open files"):
            look()
        thread = await reserve.run(look)
        assert thread == threading.get_ident()
        # And they are kept again afterwards.
        with pytest.raises(OSError, match="Too many open files"):
            look()
        await reserve.run(look)
    reserve.close()


async def test_without_threads_work_is_done_in_the_loop():
    with no_threads():
        thread = await DescriptorReserve(0).run(look)
    assert thread == threading.get_ident()


async def test_without_anything_it_says_so_and_works_again_later():
    reserve = DescriptorReserve(0)
    with no_descriptors(), pytest.raises(Exhausted, match="Too many open files"):
        await reserve.run(look)
    await reserve.run(look)


async def test_what_others_took_of_the_reserve_is_taken_back_as_soon_as_it_can_be():
    reserve = DescriptorReserve(4)
    assert reserve.fill()
    with no_descriptors():
        with reserve.lent():
            thieves = [os.open(os.devnull, os.O_RDONLY) for _ in range(3)]
        assert not reserve.fill()
        await reserve.run(look)  # one is enough for it
        for thief in thieves:
            os.close(thief)
        await reserve.run(look)
        assert reserve.fill()
        with pytest.raises(OSError, match="Too many open files"):
            look()
    reserve.close()


async def test_failures_of_the_work_itself_are_its_own_and_it_is_not_begun_twice():
    begun = 0

    def fail(error: Exception) -> None:
        nonlocal begun
        begun += 1
        raise error

    reserve = DescriptorReserve(0)
    for error in (OSError(errno.ENOENT, "gone"), RuntimeError("a bug"), ValueError("another")):
        with pytest.raises(type(error)):
            await reserve.run(fail, error)
    assert begun == 3


async def test_requests_that_hang_in_all_of_trios_threads_do_not_hold_it_up():
    limiter = trio.to_thread.current_default_thread_limiter()
    strangers = [object() for _ in range(int(limiter.total_tokens))]
    for stranger in strangers:
        await limiter.acquire_on_behalf_of(stranger)
    try:
        with trio.fail_after(PATIENCE):
            await DescriptorReserve(0).run(look)
    finally:
        for stranger in strangers:
            limiter.release_on_behalf_of(stranger)


def test_closed_it_holds_nothing():
    before = open_descriptors()
    reserve = DescriptorReserve(8)
    reserve.fill()
    assert len(open_descriptors()) == len(before) + 8
    reserve.close()
    assert open_descriptors() == before
