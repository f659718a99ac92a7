"""The examples of docs/controllers.md are settings that can be used."""

from pathlib import Path

import pytest
from controller_frames import MS, PULSES, all_of, ended, frame, made, onset
from ruamel.yaml import YAML

PAGE = (Path(__file__).parents[2] / "docs" / "controllers.md").read_text(encoding="utf-8")
BLOCKS = [part.split("```")[0] for part in PAGE.split("```yaml\n")[1:]]
EXAMPLES = [
    pytest.param(name, settings, id=f"{i}-{name}")
    for i, block in enumerate(BLOCKS)
    for name, settings in YAML(typ="safe").load(block).items()
]


@pytest.mark.parametrize(("name", "settings"), EXAMPLES)
def test_an_example_can_be_used(name, settings):
    other = [(0, PULSES)] if "yoke" in settings else None
    assert made(name, other=other, **settings).name == name


def test_every_kind_has_an_example():
    assert {example.values[1]["kind"] for example in EXAMPLES} == {
        "pulse",
        "level",
        "task",
        "yoked",
    }


def example(wanted):
    return next(made(name, **given) for name, given in map(_values, EXAMPLES) if name == wanted)


def _values(param):
    return param.values


def test_the_task_at_the_port_gives_a_drop_after_two_seconds():
    came = onset(1, 1000, behaviour="left_port")
    seen = [frame(0), frame(1000, came), frame(2999), frame(3000)]
    (drop,) = all_of(example("port"), seen)
    assert (drop.output, drop.captured_ns) == ("valve", 3000 * MS)


def test_the_task_with_ten_licks_gives_a_drop_at_the_tenth():
    visits = [onset(n, 100 * n, behaviour="left_port") for n in range(1, 12)]
    seen = [frame(0)]
    for n, visit in enumerate(visits, 1):
        seen += [frame(100 * n, visit), frame(100 * n + 50, ended(visit, 100 * n + 40))]
    commands = all_of(example("ratio"), seen)
    assert [(c.frame_index, c.output, c.action) for c in commands] == [
        (0, "light", "train"),
        (1000, "light", "stop"),
        (1000, "valve", "train"),
    ]
