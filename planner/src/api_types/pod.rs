//! core/v1 Pod and everything in it, as tables.
//!
//! Source: the Go types of k8s.io/api and k8s.io/apimachinery v0.36.2 by reflection over their struct tags: `json`
//! gives names, `omitempty` and `omitzero`; `patchStrategy` and `patchMergeKey` say how a strategic merge patch
//! treats a list. In the order of struct names; fields in Go's order.

use super::{
    BOOL, INT_OR_STRING, INT32, INT64, Object, QUANTITY, RAW, STRING, TIME, field, list, map,
    object,
};

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

static APP_ARMOR_PROFILE: Object = Object {
    name: "AppArmorProfile",
    fields: &[
        field("type", STRING),
        field("localhostProfile", STRING).pointer().omitempty(),
    ],
};

static AWS_ELASTIC_BLOCK_STORE_VOLUME_SOURCE: Object = Object {
    name: "AWSElasticBlockStoreVolumeSource",
    fields: &[
        field("volumeID", STRING),
        field("fsType", STRING).omitempty(),
        field("partition", INT32).omitempty(),
        field("readOnly", BOOL).omitempty(),
    ],
};

static AZURE_DISK_VOLUME_SOURCE: Object = Object {
    name: "AzureDiskVolumeSource",
    fields: &[
        field("diskName", STRING),
        field("diskURI", STRING),
        field("cachingMode", STRING).pointer().omitempty(),
        field("fsType", STRING).pointer().omitempty(),
        field("readOnly", BOOL).pointer().omitempty(),
        field("kind", STRING).pointer().omitempty(),
    ],
};

static AZURE_FILE_VOLUME_SOURCE: Object = Object {
    name: "AzureFileVolumeSource",
    fields: &[
        field("secretName", STRING),
        field("shareName", STRING),
        field("readOnly", BOOL).omitempty(),
    ],
};

static CAPABILITIES: Object = Object {
    name: "Capabilities",
    fields: &[
        field("add", list(&STRING)).omitempty(),
        field("drop", list(&STRING)).omitempty(),
    ],
};

static CEPH_FS_VOLUME_SOURCE: Object = Object {
    name: "CephFSVolumeSource",
    fields: &[
        field("monitors", list(&STRING)),
        field("path", STRING).omitempty(),
        field("user", STRING).omitempty(),
        field("secretFile", STRING).omitempty(),
        field("secretRef", object(&LOCAL_OBJECT_REFERENCE))
            .pointer()
            .omitempty(),
        field("readOnly", BOOL).omitempty(),
    ],
};

static CINDER_VOLUME_SOURCE: Object = Object {
    name: "CinderVolumeSource",
    fields: &[
        field("volumeID", STRING),
        field("fsType", STRING).omitempty(),
        field("readOnly", BOOL).omitempty(),
        field("secretRef", object(&LOCAL_OBJECT_REFERENCE))
            .pointer()
            .omitempty(),
    ],
};

static CLUSTER_TRUST_BUNDLE_PROJECTION: Object = Object {
    name: "ClusterTrustBundleProjection",
    fields: &[
        field("name", STRING).pointer().omitempty(),
        field("signerName", STRING).pointer().omitempty(),
        field("labelSelector", object(&LABEL_SELECTOR))
            .pointer()
            .omitempty(),
        field("optional", BOOL).pointer().omitempty(),
        field("path", STRING),
    ],
};

static CONFIG_MAP_ENV_SOURCE: Object = Object {
    name: "ConfigMapEnvSource",
    fields: &[
        field("name", STRING).omitempty(),
        field("optional", BOOL).pointer().omitempty(),
    ],
};

static CONFIG_MAP_KEY_SELECTOR: Object = Object {
    name: "ConfigMapKeySelector",
    fields: &[
        field("name", STRING).omitempty(),
        field("key", STRING),
        field("optional", BOOL).pointer().omitempty(),
    ],
};

static CONFIG_MAP_PROJECTION: Object = Object {
    name: "ConfigMapProjection",
    fields: &[
        field("name", STRING).omitempty(),
        field("items", list(&object(&KEY_TO_PATH))).omitempty(),
        field("optional", BOOL).pointer().omitempty(),
    ],
};

static CONFIG_MAP_VOLUME_SOURCE: Object = Object {
    name: "ConfigMapVolumeSource",
    fields: &[
        field("name", STRING).omitempty(),
        field("items", list(&object(&KEY_TO_PATH))).omitempty(),
        field("defaultMode", INT32).pointer().omitempty(),
        field("optional", BOOL).pointer().omitempty(),
    ],
};

static CONTAINER: Object = Object {
    name: "Container",
    fields: &[
        field("name", STRING),
        field("image", STRING).omitempty(),
        field("command", list(&STRING)).omitempty(),
        field("args", list(&STRING)).omitempty(),
        field("workingDir", STRING).omitempty(),
        field("ports", list(&object(&CONTAINER_PORT)))
            .omitempty()
            .merged_by("containerPort"),
        field("envFrom", list(&object(&ENV_FROM_SOURCE))).omitempty(),
        field("env", list(&object(&ENV_VAR)))
            .omitempty()
            .merged_by("name"),
        field("resources", object(&RESOURCE_REQUIREMENTS)).omitempty(),
        field("resizePolicy", list(&object(&CONTAINER_RESIZE_POLICY))).omitempty(),
        field("restartPolicy", STRING).pointer().omitempty(),
        field("restartPolicyRules", list(&object(&CONTAINER_RESTART_RULE))).omitempty(),
        field("volumeMounts", list(&object(&VOLUME_MOUNT)))
            .omitempty()
            .merged_by("mountPath"),
        field("volumeDevices", list(&object(&VOLUME_DEVICE)))
            .omitempty()
            .merged_by("devicePath"),
        field("livenessProbe", object(&PROBE)).pointer().omitempty(),
        field("readinessProbe", object(&PROBE))
            .pointer()
            .omitempty(),
        field("startupProbe", object(&PROBE)).pointer().omitempty(),
        field("lifecycle", object(&LIFECYCLE)).pointer().omitempty(),
        field("terminationMessagePath", STRING).omitempty(),
        field("terminationMessagePolicy", STRING).omitempty(),
        field("imagePullPolicy", STRING).omitempty(),
        field("securityContext", object(&SECURITY_CONTEXT))
            .pointer()
            .omitempty(),
        field("stdin", BOOL).omitempty(),
        field("stdinOnce", BOOL).omitempty(),
        field("tty", BOOL).omitempty(),
    ],
};

static CONTAINER_EXTENDED_RESOURCE_REQUEST: Object = Object {
    name: "ContainerExtendedResourceRequest",
    fields: &[
        field("containerName", STRING),
        field("resourceName", STRING),
        field("requestName", STRING),
    ],
};

static CONTAINER_PORT: Object = Object {
    name: "ContainerPort",
    fields: &[
        field("name", STRING).omitempty(),
        field("hostPort", INT32).omitempty(),
        field("containerPort", INT32),
        field("protocol", STRING).omitempty(),
        field("hostIP", STRING).omitempty(),
    ],
};

static CONTAINER_RESIZE_POLICY: Object = Object {
    name: "ContainerResizePolicy",
    fields: &[
        field("resourceName", STRING),
        field("restartPolicy", STRING),
    ],
};

static CONTAINER_RESTART_RULE: Object = Object {
    name: "ContainerRestartRule",
    fields: &[
        field("action", STRING).omitempty(),
        field("exitCodes", object(&CONTAINER_RESTART_RULE_ON_EXIT_CODES))
            .pointer()
            .omitempty(),
    ],
};

static CONTAINER_RESTART_RULE_ON_EXIT_CODES: Object = Object {
    name: "ContainerRestartRuleOnExitCodes",
    fields: &[
        field("operator", STRING).omitempty(),
        field("values", list(&INT32)).omitempty(),
    ],
};

static CONTAINER_STATE: Object = Object {
    name: "ContainerState",
    fields: &[
        field("waiting", object(&CONTAINER_STATE_WAITING))
            .pointer()
            .omitempty(),
        field("running", object(&CONTAINER_STATE_RUNNING))
            .pointer()
            .omitempty(),
        field("terminated", object(&CONTAINER_STATE_TERMINATED))
            .pointer()
            .omitempty(),
    ],
};

static CONTAINER_STATE_RUNNING: Object = Object {
    name: "ContainerStateRunning",
    fields: &[field("startedAt", TIME).omitempty()],
};

static CONTAINER_STATE_TERMINATED: Object = Object {
    name: "ContainerStateTerminated",
    fields: &[
        field("exitCode", INT32),
        field("signal", INT32).omitempty(),
        field("reason", STRING).omitempty(),
        field("message", STRING).omitempty(),
        field("startedAt", TIME).omitempty(),
        field("finishedAt", TIME).omitempty(),
        field("containerID", STRING).omitempty(),
    ],
};

static CONTAINER_STATE_WAITING: Object = Object {
    name: "ContainerStateWaiting",
    fields: &[
        field("reason", STRING).omitempty(),
        field("message", STRING).omitempty(),
    ],
};

static CONTAINER_STATUS: Object = Object {
    name: "ContainerStatus",
    fields: &[
        field("name", STRING),
        field("state", object(&CONTAINER_STATE)).omitempty(),
        field("lastState", object(&CONTAINER_STATE)).omitempty(),
        field("ready", BOOL),
        field("restartCount", INT32),
        field("image", STRING),
        field("imageID", STRING),
        field("containerID", STRING).omitempty(),
        field("started", BOOL).pointer().omitempty(),
        field("allocatedResources", map(&QUANTITY)).omitempty(),
        field("resources", object(&RESOURCE_REQUIREMENTS))
            .pointer()
            .omitempty(),
        field("volumeMounts", list(&object(&VOLUME_MOUNT_STATUS)))
            .omitempty()
            .merged_by("mountPath"),
        field("user", object(&CONTAINER_USER)).pointer().omitempty(),
        field("allocatedResourcesStatus", list(&object(&RESOURCE_STATUS)))
            .omitempty()
            .merged_by("name"),
        field("stopSignal", STRING).pointer().omitempty(),
    ],
};

static CONTAINER_USER: Object = Object {
    name: "ContainerUser",
    fields: &[field("linux", object(&LINUX_CONTAINER_USER))
        .pointer()
        .omitempty()],
};

static CSI_VOLUME_SOURCE: Object = Object {
    name: "CSIVolumeSource",
    fields: &[
        field("driver", STRING),
        field("readOnly", BOOL).pointer().omitempty(),
        field("fsType", STRING).pointer().omitempty(),
        field("volumeAttributes", map(&STRING)).omitempty(),
        field("nodePublishSecretRef", object(&LOCAL_OBJECT_REFERENCE))
            .pointer()
            .omitempty(),
    ],
};

static DOWNWARD_API_PROJECTION: Object = Object {
    name: "DownwardAPIProjection",
    fields: &[field("items", list(&object(&DOWNWARD_API_VOLUME_FILE))).omitempty()],
};

static DOWNWARD_API_VOLUME_FILE: Object = Object {
    name: "DownwardAPIVolumeFile",
    fields: &[
        field("path", STRING),
        field("fieldRef", object(&OBJECT_FIELD_SELECTOR))
            .pointer()
            .omitempty(),
        field("resourceFieldRef", object(&RESOURCE_FIELD_SELECTOR))
            .pointer()
            .omitempty(),
        field("mode", INT32).pointer().omitempty(),
    ],
};

static DOWNWARD_API_VOLUME_SOURCE: Object = Object {
    name: "DownwardAPIVolumeSource",
    fields: &[
        field("items", list(&object(&DOWNWARD_API_VOLUME_FILE))).omitempty(),
        field("defaultMode", INT32).pointer().omitempty(),
    ],
};

static EMPTY_DIR_VOLUME_SOURCE: Object = Object {
    name: "EmptyDirVolumeSource",
    fields: &[
        field("medium", STRING).omitempty(),
        field("sizeLimit", QUANTITY).pointer().omitempty(),
    ],
};

static ENV_FROM_SOURCE: Object = Object {
    name: "EnvFromSource",
    fields: &[
        field("prefix", STRING).omitempty(),
        field("configMapRef", object(&CONFIG_MAP_ENV_SOURCE))
            .pointer()
            .omitempty(),
        field("secretRef", object(&SECRET_ENV_SOURCE))
            .pointer()
            .omitempty(),
    ],
};

static ENV_VAR: Object = Object {
    name: "EnvVar",
    fields: &[
        field("name", STRING),
        field("value", STRING).omitempty(),
        field("valueFrom", object(&ENV_VAR_SOURCE))
            .pointer()
            .omitempty(),
    ],
};

static ENV_VAR_SOURCE: Object = Object {
    name: "EnvVarSource",
    fields: &[
        field("fieldRef", object(&OBJECT_FIELD_SELECTOR))
            .pointer()
            .omitempty(),
        field("resourceFieldRef", object(&RESOURCE_FIELD_SELECTOR))
            .pointer()
            .omitempty(),
        field("configMapKeyRef", object(&CONFIG_MAP_KEY_SELECTOR))
            .pointer()
            .omitempty(),
        field("secretKeyRef", object(&SECRET_KEY_SELECTOR))
            .pointer()
            .omitempty(),
        field("fileKeyRef", object(&FILE_KEY_SELECTOR))
            .pointer()
            .omitempty(),
    ],
};

static EPHEMERAL_CONTAINER: Object = Object {
    name: "EphemeralContainer",
    fields: &[
        field("name", STRING),
        field("image", STRING).omitempty(),
        field("command", list(&STRING)).omitempty(),
        field("args", list(&STRING)).omitempty(),
        field("workingDir", STRING).omitempty(),
        field("ports", list(&object(&CONTAINER_PORT)))
            .omitempty()
            .merged_by("containerPort"),
        field("envFrom", list(&object(&ENV_FROM_SOURCE))).omitempty(),
        field("env", list(&object(&ENV_VAR)))
            .omitempty()
            .merged_by("name"),
        field("resources", object(&RESOURCE_REQUIREMENTS)).omitempty(),
        field("resizePolicy", list(&object(&CONTAINER_RESIZE_POLICY))).omitempty(),
        field("restartPolicy", STRING).pointer().omitempty(),
        field("restartPolicyRules", list(&object(&CONTAINER_RESTART_RULE))).omitempty(),
        field("volumeMounts", list(&object(&VOLUME_MOUNT)))
            .omitempty()
            .merged_by("mountPath"),
        field("volumeDevices", list(&object(&VOLUME_DEVICE)))
            .omitempty()
            .merged_by("devicePath"),
        field("livenessProbe", object(&PROBE)).pointer().omitempty(),
        field("readinessProbe", object(&PROBE))
            .pointer()
            .omitempty(),
        field("startupProbe", object(&PROBE)).pointer().omitempty(),
        field("lifecycle", object(&LIFECYCLE)).pointer().omitempty(),
        field("terminationMessagePath", STRING).omitempty(),
        field("terminationMessagePolicy", STRING).omitempty(),
        field("imagePullPolicy", STRING).omitempty(),
        field("securityContext", object(&SECURITY_CONTEXT))
            .pointer()
            .omitempty(),
        field("stdin", BOOL).omitempty(),
        field("stdinOnce", BOOL).omitempty(),
        field("tty", BOOL).omitempty(),
        field("targetContainerName", STRING).omitempty(),
    ],
};

static EPHEMERAL_VOLUME_SOURCE: Object = Object {
    name: "EphemeralVolumeSource",
    fields: &[field(
        "volumeClaimTemplate",
        object(&PERSISTENT_VOLUME_CLAIM_TEMPLATE),
    )
    .pointer()
    .omitempty()],
};

static EXEC_ACTION: Object = Object {
    name: "ExecAction",
    fields: &[field("command", list(&STRING)).omitempty()],
};

static FC_VOLUME_SOURCE: Object = Object {
    name: "FCVolumeSource",
    fields: &[
        field("targetWWNs", list(&STRING)).omitempty(),
        field("lun", INT32).pointer().omitempty(),
        field("fsType", STRING).omitempty(),
        field("readOnly", BOOL).omitempty(),
        field("wwids", list(&STRING)).omitempty(),
    ],
};

static FILE_KEY_SELECTOR: Object = Object {
    name: "FileKeySelector",
    fields: &[
        field("volumeName", STRING),
        field("path", STRING),
        field("key", STRING),
        field("optional", BOOL).pointer().omitempty(),
    ],
};

static FLEX_VOLUME_SOURCE: Object = Object {
    name: "FlexVolumeSource",
    fields: &[
        field("driver", STRING),
        field("fsType", STRING).omitempty(),
        field("secretRef", object(&LOCAL_OBJECT_REFERENCE))
            .pointer()
            .omitempty(),
        field("readOnly", BOOL).omitempty(),
        field("options", map(&STRING)).omitempty(),
    ],
};

static FLOCKER_VOLUME_SOURCE: Object = Object {
    name: "FlockerVolumeSource",
    fields: &[
        field("datasetName", STRING).omitempty(),
        field("datasetUUID", STRING).omitempty(),
    ],
};

static GCE_PERSISTENT_DISK_VOLUME_SOURCE: Object = Object {
    name: "GCEPersistentDiskVolumeSource",
    fields: &[
        field("pdName", STRING),
        field("fsType", STRING).omitempty(),
        field("partition", INT32).omitempty(),
        field("readOnly", BOOL).omitempty(),
    ],
};

static GIT_REPO_VOLUME_SOURCE: Object = Object {
    name: "GitRepoVolumeSource",
    fields: &[
        field("repository", STRING),
        field("revision", STRING).omitempty(),
        field("directory", STRING).omitempty(),
    ],
};

static GLUSTERFS_VOLUME_SOURCE: Object = Object {
    name: "GlusterfsVolumeSource",
    fields: &[
        field("endpoints", STRING),
        field("path", STRING),
        field("readOnly", BOOL).omitempty(),
    ],
};

static GRPC_ACTION: Object = Object {
    name: "GRPCAction",
    fields: &[field("port", INT32), field("service", STRING).pointer()],
};

static HOST_ALIAS: Object = Object {
    name: "HostAlias",
    fields: &[
        field("ip", STRING),
        field("hostnames", list(&STRING)).omitempty(),
    ],
};

static HOST_IP: Object = Object {
    name: "HostIP",
    fields: &[field("ip", STRING)],
};

static HOST_PATH_VOLUME_SOURCE: Object = Object {
    name: "HostPathVolumeSource",
    fields: &[
        field("path", STRING),
        field("type", STRING).pointer().omitempty(),
    ],
};

static HTTP_GET_ACTION: Object = Object {
    name: "HTTPGetAction",
    fields: &[
        field("path", STRING).omitempty(),
        field("port", INT_OR_STRING),
        field("host", STRING).omitempty(),
        field("scheme", STRING).omitempty(),
        field("httpHeaders", list(&object(&HTTP_HEADER))).omitempty(),
    ],
};

static HTTP_HEADER: Object = Object {
    name: "HTTPHeader",
    fields: &[field("name", STRING), field("value", STRING)],
};

static IMAGE_VOLUME_SOURCE: Object = Object {
    name: "ImageVolumeSource",
    fields: &[
        field("reference", STRING).omitempty(),
        field("pullPolicy", STRING).omitempty(),
    ],
};

static IMAGE_VOLUME_STATUS: Object = Object {
    name: "ImageVolumeStatus",
    fields: &[field("imageRef", STRING).omitempty()],
};

static ISCSI_VOLUME_SOURCE: Object = Object {
    name: "ISCSIVolumeSource",
    fields: &[
        field("targetPortal", STRING),
        field("iqn", STRING),
        field("lun", INT32),
        field("iscsiInterface", STRING).omitempty(),
        field("fsType", STRING).omitempty(),
        field("readOnly", BOOL).omitempty(),
        field("portals", list(&STRING)).omitempty(),
        field("chapAuthDiscovery", BOOL).omitempty(),
        field("chapAuthSession", BOOL).omitempty(),
        field("secretRef", object(&LOCAL_OBJECT_REFERENCE))
            .pointer()
            .omitempty(),
        field("initiatorName", STRING).pointer().omitempty(),
    ],
};

static KEY_TO_PATH: Object = Object {
    name: "KeyToPath",
    fields: &[
        field("key", STRING),
        field("path", STRING),
        field("mode", INT32).pointer().omitempty(),
    ],
};

static LABEL_SELECTOR: Object = Object {
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

static LIFECYCLE: Object = Object {
    name: "Lifecycle",
    fields: &[
        field("postStart", object(&LIFECYCLE_HANDLER))
            .pointer()
            .omitempty(),
        field("preStop", object(&LIFECYCLE_HANDLER))
            .pointer()
            .omitempty(),
        field("stopSignal", STRING).pointer().omitempty(),
    ],
};

static LIFECYCLE_HANDLER: Object = Object {
    name: "LifecycleHandler",
    fields: &[
        field("exec", object(&EXEC_ACTION)).pointer().omitempty(),
        field("httpGet", object(&HTTP_GET_ACTION))
            .pointer()
            .omitempty(),
        field("tcpSocket", object(&TCP_SOCKET_ACTION))
            .pointer()
            .omitempty(),
        field("sleep", object(&SLEEP_ACTION)).pointer().omitempty(),
    ],
};

static LINUX_CONTAINER_USER: Object = Object {
    name: "LinuxContainerUser",
    fields: &[
        field("uid", INT64),
        field("gid", INT64),
        field("supplementalGroups", list(&INT64)).omitempty(),
    ],
};

static LOCAL_OBJECT_REFERENCE: Object = Object {
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

static NFS_VOLUME_SOURCE: Object = Object {
    name: "NFSVolumeSource",
    fields: &[
        field("server", STRING),
        field("path", STRING),
        field("readOnly", BOOL).omitempty(),
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

static NODE_ALLOCATABLE_RESOURCE_CLAIM_STATUS: Object = Object {
    name: "NodeAllocatableResourceClaimStatus",
    fields: &[
        field("resourceClaimName", STRING),
        field("containers", list(&STRING)).omitempty(),
        field("resources", map(&QUANTITY)),
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

static OBJECT_FIELD_SELECTOR: Object = Object {
    name: "ObjectFieldSelector",
    fields: &[
        field("apiVersion", STRING).omitempty(),
        field("fieldPath", STRING),
    ],
};

static OBJECT_META: Object = Object {
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

static PERSISTENT_VOLUME_CLAIM_SPEC: Object = Object {
    name: "PersistentVolumeClaimSpec",
    fields: &[
        field("accessModes", list(&STRING)).omitempty(),
        field("selector", object(&LABEL_SELECTOR))
            .pointer()
            .omitempty(),
        field("resources", object(&VOLUME_RESOURCE_REQUIREMENTS)).omitempty(),
        field("volumeName", STRING).omitempty(),
        field("storageClassName", STRING).pointer().omitempty(),
        field("volumeMode", STRING).pointer().omitempty(),
        field("dataSource", object(&TYPED_LOCAL_OBJECT_REFERENCE))
            .pointer()
            .omitempty(),
        field("dataSourceRef", object(&TYPED_OBJECT_REFERENCE))
            .pointer()
            .omitempty(),
        field("volumeAttributesClassName", STRING)
            .pointer()
            .omitempty(),
    ],
};

static PERSISTENT_VOLUME_CLAIM_TEMPLATE: Object = Object {
    name: "PersistentVolumeClaimTemplate",
    fields: &[
        field("metadata", object(&OBJECT_META)).omitempty(),
        field("spec", object(&PERSISTENT_VOLUME_CLAIM_SPEC)),
    ],
};

static PERSISTENT_VOLUME_CLAIM_VOLUME_SOURCE: Object = Object {
    name: "PersistentVolumeClaimVolumeSource",
    fields: &[
        field("claimName", STRING),
        field("readOnly", BOOL).omitempty(),
    ],
};

static PHOTON_PERSISTENT_DISK_VOLUME_SOURCE: Object = Object {
    name: "PhotonPersistentDiskVolumeSource",
    fields: &[field("pdID", STRING), field("fsType", STRING).omitempty()],
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

static POD_CERTIFICATE_PROJECTION: Object = Object {
    name: "PodCertificateProjection",
    fields: &[
        field("signerName", STRING).omitempty(),
        field("keyType", STRING).omitempty(),
        field("maxExpirationSeconds", INT32).pointer().omitempty(),
        field("credentialBundlePath", STRING).omitempty(),
        field("keyPath", STRING).omitempty(),
        field("certificateChainPath", STRING).omitempty(),
        field("userAnnotations", map(&STRING)).omitempty(),
    ],
};

static POD_CONDITION: Object = Object {
    name: "PodCondition",
    fields: &[
        field("type", STRING),
        field("observedGeneration", INT64).omitempty(),
        field("status", STRING),
        field("lastProbeTime", TIME).omitempty(),
        field("lastTransitionTime", TIME).omitempty(),
        field("reason", STRING).omitempty(),
        field("message", STRING).omitempty(),
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

static POD_EXTENDED_RESOURCE_CLAIM_STATUS: Object = Object {
    name: "PodExtendedResourceClaimStatus",
    fields: &[
        field(
            "requestMappings",
            list(&object(&CONTAINER_EXTENDED_RESOURCE_REQUEST)),
        ),
        field("resourceClaimName", STRING),
    ],
};

static POD_IP: Object = Object {
    name: "PodIP",
    fields: &[field("ip", STRING)],
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

static POD_RESOURCE_CLAIM_STATUS: Object = Object {
    name: "PodResourceClaimStatus",
    fields: &[
        field("name", STRING),
        field("resourceClaimName", STRING).pointer().omitempty(),
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

static POD_SPEC: Object = Object {
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

static POD_STATUS: Object = Object {
    name: "PodStatus",
    fields: &[
        field("observedGeneration", INT64).omitempty(),
        field("phase", STRING).omitempty(),
        field("conditions", list(&object(&POD_CONDITION)))
            .omitempty()
            .merged_by("type"),
        field("message", STRING).omitempty(),
        field("reason", STRING).omitempty(),
        field("nominatedNodeName", STRING).omitempty(),
        field("hostIP", STRING).omitempty(),
        field("hostIPs", list(&object(&HOST_IP)))
            .omitempty()
            .merged_by("ip"),
        field("podIP", STRING).omitempty(),
        field("podIPs", list(&object(&POD_IP)))
            .omitempty()
            .merged_by("ip"),
        field("startTime", TIME).pointer().omitempty(),
        field("initContainerStatuses", list(&object(&CONTAINER_STATUS))).omitempty(),
        field("containerStatuses", list(&object(&CONTAINER_STATUS))).omitempty(),
        field("qosClass", STRING).omitempty(),
        field(
            "ephemeralContainerStatuses",
            list(&object(&CONTAINER_STATUS)),
        )
        .omitempty(),
        field("resize", STRING).omitempty(),
        field(
            "resourceClaimStatuses",
            list(&object(&POD_RESOURCE_CLAIM_STATUS)),
        )
        .omitempty()
        .merged_by("name"),
        field(
            "extendedResourceClaimStatus",
            object(&POD_EXTENDED_RESOURCE_CLAIM_STATUS),
        )
        .pointer()
        .omitempty(),
        field("allocatedResources", map(&QUANTITY)).omitempty(),
        field("resources", object(&RESOURCE_REQUIREMENTS))
            .pointer()
            .omitempty(),
        field(
            "nodeAllocatableResourceClaimStatuses",
            list(&object(&NODE_ALLOCATABLE_RESOURCE_CLAIM_STATUS)),
        )
        .omitempty(),
    ],
};

static PORTWORX_VOLUME_SOURCE: Object = Object {
    name: "PortworxVolumeSource",
    fields: &[
        field("volumeID", STRING),
        field("fsType", STRING).omitempty(),
        field("readOnly", BOOL).omitempty(),
    ],
};

static PREFERRED_SCHEDULING_TERM: Object = Object {
    name: "PreferredSchedulingTerm",
    fields: &[
        field("weight", INT32),
        field("preference", object(&NODE_SELECTOR_TERM)),
    ],
};

static PROBE: Object = Object {
    name: "Probe",
    fields: &[
        field("exec", object(&EXEC_ACTION)).pointer().omitempty(),
        field("httpGet", object(&HTTP_GET_ACTION))
            .pointer()
            .omitempty(),
        field("tcpSocket", object(&TCP_SOCKET_ACTION))
            .pointer()
            .omitempty(),
        field("grpc", object(&GRPC_ACTION)).pointer().omitempty(),
        field("initialDelaySeconds", INT32).omitempty(),
        field("timeoutSeconds", INT32).omitempty(),
        field("periodSeconds", INT32).omitempty(),
        field("successThreshold", INT32).omitempty(),
        field("failureThreshold", INT32).omitempty(),
        field("terminationGracePeriodSeconds", INT64)
            .pointer()
            .omitempty(),
    ],
};

static PROJECTED_VOLUME_SOURCE: Object = Object {
    name: "ProjectedVolumeSource",
    fields: &[
        field("sources", list(&object(&VOLUME_PROJECTION))),
        field("defaultMode", INT32).pointer().omitempty(),
    ],
};

static QUOBYTE_VOLUME_SOURCE: Object = Object {
    name: "QuobyteVolumeSource",
    fields: &[
        field("registry", STRING),
        field("volume", STRING),
        field("readOnly", BOOL).omitempty(),
        field("user", STRING).omitempty(),
        field("group", STRING).omitempty(),
        field("tenant", STRING).omitempty(),
    ],
};

static RBD_VOLUME_SOURCE: Object = Object {
    name: "RBDVolumeSource",
    fields: &[
        field("monitors", list(&STRING)),
        field("image", STRING),
        field("fsType", STRING).omitempty(),
        field("pool", STRING).omitempty(),
        field("user", STRING).omitempty(),
        field("keyring", STRING).omitempty(),
        field("secretRef", object(&LOCAL_OBJECT_REFERENCE))
            .pointer()
            .omitempty(),
        field("readOnly", BOOL).omitempty(),
    ],
};

static RESOURCE_CLAIM: Object = Object {
    name: "ResourceClaim",
    fields: &[field("name", STRING), field("request", STRING).omitempty()],
};

static RESOURCE_FIELD_SELECTOR: Object = Object {
    name: "ResourceFieldSelector",
    fields: &[
        field("containerName", STRING).omitempty(),
        field("resource", STRING),
        field("divisor", QUANTITY).omitempty(),
    ],
};

static RESOURCE_HEALTH: Object = Object {
    name: "ResourceHealth",
    fields: &[
        field("resourceID", STRING),
        field("health", STRING).omitempty(),
        field("message", STRING).pointer().omitempty(),
    ],
};

static RESOURCE_REQUIREMENTS: Object = Object {
    name: "ResourceRequirements",
    fields: &[
        field("limits", map(&QUANTITY)).omitempty(),
        field("requests", map(&QUANTITY)).omitempty(),
        field("claims", list(&object(&RESOURCE_CLAIM))).omitempty(),
    ],
};

static RESOURCE_STATUS: Object = Object {
    name: "ResourceStatus",
    fields: &[
        field("name", STRING),
        field("resources", list(&object(&RESOURCE_HEALTH))).omitempty(),
    ],
};

static SCALE_IO_VOLUME_SOURCE: Object = Object {
    name: "ScaleIOVolumeSource",
    fields: &[
        field("gateway", STRING),
        field("system", STRING),
        field("secretRef", object(&LOCAL_OBJECT_REFERENCE)).pointer(),
        field("sslEnabled", BOOL).omitempty(),
        field("protectionDomain", STRING).omitempty(),
        field("storagePool", STRING).omitempty(),
        field("storageMode", STRING).omitempty(),
        field("volumeName", STRING).omitempty(),
        field("fsType", STRING).omitempty(),
        field("readOnly", BOOL).omitempty(),
    ],
};

static SECCOMP_PROFILE: Object = Object {
    name: "SeccompProfile",
    fields: &[
        field("type", STRING),
        field("localhostProfile", STRING).pointer().omitempty(),
    ],
};

static SECRET_ENV_SOURCE: Object = Object {
    name: "SecretEnvSource",
    fields: &[
        field("name", STRING).omitempty(),
        field("optional", BOOL).pointer().omitempty(),
    ],
};

static SECRET_KEY_SELECTOR: Object = Object {
    name: "SecretKeySelector",
    fields: &[
        field("name", STRING).omitempty(),
        field("key", STRING),
        field("optional", BOOL).pointer().omitempty(),
    ],
};

static SECRET_PROJECTION: Object = Object {
    name: "SecretProjection",
    fields: &[
        field("name", STRING).omitempty(),
        field("items", list(&object(&KEY_TO_PATH))).omitempty(),
        field("optional", BOOL).pointer().omitempty(),
    ],
};

static SECRET_VOLUME_SOURCE: Object = Object {
    name: "SecretVolumeSource",
    fields: &[
        field("secretName", STRING).omitempty(),
        field("items", list(&object(&KEY_TO_PATH))).omitempty(),
        field("defaultMode", INT32).pointer().omitempty(),
        field("optional", BOOL).pointer().omitempty(),
    ],
};

static SECURITY_CONTEXT: Object = Object {
    name: "SecurityContext",
    fields: &[
        field("capabilities", object(&CAPABILITIES))
            .pointer()
            .omitempty(),
        field("privileged", BOOL).pointer().omitempty(),
        field("seLinuxOptions", object(&SE_LINUX_OPTIONS))
            .pointer()
            .omitempty(),
        field("windowsOptions", object(&WINDOWS_SECURITY_CONTEXT_OPTIONS))
            .pointer()
            .omitempty(),
        field("runAsUser", INT64).pointer().omitempty(),
        field("runAsGroup", INT64).pointer().omitempty(),
        field("runAsNonRoot", BOOL).pointer().omitempty(),
        field("readOnlyRootFilesystem", BOOL).pointer().omitempty(),
        field("allowPrivilegeEscalation", BOOL)
            .pointer()
            .omitempty(),
        field("procMount", STRING).pointer().omitempty(),
        field("seccompProfile", object(&SECCOMP_PROFILE))
            .pointer()
            .omitempty(),
        field("appArmorProfile", object(&APP_ARMOR_PROFILE))
            .pointer()
            .omitempty(),
    ],
};

static SERVICE_ACCOUNT_TOKEN_PROJECTION: Object = Object {
    name: "ServiceAccountTokenProjection",
    fields: &[
        field("audience", STRING).omitempty(),
        field("expirationSeconds", INT64).pointer().omitempty(),
        field("path", STRING),
    ],
};

static SE_LINUX_OPTIONS: Object = Object {
    name: "SELinuxOptions",
    fields: &[
        field("user", STRING).omitempty(),
        field("role", STRING).omitempty(),
        field("type", STRING).omitempty(),
        field("level", STRING).omitempty(),
    ],
};

static SLEEP_ACTION: Object = Object {
    name: "SleepAction",
    fields: &[field("seconds", INT64)],
};

static STORAGE_OS_VOLUME_SOURCE: Object = Object {
    name: "StorageOSVolumeSource",
    fields: &[
        field("volumeName", STRING).omitempty(),
        field("volumeNamespace", STRING).omitempty(),
        field("fsType", STRING).omitempty(),
        field("readOnly", BOOL).omitempty(),
        field("secretRef", object(&LOCAL_OBJECT_REFERENCE))
            .pointer()
            .omitempty(),
    ],
};

static SYSCTL: Object = Object {
    name: "Sysctl",
    fields: &[field("name", STRING), field("value", STRING)],
};

static TCP_SOCKET_ACTION: Object = Object {
    name: "TCPSocketAction",
    fields: &[
        field("port", INT_OR_STRING),
        field("host", STRING).omitempty(),
    ],
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

static TYPED_LOCAL_OBJECT_REFERENCE: Object = Object {
    name: "TypedLocalObjectReference",
    fields: &[
        field("apiGroup", STRING).pointer(),
        field("kind", STRING),
        field("name", STRING),
    ],
};

static TYPED_OBJECT_REFERENCE: Object = Object {
    name: "TypedObjectReference",
    fields: &[
        field("apiGroup", STRING).pointer(),
        field("kind", STRING),
        field("name", STRING),
        field("namespace", STRING).pointer().omitempty(),
    ],
};

static VOLUME: Object = Object {
    name: "Volume",
    fields: &[
        field("name", STRING),
        field("hostPath", object(&HOST_PATH_VOLUME_SOURCE))
            .pointer()
            .omitempty(),
        field("emptyDir", object(&EMPTY_DIR_VOLUME_SOURCE))
            .pointer()
            .omitempty(),
        field(
            "gcePersistentDisk",
            object(&GCE_PERSISTENT_DISK_VOLUME_SOURCE),
        )
        .pointer()
        .omitempty(),
        field(
            "awsElasticBlockStore",
            object(&AWS_ELASTIC_BLOCK_STORE_VOLUME_SOURCE),
        )
        .pointer()
        .omitempty(),
        field("gitRepo", object(&GIT_REPO_VOLUME_SOURCE))
            .pointer()
            .omitempty(),
        field("secret", object(&SECRET_VOLUME_SOURCE))
            .pointer()
            .omitempty(),
        field("nfs", object(&NFS_VOLUME_SOURCE))
            .pointer()
            .omitempty(),
        field("iscsi", object(&ISCSI_VOLUME_SOURCE))
            .pointer()
            .omitempty(),
        field("glusterfs", object(&GLUSTERFS_VOLUME_SOURCE))
            .pointer()
            .omitempty(),
        field(
            "persistentVolumeClaim",
            object(&PERSISTENT_VOLUME_CLAIM_VOLUME_SOURCE),
        )
        .pointer()
        .omitempty(),
        field("rbd", object(&RBD_VOLUME_SOURCE))
            .pointer()
            .omitempty(),
        field("flexVolume", object(&FLEX_VOLUME_SOURCE))
            .pointer()
            .omitempty(),
        field("cinder", object(&CINDER_VOLUME_SOURCE))
            .pointer()
            .omitempty(),
        field("cephfs", object(&CEPH_FS_VOLUME_SOURCE))
            .pointer()
            .omitempty(),
        field("flocker", object(&FLOCKER_VOLUME_SOURCE))
            .pointer()
            .omitempty(),
        field("downwardAPI", object(&DOWNWARD_API_VOLUME_SOURCE))
            .pointer()
            .omitempty(),
        field("fc", object(&FC_VOLUME_SOURCE)).pointer().omitempty(),
        field("azureFile", object(&AZURE_FILE_VOLUME_SOURCE))
            .pointer()
            .omitempty(),
        field("configMap", object(&CONFIG_MAP_VOLUME_SOURCE))
            .pointer()
            .omitempty(),
        field("vsphereVolume", object(&VSPHERE_VIRTUAL_DISK_VOLUME_SOURCE))
            .pointer()
            .omitempty(),
        field("quobyte", object(&QUOBYTE_VOLUME_SOURCE))
            .pointer()
            .omitempty(),
        field("azureDisk", object(&AZURE_DISK_VOLUME_SOURCE))
            .pointer()
            .omitempty(),
        field(
            "photonPersistentDisk",
            object(&PHOTON_PERSISTENT_DISK_VOLUME_SOURCE),
        )
        .pointer()
        .omitempty(),
        field("projected", object(&PROJECTED_VOLUME_SOURCE))
            .pointer()
            .omitempty(),
        field("portworxVolume", object(&PORTWORX_VOLUME_SOURCE))
            .pointer()
            .omitempty(),
        field("scaleIO", object(&SCALE_IO_VOLUME_SOURCE))
            .pointer()
            .omitempty(),
        field("storageos", object(&STORAGE_OS_VOLUME_SOURCE))
            .pointer()
            .omitempty(),
        field("csi", object(&CSI_VOLUME_SOURCE))
            .pointer()
            .omitempty(),
        field("ephemeral", object(&EPHEMERAL_VOLUME_SOURCE))
            .pointer()
            .omitempty(),
        field("image", object(&IMAGE_VOLUME_SOURCE))
            .pointer()
            .omitempty(),
    ],
};

static VOLUME_DEVICE: Object = Object {
    name: "VolumeDevice",
    fields: &[field("name", STRING), field("devicePath", STRING)],
};

static VOLUME_MOUNT: Object = Object {
    name: "VolumeMount",
    fields: &[
        field("name", STRING),
        field("readOnly", BOOL).omitempty(),
        field("recursiveReadOnly", STRING).pointer().omitempty(),
        field("mountPath", STRING),
        field("subPath", STRING).omitempty(),
        field("mountPropagation", STRING).pointer().omitempty(),
        field("subPathExpr", STRING).omitempty(),
    ],
};

static VOLUME_MOUNT_STATUS: Object = Object {
    name: "VolumeMountStatus",
    fields: &[
        field("name", STRING),
        field("mountPath", STRING),
        field("readOnly", BOOL).omitempty(),
        field("recursiveReadOnly", STRING).pointer().omitempty(),
        field("volumeStatus", object(&VOLUME_STATUS))
            .pointer()
            .omitempty(),
    ],
};

static VOLUME_PROJECTION: Object = Object {
    name: "VolumeProjection",
    fields: &[
        field("secret", object(&SECRET_PROJECTION))
            .pointer()
            .omitempty(),
        field("downwardAPI", object(&DOWNWARD_API_PROJECTION))
            .pointer()
            .omitempty(),
        field("configMap", object(&CONFIG_MAP_PROJECTION))
            .pointer()
            .omitempty(),
        field(
            "serviceAccountToken",
            object(&SERVICE_ACCOUNT_TOKEN_PROJECTION),
        )
        .pointer()
        .omitempty(),
        field(
            "clusterTrustBundle",
            object(&CLUSTER_TRUST_BUNDLE_PROJECTION),
        )
        .pointer()
        .omitempty(),
        field("podCertificate", object(&POD_CERTIFICATE_PROJECTION))
            .pointer()
            .omitempty(),
    ],
};

static VOLUME_RESOURCE_REQUIREMENTS: Object = Object {
    name: "VolumeResourceRequirements",
    fields: &[
        field("limits", map(&QUANTITY)).omitempty(),
        field("requests", map(&QUANTITY)).omitempty(),
    ],
};

static VOLUME_STATUS: Object = Object {
    name: "VolumeStatus",
    fields: &[field("image", object(&IMAGE_VOLUME_STATUS))
        .pointer()
        .omitempty()],
};

static VSPHERE_VIRTUAL_DISK_VOLUME_SOURCE: Object = Object {
    name: "VsphereVirtualDiskVolumeSource",
    fields: &[
        field("volumePath", STRING),
        field("fsType", STRING).omitempty(),
        field("storagePolicyName", STRING).omitempty(),
        field("storagePolicyID", STRING).omitempty(),
    ],
};

static WEIGHTED_POD_AFFINITY_TERM: Object = Object {
    name: "WeightedPodAffinityTerm",
    fields: &[
        field("weight", INT32),
        field("podAffinityTerm", object(&POD_AFFINITY_TERM)),
    ],
};

static WINDOWS_SECURITY_CONTEXT_OPTIONS: Object = Object {
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
