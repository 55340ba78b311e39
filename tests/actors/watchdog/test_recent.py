from hypothesis import given
from hypothesis import strategies as st

from stigmergy.actors.watchdog.recent import Recent

ROOM = 4
EVENTS = st.lists(st.tuples(st.sampled_from(["get", "put", "add", "forget"]), st.integers(0, 9)), max_size=80)


@given(EVENTS)
def test_it_keeps_the_last_things_used_and_never_more_than_twice_its_room(events):
    recent: Recent[int, int] = Recent()
    truth: dict[int, int] = {}  # everything ever kept, the last used at the end
    for number, (event, key) in enumerate(events):
        if event == "get":
            found = recent.get(key)
            assert found in {None, truth.get(key)}
        elif event == "put":
            recent.put(key, number, ROOM)
            truth.pop(key, None)
            truth[key] = number
        elif event == "add":
            was_kept = key in recent
            assert recent.add(key, number, ROOM) != was_kept
            if not was_kept:
                truth.pop(key, None)
                truth[key] = number
        else:
            recent.forget(key)
            truth.pop(key, None)
            assert key not in recent
        if event == "get" and found is not None:
            truth[key] = truth.pop(key)
        assert len(recent) <= 2 * ROOM
        assert len(list(recent)) == len(recent)
    last_put = [key for key in truth if key in recent]
    assert last_put[-1:] == list(truth)[-1:]


def test_what_is_asked_for_outlives_what_is_not():
    recent: Recent[str, int] = Recent()
    recent.put("loop", 0, ROOM)
    recent.put("once", 0, ROOM)
    for number in range(100):
        recent.put(f"other-{number}", number, ROOM)
        assert recent.get("loop") == 0
    assert recent.get("once") is None


def test_its_bound_holds_although_everything_is_asked_for_all_the_time():
    recent: Recent[int, int] = Recent()
    for number in range(100):
        recent.put(number, number, ROOM)
        for key in range(number):
            recent.get(key)
        assert len(recent) <= 2 * ROOM
