//! Rows against what kubeadm v1.36.2 issues.

use super::*;
use crate::pki::profile::{profile_text, san_texts};
use crate::pki::testing::config;

fn sans(config: &ValidConfig, name: &str) -> Vec<String> {
    let profiles = profiles(config);
    let profile = profiles.iter().find(|p| p.name == name).unwrap();
    san_texts(&profile.dns_sans, &profile.ip_sans)
}

/// Name, subject, usages, signer, SANs, as printed by kubeadm v1.36.2 for node `cp1` at 192.168.10.11.
const REFERENCE: &[(&str, &str, &str, &str, &str)] = &[
    ("ca", "CN = kubernetes", "", "ca", "DNS:kubernetes"),
    (
        "apiserver",
        "CN = kube-apiserver",
        "serverAuth",
        "ca",
        "DNS:cp1, DNS:kubernetes, DNS:kubernetes.default, DNS:kubernetes.default.svc, \
         DNS:kubernetes.default.svc.cluster.local, IP:10.96.0.1, IP:192.168.10.11",
    ),
    (
        "apiserver-kubelet-client",
        "CN = kube-apiserver-kubelet-client",
        "clientAuth",
        "ca",
        "",
    ),
    (
        "front-proxy-ca",
        "CN = front-proxy-ca",
        "",
        "front-proxy-ca",
        "DNS:front-proxy-ca",
    ),
    (
        "front-proxy-client",
        "CN = front-proxy-client",
        "clientAuth",
        "front-proxy-ca",
        "",
    ),
    ("etcd-ca", "CN = etcd-ca", "", "etcd-ca", "DNS:etcd-ca"),
    (
        "etcd-server",
        "CN = cp1",
        "serverAuth, clientAuth",
        "etcd-ca",
        "DNS:cp1, DNS:localhost, IP:192.168.10.11, IP:127.0.0.1, IP:::1",
    ),
    (
        "etcd-peer",
        "CN = cp1",
        "serverAuth, clientAuth",
        "etcd-ca",
        "DNS:cp1, DNS:localhost, IP:192.168.10.11, IP:127.0.0.1, IP:::1",
    ),
    (
        "etcd-healthcheck-client",
        "CN = kube-etcd-healthcheck-client",
        "clientAuth",
        "etcd-ca",
        "",
    ),
    (
        "apiserver-etcd-client",
        "CN = kube-apiserver-etcd-client",
        "clientAuth",
        "etcd-ca",
        "",
    ),
    (
        "admin.conf",
        "O = kubeadm:cluster-admins, CN = kubernetes-admin",
        "clientAuth",
        "ca",
        "",
    ),
    (
        "super-admin.conf",
        "O = system:masters, CN = kubernetes-super-admin",
        "clientAuth",
        "ca",
        "",
    ),
    (
        "kubelet.conf",
        "O = system:nodes, CN = system:node:cp1",
        "clientAuth",
        "ca",
        "",
    ),
    (
        "controller-manager.conf",
        "CN = system:kube-controller-manager",
        "clientAuth",
        "ca",
        "",
    ),
    (
        "scheduler.conf",
        "CN = system:kube-scheduler",
        "clientAuth",
        "ca",
        "",
    ),
];

#[test]
fn every_profile_is_kubeadms() {
    let profiles = profiles(&config());
    assert_eq!(profiles.len(), REFERENCE.len());
    for (profile, reference) in profiles.iter().zip(REFERENCE) {
        let record = profile.record();
        assert_eq!(
            (
                profile.name,
                record.subject.as_str(),
                record.usages.join(", ").as_str(),
                profile.signer,
                record.sans.join(", ").as_str(),
            ),
            *reference
        );
        let hours = if profile.is_authority() { 87600 } else { 8760 };
        assert_eq!(record.lifetime_seconds, hours * 3600, "{}", profile.name);
    }
}

#[test]
fn the_name_list_is_the_rows_and_sa_before_the_kubeconfigs() {
    let names: Vec<_> = ROWS.iter().map(|row| row.name).collect();
    let listed: Vec<_> = NAMES.into_iter().filter(|name| *name != "sa").collect();
    assert_eq!(names, listed);
    assert_eq!(NAMES[10], "sa");
    for (position, row) in ROWS.iter().enumerate() {
        let signer = ROWS.iter().position(|r| r.name == row.signer).unwrap();
        assert!(signer <= position, "{} before its CA", row.name);
    }
}

#[test]
fn endpoint_and_configured_names_are_merged_sorted_and_unique() {
    let mut config = config();
    config.control_plane_endpoint = Some(crate::config::valid::Endpoint {
        host: EndpointHost::Name("k8s-api.example.com".into()),
        port: 6443,
    });
    config.service_cidrs = vec![
        "172.16.0.0/20".parse().unwrap(),
        "fd00:1::/112".parse().unwrap(),
    ];
    config.cluster.api_server.cert_sans = [
        "10.10.10.10",
        "api.internal.example.com",
        "*.k8s.example.com",
        "fd00::10",
        "010.010.10.10",
        "::ffff:192.168.10.11",
        "cp1",
        "not a name",
    ]
    .map(str::to_owned)
    .to_vec();
    assert_eq!(
        sans(&config, "apiserver").join(", "),
        "DNS:*.k8s.example.com, DNS:api.internal.example.com, DNS:cp1, DNS:k8s-api.example.com, \
         DNS:kubernetes, DNS:kubernetes.default, DNS:kubernetes.default.svc, \
         DNS:kubernetes.default.svc.cluster.local, IP:172.16.0.1, IP:192.168.10.11, \
         IP:10.10.10.10, IP:fd00::10"
    );
    config.control_plane_endpoint = Some(crate::config::valid::Endpoint {
        host: EndpointHost::Address("2001:db8::1".parse().unwrap()),
        port: 6443,
    });
    config.cluster.api_server.cert_sans.clear();
    assert_eq!(
        sans(&config, "apiserver")[5..],
        ["IP:172.16.0.1", "IP:192.168.10.11", "IP:2001:db8::1"]
    );
}

#[test]
fn etcd_names_come_from_their_own_field() {
    let mut config = config();
    let local = config.cluster.etcd.local.get_or_insert_default();
    local.server_cert_sans = vec!["etcd0.example.com".into(), "10.10.10.21".into()];
    local.peer_cert_sans = vec!["peer.example.com".into()];
    assert_eq!(
        sans(&config, "etcd-server").join(", "),
        "DNS:cp1, DNS:etcd0.example.com, DNS:localhost, IP:192.168.10.11, IP:127.0.0.1, IP:::1, IP:10.10.10.21"
    );
    assert_eq!(
        sans(&config, "etcd-peer").join(", "),
        "DNS:cp1, DNS:localhost, DNS:peer.example.com, IP:192.168.10.11, IP:127.0.0.1, IP:::1"
    );
}

#[test]
fn external_etcd_leaves_out_what_its_ca_signs() {
    let mut config = config();
    config.cluster.etcd.external = Some(Default::default());
    let names: Vec<_> = profiles(&config).iter().map(|p| p.name).collect();
    assert_eq!(names.len(), 10);
    assert!(!names.iter().any(|name| name.contains("etcd")), "{names:?}");
}

#[test]
fn the_text_form_shows_everything_but_keys_serials_and_dates() {
    let text = profile_text(&profiles(&config()));
    assert!(
        text.starts_with(
            "ca\n  subject: CN = kubernetes\n  issuer: CN = kubernetes (ca)\n  key: RSA-2048\n  \
         key usage: critical, digitalSignature, keyEncipherment, keyCertSign\n  \
         basic constraints: critical, CA:TRUE\n  subject alternative names: DNS:kubernetes\n  \
         not before: clock - clock tolerance\n  not after: clock + 87600h\n\napiserver\n"
        ),
        "{text}"
    );
    assert!(text.contains(
        "\nkubelet.conf\n  subject: O = system:nodes, CN = system:node:cp1\n  issuer: CN = kubernetes (ca)\n"
    ));
    assert!(text.ends_with("  not before: notBefore of `ca`\n  not after: clock + 8760h\n"));
}

/// Names and lifetimes in hours.
fn wanted(config: &ValidConfig) -> Vec<(&'static str, u64)> {
    let profiles = profiles(config);
    let pairs = profiles
        .iter()
        .map(|profile| (profile.name, profile.lifetime.as_secs() / 3600));
    pairs.collect()
}

#[test]
fn a_worker_has_the_certificate_of_its_kubelet_and_no_ca() {
    let worker = crate::testing::joining_worker_config();
    assert_eq!(wanted(&worker), [("kubelet.conf", 2160)]);
    let profile = &profiles(&worker)[0];
    assert_eq!(profile.subject(), "O = system:nodes, CN = system:node:w1");
    assert_eq!(profile.signer, "ca");
    assert!(wanted(&crate::testing::bootstrapping(worker)).is_empty());
}

#[test]
fn a_control_plane_that_joins_has_all_but_the_super_administrator() {
    let config = crate::testing::joining_control_plane_config();
    let creating: Vec<(&str, u64)> = wanted(&crate::testing::default_config())
        .into_iter()
        .filter(|(name, _)| *name != "super-admin.conf")
        .map(|(name, hours)| match name {
            "kubelet.conf" => (name, 2160),
            _ => (name, hours),
        })
        .collect();
    assert_eq!(wanted(&config), creating);
    assert_eq!(
        sans(&config, "apiserver"),
        [
            "DNS:cp2",
            "DNS:kubernetes",
            "DNS:kubernetes.default",
            "DNS:kubernetes.default.svc",
            "DNS:kubernetes.default.svc.cluster.local",
            "IP:10.96.0.1",
            "IP:192.168.10.12",
            "IP:192.168.10.10",
        ]
    );
    assert_eq!(
        sans(&config, "etcd-peer")[..2],
        ["DNS:cp2", "DNS:localhost"]
    );

    let bootstrapping = crate::testing::bootstrapping(config);
    let without_kubelet: Vec<_> = creating
        .into_iter()
        .filter(|(name, _)| *name != "kubelet.conf")
        .collect();
    assert_eq!(wanted(&bootstrapping), without_kubelet);
}

#[test]
fn with_an_external_etcd_a_control_plane_that_joins_has_nothing_of_etcd() {
    let config = crate::testing::external_etcd_config();
    let joining = crate::testing::joining(config, "cp2", "192.168.10.12");
    assert!(
        wanted(&joining)
            .iter()
            .all(|(name, _)| !name.contains("etcd"))
    );
}
