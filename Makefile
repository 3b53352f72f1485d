# Both `make demo` and `make test` install what they need into $(VENV) first; once is enough.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin

.PHONY: demo test lint format docs bench wheel clean

demo: $(VENV)/installed
	$(BIN)/python tools/demo.py --work-dir work_dirs/demo

test: $(VENV)/installed
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --durations=20 -q

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/installed
	$(BIN)/ruff format .

docs: $(VENV)/with-docs
	$(BIN)/mkdocs build --strict

# the short form of each benchmark; docs/performance.md has the long one
bench: $(VENV)/installed
	$(BIN)/python tools/benchmark.py pipeline --images 30 --rounds 3
	$(BIN)/python tools/benchmark.py eval --images 500 --rounds 3
	$(BIN)/python tools/benchmark.py step --model ssd300 --rounds 3
	$(BIN)/python tools/benchmark.py infer --model ssd300 --rounds 3

wheel: $(VENV)/installed
	rm -rf build  # else what was deleted since the last build goes into the wheel
	$(BIN)/python -m pip wheel --no-deps --no-build-isolation --wheel-dir dist .

$(VENV)/installed: pyproject.toml requirements.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $@

$(VENV)/with-docs: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --editable ".[docs]"
	touch $@

clean:
	rm -rf $(VENV) work_dirs build dist site
