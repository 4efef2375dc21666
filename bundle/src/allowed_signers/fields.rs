//! The fields of one line of an allowed signers file: names, options, times.
//!
//! In: pieces of a line. Out: their values, or what is wrong with them. Nothing here knows about keys.

use time::{Date, Month, PrimitiveDateTime, Time};

use super::{MAX_PRINCIPAL_SIZE, SignerError};
use crate::timestamp::Timestamp;

#[derive(Default)]
pub(super) struct Options {
    pub(super) namespaces: Option<Vec<String>>,
    pub(super) valid_after: Option<Timestamp>,
    pub(super) valid_before: Option<Timestamp>,
}

impl Options {
    /// Parses options up to the white space that ends them; returns them and the rest of the line.
    pub(super) fn parse(text: &str) -> Result<(Self, &str), SignerError> {
        let mut options = Self::default();
        let mut rest = text;
        loop {
            let end = rest
                .find(|c: char| c == '=' || c == ',' || c.is_ascii_whitespace())
                .unwrap_or(rest.len());
            let (keyword, after) = rest.split_at_checked(end).ok_or(SignerError::Shape)?;
            rest = match keyword.to_ascii_lowercase().as_str() {
                "cert-authority" => return Err(SignerError::CertAuthority),
                "namespaces" => {
                    let (value, after) = quoted("namespaces", after)?;
                    set(
                        "namespaces",
                        &mut options.namespaces,
                        parse_namespaces(value)?,
                    )?;
                    after
                }
                "valid-after" => {
                    let (value, after) = quoted("valid-after", after)?;
                    set("valid-after", &mut options.valid_after, parse_time(value)?)?;
                    after
                }
                "valid-before" => {
                    let (value, after) = quoted("valid-before", after)?;
                    set(
                        "valid-before",
                        &mut options.valid_before,
                        parse_time(value)?,
                    )?;
                    after
                }
                _ => return Err(SignerError::Option(shown(keyword))),
            };
            if let Some(more) = rest.strip_prefix(',') {
                rest = more;
            } else if rest.starts_with([' ', '\t']) {
                return Ok((options, rest.trim_ascii_start()));
            } else {
                return Err(SignerError::Shape);
            }
        }
    }
}

/// Splits `="value"rest`. Escaped quotes, which OpenSSH knows, have no use in the known options and are refused.
fn quoted<'a>(option: &'static str, text: &'a str) -> Result<(&'a str, &'a str), SignerError> {
    text.strip_prefix("=\"")
        .and_then(|rest| rest.split_once('"'))
        .filter(|(value, _)| !value.contains('\\'))
        .ok_or(SignerError::Value(option))
}

fn set<T>(option: &'static str, slot: &mut Option<T>, value: T) -> Result<(), SignerError> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(SignerError::OptionTwice(option)),
    }
}

pub(super) fn split_word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_ascii_start();
    let end = text
        .find(|c: char| c.is_ascii_whitespace())
        .unwrap_or(text.len());
    let (word, rest) = text.split_at_checked(end)?;
    (!word.is_empty()).then(|| (word, rest.trim_ascii_start()))
}

pub(super) fn is_key_type(word: &str) -> bool {
    !word.contains(['=', '"', ','])
        && ["ssh-", "ecdsa-", "sk-", "rsa-", "webauthn-"]
            .iter()
            .any(|prefix| word.starts_with(prefix))
}

pub(super) fn parse_principals(text: &str) -> Result<Vec<String>, SignerError> {
    let names = parse_names(text, SignerError::Principal)?;
    match names.iter().find(|name| name.len() > MAX_PRINCIPAL_SIZE) {
        Some(long) => Err(SignerError::LongPrincipal(shown(long))),
        None => Ok(names),
    }
}

pub(super) fn parse_namespaces(text: &str) -> Result<Vec<String>, SignerError> {
    parse_names(text, SignerError::Namespace)
}

fn parse_names(text: &str, error: fn(String) -> SignerError) -> Result<Vec<String>, SignerError> {
    text.split(',')
        .map(|name| {
            if name.contains(['*', '?', '!']) {
                Err(SignerError::Pattern(shown(name)))
            } else if name.contains('\\') {
                Err(SignerError::Backslash(shown(name)))
            } else if name.is_empty()
                || name.starts_with('#')
                || !name.bytes().all(|b| b.is_ascii_graphic() && b != b'"')
            {
                Err(error(shown(name)))
            } else {
                Ok(name.to_owned())
            }
        })
        .collect()
}

/// `YYYYMMDD`, `YYYYMMDDHHMM` or `YYYYMMDDHHMMSS`, with an optional `Z`; always UTC.
fn parse_time(text: &str) -> Result<Timestamp, SignerError> {
    let error = || SignerError::Time(shown(text));
    let digits = text.strip_suffix('Z').unwrap_or(text);
    if !matches!(digits.len(), 8 | 12 | 14) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(error());
    }
    let field = |from: usize, to: usize| {
        digits
            .get(from..to)
            .map_or(Some(0), |part| part.parse::<u16>().ok())
            .ok_or_else(error)
    };
    let small = |value: u16| u8::try_from(value).map_err(|_| error());
    let month = Month::try_from(small(field(4, 6)?)?).map_err(|_| error())?;
    let date = Date::from_calendar_date(i32::from(field(0, 4)?), month, small(field(6, 8)?)?)
        .map_err(|_| error())?;
    let time = Time::from_hms(
        small(field(8, 10)?)?,
        small(field(10, 12)?)?,
        small(field(12, 14)?)?,
    )
    .map_err(|_| error())?;
    Timestamp::from_unix_seconds(
        PrimitiveDateTime::new(date, time)
            .assume_utc()
            .unix_timestamp(),
    )
    .ok_or_else(error)
}

/// `YYYYMMDDHHMMSSZ`.
pub(super) fn compact(instant: Timestamp) -> String {
    instant
        .to_string()
        .chars()
        .filter(|c| c.is_ascii_digit() || *c == 'Z')
        .collect()
}

fn shown(text: &str) -> String {
    text.escape_debug().take(80).collect()
}
