# make demo · make test · make check · make bench: each sets up .venv by itself. PYTHON names another interpreter (>= 3.10).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
TORCH := $(shell sed -n 's/^torch==/torch==/p' constraints.txt)
# Tests of one file stay in one process. JOBS=1 runs all in one.
JOBS ?= 2
PYTEST := $(BIN)/python -m pytest -q -n $(JOBS) --dist loadfile
DEMO := demo_out

.PHONY: setup demo test test-all check bench format clean

setup: $(READY)

# torch comes first and alone: asked for through another package, pip may take a larger build than the one pinned.
$(READY): setup.py constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 10) and "Python %d.%d found, 3.10 or newer needed: make PYTHON=python3.11" % v[:2])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --progress-bar off -q $(TORCH)
	$(BIN)/python -m pip install --disable-pip-version-check --progress-bar off -q -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(READY)
	@echo "== 1. The shipped model reads a bundled synthetic ECG"
	@mkdir -p $(DEMO)
	$(BIN)/meit report examples/atrial_fibrillation --plot $(DEMO)/atrial_fibrillation.png
	@echo "== 2. A synthetic instruction set, a small model trained on it, and its scores beside the controls"
	$(BIN)/meit build synthetic --num-records 3000 --out $(DEMO)/synthetic
	$(BIN)/meit train recipes/demo-synthetic.yaml data=$(DEMO)/synthetic output_dir=$(DEMO)/model
	$(BIN)/meit eval quality --model $(DEMO)/model --data $(DEMO)/synthetic --split test --out $(DEMO)/scores

test: $(READY)
	$(PYTEST) -m "not slow"

test-all: $(READY)
	$(PYTEST) -m slow

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY)
	$(BIN)/python benchmarks/convolution.py
	$(BIN)/python benchmarks/drawing.py
	@echo "benchmarks/reading.py --src PTB-XL measures the data set on the real archive"

clean:
	rm -rf $(VENV) $(DEMO) build *.egg-info
