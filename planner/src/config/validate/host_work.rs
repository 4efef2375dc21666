//! Validates fields that take effect on the host: timeouts, ignored checks, the dry run.
//!
//! Source: kubeadm v1.36.2, ValidateIgnorePreflightErrors in cmd/kubeadm/app/apis/kubeadm/validation/validation.go.

use serde_json::Value;

use super::super::draft::Draft;
use super::super::timeouts::{self, Timeouts};
use super::duration;
use crate::schema::Kind;

/// Checks the fields. Returns the parsed timeouts.
pub(super) fn check(draft: &mut Draft) -> Timeouts {
    for (name, _) in timeouts::DEFAULTS {
        let path = format!("timeouts.{name}");
        if duration(draft, Kind::Init, &path).0 < 0 {
            draft.error(
                Kind::Init,
                &path,
                "a timeout cannot be negative",
                "`0s` means not to wait",
            );
        }
    }
    let checks = "nodeRegistration.ignorePreflightErrors";
    let names = draft.texts(Kind::Init, checks);
    if names.len() > 1 && names.iter().any(|(_, name)| name == "all") {
        let message = "`all` is listed together with names of checks";
        let hint = "list `all` alone, or names without `all`";
        draft.error(Kind::Init, checks, message, hint);
    }
    if draft.get(Kind::Init, "dryRun") == Some(&Value::Bool(true)) {
        let message = "the field has no effect: planning does not change a host";
        let hint =
            "to see what a bundle would change, run `kubeapply install --dry-run` on the host";
        draft.warn(Kind::Init, "dryRun", message, hint);
    }
    Timeouts::read(|name| duration(draft, Kind::Init, &format!("timeouts.{name}")).to_std())
}
