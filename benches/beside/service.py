"""A service that streams `{"records":[…]}` of any length, from one block in memory.

    python3 benches/beside/service.py PORT BLOCK_FILE

`BLOCK_FILE` is records between commas, without one at the end; the body is made of whole blocks, in all at least as
many bytes as the path says: `/268435456`. It waits when the reader does: nothing is held but one block for all.
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


async def answer(connection, block, following):
    """One connection: a body for each request. `following` is the block after a comma."""
    loop = asyncio.get_running_loop()
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
                count = repeats(int(request.split()[1].removeprefix(b"/")), block)
                head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                head += f"Content-Length: {body_length(count, block)}\r\n\r\n"
                await loop.sock_sendall(connection, head.encode() + START + block)
                for _ in range(count - 1):
                    await loop.sock_sendall(connection, following)
                await loop.sock_sendall(connection, END)
    except ConnectionError:
        # The reader has had enough.
        return


async def serve(port, block):
    """Listens until it is ended."""
    loop = asyncio.get_running_loop()
    listener = socket.create_server(("127.0.0.1", port), backlog=4_096)
    listener.setblocking(False)
    following = b"," + block
    running = set()
    while True:
        connection, _ = await loop.sock_accept(listener)
        task = asyncio.create_task(answer(connection, block, following))
        running.add(task)
        task.add_done_callback(running.discard)


if __name__ == "__main__":
    with open(sys.argv[2], "rb") as file:
        asyncio.run(serve(int(sys.argv[1]), file.read()))
