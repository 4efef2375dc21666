//! The standing of a bundle: UNSIGNED, UNTRUSTED or TRUSTED.

use kubeplan_bundle::approval::Approval;
use kubeplan_bundle::policy::{Trust, TrustError, TrustedKey};
use kubeplan_bundle::signature::Signature;
use serde::Serialize;

/// The judgement of a trust policy.
pub enum Judgement<'a> {
    /// The bundle fulfils the policy.
    Trusted(&'a Trust),
    /// The bundle does not fulfil the policy, or there is no policy to compare it with.
    Untrusted {
        /// The reason in a few words; for a policy those of [`in_short`].
        why: String,
        /// The whole reason.
        reason: Option<String>,
    },
}

/// The first word of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Signed and approved as the policy requires.
    Trusted,
    /// Signed, but not as the policy requires, or not compared with a policy.
    Untrusted,
    /// Without a signature.
    Unsigned,
}

/// The standing of a bundle, the reason, and the keys that signed and approved it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    trust: Level,
    trusted: bool,
    /// The sealed part of the bundle is left out.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    public_part_only: bool,
    /// The level and the reason in one line.
    standing: String,
    /// Why it is not trusted.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    signed_by: Vec<String>,
    approved_by: Vec<String>,
    /// The author keys that the policy counts.
    authors: Vec<Signer>,
    /// The reviewer keys that the policy counts.
    approvals: Vec<Signer>,
}

/// A key that counts.
#[derive(Clone, Debug, Serialize)]
struct Signer {
    principal: String,
    fingerprint: String,
}

impl Standing {
    /// The standing of a bundle with these signatures and approvals, judged by a policy.
    #[must_use]
    pub fn new(signatures: &[Signature], approvals: &[Approval], judgement: Judgement<'_>) -> Self {
        let approvals = approvals.iter();
        let approved_by = approvals.map(|approval| approval.fingerprint().to_string());
        Self::of(signed_by(signatures), approved_by.collect(), judgement)
    }

    fn of(signed_by: Vec<String>, approved_by: Vec<String>, judgement: Judgement<'_>) -> Self {
        let (mut authors, mut approvals) = (Vec::new(), Vec::new());
        let (why, reason) = match judgement {
            Judgement::Trusted(trust) => {
                authors = signers(&trust.authors);
                approvals = signers(&trust.approvals);
                (None, None)
            }
            Judgement::Untrusted { why, reason } => (Some(why), reason),
        };
        let (trust, standing) = match why {
            None => (Level::Trusted, trusted(&authors, &approvals)),
            Some(_) if signed_by.is_empty() => {
                (Level::Unsigned, "UNSIGNED: no signature".to_owned())
            }
            Some(why) => (Level::Untrusted, format!("UNTRUSTED: {why}")),
        };
        Self {
            trust,
            trusted: trust == Level::Trusted,
            public_part_only: false,
            standing,
            reason,
            signed_by,
            approved_by,
            authors,
            approvals,
        }
    }

    /// The standing of a bundle that is not compared with a list of trusted keys: names the keys that signed.
    #[must_use]
    pub fn unjudged(signatures: &[Signature], approvals: &[Approval]) -> Self {
        let keys = signed_by(signatures).join(", ");
        let why = format!("signed by {keys}, not compared with a list of trusted keys");
        let judgement = Judgement::Untrusted { why, reason: None };
        Self::new(signatures, approvals, judgement)
    }

    /// Notes whether the sealed part of the bundle is left out.
    #[must_use]
    pub fn of_public_part(mut self, is_public_part: bool) -> Self {
        self.public_part_only = is_public_part;
        if is_public_part {
            self.standing.push_str(
                "; PUBLIC PART ONLY: the sealed part is left out, so it cannot be installed",
            );
        }
        self
    }

    /// The level.
    #[must_use]
    pub const fn level(&self) -> Level {
        self.trust
    }

    /// The level and the reason in one line.
    #[must_use]
    pub fn line(&self) -> &str {
        &self.standing
    }

    /// The keys that signed, whether they count or not.
    pub(crate) fn signed_by(&self) -> &[String] {
        &self.signed_by
    }

    /// The keys that approved, whether they count or not.
    pub(crate) fn approved_by(&self) -> &[String] {
        &self.approved_by
    }
}

fn signed_by(signatures: &[Signature]) -> Vec<String> {
    let signatures = signatures.iter();
    let keys = signatures.map(|signature| signature.public_key().fingerprint().to_string());
    keys.collect()
}

fn signers(keys: &[TrustedKey]) -> Vec<Signer> {
    let keys = keys.iter();
    keys.map(|key| Signer {
        principal: key.principal.clone(),
        fingerprint: key.fingerprint.to_string(),
    })
    .collect()
}

fn trusted(authors: &[Signer], approvals: &[Signer]) -> String {
    let named = |signers: &[Signer]| {
        let signers = signers.iter();
        let named = signers.map(|signer| format!("{} ({})", signer.principal, signer.fingerprint));
        named.collect::<Vec<_>>().join(", ")
    };
    let mut line = format!("TRUSTED: signed by {}", named(authors));
    if !approvals.is_empty() {
        line.push_str(&format!("; approved by {}", named(approvals)));
    }
    line
}

/// Why a policy is not fulfilled, in a few words; `list` is what a message calls the list of trusted keys.
#[must_use]
pub fn in_short(error: &TrustError, list: &str) -> String {
    match error {
        TrustError::Authors { counted: 0, .. } => format!("not signed by any key in {list}"),
        TrustError::Authors {
            needed, counted, ..
        } => format!("{counted} of {needed} authors"),
        TrustError::Approvals {
            needed, counted, ..
        } => format!("{counted} of {needed} approvals"),
        _ => "a signature or approval is not valid".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_says_how_far_and_why() {
        let error = |counted| TrustError::Authors {
            needed: 2,
            counted,
            found: "SHA256:a".into(),
            trusted: "SHA256:b".into(),
        };
        let refused = |error: &TrustError| {
            let judgement = Judgement::Untrusted {
                why: in_short(error, "`keys`"),
                reason: Some(error.to_string()),
            };
            Standing::of(vec!["SHA256:a".into()], Vec::new(), judgement)
        };
        let standing = refused(&error(0));
        assert_eq!(
            standing.line(),
            "UNTRUSTED: not signed by any key in `keys`"
        );
        assert!(standing.reason.unwrap().contains("2 trusted author(s)"));
        assert_eq!(refused(&error(1)).line(), "UNTRUSTED: 1 of 2 authors");
        let nothing = || Judgement::Untrusted {
            why: "no key is trusted".into(),
            reason: None,
        };
        let unsigned = Standing::of(Vec::new(), Vec::new(), nothing());
        assert_eq!(unsigned.line(), "UNSIGNED: no signature");
        assert_eq!(unsigned.level(), Level::Unsigned);
        let signed = Standing::of(vec!["SHA256:a".into()], Vec::new(), nothing());
        assert_eq!(signed.line(), "UNTRUSTED: no key is trusted");
        let trust = Trust {
            authors: Vec::new(),
            approvals: Vec::new(),
        };
        let trusted = Standing::of(Vec::new(), Vec::new(), Judgement::Trusted(&trust));
        assert_eq!(trusted.level(), Level::Trusted);
    }
}
