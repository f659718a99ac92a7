"""Why a replay may come out otherwise than what was live: what is known to have changed."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tracker.config import Experiment
from tracker.provenance import provenance
from tracker.recording import Recording
from tracker.replay.compare import Found
from tracker.replay.rerun import Rerun, Source, controller_facts, not_in_video, seeds_of
from tracker.replay.verdict import Cause, Difference, Kind, Why
from tracker.session_folder import files as names

_OF_PROVIDER = ("library", "provider", "precision", "threads")
_OF_MODEL = (
    "sha256",
    "network",
    "min_confidence",
    "crop",
    "search_every",
    "abstain",
    "empty_sha256",
)

LIKELY: Mapping[Kind, tuple[Why, ...]] = {
    Kind.FRAME: (),
    Kind.OBSERVATION: (
        Why.CODEC,
        Why.NOT_IN_VIDEO,
        Why.MODEL,
        Why.PROVIDER,
        Why.CONFIG,
        Why.CODE,
        Why.LIBRARIES,
        Why.MACHINE,
    ),
    Kind.FEATURE: (Why.CONFIG, Why.CODE, Why.LIBRARIES),
    Kind.EPISODE: (Why.CONFIG, Why.CODE, Why.LIBRARIES),
    Kind.STIMULUS: (Why.CONFIG, Why.SEED, Why.YOKE, Why.CODE, Why.LIBRARIES),
}
"""Which causes count for which kind of difference, the likeliest first."""


def what_changed(
    recording: Recording, experiment: Experiment, rerun: Rerun, source: Source
) -> tuple[Cause, ...]:
    """Return what is known to be otherwise than live, whether it made a difference or not."""
    then = recording.session["provenance"]
    now = provenance(experiment, {"sha256": None, **rerun.observer_facts})
    found = [
        *_settings(recording, experiment),
        *_versions(then, now),
        *_schedules(recording, rerun),
    ]
    found += [Cause(Why.YOKE, note) for note in rerun.notes]
    if source is Source.VIDEO:
        found += _video(recording)
        found += _network(then.get("model", {}), rerun.observer_facts)
        if then.get("machine") != now["machine"]:
            found.append(Cause(Why.MACHINE, f"it ran on another machine: {then.get('machine')}"))
    return tuple(found)


def with_causes(found: Found, causes: Sequence[Cause]) -> tuple[Difference, ...]:
    """Return the differences, each with why it may be there.

    What comes at or after a difference of an earlier kind follows from it. What nothing explains
    is the file's: it says something else than what was written live.
    """
    known = {cause.why for cause in causes}
    return tuple(
        replace(each, causes=_causes_of(each, found, known)) for each in _sorted(found.kept)
    )


def _causes_of(difference: Difference, found: Found, known: set[Why]) -> tuple[Why, ...]:
    kinds = list(Kind)
    for kind in kinds[: kinds.index(difference.kind)]:
        first = found.first_frame(kind)
        at = difference.frame
        if first is not None and (at is None or first <= at) and kind is not Kind.FRAME:
            return (Why.FOLLOWS,)
    likely = tuple(why for why in LIKELY[difference.kind] if why in known)
    if likely:
        return likely
    if difference.kind is Kind.FEATURE:
        return Why.FILE_CHANGED, Why.NOT_RECORDED
    return (Why.FILE_CHANGED,)


def _sorted(differences: Sequence[Difference]) -> list[Difference]:
    kinds = list(Kind)
    return sorted(differences, key=lambda each: kinds.index(each.kind))


def _settings(recording: Recording, experiment: Experiment) -> Iterator[Cause]:
    content = (recording.folder / names.EXPERIMENT).read_bytes()
    if hashlib.sha256(content).hexdigest() != recording.session["experiment_sha256"]:
        yield Cause(Why.CONFIG, f"{names.EXPERIMENT} was changed since the session began")
    elif experiment.sha256 != recording.session["provenance"]["config_sha256"]:
        text = "this version of tracker has other settings, or other defaults of settings"
        yield Cause(Why.CONFIG, text)


def _versions(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Cause]:
    if then.get("code_sha256") != now["code_sha256"]:
        text = f"other code: it ran with tracker {then.get('tracker')}, here is {now['tracker']}"
        yield Cause(Why.CODE, text)
    for name, sha256 in then.get("classifiers", {}).items():
        if now["classifiers"].get(name) != sha256:
            yield Cause(Why.CODE, f"the classifier {name} was another one then")
    for file, sha256 in then.get("feature_files", {}).items():
        if now["feature_files"].get(file) != sha256:
            yield Cause(Why.CODE, f"the features of {file} were others then")
    old, new = then.get("libraries", {}), now["libraries"]
    changed = [
        f"{name} {old.get(name, '(none)')}, here {new.get(name, '(none)')}"
        for name in dict.fromkeys([*old, *new])
        if old.get(name) != new.get(name)
    ]
    if changed:
        yield Cause(Why.LIBRARIES, f"other libraries: {'; '.join(changed)}")


def _schedules(recording: Recording, rerun: Rerun) -> Iterator[Cause]:
    """Seeds that are not there, and schedules that are not those of then."""
    seeds, then = seeds_of(recording), controller_facts(recording)
    for controller in rerun.controllers:
        live, again = then.get(controller.name, {}), controller.facts
        needs_seed = "schedule_sha256" in again or "seed" in again
        if needs_seed and controller.name not in seeds:
            text = f"the seed of controller {controller.name} is not in the folder"
            yield Cause(Why.SEED, text)
        elif live.get("schedule_sha256") != again.get("schedule_sha256"):
            text = f"the seed of controller {controller.name} does not give the schedule of then"
            yield Cause(Why.SEED, text)


def _video(recording: Recording) -> Iterator[Cause]:
    codec = recording.session["recorder"]["codec"]
    if codec != "ffv1":
        yield Cause(Why.CODEC, f"the video is {codec}, which keeps the look and not every pixel")
    missing = not_in_video(recording)
    if missing:
        text = (
            f"{len(missing)} frames were processed and are not in the video, the first is "
            f"{missing[0]}: they are taken as they were seen live"
        )
        yield Cause(Why.NOT_IN_VIDEO, text)


def _network(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Cause]:
    for why, facts in ((Why.MODEL, _OF_MODEL), (Why.PROVIDER, _OF_PROVIDER)):
        changed = [
            f"{name} {then.get(name)}, here {now.get(name)}"
            for name in facts
            if then.get(name) != now.get(name)
        ]
        if changed:
            yield Cause(why, f"other {why}: {'; '.join(changed)}")
