"""Signatures of processes: whose they are, and whether it still runs."""

import socket
import subprocess
import sys

from model_registry import processes


def test_signature_names_the_machine_whatever_container_it_is_in():
    assert processes.host(processes.signature()) == socket.gethostname()
    assert processes.host("far/4026531836:12:0.50") == "far"
    assert processes.host("") == ""


def test_only_a_process_of_this_machine_that_ended_counts_as_gone():
    assert not processes.gone(processes.signature())
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert processes.gone(f"{processes.machine()}:{child.pid}:1.00")
    assert not processes.gone(f"far/1:{child.pid}:1.00")


def test_another_process_with_the_number_of_one_that_ended_is_told_by_its_start():
    host, number, _ = processes.signature().split(":")
    assert processes.gone(f"{host}:{number}:1.00")
