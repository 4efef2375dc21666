//! Every setting that a consumer uses, from each of the places that can set it.

use serde_json::json;

use super::*;
use crate::config::kubeadm::Arg;
use crate::config::report::Severity;
use crate::config::valid::{Membership, ValidConfig};
use crate::patches::{PatchFile, Patches};
use crate::testing;

fn patched(mut config: ValidConfig, text: &str) -> ValidConfig {
    let file = PatchFile::read("kubeletconfiguration.yaml", text).unwrap();
    config.patches = Patches::new(vec![file.unwrap()]).into();
    config
}

fn with_flag(mut config: ValidConfig, name: &str, value: &str) -> ValidConfig {
    config.init.node_registration.kubelet_extra_args.push(Arg {
        name: name.into(),
        value: value.into(),
    });
    config
}

fn with_field(mut config: ValidConfig, field: &str, value: serde_json::Value) -> ValidConfig {
    let mut at = &mut config.kubelet.value;
    for name in field.split('.') {
        at = &mut at[name];
    }
    *at = value;
    config
}

/// What consumers see of a kubelet.
type Seen = fn(&EffectiveKubelet<'_>) -> String;

/// A setting: field, flag, a value in the document, in a patch and of the flag, what consumers see of each, and of the default.
struct Case {
    field: &'static str,
    flag: &'static str,
    values: [serde_json::Value; 3],
    seen: Seen,
    expected: [&'static str; 3],
    /// With kubeadm's defaults, and with a patch that removes the field.
    defaults: [&'static str; 2],
}

fn url(kubelet: &EffectiveKubelet<'_>) -> String {
    kubelet
        .healthz()
        .map_or_else(|| "off".into(), |it| format!("{}:{}", it.address, it.port))
}

fn cases() -> Vec<Case> {
    let bools = [json!(false), json!(true), json!("false")];
    vec![
        Case {
            field: "healthzPort",
            flag: "healthz-port",
            values: [json!(5000), json!(0), json!("4321")],
            seen: url,
            expected: ["127.0.0.1:5000", "off", "127.0.0.1:4321"],
            defaults: ["127.0.0.1:10248", "127.0.0.1:10248"],
        },
        Case {
            field: "healthzBindAddress",
            flag: "healthz-bind-address",
            values: [json!("0.0.0.0"), json!("10.0.0.1"), json!("::")],
            seen: url,
            expected: ["0.0.0.0:10248", "10.0.0.1:10248", ":::10248"],
            defaults: ["127.0.0.1:10248", "127.0.0.1:10248"],
        },
        Case {
            field: "port",
            flag: "port",
            values: [json!(1), json!(2), json!("3")],
            seen: |kubelet| kubelet.port().to_string(),
            expected: ["1", "2", "3"],
            defaults: ["10250", "10250"],
        },
        Case {
            field: "staticPodPath",
            flag: "pod-manifest-path",
            values: [json!("/a"), json!("/b"), json!("/c")],
            seen: |kubelet| kubelet.static_pod_path().value,
            expected: ["/a", "/b", "/c"],
            defaults: ["/etc/kubernetes/manifests", ""],
        },
        Case {
            field: "authentication.x509.clientCAFile",
            flag: "client-ca-file",
            values: [json!("/a"), json!("/b"), json!("'/c'")],
            seen: |kubelet| kubelet.client_ca_file().value,
            expected: ["/a", "/b", "/c"],
            defaults: ["/etc/kubernetes/pki/ca.crt", ""],
        },
        Case {
            field: "failSwapOn",
            flag: "fail-swap-on",
            values: bools.clone(),
            seen: |kubelet| kubelet.starts_with_swap().to_string(),
            expected: ["true", "false", "true"],
            defaults: ["false", "false"],
        },
        Case {
            field: "failCgroupV1",
            flag: "fail-cgroupv1",
            values: bools,
            seen: |kubelet| format!("{:?}", kubelet.fails_with_cgroups_v1()),
            expected: ["Some(false)", "Some(true)", "Some(false)"],
            defaults: ["None", "None"],
        },
    ]
}

#[test]
fn a_flag_overrides_a_patch_and_a_patch_the_document() {
    for case in cases() {
        let Case {
            field,
            flag,
            values: [written, patch, given],
            seen,
            expected,
            defaults,
        } = case;
        let see = |config: &ValidConfig| seen(&EffectiveKubelet::of(config).unwrap());
        let patch_of = |value: serde_json::Value| {
            let names = field.split('.').rev();
            names
                .fold(value, |value, name| json!({ name: value }))
                .to_string()
        };
        let given = given.as_str().unwrap();
        let default = testing::default_config();
        assert_eq!(see(&default), defaults[0], "{field}: default");
        let removed = patched(default.clone(), &patch_of(json!(null)));
        assert_eq!(see(&removed), defaults[1], "{field}: removed");
        let written = with_field(default.clone(), field, written);
        assert_eq!(see(&written), expected[0], "{field}: document");
        let both = patched(written, &patch_of(patch));
        assert_eq!(see(&both), expected[1], "{field}: patch");
        let all = with_flag(both, flag, given);
        assert_eq!(see(&all), expected[2], "{field}: flag");
        let other_form = with_flag(default, &flag.replace('-', "_"), given);
        assert_eq!(see(&other_form), expected[2], "{field}: flag with `_`");
    }
}

#[test]
fn the_source_of_a_value_is_the_one_that_counts() {
    let field = "staticPodPath";
    let config = testing::default_config();
    let from = |config: &ValidConfig| EffectiveKubelet::of(config).unwrap().static_pod_path().from;
    assert_eq!(from(&config), "KubeletConfiguration.staticPodPath");
    let patch = patched(config.clone(), "staticPodPath: /b");
    assert_eq!(from(&patch), "patch kubeletconfiguration.yaml");
    assert_eq!(
        from(&with_flag(patch, "pod-manifest-path", "/c")),
        format!("{EXTRA_ARGS}[0]")
    );
    assert_eq!(
        from(&patched(config, &json!({ field: null }).to_string())),
        "default: the kubelet's own"
    );
}

#[test]
fn a_worker_gets_the_ca_where_its_kubelet_reads_it() {
    let elsewhere = "/etc/kubernetes/ssl/ca.crt";
    let field = "authentication.x509.clientCAFile";
    let moved = |config| with_field(config, field, json!(elsewhere));
    let place = |config: &ValidConfig| {
        let kubelet = EffectiveKubelet::of(config).unwrap();
        (kubelet.ca_cert_path().value, kubelet.authorities())
    };
    let worker = testing::joining_worker_config();
    let default = "/etc/kubernetes/pki/ca.crt".to_owned();
    assert_eq!(place(&worker), (default.clone(), vec![default.clone()]));
    let follows = moved(worker.clone());
    assert_eq!(place(&follows), (elsewhere.into(), vec![elsewhere.into()]));
    let mut written = follows;
    if let Membership::Joins(joining) = &mut written.membership {
        joining.ca_cert_path = Some("/a/ca.crt".into());
    }
    assert_eq!(
        place(&written),
        (
            "/a/ca.crt".into(),
            vec!["/a/ca.crt".into(), elsewhere.into()]
        )
    );
    let patch = "authentication: {x509: {clientCAFile: /p/ca.crt}}";
    assert_eq!(place(&patched(worker, patch)).0, "/p/ca.crt");
    // kubeadm writes both files on a control-plane node that joins.
    let mut control_plane = moved(testing::joining_control_plane_config());
    control_plane.cluster.certificates_dir = "/etc/kubernetes/ssl".into();
    assert_eq!(
        place(&control_plane),
        (default.clone(), vec![default, elsewhere.into()])
    );
}

#[test]
fn settings_that_do_not_fit_the_plan_are_found() {
    let control_plane = testing::default_config;
    let worker = testing::joining_worker_config;
    let found = |config: &ValidConfig| -> Vec<(Severity, String, String)> {
        let kubelet = EffectiveKubelet::of(config).unwrap();
        let found = findings(&kubelet).into_iter();
        found
            .map(|it| (it.severity, format!("{}:{}", it.file, it.path), it.message))
            .collect()
    };
    let patch = "kubeletconfiguration.yaml";
    for (config, expected) in [
        (control_plane(), None),
        (worker(), None),
        (testing::joining_control_plane_config(), None),
        (
            with_field(
                control_plane(),
                "staticPodPath",
                json!("/etc/kubernetes/manifests/"),
            ),
            None,
        ),
        (
            with_field(control_plane(), "staticPodPath", json!("/a")),
            Some((
                Severity::Error,
                ":KubeletConfiguration.staticPodPath".into(),
                "`/a`",
            )),
        ),
        (
            patched(control_plane(), "staticPodPath: /a"),
            Some((Severity::Error, format!("{patch}:staticPodPath"), "`/a`")),
        ),
        (
            patched(control_plane(), "staticPodPath: null"),
            Some((
                Severity::Error,
                ":KubeletConfiguration.staticPodPath".into(),
                "runs no static Pods",
            )),
        ),
        (
            with_flag(control_plane(), "pod-manifest-path", "/a"),
            Some((Severity::Error, format!(":{EXTRA_ARGS}[0]"), "`/a`")),
        ),
        (patched(worker(), "staticPodPath: /a"), None),
        (
            patched(
                worker(),
                "authentication: {x509: {clientCAFile: /a/ca.crt}}",
            ),
            None,
        ),
        (
            patched(
                control_plane(),
                "authentication: {x509: {clientCAFile: /a/ca.crt}}",
            ),
            Some((
                Severity::Warning,
                format!("{patch}:authentication.x509.clientCAFile"),
                "writes the CA to /etc/kubernetes/pki/ca.crt",
            )),
        ),
        (
            with_flag(
                worker(),
                "container-runtime-endpoint",
                "unix:///run/other.sock",
            ),
            Some((Severity::Warning, format!(":{EXTRA_ARGS}[0]"), "other.sock")),
        ),
        (
            with_flag(worker(), "config", "/etc/other.yaml"),
            Some((
                Severity::Warning,
                format!(":{EXTRA_ARGS}[0]"),
                "/etc/other.yaml",
            )),
        ),
    ] {
        let found = found(&config);
        match expected {
            None => assert_eq!(found, []),
            Some((severity, place, part)) => {
                let [(found_severity, found_place, message)] = found.as_slice() else {
                    panic!("{place}: {found:?}");
                };
                assert_eq!((*found_severity, found_place), (severity, &place));
                assert!(message.contains(part), "{message}");
            }
        }
    }
}
