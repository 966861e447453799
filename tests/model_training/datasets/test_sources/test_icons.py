"""Icon sets from a registry to drawings with their records."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import yaml

from model_training.datasets.icons.classes import CLASSES
from model_training.datasets.icons.hand import draw
from model_training.datasets.icons.sets import DEFAULT_SETS, ICON_SETS
from model_training.datasets.icons.source import Icons
from model_training.datasets.icons.strokes import read_icon
from model_training.datasets.sources.collect import collect
from model_training.datasets.sources.npm import REGISTRY, Package, fetch_package, find_registry
from model_training.progress import Step
from model_training.recipe import load_recipe
from model_training.runtime.errors import DatasetError
from tests.hwapung.test_cli import run
from tests.icon_registry import LINE, SHAPES, measure, pack, packages, publish, record
from tests.model_training.datasets.test_sources.conftest import PatientClient, Service

CROSS = LINE.format('<path stroke="none" d="M0 0h24v24H0z" fill="none"/><path d="M2 2l20 10M22 2v.01"/>').encode()
RING = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M0 0h9v9h-9zM2 2v5h5v-5z"/></svg>'


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def ignore(done: int, total: int) -> None: ...


def test_lines_are_read_to_scale_and_bounding_boxes_left_out() -> None:
    line, dot = read_icon(CROSS, "cross")
    assert not line.closed
    assert line.area == 0
    assert line.points[0] == pytest.approx([-0.5, -0.25])
    assert line.points[-1] == pytest.approx([0.5, 0.25])
    assert np.hypot(*np.diff(line.points, axis=0).T) == pytest.approx(0.0125, rel=0.02)
    assert len(dot.points) == 2
    outer, inner = read_icon(RING, "ring")
    assert (outer.closed, inner.closed) == (True, True)
    assert outer.area == inner.area > 0
    with pytest.raises(DatasetError, match=r"empty: the icon has no line"):
        read_icon(LINE.format("").encode(), "empty")


def test_a_drawing_hangs_on_its_seed_alone_and_keeps_the_idea() -> None:
    ring = read_icon(RING, "ring")
    one, again, other = (np.asarray(draw(ring, np.random.default_rng(seed), 96)) for seed in (1, 1, 2))
    assert (one == again).all()
    assert (one != other).mean() > 0.05
    assert one[48, 48] == 255  # the hole stays one
    assert one.min() < 90
    down, across = np.nonzero(one < 128)
    assert max(np.ptp(down), np.ptp(across)) == pytest.approx(0.8 * 96, rel=0.15)
    widths = [(np.asarray(draw(read_icon(CROSS, "cross"), np.random.default_rng(s))) < 128).sum() for s in range(8)]
    assert max(widths) > 1.5 * min(widths)  # another pen


def test_the_table_names_things_that_have_titles() -> None:
    titles = load_recipe("sketch_demo_classifier").labels
    assert len(CLASSES) >= 40
    assert set(CLASSES) <= set(titles)
    for label, sets in CLASSES.items():
        icons = [(name, icon) for name in DEFAULT_SETS for icon in sets[name]]
        assert len(icons) >= 3, label
        assert titles[label].en != titles[label].ko
    named = [(name, icon) for sets in CLASSES.values() for name, icons in sets.items() for icon in icons]
    assert len(named) == len(set(named))  # one icon never has two names


def test_openmoji_is_asked_for_by_name_only() -> None:
    assert "openmoji" not in DEFAULT_SETS
    assert {ICON_SETS[name].package.licence for name in DEFAULT_SETS} == {"ISC", "MIT", "Apache-2.0"}
    assert ICON_SETS["openmoji"].package.licence == "CC-BY-SA-4.0"


def test_the_command_draws_records_and_leaves_licences(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(service, monkeypatch)
    out = tmp_path / "drawings"
    words = ["data", "fetch", "icons", "--out", str(out), "--cache", str(tmp_path / "cache"), "--each", "2"]
    status, _, told = run(capsys, *words)
    assert status == 0, told
    written = rows(out)
    assert len(written) == 4 * 6 * 2
    first = written[0]
    assert first["label"] == "house"
    assert first["title"] == "lucide/house"
    assert first["licence"] == "ISC"
    assert first["url"] == "pkg:npm/lucide-static@1.62.0#package/icons/house.svg"
    assert first["artist"] == "Lucide Contributors"
    assert {row["licence"] for row in written if row["title"].startswith("phosphor/")} == {"MIT"}
    assert sorted(path.name for path in (out / "licences").iterdir()) == sorted(f"{name}.txt" for name in DEFAULT_SETS)
    said = (out / "licences" / "tabler.txt").read_text("utf-8")
    assert said.startswith("pkg:npm/%40tabler/icons@3.52.0, MIT.")
    assert said.endswith("The licence of tabler")
    asked = len(service.seen)
    (out / written[3]["path"]).unlink()
    assert "48 pictures from icons, 1 of them new" in " ".join(run(capsys, *words)[2].split())
    assert len(service.seen) == asked  # the packages are kept


def test_sets_and_classes_can_be_chosen(
    service: Service, client: PatientClient, step: Step, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(service, monkeypatch)

    def bring(folder: Path, seed: int) -> list[dict[str, str]]:
        source = Icons(
            client, tmp_path, service.url, ignore, sets=["tabler"], labels=["sun", "moon"], each=1, seed=seed
        )
        collect(source, folder, None, step)
        return rows(folder)

    one, same, other = bring(tmp_path / "a", 0), bring(tmp_path / "b", 0), bring(tmp_path / "c", 1)
    assert [row["title"] for row in one] == ["tabler/sun", "tabler/moon"]
    assert one == same
    assert [row["sha256"] for row in one] != [row["sha256"] for row in other]
    with pytest.raises(DatasetError, match=r"no class 'mon'\. Did you mean 'moon'"):
        Icons(client, tmp_path, service.url, ignore, labels=["mon"])


def test_a_fetch_that_was_cut_off_is_gone_on_with(
    service: Service, client: PatientClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(service, monkeypatch)
    package = ICON_SETS["tabler"].package
    path = list(packages())[1]
    whole = service.answers[path]
    (tmp_path / "tabler-icons-3.52.0.tgz.part").write_bytes(whole[:100])
    archive = fetch_package(client, package, tmp_path, service.url, ignore)
    assert archive.read_bytes() == whole
    assert service.ranges == ["bytes=100-"]


def test_another_archive_than_the_known_one_is_refused(service: Service, client: PatientClient, tmp_path: Path) -> None:
    known, other = pack({"package/a": "a"}), pack({"package/a": "b"})
    package = Package("some-icons", "1.0.0", measure(known), "MIT")
    record(service, "some-icons", "1.0.0", other)
    with pytest.raises(DatasetError, match=r"some-icons 1\.0\.0: the registry's archive is not the one that is known"):
        fetch_package(client, package, tmp_path, service.url, ignore)
    assert len(service.seen) == 1  # its record says so already
    service.answers["/some-icons/1.0.0"]["dist"]["integrity"] = measure(known)
    with pytest.raises(DatasetError, match="not the one that is known"):
        fetch_package(client, package, tmp_path, service.url, ignore)
    assert not list(tmp_path.iterdir())
    record(service, "some-icons", "1.0.0", known)
    archive = fetch_package(client, package, tmp_path, service.url, ignore)
    archive.write_bytes(other)  # damaged in the cache: fetched anew
    assert fetch_package(client, package, tmp_path, service.url, ignore).read_bytes() == known


def test_a_version_that_is_gone(service: Service, client: PatientClient, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"there is no such package\. .*npm_config_registry"):
        fetch_package(client, dataclasses.replace(ICON_SETS["lucide"].package), tmp_path, service.url, ignore)


def test_a_mirror_has_what_its_records_name(service: Service, client: PatientClient, tmp_path: Path) -> None:
    known = pack({"package/a": "a"})
    record(service, "@some/icons", "1.0.0", known)
    dist = service.answers["/@some%2Ficons/1.0.0"]["dist"]
    dist["tarball"] = dist["tarball"].replace(service.url, REGISTRY)
    package = Package("@some/icons", "1.0.0", measure(known), "MIT")
    assert fetch_package(client, package, tmp_path, service.url, ignore).name == "some-icons-1.0.0.tgz"


def test_the_registry_is_npms_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("npm_config_registry", "NPM_CONFIG_REGISTRY"):
        monkeypatch.delenv(name, raising=False)
    assert find_registry() == REGISTRY
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "https://npm.example.org/")
    assert find_registry() == "https://npm.example.org"


def test_without_a_network_one_line_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:1")
    monkeypatch.setattr("model_training.datasets.sources.client.time.sleep", lambda seconds: None)
    status, _, told = run(capsys, "data", "fetch", "icons", "--out", str(tmp_path / "a"), "--cache", str(tmp_path))
    assert status == 2
    assert told.count("\n") == 1
    assert "no answer in 3 attempts" in told
    assert "Check the network" in told
    assert not (tmp_path / "a" / "manifest.csv").exists()


def test_titles_are_written_once() -> None:
    """What the classifier of real drawings names already, the demonstration's recipe does not name again."""
    here = Path(__file__).parents[4] / "model_training" / "recipes"
    own, base = (
        yaml.safe_load((here / f"{name}.yaml").read_text("utf-8"))["labels"]
        for name in ("sketch_demo_classifier", "sketch_classifier")
    )
    assert not set(own) & set(base)
    assert set(SHAPES) <= set(own) | set(base)
