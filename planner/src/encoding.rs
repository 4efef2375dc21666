//! Decodes the bytes of a text file.
//!
//! In: bytes. Out: the text, or what the bytes are instead of UTF-8 and how to convert them. Editors of Windows write UTF-16.

use kubeplan_terminal::quote;

/// Why bytes are not a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotUtf8 {
    /// Text in another encoding of Unicode, by `iconv`'s name.
    #[error("is {0} text, not UTF-8")]
    Unicode(&'static str),
    /// Something else.
    #[error("is not UTF-8 text: line {line} contains the byte 0x{byte:02x}")]
    Byte {
        /// The line of the first byte that is not UTF-8, from 1.
        line: usize,
        /// The byte.
        byte: u8,
    },
}

impl NotUtf8 {
    /// How to convert the file `name` (`-` for standard input).
    #[must_use]
    pub fn hint(self, name: &str) -> String {
        let from = match self {
            Self::Unicode(encoding) => encoding,
            Self::Byte { .. } => "ENCODING",
        };
        let command = match name {
            "-" => format!("iconv -f {from} -t UTF-8"),
            _ => format!("iconv -f {from} -t UTF-8 {} > NEW", quote(name)),
        };
        format!("convert it with `{command}`")
    }
}

/// The text that `bytes` are in UTF-8.
///
/// # Errors
/// [`NotUtf8`] if they are not UTF-8.
pub(crate) fn text(bytes: Vec<u8>) -> Result<String, NotUtf8> {
    // Text without letters outside ASCII is also UTF-8 in UTF-16, with a NUL beside each letter.
    if let Some(encoding) = other_unicode(&bytes) {
        return Err(NotUtf8::Unicode(encoding));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let before = error.as_bytes().iter().take(at);
        NotUtf8::Byte {
            line: before.filter(|byte| **byte == b'\n').count() + 1,
            byte: error.as_bytes().get(at).copied().unwrap_or_default(),
        }
    })
}

/// The encoding, if `bytes` start as a text in UTF-16 or UTF-32, with a byte order mark or with a letter of ASCII.
fn other_unicode(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Some("UTF-32"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("UTF-16"),
        [first, 0, second, 0, ..] if *first != 0 && *second != 0 => Some("UTF-16LE"),
        [0, first, 0, second, ..] if *first != 0 && *second != 0 => Some("UTF-16BE"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_encoding_is_named() {
        let units = |text: &str, little: bool| -> Vec<u8> {
            let bytes = |unit: u16| match little {
                true => unit.to_le_bytes(),
                false => unit.to_be_bytes(),
            };
            text.encode_utf16().flat_map(bytes).collect()
        };
        for (bytes, encoding) in [
            (units("\u{feff}kind: x\n", true), "UTF-16"),
            (units("\u{feff}kind: x\n", false), "UTF-16"),
            (units("kind: x\n", true), "UTF-16LE"),
            (units("kind: x\n", false), "UTF-16BE"),
            (vec![0xff, 0xfe, 0, 0, b'a', 0, 0, 0], "UTF-32"),
            (vec![0, 0, 0xfe, 0xff, 0, 0, 0, b'a'], "UTF-32"),
        ] {
            let error = text(bytes).unwrap_err();
            assert_eq!(error, NotUtf8::Unicode(encoding));
            assert_eq!(
                error.hint("a b.yaml"),
                format!("convert it with `iconv -f {encoding} -t UTF-8 'a b.yaml' > NEW`")
            );
        }
    }

    #[test]
    fn the_first_byte_that_is_not_text_is_named() {
        let error = text(b"a: 1\nb: \xe9t\xe9\n".to_vec()).unwrap_err();
        let expected = "is not UTF-8 text: line 2 contains the byte 0xe9";
        assert_eq!(error.to_string(), expected);
        let expected = "convert it with `iconv -f ENCODING -t UTF-8`";
        assert_eq!(error.hint("-"), expected);
    }

    #[test]
    fn utf_8_is_text() {
        for plain in ["", "a", "ä: 1\n", "\u{feff}a: 1", "a\0b"] {
            assert_eq!(text(plain.as_bytes().to_vec()).as_deref(), Ok(plain));
        }
    }
}
