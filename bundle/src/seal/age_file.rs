//! An age file and the secret bytes in it.
//!
//! In: a plaintext and recipients; or an age file and identities. Out: the other one. The
//! callers ([`super::seal`], [`crate::join_facts`]) define the plaintext. It stays in memory that is never reallocated and is zeroised when dropped.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};

use zeroize::Zeroizing;

use super::{
    Identities, MAX_PLAINTEXT_SIZE, MAX_RECIPIENTS, MAX_SEALED_SIZE, Recipient, SealError,
    age_header,
};

/// Encrypts `plaintext` for `recipients`; the same recipient twice counts once. Two files of the same plaintext differ.
///
/// # Errors
/// [`SealError`] if there is no recipient, or too many.
pub(crate) fn encrypt(plaintext: &[u8], recipients: &[Recipient]) -> Result<Vec<u8>, SealError> {
    let recipients: BTreeMap<String, &Recipient> =
        recipients.iter().map(|r| (r.to_text(), r)).collect();
    if recipients.is_empty() {
        return Err(SealError::NoRecipient);
    }
    if recipients.len() > MAX_RECIPIENTS {
        return Err(SealError::TooManyRecipients(recipients.len()));
    }
    let encryptor =
        age::Encryptor::with_recipients(recipients.values().map(|recipient| recipient.as_age()))
            .map_err(|_| SealError::Encrypt)?;
    let mut sealed = Vec::with_capacity(plaintext.len() + 64 * 1024);
    let mut writer = encryptor
        .wrap_output(&mut sealed)
        .map_err(|_| SealError::Encrypt)?;
    writer
        .write_all(plaintext)
        .map_err(|_| SealError::Encrypt)?;
    writer.finish().map_err(|_| SealError::Encrypt)?;
    Ok(sealed)
}

/// Decrypts with the first identity that fits.
///
/// # Errors
/// [`SealError::NoMatchingIdentity`] if no identity fits; others if the file is damaged or too large.
pub(crate) fn decrypt(
    sealed: &[u8],
    identities: &Identities,
) -> Result<Zeroizing<Vec<u8>>, SealError> {
    if sealed.len() > MAX_SEALED_SIZE {
        return Err(SealError::TooLarge);
    }
    age_header::recipients(sealed)?;
    let decryptor = age::Decryptor::new_buffered(sealed).map_err(|error| age_error(&error))?;
    let mut reader = decryptor
        .decrypt(identities.as_age())
        .map_err(|error| age_error(&error))?;
    // The plaintext is shorter than the age file.
    let mut plaintext = Zeroizing::new(vec![0; sealed.len()]);
    let mut size = 0;
    loop {
        let room = plaintext.get_mut(size..).unwrap_or_default();
        match reader.read(room) {
            Ok(0) => break,
            Ok(count) => size += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return Err(SealError::Age("its content is damaged or cut short")),
        }
    }
    if size > MAX_PLAINTEXT_SIZE {
        return Err(SealError::TooLarge);
    }
    plaintext.truncate(size);
    Ok(plaintext)
}

/// The library's error texts are translated and sometimes long; these are ours.
fn age_error(error: &age::DecryptError) -> SealError {
    use age::DecryptError as E;
    match error {
        E::NoMatchingKeys => SealError::NoMatchingIdentity,
        E::InvalidHeader | E::InvalidMac => SealError::Age("its header is damaged"),
        E::UnknownFormat => SealError::Age("it is of an unknown version"),
        E::Io(_) => SealError::Age("it is cut short, or is not an age file"),
        _ => SealError::Age("its key could not be unwrapped"),
    }
}
