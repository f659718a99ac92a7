"""Who each individual is, in the record."""

import numpy as np
import pyarrow as pa
import pytest
from session_folders import opened, result

from tracker.messages import ObservationMessage, observation_message
from tracker.recording import Recording
from tracker.session_folder.tables import read_table
from tracker.types import Observation

NAMES, SURE = ("a", "b", ""), (1.0, 0.375, 0.0)


def recorded(folder, *results):
    running = opened(folder)
    for each in results:
        running.write_result(each)
    running.close("completed", {})
    return Recording(folder)


def tracked(index, appearance=None):
    about = {"identities": NAMES, "identity_confidence": SURE, "appearance": appearance}
    return result(index, individuals=3, **about)


def test_identities_come_back_as_they_were(tmp_path):
    looks = np.array([[1.5, np.nan], [3, 4], [5, 6]], np.float32)
    recording = recorded(tmp_path / "s", tracked(0), tracked(1, looks), result(2))
    plain, with_looks, untracked = recording.whole.each_observation()
    assert (plain.identities, plain.identity_confidence) == (NAMES, SURE)
    assert plain.appearance is None
    np.testing.assert_array_equal(with_looks.appearance, looks)
    assert with_looks.appearance.dtype == np.float32
    assert (untracked.identities, untracked.identity_confidence) == ((), ())


def test_a_recording_made_before_there_was_tracking_can_be_read(tmp_path):
    recording = recorded(tmp_path / "s", tracked(0))
    path = tmp_path / "s" / "observations.arrow"
    table, _ = read_table(path)
    old = table.drop_columns(["identity", "identity_confidence", "appearance"])
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, old.schema) as stream:
        stream.write_table(old)
    (seen,) = Recording(recording.folder).whole.each_observation()
    assert (seen.identities, seen.identity_confidence, seen.appearance) == ((), (), None)
    assert len(seen.confidence) == 3


@pytest.mark.parametrize(
    ("wrong", "about"),
    [
        ({"identities": ("a",), "identity_confidence": (1.0,)}, "1 identities"),
        ({"identities": NAMES}, "0 confidences"),
        ({"identity_confidence": SURE}, "0 identities"),
        ({"appearance": np.zeros((2, 4), np.float32)}, "appearance of 2"),
    ],
    ids=["too few", "no confidence", "no identity", "appearance"],
)
def test_identities_that_do_not_fit_the_individuals_are_an_error(wrong, about):
    xy = np.zeros((3, 1, 2), np.float32)
    with pytest.raises(ValueError, match=about):
        Observation(0, 0, xy, xy[..., 0], **wrong)


def test_a_message_whose_identities_do_not_fit_is_refused():
    fields = observation_message(tracked(0), session="s", seq=0, sent_ns=0)
    assert (fields.identities, fields.identity_confidence) == (list(NAMES), list(SURE))
    wrong = {name: getattr(fields, name) for name in fields.__struct_fields__}
    with pytest.raises(ValueError, match="2 identities"):
        ObservationMessage(**(wrong | {"identities": ["a", "b"]}))
