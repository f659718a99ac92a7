"""What docs/batch.md states is what the code says."""

import json
import re
import subprocess
import sys
from pathlib import Path

from tracker.batch.cluster import SlurmSettings
from tracker.batch.table import COLUMNS

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs/batch.md").read_text(encoding="utf-8")


def test_every_column_is_defined():
    assert [name for name in COLUMNS if f"| `{name}` |" not in TEXT] == []


def test_every_setting_of_a_job_is_named():
    assert [name for name in SlurmSettings.model_fields if name not in TEXT] == []


def test_the_arithmetic_of_a_thousand_cages_is_that_of_the_script(tmp_path):
    script = [sys.executable, ROOT / "benchmarks/scale.py", "--json", tmp_path / "scale.json"]
    subprocess.run(script, check=True, capture_output=True)
    rows = json.loads((tmp_path / "scale.json").read_text(encoding="utf-8"))["rows"]
    computed = [[f"{value:,.0f}" for value in list(row.values())[1:]] for row in rows]
    table = TEXT.split("| | TB | MB/s |")[1]
    stated = [
        [cell.strip() for cell in line.split("|")[2:-1]]
        for line in re.findall(r"^\|.*\d \|$", table, re.MULTILINE)
    ]
    assert stated == computed
