//! `kubelet.config.k8s.io/v1beta1`: KubeletConfiguration.
//!
//! Source: k8s.io/kubelet v0.33.13, v0.34.9, v0.35.4, v0.36.2 and v0.37.1, config/v1beta1/types.go.

use super::common::{LOGGING_CONFIGURATION, TAINT};
use super::{
    BOOL, DURATION, FLOAT64, INT32, INT64, Object, QUANTITY, STRING, field, list, map, object,
};
use crate::releases::Span;

/// `v1beta1.KubeletX509Authentication`.
static KUBELET_X509_AUTHENTICATION: Object = Object {
    name: "KubeletX509Authentication",
    fields: &[field("clientCAFile", STRING).omitempty()],
};

/// `v1beta1.KubeletWebhookAuthentication`.
static KUBELET_WEBHOOK_AUTHENTICATION: Object = Object {
    name: "KubeletWebhookAuthentication",
    fields: &[
        field("enabled", BOOL).pointer().omitempty(),
        field("cacheTTL", DURATION).omitempty(),
    ],
};

/// `v1beta1.KubeletAnonymousAuthentication`.
static KUBELET_ANONYMOUS_AUTHENTICATION: Object = Object {
    name: "KubeletAnonymousAuthentication",
    fields: &[field("enabled", BOOL).pointer().omitempty()],
};

/// `v1beta1.KubeletAuthentication`.
static KUBELET_AUTHENTICATION: Object = Object {
    name: "KubeletAuthentication",
    fields: &[
        field("x509", object(&KUBELET_X509_AUTHENTICATION)),
        field("webhook", object(&KUBELET_WEBHOOK_AUTHENTICATION)),
        field("anonymous", object(&KUBELET_ANONYMOUS_AUTHENTICATION)),
    ],
};

/// `v1beta1.KubeletWebhookAuthorization`.
static KUBELET_WEBHOOK_AUTHORIZATION: Object = Object {
    name: "KubeletWebhookAuthorization",
    fields: &[
        field("cacheAuthorizedTTL", DURATION).omitempty(),
        field("cacheUnauthorizedTTL", DURATION).omitempty(),
    ],
};

/// `v1beta1.KubeletAuthorization`.
static KUBELET_AUTHORIZATION: Object = Object {
    name: "KubeletAuthorization",
    fields: &[
        field("mode", STRING).omitempty(),
        field("webhook", object(&KUBELET_WEBHOOK_AUTHORIZATION)),
    ],
};

/// `v1beta1.MemorySwapConfiguration`.
static MEMORY_SWAP_CONFIGURATION: Object = Object {
    name: "MemorySwapConfiguration",
    fields: &[field("swapBehavior", STRING).omitempty()],
};

/// `v1beta1.ShutdownGracePeriodByPodPriority`.
static SHUTDOWN_GRACE_PERIOD_BY_POD_PRIORITY: Object = Object {
    name: "ShutdownGracePeriodByPodPriority",
    fields: &[
        field("priority", INT32),
        field("shutdownGracePeriodSeconds", INT64),
    ],
};

/// `v1beta1.CrashLoopBackOffConfig`.
static CRASH_LOOP_BACK_OFF_CONFIG: Object = Object {
    name: "CrashLoopBackOffConfig",
    fields: &[field("maxContainerRestartPeriod", DURATION)
        .pointer()
        .omitempty()],
};

/// `v1beta1.MemoryReservation`.
static MEMORY_RESERVATION: Object = Object {
    name: "MemoryReservation",
    fields: &[field("numaNode", INT32), field("limits", map(&QUANTITY))],
};

/// `v1.TracingConfiguration`.
static TRACING_CONFIGURATION: Object = Object {
    name: "TracingConfiguration",
    fields: &[
        field("endpoint", STRING).pointer().omitempty(),
        field("samplingRatePerMillion", INT32).pointer().omitempty(),
    ],
};

/// `v1beta1.UserNamespaces`.
static USER_NAMESPACES: Object = Object {
    name: "UserNamespaces",
    fields: &[field("idsPerPod", INT64).pointer().omitempty()],
};

/// `v1beta1.KubeletConfiguration`.
pub(super) static KUBELET_CONFIGURATION: Object = Object {
    name: "KubeletConfiguration",
    fields: &[
        field("enableServer", BOOL).pointer().omitempty(),
        field("staticPodPath", STRING).omitempty(),
        field("podLogsDir", STRING).omitempty(),
        field("syncFrequency", DURATION).omitempty(),
        field("fileCheckFrequency", DURATION).omitempty(),
        field("httpCheckFrequency", DURATION).omitempty(),
        field("staticPodURL", STRING).omitempty(),
        field("staticPodURLHeader", map(&list(&STRING))).omitempty(),
        field("address", STRING).omitempty(),
        field("port", INT32).omitempty(),
        field("readOnlyPort", INT32).omitempty(),
        field("tlsCertFile", STRING).omitempty(),
        field("tlsPrivateKeyFile", STRING).omitempty(),
        field("tlsCipherSuites", list(&STRING)).omitempty(),
        field("tlsCurvePreferences", list(&INT32))
            .omitempty()
            .only(Span::since(36)),
        field("tlsMinVersion", STRING).omitempty(),
        field("rotateCertificates", BOOL).omitempty(),
        field("serverTLSBootstrap", BOOL).omitempty(),
        field("authentication", object(&KUBELET_AUTHENTICATION)),
        field("authorization", object(&KUBELET_AUTHORIZATION)),
        field("registryPullQPS", INT32).pointer().omitempty(),
        field("registryBurst", INT32).omitempty(),
        field("imagePullCredentialsVerificationPolicy", STRING).omitempty(),
        field("preloadedImagesVerificationAllowlist", list(&STRING)).omitempty(),
        field("eventRecordQPS", INT32).pointer().omitempty(),
        field("eventBurst", INT32).omitempty(),
        field("enableDebuggingHandlers", BOOL).pointer().omitempty(),
        field("enableContentionProfiling", BOOL).omitempty(),
        field("healthzPort", INT32).pointer().omitempty(),
        field("healthzBindAddress", STRING).omitempty(),
        field("oomScoreAdj", INT32).pointer().omitempty(),
        field("clusterDomain", STRING).omitempty(),
        field("clusterDNS", list(&STRING)).omitempty(),
        field("streamingConnectionIdleTimeout", DURATION).omitempty(),
        field("nodeStatusUpdateFrequency", DURATION).omitempty(),
        field("nodeStatusReportFrequency", DURATION).omitempty(),
        field("nodeLeaseDurationSeconds", INT32).omitempty(),
        field("imageMinimumGCAge", DURATION).omitempty(),
        field("imageMaximumGCAge", DURATION).omitempty(),
        field("imageGCHighThresholdPercent", INT32)
            .pointer()
            .omitempty(),
        field("imageGCLowThresholdPercent", INT32)
            .pointer()
            .omitempty(),
        field("volumeStatsAggPeriod", DURATION).omitempty(),
        field("kubeletCgroups", STRING).omitempty(),
        field("systemCgroups", STRING).omitempty(),
        field("cgroupRoot", STRING).omitempty(),
        field("cgroupsPerQOS", BOOL).pointer().omitempty(),
        field("cgroupDriver", STRING).omitempty(),
        field("cpuManagerPolicy", STRING).omitempty(),
        field("singleProcessOOMKill", BOOL).pointer().omitempty(),
        field("cpuManagerPolicyOptions", map(&STRING)).omitempty(),
        field("cpuManagerReconcilePeriod", DURATION).omitempty(),
        field("memoryManagerPolicy", STRING).omitempty(),
        field("topologyManagerPolicy", STRING).omitempty(),
        field("topologyManagerScope", STRING).omitempty(),
        field("topologyManagerPolicyOptions", map(&STRING)).omitempty(),
        field("qosReserved", map(&STRING)).omitempty(),
        field("runtimeRequestTimeout", DURATION).omitempty(),
        field("hairpinMode", STRING).omitempty(),
        field("maxPods", INT32).omitempty(),
        field("podCIDR", STRING).omitempty(),
        field("podPidsLimit", INT64).pointer().omitempty(),
        field("resolvConf", STRING).pointer().omitempty(),
        field("runOnce", BOOL).omitempty(),
        field("cpuCFSQuota", BOOL).pointer().omitempty(),
        field("cpuCFSQuotaPeriod", DURATION).pointer().omitempty(),
        field("nodeStatusMaxImages", INT32).pointer().omitempty(),
        field("maxOpenFiles", INT64).omitempty(),
        field("contentType", STRING).omitempty(),
        field("kubeAPIQPS", INT32).pointer().omitempty(),
        field("kubeAPIBurst", INT32).omitempty(),
        field("serializeImagePulls", BOOL).pointer().omitempty(),
        field("maxParallelImagePulls", INT32).pointer().omitempty(),
        field("evictionHard", map(&STRING)).omitempty(),
        field("evictionSoft", map(&STRING)).omitempty(),
        field("evictionSoftGracePeriod", map(&STRING)).omitempty(),
        field("evictionPressureTransitionPeriod", DURATION).omitempty(),
        field("evictionMaxPodGracePeriod", INT32).omitempty(),
        field("evictionMinimumReclaim", map(&STRING)).omitempty(),
        field("mergeDefaultEvictionSettings", BOOL)
            .pointer()
            .omitempty(),
        field("podsPerCore", INT32).omitempty(),
        field("enableControllerAttachDetach", BOOL)
            .pointer()
            .omitempty(),
        field("protectKernelDefaults", BOOL).omitempty(),
        field("makeIPTablesUtilChains", BOOL).pointer().omitempty(),
        field("iptablesMasqueradeBit", INT32).pointer().omitempty(),
        field("iptablesDropBit", INT32).pointer().omitempty(),
        field("featureGates", map(&BOOL)).omitempty(),
        field("failSwapOn", BOOL).pointer().omitempty(),
        field("memorySwap", object(&MEMORY_SWAP_CONFIGURATION)).omitempty(),
        field("containerLogMaxSize", STRING).omitempty(),
        field("containerLogMaxFiles", INT32).pointer().omitempty(),
        field("containerLogMaxWorkers", INT32).pointer().omitempty(),
        field("containerLogMonitorInterval", DURATION)
            .pointer()
            .omitempty(),
        field("configMapAndSecretChangeDetectionStrategy", STRING).omitempty(),
        field("systemReserved", map(&STRING)).omitempty(),
        field("kubeReserved", map(&STRING)).omitempty(),
        field("reservedSystemCPUs", STRING).omitempty(),
        field("showHiddenMetricsForVersion", STRING).omitempty(),
        field("systemReservedCgroup", STRING).omitempty(),
        field("kubeReservedCgroup", STRING).omitempty(),
        field("enforceNodeAllocatable", list(&STRING)).omitempty(),
        field("allowedUnsafeSysctls", list(&STRING)).omitempty(),
        field("volumePluginDir", STRING).omitempty(),
        field("providerID", STRING).omitempty(),
        field("kernelMemcgNotification", BOOL).omitempty(),
        field("logging", object(&LOGGING_CONFIGURATION)).omitempty(),
        field("enableSystemLogHandler", BOOL).pointer().omitempty(),
        field("enableSystemLogQuery", BOOL).pointer().omitempty(),
        field("shutdownGracePeriod", DURATION).omitempty(),
        field("shutdownGracePeriodCriticalPods", DURATION).omitempty(),
        field(
            "shutdownGracePeriodByPodPriority",
            list(&object(&SHUTDOWN_GRACE_PERIOD_BY_POD_PRIORITY)),
        )
        .omitempty(),
        field("crashLoopBackOff", object(&CRASH_LOOP_BACK_OFF_CONFIG)).omitempty(),
        field("reservedMemory", list(&object(&MEMORY_RESERVATION))).omitempty(),
        field("enableProfilingHandler", BOOL).pointer().omitempty(),
        field("enableDebugFlagsHandler", BOOL).pointer().omitempty(),
        field("seccompDefault", BOOL).pointer().omitempty(),
        field("memoryThrottlingFactor", FLOAT64)
            .pointer()
            .omitempty(),
        field("memoryReservationPolicy", STRING)
            .omitempty()
            .only(Span::since(36)),
        field("registerWithTaints", list(&object(&TAINT))).omitempty(),
        field("registerNode", BOOL).pointer().omitempty(),
        field("tracing", object(&TRACING_CONFIGURATION))
            .pointer()
            .omitempty(),
        field("localStorageCapacityIsolation", BOOL)
            .pointer()
            .omitempty(),
        field("containerRuntimeEndpoint", STRING),
        field("imageServiceEndpoint", STRING).omitempty(),
        field("failCgroupV1", BOOL).pointer().omitempty(),
        field("userNamespaces", object(&USER_NAMESPACES))
            .pointer()
            .omitempty(),
        field("defaultPodSysctls", map(&STRING))
            .omitempty()
            .only(Span::since(37)),
    ],
};
