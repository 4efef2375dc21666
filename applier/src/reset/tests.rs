//! Resets of nodes that kubeadm made, with a running system that is played.
#![expect(
    clippy::disallowed_methods,
    reason = "tests build the tree they look at"
)]

use std::cell::RefCell;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use kubeplan_bundle::exit::Exit;
use kubeplan_terminal::{CliError, Report as _};
use kubeplan_testkit::Fault;

use super::Request;
use super::etcd::tests::member;
use super::live::{LiveError, LiveHost, Sandbox, Service};
use super::phase::Phase;
use super::run::run_on;
use crate::etcd::Member;
use crate::host::{Actions, Directory, Root};
use crate::kubeadm::etcd_pod::LocalMember;
use crate::kubeadm::etcd_pod::tests::MANIFEST;
use crate::kubeadm::layout;

const SOCKET: &str = "unix:///run/test.sock";

/// A running system that writes down what is asked of it.
struct Played {
    calls: RefCell<Vec<String>>,
    members: Vec<Member>,
    sockets: Vec<String>,
    /// The request that fails.
    fails: &'static str,
}

impl Default for Played {
    fn default() -> Self {
        Self {
            calls: RefCell::default(),
            members: vec![member(7, "192.168.10.11"), member(8, "192.168.10.12")],
            sockets: vec![SOCKET.to_owned()],
            fails: "",
        }
    }
}

impl Played {
    fn answer(&self, call: &str) -> Result<(), LiveError> {
        if !self.fails.is_empty() && call.starts_with(self.fails) {
            return Err(LiveError::Refused {
                what: call.to_owned(),
                reason: "played".to_owned(),
            });
        }
        Ok(())
    }

    fn change(&self, call: String) -> Result<(), LiveError> {
        self.answer(&call)?;
        self.calls.borrow_mut().push(call);
        Ok(())
    }
}

impl LiveHost for Played {
    fn service(&self, _: &str) -> Result<Service, LiveError> {
        self.answer("service")?;
        Ok(Service::Running)
    }

    fn stop_service(&self, name: &str) -> Result<(), LiveError> {
        self.change(format!("stop {name}"))
    }

    fn mounts_below(&self, directory: &Directory) -> Result<Vec<OsString>, LiveError> {
        Ok(vec![OsString::from(format!(
            "{}/pods/u1/x",
            directory.path()
        ))])
    }

    fn unmount(&self, path: &OsStr) -> Result<(), LiveError> {
        self.change(format!("unmount {}", path.display()))
    }

    fn sockets(&self) -> Vec<String> {
        self.sockets.clone()
    }

    fn sandboxes(&self, _: &str) -> Result<Vec<Sandbox>, LiveError> {
        self.answer("sandboxes")?;
        let sandbox = |id: &str, uid: Option<&str>| Sandbox {
            id: id.to_owned(),
            pod: format!("default/{id}"),
            uid: uid.map(str::to_owned),
        };
        Ok(vec![
            sandbox("ours", Some("u1")),
            sandbox("machine", None),
            sandbox("other", Some("u9")),
            sandbox("hostile", Some("../pods/u1")),
        ])
    }

    fn remove_sandbox(&self, socket: &str, id: &str) -> Result<(), LiveError> {
        self.change(format!("sandbox {socket} {id}"))
    }

    fn etcd_members(&self, _: &LocalMember) -> Result<Vec<Member>, LiveError> {
        self.answer("members")?;
        Ok(self.members.clone())
    }

    fn remove_etcd_member(&self, _: &LocalMember, id: u64) -> Result<(), LiveError> {
        self.change(format!("member {id}"))
    }
}

struct Node {
    dir: tempfile::TempDir,
    root: Root,
}

/// What kubeadm and its components leave on a control-plane node, and what is not theirs.
fn node() -> Node {
    let dir = tempfile::tempdir().unwrap();
    for (path, content) in [
        ("etc/kubernetes/manifests/etcd.yaml", MANIFEST),
        ("etc/kubernetes/manifests/kube-apiserver.yaml", "x"),
        ("etc/kubernetes/pki/etcd/ca.key", "x"),
        ("etc/kubernetes/admin.conf", "x"),
        ("etc/kubernetes/kubelet.conf", "x"),
        ("etc/kubernetes/encryption.yaml", "not kubeadm's"),
        ("etc/kubernetes/tmp/backup/etcd.yaml", "x"),
        ("var/lib/kubelet/config.yaml", "x"),
        ("var/lib/kubelet/pods/u1/etc-hosts", "x"),
        ("var/lib/etcd/member/wal/0.wal", "x"),
        ("var/lib/etcd/notes", "not etcd's"),
    ] {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let root = Root::open(dir.path()).unwrap();
    Node { dir, root }
}

impl Node {
    fn reset(&self, request: &Request, live: &Played, fault: Fault) -> (String, Option<CliError>) {
        let actions = Actions::failing(fault).0;
        let outcome = run_on(request, &self.root, Some(live), &actions, &mut |_| Ok(true));
        let text = outcome.report.map(|report| report.text());
        let text = text.unwrap_or_default();
        (text.as_str().to_owned(), outcome.error.map(CliError::from))
    }

    fn files(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut directories: Vec<PathBuf> = vec![self.dir.path().to_owned()];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                let shown = path.strip_prefix(self.dir.path()).unwrap();
                if path.is_dir() {
                    directories.push(path);
                } else if !shown.starts_with("var/lib/kubeplan") {
                    found.push(shown.display().to_string());
                }
            }
        }
        found.sort();
        found
    }

    fn exists(&self, path: &str) -> bool {
        self.dir.path().join(path).exists()
    }
}

fn request() -> Request {
    Request {
        kubeadm_node: true,
        ..Request::default()
    }
}

const FOREIGN: [&str; 3] = [
    "etc/kubernetes/encryption.yaml",
    "etc/kubernetes/tmp/backup/etcd.yaml",
    "var/lib/etcd/notes",
];

#[test]
fn a_node_is_taken_down_in_order_and_what_is_not_its_own_stays() {
    let (node, live) = (node(), Played::default());
    let (text, error) = node.reset(&request(), &live, Fault::None);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(
        *live.calls.borrow(),
        [
            "member 7",
            "stop kubelet",
            "unmount /var/lib/kubelet/pods/u1/x",
            "sandbox unix:///run/test.sock ours",
        ]
    );
    assert_eq!(node.files(), FOREIGN);
    // As kubeadm: the directories themselves stay.
    for directory in [
        "etc/kubernetes/manifests",
        "etc/kubernetes/pki",
        "var/lib/kubelet",
    ] {
        assert!(node.exists(directory), "{directory}");
    }
    for line in [
        "  remove   member 7 of etcd (https://192.168.10.11:2380)  (1 other member stays in the cluster)\n",
        "  leave    sandboxes default/machine (machine), default/other (other), default/hostile (hostile)  (not of this host's kubelet)\n",
        "  leave    /var/lib/etcd/notes  (not made by etcd)\n",
        "  remove   /etc/kubernetes/admin.conf  (made by kubeadm or the kubelet)\n",
    ] {
        assert!(text.contains(line), "{text}");
    }
    // Nothing is left to do.
    let (text, error) = node.reset(
        &request(),
        &Played {
            fails: "members",
            ..Played::default()
        },
        Fault::None,
    );
    assert!(error.is_none(), "{error:?}");
    assert!(!text.contains("etc/kubernetes"), "{text}");
}

#[test]
fn the_temporary_directory_goes_when_it_is_named() {
    let (node, live) = (node(), Played::default());
    let all = Request {
        cleanup_tmp: true,
        ..request()
    };
    assert!(node.reset(&all, &live, Fault::None).1.is_none());
    assert!(!node.files().contains(&FOREIGN[1].to_owned()));
}

#[test]
fn data_of_etcd_is_kept_while_its_member_may_be_in_the_cluster() {
    let node = node();
    let before = node.files();
    let silent = Played {
        fails: "members",
        ..Played::default()
    };
    let error = node.reset(&request(), &silent, Fault::None).1.unwrap();
    assert_eq!(error.exit(), Exit::Preflight);
    let hints = error.hints().join("\n");
    for word in [
        "--force-etcd-data",
        "--skip-phases remove-etcd-member",
        "https://192.168.10.11:2380",
        "--cacert=/etc/kubernetes/pki/etcd/ca.crt",
    ] {
        assert!(hints.contains(word), "{hints}");
    }
    assert_eq!(node.files(), before);
    assert!(silent.calls.borrow().is_empty());

    let refuses = Played {
        fails: "member 7",
        ..Played::default()
    };
    let error = node.reset(&request(), &refuses, Fault::None).1.unwrap();
    assert_eq!(error.exit(), Exit::Partial);
    assert_eq!(node.files(), before);
    assert!(refuses.calls.borrow().is_empty());

    let skip = Request {
        skip: vec![Phase::RemoveEtcdMember],
        ..request()
    };
    let (text, error) = node.reset(&skip, &silent, Fault::None);
    assert!(error.is_none(), "{error:?}");
    assert!(
        text.contains("leave    /var/lib/etcd/member  (the phase remove-etcd-member is skipped)"),
        "{text}"
    );
    assert!(node.exists("var/lib/etcd/member/wal/0.wal"));
    assert!(!node.exists("etc/kubernetes/manifests/etcd.yaml"));
}

#[test]
fn the_operator_can_force_the_data_of_etcd_away() {
    let node = node();
    let silent = Played {
        fails: "members",
        ..Played::default()
    };
    let force = Request {
        force_etcd_data: true,
        ..request()
    };
    assert!(node.reset(&force, &silent, Fault::None).1.is_none());
    assert_eq!(node.files(), FOREIGN);
}

#[test]
fn the_only_member_and_one_that_left_need_no_removal() {
    for members in [
        vec![member(7, "192.168.10.11")],
        vec![member(8, "192.168.10.12")],
    ] {
        let node = node();
        let live = Played {
            members,
            ..Played::default()
        };
        assert!(node.reset(&request(), &live, Fault::None).1.is_none());
        assert!(
            !live
                .calls
                .borrow()
                .iter()
                .any(|call| call.starts_with("member"))
        );
        assert_eq!(node.files(), FOREIGN);
    }
}

#[test]
fn data_without_a_static_pod_is_kept() {
    let node = node();
    fs::remove_file(node.dir.path().join("etc/kubernetes/manifests/etcd.yaml")).unwrap();
    let (text, error) = node.reset(&request(), &Played::default(), Fault::None);
    assert!(error.is_none(), "{error:?}");
    assert!(
        text.contains("leave    /var/lib/etcd  (no static Pod"),
        "{text}"
    );
    assert!(node.exists("var/lib/etcd/member/wal/0.wal"));
}

#[test]
fn nothing_is_removed_when_something_before_fails() {
    for (fails, code) in [
        ("service", Exit::Preflight),
        ("sandboxes", Exit::Preflight),
        ("stop", Exit::Partial),
        ("unmount", Exit::Partial),
        ("sandbox unix", Exit::Partial),
    ] {
        let node = node();
        let before = node.files();
        let live = Played {
            fails,
            ..Played::default()
        };
        let error = node.reset(&request(), &live, Fault::None).1.unwrap();
        assert_eq!(error.exit(), code, "{fails}: {error}");
        assert!(
            error
                .hints()
                .join("\n")
                .contains("--skip-phases cleanup-node/"),
            "{fails}"
        );
        assert_eq!(node.files(), before, "{fails}");
    }
}

#[test]
fn a_part_that_is_left_out_is_left_out() {
    let node = node();
    let live = Played {
        fails: "s",
        ..Played::default()
    };
    let skip = vec![Phase::StopKubelet, Phase::Unmount, Phase::RemoveSandboxes];
    let skip = Request { skip, ..request() };
    assert!(node.reset(&skip, &live, Fault::None).1.is_none());
    assert_eq!(*live.calls.borrow(), ["member 7"]);
    assert_eq!(node.files(), FOREIGN);
}

#[test]
fn several_runtimes_are_not_guessed_between() {
    let node = node();
    let live = Played {
        sockets: vec!["unix:///a".into(), "unix:///b".into()],
        ..Played::default()
    };
    let error = node.reset(&request(), &live, Fault::None).1.unwrap();
    assert_eq!(error.exit(), Exit::Preflight);
    let [told, ..] = &layout::RUNTIME_SETTINGS;
    let told = told.as_str().trim_start_matches('/');
    fs::write(
        node.dir.path().join(told),
        "containerRuntimeEndpoint: \"unix:///b\"\n",
    )
    .unwrap();
    assert!(node.reset(&request(), &live, Fault::None).1.is_none());
    assert!(
        live.calls
            .borrow()
            .contains(&"sandbox unix:///b ours".to_owned())
    );
}

#[test]
fn a_reset_that_was_killed_goes_on_although_etcd_answers_no_more() {
    for number in 0.. {
        let node = node();
        let live = Played::default();
        let stopped = node.reset(&request(), &live, Fault::StopAfter(number)).1;
        let removed = live.calls.borrow().contains(&"member 7".to_owned());
        let Some(error) = stopped else {
            assert!(number > 20, "{number}");
            break;
        };
        assert!(
            matches!(error.exit(), Exit::Failed | Exit::Partial),
            "{error}"
        );
        assert!(removed || error.exit() == Exit::Failed);
        let remembered = node.exists("var/lib/kubeplan/reset.json");
        if live.calls.borrow().len() > 1 {
            assert!(remembered || node.files() == FOREIGN, "{number}");
        }
        // A removed member shuts down: etcd cannot be asked again.
        let again = Played {
            fails: if remembered { "members" } else { "" },
            ..Played::default()
        };
        let error = node.reset(&request(), &again, Fault::None).1;
        assert!(error.is_none(), "{number}: {error:?}");
        assert_eq!(node.files(), FOREIGN, "{number}");
        assert!(!node.exists("var/lib/kubeplan/reset.json"));
    }
}

#[test]
fn what_is_changed_while_the_plan_is_read_is_named() {
    let node = node();
    let path = node.dir.path().join("var/lib/kubelet");
    let actions = Actions::default();
    let outcome = run_on(
        &request(),
        &node.root,
        Some(&Played::default()),
        &actions,
        &mut |_| {
            let odd = OsStr::from_bytes(b"\xff");
            fs::create_dir(path.join("new")).unwrap();
            fs::write(path.join("new").join(odd), "x").unwrap();
            Ok(true)
        },
    );
    assert!(outcome.error.is_none());
    let mut report = outcome.report.unwrap();
    report.shown = true;
    let notes = report.notes();
    assert_eq!(
        notes,
        ["/var/lib/kubelet/new was left: it holds names that are not UTF-8"]
    );
    assert!(path.join("new").exists() && !path.join("config.yaml").exists());
}

#[test]
fn the_permission_of_a_killed_reset_is_not_for_another_node() {
    let node = node();
    let stopped = Played {
        fails: "stop",
        ..Played::default()
    };
    assert!(node.reset(&request(), &stopped, Fault::None).1.is_some());
    assert!(node.exists("var/lib/kubeplan/reset.json"));
    let other = MANIFEST.replace("192.168.10.11", "192.168.10.99");
    let manifest = "etc/kubernetes/manifests/etcd.yaml";
    fs::write(node.dir.path().join(manifest), other).unwrap();
    let silent = Played {
        fails: "members",
        ..Played::default()
    };
    let error = node.reset(&request(), &silent, Fault::None).1.unwrap();
    assert_eq!(error.exit(), Exit::Preflight);
}
