use std::collections::BTreeMap;
use std::error::Error;

use kubeplan_bundle::path::HostPath;
use kubeplan_bundle::secret::SecretBytes;
use serde_json::json;

use super::super::committer::{ChangeError, Removal};
use super::super::report::{Event, Observer, State};
use super::super::testing::FakeApi;
use super::*;
use crate::etcd::testing::{Failure, FakeEtcd, voter};
use crate::host::Root;

const URL: &str = "https://10.0.0.3:2380";
const OURS: &str = "https://10.0.0.3:2379";
const FIRST: &str = "https://10.0.0.1:2379";

/// A host: what lies on it, and the member that runs by its manifest.
struct Host {
    etcd: FakeEtcd,
    /// What fills the manifest.
    manifest: Option<String>,
    data: bool,
    /// Nothing starts the member.
    no_kubelet: bool,
    /// Others changed the manifest.
    drifted: bool,
    begun: Vec<String>,
    waits: Vec<String>,
}

impl Host {
    fn new(etcd: &FakeEtcd) -> Self {
        Self {
            etcd: etcd.clone(),
            manifest: None,
            data: false,
            no_kubelet: false,
            drifted: false,
            begun: Vec::new(),
            waits: Vec::new(),
        }
    }

    /// As the kubelet and etcd: a member that finds itself in its list starts.
    fn start(&mut self) {
        let mut state = self.etcd.state();
        let Some(list) = self.manifest.as_ref().filter(|_| !self.no_kubelet) else {
            return;
        };
        assert_eq!(
            list.split(',').count(),
            state.members.len(),
            "etcd compares: {list}"
        );
        if let Some(member) = state.members.iter_mut().find(|member| member.is_at(URL)) {
            member.name = "cp3".into();
            member.client_urls = vec![OURS.into()];
            state.down.retain(|(url, _)| url != OURS);
            self.data = true;
        }
    }
}

impl Observer for Host {
    fn event(&mut self, event: &Event) {
        if let State::Waiting { detail } = &event.state {
            self.waits.push(detail.clone());
        }
    }

    fn completed(&mut self, _: usize, _: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
        Ok(())
    }

    fn files(&mut self) -> Option<&mut dyn Committer> {
        Some(self)
    }
}

impl Committer for Host {
    fn look(&mut self, _: &TransactionName) -> Result<Standing, ChangeError> {
        Ok(Standing {
            file: match &self.manifest {
                _ if self.drifted => Filled::Otherwise,
                Some(_) => Filled::AsPlanned,
                None => Filled::Missing,
            },
            data: self.data.then(|| "/var/lib/etcd".parse().unwrap()),
        })
    }

    fn begin(&mut self, _: usize, leaves: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
        self.begun.push(leaves.to_owned());
        Ok(())
    }

    fn commit(&mut self, _: &TransactionName, value: &str) -> Result<Committed, ChangeError> {
        if self.drifted {
            return Ok(Committed::Left);
        }
        let same = self.manifest.as_deref() == Some(value);
        self.manifest = Some(value.to_owned());
        self.start();
        Ok(if same {
            Committed::Unchanged
        } else {
            Committed::Written
        })
    }

    fn replace(
        &mut self,
        _: usize,
        _: &HostPath,
        _: (&SecretBytes, &SecretBytes),
        _: u32,
    ) -> Result<(), ChangeError> {
        panic!("not asked for")
    }

    fn remove(&mut self, _: usize, _: &HostPath) -> Result<Removal, ChangeError> {
        panic!("not asked for")
    }
}

fn pods() -> EtcdPods {
    EtcdPods {
        namespace: "kube-system".into(),
        labels: BTreeMap::from([("component".into(), "etcd".into())]),
        client_urls: "example.com/urls".into(),
    }
}

fn files() -> EtcdClient {
    let path = |name: &str| format!("/pki/{name}").parse::<HostPath>().unwrap();
    EtcdClient {
        authority: path("ca.crt"),
        certificate: path("c.crt"),
        key: path("c.key"),
    }
}

async fn join(host: &mut Host, seconds: u64) -> Result<StepResult, StepError> {
    let etcd = host.etcd.client(&[FIRST, "https://10.0.0.2:2379"]);
    let step = EtcdJoin {
        member: &"cp3".parse().unwrap(),
        peer_url: URL,
        pods: &pods(),
        client: &files(),
        transaction: &"etcd".parse().unwrap(),
        window: Duration::from_secs(seconds),
    };
    let mut progress = Progress::begin(host, 0, "etcd-join", "join etcd".into());
    Joining { join: &step, etcd }.run(&mut progress).await
}

fn two() -> FakeEtcd {
    FakeEtcd::of(vec![
        voter(1, "cp1", "10.0.0.1"),
        voter(2, "cp2", "10.0.0.2"),
    ])
}

fn votes(etcd: &FakeEtcd) -> bool {
    let state = etcd.state();
    let mut ours = state.members.iter().filter(|member| member.is_at(URL));
    let found = ours
        .next()
        .is_some_and(|m| m.name == "cp3" && !m.is_learner);
    found && ours.next().is_none() && state.members.len() == 3
}

#[tokio::test(start_paused = true)]
async fn a_node_becomes_a_member_and_the_second_time_is_only_looked_at() {
    let etcd = two();
    let mut host = Host::new(&etcd);
    let result = join(&mut host, 120).await.unwrap();
    assert!(result.changed);
    assert_eq!(result.outcome, "cp3 is a member and votes, one of 3");
    assert!(votes(&etcd));
    assert_eq!(
        host.manifest.as_deref(),
        Some("cp1=https://10.0.0.1:2380,cp2=https://10.0.0.2:2380,cp3=https://10.0.0.3:2380")
    );
    assert_eq!(host.begun.len(), 1);
    assert!(host.waits.iter().any(|wait| wait.contains("caught up")));
    etcd.state().calls.clear();
    let again = join(&mut host, 120).await.unwrap();
    assert!(!again.changed);
    assert_eq!(etcd.state().calls, ["list"]);
    // What others made of the manifest is left and told.
    host.drifted = true;
    let drifted = join(&mut host, 120).await.unwrap();
    assert!(!drifted.changed && drifted.notes[0].contains("was changed since"));
}

/// The program is killed before each call in turn; the next run goes on.
#[tokio::test(start_paused = true)]
async fn a_run_that_is_killed_between_any_two_calls_goes_on() {
    let mut whole = 0;
    for stop in 0.. {
        let etcd = two();
        let mut host = Host::new(&etcd);
        etcd.state().stops_after = Some(stop);
        let killed = tokio::time::timeout(Duration::from_millis(1900), join(&mut host, 120)).await;
        if etcd.state().calls.len() < stop {
            whole = stop;
            assert!(killed.is_err() || killed.unwrap().is_ok());
            break;
        }
        etcd.state().stops_after = None;
        join(&mut host, 120)
            .await
            .unwrap_or_else(|error| panic!("{stop}: {error}"));
        assert!(votes(&etcd), "{stop}");
        assert!(etcd.count("add") <= 1 && host.manifest.is_some());
    }
    assert!(whole > 8, "{whole}");
}

/// Every answer in turn is lost, or says that there is no leader just now.
#[tokio::test(start_paused = true)]
async fn what_is_lost_or_refused_for_a_moment_is_tried_again() {
    for failure in [
        Failure::Lost,
        Failure::Refused(503, 14, "etcdserver: leader changed"),
        Failure::Refused(400, 9, "etcdserver: unhealthy cluster"),
    ] {
        for number in 0..14 {
            let etcd = two();
            etcd.state().failures.extend([Failure::Pass].repeat(number));
            etcd.state().failures.push_back(failure);
            let mut host = Host::new(&etcd);
            join(&mut host, 120)
                .await
                .unwrap_or_else(|error| panic!("{failure:?} {number}: {error}"));
            assert!(votes(&etcd), "{failure:?} {number}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_taken_slot_is_waited_for_and_named_if_it_stays_taken() {
    let etcd = two();
    let mut other = voter(9, "", "10.0.0.4");
    other.is_learner = true;
    other.client_urls.clear();
    etcd.state().members.push(other);
    let mut host = Host::new(&etcd);
    let error = join(&mut host, 20).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("9 (https://10.0.0.4:2380) is on its way"),
        "{error}"
    );
    assert!(
        error.hints()[0].ends_with("etcdctl member remove 9"),
        "{:?}",
        error.hints()
    );
    assert!(host.manifest.is_none());
    let freed = async {
        tokio::time::sleep(Duration::from_secs(7)).await;
        etcd.state().members.retain(|member| member.id != 9);
    };
    let (joined, ()) = tokio::join!(join(&mut host, 20), freed);
    joined.unwrap();
    assert!(votes(&etcd));
}

#[tokio::test(start_paused = true)]
async fn without_a_majority_nothing_is_added_and_it_is_said_who_is_ill() {
    let etcd = two();
    etcd.state()
        .down
        .push(("https://10.0.0.2:2379".into(), "connection refused"));
    let mut host = Host::new(&etcd);
    let error = join(&mut host, 10).await.unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("1 of 2 members of etcd are well")
            || error
                .to_string()
                .starts_with("0 of 2 members of etcd are well"),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .contains("cp2 (https://10.0.0.2:2380): connection refused")
    );
    assert!(error.hints()[0].contains("bring those back"));
    assert_eq!(etcd.count("add"), 0);
    assert!(host.begun.is_empty());
}

#[tokio::test(start_paused = true)]
async fn distrust_and_a_missing_gateway_end_at_once() {
    let etcd = two();
    for url in [FIRST, "https://10.0.0.2:2379"] {
        etcd.state()
            .down
            .push((url.into(), "invalid peer certificate: UnknownIssuer"));
    }
    let error = join(&mut Host::new(&etcd), 120).await.unwrap_err();
    assert!(error.to_string().contains("UnknownIssuer"), "{error}");
    assert!(error.hints()[0].contains("same CA"));
    assert_eq!(etcd.state().calls.len(), 2);
    let etcd = two();
    etcd.state()
        .failures
        .push_back(Failure::Refused(404, 5, "Not Found"));
    let error = join(&mut Host::new(&etcd), 120).await.unwrap_err();
    assert!(
        error.hints()[0].contains("--enable-grpc-gateway"),
        "{error}"
    );
    assert_eq!(etcd.state().calls.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn members_in_the_wrong_place_are_refused_before_anything_changes() {
    let at = |id, name: &str, address: &str| {
        let etcd = two();
        etcd.state().members.push(voter(id, name, address));
        etcd
    };
    // Another place of the same name; another name in the same place; started, and nothing of it here.
    for (etcd, data, words) in [
        (at(7, "cp3", "10.0.0.9"), false, "has a member cp3 already"),
        (at(7, "old", "10.0.0.3"), true, "is called old"),
        (at(7, "cp3", "10.0.0.3"), false, "lost its data"),
        (two(), true, "has the data of one"),
    ] {
        let mut host = Host::new(&etcd);
        host.data = data;
        let error = join(&mut host, 120).await.unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
        assert!(!error.hints().is_empty());
        assert!(
            etcd.state().calls.iter().all(|call| call == "list"),
            "{words}"
        );
        assert!(host.manifest.is_none() && host.begun.is_empty());
    }
}

/// Rolled back, and installed again: the data is still there, and the member is the vote that is missing.
#[tokio::test(start_paused = true)]
async fn a_member_whose_manifest_went_comes_back_without_a_majority() {
    let etcd = FakeEtcd::of(vec![
        voter(1, "cp1", "10.0.0.1"),
        voter(7, "cp3", "10.0.0.3"),
    ]);
    etcd.state().down.push((OURS.into(), "connection refused"));
    let mut host = Host::new(&etcd);
    host.data = true;
    let result = join(&mut host, 120).await.unwrap();
    assert_eq!(result.outcome, "cp3 is a member and votes, one of 2");
    assert!(host.manifest.is_some() && !host.begun.is_empty());
    assert_eq!(etcd.count("add"), 0);
    assert!(!join(&mut host, 120).await.unwrap().changed);
}

#[tokio::test(start_paused = true)]
async fn a_member_that_does_not_start_is_told_with_where_to_look() {
    let etcd = two();
    let mut host = Host::new(&etcd);
    host.no_kubelet = true;
    let error = join(&mut host, 10).await.unwrap_err();
    assert!(
        error.to_string().contains("it has not joined yet"),
        "{error}"
    );
    assert!(error.hints()[0].contains("crictl logs"));
    // Meanwhile another one came: the list is filled anew, as etcd compares it.
    etcd.state().members.insert(0, voter(4, "cp4", "10.0.0.4"));
    host.no_kubelet = false;
    join(&mut host, 10).await.unwrap();
    assert!(host.manifest.unwrap().starts_with("cp4="));
    assert_eq!(etcd.count("add"), 1);
}

#[test]
fn the_list_has_every_url_and_no_character_that_would_end_it() {
    let step = EtcdJoin {
        member: &"cp3".parse().unwrap(),
        peer_url: URL,
        pods: &pods(),
        client: &files(),
        transaction: &"etcd".parse().unwrap(),
        window: Duration::ZERO,
    };
    let mut ours = voter(255, "", "10.0.0.3");
    ours.is_learner = true;
    let mut six = voter(1, "cp1", "[fd00::1]");
    six.peer_urls.push("https://cp1.example:2380".into());
    let unnamed = voter(2748, "", "10.0.0.4");
    assert_eq!(
        initial_cluster(&[six, unnamed, ours], &step).unwrap(),
        "cp1=https://[fd00::1]:2380,cp1=https://cp1.example:2380,abc=https://10.0.0.4:2380,cp3=https://10.0.0.3:2380"
    );
    for (name, url) in [
        ("a,b", "https://a:2380"),
        ("a=b", "https://a:2380"),
        ("a b", "https://a:2380"),
        ("a", "https://a:2380,evil=https://b:2380"),
        ("a", "https://a:2380\n- --data-dir=/"),
    ] {
        let mut member = voter(1, name, "x");
        member.peer_urls = vec![url.into()];
        assert!(initial_cluster(&[member], &step).is_err(), "{name} {url}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_pod_of_etcd_must_say_how_it_is_reached() {
    let pod = |name: &str, urls: Option<&str>| {
        let annotations = urls.map(|urls| json!({"example.com/urls": urls}));
        json!({"metadata": {"name": name, "annotations": annotations}})
    };
    for (items, expected) in [
        (json!([]), Err("lists no Pod")),
        (
            json!([
                pod("etcd-cp1", Some("https://a:2379")),
                pod("etcd-cp2", None)
            ]),
            Err("Pod etcd-cp2 has no annotation example.com/urls"),
        ),
        (
            json!([pod("etcd-cp1", Some("http://a:2379"))]),
            Err("not https"),
        ),
        (
            json!([
                pod("etcd-cp1", Some("https://a:2379, https://b:2379")),
                pod("etcd-cp2", Some("https://b:2379"))
            ]),
            Ok(vec!["https://a:2379", "https://b:2379"]),
        ),
    ] {
        let api = FakeApi::default();
        let path = "/api/v1/namespaces/kube-system/pods".to_owned();
        api.server().objects.insert(path, json!({"items": items}));
        let directory = tempfile::tempdir().unwrap();
        let root = Root::open(directory.path()).unwrap();
        let config: kubeplan_bundle::index::Api = serde_json::from_value(json!({
            "kubeconfig": "/a.conf", "server": "https://192.0.2.1:6443", "timeoutSeconds": 5
        }))
        .unwrap();
        let mut session =
            Session::new(&root, &config).with_client(&config.kubeconfig, api.client("admin"));
        let step = EtcdJoin {
            member: &"cp3".parse().unwrap(),
            peer_url: URL,
            pods: &pods(),
            client: &files(),
            transaction: &"etcd".parse().unwrap(),
            window: Duration::from_secs(1),
        };
        let mut host = Host::new(&two());
        let mut progress = Progress::begin(&mut host, 0, "etcd-join", "join etcd".into());
        let found = step.endpoints(&mut session, &mut progress).await;
        match (found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected),
            (Err(error), Err(words)) => assert!(error.to_string().contains(words), "{error}"),
            (found, _) => panic!("{found:?}"),
        }
        assert!(
            api.server().calls[0].ends_with("?labelSelector=component%3Detcd&resourceVersion=0")
        );
    }
}
