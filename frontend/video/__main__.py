"""`python -m frontend.video film.mp4 --model ai_vs_real`: send a video to a front end and print what comes back.

Exit codes: 0 the whole video was answered, 1 a part of it, 2 none of it, 130 after Ctrl-C, which also ends the work on
the other side.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import requests

from .sampling import Sampling


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m frontend.video", description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("film", type=Path)
    parser.add_argument("--model", required=True)
    parser.add_argument("--site", default="http://127.0.0.1:8000", help="address of the front end")
    parser.add_argument("--rate", type=float, default=2.0, help="frames a second")
    parser.add_argument("--sampling", choices=get_args(Sampling), default="even")
    parser.add_argument("--json", action="store_true", help="print each event as a line of JSON instead")
    wish = parser.parse_args()
    try:
        return _follow(_ask(wish), as_json=wish.json)
    except OSError as error:  # the file, or the connection: requests' errors are such as well
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _ask(wish: argparse.Namespace) -> Iterator[tuple[str, dict[str, Any]]]:
    """(kind, data) of each event; an answer without a stream counts as an `error`."""
    address = f"{wish.site.rstrip('/')}/api/v1/models/{wish.model}/video"
    query: dict[str, str] = {"rate": str(wish.rate), "sampling": wish.sampling}
    with wish.film.open("rb") as film:
        headers = {"Content-Type": "application/octet-stream"}
        response = requests.post(address, params=query, data=film, headers=headers, stream=True, timeout=(5, 60))
    with response:
        if response.status_code != 200:
            yield "error", response.json()
            return
        kind = ""
        for line in response.iter_lines(decode_unicode=False):
            field, _, value = line.decode("utf-8").partition(": ")
            if field == "event":
                kind = value
            elif field == "data":
                yield kind, json.loads(value)


def _follow(events: Iterator[tuple[str, dict[str, Any]]], *, as_json: bool) -> int:
    seconds = 0.0
    code = 2
    for kind, data in events:
        if kind == "result":
            code = 0 if data["complete"] else 1
        if as_json:
            print(json.dumps({"event": kind} | data, ensure_ascii=False), flush=True)
        elif kind == "video":
            seconds = data["seconds"]
        elif kind == "frame":
            said = _say(data) if "class" in data else "no answer"
            print(f"{data['time']:9.2f} s of {seconds:.2f}  {said}", flush=True)
        elif kind == "result":
            _print_result(data)
        if "error" in data and not (as_json or kind == "frame"):
            print(f"error: {data['error']['message']} {data['error']['remedy']}", file=sys.stderr)
    return code


def _say(answer: dict[str, Any]) -> str:
    """The verdict leads where it is `unknown`: the class is then only the nearest."""
    if answer["verdict"] == "unknown":
        return f"unknown ({answer.get('reason', 'unlike')}), nearest {answer['class']}"
    return f"{answer['class']} {answer['confidence']:.3f} {answer['verdict']}"


def _print_result(result: dict[str, Any]) -> None:
    interval = result["interval"]
    span = f" (95% interval {interval[0]:.3f} to {interval[1]:.3f})" if interval else ""
    said = f"{result['class']}: {result['confidence']:.3f}{span}, {result['verdict']}"
    if result["verdict"] == "unknown":
        said = f"unknown, nearest {result['class']}"
    print(f"\n{said}, from {result['frames']} frames")
    for reason, share in result["unknown"].items():
        print(f"  {f'unknown ({reason})':24} {share:.0%} of the time")
    for key, share in sorted(result["probabilities"].items(), key=lambda item: -item[1]["mean"]):
        print(f"  {key:24} mean {share['mean']:.3f}, ahead in {share['share_of_time']:.0%} of the time")


if __name__ == "__main__":
    sys.exit(main())
