//! The static Pod of kube-apiserver.

use super::environment::Environment;
use super::flags::{FlagRow, FlagValue, KUBEADM_DEFAULT, defaults, last_value, merge};
use super::paths::{
    ADVERTISE_ADDRESS, BIND_PORT, CERTIFICATES_DIR, DNS_DOMAIN, EXTERNAL_ETCD, SERVICE_SUBNET,
};
use super::probes::{Probes, advertise_address};
use super::volumes::HostPathVolumes;
use super::{Component, PodContext, Sourced, StaticPod, StaticPodError, etcd, images};
use crate::config::kubeadm::ExternalEtcd;
use crate::config::valid::host_port;
use crate::kubeadm::layout;

/// The component's name.
pub const NAME: &str = "kube-apiserver";

/// Tells `kubeadm` and its kin where this API server listens.
const ENDPOINT_ANNOTATION: &str = "kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint";

/// Its default flags.
pub const FLAGS: &[FlagRow] = &[
    FlagRow::new("advertise-address", &[ADVERTISE_ADDRESS], |c| {
        Some(c.config.advertise_address.to_string().into())
    }),
    FlagRow::new("allow-privileged", &[KUBEADM_DEFAULT], |_| {
        Some("true".into())
    }),
    FlagRow::new("authorization-mode", &[KUBEADM_DEFAULT], |c| {
        // A structured authorization configuration and this flag exclude each other.
        let structured = last_value(
            &c.config.cluster.api_server.extra_args,
            "authorization-config",
        );
        structured.is_none().then(|| "Node,RBAC".into())
    }),
    FlagRow::new("client-ca-file", &[CERTIFICATES_DIR], |c| {
        certificate(c, "ca")
    }),
    FlagRow::new("enable-admission-plugins", &[KUBEADM_DEFAULT], |_| {
        Some("NodeRestriction".into())
    }),
    FlagRow::new("enable-bootstrap-token-auth", &[KUBEADM_DEFAULT], |_| {
        Some("true".into())
    }),
    FlagRow::new("etcd-cafile", &[CERTIFICATES_DIR], |c| match external(c) {
        Some(etcd) => external_file(&etcd.ca_file, "caFile"),
        None => certificate(c, "etcd/ca"),
    }),
    FlagRow::new("etcd-certfile", &[CERTIFICATES_DIR], |c| {
        match external(c) {
            Some(etcd) => external_file(&etcd.cert_file, "certFile"),
            None => certificate(c, "apiserver-etcd-client"),
        }
    }),
    FlagRow::new("etcd-keyfile", &[CERTIFICATES_DIR], |c| match external(c) {
        Some(etcd) => external_file(&etcd.key_file, "keyFile"),
        None => key(c, "apiserver-etcd-client"),
    }),
    FlagRow::new("etcd-servers", &[ADVERTISE_ADDRESS], etcd_servers),
    FlagRow::new("kubelet-client-certificate", &[CERTIFICATES_DIR], |c| {
        certificate(c, "apiserver-kubelet-client")
    }),
    FlagRow::new("kubelet-client-key", &[CERTIFICATES_DIR], |c| {
        key(c, "apiserver-kubelet-client")
    }),
    FlagRow::new(
        "kubelet-preferred-address-types",
        &[KUBEADM_DEFAULT],
        |_| Some("InternalIP,ExternalIP,Hostname".into()),
    ),
    FlagRow::new("proxy-client-cert-file", &[CERTIFICATES_DIR], |c| {
        certificate(c, "front-proxy-client")
    }),
    FlagRow::new("proxy-client-key-file", &[CERTIFICATES_DIR], |c| {
        key(c, "front-proxy-client")
    }),
    FlagRow::new("requestheader-allowed-names", &[KUBEADM_DEFAULT], |_| {
        Some("front-proxy-client".into())
    }),
    FlagRow::new("requestheader-client-ca-file", &[CERTIFICATES_DIR], |c| {
        certificate(c, "front-proxy-ca")
    }),
    FlagRow::new(
        "requestheader-extra-headers-prefix",
        &[KUBEADM_DEFAULT],
        |_| Some("X-Remote-Extra-".into()),
    ),
    FlagRow::new("requestheader-group-headers", &[KUBEADM_DEFAULT], |_| {
        Some("X-Remote-Group".into())
    }),
    FlagRow::new("requestheader-username-headers", &[KUBEADM_DEFAULT], |_| {
        Some("X-Remote-User".into())
    }),
    FlagRow::new("secure-port", &[BIND_PORT], |c| {
        Some(c.config.bind_port.to_string().into())
    }),
    FlagRow::new("service-account-issuer", &[DNS_DOMAIN], |c| {
        let domain = &c.config.cluster.networking.dns_domain;
        Some(format!("https://kubernetes.default.svc.{domain}").into())
    }),
    FlagRow::new("service-account-key-file", &[CERTIFICATES_DIR], |c| {
        let directory = &c.config.cluster.certificates_dir;
        Some(layout::service_account_public_key(directory).into())
    }),
    FlagRow::new(
        "service-account-signing-key-file",
        &[CERTIFICATES_DIR],
        |c| key(c, "sa"),
    ),
    FlagRow::new("service-cluster-ip-range", &[SERVICE_SUBNET], |c| {
        Some(c.config.cluster.networking.service_subnet.as_str().into())
    }),
    FlagRow::new("tls-cert-file", &[CERTIFICATES_DIR], |c| {
        certificate(c, "apiserver")
    }),
    FlagRow::new("tls-private-key-file", &[CERTIFICATES_DIR], |c| {
        key(c, "apiserver")
    }),
];

#[expect(
    clippy::unnecessary_wraps,
    reason = "the value of a flag table's row is optional"
)]
fn certificate(context: &PodContext<'_>, base: &str) -> Option<FlagValue> {
    Some(layout::certificate(&context.config.cluster.certificates_dir, base).into())
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "the value of a flag table's row is optional"
)]
fn key(context: &PodContext<'_>, base: &str) -> Option<FlagValue> {
    Some(layout::private_key(&context.config.cluster.certificates_dir, base).into())
}

/// The external etcd cluster, if there is one.
fn external<'a>(context: &PodContext<'a>) -> Option<&'a ExternalEtcd> {
    context.config.cluster.etcd.external.as_ref()
}

/// A file of `etcd.external`; validation saw to it that certificate and key are set together.
fn external_file(path: &str, field: &str) -> Option<FlagValue> {
    (!path.is_empty()).then(|| FlagValue {
        text: path.to_owned(),
        instead_from: Some(format!("{EXTERNAL_ETCD}.{field}")),
    })
}

/// The external cluster, the member on this host, or wherever the user told etcd to be reached.
fn etcd_servers(context: &PodContext<'_>) -> Option<FlagValue> {
    if let Some(etcd) = external(context) {
        return Some(FlagValue {
            text: etcd.endpoints.join(","),
            instead_from: Some(format!("{EXTERNAL_ETCD}.endpoints")),
        });
    }
    let overridden = context
        .config
        .cluster
        .etcd
        .local
        .as_ref()
        .and_then(|local| last_value(&local.extra_args, "advertise-client-urls"));
    Some(match overridden {
        Some((position, urls)) => FlagValue {
            text: urls.to_owned(),
            instead_from: Some(format!("{}[{position}]", etcd::EXTRA_ARGS)),
        },
        None => etcd::client_url(etcd::loopback(context.config)).into(),
    })
}

/// The Pod.
///
/// # Errors
/// [`StaticPodError::EnvVar`] if an entry of `extraEnvs` is not an environment variable.
pub fn pod(context: &PodContext<'_>) -> Result<StaticPod, StaticPodError> {
    let config = context.config;
    let server = &config.cluster.api_server;
    Ok(Component {
        name: NAME,
        image: images::kubernetes(config, NAME),
        // As configured, even if an extra argument moves the port; so are port and probes.
        annotation: Some((
            ENDPOINT_ANNOTATION,
            Sourced::new(
                host_port(config.advertise_address, config.bind_port),
                &[ADVERTISE_ADDRESS, BIND_PORT],
            ),
        )),
        flags: merge(
            defaults(FLAGS, context),
            &server.extra_args,
            "ClusterConfiguration.apiServer.extraArgs",
            config.release.argument_order,
        ),
        port: Sourced::new(config.bind_port.into(), &[BIND_PORT]),
        probes: Probes {
            host: advertise_address(config),
            scheme: "HTTPS",
            liveness_path: "/livez",
            readiness_path: Some("/readyz"),
            startup_path: "/livez",
            startup_timeout: config.timeouts.component_health_check,
        },
        requests: &[("cpu", "250m")],
        environment: Environment::of_proxies(&config.facts.proxies).with(
            &server.extra_envs,
            "ClusterConfiguration.apiServer.extraEnvs",
        )?,
        volumes: HostPathVolumes::of_certificates(config)
            .with_external_etcd(config)
            .with_extra(
                &server.extra_volumes,
                "ClusterConfiguration.apiServer.extraVolumes",
            ),
    }
    .into_pod(config))
}
