//! Members of etcd as it lists them, and how a member says that it is.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// A member as etcd lists it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Member {
    /// Its id; people write it in hexadecimal.
    #[serde(rename = "ID", deserialize_with = "number")]
    pub(crate) id: u64,
    /// Its name; empty until it was started once.
    pub(crate) name: String,
    /// The URLs its peers know it by.
    #[serde(rename = "peerURLs")]
    pub(crate) peer_urls: Vec<String>,
    /// The URLs on which it answers clients; none until it was started once.
    #[serde(rename = "clientURLs")]
    pub(crate) client_urls: Vec<String>,
    /// Whether it only listens: it has no vote yet.
    pub(crate) is_learner: bool,
}

/// What a list of members comes in; every call about members answers with it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Members {
    pub(super) members: Vec<Member>,
}

/// How a member says that it is.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Status {
    /// The leader by its account; 0 if it knows none.
    #[serde(deserialize_with = "number")]
    pub(super) leader: u64,
    /// What it complains about: no leader, a full disk.
    pub(super) errors: Vec<String>,
}

impl Member {
    /// Whether it was ever started: only then etcd knows its name.
    pub(crate) const fn is_started(&self) -> bool {
        !self.name.is_empty()
    }

    /// Whether its peers know it by `url`.
    pub(crate) fn is_at(&self, url: &str) -> bool {
        self.peer_urls.iter().any(|known| known == url)
    }

    /// For people: its name or, without one, its id, and where it is.
    pub(crate) fn shown(&self) -> String {
        let name = match self.name.as_str() {
            "" => format!("{:x}", self.id),
            name => name.escape_debug().to_string(),
        };
        let urls = self.peer_urls.join(",");
        format!("{name} ({})", urls.escape_debug())
    }
}

impl Status {
    /// What is wrong with the member; `None` if nothing is.
    pub(super) fn complaint(&self) -> Option<String> {
        if let Some(error) = self.errors.first() {
            return Some(error.escape_debug().to_string());
        }
        (self.leader == 0).then(|| "it knows no leader".to_owned())
    }
}

/// A number of 64 bits: a text in this form of the protocol, a number elsewhere.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Form {
        Text(String),
        Number(u64),
    }
    match Form::deserialize(deserializer)? {
        Form::Text(text) => text
            .parse()
            .map_err(|_| D::Error::custom("not a number of 64 bits")),
        Form::Number(number) => Ok(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_read_as_etcd_writes_them() {
        // etcd 3.6.8: one that was started, one that was not, one that only listens.
        let text = r#"{"header":{"cluster_id":"5655039886306638501", "member_id":"17221338068156643453", "raft_term":"2"}, "members":[{"ID":"7647709665155481631", "peerURLs":["https://127.0.0.1:42480"], "isLearner":true}, {"ID":"17221338068156643453", "name":"m1", "peerURLs":["https://127.0.0.1:42380"], "clientURLs":["https://127.0.0.1:42379"]}]}"#;
        let Members { members } = serde_json::from_str(text).unwrap();
        let [new, old] = members.try_into().unwrap();
        assert!(!new.is_started() && new.is_learner);
        assert_eq!(new.shown(), "6a221f6bd0ea001f (https://127.0.0.1:42480)");
        assert_eq!(old.id, 17_221_338_068_156_643_453);
        assert!(old.is_started() && !old.is_learner && old.is_at("https://127.0.0.1:42380"));
        assert_eq!(old.client_urls, ["https://127.0.0.1:42379"]);
        assert!(serde_json::from_str::<Member>(r#"{"ID":"-1"}"#).is_err());
        assert!(serde_json::from_str::<Member>(r#"{"ID":"18446744073709551616"}"#).is_err());
        assert_eq!(serde_json::from_str::<Member>(r#"{"ID":7}"#).unwrap().id, 7);
    }

    #[test]
    fn a_member_that_complains_or_has_no_leader_is_not_well() {
        for (text, complaint) in [
            (
                r#"{"version":"3.6.8","leader":"17221338068156643453"}"#,
                None,
            ),
            (r#"{"version":"3.6.8"}"#, Some("it knows no leader")),
            (
                r#"{"leader":"1","errors":["memberID:1 alarm:NOSPACE "]}"#,
                Some("memberID:1 alarm:NOSPACE "),
            ),
        ] {
            let status: Status = serde_json::from_str(text).unwrap();
            assert_eq!(status.complaint().as_deref(), complaint, "{text}");
        }
    }
}
