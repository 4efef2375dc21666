//! Every node's bundle, on all cores, each written as soon as it is complete.
//!
//! In: a session, [`Keys`], the author's key, recipients. Out: one [`Written`] per node, in the order of the nodes. Whichever core is first, the
//! bytes of a plan are the same; a plan lives no longer than its bundle is written. A node of a cluster's inventory and one that joins a
//! running cluster go the same way.

use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::index::{Index, Name};
use kubeplan_bundle::seal::{CommitSalt, Recipient};
use kubeplan_bundle::secret::SecretBytes;
use kubeplan_bundle::signature::PrivateKey;
use kubeplan_bundle::timestamp::Timestamp;

use super::error::{EngineError, NodeError};
use super::join::JoiningKeys;
use super::notices::Notice;
use super::observer::Observer;
use super::outlines::nothing_rendered;
use super::session::Session;
use crate::assemble::{self, Circumstances};
use crate::config::ValidConfig;
use crate::pki::MaterialSource;
use crate::pki::key_source::KeySource;
use crate::pki::requests::{self, Requests};
use crate::pki::store::NodeRecord;
use crate::pki::{self, EnsuredNodes, Material, StoreChange, StoreContents};
use crate::plan::{CertificateRow, NodePlan};

const UNUSABLE_SALT: &str = "the key store has no usable salt";

/// Certificates and keys of every node of a session.
#[derive(Debug)]
pub enum Keys {
    /// A cluster's key store.
    Store(Box<EnsuredNodes>),
    /// What a node gets that joins a running cluster; no store keeps it.
    Joining(Box<JoiningKeys>),
}

impl Session {
    /// Makes what the key store lacks.
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
        for file in &ensured.unused {
            observer.notice(&Notice::Warning(format!(
                "nothing uses {file} in the key store"
            )));
        }
        Ok(Keys::Store(Box::new(ensured)))
    }

    /// Makes keys and signing requests for what a CA signs whose key is kept elsewhere.
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

    /// kubeadm's names of the CAs whose keys are kept elsewhere.
    #[must_use]
    pub fn external_authorities(&self) -> Vec<&'static str> {
        match self {
            Self::Store(ensured) => ensured.materials.external_authorities(),
            Self::Joining(_) => Vec::new(),
        }
    }

    /// What was made.
    #[must_use]
    pub fn changes(&self) -> &[StoreChange] {
        match self {
            Self::Store(ensured) => &ensured.changes,
            Self::Joining(keys) => keys.changes(),
        }
    }

    /// Made with public test keys.
    #[must_use]
    pub fn test_only(&self) -> bool {
        match self {
            Self::Store(ensured) => ensured.materials.test_only(),
            Self::Joining(keys) => keys.test_only(),
        }
    }

    /// What the key store has to hold from now on, with the serials of these bundles.
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

    /// What the node at this position gets; `None` if it lacks something.
    fn of(&self, at: usize) -> Option<NodeKeys<'_>> {
        match self {
            Self::Store(ensured) => ensured.materials.of(at).map(Box::new).map(NodeKeys::Own),
            Self::Joining(keys) => Some(NodeKeys::Shared(keys.source())),
        }
    }

    /// The number of the node's bundle, and the record of it for the store that counts.
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

/// Without a store that counts plans, the clock does: a later plan of the same join has a higher serial, in seconds since 1970.
fn serial(now: Timestamp) -> u64 {
    u64::try_from(now.unix_seconds()).unwrap_or(0).max(1)
}

/// Keys of one node.
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

/// Where bundles are written to.
pub trait BundleOutput: Sync {
    /// Writes one file; from any thread, each name once.
    ///
    /// # Errors
    /// Whatever `write` returns, or what the place itself says.
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
    /// The node's part of the plan that the index does not tell.
    pub certificates: Vec<CertificateRow>,
    /// kubeadm's phases that were left out.
    pub left_out: Vec<&'static str>,
    /// The node's serial, for the key store.
    pub record: Option<(Name, NodeRecord)>,
    /// What there is to say of the node.
    pub notices: Vec<Notice>,
}

impl<'a> Bundles<'a> {
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

    /// Writes every node's bundle to `output`. `seal` says whom one with secrets is sealed for, `keep` what is kept of it.
    ///
    /// # Errors
    /// [`EngineError::Nodes`] with every node whose bundle cannot be made or written.
    pub fn write_all<S, T: Send>(
        &self,
        output: &dyn BundleOutput,
        seal: impl Fn(usize) -> (Vec<Recipient>, S) + Sync,
        keep: impl Fn(&ValidConfig, Written, Option<S>) -> T + Sync,
        observer: &mut dyn Observer,
    ) -> Result<Vec<T>, EngineError> {
        let progress = observer.progress("writing bundles");
        let total = self.session.count();
        let done = AtomicUsize::new(0);
        let written = self.session.each(|at, config| {
            let mut sealed = None;
            let written = self.write(at, config, output, || {
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
        output: &dyn BundleOutput,
        recipients: impl FnOnce() -> Vec<Recipient>,
    ) -> Result<Written, NodeError> {
        let keys = self.keys.of(at).ok_or(NodeError::Missing(
            "the key store lacks what the node needs",
        ))?;
        let plan = self.session.plan(at, config, keys.source())?;
        let mut notices = nothing_rendered(config, keys.source(), &plan);
        notices.extend(outliving(&plan));
        let certificates = plan.certificates.clone();
        let left_out = plan.left_out.clone();
        let salt = CommitSalt::new(self.salt.clone());
        let circumstances = Circumstances {
            cluster_id: self.cluster_id,
            now: self.now,
            test_only: self.keys.test_only(),
            salt: salt.map_err(|_| NodeError::Missing(UNUSABLE_SALT))?,
        };
        let prepared = assemble::draft(config, plan, circumstances)
            .map_err(NodeError::Window)?
            .prepare()
            .map_err(NodeError::Prepare)?;
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

/// Certificates that stop being accepted before they end.
fn outliving(plan: &NodePlan) -> impl Iterator<Item = Notice> {
    plan.outliving_their_signer().map(|(row, signer)| {
        Notice::Warning(format!(
            "certificate {} ends {}, after its CA {} ({}): it stops being accepted then",
            row.name, row.not_after, signer.name, signer.not_after
        ))
    })
}
