"""What would have been decided with other settings: on what was seen, frame by frame, live."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tracker.build_watches import masks_wanted
from tracker.config import Experiment
from tracker.observers.lamps import lamp_measure
from tracker.parity.match import Agreement, agreement
from tracker.parity.price import captured_frames, live_episodes
from tracker.recording import Recording
from tracker.replay import Rerun
from tracker.replay.rerun import decided_rows
from tracker.stimuli import Action
from tracker.types import Episode


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What other settings change.

    Attributes:
        agreements: Live against the other settings, one per behaviour of either.
        stimuli: What was asked for live, and what would have been, by controller; stops are none.
        notes: What limits the comparison.
    """

    agreements: tuple[Agreement, ...]
    stimuli: Mapping[str, tuple[int, int]]
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the same, JSON-ready but for NaN."""
        return asdict(self)


def what_if(
    recording: Recording,
    experiment: Experiment,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> WhatIf:
    """Decide a session again with other settings, on what was seen live.

    Of the settings count those of arena, features, behaviours and controllers. Camera and network
    are as they were.

    Args:
        recording: A session.
        experiment: The other settings.
        progress: Told how many frames are done, and of how many.

    Raises:
        RecordingError: If something that is needed is missing.
        ConfigError: If the settings name something that is not there.
    """
    rerun = Rerun(recording, experiment)
    episodes: list[Episode] = []
    asked: Counter[str] = Counter()
    for done, (result, commands) in enumerate(rerun.steps(), start=1):
        episodes += [each for each in result.events if isinstance(each, Episode)]
        asked.update(each.controller for each in commands if each.action is not Action.STOP)
        if done % 256 == 0:
            progress(done, rerun.n_frames)
    episodes += rerun.finish()
    commands_live = [row.command for row in decided_rows(recording)]
    live = Counter(each.controller for each in commands_live if each.action is not Action.STOP)
    known = recording.session["behaviours"]
    frames = captured_frames(recording)
    return WhatIf(
        agreements=tuple(
            agreement(name, live_episodes(recording), episodes, frames)
            for name in dict.fromkeys([*known, *experiment.behaviours])
        ),
        stimuli={name: (live[name], asked[name]) for name in dict.fromkeys([*live, *asked])},
        notes=(*_not_measured(recording, experiment), *rerun.notes),
    )


def _not_measured(recording: Recording, experiment: Experiment) -> list[str]:
    """Say which lamps and masks nobody measured live: what is read from them is not known."""
    rows = recording.observations["measures"].slice(0, 1).to_pylist()
    seen = {name for row in rows for name, _ in row}
    lamps = [lamp_measure(name) for name in experiment.rig.lamps]
    wanted = [*lamps, *masks_wanted(experiment, recording.skeleton)]
    return [
        f"{name} was not measured live: it is not known"
        for name in dict.fromkeys(wanted)
        if name not in seen
    ]
