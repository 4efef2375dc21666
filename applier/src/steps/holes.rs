//! What only the running cluster knows, filled into an object or a file.
//!
//! In: an object or a text with placeholders, the holes the index names. Out: the object as it is applied, the text as it is written. A
//! placeholder that is not where its hole says is an error; which holes there are is closed (`docs/decisions/0011-holes.md`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kubeplan_bundle::index::Hole;
use kubeplan_bundle::index::hole::{FieldPath, Ttl};
use kubeplan_bundle::timestamp::Timestamp;
use serde_json::Value;

use crate::net::json::Json;

/// The value of a [`Hole::TokenExpiry`] for an object that is applied at `now`: base64 of the instant, as in a Secret's `data`.
pub(crate) fn token_expiry(now: Timestamp, ttl: Ttl) -> String {
    STANDARD.encode(now.saturating_add(ttl.duration()).to_string())
}

/// Puts `value` where the hole's placeholder is.
///
/// # Errors
/// The place, if the placeholder is not there.
pub(crate) fn fill(object: &mut Json, hole: &Hole, value: String) -> Result<(), FieldPath> {
    match object.at_mut(hole.at().parts()) {
        Some(place) if place.as_str() == Some(hole.placeholder()) => {
            *place = Value::String(value);
            Ok(())
        }
        _ => Err(hole.at().clone()),
    }
}

/// Puts `value` into the text of a file, in the place of the hole's placeholder; every other byte stays.
///
/// # Errors
/// Why not: the value has characters that no value of the hole has, or the placeholder is not where the hole is.
pub(crate) fn fill_text(text: &[u8], hole: &Hole, value: &str) -> Result<Vec<u8>, String> {
    let placeholder = hole.placeholder();
    if !is_value(value.as_bytes()) {
        return Err(format!(
            "`{}` is not a value for the hole at `{}`",
            value.escape_debug(),
            hole.at()
        ));
    }
    let (before, after) =
        around(text, placeholder).ok_or_else(|| format!("there is no hole at `{}`", hole.at()))?;
    let filled = [before, value.as_bytes(), after].concat();
    // Where a reviewer sees the hole the value is, and it ends where it should.
    let word = |bytes: &[u8]| -> Result<String, String> {
        Ok(Json::parse_yaml(bytes)?.text(hole.at().parts()).to_owned())
    };
    let (planned, now) = (word(text)?, word(&filled)?);
    if planned.contains(placeholder) && now == planned.replace(placeholder, value) {
        Ok(filled)
    } else {
        Err(format!("there is no hole at `{}`", hole.at()))
    }
}

/// Whether `filled` is `text` with something that could be a value in the place of the placeholder.
pub(crate) fn is_filled(text: &[u8], placeholder: &str, filled: &[u8]) -> bool {
    around(text, placeholder).is_some_and(|(before, after)| {
        filled
            .strip_prefix(before)
            .and_then(|rest| rest.strip_suffix(after))
            .is_some_and(is_value)
    })
}

/// What may stand in a file: the letters of [`Hole::EtcdInitialCluster`]. None of them ends a word of YAML.
fn is_value(value: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._=,:/[]".contains(byte);
    !value.is_empty() && value.iter().all(plain)
}

/// The text before and after the placeholder, if it is there once.
fn around<'t>(text: &'t [u8], placeholder: &str) -> Option<(&'t [u8], &'t [u8])> {
    let needle = placeholder.as_bytes();
    let mut found = text
        .windows(needle.len())
        .enumerate()
        .filter(|(_, window)| *window == needle);
    let (at, _) = found.next()?;
    if found.next().is_some() {
        return None;
    }
    Some((text.get(..at)?, text.get(at + needle.len()..)?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn expiry() -> Hole {
        Hole::TokenExpiry {
            at: "data/expiration".parse().unwrap(),
            ttl: "24h0m0s".parse().unwrap(),
        }
    }

    #[test]
    fn a_token_ends_its_life_after_the_call() {
        let value = token_expiry(
            "2026-11-20T10:23:25Z".parse().unwrap(),
            "24h0m0s".parse().unwrap(),
        );
        assert_eq!(STANDARD.decode(value).unwrap(), b"2026-11-21T10:23:25Z");
        let end = token_expiry(Timestamp::MAX, "1s".parse().unwrap());
        assert_eq!(STANDARD.decode(end).unwrap(), b"9999-12-31T23:59:59Z");
    }

    #[test]
    fn a_hole_is_filled_where_it_is_and_nowhere_else() {
        let mut object =
            Json::new(json!({"data": {"expiration": "<hole:token-expiry>", "a": "b"}}));
        fill(&mut object, &expiry(), "MQ==".into()).unwrap();
        assert_eq!(*object, json!({"data": {"expiration": "MQ==", "a": "b"}}));
        assert_eq!(
            fill(&mut object, &expiry(), "Mg==".into())
                .unwrap_err()
                .as_str(),
            "data/expiration"
        );
        let owner = Hole::OwnerUid {
            at: "metadata/ownerReferences/0/uid".parse().unwrap(),
            owner: "objects/01.yaml".parse().unwrap(),
        };
        let mut object =
            Json::new(json!({"metadata": {"ownerReferences": [{"uid": "<hole:owner-uid>"}]}}));
        fill(&mut object, &owner, "0123".into()).unwrap();
        assert_eq!(object.text(owner.at().parts()), "0123");
    }

    const MANIFEST: &[u8] = b"spec:\n  containers:\n  - command:\n    - etcd\n    - --initial-cluster=<hole:etcd-initial-cluster>\n    - --name=cp2\n";

    fn members(at: &str) -> Hole {
        Hole::EtcdInitialCluster {
            at: at.parse().unwrap(),
        }
    }

    #[test]
    fn a_text_is_filled_in_its_place_and_known_again() {
        let hole = members("spec/containers/0/command/1");
        let value = "cp1=https://10.0.0.1:2380,cp2=https://[fd00::2]:2380";
        let filled = fill_text(MANIFEST, &hole, value).unwrap();
        assert_eq!(
            String::from_utf8(filled.clone()).unwrap(),
            String::from_utf8(MANIFEST.to_vec())
                .unwrap()
                .replace(hole.placeholder(), value)
        );
        assert!(is_filled(MANIFEST, hole.placeholder(), &filled));
        for (from, to) in [
            ("name=cp2", "name=cp3"),
            ("cp1=", "cp1 ="),
            (value, ""),
            (value, "<hole:etcd-initial-cluster>"),
        ] {
            let other = String::from_utf8(filled.clone()).unwrap().replace(from, to);
            assert!(
                !is_filled(MANIFEST, hole.placeholder(), other.as_bytes()),
                "{to}"
            );
        }
        assert!(!is_filled(b"a: b\n", hole.placeholder(), b"a: b\n"));
    }

    #[test]
    fn a_text_is_filled_only_where_the_hole_is_and_with_what_may_be_there() {
        let value = "cp1=https://10.0.0.1:2380";
        for at in ["spec/containers/0/command/0", "spec/containers/1/command/1"] {
            assert!(fill_text(MANIFEST, &members(at), value).is_err(), "{at}");
        }
        let hole = members("spec/containers/0/command/1");
        for value in ["", "a b", "a\n- b", "a#b", "a\"b", "cp1=https://ä:2380"] {
            assert!(fill_text(MANIFEST, &hole, value).is_err(), "{value}");
        }
        let twice = [MANIFEST, b"# <hole:etcd-initial-cluster>\n"].concat();
        assert!(fill_text(&twice, &hole, value).is_err());
        // What YAML makes of it counts, not what it looks like.
        let quoted =
            b"spec:\n  containers:\n  - command:\n    - a\n    - b # <hole:etcd-initial-cluster>\n";
        assert!(fill_text(quoted, &hole, value).is_err());
    }
}
