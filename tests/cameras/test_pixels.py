"""Formats of pixels: every expected value is worked out by hand."""

import numpy as np
import pytest

from tracker.cameras.machine_vision.driver import Buffer
from tracker.cameras.machine_vision.pixels import Converter, Levels, can_use, cheapest
from tracker.errors import DeviceError


def buffer(pixel_format, data, width, height, padding=0):
    return Buffer(0, "", np.array(data, np.uint8), width, height, padding, pixel_format)


WHOLE_RANGE = Levels()


def picture(pixel_format, data, width, height, *, colour=False, levels=WHOLE_RANGE, padding=0):
    given = buffer(pixel_format, data, width, height, padding)
    return Converter(pixel_format, colour=colour, levels=levels)(given)


def test_mono8_is_the_drivers_memory_itself():
    given = buffer("Mono8", range(6), 3, 2)
    image = Converter("Mono8", colour=False, levels=WHOLE_RANGE)(given)
    assert image.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert np.shares_memory(image, given.data)


def test_rgb8_is_the_drivers_memory_itself_where_colour_is_wanted():
    given = buffer("RGB8", range(12), 2, 2)
    image = Converter("RGB8", colour=True, levels=WHOLE_RANGE)(given)
    assert image[1, 0].tolist() == [6, 7, 8]
    assert np.shares_memory(image, given.data)


def test_bytes_behind_a_row_are_left_out():
    assert picture("Mono8", [1, 2, 9, 9, 3, 4, 9, 9], 2, 2, padding=2).tolist() == [[1, 2], [3, 4]]


def test_the_last_row_may_come_without_its_padding():
    assert picture("Mono8", [1, 2, 9, 9, 3, 4], 2, 2, padding=2).tolist() == [[1, 2], [3, 4]]


def words(*counts):
    return np.array(counts, "<u2").view(np.uint8)


DEPTHS = {
    "10 bits": ("Mono10", words(0, 512, 1023, 5), [0, 128, 255, 1]),  # 512/1023*255 = 127.6
    "12 bits": ("Mono12", words(0, 2048, 4095, 24), [0, 128, 255, 1]),  # 24/4095*255 = 1.49
    "16 bits": ("Mono16", words(0, 257, 65535, 32896), [0, 1, 255, 128]),
    # 10 bits, lowest first: 0x001, 0x002, 0x3ff, 0x200: bits of each pixel one after another
    "10 bits packed": (
        "Mono10p",
        [0x01, 0x08, 0xF0, 0x3F, 0x80],
        [0, 0, 255, 128],
    ),
    # 12 bits: 0xabc and 0x123, then 0xfff and 0x000
    "12 bits packed": ("Mono12p", [0xBC, 0x3A, 0x12, 0xFF, 0x0F, 0x00], [171, 18, 255, 0]),
    # high bytes outside, low bits in the middle: 0xabc and 0x123, 0xfff and 0x000
    "12 bits packed for GigE": (
        "Mono12Packed",
        [0xAB, 0x3C, 0x12, 0xFF, 0x0F, 0x00],
        [171, 18, 255, 0],
    ),
    # 0b11_1111_1111 and 0b00_0000_0011 (3/1023*255 = 0.75), 512 and 0
    "10 bits packed for GigE": (
        "Mono10Packed",
        [0xFF, 0x33, 0x00, 0x80, 0x00, 0x00],
        [255, 1, 128, 0],
    ),
}


@pytest.mark.parametrize(("pixel_format", "data", "expected"), DEPTHS.values(), ids=DEPTHS.keys())
def test_the_whole_range_of_a_deeper_format_becomes_0_to_255(pixel_format, data, expected):
    assert picture(pixel_format, data, 2, 2).ravel().tolist() == expected


def test_an_odd_number_of_packed_pixels_ends_within_a_group():
    """Three pixels of 12 bits: 4.5 bytes, so 5."""
    assert picture("Mono12p", [0xBC, 0x3A, 0x12, 0xFF, 0x0F], 3, 1).tolist() == [[171, 18, 255]]


def test_levels_stretch_the_part_of_the_range_that_is_used():
    """100 to 300: 200 is the middle, 127.5, rounded to the even 128."""
    image = picture("Mono12", words(50, 100, 200, 300, 301, 4095), 6, 1, levels=Levels(100, 300))
    assert image.tolist() == [[0, 0, 128, 255, 255, 255]]


def test_counts_above_the_formats_largest_are_white():
    assert picture("Mono10", words(1023, 5000), 2, 1).tolist() == [[255, 255]]


RED, GREEN, BLUE = [255, 0, 0], [0, 255, 0], [0, 0, 255]
MOSAICS = {
    "BayerRG8": ["RG", "GB"],
    "BayerGR8": ["GR", "BG"],
    "BayerGB8": ["GB", "RG"],
    "BayerBG8": ["BG", "GR"],
}


@pytest.mark.parametrize("colour", "RGB")
@pytest.mark.parametrize("pixel_format", MOSAICS)
def test_a_mosaic_of_one_colour_gives_that_colour(pixel_format, colour):
    """All sensor pixels under one filter are white, the others black."""
    tile = np.array([[255 * (c == colour) for c in row] for row in MOSAICS[pixel_format]], np.uint8)
    mosaic = np.tile(tile, (4, 4))
    image = picture(pixel_format, mosaic.ravel(), 8, 8, colour=True)
    inside = image[2:-2, 2:-2].reshape(-1, 3)
    assert inside[:, "RGB".index(colour)].min() == 255
    assert np.delete(inside, "RGB".index(colour), axis=1).max() == 0


def test_a_deeper_mosaic_is_brought_to_8_bits_first():
    image = picture("BayerRG12", words(*[4095] * 16), 4, 4, colour=True)
    assert image.tolist() == [[[255] * 3] * 4] * 4


def test_a_mosaic_of_an_even_grey_gives_that_grey():
    assert picture("BayerRG8", [77] * 16, 4, 4).tolist() == [[77] * 4] * 4


BT601 = {"red": (RED, 76), "green": (GREEN, 150), "blue": (BLUE, 29)}
"""Grey of each colour: 0.299 R + 0.587 G + 0.114 B."""


@pytest.mark.parametrize(("rgb", "grey"), BT601.values(), ids=BT601.keys())
@pytest.mark.parametrize("pixel_format", ["RGB8", "RGB8Packed", "BGR8", "BGR8Packed", "BGRa8"])
def test_colours_have_the_grey_of_the_standard(pixel_format, rgb, grey):
    stored = rgb if pixel_format.startswith("RGB") else rgb[::-1]
    stored = [*stored, 0] if pixel_format == "BGRa8" else stored
    assert picture(pixel_format, stored * 4, 2, 2).tolist() == [[grey] * 2] * 2


@pytest.mark.parametrize("rgb", [RED, GREEN, BLUE], ids=["red", "green", "blue"])
def test_bgr_is_turned_round(rgb):
    image = picture("BGR8", rgb[::-1] * 4, 2, 2, colour=True)
    assert image[1, 1].tolist() == rgb


YUV = {"YUV422_8": [60, 128, 200, 128], "YUV422Packed": [128, 60, 128, 200]}
"""Luminance 60 and 200 without colour: luminance first, or colour first."""


@pytest.mark.parametrize(("pixel_format", "data"), YUV.items(), ids=YUV.keys())
def test_grey_of_yuv_is_its_luminance(pixel_format, data):
    assert picture(pixel_format, data, 2, 1).tolist() == [[60, 200]]


@pytest.mark.parametrize(("pixel_format", "data"), YUV.items(), ids=YUV.keys())
def test_yuv_without_colour_is_grey_in_rgb(pixel_format, data):
    """Studio range: (60 - 16) * 255 / 219 = 51, (200 - 16) * 255 / 219 = 214."""
    image = picture(pixel_format, data, 2, 1, colour=True)
    np.testing.assert_allclose(image, [[[51] * 3, [214] * 3]], atol=1)


def test_a_buffer_that_is_too_small_is_an_error():
    with pytest.raises(DeviceError, match=r"5 bytes for 3x2 px of Mono8, expected 6"):
        picture("Mono8", range(5), 3, 2)


def test_a_buffer_of_another_format_is_an_error():
    convert = Converter("Mono8", colour=False, levels=WHOLE_RANGE)
    with pytest.raises(DeviceError, match="sent Mono12, it was set to Mono8"):
        convert(buffer("Mono12", range(12), 3, 2))


@pytest.mark.parametrize(
    ("pixel_format", "colour", "message"),
    [
        ("Coord3D_ABC32f", False, "gives no grey pictures"),
        ("Mono14p", False, "gives no grey pictures"),
        ("Mono8", True, "gives no colour pictures: choose another pixel_format, or colour: false"),
    ],
    ids=["no picture", "unknown packing", "no colour"],
)
def test_a_format_that_cannot_be_used_is_refused(pixel_format, colour, message):
    with pytest.raises(DeviceError, match=message):
        Converter(pixel_format, colour=colour, levels=WHOLE_RANGE)


@pytest.mark.parametrize(
    ("offered", "colour", "expected"),
    [
        (("Mono12", "BayerRG8", "Mono8"), False, "Mono8"),
        (("BGR8", "BayerGB8"), False, "BayerGB8"),
        (("Mono12p",), False, "Mono12p"),
        (("Mono8", "BayerRG8", "BGR8", "RGB8"), True, "RGB8"),
        (("Mono8", "Mono12"), True, None),
        (("Coord3D_C16",), False, None),
    ],
    ids=["as it is", "mosaic", "what there is", "colour as it is", "no colour", "nothing"],
)
def test_the_format_that_costs_least_is_chosen(offered, colour, expected):
    assert cheapest(offered, colour=colour) == expected
    assert expected is None or can_use(expected, colour=colour)


def test_converted_pictures_share_one_piece_of_memory():
    """Nothing is allocated per frame: the next call writes where the last one wrote."""
    convert = Converter("BGR8", colour=False, levels=WHOLE_RANGE)
    first = convert(buffer("BGR8", [0] * 12, 2, 2))
    second = convert(buffer("BGR8", [255] * 12, 2, 2))
    assert np.shares_memory(first, second)
