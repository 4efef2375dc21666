//! Lines for people.

use std::fmt::{self, Display};

use crate::escape::{Escaped, escape_content};

/// Lines, each of which was one line when it was written: no foreign text in it breaks or rewrites a line.
///
/// All ways to add text escape it, so a function that takes a `Text` can write it as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text(String);

impl Text {
    /// An empty text.
    #[must_use]
    pub const fn new() -> Self {
        Self(String::new())
    }

    /// Adds one line: `line` with everything escaped that [`escape`](crate::escape()) escapes, and a line feed. A line feed inside
    /// `line` is escaped, too; call this once per line.
    pub fn line(&mut self, line: impl Display) {
        // Writing to a `String` does not fail, and a `Display` that does leaves what it wrote.
        let _ = fmt::Write::write_fmt(&mut self.0, format_args!("{}\n", Escaped(line)));
    }

    /// Adds a line for each line of `content`: for text of the program's own that has several, such as help, and for
    /// content that is shown as a whole. What is between the line feeds is escaped, also a carriage return before one;
    /// tabs are kept.
    pub fn content(&mut self, content: &str) {
        for line in content.split_terminator('\n') {
            self.0.push_str(&escape_content(line));
            self.0.push('\n');
        }
    }

    /// Adds an empty line.
    pub fn blank(&mut self) {
        self.0.push('\n');
    }

    /// Adds the lines of `other`.
    pub fn append(&mut self, other: &Self) {
        self.0.push_str(&other.0);
    }

    /// One line.
    #[must_use]
    pub fn of(line: impl Display) -> Self {
        let mut text = Self::new();
        text.line(line);
        text
    }

    /// The lines, each with its line feed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the text is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<D: Display> FromIterator<D> for Text {
    /// One line each.
    fn from_iter<I: IntoIterator<Item = D>>(lines: I) -> Self {
        let mut text = Self::new();
        text.extend(lines);
        text
    }
}

impl<D: Display> Extend<D> for Text {
    /// One line each.
    fn extend<I: IntoIterator<Item = D>>(&mut self, lines: I) {
        for line in lines {
            self.line(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_stays_on_its_line() {
        let mut text = Text::of(format_args!("name {}", "x\nTRUSTED\r\u{1b}[1A"));
        text.blank();
        text.append(&["a", "b\u{2028}c"].iter().collect());
        text.content("one\r\ntwo\u{1b}\n");
        assert_eq!(
            text.as_str(),
            "name x\\nTRUSTED\\r\\u{1b}[1A\n\na\nb\\u{2028}c\none\\r\ntwo\\u{1b}\n"
        );
    }
}
