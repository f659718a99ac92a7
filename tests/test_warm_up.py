"""When and where a session warms the network up."""

import threading

from rigs import Rig, frame

from tracker.testing.scripted_camera import ScriptedCamera


def test_the_network_is_warm_on_the_thread_that_uses_it_before_the_first_frame(tmp_path):
    rig, done = Rig(tmp_path / "session", ScriptedCamera([frame(0), frame(1)])), []

    def noted(what, call):
        thread = threading.current_thread
        return lambda argument: done.append(f"{what}: {thread().name}") or call(argument)

    observer = rig.pipeline.observer
    observer.warm_up = noted("warm", observer.warm_up)
    observer.observe = noted("look", observer.observe)
    rig.run()
    assert done == ["warm: MainThread", "warm: pipeline", "look: pipeline", "look: pipeline"]
