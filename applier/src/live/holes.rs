//! What only the running cluster knows, filled into an object.
//!
//! In: an object with placeholders, the holes the index names. Out: the object as it is applied. A placeholder that is
//! not where its hole says is an error; which holes there are is closed (`docs/decisions/0011-holes.md`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kubeplan_bundle::index::Hole;
use kubeplan_bundle::index::hole::{FieldPath, Ttl};
use kubeplan_bundle::timestamp::Timestamp;
use serde_json::Value;

use super::json::Json;

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
}
