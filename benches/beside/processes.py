"""Processes of a run: started on a core, looked at through /proc, ended with all that they started."""

import contextlib
import ctypes
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time

# How long a process may take to listen, and to end when it is told to, seconds.
START_SECONDS = 30
END_SECONDS = 10
TICKS = os.sysconf("SC_CLK_TCK")
PR_SET_PDEATHSIG = 1

libc = ctypes.CDLL(None)


class Fault(Exception):
    """What ends a row: one sentence that says what is wrong and what to do."""


def free_port():
    """A port of loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def on_core(core):
    """What a child does before it becomes its program: it stays on `core`, and ends when this process does."""

    def prepare():
        os.sched_setaffinity(0, {core})
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

    return prepare


class Process:
    """A program on a core, in a session of its own, its output in a file of `folder`."""

    def __init__(self, name, arguments, core, folder, environment=None):
        self.name = name
        output, path = tempfile.mkstemp(prefix=f"{name}-", suffix=".log", dir=folder)
        self.output = pathlib.Path(path)
        with open(output, "wb") as output:
            self.child = subprocess.Popen(
                [str(argument) for argument in arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                preexec_fn=on_core(core),
                start_new_session=True,
            )

    def ended_by(self, bench):
        """Itself: `bench` ends it at the latest."""
        bench.running.append(self)
        return self

    def listens(self, *ports):
        """Waits until it accepts connections at `ports`."""
        until = time.monotonic() + START_SECONDS
        for port in ports:
            while True:
                with contextlib.suppress(ConnectionError):
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                if self.child.poll() is not None or time.monotonic() > until:
                    raise Fault(f"{self.name} does not listen at port {port}; its last words:\n{self.last_words()}")
                time.sleep(0.02)

    def last_words(self):
        """The end of its output."""
        return self.output.read_text(errors="replace")[-2_000:].strip() or "(none)"

    def pids(self):
        """Its processes: those of its session."""
        pids = []
        for entry in pathlib.Path("/proc").iterdir():
            if entry.name.isdecimal():
                # Some have ended since the folder was read.
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                    if stat(entry.name)[3] == str(self.child.pid):
                        pids.append(int(entry.name))
        return pids

    def cpu(self):
        """Seconds of processor time so far, of all threads of all its processes."""
        ticks = 0
        for pid in self.pids():
            fields = stat(pid)
            ticks += int(fields[11]) + int(fields[12])
        return ticks / TICKS

    def resident(self):
        """KiB in memory now, of all its processes."""
        return sum(int(memory(pid).get("VmRSS", 0)) for pid in self.pids())

    def end(self):
        """Ends it and all that it started."""
        if self.child.poll() is None:
            self.child.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.child.wait(END_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait()


def stat(pid):
    """The fields of /proc/PID/stat from the third: what follows the name, which may hold anything, in brackets."""
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def memory(pid):
    """The figures of /proc/PID/status that are in kB."""
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    pairs = (line.split(":", 1) for line in lines if line.endswith(" kB"))
    return {name: value.split()[0] for name, value in pairs}


def busy(core):
    """Seconds that `core` was busy since it started, whoever kept it so; what the host took away included."""
    for line in pathlib.Path("/proc/stat").read_text().splitlines():
        fields = line.split()
        if fields[0] == f"cpu{core}":
            user, nice, system, _idle, _wait, interrupts, soft, stolen = map(int, fields[1:9])
            return (user + nice + system + interrupts + soft + stolen) / TICKS
    raise Fault(f"/proc/stat does not list core {core}")
