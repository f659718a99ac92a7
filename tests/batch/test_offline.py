"""One recording, in this process, by a tiny network."""

import json
from dataclasses import replace

import pytest
from batch_sessions import bout, cut_short, session_with, write_clip, write_config
from typer.testing import CliRunner

from tracker.batch.jobs import load_offline, make_jobs
from tracker.batch.labels import Label
from tracker.batch.offline import State, do
from tracker.batch.place import Place, look_at
from tracker.batch.sources import find_sources
from tracker.cli import app
from tracker.recording import Recording


@pytest.fixture
def place(tmp_path):
    with Place(tmp_path / "results") as place:
        yield place


@pytest.fixture
def job_of(tmp_path, place):
    """The job of a video or a session folder."""
    config = write_config(tmp_path)

    def make(path, *changes):
        sources = find_sources([str(path)])
        looks = {each.name: look_at(each.path) for each in sources if not each.is_session}
        label = {sources[0].name: Label("drug", "m1")}
        experiment = load_offline(config, ["outputs.recording.min_free_mb=0", *changes])
        return make_jobs(sources, label, looks, experiment, place.out, place.ticket)[0]

    return make


def nothing(_frames):
    """Progress that nobody looks at."""


def test_a_recording_becomes_a_whole_session_folder(job_of, tmp_path):
    job = job_of(write_clip(tmp_path / "m1.mkv"))
    outcome = do(job, nothing)
    assert (outcome.state, outcome.error) == (State.MADE, "")
    recording = Recording(job.folder)
    assert recording.complete
    assert recording.totals()["processed"] == 60
    assert recording.captured_ns[:3].tolist() == [0, 40_000_000, 80_000_000]
    assert (job.folder / "report.html").is_file()
    source = json.loads((job.folder / "source.json").read_text(encoding="utf-8"))
    assert source["video_sha256"] == job.look.sha256
    assert source["path"] == str(tmp_path / "m1.mkv")


def test_its_rows_tell_what_the_animal_did(job_of, tmp_path):
    (row,) = do(job_of(write_clip(tmp_path / "m1.mkv")), nothing).rows
    assert (row["recording"], row["group"], row["subject"]) == (
        (tmp_path / "m1.mkv").as_posix(), "drug", "m1"
    )  # fmt: skip
    assert (row["behaviour"], row["bouts"]) == ("moving", 2)  # before and after the pause
    assert row["duration_s"] == pytest.approx(60 * 0.04)
    assert row["provider"] == "cpu"


def test_what_was_done_is_not_done_again(job_of, tmp_path):
    job = job_of(write_clip(tmp_path / "m1.mkv"))
    made = do(job, nothing)
    before = {path: path.stat().st_mtime_ns for path in job.folder.iterdir()}
    found = do(job, nothing)
    assert found.state is State.FOUND
    assert found.rows == made.rows
    assert {path: path.stat().st_mtime_ns for path in job.folder.iterdir()} == before


def test_no_draft_is_left(job_of, place, tmp_path):
    do(job_of(write_clip(tmp_path / "m1.mkv")), nothing)
    do(job_of(cut_short(write_clip(tmp_path / "m2.avi", 50))), nothing)
    assert [path.name for path in place.drafts.iterdir()] == [place.ticket.name]


def test_progress_is_told(job_of, tmp_path):
    told = []
    do(job_of(write_clip(tmp_path / "m1.mkv", 1200)), told.append)
    assert told
    assert told == sorted(told)
    assert told[-1] <= 1200


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        pytest.param(cut_short, "the file is damaged", id="cut_off"),
        pytest.param(lambda path: path.write_bytes(b"abc") and path, "cannot be read", id="other"),
    ],
)
def test_a_recording_that_cannot_be_read_is_a_row_with_its_error(job_of, tmp_path, spoil, expected):
    job = job_of(spoil(write_clip(tmp_path / "m1.avi")))
    outcome = do(job, nothing)
    assert outcome.state is State.FAILED
    (row,) = outcome.rows
    assert row["state"] == "failed"
    assert expected in row["error"] == outcome.error
    assert row["subject"] == "m1"
    assert not job.folder.exists()


def test_a_video_that_changes_while_it_is_read_is_an_error(job_of, tmp_path):
    path = write_clip(tmp_path / "m1.mkv")
    job = job_of(path)
    outcome = do(replace(job, look=replace(job.look, mtime_ns=1)), nothing)
    assert "was changed while it was read" in outcome.error
    assert not job.folder.exists()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param({"code_sha256": "0ther"}, "another version of this program", id="program"),
        pytest.param({"model_sha256": "0ther"}, "another network file", id="network"),
    ],
)
def test_a_worker_that_would_do_something_else_refuses(job_of, tmp_path, change, expected):
    job = job_of(write_clip(tmp_path / "m1.mkv"))
    assert expected in do(replace(job, **change), nothing).error
    assert not job.folder.exists()


def test_once_the_end_was_asked_for_nothing_is_begun(job_of, place, tmp_path):
    job = job_of(write_clip(tmp_path / "m1.mkv"))
    place.ask_to_end()
    assert do(job, nothing).state is State.STOPPED
    assert not job.folder.exists()


def test_what_runs_when_the_end_is_asked_for_ends_and_leaves_nothing(job_of, place, tmp_path):
    job = job_of(write_clip(tmp_path / "m1.mkv", 1200))
    outcome = do(job, lambda _frames: place.ask_to_end())
    assert (outcome.state, outcome.rows) == (State.STOPPED, [])
    assert not job.folder.exists()


def test_the_first_of_two_workers_that_made_the_same_wins(job_of, tmp_path):
    job = job_of(write_clip(tmp_path / "m1.mkv"))
    did = []

    def another_was_faster(_frames):
        if not did:
            did.append(do(job, nothing).state)

    slow = job_of(write_clip(tmp_path / "m2.mkv", 1200))
    job = replace(job, folder=slow.folder)
    outcome = do(slow, another_was_faster)
    assert did == [State.MADE]
    assert outcome.state is State.MADE
    assert Recording(slow.folder).totals()["processed"] == 60


def test_a_finished_folder_that_somebody_changed_is_an_error(job_of, tmp_path):
    job = job_of(write_clip(tmp_path / "m1.mkv"))
    do(job, nothing)
    (job.folder / "source.json").unlink()
    assert "lacks source.json: somebody has changed it" in do(job, nothing).error


def test_the_video_is_recorded_if_that_is_asked_for(job_of, tmp_path):
    job = job_of(write_clip(tmp_path / "m1.mkv"), "outputs.recording.codec=ffv1")
    do(job, nothing)
    assert sum(1 for _ in Recording(job.folder).frames()) == 60


def test_a_session_folder_is_summarised(job_of, tmp_path):
    folder = session_with(tmp_path / "live", bout(1, 40, 59))
    outcome = do(job_of(folder), nothing)
    assert outcome.state is State.FOUND
    freezing, _ = outcome.rows
    assert (freezing["behaviour"], freezing["bouts"], freezing["state"]) == ("freezing", 1, "done")
    assert freezing["video_sha256"] is None


def test_a_session_that_was_cut_off_says_so(job_of, tmp_path):
    folder = session_with(tmp_path / "live")
    content = json.loads((folder / "session.json").read_text(encoding="utf-8"))
    (folder / "session.json").write_text(json.dumps(content | {"state": "running"}))
    assert {row["state"] for row in do(job_of(folder), nothing).rows} == {"cut_off"}


def test_a_session_folder_that_is_damaged_is_a_row_with_its_error(job_of, tmp_path):
    folder = session_with(tmp_path / "live")
    (folder / "observations.arrow").unlink()
    outcome = do(job_of(folder), nothing)
    assert outcome.state is State.FAILED
    assert "observations.arrow is missing" in outcome.error


def test_a_session_of_a_batch_is_decided_again_byte_for_byte(job_of, tmp_path):
    job = job_of(write_clip(tmp_path / "m1.mkv"))
    do(job, nothing)
    done = CliRunner().invoke(app, ["replay", str(job.folder), "--verify"])
    assert done.exit_code == 0, done.output
