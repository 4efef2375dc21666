//! Tables for people.

use std::borrow::Cow;

use crate::escape::escape;
use crate::text::Text;

/// The widest cell of a table, in characters. Longer ones are cut: a table whose cells come from a bundle must not be
/// wider, times its rows, than the bundle itself.
pub const MAX_CELL: usize = 120;

/// `text` as one cell: escaped, and cut to `width` characters, the last of which is then `…`.
#[must_use]
pub fn cell(text: &str, width: usize) -> Cow<'_, str> {
    // Escaping makes text longer, never shorter, so what is cut here would be cut anyway.
    let start = text
        .char_indices()
        .nth(width.saturating_add(1))
        .map_or(text, |(end, _)| text.get(..end).unwrap_or_default());
    let safe = escape(start);
    match safe.char_indices().nth(width) {
        None => safe,
        Some(_) => {
            let keep = width.saturating_sub(1);
            let end = safe
                .char_indices()
                .nth(keep)
                .map_or(safe.len(), |(end, _)| end);
            Cow::Owned(format!("{}…", safe.get(..end).unwrap_or_default()))
        }
    }
}

/// Rows under aligned headings, two spaces in; cells as [`cell`] writes them, at most [`MAX_CELL`] wide. A row has as
/// many cells as there are headings; missing cells are empty, surplus cells are omitted.
#[must_use]
pub fn table<S: AsRef<str>>(headings: &[&str], rows: &[Vec<S>]) -> Text {
    aligned(headings, rows, headings.len())
}

/// As [`table`], with the last column written whole: nothing is padded to its width, so it makes no other row longer. For
/// what a reader has to see to its end, such as the path of a file.
#[must_use]
pub fn table_with_open_end<S: AsRef<str>>(headings: &[&str], rows: &[Vec<S>]) -> Text {
    aligned(headings, rows, headings.len().saturating_sub(1))
}

/// Rows whose first `limited` cells are cut and padded.
fn aligned<S: AsRef<str>>(headings: &[&str], rows: &[Vec<S>], limited: usize) -> Text {
    let mut widths: Vec<usize> = headings
        .iter()
        .take(limited)
        .map(|heading| heading.chars().count())
        .collect();
    for row in rows {
        for (width, text) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell(text.as_ref(), MAX_CELL).chars().count());
        }
    }
    // What is beyond the limited columns is not padded.
    widths.resize(headings.len(), 0);
    let mut text = Text::new();
    let mut line = |cells: &mut dyn Iterator<Item = Cow<'_, str>>| {
        let padded: Vec<String> = cells
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        text.line(format_args!("  {}", padded.join("  ").trim_end()));
    };
    line(&mut headings.iter().map(|heading| Cow::Borrowed(*heading)));
    for row in rows {
        let cells = row.iter().enumerate().map(|(column, text)| {
            if column < limited {
                cell(text.as_ref(), MAX_CELL)
            } else {
                escape(text.as_ref())
            }
        });
        line(&mut { cells });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = vec![vec!["a", "bbb"], vec!["cccc", "d"]];
        assert_eq!(
            table(&["X", "Y"], &rows).as_str(),
            "  X     Y\n  a     bbb\n  cccc  d\n"
        );
    }

    #[test]
    fn cells_are_cut_before_they_are_padded() {
        let long = "x".repeat(70_000);
        let text = table(
            &["NAME", "KIND"],
            &[vec![long.as_str(), "a"], vec!["b", "c"]],
        );
        let widest = text.as_str().lines().map(|line| line.chars().count()).max();
        assert_eq!(widest, Some(2 + MAX_CELL + 2 + "KIND".len()));
        let open = table_with_open_end(
            &["KIND", "NAME"],
            &[["a", &long], ["b", "c"]].map(Vec::from),
        );
        assert_eq!(
            open.as_str(),
            format!("  KIND  NAME\n  a     {long}\n  b     c\n")
        );
        assert_eq!(cell("abcdef", 4), "abc…");
        assert_eq!(cell("abcd", 4), "abcd");
        assert_eq!(cell("a\u{1b}b", 4), "a\\u…");
        assert_eq!(cell("東京都庁舎", 3), "東京…");
    }
}
