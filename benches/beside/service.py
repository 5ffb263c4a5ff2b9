"""A service that streams: `{"records":[…]}` of as many bytes as the path asks for, from one block in memory.

    python3 benches/beside/service.py PORT BYTES BLOCK_FILE

`BLOCK_FILE` is records between commas, without one at the end; the body is made of whole blocks, at least `BYTES` of
them. Every path gives the same. It waits when the reader does: nothing is held but one block for all connections.
"""

import asyncio
import socket
import sys

# What the system holds of a body for a connection, so that a thousand of them do not fill gigabytes.
SEND_BUFFER = 256 << 10
START, END = b'{"records":[', b"]}"


def repeats(length, block):
    """How many blocks make a body of at least `length` bytes."""
    return max(1, -(-length // (len(block) + 1)))


def body_length(count, block):
    """The length of a body of `count` blocks."""
    return len(START) + count * (len(block) + 1) - 1 + len(END)


async def answer(connection, length, block):
    """One connection: a body for each request."""
    loop = asyncio.get_running_loop()
    count = repeats(length, block)
    head = (
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        f"Content-Length: {body_length(count, block)}\r\n\r\n"
    ).encode()
    following = b"," + block
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    try:
        with connection:
            while True:
                request = b""
                while not request.endswith(b"\r\n\r\n"):
                    piece = await loop.sock_recv(connection, 16_384)
                    if not piece:
                        return
                    request += piece
                await loop.sock_sendall(connection, head + START + block)
                for _ in range(count - 1):
                    await loop.sock_sendall(connection, following)
                await loop.sock_sendall(connection, END)
    except ConnectionError:
        # The reader has had enough.
        return


async def serve(port, length, block):
    """Listens until it is ended."""
    loop = asyncio.get_running_loop()
    listener = socket.create_server(("127.0.0.1", port), backlog=4_096)
    listener.setblocking(False)
    running = set()
    while True:
        connection, _ = await loop.sock_accept(listener)
        task = asyncio.create_task(answer(connection, length, block))
        running.add(task)
        task.add_done_callback(running.discard)


if __name__ == "__main__":
    with open(sys.argv[3], "rb") as file:
        asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]), file.read()))
