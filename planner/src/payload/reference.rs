//! Names of images, normalised as containerd stores them.
//!
//! Source: github.com/distribution/reference `normalize.go` (`splitDockerDomain`, `ParseDockerRef`): the CRI looks an image up by
//! what `ParseDockerRef` makes of its name. A record under another spelling is not found, or leaves a ghost.

use std::fmt;

use crate::kubeadm::image_reference::is_reference;

/// An image's name in full: registry, path, and a tag or a digest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    repository: String,
    tag: Option<String>,
    digest: Option<String>,
}

impl Reference {
    /// Reads a name as users write it: `nginx`, `team/app:1`, `registry.example.com/app@sha256:…`; `None` if it is not valid.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if !is_reference(text) || is_identifier(text) {
            return None;
        }
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest.to_owned())),
            None => (text, None),
        };
        let last = name.rfind('/').map_or(0, |at| at + 1);
        let (name, tag) = match name.get(last..)?.split_once(':') {
            Some((base, tag)) => (name.get(..last + base.len())?, Some(tag.to_owned())),
            None => (name, None),
        };
        let repository = in_full(name);
        // `Docker.io/x` is a host only if the runtime's parser takes it as one, too.
        is_reference(&repository).then_some(Self {
            repository,
            tag,
            digest,
        })
    }

    /// The name under which containerd keeps the image: with a digest the tag is dropped, without either it is `latest`.
    #[must_use]
    pub fn stored(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => format!("{}@{digest}", self.repository),
            (None, Some(tag)) => format!("{}:{tag}", self.repository),
            (None, None) => format!("{}:latest", self.repository),
        }
    }

    /// Registry and path, such as `docker.io/library/nginx`.
    #[must_use]
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag: what is written, or `latest` if there is no digest either.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        match (&self.tag, &self.digest) {
            (Some(tag), _) => Some(tag),
            (None, None) => Some("latest"),
            (None, Some(_)) => None,
        }
    }

    /// Whether neither tag nor digest is written.
    #[must_use]
    pub const fn is_bare(&self) -> bool {
        self.tag.is_none() && self.digest.is_none()
    }

    /// The digest, such as `sha256:…`.
    #[must_use]
    pub fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }
}

impl fmt::Display for Reference {
    /// The name in full with all that is written: also a tag beside a digest.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.repository)?;
        if let Some(tag) = self.tag() {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

/// Adds Docker Hub's address and its `library`.
fn in_full(name: &str) -> String {
    let (host, path) = match name.split_once('/') {
        Some((first, rest)) if is_host(first) => (first, rest),
        _ => ("docker.io", name),
    };
    let host = if host == "index.docker.io" {
        "docker.io"
    } else {
        host
    };
    if host == "docker.io" && !path.contains('/') {
        format!("docker.io/library/{path}")
    } else {
        format!("{host}/{path}")
    }
}

/// Whether the first part of a name is a registry's address.
fn is_host(first: &str) -> bool {
    first.contains(['.', ':']) || first == "localhost" || first != first.to_ascii_lowercase()
}

/// Whether `text` looks like an image's ID, which is not a name.
fn is_identifier(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_stored_as_containerd_stores_them() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        for (written, stored) in [
            ("nginx", "docker.io/library/nginx:latest"),
            ("nginx:1", "docker.io/library/nginx:1"),
            ("team/app:1", "docker.io/team/app:1"),
            ("index.docker.io/nginx:1", "docker.io/library/nginx:1"),
            ("docker.io/nginx", "docker.io/library/nginx:latest"),
            ("localhost/a:1", "localhost/a:1"),
            ("localhost:5000/a", "localhost:5000/a:latest"),
            ("registry.k8s.io/pause:3.10", "registry.k8s.io/pause:3.10"),
            ("Reg/app:1", "Reg/app:1"),
            (
                &format!("nginx:1@{digest}"),
                &format!("docker.io/library/nginx@{digest}"),
            ),
            (
                &format!("a.example/b@{digest}"),
                &format!("a.example/b@{digest}"),
            ),
        ] {
            let reference = Reference::parse(written).unwrap();
            assert_eq!(reference.stored(), stored, "{written}");
        }
    }

    #[test]
    fn what_a_runtime_cannot_read_is_not_a_name() {
        for text in [
            "",
            "Nginx",
            "a b",
            "https://a/b",
            &"0a".repeat(32),
            ":1",
            "a:b:c",
        ] {
            assert_eq!(Reference::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_tag_beside_a_digest_is_shown_and_not_stored() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        let reference = Reference::parse(&format!("app:1@{digest}")).unwrap();
        assert_eq!(reference.tag(), Some("1"));
        assert_eq!(
            reference.to_string(),
            format!("docker.io/library/app:1@{digest}")
        );
        assert_eq!(Reference::parse("app").unwrap().tag(), Some("latest"));
    }
}
