//! The rules of the key store, one test each; see `docs/decisions/0006-key-store.md`.

use std::borrow::Cow;
use std::time::Duration;

use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::secret::SecretBytes;
use kubeplan_bundle::timestamp::Timestamp;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use crate::config::ValidConfig;
use crate::config::valid::Additions;
use crate::pki::StoreChangeKind;
use crate::pki::ensure::{Ensured, ensure, read_existing};
use crate::pki::key_source::{KeyRequest, KeySource, RandomSource};
use crate::pki::keys::PrivateKey;
use crate::pki::profile::{CertificateKind, CertificateProfile, ExtendedKeyUsage};
use crate::pki::store::{Batch, INDEX_FILE, StoreContents, StoreIndex, save_batches};
use crate::pki::test_pki::TestPki;
use crate::pki::testing::{config, now};
use crate::pki::{KeyAlgorithm, Material, PkiError, profiles};

const DAY: Duration = Duration::from_secs(24 * 3600);

mod external;
mod many;
mod restricted;
mod user_supplied;

/// ECDSA, so that keys cost nothing.
fn fast() -> ValidConfig {
    let mut config = config();
    config.key_algorithm = KeyAlgorithm::EcdsaP256;
    config
}

fn run_at(config: &ValidConfig, store: StoreContents, now: Timestamp) -> Result<Ensured, PkiError> {
    ensure(config, store, now, &RandomSource, &|_| {})
}

fn run(config: &ValidConfig, store: StoreContents) -> Result<Ensured, PkiError> {
    run_at(config, store, now())
}

fn fresh() -> StoreContents {
    run(&fast(), StoreContents::default()).unwrap().store
}

/// Paths of what was made.
fn made(ensured: &Ensured) -> Vec<&str> {
    ensured.changes.iter().map(|c| c.path.as_str()).collect()
}

/// Everything of a material, keys included, as comparable bytes.
fn bytes(material: &Material) -> Vec<Vec<u8>> {
    let account = material.service_account.as_ref().unwrap();
    let mut all = vec![
        account.key_pem.expose().to_vec(),
        account.public_pem.clone().into_bytes(),
    ];
    for (name, certificate) in &material.certificates {
        all.push(name.clone().into_bytes());
        all.push(certificate.certificate_pem.clone().into_bytes());
        all.push(certificate.key_pem.as_ref().unwrap().expose().to_vec());
        all.push(format!("{:?}", certificate.row).into_bytes());
    }
    all
}

fn find(config: &ValidConfig, name: &str) -> CertificateProfile {
    let all = profiles(config);
    all.into_iter()
        .find(|profile| profile.name == name)
        .unwrap()
}

fn error(result: Result<Ensured, PkiError>) -> String {
    lines(&result.unwrap_err())
}

/// The error as a message shows it: what it is made of is a line each.
fn lines(error: &PkiError) -> String {
    let details = kubeplan_terminal::details(error);
    let lines = details.as_str().lines().map(|line| format!("\n{line}"));
    error.to_string() + &lines.collect::<String>()
}

#[test]
fn an_empty_store_gets_everything_kubeadm_would_make() {
    let ensured = run(&fast(), StoreContents::default()).unwrap();
    assert_eq!(
        made(&ensured),
        [
            "ca.crt",
            "front-proxy-ca.crt",
            "etcd/ca.crt",
            "sa.key",
            "nodes/cp1/apiserver.crt",
            "nodes/cp1/apiserver-kubelet-client.crt",
            "nodes/cp1/front-proxy-client.crt",
            "nodes/cp1/etcd/server.crt",
            "nodes/cp1/etcd/peer.crt",
            "nodes/cp1/etcd/healthcheck-client.crt",
            "nodes/cp1/apiserver-etcd-client.crt",
            "nodes/cp1/admin.conf.crt",
            "nodes/cp1/super-admin.conf.crt",
            "nodes/cp1/kubelet.conf.crt",
            "nodes/cp1/controller-manager.conf.crt",
            "nodes/cp1/scheduler.conf.crt",
        ]
    );
    assert_eq!(ensured.store.files.len(), 15 * 2 + 2);
    assert_eq!(ensured.material.certificates.len(), 15);
    assert!(!ensured.material.test_only);
    let rows = ensured.material.certificates.values().map(|c| &c.row);
    for row in rows {
        assert_eq!(row.key, "ECDSA-P256");
        assert_eq!(
            row.not_before.to_string(),
            "2026-11-20T10:18:25Z",
            "{}",
            row.name
        );
        let end = if row.signer == row.name {
            "2036-11-17"
        } else {
            "2027-11-20"
        };
        assert_eq!(row.not_after.to_string(), format!("{end}T10:23:25Z"));
    }
}

#[test]
fn every_leaf_chains_to_its_ca_for_every_algorithm() {
    for algorithm in KeyAlgorithm::ALL {
        let mut config = config();
        config.key_algorithm = algorithm;
        let source = TestPki::new("chains");
        let ensured = ensure(&config, StoreContents::default(), now(), &source, &|_| {}).unwrap();
        let all = &ensured.material.certificates;
        for profile in profiles(&config).iter().filter(|p| !p.is_authority()) {
            let ca = CertificateDer::from(all[profile.signer].certificate_der.as_slice());
            let anchors = [webpki::anchor_from_trusted_cert(&ca).unwrap()];
            let der = CertificateDer::from(all[profile.name].certificate_der.as_slice());
            let leaf = webpki::EndEntityCert::try_from(&der).unwrap();
            let verify = |usage, seconds: i64| {
                leaf.verify_for_usage(
                    webpki::ALL_VERIFICATION_ALGS,
                    &anchors,
                    &[],
                    UnixTime::since_unix_epoch(Duration::from_secs(
                        u64::try_from(seconds).unwrap(),
                    )),
                    usage,
                    None,
                    None,
                )
                .is_ok()
            };
            let now = now().unix_seconds();
            for (usage, name) in [
                (
                    webpki::KeyUsage::server_auth(),
                    ExtendedKeyUsage::ServerAuth,
                ),
                (
                    webpki::KeyUsage::client_auth(),
                    ExtendedKeyUsage::ClientAuth,
                ),
            ] {
                let wanted = profile.usages.contains(&name);
                assert_eq!(verify(usage, now), wanted, "{} {name:?}", profile.name);
            }
            let own = if profile.usages.contains(&ExtendedKeyUsage::ServerAuth) {
                webpki::KeyUsage::server_auth()
            } else {
                webpki::KeyUsage::client_auth()
            };
            assert!(!verify(own, now + 366 * 24 * 3600), "valid after its end");
            for name in &profile.dns_sans {
                let name = name.replace('*', "x");
                let name = ServerName::try_from(name.as_str()).unwrap();
                leaf.verify_is_valid_for_subject_name(&name).unwrap();
            }
            for address in &profile.ip_sans {
                leaf.verify_is_valid_for_subject_name(&ServerName::from(*address))
                    .unwrap();
            }
        }
    }
}

#[test]
fn the_same_store_and_clock_change_nothing() {
    let first = run(&fast(), StoreContents::default()).unwrap();
    let second = run(&fast(), first.store.clone()).unwrap();
    assert_eq!(second.changes, []);
    assert_eq!(second.store, first.store);
    assert_eq!(bytes(&second.material), bytes(&first.material));
    let existing = read_existing(&fast(), &first.store, now())
        .unwrap()
        .unwrap();
    assert_eq!(bytes(&existing), bytes(&first.material));
}

#[test]
fn reading_only_gives_nothing_while_something_is_missing() {
    assert!(
        read_existing(&fast(), &StoreContents::default(), now())
            .unwrap()
            .is_none()
    );
    let mut store = fresh();
    assert!(read_existing(&fast(), &store, now()).unwrap().is_some());
    store.files.remove("sa.pub");
    assert!(read_existing(&fast(), &store, now()).unwrap().is_none());
}

#[test]
fn a_leaf_of_the_planner_is_reissued_when_its_profile_changes_and_says_what() {
    let mut config = fast();
    config.cluster.api_server.cert_sans = vec!["api.example.com".into()];
    let before = fresh();
    let ensured = run(&config, before.clone()).unwrap();
    assert_eq!(made(&ensured), ["nodes/cp1/apiserver.crt"]);
    let change = &ensured.changes[0];
    assert_eq!(change.kind, StoreChangeKind::Reissued);
    assert!(
        change.why.starts_with("SANs was `DNS:cp1, ")
            && change.why.contains("is now `DNS:api.example.com, DNS:cp1"),
        "{}",
        change.why
    );
    assert_ne!(
        ensured.store.files["nodes/cp1/apiserver.key"],
        before.files["nodes/cp1/apiserver.key"]
    );
    assert_eq!(run(&config, ensured.store).unwrap().changes, []);
}

#[test]
fn a_changed_leaf_validity_reissues_the_leaves_and_no_ca() {
    let mut config = fast();
    config.certificate_validity = Duration::from_secs(100 * 3600);
    let ensured = run(&config, fresh()).unwrap();
    assert_eq!(ensured.changes.len(), 12);
    assert!(
        ensured
            .changes
            .iter()
            .all(|c| c.why == "validity was `8760h`, is now `100h`")
    );
    // Shorter than minRemaining, and still issued once only.
    assert_eq!(run(&config, ensured.store).unwrap().changes, []);
}

#[test]
fn another_node_gets_its_own_leaves_and_the_same_authorities() {
    let mut config = fast();
    config.node.name = "cp2".parse().unwrap();
    let before = fresh();
    let ensured = run(&config, before.clone()).unwrap();
    assert_eq!(ensured.changes.len(), 12);
    assert!(
        ensured
            .changes
            .iter()
            .all(|c| c.path.starts_with("nodes/cp2/"))
    );
    for (path, bytes) in &before.files {
        assert_eq!(&ensured.store.files[path], bytes, "{path}");
    }
}

#[test]
fn a_ca_of_the_planner_is_never_replaced_silently() {
    let mut config = fast();
    config.key_algorithm = KeyAlgorithm::EcdsaP384;
    let message = error(run(&config, fresh()));
    assert!(
        message.starts_with("4 errors in the key store\n  - `ca.crt` was issued with key algorithm `ECDSA-P256`, the configuration now says `ECDSA-P384`")
            && message.contains("remove `ca.crt` and `ca.key`"),
        "{message}"
    );
    let mut config = fast();
    config.ca_certificate_validity = DAY;
    let message = error(run(&config, fresh()));
    assert!(
        message.contains("validity `87600h`") && message.contains("`24h`"),
        "{message}"
    );
}

#[test]
fn a_removed_ca_is_made_again_and_everything_below_it() {
    let mut store = fresh();
    store.files.remove("etcd/ca.crt");
    store.files.remove("etcd/ca.key");
    let ensured = run(&fast(), store).unwrap();
    assert_eq!(
        made(&ensured),
        [
            "etcd/ca.crt",
            "nodes/cp1/etcd/server.crt",
            "nodes/cp1/etcd/peer.crt",
            "nodes/cp1/etcd/healthcheck-client.crt",
            "nodes/cp1/apiserver-etcd-client.crt",
        ]
    );
    assert_eq!(
        ensured.changes[0].why,
        "its files were removed from the key store"
    );
    assert_eq!(
        ensured.changes[1].why,
        "not signed by the present CA `etcd-ca`"
    );
}

#[test]
fn a_leaf_that_expired_or_soon_will_is_reissued() {
    for (later, changes, why) in [
        (DAY * 300, 0, ""),
        (DAY * 334, 0, ""),
        (DAY * 336, 12, "expires soon, at 2027-11-20T10:23:25Z"),
        (DAY * 400, 12, "expired at 2027-11-20T10:23:25Z"),
    ] {
        let ensured = run_at(&fast(), fresh(), now().saturating_add(later)).unwrap();
        assert_eq!(ensured.changes.len(), changes);
        assert!(ensured.changes.iter().all(|change| change.why == why));
    }
}

#[test]
fn a_leaf_of_a_node_that_was_planned_is_reissued_only_when_asked() {
    let mut planned = fresh();
    let index = planned.index.as_mut().unwrap();
    let name = fast().node.name.clone();
    let record = index.next_record(&name, Sha256Digest::of(b"plan"));
    index.nodes.insert(name, record);
    for later in [DAY * 336, DAY * 400] {
        let clock = now().saturating_add(later);
        let ensured = run_at(&fast(), planned.clone(), clock).unwrap();
        assert!(ensured.changes.is_empty(), "{:?}", ensured.changes);
        let renew = fast().with(Additions {
            renew: true,
            ..Additions::default()
        });
        assert_eq!(
            run_at(&renew, planned.clone(), clock)
                .unwrap()
                .changes
                .len(),
            12
        );
    }
}

#[test]
fn a_clock_outside_a_cas_validity_is_an_error() {
    for clock in [now().saturating_sub(DAY), now().saturating_add(DAY * 3651)] {
        let message = error(run_at(&fast(), fresh(), clock));
        assert!(
            message.starts_with(
                "3 errors in the key store\n  - CA `ca.crt` is valid from 2026-11-20T10:18:25Z to 2036-11-17T10:23:25Z"
            ),
            "{message}"
        );
    }
}

#[test]
fn kubeconfig_clients_start_with_their_ca_and_files_with_the_clock() {
    let mut store = fresh();
    store.files.retain(|path, _| !path.starts_with("nodes/"));
    let ensured = run_at(&fast(), store, now().saturating_add(DAY * 10)).unwrap();
    for (name, certificate) in &ensured.material.certificates {
        let expected = match find(&fast(), name).kind {
            CertificateKind::Leaf => "2026-11-30T10:18:25Z",
            _ => "2026-11-20T10:18:25Z",
        };
        assert_eq!(certificate.row.not_before.to_string(), expected, "{name}");
    }
}

#[test]
fn what_an_interrupted_write_left_is_made_again() {
    let old = fresh();
    let mut config = fast();
    config.cluster.api_server.cert_sans = vec!["api.example.com".into()];
    let new = run(&config, old.clone()).unwrap().store;
    let base = "nodes/cp1/apiserver";
    // As after a crash: the index is new, of the pair nothing, the key, or all is new.
    for (key, certificate, changes) in [(&old, &old, 1), (&new, &old, 1), (&new, &new, 0)] {
        let mut store = new.clone();
        store.index.as_mut().unwrap().pending = vec![base.to_owned()];
        for (end, from) in [("key", key), ("crt", certificate)] {
            let path = format!("{base}.{end}");
            let bytes = from.files[&path].clone();
            store.files.insert(path, bytes);
        }
        let ensured = run(&config, store).unwrap();
        assert_eq!(ensured.changes.len(), changes);
        assert!(ensured.store.index.unwrap().pending.is_empty());
    }
    // What is pending for another node stays so.
    let mut store = new.clone();
    store.index.as_mut().unwrap().pending = vec!["nodes/cp2/apiserver".to_owned()];
    let index = run(&config, store).unwrap().store.index.unwrap();
    assert_eq!(index.pending, ["nodes/cp2/apiserver"]);
    // A CA of which only the key was written.
    let mut store = fresh();
    store.files.retain(|path, _| path == "ca.key");
    assert!(run(&fast(), store.clone()).is_err());
    store.index.as_mut().unwrap().pending = vec!["ca".to_owned()];
    assert_eq!(run(&fast(), store).unwrap().changes.len(), 16);
}

#[test]
fn test_keys_are_byte_stable_for_a_seed_and_marked() {
    for algorithm in [
        KeyAlgorithm::Rsa2048,
        KeyAlgorithm::EcdsaP256,
        KeyAlgorithm::EcdsaP384,
    ] {
        let mut config = config();
        config.key_algorithm = algorithm;
        let plan = |seed: &str, store| {
            ensure(&config, store, now(), &TestPki::new(seed), &|_| {}).unwrap()
        };
        let one = plan("1", StoreContents::default());
        let again = plan("1", StoreContents::default());
        assert_eq!(bytes(&one.material), bytes(&again.material));
        assert_eq!(one.store, again.store);
        assert!(one.material.test_only && one.store.index.as_ref().unwrap().test_only);
        assert_ne!(
            bytes(&one.material),
            bytes(&plan("2", StoreContents::default()).material)
        );
        // Issuing with a CA that was read back is as repeatable.
        let mut store = one.store.clone();
        store.files.retain(|path, _| !path.contains("apiserver"));
        assert_eq!(plan("1", store).store, one.store);
    }
}

#[test]
fn test_keys_and_real_ones_do_not_mix() {
    let test = ensure(
        &fast(),
        StoreContents::default(),
        now(),
        &TestPki::new("1"),
        &|_| {},
    )
    .unwrap();
    let message = error(run(&fast(), test.store));
    assert!(
        message.starts_with(
            "the key store was made with public test keys, this run is made with real keys"
        ),
        "{message}"
    );
    let refused = ensure(&fast(), fresh(), now(), &TestPki::new("1"), &|_| {});
    assert!(matches!(refused, Err(PkiError::TestKeysMix { .. })));
}

#[test]
fn a_failing_source_is_an_error() {
    #[derive(Debug)]
    struct Broken;
    impl KeySource for Broken {
        fn key(&self, _: &KeyRequest<'_>) -> Result<PrivateKey, crate::pki::keys::KeyError> {
            Err(super::keys::KeyError::Crypto("make a private key"))
        }
        fn serial(&self, context: &[u8]) -> Result<u64, crate::pki::keys::KeyError> {
            RandomSource.serial(context)
        }
        fn salt(&self) -> Result<SecretBytes, crate::pki::keys::KeyError> {
            RandomSource.salt()
        }
        fn secret(&self, context: &[u8]) -> Result<SecretBytes, crate::pki::keys::KeyError> {
            RandomSource.secret(context)
        }
        fn test_only(&self) -> bool {
            false
        }
    }
    let refused = ensure(&fast(), StoreContents::default(), now(), &Broken, &|_| {});
    assert!(matches!(refused, Err(PkiError::MakeKey(_))));
}

#[test]
fn debug_shows_no_key_bytes() {
    let ensured = run(&fast(), StoreContents::default()).unwrap();
    let debug = format!("{ensured:?} {ensured:#?}");
    for (path, bytes) in &ensured.store.files {
        if path.ends_with(".key") {
            let pem = std::str::from_utf8(bytes.expose()).unwrap();
            let line = pem.lines().nth(1).unwrap();
            assert!(!debug.contains(line), "{path}");
        }
    }
    assert!(!debug.contains("PRIVATE KEY"));
    let salt = ensured.store.index.unwrap().salt;
    assert!(!debug.contains(salt.expose()));
}

/// `before` after some writes of a save.
fn stopped<'a, 'b: 'a>(
    before: &StoreContents,
    writes: impl IntoIterator<Item = &'a (&'b str, Cow<'b, SecretBytes>)>,
) -> StoreContents {
    let mut store = before.clone();
    for (path, bytes) in writes {
        if *path == INDEX_FILE {
            store.index = Some(StoreIndex::from_json(bytes.expose()).unwrap());
        } else {
            store
                .files
                .insert((*path).to_owned(), bytes.as_ref().clone());
        }
    }
    store
}

/// The store as a crash may leave it: whole batches, and of the next one nothing, all, or any one file more or less.
fn crashes(before: &StoreContents, batches: &[Batch<'_>]) -> Vec<StoreContents> {
    let mut found = Vec::new();
    for (at, batch) in batches.iter().enumerate() {
        let whole = stopped(before, batches[..at].iter().flatten());
        found.push(whole.clone());
        for position in 0..batch.len() {
            found.push(stopped(&whole, &batch[position..=position]));
            let others = batch[..position].iter().chain(&batch[position + 1..]);
            found.push(stopped(&whole, others));
        }
    }
    found.push(stopped(before, batches.iter().flatten()));
    found
}

#[test]
fn a_save_stopped_anywhere_is_completed_by_the_next_run() {
    let first = fresh();
    let mut changed = fast();
    changed.certificate_validity = DAY * 100;
    let mut removed = first.clone();
    removed
        .files
        .retain(|path, _| !path.starts_with("etcd/ca."));
    let (nothing, unchanged) = (StoreContents::default(), fast());
    for (before, config) in [
        (&nothing, &unchanged),
        (&first, &changed),
        (&removed, &unchanged),
    ] {
        let after = run(config, before.clone()).unwrap().store;
        let batches: Vec<_> = save_batches(before, &after)
            .collect::<Result<_, _>>()
            .unwrap();
        assert_eq!(batches.len(), 4);
        let crashes = crashes(before, &batches);
        assert!(crashes.len() > 20);
        for store in &crashes {
            let repaired = run(config, store.clone()).unwrap();
            assert!(
                repaired
                    .material
                    .certificates
                    .values()
                    .all(|c| !c.row.user_supplied)
            );
            assert!(repaired.store.index.as_ref().unwrap().pending.is_empty());
            // What was whole and shared before is the same afterwards.
            for path in ["ca.key", "ca.crt", "sa.key"] {
                if let Some(bytes) = before.files.get(path) {
                    assert_eq!(&repaired.store.files[path], bytes, "{path}");
                }
            }
            assert_eq!(run(config, repaired.store).unwrap().changes, []);
        }
        let last = crashes.last().unwrap();
        assert_eq!(last, &after);
        assert_eq!(save_batches(last, &after).count(), 0);
    }
}
