//! Fields whose effect comes on the host: timeouts, ignored checks, the dry run.
//!
//! Source: kubeadm v1.36.2, ValidateIgnorePreflightErrors in cmd/kubeadm/app/apis/kubeadm/validation/validation.go.

use serde_json::Value;

use super::super::draft::Draft;
use super::super::timeouts::{self, Timeouts};
use super::duration;
use crate::schema::Kind;

/// Checks them; the timeouts come back parsed.
pub(super) fn check(draft: &mut Draft) -> Timeouts {
    for (name, _) in timeouts::DEFAULTS {
        let path = format!("timeouts.{name}");
        if duration(draft, Kind::Init, &path).0 < 0 {
            draft.error(
                Kind::Init,
                &path,
                "a timeout cannot be negative",
                "`0s` does not wait at all",
            );
        }
    }
    let checks = "nodeRegistration.ignorePreflightErrors";
    let names = draft.texts(Kind::Init, checks);
    if names.len() > 1 && names.iter().any(|(_, name)| name == "all") {
        let message = "`all` stands beside names of checks";
        let hint = "write `all` alone, or the names without it";
        draft.error(Kind::Init, checks, message, hint);
    }
    if draft.get(Kind::Init, "dryRun") == Some(&Value::Bool(true)) {
        let message = "a plan changes no host, so it is a dry run with and without the field";
        let hint = "`kubeapply install --dry-run` shows what a bundle would change on its host";
        draft.warn(Kind::Init, "dryRun", message, hint);
    }
    Timeouts::read(|name| duration(draft, Kind::Init, &format!("timeouts.{name}")).to_std())
}
