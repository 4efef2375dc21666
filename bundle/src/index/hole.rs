//! Holes: what an object needs and only the running cluster knows.
//!
//! A closed list, no templating. A hole names its place in the object and how the value comes about, so a reviewer sees
//! what will be filled in and from what. Until then the place holds [`Hole::placeholder`], a text that the API refuses in
//! that place: an object whose holes are not filled cannot be applied by accident. The rules are written down in
//! `docs/decisions/0011-holes.md`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::EntryName;

/// What every placeholder starts with; no value of an object contains it otherwise.
pub const PREFIX: &str = "<hole:";

/// One hole of an API object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "hole",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Hole {
    /// When a bootstrap token ends.
    ///
    /// - Place: a value of a Secret's `data`.
    /// - Filled with: base64 of the instant of the API call plus `ttl`, UTC, RFC 3339 in whole seconds (`…Z`).
    /// - Filled again: every time the object is applied; the lifetime of the token starts again.
    TokenExpiry {
        /// Where in the object.
        at: FieldPath,
        /// How long the token is valid.
        ttl: Ttl,
    },
    /// Which object of this bundle owns this one.
    ///
    /// - Place: the `uid` of an item of `metadata.ownerReferences`.
    /// - Filled with: `metadata.uid` of `owner` as the API returns it.
    /// - Filled again: every time; the owner is then the one that exists.
    OwnerUid {
        /// Where in the object.
        at: FieldPath,
        /// The owner's entry; it is applied earlier.
        owner: EntryName,
    },
    /// The members of etcd as the one that joins has to know them.
    ///
    /// - Place: a word of a container's command in the manifest of a static Pod, after the flag's name.
    /// - Filled with: `name=peerURL` for every peer URL of every member, `,` between them, as etcd lists them; a member without a
    ///   name has its id in hexadecimal. Nothing but letters, digits and `-._=,:/[]`.
    /// - Filled again: until the member has started, and when the manifest is written anew; a member that was started ignores the
    ///   list.
    EtcdInitialCluster {
        /// Where in the manifest.
        at: FieldPath,
    },
}

/// The place of a value in an object: keys and list positions (from 0) with `/` between.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FieldPath(String);

/// The lifetime of a token: at least one second, whole seconds; written as Go writes a duration (`24h0m0s`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Ttl(u64);

/// Why a text is not a valid [`FieldPath`] or [`Ttl`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ParseHoleError {
    /// Not a place.
    #[error(
        "`{0}` is not a valid place in an object: expected keys and positions separated by `/`"
    )]
    FieldPath(String),
    /// Not a lifetime.
    #[error(
        "`{0}` is not a valid token lifetime: expected whole seconds, at least one, such as `24h0m0s`"
    )]
    Ttl(String),
}

/// Every placeholder there is.
pub const PLACEHOLDERS: [&str; 3] = [
    "<hole:token-expiry>",
    "<hole:owner-uid>",
    "<hole:etcd-initial-cluster>",
];

impl Hole {
    /// What stands in the object until the hole is filled.
    #[must_use]
    pub const fn placeholder(&self) -> &'static str {
        let [token_expiry, owner_uid, etcd_initial_cluster] = PLACEHOLDERS;
        match self {
            Self::TokenExpiry { .. } => token_expiry,
            Self::OwnerUid { .. } => owner_uid,
            Self::EtcdInitialCluster { .. } => etcd_initial_cluster,
        }
    }

    /// The feature an applier must have to fill it, as listed in the index's `requires`.
    #[must_use]
    pub const fn feature(&self) -> &'static str {
        match self {
            Self::TokenExpiry { .. } => "hole:token-expiry/1",
            Self::OwnerUid { .. } => "hole:owner-uid/1",
            Self::EtcdInitialCluster { .. } => "hole:etcd-initial-cluster/1",
        }
    }

    /// Where it is.
    #[must_use]
    pub const fn at(&self) -> &FieldPath {
        match self {
            Self::TokenExpiry { at, .. }
            | Self::OwnerUid { at, .. }
            | Self::EtcdInitialCluster { at } => at,
        }
    }

    /// Whether a hole of this kind may be where it says.
    pub(super) fn fits_its_place(&self) -> bool {
        let parts: Vec<&str> = self.at().parts().collect();
        match (self, parts.as_slice()) {
            (Self::TokenExpiry { .. }, ["data", _]) => true,
            (Self::OwnerUid { .. }, ["metadata", "ownerReferences", position, "uid"]) => {
                position.parse::<u8>().is_ok()
            }
            (
                Self::EtcdInitialCluster { .. },
                ["spec", "containers", container, "command", word],
            ) => container.parse::<u8>().is_ok() && word.parse::<u8>().is_ok(),
            _ => false,
        }
    }
}

impl fmt::Display for Hole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TokenExpiry { at, ttl } => {
                write!(f, "{at}: filled with the time of the call plus {ttl}")
            }
            Self::OwnerUid { at, owner } => write!(f, "{at}: filled with the uid of {owner}"),
            Self::EtcdInitialCluster { at } => {
                write!(
                    f,
                    "{at}: filled with the members of etcd and their peer URLs"
                )
            }
        }
    }
}

/// Whether `text` has exactly the placeholders of `holes`, and nothing else that looks like one.
#[must_use]
pub fn agrees(holes: &[Hole], text: &[u8]) -> bool {
    let count = |needle: &[u8]| {
        text.windows(needle.len())
            .filter(|window| *window == needle)
            .count()
    };
    count(PREFIX.as_bytes()) == holes.len()
        && PLACEHOLDERS.iter().all(|placeholder| {
            let expected = holes
                .iter()
                .filter(|hole| hole.placeholder() == *placeholder);
            count(placeholder.as_bytes()) == expected.count()
        })
}

impl FieldPath {
    /// The place as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Keys and positions, outermost first.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }
}

impl FromStr for FieldPath {
    type Err = ParseHoleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        let valid = text.len() <= 200
            && text
                .split('/')
                .all(|part| !part.is_empty() && part.bytes().all(plain));
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseHoleError::FieldPath(
                text.escape_debug().take(80).collect(),
            ))
        }
    }
}

impl TryFrom<String> for FieldPath {
    type Error = ParseHoleError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<FieldPath> for String {
    fn from(path: FieldPath) -> Self {
        path.0
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Ttl {
    /// The longest lifetime, about 292 years: what a Go duration holds.
    const MAX: u64 = 9_223_372_036;

    /// A lifetime of `seconds`; `None` if it is zero or too long.
    #[must_use]
    pub const fn from_seconds(seconds: u64) -> Option<Self> {
        if seconds >= 1 && seconds <= Self::MAX {
            Some(Self(seconds))
        } else {
            None
        }
    }

    /// The lifetime in seconds.
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_secs(self.0)
    }
}

impl fmt::Display for Ttl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hours, minutes, seconds) = (self.0 / 3600, self.0 / 60 % 60, self.0 % 60);
        match (hours, minutes) {
            (0, 0) => write!(f, "{seconds}s"),
            (0, _) => write!(f, "{minutes}m{seconds}s"),
            _ => write!(f, "{hours}h{minutes}m{seconds}s"),
        }
    }
}

impl FromStr for Ttl {
    type Err = ParseHoleError;

    /// Reads the canonical form only.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseHoleError::Ttl(text.escape_debug().take(40).collect());
        let mut total: u64 = 0;
        let mut rest = text;
        for (unit, factor) in [('h', 3600), ('m', 60), ('s', 1)] {
            if let Some((number, after)) = rest.split_once(unit) {
                let number: u64 = number.parse().map_err(|_| error())?;
                total = number
                    .checked_mul(factor)
                    .and_then(|part| total.checked_add(part))
                    .ok_or_else(error)?;
                rest = after;
            }
        }
        Self::from_seconds(total)
            .filter(|ttl| rest.is_empty() && ttl.to_string() == text)
            .ok_or_else(error)
    }
}

impl TryFrom<String> for Ttl {
    type Error = ParseHoleError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Ttl> for String {
    fn from(ttl: Ttl) -> Self {
        ttl.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expiry() -> Hole {
        Hole::TokenExpiry {
            at: "data/expiration".parse().unwrap(),
            ttl: "24h0m0s".parse().unwrap(),
        }
    }

    #[test]
    fn holes_are_tagged_objects_from_a_closed_list() {
        let json = r#"{"hole":"token-expiry","at":"data/expiration","ttl":"24h0m0s"}"#;
        let hole: Hole = serde_json::from_str(json).unwrap();
        assert_eq!(hole, expiry());
        assert_eq!(serde_json::to_string(&hole).unwrap(), json);
        for bad in [
            r#"{"hole":"host-name","at":"data/x"}"#,
            r#"{"hole":"token-expiry","at":"data/expiration"}"#,
            r#"{"hole":"token-expiry","at":"data/expiration","ttl":"24h","also":1}"#,
            r#"{"hole":"token-expiry","at":"data//x","ttl":"24h0m0s"}"#,
            r#"{"hole":"owner-uid","at":"metadata/ownerReferences/0/uid","owner":"/etc/passwd"}"#,
            r#""token-expiry""#,
        ] {
            assert!(serde_json::from_str::<Hole>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_hole_has_its_own_place() {
        assert!(expiry().fits_its_place());
        let owner = |at: &str| Hole::OwnerUid {
            at: at.parse().unwrap(),
            owner: "objects/1.yaml".parse().unwrap(),
        };
        assert!(owner("metadata/ownerReferences/0/uid").fits_its_place());
        for bad in [
            "data/uid",
            "metadata/ownerReferences/x/uid",
            "metadata/name",
            "metadata/ownerReferences/0/name",
        ] {
            assert!(!owner(bad).fits_its_place(), "{bad}");
        }
        let expiry = |at: &str| Hole::TokenExpiry {
            at: at.parse().unwrap(),
            ttl: Ttl(1),
        };
        assert!(!expiry("metadata/name").fits_its_place());
        assert!(!expiry("data/a/b").fits_its_place());
    }

    #[test]
    fn lifetimes_are_written_as_go_writes_them_and_read_in_that_form_only() {
        for (seconds, text) in [
            (1, "1s"),
            (60, "1m0s"),
            (3661, "1h1m1s"),
            (86400, "24h0m0s"),
            (7200, "2h0m0s"),
            (Ttl::MAX, "2562047h47m16s"),
        ] {
            let ttl = Ttl::from_seconds(seconds).unwrap();
            assert_eq!(ttl.to_string(), text);
            assert_eq!(text.parse(), Ok(ttl));
        }
        for bad in [
            "",
            "0s",
            "24h",
            "90s",
            "1m",
            "-1s",
            "1.5s",
            "1d",
            "1s ",
            "01s",
            "+1s",
            "9999999999h0m0s",
            "99999999999999999999h0m0s",
            "1s1h",
        ] {
            assert!(bad.parse::<Ttl>().is_err(), "{bad}");
        }
    }

    #[test]
    fn placeholders_and_holes_are_one_to_one() {
        let text = "expiration: <hole:token-expiry>\n";
        assert!(agrees(&[expiry()], text.as_bytes()));
        assert!(agrees(&[], b"a: b\n"));
        assert!(!agrees(&[], text.as_bytes()));
        assert!(!agrees(&[expiry()], b"a: b\n"));
        assert!(!agrees(&[expiry(), expiry()], text.as_bytes()));
        assert!(!agrees(&[expiry()], b"uid: <hole:owner-uid>\n"));
        assert!(!agrees(&[], b"a: <hole:other>\n"));
    }
}
