"""`tracker align` on sessions whose pulses another recording has seen, with a clock of its own."""

import hashlib
import json

import numpy as np
import pytest
from exported import LOST, PROCESSED, TIMES_S, ZERO_NS, session
from session_folders import MS, opened, row
from typer.testing import CliRunner

from tracker.alignment.align import AlignOptions, align
from tracker.alignment.barcodes import Barcode
from tracker.alignment.clock_map import alignments_of
from tracker.cli import app
from tracker.errors import AlignmentError
from tracker.export.session_view import view_of
from tracker.recording import Recording
from tracker.stimuli import Edge
from tracker.types import Fate

DRIFT, BEGAN_S = 80e-6, 12.5
"""Their second is that much shorter, and their clock began so late."""


def theirs(session_s):
    """What the other recording's clock said at a time of the session."""
    return (np.asarray(session_s) - BEGAN_S) / (1 + DRIFT)


def a_session(folder, *, pulses=(), line="input 0", n_frames=0, lost=(), width_s=0.005):
    """Frames every 10 ms, and pulses (rising edges, s) on a line."""
    running = opened(folder, blinded=frozenset())
    fate = Fate.LOST_BY_SENSOR
    running.write_ledger(
        [
            row(i, fate=fate) if i in lost else row(i, recording=Fate.NOT_WANTED)
            for i in range(n_frames)
        ]
    )
    for at_s in pulses:
        for edge_s, rising in ((at_s, True), (at_s + width_s, False)):
            ns = round(edge_s * 1e9)
            running.write_edge(Edge(line, rising, ns // 1000, ns, 20_000, ""))
    running.close("completed", {})
    return folder


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "session"


@pytest.fixture
def random_s():
    """600 pulses within about 10 minutes."""
    return 20 + np.cumsum(np.random.default_rng(5).uniform(0.2, 2.0, 600))


def saved(tmp_path, times_s, name="ephys.npy"):
    path = tmp_path / name
    np.save(path, times_s)
    return path


def test_the_map_says_when_a_pulse_was_on_either_clock(tmp_path, folder, random_s):
    a_session(folder, pulses=random_s)
    found, _ = align(folder, saved(tmp_path, theirs(random_s)))
    assert found.line == "input 0"
    assert found.drift_ppm == pytest.approx(80, abs=0.01)
    assert found.zero_ns == pytest.approx(BEGAN_S * 1e9, abs=1000)
    at_s = np.array([0.0, 100.0, 400.0, 3000.0])
    np.testing.assert_allclose(found.session_ns(theirs(at_s)), at_s * 1e9, atol=1000)
    np.testing.assert_allclose(
        found.their_s((at_s * 1e9).astype(np.int64)), theirs(at_s), atol=1e-6
    )
    assert found.residual_ms["max"] < 0.001


def test_missing_and_extra_pulses_are_counted(tmp_path, folder, random_s):
    a_session(folder, pulses=np.delete(random_s, [100, 200]))
    times_s = np.sort([*np.delete(theirs(random_s), [50, 60, 70]), 101.2345])
    found, _ = align(folder, saved(tmp_path, times_s))
    assert (found.n_ours, found.n_theirs) == (598, 598)
    assert (found.n_matched, found.n_missing, found.n_extra) == (595, 3, 3)


def test_residuals_are_those_of_the_jitter(tmp_path, folder, random_s):
    """0.2 ms on their side; the largest of 600 lies about three times as far."""
    jitter_s = np.random.default_rng(6).normal(0, 0.2e-3, len(random_s))
    a_session(folder, pulses=random_s)
    found, _ = align(folder, saved(tmp_path, theirs(random_s) + jitter_s))
    assert found.residual_ms["rms"] == pytest.approx(0.2, rel=0.1)
    assert 0.4 < found.residual_ms["p99"] < found.residual_ms["max"] < 1.0


def test_a_clock_that_bends_is_followed_by_the_knots(tmp_path, folder):
    """After 30 min, 10 ms off any straight line; between two knots it bends by microseconds."""
    pulses_s = 20 + np.cumsum(np.random.default_rng(7).uniform(0.2, 2.0, 1700))
    a_session(folder, pulses=pulses_s)
    bent_s = theirs(pulses_s) + 1.2e-8 * (pulses_s - 20) ** 2
    found, _ = align(folder, saved(tmp_path, bent_s))
    assert found.n_matched == 1700
    assert len(found.knots) > 40
    assert found.residual_ms["p99"] < 0.1


def test_a_strobe_with_as_many_pulses_as_frames_needs_no_help(tmp_path, folder):
    """Frames 30 and 31 were lost on the way; the camera gave pulses for them as well."""
    a_session(folder, n_frames=500, lost=(30, 31))
    times_s = theirs(np.arange(500) * 0.010)
    found, _ = align(folder, saved(tmp_path, times_s))
    assert (found.line, found.n_matched, found.n_missing) == ("frames", 500, 0)
    assert found.session_ns(times_s[30]) == pytest.approx(300 * MS, abs=1000)


def test_a_regular_strobe_that_could_be_shifted_is_refused(tmp_path, folder):
    a_session(folder, n_frames=500)
    path = saved(tmp_path, theirs(np.arange(20, 480) * 0.010))
    with pytest.raises(AlignmentError, match=r"as well shifted by .*500 in the session and 460"):
        align(folder, path)
    found, _ = align(folder, path, AlignOptions(first=20))
    assert (found.n_matched, found.n_missing) == (460, 0)


def test_half_the_exposure_is_taken_off(tmp_path, folder):
    """The strobe rose 2 ms before the time that stands for the frame."""
    a_session(folder, n_frames=500)
    times_s = theirs(np.arange(500) * 0.010 - 0.002)
    found, _ = align(folder, saved(tmp_path, times_s), AlignOptions(offset_ms=2.0))
    assert found.session_ns(times_s[100]) == pytest.approx(998 * MS, abs=1000)


def barcode_edges(numbers, code, every_s=30.0, begin_s=20.0):
    rows = []
    for k, number in enumerate(numbers):
        levels = [1, 0, *(number >> bit & 1 for bit in range(code.bits)), 0]
        starts = np.cumsum([0, code.start_s, code.start_s, *[code.bit_s] * code.bits])
        before = 0
        for after_s, level in zip(starts, levels, strict=True):
            if level != before:
                rows.append((begin_s + k * every_s + after_s, level))
            before = level
    return np.array(rows)


def test_barcodes_are_read_on_both_sides(tmp_path, folder):
    """Theirs begins with the third number and has the last ones that ours lacks."""
    code = Barcode()
    numbers = [1_000_003 * k % 2**32 for k in range(1, 21)]
    line = barcode_edges(numbers, code)
    running = opened(folder, blinded=frozenset())
    for at_s, level in line[line[:, 0] < 500]:
        ns = round(at_s * 1e9)
        running.write_edge(Edge("input 1", bool(level), ns // 1000, ns, 20_000, ""))
    running.close("completed", {})
    seen = line[line[:, 0] > 79]
    path = saved(tmp_path, np.column_stack([theirs(seen[:, 0]), seen[:, 1]]))
    found, _ = align(folder, path, AlignOptions(barcode=code))
    assert found.n_barcodes == 14, "numbers 2 to 15: from 80 s on, until 500 s"
    assert found.drift_ppm == pytest.approx(80, abs=0.01)
    assert (found.n_missing, found.n_extra) == (0, 0)


def test_barcodes_with_no_number_in_common_are_refused(tmp_path, folder):
    code = Barcode()
    running = opened(folder, blinded=frozenset())
    for at_s, level in barcode_edges([5, 6, 7], code):
        ns = round(at_s * 1e9)
        running.write_edge(Edge("input 1", bool(level), ns // 1000, ns, 20_000, ""))
    running.close("completed", {})
    path = saved(tmp_path, barcode_edges([8, 9, 10], code))
    with pytest.raises(AlignmentError, match="3 barcodes in the session and 3 in the file"):
        align(folder, path, AlignOptions(barcode=code))


def test_other_pulses_than_those_of_the_session_are_refused(tmp_path, folder, random_s):
    a_session(folder, pulses=random_s)
    strange_s = np.cumsum(np.random.default_rng(8).uniform(0.2, 2.0, 600))
    with pytest.raises(AlignmentError, match=r"same line, and are times in s"):
        align(folder, saved(tmp_path, strange_s))


FILES = {
    "samples": (lambda t: np.rint(t * 30_000).astype(np.int64), {"rate_hz": 30_000.0}),
    "seconds in a row": (lambda t: t[None, :], {}),
}


@pytest.mark.parametrize(("drawn", "options"), FILES.values(), ids=FILES.keys())
def test_times_come_as_seconds_or_samples(tmp_path, folder, random_s, drawn, options):
    a_session(folder, pulses=random_s)
    found, _ = align(folder, saved(tmp_path, drawn(theirs(random_s))), AlignOptions(**options))
    assert found.n_matched == 600


TABLES = {
    "a header": "time_s,level\n",
    "other names, in other places": "note,state,timestamps\n",
    "no header": "",
}


@pytest.mark.parametrize("header", TABLES.values(), ids=TABLES.keys())
def test_a_csv_file_has_times_and_levels(tmp_path, folder, random_s, header):
    """Falling edges 3 ms after each rising one do not count."""
    a_session(folder, pulses=random_s)
    rows = [(t, 1) for t in theirs(random_s)] + [(t + 0.003, 0) for t in theirs(random_s)]
    layout = "x,{1},{0}" if header.startswith("note") else "{0},{1}"
    text = header + "\n".join(layout.format(repr(float(t)), level) for t, level in rows)
    path = tmp_path / "sync.csv"
    path.write_text(text, encoding="utf-8")
    found, _ = align(folder, path)
    assert (found.n_theirs, found.n_matched) == (600, 600)


BAD_FILES = {
    "whole numbers": (np.arange(100), "--rate-hz"),
    "three columns": (np.zeros((50, 3)) + 0.5, "expected times, or times and levels"),
    "not a number": (np.array([0.5, np.nan, 2.5]), "no numbers"),
    "too few": (np.array([0.5, 1.7]), "at least 3 are needed"),
}


@pytest.mark.parametrize(("content", "said"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_files_that_hold_no_pulses_are_refused(tmp_path, folder, random_s, content, said):
    a_session(folder, pulses=random_s)
    with pytest.raises(AlignmentError, match=said):
        align(folder, saved(tmp_path, content))


def test_a_file_that_is_no_array_is_refused(tmp_path, folder, random_s):
    a_session(folder, pulses=random_s)
    path = tmp_path / "ephys.npy"
    path.write_bytes(b"no array")
    with pytest.raises(AlignmentError, match="no pulses can be read"):
        align(folder, path)


def test_a_line_without_edges_is_refused_with_those_that_there_are(tmp_path, folder, random_s):
    a_session(folder, pulses=random_s, line="input 1")
    path = saved(tmp_path, theirs(random_s))
    with pytest.raises(AlignmentError, match=r"'input 0'; there are: frames, input 1"):
        align(folder, path, AlignOptions(line="input 0"))


def test_nothing_in_the_session_is_changed_and_nothing_is_overwritten(tmp_path, folder, random_s):
    a_session(folder, pulses=random_s)

    def contents():
        return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}

    before, path = contents(), saved(tmp_path, theirs(random_s))
    _, file = align(folder, path)
    assert file.name == "alignment_ephys.json"
    after = contents()
    del after["alignment_ephys.json"]
    assert after == before
    with pytest.raises(AlignmentError, match="there already"):
        align(folder, path)


def test_an_alignment_comes_back_as_it_was_written(tmp_path, folder, random_s):
    a_session(folder, pulses=random_s)
    found, _ = align(folder, saved(tmp_path, theirs(random_s)), name="probe A")
    [again] = alignments_of(folder)
    assert (again.name, again.knots, again.pulses_sha256) == (
        "probe_A",
        found.knots,
        found.pulses_sha256,
    )


def test_a_damaged_alignment_is_an_error(folder, random_s):
    a_session(folder, pulses=random_s)
    (folder / "alignment_x.json").write_text('{"schema": 1, "knots": []}', encoding="utf-8")
    with pytest.raises(AlignmentError, match="alignment_x"):
        alignments_of(folder)


def test_the_command_says_what_it_found(tmp_path, folder, random_s):
    a_session(folder, pulses=random_s)
    path = saved(tmp_path, theirs(random_s))
    done = CliRunner().invoke(app, ["align", str(folder), "--pulses", str(path)])
    assert done.exit_code == 0, done.output
    assert "600 pulses of input 0 found" in done.output
    assert "+80.00 ppm longer than one of ephys" in done.output
    assert "zero of ephys is 12.500000 s of the session clock" in done.output
    options = ["--name", "second", "--json"]
    done = CliRunner().invoke(app, ["align", str(folder), "--pulses", str(path), *options])
    assert json.loads(done.output)["n_matched"] == 600


def test_exports_say_each_frames_time_on_the_other_clock(tmp_path):
    """As a column of the session's view, which CSV, Parquet and NWB are made of."""
    folder = session(tmp_path / "session")
    times_s = theirs(ZERO_NS / 1e9 + np.array(TIMES_S))
    align(folder, saved(tmp_path, times_s), AlignOptions(line="frames", first=0))
    column = view_of(Recording(folder)).columns["clock/ephys_s"]
    np.testing.assert_allclose(column[PROCESSED], times_s[PROCESSED], atol=1e-6)
    assert np.isnan(column[LOST])
