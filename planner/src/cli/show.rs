//! `kubeplan show`: what a bundle holds, for reviewers.
//!
//! The bundle only has to be whole: what is shown starts with how far it can be believed.

use std::path::PathBuf;

use base64::Engine as _;
use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::index::{Content, Entry, EntryName, Index, Place};
use kubeplan_bundle::reader::{Bundle, Intact};
use kubeplan_bundle::step::Step;
use kubeplan_terminal::escape;
use serde_json::json;

use super::input::Now;
use super::open::{TrustArgs, open_intact, standing};
use super::summary::shown_recipient;
use super::{CliError, Format, Io, table};
use crate::assemble::LEFT_OUT_PHASES;
use crate::pki::certificate::Certificate;
use crate::plan::CertificateRow;

/// Show what is in a bundle
///
/// With ENTRY, prints that entry: a path on the host (/etc/kubernetes/manifests/etcd.yaml) or a name in the archive. Of
/// a sealed entry the redacted twin is printed.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The bundle
    bundle: PathBuf,
    /// The entry to print
    entry: Option<String>,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    now: Now,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t, conflicts_with = "entry")]
    format: Format,
}

pub(super) fn run(args: &Args, io: &mut Io) -> Result<Exit, CliError> {
    let now = args.now.instant(io, false)?;
    let policy = args.trust.policy()?;
    let bundle = open_intact(&args.bundle)?;
    let (trust, line) = standing(&bundle, policy.as_ref(), now);
    if let Some(wanted) = &args.entry {
        let bytes = find(&bundle, wanted).ok_or_else(|| {
            CliError::usage(format!("the bundle has no public entry `{wanted}`")).hint(format!(
                "`kubeplan show {}` lists what it has",
                args.bundle.display()
            ))
        })?;
        if trust.is_none() {
            io.say(&line);
        }
        io.bytes(bytes)?;
        return Ok(Exit::Done);
    }
    let certificates = certificates(&bundle);
    match args.format {
        Format::Text => io.data(&to_text(bundle.index(), &line, &certificates))?,
        Format::Json => {
            let document = json!({
                "version": 1,
                "standing": line,
                "trusted": trust.is_some(),
                "index": bundle.index(),
                "externalAuthorities": external_authorities(bundle.index()),
                "certificates": certificates,
            });
            io.data(&format!("{document:#}\n"))?;
        }
    }
    Ok(Exit::Done)
}

/// The public bytes of an entry named by host path or archive name.
fn find<'a>(bundle: &'a Bundle<Intact>, wanted: &str) -> Option<&'a [u8]> {
    let name: EntryName = match wanted.parse() {
        Ok(path) => EntryName::file(&path),
        Err(_) => wanted.parse().ok()?,
    };
    bundle.public(&name).or_else(|| bundle.public(&name.twin()))
}

fn to_text(index: &Index, standing: &str, certificates: &[CertificateRow]) -> String {
    let mut lines = vec![
        standing.to_owned(),
        String::new(),
        format!(
            "{} {} of cluster {}",
            index.node.role, index.node.name, index.cluster.name
        ),
        format!("  cluster id   {}", index.cluster.id),
        format!("  plan digest  {}", index.plan_digest),
        format!("  serial       {}", index.serial),
        format!(
            "  planned      {} by {} {}",
            index.created, index.planner.name, index.planner.version
        ),
        format!(
            "  apply        after {}, before {}",
            index.apply_after, index.apply_before
        ),
        format!(
            "  platform     {}/{}",
            index.target.platform.os, index.target.platform.arch
        ),
    ];
    let target = &index.target.r#match;
    let only = |what: &str, value: Option<String>| {
        value.map(|value| format!("  only host    {what} {value}"))
    };
    lines.extend(only("name", target.hostname.clone()));
    lines.extend(only("key", target.ssh_host_key.clone()));
    lines.extend(only(
        "machine id hash",
        target.machine_id_hash.map(|hash| hash.to_string()),
    ));
    for recipient in index.sealed.iter().flat_map(|sealed| &sealed.recipients) {
        lines.push(format!("  sealed for   {}", shown_recipient(recipient)));
    }
    let external = external_authorities(index);
    if !external.is_empty() {
        let names = external.join(", ");
        lines.push(format!(
            "  external CA  {names}: the key is in no bundle of this plan"
        ));
    }
    for (name, value) in &index.annotations {
        let value = value.escape_debug();
        lines.push(if name == LEFT_OUT_PHASES {
            format!("  left out     phases {value}")
        } else {
            format!("  annotation   {}: {value}", name.escape_debug())
        });
    }
    if index.test_only {
        lines.push(
            "  TEST ONLY    made with public test keys; kubeapply refuses it on a real host".into(),
        );
    }
    lines.extend([String::new(), format!("Entries ({})", index.entries.len())]);
    let rows: Vec<Vec<String>> = index.entries.iter().map(entry_row).collect();
    lines.push(table::table(
        &["MODE", "OWNER", "SIZE", "KIND", "PHASE", "PATH"],
        &rows,
    ));
    lines.push(format!("Certificates ({})", certificates.len()));
    lines.push(table::certificates(certificates));
    lines.push(format!("Steps ({})", index.steps.len()));
    if let Some(api) = &index.api {
        lines.push(format!(
            "  the API server is {} as {}",
            api.server, api.kubeconfig
        ));
    }
    lines.extend(index.steps.iter().flat_map(|step| step_lines(index, step)));
    lines.join("\n") + "\n"
}

/// A line that says what the step does, then a row for each of its fields; what is filled in is on rows of its own.
fn step_lines(index: &Index, step: &Step) -> Vec<String> {
    let mut lines = vec![format!(
        "  {} {}: {}",
        step.kind().word(),
        step.phase(),
        escape(&step.summary())
    )];
    lines.extend(
        step.details()
            .iter()
            .map(|detail| format!("    {} = {}", escape(&detail.path), escape(&detail.value))),
    );
    for path in step.paths().iter().filter(|path| path.role.writes()) {
        lines.push(format!("    {} {}", path.role.word(), escape(path.path)));
    }
    if let Some(name) = step.commits() {
        let found = index.transactions.iter().find(|t| t.name == *name);
        let entries = found.map_or(0, |transaction| transaction.entries.len());
        lines.push(format!("    {entries} entries"));
    }
    if let Step::ApplyObjects { entries, .. } = step {
        for entry in entries.iter().filter_map(|name| index.entry(name)) {
            let holes = entry.holes.iter();
            lines.extend(holes.map(|hole| format!("    hole in {}: {hole}", entry.name)));
        }
    }
    lines
}

fn entry_row(entry: &Entry) -> Vec<String> {
    let (size, kind) = match &entry.content {
        Content::None => (String::new(), "folder"),
        Content::Public(blob) => (blob.size.to_string(), "public"),
        Content::Sealed(_) => (String::new(), "sealed"),
    };
    let (mode, owner, path) = match &entry.place {
        Place::File(at) | Place::Directory(at) => (
            at.mode.to_string(),
            format!("{}:{}", at.uid, at.gid),
            at.path.to_string(),
        ),
        Place::Object | Place::Payload => (String::new(), String::new(), entry.name.to_string()),
    };
    vec![
        mode,
        owner,
        size,
        kind.into(),
        entry.phase.to_string(),
        path,
    ]
}

/// CAs of which the bundle has the certificate and not the key, by kubeadm's name.
fn external_authorities(index: &Index) -> Vec<&'static str> {
    let phases = [
        ("certs/ca", "ca"),
        ("certs/front-proxy-ca", "front-proxy-ca"),
        ("certs/etcd-ca", "etcd-ca"),
    ];
    let external = |phase: &str| {
        let mut entries = index
            .entries
            .iter()
            .filter(|entry| entry.phase.to_string() == phase)
            .peekable();
        entries.peek().is_some()
            && entries.all(|entry| !matches!(entry.content, Content::Sealed(_)))
    };
    phases
        .into_iter()
        .filter(|(phase, _)| external(phase))
        .map(|(_, name)| name)
        .collect()
}

/// Every certificate that can be seen: public `.crt` files, and client certificates in kubeconfigs' twins.
fn certificates(bundle: &Bundle<Intact>) -> Vec<CertificateRow> {
    let mut found = Vec::new();
    for entry in &bundle.index().entries {
        let Place::File(placement) = &entry.place else {
            continue;
        };
        let public = match &entry.content {
            Content::Public(_) => bundle.public(&entry.name),
            Content::Sealed(sealed) => bundle.public(&sealed.twin.name),
            Content::None => None,
        };
        let Some(bytes) = public else { continue };
        let pem = embedded_certificate(bytes).unwrap_or_else(|| bytes.to_vec());
        if let Ok(certificate) = Certificate::from_pem(&pem) {
            found.push((
                placement.path.file_name().to_owned(),
                placement.path.to_string(),
                certificate,
            ));
        }
    }
    let name_of = |subject_der: &[u8]| {
        found
            .iter()
            .find(|(_, _, certificate)| {
                certificate.facts.is_authority && certificate.facts.subject_der == subject_der
            })
            .map(|(_, path, _)| path.clone())
    };
    found
        .iter()
        .map(|(name, path, certificate)| {
            let facts = &certificate.facts;
            let signer = match name_of(&facts.issuer_der) {
                Some(signer) if signer == *path => name.clone(),
                Some(signer) => signer.rsplit("/pki/").next().unwrap_or_default().to_owned(),
                None => facts.issuer.clone(),
            };
            let addresses = facts.ip_sans.iter().map(ToString::to_string);
            CertificateRow {
                name: name.clone(),
                path: path.clone(),
                subject: facts.subject.clone(),
                signer,
                sans: facts.dns_sans.iter().cloned().chain(addresses).collect(),
                usages: facts.usages.clone(),
                key: facts.key.clone(),
                not_before: facts.not_before,
                not_after: facts.not_after,
                spki: facts.spki,
                user_supplied: false,
            }
        })
        .collect()
}

/// The client certificate of a kubeconfig, found by its field: the value is one line of base64 there.
fn embedded_certificate(kubeconfig: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(kubeconfig).ok()?;
    let value = text
        .lines()
        .find_map(|line| line.trim_start().strip_prefix("client-certificate-data: "))?;
    base64::engine::general_purpose::STANDARD
        .decode(value.trim())
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values of a step, wherever they are.
    fn values(value: &serde_json::Value, into: &mut Vec<String>) {
        match value {
            serde_json::Value::Object(fields) => {
                fields.iter().for_each(|(name, value)| {
                    into.push(name.clone());
                    values(value, into);
                });
            }
            serde_json::Value::Array(elements) => elements.iter().for_each(|v| values(v, into)),
            serde_json::Value::String(text) => into.push(text.clone()),
            other => into.push(other.to_string()),
        }
    }

    #[test]
    fn every_field_of_every_step_is_shown() {
        let index = include_bytes!("../../../fixtures/steps/empty-index.json");
        let index: Index = serde_json::from_slice(index).unwrap();
        let steps = include_str!("../../../fixtures/steps/every-step.json");
        let steps: Vec<serde_json::Value> = serde_json::from_str(steps).unwrap();
        for value in steps {
            let step: Step = serde_json::from_value(value.clone()).unwrap();
            let text = step_lines(&index, &step).join("\n");
            let mut fields = value.as_object().unwrap().clone();
            let mut wanted = Vec::new();
            for heading in ["do", "phase"] {
                wanted.extend(fields.remove(heading).unwrap().as_str().map(str::to_owned));
            }
            values(&fields.into(), &mut wanted);
            for value in wanted {
                assert!(text.contains(&value), "{value}: {text}");
            }
        }
    }
}
