"""The experiment runner: recipes trained and tested one after another, each once. Every comparison is made of its
results."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from lightning_fabric import Fabric
from sklearn.metrics import confusion_matrix

from ..datasets.folders import SplitName
from ..datasets.prepare import Prepared, prepare
from ..evaluation.metrics import class_f1, mean_f1
from ..evaluation.predict import predict_logits
from ..progress import console, phrase_seconds
from ..recipe import Recipe, override
from ..runtime.errors import RecipeError
from ..runtime.execution import TorchExecution
from ..runtime.files import replacing
from ..runtime.network import ClassificationNetwork
from ..training.classification import Epoch, run_folder, train
from ..training.loop import Trained

Asked = SplitName | Literal["held_out"]


@dataclass(frozen=True)
class Run:
    """One training of a comparison. `held_out`: rows outside all splits that its network is asked about, too."""

    name: str
    recipe: Recipe
    prepared: Prepared
    held_out: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))

    def rows(self, asked: Asked) -> np.ndarray:
        return self.held_out if asked == "held_out" else self.prepared.rows[asked]


@dataclass(frozen=True)
class Result:
    """What the network of a run answered. Figures are of the test images, 0…1.

    `logits`: float32 (images, classes) for each set of rows; `trainable`: parameters; `seconds`: of the training.
    """

    run: Run
    logits: dict[Asked, np.ndarray]
    trainable: int
    seconds: float

    @property
    def labels(self) -> tuple[str, ...]:
        return self.run.prepared.dataset.labels

    def targets(self, asked: Asked = "test") -> np.ndarray:
        return self.run.prepared.targets[self.run.rows(asked)]

    def confusion(self, asked: Asked = "test") -> np.ndarray:
        """Int (classes, classes), rows are true classes."""
        predicted = self.logits[asked].argmax(1)
        return confusion_matrix(self.targets(asked), predicted, labels=np.arange(len(self.labels)))

    @property
    def accuracy(self) -> float:
        confusion = self.confusion()
        return float(np.trace(confusion) / confusion.sum())

    @property
    def f1(self) -> np.ndarray:
        """Of each class, float (classes,)."""
        return class_f1(self.confusion())

    @property
    def macro_f1(self) -> float:
        return float(mean_f1(self.confusion()))

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.run.name,
            "images": len(self.logits["test"]),
            "accuracy": self.accuracy,
            "macro_f1": self.macro_f1,
            "f1": dict(zip(self.labels, self.f1.tolist(), strict=True)),
            "trainable_parameters": self.trainable,
            "seconds": self.seconds,
        }


@dataclass
class Runner:
    """Trains on the images at `data`; everything is kept under `build`, so that an interrupted call goes on."""

    data: Path
    build: Path
    fabric: Fabric
    _prepared: dict[str, Prepared] = field(default_factory=dict)

    def plan(self, name: str, recipe: Recipe) -> Run:
        """A run on the recipe's own split. Raises `DatasetError`."""
        return Run(name, recipe, self.prepare(recipe))

    def prepare(self, recipe: Recipe) -> Prepared:
        """The images as the recipe wants them, read once for all runs that want the same.

        Raises `DatasetError`, and `RecipeError` for images of several classes.
        """
        if recipe.data.multi_label:
            raise RecipeError(
                "Comparisons are of models that give a picture one class.", "Pass data.multi_label=false."
            )
        key = recipe.model_dump_json(include={"data", "labels", "preprocessing"})
        if key not in self._prepared:
            quiet = bool(self._prepared)
            self._prepared[key] = prepare(recipe, self.data, self.build / "cache", quiet=quiet)
        return self._prepared[key]

    def run(self, runs: Sequence[Run]) -> list[Result]:
        """Results in the order of `runs`; only those that are not there yet are trained. Says how far it is.

        A result is kept in the folder of its run, so it is one of the same recipe, images and seeds. The checkpoints of
        a finished run go: those of many would fill the disk. Raises what training raises.
        """
        files = [run_folder(run.recipe, run.prepared, self._runs) / "answers.npz" for run in runs]
        results: list[Result] = []
        took: list[float] = []
        for run, file in zip(runs, files, strict=True):
            is_new = not file.exists()
            if is_new:
                self._train(run, file)
            results.append(_read(run, file))
            if is_new:
                took.append(results[-1].seconds)
            missing = sum(not each.exists() for each in files[len(results) :])
            left = f"; {phrase_seconds(float(np.mean(took)) * missing)} left" if took and missing else ""
            if self.fabric.is_global_zero:
                console.print(
                    f"{len(results)}/{len(runs)} {run.name}: macro-F1 {results[-1].macro_f1:.3f}, "
                    f"accuracy {results[-1].accuracy:.3f}{left}",
                    markup=False,
                )
        return results

    @property
    def _runs(self) -> Path:
        return self.build / "comparisons"

    def _train(self, run: Run, file: Path) -> None:
        started = time.perf_counter()
        trained = train(run.recipe, run.prepared, self._runs, self.fabric, self.build / "cache")
        if self.fabric.is_global_zero:
            self._answer(run, trained, file, time.perf_counter() - started)
        self.fabric.barrier()  # the others read what the first writes

    def _answer(self, run: Run, trained: Trained[ClassificationNetwork, Epoch], file: Path, took: float) -> None:
        seconds = max(took, sum(each.seconds for each in trained.epochs))  # if it was resumed
        execution = TorchExecution(trained.network, self.fabric.device.type)  # there is no bundle, so no other form
        rows = {"validation": run.rows("validation"), "test": run.rows("test")}
        if len(run.held_out):
            rows["held_out"] = run.held_out
        logits = {name: predict_logits(execution, run.prepared.pixels, each) for name, each in rows.items()}
        about = json.dumps({"trainable": trained.trainable, "seconds": round(seconds, 1)})
        with replacing(file) as temporary, temporary.open("wb") as opened:
            np.savez(opened, allow_pickle=False, about=np.array(about), **logits)
        for checkpoint in file.parent.glob("*.ckpt"):
            checkpoint.unlink()


def _read(run: Run, file: Path) -> Result:
    with np.load(file) as kept:
        logits = {name: kept[name] for name in kept.files if name != "about"}
        return Result(run, logits, **json.loads(str(kept["about"])))


def repeat(recipe: Recipe, repeats: int, values: Mapping[str, object] | None = None) -> list[Recipe]:
    """The recipe with other `values` under dotted names, on `repeats` splits that differ by their seed."""
    first = recipe.data.split.seed
    return [override(recipe, {**(values or {}), "data.split.seed": first + number}) for number in range(repeats)]
