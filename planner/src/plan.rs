//! A plan: what every node gets, as pure data.
//!
//! In: [`crate::config::ValidConfig`], key material and the clock. Out: entries with their exact bytes, the
//! transactions that install them, and what a summary needs. Nothing here touches a disk; the bundle
//! writer and `plain_files` are the two consumers.

use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::index::{
    Api, EntryName, Hole, Name, NodeRole, Placement, SecretClass, TransactionName,
};
use kubeplan_bundle::secret::SecretBytes;
use kubeplan_bundle::step::{PhaseName, Step};
use kubeplan_bundle::timestamp::Timestamp;

/// What one node gets.
#[derive(Clone, Debug)]
pub struct NodePlan {
    /// The node's name.
    pub name: Name,
    /// What the node is for.
    pub role: NodeRole,
    /// The checks of the host before anything is changed, one step for each run of checks; empty if the phase is skipped.
    pub preflight: Vec<Step>,
    /// Everything placed on the host, in plan order: directories before what lies in them.
    pub entries: Vec<PlannedEntry>,
    /// Groups of entries in commit order; static Pod manifests are last.
    pub transactions: Vec<PlannedTransaction>,
    /// API objects and steps that need a running host, after every transaction.
    pub live: LivePlan,
    /// The certificates among the entries, also those inside kubeconfigs.
    pub certificates: Vec<CertificateRow>,
    /// The certificates of the whole node: installed files work with them, also with those that the bundle does not have.
    pub all_certificates: Vec<CertificateRow>,
    /// kubeadm's skipped phases, a parent for all of its children.
    pub left_out: Vec<&'static str>,
}

impl NodePlan {
    /// Whether there is nothing to check, to install or to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.preflight.is_empty()
            && self.entries.is_empty()
            && self.live.objects.is_empty()
            && self.live.steps.is_empty()
    }

    /// What only this node may read, by entry name: its secret files, then its secret objects.
    pub fn secrets(&self) -> impl Iterator<Item = (EntryName, SecretClass)> {
        let class = |content: &PlannedContent| match content {
            PlannedContent::Secret { class, .. } => Some(*class),
            PlannedContent::Directory | PlannedContent::Public(_) => None,
        };
        let files = self.entries.iter().filter_map(move |entry| {
            Some((
                EntryName::file(&entry.placement.path),
                class(&entry.content)?,
            ))
        });
        let objects = self.live.objects.iter();
        files.chain(
            objects.filter_map(move |object| Some((object.entry.clone(), class(&object.content)?))),
        )
    }

    /// Certificates that end after the CA that signed them: they stop being accepted when the CA ends. kubeadm only
    /// warns about them, too.
    pub fn outliving_their_signer(
        &self,
    ) -> impl Iterator<Item = (&CertificateRow, &CertificateRow)> {
        self.certificates.iter().filter_map(|row| {
            let mut authorities = self.all_certificates.iter();
            let signer = authorities.find(|ca| ca.name == row.signer)?;
            (row.not_after > signer.not_after).then_some((row, signer))
        })
    }
}

/// What follows once the files are in place.
#[derive(Clone, Debug, Default)]
pub struct LivePlan {
    /// API objects, in the order in which they are applied.
    pub objects: Vec<PlannedObject>,
    /// Steps in order.
    pub steps: Vec<Step>,
    /// How they reach the API server; present if one does.
    pub api: Option<Api>,
}

/// One file or directory; `C` is its content, or what is known of it.
#[derive(Clone, Debug)]
pub struct PlannedEntry<C = PlannedContent> {
    /// Path, mode and owner on the host.
    pub placement: Placement,
    /// kubeadm's phase that writes it.
    pub phase: PhaseName,
    /// What it holds.
    pub content: C,
    /// The kubelet owns it once it is installed.
    pub handoff: bool,
    /// What only the running cluster knows; a step that commits the file fills it.
    pub holes: Vec<Hole>,
    /// Where the values in it come from: configuration field paths, or `default: …`, one per value.
    pub sources: Vec<ValueSource>,
}

impl<C> PlannedEntry<C> {
    /// The same entry with other content.
    pub fn with<D>(&self, content: D) -> PlannedEntry<D> {
        PlannedEntry {
            placement: self.placement.clone(),
            phase: self.phase.clone(),
            content,
            handoff: self.handoff,
            holes: self.holes.clone(),
            sources: self.sources.clone(),
        }
    }
}

/// One API object.
#[derive(Clone, Debug)]
pub struct PlannedObject {
    /// Its entry, `objects/NN-<phase>-<kind>-<name>.yaml`; sorted, entries are in the order in which they are applied.
    pub entry: EntryName,
    /// kubeadm's phase that writes it.
    pub phase: PhaseName,
    /// Its kind.
    pub kind: String,
    /// Its namespace, unless the whole cluster has one of it.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// Its YAML text.
    pub content: PlannedContent,
    /// What only the running cluster knows.
    pub holes: Vec<Hole>,
    /// Where the values in it come from.
    pub sources: Vec<ValueSource>,
}

/// What an entry holds.
#[derive(Clone, Debug)]
pub enum PlannedContent {
    /// A directory.
    Directory,
    /// Public bytes.
    Public(Vec<u8>),
    /// Bytes only the target host may read.
    Secret {
        /// What kind of secret; decides how the twin is made.
        class: SecretClass,
        /// The bytes.
        bytes: SecretBytes,
        /// For a private key: SHA-256 of its public half's SubjectPublicKeyInfo.
        spki: Option<Sha256Digest>,
    },
}

/// Where one value in a rendered file comes from.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ValueSource {
    /// Which value: a flag such as `--secure-port`, or a field path in the rendered document.
    pub value: String,
    /// A configuration field path, `facts: …`, `default: …`, or `cluster: …` for what a running cluster says.
    pub from: String,
}

/// Entries that reach the host together.
#[derive(Clone, Debug)]
pub struct PlannedTransaction {
    /// Its name.
    pub name: TransactionName,
    /// The phase its step belongs to.
    pub phase: PhaseName,
    /// Indexes into [`NodePlan::entries`], in commit order.
    pub entries: Vec<usize>,
}

/// One certificate, for tables.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateRow {
    /// kubeadm's name: `apiserver`, `etcd-ca`, `admin.conf`, ….
    pub name: String,
    /// Path of the file that holds it.
    pub path: String,
    /// Subject as `O = …, CN = …`.
    pub subject: String,
    /// The certificate that signed it; its own name for a CA, the issuer's subject for one that is not self-signed.
    pub signer: String,
    /// DNS names, then addresses, in certificate order.
    pub sans: Vec<String>,
    /// `serverAuth`, `clientAuth`.
    pub usages: Vec<String>,
    /// Key algorithm, such as `RSA-2048`.
    pub key: String,
    /// Start of validity.
    pub not_before: Timestamp,
    /// End of validity.
    pub not_after: Timestamp,
    /// SHA-256 of the SubjectPublicKeyInfo.
    pub spki: Sha256Digest,
    /// Whether the user supplied it.
    pub user_supplied: bool,
}
