"""What a step frees serves the next one, and the system again when the training is over."""

import json
import subprocess
import sys

#: A step frees five blocks of 40 MiB, which glibc by itself gives back at once.
PROGRAM = """
import json, resource, torch
from contextlib import nullcontext
from pathlib import Path
from model_training.training.memory import keeping_memory

def step():
    blocks = [torch.empty(10 * 2**20).fill_(1) for _ in range(5)]

def count_faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        step()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def held():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if "RssAnon" in line)

step()
told = {"first": held(), "usual": count_faults()}
with keeping_memory():
    step()
    told |= {"kept": count_faults(), "inside": held()}
told["last"] = held()
print(json.dumps(told))
"""


def test_large_blocks_are_kept_inside_and_given_back_at_the_end():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    pages = 20 * 5 * 40 * 2**20 // 4096
    assert told["usual"] > 0.9 * pages
    assert told["kept"] < 0.1 * pages
    assert told["inside"] - told["first"] > 190 * 1024
    assert told["last"] - told["first"] < 20 * 1024
