//! CAs of the user that exclude what they would have to sign: with and without their keys.

use kubeplan_bundle::secret::SecretBytes;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints,
};

use crate::pki::PkiError;
use crate::pki::key_source::RandomSource;
use crate::pki::keys::PrivateKey;
use crate::pki::requests::requests;
use crate::pki::store::StoreContents;
use crate::pki::testing::now;

use super::{error, fast, find, lines, run};

fn put(store: &mut StoreContents, path: &str, text: String) {
    let bytes = SecretBytes::new(text.into_bytes());
    store.files.insert(path.to_owned(), bytes);
}

/// Parameters of a CA that is valid for a year.
fn ca(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.not_before = rcgen::date_time_ymd(2026, 1, 1);
    params.not_after = rcgen::date_time_ymd(2036, 1, 1);
    params
}

fn names(permitted: &[&str], excluded: &[&str]) -> NameConstraints {
    let subtrees = |names: &[&str]| {
        names
            .iter()
            .map(|name| match name.parse::<ipnet::IpNet>() {
                Ok(net) => GeneralSubtree::IpAddress(rcgen::CidrSubnet::from_addr_prefix(
                    net.addr(),
                    net.prefix_len(),
                )),
                Err(_) => GeneralSubtree::DnsName((*name).to_owned()),
            })
            .collect()
    };
    NameConstraints {
        permitted_subtrees: subtrees(permitted),
        excluded_subtrees: subtrees(excluded),
    }
}

type Change = fn(&mut CertificateParams);

/// A change of the CA's certificate, and parts of what is said; nothing if the CA can be used.
const CASES: &[(&str, Change, &[&str])] = &[
    ("ca", |_| {}, &[]),
    (
        "ca",
        |ca| {
            let local = ["cluster.local", "kubernetes", "cp1", "default", "svc"];
            ca.name_constraints = Some(names(
                &[&local[..], &["0.0.0.0/0"]].concat(),
                &["example.com"],
            ));
        },
        &[],
    ),
    (
        "ca",
        |ca| ca.name_constraints = Some(names(&["corp.example.com"], &[])),
        &[
            "the CA `ca.crt` (CN = Root) has nameConstraints `permitted DNS:corp.example.com`, which excludes what the cluster needs: ",
            "`nodes/cp1/apiserver.crt` needs DNS:cp1, DNS:kubernetes",
        ],
    ),
    (
        "ca",
        |ca| ca.name_constraints = Some(names(&[], &["10.0.0.0/8"])),
        &[
            "nameConstraints `excluded IP:10.0.0.0/8`",
            "needs IP:10.96.0.1",
        ],
    ),
    (
        "etcd/ca",
        |ca| ca.name_constraints = Some(names(&["192.168.0.0/16"], &[])),
        &[
            "the CA `etcd/ca.crt`",
            "`nodes/cp1/etcd/server.crt` needs IP:127.0.0.1",
            "`nodes/cp1/etcd/peer.crt` needs IP:127.0.0.1",
        ],
    ),
    // Names do not occur below it.
    (
        "front-proxy-ca",
        |ca| ca.name_constraints = Some(names(&["example.com"], &[])),
        &[],
    ),
    (
        "ca",
        |ca| ca.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth],
        &[
            "has extendedKeyUsage `serverAuth`",
            "`nodes/cp1/apiserver-kubelet-client.crt` needs clientAuth",
            "`nodes/cp1/kubelet.conf.crt` needs clientAuth",
        ],
    ),
    (
        "ca",
        |ca| ca.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth],
        &["`nodes/cp1/apiserver.crt` needs serverAuth"],
    ),
    (
        "ca",
        |ca| {
            use ExtendedKeyUsagePurpose::{ClientAuth, ServerAuth};
            ca.extended_key_usages = vec![ServerAuth, ClientAuth];
        },
        &[],
    ),
    (
        "ca",
        |ca| ca.extended_key_usages = vec![ExtendedKeyUsagePurpose::Any],
        &[],
    ),
    (
        "front-proxy-ca",
        |ca| ca.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning],
        &["`nodes/cp1/front-proxy-client.crt` needs clientAuth"],
    ),
    (
        "ca",
        |ca| {
            let mut extension = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
            extension.set_criticality(true);
            ca.custom_extensions.push(extension);
        },
        &[
            "the CA `ca.crt` (CN = Root) has critical extensions that Go does not know: 1.2.3.4; every Kubernetes component would refuse every certificate below this CA, so use a CA certificate without them",
        ],
    ),
    (
        "ca",
        |ca| ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0)),
        &[],
    ),
    (
        "ca",
        |ca| ca.key_usages = vec![KeyUsagePurpose::DigitalSignature],
        &["keyUsage is `no keyCertSign`"],
    ),
    (
        "ca",
        |ca| ca.not_after = rcgen::date_time_ymd(2026, 2, 1),
        &["but the plan's clock says"],
    ),
];

#[test]
fn a_users_ca_must_allow_what_it_signs() {
    for (base, change, parts) in CASES {
        let mut params = ca("Root");
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let root = params.self_signed(&key).unwrap();
        let mut store = StoreContents::default();
        put(&mut store, &format!("{base}.crt"), root.pem());
        // A CA without its key is external: what it excludes is said beside what it has to sign.
        let external = run(&fast(), store.clone()).unwrap_err();
        put(&mut store, &format!("{base}.key"), key.serialize_pem());
        let own = run(&fast(), store.clone());
        if parts.is_empty() {
            own.unwrap();
            assert!(
                !lines(&external).contains("which excludes"),
                "{}",
                lines(&external)
            );
            continue;
        }
        assert!(own.is_err(), "{base}: {parts:?}");
        let (own, external) = (error(own), lines(&external));
        for part in *parts {
            assert!(own.contains(part), "{part}: {own}");
            assert!(external.contains(part), "{part}: {external}");
        }
    }
}

#[test]
fn nothing_is_requested_from_a_ca_that_excludes_it() {
    let mut params = ca("Root");
    params.name_constraints = Some(names(&["corp.example.com"], &[]));
    let key = KeyPair::generate().unwrap();
    let mut store = StoreContents::default();
    put(
        &mut store,
        "ca.crt",
        params.self_signed(&key).unwrap().pem(),
    );
    let refused = requests(&fast(), store, now(), &RandomSource, &|_| {}).unwrap_err();
    assert!(matches!(refused, PkiError::Restricted { .. }), "{refused}");
    // Another CA does not help by signing the same requests.
    assert!(!refused.awaits_external_ca());
}

/// A store with an external cluster CA, and a certificate of the API server below an intermediate.
fn below_intermediate(root: Change, middle: Change, leaf: Change) -> String {
    let mut store = super::fresh();
    let mut root_params = ca("Root");
    root(&mut root_params);
    let (root_key, middle_key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let root = root_params.self_signed(&root_key).unwrap();
    let root_issuer = Issuer::new(root_params, root_key);
    let mut middle_params = ca("Middle");
    middle(&mut middle_params);
    let middle = middle_params.signed_by(&middle_key, &root_issuer).unwrap();
    let middle_issuer = Issuer::new(middle_params, middle_key);
    let profile = find(&fast(), "apiserver");
    let names = profile.dns_sans.iter().cloned();
    let addresses = profile.ip_sans.iter().map(ToString::to_string);
    let sans: Vec<String> = names.chain(addresses).collect();
    let mut params = CertificateParams::new(sans).unwrap();
    params.not_before = rcgen::date_time_ymd(2026, 1, 1);
    params.not_after = rcgen::date_time_ymd(2035, 1, 1);
    leaf(&mut params);
    let leaf_key = KeyPair::generate().unwrap();
    let leaf = params.signed_by(&leaf_key, &middle_issuer).unwrap();
    store.files.remove("ca.key");
    put(&mut store, "ca.crt", root.pem());
    put(
        &mut store,
        "nodes/cp1/apiserver.crt",
        leaf.pem() + &middle.pem(),
    );
    let key = PrivateKey::from_pem(leaf_key.serialize_pem().as_bytes()).unwrap();
    store
        .files
        .insert("nodes/cp1/apiserver.key".to_owned(), key.pem());
    let said = lines(&run(&fast(), store).unwrap_err());
    // The other certificates are of another CA.
    let about = |line: &&str| line.contains("`nodes/cp1/apiserver.crt`");
    said.lines().filter(about).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_ca_of_a_chain_must_allow_the_certificate() {
    let cases: &[(Change, Change, Change, &str)] = &[
        (|_| {}, |_| {}, |_| {}, ""),
        (
            |_| {},
            |middle| middle.name_constraints = Some(names(&["corp.example.com"], &[])),
            |_| {},
            "expected `what CN = Middle allows: its nameConstraints are permitted DNS:corp.example.com`",
        ),
        (
            |_| {},
            |middle| middle.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth],
            |_| {},
            "extendedKeyUsage is `serverAuth`, expected `what CN = Middle allows",
        ),
        (
            |root| root.name_constraints = Some(names(&[], &["more.example.com"])),
            |_| {},
            |leaf| {
                let more = "more.example.com".try_into().unwrap();
                leaf.subject_alt_names.push(rcgen::SanType::DnsName(more));
            },
            "nameConstraints is `DNS:more.example.com`, expected `what CN = Root allows",
        ),
        (
            |root| root.is_ca = IsCa::Ca(BasicConstraints::Constrained(0)),
            |_| {},
            |_| {},
            "pathLenConstraint is `1 intermediates`, expected `at most 0 below CN = Root`",
        ),
        (
            |_| {},
            |_| {},
            |leaf| {
                let mut extension = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
                extension.set_criticality(true);
                leaf.custom_extensions.push(extension);
            },
            "critical extensions is `1.2.3.4 (CN = rcgen self signed cert)`, expected `none that Go does not know`",
        ),
        (
            |_| {},
            |middle| {
                let mut extension = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
                extension.set_criticality(true);
                middle.custom_extensions.push(extension);
            },
            |_| {},
            "critical extensions is `1.2.3.4 (CN = Middle)`, expected `none that Go does not know`",
        ),
    ];
    for (root, middle, leaf, expected) in cases {
        let said = below_intermediate(*root, *middle, *leaf);
        if expected.is_empty() {
            assert_eq!(said, "");
        } else {
            assert!(said.contains(expected), "{expected}: {said}");
        }
    }
}
