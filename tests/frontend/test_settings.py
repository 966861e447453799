from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from pydantic import SecretStr

from frontend.settings import Settings, SettingsError, read_settings

README = Path(__file__).parents[2] / "frontend" / "README.md"


def documented() -> dict[str, str]:
    """Variable → default as the table in the README gives it."""
    return dict(
        re.findall(
            r"^\| `(HWAPUNG_\w+|UNSPLASH_ACCESS_KEY)` \| (`[^`]*`|empty) \|", README.read_text("utf-8"), re.MULTILINE
        )
    )


def written(default: object) -> str:
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    if default in ("", None):
        return "empty"
    if isinstance(default, bool):
        return f"`{json.dumps(default)}`"
    if isinstance(default, tuple):
        return f"`{','.join(default)}`"
    return f"`{default}`"


def test_every_setting_is_documented_with_its_default() -> None:
    expected = {
        str(field.validation_alias or f"HWAPUNG_{name.upper()}"): written(field.default)
        for name, field in Settings.model_fields.items()
    }
    assert documented() == expected


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HWAPUNG_MODELS", "landscape, webtoon_genres")
    monkeypatch.setenv("HWAPUNG_LANGUAGES", "ko")
    monkeypatch.setenv("HWAPUNG_ANSWER_TIMEOUT", "2.5")
    settings = read_settings()
    assert (settings.models, settings.languages, settings.answer_timeout) == (
        ("landscape", "webtoon_genres"),
        ("ko",),
        2.5,
    )


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HWAPUNG_WORKERS", "many"),
        ("HWAPUNG_WORKERS", "0"),
        ("HWAPUNG_MODELS", ""),
        ("HWAPUNG_MODELS", "../secret"),
        ("HWAPUNG_LANGUAGES", "en,fr"),
        ("HWAPUNG_MODEL_SERVER_URL", "localhost:8080"),
        ("HWAPUNG_RATE_LIMIT", "lots"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_in_one_line(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as caught:
        read_settings()
    assert str(caught.value).startswith(f"{variable}: ")
    assert "\n" not in str(caught.value)


def test_the_server_does_not_start_with_a_bad_setting() -> None:
    process = subprocess.run(
        [sys.executable, "-m", "frontend"],
        env={"HWAPUNG_THREADS": "none", "PATH": ""},
        cwd=README.parents[1],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert process.returncode == 1
    assert process.stderr.startswith("HWAPUNG_THREADS: ")
    assert len(process.stderr.splitlines()) == 1


def test_compose_passes_every_setting_on_and_bounds_every_service() -> None:
    composed = yaml.safe_load((README.parents[1] / "docker-compose.yml").read_text("utf-8"))["services"]
    expected = {
        str(field.validation_alias or f"HWAPUNG_{name.upper()}") for name, field in Settings.model_fields.items()
    }
    assert set(composed["frontend"]["environment"]) == expected - {"HWAPUNG_BIND"}
    assert [name for name, service in composed.items() if "mem_limit" not in service] == []
    assert composed["frontend"]["ports"] == ["${HWAPUNG_PORT:-8000}:8000"]


def test_what_an_upload_needs_must_have_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HWAPUNG_VIDEO_MAX_BYTES", str(2**32))
    with pytest.raises(SettingsError, match=r"^HWAPUNG_UPLOAD_ROOM: .*no room for the largest upload"):
        read_settings()
