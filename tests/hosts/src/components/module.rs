//! The Go modules in `tests/components/` that pin the programs: what they require, and a digest of their files.
//!
//! In: `go.mod` and `go.sum`. Out: versions and digests. Nothing is downloaded here.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use sha2::{Digest as _, Sha256};

use crate::command;
use crate::repository;

/// One of the modules, by what it builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Module {
    /// Kubernetes' own programs.
    Kubernetes,
    /// The etcd server and its client.
    Etcd,
    /// CoreDNS.
    CoreDns,
    /// crictl.
    CriTools,
    /// The pause program; a few lines in this repository.
    Pause,
}

impl Module {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Kubernetes,
        Self::Etcd,
        Self::CoreDns,
        Self::CriTools,
        Self::Pause,
    ];

    /// The module's directory below `tests/components/`.
    const fn directory_name(self) -> &'static str {
        match self {
            Self::Kubernetes => "kubernetes",
            Self::Etcd => "etcd",
            Self::CoreDns => "coredns",
            Self::CriTools => "cri-tools",
            Self::Pause => "pause",
        }
    }

    /// The upstream module whose version is the programs' version; none for what lies in this repository.
    pub(super) const fn upstream(self) -> Option<&'static str> {
        match self {
            Self::Kubernetes => Some("k8s.io/kubernetes"),
            Self::Etcd => Some("go.etcd.io/etcd/server/v3"),
            Self::CoreDns => Some("github.com/coredns/coredns"),
            Self::CriTools => Some("sigs.k8s.io/cri-tools"),
            Self::Pause => None,
        }
    }

    /// The module's directory.
    #[must_use]
    pub fn directory(self) -> PathBuf {
        repository()
            .join("tests/components")
            .join(self.directory_name())
    }

    /// The version that the module pins, such as `v1.36.2`; empty for what lies in this repository.
    ///
    /// # Errors
    /// If `go.mod` cannot be read or does not require it.
    pub fn version(self) -> Result<String> {
        let Some(upstream) = self.upstream() else {
            return Ok(String::new());
        };
        let path = self.directory().join("go.mod");
        required(&read(&path)?, upstream)
            .with_context(|| format!("{} requires no version of {upstream}", path.display()))
    }

    /// The minor release of Go that the module is written for, such as `1.26`.
    pub(super) fn go_release(self) -> Result<String> {
        let path = self.directory().join("go.mod");
        go_release(&read(&path)?).with_context(|| format!("{} has no `go` line", path.display()))
    }

    /// SHA-256, in hex, over everything in the module's directory.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn digest(self) -> Result<String> {
        let directory = self.directory();
        let mut names: Vec<PathBuf> = fs::read_dir(&directory)
            .with_context(|| format!("reading {}", directory.display()))?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<_>>()?;
        names.sort();
        let mut hasher = Sha256::new();
        for path in names {
            let text = read(&path)?;
            hasher.update(path.file_name().unwrap_or_default().as_encoded_bytes());
            hasher.update([0]);
            hasher.update(u64::try_from(text.len())?.to_be_bytes());
            hasher.update(text);
        }
        Ok(hex(&hasher.finalize()))
    }

    /// Fetches the upstream module and says which commit it was made from, where the module proxy knows.
    pub(super) fn commit(self) -> Result<Option<String>> {
        let Some(upstream) = self.upstream() else {
            return Ok(None);
        };
        let described = go(self, &["mod", "download", "-json", upstream])?;
        let described: serde_json::Value =
            serde_json::from_str(&described).context("reading what `go mod download` says")?;
        let commit = described
            .pointer("/Origin/Hash")
            .and_then(|hash| hash.as_str());
        Ok(commit.map(str::to_owned))
    }
}

/// Runs `go` in the module's directory and takes what it prints.
pub(super) fn go(module: Module, args: &[&str]) -> Result<String> {
    command::text(go_command(module).args(args)).map_err(explain)
}

/// `go`, as every call of it is made: no other tool chain, no C, no state of this repository in the result, and behind
/// whatever else runs on the machine.
pub(super) fn go_command(module: Module) -> std::process::Command {
    let mut command = std::process::Command::new("nice");
    command
        .args(["-n", "5", "go"])
        .current_dir(module.directory())
        .env("CGO_ENABLED", "0")
        .env("GOTOOLCHAIN", "local")
        .env("GOFLAGS", "-buildvcs=false -mod=readonly");
    command
}

/// What a failure of `go` means, in front of what it said.
pub(super) fn explain(error: anyhow::Error) -> anyhow::Error {
    const MEANINGS: &[(&[&str], &str)] = &[
        (
            &[
                "checksum mismatch",
                "SECURITY ERROR",
                "missing go.sum entry",
            ],
            "a module is not the one whose checksum stands in go.sum; nothing was built from it",
        ),
        (
            &[
                "dial tcp",
                "no such host",
                "connection refused",
                "i/o timeout",
                "server response",
                "Forbidden",
                "404 Not Found",
            ],
            "the Go module proxy did not give a module (GOPROXY chooses another one); programs that are already built \
             can be used with --components DIR",
        ),
        (
            &["no space left on device"],
            "the disk is full; Go's build cache takes about 3 GiB",
        ),
    ];
    let said = format!("{error:#}");
    let meaning = MEANINGS
        .iter()
        .find(|(signs, _)| signs.iter().any(|sign| said.contains(sign)));
    match meaning {
        Some((_, meaning)) => error.context(*meaning),
        None => error,
    }
}

/// Fails unless Go is there, of the release the modules are written for.
///
/// # Errors
/// If it is missing or of another release: a later one builds an API server whose `/openapi/v2` is corrupt.
pub(super) fn check_go() -> Result<String> {
    command::require(&[("nice", "coreutils")])?;
    let release = Module::Kubernetes.go_release()?;
    if !command::is_installed("go") {
        bail!(
            "Go {release} is not installed (https://go.dev/dl); programs that are already built can be used with \
             --components DIR"
        );
    }
    let found = go(Module::Kubernetes, &["env", "GOVERSION"])?;
    let wanted = format!("go{release}");
    let rest = found.strip_prefix(&wanted);
    if !rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.')) {
        bail!(
            "these programs are built with {wanted}.x, but `go` is {found}; install that release of Go first in PATH"
        );
    }
    Ok(found)
}

/// The version of `module` in a `go.mod`'s requirements.
fn required(go_mod: &str, module: &str) -> Option<String> {
    go_mod.lines().find_map(|line| {
        let mut words = line
            .trim()
            .trim_start_matches("require ")
            .split_whitespace();
        let version = (words.next() == Some(module))
            .then(|| words.next())
            .flatten()?;
        version.starts_with('v').then(|| version.to_owned())
    })
}

/// `1.26` of the line `go 1.26.0`.
fn go_release(go_mod: &str) -> Option<String> {
    let version = go_mod.lines().find_map(|line| line.strip_prefix("go "))?;
    let (major, rest) = version.trim().split_once('.')?;
    let minor = rest.split('.').next()?;
    Some(format!("{major}.{minor}"))
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

/// Lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_module_pins_its_upstream() {
        for module in Module::ALL {
            let version = module.version().unwrap();
            assert_eq!(
                version.is_empty(),
                module.upstream().is_none(),
                "{module:?}"
            );
            assert_eq!(module.go_release().unwrap(), "1.26", "{module:?}");
        }
    }

    #[test]
    fn staging_modules_are_of_the_same_release() {
        let go_mod = read(&Module::Kubernetes.directory().join("go.mod")).unwrap();
        let version = Module::Kubernetes.version().unwrap();
        let staging = version.replacen("v1.", "v0.", 1);
        let replaced: Vec<&str> = go_mod
            .lines()
            .filter(|line| line.contains(" => "))
            .collect();
        assert!(replaced.len() > 30, "{replaced:?}");
        for line in replaced {
            assert!(line.ends_with(&staging), "{line}");
        }
    }

    #[test]
    fn requirements_are_found_in_both_forms() {
        let text = "module m\n\ngo 1.26.0\n\ntool a.example/b\n\nrequire a.example/b v1.2.3\n\nrequire (\n\tc.example/d v0.1.0 // indirect\n)\n";
        assert_eq!(required(text, "a.example/b").as_deref(), Some("v1.2.3"));
        assert_eq!(required(text, "c.example/d").as_deref(), Some("v0.1.0"));
        assert_eq!(required(text, "c.example"), None);
        assert_eq!(go_release(text).as_deref(), Some("1.26"));
    }

    #[test]
    fn failures_of_go_say_what_they_mean() {
        for (said, meaning) in [
            (
                "verifying a@v1: checksum mismatch",
                "checksum stands in go.sum",
            ),
            ("dial tcp: lookup proxy: no such host", "--components DIR"),
            ("write /x: no space left on device", "disk is full"),
        ] {
            let explained = format!("{:#}", explain(anyhow::anyhow!("{said}")));
            assert!(
                explained.contains(meaning) && explained.contains(said),
                "{explained}"
            );
        }
        assert_eq!(
            format!("{:#}", explain(anyhow::anyhow!("syntax error"))),
            "syntax error"
        );
    }
}
