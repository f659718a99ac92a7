"""The report: its numbers are those of the folder, and the page holds all that it shows."""

import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from report_sessions import (
    MS,
    REFUSED,
    TRAIN,
    S,
    edges_of,
    frame_ns,
    freezing,
    session,
    stimulus,
)
from session_folders import change_session, cut

from tracker.errors import RecordingError
from tracker.limits import Limits
from tracker.recording import Recording
from tracker.report import plots, responses, timing, write_report
from tracker.report.around import around_onsets
from tracker.report.figures import (
    LIMITS,
    asked_for,
    counts_of,
    frame_table,
    limits_of,
    losses_of,
    measured_on_s,
    refusals_of,
    stage_table,
)
from tracker.report.look import TimeAxis, coverage, draw_bars, runs
from tracker.report.maps import maps
from tracker.stimuli import Action, Delivery, Edge, Refusal, StimulusCommand, StimulusRow
from tracker.unblinding import unblind

EPISODES = (freezing(1, 1, 2.0), freezing(2, 4, 7.5), freezing(3, 8.2, 9.0))
DELIVERED = stimulus(1, Delivery.DELIVERED, frame_ns(30), trigger="freezing/m12/1")
SHAM = stimulus(2, Delivery.SHAM, frame_ns(90), trigger="freezing/m12/2")
STOP = StimulusRow(
    StimulusCommand("manual/1", "manual", "light", Action.STOP, None), Delivery.DELIVERED
)
TEN_SECONDS = TimeAxis.over(frame_ns(0), frame_ns(200))


def recorded(folder, **options):
    return Recording(session(folder / "s", **options))


def page_of(folder, **options):
    """The text of the page about such a session."""
    return write_report(recorded(folder, **options)).read_text(encoding="utf-8")


def shown(html):
    """What a reader sees of a page, with single spaces."""
    parser = _Words()
    parser.feed(html)
    return " ".join(" ".join(parser.words).split())


class _Words(HTMLParser):
    def __init__(self):
        super().__init__()
        self.words = []
        self._hidden = False

    def handle_starttag(self, tag, attrs):
        self._hidden = tag == "style"

    def handle_data(self, data):
        if not self._hidden:
            self.words.append(data)


# Numbers -----------------------------------------------------------------------------------------


def test_stimuli_are_counted_by_controller_output_and_arm(tmp_path):
    recording = recorded(tmp_path, rows=(DELIVERED, SHAM, *REFUSED))
    assert counts_of(asked_for(recording)) == [
        {
            "controller": "wake",
            "output": "light",
            "arm": "real",
            "counts": Counter({"delivered": 1, "refused": 2, "late": 1}),
        },
        {"controller": "wake", "output": "light", "arm": "sham", "counts": Counter({"sham": 1})},
    ]


def test_a_stop_is_no_stimulus(tmp_path):
    recording = recorded(tmp_path, rows=(DELIVERED, STOP), edges=False)
    assert [row.command.stimulus_id for row in asked_for(recording)] == ["wake/1"]


def test_refusals_are_counted_by_reason_the_most_frequent_first():
    rows = (*REFUSED, stimulus(93, Delivery.REFUSED, frame_ns(80), refusal=Refusal.REFRACTORY))
    assert refusals_of(rows) == [
        ("refractory", 2, "made up: refractory"),
        ("late", 1, "made up: late"),
        ("dose_per_minute", 1, "made up: dose_per_minute"),
    ]


def test_the_stages_of_a_stimulus_are_told_apart():
    """Exposure, 1 ms, 12 ms, 13 ms, 13.5 ms and 15 ms; a sham ends with the decision."""
    table = stage_table([DELIVERED, SHAM], live=True)
    assert [(row["title"], row["n"], row.get("p50")) for row in table] == [
        ("exposure → received", 2, 1.0),
        ("received → observed", 2, 11.0),
        ("observed → decided", 2, 1.0),
        ("decided → commanded", 1, 0.5),
        ("commanded → acknowledged", 1, 1.5),
        ("received → acknowledged", 1, 14.0),
        ("exposure → acknowledged", 1, 15.0),
    ]


def test_percentiles_are_over_all_stimuli():
    """0, 1, ..., 100 ms from command to acknowledgement: p50 is 50, p99 is 99."""
    rows = [
        stimulus(n, Delivery.DELIVERED, 0, commanded_ns=0, acknowledged_ns=n * MS)
        for n in range(101)
    ]
    row = stage_table(rows, live=True)[4]
    assert (row["n"], row["p50"], row["p99"], row["max"]) == (101, 50, 99, 100)


def test_of_a_source_that_is_not_live_no_stage_begins_with_the_exposure():
    titles = [row["title"] for row in stage_table([DELIVERED], live=False)]
    assert not any("exposure" in title for title in titles)
    assert len(titles) == 5


def test_the_stages_of_frames_are_those_of_the_ledger(tmp_path):
    """Received, taken, observed and decided 1, 2, 12 and 13 ms after exposure; none published."""
    table = frame_table(recorded(tmp_path, lost={7}).ledger, live=True)
    assert [(row["title"], row["n"], row.get("p99")) for row in table] == [
        ("exposure → received", 199, 1.0),
        ("received → taken by the pipeline", 199, 1.0),
        ("taken → observed", 199, 10.0),
        ("observed → decided", 199, 1.0),
        ("decided → published", 0, None),
        ("received → decided", 199, 12.0),
        ("the bare network call", 199, 8.0),
    ]


def test_losses_have_a_cause_and_a_share_and_an_unwanted_video_is_none(tmp_path):
    """50 of 200 frames."""
    losses = losses_of(recorded(tmp_path, lost=range(50, 100)).totals())
    assert losses == [
        {"where": "not processed", "cause": "lost_on_link", "n": 50, "share": 0.25},
        {"where": "not in the video", "cause": "lost_on_link", "n": 50, "share": 0.25},
    ]


def test_limits_are_those_of_the_experiment_as_it_ran(tmp_path):
    assert limits_of(recorded(tmp_path).settings) == {
        "light": {
            "longest_pulse_ms": 100,
            "dose_s_per_minute": 0.5,
            "dose_s_per_session": 60,
            "deadline_ms": 100,
        }
    }


def test_the_page_has_words_for_every_limit():
    assert set(LIMITS) == set(Limits.model_fields)


@pytest.mark.parametrize("text", ["subject: mouse\n", "stimulation: null\n", "a: [", "- 1\n", ""])
def test_an_experiment_without_outputs_or_that_cannot_be_read_has_no_limits(tmp_path, text):
    assert limits_of(recorded(tmp_path, experiment=text).settings) == {}


def test_a_stimulus_by_hand_belongs_to_the_time_of_its_command():
    command = StimulusCommand("manual/1", "manual", "light", Action.TRAIN, TRAIN)
    by_hand = StimulusRow(command, Delivery.DELIVERED, commanded_ns=7 * S)
    assert by_hand.moment_ns == 7 * S
    assert StimulusRow(command, Delivery.REFUSED).moment_ns is None


# Edges -------------------------------------------------------------------------------------------


def test_the_time_on_is_what_the_edges_say():
    """Ten pulses of 10 ms."""
    assert measured_on_s(list(edges_of(DELIVERED)), [DELIVERED]) == {"light": pytest.approx(0.1)}


def test_a_pulse_that_was_cut_short_by_going_safe_ends_there():
    edges = [
        Edge("0", True, 1_000, MS, 0, "wake/1"),
        Edge("0", False, 5_000, 5 * MS, 0),  # going safe belongs to no stimulus
        Edge("0", False, 9_000, 9 * MS, 0),
    ]
    assert measured_on_s(edges, [DELIVERED]) == {"light": pytest.approx(0.004)}


def test_where_an_edge_is_missing_the_longer_time_counts():
    """Two edges up and one down: the line may have been high since the first one."""
    edges = [
        Edge("0", True, 1_000, MS, 0, "wake/1"),
        Edge("0", True, 4_000, 4 * MS, 0, "wake/1"),
        Edge("0", False, 5_000, 5 * MS, 0, "wake/1"),
    ]
    assert measured_on_s(edges, [DELIVERED]) == {"light": pytest.approx(0.004)}


def test_edges_of_inputs_are_no_time_on():
    edges = [Edge("input 1", True, 0, 0, 0), Edge("input 1", False, 9, 9, 0)]
    assert measured_on_s(edges, [DELIVERED]) == {}


# What the animal did -----------------------------------------------------------------------------


def test_speed_is_aligned_at_the_frame_that_triggered_the_stimulus(tmp_path):
    """2 cm/s up to frame 29, 8 cm/s from frame 30 on, where the stimulus was triggered."""
    speed = np.where(np.arange(200) < 30, 2.0, 8.0)
    recording = recorded(tmp_path, episodes=EPISODES, rows=(DELIVERED,), speed=speed)
    [found] = responses.responses(recording, recording.stimuli, "speed_cm_s")
    at = dict(zip(responses.GRID_S.tolist(), found.speed.tolist(), strict=True))
    assert (at[-1.0], at[-0.08], at[0.0], at[5.0]) == (2, 2, 8, 8)
    assert np.isnan(at[-1.52])  # before the session's first frame


def test_speed_is_not_known_where_frames_are_missing(tmp_path):
    """Frames 36 to 45 are lost: between 0.25 and 0.8 s after frame 30 nothing is known."""
    recording = recorded(tmp_path, rows=(DELIVERED,), lost=range(36, 46))
    [found] = responses.responses(recording, recording.stimuli, "speed_cm_s")
    grid = responses.GRID_S
    unknown = grid[np.isnan(found.speed) & (grid > 0)]
    assert (unknown.min(), unknown.max()) == (0.28, 0.76)


def test_speed_is_not_known_where_it_was_not_measured(tmp_path):
    speed = np.full(200, np.nan)
    recording = recorded(tmp_path, rows=(DELIVERED,), speed=speed)
    [found] = responses.responses(recording, recording.stimuli, "speed_cm_s")
    assert np.isnan(found.speed).all()


def test_it_is_known_how_long_the_triggering_episode_went_on(tmp_path):
    """Frame 30 is 1.5 s, its episode ends at 2.0 s; frame 90 is 4.5 s, and 7.5 s."""
    recording = recorded(tmp_path, episodes=EPISODES, rows=(DELIVERED, SHAM))
    found = responses.responses(recording, recording.stimuli, "speed_cm_s")
    assert [each.until_end_s for each in found] == [0.5, 3.0]


def test_of_an_episode_that_the_session_ended_nobody_knows_how_long_it_would_have_gone_on(tmp_path):
    cut = replace(EPISODES[0], ended_by_session=True)
    recording = recorded(tmp_path, episodes=(cut,), rows=(DELIVERED,))
    [found] = responses.responses(recording, recording.stimuli, "speed_cm_s")
    assert np.isnan(found.until_end_s)


def test_stimuli_that_were_refused_are_not_compared(tmp_path):
    recording = recorded(tmp_path, episodes=EPISODES, rows=REFUSED)
    assert responses.responses(recording, recording.stimuli, "speed_cm_s") == []


# Plots -------------------------------------------------------------------------------------------

TIMES = {
    "seconds": (600, "s", 600.0),
    "minutes": (601, "min", 601 / 60),
    "hours": (18_001, "h", 18_001 / 3600),
}


@pytest.mark.parametrize(("length_s", "unit", "end"), TIMES.values(), ids=TIMES.keys())
def test_time_has_the_unit_that_suits_the_length(length_s, unit, end):
    time = TimeAxis.over(3 * S, (3 + length_s) * S)
    assert time.unit == unit
    assert float(time.at(time.end_ns)) == pytest.approx(end)
    assert time.length(length_s) == pytest.approx(end)


def test_runs_have_a_first_and_a_last_place():
    flags = np.array([True, False, True, True, False, True])
    assert runs(flags).tolist() == [[0, 0], [2, 3], [5, 5]]
    assert runs(np.zeros(3, bool)).tolist() == []


def test_coverage_is_the_share_of_time_under_bars():
    """Parts of 1 s: a quarter, all, a half of which two bars cover the same, nothing."""
    bars = np.array([(2.1, 2.4), (0.75, 2.2), (2.3, 2.5)])
    assert coverage(bars, np.arange(5.0)) == pytest.approx(np.array([0.25, 1, 0.5, 0]))
    assert coverage(np.empty((0, 2)), np.arange(3.0)).tolist() == [0, 0]


def test_many_episodes_are_shades_of_the_share_of_time():
    """5,000 of 30 ms in 600 s, one every 120 ms: a quarter of the time everywhere."""
    time = TimeAxis.over(0, 600 * S)
    axes = Figure().add_subplot()
    at = np.arange(5000) * 0.12
    draw_bars(axes, np.stack((at, at + 0.03), axis=1), (0, 1), time, edgecolors="#000000")
    [drawn] = axes.images
    shade = drawn.get_array()[0, :, 3]
    assert len(shade) == 1000
    assert shade.mean() == pytest.approx(0.2 + 0.8 * 0.25, abs=0.005)


def test_an_episode_too_short_to_be_seen_is_seen_among_many():
    axes = Figure().add_subplot()
    bars = np.repeat([(300.0, 300.0)], 1001, axis=0)
    draw_bars(axes, bars, (0, 1), TimeAxis.over(0, 600 * S), edgecolors="#000000")
    shade = axes.images[0].get_array()[0, :, 3]
    assert np.flatnonzero(shade).tolist() == [500]


def lanes(figure):
    return [label.get_text() for label in figure.axes[0].get_yticklabels()]


def test_the_ethogram_has_a_lane_for_outputs_behaviours_and_losses(tmp_path):
    recording = recorded(tmp_path, episodes=EPISODES, rows=(DELIVERED,), lost={50, 51})
    figure = plots.ethogram(recording, recording.stimuli, TEN_SECONDS)
    assert lanes(figure) == ["output light", "freezing", "locomotion", "frames lost"]


def test_a_session_without_stimuli_and_losses_has_lanes_for_behaviours_alone(tmp_path):
    assert lanes(plots.ethogram(recorded(tmp_path), [], TEN_SECONDS)) == ["freezing", "locomotion"]


def bars(figure, lane):
    """Left and right end of each bar in a lane."""
    shapes = [path.vertices for each in figure.axes[0].collections for path in each.get_paths()]
    return sorted(
        (float(shape[:, 0].min()), float(shape[:, 0].max()))
        for shape in shapes
        if len(shape) and shape[:, 1].min() < lane < shape[:, 1].max()
    )


def test_an_episode_is_a_bar_from_its_first_frame_to_its_last(tmp_path):
    recording = recorded(tmp_path, episodes=EPISODES)
    figure = plots.ethogram(recording, [], TEN_SECONDS)
    expected = np.array([(1, 2), (4, 7.5), (8.2, 9)])
    assert np.array(bars(figure, lane=0)) == pytest.approx(expected)


def test_an_episode_without_an_end_reaches_to_the_end(tmp_path):
    recording = recorded(tmp_path, open_onsets=(EPISODES[1].onset,))
    found = bars(plots.ethogram(recording, [], TEN_SECONDS), lane=0)
    assert np.array(found) == pytest.approx(np.array([(4, 10)]))


def test_lost_frames_lie_between_their_neighbours(tmp_path):
    """Frames 50 and 51, from the exposure of 49 (2.45 s) to that of 51 (2.55 s)."""
    figure = plots.ethogram(recorded(tmp_path, lost={50, 51}), [], TEN_SECONDS)
    assert np.array(bars(figure, lane=2)) == pytest.approx(np.array([(2.45, 2.55)]))


def stairs(figure, panel):
    return figure.axes[panel].get_lines()[0].get_xydata().tolist()


def test_doses_add_up_over_the_session_and_over_each_minute():
    """0.1 s at 0, 30 and 70 s: the first leaves the last minute at 60 s, the second at 90 s."""
    rows = [stimulus(n, Delivery.DELIVERED, 5 * S + t * S) for n, t in enumerate((0, 30, 70))]
    time = TimeAxis.over(5 * S, 105 * S)
    figure = plots.doses(rows, {"light": {"dose_s_per_session": 0.5}}, time)
    assert np.array(stairs(figure, 0)) == pytest.approx(
        np.array([(0, 0), (0, 0.1), (30, 0.2), (70, 0.3), (100, 0.3)])
    )
    assert np.array(stairs(figure, 1)) == pytest.approx(
        np.array([(0, 0), (0, 0.1), (30, 0.2), (60, 0.1), (70, 0.2), (90, 0.1), (130, 0), (130, 0)])
    )


NOTES = {
    "near": (0.2, "limit 0.2 s"),
    "far": (60.0, "limit 60 s: far above this plot"),
    "none": (None, "no limit was set"),
}


@pytest.mark.parametrize(("limit", "note"), NOTES.values(), ids=NOTES.keys())
def test_a_dose_is_shown_against_its_limit(limit, note):
    limits = {} if limit is None else {"light": {"dose_s_per_session": limit}}
    figure = plots.doses([DELIVERED], limits, TEN_SECONDS)
    assert [text.get_text() for text in figure.axes[0].texts] == [note]


def test_refusals_are_drawn_by_reason():
    assert lanes(plots.refusals(REFUSED, TEN_SECONDS)) == ["dose per minute", "late", "refractory"]


NOTHING = {
    "doses": lambda recording: plots.doses([SHAM], {}, TEN_SECONDS),
    "refusals": lambda recording: plots.refusals([DELIVERED, SHAM], TEN_SECONDS),
    "latency": lambda recording: responses.latency([SHAM], live=True),
    "maps": lambda recording: maps(recording, [], None, None),
    "onsets": lambda recording: around_onsets(recording, [], [], ["speed_cm_s"]),
    "losses": lambda recording: timing.losses(recording, TEN_SECONDS),
    "ethogram": lambda recording: plots.ethogram(recording, [], TimeAxis.over(S, S)),
    "frames": lambda recording: responses.frame_latency(np.array([np.nan]), ""),
}


@pytest.mark.parametrize("plot", NOTHING.values(), ids=NOTHING.keys())
def test_where_there_is_nothing_to_show_there_is_no_plot(tmp_path, plot):
    assert plot(recorded(tmp_path, n_frames=0)) is None


# The page ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """The page about a session in which everything happened."""
    return page_of(
        tmp_path_factory.mktemp("full"),
        episodes=EPISODES,
        rows=(DELIVERED, SHAM, *REFUSED, STOP),
        lost={50, 51},
        log=[("warning", "fell behind"), ("mark", "pump off"), ("info", "all is well")],
    )


def test_the_page_asks_nothing_of_a_network(full):
    links = re.findall(r"(?:src|href|url)\s*[=(]\s*[\"']?([^\"')>\s]+)", full)
    assert links
    assert all(link.startswith(("data:image/svg+xml;base64,", "#")) for link in links)
    assert "default-src 'none'" in full
    assert "<script" not in full


def test_every_section_is_there_with_its_plot(full):
    sections = re.findall(r'<h2 id="(\w+)">', full)
    assert sections == [link.removeprefix("#") for link in re.findall(r'<a href="(#\w+)">', full)]
    # ethogram, maps, onsets, response, doses, refusals, latency twice, losses, camera
    assert full.count("<img ") == 10


def test_every_picture_says_in_words_what_it_shows(full):
    assert len(re.findall(r'<img src="[^"]+" alt="[^"]{20,}"', full)) == full.count("<img ")


HEADER = (
    "subject m12",
    "experimenter Ada <L.>",
    "started 2023-11-14 22:13:25 UTC",
    "filmed 0 min 9.9 s",
    "ended completed",
    "camera test camera, 640 x 480, 20 frames/s",
    "network mouse_top_view on cpu",
)


@pytest.mark.parametrize("text", HEADER)
def test_the_header_says_who_when_and_with_what(full, text):
    assert text in shown(full)


SAID = {
    "counts by arm": "wake light real 1 0 0 2 1 0",
    "stops": "an output was told to stop 1 times",
    "refusal in words": "dose per minute 1 made up: dose_per_minute",
    "dose and edges": "light 0.100 0.100 longest pulse 100 ms; dose per minute 0.5 s",
    "latency": "received → acknowledged 1 14.00 14.00 14.00",
    "who acknowledged": "1 of 1 were acknowledged by the device itself",
    "how sure": "may be off by ± 40 µs",
    "few stimuli": "With fewer than 100 stimuli the p99 is little else than the largest value",
    "losses": "The camera counted 200 frames: 198 were processed and 0 are in the video",
    "no video": "since none was asked for",
    "a warning": "0.00 warning fell behind",
    "a mark": "mark pump off",
    "the schedule's hash": "controller wake schedule_sha256 5eed",
    "the limit of what it knows": "earlier sessions of the animal, which this folder does not know",
}


@pytest.mark.parametrize("text", SAID.values(), ids=SAID.keys())
def test_the_page_says(full, text):
    assert text in shown(full)


def test_ordinary_log_lines_are_left_out(full):
    assert "all is well" not in full


def test_names_are_text_and_never_markup(tmp_path):
    html = page_of(tmp_path, log=[("error", "<script>alert(1)</script>")])
    assert "<script" not in html
    assert "&lt;script&gt;" in html


EMPTY = (
    "No frame was captured.",
    "No stimulus was asked for in this session.",
    "There was no stimulus.",
    "No position was recorded.",
    "No behaviour began in this session.",
    "There are no frames to show: no video was asked for.",
    "Fewer than two frames were captured.",
)


def test_a_session_without_a_frame_says_what_is_missing(tmp_path):
    text = shown(page_of(tmp_path, n_frames=0, close="failed", experiment="a: 1\n"))
    assert all(sentence in text for sentence in EMPTY)
    assert "The experiment has no outputs." in text
    assert "The session failed" in text


def test_a_session_that_was_cut_off_says_so(tmp_path):
    folder = session(tmp_path / "s", open_onsets=(EPISODES[1].onset,))
    change_session(folder, state="running", end_reason=None)
    text = shown(write_report(Recording(folder)).read_text(encoding="utf-8"))
    assert "The session was not closed: the program died or lost its power." in text
    assert "Hatched (1): the end was never written" in text


def test_a_file_that_was_cut_off_is_named_to_the_letter(tmp_path):
    folder = session(tmp_path / "s")
    change_session(folder, state="running")
    cut(folder / "frames.arrow", 8)
    text = shown(write_report(Recording(folder)).read_text(encoding="utf-8"))
    assert "power. frames.arrow was cut off: read up to its last whole row." in text


def test_a_source_that_is_not_live_is_said_to_be_so(tmp_path):
    text = shown(page_of(tmp_path, rows=(DELIVERED,), live=False))
    assert "The source is not live" in text
    assert "exposure → acknowledged" not in text


def test_an_actuator_that_failed_stands_at_the_top(tmp_path):
    failed = stimulus(3, Delivery.FAILED, frame_ns(20), reason="box: no answer")
    text = shown(page_of(tmp_path, rows=(failed,)))
    assert text.index("An actuator failed 1 times") < text.index("subject")
    assert "failed: box: no answer" in text


def test_more_stimuli_than_a_page_can_list_are_counted(tmp_path):
    rows = [stimulus(n, Delivery.SHAM, frame_ns(n % 199)) for n in range(1, 302)]
    text = shown(page_of(tmp_path, rows=rows))
    assert "the first 200 of 301; all are in stimuli.jsonl" in text
    assert "wake/200 light" in text
    assert "wake/201 light" not in text


def blinded(folder):
    return session(
        folder / "s", episodes=EPISODES, rows=(DELIVERED, SHAM), blinded=frozenset({"wake"})
    )


def test_a_blinded_session_hides_what_would_give_an_arm_away(tmp_path):
    text = shown(write_report(Recording(blinded(tmp_path))).read_text(encoding="utf-8"))
    assert "This session is blinded" in text
    assert "wake light hidden 0 0 2 0 0 0" in text
    assert "light hidden hidden longest pulse" in text
    assert "Doses are hidden until the session is unblinded." in text
    assert "Acknowledgements are hidden until the session is unblinded." in text


def test_doses_of_an_output_that_are_known_in_part_are_hidden_as_a_whole(tmp_path):
    by_hand = replace(DELIVERED, command=replace(DELIVERED.command, controller="manual"))
    text = shown(page_of(tmp_path, rows=(by_hand, SHAM), blinded=frozenset({"wake"})))
    assert "light hidden hidden longest pulse" in text
    assert "Doses are hidden until the session is unblinded." in text


def test_the_page_of_a_blinded_session_is_the_same_whatever_the_arms_were(tmp_path):
    pages = []
    for name, rows in (("a", (DELIVERED, SHAM)), ("b", (SHAM, DELIVERED))):
        ids = [stimulus(n, row.delivery, frame_ns(30 * n)) for n, row in enumerate(rows, 1)]
        options = {"episodes": EPISODES, "rows": ids, "blinded": frozenset({"wake"})}
        pages.append(page_of(tmp_path / name, **options))
    assert pages[0] == pages[1]


def test_once_it_is_unblinded_the_page_made_again_shows_the_arms(tmp_path):
    folder = blinded(tmp_path)
    write_report(Recording(folder))
    unblind(folder, by="Ada")
    text = shown(write_report(Recording(folder)).read_text(encoding="utf-8"))
    assert "This session is blinded" not in text
    assert "wake light real 1 0 0 0 0 0" in text
    assert "light 0.100 0.100" in text


# The file ----------------------------------------------------------------------------------------


def test_the_page_lies_in_the_folder_and_nothing_else_is_left(tmp_path):
    recording = recorded(tmp_path)
    before = {path.name for path in recording.folder.iterdir()}
    assert write_report(recording) == recording.folder / "report.html"
    assert {path.name for path in recording.folder.iterdir()} == before | {"report.html"}


def test_the_page_can_lie_elsewhere(tmp_path):
    assert write_report(recorded(tmp_path), tmp_path / "page.html").is_file()


def test_the_same_session_gives_the_same_page(tmp_path):
    recording = recorded(tmp_path, episodes=EPISODES, rows=(DELIVERED, SHAM))
    pages = [write_report(recording, tmp_path / name).read_bytes() for name in ("a", "b")]
    assert pages[0] == pages[1]


def test_a_page_that_cannot_be_written_is_an_error_that_names_it(tmp_path):
    recording = recorded(tmp_path)
    with pytest.raises(RecordingError, match=r"page\.html"):
        write_report(recording, tmp_path / "missing" / "page.html")


@pytest.mark.slow
def test_the_page_of_hours_stays_small(tmp_path):
    """An hour and a half, 1,300 bouts, 2,000 stimuli."""
    n = 108_000
    rng = np.random.default_rng(1)
    kinds = (Delivery.DELIVERED, Delivery.SHAM, Delivery.REFUSED)
    rows = [stimulus(k, kinds[k % 3], frame_ns(50 * k)) for k in range(1, 2000)]
    page = write_report(
        recorded(
            tmp_path,
            n_frames=n,
            episodes=[freezing(k, 4 * k, 4 * k + 1.5) for k in range(1, 1300)],
            rows=rows,
            lost=set(rng.integers(0, n, 500).tolist()),
            speed=np.abs(rng.normal(0, 5, n)),
            edges=False,
        )
    )
    assert page.stat().st_size < 5_000_000


def test_matplotlib_is_left_as_it_was(tmp_path):
    with mpl.rc_context({"font.size": 3, "svg.hashsalt": "mine"}):
        write_report(recorded(tmp_path))
        assert (mpl.rcParams["font.size"], mpl.rcParams["svg.hashsalt"]) == (3, "mine")
