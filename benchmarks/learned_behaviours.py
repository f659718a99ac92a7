"""Classifiers of behaviours on the sessions that their recipe holds out, frame by frame.

    python benchmarks/learned_behaviours.py classifiers/rats_social/recipe.yaml --data DATA

The classifier that lies beside the recipe, as it runs live; and boosted trees on the same inputs,
trained here, whose windows look back, or lie around each moment: what looking back costs.
"""

from pathlib import Path
from typing import Any

import numpy as np
from common import arguments, report
from rich.progress import Progress

from tracker.learning.behaviours.judging import Judged, judge
from tracker.learning.behaviours.measuring import HOLD_OUT, VALIDATE, Session, measure
from tracker.learning.behaviours.recipe import (
    BehaviourRecipe,
    TreesModel,
    read_behaviour_recipe,
)
from tracker.learning.behaviours.train import FILE, judge_part, learn, progress_bar
from tracker.runtimes.classifier import Classifier

TREES = TreesModel(kind="trees", iterations=100, every=5)


def main() -> None:
    parser = arguments(__doc__ or "", rounds=1)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--data", type=Path, help="folder of the data sets; default: the recipe's")
    asked = parser.parse_args()
    recipe = read_behaviour_recipe(asked.recipe)
    folder = asked.recipe.parent
    with progress_bar() as bar:
        task = bar.add_task("measuring", total=None)
        sessions, about = measure(
            recipe,
            folder,
            asked.data or folder / recipe.data,
            lambda done, of: bar.update(task, completed=done, total=of),
        )
        rows = rows_of(recipe, sessions, about, folder / FILE, bar)
    report(f"{recipe.name}: F1 over frames, held-out sessions", rows, asked.json)


def rows_of(
    recipe: BehaviourRecipe, sessions: list[Session], about: Any, file: Path, bar: Progress
) -> list[dict[str, Any]]:
    rows = []
    if file.is_file():
        rows.append(
            row_of(f"{file.parent.name}, looking back", recipe, judged(recipe, sessions, file))
        )
    plan = recipe.model_copy(update={"model": TREES})
    for name, centred in (("trees, looking back", False), ("trees, centred", True)):
        learned = learn(plan, sessions, about, bar, centred=centred)
        rows.append(row_of(name, plan, judge_part(plan, sessions, learned, HOLD_OUT)))
        bar.console.print(f"{name}: {judge_part(plan, sessions, learned, VALIDATE).macro_f1:.3f} "
                          f"on the sessions for validation")  # fmt: skip
    return rows


def judged(recipe: BehaviourRecipe, sessions: list[Session], file: Path) -> Judged:
    """Judge the file itself, step by step."""
    classifier, chosen, answers = Classifier(file), [], []
    for session in sessions:
        if session.part == HOLD_OUT:
            classifier.reset()
            told = [int(classifier.step(row)[0].argmax()) for row in session.inputs]
            chosen.append(session)
            answers.append(np.array(told, np.int64))
    return judge(chosen, answers, len(recipe.classes), round(recipe.warm_up_s / recipe.step_s))


def row_of(name: str, recipe: BehaviourRecipe, found: Judged) -> dict[str, Any]:
    scores = dict(zip(recipe.classes, map(float, found.f1), strict=True))
    return {"": name, "macro": found.macro_f1} | scores


if __name__ == "__main__":
    main()
