//! Defaults of KubeletConfiguration and KubeProxyConfiguration, as kubeadm sets them.
//!
//! kubeadm does not apply the components' own defaults. The user's values are kept, with a warning where kubeadm recommends
//! another; only `rotateCertificates` is always set.
//! Rules: kubeadm v1.36.2, cmd/kubeadm/app/componentconfigs/{kubelet,kubeproxy,kubelet_unix}.go.

use ipnet::IpNet;
use serde_json::{Value, json};

use super::super::address;
use super::super::address::{parse_cidr, parse_ip};
use super::super::draft::{Draft, Unset};
use super::super::provenance::Origin;
use super::super::valid::HostFacts;
use crate::kubeadm::layout;
use crate::schema::Kind;

const RULE: &str = "kubeadm's default";

/// Sets the defaults of both documents.
pub(super) fn apply(draft: &mut Draft, facts: &HostFacts) {
    kubelet(draft);
    resolver(draft, facts);
    kube_proxy(draft);
}

/// Sets the recommended value, or warns that the user's value differs.
fn recommend(draft: &mut Draft, kind: Kind, path: &str, unset: Unset, value: Value, rule: &str) {
    draft.default_to(kind, path, unset, value.clone(), rule);
    warn_unless(draft, kind, path, &value);
}

fn warn_unless(draft: &mut Draft, kind: Kind, path: &str, value: &Value) {
    if let Some(found) = draft.get(kind, path)
        && found != value
    {
        let message = format!("kubeadm recommends {value}; {found} is kept");
        draft.warn(kind, path, message, "");
    }
}

/// The cluster's configuration of the kubelet.
pub(super) fn kubelet(draft: &mut Draft) {
    let kind = Kind::Kubelet;
    let path = "staticPodPath";
    recommend(
        draft,
        kind,
        path,
        Unset::Empty,
        json!("/etc/kubernetes/manifests"),
        RULE,
    );

    let subnet = draft.text(Kind::Cluster, "networking.serviceSubnet");
    let dns = subnet
        .split(',')
        .next()
        .and_then(parse_cidr)
        .and_then(|net: IpNet| address::nth_address(&net, 10))
        .map_or_else(|| "10.96.0.10".to_owned(), |address| address.to_string());
    let rule = "kubeadm's default: 10th address of the first networking.serviceSubnet";
    recommend(draft, kind, "clusterDNS", Unset::Nil, json!([dns]), rule);

    let domain = draft.text(Kind::Cluster, "networking.dnsDomain");
    let rule = "kubeadm's default: networking.dnsDomain";
    recommend(
        draft,
        kind,
        "clusterDomain",
        Unset::Empty,
        json!(domain),
        rule,
    );

    let pki = draft.text(Kind::Cluster, "certificatesDir");
    let ca = layout::certificate(&pki, "ca");
    let rule = "kubeadm's default: ca.crt in certificatesDir";
    recommend(
        draft,
        kind,
        "authentication.x509.clientCAFile",
        Unset::Empty,
        json!(ca),
        rule,
    );
    recommend(
        draft,
        kind,
        "authentication.anonymous.enabled",
        Unset::Nil,
        json!(false),
        RULE,
    );
    recommend(
        draft,
        kind,
        "authorization.mode",
        Unset::Empty,
        json!("Webhook"),
        RULE,
    );
    recommend(
        draft,
        kind,
        "authentication.webhook.enabled",
        Unset::Nil,
        json!(true),
        RULE,
    );
    recommend(
        draft,
        kind,
        "healthzBindAddress",
        Unset::Empty,
        json!("127.0.0.1"),
        RULE,
    );
    recommend(draft, kind, "healthzPort", Unset::Nil, json!(10248), RULE);
    warn_unless(draft, kind, "readOnlyPort", &json!(0));

    let forced = Origin::Default {
        rule: "kubeadm always sets it".to_owned(),
    };
    if draft.get(kind, "rotateCertificates") == Some(&json!(false)) {
        draft.warn(
            kind,
            "rotateCertificates",
            "kubeadm and kubeplan always set it to true",
            "",
        );
    }
    draft.set_from(kind, "rotateCertificates", json!(true), forced);
    draft.default_to(kind, "cgroupDriver", Unset::Empty, "systemd", RULE);
}

/// The resolver configuration of a host that runs systemd-resolved.
pub(super) fn resolver(draft: &mut Draft, facts: &HostFacts) {
    let kind = Kind::Kubelet;
    if facts.systemd_resolved {
        let resolver = json!("/run/systemd/resolve/resolv.conf");
        if draft.get(kind, "resolvConf").is_none() {
            let origin = Origin::Facts {
                fact: "systemd-resolved runs".to_owned(),
            };
            draft.set_from(kind, "resolvConf", resolver, origin);
        } else {
            warn_unless(draft, kind, "resolvConf", &resolver);
        }
    }
}

fn kube_proxy(draft: &mut Draft) {
    let kind = Kind::KubeProxy;
    let address = parse_ip(&draft.text(Kind::Init, "localAPIEndpoint.advertiseAddress"));
    let any = match address {
        Some(std::net::IpAddr::V4(_)) => "0.0.0.0",
        _ => "::",
    };
    let rule = "kubeadm's default: any address of the family of advertiseAddress";
    recommend(draft, kind, "bindAddress", Unset::Empty, json!(any), rule);
    let pods = draft.text(Kind::Cluster, "networking.podSubnet");
    if !pods.is_empty() {
        let rule = "kubeadm's default: networking.podSubnet";
        recommend(draft, kind, "clusterCIDR", Unset::Empty, json!(pods), rule);
    }
    let mode = draft.release().map(|release| release.kube_proxy_mode);
    if let Some(mode) = mode.filter(|mode| !mode.is_empty()) {
        draft.default_to(kind, "mode", Unset::Empty, mode, RULE);
    }
    let path = "clientConnection.kubeconfig";
    recommend(
        draft,
        kind,
        path,
        Unset::Empty,
        json!("/var/lib/kube-proxy/kubeconfig.conf"),
        RULE,
    );
}
