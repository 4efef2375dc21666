//! JSON for machines, on a terminal, too.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::escape::is_shown;

/// `json` with every character inside its strings that a terminal does not show as a glyph written as `\uXXXX`: DEL, C1,
/// bidirectional and other format characters, which a serialiser may leave as they are (RFC 8259, section 7, only asks for
/// the escape of C0). The document means the same.
///
/// In: serialised JSON, where such a character can only be inside a string. Line feeds, carriage returns and tabs, which
/// may stand between values, are left as they are.
#[must_use]
pub fn escape_json(json: &str) -> Cow<'_, str> {
    let is_kept = |character: char| is_shown(character) || matches!(character, '\n' | '\r' | '\t');
    if json.chars().all(is_kept) {
        return Cow::Borrowed(json);
    }
    let mut safe = String::with_capacity(json.len() + 16);
    for character in json.chars() {
        if is_kept(character) {
            safe.push(character);
            continue;
        }
        // Beyond the basic plane as a pair of surrogates.
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
    fn what_a_terminal_does_not_show_is_escaped() {
        for (json, expected) in [
            ("{\n\t\"a\": \"é 東\"\r\n}", "{\n\t\"a\": \"é 東\"\r\n}"),
            ("\"\u{7f}\u{9b}2J\"", r#""\u007f\u009b2J""#),
            ("\"\u{202e}\u{2028}\"", r#""\u202e\u2028""#),
            ("\"\u{e0041}\"", r#""\udb40\udc41""#),
            (r#""\n\u001b""#, r#""\n\u001b""#),
        ] {
            assert_eq!(escape_json(json), expected);
        }
    }
}
