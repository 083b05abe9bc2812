"""The settings of a training on the command line, all made from ``TrainConfig``."""

from __future__ import annotations

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from curation.cli import main, settings
from training.config import SETTINGS, TrainConfig


def completed(*words: str, incomplete: str) -> list[str]:
    found = ShellComplete(main, {}, "curate", "_CURATE_COMPLETE")
    return [item.value for item in found.get_completions(list(words), incomplete)]


def config(recipe="laptop", *others: str, **given) -> TrainConfig:
    typed = tuple(settings.Setting().convert(text, None, None) for text in others)
    return settings.config_of(recipe, typed, given)


def test_help_names_the_choices_and_every_setting():
    text = " ".join(CliRunner().invoke(main, ["train", "--help"]).output.split())
    assert "--model [fpn|deeplabv3plus|unet]" in text
    assert "--output-stride [8|16|32]" in text
    assert "--recipe [imaterialist|" in text
    assert "schedule=[cosine|poly|constant]" in text
    for name, setting in SETTINGS.items():
        assert name.replace("_", "-") in text or name in text
        if name in settings.COMMON:
            assert setting.metadata["help"] in text


def test_any_setting_can_be_set_and_has_its_type():
    changed = config("laptop", "loss=focal", "ema=false", "weight_decay=0", "patience=3")
    assert (changed.loss, changed.ema, changed.patience) == ("focal", False, 3)
    assert isinstance(changed.weight_decay, float)
    assert config("laptop", *(f"{k}={_typed(s.default)}" for k, s in SETTINGS.items())) == config()


@pytest.mark.parametrize("verb", [["train", "d", "--run", "r"], ["round", "d", "start"]])
def test_one_fold_is_refused_before_anything_begins(verb):
    refused = CliRunner().invoke(main, [*verb, "--folds", "1"])
    assert refused.exit_code == 2
    assert "give 2 or more" in refused.output


def _typed(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--set", "loss=hinge"], "loss = 'hinge' is none of cross_entropy, focal"),
        (["--set", "looks=3"], "unknown key 'looks'; known are backbone"),
        (["--set", "epochs=2.5"], "epochs = '2.5' is not a whole number"),
        (["--set", "ema=maybe"], "ema = 'maybe' is not true or false"),
        (["--set", "epochs"], "'epochs' is not key=value"),
        (["--set", "size=64", "--size", "64"], "size is given twice"),
        (["--set", "size=100"], "size = 100 is not a multiple of 32"),
        (["--model", "segnet"], "'segnet' is not one of 'fpn', 'deeplabv3plus', 'unet'"),
        (["--output-stride", "12"], "'12' is not one of '8', '16', '32'"),
    ],
)
def test_what_does_not_fit_is_named_with_what_would(words, message):
    result = CliRunner().invoke(main, ["train", "x/", "--run", "a", "--recipe", "quick", *words])
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())


def test_a_sweep_takes_its_learning_rates_by_its_own_option_alone():
    words = ["sweep", "no/", "--run", "s", "--recipe", "laptop", "--set", "learning_rate=0.5"]
    refused = CliRunner().invoke(main, words)
    assert refused.exit_code == 2
    assert "a sweep has its own, --learning-rate" in refused.output


def test_the_shell_completes_choices_recipes_and_keys():
    start = ("train", "photos")
    assert completed(*start, "--model", incomplete="d") == ["deeplabv3plus"]
    assert completed(*start, "--output-stride", incomplete="") == ["8", "16", "32"]
    assert completed(*start, "--recipe", incomplete="la") == ["laptop", "laptop-finetune", "large"]
    assert completed(*start, "--set", incomplete="back") == ["backbone=", "backbone_lr_multiplier="]
    assert completed(*start, "--set", incomplete="loss=f") == ["loss=focal"]
    assert completed(*start, "--set", incomplete="flip=") == ["flip=true", "flip=false"]
