import pytest
from view_ends import episode

from tracker.gui.bouts import MOST_BOUTS, SHARE_S, Bouts


def spans(bouts, from_s=0.0, to_s=1e9):
    return [(bout.onset_s, bout.end_s) for bout in bouts.within(from_s, to_s)]


def whole(bouts, n, onset, end):
    bouts.feed(episode("new", onset, n=n))
    bouts.feed(episode("end", onset, end, n=n))


def test_an_episode_goes_on_until_its_end():
    bouts = Bouts()
    bouts.feed(episode("new", 100))
    assert spans(bouts) == [(1.0, None)]
    assert bouts.going_on.confirmed_s == 1.1
    bouts.feed(episode("update", 100))
    bouts.feed(episode("end", 100, 250))
    assert spans(bouts) == [(1.0, 2.5)]
    assert bouts.going_on is None
    assert bouts.n == 1


def test_one_whose_beginning_was_missed_is_there_from_its_update_on():
    bouts = Bouts()
    bouts.feed(episode("update", 100))
    assert spans(bouts) == [(1.0, None)]


@pytest.mark.parametrize(
    ("from_s", "to_s", "n"),
    [(0, 100, 3), (2.4, 2.6, 1), (2.6, 3.9, 0), (0, 1.0, 0), (4.5, 4.6, 1), (9.5, 20, 1)],
)
def test_what_touches_a_span_is_within(from_s, to_s, n):
    bouts = Bouts()
    whole(bouts, 1, 100, 250)
    whole(bouts, 2, 400, 500)
    bouts.feed(episode("new", 900, n=3))
    assert len(bouts.within(from_s, to_s)) == n


def test_a_lost_session_ends_what_went_on():
    bouts = Bouts()
    bouts.feed(episode("new", 100))
    bouts.close(7.0)
    assert spans(bouts) == [(1.0, 7.0)]


def test_shares_of_time_are_kept_for_the_whole_session():
    bouts = Bouts()
    whole(bouts, 1, 500, 1200)  # 5 s to 12 s
    assert bouts.shares() == pytest.approx([0.5, 0.2])


def test_a_long_session_keeps_its_newest_episodes_and_all_its_shares():
    bouts = Bouts()
    n = MOST_BOUTS + 10
    for k in range(n):
        whole(bouts, k, k * 100, k * 100 + 50)
    kept = spans(bouts)
    assert bouts.n == n
    assert len(kept) <= MOST_BOUTS
    assert kept[-1] == (float(n - 1), n - 0.5)
    assert sum(bouts.shares()) * SHARE_S == pytest.approx(n / 2)
