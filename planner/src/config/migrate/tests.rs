//! Compares conversions with those of the real kubeadm, byte for byte.

use serde_json::json;

use super::*;
use crate::yaml;

macro_rules! cases {
    ($($name:literal),* $(,)?) => {
        &[$((
            $name,
            include_str!(concat!("../../../../fixtures/migrate/", $name, ".yaml")),
            include_str!(concat!("../../../../fixtures/migrate/kubeadm-1.36.2/", $name, ".yaml")),
        )),*]
    };
}

/// Name, input, and what `kubeadm config migrate` v1.36.2 printed.
const CASES: &[(&str, &str, &str)] = cases!(
    "v1beta3-arguments",
    "v1beta3-defaults",
    "v1beta3-everything",
    "v1beta3-external-etcd",
    "v1beta3-init-and-join",
    "v1beta3-join",
    "v1beta3-mixed",
    "v1beta3-timeout",
    "v1beta3-timeout-zero",
    "v1beta4-everything",
    "v1beta4-join",
    "v1beta4-join-file",
);

fn migrate_one(text: &str) -> Result<Migrated, Report> {
    let name = "c.yaml";
    migrate(&[Source { name, text }], false)
}

#[test]
fn the_result_is_kubeadms_byte_for_byte() {
    for (name, input, theirs) in CASES {
        let ours = migrate_one(input).unwrap_or_else(|report| panic!("{name}:\n{report}"));
        let ours = yaml::documents(&ours.documents);
        // kubeadm prints 0s for this timeout unless a v1beta3 ClusterConfiguration sets it.
        let theirs = theirs.replace(
            "controlPlaneComponentHealthCheck: 0s",
            "controlPlaneComponentHealthCheck: 4m0s",
        );
        assert_eq!(ours, theirs, "{name}");
    }
}

#[test]
fn converting_twice_changes_nothing() {
    for (name, input, _) in CASES {
        let once = yaml::documents(&migrate_one(input).unwrap().documents);
        let twice = migrate_one(&once).unwrap();
        assert_eq!(yaml::documents(&twice.documents), once, "{name}");
        assert!(
            !twice.warnings.to_string().contains("stays unset"),
            "{name}"
        );
    }
}

#[test]
fn what_kubeadm_would_read_from_the_host_stays_unset() {
    let migrated =
        migrate_one("apiVersion: kubeadm.k8s.io/v1beta3\nkind: ClusterConfiguration\n").unwrap();
    let [init, cluster] = migrated.documents.as_slice() else {
        panic!("{:?}", migrated.documents)
    };
    assert_eq!(init["localAPIEndpoint"], json!({"bindPort": 6443}));
    assert!(init["nodeRegistration"].get("name").is_none());
    assert!(init["bootstrapTokens"][0].get("token").is_none());
    assert!(cluster.get("kubernetesVersion").is_none());
    let warnings = migrated.warnings.to_string();
    assert_eq!(warnings.matches("it stays unset").count(), 4, "{warnings}");
    assert!(
        warnings.contains("bootstrapTokens[0].token: it stays unset"),
        "{warnings}"
    );
}

#[test]
fn documents_that_are_not_converted_are_warned_of() {
    let text = format!(
        "{}---\napiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n",
        CASES[1].1
    );
    let migrated = migrate_one(&text).unwrap();
    assert_eq!(migrated.documents.len(), 2);
    let warnings = migrated.warnings.to_string();
    assert!(
        warnings.contains("KubeletConfiguration: the result does not contain this document"),
        "{warnings}"
    );
    assert!(migrate_one(CASES[1].1).unwrap().warnings.is_empty());
}

#[test]
fn kubeadms_rules_hold_and_lenient_forgives_fields_only() {
    let text = CASES[1].1;
    let bad = text.replace("192.168.10.11", "nowhere");
    assert!(
        migrate_one(&bad)
            .unwrap_err()
            .to_string()
            .contains("is not a valid IP address")
    );
    let odd = text.replace("  name: cp1", "  name: cp1\n  imagePullSerial: false");
    let report = migrate_one(&odd).unwrap_err().to_string();
    assert!(report.contains("v1beta4 introduced the field"), "{report}");
    let name = "c.yaml";
    let migrated = migrate(&[Source { name, text: &odd }], true).unwrap();
    assert_eq!(
        migrated.documents[0]["nodeRegistration"]["imagePullSerial"],
        json!(true)
    );
    assert_eq!(migrated.warnings.findings().len(), 1);
}

#[test]
fn a_release_that_cannot_be_planned_is_warned_of() {
    let with = |version: &str| {
        let text = format!(
            "apiVersion: kubeadm.k8s.io/v1beta3\nkind: ClusterConfiguration\nkubernetesVersion: {version}\n"
        );
        migrate_one(&text).unwrap().warnings.to_string()
    };
    let warnings = with("v1.28.3");
    assert!(
        warnings.contains(
            "kubernetesVersion: Kubernetes 1.28.3 is not supported, so the result cannot be planned"
        ),
        "{warnings}"
    );
    assert!(warnings.contains("1.36"), "{warnings}");
    assert!(!with("v1.36.2").contains("not supported"));
}
