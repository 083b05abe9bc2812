"""Two reviewers at once are asked about different labels."""

import pytest

from curation.store import claims
from tests.store.test_store import dataset, records  # noqa: F401 - fixtures


@pytest.fixture(autouse=True)
def nothing_claimed(dataset):  # noqa: F811
    claims._claims(dataset).delete_many({})


def test_what_one_has_on_screen_the_other_does_not_get(dataset):  # noqa: F811
    assert claims.claim(dataset, "anna", ["1", "2"]) == {}
    assert claims.claim(dataset, "bea", ["1", "2", "3"]) == {"1": "anna", "2": "anna"}
    assert claims.claim(dataset, "anna", ["1", "2", "3"]) == {"3": "bea"}


def test_a_claim_ends_with_the_next_one(dataset):  # noqa: F811
    claims.claim(dataset, "anna", ["1", "2"])
    claims.claim(dataset, "anna", ["2"])
    assert claims.claim(dataset, "bea", ["1"]) == {"2": "anna"}


def test_a_claim_ends_by_itself(dataset, monkeypatch):  # noqa: F811
    monkeypatch.setattr(claims, "MINUTES", -1)
    claims.claim(dataset, "anna", ["1"])
    monkeypatch.undo()
    assert claims.claim(dataset, "bea", ["1"]) == {}


def test_claims_are_of_one_dataset(dataset):  # noqa: F811
    claims.claim(dataset, "anna", ["1"])
    claims._claims(dataset).update_many({}, {"$set": {"dataset": "another"}})
    assert claims.claim(dataset, "bea", ["2"]) == {}
