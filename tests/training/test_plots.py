"""What is drawn, read back from the figures; that they look right was seen by eye."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from training import plots
from training.folder import ClassList
from training.metrics import IGNORE_INDEX, Calibration

NAMES = ["background", "top", "skirt"]
CLASSES = ClassList(tuple(NAMES), ("#000000", "#d62728", "#1f77b4"))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "drawn.png"


def size(path):
    with Image.open(path) as image:
        assert image.format == "PNG"
        return image.size


def texts(artists):
    return [artist.get_text() for artist in artists]


def history(folds=("",), steps=(5, 10, 15), **more):
    """Rows as csv gives them: text. The second look is the last whose weights are kept."""
    return [
        {
            "fold": fold,
            "step": str(step),
            "loss": str(10 / step),
            "val_cross_entropy": str(11 / step),
            "val_miou_foreground": str(0.5 - abs(step - 10) / 100),
            "kept": str(int(step <= 10)),
            **{key: str(value / step) for key, value in more.items()},
        }
        for fold in folds
        for step in steps
    ]


def test_curves_are_those_of_the_history(path):
    figure = plots.curves(path, history())
    loss, miou = figure.axes
    train, held = loss.lines
    np.testing.assert_allclose(train.get_xydata(), [[5, 2], [10, 1], [15, 2 / 3]])
    np.testing.assert_allclose(held.get_ydata(), [2.2, 1.1, 11 / 15])
    line, kept = miou.lines
    np.testing.assert_allclose(line.get_ydata(), [0.45, 0.5, 0.45])
    np.testing.assert_allclose(kept.get_xydata(), [[10, 0.5]])
    assert size(path) == (1200, 480)


def test_each_fold_has_its_curves(path):
    loss, miou = plots.curves(path, history(folds=("0", "1"))).axes
    assert len(loss.lines) == 4
    assert texts(miou.get_legend().get_texts()) == ["fold 0", "fold 1"]


def test_the_learning_rate_is_drawn_where_it_is_known(path):
    *_, rates = plots.curves(path, history(folds=("0", "1"), learning_rate=0.3)).axes
    (line,) = rates.lines
    np.testing.assert_allclose(line.get_xydata(), [[5, 0.06], [10, 0.03], [15, 0.02]])


@pytest.mark.parametrize("loss", ["nan", "inf"])
def test_a_diverged_run_has_curves(path, loss):
    rows = history()
    rows[1]["loss"] = rows[2]["val_cross_entropy"] = loss
    figure = plots.curves(path, rows)
    assert figure.axes[0].get_ylim() == pytest.approx((0, 2.2))


def test_the_grid_shows_image_label_and_prediction(path):
    image = np.full((8, 8, 3), 100, np.uint8)
    label, predicted = np.zeros((2, 8, 8), np.uint8)
    label[:4], predicted[4:] = 1, 2
    label[0] = IGNORE_INDEX
    figure = plots.grid(path, [("a.jpg", image, label, predicted)] * 3, CLASSES)
    shown = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title() for axes in shown] == ["a.jpg", "label", "prediction"] * 3
    np.testing.assert_array_equal(shown[0].images[0].get_array(), image)
    painted = plots.painted(image, label, CLASSES)
    np.testing.assert_array_equal(shown[1].images[0].get_array(), painted)
    assert texts(figure.legends[0].get_texts()) == ["top", "skirt", "ignored"]
    assert size(path)[0] == 1200


def test_a_painted_class_has_its_color_over_the_grey_of_the_image():
    image = np.full((1, 2, 3), 255, np.uint8)
    painted = plots.painted(image, np.array([[0, 1]]), CLASSES)
    np.testing.assert_allclose(painted[0, 0], [1, 1, 1])
    red = np.array([0xD6, 0x27, 0x28]) / 255
    np.testing.assert_allclose(painted[0, 1], 0.35 + 0.65 * red)


def test_a_confusion_matrix_is_in_per_cent_of_the_label(path):
    figure = plots.confusion(path, np.array([[60, 20, 0], [0, 0, 0], [1, 0, 19]]), NAMES)
    axes = figure.axes[0]
    np.testing.assert_allclose(
        axes.images[0].get_array().filled(-1), [[75, 25, 0], [-1, -1, -1], [5, 0, 95]]
    )
    written = {text.get_position(): text.get_text() for text in axes.texts}
    assert written == {
        (0, 0): "75.0", (1, 0): "25.0", (2, 0): "0.0", (0, 2): "5.0", (1, 2): "0.0", (2, 2): "95.0",
    }  # fmt: skip
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("label", "prediction")
    assert texts(axes.get_xticklabels()) == texts(axes.get_yticklabels()) == NAMES
    (shares,) = axes.child_axes
    assert texts(shares.get_yticklabels()) == ["80.00%", "0.00%", "20.00%"]
    assert min(size(path)) > 400


def test_of_many_classes_only_what_counts_has_a_number(path):
    matrix = np.diag(np.full(47, 1000))
    matrix[3, 7], matrix[3, 8] = 11, 9
    figure = plots.confusion(path, matrix, [f"class {k}" for k in range(47)])
    written = {text.get_position()[::-1]: text.get_text() for text in figure.axes[0].texts}
    assert len(written) == 48
    assert written[3, 7] == "1"
    assert written[3, 3] == "98"
    assert 1500 < min(size(path)) <= max(size(path)) < 2000


def test_reliability_shows_the_bins_and_the_error(path):
    calibration = Calibration(bins=4)
    labels, predicted = np.array([[[0, 1, 1, 0]]], np.uint8), np.array([[[0, 1, 0, 0]]])
    calibration.add(labels, predicted, np.array([[[0.25, 0.625, 0.75, 1.0]]], np.float32))
    above, below = plots.reliability(path, calibration).axes
    assert above.get_title() == "ECE 0.281, 4 labelled pixels"
    points = above.lines[1].get_xydata()
    np.testing.assert_allclose(points[[0, 2, 3]], [[0.25, 1], [0.6875, 0.5], [1, 1]])
    assert [bar.get_height() for bar in below.patches] == [25, 0, 50, 25]
    assert [bar.get_x() for bar in below.patches] == [0, 0.25, 0.5, 0.75]
    assert size(path) == (540, 600)


def swept(rate, miou, **more):
    figures = {"miou_foreground": miou, "only_background": miou == 0, **more}
    return rate, figures, [{"step": 10, "loss": 100 * rate}, {"step": 20, "loss": rate}]


def test_a_sweep_goes_by_the_rates_in_order(path):
    rows = [swept(0.1, 0.0), swept(1e-3, 0.5), swept(1e-2, 0.4), swept(1.0, 0.0)]
    figure = plots.sweep(path, rows)
    miou, loss = figure.axes
    points = miou.collections[0]
    np.testing.assert_allclose(points.get_offsets(), [[1e-3, 0.5], [1e-2, 0.4], [0.1, 0], [1, 0]])
    failed = miou.lines[1]
    np.testing.assert_allclose(failed.get_xydata(), [[0.1, 0], [1, 0]])
    assert (failed.get_marker(), failed.get_color()) == ("x", "red")
    assert (miou.get_xscale(), loss.get_yscale()) == ("log", "log")
    assert [line.get_ydata().tolist() for line in loss.lines] == [
        [0.1, 0.001], [1, 0.01], [10, 0.1], [100, 1]
    ]  # fmt: skip
    colors = [to_hex(color) for color in points.get_facecolors()]
    assert colors == [to_hex(line.get_color()) for line in loss.lines]
    assert len(set(colors)) == 4
    assert texts(figure.legends[0].get_texts()) == ["0.001", "0.01", "0.1", "1"]
    assert size(path) == (1200, 480)


def test_a_sweep_chooses_on_the_validation_images(path):
    on_test = swept(0.1, 0.0, val={"miou_foreground": 0.3, "only_background": False})
    miou, _ = plots.sweep(path, [on_test]).axes
    np.testing.assert_allclose(miou.collections[0].get_offsets(), [[0.1, 0.3]])
    assert len(miou.lines) == 1
