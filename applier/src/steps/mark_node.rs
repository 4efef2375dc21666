//! Labels, annotations and taints of the bundle's own node.
//!
//! In: those of the step. Out: the node has them, by one change that names the state it was decided on.
//! The kubelet registers the node, which may be late, and writes its first labels with it: the node counts as registered
//! once it has the label of its host name, as for kubeadm (1.36.2, `cmd/kubeadm/app/util/apiclient/idempotency.go`).

use std::collections::BTreeMap;
use std::time::Duration;

use kubeplan_bundle::index::Name;
use kubeplan_bundle::step::Taint;
use serde_json::{Map, Value, json};

use super::error::StepError;
use super::report::{Progress, StepResult};
use super::session::{Attempt, Session, retry};
use crate::net::client::{Class, FIELD_MANAGER, MERGE};
use crate::net::json::Json;
use crate::net::resources::{Resource, object_path};

/// The label that says that the kubelet has registered the node.
const HOSTNAME: &str = "kubernetes.io/hostname";

/// The API of nodes.
const API_VERSION: &str = "v1";

/// What is to be changed of a node.
#[derive(Debug, Default, PartialEq)]
struct Change {
    labels: Map<String, Value>,
    annotations: Map<String, Value>,
    /// The whole new list; `None` if it stays as it is.
    taints: Option<Vec<Value>>,
    /// What is done, for people.
    done: Vec<String>,
    /// What others have set otherwise and is left.
    notes: Vec<String>,
}

/// What a node is to have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Marks<'a> {
    /// Labels by key.
    pub(crate) labels: &'a BTreeMap<String, String>,
    /// Annotations by key.
    pub(crate) annotations: &'a BTreeMap<String, String>,
    /// Taints, in order.
    pub(crate) taints: &'a [Taint],
}

/// Sets what is missing; `registers` is how long the kubelet may take to register the node.
///
/// # Errors
/// [`StepError`] naming the node.
pub(crate) async fn run(
    session: &mut Session<'_>,
    node: &Name,
    marks: Marks<'_>,
    registers: Duration,
    progress: &mut Progress<'_>,
) -> Result<StepResult, StepError> {
    let client = session.administrator()?;
    let resource = Resource {
        plural: "nodes".to_owned(),
        namespaced: false,
    };
    let path = object_path(API_VERSION, &resource, "", node.as_str());
    let what = format!("mark node {node}");
    let length = registers.max(session.window());
    let change = retry(length, &what, progress, async || {
        let answer = match client.get(&path).await {
            Ok(answer) => answer,
            Err(error) => return error.into(),
        };
        let found = match (answer.class(), answer.json()) {
            (Class::Good, Ok(found)) => found,
            (Class::Missing, _) => return Attempt::again("the kubelet has not registered it yet"),
            _ => return Attempt::of(&answer, &what, &client, false),
        };
        if found.text(["metadata", "labels", HOSTNAME]).is_empty() {
            return Attempt::again(format!("it has no label {HOSTNAME} yet"));
        }
        let change = plan(&found, marks);
        if change.done.is_empty() {
            return Attempt::Done(change);
        }
        let body = Json::new(change.patch(found.text(["metadata", "resourceVersion"])));
        let query = format!("{path}?fieldManager={FIELD_MANAGER}&fieldValidation=Strict");
        match client.patch(&query, MERGE, body.to_body()).await {
            Ok(answer) if answer.class() == Class::Good => Attempt::Done(change),
            Ok(answer) => Attempt::of(&answer, &what, &client, false),
            Err(error) => error.into(),
        }
    })
    .await?;
    let mut result = if change.done.is_empty() {
        StepResult::unchanged("everything is there")
    } else if change.done.len() == marks.labels.len() + marks.annotations.len() + marks.taints.len()
    {
        StepResult::changed("set")
    } else {
        StepResult::changed(format!(
            "was missing and is set: {}",
            change.done.join(", ")
        ))
    };
    result.notes = change.notes;
    Ok(result)
}

impl Change {
    /// A merge patch (RFC 7386) that only fits the state the change was decided on.
    fn patch(&self, version: &str) -> Value {
        let mut metadata = Map::from_iter([("resourceVersion".to_owned(), Value::from(version))]);
        if !self.labels.is_empty() {
            metadata.insert("labels".to_owned(), Value::Object(self.labels.clone()));
        }
        if !self.annotations.is_empty() {
            let annotations = Value::Object(self.annotations.clone());
            metadata.insert("annotations".to_owned(), annotations);
        }
        let mut patch = Map::from_iter([("metadata".to_owned(), Value::Object(metadata))]);
        if let Some(taints) = &self.taints {
            patch.insert("spec".to_owned(), json!({"taints": taints}));
        }
        Value::Object(patch)
    }
}

/// What is missing on `node`.
fn plan(node: &Json, marks: Marks<'_>) -> Change {
    let mut change = Change::default();
    for (field, word, wanted, missing) in [
        ("labels", "label", marks.labels, &mut change.labels),
        (
            "annotations",
            "annotation",
            marks.annotations,
            &mut change.annotations,
        ),
    ] {
        let found = node.at(["metadata", field]);
        for (key, value) in wanted {
            let there = found.and_then(|map| map.get(key)).and_then(Value::as_str);
            if there != Some(value) {
                missing.insert(key.clone(), Value::from(value.clone()));
                change.done.push(format!("{word} {key}={value}"));
            }
        }
    }
    let there = node.at(["spec", "taints"]).and_then(Value::as_array);
    let there = there.map_or(&[][..], Vec::as_slice);
    let mut missing = Vec::new();
    for taint in marks.taints {
        let text = |item: &Value, field: &str| {
            item.get(field)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let effect = format!("{:?}", taint.effect);
        // The API takes one taint of a key and an effect.
        let found = there
            .iter()
            .find(|item| text(item, "key") == taint.key && text(item, "effect") == effect);
        match found.map(|item| text(item, "value")) {
            Some(value) if value == taint.value => {}
            Some(value) => change.notes.push(format!(
                "the node has the taint {}={value}:{effect} instead of {taint}; it is left as it is",
                taint.key
            )),
            None => {
                let value = (!taint.value.is_empty()).then_some(("value", taint.value.as_str()));
                let fields = [("key", taint.key.as_str()), ("effect", effect.as_str())];
                let item = fields
                    .into_iter()
                    .chain(value)
                    .map(|(key, value)| (key.to_owned(), Value::from(value)));
                let item = Value::Object(item.collect());
                missing.push(item);
                change.done.push(format!("taint {taint}"));
            }
        }
    }
    if !missing.is_empty() {
        missing.extend(there.iter().cloned());
        change.taints = Some(missing);
    }
    change
}

#[cfg(test)]
mod tests {
    use kubeplan_bundle::index::Api;
    use kubeplan_bundle::step::TaintEffect;

    use super::*;
    use crate::host::Root;
    use crate::steps::testing::{Failure, FakeApi, Told};

    fn taint(key: &str, value: &str) -> Taint {
        Taint {
            key: key.into(),
            value: value.into(),
            effect: TaintEffect::NoSchedule,
        }
    }

    fn planned(node: Value) -> Change {
        let labels = BTreeMap::from([
            ("a".to_owned(), String::new()),
            ("b".to_owned(), "1".to_owned()),
        ]);
        let marks = Marks {
            labels: &labels,
            annotations: &BTreeMap::new(),
            taints: &[taint("k", ""), taint("l", "v")],
        };
        plan(&Json::new(node), marks)
    }

    #[test]
    fn annotations_are_set_beside_those_of_others() {
        let annotations = BTreeMap::from([
            ("socket".to_owned(), "unix:///a".to_owned()),
            ("kept".to_owned(), "x".to_owned()),
        ]);
        let marks = Marks {
            labels: &BTreeMap::new(),
            annotations: &annotations,
            taints: &[],
        };
        let node = json!({"metadata": {"annotations": {"kept": "x", "other": "y"}}});
        let change = plan(&Json::new(node), marks);
        assert_eq!(change.done, ["annotation socket=unix:///a"]);
        assert_eq!(
            change.patch("7"),
            json!({"metadata": {"resourceVersion": "7", "annotations": {"socket": "unix:///a"}}})
        );
    }

    #[test]
    fn what_is_missing_is_put_in_front() {
        let change = planned(json!({
            "metadata": {"labels": {"b": "0", "other": "x"}},
            "spec": {"taints": [{"key": "not-ready", "effect": "NoSchedule", "timeAdded": "2026"}]},
        }));
        assert_eq!(
            change.patch("7"),
            json!({
                "metadata": {"resourceVersion": "7", "labels": {"a": "", "b": "1"}},
                "spec": {"taints": [
                    {"key": "k", "effect": "NoSchedule"},
                    {"key": "l", "effect": "NoSchedule", "value": "v"},
                    {"key": "not-ready", "effect": "NoSchedule", "timeAdded": "2026"},
                ]},
            })
        );
        assert_eq!(
            change.done,
            [
                "label a=",
                "label b=1",
                "taint k:NoSchedule",
                "taint l=v:NoSchedule"
            ]
        );
    }

    #[test]
    fn a_node_that_has_everything_is_not_changed() {
        let change = planned(json!({
            "metadata": {"labels": {"a": "", "b": "1"}},
            "spec": {"taints": [
                {"key": "l", "value": "v", "effect": "NoSchedule"},
                {"key": "k", "effect": "NoSchedule"},
            ]},
        }));
        assert_eq!(change, Change::default());
    }

    #[test]
    fn a_taint_with_another_value_is_left_and_told() {
        let change = planned(json!({
            "metadata": {"labels": {"a": "", "b": "1"}},
            "spec": {"taints": [
                {"key": "l", "value": "other", "effect": "NoSchedule"},
                {"key": "k", "effect": "NoSchedule"},
                {"key": "k", "effect": "NoExecute"},
            ]},
        }));
        assert_eq!(change.taints, None);
        assert_eq!(
            change.notes,
            [
                "the node has the taint l=other:NoSchedule instead of l=v:NoSchedule; it is left as it is"
            ]
        );
    }

    async fn mark(fake: &FakeApi, registers: u64) -> Result<StepResult, StepError> {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::open(directory.path()).unwrap();
        let api = Api {
            kubeconfig: "/admin.conf".parse().unwrap(),
            server: "https://192.0.2.1:6443".into(),
            timeout_seconds: 60,
        };
        let mut session =
            Session::new(&root, &api).with_client(&api.kubeconfig, fake.client("admin"));
        let mut told = Told::default();
        let mut progress = Progress::begin(&mut told, 0, "p", "mark".into());
        let labels = BTreeMap::from([("role".to_owned(), String::new())]);
        run(
            &mut session,
            &"cp-0".parse().unwrap(),
            Marks {
                labels: &labels,
                annotations: &BTreeMap::new(),
                taints: &[taint("k", "")],
            },
            Duration::from_secs(registers),
            &mut progress,
        )
        .await
    }

    const PATH: &str = "/api/v1/nodes/cp-0";

    fn registered() -> Value {
        json!({"metadata": {"resourceVersion": "1", "labels": {HOSTNAME: "cp-0"}}, "spec": {}})
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_is_marked_once_also_if_others_change_it_meanwhile() {
        let fake = FakeApi::default();
        fake.server().objects.insert(PATH.into(), registered());
        // The first change comes too late: another client was faster.
        fake.server().failures.extend([
            Failure::Pass,
            Failure::Status(409, "Conflict", None),
            Failure::Connection("reset"),
        ]);
        let first = mark(&fake, 240).await.unwrap();
        assert_eq!(first.outcome, "set");
        assert!(first.changed);
        assert_eq!(fake.count("PATCH"), 2);
        let again = mark(&fake, 240).await.unwrap();
        assert_eq!(
            (again.changed, again.outcome.as_str()),
            (false, "everything is there")
        );
        assert_eq!(fake.count("PATCH"), 2);
        fake.server().objects.get_mut(PATH).unwrap()["spec"]["taints"] = json!([]);
        let third = mark(&fake, 240).await.unwrap();
        assert_eq!(third.outcome, "was missing and is set: taint k:NoSchedule");
    }

    #[tokio::test(start_paused = true)]
    async fn a_kubelet_that_registers_late_is_waited_for() {
        let fake = FakeApi::default();
        let since = tokio::time::Instant::now();
        let error = mark(&fake, 240).await.unwrap_err().to_string();
        assert!(
            error.contains("node cp-0: not done after 240 s")
                && error.ends_with("last: the kubelet has not registered it yet"),
            "{error}"
        );
        assert!(since.elapsed() > Duration::from_secs(200));
        let mut unlabelled = registered();
        unlabelled["metadata"]["labels"] = json!({});
        fake.server().objects.insert(PATH.into(), unlabelled);
        let error = mark(&fake, 0).await.unwrap_err().to_string();
        assert!(
            error.contains("after 60 s")
                && error.ends_with("it has no label kubernetes.io/hostname yet"),
            "{error}"
        );
    }
}
