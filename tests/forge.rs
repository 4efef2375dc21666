//! Bundles that a planner would not write, made of ones it did: re-sealed and signed again by a trusted author.
//!
//! A bundle that is taken apart and put together without a change is accepted like the planner's own; that is the positive
//! control of every case that changes something.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use kubeplan_bundle::allowed_signers::AllowedSigners;
use kubeplan_bundle::index::{Content, Place};
use kubeplan_bundle::policy::{Policy, TrustPolicy};
use kubeplan_bundle::reader::Bundle;
use kubeplan_bundle::seal::{CommitSalt, Identities, Recipient};
use kubeplan_bundle::secret::SecretBytes;
use kubeplan_bundle::signature::PrivateKey;
use kubeplan_bundle::sources::Sources;
use kubeplan_bundle::writer::{Draft, DraftContent, DraftEntry};

use crate::planned::Planned;
use crate::raw_index;

/// The parts of a planned bundle, and the keys to put them together again.
pub struct Forge {
    /// What the bundle says; change it at will.
    pub draft: Draft,
    /// The serial it gets.
    pub serial: u64,
    author: PrivateKey,
    recipients: Vec<Recipient>,
}

impl Forge {
    /// Takes the bundle of `planned` apart.
    ///
    /// # Errors
    /// If it cannot be read, is not trusted by the list beside it, or its seal does not open.
    pub fn of(planned: &Planned) -> Result<Self> {
        let read = |name: &str| fs::read(planned.path(name)).with_context(|| name.to_owned());
        let allowed = String::from_utf8(read("allowed_signers")?)?;
        let policy = TrustPolicy {
            allowed: AllowedSigners::parse(&allowed)?,
            policy: Policy::new(1, 0)?,
        };
        let identities = Identities::parse(&SecretBytes::new(read("identity")?), "identity")?;
        let file = Cursor::new(fs::read(&planned.bundle)?);
        let intact = Bundle::open(file)?.into_intact()?;
        let created = intact.index().created;
        let bundle = Bundle::open(Cursor::new(fs::read(&planned.bundle)?))?
            .into_trusted(&policy, created)?;
        let unsealed = bundle.unseal(&identities)?;
        let index = bundle.index().clone();
        let entries = index
            .entries
            .iter()
            .map(|entry| {
                let content = match (&entry.place, &entry.content) {
                    (Place::Payload, _) => anyhow::bail!("{} is payload", entry.name),
                    (_, Content::None) => DraftContent::Directory,
                    (_, Content::Public(_)) => {
                        let bytes = bundle.public(&entry.name).context("an entry is missing")?;
                        DraftContent::Public(bytes.to_vec())
                    }
                    (_, Content::Sealed(sealed)) => DraftContent::Secret {
                        class: sealed.class,
                        bytes: unsealed
                            .content(&entry.name)
                            .context("a sealed entry is missing")?
                            .clone(),
                        spki: sealed.spki,
                    },
                };
                Ok(DraftEntry {
                    name: entry.name.clone(),
                    phase: entry.phase.clone(),
                    place: entry.place.clone(),
                    content,
                    handoff: entry.handoff,
                    holes: entry.holes.clone(),
                })
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Self {
            draft: Draft {
                operation: index.operation,
                sources: bundle.sources().map(Sources::parse).transpose()?,
                cluster: index.cluster,
                node: index.node,
                target: index.target,
                created: index.created,
                apply_after: index.apply_after,
                apply_before: index.apply_before,
                test_only: index.test_only,
                planner: index.planner,
                annotations: index.annotations,
                entries,
                transactions: index.transactions,
                steps: index.steps,
                api: index.api,
                commit_salt: CommitSalt::new(SecretBytes::new(vec![7; 32]))?,
            },
            serial: index.serial,
            author: PrivateKey::parse(&SecretBytes::new(read("author")?), None)?,
            recipients: identities.recipients(),
        })
    }

    /// Seals and signs it, beside the bundle it was made of.
    ///
    /// # Errors
    /// If the parts contradict each other in a way that no writer would write.
    pub fn write(self, planned: &Planned, name: &str) -> Result<PathBuf> {
        let path = planned.path(name);
        self.write_to(&path)?;
        Ok(path)
    }

    /// Seals it, beside the bundle it was made of, and does not sign it.
    ///
    /// # Errors
    /// As for [`Forge::write`].
    pub fn write_unsigned(self, planned: &Planned, name: &str) -> Result<PathBuf> {
        let path = planned.path(name);
        let mut out = Vec::new();
        self.draft
            .prepare()?
            .write(self.serial, &self.recipients, &[], &mut out)?;
        fs::write(&path, out)?;
        Ok(path)
    }

    /// Seals and signs it as no writer would: `change` edits the index after everything was checked, and the author signs
    /// what comes of it. Only what the reader refuses by itself is refused.
    ///
    /// # Errors
    /// If the bundle as it is before the change cannot be written.
    pub fn write_changed(
        self,
        planned: &Planned,
        name: &str,
        change: impl FnOnce(&mut serde_json::Value),
    ) -> Result<PathBuf> {
        let mut out = Vec::new();
        self.draft
            .prepare()?
            .write(self.serial, &self.recipients, &[&self.author], &mut out)?;
        let changed = raw_index::rewrite(&out, Some(&self.author), |index| {
            change(index);
            Ok(())
        })?;
        let path = planned.path(name);
        fs::write(&path, changed)?;
        Ok(path)
    }

    /// Seals and signs it into `path`.
    ///
    /// # Errors
    /// As for [`Forge::write`].
    pub fn write_to(self, path: &Path) -> Result<()> {
        let mut out = Vec::new();
        self.draft
            .prepare()?
            .write(self.serial, &self.recipients, &[&self.author], &mut out)?;
        fs::write(path, out)?;
        Ok(())
    }
}
