//! The client against a played runtime.

use std::collections::HashMap;
use std::os::unix::net::UnixListener;
use std::sync::{Arc, Mutex};

use prost::Message as _;

use super::super::proto::{
    ContainerMetadata, ContainerStatus, Image, LinuxRuntimeConfiguration, PodSandboxMetadata,
    RuntimeCondition, RuntimeStatus,
};
use super::server::{self, Answer};
use super::*;

fn start(answers: impl Fn(&str, &[u8]) -> Answer + Send + 'static) -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cri.sock");
    server::start(&path, answers);
    let socket = format!("unix://{}", path.display());
    (directory, socket)
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
    let (_directory, socket) = start(answers);
    let client = Client::connect(&socket).unwrap();
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
    let (_directory, socket) = start(|path, question| {
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
                ListResponse {
                    items: vec![
                        container("a", 0, 2).encode_to_vec(),
                        container("b", 1, 1).encode_to_vec(),
                    ],
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
    let client = Client::connect(&socket).unwrap();
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
    let (_directory, socket) = start(|path, _| match path {
        "/runtime.v1.RuntimeService/RuntimeConfig" => Answer::Code(12, "unknown method"),
        _ => Answer::Code(13, "broken"),
    });
    let client = Client::connect(&socket).unwrap();
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
    let (_directory, socket) = start(|_, _| Answer::Silence);
    let client = Client::connect(&socket).unwrap();
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

#[test]
fn sandboxes_are_listed_with_their_labels_stopped_and_removed() {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&calls);
    let (_directory, socket) = start(move |path, question| {
        let call = path.rsplit('/').next().unwrap();
        // Both requests have the id as their only field.
        let id = StopPodSandboxRequest::decode(question)
            .unwrap()
            .pod_sandbox_id;
        told.lock().unwrap().push(format!("{call} {id}"));
        Answer::Message(match call {
            "ListPodSandbox" => ListResponse {
                items: vec![
                    PodSandbox {
                        id: "a".into(),
                        metadata: Some(PodSandboxMetadata {
                            name: "web-0".into(),
                            namespace: "shop".into(),
                        }),
                        labels: HashMap::from([("uid".into(), "u1".into())]),
                    }
                    .encode_to_vec(),
                    PodSandbox {
                        id: "b".into(),
                        ..PodSandbox::default()
                    }
                    .encode_to_vec(),
                ],
            }
            .encode_to_vec(),
            "StopPodSandbox" if id == "b" => return Answer::Code(2, "its network is busy"),
            "StopPodSandbox" | "RemovePodSandbox" => Vec::new(),
            other => panic!("{other}"),
        })
    });
    let client = Client::connect(&socket).unwrap();
    let listed = client.sandboxes().unwrap();
    let seen: Vec<_> = listed
        .iter()
        .map(|one| (one.id.as_str(), one.name.as_str(), one.namespace.as_str()))
        .collect();
    assert_eq!(seen, [("a", "web-0", "shop"), ("b", "", "")]);
    assert_eq!(listed[0].labels["uid"], "u1");
    assert_eq!(listed[1].labels.len(), 0);
    client.stop_sandbox("a").unwrap();
    client.remove_sandbox("a").unwrap();
    let error = client.stop_sandbox("b").unwrap_err().to_string();
    assert!(
        error.contains("StopPodSandbox") && error.contains("its network is busy"),
        "{error}"
    );
    assert_eq!(
        *calls.lock().unwrap(),
        [
            "ListPodSandbox ",
            "StopPodSandbox a",
            "RemovePodSandbox a",
            "StopPodSandbox b"
        ]
    );
}

/// The bytes of a message as the API's own compiler writes them (kubernetes/cri-api, `pkg/apis/runtime/v1/api.proto`): fields that are not
/// spelt here are passed over.
#[test]
fn a_sandbox_is_read_from_its_place_among_all_fields() {
    let field = |number: u8, bytes: &[u8]| -> Vec<u8> {
        let length = u8::try_from(bytes.len()).unwrap();
        [&[number << 3 | 2, length], bytes].concat()
    };
    let label = [field(1, b"uid"), field(2, b"u1")].concat();
    let metadata = [
        field(1, b"web-0"),
        field(2, b"u1"),
        field(3, b"shop"),
        vec![4 << 3, 1],
    ]
    .concat();
    let sandbox = [
        field(1, b"a"),
        field(2, &metadata),
        vec![3 << 3, 1],
        vec![4 << 3, 9],
        field(5, &label),
        field(6, &label),
        field(7, b"handler"),
    ]
    .concat();
    let answer = field(1, &sandbox);
    let (_directory, socket) = start(move |_, _| Answer::Message(answer.clone()));
    let listed = Client::connect(&socket).unwrap().sandboxes().unwrap();
    assert_eq!(
        listed,
        [Sandbox {
            id: "a".into(),
            name: "web-0".into(),
            namespace: "shop".into(),
            labels: HashMap::from([("uid".into(), "u1".into())]),
        }]
    );
}

#[test]
fn an_enormous_answer_is_not_read() {
    let (_directory, socket) = start(|_, _| Answer::Announced(u32::MAX));
    let error = Client::connect(&socket).unwrap().sandboxes().unwrap_err();
    let error = error.to_string();
    assert!(error.contains("too large"), "{error}");
}

#[test]
fn a_list_of_very_many_empty_items_is_refused() {
    let (_directory, socket) = start(|_, _| {
        let items = vec![Vec::new(); MAX_ITEMS + 1];
        Answer::Message(ListResponse { items }.encode_to_vec())
    });
    let error = Client::connect(&socket).unwrap().sandboxes().unwrap_err();
    let error = error.to_string();
    assert!(error.contains("it lists 20001 items"), "{error}");
}

#[test]
fn a_socket_that_takes_connections_and_says_nothing_is_not_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cri.sock");
    let _listener = UnixListener::bind(&path).unwrap();
    let error = Client::connect(&format!("unix://{}", path.display()))
        .and_then(|client| client.status().map(drop))
        .unwrap_err()
        .to_string();
    assert!(error.contains("too long"), "{error}");
}
