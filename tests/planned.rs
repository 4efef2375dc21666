//! A planned node with everything a host needs to install it, in a scratch directory.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use kubeplan_bundle::timestamp::Timestamp;
use tempfile::TempDir;

use crate::programs::{NOW, Run, kubeapply_at, kubeplan, repository};

/// A planned bundle and what belongs to it.
pub struct Planned {
    directory: TempDir,
    config: PathBuf,
    seed: Option<&'static str>,
    now: String,
    /// Whether the identity of its one node is made with the plan; the nodes of a cluster have their own.
    identity: bool,
    /// The bundle's path; of a cluster's first node in the order of names.
    pub bundle: PathBuf,
}

impl Planned {
    /// Plans `fixtures/<name>.yaml` with real keys.
    ///
    /// # Errors
    /// If planning fails.
    pub fn fixture(name: &str) -> Result<Self> {
        Self::config(&fs::read_to_string(
            repository().join("fixtures").join(format!("{name}.yaml")),
        )?)
    }

    /// Plans `config` with real keys.
    ///
    /// # Errors
    /// If planning fails.
    pub fn config(config: &str) -> Result<Self> {
        Self::new(config, None, NOW.to_owned(), true, |_| Ok(()))
    }

    /// Plans `config` with the key store that `prepare` makes in the directory it is given.
    ///
    /// # Errors
    /// If preparing or planning fails.
    pub fn with_store(config: &str, prepare: impl FnOnce(&Path) -> Result<()>) -> Result<Self> {
        Self::new(config, None, NOW.to_owned(), true, prepare)
    }

    /// Plans `config` with real keys at this machine's time, for programs that look at the clock.
    ///
    /// # Errors
    /// If planning fails.
    pub fn today(config: &str) -> Result<Self> {
        Self::new(config, None, today()?, true, |_| Ok(()))
    }

    /// Plans the cluster `config`, each of whose nodes has a recipient, with real keys at this machine's time.
    ///
    /// # Errors
    /// If planning fails.
    pub fn cluster_today(config: &str) -> Result<Self> {
        Self::new(config, None, today()?, false, |_| Ok(()))
    }

    /// The plan digest of the bundle, as `kubeplan show` says it.
    ///
    /// # Errors
    /// If the bundle cannot be shown.
    pub fn digest(&self) -> Result<String> {
        let shown = kubeplan(&["show", "--format", "json", text(&self.bundle)?]).expect(0)?;
        let shown: serde_json::Value = serde_json::from_slice(&shown.out)?;
        let digest = shown
            .pointer("/index/planDigest")
            .and_then(|text| text.as_str());
        Ok(digest.context("the index has a plan digest")?.to_owned())
    }

    /// The bundle of one node of the cluster.
    ///
    /// # Errors
    /// If `plan` did not write one.
    pub fn bundle_of(&self, node: &str) -> Result<PathBuf> {
        for entry in fs::read_dir(self.path("out"))? {
            let entry = entry?;
            if entry
                .file_name()
                .to_string_lossy()
                .starts_with(&format!("{node}."))
            {
                return Ok(entry.path());
            }
        }
        anyhow::bail!("plan wrote no bundle for {node}")
    }

    /// Plans `config` with public test keys, which take no time to make.
    ///
    /// # Errors
    /// If planning fails.
    pub fn with_test_keys(config: &str) -> Result<Self> {
        Self::new(config, Some("seed"), NOW.to_owned(), true, |_| Ok(()))
    }

    fn new(
        config: &str,
        seed: Option<&'static str>,
        now: String,
        identity: bool,
        prepare: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("cluster.yaml");
        fs::write(&path, config)?;
        let key = directory.path().join("author");
        kubeplan(&["keygen", "-o", text(&key)?]).expect(0)?;
        let public = fs::read_to_string(directory.path().join("author.pub"))?;
        fs::write(
            directory.path().join("allowed_signers"),
            format!("author {public}"),
        )?;
        fs::create_dir(directory.path().join("root"))?;
        // Whatever the umask: what a group can write is refused.
        for (name, mode) in [("allowed_signers", 0o644), ("root", 0o755)] {
            fs::set_permissions(directory.path().join(name), Permissions::from_mode(mode))?;
        }
        let mut planned = Self {
            directory,
            config: path,
            seed,
            now,
            identity,
            bundle: PathBuf::new(),
        };
        prepare(&planned.path("pki"))?;
        planned.plan(&[])?.expect(0)?;
        let bundles: Result<Vec<_>, _> = fs::read_dir(planned.path("out"))?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect();
        planned.bundle = bundles?.into_iter().min().context("plan wrote nothing")?;
        Ok(planned)
    }

    /// Plans again, into the same directories, with more arguments.
    ///
    /// # Errors
    /// If a path is not text.
    pub fn plan(&self, more: &[&str]) -> Result<Run> {
        let mut args = self.plan_args()?;
        args.extend(more.iter().map(|arg| (*arg).to_owned()));
        Ok(kubeplan(&args))
    }

    fn plan_args(&self) -> Result<Vec<String>> {
        let mut args = vec![
            "plan".to_owned(),
            "-f".into(),
            text(&self.config)?.into(),
            "--now".into(),
            self.now.clone(),
        ];
        let identity = self.identity.then_some(("--identity-out", "identity"));
        for (flag, name) in [("--output", "out"), ("--sign-key", "author")]
            .into_iter()
            .chain(identity)
        {
            args.push(flag.into());
            args.push(text(&self.path(name))?.into());
        }
        match self.seed {
            Some(seed) => args.extend(["--test-pki".into(), seed.into()]),
            None => args.extend(["--pki".into(), text(&self.path("pki"))?.into()]),
        }
        Ok(args)
    }

    /// Arguments of a rendering of the same plan into `out`.
    ///
    /// # Errors
    /// If a path is not text.
    pub fn render_args(&self, out: &Path) -> Result<Vec<String>> {
        let pki = self.path("pki");
        let mut args = vec!["render".to_owned(), "--now".to_owned(), self.now.clone()];
        for (flag, path) in [("-f", self.config.as_path()), ("--pki", &pki), ("-o", out)] {
            args.push(flag.into());
            args.push(text(path)?.into());
        }
        Ok(args)
    }

    /// The configuration that is planned.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn configuration(&self) -> Result<String> {
        Ok(fs::read_to_string(&self.config)?)
    }

    /// A path in the scratch directory.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The root it is installed into.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.path("root")
    }

    /// Arguments of an installation of `bundle`.
    ///
    /// # Errors
    /// If a path is not text.
    pub fn install_args(&self, bundle: &Path, more: &[&str]) -> Result<Vec<String>> {
        let mut args = vec!["install".to_owned()];
        for (flag, name) in [
            ("--root", "root"),
            ("--allowed-signers", "allowed_signers"),
            ("--identity", "identity"),
        ] {
            args.push(flag.into());
            args.push(text(&self.path(name))?.into());
        }
        args.extend(more.iter().map(|arg| (*arg).to_owned()));
        args.push(text(bundle)?.into());
        Ok(args)
    }

    /// Installs the bundle into the root.
    ///
    /// # Errors
    /// If a path is not text.
    pub fn install(&self, more: &[&str]) -> Result<Run> {
        Ok(kubeapply_at(
            &self.now,
            &self.install_args(&self.bundle, more)?,
        ))
    }
}

/// This machine's time.
fn today() -> Result<String> {
    let seconds = std::time::UNIX_EPOCH.elapsed()?.as_secs();
    let now = Timestamp::from_unix_seconds(i64::try_from(seconds)?)
        .context("this machine's clock is beyond the year 9999")?;
    Ok(now.to_string())
}

/// A path as text.
///
/// # Errors
/// If it is not UTF-8.
pub fn text(path: &Path) -> Result<&str> {
    path.to_str().context("the path is not text")
}
