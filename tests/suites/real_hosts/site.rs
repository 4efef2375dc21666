//! A host that is set up by its own `kubeapply` from a bundle, as an administrator does it.
//!
//! In: a plan and a running host. Out: what `kubeapply` reported, or everything it said when it ended otherwise.
//! Nothing of the test process takes part: the program, the bundle and the identity are carried onto the host.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use kubeplan_testhosts::hosts::Host;
use kubeplan_testsuite::planned::{Planned, text as path_text};
use serde_json::Value;

use super::built::program;
use super::{IGNORED, shell_status, text};
use crate::suites::real_api::{lost, planned_objects};

/// Where everything is carried to, as the host sees it.
const CARRIED: &str = "/var/carried";

/// A host with a plan for it.
pub(super) struct Site {
    pub(super) host: Host,
    pub(super) planned: Arc<Planned>,
    /// What `kubeapply` opens the bundle with, as its arguments; its default is the host's SSH key.
    opens_with: String,
}

impl Site {
    /// Carries the program, the bundle and the identity onto the host, and lets it trust the author.
    pub(super) fn carry(host: Host, planned: Planned) -> Result<Self> {
        let identity = planned.path("identity");
        let bundle = planned.bundle.clone();
        let mut site = Self::carry_bundle(host, Arc::new(planned), &bundle)?;
        fs::copy(identity, site.carried("identity"))?;
        site.opens_with = format!("--identity {CARRIED}/identity ");
        Ok(site)
    }

    /// Carries the program and the host's own bundle of a cluster onto the host, and lets it trust the author.
    pub(super) fn of_cluster(host: Host, planned: &Arc<Planned>) -> Result<Self> {
        let bundle = planned.bundle_of(&host.name())?;
        Self::carry_bundle(host, Arc::clone(planned), &bundle)
    }

    fn carry_bundle(host: Host, planned: Arc<Planned>, bundle: &Path) -> Result<Self> {
        let site = Self {
            host,
            planned,
            opens_with: String::new(),
        };
        fs::create_dir_all(site.carried(""))?;
        site.bring(program("kubeapply")?, "kubeapply")?;
        site.bring(bundle, "bundle.tar.gz")?;
        site.bring(&site.planned.path("author.pub"), "author.pub")?;
        site.trust_author()?;
        Ok(site)
    }

    /// Where something that was carried is, as this machine sees it.
    pub(super) fn carried(&self, name: &str) -> PathBuf {
        self.host.var().join("carried").join(name)
    }

    fn bring(&self, from: &Path, name: &str) -> Result<()> {
        fs::copy(from, self.carried(name)).with_context(|| from.display().to_string())?;
        Ok(())
    }

    fn trust_author(&self) -> Result<()> {
        let listed = Command::new("ssh-keygen")
            .arg("-lf")
            .arg(self.planned.path("author.pub"))
            .output()
            .context("starting ssh-keygen")?;
        let listed = String::from_utf8(listed.stdout)?;
        let fingerprint = listed
            .split_whitespace()
            .nth(1)
            .context("ssh-keygen shows no fingerprint")?;
        let line = format!(
            "install --mode 755 {CARRIED}/kubeapply /usr/local/bin/kubeapply && \
             kubeapply trust add --principal author --fingerprint {fingerprint} {CARRIED}/author.pub"
        );
        self.host.shell(&line).map(drop)
    }

    /// Plans again with what the host says of itself, and carries that bundle.
    pub(super) fn plan_with_facts(&self) -> Result<()> {
        self.host.shell(&format!(
            "mkdir {CARRIED}/facts && kubeapply facts --output {CARRIED}/facts"
        ))?;
        self.planned
            .plan(&["--facts", path_text(&self.carried("facts"))?])?
            .expect(0)?;
        self.bring(&self.planned.bundle, "bundle.tar.gz")
    }

    /// Plans `config` with the same key store, and carries that bundle.
    pub(super) fn plan_again(&self, config: &str) -> Result<()> {
        fs::write(self.planned.path("cluster.yaml"), config)?;
        self.planned.plan(&[])?.expect(0)?;
        self.bring(&self.planned.bundle, "bundle.tar.gz")
    }

    /// The command that installs the bundle.
    pub(super) fn install_line(&self) -> String {
        format!(
            "kubeapply install {}{IGNORED} {CARRIED}/bundle.tar.gz",
            self.opens_with
        )
    }

    /// Makes every check of the bundle.
    pub(super) fn preflight(&self) -> Result<Output> {
        self.host.shell(&format!(
            "kubeapply preflight {IGNORED} {CARRIED}/bundle.tar.gz"
        ))
    }

    /// Installs the bundle; the report.
    pub(super) fn install(&self) -> Result<Value> {
        let said = text(
            &self.host,
            &format!("{} --format json", self.install_line()),
        )?;
        serde_json::from_str(&said).with_context(|| said)
    }

    /// Runs a line that performs live steps and says what happens as JSON, and tells `listen` of each event; whether
    /// it succeeded, and what it said.
    pub(super) fn follow(
        &self,
        line: &str,
        mut listen: impl FnMut(&Value) -> Result<()>,
    ) -> Result<(Option<i32>, String)> {
        let mut run = self
            .host
            .command("sh")?
            .args(["-c", &format!("{line} --format json 2>&1")])
            .stdout(Stdio::piped())
            .spawn()?;
        let mut said = String::new();
        for output in BufReader::new(run.stdout.take().context("no output")?).lines() {
            let output = output?;
            if let Ok(event) = serde_json::from_str::<Value>(&output)
                && event.get("event") == Some(&"live-step".into())
            {
                listen(&event)?;
            }
            said.push_str(&output);
            said.push('\n');
        }
        Ok((run.wait()?.code(), said))
    }

    /// What `status` says.
    pub(super) fn status(&self) -> Result<String> {
        text(&self.host, "kubeapply status")
    }

    /// The command that `status` says is next.
    pub(super) fn next(&self) -> Result<String> {
        // An interrupted run has an exit code of its own.
        let (_, said) = shell_status(&self.host, "kubeapply status")?;
        let next = said.lines().find_map(|line| line.strip_prefix("next: "));
        Ok(next.with_context(|| said.clone())?.to_owned())
    }

    /// Fails unless every object of the plan is in the API with everything the plan says of it; the number of objects.
    pub(super) fn expect_planned_objects(&self) -> Result<usize> {
        let objects = planned_objects(&self.planned)?;
        let texts: Vec<&str> = objects.iter().map(|(_, text)| text.as_str()).collect();
        fs::write(
            self.host.var().join("carried/objects.yaml"),
            texts.join("\n---\n"),
        )?;
        let kept: Value = serde_json::from_str(&text(
            &self.host,
            &format!("kubectl get --output json --filename {CARRIED}/objects.yaml"),
        )?)?;
        let kept = kept
            .get("items")
            .and_then(Value::as_array)
            .context("no list")?;
        ensure!(
            kept.len() == objects.len() && kept.len() > 25,
            "{} objects are planned, {} are there",
            objects.len(),
            kept.len()
        );
        for ((name, planned), kept) in objects.iter().zip(kept) {
            let mut planned: Value = serde_yaml::from_str(planned)?;
            // The plan has a life, the object an end that the call reckons from it.
            if let Some(data) = planned.get_mut("data").and_then(Value::as_object_mut)
                && data.remove("expiration").is_some()
            {
                ensure!(
                    kept.pointer("/data/expiration").is_some(),
                    "{name} has no end"
                );
            }
            if let Some(difference) = lost(&planned, kept, String::new()) {
                bail!("{name}: the API has another {difference}");
            }
        }
        Ok(kept.len())
    }
}

/// What a report says was changed: files and directories by path, live steps by phase.
pub(super) fn changes(report: &Value) -> Result<Vec<String>> {
    let list = |name: &str| {
        report
            .get(name)
            .and_then(Value::as_array)
            .with_context(|| format!("the report has no `{name}`"))
    };
    let word = |value: &Value, key: &str| {
        value
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or("?")
            .to_owned()
    };
    let files = list("entries")?
        .iter()
        .filter(|entry| {
            !matches!(
                word(entry, "action").as_str(),
                "unchanged" | "handed-off" | "drift"
            )
        })
        .map(|entry| word(entry, "path"));
    let steps = list("live")?
        .iter()
        .filter(|step| step.get("changed") != Some(&Value::Bool(false)))
        .map(|step| word(step, "phase"));
    Ok(files.chain(steps).collect())
}
