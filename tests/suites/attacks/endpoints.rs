//! Steps that would ask other hosts than the node and its API server, in bundles that a trusted author signed.

use anyhow::{Result, ensure};
use kubeplan_testsuite::forge::Forge;
use kubeplan_testsuite::planned::{Planned, text};
use kubeplan_testsuite::programs::{NOW, kubeapply_at};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::super::case;
use super::step_paths::{add, refused};

pub fn cases() -> Vec<Trial> {
    vec![
        case(
            "attacks::endpoints::only_the_node_and_the_api_server_are_called",
            endpoints,
        ),
        case(
            "attacks::endpoints::other_destinations_have_one_form",
            destinations,
        ),
        case(
            "attacks::endpoints::no_other_program_or_service_is_run_or_called",
            programs,
        ),
    ]
}

/// A run of one check.
fn check(look: &Value) -> Value {
    json!({"do": "preflight", "phase": "preflight",
        "checks": [{"name": "a", "severity": "warning", "look": look}]})
}

/// systemctl takes `--host=…` and connects to it by ssh; a program that is asked for its version is run as root.
fn programs() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let service = |kind: &str, name: &str| {
        let mut look = json!({"kind": kind, "service": name});
        if kind == "service-inactive" {
            look["ports"] = json!([1]);
        }
        check(&look)
    };
    let version = |program: &str| {
        check(&json!({"kind": "program-version", "program": program, "minimum": "1.0"}))
    };
    let start =
        |name: &str| json!({"do": "start-service", "phase": "kubelet-start", "service": name});
    for kind in ["service-enabled", "service-inactive"] {
        for name in ["--host=root@evil.example/x", "-H", "a b", "", "../x"] {
            is_refused(&planned, "not a valid service name", |index| {
                add(index, service(kind, name));
            })?;
        }
        accepted(&planned, |index| add(index, service(kind, "firewalld")))?;
    }
    for program in ["reboot", "sh", "/usr/bin/kubelet", "-c"] {
        is_refused(&planned, "closed list", |index| {
            add(index, version(program))
        })?;
    }
    accepted(&planned, |index| add(index, version("kubelet")))?;
    is_refused(&planned, "closed list", |index| {
        add(index, start("debug-shell"));
    })?;
    accepted(&planned, |index| add(index, start("kubelet")))
}

fn wait(url: &str, identity: &str) -> Value {
    json!({"do": "wait-for-endpoints", "phase": "wait-control-plane", "timeoutSeconds": 1,
        "endpoints": [{"name": "a", "url": url, "identity": identity}]})
}

fn accepted(planned: &Planned, change: impl FnOnce(&mut Value)) -> Result<()> {
    let bundle = Forge::of(planned)?.write_changed(planned, "forged.tar.gz", change)?;
    let signers = planned.path("allowed_signers");
    let verify = [
        "verify",
        "--allowed-signers",
        text(&signers)?,
        text(&bundle)?,
    ];
    kubeapply_at(NOW, &verify).expect(0)?;
    Ok(())
}

fn is_refused(planned: &Planned, what: &str, change: impl FnOnce(&mut Value)) -> Result<()> {
    let bundle = Forge::of(planned)?.write_changed(planned, "forged.tar.gz", change)?;
    let said = refused(planned, &bundle)?;
    ensure!(said.contains(what), "{what}: {said}");
    Ok(())
}

fn endpoints() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    for url in [
        "http://169.254.169.254/healthz",
        "http://[fe80::1]/healthz",
        "http://[::ffff:169.254.169.254]/healthz",
        "http://203.0.113.7:80/healthz",
        "https://internal.example.com/healthz",
        "http://localhost/healthz",
        "http://127.0.0.1:80@203.0.113.7/healthz",
        "http://127.0.0.1/latest/meta-data",
        "http://127.0.0.1/healthz?to=http://203.0.113.7",
        "http://127.0.0.1/healthz/../admin",
        "http://2130706433/healthz",
        "file:///etc/shadow",
        "unix:///run/containerd/containerd.sock",
        "",
    ] {
        is_refused(&planned, "an endpoint is ", |index| {
            add(index, wait(url, "anonymous"));
        })?;
    }
    for url in [
        "https://203.0.113.7/api/v1/namespaces/kube-system/secrets",
        "http://203.0.113.7/livez",
        "https://internal.example.com/livez",
    ] {
        is_refused(&planned, "an endpoint is ", |index| {
            add(index, wait(url, "administrator"));
        })?;
    }
    for url in [
        "http://127.0.0.1:10248/healthz",
        "https://[::1]:10257/healthz",
        "https://0.0.0.0:10259/readyz",
    ] {
        accepted(&planned, |index| add(index, wait(url, "anonymous")))?;
    }
    // Another address of the node: the host that runs the step has to have it.
    for (url, fits) in [
        ("http://192.168.10.12:10248/healthz", true),
        ("http://169.254.169.254/healthz", false),
        ("http://[fe80::1]/healthz", false),
        ("http://224.0.0.1/healthz", false),
        ("http://internal.example.com/healthz", false),
        ("http://192.168.10.12/latest/meta-data", false),
    ] {
        let change = |index: &mut Value| add(index, wait(url, "anonymous-on-node"));
        if fits {
            accepted(&planned, change)?;
        } else {
            is_refused(&planned, "an endpoint is ", change)?;
        }
    }
    // The host of the API server, which is the node's own.
    accepted(&planned, |index| {
        let server = index["api"]["server"].as_str().unwrap_or_default();
        let url = format!("{server}/livez");
        add(index, wait(&url, "anonymous"));
    })
}

fn destinations() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    for server in [
        "http://192.168.10.11:6443",
        "https://a@203.0.113.7:6443",
        "https://203.0.113.7:6443/proxy",
        "https://203.0.113.7:6443#",
    ] {
        is_refused(&planned, "the API server is reached by https", |index| {
            index["api"]["server"] = server.into();
        })?;
    }
    let check = |look: Value| {
        let step = json!({"do": "preflight", "phase": "preflight", "checks": [
            {"name": "a", "severity": "error", "look": look}]});
        move |index: &mut Value| add(index, step)
    };
    let version = |endpoint: &str, document: &str| {
        json!({"kind": "server-version", "endpoints": [endpoint], "document": document, "key": "etcdserver",
            "minimum": "3.5.0", "tls": {"ca": "", "certificate": "", "key": ""}})
    };
    for (what, look) in [
        (
            "called for its version only",
            version("http://203.0.113.7:2379", "/latest/meta-data"),
        ),
        (
            "called by http or https",
            version("http://a@203.0.113.7:2379", "/version"),
        ),
        (
            "called by http or https",
            version("http://203.0.113.7/x", "/version"),
        ),
        (
            "a socket of the host",
            json!({"kind": "runtime-ready", "socket": "http://203.0.113.7"}),
        ),
        (
            "without a directory",
            json!({"kind": "executable", "program": "../x"}),
        ),
        (
            "a proxy check names",
            json!({"kind": "direct-connection", "authority": "a@b"}),
        ),
    ] {
        is_refused(&planned, what, check(look))?;
    }
    accepted(
        &planned,
        check(version("http://203.0.113.7:2379", "/version")),
    )?;
    let join = |endpoint: &str| {
        let step = json!({"do": "show-join-command", "phase": "show-join-command", "endpoint": endpoint,
            "kubeconfig": "/etc/kubernetes/admin.conf", "caCertHashes": [], "tokens": []});
        move |index: &mut Value| add(index, step)
    };
    is_refused(&planned, "a join command names", join("a:6443; reboot"))?;
    is_refused(&planned, "a join command names", join("$(reboot):6443"))?;
    accepted(&planned, join("api.example.com:6443"))
}
