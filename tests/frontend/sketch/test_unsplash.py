from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from frontend.sketch import unsplash as module
from frontend.sketch.unsplash import Unsplash
from tests.frontend.sketch.unsplash_stub import FAULTS, KEY, UnsplashStub
from tests.waiting import PATIENCE, come_to_rest, wait_until


@pytest.fixture
def server() -> Iterator[UnsplashStub]:
    stub = UnsplashStub()
    yield stub
    stub.close()


@pytest.fixture
def client(server: UnsplashStub) -> Unsplash:
    return Unsplash(KEY, server.address, "hwapung")


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is no fault of the client."""
    monkeypatch.setattr(module, "PATIENCE", PATIENCE)


@pytest.mark.usefixtures("patient")
def test_a_photograph_comes_with_its_credit(server: UnsplashStub, client: Unsplash) -> None:
    found = client.search(["Cat"], 2)
    assert found.state.code == "ready"
    first, second = found.groups[0]
    assert (first.source, first.author, first.licence) == ("unsplash", "Jane <Doe>", "Unsplash License")
    assert first.title == "a cat in the grass"
    assert first.page_url == "https://unsplash.com/photos/cat0?utm_source=hwapung&utm_medium=referral"
    assert first.author_url == "https://unsplash.com/@jane?utm_source=hwapung&utm_medium=referral"
    assert first.thumbnail == f"{server.address}/pictures/cat0.jpg?w=small"  # hotlinked
    assert second.picture == f"{server.address}/pictures/cat1.jpg?w=regular"
    (path, query, headers), *_ = server.seen
    assert (path, query["query"], query["per_page"]) == ("/search/photos", ["cat"], ["2"])
    assert (headers["Authorization"], headers["Accept-Version"]) == (f"Client-ID {KEY}", "v1")


@pytest.mark.usefixtures("patient")
def test_a_search_is_sent_once_and_kept(server: UnsplashStub, client: Unsplash) -> None:
    server.delay = 0.2
    threads = [threading.Thread(target=client.search, args=(["cat", "tree"], 2)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(client.search(["Cat ", "cat"], 2).groups[1]) == 2
    assert sorted(server.searches) == ["cat", "tree"]


@pytest.mark.usefixtures("patient")
def test_a_kept_search_is_sent_again_after_a_day(
    server: UnsplashStub, client: Unsplash, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.search(["cat"], 2)
    monkeypatch.setattr(module, "CACHE_SECONDS", 0.0)
    client.search(["cat"], 2)
    assert server.searches == ["cat", "cat"]


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(
    ("fault", "state"),
    [
        ("401", "refused"),
        ("403", "refused"),
        ("403 limit", "limited"),
        ("429", "limited"),
        ("500", "unreachable"),
        ("not JSON", "unreadable"),
        ("another shape", "unreadable"),
        ("a list", "unreadable"),
    ],
)
def test_a_fault_is_named_and_unsplash_left_alone_for_a_while(
    server: UnsplashStub, client: Unsplash, fault: str, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.fault = FAULTS[fault]
    found = client.search(["cat"], 2)
    assert (found.groups, found.state.code) == (((),), state)
    assert found.state.remedy
    assert client.search(["tree"], 2).state.code == state
    assert server.searches == ["cat"]
    server.fault = None
    monkeypatch.setattr(client, "_paused", None)  # as when the pause is over
    assert client.search(["tree"], 2).state.code == "ready"


@pytest.mark.usefixtures("patient")
def test_no_request_is_sent_when_the_limit_is_used_up(server: UnsplashStub, client: Unsplash) -> None:
    server.remaining = "0"
    assert client.search(["cat"], 2).state.code == "ready"
    assert client.search(["tree"], 2).state.code == "limited"
    assert client.search(["cat"], 2).state.code == "ready"  # kept
    assert server.searches == ["cat"]


@pytest.mark.parametrize("drip", [False, True])
def test_nobody_waits_for_a_slow_answer_but_it_is_kept(server: UnsplashStub, client: Unsplash, drip: bool) -> None:
    if not drip:
        server.open.clear()
    server.drip = drip  # byte by byte: the answer never comes to its end in time
    found = client.search(["cat"], 1)
    assert (found.groups, found.state.code) == (((),), "too_slow")
    if not drip:
        server.open.set()
        wait_until(lambda: client.search(["cat"], 1).state.code == "ready")
        assert server.searches == ["cat"]


@pytest.mark.usefixtures("patient")
def test_a_dead_unsplash_is_told(server: UnsplashStub, client: Unsplash) -> None:
    server.close()
    assert client.search(["cat"], 2).state.code == "unreachable"


def test_without_a_key_nothing_is_asked(server: UnsplashStub) -> None:
    client = Unsplash("", server.address, "hwapung")
    assert client.search(["cat"], 2).state.code == "unset"
    assert not client.report_use(f"{server.address}/photos/cat0/download")
    assert server.seen == []


@pytest.mark.usefixtures("patient")
def test_a_use_is_reported_where_unsplash_wants_it(server: UnsplashStub, client: Unsplash) -> None:
    [[photograph]] = client.search(["cat"], 1).groups
    assert photograph.download_location is not None
    assert client.report_use(photograph.download_location)
    wait_until(lambda: len(server.seen) > 1)
    path, query, headers = server.seen[1]
    assert (path, query) == ("/photos/cat0/download", {"ixid": ["M3wxMjA3fDB8MHxzZWFyY2h8MXx8"]})
    assert headers["Authorization"] == f"Client-ID {KEY}"


@pytest.mark.usefixtures("patient")
def test_only_what_was_given_out_is_reported(server: UnsplashStub, client: Unsplash) -> None:
    [[photograph]] = client.search(["cat"], 1).groups
    given = photograph.download_location
    assert given is not None
    forged = (given.rpartition("#")[0], given.replace("cat0", "cat1"), given[:-1] + "x", given[:-1] + "é")
    assert [client.report_use(each) for each in forged] == [False] * 4
    assert len(server.seen) == 1


def test_what_waits_for_unsplash_is_bounded(server: UnsplashStub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow Unsplash and many words: those beyond the queue are told at once that it is too slow."""
    monkeypatch.setattr(module, "PATIENCE", 0.1)
    monkeypatch.setattr(module, "QUEUE", 3)
    client = Unsplash(KEY, server.address, "hwapung")
    server.open.clear()
    found = client.search([f"word{number}" for number in range(30)], 1)
    assert found.state.code == "too_slow"
    wait_until(lambda: len(server.searches) == 3)
    server.open.set()
    assert come_to_rest(lambda: len(server.searches)) == 3


@pytest.mark.parametrize(
    "address",
    [
        "https://example.org/photos/cat0/download",
        "{host}/me",
        "{host}/photos/cat0/download/../../me",
        "{host}@example.org/photos/cat0/download",
        "{host}/photos/cat0/download#x",
        "",
    ],
)
def test_the_key_goes_nowhere_else(server: UnsplashStub, client: Unsplash, address: str) -> None:
    assert not client.report_use(address.format(host=server.address))
