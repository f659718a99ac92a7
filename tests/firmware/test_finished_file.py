"""The finished file that `tracker flash` writes is what the source compiles to."""

import subprocess

import pytest
from firmware.simavr_box import FIRMWARE, build_firmware, what_is_missing

COMPILER = "5.4.0"
"""The avr-gcc of Debian, which made it; another one makes other code."""


def test_the_shipped_hex_is_what_the_source_compiles_to(tmp_path):
    if missing := what_is_missing():
        pytest.skip(missing)
    version = subprocess.run(
        ["avr-gcc", "-dumpversion"], capture_output=True, text=True, check=True
    ).stdout.strip()
    if version != COMPILER:
        pytest.skip(f"avr-gcc {version}; the shipped file was made by {COMPILER}")
    compiled = build_firmware(tmp_path).with_suffix(".hex").read_bytes()
    shipped = (FIRMWARE / "stimulus_box.hex").read_bytes()
    assert compiled == shipped, f"run: make -C {FIRMWARE} release"


def test_it_leaves_room_for_the_boot_loader_and_the_stack(built_box):
    listing = subprocess.run(
        ["avr-size", "-A", str(built_box.firmware)], capture_output=True, text=True, check=True
    ).stdout
    rows = [line.split() for line in listing.splitlines() if line.startswith(".")]
    size = {row[0]: int(row[1]) for row in rows}
    assert size[".text"] + size[".data"] < 32_768 - 512
    assert size[".data"] + size[".bss"] + size[".noinit"] < 2_048 - 512
