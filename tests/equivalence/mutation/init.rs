//! Rules of InitConfiguration.

use kubeplan::schema::Kind::Init;

use super::values::{ADDRESSES, DURATIONS, NAMES, NO_FLAG, NOT_LIST, PORTS};
use super::{Mutation, set};

pub(super) const RULES: &[Mutation] = &[
    set(
        "advertise address",
        Init,
        "localAPIEndpoint.advertiseAddress",
        ADDRESSES,
    ),
    set("bind port", Init, "localAPIEndpoint.bindPort", PORTS),
    set("node name", Init, "nodeRegistration.name", NAMES),
    set(
        "pull policy",
        Init,
        "nodeRegistration.imagePullPolicy",
        &[r#""always""#, r#""Sometimes""#, r#""IfNotPresent ""#],
    ),
    set(
        "kubelet flag without name",
        Init,
        "nodeRegistration.kubeletExtraArgs",
        NO_FLAG,
    ),
    set(
        "skipped phase",
        Init,
        "skipPhases",
        &[
            r#"["preflight", "addons"]"#,
            r#"["preflight", "uploadconfig"]"#,
            r#"["preflight", "etcd/all"]"#,
            r#"["preflight", "Certs"]"#,
            r#"["preflight", "certs/ca "]"#,
            r#"["preflight", ""]"#,
            r#"["preflight", "bootstrap-token"]"#,
            r#"["preflight", "upload-certs"]"#,
        ],
    ),
    set(
        "kubelet flags as mapping",
        Init,
        "nodeRegistration.kubeletExtraArgs",
        NOT_LIST,
    ),
    set(
        "token",
        Init,
        "bootstrapTokens",
        &[
            r#"[{"token": "abc"}]"#,
            r#"[{"token": "ABCDEF.0123456789abcdef"}]"#,
            r#"[{"token": ""}]"#,
            r#"[{"token": "abcdef.0123456789abcde"}]"#,
            r#"[{"token": 5}]"#,
            r#"[{"token": "abcdef-0123456789abcdef"}]"#,
        ],
    ),
    set(
        "token usage",
        Init,
        "bootstrapTokens",
        &[
            r#"[{"usages": ["sign"]}]"#,
            r#"[{"usages": ["signing", "Authentication"]}]"#,
        ],
    ),
    set(
        "token group",
        Init,
        "bootstrapTokens",
        &[
            r#"[{"groups": ["system:masters"]}]"#,
            r#"[{"groups": ["system:bootstrappers:A"]}]"#,
            r#"[{"groups": ["system:bootstrappers:"]}]"#,
        ],
    ),
    set(
        "token group without authentication",
        Init,
        "bootstrapTokens",
        &[r#"[{"usages": ["signing"], "groups": ["system:bootstrappers:a"]}]"#],
    ),
    set(
        "token with ttl and expires",
        Init,
        "bootstrapTokens",
        &[
            r#"[{"expires": "2030-01-01T00:00:00Z"}]"#,
            r#"[{"ttl": "1h", "expires": "2030-01-01T00:00:00Z"}]"#,
            r#"[{"expires": "tomorrow"}]"#,
        ],
    ),
    set(
        "certificate key",
        Init,
        "certificateKey",
        &[r#""abc""#, r#""zz""#, r#""00112233""#],
    ),
    set(
        "timeout",
        Init,
        "timeouts.controlPlaneComponentHealthCheck",
        DURATIONS,
    ),
    set(
        "checks beside all",
        Init,
        "nodeRegistration.ignorePreflightErrors",
        &[r#"["all", "Swap"]"#, r#"["Swap", "ALL"]"#],
    ),
    set(
        "serial pull that is no boolean",
        Init,
        "nodeRegistration.imagePullSerial",
        &[r#""true""#, "1", "[]"],
    ),
    set(
        "dry run that is no boolean",
        Init,
        "dryRun",
        &[r#""yes""#, "1"],
    ),
    set("another timeout", Init, "timeouts.discovery", DURATIONS),
    set(
        "taints as text",
        Init,
        "nodeRegistration.taints",
        &[r#"["a=b:NoSchedule"]"#, r#""x""#, r#"[{"key": 5}]"#],
    ),
    set(
        "directory of patches that is no text",
        Init,
        "patches",
        &[r#"{"directory": 5}"#, r#"{"dir": "/x"}"#],
    ),
];
