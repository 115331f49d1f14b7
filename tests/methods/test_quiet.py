"""Native notes on standard error are held back, and shown where something went wrong."""

import os
import threading

import pytest

from tasks.methods.quiet import quiet


def test_quiet_drops_native_notes_and_lets_later_ones_through(capfd):
    with quiet():
        os.write(2, b"a note\n")
    os.write(2, b"an error\n")

    assert capfd.readouterr().err == "an error\n"


def test_quiet_shows_what_it_held_when_the_block_raises(capfd):
    def fail():
        os.write(2, b"the cause\n")
        raise ValueError("why")

    with pytest.raises(ValueError, match="why"), quiet():
        fail()

    assert capfd.readouterr().err == "the cause\n"


def test_quiet_puts_standard_error_back_when_threads_overlap(capfd):
    inside, leave = threading.Event(), threading.Event()

    def hold():
        with quiet():
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=hold)
    with quiet():
        thread.start()
        assert inside.wait(10)
    os.write(2, b"still held\n")
    leave.set()
    thread.join(10)
    os.write(2, b"back\n")

    assert capfd.readouterr().err == "back\n"
