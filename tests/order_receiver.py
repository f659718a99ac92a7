"""Somebody who receives the orders of an actuator of kind zmq."""

import socket
import threading

import msgspec
import zmq

from tracker.actuators.zmq_out import Alive, OrderMessage


def free_address():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"tcp://127.0.0.1:{probe.getsockname()[1]}"


class Receiver:
    """A subscriber that waits for whoever binds its address."""

    def __init__(self, *topics, keys=None):
        self.address = free_address()
        self._context = zmq.Context()
        self._topics, self._keys = topics or ("order/", "alive"), keys
        self.start()

    def start(self):
        self._socket = self._context.socket(zmq.SUB)
        self._socket.linger = 0
        self._socket.reconnect_ivl = 10
        if self._keys is not None:
            self._socket.curve_serverkey = self._keys.server
            self._socket.curve_publickey = self._keys.public
            self._socket.curve_secretkey = self._keys.secret
        for topic in self._topics:
            self._socket.subscribe(topic)
        self._socket.connect(self.address)

    def stop(self):
        self._socket.close()

    def close(self):
        self.stop()
        self._context.term()

    def parts(self):
        assert self._socket.poll(5000), "nothing came"
        return self._socket.recv_multipart()

    def next(self):
        topic, body = self.parts()
        return msgspec.json.decode(body, type=Alive if topic == b"alive" else OrderMessage)

    def is_silent(self, timeout_s=0.05):
        return not self._socket.poll(round(timeout_s * 1000))


class Listener:
    """A receiver that listens all the time, on a thread of its own, to whoever has its address."""

    def __init__(self):
        self._receiver = Receiver()
        self.address = self._receiver.address
        self._over = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._over:
            if not self._receiver.is_silent():
                self._receiver.parts()
        self._receiver.close()

    def close(self):
        self._over = True
        self._thread.join(5)
