"""Settings tried on frames: what is read, each step as a picture, what is written back."""

import pytest
from drawn_bodies import SHAPE, draw, floor, frame

from tracker.cameras.synthetic import SyntheticCameraSettings
from tracker.config import load
from tracker.errors import ConfigError
from tracker.observers.background import BackgroundSettings
from tracker.observers.blob import BlobSettings
from tracker.observers.region_growing import RegionGrowingSettings
from tracker.observers.steps import sheet_of
from tracker.observers.threshold import ThresholdSettings
from tracker.tuning import N_BEFORE, Material, gather, knobs_of, try_out, turned, write_back

CAMERA = SyntheticCameraSettings(width=160, height=120, paced=False, n_frames=80)
GREEN, VERMILION = (115, 158, 0), (0, 94, 213)

METHODS = {
    "background": (BackgroundSettings(), ["empty arena", "darker than it"]),
    "threshold": (ThresholdSettings(), ["0 to 80 is animal"]),
    "otsu": (ThresholdSettings(otsu=True), ["Otsu"]),
    "region_growing": (RegionGrowingSettings(), ["means over 5 px", "may be a seed"]),
    "blob": (BlobSettings(smallest_px=25, largest_px=60), ["disc of 25 px", "disc of 60 px"]),
}


def always(_):
    return True


def material(image, empty=None):
    before = tuple(frame(image, index) for index in range(3))
    return Material(before, frame(image, 3), floor() if empty is None else empty, 5)


def has(picture, colour):
    return bool((picture == colour).all(axis=2).any())


def test_the_last_frame_is_shown_after_the_thirty_before_it():
    read = gather(CAMERA, 40, None, always)
    assert read.frame.index == 39
    assert [each.index for each in read.before] == list(range(39 - N_BEFORE, 39))


def test_a_frame_that_is_asked_for_is_shown_and_all_the_others_are_read_for_the_median():
    read = gather(CAMERA, 80, 12, always)
    assert read.frame.index == 12
    assert [each.index for each in read.before] == list(range(12))
    assert 13 <= read.n_samples <= 25


def test_the_median_of_the_frames_is_the_arena_without_the_mouse():
    """The median of 25 frames of a mouse that walks; it covers no place in half of them."""
    moving = SyntheticCameraSettings(width=160, height=120, paced=False, n_frames=1200)
    read = gather(moving, 1200, None, always)
    _, seen = try_out(BackgroundSettings(difference=60, min_area_px2=40), read)
    assert seen.measures["n_animals"] == 1
    darkest = int(read.frame.image.min())
    assert int(read.empty.min()) > darkest + 40


def test_a_frame_beyond_the_end_is_refused_with_what_there_is():
    with pytest.raises(ConfigError, match=r"frame 500 is not there: 80 frames .* 0 to 79"):
        gather(CAMERA, 10, 500, always)


def test_reading_ends_when_a_person_ends_it():
    assert gather(CAMERA, 80, None, lambda n: n < 7).frame.index == 6


@pytest.mark.parametrize(("settings", "named"), METHODS.values(), ids=METHODS)
def test_each_method_shows_its_steps_from_the_frame_to_the_individuals(settings, named):
    image = draw(floor(), 150, 110)
    steps, seen = try_out(settings, material(image))
    titles = [step.title for step in steps]
    assert titles[0] == "the frame"
    assert titles[-3] == "what is animal by the method"
    assert titles[-1].startswith("found: 1;")
    assert all(any(word in title for title in titles[1:-3]) for word in named)
    assert {step.picture.shape for step in steps} == {(*SHAPE, 3)}
    assert has(steps[-2].picture, GREEN)
    assert seen.xy[0, 1] == pytest.approx((150, 110), abs=1)


@pytest.mark.parametrize(
    ("limits", "n"),
    [
        ({"min_area_px2": 5000}, 0),
        ({"max_area_px2": 500}, 0),
        ({"max_aspect": 1.5}, 0),
        ({"max_aspect": 2.5}, 1),
    ],
    ids=["too_small", "too_large", "too_long", "right"],
)
def test_what_is_beyond_the_limits_is_marked_as_such(limits, n):
    settings = ThresholdSettings(**{"min_area_px2": 100, **limits})
    steps, seen = try_out(settings, material(draw(floor(), 150, 110)))
    assert steps[-2].title == f"{n} of 1 pieces are within the limits"
    assert has(steps[-2].picture, VERMILION) is (n == 0)
    assert seen.measures["n_animals"] == n


def test_a_black_frame_has_a_step_that_says_that_nothing_can_be_said():
    steps, seen = try_out(ThresholdSettings(), material(floor(grey=0)))
    assert steps[-1].title == "nothing can be said of this frame"
    assert seen.abstained


def test_the_place_is_drawn_on_the_frame():
    place = {"kind": "circle", "x_px": 150, "y_px": 110, "radius_px": 80}
    steps, _ = try_out(ThresholdSettings(within=place), material(floor()))
    assert has(steps[0].picture, (66, 228, 240))


def test_a_sheet_holds_all_steps_in_rows():
    steps, _ = try_out(BackgroundSettings(), material(draw(floor(), 150, 110)))
    sheet = sheet_of(steps, columns=3, width=160)
    assert sheet.shape == (2 * (120 + 24) + 4, 3 * 164 + 4, 3)


def test_what_can_be_turned_is_every_number_word_and_yes_or_no_but_no_place_and_no_file():
    knobs = {knob.name: knob for knob in knobs_of(BackgroundSettings())}
    assert {"difference", "min_area_px2", "estimator", "polarity", "body", "speck_px"} <= set(knobs)
    assert not {"within", "empty", "kind"} & set(knobs)
    assert knobs["difference"].lowest == 2
    assert knobs["difference"].highest == 254
    assert knobs["difference"].is_whole
    assert knobs["estimator"].choices == ("running_median", "median", "mog2")
    assert knobs["max_area_px2"].value is None
    assert all(knob.description for knob in knobs.values())
    assert {k.name: k for k in knobs_of(ThresholdSettings())}["otsu"].value is False


def test_turned_settings_are_checked():
    assert turned(BackgroundSettings(), {"difference": 45}).difference == 45
    with pytest.raises(ConfigError, match="max_area_px2 is 50, expected more than min_area_px2"):
        turned(BackgroundSettings(), {"max_area_px2": 50})


TEXT = """\
# One mouse.
rig: {camera: {kind: synthetic}, arena: {px_per_cm: 10.0}}
observer:
  kind: background
  difference: 60                        # more than shadows
behaviours:
  still:
    rule: {kind: threshold, feature: speed_cm_s, below: 2.0, softness: 1.0}
    episode: {enter: 0.7, leave: 0.5, min_duration_s: 0.5, max_gap_s: 0.2}
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(TEXT, encoding="utf-8")
    return path


def test_what_was_turned_is_written_and_comments_are_kept(file):
    settings = turned(load(file).observer, {"difference": 45, "speck_px": 3})
    assert write_back(file, settings) == ["speck_px", "difference"]
    expected = TEXT.replace("60   ", "45   ").replace("behaviours", "  speck_px: 3\nbehaviours")
    assert file.read_text(encoding="utf-8") == expected
    assert load(file).observer == settings


def test_nothing_is_written_if_nothing_was_turned(file):
    assert write_back(file, load(file).observer) == []
    assert file.read_text(encoding="utf-8") == TEXT


def test_another_method_takes_the_place_of_the_first(file):
    settings = ThresholdSettings(highest=70)
    write_back(file, settings)
    assert load(file).observer == settings


def test_a_shipped_experiment_is_not_written_to(tmp_path):
    with pytest.raises(ConfigError, match="copy a shipped experiment first"):
        write_back(tmp_path / "open_field", BackgroundSettings())
