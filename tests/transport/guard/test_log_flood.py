"""Whoever reaches the port, with a token or not, must not fill the disk with the log, nor push out what matters."""

import pytest
import trio
import trio.testing

from sandbox_agent.schema.settings import Settings
from sandbox_agent.transport.http.access_log import AccessLog, ServerConfig, cut
from sandbox_agent.transport.http.line_budget import TOLD, WINDOW, LineBudget

from ..door import Door
from ..raw import raw
from ..serving import serving


async def test_a_path_of_sixty_thousand_bytes_is_a_short_line(capsys: pytest.CaptureFixture[str]):
    async with serving(Door(), token="t") as served, raw(served) as client:
        await client.send(b"GET /%b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" % (b"x" * 60_000))
        assert (await client.all()).startswith(b"HTTP/1.1 404 ")
    out = "".join(capsys.readouterr())
    assert "(60001 in all)" in out
    assert len(out) < 4000


def test_a_path_that_a_route_can_have_is_told_whole():
    longest = "/v1/sessions/" + "%C3" * 256 + "/messages"
    assert cut(longest) == longest


async def test_requests_beyond_the_budget_are_counted_not_logged(capsys: pytest.CaptureFixture[str]):
    door = Door(Settings(access_log_lines=5))
    async with serving(door) as served:
        for good in (True, False):
            for _ in range(10):
                async with raw(served) as client:
                    head = b"GET /v1/health HTTP/1.1\r\n" if good else b"GARBAGE\r\n"
                    await client.send(head + b"Host: localhost\r\nConnection: close\r\n\r\n")
                    await client.all()
        served.stop.set()
        await trio.testing.wait_all_tasks_blocked()
    out = "".join(capsys.readouterr())
    assert out.count("status=") == 5
    assert "requests not logged" in out
    assert "15" in out


async def test_a_budget_left_out_is_told_after_its_window(autojump_clock: trio.testing.MockClock):
    config = ServerConfig()
    config.access_log_lines = 1
    log = AccessLog(config)
    told: list[tuple[str, dict]] = []
    log._log = type(
        "EventLog",
        (),
        {
            "info": lambda self, event, **kw: told.append((event, kw)),
            "warning": lambda self, event, **kw: told.append((event, kw)),
        },
    )()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(log.run)
        for _ in range(7):
            await log.refused(400, ("192.0.2.1", 1))
        await trio.sleep(WINDOW + 1)
        nursery.cancel_scope.cancel()
    assert [event for event, _ in told] == ["request", "requests not logged"]
    assert told[1][1] == {"requests": 6, "address": "192.0.2.1"}


def test_one_address_does_not_use_up_anothers_lines():
    budget = LineBudget(2)
    assert [budget.take("10.0.0.1", 0.0) for _ in range(3)] == [True, True, False]
    assert budget.take("10.0.0.2", 0.0)
    assert budget.take("10.0.0.1", WINDOW)
    assert budget.report() == [("10.0.0.1", 1)]
    assert budget.report() == []


def test_addresses_of_one_ipv6_network_share_their_lines_and_many_are_summed_up():
    budget = LineBudget(1)
    for host in range(3):
        budget.take(f"2001:db8::{host:x}", 0.0)
    assert [count for _, count in budget.report()] == [2]
    for host in range(100):
        budget.take(f"10.0.0.{host}", 0.0)
        budget.take(f"10.0.0.{host}", 0.0)
    report = budget.report()
    assert len(report) == TOLD + 1
    assert sum(count for _, count in report) == 100


def test_no_bound_is_no_bound():
    budget = LineBudget(0)
    assert all(budget.take("10.0.0.1", 0.0) for _ in range(5000))
