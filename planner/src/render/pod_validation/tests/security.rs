//! Rules about users, groups, profiles, namespaces of the host.

use serde_json::json;

use super::{Case, assert_found};

#[test]
fn what_the_kubelet_refuses_is_found() {
    let cases: &[Case] = &[
        (
            "/spec/containers/0/securityContext",
            json!({"runAsUser": -1}),
            "is not between 0 and 2147483647",
        ),
        (
            "/spec/containers/0/securityContext",
            json!({"procMount": "Unmasked"}),
            "needs `hostUsers: false`",
        ),
        (
            "/spec/containers/0/securityContext",
            json!({"procMount": "x"}),
            "is not one of Default, Unmasked",
        ),
        (
            "/spec/containers/0/securityContext",
            json!({"privileged": true, "allowPrivilegeEscalation": false}),
            "a privileged container",
        ),
        (
            "/spec/containers/0/securityContext",
            json!({"allowPrivilegeEscalation": false, "capabilities": {"add": ["CAP_SYS_ADMIN"]}}),
            "CAP_SYS_ADMIN",
        ),
        (
            "/spec/containers/0/securityContext",
            json!({"runAsNonRoot": true, "runAsUser": 0}),
            "`runAsUser` is 0",
        ),
        (
            "/spec/containers/0/securityContext",
            json!({"runAsNonRoot": true, "runAsUser": 1}),
            "",
        ),
        (
            "/spec/containers/0/securityContext",
            json!({"seccompProfile": {"type": "Localhost"}}),
            "localhostProfile: it is empty",
        ),
        (
            "/spec/containers/0/securityContext",
            json!({"seccompProfile": {"type": "Localhost", "localhostProfile": "../a"}}),
            "below the kubelet's profiles",
        ),
        (
            "/spec/containers/0/securityContext",
            json!({"appArmorProfile": {"type": "Unconfined", "localhostProfile": "a"}}),
            "only a profile of type `Localhost`",
        ),
        (
            "/spec/hostUsers",
            json!(false),
            "cannot have users of its own",
        ),
        (
            "/spec/securityContext",
            json!({"runAsGroup": 2_147_483_648_i64}),
            "is not between 0 and",
        ),
        (
            "/spec/securityContext",
            json!({"supplementalGroups": [-1]}),
            "is not between 0 and",
        ),
        (
            "/spec/securityContext",
            json!({"fsGroupChangePolicy": "x"}),
            "is not one of",
        ),
        (
            "/spec/securityContext",
            json!({"seccompProfile": {"type": "x"}}),
            "is not one of Localhost",
        ),
        (
            "/spec/securityContext",
            json!({"sysctls": [{"name": "net.ipv4.ip_forward", "value": "1"}]}),
            "while `hostNetwork` is true",
        ),
    ];
    assert_found(cases);
}
