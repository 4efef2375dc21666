//! `kubeplan plan --join`: what a joining node gets, and every reason for which it gets nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kubeplan_bundle::reader::Bundle;
use kubeplan_bundle::secret::SecretBytes;
use kubeplan_testsuite::joins::{Attempt, Discovered, SEED, identity, public_content};
use kubeplan_testsuite::programs::{NOW, kubeplan, repository};
use libtest_mimic::Trial;

use super::case;

pub fn cases() -> Vec<Trial> {
    vec![
        case(
            "join_plan::a_worker_gets_no_key_of_the_cluster",
            worker_gets_no_key,
        ),
        case(
            "join_plan::a_control_plane_gets_what_is_shared_and_its_own_leaves",
            control_plane_gets_its_own,
        ),
        case("join_plan::flags_alone_are_enough", flags_alone),
        case("join_plan::host_facts_name_the_node", host_facts),
        case("join_plan::the_same_input_gives_the_same_plan", same_plan),
        case(
            "join_plan::what_is_missing_for_a_control_plane_is_said_as_kubeadm_does",
            preconditions,
        ),
        case(
            "join_plan::shared_certificates_of_another_cluster_are_refused",
            another_cluster,
        ),
        case(
            "join_plan::facts_that_do_not_fit_are_refused",
            facts_that_do_not_fit,
        ),
        case(
            "join_plan::secrets_on_the_command_line_are_refused",
            secrets_in_argv,
        ),
        case(
            "join_plan::the_facts_are_opened_by_their_host_only",
            opened_by_their_host,
        ),
        case("join_plan::a_join_configuration_is_validated", validated),
    ]
}

/// How kubeadm begins.
const SENTENCE: &str =
    "One or more conditions for hosting a new control plane instance is not satisfied";

/// Test keys: none have to be made.
const QUICK: [&str; 4] = ["--test-pki", SEED, "--now", NOW];

fn fixture(name: &str) -> String {
    let path = repository().join("fixtures/join").join(name);
    path.to_string_lossy().into_owned()
}

fn attempt(discovered: &Discovered, args: &[&str]) -> Result<Attempt> {
    discovered.plan(&[QUICK.as_slice(), args].concat())
}

fn planned(discovered: &Discovered, args: &[&str]) -> Result<Attempt> {
    let attempt = attempt(discovered, args)?;
    attempt.run.clone().expect(0)?;
    ensure!(attempt.bundle().is_some(), "no bundle was written");
    Ok(attempt)
}

/// The bundle that was written.
fn written(attempt: &Attempt) -> Result<std::path::PathBuf> {
    attempt.bundle().context("no bundle was written")
}

/// Nothing was written, and the message says `expected`.
fn refused(attempt: &Attempt, code: u8, expected: &str) -> Result<()> {
    let run = attempt.run.clone().expect(code)?;
    ensure!(run.err.contains(expected), "{expected}:\n{}", run.err);
    ensure!(
        attempt.bundle().is_none(),
        "{expected}: a bundle was written"
    );
    Ok(())
}

/// The names and bytes of what is sealed in the bundle.
fn unsealed(attempt: &Attempt) -> Result<Vec<(String, SecretBytes)>> {
    let bundle = written(attempt)?;
    let intact = Bundle::open(fs::File::open(bundle)?)?.into_intact()?;
    let sealed = intact.sealed().context("a sealed part")?.to_vec();
    let identities = kubeplan_bundle::seal::Identities::parse(
        &SecretBytes::new(fs::read(identity())?),
        "test host",
    )?;
    let opened = kubeplan_bundle::seal::open(&sealed, &identities)?;
    Ok(opened
        .contents
        .into_iter()
        .map(|(name, bytes)| (name.to_string(), bytes))
        .collect())
}

fn worker_gets_no_key() -> Result<()> {
    let attempt = planned(&Discovered::new(false)?, &["-f", &fixture("worker.yaml")])?;
    let secrets = unsealed(&attempt)?;
    let names: Vec<&str> = secrets.iter().map(|(name, _)| name.as_str()).collect();
    ensure!(
        names == ["files/etc/kubernetes/bootstrap-kubelet.conf"],
        "{names:?}"
    );
    for (name, bytes) in Discovered::new(true)?.secrets.files {
        if !name.ends_with(".key") {
            continue;
        }
        let inside = |haystack: &[u8]| {
            haystack
                .windows(bytes.len())
                .any(|part| part == bytes.expose())
        };
        ensure!(
            !secrets.iter().any(|(_, bytes)| inside(bytes.expose())),
            "{name}"
        );
    }
    let public = public_content(&written(&attempt)?)?;
    ensure!(public.contains_key("files/etc/kubernetes/pki/ca.crt"));
    let said = format!("{:?}", attempt.run);
    ensure!(!said.contains("0123456789abcdef\""), "{said}");
    Ok(())
}

fn control_plane_gets_its_own() -> Result<()> {
    let discovered = Discovered::new(true)?;
    let attempt = planned(&discovered, &["-f", &fixture("control-plane.yaml")])?;
    let secrets = unsealed(&attempt)?;
    for (name, bytes) in discovered
        .secrets
        .files
        .iter()
        .filter(|(name, _)| name.ends_with(".key"))
    {
        let entry = format!("files/etc/kubernetes/pki/{name}");
        ensure!(
            secrets
                .iter()
                .any(|(known, found)| *known == entry && found == bytes),
            "{entry}"
        );
    }
    for own in [
        "pki/apiserver.key",
        "pki/etcd/peer.key",
        "admin.conf",
        "bootstrap-kubelet.conf",
    ] {
        let entry = format!("files/etc/kubernetes/{own}");
        ensure!(secrets.iter().any(|(name, _)| *name == entry), "{entry}");
    }
    ensure!(!secrets.iter().any(|(name, _)| name.contains("super-admin")));
    Ok(())
}

fn flags_alone() -> Result<()> {
    let worker = Discovered::new(false)?;
    let flags = [
        "--node-name",
        "w2",
        "--cri-socket",
        "unix:///run/x.sock",
        "--apiserver-bind-port",
        "7443",
    ];
    let attempt = planned(&worker, &flags)?;
    ensure!(
        attempt
            .run
            .err
            .contains("--apiserver-bind-port has no effect on a worker"),
        "{}",
        attempt.run.err
    );
    let named = written(&attempt)?;
    ensure!(named.ends_with("w2.prod-a.tar.gz"), "{}", named.display());
    let instance = public_content(&named)?;
    let instance = instance.get("files/var/lib/kubelet/instance-config.yaml");
    ensure!(
        instance.is_some_and(|text| String::from_utf8_lossy(text).contains("unix:///run/x.sock"))
    );
    let wrong = self::attempt(
        &worker,
        &["--node-name", "w2", "--pod-network-cidr", "10.0.0.0/8"],
    )?;
    refused(
        &wrong,
        2,
        "--pod-network-cidr cannot be given for a node that joins",
    )?;
    let mixed = self::attempt(
        &worker,
        &["-f", &fixture("worker.yaml"), "--cri-socket", "/run/x"],
    )?;
    refused(
        &mixed,
        2,
        "--cri-socket cannot be combined with a configuration file",
    )
}

fn host_facts() -> Result<()> {
    let facts = repository().join("fixtures/facts/single-node-facts");
    let facts = facts.to_string_lossy().into_owned();
    let attempt = planned(&Discovered::new(true)?, &["--facts", &facts])?;
    let named = written(&attempt)?;
    ensure!(named.ends_with("cp1.prod-a.tar.gz"), "{}", named.display());
    let another = ["--facts", &facts, "--node-name", "w2"];
    let another = self::attempt(&Discovered::new(true)?, &another)?;
    refused(&another, 2, "but not of the host `w2`")?;
    refused(&another, 2, "set the host's name with --node-name or")?;
    ensure!(!another.run.err.contains("Cluster document"));
    for helps in [
        &["--facts", &facts, "--node-name", "cp1"][..],
        &["-f", &fixture("control-plane.yaml")],
    ] {
        planned(&Discovered::new(true)?, helps)?;
    }
    let without = self::attempt(&Discovered::new(false)?, &[])?;
    refused(
        &without,
        2,
        "JoinConfiguration.nodeRegistration.name: the node has no name",
    )
}

fn same_plan() -> Result<()> {
    let args = ["-f", &fixture("control-plane.yaml")];
    let discovered = Discovered::new(true)?;
    let content = |attempt: &Attempt| public_content(&written(attempt)?);
    let (one, two) = (planned(&discovered, &args)?, planned(&discovered, &args)?);
    ensure!(
        content(&one)? == content(&two)?,
        "two plans of one input differ"
    );
    Ok(())
}

fn preconditions() -> Result<()> {
    let complete = Discovered::new(true)?;
    let file = fixture("control-plane.yaml");
    let args = ["-f", file.as_str()];
    for missing in [
        "ca.crt",
        "sa.key",
        "sa.pub",
        "front-proxy-ca.crt",
        "etcd/ca.crt",
    ] {
        let mut discovered = complete.clone();
        discovered.secrets.files.remove(missing);
        let attempt = attempt(&discovered, &args)?;
        refused(&attempt, 2, SENTENCE)?;
        refused(&attempt, 2, &format!("{missing} is missing"))?;
        refused(
            &attempt,
            2,
            "kubeadm init phase upload-certs --upload-certs",
        )?;
    }
    let mut nothing = complete.clone();
    nothing.secrets.files.clear();
    refused(
        &attempt(&nothing, &args)?,
        2,
        "front-proxy-ca.crt, etcd/ca.crt are missing",
    )?;
    let mut without_endpoint = complete.clone();
    let stored = &mut without_endpoint.facts.cluster_configuration;
    *stored = stored.replace("controlPlaneEndpoint: k8s-api.example.com:6443\n", "");
    refused(
        &attempt(&without_endpoint, &args)?,
        2,
        "stable controlPlaneEndpoint address",
    )?;
    // The key of a CA may be kept elsewhere; then its owner has to sign the leaves.
    for key in ["ca.key", "front-proxy-ca.key", "etcd/ca.key"] {
        let mut external = complete.clone();
        external.secrets.files.remove(key);
        refused(
            &attempt(&external, &args)?,
            2,
            &format!("did not share {key}"),
        )?;
    }
    Ok(())
}

fn another_cluster() -> Result<()> {
    let mut discovered = Discovered::new(true)?;
    let other = repository().join("fixtures/stores/single-node-external-ca/etcd/ca.crt");
    let other = fs::read_to_string(other)?;
    let kubeconfig = discovered.secrets.bootstrap_kubeconfig.expose().to_vec();
    let kubeconfig = String::from_utf8(kubeconfig)?.replace(
        &STANDARD.encode(&discovered.facts.ca_certificates),
        &STANDARD.encode(&other),
    );
    discovered.secrets.bootstrap_kubeconfig = SecretBytes::from_text(kubeconfig);
    discovered.facts.ca_certificates = other;
    let attempt = attempt(&discovered, &["-f", &fixture("control-plane.yaml")])?;
    refused(
        &attempt,
        4,
        "not the one that the cluster was discovered with",
    )
}

fn facts_that_do_not_fit() -> Result<()> {
    let worker = Discovered::new(false)?;
    let file = fixture("worker.yaml");
    let changed = |from: &str, to: &str| {
        let mut discovered = worker.clone();
        let stored = &mut discovered.facts.cluster_configuration;
        assert!(stored.contains(from), "{from}");
        *stored = stored.replace(from, to);
        attempt(&discovered, &["-f", &file])
    };
    for (from, to, expected) in [
        (
            "kubernetesVersion: v1.36.2",
            "kubernetesVersion: stable-1",
            "`stable-1` is a label",
        ),
        ("kubernetesVersion: v1.36.2\n", "", "no version is set"),
        (
            "kubernetesVersion: v1.36.2",
            "kubernetesVersion: v1.20.0",
            "1.20.0 is not supported",
        ),
        (
            "kind: ClusterConfiguration",
            "kind: InitConfiguration",
            "another kind of document than ClusterConfiguration",
        ),
        ("kind: ClusterConfiguration", "kind: [", "(kubeadm-config)"),
        (
            "apiVersion: kubeadm.k8s.io/v1beta4",
            "apiVersion: kubeadm.k8s.io/v1beta2",
            "too old",
        ),
        (
            "serviceSubnet: 172.16.0.0/20",
            "serviceSubnet: nowhere",
            "(kubeadm-config):",
        ),
    ] {
        refused(&changed(from, to)?, 2, expected)?;
    }
    let unknown = changed(
        "kind: ClusterConfiguration",
        "kind: ClusterConfiguration\nfuture: 1",
    )?;
    ensure!(
        unknown.run.code == 0 && unknown.run.err.contains("unknown field; it is ignored"),
        "{}",
        unknown.run.err
    );
    let control_plane = attempt(&worker, &["-f", &fixture("control-plane.yaml")])?;
    refused(
        &control_plane,
        2,
        "JoinConfiguration.controlPlane: the cluster was discovered for a worker",
    )?;
    let flag = attempt(&worker, &["-f", &file, "--control-plane"])?;
    refused(&flag, 2, "the join facts of a worker")?;
    let cluster = repository().join("fixtures/single-node-defaults.yaml");
    let other = attempt(&worker, &["-f", &cluster.to_string_lossy()])?;
    refused(&other, 2, "the configuration contains no JoinConfiguration")?;
    // One file may serve all of kubeadm's commands.
    let shared = format!(
        "{}---\n{}",
        fs::read_to_string(&file)?,
        fs::read_to_string(&cluster)?
    );
    let directory = tempfile::tempdir()?;
    let both = directory.path().join("both.yaml");
    fs::write(&both, shared)?;
    let both = attempt(&worker, &["-f", &both.to_string_lossy()])?;
    ensure!(
        both.run.code == 0 && both.run.err.contains("this document is ignored"),
        "{}",
        both.run.err
    );
    Ok(())
}

fn secrets_in_argv() -> Result<()> {
    let discovered = Discovered::new(true)?;
    for flag in ["--certificate-key", "--token"] {
        let attempt = attempt(&discovered, &["--node-name", "cp2", flag, "hunter2"])?;
        refused(&attempt, 2, "does not accept a secret on the command line")?;
        ensure!(!attempt.run.err.contains("hunter2"), "{}", attempt.run.err);
    }
    Ok(())
}

fn opened_by_their_host() -> Result<()> {
    let discovered = Discovered::new(false)?;
    let file = fixture("worker.yaml");
    let directory = tempfile::tempdir()?;
    let other = directory.path().join("other.age");
    let (text, _) = kubeplan_bundle::seal::Identities::generate();
    fs::write(&other, text.expose())?;
    fs::set_permissions(&other, fs::Permissions::from_mode(0o600))?;
    let other = other.to_string_lossy().into_owned();
    let attempt = attempt(&discovered, &["-f", &file, "--identity", &other])?;
    refused(&attempt, 4, "none of the given identities can open")?;
    refused(&attempt, 4, "they are sealed for SHA256:")?;
    // A recipient that only the facts name gets nothing.
    let attempt = planned(&discovered, &["-f", &file])?;
    ensure!(unsealed(&attempt).is_ok());
    // What installs it is named, as by a plan of a whole cluster.
    let next = attempt.run.text();
    ensure!(
        next.contains("kubeapply install --root DIR --allow-test-only --identity identity "),
        "{next}"
    );
    let (_, recipient) = kubeplan_bundle::seal::Identities::generate();
    let attempt = planned(
        &discovered,
        &["-f", &file, "--recipient", &recipient.to_text()],
    )?;
    ensure!(
        unsealed(&attempt).is_err(),
        "sealed for the host although another was named"
    );
    let next = attempt.run.text();
    ensure!(!next.contains("--identity"), "{next}");
    let attempt = self::attempt(&discovered, &["-f", &file, "--recipient", "alice"])?;
    refused(&attempt, 2, "--recipient")
}

fn validated() -> Result<()> {
    let run = kubeplan(&["validate", "-f", &fixture("worker.yaml")]).expect(0)?;
    ensure!(
        run.err.contains("the configuration is valid"),
        "{}",
        run.err
    );
    let run = kubeplan(&[
        "validate",
        "-f",
        &fixture("worker.yaml"),
        "--node-name",
        "A_b",
    ])
    .expect(2)?;
    ensure!(
        run.err
            .contains("--node-name: JoinConfiguration.nodeRegistration.name"),
        "{}",
        run.err
    );
    let run = kubeplan(&["plan", "-f", &fixture("worker.yaml"), "-o", "/nonexistent"]).expect(2)?;
    ensure!(
        run.err.contains("kubeplan plan --join FACTS"),
        "{}",
        run.err
    );
    Ok(())
}
