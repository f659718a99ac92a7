"""Candidate behaviours: moments that look alike, found again from what was drawn."""

import csv

import numpy as np
import pytest
from learning.drawn_candidates import FPS, PHASE_S, WHAT, record
from typer.testing import CliRunner

from tracker.annotations.read import read_annotations
from tracker.cli import app
from tracker.errors import ConfigError
from tracker.learning.candidates.clusters import CandidateBout
from tracker.learning.candidates.moments import moments_of
from tracker.learning.candidates.pictures import examples
from tracker.learning.candidates.run import find_candidates
from tracker.recording import Recording


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """One mouse that stands still, runs, and turns on the spot, again and again."""
    return record(tmp_path_factory.mktemp("sessions"))


@pytest.fixture(scope="module")
def found(session, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "candidates"
    result = CliRunner().invoke(
        app, ["candidates", str(session), "--out", str(out), "--n", "3", "--window-s", "0.4"]
    )
    assert result.exit_code == 0, (result.output, result.exception)
    return out


def rows(folder):
    with (folder / "bouts.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_what_was_drawn_is_parted(found):
    """In the middle of each phase one candidate goes on, another one for each thing drawn."""
    bouts = rows(found)
    told = {what: set() for what in WHAT}
    for phase in range(6):
        middle = round((phase + 0.5) * PHASE_S * FPS)
        now = [r for r in bouts if int(r["first_frame"]) <= middle <= int(r["last_frame"])]
        told[WHAT[phase % 3]] |= {r["candidate"] for r in now}
    assert all(len(each) == 1 for each in told.values())
    assert len(set.union(*told.values())) == 3


def test_there_are_a_sheet_a_page_and_events_for_boris(found, session):
    assert (found / "candidates.png").read_bytes().startswith(b"\x89PNG")
    assert "Candidate behaviours" in (found / "candidates.html").read_text(encoding="utf-8")
    events = read_annotations(found / f"{session.name}_boris.tsv", FPS)
    assert set(events.behaviours) == {"candidate_1", "candidate_2", "candidate_3"}
    bouts = sorted((int(r["first_frame"]), int(r["last_frame"])) for r in rows(found))
    assert sorted((each.first, each.last) for each in events.bouts) == bouts


def test_the_same_sessions_and_seed_give_the_same(found, session, tmp_path):
    find_candidates([session], tmp_path / "again", window_s=0.4, n_clusters=3)
    assert (tmp_path / "again" / "bouts.csv").read_bytes() == (found / "bouts.csv").read_bytes()


def test_nothing_is_overwritten(found, session):
    with pytest.raises(ConfigError, match="nothing is overwritten"):
        find_candidates([session], found)


def test_too_short_a_session_is_refused(session, tmp_path):
    with pytest.raises(ConfigError, match="shorter than two windows"):
        find_candidates([session], tmp_path / "out", window_s=60)
    with pytest.raises(ConfigError, match="are too few"):
        find_candidates([session], tmp_path / "out", window_s=2)
    assert not (tmp_path / "out").exists()


def test_a_pose_is_the_same_wherever_the_animal_is_and_looks(session):
    (moments,) = moments_of(Recording(session), 0.4)
    nose = moments.values[:, moments.columns.index("mean of nose ahead")]
    # nose 30, neck 20, tail base 0 px: the middle is at 16.7, the length is 30
    assert np.nanmedian(nose) == pytest.approx((30 - 50 / 3) / 30, abs=0.02)


def test_examples_are_the_surest_and_of_several_sessions():
    bouts = [CandidateBout(1, s, 0, "m", 0, 9, sure) for s, sure in [(0, 0.9), (0, 0.8), (1, 0.5)]]
    assert [each.sure for each in examples(bouts, 2)] == [0.9, 0.5]
