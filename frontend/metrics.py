"""Prometheus metrics of all worker processes together: gunicorn.conf.py sets PROMETHEUS_MULTIPROC_DIR."""

from __future__ import annotations

import os

from flask import Flask, Response, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client import REGISTRY as PROCESS_REGISTRY
from prometheus_client.multiprocess import MultiProcessCollector

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
    REQUESTS.labels(request.endpoint or "none", request.method, response.status_code).inc()
    return response


def show_metrics() -> Response:
    """The metrics in Prometheus' text format."""
    registry = PROCESS_REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def init_app(app: Flask) -> None:
    app.after_request(count_request)
    app.add_url_rule("/metrics", view_func=show_metrics)
