# Hwapung. `make help` lists the commands.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= $(firstword $(shell command -v python3.11 python3.12 python3.13 python3))
RECIPE ?= landscape
DEVICE ?= auto
DATA ?=
SET ?=
BACKBONES ?= resnet18 resnet50 efficientnet_b0 vit_small_patch16_224
WORKERS ?= 1
STORE ?= torchserve/model_store
REPEATS ?= 5
CLASSES ?= 4
BUNDLE ?= build/bundles/$(RECIPE)

run := .venv/bin/python
requirements := $(wildcard requirements/*.txt)
weights := ../shared/weights/mobilenetv2_100.safetensors
landscapes := ../shared/data/landscape
ai_vs_real := ../shared/data/ai_vs_real
paintings := ../shared/data/painting_styles

.PHONY: help setup demo train search audit archive ensemble distil analyse forms variants serve up down compare-balance compare-splits pairs draw \
        sketch gallery ablate test test-unit test-serving test-browser test-compose browser database \
        lint format figures figures-ai-vs-real figures-webtoon figures-analysis figures-sketch \
        bench-analysis bench-serving bench-search bench-training bench-video bench-sketch clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@printf '\n  RECIPE=landscape  DATA=folder  DEVICE=auto|cpu|cuda|cuda:2  SET="training.epochs=3 network.pretrained=false"\n'

# --- set-up ----------------------------------------------------------------------------------------------------------
.venv/app: $(requirements)
	@[ -n "$(PYTHON)" ] || { echo "error: there is no Python. Install Python 3.11 or newer." >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: $(PYTHON) is older than 3.11. Install Python 3.11, or say make PYTHON=/path/to/python3.11." >&2; exit 2; }
	$(PYTHON) -m venv .venv
	$(run) -m pip install --quiet --upgrade pip
	$(run) -m pip install --progress-bar on --requirement requirements/app.txt
	@touch $@

# --no-deps: requirements/detector.txt says why
.venv/detector: .venv/app
	$(run) -m pip install --quiet --no-deps --requirement requirements/detector.txt
	@touch $@

.venv/dev: .venv/app .venv/detector
	$(run) -m pip install --quiet --requirement requirements/dev.txt
	@touch $@

.venv/analysis: .venv/app
	$(run) -m pip install --quiet --requirement requirements/analysis.txt
	@touch $@

setup: .venv/app  ## the Python environment, in .venv

# --- use -------------------------------------------------------------------------------------------------------------
demo: .venv/app  ## train, archive, serve and classify; DATA=folder for your own pictures
	@exec $(run) hwapung.py demo $(if $(DATA),--data "$(DATA)") --device $(DEVICE) $(SET)

train: .venv/app $(if $(filter sketch_detector,$(RECIPE)),.venv/detector)  ## train RECIPE on DATA, leave its bundle in build/bundles
	@$(run) -m model_training train $(RECIPE) $(if $(DATA),--data "$(DATA)") --device $(DEVICE) $(SET)

audit: .venv/app  ## what the files of DATA give away of their class, without a look at the pixels
	@$(run) -m model_training audit "$(DATA)" --recipe $(RECIPE) $(SET)

search: .venv/app  ## try RECIPE's search.space on DATA, archive the best as NAME; WORKERS=2, STUDY, STORAGE=postgresql://… to share
	@$(run) -m model_training search $(RECIPE) --data "$(DATA)" --device $(DEVICE) --workers $(WORKERS) \
	  $(if $(STUDY),--study "$(STUDY)") $(if $(STORAGE),--storage "$(STORAGE)") $(if $(NAME),--name "$(NAME)") \
	  $(if $(filter no,$(FEATURES)),--no-features) $(SET)
	@$(run) -m torchserve archive --bundle build/bundles/$(or $(NAME),$(RECIPE)) --out $(STORE)

archive: .venv/app  ## put RECIPE's bundle into torchserve/model_store as a .mar; FORM=int8|float32|torch with its DATA
	@$(run) -m torchserve archive --bundle $(BUNDLE) --out $(STORE) \
	  $(if $(FORM),--form $(FORM)) $(if $(DATA),--data "$(DATA)")

comma := ,
distil: .venv/app  ## train RECIPE on the softened answers of TEACHER=bundle[,bundle] besides the labels of DATA
	@$(run) -m model_training distil $(RECIPE) $(foreach each,$(subst $(comma), ,$(TEACHER)),--teacher $(each)) \
	  $(if $(DATA),--data "$(DATA)") $(if $(NAME),--name "$(NAME)") --device $(DEVICE) $(SET)

ensemble: .venv/app  ## average BUNDLES, trained on DATA, into one bundle, NAME; then archive, analyse, forms as of any other
	@$(run) -m model_training ensemble $(BUNDLES) --data "$(or $(DATA),build/data/procedural)" $(if $(NAME),--name "$(NAME)")

sketch: .venv/app  ## put the sketch detector and classifier, both trained, into one bundle; then make archive RECIPE=sketch
	@$(run) -m model_training sketch

gallery: .venv/app  ## index the pictures of DATA as references for sketches, in build/gallery
	@$(run) -m model_training gallery --data "$(DATA)"

ablate: .venv/app  ## adaptations × losses of RECIPE=sketch_classifier on DATA, in build/comparisons; resumable
	@$(run) -m model_training compare ablation $(RECIPE) --data "$(DATA)" --device $(DEVICE) $(SET)

analyse: .venv/analysis  ## a report on RECIPE's bundle in analysis/reports; DATA=the pictures it was trained on
	@$(run) -m analysis $(notdir $(BUNDLE)) $(if $(DATA),--data "$(DATA)") --device $(DEVICE) $(SET)

forms: .venv/analysis  ## BUNDLES in torch, OpenVINO and 8-bit integers: accuracy, agreement, size, latency, throughput
	@$(run) -m analysis.forms $(or $(BUNDLES),$(BUNDLE)) $(if $(DATA),--data "$(DATA)",--data build/data/procedural)

variants: .venv/analysis  ## train RECIPE with each of BACKBONES and compare them and their forms
	@for each in $(BACKBONES); do $(run) -m model_training train $(RECIPE) $(if $(DATA),--data "$(DATA)") --device $(DEVICE) \
	  --build build/variants/$$each network.backbone=$$each $(SET); done
	@$(run) -m analysis.forms $(foreach each,$(BACKBONES),build/variants/$(each)/bundles/$(notdir $(BUNDLE))) \
	  --data "$(or $(DATA),build/variants/$(firstword $(BACKBONES))/data/procedural)" --build build/variants

serve: .venv/app  ## TorchServe with every archive of the store, and the front end before it
	@exec $(run) hwapung.py serve --store $(STORE)

compare-balance: .venv/app  ## ways to treat unequal classes on DATA, by class (REPEATS=5)
	@$(run) -m model_training compare balance $(RECIPE) --data "$(DATA)" --device $(DEVICE) --repeats $(REPEATS) $(SET)

compare-splits: .venv/app  ## split by SET="data.group=column" against at random: the leak in points
	@$(run) -m model_training compare splits $(RECIPE) --data "$(DATA)" --device $(DEVICE) --repeats $(REPEATS) $(SET)

pairs: .venv/app  ## the classes that are mixed up most, two by two (CLASSES=4)
	@$(run) -m model_training compare pairs $(RECIPE) --data "$(DATA)" --device $(DEVICE) --classes $(CLASSES) $(SET)

draw: .venv/app  ## draw a procedural dataset into DATA
	@$(run) -m model_training draw "$(or $(DATA),build/data/procedural)"

compose_files := -f docker-compose.yml $(if $(shell command -v nvidia-smi),-f docker-compose.gpu.yml)
up:  ## docker compose up --build, with the GPU where there is one
	docker compose $(compose_files) up --build

down:  ## stop and remove the containers
	docker compose $(compose_files) down

# --- tests and checks ------------------------------------------------------------------------------------------------
debian := export DEBIAN_FRONTEND=noninteractive; apt-get update -qq && apt-get install -y -qq --no-install-recommends
can_install := [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null

browser:
	@if ! command -v chromium >/dev/null && $(can_install); then $(debian) chromium fonts-noto-cjk >/dev/null; fi

database:
	@if ! ls -d /usr/lib/postgresql/*/bin >/dev/null 2>&1 && $(can_install); then $(debian) postgresql >/dev/null; fi

# two processes share the cores: threads of one that wait actively would take the other's time
test: export OMP_WAIT_POLICY := PASSIVE
test: .venv/dev .venv/analysis browser database lint  ## lint and every test but the containers'
	$(run) -m pytest tests --ignore tests/compose --numprocesses 2 --dist loadfile --durations 25

test-unit: .venv/dev .venv/analysis database  ## the tests that start no server
	$(run) -m pytest tests/model_training tests/analysis tests/contract tests/frontend tests/test_house.py

test-serving: .venv/dev  ## the tests with the real TorchServe
	$(run) -m pytest tests/torchserve tests/test_hwapung.py

test-browser: .venv/dev browser  ## the tests in a real browser
	$(run) -m pytest tests/e2e

test-compose: .venv/dev  ## build the images, docker compose up, classify through the published port
	$(run) -m pytest tests/compose

lint: .venv/dev  ## ruff, mypy, import-linter
	$(run) -m ruff check --quiet .
	$(run) -m ruff format --quiet --check .
	$(run) -m mypy --no-error-summary
	@mkdir -p build
	@.venv/bin/lint-imports --no-cache > build/lint-imports.log 2>&1 || { cat build/lint-imports.log; exit 1; }

format: .venv/dev  ## ruff's formatting and safe fixes
	$(run) -m ruff check --fix-only --quiet .
	$(run) -m ruff format --quiet .

# --- figures and benchmarks ------------------------------------------------------------------------------------------
figures: .venv/dev  ## the accuracy figures that the README quotes
	$(run) -m tests.benchmarks.landscape_accuracy --data $(or $(DATA),$(landscapes)) --weights $(weights) $(SET)

figures-ai-vs-real: .venv/dev .venv/analysis  ## accuracy, calibration and sure answers of ai_vs_real_small on real data
	$(run) -m tests.benchmarks.ai_vs_real_figures --data $(or $(DATA),$(ai_vs_real)) --weights $(weights) $(SET)

figures-webtoon: .venv/dev  ## webtoon's recipe on paintings by artist against frozen features
	$(run) -m tests.benchmarks.webtoon_figures --data $(or $(DATA),$(paintings)) --weights $(weights) $(SET)

figures-analysis: .venv/dev .venv/analysis  ## calibration, coverage, unknown, label errors, leaks and shortcuts on real pictures
	$(run) -m tests.benchmarks.analysis --data $(or $(DATA),../shared/data) --weights $(weights) $(SET)

searching := $(run) -m tests.benchmarks.search --data $(or $(DATA),$(paintings)) --weights $(weights)
bench-search: .venv/dev  ## a grid of 54 with caches and without, small; then its frozen rows as large as webtoon's recipe
	missed=0; $(searching) $(SET) || missed=$$?; \
	  $(searching) --depths 0 --size 112 --epochs 10 --pictures 360 $(SET) || missed=$$?; exit $$missed

bench-training: .venv/dev  ## pictures a second against torchvision's own loop; memory at 100,000 pictures
	$(run) -m tests.benchmarks.training --data $(or $(DATA),$(paintings)) --weights $(weights) $(SET)

bench-analysis: .venv/dev .venv/analysis  ## a report on 10,000 predicted pictures in seconds, and on 50,000 in memory
	$(run) -m tests.benchmarks.reports $(SET)

bench-serving: .venv/dev  ## predictions a second against FastAPI, LitServe and the in-process limit
	$(run) -m tests.benchmarks.serving $(SET)

bench-video: .venv/dev  ## a film of a minute through the front end: speed, and memory against length
	$(run) -m tests.benchmarks.video $(SET)

figures-sketch: .venv/dev  ## mAP50 of the sketch detector with and without composed pre-training, BCE against focal
	$(run) -m tests.benchmarks.sketch_detection --data $(or $(DATA),../shared/data/sketch_scenes) $(SET)

bench-sketch: .venv/dev browser  ## how long a page with 5 objects takes: the model server's answer, then the page's guess
	missed=0; $(run) -m tests.benchmarks.sketch_serving $(SET) || missed=$$?; \
	  $(run) -m tests.benchmarks.sketch_page || missed=$$?; exit $$missed

clean:  ## remove what was built, but not the environment
	rm -rf build torchserve/model_store/*.mar
