//! When a bundle may be installed, and that joining nodes make valid indexes.

use std::time::Duration;

use kubeplan_bundle::secret::SecretBytes;
use kubeplan_bundle::step::Step;

use super::*;
use crate::operations;
use crate::pki::MaterialSource;
use crate::pki::test_pki::TestPki;
use crate::pki::{Material, StoreContents, ensure};
use crate::testing;

const DAY: u64 = 24 * 3600;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn row(name: &str, signer: &str, not_before: &str, not_after: &str) -> CertificateRow {
    let (not_before, not_after) = (at(not_before), at(not_after));
    let mut row = testing::material().certificates["ca"].row.clone();
    row.name = name.to_owned();
    row.signer = signer.to_owned();
    (row.not_before, row.not_after) = (not_before, not_after);
    row
}

#[test]
fn a_window_lies_between_the_last_start_and_the_first_end() {
    let config = testing::default_config();
    let rows = [
        row("ca", "ca", "2026-01-01T00:00:00Z", "2036-01-01T00:00:00Z"),
        row(
            "kubelet.conf",
            "ca",
            "2026-01-02T00:00:00Z",
            "2026-04-02T00:00:00Z",
        ),
    ];
    let window = window(&config, &rows, at("2026-01-02T00:05:00Z")).unwrap();
    assert_eq!(window.apply_after, at("2026-01-02T00:00:00Z"));
    assert_eq!(window.apply_before, at("2026-03-03T00:00:00Z"));
    let none = super::window(&config, &[], at("2026-01-02T00:05:00Z"));
    assert!(matches!(none, Err(WindowError::NoCertificates)));
}

#[test]
fn a_window_that_is_over_is_an_error_that_names_the_certificate() {
    let config = testing::default_config();
    let rows = [
        row("ca", "ca", "2016-01-01T00:00:00Z", "2026-02-01T00:00:00Z"),
        row(
            "admin.conf",
            "ca",
            "2016-01-01T00:00:00Z",
            "2027-01-01T00:00:00Z",
        ),
    ];
    let found = window(&config, &rows, at("2026-01-02T00:00:00Z"));
    let Err(error @ WindowError::Over { .. }) = found else {
        panic!("{found:?}")
    };
    assert_eq!(
        error.to_string(),
        "certificate `ca` ends 2026-02-01T00:00:00Z; less `Cluster.credentials.minRemaining` that is 2026-01-02T00:00:00Z, which is past: \
         the bundle could never be installed; renew the certificate (a CA: everything it signed has to be issued again), or set a \
         shorter `minRemaining`"
    );
    assert!(window(&config, &rows, at("2026-01-01T23:59:59Z")).is_ok());
    // A leaf that was kept can be installed until it ends, and not after that.
    let kept = [row(
        "admin.conf",
        "ca",
        "2026-01-02T00:00:00Z",
        "2026-07-02T00:00:00Z",
    )];
    let late = window(&config, &kept, at("2026-06-20T00:00:00Z")).unwrap();
    assert_eq!(late.apply_before, at("2026-07-02T00:00:00Z"));
    // Also beside a leaf that was issued just now, for other names.
    let [old] = kept.clone();
    let new = row(
        "apiserver",
        "ca",
        "2026-06-20T00:00:00Z",
        "2027-06-20T00:00:00Z",
    );
    let mixed = window(&config, &[old, new], at("2026-06-20T00:00:00Z")).unwrap();
    assert_eq!(mixed.apply_after, at("2026-06-20T00:00:00Z"));
    assert_eq!(mixed.apply_before, at("2026-07-02T00:00:00Z"));
    let found = window(&config, &kept, at("2026-07-03T00:00:00Z")).unwrap_err();
    assert!(
        found
            .to_string()
            .ends_with("plan with `--renew` to issue it again")
    );
    let fresh = [row(
        "admin.conf",
        "ca",
        "2026-01-02T00:00:00Z",
        "2026-01-20T00:00:00Z",
    )];
    let found = window(&config, &fresh, at("2026-01-02T00:05:00Z"));
    assert!(matches!(found, Err(WindowError::Empty { .. })));
}

/// The material of a cluster of which nodes join; what is theirs alone was issued for another.
fn cluster() -> Material {
    let config = testing::default_config();
    let now = at("2026-11-20T10:23:25Z");
    let ensured = ensure(
        &config,
        StoreContents::default(),
        now,
        &TestPki::new("1"),
        &|_| {},
    );
    ensured.unwrap().material
}

#[test]
fn whatever_joins_makes_an_index_that_holds_together() {
    let material = cluster();
    let control_plane = testing::joining_control_plane_config();
    let worker = testing::joining_worker_config();
    let mut external = testing::joining(testing::external_etcd_config(), "cp2", "192.168.10.12");
    external.cluster.certificates_dir = "/srv/pki".into();
    for (config, joins_etcd) in [
        (control_plane.clone(), true),
        (testing::bootstrapping(control_plane), true),
        (worker.clone(), false),
        (testing::bootstrapping(worker), false),
        (external, false),
    ] {
        let plan = operations::plan_node(
            operations::of(&config),
            &config,
            MaterialSource::Issued(&material),
        )
        .unwrap();
        let circumstances = Circumstances {
            cluster_id: material.certificates["ca"].row.spki,
            now: at("2026-11-20T10:23:25Z"),
            test_only: true,
            salt: CommitSalt::new(SecretBytes::new(vec![7; 32])).unwrap(),
            first_file: None,
        };
        let draft = draft(&config, plan, circumstances).unwrap();
        let committed: Vec<&TransactionName> =
            draft.steps.iter().filter_map(Step::commits).collect();
        let names: Vec<&TransactionName> = draft.transactions.iter().map(|t| &t.name).collect();
        assert_eq!(committed, names);
        let joins = draft
            .steps
            .iter()
            .any(|step| matches!(step, Step::JoinEtcd(_)));
        assert_eq!(joins, joins_etcd);
        let holes = draft.entries.iter().flat_map(|entry| &entry.holes).count();
        assert_eq!(holes, usize::from(joins_etcd));
        draft.prepare().unwrap();
    }
}

#[test]
fn certificates_of_ninety_days_leave_sixty_to_install() {
    let config = testing::joining_worker_config();
    let now = at("2026-11-20T10:23:25Z");
    let mut material = cluster();
    let client = material.certificates.get_mut("kubelet.conf").unwrap();
    client.row.not_before = now.saturating_sub(Duration::from_secs(300));
    client.row.not_after = now.saturating_add(testing::JOIN_VALIDITY);
    let plan = operations::plan_node(
        operations::of(&config),
        &config,
        MaterialSource::Issued(&material),
    )
    .unwrap();
    let window = window(&config, &plan.all_certificates, now).unwrap();
    assert_eq!(
        window.apply_before,
        now.saturating_add(Duration::from_secs(60 * DAY))
    );
}
