"""What someone sees who types `hwapung`: help at once, one line for each fault, and the right status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import typer

from hwapung.cli import app
from tests.conftest import ROOT
from tests.running import run


def walk(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, each in getattr(command, "commands", {}).items():
        if getattr(each, "commands", None):
            yield from walk(each, (*words, name))
        else:
            yield (*words, name), each


COMMANDS = dict(walk(typer.main.get_command(app)))


def test_every_command_is_there() -> None:
    names = {" ".join(words) for words in COMMANDS if words[:2] != ("data", "fetch")}
    assert names >= {
        "demo", "train", "predict", "evaluate", "archive", "serve", "search", "ensemble", "distil", "convert",
        "gallery", "compare balance", "compare splits", "compare pairs", "compare ablation", "compare sources",
        "data draw", "data audit", "version",
    }  # fmt: skip
    assert ("data", "fetch", "met") in COMMANDS


@pytest.mark.parametrize("words", [words for words in COMMANDS if "fetch" not in words], ids=" ".join)
def test_a_command_is_explained_with_an_example_of_itself(words: tuple[str, ...]) -> None:
    command = COMMANDS[words]
    assert command.help
    assert command.epilog.startswith(f"Example: hwapung {' '.join(words)}")


@pytest.mark.parametrize(
    "arguments", [["--help"], ["train", "--help"], ["compare", "pairs", "webtoon"], ["predict", "a.jpg"], ["convert"]]
)
def test_help_and_wrong_arguments_do_not_wait_for_torch(arguments: Sequence[str], tmp_path: Path) -> None:
    program = f"import sys\nfrom hwapung.cli import main\ntry: main({arguments!r})\n"
    program += "finally: sys.stderr.write(f\"torch: {'torch' in sys.modules}\")"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.stderr.endswith("torch: False")


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "landscape"],
        ["train", "sketch_detector"],
        ["search", "webtoon"],
        ["distil", "landscape", "--teacher", "x"],
        ["ensemble", "x", "y"],
        ["convert", "x", "--precision", "int8"],
        ["evaluate", "x"],
        ["gallery"],
        ["data", "audit"],
        ["compare", "balance", "webtoon"],
        ["compare", "splits", "webtoon"],
        ["compare", "pairs", "webtoon"],
        ["compare", "ablation", "sketch_clip"],
        ["compare", "sources", "ai_vs_real"],
        ["compare", "precisions", "x"],
    ],
    ids=" ".join,
)
def test_without_pictures_a_command_says_what_to_give(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.jpg").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    status, out, err = run(capsys, *arguments)
    assert (status, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert "--data" in err
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]  # nothing was drawn or written


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["trian"], "error: No such command 'trian'. Did you mean 'train'? See hwapung --help.\n"),
        (["archive", "x", "--into", "y"], "error: No such option: --into. See hwapung archive --help.\n"),
        (["evaluate"], "error: Missing argument 'bundle' (a bundle: its folder, or its name in BUILD/bundles). "
                       "See hwapung evaluate --help.\n"),
        (["archive"], "error: There is no bundle in build/bundles. Train one: hwapung train.\n"),
        (["predict", "a.jpg"], "error: There is no bundle in build/bundles. Train one: hwapung train.\n"),
        (["archive", "x"], "error: There is no bundle 'x', neither as a folder nor in build/bundles. "
                           "Train one: hwapung train.\n"),
        (["convert", "x", "--precision", "int4", "--data", "y"],
            "error: There is no precision 'int4'. Choose one of float32, int8, torch.\n"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_wrong_words_are_answered_in_one_line(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    status, out, err = run(capsys, *arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err == said


def test_a_failure_that_is_no_wrong_input_has_status_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = run(capsys, "serve", "--store", str(tmp_path))
    assert status == 1
    assert err.startswith(f"error: {tmp_path}: there is no model archive (.mar).")


def test_ctrl_c_is_one_line_and_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("hwapung.commands.find_bundle", interrupted)
    status, _, err = run(capsys, "archive", "landscape")
    assert status == 130
    assert err == "Interrupted. What was whole is kept: run the same command to go on from there.\n"


def test_a_warning_is_one_line(tmp_path: Path) -> None:
    """Old names of a recipe's keys: no file of ours, no source line."""
    recipe = tmp_path / "old.yaml"
    recipe.write_text("extends: landscape\ntraining: {balance: none}\n")
    command = [sys.executable, "-m", "hwapung", "train", str(recipe), "--data", "/nowhere"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    first, second = done.stderr.splitlines()
    assert first.startswith(f"warning: {recipe}: training.balance is called training.class_balancing now")
    assert second.startswith("error: /nowhere")


def test_versions_for_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "version", "--json")
    assert status == 0
    versions = json.loads(out)
    assert versions["hwapung"] == "0.1.0"
    assert versions["python"].startswith(f"{sys.version_info.major}.{sys.version_info.minor}.")
    assert {"torch", "openvino"} <= versions.keys()


def test_an_audit_for_a_program(procedural_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--data", str(procedural_folder), "--recipe", "landscape", "--json"]
    status, out, _ = run(capsys, "data", "audit", *given)
    assert status == 0
    audit = json.loads(out)
    assert audit["files"] == 30
    assert audit["low"] <= audit["accuracy"] <= audit["high"]
