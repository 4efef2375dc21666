//! What differs between Kubernetes releases, as one table.
//!
//! Every version-specific value of the planner is a column here; nothing else compares versions.

/// One supported Kubernetes minor and everything that differs for it.
#[derive(Debug, PartialEq, Eq)]
pub struct Release {
    /// The minor: 36 for 1.36.
    pub minor: u64,
    /// Tag of the etcd image.
    pub etcd_image_tag: &'static str,
    /// Tag of the CoreDNS image.
    pub coredns_image_tag: &'static str,
    /// Tag of the pause image.
    pub pause_image_tag: &'static str,
    /// Where these values were read.
    pub source: &'static str,
}

/// The supported releases, oldest first.
pub const RELEASES: &[Release] = &[Release {
    minor: 36,
    etcd_image_tag: "3.6.8-0",
    coredns_image_tag: "v1.14.2",
    pause_image_tag: "3.10.2",
    source: "kubeadm v1.36.2, cmd/kubeadm/app/constants/constants.go",
}];

/// The minors for which a row of some table holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    since: Option<u64>,
    until: Option<u64>,
}

impl Span {
    /// Every supported release.
    pub const ALL: Self = Self {
        since: None,
        until: None,
    };

    /// `1.<minor>` and later.
    #[must_use]
    pub const fn since(minor: u64) -> Self {
        Self {
            since: Some(minor),
            until: None,
        }
    }

    /// Up to and including `1.<minor>`.
    #[must_use]
    pub const fn until(self, minor: u64) -> Self {
        Self {
            since: self.since,
            until: Some(minor),
        }
    }

    /// Whether it holds for `release`.
    #[must_use]
    pub fn contains(self, release: &Release) -> bool {
        self.since.is_none_or(|since| release.minor >= since)
            && self.until.is_none_or(|until| release.minor <= until)
    }

    /// Whether it holds for any release at all.
    #[must_use]
    pub fn is_possible(self) -> bool {
        match (self.since, self.until) {
            (Some(since), Some(until)) => since <= until,
            _ => true,
        }
    }
}

/// The release of `1.<minor>`, if it is supported.
#[must_use]
pub fn find(minor: u64) -> Option<&'static Release> {
    RELEASES.iter().find(|release| release.minor == minor)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test reads the sources")]
mod tests {
    use std::path::Path;

    use super::*;

    /// Source files that may compare minors: the tables.
    const TABLES: &[&str] = &["releases.rs", "static_pod/flags.rs"];

    #[test]
    fn releases_are_contiguous_and_have_a_source() {
        for pair in RELEASES.windows(2) {
            assert_eq!(pair[0].minor + 1, pair[1].minor);
        }
        assert!(RELEASES.iter().all(|release| !release.source.is_empty()));
        assert_eq!(find(36).map(|release| release.minor), Some(36));
        assert_eq!(find(12), None);
    }

    #[test]
    fn a_span_holds_between_its_ends() {
        let release = &RELEASES[0];
        assert!(Span::ALL.contains(release));
        assert!(Span::since(36).contains(release));
        assert!(Span::since(33).until(36).contains(release));
        assert!(!Span::since(37).contains(release));
        assert!(!Span::ALL.until(35).contains(release));
        assert!(!Span::since(37).until(36).is_possible());
    }

    /// Whether a line of code compares a minor with something.
    fn compares_minors(line: &str) -> bool {
        let code = line.split("//").next().unwrap_or_default();
        let tokens: Vec<&str> = code.split_whitespace().collect();
        tokens.windows(3).any(|window| {
            matches!(window[1], "<" | ">" | "<=" | ">=" | "==" | "!=")
                && [window[0], window[2]].iter().any(|side| {
                    side.trim_end_matches([')', ',', ';', '?', '{'])
                        .rsplit(['.', '(', ':', '*', '&'])
                        .next()
                        .is_some_and(|word| word == "minor")
                })
        })
    }

    fn offenders(folder: &Path, root: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                offenders(&path, root, found);
                continue;
            }
            let name = path
                .strip_prefix(root)
                .unwrap()
                .to_string_lossy()
                .replace('\\', "/");
            if !name.ends_with(".rs") || TABLES.contains(&name.as_str()) {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for (number, line) in text.lines().enumerate() {
                if compares_minors(line) {
                    found.push(format!("{name}:{}: {}", number + 1, line.trim()));
                }
            }
        }
    }

    #[test]
    fn only_the_tables_compare_minors() {
        assert!(compares_minors("if config.release.minor >= 36 {"));
        assert!(compares_minors("    .filter(|r| 35 < r.minor)"));
        assert!(!compares_minors(
            "let minor = release.minor; // minor >= 36"
        ));
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut found = Vec::new();
        offenders(&root, &root, &mut found);
        assert!(found.is_empty(), "{found:#?}");
    }
}
