"""What the pipeline says of tracks beside what one or several people saw."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from tracker.annotations.bouts import Annotations, Bout, covered
from tracker.annotations.read import read_annotations
from tracker.errors import ConfigError
from tracker.evaluation.agreement import Agreement, Told, agreement, kappa
from tracker.evaluation.decide import Decided
from tracker.types import Episode


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How well the behaviours of an experiment are told.

    Attributes:
        frames: The stretch that was judged, from and to (exclusive).
        fps: Frames per second.
        by_rater: Agreement by behaviour and rater.
        raters: Agreement of each rater with each other one, by behaviour and their names.
        abstained: By behaviour, the share (0 to 1) of frames in which its rule abstained, and
            which features were missing in how many.
        delay_ms: By behaviour, median time from onset to confirmation over all its episodes.
        notes: What a person has to know, one sentence each.
    """

    frames: tuple[int, int]
    fps: float
    by_rater: Mapping[str, Mapping[str, Agreement]]
    raters: Mapping[str, Mapping[str, Mapping[str, Any]]]
    abstained: Mapping[str, Mapping[str, Any]]
    delay_ms: Mapping[str, float | None]
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the same, JSON-ready."""
        return {
            "frames": list(self.frames),
            "fps": self.fps,
            "behaviours": {
                name: {rater: each.as_dict() for rater, each in raters.items()}
                for name, raters in self.by_rater.items()
            },
            "between_raters": {name: dict(pairs) for name, pairs in self.raters.items()},
            "abstained": dict(self.abstained),
            "confirmed_after_ms": dict(self.delay_ms),
            "notes": list(self.notes),
        }


def read_truth(
    paths: Sequence[Path], fps: float | None, behaviours: Sequence[str]
) -> list[Annotations]:
    """Return what each rater saw; raises `AnnotationError`."""
    wanted = [name for each in behaviours for name in (each, each.capitalize())]
    return [read_annotations(path, fps, wanted) for path in paths]


def names_in(
    truth: Annotations, behaviours: Sequence[str], chosen: Mapping[str, str]
) -> dict[str, str]:
    """Return what the file calls each behaviour of the experiment that it knows.

    A name is the same if it differs in upper and lower case, blanks and `_` alone.

    Args:
        truth: What a rater saw.
        behaviours: Of the experiment.
        chosen: Names that somebody said, by the experiment's.

    Raises:
        ConfigError: If a name that was said is not in the file.
    """
    by_plain = {_plain(name): name for name in truth.behaviours}
    found = {}
    for behaviour in behaviours:
        said = chosen.get(behaviour)
        if said is not None and said not in truth.behaviours:
            raise ConfigError(
                f"{truth.path} knows no behaviour {said!r}: it has {', '.join(truth.behaviours)}"
            )
        name = said or by_plain.get(_plain(behaviour))
        if name is not None:
            found[behaviour] = name
    return found


def evaluate(
    decided: Decided,
    truths: Sequence[Annotations],
    chosen: Mapping[str, str] | None = None,
    frames: tuple[int, int] | None = None,
    subject: str | None = None,
) -> Evaluation:
    """Compare what was decided with what people saw.

    Args:
        decided: What the pipeline said.
        truths: What each rater saw of the same video.
        chosen: What the files call a behaviour, by the experiment's name, if it is another name.
        frames: The stretch to judge, from and to (exclusive); None: all that both know.
        subject: Whose bouts count, or which stream, as the files call it; None: each behaviour's
            own subject, if the files know it.

    Raises:
        ConfigError: If no rater knows any behaviour of the experiment, or the subject.
    """
    watched = decided.experiment.behaviours
    known = [names_in(truth, tuple(watched), chosen or {}) for truth in truths]
    if not any(known):
        there = ", ".join(dict.fromkeys(name for each in truths for name in each.behaviours))
        raise ConfigError(
            f"no rater names a behaviour of the experiment ({', '.join(watched)}); they name "
            f"{there}: say which is which (--behaviour freezing=Freezing)"
        )
    _refuse_unknown_subject(truths, subject)
    first, after, notes = _stretch(decided, truths, frames)
    by_rater: dict[str, dict[str, Agreement]] = {}
    for name, settings in watched.items():
        told = told_of(decided.episodes, name)
        raters = {
            truth.rater: agreement(
                told,
                truth.of(names[name], subject or settings.subject),
                (first, after),
                decided.fps,
                is_point=settings.episode.kind == "point",
            )
            for truth, names in zip(truths, known, strict=True)
            if name in names
        }
        if raters:
            by_rater[name] = raters
    return Evaluation(
        frames=(first, after),
        fps=decided.fps,
        by_rater=by_rater,
        raters={
            name: between_raters(
                {
                    truth.rater: truth.of(names[name], subject or watched[name].subject)
                    for truth, names in zip(truths, known, strict=True)
                    if name in names
                },
                (first, after),
                decided.fps,
            )
            for name in by_rater
        },
        abstained={name: _abstained(decided, name) for name in watched},
        delay_ms={name: _delay_ms(decided, name) for name in watched},
        notes=(*decided.notes, *(note for each in truths for note in each.notes), *notes),
    )


def between_raters(
    bouts: Mapping[str, Sequence[Bout]], frames: tuple[int, int], fps: float
) -> dict[str, dict[str, Any]]:
    """Return how each two raters agree, by "one / other": frame and episode F1, and kappa."""
    found = {}
    for one, other in combinations(bouts, 2):
        told = [Told(bout.first, bout.last, bout.first) for bout in bouts[one]]
        each = agreement(told, bouts[other], frames, fps)
        masks = [covered(bouts[name], frames[1])[frames[0] :] for name in (one, other)]
        found[f"{one} / {other}"] = {
            "frame_f1": each.as_dict()["frame_f1"],
            "episode_f1": each.as_dict()["episode_f1"],
            "kappa": None if math.isnan(shared := kappa(*masks)) else shared,
        }
    return found


def told_of(episodes: Sequence[Episode], behaviour: str) -> list[Told]:
    """Return the episodes of a behaviour as they are compared."""
    return [
        Told(each.onset.onset_index, each.end_index, each.onset.confirmed_index)
        for each in episodes
        if each.onset.behaviour == behaviour
    ]


def _refuse_unknown_subject(truths: Sequence[Annotations], subject: str | None) -> None:
    for truth in truths:
        known = {bout.subject for bout in truth.bouts} - {""}
        if subject is not None and known and subject not in known:
            raise ConfigError(
                f"{truth.path} knows no subject {subject!r}: it has {', '.join(sorted(known))}"
            )


def _stretch(
    decided: Decided, truths: Sequence[Annotations], frames: tuple[int, int] | None
) -> tuple[int, int, list[str]]:
    """Return the frames that are judged, and what is to be said of it."""
    known = [truth.n_frames for truth in truths if truth.n_frames is not None]
    longest = min([decided.n_frames, *known])
    notes = [
        f"{truth.path.name} goes on to frame {truth.bouts[-1].last}, but only {longest} frames "
        f"are known to all: the rest was cut off"
        for truth in truths
        if truth.bouts and max(bout.last for bout in truth.bouts) >= longest
    ]
    if known and max(known) != decided.n_frames:
        notes.append(
            f"the tracks have {decided.n_frames} frames, the annotations {max(known)}: are they of "
            f"one video?"
        )
    first, after = frames or (0, longest)
    if not 0 <= first < min(after, longest):
        raise ConfigError(f"frames {first} to {after} are not there: there are {longest}")
    return first, min(after, longest), notes


def _abstained(decided: Decided, name: str) -> dict[str, Any]:
    scores = decided.scores[name]
    share = float(np.isnan(scores).mean()) if len(scores) else 0.0
    return {"share": share, "missing": decided.missing[name]}


def _delay_ms(decided: Decided, name: str) -> float | None:
    delays = sorted(
        each.onset.confirmed_ns - each.onset.onset_ns
        for each in decided.episodes
        if each.onset.behaviour == name
    )
    return delays[len(delays) // 2] / 1e6 if delays else None


def _plain(name: str) -> str:
    return "".join(name.split()).replace("_", "").casefold()
