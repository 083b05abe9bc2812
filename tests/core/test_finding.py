import pickle

import pytest

from curation.core.finding import Finding, FindingKind, Severity


@pytest.mark.parametrize("kind", FindingKind, ids=lambda kind: kind.name)
def test_every_kind_is_explained_in_one_line(kind):
    assert kind.meaning and "\n" not in kind.meaning
    assert isinstance(kind.severity, Severity)
    assert FindingKind(str(kind)) is kind


def test_a_finding_comes_whole_out_of_a_worker_process():
    found = Finding(FindingKind.TINY, "a.csv:2", "3 pixels", "a", "1" * 24)
    again = pickle.loads(pickle.dumps(found))
    assert again == found
    assert again.kind is FindingKind.TINY
    assert (again.severity, again.meaning) == (found.kind.severity, found.kind.meaning)


def test_an_error_is_worse_than_a_note():
    assert Severity.ERROR.rank < Severity.WARNING.rank < Severity.NOTE.rank
