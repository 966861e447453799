"""What becomes of the connections to the model server."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator

import pytest

from frontend.connections import Connections
from tests.frontend.model_server_stub import ModelServerStub
from tests.waiting import wait_until


@pytest.fixture
def stub() -> Iterator[ModelServerStub]:
    stub = ModelServerStub()
    yield stub
    stub.close()


def ask(connections: Connections) -> int:
    connection = connections.take()
    connection.request("POST", "/predictions/landscape", b"")
    response = connection.getresponse()
    response.read()
    connections.keep(connection)
    return response.status


def test_threads_that_end_leave_their_connection_to_the_next(stub: ModelServerStub) -> None:
    connections = Connections(stub.address, 5)
    before = count_leftovers()
    for _ in range(20):
        thread = threading.Thread(target=ask, args=[connections])
        thread.start()
        thread.join()
    assert stub.connections == 1
    assert count_leftovers() == before


def count_leftovers() -> int:
    """Dictionaries of ended threads: an object that says who it is while its thread is torn down makes one."""
    gc.collect()
    return sum(type(each) is dict and "Py_Repr" in each for each in gc.get_objects())


def test_as_many_are_open_as_are_used_at_once(stub: ModelServerStub) -> None:
    connections = Connections(stub.address, 5)
    first, second = connections.take(), connections.take()
    connections.keep(first)
    connections.keep(second)
    assert [ask(connections) for _ in range(3)] == [200] * 3
    assert stub.connections == 2


def test_one_that_the_server_has_closed_is_not_asked(stub: ModelServerStub) -> None:
    connections = Connections(stub.address, 5)
    first = connections.take()
    connections.keep(first)

    def hang_up(request: object, body: bytes) -> tuple[int, bytes]:
        request.close_connection = True  # type: ignore[attr-defined]
        return 200, b"{}"

    def is_another_taken() -> bool:
        taken = connections.take()
        connections.keep(taken)
        return taken is not first

    assert not is_another_taken()
    stub.reply = hang_up
    assert ask(connections) == 200
    wait_until(is_another_taken)
    assert first.sock is None


def test_nobody_there_is_an_error_that_the_system_names(stub: ModelServerStub) -> None:
    stub.close()
    with pytest.raises(ConnectionRefusedError):
        Connections(stub.address, 5).take()
