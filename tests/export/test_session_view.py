"""The rows of a session: one per frame that the camera counted."""

import json

import numpy as np
import pytest
from exported import (
    ANCHOR_UTC_NS,
    IN_VIDEO,
    LOST,
    NO_TAIL,
    PROCESSED,
    SKIPPED,
    TIMES_S,
    ZERO_NS,
    confidence,
    reopen,
    session,
    xy,
)
from session_folders import cut, opened

from tracker.errors import ExportError
from tracker.export.session_view import Rows, unit_of, view_of
from tracker.recording import Recording
from tracker.types import Fate, LedgerRow

NAN = float("nan")


def test_every_frame_that_the_camera_counted_has_a_row(view):
    assert view.slots.index.tolist() == list(range(10))
    assert view.slots.fate.tolist() == [
        *["processed"] * 3,
        "lost_on_link",
        "processed",
        "superseded",
        *["processed"] * 4,
    ]
    assert view.slots.recorded[6] == "ring_overrun"


def test_times_are_seconds_since_the_first_frame(view):
    np.testing.assert_allclose(view.time_s, TIMES_S, rtol=0, atol=1e-12)
    assert view.zero_ns == ZERO_NS
    assert view.zero_utc_ns == ANCHOR_UTC_NS + ZERO_NS
    assert view.zero_utc.isoformat() == "2023-11-14T22:13:25.123456+00:00"


def test_only_a_frame_that_never_came_has_an_estimated_time(view):
    assert np.flatnonzero(~view.slots.time_known).tolist() == [LOST]


def test_frames_that_were_not_processed_are_nan(view):
    for slot in range(10):
        expected = xy(slot) if slot in PROCESSED else np.full((1, 2, 2), NAN)
        np.testing.assert_array_equal(view.xy[slot], expected)
        expected = confidence(slot) if slot in PROCESSED else np.full((1, 2), NAN)
        np.testing.assert_array_equal(view.confidence[slot], expected)


def test_a_keypoint_that_was_not_found_keeps_its_confidence(view):
    assert not view.found[NO_TAIL, 0, 1]
    assert view.confidence[NO_TAIL, 0, 1] == 0.125


def test_columns_are_nan_where_they_are_not_known(view):
    assert set(view.columns) == {
        "feature/speed_cm_s",
        "score/freezing",
        "score/locomotion",
        "class/rearing",
        "measure/pupil_px",
        "novelty",
        "abstained",
    }
    rearing = [NAN, 0.1, 0.2, NAN, 0.4, NAN, 0.6, 0.7, 0.8, 0.9]
    np.testing.assert_allclose(view.columns["class/rearing"], rearing)
    pupil = [0, 2, 4, NAN, 8, NAN, 12, 14, 16, 18]
    np.testing.assert_array_equal(view.columns["measure/pupil_px"], pupil)
    assert np.isnan(view.columns["score/locomotion"]).all()
    np.testing.assert_array_equal(view.columns["abstained"][[0, LOST, SKIPPED]], [0, NAN, NAN])


def test_a_row_knows_its_frame_in_the_video(view):
    assert view.slots.video_frame.tolist() == [0, 1, 2, -1, 3, 4, -1, 5, 6, 7]


@pytest.mark.parametrize(
    ("rows", "kept", "numbers"),
    [
        (Rows.SLOTS, list(range(10)), list(range(10))),
        (Rows.PROCESSED, PROCESSED, PROCESSED),
        (Rows.VIDEO, IN_VIDEO, list(range(8))),
    ],
    ids=str,
)
def test_fewer_rows_can_be_asked_for(folder, rows, kept, numbers):
    view = view_of(Recording(folder), rows)
    assert view.slots.index.tolist() == kept
    assert view.row_number.tolist() == numbers
    assert len(view.xy) == len(view.confidence) == len(view.columns["novelty"]) == len(kept)
    np.testing.assert_allclose(view.time_s, [TIMES_S[slot] for slot in kept], atol=1e-12)


def test_rows_of_a_video_that_is_not_there_are_refused(folder_of_two):
    with pytest.raises(ExportError, match="none of its 10 frames is in its video"):
        view_of(Recording(folder_of_two), Rows.VIDEO)


def test_the_only_individual_is_the_subject(view):
    assert view.individuals == ("m12",)
    assert view.network == "mouse_top_view_2"


def test_individuals_that_have_names_keep_them(view_of_two):
    assert view_of_two.individuals == ("ada", "bob")
    assert view_of_two.notes == ()


def test_several_without_names_are_numbered_and_noted_to_be_no_tracks(tmp_path):
    view = view_of(Recording(session(tmp_path / "s", individuals=2, codec="none")))
    assert view.individuals == ("individual_0", "individual_1")
    assert "need not be the animal" in view.notes[0]


def lost(index):
    return LedgerRow(index, *[None] * 7, Fate.LOST_BY_SENSOR, Fate.LOST_BY_SENSOR)


def came(index, at_ns):
    return LedgerRow(index, at_ns, *[None] * 6, Fate.SESSION_ENDED, Fate.NOT_WANTED)


def written(folder, rows):
    """A session of nothing but ledger rows, at 100 frames a second."""
    recorder = opened(folder, codec="none")
    recorder.write_ledger(rows)
    recorder.close("stopped", {})
    return Recording(folder)


def test_slots_before_the_first_and_after_the_last_frame_are_timed_at_the_mean_rate(tmp_path):
    rows = [lost(0), lost(1), came(2, 50_000_000), came(3, 61_000_000), lost(4), lost(5)]
    view = view_of(written(tmp_path / "s", rows))
    # 11 ms from slot 2 to slot 3, which is the mean step.
    np.testing.assert_allclose(view.time_s * 1000, [-22, -11, 0, 11, 22, 33], atol=1e-6)
    assert view.zero_ns == 50_000_000


def test_the_only_frame_that_came_is_the_origin_of_all_times(tmp_path):
    view = view_of(written(tmp_path / "s", [lost(0), came(1, 50_000_000), lost(2)]))
    np.testing.assert_allclose(view.time_s * 1000, [-10, 0, 10], atol=1e-6)  # at 100 frames/s


def test_a_video_in_several_files_is_counted_in_each_of_them(tmp_path):
    folder = session(tmp_path / "s", segment_minutes=0.05 / 60)  # 50 ms
    view = view_of(Recording(folder))
    assert [path.name for path in view.video_files] == ["video_000.mkv", "video_001.mkv"]
    assert view.slots.video_frame.tolist() == [0, 1, 2, -1, 3, 4, -1, 5, 6, 7]
    assert view.slots.segment.tolist() == [0, 0, 0, -1, 0, 1, -1, 1, 1, 1]
    assert view.slots.segment_frame.tolist() == [0, 1, 2, -1, 3, 0, -1, 1, 2, 3]


def test_frames_of_a_video_file_that_is_missing_are_in_no_video(tmp_path):
    folder = session(tmp_path / "s", segment_minutes=0.05 / 60)
    (folder / "video_000.mkv").unlink()
    view = view_of(Recording(folder))
    assert view.slots.segment.tolist() == [-1] * 5 + [1, -1, 1, 1, 1]
    assert "video_000.mkv is missing" in view.notes


def test_a_cropped_video_is_noted(tmp_path):
    crop = {"kind": "region", "x_px": 2, "y_px": 3, "width_px": 16, "height_px": 16}
    view = view_of(Recording(session(tmp_path / "s", crop=crop)))
    assert view.notes[0].startswith("the video is cropped")


def test_a_session_that_saw_nobody_still_has_columns(tmp_path):
    view = view_of(written(tmp_path / "s", [came(0, 0), came(1, 10_000_000)]))
    assert view.xy.shape == (2, 1, 2, 2)
    assert np.isnan(view.xy).all()


def test_a_session_without_any_frame_is_refused(tmp_path):
    with pytest.raises(ExportError, match="no frame of this session came"):
        view_of(written(tmp_path / "s", [lost(0), lost(1)]))


def test_a_ledger_that_ends_early_is_lengthened_by_what_was_observed(tmp_path):
    folder = session(tmp_path / "s", codec="none", closed=False)
    recorder = opened(tmp_path / "short", codec="none")
    recorder.write_ledger([came(0, ZERO_NS)])
    recorder.close("stopped", {})
    (folder / "frames.arrow").write_bytes((tmp_path / "short" / "frames.arrow").read_bytes())
    view = view_of(Recording(folder))
    assert len(view.slots.index) == 10
    assert view.slots.fate[[1, LOST, 9]].tolist() == ["processed", "unknown", "processed"]
    np.testing.assert_allclose(view.time_s[[0, 1, 9]], [0, 0.011, 0.091], atol=1e-12)


def test_a_folder_that_was_cut_off_says_so_in_its_notes(tmp_path):
    view = view_of(Recording(session(tmp_path / "s", closed=False)))
    assert view.notes[0].startswith("the session was not closed")


def test_a_video_that_ends_before_the_ledger_loses_its_last_frames_only(tmp_path):
    folder = session(tmp_path / "s")
    cut(folder / "video.mkv", 2500)
    reopen(folder)
    recording = Recording(folder)
    there = recording.n_video_frames()
    assert 0 < there < 8
    view = view_of(recording)
    assert (view.slots.video_frame >= 0).sum() == there
    assert f"the video ends {8 - there} frames before the ledger does" in view.notes


def test_a_blinded_session_says_that_arms_are_hidden(tmp_path):
    view = view_of(Recording(session(tmp_path / "s", blinded=frozenset({"wake"}), codec="none")))
    assert "export it again after `tracker unblind`" in view.notes[0]


def test_settings_of_the_session_are_those_it_ran_with(view):
    assert view.session_setting("species") == "Mus musculus"
    assert view.session_setting("protocol") == ""


def test_an_experiment_that_is_no_yaml_has_no_settings(tmp_path):
    folder = session(tmp_path / "s", experiment="a: [", codec="none")
    assert view_of(Recording(folder)).settings == {}


def test_a_rate_that_the_camera_does_not_state_is_the_median_one(tmp_path):
    folder = session(tmp_path / "s", codec="none")
    about = json.loads((folder / "session.json").read_text(encoding="utf-8"))
    about["camera"]["fps"] = None
    (folder / "session.json").write_text(json.dumps(about), encoding="utf-8")
    # Steps of all slots: 11, 9, 10, 10, 11, 9, 11, 9, 11 ms; the middle one is 10 ms.
    assert view_of(Recording(folder)).fps == pytest.approx(100)


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("speed_cm_s", "cm/s"),
        ("angular_speed_deg_s", "deg/s"),
        ("body_length_cm", "cm"),
        ("heading_deg", "deg"),
        ("pupil_px", "px"),
        ("in_centre", "1"),
    ],
)
def test_the_unit_is_in_the_name(name, unit):
    assert unit_of(name) == unit


def test_an_imported_session_says_that_its_date_is_that_of_the_import(tmp_path):
    about = {"observer": "tracks", "program": "SLEAP"}
    view = view_of(Recording(session(tmp_path / "s", model=about, codec="none")))
    assert "imported from tracks of SLEAP" in view.notes[0]
    assert view.program == "SLEAP"


def test_animals_that_are_followed_are_called_by_their_names(tmp_path):
    folder = session(tmp_path / "s", individuals=3, identities=("ada", "bob", ""), codec="none")
    view = view_of(Recording(folder))
    assert view.individuals == ("ada", "bob", "other_0")
    assert "none of the animals followed" in view.notes[0]
    sure = view.columns["identity_confidence/bob"]
    np.testing.assert_array_equal(sure, [1, 1, 1, NAN, 1, NAN, 1, 1, 1, 1])
    assert "identity_confidence/other_0" not in view.columns
