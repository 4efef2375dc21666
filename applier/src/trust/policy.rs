//! `policy.yaml`: how many people must stand behind a bundle.

use kubeplan_bundle::policy::Policy;
use kubeplan_bundle::timestamp::Timestamp;
use kubeplan_terminal::Advice;

use super::{DIRECTORY, TrustError, read_owned};
use crate::host::{Root, RootPath};
use crate::state::policy_record::KnownPolicy;
use crate::yaml;

const NAME: &str = "policy.yaml";

/// The file.
pub(crate) fn path() -> RootPath {
    DIRECTORY.join(NAME)
}

/// Reads the host's policy; `None` if there is no file.
///
/// # Errors
/// [`TrustError`] if the file is not a policy document; a host with a broken policy accepts nothing.
pub(crate) fn load(root: &Root) -> Result<Option<Policy>, TrustError> {
    Ok(read(root)?.map(|(policy, _)| policy))
}

/// The host's policy as it is remembered; `None` if there is no file.
///
/// # Errors
/// As for [`load`].
pub(super) fn known(root: &Root, now: Timestamp) -> Result<Option<KnownPolicy>, TrustError> {
    Ok(read(root)?.map(|(policy, text)| KnownPolicy::new(text.as_bytes(), policy, now)))
}

fn read(root: &Root) -> Result<Option<(Policy, String)>, TrustError> {
    let Some(text) = read_owned(root, NAME)? else {
        return Ok(None);
    };
    match parse(&text) {
        Ok(policy) => Ok(Some((policy, text))),
        Err(reason) => Err(TrustError::Policy {
            path: path(),
            reason,
            fields: Advice::hint(
                "beside `apiVersion` and `kind`, a policy has the fields `authors`, `approvals` and `liveJoin`",
            ),
        }),
    }
}

fn parse(text: &str) -> Result<Policy, String> {
    yaml::from_str(text).map_err(|error| yaml::in_one_line(&error))
}

#[cfg(test)]
mod tests {
    use kubeplan_bundle::policy::LiveJoin;

    use super::*;

    #[test]
    fn policies_are_strict() {
        let head = "apiVersion: kubeplan.io/v1alpha1\nkind: Policy\n";
        let policy = parse(&format!("{head}authors: 2\napprovals: 1\n")).unwrap();
        assert_eq!((policy.authors, policy.approvals), (2, 1));
        assert_eq!(parse(head).unwrap(), Policy::default());
        assert_eq!(Policy::default().live_join, LiveJoin::Deny);
        let allows = parse(&format!("{head}liveJoin: allow\n")).unwrap();
        assert_eq!(allows.live_join, LiveJoin::Allow);
        assert_eq!(allows.stricter(Policy::default()).live_join, LiveJoin::Deny);
        for bad in [
            "authors: 0\n",
            "author: 2\n",
            "authors: 1\nauthors: 2\n",
            "authors: x\n",
            "liveJoin: true\n",
            "liveJoin: Allow\n",
        ] {
            assert!(parse(&format!("{head}{bad}")).is_err(), "{bad}");
        }
        assert!(parse("authors: 2\n").is_err());
        assert!(parse("").is_err());
    }
}
