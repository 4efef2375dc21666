//! Reads the documents of a text one by one, if the text as a whole is not valid YAML.
//!
//! In: a text that [`read::read_within`] refuses. Out: for each part between lines that start a document (`---`) its documents or
//! its error, so that one wrong document does not hide what is wrong with the others. Lines keep their numbers. A text with
//! directives (`%YAML`) is not cut, because a directive is about the document after it.

use kubeplan_bundle::yaml_budget::Budget;

use super::read::{self, Node, ReadError};

/// Reads each part of `text`. Values of all parts are subtracted from `budget`.
///
/// Returns `None` if the text cannot be cut: it has a single document, directives, or is too large.
#[must_use]
pub fn read_apart(text: &str, budget: &mut Budget) -> Option<Vec<Result<Vec<Node>, ReadError>>> {
    let parts = parts(text)?;
    let mut results = Vec::new();
    for part in &parts {
        let result = read::read_within(part, budget);
        if matches!(result, Err(ReadError::OverBudget { .. })) {
            return None;
        }
        results.push(result);
    }
    // The whole is wrong, so a part must be: otherwise the cuts are wrong, such as in a quoted text.
    results.iter().any(Result::is_err).then_some(results)
}

/// The parts of the text, each preceded by as many line ends as lines stand before it.
fn parts(text: &str) -> Option<Vec<String>> {
    let starts = |line: &str| {
        line.strip_prefix("---")
            .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
    };
    if text.len() > MAX_CUT {
        return None;
    }
    let mut parts = vec![String::new()];
    for (number, line) in text.split_inclusive('\n').enumerate() {
        if line.starts_with('%') {
            return None;
        }
        if starts(line) && number > 0 {
            if parts.len() > MAX_PARTS {
                return None;
            }
            parts.push("\n".repeat(number));
        }
        if let Some(part) = parts.last_mut() {
            part.push_str(line);
        }
    }
    (parts.len() > 1).then_some(parts)
}

/// The most parts: the line ends before each are text to read.
const MAX_PARTS: usize = 20;
/// The largest text that is cut, in bytes.
const MAX_CUT: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::read::Position;

    fn read_parts(text: &str) -> Option<Vec<Result<usize, u64>>> {
        assert!(read::read(text).is_err(), "{text}");
        let results = read_apart(text, &mut Budget::default())?;
        let short = results.into_iter().map(|result| {
            result
                .map(|documents| documents.len())
                .map_err(|error| error.position().map_or(0, |at: Position| at.line))
        });
        Some(short.collect())
    }

    #[test]
    fn a_wrong_document_is_read_apart_from_the_others() {
        for (text, expected) in [
            ("a: 1\n---\nb: [\n---\nc: 1\n", vec![Ok(1), Err(4), Ok(1)]),
            ("a: [}\n---\r\nb: 1\r\n", vec![Err(1), Ok(1)]),
            ("---\na: 1\n--- # x\n? [b]\n: 1\n", vec![Ok(1), Err(4)]),
            ("a: *x\n---\n b: 1\n  c: 1\n", vec![Err(1), Err(4)]),
        ] {
            let found = read_parts(text).unwrap();
            assert_eq!(found.len(), expected.len(), "{text}");
            for (found, expected) in found.iter().zip(&expected) {
                assert_eq!(found.is_ok(), expected.is_ok(), "{text} {found:?}");
                assert!(found.is_err() || found == expected, "{text} {found:?}");
            }
        }
    }

    #[test]
    fn lines_are_those_of_the_whole_text() {
        let text = "a: 1\n---\nb: 1\n---\nc: !x 1\n";
        assert_eq!(read_parts(text), Some(vec![Ok(1), Ok(1), Err(5)]));
        let results = read_apart("a: !x 1\n---\n\nb: 1\n", &mut Budget::default()).unwrap();
        let documents = results[1].as_ref().unwrap();
        assert_eq!(documents[0].position.line, 4);
    }

    #[test]
    fn a_text_is_cut_only_where_documents_start() {
        for text in [
            "a: [\n",
            "%YAML 1.1\n---\na: [\n---\nb: 1\n",
            &format!("a: [{}", "\n---\nb: 1".repeat(MAX_PARTS + 1)),
        ] {
            assert_eq!(read_parts(text), None, "{text}");
        }
    }
}
