//! What etcd's refusals mean, and who did not answer at all.

use std::fmt;

/// A call of etcd that came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EtcdError {
    /// No member answered.
    #[error("no member answers: {}", list(.0))]
    Silent(Vec<Silence>),
    /// A member answered, and said no.
    #[error("{endpoint} said: {message}")]
    Refused {
        /// Which member.
        endpoint: String,
        /// What that means.
        said: Said,
        /// In its words.
        message: String,
    },
}

/// A member that did not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Silence {
    /// Where it was asked.
    pub(crate) endpoint: String,
    /// Why there is no answer.
    pub(crate) reason: String,
    /// Whether one of the two does not trust the other: asking again changes nothing.
    pub(crate) distrust: bool,
}

/// What a refusal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// Another member only listens, and etcd takes one at a time.
    TooManyLearners,
    /// The member is listed already.
    Exists,
    /// There is no such member.
    NotFound,
    /// The member has its vote already.
    NotLearner,
    /// The member has not caught up with the leader yet.
    NotInSync,
    /// Too few members are well for the change.
    Unhealthy,
    /// The member serves no JSON.
    NoGateway,
    /// Something else.
    Other,
}

/// etcd's words (3.5 and 3.6, `api/v3rpc/rpctypes/error.go`), the longer ones first.
const WORDS: [(&str, Said); 9] = [
    ("too many learner members", Said::TooManyLearners),
    ("Peer URLs already exists", Said::Exists),
    ("member ID already exist", Said::Exists),
    ("member not found", Said::NotFound),
    ("learner member which is in sync", Said::NotInSync),
    ("can only promote a learner", Said::NotLearner),
    ("not enough started members", Said::Unhealthy),
    ("unhealthy cluster", Said::Unhealthy),
    ("Not Found", Said::NoGateway),
];

/// TLS that failed because one side does not trust the other, as rustls says it.
const DISTRUST: [&str; 2] = ["invalid peer certificate", "received fatal alert"];

impl Said {
    pub(super) fn of(message: &str) -> Self {
        WORDS
            .iter()
            .find(|(words, _)| message.contains(words))
            .map_or(Self::Other, |(_, said)| *said)
    }
}

impl Silence {
    pub(super) fn new(endpoint: &str, reason: String) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            distrust: DISTRUST.iter().any(|words| reason.contains(words)),
            reason,
        }
    }
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.endpoint, self.reason)
    }
}

impl EtcdError {
    /// What a refusal means; `None` if no member answered.
    pub(crate) const fn said(&self) -> Option<Said> {
        match self {
            Self::Silent(_) => None,
            Self::Refused { said, .. } => Some(*said),
        }
    }

    /// Whether no member answers because one side does not trust the other: asking again changes nothing.
    pub(crate) fn is_distrust(&self) -> bool {
        match self {
            Self::Silent(silent) => {
                !silent.is_empty() && silent.iter().all(|silence| silence.distrust)
            }
            Self::Refused { .. } => false,
        }
    }
}

fn list(silent: &[Silence]) -> String {
    let all: Vec<String> = silent.iter().map(ToString::to_string).collect();
    all.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_apart_by_etcds_words() {
        for (message, said) in [
            (
                "etcdserver: too many learner members in cluster",
                Said::TooManyLearners,
            ),
            ("etcdserver: Peer URLs already exists", Said::Exists),
            ("etcdserver: member ID already exist", Said::Exists),
            ("etcdserver: member not found", Said::NotFound),
            (
                "etcdserver: can only promote a learner member",
                Said::NotLearner,
            ),
            (
                "etcdserver: can only promote a learner member which is in sync with leader",
                Said::NotInSync,
            ),
            (
                "etcdserver: re-configuration failed due to not enough started members",
                Said::Unhealthy,
            ),
            ("etcdserver: unhealthy cluster", Said::Unhealthy),
            ("Not Found", Said::NoGateway),
            ("etcdserver: request is too large", Said::Other),
        ] {
            assert_eq!(Said::of(message), said, "{message}");
        }
    }

    #[test]
    fn asking_again_is_useless_only_where_trust_is_missing() {
        let silence = |reason: &str| Silence::new("https://a:2379", reason.to_owned());
        let untrusted = silence("invalid peer certificate: UnknownIssuer");
        let refused = silence("received fatal alert: BadCertificate");
        let down = silence("connection refused");
        assert!(EtcdError::Silent(vec![untrusted.clone(), refused]).is_distrust());
        assert!(!EtcdError::Silent(vec![untrusted, down]).is_distrust());
        assert!(!EtcdError::Silent(vec![]).is_distrust());
    }
}
