//! Running the planner on the same configuration.
//!
//! In: a configuration, a host. Out: its verdict, and every file it plans under the name a kubeadm dry run gives it. Keys
//! are the public test keys, so nothing here takes time or randomness, unless a key store is given.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::{Context as _, Result};
use kubeplan::config::kubelet::{self, EffectiveKubelet};
use kubeplan::config::valid::Additions;
use kubeplan::config::{self, Severity, Source};
use kubeplan::kubeadm::layout::{self, KUBELET_DIR, KUBERNETES_DIR, MANIFESTS_DIR};
use kubeplan::operations;
use kubeplan::patches::{PatchFile, Patches};
use kubeplan::pki::MaterialSource;
use kubeplan::pki::key_source::KeySource;
use kubeplan::pki::test_pki::TestPki;
use kubeplan::pki::{self, StoreContents};
use kubeplan::plan::PlannedContent;
use kubeplan::render::images;
use kubeplan::yaml::read::{self, Data};
use kubeplan::yaml::write::to_go_yaml;

use super::host::Host;
use super::kubeadm::{Files, SETTINGS, ended, field};
use super::{objects, warnings};
use crate::programs::NOW;

/// What the planner did with a configuration.
pub enum Planned {
    /// It planned it.
    Accepted {
        /// The files, flat as in a dry run's directory.
        files: Files,
        /// What it takes to be in effect, by the names of [`SETTINGS`].
        settings: BTreeMap<String, String>,
    },
    /// It refused it, with these errors.
    Refused(Vec<String>),
    /// It panicked, which it never may.
    Panicked(String),
}

/// Plans `config` with public test keys.
#[must_use]
pub fn run(config: &str, host: &Host) -> Planned {
    run_with(
        config,
        host,
        StoreContents::default(),
        &TestPki::new("equivalence"),
    )
}

/// Plans `config` with what is in `store`, and keys of `keys` for what is not.
#[must_use]
pub fn run_with(config: &str, host: &Host, store: StoreContents, keys: &dyn KeySource) -> Planned {
    match catch_unwind(AssertUnwindSafe(|| plan(config, host, store, keys))) {
        Ok(Ok(planned)) => planned,
        Ok(Err(error)) => Planned::Refused(vec![format!("planning: {error:#}")]),
        Err(payload) => {
            let message = payload.downcast_ref::<String>().cloned().or_else(|| {
                payload
                    .downcast_ref::<&str>()
                    .map(|text| (*text).to_owned())
            });
            Planned::Panicked(message.unwrap_or_else(|| "no message".to_owned()))
        }
    }
}

/// The directory of patches that a configuration names.
#[must_use]
pub fn patches_dir(config: &str) -> Option<String> {
    let documents = read::read(config).ok()?;
    let named = documents.iter().find_map(|document| {
        let patches = field(&document.data, "patches")?;
        field(patches, "directory")
    });
    match named {
        Some(Data::String(directory)) if !directory.is_empty() => Some(directory.clone()),
        _ => None,
    }
}

fn plan(text: &str, host: &Host, store: StoreContents, keys: &dyn KeySource) -> Result<Planned> {
    let source = Source {
        name: "config.yaml",
        text,
    };
    let (config, warned) = match config::load(&[source], host.facts()) {
        Ok(loaded) => (loaded.config, loaded.warnings),
        Err(report) => {
            let errors = report
                .findings()
                .iter()
                .filter(|finding| finding.severity == Severity::Error);
            let lines = errors.map(|finding| format!("{}: {}", finding.path, finding.message));
            return Ok(Planned::Refused(lines.collect()));
        }
    };
    let mut additions = Additions {
        upload_certs: host.upload_certs,
        ..Additions::default()
    };
    let dir = config.init.patches.as_ref();
    if dir.is_some_and(|patches| patches.directory == host.patches_dir()) {
        let mut files = Vec::new();
        for (name, text) in &host.patches {
            files.extend(PatchFile::read(name, text)?.ok());
        }
        additions.patches = Patches::new(files).into();
    }
    let config = config.with(additions);
    let findings = kubelet::findings(&EffectiveKubelet::of(&config)?);
    let refused: Vec<String> = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .map(|finding| format!("{}: {}", finding.path, finding.message))
        .collect();
    if !refused.is_empty() {
        return Ok(Planned::Refused(refused));
    }
    let now = NOW.parse().ok().context("the suite's clock")?;
    let material = pki::ensure(&config, store, now, keys, &|_| {})?.material;
    let plan = operations::plan_node(
        operations::of(&config),
        &config,
        MaterialSource::Issued(&material),
    )?;

    let certificates = layout::cleaned(&config.cluster.certificates_dir);
    let mut files = Files::new();
    for entry in &plan.entries {
        let path = entry.placement.path.as_str();
        let flat = |dir: &str| path.strip_prefix(dir)?.strip_prefix('/').map(str::to_owned);
        let name = flat(&certificates)
            .or_else(|| flat(MANIFESTS_DIR))
            .or_else(|| flat(KUBELET_DIR))
            .or_else(|| flat(KUBERNETES_DIR))
            .unwrap_or_else(|| path.to_owned());
        let mode = u32::from(entry.placement.mode.bits());
        match &entry.content {
            PlannedContent::Directory => {}
            PlannedContent::Public(bytes) => {
                files.insert(name, (mode, bytes.clone()));
            }
            PlannedContent::Secret { bytes, .. } => {
                files.insert(name, (mode, bytes.expose().to_vec()));
            }
        }
    }
    let effective = config::effective_documents(&config);
    let selection = operations::of(&config).selection(&config);
    let mut settings: BTreeMap<String, String> = SETTINGS
        .iter()
        .zip(effective.iter().skip(1))
        .filter(|((_, phase), _)| selection.includes(phase))
        .map(|((name, _), document)| ((*name).to_owned(), ended(&to_go_yaml(document))))
        .collect();
    if config.cluster.proxy.disabled {
        settings.remove("config.conf");
    }
    settings.insert(
        "images".into(),
        images::list_as_written(&config)?.join("\n") + "\n",
    );
    let said = warnings::of_planner(&warned, &selection);
    settings.insert("warnings".into(), said);
    settings.insert("node".into(), objects::node_of_plan(&plan));
    for (number, object) in objects::of_plan(&plan, text).into_iter().enumerate() {
        settings.insert(format!("object-{number:02}"), object);
    }
    Ok(Planned::Accepted { files, settings })
}
