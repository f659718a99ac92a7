"""Video at the full rate around episodes, and at a low one or none elsewhere."""

import threading
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from pydantic import ValidationError
from rigs import Rig, at
from session_folders import MS, frame, recorder, result

from tracker.config import load
from tracker.errors import ConfigError, RecordingError
from tracker.recording import Recording
from tracker.session_folder.around_episodes import AroundEpisodes
from tracker.session_folder.settings import AroundEpisodesSettings, RecorderSettings
from tracker.session_folder.video_encoder import Codec
from tracker.testing.scripted_camera import ScriptedCamera
from tracker.types import CameraInfo, Episode, Fate, Frame, Onset

SHAPE = (24, 32)
NONE = range(0)
SECOND = 1000 * MS


def onset(first, confirmed, name="freezing"):
    """An episode of frames of 100 a second, by its number of the first and the certain one."""
    return Onset(f"{name}/mouse/{first}", name, "mouse", first, first * 10 * MS, confirmed,
                 confirmed * 10 * MS)  # fmt: skip


def episode(first, confirmed, last, name="freezing"):
    return Episode(onset(first, confirmed, name), last, last * 10 * MS)


class Film:
    """Frames of 100 a second, results for all of them, and what becomes of each."""

    def __init__(self, *, confirm_s=0.05, fps=100.0, shape=SHAPE, **settings):
        settings = AroundEpisodesSettings(**({"before_s": 0.2, "after_s": 0.1} | settings))
        camera = CameraInfo("test", shape, fps, live=True)
        self.around = AroundEpisodes(settings, camera, confirm_s)
        self.fates = {}

    def play(self, n_frames, events=None, *, lag=3):
        """Each result comes `lag` frames after its frame; settled frames are taken at once."""
        events = events or {}
        for i in range(n_frames + lag):
            if i < n_frames:
                self._keep(self.around.add(frame(i), i, NONE, Fate.RING_OVERRUN))
            if i >= lag:
                self.around.hear(result(i - lag, *events.get(i - lag, ())))
            self.drain()
        return self

    def drain(self):
        while (settled := self.around.next()) is not None:
            np.testing.assert_array_equal(settled.frame.image, frame(settled.frame.index).image)
            self._keep(settled)

    def end(self, *episodes):
        self.around.end(episodes)
        self.drain()
        return self

    def _keep(self, settled):
        if settled is not None:
            assert settled.turn == settled.frame.index
            self.fates[settled.frame.index] = settled.left_out

    @property
    def kept(self):
        return [index for index, left_out in self.fates.items() if left_out is None]


class TestChoosing:
    def test_frames_from_before_the_onset_to_after_the_end_are_kept(self):
        events = {105: [onset(100, 105)], 140: [episode(100, 105, 130)]}
        film = Film().play(300, events).end()
        assert film.kept == list(range(80, 141))  # 0.2 s before frame 100, 0.1 s after frame 130
        assert list(film.fates) == list(range(300))
        assert {fate for fate in film.fates.values() if fate} == {Fate.THINNED}

    def test_nothing_is_kept_of_a_film_without_episodes(self):
        film = Film().play(200).end()
        assert film.kept == []
        assert list(film.fates) == list(range(200))

    def test_the_low_rate_is_kept_where_nothing_happens(self):
        film = Film(otherwise_fps=10).play(100).end()
        assert film.kept == list(range(0, 100, 10))

    def test_a_low_rate_that_does_not_divide_the_cameras_is_right_on_average(self):
        film = Film(otherwise_fps=30).play(1000).end()
        assert len(film.kept) == 300

    def test_the_low_rate_goes_on_after_an_episode(self):
        events = {105: [onset(100, 105)], 140: [episode(100, 105, 130)]}
        kept = Film(otherwise_fps=10).play(300, events).end().kept
        assert kept[:8] == list(range(0, 80, 10))
        assert kept[8:69] == list(range(80, 141))
        assert kept[69:] == list(range(150, 300, 10))

    def test_only_the_behaviours_that_were_named_count(self):
        events = {
            55: [onset(50, 55, "locomotion")],
            60: [episode(50, 55, 58, "locomotion")],
            155: [onset(150, 155)],
            170: [episode(150, 155, 160)],
        }
        film = Film(behaviours=("freezing",)).play(300, events).end()
        assert film.kept == list(range(130, 171))

    def test_two_episodes_at_once_are_kept_to_the_end_of_the_later_one(self):
        events = {
            105: [onset(100, 105)],
            115: [onset(110, 115, "locomotion")],
            120: [episode(100, 105, 118)],
            150: [episode(110, 115, 145, "locomotion")],
        }
        film = Film().play(300, events).end()
        assert film.kept == list(range(80, 156))

    def test_an_episode_that_the_sessions_end_closes_is_kept_to_its_end(self):
        film = Film().play(120, {105: [onset(100, 105)]}).end(episode(100, 105, 119))
        assert film.kept == list(range(80, 120))

    def test_frames_wait_as_long_as_an_onset_may_be_confirmed_late(self):
        film = Film(confirm_s=1.0, before_s=0.2)
        film.play(200, {199: [onset(100, 199)]}).end()
        assert film.kept == list(range(80, 200))

    def test_frames_wait_for_the_results_however_late_these_are(self):
        film = Film().play(200, {105: [onset(100, 105)], 115: [episode(100, 105, 110)]}, lag=60)
        assert film.end().kept[0] == 80


class TestMemory:
    def test_it_is_as_large_as_the_time_that_frames_wait(self):
        # 0.2 s before, 0.05 s to confirm, 0.5 s slack, 2 s spare, at 100 frames/s
        assert Film().around.capacity == 275

    def test_what_does_not_fit_is_refused_with_its_size(self):
        with pytest.raises(RecordingError, match=r"275 of 1\.50 MB are 412 MB, .* allows 400"):
            Film(shape=(1000, 1500), memory_mb=400)

    def test_it_is_refused_before_a_folder_is_made(self, tmp_path):
        with pytest.raises(RecordingError, match="memory_mb"):
            recorder(tmp_path / "s", shape=(1000, 1500), around_episodes={"memory_mb": 1}).open()
        assert not (tmp_path / "s").exists()

    def test_all_that_is_allowed_is_taken_where_the_rate_is_not_known(self):
        assert Film(fps=float("nan"), memory_mb=1).around.capacity == 1_000_000 // (24 * 32)

    def test_if_it_is_full_the_oldest_frame_is_pushed_out_and_says_so(self):
        film = Film()
        for i in range(280):  # no result comes at all
            film._keep(film.around.add(frame(i), i, NONE, Fate.RING_OVERRUN))
            film.drain()
        assert film.fates == dict.fromkeys(range(5), Fate.RECORDER_FULL)
        assert film.around.n_waiting == 275


class TestSessions:
    SETTINGS: ClassVar = {"around_episodes": {"before_s": 0.2, "after_s": 0.1, "otherwise_fps": 5}}

    @staticmethod
    def run(folder, recording, n=400, network_s=0.0, **settings):
        """The animal is on the right, which is a behaviour, in frames 150 to 199."""
        images = [np.random.default_rng(i).integers(0, 255, (48, 64), np.uint8) for i in range(n)]
        film = [Frame(i, i * 10 * MS, i * 10 * MS, images[i]) for i in range(n)]
        never = threading.Event()

        def see(i):
            never.wait(network_s)
            return at(50.0 if 150 <= i < 200 else 5.0)

        camera = ScriptedCamera(film, fps=100)
        rig = Rig(folder, camera, script=see, recording=recording, confirm_s=0.02, **settings)
        rig.run()
        return Recording(folder), images

    def test_the_folder_explains_every_frame_and_holds_the_right_ones(self, tmp_path):
        recording, images = self.run(tmp_path / "s", self.SETTINGS)
        (seen,) = recording.episodes
        first, last = seen.onset.onset_index - 20, seen.end_index + 10
        words = recording.ledger["recording"].to_pylist()
        assert set(words[first : last + 1]) == {"recorded"}
        assert words[:first].count("recorded") == len(range(0, first, 20))
        assert set(words) == {"recorded", "thinned"}
        totals = recording.totals()
        assert totals["not_recorded"] == {"thinned": 400 - totals["recorded"]}
        assert (totals["captured"], totals["processed"], totals["unexplained"]) == (400, 400, 0)
        frames = list(recording.frames())
        assert len(frames) == totals["recorded"] == recording.session["video_frames"]
        for read in frames:
            np.testing.assert_array_equal(read.image, images[read.index])
        with pytest.raises(RecordingError, match="frame 1 is not in the video"):
            recording.image(1)

    def test_a_film_waits_for_a_slow_network_rather_than_be_left_out(self, tmp_path):
        slow = {"network_s": 0.003, "ring_capacity": 400}  # more than may wait
        recording, _ = self.run(tmp_path / "s", self.SETTINGS, **slow)
        words = recording.ledger["recording"].to_pylist()
        assert set(words) == {"recorded", "thinned"}
        assert len(recording.episodes) == 1

    def test_together_with_segments_and_a_crop(self, tmp_path):
        crop = {"kind": "region", "x_px": 10, "y_px": 4, "width_px": 32, "height_px": 24}
        extra = {"segment_minutes": 0.01, "crop": crop}
        recording, images = self.run(tmp_path / "s", self.SETTINGS | extra)
        frames = list(recording.frames())
        assert len(frames) == recording.totals()["recorded"]
        assert recording.ledger["segment"].to_pylist()[-1] is None
        for read in frames:
            np.testing.assert_array_equal(read.image, images[read.index][4:28, 10:42])
            np.testing.assert_array_equal(recording.image(read.index), read.image)

    def test_without_a_video_nothing_waits(self, tmp_path):
        rig = Rig(
            tmp_path / "s",
            ScriptedCamera([Frame(0, 0, 0, np.zeros((48, 64), np.uint8))], fps=100),
            codec=Codec.NONE,
            recording=self.SETTINGS,
        )
        rig.run()
        assert rig.ledger.totals.not_recorded == {Fate.NOT_WANTED: 1}


class TestSettings:
    @pytest.mark.parametrize(
        "wrong", [{"before_s": -1}, {"otherwise_fps": -1}, {"memory_mb": 0}, {"befor_s": 5}]
    )
    def test_wrong_ones_are_refused(self, wrong):
        with pytest.raises(ValidationError, match=next(iter(wrong))):
            RecorderSettings(around_episodes=wrong)

    def test_a_behaviour_that_is_not_there_is_refused_with_those_that_are(self):
        setting = "outputs.recording.around_episodes={behaviours: [freezin]}"
        with pytest.raises(
            ConfigError, match=r"names 'freezin', which is no behaviour; .*freezing"
        ):
            load(Path("open_field"), [setting])

    def test_the_time_to_confirm_is_that_of_the_slowest_behaviour_that_counts(self):
        changes = [
            "behaviours.freezing.episode.min_duration_s=3",
            "outputs.recording.around_episodes={behaviours: [freezing]}",
        ]
        assert load(Path("open_field"), changes).confirm_s == 3
