from pathlib import Path

import numpy as np
import pytest
from session_folders import (
    EPISODE,
    ONSET,
    cut,
    frame,
    image,
    opened,
    recorded,
    result,
    row,
)

from tracker.recording import Recording
from tracker.types import Fate


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "2026-01-31_mouse"


def test_the_documented_way_of_reading_without_our_code_works(folder):
    running = opened(folder)
    for i in (0, 1, 3):
        running.write_frame(frame(i))
        running.write_result(result(i, individuals=2))
    running.write_result(result(4, ONSET, EPISODE))
    running.write_ledger([row(i, fate=Fate.LOST_BY_SENSOR) if i == 2 else row(i) for i in range(4)])
    running.close("completed", {})
    cut(folder / "frames.arrow", 8)

    page = Path(__file__).parents[1] / "docs" / "session_folder.md"
    code = page.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    read = {"folder": folder}
    exec(compile(code, str(page), "exec"), read)

    assert read["session"]["session_id"] == "s1"
    assert [positions.shape for positions in read["xy"]] == [(2, 2, 2)] * 3 + [(1, 2, 2)]
    assert [line["state"] for line in read["episodes"]] == ["new", "end"]
    assert list(read["pictures"]) == [0, 1, 3]
    np.testing.assert_array_equal(read["pictures"][3], image(3))


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        pytest.param("frames.arrow", "ledger", id="frames"),
        pytest.param("observations.arrow", "observations", id="observations"),
    ],
)
def test_every_column_is_documented(folder, name, columns):
    page = (Path(__file__).parents[1] / "docs" / "session_folder.md").read_text(encoding="utf-8")
    section = page.split(f"## {name}")[1].split("\n## ")[0]
    table = getattr(Recording(recorded(folder, 1)), columns)
    stems = {column.split("/")[0] for column in table.column_names}
    missing = [stem for stem in stems if f"`{stem}`" not in section and f"`{stem}/<" not in section]
    assert missing == []


@pytest.mark.parametrize("fate", list(Fate))
def test_every_fate_is_documented(fate):
    page = (Path(__file__).parents[1] / "docs" / "session_folder.md").read_text(encoding="utf-8")
    assert f"| `{fate}` |" in page
