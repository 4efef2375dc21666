//! Whether another host runs under the node's name.
//!
//! In: an API client, the name. Out: that the name is free, or the refusal. Two kubelets with one name would take turns to
//! write one Node object and the Pods of one would be killed by the other, so nothing is started under a name whose node
//! is ready (kubeadm 1.36.2, `cmd/kubeadm/app/cmd/phases/join/kubelet.go`). Nothing is changed.

use std::time::Duration;

use kubeplan_bundle::index::Name;
use kubeplan_bundle::path::HostPath;
use serde_json::Value;

use super::error::StepError;
use super::finish_tls_bootstrap;
use super::report::{Progress, StepResult};
use super::session::{Attempt, retry};
use crate::host::Root;
use crate::net::client::{ApiClient, Class};
use crate::net::json::Json;
use crate::net::kubeconfig::{Kubeconfig, KubeconfigError};
use crate::net::resources::{Resource, object_path};

/// How long the API is tried, as kubeadm tries a call of it (`KubernetesAPICallTimeout`).
const WINDOW: Duration = Duration::from_secs(60);

/// What is asked for.
pub(crate) struct Question<'a> {
    /// The node.
    pub(crate) node: &'a Name,
    /// Who asks: the kubeconfig that the kubelet bootstraps with.
    pub(crate) bootstrap_kubeconfig: &'a HostPath,
    /// The kubeconfig that the kubelet writes once it has credentials of its own.
    pub(crate) kubeconfig: &'a HostPath,
    /// Who is asked, if not the server of the bootstrap kubeconfig: that one of a control plane is its own, which does not
    /// run yet.
    pub(crate) server: Option<&'a str>,
}

/// How a name stands in the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// No node has this name.
    Free,
    /// There is one, and no kubelet keeps it ready.
    NotReady,
}

impl Standing {
    /// For people.
    pub(crate) fn words(self, node: &str) -> String {
        match self {
            Self::Free => format!("the cluster has no node {node}"),
            Self::NotReady => format!("node {node} exists and is not ready: it is taken over"),
        }
    }
}

/// Refuses a name that is in use.
///
/// # Errors
/// [`StepError::NodeExists`], [`StepError::NodesForbidden`], or what kept the API from answering.
pub(crate) async fn run(
    root: &Root,
    question: &Question<'_>,
    progress: &mut Progress<'_>,
) -> Result<StepResult, StepError> {
    if finish_tls_bootstrap::has_credentials(root, question.kubeconfig).is_ok() {
        return Ok(StepResult::unchanged(format!(
            "the kubelet has its credentials ({})",
            question.kubeconfig
        )));
    }
    let path = question.bootstrap_kubeconfig;
    let (kubeconfig, _) =
        Kubeconfig::read(root, path)?.ok_or_else(|| KubeconfigError::Missing(path.to_string()))?;
    let server = match question.server {
        Some(server) => server,
        None => kubeconfig.server()?,
    };
    let client = ApiClient::of(&kubeconfig, root, server)?;
    let standing = ask(&client, question.node.as_str(), progress).await?;
    Ok(StepResult::unchanged(
        standing.words(question.node.as_str()),
    ))
}

/// Asks until there is an answer.
///
/// # Errors
/// As [`run`].
pub(crate) async fn ask(
    client: &ApiClient,
    node: &str,
    progress: &mut Progress<'_>,
) -> Result<Standing, StepError> {
    let resource = Resource {
        plural: "nodes".to_owned(),
        namespaced: false,
    };
    let path = object_path("v1", &resource, "", node);
    let what = format!("ask for node {node}");
    retry(WINDOW, &what, progress, async || {
        let answer = match client.get(&path).await {
            Ok(answer) => answer,
            Err(error) => return error.into(),
        };
        match (answer.class(), answer.json()) {
            (Class::Missing, _) => Attempt::Done(Standing::Free),
            (Class::Good, Ok(found)) if is_ready(&found) => {
                Attempt::Stop(StepError::NodeExists(node.to_owned()))
            }
            (Class::Good, Ok(_)) => Attempt::Done(Standing::NotReady),
            // No role comes into being by itself here: the cluster has been running for long.
            (Class::Forbidden, _) => Attempt::Stop(StepError::NodesForbidden {
                user: client.user().to_owned(),
                said: answer.explain(false),
            }),
            _ => Attempt::of(&answer, &what, client, false),
        }
    })
    .await
}

/// Whether a kubelet keeps the node ready.
fn is_ready(node: &Json) -> bool {
    let conditions = node.at(["status", "conditions"]).and_then(Value::as_array);
    let text = |condition: &Value, key: &str, wanted: &str| {
        condition.get(key).and_then(Value::as_str) == Some(wanted)
    };
    conditions
        .into_iter()
        .flatten()
        .any(|condition| text(condition, "type", "Ready") && text(condition, "status", "True"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{Failure, FakeApi, Told};
    use super::*;

    async fn asked(api: &FakeApi) -> Result<Standing, StepError> {
        let mut told = Told::default();
        let mut progress = Progress::begin(&mut told, 0, "kubelet-start", "ask".into());
        ask(&api.client("bootstrap"), "w1", &mut progress).await
    }

    fn with_ready(status: &str) -> FakeApi {
        let api = FakeApi::default();
        let node = json!({"status": {"conditions": [
            {"type": "MemoryPressure", "status": "True"}, {"type": "Ready", "status": status}]}});
        api.server().objects.insert("/api/v1/nodes/w1".into(), node);
        api
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_is_free_unless_its_node_is_ready() {
        assert_eq!(asked(&FakeApi::default()).await.unwrap(), Standing::Free);
        for status in ["False", "Unknown"] {
            let found = asked(&with_ready(status)).await.unwrap();
            assert_eq!(found, Standing::NotReady);
        }
        let api = with_ready("True");
        let error = asked(&api).await.unwrap_err();
        assert!(matches!(&error, StepError::NodeExists(node) if node == "w1"));
        assert!(error.hints()[0].contains("kubectl delete node w1"));
        assert_eq!(api.count("GET"), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_user_who_may_not_read_nodes_is_told_what_the_cluster_lacks() {
        let api = FakeApi::default();
        api.server().forbidden.push("bootstrap".into());
        let error = asked(&api).await.unwrap_err();
        assert!(matches!(error, StepError::NodesForbidden { .. }));
        assert!(error.hints()[0].contains("kubeadm:get-nodes"));
        assert_eq!(api.count("GET"), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_passes_is_waited_for() {
        let api = FakeApi::default();
        api.server()
            .failures
            .push_back(Failure::Connection("refused"));
        assert_eq!(asked(&api).await.unwrap(), Standing::Free);
        assert_eq!(api.count("GET"), 2);
    }
}
