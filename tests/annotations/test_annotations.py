"""Files of other programs with what people saw; frames are counted from 0, ends inclusive."""

import numpy as np
import pytest

from tracker.annotations.boris import COLUMNS
from tracker.annotations.bouts import Bout, bouts_of, covered
from tracker.annotations.read import read_annotations
from tracker.errors import AnnotationError, TrackerError


@pytest.fixture
def file(tmp_path):
    def write(text, name="rater.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


OLD = """\
Observation id,DLC3,,,,,,,
,,,,,,,,
Player #1,/videos/a.avi,,,,,,,
,,,,,,,,
Time,Media file path,Total length,FPS,Subject,Behavior,Behavioral category,Comment,Status
{rows}"""


def old_boris(*events):
    rows = [
        f"{t},/videos/a.avi,190.000,30.0,{who},{what},,,{kind}" for t, who, what, kind in events
    ]
    return OLD.format(rows="\n".join(rows) + "\n")


def new_boris(*events, fps="30.000", index=False):
    lines = ["\t".join(COLUMNS)]
    for t, who, what, kind in events:
        about = {
            "FPS": fps,
            "Subject": who,
            "Behavior": what,
            "Behavior type": kind,
            "Time": t,
            "Media file name": "a.avi" if index else "",
            "Image index": str(index) if index else "NA",
        }
        lines.append("\t".join(about.get(column, "") for column in COLUMNS))
    return "\n".join(lines) + "\n"


EVENTS = (
    ("1.000", "adult", "interact", "START"),
    ("1.050", "adult", "rear", "POINT"),
    ("2.000", "adult", "interact", "STOP"),
)


@pytest.mark.parametrize(
    ("text", "name"),
    [(old_boris(*EVENTS), "a.csv"), (new_boris(*EVENTS), "a.tsv")],
    ids=["older_csv_with_a_block_above", "version_8_tsv"],
)
def test_boris_starts_stops_and_points(file, text, name):
    found = read_annotations(file(text, name))
    assert found.program == "BORIS"
    assert found.bouts == (Bout(30, 60, "interact", "adult"), Bout(31, 31, "rear", "adult"))
    assert found.behaviours == ("rear", "interact")
    assert found.rater == "a"


def test_the_frame_of_a_time_is_the_one_on_the_screen(file):
    """At 30 frames a second frame 1 is on from 0.0333 s; BORIS writes three decimals."""
    text = old_boris(("0.033", "", "a", "START"), ("0.066", "", "a", "STOP"),
                     ("0.090", "", "b", "POINT"))  # fmt: skip
    # 0.066 s is meant to be frame 2 (0.0667 s); 0.090 s is before frame 3 (0.1 s)
    assert read_annotations(file(text)).bouts == (Bout(1, 2, "a"), Bout(2, 2, "b"))


def test_boris_may_say_the_frame_itself(file):
    text = new_boris(("99.0", "m", "a", "POINT"), index=7)
    assert read_annotations(file(text, "a.tsv")).bouts == (Bout(7, 7, "a", "m"),)


def test_boris_without_frames_per_second_needs_to_be_told(file):
    path = file(new_boris(*EVENTS, fps="NA"), "a.tsv")
    with pytest.raises(AnnotationError, match=r"frames per second of the video are not stated"):
        read_annotations(path)
    assert read_annotations(path, fps=10).bouts[1] == Bout(10, 20, "interact", "adult")


def test_boris_aggregated_events(file):
    text = (
        "Observation id,Subject,Behavior,Behavioral category,Start (s),Stop (s),FPS\n"
        "o,No focal subject,freezing,,1.5,2.5,10\n"
    )
    assert read_annotations(file(text)).bouts == (Bout(15, 25, "freezing"),)


def test_everything_that_is_wrong_with_a_boris_file_is_said_at_once(file):
    text = old_boris(
        ("1.0", "m", "a", "START"),
        ("2.0", "m", "a", "START"),
        ("3.0", "m", "b", "STOP"),
        ("x", "m", "c", "POINT"),
        ("4.0", "m", "d", "BEGIN"),
        ("5.0", "m", "", "POINT"),
    )
    with pytest.raises(AnnotationError) as refused:
        read_annotations(file(text))
    said = str(refused.value)
    for problem in (
        "line 7: a of m starts, but it has not stopped since line 6",
        "line 8: b of m stops, but it has not started",
        "line 9: Time is 'x', expected seconds",
        "line 10: expected START, STOP or POINT, found 'BEGIN'",
        "line 11: no behaviour is named",
        "line 7: a starts, and never stops",
    ):
        assert problem in said
    assert isinstance(refused.value, TrackerError)


CALTECH = """\
Caltech Behavior Annotator - Annotation File

Configuration file:
base\tz
social\ts

S1:\tstart\tend\ttype
-----------------------------
   \t1\t10\tbase
   \t11\t20\tsocial

S2:\tstart\tend\ttype
-----------------------------
   \t1\t20\tbase
"""


def test_caltech_streams_count_from_1(file):
    found = read_annotations(file(CALTECH, "7_annot.txt"))
    assert found.bouts == (
        Bout(0, 9, "base", "S1"),
        Bout(0, 19, "base", "S2"),
        Bout(10, 19, "social", "S1"),
    )
    assert found.behaviours == ("base", "social")
    assert found.n_frames == 20
    assert found.of("base", "S1") == (Bout(0, 9, "base", "S1"),)
    assert len(found.of("base")) == len(found.of("base", "somebody else")) == 2


def test_one_caltech_stream_needs_no_name(file):
    text = CALTECH.partition("S2:")[0]
    assert read_annotations(file(text, "a.txt")).bouts[0] == Bout(0, 9, "base")


def test_everything_that_is_wrong_with_a_caltech_file_is_said_at_once(file):
    text = (
        CALTECH.partition("S2:")[0] + "\t15\t16\tbase\n\t30\t25\tbase\n\t31\t32\tplay\n\tnothing\n"
    )
    with pytest.raises(AnnotationError) as refused:
        read_annotations(file(text, "a.txt"))
    said = str(refused.value)
    assert "it begins at 15, before the last one has ended" in said
    assert "from 30 to 25 is no stretch of frames" in said
    assert "play is not in the configuration above: base, social" in said
    assert "expected start, end and type, found 'nothing'" in said


def test_a_caltech_file_without_bouts_is_refused(file):
    with pytest.raises(AnnotationError, match="it has no bouts"):
        read_annotations(file("Caltech Behavior Annotator - Annotation File\n", "a.txt"))


TABLE = "frame,nose_x,freezing,rearing,grooming\n0,1.5,0,0,0\n1,0,1,0,0\n2,1,1,1,0\n3,7,0,0,0\n"


def test_a_table_of_one_row_per_frame(file):
    found = read_annotations(file(TABLE))
    assert found.bouts == (Bout(1, 2, "freezing"), Bout(2, 2, "rearing"))
    assert found.behaviours == ("freezing", "rearing")
    assert found.n_frames == 4


def test_a_behaviour_that_was_never_seen_is_there_if_it_is_asked_for(file):
    found = read_annotations(file(TABLE), wanted=("grooming",))
    assert "grooming" in found.behaviours
    assert found.of("grooming") == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("frame,freezing\n0,0\n1\n2,1,9\n", r"row 2: it has 1 cells.*\n.*row 3: it has 3"),
        ("frame,freezing\n0,0\n1,2\n2,x\n", r"row 2: freezing is '2', expected 0 or 1"),
        ("frame,x\n0,0.5\n1,2\n", "none of its columns is a behaviour"),
        ("frame\n", "expected a header and one row per frame"),
    ],
    ids=["uneven", "no_flag", "no_behaviour", "empty"],
)
def test_a_table_that_cannot_be_used_says_why(file, text, said):
    with pytest.raises(AnnotationError, match=said):
        read_annotations(file(text), wanted=("freezing",))


def hdf5(path, **fields):
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w", userblock_size=512) as made:
        for name, value in fields.items():
            made["hBehavior/" + name.replace("__", "/")] = value
    with path.open("r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file".ljust(128))
    return path


def old_matlab(path, **fields):
    from scipy.io import savemat

    nested = {}
    for name, value in fields.items():
        *groups, last = name.split("__")
        place = nested
        for group in groups:
            place = place.setdefault(group, {})
        place[last] = value
    savemat(path, {"hBehavior": nested})
    return path


@pytest.mark.parametrize("write", [hdf5, old_matlab], ids=["7.3", "5.0"])
def test_matlab_vectors_and_bouts(tmp_path, write):
    path = write(
        tmp_path / "hB_demo.mat",
        Freezing__Vector=np.array([[0.0, 1, 1, 0, 1]]),
        Freezing__Bouts=np.array([[99.0, 99]]),
        Rearing__Bouts=np.array([[2.0, 3], [5, 5], [4, 4]]),
        TotalFrames=5.0,
    )
    found = read_annotations(path)
    assert found.program == "BehaviorDEPOT"
    assert found.n_frames == 5
    assert found.of("Freezing") == (Bout(1, 2, "Freezing"), Bout(4, 4, "Freezing"))
    assert found.of("Rearing")[0] == Bout(1, 2, "Rearing")


def test_matlab_bouts_may_lie_on_their_side(tmp_path):
    path = hdf5(tmp_path / "a.mat", Freezing__Bouts=np.array([[2.0, 5, 8], [3, 6, 8]]))
    assert [(b.first, b.last) for b in read_annotations(path).bouts] == [(1, 2), (4, 5), (7, 7)]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"Freezing__Vector": np.zeros(3), "TotalFrames": 5.0}, "has 3 frames, but the video 5"),
        ({"Freezing__Count": 3.0}, "Freezing has neither Vector nor Bouts"),
        ({"Freezing__Bouts": np.array([[5.0, 2]])}, "5 to 2 is no stretch of frames"),
        ({"TotalFrames": 5.0}, "names no behaviour: it holds TotalFrames"),
    ],
    ids=["length", "no_bouts", "backwards", "nothing"],
)
def test_a_matlab_file_that_cannot_be_used_says_why(tmp_path, fields, said):
    with pytest.raises(AnnotationError, match=said):
        read_annotations(hdf5(tmp_path / "a.mat", **fields))


def test_a_matlab_file_of_something_else_says_what_is_in_it(tmp_path):
    from scipy.io import savemat

    savemat(tmp_path / "a.mat", {"poses": [1, 2]})
    with pytest.raises(AnnotationError, match="there is no hBehavior in it; it has poses"):
        read_annotations(tmp_path / "a.mat")


def test_a_broken_matlab_file_is_refused(tmp_path):
    (tmp_path / "a.mat").write_bytes(b"MATLAB 7.3 MAT-file" + b"\0" * 600)
    with pytest.raises(AnnotationError, match="cannot be read as HDF5"):
        read_annotations(tmp_path / "a.mat")


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (b"\xff\xfe\x00", "a.csv", "it is no text"),
        (b"hello\n", "a.txt", "nobody knows what it is"),
    ],
)
def test_what_nobody_knows_is_refused(tmp_path, content, name, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(AnnotationError, match=said):
        read_annotations(tmp_path / name)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(
        AnnotationError, match="there is no such file, expected annotations of BORIS"
    ):
        read_annotations(tmp_path / "a.csv")


def test_bouts_and_frames_are_two_ways_to_say_the_same():
    mask = np.array([1, 1, 0, 0, 1, 0, 1], bool)
    bouts = bouts_of(mask, "a")
    assert [(bout.first, bout.last) for bout in bouts] == [(0, 1), (4, 4), (6, 6)]
    assert (covered(bouts, 7) == mask).all()
    assert covered(bouts, 5).tolist() == [True, True, False, False, True]


@pytest.mark.parametrize(
    ("pattern", "program", "n_bouts"),
    [
        ("mice_interact/*boris.csv", "BORIS", 10),
        ("mouse_freezing/demo1/hB_*", "BehaviorDEPOT", 20),
        ("mouse_freezing/demo7/hB_expert1.mat", "BehaviorDEPOT", 20),
        ("rats_social/annotations/57_annot.txt", "Caltech Behavior Annotator", None),
    ],
)
def test_real_files(shared_data, pattern, program, n_bouts):
    (path,) = shared_data.glob(pattern)
    found = read_annotations(path)
    assert found.program == program
    assert n_bouts in (None, len(found.bouts))
