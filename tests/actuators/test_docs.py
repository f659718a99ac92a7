"""The examples of docs/actuators.md are settings that load."""

from pathlib import Path

from pydantic import TypeAdapter
from ruamel.yaml import YAML

from tracker.config import ActuatorSettings

PAGE = (Path(__file__).parents[2] / "docs" / "actuators.md").read_text(encoding="utf-8")


def kinds():
    return set(TypeAdapter(ActuatorSettings).json_schema()["discriminator"]["mapping"])


def test_every_example_loads_and_every_kind_has_one():
    example = YAML(typ="safe").load(PAGE.split("```yaml\n")[1].split("```")[0])
    loaded = [
        TypeAdapter(ActuatorSettings).validate_python(settings)
        for settings in example["actuators"].values()
    ]
    assert {settings.kind for settings in loaded} == kinds()


def test_every_kind_is_in_the_table():
    table = [line for line in PAGE.splitlines() if line.startswith("| `")]
    assert {line.split("`")[1] for line in table} == kinds()
