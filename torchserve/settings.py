"""What can be set when serving, by environment variables `HWAPUNG_SERVING_…`; `torchserve/README.md` documents each."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from typing import Any, Literal, NamedTuple

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from model_training.runtime.errors import ServingError

PREFIX = "HWAPUNG_SERVING_"
#: The one that the workers read, too.
FORM = PREFIX + "FORM"


class ServingSettings(BaseSettings):
    """Addresses, limits and the division of the machine. Zero for a port means any free one."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", frozen=True)

    host: str = Field("127.0.0.1", description="address of the inference API")
    port: int = Field(8080, ge=0, le=65535, description="port of the inference API; 0 picks a free one")
    metrics_host: str = Field("127.0.0.1", description="address of the metrics API (`/metrics`, for Prometheus)")
    metrics_port: int = Field(8082, ge=0, le=65535, description="port of the metrics API; 0 picks a free one")
    management_port: int = Field(
        8081, ge=0, le=65535, description="port of the management API, which is always on 127.0.0.1; 0 picks a free one"
    )
    workers: int | None = Field(
        None, ge=1, description="worker processes for each model; by default one a GPU, else one for each 8 cores"
    )
    threads: int | None = Field(
        None, ge=1, description="threads of a worker for computing; by default the cores divided by the workers"
    )
    batch_size: int = Field(16, ge=1, description="most requests that a worker answers together")
    max_batch_delay_ms: int = Field(
        1,
        ge=1,
        description="milliseconds that a request waits for others where none is queued; TorchServe takes 0 for 100",
    )
    form: Literal["fastest", "float32", "bf16", "int8"] = Field(
        "fastest", description="form of the networks that answers on a CPU: the fastest here of a bundle's, or this one"
    )
    netty_threads: int = Field(2, ge=1, description="threads of the server that read requests and write answers")
    job_queue_size: int = Field(
        128, ge=1, description="requests that may wait for a worker, for each model; one more is answered 503"
    )
    java_options: str = Field(
        # G1 gives a large picture's memory back without being asked, and often: once it has marked the heap it lets
        # large arrays enlarge it until two more collections have come, and nothing else brings those soon. Regions are
        # as small as can be: those of a large machine, 32 MiB each, would make a heap by themselves. One thread for
        # each of its works is enough. Where cores are busy it thinks that it collects too often, and takes more for
        # what is young, without end.
        "-XX:+ExitOnOutOfMemoryError -XX:TieredStopAtLevel=1 -XX:+UseG1GC -XX:G1PeriodicGCInterval=400 "
        "-XX:G1HeapRegionSize=1m -XX:ParallelGCThreads=1 -XX:ConcGCThreads=1 -XX:G1ConcRefinementThreads=1 "
        "-XX:MinHeapFreeRatio=5 -XX:MaxHeapFreeRatio=20 -XX:MaxNewSize=64m -Dio.netty.allocator.type=unpooled",
        description="options of the Java virtual machine, for example `-Xmx2g`; its heap is a quarter of the memory",
    )
    start_timeout_s: float = Field(300, gt=0, description="seconds for the server and all models to become ready")
    stop_timeout_s: float = Field(20, gt=0, description="seconds for requests under way to end before all is killed")


def read_settings(**given: Any) -> ServingSettings:
    """The environment's settings, overridden by `given`. Raises `ServingError` for a value out of range."""
    try:
        return ServingSettings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        name = PREFIX + str(first["loc"][0]).upper()
        raise ServingError(
            f"{name} is {first['input']!r}: {first['msg']}.", "torchserve/README.md lists the settings."
        ) from None


class Division(NamedTuple):
    """How the machine is divided: `workers` processes for each model, each computing with `threads` threads."""

    workers: int
    threads: int


def divide_machine(settings: ServingSettings, cores: int, gpus: int) -> Division:
    """Fill in what `settings` leaves open.

    Workers beyond one a GPU compete for it. On a CPU one worker's threads share one copy of the weights and fuller
    batches; its Python part (HTTP framing, JSON) keeps one core busy at about 8 cores' worth of network.
    """
    workers = settings.workers or gpus or max(1, cores // 8)
    return Division(workers, settings.threads or max(1, cores // workers))


def count_cores() -> int:
    """Cores that this process may use, which in a container can be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def count_gpus() -> int:
    """NVIDIA GPUs by `nvidia-smi`, as TorchServe counts them; importing torch to ask would take seconds."""
    if shutil.which("nvidia-smi") is None:
        return 0
    listing = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)
    return sum(line.startswith("GPU ") for line in listing.stdout.splitlines())
