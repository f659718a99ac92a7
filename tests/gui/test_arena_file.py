import pytest

from tracker.config import load, shipped
from tracker.errors import ConfigError
from tracker.gui.arena_file import Drawn, px_per_cm_of, read_arena, write_arena

FILE = """\
# One mouse.
rig:
  camera: {kind: synthetic}             # no hardware
  arena:
    px_per_cm: 10.2                     # measured on Monday
    zones:
      # where it is brave
      centre: {kind: rectangle, x_px: 178, y_px: 138, width_px: 284, height_px: 204}
      nest: {kind: circle, x_px: 50, y_px: 60, radius_px: 20}   # cotton
behaviours:
  locomotion:
    rule: {kind: threshold, feature: speed_cm_s, above: 5.0, softness: 1.5}
"""
CENTRE = {"kind": "rectangle", "x_px": 178, "y_px": 138, "width_px": 284, "height_px": 204}
CORNER = {"kind": "rectangle", "x_px": 1, "y_px": 2, "width_px": 30, "height_px": 40}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(FILE, encoding="utf-8")
    return path


def test_a_zone_is_added_and_all_else_stays_to_the_letter(file):
    zones = {
        name: zone.model_dump(exclude_unset=True) | {"kind": zone.kind}
        for name, zone in read_arena(file).zones.items()
    }
    before = file.read_text().splitlines()
    write_arena(file, Drawn({"centre": CENTRE, "nest": {**zones["nest"]}, "corner": CORNER}))
    after = file.read_text().splitlines()
    added = [line for line in after if line not in before]
    assert [line.strip() for line in added] == [
        "corner: {kind: rectangle, x_px: 1, y_px: 2, width_px: 30, height_px: 40}"
    ]
    assert [line for line in before if line not in after] == []


def test_the_scale_is_changed_beside_its_comment(file):
    write_arena(file, Drawn({"centre": CENTRE}, px_per_cm=12.345678))
    assert "px_per_cm: 12.3457" in file.read_text()
    assert "# measured on Monday" in file.read_text()


def test_a_zone_that_was_taken_away_is_gone(file):
    write_arena(file, Drawn({"centre": CENTRE}))
    assert list(read_arena(file).zones) == ["centre"]


def test_what_was_written_can_be_run(file):
    write_arena(file, Drawn({"corner": CORNER}))
    assert list(load(file).rig.arena.zones) == ["corner"]


@pytest.mark.parametrize(
    ("drawn", "says"),
    [
        pytest.param(Drawn({"Top Left": CORNER}), "zones.Top Left", id="name_with_a_blank"),
        pytest.param(Drawn({"a": {**CORNER, "width_px": 0}}), "width_px", id="nothing"),
        pytest.param(Drawn({}, px_per_cm=-1.0), "px_per_cm", id="negative_scale"),
    ],
)
def test_what_is_not_right_is_not_written(file, drawn, says):
    with pytest.raises(ConfigError, match=says):
        write_arena(file, drawn)
    assert file.read_text() == FILE


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param("- a\n", "holds CommentedSeq", id="a_list"),
        pytest.param("rig: {camera: 3}\n", r"no rig\.arena", id="no_arena"),
        pytest.param("rig: [\n", "is not YAML", id="no_yaml"),
        pytest.param(None, "cannot be read", id="no_file"),
    ],
)
def test_a_file_that_is_no_experiment_is_refused(tmp_path, content, says):
    path = tmp_path / "x.yaml"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=says):
        read_arena(path)


def test_a_line_of_known_length_gives_the_scale():
    assert px_per_cm_of(10, 10, 310, 410, 50) == 10.0


@pytest.mark.parametrize("length_cm", [0.0, -3.0, float("nan"), float("inf")])
def test_a_line_without_a_length_gives_none(length_cm):
    with pytest.raises(ConfigError, match="gives no scale"):
        px_per_cm_of(0, 0, 100, 0, length_cm)


def test_a_point_gives_no_scale():
    with pytest.raises(ConfigError, match="gives no scale"):
        px_per_cm_of(5, 5, 5, 5, 10)


@pytest.mark.parametrize("name", ["open_field", "closed_loop_demo", "demo"])
def test_shipped_files_survive_a_round_trip(tmp_path, name):
    text = (shipped("configs") / f"{name}.yaml").read_text(encoding="utf-8")
    file = tmp_path / f"{name}.yaml"
    file.write_text(text, encoding="utf-8")
    zones = {k: v.model_dump(mode="json") for k, v in read_arena(file).zones.items()}
    write_arena(file, Drawn(zones))
    assert load(file) == load(shipped("configs") / f"{name}.yaml")
    assert [
        line for line in text.splitlines() if "#" in line and line not in file.read_text()
    ] == []
