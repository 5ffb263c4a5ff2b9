//! A service, a partner and a bare proxy on loopback, each a thread of its own.

pub(crate) mod pass;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Runs `work` on a thread named `name` that has a runtime of its own.
pub(crate) fn spawn<F: Future<Output = ()>>(name: &str, work: impl FnOnce() -> F + Send + 'static) {
    let thread = std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let runtime = runtime.expect("a runtime can be made");
            tokio::task::LocalSet::new().block_on(&runtime, work());
        });
    drop(thread.expect("a thread can be made"));
}

/// A listener on a free port of loopback, for another thread's runtime.
pub(crate) fn listener() -> (std::net::TcpListener, SocketAddr) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    listener
        .set_nonblocking(true)
        .expect("a listener can be made not to block");
    let address = listener
        .local_addr()
        .expect("a bound listener has an address");
    (listener, address)
}

/// A service that answers every request with `body`, as JSON with its length. Ends with the process.
pub(crate) fn serve(body: &[u8]) -> SocketAddr {
    let (listener, address) = listener();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let response: Arc<[u8]> = Arc::from([head.as_bytes(), body].concat());
    spawn("service", move || async move {
        let listener = TcpListener::from_std(listener).expect("the thread has a runtime");
        while let Ok((stream, _)) = listener.accept().await {
            tokio::task::spawn_local(answer(stream, Arc::clone(&response)));
        }
    });
    address
}

async fn answer(mut stream: TcpStream, response: Arc<[u8]>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut request = Vec::with_capacity(4 << 10);
    loop {
        request.clear();
        while !request.ends_with(b"\r\n\r\n") {
            if stream.read_buf(&mut request).await? == 0 {
                return Ok(());
            }
        }
        stream.write_all(&response).await?;
    }
}

/// Asks `address` over `connections` connections that stay open, for `time`; gives the responses a second.
///
/// Panics if an answer is anything but 200: a proxy that refuses would look fast.
pub(crate) fn ask(address: SocketAddr, request: &str, connections: usize, time: Duration) -> Asked {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime can be made");
    let answered = Arc::new(AtomicUsize::new(0));
    let start = Instant::now();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let partners: Vec<_> = (0..connections)
            .map(|_| {
                let (request, answered) = (request.to_owned(), Arc::clone(&answered));
                tokio::task::spawn_local(async move {
                    let mut stream = TcpStream::connect(address)
                        .await
                        .expect("the proxy listens");
                    stream
                        .set_nodelay(true)
                        .expect("a connection can be told not to wait");
                    let mut buffer = vec![0; 256 << 10];
                    while start.elapsed() < time {
                        stream
                            .write_all(request.as_bytes())
                            .await
                            .expect("the proxy reads");
                        read_response(&mut stream, &mut buffer).await;
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        for partner in partners {
            partner
                .await
                .expect("each connection is answered to its end");
        }
    });
    Asked {
        responses: answered.load(Ordering::Relaxed),
        took: start.elapsed(),
    }
}

/// How many responses came in what time.
pub(crate) struct Asked {
    pub(crate) responses: usize,
    pub(crate) took: Duration,
}

/// Reads one response away, by its length or its chunks. `buffer` is reused.
async fn read_response(stream: &mut TcpStream, buffer: &mut [u8]) {
    let mut filled = 0;
    let head_end = loop {
        filled += read(stream, &mut buffer[filled..]).await;
        if let Some(end) = buffer[..filled]
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
        {
            break end + 4;
        }
    };
    assert!(
        buffer.starts_with(b"HTTP/1.1 200 "),
        "{}",
        String::from_utf8_lossy(&buffer[..filled])
    );
    let head = buffer[..head_end].to_ascii_lowercase();
    let head = String::from_utf8_lossy(&head);
    if let Some(length) = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
    {
        let length: usize = length.parse().expect("a length is a number");
        let mut rest = length - (filled - head_end);
        while rest > 0 {
            rest -= read(stream, buffer).await;
        }
        return;
    }
    // JSON has no carriage return inside it, so the last chunk is known by its end.
    buffer.copy_within(head_end..filled, 0);
    filled -= head_end;
    while !buffer[..filled].ends_with(b"\r\n0\r\n\r\n") {
        let tail = filled.saturating_sub(8);
        buffer.copy_within(tail..filled, 0);
        filled -= tail;
        filled += read(stream, &mut buffer[filled..]).await;
    }
}

async fn read(stream: &mut TcpStream, buffer: &mut [u8]) -> usize {
    let count = stream.read(buffer).await.expect("the proxy answers");
    assert!(count > 0, "the proxy closed a connection in an answer");
    count
}

/// The time on a processor that threads of this process with one of `names` have had.
pub(crate) fn processor_time(names: &[&str]) -> Duration {
    let mut nanoseconds = 0;
    for task in std::fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .flatten()
    {
        let read = |file: &str| std::fs::read_to_string(task.path().join(file)).unwrap_or_default();
        if names.contains(&read("comm").trim()) {
            let schedule = read("schedstat");
            nanoseconds += schedule
                .split(' ')
                .next()
                .and_then(|text| text.parse().ok())
                .unwrap_or(0);
        }
    }
    Duration::from_nanos(nanoseconds)
}
