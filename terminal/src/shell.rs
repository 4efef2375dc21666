//! Words of a POSIX shell, for commands that an operator copies.

use std::borrow::Cow;
use std::fmt::Write as _;

/// `word` as a POSIX shell reads it back, in quotes where it needs them.
///
/// Control characters and what is outside ASCII are written as octal escapes in `$'…'` (POSIX.1-2024, 2.2.4; bash, ksh,
/// zsh and busybox read it), so the quoted word never contains a character that a terminal would act on.
#[must_use]
pub fn quote(word: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| {
        byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'-' | b'_' | b'.' | b'/' | b':' | b'=' | b',' | b'@' | b'%' | b'+'
            )
    };
    if !word.is_empty() && word.bytes().all(is_plain) {
        return Cow::Borrowed(word);
    }
    if word.bytes().all(|byte| matches!(byte, 0x20..=0x7e)) {
        return Cow::Owned(format!("'{}'", word.replace('\'', r"'\''")));
    }
    let mut quoted = String::from("$'");
    for byte in word.bytes() {
        match byte {
            b'\'' => quoted.push_str(r"\'"),
            b'\\' => quoted.push_str(r"\\"),
            0x20..=0x7e => quoted.push(char::from(byte)),
            // Three digits, so that a digit that follows is not read as part of it. Writing to a `String` does not fail.
            other => drop(write!(quoted, "\\{other:03o}")),
        }
    }
    quoted.push('\'');
    Cow::Owned(quoted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_read_more_into_them() {
        for (word, expected) in [
            ("/etc/kubernetes/pki/ca.crt", "/etc/kubernetes/pki/ca.crt"),
            ("node-1.example:6443", "node-1.example:6443"),
            ("", "''"),
            ("a b", "'a b'"),
            ("$(reboot)", "'$(reboot)'"),
            ("~root", "'~root'"),
            ("it's", r"'it'\''s'"),
            ("a\nb", r"$'a\012b'"),
            ("\u{1b}1", r"$'\0331'"),
            ("é'\\", r"$'\303\251\'\\'"),
        ] {
            assert_eq!(quote(word), expected);
        }
    }
}
