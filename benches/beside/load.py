"""Load on a subject and what it cost: wrk, h2load and openssl's s_time, and small clients of our own."""

import dataclasses
import http.client
import os
import re
import socket
import ssl
import statistics
import subprocess
import time

from . import processes
from .processes import Fault

UNITS = {"us": 1.0, "ms": 1e3, "s": 1e6, "m": 6e7}
TIMEOUT_SECONDS = 30


@dataclasses.dataclass
class Turn:
    """What a subject did in one round."""

    #: Requests, or handshakes, a second.
    rate: float
    #: Microseconds; `None` where the client does not say.
    p50: float | None
    p99: float | None
    #: The subject's own processor time for each, microseconds.
    cpu: float
    #: Shares of the subject's core: its own, and of whatever else ran there.
    own: float
    others: float


def turn(bench, subject, run):
    """One turn: `run` gives the number done, the seconds it took, and the latencies or `None`s."""
    before = subject.process.cpu(), processes.busy(bench.subject_core), time.monotonic()
    done, seconds, p50, p99 = run()
    after = subject.process.cpu(), processes.busy(bench.subject_core), time.monotonic()
    cpu, busy, whole = (late - early for late, early in zip(after, before))
    if done == 0:
        raise Fault(f"{subject.name} answered nothing")
    others = max(0.0, busy - cpu) / whole
    return Turn(done / seconds, p50, p99, cpu * 1e6 / done, cpu / whole, others)


def rounds(bench, contestants):
    """All take their turns in each round, after one that is not counted (a quick run has none). Who begins changes,
    since a machine drifts within a round too. `contestants` are names, subjects and what runs; gives a list of turns
    for each name.
    """
    turns = {name: [] for name, _, _ in contestants}
    for number in range(1 if bench.effort.quick else 0, bench.effort.rounds + 1):
        first = number % len(contestants)
        for name, subject, run in contestants[first:] + contestants[:first]:
            bench.say(f"round {number} of {bench.effort.rounds}: {name}")
            one = turn(bench, subject, run)
            if number > 0:
                turns[name].append(one)
            bench.others = max(bench.others, one.others)
    bench.keep(turns)
    return turns


def median(turns, figure):
    """The median of a figure over the rounds."""
    return statistics.median(getattr(one, figure) for one in turns)


def ratio(turns, beside, figure):
    """The median of the rounds' ratios of a figure."""
    return statistics.median(getattr(one, figure) / getattr(other, figure) for one, other in zip(turns, beside))


def wrk(bench, url, headers, connections=None, refused=False, script=None, environment=None):
    """What runs wrk. Every answer has to be a 2xx, or with `refused` none."""
    connections = connections or bench.effort.connections
    arguments = ["wrk", "-t1", f"-c{connections}", f"-d{bench.effort.seconds}s", "--latency", *given(headers)]
    arguments += ["-s", str(script), url] if script else [url]

    def run():
        text = output(arguments, bench.effort.seconds, environment)
        done, seconds = find(r"(\d+) requests in ([\d.]+\w+),", text)
        done = int(done)
        failed = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
        if failed and any(map(int, failed.groups())):
            raise Fault(f"wrk met errors at {url}: {failed[0]}")
        other = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
        if (int(other[1]) if other else 0) != (done if refused else 0):
            raise Fault(f"not all answers at {url} were {'refusals' if refused else '2xx'}: {text}")
        p50, p99 = (find(rf"{percent}%\s+([\d.]+[a-z]+)", text)[0] for percent in (50, 99))
        return done, microseconds(seconds) / 1e6, microseconds(p50), microseconds(p99)

    return run


def h2load(bench, url, headers, connections, streams):
    """What runs h2load over HTTP/2 without TLS. Every answer has to be a 2xx."""
    arguments = ["h2load", "-t1", f"-c{connections}", f"-m{streams}", "-D", f"{bench.effort.seconds}s"]
    arguments += [*given(headers), url]

    def run():
        text = output(arguments, bench.effort.seconds)
        rate = float(find(r"finished in .*?, ([\d.]+) req/s", text)[0])
        done, *others = map(int, find(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", text))
        if any(others) or done == 0:
            raise Fault(f"not all answers at {url} were 2xx: {text}")
        return done, done / rate, None, None

    return run


def handshakes(bench, port, certificates, clients):
    """What runs `openssl s_time -new`, several at once: whole handshakes with a client certificate, and on each
    connection a request that goes no further than the subject, so that both sides have seen the handshake's end.
    """
    arguments = ["openssl", "s_time", "-new", "-www", "/nothing", "-time", str(bench.effort.seconds)]
    arguments += ["-connect", f"127.0.0.1:{port}"]
    bundle = str(certificates.bundle)
    arguments += ["-cert", bundle, "-key", bundle, "-CAfile", str(certificates.authority)]

    def run():
        children = [
            subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            for _ in range(clients)
        ]
        done = 0
        try:
            for child in children:
                text, _ = child.communicate(timeout=bench.effort.seconds + TIMEOUT_SECONDS)
                found = re.search(r"(\d+) connections in \d+ real seconds", text)
                if child.returncode != 0 or not found:
                    raise Fault(f"openssl s_time fails at port {port}: {text.strip()[-500:]}")
                done += int(found[1])
        finally:
            for child in children:
                child.kill()
        return done, bench.effort.seconds, None, None

    return run


def output(arguments, seconds, environment=None):
    """What a client of a known length printed."""
    try:
        done = subprocess.run(
            arguments,
            capture_output=True,
            text=True,
            timeout=seconds + TIMEOUT_SECONDS,
            env=os.environ | (environment or {}),
        )
    except subprocess.TimeoutExpired:
        raise Fault(f"{arguments[0]} did not end in its time: the subject does not answer") from None
    if done.returncode != 0:
        raise Fault(f"{arguments[0]} fails: {(done.stdout + done.stderr).strip()[-500:]}")
    return done.stdout


def find(pattern, text):
    """The groups of what a client must have printed."""
    found = re.search(pattern, text)
    if found is None:
        raise Fault(f"a client printed what this script does not know: {text.strip()[-500:]}")
    return found.groups()


def given(headers):
    """Headers as wrk and h2load take them."""
    return [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]


def microseconds(text):
    """wrk's `1.23ms` and such."""
    number, unit = re.fullmatch(r"([\d.]+)([a-z]+)", text).groups()
    return float(number) * UNITS[unit]


def fetch(port, path, headers, certificates=None):
    """One exchange: the status and the body. Over TLS with the partner's certificate where there are `certificates`."""
    if certificates is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    else:
        context = tls_context(certificates)
        connection = http.client.HTTPSConnection("localhost", port, timeout=TIMEOUT_SECONDS, context=context)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def tls_context(certificates):
    """TLS 1.3 with the partner's certificate."""
    context = ssl.create_default_context(cafile=str(certificates.authority))
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(str(certificates.bundle))
    return context


def request(path, headers):
    """A request's bytes."""
    lines = [f"GET {path} HTTP/1.1", "Host: gateway", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def first_byte(port, path, headers):
    """Seconds from the request to the first byte of the body; what follows is not read."""
    with socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        asked = request(path, headers)
        start = time.perf_counter()
        connection.sendall(asked)
        got = b""
        while not has_body(got):
            piece = connection.recv(65_536)
            if not piece:
                raise Fault(f"no body came from port {port} for {path}: {got[:200]!r}")
            got += piece
        took = time.perf_counter() - start
    if not got.startswith(b"HTTP/1.1 200 "):
        raise Fault(f"port {port} refuses {path}: {got[:500]!r}")
    return took


def has_body(got):
    """Whether a byte of the body is there: the size of a chunk is none."""
    head, found, rest = got.partition(b"\r\n\r\n")
    if found and b"transfer-encoding: chunked" in head.lower():
        return len(rest.partition(b"\r\n")[2]) > 0
    return len(rest) > 0
