"""`make bench-serving`: predictions a second of TorchServe, our front end, three rivals and no server.

All run on this machine in one run, in turn, in short rounds; medians are reported, and ratios of each round. What must
be reached depends on what the processor has. The parts can be measured in runs of their own (`--parts web`), each of
which a few minutes are enough for; `report` puts together what was measured last. Writes `build/bench/serving.json`, or
`serving_amx.json` where the processor has AMX, and exits 1 naming each target missed.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import psutil

from hwapung.local import front_end
from model_training.progress import follow
from model_training.runtime.classifier import Classifier
from model_training.runtime.files import write_text
from tests.benchmarks import serving_growth, serving_profile
from tests.benchmarks.results import MADE_HERE, Entry, Table, Targets, list_instructions, publish
from tests.benchmarks.serving_material import FOLDER, IMAGES, KINDS, make_images, make_served_bundle
from tests.benchmarks.serving_servers import Asked, ask_in_process, list_processes, load, rival, serving

CONNECTIONS = (1, 16)
SERVERS = {
    "torchserve": "TorchServe",
    "front_end": "through the front end",
    "fastapi": "FastAPI, torch",
    "litserve": "LitServe, torch",
    "openvino": "FastAPI, OpenVINO float32",
    "in_process": "in process, without HTTP",
}
RATIOS = (
    ("torchserve", "fastapi"),
    ("torchserve", "litserve"),
    ("torchserve", "openvino"),
    ("torchserve", "in_process"),
    ("front_end", "torchserve"),
)
#: Figure → what it must reach without VNNI, with it, and with AMX.
BOUNDS = {
    "web_torchserve_over_fastapi_at_16": (">=", 3, 5.5, 8),
    "photograph_torchserve_over_fastapi_at_16": (">=", 3.5, 5, 5),
    "web_torchserve_p50_over_fastapi_at_1": ("<=", 0.6, 0.33, 0.3),
    "web_torchserve_over_in_process_at_16": (">=", 0.9, 0.85, 0.8),
    "web_torchserve_over_openvino_at_16": (">=", 1.5, 2.5, 3),
    "web_front_end_over_torchserve_at_16": (">=", 0.95, 0.93, 0.9),
}
Images = dict[str, list[Path]]
Figures = dict[str, float]


def choose_targets() -> Targets:
    """Of `BOUNDS`, those of a processor like this one."""
    there = list_instructions()
    column = 2 if "AMX" in there else 1 if "VNNI" in there else 0
    return {name: (sign, bounds[column]) for name, (sign, *bounds) in BOUNDS.items()}


# --- the parts --------------------------------------------------------------------------------------------------------
def measure_ratios(kind: str, bundle: Path, images: Images, seconds: float, rounds: int) -> Figures:
    """Every server with one kind of image, at one connection and at 16; and what a picture costs our processes."""
    asked: dict[tuple[str, int], list[Asked]] = defaultdict(list)
    model = Classifier.load(bundle)
    with serving([bundle]) as server, ExitStack() as stack:
        front = stack.enter_context(front_end(server.inference_url, ["landscape"], 0))
        watched = list_processes(server)
        watched["front_end"] = [
            each for each in psutil.Process().children(recursive=True) if "frontend" in " ".join(each.cmdline())
        ]
        addresses = {
            "torchserve": (f"{server.inference_url}/predictions/landscape", "raw"),
            "front_end": (f"{front}/api/v1/models/landscape/predict", "raw"),
            "fastapi": (stack.enter_context(rival("fastapi", bundle)), "file"),
            "litserve": (stack.enter_context(rival("litserve", bundle)), "request"),
            "openvino": (stack.enter_context(rival("openvino", bundle)), "file"),
        }
        for url, form in addresses.values():
            load(url, 16, 2, form, images["web"])  # warm up
        plan = [count for _ in range(rounds) for count in CONNECTIONS]
        with follow("Measuring") as step:
            for done, count in enumerate(plan):
                step.update(done, len(plan), f"{kind} at {count}")
                for name, (url, form) in addresses.items():
                    asked[name, count].append(load(url, count, seconds, form, images[kind], watched))
                sent = images[kind] if count > 1 else images[kind][:1]
                asked["in_process", count].append(ask_in_process(model, sent, seconds))
    figures: Figures = {}
    for (name, count), each in asked.items():
        key = f"{kind}_{name}_at_{count}"
        figures[key] = statistics.median(one.rate for one in each)
        for percent in (50, 99):
            figures[f"{key}_p{percent}_ms"] = statistics.median(one.percentile(percent) for one in each)
    for one, other in RATIOS:
        pairs = list(zip(asked[one, 16], asked[other, 16], strict=True))
        figures[f"{kind}_{one}_over_{other}_at_16"] = statistics.median(a.rate / b.rate for a, b in pairs)
    pairs = list(zip(asked["torchserve", 1], asked["fastapi", 1], strict=True))
    figures[f"{kind}_torchserve_p50_over_fastapi_at_1"] = statistics.median(
        a.percentile(50) / b.percentile(50) for a, b in pairs
    )
    through = asked["front_end", 16]
    for group in serving_profile.GROUPS:
        figures[f"{kind}_{group}_core_ms"] = statistics.median(one.core_ms[group] for one in through)
    figures[f"{kind}_idle"] = statistics.median(one.idle for one in asked["torchserve", 16])
    alone = {name: figures[f"{kind}_{name}_at_1_p50_ms"] for name in ("in_process", "torchserve", "front_end")}
    figures[f"{kind}_http_ms"] = alone["torchserve"] - alone["in_process"]
    figures[f"{kind}_front_ms"] = alone["front_end"] - alone["torchserve"]
    return figures


def measure_profile(bundle: Path, images: Images, seconds: float, rounds: int) -> Figures:
    """Each step of an answer alone."""
    return {
        f"{kind}_{step}_ms": value
        for kind in KINDS
        for step, value in serving_profile.profile_steps(bundle, images[kind]).items()
    }


PARTS: dict[str, Callable[[Path, Images, float, int], Figures]] = {
    "profile": measure_profile,
    **{kind: partial(measure_ratios, kind) for kind in KINDS},
    "growth": serving_growth.measure_growth,
}


# --- what is told ----------------------------------------------------------------------------------------------------
def make_table(kind: str, caption: str) -> Table:
    """Predictions a second, and latencies."""
    rows = (
        (
            words,
            f"{{{kind}_{server}_at_1:.1f}}",
            f"{{{kind}_{server}_at_1_p50_ms:.1f}}",
            f"{{{kind}_{server}_at_16:.1f}}",
            # in process a batch has a latency, not a picture
            f"{{{kind}_{server}_at_16_p50_ms:.0f}} / {{{kind}_{server}_at_16_p99_ms:.0f}}"
            if server != "in_process"
            else "–",
        )
        for server, words in SERVERS.items()
    )
    return Table(("", "1 connection", "p50, ms", "16 connections", "p50 / p99, ms"), tuple(rows), caption)


def phrase_ratios(kind: str, words: str) -> str:
    return (
        f"{words}: at 16 connections TorchServe answers {{{kind}_torchserve_over_fastapi_at_16:.1f}} times as often as "
        f"FastAPI, {{{kind}_torchserve_over_litserve_at_16:.1f}} times as often as LitServe, and "
        f"{{{kind}_torchserve_over_openvino_at_16:.1f}} times as often as FastAPI with OpenVINO; that is "
        f"{{{kind}_torchserve_over_in_process_at_16:.0%}} of what the same cores do without any server. The front end "
        f"passes on {{{kind}_front_end_over_torchserve_at_16:.0%}} of it. At one connection an answer takes "
        f"{{{kind}_torchserve_p50_over_fastapi_at_1:.2f}} of FastAPI's time."
    )


ENTRY = Entry(
    section="Serving",
    title="Predictions a second",
    command="make bench-serving",
    data=MADE_HERE,
    tables=(
        make_table("web", "JPEGs of 800 pixels"),
        make_table("photograph", "Photographs of 12 megapixels"),
        *serving_profile.make_tables(),
        *serving_growth.make_tables(),
    ),
    notes=(
        phrase_ratios("web", "JPEGs of 800 pixels"),
        phrase_ratios("photograph", "Photographs"),
        "FastAPI and LitServe run the same weights in torch as their documentation has one write it: one request at a "
        "time, and batches of up to 16. The third rival is what an able engineer makes of FastAPI in an afternoon: "
        "threads that decode, and OpenVINO in float32 with as many requests at once as it wants. None of them has a "
        "gate.",
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", nargs="+", choices=[*PARTS, "report"], default=[*PARTS, "report"])
    parser.add_argument("--seconds", type=float, default=2, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    bundle, images = make_served_bundle(), make_images()
    for part in arguments.parts:
        if part != "report":
            figures = PARTS[part](bundle, images, arguments.seconds, arguments.rounds)
            write_text(FOLDER / f"{part}.json", json.dumps(figures, indent=1))
            print_figures(figures)
    if "report" in arguments.parts:
        report(arguments)


def report(arguments: argparse.Namespace) -> None:
    figures: Figures = {}
    for part in PARTS:
        figures |= json.loads((FOLDER / f"{part}.json").read_text("utf-8"))
    setup = (
        f"ResNet-18 at 224×224 in int8 with its gate, {IMAGES} pictures of each kind; {arguments.rounds} rounds of "
        f"{arguments.seconds:g} s, medians; a ratio is of one round"
    )
    name, entry = "serving", ENTRY
    if "AMX" in list_instructions():
        name, entry = "serving_amx", dataclasses.replace(ENTRY, title=f"{ENTRY.title} with AMX")
    publish(name, entry, figures, choose_targets(), setup)


def print_figures(figures: Figures) -> None:
    for name, value in figures.items():
        print(f"{name:<48}{value:>10.2f}", flush=True)


if __name__ == "__main__":
    main()
