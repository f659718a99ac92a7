"""A session is decided again from its images, the network included."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from replayed_sessions import film_again, record, rewrite_table
from session_folders import change_session

from tracker.build import build_observer, build_session
from tracker.clock import SystemClock
from tracker.config import load
from tracker.errors import RecordingError
from tracker.recording import Recording
from tracker.replay import Kind, Source, Why, verify
from tracker.types import Fate

N_FRAMES = 120
ALONE = ["outputs.publisher=null", "outputs.control=null", "outputs.recording.min_free_mb=0"]


def recorded_with(out, *changes):
    frames = f"rig.camera.n_frames={N_FRAMES}"
    unpaced = [*ALONE, "rig.camera.paced=false", frames]
    session, folder = build_session(load(Path("demo"), [*unpaced, *changes]), out, SystemClock())
    session.run()
    return folder


@pytest.fixture(scope="module")
def lossless(tmp_path_factory):
    lamp = "rig.lamps={spot: {x_px: 20, y_px: 20}}"
    return recorded_with(tmp_path_factory.mktemp("lossless"), lamp)


@pytest.fixture
def folder(lossless, tmp_path):
    """A copy that may be changed."""
    return shutil.copytree(lossless, tmp_path / "session")


def from_video(folder):
    return verify(Recording(folder), Source.VIDEO)


def test_what_was_seen_and_all_that_follows_is_the_same(lossless):
    verdict = from_video(lossless)
    assert verdict.identical, verdict
    assert verdict.compared[Kind.OBSERVATION] == N_FRAMES
    assert verdict.causes == ()


def test_frames_that_were_not_processed_are_not_shown_to_the_network(lossless, tmp_path):
    """It follows the animal from frame to frame: those that it missed live it must miss again."""
    film = Recording(lossless)
    images = [each.image for each in film.frames()]
    experiment = load(lossless / "experiment.yaml")
    observer = build_observer(experiment, SystemClock())
    observer.warm_up(images[0].shape)
    fates = {i: Fate.SUPERSEDED for i in range(N_FRAMES) if i % 3 == 1 or 60 <= i < 75}
    about = {"fates": fates, "observer": observer, "images": images.__getitem__}
    folder = record(tmp_path / "session", experiment, N_FRAMES, **about)
    verdict = from_video(folder)
    assert verdict.identical, verdict
    assert verdict.compared[Kind.OBSERVATION] == N_FRAMES - len(fates)
    assert verdict.causes == ()


def test_one_changed_pixel_is_found_and_told_where(folder):
    recording = Recording(folder)
    x, y = np.round(recording.xy[60, 0, 0]).astype(int)

    def change(index, pixels):
        if index == 60:
            pixels[y, x] ^= 0x80
        return pixels

    film_again(folder, change)
    verdict = from_video(folder)
    first = verdict.differences[0]
    assert (first.kind, first.frame) == (Kind.OBSERVATION, 60)
    assert first.causes == (Why.FILE_CHANGED,)
    features = [each for each in verdict.differences if each.kind is Kind.FEATURE]
    assert features
    assert all(each.frame >= 60 and each.causes == (Why.FOLLOWS,) for each in features)


def test_one_changed_pixel_of_a_lamp_is_found(folder):
    def change(index, pixels):
        if index == 30:
            pixels[20, 20] ^= 1
        return pixels

    film_again(folder, change)
    verdict = from_video(folder)
    first = verdict.differences[0]
    assert (first.kind, first.frame) == (Kind.OBSERVATION, 30)
    assert first.text.startswith("measures lamp_spot was ")


def test_a_changed_observation_is_found_from_the_video_alone(folder):
    """Its confidence goes into no feature: only the network can tell."""

    def change(rows):
        rows[40]["confidence"][0] = 0.5
        return rows

    rewrite_table(folder / "observations.arrow", change)
    assert verify(Recording(folder)).identical
    verdict = from_video(folder)
    assert dict(verdict.n_different) == {Kind.OBSERVATION: 1}
    assert verdict.differences[0].frame == 40
    assert verdict.differences[0].text.startswith("confidence differs")


def test_a_lossy_video_is_named_as_the_cause(tmp_path):
    folder = recorded_with(tmp_path, "outputs.recording.codec=h264")
    verdict = from_video(folder)
    assert [cause.why for cause in verdict.causes] == [Why.CODEC]
    assert verdict.n_different[Kind.OBSERVATION] > N_FRAMES // 2
    assert verdict.differences[0].causes == (Why.CODEC,)
    assert verify(Recording(folder)).identical


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("recorder", {"crop": {"kind": "region"}}, "is a crop"),
        ("provenance", {"model": {"observer": "tracks"}}, "came from a file of tracks"),
    ],
    ids=["crop", "tracks"],
)
def test_what_no_network_saw_like_that_is_refused(folder, name, changes, said):
    was = Recording(folder).session[name]
    change_session(folder, **{name: {**was, **changes}})
    with pytest.raises(RecordingError, match=said):
        from_video(folder)


def test_frames_that_are_not_in_the_video_are_taken_as_they_were_seen(folder):
    film_again(folder, lambda index, pixels: None if index in (50, 51) else pixels)

    def change(rows):
        for index in (50, 51):
            rows[index] |= {"recording": str(Fate.RING_OVERRUN), "segment": None}
        return rows

    rewrite_table(folder / "frames.arrow", change)
    verdict = from_video(folder)
    assert verdict.compared[Kind.OBSERVATION] == N_FRAMES - 2
    (cause,) = verdict.causes
    assert cause.why is Why.NOT_IN_VIDEO
    assert cause.text.startswith(
        "2 frames were processed and are not in the video, the first is 50"
    )
    assert all(each.frame > 51 for each in verdict.differences)


@pytest.mark.parametrize(
    ("change", "why", "text"),
    [
        pytest.param({"sha256": "0"}, Why.MODEL, "sha256 0, here", id="model"),
        pytest.param({"provider": "cuda"}, Why.PROVIDER, "provider cuda, here cpu", id="provider"),
    ],
)
def test_another_network_or_provider_is_told(folder, change, why, text):
    provenance = Recording(folder).session["provenance"]
    change_session(folder, provenance=provenance | {"model": provenance["model"] | change})
    (cause,) = from_video(folder).causes
    assert cause.why is why
    assert text in cause.text


def test_another_machine_is_told(folder):
    provenance = Recording(folder).session["provenance"]
    change_session(folder, provenance=provenance | {"machine": {"processor": "other"}})
    assert [cause.why for cause in from_video(folder).causes] == [Why.MACHINE]
