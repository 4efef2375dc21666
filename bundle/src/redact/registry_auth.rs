//! Twins of the credentials of container registries, as `docker login` writes them and the kubelet reads them.
//!
//! In: `{"auths": {HOST: {FIELD: VALUE}}}`, strict JSON with each key once, no escapes where something is shown, and no other field
//! (`credsStore` and `credHelpers` name programs). Out: the same text with passwords and tokens replaced; of `auth`, which is the base64
//! form of `user:password`, the user stays.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use zeroize::Zeroizing;

use super::{
    Failure, MAX_LINES, MAX_SIZE, PLACEHOLDER, Reason, has_credentials, nothing_is_repeated,
};

/// Fields that are shown.
const PUBLIC: &[&str] = &["email", "serveraddress", USERNAME];

/// Fields that are replaced.
const SEALED: &[&str] = &["identitytoken", "password", "registrytoken"];

const AUTH: &str = "auth";

const USERNAME: &str = "username";

/// The twin of `bytes`.
pub(super) fn twin(bytes: &[u8]) -> Result<String, Failure> {
    let text = std::str::from_utf8(bytes)
        .ok()
        .filter(|text| text.len() <= MAX_SIZE && text.lines().count() <= MAX_LINES)
        .ok_or((0, Reason::TooLarge))?;
    let mut reader = Reader {
        text,
        at: 0,
        copied: 0,
        twin: String::with_capacity(text.len()),
        sealed: BTreeSet::new(),
        passwords: Vec::new(),
    };
    reader.document().map_err(|reason| {
        let read = text.as_bytes().get(..reader.at).unwrap_or_default();
        let line = 1 + read.iter().filter(|byte| **byte == b'\n').count();
        (line, reason)
    })?;
    let mut sealed = reader.sealed;
    sealed.extend(reader.passwords.iter().map(|password| password.as_str()));
    nothing_is_repeated(&reader.twin, &sealed)?;
    Ok(reader.twin)
}

struct Reader<'a> {
    text: &'a str,
    /// How much was read.
    at: usize,
    /// How much of it the twin has.
    copied: usize,
    twin: String,
    sealed: BTreeSet<&'a str>,
    /// Decoded from `auth`.
    passwords: Vec<Zeroizing<String>>,
}

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<(), Reason> {
        self.object(|reader, key| match key {
            "auths" => reader.object(Self::host),
            _ => Err(Reason::Field),
        })?;
        self.space();
        if self.at != self.text.len() {
            return Err(Reason::RegistryAuth);
        }
        self.copy_until(self.at);
        Ok(())
    }

    fn host(&mut self, host: &'a str) -> Result<(), Reason> {
        if has_credentials(host) {
            return Err(Reason::Credentials);
        }
        let mut name = None;
        let mut in_auth = None;
        self.object(|reader, key| {
            let start = reader.at;
            let value = reader.string()?;
            let shown = match key {
                AUTH => {
                    let user = reader.open_auth(value)?;
                    let shown = format!("{user}:{PLACEHOLDER}");
                    in_auth = Some(user);
                    shown
                }
                _ if SEALED.contains(&key) => PLACEHOLDER.to_owned(),
                _ if PUBLIC.contains(&key) => {
                    if value.contains('\\') {
                        return Err(Reason::Escapes);
                    }
                    if key == USERNAME {
                        name = Some(value);
                    }
                    return Ok(());
                }
                _ => return Err(Reason::Field),
            };
            reader.sealed.insert(value);
            reader.copy_until(start);
            reader.twin.push_str(&format!("\"{shown}\""));
            reader.copied = reader.at;
            Ok(())
        })?;
        match (name, in_auth) {
            (Some(name), Some(user)) if name != user => Err(Reason::RegistryUser),
            _ => Ok(()),
        }
    }

    /// The user in the value of `auth`.
    fn open_auth(&mut self, value: &str) -> Result<String, Reason> {
        let plain = BASE64_STANDARD
            .decode(value)
            .map(Zeroizing::new)
            .map_err(|_| Reason::RegistryUser)?;
        let (user, password) = std::str::from_utf8(&plain)
            .ok()
            .and_then(|text| text.split_once(':'))
            .ok_or(Reason::RegistryUser)?;
        let shown = |b: u8| (0x20..0x7f).contains(&b) && !matches!(b, b'"' | b'\\');
        if user.is_empty() || !user.bytes().all(shown) {
            return Err(Reason::RegistryUser);
        }
        self.passwords.push(Zeroizing::new(password.to_owned()));
        Ok(user.to_owned())
    }

    /// Reads an object; `value` reads what follows each key.
    fn object(
        &mut self,
        mut value: impl FnMut(&mut Self, &'a str) -> Result<(), Reason>,
    ) -> Result<(), Reason> {
        self.expect(b'{')?;
        let mut keys = BTreeSet::new();
        if self.next_is(b'}') {
            return Ok(());
        }
        loop {
            self.space();
            let key = self.string()?;
            if key.contains('\\') {
                return Err(Reason::Escapes);
            }
            if !keys.insert(key) {
                return Err(Reason::Duplicate);
            }
            self.expect(b':')?;
            self.space();
            value(self, key)?;
            if self.next_is(b'}') {
                return Ok(());
            }
            self.expect(b',')?;
        }
    }

    /// The text of a string, as it is written.
    fn string(&mut self) -> Result<&'a str, Reason> {
        self.expect(b'"')?;
        let start = self.at;
        loop {
            match self.peek().ok_or(Reason::RegistryAuth)? {
                b'"' => {
                    let text = self.text.get(start..self.at);
                    self.at += 1;
                    return text.ok_or(Reason::RegistryAuth);
                }
                b'\\' => self.at += 2,
                0x20..=0x7e => self.at += 1,
                _ => return Err(Reason::Characters),
            }
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn next_is(&mut self, byte: u8) -> bool {
        self.space();
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) -> Result<(), Reason> {
        if self.next_is(byte) {
            Ok(())
        } else {
            Err(Reason::RegistryAuth)
        }
    }

    fn copy_until(&mut self, end: usize) {
        let text = self.text.get(self.copied..end).unwrap_or_default();
        self.twin.push_str(text);
        self.copied = end;
    }
}
