"""What a run's folder remembers, and which run goes on in it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from curation.core.errors import RunError
from training import config as configs
from training.config import TrainConfig
from training.folder import ClassList, Parts, RunFolder

CLASSES = ClassList(("background", "shoes"), ("#000000", "#ff0000"))
PARTS = Parts("fold", ("k1", "k2"), ("a", "b"), ("0", "1"))


def test_a_run_that_began_before_there_was_a_setting_goes_on_with_its_default(
    tmp_path, monkeypatch
):
    folder, config = RunFolder(tmp_path / "run"), TrainConfig()
    earlier = {k: v for k, v in configs.to_table(config).items() if k != "train_on"}
    with monkeypatch.context() as patched:
        patched.setattr(configs, "to_table", lambda _: earlier)
        folder.begin(config, CLASSES, PARTS, "labels")
    folder.begin(config, CLASSES, PARTS, "labels")
    with pytest.raises(RunError, match="other settings"):
        folder.begin(replace(config, train_on=1), CLASSES, PARTS, "labels")
    with pytest.raises(RunError, match="other settings"):
        folder.begin(replace(config, seed=config.seed + 1), CLASSES, PARTS, "labels")
