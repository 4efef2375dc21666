//! Steps on a running host: what is started, what is waited for, what is said at the end.

use std::time::Duration;

use kubeplan_bundle::step::{
    EndpointIdentity, SharedCertificates, ShowJoinCommand, Step, UseRotatedCertificate,
    WaitForEndpoints,
};

use super::*;
use crate::config::kubeadm::{Arg, BootstrapToken};
use crate::config::valid::host_port;
use crate::testing::{default_config, ha_config};

fn steps(config: &ValidConfig) -> Vec<Step> {
    plan_node(config, MaterialSource::None).unwrap().live.steps
}

fn urls(config: &ValidConfig) -> Vec<String> {
    steps(config)
        .into_iter()
        .filter_map(|step| match step {
            Step::WaitForEndpoints(WaitForEndpoints { endpoints, .. }) => Some(endpoints),
            _ => None,
        })
        .flatten()
        .map(|endpoint| endpoint.url)
        .collect()
}

fn arg(name: &str, value: &str) -> Arg {
    Arg {
        name: name.into(),
        value: value.into(),
    }
}

#[test]
fn everybody_is_asked_where_the_manifests_say() {
    let mut config = default_config();
    let address = config.advertise_address;
    assert_eq!(
        urls(&config),
        [
            "http://127.0.0.1:10248/healthz".to_owned(),
            format!("https://{}/livez", host_port(address, config.bind_port)),
            "https://127.0.0.1:10257/healthz".to_owned(),
            "https://127.0.0.1:10259/livez".to_owned(),
        ]
    );
    let cluster = &mut config.cluster;
    cluster.api_server.extra_args = vec![arg("advertise-address", "fd00::1")];
    cluster.controller_manager.extra_args = vec![
        arg("secure-port", "1"),
        arg("bind-address", "0.0.0.0"),
        arg("secure-port", "20257"),
    ];
    cluster.scheduler.extra_args = vec![arg("bind-address", "::1")];
    config.kubelet.value["healthzBindAddress"] = "::1".into();
    assert_eq!(
        urls(&config),
        [
            "http://[::1]:10248/healthz".to_owned(),
            format!("https://[fd00::1]:{}/livez", config.bind_port),
            "https://0.0.0.0:20257/healthz".to_owned(),
            "https://[::1]:10259/livez".to_owned(),
        ]
    );
    config.kubelet.value["healthzBindAddress"] = "192.168.10.21".into();
    let on_node = |step: &Step| {
        matches!(step, Step::WaitForEndpoints(WaitForEndpoints { endpoints, .. })
            if endpoints[0].identity == EndpointIdentity::AnonymousOnNode)
    };
    assert_eq!(
        steps(&config).iter().filter(|step| on_node(step)).count(),
        1
    );
    config.kubelet.value["healthzPort"] = 0.into();
    assert!(urls(&config).iter().all(|url| url.starts_with("https://")));
}

#[test]
fn waits_are_as_long_as_the_configuration_says() {
    let mut config = default_config();
    config.timeouts.kubelet_health_check = Duration::from_millis(60_500);
    config.timeouts.component_health_check = Duration::from_secs(600);
    config.timeouts.kubernetes_api_call = Duration::ZERO;
    let plan = plan_node(&config, MaterialSource::None).unwrap();
    let waits: Vec<u32> = plan
        .live
        .steps
        .iter()
        .filter_map(|step| match step {
            Step::WaitForEndpoints(WaitForEndpoints {
                timeout_seconds, ..
            }) => Some(*timeout_seconds),
            _ => None,
        })
        .collect();
    assert_eq!(waits, [61, 600]);
    assert_eq!(plan.live.api.unwrap().timeout_seconds, 1);
}

#[test]
fn the_kubelets_certificate_is_where_its_flag_says() {
    let mut config = default_config();
    let certificate = |config: &ValidConfig| {
        steps(config).into_iter().find_map(|step| match step {
            Step::UseRotatedCertificate(UseRotatedCertificate { certificate, .. }) => {
                Some(certificate.to_string())
            }
            _ => None,
        })
    };
    let default = "/var/lib/kubelet/pki/kubelet-client-current.pem";
    assert_eq!(certificate(&config).as_deref(), Some(default));
    config.init.node_registration.kubelet_extra_args =
        vec![arg("cert-dir", "/a"), arg("cert-dir", "/srv/pki")];
    let moved = "/srv/pki/kubelet-client-current.pem";
    assert_eq!(certificate(&config).as_deref(), Some(moved));
}

#[test]
fn control_planes_can_join_where_there_is_an_endpoint_for_all() {
    let shared = |config: &ValidConfig| {
        steps(config).into_iter().find_map(|step| match step {
            Step::ShowJoinCommand(ShowJoinCommand {
                endpoint,
                control_plane,
                ..
            }) => Some((endpoint, control_plane)),
            _ => None,
        })
    };
    let with_token = |mut config: ValidConfig| {
        config.init.bootstrap_tokens = vec![BootstrapToken::default()];
        config
    };
    assert_eq!(shared(&default_config()), None, "no token, no command");
    let config = with_token(default_config());
    let local = host_port(config.advertise_address, config.bind_port);
    assert_eq!(shared(&config), Some((local, None)));
    let mut config = with_token(ha_config());
    let endpoint = config.cluster.control_plane_endpoint.clone();
    for (upload, expected) in [
        (false, SharedCertificates::Copied),
        (true, SharedCertificates::Uploaded),
    ] {
        config.upload_certs = upload;
        assert_eq!(shared(&config), Some((endpoint.clone(), Some(expected))));
    }
}
