use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use kubeplan_bundle::index::Api;

use super::*;
use crate::host::Root;
use crate::steps::testing::{FakeApi, Told};

/// A server on this host that answers with these statuses in turn, the last one for ever; 0 closes the connection.
fn server(statuses: &'static [u16]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for (count, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            let status = statuses.get(count).or(statuses.last()).unwrap();
            let mut request = [0; 1024];
            let _ = stream.read(&mut request);
            if *status > 0 {
                let _ = write!(
                    stream,
                    "HTTP/1.1 {status} x\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok"
                );
            }
        }
    });
    format!("http://{address}/healthz")
}

fn endpoint(name: &str, url: String, identity: EndpointIdentity) -> Endpoint {
    Endpoint {
        name: name.into(),
        url,
        identity,
    }
}

async fn wait(
    endpoints: &[Endpoint],
    window: Duration,
    told: &mut Told,
) -> Result<StepResult, StepError> {
    let mut progress = Progress::begin(told, 0, "p", "wait".into());
    super::run(None, endpoints, window, &mut progress).await
}

#[tokio::test]
async fn every_endpoint_is_asked_until_it_is_well() {
    let mut told = Told::default();
    let endpoints = [
        endpoint("a", server(&[200]), EndpointIdentity::Anonymous),
        endpoint("b", server(&[0, 500, 200]), EndpointIdentity::Anonymous),
    ];
    let result = wait(&endpoints, Duration::from_secs(30), &mut told)
        .await
        .unwrap();
    assert!(
        result.outcome.starts_with("healthy: a after ") && result.outcome.contains(", b after "),
        "{result:?}"
    );
    assert!(!result.changed);
    assert!(
        told.waits.iter().any(|wait| wait == "b: status 500"),
        "{:?}",
        told.waits
    );
}

#[tokio::test]
async fn an_endpoint_that_does_not_answer_in_time_is_named_with_its_last_answer() {
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let endpoints = [
        endpoint("well", server(&[200]), EndpointIdentity::Anonymous),
        endpoint("ill", server(&[503]), EndpointIdentity::Anonymous),
        endpoint(
            "gone",
            format!("https://{closed}/livez"),
            EndpointIdentity::Anonymous,
        ),
    ];
    let since = Instant::now();
    let error = wait(&endpoints, Duration::from_secs(2), &mut Told::default())
        .await
        .unwrap_err();
    assert!(since.elapsed() < Duration::from_secs(4));
    assert_eq!(
        error.to_string(),
        "2 of 3 endpoints did not answer 200 within 2 s"
    );
    let text = kubeplan_terminal::details(&error).as_str().to_owned();
    assert!(text.starts_with("  - ill at http://127.0.0.1:"), "{text}");
    assert!(
        text.contains("/healthz: status 503\n  - gone at https://127.0.0.1:"),
        "{text}"
    );
    assert!(text.contains("Connection refused"), "{text}");
    assert!(!text.contains("well"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn the_administrator_asks_the_server_of_the_index() {
    let directory = tempfile::tempdir().unwrap();
    let root = Root::open(directory.path()).unwrap();
    let api = Api {
        kubeconfig: "/admin.conf".parse().unwrap(),
        server: "https://192.0.2.1:6443".into(),
        timeout_seconds: 1,
    };
    let fake = FakeApi::default();
    fake.server().objects = BTreeMap::from([("/livez".to_owned(), serde_json::json!("ok"))]);
    let mut session = Session::new(&root, &api).with_client(&api.kubeconfig, fake.client("admin"));
    let endpoints = [endpoint(
        "api",
        "https://elsewhere:1/livez?verbose".into(),
        EndpointIdentity::Administrator,
    )];
    let mut told = Told::default();
    let mut progress = Progress::begin(&mut told, 0, "p", "wait".into());
    super::run(
        Some(&mut session),
        &endpoints,
        Duration::from_secs(5),
        &mut progress,
    )
    .await
    .unwrap();
    assert_eq!(fake.server().calls, ["GET /livez?verbose"]);
    // Without an API in the index no identity is available.
    let error = super::run(None, &endpoints, Duration::from_secs(5), &mut progress)
        .await
        .unwrap_err();
    assert!(matches!(error, StepError::Bundle(_)));
}

#[test]
fn an_endpoint_is_of_this_host_or_of_the_api_server() {
    let server = Some("https://api.example.com:6443");
    for url in [
        "http://127.0.0.1:10248/healthz",
        "http://[::1]:10248/healthz",
        "https://0.0.0.0:10257/healthz",
        "https://api.example.com/healthz",
    ] {
        assert!(may_be_asked(url, server), "{url}");
    }
    // Addresses for documentation (RFC 5737, RFC 3849) and of a cloud's metadata: no host has them.
    for url in [
        "http://192.0.2.1/healthz",
        "http://[2001:db8::1]/healthz",
        "http://169.254.169.254/healthz",
        "https://other.example.com/healthz",
        "http://api.example.com@192.0.2.1/healthz",
    ] {
        assert!(!may_be_asked(url, server), "{url}");
        assert!(!may_be_asked(url, None), "{url}");
    }
}

#[tokio::test]
async fn an_endpoint_of_another_host_is_not_asked() {
    let elsewhere = endpoint(
        "a",
        "http://192.0.2.1:80/healthz".into(),
        EndpointIdentity::Anonymous,
    );
    let mut told = Told::default();
    let error = wait(&[elsewhere], Duration::from_secs(30), &mut told)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("not at an address of this host"));
    assert!(error.hints()[0].contains("--skip-phases"));
    assert!(told.waits.is_empty());
}
