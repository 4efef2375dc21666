//! Tables for people.

use crate::plan::CertificateRow;

/// Rows under aligned headings, two spaces in.
pub(super) fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows
            .iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count());
        cells
            .chain(headings.get(column).map(|heading| heading.len()))
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded = cells
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect::<Vec<_>>();
        format!("  {}\n", padded.join("  ").trim_end())
    };
    let mut text = line(&mut headings.iter().copied());
    for row in rows {
        text.push_str(&line(&mut row.iter().map(String::as_str)));
    }
    text
}

/// Certificates with their lifetimes.
pub(super) fn certificates(rows: &[CertificateRow]) -> String {
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let signer = if row.signer == row.name {
                "(self)".to_owned()
            } else {
                row.signer.clone()
            };
            vec![
                row.name.clone(),
                row.subject.clone(),
                signer,
                row.key.clone(),
                row.not_after.to_string(),
            ]
        })
        .collect();
    table(&["NAME", "SUBJECT", "SIGNER", "KEY", "ENDS"], &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = vec![
            vec!["a".into(), "bbb".into()],
            vec!["cccc".into(), "d".into()],
        ];
        assert_eq!(
            table(&["X", "Y"], &rows),
            "  X     Y\n  a     bbb\n  cccc  d\n"
        );
    }
}
