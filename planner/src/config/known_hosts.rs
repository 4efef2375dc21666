//! Looks up whether an OpenSSH `known_hosts` file confirms a host's ed25519 key.
//!
//! In: the text of such a file, and the names of a host. Out: what the file says about the host's key, for an SSH server on port
//! 22. Plain, hashed and negated names and wildcards match as in ssh. A line with a wildcard does not name the host, so it can
//! contradict a key but not confirm it. Lines of CAs (`@cert-authority`) do not name host keys and are skipped. A revoked key is
//! never confirmed, whichever host its line names. Two keys for one host are a contradiction, although ssh accepts them.
//! Source: sshd(8), SSH_KNOWN_HOSTS FILE FORMAT; match.c and hostfile.c of OpenSSH.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kubeplan_bundle::signature::PublicKey;

/// What a file says about one key of one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The file confirms the key.
    Confirmed,
    /// The file marks the key as revoked.
    Revoked {
        /// The number of the line, from 1.
        line: usize,
    },
    /// The file names another ed25519 key for the host.
    Other(Named),
    /// The file names two ed25519 keys for the host.
    Contradiction(Named, Named),
    /// The file does not name the host.
    Unknown,
    /// The file contains too many hashed lines or patterns to look up so many names.
    TooMuch,
}

/// A key that a line names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    /// The number of the line, from 1.
    pub(super) line: usize,
    /// The key's fingerprint, `SHA256:…`.
    pub(super) fingerprint: String,
}

/// The names of a host.
#[derive(Clone, Copy, Debug)]
pub(super) struct Names<'a> {
    /// Names that confirm the key of a line.
    pub(super) own: &'a [String],
    /// Names with which a line can contradict the key, but not confirm it.
    pub(super) also: &'a [String],
}

/// The most work for looking up all hosts. Comparing one name with one hashed line, two hashes, costs 1.
const MAX_WORK: usize = 5_000_000;

/// A file that was parsed once, to look up many hosts.
#[derive(Clone, Debug)]
pub struct KnownHosts {
    /// The lines whose key is not revoked, in order.
    entries: Vec<Named>,
    /// The entries of each plain name, in lower case.
    plain: HashMap<String, Vec<usize>>,
    /// The first word of each hashed line, with its entry.
    hashed: Vec<(String, usize)>,
    patterns: Vec<(String, usize)>,
    /// The total length of all patterns, in bytes.
    pattern_bytes: usize,
    /// The fingerprints of revoked keys, and the first line of each.
    revoked: BTreeMap<String, usize>,
    /// The part of [`MAX_WORK`] that is left for this file and its clones.
    left: Arc<AtomicUsize>,
}

impl KnownHosts {
    /// Parses the text of a file. Skips lines without an ed25519 key.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut known = Self {
            entries: Vec::new(),
            plain: HashMap::new(),
            hashed: Vec::new(),
            patterns: Vec::new(),
            pattern_bytes: 0,
            revoked: BTreeMap::new(),
            left: Arc::new(AtomicUsize::new(MAX_WORK)),
        };
        let mut valid = Vec::new();
        for (line, number) in text.lines().zip(1..) {
            let Some(Line {
                hosts,
                revoked,
                fingerprint,
            }) = Line::parse(line)
            else {
                continue;
            };
            if revoked {
                known.revoked.entry(fingerprint).or_insert(number);
            } else {
                valid.push((
                    hosts,
                    Named {
                        line: number,
                        fingerprint,
                    },
                ));
            }
        }
        for (hosts, entry) in valid {
            if !known.revoked.contains_key(&entry.fingerprint) {
                known.add(hosts, entry);
            }
        }
        known
    }

    fn add(&mut self, hosts: &str, entry: Named) {
        let position = self.entries.len();
        self.entries.push(entry);
        if hosts.starts_with("|1|") {
            self.hashed.push((hosts.to_owned(), position));
        } else if hosts.contains(['*', '?', '!']) {
            self.pattern_bytes += hosts.len();
            self.patterns.push((hosts.to_owned(), position));
        } else {
            for name in hosts.split(',').filter_map(on_port_22) {
                let entries = self.plain.entry(name.to_lowercase()).or_default();
                if entries.last() != Some(&position) {
                    entries.push(position);
                }
            }
        }
    }

    /// Looks up what the file says about `key` of the host `names`.
    pub(super) fn verdict(&self, names: Names<'_>, key: &str) -> Verdict {
        let fingerprint = PublicKey::parse(key).map(|key| key.fingerprint().to_string());
        let fingerprint = fingerprint.unwrap_or_default();
        if let Some(line) = self.revoked.get(&fingerprint) {
            return Verdict::Revoked { line: *line };
        }
        // Whether a name is the host's own.
        let mut wanted: BTreeMap<String, bool> = BTreeMap::new();
        for (names, own) in [(names.also, false), (names.own, true)] {
            wanted.extend(names.iter().map(|name| (name.to_lowercase(), own)));
        }
        // The entries about the host, and whether they name the host itself.
        let mut found: BTreeMap<usize, bool> = BTreeMap::new();
        for (name, own) in &wanted {
            if !self.take_work(name) {
                return Verdict::TooMuch;
            }
            for position in self.plain.get(name).into_iter().flatten() {
                *found.entry(*position).or_default() |= *own;
            }
            for (hosts, position) in self.hashed.iter().chain(&self.patterns) {
                let matched = matched(hosts, name);
                if matched > Match::No {
                    *found.entry(*position).or_default() |= *own && matched == Match::Name;
                }
            }
        }
        let mut valid = found.keys().filter_map(|at| self.entries.get(*at));
        let Some(first) = valid.next() else {
            return Verdict::Unknown;
        };
        if let Some(other) = valid.find(|entry| entry.fingerprint != first.fingerprint) {
            return Verdict::Contradiction(first.clone(), other.clone());
        }
        if first.fingerprint != fingerprint {
            return Verdict::Other(first.clone());
        }
        if found.values().any(|confirms| *confirms) {
            Verdict::Confirmed
        } else {
            Verdict::Unknown
        }
    }

    /// Subtracts the cost of comparing `name` with every hashed line and every pattern. Returns whether so much was left.
    fn take_work(&self, name: &str) -> bool {
        // A hash takes as long as some 256 steps of a pattern, and longer for each 64 bytes.
        let hashes = self.hashed.len().saturating_mul(1 + name.len() / 64);
        let steps = self.pattern_bytes.saturating_mul(name.len() + 1) / 256;
        let work = hashes.saturating_add(steps);
        let left = |left: usize| left.checked_sub(work);
        let order = Ordering::Relaxed;
        self.left.fetch_update(order, order, left).is_ok()
    }
}

/// One line with an ed25519 key.
struct Line<'a> {
    hosts: &'a str,
    revoked: bool,
    fingerprint: String,
}

impl<'a> Line<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let first = words.next()?;
        if first.starts_with('#') {
            return None;
        }
        let revoked = first == "@revoked";
        let hosts = if revoked {
            words.next()?
        } else if first.starts_with('@') {
            // A CA's line, or one that ssh does not know.
            return None;
        } else {
            first
        };
        let (algorithm, key) = (words.next()?, words.next()?);
        if algorithm != "ssh-ed25519" {
            return None;
        }
        let key = PublicKey::parse(&format!("{algorithm} {key}")).ok()?;
        (key.algorithm() == "ssh-ed25519").then(|| Self {
            hosts,
            revoked,
            fingerprint: key.fingerprint().to_string(),
        })
    }
}

/// How the first word of a line matches a host.
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

/// The name in a pattern for port 22; `None` if the pattern is for another port, and so for another server.
fn on_port_22(pattern: &str) -> Option<&str> {
    if !pattern.starts_with('[') {
        return Some(pattern);
    }
    let (name, port) = pattern.strip_prefix('[')?.split_once("]:")?;
    (port == "22").then_some(name)
}

/// Whether `text` matches a pattern with `*` and `?`. Takes time proportional to the product of their lengths.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut in_text) = (0, 0);
    // Where to continue if what follows the last `*` does not match: the `*` then matches one byte more.
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
        KnownHosts::parse(text).verdict(names, key)
    }

    fn named(line: usize, key: &str) -> Named {
        Named {
            line,
            fingerprint: PublicKey::parse(key).unwrap().fingerprint().to_string(),
        }
    }

    #[test]
    fn a_line_confirms_only_the_host_that_it_names() {
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
    fn two_keys_for_one_host_are_a_contradiction() {
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
        // Lines for another port or with another kind of key do not contradict.
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
    fn looking_up_many_hosts_has_a_limit() {
        let key = PublicKey::parse(KEY).unwrap().to_openssh();
        let verdicts = |text: &str, hosts: usize| {
            let known = KnownHosts::parse(text);
            let of = |host: usize| {
                let own = [format!("cp{host}")];
                known.verdict(
                    Names {
                        own: &own,
                        also: &own,
                    },
                    &key,
                )
            };
            (0..hosts).map(of).collect::<Vec<_>>()
        };
        let ordinary =
            format!("{HASHED} {key}\n").repeat(50) + &format!("cp2,*.x {key}\ncp3 {key}");
        let found = verdicts(&ordinary, 200);
        assert_eq!(found[1..4], [const { Verdict::Confirmed }; 3]);
        assert!(!found.contains(&Verdict::TooMuch));
        // Plain names cost nothing.
        let plain = (0..5000).fold(String::new(), |text, n| text + &format!("cp{n} {key}\n"));
        assert!(
            verdicts(&plain, 5000)
                .iter()
                .all(|of| *of == Verdict::Confirmed)
        );
        let patterns = format!("{} {key}\n", "*a*b*c,".repeat(100_000));
        assert_eq!(verdicts(&patterns, 2000).pop(), Some(Verdict::TooMuch));
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
