"""Tracks of DeepLabCut and SLEAP, as they are read."""

import gzip
import hashlib

import numpy as np
import pytest
from track_files import (
    N,
    dlc_rows,
    positions,
    write_analysis,
    write_csv,
    write_h5,
    write_slp,
)

from tracker.errors import TrackFileError
from tracker.track_import import read_tracks

NAN = float("nan")


@pytest.fixture(params=[write_csv, write_h5], ids=["csv", "h5"])
def table(request, tmp_path):
    """Write rows as a table of DeepLabCut of each kind."""
    ending = "csv" if request.param is write_csv else "h5"
    return lambda rows: request.param(tmp_path / f"mouseDLC.{ending}", rows)


class TestDeepLabCut:
    def test_positions_and_likelihood_are_exact(self, table):
        likelihood = np.linspace(0.1, 0.9, N * 2).reshape(N, 1, 2)
        tracks = read_tracks(table(dlc_rows(positions(), likelihood)))
        np.testing.assert_array_equal(tracks.xy, positions())
        np.testing.assert_array_equal(tracks.confidence, likelihood.astype(np.float32))
        assert tracks.skeleton.keypoints == ("nose", "tail_base")
        assert tracks.individuals == ("individual_0",)
        assert (tracks.program, tracks.scorer) == ("DeepLabCut", "DLC_net")
        assert tracks.usual_confidence == 0.6

    def test_several_animals_keep_their_names(self, table):
        rows = dlc_rows(positions(individuals=2), individuals=("ada", "bob"))
        tracks = read_tracks(table(rows))
        assert tracks.individuals == ("ada", "bob")
        np.testing.assert_array_equal(tracks.xy, positions(individuals=2))

    def test_what_is_there_once_is_no_animal(self, table):
        rows = dlc_rows(positions(individuals=2), individuals=("ada", "single"))
        # The last keypoints are of the cage: rename them.
        for column in range(7, 13):
            rows[2][column] = f"corner{(column - 7) // 3}"
        tracks = read_tracks(table(rows))
        assert tracks.individuals == ("ada",)
        assert tracks.skeleton.keypoints == ("nose", "tail_base")
        assert tracks.notes == ("what is there once was left out: corner0, corner1",)

    def test_an_empty_cell_is_not_found(self, table):
        xy = positions()
        xy[2] = NAN
        tracks = read_tracks(table(dlc_rows(xy, np.where(np.isnan(xy[..., 0]), NAN, 0.9))))
        np.testing.assert_array_equal(tracks.xy, xy)
        assert np.isnan(tracks.confidence[2]).all()

    def test_a_table_without_a_scorer_is_read(self, table):
        """DLC-Live's GUI writes such ones."""
        tracks = read_tracks(table(dlc_rows(positions(), scorer=False)))
        assert tracks.scorer == "mouseDLC"
        np.testing.assert_array_equal(tracks.xy, positions())

    def test_without_likelihood_every_position_is_certain(self, table):
        xy = positions()
        xy[1, 0, 0] = NAN
        tracks = read_tracks(table(dlc_rows(xy, coords=("x", "y"))))
        assert tracks.confidence[0].tolist() == [[1, 1]]
        assert np.isnan(tracks.confidence[1, 0, 0])
        assert "no likelihood" in tracks.notes[0]

    def test_rows_that_were_left_out_are_frames_without_anything(self, table):
        rows = dlc_rows(positions())
        del rows[5]  # frame 2
        tracks = read_tracks(table(rows))
        assert len(tracks) == N
        assert np.isnan(tracks.xy[2]).all()
        np.testing.assert_array_equal(tracks.xy[3], positions()[3])

    def test_a_frame_that_is_there_twice_is_refused(self, table):
        rows = dlc_rows(positions())
        rows[5][0] = 1
        with pytest.raises(TrackFileError, match="one is there twice"):
            read_tracks(table(rows))

    def test_a_table_of_labelled_images_is_refused_and_told_where_it_belongs(self, tmp_path):
        rows = dlc_rows(positions())
        for number, row in enumerate(rows[3:]):
            row[0] = f"labeled-data/m1/img{number}.png"
        path = write_csv(tmp_path / "CollectedData_me.csv", rows)
        with pytest.raises(TrackFileError, match=r"labelled images, which `tracker new-recipe`"):
            read_tracks(path)

    def test_a_cell_that_is_no_number_is_named(self, tmp_path):
        rows = dlc_rows(positions())
        rows[4][1] = "left"
        with pytest.raises(
            TrackFileError, match="column DLC_net nose x: it holds what is no number"
        ):
            read_tracks(write_csv(tmp_path / "a.csv", rows))

    def test_a_table_of_nothing_is_refused(self, table):
        with pytest.raises(TrackFileError, match="no position in any of its 6 rows"):
            read_tracks(table(dlc_rows(positions() * NAN)))

    def test_another_csv_is_refused(self, tmp_path):
        path = write_csv(tmp_path / "a.csv", [["time", "speed"], [0, 1]])
        with pytest.raises(TrackFileError, match=r"a\.csv: no table of DeepLabCut; expected"):
            read_tracks(path)


class TestSleap:
    def frames(self, individuals=1):
        xy = positions(individuals=individuals)
        return {f: [(xy[f, k], True) for k in range(individuals)] for f in range(N)}

    def test_instances_are_read_with_their_skeleton(self, tmp_path):
        path = write_slp(tmp_path / "a.slp", self.frames(), nodes=("nose", "tail_base"))
        tracks = read_tracks(path)
        np.testing.assert_array_equal(tracks.xy, positions())
        assert tracks.skeleton.keypoints == ("nose", "tail_base")
        assert tracks.program == "SLEAP"
        assert tracks.usual_confidence == 0.2

    def test_frames_without_an_instance_are_frames_all_the_same(self, tmp_path):
        frames = self.frames()
        del frames[0], frames[3]
        tracks = read_tracks(write_slp(tmp_path / "a.slp", frames))
        assert len(tracks) == N
        assert np.isnan(tracks.xy[[0, 3]]).all()
        np.testing.assert_array_equal(tracks.xy[4], positions()[4])

    def test_what_a_person_placed_is_certain(self, tmp_path):
        frames = {f: [(points, False) for points, _ in all_] for f, all_ in self.frames().items()}
        assert read_tracks(write_slp(tmp_path / "a.slp", frames)).confidence.min() == 1

    def test_instances_on_no_tracks_are_noted(self, tmp_path):
        tracks = read_tracks(write_slp(tmp_path / "a.slp", self.frames(2)))
        assert tracks.individuals == ("individual_0", "individual_1")
        assert not tracks.tracked
        assert "its instances are on no tracks" in tracks.notes[0]

    def test_real_tracks_keep_their_names_and_edges(self, shared_data):
        tracks = read_tracks(shared_data / "flies" / "clip.slp")
        assert tracks.individuals == ("female", "male")
        assert tracks.xy.shape == (1500, 2, 13, 2)
        assert len(tracks.skeleton.edges) == 12

    def two_videos(self, path):
        import sleap_io

        skeleton = sleap_io.Skeleton(["nose", "tail_base"])
        videos = [sleap_io.Video(filename=f"/far/{n}.mp4", open_backend=False) for n in "ab"]
        frames = [
            sleap_io.LabeledFrame(
                video=video,
                frame_idx=0,
                instances=[sleap_io.PredictedInstance.from_numpy(xy[0].astype(float), skeleton)],
            )
            for video, xy in zip(videos, (positions(1)[0:1][0], positions(2)[1:][0]), strict=True)
        ]
        labels = sleap_io.Labels(frames, videos=videos, skeletons=[skeleton])
        sleap_io.save_slp(labels, str(path), verbose=False)
        return path

    def test_of_several_videos_the_one_of_that_name_is_taken(self, tmp_path):
        path = self.two_videos(tmp_path / "a.slp")
        tracks = read_tracks(path, video=tmp_path / "b.mp4")
        assert tracks.xy[0, 0, 0, 0] == 11

    def test_of_several_videos_one_has_to_be_named(self, tmp_path):
        path = self.two_videos(tmp_path / "a.slp")
        with pytest.raises(TrackFileError, match=r"2 videos \(a.mp4, b.mp4\): name one of them"):
            read_tracks(path)

    def test_an_analysis_file_of_sleap_itself_is_read(self, tmp_path):
        path = write_analysis(tmp_path / "a.analysis.h5", positions(individuals=2), tracks="ab")
        tracks = read_tracks(path)
        np.testing.assert_array_equal(tracks.xy, positions(individuals=2))
        assert tracks.individuals == ("a", "b")
        assert (tracks.confidence == 0.75).all()
        assert tracks.skeleton.edges == ((0, 1),)

    def test_an_analysis_file_that_says_the_order_of_its_axes_is_read(self, tmp_path):
        dims = ("frame", "track", "node", "xy")
        tracks = read_tracks(write_analysis(tmp_path / "a.h5", positions(), dims=dims))
        np.testing.assert_array_equal(tracks.xy, positions())

    def test_an_analysis_file_without_scores_or_tracks(self, tmp_path):
        tracks = read_tracks(
            write_analysis(tmp_path / "a.h5", positions(), tracks=(), scores=False)
        )
        assert tracks.individuals == ("individual_0",)
        assert (tracks.confidence == 1).all()


@pytest.mark.parametrize("name", ["a.slp", "a.h5", "a.csv"])
def test_a_file_of_something_else_is_refused_in_a_sentence(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00")
    with pytest.raises(TrackFileError, match=name):
        read_tracks(path)


def test_an_hdf5_of_something_else_is_refused(tmp_path):
    import h5py

    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["numbers"] = [1, 2]
    with pytest.raises(TrackFileError, match=r"a\.h5"):
        read_tracks(tmp_path / "a.h5")


def test_an_unknown_ending_is_refused_with_what_is_read(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(TrackFileError, match=r"unknown ending '.json', expected tracks of DeepLab"):
        read_tracks(path)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(TrackFileError, match="there is no such file"):
        read_tracks(tmp_path / "a.slp")


def test_a_table_that_is_compressed_is_read_and_a_broken_one_refused(tmp_path):
    plain = write_csv(tmp_path / "tracks.csv", dlc_rows(positions()))
    packed = tmp_path / "tracks.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    np.testing.assert_array_equal(read_tracks(packed).xy, read_tracks(plain).xy)
    packed.write_bytes(plain.read_bytes())
    with pytest.raises(TrackFileError, match="cannot be read as CSV"):
        read_tracks(packed)


def test_the_hash_is_of_the_file(tmp_path):
    path = write_csv(tmp_path / "a.csv", dlc_rows(positions()))
    assert read_tracks(path).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_real_tracks_of_two_mice(shared_data):
    (path,) = (shared_data / "mice_interact").glob("*filtered.csv")
    tracks = read_tracks(path)
    assert tracks.individuals == ("adult", "juvenile")
    assert tracks.xy.shape == (5700, 2, 7, 2)
    assert tracks.xy[0, 0, 0].tolist() == [np.float32(606.248), np.float32(718.07)]
