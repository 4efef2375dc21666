//! The client against a server on a unix socket that speaks HTTP/2 and gRPC's framing by itself.

use std::collections::HashMap;
use std::sync::mpsc;
use std::thread;

use http::{HeaderMap, Response};
use prost::Message as _;
use prost::bytes::Bytes;
use tokio::net::UnixListener;

use super::super::proto::{
    ContainerMetadata, ContainerStatus, Image, LinuxRuntimeConfiguration, RuntimeCondition,
    RuntimeStatus,
};
use super::*;

/// What the server answers to a path and the bytes of a question: a message, a code with a text, or nothing at all.
#[derive(Clone)]
enum Answer {
    Message(Vec<u8>),
    Code(u32, &'static str),
    Silence,
}

type Answers = fn(&str, &[u8]) -> Answer;

struct Server {
    folder: tempfile::TempDir,
}

impl Server {
    fn start(answers: Answers) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cri.sock");
        let (ready, started) = mpsc::channel();
        thread::spawn(move || {
            let run = Builder::new_current_thread()
                .enable_io()
                .enable_time()
                .build()
                .unwrap();
            run.block_on(async move {
                let listener = UnixListener::bind(path).unwrap();
                ready.send(()).unwrap();
                let (stream, _) = listener.accept().await.unwrap();
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
                    match answers(&path, &bytes[5..]) {
                        Answer::Silence => held.push(respond),
                        Answer::Code(code, text) => {
                            trailers.insert("grpc-status", code.into());
                            trailers.insert("grpc-message", text.parse().unwrap());
                            let mut stream = respond.send_response(response, false).unwrap();
                            stream.send_trailers(trailers).unwrap();
                        }
                        Answer::Message(message) => {
                            let mut framed = vec![0];
                            framed.extend((message.len() as u32).to_be_bytes());
                            framed.extend(message);
                            trailers.insert("grpc-status", 0.into());
                            let mut stream = respond.send_response(response, false).unwrap();
                            stream.send_data(Bytes::from(framed), false).unwrap();
                            stream.send_trailers(trailers).unwrap();
                        }
                    }
                }
            });
        });
        started.recv().unwrap();
        Self { folder }
    }

    fn socket(&self) -> String {
        format!("unix://{}/cri.sock", self.folder.path().display())
    }
}

fn answers(path: &str, question: &[u8]) -> Answer {
    let spec = |bytes: &[u8]| {
        // Both requests have the specification as their first field.
        PullImageRequest::decode(bytes)
            .unwrap()
            .spec
            .unwrap()
            .reference
    };
    let message = match path {
        "/runtime.v1.RuntimeService/Status" => {
            assert!(StatusRequest::decode(question).unwrap().verbose);
            StatusResponse {
                status: Some(RuntimeStatus {
                    conditions: vec![RuntimeCondition {
                        r#type: "RuntimeReady".into(),
                        status: false,
                        reason: "Starting".into(),
                        message: "not yet".into(),
                    }],
                }),
                info: HashMap::from([(
                    "config".into(),
                    r#"{"sandboxImage":"registry.example.com/sandbox:1"}"#.into(),
                )]),
            }
            .encode_to_vec()
        }
        "/runtime.v1.RuntimeService/RuntimeConfig" => RuntimeConfigResponse {
            linux: Some(LinuxRuntimeConfiguration { cgroup_driver: 1 }),
        }
        .encode_to_vec(),
        "/runtime.v1.ImageService/ImageStatus" => ImageStatusResponse {
            found: (spec(question) == "here").then(|| Image { id: "1".into() }),
        }
        .encode_to_vec(),
        "/runtime.v1.ImageService/PullImage" => match spec(question).as_str() {
            "denied" => return Answer::Code(7, "no credentials"),
            reference => PullImageResponse {
                image_ref: reference.to_owned(),
            }
            .encode_to_vec(),
        },
        other => panic!("{other}"),
    };
    Answer::Message(message)
}

#[test]
fn a_runtime_is_asked_over_its_socket() {
    let server = Server::start(answers);
    let client = Client::connect(&server.socket()).unwrap();
    let status = client.status().unwrap();
    assert_eq!(
        status,
        Status {
            conditions: vec![Condition {
                name: "RuntimeReady".into(),
                holds: false,
                message: "Starting: not yet".into(),
            }],
            sandbox: Some("registry.example.com/sandbox:1".into()),
        }
    );
    client.config().unwrap();
    assert!(client.has_image("here").unwrap());
    assert!(!client.has_image("elsewhere").unwrap());
    client.pull("elsewhere").unwrap();
    let error = client.pull("denied").unwrap_err().to_string();
    assert!(error.contains("no credentials"), "{error}");
}

#[test]
fn containers_are_listed_with_their_endings() {
    let server = Server::start(|path, question| {
        let message = match path {
            "/runtime.v1.RuntimeService/ListContainers" => {
                assert!(question.is_empty(), "all of them");
                let container = |id: &str, attempt, state| ListedContainer {
                    id: id.into(),
                    metadata: Some(ContainerMetadata {
                        name: "server".into(),
                        attempt,
                    }),
                    state,
                    created_at: 7,
                };
                ListContainersResponse {
                    containers: vec![container("a", 0, 2), container("b", 1, 1)],
                }
                .encode_to_vec()
            }
            "/runtime.v1.RuntimeService/ContainerStatus" => {
                let question = ContainerStatusRequest::decode(question).unwrap();
                if question.container_id != "a" {
                    return Answer::Code(5, "no such container");
                }
                ContainerStatusResponse {
                    status: Some(ContainerStatus {
                        exit_code: 137,
                        reason: "OOMKilled".into(),
                        message: String::new(),
                        log_path: "/var/log/a.log".into(),
                    }),
                }
                .encode_to_vec()
            }
            other => panic!("{other}"),
        };
        Answer::Message(message)
    });
    let client = Client::connect(&server.socket()).unwrap();
    let listed = client.containers().unwrap();
    let seen: Vec<_> = listed
        .iter()
        .map(|one| (one.id.as_str(), one.name.as_str(), one.attempt, one.state))
        .collect();
    assert_eq!(
        seen,
        [
            ("a", "server", 0, ContainerState::Exited),
            ("b", "server", 1, ContainerState::Running)
        ]
    );
    assert_eq!(
        client.ending("a").unwrap(),
        Ending {
            exit_code: 137,
            reason: "OOMKilled".into(),
            log: "/var/log/a.log".into(),
        }
    );
    let error = client.ending("c").unwrap_err().to_string();
    assert!(error.contains("no such container"), "{error}");
}

#[test]
fn what_a_runtime_does_not_have_is_told_apart_from_what_fails() {
    let server = Server::start(|path, _| match path {
        "/runtime.v1.RuntimeService/RuntimeConfig" => Answer::Code(12, "unknown method"),
        _ => Answer::Code(13, "broken"),
    });
    let client = Client::connect(&server.socket()).unwrap();
    assert_eq!(
        client.config().unwrap_err(),
        CriError::Unimplemented {
            call: "RuntimeConfig"
        }
    );
    assert!(matches!(client.status(), Err(CriError::Failed { .. })));
}

#[test]
fn a_runtime_that_does_not_answer_is_not_waited_for() {
    let server = Server::start(|_, _| Answer::Silence);
    let client = Client::connect(&server.socket()).unwrap();
    let error = client.status().unwrap_err().to_string();
    assert!(error.contains("too long"), "{error}");
}

#[test]
fn a_socket_without_a_runtime_is_an_error() {
    for socket in ["unix:///no/such.sock", "tcp://1.2.3.4:5", "unix://relative"] {
        let error = Client::connect(socket).err().unwrap();
        assert!(
            matches!(&error, CriError::Connect { socket: named, .. } if named == socket),
            "{error}"
        );
    }
}

#[test]
fn only_a_configuration_in_json_names_a_sandbox() {
    for text in ["", "{}", r#"{"sandboxImage":1}"#, "[]"] {
        assert_eq!(sandbox(text), None, "{text}");
    }
}
