"""gunicorn's configuration, from the front end's settings (frontend/settings.py)."""

# ruff: noqa: N999  (gunicorn looks for this name)

from __future__ import annotations

import fcntl
import gc
import itertools
import os
import resource
import shutil
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

# prometheus_client looks for this variable when it is first imported, and the front end imports it: so it comes first.
# The files change with every request; shared memory, where there is enough, spares the disk.
ENOUGH = 2**25
roomy = os.access("/dev/shm", os.W_OK) and shutil.disk_usage("/dev/shm").free >= ENOUGH
SHARED_MEMORY = "/dev/shm" if roomy else None
COMMON = "hwapung-common-"
common_directory = tempfile.mkdtemp(prefix=COMMON, dir=SHARED_MEMORY)
os.environ["PROMETHEUS_MULTIPROC_DIR"] = os.environ["HWAPUNG_COMMON_DIRECTORY"] = common_directory

from frontend import metrics, public  # noqa: E402
from frontend.gathering import Allowance, Bounds  # noqa: E402
from frontend.settings import FORM_OVERHEAD, SettingsError, read_settings  # noqa: E402
from frontend.worker import FrontEndWorker  # noqa: E402

try:
    settings = read_settings()
except SettingsError as error:
    shutil.rmtree(common_directory)
    sys.exit(str(error))

chdir = str(Path(__file__).parents[1])
wsgi_app = "frontend:create_app()"
bind = settings.bind.split(",")
if settings.metrics_bind and not settings.bind.startswith("fd:"):
    bind.append(settings.metrics_bind)
workers = settings.workers
threads = settings.threads
keepalive = settings.keep_alive
loglevel = settings.log_level
accesslog = "-" if settings.access_log else None
graceful_timeout = int(settings.answer_timeout)
# A worker's main loop gives a sign of life each second, and never waits for a client or a model.
timeout = 10
START_SECONDS = 60
control_socket_disable = True
worker_tmp_dir = SHARED_MEMORY

# A connection may need two files, its socket and its body; models, videos and modules need some, too.
most_files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
worker_connections = min(1000, most_files // 3) if most_files > 0 else 1000

picture = Allowance(settings.max_upload_bytes + FORM_OVERHEAD, settings.upload_timeout)
video = Allowance(settings.video_max_bytes + FORM_OVERHEAD, settings.video_timeout)
FrontEndWorker.upload_timeout = settings.upload_timeout
batch = Allowance(settings.batch_max_bytes, settings.batch_timeout)
allowances = {b"video": video, b"batch": batch}
FrontEndWorker.bounds = Bounds(lambda path: allowances.get(path.rpartition(b"/")[2], picture), settings.upload_room)
worker_class = FrontEndWorker


def pre_fork(server: Any, worker: Any) -> None:
    """Give the new process the number of one that is gone, or the next."""
    taken = {each.number for each in server.WORKERS.values()}
    worker.number = next(number for number in itertools.count() if number not in taken)
    worker.counts = metrics.take_room(Path(common_directory), worker.number)
    if not worker.counts:
        server.log.warning("There is no room for metrics in %s: worker %d has none.", common_directory, worker.number)


def post_fork(server: Any, worker: Any) -> None:
    soon = time.monotonic() + START_SECONDS
    os.utime(worker.tmp.fileno(), (soon, soon))  # as `WorkerTmp.notify` does: loading the application may take longer
    metrics.count_as(worker.number if worker.counts else None)


def post_worker_init(worker: Any) -> None:
    """What lives as long as the process is no longer looked through for circles: those that requests leave, with their
    bodies, are found so much sooner. One of the processes looks at the proxies in front."""
    gc.freeze()
    if worker.number == 0:
        public.watch_start(settings, worker.log)


def on_starting(server: Any) -> None:
    """Remove what those left who were killed. Each process that may use a folder has its file open and locked."""
    for left in Path(common_directory).parent.glob(f"{COMMON}*/alive"):
        with left.open("ab") as file, suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left.parent, ignore_errors=True)
    fresh = Path(common_directory, "fresh")
    server.common_lock = fresh.open("ab")
    fcntl.flock(server.common_lock, fcntl.LOCK_EX)
    fresh.rename(fresh.with_name("alive"))


def on_exit(server: Any) -> None:
    shutil.rmtree(common_directory, ignore_errors=True)
