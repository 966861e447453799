"""Prometheus metrics of all worker processes together: gunicorn.conf.py sets PROMETHEUS_MULTIPROC_DIR.

Every label's values come from a closed set, so that no client can make the metrics grow. Each process writes into files
of its own, whose room is taken before it starts: writing into a mapped file that there is no room for ends a process.
A process without room counts for itself alone.
"""

from __future__ import annotations

import os
import socket
from functools import partial
from pathlib import Path

from flask import Flask, Response, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest, values
from prometheus_client import REGISTRY as PROCESS_REGISTRY
from prometheus_client.multiprocess import MultiProcessCollector

from . import errors
from .settings import Settings
from .wording import ERRORS as WORDS

#: Of each kind of metric and process; more than all label values together need.
FILE_BYTES = 2**20
KINDS = ("counter", "histogram")
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
#: What the front end says itself, and what a model's handler does.
CODES = frozenset((*WORDS, "internal"))
OTHER = "other"
ENDPOINT = "metrics"

REQUESTS = Counter("hwapung_requests", "Requests answered", ["endpoint", "method", "status"])
ERRORS = Counter("hwapung_errors", "Requests answered with an error of this code", ["code"])
MODEL_SECONDS = Histogram(
    "hwapung_model_seconds",
    "Time from sending a request to the model server until its whole answer is here",
    ["model"],
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30),
)

VIDEO_FRAMES = Counter("hwapung_video_frames", "Frames of videos that were decoded")


def count_request(response: Response) -> Response:
    method = request.method if request.method in METHODS else OTHER
    REQUESTS.labels(request.endpoint or "none", method, response.status_code).inc()
    return response


def count_refusal(endpoint: str, error: errors.FrontEndError) -> None:
    """A request that was posted to a view, which never saw it."""
    REQUESTS.labels(endpoint, "POST", error.status).inc()
    count_error(error.code)


def count_error(code: str) -> None:
    ERRORS.labels(code if code in CODES else OTHER).inc()


def take_room(folder: Path, process: int) -> bool:
    """Make the files of the process with this number, all of their bytes; False where there is no room for them."""
    try:
        for kind in KINDS:
            with (folder / f"{kind}_{process}.db").open("ab") as file:
                os.posix_fallocate(file.fileno(), 0, FILE_BYTES)
    except OSError:
        for kind in KINDS:
            (folder / f"{kind}_{process}.db").unlink(missing_ok=True)
        return False
    return True


def count_as(process: int | None) -> None:
    """From now on this process writes into the files of this number, which it has alone; None: it counts for itself.
    A process that follows a dead one goes on with its files."""
    values.ValueClass = values.MutexValue if process is None else values.MultiProcessValue(lambda: process)
    VIDEO_FRAMES._metric_init()  # it has no labels, and so was made when this module was imported


def check_port(apart: str) -> None:
    """Under gunicorn the metrics have a port of their own, and it nothing else. Raises `RequestError` (`not_found`)."""
    connection: socket.socket | None = request.environ.get("gunicorn.socket")
    if connection is None:
        return
    address = connection.getsockname()
    if (isinstance(address, tuple) and str(address[1]) == apart) != (request.endpoint == ENDPOINT):
        raise errors.not_found(request.path)


def show_metrics() -> Response:
    """The metrics in Prometheus' text format."""
    registry = PROCESS_REGISTRY
    if values.ValueClass is not values.MutexValue:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def init_app(app: Flask, settings: Settings) -> None:
    app.before_request(partial(check_port, settings.metrics_bind.rpartition(":")[2]))
    app.after_request(count_request)
    app.add_url_rule("/metrics", ENDPOINT, show_metrics)
