//! OpenSSH's `known_hosts`, as far as it confirms a host's ed25519 key.
//!
//! In: the text of such a file, and what a host is called. Out: what the file says of the host's key, for an SSH server on port 22.
//! Plain, hashed and negated names and wildcards match as ssh matches them; a wildcard alone confirms nothing, for it does
//! not name the host, but contradicts. Lines of CAs (`@cert-authority`) name no host key and are skipped. A revoked key is
//! never confirmed, whatever host its line is for. Two keys for one host are a contradiction, which ssh accepts and this does not.
//! Source: sshd(8), SSH_KNOWN_HOSTS FILE FORMAT; match.c and hostfile.c of OpenSSH.

use std::collections::BTreeSet;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kubeplan_bundle::signature::PublicKey;

/// What a file says of one key of one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The key is the host's.
    Confirmed,
    /// The key is marked as revoked.
    Revoked {
        /// The number of the line.
        line: usize,
    },
    /// The host has another ed25519 key.
    Other(Named),
    /// The file names two ed25519 keys for the host.
    Contradiction(Named, Named),
    /// Nothing is said of the host.
    Unknown,
}

/// A key that a line names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    /// The number of the line.
    pub(super) line: usize,
    /// `SHA256:…`.
    pub(super) fingerprint: String,
}

/// What a host is called.
#[derive(Clone, Copy, Debug)]
pub(super) struct Names<'a> {
    /// A line for one of these confirms its key.
    pub(super) own: &'a [String],
    /// A line for one of these with another key contradicts; with the same key it does not confirm.
    pub(super) also: &'a [String],
}

/// What `text` says of `key` for the host `names`.
pub(super) fn verdict(text: &str, names: Names<'_>, key: &str) -> Verdict {
    let entries: Vec<Entry> = text
        .lines()
        .zip(1..)
        .filter_map(|(line, number)| Entry::parse(line, number, names))
        .collect();
    let of_line = |entry: &&Entry| entry.marker == Marker::Revoked;
    if let Some(entry) = entries
        .iter()
        .filter(of_line)
        .find(|entry| entry.key == key)
    {
        return Verdict::Revoked { line: entry.line };
    }
    let revoked: BTreeSet<&str> = entries
        .iter()
        .filter(of_line)
        .map(|entry| entry.key.as_str())
        .collect();
    let valid: Vec<&Entry> = entries
        .iter()
        .filter(|entry| entry.marker == Marker::None && !revoked.contains(entry.key.as_str()))
        .collect();
    let Some(first) = valid.first() else {
        return Verdict::Unknown;
    };
    if let Some(other) = valid.iter().find(|entry| entry.key != first.key) {
        return Verdict::Contradiction(first.named(), other.named());
    }
    if first.key != key {
        return Verdict::Other(first.named());
    }
    if valid.iter().any(|entry| entry.confirms) {
        Verdict::Confirmed
    } else {
        Verdict::Unknown
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Marker {
    None,
    Revoked,
}

/// One line with an ed25519 key.
#[derive(Debug)]
struct Entry {
    line: usize,
    marker: Marker,
    /// `ssh-ed25519 <base64>`.
    key: String,
    fingerprint: String,
    /// The line names the host itself.
    confirms: bool,
}

impl Entry {
    /// The entry, if it is revoked or about the host.
    fn parse(line: &str, number: usize, names: Names<'_>) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let mut first = words.next()?;
        if first.starts_with('#') {
            return None;
        }
        let marker = match first {
            "@revoked" => Marker::Revoked,
            // A CA's line, or one that ssh does not know.
            other if other.starts_with('@') => return None,
            _ => Marker::None,
        };
        if marker == Marker::Revoked {
            first = words.next()?;
        }
        let found = |names: &[String]| {
            let matched = names
                .iter()
                .map(|name| matched(first, &name.to_lowercase()));
            matched.max().unwrap_or(Match::No)
        };
        let (own, also) = (found(names.own), found(names.also));
        if marker == Marker::None && own == Match::No && also == Match::No {
            return None;
        }
        let (algorithm, key) = (words.next()?, words.next()?);
        let key = PublicKey::parse(&format!("{algorithm} {key}")).ok()?;
        (key.algorithm() == "ssh-ed25519").then(|| Self {
            line: number,
            marker,
            fingerprint: key.fingerprint().to_string(),
            key: key.to_openssh(),
            confirms: own == Match::Name,
        })
    }

    fn named(&self) -> Named {
        Named {
            line: self.line,
            fingerprint: self.fingerprint.clone(),
        }
    }
}

/// How the first word of an entry matches a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Match {
    No,
    /// By a wildcard.
    Pattern,
    /// By the host's name, plain or hashed.
    Name,
}

/// How `hosts` matches `host`, which is in lower case, on port 22.
fn matched(hosts: &str, host: &str) -> Match {
    if let Some(hashed) = hosts.strip_prefix("|1|") {
        return match is_hash_of(hashed, host) {
            Some(true) => Match::Name,
            _ => Match::No,
        };
    }
    let mut best = Match::No;
    for pattern in hosts.split(',') {
        let (pattern, negated) = match pattern.strip_prefix('!') {
            Some(rest) => (rest, true),
            None => (pattern, false),
        };
        let Some(pattern) = on_port_22(pattern) else {
            continue;
        };
        let pattern = pattern.to_lowercase();
        if !fits(pattern.as_bytes(), host.as_bytes()) {
            continue;
        }
        if negated {
            return Match::No;
        }
        best = best.max(if pattern == host {
            Match::Name
        } else {
            Match::Pattern
        });
    }
    best
}

/// The name in a pattern that is about port 22; with another port it is about another server.
fn on_port_22(pattern: &str) -> Option<&str> {
    if !pattern.starts_with('[') {
        return Some(pattern);
    }
    let (name, port) = pattern.strip_prefix('[')?.split_once("]:")?;
    (port == "22").then_some(name)
}

/// Whether `text` fits a pattern with `*` and `?`; in time proportional to the product of their lengths.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut in_text) = (0, 0);
    // Where to go on if what follows the last `*` does not fit: it then stands for one byte more.
    let mut again: Option<(usize, usize)> = None;
    while let Some(byte) = text.get(in_text) {
        match pattern.get(at) {
            Some(b'*') => {
                again = Some((at + 1, in_text));
                at += 1;
            }
            Some(wanted) if *wanted == b'?' || wanted == byte => {
                at += 1;
                in_text += 1;
            }
            _ => {
                let Some((after, from)) = again else {
                    return false;
                };
                again = Some((after, from + 1));
                (at, in_text) = (after, from + 1);
            }
        }
    }
    pattern
        .get(at..)
        .unwrap_or_default()
        .iter()
        .all(|byte| *byte == b'*')
}

/// Whether `salt|hash` is the HMAC-SHA-1 of the host's name, or of the name with port 22.
fn is_hash_of(hashed: &str, host: &str) -> Option<bool> {
    let (salt, hash) = hashed.split_once('|')?;
    let salt = STANDARD.decode(salt).ok()?;
    let hash = STANDARD.decode(hash).ok()?;
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &salt);
    let is_of = |name: &str| hmac::verify(&key, name.as_bytes(), &hash).is_ok();
    Some(is_of(host) || is_of(&format!("[{host}]:22")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = include_str!("../../../fixtures/keys/ed25519.pub");
    const OTHER: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
    /// Written by `ssh-keygen -H` for the name cp1.
    const HASHED: &str = "|1|C07vRdETAfIEJcRNCZlsg1eK2h4=|VAPLeM8dh1b6KQKkyzafKRBQbco=";

    fn of(text: &str, key: &str) -> Verdict {
        let own = ["cp1".to_owned(), "192.168.10.11".to_owned()];
        let also = ["192.168.10.99".to_owned()];
        let names = Names {
            own: &own,
            also: &also,
        };
        verdict(text, names, key)
    }

    fn named(line: usize, key: &str) -> Named {
        Named {
            line,
            fingerprint: PublicKey::parse(key).unwrap().fingerprint().to_string(),
        }
    }

    #[test]
    fn a_line_confirms_the_host_it_names_and_no_other() {
        let key = PublicKey::parse(KEY).unwrap().to_openssh();
        for (text, expected) in [
            (format!("cp1 {key} comment"), Verdict::Confirmed),
            (format!("# c\n\n \tCP1,10.0.0.1\t{key}"), Verdict::Confirmed),
            (format!("cp2,192.168.10.11 {key}"), Verdict::Confirmed),
            (format!("[cp1]:22 {key}"), Verdict::Confirmed),
            (format!("{HASHED} {key}"), Verdict::Confirmed),
            (format!("!cp2,cp1 {key}"), Verdict::Confirmed),
            (format!("cp1 {key}\ncp1 {key}"), Verdict::Confirmed),
            (format!("cp1 {OTHER}"), Verdict::Other(named(1, OTHER))),
            (format!("\ncp? {OTHER}"), Verdict::Other(named(2, OTHER))),
            (
                format!("192.168.10.99 {OTHER}"),
                Verdict::Other(named(1, OTHER)),
            ),
            (format!("192.168.10.99 {key}"), Verdict::Unknown),
            (format!("[cp1]:2222 {key}"), Verdict::Unknown),
            (format!("[cp1]:2222 {OTHER}"), Verdict::Unknown),
            (format!("[192.168.10.11]:2222 {key}"), Verdict::Unknown),
            (format!("cp2 {key}"), Verdict::Unknown),
            (format!("cp* {key}"), Verdict::Unknown),
            (format!("!cp1,cp* {key}"), Verdict::Unknown),
            (format!("!cp*,cp1 {key}"), Verdict::Unknown),
            (format!("!cp1,c* {OTHER}"), Verdict::Unknown),
            (format!("@cert-authority cp1 {key}"), Verdict::Unknown),
            (format!("@cert-authority * {OTHER}"), Verdict::Unknown),
            (format!("@other cp1 {key}"), Verdict::Unknown),
            ("cp1 ssh-ed25519 AAAA".to_owned(), Verdict::Unknown),
            ("|1|x|y\n|1|| z\ncp1".to_owned(), Verdict::Unknown),
            (String::new(), Verdict::Unknown),
        ] {
            assert_eq!(of(&text, &key), expected, "{text}");
        }
    }

    #[test]
    fn two_keys_for_one_host_are_a_contradiction_whichever_is_right() {
        let key = PublicKey::parse(KEY).unwrap().to_openssh();
        for second in [
            "cp1",
            "192.168.10.11",
            "192.168.10.99",
            "cp*",
            "*",
            "CP1,x",
            "[cp1]:22",
            "192.168.10.??",
        ] {
            for (one, two) in [(key.as_str(), OTHER), (OTHER, key.as_str())] {
                let text = format!("{HASHED} {one}\n# {two}\n{second} {two}");
                assert_eq!(
                    of(&text, &key),
                    Verdict::Contradiction(named(1, one), named(3, two)),
                    "{text}"
                );
            }
        }
        // Another port is another server; another kind of key is another question.
        let rsa = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQ==";
        for more in [format!("[cp1]:2222 {OTHER}"), format!("cp1 {rsa}")] {
            assert_eq!(of(&format!("{more}\ncp1 {key}"), &key), Verdict::Confirmed);
        }
    }

    #[test]
    fn a_revoked_key_is_never_confirmed_and_contradicts_nothing() {
        let key = PublicKey::parse(KEY).unwrap().to_openssh();
        for hosts in ["*", "cp1", "cp2", HASHED] {
            let text = format!("cp1 {key}\n@revoked {hosts} {key}");
            assert_eq!(of(&text, &key), Verdict::Revoked { line: 2 }, "{text}");
        }
        let replaced = format!("cp1 {OTHER}\n@revoked * {OTHER}\ncp1 {key}");
        assert_eq!(of(&replaced, &key), Verdict::Confirmed);
    }

    #[test]
    fn wildcards_match_as_in_ssh() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("*", "cp1", true),
            ("c*1", "cp1", true),
            ("c*1", "cp12", false),
            ("*p*", "cp1", true),
            ("c?1", "cp1", true),
            ("c?", "cp1", false),
            ("cp1?", "cp1", false),
            ("a*b*c", "aXbXbc", true),
            ("", "", true),
            ("", "x", false),
        ] {
            assert_eq!(
                fits(pattern.as_bytes(), text.as_bytes()),
                expected,
                "{pattern} {text}"
            );
        }
    }
}
