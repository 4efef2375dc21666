//! A policy that is taken away: by a bundle, by a user who could write, by a mistake.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use kubeplan_testsuite::planned::{Planned, text};
use kubeplan_testsuite::programs::{NOW, Run, Setting, kubeapply_at};
use libtest_mimic::Trial;
use serde_json::Value;

use super::super::case;

const HEAD: &str = "apiVersion: kubeplan.io/v1alpha1\nkind: Policy\n";

pub fn cases() -> Vec<Trial> {
    vec![
        case(
            "attacks::policy_memory::a_policy_that_is_deleted_is_missed",
            deleted,
        ),
        case(
            "attacks::policy_memory::only_an_operator_lets_a_policy_go",
            accepted,
        ),
        case(
            "attacks::policy_memory::a_reset_does_not_make_the_host_forget",
            reset,
        ),
        case("attacks::policy_memory::a_weaker_policy_is_told", weaker),
        case(
            "attacks::policy_memory::a_host_without_a_policy_needs_none",
            never,
        ),
        case(
            "attacks::policy_memory::a_policy_is_remembered_when_a_key_is_added",
            added,
        ),
    ]
}

struct Host {
    planned: Planned,
}

impl Host {
    /// A host with this policy, on which nothing is installed.
    fn new(lines: &str) -> Result<Self> {
        let host = Self {
            planned: Planned::fixture("single-node-ecdsa")?,
        };
        host.put(lines)?;
        Ok(host)
    }

    fn policy(&self) -> PathBuf {
        self.planned.root().join("etc/kubeplan/policy.yaml")
    }

    fn put(&self, lines: &str) -> Result<()> {
        let path = self.policy();
        fs::create_dir_all(path.parent().context("no parent")?)?;
        fs::write(&path, format!("{HEAD}{lines}"))?;
        fs::set_permissions(&path, Permissions::from_mode(0o644))?;
        Ok(())
    }

    fn memory(&self) -> PathBuf {
        self.planned.root().join("var/lib/kubeplan/policy.json")
    }

    fn apply(&self, setting: &Setting, words: &[&str]) -> Result<Run> {
        let root = self.planned.root();
        let mut words = words.to_vec();
        words.extend(["--root", text(&root)?]);
        Ok(setting.kubeapply(&words))
    }

    fn quiet(&self, words: &[&str]) -> Result<Run> {
        self.apply(&setting(None)?, words)
    }

    /// Every command that judges a bundle refuses, and says why.
    fn refuses(&self) -> Result<()> {
        let signers = self.planned.path("allowed_signers");
        let signers = text(&signers)?;
        let bundle = text(&self.planned.bundle)?;
        for run in [
            self.planned.install(&[])?,
            self.planned.install(&["--dry-run"])?,
            self.quiet(&["verify", bundle, "--allowed-signers", signers])?,
            self.quiet(&["preflight", bundle, "--allowed-signers", signers])?,
        ] {
            let run = run.expect(4)?;
            ensure!(
                run.err.contains("this host had a policy") && run.err.contains("accept --none"),
                "{}",
                run.err
            );
        }
        let shown = self.quiet(&["show", bundle, "--allowed-signers", signers])?;
        ensure!(shown.text().starts_with("UNTRUSTED"), "{}", shown.text());
        ensure!(shown.err.contains("had a policy"), "{}", shown.err);
        let run = self.quiet(&["trust", "policy", "show"])?.expect(0)?;
        ensure!(run.text().contains("missing"), "{}", run.text());
        Ok(())
    }

    fn shown(&self) -> Result<Value> {
        let run = self
            .quiet(&["trust", "policy", "show", "--format", "json"])?
            .expect(0)?;
        Ok(serde_json::from_str(&run.text())?)
    }
}

fn setting(answer: Option<&'static str>) -> Result<Setting> {
    Ok(Setting {
        clock: kubeapply::host::clock::Clock::Fixed(NOW.parse()?),
        answer,
        ..Setting::default()
    })
}

fn deleted() -> Result<()> {
    let host = Host::new("")?;
    // Looking is not remembered: a refused bundle leaves the host untouched.
    host.planned.install(&["--dry-run"])?.expect(0)?;
    ensure!(!host.memory().exists());
    host.planned.install(&[])?.expect(0)?;
    let known = fs::read(host.memory())?;
    fs::remove_file(host.policy())?;
    host.refuses()?;
    fs::remove_dir_all(host.planned.root().join("etc/kubeplan"))?;
    host.refuses()?;
    host.put("")?;
    host.planned.install(&[])?.expect(0)?;
    ensure!(fs::read(host.memory())? == known, "nothing is new");
    // A memory that cannot be read is not one that says nothing.
    fs::remove_file(host.policy())?;
    fs::write(host.memory(), "{}\n")?;
    host.planned.install(&[])?.expect(1)?;
    // What goes back is not held up by it.
    fs::write(host.memory(), known)?;
    host.quiet(&["rollback", "--yes"])?.expect(0)?;
    host.refuses()
}

fn accepted() -> Result<()> {
    let host = Host::new("")?;
    let accept = ["trust", "policy", "accept", "--none"];
    let forced = ["trust", "policy", "accept", "--none", "--yes"];
    host.planned.install(&[])?.expect(0)?;
    // While there is a policy there is nothing to accept.
    host.quiet(&forced)?.expect(2)?;
    fs::remove_file(host.policy())?;
    for (answer, code) in [(None, 2), (Some("n\n"), 1), (Some(""), 1)] {
        host.apply(&setting(answer)?, &accept)?.expect(code)?;
        host.refuses()?;
    }
    host.quiet(&["trust", "policy", "accept"])?.expect(2)?;
    // The flag is for trees: the running system asks.
    let live = setting(Some("y\n"))?.kubeapply(&["trust", "policy", "accept", "--none", "--yes"]);
    ensure!(live.code != 0, "{}", live.err);
    let run = host.apply(&setting(Some("y\n"))?, &accept)?.expect(0)?;
    ensure!(run.err.contains("authors 1, approvals 0"), "{}", run.err);
    let shown = host.shown()?;
    ensure!(
        shown["missing"] == false && shown["remembered"].is_null(),
        "{shown}"
    );
    let record = &shown["accepted"][0];
    ensure!(
        record["time"] == NOW && record["terminal"] == true,
        "{shown}"
    );
    ensure!(
        record["uid"].is_u64() && record["insteadOf"]["authors"] == 1,
        "{shown}"
    );
    host.planned.install(&[])?.expect(0)?;
    host.quiet(&forced)?.expect(0)?;
    // The next policy is remembered like the first one.
    host.put("liveJoin: deny\n")?;
    host.planned.install(&[])?.expect(0)?;
    fs::remove_file(host.policy())?;
    host.refuses()?;
    host.quiet(&forced)?.expect(0)?;
    ensure!(host.shown()?["accepted"][1]["terminal"] == false);
    host.planned.install(&[])?.expect(0)?;
    Ok(())
}

fn reset() -> Result<()> {
    let host = Host::new("")?;
    host.planned.install(&[])?.expect(0)?;
    host.quiet(&["reset", "--yes"])?.expect(0)?;
    host.planned.install(&["--allow-older-serial"])?.expect(0)?;
    host.quiet(&["reset", "--yes"])?.expect(0)?;
    fs::remove_file(host.policy())?;
    host.refuses()
}

fn weaker() -> Result<()> {
    let host = Host::new("")?;
    let told = "policy is weaker than when this host was last changed";
    let run = host.planned.install(&[])?.expect(0)?;
    ensure!(!run.err.contains("this host's policy"), "{}", run.err);
    host.put("liveJoin: allow\n")?;
    for flags in [&["--dry-run"][..], &[]] {
        let run = host.planned.install(flags)?.expect(0)?;
        ensure!(run.err.contains(told), "{}", run.err);
        ensure!(run.err.contains("liveJoin deny, and is") && run.err.contains("liveJoin allow"));
    }
    let run = host.planned.install(&[])?.expect(0)?;
    ensure!(
        !run.err.contains("this host's policy"),
        "told once: {}",
        run.err
    );
    host.put("liveJoin: deny\n")?;
    let run = host.planned.install(&[])?.expect(0)?;
    ensure!(
        run.err.contains("this host's policy was edited") && !run.err.contains(told),
        "{}",
        run.err
    );
    host.put("# the same\nliveJoin: deny\n")?;
    let run = host.planned.install(&[])?.expect(0)?;
    ensure!(run.err.contains("requires the same"), "{}", run.err);
    Ok(())
}

fn never() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    for _ in 0..2 {
        planned.install(&[])?.expect(0)?;
    }
    ensure!(!planned.root().join("var/lib/kubeplan/policy.json").exists());
    let root = planned.root();
    let show = ["trust", "policy", "show", "--root", text(&root)?];
    let run = kubeapply_at(NOW, &show).expect(0)?;
    ensure!(run.text().contains("default"), "{}", run.text());
    Ok(())
}

fn added() -> Result<()> {
    let host = Host::new("")?;
    let key = kubeplan_bundle::signature::PrivateKey::from_ed25519_seed(&[9; 32], "")?.public();
    let (line, fingerprint) = (key.to_openssh(), key.fingerprint().to_string());
    host.quiet(&[
        "trust",
        "add",
        &line,
        "--principal",
        "someone",
        "--fingerprint",
        &fingerprint,
    ])?
    .expect(0)?;
    fs::remove_file(host.policy())?;
    host.refuses()
}
