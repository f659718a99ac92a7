import errno

import pytest

from tracker.errors import DiskFull, RecordingError
from tracker.session_folder.files import AppendFile, write_error, write_new


class TestErrors:
    @pytest.mark.parametrize(
        ("number", "error", "message"),
        [
            pytest.param(errno.ENOSPC, DiskFull, "no room left for a.arrow in .*here", id="full"),
            pytest.param(errno.EDQUOT, DiskFull, "no room left for a.arrow", id="quota"),
            pytest.param(
                errno.EIO, RecordingError, "cannot write a.arrow in .*here: broken", id="broken"
            ),
        ],
    )
    def test_the_systems_error_becomes_ours(self, tmp_path, number, error, message):
        ours = write_error(tmp_path / "here" / "a.arrow", OSError(number, "broken"))
        assert type(ours) is error
        with pytest.raises(error, match=message):
            raise ours

    def test_a_file_is_never_overwritten(self, tmp_path):
        (tmp_path / "a.bin").write_bytes(b"precious")
        with pytest.raises(RecordingError, match=r"cannot write a\.bin"):
            AppendFile(tmp_path / "a.bin")
        assert (tmp_path / "a.bin").read_bytes() == b"precious"

    def test_a_whole_new_file(self, tmp_path):
        write_new(tmp_path / "a.bin", b"content")
        assert (tmp_path / "a.bin").read_bytes() == b"content"

    def test_closing_twice_is_harmless(self, tmp_path):
        file = AppendFile(tmp_path / "a.bin")
        file.append(b"content")
        file.close()
        file.close()
        assert (tmp_path / "a.bin").read_bytes() == b"content"

    def test_what_was_appended_is_with_the_system_at_once(self, tmp_path):
        file = AppendFile(tmp_path / "a.bin")
        file.append(b"first")
        file.append(b"second")
        assert (tmp_path / "a.bin").read_bytes() == b"firstsecond"
        file.close()
