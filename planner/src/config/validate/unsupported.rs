//! Fields that are known and would not take effect yet: setting one is an error.

use super::super::draft::Draft;
use super::super::schema::Kind;

/// Lists that have no effect.
const LISTS: &[(Kind, &str)] = &[(Kind::Init, "skipPhases")];

/// Reports every field that is set to something else than its default and has no effect.
pub(super) fn check(draft: &mut Draft) {
    for (kind, path) in LISTS {
        if !draft.items(*kind, path).is_empty() {
            let message = "not supported yet: it would have no effect";
            draft.error(*kind, path, message, "remove it");
        }
    }
}
