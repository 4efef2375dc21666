//! Recognises exact versions.

/// Whether `text` is `X.Y.Z`, optionally with a pre-release or build part of semantic versioning.
#[must_use]
pub fn is_semantic_version(text: &str) -> bool {
    let core_end = text.find(['-', '+']).unwrap_or(text.len());
    let (core, rest) = text.split_at(core_end);
    let number = |part: &str| {
        !part.is_empty()
            && part.len() <= 9
            && part.bytes().all(|b| b.is_ascii_digit())
            && (part == "0" || !part.starts_with('0'))
    };
    let parts: Vec<&str> = core.split('.').collect();
    let (pre_release, build) = rest
        .split_once('+')
        .map_or((rest, None), |(pre, build)| (pre, Some(build)));
    let identifiers = |text: &str| {
        text.split('.').all(|part| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        })
    };
    parts.len() == 3
        && parts.into_iter().all(number)
        && pre_release
            .strip_prefix('-')
            .map_or(pre_release.is_empty(), identifiers)
        && build.is_none_or(identifiers)
}

#[cfg(test)]
mod tests {
    use super::is_semantic_version;

    #[test]
    fn only_full_versions_are_exact() {
        for good in [
            "1.36.2",
            "1.36.0-rc.1",
            "1.36.3-alpha.0.5+abc",
            "1.36.2+build",
        ] {
            assert!(is_semantic_version(good), "{good}");
        }
        for bad in [
            "1.36", "stable-1", "01.36.2", "1.36.2.1", "1.36.2-", "1.36.x", "", "1.36.2+",
            "1.36.2 ",
        ] {
            assert!(!is_semantic_version(bad), "{bad}");
        }
    }
}
