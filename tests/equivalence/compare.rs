//! Comparing what both programs wrote.
//!
//! In: both sets of files. Out: a unified diff, empty if nothing differs but what must. Manifests and kubelet files count byte
//! for byte; certificates by what they say; keys by their form; kubeconfigs by all of that; modes and settings too.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use x509_parser::pem::Pem;

use super::certificates;
use super::kubeadm::Files;
use crate::tree;

/// How the planner's files differ from kubeadm's; empty if they do not.
///
/// # Errors
/// If a file is not what its name says.
pub fn diff(
    kubeadm: (&Files, &BTreeMap<String, String>),
    planner: (&Files, &BTreeMap<String, String>),
) -> Result<String> {
    let expected =
        comparable(kubeadm.0, kubeadm.1).context("what kubeadm wrote cannot be compared")?;
    let found =
        comparable(planner.0, planner.1).context("what the planner wrote cannot be compared")?;
    Ok(tree::diff(&expected, &found))
}

fn comparable(
    files: &Files,
    settings: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, Vec<u8>>> {
    let authority = files.get("ca.crt").context("there is no ca.crt")?;
    let origin = certificates::start(&der(&authority.1)?)?;
    let mut all = BTreeMap::new();
    let mut modes = String::new();
    for (name, (mode, bytes)) in files {
        modes.push_str(&format!("{mode:o} {name}\n"));
        let content = match name.rsplit_once('.').map(|(_, ending)| ending) {
            Some("crt") => certificates::describe(&der(bytes)?, origin)
                .with_context(|| name.clone())?
                .into_bytes(),
            Some("key" | "pub") => label(bytes).into_bytes(),
            Some("conf") => kubeconfig(bytes, origin)
                .with_context(|| name.clone())?
                .into_bytes(),
            _ => bytes.clone(),
        };
        all.insert(name.clone(), content);
    }
    all.insert("(modes)".into(), modes.into_bytes());
    for (name, text) in settings {
        all.insert(format!("(settings)/{name}"), text.clone().into_bytes());
    }
    Ok(all)
}

fn der(pem: &[u8]) -> Result<Vec<u8>> {
    let block = Pem::iter_from_buffer(pem)
        .next()
        .context("there is no PEM block")?;
    Ok(block?.contents)
}

/// The PEM label, and whether anything stands around the one block.
fn label(pem: &[u8]) -> String {
    let text = String::from_utf8_lossy(pem);
    let first = text.lines().next().unwrap_or_default();
    let blocks = text.matches("-----BEGIN ").count();
    let ends = text.ends_with("-----\n");
    format!("{first} {blocks} {ends}\n")
}

/// A kubeconfig with each embedded item described in its place.
fn kubeconfig(bytes: &[u8], origin: i64) -> Result<String> {
    let mut text = String::new();
    for line in String::from_utf8_lossy(bytes).lines() {
        let Some((key, data)) = line.split_once("-data: ") else {
            text.push_str(line);
            text.push('\n');
            continue;
        };
        let embedded = STANDARD
            .decode(data)
            .context("embedded data is not base64")?;
        let described = if key.ends_with("client-key") {
            label(&embedded)
        } else {
            certificates::describe(&der(&embedded)?, origin)?
        };
        text.push_str(&format!("{key}-data:\n{described}"));
    }
    Ok(text)
}
