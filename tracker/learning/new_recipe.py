"""Write a first recipe for somebody's labelled images, with what the images themselves say."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from tracker.errors import TrainingError
from tracker.learning.data.discover import survey
from tracker.learning.data.formats import read_source
from tracker.learning.recipe import GRAIN, FileSource, read_recipe
from tracker.learning.samples import Sample, Wanted, median_of

HELD_OUT_SHARE = 0.2
"""Of the images, at least, are kept to judge by; whole groups at a time."""

SEARCHED_PX = 36.0
"""Extent that an animal should have in a whole-frame input: enough to find it by."""

FOLLOWED_PX, CROP_PX = 64.0, 128
"""Extent that a followed animal gets in a crop, and the crop's side (px of the input)."""

SMALL = 0.5
"""An animal below this share of the longer side of the image is worth a crop."""

RARE_SHARE = 0.05
"""Of the images; a label that fewer of them have is left out."""

SIDES = (("left", "right"), ("Left", "Right"), ("LEFT", "RIGHT"), ("L", "R"), ("l", "r"))
"""Words by which names of keypoints that change places in a mirror image differ."""


@dataclass(frozen=True, slots=True)
class NewRecipe:
    """What was written.

    Attributes:
        path: The recipe.
        images: Labelled images.
        groups: Groups of them that the split keeps together.
        held_out: Those kept to judge by.
        keypoints: Names.
        left_out: Labels that are too rare to be learnt.
    """

    path: Path
    images: int
    groups: int
    held_out: tuple[str, ...]
    keypoints: tuple[str, ...]
    left_out: tuple[str, ...]


def new_recipe(folder: Path, out: Path) -> NewRecipe:
    """Look through the labelled images of a folder and write `recipe.yaml` for them into `out`.

    Keypoints, their sides, the skeleton (from DeepLabCut's `config.yaml`), number and size of
    the animals, sizes of the input and the split all come from the data; every choice can be
    changed in the file.

    Args:
        folder: A DeepLabCut project, or any folder with labelled images that `discover` knows.
        out: Made if it is not there.

    Raises:
        TrainingError: If there are no labelled keypoints, faults in the data, or already a
            recipe in `out`.
    """
    path = out / "recipe.yaml"
    if path.exists():
        raise TrainingError(f"{path} is there already: name another folder with --out")
    sources = survey(folder)
    labels = tuple(dict.fromkeys(name for source in sources for name in source.keypoints))
    read = _read(folder, sources, labels)
    keypoints = _often_enough(labels, [sample for _, samples in read for sample in samples])
    if not keypoints:
        raise TrainingError(f"no labelled keypoints in {folder}: a recipe for them is made by hand")
    splits = [split_of(samples) for _, samples in read]
    content = _content(folder, out, read, splits, keypoints)
    out.mkdir(parents=True, exist_ok=True)
    yaml = YAML()
    yaml.width = 100
    yaml.representer.ignore_aliases = lambda _: True
    with path.open("w", encoding="utf-8") as file:
        yaml.dump(content, file)
    read_recipe(path)
    return NewRecipe(
        path=path,
        images=sum(len(samples) for _, samples in read),
        groups=sum(split.groups for split in splits),
        held_out=tuple(name for split in splits for name in split.hold_out),
        keypoints=keypoints,
        left_out=tuple(name for name in labels if name not in keypoints),
    )


Read = Sequence[tuple[FileSource, Sequence[Sample]]]
"""Each source and its images."""


def _read(folder: Path, sources: Sequence[FileSource], labels: tuple[str, ...]) -> Read:
    faults: list[str] = []
    wanted = Wanted(channels=1, keypoints=labels)
    read = [(source, read_source(source, wanted, folder, faults)) for source in sources]
    if faults:
        listed = "\n".join(f"  {fault}" for fault in faults)
        raise TrainingError(f"the data in {folder} have {len(faults)} fault(s):\n{listed}")
    return read


def _often_enough(labels: Sequence[str], samples: Sequence[Sample]) -> tuple[str, ...]:
    """Labels that at least `RARE_SHARE` of the images have."""
    counts = np.zeros(len(labels), int)
    for sample in samples:
        counts += np.isfinite(sample.xy).all(2).any(0)
    often = counts >= max(1.0, RARE_SHARE * len(samples))
    return tuple(name for name, kept in zip(labels, often, strict=True) if kept)


@dataclass(frozen=True, slots=True)
class GroupSplit:
    """How one data set is split.

    Attributes:
        group: Expression whose first group is the group's name.
        groups: How many there are.
        hold_out: Names of those kept to judge by.
    """

    group: str
    groups: int
    hold_out: tuple[str, ...]


def split_of(samples: Sequence[Sample]) -> GroupSplit:
    """Return a split by session or, where there is but one, by stretches of its frames.

    Neighbouring frames of a video are nearly the same image: to hold out every fifth frame
    would be to judge a network by what it has learnt by heart.

    Raises:
        TrainingError: If there are too few images to hold any out.
    """
    sessions = "^([^/]*)/"
    stretches = [f"^(.*?[0-9]*)[0-9]{{{digits}}}[^0-9/]*$" for digits in (4, 3, 2, 1)]
    for pattern in (sessions, *stretches):
        found = [re.search(pattern, sample.key) for sample in samples]
        names = [match.group(1) for match in found if match]
        if len(names) == len(samples) and len(set(names)) >= (2 if pattern == sessions else 4):
            return GroupSplit(pattern, len(set(names)), tuple(_held_out(names)))
    raise TrainingError(
        f"{len(samples)} image(s) that cannot be told apart by session or number: at least some "
        f"have to be held out to judge by"
    )


def _held_out(names: Sequence[str]) -> Iterator[str]:
    """Groups spread evenly, until they hold `HELD_OUT_SHARE` of the images."""
    counts = Counter(names)
    groups = sorted(counts)
    kept = 0
    every = max(2, round(1 / HELD_OUT_SHARE))
    order = [*groups[1::every], *(name for n, name in enumerate(groups) if n % every != 1)]
    for name in order[:-1]:
        if kept >= HELD_OUT_SHARE * len(names):
            return
        kept += counts[name]
        yield name


def mirrored(keypoints: Sequence[str]) -> list[list[str]]:
    """Return the pairs of names that differ in left and right alone."""
    pairs = []
    for name in keypoints:
        for left, right in SIDES:
            for match in re.finditer(left, name):
                other = name[: match.start()] + right + name[match.end() :]
                if other in keypoints and [name, other] not in pairs:
                    pairs.append([name, other])
    chosen: list[list[str]] = []
    for pair in pairs:
        if not any(name in other for other in chosen for name in pair):
            chosen.append(pair)
    return chosen


def _content(
    folder: Path,
    out: Path,
    read: Read,
    splits: Sequence[GroupSplit],
    keypoints: Sequence[str],
) -> CommentedMap:
    samples = [sample for _, own in read for sample in own]
    several = max((len(sample.xy) for sample in samples), default=1)
    pose: dict[str, Any] = {"keypoints": list(keypoints), "edges": _skeleton(folder, keypoints)}
    if pairs := mirrored(keypoints):
        pose["mirror"] = pairs
    if several > 1:
        pose["max_individuals"] = several
    content = CommentedMap(
        name=out.absolute().name,
        version="1",
        description="",
        licence="not stated",
        data=str(folder.absolute()),
        sources=[
            _source(source, split, keypoints)
            for (source, _), split in zip(read, splits, strict=True)
        ],
        heads={"pose": pose},
        **_sizes(samples, several),
    )
    for key, comment in COMMENTS.items():
        content.yaml_set_comment_before_after_key(key, before=comment)
    return content


COMMENTS = {
    "name": "Everything that decides what the network becomes; `tracker train` makes it.",
    "licence": "\nOf the network; it cannot allow more than the images it learns from.",
    "sources": "\nWhat it learns from. hold_out: groups kept to judge by, whole sessions if there\n"
    "are several; `group` finds the group in '<session>/<image>'.",
    "heads": "\nWhat it sees. mirror: keypoints that change places in a mirror image.",
    "input": "\nlong_side: px of the whole frame as the network gets it. crop: a followed animal.",
    "augmentation": "\nsize_px: extent of the animal in the whole frame as the network gets it.",
    "schedule": "\nMore steps for more images; half an hour on one CPU core for these.",
}


def _source(source: FileSource, split: GroupSplit, keypoints: Sequence[str]) -> dict[str, Any]:
    """Its labels keep their names, so that none need be given."""
    ignored = [name for name in source.keypoints if name not in keypoints]
    plain: dict[str, Any] = {"kind": source.kind, **source.model_dump(exclude_defaults=True)}
    del plain["keypoints"]
    plain |= {"ignore": ignored} if ignored else {}
    return plain | {"group": split.group, "hold_out": list(split.hold_out)}


def _sizes(samples: Sequence[Sample], several: int) -> Mapping[str, Any]:
    """Sizes of input and canvas, from those of images and animals."""
    long = float(np.median([max(sample.image.shape[:2]) for sample in samples]))
    size = median_of([sample.size_px for sample in samples])
    if not np.isfinite(size):  # one keypoint has no extent
        size = long / 8
    side = GRAIN * int(
        np.clip(np.ceil(SEARCHED_PX * long / size / GRAIN), 192 / GRAIN, 640 / GRAIN)
    )
    inputs: dict[str, Any] = {"long_side": side}
    if several == 1 and size < SMALL * long:
        inputs["crop"] = {"side": CROP_PX, "animal_px": FOLLOWED_PX}
    seen = size * side / long
    canvas = GRAIN * int(np.clip(np.ceil(3 * seen / GRAIN), 160 / GRAIN, side / GRAIN))
    augmentation: dict[str, Any] = {"size_px": [round(0.7 * seen, 1), round(1.4 * seen, 1)]}
    if seen > SMALL * side:  # it fills the image
        augmentation = {"size_px": [round(0.9 * seen, 1), round(1.1 * seen, 1)], "spread": 0.06}
        augmentation |= {"rotation_deg": 15, "flip": False, "absent": 0}
    return {
        "input": inputs,
        "augmentation": augmentation,
        "schedule": {"steps": 4000, "batch": 16 if several == 1 else 8, "canvas": [canvas, canvas]},
    }


def _skeleton(folder: Path, keypoints: Sequence[str]) -> list[list[str]]:
    """The skeleton of a DeepLabCut project, as far as its keypoints are known; else none."""
    config = folder / "config.yaml"
    if not config.is_file():
        return []
    try:
        content = YAML(typ="safe", pure=True).load(config.read_text(encoding="utf-8"))
    except (YAMLError, UnicodeDecodeError):
        return []
    lines = content.get("skeleton") if isinstance(content, Mapping) else None
    return [
        [str(end) for end in line]
        for line in lines or ()
        if isinstance(line, Sequence) and len(line) == 2 and all(end in keypoints for end in line)
    ]
