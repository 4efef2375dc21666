//! Twins of private keys: one PEM block in its strict form, and nothing beside it.
//!
//! In: a file. Out: its labels. [`crate::spki`] compares the key with a public key.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use zeroize::Zeroizing;

use super::{Failure, MAX_SIZE, PLACEHOLDER, Reason};

/// Labels of private keys: PKCS#8, PKCS#1, SEC 1.
const KEYS: &[&str] = &["PRIVATE KEY", EC_KEY, "RSA PRIVATE KEY"];

const EC_KEY: &str = "EC PRIVATE KEY";

/// `openssl ecparam -genkey` writes the curve before the key.
const PARAMETERS: &str = "EC PARAMETERS";

/// The DER forms of the curves that Kubernetes uses: P-256, P-384, P-521.
const CURVES: &[&str] = &["BggqhkjOPQMBBw==", "BgUrgQQAIg==", "BgUrgQQAIw=="];

/// The longest line of base64, as in MIME; RFC 7468 writes 64.
const MAX_COLUMNS: usize = 76;

/// A block whose END has not been seen.
struct Open {
    label: &'static str,
    columns: Option<usize>,
    /// A line shorter than the first one, which must be the last.
    ended: bool,
    body: Zeroizing<String>,
}

/// The blocks with their bodies replaced. The twin consists of constants only.
pub(super) fn twin(bytes: &[u8]) -> Result<String, Failure> {
    let text = std::str::from_utf8(bytes)
        .ok()
        .filter(|text| text.len() <= MAX_SIZE)
        .ok_or((0, Reason::Pem))?;
    let mut twin = String::new();
    let mut done: Option<&str> = None;
    let mut open: Option<Open> = None;
    for (position, line) in text.split('\n').enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let fail = |reason| (position + 1, reason);
        match open.take() {
            // Blank lines around blocks have no meaning.
            None if line.is_empty() => {}
            None => {
                let label = begins(line, done).map_err(fail)?;
                twin.push_str(&format!("-----BEGIN {label}-----\n{PLACEHOLDER}\n"));
                open = Some(Open {
                    label,
                    columns: None,
                    ended: false,
                    // A buffer that grows would leave copies behind.
                    body: Zeroizing::new(String::with_capacity(text.len())),
                });
            }
            Some(block) if line == format!("-----END {}-----", block.label) => {
                if !is_whole(&block) {
                    return Err(fail(Reason::Pem));
                }
                twin.push_str(&format!("-----END {}-----\n", block.label));
                done = Some(block.label);
            }
            Some(mut block) => {
                add_line(&mut block, line).map_err(fail)?;
                open = Some(block);
            }
        }
    }
    if open.is_some() || !done.is_some_and(|label| KEYS.contains(&label)) {
        return Err((text.lines().count(), Reason::Pem));
    }
    Ok(twin)
}

/// The label of the block that `line` begins; `done` is that of the block before.
fn begins(line: &str, done: Option<&str>) -> Result<&'static str, Reason> {
    let found = line
        .strip_prefix("-----BEGIN ")
        .and_then(|rest| rest.strip_suffix("-----"))
        .ok_or(Reason::Pem)?;
    if found == "ENCRYPTED PRIVATE KEY" {
        return Err(Reason::EncryptedKey);
    }
    match done {
        None if found == PARAMETERS => Some(PARAMETERS),
        None => KEYS.iter().copied().find(|label| *label == found),
        Some(PARAMETERS) if found == EC_KEY => Some(EC_KEY),
        Some(_) => None,
    }
    .ok_or(Reason::Pem)
}

fn add_line(block: &mut Open, line: &str) -> Result<(), Reason> {
    if line.starts_with("Proc-Type:") {
        return Err(Reason::EncryptedKey);
    }
    let base64 = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=');
    let columns = *block.columns.get_or_insert(line.len());
    if line.is_empty()
        || block.ended
        || line.len() > columns.min(MAX_COLUMNS)
        || !line.bytes().all(base64)
    {
        return Err(Reason::Pem);
    }
    block.ended = line.len() < columns;
    block.body.push_str(line);
    Ok(())
}

/// Whether the block holds what its label says: a known curve, or one DER sequence to the last byte.
fn is_whole(block: &Open) -> bool {
    if block.label == PARAMETERS {
        return CURVES.contains(&block.body.as_str());
    }
    BASE64_STANDARD
        .decode(block.body.as_bytes())
        .map(Zeroizing::new)
        .is_ok_and(|der| is_one_sequence(&der))
}

/// Whether `der` is a SEQUENCE of definite length that ends where the bytes end.
fn is_one_sequence(der: &[u8]) -> bool {
    let Some((0x30, rest)) = der.split_first() else {
        return false;
    };
    let Some((first, rest)) = rest.split_first() else {
        return false;
    };
    let count = match first {
        0..=0x7f => return rest.len() == usize::from(*first),
        0x81..=0x84 => usize::from(first & 0x7f),
        _ => return false,
    };
    rest.split_at_checked(count)
        .is_some_and(|(length, content)| {
            let length = length
                .iter()
                .fold(0_usize, |sum, byte| (sum << 8) | usize::from(*byte));
            length == content.len()
        })
}
