//! Errors of the key store and of issuing.
//!
//! Messages name files by their path inside the key store, the field, what was found and what is expected,
//! and the next step. They never hold key bytes.

use kubeplan_bundle::timestamp::Timestamp;
use kubeplan_terminal::{Advice, with_causes};

use super::certificate::CertificateError;
use super::issue::IssueError;
use super::keys::KeyError;

/// Why the key store cannot be used or completed.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A key file that cannot be used.
    #[error("cannot use the private key `{file}` of the key store")]
    Key {
        /// Path in the store.
        file: String,
        /// Why.
        #[source]
        source: KeyError,
    },
    /// A certificate file that cannot be used.
    #[error("cannot use the certificate `{file}` of the key store")]
    Certificate {
        /// Path in the store.
        file: String,
        /// Why.
        #[source]
        source: CertificateError,
    },
    /// A key without its certificate.
    #[error(
        "`{key}` has no certificate `{certificate}`: put the certificate beside it, or move the key out of the key store \
         to have a new pair made"
    )]
    KeyWithoutCertificate {
        /// Path of the key.
        key: String,
        /// Path the certificate should have.
        certificate: String,
    },
    /// A user-supplied certificate without its key.
    #[error(
        "`{certificate}` has no private key `{key}`: put the key beside it, or move the certificate out of the key store \
         to have a new pair made"
    )]
    CertificateWithoutKey {
        /// Path of the certificate.
        certificate: String,
        /// Path the key should have.
        key: String,
    },
    /// A certificate of an external CA is missing or does not match.
    #[error(
        "`{file}` has to come from the external CA `{authority}`, whose key is not in the key store: {field} is `{found}`, \
         expected `{expected}`"
    )]
    External {
        /// Path in the store.
        file: String,
        /// Path of the CA's certificate.
        authority: String,
        /// Which part of the certificate, or what of the pair.
        field: &'static str,
        /// What it says.
        found: String,
        /// What it should say.
        expected: String,
    },
    /// A CA excludes what it has to sign.
    #[error(
        "the CA `{authority}` ({subject}) has {field} `{says}`, which excludes what the cluster needs: {}; every client would \
         refuse such a certificate, so use a CA certificate without this restriction",
        .excluded.join(", ")
    )]
    Restricted {
        /// Path of the CA's certificate.
        authority: String,
        /// Its subject.
        subject: String,
        /// Which part of it.
        field: &'static str,
        /// What it says.
        says: String,
        /// The certificates, each with what is excluded of it.
        excluded: Vec<String>,
    },
    /// A CA with critical extensions that Go does not know.
    #[error(
        "the CA `{authority}` ({subject}) has critical extensions that Go does not know: {extensions}; every Kubernetes component would \
         refuse every certificate below this CA, so use a CA certificate without them"
    )]
    UnknownCritical {
        /// Path of the CA's certificate.
        authority: String,
        /// Its subject.
        subject: String,
        /// The extensions.
        extensions: String,
    },
    /// The certificates that control-plane nodes share cannot be uploaded.
    #[error(
        "`--upload-certs` uploads the keys of the CAs, but the key of `{authority}` is not in the key store: omit the flag \
         and give the other control-plane nodes their certificates another way"
    )]
    UploadExternal {
        /// Path of the CA's certificate.
        authority: String,
    },
    /// Several errors.
    #[error("{} errors in the key store", all.len())]
    Several {
        /// What.
        all: Vec<PkiError>,
        /// Each with its causes; a line of a message each.
        #[source]
        items: Advice,
    },
    /// The public keys differ.
    #[error(
        "`{key}` is not the private key of `{certificate}`: restore the pair that belongs together"
    )]
    KeyMismatch {
        /// Path of the certificate or public key.
        certificate: String,
        /// Path of the key.
        key: String,
    },
    /// The key is that of another certificate of the file than the first.
    #[error(
        "`{key}` is the private key of certificate {position} in `{certificate}` ({subject}), not of the first one: reorder the file, so \
         that this certificate is the first and those of the CAs above it follow"
    )]
    KeyOfLater {
        /// Path of the certificates.
        certificate: String,
        /// Path of the key.
        key: String,
        /// Position of the key's certificate in the file, from 1.
        position: usize,
        /// Its subject.
        subject: String,
    },
    /// A user-supplied certificate does not match.
    #[error(
        "`{file}` was supplied by the user and does not fit the configuration: {field} is `{found}`, expected `{expected}`; \
         it is not overwritten: supply a matching one, or move it and its key out of the key store to have a pair made"
    )]
    UserSupplied {
        /// Path in the store.
        file: String,
        /// Which part of the certificate.
        field: &'static str,
        /// What it says.
        found: String,
        /// What it should say.
        expected: String,
    },
    /// Something that all nodes trust would be replaced.
    #[error(
        "`{file}` was issued with {field} `{found}`, the configuration now says `{expected}`: replacing it makes every credential \
         of the cluster invalid, so it is not done silently; set the old value again, or, if no host uses this key store yet, \
         remove {remove} and plan again"
    )]
    SharedChanged {
        /// Path in the store.
        file: String,
        /// Which part.
        field: &'static str,
        /// What was issued.
        found: String,
        /// What the configuration says.
        expected: String,
        /// The files to remove.
        remove: String,
    },
    /// A CA is outside its validity.
    #[error(
        "CA `{file}` is valid from {not_before} to {not_after}, but the plan's clock says {now}"
    )]
    CaNotValid {
        /// Path in the store.
        file: String,
        /// Start of validity.
        not_before: Timestamp,
        /// End of validity.
        not_after: Timestamp,
        /// The plan's clock.
        now: Timestamp,
    },
    /// `sa.pub` without `sa.key`.
    #[error(
        "`sa.pub` has no `sa.key`: put the key beside it, or move `sa.pub` out of the key store to have a new pair made"
    )]
    ServiceAccountKeyMissing,
    /// Public test keys and real ones must not mix.
    #[error(
        "the key store was {made}, this run is {run}: use another key store (`--pki DIR`) for the one or the other"
    )]
    TestKeysMix {
        /// How the store was made.
        made: &'static str,
        /// What this run does.
        run: &'static str,
    },
    /// `store.json` of another program or version.
    #[error("`store.json` is not of the format `{expected}` (found `{found}`)")]
    StoreFormat {
        /// What it says.
        found: String,
        /// What this program reads.
        expected: &'static str,
    },
    /// `store.json` cannot be read.
    #[error("`store.json` of the key store cannot be understood")]
    StoreIndex(#[source] serde_json::Error),
    /// A token or key in `store.json` has the wrong form.
    #[error(
        "`{what}` in `store.json` of the key store has the wrong form; remove it to have a new one made"
    )]
    StoreSecret {
        /// The field.
        what: &'static str,
    },
    /// A key could not be made.
    #[error("cannot make a private key")]
    MakeKey(#[source] KeyError),
    /// A request could not be made.
    #[error("cannot make the request `{file}`")]
    Request {
        /// Path below the store.
        file: String,
        /// Why.
        #[source]
        source: IssueError,
    },
    /// A certificate could not be made.
    #[error("cannot issue `{file}` with the CA `{signer}`")]
    Issue {
        /// Path in the store.
        file: String,
        /// Name of the CA.
        signer: String,
        /// Why.
        #[source]
        source: IssueError,
    },
}

impl PkiError {
    /// All of `found` as one error; `None` if there is none.
    pub(super) fn all(mut found: Vec<Self>) -> Option<Self> {
        match found.len() {
            0 | 1 => found.pop(),
            _ => Some(Self::Several {
                items: items(&found),
                all: found,
            }),
        }
    }

    /// Whether a certificate of an external CA is missing, so that signing requests would help. They do not help while a CA excludes what
    /// it has to sign.
    #[must_use]
    pub fn awaits_external_ca(&self) -> bool {
        match self {
            Self::External { .. } => true,
            Self::Several { all, .. } => {
                let restricted = |error: &Self| {
                    matches!(
                        error,
                        Self::Restricted { .. } | Self::UnknownCritical { .. }
                    )
                };
                all.iter().any(Self::awaits_external_ca) && !all.iter().any(restricted)
            }
            _ => false,
        }
    }
}

/// Several errors, each with its causes.
fn items(errors: &[PkiError]) -> Advice {
    /// The most errors that are listed.
    const SHOWN: usize = 40;
    let shown = errors.iter().take(SHOWN).map(|error| with_causes(error));
    let more = errors.len().saturating_sub(SHOWN);
    let rest = (more > 0).then(|| format!("and {more} more"));
    Advice::items(shown.chain(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_errors_are_a_line_each_up_to_a_number() {
        let one = || PkiError::KeyWithoutCertificate {
            key: "a\nb.key".into(),
            certificate: "a.crt".into(),
        };
        let several = PkiError::all((0..43).map(|_| one()).collect()).unwrap();
        assert_eq!(several.to_string(), "43 errors in the key store");
        let PkiError::Several { items, .. } = &several else {
            panic!("{several}");
        };
        let details = kubeplan_terminal::details(items);
        let items: Vec<&str> = details.as_str().lines().collect();
        assert_eq!(items.len(), 41);
        assert_eq!(
            items[0],
            format!("  - {}", kubeplan_terminal::escape(&one().to_string()))
        );
        assert_eq!(items[40], "  - and 3 more");
    }
}
