"""Animals so plain that a tiny network learns them in seconds: a bar, light in front, dark behind.

Written as COCO (keypoints and outlines) and as a table (a class, a quantity).
"""

import csv
import json

import cv2
import numpy as np

SIDE = 96  # px, height and width of each image
LENGTH = 20  # px, from head to tail
SHIFT = 4  # fractional bits, so that what is drawn lies where its label says
FLOOR, BODY, HEAD, TAIL = 120, 60, 235, 5  # grey values


def draw_animals(rng, n, side=SIDE):
    """An image of n animals that do not touch.

    Returns:
        The image; keypoints head and tail, (n, 2, 2); outlines, (n, 4, 2); owner,
        uint8 (side, side), 0 nobody, i + 1 animal i.
    """
    middles = _apart(rng, n, side)
    angles = rng.uniform(0, 2 * np.pi, n)
    ways = np.stack([np.cos(angles), np.sin(angles)], 1)
    across = np.stack([-ways[:, 1], ways[:, 0]], 1)
    xy = np.stack([middles + LENGTH / 2 * ways, middles - LENGTH / 2 * ways], 1)
    long, wide = 0.6 * LENGTH * ways, 0.22 * LENGTH * across
    corners = ((1, 1), (1, -1), (-1, -1), (-1, 1))
    outlines = np.stack([middles + a * long + b * wide for a, b in corners], 1)
    image, owner = np.full((side, side), FLOOR, np.uint8), np.zeros((side, side), np.uint8)
    for number, (outline, (head, tail)) in enumerate(zip(outlines, xy, strict=True)):
        fixed = np.round(outline * 2**SHIFT).astype(np.int32)[None]
        cv2.fillPoly(image, fixed, (BODY,), cv2.LINE_AA, SHIFT)
        cv2.fillPoly(owner, fixed, (number + 1,), cv2.LINE_8, SHIFT)
        for (x, y), grey in ((head, HEAD), (tail, TAIL)):
            centre = round(x * 2**SHIFT), round(y * 2**SHIFT)
            cv2.circle(image, centre, 4 * 2**SHIFT, (grey,), -1, cv2.LINE_AA, SHIFT)
    return image, xy.reshape(n, 2, 2), outlines.reshape(n, 4, 2), owner


def _apart(rng, n, side):
    """Middles (n, 2) of animals that are farther apart than they are long."""
    while True:
        middles = rng.uniform(LENGTH, side - LENGTH, (n, 2))
        apart = np.linalg.norm(middles[:, None] - middles[None], axis=2)
        if (apart[~np.eye(n, dtype=bool)] > 1.3 * LENGTH).all():
            return middles


def write_coco(root, counts=(1, 2), sessions=("a", "b", "c"), images=8, seed=0):
    """Write `animals.json` and images `<session>_<number>.png`; `counts` animals in turn."""
    rng = np.random.default_rng(seed)
    content = {"images": [], "annotations": [], "categories": []}
    content["categories"].append({"id": 1, "name": "animal", "keypoints": ["head", "tail"]})
    for session in sessions:
        for number in range(images):
            n = counts[number % len(counts)]
            image, xy, outlines, _ = draw_animals(rng, n)
            name, image_id = f"{session}_{number}.png", len(content["images"]) + 1
            cv2.imwrite(str(root / name), image)
            content["images"].append({"id": image_id, "file_name": name})
            for points, outline in zip(xy, outlines, strict=True):
                annotation = {
                    "id": len(content["annotations"]) + 1,
                    "image_id": image_id,
                    "category_id": 1,
                    # COCO's (0, 0) is the corner of the first pixel in outlines.
                    "segmentation": [(outline + 0.5).ravel().tolist()],
                    "keypoints": [value for x, y in points for value in (x, y, 2)],
                }
                content["annotations"].append(annotation)
    (root / "animals.json").write_text(json.dumps(content), encoding="utf-8")
    return {
        "kind": "coco",
        "name": "animals",
        "path": "animals.json",
        "licence": "CC0-1.0",
        "group": "/(.)_",
        "hold_out": ["c"],
    }


def draw_scene(rng, side=SIDE):
    """An image of 1 or 2 animals by day or by night; the light in percent, and 1 at night."""
    night = int(rng.integers(0, 2))
    light = rng.uniform(30, 50) if night else rng.uniform(80, 100)
    image = draw_animals(rng, int(rng.integers(1, 3)), side)[0]
    return np.round(image * (light / 100)).astype(np.uint8), light, night


def write_table_of_scenes(root, sessions=("a", "b", "c"), images=12, seed=0):
    """Write `scenes.csv` with columns image, night, light, and the images it names."""
    rng = np.random.default_rng(seed)
    with (root / "scenes.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["image", "night", "light"])
        for session in sessions:
            for number in range(images):
                image, light, night = draw_scene(rng)
                name = f"{session}_{number}.png"
                cv2.imwrite(str(root / name), image)
                table.writerow([name, night, f"{light:.2f}"])
    return {
        "kind": "table",
        "name": "scenes",
        "path": "scenes.csv",
        "licence": "CC0-1.0",
        "group": "/(.)_",
        "hold_out": ["c"],
    }
