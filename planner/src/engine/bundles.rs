//! Writes every node's bundle, on all cores, each as soon as it is complete.
//!
//! In: a session, [`Keys`], the author's key, recipients. Out: one [`Written`] per node, in the order of the nodes. The bytes of a plan do
//! not depend on which core is first. A plan is dropped when its bundle is written. Nodes of an inventory and a node that joins a running
//! cluster take the same path.

use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::index::{Index, Name};
use kubeplan_bundle::seal::{CommitSalt, Recipient};
use kubeplan_bundle::secret::SecretBytes;
use kubeplan_bundle::signature::PrivateKey;
use kubeplan_bundle::timestamp::Timestamp;

use super::error::{EngineError, NodeError};
use super::keys::Keys;
use super::notice::Notice;
use super::notices::listed;
use super::observer::Observer;
use super::outlines::{nothing_rendered, unfit};
use super::session::Session;
use crate::assemble::{self, Circumstances};
use crate::config::ValidConfig;
use crate::kubeadm::layout::CERTIFICATE_FILES;
use crate::pki::MaterialSource;
use crate::pki::key_source::KeySource;
use crate::pki::materials::NodeMaterial;
use crate::pki::requests::{self, Requests};
use crate::pki::store::NodeRecord;
use crate::pki::{self, Material, StoreChange, StoreContents};
use crate::plan::{CertificateRow, NodePlan};

const UNUSABLE_SALT: &str = "the key store has no usable salt";

impl Session {
    /// Makes the keys and issues the certificates that the key store `before` lacks.
    ///
    /// # Errors
    /// [`EngineError::KeyStore`] if the store does not fit, or something cannot be issued.
    pub fn issue(
        &self,
        before: StoreContents,
        now: Timestamp,
        source: &dyn KeySource,
        observer: &mut dyn Observer,
    ) -> Result<Keys, EngineError> {
        let progress = observer.progress("making keys");
        let ensured = pki::ensure_nodes(self.nodes(), before, now, source, &|keys| {
            progress.show(keys.done, keys.total);
        });
        drop(progress);
        let ensured = ensured.map_err(EngineError::KeyStore)?;
        if !ensured.unused.is_empty() {
            observer.notice(&Notice::Warning(unused(&ensured.unused)));
        }
        Ok(Keys::Store(Box::new(ensured)))
    }

    /// Makes keys and signing requests for certificates of external CAs.
    ///
    /// # Errors
    /// [`EngineError::KeyStore`] if the store does not fit.
    pub fn requests(
        &self,
        before: StoreContents,
        now: Timestamp,
        source: &dyn KeySource,
        observer: &mut dyn Observer,
    ) -> Result<Requests, EngineError> {
        let progress = observer.progress("making keys");
        requests::requests_nodes(self.nodes(), before, now, source, &|keys| {
            progress.show(keys.done, keys.total);
        })
        .map_err(EngineError::KeyStore)
    }
}

impl Keys {
    /// The certificate of the cluster's CA.
    ///
    /// # Errors
    /// [`EngineError::Incomplete`] if there is none.
    pub fn authority(&self) -> Result<CertificateRow, EngineError> {
        match self {
            Self::Store(ensured) => {
                let authority = ensured.materials.authority("ca");
                authority.ok_or(EngineError::Incomplete("the key store has no cluster CA"))
            }
            Self::Joining(keys) => {
                let authority = keys.authority().cloned();
                authority.ok_or(EngineError::Incomplete("the cluster has no CA"))
            }
        }
    }

    /// kubeadm's names of the external CAs.
    #[must_use]
    pub fn external_authorities(&self) -> Vec<&'static str> {
        match self {
            Self::Store(ensured) => ensured.materials.external_authorities(),
            Self::Joining(_) => Vec::new(),
        }
    }

    /// Takes out what was issued, in the order of issue.
    #[must_use]
    pub fn take_changes(&mut self) -> Vec<StoreChange> {
        match self {
            Self::Store(ensured) => std::mem::take(&mut ensured.changes),
            Self::Joining(keys) => keys.take_changes(),
        }
    }

    /// Takes out what each node of `session` has of its own, for [`Bundles::write_all`].
    #[must_use]
    pub fn take_own(&mut self, session: &Session) -> Vec<OwnKeys> {
        let nodes = match self {
            Self::Store(ensured) => ensured.materials.take_nodes(),
            Self::Joining(_) => Vec::new(),
        };
        let mut own: Vec<_> = nodes.into_iter().map(|node| OwnKeys(Some(node))).collect();
        own.resize_with(session.count(), || OwnKeys(None));
        own
    }

    /// Whether the keys are public test keys.
    #[must_use]
    pub fn test_only(&self) -> bool {
        match self {
            Self::Store(ensured) => ensured.materials.test_only(),
            Self::Joining(keys) => keys.test_only(),
        }
    }

    /// The new content of the key store, with the serials of these bundles.
    #[must_use]
    pub fn into_store(
        self,
        records: impl IntoIterator<Item = (Name, NodeRecord)>,
    ) -> StoreContents {
        match self {
            Self::Store(ensured) => {
                let mut contents = ensured.store;
                if let Some(index) = &mut contents.index {
                    index.nodes.extend(records);
                }
                contents
            }
            Self::Joining(_) => StoreContents::default(),
        }
    }

    fn salt(&self) -> Result<SecretBytes, EngineError> {
        match self {
            Self::Store(ensured) => {
                let index = ensured.store.index.as_ref();
                let index = index.ok_or(EngineError::Incomplete("the key store has no index"))?;
                let salt = index.salt_bytes();
                salt.ok_or(EngineError::Incomplete(UNUSABLE_SALT))
            }
            Self::Joining(keys) => Ok(keys.salt()),
        }
    }

    /// The keys of the node that has `own`; `None` if the key store lacks some of them.
    fn of(&self, own: &OwnKeys) -> Option<NodeKeys<'_>> {
        match self {
            Self::Store(ensured) => {
                let material = ensured.materials.with(own.0.as_ref()?)?;
                Some(NodeKeys::Own(Box::new(material)))
            }
            Self::Joining(keys) => Some(NodeKeys::Shared(keys.source())),
        }
    }

    /// The serial of the node's bundle, and its record for the key store, if there is one.
    fn number(
        &self,
        node: &Name,
        digest: Sha256Digest,
        now: Timestamp,
    ) -> (u64, Option<NodeRecord>) {
        let index = match self {
            Self::Store(ensured) => ensured.store.index.as_ref(),
            Self::Joining(_) => None,
        };
        match index.map(|index| index.next_record(node, digest)) {
            Some(record) => (record.serial, Some(record)),
            None => (serial(now), None),
        }
    }
}

/// The serial of a bundle that no key store counts: seconds since 1970, so that a later plan of the same join has a higher one.
fn serial(now: Timestamp) -> u64 {
    u64::try_from(now.unix_seconds()).unwrap_or(0).max(1)
}

/// What one node has of its own: certificates and keys of the key store, nothing if it joins a running cluster.
#[derive(Debug)]
pub struct OwnKeys(Option<NodeMaterial>);

/// The keys of one node.
enum NodeKeys<'a> {
    Own(Box<Material>),
    Shared(MaterialSource<'a>),
}

impl NodeKeys<'_> {
    fn source(&self) -> MaterialSource<'_> {
        match self {
            Self::Own(material) => MaterialSource::Issued(material),
            Self::Shared(source) => *source,
        }
    }
}

/// A place that bundles are written to.
pub trait BundleOutput: Sync {
    /// Writes one file. Called from any thread, once for each name.
    ///
    /// # Errors
    /// The error of `write`, or that of the place itself.
    fn write(
        &self,
        name: &str,
        write: &mut dyn FnMut(&mut dyn Write) -> Result<(), NodeError>,
    ) -> Result<(), NodeError>;
}

/// What the bundles of one run have in common.
pub struct Bundles<'a> {
    session: &'a Session,
    keys: &'a Keys,
    author: &'a PrivateKey,
    now: Timestamp,
    cluster_id: Sha256Digest,
    salt: SecretBytes,
}

/// A bundle that is written.
pub struct Written {
    /// Its file's name.
    pub file: String,
    /// Its index.
    pub index: Index,
    /// The certificates of the bundle, also those in kubeconfigs.
    pub certificates: Vec<CertificateRow>,
    /// kubeadm's phases that were skipped.
    pub left_out: Vec<&'static str>,
    /// The node's record for the key store, with its serial.
    pub record: Option<(Name, NodeRecord)>,
    /// Warnings and notes about the node.
    pub notices: Vec<Notice>,
}

impl<'a> Bundles<'a> {
    /// Prepares to write bundles that `author` signs.
    ///
    /// # Errors
    /// [`EngineError::Incomplete`] if the keys lack what every bundle names.
    pub fn new(
        session: &'a Session,
        keys: &'a Keys,
        author: &'a PrivateKey,
        now: Timestamp,
    ) -> Result<Self, EngineError> {
        Ok(Self {
            session,
            keys,
            author,
            now,
            cluster_id: keys.authority()?.spki,
            salt: keys.salt()?,
        })
    }

    /// Writes every node's bundle to `output`, with what [`Keys::take_own`] took out. `seal` returns the recipients of a bundle that
    /// has secrets, `keep` what is kept of a bundle.
    ///
    /// # Errors
    /// [`EngineError::Nodes`] with every node whose bundle cannot be made or written.
    pub fn write_all<S, T: Send>(
        &self,
        own: Vec<OwnKeys>,
        output: &dyn BundleOutput,
        seal: impl Fn(usize) -> (Vec<Recipient>, S) + Sync,
        keep: impl Fn(&ValidConfig, Written, Option<S>) -> T + Sync,
        observer: &mut dyn Observer,
    ) -> Result<Vec<T>, EngineError> {
        let progress = observer.progress("writing bundles");
        let total = self.session.count();
        let done = AtomicUsize::new(0);
        let written = self.session.each_with(own, |at, config, own| {
            let mut sealed = None;
            let written = self.write(at, config, own, output, || {
                let (recipients, for_whom) = seal(at);
                sealed = Some(for_whom);
                recipients
            });
            progress.show(done.fetch_add(1, Ordering::Relaxed) + 1, total);
            Ok::<_, NodeError>(keep(config, written?, sealed))
        });
        Ok(written?)
    }

    fn write(
        &self,
        at: usize,
        config: &ValidConfig,
        own: OwnKeys,
        output: &dyn BundleOutput,
        recipients: impl FnOnce() -> Vec<Recipient>,
    ) -> Result<Written, NodeError> {
        let keys = self.keys.of(&own).ok_or(NodeError::Missing(
            "the key store lacks what the node needs",
        ))?;
        drop(own);
        let plan = self.session.plan(at, config, keys.source())?;
        let mut notices = nothing_rendered(config, keys.source(), &plan);
        notices.extend(outliving(&plan));
        notices.extend(due(config, &plan, self.now));
        let certificates = plan.certificates.clone();
        let left_out = plan.left_out.clone();
        let salt = CommitSalt::new(self.salt.clone());
        let circumstances = Circumstances {
            cluster_id: self.cluster_id,
            now: self.now,
            test_only: self.keys.test_only(),
            salt: salt.map_err(|_| NodeError::Missing(UNUSABLE_SALT))?,
            first_file: Some(self.session.first_file().to_owned()),
        };
        let prepared = assemble::draft(config, plan, circumstances)
            .map_err(NodeError::Window)?
            .prepare()
            .map_err(|source| unfit(config, source))?;
        let name = &config.node.name;
        let (serial, record) = self.keys.number(name, prepared.plan_digest(), self.now);
        let recipients = if prepared.has_secrets() {
            recipients()
        } else {
            Vec::new()
        };
        let file = format!("{name}.{}.tar.gz", config.bundle_cluster_name);
        let mut prepared = Some(prepared);
        let mut written = None;
        output.write(&file, &mut |out| {
            let Some(prepared) = prepared.take() else {
                return Err(NodeError::Output(io::Error::from(io::ErrorKind::NotFound)));
            };
            let bundle = prepared.write(serial, &recipients, &[self.author], out);
            written = Some(bundle.map_err(NodeError::Write)?);
            Ok(())
        })?;
        let written = written.ok_or(NodeError::Missing("the bundle was not written"))?;
        Ok(Written {
            file,
            index: written.index,
            certificates,
            left_out,
            record: record.map(|record| (name.clone(), record)),
            notices,
        })
    }
}

/// Warns of certificates that end after the CA that signed them.
fn outliving(plan: &NodePlan) -> impl Iterator<Item = Notice> {
    plan.outliving_their_signer().map(|(row, signer)| {
        Notice::Warning(format!(
            "certificate {} ends {}, after its CA {} ({}): it stops being accepted then",
            row.name, row.not_after, signer.name, signer.not_after
        ))
    })
}

/// Warns of certificates that were kept although less than `minRemaining` of them is left.
fn due(config: &ValidConfig, plan: &NodePlan, now: Timestamp) -> impl Iterator<Item = Notice> {
    let needed = now.saturating_add(config.credentials.min_remaining);
    let rows = plan.certificates.iter();
    rows.filter(move |row| row.not_after < needed && row.signer != row.name)
        .map(|row| {
            Notice::Warning(format!(
                "certificate {} ends {}: it is kept, because the node was planned before; to issue it again, plan with `--renew`",
                row.name, row.not_after
            ))
        })
}

/// The warning about files of a key store that nothing uses.
fn unused(files: &[String]) -> String {
    let is_of_node = |file: &String| {
        let mut known = CERTIFICATE_FILES.iter();
        known.any(|(_, base)| file.strip_suffix(".crt") == Some(base))
    };
    let listed = listed(files.iter().map(String::as_str));
    let mut text = format!("nothing uses {listed} in the key store");
    if files.iter().any(is_of_node) {
        text.push_str(
            ", as in a `pki` directory of kubeadm: `kubeplan pki import` copies what a key store needs into a new one",
        );
    }
    text
}
