"""Whole sessions out of stand-ins: no device, no network file, no patching."""

from dataclasses import replace

import numpy as np

from tracker.arena import Arena, ArenaSettings
from tracker.behaviours.rule import ThresholdRule, make_rule
from tracker.clock import SystemClock
from tracker.episodes import EpisodeBuilder, EpisodeSettings
from tracker.features import FeatureExtractor, FeatureSettings
from tracker.ledger import Ledger
from tracker.pipeline import Pipeline, Watch
from tracker.publisher import Publisher, PublisherSettings
from tracker.recorder import Recorder
from tracker.session import Session
from tracker.session_folder.settings import RecorderSettings
from tracker.session_folder.video_encoder import Codec
from tracker.session_parts import Parts, SessionSettings
from tracker.testing.fixed_observer import FixedObserver
from tracker.types import Frame, Skeleton

SHAPE = (48, 64)
MS = 1_000_000
SKELETON = Skeleton(("nose", "tail_base"), ((0, 1),))
ON_THE_RIGHT = EpisodeSettings(enter=0.7, leave=0.5, min_duration_s=0.02, max_gap_s=0.02)


def frame(index, value=0):
    """Frame `index` of a camera of 100 frames/s."""
    captured_ns = index * 10 * MS
    return Frame(index, captured_ns, captured_ns, np.full(SHAPE, value, np.uint8))


def at(x):
    """Both keypoints at x (px), 10 px apart in y."""
    return [[x, 10.0], [x, 20.0]]


def make_pipeline(script, clock=None, tracker=None, smoother=None):
    """Observer by script → features → one behaviour, `right`: x beyond 3 cm, at 10 px/cm."""
    arena = Arena(ArenaSettings(px_per_cm=10.0))
    features = FeatureExtractor(FeatureSettings(), SKELETON, arena)
    rule = ThresholdRule(feature="x_cm", above=3.0, softness=0.1)
    right = Watch(
        make_rule("right", rule, features.names), EpisodeBuilder("right", "mouse", ON_THE_RIGHT)
    )
    return Pipeline(
        FixedObserver(SKELETON, script),
        features,
        [right],
        clock or SystemClock(),
        tracker,
        smoother,
    )


class Rig:
    """A session around a camera; keeps what a test wants to look at afterwards."""

    def __init__(
        self,
        folder,
        camera,
        *,
        script=lambda index: at(5.0),
        codec=Codec.FFV1,
        publisher=None,
        make_recorder=Recorder,
        drop_frames=False,
        clock=None,
        loop=None,
        recording=None,
        confirm_s=0.0,
        filming=None,
        **settings,
    ):
        self.folder = folder
        self.camera = camera
        self.clock = clock or SystemClock()
        self.pipeline = make_pipeline(script, self.clock)
        video = codec is not Codec.NONE
        self.ledger = Ledger(video=video, publishing=publisher is not None)
        self.publisher = publisher and Publisher(
            PublisherSettings(address=publisher),
            session_id="s1",
            camera="top",
            clock=self.clock,
            model_sha256="m",
            config_sha256="c",
            on_published=self.ledger.note_published,
        )
        recording = RecorderSettings(codec=codec, min_free_mb=0, **(recording or {}))

        def recorder(info):
            return make_recorder(
                folder,
                recording,
                session_id="s1",
                camera=info,
                skeleton=SKELETON,
                features=self.pipeline.feature_names,
                behaviours=self.pipeline.behaviours,
                experiment_yaml="{}\n",
                provenance={"model": {"provider": "none"}},
                clock=self.clock,
                confirm_s=confirm_s,
                blinded=frozenset() if loop else None,
            )

        parts = Parts(
            camera=camera,
            pipeline=self.pipeline,
            recorder=recorder,
            publisher=self.publisher,
            ledger=self.ledger,
            clock=self.clock,
            video=video,
            drop_frames=drop_frames,
            loop=(lambda *tell: loop(self.clock, *tell)) if loop else None,
            filming=filming,
        )
        self.session = Session(parts, SessionSettings(**settings))

    def run(self, timeout_s=20):
        """Start, wait for the end that comes by itself, finish."""
        self.session.start()
        assert self.session.wait(timeout_s), "the session did not end by itself"
        self.session.finish()


def with_feeds(parts, feeds):
    """The same parts of a session, and something from outside that it follows."""
    return replace(parts, feeds=tuple(feeds))
