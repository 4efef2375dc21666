//! Sealing for a key that is not the host's.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use kubeplan_bundle::signature::PrivateKey;
use kubeplan_testsuite::planned::text;
use kubeplan_testsuite::programs::{Run, kubeplan, repository};
use libtest_mimic::Trial;
use tempfile::TempDir;

use super::super::case;

pub fn cases() -> Vec<Trial> {
    vec![
        case(
            "attacks::host_keys::the_key_of_a_server_on_another_port",
            another_port,
        ),
        case(
            "attacks::host_keys::a_second_key_for_the_name_or_address",
            second_key,
        ),
        case(
            "attacks::host_keys::a_revoked_key_a_wildcard_and_a_ca",
            revoked,
        ),
        case(
            "attacks::host_keys::a_confirmation_that_known_hosts_contradicts",
            confirmed_and_contradicted,
        ),
    ]
}

/// A public key and its fingerprint.
struct Key {
    line: String,
    fingerprint: String,
}

fn key(seed: u8) -> Result<Key> {
    let public = PrivateKey::from_ed25519_seed(&[seed; 32], "")?.public();
    Ok(Key {
        line: public.to_openssh(),
        fingerprint: public.fingerprint().to_string(),
    })
}

/// Facts of the host cp1 that name a key, to be planned with.
struct Site {
    directory: TempDir,
}

impl Site {
    fn naming(key: &Key) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let facts = repository().join("fixtures/facts/single-node-facts/cp1.json");
        let mut facts: serde_json::Value = serde_json::from_slice(&fs::read(facts)?)?;
        facts["sshHostKey"] = serde_json::json!({
            "fingerprint": key.fingerprint,
            "publicKey": key.line,
        });
        fs::create_dir(directory.path().join("facts"))?;
        fs::write(directory.path().join("facts/cp1.json"), facts.to_string())?;
        let site = Self { directory };
        kubeplan(&["keygen", "-o", text(&site.at("author"))?]).expect(0)?;
        Ok(site)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Plans with a known_hosts file.
    fn plan(&self, known: &str, more: &[&str]) -> Result<Run> {
        fs::write(self.at("known_hosts"), known)?;
        let (out, key) = (self.at("out"), self.at("author"));
        let (facts, known) = (self.at("facts"), self.at("known_hosts"));
        let identity = self.at("identity");
        let mut args = vec![
            "plan",
            "--kubernetes-version=v1.36.2",
            "--apiserver-advertise-address=192.168.10.11",
            "--test-pki=seed",
            "--format=json",
        ];
        args.extend(["-o", text(&out)?, "--sign-key", text(&key)?]);
        args.extend(["--facts", text(&facts)?, "--known-hosts", text(&known)?]);
        if more.contains(&"--identity-out") {
            args.extend(["--identity-out", text(&identity)?]);
        } else {
            args.extend(more);
        }
        Ok(kubeplan(&args))
    }

    /// The plan is refused, and says each of `said`.
    fn refuses(&self, known: &str, more: &[&str], said: &[&str]) -> Result<()> {
        let run = self.plan(known, more)?;
        let run = run.expect(2).with_context(|| known.to_owned())?;
        for said in said {
            ensure!(run.err.contains(said), "no `{said}` in {}", run.err);
        }
        ensure!(!self.at("out").exists(), "a bundle was written");
        Ok(())
    }

    /// The plan seals for `key` and for no other.
    fn seals_for(&self, key: &Key, known: &str, more: &[&str]) -> Result<()> {
        let run = self.plan(known, more)?;
        let run = run.expect(0).with_context(|| known.to_owned())?;
        let summary: serde_json::Value = serde_json::from_slice(&run.out)?;
        let recipients = &summary["nodes"][0]["recipients"];
        ensure!(
            recipients.as_array().is_some_and(|all| all.len() == 1)
                && recipients[0]
                    .as_str()
                    .unwrap_or_default()
                    .contains(&key.fingerprint),
            "{recipients}"
        );
        Ok(())
    }
}

fn another_port() -> Result<()> {
    let (genuine, attacker) = (key(1)?, key(2)?);
    let known = format!("cp1 {}\n[cp1]:2222 {}\n", genuine.line, attacker.line);
    Site::naming(&attacker)?.refuses(
        &known,
        &[],
        &["names another key", &genuine.fingerprint, "line 1"],
    )?;
    // A server on another port alone confirms nothing: the node then gets an identity of its own.
    let run = Site::naming(&attacker)?.plan(
        &format!("[cp1]:2222,[192.168.10.11]:2222 {}\n", attacker.line),
        &["--identity-out"],
    )?;
    let run = run.expect(0)?;
    ensure!(
        run.err
            .contains("is not confirmed, so nothing is sealed for it"),
        "{}",
        run.err
    );
    Site::naming(&genuine)?.seals_for(&genuine, &known, &[])
}

fn second_key() -> Result<()> {
    let (genuine, attacker) = (key(1)?, key(2)?);
    // Written by `ssh-keygen -H` for the name cp1.
    let hashed = "|1|C07vRdETAfIEJcRNCZlsg1eK2h4=|VAPLeM8dh1b6KQKkyzafKRBQbco=";
    for (one, other) in [
        ("cp1", "cp1"),
        ("cp1", hashed),
        (hashed, "CP1,web"),
        ("cp1", "192.168.10.11"),
        ("192.168.10.11", "cp1"),
        ("cp1", "!web,cp*"),
    ] {
        let known = format!("{one} {}\n#\n{other} {}\n", genuine.line, attacker.line);
        for named in [&genuine, &attacker] {
            Site::naming(named)?.refuses(
                &known,
                &[],
                &[
                    "names two keys for that host",
                    &format!("{} (line 1)", genuine.fingerprint),
                    &format!("{} (line 3)", attacker.fingerprint),
                ],
            )?;
        }
    }
    let known = format!(
        "cp1 {}\n{hashed} {0}\nweb {}\n",
        genuine.line, attacker.line
    );
    Site::naming(&genuine)?.seals_for(&genuine, &known, &[])
}

fn revoked() -> Result<()> {
    let (genuine, attacker) = (key(1)?, key(2)?);
    let site = Site::naming(&attacker)?;
    let line = &attacker.line;
    site.refuses(
        &format!("cp1 {line}\n@revoked * {line}\n"),
        &[],
        &["marks it as revoked (line 2)"],
    )?;
    for known in [
        format!("@cert-authority cp1 {line}\n"),
        format!("* {line}\n"),
        format!("!cp1,cp* {line}\n"),
    ] {
        let run = site.plan(&known, &["--identity-out"])?;
        let run = run.expect(0).with_context(|| known.clone())?;
        ensure!(
            run.err
                .contains("is not confirmed, so nothing is sealed for it"),
            "{known}: {}",
            run.err
        );
    }
    let known = format!(
        "cp1 {line}\n@revoked cp1 {line}\n@cert-authority * {line}\ncp1 {}\n",
        genuine.line
    );
    Site::naming(&genuine)?.seals_for(&genuine, &known, &[])
}

fn confirmed_and_contradicted() -> Result<()> {
    let (genuine, attacker) = (key(1)?, key(2)?);
    let known = format!("cp1 {}\n", genuine.line);
    let confirm = |key: &Key| format!("cp1={}", key.fingerprint);
    Site::naming(&attacker)?.refuses(
        &known,
        &["--confirm-host-key", &confirm(&attacker)],
        &["names another key", &genuine.fingerprint],
    )?;
    Site::naming(&genuine)?.refuses(
        &known,
        &["--confirm-host-key", &confirm(&attacker)],
        &[&genuine.fingerprint, &attacker.fingerprint],
    )?;
    let confirmed = confirm(&genuine);
    Site::naming(&genuine)?.seals_for(&genuine, &known, &["--confirm-host-key", &confirmed])
}
