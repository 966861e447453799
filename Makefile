# Hwapung. `make help` lists the commands; `hwapung --help` has all that the command can do.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= $(firstword $(shell command -v python3.11 python3.12 python3.13 python3))
RECIPE ?=
DEVICE ?= auto
DATA ?=
SET ?=
STORE ?= torchserve/model_store
SITE ?= http://127.0.0.1:8000

run := .venv/bin/python
hwapung := $(run) -m hwapung
given = $(if $(DATA),--data "$(DATA)")
install := $(run) -m pip install --quiet --constraint requirements/constraints.txt
requirements := pyproject.toml $(wildcard requirements/*.txt)
weights := ../shared/weights/mobilenetv2_100.safetensors
paintings := ../shared/data/painting_styles

.PHONY: help setup demo demo-sketch train archive serve up down test test-unit test-serving test-browser test-cluster test-compose test-faults chaos fuzz tour lighthouse lock sbom audit browser database \
        lint format figures-verdict figures-webtoon figures-analysis figures-encodings figures-sketch \
        bench-analysis bench-batch bench-decoding bench-forms bench-reliability bench-search bench-serving bench-sketch bench-start bench-training bench-video clean

help:  ## this list
	@awk -F ':.*## ' '/^##/ {print substr($$0, 4)} /^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@printf 'RECIPE=landscape|webtoon|… (unset: by DATA)  DATA=folder  DEVICE=auto|cpu|cuda|cuda:2  SET="training.epochs=3"\n'

## Use: aliases of the command hwapung, which does more (.venv/bin/hwapung --help)
.venv/app: $(requirements)
	@[ -n "$(PYTHON)" ] || { echo "error: there is no Python. Install Python 3.11 or newer." >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: $(PYTHON) is older than 3.11. Install Python 3.11, or say make PYTHON=/path/to/python3.11." >&2; exit 2; }
	$(PYTHON) -m venv .venv
	$(run) -m pip install --quiet --upgrade pip
	$(run) -m pip install --progress-bar on --constraint requirements/constraints.txt --editable .
	@touch $@

# --no-deps: requirements/detector.txt says why
.venv/detector: .venv/app
	$(install) --no-deps --requirement requirements/detector.txt
	@touch $@

.venv/dev: .venv/app .venv/detector
	$(install) --editable '.[dev]'
	@touch $@

setup: .venv/app  ## the Python environment, in .venv

demo: .venv/app  ## train, archive, serve and classify; DATA=folder for your own pictures
	@exec $(hwapung) demo $(given) --device $(DEVICE) $(SET)

demo-sketch: .venv/app  ## the same for sketches, from open icon sets to a page to draw on
	@exec $(hwapung) demo sketch --device $(DEVICE) $(SET)

train: .venv/app $(if $(filter sketch_detector,$(RECIPE)),.venv/detector)  ## train RECIPE on DATA, leave its bundle in build/bundles
	@$(hwapung) train $(RECIPE) $(given) --device $(DEVICE) $(SET)

archive: .venv/app  ## put RECIPE's bundle, else the newest, into STORE, torchserve/model_store, as a .mar
	@$(hwapung) archive $(RECIPE) --out $(STORE)

serve: .venv/app  ## TorchServe with every archive of STORE, and the web pages before it
	@exec $(hwapung) serve --store $(STORE)

compose_files := -f docker-compose.yml $(if $(shell command -v nvidia-smi),-f docker-compose.gpu.yml)
up:  ## docker compose up --build, with the GPU where there is one
	docker compose $(compose_files) up --build

down:  ## stop and remove the containers
	docker compose $(compose_files) down

## Test
debian := export DEBIAN_FRONTEND=noninteractive; apt-get update -qq && apt-get install -y -qq --no-install-recommends
can_install := [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null

browser:
	@if ! command -v chromium >/dev/null && $(can_install); then $(debian) chromium fonts-noto-cjk >/dev/null; fi

database:
	@if ! ls -d /usr/lib/postgresql/*/bin >/dev/null 2>&1 && $(can_install); then $(debian) postgresql >/dev/null; fi

# two processes share the cores: threads of one that wait actively would take the other's time
test: export OMP_WAIT_POLICY := PASSIVE
test: .venv/dev browser database lint  ## lint and every test but the containers', the cluster's and the faults'
	$(run) -m pytest tests --ignore tests/cluster --ignore tests/compose --ignore tests/faults --numprocesses 2 --dist loadfile --no-loadscope-reorder --durations 25

test-unit: .venv/dev database  ## the tests that start no server
	$(run) -m pytest tests/model_training tests/analysis tests/contract tests/frontend tests/hwapung tests/docs tests/test_*.py \
	  --ignore tests/hwapung/test_demo.py

test-serving: .venv/dev  ## the tests with the real TorchServe
	$(run) -m pytest tests/torchserve tests/hwapung/test_demo.py

test-browser: .venv/dev browser  ## the tests in a real browser
	$(run) -m pytest tests/e2e

test-cluster: .venv/dev  ## many pictures on two nodes of Ray, one of which goes; buckets
	$(run) -m pytest tests/cluster

test-compose: .venv/dev  ## build the images, docker compose up, classify through the published port
	$(run) -m pytest tests/compose

test-faults: .venv/dev  ## kill, stop and overload what serves, while sixteen visitors ask
	$(run) -m pytest tests/faults

chaos: .venv/dev  ## kill, stop, fill and flood at random for MINUTES=10 under a mixed load; SEED repeats it
	$(run) -m tests.faults.chaos --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED))

fuzz: .venv/dev  ## look MINUTES=8 for bytes that break a reader of strangers' bytes, or TARGET alone
	$(run) -m tests.fuzz --minutes $(or $(MINUTES),8) $(if $(TARGET),--target $(TARGET))

tour: .venv/dev browser  ## every page and state of SITE as pictures in build/tour, looked at by axe-core; DATA=pictures to ask about
	$(run) -m tests.docs.tour --site $(SITE) $(if $(DATA),--pictures "$(DATA)")

lighthouse: .venv/dev browser  ## Lighthouse on every page of SITE, as on a telephone; needs Node.js
	$(run) -m tests.docs.lighthouse --site $(SITE)

lint: .venv/dev  ## ruff, mypy, import-linter
	$(run) -m ruff check --quiet .
	$(run) -m ruff format --quiet --check .
	$(run) -m mypy --no-error-summary
	@mkdir -p build
	@.venv/bin/lint-imports --no-cache > build/lint-imports.log 2>&1 || { cat build/lint-imports.log; exit 1; }

## Supply
lock: .venv/dev  ## write requirements/locked, what the images install with its hashes, from constraints.txt
	PATH="$(CURDIR)/.venv/bin:$$PATH" requirements/lock.sh

sbom: .venv/dev  ## a CycloneDX list of what each image installs, in build/sbom
	PATH="$(CURDIR)/.venv/bin:$$PATH" requirements/sbom.sh build/sbom

audit: .venv/dev  ## ask PyPI for the known vulnerabilities of what the images install
	cd requirements/locked && $(CURDIR)/.venv/bin/pip-audit --disable-pip --strict $(patsubst %,--requirement %.txt,frontend torch serving training)

format: .venv/dev  ## ruff's formatting and safe fixes
	$(run) -m ruff check --fix-only --quiet .
	$(run) -m ruff format --quiet .

## Measure: make bench-NAME (analysis batch decoding forms reliability search serving sketch start training video), make figures-NAME (verdict webtoon analysis encodings sketch)
# accuracy, sure answers and strangers of the products by their own recipes, on real pictures
figures-verdict: .venv/dev
	$(run) -m tests.benchmarks.verdict --data $(or $(DATA),../shared/data) --weights $(weights) $(SET)

# webtoon's recipe on paintings by artist against frozen features
figures-webtoon: .venv/dev
	$(run) -m tests.benchmarks.webtoon_figures --data $(or $(DATA),$(paintings)) --weights $(weights) $(SET)

# calibration, coverage, unknown, label errors, leaks and shortcuts on real pictures
figures-analysis: .venv/dev
	$(run) -m tests.benchmarks.analysis --data $(or $(DATA),../shared/data) --weights $(weights) $(SET)

# how often a short table's encoding is read, asked about, or read wrongly
figures-encodings: .venv/dev
	$(run) -m tests.benchmarks.encodings $(SET)

searching := $(run) -m tests.benchmarks.search --data $(or $(DATA),$(paintings)) --weights $(weights)
# a grid of 54 with caches and without, small; then its frozen rows as large as webtoon's recipe; then with halving
bench-search: .venv/dev
	missed=0; $(searching) $(SET) || missed=$$?; \
	  $(run) -m tests.benchmarks.search_halving --data $(or $(DATA),$(paintings)) --weights $(weights) || missed=$$?; \
	  $(searching) --depths 0 --size 112 --epochs 10 --pictures 360 $(SET) || missed=$$?; exit $$missed

# pictures a second against torchvision's own loop; what bfloat16 costs in accuracy; 1,000 to 1,000,000 pictures
bench-training: .venv/dev
	missed=0; for part in training training_precision; do \
	  $(run) -m tests.benchmarks.$$part --data $(or $(DATA),$(paintings)) --weights $(weights) $(SET) || missed=$$?; done; \
	  $(run) -m tests.benchmarks.training_growth || missed=$$?; exit $$missed

# a report on 10,000 predicted pictures in seconds, and on 50,000 in memory
bench-analysis: .venv/dev
	$(run) -m tests.benchmarks.reports $(SET)

# a file to the network's pixels: before and now, and the bound of entropy decoding; resizers side by side
bench-decoding: .venv/dev
	$(run) -m tests.benchmarks.decoding --data $(or $(DATA),../shared/data) --weights $(weights) $(SET)

# rates of float32, bfloat16 and 8-bit integers here, and decisions changed
bench-forms: .venv/dev
	$(run) -m tests.benchmarks.forms --data $(or $(DATA),../shared/data) --weights $(weights) $(SET)

# many pictures into a table, here and by a server, against what is possible; memory of a million rows
bench-batch: .venv/dev
	$(run) -m tests.benchmarks.batch $(SET)

# predictions a second against FastAPI, LitServe and the in-process limit
bench-serving: .venv/dev
	$(run) -m tests.benchmarks.serving $(SET)

# 100,000 mixed requests, faults, five times the load, slow connections, an hour: each by itself with SET="--parts mixed"
bench-reliability: .venv/dev
	$(run) -m tests.benchmarks.reliability $(SET)

# hwapung serve until the first answer; memory of one, three and six models
bench-start: .venv/dev
	$(run) -m tests.benchmarks.cold_start $(SET)

# a film of a minute through the front end: speed, and memory against length
bench-video: .venv/dev
	$(run) -m tests.benchmarks.video $(SET)

# mAP50 of the sketch detector with and without composed pre-training, BCE against focal
figures-sketch: .venv/dev
	$(run) -m tests.benchmarks.sketch_detection --data $(or $(DATA),../shared/data/sketch_scenes) $(SET)

# how long a page with 5 objects takes: the model server's answer, then the page's guess
bench-sketch: .venv/dev browser
	missed=0; $(run) -m tests.benchmarks.sketch_serving $(SET) || missed=$$?; \
	  $(run) -m tests.benchmarks.sketch_page || missed=$$?; exit $$missed

clean:  ## remove what was built, but not the environment
	rm -rf build torchserve/model_store/*.mar
