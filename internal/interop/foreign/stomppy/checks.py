"""The checks, by name. Each gets a Desk and fails by raising."""

import math
import time

import stomp

from desk import digest

CHECKS = {}


def check(function):
    CHECKS[function.__name__.replace("_", "-")] = function
    return function


def equal(got, want, what="it"):
    assert got == want, f"{what} is {got!r}, want {want!r}"


def story(message):
    """Describes a message that the partner forwarded: its body, and "again" if it
    was redelivered."""
    return message.text() + (" again" if message.headers.get("x-redelivered") == "true" else "")


def expect(peer, source, seen, bodies):
    """Reads what the partner forwards and checks that nothing else is left, by
    sending "last" behind it."""
    equal([story(m) for m in seen.take(len(bodies), "message")], bodies, "what came")
    peer.send(source, "last")
    equal(story(seen.next("the last message")), "last", "the last message")


def same(desk, body, mime):
    """Sends a body through the partner and back."""
    back = desk.echo(desk.open(), body, **{"content-type": mime})
    encoded = body.encode() if isinstance(body, str) else body
    equal(back.headers["x-sum"], digest(encoded), "the sum of the body that the partner saw")
    equal(digest(back.body), digest(encoded), "the sum of the body that came back")
    equal(back.headers["content-type"], mime, "its content-type")


def queued(desk, n, ack):
    """Opens a peer with an unacked subscription to a queue of n messages."""
    source = desk.name()
    peer = desk.open()
    desk.publish(peer, source, n)
    box = peer.subscribe(source, ack)
    messages = box.take(n, "message")
    equal([m.text() for m in messages], [str(i + 1) for i in range(n)], "what came")
    return source, peer, box, messages


def left(desk, source, bodies):
    """Checks what is left in a queue after its consumer has gone."""
    peer = desk.open()
    expect(peer, source, desk.watch(peer, source), bodies)


@check
def connect(desk):
    connected = desk.peer().connect(desk.config["passcode"])
    equal(connected["version"], desk.config["version"], "the version")


@check
def wrong_login(desk):
    peer = desk.peer()
    try:
        peer.connection.connect(peer.login, "wrong", wait=True)
        raise AssertionError("it was let in")
    except stomp.exception.ConnectFailedException:
        pass
    assert peer.errors.next("ERROR")["message"], "ERROR has no message"


@check
def send_and_subscribe(desk):
    peer = desk.open()
    to = desk.name()
    box = peer.subscribe(to)
    bodies = [f"message {i}" for i in range(100)]
    for body in bodies:
        peer.send(to, body)
    came = box.take(len(bodies), "message")
    equal([m.text() for m in came], bodies, "what came")
    equal({m.headers["destination"] for m in came}, {to}, "where it came from")


@check
def fan_out(desk):
    one, two = desk.open(), desk.open()
    topic = desk.name("topic")
    ours = desk.watch(one, topic)
    theirs = [one.subscribe(topic), two.subscribe(topic)]
    # An echo comes after the SUBSCRIBE before it.
    desk.echo(one, b"")
    desk.echo(two, b"")
    desk.publish(one, topic, 2)
    one.send(topic, "3")
    for box in theirs:
        equal([m.text() for m in box.take(3, "message")], ["1", "2", "3"], "what came")
    expect(one, topic, ours, ["1", "2", "3"])


@check
def text(desk):
    same(desk, "one\ntwo\r\nthree\n", "text/plain")


@check
def utf_8(desk):
    same(desk, "grüße, Ελλάδα, 日本, 🦉", "text/plain;charset=utf-8")


@check
def binary(desk):
    same(desk, bytes(range(256)) * 2, "application/octet-stream")


@check
def empty(desk):
    same(desk, "", "text/plain")


@check
def nul(desk):
    same(desk, "\0one\0two\0", "text/plain")


@check
def large(desk):
    same(desk, "grüße, 0123456789\n" * math.ceil(desk.config["large"] / 20), "text/plain")


@check
def header_escapes(desk):
    # stomp.py unescapes in 1.0 as well, against the specification, so the backslash
    # of that version's value stands before a letter that no escape has.
    probe = {
        "1.0": "one:two\\five",
        "1.1": "one:two\nthree\\nfour\\\\five",
        "1.2": "one:two\nthree\rfour\\nfive\\\\six",
    }[desk.config["version"]]
    back = desk.echo(desk.open(), b"", **{"x-probe": probe})
    equal(back.headers["x-seen"], probe.encode().hex(), "the value that the partner saw")
    equal(back.headers["x-probe"], probe, "the value that came back")


@check
def ack_client(desk):
    source, peer, _, messages = queued(desk, 3, "client")
    peer.ack(messages[1])
    peer.leave()
    left(desk, source, ["3 again"])


@check
def ack_individual(desk):
    source, peer, _, messages = queued(desk, 3, "client-individual")
    peer.ack(messages[0])
    peer.ack(messages[2])
    peer.leave()
    left(desk, source, ["2 again"])


@check
def nack(desk):
    source, peer, box, messages = queued(desk, 1, "client-individual")
    peer.nack(messages[0])
    again = box.next("the message again")
    equal((again.text(), again.headers["redelivered"]), ("1", "true"), "what came")
    peer.ack(again)
    peer.leave()
    left(desk, source, [])


@check
def redelivery(desk):
    source, peer, _, _ = queued(desk, 3, "client")
    peer.vanish()
    left(desk, source, ["1 again", "2 again", "3 again"])


@check
def transaction_commit(desk):
    peer = desk.open()
    to = desk.name()
    seen = desk.watch(peer, to)
    tx = peer.connection.begin()
    peer.send(to, "1", transaction=tx)
    peer.send(to, "2", transaction=tx)
    peer.send(to, "outside")
    equal(story(seen.next("what was sent outside")), "outside", "what was sent outside")
    peer.connection.commit(tx)
    expect(peer, to, seen, ["1", "2"])


@check
def transaction_abort(desk):
    peer = desk.open()
    to = desk.name()
    seen = desk.watch(peer, to)
    tx = peer.connection.begin()
    peer.send(to, "1", transaction=tx)
    peer.connection.abort(tx)
    expect(peer, to, seen, [])


@check
def transaction_ack(desk):
    for end, bodies in (("commit", []), ("abort", ["1 again"])):
        source, peer, _, messages = queued(desk, 1, "client")
        tx = peer.connection.begin()
        peer.ack(messages[0], transaction=tx)
        getattr(peer.connection, end)(tx)
        peer.leave()
        left(desk, source, bodies)


@check
def receipt_send(desk):
    peer = desk.open()
    peer.receipt("SEND", lambda r: peer.send(desk.name(), "x", receipt=r))


@check
def receipt_subscribe(desk):
    peer = desk.open()
    peer.receipt("SUBSCRIBE", lambda r: peer.subscribe(desk.name(), receipt=r))


@check
def receipt_unsubscribe(desk):
    peer = desk.open()
    box = peer.subscribe(desk.name())
    peer.receipt("UNSUBSCRIBE", lambda r: peer.connection.unsubscribe(id=box.id, receipt=r))


@check
def receipt_ack(desk):
    _, peer, _, messages = queued(desk, 1, "client")
    peer.receipt("ACK", lambda r: peer.ack(messages[0], receipt=r))


@check
def receipt_disconnect(desk):
    peer = desk.open()
    peer.receipt("DISCONNECT", lambda r: peer.connection.disconnect(receipt=r))
    peer.closed.next("the end after DISCONNECT")


@check
def disconnect(desk):
    """The Go test checks that DISCONNECT was the last frame of this connection."""
    peer = desk.open()
    peer.send("/queue/control", "bye")
    peer.leave()


@check
def heart_beats(desk):
    peer = desk.open(beat=1000)
    start, beats = time.monotonic(), 0
    # The server cuts a client that is silent for 2 s, and beats every second.
    while beats < 3 or time.monotonic() - start < 3:
        peer.beats.next("a heart-beat")
        beats += 1
    equal(desk.echo(peer, b"still here").body, b"still here", "the echo")


@check
def silence(desk):
    peer = desk.open(beat=1000)
    peer.send("/queue/control", "silence")
    peer.lost.next("the heart-beats to cease")
    peer.closed.next("the end of the silent connection")
    equal(desk.echo(desk.open(), b"heard").body, b"heard", "the echo")


@check
def cut(desk):
    peer = desk.open()
    peer.send("/queue/control", "cut")
    peer.closed.next("the end of the connection")
    peer.connect(desk.config["passcode"])
    # The partner was cut as well: what is sent to it waits until it is back.
    equal(desk.echo(peer, b"back").body, b"back", "the echo")
