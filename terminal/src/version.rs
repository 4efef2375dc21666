//! What `--version` says: enough to tell which bundles a program reads, and which source it was built from.

use std::fmt::Write as _;

use kubeplan_bundle::index::FORMAT;
use kubeplan_bundle::step::features;

/// The commit of the source, if the build was given it in the environment variable `KUBEPLAN_COMMIT`. The build itself asks
/// no version control, so that it gives the same bytes from an archive of the source.
const COMMIT: Option<&str> = option_env!("KUBEPLAN_COMMIT");

/// The version, the commit, the format of bundles and the features that a bundle may require, one in a line. No part of it gets into a
/// bundle.
#[must_use]
pub fn long_version(version: &str) -> String {
    let commit = COMMIT.filter(|commit| !commit.is_empty());
    let mut text = format!(
        "{version}\ncommit: {}\nbundle format: {FORMAT}\nfeatures that a bundle may require:",
        commit.unwrap_or("not recorded by the build")
    );
    for feature in features() {
        // Writing to a `String` does not fail.
        let _ = write!(text, "\n  {feature}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_feature_has_a_line_after_version_commit_and_format() {
        let text = long_version("1.2.3");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "1.2.3");
        assert!(lines[1].starts_with("commit: "), "{text}");
        assert_eq!(lines[2], format!("bundle format: {FORMAT}"));
        let named: Vec<&str> = lines[4..].iter().map(|line| line.trim()).collect();
        assert_eq!(named, features().collect::<Vec<_>>());
        assert!(named.contains(&"step:preflight/1"), "{text}");
    }
}
