"""The whole report on a small bundle, and on everything that can be wrong with one."""

from __future__ import annotations

import csv
import re
import shutil
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file, save_file

from analysis import report
from analysis.report import Sources, make_report
from analysis.verdicts import count_verdicts
from model_training.packaging.model_card import describe_model
from model_training.runtime.card import read_card
from model_training.runtime.classifier import Classifier
from model_training.runtime.errors import ImageError
from tests.analysis.conftest import LABELS, draw_images


@pytest.fixture(scope="module")
def written(bundle: Path, images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    build = tmp_path_factory.mktemp("build")
    unlike = draw_images(build / "사진", {"x": 6}, seed=4)
    sources = Sources(bundle, images, unlike=(unlike,), against=bundle)
    folder, failed = make_report(sources, build / "reports", build)
    assert failed == []
    return folder


class Page(HTMLParser):
    """Every address that the page would fetch, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.identities: list[str] = []
        self.texts: dict[str, list[str]] = {"en": [], "ko": []}
        self.language = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        self.addresses += [value for name in ("src", "href") if (value := found.get(name))]
        if identity := found.get("id"):
            self.identities.append(identity)
        self.language = (found.get("lang") or "") if tag == "span" else ""

    def handle_endtag(self, tag: str) -> None:
        self.language = ""

    def handle_data(self, data: str) -> None:
        if self.language in self.texts:
            self.texts[self.language].append(data)


def test_it_lies_where_it_was_promised(written: Path) -> None:
    assert written.parts[-3:] == ("reports", "landscape", "1.0")
    assert [each.name for each in written.parent.iterdir()] == ["1.0"]
    assert (written.stat().st_mode & 0o777) == 0o755


def test_the_model_card_lies_beside_it_and_the_bundle_is_only_read(written: Path, bundle: Path) -> None:
    assert (written / "MODEL_CARD.md").read_text("utf-8") == describe_model(read_card(bundle / "card.json"))
    assert not (bundle / "MODEL_CARD.md").exists()


def test_every_chart_is_a_png_in_both_languages_and_every_table_a_csv(written: Path) -> None:
    for name in (
        "confusion_matrix",
        "roc_curve",
        "precision_recall",
        "loss_accuracy",
        "reliability",
        "corruption_curves",
    ):
        for file in (f"{name}.png", f"{name}.ko.png"):
            assert Image.open(written / file).width > 300
    for name in ("grid", *(f"gradcam_{label}" for label in LABELS)):
        assert Image.open(written / f"{name}.png").width > 100
    for name in (
        "classification_report",
        "predictions",
        "unknown",
        "verdicts",
        "shortcuts",
        "label_errors",
        "comparison",
    ):
        rows = list(csv.reader((written / f"{name}.csv").read_text("utf-8-sig").splitlines()))
        assert len(rows) > 1
        assert {len(row) for row in rows} == {len(rows[0])}


def test_tables_say_what_was_predicted(written: Path) -> None:
    rows = list(csv.DictReader((written / "predictions.csv").read_text("utf-8-sig").splitlines()))
    assert len(rows) == 8
    right = sum(row["true class"] == row["answer"] for row in rows)
    report_rows = list(csv.DictReader((written / "classification_report.csv").read_text("utf-8-sig").splitlines()))
    assert [row["class"] for row in report_rows] == list(LABELS)
    assert sum(float(row["recall"]) * int(row["pictures"]) for row in report_rows) == pytest.approx(right)


def test_verdicts_are_counted_as_they_are_served(written: Path, bundle: Path) -> None:
    """By asking the model about the same files, one by one."""
    rows = list(csv.DictReader((written / "verdicts.csv").read_text("utf-8-sig").splitlines()))
    assert [row["pictures of"] for row in rows] == ["test pictures", "사진"]
    classifier = Classifier.load(bundle)
    files = sorted((written.parents[2] / "사진").rglob("*.png"))
    counts = Counter(classifier.answer([file.read_bytes()])[0]["verdict"] for file in files)  # type: ignore[index]
    for name, verdict in (("sure", "sure"), ("not sure", "unsure"), ("unknown", "unknown")):
        assert int(rows[1][name]) == counts[verdict]
    for row, asked in zip(rows, (8, 6), strict=True):
        verdicts = [int(row[name]) for name in ("sure", "not sure", "unknown")]
        assert int(row["pictures"]) == sum(verdicts) == asked
        assert sum(int(row[name]) for name in list(row)[5:]) == verdicts[2]


def test_strangers_are_counted_by_reason(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    classifier = Classifier.load(bundle)
    reasons = iter(["unlike", "blank", "blank", None, "text"])

    def answer(images: list[bytes]) -> list[object]:
        return [
            ImageError("Broken.", "Save it again."),
            *({"verdict": "unsure"} | ({"reason": r} if r else {}) for r in reasons),
        ]

    monkeypatch.setattr(classifier, "answer", answer)
    draw_images(tmp_path, {"x": 6})
    assert count_verdicts(classifier, sorted(tmp_path.rglob("*.png"))) == {
        "unlike": 1,
        "blank": 2,
        "text": 1,
        "unsure": 1,
    }


#: To the model's page; it is seen where a site shows the report.
BACK = "../../landscape"


def test_the_page_needs_nothing_but_what_lies_beside_it(written: Path) -> None:
    page = Page((written / "index.html").read_text("utf-8"))
    assert len(page.identities) == len(set(page.identities))
    for address in page.addresses:
        if address.startswith("#"):
            assert address[1:] in page.identities
        elif address not in ("data:,", BACK):
            assert (written / unquote(address)).is_file(), address
    assert {path.name for path in (written / "pictures").iterdir()} == {
        path.name for path in map(Path, page.addresses) if path.suffix == ".webp"
    }


def test_the_page_speaks_both_languages(written: Path) -> None:
    page = Page((written / "index.html").read_text("utf-8"))
    assert len(page.texts["en"]) == len(page.texts["ko"]) > 60
    for text in page.texts["ko"]:
        assert not re.search(r"[a-z]{4,} [a-z]{3,} [a-z]{3,}", re.sub(r"\(.*?\)", "", text)), text
    for text in page.texts["en"]:
        # Names of classes, folders and of the other language stay as they are.
        assert not re.search("[가-힣]", re.sub(f"{LABELS[0]}|{LABELS[1]}|사진|^한국어$", "", text)), text


def test_what_could_not_be_computed_is_said(written: Path) -> None:
    page = (written / "index.html").read_text("utf-8")
    assert "A map needs 10 test pictures at least; there are 8." in page
    assert "지금은 8장입니다." in page
    assert "8 test pictures are few" in page
    assert "Can&#39;t tell with 8 pictures." in page


def test_a_failing_section_costs_only_itself(
    bundle: Path, images: Path, written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("by accident")

    monkeypatch.setattr(report.galleries, "images", fail)
    monkeypatch.setattr(report.audit_sections, "shortcuts", fail)
    folder, failed = make_report(Sources(bundle, images), tmp_path / "reports", written.parents[2])
    assert failed == ["Pictures and answers", "Shortcuts"]
    assert "ZeroDivisionError: by accident" in (folder / "index.html").read_text("utf-8")
    assert (folder / "confusion_matrix.png").exists()


def test_an_interruption_leaves_the_previous_report(
    bundle: Path, images: Path, written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (written / "index.html").read_bytes()

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(report, "write_document", interrupt)
    with pytest.raises(KeyboardInterrupt):
        make_report(Sources(bundle, images), written.parents[1], written.parents[2])
    assert (written / "index.html").read_bytes() == before
    assert [each.name for each in written.parent.iterdir()] == ["1.0"]


def test_a_network_that_answers_nan_and_three_images_still_get_a_report(bundle: Path, tmp_path: Path) -> None:
    broken = tmp_path / "landscape"
    shutil.copytree(bundle, broken)
    (broken / "metrics.json").unlink()
    weights = load_file(broken / "weights.safetensors")
    weights["classifier.weight"][:] = np.nan
    save_file(weights, broken / "weights.safetensors")
    folder = draw_images(tmp_path / "three", {LABELS[0]: 3})
    made, failed = make_report(Sources(broken, folder, test=folder), tmp_path / "reports", tmp_path / "build")
    assert failed == []
    page = (made / "index.html").read_text("utf-8")
    assert "3 of 3 pictures got no finite answer (NaN)" in page
    assert "There is no test picture." in page
    assert "metrics.json" in page


def test_three_images_of_one_class_without_validation(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(report, "find_missing_letters", lambda text: "ภ")
    folder = draw_images(tmp_path / "three", {LABELS[1]: 3})
    made, failed = make_report(Sources(bundle, folder, test=folder), tmp_path / "reports", tmp_path / "build")
    assert failed == []
    page = (made / "index.html").read_text("utf-8")
    assert f"No test picture, so no recall: {LABELS[0]}." in page
    assert "The curves need test pictures of two classes at least." in page
    assert "need validation pictures, and there are none" in page
    assert "Every picture of three counts as a test picture." in page
    assert "shows boxes for them: ภ" in page
    stages = [line for line in capsys.readouterr().err.splitlines() if re.match(r"\d+/\d+ |Writing", line)]
    assert stages[:2] == ["1/17 Class by class", "2/17 Ranking"]
    assert stages[16:] == ["17/17 Training", "Writing the report", "Writing the report: 17/17"]
