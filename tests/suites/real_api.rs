//! A real API server, started with the files that were planned and installed, takes every object that was planned.
//!
//! Needs root, and the real programs: those that the variable `KUBEPLAN_COMPONENTS` names, or that
//! `cargo xtask components` built.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kubeplan_testhosts::components::Programs;
use kubeplan_testhosts::control_plane::{ControlPlane, PROGRAMS, User};
use kubeplan_testhosts::sandbox;
use kubeplan_testsuite::planned::Planned;
use kubeplan_testsuite::programs::{kubeplan, repository};
use libtest_mimic::Trial;
use serde_json::Value;

use super::case;

/// The fixture with nothing set.
pub(super) const DEFAULTS: &str = "single-node-defaults";
/// Fixtures whose objects or flags differ most.
const FIXTURES: &[&str] = &[
    DEFAULTS,
    "single-node-endpoint",
    "single-node-ipv6",
    "single-node-tokens-taints",
];

pub fn cases() -> Vec<Trial> {
    let of_fixtures = FIXTURES.iter().map(|name| {
        let case = format!("real_api::every_object_of_{name}_is_taken_and_kept_as_planned");
        case_with_programs(&case, &[], |programs| objects(&fixture(name)?, programs))
    });
    let others: [(&str, Run); 4] = [
        (
            "every_object_of_two_families_is_taken_and_kept_as_planned",
            |programs| objects(DUAL_STACK, programs),
        ),
        (
            "the_bootstrap_token_signs_cluster_info_and_authenticates",
            token,
        ),
        ("a_component_comes_back_after_a_crash", crash),
        (
            "a_control_plane_that_does_not_come_up_says_why",
            broken_manifest,
        ),
    ];
    let others = others
        .into_iter()
        .map(|(name, run)| case_with_programs(&format!("real_api::{name}"), &[], run));
    of_fixtures.chain(others).collect()
}

/// What a case does with the programs.
pub(super) type Run = fn(&Programs) -> Result<()>;

/// A case that runs the programs of a control plane, and `more`; ignored, with a line that says why, where one is missing or none
/// can be run.
pub(super) fn case_with_programs(
    name: &str,
    more: &[&str],
    run: impl FnOnce(&Programs) -> Result<()> + Send + 'static,
) -> Trial {
    let programs = Programs::find();
    let usable = programs
        .as_ref()
        .map_err(|error| error.to_string())
        .and_then(|programs| {
            let all = programs.check(PROGRAMS).and_then(|()| programs.check(more));
            all.map_err(|error| error.to_string())
        })
        .and_then(|()| sandbox::check().map_err(|error| error.to_string()));
    if let Err(obstacle) = &usable {
        eprintln!("ignored: {name} needs real programs in a sandbox: {obstacle}");
    }
    let ignored = usable.is_err();
    case(name, move || run(&programs?)).with_ignored_flag(ignored)
}

/// Both families; the API server wants the family of its own address first.
const DUAL_STACK: &str = "\
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint: {advertiseAddress: 192.168.10.11}
nodeRegistration: {name: cp1}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.36.2
networking: {serviceSubnet: '10.96.0.0/16,fd00:10:96::/112', podSubnet: '10.244.0.0/16,fd00:10:244::/56'}
";

pub(super) fn fixture(name: &str) -> Result<String> {
    let path = repository().join("fixtures").join(format!("{name}.yaml"));
    fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
}

/// The node of a configuration, planned and installed.
fn installed(config: &str) -> Result<Planned> {
    let planned = Planned::today(config)?;
    planned.install(&[])?.expect(0)?;
    Ok(planned)
}

/// The node of a configuration with its control plane started.
pub(super) fn started(config: &str, programs: &Programs) -> Result<(Planned, ControlPlane)> {
    let planned = installed(config)?;
    let plane = ControlPlane::start(&planned.root(), programs)?;
    Ok((planned, plane))
}

/// Every planned object in the order of its file name, secrets included, holes filled.
pub(super) fn planned_objects(planned: &Planned) -> Result<Vec<(String, String)>> {
    let rendered = planned.path("rendered");
    let mut args = planned.render_args(&rendered)?;
    args.push("--with-secrets".into());
    kubeplan(&args).expect(0)?;
    let directory = only_directory(&rendered)?.join("objects");
    let mut names: Vec<String> = fs::read_dir(&directory)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_>>()?;
    names.sort();
    names
        .into_iter()
        .map(|name| {
            let text = fs::read_to_string(directory.join(&name))?;
            let expiry = STANDARD.encode("2099-01-01T00:00:00Z");
            Ok((name, text.replace("<hole:token-expiry>", &expiry)))
        })
        .collect()
}

/// The directory of the only node in a rendering.
fn only_directory(rendered: &Path) -> Result<PathBuf> {
    let mut directories = fs::read_dir(rendered)?.filter_map(|entry| Some(entry.ok()?.path()));
    directories
        .find(|path| path.is_dir())
        .context("nothing was rendered")
}

fn objects(config: &str, programs: &Programs) -> Result<()> {
    let (planned, plane) = started(config, programs)?;
    let objects = planned_objects(&planned)?;
    ensure!(
        objects.len() > 25,
        "only {} objects are planned",
        objects.len()
    );
    for (name, text) in &objects {
        let apply = [
            "apply",
            "--server-side",
            "--validate=strict",
            "--field-manager=kubeplan",
            "--output=json",
            "--filename=-",
        ];
        let kept = plane
            .kubectl_text(User::SuperAdmin, &apply, text)
            .with_context(|| name.clone())?;
        let kept: Value = serde_json::from_str(&kept)?;
        let wanted: Value = serde_yaml::from_str(text)?;
        if let Some(difference) = lost(&wanted, &kept, String::new()) {
            bail!("{name}: the API server does not keep {difference}");
        }
    }
    // What cluster-admins were bound for: the administrator's own kubeconfig now works.
    let admin = plane.kubectl_text(User::Admin, &["auth", "can-i", "*", "*"], "")?;
    ensure!(
        admin.trim() == "yes",
        "admin.conf may not do everything: {admin}"
    );
    Ok(())
}

/// The first value of `wanted` that is not in `kept`. The server adds fields, drops empty ones, and changes none.
pub(super) fn lost(wanted: &Value, kept: &Value, path: String) -> Option<String> {
    match (wanted, kept) {
        (Value::Object(wanted), Value::Object(kept)) => wanted.iter().find_map(|(key, value)| {
            let path = format!("{path}/{key}");
            match kept.get(key) {
                Some(kept) => lost(value, kept, path),
                None if is_empty(value) => None,
                None => Some(format!("{path}: {value}")),
            }
        }),
        (Value::Array(wanted), Value::Array(kept)) if wanted.len() == kept.len() => wanted
            .iter()
            .zip(kept)
            .enumerate()
            .find_map(|(index, (wanted, kept))| lost(wanted, kept, format!("{path}/{index}"))),
        _ if wanted == kept => None,
        _ => Some(format!("{path}: {wanted} became {kept}")),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(fields) => fields.values().all(is_empty),
        Value::Array(items) => items.is_empty(),
        Value::String(text) => text.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// What a joining node relies on, with nothing but the token of the configuration.
fn token(programs: &Programs) -> Result<()> {
    let (planned, plane) = started(&fixture(DEFAULTS)?, programs)?;
    for (name, text) in planned_objects(&planned)? {
        plane
            .kubectl_text(
                User::SuperAdmin,
                &["apply", "--server-side", "-f", "-"],
                &text,
            )
            .with_context(|| name.clone())?;
    }
    // Anybody may read cluster-info; kubectl itself does not talk without a credential.
    let info = [
        "get",
        "configmap",
        "cluster-info",
        "--namespace=kube-public",
        "--as=system:anonymous",
        "--as-group=system:unauthenticated",
        "--output=json",
    ];
    let begin = Instant::now();
    loop {
        let info: Value =
            serde_json::from_str(&plane.kubectl_text(User::SuperAdmin, &info, "")?)?;
        if info.pointer("/data/jws-kubeconfig-abcdef").is_some() {
            break;
        }
        ensure!(
            begin.elapsed() < Duration::from_secs(60),
            "cluster-info was not signed with the token: {info}"
        );
        std::thread::sleep(Duration::from_millis(200));
    }
    let who = plane
        .command("/bin/kubectl")
        .args([
            "--kubeconfig=",
            "--server=https://192.168.10.11:6443",
            "--certificate-authority=/etc/kubernetes/pki/ca.crt",
            "--token=abcdef.0123456789abcdef",
            "auth",
            "whoami",
            "--output=json",
        ])
        .output()?;
    let said = String::from_utf8_lossy(&who.stderr);
    ensure!(who.status.success(), "the token is not taken: {said}");
    let who: Value = serde_json::from_slice(&who.stdout)?;
    let groups = who
        .pointer("/status/userInfo/groups")
        .context("whoami names no groups")?;
    let expected = serde_json::json!([
        "system:bootstrappers",
        "system:bootstrappers:kubeadm:default-node-token",
        "system:authenticated"
    ]);
    ensure!(groups == &expected, "the token's groups are {groups}");
    Ok(())
}

fn crash(programs: &Programs) -> Result<()> {
    let (_planned, plane) = started(&fixture(DEFAULTS)?, programs)?;
    let version = |plane: &ControlPlane| {
        plane.kubectl_text(User::SuperAdmin, &["get", "--raw", "/version"], "")
    };
    ensure!(
        version(&plane)?.contains("\"v1.36.2\""),
        "the API server has another version"
    );
    plane.kubectl_text(User::SuperAdmin, &["create", "namespace", "kept"], "")?;
    // A client in this process reaches it, too.
    plane.in_network(|| Ok(TcpStream::connect("192.168.10.11:6443")?))?;
    plane.kill("kube-apiserver")?;
    ensure!(
        version(&plane).is_err(),
        "the API server answers after it was killed"
    );
    plane.restart("etcd")?;
    plane.run("kube-apiserver")?;
    plane.wait_ready()?;
    plane.kubectl_text(User::SuperAdmin, &["get", "namespace", "kept"], "")?;
    Ok(())
}

fn broken_manifest(programs: &Programs) -> Result<()> {
    let planned = installed(&fixture(DEFAULTS)?)?;
    let path = planned
        .root()
        .join("etc/kubernetes/manifests/kube-apiserver.yaml");
    let manifest = fs::read_to_string(&path)?;
    fs::write(
        &path,
        manifest.replace("--authorization-mode=", "--authorisation-mode="),
    )?;
    let Err(error) = ControlPlane::start(&planned.root(), programs) else {
        bail!("an API server with a flag that it does not know came up");
    };
    let said = error.to_string();
    ensure!(
        said.starts_with("kube-apiserver ended 3 times")
            && said.contains("unknown flag: --authorisation-mode"),
        "{said}"
    );
    Ok(())
}
