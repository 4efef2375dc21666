//! JSON that a terminal shows as it is.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::escape::is_shown;

/// The JSON text `json` with the same value, in which every character that [`crate::escape()`] escapes is written as
/// `\uXXXX`, as two of them above U+FFFF (RFC 8259, section 7). Line feeds stay: outside of strings they are white space,
/// and inside of strings JSON has none.
#[must_use]
pub fn escape_json(json: &str) -> Cow<'_, str> {
    let is_kept = |character: char| is_shown(character) || character == '\n';
    if json.chars().all(is_kept) {
        return Cow::Borrowed(json);
    }
    let mut safe = String::with_capacity(json.len() + 16);
    for character in json.chars() {
        if is_kept(character) {
            safe.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            // Writing to a `String` does not fail.
            let _ = write!(safe, "\\u{unit:04x}");
        }
    }
    Cow::Owned(safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_acts_on_is_written_as_units_of_utf_16() {
        for (json, expected) in [
            (
                "{\n  \"a\": \"Zürich 東京\"\n}",
                "{\n  \"a\": \"Zürich 東京\"\n}",
            ),
            ("\"\u{7f}\u{9b}2J\"", "\"\\u007f\\u009b2J\""),
            ("\"\u{202e}\u{2028}\"", "\"\\u202e\\u2028\""),
            ("\"\u{e0041}\"", "\"\\udb40\\udc41\""),
            // An escape of JSON's own is not touched.
            ("\"\\u001b[2J\\n\"", "\"\\u001b[2J\\n\""),
        ] {
            assert_eq!(escape_json(json), expected);
        }
    }
}
