//! Drawing the intended differences: for each row of [`super::differences`] what only one of the two programs refuses.
//!
//! In: a valid case. Out: the same case with a change that one program refuses for the reason of that row.

use kubeplan::schema::Kind::{Cluster, Init, Inventory, KubeProxy, Kubelet};

use super::case::Case;
use super::change::Change::{self, Before, Patch, RefusedPatch, Remove, Set, Text, Without};
use super::random::Random;

/// Ways to one intended difference.
#[derive(Debug)]
pub struct Drawing {
    /// The name of the difference.
    pub difference: &'static str,
    /// Each a sequence of changes.
    ways: &'static [&'static [Change]],
}

/// One for every row of the list, in its order.
pub const DRAWINGS: &[Drawing] = &[
    Drawing {
        difference: "cri-socket",
        ways: &[&[Set(
            Init,
            "nodeRegistration.criSocket",
            &[r#""http://x""#, r#""tcp://1.2.3.4:5""#, r#""npipe:////x""#],
        )]],
    },
    Drawing {
        difference: "dot-dot",
        ways: &[
            &[Set(
                Cluster,
                "certificatesDir",
                &[r#""/etc/kubernetes/../pki""#, r#""/srv/..""#],
            )],
            &[Set(
                Cluster,
                "etcd",
                &[r#"{"local": {"dataDir": "/var/lib/../etcd"}}"#],
            )],
        ],
    },
    Drawing {
        difference: "negative-timeout",
        ways: &[
            &[Set(Init, "timeouts.discovery", &[r#""-5s""#, r#""-1h1m""#])],
            &[Set(
                Init,
                "timeouts.controlPlaneComponentHealthCheck",
                &[r#""-1ns""#],
            )],
        ],
    },
    Drawing {
        difference: "without-root",
        ways: &[&[Set(
            Cluster,
            "featureGates",
            &[r#"{"RootlessControlPlane": true}"#],
        )]],
    },
    Drawing {
        difference: "min-remaining",
        ways: &[&[
            Set(
                Cluster,
                "certificateValidityPeriod",
                &[r#""24h""#, r#""1s""#],
            ),
            Set(
                Inventory,
                "credentials",
                &["{}", r#"{"minRemaining": "720h"}"#],
            ),
        ]],
    },
    Drawing {
        difference: "cluster-name",
        ways: &[&[
            Set(
                Cluster,
                "clusterName",
                &[r#""A b""#, r#""prod/eu""#, r#""ä""#, r#""-x""#],
            ),
            Remove(Inventory, "metadata"),
        ]],
    },
    Drawing {
        difference: "hosts",
        ways: &[
            &[Set(
                Cluster,
                "controlPlaneEndpoint",
                &[
                    r#""0.0.0.0:6443""#,
                    r#""fd00::5:6443""#,
                    r#""10.0.0.256""#,
                    r#""224.0.0.1""#,
                    r#""[fe80::1]:6443""#,
                ],
            )],
            &[Set(
                Cluster,
                "apiServer.certSANs",
                &[r#"["10.0.0.256"]"#, r#"["1.2.3"]"#],
            )],
        ],
    },
    Drawing {
        difference: "networks",
        ways: &[
            &[
                Set(
                    Cluster,
                    "networking",
                    &[
                        r#"{"serviceSubnet": "10.96.0.0/12", "podSubnet": "10.100.0.0/16"}"#,
                        r#"{"serviceSubnet": "10.96.0.0/16", "podSubnet": "fd00:1::/56"}"#,
                        r#"{"podSubnet": "127.0.0.0/16"}"#,
                    ],
                ),
                Remove(Cluster, "controllerManager"),
            ],
            &[
                Set(Cluster, "networking", &[r#"{"podSubnet": "11.0.0.0/16"}"#]),
                Set(
                    Cluster,
                    "controllerManager",
                    &[
                        r#"{"extraArgs": [{"name": "node-cidr-mask-size", "value": "8"}]}"#,
                        r#"{"extraArgs": [{"name": "node-cidr-mask-size-ipv6", "value": "64"}]}"#,
                        r#"{"extraArgs": [{"name": "node-cidr-mask-size", "value": "24"}, {"name": "node-cidr-mask-size-ipv4", "value": "24"}]}"#,
                    ],
                ),
            ],
            &[
                Set(
                    Cluster,
                    "networking",
                    &[r#"{"serviceSubnet": "10.96.0.0/16"}"#],
                ),
                Set(Cluster, "controlPlaneEndpoint", &[r#""10.96.0.1:6443""#]),
            ],
        ],
    },
    Drawing {
        difference: "node-name",
        ways: &[&[Set(
            Init,
            "nodeRegistration",
            &[r#"{"name": "a-name-of-more-than-sixty-three-characters.in-a-domain.example.com"}"#],
        )]],
    },
    Drawing {
        difference: "taints",
        ways: &[
            &[Set(
                Init,
                "nodeRegistration.taints",
                &[
                    r#"[{"key": "a b", "effect": "NoSchedule"}]"#,
                    r#"[{"key": "a", "effect": "Sometimes"}]"#,
                    r#"[{"key": "a", "value": "b c", "effect": "NoExecute"}]"#,
                    r#"[{"key": "a", "effect": "NoExecute"}, {"key": "a", "effect": "NoExecute"}]"#,
                ],
            )],
            &[Set(
                Kubelet,
                "registerWithTaints",
                &[r#"[{"key": "a", "effect": ""}]"#],
            )],
            &[Set(
                Init,
                "nodeRegistration.kubeletExtraArgs",
                &[r#"[{"name": "register-with-taints", "value": "a=b"}]"#],
            )],
        ],
    },
    Drawing {
        difference: "flag-names",
        ways: &[&[Set(
            Cluster,
            "scheduler.extraArgs",
            &[
                r#"[{"name": "--v", "value": "4"}]"#,
                r#"[{"name": "v=4", "value": ""}]"#,
                r#"[{"name": "a b", "value": "c"}]"#,
            ],
        )]],
    },
    Drawing {
        difference: "static-pods",
        ways: &[
            &[RefusedPatch],
            &[RefusedPatch],
            &[Set(
                Cluster,
                "scheduler.extraVolumes",
                &[
                    r#"[{"name": "A b", "hostPath": "/a", "mountPath": "/a"}]"#,
                    r#"[{"name": "a", "hostPath": "/a", "mountPath": "/a"}, {"name": "b", "hostPath": "/b", "mountPath": "/a"}]"#,
                    r#"[{"name": "a", "hostPath": "/a/../b", "mountPath": "/a"}]"#,
                    r#"[{"name": "a", "hostPath": "/a", "mountPath": "/a", "pathType": "Folder"}]"#,
                ],
            )],
            &[Set(
                Cluster,
                "scheduler.extraEnvs",
                &[
                    r#"[{"name": "A=b", "value": "c"}]"#,
                    r#"[{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "a", "key": "b"}}}]"#,
                    r#"[{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec.x"}}}]"#,
                ],
            )],
        ],
    },
    Drawing {
        difference: "image-tags",
        ways: &[
            &[Set(
                Cluster,
                "etcd",
                &[
                    r#"{"local": {"imageTag": "a b"}}"#,
                    r#"{"local": {"imageTag": "-1"}}"#,
                ],
            )],
            &[Set(Cluster, "dns", &[r#"{"imageTag": "v1:2"}"#])],
        ],
    },
    Drawing {
        difference: "kubelet-flags",
        ways: &[&[Set(
            Init,
            "nodeRegistration.kubeletExtraArgs",
            &[
                r#"[{"name": "pod-infra-container-image", "value": "pause:1"}]"#,
                r#"[{"name": "network-plugin", "value": "cni"}]"#,
                r#"[{"name": "node-lables", "value": "a=b"}]"#,
                r#"[{"name": "node-labels", "value": "kubernetes.io/role=a"}]"#,
                r#"[{"name": "node-labels", "value": "a=b c"}]"#,
                r#"[{"name": "hostname-override", "value": "another"}]"#,
                r#"[{"name": "cloud-provider", "value": "aws"}]"#,
                r#"[{"name": "node-ip", "value": "10.0.0.1,10.0.0.2"}]"#,
                r#"[{"name": "help", "value": "true"}]"#,
                r#"[{"name": "root-dir", "value": "/mnt/big disk"}]"#,
                r#"[{"name": "max-pods", "value": "many"}]"#,
                r#"[{"name": "fail-swap-on", "value": "no"}]"#,
            ],
        )]],
    },
    Drawing {
        difference: "component-flags",
        ways: &[
            &[Set(
                Cluster,
                "apiServer.extraArgs",
                &[
                    r#"[{"name": "profiling", "value": "no"}]"#,
                    r#"[{"name": "event-ttl", "value": "60"}]"#,
                    r#"[{"name": "audit-log-maxage", "value": "30d"}]"#,
                ],
            )],
            &[Set(
                Cluster,
                "controllerManager.extraArgs",
                &[r#"[{"name": "allocate-node-cidrs", "value": "no"}]"#],
            )],
            &[Set(
                Cluster,
                "scheduler.extraArgs",
                &[r#"[{"name": "leader-elect", "value": ""}]"#],
            )],
        ],
    },
    Drawing {
        difference: "static-pod-path",
        ways: &[
            &[Set(Kubelet, "staticPodPath", &[r#""/srv/manifests""#])],
            &[Set(
                Init,
                "nodeRegistration.kubeletExtraArgs",
                &[r#"[{"name": "pod-manifest-path", "value": "/srv/manifests"}]"#],
            )],
            &[Patch(
                "kubeletconfiguration9.yaml",
                &[
                    r#"{"staticPodPath": "/srv/manifests"}"#,
                    r#"{"staticPodPath": null}"#,
                ],
            )],
        ],
    },
    Drawing {
        difference: "documents-without-content",
        ways: &[
            &[Text("", &["---\n# nothing\n"])],
            &[Before(&["# the cluster\n---\n"])],
        ],
    },
    Drawing {
        difference: "control-characters",
        ways: &[&[
            Set(Cluster, "clusterName", &[r#""a\u007fb""#]),
            Set(Inventory, "metadata.name", &[r#""named-for-the-bundle""#]),
        ]],
    },
    Drawing {
        difference: "other-releases",
        ways: &[&[
            Without(Kubelet),
            Without(KubeProxy),
            Without(Cluster),
            Set(
                Cluster,
                "kubernetesVersion",
                &[r#""v1.33.5""#, r#""1.34.2""#],
            ),
        ]],
    },
    Drawing {
        difference: "ipv6-registry",
        ways: &[&[
            Set(Cluster, "imageRepository", &[r#""[fd00::1]:5000/k8s""#]),
            Set(Cluster, "dns", &["{}"]),
        ]],
    },
];

/// Draws the intended difference whose turn case `number` is.
pub fn draw(case: &mut Case, random: &mut Random, number: u64, has_patches: bool) {
    let turn = usize::try_from(number)
        .unwrap_or_default()
        .checked_rem(DRAWINGS.len());
    let Some(drawing) = turn.and_then(|turn| DRAWINGS.get(turn)) else {
        return;
    };
    case.intended = Some(drawing.difference);
    let can = |way: &&&[Change]| has_patches || !way.iter().any(Change::needs_patches);
    let ways: Vec<_> = drawing.ways.iter().filter(can).collect();
    let Some(way) = ways.get(random.below(ways.len())) else {
        return;
    };
    // Nothing of what differs may be skipped.
    Set(Init, "skipPhases", &[r#"["preflight"]"#]).make(case, random);
    for change in **way {
        change.make(case, random);
    }
}
