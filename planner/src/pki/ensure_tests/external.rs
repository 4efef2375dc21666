//! CAs whose keys are kept elsewhere: what has to be there, and how it is asked for.

use kubeplan_bundle::secret::SecretBytes;

use crate::config::ValidConfig;
use crate::config::kubeadm::Arg;
use crate::pki::certificate::Certificate;
use crate::pki::issue::{Stamp, issue_authority, issue_leaf};
use crate::pki::key_source::RandomSource;
use crate::pki::keys::PrivateKey;
use crate::pki::profile::{CertificateProfile, ExtendedKeyUsage};
use crate::pki::requests::{Requests, requests};
use crate::pki::store::StoreContents;
use crate::pki::test_pki::TestPki;
use crate::pki::testing::now;
use crate::pki::{KeyAlgorithm, PkiError, profiles};

use super::{DAY, Timestamp, error, fast, find, fresh, lines, made, run, run_at};

const AUTHORITIES: [&str; 3] = ["ca", "etcd/ca", "front-proxy-ca"];

fn put(store: &mut StoreContents, path: &str, text: impl Into<Vec<u8>>) {
    let bytes = SecretBytes::new(text.into());
    store.files.insert(path.to_owned(), bytes);
}

/// A whole store without the keys of `authorities`, and those keys.
fn without_keys(authorities: &[&str]) -> (StoreContents, Vec<PrivateKey>) {
    let mut store = fresh();
    let keys = authorities
        .iter()
        .map(|base| {
            let key = store.files.remove(&format!("{base}.key")).unwrap();
            PrivateKey::from_pem(key.expose()).unwrap()
        })
        .collect();
    (store, keys)
}

fn ask(config: &ValidConfig, store: StoreContents) -> Requests {
    requests(config, store, now(), &RandomSource, &|_| {}).unwrap()
}

fn names(requests: &Requests) -> Vec<&str> {
    requests.requests.iter().map(|r| r.name.as_str()).collect()
}

fn stamp(not_after: Timestamp) -> Stamp {
    Stamp {
        serial: 7,
        not_before: now().saturating_sub(DAY),
        not_after,
    }
}

/// Has `ca_key` sign the `name` certificate for the key in `store`, its profile changed by `change`.
fn sign(
    store: &mut StoreContents,
    name: &str,
    ca_key: &PrivateKey,
    change: impl FnOnce(&mut CertificateProfile),
) {
    let mut profile = find(&fast(), name);
    let ca = format!("{}.crt", profile.signer_base_name);
    let ca = Certificate::from_pem(store.files[&ca].expose()).unwrap();
    let base = format!("nodes/cp1/{}", profile.base_name);
    let key = PrivateKey::from_pem(store.files[&format!("{base}.key")].expose()).unwrap();
    change(&mut profile);
    let end = now().saturating_add(DAY * 300);
    let certificate = issue_leaf(&profile, &key, &ca, ca_key, stamp(end)).unwrap();
    put(store, &format!("{base}.crt"), certificate.pem());
}

#[test]
fn a_ca_without_key_is_used_while_everything_below_it_fits() {
    for authorities in [&AUTHORITIES[..], &["ca"], &["etcd/ca"], &["front-proxy-ca"]] {
        let (store, _) = without_keys(authorities);
        let ensured = run(&fast(), store.clone()).unwrap();
        assert_eq!(ensured.changes, []);
        assert_eq!(ensured.store.files, store.files);
        let mut external = ensured.external_authorities.clone();
        external.sort_by_key(|name| name.replace("etcd-", "etcd/"));
        let mut expected = authorities.to_vec();
        expected.sort_unstable();
        assert_eq!(
            external,
            expected
                .iter()
                .map(|b| b.replace('/', "-"))
                .collect::<Vec<_>>()
        );
        // The planner's own leaves are not judged by what they were issued for, but by what is needed now.
        let mut config = fast();
        config.certificate_validity = DAY * 30;
        let changed = run(&config, store).unwrap();
        let reissued = made(&changed);
        for profile in profiles(&config).iter().filter(|p| !p.is_authority()) {
            let path = format!("nodes/cp1/{}.crt", profile.base_name);
            let external = authorities.contains(&profile.signer_base_name);
            assert_eq!(reissued.contains(&path.as_str()), !external, "{path}");
        }
    }
}

#[test]
fn everything_that_is_missing_is_named_at_once() {
    let (mut store, _) = without_keys(&AUTHORITIES);
    for path in [
        "nodes/cp1/apiserver.crt",
        "nodes/cp1/apiserver.key",
        "nodes/cp1/etcd/peer.key",
        "nodes/cp1/scheduler.conf.crt",
    ] {
        store.files.remove(path).unwrap();
    }
    let refused = run(&fast(), store).unwrap_err();
    assert!(refused.awaits_external_ca());
    let message = lines(&refused);
    let lines: Vec<&str> = message.lines().collect();
    assert_eq!(lines.len(), 4, "{message}");
    assert_eq!(lines[0], "3 errors in the key store");
    assert_eq!(
        lines[1],
        "  - `nodes/cp1/apiserver.crt` has to come from the external CA `ca.crt`, whose key is not in the key store: \
         certificate is `missing`, expected `CN = kube-apiserver, serverAuth, DNS:cp1, DNS:kubernetes, DNS:kubernetes.default, \
         DNS:kubernetes.default.svc, DNS:kubernetes.default.svc.cluster.local, IP:10.96.0.1, IP:192.168.10.11`"
    );
    assert!(
        lines[2].starts_with(
            "  - `nodes/cp1/etcd/peer.key` has to come from the external CA `etcd/ca.crt`"
        ) && lines[2]
            .ends_with("private key is `missing`, expected `the key of nodes/cp1/etcd/peer.crt`")
    );
    assert!(
        lines[3].contains("`nodes/cp1/scheduler.conf.crt`")
            && lines[3].contains("certificate is `missing beside its key`")
    );
}

#[test]
fn a_certificate_that_does_not_fit_is_named_with_field_found_and_expected() {
    type Change = fn(&mut CertificateProfile);
    let cases: [(&str, Change, &str); 7] = [
        (
            "apiserver",
            |p| p.dns_sans.retain(|n| n != "cp1"),
            "subjectAltName is `DNS:kubernetes, ",
        ),
        (
            "apiserver",
            |p| p.usages = &[ExtendedKeyUsage::ClientAuth],
            "extendedKeyUsage is `clientAuth`, expected `serverAuth`",
        ),
        (
            "kubelet.conf",
            |p| p.common_name = "system:node:other".into(),
            "subject is `O = system:nodes, CN = system:node:other`, expected `O = system:nodes, CN = system:node:cp1`",
        ),
        (
            "scheduler.conf",
            |p| p.common_name = "scheduler".into(),
            "subject is `CN = scheduler`, expected `CN = system:kube-scheduler`",
        ),
        (
            "admin.conf",
            |p| p.organization = None,
            "subject is `CN = kubernetes-admin`, expected `O = kubeadm:cluster-admins`",
        ),
        (
            "apiserver-kubelet-client",
            |p| p.common_name = "x".into(),
            "subject is `CN = x`",
        ),
        (
            "front-proxy-client",
            |p| p.common_name = "x".into(),
            "subject is `CN = x`, expected `CN = front-proxy-client`",
        ),
    ];
    for (name, change, expected) in cases {
        let (mut store, keys) = without_keys(&AUTHORITIES);
        let ca_key = if name == "front-proxy-client" {
            &keys[2]
        } else {
            &keys[0]
        };
        sign(&mut store, name, ca_key, |_| {});
        assert_eq!(run(&fast(), store.clone()).unwrap().changes, []);
        sign(&mut store, name, ca_key, change);
        let message = error(run(&fast(), store));
        assert!(
            message.starts_with(&format!(
                "`nodes/cp1/{name}.crt` has to come from the external CA"
            )) && message.contains(expected),
            "{message}"
        );
    }
}

#[test]
fn subjects_are_free_where_nothing_goes_by_them() {
    let (mut store, keys) = without_keys(&AUTHORITIES);
    for (name, ca_key) in [
        ("apiserver", 0),
        ("etcd-server", 1),
        ("etcd-peer", 1),
        ("apiserver-etcd-client", 1),
    ] {
        sign(&mut store, name, &keys[ca_key], |p| {
            p.common_name = "whatever".into();
            p.organization = Some("Example".into());
        });
    }
    // Kubernetes goes by the group; older kubeadms gave this one.
    for name in ["admin.conf", "apiserver-kubelet-client"] {
        sign(&mut store, name, &keys[0], |p| {
            p.common_name = "whatever".into();
            p.organization = Some("system:masters".into());
        });
    }
    sign(&mut store, "front-proxy-client", &keys[2], |p| {
        p.common_name = "aggregator".into()
    });
    let mut config = fast();
    config.cluster.api_server.extra_args.push(Arg {
        name: "requestheader-allowed-names".into(),
        value: "aggregator".into(),
    });
    assert_eq!(run(&config, store.clone()).unwrap().changes, []);
    assert!(error(run(&fast(), store)).contains("subject is `CN = aggregator`"));
}

#[test]
fn a_wrong_ca_another_key_and_a_past_certificate_are_named() {
    // Signed by another CA of the same name.
    let (mut store, _) = without_keys(&AUTHORITIES);
    let other = fresh();
    for end in ["crt", "key"] {
        let path = format!("nodes/cp1/etcd/server.{end}");
        store.files.insert(path.clone(), other.files[&path].clone());
    }
    let message = error(run(&fast(), store));
    assert!(
        message.contains(
            "signer is `CN = etcd-ca`, expected `a signature by the CA `etcd-ca` (CN = etcd-ca)`"
        ),
        "{message}"
    );

    // For another key.
    let (mut store, _) = without_keys(&AUTHORITIES);
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    put(&mut store, "nodes/cp1/apiserver.key", key.pem().expose());
    let message = error(run(&fast(), store));
    assert!(
        message.starts_with("`nodes/cp1/apiserver.crt` has to come from")
            && message.contains("public key is `SHA256:")
            && message.ends_with("(nodes/cp1/apiserver.key)`"),
        "{message}"
    );

    // Past its end: all of them at once, and no CA.
    let (store, _) = without_keys(&AUTHORITIES);
    let later = now().saturating_add(DAY * 400);
    let refused = run_at(&fast(), store, later).unwrap_err();
    let PkiError::Several { all, .. } = &refused else {
        panic!("{refused}");
    };
    assert_eq!(all.len(), 12);
    assert!(all.iter().all(|error| {
        error.to_string().contains(
            "notAfter is `2027-11-20T10:23:25Z`, expected `2027-12-25T10:23:25Z or later`",
        )
    }));
}

#[test]
fn an_external_ca_has_to_be_a_ca_and_valid() {
    let (mut store, _) = without_keys(&AUTHORITIES);
    let leaf = store.files["nodes/cp1/apiserver.crt"].clone();
    store.files.insert("ca.crt".into(), leaf);
    assert!(error(run(&fast(), store)).starts_with(
        "`ca.crt` was supplied by the user and does not fit the configuration: basicConstraints is `CA:FALSE`, expected `CA:TRUE`"
    ));
    let (store, _) = without_keys(&AUTHORITIES);
    let refused = run_at(&fast(), store, now().saturating_add(DAY * 4000)).unwrap_err();
    let PkiError::Several { all, .. } = refused else {
        panic!("one finding");
    };
    assert!(all.len() == 3 && all.iter().all(|e| matches!(e, PkiError::CaNotValid { .. })));
}

/// A root, an intermediate below it with a path length, and their keys.
fn hierarchy() -> [(Certificate, PrivateKey); 2] {
    let mut profile = find(&fast(), "ca");
    profile.common_name = "corporate-root".into();
    let end = now().saturating_add(DAY * 3000);
    let root_key = PrivateKey::generate(KeyAlgorithm::EcdsaP384).unwrap();
    let root = issue_authority(&profile, &root_key, stamp(end)).unwrap();
    profile.common_name = "corporate-kubernetes".into();
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let intermediate = issue_leaf(&profile, &key, &root, &root_key, stamp(end)).unwrap();
    [(root, root_key), (intermediate, key)]
}

#[test]
fn the_first_certificate_of_a_bundle_is_the_ca() {
    let [(root, _), (intermediate, key)] = hierarchy();
    let sign_all = |store: &mut StoreContents, first: &Certificate, chain: &str| {
        put(store, "ca.crt", intermediate.pem());
        for profile in profiles(&fast())
            .iter()
            .filter(|p| p.signer == "ca" && !p.is_authority())
        {
            sign(store, profile.name, &key, |_| {});
            let path = format!("nodes/cp1/{}.crt", profile.base_name);
            let leaf = store.files[&path].expose().to_vec();
            put(store, &path, [leaf.as_slice(), chain.as_bytes()].concat());
        }
        let other = if first == &root { &intermediate } else { &root };
        put(store, "ca.crt", first.pem() + &other.pem());
    };
    // The issuing CA first: leaves need no chain.
    let (mut store, _) = without_keys(&["ca"]);
    store.index.as_mut().unwrap().certificates.remove("ca");
    let base = store;
    let mut store = base.clone();
    sign_all(&mut store, &intermediate, "");
    let ensured = run(&fast(), store).unwrap();
    let ca = &ensured.material.certificates["ca"];
    assert_eq!(ca.certificate_pem.matches("BEGIN").count(), 2);
    assert_eq!(ca.row.subject, "CN = corporate-kubernetes");
    // The root first: leaves bring the issuing CA with them.
    let mut store = base.clone();
    sign_all(&mut store, &root, "");
    let message = error(run(&fast(), store));
    assert!(
        message.starts_with("7 errors in the key store")
            && message.contains("signer is `CN = corporate-kubernetes`, expected `a signature by the CA `ca` (CN = corporate-root, the first in its file)`"),
        "{message}"
    );
    let mut store = base;
    sign_all(&mut store, &root, &intermediate.pem());
    let ensured = run(&fast(), store.clone()).unwrap();
    let client = &ensured.material.certificates["admin.conf"];
    assert_eq!(client.certificate_pem.matches("BEGIN").count(), 2);
    // An intermediate whose time is over carries nothing.
    let late = now().saturating_add(DAY * 200);
    assert!(run_at(&fast(), store, late).is_ok());
}

#[test]
fn an_intermediate_past_its_end_is_named() {
    let (mut store, keys) = without_keys(&["ca"]);
    let ca = Certificate::from_pem(store.files["ca.crt"].expose()).unwrap();
    let mut profile = find(&fast(), "ca");
    profile.common_name = "short".into();
    let middle_key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let end = now().saturating_add(DAY * 10);
    let middle = issue_leaf(&profile, &middle_key, &ca, &keys[0], stamp(end)).unwrap();
    let key = PrivateKey::from_pem(store.files["nodes/cp1/apiserver.key"].expose()).unwrap();
    let leaf_end = now().saturating_add(DAY * 300);
    let leaf = issue_leaf(
        &find(&fast(), "apiserver"),
        &key,
        &middle,
        &middle_key,
        stamp(leaf_end),
    )
    .unwrap();
    put(
        &mut store,
        "nodes/cp1/apiserver.crt",
        leaf.pem() + &middle.pem(),
    );
    assert!(run(&fast(), store.clone()).is_ok());
    let message = error(run_at(&fast(), store, now().saturating_add(DAY * 20)));
    assert!(
        message.contains("validity of an intermediate is `2026-11-19T10:23:25Z to 2026-11-30T10:23:25Z (CN = short)`, expected `2026-12-10T10:23:25Z among them`"),
        "{message}"
    );
}

#[test]
fn uploading_certificates_needs_the_keys_of_the_cas() {
    let mut config = fast();
    config.upload_certs = true;
    for (base, refused) in [("ca", true), ("front-proxy-ca", true), ("etcd/ca", false)] {
        let (store, _) = without_keys(&[base]);
        let result = run(&config, store);
        assert_eq!(result.is_err(), refused, "{base}");
        if refused {
            let message = error(result);
            assert!(
                message.contains(&format!("the key of `{base}.crt` is not in the key store")),
                "{message}"
            );
        }
    }
}

#[test]
fn an_empty_store_asks_for_everything_kubeadm_asks_for() {
    let asked = ask(&fast(), StoreContents::default());
    assert_eq!(
        names(&asked),
        [
            "apiserver",
            "apiserver-kubelet-client",
            "admin.conf",
            "super-admin.conf",
            "kubelet.conf",
            "controller-manager.conf",
            "scheduler.conf",
            "front-proxy-client",
            "etcd-server",
            "etcd-peer",
            "etcd-healthcheck-client",
            "apiserver-etcd-client",
        ]
    );
    assert_eq!(
        asked.missing_authorities,
        ["ca.crt", "front-proxy-ca.crt", "etcd/ca.crt"]
    );
    assert_eq!(asked.store.files.len(), 12);
    assert!(asked.store.files.keys().all(|path| path.ends_with(".key")));
    assert_eq!(asked.requests[0].request, "nodes/cp1/apiserver.csr");
    assert_eq!(asked.requests[2].request, "nodes/cp1/admin.conf.csr");
    assert_eq!(asked.requests[8].request, "nodes/cp1/etcd/server.csr");
    // Nothing is made twice.
    let again = ask(&fast(), asked.store.clone());
    assert_eq!(again.store, asked.store);
    for (first, second) in asked.requests.iter().zip(&again.requests) {
        assert!(first.key_made && !second.key_made);
        assert!(second.is_same(first.pem.as_bytes()));
    }
    assert!(!again.requests[0].is_same(again.requests[1].pem.as_bytes()));
    assert!(!again.requests[0].is_same(b"nonsense"));
    // Without the CAs nothing is planned, and no key is taken for a new pair.
    assert!(error(run(&fast(), asked.store)).starts_with("12 errors in the key store"));
}

#[test]
fn only_what_an_external_ca_has_to_sign_is_asked_for() {
    let (mut store, _) = without_keys(&["etcd/ca"]);
    assert_eq!(names(&ask(&fast(), store.clone())), Vec::<&str>::new());
    // Signed here, whatever is missing.
    store.files.remove("nodes/cp1/apiserver.crt");
    store.files.remove("nodes/cp1/apiserver.key");
    store.files.remove("nodes/cp1/etcd/server.crt");
    store.files.remove("nodes/cp1/etcd/peer.key");
    let asked = ask(&fast(), store.clone());
    assert_eq!(names(&asked), ["etcd-server", "etcd-peer"]);
    assert_eq!(asked.missing_authorities, Vec::<String>::new());
    let made: Vec<_> = asked
        .requests
        .iter()
        .map(|r| (r.key_made, r.why.as_str()))
        .collect();
    assert_eq!(
        made,
        [
            (false, "it is not in the key store"),
            (true, "its private key is not in the key store")
        ]
    );
    // The planner's own certificate of the lost key is no longer the key's.
    let message = error(run(&fast(), asked.store));
    assert!(
        message.contains("`nodes/cp1/etcd/peer.crt` has to come from"),
        "{message}"
    );
}

#[test]
fn what_ends_soon_or_no_longer_fits_is_asked_for_again() {
    let (store, _) = without_keys(&["ca"]);
    let late = now().saturating_add(DAY * 340);
    let asked = requests(&fast(), store.clone(), late, &RandomSource, &|_| {}).unwrap();
    assert_eq!(asked.requests.len(), 7);
    let message = error(run_at(&fast(), store.clone(), late));
    assert!(
        message.starts_with("7 errors in the key store")
            && message.contains(
                "expected `2027-11-25T10:23:25Z or later (Cluster.credentials.minRemaining)`"
            ),
        "{message}"
    );
    assert!(asked.requests.iter().all(|r| r.why.starts_with(
        "notAfter is `2027-11-20T10:23:25Z`, expected `2027-11-25T10:23:25Z or later ("
    ) && !r.key_made));
    let mut config = fast();
    config
        .cluster
        .api_server
        .cert_sans
        .push("api.example.com".into());
    let asked = ask(&config, store);
    assert_eq!(names(&asked), ["apiserver"]);
    assert!(
        asked.requests[0]
            .why
            .contains("expected `DNS:api.example.com among them`")
    );
    assert!(
        asked.requests[0]
            .sans
            .contains(&"DNS:api.example.com".to_owned())
    );
}

#[test]
fn requests_are_signed_brought_back_and_used() {
    let [_, (ca, ca_key)] = hierarchy();
    let mut store = StoreContents::default();
    for base in AUTHORITIES {
        put(&mut store, &format!("{base}.crt"), ca.pem());
    }
    let asked = ask(&fast(), store);
    let mut store = asked.store;
    for request in &asked.requests {
        sign(&mut store, &request.name, &ca_key, |_| {});
    }
    let ensured = run(&fast(), store.clone()).unwrap();
    assert_eq!(made(&ensured), ["sa.key"]);
    let rows = ensured.material.certificates.values().map(|c| &c.row);
    assert!(rows.clone().count() == 15 && rows.clone().all(|row| row.user_supplied));
    assert_eq!(ensured.external_authorities.len(), 3);
    assert!(!ensured.store.files.contains_key("ca.key"));
    assert_eq!(names(&ask(&fast(), store)), Vec::<&str>::new());
}

#[test]
fn real_requests_are_not_made_in_a_store_of_public_keys() {
    let source = TestPki::new("seed");
    let store = crate::pki::ensure(&fast(), StoreContents::default(), now(), &source, &|_| {})
        .unwrap()
        .store;
    let refused = requests(&fast(), store, now(), &RandomSource, &|_| {}).unwrap_err();
    assert!(matches!(refused, PkiError::TestKeysMix { .. }));
}
