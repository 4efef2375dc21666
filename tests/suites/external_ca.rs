//! CAs whose keys the planner never sees: requests, certificates of others, plans made of them.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use kubeplan_testsuite::outside_ca::{AUTHORITIES, CONFIG, OpensslCa, OutsideCa, RcgenCa, Three};
use kubeplan_testsuite::planned::{Planned, text};
use kubeplan_testsuite::programs::{NOW, kubeplan};
use kubeplan_testsuite::tree;
use libtest_mimic::Trial;
use serde_json::Value;

use super::{case, case_with};

pub fn cases() -> Vec<Trial> {
    vec![
        case(
            "external_ca::a_whole_external_ca_is_requested_planned_and_installed",
            whole,
        ),
        case(
            "external_ca::one_external_ca_leaves_the_others_to_the_planner",
            each_alone,
        ),
        case_with(
            &["openssl"],
            "external_ca::openssl_signs_below_an_intermediate",
            with_openssl,
        ),
        case(
            "external_ca::what_does_not_fit_is_refused_by_name",
            refusals,
        ),
        case("external_ca::requests_are_made_once", requests_once),
        case("external_ca::the_store_is_listed", listed),
        case("external_ca::uploading_needs_the_keys", no_upload),
    ]
}

/// Makes `pki` a key store of `cas` alone.
fn put_authorities(pki: &Path, cas: &[(&str, &dyn OutsideCa)]) -> Result<()> {
    for (base, ca) in cas {
        put(&pki.join(format!("{base}.crt")), &ca.certificate())?;
    }
    close(pki)
}

fn put(path: &Path, content: &str) -> Result<()> {
    fs::create_dir_all(path.parent().context("no directory")?)?;
    Ok(fs::write(path, content)?)
}

fn close(directory: &Path) -> Result<()> {
    Ok(fs::set_permissions(
        directory,
        fs::Permissions::from_mode(0o700),
    )?)
}

/// Runs `certs generate-csr` and returns what it prints.
fn generate(pki: &Path, more: &[&str]) -> Result<Value> {
    let scratch = tempfile::tempdir()?;
    let config = scratch.path().join("cluster.yaml");
    fs::write(&config, CONFIG)?;
    let mut args = vec![
        "certs",
        "generate-csr",
        "-f",
        text(&config)?,
        "--pki",
        text(pki)?,
    ];
    args.extend(["--now", NOW, "--format", "json"]);
    args.extend(more);
    let run = kubeplan(&args).expect(0)?;
    Ok(serde_json::from_slice(&run.out)?)
}

/// Has every request signed; the certificates go where the table says. Names of what was signed.
fn sign_all(pki: &Path, cas: &[(&str, &dyn OutsideCa)]) -> Result<Vec<String>> {
    let document = generate(pki, &[])?;
    let rows = document["requests"].as_array().context("no requests")?;
    let mut names = Vec::new();
    for row in rows {
        let field = |name: &str| row[name].as_str().with_context(|| format!("no {name}"));
        let usages: Vec<String> = serde_json::from_value(row["usages"].clone())?;
        let signer = field("signer")?;
        let (base, _) = AUTHORITIES
            .iter()
            .find(|(_, name)| *name == signer)
            .context("an unknown CA")?;
        let (_, ca) = cas
            .iter()
            .find(|(known, _)| known == base)
            .context("no such CA")?;
        let request = fs::read_to_string(pki.join(field("request")?))?;
        let certificate = ca
            .sign(&request, &usages)
            .with_context(|| row.to_string())?;
        fs::write(pki.join(field("certificate")?), certificate)?;
        names.push(field("name")?.to_owned());
    }
    Ok(names)
}

fn keys_of_authorities(planned: &Planned) -> Result<Vec<String>> {
    let files = tree::read(&planned.root().join("etc/kubernetes/pki"))?;
    let is_key = |name: &&String| {
        AUTHORITIES
            .iter()
            .any(|(base, _)| **name == format!("{base}.key"))
    };
    Ok(files.keys().filter(is_key).cloned().collect())
}

fn manifest(planned: &Planned, name: &str) -> Result<String> {
    let path = planned.root().join("etc/kubernetes/manifests").join(name);
    Ok(fs::read_to_string(path)?)
}

fn whole() -> Result<()> {
    let three = Three::new()?;
    let planned = Planned::with_store(CONFIG, |pki| {
        put_authorities(pki, &three.cas())?;
        ensure!(
            sign_all(pki, &three.cas())?.len() == 12,
            "not everything was requested"
        );
        Ok(())
    })?;
    let summary = planned.plan(&[])?.expect(0)?.text();
    ensure!(
        summary.contains("  external CA  ca, etcd-ca, front-proxy-ca: the key is kept elsewhere")
            && summary.contains("kube-controller-manager signs nothing"),
        "{summary}"
    );
    let json: Value = serde_json::from_slice(&planned.plan(&["--format", "json"])?.expect(0)?.out)?;
    ensure!(json["externalAuthorities"] == serde_json::json!(["ca", "etcd-ca", "front-proxy-ca"]));
    let rows = json["nodes"][0]["certificates"]
        .as_array()
        .context("no certificates")?;
    ensure!(rows.len() == 15 && rows.iter().all(|row| row["userSupplied"] == true));

    planned.install(&[])?.expect(0)?;
    ensure!(
        keys_of_authorities(&planned)?.is_empty(),
        "a CA's key is on the host"
    );
    let shown = kubeplan(&["show", text(&planned.bundle)?])
        .expect(0)?
        .text();
    ensure!(
        shown.contains("  external CA  ca, front-proxy-ca, etcd-ca: "),
        "{shown}"
    );
    for (base, _) in AUTHORITIES {
        ensure!(!planned.path("pki").join(format!("{base}.key")).exists());
        let installed = planned
            .root()
            .join(format!("etc/kubernetes/pki/{base}.crt"));
        ensure!(installed.is_file(), "{base}.crt is not installed");
    }
    let controller_manager = manifest(&planned, "kube-controller-manager.yaml")?;
    for flag in [
        "--cluster-signing-cert-file=\n",
        "--cluster-signing-key-file=\n",
    ] {
        ensure!(
            controller_manager.contains(flag),
            "{flag} is not in {controller_manager}"
        );
    }
    let host = planned.root().join("etc/kubernetes");
    for name in [
        "apiserver.key",
        "apiserver.crt",
        "etcd/peer.crt",
        "sa.key",
        "sa.pub",
    ] {
        ensure!(
            host.join("pki").join(name).is_file(),
            "{name} is not installed"
        );
    }
    // What the outside CA signed is what the kubeconfig holds.
    let admin = fs::read_to_string(host.join("admin.conf"))?;
    let signed = fs::read(planned.path("pki/nodes/cp1/admin.conf.crt"))?;
    ensure!(admin.contains(&format!(
        "client-certificate-data: {}\n",
        base64(&normal(&signed)?)
    )));

    let review = planned.path("review");
    kubeplan(&planned.render_args(&review)?).expect(0)?;
    let rendered = review.join("cp1/files/etc/kubernetes/manifests/kube-controller-manager.yaml");
    ensure!(fs::read_to_string(rendered)? == controller_manager);
    Ok(())
}

/// The certificates of `pem` with LF line ends and nothing between them.
fn normal(pem: &[u8]) -> Result<Vec<u8>> {
    let text = String::from_utf8(pem.to_vec())?.replace("\r\n", "\n");
    Ok(text.into_bytes())
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn each_alone() -> Result<()> {
    let three = Three::new()?;
    let expected: [(&str, &[&str]); 2] = [
        (
            "etcd/ca",
            &[
                "etcd-server",
                "etcd-peer",
                "etcd-healthcheck-client",
                "apiserver-etcd-client",
            ],
        ),
        ("front-proxy-ca", &["front-proxy-client"]),
    ];
    for (base, requested) in expected {
        let planned = Planned::with_store(CONFIG, |pki| {
            // The planner's own store first, without this CA.
            let other = Planned::config(CONFIG)?;
            for (name, bytes) in tree::read(&other.path("pki"))? {
                let signed = requested.iter().any(|leaf| {
                    name.contains(&format!("/{}.", leaf.replace("etcd-", "etcd/")))
                        || name.contains(&format!("/{leaf}."))
                });
                if !(signed || name.starts_with(&format!("{base}."))) {
                    let path = pki.join(&name);
                    put(&path, std::str::from_utf8(&bytes)?)?;
                    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
                }
            }
            close(pki)?;
            let cas = three.cas();
            let ca = cas
                .iter()
                .find(|(known, _)| *known == base)
                .context("no CA")?;
            put(&pki.join(format!("{base}.crt")), &ca.1.certificate())?;
            let mut names = sign_all(pki, &cas)?;
            names.sort();
            let mut requested = requested.to_vec();
            requested.sort_unstable();
            ensure!(names == requested, "{names:?} were requested");
            Ok(())
        })?;
        planned.install(&[])?.expect(0)?;
        let mut keys = keys_of_authorities(&planned)?;
        keys.sort();
        let mut others: Vec<String> = AUTHORITIES
            .iter()
            .filter(|(other, _)| *other != base)
            .map(|(other, _)| format!("{other}.key"))
            .collect();
        others.sort();
        ensure!(keys == others, "{base}: {keys:?} are on the host");
        let controller_manager = manifest(&planned, "kube-controller-manager.yaml")?;
        ensure!(
            controller_manager.contains("--cluster-signing-key-file=/etc/kubernetes/pki/ca.key")
        );
        let summary = planned.plan(&[])?.expect(0)?.text();
        let name = base.replace('/', "-");
        ensure!(
            summary.contains(&format!("  external CA  {name}: ")),
            "{summary}"
        );
        ensure!(!summary.contains("kube-controller-manager signs nothing"));
    }
    Ok(())
}

/// A root, an issuing CA below it, readable text in the files: as companies do it. The order of `ca.crt` decides what leaves
/// bring with them.
fn with_openssl() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let ca = OpensslCa::new(scratch.path(), "corporate")?;
    let cas: Vec<(&str, &dyn OutsideCa)> = AUTHORITIES
        .iter()
        .map(|(base, _)| (*base, &ca as _))
        .collect();

    // The issuing CA first.
    let planned = Planned::with_store(CONFIG, |pki| {
        put_authorities(pki, &cas)?;
        sign_all(pki, &cas)?;
        Ok(())
    })?;
    planned.install(&[])?.expect(0)?;
    let installed = planned.root().join("etc/kubernetes/pki");
    let bundle = fs::read_to_string(installed.join("ca.crt"))?;
    ensure!(bundle.matches("BEGIN CERTIFICATE").count() == 2 && bundle.starts_with("-----BEGIN"));
    let run = std::process::Command::new("openssl")
        .args([
            "verify",
            "-attime",
            "1795170205",
            "-CAfile",
            text(&installed.join("ca.crt"))?,
        ])
        .arg(installed.join("apiserver.crt"))
        .output()?;
    ensure!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );

    // The root alone: refused until the leaves bring the issuing CA with them.
    let pki = planned.path("pki");
    for (base, _) in AUTHORITIES {
        fs::write(pki.join(format!("{base}.crt")), ca.root()?)?;
    }
    let refused = planned.plan(&[])?.expect(2)?;
    ensure!(
        refused.err.contains("12 errors in the key store")
            && refused.err.contains("CN = corporate-issuing`, expected `a signature by the CA `ca` (C = DE, O = Example, OU = Security, CN = corporate-root)`"),
        "{}",
        refused.err
    );
    for (name, bytes) in tree::read(&pki.join("nodes"))? {
        if name.ends_with(".crt") {
            let chain = String::from_utf8(bytes)? + &ca.issuing()?;
            fs::write(pki.join("nodes").join(name), chain)?;
        }
    }
    planned.plan(&[])?.expect(0)?;
    // A client shows the issuing CA with its own certificate; of the CAs there is one.
    let review = planned.path("review");
    kubeplan(&planned.render_args(&review)?).expect(0)?;
    let admin = review.join("cp1/redacted/files/etc/kubernetes/admin.conf");
    let admin = fs::read_to_string(admin)?;
    for (field, expected) in [
        ("client-certificate-data: ", 2),
        ("certificate-authority-data: ", 1),
    ] {
        let data = admin
            .lines()
            .find_map(|line| line.trim_start().strip_prefix(field))
            .with_context(|| format!("no {field}"))?;
        let pem = String::from_utf8(decode_base64(data)?)?;
        ensure!(
            pem.matches("BEGIN CERTIFICATE").count() == expected,
            "{field}{pem}"
        );
    }
    Ok(())
}

fn decode_base64(text: &str) -> Result<Vec<u8>> {
    use base64::Engine as _;
    Ok(base64::engine::general_purpose::STANDARD.decode(text)?)
}

fn refusals() -> Result<()> {
    let three = Three::new()?;
    let planned = Planned::with_store(CONFIG, |pki| {
        put_authorities(pki, &three.cas())?;
        sign_all(pki, &three.cas())?;
        Ok(())
    })?;
    let pki = planned.path("pki");
    let good = tree::read(&pki)?;
    let read = |name: &str| -> Result<String> {
        Ok(String::from_utf8(
            good.get(name)
                .with_context(|| format!("no {name}"))?
                .clone(),
        )?)
    };
    // A certificate of another CA for the same request.
    let stranger = RcgenCa::new("corporate-kubernetes")?;
    let server = || vec!["serverAuth".to_owned()];
    let request = read("nodes/cp1/apiserver.csr")?;
    let strange = stranger.sign(&request, &server())?;
    let cases: Vec<(&str, &str, Option<String>, &str)> = vec![
        (
            "missing leaf",
            "nodes/cp1/apiserver.crt",
            None,
            "certificate is `missing beside its key`, expected `CN = kube-apiserver, serverAuth, DNS:api.example.com",
        ),
        (
            "missing key",
            "nodes/cp1/etcd/server.key",
            None,
            "private key is `missing`, expected `the key of nodes/cp1/etcd/server.crt`",
        ),
        (
            "missing kubeconfig client",
            "nodes/cp1/scheduler.conf.crt",
            None,
            "certificate is `missing beside its key`, expected `CN = system:kube-scheduler, clientAuth`",
        ),
        (
            "wrong CA",
            "nodes/cp1/apiserver.crt",
            Some(strange),
            "signer is `CN = corporate-kubernetes`, expected `a signature by the CA `ca` (CN = corporate-kubernetes)`",
        ),
        (
            "wrong usage",
            "nodes/cp1/apiserver.crt",
            Some(three.0[0].sign(&request, &["clientAuth".to_owned()])?),
            "extendedKeyUsage is `clientAuth`, expected `serverAuth`",
        ),
        (
            "wrong subject",
            "nodes/cp1/kubelet.conf",
            Some(String::new()),
            "subject is `CN = system:kube-scheduler`, expected `O = system:nodes, CN = system:node:cp1`",
        ),
        (
            "key mismatch",
            "nodes/cp1/apiserver.crt",
            Some(read("nodes/cp1/apiserver-kubelet-client.crt")?),
            "public key is `SHA256:",
        ),
        (
            "CA is a leaf",
            "ca.crt",
            Some(read("nodes/cp1/apiserver.crt")?),
            "basicConstraints is `CA:FALSE`, expected `CA:TRUE`",
        ),
        (
            "no certificate",
            "nodes/cp1/apiserver.crt",
            Some("DER, perhaps".to_owned()),
            "cannot use the certificate `nodes/cp1/apiserver.crt` of the key store: there is no `CERTIFICATE` block in PEM form",
        ),
    ];
    for (what, path, content, expected) in cases {
        if what == "wrong subject" {
            // Key and certificate of another client.
            for end in ["crt", "key"] {
                let other = read(&format!("nodes/cp1/scheduler.conf.{end}"))?;
                fs::write(pki.join(format!("{path}.{end}")), other)?;
            }
        } else {
            match &content {
                Some(content) => fs::write(pki.join(path), content)?,
                None => fs::remove_file(pki.join(path))?,
            }
        }
        let before = fs::read(&planned.bundle)?;
        let run = planned
            .plan(&[])?
            .expect(2)
            .with_context(|| what.to_owned())?;
        ensure!(run.err.contains(expected), "{what}: {}", run.err);
        ensure!(
            fs::read(&planned.bundle)? == before,
            "{what}: a bundle was written"
        );
        let helped = run.err.contains("hint: `kubeplan certs generate-csr`");
        ensure!(
            helped == !matches!(what, "CA is a leaf" | "no certificate"),
            "{what}: {}",
            run.err
        );
        for (name, bytes) in &good {
            let path = pki.join(name);
            let mode = if name.ends_with(".crt") { 0o644 } else { 0o600 };
            fs::write(&path, bytes)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
        }
    }
    // A name more in the configuration, and a clock after the end.
    let config = planned.configuration()? + "apiServer:\n  certSANs: [more.example.com]\n";
    fs::write(planned.path("cluster.yaml"), config)?;
    let run = planned.plan(&[])?.expect(2)?;
    ensure!(
        run.err
            .contains("expected `DNS:more.example.com among them`"),
        "{}",
        run.err
    );
    fs::write(planned.path("cluster.yaml"), CONFIG)?;
    let (file, out) = (planned.path("cluster.yaml"), planned.path("out"));
    let args = [
        "plan",
        "-f",
        text(&file)?,
        "-o",
        text(&out)?,
        "--pki",
        text(&pki)?,
        "--now",
        "2036-06-01T00:00:00Z",
    ];
    let run = kubeplan(&args).expect(2)?;
    ensure!(
        run.err.contains(" errors in the key store:\n  - ")
            && run
                .err
                .contains("\n  - CA `etcd/ca.crt` is valid from 2026-01-01"),
        "{}",
        run.err
    );
    planned.plan(&[])?.expect(0)?;
    Ok(())
}

fn requests_once() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let pki = scratch.path().join("pki");
    let document = generate(&pki, &[])?;
    ensure!(document["version"] == 2 && document["nodes"] == serde_json::json!(["cp1"]));
    ensure!(
        document["missingAuthorities"]
            == serde_json::json!(["ca.crt", "front-proxy-ca.crt", "etcd/ca.crt"])
    );
    let rows = document["requests"].as_array().context("no requests")?;
    ensure!(
        rows.len() == 12
            && rows
                .iter()
                .all(|row| row["keyMade"] == true && row["written"] == true)
    );
    let first = tree::snapshot(&pki)?;
    for (name, node) in &first {
        let mode = node.mode & 0o777;
        let expected = if node.bytes.is_none() { 0o700 } else { 0o600 };
        ensure!(mode == expected, "{name} has mode {mode:o}");
    }
    // Again: nothing changes, not even the random signatures.
    let document = generate(&pki, &[])?;
    let rows = document["requests"].as_array().context("no requests")?;
    ensure!(
        rows.iter()
            .all(|row| row["keyMade"] == false && row["written"] == false)
    );
    ensure!(
        tree::read(&pki)? == contents(&first),
        "the second run changed the store"
    );
    // Elsewhere: the requests alone.
    let out = scratch.path().join("requests");
    generate(&pki, &["--out", text(&out)?, "--node", "cp1"])?;
    let names: Vec<String> = tree::read(&out)?.into_keys().collect();
    ensure!(
        names.len() == 12 && names.iter().all(|name| name.ends_with(".csr")),
        "{names:?}"
    );
    ensure!(
        names.contains(&"nodes/cp1/etcd/server.csr".to_owned())
            && names.contains(&"nodes/cp1/admin.conf.csr".to_owned())
    );
    // A request that says something else is replaced, the key is not.
    fs::copy(
        pki.join("nodes/cp1/apiserver.csr"),
        pki.join("nodes/cp1/admin.conf.csr"),
    )?;
    let document = generate(&pki, &[])?;
    let rows = document["requests"].as_array().context("no requests")?;
    let written: Vec<&Value> = rows.iter().filter(|row| row["written"] == true).collect();
    ensure!(
        written.len() == 1 && written[0]["name"] == "admin.conf" && written[0]["keyMade"] == false
    );
    // Another node than the configuration's.
    let config = scratch.path().join("cluster.yaml");
    fs::write(&config, CONFIG)?;
    let run = kubeplan(&[
        "certs",
        "generate-csr",
        "-f",
        text(&config)?,
        "--pki",
        text(&pki)?,
        "--node",
        "cp2",
    ])
    .expect(2)?;
    ensure!(
        run.err.contains("the configuration has no node `cp2`") && run.err.contains("it has cp1"),
        "{}",
        run.err
    );
    // No secret is printed.
    let run = kubeplan(&[
        "certs",
        "generate-csr",
        "-f",
        text(&config)?,
        "--pki",
        text(&pki)?,
        "--now",
        NOW,
    ])
    .expect(0)?;
    ensure!(
        run.text().contains("12 requests for node cp1") && !run.text().contains("PRIVATE"),
        "{}",
        run.text()
    );
    ensure!(
        run.text().contains("put the CA certificates into"),
        "{}",
        run.text()
    );
    Ok(())
}

fn contents(snapshot: &BTreeMap<String, tree::Node>) -> BTreeMap<String, Vec<u8>> {
    let files = snapshot.iter();
    files
        .filter_map(|(name, node)| Some((name.clone(), node.bytes.clone()?)))
        .collect()
}

fn listed() -> Result<()> {
    let planned = Planned::config(CONFIG)?;
    let pki = planned.path("pki");
    fs::remove_file(pki.join("etcd/ca.key"))?;
    let three = Three::new()?;
    // The front-proxy CA is external.
    put(&pki.join("front-proxy-ca.crt"), &three.0[1].certificate())?;
    let args = ["certs", "list", "--pki", text(&pki)?, "--now", NOW];
    let json: Vec<&str> = args.into_iter().chain(["--format", "json"]).collect();
    let document: Value = serde_json::from_slice(&kubeplan(&json).expect(0)?.out)?;
    let rows = document["certificates"]
        .as_array()
        .context("no certificates")?;
    ensure!(document["version"] == 1 && rows.len() == 15);
    let find = |name: &str| {
        rows.iter()
            .find(|row| row["name"] == name)
            .context("no such row")
    };
    ensure!(
        find("etcd-peer")?["externallyManaged"] == true
            && find("etcd-ca")?["externallyManaged"] == true
    );
    ensure!(
        find("apiserver")?["externallyManaged"] == false && find("apiserver")?["node"] == "cp1"
    );
    ensure!(find("front-proxy-ca")?["issuedBy"] == "user" && find("ca")?["issuedBy"] == "planner");
    ensure!(find("apiserver")?["residualSeconds"] == 8760 * 3600);
    let text = kubeplan(&args).expect(0)?.text();
    ensure!(
        text.contains("EXTERNALLY MANAGED")
            && text.contains("apiserver                 cp1   CN = kube-apiserver")
            && text.contains("1y"),
        "{text}"
    );
    let missing = planned.path("nothing");
    kubeplan(&[
        "certs",
        "check-expiration",
        "--pki",
        missing.to_str().context("path")?,
    ])
    .expect(2)?;
    Ok(())
}

fn no_upload() -> Result<()> {
    let three = Three::new()?;
    let planned = Planned::with_store(CONFIG, |pki| {
        put_authorities(pki, &three.cas())?;
        sign_all(pki, &three.cas())?;
        Ok(())
    })?;
    let run = planned.plan(&["--upload-certs"])?.expect(2)?;
    ensure!(
        run.err
            .contains("the key of `ca.crt` is not in the key store"),
        "{}",
        run.err
    );
    Ok(())
}
