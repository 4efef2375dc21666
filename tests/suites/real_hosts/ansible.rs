//! The playbook of `contrib/ansible` against hosts: real SSH, the very role that users run.

use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use kubeplan_testhosts::components::Store;
use kubeplan_testhosts::hosts::{Host, Rig};
use kubeplan_testsuite::planned::{Planned, text as path_text};
use kubeplan_testsuite::programs::{kubeplan, repository};
use tempfile::TempDir;

use super::built::program;
use super::cluster::Role;
use super::keys::host_key;
use super::{cluster, text, wait_for_cluster};

/// Where the role carries bundles to.
const CARRIED: &str = "/var/cache/kubeplan";

/// A small cluster with a node in every group of the inventory.
const ROLES: [Role; 3] = [Role::First, Role::ControlPlane, Role::Worker];

/// The playbook makes a cluster, goes on where an installation was interrupted, and changes nothing the second time.
pub(super) fn cluster_by_playbook(rig: &Rig, store: &Store) -> Result<()> {
    let nodes = cluster::hosts(rig, store, &ROLES)?;
    let hosts: Vec<Host> = nodes.iter().map(|(host, _)| host.clone()).collect();
    let controller = Controller::new(rig, &hosts)?;
    let endpoint = format!("{}:6443", hosts[0].number().address());
    let planned = Planned::cluster_today(&cluster::configuration(&nodes, &endpoint)?)?;
    controller.write_inventory(&planned, &nodes)?;

    // What the hosts say of themselves is what the bundles are planned from.
    let asked = controller.play("facts.yml", &[])?;
    for host in &hosts {
        ensure!(asked.of(&host.name())?.failed == 0, "{}", asked.said);
    }
    let facts = controller.directory.path().join("facts");
    planned.plan(&["--facts", path_text(&facts)?])?.expect(0)?;

    // A first run that the operator ended in the middle.
    let creator = &hosts[0];
    interrupted(creator, &planned)?;

    let checked = controller.run(&["--check", "--limit", "host1"])?;
    ensure!(checked.of("host1")?.failed == 0, "{}", checked.said);

    let first = controller.run(&[])?;
    for host in &hosts {
        let recap = first.of(&host.name())?;
        ensure!(recap.changed > 0 && recap.failed == 0, "{}", first.said);
    }
    let resumed = "TASK [kubeplan_node : Go on with the interrupted installation]";
    let after = first.said.split_once(resumed).map(|(_, after)| after);
    ensure!(
        after.is_some_and(|after| after.lines().nth(1) == Some("changed: [host1]")),
        "{}",
        first.said
    );
    let journals = text(
        creator,
        "cd /var/lib/kubeplan/runs && ls && grep -c '\"resumed\"' 0001/journal",
    )?;
    ensure!(journals == "0001\n1", "{journals}\n{}", first.said);
    wait_for_cluster(creator, hosts.len())?;
    for host in &hosts {
        controller.has_receipt(&planned, host)?;
    }

    let second = controller.run(&[])?;
    for host in &hosts {
        let recap = second.of(&host.name())?;
        ensure!(recap.changed == 0 && recap.failed == 0, "{}", second.said);
    }
    let compared = controller.run(&["--check"])?;
    ensure!(compared.of("host1")?.changed == 0, "{}", compared.said);

    controller.refuses_what_was_changed(&planned, creator)
}

/// Ends an installation in the middle of its files.
fn interrupted(host: &Host, planned: &Planned) -> Result<()> {
    let bundle = planned.bundle_of(&host.name())?;
    let name = bundle
        .file_name()
        .and_then(|name| name.to_str())
        .context("the bundle has no name")?;
    host.shell(&format!("mkdir -p -m 700 {CARRIED} /etc/kubeplan"))?;
    let carried = host.var().join("cache/kubeplan").join(name);
    fs::copy(&bundle, &carried)?;
    fs::set_permissions(&carried, Permissions::from_mode(0o600))?;
    fs::copy(program("kubeapply")?, host.var().join("kubeapply"))?;
    fs::copy(
        planned.path("allowed_signers"),
        host.var().join("allowed_signers"),
    )?;
    let mut install = host
        .command("sh")?
        .args(["-c", &format!("chmod 700 /var/kubeapply && exec /var/kubeapply install --yes --sign-receipt --allowed-signers /var/allowed_signers --ignore-preflight-errors=SystemVerification {CARRIED}/{name}")])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    host.shell(
        "until [ -e /etc/kubernetes/pki/ca.crt ]; do :; done; kill -KILL $(pidof kubeapply); rm /var/kubeapply",
    )?;
    ensure!(!install.wait()?.success(), "the installation was too fast");
    Ok(())
}

/// What Ansible runs from: a key the hosts let in, an inventory, and nothing of the user's.
struct Controller<'r> {
    rig: &'r Rig,
    directory: TempDir,
}

impl<'r> Controller<'r> {
    /// Makes a key, starts an SSH server on each host, and lets the key in.
    fn new(rig: &'r Rig, hosts: &[Host]) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let key = directory.path().join("key");
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f", path_text(&key)?])
            .status()
            .context("starting ssh-keygen")?;
        ensure!(made.success(), "ssh-keygen ended with {made}");
        let public = fs::read_to_string(directory.path().join("key.pub"))?;
        let mut known = String::new();
        for host in hosts {
            writeln!(known, "{} {}", host.number().address(), host_key(host)?)?;
            fs::write(host.var().join("controller.pub"), &public)?;
            host.shell(
                "mkdir -p -m 700 /root/.ssh && mkdir -p /run/sshd && \
                 install -m 600 /var/controller.pub /root/.ssh/authorized_keys && /usr/sbin/sshd",
            )?;
        }
        fs::write(directory.path().join("known_hosts"), known)?;
        Ok(Self { rig, directory })
    }

    /// Writes an inventory as `inventory.example.yml` has it.
    fn write_inventory(&self, planned: &Planned, nodes: &[(Host, Role)]) -> Result<()> {
        let shown = |path: &Path| path.display().to_string();
        let directory = self.directory.path();
        let mut inventory = format!(
            "kubeplan:\n  vars:\n    ansible_user: root\n    ansible_ssh_private_key_file: {key}\n    \
             ansible_ssh_common_args: -o UserKnownHostsFile={known} -o StrictHostKeyChecking=yes\n    \
             kubeplan_node_cluster: {cluster}\n    kubeplan_node_bundles: {bundles}\n    \
             kubeplan_node_kubeapply: {program}\n    kubeplan_node_allowed_signers: {signers}\n    \
             kubeplan_node_receipts: {receipts}\n    kubeplan_node_sign_receipt: true\n    \
             kubeplan_node_ignore_preflight_errors: [SystemVerification]\n  children:\n",
            key = shown(&directory.join("key")),
            known = shown(&directory.join("known_hosts")),
            cluster = cluster::NAME,
            bundles = shown(&planned.path("out")),
            program = shown(program("kubeapply")?),
            signers = shown(&planned.path("allowed_signers")),
            receipts = shown(&directory.join("receipts")),
        );
        let groups = [
            ("kubeplan_first_control_plane", Role::First),
            ("kubeplan_control_planes", Role::ControlPlane),
            ("kubeplan_workers", Role::Worker),
        ];
        for (group, role) in groups {
            write!(inventory, "    {group}:\n      hosts:\n")?;
            for (host, _) in nodes.iter().filter(|(_, other)| *other == role) {
                let (name, address) = (host.name(), host.number().address());
                writeln!(inventory, "        {name}: {{ansible_host: {address}}}")?;
            }
        }
        fs::write(directory.join("inventory.yml"), inventory)?;
        Ok(())
    }

    /// Runs the playbook to its end.
    fn run(&self, more: &[&str]) -> Result<Played> {
        self.play("cluster.yml", more)
    }

    fn play(&self, playbook: &str, more: &[&str]) -> Result<Played> {
        let output = self
            .rig
            .command("ansible-playbook")
            .arg("--inventory")
            .arg(self.directory.path().join("inventory.yml"))
            .args(more)
            .arg(playbook)
            .current_dir(repository().join("contrib/ansible"))
            .env("HOME", self.directory.path())
            .env("ANSIBLE_NOCOLOR", "1")
            .env("ANSIBLE_RETRY_FILES_ENABLED", "0")
            .stdin(Stdio::null())
            .output()
            .context("starting ansible-playbook")?;
        let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
        said.push_str(&String::from_utf8_lossy(&output.stderr));
        Ok(Played { said })
    }

    /// The host's receipt was fetched, and says that the bundle is installed.
    fn has_receipt(&self, planned: &Planned, host: &Host) -> Result<()> {
        let receipts = self.directory.path().join("receipts");
        let begin = format!("{}-{}-", cluster::NAME, host.name());
        for entry in fs::read_dir(&receipts)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name.starts_with(&begin) && name.ends_with(".json") {
                kubeplan(&[
                    "verify",
                    path_text(&planned.bundle_of(&host.name())?)?,
                    "--allowed-signers",
                    path_text(&planned.path("allowed_signers"))?,
                    "--receipt",
                    path_text(&receipts.join(name))?,
                ])
                .expect(0)?;
                return Ok(());
            }
        }
        bail!("no receipt of {} was fetched", host.name())
    }

    /// A bundle with another bit is refused by name, and the host stays as it is.
    fn refuses_what_was_changed(&self, planned: &Planned, host: &Host) -> Result<()> {
        let bundle = planned.bundle_of(&host.name())?;
        let mut bytes = fs::read(&bundle)?;
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::set_permissions(&bundle, Permissions::from_mode(0o600))?;
        fs::write(&bundle, bytes)?;
        let files = "find /etc/kubernetes /var/lib/kubeplan -type f -exec sha256sum {} + | sort";
        let before = text(host, files)?;
        let played = self.run(&["--limit", &host.name()])?;
        ensure!(played.of(&host.name())?.failed == 1, "{}", played.said);
        ensure!(
            played
                .said
                .contains("TASK [kubeplan_node : Verify the bundle]")
                && played.said.contains("\"rc\": 4"),
            "{}",
            played.said
        );
        ensure!(text(host, files)? == before, "the host was changed");
        Ok(())
    }
}

/// What a run of the playbook said.
struct Played {
    said: String,
}

/// A host's line of the recap.
#[derive(Debug)]
struct Recap {
    changed: u32,
    /// Unreachable counts, too.
    failed: u32,
}

impl Played {
    fn of(&self, host: &str) -> Result<Recap> {
        let line = self
            .said
            .lines()
            .skip_while(|line| !line.starts_with("PLAY RECAP"))
            .find(|line| line.split_whitespace().next() == Some(host))
            .with_context(|| format!("no recap of {host}\n{}", self.said))?;
        let count = |key: &str| -> Result<u32> {
            let word = line
                .split_whitespace()
                .find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
            Ok(word.with_context(|| line.to_owned())?.parse()?)
        };
        Ok(Recap {
            changed: count("changed")?,
            failed: count("failed")? + count("unreachable")?,
        })
    }
}
