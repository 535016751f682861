# Two commands do everything on a machine with Python >= 3.11 and make: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo losses network test lint benchmark clean

demo: .venv/experiments.installed
	$(BIN)/python experiments/mle_is_kl_minimisation.py

losses: .venv/experiments.installed
	$(BIN)/python experiments/losses_are_cross_entropies.py

network: .venv/experiments.installed
	$(BIN)/python experiments/network.py

test: .venv/dev.installed lint
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

lint: .venv/dev.installed
	$(BIN)/ruff check .
	$(BIN)/mypy

benchmark: .venv/dev.installed
	for script in first_call later_calls many_fits many_inferences mixture regression softmax; do $(BIN)/python benchmarks/$$script.py || exit 1; done

clean:
	rm -rf .venv build dist *.egg-info

.venv/%.installed: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable ".[$*]"
	touch $@
