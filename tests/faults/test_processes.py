"""A process of ours is killed or stands still while sixteen visitors ask; `make test-faults`."""

from __future__ import annotations

import re
import signal
import time

import pytest
import requests

from tests.faults.memory import list_leftovers
from tests.faults.site import GUNICORN, JAVA, WORKER, Site, Visitors
from tests.faults.strikes import find_front_workers, find_masters
from tests.waiting import wait_until

#: Seconds in which the models answer again. Of a machine that has nothing else to do they are 15, which
#: `make bench-reliability` holds; who shares it waits longer.
RECOVERY = 60


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_model_worker_that_dies_or_stands_still_loses_no_question(site: Site, number: signal.Signals) -> None:
    with Visitors(site) as visitors:
        time.sleep(2)
        [worker] = site.find(WORKER)
        worker.send_signal(number)
        struck = time.monotonic()
        time.sleep(0.5)
        visitors.wait_for_answer(struck + 0.5, RECOVERY + 5)
        time.sleep(1)
    assert set(visitors.statuses) == {200}, visitors.statuses
    assert site.find(WORKER)[0].pid != worker.pid
    if number == signal.SIGSTOP:
        assert f"worker {worker.pid} stood still" in site.log.read_text()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_torchserve_that_dies_or_hangs_is_started_again(site: Site, number: signal.Signals) -> None:
    with Visitors(site) as visitors:
        time.sleep(2)
        [java] = site.find(JAVA)
        java.send_signal(number)
        struck = time.monotonic()
        time.sleep(1)
        took = visitors.wait_for_answer(struck + 1, RECOVERY)
        time.sleep(3)
    said = site.log.read_text()
    ended = "was ended by SIGKILL" if number == signal.SIGKILL else "stood still and was ended"
    assert f"TorchServe {ended}. It is started again." in said
    assert re.search(r"TorchServe answers again, after \d+ s\.", said)
    print(f"TorchServe, {number.name}: answers after {took:.1f} s; {visitors.statuses}")
    if number == signal.SIGKILL:
        assert set(visitors.statuses) == {200}, visitors.statuses


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_the_front_end_that_dies_or_stands_still_is_started_again_and_loses_no_question(
    site: Site, number: signal.Signals
) -> None:
    """Its workers answer what they have taken, and who connects meanwhile waits for the next ones."""
    [master] = find_masters(site)
    old = {each.pid for each in find_front_workers(site)}
    with Visitors(site) as visitors:
        time.sleep(1)
        master.send_signal(number)
        wait_until(lambda: len({each.pid for each in find_front_workers(site)} - old) >= len(old), RECOVERY)
        visitors.wait_for_answer(time.monotonic(), RECOVERY)
        time.sleep(3)
        wait_until(lambda: "The front end answers again" in site.log.read_text())
    assert set(visitors.statuses) == {200}, visitors.statuses
    said = site.log.read_text()
    ended = "was ended by SIGKILL" if number == signal.SIGKILL else "stood still and was ended"
    assert f"The front end {ended}. It is started again." in said
    assert not {each.pid for each in site.find(GUNICORN)} & old


def test_a_front_end_s_worker_that_stands_still_is_replaced(site: Site) -> None:
    """What it had in its hands breaks off; nobody else notices."""
    wait_until(lambda: len(find_front_workers(site)) >= 2, RECOVERY)
    first = find_front_workers(site)[0]
    first.suspend()
    wait_until(lambda: not first.is_running() and len(find_front_workers(site)) >= 2, RECOVERY)
    assert site.ask().status_code == 200


def test_what_a_killed_front_end_left_in_shared_memory_goes(site: Site) -> None:
    folders = set(list_leftovers())
    for each in site.find(GUNICORN):
        each.kill()
    wait_until(lambda: find_front_workers(site) and site.ask().status_code == 200, RECOVERY)
    assert set(list_leftovers()) <= folders


def test_sigterm_lets_what_is_under_way_be_answered(site: Site) -> None:
    """No question that was taken is lost: those that come later are refused a connection."""
    with Visitors(site) as visitors:
        time.sleep(2)
        visitors.stop()
        time.sleep(0.02)  # whoever was about to ask has asked
        site.process.send_signal(signal.SIGTERM)
    assert set(visitors.statuses) == {200}, visitors.statuses
    assert site.process.wait(RECOVERY) == 130
    assert site.log.read_text().rstrip().endswith("Ended.")
    with pytest.raises(requests.ConnectionError):
        site.ask()


def test_a_second_signal_ends_at_once(site: Site) -> None:
    [worker] = site.find(WORKER)
    family = site.find("")
    with Visitors(site):
        time.sleep(1)
        worker.send_signal(signal.SIGSTOP)
        time.sleep(0.5)
        site.process.send_signal(signal.SIGTERM)
        time.sleep(1)
        assert site.process.poll() is None  # it waits for the answers
        site.process.send_signal(signal.SIGTERM)
        assert site.process.wait(15) == 128 + signal.SIGTERM  # the answers have half a minute
        wait_until(lambda: not any(each.is_running() for each in family))
