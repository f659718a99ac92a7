import cv2
import numpy as np
import pytest

from tracker.preprocess import Cropper, InputGeometry, Preprocessor

SHAPES = [
    pytest.param((480, 640), id="vga"),
    pytest.param((500, 500), id="square"),
    pytest.param((1024, 1280), id="large"),
    pytest.param((1080, 1920), id="full_hd"),
    pytest.param((481, 643), id="odd"),
    pytest.param((162, 288), id="small"),
    pytest.param((640, 480), id="upright"),
    pytest.param((2051, 1237), id="large_odd_upright"),
]


def fit(height, width, long_side=256, multiple_of=32):
    return InputGeometry.fit(height, width, long_side, multiple_of)


def grey(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize(
    ("height", "width", "inside", "padded"),
    [
        pytest.param(480, 640, (192, 256), (192, 256), id="vga_fits_without_a_margin"),
        pytest.param(500, 500, (256, 256), (256, 256), id="a_square_stays_one"),
        pytest.param(1024, 1280, (205, 256), (224, 256), id="a_margin_fills_up_the_grain"),
        pytest.param(640, 480, (256, 192), (256, 192), id="the_longer_side_may_be_the_height"),
        pytest.param(162, 288, (144, 256), (160, 256), id="a_small_frame_shrinks_a_little"),
        pytest.param(60, 80, (192, 256), (192, 256), id="a_smaller_one_is_enlarged"),
        pytest.param(2, 1000, (1, 256), (32, 256), id="a_thin_one_keeps_a_row"),
    ],
)
def test_the_longer_side_becomes_long_side_and_both_fill_up_the_grain(
    height, width, inside, padded
):
    geometry = fit(height, width)
    assert (geometry.height, geometry.width) == inside
    assert (geometry.padded_height, geometry.padded_width) == padded


@pytest.mark.parametrize(
    ("width", "halvings"),
    [
        pytest.param(256, 0, id="same_size"),
        pytest.param(511, 0, id="not_quite_twice"),
        pytest.param(512, 1, id="exactly_twice"),
        pytest.param(640, 1, id="two_and_a_half_times"),
        pytest.param(1280, 2, id="five_times"),
        pytest.param(2048, 3, id="eight_times"),
    ],
)
def test_pixels_are_halved_as_often_as_it_fits(width, halvings):
    assert fit(width, width).halvings == halvings


def test_pixel_centres_map_by_hand_worked_numbers():
    geometry = fit(480, 640)  # 0.4 input pixels per sensor pixel
    xy = np.array([[0.0, 0.0], [2.0, 2.0], [639.0, 479.0]], np.float32)
    # (0 + 0.5) * 0.4 - 0.5 = -0.3; (2 + 0.5) * 0.4 - 0.5 = 0.5; 639.5 * 0.4 - 0.5 = 255.3
    expected = [[-0.3, -0.3], [0.5, 0.5], [255.3, 191.3]]
    np.testing.assert_allclose(geometry.to_input(xy), expected, atol=1e-4)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_point_forward_and_back_is_itself(shape):
    height, width = shape
    geometry = fit(height, width)
    rng = np.random.default_rng(0)
    xy = rng.uniform((0, 0), (width - 1, height - 1), (200, 2)).astype(np.float32)
    np.testing.assert_allclose(geometry.to_sensor(geometry.to_input(xy)), xy, atol=1e-3)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_drawn_dot_is_found_where_it_is(shape):
    height, width = shape
    sigma = 0.02 * max(shape)
    preprocessor = Preprocessor(shape, 1, 256, 32)
    rng = np.random.default_rng(1)
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    for _ in range(3):
        x, y = rng.uniform((0.2 * width, 0.2 * height), (0.8 * width, 0.8 * height))
        dot = 255 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2))
        image = preprocessor.prepare(dot.astype(np.uint8))[0, 0].astype(np.float64)
        in_rows, in_columns = np.mgrid[: image.shape[0], : image.shape[1]]
        centroid = [(image * axis).sum() / image.sum() for axis in (in_columns, in_rows)]
        found = preprocessor.geometry.to_sensor(np.array([centroid], np.float32))[0]
        # A twentieth of an input pixel: what rounding to whole grey values leaves.
        np.testing.assert_allclose(found, [x, y], atol=0.05 * max(shape) / 256)


def test_nan_stays_nan():
    assert np.isnan(fit(480, 640).to_sensor(np.full((1, 2), np.nan, np.float32))).all()


def test_a_flat_frame_stays_flat_and_its_margin_is_zero():
    image = Preprocessor((1024, 1280), 1, 256, 32).prepare(np.full((1024, 1280), 90, np.uint8))
    assert image.shape == (1, 1, 224, 256)
    assert (image[0, 0, :205] == 90).all()
    assert (image[0, 0, 205:] == 0).all()


def test_a_halved_pixel_is_the_mean_of_four():
    frame = np.zeros((64, 64), np.uint8)
    frame[10, 20], frame[11, 21] = 100, 60
    image = Preprocessor((64, 64), 1, 32, 32).prepare(frame)
    assert image[0, 0, 5, 10] == 40  # (100 + 0 + 0 + 60) / 4
    assert image.sum() == 40


@pytest.mark.parametrize("shape", SHAPES)
def test_shrinking_does_not_alias(shape):
    stripes = np.zeros(shape, np.uint8)
    stripes[:, ::2] = 200  # the finest pattern there is: it has to average out
    image = Preprocessor(shape, 1, 64, 32).prepare(stripes)
    height, width = fit(*shape, long_side=64).height, fit(*shape, long_side=64).width
    assert np.ptp(image[0, 0, :height, :width]) <= 2


def test_a_colour_frame_becomes_grey_by_luma():
    frame = np.zeros((96, 128, 3), np.uint8)
    frame[...] = (200, 100, 50)  # RGB
    image = Preprocessor(frame.shape, 1, 128, 32).prepare(frame)
    # 0.299 * 200 + 0.587 * 100 + 0.114 * 50 = 124.2
    assert image.shape == (1, 1, 96, 128)
    assert (image == 124).all()


def test_a_colour_frame_keeps_its_channels_in_rgb_order():
    frame = np.zeros((96, 128, 3), np.uint8)
    frame[...] = (200, 100, 50)
    image = Preprocessor(frame.shape, 3, 64, 32).prepare(frame)
    assert image.shape == (1, 3, 64, 64)
    assert [image[0, channel, 0, 0] for channel in range(3)] == [200, 100, 50]


def test_a_grey_frame_fills_all_channels_of_a_colour_network():
    frame = grey((96, 128))
    image = Preprocessor(frame.shape, 3, 128, 32).prepare(frame)
    for channel in range(3):
        np.testing.assert_array_equal(image[0, channel], frame)


def test_colour_and_grey_end_in_the_same_place():
    frame = cv2.GaussianBlur(grey((480, 640)), (0, 0), 4)
    colour = np.dstack([frame] * 3)
    one = Preprocessor(frame.shape, 1, 256, 32).prepare(frame)
    other = Preprocessor(colour.shape, 1, 256, 32).prepare(colour)
    np.testing.assert_array_equal(one, other)


def test_the_same_buffer_is_used_each_time():
    preprocessor = Preprocessor((480, 640), 1, 256, 32)
    first = preprocessor.prepare(grey((480, 640), 0))
    before = first.copy()
    second = preprocessor.prepare(grey((480, 640), 1))
    assert second is first
    assert not np.array_equal(before, second)
    assert second.flags.c_contiguous


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param((480, 640, 4), id="four_channels"),
        pytest.param((640,), id="one_dimension"),
        pytest.param((0, 640), id="empty"),
    ],
)
def test_only_grey_and_rgb_images_are_taken(shape):
    with pytest.raises(ValueError, match=r"expected \(height, width\) grey"):
        Preprocessor(shape, 1, 256, 32)


def test_a_frame_of_another_shape_is_an_error():
    preprocessor = Preprocessor((480, 640), 1, 256, 32)
    with pytest.raises(ValueError, match=r"shape \(480, 641\), expected \(480, 640\)"):
        preprocessor.prepare(grey((480, 641)))


def crop_of(frame, left, top, size, side=64, channels=1):
    geometry = InputGeometry.crop(left, top, size, side)
    return Cropper(frame.shape, channels, side).prepare(frame, geometry), geometry


def test_a_crop_of_its_own_size_is_a_slice():
    frame = grey((240, 320))
    image, geometry = crop_of(frame, 100, 50, 64)
    np.testing.assert_array_equal(image[0, 0], frame[50:114, 100:164])
    assert (geometry.left, geometry.top, geometry.covered) == (100, 50, (64, 64))


@pytest.mark.parametrize(
    ("left", "top", "inside"),
    [
        pytest.param(-16, 50, np.s_[:, 16:], id="left"),
        pytest.param(272, 50, np.s_[:, :48], id="right"),
        pytest.param(100, -16, np.s_[16:, :], id="above"),
        pytest.param(100, 192, np.s_[:48, :], id="below"),
        pytest.param(-16, -16, np.s_[16:, 16:], id="corner"),
    ],
)
def test_a_crop_is_zero_beyond_the_frame(left, top, inside):
    frame = np.full((240, 320), 90, np.uint8)
    image, _ = crop_of(frame, left, top, 64)
    expected = np.zeros((64, 64), np.uint8)
    expected[inside] = 90
    np.testing.assert_array_equal(image[0, 0], expected)


@pytest.mark.parametrize("shape", [(240, 320), (240, 320, 3)], ids=["grey", "colour"])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_crop_beyond_the_frame_altogether_is_zero(shape, channels):
    image, _ = crop_of(grey(shape), 1000, -1000, 64, channels=channels)
    assert image.shape == (1, channels, 64, 64)
    assert not image.any()


@pytest.mark.parametrize(
    ("size", "halvings", "covered"),
    [
        pytest.param(20, 0, 20, id="enlarged"),
        pytest.param(64, 0, 64, id="same"),
        pytest.param(127.2, 0, 128, id="not_quite_twice"),
        pytest.param(129, 1, 130, id="twice"),
        pytest.param(300, 2, 300, id="four_times"),
        pytest.param(301, 2, 304, id="whole_cells_of_four"),
    ],
)
def test_a_crop_is_of_as_many_whole_pixels_as_halving_needs(size, halvings, covered):
    geometry = InputGeometry.crop(10, 10, size, 64)
    assert geometry.halvings == halvings
    assert geometry.covered == (covered, covered)


def test_an_enlarged_crop_keeps_its_middle():
    geometry = InputGeometry.crop(100, 60, 301, 64)  # 304: 1.5 px more on each side
    assert (geometry.left, geometry.top) == (98, 58)


def test_pixel_centres_of_a_crop_map_by_hand_worked_numbers():
    geometry = InputGeometry.crop(100, 60, 128, 64)  # half an input pixel per sensor pixel
    xy = np.array([[100.0, 60.0], [101.5, 61.5]], np.float32)
    # (100 - 100 + 0.5) * 0.5 - 0.5 = -0.25; (1.5 + 0.5) * 0.5 - 0.5 = 0.5
    np.testing.assert_allclose(geometry.to_input(xy), [[-0.25, -0.25], [0.5, 0.5]])
    np.testing.assert_allclose(geometry.to_sensor(geometry.to_input(xy)), xy)
    assert geometry.points_to_sensor([-0.25, -0.25, 0.5, 0.5]) == [(100, 60), (101.5, 61.5)]


@pytest.mark.parametrize("size", [40, 100, 150, 222, 500, 1000])
def test_a_drawn_dot_is_found_where_it_is_through_a_crop(size):
    shape, sigma = (1000, 1200), 0.04 * size
    x, y = 611.3, 480.8
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    dot = 255 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2))
    image, geometry = crop_of(dot.astype(np.uint8), x - 0.6 * size, y - 0.45 * size, size, 128)
    values = image[0, 0].astype(np.float64)
    in_rows, in_columns = np.mgrid[:128, :128]
    centroid = [(values * axis).sum() / values.sum() for axis in (in_columns, in_rows)]
    found = geometry.to_sensor(np.array([centroid], np.float32))[0]
    np.testing.assert_allclose(found, [x, y], atol=0.05 * size / 128)


def test_shrinking_a_crop_does_not_alias():
    stripes = np.zeros((480, 640), np.uint8)
    stripes[:, ::2] = 200
    image, _ = crop_of(stripes, 100, 100, 300)
    assert np.ptp(image) <= 2


def test_a_crop_of_a_colour_frame_becomes_grey_by_luma():
    frame = np.zeros((240, 320, 3), np.uint8)
    frame[...] = (200, 100, 50)
    image, _ = crop_of(frame, 100, 50, 90)
    assert (image == 124).all()


def test_a_crop_of_a_colour_frame_keeps_its_channels_in_rgb_order():
    frame = np.zeros((240, 320, 3), np.uint8)
    frame[...] = (200, 100, 50)
    image, _ = crop_of(frame, -10, 50, 300, channels=3)
    assert [image[0, channel, 32, 32] for channel in range(3)] == [200, 100, 50]
    assert not image[0, :, :, 0].any()


def test_crops_of_all_sizes_share_one_input():
    cropper, frame = Cropper((240, 320), 1, 64), grey((240, 320))
    inputs = [
        cropper.prepare(frame, InputGeometry.crop(-20, 30, size, 64)) for size in (200, 30, 400, 90)
    ]
    assert all(image is inputs[0] for image in inputs)
    alone, _ = crop_of(frame, -20, 30, 90)
    np.testing.assert_array_equal(inputs[-1], alone)


def test_a_cropper_takes_only_grey_and_rgb_images():
    with pytest.raises(ValueError, match=r"expected \(height, width\) grey"):
        Cropper((480, 640, 4), 1, 64)
