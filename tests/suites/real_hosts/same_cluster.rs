//! One configuration, two clusters: by real `kubeadm init` and by `kubeapply install`. Their objects are the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context as _, Result, ensure};
use kubeplan_testhosts::components::Store;
use kubeplan_testhosts::hosts::{Host, Rig, ScratchRig};
use kubeplan_testsuite::planned::Planned;
use serde_json::Value;

use super::site::Site;
use super::{IGNORED, PLANNED, text, wait_for_cluster};

/// What both clusters have, by kind.
const KINDS: &str = "configmaps,secrets,serviceaccounts,services,deployments,daemonsets,roles,rolebindings,\
                     clusterroles,clusterrolebindings,pods,nodes";

/// Two rigs, so that name and address of both nodes are the same.
pub(super) fn compared(rig: &Rig, store: &Store) -> Result<()> {
    let directory = rig.directory().with_extension("kubeadm");
    let other = ScratchRig::at(&directory)?;
    other.up(1, store, |_| ())?;
    let theirs = other.host("host1")?;
    fs::write(theirs.var().join("init.yaml"), PLANNED)?;
    theirs.shell(&format!(
        "kubeadm init --config /var/init.yaml --skip-token-print {IGNORED}"
    ))?;
    wait_for_cluster(&theirs, 1)?;
    let theirs = objects(&theirs)?;
    drop(other);

    rig.up(1, store, |_| ())?;
    let site = Site::carry(rig.host("host1")?, Planned::today(PLANNED)?)?;
    // kubeadm looks for the host's directories of CA certificates; the planner has to be told.
    site.plan_with_facts()?;
    site.install()?;
    wait_for_cluster(&site.host, 1)?;
    let ours = objects(&site.host)?;

    ensure!(theirs.len() > 100, "only {} objects", theirs.len());
    let names: BTreeSet<&String> = theirs
        .keys()
        .chain(ours.keys())
        .filter(|name| theirs.get(*name) != ours.get(*name))
        .collect();
    let mut said = String::new();
    for name in names {
        for (whose, objects) in [("kubeadm", &theirs), ("kubeapply", &ours)] {
            let text = objects.get(name).map_or_else(
                || Ok("is not there".to_owned()),
                serde_json::to_string_pretty,
            )?;
            said += &format!("{name}, by {whose}: {text}\n");
        }
    }
    ensure!(said.is_empty(), "the clusters differ\n{said}");
    Ok(())
}

/// Every object of the namespaces of the system, and of the cluster, without what two clusters never share.
fn objects(host: &Host) -> Result<BTreeMap<String, Value>> {
    // The signature comes some seconds after the rest.
    super::eventually("the signature of cluster-info", || {
        let info = text(
            host,
            "kubectl --namespace kube-public get configmap cluster-info --output yaml",
        )?;
        ensure!(info.contains("jws-kubeconfig-abcdef"), "{info}");
        Ok(())
    })?;
    let listed: Value = serde_json::from_str(&text(
        host,
        &format!("kubectl get {KINDS} --all-namespaces --output json"),
    )?)?;
    let mut objects = BTreeMap::new();
    for object in listed
        .get("items")
        .and_then(Value::as_array)
        .context("no list")?
    {
        let mut object = object.clone();
        let word = |path: &str| {
            object
                .pointer(path)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        // Pods of controllers have names by chance; what they are is in their controllers.
        if word("/kind") == "Pod" && object.pointer("/metadata/generateName").is_some() {
            continue;
        }
        let name = format!(
            "{} {}/{}",
            word("/kind"),
            word("/metadata/namespace"),
            word("/metadata/name")
        );
        own(&mut object, "");
        objects.insert(name, object);
    }
    Ok(objects)
}

/// Fields that belong to one cluster: identities, times, who wrote, state; and contents that hold keys or hashes of them.
const OWN_FIELDS: [&str; 9] = [
    "uid",
    "creationTimestamp",
    "resourceVersion",
    "managedFields",
    "status",
    "generation",
    "deployment.kubernetes.io/revision",
    "kubernetes.io/config.hash",
    "kubernetes.io/config.mirror",
];

/// Entries of data that hold certificates, signatures or times.
const OWN_DATA: [&str; 8] = [
    "ca.crt",
    "client-ca-file",
    "requestheader-client-ca-file",
    "jws-kubeconfig-abcdef",
    "expiration",
    "since",
    "kubernetes.io/config.seen",
    "certificate-authority-data",
];

fn own(value: &mut Value, key: &str) {
    match value {
        Value::Object(fields) => {
            fields.retain(|key, _| !OWN_FIELDS.contains(&key.as_str()));
            for (key, value) in fields {
                own(value, key);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| own(item, key)),
        Value::String(text) if OWN_DATA.contains(&key) => text.clear(),
        Value::String(text) => {
            let lines = text.split_inclusive('\n');
            *text = lines
                .filter(|line| !line.trim_start().starts_with("certificate-authority-data:"))
                .collect();
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
