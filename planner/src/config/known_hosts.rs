//! OpenSSH's `known_hosts`, as far as it confirms a host's ed25519 key.
//!
//! In: the text of such a file. Out: which keys it names for a host. Plain and hashed names count; patterns,
//! negations and certificate authorities confirm nothing; a revoked key is never confirmed.
//! Source: sshd(8), SSH_KNOWN_HOSTS FILE FORMAT.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kubeplan_bundle::signature::PublicKey;

/// What a file says of one key of one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The key is the host's.
    Confirmed,
    /// The key is marked as revoked.
    Revoked,
    /// The host has another ed25519 key.
    Other,
    /// Nothing is said of the host.
    Unknown,
}

/// Whether `text` names `key` for a host that goes by any of `names`.
pub(super) fn verdict(text: &str, names: &[String], key: &str) -> Verdict {
    let mut verdict = Verdict::Unknown;
    for line in text.lines() {
        let Some(entry) = Entry::parse(line, names) else {
            continue;
        };
        if entry.revoked && entry.key == key {
            return Verdict::Revoked;
        }
        if entry.revoked {
            continue;
        }
        if entry.key == key {
            verdict = Verdict::Confirmed;
        } else if verdict == Verdict::Unknown {
            verdict = Verdict::Other;
        }
    }
    verdict
}

/// One line with an ed25519 key.
struct Entry {
    revoked: bool,
    /// `ssh-ed25519 <base64>`.
    key: String,
}

impl Entry {
    /// The entry, if it is revoked or about a host that goes by any of `names`.
    fn parse(line: &str, names: &[String]) -> Option<Self> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return None;
        }
        let mut words = line.split_ascii_whitespace();
        let mut first = words.next()?;
        let revoked = first == "@revoked";
        if revoked {
            first = words.next()?;
        } else if first.starts_with('@') {
            return None;
        }
        if !(revoked || names.iter().any(|name| is_named(first, name))) {
            return None;
        }
        let (algorithm, key) = (words.next()?, words.next()?);
        let key = PublicKey::parse(&format!("{algorithm} {key}")).ok()?;
        (key.algorithm() == "ssh-ed25519").then(|| Self {
            revoked,
            key: key.to_openssh(),
        })
    }
}

/// Whether the first word of an entry names the host.
fn is_named(hosts: &str, host: &str) -> bool {
    if let Some(hashed) = hosts.strip_prefix("|1|") {
        return is_hash_of(hashed, host).unwrap_or(false);
    }
    let patterns = || hosts.split(',');
    !patterns().any(|pattern| pattern.starts_with('!'))
        && patterns().any(|pattern| {
            pattern.eq_ignore_ascii_case(host)
                || pattern
                    .strip_prefix('[')
                    .and_then(|rest| rest.split_once("]:"))
                    .is_some_and(|(name, _)| name.eq_ignore_ascii_case(host))
        })
}

/// Whether `salt|hash` is the HMAC-SHA-1 of the host's name.
fn is_hash_of(hashed: &str, host: &str) -> Option<bool> {
    let (salt, hash) = hashed.split_once('|')?;
    let salt = STANDARD.decode(salt).ok()?;
    let hash = STANDARD.decode(hash).ok()?;
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &salt);
    Some(hmac::verify(&key, host.as_bytes(), &hash).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = include_str!("../../../fixtures/keys/ed25519.pub");
    const OTHER: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

    #[test]
    fn a_line_confirms_the_host_it_names_and_no_other() {
        let key = PublicKey::parse(KEY).unwrap().to_openssh();
        // Written by `ssh-keygen -H` for the name cp1.
        let hashed = format!("{HASHED} {key}");
        let names = ["cp1".to_owned(), "192.168.10.11".to_owned()];
        for (text, expected) in [
            (format!("cp1 {key} comment"), Verdict::Confirmed),
            (format!("# c\n\nCP1,10.0.0.1 {key}"), Verdict::Confirmed),
            (format!("[192.168.10.11]:2222 {key}"), Verdict::Confirmed),
            (hashed, Verdict::Confirmed),
            (format!("cp1 {OTHER}\ncp1 {key}"), Verdict::Confirmed),
            (format!("cp1 {OTHER}"), Verdict::Other),
            (format!("cp2 {key}"), Verdict::Unknown),
            (format!("cp* {key}"), Verdict::Unknown),
            (format!("!cp2,cp1 {key}"), Verdict::Unknown),
            (format!("@cert-authority cp1 {key}"), Verdict::Unknown),
            (format!("cp1 {key}\n@revoked * {key}"), Verdict::Revoked),
            ("cp1 ssh-ed25519 AAAA".to_owned(), Verdict::Unknown),
            ("|1|x|y\n|1|| z\ncp1".to_owned(), Verdict::Unknown),
            (String::new(), Verdict::Unknown),
        ] {
            assert_eq!(verdict(&text, &names, &key), expected, "{text}");
        }
    }

    const HASHED: &str = "|1|C07vRdETAfIEJcRNCZlsg1eK2h4=|VAPLeM8dh1b6KQKkyzafKRBQbco=";
}
