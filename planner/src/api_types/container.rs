//! Containers of a Pod: probes, actions, environment, mounts, security. Source and order as in [`super::pod`].

use super::pod::{
    APP_ARMOR_PROFILE, SE_LINUX_OPTIONS, SECCOMP_PROFILE, WINDOWS_SECURITY_CONTEXT_OPTIONS,
};
use super::{
    BOOL, INT_OR_STRING, INT32, INT64, Object, QUANTITY, STRING, field, list, map, object,
};

static CAPABILITIES: Object = Object {
    name: "Capabilities",
    fields: &[
        field("add", list(&STRING)).omitempty(),
        field("drop", list(&STRING)).omitempty(),
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

pub(super) static CONTAINER: Object = Object {
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

pub(super) static EPHEMERAL_CONTAINER: Object = Object {
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

static EXEC_ACTION: Object = Object {
    name: "ExecAction",
    fields: &[field("command", list(&STRING)).omitempty()],
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

static GRPC_ACTION: Object = Object {
    name: "GRPCAction",
    fields: &[field("port", INT32), field("service", STRING).pointer()],
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

pub(super) static OBJECT_FIELD_SELECTOR: Object = Object {
    name: "ObjectFieldSelector",
    fields: &[
        field("apiVersion", STRING).omitempty(),
        field("fieldPath", STRING),
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

static RESOURCE_CLAIM: Object = Object {
    name: "ResourceClaim",
    fields: &[field("name", STRING), field("request", STRING).omitempty()],
};

pub(super) static RESOURCE_FIELD_SELECTOR: Object = Object {
    name: "ResourceFieldSelector",
    fields: &[
        field("containerName", STRING).omitempty(),
        field("resource", STRING),
        field("divisor", QUANTITY).omitempty(),
    ],
};

pub(super) static RESOURCE_REQUIREMENTS: Object = Object {
    name: "ResourceRequirements",
    fields: &[
        field("limits", map(&QUANTITY)).omitempty(),
        field("requests", map(&QUANTITY)).omitempty(),
        field("claims", list(&object(&RESOURCE_CLAIM))).omitempty(),
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

static SLEEP_ACTION: Object = Object {
    name: "SleepAction",
    fields: &[field("seconds", INT64)],
};

static TCP_SOCKET_ACTION: Object = Object {
    name: "TCPSocketAction",
    fields: &[
        field("port", INT_OR_STRING),
        field("host", STRING).omitempty(),
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
