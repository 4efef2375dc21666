//! What would change in a file, as a unified diff.
//!
//! Secret values are never shown: both sides are redacted the same way first. A file on the host that cannot be
//! redacted, because it is not of the expected kind, is not shown at all.

use kubeplan_bundle::redact;
use kubeplan_bundle::secret::SecretBytes;
use similar::TextDiff;

use super::compare::{FileItem, HostFile};

/// Files larger than this are not shown, only compared.
const SHOWN_LIMIT: usize = 1024 * 1024;

/// The diff for a file that is or would be changed, or a sentence that says why there is none. `None` if
/// nothing differs in content.
pub(super) fn unified(item: &FileItem<'_>) -> Option<String> {
    if item.host.is_some() && !item.differs.contains(&"content") {
        return None;
    }
    let path = item.planned.path.as_str();
    let host = match &item.host {
        None => &SecretBytes::default(),
        Some(HostFile { bytes: None, .. }) => return Some(sentence("differs (too large to show)")),
        Some(HostFile {
            bytes: Some(bytes), ..
        }) => bytes,
    };
    let (old, new) = match &item.planned.secret {
        None => (host.expose().to_vec(), item.planned.bytes),
        Some(secret) => {
            let old = match &item.host {
                None => Vec::new(),
                Some(_) => match redact::twin(secret.class, host.expose()) {
                    Ok(twin) => twin,
                    Err(_) => return Some(sentence("differs (secret)")),
                },
            };
            if item.host.is_some() && old == secret.twin {
                return Some(sentence("secret values differ"));
            }
            (old, secret.twin)
        }
    };
    if old.len() > SHOWN_LIMIT || new.len() > SHOWN_LIMIT {
        return Some(sentence("differs (too large to show)"));
    }
    let (Ok(old), Ok(new)) = (std::str::from_utf8(&old), std::str::from_utf8(new)) else {
        return Some(sentence("differs (not text)"));
    };
    let from = if item.host.is_some() {
        format!("host{path}")
    } else {
        "/dev/null".to_owned()
    };
    Some(
        TextDiff::from_lines(old, new)
            .unified_diff()
            .header(&from, &format!("bundle{path}"))
            .to_string(),
    )
}

fn sentence(text: &str) -> String {
    format!("{text}\n")
}
