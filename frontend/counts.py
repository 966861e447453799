"""Counts that all worker processes share, in one file of their common folder: what `limits` asks of a storage."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path

from limits.storage import Storage

#: What is over is deleted after so many counts.
SWEEP = 1000


class SharedStorage(Storage):
    """Fixed windows by key. A window lies with the first count in it, so each key has its own."""

    STORAGE_SCHEME = None

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._counted = 0
        self._database = sqlite3.connect(
            folder / "counts.sqlite", timeout=1, check_same_thread=False, isolation_level=None
        )
        # Nothing has to outlive the processes.
        self._database.execute("PRAGMA synchronous=OFF")
        self._database.execute("PRAGMA journal_mode=MEMORY")
        self._database.execute("CREATE TABLE IF NOT EXISTS counts (key TEXT PRIMARY KEY, count INT, expires REAL)")

    @property
    def base_exceptions(self) -> type[Exception]:
        return sqlite3.Error

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        now = time.time()
        with self._lock:
            self._counted += 1
            if self._counted % SWEEP == 0:
                self._database.execute("DELETE FROM counts WHERE expires <= ?", [now])
            [[count]] = self._database.execute(
                "INSERT INTO counts VALUES (:key, :amount, :now + :expiry) ON CONFLICT (key) DO UPDATE SET"
                " count = iif(expires <= :now, 0, count) + :amount,"
                " expires = iif(expires <= :now, :now + :expiry, expires) RETURNING count",
                {"key": key, "amount": amount, "now": now, "expiry": expiry},
            ).fetchall()
        return int(count)

    def get(self, key: str) -> int:
        return int(self._look_up(key)[0])

    def get_expiry(self, key: str) -> float:
        return self._look_up(key)[1]

    def _look_up(self, key: str) -> tuple[int, float]:
        now = time.time()
        with self._lock:
            row = self._database.execute("SELECT count, expires FROM counts WHERE key = ?", [key]).fetchone()
        return row if row and row[1] > now else (0, now)

    def check(self) -> bool:
        return True

    def reset(self) -> int | None:
        with self._lock:
            return self._database.execute("DELETE FROM counts").rowcount

    def clear(self, key: str) -> None:
        with self._lock:
            self._database.execute("DELETE FROM counts WHERE key = ?", [key])
