//! Steps that need a running host and apply no object: what is started, who is waited for, what is said at the end.
//!
//! In: the configuration and key material. Out: [`Step`]s. Addresses and ports of the components are read from their manifests, as kubeadm does, so a patch of a manifest counts.
//! Source: kubeadm v1.36.2, `cmd/kubeadm/app/cmd/phases/init/{kubelet,waitcontrolplane,kubeletfinalize,showjoincommand}.go`,
//! `cmd/kubeadm/app/util/apiclient/wait.go`.

use std::net::IpAddr;
use std::time::Duration;

use kubeplan_bundle::index::{Api, EntryName};
use kubeplan_bundle::step::{
    Endpoint, EndpointIdentity, PhaseName, ServiceName, SharedCertificates, Step,
};
use serde_json::Value;

use super::{ObjectContext, ObjectError};
use crate::config::ValidConfig;
use crate::config::valid::{Membership, host_port};
use crate::layout;
use crate::patches::{Patched, Target};
use crate::phases::MaterialSource;
use crate::static_pod::flags::last_value;
use crate::static_pod::{
    PodContext, StaticPod, StaticPodError, kube_apiserver, kube_controller_manager, kube_scheduler,
};

/// The kubelet's service, as every package of it has it.
const KUBELET: &str = "kubelet";

/// Where the kubelet keeps its certificates unless `cert-dir` says otherwise.
const KUBELET_PKI: &str = "/var/lib/kubelet/pki";

/// A component whose health is asked for.
struct Component {
    /// Its name and its manifest's.
    name: &'static str,
    address_flag: &'static str,
    port_flag: &'static str,
    default_port: u16,
    path: &'static str,
    identity: EndpointIdentity,
    pod: fn(&PodContext<'_>) -> Result<StaticPod, StaticPodError>,
    target: Target,
}

/// kubeadm's order; etcd is not asked.
const COMPONENTS: &[Component] = &[
    Component {
        name: "kube-apiserver",
        address_flag: "advertise-address",
        port_flag: "secure-port",
        default_port: 6443,
        path: "livez",
        identity: EndpointIdentity::Administrator,
        pod: kube_apiserver::pod,
        target: Target::KubeApiserver,
    },
    Component {
        name: "kube-controller-manager",
        address_flag: "bind-address",
        port_flag: "secure-port",
        default_port: 10257,
        path: "healthz",
        identity: EndpointIdentity::Anonymous,
        pod: kube_controller_manager::pod,
        target: Target::KubeControllerManager,
    },
    Component {
        name: "kube-scheduler",
        address_flag: "bind-address",
        port_flag: "secure-port",
        default_port: 10259,
        path: "livez",
        identity: EndpointIdentity::Anonymous,
        pod: kube_scheduler::pod,
        target: Target::KubeScheduler,
    },
];

/// How live steps reach the API server: as administrator, tried again for `kubernetesAPICall`; at the node's own address where it makes
/// the cluster, else, as kubeadm does, where admin.conf says.
pub(super) fn api(config: &ValidConfig) -> Result<Api, ObjectError> {
    Ok(Api {
        kubeconfig: kubeconfig("admin.conf")?,
        server: match config.membership {
            Membership::Founds => config.local_endpoint_url(),
            Membership::Joins(_) => config.control_plane_url(),
        },
        timeout_seconds: seconds(config.timeouts.kubernetes_api_call),
    })
}

/// The kubeconfig that may do what admin.conf may not yet.
pub(super) fn super_admin() -> Result<kubeplan_bundle::path::HostPath, ObjectError> {
    kubeconfig("super-admin.conf")
}

/// `kubelet-start`.
pub(super) fn start_kubelet(
    phase: PhaseName,
    _: &ObjectContext<'_>,
) -> Result<Option<Step>, ObjectError> {
    Ok(Some(Step::StartService {
        phase,
        service: kubelet()?,
    }))
}

/// `wait-control-plane`, first the kubelet; no step if its health endpoint is switched off.
pub(super) fn wait_for_kubelet(
    phase: PhaseName,
    context: &ObjectContext<'_>,
) -> Result<Option<Step>, ObjectError> {
    let kubelet = &context.config.kubelet.value;
    let port = kubelet.get("healthzPort").and_then(Value::as_u64);
    let address = kubelet
        .get("healthzBindAddress")
        .and_then(Value::as_str)
        .unwrap_or("127.0.0.1");
    let Some(port @ 1..) = port else {
        return Ok(None);
    };
    let endpoint = Endpoint {
        name: KUBELET.to_owned(),
        url: format!("http://{}/healthz", authority(address, &port.to_string())),
        identity: anonymous(address),
    };
    Ok(Some(Step::WaitForEndpoints {
        phase,
        endpoints: vec![endpoint],
        timeout_seconds: seconds(context.config.timeouts.kubelet_health_check),
    }))
}

/// `wait-control-plane`, then the components.
pub(super) fn wait_for_components(
    phase: PhaseName,
    context: &ObjectContext<'_>,
) -> Result<Option<Step>, ObjectError> {
    let config = context.config;
    let mut endpoints = Vec::new();
    for component in COMPONENTS {
        // A patch can take the command away; kubeadm then asks at the defaults, too.
        let arguments = arguments(config, component)?.unwrap_or_default();
        let flag = |name: &str| {
            let prefix = format!("--{name}=");
            arguments.iter().rev().find_map(|a| a.strip_prefix(&prefix))
        };
        let default_address = match component.identity {
            EndpointIdentity::Administrator => config.advertise_address.to_string(),
            EndpointIdentity::Anonymous | EndpointIdentity::AnonymousOnNode => {
                "127.0.0.1".to_owned()
            }
        };
        let address = flag(component.address_flag).unwrap_or(&default_address);
        let default_port = component.default_port.to_string();
        let port = flag(component.port_flag).unwrap_or(&default_port);
        endpoints.push(Endpoint {
            name: component.name.to_owned(),
            url: format!("https://{}/{}", authority(address, port), component.path),
            identity: match component.identity {
                EndpointIdentity::Administrator => EndpointIdentity::Administrator,
                EndpointIdentity::Anonymous | EndpointIdentity::AnonymousOnNode => {
                    anonymous(address)
                }
            },
        });
    }
    Ok(Some(Step::WaitForEndpoints {
        phase,
        endpoints,
        timeout_seconds: seconds(config.timeouts.component_health_check),
    }))
}

/// How an endpoint without credentials is asked: the host must have an address that is not the same on every host.
fn anonymous(address: &str) -> EndpointIdentity {
    match address.parse::<IpAddr>() {
        Ok(address) if !address.is_loopback() && !address.is_unspecified() => {
            EndpointIdentity::AnonymousOnNode
        }
        _ => EndpointIdentity::Anonymous,
    }
}

/// `kubelet-finalize`.
pub(super) fn use_rotated_certificate(
    phase: PhaseName,
    context: &ObjectContext<'_>,
) -> Result<Option<Step>, ObjectError> {
    let arguments = &context.config.init.node_registration.kubelet_extra_args;
    let folder = last_value(arguments, "cert-dir").map_or(KUBELET_PKI, |(_, folder)| folder);
    let certificate = format!("{folder}/kubelet-client-current.pem");
    Ok(Some(Step::UseRotatedCertificate {
        phase,
        kubeconfig: kubeconfig("kubelet.conf")?,
        certificate: certificate.parse()?,
        service: kubelet()?,
    }))
}

/// `show-join-command`: `tokens` are the Secrets of the configured bootstrap tokens; without them there is nothing to say.
pub(super) fn show_join_command(
    phase: PhaseName,
    context: &ObjectContext<'_>,
    tokens: Vec<EntryName>,
) -> Result<Option<Step>, ObjectError> {
    if tokens.is_empty() {
        return Ok(None);
    }
    let config = context.config;
    let url = config.control_plane_url();
    let authority = match context.material {
        MaterialSource::Issued(material) => {
            let ca = material.certificates.get("ca");
            Some(ca.ok_or(ObjectError::NoCertificate("ca"))?.row.spki)
        }
        MaterialSource::Worker(_) | MaterialSource::None => None,
    };
    let control_plane = config
        .control_plane_endpoint
        .is_some()
        .then_some(if config.upload_certs {
            SharedCertificates::Uploaded
        } else {
            SharedCertificates::Copied
        });
    Ok(Some(Step::ShowJoinCommand {
        phase,
        kubeconfig: kubeconfig("admin.conf")?,
        endpoint: url.strip_prefix("https://").unwrap_or(&url).to_owned(),
        ca_cert_hashes: authority.into_iter().collect(),
        tokens,
        control_plane,
    }))
}

fn kubelet() -> Result<ServiceName, ObjectError> {
    KUBELET
        .parse()
        .map_err(|_| ObjectError::Value("the kubelet's service"))
}

pub(super) fn kubeconfig(name: &str) -> Result<kubeplan_bundle::path::HostPath, ObjectError> {
    Ok(format!("{}/{name}", layout::KUBERNETES_DIR).parse()?)
}

/// Whole seconds, at least one: a part of a second counts as one.
pub(super) fn seconds(duration: Duration) -> u32 {
    let whole = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    u32::try_from(whole.max(1)).unwrap_or(u32::MAX)
}

/// `address:port`, brackets around an IPv6 address.
fn authority(address: &str, port: &str) -> String {
    match (address.parse::<IpAddr>(), port.parse::<u16>()) {
        (Ok(address), Ok(port)) => host_port(address, port),
        _ => format!("{address}:{port}"),
    }
}

/// The arguments of `component` in its manifest, patches included: of the first container that starts it. The manifest
/// itself need not be part of the plan.
fn arguments(
    config: &ValidConfig,
    component: &Component,
) -> Result<Option<Vec<String>>, ObjectError> {
    // An external CA changes no address.
    let pods = PodContext {
        config,
        external_ca: false,
    };
    let pod = (component.pod)(&pods)?;
    let rendered = Patched {
        document: pod.document()?,
        sources: Vec::new(),
    };
    let pod = config
        .patches
        .typed(config.release, component.target, rendered)?
        .document;
    let containers = pod.pointer("/spec/containers").and_then(Value::as_array);
    let starts = containers.into_iter().flatten().find_map(|container| {
        let words = ["command", "args"]
            .iter()
            .filter_map(|field| container.get(field)?.as_array())
            .flatten();
        let words: Vec<String> = words
            .filter_map(|word| word.as_str().map(str::to_owned))
            .collect();
        (words.first().map(String::as_str) == Some(component.name)).then_some(words)
    });
    Ok(starts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::kubeadm::{Arg, BootstrapToken};
    use crate::phases::plan_node;
    use crate::testing::{default_config, ha_config};

    fn steps(config: &ValidConfig) -> Vec<Step> {
        plan_node(config, MaterialSource::None).unwrap().live.steps
    }

    fn urls(config: &ValidConfig) -> Vec<String> {
        steps(config)
            .into_iter()
            .filter_map(|step| match step {
                Step::WaitForEndpoints { endpoints, .. } => Some(endpoints),
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
            matches!(step, Step::WaitForEndpoints { endpoints, .. }
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
                Step::WaitForEndpoints {
                    timeout_seconds, ..
                } => Some(*timeout_seconds),
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
                Step::UseRotatedCertificate { certificate, .. } => Some(certificate.to_string()),
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
                Step::ShowJoinCommand {
                    endpoint,
                    control_plane,
                    ..
                } => Some((endpoint, control_plane)),
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
}
