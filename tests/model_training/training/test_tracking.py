"""What a training leaves in TensorBoard's files and with MLflow is what it says itself."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from model_training.commands.train import Tracking, train_recipe
from model_training.runtime.card import read_card
from model_training.runtime.errors import OutputError, ServingError
from model_training.training.tracking import EXPERIMENT, MLflow, TensorBoard, flatten, make_trackers
from tests.conftest import TINY

pytest.importorskip("tensorboard", reason="needs hwapung[tensorboard]")
pytest.importorskip("mlflow", reason="needs hwapung[mlflow]")


@pytest.fixture(scope="module")
def left(procedural_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `build`, `board` and `flow.db` after a training."""
    folder = tmp_path_factory.mktemp("tracked")
    tracking = Tracking(folder / "board", f"sqlite:///{folder}/flow.db")
    train_recipe("landscape_demo", [*TINY, "name=tracked"], procedural_folder, "cpu", folder / "build", None, tracking)
    return folder


def read_epochs(left: Path) -> list[dict[str, Any]]:
    (metrics,) = (left / "build" / "runs").rglob("metrics.json")
    epochs: list[dict[str, Any]] = json.loads(metrics.read_text("utf-8"))["epochs"]
    return epochs


def test_tensorboard_has_each_epoch_and_the_cards_figures(left: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(left / "board" / "tracked")).Reload()
    epochs = read_epochs(left)
    assert [each["epoch"] for each in epochs] == [1, 2]
    for name in ("train_loss", "validation_loss", "validation_accuracy", "seconds"):
        found = [(each.step, each.value) for each in events.Scalars(name)]
        assert found == [(each["epoch"], pytest.approx(each[name], rel=1e-6)) for each in epochs]
    card = read_card(left / "build" / "bundles" / "tracked" / "card.json")
    for metric in card.metrics:
        (scalar,) = events.Scalars(f"card/{metric.split}_{metric.name}")
        assert scalar.value == pytest.approx(metric.value, rel=1e-6)
    texts = {tag: events.Tensors(tag)[0].tensor_proto.string_val[0].decode() for tag in events.Tags()["tensors"]}
    assert texts["bundle/text_summary"] == str(left / "build" / "bundles" / "tracked")
    assert "| `training.epochs` | `2` |" in texts["recipe/text_summary"]


def test_mlflow_has_the_recipe_each_epoch_and_the_bundle(left: Path) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{left}/flow.db")
    experiment = client.get_experiment_by_name(EXPERIMENT)
    (run,) = client.search_runs([experiment.experiment_id])
    assert (run.info.run_name, run.info.status) == ("tracked", "FINISHED")
    assert run.data.params["training.epochs"] == "2"
    assert run.data.params["network.backbone"] == "mobilenetv3_small_050"
    assert run.data.tags["bundle"] == str(left / "build" / "bundles" / "tracked")
    for name in ("train_loss", "validation_accuracy"):
        history = client.get_metric_history(run.info.run_id, name)
        assert [(each.step, each.value) for each in history] == [
            (each["epoch"], each[name]) for each in read_epochs(left)
        ]
    card = read_card(left / "build" / "bundles" / "tracked" / "card.json")
    for metric in card.metrics:
        assert run.data.metrics[f"card/{metric.split}_{metric.name}"] == pytest.approx(metric.value)


def test_a_server_that_goes_is_said_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tracker = MLflow(f"sqlite:///{tmp_path}/flow.db")
    tracker.begin("a", {"training": {"epochs": 2}})

    capsys.readouterr()

    def refuse(*arguments: object, **options: object) -> None:
        raise ConnectionError("Connection refused")

    tracker.client.log_metric = refuse
    for step in (1, 2):
        tracker.log_metrics({"train_loss": 0.5}, step)
    said = capsys.readouterr().err
    assert (
        said
        == f"warning: sqlite:///{tmp_path}/flow.db keeps no more of this training (Connection refused); it goes on.\n"
    )


def test_what_can_not_be_kept_gets_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        ServingError, match=r"MLflow keeps nothing at http://127\.0\.0\.1:1 .*Check the address of --mlflow"
    ):
        MLflow("http://127.0.0.1:1").begin("a", {})
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"can't be written \(Not a directory\)\. Give --tensorboard another folder"):
        TensorBoard(str(tmp_path / "file")).begin("a", {})
    for module, extra in (("mlflow", "mlflow"), ("torch.utils.tensorboard", "tensorboard")):
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(OutputError, match=rf"--{extra} needs .*Install hwapung\[{extra}\]"):
            make_trackers(tmp_path if extra == "tensorboard" else None, "x" if extra == "mlflow" else None)


def test_a_recipe_is_flattened_as_it_is_overridden() -> None:
    recipe = {"name": "a", "training": {"epochs": 2, "patience": None}, "serving": {"forms": ["int8"]}}
    assert flatten(recipe) == {
        "name": "a",
        "training.epochs": "2",
        "training.patience": "null",
        "serving.forms": '["int8"]',
    }
