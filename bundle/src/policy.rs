//! Decides whether a bundle is trusted: how many authors and approvals a host requires, and how many the bundle has.
//!
//! In: the host's [`AllowedSigners`] and [`Policy`], the bytes of an index, signatures and approvals. Out: [`Trust`],
//! or an error that names what was found, what is trusted and what to do. The index bytes are hashed and compared; callers parse
//! them only after this judgement.
//!
//! # How signatures count
//! Every signature present must verify, or the bundle is refused even if others are good. Signatures of keys that are not trusted in
//! the namespace at this time do not count. The others are counted in people: two keys that share a principal are one person, and so
//! are two principals that share a key. Every line of the list counts for this, also a line for another namespace or another time, or
//! whose key did not sign: a line `alice,bob KEY` makes the keys of alice and of bob those of one person. An approval does not count
//! when that person also signed as an author.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::allowed_signers::AllowedSigners;
use crate::approval::{Approval, ApprovalError};
use crate::digest::Sha256Digest;
use crate::signature::{Fingerprint, Namespace, PublicKey, Signature, SignatureError};
use crate::timestamp::Timestamp;

/// `apiVersion` of a policy document.
pub const API_VERSION: &str = "kubeplan.io/v1alpha1";

/// `kind` of a policy document.
pub const KIND: &str = "Policy";

/// The largest number of authors or approvals a policy may ask for; a bundle carries at most 32 signatures.
pub const MAX_REQUIRED: u32 = 32;

/// How many authors and approvals a bundle needs, and whether a host may plan for itself.
///
/// As a document: `apiVersion: kubeplan.io/v1alpha1`, `kind: Policy`, `authors`, `approvals`, `liveJoin`; what is absent has
/// its default, an unknown field is an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "PolicyDocument", into = "PolicyDocument")]
pub struct Policy {
    /// Distinct authors needed; 1 by default, at least 1.
    pub authors: u32,
    /// Distinct reviewers needed besides the authors; 0 by default.
    pub approvals: u32,
    /// Whether `kubeapply join` may install what the host itself had planned; [`LiveJoin::Deny`] by default.
    pub live_join: LiveJoin,
}

/// Whether a host may install a plan that was made on it, from what it learnt of a running cluster.
///
/// Such a plan is not reviewed: `kubeapply join` signs it with a key that exists for one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LiveJoin {
    /// Such plans are refused.
    #[default]
    Deny,
    /// The plan that a run of `kubeapply join` made is accepted; the other fields of the policy apply to it, too.
    Allow,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PolicyDocument {
    api_version: String,
    kind: String,
    #[serde(default = "default_authors")]
    authors: u32,
    #[serde(default)]
    approvals: u32,
    #[serde(default)]
    live_join: LiveJoin,
}

fn default_authors() -> u32 {
    Policy::default().authors
}

/// Why a policy document cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PolicyError {
    /// The document has another `apiVersion` or `kind`.
    #[error("expected a document with `apiVersion: {API_VERSION}` and `kind: {KIND}`")]
    Document,
    /// `authors` is 0.
    #[error("`authors` must be at least 1: an unsigned bundle is never installed")]
    NoAuthor,
    /// More than a bundle can carry.
    #[error(
        "`{field}` must be at most {MAX_REQUIRED}, the number of signatures a bundle can carry"
    )]
    TooMany {
        /// The field.
        field: &'static str,
    },
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            authors: 1,
            approvals: 0,
            live_join: LiveJoin::Deny,
        }
    }
}

impl Policy {
    /// A policy with these numbers that refuses plans which the host made for itself.
    ///
    /// # Errors
    /// [`PolicyError`] if no author would be needed, or more than a bundle can carry.
    pub fn new(authors: u32, approvals: u32) -> Result<Self, PolicyError> {
        if authors == 0 {
            return Err(PolicyError::NoAuthor);
        }
        for (field, value) in [("authors", authors), ("approvals", approvals)] {
            if value > MAX_REQUIRED {
                return Err(PolicyError::TooMany { field });
            }
        }
        Ok(Self {
            authors,
            approvals,
            live_join: LiveJoin::Deny,
        })
    }

    /// The stricter of the two policies in each field. Flags can only make a host's policy stricter.
    #[must_use]
    pub fn stricter(self, other: Self) -> Self {
        Self {
            authors: self.authors.max(other.authors),
            approvals: self.approvals.max(other.approvals),
            live_join: match (self.live_join, other.live_join) {
                (LiveJoin::Allow, LiveJoin::Allow) => LiveJoin::Allow,
                _ => LiveJoin::Deny,
            },
        }
    }
}

impl TryFrom<PolicyDocument> for Policy {
    type Error = PolicyError;

    fn try_from(document: PolicyDocument) -> Result<Self, PolicyError> {
        if document.api_version != API_VERSION || document.kind != KIND {
            return Err(PolicyError::Document);
        }
        Ok(Self {
            live_join: document.live_join,
            ..Self::new(document.authors, document.approvals)?
        })
    }
}

impl From<Policy> for PolicyDocument {
    fn from(policy: Policy) -> Self {
        Self {
            api_version: API_VERSION.to_owned(),
            kind: KIND.to_owned(),
            authors: policy.authors,
            approvals: policy.approvals,
            live_join: policy.live_join,
        }
    }
}

/// The keys that a host trusts, and how many of them must sign.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustPolicy {
    /// The trusted keys.
    pub allowed: AllowedSigners,
    /// The numbers.
    pub policy: Policy,
}

/// A trusted key that signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedKey {
    /// Its principal; several are joined with commas.
    pub principal: String,
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
}

/// The trusted keys that signed and approved a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    /// The trusted author keys.
    pub authors: Vec<TrustedKey>,
    /// The trusted approvals that count.
    pub approvals: Vec<TrustedKey>,
}

/// Why a bundle is not trusted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// No signature at all.
    #[error(
        "the bundle is not signed; sign it with `kubeplan sign` and one of the trusted keys: {trusted}"
    )]
    Unsigned {
        /// The trusted author keys.
        trusted: String,
    },
    /// A signature is not valid.
    #[error("the signature by key {key} is refused")]
    Signature {
        /// The key inside the signature.
        key: Fingerprint,
        /// Why.
        #[source]
        source: SignatureError,
    },
    /// Not enough trusted authors.
    #[error(
        "{needed} trusted author(s) needed, {counted} found; keys that signed: {found}; trusted author keys: {trusted}; if you know the signer, ask for the fingerprint, compare it, and add the key to the trusted keys (on a host with `kubeapply trust add`)"
    )]
    Authors {
        /// How many are needed.
        needed: u32,
        /// How many count.
        counted: usize,
        /// The keys that signed.
        found: String,
        /// The trusted author keys.
        trusted: String,
    },
    /// An approval is not valid.
    #[error("the approval by key {key} is refused")]
    Approval {
        /// The key inside its signature.
        key: Fingerprint,
        /// Why.
        #[source]
        source: Box<ApprovalError>,
    },
    /// A trusted reviewer approved another index.
    #[error(
        "the approval by key {key} is for the index with SHA-256 {approved}, not for this one ({index}); ask for a new approval with `kubeplan approve`"
    )]
    OtherIndex {
        /// The reviewer's key.
        key: Fingerprint,
        /// What was approved.
        approved: Sha256Digest,
        /// What is here.
        index: Sha256Digest,
    },
    /// Not enough approvals.
    #[error(
        "{needed} approval(s) needed, {counted} found; keys that approved: {found}; keys whose approvals count: {trusted}; ask a reviewer to run `kubeplan approve` (keys and names that share a line of the list count as one person, and authors cannot approve their own bundle)"
    )]
    Approvals {
        /// How many are needed.
        needed: u32,
        /// How many count.
        counted: usize,
        /// The keys that approved, and why some do not count.
        found: String,
        /// The trusted reviewer keys.
        trusted: String,
    },
}

impl TrustPolicy {
    /// Decides whether the bundle with these index bytes is trusted at `now`.
    ///
    /// # Errors
    /// [`TrustError`] naming what was found, what is trusted and the next step.
    pub fn judge(
        &self,
        now: Timestamp,
        index_bytes: &[u8],
        signatures: &[Signature],
        approvals: &[Approval],
    ) -> Result<Trust, TrustError> {
        if signatures.is_empty() {
            return Err(TrustError::Unsigned {
                trusted: self.trusted_in(Namespace::Bundle, now),
            });
        }
        for signature in signatures {
            signature
                .verify(Namespace::Bundle, index_bytes)
                .map_err(|source| TrustError::Signature {
                    key: signature.public_key().fingerprint(),
                    source,
                })?;
        }
        for approval in approvals {
            approval.verify().map_err(|source| TrustError::Approval {
                key: approval.fingerprint(),
                source: Box::new(source),
            })?;
        }

        let people = People::of(&self.allowed);
        let mut authors = Counted::default();
        for signature in signatures {
            let key = signature.public_key();
            authors.add(
                &people,
                &key,
                &self.allowed.principals_for(&key, Namespace::Bundle, now),
            );
        }
        // At least one, also where a caller set the public field to 0.
        let needed = self.policy.authors.max(1);
        if !authors.suffice(needed) {
            return Err(TrustError::Authors {
                needed,
                counted: authors.count(),
                found: self.found(
                    signatures
                        .iter()
                        .map(|s| (s.public_key(), Namespace::Bundle)),
                    now,
                ),
                trusted: self.trusted_in(Namespace::Bundle, now),
            });
        }

        // The index is signed by a trusted author from here on; statements are read only from trusted reviewers.
        let index = Sha256Digest::of(index_bytes);
        // Also keys that are not listed as authors: the same person never counts in both roles, whatever the key is listed for.
        let as_author: BTreeSet<usize> = signatures
            .iter()
            .filter_map(|signature| people.who(&signature.public_key()))
            .collect();
        let mut reviewers = Counted::default();
        for approval in approvals {
            let key = approval.signature().public_key();
            let principals = self.allowed.principals_for(&key, Namespace::Approval, now);
            if principals.is_empty() {
                continue;
            }
            let fingerprint = key.fingerprint();
            let statement = approval
                .statement()
                .map_err(|source| TrustError::Approval {
                    key: fingerprint,
                    source: Box::new(source),
                })?;
            if statement.index_sha256 != index {
                return Err(TrustError::OtherIndex {
                    key: fingerprint,
                    approved: statement.index_sha256,
                    index,
                });
            }
            if people
                .who(&key)
                .is_some_and(|who| !as_author.contains(&who))
            {
                reviewers.add(&people, &key, &principals);
            }
        }
        if !reviewers.suffice(self.policy.approvals) {
            let keys = approvals
                .iter()
                .map(|a| (a.signature().public_key(), Namespace::Approval));
            return Err(TrustError::Approvals {
                needed: self.policy.approvals,
                counted: reviewers.count(),
                found: self.found(keys, now),
                trusted: self.trusted_in(Namespace::Approval, now),
            });
        }
        Ok(Trust {
            authors: authors.keys,
            approvals: reviewers.keys,
        })
    }

    /// The keys trusted in `namespace` at `now`, for an error.
    fn trusted_in(&self, namespace: Namespace, now: Timestamp) -> String {
        let keys: Vec<String> = self
            .allowed
            .entries()
            .iter()
            .filter(|entry| entry.is_allowed(namespace, now))
            .map(|entry| {
                format!(
                    "{} ({})",
                    entry.key().fingerprint(),
                    names(entry.principals())
                )
            })
            .collect();
        list(&keys, "none")
    }

    /// The keys that signed, and for those that are listed but not trusted now, that fact.
    fn found(&self, keys: impl Iterator<Item = (PublicKey, Namespace)>, now: Timestamp) -> String {
        let keys: Vec<String> = keys
            .map(|(key, namespace)| {
                let fingerprint = key.fingerprint();
                let trusted = self.allowed.principals_for(&key, namespace, now);
                if !trusted.is_empty() {
                    return format!("{fingerprint} ({})", names(&trusted));
                }
                match self.allowed.entries_for(&key).next() {
                    None => format!("{fingerprint} (not listed)"),
                    Some(entry) => format!(
                        "{fingerprint} ({}, not trusted for `{namespace}` at {now})",
                        names(entry.principals())
                    ),
                }
            })
            .collect();
        list(&keys, "none")
    }
}

/// How many items one line of text lists.
const SHOWN: usize = 8;

/// At most eight principals, `,` between them, and how many more there are.
fn names<T: AsRef<str>>(principals: &[T]) -> String {
    let head: Vec<&str> = principals.iter().take(SHOWN).map(AsRef::as_ref).collect();
    let head = head.join(",");
    match principals.len().saturating_sub(SHOWN) {
        0 => head,
        more => format!("{head} and {more} more"),
    }
}

/// At most eight items and how many more there are.
fn list(items: &[String], none: &str) -> String {
    match items {
        [] => none.to_owned(),
        items if items.len() <= SHOWN => items.join(", "),
        items => {
            let head: Vec<&str> = items.iter().take(SHOWN).map(String::as_str).collect();
            format!("{} and {} more", head.join(", "), items.len() - SHOWN)
        }
    }
}

/// The name without what only its spelling differs by: the case of its letters, and dots at its end (those of a domain).
fn one_spelling(principal: &str) -> String {
    principal.trim_end_matches('.').to_ascii_lowercase()
}

/// The people behind a list of signers: keys and principals that its lines tie together are one person, in whatever case a
/// principal is written.
struct People {
    keys: BTreeMap<Fingerprint, usize>,
    /// By [`one_spelling`].
    principals: BTreeMap<String, usize>,
    /// For each key and each principal another one of the same person, or itself.
    same: Vec<usize>,
}

impl People {
    fn of(allowed: &AllowedSigners) -> Self {
        let mut people = Self {
            keys: BTreeMap::new(),
            principals: BTreeMap::new(),
            same: Vec::new(),
        };
        for entry in allowed.entries() {
            let next = people.same.len();
            let key = *people.keys.entry(entry.key().fingerprint()).or_insert(next);
            people.grow(key);
            for name in entry.principals() {
                let next = people.same.len();
                let principal = *people.principals.entry(one_spelling(name)).or_insert(next);
                people.grow(principal);
                people.join(key, principal);
            }
        }
        people
    }

    fn grow(&mut self, number: usize) {
        if number == self.same.len() {
            self.same.push(number);
        }
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.first(a), self.first(b));
        // The smaller number leads, so that `first` ends.
        if let Some(same) = self.same.get_mut(a.max(b)) {
            *same = a.min(b);
        }
    }

    fn first(&self, mut number: usize) -> usize {
        while let Some(same) = self.same.get(number).filter(|same| **same != number) {
            number = *same;
        }
        number
    }

    /// The person who holds the key; `None` if it is not listed.
    fn who(&self, key: &PublicKey) -> Option<usize> {
        let number = self.keys.get(&key.fingerprint())?;
        Some(self.first(*number))
    }
}

/// Trusted keys that signed, and how many people hold them.
#[derive(Default)]
struct Counted {
    keys: Vec<TrustedKey>,
    people: BTreeSet<usize>,
}

impl Counted {
    /// Adds a key with its principals; without principals, or a second time, it changes nothing.
    fn add(&mut self, people: &People, key: &PublicKey, principals: &[&str]) {
        let fingerprint = key.fingerprint();
        if principals.is_empty() || self.keys.iter().any(|k| k.fingerprint == fingerprint) {
            return;
        }
        self.keys.push(TrustedKey {
            principal: names(principals),
            fingerprint,
        });
        self.people.extend(people.who(key));
    }

    fn count(&self) -> usize {
        self.people.len()
    }

    fn suffice(&self, needed: u32) -> bool {
        u32::try_from(self.count()).unwrap_or(u32::MAX) >= needed
    }
}

#[cfg(test)]
mod tests;
