"""What `tracker --help` and `tracker COMMAND --help` show of every command."""

import re

import pytest

from tracker.cli import app

COMMANDS = {
    command.name or command.callback.__name__.replace("_", "-"): command
    for command in app.registered_commands
}


def test_no_two_commands_share_a_name():
    assert len(COMMANDS) == len(app.registered_commands)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_stands_under_a_heading(name):
    assert isinstance(COMMANDS[name].rich_help_panel, str)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_shows_examples_of_itself(name):
    examples = re.findall(r"`([^`]+)`", COMMANDS[name].epilog)
    assert examples
    assert {example.split()[:2] == ["tracker", name] for example in examples} == {True}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_explained_in_a_sentence(name):
    assert COMMANDS[name].callback.__doc__.splitlines()[0].endswith(".")
