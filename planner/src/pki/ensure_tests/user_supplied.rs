//! What the user put into the store: checked, never overwritten.

use kubeplan_bundle::secret::SecretBytes;
use rustls_pki_types::{CertificateDer, UnixTime};

use crate::pki::StoreChangeKind;
use crate::pki::certificate::Certificate;
use crate::pki::issue::{Stamp, issue_authority, issue_leaf};
use crate::pki::keys::PrivateKey;
use crate::pki::profile::{CertificateProfile, ExtendedKeyUsage};
use crate::pki::store::StoreContents;
use crate::pki::testing::now;
use crate::pki::{KeyAlgorithm, profiles};

use super::{DAY, Duration, Timestamp, error, fast, find, fresh, made, run};

fn put(store: &mut StoreContents, path: &str, text: impl Into<Vec<u8>>) {
    store
        .files
        .insert(path.to_owned(), SecretBytes::new(text.into()));
}

fn read(store: &StoreContents, path: &str) -> Certificate {
    Certificate::from_pem(store.files[path].expose()).unwrap()
}

fn key(store: &StoreContents, path: &str) -> PrivateKey {
    PrivateKey::from_pem(store.files[path].expose()).unwrap()
}

fn stamp(not_before: Timestamp, life: Duration) -> Stamp {
    Stamp {
        serial: 99,
        not_before,
        not_after: not_before.saturating_add(life),
    }
}

/// Puts a user's `apiserver` pair into `store`: signed by its CA, the profile changed by `change`.
fn supply(store: &mut StoreContents, stamp: Stamp, change: impl FnOnce(&mut CertificateProfile)) {
    let mut profile = find(&fast(), "apiserver");
    change(&mut profile);
    let own = PrivateKey::generate(KeyAlgorithm::EcdsaP384).unwrap();
    let ca = read(store, "ca.crt");
    let ca_key = key(store, "ca.key");
    let certificate = issue_leaf(&profile, &own, &ca, &ca_key, stamp).unwrap();
    put(store, "nodes/cp1/apiserver.crt", certificate.pem());
    put(store, "nodes/cp1/apiserver.key", own.pem().expose());
}

fn year_before_now() -> Stamp {
    stamp(now().saturating_sub(DAY), DAY * 365)
}

#[test]
fn a_users_ca_is_used_and_never_overwritten() {
    let mut store = StoreContents::default();
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP384).unwrap();
    let mut profile = find(&fast(), "ca");
    profile.common_name = "corporate-kubernetes-ca".into();
    profile.organization = Some("Example".into());
    let ca = issue_authority(&profile, &key, stamp(now(), DAY * 10)).unwrap();
    put(&mut store, "ca.crt", ca.pem());
    put(&mut store, "ca.key", key.pem().expose());
    let before = store.clone();
    let ensured = run(&fast(), store).unwrap();
    assert!(!made(&ensured).contains(&"ca.crt"));
    for (path, bytes) in &before.files {
        assert_eq!(&ensured.store.files[path], bytes);
    }
    let row = &ensured.material.certificates["ca"].row;
    assert!(row.user_supplied);
    assert_eq!(
        (row.subject.as_str(), row.key.as_str()),
        ("O = Example, CN = corporate-kubernetes-ca", "ECDSA-P384")
    );
    assert!(!ensured.material.certificates["apiserver"].row.user_supplied);
}

#[test]
fn keys_of_a_curve_that_kubeadm_reads_and_does_not_make_sign_and_are_kept() {
    const KIND: &str = "ECDSA-P521";
    let key = include_bytes!("../../../../fixtures/go-x509/p521.key");
    let key = PrivateKey::from_pem(key).unwrap();
    let mut store = StoreContents::default();
    for name in ["ca", "front-proxy-ca", "etcd-ca"] {
        let profile = find(&fast(), name);
        let ca = issue_authority(&profile, &key, stamp(now(), DAY * 365)).unwrap();
        let base = profile.base_name;
        put(&mut store, &format!("{base}.crt"), ca.pem());
        put(&mut store, &format!("{base}.key"), key.pem().expose());
    }
    put(&mut store, "sa.key", key.pem().expose());
    let ensured = run(&fast(), store).unwrap();
    let all = &ensured.material.certificates;
    let mut leaves = 0;
    for profile in profiles(&fast()).iter().filter(|p| !p.is_authority()) {
        let ca = &all[profile.signer];
        assert_eq!(ca.row.key, KIND);
        let ca = CertificateDer::from(ca.certificate_der.as_slice());
        let anchors = [webpki::anchor_from_trusted_cert(&ca).unwrap()];
        let der = CertificateDer::from(all[profile.name].certificate_der.as_slice());
        let at = u64::try_from(now().unix_seconds()).unwrap();
        let usage = if profile.usages.contains(&ExtendedKeyUsage::ServerAuth) {
            webpki::KeyUsage::server_auth()
        } else {
            webpki::KeyUsage::client_auth()
        };
        webpki::EndEntityCert::try_from(&der)
            .unwrap()
            .verify_for_usage(
                webpki::ALL_VERIFICATION_ALGS,
                &anchors,
                &[],
                UnixTime::since_unix_epoch(Duration::from_secs(at)),
                usage,
                None,
                None,
            )
            .unwrap();
        leaves += 1;
    }
    assert!(leaves > 5);
    // A leaf of the user with such a key.
    let mut store = ensured.store;
    let ca = read(&store, "ca.crt");
    let leaf = issue_leaf(
        &find(&fast(), "apiserver"),
        &key,
        &ca,
        &key,
        year_before_now(),
    );
    put(&mut store, "nodes/cp1/apiserver.crt", leaf.unwrap().pem());
    put(&mut store, "nodes/cp1/apiserver.key", key.pem().expose());
    let ensured = run(&fast(), store).unwrap();
    let row = &ensured.material.certificates["apiserver"].row;
    assert!(row.user_supplied);
    assert_eq!(row.key, KIND);
}

#[test]
fn a_users_ca_that_is_no_ca_is_refused() {
    let mut store = fresh();
    supply(&mut store, year_before_now(), |_| {});
    let (certificate, key) = ("nodes/cp1/apiserver.crt", "nodes/cp1/apiserver.key");
    let (certificate, key) = (store.files[certificate].clone(), store.files[key].clone());
    store.files.insert("ca.crt".into(), certificate);
    store.files.insert("ca.key".into(), key);
    let message = error(run(&fast(), store));
    assert!(
        message.starts_with("`ca.crt` was supplied by the user and does not fit the configuration: basicConstraints is `CA:FALSE`, expected `CA:TRUE`"),
        "{message}"
    );
}

#[test]
fn a_users_leaf_that_fits_is_kept_and_one_that_does_not_is_an_error() {
    let mut store = fresh();
    supply(&mut store, year_before_now(), |profile| {
        profile.common_name = "whatever".into();
        profile.dns_sans.push("more.example.com".into());
    });
    let ensured = run(&fast(), store.clone()).unwrap();
    assert_eq!(ensured.changes, []);
    assert_eq!(ensured.store.files, store.files);
    assert!(ensured.material.certificates["apiserver"].row.user_supplied);

    let expired = stamp(now().saturating_sub(DAY * 2), DAY);
    let future = stamp(now().saturating_add(DAY), DAY * 365);
    let brief = stamp(now().saturating_sub(DAY), DAY * 30);
    type Change = fn(&mut CertificateProfile);
    let cases: [(Stamp, Change, &str); 6] = [
        (
            year_before_now(),
            |p| p.dns_sans.retain(|name| name != "kubernetes"),
            "expected `DNS:kubernetes among them`",
        ),
        (
            year_before_now(),
            |p| p.ip_sans.truncate(1),
            "expected `IP:192.168.10.11 among them`",
        ),
        (
            year_before_now(),
            |p| p.usages = &[ExtendedKeyUsage::ClientAuth],
            "extendedKeyUsage is `clientAuth`, expected `serverAuth`",
        ),
        (
            expired,
            |_| {},
            "notAfter is `2026-11-19T10:23:25Z`, expected `2026-11-20T10:23:25Z or later`",
        ),
        (
            brief,
            |_| {},
            "notAfter is `2026-12-19T10:23:25Z`, expected `2026-12-20T10:23:25Z or later (",
        ),
        (
            future,
            |_| {},
            "notBefore is `2026-11-21T10:23:25Z`, expected",
        ),
    ];
    for (stamp, change, expected) in cases {
        let mut store = fresh();
        supply(&mut store, stamp, change);
        let message = error(run(&fast(), store));
        assert!(
            message
                .starts_with("`nodes/cp1/apiserver.crt` was supplied by the user and does not fit")
                && message.contains(expected),
            "{message}"
        );
    }
}

#[test]
fn a_users_leaf_of_another_ca_is_an_error() {
    let mut other = fresh();
    supply(&mut other, year_before_now(), |_| {});
    let mut store = fresh();
    for path in ["nodes/cp1/apiserver.crt", "nodes/cp1/apiserver.key"] {
        store.files.insert(path.into(), other.files[path].clone());
    }
    let message = error(run(&fast(), store));
    assert!(
        message.contains("signer is `CN = kubernetes`, expected `a signature by the CA `ca`"),
        "{message}"
    );
}

#[test]
fn a_users_kubelet_client_must_have_the_nodes_identity() {
    let mut store = fresh();
    let mut profile = find(&fast(), "kubelet.conf");
    profile.common_name = "system:node:other".into();
    let own = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let (ca, ca_key) = (read(&store, "ca.crt"), key(&store, "ca.key"));
    let certificate = issue_leaf(&profile, &own, &ca, &ca_key, year_before_now()).unwrap();
    put(&mut store, "nodes/cp1/kubelet.conf.crt", certificate.pem());
    put(&mut store, "nodes/cp1/kubelet.conf.key", own.pem().expose());
    let message = error(run(&fast(), store));
    assert!(
        message.contains("expected `O = system:nodes, CN = system:node:cp1`"),
        "{message}"
    );
}

#[test]
fn a_leaf_below_an_intermediate_is_accepted_with_its_chain() {
    let mut store = fresh();
    let (ca, ca_key) = (read(&store, "ca.crt"), key(&store, "ca.key"));
    let mut authority = find(&fast(), "ca");
    authority.common_name = "intermediate".into();
    let middle_key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let middle = issue_leaf(&authority, &middle_key, &ca, &ca_key, year_before_now()).unwrap();
    let own = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let profile = find(&fast(), "apiserver");
    let leaf = issue_leaf(&profile, &own, &middle, &middle_key, year_before_now()).unwrap();
    put(&mut store, "nodes/cp1/apiserver.key", own.pem().expose());
    put(&mut store, "nodes/cp1/apiserver.crt", leaf.pem());
    assert!(error(run(&fast(), store.clone())).contains("signer is `CN = intermediate`"));
    put(
        &mut store,
        "nodes/cp1/apiserver.crt",
        leaf.pem() + &middle.pem(),
    );
    let ensured = run(&fast(), store).unwrap();
    assert_eq!(ensured.changes, []);
    let pem = &ensured.material.certificates["apiserver"].certificate_pem;
    assert_eq!(pem.matches("BEGIN CERTIFICATE").count(), 2);
}

#[test]
fn half_a_pair_is_an_error_unless_the_planner_made_the_other_half() {
    // A key without certificate.
    for base in ["ca", "nodes/cp1/apiserver"] {
        let mut store = StoreContents::default();
        let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
        put(&mut store, &format!("{base}.key"), key.pem().expose());
        let message = error(run(&fast(), store));
        assert!(
            message.starts_with(&format!("`{base}.key` has no certificate `{base}.crt`")),
            "{message}"
        );
    }
    // A user's leaf without key.
    let mut store = fresh();
    supply(&mut store, year_before_now(), |_| {});
    store.files.remove("nodes/cp1/apiserver.key");
    assert!(error(run(&fast(), store)).starts_with("`nodes/cp1/apiserver.crt` has no private key"));
    // The planner's own leaf: nothing is lost.
    for (end, why) in [
        ("crt", "its certificate was removed"),
        ("key", "its private key was removed"),
    ] {
        let mut store = fresh();
        store.files.remove(&format!("nodes/cp1/apiserver.{end}"));
        let ensured = run(&fast(), store).unwrap();
        assert_eq!(made(&ensured), ["nodes/cp1/apiserver.crt"]);
        assert!(ensured.changes[0].why.starts_with(why));
    }
}

#[test]
fn a_key_of_another_certificate_is_an_error() {
    for base in ["ca", "nodes/cp1/apiserver"] {
        let mut store = fresh();
        let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
        put(&mut store, &format!("{base}.key"), key.pem().expose());
        let message = error(run(&fast(), store));
        assert!(
            message.starts_with(&format!(
                "`{base}.key` is not the private key of `{base}.crt`"
            )),
            "{message}"
        );
    }
}

#[test]
fn damaged_files_are_named() {
    for (path, expected) in [
        ("etcd/ca.crt", "cannot use the certificate `etcd/ca.crt`"),
        (
            "nodes/cp1/etcd/peer.key",
            "cannot use the private key `nodes/cp1/etcd/peer.key`",
        ),
        ("sa.key", "cannot use the private key `sa.key`"),
    ] {
        let mut store = fresh();
        put(&mut store, path, "nonsense");
        assert!(error(run(&fast(), store)).starts_with(expected));
    }
}

#[test]
fn the_service_account_pair_is_completed_or_refused() {
    let whole = fresh();
    let mut store = whole.clone();
    let public = store.files.remove("sa.pub").unwrap();
    let ensured = run(&fast(), store).unwrap();
    assert_eq!(made(&ensured), ["sa.pub"]);
    assert_eq!(ensured.changes[0].kind, StoreChangeKind::Derived);
    assert_eq!(ensured.store.files["sa.pub"], public);

    let mut store = whole.clone();
    store.files.remove("sa.key");
    assert!(error(run(&fast(), store)).starts_with("`sa.pub` has no `sa.key`"));

    let mut store = whole.clone();
    let other = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    put(&mut store, "sa.pub", other.public_pem());
    assert!(error(run(&fast(), store)).starts_with("`sa.key` is not the private key of `sa.pub`"));

    // A user's own pair of another algorithm is fine; the planner's would have to be replaced.
    let mut store = whole.clone();
    let other = PrivateKey::generate(KeyAlgorithm::EcdsaP384).unwrap();
    put(&mut store, "sa.key", other.pem().expose());
    put(
        &mut store,
        "sa.pub",
        other.public_pem().replace('\n', "\r\n"),
    );
    assert_eq!(
        run(&fast(), store)
            .unwrap()
            .material
            .service_account
            .unwrap()
            .spki,
        other.spki_digest()
    );
    let mut store = whole;
    store.files.retain(|path, _| path.starts_with("sa."));
    let mut config = fast();
    config.key_algorithm = KeyAlgorithm::EcdsaP384;
    let message = error(run(&config, store));
    assert!(
        message.starts_with("`sa.key` was issued with key algorithm `ECDSA-P256`"),
        "{message}"
    );
}

#[test]
fn files_that_nothing_uses_are_reported() {
    let mut store = fresh();
    put(&mut store, "apiserver.crt", "a copy of kubeadm's directory");
    let ensured = run(&fast(), store).unwrap();
    assert_eq!(ensured.unused, ["apiserver.crt"]);
    assert_eq!(ensured.changes, []);
}

#[test]
fn a_ca_whose_name_cannot_be_copied_is_named() {
    let mut store = StoreContents::default();
    let go = include_bytes!("../../../../fixtures/go-x509/p256-ca-two-units.der");
    let ca = Certificate::from_der(go.to_vec()).unwrap();
    put(&mut store, "ca.crt", ca.pem());
    put(
        &mut store,
        "ca.key",
        include_str!("../../../../fixtures/go-x509/p256.key"),
    );
    let refused = run(&fast(), store).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "cannot issue `nodes/cp1/apiserver.crt` with the CA `ca`"
    );
    let source = std::error::Error::source(&refused).unwrap().to_string();
    assert!(
        source.starts_with(
            "the CA's subject `OU = Security, OU = Kubernetes, CN = corporate-ca` cannot"
        ),
        "{source}"
    );
}
