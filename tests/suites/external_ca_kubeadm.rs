//! External CAs beside the real kubeadm: its requests, and what it makes of the planner's files; needs a kubeadm, named by the
//! variable `KUBEADM`.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use kubeplan::pki::StoreContents;
use kubeplan::pki::key_source::RandomSource;
use kubeplan::pki::requests::{Requests, requests};
use kubeplan_bundle::secret::SecretBytes;
use kubeplan_testsuite::equivalence::compare;
use kubeplan_testsuite::equivalence::kubeadm::{Files, Kubeadm};
use kubeplan_testsuite::equivalence::planner;
use kubeplan_testsuite::outside_ca::{AUTHORITIES, CONFIG, OutsideCa as _, RcgenCa, Three};
use kubeplan_testsuite::programs::NOW;
use libtest_mimic::Trial;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer as _;

use super::case;

pub fn cases() -> Vec<Trial> {
    let mut trials = Vec::new();
    let kubeadm = std::env::var_os("KUBEADM").map(PathBuf::from);
    let isolated = kubeadm.is_some() && Kubeadm::can_be_isolated();
    type Comparison = fn(Kubeadm) -> Result<()>;
    let comparisons: [(&str, bool, &str, Comparison); 3] = [
        (
            "external_ca_kubeadm::requests_are_those_of_kubeadm",
            kubeadm.is_some(),
            "the variable KUBEADM, the path of a kubeadm 1.36",
            same_requests,
        ),
        (
            "external_ca_kubeadm::kubeadm_takes_the_files_and_writes_the_same_rest",
            isolated,
            "the variable KUBEADM and root, to give kubeadm a root directory",
            same_files,
        ),
        (
            "external_ca_kubeadm::kubeadm_takes_a_bundle_of_cas_too",
            isolated,
            "the variable KUBEADM and root, to give kubeadm a root directory",
            same_files_with_bundles,
        ),
    ];
    for (name, possible, needs, run) in comparisons {
        if !possible {
            eprintln!("ignored: {name} needs {needs}");
        }
        let program = kubeadm.clone();
        let compare = move || run(Kubeadm::new(&program.context("KUBEADM is not set")?)?);
        trials.push(case(name, compare).with_ignored_flag(!possible));
    }
    trials
}

/// The configuration as the library reads it.
fn configuration() -> Result<kubeplan::config::ValidConfig> {
    let source = kubeplan::config::Source {
        name: "config.yaml",
        text: CONFIG,
    };
    kubeplan::config::load(&[source], Default::default())
        .map(|loaded| loaded.config)
        .map_err(|report| anyhow::anyhow!("{report}"))
}

fn library_requests(store: StoreContents) -> Result<Requests> {
    let now = NOW.parse().ok().context("the suite's clock")?;
    Ok(requests(
        &configuration()?,
        store,
        now,
        &RandomSource,
        &|_| {},
    )?)
}

/// A request without what differs by nature: subject, attributes, algorithms, all in their exact bytes.
fn describe_request(pem: &[u8]) -> Result<String> {
    let block = x509_parser::pem::Pem::iter_from_buffer(pem)
        .next()
        .context("no PEM")??;
    let (rest, request) = X509CertificationRequest::from_der(&block.contents)?;
    ensure!(rest.is_empty() && request.verify_signature().is_ok());
    let info = &request.certification_request_info;
    let key_end = info.subject_pki.raw.len() + info.subject.as_raw().len();
    let key = info.subject_pki.raw;
    let start = find(info.raw, key).context("no key in it")?;
    Ok(format!(
        "{} {:?} {}\n{:?} {}\n{:?}\nafter the key: {:02x?}\nbefore it: {}\n",
        block.label,
        info.version,
        info.subject,
        info.subject_pki.algorithm,
        key.len(),
        request.signature_algorithm,
        info.raw.get(start + key.len()..),
        start + key.len() - key_end,
    ))
}

fn find(whole: &[u8], part: &[u8]) -> Option<usize> {
    whole.windows(part.len()).position(|window| window == part)
}

fn same_requests(kubeadm: Kubeadm) -> Result<()> {
    let expected = kubeadm.generate_csr(CONFIG)?;
    let made = library_requests(StoreContents::default())?;
    let mut names = Vec::new();
    for request in &made.requests {
        let name = request.request.replacen("nodes/cp1/", "", 1);
        let (mode, bytes) = expected
            .get(&name)
            .with_context(|| format!("kubeadm has no {name}"))?;
        ensure!(*mode == 0o600, "kubeadm's {name} has mode {mode:o}");
        let (theirs, ours) = (
            describe_request(bytes)?,
            describe_request(request.pem.as_bytes())?,
        );
        ensure!(theirs == ours, "{name}:\n{theirs}{ours}");
        names.push(name);
    }
    let others = expected
        .keys()
        .filter(|name| name.ends_with(".csr") && !names.contains(name));
    ensure!(others.count() == 0, "kubeadm makes other requests too");
    Ok(())
}

fn same_files(kubeadm: Kubeadm) -> Result<()> {
    same_files_of(&kubeadm, &Three::new()?)
}

/// The issuing CA first, the root behind it.
fn same_files_with_bundles(kubeadm: Kubeadm) -> Result<()> {
    let root = RcgenCa::new("corporate-root")?;
    let three = Three([
        root.below("corporate-kubernetes")?,
        root.below("corporate-front-proxy")?,
        root.below("corporate-etcd")?,
    ]);
    ensure!(
        three.0[0]
            .certificate()
            .matches("BEGIN CERTIFICATE")
            .count()
            == 2
    );
    same_files_of(&kubeadm, &three)
}

fn same_files_of(kubeadm: &Kubeadm, three: &Three) -> Result<()> {
    let mut store = StoreContents::default();
    for (base, ca) in three.cas() {
        let pem = SecretBytes::from_text(ca.certificate());
        store.files.insert(format!("{base}.crt"), pem);
    }
    let made = library_requests(store)?;
    let mut store = made.store;
    for request in &made.requests {
        let (_, ca) = AUTHORITIES
            .iter()
            .zip(three.cas())
            .find(|((_, name), _)| *name == request.signer)
            .context("an unknown CA")?
            .1;
        let certificate = SecretBytes::from_text(ca.sign(&request.pem, &request.usages)?);
        store.files.insert(request.certificate.clone(), certificate);
    }
    let planner::Planned::Accepted { files, settings } =
        planner::run_with(CONFIG, kubeadm.host(), store, &RandomSource)
    else {
        anyhow::bail!("the planner refused");
    };
    for (base, _) in AUTHORITIES {
        ensure!(
            !files.contains_key(&format!("{base}.key")),
            "{base}.key is planned"
        );
    }
    // kubeadm gets what the planner would place; it checks that, and writes the rest.
    let given: Files = files
        .iter()
        .filter(|(name, _)| {
            [".crt", ".key", ".pub", ".conf"]
                .iter()
                .any(|end| name.ends_with(end))
        })
        .map(|(name, file)| (name.clone(), file.clone()))
        .collect();
    let run = kubeadm.run_beside(CONFIG, kubeadm.host(), &given)?;
    ensure!(run.accepted, "{}", run.said);
    let written: Files = run
        .files
        .iter()
        .filter(|(name, _)| !given.contains_key(*name))
        .map(|(name, file)| (name.clone(), file.clone()))
        .collect();
    for name in [
        "kube-controller-manager.yaml",
        "kube-apiserver.yaml",
        "etcd.yaml",
        "config.yaml",
    ] {
        ensure!(written.contains_key(name), "kubeadm wrote no {name}");
    }
    let made_by_kubeadm = run.files.keys().filter(|name| name.ends_with(".key"));
    ensure!(made_by_kubeadm.count() == 0, "kubeadm made keys");
    let with_ca = |mut all: Files| -> Files {
        all.extend(
            given
                .get("ca.crt")
                .map(|file| ("ca.crt".to_owned(), file.clone())),
        );
        all
    };
    let rest: Files = files
        .into_iter()
        .filter(|(name, _)| !given.contains_key(name))
        .collect();
    let diff = compare::diff(
        (&with_ca(written), &run.settings),
        (&with_ca(rest), &settings),
    )?;
    ensure!(diff.is_empty(), "{diff}");
    // Taken away, kubeadm refuses as the planner does.
    for name in [
        "apiserver.crt",
        "apiserver-kubelet-client.key",
        "admin.conf",
        "front-proxy-client.crt",
    ] {
        let mut fewer = given.clone();
        fewer.remove(name);
        let run = kubeadm.run_beside(CONFIG, kubeadm.host(), &fewer)?;
        ensure!(!run.accepted, "kubeadm takes it without {name}");
    }
    Ok(())
}
