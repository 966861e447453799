from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from playwright.sync_api import Browser, expect
from werkzeug.serving import make_server

from frontend.reports import CONTENT_SECURITY_POLICY
from tests.frontend.model_server_stub import image

MakeClient = Callable[..., FlaskClient]
ADDRESS = "/models/landscape/report/"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The report on version 1.0, which the stub serves, and a secret outside it."""
    report = tmp_path / "reports" / "landscape" / "1.0"
    report.mkdir(parents=True)
    (report / "index.html").write_text("<!doctype html><title>Report</title>", "utf-8")
    (report / "predictions.csv").write_text("path,answer\n", "utf-8")
    (report / ".hidden").write_text("secret")
    (report / "pictures").mkdir()
    (report / "pictures" / "0001.webp").write_bytes(image(kind="WEBP"))
    (report / "pictures" / "note.txt").write_text("secret")
    (tmp_path / "reports" / "secret.csv").write_text("secret")
    return tmp_path / "reports"


def test_the_report_is_shown_under_a_policy_of_its_own(make_client: MakeClient, folder: Path) -> None:
    client = make_client(reports=folder)
    moved = client.get("/models/landscape/report")
    assert moved.status_code == 308
    assert moved.headers["Location"].endswith(ADDRESS)
    shown = client.get(ADDRESS)
    assert (shown.status_code, shown.mimetype) == (200, "text/html")
    assert "<title>Report</title>" in shown.text
    assert shown.headers.getlist("Content-Security-Policy") == [CONTENT_SECURITY_POLICY]
    assert "sandbox" in CONTENT_SECURITY_POLICY
    assert "allow-same-origin" not in CONTENT_SECURITY_POLICY
    assert shown.headers["X-Content-Type-Options"] == "nosniff"


def test_tables_too_large_for_the_page_lie_beside_it(make_client: MakeClient, folder: Path) -> None:
    table = make_client(reports=folder).get(ADDRESS + "predictions.csv")
    assert (table.status_code, table.mimetype, table.text) == (200, "text/csv", "path,answer\n")


def test_pictures_are_shown_to_the_sandboxed_page(make_client: MakeClient, folder: Path) -> None:
    client = make_client(reports=folder)
    picture = client.get(ADDRESS + "pictures/0001.webp")
    assert (picture.status_code, picture.mimetype, picture.data) == (200, "image/webp", image(kind="WEBP"))
    assert picture.headers.getlist("Cross-Origin-Resource-Policy") == ["cross-origin"]
    for file in ("", "predictions.csv"):
        assert client.get(ADDRESS + file).headers.getlist("Cross-Origin-Resource-Policy") == ["same-origin"]


@pytest.mark.parametrize("lazy", [False, True])
def test_a_browser_shows_them_and_gives_the_page_nothing_else(
    make_client: MakeClient, folder: Path, browser: Browser, lazy: bool
) -> None:
    attribute = ' loading="lazy"' if lazy else ""
    (folder / "landscape" / "1.0" / "index.html").write_text(
        f"""<!doctype html><title>Report</title><img src="pictures/0001.webp"{attribute}><p></p>
        <script src="report.js"></script><script>document.querySelector("p").textContent = "smuggled";</script>""",
        "utf-8",
    )
    (folder / "landscape" / "1.0" / "report.js").write_text(
        """fetch("/api/v1/models").then(() => "read", () => "refused").then((said) => {
            document.querySelector("p").textContent += `${origin} ${said}`;
        });""",
        "utf-8",
    )
    server = make_server("127.0.0.1", 0, make_client(reports=folder).application, threaded=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.server_port}{ADDRESS}")
        expect(page.locator("p")).to_have_text("null refused")
        page.wait_for_function("document.querySelector('img').naturalWidth === 40")
        page.close()
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    "file",
    [
        "pictures/note.txt",
        "pictures/../index.html",
        "pictures/",
        "elsewhere/0001.webp",
        "../../secret.csv",
        "..%2F..%2Fsecret.csv",
        ".hidden",
        "no.png",
        "a/index.html",
    ],
)
def test_nothing_else_is_read(make_client: MakeClient, folder: Path, file: str) -> None:
    answered = make_client(reports=folder).get(ADDRESS + file)
    assert answered.status_code == 404
    assert "secret" not in answered.text


@pytest.mark.parametrize(("language", "words"), [("en", "no report on this model"), ("ko", "보고서가 아직 없습니다")])
def test_none_is_said_in_words(make_client: MakeClient, tmp_path: Path, language: str, words: str) -> None:
    for reports in (None, tmp_path / "nowhere"):
        answered = make_client(reports=reports).get(ADDRESS, headers={"Accept-Language": language})
        assert answered.status_code == 404
        assert words in answered.text


def test_a_report_on_another_version_is_not_shown(make_client: MakeClient, folder: Path) -> None:
    (folder / "landscape" / "1.0").rename(folder / "landscape" / "0.9")
    assert make_client(reports=folder).get(ADDRESS).status_code == 404


def test_the_model_page_links_to_a_report_that_is_there(make_client: MakeClient, folder: Path) -> None:
    assert ADDRESS in make_client(reports=folder).get("/models/landscape").text
    assert ADDRESS not in make_client().get("/models/landscape").text


def test_no_such_model(make_client: MakeClient, folder: Path) -> None:
    assert make_client(reports=folder).get("/models/nothing/report/").status_code == 404
