//! A reviewer's statement that one exact index was reviewed: `approvals/<fingerprint>.json` and `.sig`.
//!
//! In: statement bytes and a signature over them in namespace `kubeplan-approval`. Out: the statement, once the signature is
//! verified. The JSON of an unverified statement is never parsed.

use serde::{Deserialize, Serialize};

use crate::canonical::{self, CanonicalError};
use crate::digest::Sha256Digest;
use crate::signature::{Fingerprint, KeyError, Namespace, PrivateKey, Signature, SignatureError};
use crate::timestamp::Timestamp;

/// The format this crate reads and writes.
pub const FORMAT: &str = "kubeplan.io/approval/1";

/// The longest accepted statement, in bytes.
pub const MAX_STATEMENT_SIZE: usize = 8192;

/// The longest accepted comment, in bytes.
pub const MAX_COMMENT_SIZE: usize = 1024;

/// What a reviewer signs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApprovalStatement {
    /// Always [`FORMAT`].
    pub format: String,
    /// SHA-256 of the bytes of `kubeplan.json`.
    pub index_sha256: Sha256Digest,
    /// The reviewer's words; one line, may be empty.
    pub comment: String,
    /// When it was signed, by the reviewer's clock.
    pub time: Timestamp,
}

/// A statement and its signature; nothing about either is checked until [`Approval::statement`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    statement: Vec<u8>,
    signature: Signature,
}

/// Why an approval is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApprovalError {
    /// The statement is too large.
    #[error("the approval statement is larger than {MAX_STATEMENT_SIZE} bytes")]
    TooLarge,
    /// The signature is not valid.
    #[error("the signature of the approval by key {key} is refused")]
    Signature {
        /// The key inside the signature.
        key: Fingerprint,
        /// Why.
        #[source]
        source: SignatureError,
    },
    /// The signed statement is not canonical JSON of the known shape.
    #[error("the approval statement cannot be read")]
    Statement(#[source] CanonicalError),
    /// Another format version.
    #[error("approval format `{0}` is not supported; this program reads `{FORMAT}`")]
    Format(String),
    /// The comment is too long or has control or invisible characters.
    #[error(
        "the comment of an approval must be one line of at most {MAX_COMMENT_SIZE} bytes without control characters"
    )]
    Comment,
    /// The key could not sign.
    #[error("the approval could not be signed")]
    Key(#[source] KeyError),
}

impl ApprovalStatement {
    /// A statement about the index with these bytes.
    ///
    /// # Errors
    /// [`ApprovalError::Comment`].
    pub fn new(index_bytes: &[u8], comment: &str, time: Timestamp) -> Result<Self, ApprovalError> {
        let statement = Self {
            format: FORMAT.to_owned(),
            index_sha256: Sha256Digest::of(index_bytes),
            comment: comment.to_owned(),
            time,
        };
        statement.check()?;
        Ok(statement)
    }

    /// The canonical bytes, which are what is signed.
    ///
    /// # Errors
    /// [`ApprovalError::Statement`] if the statement has no canonical form.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ApprovalError> {
        canonical::to_vec(self).map_err(ApprovalError::Statement)
    }

    fn check(&self) -> Result<(), ApprovalError> {
        if self.format != FORMAT {
            return Err(ApprovalError::Format(
                self.format.escape_debug().take(80).collect(),
            ));
        }
        if self.comment.len() > MAX_COMMENT_SIZE || self.comment.chars().any(repaints) {
            return Err(ApprovalError::Comment);
        }
        Ok(())
    }
}

/// Characters with which a comment could repaint a terminal or reorder what is read: controls, line breaks, and
/// Unicode's invisible and bidirectional marks.
fn repaints(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{61c}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
        )
}

impl Approval {
    /// An approval as found in a bundle. Checks the size only.
    ///
    /// # Errors
    /// [`ApprovalError::TooLarge`].
    pub fn new(statement: Vec<u8>, signature: Signature) -> Result<Self, ApprovalError> {
        if statement.len() > MAX_STATEMENT_SIZE {
            return Err(ApprovalError::TooLarge);
        }
        Ok(Self {
            statement,
            signature,
        })
    }

    /// Signs `statement` with a reviewer's key.
    ///
    /// # Errors
    /// [`ApprovalError::Key`] if the key cannot sign.
    pub fn sign(statement: &ApprovalStatement, key: &PrivateKey) -> Result<Self, ApprovalError> {
        statement.check()?;
        let bytes = statement.to_bytes()?;
        let signature = key
            .sign(Namespace::Approval, &bytes)
            .map_err(ApprovalError::Key)?;
        Self::new(bytes, signature)
    }

    /// The signed bytes, `approvals/<fingerprint>.json`.
    #[must_use]
    pub fn statement_bytes(&self) -> &[u8] {
        &self.statement
    }

    /// The signature, `approvals/<fingerprint>.sig`.
    #[must_use]
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The fingerprint of the key inside the signature.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.signature.public_key().fingerprint()
    }

    /// Verifies the signature by the key inside it.
    ///
    /// # Errors
    /// [`ApprovalError::Signature`].
    pub fn verify(&self) -> Result<(), ApprovalError> {
        self.signature
            .verify(Namespace::Approval, &self.statement)
            .map_err(|source| ApprovalError::Signature {
                key: self.fingerprint(),
                source,
            })
    }

    /// Verifies the signature by the key inside it, then reads the statement. Does not check whether the key is trusted: callers
    /// that act on a statement ask [`crate::policy::TrustPolicy::judge`] first.
    ///
    /// # Errors
    /// [`ApprovalError`] if the signature is not valid, or the statement is not of the known form.
    pub fn statement(&self) -> Result<ApprovalStatement, ApprovalError> {
        self.verify()?;
        let statement: ApprovalStatement =
            canonical::from_slice(&self.statement).map_err(ApprovalError::Statement)?;
        statement.check()?;
        Ok(statement)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::testing::ed25519;

    fn statement() -> ApprovalStatement {
        let time = "2026-11-20T10:00:00Z".parse().unwrap();
        ApprovalStatement::new(b"index", "looks right", time).unwrap()
    }

    #[test]
    fn a_signed_statement_is_read_back() {
        let approval = Approval::sign(&statement(), &ed25519(1)).unwrap();
        assert_eq!(
            std::str::from_utf8(approval.statement_bytes()).unwrap(),
            format!(
                "{{\"comment\":\"looks right\",\"format\":\"kubeplan.io/approval/1\",\"indexSha256\":\"{}\",\"time\":\"2026-11-20T10:00:00Z\"}}\n",
                Sha256Digest::of(b"index")
            )
        );
        assert_eq!(approval.statement().unwrap(), statement());
        let parts = Approval::new(
            approval.statement_bytes().to_vec(),
            approval.signature().clone(),
        );
        assert_eq!(parts.unwrap(), approval);
    }

    #[test]
    fn an_unverified_statement_is_never_parsed() {
        let good = Approval::sign(&statement(), &ed25519(1)).unwrap();
        // Not JSON at all: the error must be about the signature.
        let other = Approval::new(b"{".to_vec(), good.signature().clone()).unwrap();
        assert!(matches!(
            other.statement(),
            Err(ApprovalError::Signature { .. })
        ));
        // An author's signature is not a reviewer's.
        let bytes = statement().to_bytes().unwrap();
        let as_author = ed25519(1).sign(Namespace::Bundle, &bytes).unwrap();
        let wrong = Approval::new(bytes, as_author).unwrap();
        assert!(matches!(
            wrong.statement(),
            Err(ApprovalError::Signature {
                source: SignatureError::Namespace { .. },
                ..
            })
        ));
    }

    #[test]
    fn signed_bytes_that_are_not_a_statement_are_refused() {
        let key = ed25519(1);
        let read = |bytes: &[u8]| {
            let signature = key.sign(Namespace::Approval, bytes).unwrap();
            Approval::new(bytes.to_vec(), signature).and_then(|approval| approval.statement())
        };
        let good = String::from_utf8(statement().to_bytes().unwrap()).unwrap();
        assert!(read(good.as_bytes()).is_ok());
        for bad in [
            "{}\n".to_owned(),
            good.replace(",", ", "),
            good.replace("{", "{\"also\":1,"),
            good.replace("approval/1", "approval/2"),
            good.replace("looks right", "\\u001b[2J"),
            good.replace("looks right", "\u{202e}thgir skool"),
            good.replace("looks right", &"x".repeat(MAX_COMMENT_SIZE + 1)),
            "x".repeat(MAX_STATEMENT_SIZE + 1),
        ] {
            assert!(read(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
