//! Escapes characters that a terminal would act on instead of showing them.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

/// Whether a terminal shows `character` as a glyph or a space, in reading order.
///
/// Not shown: control characters (C0, DEL, C1), line and paragraph separators, and the format characters of Unicode that
/// change the direction of text, join or hide characters (general category Cf, and the blocks of tags and variation
/// selectors), <https://www.unicode.org/reports/tr36/> and <https://www.unicode.org/reports/tr9/>.
pub(crate) const fn is_shown(character: char) -> bool {
    !matches!(character,
        '\u{0}'..='\u{1f}'
        | '\u{7f}'..='\u{9f}'
        | '\u{ad}'
        | '\u{34f}'
        | '\u{600}'..='\u{605}'
        | '\u{61c}'
        | '\u{6dd}'
        | '\u{70f}'
        | '\u{115f}'..='\u{1160}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// Writes text, with `kept` besides the characters that are shown as they are.
fn write_escaped(to: &mut impl fmt::Write, text: &str, kept: &[char]) -> fmt::Result {
    let mut rest = text;
    while let Some((at, character)) = rest
        .char_indices()
        .find(|(_, character)| !is_shown(*character) && !kept.contains(character))
    {
        to.write_str(rest.get(..at).unwrap_or_default())?;
        match character {
            '\n' => to.write_str("\\n")?,
            '\r' => to.write_str("\\r")?,
            '\t' => to.write_str("\\t")?,
            other => write!(to, "{}", other.escape_unicode())?,
        }
        rest = rest.get(at + character.len_utf8()..).unwrap_or_default();
    }
    to.write_str(rest)
}

/// `text` on one line: every character that a terminal does not show as a glyph is written as `\n`, `\r`, `\t` or
/// `\u{…}`. A backslash is left as it is.
#[must_use]
pub fn escape(text: &str) -> Cow<'_, str> {
    escape_but(text, &[])
}

/// `text` as [`escape`] writes it, with its own line feeds and tabs: for content that is printed as a whole, after
/// which nothing of the program's follows on the same line.
#[must_use]
pub fn escape_content(text: &str) -> Cow<'_, str> {
    escape_but(text, &['\n', '\t'])
}

fn escape_but<'a>(text: &'a str, kept: &[char]) -> Cow<'a, str> {
    if text
        .chars()
        .all(|character| is_shown(character) || kept.contains(&character))
    {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    // Writing to a `String` does not fail.
    let _ = write_escaped(&mut safe, text, kept);
    Cow::Owned(safe)
}

/// Displays a value as [`escape`] writes its text.
#[derive(Clone, Copy, Debug)]
pub struct Escaped<T>(pub T);

impl<T: fmt::Display> fmt::Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct Sink<'a, 'b>(&'a mut fmt::Formatter<'b>);
        impl fmt::Write for Sink<'_, '_> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                write_escaped(self.0, text, &[])
            }
        }
        write!(Sink(f), "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_the_cursor_or_hides_is_escaped() {
        for (text, expected) in [
            ("plain", "plain"),
            ("Zürich 東京 \\n", "Zürich 東京 \\n"),
            ("a\nb\r\tc", "a\\nb\\r\\tc"),
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("\u{9b}2J\u{7f}\0", "\\u{9b}2J\\u{7f}\\u{0}"),
            ("\u{202e}\u{2066}\u{200f}", "\\u{202e}\\u{2066}\\u{200f}"),
            ("\u{2028}\u{feff}\u{e0041}", "\\u{2028}\\u{feff}\\u{e0041}"),
        ] {
            assert_eq!(escape(text), expected);
            assert_eq!(Escaped(text).to_string(), expected);
        }
        assert_eq!(escape_content("a\tb\n\u{1b}"), "a\tb\n\\u{1b}");
    }

    #[test]
    fn every_control_character_is_escaped() {
        for number in 0..=0x10_ffff_u32 {
            let Some(character) = char::from_u32(number) else {
                continue;
            };
            if character.is_control() {
                let safe = escape(character.encode_utf8(&mut [0; 4])).into_owned();
                assert!(safe.starts_with('\\'), "U+{number:04X}");
            }
        }
    }
}
