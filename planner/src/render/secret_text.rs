//! Text around a secret.
//!
//! In: text with a placeholder, a secret. Out: the text with the secret's base64 form in its place, as [`SecretBytes`]. The secret is no
//! part of the document that is serialised, so that no buffer on the way there keeps a copy.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kubeplan_bundle::secret::SecretBytes;
use zeroize::Zeroizing;

/// Replaces the last `placeholder` in `text` with `secret` in base64; `None` if the text has no placeholder.
pub(crate) fn insert_base64(
    text: &str,
    placeholder: &str,
    secret: &SecretBytes,
) -> Option<SecretBytes> {
    let (before, after) = text.rsplit_once(placeholder)?;
    let encoded_size = base64::encoded_len(secret.len(), true)?;
    // Of the final size from the start: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(vec![0; before.len() + encoded_size + after.len()]);
    let (start, rest) = bytes.split_at_mut_checked(before.len())?;
    let (middle, end) = rest.split_at_mut_checked(encoded_size)?;
    start.copy_from_slice(before.as_bytes());
    STANDARD.encode_slice(secret.expose(), middle).ok()?;
    end.copy_from_slice(after.as_bytes());
    Some(SecretBytes::new(std::mem::take(&mut *bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_takes_the_place_of_its_placeholder() {
        let secret = SecretBytes::from_text("hunter2".into());
        let text = insert_base64("a: <x>\nb: c\n", "<x>", &secret).unwrap();
        assert_eq!(text.expose(), b"a: aHVudGVyMg==\nb: c\n");
        assert!(insert_base64("a: b\n", "<x>", &secret).is_none());
    }
}
