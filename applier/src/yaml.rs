//! Reading YAML, within the budget that both programs have.
//!
//! In: the text of a file, an object or a document of the cluster. Out: what it says, or the parser's error. Aliases count with everything that
//! they stand for ([`kubeplan_bundle::yaml_budget`]), so a short text takes little memory whatever it says. The parser is called here alone.

use kubeplan_bundle::yaml_budget::{
    MAX_ALIASES, MAX_BYTES, MAX_DEPTH, MAX_DOCUMENTS, MAX_VALUES, OverBudget,
};
use serde::de::DeserializeOwned;
use serde_yaml::budget::BudgetBreach;
use serde_yaml::{Error, Options};

/// Parses one document.
///
/// # Errors
/// The parser's, which repeats parts of the text; [`without_text`] does not.
pub(crate) fn from_str<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    serde_yaml::from_str_with_options(text, options())
}

/// Parses every document.
///
/// # Errors
/// As [`from_str`].
pub(crate) fn from_multiple<T: DeserializeOwned>(text: &str) -> Result<Vec<T>, Error> {
    serde_yaml::from_multiple_with_options(text, options())
}

/// What is wrong, without any of the text: the limit that is passed with what to do, or the place that is not YAML.
pub(crate) fn without_text(error: &Error) -> String {
    if let Some(over) = over_budget(error) {
        return format!("it has {over}; {}", over.hint());
    }
    error.location().map_or_else(
        || "it is not YAML".to_owned(),
        |at| {
            format!(
                "it is not YAML (line {}, column {})",
                at.line(),
                at.column()
            )
        },
    )
}

/// What is wrong and in which line, in one line: without the frame of source lines that the parser's own message has. For files
/// that hold no secrets: names and values are repeated.
pub(crate) fn in_one_line(error: &Error) -> String {
    if let Some(over) = over_budget(error) {
        return format!("it has {over}; {}", over.hint());
    }
    let plain = error.without_snippet().render();
    let message = plain.lines().next().unwrap_or_default();
    let Some(at) = error.location() else {
        return message.to_owned();
    };
    let place = format!(" at line {}, column {}", at.line(), at.column());
    format!("line {}: {}", at.line(), message.replace(&place, ""))
}

/// The limit that is passed, if that is what is wrong.
pub(crate) fn over_budget(error: &Error) -> Option<OverBudget> {
    match error {
        // What it is said about, and where.
        Error::WithSnippet { error, .. } | Error::AliasError { error, .. } => over_budget(error),
        Error::Budget { breach, .. } => match breach {
            BudgetBreach::Depth { .. } => Some(OverBudget::Depth),
            BudgetBreach::Documents { .. } => Some(OverBudget::Documents),
            BudgetBreach::ScalarBytes { .. } | BudgetBreach::RecordedAnchorBytes { .. } => {
                Some(OverBudget::Bytes)
            }
            BudgetBreach::Events { .. }
            | BudgetBreach::Nodes { .. }
            | BudgetBreach::RecordedAnchorEvents { .. } => Some(OverBudget::Values),
            BudgetBreach::Aliases { .. }
            | BudgetBreach::Anchors { .. }
            | BudgetBreach::MergeKeys { .. } => Some(OverBudget::Aliases),
            _ => None,
        },
        Error::AliasReplayLimitExceeded { .. } => Some(OverBudget::Values),
        _ => None,
    }
}

fn options() -> Options {
    // A value is up to two events: where it begins and where it ends.
    let events = 2 * MAX_VALUES + 2 * MAX_DOCUMENTS;
    serde_yaml::options! {
        budget: serde_yaml::budget! {
            max_depth: MAX_DEPTH,
            max_documents: MAX_DOCUMENTS,
            max_events: events,
            max_nodes: MAX_VALUES,
            max_total_scalar_bytes: MAX_BYTES,
            max_recorded_anchor_events: events,
            max_recorded_anchor_bytes: MAX_BYTES,
            max_aliases: MAX_ALIASES,
            max_anchors: MAX_ALIASES,
            max_merge_keys: MAX_ALIASES,
            // What aliases stand for is counted, which says more.
            enforce_alias_anchor_ratio: false,
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn over(text: &str) -> Option<OverBudget> {
        over_budget(&from_str::<Value>(text).err()?)
    }

    #[test]
    fn an_alias_counts_with_what_it_stands_for() {
        let anchors: String = (0..200)
            .map(|n| format!("a{n}: &a{n} {}\n", "x".repeat(4096)))
            .collect();
        let aliases = |times: usize| -> String {
            let all: Vec<String> = (0..200).map(|n| format!("*a{n}")).collect();
            format!("{anchors}b: [{}]\n", vec![all.join(", "); times].join(", "))
        };
        assert_eq!(over(&aliases(1)), None);
        assert_eq!(over(&aliases(10)), Some(OverBudget::Bytes));
        let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..9 {
            let previous = format!("*a{}", level - 1);
            let ten = [previous.as_str(); 10].join(", ");
            laughs += &format!("a{level}: &a{level} [{ten}]\n");
        }
        assert_eq!(over(&laughs), Some(OverBudget::Values));
        let one = format!("a: [&a {}{}]", "x".repeat(20_000), ", *a".repeat(2_000));
        let error = from_str::<Value>(&one).unwrap_err();
        assert_eq!(over_budget(&error), Some(OverBudget::Bytes), "{error:?}");
    }

    #[test]
    fn what_is_wrong_fits_into_one_line() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Known {
            #[serde(rename = "authors")]
            _authors: u32,
        }
        for text in [
            "authors: 1\nauthor: 2\n",
            "authors: 1\nauthors: 2\n",
            "authors: [\n",
            "# none\nauthors: x\n",
        ] {
            let error = from_str::<Known>(text).unwrap_err();
            let line = in_one_line(&error);
            assert!(
                line.starts_with("line ") && !line.contains('\n') && !line.contains("-->"),
                "{line}"
            );
            assert_eq!(line.matches("line ").count(), 1, "{line}");
        }
        let error = from_str::<Known>("authors: 1\nauthor: 2\n").unwrap_err();
        let line = in_one_line(&error);
        assert!(line.starts_with("line 2: unknown field `author`"), "{line}");
    }

    #[test]
    fn other_limits_are_named_too() {
        let deep = "[".repeat(MAX_DEPTH + 1) + &"]".repeat(MAX_DEPTH + 1);
        assert_eq!(over(&deep), Some(OverBudget::Depth));
        let flood = format!("[{}]", "0,".repeat(MAX_VALUES));
        assert_eq!(over(&flood), Some(OverBudget::Values));
        let documents = "---\na: 1\n".repeat(MAX_DOCUMENTS + 1);
        let error = from_multiple::<Value>(&documents).unwrap_err();
        assert_eq!(over_budget(&error), Some(OverBudget::Documents));
        let text = without_text(&error);
        assert!(
            text.starts_with("it has more than 1000 documents; "),
            "{text}"
        );
        assert_eq!(over("a: ["), None);
    }
}
