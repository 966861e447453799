"""Who may ask, by which name, and what goes with every answer."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from tests.frontend.model_server_stub import ModelServerStub, image

PREDICT = "/api/v1/models/landscape/predict"
COSTLY = (PREDICT, "/api/v1/models/landscape/explain", "/models/landscape", "/api/v1/models/landscape/video")
MakeClient = Callable[..., FlaskClient]


@pytest.mark.parametrize("path", COSTLY)
@pytest.mark.parametrize(
    "sent",
    [
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://other.localhost"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
    ],
)
def test_another_sites_page_gets_nothing_done(
    client: FlaskClient, model_server: ModelServerStub, path: str, sent: dict[str, str]
) -> None:
    response = client.post(path, data=image(), content_type="application/octet-stream", headers=sent)
    assert response.status_code == 403
    if path.startswith("/api"):
        assert response.json is not None
        assert response.json["error"]["code"] == "cross_site"
    assert model_server.seen == []


@pytest.mark.parametrize(
    "sent",
    [{}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {"Origin": "http://localhost"}],
)
def test_our_own_pages_and_programs_are_answered(client: FlaskClient, sent: dict[str, str]) -> None:
    assert client.post(PREDICT, data=image(), headers=sent).status_code == 200


def test_a_link_from_another_site_opens_a_page(client: FlaskClient) -> None:
    assert client.get("/models/landscape", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


@pytest.mark.parametrize("path", ["/", "/models/landscape", "/api/v1/models", "/static/hwapung.css", "/nothing"])
@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.2", "[::2]"])
def test_a_foreign_name_is_refused(client: FlaskClient, path: str, host: str) -> None:
    response = client.get(path, headers={"Host": host})
    assert response.status_code == 421
    assert "Location" not in response.headers


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:8000", "[::1]:8000"])
def test_this_machines_own_names_are_answered(client: FlaskClient, host: str) -> None:
    assert client.get("/api/v1/models", headers={"Host": host}).status_code == 200


def test_hosts_are_a_setting(make_client: MakeClient) -> None:
    client = make_client(hosts=(".example.org",))
    statuses = [client.get("/", headers={"Host": host}).status_code for host in ("a.example.org", "localhost")]
    assert statuses == [200, 421]
    assert make_client(hosts=("*",)).get("/", headers={"Host": "any.example"}).status_code == 200


def test_health_is_asked_by_address(client: FlaskClient) -> None:
    for path in ("/healthz", "/readyz"):
        assert client.get(path, headers={"Host": "10.0.0.7:8000"}).status_code == 200


def test_a_redirect_names_no_host(make_client: MakeClient, tmp_path: Path) -> None:
    client = make_client(hosts=("*",), reports=tmp_path)
    response = client.get("/models/landscape/report?lang=en", headers={"Host": "evil.example"})
    assert (response.status_code, response.headers["Location"]) == (308, "/models/landscape/report/?lang=en")


EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@pytest.mark.parametrize(
    "path",
    ["/", "/api/v1/models", "/static/hwapung.css", "/static/nothing", "/nothing", "/api/v1/models/x", "/healthz",
     "/models/landscape/examples/one/picture", "/service-worker.js", "/app.webmanifest", "/metrics"],
)  # fmt: skip
@pytest.mark.parametrize("further", [{}, {"Host": "evil.example"}, {"Range": "bytes=9-1"}])
def test_every_answer_has_the_headers_that_keep_it_to_itself(
    client: FlaskClient, path: str, further: dict[str, str]
) -> None:
    headers = client.get(path, headers=further).headers
    assert EVERYWHERE.items() <= dict(headers).items()
    assert "camera=(self)" in headers["Permissions-Policy"]
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "Strict-Transport-Security" not in headers


def test_robots_are_told_what_is_for_them_wherever_they_are(client: FlaskClient) -> None:
    """From a report, too: its sandbox is another origin."""
    response = client.get("/robots.txt")
    assert (response.status_code, response.mimetype) == (200, "text/plain")
    assert response.text == "User-agent: *\nDisallow: /api/v1/\n"
    assert response.headers["Cross-Origin-Resource-Policy"] == "cross-origin"


def test_a_service_worker_may_fetch_what_it_keeps(client: FlaskClient) -> None:
    policy = client.get("/service-worker.js").headers["Content-Security-Policy"]
    assert "connect-src 'self'" in policy
    assert "connect-src" not in client.get("/api/v1/models").headers["Content-Security-Policy"]


def test_who_comes_by_https_is_told_to_stay_with_it(make_client: MakeClient) -> None:
    """The proxy in front says so; nobody else is believed."""
    said = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.1"}
    assert make_client(trusted_proxies=1).get("/", headers=said).headers["Strict-Transport-Security"] == (
        "max-age=31536000"
    )
    assert "Strict-Transport-Security" not in make_client().get("/", headers=said).headers


def test_every_row_of_the_table_names_a_test_that_there_is() -> None:
    root = Path(__file__).parents[2]
    rows = re.findall(r"^\| V.*`([^`]+)` \|$", (root / "docs" / "security.md").read_text("utf-8"), re.MULTILINE)
    assert len(rows) > 20
    for row in rows:
        file, _, name = row.partition("::")
        assert (root / file).is_file(), row
        assert f"def {name or 'test_'}" in (root / file).read_text("utf-8"), row
