//! `wait-control-plane`: waits until the kubelet and the components are healthy, and makes admin.conf an administrator.
//!
//! Addresses and ports of the components are read from their manifests, as kubeadm does, so a patch of a manifest counts.
//! Source: kubeadm v1.36.2, `cmd/kubeadm/app/cmd/phases/init/waitcontrolplane.go`, `cmd/kubeadm/app/util/apiclient/wait.go`.

mod cluster_admins;

use std::net::IpAddr;

use kubeplan_bundle::step::{Endpoint, EndpointIdentity, PhaseName, Step, WaitForEndpoints};
use serde_json::Value;

use super::{KUBELET_SERVICE, Part, PhaseContext, Work, seconds};
use crate::config::kubelet::Healthz;
use crate::config::valid::host_port;
use crate::patches::Target;
use crate::render::objects::ObjectError;

/// `wait-control-plane` of `init`. Waits for the components before it binds the administrators: kubeadm binds first, and gives the API
/// server one minute for that, whatever the timeout of the components is.
pub(crate) const INIT: &[Part] = &[
    Part::step(PHASE, wait_for_kubelet),
    Part::step(PHASE, wait_for_components),
    Part::of(PHASE, Work::Bind(cluster_admins::objects)),
];

/// `wait-control-plane` of `join`.
pub(crate) const JOIN: &[Part] = &[Part::step(PHASE, wait_for_components)];

const PHASE: &str = "wait-control-plane";

/// A component whose health is asked for.
struct Component {
    /// Its name and its manifest's.
    name: &'static str,
    address_flag: &'static str,
    port_flag: &'static str,
    default_port: u16,
    path: &'static str,
    identity: EndpointIdentity,
    target: Target,
}

/// In kubeadm's order, without etcd.
const COMPONENTS: &[Component] = &[
    Component {
        name: "kube-apiserver",
        address_flag: "advertise-address",
        port_flag: "secure-port",
        default_port: 6443,
        path: "livez",
        identity: EndpointIdentity::Administrator,
        target: Target::KubeApiserver,
    },
    Component {
        name: "kube-controller-manager",
        address_flag: "bind-address",
        port_flag: "secure-port",
        default_port: 10257,
        path: "healthz",
        identity: EndpointIdentity::Anonymous,
        target: Target::KubeControllerManager,
    },
    Component {
        name: "kube-scheduler",
        address_flag: "bind-address",
        port_flag: "secure-port",
        default_port: 10259,
        path: "livez",
        identity: EndpointIdentity::Anonymous,
        target: Target::KubeScheduler,
    },
];

/// Waits for the kubelet; no step if its health endpoint is off.
pub(super) fn wait_for_kubelet(
    phase: PhaseName,
    context: &PhaseContext<'_>,
) -> Result<Option<Step>, ObjectError> {
    let Some(Healthz { address, port }) = context.kubelet.healthz() else {
        return Ok(None);
    };
    let endpoint = Endpoint {
        name: KUBELET_SERVICE.to_owned(),
        url: format!("http://{}/healthz", authority(&address, &port.to_string())),
        identity: anonymous(&address),
    };
    Ok(Some(Step::WaitForEndpoints(WaitForEndpoints {
        phase,
        endpoints: vec![endpoint],
        timeout_seconds: seconds(context.config.timeouts.kubelet_health_check),
    })))
}

/// Waits for the components.
fn wait_for_components(
    phase: PhaseName,
    context: &PhaseContext<'_>,
) -> Result<Option<Step>, ObjectError> {
    let config = context.config;
    let mut endpoints = Vec::new();
    for component in COMPONENTS {
        // A patch can remove the command; then kubeadm uses the defaults, too.
        let arguments = arguments(context, component)?.unwrap_or_default();
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
    Ok(Some(Step::WaitForEndpoints(WaitForEndpoints {
        phase,
        endpoints,
        timeout_seconds: seconds(config.timeouts.component_health_check),
    })))
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
    context: &PhaseContext<'_>,
    component: &Component,
) -> Result<Option<Vec<String>>, ObjectError> {
    let Some(pod) = context.pods.get::<ObjectError>(component.target)? else {
        return Ok(None);
    };
    let containers = pod.document.pointer("/spec/containers");
    let containers = containers.and_then(Value::as_array);
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
