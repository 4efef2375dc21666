//! The grammar of image references: what a container runtime can read.
//!
//! Source: github.com/distribution/reference, with which the kubelet, containerd and CRI-O parse. A registry's host may have upper-case
//! letters; a path may not.

/// Whether `text` is a valid image reference: `[host/]path[:tag][@digest]`.
#[must_use]
pub fn is_reference(text: &str) -> bool {
    let (name, digest) = text
        .split_once('@')
        .map_or((text, None), |(name, digest)| (name, Some(digest)));
    // A colon before the last slash belongs to the registry's port.
    let path_at = name.rfind('/').map_or(0, |at| at + 1);
    let tag_at = name.get(path_at..).and_then(|last| last.find(':'));
    let (repository, tag) = match tag_at {
        Some(at) => (
            name.get(..path_at + at).unwrap_or_default(),
            name.get(path_at + at + 1..),
        ),
        None => (name, None),
    };
    let without_host = repository.split_once('/').is_some() || is_path_component(repository);
    repository.len() <= MAX_NAME
        && without_host
        && is_repository(repository)
        && tag.is_none_or(|tag| is_tag(tag) && !tag.contains('@'))
        && digest.is_none_or(is_digest)
}

/// The longest name of an image without tag and digest, in bytes.
const MAX_NAME: usize = 255;

/// Whether `<repository>/name:tag` is a valid image reference (grammar of github.com/distribution/reference).
#[must_use]
pub fn is_repository(repository: &str) -> bool {
    let (first, rest) = match repository.split_once('/') {
        Some((first, rest)) => (first, Some(rest)),
        None => (repository, None),
    };
    (is_path_component(first) || is_registry(first))
        && rest.is_none_or(|rest| rest.split('/').all(is_path_component))
}

/// Whether `name:<tag>` is a valid image reference: a tag, or a tag and a digest.
#[must_use]
pub fn is_tag(text: &str) -> bool {
    let (tag, digest) = text
        .split_once('@')
        .map_or((text, None), |(tag, digest)| (tag, Some(digest)));
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let inner = |b: u8| word(b) || matches!(b, b'.' | b'-');
    (1..=128).contains(&tag.len())
        && tag.bytes().all(inner)
        && tag.bytes().next().is_some_and(word)
        && digest.is_none_or(is_digest)
}

/// The algorithms of digests (github.com/opencontainers/go-digest), and how many hexadecimal digits they have.
const DIGESTS: [(&str, usize); 3] = [("sha256", 64), ("sha384", 96), ("sha512", 128)];

/// Whether `text` is an algorithm, `:`, and its number of lower-case hexadecimal digits.
fn is_digest(text: &str) -> bool {
    text.split_once(':').is_some_and(|(algorithm, digits)| {
        let hexadecimal = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        DIGESTS.contains(&(algorithm, digits.len())) && digits.bytes().all(hexadecimal)
    })
}

/// Lower-case letters and digits, separated by `.`, `_`, `__` or any number of `-`.
fn is_path_component(text: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.starts_with(alphanumeric)
        && text.ends_with(alphanumeric)
        && text.split(alphanumeric).all(|separator| {
            matches!(separator, "" | "." | "_" | "__") || separator.bytes().all(|b| b == b'-')
        })
}

/// A registry's host, in brackets if it is IPv6, with an optional port.
fn is_registry(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if let Some(rest) = text.strip_prefix('[') {
        let Some((address, after)) = rest.split_once(']') else {
            return false;
        };
        let hexadecimal =
            !address.is_empty() && address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':');
        return hexadecimal && (after.is_empty() || after.strip_prefix(':').is_some_and(digits));
    }
    let (host, port) = text
        .split_once(':')
        .map_or((text, None), |(host, port)| (host, Some(port)));
    host.split('.').all(|label| {
        !label.is_empty()
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    }) && port.is_none_or(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_follow_the_reference_grammar() {
        for good in [
            "registry.k8s.io",
            "registry.example.com:5000/k8s",
            "localhost/a__b/c-d",
            "Registry.Example.com/k8s",
            "[fd00::1]:5000/k8s",
            "k8s",
            "a.b/c---d",
        ] {
            assert!(is_repository(good), "{good}");
        }
        for bad in [
            "",
            "https://registry.k8s.io",
            "registry.k8s.io/",
            "registry.k8s.io/K8s",
            "a/b:tag",
            "a//b",
            "a/b___c",
            "a b",
            "host:port/x",
            "-a/b",
        ] {
            assert!(!is_repository(bad), "{bad}");
        }
    }

    #[test]
    fn references_follow_the_reference_grammar() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        for good in [
            "registry.k8s.io/kube-apiserver:v1.36.2",
            "kube-apiserver",
            "localhost:5000/a/b",
            "[fd00::1]:5000/k8s/etcd:3.6.8-0",
            "My.Repo/etcd:3",
            &format!("registry.k8s.io/etcd:3.6@{digest}"),
            &format!("registry.k8s.io/etcd@{digest}"),
            &format!("registry.k8s.io/etcd@sha384:{}", "0a".repeat(48)),
            &format!("registry.k8s.io/etcd:3.6@sha512:{}", "0a".repeat(64)),
        ] {
            assert!(is_reference(good), "{good}");
        }
        for bad in [
            "",
            " registry.k8s.io/etcd",
            "https://registry.k8s.io/etcd",
            "registry.k8s.io/Etcd",
            "Etcd",
            "registry.k8s.io/etcd:",
            "registry.k8s.io/etcd:a:b",
            "registry.k8s.io/etcd@sha256:0a",
            &format!("registry.k8s.io/etcd@sha384:{}", "0a".repeat(32)),
            &format!("registry.k8s.io/etcd@sha512:{}", "0A".repeat(64)),
            &format!("registry.k8s.io/etcd@sha224:{}", "0a".repeat(28)),
            "registry.k8s.io/",
            &format!("registry.k8s.io/{}", "a".repeat(255)),
        ] {
            assert!(!is_reference(bad), "{bad}");
        }
    }
}
