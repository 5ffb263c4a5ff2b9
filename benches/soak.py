#!/usr/bin/env python3
"""Mixed load with faults for a long time: no wrong byte, no failure that no fault explains, memory and descriptors flat.

    cargo build --release
    python3 benches/soak.py                      20 minutes before target/release/fieldgate
    python3 benches/soak.py --seconds 120 --binary target/debug/fieldgate

Starts a service that answers well and one that resets, closes early and trickles; the gateway before both; partners
over HTTP/1.1, HTTP/1.1 in TLS and HTTP/2 that ask, list, push and are refused, slow ones, and ones that leave. Every
second the agreement is written anew and the certificate changed, and the gateway gets SIGHUP, or now and then SIGUSR2,
for which it goes on as a new program. Python's standard library, openssl for the certificates, Linux for /proc.

The last line is the verdict. Exit code 0: all well. 1: a wrong byte, a ledger that is not whole, an end that was not
asked for, an unexplained failure, or something that grew. 3: it could not run, or failures and growth stand beside a
machine that was too busy to run it on: then they say nothing of the gateway, and it is to be run alone.
"""

import argparse
import collections
import hashlib
import json
import os
import random
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time

KEY = "health-key-0123456789"
LIST = 2_000  # records of a large answer
PAUSE = 0.004  # between two requests of one partner, so that the ledger of a long run fits a disk
STARVED = 3.0  # seconds that this program's own beat of one second may be late; partners give up after 30


def agreement(version):
    """The agreement as it is in this version: odd ones share the year too."""
    kept = "[$.name, $.year]" if version % 2 else "[$.name]"
    listed = '["$[*].name", "$[*].year"]' if version % 2 else '["$[*].name"]'
    disclosure = """
  - name: {name}
    purposes: [care]
    request: {request}
    service: {{ name: {service}, path: "{path}" }}
    {more}
    response:
      format: json
      fields:
        - keep: {kept}"""
    number = "parameters: { path: { number: keep } }"
    push = number + "\n    request_body: { format: json, fields: [ { keep: [$.text] } ] }"
    rows = [
        ("person", "GET /people/{number}", "steady", "/people/{number}", number, kept),
        ("people", "GET /lists/{number}", "steady", "/lists/{number}", number, listed),
        ("note", "POST /notes/{number}", "steady", "/notes/{number}", push, "[$.text]"),
        ("faulty", "GET /faulty/{number}", "flaky", "/faulty/{number}", number, listed),
    ]
    text = "".join(
        disclosure.format(name=n, request=r, service=s, path=p, more=m, kept=k) for n, r, s, p, m, k in rows
    )
    return (
        f"agreement: soak\nversion: {version}\ntitle: Soak with Island Health\n"
        "parties: { controller: isle-council, partner: island-health }\n"
        "term: { starts: 2020-01-01, ends: 2199-12-31 }\npurposes: { care: Offer care }\ndisclosures:" + text + "\n"
    )


def configuration(folder, ports, steady, flaky):
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    return (
        f"listen:\n  - {{ address: '127.0.0.1:{ports[0]}', insecure_plain_http: true }}\n"
        f"  - {{ address: '127.0.0.1:{ports[1]}', tls: {{ certificate: live.pem, key: live.pem }} }}\n"
        f"admin: {{ address: '127.0.0.1:{ports[2]}' }}\ncontroller: {{ name: isle-council }}\n"
        f"partners: [{{ name: island-health, identify: {{ api_keys: [{{ name: key, sha256: {digest} }}] }} }}]\n"
        f"services: [{{ name: steady, url: 'http://127.0.0.1:{steady}' }}, {{ name: flaky, url: 'http://127.0.0.1:{flaky}' }}]\n"
        "agreements: [soak.yaml]\nkeys: { root_key_file: root.key }\nledger: { directory: ledger }\n"
        "limits: { header_read: 2s, connection_idle: 20s, body_idle: 3s, drain: 5s, drain_idle: 2s }\n"
        "log: { format: json, level: warn }\nworkers: 2\n"
    )


def person(number):
    return {"name": f"Person {number}", "notes": "not agreed", "year": 1900 + number % 100}


def expected(kind, number):
    """Every body that an exchange may have: one for each version of the agreement."""
    def pick(record, keys):
        return {key: record[key] for key in keys}
    def text(value):
        return json.dumps(value, separators=(",", ":")).encode()
    versions = (["name"], ["name", "year"])
    if kind == "note":
        return [text({"text": f"note {number}"})]
    if kind == "person":
        return [text(pick(person(number), keys)) for keys in versions]
    count = LIST if kind == "list" else 3
    return [text([pick(person(number + i), keys) for i in range(count)]) for keys in versions]


# --- services ---------------------------------------------------------------------------------------------------


def read_request(stream):
    """The head of the next request, and its body; None at the connection's end."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = stream.readline(65_536)
        if not line:
            return None
        head += line
    body = b""
    found = re.search(rb"(?i)content-length: (\d+)", head)
    if found:
        body = stream.read(int(found[1]))
    elif b"chunked" in head.lower():
        while size := int(stream.readline(), 16):
            body += stream.read(size)
            stream.readline()
        stream.readline()
    return head.decode(), body


def answer_steady(connection, head, body):
    number = int(re.search(r"/(\d+) ", head)[1])
    if "/notes/" in head:
        value = {"text": json.loads(body)["text"], "stored": "not agreed"}
    elif "/lists/" in head:
        value = [person(number + i) for i in range(LIST)]
    else:
        value = person(number)
    send_json(connection, value)
    return True


def send_json(connection, value):
    body = json.dumps(value, separators=(",", ":")).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)


def answer_flaky(connection, head, _body):
    number = int(re.search(r"/(\d+) ", head)[1])
    body = json.dumps([person(number + i) for i in range(3)], separators=(",", ":")).encode()
    start = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    fault = number % 5
    if fault == 0:  # resets
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False
    if fault == 1:  # closes early
        connection.sendall(start + body[: len(body) // 2])
        return False
    if fault == 2:  # closes before the head
        return False
    if fault == 3:  # trickles, and ends well
        connection.sendall(start)
        for at in range(0, len(body), 16):
            connection.sendall(body[at : at + 16])
            time.sleep(0.01)
        return True
    connection.sendall(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n")
    return True


def serve(answer):
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)

    def each(connection):
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            stream = connection.makefile("rb")
            while (request := read_request(stream)) and answer(connection, *request):
                pass
            stream.close()
        except (OSError, ValueError):
            pass
        finally:
            connection.close()

    def accept():
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=each, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()[1]


# --- partners ---------------------------------------------------------------------------------------------------


class Tally:
    def __init__(self):
        self.lock = threading.Lock()
        self.counts = collections.Counter()
        self.wrong = []
        self.unexplained = []

    def count(self, partner, outcome):
        with self.lock:
            self.counts[partner, outcome] += 1

    def fail(self, where, text):
        with self.lock:
            where.append(text)
            print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


class Http1:
    """A kept connection; `ask` gives status and body, and `None` for a body that was cut off."""

    def __init__(self, port, tls):
        self.port, self.tls, self.stream = port, tls, None

    def connect(self):
        raw = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            raw = context.wrap_socket(raw)
        self.socket, self.stream = raw, raw.makefile("rb")

    def close(self):
        if self.stream:
            self.stream.close()
            self.socket.close()
            self.stream = None

    def ask(self, method, path, purpose, body):
        """As every client does: a kept connection that is closed before a byte of an answer is tried once anew, where
        asking twice changes nothing (RFC 9110 section 9.2.2)."""
        kept = self.stream is not None
        self.began = False
        try:
            answer = self.ask_once(method, path, purpose, body)
        except ConnectionError:
            if self.began or not kept or method != "GET":
                raise
            answer = 0, None
        if answer == (0, None) and kept and not self.began and method == "GET":
            self.close()
            return self.ask_once(method, path, purpose, body)
        return answer

    def ask_once(self, method, path, purpose, body):
        if not self.stream:
            self.connect()
        head = f"{method} {path} HTTP/1.1\r\nHost: gateway\r\nX-API-Key: {KEY}\r\nData-Purpose: {purpose}\r\n"
        if body:
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        self.socket.sendall(head.encode() + b"\r\n" + body)
        got = b""
        while not got.endswith(b"\r\n\r\n"):
            line = self.stream.readline(65_536)
            if not line:
                self.close()
                return 0, None
            self.began = True
            got += line
        lower = got.decode().lower()
        status, body = int(lower.split()[1]), b""
        if found := re.search(r"content-length: (\d+)", lower):
            body = self.stream.read(int(found[1]))
            if len(body) < int(found[1]):
                body = None
        elif "chunked" in lower:
            try:
                while size := int(self.stream.readline(), 16):
                    body += self.stream.read(size)
                    self.stream.readline()
                self.stream.readline()
            except (ValueError, OSError):
                body = None
        if body is None or "connection: close" in lower:
            self.close()
        return status, body


class Http2:
    """One stream after another on a connection; header blocks without compression."""

    def __init__(self, port, _tls):
        self.port, self.socket = port, None

    def connect(self):
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream, self.next, self.going = self.socket.makefile("rb"), 1, False
        window = struct.pack(">HI", 4, 1 << 30)
        self.socket.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + self.frame(4, 0, 0, window))
        self.socket.sendall(self.frame(8, 0, 0, struct.pack(">I", 1 << 30)))

    def close(self):
        if self.socket:
            self.stream.close()
            self.socket.close()
            self.socket = None

    @staticmethod
    def frame(kind, flags, stream, payload):
        return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload

    def ask(self, method, path, purpose, body):
        # A connection that says that it goes away takes no further stream.
        if self.socket and (self.going or self.next > 200_000):
            self.close()
        if not self.socket:
            self.connect()
        names = [(":method", method), (":scheme", "http"), (":authority", "gateway"), (":path", path)]
        names += [("x-api-key", KEY), ("data-purpose", purpose)]
        if body:
            names += [("content-type", "application/json")]
        block = b"".join(b"\0" + bytes([len(n)]) + n.encode() + bytes([len(v)]) + v.encode() for n, v in names)
        mine, self.next = self.next, self.next + 2
        self.socket.sendall(self.frame(1, 4 if body else 5, mine, block) + (self.frame(0, 1, mine, body) if body else b""))
        status, got = 0, b""
        while True:
            head = self.stream.read(9)
            if len(head) < 9:
                self.close()
                return status, None
            length, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
            stream, payload = int.from_bytes(head[5:], "big") & 0x7FFFFFFF, self.stream.read(length)
            if kind == 4 and not flags & 1:
                self.socket.sendall(self.frame(4, 1, 0, b""))
            elif kind == 6 and not flags & 1:
                self.socket.sendall(self.frame(6, 1, 0, payload))
            elif kind == 7:
                self.going = True
                if int.from_bytes(payload[:4], "big") & 0x7FFFFFFF < mine:
                    # It was not looked at, and may be asked again.
                    self.close()
                    return self.ask(method, path, purpose, body)
            elif stream == mine and kind == 3:
                if payload == b"\0\0\0\7":
                    return self.ask(method, path, purpose, body)
                return status, None
            elif stream == mine and kind == 1:
                # Indexed :status 200 (RFC 7541 appendix A); what else it is shows in the body.
                status = 200 if payload[:1] == b"\x88" else 1
            elif stream == mine and kind == 0:
                got += payload
                if length:
                    window = struct.pack(">I", length)
                    self.socket.sendall(self.frame(8, 0, 0, window) + self.frame(8, 0, mine, window))
            if stream == mine and kind in (0, 1) and flags & 1:
                return status, got


def partner(name, make, kinds, tally, stop):
    draw = random.Random(name)
    connection = make()
    while not stop.is_set():
        kind, number = draw.choice(kinds), draw.randrange(100_000)
        path = {"person": "/people", "list": "/lists", "note": "/notes", "faulty": "/faulty", "refused": "/people"}[kind]
        method, body, purpose = "GET", b"", "care"
        if kind == "note":
            method, body = "POST", json.dumps({"text": f"note {number}", "more": "not agreed"}).encode()
        if kind == "refused":
            purpose = "curiosity"
        try:
            status, got = connection.ask(method, f"{path}/{number}", purpose, body)
        except OSError as error:
            connection.close()
            status, got = 0, None
            reason = type(error).__name__
        else:
            reason = "no answer" if got is None else got[:120].decode("utf-8", "replace")
        if kind == "refused" and got and b"purpose_not_agreed" in got:
            tally.count(name, "refused as it should be")
        elif status == 200 and got is not None and kind != "refused":
            if got in expected(kind, number):
                tally.count(name, "right")
            else:
                tally.fail(tally.wrong, f"{name}: a wrong byte in {kind} {number}: {reason}")
        elif kind == "faulty" and number % 5 != 3 and (got is None or b"urn:fieldgate:problem:service_" in got or b"truncated" in got):
            tally.count(name, "failed, by a fault of the service")
        elif kind == "faulty" and got and b"urn:fieldgate:problem:service_" in got:
            # Its other answers failed so often that the gateway rests it.
            tally.count(name, "failed, by a fault of the service")
        else:
            tally.fail(tally.unexplained, f"{name}: {kind} {number} failed: {status} {reason}")
        time.sleep(PAUSE)
    connection.close()


def nuisance(port, tally, stop):
    """Partners that begin and go, drip their heads, or take nothing of a large answer."""
    draw = random.Random("nuisance")
    while not stop.is_set():
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as stream:
                kind = draw.randrange(3)
                head = f"GET /lists/1 HTTP/1.1\r\nHost: g\r\nX-API-Key: {KEY}\r\nData-Purpose: care\r\n"
                if kind == 0:
                    stream.sendall(head.encode() + b"\r\n")
                elif kind == 1:
                    for byte in head[:40].encode():
                        stream.sendall(bytes([byte]))
                        time.sleep(0.02)
                else:
                    stream.sendall(head.encode() + b"\r\n")
                    stream.recv(100)
                    time.sleep(0.5)
            tally.count("nuisance", ("left at once", "dripped", "stopped reading")[kind])
        except OSError:
            tally.count("nuisance", "closed on")
        time.sleep(0.05)


# --- the run ----------------------------------------------------------------------------------------------------


def rewrite(path, text):
    """As a careful operator does: whole or not at all."""
    with open(path + ".new", "w") as file:
        file.write(text)
    os.replace(path + ".new", path)


def sample(pid):
    with open(f"/proc/{pid}/status") as status:
        resident = int(re.search(r"VmRSS:\s+(\d+)", status.read())[1])
    return resident, len(os.listdir(f"/proc/{pid}/fd"))


def slope(values):
    """The change for each step, by least squares."""
    count = len(values)
    if count < 2:
        return 0.0
    mean = sum(values) / count
    middle = (count - 1) / 2
    return sum((i - middle) * (v - mean) for i, v in enumerate(values)) / sum((i - middle) ** 2 for i in range(count))


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def main():
    options = argparse.ArgumentParser(description="Mixed load with faults for a long time.")
    options.add_argument("--seconds", type=int, default=1_200)
    options.add_argument("--binary", default="target/release/fieldgate")
    options.add_argument("--upgrade-every", type=int, default=60, help="seconds between two SIGUSR2; 0 for none")
    options.add_argument("--partners", type=int, default=2, help="of each kind")
    options = options.parse_args()
    if not shutil.which("openssl") or not os.path.exists(options.binary):
        print(f"needs openssl and {options.binary} (cargo build --release)", file=sys.stderr)
        return 3
    folder = tempfile.mkdtemp(prefix="soak-")
    place = lambda name: os.path.join(folder, name)
    for number in range(2):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
            + ["-subj", "/CN=gateway", "-addext", "subjectAltName=DNS:gateway"]
            + ["-keyout", place(f"{number}.key"), "-out", place(f"{number}.pem")],
            check=True, capture_output=True,
        )
    def certificate(number):
        # Certificate and key in one file: never one without the other.
        with open(place("live.new"), "w") as both:
            for end in ("pem", "key"):
                with open(place(f"{number % 2}.{end}")) as half:
                    both.write(half.read())
        os.chmod(place("live.new"), 0o600)
        os.replace(place("live.new"), place("live.pem"))
    ports = free_ports(3)
    certificate(0)
    rewrite(place("root.key"), "5a" * 32)
    os.chmod(place("root.key"), 0o600)
    rewrite(place("soak.yaml"), agreement(1))
    rewrite(place("fieldgate.yaml"), configuration(folder, ports, serve(answer_steady), serve(answer_flaky)))
    log = open(place("log"), "w")
    command = [os.path.abspath(options.binary), "serve", "--config", place("fieldgate.yaml")]
    gateway = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=log)
    for _ in range(600):
        try:
            socket.create_connection(("127.0.0.1", ports[0])).close()
            break
        except OSError:
            if gateway.poll() is not None:
                print(open(place("log")).read(), file=sys.stderr)
                return 3
            time.sleep(0.1)

    tally, stop = Tally(), threading.Event()
    threads = [threading.Thread(target=nuisance, args=(ports[0], tally, stop))]
    everything = ["person"] * 6 + ["list", "note", "note", "faulty", "refused"]
    for number in range(options.partners):
        for name, make in (
            ("HTTP/1.1", lambda: Http1(ports[0], False)),
            ("HTTP/1.1 in TLS", lambda: Http1(ports[1], True)),
            ("HTTP/2", lambda: Http2(ports[0], False)),
        ):
            threads.append(threading.Thread(target=partner, args=(f"{name} #{number}", make, everything, tally, stop)))
    for thread in threads:
        thread.start()
    samples, version, began, failed, latest = [], 1, time.monotonic(), None, 0.0
    try:
        while time.monotonic() - began < options.seconds:
            before = time.monotonic()
            time.sleep(1)
            # Whoever is to wake up and does not is short of a processor, whatever the gateway does.
            latest = max(latest, time.monotonic() - before - 1)
            if gateway.poll() is not None:
                failed = f"the gateway ended with {gateway.returncode}"
                break
            version += 1
            rewrite(place("soak.yaml"), agreement(version))
            certificate(version)
            if options.upgrade_every and version % options.upgrade_every == 0:
                gateway.send_signal(signal.SIGUSR2)
            else:
                gateway.send_signal(signal.SIGHUP)
            samples.append(sample(gateway.pid))
            print(f"\r{version - 1:5} s  {samples[-1][0]:8} KiB  {samples[-1][1]:4} descriptors", end="", file=sys.stderr)
    except KeyboardInterrupt:
        failed = "interrupted"
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)
        if gateway.poll() is None:
            gateway.send_signal(signal.SIGTERM)
            gateway.wait(60)
        log.close()
    verified = subprocess.run([command[0], "ledger", "verify", place("ledger")], capture_output=True).returncode == 0

    print(f"\n\n| partner | outcome | exchanges |\n| --- | --- | ---: |")
    for (name, outcome), count in sorted(tally.counts.items()):
        print(f"| {name} | {outcome} | {count} |")
    # The first half warms up: pools, allocator, the caches of the system.
    late = samples[len(samples) // 2 :]
    memory, descriptors = (slope([sample[i] for sample in late]) for i in range(2))
    grown = memory * len(late), descriptors * len(late)
    print("\n| what | value |\n| --- | ---: |")
    for name, value in (
        ("seconds", len(samples)),
        ("versions of the agreement", version),
        ("wrong bytes", len(tally.wrong)),
        ("failures that no fault explains", len(tally.unexplained)),
        ("resident at the end, KiB", late[-1][0] if late else 0),
        ("resident, KiB a minute in the second half", f"{memory * 60:.1f}"),
        ("descriptors at the end", late[-1][1] if late else 0),
        ("descriptors a minute in the second half", f"{descriptors * 60:.2f}"),
        ("the latest beat of this program, seconds", f"{latest:.2f}"),
        ("the gateway's exit code", gateway.returncode),
        ("the ledger is whole", "yes" if verified else "no"),
    ):
        print(f"| {name} | {value} |")
    # What no shortage of processors explains, and what one could.
    faults = [
        text
        for text, found in (
            (failed, failed),
            (f"{len(tally.wrong)} wrong bytes", tally.wrong),
            ("the ledger is not whole", not verified),
            (f"the gateway ended with {gateway.returncode}", gateway.returncode),
        )
        if found
    ]
    # What comes and goes is some connections and some buffers; what only grows shows in a run of any length.
    doubts = [
        text
        for text, found in (
            (f"{len(tally.unexplained)} failures that no fault explains", tally.unexplained),
            (f"memory grew by {grown[0]:.0f} KiB", grown[0] >= 16_384),
            (f"descriptors grew by {grown[1]:.0f}", grown[1] >= 24),
        )
        if found
    ]
    starved = latest > STARVED
    if faults or (doubts and not starved):
        verdict, code = "NOT well: " + "; ".join(faults + doubts), 1
    elif doubts:
        verdict = f"NO verdict, the machine was starved (a beat came {latest:.1f} s late): " + "; ".join(doubts) + "; run it alone"
        code = 3
    else:
        verdict, code = "all well", 0
    print(f"\n{verdict}")
    if code == 0:
        shutil.rmtree(folder)
    else:
        print(f"kept: {folder}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
