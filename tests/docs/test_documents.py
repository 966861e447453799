"""Documents say what the code does: generated pages, links, error codes, files, variables, words."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field

from model_training.recipe.read import RENAMED_KEYS
from tests.conftest import ROOT

from .generate import DOCS, MEASURED, make_pages
from .recipe_page import describe_model, describe_type

PAGES = sorted(
    path
    for folder in (ROOT, DOCS, ROOT / "analysis", ROOT / "torchserve", ROOT / "frontend")
    for path in folder.glob("*.md")
)
CATALOGUES = sorted(ROOT.glob("*/translations/ko/LC_MESSAGES/messages.po"))
GENERATED = ("recipe.md", "cli.md", "results.md")
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
CODE = ("model_training", "torchserve", "frontend", "analysis", "hwapung")
#: Say "depends on", "true label".
WORDY = ("hangs on", "hang on", "hung on", "in truth")
KOREAN = {
    "시험용": "평가",
    "평가용": "평가",
    "신뢰도": "확신도",
    "에포크": "에폭",
    "첫 페이지": "첫 화면",
    "고르기": "선택",
    "라벨": "레이블",
}
#: Set by gunicorn's configuration for its own workers.
INTERNAL = {"HWAPUNG_COMMON_DIRECTORY", "HWAPUNG_HEARTBEATS"}


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return make_pages()


@pytest.mark.parametrize("name", GENERATED)
def test_a_generated_page_is_up_to_date(pages: dict[str, str], name: str) -> None:
    assert (DOCS / name).read_text("utf-8") == pages[name], "run python -m tests.docs.generate"


def test_a_key_is_told_with_its_type_range_default_and_meaning() -> None:
    class Inner(BaseModel):
        """What is inside."""

        share: float = Field(0.5, gt=0, le=1, description="of all")

    class Outer(BaseModel):
        count: int | None = Field(None, ge=1, description="how many")
        inner: Inner = Inner(share=0.25)

    assert [line for line in describe_model(Outer) if line] == [
        "| key | values | default | meaning |",
        "|---|---|---|---|",
        "| `count` | integer from 1 or `null` | `null` | how many |",
        "### inner",
        "What is inside.",
        "| key | values | default | meaning |",
        "|---|---|---|---|",
        "| `inner.share` | number above 0 to 1 | `0.25` | of all |",
    ]


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"enum": ["a", "b"]}, "`a`, `b`"),
        ({"type": "array", "items": {"type": "integer", "minimum": 0}}, "list of integer from 0"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "text or `null`"),
        ({"type": "integer", "minimum": 64, "multipleOf": 32}, "integer from 64 in steps of 32"),
        ({"type": "object", "additionalProperties": {"type": "boolean"}}, "map of text to `true`, `false`"),
    ],
)
def test_a_type_is_told_in_words(schema: dict[str, Any], words: str) -> None:
    assert describe_type(schema, {}) == words


def test_every_old_key_is_in_the_changelog() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    rows = dict(re.findall(r"^  \| `([a-z_.]+)`.*? \| `([a-z_.]+)`", changelog, re.MULTILINE))
    assert rows == RENAMED_KEYS


def test_a_measured_figure_says_where_it_comes_from() -> None:
    for path in sorted(MEASURED.glob("*.json")):
        report = json.loads(path.read_text("utf-8"))
        assert report.keys() >= {"machine", "commit", "date", "setup", "figures", "targets", "missed"}, path.name
        assert report["entry"]["data"], path.name
        assert re.fullmatch(r"[0-9a-f]{7,40}", report["commit"]), f"{path.name}: measured with changes or nowhere"


def test_the_korean_readme_is_in_step() -> None:
    """The same headings by level, tables by size, links, and code but for its comments."""
    english, korean = ((ROOT / name).read_text("utf-8") for name in ("README.md", "README.ko.md"))
    assert outline(korean) == outline(english)
    assert len(english.splitlines()) < 130


def outline(text: str) -> list[Any]:
    blocks = re.findall(r"^```(\w+)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    code = [(kind, [re.sub(r"\s*#.*", "", line) for line in body.splitlines()]) for kind, body in blocks]
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    levels = re.findall(r"^(#+) ", prose, re.MULTILINE)
    columns = [line.count("|") for line in prose.splitlines() if line.startswith("|")]
    links = sorted(link.replace(".ko.", ".") for link in re.findall(r"\]\((.*?)\)", prose) if "README" not in link)
    return [levels, code, columns, links]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_link_leads_somewhere(path: Path) -> None:
    for link in re.findall(r"\]\(([^)#\s]*)(#[^)\s]*)?\)", path.read_text("utf-8")):
        target, anchor = link
        if target.startswith("http"):
            continue
        file = (path.parent / target).resolve() if target else path
        assert file.exists(), f"{target} is not there"
        if anchor:
            assert anchor[1:] in anchors(file), f"{target} has no heading {anchor}"


def anchors(path: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.*)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def modules(*folders: str) -> Iterator[tuple[Path, ast.AST]]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path, ast.parse(path.read_text("utf-8"))


def error_codes() -> set[str]:
    """Codes of our errors: `code = "…"` of a class, `code="…"` of a call, the front end's second argument."""
    codes: set[str] = set()
    for _, tree in modules(*CODE):
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                codes |= {
                    str(each.value.value)
                    for each in node.body
                    if isinstance(each, ast.Assign)
                    and isinstance(each.value, ast.Constant)
                    and getattr(each.targets[0], "id", "") == "code"
                    and isinstance(each.value.value, str)
                }
            elif isinstance(node, ast.Call) and getattr(node.func, "id", "").endswith("Error"):
                given = [each.value for each in node.keywords if each.arg == "code"]
                if len(node.args) > 2 and isinstance(getattr(node.args[0], "value", None), int):
                    given.append(node.args[1])
                codes |= {str(each.value) for each in given if isinstance(each, ast.Constant)}
    return codes


def test_every_error_code_is_in_the_contract() -> None:
    codes = error_codes()
    assert {"not_a_picture", "bad_recipe", "internal", "model_busy", "too_many_videos"} <= codes
    assert not {code for code in codes if f"`{code}`" not in ARCHITECTURE}


def test_every_file_of_a_bundle_is_in_the_contract() -> None:
    """File names in the code of the rooms that write bundles."""
    names = {
        node.value
        for _, tree in modules("model_training/packaging", "model_training/sketch", "model_training/runtime")
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(r"\w+\.(json|npy|npz|safetensors|xml|bin|png|md)", node.value)
    }
    assert {"card.json", "weights.safetensors", "network.xml", "companion.xml", "gate.npz", "MODEL_CARD.md"} <= names
    assert not {name for name in names if f"`{name}`" not in ARCHITECTURE}


def test_rooms_are_listed_by_floor() -> None:
    """As import-linter holds them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    (layers,) = (each["layers"] for each in contracts if each["type"] == "layers")
    floors = [set(re.findall(r"\w+", layer)) - {"__main__"} for layer in layers]
    listed: list[set[str]] = []
    for floor, rooms in re.findall(r"^\| (\d?) ?\| (`[a-z`, ]+`) \|", ARCHITECTURE.split("## Rooms")[1], re.MULTILINE):
        if floor:
            listed.append(set())
        listed[-1] |= set(re.findall(r"\w+", rooms))
    assert listed == [floor for floor in floors if floor]


def test_every_variable_is_documented() -> None:
    """`HWAPUNG_…` that code and containers read is on one of the pages."""
    documents = "".join(path.read_text("utf-8") for path in PAGES)
    files = [path for folder in CODE for path in (ROOT / folder).rglob("*.py")]
    files += [*ROOT.glob("docker-compose*.yml"), *ROOT.glob("*/Dockerfile")]
    read = {name for path in files for name in re.findall(r"\bHWAPUNG_[A-Z_]*[A-Z]\b", path.read_text("utf-8"))}
    assert "HWAPUNG_MODEL_SERVER_URL" in read
    assert not {name for name in read - INTERNAL if name not in documents}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_measured_figure_is_quoted_on_one_page_only(path: Path) -> None:
    """Shares with three decimals, which are accuracies and their kin; 0.001 and the like are settings."""
    if path.parent != DOCS or path.name not in GENERATED:
        assert not re.findall(r"\b0\.[1-9]\d\d\b", path.read_text("utf-8"))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_words(path: Path) -> None:
    text = path.read_text("utf-8")
    assert not [words for words in WORDY if words in text]
    if path.name != "CONTRIBUTING.md":
        assert list_korean(text) == []


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.relative_to(ROOT).parts[0])
def test_words_of_the_pages(path: Path) -> None:
    """Of what is read in Korean on the pages and in reports."""
    assert list_korean(path.read_text("utf-8")) == []


def list_korean(text: str) -> list[str]:
    """Words that there is another one for; not those that are quoted as code."""
    prose = re.sub(r"`[^`\n]*`", "", text)
    return [f"{old}: say {new}" for old, new in KOREAN.items() if old in prose]
