"""What it costs to decide live, and what other settings would have decided."""

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from replayed_sessions import MS, WAKE, at, experiment_with, film_again, record, rewrite_table
from session_folders import lines_of

from tracker.build import build_session
from tracker.changes import Change
from tracker.clock import SystemClock
from tracker.config import load
from tracker.errors import ConfigError, RecordingError
from tracker.parity import agreement, price, what_if
from tracker.parity.frames import FrameFeatures, episodes_from
from tracker.recording import Recording
from tracker.replay.changes_again import ChangesAgain
from tracker.replay.own import experiment_of
from tracker.replay.rerun import Rerun
from tracker.types import Episode, Fate, Onset

NAN = float("nan")


def bout(first, last, known=None, behaviour="freezing"):
    """An episode of frames `first` to `last`, 10 ms each, known at frame `known`."""
    known = first if known is None else known
    about = (behaviour, "mouse", first, first * 10 * MS, known, known * 10 * MS)
    return Episode(Onset(f"{behaviour}/mouse/{first}", *about), last, last * 10 * MS)


class TestAgreement:
    def of(self, ours, theirs, n_frames=100):
        return agreement("freezing", ours, theirs, np.arange(n_frames))

    @pytest.mark.parametrize(
        ("ours", "theirs", "counts"),
        [
            pytest.param([], [], (0, 0, 0), id="none"),
            pytest.param([bout(3, 9)], [bout(3, 9)], (1, 0, 0), id="the_same"),
            pytest.param([bout(3, 9)], [], (0, 0, 1), id="extra"),
            pytest.param([], [bout(3, 9)], (0, 1, 0), id="missed"),
            pytest.param([bout(3, 9)], [bout(9, 12)], (1, 0, 0), id="one_frame_is_enough"),
            pytest.param([bout(3, 9)], [bout(10, 12)], (0, 1, 1), id="side_by_side_is_not"),
            pytest.param([bout(0, 50)], [bout(0, 5), bout(10, 40)], (1, 1, 0), id="one_for_two"),
            pytest.param([bout(0, 5), bout(10, 40)], [bout(0, 50)], (1, 0, 1), id="two_for_one"),
            pytest.param(
                [bout(0, 9), bout(20, 29)], [bout(1, 8), bout(22, 31)], (2, 0, 0), id="two"
            ),
        ],
    )
    def test_matched_missed_and_extra(self, ours, theirs, counts):
        found = self.of(ours, theirs)
        assert (found.matched, found.missed, found.extra) == counts
        assert (found.episodes, found.reference) == (len(ours), len(theirs))

    def test_of_one_for_two_the_longer_overlap_counts(self):
        found = self.of([bout(0, 50)], [bout(4, 5), bout(10, 40)])
        assert found.onset_later_ms == -100

    def test_how_much_later_is_the_median_and_the_farthest(self):
        ours = [bout(12, 20, known=15), bout(31, 40, known=34), bout(49, 60, known=70)]
        theirs = [bout(10, 20), bout(30, 40), bout(55, 60)]
        found = self.of(ours, theirs)
        assert (found.onset_later_ms, found.onset_worst_ms) == (10, -60)
        assert (found.known_later_ms, found.known_worst_ms) == (50, 150)

    def test_frames_alike_and_f1(self):
        found = self.of([bout(0, 9)], [bout(5, 14)])
        assert found.frames_alike == 0.9  # frames 0 to 4 and 10 to 14 differ
        assert found.f1 == 0.5  # 2 * 5 hits over 10 + 10

    def test_episodes_of_other_behaviours_do_not_count(self):
        found = self.of([bout(0, 9, behaviour="running")], [bout(0, 9)])
        assert (found.episodes, found.missed) == (0, 1)

    def test_nothing_to_tell_it_from_is_not_known(self):
        found = self.of([], [], n_frames=0)
        told = (found.onset_later_ms, found.known_worst_ms, found.frames_alike, found.f1)
        assert all(math.isnan(each) for each in told)


CHANGES = {200: Change("freezing", 0, 40.0, "anna"), 400: Change("running", 0, 15.0, "anna")}
"""Thresholds that a person moves, by frame."""


class TestCentred:
    def features(self, times_ms, **values):
        times_ns = np.array(times_ms, np.int64) * MS
        columns = {name: np.array(each, float) for name, each in values.items()}
        return FrameFeatures(np.arange(len(times_ns)), times_ns, columns)

    def test_a_value_is_taken_from_as_much_later_as_it_lags(self):
        """Half a window of 40 ms and half a frame: 25 ms, so two frames or three; the nearer."""
        live = self.features(range(0, 100, 10), speed=range(10), place=range(10))
        centred = live.centred({"speed": 0.02, "place": 0.0})
        np.testing.assert_array_equal(centred.values["speed"], [2, 3, 4, 5, 6, 7, 8, 9, NAN, NAN])
        np.testing.assert_array_equal(centred.values["place"], range(10))

    def test_where_no_frame_is_near_that_moment_it_is_not_known(self):
        live = self.features([0, 10, 20, 30, 90, 100, 110, 120, 130], speed=range(9))
        centred = live.centred({"speed": 0.02})
        np.testing.assert_array_equal(centred.values["speed"], [2, 3, NAN, NAN, 6, 7, 8, NAN, NAN])

    @pytest.mark.parametrize("n", [0, 1])
    def test_of_too_few_frames_nothing_is_known(self, n):
        centred = self.features(range(n), speed=range(n)).centred({"speed": 0.02})
        assert np.isnan(centred.values["speed"]).all()

    def test_live_features_give_the_episodes_of_the_session(self, tmp_path):
        folder = record(tmp_path / "s", experiment_with(tmp_path), 600, changes=CHANGES)
        recording = Recording(folder)
        rerun = Rerun(recording, experiment_of(recording))
        live = FrameFeatures(recording.frame_indices, recording.captured_ns, recording.features)
        experiment = experiment_of(recording)
        changes = ChangesAgain(recording, experiment)
        found = episodes_from(live, experiment, rerun.pipeline.group_delay_s, changes)
        assert found == list(recording.episodes)


def starts_at(*moments):
    """An animal that stands and runs in turn, 3 px a frame; changes at these frames."""

    def script(index):
        x, is_running, begin = 0.0, False, 0
        for moment in (*moments, index):
            end = min(moment, index)
            x += 3 * max(0, end - begin) if is_running else 0
            begin, is_running = end, not is_running
        return {"xy": at(x, 50)}

    return script


class TestPriceOfWhatWasSeen:
    @pytest.fixture
    def cost(self, tmp_path):
        """It runs from frame 100 to 200; speeds look back over 100 ms of frames of 10 ms."""
        experiment = experiment_with(tmp_path)
        folder = record(tmp_path / "s", experiment, 300, starts_at(100, 200))
        return price(Recording(folder), full=False)

    def test_a_centred_window_sees_an_onset_half_a_window_earlier(self, cost):
        causal, together = cost.steps
        assert causal.cause == "causal filters"
        assert together.cause == "all together"
        (running,) = (each for each in causal.agreements if each.behaviour == "running")
        assert (running.matched, running.missed, running.extra) == (1, 0, 0)
        assert running.onset_later_ms in {50, 60}
        assert running.frames_alike == pytest.approx(1 - 2 * 5.5 / 300, abs=0.01)

    def test_confirmation_takes_as_long_as_its_settings_say(self, cost):
        assert cost.confirmation_ms == {"freezing": (100, 100), "running": (50, 50)}

    def test_what_is_known_is_later_by_both(self, cost):
        (running,) = (each for each in cost.steps[-1].agreements if each.behaviour == "running")
        assert running.known_later_ms == running.onset_later_ms + 50

    def test_frames_that_arrived_and_that_were_processed_are_counted(self, tmp_path):
        fates = dict.fromkeys(range(10, 20), Fate.SUPERSEDED)
        folder = record(tmp_path / "s", experiment_with(tmp_path), 50, fates=fates)
        cost = price(Recording(folder), full=False)
        assert (cost.frames, cost.processed) == (50, 40)

    def test_an_episode_that_a_crash_left_open_ends_at_the_last_frame(self, tmp_path):
        folder = record(tmp_path / "s", experiment_with(tmp_path), 325, end_reason=None)
        cost = price(Recording(folder), full=False)
        assert all(each.missed == 0 for each in cost.steps[-1].agreements)

    def test_every_frame_cannot_be_seen_without_a_video(self, tmp_path):
        folder = record(tmp_path / "s", experiment_with(tmp_path), 20)
        with pytest.raises(RecordingError, match=r"no video in .*: leave --full out"):
            price(Recording(folder), full=True)


@pytest.fixture(scope="module")
def every_frame(tmp_path_factory):
    """A session of the shipped network in which every frame was processed."""
    changes = ["outputs.publisher=null", "outputs.control=null", "rig.camera.paced=false"]
    changes += ["rig.camera.n_frames=120", "outputs.recording.min_free_mb=0"]
    experiment = load(Path("demo"), changes)
    session, folder = build_session(experiment, tmp_path_factory.mktemp("all"), SystemClock())
    session.run()
    return folder


class TestPriceOfEveryFrame:
    @pytest.fixture
    def folder(self, every_frame, tmp_path):
        """The same, as if every third frame had been superseded."""
        folder = shutil.copytree(every_frame, tmp_path / "session")

        def superseded(rows):
            for each in rows[::3]:
                each["fate"] = "superseded"
            return rows

        rewrite_table(folder / "frames.arrow", superseded)
        rewrite_table(
            folder / "observations.arrow",
            lambda rows: [each for each in rows if each["index"] % 3],
        )
        return folder

    def test_where_none_was_missed_the_network_need_not_look_again(self, every_frame):
        cost = price(Recording(every_frame), full=True)
        assert [step.cause for step in cost.steps] == [
            "missed frames",
            "causal filters",
            "all together",
        ]
        assert {each.frames_alike for each in cost.steps[0].agreements} == {1.0}
        assert cost.notes == (
            "every recorded frame was processed live: the network is not asked again",
        )

    def test_the_network_sees_the_frames_that_were_missed(self, folder):
        cost = price(Recording(folder), full=True)
        assert (cost.frames, cost.processed) == (120, 80)
        assert cost.notes == ()
        for each in cost.steps[0].agreements:  # decisions are those of all frames already
            assert each.frames_alike == 1.0
            assert each.missed == each.extra == 0

    def test_frames_that_are_not_in_the_video_are_taken_as_they_were_seen(self, folder):
        def thinned(rows):
            for each in rows[20:90]:
                if each["index"] % 3 == 1:
                    each |= {"recording": "thinned", "segment": None}
            return rows

        left_out = {i for i in range(20, 90) if i % 3 == 1}
        film_again(folder, lambda index, pixels: None if index in left_out else pixels)
        rewrite_table(folder / "frames.arrow", thinned)
        cost = price(Recording(folder), full=True)
        assert cost.notes == (
            f"{len(left_out)} frames were processed live and are not in the video: they are taken "
            f"as they were seen",
        )
        for each in cost.steps[0].agreements:
            assert each.frames_alike > 0.95
            assert each.missed == each.extra == 0

    def test_what_was_decided_otherwise_live_is_told(self, folder):
        lines = lines_of(folder, "episodes.jsonl")
        (end,) = (
            each for each in lines if each["state"] == "end" and each["behaviour"] == "locomotion"
        )
        n_frames = end["end_index"] - end["onset_index"] + 1
        at_60_fps_ns = 1_000_000_000 // 60
        for each in lines:
            if each["episode_id"] == end["episode_id"]:
                each["onset_index"] += 6
                each["onset_ns"] += 6 * at_60_fps_ns
        text = "".join(json.dumps(each) + "\n" for each in lines)
        (folder / "episodes.jsonl").write_text(text, encoding="utf-8")
        found = price(Recording(folder), full=True).steps[0].agreements
        (locomotion,) = (each for each in found if each.behaviour == "locomotion")
        assert locomotion.onset_later_ms == pytest.approx(100, abs=0.1)
        assert locomotion.frames_alike == pytest.approx(1 - 6 / 120)
        assert locomotion.f1 == pytest.approx(2 * (n_frames - 6) / (2 * n_frames - 6))

    def test_thresholds_that_were_moved_live_are_moved_again(self, folder):
        change = {"behaviour": "locomotion", "place": 0, "feature": "speed_cm_s", "from": 5.0}
        change |= {"to": 500.0, "by": "anna", "frame_index": 0}
        line = {"schema": 1, "logged_ns": 0, "level": "change", "message": "", "facts": change}
        with (folder / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        cost = price(Recording(folder), full=True)
        for step in (cost.steps[0], cost.steps[-1]):
            (found,) = (each for each in step.agreements if each.behaviour == "locomotion")
            assert (found.reference, found.extra) == (0, 1)

    def test_a_lossy_video_is_noted(self, folder):
        session = json.loads((folder / "session.json").read_text(encoding="utf-8"))
        session["recorder"]["codec"] = "h264"
        (folder / "session.json").write_text(json.dumps(session), encoding="utf-8")
        assert price(Recording(folder), full=True).notes[0].startswith("the video is h264")


class TestWhatIf:
    @pytest.fixture
    def recording(self, tmp_path):
        experiment = experiment_with(tmp_path, controllers={"wake": WAKE})
        return Recording(record(tmp_path / "s", experiment, 600))

    def changed(self, recording, *changes):
        return what_if(recording, load(recording.folder / "experiment.yaml", changes))

    def test_the_same_settings_decide_the_same(self, recording):
        answer = self.changed(recording)
        assert {each.frames_alike for each in answer.agreements} == {1.0}
        assert answer.stimuli == {"wake": (10, 10)}
        assert answer.notes == ()

    def test_a_threshold_that_nothing_reaches(self, recording):
        answer = self.changed(recording, "behaviours.freezing.rule.below=-5")
        freezing, running = answer.agreements
        assert (freezing.episodes, freezing.reference, freezing.extra) == (10, 0, 10)
        assert running.frames_alike == 1.0
        assert answer.stimuli == {"wake": (10, 0)}

    def test_a_longer_confirmation_is_known_later_and_begins_at_the_same_frame(self, recording):
        answer = self.changed(recording, "behaviours.freezing.episode.min_duration_s=0.2")
        freezing = answer.agreements[0]
        assert (freezing.matched, freezing.extra) == (9, 1)  # the last one is cut short
        assert freezing.onset_later_ms == 0

    def test_another_behaviour_has_nothing_live(self, recording):
        rule = "{rule: {kind: inside, zone: left}}"
        answer = self.changed(recording, f"behaviours.at_left={rule}")
        found = {each.behaviour: each for each in answer.agreements}
        assert (found["at_left"].episodes, found["at_left"].reference) == (0, 1)

    def test_a_controller_that_was_not_there(self, recording):
        task = "{kind: pulse, behaviour: running, output: light, train: {width_ms: 5}}"
        answer = self.changed(recording, f"stimulation.controllers.cue={task}")
        assert answer.stimuli["cue"] == (0, 10)

    def test_thresholds_that_were_moved_live_are_moved_again(self, tmp_path):
        folder = record(tmp_path / "m", experiment_with(tmp_path), 600, changes=CHANGES)
        answer = self.changed(Recording(folder), "behaviours.running.episode.max_gap_s=0.06")
        assert {each.frames_alike for each in answer.agreements} == {1.0}
        assert answer.notes == ()

    def test_but_not_those_of_a_rule_that_is_another_one_now(self, tmp_path):
        folder = record(tmp_path / "m", experiment_with(tmp_path), 600, changes=CHANGES)
        answer = self.changed(Recording(folder), "behaviours.freezing.rule.below=-5")
        freezing, running = answer.agreements
        assert freezing.reference == 0
        assert running.frames_alike == 1.0
        (note,) = answer.notes
        assert note.startswith("a person moved thresholds of freezing while the session ran")

    def test_a_lamp_that_nobody_looked_at_is_noted(self, recording):
        answer = self.changed(recording, "rig.lamps={cue: {x_px: 3, y_px: 3}}")
        assert answer.notes == ("lamp_cue was not measured live: it is not known",)

    def test_a_name_that_is_not_there_is_an_error(self, recording):
        with pytest.raises(ConfigError, match="unknown keypoint 'snout'"):
            self.changed(recording, "features.front=snout")
