//! The status of a Pod, which a manifest may hold although nothing reads it. Source and order as in [`super::pod`].

use super::container::RESOURCE_REQUIREMENTS;
use super::{BOOL, INT32, INT64, Object, QUANTITY, STRING, TIME, field, list, map, object};

static CONTAINER_EXTENDED_RESOURCE_REQUEST: Object = Object {
    name: "ContainerExtendedResourceRequest",
    fields: &[
        field("containerName", STRING),
        field("resourceName", STRING),
        field("requestName", STRING),
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

static HOST_IP: Object = Object {
    name: "HostIP",
    fields: &[field("ip", STRING)],
};

static IMAGE_VOLUME_STATUS: Object = Object {
    name: "ImageVolumeStatus",
    fields: &[field("imageRef", STRING).omitempty()],
};

static LINUX_CONTAINER_USER: Object = Object {
    name: "LinuxContainerUser",
    fields: &[
        field("uid", INT64),
        field("gid", INT64),
        field("supplementalGroups", list(&INT64)).omitempty(),
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

static POD_RESOURCE_CLAIM_STATUS: Object = Object {
    name: "PodResourceClaimStatus",
    fields: &[
        field("name", STRING),
        field("resourceClaimName", STRING).pointer().omitempty(),
    ],
};

pub(super) static POD_STATUS: Object = Object {
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

static RESOURCE_HEALTH: Object = Object {
    name: "ResourceHealth",
    fields: &[
        field("resourceID", STRING),
        field("health", STRING).omitempty(),
        field("message", STRING).pointer().omitempty(),
    ],
};

static RESOURCE_STATUS: Object = Object {
    name: "ResourceStatus",
    fields: &[
        field("name", STRING),
        field("resources", list(&object(&RESOURCE_HEALTH))).omitempty(),
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

static VOLUME_STATUS: Object = Object {
    name: "VolumeStatus",
    fields: &[field("image", object(&IMAGE_VOLUME_STATUS))
        .pointer()
        .omitempty()],
};
