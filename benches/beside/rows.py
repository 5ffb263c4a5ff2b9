"""The rows: what is asked of whom, at what load, and which goals the figures are held against.

Each function of `ROWS` starts the subjects that it needs, checks their answers, measures in rounds, prints its table
and notes its goals, which are what the project set itself; figures that fall short are printed like the others.
"""

import collections
import contextlib
import http.client
import json
import socket
import threading
import time

from . import load, service
from .load import fetch, median, ratio, wrk
from .processes import Fault
from .subjects import Envoy, Fieldgate, HAProxy, Lua, Nginx
from .table import table

# Connections that ask for large bodies.
CONNECTIONS_LARGE = 8
# While idle connections are opened, no more of them than this are unanswered at once.
UNANSWERED = 64
HTTP2_CONNECTIONS, STREAMS = 8, 32
HANDSHAKE_CLIENTS = 8
BROKEN_HANDSHAKES = 'fieldgate_connections_refused_total{reason="handshake"}'
# Streams and idle connections are measured when nothing has changed for so long, seconds.
SETTLE_SECONDS = 2
# A slow reader: bytes it takes at a time, and its socket's buffer.
SIP_BYTES, SLOW_BUFFER = 512, 4_096


def start(bench, *kinds):
    """The subjects that can run here, the others said to be missing."""
    subjects = []
    for kind in kinds:
        why = kind.missing()
        if why:
            bench.skip(f"{kind.name}: {why}")
        else:
            subjects.append(kind(bench))
    return subjects


def check(bench, subject, path, document, certificates=None):
    """Its answer is the right one, before anything is timed."""
    port = subject.tls_port if certificates else subject.port
    headers = by_certificate(subject) if certificates else subject.headers()
    status, body = fetch(port, path, headers, certificates)
    expected = document.body if subject.gives == "whole" else document.released
    right = body == expected
    if subject.gives == "T1 rewritten" and status == 200:
        right = json.loads(body) == json.loads(expected)
    if status != 200 or not right:
        raise Fault(f"{subject.name} gives a wrong answer for {path}: {status} {body[:500]!r}")


def by_certificate(subject):
    """What a request has to carry where a certificate says who asks: the purpose is declared all the same."""
    return {name: value for name, value in subject.headers().items() if name != "X-API-Key"}


def rate_rows(turns, contestants, beside, amount=None):
    """The common columns; with `amount`, bytes of a body, MB/s too."""
    rows = []
    for name, subject, _ in contestants:
        own, other = turns[name], turns[beside]
        row = [name, median(own, "rate"), ratio(own, other, "rate")]
        if amount:
            row.append(median(own, "rate") * amount / 1e6)
        if own[0].p99 is not None:
            row += [median(own, "p50"), median(own, "p99"), ratio(own, other, "p99")]
        row += [median(own, "cpu"), ratio(own, other, "cpu"), 100 * median(own, "own")]
        row.append(subject.process.resident() / 1_024)
        rows.append(row)
    return rows


COST = ["CPU µs each", "x", "busy %", "RSS MiB"]
LATENCY = ["p50 µs", "p99 µs", "x"]


def small(bench):
    """1.2 KB over HTTP/1.1 without TLS, connections kept open."""
    subjects = start(bench, Nginx, HAProxy, Envoy, Lua, Fieldgate)
    contestants = []
    for subject in subjects:
        check(bench, subject, "/records", bench.service.small)
        url = f"http://127.0.0.1:{subject.port}/records"
        contestants.append((subject.name, subject, wrk(bench, url, subject.headers())))
    turns = load.rounds(bench, contestants)
    length = len(bench.service.small.body)
    bench.heading(f"One record of {length} bytes, HTTP/1.1, {bench.effort.connections} connections")
    table(["proxy", "req/s", "x of nginx", *LATENCY, *COST], rate_rows(turns, contestants, Nginx.name))
    own = turns[Fieldgate.name]
    plain = turns[Nginx.name]
    bench.goal("1.2 KB", "CPU per request, x of nginx plain", 1.0, ratio(own, plain, "cpu"), most=True)
    bench.goal("1.2 KB", "requests/s, x of nginx plain", 0.95, ratio(own, plain, "rate"))
    bench.goal("1.2 KB", "p99, x of nginx plain", 1.2, ratio(own, plain, "p99"), most=True)
    for kind, goal in ((Lua, 1.7), (Envoy, 2.5)):
        if kind.name in turns:
            bench.goal("1.2 KB", f"requests/s, x of {kind.name}", goal, ratio(own, turns[kind.name], "rate"))


def large(bench):
    """1 MiB over HTTP/1.1 without TLS."""
    subjects = start(bench, Nginx, HAProxy, Envoy, Lua, Fieldgate)
    contestants = []
    for subject in subjects:
        check(bench, subject, "/large", bench.service.large)
        url = f"http://127.0.0.1:{subject.port}/large"
        contestants.append((subject.name, subject, wrk(bench, url, subject.headers(), connections=CONNECTIONS_LARGE)))
    turns = load.rounds(bench, contestants)
    length = len(bench.service.large.body)
    bench.heading(f"{length} bytes, HTTP/1.1, {CONNECTIONS_LARGE} connections; MB are of the service's body")
    table(["proxy", "req/s", "x of nginx", "MB/s", *LATENCY, *COST], rate_rows(turns, contestants, Nginx.name, length))
    own = turns[Fieldgate.name]
    bench.goal("1 MiB", "MB/s, x of nginx plain", 0.7, ratio(own, turns[Nginx.name], "rate"))
    if Lua.name in turns:
        bench.goal("1 MiB", f"MB/s, x of {Lua.name}", 20, ratio(own, turns[Lua.name], "rate"))


def long(bench):
    """The first byte of a long body, and a very long one's memory."""
    plain, own = start(bench, Nginx, Fieldgate)
    first = {plain.name: [], own.name: []}
    for _ in range(bench.effort.first_bytes + 1):
        for subject in (plain, own):
            first[subject.name].append(load.first_byte(subject.port, "/long", subject.headers()) * 1e6)
    own.process.end()
    middle = {name: sorted(all_of_them[1:])[len(all_of_them) // 2] for name, all_of_them in first.items()}
    bench.heading(f"First byte of {bench.effort.long_bytes >> 20} MiB, the median of {bench.effort.first_bytes}")
    table(["proxy", "first byte after, µs"], [[name, value] for name, value in middle.items()])
    later = (middle[own.name] - middle[plain.name]) / 1e3
    work = f"{bench.effort.long_bytes >> 20} MiB"
    bench.goal(work, "first byte after nginx plain's, ms", 1.0, later, most=True)

    rows = []
    for subject in (plain, Fieldgate(bench)):
        check(bench, subject, "/records", bench.service.small)
        time.sleep(SETTLE_SECONDS)
        rows.append([subject.name, *whole(bench, subject)])
    work = f"{bench.effort.huge_bytes >> 20} MiB"
    bench.heading(f"{work}, read as fast as they come")
    table(["proxy", "MB/s of body", "idle, MiB", "at most, MiB", "above idle, MiB"], rows)
    bench.goal(work, "MiB above idle", 8, rows[1][4], most=True)


def whole(bench, subject):
    """A body of great length: MB/s of the service's body, MiB resident when idle, at most, and the difference."""
    council = bench.service
    count = service.repeats(bench.effort.huge_bytes, council.block)
    block = council.block if subject.gives == "whole" else council.released_block
    expected = service.body_length(count, block)
    idle = most = subject.process.resident()
    ended = threading.Event()

    def watch():
        nonlocal most
        while not ended.wait(0.1):
            most = max(most, subject.process.resident())

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    buffer = bytearray(1 << 20)
    begun = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", subject.port, timeout=load.TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/huge", headers=subject.headers())
        response = connection.getresponse()
        got, end = 0, b""
        while read := response.readinto(buffer):
            got += read
            end = bytes(buffer[max(0, read - len(service.END)) : read])
    finally:
        connection.close()
        ended.set()
        watching.join()
    took = time.monotonic() - begun
    if response.status != 200 or got != expected or not service.END.endswith(end):
        found = f"{got} bytes of a very long body, status {response.status}"
        raise Fault(f"{subject.name} gives {found}, instead of {expected} bytes")
    return service.body_length(count, council.block) / took / 1e6, idle / 1_024, most / 1_024, (most - idle) / 1_024


def streams(bench):
    """Many streams at once, all full to the brim: the service sends as fast as it may, the partners sip."""
    rows = []
    for kind in (Nginx, Fieldgate):
        (subject,) = start(bench, kind)
        check(bench, subject, "/records", bench.service.small)
        time.sleep(SETTLE_SECONDS)
        idle = subject.process.resident()
        with contextlib.ExitStack() as stack:
            got = sip(stack, subject, bench.effort.streams, bench.effort.stream_seconds)
            most = subject.process.resident()
        rows.append([subject.name, idle / 1_024, most / 1_024, (most - idle) / len(got), min(got)])
        subject.process.end()
    seconds = bench.effort.stream_seconds
    bench.heading(f"{bench.effort.streams} streams, their partners slow, {seconds} s after the last of them has begun")
    table(["proxy", "idle, MiB", "then, MiB", "KiB each", "read by the slowest, bytes"], rows)
    bench.goal(f"{bench.effort.streams:,} active streams", "KiB each", 128, rows[1][3], most=True)


def sip(stack, subject, count, seconds):
    """`count` streams that each read a little, again and again, for so long after the last of them has begun; they stay
    open until `stack` ends. Gives how many bytes each has read."""
    asked = load.request("/long", subject.headers())
    connections = []
    for _ in range(count):
        connection = stack.enter_context(socket.socket())
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SLOW_BUFFER)
        connection.settimeout(load.TIMEOUT_SECONDS)
        connection.connect(("127.0.0.1", subject.port))
        connection.sendall(asked)
        connection.setblocking(False)
        connections.append(connection)
    got = [0] * count
    begun_by = time.monotonic() + load.TIMEOUT_SECONDS
    until = None
    while until is None or time.monotonic() < until:
        for place, connection in enumerate(connections):
            with contextlib.suppress(BlockingIOError):
                piece = connection.recv(SIP_BYTES)
                if not piece:
                    raise Fault(f"{subject.name} ended a stream")
                got[place] += len(piece)
        if until is None and all(got):
            until = time.monotonic() + seconds
        if until is None and time.monotonic() > begun_by:
            raise Fault(f"{subject.name}: {got.count(0)} of {count} streams have not begun in their time")
        time.sleep(0.1)
    return got


def idle(bench):
    """Many connections that have had one answer each and stay open; a tenth as many with TLS, which take time."""
    rows = []
    for kind in (Nginx, Fieldgate):
        for over, path, count, certificates in (
            ("", "/records", bench.effort.idle, None),
            (" over TLS", "/secure", bench.effort.idle // 10, bench.certificates),
        ):
            (subject,) = start(bench, kind)
            check(bench, subject, path, bench.service.small, certificates)
            time.sleep(SETTLE_SECONDS)
            before = subject.process.resident()
            with contextlib.ExitStack() as stack:
                open_idle(stack, subject, path, count, certificates)
                time.sleep(SETTLE_SECONDS)
                then = subject.process.resident()
            rows.append([f"{subject.name}{over}", count, before / 1_024, then / 1_024, (then - before) / count])
            subject.process.end()
    bench.heading("Connections that have had one answer each and stay open")
    table(["proxy", "connections", "before, MiB", "then, MiB", "KiB each"], rows)
    bench.goal(f"{bench.effort.idle:,} idle connections", "KiB each", 24, rows[2][4], most=True)


def open_idle(stack, subject, path, count, certificates):
    """Opens `count` connections and asks once on each; they stay open until `stack` ends."""
    asked = load.request(path, by_certificate(subject) if certificates else subject.headers())
    context = load.tls_context(certificates) if certificates else None
    waiting = collections.deque()
    for number in range(count):
        port = subject.tls_port if certificates else subject.port
        connection = socket.create_connection(("127.0.0.1", port), load.TIMEOUT_SECONDS)
        if context:
            connection = context.wrap_socket(connection, server_hostname="localhost")
        stack.enter_context(connection)
        connection.sendall(asked)
        waiting.append(connection)
        while len(waiting) > (UNANSWERED if number + 1 < count else 0):
            if not waiting.popleft().recv(65_536).startswith(b"HTTP/1.1 200 "):
                raise Fault(f"{subject.name} does not answer one of {count} connections")


def tls(bench):
    """TLS 1.3 with a client certificate from the partner, and TLS to the service."""
    preload = bench.client_certificate()
    if preload is None:
        return
    certificates = bench.certificates
    environment = {"LD_PRELOAD": str(preload), "CLIENT_CERTIFICATE": str(certificates.bundle)}
    subjects = start(bench, Nginx, Fieldgate)
    contestants, shaking = [], []
    for subject in subjects:
        check(bench, subject, "/secure", bench.service.small, certificates)
        url = f"https://127.0.0.1:{subject.tls_port}/secure"
        run = wrk(bench, url, by_certificate(subject), environment=environment)
        contestants.append((subject.name, subject, run))
        run = load.handshakes(bench, subject.tls_port, certificates, HANDSHAKE_CLIENTS)
        shaking.append((subject.name, subject, run))
    turns = load.rounds(bench, contestants)
    both = "TLS 1.3 on both sides, with the partner's certificate"
    bench.heading(f"The same record, {both}; {bench.effort.connections} connections, their handshakes counted in")
    table(["proxy", "req/s", "x of nginx", *LATENCY, *COST], rate_rows(turns, contestants, Nginx.name))
    own, plain = turns[Fieldgate.name], turns[Nginx.name]
    bench.goal("TLS", "requests/s, x of nginx", 0.9, ratio(own, plain, "rate"))
    bench.goal("TLS", "requests for the same CPU, x of nginx", 0.9, ratio(plain, own, "cpu"))
    fieldgate = shaking[-1][1]
    broken = fieldgate.metric(BROKEN_HANDSHAKES)
    turns = load.rounds(bench, shaking)
    if fieldgate.metric(BROKEN_HANDSHAKES) > broken:
        raise Fault("fieldgate counts handshakes as broken that the clients count as done")
    clients = f"{HANDSHAKE_CLIENTS} clients of `openssl s_time -new`"
    bench.heading(f"Whole handshakes, with the partner's certificate, {clients}, a request each that goes no further")
    table(["proxy", "handshakes/s", "x of nginx", *COST], rate_rows(turns, shaking, Nginx.name))
    own, plain = turns[Fieldgate.name], turns[Nginx.name]
    # The clients take as long as the subject does, so its core is not always full: its own time is what counts.
    bench.goal("TLS handshakes", "a second of the subject's core, x of nginx", 0.9, ratio(plain, own, "cpu"))


def http2(bench):
    """HTTP/2 without TLS, 32 streams a connection."""
    subjects = start(bench, Nginx, Fieldgate)
    contestants = []
    for subject in subjects:
        check(bench, subject, "/records", bench.service.small)
        url = f"http://127.0.0.1:{subject.http2_port}/records"
        run = load.h2load(bench, url, subject.headers(), HTTP2_CONNECTIONS, STREAMS)
        contestants.append((subject.name, subject, run))
    turns = load.rounds(bench, contestants)
    bench.heading(f"The same record over HTTP/2, {HTTP2_CONNECTIONS} connections of {STREAMS} streams")
    table(["proxy", "req/s", "x of nginx", *COST], rate_rows(turns, contestants, Nginx.name))
    bench.goal("HTTP/2", "requests/s, x of nginx", 0.9, ratio(turns[Fieldgate.name], turns[Nginx.name], "rate"))


def refusals(bench):
    """Requests without a purpose, refused, beside releases."""
    (subject,) = start(bench, Fieldgate)
    check(bench, subject, "/records", bench.service.small)
    unnamed = {name: value for name, value in subject.headers().items() if name != "Data-Purpose"}
    status, body = fetch(subject.port, "/records", unnamed)
    if not 400 <= status < 500:
        raise Fault(f"a request without a purpose gets {status}: {body[:200]!r}")
    url = f"http://127.0.0.1:{subject.port}/records"
    contestants = [
        ("release", subject, wrk(bench, url, subject.headers())),
        ("refusal: no purpose declared", subject, wrk(bench, url, unnamed, refused=True)),
    ]
    turns = load.rounds(bench, contestants)
    bench.heading(f"Refusals beside releases, {bench.effort.connections} connections")
    table(["exchange", "req/s", "x of releases", *LATENCY, *COST], rate_rows(turns, contestants, "release"))
    bench.goal("refusals", "x of the rate of releases", 2.0, ratio(turns[contestants[1][0]], turns["release"], "rate"))


def agreements(bench):
    """Many agreements of many partners beside one."""
    count, partners = bench.effort.agreements
    one = Fieldgate(bench, bodies=["records"])
    many = Fieldgate(bench, count, partners, ["records"])
    contestants = []
    for name, subject, asked in (
        ("one agreement", one, one.asked),
        (f"{count:,} of {partners} partners, one asked for", many, many.asked[:1]),
        (f"{count:,} of {partners} partners, each in turn", many, many.asked),
    ):
        check(bench, subject, "/records", bench.service.small)
        # All go through a script, which costs the client time.
        script = bench.folder / f"ask-{len(contestants)}.lua"
        script.write_text(asking(asked))
        url = f"http://127.0.0.1:{subject.port}/records"
        contestants.append((name, subject, wrk(bench, url, {}, script=script)))
    turns = load.rounds(bench, contestants)
    bench.heading(f"Many agreements, {bench.effort.connections} connections")
    table(["loaded", "req/s", "x of one", *LATENCY, *COST], rate_rows(turns, contestants, "one agreement"))
    for name, _, _ in contestants[1:]:
        bench.goal(name, "requests/s, x of one agreement", 0.97, ratio(turns[name], turns["one agreement"], "rate"))
        cpu = ratio(turns[name], turns["one agreement"], "cpu")
        bench.goal(name, "CPU per request, x of one agreement", 1.03, cpu, most=True)


def asking(asked):
    """wrk's script that asks under each of the agreements in turn."""
    pairs = ",\n".join(f'{{"{key}", "{purpose}"}}' for key, purpose in asked)
    return f"""
local asked, requests, place = {{ {pairs} }}, {{}}, 0
function init()
    for number, one in ipairs(asked) do
        requests[number] = wrk.format("GET", nil, {{ ["X-API-Key"] = one[1], ["Data-Purpose"] = one[2] }})
    end
end
function request()
    place = place % #requests + 1
    return requests[place]
end
"""


ROWS = {row.__name__: row for row in (small, large, long, streams, idle, tls, http2, refusals, agreements)}
