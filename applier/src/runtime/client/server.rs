//! A container runtime that is played, for tests: it speaks HTTP/2 and gRPC's framing by itself.

use std::path::Path;
use std::sync::mpsc;
use std::thread;

use http::{HeaderMap, Response};
use prost::bytes::Bytes;
use tokio::net::{UnixListener, UnixStream};

/// What the server answers to a path and the bytes of a question.
pub(crate) enum Answer {
    /// A message.
    Message(Vec<u8>),
    /// The length of a message, and none of it.
    #[allow(dead_code, reason = "not every test that plays a runtime needs each")]
    Announced(u32),
    /// A code with a text.
    #[allow(dead_code, reason = "not every test that plays a runtime needs each")]
    Code(u32, &'static str),
    /// Nothing at all.
    #[allow(dead_code, reason = "not every test that plays a runtime needs each")]
    Silence,
}

/// Serves one connection after the other at `path`, until the test ends.
pub(crate) fn start(path: &Path, answers: impl Fn(&str, &[u8]) -> Answer + Send + 'static) {
    let path = path.to_owned();
    let (ready, started) = mpsc::channel();
    thread::spawn(move || {
        let run = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .unwrap();
        run.block_on(async move {
            let listener = UnixListener::bind(path).unwrap();
            ready.send(()).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                serve(stream, &answers).await;
            }
        });
    });
    started.recv().unwrap();
}

async fn serve(stream: UnixStream, answers: &impl Fn(&str, &[u8]) -> Answer) {
    let mut connection = h2::server::handshake(stream).await.unwrap();
    let mut held = Vec::new();
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        let path = request.uri().path().to_owned();
        let mut body = request.into_body();
        // The body's bytes arrive only while the connection is driven: let it run beside.
        let read = async {
            let mut bytes = Vec::new();
            while let Some(Ok(chunk)) = body.data().await {
                body.flow_control().release_capacity(chunk.len()).unwrap();
                bytes.extend_from_slice(&chunk);
            }
            bytes
        };
        let bytes = tokio::select! {
            bytes = read => bytes,
            _ = std::future::poll_fn(|cx| connection.poll_closed(cx)) => return,
        };
        assert_eq!(bytes[0], 0, "not compressed");
        let length = u32::from_be_bytes(bytes[1..5].try_into().unwrap());
        assert_eq!(length as usize, bytes.len() - 5);
        let response = Response::builder()
            .header("content-type", "application/grpc")
            .body(())
            .unwrap();
        let mut trailers = HeaderMap::new();
        let (length, message) = match answers(&path, &bytes[5..]) {
            Answer::Silence => {
                held.push(respond);
                continue;
            }
            Answer::Code(code, text) => {
                trailers.insert("grpc-status", code.into());
                trailers.insert("grpc-message", text.parse().unwrap());
                let mut stream = respond.send_response(response, false).unwrap();
                stream.send_trailers(trailers).unwrap();
                continue;
            }
            Answer::Message(message) => (u32::try_from(message.len()).unwrap(), message),
            Answer::Announced(length) => (length, Vec::new()),
        };
        let framed = [&[0], &length.to_be_bytes()[..], &message].concat();
        trailers.insert("grpc-status", 0.into());
        let mut stream = respond.send_response(response, false).unwrap();
        stream.send_data(Bytes::from(framed), false).unwrap();
        stream.send_trailers(trailers).unwrap();
    }
}
