//! Checks the header of an age file before the age library parses it.
//!
//! In: an age file. Out: for how many recipients it is, or a refusal. The library's parser begins again with each block that it reads,
//! so its time grows with the square of the header; here the header is walked once and bounded. The form is that of
//! <https://age-encryption.org/v1>: a version line, stanzas (`-> TYPE ARGUMENT…`, then base64 in lines of 64 columns that a shorter
//! line ends), and `--- MAC`.

use super::{MAX_RECIPIENTS, SealError};

/// The largest header, in bytes: every recipient takes 120, grease up to 250.
const MAX_SIZE: usize = 16 * 1024;

/// The columns of a full line of a stanza's body.
const COLUMNS: usize = 64;

/// The types of stanza that [`super::Recipient`] makes.
const TYPES: &[&[u8]] = &[b"X25519", b"ssh-ed25519"];

/// The suffix of stanzas that some programs add so that readers must skip unknown stanzas. No key opens them.
const GREASE: &[u8] = b"-grease";

/// For how many recipients the file is.
///
/// # Errors
/// [`SealError`] if the header is not in the canonical form, is too large, has too many recipients, or one of a kind that is not sealed for.
pub(super) fn recipients(file: &[u8]) -> Result<usize, SealError> {
    let head = file.get(..MAX_SIZE).unwrap_or(file);
    let mut lines = head.split_inclusive(|byte| *byte == b'\n');
    let mut next = || {
        lines
            .next()
            .and_then(|line| line.strip_suffix(b"\n"))
            .ok_or(if head.len() < file.len() {
                SealError::Age("its header is too large")
            } else {
                SealError::Age("it is cut short, or is not an age file")
            })
    };
    match next()? {
        b"age-encryption.org/v1" => {}
        line if line.starts_with(b"age-encryption.org/") => {
            return Err(SealError::Age("it is of an unknown version"));
        }
        _ => return Err(SealError::Age("it is cut short, or is not an age file")),
    }
    let mut recipients = 0;
    let mut grease = 0;
    loop {
        let line = next()?;
        if line.starts_with(b"--- ") {
            break;
        }
        let arguments = line
            .strip_prefix(b"-> ")
            .ok_or(SealError::Age("its header is damaged"))?;
        let kind = arguments
            .split(|byte| *byte == b' ')
            .next()
            .unwrap_or_default();
        if TYPES.contains(&kind) {
            recipients += 1;
        } else if kind.ends_with(GREASE) {
            grease += 1;
        } else {
            return Err(SealError::Age(
                "it is for a recipient that is neither an X25519 nor an ssh-ed25519 key",
            ));
        }
        if recipients > MAX_RECIPIENTS {
            return Err(SealError::TooManyRecipients(recipients));
        }
        if grease > 1 {
            return Err(SealError::Age("its header is damaged"));
        }
        loop {
            match next()?.len() {
                COLUMNS => {}
                0..COLUMNS => break,
                _ => return Err(SealError::Age("its header is damaged")),
            }
        }
    }
    if recipients == 0 {
        return Err(SealError::NoMatchingIdentity);
    }
    Ok(recipients)
}
