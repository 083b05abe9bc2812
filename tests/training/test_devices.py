import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import require_backend
from training import devices

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("wanted", "capabilities", "policy"),
    [
        ("auto", [], "float32"),
        ("auto", [(9, 0)], "mixed_bfloat16"),
        ("auto", [(8, 0)], "mixed_bfloat16"),
        ("auto", [(7, 5)], "mixed_float16"),
        ("auto", [(7, 0)], "mixed_float16"),
        ("auto", [(6, 1)], "float32"),
        ("auto", [(10, 0), (7, 5)], "mixed_float16"),
        ("auto", [(9, 0), (0, 0)], "float32"),
        ("float32", [(9, 0)], "float32"),
        ("bfloat16", [], "mixed_bfloat16"),
        ("float16", [(9, 0)], "mixed_float16"),
    ],
)
def test_precision_is_what_all_gpus_are_fast_in(wanted, capabilities, policy):
    assert devices.policy(wanted, capabilities) == policy


@pytest.mark.parametrize(
    ("backend", "gpus", "processes", "compiles"),
    [
        ("tensorflow", 0, 1, False),
        ("tensorflow", 1, 1, True),
        ("tensorflow", 2, 1, False),
        ("tensorflow", 1, 2, False),
        ("jax", 0, 1, True),
        ("jax", 8, 4, True),
        ("torch", 1, 1, False),
    ],
)
def test_xla_is_used_where_it_pays_and_works(backend, gpus, processes, compiles):
    assert devices.compiles(backend, gpus, processes) == compiles


ASK = """
import os, sys
from training import devices
devices.prepare()
print(devices.describe(), devices.has_gpu(), devices.precision("float16"), devices.jit())
print(os.environ["TF_FORCE_GPU_ALLOW_GROWTH"], os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"])
print("tensorflow" in sys.modules)
"""


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_the_backend_is_asked_and_no_other(backend):
    require_backend(backend)
    mine = os.environ | {"KERAS_BACKEND": backend, "XLA_PYTHON_CLIENT_PREALLOCATE": "true"}
    answer = subprocess.run(
        [sys.executable, "-c", ASK], cwd=ROOT, env=mine, capture_output=True, text=True, check=True
    )
    described, memory, tensorflow = answer.stdout.splitlines()
    name = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}[backend]
    assert described.startswith(f"{name} ")
    assert f"{os.cpu_count()} CPU cores" in described
    assert "mixed_float16" in described
    assert memory == "true true"  # the second as the user has it
    if backend != "tensorflow":
        assert tensorflow == "False"
