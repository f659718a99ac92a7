"""Everything about one rig in one widget; follows its link, and asks it for what a person wants."""

import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

from PySide6.QtCore import QSettings, Qt
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from tracker.control.remote import Remote
from tracker.errors import TrackerError
from tracker.gui.bar import Bar
from tracker.gui.ethogram import EthogramPanel
from tracker.gui.follow import take_in
from tracker.gui.health import HealthPanel
from tracker.gui.judgement import Lamp
from tracker.gui.link import Link
from tracker.gui.overlay import LAYERS
from tracker.gui.rig import Rig
from tracker.gui.session_panel import HELP, SETUP, SessionPanel
from tracker.gui.setup import Setup
from tracker.gui.stimuli_panel import StimuliPanel
from tracker.gui.theme import DARK, Theme
from tracker.gui.thresholds import ThresholdTrial
from tracker.gui.timeline import Timeline
from tracker.gui.top_line import TopLine
from tracker.gui.traces import Threshold, TracesPanel
from tracker.gui.video import VideoPanel
from tracker.messages import Kind

BUDGET_S = 0.006
"""Longest time that one tick takes in messages: the rest comes with the next."""

LATE_NS = 700_000_000
"""Age of a picture from which the link counts as slow."""

LATE_FOR_S = 3.0
"""How long it has to be slow until smaller pictures are asked for."""

LARGE_AGAIN_S = 30.0
"""How long small ones are taken until large ones are tried again."""

SLOW_EVERY_S = 0.25
"""How often words and numbers are renewed: faster nobody can read."""


class RigView(QWidget):
    """One rig.

    Args:
        link: Started; closed by whoever made it.
        who: The person, for marks and for the arm; "" for the account's name.
        setup: Experiment file that zones are drawn into; None: none are.
    """

    def __init__(self, link: Link, who: str = "", setup: Path | None = None) -> None:
        super().__init__()
        self.link = link
        self.rig = Rig(link.address)
        self._who = who
        self._theme = DARK
        self._answers: list[tuple[Future[object], str]] = []
        self._slow_due_s = self._plots_due_s = 0.0
        self._was_lost = True
        self._late_since_s: float | None = None
        self._large_again_s = 0.0
        self.timeline = Timeline()
        self.top = TopLine(self.rig)
        self.video = VideoPanel(self.rig)
        self.health = HealthPanel(self.rig)
        self.stimuli = StimuliPanel(self.rig)
        self.session = SessionPanel(self.rig)
        self.session.pressed.connect(self.do)
        self.ethogram = EthogramPanel(self.rig, self.timeline)
        self.traces = TracesPanel(self.rig, self.timeline)
        self.bar = Bar(self)
        self.trial = ThresholdTrial(self)
        self.setup = Setup(self, setup)
        self.traces.dragged.connect(self.trial.show_moved)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._lay_out()
        self._keys = self._make_keys()
        self.bar.say(HELP)

    def dress(self, theme: Theme) -> None:
        """Take on the colours of a theme."""
        self._theme = theme
        for panel in self._panels:
            panel.dress(theme)

    def tick(self) -> None:
        """Take in what has come, and draw it."""
        before = self.rig.picture
        take_in(self.link, self.rig, BUDGET_S)
        picture = self.rig.picture if self.rig.picture is not before else None
        is_shown = self.isVisible()
        self.link.overlays = is_shown and self.video.wants_overlays
        if not is_shown:
            return
        now_ns = self.now_ns
        now_s = self.rig.now_s
        if not self.rig.is_lost and self.rig.goodbye is None:
            now_s = max(now_s, min(now_ns / 1e9, now_s + 0.5))
        self.timeline.now_s = now_s
        self.timeline.first_s = self.rig.facts.began_ns / 1e9 if self.rig.facts else 0.0
        self.video.refresh(picture, now_ns)
        if time.monotonic() >= self._plots_due_s:
            self._plots_due_s = time.monotonic() + self._plot_period_s()
            self.ethogram.refresh()
            self.traces.refresh()
        if time.monotonic() >= self._slow_due_s:
            self._slow_due_s = time.monotonic() + SLOW_EVERY_S
            self.refresh_words()

    def _plot_period_s(self) -> float:
        """How long it takes until a plot has moved by a pixel: nobody sees less."""
        timeline = self.timeline
        return min(0.2, timeline.span_s / timeline.columns(self.width()))

    @property
    def now_ns(self) -> int:
        """What the session's clock says now."""
        return time.perf_counter_ns() + self.rig.offset_ns

    def refresh_words(self) -> None:
        """Renew words and numbers."""
        self._follow_answers()
        self._note_connection()
        self._bear_slow_link()
        for panel in (self.top, self.health, self.stimuli, self.session):
            panel.refresh()
        self.trial.refresh()

    def press(self, key: str) -> bool:
        """Do what a key stands for; return whether it stands for anything."""
        action = self._keys.get(key)
        if action is None:
            return False
        action()
        self._plots_due_s = 0.0
        return True

    def do(self, name: str) -> None:
        """Do what a button of the session's panel says."""
        {
            "mark": lambda: self.mark("mark"),
            "note": self.ask_note,
            "arm": self.ask_arm,
            "disarm": self.disarm,
            "stop": self.ask_stop,
            "film": self.ask_film,
        }[name]()

    def mark(self, text: str) -> None:
        """Write a line into the session's log."""
        self.send(f"marked: {text}", lambda remote: remote.mark(text, by=self._who))

    def ask_note(self) -> None:
        """Let something be written, then mark it."""
        self.bar.ask("Note:", "write it into the log", self.mark, writes=True)

    def ask_arm(self) -> None:
        """Ask, then arm."""
        facts = self.rig.facts
        outputs = ", ".join(facts.outputs) if facts else ""
        self.bar.ask(
            f"Arm {outputs}? Controllers may then stimulate {facts.subject if facts else ''}.",
            "arm",
            lambda _: self.send("armed", lambda remote: remote.arm(by=self._who)),
        )

    def disarm(self) -> None:
        """Disarm at once: nobody is asked before something is made safe."""
        self.send("disarmed", lambda remote: remote.disarm("in the live view"), urgent=True)

    def ask_film(self) -> None:
        """Ask, then start or stop the video, where people do that."""
        filming = self.rig.status.filming if self.rig.status else None
        if filming is None:
            self.bar.say("the video is not started by hand here: outputs.recording.by_hand")
            return
        self.bar.ask(
            "Stop the video? All else is still recorded." if filming else "Start the video?",
            "stop it" if filming else "start it",
            lambda _: self.send("", lambda remote: remote.film(on=not filming, by=self._who)),
        )

    def ask_stop(self) -> None:
        """Ask, then end the session."""
        self.bar.ask(
            "End the session? Recording stops, and the folder is closed.",
            "end it",
            lambda _: self.send(
                "the session ends", lambda remote: remote.stop(by=self._who), urgent=True
            ),
        )

    def send(self, done: str, request: Callable[[Remote], object], *, urgent: bool = False) -> None:
        """Ask the rig for something; its answer is a sentence in the bar."""
        if self.rig.is_lost and not urgent:
            self.bar.say("not connected: nothing was sent", self._theme.lamps[Lamp.RED])
            return
        self.bar.say("…")
        self._answers.append((self.link.ask(request, urgent=urgent), done))

    def change_threshold(self, threshold: Threshold, to: float) -> None:
        """Have a threshold moved; what holds then is asked for anew."""
        self.send(
            "changed",
            lambda remote: remote.change(
                threshold.behaviour, to, place=threshold.place, by=self._who
            ),
        )

    def save_sizes(self, settings: QSettings) -> None:
        """Remember how the panels are divided."""
        for name, splitter in self._splitters.items():
            settings.setValue(f"rig/{name}", splitter.saveState())

    def restore_sizes(self, settings: QSettings) -> None:
        """Divide the panels as they were."""
        for name, splitter in self._splitters.items():
            state = settings.value(f"rig/{name}")
            if state is not None:
                splitter.restoreState(state)

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 8, 8, 8)
        column.setSpacing(6)
        right = QSplitter(Qt.Orientation.Vertical)
        right.addWidget(self.stimuli)
        right.addWidget(self.session)
        above = QSplitter(Qt.Orientation.Horizontal)
        for panel, share in ((self.video, 5), (self.health, 3), (right, 3)):
            above.addWidget(panel)
            above.setStretchFactor(above.count() - 1, share)
        whole = QSplitter(Qt.Orientation.Vertical)
        for widget, share in ((above, 6), (self.ethogram, 2), (self.traces, 3)):
            whole.addWidget(widget)
            whole.setStretchFactor(whole.count() - 1, share)
        for splitter in (right, above, whole):
            splitter.setChildrenCollapsible(False)
            splitter.setHandleWidth(6)
        above.setSizes([560, 320, 320])
        whole.setSizes([400, 130, 190])
        column.addWidget(self.top)
        column.addWidget(whole, 1)
        column.addWidget(self.bar)
        self._splitters = {"right": right, "above": above, "whole": whole}
        self._panels = (
            self.top,
            self.video,
            self.health,
            self.stimuli,
            self.session,
            self.ethogram,
            self.traces,
        )

    def _make_keys(self) -> dict[str, Callable[[], None]]:
        lanes = self.traces.lanes
        keys: dict[str, Callable[[], None]] = {
            "space": lambda: self.mark("mark"),
            "n": self.ask_note,
            "a": self.ask_arm,
            "d": self.disarm,
            "q": self.ask_stop,
            "r": self.ask_film,
            "z": self.setup.ask_zone,
            "b": self.setup.ask_arena,
            "k": self.setup.ask_scale,
            "p": self.setup.ask_corners,
            "o": self.setup.ask_option,
            "x": self.setup.ask_removal,
            "+": lambda: self.timeline.longer(1),
            "-": lambda: self.timeline.longer(-1),
            "w": lambda: self.timeline.longer(99),
            "c": self.video.stretch_contrast,
            "f": self.video.whole,
            "?": lambda: self.bar.say(HELP),
            "e": lambda: self.bar.say(SETUP),
            "up": lambda: lanes.select(-1),
            "down": lambda: lanes.select(1),
            "[": lambda: lanes.nudge(-1),
            "]": lambda: lanes.nudge(1),
            "enter": self.bar.accept,
            "escape": self.bar.leave,
        }
        for number, layer in enumerate(LAYERS, start=1):
            keys[str(number)] = lambda layer=layer: self.video.switch(layer)  # type: ignore[misc]
        return keys

    def _note_connection(self) -> None:
        lost = self.rig.is_lost
        if lost != self._was_lost:
            self.rig.tell("view", "connection lost" if lost else "connected")
        self._was_lost = lost

    def _bear_slow_link(self) -> None:
        """Take small pictures where large ones come late, and try large ones again later."""
        picture, link, now_s = self.rig.picture, self.link, time.monotonic()
        if picture is None or self.rig.is_lost or self.rig.goodbye is not None:
            self._late_since_s = None
        elif link.pictures is Kind.THUMBNAIL:
            if now_s >= self._large_again_s:
                link.pictures = Kind.FRAME
        elif self.now_ns - picture.message.captured_ns < LATE_NS:
            self._late_since_s = None
        elif self._late_since_s is None:
            self._late_since_s = now_s
        elif now_s - self._late_since_s > LATE_FOR_S:
            link.pictures, self._late_since_s = Kind.THUMBNAIL, None
            self._large_again_s = now_s + LARGE_AGAIN_S
            self.rig.tell("view", "pictures came late: smaller ones for a while")

    def _follow_answers(self) -> None:
        """Say what became of what was asked for."""
        waiting = []
        for answer, done in self._answers:
            if not answer.done():
                waiting.append((answer, done))
                continue
            try:
                said = answer.result()
            except TrackerError as error:
                self.bar.say(f"not done: {error}", self._theme.lamps[Lamp.RED])
            else:
                self.bar.say(said if isinstance(said, str) else done)
        self._answers = waiting
