"""The training loop: it goes on as if nothing had been, and keeps the average."""

import numpy as np
import pytest
import torch
from tiny_recipe import WITHOUT_KEYPOINTS, recipe_of, write_data

from tracker.errors import TrainingError, TrainingStopped
from tracker.learning.data.loading import load
from tracker.learning.fitting import Trainer, choose_device
from tracker.learning.samples import Sample, Split

NAN = float("nan")


@pytest.fixture
def folder(tmp_path):
    write_data(tmp_path)
    return tmp_path


class Interrupted(Exception):
    pass


def ignore(progress):
    """Told of every step."""


def fitted(recipe, folder, *, interrupt_at=None, stop_at=None, resume=False):
    """A trainer that has run, and the weights that it kept."""

    def report(progress):
        if progress.step == interrupt_at:
            raise Interrupted

    trainer = Trainer(recipe, load(recipe, folder))
    checkpoint = folder / "checkpoint.pt"
    if resume:
        trainer.resume(checkpoint)
    network = trainer.run(checkpoint, report, lambda: trainer.progress.step == stop_at)
    return trainer, network.state_dict()


def same(one, other):
    return set(one) == set(other) and all(torch.equal(one[name], other[name]) for name in one)


def test_an_interrupted_training_ends_as_if_it_had_not_been(folder):
    recipe = recipe_of(folder, schedule__steps=6, schedule__validate_every=2)
    whole, weights = fitted(recipe, folder)
    with pytest.raises(Interrupted):
        fitted(recipe, folder, interrupt_at=5)
    resumed, again = fitted(recipe, folder, resume=True)
    assert same(weights, again)
    assert resumed.history == whole.history


def test_a_training_that_was_asked_to_stop_ends_as_if_it_had_not_been(folder):
    recipe = recipe_of(folder, schedule__steps=6, schedule__validate_every=4)
    whole, weights = fitted(recipe, folder)
    with pytest.raises(TrainingStopped, match=r"after step 3 of 6: .* --resume goes on from"):
        fitted(recipe, folder, stop_at=3)
    resumed, again = fitted(recipe, folder, resume=True)
    assert same(weights, again)
    assert resumed.history == whole.history


def test_who_asks_to_stop_at_the_end_gets_the_network(folder):
    recipe = recipe_of(folder, schedule__steps=2)
    trainer, _ = fitted(recipe, folder, stop_at=2)
    assert trainer.progress.step == 2


def test_going_on_from_the_last_step_gives_the_same_network(folder):
    recipe = recipe_of(folder, schedule__steps=2)
    _, weights = fitted(recipe, folder)
    _, again = fitted(recipe, folder, resume=True)
    assert same(weights, again)


def test_another_seed_gives_another_network(folder):
    _, one = fitted(recipe_of(folder, schedule__steps=2), folder)
    _, other = fitted(recipe_of(folder, schedule__steps=2, schedule__seed=1), folder)
    assert not torch.equal(one["heads.pose.maps.weight"], other["heads.pose.maps.weight"])


def test_what_is_kept_is_the_average_of_the_weights(folder):
    recipe = recipe_of(folder, schedule__steps=3)
    trainer = Trainer(recipe, load(recipe, folder))
    each = []

    def note(progress):
        trainer.save(folder / "step.pt")
        state = torch.load(folder / "step.pt", weights_only=True, map_location="cpu")["network"]
        each.append(state["heads.pose.maps.weight"].clone())

    network = trainer.run(folder / "checkpoint.pt", note)
    # Over 2 % of 3 steps, but at least 2: each step makes half of the average new.
    expected = each[0]
    for weights in each[1:]:
        expected = (expected + weights) / 2
    kept = network.state_dict()["heads.pose.maps.weight"]
    torch.testing.assert_close(kept, expected, rtol=1e-6, atol=1e-7)
    assert not torch.equal(kept, each[-1])


def test_the_network_with_the_smallest_error_is_kept(folder):
    recipe = recipe_of(folder, schedule__steps=6, schedule__validate_every=1)
    trainer, weights = fitted(recipe, folder)
    errors = trainer.history.errors["all"]
    assert trainer.progress.error == min(errors)
    state = torch.load(folder / "checkpoint.pt", weights_only=True, map_location="cpu")
    assert same(weights, state["best"])


def test_progress_tells_step_loss_and_best_error(folder):
    recipe = recipe_of(folder, schedule__steps=4, schedule__validate_every=2)
    told = []
    Trainer(recipe, load(recipe, folder)).run(folder / "checkpoint.pt", told.append)
    assert [progress.step for progress in told] == [1, 2, 3, 4]
    assert all(np.isfinite(progress.loss) for progress in told)
    assert [np.isfinite(progress.error) for progress in told] == [False, True, True, True]


def test_history_has_the_mean_loss_of_the_steps_between_validations(folder):
    recipe = recipe_of(folder, schedule__steps=4, schedule__validate_every=2)
    told = []
    trainer = Trainer(recipe, load(recipe, folder))
    trainer.run(folder / "checkpoint.pt", told.append)
    losses = [progress.loss for progress in told]
    assert trainer.history.steps == [2, 4]
    expected = [np.mean(losses[:2]), np.mean(losses[2:])]
    np.testing.assert_allclose(trainer.history.losses["pose"], expected)


def test_going_on_with_another_recipe_is_an_error(folder):
    fitted(recipe_of(folder, schedule__steps=2), folder)
    with pytest.raises(TrainingError, match="comes from another recipe"):
        fitted(recipe_of(folder, schedule__steps=3), folder, resume=True)


def test_going_on_from_what_is_no_checkpoint_is_an_error(folder):
    (folder / "checkpoint.pt").write_bytes(b"no checkpoint")
    with pytest.raises(TrainingError, match="is no checkpoint of a training"):
        fitted(recipe_of(folder), folder, resume=True)


def test_a_loss_that_is_not_finite_ends_training(folder):
    recipe = recipe_of(folder, schedule__steps=1)
    trainer = Trainer(recipe, load(recipe, folder))
    trainer.save(folder / "checkpoint.pt")
    state = torch.load(folder / "checkpoint.pt", weights_only=True, map_location="cpu")
    state["network"]["heads.pose.maps.bias"][0] = NAN
    torch.save(state, folder / "checkpoint.pt")
    trainer.resume(folder / "checkpoint.pt")
    with pytest.raises(TrainingError, match=r"the loss is .*nan.* at step 1: lower"):
        trainer.run(folder / "checkpoint.pt", ignore)


def test_quantities_are_learnt_in_spreads_about_their_mean(tmp_path):
    heads = {"regression": {"quantities": {"weight": "g", "age": "d"}}}
    recipe = recipe_of(tmp_path, heads=heads, sources=WITHOUT_KEYPOINTS, schedule__steps=1)
    values = [(20.0, NAN), (30.0, NAN), (40.0, NAN)]
    nobody = np.full((1, 0, 2), NAN, np.float32)
    samples = tuple(
        Sample(
            np.zeros((64, 64), np.uint8),
            nobody,
            "a",
            "weights",
            NAN,
            quantities=np.array(value, np.float32),
        )
        for value in values
    )
    trainer = Trainer(recipe, Split(samples, samples, np.full(3, 1 / 3)))
    head = trainer.run(tmp_path / "checkpoint.pt", ignore).heads["regression"]
    np.testing.assert_allclose(head.middle, [30, 0], rtol=1e-6)
    np.testing.assert_allclose(head.spread, [np.std([20, 30, 40]), 1], rtol=1e-6)


def test_only_a_share_of_the_images_is_learnt_from_if_the_recipe_says_so(folder):
    whole = load(recipe_of(folder), folder)
    third = load(recipe_of(folder, schedule__fraction=1 / 3), folder)
    assert (len(whole.train), len(third.train)) == (18, 6)
    assert len(third.validation) == len(whole.validation) == 6


@pytest.mark.parametrize(
    ("has_gpu", "device"),
    [pytest.param(True, "cuda", id="gpu"), pytest.param(False, "cpu", id="none")],
)
def test_the_cpu_is_used_only_where_there_is_no_gpu(has_gpu, device):
    assert choose_device(has_gpu=has_gpu).type == device


@pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch can use no GPU here")
@pytest.mark.parametrize(("first", "then"), [("cpu", "cuda"), ("cuda", "cpu"), ("cuda", "cuda")])
def test_a_training_goes_on_on_another_device(folder, first, then):
    recipe = recipe_of(folder, schedule__steps=6, schedule__validate_every=2)
    split, checkpoint = load(recipe, folder), folder / "checkpoint.pt"
    begun = Trainer(recipe, split, torch.device(first))
    with pytest.raises(TrainingStopped):
        begun.run(checkpoint, ignore, lambda: begun.progress.step == 3)
    resumed = Trainer(recipe, split, torch.device(then))
    resumed.resume(checkpoint)
    network = resumed.run(checkpoint, ignore)
    assert resumed.progress.step == 6
    assert resumed.history.steps == [2, 4, 6]
    assert all(torch.isfinite(weights).all() for weights in network.state_dict().values())
