import pytest
from pydantic import ValidationError

from tracker.control.lifeline import Lifeline, LifelineSettings

MS = 1_000_000


def lifeline(**changes):
    return Lifeline(LifelineSettings(**changes))


def hear(line, at_ms, kind="observation", session="s1", lost=0, sent_ms=None, goodbye=None):
    line.hear(
        f"{kind}/top",
        session=session,
        lost=lost,
        sent_ns=(at_ms if sent_ms is None else sent_ms) * MS,
        now_ns=at_ms * MS,
        goodbye=goodbye,
    )


def listening():
    """One that has heard a status and an observation at 1000 ms."""
    line = lifeline()
    hear(line, 1000, "status")
    hear(line, 1000)
    return line


def test_before_the_first_observation_nothing_is_relied_on():
    line = lifeline()
    assert line.why_dead(0) == "no observation yet"
    hear(line, 1000, "status")
    assert line.why_dead(1000 * MS) == "no observation yet"


def test_an_observation_brings_it_to_life():
    line = lifeline()
    hear(line, 1000)
    assert line.why_dead(1000 * MS) is None


@pytest.mark.parametrize(
    ("heard", "at_ms", "why"),
    [
        pytest.param([], 1250, None, id="just_in_time"),
        pytest.param([], 1251, "no observation for 251 ms", id="no_observation"),
        pytest.param([(1200, {})], 1450, None, id="observations_go_on"),
        pytest.param(
            [(1200, {"kind": "status"})], 1300, "no observation for 300 ms", id="status_alone"
        ),
        pytest.param(
            [(at, {}) for at in range(1200, 3600, 200)],
            3501,
            "no status for 2501 ms",
            id="observations_alone",
        ),
        pytest.param(
            [(1300, {})],
            1300,
            "no observation for 300 ms",
            id="a_silence_is_not_undone",
        ),
        pytest.param(
            [(1100, {"lost": 2})],
            1100,
            "2 messages of observation/top were lost on the way",
            id="gap",
        ),
        pytest.param(
            [(1100, {"kind": "log", "lost": 1})],
            1100,
            "1 messages of log/top were lost on the way",
            id="gap_of_any_kind",
        ),
        pytest.param(
            [(1100, {"session": "s2"})], 1100, "session s2 speaks in place of s1", id="session"
        ),
        pytest.param(
            [(1100, {"kind": "status", "goodbye": "stopped"})],
            1100,
            "the session ended: stopped",
            id="goodbye",
        ),
        pytest.param([(1100, {"sent_ms": 850})], 1100, None, id="almost_late"),
        pytest.param(
            [(1100, {"sent_ms": 849})],
            1100,
            "a message of observation/top came 251 ms after it was sent",
            id="late",
        ),
        pytest.param(
            [(1100, {"kind": "episode", "sent_ms": 100})],
            1100,
            "a message of episode/top came 1000 ms after it was sent",
            id="late_episode",
        ),
        pytest.param([(1100, {"sent_ms": 1101})], 1100, None, id="clocks_that_differ_a_little"),
        pytest.param(
            [(1100, {"lost": 1}), (1150, {"session": "s2"})],
            1150,
            "1 messages of observation/top were lost on the way",
            id="the_first_reason_counts",
        ),
    ],
)
def test_a_tracker_is_alive_or_dead_for_a_reason(heard, at_ms, why):
    line = listening()
    for when_ms, message in heard:
        hear(line, when_ms, **message)
    assert line.why_dead(at_ms * MS) == why


def test_who_joins_late_has_lost_nothing():
    line = lifeline()
    hear(line, 1000, lost=0)  # its number may be anything
    assert line.why_dead(1000 * MS) is None


def test_without_any_status_the_first_observation_starts_its_time():
    line = lifeline(status_silence_ms=1000)
    for at_ms in range(1000, 2200, 100):
        hear(line, at_ms)
    assert line.why_dead(2100 * MS) == "no status for 1100 ms"


def test_dead_stays_dead_whatever_comes():
    line = listening()
    line.fail("a message that nobody can read")
    for at_ms in range(1000, 1500, 50):
        hear(line, at_ms)
        assert line.why_dead(at_ms * MS) == "a message that nobody can read"


def test_a_person_may_begin_anew_with_another_session():
    line = listening()
    line.fail("the network was cut")
    line.begin_anew()
    assert line.why_dead(9000 * MS) == "no observation yet"
    hear(line, 9000, session="s2")
    assert line.why_dead(9000 * MS) is None


@pytest.mark.parametrize("changes", [{"silence_ms": 5}, {"status_silence_ms": 500}, {"silense": 1}])
def test_settings_that_make_no_sense_are_an_error(changes):
    with pytest.raises(ValidationError):
        LifelineSettings(**changes)
