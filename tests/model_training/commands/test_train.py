"""What someone sees who types a wrong command: one line that names the thing and the remedy, and exit status 2."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from hwapung.cli import main
from model_training.commands.train import find_recipe
from tests.conftest import TINY, shared_folder


@dataclass(frozen=True)
class Done:
    returncode: int
    stderr: str


Run = Callable[..., Done]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command in this process: importing what trains takes longer than a wrong command."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    def run(*arguments: str) -> Done:
        capfd.readouterr()
        try:
            code = main(list(arguments))
        except SystemExit as error:
            code = error.code
        return Done(int(code or 0), capfd.readouterr().err)

    return run


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["train", "landskape", "--data", "/nowhere"], "no recipe 'landskape'"),
        (["train", "landscape", "training.epoch=3", "--data", "/nowhere"], "Did you mean 'training.epochs'?"),
        (["train", "landscape", "--data", "/nowhere"], "/nowhere: there is no such folder."),
        (["train", "landscape", "--device", "tpu", "--data", "/nowhere"], "no device 'tpu'"),
        (["data", "draw", "/nowhere/else", "--kinds", "china,mars"], "Nothing draws 'mars'."),
    ],
)
def test_a_wrong_command_is_answered_in_one_line(run: Run, arguments: list[str], named: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert named in done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


def test_a_download_that_cannot_be_says_what_to_do(run: Run, procedural_folder: Path, tmp_path: Path) -> None:
    done = run("train", "landscape", "--data", str(procedural_folder), "--build", str(tmp_path))
    assert done.returncode == 2
    assert "could not be downloaded" in done.stderr
    assert done.stderr.count("\n") == 1  # and no picture was read before
    assert "network.pretrained=false" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_third_folder_makes_a_third_class(run: Run, tmp_path: Path) -> None:
    assert run("data", "draw", str(tmp_path / "data"), "--kinds", "china,japan,korea", "--count", "6").returncode == 0
    done = run("train", "landscape_demo", *TINY, "--data", str(tmp_path / "data"), "--build", str(tmp_path))
    assert done.returncode == 0, done.stderr
    card = json.loads((tmp_path / "bundles" / "landscape_demo" / "card.json").read_text())
    (accuracy,) = (each for each in card["metrics"] if (each["name"], each["split"]) == ("accuracy", "test"))
    reached = f"Test accuracy {accuracy['value']:.1%} (95% interval {accuracy['low']:.1%}–{accuracy['high']:.1%}), on "
    assert f"{reached}{accuracy['images']} pictures that took no part in the training." in done.stderr
    assert re.search(r"Best epoch [12] of 2: validation accuracy \d+\.\d%\.", done.stderr)
    assert done.stderr.endswith(f"Next: hwapung archive {tmp_path}/bundles/landscape_demo, then hwapung serve\n")
    assert [label["title"]["ko"] for label in card["labels"]] == ["중국", "일본", "한국"]
    example = json.loads((tmp_path / "bundles" / "landscape_demo" / "examples" / "example-01.json").read_text())
    assert list(example["probabilities"]) == ["china", "japan", "korea"]


@pytest.mark.slow
def test_real_paintings_are_told_apart(run: Run, tmp_path: Path) -> None:
    """A short run on 373 Chinese and Japanese landscapes, of which 75 test. One source a class: see the README."""
    data = shared_folder("data/landscape")
    weights = shared_folder("weights") / "mobilenetv2_100.safetensors"
    short = ["training.epochs=1", "training.learning_rate=3e-4", "training.schedule=cosine", "serving.forms=[]"]
    small = ["preprocessing.height=112", "preprocessing.width=112"]
    network = ["network.backbone=mobilenetv2_100", f"network.pretrained={weights}"]
    done = run("train", "landscape", *network, *small, *short, "--data", str(data), "--build", str(tmp_path))
    assert done.returncode == 0, done.stderr
    card = json.loads((tmp_path / "bundles" / "landscape" / "card.json").read_text())
    accuracy = next(each for each in card["metrics"] if (each["name"], each["split"]) == ("accuracy", "test"))
    assert accuracy["images"] >= 70
    assert accuracy["value"] >= 0.93
    assert card["data"]["near_duplicates"] >= 1


def test_a_strange_folder_gets_the_neutral_recipe_and_the_titles_that_are_given(
    run: Run, procedural_folder: Path, tmp_path: Path
) -> None:
    for kind, key in (("china", "naive_art_primitivism"), ("japan", "rococo")):
        shutil.copytree(procedural_folder / kind, tmp_path / "data" / key)
    titled = ["--title", "Which manner?", "--label", "rococo=Rococo: the late one"]
    done = run("train", *TINY, "--data", str(tmp_path / "data"), *titled, "--build", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "Recipe: pictures\n" in done.stderr
    card = json.loads((tmp_path / "bundles" / "pictures" / "card.json").read_text("utf-8"))
    assert card["title"] == {"en": "Which manner?", "ko": "Which manner?"}
    wrong = run("train", *TINY, "--data", str(tmp_path / "data"), "--label", "rokoko=R", "--build", str(tmp_path))
    assert wrong.returncode == 2
    assert wrong.stderr.endswith("data has no such class. Name one of naive_art_primitivism, rococo.\n")
    titles = {label["key"]: label["title"]["en"] for label in card["labels"]}
    assert titles == {"naive_art_primitivism": "Naive art primitivism", "rococo": "Rococo: the late one"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["landscape", "--label", "china"], "error: --label 'china' names no class. Write --label key=\"Name\".\n"),
        (["sketch_detector", "--title", "x"], "error: sketch_detector takes neither --title nor --label. "),
        (["training.epochs=2", "--data", "/nowhere"], "error: /nowhere: there is no such folder. "),
    ],
)
def test_titles_that_can_not_be_given(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["train", *arguments, "--build", str(tmp_path)])
    assert capsys.readouterr().err.startswith(said)


def test_the_recipe_is_found_by_the_column_that_is_asked_for(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("path,style,country\na.jpg,ink,china\nb.jpg,print,japan\n")
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(b"")
    assert find_recipe(manifest, ["data.label=country", "training.epochs=2"]) == "landscape"
    assert find_recipe(tmp_path, ["data.label=style"]) == "pictures"
