"""Rules that remember: sequences, counts, windows. Frames come ten a second."""

import pytest
from rules_here import NAN, rule, scores, seen

from tracker.behaviours.memory import MOST_EVENTS, Count, Window, middle

NEST = "in zone.nest"
SLOW = "speed < 1 cm/s"


def nest(pattern):
    """1 and 0 as written; ? is not known."""
    return [NAN if sign == "?" else float(sign) for sign in pattern]


@pytest.mark.parametrize(
    ("text", "inside", "expected"),
    [
        pytest.param("starts(in zone.nest)", "0011011", "0010010", id="starts"),
        pytest.param("ends(in zone.nest)", "0011011", "0000100", id="ends"),
        pytest.param("entering(zone.nest)", "1101", "0001", id="inside_from_the_first"),
        pytest.param("leaving(zone.nest)", "1101", "0010", id="leaving"),
        pytest.param("entering(zone.nest)", "0?1", "0?1", id="unknown_in_between"),
        pytest.param("leaving(zone.nest)", "1?1?0", "0?0?1", id="unknown_changes_nothing"),
    ],
)
def test_an_event_holds_for_one_frame(text, inside, expected):
    assert scores(text, in_nest=nest(inside)) == pytest.approx(nest(expected), nan_ok=True)


@pytest.mark.parametrize(
    ("text", "inside", "expected"),
    [
        pytest.param("count(in zone.nest) == 2", "0101100", "0001111", id="in_all"),
        pytest.param(
            "entering(zone.nest) and count(entering(zone.nest)) == 3",
            "010101010",
            "000001000",
            id="third_entry",
        ),
        pytest.param("count(in zone.nest within 0.3 s) >= 2", "0101000", "0001100", id="lately"),
        pytest.param("count(in zone.nest) >= 1", "0?1?0", "00111", id="unknown_is_not_counted"),
    ],
)
def test_a_count_is_of_beginnings(text, inside, expected):
    assert scores(text, in_nest=nest(inside)) == nest(expected)


def test_freezing_after_leaving_the_nest_lasts_as_long_as_the_freezing():
    fast, slow = 9.0, 0.0
    text = "speed < 1 cm/s after leaving(zone.nest) within 0.2 s"
    inside = nest("1000000000100000")
    speed = [fast, fast, fast, slow, slow, slow, slow, fast, slow, slow, fast, fast, fast, fast]
    speed += [slow, slow]
    found = scores(text, in_nest=inside, speed_cm_s=speed)
    #                      left at 1; slow from 3: 0.2 s later; again at 8: too late; left at 11
    assert found == [0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]


def test_what_goes_on_already_does_not_begin_after_something():
    found = scores(
        "speed < 1 cm/s after in zone.nest within 1 s",
        in_nest=nest("0001000"),
        speed_cm_s=[0.0] * 7,
    )
    assert found == [0] * 7


def test_a_sequence_bears_frames_in_which_nothing_is_known():
    found = scores(
        "speed < 1 cm/s after in zone.nest within 0.2 s",
        in_nest=nest("11????"),
        speed_cm_s=[9, 9, NAN, 0.0, NAN, 0.0],
    )
    assert found == pytest.approx([0, 0, NAN, 1, NAN, 1], nan_ok=True)


def test_for_asks_that_it_has_held_without_a_break():
    found = scores("in zone.nest for 0.2 s", in_nest=nest("1111011?11"))
    assert found == pytest.approx(nest("001100 0?11".replace(" ", "")), nan_ok=True)


def test_time_since_counts_from_the_last_frame_or_from_the_first():
    found = scores("time_since(in zone.nest and speed < 1 cm/s) > 0.15 s",
                   in_nest=nest("000100"), speed_cm_s=[0.0] * 6)  # fmt: skip
    assert found == nest("001001")


@pytest.mark.parametrize(
    ("statistic", "expected"),
    [
        ("median", [5, 3, 2, 2, 5]),
        ("mean", [5, 3, 8 / 3, 8 / 3, 16 / 3]),
        ("lowest", [5, 1, 1, 1, 2]),
        ("highest", [5, 5, 5, 5, 9]),
    ],
)
def test_a_window_looks_back_only(statistic, expected):
    """0.2 s at ten frames a second hold three frames."""
    values = [5, 1, 2, 5, 9]
    for threshold, sign in ((1e-9, ">"), (-1e-9, "<")):
        for i, right in enumerate(expected):
            text = f"{statistic}(x, 0.2 s) {sign} {right - threshold} cm"
            assert scores(text, x_cm=values)[i] == 1


def test_a_window_bears_missing_frames_as_long_as_half_of_it_is_known():
    known = scores("median(x, 0.3 s) > 0 cm", x_cm=[1, NAN, NAN, 1, NAN, NAN, NAN])
    assert known == pytest.approx([1, 1, NAN, 1, NAN, NAN, NAN], nan_ok=True)


def test_reset_forgets_everything():
    texts = (
        "count(in zone.nest) >= 1",
        "entering(zone.nest)",
        "in zone.nest after entering(zone.nest) within 1 s",
        "in zone.nest for 0.1 s",
        "median(x, 1 s) > 2 cm",
        "time_since(in zone.nest) > 0.1 s",
    )
    for text in texts:
        behaviour = rule(text)

        def run(behaviour=behaviour):
            return [
                behaviour.update(
                    seen(index=i, time_s=i / 10), {"in_nest": float(i > 1), "x_cm": float(i)}
                )
                for i in range(6)
            ]

        first = run()
        behaviour.reset()
        assert run() == first


def test_what_is_remembered_is_bounded():
    count, window = rule("count(in zone.nest within 24 min) > 1"), rule("median(x, 60 s) > 1 cm")
    for i in range(3000):
        moment = seen(index=i, time_s=i / 10)
        count.update(moment, {"in_nest": float(i % 2)})
        window.update(moment, {"x_cm": float(i % 7)})
    (events,), (frames,) = count._meaning.memories, window._meaning.memories
    assert isinstance(events, Count)
    assert events._times.maxlen == MOST_EVENTS
    assert isinstance(frames, Window)
    assert len(frames._frames) == len(frames._ordered) == 601
    assert frames._statistic is middle


def test_an_episode_of_a_behaviour_above_is_a_condition():
    behaviour = rule("episode.freezing and x > 1 cm", above=("freezing",))
    assert behaviour.episodes == ("freezing",)
    assert behaviour.features == ("x_cm",)
    assert behaviour.update(seen(), {"x_cm": 2.0, "episode.freezing": 1.0}) == 1
    assert behaviour.update(seen(index=1), {"x_cm": 2.0, "episode.freezing": 0.0}) == 0
