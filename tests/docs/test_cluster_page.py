"""What the page about several machines says, as far as one machine goes."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from curation import store
from curation.demo import run as demo
from tests.clusters import require_dask
from tests.databases import free_port
from tests.docs.documents import CLUSTER, commands, section, text
from tests.docs.test_commands import run

SCRIPTS = re.findall(r"```bash\n(.*?)```", text(CLUSTER), flags=re.S)
SRUN = '#!/bin/sh\nexec "$@"\n'
"""One task of the job, on this machine."""


@pytest.fixture
def folder(tmp_path):
    """Photos and labels as the page has them; ``curate``, ``dask`` and ``srun`` to be found."""
    demo.draw(tmp_path, 24)
    (tmp_path / "photos").rename(tmp_path / "images")
    programs = tmp_path / "bin"
    programs.mkdir()
    curate = f"#!{sys.executable}\nfrom curation.cli import main\nmain()\n"
    dask = f'#!/bin/sh\nexec {sys.executable} -m dask "$@"\n'
    for name, program in (("curate", curate), ("dask", dask), ("srun", SRUN)):
        (programs / name).write_text(program)
        (programs / name).chmod(0o755)
    store.delete("photos")
    yield tmp_path
    store.delete("photos")


def environment(folder: Path, **more: str) -> dict[str, str]:
    paths = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    path = f"{folder / 'bin'}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": ":".join(filter(None, paths)), **more}


@pytest.mark.long
def test_the_commands_and_the_jobs_of_the_page(folder):
    require_dask()
    port = str(free_port())
    lines = [x.replace("8786", port) for x in commands(section(CLUSTER, "With Dask"))]
    started = [
        subprocess.Popen([*shlex.split(x), "--no-dashboard"], env=environment(folder), cwd=folder)
        for x in lines
        if x.startswith("dask")
    ]
    time.sleep(2)
    try:
        told = run([x for x in lines if x.startswith("curate")], folder)
    finally:
        for process in started:
            process.terminate()
            process.wait()
    assert "Audited 24 photos of photos" in told
    assert (folder / "cleaned" / "manifest.json").is_file()

    told = run(commands(section(CLUSTER, "With any queue")), folder)
    assert "Trained fold 0 of r1; left are fold1." in told
    assert "Predicted shard 2/2 of photos; it was the last one." in told
    assert "Flagged shard 1/2 of photos; others are left." in told

    array, port = {"SLURM_ARRAY_TASK_ID": "1", "SLURM_ARRAY_TASK_COUNT": "1"}, str(free_port())
    _, predict, dask = SCRIPTS
    job(predict, folder, **array)
    here = dask.replace("8786", port).replace("/shared/cleaned", str(folder / "again"))
    job(here.replace("$(hostname)", "127.0.0.1"), folder)
    assert (folder / "again" / "manifest.json").is_file()


def job(script: str, folder: Path, **more: str) -> None:
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment(folder, **more), timeout=300,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_jobs_are_scripts_whose_options_slurm_has(script):
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)
    known = {"job-name", "array", "cpus-per-task", "mem", "mem-per-cpu", "time", "nodes", "ntasks"}
    given = re.findall(r"^#SBATCH --([\w-]+)=\S+$", script, re.M)
    assert set(given) <= known
    assert len(given) == script.count("#SBATCH") >= 5
    assert script.startswith("#!/bin/bash\n#SBATCH")


def test_the_parts_on_kubernetes_fit_each_other():
    (block,) = re.findall(r"```yaml\n(.*?)```", text(CLUSTER), flags=re.S)
    parts = list(yaml.safe_load_all(block))
    assert [part["kind"] for part in parts] == ["Service", "Deployment", "Deployment", "Job"]
    assert {part["apiVersion"] for part in parts} == {"v1", "apps/v1", "batch/v1"}
    service, scheduler, workers, verb = parts
    labels = [p["spec"]["template"]["metadata"]["labels"] for p in (scheduler, workers)]
    assert [p["spec"]["selector"]["matchLabels"] for p in (scheduler, workers)] == labels
    assert service["spec"]["selector"] == labels[0]
    address = f"tcp://{service['metadata']['name']}:{service['spec']['ports'][0]['port']}"
    for part in (workers, verb):
        pod = part["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        assert address in container["command"]
        (mount,) = container["volumeMounts"]
        (volume,) = pod["volumes"]
        assert volume["name"] == mount["name"]
        home = {e["name"]: e.get("value", "") for e in container["env"]}["CURATE_HOME"]
        assert home.startswith(f"{mount['mountPath']}/")
    assert verb["spec"]["template"]["spec"]["restartPolicy"] == "OnFailure"
