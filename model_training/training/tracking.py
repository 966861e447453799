"""What a training leaves with other programs as it goes: TensorBoard's event files, runs of an MLflow server."""

from __future__ import annotations

import json
import logging
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lightning_fabric.loggers import Logger

from ..progress import console
from ..runtime.card import Card
from ..runtime.errors import OutputError, ServingError

#: The experiment that MLflow keeps runs under.
EXPERIMENT = "hwapung"


class Tracker(Logger, ABC):
    """A fabric's logger: `fit` gives it each epoch. The first process alone calls it."""

    def __init__(self, place: str) -> None:
        self.place = place
        self._lost = False

    @property
    def name(self) -> str:
        return type(self).__name__

    @property
    def version(self) -> str:
        return self.place

    @abstractmethod
    def begin(self, name: str, recipe: Mapping[str, Any]) -> None:
        """Open a run. Raises `OutputError` or `ServingError` where nothing can be left."""

    @abstractmethod
    def write_metrics(self, metrics: Mapping[str, float], step: int) -> None: ...

    @abstractmethod
    def write_end(self, bundle: Path) -> None: ...

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """What `begin` has noted already."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """After an epoch. One that can't be left is lost; the training goes on."""
        self._try(lambda: self.write_metrics(metrics, step or 0))

    def end(self, card: Card, bundle: Path, epoch: int) -> None:
        """The card's figures, at the epoch that was kept, and where the bundle is."""
        figures = {f"card/{each.split}_{each.name}": each.value for each in card.metrics}
        self._try(lambda: self.write_metrics(figures, epoch))
        self._try(lambda: self.write_end(bundle))

    def _try(self, write: Callable[[], None]) -> None:
        if self._lost:
            return
        try:
            write()
        except Exception as error:  # a server's client raises its own, a full disk OSError
            self._lost = True
            reason = " ".join(str(error).split())[:160]
            console.print(f"warning: {self.place} keeps no more of this training ({reason}); it goes on.", markup=False)


class TensorBoard(Tracker):
    """Event files in `place`/NAME. What an earlier run of the name left of the same epochs is hidden by this one."""

    def begin(self, name: str, recipe: Mapping[str, Any]) -> None:
        from torch.utils.tensorboard import SummaryWriter

        try:
            self.writer = SummaryWriter(str(Path(self.place) / name), purge_step=0)
        except OSError as error:
            raise OutputError(
                f"{self.place}: can't be written ({error.strerror}).", "Give --tensorboard another folder."
            ) from None
        rows = (f"| `{key}` | `{value}` |" for key, value in flatten(recipe).items())
        self.writer.add_text("recipe", "\n".join(("| key | value |", "|---|---|", *rows)))
        self.writer.flush()

    def write_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        for key, value in metrics.items():
            self.writer.add_scalar(key, value, step)
        self.writer.flush()

    def write_end(self, bundle: Path) -> None:
        self.writer.add_text("bundle", str(bundle))
        self.writer.close()


class MLflow(Tracker):
    """A run of a tracking server, or of a folder or database that MLflow knows by its address."""

    def begin(self, name: str, recipe: Mapping[str, Any]) -> None:
        # Else a server that is gone is waited for for minutes, after every epoch.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
        from mlflow import MlflowClient
        from mlflow.entities import Param

        logging.getLogger("mlflow").setLevel(logging.WARNING)  # it tells of each table that it makes
        try:
            self.client = MlflowClient(self.place)
            known = self.client.get_experiment_by_name(EXPERIMENT)
            experiment = known.experiment_id if known is not None else self.client.create_experiment(EXPERIMENT)
            self.run = self.client.create_run(experiment, run_name=name).info.run_id
            params = [Param(key, value) for key, value in flatten(recipe).items()]
            for start in range(0, len(params), 100):
                self.client.log_batch(self.run, params=params[start : start + 100])
        except Exception as error:  # of its client, of a database's, of requests
            reason = " ".join(str(error).split())[:160]
            raise ServingError(
                f"MLflow keeps nothing at {self.place} ({reason}).", "Check the address of --mlflow, or leave it out."
            ) from None

    def write_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        for key, value in metrics.items():
            self.client.log_metric(self.run, key, value, step=step)

    def write_end(self, bundle: Path) -> None:
        self.client.set_tag(self.run, "bundle", str(bundle.absolute()))
        self.client.set_terminated(self.run)


def make_trackers(tensorboard: Path | None, mlflow: str | None) -> list[Tracker]:
    """Raises `OutputError` without the extra that one of them needs."""
    found: list[Tracker] = []
    try:
        if tensorboard is not None:
            import torch.utils.tensorboard  # noqa: F401

            found.append(TensorBoard(str(tensorboard)))
        if mlflow is not None:
            import mlflow as _mlflow  # noqa: F401

            found.append(MLflow(mlflow))
    except ImportError as error:
        extra = "tensorboard" if tensorboard is not None and not found else "mlflow"
        raise OutputError(
            f"--{extra} needs {error.name or extra}, which is not installed.", f"Install hwapung[{extra}]."
        ) from None
    return found


def flatten(recipe: Mapping[str, Any], above: str = "") -> dict[str, str]:
    """`{"training": {"epochs": 2}}` → `{"training.epochs": "2"}`, as the command line writes them; lists as JSON."""
    flat: dict[str, str] = {}
    for key, value in recipe.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{above}{key}.")
        else:
            flat[f"{above}{key}"] = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return flat
