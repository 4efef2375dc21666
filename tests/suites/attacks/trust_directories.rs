//! The directories of the host that decide what root does: whom it trusts, what it remembers.
//!
//! The attacker is a user of the host who can write to one of them, or lock it.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::index::Place;
use kubeplan_bundle::signature::PrivateKey;
use kubeplan_bundle::writer::DraftContent;
use kubeplan_testsuite::forge::Forge;
use kubeplan_testsuite::planned::{Planned, text};
use kubeplan_testsuite::programs::{NOW, Run, kubeapply_at};
use libtest_mimic::Trial;

use super::super::case;

const POLICY: &str = "apiVersion: kubeplan.io/v1alpha1\nkind: Policy\n";

/// A user that does not run the tests.
const STRANGER: u32 = 65533;

pub fn cases() -> Vec<Trial> {
    vec![
        case(
            "attacks::trust_directories::a_policy_in_a_directory_that_users_can_write_is_no_policy",
            exposed_trust,
        ),
        case(
            "attacks::trust_directories::state_in_a_directory_that_users_can_write_is_not_used",
            exposed_state,
        ),
        case(
            "attacks::trust_directories::what_a_user_owns_is_not_believed",
            foreign_owners,
        ),
        case(
            "attacks::trust_directories::a_forged_journal_writes_no_set_user_id_file",
            forged_journal,
        ),
        case(
            "attacks::trust_directories::forged_records_name_no_reserved_path",
            forged_records,
        ),
        case(
            "attacks::trust_directories::a_lock_on_the_trust_directory_blocks_no_change",
            locked,
        ),
        case(
            "attacks::trust_directories::files_that_the_operator_names_are_looked_at",
            named_files,
        ),
    ]
}

fn planned() -> Result<Planned> {
    Planned::fixture("single-node-ecdsa")
}

fn mode(path: &Path, bits: u32) -> Result<()> {
    fs::set_permissions(path, Permissions::from_mode(bits)).with_context(|| format!("{path:?}"))
}

fn apply(planned: &Planned, words: &[&str]) -> Result<Run> {
    let root = planned.root();
    let mut words = words.to_vec();
    words.extend(["--root", text(&root)?]);
    Ok(kubeapply_at(NOW, &words))
}

fn says(run: &Run, words: &str) -> Result<()> {
    ensure!(run.err.contains(words), "not `{words}`: {}", run.err);
    Ok(())
}

/// A planned node whose host has a policy.
fn with_policy() -> Result<(Planned, PathBuf)> {
    let planned = planned()?;
    let directory = planned.root().join("etc/kubeplan");
    fs::create_dir_all(&directory)?;
    for path in ["", "etc", "etc/kubeplan"] {
        mode(&planned.root().join(path), 0o755)?;
    }
    fs::write(directory.join("policy.yaml"), POLICY)?;
    mode(&directory.join("policy.yaml"), 0o644)?;
    Ok((planned, directory))
}

fn exposed_trust() -> Result<()> {
    let (planned, _) = with_policy()?;
    let install = |more: &[&str]| planned.install(more);
    install(&["--dry-run"])?.expect(0)?;
    for path in ["", "etc", "etc/kubeplan", "etc/kubeplan/policy.yaml"] {
        let place = planned.root().join(path);
        let before = fs::metadata(&place)?.mode() & 0o7777;
        for bits in [0o777, 0o1777, 0o775] {
            mode(&place, bits)?;
            let run = install(&[])?.expect(4)?;
            says(
                &run,
                &format!("chmod go-w {}", text(&place)?.trim_end_matches('/')),
            )?;
            ensure!(
                !planned.root().join("var").exists(),
                "something was written"
            );
            apply(&planned, &["trust", "policy", "show"])?.expect(4)?;
            mode(&place, before)?;
        }
    }
    // With nothing in it as well: what is missing may have been taken away.
    fs::remove_file(planned.root().join("etc/kubeplan/policy.yaml"))?;
    mode(&planned.root().join("etc/kubeplan"), 0o777)?;
    install(&[])?.expect(4)?;
    let key = PrivateKey::from_ed25519_seed(&[9; 32], "")?.public();
    let fingerprint = key.fingerprint().to_string();
    let line = key.to_openssh();
    let add = [
        "trust",
        "add",
        &line,
        "--principal",
        "someone",
        "--fingerprint",
        &fingerprint,
    ];
    apply(&planned, &add)?.expect(4)?;
    mode(&planned.root().join("etc/kubeplan"), 0o755)?;
    apply(&planned, &add)?.expect(0)?;
    install(&[])?.expect(0)?;
    Ok(())
}

fn exposed_state() -> Result<()> {
    let planned = planned()?;
    planned.install(&[])?.expect(0)?;
    let state = planned.root().join("var/lib/kubeplan");
    let commands: &[&[&str]] = &[
        &["status"],
        &["rollback", "--yes"],
        &["confirm"],
        &["resume"],
        &["reset", "--yes"],
    ];
    let run = "var/lib/kubeplan/runs/0001";
    for path in [
        "var".to_owned(),
        "var/lib".to_owned(),
        "var/lib/kubeplan".to_owned(),
        "var/lib/kubeplan/runs".to_owned(),
        run.to_owned(),
        format!("{run}/journal"),
        "var/lib/kubeplan/installed.json".to_owned(),
        "var/lib/kubeplan/serials.json".to_owned(),
        "var/lib/kubeplan/salt".to_owned(),
    ] {
        let place = planned.root().join(&path);
        let before = fs::metadata(&place)?.mode() & 0o7777;
        mode(&place, before | 0o022)?;
        let run = planned.install(&[])?.expect(1)?;
        says(&run, &format!("chmod go-w {}", text(&place)?))?;
        // Not every command reads every file.
        if state.starts_with(&place) || path.contains("runs") {
            for words in commands {
                let run = apply(&planned, words)?.expect(1)?;
                says(&run, "chmod go-w")?;
            }
        }
        mode(&place, before)?;
    }
    let lock = state.join("lock");
    mode(&lock, 0o644)?;
    says(&planned.install(&[])?.expect(1)?, "chmod go= ")?;
    mode(&lock, 0o600)?;
    planned.install(&[])?.expect(0)?;
    apply(&planned, &["rollback", "--yes"])?.expect(0)?;
    Ok(())
}

fn foreign_owners() -> Result<()> {
    let (planned, directory) = with_policy()?;
    planned.install(&[])?.expect(0)?;
    let state = planned.root().join("var/lib/kubeplan");
    if fs::metadata(&directory)?.uid() != 0 {
        eprintln!("skipped: only root can give files to another user");
        return Ok(());
    }
    for (place, code) in [
        (planned.root(), 4),
        (directory.clone(), 4),
        (directory.join("policy.yaml"), 4),
        (state.clone(), 1),
        (state.join("runs/0001/journal"), 1),
        (state.join("lock"), 1),
    ] {
        chown(&place, Some(STRANGER), None)?;
        let run = planned.install(&[])?.expect(code)?;
        says(&run, &format!("chown root:root {}", text(&place)?))?;
        says(&run, &format!("user {STRANGER}"))?;
        chown(&place, Some(0), None)?;
    }
    planned.install(&[])?.expect(0)?;
    Ok(())
}

/// A host on which the second of two bundles replaced a file.
struct Replaced {
    planned: Planned,
    /// The file, below the root.
    path: String,
    before: Vec<u8>,
    after: Vec<u8>,
}

impl Replaced {
    fn new() -> Result<Self> {
        let planned = planned()?;
        planned.install(&[])?.expect(0)?;
        let mut forge = Forge::of(&planned)?;
        forge.serial += 1;
        let mut found = None;
        for entry in &mut forge.draft.entries {
            if let (Place::File(placement), DraftContent::Public(bytes)) =
                (&entry.place, &mut entry.content)
                && placement.path.as_str().ends_with(".yaml")
                && !entry.handoff
            {
                let before = bytes.clone();
                bytes.extend(b"# changed\n");
                found = Some((placement.path.to_string(), before, bytes.clone()));
                break;
            }
        }
        let (path, before, after) = found.context("the bundle has no public YAML file")?;
        let bundle = forge.write(&planned, "second.tar.gz")?;
        kubeapply_at(NOW, &planned.install_args(&bundle, &[])?).expect(0)?;
        let replaced = Self {
            planned,
            path,
            before,
            after,
        };
        replaced.has(&replaced.after)?;
        Ok(replaced)
    }

    fn file(&self) -> PathBuf {
        self.planned.root().join(self.path.trim_start_matches('/'))
    }

    fn has(&self, bytes: &[u8]) -> Result<()> {
        ensure!(fs::read(self.file())? == bytes, "another content");
        Ok(())
    }

    fn state(&self, name: &str) -> PathBuf {
        self.planned.root().join("var/lib/kubeplan").join(name)
    }

    fn rollback(&self) -> Result<Run> {
        apply(&self.planned, &["rollback", "--yes"])
    }
}

/// The journal with each record changed by `change`, numbered and checked as the program writes it.
fn rewritten(journal: &str, mut change: impl FnMut(&str) -> String) -> Result<String> {
    let mut check = String::new();
    let mut text = String::new();
    for (number, line) in journal.lines().enumerate() {
        let body = line.splitn(4, ' ').nth(3).context("not a record")?;
        let body = change(body);
        let digest = Sha256Digest::of_parts(&[
            check.as_bytes(),
            b"\n",
            number.to_string().as_bytes(),
            b"\n",
            body.as_bytes(),
        ]);
        check = digest.to_string().chars().take(32).collect();
        text.push_str(&format!("{number} {} {check} {body}\n", body.len()));
    }
    Ok(text)
}

/// The record in which `path` is replaced, with another mode before the run.
fn with_mode(body: &str, path: &str, mode: &str) -> String {
    let Some((head, rest)) = body.split_once("\"before\":{") else {
        return body.to_owned();
    };
    let Some((state, tail)) = rest.split_once('}').filter(|_| body.contains(path)) else {
        return body.to_owned();
    };
    // The digest is an object of its own.
    let (fields, tail) = tail.split_once('}').unwrap_or((tail, ""));
    let fields = match fields.split_once("\"mode\":\"") {
        Some((before, after)) => {
            let after = after.get(4..).unwrap_or_default();
            format!("{before}\"mode\":\"{mode}{after}")
        }
        None => fields.to_owned(),
    };
    format!("{head}\"before\":{{{state}}}{fields}}}{tail}")
}

fn forged_journal() -> Result<()> {
    let host = Replaced::new()?;
    let journal = host.state("runs/0002/journal");
    let genuine = fs::read_to_string(&journal)?;
    ensure!(
        rewritten(&genuine, str::to_owned)? == genuine,
        "a journal is written in another way than this test does"
    );
    let meta = fs::metadata(host.file())?;
    for bits in ["4755", "2755", "6777", "1644"] {
        let forged = rewritten(&genuine, |body| with_mode(body, &host.path, bits))?;
        ensure!(
            forged.contains(&format!("\"mode\":\"{bits}\"")),
            "{genuine}"
        );
        fs::write(&journal, forged)?;
        let run = host.rollback()?.expect(1)?;
        says(&run, "a mode that is never recorded")?;
        host.has(&host.after)?;
        ensure!(
            fs::metadata(host.file())?.mode() == meta.mode(),
            "its mode changed"
        );
    }
    // Where users can write, not even a genuine journal counts.
    fs::write(&journal, &genuine)?;
    mode(&host.state("runs"), 0o777)?;
    host.rollback()?.expect(1)?;
    host.has(&host.after)?;
    mode(&host.state("runs"), 0o700)?;
    // It was the bit: with a mode that a bundle can have, the same forgery says what was to happen, and root wrote it.
    let forged = rewritten(&genuine, |body| with_mode(body, &host.path, "0640"))?;
    ensure!(forged != genuine);
    fs::write(&journal, forged)?;
    host.rollback()?.expect(0)?;
    host.has(&host.before)?;
    ensure!(fs::metadata(host.file())?.mode() & 0o7777 == 0o640);

    let host = Replaced::new()?;
    host.rollback()?.expect(0)?;
    host.has(&host.before)
}

fn forged_records() -> Result<()> {
    let host = Replaced::new()?;
    let journal = host.state("runs/0002/journal");
    let genuine = fs::read_to_string(&journal)?;
    let installed = host.state("installed.json");
    let records = fs::read_to_string(&installed)?;
    for other in [
        "/etc/kubeplan/policy.yaml",
        "/var/lib/kubeplan/salt",
        "/etc/../etc/shadow",
        "/etc//shadow",
        "etc/shadow",
        "/",
    ] {
        let forge =
            |text: &str| text.replace(&format!("\"{}\"", host.path), &format!("\"{other}\""));
        fs::write(&journal, rewritten(&genuine, forge)?)?;
        let run = host.rollback()?.expect(1)?;
        says(&run, "a path or a mode that is never recorded")?;
        fs::write(&journal, &genuine)?;
        fs::write(&installed, forge(&records))?;
        says(&host.rollback()?.expect(1)?, "installed.json")?;
        fs::write(&installed, &records)?;
        host.has(&host.after)?;
    }
    let forged = records.replacen("\"mode\":\"0", "\"mode\":\"4", 1);
    ensure!(forged != records);
    fs::write(&installed, forged)?;
    says(&host.rollback()?.expect(1)?, "installed.json")?;
    fs::write(&installed, &records)?;
    host.rollback()?.expect(0)?;
    host.has(&host.before)
}

fn locked() -> Result<()> {
    let (planned, directory) = with_policy()?;
    let add = |seed: u8| {
        let key = PrivateKey::from_ed25519_seed(&[seed; 32], "")?.public();
        let fingerprint = key.fingerprint().to_string();
        let line = key.to_openssh();
        apply(
            &planned,
            &[
                "trust",
                "add",
                &line,
                "--principal",
                "someone",
                "--fingerprint",
                &fingerprint,
            ],
        )
    };
    // What every user of the host can do.
    let held = File::open(&directory)?;
    held.lock()?;
    add(9)?.expect(0)?;
    let state = File::open(planned.root().join("var/lib/kubeplan"))?;
    state.lock()?;
    planned.install(&[])?.expect(0)?;
    // What is locked instead is not for other users, and is locked.
    let lock = directory.join("lock");
    ensure!(fs::metadata(&lock)?.mode() & 0o7777 == 0o600);
    let held = File::open(&lock)?;
    held.lock()?;
    add(8)?.expect(7)?;
    drop(held);
    add(8)?.expect(0)?;
    // One that was put there for others to hold is not taken.
    mode(&lock, 0o644)?;
    says(&add(7)?.expect(4)?, &format!("chmod go= {}", text(&lock)?))?;
    Ok(())
}

fn named_files() -> Result<()> {
    let planned = planned()?;
    let signers = planned.path("allowed_signers");
    for bits in [0o666, 0o664, 0o646] {
        mode(&signers, bits)?;
        let run = planned.install(&[])?.expect(4)?;
        says(&run, &format!("chmod go-w {}", text(&signers)?))?;
    }
    mode(&signers, 0o644)?;
    let identity = planned.path("identity");
    mode(&identity, 0o644)?;
    let run = planned.install(&["--dry-run"])?.expect(0)?;
    says(&run, &format!("chmod go= {}", text(&identity)?))?;
    mode(&identity, 0o600)?;
    let run = planned.install(&[])?.expect(0)?;
    ensure!(!run.err.contains("chmod"), "{}", run.err);
    Ok(())
}
