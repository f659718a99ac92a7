"""From a recipe of behaviours to a classifier's file: `train_behaviours`."""

import importlib.util
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from ruamel.yaml import YAML

from tracker.errors import MissingExtra
from tracker.learning.behaviours.judging import (
    Judged,
    calibration_error,
    fitted_temperature,
    judge,
    reliability_of,
)
from tracker.learning.behaviours.measuring import (
    HOLD_OUT,
    TRAIN,
    VALIDATE,
    About,
    Session,
    measure,
    units_by_input,
)
from tracker.learning.behaviours.recipe import (
    BehaviourRecipe,
    GruModel,
    TreesModel,
    read_behaviour_recipe,
)
from tracker.learning.behaviours.scaling import Scaling, letters_in, scaling_of
from tracker.learning.stopping import stop_on_signal
from tracker.runtimes.classifier_card import ClassifierCard

if TYPE_CHECKING:
    from tracker.learning.behaviours.gru import GruTraining
    from tracker.learning.behaviours.trees import TreesTraining

FILE = "classifier.onnx"

FPS_RANGE = 0.8, 1.25
"""How much slower and faster than the training data a session's frames may come."""

NEEDED = ("torch", "onnx", "sklearn", "pandas")


@dataclass(frozen=True, slots=True)
class TrainedBehaviours:
    """What training left.

    Attributes:
        file: The classifier.
        card: What it says of itself; also beside it as `card.yaml`.
    """

    file: Path
    card: ClassifierCard


def train_behaviours(
    recipe: Path, *, out: Path | None = None, data: Path | None = None
) -> TrainedBehaviours:
    """Train a classifier; write `classifier.onnx`, `card.yaml` and `reliability.png`.

    Args:
        recipe: The YAML file.
        out: Folder for the results; by default the recipe's own. Made if it is not there.
        data: Folder of the data sets, in place of the recipe's.

    Raises:
        MissingExtra: If a library of the extra `train` is not installed.
        TrainingStopped: If Ctrl-C was pressed.
        TrainingError: If the recipe or its data are wrong, or the exported file differs.
        TrackerError: If a file of tracks or annotations cannot be used.
    """
    if not all(importlib.util.find_spec(name) for name in NEEDED):
        raise MissingExtra("train", "training")
    plan = read_behaviour_recipe(recipe)
    folder = out or recipe.parent
    with progress_bar() as bar:
        task = bar.add_task("measuring", total=None)
        sessions, about = measure(
            plan,
            recipe.parent,
            data or recipe.parent / plan.data,
            lambda done, of: bar.update(task, completed=done, total=of),
        )
        learned = learn(plan, sessions, about, bar)
    folder.mkdir(parents=True, exist_ok=True)
    card = _keep(plan, sessions, about, learned, folder)
    return TrainedBehaviours(folder / FILE, card)


def progress_bar() -> Progress:
    """Return a bar on stderr."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """A trained model, not yet written.

    Attributes:
        training: What holds it.
        scaling: Of its inputs.
        temperature: That its logits are divided by.
    """

    training: "GruTraining | TreesTraining"
    scaling: Scaling
    temperature: float

    def probability(self, session: Session) -> NDArray[np.float32]:
        """Return the probability of each class, at every step: float32, (steps, classes)."""
        scaled = self.training.logits(session).astype(np.float64) / self.temperature
        scaled = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        return np.asarray(scaled / scaled.sum(axis=1, keepdims=True), np.float32)


def learn(
    plan: BehaviourRecipe,
    sessions: Sequence[Session],
    about: About,
    bar: Progress,
    *,
    centred: bool = False,
) -> Learned:
    """Train the model of a recipe and calibrate it on the sessions for validation.

    Args:
        plan: The recipe.
        sessions: Measured.
        about: What they share.
        bar: Shows how far it is.
        centred: Trees whose windows lie around each step; others look back in any case.

    Raises:
        TrainingStopped: If Ctrl-C was pressed.
        TrainingError: If a class or an input is missing in the sessions to learn from.
    """
    from tracker.learning.behaviours import gru, trees

    scaling = scaling_of(np.concatenate([s.inputs for s in _of(sessions, TRAIN)]), about.units)
    task = bar.add_task(f"training {plan.name}", total=plan.model.iterations)

    def tell(done: int, loss: float, best: float) -> None:
        state = "" if math.isnan(loss) else f", loss {loss:.3f}, best F1 {max(best, 0):.3f}"
        bar.update(task, completed=done, description=f"training {plan.name}{state}")

    training: gru.GruTraining | trees.TreesTraining
    match plan.model:
        case GruModel():
            training = gru.GruTraining(plan, plan.model, sessions, scaling, about.units)
            with stop_on_signal() as stop:
                training.run(tell, stop)
        case TreesModel():
            training = trees.TreesTraining(plan, plan.model, centred=centred)
            training.run(sessions, tell)
    chosen = _of(sessions, VALIDATE)
    logits = np.concatenate([training.logits(each) for each in chosen])
    labels = np.concatenate([each.labels for each in chosen])
    return Learned(training, scaling, fitted_temperature(logits, labels))


def judge_part(
    plan: BehaviourRecipe, sessions: Sequence[Session], learned: Learned, part: str
) -> Judged:
    """Judge a model on the sessions of one part, frame by frame."""
    chosen = _of(sessions, part)
    answers = [learned.probability(each).argmax(axis=1) for each in chosen]
    return judge(chosen, answers, len(plan.classes), round(plan.warm_up_s / plan.step_s))


def _keep(
    plan: BehaviourRecipe,
    sessions: Sequence[Session],
    about: About,
    learned: Learned,
    folder: Path,
) -> ClassifierCard:
    """Write the file, once it gives the answers of training, and what belongs to it."""
    from tracker.learning.behaviours import export
    from tracker.learning.behaviours.gru import GruTraining

    partial = folder / "classifier.part.onnx"
    training, scaling = learned.training, learned.scaling
    if isinstance(training, GruTraining):
        export.export_gru(training, scaling, learned.temperature, partial)
    else:
        n_classes = len(plan.classes)
        export.export_trees(training, scaling, n_classes, learned.temperature, partial)
    held_out = _of(sessions, HOLD_OUT)
    probabilities = [learned.probability(each) for each in held_out]
    reliability = reliability_of(
        np.concatenate(probabilities), np.concatenate([each.labels for each in held_out])
    )
    card = _card(plan, about, learned, reliability, judge_part(plan, sessions, learned, HOLD_OUT))
    try:
        export.set_card(card, partial)
        export.compare(partial, held_out[0].inputs, probabilities[0])
        partial.replace(folder / FILE)
    finally:
        partial.unlink(missing_ok=True)
    _write_card(card, folder / "card.yaml")
    _draw_reliability(card, folder / "reliability.png")
    return card


def _card(
    plan: BehaviourRecipe, about: About, learned: Learned, reliability: Any, judged: Judged
) -> ClassifierCard:
    rates = [each.fps for each in plan.sessions]
    scores = {"macro_f1": judged.macro_f1}
    scores |= {f"f1_{name}": value for name, value in zip(plan.classes, judged.f1, strict=True)}
    scores["calibration_error"] = calibration_error(reliability)
    return ClassifierCard(
        name=plan.name,
        version=plan.version,
        description=plan.description,
        kind=plan.model.kind,
        inputs=units_by_input(plan, about),
        classes=plan.classes,
        keypoints=about.keypoints,
        animals=_animals(plan),
        measured=about.measured,
        step_s=plan.step_s,
        fps=(round(min(rates) * FPS_RANGE[0], 3), round(max(rates) * FPS_RANGE[1], 3)),
        warm_up_s=plan.warm_up_s,
        blind_s=plan.blind_s,
        blank_state="zero" if isinstance(plan.model, GruModel) else "nan",
        temperature=round(learned.temperature, 4),
        reliability=reliability,
        trained_on=tuple(
            f"{each.name}, {each.licence}; held out: {', '.join(each.hold_out)}; chosen on: "
            f"{', '.join(each.validate_on)}"
            for each in plan.sessions
        ),
        training_sha256=about.sha256,
        licence=plan.licence,
        scores={name: round(value, 4) for name, value in scores.items() if math.isfinite(value)},
    )


def _animals(plan: BehaviourRecipe) -> tuple[str, ...]:
    """Return the letters of the animals that the inputs name, from a to the last one."""
    found = [letter for each in plan.inputs for letter in letters_in(each)]
    last = max(found, default="a")
    return tuple(each for each in "abcdefghij" if each <= last)


def _of(sessions: Sequence[Session], part: str) -> list[Session]:
    return [each for each in sessions if each.part == part]


def _write_card(card: ClassifierCard, path: Path) -> None:
    yaml = YAML(pure=True)
    yaml.width = 100
    with path.open("w", encoding="utf-8") as file:
        file.write("# What classifier.onnx says of itself; written by training, read by people.\n")
        yaml.dump(card.model_dump(mode="json"), file)


def _draw_reliability(card: ClassifierCard, path: Path) -> None:
    """Draw how often a class was right against the probability that it was given."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.7", lw=1)
    said = [each.said for each in card.reliability]
    axes.plot(said, [each.seen for each in card.reliability], "o-", color="#0072b2")
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="probability that was given",
             ylabel="share in which it was right")  # fmt: skip
    axes.set_title(f"{card.name}, held-out sessions", fontsize=9)
    FigureCanvasAgg(figure).print_png(str(path))
