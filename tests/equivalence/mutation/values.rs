//! Values that break a rule, for rules that several fields share.

pub(super) const ADDRESSES: &[&str] = &[
    r#""1.2.3""#,
    r#""host""#,
    r#""1.2.3.4/24""#,
    r#""169.254.1.1""#,
    r#""224.0.0.1""#,
    r#""fe80::1""#,
    r#""1.2.3.4:80""#,
    r#""[fd00::1]""#,
    r#""255.255.255.255""#,
    r#""fe80::1%eth0""#,
    r#"" 10.0.0.1""#,
];
pub(super) const PORTS: &[&str] = &["-1", "65536", "100000", "2147483648", r#""6443""#, "1.5"];
pub(super) const NAMES: &[&str] = &[
    r#""a_b""#,
    r#""-a""#,
    r#""a-""#,
    r#""a..b""#,
    r#""ä""#,
    r#""a b""#,
    r#"".a""#,
    r#""a.""#,
    r#""a/b""#,
];
pub(super) const PATHS: &[&str] = &[r#""relative/path""#, r#""./x""#, r#""~/x""#, r#"" /x""#];
pub(super) const REPOSITORIES: &[&str] = &[
    r#""https://registry.k8s.io""#,
    r#""registry.k8s.io/""#,
    r#""registry.k8s.io/K8s""#,
    r#""a/b:tag""#,
    r#""a b""#,
    r#""-a""#,
    r#""a//b""#,
];
pub(super) const SANS: &[&str] = &[
    r#"["a_b"]"#,
    r#"["ok.example.com", "*"]"#,
    r#"["*.*.example.com"]"#,
    r#"["a.*.b"]"#,
    r#"["1.2.3.4/5"]"#,
    r#"[""]"#,
    r#"["https://x"]"#,
    r#"["x:80"]"#,
    r#"["fe80::1%eth0"]"#,
];
pub(super) const NETWORKS: &[&str] = &[
    r#""10.0.0.0""#,
    r#""10.0.0.0/33""#,
    r#""x""#,
    r#""10.0.0.0/16,10.1.0.0/16""#,
    r#""fd00::/112,fd01::/112""#,
    r#""10.0.0.0/16, fd00::/112""#,
    r#""10.0.0.0/16,fd00::/112,10.1.0.0/16""#,
    r#""10.0.0.0/30""#,
    r#""fd00::/126""#,
    r#""10.0.0.0/16,""#,
    r#""300.0.0.0/16""#,
];
pub(super) const DURATIONS: &[&str] = &[
    r#""1d""#,
    r#""5""#,
    r#""1h 30m""#,
    r#""x""#,
    "5",
    r#""""#,
    "true",
    r#""1H""#,
];
pub(super) const NOT_TEXT: &[&str] = &["5", "true", "1.5", "[]", "{}", r#"["x"]"#];
pub(super) const NOT_LIST: &[&str] = &[r#""x""#, "5", r#"{"name": "a", "value": "b"}"#, "true"];
pub(super) const NOT_MAPPING: &[&str] = &[r#""x""#, "5", "[]", "true"];
pub(super) const NO_FLAG: &[&str] = &[
    r#"[{"name": "", "value": "x"}]"#,
    r#"[{"value": "x"}]"#,
    r#"[{}]"#,
];
