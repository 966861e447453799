"""gunicorn's configuration, from the front end's settings (frontend/settings.py)."""

# ruff: noqa: N999  (gunicorn looks for this name)

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

# prometheus_client looks for this variable when it is first imported, and the front end imports it: so it comes first.
# The files change with every request; shared memory, where there is some, spares the disk.
SHARED_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
common_directory = tempfile.mkdtemp(prefix="hwapung-", dir=SHARED_MEMORY)
os.environ["PROMETHEUS_MULTIPROC_DIR"] = os.environ["HWAPUNG_COMMON_DIRECTORY"] = common_directory

from prometheus_client.multiprocess import mark_process_dead  # noqa: E402

from frontend.settings import SettingsError, read_settings  # noqa: E402
from frontend.worker import FrontEndWorker  # noqa: E402

try:
    settings = read_settings()
except SettingsError as error:
    shutil.rmtree(common_directory)
    sys.exit(str(error))

chdir = str(Path(__file__).parents[1])
wsgi_app = "frontend:create_app()"
bind = settings.bind
workers = settings.workers
threads = settings.threads
keepalive = settings.keep_alive
loglevel = settings.log_level
accesslog = "-" if settings.access_log else None
graceful_timeout = int(settings.answer_timeout)
control_socket_disable = True
worker_tmp_dir = SHARED_MEMORY

FrontEndWorker.upload_timeout = settings.upload_timeout
worker_class = FrontEndWorker


def child_exit(server: Any, worker: Any) -> None:
    mark_process_dead(worker.pid)


def on_exit(server: Any) -> None:
    shutil.rmtree(common_directory, ignore_errors=True)
