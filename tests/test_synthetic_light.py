"""The synthetic mouse sees a light, and the synthetic camera shows it."""

import math
import zlib

import numpy as np
import pytest
from pydantic import ValidationError

from tracker.cameras.synthetic import MouseScript, SyntheticCamera, SyntheticCameraSettings
from tracker.cameras.synthetic.bouts import Activity
from tracker.cameras.synthetic.motion import Mover
from tracker.errors import EndOfStream
from tracker.testing.manual_clock import ManualClock

MS = 1_000_000  # ns
START_NS = 2_000_000_000
FRAME_0_NS = START_NS + 16_666_667
"""End of exposure of frame 0 of a paced camera at 60 fps: the mouse's tick 0."""


def dark(from_ns, to_ns):
    return 0.0


def bright(from_ns, to_ns):
    return 1.0


class Pulses:
    """A light that is on during some intervals (ns); remembers what it was asked."""

    def __init__(self, *on, level=1.0):
        self.on = list(on)
        self.level = level
        self.asked = []

    def __call__(self, from_ns, to_ns):
        self.asked.append((from_ns, to_ns))
        hit = any(begin <= to_ns and end >= from_ns for begin, end in self.on)
        return self.level if hit else 0.0


def camera_of(light, **settings):
    """An open camera of small pictures that never waits; its mouse lives from time 0."""
    size = {"width": 48, "height": 48, "paced": False}
    camera = SyntheticCamera(
        SyntheticCameraSettings(**(size | settings)), ManualClock(START_NS), light
    )
    camera.open()
    return camera


def read(camera, n):
    """Read that many entries, or until the end."""
    entries = []
    for _ in range(n):
        try:
            entries.append(camera.read(timeout_s=10))
        except EndOfStream:
            break
    return entries


def tick_ns(tick):
    return round(tick * 1e9 / 60)


def freezes(script, n):
    """First and last frame of each freeze in frames 0 to n - 1."""
    frozen = ["freezing" in script.truth(i).behaviours for i in range(n)]
    edges = np.flatnonzero(np.diff([0, *frozen, 0]))
    return list(zip(edges[::2].tolist(), (edges[1::2] - 1).tolist(), strict=True))


def undisturbed(n, **settings):
    return freezes(MouseScript(SyntheticCameraSettings(**settings)), n)


def same(a, b):
    return np.array_equal(a.xy, b.xy) and a.behaviours == b.behaviours


# Without a light ---------------------------------------------------------------------------------

KNOWN = {"seed 0": (0, 0x8E137927), "seed 3": (3, 0x3ACF4016), "seed 7": (7, 0x44F2A365)}


@pytest.mark.parametrize(("seed", "checksum"), KNOWN.values(), ids=KNOWN.keys())
def test_what_an_undisturbed_mouse_does_never_changes(seed, checksum):
    """Checksums of ten seconds of truth, in hundredths of a pixel, from before it could see."""
    script = MouseScript(SyntheticCameraSettings(seed=seed))
    truths = [script.truth(i) for i in range(600)]
    xy = np.rint(np.array([truth.xy for truth in truths], np.float64) * 100).astype("<i4")
    done = ";".join(",".join(sorted(truth.behaviours)) for truth in truths)
    assert zlib.crc32(done.encode(), zlib.crc32(xy.tobytes())) == checksum


@pytest.mark.parametrize("colour", [False, True], ids=["grey", "colour"])
def test_a_light_that_stays_dark_changes_no_pixel_of_the_scene(colour):
    """600 frames hold a whole freeze."""
    without = camera_of(None, seed=5, led=False, colour=colour)
    with_dark = camera_of(dark, seed=5, led=False, colour=colour)
    for _ in range(600):
        np.testing.assert_array_equal(with_dark.read(1).image, without.read(1).image)
    assert with_dark.wakes == ()


def test_without_a_light_neither_setting_does_anything():
    plain, wished = camera_of(None, wakes=False, led=False), camera_of(None, wakes=True, led=True)
    for _ in range(600):
        np.testing.assert_array_equal(plain.read(1).image, wished.read(1).image)


def test_a_light_that_nobody_wants_to_see_is_never_asked():
    light = Pulses()
    read(camera_of(light, wakes=False, led=False), 600)
    assert light.asked == []


# The mouse wakes ---------------------------------------------------------------------------------

[(FIRST, LAST), *_] = undisturbed(600, seed=0)
"""The first freeze of seed 0; both longer than a second after and before the rest."""


def test_light_ends_a_freeze_within_its_reaction_time_and_a_walk_begins():
    """250 ms less or more 20 % are 12 to 18 ticks of 1/60 s; light before tick FIRST + 31."""
    camera = camera_of(Pulses((tick_ns(FIRST + 30) + 1, tick_ns(FIRST + 31))), seed=0)
    read(camera, 600)
    [woken] = camera.wakes
    assert FIRST + 30 + 12 <= woken <= FIRST + 31 + 18
    assert freezes(camera._script, 600)[0] == (FIRST, woken - 1)
    assert "locomotion" in camera.truth(woken + 30).behaviours


def test_the_reaction_time_is_the_one_that_was_set():
    """One second is 60 ticks, less or more 20 %: 48 to 72."""
    light = Pulses((tick_ns(FIRST + 10) + 1, tick_ns(FIRST + 11)))
    camera = camera_of(light, seed=0, reaction_ms=1000)
    read(camera, 600)
    assert FIRST + 10 + 48 <= camera.wakes[0] <= FIRST + 11 + 72


def always_lit(seed):
    """The script of a mouse that sees light whenever it looks."""
    return MouseScript(SyntheticCameraSettings(seed=seed), sees=lambda tick: True)


def test_reaction_times_differ_from_freeze_to_freeze_and_keep_their_limits():
    """With the light always on, a freeze lasts as long as the reaction: 12 to 18 ticks."""
    bouts = [bout for seed in range(4) for bout in freezes(always_lit(seed), 3600)]
    lengths = {last - first + 1 for first, last in bouts}
    assert min(lengths) >= 12
    assert max(lengths) <= 18
    assert len(lengths) >= 4


@pytest.mark.parametrize("fps", [24, 60, 240])
def test_no_pulse_between_two_frames_is_missed(fps):
    """10 ms at 20 Hz: the reaction follows from the first, wherever it lies between frames."""
    for offset_ms in (0, 17, 33):
        begin = tick_ns(FIRST + 20) + offset_ms * MS
        light = Pulses(*((begin + k * 50 * MS, begin + k * 50 * MS + 10 * MS) for k in range(20)))
        camera = camera_of(light, seed=0, fps=fps, led=False, width=32, height=32)
        read(camera, math.ceil((LAST + 1) / 60 * fps))
        assert 200 - 17 <= (tick_ns(camera.wakes[0]) - begin) / MS <= 300 + 17


def test_a_single_pulse_of_a_microsecond_wakes_it():
    begin = tick_ns(FIRST + 20) + 5 * MS
    camera = camera_of(Pulses((begin, begin + 1000)), seed=0)
    read(camera, 600)
    assert len(camera.wakes) == 1


NOT_SEEN = {
    "too dim": Pulses((0, 10**12), level=0.5),
    "before it came to rest": Pulses((0, tick_ns(FIRST - 2))),
    "too late to matter": Pulses((tick_ns(LAST - 8), tick_ns(LAST + 60))),
}


@pytest.mark.parametrize("light", NOT_SEEN.values(), ids=NOT_SEEN.keys())
def test_the_mouse_freezes_on_in_light_that_is(light):
    camera = camera_of(light, seed=0)
    read(camera, LAST + 30)
    assert camera.wakes == ()
    assert freezes(camera._script, LAST + 30)[0] == (FIRST, LAST)


def test_a_mouse_that_must_not_wake_freezes_on():
    camera = camera_of(bright, seed=0, wakes=False)
    read(camera, 600)
    assert camera.wakes == ()


def test_freezes_end_early_with_light_and_run_their_time_without():
    """The sham control. The script freezes for 2.6 to 6.2 s, less 0.2 s of coming to rest.

    In the light it freezes for its reaction time, 0.2 to 0.3 s; the last freeze may be cut off.
    """
    sham, lit = [], []
    for seed in range(6):
        sham += [bout for bout in undisturbed(2400, seed=seed) if bout[1] < 2399]
        lit += [bout for bout in freezes(always_lit(seed), 2400) if bout[1] < 2399]
    sham_s, lit_s = (np.array([last - first + 1 for first, last in x]) / 60 for x in (sham, lit))
    assert len(sham_s) >= 10
    assert len(lit_s) >= 10
    assert 2.4 - 1 / 60 <= sham_s.min() <= sham_s.max() <= 6.0 + 1 / 60
    assert 0.2 <= lit_s.min() <= lit_s.max() <= 0.3


def test_after_the_walk_comes_what_would_have_come_after_the_freeze():
    mover = Mover(0, (40.0, 40.0))
    moment = mover.first()
    while moment.bout.activity is not Activity.FREEZE:
        moment = mover.next(moment)
    moment = mover.next(moment, woken=True)
    assert (moment.bout.number, moment.bout.activity) == (1, Activity.WALK)
    assert 2 * 60 <= moment.bout.n_ticks <= 4 * 60
    while moment.bout.activity is Activity.WALK:
        moment = mover.next(moment)
    assert moment.bout.number == 2


def test_a_woken_mouse_never_jumps_and_never_leaves_the_floor():
    """No keypoint is faster than 40 cm/s; 36 px of walls at 10.2 px/cm."""
    script = always_lit(2)
    xy = np.array([script.truth(i).xy for i in range(4800)])
    assert len(script.wakes) >= 3
    assert np.linalg.norm(np.diff(xy, axis=0), axis=2).max() < 6.8
    assert ((xy >= 36) & (xy <= (640 - 36, 480 - 36))).all()


# The truth afterwards ----------------------------------------------------------------------------


def test_settings_and_wakes_tell_the_whole_truth_again():
    camera = camera_of(bright, seed=1)
    read(camera, 1800)
    again = MouseScript(camera._settings, camera.wakes)
    assert len(camera.wakes) >= 2
    assert all(same(again.truth(i), camera.truth(i)) for i in range(1800))


def test_wakes_may_come_in_any_order():
    settings = SyntheticCameraSettings(seed=1)
    wakes = camera_with_wakes(seed=1).wakes
    forwards, backwards = MouseScript(settings, wakes), MouseScript(settings, wakes[::-1])
    assert all(same(forwards.truth(i), backwards.truth(i)) for i in range(0, 1800, 7))


def camera_with_wakes(**settings):
    camera = camera_of(bright, led=False, **settings)
    read(camera, 1800)
    return camera


def test_a_wake_of_a_mouse_that_does_not_freeze_does_nothing():
    settings = SyntheticCameraSettings(seed=0)
    plain, poked = MouseScript(settings), MouseScript(settings, (5, FIRST - 1, LAST + 1, LAST + 9))
    assert all(same(plain.truth(i), poked.truth(i)) for i in range(600))


def test_the_truth_in_any_order_is_the_truth_in_order_with_wakes_too():
    camera = camera_with_wakes(seed=1)
    in_order = MouseScript(camera._settings, camera.wakes)
    expected = [in_order.truth(i) for i in range(1800)]
    anyhow = MouseScript(camera._settings, camera.wakes)
    order = [1700, 3, camera.wakes[0], camera.wakes[0] - 1, 1799, 0, 600, 601, 599, 1200]
    assert all(same(anyhow.truth(i), expected[i]) for i in order)


def test_truth_that_was_asked_ahead_is_mended_when_the_mouse_wakes():
    """Asked about frame 1700 first, it answered as if no light would come."""
    camera = camera_of(bright, seed=1, led=False)
    ahead = camera.truth(1700)
    assert same(ahead, MouseScript(camera._settings).truth(1700))
    read(camera, 1800)
    again = MouseScript(camera._settings, camera.wakes)
    order = (1700, 650, camera.wakes[0], camera.wakes[-1], 1799)
    assert all(same(camera.truth(i), again.truth(i)) for i in order)


def test_the_truth_can_be_asked_between_any_two_frames():
    asked, left_alone = (camera_of(bright, seed=1, led=False) for _ in range(2))
    for index in range(500):
        asked.truth(max(0, index + 20 * (index % 3 - 1)))
        np.testing.assert_array_equal(asked.read(1).image, left_alone.read(1).image)
    assert len(asked.wakes) == 1
    assert asked.wakes == left_alone.wakes


def test_the_mask_follows_the_woken_mouse():
    camera = camera_with_wakes(seed=1, width=96, height=72)
    index = camera.wakes[0] + 60
    mask = camera.mask(index)
    _, head, tail_base = camera.truth(index).xy
    assert [mask[round(float(y)), round(float(x))] for x, y in (head, tail_base)] == [255, 255]


def test_a_script_that_goes_back_does_not_look_again():
    """The light may have been forgotten by then: what was seen stays seen, nothing is added."""
    asked = []

    def sees(tick):
        asked.append(tick)
        return tick >= FIRST + 30

    script = MouseScript(SyntheticCameraSettings(seed=0), sees=sees)
    first = [script.truth(i) for i in range(600)]
    n, wakes = len(asked), script.wakes
    assert n > 10
    assert all(same(script.truth(i), first[i]) for i in (0, FIRST + 5, 599))
    assert (len(asked), script.wakes) == (n, wakes)


def test_scripts_never_hold_more_than_their_checkpoints_and_their_wakes():
    """Ten minutes are 36 000 ticks: 60 checkpoints of 600 ticks, and one wake per freeze."""
    script = MouseScript(SyntheticCameraSettings(seed=0), sees=lambda tick: True)
    script.body(36_000)
    assert len(script._checkpoints) <= 61
    assert len(script.wakes) <= 60


def test_opened_again_the_mouse_lives_anew():
    camera = camera_of(bright, seed=0)
    before = [camera.read(1).image.copy() for _ in range(600)]
    wakes = camera.wakes
    camera.close()
    assert camera.wakes == wakes
    camera.open()
    assert camera.wakes == ()
    for image in before:
        np.testing.assert_array_equal(camera.read(1).image, image)
    assert camera.wakes == wakes


# When the light is asked -------------------------------------------------------------------------


def paced(light, **settings):
    clock = ManualClock(now_ns=START_NS)
    size = {"width": 48, "height": 48, "fps": 60}
    camera = SyntheticCamera(SyntheticCameraSettings(**(size | settings)), clock, light)
    camera.open()
    return camera, clock


def test_a_paced_camera_asks_on_the_session_clock_about_each_exposure():
    light = Pulses()
    camera, _ = paced(light, wakes=False)
    read(camera, 3)
    assert light.asked == [
        (START_NS, START_NS + 16_666_667),
        (START_NS + 16_666_666, START_NS + 33_333_333),
        (START_NS + 33_333_333, START_NS + 50_000_000),
    ]


def test_an_unpaced_camera_asks_on_its_own_time_line():
    light = Pulses()
    read(camera_of(light, fps=50, wakes=False), 2)
    assert light.asked == [(-20 * MS, 0), (0, 20 * MS)]


@pytest.mark.parametrize(
    "settings",
    [{"fps": 2}, {"fps": 60, "jitter_ms": 40}, {"fps": 900, "lose_fraction": 0.9}],
    ids=["slow", "late", "fast and losing"],
)
def test_it_never_asks_about_what_is_still_to_come(settings):
    late = []
    clock = ManualClock(now_ns=START_NS)

    def light(from_ns, to_ns):
        late.append(clock.now_ns() - to_ns)
        return 1.0

    shape = {"width": 48, "height": 48, "reaction_ms": 100, "duration_s": 12.0}
    camera = SyntheticCamera(SyntheticCameraSettings(**(shape | settings)), clock, light)
    camera.open()
    read(camera, 12_000)
    assert camera.wakes
    assert min(late) >= 0


def test_each_moment_of_a_freeze_is_looked_at_once_and_none_is_left_out():
    light = Pulses()
    read(camera_of(light, seed=0, led=False), LAST + 1)
    ends = [to_ns for _, to_ns in light.asked]
    assert [from_ns for from_ns, _ in light.asked][1:] == ends[:-1]
    assert light.asked[0][1] == tick_ns(FIRST)


def test_losing_a_frame_does_not_change_when_the_mouse_wakes():
    whole = camera_with_wakes(seed=1)
    losing = camera_of(bright, led=False, seed=1, lose_fraction=0.5, n_frames=1800)
    read(losing, 1800)
    assert losing.wakes == whole.wakes


def test_a_reader_who_stalls_does_not_change_when_the_mouse_wakes():
    pulse = (FRAME_0_NS + tick_ns(FIRST + 30), FRAME_0_NS + tick_ns(FIRST + 31))
    steady, _ = paced(Pulses(pulse), seed=0)
    read(steady, 600)
    stalling, clock = paced(Pulses(pulse), seed=0)
    read(stalling, FIRST)
    clock.advance(4_000 * MS)
    read(stalling, 600)
    assert len(steady.wakes) == 1
    assert stalling.wakes == steady.wakes


@pytest.mark.parametrize("fps", [30, 120])
def test_the_mouse_wakes_at_the_same_moment_at_any_frame_rate(fps):
    """The light is on from FIRST + 30 on; its life goes in ticks, whatever the camera does."""
    light = Pulses((tick_ns(FIRST + 30), 10**12))
    cameras = camera_of(light, seed=0), camera_of(light, seed=0, fps=fps)
    read(cameras[0], 600)
    read(cameras[1], 10 * fps)
    assert cameras[0].wakes[0] == cameras[1].wakes[0]


def closed_loop(seed):
    """A camera whose light goes on for 0.5 s, 2 ms after it showed half a second of freezing."""
    light = Pulses()
    camera, clock = paced(light, seed=seed, n_frames=1800)
    frozen = 0
    for entry in iter(lambda: next(iter(read(camera, 1)), None), None):
        frozen = frozen + 1 if "freezing" in camera.truth(entry.index).behaviours else 0
        if frozen == 30:
            light.on.append((clock.now_ns() + 2 * MS, clock.now_ns() + 502 * MS))
    return camera


def test_a_loop_that_is_closed_on_a_manual_clock_is_the_same_every_time():
    """Half a second of freezing, 2 ms, then 200 to 300 ms and at most two ticks of rounding."""
    first, again = closed_loop(3), closed_loop(3)
    assert first.wakes == again.wakes
    bouts = freezes(MouseScript(first._settings, first.wakes), 1800)
    assert len(bouts) == 2
    for begin, end in bouts:
        assert 30 + 12 <= end - begin + 1 <= 30 + 18 + 2


# The LED -----------------------------------------------------------------------------------------


def led_grey(image, settings):
    x, y = settings.led_px
    return float(image[y, x].mean())


@pytest.mark.parametrize("colour", [False, True], ids=["grey", "colour"])
def test_the_led_is_dark_when_off_bright_when_on_and_half_way_in_between(colour):
    seen = []
    for level in (0.0, 0.25, 0.5, 0.75, 1.0):
        camera = camera_of(lambda a, b, level=level: level, width=640, height=480, colour=colour)
        seen.append(led_grey(camera.read(1).image, camera._settings))
    assert seen == sorted(seen)
    assert seen[0] < 60
    assert seen[2] == pytest.approx((seen[0] + seen[-1]) / 2, abs=30)
    assert seen[-1] > 230


SIZES = {"standard": (640, 480), "tiny": (32, 32), "wide": (640, 100), "large": (1280, 1024)}


@pytest.mark.parametrize(("width", "height"), SIZES.values(), ids=SIZES.keys())
def test_the_led_changes_its_corner_and_no_pixel_of_the_floor(width, height):
    lit, plain = (
        camera_of(bright, width=width, height=height),
        camera_of(None, width=width, height=height),
    )
    changed = np.argwhere(lit.read(1).image != plain.read(1).image)
    floor = lit._settings.floor
    assert len(changed) > 0
    assert (changed.max(axis=0) < (floor.y_px, floor.x_px)).all()
    x, y = lit._settings.led_px
    assert [y, x] in changed.tolist()


def test_the_lens_is_as_wide_as_the_settings_say():
    """0.2 of a wall of 36 px: 7.2 px."""
    camera = camera_of(bright, width=640, height=480)
    image, settings = camera.read(1).image, camera._settings
    assert settings.led_px == (18, 18)
    assert settings.led_radius_px == pytest.approx(7.2)
    y, x = np.indices(image.shape)
    assert (image[np.hypot(x - 18, y - 18) < 6] > 240).all()


def test_each_frame_shows_the_highest_level_of_its_own_exposure():
    """A pulse of 1 ms in the exposure of frame 2 of 60 fps, which ends at 50 ms."""
    light = Pulses((START_NS + 40 * MS, START_NS + 41 * MS))
    camera, _ = paced(light)
    seen = [led_grey(camera.read(1).image, camera._settings) > 150 for _ in range(5)]
    assert seen == [False, False, True, False, False]


def test_light_in_a_lost_frame_is_not_shown_by_the_next_one():
    """After a second of stall frames 57 to 60 are left; the light was on in frame 30's time."""
    light = Pulses((START_NS + 505 * MS, START_NS + 510 * MS))
    camera, clock = paced(light)
    read(camera, 1)
    clock.advance(1_000 * MS)
    assert camera.read(1).last_index == 56
    frame = camera.read(1)
    assert frame.index == 57
    assert led_grey(frame.image, camera._settings) < 100


def test_light_that_comes_after_the_frame_was_drawn_ahead_is_still_shown():
    """Frame 0 is drawn 3 ms before its exposure ends at 16.7 ms; the light goes on 1 ms before."""
    light = Pulses()
    camera, clock = paced(light)
    assert camera.read(timeout_s=0.001) is None
    clock.advance(14 * MS)
    assert camera.read(timeout_s=0.0005) is None
    assert camera._painted_index == 0
    light.on.append((FRAME_0_NS - MS, FRAME_0_NS - MS // 2))
    assert led_grey(camera.read(1).image, camera._settings) > 150


def test_a_level_beyond_its_range_is_shown_as_the_nearest_one():
    low, high = camera_of(lambda a, b: -3.0), camera_of(lambda a, b: 7.0)
    off, on = camera_of(dark), camera_of(bright)
    np.testing.assert_array_equal(low.read(1).image, off.read(1).image)
    np.testing.assert_array_equal(high.read(1).image, on.read(1).image)


def test_the_led_can_be_left_out():
    """Only the mouse sees the light then; the first freeze is still to come."""
    with_light, plain = camera_of(bright, led=False), camera_of(None)
    np.testing.assert_array_equal(with_light.read(1).image, plain.read(1).image)


@pytest.mark.parametrize("reaction_ms", [99, 2001])
def test_reaction_times_that_no_mouse_has_are_refused(reaction_ms):
    with pytest.raises(ValidationError, match="reaction_ms"):
        SyntheticCameraSettings(reaction_ms=reaction_ms)
