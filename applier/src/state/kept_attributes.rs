//! `runs/<NNNN>/backup/<n>.attributes`: the extended attributes of a file that a run replaced or removed.
//!
//! In and out: canonical JSON, values in base64, beside the copy of the bytes. They are not attributes of the copy: a label would open the
//! copy to the programs that it names, and the file system of the backups need not have attributes.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kubeplan_bundle::canonical::{self, CanonicalError};
use serde::{Deserialize, Serialize};

use crate::host::Attributes;

/// The value of `format`.
const FORMAT: &str = "kubeplan.io/attributes/1";

/// The largest such file: what [`Attributes`] keeps at most, in base64, with room for the form.
pub(super) const LIMIT: u64 = 512 * 1024;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: String,
    /// Values by name, in base64.
    attributes: BTreeMap<String, String>,
    /// The bits of the file's group, if the file had an access control list; the mode had the list's mask in their place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group: Option<u32>,
}

/// The name of the file beside the copy `backup`.
pub(super) fn name(backup: u32) -> String {
    format!("{backup}.attributes")
}

/// The file's bytes.
///
/// # Errors
/// [`CanonicalError`] if a value is too large for a document, which the limits of [`Attributes`] rule out.
pub(super) fn to_bytes(attributes: &Attributes) -> Result<Vec<u8>, CanonicalError> {
    let values = attributes.values().iter();
    canonical::to_vec(&Document {
        format: FORMAT.to_owned(),
        attributes: values
            .map(|(name, value)| (name.clone(), STANDARD.encode(value)))
            .collect(),
        group: attributes.group(),
    })
}

/// The attributes of the file `path`; `None` if the bytes are not what [`to_bytes`] makes.
pub(super) fn from_bytes(path: &str, bytes: &[u8]) -> Option<Attributes> {
    let document: Document = canonical::from_slice(bytes).ok()?;
    let values = document.attributes.into_iter();
    let values = values
        .map(|(name, value)| Some((name, STANDARD.decode(value).ok()?)))
        .collect::<Option<_>>()?;
    (document.format == FORMAT)
        .then(|| Attributes::known(path, values, document.group))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_come_back_and_nothing_else_is_taken() {
        let values = BTreeMap::from([
            (
                "security.selinux".to_owned(),
                b"system_u:object_r:etc_t:s0\0".to_vec(),
            ),
            ("user.note".to_owned(), vec![0, 0xff]),
        ]);
        let plain = Attributes::known("/f", values.clone(), None).unwrap();
        let bytes = to_bytes(&plain).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("group"));
        assert_eq!(from_bytes("/f", &bytes), Some(plain));
        let kept = Attributes::known("/f", values, Some(4)).unwrap();
        let bytes = to_bytes(&kept).unwrap();
        assert_eq!(from_bytes("/f", &bytes), Some(kept));
        let text = String::from_utf8(bytes).unwrap();
        for (old, new) in [
            ("attributes/1", "attributes/2"),
            ("user.note", "trusted.note"),
            ("AP8=", "AP8"),
            (r#""group":4"#, r#""group":8"#),
            ("{", "{ "),
        ] {
            let changed = text.replacen(old, new, 1);
            assert_ne!(changed, text);
            assert_eq!(from_bytes("/f", changed.as_bytes()), None, "{changed}");
        }
    }
}
