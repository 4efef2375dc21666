//! Waiting until the API server of the cluster that the node joins is ready.
//!
//! In: a kubeconfig on the host. Out: the server of its current context has proven who it is and has said that it is
//! ready, or what was heard of it last. It is asked as the kubeconfig's user, at the path that kubeadm asks; nothing is
//! changed there.

use std::time::Duration;

use kubeplan_bundle::path::HostPath;

use super::error::StepError;
use super::report::{Progress, StepResult};
use super::session::{Attempt, retry};
use crate::host::Root;
use crate::net::client::{ApiClient, Class};
use crate::net::kubeconfig::{Kubeconfig, KubeconfigError};

/// Where an API server says whether it is ready (Kubernetes, "API health endpoints").
const READY: &str = "/readyz";

/// Waits for the server of the kubeconfig at `path`.
///
/// # Errors
/// [`StepError::NotReady`] once the time is over.
pub(crate) async fn run(
    root: &Root,
    path: &HostPath,
    window: Duration,
    progress: &mut Progress<'_>,
) -> Result<StepResult, StepError> {
    let (kubeconfig, _) =
        Kubeconfig::read(root, path)?.ok_or_else(|| KubeconfigError::Missing(path.to_string()))?;
    let client = ApiClient::of(&kubeconfig, root, kubeconfig.server()?)?;
    wait(&client, window, progress).await
}

async fn wait(
    client: &ApiClient,
    window: Duration,
    progress: &mut Progress<'_>,
) -> Result<StepResult, StepError> {
    let what = format!("the API server at {}", client.server());
    let ready = retry(window, &what, progress, async || {
        match client.get(READY).await {
            Ok(answer) if answer.class() == Class::Good => Attempt::Done(()),
            Ok(answer) => Attempt::of(&answer, &what, client, false),
            Err(error) => error.into(),
        }
    });
    let last = match ready.await {
        Ok(()) => return Ok(StepResult::unchanged(format!("{what} is ready"))),
        Err(StepError::TimedOut { last, .. } | StepError::Forbidden { said: last, .. }) => last,
        Err(error) => return Err(error),
    };
    Err(StepError::NotReady {
        server: client.server().to_owned(),
        window,
        last,
    })
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests write the file that is read"
)]
mod tests {
    use serde_json::json;

    use super::super::testing::{Failure, FakeApi, Told};
    use super::*;
    use crate::net::waiter::Waiter;

    const MINUTE: Duration = Duration::from_secs(60);

    async fn waited(api: &FakeApi, told: &mut Told) -> Result<StepResult, StepError> {
        let mut progress = Progress::begin(told, 0, "wait", "wait".into());
        wait(&api.client("admin"), MINUTE, &mut progress).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_comes_up_is_waited_for_and_one_that_is_up_is_asked_once() {
        let api = FakeApi::default();
        api.server().objects.insert(READY.into(), json!({}));
        api.server().failures.extend([
            Failure::Connection("connection refused"),
            Failure::Status(500, "InternalError", None),
        ]);
        let mut told = Told::default();
        let result = waited(&api, &mut told).await.unwrap();
        assert!(!result.changed);
        assert_eq!(
            result.outcome,
            "the API server at https://192.0.2.1:6443 is ready"
        );
        assert!(told.waits[0].contains("connection refused"), "{told:?}");
        assert_eq!(api.count("GET"), 3);
        waited(&api, &mut told).await.unwrap();
        assert_eq!(api.count("GET"), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_answer_is_in_the_error() {
        let api = FakeApi::default();
        let error = waited(&api, &mut Told::default()).await.unwrap_err();
        assert!(
            matches!(&error, StepError::NotReady { last, .. } if last.contains("404")),
            "{error}"
        );
        api.server().forbidden.push("admin".into());
        let error = waited(&api, &mut Told::default()).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("not ready after 60 s"), "{text}");
        assert!(text.contains("forbidden"), "{text}");
        assert!(error.hints()[0].contains("readyz"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_does_not_know_the_user_is_not_asked_again() {
        let api = FakeApi::default();
        api.server()
            .failures
            .push_back(Failure::Status(401, "Unauthorized", None));
        let error = waited(&api, &mut Told::default()).await.unwrap_err();
        assert!(
            error.to_string().contains("does not know `admin`"),
            "{error}"
        );
        assert_eq!(api.count("GET"), 1);
    }

    #[test]
    fn a_kubeconfig_that_is_missing_or_of_no_use_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::open(directory.path()).unwrap();
        let path = "/admin.conf".parse().unwrap();
        let waiter = Waiter::default();
        let mut told = Told::default();
        let mut run = || {
            let mut progress = Progress::begin(&mut told, 0, "wait", "wait".into());
            let step = super::run(&root, &path, MINUTE, &mut progress);
            waiter.wait(step).unwrap().unwrap_err().to_string()
        };
        assert_eq!(run(), "`/admin.conf` does not exist");
        std::fs::write(directory.path().join("admin.conf"), "current-context: a\n").unwrap();
        assert!(run().contains("has no `a`"));
    }
}
