//! `kubeproxy.config.k8s.io/v1alpha1`: KubeProxyConfiguration.
//!
//! Source: k8s.io/kube-proxy v0.33.13, v0.35.4, v0.36.2 and v0.37.1, config/v1alpha1/types.go (the same fields).

use super::common::LOGGING_CONFIGURATION;
use super::{BOOL, DURATION, FLOAT32, INT32, Object, STRING, field, list, map, object};

/// `v1alpha1.ClientConnectionConfiguration`.
static CLIENT_CONNECTION_CONFIGURATION: Object = Object {
    name: "ClientConnectionConfiguration",
    fields: &[
        field("kubeconfig", STRING),
        field("acceptContentTypes", STRING),
        field("contentType", STRING),
        field("qps", FLOAT32),
        field("burst", INT32),
    ],
};

/// `v1alpha1.KubeProxyIPTablesConfiguration`.
static KUBE_PROXY_IP_TABLES_CONFIGURATION: Object = Object {
    name: "KubeProxyIPTablesConfiguration",
    fields: &[
        field("masqueradeBit", INT32).pointer(),
        field("masqueradeAll", BOOL),
        field("localhostNodePorts", BOOL).pointer(),
        field("syncPeriod", DURATION),
        field("minSyncPeriod", DURATION),
    ],
};

/// `v1alpha1.KubeProxyIPVSConfiguration`.
static KUBE_PROXY_IPVS_CONFIGURATION: Object = Object {
    name: "KubeProxyIPVSConfiguration",
    fields: &[
        field("syncPeriod", DURATION),
        field("minSyncPeriod", DURATION),
        field("scheduler", STRING),
        field("excludeCIDRs", list(&STRING)),
        field("strictARP", BOOL),
        field("tcpTimeout", DURATION),
        field("tcpFinTimeout", DURATION),
        field("udpTimeout", DURATION),
    ],
};

/// `v1alpha1.KubeProxyNFTablesConfiguration`.
static KUBE_PROXY_NF_TABLES_CONFIGURATION: Object = Object {
    name: "KubeProxyNFTablesConfiguration",
    fields: &[
        field("masqueradeBit", INT32).pointer(),
        field("masqueradeAll", BOOL),
        field("syncPeriod", DURATION),
        field("minSyncPeriod", DURATION),
    ],
};

/// `v1alpha1.KubeProxyWinkernelConfiguration`.
static KUBE_PROXY_WINKERNEL_CONFIGURATION: Object = Object {
    name: "KubeProxyWinkernelConfiguration",
    fields: &[
        field("networkName", STRING),
        field("sourceVip", STRING),
        field("enableDSR", BOOL),
        field("rootHnsEndpointName", STRING),
        field("forwardHealthCheckVip", BOOL),
    ],
};

/// `v1alpha1.DetectLocalConfiguration`.
static DETECT_LOCAL_CONFIGURATION: Object = Object {
    name: "DetectLocalConfiguration",
    fields: &[
        field("bridgeInterface", STRING),
        field("interfaceNamePrefix", STRING),
    ],
};

/// `v1alpha1.KubeProxyConntrackConfiguration`.
static KUBE_PROXY_CONNTRACK_CONFIGURATION: Object = Object {
    name: "KubeProxyConntrackConfiguration",
    fields: &[
        field("maxPerCore", INT32).pointer(),
        field("min", INT32).pointer(),
        field("tcpEstablishedTimeout", DURATION).pointer(),
        field("tcpCloseWaitTimeout", DURATION).pointer(),
        field("tcpBeLiberal", BOOL),
        field("udpTimeout", DURATION),
        field("udpStreamTimeout", DURATION),
    ],
};

/// `v1alpha1.KubeProxyConfiguration`.
pub(super) static KUBE_PROXY_CONFIGURATION: Object = Object {
    name: "KubeProxyConfiguration",
    fields: &[
        field("featureGates", map(&BOOL)).omitempty(),
        field("clientConnection", object(&CLIENT_CONNECTION_CONFIGURATION)),
        field("logging", object(&LOGGING_CONFIGURATION)).omitempty(),
        field("hostnameOverride", STRING),
        field("bindAddress", STRING),
        field("healthzBindAddress", STRING),
        field("metricsBindAddress", STRING),
        field("bindAddressHardFail", BOOL),
        field("enableProfiling", BOOL),
        field("showHiddenMetricsForVersion", STRING),
        field("mode", STRING),
        field("iptables", object(&KUBE_PROXY_IP_TABLES_CONFIGURATION)),
        field("ipvs", object(&KUBE_PROXY_IPVS_CONFIGURATION)),
        field("nftables", object(&KUBE_PROXY_NF_TABLES_CONFIGURATION)),
        field("winkernel", object(&KUBE_PROXY_WINKERNEL_CONFIGURATION)),
        field("detectLocalMode", STRING),
        field("detectLocal", object(&DETECT_LOCAL_CONFIGURATION)),
        field("clusterCIDR", STRING),
        field("nodePortAddresses", list(&STRING)),
        field("oomScoreAdj", INT32).pointer(),
        field("conntrack", object(&KUBE_PROXY_CONNTRACK_CONFIGURATION)),
        field("configSyncPeriod", DURATION),
        field("portRange", STRING),
        field("windowsRunAsService", BOOL).omitempty(),
    ],
};
