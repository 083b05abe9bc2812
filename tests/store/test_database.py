import pytest

from curation.core.errors import DatasetError
from curation.store import database, lazy


def test_a_dead_database_is_said_at_once_with_the_way_out(monkeypatch):
    monkeypatch.setenv("FIFTYONE_DATABASE_URI", "mongodb://127.0.0.1:9")
    with pytest.raises(DatasetError, match=r"127.0.0.1:9 does not answer .*unset FIFTYONE_DATA"):
        database.prepare()


def test_the_uri_of_fiftyones_config_file_counts_too(monkeypatch, tmp_path):
    monkeypatch.delenv("FIFTYONE_DATABASE_URI")
    config = tmp_path / "config.json"
    config.write_text('{"database_uri": "mongodb://somewhere"}')
    monkeypatch.setenv("FIFTYONE_CONFIG_PATH", str(config))
    assert database.database_uri() == "mongodb://somewhere"


def test_a_broken_config_file_is_no_uri(monkeypatch, tmp_path):
    monkeypatch.delenv("FIFTYONE_DATABASE_URI")
    config = tmp_path / "config.json"
    config.write_text("[]")
    monkeypatch.setenv("FIFTYONE_CONFIG_PATH", str(config))
    assert database.database_uri() is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"database_uri": ', "config.json: FiftyOne's settings cannot be read.*mend the file"),
        ('{"database_uri": 5}', "config.json:database_uri: 5 is no address"),
    ],
)
def test_a_damaged_config_file_is_named(monkeypatch, tmp_path, text, reason):
    monkeypatch.delenv("FIFTYONE_DATABASE_URI")
    (tmp_path / "config.json").write_text(text)
    monkeypatch.setenv("FIFTYONE_CONFIG_PATH", str(tmp_path / "config.json"))
    with pytest.raises(DatasetError, match=reason):
        database.database_uri()


def test_an_outside_database_is_pinged_once_however_often_fiftyone_is_used(monkeypatch):
    pings: list[str] = []
    monkeypatch.setattr(database, "ping", lambda uri: pings.append(uri) or "")
    lazy._start.cache_clear()
    assert lazy.fo.config.database_uri
    assert lazy.fo.list_datasets is not None
    assert len(pings) == 1
