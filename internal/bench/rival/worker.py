"""Does a piece of work with stomp.py, as it comes, and says on stdout what it
took:

    {"seconds": …, "cpu": …}

The task is a JSON object in the environment; task.go says what its fields mean.
"""

import json
import os
import sys
import threading
import time
from urllib.parse import urlsplit

import stomp

TASK = json.loads(os.environ["WEBSTOMP_RIVAL_TASK"])
BODY = "x" * TASK["size"]


def fail(why):
    """Ends the process, whichever thread finds out."""
    print(why, file=sys.stderr, flush=True)
    os._exit(1)


class Listener(stomp.ConnectionListener):
    """What stomp.py calls, in its one thread that receives."""

    def __init__(self):
        self.left, self.done = 0, threading.Event()
        self.receipt = threading.Event()
        self.came = lambda: None  # called for every message but the last

    def on_message(self, frame):
        if len(frame.body) != TASK["size"]:
            fail(f"a message has {len(frame.body)} bytes, want {TASK['size']}")
        self.left -= 1
        if self.left == 0:
            self.done.set()
        else:
            self.came()

    def on_receipt(self, frame):
        self.receipt.set()

    def on_error(self, frame):
        fail(f"ERROR {frame.headers.get('message')}: {frame.body}")

    def on_disconnected(self):
        fail("the connection was closed")


class Worker:
    def __init__(self):
        at = urlsplit(TASK["url"])
        self.listener = Listener()
        # Bodies as bytes, as the others hand them out; RabbitMQ's virtual host,
        # where stomp.py would name the machine.
        self.connection = stomp.Connection12([(at.hostname, at.port)], auto_decode=False, vhost="/", reconnect_attempts_max=1)
        self.connection.set_listener("worker", self.listener)
        self.connection.connect(TASK["login"] or None, TASK["passcode"] or None, wait=True)

    def confirmed(self, call, *args, **more):
        """Makes a call that asks for a receipt, and waits for it."""
        self.listener.receipt.clear()
        call(*args, receipt="receipt", **more)
        self.listener.receipt.wait()

    def subscribe(self, destination):
        self.confirmed(self.connection.subscribe, destination, id="worker")

    def expect(self, n):
        """The next so many messages; take waits for them."""
        self.listener.left = n
        self.listener.done.clear()

    def take(self):
        self.listener.done.wait()

    # Each prepares a piece of work and returns what does it with so many messages.

    def receive(self):
        self.subscribe("/flood")

        def run(n):
            self.expect(n)
            self.connection.send("/flood", "", headers={"count": n, "size": TASK["size"]})
            self.take()

        return run

    def send(self):
        def run(n):
            for _ in range(n - 1):
                self.connection.send("/sink", BODY)
            self.confirmed(self.connection.send, "/sink", BODY)

        return run

    def echo(self):
        self.listener.came = lambda: self.connection.send("/echo", BODY)
        self.subscribe("/echo")

        def run(n):
            self.expect(n)
            self.listener.came()
            self.take()

        return run

    def topic(self):
        topic = "/topic/rival"
        self.subscribe(topic)

        def run(n):
            self.expect(n)
            for _ in range(n):
                self.connection.send(topic, BODY)
            self.take()

        return run


def main():
    run = getattr(Worker(), TASK["work"])()
    run(TASK["warmUp"])
    start, spent = time.monotonic(), time.process_time()
    run(TASK["messages"])
    print(json.dumps({"seconds": time.monotonic() - start, "cpu": time.process_time() - spent}), flush=True)
    os._exit(0)  # whatever threads are left


try:
    main()
except Exception as err:
    fail(f"{type(err).__name__}: {err}")
