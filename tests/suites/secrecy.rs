//! No secret appears in a public entry, in what the programs say, or in a golden file; in no encoding either.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use kubeplan_testsuite::planned::{Planned, text};
use kubeplan_testsuite::programs::{kubeapply, kubeplan, repository};
use kubeplan_testsuite::tree;
use libtest_mimic::Trial;
use x509_parser::pem::Pem;

use super::case;

pub fn cases() -> Vec<Trial> {
    vec![
        case("secrecy::the_search_finds_what_it_looks_for", control),
        case(
            "secrecy::public_entries_and_output_hold_no_secret",
            public_parts,
        ),
        case(
            "secrecy::tokens_and_the_certificate_key_stay_sealed",
            tokens,
        ),
        case("secrecy::errors_do_not_repeat_tokens", errors),
        case("secrecy::golden_files_hold_no_private_key", goldens),
    ]
}

/// A secret's DER or bytes, by where it was found.
pub(super) type Secrets = BTreeMap<String, Vec<u8>>;

/// Every private key in the store and in the installed kubeconfigs, the store's salt and the identity.
fn secrets_of(planned: &Planned) -> Result<Secrets> {
    let mut secrets = Secrets::new();
    let mut add_keys = |name: &str, bytes: &[u8]| -> Result<()> {
        for block in Pem::iter_from_buffer(bytes) {
            let block = block?;
            if block.label.contains("PRIVATE KEY") {
                let part = private_part(&block).with_context(|| format!("key {name}"))?;
                secrets.insert(name.to_owned(), part);
            }
        }
        Ok(())
    };
    for (name, bytes) in tree::read(&planned.path("pki"))? {
        if name.ends_with(".key") {
            add_keys(&format!("store {name}"), &bytes)?;
        }
    }
    add_keys("author", &fs::read(planned.path("author"))?)?;
    let store: serde_json::Value =
        serde_json::from_slice(&fs::read(planned.path("pki/store.json"))?)?;
    let token = |text: &str| {
        text.split('.')
            .nth(1)
            .map(|secret| secret.as_bytes().to_vec())
    };
    let made = store["bootstrapTokens"].as_array().into_iter().flatten();
    for (position, text) in made.chain(store.get("uploadToken")).enumerate() {
        let secret = text.as_str().and_then(token);
        let secret = secret.context("a token has a secret part")?;
        secrets.insert(format!("token {position}"), secret);
    }
    if let Some(key) = store["certificateKey"].as_str() {
        // As the operator types it, and as the cipher takes it.
        secrets.insert("certificate key hex".into(), key.as_bytes().to_vec());
        let bytes = (0..key.len())
            .step_by(2)
            .filter_map(|at| key.get(at..at + 2));
        let bytes: Result<Vec<u8>, _> = bytes.map(|hex| u8::from_str_radix(hex, 16)).collect();
        secrets.insert("certificate key".into(), bytes?);
    }
    for line in planned.configuration()?.lines() {
        if let Some((_, given)) = line.split_once("token: ") {
            let secret = token(given).context("a token has a secret part")?;
            secrets.insert("configured token".into(), secret);
        }
    }
    let salt = store.to_string();
    let salt = salt
        .split("alt\":\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .context("the store has a salt")?;
    secrets.insert("salt".into(), salt.as_bytes().to_vec());
    let identity = fs::read_to_string(planned.path("identity"))?;
    let key = identity
        .lines()
        .find(|line| line.starts_with("AGE-SECRET-KEY"))
        .context("the identity has a key")?;
    secrets.insert("identity".into(), key.as_bytes().to_vec());
    Ok(secrets)
}

/// The bytes of a key that only its owner may have: its public half is in certificates, and rightly so.
pub(super) fn private_part(block: &Pem) -> Option<Vec<u8>> {
    let der = &block.contents;
    match block.label.as_str() {
        // SEC1: SEQUENCE, version 1, then the private scalar as an OCTET STRING.
        "EC PRIVATE KEY" => {
            let start = der.windows(3).position(|window| window == [1, 4, 32])? + 3;
            der.get(start..start + 32).map(<[u8]>::to_vec)
        }
        // PKCS#1: the modulus and exponent come first and are public.
        "RSA PRIVATE KEY" => der.get(der.len() / 2..).map(<[u8]>::to_vec),
        // The seed stands before the last copy of the public key.
        "OPENSSH PRIVATE KEY" => {
            let marker = b"ssh-ed25519\0\0\0\x20";
            let start = der
                .windows(marker.len())
                .position(|window| window == marker)?
                + marker.len();
            let public = der.get(start..start + 32)?;
            let last = der.windows(32).rposition(|window| window == public)?;
            der.get(last.checked_sub(32)?..last).map(<[u8]>::to_vec)
        }
        _ => None,
    }
}

/// Pieces of `secret` that would show in `haystack` raw, in hex, or in base64 at any of three alignments.
fn needles(secret: &[u8]) -> Vec<Vec<u8>> {
    let mut needles = Vec::new();
    for start in [0, secret.len().saturating_sub(24)] {
        let Some(piece) = secret.get(start..(start + 24).min(secret.len())) else {
            continue;
        };
        if piece.len() < 8 {
            continue;
        }
        needles.push(piece.to_vec());
        let hex: String = piece.iter().map(|byte| format!("{byte:02x}")).collect();
        needles.push(hex.to_uppercase().into_bytes());
        needles.push(hex.into_bytes());
        for skip in 0..3 {
            let whole = (piece.len() - skip) / 3 * 3;
            let aligned = piece.get(skip..skip + whole).unwrap_or_default();
            needles.push(
                base64::engine::general_purpose::STANDARD
                    .encode(aligned)
                    .into_bytes(),
            );
        }
    }
    needles
}

fn find(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

/// Text with line breaks taken out, so that a secret that is folded over lines is found as well.
fn joined(bytes: &[u8]) -> Vec<u8> {
    bytes
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect()
}

/// Every base64 value of `bytes`, decoded: kubeconfigs hold PEM inside base64.
fn decoded(bytes: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes);
    text.split(|c: char| !(c.is_ascii_alphanumeric() || "+/=".contains(c)))
        .filter(|word| word.len() >= 40)
        .filter_map(|word| base64::engine::general_purpose::STANDARD.decode(word).ok())
        .flat_map(|inner| joined(&inner))
        .collect()
}

pub(super) fn search(places: &BTreeMap<String, Vec<u8>>, secrets: &Secrets) -> Vec<String> {
    let mut found = Vec::new();
    for (place, bytes) in places {
        let forms = [bytes.clone(), joined(bytes), decoded(bytes)];
        for (name, secret) in secrets {
            if needles(secret)
                .iter()
                .any(|needle| forms.iter().any(|form| find(form, needle)))
            {
                found.push(format!("{name} in {place}"));
            }
        }
    }
    found
}

/// The same search over the store itself finds every key: it can find.
fn control() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    planned.install(&[])?.expect(0)?;
    let secrets = secrets_of(&planned)?;
    ensure!(secrets.len() >= 18, "only {} secrets", secrets.len());
    let found = search(&tree::read(&planned.path("pki"))?, &secrets);
    for name in secrets.keys().filter(|name| name.starts_with("store ")) {
        ensure!(
            found.iter().any(|line| line.starts_with(name.as_str())),
            "{name} was not found in its own store"
        );
    }
    let kubeconfig = fs::read(planned.root().join("etc/kubernetes/admin.conf"))?;
    let found = search(
        &BTreeMap::from([("admin.conf".to_owned(), kubeconfig)]),
        &secrets,
    );
    ensure!(!found.is_empty(), "the key inside admin.conf was not found");
    Ok(())
}

fn public_parts() -> Result<()> {
    let found = search_public(&Planned::fixture("single-node-ecdsa")?, &[])?;
    ensure!(found.is_empty(), "secrets in public: {}", found.join("; "));
    Ok(())
}

/// Configured and generated tokens and the certificate key: in the sealed objects, and nowhere a reviewer looks.
fn tokens() -> Result<()> {
    let planned = Planned::fixture("single-node-tokens-taints")?;
    let upload = ["--upload-certs"];
    planned.plan(&upload)?.expect(0)?;
    let secrets = secrets_of(&planned)?;
    for name in [
        "token 0",
        "token 1",
        "token 2",
        "configured token",
        "certificate key",
        "certificate key hex",
    ] {
        ensure!(secrets.contains_key(name), "{name} is not looked for");
    }
    // The same search finds the tokens where they are: in the objects that are sealed.
    let out = planned.path("review");
    let mut args = planned.render_args(&out)?;
    args.extend(["--upload-certs", "--with-secrets"].map(str::to_owned));
    let run = kubeplan(&args).expect(0)?;
    let all = tree::read(&out)?;
    let (objects, public): (BTreeMap<_, _>, BTreeMap<_, _>) = all
        .into_iter()
        .filter(|(name, _)| !name.starts_with("cp1/files/"))
        .partition(|(name, _)| name.starts_with("cp1/objects/"));
    let found = search(&objects, &secrets);
    for name in ["token 0", "token 1", "token 2", "configured token"] {
        ensure!(
            found
                .iter()
                .any(|line| line.starts_with(&format!("{name} in "))),
            "{name} was not found in its own Secret: {found:?}"
        );
    }
    // The certificate key encrypts and is no part of any object.
    ensure!(
        !found.iter().any(|line| line.starts_with("certificate key")),
        "{found:?}"
    );
    let mut public = public;
    public.insert("render stderr".into(), run.err.into_bytes());
    let found = search(&public, &secrets);
    ensure!(found.is_empty(), "secrets in review: {}", found.join("; "));
    let found = search_public(&planned, &upload)?;
    ensure!(found.is_empty(), "secrets in public: {}", found.join("; "));
    Ok(())
}

/// Secrets in public entries of the planned bundle, and in what the programs say of it.
fn search_public(planned: &Planned, more: &[&str]) -> Result<Vec<String>> {
    let mut places = BTreeMap::new();
    let mut keep = |name: &str, run: kubeplan_testsuite::programs::Run| {
        places.insert(format!("{name} stdout"), run.out);
        places.insert(format!("{name} stderr"), run.err.into_bytes());
    };
    let bundle = text(&planned.bundle)?;
    keep("plan", planned.plan(more)?.expect(0)?);
    keep(
        "plan json",
        planned
            .plan(&[more, &["--format", "json"]].concat())?
            .expect(0)?,
    );
    keep("show", kubeplan(&["show", bundle]).expect(0)?);
    keep(
        "show json",
        kubeplan(&["show", bundle, "--format", "json"]).expect(0)?,
    );
    keep(
        "show key",
        kubeplan(&["show", bundle, "/etc/kubernetes/pki/ca.key"]).expect(0)?,
    );
    keep(
        "show kubeconfig",
        kubeplan(&["show", bundle, "/etc/kubernetes/admin.conf"]).expect(0)?,
    );
    keep("apply show", kubeapply(&["show", bundle]).expect(0)?);
    keep("dry run", planned.install(&["--dry-run"])?.expect(0)?);
    keep("install", planned.install(&[])?.expect(0)?);
    // With other content on the host, differences are shown; secrets stay redacted.
    let admin = planned.root().join("etc/kubernetes/admin.conf");
    fs::write(
        &admin,
        fs::read_to_string(&admin)?.replace("kubernetes-admin", "somebody"),
    )?;
    let key = planned.root().join("etc/kubernetes/pki/apiserver.key");
    fs::copy(planned.root().join("etc/kubernetes/pki/ca.key"), &key)?;
    keep(
        "dry run with drift",
        planned.install(&["--dry-run"])?.expect(0)?,
    );
    keep("install with drift", planned.install(&[])?.expect(0)?);
    let intact =
        kubeplan_bundle::reader::Bundle::open(fs::File::open(&planned.bundle)?)?.into_intact()?;
    places.insert("index".into(), intact.index_bytes().to_vec());
    let mut entries = 0;
    for name in intact.index().public_blobs().into_keys() {
        entries += 1;
        places.insert(
            format!("entry {name}"),
            intact
                .public(&name)
                .context("a public entry has bytes")?
                .to_vec(),
        );
    }
    ensure!(entries > 30, "only {entries} public entries");
    Ok(search(&places, &secrets_of(planned)?))
}

fn errors() -> Result<()> {
    let token = "abcdef.0123456789ABCDEF";
    let key = "zz23456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    let config = format!(
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nbootstrapTokens:\n- token: {token}\n  tokn: {token}\ncertificateKey: {key}\n"
    );
    let scratch = tempfile::tempdir()?;
    let file = scratch.path().join("cluster.yaml");
    fs::write(&file, config)?;
    for args in [
        vec!["validate", "-f", text(&file)?],
        vec!["validate", "--format", "json", "-f", text(&file)?],
    ] {
        let run = kubeplan(&args).expect(2)?;
        let said = format!("{}{}", run.text(), run.err);
        ensure!(
            said.contains("token"),
            "the wrong token is not reported: {said}"
        );
        ensure!(
            !said.contains("0123456789ABCDEF") && !said.contains("zz23456789"),
            "a secret is repeated: {said}"
        );
    }
    Ok(())
}

/// Keys of goldens are public test keys, and still none is in a golden: reviewers must never see one.
fn goldens() -> Result<()> {
    let mut files = 0;
    for (name, bytes) in tree::read(&repository().join("golden"))? {
        files += 1;
        let forms = [bytes.clone(), decoded(&bytes)];
        for form in forms {
            let text = String::from_utf8_lossy(&form).into_owned();
            let keys =
                text.matches("PRIVATE KEY-----").count() + text.matches("PRIVATEKEY-----").count();
            let sealed = text.matches("<sealed>").count() * 2;
            ensure!(keys <= sealed, "golden/{name} holds a private key");
        }
        ensure!(
            !find(&bytes, b"0123456789abcdef\n") || !find(&bytes, b"abcdef.0123456789abcdef"),
            "golden/{name} holds a token"
        );
    }
    ensure!(files > 100, "only {files} golden files");
    Ok(())
}
