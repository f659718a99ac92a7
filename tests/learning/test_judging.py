"""Judging by an observer that says what it is told to say."""

import json
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from tracker.learning.judging.judge import judge
from tracker.learning.judging.overlays import RANDOM, WORST, choose, overlay
from tracker.learning.judging.page import by_part, shown, write_page
from tracker.learning.samples import Sample
from tracker.runtimes.base import ModelCard
from tracker.testing.manual_clock import ManualClock
from tracker.types import Masks, Observation

NAN = float("nan")
CARD = ModelCard(name="eyes", version="1", keypoints=("nose", "tail"), edges=((0, 1),))
FULL = CARD.model_copy(
    update={
        "mask_classes": ("mouse",),
        "classes": ("usable", "rearing"),
        "class_thresholds": {"rearing": 0.3},
        "quantities": {"weight": "g"},
        "novelty": True,
    }
)
MOUSE = np.array([[[10, 20], [50, 20]]], np.float32)


def sample(xy=MOUSE, shape=(64, 96), source="lab", **known):
    return Sample(np.full(shape, 120, np.uint8), xy, "a", source, 40.0, "row 1", "a/1.png", **known)


def saw(xy=MOUSE, **more):
    xy = np.asarray(xy, np.float32)
    return Observation(0, 0, xy, np.full(xy.shape[:2], 0.9, np.float32), **more)


class Eyes:
    """Sees, of the n-th frame, the n-th observation; takes 2 ms and notes what it is told."""

    def __init__(self, seen):
        self.clock = ManualClock()
        self.told = []
        self._seen = seen

    def warm_up(self, shape):
        self.told.append(("warm_up", shape))

    def reset(self):
        self.told.append("reset")

    def observe(self, frame):
        self.told.append(frame.index)
        self.clock.advance(2_000_000)
        return self._seen[frame.index]


def judged(samples, seen, card=CARD):
    eyes = Eyes(seen)
    return judge(eyes, card, samples, clock=eyes.clock)


# --- the way of the images


def test_each_image_is_a_new_session_and_each_shape_is_announced_once():
    eyes = Eyes([saw()] * 3)
    wide = sample(shape=(64, 128))
    judge(eyes, CARD, [sample(), wide, sample()], clock=eyes.clock)
    assert eyes.told == [
        ("warm_up", (64, 96)), "reset", 0, "reset", 2, ("warm_up", (64, 128)), "reset", 1,
    ]  # fmt: skip


def test_answers_stay_with_their_samples_whatever_their_shapes():
    far = MOUSE + np.array([0, 30], np.float32)
    judgement = judged([sample(shape=(64, 128)), sample()], [saw(), saw(far)])
    assert [image.pose.error_px.max() for image in judgement.images] == [0, 30]


def test_progress_is_told_after_each_image():
    told = []
    judge(Eyes([saw()] * 2), CARD, [sample()] * 2, progress=told.append)
    assert told == [1, 2]


def test_time_per_image_is_the_median_of_observe():
    assert judged([sample()] * 3, [saw()] * 3).ms_per_image == 2


def test_guessers_are_asked_in_turn_where_a_keypoint_is_missing():
    part = MOUSE.copy()
    part[0, 1] = NAN
    low = saw(MOUSE + np.array([0, 4], np.float32))
    first, second, third = Eyes([low] * 3), Eyes([low] * 3), Eyes([low] * 3)
    first._seen = [low, saw(part), low]
    eyes = Eyes([saw(), saw(part), saw(part)])
    judgement = judge(eyes, CARD, [sample()] * 3, guessers=[first, second, third])
    assert [guesser.told[1:] for guesser in (first, second, third)] == [
        ["reset", 1, "reset", 2],
        ["reset", 1],
        [],
    ]
    assert judgement.of()["mean_px_all"] == pytest.approx(8 / 6)  # four zeros and twice 4


# --- figures


def test_figures_of_each_data_set_have_its_name_in_front():
    samples = [sample(source="lab"), sample(source="home")]
    judgement = judged(samples, [saw(), saw(MOUSE + np.array([0, 6], np.float32))])
    figures = judgement.figures()
    assert figures["lab: median_px"] == 0
    assert figures["home: median_px"] == 6
    assert judgement.of()["median_px"] == 3


def test_data_without_keypoints_say_nothing_about_pose():
    nobody = np.full_like(MOUSE, NAN)
    assert judged([sample(nobody)], [saw()]).of() == {"images": 1, "labelled_keypoints": 0}


def test_one_network_is_judged_on_every_task_at_once():
    truth = np.zeros((64, 96), np.uint8)
    truth[16:32, 16:32] = 1
    grid = np.zeros((1, 16, 24), np.uint8)
    grid[0, 4:8, 4:8] = 255
    masks = Masks(("mouse",), grid, 1.5, 1.5, 4.0, 4.0)
    labels = [
        {"classes": np.array([1, 1], np.float32), "quantities": np.array([20], np.float32)},
        {"classes": np.array([1, 0], np.float32), "quantities": np.array([NAN], np.float32)},
    ]
    samples = [sample(mask=truth, pseudo_mask=True, **known) for known in labels]
    seen = [
        saw(
            masks=masks,
            class_scores={"usable": 0.9, "rearing": 0.4},
            measures={"weight_g": 23.0, "weight_g_sd": 2.0},
        ),
        saw(
            np.full_like(MOUSE, NAN),
            masks=masks,
            class_scores={"usable": 0.2, "rearing": 0.1},
            measures={"weight_g": 25.0, "weight_g_sd": 2.0},
            abstained=True,
        ),
    ]
    figures = judged(samples, seen, FULL).of()
    expected = {
        "images": 2,
        "abstained_share": 0.5,
        "found_share": 0.5,
        "median_px": 0,
        "mouse: masks_against_pseudo_masks": 2,
        "usable: roc_auc": None,
        "rearing: roc_auc": 1,
        "rearing: f1": 1,
        "weight: mae_g": 3,
        "weight: within_2_sd_share": 1,
    }
    assert {name: figures[name] for name in expected} == expected
    # Half of 255 is passed half-way between two cells: the square is as large as the labelled.
    assert figures["mouse: dice_against_pseudo_masks"] == pytest.approx(1, abs=0.07)


def test_drawn_masks_and_pseudo_masks_are_never_mixed():
    truth = np.zeros((64, 96), np.uint8)
    truth[:8, :8] = 1
    samples = [sample(mask=truth), sample(mask=truth, pseudo_mask=True)]
    figures = judged(samples, [saw()] * 2, FULL).of()
    assert (figures["mouse: masks"], figures["mouse: masks_against_pseudo_masks"]) == (1, 1)
    assert figures["mouse: dice"] == 0  # it saw no mask at all


# --- images for a person


def test_the_worst_images_come_first_and_never_twice():
    samples = [sample()] * 30
    off = [np.array([0, n % 7], np.float32) for n in range(30)]
    worst, others = choose(judged(samples, [saw(MOUSE + by) for by in off]))
    assert (len(worst), len(others)) == (WORST, RANDOM)
    assert [n % 7 for n in worst] == [6, 6, 6, 6, 5, 5, 5, 5, 4, 4, 4, 4]
    assert not set(worst) & set(others)


def test_images_are_ranked_by_their_classes_where_nothing_else_is_labelled():
    card = ModelCard(name="usable", version="1", classes=("usable",))
    labels = np.array([1], np.float32)
    nobody = np.zeros((0, 0, 2), np.float32)
    samples = [sample(nobody, classes=labels)] * 2
    seen = [saw(nobody, class_scores={"usable": chance}) for chance in (0.9, 0.2)]
    assert choose(judged(samples, seen, card))[0] == [1, 0]


def test_a_label_is_a_ring_and_an_answer_a_dot_of_the_same_colour():
    judgement = judged([sample()], [saw(MOUSE + np.array([12, 0], np.float32))])
    drawn = overlay(judgement, judgement.images[0]).astype(int)
    red = (drawn[..., 0] > 200) & (drawn[..., 1] < 90) & (drawn[..., 2] < 90)
    # The whole image, 96 px wide, is shown five times as large: x = 10 is at 10.5 * 5 - 0.5.
    assert drawn.shape == (320, 480, 3)
    label, answer, y = 52, 112, 102
    assert red[y, answer]
    assert not red[y, label]
    assert red[y, label - 8]
    assert red[y + 8, label]


def test_colour_images_keep_their_colours():
    blue = replace(sample(), image=np.full((64, 96, 3), (0, 0, 200), np.uint8))
    drawn = overlay(judgement := judged([blue], [saw()]), judgement.images[0])
    assert drawn[-1, -1].tolist() == [0, 0, 200]


# --- the page


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.open, self.links, self.images = [], [], 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.links += [value for key, value in attrs if key in ("src", "href")]
        self.images += tag == "img"
        if tag not in ("img", "meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def facts_of(judgement):
    return {"model": "eyes <1>", "data": "lab", "speed": None, "all": judgement.of()}


@pytest.fixture
def page(tmp_path):
    rearing = [
        {"classes": np.array([1, n % 2], np.float32), "quantities": np.array([20], np.float32)}
        for n in range(4)
    ]
    seen = saw(
        class_scores={"usable": 0.9, "rearing": 0.4},
        measures={"weight_g": 23.0, "weight_g_sd": 2.0},
    )
    judgement = judged([sample(**known) for known in rearing], [seen] * 4, FULL)
    return write_page(judgement, facts_of(judgement), tmp_path / "new" / "folder")


def test_the_page_needs_nothing_beside_it(page):
    parsed = Page(page.read_text(encoding="utf-8"))
    assert parsed.open == []
    assert all(link.startswith("data:image/") for link in parsed.links)
    # Errors, two calibrations, one ROC (usable has but one answer), four images.
    assert parsed.images == 8


def test_the_page_says_file_and_row_of_each_image(page):
    assert page.read_text(encoding="utf-8").count("<b>a/1.png</b> (row 1)") == 4


def test_names_are_escaped_on_the_page(page):
    text = page.read_text(encoding="utf-8")
    assert "eyes &lt;1&gt; on lab" in text
    assert "<1>" not in text


def test_figures_lie_beside_the_page_as_json(page):
    figures = json.loads((page.parent / "figures.json").read_text(encoding="utf-8"))
    assert figures["all"]["usable: roc_auc"] is None
    assert figures["all"]["median_px"] == 0


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (60.0, "60"), (2.04811, "2.048"), (0.98333, "0.9833"), (1.0, "1")],
)
def test_a_figure_is_shown_with_four_digits(value, text):
    assert shown(value) == text


def test_figures_are_split_into_the_whole_and_its_parts():
    figures = {"images": 1, "nose: mean_px": 2.0, "usable: ece": 0.1}
    others = {"images": 1, "usable: ece": 0.1}
    assert by_part(figures, ["nose", "tail"]) == (others, {"nose": {"mean_px": 2.0}})
