//! A host that joins a running cluster by `kubeapply join`, as an administrator does it.
//!
//! In: a host, and a control plane that makes tokens. Out: what `kubeapply` said and how it ended. Tokens and certificate
//! keys are in files of the host, never in a command line.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use anyhow::{Context as _, Result, ensure};
use kubeplan_testhosts::hosts::Host;

use super::built::program;
use super::keys::host_key;
use super::{IGNORED, shell_status, text};

/// Where everything is carried to, as the host sees it.
const CARRIED: &str = "/var/carried";

/// A host that has both programs and lets `kubeapply join` make its own plan.
pub(super) struct Newcomer {
    pub(super) host: Host,
}

/// What a join is told.
#[derive(Clone, Debug)]
pub(super) struct Invitation {
    /// `host:port`.
    pub(super) endpoint: String,
    pub(super) token: String,
    /// `sha256:…`.
    pub(super) pin: String,
    /// Of a control plane.
    pub(super) certificate_key: Option<String>,
}

impl Invitation {
    /// By a control plane that real kubeadm or kubeapply made.
    pub(super) fn of(control_plane: &Host) -> Result<Self> {
        let said = text(control_plane, "kubeadm token create --print-join-command")?;
        let words: Vec<&str> = said.split_whitespace().collect();
        let after = |flag: &str| {
            words
                .windows(2)
                .find(|pair| pair.first() == Some(&flag))
                .and_then(|pair| pair.get(1).map(ToString::to_string))
                .with_context(|| format!("kubeadm prints no {flag}: {said}"))
        };
        Ok(Self {
            endpoint: after("join")?,
            token: after("--token")?,
            pin: after("--discovery-token-ca-cert-hash")?,
            certificate_key: None,
        })
    }

    /// The same for a control plane: the shared certificates are uploaded.
    pub(super) fn of_control_plane(control_plane: &Host) -> Result<Self> {
        let said = text(
            control_plane,
            "kubeadm init phase upload-certs --upload-certs | tail -n 1",
        )?;
        Ok(Self {
            certificate_key: Some(said),
            ..Self::of(control_plane)?
        })
    }
}

impl Newcomer {
    /// Carries both programs onto the host, and allows live joins.
    pub(super) fn prepare(host: Host) -> Result<Self> {
        let newcomer = Self::without_policy(host)?;
        newcomer.write(
            "policy.yaml",
            "apiVersion: kubeplan.io/v1alpha1\nkind: Policy\nliveJoin: allow\n",
        )?;
        newcomer.host.shell(&format!(
            "mkdir -p /etc/kubeplan && install --mode 644 {CARRIED}/policy.yaml /etc/kubeplan/policy.yaml"
        ))?;
        Ok(newcomer)
    }

    /// The same, but the host's policy says nothing of live joins.
    pub(super) fn without_policy(host: Host) -> Result<Self> {
        fs::create_dir_all(host.var().join("carried"))?;
        for name in ["kubeapply", "kubeplan"] {
            fs::copy(program(name)?, host.var().join("carried").join(name))?;
            host.shell(&format!(
                "install --mode 755 {CARRIED}/{name} /usr/local/bin/{name}"
            ))?;
        }
        host_key(&host)?;
        Ok(Self { host })
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.host.var().join("carried").join(name);
        fs::write(&path, text)?;
        fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        Ok(())
    }

    /// The command that joins; the secrets it takes are on the host then.
    pub(super) fn join_line(&self, invitation: &Invitation) -> Result<String> {
        self.write("token", &invitation.token)?;
        let mut line = format!(
            "kubeapply join {} --token-file {CARRIED}/token --discovery-token-ca-cert-hash {} {IGNORED} --yes",
            invitation.endpoint, invitation.pin
        );
        if let Some(key) = &invitation.certificate_key {
            self.write("certificate-key", key)?;
            line.push_str(&format!(
                " --control-plane --certificate-key-file {CARRIED}/certificate-key"
            ));
        }
        Ok(line)
    }

    /// Joins.
    pub(super) fn join(&self, invitation: &Invitation) -> Result<()> {
        self.host.shell(&self.join_line(invitation)?).map(drop)
    }

    /// Fails unless a join ends with `code`, says every one of `words`, and leaves every file as it was.
    pub(super) fn is_refused(
        &self,
        invitation: &Invitation,
        more: &str,
        code: i32,
        words: &[&str],
    ) -> Result<()> {
        let line = format!("{}{more}", self.join_line(invitation)?);
        self.refuses(&line, code, words)
    }

    /// The same of any command.
    pub(super) fn refuses(&self, line: &str, code: i32, words: &[&str]) -> Result<()> {
        let before = files(&self.host)?;
        let (found, said) = shell_status(&self.host, line)?;
        ensure!(
            found == Some(code),
            "exit code {found:?}, not {code}: {said}"
        );
        for word in words {
            ensure!(said.contains(word), "nothing about `{word}` in: {said}");
        }
        let after = files(&self.host)?;
        ensure!(
            before == after,
            "the host was changed:\n{}",
            similar::TextDiff::from_lines(&before, &after).unified_diff()
        );
        Ok(())
    }
}

/// Everything on the host's disk with mode, owner, size and time, the content of what a join could touch, and the names below
/// `/run`; but no logs and nothing of the container runtime's own.
fn files(host: &Host) -> Result<String> {
    text(
        host,
        r"not='-path /var/log -o -path /var/lib/containerd -o -path /run/containerd'
          find / /var /tmp -xdev \( $not \) -prune -o -type f -printf '%p %m %U:%G %s %T@\n' -o -printf '%p %m %U:%G %l\n' | sort -u
          find /etc /root /tmp /usr/local /var \( $not \) -prune -o -type f -exec sha256sum {} + | sort
          find /run \( $not \) -prune -o -print | sort",
    )
}
