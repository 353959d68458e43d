"""What a check works with: connections of stomp.py, mailboxes with a time limit,
and orders to the partner behind the broker."""

import hashlib
import itertools
import queue
from urllib.parse import urlsplit

import stomp

# BOUND is how long one answer may take, in seconds.
BOUND = 20

CONNECTIONS = {"1.0": stomp.Connection10, "1.1": stomp.Connection11, "1.2": stomp.Connection12}


class Mailbox:
    """Keeps what callbacks deliver until somebody asks for it."""

    def __init__(self):
        self.kept = queue.Queue()

    def put(self, thing):
        self.kept.put(thing)

    def next(self, what):
        try:
            return self.kept.get(timeout=BOUND)
        except queue.Empty:
            raise TimeoutError(f"waiting for {what} took longer than {BOUND} s") from None

    def take(self, n, what):
        return [self.next(f"{what} {i + 1} of {n}") for i in range(n)]


class Message:
    def __init__(self, frame):
        self.headers, self.body = frame.headers, frame.body

    def text(self):
        return self.body.decode()


class Peer(stomp.ConnectionListener):
    """One connection of stomp.py whose callbacks fill mailboxes."""

    def __init__(self, config, beat=0):
        self.version = config["version"]
        self.login = config["login"]
        at = urlsplit(config["url"])
        options = {"auto_decode": False, "reconnect_attempts_max": 1}
        if beat:
            options["heartbeats"] = (beat, beat)
        self.connection = CONNECTIONS[self.version]([(at.hostname, at.port)], **options)
        self.connection.set_listener("peer", self)
        self.connected, self.closed, self.errors = Mailbox(), Mailbox(), Mailbox()
        self.beats, self.lost, self.receipts = Mailbox(), Mailbox(), Mailbox()
        self.boxes = {}  # of messages, by subscription
        self.ids = itertools.count(1)

    # Called by stomp.py, in its threads.

    def on_connected(self, frame):
        self.connected.put(frame.headers)

    def on_disconnected(self):
        self.closed.put(True)

    def on_error(self, frame):
        self.errors.put(frame.headers)

    def on_receipt(self, frame):
        self.receipts.put(frame.headers["receipt-id"])

    def on_heartbeat(self):
        self.beats.put(True)

    def on_heartbeat_timeout(self):
        self.lost.put(True)

    def on_message(self, frame):
        self.boxes[frame.headers["subscription"]].put(Message(frame))

    # Called by the checks.

    def connect(self, passcode):
        """Sends CONNECT, and returns CONNECTED's headers."""
        self.connection.connect(self.login, passcode)
        return self.connected.next("CONNECTED")

    def subscribe(self, destination, ack="auto", **headers):
        """Returns the mailbox of the subscription's messages; its id is the
        subscription's."""
        box = Mailbox()
        box.id = f"sub-{next(self.ids)}"
        self.boxes[box.id] = box
        self.connection.subscribe(destination, id=box.id, ack=ack, **headers)
        return box

    def send(self, destination, body, headers=None, **more):
        self.connection.send(destination, body, headers=headers, **more)

    def acknowledge(self, send, message, **more):
        """Sends the ACK or NACK of a message as the version wants it."""
        names = {
            "1.0": [message.headers["message-id"]],
            "1.1": [message.headers["message-id"], message.headers["subscription"]],
            "1.2": [message.headers.get("ack")],
        }
        send(*names[self.version], **more)

    def ack(self, message, **more):
        self.acknowledge(self.connection.ack, message, **more)

    def nack(self, message):
        self.acknowledge(self.connection.nack, message)

    def receipt(self, what, act):
        """Calls act with the id of a receipt, and waits for the RECEIPT."""
        receipt = f"receipt-{next(self.ids)}"
        act(receipt)
        got = self.receipts.next(f"the RECEIPT of {what}")
        assert got == receipt, f"the RECEIPT of {what} is {got}, want {receipt}"

    def leave(self):
        """Sends DISCONNECT and waits until the connection is closed."""
        self.connection.disconnect()
        self.closed.next("the end after DISCONNECT")

    def vanish(self):
        """Closes the connection without DISCONNECT."""
        self.connection.transport.disconnect_socket()


class Desk:
    """Belongs to one check: clear closes what the check opened."""

    def __init__(self, config, check):
        self.config, self.check = config, check
        self.peers = []
        self.names = itertools.count(1)

    def name(self, kind="queue"):
        """Returns a destination that no other check uses."""
        return f"/{kind}/{self.check}-{next(self.names)}"

    def peer(self, **options):
        """Returns a client that is not connected."""
        self.peers.append(Peer(self.config, **options))
        return self.peers[-1]

    def open(self, **options):
        """Returns a client that is connected."""
        peer = self.peer(**options)
        peer.connect(self.config["passcode"])
        return peer

    def ask(self, peer, order, body=b"", **headers):
        """Orders the partner to do something and returns the mailbox of its answers."""
        to = self.name()
        answers = peer.subscribe(to)
        peer.send("/queue/to-go", body, {"order": order, "reply-to": to, **headers})
        return answers

    def echo(self, peer, body, **headers):
        """Has the partner send a body back, and returns the message."""
        return self.ask(peer, "echo", body, **headers).next("the echo")

    def publish(self, peer, to, n):
        """Has the partner send the bodies 1 to n."""
        answer = self.ask(peer, "publish", to=to, count=str(n)).next("the partner to publish")
        assert answer.body == b"done", f"the partner answered {answer.body}"

    def watch(self, peer, source):
        """Has the partner forward what comes to a destination, each message with its
        redelivered header, up to the body "last". Returns the mailbox once the partner
        has subscribed."""
        answers = self.ask(peer, "watch", **{"from": source})
        answer = answers.next("the partner to subscribe")
        assert answer.body == b"ready", f"the partner answered {answer.body}"
        return answers

    def clear(self):
        for peer in self.peers:
            peer.vanish()


def digest(body):
    return hashlib.sha256(body).hexdigest()
