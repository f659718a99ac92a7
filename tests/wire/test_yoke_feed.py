"""A second rig's stimuli, followed while both run."""

import pytest
from wire_ends import TRIES, publishers

from tracker.controllers.yoke import LiveYoke, YokeSettings
from tracker.errors import ConfigError
from tracker.stimuli import Action, Arm, Delivery, PulseTrain, StimulusCommand, StimulusRow
from tracker.yoke_feed import YokeFeed

TRAIN = PulseTrain(10_000, 50_000, 3)


def row(delivery=Delivery.DELIVERED, output="light"):
    command = StimulusCommand("wake/1", "wake", output, Action.TRAIN, TRAIN, Arm.REAL)
    return StimulusRow(command, delivery)


@pytest.fixture
def rig():
    """The other rig's publisher, what follows it, and where its trains arrive."""
    with publishers() as make:
        publisher = make()
        publisher.bind()
        yoke = LiveYoke(YokeSettings(address=publisher.address, output="light"))
        feed = YokeFeed(publisher.address, yoke)
        feed.open()
        yield publisher, feed, yoke
        feed.close()


def follow(publisher, feed, yoke, *rows):
    """Let the other rig say the same until something of it arrives."""
    for _ in range(TRIES):
        for each in rows:
            publisher.offer_stimulus(each)
        publisher.step(0)
        feed.step()
        if taken := yoke.due(0):
            return taken
    raise AssertionError("nothing arrived")


def test_what_the_other_animal_gets_arrives_here(rig):
    assert set(follow(*rig, row())) == {TRAIN}


def test_what_it_does_not_get_or_gets_elsewhere_does_not_arrive(rig):
    publisher, feed, yoke = rig
    follow(publisher, feed, yoke, row())
    for each in (row(Delivery.SHAM), row(Delivery.REFUSED), row(output="valve"), row()):
        publisher.offer_stimulus(each)
    publisher.step(0)
    while not (taken := yoke.due(0)):
        feed.step()
    assert taken == [TRAIN]


def test_a_blinded_rig_cannot_be_followed(rig):
    with pytest.raises(ConfigError, match="is hidden: its session is blinded"):
        follow(*rig, row(Delivery.BLINDED))


def test_it_may_be_closed_twice_and_says_nothing_when_closed(rig):
    _, feed, _ = rig
    feed.close()
    feed.close()
    assert feed.step()
