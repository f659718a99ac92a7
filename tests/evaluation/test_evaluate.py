"""Behaviours told from tracks, beside what people saw: the command, and figures of real data."""

import json
from pathlib import Path

import pytest
from evaluation.drawn_tracks import N_FRAMES, STILL, write_config, write_tracks, write_truth
from typer.testing import CliRunner

from tracker.cli import app
from tracker.errors import AnnotationError, ConfigError
from tracker.evaluation.decide import decide
from tracker.evaluation.evaluate import evaluate, read_truth
from tracker.track_import.run import Import


@pytest.fixture
def folder(tmp_path):
    write_tracks(tmp_path / "tracks.csv")
    write_truth(tmp_path / "ada.csv")
    write_truth(tmp_path / "ben.csv", [(first + 4, last) for first, last in STILL], name="Still")
    write_config(tmp_path / "mine.yaml")
    return tmp_path


def run(*arguments, code=0):
    result = CliRunner().invoke(app, ["evaluate-behaviours", *map(str, arguments)])
    assert result.exit_code == code, (result.output, result.exception)
    return result


def as_json(*arguments):
    return json.loads(run(*arguments, "--json").stdout.splitlines()[-1])


def test_a_mouse_that_stands_still_is_found(folder):
    found = as_json(folder / "mine.yaml", "--tracks", folder / "tracks.csv", "--truth",
                    folder / "ada.csv")  # fmt: skip
    about = found["behaviours"]["still"]["ada"]
    assert (about["episodes"], about["bouts"], about["matched"]) == (3, 3, 3)
    assert about["frame_f1"] > 0.95
    assert abs(about["onset_error_ms"]) <= 100
    assert about["delay_ms"] >= 500
    assert (about["false_triggers"], about["missed"]) == (0, 0)
    assert found["frames"] == [0, N_FRAMES]
    assert found["confirmed_after_ms"]["still"] == pytest.approx(620, abs=60)


def test_several_raters_are_compared_with_it_and_with_each_other(folder):
    found = as_json(folder / "mine.yaml", "--tracks", folder / "tracks.csv", "--truth",
                    folder / "ada.csv", "--truth", folder / "ben.csv")  # fmt: skip
    assert set(found["behaviours"]["still"]) == {"ada", "ben"}
    pair = found["between_raters"]["still"]["ada / ben"]
    frames = sum(last - first + 1 for first, last in STILL)
    assert pair["frame_f1"] == pytest.approx(2 * (frames - 12) / (2 * frames - 12))
    assert pair["episode_f1"] == 1


def test_raters_alone_are_compared_without_tracks(folder):
    found = as_json(
        folder / "mine.yaml", "--truth", folder / "ada.csv", "--truth", folder / "ben.csv"
    )
    assert list(found["between_raters"]["still"]) == ["ada / ben"]


def test_a_part_is_judged_alone(folder):
    found = as_json(folder / "mine.yaml", "--tracks", folder / "tracks.csv", "--truth",
                    folder / "ada.csv", "--from-s", 5, "--to-s", 11)  # fmt: skip
    assert found["frames"] == [100, 220]
    assert found["behaviours"]["still"]["ada"]["bouts"] == 1


def test_why_it_abstained_is_said(folder):
    write_tracks(folder / "tracks.csv", hidden=range(10))
    arguments = (
        folder / "mine.yaml",
        "--tracks",
        folder / "tracks.csv",
        "--truth",
        folder / "ada.csv",
    )
    about = as_json(*arguments)["abstained"]["still"]
    assert 10 / N_FRAMES < about["share"] < 20 / N_FRAMES
    assert list(about["missing"]) == ["speed_cm_s"]
    assert "still abstained in" in run(*arguments).output


def test_what_the_annotations_call_it_may_be_said(folder):
    write_truth(folder / "ada.csv", name="immobile")
    arguments = (
        folder / "mine.yaml",
        "--tracks",
        folder / "tracks.csv",
        "--truth",
        folder / "ada.csv",
    )
    assert "no rater names a behaviour of the experiment" in str(run(*arguments, code=1).exception)
    found = as_json(*arguments, "--behaviour", "still=immobile")
    assert found["behaviours"]["still"]["ada"]["matched"] == 3


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        (("--behaviour", "still"), ConfigError, "expected mine=theirs"),
        (("--behaviour", "still=x"), ConfigError, "knows no behaviour 'x'"),
        (("--from-s", "500"), ConfigError, "are not there"),
        (("--truth", "none.csv"), AnnotationError, "there is no such file"),
    ],
)
def test_what_cannot_be_judged_is_refused(folder, change, error, said):
    found = run(folder / "mine.yaml", "--tracks", folder / "tracks.csv", "--truth",
                folder / "ada.csv", *change, code=1)  # fmt: skip
    assert isinstance(found.exception, error)
    assert said in str(found.exception)


def test_without_a_rate_it_has_to_be_said(folder):
    write_config(folder / "mine.yaml", camera=("kind: tracks_only, n_frames: 400, fps: 20, "
                 "width_px: 640, height_px: 480", "kind: synthetic"))  # fmt: skip
    wanted = Import(folder / "tracks.csv", folder / "mine.yaml")
    with pytest.raises(ConfigError, match="say it \\(--fps\\)"):
        decide(wanted)
    assert decide(Import(folder / "tracks.csv", folder / "mine.yaml", fps=20)).fps == 20


def test_the_same_tracks_give_the_same_episodes(folder):
    wanted = Import(folder / "tracks.csv", folder / "mine.yaml")
    one, other = decide(wanted), decide(wanted)
    assert one.episodes == other.episodes
    assert one.scores["still"].tobytes() == other.scores["still"].tobytes()


def test_annotations_that_go_on_beyond_the_tracks_are_cut_and_it_is_said(folder):
    text = "\n".join(["frame,still", *(f"{i},{int(i > 350)}" for i in range(500))])
    (folder / "ada.csv").write_text(text, encoding="utf-8")
    decided = decide(Import(folder / "tracks.csv", folder / "mine.yaml"))
    found = evaluate(decided, read_truth([folder / "ada.csv"], decided.fps, ("still",)))
    assert found.frames == (0, N_FRAMES)
    assert any("the rest was cut off" in note for note in found.notes)


def test_of_several_subjects_that_of_the_behaviour_counts(folder):
    rows = ["Subject,Behavior,Behavioral category,Start (s),Stop (s),FPS"]
    rows += [f"m1,still,,{first / 20},{last / 20},20" for first, last in STILL]
    rows += ["m2,still,,0.5,1.5,20"]
    (folder / "ada.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    arguments = (
        folder / "mine.yaml",
        "--tracks",
        folder / "tracks.csv",
        "--truth",
        folder / "ada.csv",
    )
    assert as_json(*arguments)["behaviours"]["still"]["ada"]["bouts"] == 4
    found = as_json(*arguments, "--set", "behaviours.still.subject=m1")
    assert found["behaviours"]["still"]["ada"]["bouts"] == 3
    assert found["behaviours"]["still"]["ada"]["matched"] == 3


def test_a_table_is_shown(folder):
    raters = ("--truth", folder / "ada.csv", "--truth", folder / "ben.csv")
    said = run(folder / "mine.yaml", "--tracks", folder / "tracks.csv", *raters).output
    for word in ("Frames 0 to 399, 20 s", "Between raters", "kappa"):
        assert word in said


def real(config, tracks, truth):
    decided = decide(Import(tracks, config))
    truths = read_truth([truth], decided.fps, tuple(decided.experiment.behaviours))
    result = evaluate(decided, truths)
    (only,) = next(iter(result.by_rater.values())).values()
    return only


def test_freezing_of_a_real_mouse_is_told_as_a_person_does(shared_data):
    where = shared_data / "mouse_freezing" / "demo1"
    found = real(
        Path("freezing_from_tracks"),
        where / "demo1_tracking.csv",
        where / "hB_demo1_manual_annotations.mat.mat",
    )
    assert found.frame_f1 >= 0.85
    assert found.episode_f1 >= 0.85


def test_a_real_mouse_that_investigates_another_is_told_by_bouts(shared_data):
    where = shared_data / "mice_interact"
    (tracks,), (truth,) = where.glob("*filtered.csv"), where.glob("*boris.csv")
    found = real(Path("social_from_tracks"), tracks, truth)
    assert found.episode_f1 >= 0.8


def test_the_bouts_of_one_subject_or_stream_can_be_chosen(folder):
    """Two streams tile the video; in the second one nothing but `still` goes on."""
    rows, after = [], 0
    for first, last in STILL:
        rows += [f"{after + 1} {first} other", f"{first + 1} {last + 1} still"]
        after = last + 1
    rows.append(f"{after + 1} {N_FRAMES} other")
    head = "Caltech Behavior Annotator - Annotation File\n\nstill s\nother o\n\n"
    streams = "S1: start end type\n" + "\n".join(rows) + f"\nS2: start end type\n1 {N_FRAMES} still"
    (folder / "two.txt").write_text(head + streams, encoding="utf-8")
    asked = folder / "mine.yaml", "--tracks", folder / "tracks.csv", "--truth", folder / "two.txt"
    both = as_json(*asked)["behaviours"]["still"]["two"]
    one = as_json(*asked, "--subject", "S1")["behaviours"]["still"]["two"]
    assert one["frame_f1"] > 0.95 > both["frame_f1"]
    assert isinstance(run(*asked, "--subject", "S3", code=1).exception, ConfigError)
