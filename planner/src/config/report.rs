//! Collects findings: all errors and warnings about a configuration, to report them at once.
//!
//! In: findings of any stage. Out: a [`Report`], sorted by file and line, for people (`Display`) and machines
//! (serde). Messages name fields and places; values of secret fields never get here.

use std::fmt;

use kubeplan_terminal::{Escaped, Text};
use serde::Serialize;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// An error: nothing is planned.
    Error,
    /// A warning: the plan is made.
    Warning,
}

/// One error or warning about one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Error or warning.
    pub severity: Severity,
    /// The file as the user named it, `-` for standard input; empty if there is no file.
    pub file: String,
    /// Line, from 1, if the finding is about one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// Column, from 1, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u64>,
    /// Field path such as `ClusterConfiguration.networking.serviceSubnet`; empty if the finding is not about a field.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// What is wrong; starts with a lower-case letter.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// Every finding, sorted by file and line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    findings: Vec<Finding>,
}

impl Report {
    /// Adds a finding.
    pub fn push(&mut self, finding: Finding) {
        let key = |f: &Finding| (f.file.clone(), f.line, f.column, f.severity);
        let new = key(&finding);
        let at = self.findings.partition_point(|old| key(old) <= new);
        self.findings.insert(at, finding);
    }

    /// Adds all findings of `other`.
    pub fn extend(&mut self, other: Self) {
        for finding in other.findings {
            self.push(finding);
        }
    }

    /// The findings, sorted.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The findings as text: one line for each, and one for each hint.
    #[must_use]
    pub fn text(&self) -> Text {
        let mut text = Text::new();
        for finding in &self.findings {
            text.line(Line(finding));
            text.extend(finding.hint.iter().map(|hint| format!("  hint: {hint}")));
        }
        text
    }

    /// Whether there are no findings.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.findings.is_empty()
    }

    /// Whether any finding is an error.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.findings
            .iter()
            .any(|finding| finding.severity == Severity::Error)
    }
}

/// A finding without its hint.
struct Line<'a>(&'a Finding);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let finding = self.0;
        f.write_str(match finding.severity {
            Severity::Error => "error: ",
            Severity::Warning => "warning: ",
        })?;
        if !finding.file.is_empty() {
            write!(f, "{}:", finding.file)?;
            if let Some(line) = finding.line {
                write!(f, "{line}:")?;
            }
            f.write_str(" ")?;
        }
        if !finding.path.is_empty() {
            write!(f, "{}: ", finding.path)?;
        }
        f.write_str(&finding.message)
    }
}

impl fmt::Display for Finding {
    /// Writes one line, and a second one for the hint. Escapes names and values from the configuration, so they cannot break lines.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Escaped(Line(self)))?;
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {}", Escaped(hint))?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, finding) in self.findings.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{finding}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Report {}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(file: &str, line: u64, severity: Severity) -> Finding {
        Finding {
            severity,
            file: file.into(),
            line: Some(line),
            column: None,
            path: "ClusterConfiguration.networking.servicSubnet".into(),
            message: "unknown field".into(),
            hint: Some("did you mean `serviceSubnet`?".into()),
        }
    }

    #[test]
    fn findings_are_sorted_and_printed_with_place_and_hint() {
        let mut report = Report::default();
        report.push(finding("b.yaml", 1, Severity::Warning));
        report.push(finding("a.yaml", 12, Severity::Error));
        report.push(finding("a.yaml", 3, Severity::Error));
        let lines: Vec<_> = report.findings().iter().map(|f| f.line).collect();
        assert_eq!(lines, [Some(3), Some(12), Some(1)]);
        assert!(report.to_string().contains(
            "error: a.yaml:12: ClusterConfiguration.networking.servicSubnet: unknown field\n  hint: did you mean `serviceSubnet`?\nwarning: b.yaml:1: "
        ));
        assert_eq!(report.text().as_str(), format!("{report}\n"));
        assert!(report.has_errors());
    }

    #[test]
    fn text_from_a_configuration_does_not_break_lines() {
        let mut report = Report::default();
        report.push(Finding {
            path: "a\nb".into(),
            message: "unknown field `\u{1b}[2J`".into(),
            hint: Some("x\ry".into()),
            ..finding("c\nd.yaml", 1, Severity::Error)
        });
        let expected = "error: c\\nd.yaml:1: a\\nb: unknown field `\\u{1b}[2J`\n  hint: x\\ry";
        assert_eq!(report.to_string(), expected);
        assert_eq!(report.text().as_str(), format!("{expected}\n"));
    }

    #[test]
    fn json_omits_unknown_lines_columns_and_hints() {
        let mut one = finding("", 1, Severity::Warning);
        one.line = None;
        one.hint = None;
        assert_eq!(
            serde_json::to_value(&one).unwrap(),
            serde_json::json!({"severity": "warning", "file": "", "path": one.path, "message": "unknown field"})
        );
    }
}
