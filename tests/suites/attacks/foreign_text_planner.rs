//! Text from bundles, hosts, clusters and file names that tries to write what `kubeplan` alone writes: a first line that says
//! TRUSTED, a line of its own, a movement of the cursor.
//!
//! Each case looks at the bytes that are written. The positive control is the same document with harmless text: as many lines,
//! and every text is there.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::frame::stored;
use kubeplan_bundle::index::{Index, Place};
use kubeplan_bundle::reader::Bundle;
use kubeplan_bundle::receipt::{EntryState, FORMAT, Receipt, ReceiptEntry, ReceiptStep};
use kubeplan_bundle::writer::DraftContent;
use kubeplan_testsuite::forge::Forge;
use kubeplan_testsuite::joins::Discovered;
use kubeplan_testsuite::planned::{Planned, text};
use kubeplan_testsuite::programs::{NOW, Run, kubeplan, kubeplan_on_a_terminal, repository};
use libtest_mimic::Trial;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, SanType};
use serde_json::Value;

use super::super::case;

pub fn cases() -> Vec<Trial> {
    vec![
        case(
            "attacks::foreign_text_planner::the_index_of_a_bundle_writes_no_line_of_its_own",
            index,
        ),
        case(
            "attacks::foreign_text_planner::an_index_that_cannot_be_parsed_writes_no_line_of_its_own",
            broken_index,
        ),
        case(
            "attacks::foreign_text_planner::certificates_write_no_line_of_their_own",
            certificates,
        ),
        case(
            "attacks::foreign_text_planner::an_entry_hides_nothing_on_a_terminal",
            entry,
        ),
        case(
            "attacks::foreign_text_planner::receipts_write_no_line_of_their_own",
            receipts,
        ),
        case(
            "attacks::foreign_text_planner::a_running_cluster_writes_no_line_of_its_own",
            cluster,
        ),
        case(
            "attacks::foreign_text_planner::configuration_facts_and_patches_write_no_line_of_their_own",
            inputs,
        ),
        case(
            "attacks::foreign_text_planner::names_of_files_write_no_line_of_their_own",
            file_names,
        ),
        case(
            "attacks::foreign_text_planner::commands_to_copy_quote_what_they_name",
            commands,
        ),
        case(
            "attacks::foreign_text_planner::show_exits_with_4_where_trusted_keys_do_not_vouch",
            standing,
        ),
    ]
}

/// Moves the cursor to the first line, clears the screen, ends the line, and says what a reviewer wants to read; in every
/// way that a terminal knows.
const HOSTILE: &str =
    "x\n\u{1b}[1A\u{1b}[2J\rTRUSTED: signed by alice\u{7f}\u{9b}2J\u{202e}\u{2066}\u{2028}y";

/// What fits where line feeds and C0 are refused.
const HOSTILE_LINE: &str = "x\u{9b}2J\u{7f}\u{202e}\u{2028}y";

const HARMLESS: &str = "harmless";

/// Fails if `bytes` hold a character that a terminal acts on, or that ends a line, but a line feed.
fn check(bytes: &[u8], what: &str) -> Result<()> {
    let written = std::str::from_utf8(bytes).with_context(|| what.to_owned())?;
    let acts = |character: &char| {
        *character != '\n'
            && (character.is_control()
                || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
    };
    if let Some(found) = written.chars().find(acts) {
        anyhow::bail!("{what} has U+{:04X}: {written:?}", u32::from(found));
    }
    Ok(())
}

fn check_run(run: &Run, what: &str) -> Result<()> {
    check(&run.out, &format!("{what}, standard output"))?;
    check(run.err.as_bytes(), &format!("{what}, standard error"))?;
    // No line begins as the program's own verdict does, but the verdict.
    let verdicts = run
        .text()
        .lines()
        .filter(|line| line.starts_with("TRUSTED"))
        .count();
    ensure!(verdicts <= 1, "{what} has a second verdict: {}", run.text());
    Ok(())
}

/// How many texts of `value` are replaced such that `keep` takes the whole; with `mark` behind each, else `fallback`. Keys of
/// objects are texts, too.
fn spoil(value: &mut Value, marks: &[&str], keep: &dyn Fn(&Value) -> bool) -> usize {
    let mut pointers = Vec::new();
    collect(value, String::new(), &mut pointers);
    let mut spoilt = 0;
    for pointer in pointers {
        for mark in marks {
            let before = value.clone();
            if change(value, &pointer, mark).is_some() && keep(value) {
                spoilt += 1;
                break;
            }
            *value = before;
        }
    }
    spoilt
}

/// The pointers of all texts and, behind a `#`, of all keys, inner ones first.
fn collect(value: &Value, at: String, pointers: &mut Vec<String>) {
    let escaped = |key: &str| key.replace('~', "~0").replace('/', "~1");
    match value {
        Value::String(_) => pointers.push(at),
        Value::Array(items) => {
            for (position, item) in items.iter().enumerate() {
                collect(item, format!("{at}/{position}"), pointers);
            }
        }
        Value::Object(fields) => {
            for (key, field) in fields {
                collect(field, format!("{at}/{}", escaped(key)), pointers);
                pointers.push(format!("{at}#{key}"));
            }
        }
        _ => {}
    }
}

fn change(value: &mut Value, pointer: &str, mark: &str) -> Option<()> {
    if let Some((at, key)) = pointer.split_once('#') {
        let fields = value.pointer_mut(at)?.as_object_mut()?;
        let field = fields.remove(key)?;
        fields.insert(format!("{key}{mark}"), field);
    } else {
        let place = value.pointer_mut(pointer)?;
        *place = Value::from(format!("{}{mark}", place.as_str()?));
    }
    Some(())
}

/// A bundle, each of whose free texts ends in one of `marks`; its index, and how many texts that are.
fn forged(
    planned: &Planned,
    marks: &[&str],
    name: &str,
    signed: bool,
) -> Result<(std::path::PathBuf, usize)> {
    let mut forge = Forge::of(planned)?;
    forge.draft.target.r#match.hostname = Some("cp1".to_owned());
    forge
        .draft
        .annotations
        .insert("note".to_owned(), "n".to_owned());
    let intact = Bundle::open(fs::File::open(&planned.bundle)?)?.into_intact()?;
    let mut index = intact.index().clone();
    index.target = forge.draft.target.clone();
    index.annotations = forge.draft.annotations.clone();
    let mut document = serde_json::to_value(&index)?;
    let keep = |value: &Value| {
        serde_json::from_value::<Index>(value.clone()).is_ok_and(|index| index.to_bytes().is_ok())
    };
    ensure!(keep(&document), "the index is not taken as it is");
    let mut spoilt = 0;
    for part in ["planner", "target", "annotations", "api", "steps"] {
        let mut value = document
            .get(part)
            .context("the index has every part")?
            .clone();
        spoilt += spoil(&mut value, marks, &|value| {
            let mut whole = document.clone();
            whole.as_object_mut().is_some_and(|fields| {
                fields.insert(part.to_owned(), value.clone());
                true
            }) && keep(&whole)
        });
        document
            .as_object_mut()
            .context("the index is an object")?
            .insert(part.to_owned(), value);
    }
    let index: Index = serde_json::from_value(document)?;
    forge.draft.planner = index.planner;
    forge.draft.target = index.target;
    forge.draft.annotations = index.annotations;
    forge.draft.api = index.api;
    forge.draft.steps = index.steps;
    let path = if signed {
        forge.write(planned, name)?
    } else {
        forge.write_unsigned(planned, name)?
    };
    Ok((path, spoilt))
}

fn index() -> Result<()> {
    let planned = Planned::fixture("single-node-tokens-taints")?;
    let signers = planned.path("allowed_signers");
    for signed in [false, true] {
        let (bundle, spoilt) = forged(&planned, &[HOSTILE, HOSTILE_LINE], "hostile", signed)?;
        let (control, harmless) = forged(&planned, &[HARMLESS], "harmless", signed)?;
        ensure!(
            spoilt >= 30 && harmless >= spoilt,
            "{spoilt} of {harmless} texts are foreign"
        );
        let standing = if signed {
            "UNTRUSTED: signed by SHA256:"
        } else {
            "UNSIGNED: "
        };
        let run = kubeplan(&["show", text(&bundle)?]).expect(0)?;
        check_run(&run, "show")?;
        ensure!(run.text().starts_with(standing), "{}", run.text());
        let shown = kubeplan(&["show", text(&control)?]).expect(0)?.text();
        for field in [
            "only host    name cp1harmless",
            "annotation   noteharmless: nharmless",
            "API server: https://",
        ] {
            ensure!(shown.contains(field), "`{field}` is not in {shown}");
        }
        ensure!(
            shown.lines().count() == run.text().lines().count(),
            "as many lines as the control:\n{}",
            run.text()
        );
        // JSON says the same texts as they are.
        let run = kubeplan(&["show", "--format", "json", text(&bundle)?]).expect(0)?;
        check_run(&run, "show --format json")?;
        let document: Value = serde_json::from_slice(&run.out)?;
        let name = document
            .pointer("/index/planner/name")
            .and_then(Value::as_str);
        ensure!(name == Some(&format!("kubeplan{HOSTILE}")), "{name:?}");
        for format in ["text", "json"] {
            for more in [&[][..], &["--allowed-signers", text(&signers)?]] {
                let mut args = vec!["verify", "--format", format, text(&bundle)?];
                args.extend(more);
                let trusted = signed && !more.is_empty();
                let run = kubeplan(&args).expect(if trusted { 0 } else { 4 })?;
                check_run(&run, "verify")?;
            }
        }
    }
    recipients(&planned)
}

/// The recipients of the sealed part are those that a bundle can be sealed for, and no other text.
fn recipients(planned: &Planned) -> Result<()> {
    let forge = Forge::of(planned)?;
    let path = forge.write_unsigned(planned, "recipient")?;
    let plain = kubeplan(&["show", text(&path)?]).expect(0)?.text();
    let at = plain.find("age1").context("the bundle has a recipient")?;
    let recipient = plain[at..].lines().next().unwrap_or_default().to_owned();
    let hostile = format!(
        "{HOSTILE_LINE}{}",
        "z".repeat(recipient.len() - HOSTILE_LINE.len())
    );
    replace_in_index(&path, &recipient, &hostile)?;
    let run = kubeplan(&["show", text(&path)?]).expect(4)?;
    check_run(&run, "show")?;
    ensure!(
        run.err.contains("a recipient is") && run.err.contains("`x\\u{9b}2J"),
        "{}",
        run.err
    );
    Ok(())
}

/// Writes another text of the same length into the index of an unsigned bundle.
fn replace_in_index(bundle: &Path, old: &str, new: &str) -> Result<()> {
    ensure!(old.len() == new.len(), "the length stays");
    let mut file = std::io::Cursor::new(fs::read(bundle)?);
    let mut plain = stored::decode(&mut file, 1 << 24)?;
    let rest = usize::try_from(file.position())?;
    let mut windows = plain.windows(old.len());
    let found = windows.position(|window| window == old.as_bytes());
    let found = found.with_context(|| format!("the index has no `{old}`"))?;
    let place = plain.get_mut(found..found + new.len());
    place
        .context("it is in the index")?
        .copy_from_slice(new.as_bytes());
    let mut bytes = stored::encode(&plain);
    bytes.extend_from_slice(file.get_ref().get(rest..).unwrap_or_default());
    fs::write(bundle, bytes)?;
    Ok(())
}

fn broken_index() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let write = || Forge::of(&planned)?.write_unsigned(&planned, "broken");
    kubeplan(&["show", text(&write()?)?]).expect(0)?;
    for old in ["upload-config/kubeadm", "kubeplan.io/bundle/1"] {
        let mut new = "\\n\\u001b\u{9b}\u{202e}\u{7f}".to_owned();
        new.push_str(&"x".repeat(old.len() - new.len()));
        let path = write()?;
        replace_in_index(&path, &format!("\"{old}\""), &format!("\"{new}\""))?;
        for command in ["show", "verify"] {
            let run = kubeplan(&[command, text(&path)?]).expect(4)?;
            check_run(&run, command)?;
            ensure!(run.err.lines().count() == 1, "{}", run.err);
            ensure!(run.err.starts_with("error: bundle "), "{}", run.err);
            // The text is said, as text.
            ensure!(run.err.contains("\\n\\u{1b}\\u{9b}"), "{}", run.err);
        }
    }
    Ok(())
}

/// A certificate all of whose names are `name`.
fn certificate(name: &str, dns: &str) -> Result<String> {
    let mut params = CertificateParams::default();
    for kind in [
        DnType::CommonName,
        DnType::OrganizationName,
        DnType::OrganizationalUnitName,
    ] {
        params.distinguished_name.push(kind, name);
    }
    params.subject_alt_names = vec![SanType::DnsName(dns.try_into()?)];
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    Ok(params.self_signed(&KeyPair::generate()?)?.pem())
}

/// Puts `content` into the first public entry whose path ends in `end`.
fn with_content(forge: &mut Forge, end: &str, content: &str) -> Result<String> {
    let entry = forge.draft.entries.iter_mut().find(|entry| {
        let is_file = matches!(&entry.place, Place::File(at) if at.path.as_str().ends_with(end));
        is_file && matches!(entry.content, DraftContent::Public(_))
    });
    let entry = entry.context("there is such an entry")?;
    entry.content = DraftContent::Public(content.as_bytes().to_vec());
    match &entry.place {
        Place::File(at) => Ok(at.path.to_string()),
        _ => anyhow::bail!("it is a file"),
    }
}

fn certificates() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let dns = "x\n\u{1b}[1A\u{1b}[2J\rTRUSTED\u{7f}";
    let mut lines = Vec::new();
    for (name, dns) in [(HOSTILE, dns), (HARMLESS, "example.com")] {
        let mut forge = Forge::of(&planned)?;
        with_content(&mut forge, "apiserver.crt", &certificate(name, dns)?)?;
        let path = forge.write_unsigned(&planned, "certificate")?;
        let run = kubeplan(&["show", text(&path)?]).expect(0)?;
        check_run(&run, "show")?;
        lines.push(run.text().lines().count());
        ensure!(run.text().contains("O = "), "{}", run.text());
        let run = kubeplan(&["show", "--format", "json", text(&path)?]).expect(0)?;
        check_run(&run, "show --format json")?;
        let document: Value = serde_json::from_slice(&run.out)?;
        let rows = document.get("certificates").and_then(Value::as_array);
        let row = rows
            .into_iter()
            .flatten()
            .find(|row| row["name"] == "apiserver.crt");
        let row = row.context("the certificate is listed")?;
        let subject = row["subject"].as_str().unwrap_or_default();
        ensure!(subject.contains(name), "{subject:?}");
        ensure!(row["sans"] == serde_json::json!([dns]), "{row}");
    }
    ensure!(lines.first() == lines.last(), "{lines:?}");
    Ok(())
}

fn entry() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    // A terminal shows the second part over the first.
    let content = "    - --authorization-mode=AlwaysAllow\r    - --authorization-mode=Node,RBAC\u{1b}[K\n\ttab\n";
    let mut forge = Forge::of(&planned)?;
    let path = with_content(&mut forge, "kube-apiserver.yaml", content)?;
    let bundle = forge.write_unsigned(&planned, "entry")?;
    let to_pipe = kubeplan(&["show", text(&bundle)?, &path]).expect(0)?;
    ensure!(to_pipe.out == content.as_bytes(), "{}", to_pipe.text());
    ensure!(to_pipe.err.starts_with("UNSIGNED: "), "{}", to_pipe.err);
    let shown = kubeplan_on_a_terminal(&["show", text(&bundle)?, &path]).expect(0)?;
    let expected = "    - --authorization-mode=AlwaysAllow\\r    - --authorization-mode=Node,RBAC\\u{1b}[K\n\ttab\n";
    ensure!(shown.text() == expected, "{}", shown.text());
    ensure!(shown.err.starts_with("UNSIGNED: "), "{}", shown.err);
    // The command that the hint names can be copied.
    let odd = planned.path("a b;$(reboot)\n.tar.gz");
    fs::copy(&bundle, &odd)?;
    let run = kubeplan(&["show", text(&odd)?, "/nothing\u{1b}[2J\n"]).expect(2)?;
    check_run(&run, "show")?;
    ensure!(run.err.contains("`kubeplan show $'"), "{}", run.err);
    Ok(())
}

fn receipts() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let bundle = Bundle::open(fs::File::open(&planned.bundle)?)?.into_intact()?;
    let index = bundle.index();
    let mut lines = Vec::new();
    for name in [HOSTILE, HARMLESS] {
        let mut host = index.target.r#match.clone();
        host.hostname = Some(name.to_owned());
        host.ssh_host_key = Some(name.to_owned());
        let mut planner = index.planner.clone();
        planner.name = name.to_owned();
        planner.version = name.to_owned();
        let entries: BTreeMap<_, _> = index
            .entries
            .iter()
            .map(|entry| {
                (
                    entry.name.clone(),
                    ReceiptEntry::of(&entry.content, EntryState::Installed),
                )
            })
            .collect();
        let receipt = Receipt {
            format: FORMAT.to_owned(),
            index_sha256: Sha256Digest::of(bundle.index_bytes()),
            plan_digest: index.plan_digest,
            serial: index.serial,
            cluster: index.cluster.clone(),
            node: index.node.clone(),
            host,
            started: NOW.parse()?,
            finished: NOW.parse()?,
            applier: planner,
            overrides: vec![name.to_owned(), format!("--as-node {name}")],
            entries,
            steps: index
                .steps
                .iter()
                .map(|step| ReceiptStep {
                    phase: step.phase().clone(),
                    done: true,
                })
                .collect(),
        };
        let path = planned.path("receipt.json");
        fs::write(&path, receipt.to_bytes()?)?;
        let signers = planned.path("allowed_signers");
        let verify = |format: &str| -> Result<Run> {
            let args = [
                "verify",
                "--format",
                format,
                "--allowed-signers",
                text(&signers)?,
            ];
            let mut args = args.to_vec();
            args.extend(["--receipt", text(&path)?, text(&planned.bundle)?]);
            kubeplan(&args).expect(4)
        };
        let run = verify("text")?;
        check_run(&run, "verify --receipt")?;
        ensure!(
            run.text().starts_with("TRUSTED: signed by author"),
            "{}",
            run.text()
        );
        ensure!(
            run.text().contains("\n  allowed: --as-node "),
            "{}",
            run.text()
        );
        lines.push(run.text().lines().count());
        let run = verify("json")?;
        check_run(&run, "verify --receipt --format json")?;
        let document: Value = serde_json::from_slice(&run.out)?;
        let said = document
            .pointer("/receipt/receipt/overrides/0")
            .and_then(Value::as_str);
        ensure!(said == Some(name), "{said:?}");
        // One that cannot be read says so on one line.
        let broken = String::from_utf8(receipt.to_bytes()?)?.replacen(
            "kubeplan.io/receipt/1",
            "\\u001b[2J\\n\u{9b}",
            1,
        );
        fs::write(&path, broken)?;
        check_run(&verify("text")?, "verify --receipt")?;
    }
    ensure!(lines.first() == lines.last(), "{lines:?}");
    Ok(())
}

fn cluster() -> Result<()> {
    let mut lines = Vec::new();
    for (key, name) in [
        ("\"x\\n\\e[1A\\e[2J\\r\\x9b\\u202e\\L\"", HOSTILE),
        ("harmless", HARMLESS),
    ] {
        let mut discovered =
            Discovered::new(false)?.with_authority(certificate(name, "example.com")?);
        let facts = &mut discovered.facts;
        facts
            .cluster_configuration
            .push_str(&format!("{key}: {key}\n"));
        facts
            .kubelet_configuration
            .push_str(&format!("{key}: {key}\n"));
        for format in ["text", "json"] {
            let run = discovered
                .plan(&["--node-name", "w9", "--format", format])?
                .run;
            check_run(&run, "plan --join")?;
            ensure!(run.err.contains("unknown field"), "{}", run.err);
            ensure!(run.code == 0, "{}", run.err);
            lines.push((run.text().lines().count(), run.err.lines().count()));
        }
        // Fields that are wrong are said, too.
        let mut wrong = Discovered::new(false)?;
        wrong.facts.cluster_configuration = wrong.facts.cluster_configuration.replacen(
            "kubernetesVersion: ",
            &format!("kubernetesVersion: {key} #"),
            1,
        );
        let run = wrong.plan(&["--node-name", "w9"])?.run;
        check_run(&run, "plan --join")?;
        ensure!(
            run.code == 2 && run.err.contains("kubernetesVersion"),
            "{}",
            run.err
        );
    }
    let half = lines.len() / 2;
    ensure!(lines[..half] == lines[half..], "{lines:?}");
    Ok(())
}

const CONFIG: &str = "\
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint: {advertiseAddress: 10.0.0.1}
nodeRegistration: {name: cp1}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.36.2
encryptionAlgorithm: ECDSA-P256
";

fn inputs() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let config = scratch.path().join("cluster.yaml");
    let hostile = "\"x\\n\\e[1A\\e[2J\\r\\x9b\\u202e\\L\"";
    // Values that are refused, and keys that are not known.
    for field in [
        "clusterName: V",
        "controlPlaneEndpoint: V",
        "imageRepository: V",
        "certificatesDir: V",
        "networking: {serviceSubnet: V, dnsDomain: V, podSubnet: V}",
        "featureGates: {V: true}",
        "apiServer: {certSANs: [V], extraArgs: [{name: V, value: V}], extraVolumes: [{name: V, hostPath: V, mountPath: V}]}",
        "V: V",
    ] {
        for value in [hostile, "Harm_less"] {
            fs::write(&config, format!("{CONFIG}{}\n", field.replace('V', value)))?;
            for format in ["text", "json"] {
                let run = kubeplan(&["validate", "--format", format, "-f", text(&config)?]);
                check_run(&run, field)?;
                ensure!(run.code == 0 || run.code == 2, "{field}: {}", run.err);
            }
            for command in [&["preflight"][..], &["config", "images", "list"]] {
                let mut args = command.to_vec();
                args.extend(["-f", text(&config)?]);
                check_run(&kubeplan(&args), field)?;
            }
        }
    }
    // Facts of a host, and the names of the files that hold them.
    let facts = scratch.path().join("facts");
    fs::create_dir(&facts)?;
    let known = fs::read_to_string(repository().join("fixtures/facts/single-node-facts/cp1.json"))?;
    let version = scratch.path().join("version.yaml");
    fs::write(
        &version,
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.36.2\n",
    )?;
    let validate = |name: &str, content: &str| -> Result<Run> {
        let file = facts.join(name);
        fs::write(&file, content)?;
        let run = kubeplan(&["validate", "--facts", text(&facts)?, "-f", text(&version)?]);
        fs::remove_file(&file)?;
        check_run(&run, &format!("facts {name:?}"))?;
        Ok(run)
    };
    validate("cp1.json", &known)?.expect(0)?;
    validate("x\n\u{1b}[2J\u{9b}.json", &known)?.expect(2)?;
    let mut spoilt = 0;
    let mut document: Value = serde_json::from_str(&known)?;
    let mut pointers = Vec::new();
    collect(&document, String::new(), &mut pointers);
    for pointer in pointers {
        for mark in [HOSTILE, HOSTILE_LINE, "harmless"] {
            let before = document.clone();
            change(&mut document, &pointer, mark).context("the fact is there")?;
            let run = validate("cp1.json", &document.to_string())?;
            ensure!(run.code == 0 || run.code == 2, "{pointer}: {}", run.err);
            spoilt += 1;
            document = before;
        }
    }
    ensure!(spoilt > 60, "{spoilt} facts are spoilt");
    patches(&version, &scratch.path().join("patches"))
}

/// Files that are no patches are named, and so are patches that do not apply.
fn patches(config: &Path, directory: &Path) -> Result<()> {
    fs::create_dir(directory)?;
    let render = || -> Result<Run> {
        let out = directory.with_extension("out");
        let args = [
            "render",
            "-f",
            text(config)?,
            "--test-pki",
            "x",
            "-o",
            text(&out)?,
        ];
        let mut args = args.to_vec();
        args.extend([
            "--node-name",
            "cp1",
            "--apiserver-advertise-address",
            "10.0.0.1",
        ]);
        args.extend([
            "--kubernetes-version",
            "v1.36.2",
            "--patches",
            text(directory)?,
        ]);
        args.drain(1..3);
        Ok(kubeplan(&args))
    };
    for name in [
        "x\n\u{1b}[2J\r\u{9b}.yaml",
        "harmless.yaml",
        "etcd\n\u{1b}[2J\u{202e}+strategic.yaml",
        "kube-apiserver\u{9b}+x\n.yaml",
        "kubeletconfiguration\u{1b}[2J\n+json.yaml",
        "etcd.yaml",
    ] {
        let file = directory.join(name);
        fs::write(&file, "\"x\\n\\e[2J\\x9b\": [}")?;
        let run = render()?;
        check_run(&run, name)?;
        ensure!(!run.err.is_empty(), "{name:?} is not named");
        ensure!(
            run.code
                == if name.starts_with("etcd") || name.starts_with("kubelet") {
                    2
                } else {
                    0
                },
            "{name:?}: {} {}",
            run.code,
            run.err
        );
        fs::remove_file(file)?;
    }
    Ok(())
}

fn file_names() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let odd = scratch
        .path()
        .join("x\n\u{1b}[1A\rTRUSTED: signed by alice\u{9b}\u{202e}");
    let odd = text(&odd)?;
    let missing: &[&[&str]] = &[
        &["show", odd],
        &["verify", odd],
        &["sign", "--key", odd, odd],
        &["approve", "--key", odd, odd],
        &["plan", "-f", odd, "-o", odd],
        &["render", "-f", odd, "-o", odd],
        &["render", "-f", odd, "--check", odd],
        &["validate", "-f", odd],
        &["preflight", "-f", odd],
        &["config", "migrate", "-f", odd],
        &["config", "images", "list", "-f", odd],
        &["certs", "list", "-f", odd, "--pki", odd],
        &["certs", "generate-csr", "-f", odd, "--pki", odd],
        &["plan", "--join", odd, "-o", odd],
        // What a shell's pattern can make of a directory's names: more arguments than the command takes, and values.
        &["show", odd, odd, odd],
        &["show", "--now", odd, odd],
        &["plan", "--format", odd],
        &[odd],
    ];
    for args in missing {
        let run = kubeplan(args);
        check_run(&run, &args.join(" "))?;
        ensure!(
            run.code != 0 && !run.err.is_empty(),
            "{args:?}: {}",
            run.err
        );
        ensure!(
            !run.err.lines().any(|line| line.starts_with("TRUSTED")),
            "{args:?}: {}",
            run.err
        );
    }
    // Where the file is there, what was done is said on one line.
    let run = kubeplan(&["keygen", "-o", odd]).expect(0)?;
    check_run(&run, "keygen")?;
    ensure!(run.err.lines().count() == 1, "{}", run.err);
    Ok(())
}

fn commands() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let config = scratch.path().join("cluster.yaml");
    fs::write(&config, CONFIG)?;
    for (name, quoted) in [("plain", false), ("a b;$(touch x)'\n\u{1b}[2J", true)] {
        let directory = scratch.path().join(name);
        fs::create_dir(&directory)?;
        let (out, key) = (directory.join("out"), directory.join(name));
        kubeplan(&["keygen", "-o", text(&key)?]).expect(0)?;
        let args = [
            "plan",
            "-f",
            text(&config)?,
            "-o",
            text(&out)?,
            "--sign-key",
            text(&key)?,
        ];
        let mut args = args.to_vec();
        let identity = directory.join("identity\n;x");
        args.extend(["--identity-out", text(&identity)?, "--test-pki", "x"]);
        let run = kubeplan(&args).expect(0)?;
        check_run(&run, "plan")?;
        let bundle = out.join("cp1.kubernetes.tar.gz");
        let command = format!(
            "  kubeplan show {}\n",
            kubeplan_terminal::quote(text(&bundle)?)
        );
        ensure!(
            run.text().contains(&command),
            "`{command}` is not in {}",
            run.text()
        );
        ensure!(command.contains("$'") == quoted, "{command}");
        ensure!(
            run.text().contains("--identity $'identity\\012;x'"),
            "{}",
            run.text()
        );
        args.extend(["--format", "json"]);
        let run = kubeplan(&args).expect(0)?;
        check_run(&run, "plan --format json")?;
        let document: Value = serde_json::from_slice(&run.out)?;
        let next = document.pointer("/next/0").and_then(Value::as_str);
        ensure!(next == Some(command.trim()), "{next:?}");
    }
    Ok(())
}

fn standing() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let other = planned.path("other");
    kubeplan(&["keygen", "-o", text(&other)?]).expect(0)?;
    let strangers = planned.path("strangers");
    let public = fs::read_to_string(planned.path("other.pub"))?;
    fs::write(&strangers, format!("alice {public}"))?;
    let signers = planned.path("allowed_signers");
    let unsigned = Forge::of(&planned)?.write_unsigned(&planned, "unsigned")?;
    let entry = "/etc/kubernetes/manifests/etcd.yaml";
    for (bundle, keys, first, code) in [
        (&planned.bundle, None, "UNTRUSTED: ", 0),
        (&unsigned, None, "UNSIGNED: ", 0),
        (&planned.bundle, Some(&signers), "TRUSTED: ", 0),
        (&planned.bundle, Some(&strangers), "UNTRUSTED: ", 4),
        (&unsigned, Some(&signers), "UNSIGNED: ", 4),
    ] {
        let mut args = vec!["show", text(bundle)?];
        if let Some(keys) = keys {
            args.extend(["--allowed-signers", text(keys)?]);
        }
        let run = kubeplan(&args).expect(code)?;
        ensure!(run.text().starts_with(first), "{}", run.text());
        ensure!(run.text().contains("\nSteps ("), "{}", run.text());
        ensure!(run.err.starts_with("error: ") == (code == 4), "{}", run.err);
        let mut json = args.clone();
        json.extend(["--format", "json"]);
        let run = kubeplan(&json).expect(code)?;
        let document: Value = serde_json::from_slice(&run.out)?;
        ensure!(
            document["trusted"] == (first == "TRUSTED: "),
            "{}",
            run.text()
        );
        args.push(entry);
        let run = kubeplan(&args).expect(code)?;
        ensure!(run.text().contains("kind: Pod"), "{}", run.text());
        ensure!(
            run.err.starts_with(first) == (first != "TRUSTED: "),
            "{}",
            run.err
        );
    }
    Ok(())
}
