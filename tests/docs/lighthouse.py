"""Lighthouse, as on a telephone, on every page of a running site.

    hwapung serve &
    python -m tests.docs.lighthouse --site http://127.0.0.1:8000

Prints a table with a row a page and what costs points; the exit status is 1 where a page is below its bar. npx fetches
Lighthouse (Apache-2.0) from the npm registry when it is first wanted; it needs Node.js 18.20 or newer and Chromium.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import requests

from tests.conftest import CHROMIUM

COMMAND = ("npx", "--yes", "lighthouse@12")
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
BARS = (95, 100, 100, 100)
REPORT_BARS = (90, 100, 100, 95)


def find_pages(site: str) -> Iterator[str]:
    yield from ("/", "/api")
    for model in requests.get(f"{site}/api/v1/models", timeout=30).json()["models"]:
        page = f"/models/{model['name']}"
        content = requests.get(site + page, timeout=30).text
        yield page
        parts = (f"{page}/{part}" for part in ("report", "video"))
        yield from (part for part in parts if requests.get(site + part, timeout=30).ok)
        if (start := content.find(f"{page}/examples/")) >= 0:
            yield content[start:].split('"', 1)[0]


def audit(address: str) -> dict[str, Any]:
    flags = "--headless=new --no-sandbox --disable-gpu"
    options = ["--quiet", "--output=json", f"--chrome-flags={flags}", f"--only-categories={','.join(CATEGORIES)}"]
    done = subprocess.run(
        [*COMMAND, address, *options], env=os.environ | {"CHROME_PATH": CHROMIUM}, stdout=subprocess.PIPE, check=True
    )
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def find_costs(report: dict[str, Any]) -> Iterator[str]:
    """The audits that cost points, with what they say."""
    for category in report["categories"].values():
        for part in category["auditRefs"]:
            found = report["audits"][part["id"]]
            if part["weight"] and found["score"] is not None and found["score"] < 0.9:
                items = [str(item)[:200] for item in found.get("details", {}).get("items", [])[:3]]
                yield " ".join([f"{part['id']}: {found.get('displayValue', found['title'])}", *items])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.docs.lighthouse")
    parser.add_argument("--site", default="http://127.0.0.1:8000", help="where `hwapung serve` answers")
    parser.add_argument("--only", default="", help="pages whose address ends with this")
    options = parser.parse_args()
    site = options.site
    low = 0
    print(f"| page | {' | '.join(CATEGORIES)} |\n|---|---|---|---|---|")
    for page in find_pages(site):
        if not page.endswith(options.only):
            continue
        report = audit(site + page)
        scores = [round(100 * (report["categories"][name]["score"] or 0)) for name in CATEGORIES]
        low += any(score < bar for score, bar in zip(scores, REPORT_BARS if "report" in page else BARS, strict=True))
        print(f"| `{page}` | {' | '.join(map(str, scores))} |", flush=True)
        print(*(f"    {cost}" for cost in find_costs(report)), sep="\n", file=sys.stderr, flush=True)
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main())
