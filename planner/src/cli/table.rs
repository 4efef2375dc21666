//! Tables in text output.

use kubeplan_terminal::{Text, table};

use crate::plan::CertificateRow;

/// A table of certificates with their lifetimes.
pub(super) fn certificates(rows: &[CertificateRow]) -> Text {
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
