//! What ties the parts of an index together.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::counts::counts;
use super::{CHUNK_SIZE, Content, Entry, EntryName, Index, IndexError, Place, check_head};
use crate::digest::Sha256Digest;
use crate::path::HostPath;
use crate::step::Step;

impl Index {
    /// Checks everything that ties the parts together.
    ///
    /// # Errors
    /// [`IndexError`] naming the broken rule and the object.
    pub fn check(&self) -> Result<(), IndexError> {
        let broken = |rule, at: &dyn fmt::Display| {
            Err(IndexError::Inconsistent {
                rule,
                at: at.to_string(),
            })
        };
        let planner = (self.planner.name.as_str(), self.planner.version.as_str());
        check_head(&self.format, &self.requires, Some(planner))?;
        counts(self)?;
        if !self.requires.is_sorted_by(|a, b| a < b) {
            return broken("requires is sorted and holds nothing twice", &"requires");
        }
        if self.serial == 0 {
            return broken("serial starts at 1", &"serial");
        }
        if self.apply_after >= self.apply_before {
            return broken("applyAfter lies before applyBefore", &self.apply_before);
        }
        self.check_entries()?;
        self.check_sealed_entries()?;
        self.check_paths()?;
        self.check_steps()?;
        self.check_transactions()?;
        for step in &self.steps {
            let features = step.features();
            let mut missing = features
                .iter()
                .filter(|feature| !self.requires.iter().any(|listed| listed == *feature));
            if let Some(feature) = missing.next() {
                return broken("requires lists the feature of every step", feature);
            }
        }
        self.check_preflight()?;
        self.check_live_steps()?;
        match (&self.sealed, self.sealed_entries().next()) {
            (None, Some((entry, _))) => broken("a sealed entry needs a sealed part", &entry.name),
            (Some(sealed), _) if sealed.recipients.is_empty() => {
                broken("a sealed part has recipients", &"sealed")
            }
            _ => Ok(()),
        }
    }

    fn check_entries(&self) -> Result<(), IndexError> {
        let broken = |rule, at: &dyn fmt::Display| {
            Err(IndexError::Inconsistent {
                rule,
                at: at.to_string(),
            })
        };
        let mut names = BTreeSet::new();
        let mut files: BTreeSet<&HostPath> = BTreeSet::new();
        for entry in &self.entries {
            if !names.insert(&entry.name) {
                return broken("an entry's name is unique", &entry.name);
            }
            if let Place::File(placement) = &entry.place {
                files.insert(&placement.path);
            }
        }
        for entry in &self.entries {
            let (Place::File(placement) | Place::Directory(placement)) = &entry.place else {
                continue;
            };
            let mut ancestor = match &entry.place {
                // A path that is a file and a directory at once.
                Place::Directory(_) => Some(placement.path.clone()),
                _ => placement.path.parent(),
            };
            while let Some(directory) = ancestor {
                if files.contains(&directory) {
                    return broken("no path lies below a file", &entry.name);
                }
                ancestor = directory.parent();
            }
        }
        let payload_entries: Vec<_> = self
            .entries
            .iter()
            .filter(|entry| entry.place == Place::Payload)
            .map(|entry| &entry.name)
            .collect();
        let payloads: Vec<_> = self.payloads.iter().map(|payload| &payload.name).collect();
        if payload_entries != payloads {
            return broken(
                "payloads lists the payload entries in their order",
                &"payloads",
            );
        }
        if self.members.len() != 1 {
            return broken("there is one member for the small entries", &"members");
        }
        if !payloads.is_empty()
            && !self
                .requires
                .iter()
                .any(|feature| feature == "payload:chunks/1")
        {
            return broken(
                "requires lists payload:chunks/1 when there is a payload",
                &"requires",
            );
        }
        for payload in &self.payloads {
            let Some(Content::Public(blob)) = self.entry(&payload.name).map(|entry| &entry.content)
            else {
                return broken("a payload is public", &payload.name);
            };
            if payload.chunk_size != CHUNK_SIZE
                || payload.chunks.len() as u64 != blob.size.div_ceil(CHUNK_SIZE)
            {
                return broken("a payload has one digest for every 4 MiB", &payload.name);
            }
            // Of an item with several chunks that is found when it is read to its end.
            let whole = match payload.chunks.as_slice() {
                [] => Some(Sha256Digest::of(b"")),
                [only] => Some(*only),
                _ => None,
            };
            if whole.is_some_and(|whole| whole != blob.sha256) {
                return broken(
                    "the digests of a payload do not contradict each other",
                    &payload.name,
                );
            }
        }
        Ok(())
    }

    /// Every file and directory is in exactly one transaction, after the directory it lies in, and every transaction is
    /// committed by exactly one step.
    fn check_transactions(&self) -> Result<(), IndexError> {
        let broken = |rule, at: &dyn fmt::Display| {
            Err(IndexError::Inconsistent {
                rule,
                at: at.to_string(),
            })
        };
        let entries: BTreeMap<&EntryName, &Entry> = self
            .entries
            .iter()
            .map(|entry| (&entry.name, entry))
            .collect();
        let mut transactions = BTreeMap::new();
        let mut placed = BTreeSet::new();
        for transaction in &self.transactions {
            if transactions
                .insert(&transaction.name, transaction)
                .is_some()
            {
                return broken("a transaction's name is unique", &transaction.name);
            }
            for name in &transaction.entries {
                let Some(entry) = entries.get(name) else {
                    return broken("a transaction names entries of the index", name);
                };
                if !matches!(entry.place, Place::File(_) | Place::Directory(_)) {
                    return broken("a transaction holds files and directories", name);
                }
                if !placed.insert(name) {
                    return broken("an entry is in one transaction", name);
                }
            }
        }
        let on_host = |entry: &&Entry| matches!(entry.place, Place::File(_) | Place::Directory(_));
        if let Some(entry) = self
            .entries
            .iter()
            .filter(on_host)
            .find(|entry| !placed.contains(&entry.name))
        {
            return broken("every file and directory is in a transaction", &entry.name);
        }
        let mut committed = BTreeSet::new();
        let mut order: Vec<&Entry> = Vec::new();
        for transaction in self.steps.iter().filter_map(Step::commits) {
            let Some(found) = transactions
                .get(transaction)
                .filter(|_| committed.insert(transaction))
            else {
                return broken(
                    "a step commits a transaction of the index, once",
                    transaction,
                );
            };
            order.extend(found.entries.iter().filter_map(|name| entries.get(name)));
        }
        if let Some(transaction) = transactions.keys().find(|name| !committed.contains(*name)) {
            return broken("every transaction is committed by a step", transaction);
        }
        directories_come_first(&order)
    }
}

/// Whether every directory of the index is committed before what lies in it.
fn directories_come_first(order: &[&Entry]) -> Result<(), IndexError> {
    let mut pending: BTreeSet<HostPath> = order
        .iter()
        .filter_map(|entry| match &entry.place {
            Place::Directory(placement) => Some(placement.path.clone()),
            _ => None,
        })
        .collect();
    for entry in order {
        let (Place::File(placement) | Place::Directory(placement)) = &entry.place else {
            continue;
        };
        let mut ancestor = placement.path.parent();
        while let Some(directory) = ancestor {
            if pending.contains(&directory) {
                return Err(IndexError::Inconsistent {
                    rule: "a directory is committed before what lies in it",
                    at: entry.name.to_string(),
                });
            }
            ancestor = directory.parent();
        }
        pending.remove(&placement.path);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::sample;
    use super::super::*;
    use crate::check::{Check, CheckKind, NoSwap, OnlyInTests, Severity};
    use crate::step::{
        AnnotateNode, ApplyObjects, Endpoint, EndpointIdentity, LabelAndTaintNode, PhaseName,
        Preflight, ShowJoinCommand, WaitForEndpoints,
    };

    /// [`sample`] with two objects, the second owned by the first, and a node to label.
    fn with_objects() -> Index {
        let mut index = sample();
        let phase: PhaseName = "upload-certs".parse().unwrap();
        let entry = |name: &str, holes| Entry {
            name: name.parse().unwrap(),
            phase: phase.clone(),
            place: Place::Object,
            content: Content::Public(Blob::of(b"x")),
            handoff: false,
            holes,
        };
        let owner = Hole::OwnerUid {
            at: "metadata/ownerReferences/0/uid".parse().unwrap(),
            owner: "objects/01.yaml".parse().unwrap(),
        };
        let expiry = Hole::TokenExpiry {
            at: "data/expiration".parse().unwrap(),
            ttl: "2h0m0s".parse().unwrap(),
        };
        index.entries.push(entry("objects/01.yaml", vec![expiry]));
        index.entries.push(entry("objects/02.yaml", vec![owner]));
        index.steps.push(Step::ApplyObjects(ApplyObjects {
            phase: phase.clone(),
            entries: vec![
                "objects/01.yaml".parse().unwrap(),
                "objects/02.yaml".parse().unwrap(),
            ],
            fallback_kubeconfig: None,
        }));
        index.api = Some(Api {
            kubeconfig: "/etc/kubernetes/admin.conf".parse().unwrap(),
            server: "https://10.0.0.10:6443".into(),
            timeout_seconds: 60,
        });
        index.steps.push(Step::LabelAndTaintNode(LabelAndTaintNode {
            phase: "mark-control-plane".parse().unwrap(),
            node: "n".parse().unwrap(),
            labels: BTreeMap::from([("a".into(), String::new())]),
            taints: vec![],
        }));
        index.steps.push(Step::AnnotateNode(AnnotateNode {
            phase: "upload-config/kubelet".parse().unwrap(),
            node: "n".parse().unwrap(),
            annotations: BTreeMap::from([("a".into(), "b".into())]),
        }));
        index.requires = [
            PARTS_FEATURE,
            "hole:owner-uid/1",
            "hole:token-expiry/1",
            "step:annotate-node/1",
            "step:apply-objects/1",
            "step:commit-transaction/1",
            "step:label-and-taint-node/1",
        ]
        .map(str::to_owned)
        .to_vec();
        index
    }

    #[test]
    fn contradictions_about_objects_are_named() {
        type Break = fn(&mut Index);
        fn applied(index: &mut Index) -> &mut Vec<EntryName> {
            let Step::ApplyObjects(ApplyObjects { entries, .. }) = &mut index.steps[1] else {
                panic!()
            };
            entries
        }
        fn wait(index: &mut Index, urls: &[&str]) {
            index.requires.push("step:wait-for-endpoints/1".into());
            let endpoint = |url: &&str| Endpoint {
                name: "kubelet".into(),
                url: (*url).to_owned(),
                identity: EndpointIdentity::Anonymous,
            };
            index.steps.push(Step::WaitForEndpoints(WaitForEndpoints {
                phase: "wait-control-plane".parse().unwrap(),
                endpoints: urls.iter().map(endpoint).collect(),
                timeout_seconds: 1,
            }));
        }
        let good = with_objects();
        assert_eq!(Index::parse(&good.to_bytes().unwrap()).unwrap(), good);
        let cases: &[(&str, Break)] = &[
            ("every object is applied", |i| drop(applied(i).pop())),
            ("every object is applied", |i| drop(i.steps.remove(1))),
            ("at least one object", |i| applied(i).clear()),
            ("by one step, once", |i| {
                let first = applied(i)[0].clone();
                applied(i).push(first);
            }),
            ("applies objects of the index", |i| {
                applied(i).push("objects/03.yaml".parse().unwrap())
            }),
            ("applies objects of the index", |i| {
                applied(i).push("files/etc/kubernetes/ca.crt".parse().unwrap())
            }),
            ("phase of its step", |i| {
                i.entries[3].phase = "addon".parse().unwrap()
            }),
            ("before what it owns", |i| applied(i).reverse()),
            ("feature of every hole", |i| drop(i.requires.remove(1))),
            ("feature of every step", |i| drop(i.requires.remove(3))),
            ("own node", |i| {
                let Step::LabelAndTaintNode(LabelAndTaintNode { node, .. }) = &mut i.steps[2]
                else {
                    panic!()
                };
                *node = "m".parse().unwrap();
            }),
            ("annotates the bundle's own node", |i| {
                let Step::AnnotateNode(AnnotateNode { node, .. }) = &mut i.steps[3] else {
                    panic!()
                };
                *node = "m".parse().unwrap();
            }),
            ("at least one annotation", |i| {
                let Step::AnnotateNode(AnnotateNode { annotations, .. }) = &mut i.steps[3] else {
                    panic!()
                };
                annotations.clear();
            }),
            ("needs `api`", |i| i.api = None),
            ("reached by https", |i| {
                i.api.as_mut().unwrap().server = "http://10.0.0.10:6443".into();
            }),
            ("reached by https", |i| {
                i.api.as_mut().unwrap().server = "https://a@10.0.0.10:6443".into();
            }),
            ("in some time", |i| {
                i.api.as_mut().unwrap().timeout_seconds = 0;
            }),
            ("reads a kubeconfig", |i| {
                i.api.as_mut().unwrap().kubeconfig = "/etc/shadow".parse().unwrap();
            }),
            ("at least one endpoint", |i| wait(i, &[])),
            ("by http or https", |i| wait(i, &["file:///etc/shadow"])),
            ("tokens of the index", |i| {
                i.requires.push("step:show-join-command/1".into());
                i.steps.push(Step::ShowJoinCommand(ShowJoinCommand {
                    phase: "show-join-command".parse().unwrap(),
                    kubeconfig: "/etc/kubernetes/admin.conf".parse().unwrap(),
                    endpoint: "10.0.0.10:6443".into(),
                    ca_cert_hashes: vec![],
                    tokens: vec!["files/etc/kubernetes/ca.crt".parse().unwrap()],
                    control_plane: None,
                }));
            }),
        ];
        for (expected, change) in cases {
            let mut index = with_objects();
            change(&mut index);
            let error = index.check().unwrap_err().to_string();
            assert!(error.contains(expected), "{expected}: {error}");
        }
    }

    #[test]
    fn a_kind_of_check_with_a_feature_of_its_own_is_required() {
        let mut index = sample();
        let step = |look: CheckKind| {
            Step::Preflight(Preflight {
                phase: "preflight".parse().unwrap(),
                checks: vec![check("Swap", NoSwap {}), check("New", look)],
                ignore: vec![],
            })
        };
        index.requires.push("step:preflight/1".into());
        index.steps.insert(0, step(NoSwap {}.into()));
        index.check().unwrap();
        index.steps[0] = step(CheckKind::OnlyInTests(OnlyInTests {}));
        let error = index.check().unwrap_err().to_string();
        assert!(
            error.contains("feature of every step") && error.contains("check:only-in-tests/1"),
            "{error}"
        );
        index.requires.insert(0, "check:only-in-tests/1".into());
        index.check().unwrap();
    }

    fn check(name: &str, look: impl Into<CheckKind>) -> Check {
        Check {
            name: name.parse().unwrap(),
            severity: Severity::Warning,
            look: look.into(),
        }
    }

    #[test]
    fn checks_come_first() {
        let swap = check("Swap", NoSwap {});
        let step = |checks| {
            Step::Preflight(Preflight {
                phase: "preflight".parse().unwrap(),
                checks,
                ignore: vec![],
            })
        };
        let with = |at: usize, step| {
            let mut index = sample();
            index.requires.push("step:preflight/1".into());
            index.steps.insert(at, step);
            index.check().map_err(|error| error.to_string())
        };
        assert_eq!(with(0, step(vec![swap.clone()])), Ok(()));
        assert!(
            with(1, step(vec![swap]))
                .unwrap_err()
                .contains("come before")
        );
        assert!(with(0, step(vec![])).unwrap_err().contains("at least one"));
    }

    #[test]
    fn holes_are_refused_where_they_do_not_belong() {
        let json = |index: &Index| serde_json::to_value(index).unwrap();
        let good = json(&with_objects());
        assert!(serde_json::from_value::<Index>(good.clone()).is_ok());
        let hole = good["entries"][3]["holes"][0].clone();
        for (entry, holes) in [
            // On a file, in another kind's place, twice in one place, unknown.
            (1, serde_json::json!([hole])),
            (
                3,
                serde_json::json!([{"hole": "token-expiry", "at": "metadata/name", "ttl": "1s"}]),
            ),
            (3, serde_json::json!([hole, hole])),
            (3, serde_json::json!([{"hole": "script", "at": "data/x"}])),
        ] {
            let mut bad = good.clone();
            bad["entries"][entry]["holes"] = holes;
            assert!(serde_json::from_value::<Index>(bad).is_err(), "{entry}");
        }
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let index = sample();
        let bytes = index.to_bytes().unwrap();
        assert_eq!(Index::parse(&bytes).unwrap(), index);
    }

    #[test]
    fn a_later_program_is_named_before_its_unknown_steps_are_met() {
        let mut value = serde_json::to_value(sample()).unwrap();
        value["steps"][0] = serde_json::json!({"do": "fly", "phase": "certs"});
        value["requires"] =
            serde_json::json!([PARTS_FEATURE, "step:commit-transaction/1", "step:fly/1"]);
        let error = Index::parse(&crate::canonical::to_vec(&value).unwrap()).unwrap_err();
        assert!(
            matches!(&error, IndexError::Feature { missing, .. } if missing == "`step:fly/1`"),
            "{error}"
        );
        // All of them, and the planner, also of a later version that says more of itself.
        let many = (1..=8).map(|at| format!("step:fly/{at}"));
        let many = std::iter::once(PARTS_FEATURE.to_owned()).chain(many);
        value["requires"] = many.collect::<Vec<_>>().into();
        value["planner"] = serde_json::json!({"name": "kubeplan", "version": "9.1.0", "more": 1});
        let error = Index::parse(&crate::canonical::to_vec(&value).unwrap()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the bundle requires `step:fly/1`, `step:fly/2`, `step:fly/3`, `step:fly/4`, `step:fly/5` and 3 more, which this program does not have (`--version` lists what it has); kubeplan 9.1.0 planned it: use the version that belongs to that one, or a later one"
        );
        value["planner"] = serde_json::to_value(sample().planner).unwrap();
        value["requires"] = serde_json::json!([PARTS_FEATURE, "step:commit-transaction/1"]);
        let error = Index::parse(&crate::canonical::to_vec(&value).unwrap()).unwrap_err();
        assert!(matches!(error, IndexError::Canonical(_)), "{error}");
    }

    #[test]
    fn the_plan_digest_ignores_what_differs_between_two_bundles_of_one_plan() {
        let index = sample();
        let mut other = index.clone();
        other.serial = 9;
        other.created = "2026-12-01T00:00:00Z".parse().unwrap();
        other.members[0].size = 77;
        other.planner.version = "9".into();
        other
            .sealed
            .as_mut()
            .unwrap()
            .recipients
            .push("age1y".into());
        assert_eq!(other.compute_plan_digest().unwrap(), index.plan_digest);
        other.node.name = "m".parse().unwrap();
        assert_ne!(other.compute_plan_digest().unwrap(), index.plan_digest);
    }

    #[test]
    fn contradictions_are_named() {
        type Break = fn(&mut Index);
        let cases: &[(&str, Break)] = &[
            ("format", |i| i.format = "kubeplan.io/bundle/2".into()),
            ("requires `x`", |i| i.requires.push("x".into())),
            ("serial starts", |i| i.serial = 0),
            ("applyAfter", |i| i.apply_before = i.apply_after),
            ("name is unique", |i| {
                let first = i.entries[0].clone();
                i.entries.push(first);
            }),
            ("in a transaction", |i| {
                drop(i.transactions[0].entries.pop())
            }),
            ("committed by a step", |i| i.steps.clear()),
            ("before what lies in it", |i| {
                i.transactions[0].entries.reverse();
            }),
            ("names entries", |i| {
                i.transactions[0]
                    .entries
                    .push("files/etc/other".parse().unwrap())
            }),
            ("needs a sealed part", |i| i.sealed = None),
            ("one member", |i| i.members.clear()),
            ("feature of every step", |i| i.requires.truncate(1)),
            ("earlier layout", |i| i.requires.clear()),
            ("below a file", |i| {
                let Place::File(p) = &mut i.entries[1].place else {
                    panic!()
                };
                p.path = "/etc/kubernetes/ca.key/x".parse().unwrap();
            }),
        ];
        for (expected, change) in cases {
            let mut index = sample();
            change(&mut index);
            let error = index.check().unwrap_err().to_string();
            assert!(error.contains(expected), "{expected}: {error}");
        }
    }
}
