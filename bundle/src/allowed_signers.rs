//! The keys that a host trusts: OpenSSH's `allowed_signers` file, read strictly.
//!
//! In: the text of the file. Out: [`AllowedSigners`], or every error of the file with its line number. One line is
//! `principal[,principal] [options] keytype base64 [comment]`; the format is that of ssh-keygen(1), ALLOWED SIGNERS.
//!
//! # Differences from ssh-keygen
//! - Wildcards (`*`, `?`) and negations (`!`) in principals and namespaces are refused, and so are `cert-authority`
//!   lines: the file lists keys, not patterns.
//! - A backslash in a principal or namespace is refused: a name has one spelling.
//! - An unknown option is an error, as is a key of an algorithm whose signatures cannot be verified here.
//! - `valid-after` and `valid-before` without `Z` are read as UTC; ssh-keygen reads them in the local time zone.
//!   They are written with `Z`.
//! - As in OpenSSH a key without `namespaces` is trusted in every namespace, and both time limits are inclusive.

mod fields;

use std::collections::BTreeSet;
use std::fmt;

use fields::{Options, compact, is_key_type, parse_namespaces, parse_principals, split_word};

use crate::signature::{Fingerprint, KeyError, Namespace, PublicKey};
use crate::timestamp::Timestamp;

/// The longest accepted file, in bytes.
pub const MAX_FILE_SIZE: usize = 1024 * 1024;

/// The longest accepted line, in bytes.
const MAX_LINE_SIZE: usize = 8192;

/// The longest accepted principal, in bytes. An address of a mailbox has at most 254 (RFC 5321, section 4.5.3.1.3).
const MAX_PRINCIPAL_SIZE: usize = 256;

/// How many bad lines one error lists.
const MAX_LISTED: usize = 20;

/// One trusted key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedSigner {
    principals: Vec<String>,
    namespaces: Option<Vec<String>>,
    valid_after: Option<Timestamp>,
    valid_before: Option<Timestamp>,
    key: PublicKey,
    comment: String,
}

/// The trusted keys of a host, in file order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedSigners {
    entries: Vec<AllowedSigner>,
    /// The file's layout, so that adding and removing a key leaves comments alone.
    lines: Vec<Line>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Line {
    /// A comment or a blank line, verbatim.
    Text(String),
    /// The next of `entries`.
    Entry,
}

/// What is wrong with a file of allowed signers; every bad line is listed.
#[derive(Debug, thiserror::Error)]
pub enum AllowedSignersError {
    /// Lines that cannot be used.
    #[error("{}", list_lines(.0))]
    Lines(Vec<LineError>),
    /// The file is too large.
    #[error("the file is larger than {MAX_FILE_SIZE} bytes")]
    TooLarge,
    /// A signer that is already listed.
    #[error("key {0} is already listed with these principals and options")]
    Duplicate(Fingerprint),
    /// A key that is not listed.
    #[error("key {0} is not listed")]
    Unknown(Fingerprint),
}

/// One bad line.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct LineError {
    /// Its number, from 1.
    pub line: usize,
    /// What is wrong with it.
    #[source]
    pub reason: SignerError,
}

/// Why a line, or a signer built from parts, cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignerError {
    /// Too few fields, or no key.
    #[error("expected `principals [options] keytype base64 [comment]`")]
    Shape,
    /// A public key, as in a `.pub` file.
    #[error(
        "the line is a public key alone: put a name in front of it, as in `author ssh-ed25519 AAAA…`"
    )]
    KeyAlone,
    /// Too long, or with control characters.
    #[error("the line is longer than {MAX_LINE_SIZE} bytes or has control characters")]
    Text,
    /// No principal, an empty one, or one with quotes or white space.
    #[error(
        "principal `{0}` is empty or has a character other than printable ASCII without quotes and commas"
    )]
    Principal(String),
    /// A principal that is too long.
    #[error("principal `{0}…` is longer than {MAX_PRINCIPAL_SIZE} bytes")]
    LongPrincipal(String),
    /// A backslash, with which ssh-keygen spells the same name in another way.
    #[error("`{0}` has a backslash, which is refused: write the name as it is")]
    Backslash(String),
    /// `*`, `?` or `!`.
    #[error(
        "`{0}` has a wildcard or a negation (`*`, `?`, `!`), which are refused: list each name"
    )]
    Pattern(String),
    /// `cert-authority`.
    #[error("`cert-authority` is refused: list each signer's own key")]
    CertAuthority,
    /// An option that is not known.
    #[error("unknown option `{0}` (known: namespaces, valid-after, valid-before)")]
    Option(String),
    /// An option that is given twice.
    #[error("option `{0}` is given twice")]
    OptionTwice(&'static str),
    /// An option value that is missing, not in double quotes, or not closed.
    #[error("option `{0}` needs a value in double quotes")]
    Value(&'static str),
    /// A namespace that is empty or has odd characters.
    #[error(
        "namespace `{0}` is empty or has a character other than printable ASCII without quotes and commas"
    )]
    Namespace(String),
    /// A time in none of OpenSSH's forms.
    #[error(
        "`{0}` is not a time of the form YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS with an optional Z"
    )]
    Time(String),
    /// `valid-after` is not before `valid-before`.
    #[error("`valid-after` is not before `valid-before`")]
    Interval,
    /// The key itself.
    #[error("{0}")]
    Key(KeyError),
}

fn list_lines(errors: &[LineError]) -> String {
    let mut text: Vec<String> = errors
        .iter()
        .take(MAX_LISTED)
        .map(ToString::to_string)
        .collect();
    if errors.len() > MAX_LISTED {
        text.push(format!("and {} more bad lines", errors.len() - MAX_LISTED));
    }
    text.join("; ")
}

impl AllowedSigner {
    /// A signer trusted in `namespaces`.
    ///
    /// # Errors
    /// [`SignerError`] if there is no principal, or one is not a plain name.
    pub fn new(
        principals: &[&str],
        namespaces: &[Namespace],
        key: PublicKey,
    ) -> Result<Self, SignerError> {
        let names: Vec<&str> = namespaces.iter().map(|ns| ns.as_str()).collect();
        Ok(Self {
            principals: parse_principals(&principals.join(","))?,
            namespaces: Some(parse_namespaces(&names.join(","))?),
            valid_after: None,
            valid_before: None,
            key,
            comment: String::new(),
        })
    }

    /// The same signer, trusted only from `after` and until `before` (both inclusive).
    ///
    /// # Errors
    /// [`SignerError::Interval`] if `after` is not before `before`.
    pub fn with_validity(
        mut self,
        after: Option<Timestamp>,
        before: Option<Timestamp>,
    ) -> Result<Self, SignerError> {
        if let (Some(after), Some(before)) = (after, before)
            && after >= before
        {
            return Err(SignerError::Interval);
        }
        self.valid_after = after;
        self.valid_before = before;
        Ok(self)
    }

    /// The same signer with a comment; line breaks and control characters become spaces.
    #[must_use]
    pub fn with_comment(mut self, comment: &str) -> Self {
        let plain: String = comment
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(200)
            .collect();
        self.comment = plain.split_whitespace().collect::<Vec<_>>().join(" ");
        self
    }

    /// Parses one line.
    ///
    /// # Errors
    /// [`SignerError`].
    pub fn parse(line: &str) -> Result<Self, SignerError> {
        if line.len() > MAX_LINE_SIZE || line.chars().any(|c| c.is_control() && c != '\t') {
            return Err(SignerError::Text);
        }
        if PublicKey::parse(line).is_ok() {
            return Err(SignerError::KeyAlone);
        }
        let (principals, rest) = split_word(line).ok_or(SignerError::Shape)?;
        let principals = parse_principals(principals)?;
        let first = rest
            .split_ascii_whitespace()
            .next()
            .ok_or(SignerError::Shape)?;
        let (options, key_text) = if is_key_type(first) {
            (Options::default(), rest)
        } else {
            Options::parse(rest)?
        };
        let (key_type, rest) = split_word(key_text).ok_or(SignerError::Shape)?;
        if !is_key_type(key_type) {
            return Err(SignerError::Shape);
        }
        let (base64, comment) = match split_word(rest) {
            Some((base64, comment)) => (base64, comment.trim()),
            None => return Err(SignerError::Shape),
        };
        let key = PublicKey::parse(&format!("{key_type} {base64}")).map_err(SignerError::Key)?;
        let signer = Self {
            principals,
            namespaces: options.namespaces,
            valid_after: None,
            valid_before: None,
            key,
            comment: String::new(),
        };
        Ok(signer
            .with_validity(options.valid_after, options.valid_before)?
            .with_comment(comment))
    }

    /// Who holds the key; at least one name.
    #[must_use]
    pub fn principals(&self) -> &[String] {
        &self.principals
    }

    /// The namespaces the key is trusted in; `None` means every one.
    #[must_use]
    pub fn namespaces(&self) -> Option<&[String]> {
        self.namespaces.as_deref()
    }

    /// Trusted from this instant, inclusive.
    #[must_use]
    pub fn valid_after(&self) -> Option<Timestamp> {
        self.valid_after
    }

    /// Trusted until this instant, inclusive.
    #[must_use]
    pub fn valid_before(&self) -> Option<Timestamp> {
        self.valid_before
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// Free text after the key; may be empty.
    #[must_use]
    pub fn comment(&self) -> &str {
        &self.comment
    }

    /// Whether the key is trusted in `namespace` at `now`.
    #[must_use]
    pub fn is_allowed(&self, namespace: Namespace, now: Timestamp) -> bool {
        self.namespaces
            .as_ref()
            .is_none_or(|names| names.iter().any(|name| name == namespace.as_str()))
            && self.valid_after.is_none_or(|after| now >= after)
            && self.valid_before.is_none_or(|before| now <= before)
    }
}

/// The line, without line feed.
impl fmt::Display for AllowedSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut options = Vec::new();
        if let Some(namespaces) = &self.namespaces {
            options.push(format!("namespaces=\"{}\"", namespaces.join(",")));
        }
        if let Some(after) = self.valid_after {
            options.push(format!("valid-after=\"{}\"", compact(after)));
        }
        if let Some(before) = self.valid_before {
            options.push(format!("valid-before=\"{}\"", compact(before)));
        }
        f.write_str(&self.principals.join(","))?;
        if !options.is_empty() {
            write!(f, " {}", options.join(","))?;
        }
        write!(f, " {}", self.key)?;
        if !self.comment.is_empty() {
            write!(f, " {}", self.comment)?;
        }
        Ok(())
    }
}

impl AllowedSigners {
    /// Parses a whole file. An empty file is valid and trusts no key.
    ///
    /// # Errors
    /// [`AllowedSignersError::Lines`] with every bad line.
    pub fn parse(text: &str) -> Result<Self, AllowedSignersError> {
        if text.len() > MAX_FILE_SIZE {
            return Err(AllowedSignersError::TooLarge);
        }
        let mut signers = Self::default();
        let mut errors = Vec::new();
        for (position, line) in text.lines().enumerate() {
            let number = position + 1;
            let trimmed = line.trim_ascii();
            if trimmed.is_empty() || trimmed.starts_with('#') {
                signers
                    .lines
                    .push(Line::Text(line.trim_ascii_end().to_owned()));
                continue;
            }
            match AllowedSigner::parse(trimmed) {
                Ok(signer) => {
                    signers.entries.push(signer);
                    signers.lines.push(Line::Entry);
                }
                Err(reason) => errors.push(LineError {
                    line: number,
                    reason,
                }),
            }
        }
        if errors.is_empty() {
            Ok(signers)
        } else {
            Err(AllowedSignersError::Lines(errors))
        }
    }

    /// The file's text. Comments and blank lines stay where they were; parsing the text gives this value again.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut entries = self.entries.iter();
        let mut text = String::new();
        for line in &self.lines {
            match line {
                Line::Text(verbatim) => text.push_str(verbatim),
                Line::Entry => {
                    if let Some(entry) = entries.next() {
                        text.push_str(&entry.to_string());
                    }
                }
            }
            text.push('\n');
        }
        text
    }

    /// The trusted keys, in file order.
    #[must_use]
    pub fn entries(&self) -> &[AllowedSigner] {
        &self.entries
    }

    /// Appends a signer.
    ///
    /// # Errors
    /// [`AllowedSignersError::Duplicate`] if a line says the same already (comments aside).
    pub fn add(&mut self, signer: AllowedSigner) -> Result<(), AllowedSignersError> {
        let plain = signer.clone().with_comment("");
        if self
            .entries
            .iter()
            .any(|entry| entry.clone().with_comment("") == plain)
        {
            return Err(AllowedSignersError::Duplicate(signer.key.fingerprint()));
        }
        self.entries.push(signer);
        self.lines.push(Line::Entry);
        Ok(())
    }

    /// Removes every line of the key with this fingerprint and returns them.
    ///
    /// # Errors
    /// [`AllowedSignersError::Unknown`] if it is not listed.
    pub fn remove(&mut self, key: &Fingerprint) -> Result<Vec<AllowedSigner>, AllowedSignersError> {
        let mut removed = Vec::new();
        let mut kept = Self::default();
        let mut entries = std::mem::take(&mut self.entries).into_iter();
        for line in std::mem::take(&mut self.lines) {
            match line {
                Line::Text(text) => kept.lines.push(Line::Text(text)),
                Line::Entry => match entries.next() {
                    Some(entry) if entry.key.fingerprint() == *key => removed.push(entry),
                    Some(entry) => {
                        kept.entries.push(entry);
                        kept.lines.push(Line::Entry);
                    }
                    None => {}
                },
            }
        }
        *self = kept;
        if removed.is_empty() {
            return Err(AllowedSignersError::Unknown(*key));
        }
        Ok(removed)
    }

    /// Every line about `key`, whatever the namespace and time.
    pub fn entries_for<'a>(
        &'a self,
        key: &PublicKey,
    ) -> impl Iterator<Item = &'a AllowedSigner> + use<'a> {
        let key = key.clone();
        self.entries.iter().filter(move |entry| entry.key == key)
    }

    /// The principals that `key` stands for in `namespace` at `now`, in file order; empty if it is not trusted there
    /// and then.
    #[must_use]
    pub fn principals_for(
        &self,
        key: &PublicKey,
        namespace: Namespace,
        now: Timestamp,
    ) -> Vec<&str> {
        let mut seen = BTreeSet::new();
        self.entries_for(key)
            .filter(|entry| entry.is_allowed(namespace, now))
            .flat_map(|entry| &entry.principals)
            .map(String::as_str)
            .filter(|name| seen.insert(*name))
            .collect()
    }
}

#[cfg(test)]
mod tests;
