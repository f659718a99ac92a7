"""The features and behaviours of an experiment → what measures and looks for them."""

from collections.abc import Mapping, Sequence

from tracker.arena import Arena
from tracker.behaviours.learned import LearnedRule
from tracker.build_classifiers import Classifiers
from tracker.config import Experiment
from tracker.controllers.level import LevelSettings
from tracker.episodes import EpisodeBuilder
from tracker.errors import UnknownName
from tracker.ethogram import catalogue_of, make_behaviour, wanted_by
from tracker.features import FeatureExtractor
from tracker.features.catalogue import CLASS, Catalogue, Quantity
from tracker.observers.lamps import lamp_measure
from tracker.pipeline import Watch
from tracker.types import Skeleton


def build_catalogue(experiment: Experiment, skeleton: Skeleton | None) -> Catalogue:
    """Return what there is to measure in an experiment.

    Args:
        experiment: Checked settings.
        skeleton: Keypoints of the observations; None: not known.

    Raises:
        ConfigError: If a user's own file of features cannot be used.
    """
    measures = [lamp_measure(name) for name in experiment.rig.lamps]
    return catalogue_of(
        experiment.features,
        experiment.rig.arena,
        skeleton,
        measures,
        animals=experiment.tracking.known_names,
    )


def wanted_features(experiment: Experiment, catalogue: Catalogue) -> list[Quantity]:
    """Return what rules, classifiers and controllers look at.

    Raises:
        ConfigError: If a rule cannot be used.
        ModelError: If a classifier cannot be used.
    """
    wanted = wanted_by(experiment.behaviours, catalogue)
    wanted += Classifiers(experiment).wanted(catalogue)
    controllers = experiment.stimulation.controllers if experiment.stimulation else {}
    for name, controller in controllers.items():
        if isinstance(controller, LevelSettings):
            try:
                wanted.append(catalogue.find_text(controller.feature, f"controller {name!r}"))
            except UnknownName:
                continue  # the controller itself says so, with the names that there are
    return wanted


def build_features(
    experiment: Experiment,
    skeleton: Skeleton,
    catalogue: Catalogue,
    only: Sequence[str] | None = None,
) -> FeatureExtractor:
    """Return what measures the features of an experiment.

    Args:
        experiment: Checked settings.
        skeleton: Keypoints of the observations.
        catalogue: What there is to measure.
        only: Those to measure besides what is written down; None: what the experiment needs.

    Raises:
        ConfigError: If it names one that is not there.
    """
    return FeatureExtractor(
        experiment.features,
        skeleton,
        Arena(experiment.rig.arena),
        wanted=wanted_features(experiment, catalogue)
        if only is None
        else [catalogue.find_text(text, "inputs") for text in only],
        catalogue=catalogue,
    )


def build_watches(
    experiment: Experiment,
    features: Sequence[str],
    group_delay_s: Mapping[str, float],
    catalogue: Catalogue | None = None,
    skeleton: Skeleton | None = None,
) -> list[Watch]:
    """Return the behaviours of an experiment, each with what turns it into episodes.

    Args:
        experiment: Checked settings.
        features: Names of all features there are.
        group_delay_s: How far each of them lags (s).
        catalogue: What there is to measure; None: it is made, and any name may be a keypoint.
        skeleton: Keypoints, which a classifier must have been trained on; None: not known.

    Raises:
        ConfigError: If a rule names a feature or a zone that is not there, or a classifier was
            trained on other keypoints or units.
        ModelError: If a classifier cannot be used.
    """
    catalogue = catalogue or build_catalogue(experiment, None)
    names = list(experiment.behaviours)
    classifiers = Classifiers(experiment)
    return [
        Watch(
            classifiers.behaviour(name, catalogue, skeleton, group_delay_s)
            if isinstance(watched.rule, LearnedRule)
            else make_behaviour(name, watched, catalogue, features, group_delay_s, names[:place]),
            EpisodeBuilder(name, watched.subject or experiment.session.subject, watched.episode),
            watched.exclusive,
        )
        for place, (name, watched) in enumerate(experiment.behaviours.items())
    ]


def masks_wanted(experiment: Experiment, skeleton: Skeleton) -> tuple[str, ...]:
    """Return the measures of masks that features are read from.

    Raises:
        ConfigError: If a rule cannot be used.
    """
    catalogue = build_catalogue(experiment, skeleton)
    recorded = experiment.features.recorded or ()
    chosen = [catalogue.find_text(text, "features.recorded") for text in recorded]
    found = [each.mask for each in (*chosen, *wanted_features(experiment, catalogue))]
    return tuple(dict.fromkeys(each for each in found if each is not None))


def refuse_unknown_classes(
    experiment: Experiment, skeleton: Skeleton, known: Sequence[str]
) -> None:
    """Refuse behaviours that are classes which the network does not have.

    Raises:
        ConfigError: Naming the class, and those that there are.
    """
    catalogue = build_catalogue(experiment, skeleton)
    for each in wanted_features(experiment, catalogue):
        if each.name.startswith(CLASS) and each.name.removeprefix(CLASS) not in known:
            where = f"behaviours, network {experiment.seen_by}"
            raise UnknownName(where, "class", each.name.removeprefix(CLASS), known)
