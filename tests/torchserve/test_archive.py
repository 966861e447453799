from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from model_training.runtime.card import read_card, write_card
from model_training.runtime.errors import BundleError, CardError, ServingError
from torchserve.archive import build_archive

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def bundle(hangul_bundle: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return shutil.copytree(hangul_bundle, tmp_path / "bundle")


def test_archive_holds_handler_runtime_and_bundle_and_nothing_else(hangul_bundle: Path, tmp_path: Path) -> None:
    path = build_archive(hangul_bundle, tmp_path / "store")
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        manifest = json.loads(archive.read("MAR-INF/MANIFEST.json"))
        stored = {info.compress_type for info in archive.infolist() if not info.filename.startswith("MAR-INF")}
        handler = archive.read("classify.py")
    runtime = {file.relative_to(ROOT).as_posix() for file in (ROOT / "model_training" / "runtime").rglob("*.py")}
    bundled = {file.relative_to(hangul_bundle).as_posix() for file in hangul_bundle.rglob("*") if file.is_file()}
    assert names == runtime | bundled | {
        "model_training/__init__.py",
        "classify.py",
        "model-config.yaml",
        "MAR-INF/MANIFEST.json",
    }
    assert manifest["model"] == {
        "modelName": "tiny",
        "modelVersion": "1.0",
        "handler": "classify.py",
        "configFile": "model-config.yaml",
    }
    assert stored == {zipfile.ZIP_STORED}
    assert handler == (ROOT / "torchserve" / "handlers" / "classify.py").read_bytes()


def test_files_that_the_card_does_not_list_stay_out(bundle: Path, tmp_path: Path) -> None:
    (bundle / "checkpoint.pt").write_bytes(b"not for visitors")
    with zipfile.ZipFile(build_archive(bundle, tmp_path / "store")) as archive:
        assert "checkpoint.pt" not in archive.namelist()


def test_the_store_holds_the_archive_only_and_anyone_may_read_it(hangul_bundle: Path, tmp_path: Path) -> None:
    path = build_archive(hangul_bundle, tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["tiny.mar"]
    assert path.stat().st_mode & 0o444 == 0o444


def test_an_altered_file_is_refused_and_the_previous_archive_stays(bundle: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    before = build_archive(bundle, store).read_bytes()
    with (bundle / "weights.safetensors").open("ab") as weights:
        weights.write(b"x")
    with pytest.raises(BundleError, match=r"weights\.safetensors: the file is not the one that the card describes"):
        build_archive(bundle, store)
    assert [path.name for path in store.iterdir()] == ["tiny.mar"]
    assert (store / "tiny.mar").read_bytes() == before


def test_a_missing_file_is_named(bundle: Path, tmp_path: Path) -> None:
    (bundle / "network.bin").unlink()
    with pytest.raises(BundleError, match=r"network\.bin: No such file"):
        build_archive(bundle, tmp_path / "store")
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("name", ["/etc/passwd", "../weights.safetensors", "model_training/runtime/image.py"])
def test_a_card_cannot_bring_files_from_elsewhere_or_replace_the_runtime(
    bundle: Path, tmp_path: Path, name: str
) -> None:
    write_card(read_card(bundle / "card.json").model_copy(update={"files": {name: "0" * 64}}), bundle / "card.json")
    with pytest.raises(BundleError, match="is not the name of a file in a bundle"):
        build_archive(bundle, tmp_path / "store")


def test_a_card_of_another_schema_is_refused(bundle: Path, tmp_path: Path) -> None:
    card = json.loads((bundle / "card.json").read_text("utf-8")) | {"schema_version": 99}
    (bundle / "card.json").write_text(json.dumps(card), "utf-8")
    with pytest.raises(CardError, match="schema version 99"):
        build_archive(bundle, tmp_path / "store")


def test_a_store_that_cannot_be_written_is_named(hangul_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file")
    with pytest.raises(ServingError, match=r"store: the archive can't be written"):
        build_archive(hangul_bundle, tmp_path / "store")


def test_builds_of_one_name_may_run_at_once(hangul_bundle: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(6) as pool:
        paths = set(pool.map(lambda _: build_archive(hangul_bundle, tmp_path), range(12)))
    assert paths == {tmp_path / "tiny.mar"}
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.mar"]
    with zipfile.ZipFile(tmp_path / "tiny.mar") as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == len(set(archive.namelist()))


def test_the_runtime_of_an_archive_answers_without_the_repository(hangul_store: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(hangul_store / "tiny.mar") as archive:
        archive.extractall(tmp_path)
    program = (
        "import pathlib, model_training.runtime.classifier as c\n"
        "assert pathlib.Path(c.__file__).is_relative_to(pathlib.Path.cwd()), c.__file__\n"
        "picture = pathlib.Path('examples/first.jpg').read_bytes()\n"
        "[answer] = c.Classifier.load(pathlib.Path('.'), 'cpu').answer([picture])\n"
        "print(answer['class'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path, env={"PYTHONIOENCODING": "utf-8"}, capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    expected = json.loads((tmp_path / "examples" / "first.json").read_text("utf-8"))
    assert done.stdout.strip() == expected["class"]
