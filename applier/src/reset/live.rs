//! What a reset needs of the running system besides its files.
//!
//! In: questions and requests about services, mounts, the container runtime, etcd. Out: answers, or why there is none.
//! [`Running`] uses the host's own programs: `systemctl` or `rc-service`, and `crictl`; etcd it asks itself. Tests answer for
//! themselves.

use std::ffi::{OsStr, OsString};
use std::time::Duration;

use serde::Deserialize;

use super::etcd::LocalMember;
use crate::etcd::{Member, leave};
use crate::host::init::{self, Activity, InitError, InitSystem};
use crate::host::program::{Limit, Programs, RunError, Runner as _, Said};
use crate::host::{Directory, HostError, Root, facts, mounts};

/// How long each question to the container runtime may take.
const RUNTIME: Limit = Limit::report(Duration::from_secs(60));

/// How often removing a sandbox is tried, as in kubeadm.
const TRIES: usize = 5;

/// How a service stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    /// It runs, or is about to.
    Running,
    /// It does not.
    Stopped,
    /// There is none of that name.
    Missing,
    /// The system has no service manager that is known.
    NoManager,
}

/// The sandbox of a Pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sandbox {
    /// Its id.
    pub(super) id: String,
    /// The Pod's name, with its namespace.
    pub(super) pod: String,
    /// The Pod's UID; absent if no kubelet made the sandbox.
    pub(super) uid: Option<String>,
}

/// A request to the running system that failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LiveError {
    /// A program could not be run.
    #[error(transparent)]
    Command(#[from] RunError),
    /// The init system does not answer.
    #[error(transparent)]
    Service(InitError),
    /// The host refused.
    #[error(transparent)]
    Host(#[from] HostError),
    /// A program said no, or something that is not understood.
    #[error("{what}: {reason}")]
    Refused {
        /// What was asked.
        what: String,
        /// What came back.
        reason: String,
    },
}

/// The running system.
pub(super) trait LiveHost {
    /// How a service stands.
    fn service(&self, name: &str) -> Result<Service, LiveError>;
    /// Stops a service, and waits until it is.
    fn stop_service(&self, name: &str) -> Result<(), LiveError>;
    /// Mount points strictly below a folder, deepest first.
    fn mounts_below(&self, folder: &Directory) -> Result<Vec<OsString>, LiveError>;
    /// Unmounts what is mounted there, if anything is.
    fn unmount(&self, path: &OsStr) -> Result<(), LiveError>;
    /// Sockets on which a container runtime answers.
    fn sockets(&self) -> Vec<String>;
    /// Every sandbox of the runtime.
    fn sandboxes(&self, socket: &str) -> Result<Vec<Sandbox>, LiveError>;
    /// Stops and removes a sandbox with its containers.
    fn remove_sandbox(&self, socket: &str, id: &str) -> Result<(), LiveError>;
    /// The members of etcd's cluster.
    fn etcd_members(&self, local: &LocalMember) -> Result<Vec<Member>, LiveError>;
    /// Takes a member out of etcd's cluster.
    fn remove_etcd_member(&self, local: &LocalMember, id: u64) -> Result<(), LiveError>;
}

/// The system this program runs on.
pub(super) struct Running<'a> {
    /// Its files.
    pub(super) root: &'a Root,
}

impl Running<'_> {
    fn init_system(&self) -> Option<Box<dyn InitSystem>> {
        init::running(self.root, &Programs::SearchPath)
    }
}

/// What etcd, or who asks it, says.
fn of_etcd<T>(what: &str, answer: Result<T, String>) -> Result<T, LiveError> {
    answer.map_err(|reason| LiveError::Refused {
        what: what.to_owned(),
        reason,
    })
}

/// How etcdctl reaches the member; the files are those the member's probes and kubeadm use.
pub(super) fn etcdctl_flags(local: &LocalMember) -> [String; 4] {
    let folder = &local.certificates;
    [
        format!("--endpoints={}", local.client_url),
        format!("--cacert={folder}/ca.crt"),
        format!("--cert={folder}/healthcheck-client.crt"),
        format!("--key={folder}/healthcheck-client.key"),
    ]
}

fn crictl(socket: &str, arguments: &[&str]) -> Result<Said, LiveError> {
    let mut all = vec!["--runtime-endpoint", socket, "--timeout", "30s"];
    all.extend(arguments);
    run("crictl", &all, RUNTIME)
}

/// Runs a program that must succeed.
fn run(program: &str, arguments: &[&str], limit: Limit) -> Result<Said, LiveError> {
    let said = Programs::SearchPath.run(program, arguments, limit)?;
    if said.success() {
        return Ok(said);
    }
    Err(LiveError::refused(
        format!("{program} {}", arguments.join(" ")),
        &said.stderr,
    ))
}

impl LiveHost for Running<'_> {
    fn service(&self, name: &str) -> Result<Service, LiveError> {
        match self.init_system() {
            None => Ok(Service::NoManager),
            Some(system) => Ok(standing(&system.service(name)?)),
        }
    }

    fn stop_service(&self, name: &str) -> Result<(), LiveError> {
        match self.init_system() {
            None => Ok(()),
            Some(system) => Ok(system.stop(name)?),
        }
    }

    fn mounts_below(&self, folder: &Directory) -> Result<Vec<OsString>, LiveError> {
        Ok(mounts::below(folder)?)
    }

    fn unmount(&self, path: &OsStr) -> Result<(), LiveError> {
        Ok(mounts::unmount(path)?)
    }

    fn sockets(&self) -> Vec<String> {
        facts::cri_sockets(self.root)
    }

    fn sandboxes(&self, socket: &str) -> Result<Vec<Sandbox>, LiveError> {
        let said = crictl(socket, &["pods", "--output", "json"])?;
        parse_sandboxes(&said.stdout).map_err(|reason| LiveError::Refused {
            what: "crictl pods".to_owned(),
            reason,
        })
    }

    fn remove_sandbox(&self, socket: &str, id: &str) -> Result<(), LiveError> {
        let mut tries = TRIES;
        loop {
            let outcome = crictl(socket, &["stopp", id])
                .and_then(|_| crictl(socket, &["rmp", "--force", id]));
            match outcome {
                Ok(_) => return Ok(()),
                Err(error) if tries <= 1 => return Err(error),
                Err(_) => tries -= 1,
            }
        }
    }

    fn etcd_members(&self, local: &LocalMember) -> Result<Vec<Member>, LiveError> {
        let files = local.client();
        let asked = files.and_then(|files| leave::members(self.root, &files, &local.endpoints()));
        of_etcd("asking etcd who its members are", asked)
    }

    fn remove_etcd_member(&self, local: &LocalMember, id: u64) -> Result<(), LiveError> {
        let files = local.client();
        let removed =
            files.and_then(|files| leave::remove(self.root, &files, &local.endpoints(), id));
        of_etcd("taking the member out of etcd", removed)
    }
}

/// How the service stands for a reset, which stops whatever is not known to be stopped.
fn standing(service: &init::Service) -> Service {
    match service.activity {
        Activity::Stopped(_) if service.exists => Service::Stopped,
        Activity::Stopped(_) => Service::Missing,
        Activity::Active | Activity::Starting | Activity::Other(_) => Service::Running,
    }
}

impl From<InitError> for LiveError {
    fn from(error: InitError) -> Self {
        match error {
            InitError::Failed { command, said, .. } => Self::refused(command, &said),
            other => Self::Service(other),
        }
    }
}

impl LiveError {
    /// A program that failed, and what it said.
    fn refused(what: String, said: &str) -> Self {
        let words: Vec<&str> = said.split_whitespace().collect();
        let reason: String = words.join(" ").chars().take(400).collect();
        Self::Refused {
            what,
            reason: if reason.is_empty() {
                "it failed without a word".to_owned()
            } else {
                reason
            },
        }
    }
}

/// The labels the kubelet gives to sandboxes and containers (pkg/kubelet/types/labels.go of Kubernetes).
#[derive(Deserialize, Default)]
struct Labels {
    #[serde(default, rename = "io.kubernetes.pod.uid")]
    uid: String,
}

/// Reads what `crictl pods --output json` prints: the answer of the runtime's ListPodSandbox.
fn parse_sandboxes(json: &str) -> Result<Vec<Sandbox>, String> {
    #[derive(Deserialize)]
    struct List {
        #[serde(default)]
        items: Option<Vec<Item>>,
    }
    #[derive(Deserialize)]
    struct Item {
        id: String,
        #[serde(default)]
        metadata: Metadata,
        #[serde(default)]
        labels: Option<Labels>,
    }
    #[derive(Deserialize, Default)]
    struct Metadata {
        #[serde(default)]
        name: String,
        #[serde(default)]
        namespace: String,
    }
    let list: List = serde_json::from_str(json).map_err(|error| error.to_string())?;
    Ok(list
        .items
        .unwrap_or_default()
        .into_iter()
        .map(|item| {
            let labels = item.labels.unwrap_or_default();
            Sandbox {
                id: item.id,
                pod: format!("{}/{}", item.metadata.namespace, item.metadata.name),
                uid: Some(labels.uid).filter(|uid| !uid.is_empty()),
            }
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_to_be_stopped_runs() {
        let service = |exists, activity| standing(&init::Service { exists, activity });
        let stopped = || Activity::Stopped("inactive".to_owned());
        assert_eq!(service(true, stopped()), Service::Stopped);
        assert_eq!(service(false, stopped()), Service::Missing);
        assert_eq!(service(true, Activity::Starting), Service::Running);
        let failed = Activity::Other("failed".to_owned());
        assert_eq!(service(true, failed), Service::Running);
        // Deleted while it runs.
        assert_eq!(service(false, Activity::Active), Service::Running);
    }

    #[test]
    fn sandboxes_of_a_kubelet_have_the_uid_of_their_pod() {
        let json = r#"{"items":[
            {"id":"aa","metadata":{"name":"web-0","uid":"u1","namespace":"shop","attempt":0},
             "state":"SANDBOX_READY","labels":{"io.kubernetes.pod.name":"web-0","io.kubernetes.pod.namespace":"shop","io.kubernetes.pod.uid":"u1"}},
            {"id":"bb","metadata":{"name":"vm","uid":"u2","namespace":"default"},"labels":{}},
            {"id":"cc","metadata":{"name":"old","namespace":"default"},"labels":null}]}"#;
        let found = parse_sandboxes(json).unwrap();
        assert_eq!(found.len(), 3);
        assert_eq!(
            found[0],
            Sandbox {
                id: "aa".into(),
                pod: "shop/web-0".into(),
                uid: Some("u1".into()),
            }
        );
        assert_eq!((&found[1].uid, &found[2].uid), (&None, &None));
        assert_eq!(parse_sandboxes(r#"{"items":null}"#).unwrap(), []);
        assert_eq!(parse_sandboxes("{}").unwrap(), []);
        assert!(parse_sandboxes("no").is_err());
    }
}
