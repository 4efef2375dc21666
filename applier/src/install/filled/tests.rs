#![expect(
    clippy::disallowed_methods,
    reason = "tests build the tree they look at"
)]

use std::collections::BTreeMap;
use std::fs;
use std::ops::Deref;

use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_testkit::Fault;
use serde_json::json;

use super::super::testing::OpenRun;
use super::*;

const TEXT: &str =
    "spec:\n  containers:\n  - command:\n    - run\n    - --members=<hole:etcd-initial-cluster>\n";
const FIRST: &str = "a=https://10.0.0.1:2380";
const SECOND: &str = "a=https://10.0.0.1:2380,b=https://10.0.0.2:2380";
const PATH: &str = "/etc/app/manifests/m.yaml";

/// A host with an open run, and a bundle with one transaction that a live step commits.
struct Case(OpenRun);

impl Case {
    fn new() -> Self {
        let mut index = OpenRun::index();
        let directory = |path: &str| {
            json!({"name": format!("directory:{path}"), "kind": "directory", "phase": "join", "path": path,
                   "mode": "0700", "uid": 0, "gid": 0})
        };
        let file = json!({"name": format!("files{PATH}"), "kind": "file", "phase": "join", "path": PATH,
            "mode": "0600", "uid": 0, "gid": 0, "size": TEXT.len(), "sha256": Sha256Digest::of(TEXT.as_bytes()),
            "holes": [{"hole": "etcd-initial-cluster", "at": "spec/containers/0/command/1"}]});
        let entries = json!([
            directory("/etc/app"),
            directory("/etc/app/manifests"),
            file,
            directory("/var/lib/data")
        ]);
        let names: Vec<_> = entries
            .as_array()
            .unwrap()
            .iter()
            .map(|e| e["name"].clone())
            .collect();
        index["entries"] = entries;
        index["transactions"] = json!([{"name": "members", "entries": names}]);
        index["steps"] = json!([{"do": "join-etcd", "phase": "join", "member": "b", "peerUrl": "https://10.0.0.2:2380",
            "pods": {"namespace": "n", "labels": {"a": "b"}, "clientUrls": "c"},
            "client": {"authority": "/a", "certificate": "/b", "key": "/c"},
            "transaction": "members", "timeoutSeconds": 1}]);
        let contents = BTreeMap::from([(format!("files{PATH}").parse().unwrap(), TEXT.to_owned())]);
        let mut open = OpenRun::new(index, contents);
        open.run = Some(open.begin());
        Self(open)
    }

    fn commit(&self, fault: Fault, value: &str) -> (Result<Committed, ChangeError>, u64) {
        self.with(fault, |files| {
            files.commit(&"members".parse().unwrap(), value)
        })
    }

    fn look(&self) -> Standing {
        let looked = self.with(Fault::None, |files| files.look(&"members".parse().unwrap()));
        looked.0.unwrap()
    }

    fn on_host(&self) -> Option<String> {
        self.0.on_host(PATH)
    }
}

impl Deref for Case {
    type Target = OpenRun;

    fn deref(&self) -> &OpenRun {
        &self.0
    }
}

fn filled(value: &str) -> String {
    TEXT.replace("<hole:etcd-initial-cluster>", value)
}

#[test]
fn a_filled_file_is_as_planned_until_others_change_it() {
    let case = Case::new();
    assert_eq!(
        case.look(),
        Standing {
            file: Filled::Missing,
            data: None
        }
    );
    assert_eq!(
        case.commit(Fault::None, FIRST).0.unwrap(),
        Committed::Written
    );
    assert_eq!(case.on_host().unwrap(), filled(FIRST));
    assert_eq!(case.look().file, Filled::AsPlanned);
    assert_eq!(
        case.commit(Fault::None, FIRST).0.unwrap(),
        Committed::Unchanged
    );
    // A member that had not started, and a list that has grown meanwhile.
    assert_eq!(
        case.commit(Fault::None, SECOND).0.unwrap(),
        Committed::Written
    );
    assert_eq!(case.on_host().unwrap(), filled(SECOND));
    fs::write(case.at("var/lib/data/wal"), "").unwrap();
    let data = case.look().data.unwrap();
    assert_eq!(data.as_str(), "/var/lib/data");
    // Others write another list: possible, and not ours.
    fs::write(case.at("etc/app/manifests/m.yaml"), filled(FIRST)).unwrap();
    assert_eq!(case.look().file, Filled::Otherwise);
    assert_eq!(case.commit(Fault::None, SECOND).0.unwrap(), Committed::Left);
    assert_eq!(case.on_host().unwrap(), filled(FIRST));
}

#[test]
fn a_value_that_would_end_its_word_changes_nothing() {
    let case = Case::new();
    for value in ["", "a\n- b", "a b", "<hole:etcd-initial-cluster>"] {
        let error = case.commit(Fault::None, value).0.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the files of transaction `members` cannot be committed"
        );
        assert!(case.on_host().is_none(), "{value}");
    }
}

/// Stopped, without power, and failing at every durable action: the file is as before or as after, and the next run goes on.
#[test]
fn a_commit_by_a_live_step_is_whole_whatever_happens() {
    let kinds: [fn(u64) -> Fault; 3] = [Fault::StopAfter, Fault::LoseUnsynced, Fault::FailAt];
    for kind in kinds {
        for before in [None, Some(FIRST)] {
            let mut crashed = 0;
            for number in 0.. {
                let case = Case::new();
                if let Some(value) = before {
                    case.commit(Fault::None, value).0.unwrap();
                }
                let old = case.on_host();
                let fault = kind(number);
                let (outcome, performed) = case.commit(fault, SECOND);
                let found = case.on_host();
                assert!(
                    found == old || found == Some(filled(SECOND)),
                    "{fault:?}: {found:?}"
                );
                case.recover();
                let found = case.on_host();
                assert!(
                    found == old || found == Some(filled(SECOND)),
                    "{fault:?}: {found:?}"
                );
                assert_eq!(case.leftovers(), 0, "{fault:?}");
                case.commit(Fault::None, SECOND).0.unwrap();
                assert_eq!(case.on_host(), Some(filled(SECOND)), "{fault:?}");
                assert_eq!(case.look().file, Filled::AsPlanned, "{fault:?}");
                assert_eq!(case.leftovers(), 0, "{fault:?}");
                let back = case.roll_back();
                assert!(back.left.is_empty(), "{:?}", back.left);
                assert_eq!(case.on_host(), None, "{fault:?}");
                if outcome.is_ok() && performed <= number {
                    break;
                }
                crashed += 1;
            }
            assert!(crashed > 15, "{crashed}");
        }
    }
}

#[test]
fn what_no_rollback_takes_back_is_on_record_before_it_is_done() {
    let case = Case::new();
    case.with(Fault::None, |files| files.begin(0, "a member stays"))
        .0
        .unwrap();
    let memory = case.memory();
    let run = memory.runs.get(case.run.unwrap()).unwrap();
    let stays: Vec<&str> = run.stays().map(|step| step.what.as_str()).collect();
    assert_eq!(stays, ["a member stays"]);
    assert!(run.live_steps.is_empty());
    assert!(
        case.with(Fault::FailAt(0), |files| files.begin(0, "again"))
            .0
            .is_err()
    );
}
