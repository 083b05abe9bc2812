import copy
import pickle

import pytest

from curation.core.errors import CurateError, FormatError


@pytest.mark.parametrize(("where", "message"), [("", "a.csv: wrong"), ("7", "a.csv:7: wrong")])
@pytest.mark.parametrize("again", [copy.copy, lambda e: pickle.loads(pickle.dumps(e))])
def test_an_error_comes_whole_out_of_a_worker_process(where, message, again):
    error = again(FormatError("a.csv", "wrong", where=where))
    assert type(error) is FormatError
    assert (str(error), error.path, error.where, error.reason) == (message, "a.csv", where, "wrong")


def test_the_place_is_a_keyword():
    with pytest.raises(TypeError):
        CurateError("a.csv", "7", "wrong")
