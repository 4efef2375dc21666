//! Taking away what was installed: everything that is ours and nothing else, at every interruption.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::fs::{File, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};

use kubeplan_bundle::index::{Placement, Transaction};
use kubeplan_bundle::step::{CommitTransaction, PhaseName, Step};
use kubeplan_bundle::writer::{DraftContent, DraftEntry};
use kubeplan_testkit::Fault;
use prost::Message as _;
use rustix::fs::{FlockOperation, flock};
use serde_json::Value;

use crate::played_cri;
use crate::played_etcd::PlayedEtcd;
use crate::support::{ADMIN, CA, CONFIG, FILES, Fixture, HANDOFF, MANIFEST, Output, Plan, Run};

/// More actions than any of these resets has.
const MANY: u64 = 1000;

fn reset(fixture: &Fixture, more: &[&str]) -> Output {
    reset_with(fixture, &Run::default(), more)
}

fn reset_with(fixture: &Fixture, run: &Run, more: &[&str]) -> Output {
    let root = fixture.root();
    let mut args = vec!["reset", "--root", &root];
    args.extend(more);
    run.run(&args)
}

/// The tree without what the program remembers and without times: removing a file changes its directory's.
fn tree(fixture: &Fixture) -> BTreeMap<PathBuf, String> {
    let state = fixture.host("/var/lib/kubeplan");
    fixture
        .snapshot()
        .into_iter()
        .filter(|(path, _)| !path.starts_with(&state))
        .map(|(path, entry)| {
            let mut words: Vec<&str> = entry.split(' ').collect();
            words.remove(2);
            (path, words.join(" "))
        })
        .collect()
}

/// The first installation makes these, and they hold the program's own state.
fn with_state_directory(fixture: &Fixture) {
    fs::create_dir_all(fixture.host("/var/lib")).unwrap();
}

fn entries(output: &Output) -> Vec<(String, String)> {
    let report: Value = output.json();
    let word = |entry: &Value, name: &str| entry.get(name).unwrap().as_str().unwrap().to_owned();
    let entries = report.get("entries").unwrap().as_array().unwrap();
    entries
        .iter()
        .map(|entry| (word(entry, "action"), word(entry, "what")))
        .collect()
}

#[test]
fn the_tree_is_as_it_was_before_the_installation() {
    let fixture = Fixture::new();
    with_state_directory(&fixture);
    let before = tree(&fixture);
    let bundle = fixture.bundle(Plan::default());
    fixture.install(&bundle, &[]).expect(0);
    assert_ne!(tree(&fixture), before);
    let output = reset(&fixture, &["--yes"]).expect(0);
    assert_eq!(tree(&fixture), before, "{}", output.stdout);
    assert!(
        output.stdout.contains("node cp-0 of cluster test\n"),
        "{}",
        output.stdout
    );
    assert!(
        !output.stdout.contains("changed since"),
        "{}",
        output.stdout
    );
    // Trust and serials outlive it, the records do not.
    assert!(fixture.host("/etc/kubeplan/allowed_signers").exists());
    let serials = fixture.read("/var/lib/kubeplan/serials.json");
    assert!(serials.contains("\"serial\":1"), "{serials}");
    let installed = fixture.read("/var/lib/kubeplan/installed.json");
    assert!(installed.contains("\"nodes\":[]"), "{installed}");
    let again = reset(&fixture, &["--yes"]).expect(0);
    assert!(
        again.stdout.contains("nothing to reset"),
        "{}",
        again.stdout
    );
    // A later installation is a first one.
    let output = fixture.install(&bundle, &["--format", "json"]).expect(0);
    assert_eq!(output.json()["result"], "installed");
    let report = output.json();
    for entry in report["entries"].as_array().unwrap() {
        assert_eq!(entry["action"], "create", "{entry}");
    }
    for path in FILES {
        assert_eq!(fixture.read(path), Plan::default().content(path), "{path}");
    }
}

#[test]
fn an_older_serial_is_still_refused_after_a_reset() {
    let fixture = Fixture::new();
    let author = fixture.author.clone();
    let first = fixture.bundle(Plan::default());
    let second = fixture.write("second", Plan::second(), 2, &[&author]);
    fixture.install(&second, &[]).expect(0);
    reset(&fixture, &["--yes"]).expect(0);
    fixture.install(&first, &[]).expect(4);
    fixture.install(&second, &[]).expect(0);
}

#[test]
fn files_of_others_stay_and_are_named() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle(Plan::default());
    fixture.install(&bundle, &[]).expect(0);
    let foreign = ["/etc/app/pki/mine.crt", "/etc/app/notes", "/var/lib/other"];
    for path in foreign {
        fs::write(fixture.host(path), "mine\n").unwrap();
    }
    let output = reset(&fixture, &["--yes"]).expect(0);
    for path in foreign {
        assert_eq!(fixture.read(path), "mine\n");
    }
    for path in FILES {
        assert!(!fixture.host(path).exists(), "{path}");
    }
    for line in [
        "  leave    /etc/app/pki/  (it holds other files: mine.crt)\n",
        "  leave    /etc/app/  (it holds other files: notes, pki)\n",
        "  remove   /var/lib/agent/\n",
    ] {
        assert!(output.stdout.contains(line), "{}", output.stdout);
    }
}

#[test]
fn changed_files_are_removed_and_named() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle(Plan::default());
    fixture.install(&bundle, &[]).expect(0);
    fs::write(fixture.host(CA), "renewed\n").unwrap();
    fs::write(fixture.host(HANDOFF), "rotated\n").unwrap();
    fs::set_permissions(fixture.host(CONFIG), Permissions::from_mode(0o640)).unwrap();
    // Not files any more: nothing that was installed.
    fs::remove_file(fixture.host(ADMIN)).unwrap();
    symlink("/etc/hostname", fixture.host(ADMIN)).unwrap();
    fs::remove_file(fixture.host(MANIFEST)).unwrap();
    let output = reset(&fixture, &["--yes", "--format", "json"]).expect(0);
    let report = output.json();
    let changed: Vec<&str> = report["entries"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["changed"] == true)
        .map(|entry| entry["what"].as_str().unwrap())
        .collect();
    assert_eq!(changed, [HANDOFF, CA, CONFIG]);
    let all = entries(&output);
    assert!(all.contains(&("leave".into(), ADMIN.into())), "{all:?}");
    assert!(!all.iter().any(|(_, what)| what == MANIFEST), "{all:?}");
    for path in [CA, HANDOFF, CONFIG] {
        assert!(!fixture.host(path).exists(), "{path}");
    }
    assert!(fixture.host(ADMIN).is_symlink());
}

#[test]
fn without_the_salt_secret_files_count_as_changed() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle(Plan::default());
    fixture.install(&bundle, &[]).expect(0);
    fs::remove_file(fixture.host("/var/lib/kubeplan/salt")).unwrap();
    let output = reset(&fixture, &["--yes"]).expect(0);
    assert!(
        output
            .stdout
            .contains(&format!("{ADMIN}  (changed since it was installed)")),
        "{}",
        output.stdout
    );
    assert!(!fixture.host("/etc/app").exists());
}

#[test]
fn a_dry_run_says_the_same_and_changes_nothing() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle(Plan::default());
    fixture.install(&bundle, &[]).expect(0);
    fs::write(fixture.host("/etc/app/notes"), "mine\n").unwrap();
    let before = fixture.snapshot();
    let dry = reset(&fixture, &["--dry-run", "--format", "json"]).expect(0);
    assert_eq!(fixture.snapshot(), before);
    let text = reset(&fixture, &["--dry-run"]).expect(0);
    assert!(
        text.stdout.ends_with("dry run: nothing was changed\n"),
        "{}",
        text.stdout
    );
    let real = reset(&fixture, &["--yes", "--format", "json"]).expect(0);
    assert_eq!(entries(&dry), entries(&real));
    assert_eq!(dry.json()["result"], "dry-run");
    assert_eq!(real.json()["result"], "reset");
}

#[test]
fn consent_is_asked_for() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle(Plan::default());
    fixture.install(&bundle, &[]).expect(0);
    let before = fixture.snapshot();
    let output = reset(&fixture, &[]).expect(2);
    assert!(output.stderr.contains("--yes"), "{}", output.stderr);
    for answer in ["", "n\n", "yess\n"] {
        let run = Run {
            stdin: answer,
            terminal: true,
            ..Run::default()
        };
        let output = reset_with(&fixture, &run, &[]).expect(1);
        assert!(output.stderr.contains("[y/N]"), "{}", output.stderr);
        assert!(output.stderr.contains(CA), "{}", output.stderr);
        assert!(output.stdout.is_empty(), "{}", output.stdout);
    }
    assert_eq!(fixture.snapshot(), before);
    let run = Run {
        stdin: "Y\n",
        terminal: true,
        ..Run::default()
    };
    let output = reset_with(&fixture, &run, &[]).expect(0);
    assert!(output.stdout.starts_with("reset\n"), "{}", output.stdout);
    assert!(!fixture.host("/etc/app").exists());
}

#[test]
fn another_run_holds_the_lock() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle(Plan::default());
    fixture.install(&bundle, &[]).expect(0);
    let lock = File::open(fixture.host("/var/lib/kubeplan/lock")).unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    let before = fixture.snapshot();
    reset(&fixture, &["--yes"]).expect(7);
    assert_eq!(fixture.snapshot(), before);
    reset(&fixture, &["--dry-run"]).expect(0);
    // Not only dropped: a child that another test is just starting may still share it.
    flock(&lock, FlockOperation::Unlock).unwrap();
    reset(&fixture, &["--yes"]).expect(0);
}

#[test]
fn damaged_records_stop_a_reset() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle(Plan::default());
    fixture.install(&bundle, &[]).expect(0);
    for name in ["installed.json", "reset.json"] {
        let path = fixture.host(&format!("/var/lib/kubeplan/{name}"));
        let good = fs::read(&path).ok();
        fs::write(&path, "{}\n").unwrap();
        let before = fixture.snapshot();
        let output = reset(&fixture, &["--yes"]).expect(1);
        assert!(output.stderr.contains(name), "{}", output.stderr);
        assert_eq!(fixture.snapshot(), before);
        match good {
            Some(good) => fs::write(&path, good).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
    }
}

#[test]
fn a_reset_that_is_stopped_anywhere_can_be_run_again() {
    for fault in [Fault::StopAfter as fn(u64) -> Fault, Fault::FailAt] {
        for number in 0..MANY {
            let fixture = Fixture::new();
            with_state_directory(&fixture);
            let before = tree(&fixture);
            let bundle = fixture.bundle(Plan::default());
            fixture.install(&bundle, &[]).expect(0);
            let run = Run {
                fault: fault(number),
                ..Run::default()
            };
            let stopped = reset_with(&fixture, &run, &["--yes"]);
            if stopped.code == 0 {
                assert!(number > 15, "{number}");
                break;
            }
            assert_eq!(stopped.code, 6, "{number}: {}", stopped.stderr);
            assert!(
                stopped.stderr.contains("run the same reset again"),
                "{}",
                stopped.stderr
            );
            // What is left is as it was installed, and still known.
            for path in FILES {
                let found = fs::read_to_string(fixture.host(path)).ok();
                assert!(found.is_none() || found == Some(Plan::default().content(path)));
            }
            let left = FILES.iter().any(|path| fixture.host(path).exists());
            let installed = fixture.read("/var/lib/kubeplan/installed.json");
            assert!(!left || installed.contains(CA), "{number}");
            let root = fixture.root();
            let words = ["status", "--format", "json", "--root", &root];
            let report = Run::default().run(&words).expect(0).json();
            if left && FILES.iter().any(|path| !fixture.host(path).exists()) {
                assert_eq!(report["state"], "reset-interrupted", "{number}");
                let next = report["next"].as_array().unwrap();
                assert!(
                    next.len() == 1
                        && next[0]
                            .as_str()
                            .unwrap()
                            .starts_with("kubeapply reset --yes"),
                    "{next:?}"
                );
                assert_eq!(report["drift"], serde_json::json!([]));
            }
            if number % 2 == 1 {
                // An installation does not continue the reset.
                fixture.install(&bundle, &[]).expect(0);
                let report = Run::default().run(&words).expect(0).json();
                assert_eq!(report["state"], "installed", "{number}");
                assert_eq!(report["drift"], serde_json::json!([]));
            }
            reset(&fixture, &["--yes"]).expect(0);
            assert_eq!(tree(&fixture), before, "{number}");
            assert_eq!(fixture.leftovers(), Vec::<PathBuf>::new(), "{number}");
        }
    }
}

#[test]
fn an_installation_that_was_stopped_can_be_reset() {
    for number in 0..MANY {
        let fixture = Fixture::new();
        with_state_directory(&fixture);
        let before = tree(&fixture);
        let bundle = fixture.bundle(Plan::default());
        let run = Run {
            fault: Fault::StopAfter(number),
            ..Run::default()
        };
        let stopped = fixture.install_with(&run, &bundle, &[]);
        reset(&fixture, &["--yes"]).expect(0);
        if fixture.host("/var/lib/kubeplan/installed.json").exists() {
            assert_eq!(tree(&fixture), before, "{number}");
        }
        if stopped.code == 0 {
            return;
        }
    }
    panic!("never finished");
}

/// A bundle of public files with the paths of a node.
fn kubernetes_bundle(fixture: &Fixture) -> String {
    let phase: PhaseName = "kubelet-start".parse().unwrap();
    let placement = |path: &str, mode: &str| Placement {
        path: path.parse().unwrap(),
        mode: mode.parse().unwrap(),
        uid: rustix::process::geteuid().as_raw(),
        gid: rustix::process::getegid().as_raw(),
    };
    let dir = |path: &str| DraftEntry::directory(phase.clone(), placement(path, "0700"));
    let file = |path: &str, text: &str| {
        let content = DraftContent::Public(text.as_bytes().to_vec());
        DraftEntry::file(phase.clone(), placement(path, "0600"), content)
    };
    let entries = vec![
        dir("/etc/kubernetes"),
        dir("/etc/kubernetes/manifests"),
        dir("/var/lib/kubelet"),
        file(
            "/var/lib/kubelet/config.yaml",
            "kind: KubeletConfiguration\n",
        ),
        file("/etc/kubernetes/bootstrap-kubelet.conf", "kind: Config\n"),
        file("/etc/kubernetes/manifests/etcd.yaml", ETCD),
    ];
    let mut draft = Plan::default().draft();
    draft.transactions = vec![Transaction {
        name: "node".parse().unwrap(),
        entries: entries.iter().map(|entry| entry.name.clone()).collect(),
    }];
    draft.entries = entries;
    draft.steps = vec![Step::CommitTransaction(CommitTransaction {
        phase,
        transaction: "node".parse().unwrap(),
    })];
    let mut bytes = Vec::new();
    draft
        .prepare()
        .unwrap()
        .write(1, &[], &[&fixture.author], &mut bytes)
        .unwrap();
    let path = fixture.path("node.tar.gz");
    fs::write(&path, bytes).unwrap();
    path.display().to_string()
}

const ETCD: &str = "spec:\n  containers:\n  - command:\n    - etcd\n    - --initial-advertise-peer-urls=https://10.0.0.1:2380\n    - --listen-client-urls=https://127.0.0.1:2379\n    - --trusted-ca-file=/etc/kubernetes/pki/etcd/ca.crt\n  volumes:\n  - hostPath:\n      path: /var/lib/etcd\n    name: etcd-data\n";

fn write(fixture: &Fixture, path: &str, content: &str) {
    let path = fixture.host(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// What a kubelet and etcd leave behind.
fn run_components(fixture: &Fixture) {
    write(fixture, "/var/lib/kubelet/pki/kubelet-client-2026.pem", "x");
    write(fixture, "/var/lib/kubelet/pods/u1/volumes/v/data", "x");
    symlink(
        "kubelet-client-2026.pem",
        fixture.host("/var/lib/kubelet/pki/current.pem"),
    )
    .unwrap();
    symlink("/etc", fixture.host("/var/lib/kubelet/etc")).unwrap();
    symlink("../../precious", fixture.host("/var/lib/kubelet/pods/up")).unwrap();
    write(
        fixture,
        "/etc/kubernetes/kubelet.conf",
        "made by the kubelet",
    );
    write(fixture, "/var/lib/etcd/member/wal/0.wal", "x");
    write(fixture, "/precious/file", "precious");
    write(fixture, "/etc/hostname", "cp-0\n");
}

#[test]
fn what_the_components_made_goes_with_them_and_links_are_not_followed() {
    let fixture = Fixture::new();
    let bundle = kubernetes_bundle(&fixture);
    fixture.install(&bundle, &[]).expect(0);
    run_components(&fixture);
    let output = reset(&fixture, &["--yes"]).expect(0);
    assert!(
        !fixture.host("/var/lib/kubelet").exists(),
        "{}",
        output.stdout
    );
    assert!(
        !fixture.host("/etc/kubernetes").exists(),
        "{}",
        output.stdout
    );
    assert_eq!(fixture.read("/etc/hostname"), "cp-0\n");
    assert_eq!(fixture.read("/precious/file"), "precious");
    // A directory cannot be asked whether its member left the cluster.
    assert!(fixture.host("/var/lib/etcd/member/wal/0.wal").exists());
    for words in [
        "leave    /var/lib/etcd/member  (below --root it is unknown whether its member left the cluster",
        "clear    /var/lib/kubelet/  (made by the kubelet: everything in it, 5 files and 5 directories)",
        "skip     service kubelet  (this is not the running system)",
    ] {
        assert!(output.stdout.contains(words), "{}", output.stdout);
    }
}

#[test]
fn what_is_mounted_in_a_directory_is_not_entered() {
    let fixture = Fixture::new();
    let bundle = kubernetes_bundle(&fixture);
    fixture.install(&bundle, &[]).expect(0);
    run_components(&fixture);
    let volume = fixture.host("/var/lib/kubelet/pods/u1/volumes/v");
    // A bind mount: the same filesystem, so device numbers tell nothing. It ends with the process.
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c"])
        .arg("mount --bind \"$1\" \"$2\" || exit 77; shift 2; exec \"$@\"")
        .arg("sh")
        .arg(fixture.host("/precious"))
        .arg(&volume)
        .arg(env!("CARGO_BIN_EXE_kubeapply"))
        .args(["reset", "--yes", "--root", &fixture.root()])
        .output();
    let output = match output {
        Ok(output) if !matches!(output.status.code(), Some(1 | 77)) => output,
        other => {
            eprintln!("skipped: no mount namespace can be made here ({other:?})");
            return;
        }
    };
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(
        text.contains("leave    /var/lib/kubelet/pods/u1/volumes/v/  (it is a mount point)"),
        "{text}"
    );
    assert_eq!(fixture.read("/precious/file"), "precious");
    assert!(volume.exists() && !fixture.host("/var/lib/kubelet/pki").exists());
}

/// Stands in for a program of the host: writes down what it is told and answers as the real one does.
fn play(fixture: &Fixture, name: &str, answers: &str) {
    let script =
        format!("#!/bin/sh\necho \"{name} $*\" >> /calls\ncase \"$*\" in\n{answers}\nesac\n");
    let path = format!("/played/{name}");
    write(fixture, &path, &script);
    fs::set_permissions(fixture.host(&path), Permissions::from_mode(0o755)).unwrap();
}

const MEMBERS: &str = r#"{"members":[{"ID":"9372538179322589801","name":"cp1","peerURLs":["https://10.0.0.1:2380"]},{"ID":"2","name":"cp2","peerURLs":["https://10.0.0.2:2380"]}]}"#;

/// `PodSandbox` of `runtime.v1`, and what lists it.
#[derive(Clone, PartialEq, prost::Message)]
struct Sandbox {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(message, optional, tag = "2")]
    metadata: Option<Metadata>,
    #[prost(map = "string, string", tag = "5")]
    labels: HashMap<String, String>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Metadata {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "3")]
    namespace: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Sandboxes {
    #[prost(message, repeated, tag = "1")]
    items: Vec<Sandbox>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct OfSandbox {
    #[prost(string, tag = "1")]
    id: String,
}

/// Plays a container runtime with a Pod of the kubelet's and another one; what it is told.
fn play_runtime(fixture: &Fixture, socket: &str) -> Arc<Mutex<Vec<String>>> {
    let path = fixture.host(socket);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let calls = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&calls);
    played_cri::start(&path, move |path, question| {
        let call = path.strip_prefix("/runtime.v1.RuntimeService/").unwrap();
        let OfSandbox { id } = OfSandbox::decode(question).unwrap();
        told.lock().unwrap().push(format!("{call} {id}"));
        let sandbox = |id: &str, namespace: &str, name: &str| Sandbox {
            id: id.into(),
            metadata: Some(Metadata {
                name: name.into(),
                namespace: namespace.into(),
            }),
            labels: HashMap::new(),
        };
        let mut ours = sandbox("s0", "shop", "web");
        let uid = ("io.kubernetes.pod.uid".into(), "u1".into());
        ours.labels.extend([uid]);
        played_cri::Answer::Message(match call {
            "ListPodSandbox" => Sandboxes {
                items: vec![ours, sandbox("s1", "x", "vm")],
            }
            .encode_to_vec(),
            _ => Vec::new(),
        })
    });
    calls
}

#[test]
fn a_running_system_is_taken_down_with_its_own_programs() {
    let fixture = Fixture::new();
    run_components(&fixture);
    let etcd = PlayedEtcd::start(&[("member/list", MEMBERS), ("member/remove", "{}")]);
    let manifest = ETCD.replace("https://127.0.0.1:2379", &etcd.url);
    write(&fixture, "/etc/kubernetes/manifests/etcd.yaml", &manifest);
    for (name, content) in ["ca.crt", "healthcheck-client.crt", "healthcheck-client.key"]
        .iter()
        .zip(&etcd.files)
    {
        write(
            &fixture,
            &format!("/etc/kubernetes/pki/etcd/{name}"),
            content,
        );
    }
    write(
        &fixture,
        "/var/lib/kubelet/instance-config.yaml",
        "containerRuntimeEndpoint: \"unix:///run/test.sock\"\n",
    );
    play(
        &fixture,
        "systemctl",
        "show*) printf 'LoadState=loaded\\nActiveState=active\\n';;",
    );
    let runtime = play_runtime(&fixture, "/run/test.sock");
    // A chroot is a running system of its own, as far as the program can see.
    for dir in ["/usr", "/proc", "/dev", "/run/systemd/system"] {
        fs::create_dir_all(fixture.host(dir)).unwrap();
    }
    for name in ["bin", "lib", "lib64"] {
        symlink(format!("usr/{name}"), fixture.host(&format!("/{name}"))).unwrap();
    }
    fs::copy(env!("CARGO_BIN_EXE_kubeapply"), fixture.host("/kubeapply")).unwrap();
    let volume = "/var/lib/kubelet/pods/u1/volumes/v";
    let script = "cd \"$1\" && mount --rbind /usr usr && mount --rbind /proc proc && mount --rbind /dev dev && mount --bind precious \".$2\" \
        && mount -t tmpfs none \".$2\" && test -x bin/sh || exit 77\nexec chroot . /usr/bin/env PATH=/played:/usr/bin:/usr/sbin /kubeapply reset --yes --kubeadm-node";
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", script, "sh", &fixture.root(), volume])
        .output();
    let output = match output {
        Ok(output) if !matches!(output.status.code(), Some(77 | 125..)) => output,
        other => {
            eprintln!("skipped: no chroot can be made here ({other:?})");
            return;
        }
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{text}{errors}");
    let expected = [
        "systemctl show --property=LoadState,ActiveState kubelet",
        "systemctl stop kubelet",
    ];
    let list = r#"/v3/cluster/member/list {"linearizable":true}"#;
    let remove = r#"/v3/cluster/member/remove {"ID":"9372538179322589801"}"#;
    // When it is planned; when it is done.
    assert_eq!(etcd.calls(), [list, list, remove]);
    let calls = fixture.read("/calls");
    assert_eq!(calls.lines().collect::<Vec<_>>(), expected);
    assert_eq!(
        *runtime.lock().unwrap(),
        [
            "ListPodSandbox ",
            "StopPodSandbox s0",
            "RemovePodSandbox s0"
        ]
    );
    assert!(text.contains("sandboxes x/vm (s1)"), "{text}");
    // Both mounts are gone, so the directory could go, and what was mounted is as it was.
    assert_eq!(
        fs::read_dir(fixture.host("/var/lib/kubelet"))
            .unwrap()
            .count(),
        0
    );
    assert_eq!(fixture.read("/precious/file"), "precious");
    assert!(!fixture.host("/var/lib/etcd/member").exists(), "{text}");
    let unmount = format!("cleanup-node/unmount\n  unmount  {volume}\n  unmount  {volume}\n");
    assert!(text.contains(&unmount), "{text}");
}

#[test]
fn the_data_of_etcd_in_a_directory_goes_when_that_is_asked_for() {
    let fixture = Fixture::new();
    let bundle = kubernetes_bundle(&fixture);
    for number in 0..MANY {
        fixture.install(&bundle, &[]).expect(0);
        run_components_again(&fixture);
        let run = Run {
            fault: Fault::StopAfter(number),
            ..Run::default()
        };
        let force = ["--yes", "--force-etcd-data"];
        let code = reset_with(&fixture, &run, &force).code;
        reset(&fixture, &force).expect(0);
        assert!(!fixture.host("/var/lib/etcd/member").exists(), "{number}");
        assert!(!fixture.host("/etc/kubernetes").exists(), "{number}");
        assert_eq!(fixture.read("/precious/file"), "precious");
        if code == 0 {
            return;
        }
    }
    panic!("never finished");
}

fn run_components_again(fixture: &Fixture) {
    let _ = fs::remove_dir_all(fixture.host("/var/lib/kubelet/pki"));
    run_components(fixture);
}

#[test]
fn a_node_of_kubeadm_needs_its_own_consent() {
    let fixture = Fixture::new();
    run_components(&fixture);
    write(&fixture, "/etc/kubernetes/manifests/etcd.yaml", ETCD);
    write(&fixture, "/etc/kubernetes/pki/ca.key", "x");
    write(&fixture, "/etc/kubernetes/admin.conf", "x");
    write(&fixture, "/etc/kubernetes/audit.yaml", "mine");
    let before = fixture.snapshot();
    let output = reset(&fixture, &["--yes"]).expect(2);
    assert!(
        output.stderr.contains("not installed by kubeapply")
            && output.stderr.contains("--kubeadm-node"),
        "{}",
        output.stderr
    );
    assert_eq!(fixture.snapshot(), before);
    reset(&fixture, &["--yes", "--cert-dir", "/etc/pki"]).expect(2);
    for dir in ["/etc", "/var/lib", "/etc/kubernetes"] {
        reset(&fixture, &["--yes", "--kubeadm-node", "--cert-dir", dir]).expect(2);
    }
    assert_eq!(fixture.snapshot(), before);
    let dry = reset(
        &fixture,
        &["--kubeadm-node", "--dry-run", "--format", "json"],
    )
    .expect(0);
    assert_eq!(fixture.snapshot(), before);
    let real = reset(&fixture, &["--kubeadm-node", "--yes", "--format", "json"]).expect(0);
    assert_eq!(entries(&dry), entries(&real));
    for gone in [
        "manifests/etcd.yaml",
        "pki/ca.key",
        "admin.conf",
        "kubelet.conf",
    ] {
        assert!(
            !fixture.host("/etc/kubernetes").join(gone).exists(),
            "{gone}"
        );
    }
    assert_eq!(fixture.read("/etc/kubernetes/audit.yaml"), "mine");
    assert_eq!(
        fs::read_dir(fixture.host("/var/lib/kubelet"))
            .unwrap()
            .count(),
        0
    );
    assert_eq!(fixture.read("/etc/hostname"), "cp-0\n");
    reset(&fixture, &["--yes"]).expect(0);
}

#[test]
fn nothing_installed_is_nothing_to_reset() {
    let fixture = Fixture::new();
    let before = fixture.snapshot();
    let output = reset(&fixture, &["--yes"]).expect(0);
    assert!(
        output.stdout.contains("nothing to reset"),
        "{}",
        output.stdout
    );
    reset(&fixture, &["--yes", "--kubeadm-node"]).expect(0);
    assert_eq!(fixture.snapshot(), before);
}

#[test]
fn parts_can_be_left_out() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle(Plan::default());
    fixture.install(&bundle, &[]).expect(0);
    let before = tree(&fixture);
    for phase in ["cleanup-node", "cleanupnode", "cleanup-node/remove-files"] {
        reset(&fixture, &["--yes", "--skip-phases", phase]).expect(0);
        assert_eq!(tree(&fixture), before, "{phase}");
    }
    reset(&fixture, &["--yes", "--skip-phases", "no-such-phase"]).expect(2);
    reset(
        &fixture,
        &["--yes", "--skip-phases", "preflight,remove-etcd-member"],
    )
    .expect(0);
    assert!(!fixture.host("/etc/app").exists());
}
