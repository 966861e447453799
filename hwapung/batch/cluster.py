"""Pictures → a table of shards by Ray Data: a pool of the same classifier, on this machine or on a cluster.

The pictures are named here, in the order of their source, and cut into pieces. Each piece is answered and written by
one actor, so that only the name of its shard comes back; a piece whose machine goes is answered again by another, and
its shard has the name that it would have had.
"""

from __future__ import annotations

import logging
import math
import os
import pickle
import socket
import sys
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from model_training.progress import follow
from model_training.runtime.card import Card, ClassifierCard, read_card
from model_training.runtime.errors import DatasetError, HwapungError, OutputError, ServingError, StoppedError
from model_training.runtime.forms import parse_wish, serve_form

from .buckets import phrase
from .engines import LocalEngine, describe_task
from .items import Item
from .journal import GO_ON, recall, stop_writing
from .rows import list_columns, make_row
from .shards import Shards
from .sources import Source
from .summary import Summary
from .tables import make_text

#: Pictures of a shard: few enough that every actor has several to do, and a lost one costs little.
_FEWEST, _MOST, _SHARDS_PER_ACTOR = 32, 1000, 8
_CONNECT_S = 5.0
#: How a gRPC client begins: the preface and no settings (RFC 9113, 3.4). A server begins with a frame of settings.
_HTTP2_GREETING, _HTTP2_SETTINGS = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", b"\4"


@dataclass(frozen=True)
class Cluster:
    """`address`: of its head, `HOST:PORT` or `ray://HOST:PORT`; None for that of RAY_ADDRESS, or for the cores of this
    machine. `device`: `cpu`, `cuda` or `auto`, as its machines have it."""

    address: str | None
    device: str

    @contextmanager
    def connect(self) -> Iterator[tuple[int, str]]:
        """How many actors it takes, one for each GPU or core, and the device of each.

        Raises `OutputError` without Ray, `ServingError` where no cluster answers.
        """
        # What Ray says of its own works would stand between the lines of progress; its files have it.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
        try:
            import ray.data
        except ImportError:
            raise OutputError("Ray is not installed.", "Install hwapung[ray], or leave --engine out.") from None
        address = self.address or os.environ.get("RAY_ADDRESS")
        if address is not None:
            _check_answers(address)
        with redirect_stdout(sys.stderr):  # where Ray says what died, at its end, too; standard output is for programs
            try:
                ray.init(
                    address or "local",
                    logging_level=logging.ERROR,
                    log_to_driver=False,
                    include_dashboard=None if address else False,
                )
            except Exception as error:  # of Ray's own node that is slow to start: no narrower one
                raise _unreachable(address, " ".join(str(error).split())[:160]) from None
            logging.getLogger("ray.data").setLevel(logging.ERROR)
            try:
                there = ray.cluster_resources()
                gpus = int(there.get("GPU", 0)) if self.device != "cpu" else 0
                if gpus == 0 and self.device.startswith("cuda"):
                    raise ServingError("The cluster has no GPU.", "Use --device cpu, or auto.")
                yield gpus or max(1, int(there.get("CPU", 1))), "cuda" if gpus else "cpu"
            finally:
                ray.shutdown()


def predict_on_cluster(cluster: Cluster, bundle: Path, form: str | None, source: Source, shards: Shards) -> Summary:
    """Write the shards, a row for each picture in the source's order. The same call goes on from those that are there.

    Raises what `LocalEngine` and `Shards.begin` raise, `OutputError` and `ServingError` for Ray, and `StoppedError`
    where the same call can go on later.
    """
    summary = Summary(shards.name)
    with cluster.connect() as (actors, device):
        card = _read_served_card(bundle, form if device == "cpu" else None)
        with shards.begin(describe_task(card, source)) as check_held:
            try:
                found = shards.list()
                done = recall(_count(shards, found, summary))
                summary.resumed = summary.rows
                left = [item for item in source.walk(summary.left_out) if not done.take(make_text(item.name))]
                if not left and not summary.rows:
                    raise source.refuse_empty()
                first = 1 + max((int(each.split("-")[1]) for each in found), default=-1)
                pieces = _cut(left, first, actors)
                total = summary.rows + len(left)
                # Not every machine finds the same form the fastest.
                served = card.served.precision if isinstance(card, ClassifierCard) and card.served else None
                answerer = {"bundle": _pack(bundle), "device": device, "form": served, "shards": shards}
                whole = set(found)
                with follow("Predicting") as step:
                    for shard in _run(pieces, actors, device, answerer):
                        check_held()
                        list(_count(shards, [shard], summary))
                        whole.add(shard)
                        step.update(summary.rows, total)
                check_held()
                shards.finish(whole)
            except DatasetError:
                if not summary.rows:
                    shards.remove()
                raise
            except (OSError, ValueError) as error:
                raise stop_writing(shards.name, error, phrase(error)) from None
    return summary


class Answerer:
    """An actor: a bundle, opened once, that answers pieces and writes their shards."""

    def __init__(self, bundle: Any, device: str, form: str | None, shards: Shards) -> None:
        import ray

        self.folder = tempfile.TemporaryDirectory(prefix="hwapung-bundle-")
        folder = Path(self.folder.name)
        for name, data in ray.get(bundle[0]).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        self.engine = LocalEngine(folder, device, form)
        self.columns = list_columns(self.engine.card)
        self.shards = shards

    def __call__(self, piece: dict[str, np.ndarray]) -> dict[str, list[str]]:
        """The shard's name, or in its place what is in the way: an error would be tried again by Ray."""
        items: list[Item] = pickle.loads(zlib.decompress(piece["items"][0]))
        try:
            rows = [make_row(item.name, answer) for item, answer in self.engine.answer(items, explain=False)]
            shard = self.shards.write(int(piece["number"][0]), self.columns, rows)
        except HwapungError as error:
            return {"shard": [""], "error": [error.message], "remedy": [error.remedy]}
        except OSError as error:
            stopped = stop_writing(self.shards.name, error, phrase(error))
            return {"shard": [""], "error": [stopped.message], "remedy": [stopped.remedy]}
        return {"shard": [shard], "error": [""], "remedy": [""]}


def _run(pieces: Sequence[dict[str, Any]], actors: int, device: str, answerer: dict[str, Any]) -> Iterator[str]:
    """The names of the shards as they are written. Raises `StoppedError`."""
    import ray

    if not pieces:
        return
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    need: dict[str, Any] = {"num_gpus": 1} if device == "cuda" else {"num_cpus": 1}
    try:
        answered = ray.data.from_items(list(pieces), override_num_blocks=len(pieces)).map_batches(
            Answerer,
            fn_constructor_kwargs=answerer,
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=min(actors, len(pieces))),
            **need,
        )
        for row in answered.iter_rows():
            if row["error"]:
                raise StoppedError(row["error"], row["remedy"])
            yield row["shard"]
    except ray.exceptions.RayError as error:
        reason = str(error).strip().splitlines()[-1][:200]
        raise StoppedError(f"Ray gave up ({reason}).", GO_ON) from None


def _cut(items: Sequence[Item], first: int, actors: int) -> list[dict[str, Any]]:
    size = min(_MOST, max(_FEWEST, math.ceil(len(items) / (_SHARDS_PER_ACTOR * actors))))
    return [
        {"number": first + number, "items": zlib.compress(pickle.dumps(items[start : start + size]))}
        for number, start in enumerate(range(0, len(items), size))
    ]


def _count(shards: Shards, names: Sequence[str], summary: Summary) -> Iterator[dict[str, Any]]:
    for name in names:
        for row in shards.read(name):
            summary.add(row)
            yield row


def _read_served_card(bundle: Path, form: str | None) -> Card:
    """As `load_bundle` reads it."""
    card, wish = read_card(bundle / "card.json", Card), parse_wish(form)
    return serve_form(card, bundle, wish) if wish is not None and isinstance(card, ClassifierCard) else card


def _pack(bundle: Path) -> list[Any]:
    """The bundle's files as an object of the cluster: its machines need not see this one's disk. In a list, so that an
    actor fetches it, and not who starts the actor."""
    import ray

    files = {path.relative_to(bundle).as_posix(): path.read_bytes() for path in bundle.rglob("*") if path.is_file()}
    return [ray.put(files)]


def _check_answers(address: str) -> None:
    """Ray itself waits for minutes, whatever listens there. Raises `ServingError` unless gRPC does."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if address in ("auto", "local"):
        return
    try:
        with socket.create_connection((host, int(port)), _CONNECT_S) as connection:
            connection.settimeout(_CONNECT_S)
            connection.sendall(_HTTP2_GREETING)
            if connection.recv(4)[3:] != _HTTP2_SETTINGS:
                raise ValueError("something else listens there")
    except (OSError, ValueError, OverflowError) as error:
        raise _unreachable(address, getattr(error, "strerror", None) or str(error)) from None


def _unreachable(address: str | None, reason: str) -> ServingError:
    return ServingError(
        f"No Ray cluster answers at {address or 'this machine'} ({reason}).",
        "Give --address HOST:PORT of its head, or leave it out for this machine's cores.",
    )
