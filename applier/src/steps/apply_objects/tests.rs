use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::index::{Api, Blob, Content, Entry, Place, SealedContent, SecretClass, Twin};
use kubeplan_bundle::timestamp::Timestamp;
use serde_json::json;

use super::*;
use crate::host::Root;
use crate::steps::testing::{Failure, FakeApi, Told};

const INDEX: &str = include_str!("../../../tests/data/index.json");
const SETTING: &str = "/api/v1/namespaces/ns/settings/a";
const GRANT: &str = "/api/v1/grants/g";
const TOKEN: &str = "/api/v1/namespaces/ns/settings/token";
const OWNED: &str = "/api/v1/namespaces/ns/settings/owned";
const SECRET: &str = "aHVudGVyMg==";

/// A bundle with four objects, and an API server in memory.
struct Case {
    api: FakeApi,
    index: Index,
    contents: BTreeMap<EntryName, String>,
    overwrite: BTreeSet<EntryName>,
    fallback: Option<HostPath>,
    completed: bool,
    now: Timestamp,
    told: Told,
    _directory: tempfile::TempDir,
    root: Root,
}

impl Contents for BTreeMap<EntryName, String> {
    fn public(&self, name: &EntryName) -> Option<&[u8]> {
        self.get(name).map(String::as_bytes)
    }

    fn secret(&self, name: &EntryName) -> Option<&[u8]> {
        self.public(name)
    }
}

fn name(text: &str) -> EntryName {
    format!("objects/{text}.yaml").parse().unwrap()
}

impl Case {
    fn new() -> Self {
        let mut index: Index = serde_json::from_str(INDEX).unwrap();
        let mut contents = BTreeMap::new();
        let mut add = |text: &str, yaml: String, holes: Vec<Hole>, sealed: bool| {
            let content = if sealed {
                Content::Sealed(SealedContent {
                    class: SecretClass::SecretObject,
                    commit: Sha256Digest::of(b"c"),
                    twin: Twin {
                        name: name(text).twin(),
                        size: 0,
                        sha256: Sha256Digest::of(b""),
                    },
                    spki: None,
                })
            } else {
                Content::Public(Blob::of(yaml.as_bytes()))
            };
            contents.insert(name(text), yaml);
            index.entries.push(Entry {
                name: name(text),
                phase: "p".parse().unwrap(),
                place: Place::Object,
                content,
                handoff: false,
                holes,
            });
        };
        let head = |kind: &str| format!("\"apiVersion\": v1\nkind: {kind}\nmetadata:\n");
        add(
            "1",
            head("Setting") + "  name: a\n  namespace: ns\ndata:\n  k: v\n",
            vec![],
            false,
        );
        add("2", head("Grant") + "  name: g\n", vec![], false);
        add(
            "3",
            head("Setting")
                + "  name: token\n  namespace: ns\ndata:\n  expiration: <hole:token-expiry>\n  s: "
                + SECRET
                + "\n",
            vec![Hole::TokenExpiry {
                at: "data/expiration".parse().unwrap(),
                ttl: "2h0m0s".parse().unwrap(),
            }],
            true,
        );
        add(
            "4",
            head("Setting")
                + "  name: owned\n  namespace: ns\n  ownerReferences:\n  - uid: <hole:owner-uid>\n",
            vec![Hole::OwnerUid {
                at: "metadata/ownerReferences/0/uid".parse().unwrap(),
                owner: name("3"),
            }],
            false,
        );
        index.api = Some(Api {
            kubeconfig: "/admin.conf".parse().unwrap(),
            server: "https://192.0.2.1:6443".into(),
            timeout_seconds: 60,
        });
        let directory = tempfile::tempdir().unwrap();
        let root = Root::open(directory.path()).unwrap();
        Self {
            api: FakeApi::default(),
            index,
            contents,
            overwrite: BTreeSet::new(),
            fallback: None,
            completed: false,
            now: "2026-11-20T10:00:00Z".parse().unwrap(),
            told: Told::default(),
            _directory: directory,
            root,
        }
    }

    async fn run(&mut self, entries: &[&str]) -> Result<StepResult, StepError> {
        let api = self.index.api.clone().unwrap();
        let mut session =
            Session::new(&self.root, &api).with_client(&api.kubeconfig, self.api.client("admin"));
        if let Some(path) = self
            .fallback
            .as_ref()
            .filter(|path| path.as_str() == "/super.conf")
        {
            session = session.with_client(path, self.api.client("super"));
        }
        let entries: Vec<EntryName> = entries.iter().map(|text| name(text)).collect();
        let batch = Batch {
            index: &self.index,
            contents: &self.contents,
            entries: &entries,
            fallback: self.fallback.as_ref(),
            overwrite: &self.overwrite,
            completed: self.completed,
            clock: Clock::Fixed(self.now),
        };
        let mut progress = Progress::begin(&mut self.told, 0, "p", "apply".into());
        super::run(&mut session, &batch, &mut progress).await
    }

    fn fail(&self, failure: Failure, times: usize) {
        self.api
            .server()
            .failures
            .extend(std::iter::repeat_n(failure, times));
    }

    fn object(&self, path: &str) -> Value {
        self.api
            .server()
            .objects
            .get(path)
            .cloned()
            .unwrap_or_default()
    }
}

#[tokio::test(start_paused = true)]
async fn objects_are_created_in_order_and_left_alone_the_second_time() {
    let mut case = Case::new();
    let first = case.run(&["1", "2", "3", "4"]).await.unwrap();
    assert_eq!(
        first.objects.created,
        [
            "Setting ns/a",
            "Grant g",
            "Setting ns/token",
            "Setting ns/owned"
        ]
    );
    assert_eq!(first.outcome, "4 created");
    assert!(first.changed);
    let patches: Vec<String> = case
        .api
        .server()
        .calls
        .iter()
        .filter(|c| c.starts_with("PATCH"))
        .cloned()
        .collect();
    let query = "?fieldManager=kubeplan&fieldValidation=Strict";
    assert_eq!(
        patches,
        [SETTING, GRANT, TOKEN, OWNED].map(|path| format!("PATCH {path}{query}"))
    );
    // One request for the kinds of one API version.
    assert_eq!(case.api.count("GET /api/v1?"), 1);
    let again = case.run(&["1", "2"]).await.unwrap();
    assert_eq!(again.outcome, "2 as planned");
    assert!(!again.changed);
}

#[tokio::test(start_paused = true)]
async fn holes_are_filled_with_what_the_cluster_says() {
    let mut case = Case::new();
    case.run(&["3", "4"]).await.unwrap();
    let token = case.object(TOKEN);
    // base64 of 2026-11-20T12:00:00Z
    assert_eq!(token["data"]["expiration"], "MjAyNi0xMS0yMFQxMjowMDowMFo=");
    assert_eq!(
        case.object(OWNED)["metadata"]["ownerReferences"][0]["uid"],
        token["metadata"]["uid"]
    );
    // The owner was applied by an earlier step: its uid is asked for.
    case.api.server().objects.remove(OWNED);
    case.run(&["4"]).await.unwrap();
    assert_eq!(
        case.object(OWNED)["metadata"]["ownerReferences"][0]["uid"],
        token["metadata"]["uid"]
    );
    case.api.server().objects.clear();
    let error = case.run(&["4"]).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "Setting ns/owned: its owner Setting ns/token does not exist any more"
    );
}

#[tokio::test(start_paused = true)]
async fn no_token_begins_a_second_life() {
    let mut case = Case::new();
    case.run(&["1", "3", "4"]).await.unwrap();
    let before = case.object(TOKEN);
    case.completed = true;
    case.now = "2026-11-20T11:00:00Z".parse().unwrap();
    let again = case.run(&["1", "3", "4"]).await.unwrap();
    assert_eq!(again.outcome, "1 as planned, 2 not applied again");
    assert!(again.notes[0].contains("Setting ns/token was applied by an earlier run"));
    assert_eq!(case.object(TOKEN), before);
    // What was deleted since does not come back either.
    case.api.server().objects.clear();
    case.run(&["3", "4"]).await.unwrap();
    assert!(case.api.server().objects.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_others_changed_is_told_and_left_unless_named() {
    let mut case = Case::new();
    case.run(&["1", "2"]).await.unwrap();
    case.api.server().objects.get_mut(SETTING).unwrap()["data"]["k"] = json!("other");
    case.api.server().foreign.insert(
        SETTING.into(),
        vec![(".data.k".into(), "kubectl-edit".into())],
    );
    let result = case.run(&["1", "2"]).await.unwrap();
    assert_eq!(result.outcome, "1 as planned, 1 changed since and left");
    assert_eq!(result.objects.drift[0].object, "Setting ns/a");
    assert_eq!(result.objects.drift[0].fields[0].field, ".data.k");
    assert_eq!(
        result.notes,
        [
            "Setting ns/a was changed and is left as it is (.data.k by kubectl-edit); apply the plan's version with --overwrite-drift objects/1.yaml"
        ]
    );
    assert_eq!(case.object(SETTING)["data"]["k"], "other");
    case.overwrite.insert(name("1"));
    let forced = case.run(&["1", "2"]).await.unwrap();
    assert_eq!(forced.objects.changed, ["Setting ns/a"]);
    assert_eq!(case.object(SETTING)["data"]["k"], "v");
    let calls = case.api.server().calls.clone();
    let forced: Vec<_> = calls
        .iter()
        .filter(|call| call.contains("force=true"))
        .collect();
    assert_eq!(forced.len(), 1, "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_and_an_overloaded_server_are_tried_again() {
    for failure in [
        Failure::Connection("Connection refused"),
        Failure::Status(429, "TooManyRequests", Some(3)),
        Failure::Status(500, "InternalError", None),
        Failure::Status(503, "ServiceUnavailable", Some(1)),
        Failure::Status(409, "AlreadyExists", None),
    ] {
        let mut case = Case::new();
        case.fail(failure.clone(), 5);
        let since = tokio::time::Instant::now();
        let result = case.run(&["1"]).await.unwrap();
        assert_eq!(result.outcome, "1 created", "{failure:?}");
        if matches!(failure, Failure::Status(429, ..)) {
            assert!(
                since.elapsed() >= Duration::from_secs(15),
                "{:?}",
                since.elapsed()
            );
        }
        assert!(
            case.told.waits[0].starts_with("apply Setting ns/a: "),
            "{:?}",
            case.told.waits
        );
    }
}

#[tokio::test(start_paused = true)]
async fn after_its_time_a_call_is_given_up_with_the_last_reason() {
    let mut case = Case::new();
    case.fail(Failure::Connection("Connection refused"), 1000);
    let since = tokio::time::Instant::now();
    let error = case.run(&["1"]).await.unwrap_err().to_string();
    assert!(
        error.starts_with("apply Setting ns/a: not done after 60 s and ")
            && error.ends_with(" attempts; last: Connection refused"),
        "{error}"
    );
    assert!(since.elapsed() < Duration::from_secs(61));
    // What comes after it was not tried.
    assert_eq!(case.api.count("PATCH"), 0);
}

#[tokio::test(start_paused = true)]
async fn other_refusals_are_errors_at_once_and_tell_no_secret() {
    for (entry, secret) in [("1", false), ("3", true)] {
        for (code, reason) in [(400, "BadRequest"), (401, "Unauthorized"), (422, "Invalid")] {
            let mut case = Case::new();
            // The kinds and the look at the object succeed; the object itself is refused.
            case.fail(Failure::Pass, 2);
            case.fail(Failure::Status(code, reason, None), 1);
            let since = tokio::time::Instant::now();
            let error = case.run(&[entry]).await.unwrap_err().to_string();
            assert!(error.contains("the API server refused: "), "{error}");
            assert!(error.contains(&format!("(status {code})")), "{error}");
            assert_eq!(error.contains("hunter2"), !secret, "{error}");
            assert!(since.elapsed() < Duration::from_secs(1));
            assert_eq!(case.api.count("PATCH"), 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn kinds_and_namespaces_that_are_not_there_yet_are_waited_for() {
    let mut case = Case::new();
    case.api.server().starting = true;
    let error = case.run(&["1"]).await.unwrap_err().to_string();
    assert!(
        error.contains("last: the API has no kind Setting in v1"),
        "{error}"
    );
    assert!(case.api.count("GET") > 5);
    case.api.server().starting = false;
    case.fail(Failure::Status(404, "NotFound", None), 3);
    assert_eq!(case.run(&["1"]).await.unwrap().outcome, "1 created");
}

#[tokio::test(start_paused = true)]
async fn where_the_administrator_may_not_the_fallback_does() {
    let mut case = Case::new();
    case.api.server().forbidden.push("admin".into());
    case.fallback = Some("/super.conf".parse().unwrap());
    assert_eq!(case.run(&["2"]).await.unwrap().outcome, "1 created");
    assert!(
        case.told
            .waits
            .iter()
            .any(|wait| wait.ends_with("as `super`")),
        "{:?}",
        case.told.waits
    );
    // It is not there: said at once, with both names.
    case.fallback = Some("/gone.conf".parse().unwrap());
    let since = tokio::time::Instant::now();
    let error = case.run(&["1"]).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "apply Setting ns/a: `admin` may not do this, and the kubeconfig `/gone.conf`, which may, does not exist"
    );
    assert!(since.elapsed() < Duration::from_secs(1));
    assert_eq!(error.hints().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_fallback_a_right_that_comes_late_is_waited_for() {
    let mut case = Case::new();
    case.fail(Failure::Status(403, "Forbidden", None), 6);
    assert_eq!(case.run(&["1"]).await.unwrap().outcome, "1 created");
    case.api.server().forbidden.push("admin".into());
    let error = case.run(&["2"]).await.unwrap_err();
    assert!(matches!(error, StepError::Forbidden { .. }));
    let text = error.to_string();
    assert!(
        text.contains("apply Grant g: `admin` may not do this: ")
            && text.contains("cannot get resource"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn content_that_is_no_object_is_named_and_not_sent() {
    for (yaml, expected) in [
        ("a: [hunter2", "it is not YAML"),
        ("kind: Setting\n", "it has no apiVersion"),
        (
            "\"apiVersion\": v1\nkind: Setting\n",
            "it has no metadata.name",
        ),
        (
            "\"apiVersion\": v1\nkind: Setting\nmetadata: {name: a}\n",
            "lies in a namespace, and it names none",
        ),
        (
            "\"apiVersion\": v1\nkind: Grant\nmetadata: {name: a, namespace: b}\n",
            "lies in no namespace",
        ),
    ] {
        let mut case = Case::new();
        case.contents.insert(name("1"), yaml.to_owned());
        let error = case.run(&["1"]).await.unwrap_err().to_string();
        assert!(
            error.contains("objects/1.yaml") && error.contains(expected),
            "{error}"
        );
        assert!(!error.contains("hunter2"));
        assert_eq!(case.api.count("PATCH"), 0);
    }
    // A hole that is not where the index says.
    let mut case = Case::new();
    let without = case.contents[&name("3")].replace("<hole:token-expiry>", "MQ==");
    case.contents.insert(name("3"), without);
    let error = case.run(&["3"]).await.unwrap_err().to_string();
    assert!(
        error.contains("there is no hole at `data/expiration`"),
        "{error}"
    );
}

#[test]
fn a_missing_kubeconfig_is_named() {
    let root = Root::open(Path::new("/")).unwrap();
    let api = Api {
        kubeconfig: "/no/such/admin.conf".parse().unwrap(),
        server: "https://192.0.2.1".into(),
        timeout_seconds: 1,
    };
    let error = Session::new(&root, &api).administrator().err().unwrap();
    assert_eq!(error.to_string(), "`/no/such/admin.conf` does not exist");
}
