"""At most so many questions a time from one address, all worker processes together.

Whoever asks from this machine itself is not limited. A proxy on this machine is, for all its visitors together, until
HWAPUNG_TRUSTED_PROXIES says that it may be believed; that this is missing, or wrong, is logged.
"""

from __future__ import annotations

import ipaddress
import logging
import math
import os
import time
from functools import lru_cache
from pathlib import Path

from flask import Flask, request
from limits import parse_many
from limits.storage import MemoryStorage, Storage, storage_from_string
from limits.strategies import FixedWindowRateLimiter

from . import errors
from .counts import SharedStorage
from .settings import Settings

logger = logging.getLogger(__name__)

#: Views that make the model work, or somebody else's server. They share one count.
LIMITED = frozenset(
    (
        "batch.predict",
        "classify.predict",
        "classify.explain",
        "pages.ask",
        "pages.show_example",
        "sketch.recognise_api",
        "sketch.clean_paper",
        "sketch.photographs",
        "sketch.references_api",
        "sketch.report_use",
        "video.classify",
        "video.ask",
        "video.explain",
    )
)
#: One visitor has this much of an IPv6 network at least.
IPV6_PREFIX = 64


class Limits:
    """`check` raises `RequestError` (`too_many_requests`) where an address has asked too often."""

    def __init__(self, settings: Settings) -> None:
        self._items = parse_many(settings.rate_limit)
        self._limiter = FixedWindowRateLimiter(_open_storage(settings.rate_limit_storage))
        self._proxies = settings.trusted_proxies
        self._warned = False

    def check(self) -> None:
        if request.endpoint not in LIMITED:
            return
        forwarded: str | None = request.environ.get("HTTP_X_FORWARDED_FOR")
        named = forwarded.count(",") + 1 if forwarded else 0
        if named < self._proxies or (named and not self._proxies):
            self._warn(named)
        address = _parse(request.environ.get("REMOTE_ADDR"))
        if address is None or (address.is_loopback and forwarded is None):
            return
        if isinstance(address, ipaddress.IPv6Address):
            address = ipaddress.ip_network((address, IPV6_PREFIX), strict=False).network_address
        try:
            refused = [each for each in self._items if not self._limiter.hit(each, str(address))]
            if refused:
                reset = max(self._limiter.get_window_stats(each, str(address)).reset_time for each in refused)
        except self._limiter.storage.base_exceptions as error:
            logger.warning("requests could not be counted: %s", error)
            return
        if refused:
            raise errors.too_many_requests(str(refused[0]), max(1, math.ceil(reset - time.time())))

    def _warn(self, named: int) -> None:
        if not self._warned:
            self._warned = True
            logger.warning(
                "HWAPUNG_TRUSTED_PROXIES is %d, but a request from %s names %d addresses in X-Forwarded-For: until "
                "they agree, all visitors of a proxy share one limit.",
                self._proxies, request.environ.get("REMOTE_ADDR"), named,
            )  # fmt: skip


@lru_cache(256)
def _parse(address: str | None) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """None where there is no such address: a Unix socket has none, and a proxy may write anything."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return ipaddress.ip_address("0.0.0.0") if address else None
    return getattr(parsed, "ipv4_mapped", None) or parsed


def _open_storage(uri: str) -> Storage:
    if uri != "shared://":
        storage = storage_from_string(uri)
        assert isinstance(storage, Storage)
        return storage
    folder = os.environ.get("HWAPUNG_COMMON_DIRECTORY")
    return SharedStorage(Path(folder)) if folder else MemoryStorage()


def init_app(app: Flask, settings: Settings) -> None:
    if settings.rate_limit:
        app.before_request(Limits(settings).check)
