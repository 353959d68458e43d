"""Runs checks of stomp.py against a broker and the partner behind it, and prints
the result of each:

    ok NAME
    fail NAME: reason
    end

The exit status is 0 when it reaches the end, whatever the results. Its one
argument is a JSON object:

    url              of the broker: tcp://host:port
    version          of STOMP that the client speaks: 1.0, 1.1 or 1.2
    login, passcode
    checks           names, see checks.py
    large            bytes of the large body
"""

import json
import os
import sys
import threading

from checks import CHECKS
from desk import Desk

# PATIENCE bounds one check, in seconds.
PATIENCE = 60

# The checks that wait for heart-beats take seconds, so they run at the same time,
# when nothing else keeps the interpreter from their heart-beats. The one that cuts
# every connection of the broker runs last, alone.
SLOW = ("heart-beats", "silence")
LAST = ("cut",)


def say(line):
    print(line, flush=True)


def attempt(config, name):
    """Runs one check and returns why it failed, None if it did not."""
    desk = Desk(config, name)
    try:
        if name not in CHECKS:
            return "there is no such check"
        CHECKS[name](desk)
        return None
    except Exception as err:
        return " ".join(f"{type(err).__name__}: {err}".split())
    finally:
        desk.clear()


class Run(threading.Thread):
    """One running check. stomp.py waits without a time limit in places: a thread
    that hangs is left behind."""

    def __init__(self, config, name):
        super().__init__(daemon=True)
        self.config, self.check, self.reason = config, name, None
        self.start()

    def run(self):
        self.reason = attempt(self.config, self.check)

    def tell(self):
        self.join(PATIENCE)
        reason = f"the check took longer than {PATIENCE} s" if self.is_alive() else self.reason
        say(f"ok {self.check}" if reason is None else f"fail {self.check}: {reason}")


def main():
    config = json.loads(sys.argv[1])
    names = config["checks"]
    for name in names:
        if name not in SLOW and name not in LAST:
            Run(config, name).tell()
    for run in [Run(config, name) for name in names if name in SLOW]:
        run.tell()
    for name in names:
        if name in LAST:
            Run(config, name).tell()
    say("end")
    os._exit(0)  # whatever threads are left


main()
