//! What a reset needs of the running system besides its files.
//!
//! In: questions and requests about services, mounts, the container runtime, etcd. Out: answers, or why there is none.
//! [`Running`] uses the host's own programs for services: `systemctl` or `rc-service`; the container runtime and etcd it asks itself.
//! Tests answer for themselves.

use std::ffi::{OsStr, OsString};

use crate::etcd::{Member, leave};
use crate::host::init::{self, Activity, InitError, InitSystem};
use crate::host::program::{Programs, RunError};
use crate::host::{Directory, HostError, Root, facts, mounts};
use crate::kubeadm::etcd_pod::LocalMember;
use crate::kubeadm::layout;
use crate::runtime::{self, Client, CriError};

/// How often removing a sandbox is tried, without a pause, as in kubeadm (1.36.2, `cmd/kubeadm/app/util/runtime`).
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
    /// The container runtime refused, or does not answer.
    #[error(transparent)]
    Runtime(#[from] CriError),
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
    /// Mount points strictly below a directory, deepest first.
    fn mounts_below(&self, directory: &Directory) -> Result<Vec<OsString>, LiveError>;
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
    let directory = &local.certificates;
    [
        format!("--endpoints={}", local.client_url),
        format!("--cacert={directory}/ca.crt"),
        format!("--cert={directory}/healthcheck-client.crt"),
        format!("--key={directory}/healthcheck-client.key"),
    ]
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

    fn mounts_below(&self, directory: &Directory) -> Result<Vec<OsString>, LiveError> {
        Ok(mounts::below(directory)?)
    }

    fn unmount(&self, path: &OsStr) -> Result<(), LiveError> {
        Ok(mounts::unmount(path)?)
    }

    fn sockets(&self) -> Vec<String> {
        facts::cri_sockets(self.root)
    }

    fn sandboxes(&self, socket: &str) -> Result<Vec<Sandbox>, LiveError> {
        let listed = Client::connect(socket)?.sandboxes()?;
        Ok(listed.into_iter().map(Sandbox::from).collect())
    }

    fn remove_sandbox(&self, socket: &str, id: &str) -> Result<(), LiveError> {
        let attempt = || {
            let runtime = Client::connect(socket)?;
            runtime.stop_sandbox(id)?;
            runtime.remove_sandbox(id)
        };
        let mut outcome = attempt();
        for _ in 1..TRIES {
            if outcome.is_ok() {
                break;
            }
            outcome = attempt();
        }
        Ok(outcome?)
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
                "it failed without a message".to_owned()
            } else {
                reason
            },
        }
    }
}

impl From<runtime::Sandbox> for Sandbox {
    fn from(mut listed: runtime::Sandbox) -> Self {
        let uid = listed.labels.remove(layout::POD_UID_LABEL);
        Self {
            id: listed.id,
            pod: format!("{}/{}", listed.namespace, listed.name),
            uid: uid.filter(|uid| !uid.is_empty()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::runtime::server::{self, Answer};

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
        let uid = |labels: &[(&str, &str)]| {
            let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
            let sandbox = Sandbox::from(runtime::Sandbox {
                id: "aa".into(),
                name: "web-0".into(),
                namespace: "shop".into(),
                labels: labels.iter().map(owned).collect(),
            });
            assert_eq!(
                (sandbox.id.as_str(), sandbox.pod.as_str()),
                ("aa", "shop/web-0")
            );
            sandbox.uid
        };
        let ours = [
            ("io.kubernetes.pod.name", "web-0"),
            ("io.kubernetes.pod.uid", "u1"),
        ];
        assert_eq!(uid(&ours).as_deref(), Some("u1"));
        assert_eq!(uid(&[]), None);
        assert_eq!(uid(&[("io.kubernetes.pod.uid", "")]), None);
    }

    /// A runtime that has one sandbox, and fails to stop it `failures` times; the socket, and its calls.
    fn runtime_of(failures: usize) -> (tempfile::TempDir, String, Arc<Mutex<Vec<String>>>) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("cri.sock");
        let calls = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&calls);
        server::start(&path, move |path, question| {
            let mut told = told.lock().unwrap();
            let call = path.rsplit('/').next().unwrap();
            // The id, behind its field's number and its length.
            let id = String::from_utf8_lossy(&question[2..]);
            told.push(format!("{call} {id}"));
            if call == "StopPodSandbox" && told.len() <= failures {
                return Answer::Code(2, "its network is busy");
            }
            Answer::Message(Vec::new())
        });
        (directory, format!("unix://{}", path.display()), calls)
    }

    #[test]
    fn a_sandbox_is_stopped_and_removed_after_a_few_attempts_if_need_be() {
        let root = Root::open(std::path::Path::new("/")).unwrap();
        let running = Running { root: &root };
        for failures in [0, 1, TRIES - 1] {
            let (_directory, socket, calls) = runtime_of(failures);
            running.remove_sandbox(&socket, "s0").unwrap();
            let mut expected = vec!["StopPodSandbox s0"; failures + 1];
            expected.push("RemovePodSandbox s0");
            assert_eq!(*calls.lock().unwrap(), expected);
        }
    }

    #[test]
    fn a_sandbox_that_does_not_stop_is_given_up_and_not_removed() {
        let root = Root::open(std::path::Path::new("/")).unwrap();
        let running = Running { root: &root };
        let (_directory, socket, calls) = runtime_of(usize::MAX);
        let error = running.remove_sandbox(&socket, "s0").unwrap_err();
        let error = error.to_string();
        assert!(error.contains("its network is busy"), "{error}");
        assert_eq!(*calls.lock().unwrap(), ["StopPodSandbox s0"; TRIES]);
    }

    #[test]
    fn a_runtime_that_is_not_there_is_named() {
        let root = Root::open(std::path::Path::new("/")).unwrap();
        let running = Running { root: &root };
        let error = running.sandboxes("unix:///no/such.sock").unwrap_err();
        let error = error.to_string();
        assert!(error.contains("unix:///no/such.sock"), "{error}");
    }
}
