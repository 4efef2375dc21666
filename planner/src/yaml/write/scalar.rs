//! Writes a string: plain, in single or double quotes, or as a literal block.
//!
//! In: the text, and where it stands. Out: its characters in the [`Writer`]. The style is the least
//! quoted one that reads back as the same text: libyaml's published analysis of a scalar with Go's own
//! rule on top that a text with line feeds is a literal block.

use super::Writer;
use super::implicit::is_not_text;

/// Beyond this column a line is folded at its next space.
const BEST_WIDTH: usize = 80;

/// Characters that mean something to YAML at the start of a text.
const INDICATORS: &[char] = &[
    '#', ',', '[', ']', '{', '}', '&', '*', '!', '|', '>', '\'', '"', '%', '@', '`',
];

/// A text and the styles that can hold it.
pub(super) struct Scalar<'a> {
    text: &'a str,
    style: Style,
    has_breaks: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Plain,
    SingleQuoted,
    DoubleQuoted,
    Literal,
}

/// A line break in the sense of YAML 1.1.
pub(super) const fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Whether a character need not be escaped. Go's library escapes tabs and characters beyond U+FFFF.
const fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}')
        && c != '\u{feff}'
}

/// The properties of a text that exclude styles, found in one pass.
#[derive(Default)]
struct Analysis {
    breaks: bool,
    unprintable: bool,
    indicators: bool,
    space_first: bool,
    space_last: bool,
    break_then_space: bool,
    space_then_break: bool,
}

impl Analysis {
    fn of(text: &str) -> Self {
        let mut found = Self {
            indicators: text.starts_with("---") || text.starts_with("..."),
            space_first: text.starts_with(' '),
            space_last: text.ends_with(' '),
            ..Self::default()
        };
        let blank =
            |c: Option<char>| c.is_none_or(|c| matches!(c, ' ' | '\t' | '\0') || is_break(c));
        let mut before = None;
        let mut characters = text.chars().peekable();
        while let Some(c) = characters.next() {
            let next = characters.peek().copied();
            found.breaks |= is_break(c);
            found.unprintable |= !is_printable(c);
            found.break_then_space |= c == ' ' && before.is_some_and(is_break);
            found.space_then_break |= is_break(c) && before == Some(' ');
            found.indicators |= match c {
                ':' => blank(next),
                '?' | '-' => before.is_none() && blank(next),
                '#' => blank(before),
                _ => before.is_none() && INDICATORS.contains(&c),
            };
            before = Some(c);
        }
        found
    }

    const fn allows_quotes(&self) -> bool {
        !(self.unprintable || self.space_then_break)
    }

    const fn allows_plain(&self) -> bool {
        self.allows_quotes()
            && !(self.breaks || self.indicators || self.space_first || self.space_last)
    }

    const fn allows_single_quotes(&self) -> bool {
        self.allows_quotes() && !self.break_then_space
    }

    const fn allows_literal(&self) -> bool {
        self.allows_quotes() && !self.space_last
    }
}

impl<'a> Scalar<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let analysis = Analysis::of(text);
        let style = if text.contains('\n') {
            if analysis.allows_literal() {
                Style::Literal
            } else {
                Style::DoubleQuoted
            }
        } else if is_not_text(text) {
            Style::DoubleQuoted
        } else if analysis.allows_plain() {
            Style::Plain
        } else if analysis.allows_single_quotes() {
            Style::SingleQuoted
        } else {
            Style::DoubleQuoted
        };
        Self {
            text,
            style,
            has_breaks: analysis.breaks,
        }
    }

    /// Whether the text has a line break, so that it cannot be a simple key.
    pub(super) const fn has_breaks(&self) -> bool {
        self.has_breaks
    }

    /// Writes the text as a simple key: on one line, however long.
    pub(super) fn write_key(&self, writer: &mut Writer) {
        self.write_folded(writer, None);
    }

    /// Writes the text as a value whose further lines start at column `indent`.
    pub(super) fn write(&self, writer: &mut Writer, indent: usize) {
        self.write_folded(writer, Some(indent));
    }

    fn write_folded(&self, writer: &mut Writer, indent: Option<usize>) {
        match (self.style, indent) {
            (Style::Plain, _) => self.unescaped(writer, indent, false),
            (Style::SingleQuoted, _) => {
                writer.char('\'');
                self.unescaped(writer, indent, true);
                writer.char('\'');
            }
            (Style::Literal, Some(indent)) => self.literal(writer, indent),
            (Style::Literal, None) | (Style::DoubleQuoted, _) => self.double_quoted(writer, indent),
        }
    }

    fn unescaped(&self, writer: &mut Writer, indent: Option<usize>, quoted: bool) {
        let mut before = None;
        let mut characters = self.text.chars().peekable();
        while let Some(c) = characters.next() {
            let next = characters.peek().copied();
            match (c, indent) {
                // A fold replaces one space that stands alone, or the first of several before it is
                // known that more follow; quotes keep their first and last space.
                (' ', Some(indent))
                    if before != Some(' ')
                        && writer.column > BEST_WIDTH
                        && next != Some(' ')
                        && (!quoted || before.is_some() && next.is_some()) =>
                {
                    writer.new_line(indent);
                }
                (c, indent) => {
                    if before.is_some_and(is_break) && !is_break(c) && c != ' ' {
                        writer.pad(indent.unwrap_or_default());
                    }
                    if quoted && c == '\'' {
                        writer.char(c);
                    }
                    writer.char(c);
                }
            }
            before = Some(c);
        }
    }

    fn double_quoted(&self, writer: &mut Writer, indent: Option<usize>) {
        writer.char('"');
        // Go's writer looks for a byte order mark at the start of the text, not at the current character,
        // so after one everything is escaped.
        let everything = self.text.starts_with('\u{feff}');
        let mut before = None;
        let mut characters = self.text.chars().peekable();
        while let Some(c) = characters.next() {
            let next = characters.peek().copied();
            match (c, indent) {
                (' ', Some(indent))
                    if !everything
                        && before.is_some_and(|c| c != ' ')
                        && writer.column > BEST_WIDTH
                        && next.is_some() =>
                {
                    writer.new_line(indent);
                    if next == Some(' ') {
                        // Spaces at the start of a line would be lost in folding.
                        writer.char('\\');
                    }
                }
                _ => escaped(writer, c, everything),
            }
            before = Some(c);
        }
        writer.char('"');
    }

    fn literal(&self, writer: &mut Writer, indent: usize) {
        writer.char('|');
        if self.text.starts_with(|c| c == ' ' || is_break(c)) {
            // The reader cannot tell the indentation from a first line that is indented or empty.
            writer.text(&super::INDENT.to_string());
        }
        let mut from_end = self.text.chars().rev();
        match (from_end.next(), from_end.next()) {
            (Some(last), _) if !is_break(last) => writer.char('-'),
            (Some(_), None) => writer.char('+'),
            (Some(_), Some(c)) if is_break(c) => writer.char('+'),
            _ => {}
        }
        writer.char('\n');
        for c in self.text.chars() {
            if writer.column == 0 && !is_break(c) {
                writer.pad(indent);
            }
            writer.char(c);
        }
    }
}

fn escaped(writer: &mut Writer, c: char, everything: bool) {
    let short = match c {
        '\0' => '0',
        '\u{7}' => 'a',
        '\u{8}' => 'b',
        '\t' => 't',
        '\n' => 'n',
        '\u{b}' => 'v',
        '\u{c}' => 'f',
        '\r' => 'r',
        '\u{1b}' => 'e',
        '"' => '"',
        '\\' => '\\',
        '\u{85}' => 'N',
        '\u{a0}' if everything => '_',
        '\u{2028}' => 'L',
        '\u{2029}' => 'P',
        _ if is_printable(c) && !everything => return writer.char(c),
        _ => {
            let code = u32::from(c);
            return writer.text(&match code {
                0..=0xff => format!("\\x{code:02X}"),
                0x100..=0xffff => format!("\\u{code:04X}"),
                _ => format!("\\U{code:08X}"),
            });
        }
    };
    writer.char('\\');
    writer.char(short);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> String {
        let mut writer = Writer::default();
        Scalar::of(text).write(&mut writer, 2);
        writer.out
    }

    #[test]
    fn a_text_is_quoted_no_more_than_needed() {
        for (text, expected) in [
            ("a:b", "a:b"),
            ("--flag=a,b", "--flag=a,b"),
            ("a: b", "'a: b'"),
            ("it's # x", "'it''s # x'"),
            ("a\tb", "\"a\\tb\""),
            ("yes", "\"yes\""),
            ("\u{1f600}", "\"\\U0001F600\""),
            ("a\nb\n", "|\n  a\n  b\n"),
            ("a\nb", "|-\n  a\n  b"),
            (" a\n\n", "|2+\n   a\n\n"),
            ("a \nb", "\"a \\nb\""),
        ] {
            assert_eq!(written(text), expected);
        }
    }

    #[test]
    fn long_lines_are_folded_at_a_single_space_only() {
        let long = "a".repeat(85);
        assert_eq!(written(&format!("{long} b c")), format!("{long}\n  b c"));
        assert_eq!(written(&format!("{long}  b")), format!("{long}  b"));
        assert_eq!(written(&"a".repeat(200)), "a".repeat(200));
    }
}
