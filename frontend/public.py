"""A question to ourselves at start, by the address that visitors use: what is wrong with the proxies in front, or with
what the settings say of them, is said before the first visitor comes."""

from __future__ import annotations

import hmac
import json
import secrets
import threading
import time
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from .security import is_ours
from .settings import Settings

HEADER = "X-Hwapung-Probe"
#: By which we know our own question. It is drawn before the processes are forked, so that each of them knows it.
TOKEN = secrets.token_hex(16)
#: Seconds: a proxy may start later than we do.
PATIENCE, PAUSE, TIMEOUT = 60.0, 2.0, 5.0


def describe_way(environ: dict[str, Any]) -> dict[str, Any] | None:
    """How a question came here; None where it isn't our own: it is nobody else's business."""
    if not hmac.compare_digest(environ.get("HTTP_X_HWAPUNG_PROBE", "").encode(), TOKEN.encode()):
        return None
    forwarded = environ.get("HTTP_X_FORWARDED_FOR", "")
    return {
        "proxies": forwarded.count(",") + 1 if forwarded else 0,
        "scheme": environ["wsgi.url_scheme"],
        "host": environ.get("HTTP_HOST", ""),
    }


def watch_start(settings: Settings, log: Any) -> None:
    """Look behind, where there is a public address, and say what is wrong; `log`: gunicorn's."""
    if settings.public_url:
        threading.Thread(target=_report, args=[settings, log], name="public", daemon=True).start()


def _report(settings: Settings, log: Any) -> None:
    faults = check_public(settings)
    for fault in faults:
        log.error(fault)
    if not faults:
        log.info("%s: the proxies in front are as the settings say.", settings.public_url)


def check_public(settings: Settings, patience: float = PATIENCE) -> list[str]:
    """What is wrong, a sentence each; `patience`: seconds within which the address must answer."""
    until = time.monotonic() + patience
    while True:
        try:
            return _compare(settings, _ask(settings.public_url))
        except (OSError, ValueError, HTTPException) as error:
            reason = getattr(error, "reason", None) or error
        if time.monotonic() > until:
            return [f"HWAPUNG_PUBLIC_URL, {settings.public_url}, does not answer from here: {reason}."]
        time.sleep(PAUSE)


def _ask(url: str) -> Any:
    """JSON; whose, nobody knows yet. Raises `OSError`, `ValueError` and `HTTPException`."""
    question = urllib.request.Request(f"{url}/healthz", headers={HEADER: TOKEN})
    with urllib.request.urlopen(question, timeout=TIMEOUT) as answer:
        return json.load(answer)


def _compare(settings: Settings, said: Any) -> list[str]:
    url, way = settings.public_url, said.get("way") if isinstance(said, dict) else None
    if way is None:
        return [f"HWAPUNG_PUBLIC_URL, {url}, is answered by another server than this one."]
    faults = []
    if way["proxies"] != settings.trusted_proxies:
        faults.append(
            f"HWAPUNG_TRUSTED_PROXIES is {settings.trusted_proxies}, but what comes by {url} names {way['proxies']} "
            "addresses in X-Forwarded-For: set it to that number, or visitors share one limit, or choose their own."
        )
    elif way["scheme"] != urlsplit(url).scheme:
        faults.append(f"What comes by {url} says that it is {way['scheme']}: let the proxy send X-Forwarded-Proto.")
    if not is_ours(way["host"], settings.hosts):
        faults.append(f"HWAPUNG_HOSTS does not name {way['host']}, by which {url} comes: its pages are refused.")
    return faults
