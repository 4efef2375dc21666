//! core/v1 Pod with its metadata and scheduling, as tables; its containers, volumes and status have files of their own.
//!
//! Source: the Go types of k8s.io/api and k8s.io/apimachinery v0.36.2 by reflection over their struct tags: `json`
//! gives names, `omitempty` and `omitzero`; `patchStrategy` and `patchMergeKey` say how a strategic merge patch
//! treats a list. In the order of struct names; fields in Go's order.

use super::container::{CONTAINER, EPHEMERAL_CONTAINER, RESOURCE_REQUIREMENTS};
use super::status::POD_STATUS;
use super::volume::VOLUME;
use super::{BOOL, INT32, INT64, Object, QUANTITY, RAW, STRING, TIME, field, list, map, object};

static AFFINITY: Object = Object {
    name: "Affinity",
    fields: &[
        field("nodeAffinity", object(&NODE_AFFINITY))
            .pointer()
            .omitempty(),
        field("podAffinity", object(&POD_AFFINITY))
            .pointer()
            .omitempty(),
        field("podAntiAffinity", object(&POD_ANTI_AFFINITY))
            .pointer()
            .omitempty(),
    ],
};

pub(super) static APP_ARMOR_PROFILE: Object = Object {
    name: "AppArmorProfile",
    fields: &[
        field("type", STRING),
        field("localhostProfile", STRING).pointer().omitempty(),
    ],
};

static HOST_ALIAS: Object = Object {
    name: "HostAlias",
    fields: &[
        field("ip", STRING),
        field("hostnames", list(&STRING)).omitempty(),
    ],
};

pub(super) static LABEL_SELECTOR: Object = Object {
    name: "LabelSelector",
    fields: &[
        field("matchLabels", map(&STRING)).omitempty(),
        field(
            "matchExpressions",
            list(&object(&LABEL_SELECTOR_REQUIREMENT)),
        )
        .omitempty(),
    ],
};

static LABEL_SELECTOR_REQUIREMENT: Object = Object {
    name: "LabelSelectorRequirement",
    fields: &[
        field("key", STRING),
        field("operator", STRING),
        field("values", list(&STRING)).omitempty(),
    ],
};

pub(super) static LOCAL_OBJECT_REFERENCE: Object = Object {
    name: "LocalObjectReference",
    fields: &[field("name", STRING).omitempty()],
};

static MANAGED_FIELDS_ENTRY: Object = Object {
    name: "ManagedFieldsEntry",
    fields: &[
        field("manager", STRING).omitempty(),
        field("operation", STRING).omitempty(),
        field("apiVersion", STRING).omitempty(),
        field("time", TIME).pointer().omitempty(),
        field("fieldsType", STRING).omitempty(),
        field("fieldsV1", RAW).pointer().omitempty(),
        field("subresource", STRING).omitempty(),
    ],
};

static NODE_AFFINITY: Object = Object {
    name: "NodeAffinity",
    fields: &[
        field(
            "requiredDuringSchedulingIgnoredDuringExecution",
            object(&NODE_SELECTOR),
        )
        .pointer()
        .omitempty(),
        field(
            "preferredDuringSchedulingIgnoredDuringExecution",
            list(&object(&PREFERRED_SCHEDULING_TERM)),
        )
        .omitempty(),
    ],
};

static NODE_SELECTOR: Object = Object {
    name: "NodeSelector",
    fields: &[field(
        "nodeSelectorTerms",
        list(&object(&NODE_SELECTOR_TERM)),
    )],
};

static NODE_SELECTOR_REQUIREMENT: Object = Object {
    name: "NodeSelectorRequirement",
    fields: &[
        field("key", STRING),
        field("operator", STRING),
        field("values", list(&STRING)).omitempty(),
    ],
};

static NODE_SELECTOR_TERM: Object = Object {
    name: "NodeSelectorTerm",
    fields: &[
        field(
            "matchExpressions",
            list(&object(&NODE_SELECTOR_REQUIREMENT)),
        )
        .omitempty(),
        field("matchFields", list(&object(&NODE_SELECTOR_REQUIREMENT))).omitempty(),
    ],
};

pub(super) static OBJECT_META: Object = Object {
    name: "ObjectMeta",
    fields: &[
        field("name", STRING).omitempty(),
        field("generateName", STRING).omitempty(),
        field("namespace", STRING).omitempty(),
        field("selfLink", STRING).omitempty(),
        field("uid", STRING).omitempty(),
        field("resourceVersion", STRING).omitempty(),
        field("generation", INT64).omitempty(),
        field("creationTimestamp", TIME).omitempty().omitzero(),
        field("deletionTimestamp", TIME).pointer().omitempty(),
        field("deletionGracePeriodSeconds", INT64)
            .pointer()
            .omitempty(),
        field("labels", map(&STRING)).omitempty(),
        field("annotations", map(&STRING)).omitempty(),
        field("ownerReferences", list(&object(&OWNER_REFERENCE)))
            .omitempty()
            .merged_by("uid"),
        field("finalizers", list(&STRING)).omitempty().merged(),
        field("managedFields", list(&object(&MANAGED_FIELDS_ENTRY))).omitempty(),
    ],
};

static OWNER_REFERENCE: Object = Object {
    name: "OwnerReference",
    fields: &[
        field("apiVersion", STRING),
        field("kind", STRING),
        field("name", STRING),
        field("uid", STRING),
        field("controller", BOOL).pointer().omitempty(),
        field("blockOwnerDeletion", BOOL).pointer().omitempty(),
    ],
};

/// `v1.Pod`.
pub static POD: Object = Object {
    name: "Pod",
    fields: &[
        field("kind", STRING).omitempty(),
        field("apiVersion", STRING).omitempty(),
        field("metadata", object(&OBJECT_META)).omitempty(),
        field("spec", object(&POD_SPEC)).omitempty(),
        field("status", object(&POD_STATUS)).omitempty(),
    ],
};

static POD_AFFINITY: Object = Object {
    name: "PodAffinity",
    fields: &[
        field(
            "requiredDuringSchedulingIgnoredDuringExecution",
            list(&object(&POD_AFFINITY_TERM)),
        )
        .omitempty(),
        field(
            "preferredDuringSchedulingIgnoredDuringExecution",
            list(&object(&WEIGHTED_POD_AFFINITY_TERM)),
        )
        .omitempty(),
    ],
};

static POD_AFFINITY_TERM: Object = Object {
    name: "PodAffinityTerm",
    fields: &[
        field("labelSelector", object(&LABEL_SELECTOR))
            .pointer()
            .omitempty(),
        field("namespaces", list(&STRING)).omitempty(),
        field("topologyKey", STRING),
        field("namespaceSelector", object(&LABEL_SELECTOR))
            .pointer()
            .omitempty(),
        field("matchLabelKeys", list(&STRING)).omitempty(),
        field("mismatchLabelKeys", list(&STRING)).omitempty(),
    ],
};

static POD_ANTI_AFFINITY: Object = Object {
    name: "PodAntiAffinity",
    fields: &[
        field(
            "requiredDuringSchedulingIgnoredDuringExecution",
            list(&object(&POD_AFFINITY_TERM)),
        )
        .omitempty(),
        field(
            "preferredDuringSchedulingIgnoredDuringExecution",
            list(&object(&WEIGHTED_POD_AFFINITY_TERM)),
        )
        .omitempty(),
    ],
};

static POD_DNS_CONFIG: Object = Object {
    name: "PodDNSConfig",
    fields: &[
        field("nameservers", list(&STRING)).omitempty(),
        field("searches", list(&STRING)).omitempty(),
        field("options", list(&object(&POD_DNS_CONFIG_OPTION))).omitempty(),
    ],
};

static POD_DNS_CONFIG_OPTION: Object = Object {
    name: "PodDNSConfigOption",
    fields: &[
        field("name", STRING).omitempty(),
        field("value", STRING).pointer().omitempty(),
    ],
};

static POD_OS: Object = Object {
    name: "PodOS",
    fields: &[field("name", STRING)],
};

static POD_READINESS_GATE: Object = Object {
    name: "PodReadinessGate",
    fields: &[field("conditionType", STRING)],
};

static POD_RESOURCE_CLAIM: Object = Object {
    name: "PodResourceClaim",
    fields: &[
        field("name", STRING),
        field("resourceClaimName", STRING).pointer().omitempty(),
        field("resourceClaimTemplateName", STRING)
            .pointer()
            .omitempty(),
    ],
};

static POD_SCHEDULING_GATE: Object = Object {
    name: "PodSchedulingGate",
    fields: &[field("name", STRING)],
};

static POD_SCHEDULING_GROUP: Object = Object {
    name: "PodSchedulingGroup",
    fields: &[field("podGroupName", STRING).pointer().omitempty()],
};

static POD_SECURITY_CONTEXT: Object = Object {
    name: "PodSecurityContext",
    fields: &[
        field("seLinuxOptions", object(&SE_LINUX_OPTIONS))
            .pointer()
            .omitempty(),
        field("windowsOptions", object(&WINDOWS_SECURITY_CONTEXT_OPTIONS))
            .pointer()
            .omitempty(),
        field("runAsUser", INT64).pointer().omitempty(),
        field("runAsGroup", INT64).pointer().omitempty(),
        field("runAsNonRoot", BOOL).pointer().omitempty(),
        field("supplementalGroups", list(&INT64)).omitempty(),
        field("supplementalGroupsPolicy", STRING)
            .pointer()
            .omitempty(),
        field("fsGroup", INT64).pointer().omitempty(),
        field("sysctls", list(&object(&SYSCTL))).omitempty(),
        field("fsGroupChangePolicy", STRING).pointer().omitempty(),
        field("seccompProfile", object(&SECCOMP_PROFILE))
            .pointer()
            .omitempty(),
        field("appArmorProfile", object(&APP_ARMOR_PROFILE))
            .pointer()
            .omitempty(),
        field("seLinuxChangePolicy", STRING).pointer().omitempty(),
    ],
};

pub(super) static POD_SPEC: Object = Object {
    name: "PodSpec",
    fields: &[
        field("volumes", list(&object(&VOLUME)))
            .omitempty()
            .merged_by("name"),
        field("initContainers", list(&object(&CONTAINER)))
            .omitempty()
            .merged_by("name"),
        field("containers", list(&object(&CONTAINER))).merged_by("name"),
        field("ephemeralContainers", list(&object(&EPHEMERAL_CONTAINER)))
            .omitempty()
            .merged_by("name"),
        field("restartPolicy", STRING).omitempty(),
        field("terminationGracePeriodSeconds", INT64)
            .pointer()
            .omitempty(),
        field("activeDeadlineSeconds", INT64).pointer().omitempty(),
        field("dnsPolicy", STRING).omitempty(),
        field("nodeSelector", map(&STRING)).omitempty(),
        field("serviceAccountName", STRING).omitempty(),
        field("serviceAccount", STRING).omitempty(),
        field("automountServiceAccountToken", BOOL)
            .pointer()
            .omitempty(),
        field("nodeName", STRING).omitempty(),
        field("hostNetwork", BOOL).omitempty(),
        field("hostPID", BOOL).omitempty(),
        field("hostIPC", BOOL).omitempty(),
        field("shareProcessNamespace", BOOL).pointer().omitempty(),
        field("securityContext", object(&POD_SECURITY_CONTEXT))
            .pointer()
            .omitempty(),
        field("imagePullSecrets", list(&object(&LOCAL_OBJECT_REFERENCE)))
            .omitempty()
            .merged_by("name"),
        field("hostname", STRING).omitempty(),
        field("subdomain", STRING).omitempty(),
        field("affinity", object(&AFFINITY)).pointer().omitempty(),
        field("schedulerName", STRING).omitempty(),
        field("tolerations", list(&object(&TOLERATION))).omitempty(),
        field("hostAliases", list(&object(&HOST_ALIAS)))
            .omitempty()
            .merged_by("ip"),
        field("priorityClassName", STRING).omitempty(),
        field("priority", INT32).pointer().omitempty(),
        field("dnsConfig", object(&POD_DNS_CONFIG))
            .pointer()
            .omitempty(),
        field("readinessGates", list(&object(&POD_READINESS_GATE))).omitempty(),
        field("runtimeClassName", STRING).pointer().omitempty(),
        field("enableServiceLinks", BOOL).pointer().omitempty(),
        field("preemptionPolicy", STRING).pointer().omitempty(),
        field("overhead", map(&QUANTITY)).omitempty(),
        field(
            "topologySpreadConstraints",
            list(&object(&TOPOLOGY_SPREAD_CONSTRAINT)),
        )
        .omitempty()
        .merged_by("topologyKey"),
        field("setHostnameAsFQDN", BOOL).pointer().omitempty(),
        field("os", object(&POD_OS)).pointer().omitempty(),
        field("hostUsers", BOOL).pointer().omitempty(),
        field("schedulingGates", list(&object(&POD_SCHEDULING_GATE)))
            .omitempty()
            .merged_by("name"),
        field("resourceClaims", list(&object(&POD_RESOURCE_CLAIM)))
            .omitempty()
            .merged_by("name"),
        field("resources", object(&RESOURCE_REQUIREMENTS))
            .pointer()
            .omitempty(),
        field("hostnameOverride", STRING).pointer().omitempty(),
        field("schedulingGroup", object(&POD_SCHEDULING_GROUP))
            .pointer()
            .omitempty(),
    ],
};

static PREFERRED_SCHEDULING_TERM: Object = Object {
    name: "PreferredSchedulingTerm",
    fields: &[
        field("weight", INT32),
        field("preference", object(&NODE_SELECTOR_TERM)),
    ],
};

pub(super) static SECCOMP_PROFILE: Object = Object {
    name: "SeccompProfile",
    fields: &[
        field("type", STRING),
        field("localhostProfile", STRING).pointer().omitempty(),
    ],
};

pub(super) static SE_LINUX_OPTIONS: Object = Object {
    name: "SELinuxOptions",
    fields: &[
        field("user", STRING).omitempty(),
        field("role", STRING).omitempty(),
        field("type", STRING).omitempty(),
        field("level", STRING).omitempty(),
    ],
};

static SYSCTL: Object = Object {
    name: "Sysctl",
    fields: &[field("name", STRING), field("value", STRING)],
};

static TOLERATION: Object = Object {
    name: "Toleration",
    fields: &[
        field("key", STRING).omitempty(),
        field("operator", STRING).omitempty(),
        field("value", STRING).omitempty(),
        field("effect", STRING).omitempty(),
        field("tolerationSeconds", INT64).pointer().omitempty(),
    ],
};

static TOPOLOGY_SPREAD_CONSTRAINT: Object = Object {
    name: "TopologySpreadConstraint",
    fields: &[
        field("maxSkew", INT32),
        field("topologyKey", STRING),
        field("whenUnsatisfiable", STRING),
        field("labelSelector", object(&LABEL_SELECTOR))
            .pointer()
            .omitempty(),
        field("minDomains", INT32).pointer().omitempty(),
        field("nodeAffinityPolicy", STRING).pointer().omitempty(),
        field("nodeTaintsPolicy", STRING).pointer().omitempty(),
        field("matchLabelKeys", list(&STRING)).omitempty(),
    ],
};

static WEIGHTED_POD_AFFINITY_TERM: Object = Object {
    name: "WeightedPodAffinityTerm",
    fields: &[
        field("weight", INT32),
        field("podAffinityTerm", object(&POD_AFFINITY_TERM)),
    ],
};

pub(super) static WINDOWS_SECURITY_CONTEXT_OPTIONS: Object = Object {
    name: "WindowsSecurityContextOptions",
    fields: &[
        field("gmsaCredentialSpecName", STRING)
            .pointer()
            .omitempty(),
        field("gmsaCredentialSpec", STRING).pointer().omitempty(),
        field("runAsUserName", STRING).pointer().omitempty(),
        field("hostProcess", BOOL).pointer().omitempty(),
    ],
};
