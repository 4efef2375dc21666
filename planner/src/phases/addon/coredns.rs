//! `addon/coredns`: the cluster's DNS.
//!
//! The objects lack two things that kubeadm sends: the Service's `resourceVersion: "0"`, which has no effect on an applied object, and
//! the empty `status` of Go's types.
//! Source: kubeadm v1.36.2, cmd/kubeadm/app/phases/addons/dns.

use std::collections::BTreeMap;

use k8s_openapi::Resource as _;
use k8s_openapi::api::apps::v1::{
    Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment,
};
use k8s_openapi::api::core::v1::{
    Affinity, Capabilities, ConfigMap, ConfigMapVolumeSource, Container, ContainerPort,
    HTTPGetAction, KeyToPath, PodAffinityTerm, PodAntiAffinity, PodSpec, PodTemplateSpec, Probe,
    ResourceRequirements, SecurityContext, Service, ServiceAccount, ServicePort, ServiceSpec,
    Toleration, Volume, VolumeMount, WeightedPodAffinityTerm,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{
    LabelSelector, LabelSelectorRequirement, ObjectMeta,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use serde_json::Value;

use crate::config::ValidConfig;
use crate::kubeadm::releases::ProbePorts;
use crate::patches::{Patched, Target};
use crate::phases::{Part, PhaseContext};
use crate::render::objects::{
    ApiObject, KUBE_SYSTEM, ObjectError, document, metadata, rbac, value_sources,
};
use crate::render::static_pod::{images, paths};

/// Name of the Deployment, its ServiceAccount and its ConfigMap.
const NAME: &str = "coredns";
const SERVICE: &str = "kube-dns";
const ROLE: &str = "system:coredns";
const COREFILE: &str = "Corefile";
const CONFIG_DIR: &str = "/etc/coredns";
const CONFIG_VOLUME: &str = "config-volume";

/// Number, protocol and name of a port.
type Port = (i32, &'static str, &'static str);

const DNS: Port = (53, "UDP", "dns");
const DNS_TCP: Port = (53, "TCP", "dns-tcp");
const METRICS: Port = (9153, "TCP", "metrics");
const LIVENESS: Port = (8080, "TCP", "liveness-probe");
const READINESS: Port = (8181, "TCP", "readiness-probe");

/// `addon/coredns`.
pub(crate) const INIT: &[Part] = &[Part::objects("addon/coredns", objects)];

/// ConfigMap, RBAC, ServiceAccount, Deployment, Service.
fn objects(context: &PhaseContext<'_>) -> Result<Vec<ApiObject>, ObjectError> {
    let config = context.config;
    let config_map = ConfigMap {
        metadata: metadata(Some(KUBE_SYSTEM), NAME),
        data: Some(BTreeMap::from([(
            COREFILE.to_owned(),
            corefile(&config.cluster.networking.dns_domain),
        )])),
        ..ConfigMap::default()
    };
    let service_account = ServiceAccount {
        metadata: metadata(Some(KUBE_SYSTEM), NAME),
        ..ServiceAccount::default()
    };
    let (image, image_from) = images::coredns(config).into_parts();
    let image_from: Vec<(&str, &str)> = image_from
        .iter()
        .map(|from| ("spec.template.spec.containers[0].image", from.as_str()))
        .collect();
    Ok(vec![
        ApiObject::public(&config_map, &[("data.Corefile", paths::DNS_DOMAIN)])?,
        rbac::cluster_role(
            ROLE,
            vec![
                rbac::rule(
                    "",
                    &["endpoints", "services", "pods", "namespaces"],
                    &[],
                    &["list", "watch"],
                ),
                rbac::rule(
                    "discovery.k8s.io",
                    &["endpointslices"],
                    &[],
                    &["list", "watch"],
                ),
            ],
        )?,
        rbac::cluster_role_binding(ROLE, ROLE, rbac::service_account(KUBE_SYSTEM, NAME))?,
        ApiObject::public(&service_account, &[])?,
        patched_deployment(
            config,
            &deployment(image, config.release.probe_ports),
            &image_from,
        )?,
        ApiObject::public(
            &service(config)?,
            &[("spec.clusterIP", paths::SERVICE_SUBNET)],
        )?,
    ])
}

/// The Deployment with the user's patches, without what Go's types add to a patched one: an empty `status`, which only the
/// cluster writes, and before 1.34 an unset time of creation.
fn patched_deployment(
    config: &ValidConfig,
    rendered: &Deployment,
    sources: &[(&str, &str)],
) -> Result<ApiObject, ObjectError> {
    let Patched {
        mut document,
        sources,
        unknown,
        removed: _,
    } = config.patches.typed(
        config.release,
        Target::CoreDnsDeployment,
        Patched::of(document(rendered)?, value_sources(sources)),
    )?;
    if let Some(fields) = document.as_object_mut() {
        fields.remove("status");
    }
    for metadata in ["/metadata", "/spec/template/metadata"] {
        if let Some(Value::Object(metadata)) = document.pointer_mut(metadata) {
            metadata.retain(|_, value| !value.is_null());
        }
    }
    Ok(ApiObject {
        unknown,
        ..ApiObject::of_document(Deployment::KIND, &document, sources)
    })
}

/// CoreDNS's configuration. kubeadm compares its default with what it finds when it upgrades, so every space counts.
fn corefile(domain: &str) -> String {
    let block = |opening: &str, lines: &[String]| {
        let inner: String = lines
            .iter()
            .map(|line| format!("       {line}\n"))
            .collect();
        format!("    {opening} {{\n{inner}    }}\n")
    };
    let reverse = "in-addr.arpa ip6.arpa";
    [
        ".:53 {\n".to_owned(),
        "    errors\n".to_owned(),
        block("health", &["lameduck 5s".to_owned()]),
        "    ready\n".to_owned(),
        block(
            &format!("kubernetes {domain} {reverse}"),
            &[
                "pods insecure".to_owned(),
                format!("fallthrough {reverse}"),
                "ttl 30".to_owned(),
            ],
        ),
        "    prometheus :9153\n".to_owned(),
        block(
            "forward . /etc/resolv.conf",
            &["max_concurrent 1000".to_owned()],
        ),
        block(
            "cache 30",
            &[
                format!("disable success {domain}"),
                format!("disable denial {domain}"),
            ],
        ),
        "    loop\n    reload\n    loadbalance\n}\n".to_owned(),
    ]
    .concat()
}

fn labels() -> BTreeMap<String, String> {
    BTreeMap::from([("k8s-app".to_owned(), "kube-dns".to_owned())])
}

fn deployment(image: String, probe_ports: ProbePorts) -> Deployment {
    Deployment {
        metadata: ObjectMeta {
            labels: Some(labels()),
            ..metadata(Some(KUBE_SYSTEM), NAME)
        },
        spec: Some(DeploymentSpec {
            replicas: Some(2),
            selector: LabelSelector {
                match_labels: Some(labels()),
                match_expressions: None,
            },
            strategy: Some(DeploymentStrategy {
                rolling_update: Some(RollingUpdateDeployment {
                    max_surge: None,
                    max_unavailable: Some(IntOrString::Int(1)),
                }),
                type_: Some("RollingUpdate".to_owned()),
            }),
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta {
                    labels: Some(labels()),
                    ..ObjectMeta::default()
                }),
                spec: Some(pod(image, probe_ports)),
            },
            ..DeploymentSpec::default()
        }),
        status: None,
    }
}

fn pod(image: String, probe_ports: ProbePorts) -> PodSpec {
    PodSpec {
        affinity: Some(Affinity {
            pod_anti_affinity: Some(PodAntiAffinity {
                preferred_during_scheduling_ignored_during_execution: Some(vec![
                    WeightedPodAffinityTerm {
                        pod_affinity_term: not_beside_another(),
                        weight: 100,
                    },
                ]),
                ..PodAntiAffinity::default()
            }),
            ..Affinity::default()
        }),
        containers: vec![container(image, probe_ports)],
        // Not `ClusterFirst`: that would be this Pod itself.
        dns_policy: Some("Default".to_owned()),
        node_selector: Some(linux()),
        priority_class_name: Some("system-cluster-critical".to_owned()),
        service_account_name: Some(NAME.to_owned()),
        tolerations: Some(vec![
            Toleration {
                key: Some("CriticalAddonsOnly".to_owned()),
                operator: Some("Exists".to_owned()),
                ..Toleration::default()
            },
            Toleration {
                effect: Some("NoSchedule".to_owned()),
                key: Some("node-role.kubernetes.io/control-plane".to_owned()),
                ..Toleration::default()
            },
        ]),
        volumes: Some(vec![Volume {
            name: CONFIG_VOLUME.to_owned(),
            config_map: Some(ConfigMapVolumeSource {
                name: NAME.to_owned(),
                items: Some(vec![KeyToPath {
                    key: COREFILE.to_owned(),
                    path: COREFILE.to_owned(),
                    mode: None,
                }]),
                ..ConfigMapVolumeSource::default()
            }),
            ..Volume::default()
        }]),
        ..PodSpec::default()
    }
}

fn not_beside_another() -> PodAffinityTerm {
    PodAffinityTerm {
        label_selector: Some(LabelSelector {
            match_expressions: Some(vec![LabelSelectorRequirement {
                key: "k8s-app".to_owned(),
                operator: "In".to_owned(),
                values: Some(vec!["kube-dns".to_owned()]),
            }]),
            match_labels: None,
        }),
        topology_key: "kubernetes.io/hostname".to_owned(),
        ..PodAffinityTerm::default()
    }
}

/// The node selector of everything that runs on Linux.
pub(crate) fn linux() -> BTreeMap<String, String> {
    BTreeMap::from([("kubernetes.io/os".to_owned(), "linux".to_owned())])
}

fn container(image: String, probe_ports: ProbePorts) -> Container {
    let quantities = |pairs: &[(&str, &str)]| {
        let quantity =
            |(name, amount): &(&str, &str)| ((*name).to_owned(), Quantity((*amount).to_owned()));
        Some(pairs.iter().map(quantity).collect::<BTreeMap<_, _>>())
    };
    let port = |(number, protocol, name): Port| ContainerPort {
        container_port: number,
        name: Some(name.to_owned()),
        protocol: Some(protocol.to_owned()),
        ..ContainerPort::default()
    };
    let (ports, by_name) = match probe_ports {
        ProbePorts::Name => (&[DNS, DNS_TCP, METRICS, LIVENESS, READINESS][..], true),
        ProbePorts::Number => (&[DNS, DNS_TCP, METRICS][..], false),
    };
    let get = |path: &str, (number, _, name): Port| {
        Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: if by_name {
                IntOrString::String(name.to_owned())
            } else {
                IntOrString::Int(number)
            },
            scheme: Some("HTTP".to_owned()),
            ..HTTPGetAction::default()
        })
    };
    Container {
        name: NAME.to_owned(),
        image: Some(image),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        args: Some(vec!["-conf".to_owned(), format!("{CONFIG_DIR}/{COREFILE}")]),
        ports: Some(ports.iter().copied().map(port).collect()),
        liveness_probe: Some(Probe {
            http_get: get("/health", LIVENESS),
            initial_delay_seconds: Some(60),
            timeout_seconds: Some(5),
            success_threshold: Some(1),
            failure_threshold: Some(5),
            ..Probe::default()
        }),
        readiness_probe: Some(Probe {
            http_get: get("/ready", READINESS),
            ..Probe::default()
        }),
        resources: Some(ResourceRequirements {
            limits: quantities(&[("memory", "170Mi")]),
            requests: quantities(&[("cpu", "100m"), ("memory", "70Mi")]),
            claims: None,
        }),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            capabilities: Some(Capabilities {
                add: Some(vec!["NET_BIND_SERVICE".to_owned()]),
                drop: Some(vec!["ALL".to_owned()]),
            }),
            read_only_root_filesystem: Some(true),
            ..SecurityContext::default()
        }),
        volume_mounts: Some(vec![VolumeMount {
            name: CONFIG_VOLUME.to_owned(),
            mount_path: CONFIG_DIR.to_owned(),
            read_only: Some(true),
            ..VolumeMount::default()
        }]),
        ..Container::default()
    }
}

fn service(config: &ValidConfig) -> Result<Service, ObjectError> {
    let address = config
        .dns_address()
        .ok_or(ObjectError::Value(paths::SERVICE_SUBNET))?;
    let port = |(number, protocol, name): Port| ServicePort {
        name: Some(name.to_owned()),
        port: number,
        protocol: Some(protocol.to_owned()),
        target_port: Some(IntOrString::Int(number)),
        ..ServicePort::default()
    };
    let text = |pairs: &[(&str, &str)]| {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        Some(pairs.iter().map(owned).collect::<BTreeMap<_, _>>())
    };
    Ok(Service {
        metadata: ObjectMeta {
            annotations: text(&[
                ("prometheus.io/port", "9153"),
                ("prometheus.io/scrape", "true"),
            ]),
            labels: text(&[
                ("k8s-app", "kube-dns"),
                ("kubernetes.io/cluster-service", "true"),
                ("kubernetes.io/name", "CoreDNS"),
            ]),
            ..metadata(Some(KUBE_SYSTEM), SERVICE)
        },
        spec: Some(ServiceSpec {
            cluster_ip: Some(address.to_string()),
            ports: Some([DNS, DNS_TCP, METRICS].map(port).into()),
            selector: Some(labels()),
            ..ServiceSpec::default()
        }),
        status: None,
    })
}
