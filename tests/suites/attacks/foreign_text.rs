//! Text of others on the operator's terminal: whatever a bundle, a path or a process is called, `kubeapply` prints the lines it
//! means to print, and no character that a terminal acts on.
//!
//! Every case runs with a harmless name in the same place, too: that twin shows the name, and has as many lines.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Cursor, Read as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use kubeapply::host::clock::Clock;
use kubeplan_bundle::canonical;
use kubeplan_bundle::frame::{stored, tar};
use kubeplan_bundle::index::Index;
use kubeplan_bundle::reader::Bundle;
use kubeplan_bundle::secret::SecretBytes;
use kubeplan_bundle::signature::{Namespace, PrivateKey};
use kubeplan_bundle::writer::with_signature;
use kubeplan_terminal::escape;
use kubeplan_testkit::Fault;
use kubeplan_testsuite::planned::{Planned, text};
use kubeplan_testsuite::programs::{NOW, Run, Setting, kubeapply};
use kubeplan_testsuite::raw_index::after_first;
use libtest_mimic::Trial;
use serde_json::Value;
use tempfile::TempDir;

use super::super::{case, case_with};

pub fn cases() -> Vec<Trial> {
    vec![
        case("attacks::foreign_text::in_every_field_of_an_index", fields),
        case("attacks::foreign_text::in_names_of_files", names),
        case(
            "attacks::foreign_text::in_content_that_is_compared",
            content,
        ),
        case_with(
            &["bash"],
            "attacks::foreign_text::in_commands_that_are_copied",
            commands,
        ),
        case_with(
            &["bash", "flock", "setpriv"],
            "attacks::foreign_text::in_the_command_line_of_who_holds_the_lock",
            holder,
        ),
    ]
}

/// Breaks the line, forges a verdict and a hint, moves the cursor up and to the start, clears, reverses, and hides.
const HOSTILE: &str = "x\nTRUSTED\n  hint: run this\r\u{1b}[2J\u{1b}[1A\u{9b}1A\u{7f}\u{202e}\u{2028}\u{200b}\u{e0041}y";

/// How it is shown.
const SHOWN: &str = "x\\nTRUSTED\\n  hint: run this\\r\\u{1b}[2J\\u{1b}[1A\\u{9b}1A\\u{7f}\\u{202e}\\u{2028}\\u{200b}\\u{e0041}y";

/// What stands in the same place of the twin.
const HARMLESS: &str = "harmless twin é!";

/// Fails if a stream holds what a terminal acts on. The tab before kubeadm's lines and line feeds are the program's.
fn expect_shown(run: &Run, what: &str) -> Result<()> {
    let out = String::from_utf8(run.out.clone()).context("standard output is text")?;
    for stream in [&out, &run.err] {
        for line in stream.split('\n') {
            let line = line.strip_prefix('\t').unwrap_or(line);
            ensure!(
                escape(line) == line,
                "{what}: a terminal acts on what is in {line:?}"
            );
        }
    }
    Ok(())
}

/// Fails unless both runs ended alike, with as many lines on each stream, and neither writes what a terminal acts on.
fn expect_alike(hostile: &Run, harmless: &Run, what: &str) -> Result<()> {
    expect_shown(hostile, what)?;
    expect_shown(harmless, what)?;
    let lines = |run: &Run| {
        (
            run.code,
            run.text().lines().count(),
            run.err.lines().count(),
        )
    };
    ensure!(
        lines(hostile) == lines(harmless),
        "{what}: other lines than the harmless twin\n{}{}\nthe twin:\n{}{}",
        hostile.text(),
        hostile.err,
        harmless.text(),
        harmless.err
    );
    Ok(())
}

/// A planned bundle whose index an attacker writes again. There is no writer that would help him.
struct Attacker {
    planned: Planned,
    index: Value,
    later: Vec<u8>,
    author: PrivateKey,
    /// Where its roots are; in memory, where syncing costs nothing.
    roots: TempDir,
}

impl Attacker {
    fn new() -> Result<Self> {
        let planned = Planned::fixture("single-node-ecdsa")?;
        let bytes = fs::read(&planned.bundle)?;
        let intact = Bundle::open(Cursor::new(bytes.clone()))?.into_intact()?;
        let author = fs::read(planned.path("author"))?;
        Ok(Self {
            index: serde_json::from_slice(intact.index_bytes())?,
            later: after_first(&bytes)?.to_vec(),
            author: PrivateKey::parse(&SecretBytes::new(author), None)?,
            roots: tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())?,
            planned,
        })
    }

    /// An unsigned bundle and one of the trusted author with `text` at `place`; `None` if the format's rules refuse it.
    fn forge(&self, place: &str, text: &str, file: &str) -> Result<Option<[PathBuf; 2]>> {
        let mut index = self.index.clone();
        let (parent, field) = place.rsplit_once('/').context("a pointer")?;
        let parent = index.pointer_mut(parent).context("the parent is there")?;
        match parent {
            Value::Object(fields) => drop(fields.insert(field.to_owned(), text.into())),
            Value::Array(items) => {
                *items.get_mut(field.parse::<usize>()?).context("an item")? = text.into();
            }
            _ => bail!("{place} is in no container"),
        }
        let Ok(mut index) = serde_json::from_value::<Index>(index) else {
            return Ok(None);
        };
        let Ok(digest) = index.compute_plan_digest() else {
            return Ok(None);
        };
        index.plan_digest = digest;
        let Ok(bytes) = canonical::to_vec(&index) else {
            return Ok(None);
        };
        let mut plain = Vec::new();
        tar::append(&mut plain, "kubeplan.json", &bytes)?;
        let unsigned = [stored::encode(&plain), self.later.clone()].concat();
        let intact = Bundle::open(Cursor::new(unsigned.clone())).and_then(Bundle::into_public);
        let Ok(intact) = intact else {
            return Ok(None);
        };
        let signature = self.author.sign(Namespace::Bundle, &bytes)?;
        let mut signed = Vec::new();
        with_signature(intact, signature, &mut signed)?;
        let files =
            ["unsigned", "signed"].map(|kind| self.planned.path(&format!("{file}-{kind}.tar.gz")));
        for (path, bytes) in files.iter().zip([unsigned, signed]) {
            fs::write(path, bytes)?;
        }
        Ok(Some(files))
    }

    /// Runs a command on a bundle, with a root of its own.
    fn run(&self, root: &str, bundle: &Path, words: &[&str]) -> Result<Run> {
        let signers = self.planned.path("allowed_signers");
        let root = self.roots.path().join(root);
        fs::create_dir_all(&root)?;
        let mut args = words.to_vec();
        args.extend(["--root", text(&root)?]);
        if words.first() != Some(&"status") {
            args.extend(["--allowed-signers", text(&signers)?, text(bundle)?]);
        }
        let identity = self.planned.path("identity");
        if words.first() == Some(&"install") {
            args.extend(["--identity", text(&identity)?]);
        }
        Ok(kubeapply(&args))
    }
}

/// Pointers to the strings of the index, by their shape: one of each kind of step, of check, of entry.
fn strings(value: &Value, at: &str, shape: &str, found: &mut BTreeMap<String, String>) {
    match value {
        Value::String(_) => {
            found
                .entry(shape.to_owned())
                .or_insert_with(|| at.to_owned());
        }
        Value::Array(items) => {
            for (position, item) in items.iter().enumerate() {
                let kind = ["/do", "/look/kind", "/kind", "/class"]
                    .iter()
                    .find_map(|tag| item.pointer(tag)?.as_str())
                    .unwrap_or("*");
                strings(
                    item,
                    &format!("{at}/{position}"),
                    &format!("{shape}/{kind}"),
                    found,
                );
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                let escaped = name.replace('~', "~0").replace('/', "~1");
                strings(
                    field,
                    &format!("{at}/{escaped}"),
                    &format!("{shape}/{escaped}"),
                    found,
                );
            }
        }
        _ => {}
    }
}

/// Every string of an index carries the attacker's text, instead of its own and behind it: the format refuses it, or every
/// command shows it on its line.
fn fields() -> Result<()> {
    let attacker = Attacker::new()?;
    let mut places = BTreeMap::new();
    strings(&attacker.index, "", "", &mut places);
    for absent in [
        "/annotations/note",
        "/target/match/hostname",
        "/target/match/sshHostKey",
    ] {
        places.insert(absent.to_owned(), absent.to_owned());
    }
    let (mut accepted, mut refused) = (BTreeSet::new(), BTreeSet::new());
    let mut seen = BTreeSet::new();
    for (shape, place) in &places {
        // JSON pointers write these two otherwise, and `forge` takes the last part as it is.
        if place
            .rsplit('/')
            .next()
            .is_some_and(|name| name.contains('~'))
        {
            continue;
        }
        let own = attacker.index.pointer(place).and_then(Value::as_str);
        for before in BTreeSet::from([own.unwrap_or_default(), ""]) {
            let hostile = attacker.forge(place, &format!("{before}{HOSTILE}"), "hostile")?;
            let Some(hostile) = hostile else {
                refused.insert(shape.as_str());
                continue;
            };
            let harmless = attacker.forge(place, &format!("{before}{HARMLESS}"), "harmless")?;
            let Some(harmless) = harmless else {
                bail!("{shape}: the hostile text is taken and the harmless one is not");
            };
            let is_first = accepted.insert(shape.as_str());
            if field(&attacker, shape, &hostile, &harmless, is_first)? {
                seen.insert(shape.as_str());
            }
        }
    }
    ensure!(
        accepted.contains("/planner/version") && accepted.contains("/annotations/note"),
        "free text is taken: {accepted:?}"
    );
    ensure!(
        seen.contains("/planner/version") && seen.contains("/annotations/note"),
        "the twins show it: {seen:?}"
    );
    ensure!(
        refused.contains("/cluster/name") && refused.contains("/node/name"),
        "names have rules: {refused:?}"
    );
    Ok(())
}

/// What every command, or `show` alone, writes about one field; whether the twin's `show` tells the field.
fn field(
    attacker: &Attacker,
    shape: &str,
    hostile: &[PathBuf; 2],
    harmless: &[PathBuf; 2],
    thoroughly: bool,
) -> Result<bool> {
    let mut told = false;
    let roots = ["root-hostile", "root-harmless"];
    const UNSIGNED: &[&[&str]] = &[&["show"], &["show", "--format", "json"], &["verify"]];
    const SIGNED: &[&[&str]] = &[
        &["show"],
        &["verify"],
        &["verify", "--format", "json"],
        &["preflight"],
        &["preflight", "--format", "json"],
        &["install", "--dry-run", "--format", "json"],
        &["install"],
        &["status"],
        &["status", "--format", "json"],
    ];
    for (kind, hostile, harmless, commands) in [
        ("UNSIGNED", &hostile[0], &harmless[0], UNSIGNED),
        ("TRUSTED", &hostile[1], &harmless[1], SIGNED),
    ] {
        let shows = |words: &&&[&str]| words.first() == Some(&"show");
        for words in commands.iter().filter(|words| thoroughly || shows(words)) {
            let what = format!("{shape}: {kind}: {}", words.join(" "));
            let runs = [
                attacker.run(roots[0], hostile, words)?,
                attacker.run(roots[1], harmless, words)?,
            ];
            expect_alike(&runs[0], &runs[1], &what)?;
            if words == &["show"] {
                let [hostile, harmless] = runs.map(|run| run.text());
                let first = hostile.lines().next().unwrap_or_default();
                ensure!(first.starts_with(kind), "{what}: the first line is {first}");
                ensure!(Some(first) == harmless.lines().next(), "{what}: {first}");
                if harmless.contains(HARMLESS) {
                    told = true;
                    // An element of a list that is an object, such as a check, is a row of JSON.
                    let json = serde_json::to_string(HOSTILE)?;
                    let in_json = escape(json.trim_matches('"'));
                    ensure!(
                        hostile.contains(SHOWN) || hostile.contains(&*in_json),
                        "{what}: not told\n{hostile}"
                    );
                }
            } else if words == &["show", "--format", "json"] {
                let shown: Value = serde_json::from_slice(&runs[0].out)?;
                let shown = shown["index"].to_string();
                ensure!(
                    shown.contains("hint: run this"),
                    "{what}: the value is not what it was: {shown}"
                );
                ensure!(shown.contains('\u{202e}'), "{what}: {shown}");
            }
        }
    }
    for root in roots {
        fs::remove_dir_all(attacker.roots.path().join(root))?;
    }
    Ok(told)
}

/// A bundle, a root and arguments may be called anything.
fn names() -> Result<()> {
    let attacker = Attacker::new()?;
    let mut told = Vec::new();
    for name in [HOSTILE, HARMLESS] {
        let directory = attacker.planned.path(name);
        fs::create_dir(&directory)?;
        let bundle = directory.join("bundle.tar.gz");
        fs::copy(&attacker.planned.bundle, &bundle)?;
        let missing = directory.join("missing.tar.gz");
        let mut runs = Vec::new();
        for (bundle, words) in [
            (&missing, &["show"][..]),
            (&missing, &["verify", "--format", "json"]),
            (&missing, &["install"]),
            (&directory, &["show"]),
            (&bundle, &["install", "--as-node", name]),
            (&bundle, &["install", "--overwrite-drift", name]),
            (&bundle, &["install", "--ignore-preflight-errors", name]),
            (&bundle, &["install", "--phase", name]),
            (&bundle, &["show", name]),
            (&bundle, &["show", &format!("--{name}")]),
            (&bundle, &["show", "--format", name]),
            (&bundle, &[name]),
            (&bundle, &["install"]),
            (&bundle, &["status"]),
            (&bundle, &["status", "--format", "json"]),
        ] {
            runs.push((
                words.join(" ").replace(name, "NAME"),
                attacker.run(&format!("{name}/root"), bundle, words)?,
            ));
        }
        // What the journal of a stopped run remembers is told, too.
        let root = directory.join("stopped");
        fs::create_dir(&root)?;
        let (identity, signers) = (
            attacker.planned.path("identity"),
            attacker.planned.path("allowed_signers"),
        );
        let flags = ["--root", text(&root)?];
        let stop = Setting {
            clock: Clock::Fixed(NOW.parse()?),
            fault: Fault::StopAfter(120),
            ..Setting::default()
        };
        let install = [
            "install",
            "--identity",
            text(&identity)?,
            "--allowed-signers",
            text(&signers)?,
            text(&bundle)?,
        ];
        runs.push((
            "a stopped install".to_owned(),
            stop.kubeapply(&[&install, &flags[..]].concat()),
        ));
        for words in [&["status"][..], &["resume"], &["rollback", "--yes"]] {
            let run = kubeapply(&[words, &flags[..]].concat());
            ensure!(
                words != ["status"]
                    || run
                        .text()
                        .contains(&escape(&format!("  bundle {}", text(&bundle)?)).into_owned()),
                "the bundle of the run is told: {}",
                run.text()
            );
            runs.push((words.join(" "), run));
        }
        told.push(runs);
    }
    let [hostile, harmless] = told.as_slice() else {
        bail!("there are two names");
    };
    for ((what, hostile), (_, harmless)) in hostile.iter().zip(harmless) {
        expect_alike(hostile, harmless, what)?;
    }
    for ((_, run), name) in [(&hostile[0], SHOWN), (&harmless[0], HARMLESS)] {
        ensure!(run.err.contains(name), "the file is named: {}", run.err);
    }
    Ok(())
}

/// What the host has and the bundle would write is compared line by line.
fn content() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let path = "etc/kubernetes/manifests/kube-apiserver.yaml";
    let file = planned.root().join(path);
    planned.install(&[])?.expect(0)?;
    // One line of a host's file that hides another, and ends as DOS does.
    let line = |name: &str| {
        format!(
            "a: 1 # {}\r\n",
            name.replace('\n', "").replace("\u{2028}", "")
        )
    };
    let mut lines = Vec::new();
    for name in [HARMLESS, HOSTILE] {
        fs::write(&file, line(name))?;
        for format in ["text", "json"] {
            let run = planned.install(&["--dry-run", "--format", format])?;
            expect_shown(&run, "a difference")?;
            if format == "text" {
                ensure!(
                    run.text().contains("-a: 1 # ") && run.text().contains("\\r\n"),
                    "{}",
                    run.text()
                );
                lines.push(run.text().lines().count());
            }
        }
    }
    ensure!(lines[0] == lines[1], "other lines: {lines:?}");
    Ok(())
}

/// The words that a shell reads of a command that is printed for copying.
fn words(command: &str) -> Result<Vec<String>> {
    let output = Command::new("bash")
        .args(["-c", &format!("printf '%s\\0' {command}")])
        .output()?;
    ensure!(output.status.success(), "{command} is no command");
    let printed = String::from_utf8(output.stdout)?;
    Ok(printed.split_terminator('\0').map(str::to_owned).collect())
}

/// A command that is copied from the terminal has the words it is meant to have, whatever its parts are called.
fn commands() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    for name in [
        "plain",
        "a b",
        "$(touch pwned);`id`",
        "it's \u{1b}[2J\n&& é",
        "-rf ~ *",
    ] {
        let root = planned.path(name);
        fs::create_dir(&root)?;
        let bundle = root.join("a;b.tar.gz");
        fs::copy(&planned.bundle, &bundle)?;
        let (root, bundle) = (text(&root)?.to_owned(), text(&bundle)?.to_owned());
        let next = |run: &Run| -> Result<Vec<String>> {
            expect_shown(run, name)?;
            let text = run.text();
            let line = text.lines().find_map(|line| line.strip_prefix("next: "));
            words(line.with_context(|| format!("no next command in {text}"))?)
        };
        let status = || kubeapply(&["status", "--root", &root]);
        ensure!(
            next(&status())? == ["kubeapply", "install", "BUNDLE", "--root", &root],
            "{name}"
        );
        let identity = planned.path("identity");
        let signers = planned.path("allowed_signers");
        let install = [
            "install",
            "--root",
            &root,
            "--identity",
            text(&identity)?,
            "--allowed-signers",
            text(&signers)?,
            &bundle,
        ];
        kubeapply(&install).expect(0)?;
        fs::write(Path::new(&root).join("etc/kubernetes/pki/ca.crt"), "drift")?;
        let found = next(&status())?;
        for word in ["kubeapply", &root, &bundle] {
            ensure!(
                found.iter().any(|found| found == word),
                "{word} in {found:?}"
            );
        }
        let refused = kubeapply(&["show", "--root", &root, &bundle]);
        expect_shown(&refused, name)?;
    }
    Ok(())
}

/// A process that holds the lock `file` until it is dropped, and calls itself `name`.
struct Holds(Child);

impl Holds {
    fn start(file: &Path, name: &str, user: &str) -> Result<Self> {
        // A lock is told with the process that took it, so the one with the name takes it itself.
        let script = "exec 9<\"$1\"; export NAME=\"$2\"; \
            exec setpriv --reuid=\"$3\" bash -c 'exec -a \"$NAME\" flock /proc/self/fd/9 bash -c \"echo held; sleep 60\"'";
        let mut child = Command::new("bash")
            .args(["-c", script, "bash", text(file)?, name, user])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let mut said = [0; 5];
        let mut stdout = child.stdout.take().context("its output")?;
        stdout.read_exact(&mut said).context("it holds the lock")?;
        Ok(Self(child))
    }
}

impl Drop for Holds {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.0.wait();
    }
}

/// Who holds the lock is told by number and user. What the process calls itself is cited of root's and the operator's own
/// processes only, cut, and on one line.
fn holder() -> Result<()> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let planned = Planned::fixture("single-node-ecdsa")?;
    planned.install(&[])?.expect(0)?;
    let lock = planned.root().join("var/lib/kubeplan/lock");
    let own = fs::metadata(&lock)?.uid();
    let long = format!("{HOSTILE}{}", "z".repeat(500));
    let held = |name: &str, user: u32| -> Result<Run> {
        // A lock that other users can open is refused before it is asked who holds it: it is open to them for a moment only.
        let mode = |bits| fs::set_permissions(&lock, fs::Permissions::from_mode(bits));
        mode(0o644)?;
        let _holds = Holds::start(&lock, name, &user.to_string())?;
        mode(0o600)?;
        let run = planned.install(&[])?.expect(7)?;
        expect_shown(&run, "the lock")?;
        ensure!(run.err.lines().count() == 2, "two lines: {}", run.err);
        ensure!(
            run.err.contains(&format!("of user {user}")),
            "whose it is: {}",
            run.err
        );
        Ok(run)
    };
    let run = held(HARMLESS, own)?;
    ensure!(
        run.err.contains("which calls itself `harmless twin é! "),
        "{}",
        run.err
    );
    let run = held(&long, own)?;
    ensure!(
        run.err
            .contains("which calls itself `x\\nTRUSTED\\n  hint: run this")
            && run.err.contains('…'),
        "{}",
        run.err
    );
    if own == 0 {
        for name in [HARMLESS, &long] {
            let run = held(name, 65_534)?;
            ensure!(!run.err.contains("calls itself"), "{}", run.err);
            ensure!(
                !run.err.contains("hint: run this") && !run.err.contains(HARMLESS),
                "{}",
                run.err
            );
        }
    }
    // When it is free again, so is the host.
    planned.install(&[])?.expect(0)?;
    Ok(())
}
