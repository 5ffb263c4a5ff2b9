//! A bare pass-through proxy of hyper's connection types: what is left of a gateway that looks at nothing.

use std::cell::RefCell;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;

use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

/// The thread's name.
pub(crate) const THREAD: &str = "pass";

/// Starts the proxy before the service at `service`, on a thread of its own. Ends with the process.
pub(crate) fn start(service: SocketAddr) -> SocketAddr {
    let (listener, address) = super::listener();
    super::spawn(THREAD, move || async move {
        let listener = TcpListener::from_std(listener).expect("the thread has a runtime");
        let pool = Rc::new(Pool {
            service,
            open: RefCell::default(),
        });
        while let Ok((stream, _)) = listener.accept().await {
            stream
                .set_nodelay(true)
                .expect("a connection can be told not to wait");
            let pool = Rc::clone(&pool);
            let service = service_fn(move |request| {
                let pool = Rc::clone(&pool);
                async move { Ok::<_, Infallible>(pool.pass(request).await) }
            });
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::task::spawn_local(connection);
        }
    });
    address
}

/// Connections to the service that are open.
struct Pool {
    service: SocketAddr,
    open: RefCell<Vec<SendRequest<Incoming>>>,
}

impl Pool {
    async fn pass(&self, request: Request<Incoming>) -> Response<Incoming> {
        let mut sender = self.lease().await;
        let response = sender
            .send_request(request)
            .await
            .expect("the service answers");
        // Not ready until the body is through; until then nobody takes it.
        self.open.borrow_mut().push(sender);
        response
    }

    async fn lease(&self) -> SendRequest<Incoming> {
        let ready = {
            let mut open = self.open.borrow_mut();
            open.retain(|sender| !sender.is_closed());
            let place = open.iter().position(SendRequest::is_ready);
            place.map(|place| open.swap_remove(place))
        };
        if let Some(sender) = ready {
            return sender;
        }
        let stream = TcpStream::connect(self.service)
            .await
            .expect("the service listens");
        stream
            .set_nodelay(true)
            .expect("a connection can be told not to wait");
        let (sender, connection) = handshake(TokioIo::new(stream))
            .await
            .expect("HTTP/1.1 needs no handshake");
        tokio::task::spawn_local(connection);
        sender
    }
}
