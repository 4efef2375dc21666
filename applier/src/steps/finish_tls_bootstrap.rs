//! The end of a TLS bootstrap: the kubelet has credentials of its own, and what it got them with is taken away.
//!
//! In: the kubeconfig that the kubelet bootstraps with, the one that it writes. Out: the second can be used and the
//! first is gone, or the error; gone it is in any case, as it holds a token, unless it is not the file that was installed. The kubelet writes its kubeconfig before it
//! has the certificate that it names, so the file alone says nothing (kubeadm 1.36.2,
//! `cmd/kubeadm/app/cmd/phases/join/kubelet.go`, `waitForTLSBootstrappedClient`). No API is asked.

use std::time::Duration;

use kubeplan_bundle::index::Name;
use kubeplan_bundle::path::HostPath;
use tokio::time::{Instant, sleep};

use super::committer::{NO_INSTALLATION, Removal};
use super::error::StepError;
use super::report::{Progress, StepResult};
use crate::host::Root;
use crate::host::clock::Clock;
use crate::kubeadm::node_certificate::{self, Standing};
use crate::net::client::ApiClient;
use crate::net::kubeconfig::{Kubeconfig, KubeconfigError, Proof};

/// How often the files are looked at, as by kubeadm.
const INTERVAL: Duration = Duration::from_secs(1);

/// Whose credentials are waited for.
pub(crate) struct Bootstrap<'a> {
    /// The kubeconfig that the kubelet bootstraps with.
    pub(crate) bootstrap_kubeconfig: &'a HostPath,
    /// The kubeconfig that it writes.
    pub(crate) kubeconfig: &'a HostPath,
    /// The node, which the certificate must be of.
    pub(crate) node: &'a Name,
    /// What time it is.
    pub(crate) clock: Clock,
    /// How long that may take.
    pub(crate) window: Duration,
}

/// Waits for the credentials, and removes the bootstrap kubeconfig.
///
/// # Errors
/// [`StepError::NotBootstrapped`] once the time is over, with no log of a service yet; [`StepError::ForeignCertificate`] if the
/// kubelet uses a certificate of another cluster or node; [`StepError::Change`] if the bootstrap kubeconfig cannot be removed.
pub(crate) async fn run(
    root: &Root,
    bootstrap: &Bootstrap<'_>,
    progress: &mut Progress<'_>,
) -> Result<StepResult, StepError> {
    let waited = wait(root, bootstrap, progress).await;
    let path = bootstrap.bootstrap_kubeconfig;
    let position = progress.position();
    let files = progress.files().ok_or(StepError::Bundle(NO_INSTALLATION))?;
    let removed = files.remove(position, path)?;
    match waited {
        Ok(()) => {}
        Err(Lacking::Foreign(why)) => {
            return Err(StepError::ForeignCertificate {
                certificate: bootstrap.kubeconfig.clone(),
                why: format!("names a certificate that {why}"),
            });
        }
        Err(Lacking::Credentials(last)) => {
            return Err(StepError::NotBootstrapped {
                kubeconfig: bootstrap.kubeconfig.clone(),
                window: bootstrap.window,
                last,
                token: Some((path.clone(), removed)),
            });
        }
    }
    let found = format!("{} can be used", bootstrap.kubeconfig);
    Ok(match removed {
        Removal::Done => StepResult::changed(format!("{found}, {path} is removed")),
        Removal::Missing => StepResult::unchanged(found),
        Removal::Left(why) => {
            let mut result = StepResult::unchanged(found);
            result.notes.push(format!(
                "{path} is left: {why}. If it holds a token, remove it by hand"
            ));
            result
        }
    })
}

/// Whether a client can be made of the kubeconfig and what it names.
///
/// # Errors
/// Why not.
pub(crate) fn has_credentials(root: &Root, path: &HostPath) -> Result<(), KubeconfigError> {
    let (kubeconfig, _) =
        Kubeconfig::read(root, path)?.ok_or_else(|| KubeconfigError::Missing(path.to_string()))?;
    ApiClient::of(&kubeconfig, root, kubeconfig.server()?).map(drop)
}

/// What keeps the kubelet from having credentials of its own.
enum Lacking {
    /// It has none that can be used; why.
    Credentials(String),
    /// It uses a certificate of another node or cluster, which it does not replace; why.
    Foreign(String),
}

/// Whether the kubelet has a certificate of this node from the CA of the cluster.
fn look(root: &Root, bootstrap: &Bootstrap<'_>) -> Result<(), Lacking> {
    let lacking = |error: KubeconfigError| Lacking::Credentials(error.to_string());
    has_credentials(root, bootstrap.kubeconfig).map_err(lacking)?;
    let read = Kubeconfig::read(root, bootstrap.kubeconfig).map_err(lacking)?;
    let (kubeconfig, _) =
        read.ok_or_else(|| lacking(KubeconfigError::Missing(bootstrap.kubeconfig.to_string())))?;
    let identity = kubeconfig.identity(root).map_err(lacking)?;
    let Proof::Certificate { chain, .. } = &identity.proof else {
        return Err(Lacking::Credentials("it has no certificate".to_owned()));
    };
    let now = bootstrap
        .clock
        .now()
        .ok_or_else(|| Lacking::Credentials(StepError::Clock.to_string()))?;
    let authorities = identity.authority.expose();
    match node_certificate::judge(chain.expose(), authorities, bootstrap.node.as_str(), now) {
        Standing::Own => Ok(()),
        Standing::Expired => Err(Lacking::Credentials(
            "its certificate has expired".to_owned(),
        )),
        Standing::Foreign(why) => Err(Lacking::Foreign(why)),
    }
}

async fn wait(
    root: &Root,
    bootstrap: &Bootstrap<'_>,
    progress: &mut Progress<'_>,
) -> Result<(), Lacking> {
    let deadline = Instant::now() + bootstrap.window;
    loop {
        let last = match look(root, bootstrap) {
            Ok(()) => return Ok(()),
            Err(Lacking::Credentials(last)) if Instant::now() < deadline => last,
            Err(lacking) => return Err(lacking),
        };
        progress.waiting(format!("the kubelet has no credentials yet: {last}"));
        sleep(INTERVAL).await;
    }
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests build and look at the tree they test"
)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::super::testing::Told;
    use super::*;
    use crate::kubeadm::node_certificate::testing::Authority;

    /// A host whose kubelet is about to bootstrap.
    struct Case {
        directory: tempfile::TempDir,
        authority: Authority,
        both: String,
    }

    impl Case {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            fs::write(directory.path().join("bootstrap.conf"), "token").unwrap();
            let authority = Authority::new();
            Self {
                directory,
                both: authority.of_node("w1"),
                authority,
            }
        }

        fn at(&self, name: &str) -> PathBuf {
            self.directory.path().join(name)
        }

        /// The kubelet writes its kubeconfig.
        fn write_kubeconfig(&self) {
            let ca = STANDARD.encode(&self.authority.pem);
            let text = format!(
                "clusters: [{{name: c, cluster: {{server: 'https://192.0.2.1:6443', certificate-authority-data: {ca}}}}}]\n\
                 contexts: [{{name: x, context: {{cluster: c, user: u}}}}]\ncurrent-context: x\n\
                 users: [{{name: u, user: {{client-certificate: /current.pem, client-key: /current.pem}}}}]\n"
            );
            fs::write(self.at("kubelet.conf"), text).unwrap();
        }

        async fn run(&self, told: &mut Told) -> Result<StepResult, StepError> {
            let root = Root::open(self.directory.path()).unwrap();
            told.directory = Some(self.directory.path().to_owned());
            let mut progress = Progress::begin(told, 0, "wait", "wait".into());
            let bootstrap = Bootstrap {
                bootstrap_kubeconfig: &"/bootstrap.conf".parse().unwrap(),
                kubeconfig: &"/kubelet.conf".parse().unwrap(),
                node: &"w1".parse().unwrap(),
                clock: Clock::Fixed("2026-11-20T10:23:25Z".parse().unwrap()),
                window: Duration::from_secs(30),
            };
            run(&root, &bootstrap, &mut progress).await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn credentials_are_the_kubeconfig_and_the_certificate_that_it_names() {
        let case = Case::new();
        let mut told = Told::default();
        let kubelet = async {
            sleep(Duration::from_millis(2500)).await;
            case.write_kubeconfig();
            sleep(Duration::from_secs(3)).await;
            assert!(case.at("bootstrap.conf").exists());
            fs::write(case.at("current.pem"), &case.both).unwrap();
        };
        let (result, ()) = tokio::join!(case.run(&mut told), kubelet);
        assert!(result.unwrap().changed);
        assert!(!case.at("bootstrap.conf").exists());
        assert!(told.waits[0].ends_with("`/kubelet.conf` does not exist"));
        assert!(told.waits[1].ends_with("`/current.pem` does not exist"));
        // Again: nothing is waited for, and nothing is left to be removed.
        let begin = Instant::now();
        assert!(!case.run(&mut told).await.unwrap().changed);
        assert_eq!(begin.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn the_token_is_removed_when_the_time_is_over() {
        let case = Case::new();
        case.write_kubeconfig();
        let begin = Instant::now();
        let error = case.run(&mut Told::default()).await.unwrap_err();
        assert!(begin.elapsed() >= Duration::from_secs(30));
        assert!(!case.at("bootstrap.conf").exists());
        let text = error.to_string();
        assert!(text.contains("30 s") && text.contains("`/current.pem` does not exist"));
        let hints = error.hints().join("\n");
        assert!(hints.contains("/bootstrap.conf"), "{hints}");
    }

    #[tokio::test(start_paused = true)]
    async fn half_a_certificate_is_none() {
        let case = Case::new();
        case.write_kubeconfig();
        let (certificate, _) = case.both.split_once("-----BEGIN PRIVATE").unwrap();
        fs::write(case.at("current.pem"), certificate).unwrap();
        let error = case.run(&mut Told::default()).await.unwrap_err();
        assert!(error.to_string().contains("client key"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_certificate_of_another_cluster_or_node_is_refused_at_once() {
        let case = Case::new();
        case.write_kubeconfig();
        for (file, part) in [
            (
                Authority::new().of_node("w1"),
                "`/kubelet.conf` names a certificate that was not issued by the CA of this cluster",
            ),
            (
                case.authority.of_node("w2"),
                "not to this node (`O=system:nodes, CN=system:node:w1`)",
            ),
        ] {
            fs::write(case.at("bootstrap.conf"), "token").unwrap();
            fs::write(case.at("current.pem"), file).unwrap();
            let begin = Instant::now();
            let error = case.run(&mut Told::default()).await.unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
            assert!(!case.at("bootstrap.conf").exists(), "it holds a token");
            assert_eq!(begin.elapsed(), Duration::ZERO);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_that_is_left_is_named() {
        let case = Case::new();
        case.write_kubeconfig();
        let mut told = Told {
            leave: Some("it is not as it was installed"),
            ..Told::default()
        };
        let error = case.run(&mut told).await.unwrap_err();
        let hints = error.hints().join("\n");
        assert!(
            hints.contains("/bootstrap.conf, which holds a token, was left"),
            "{hints}"
        );
        fs::write(case.at("current.pem"), &case.both).unwrap();
        let result = case.run(&mut told).await.unwrap();
        assert!(!result.changed);
        assert!(result.notes[0].starts_with("/bootstrap.conf is left: it is not as it was"));
        assert!(case.at("bootstrap.conf").exists());
    }
}
