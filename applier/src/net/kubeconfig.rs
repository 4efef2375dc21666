//! A kubeconfig on the host: the identity that it gives its reader, and the servers that it trusts.
//!
//! In: the file's text, and a function that reads the files it names. Out: the identity of its current context.
//! Plugins (`exec`, `auth-provider`), passwords and proxies are refused: what a bundle puts on a host has none, and a
//! program started from a file is no part of a plan. A kubeconfig that does not verify its server is refused too.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kubeplan_bundle::path::HostPath;
use kubeplan_bundle::secret::SecretBytes;
use serde_json::Value;

use super::json::Json;
use crate::host::{HostError, Root, RootPath};

/// Far more than a kubeconfig or a file it names has.
const LIMIT: u64 = 1024 * 1024;

/// Why a kubeconfig is of no use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KubeconfigError {
    /// It cannot be read.
    #[error(transparent)]
    Host(#[from] HostError),
    /// It, or a file it names, does not exist.
    #[error("`{0}` does not exist")]
    Missing(String),
    /// It is not what it should be.
    #[error("the kubeconfig `{path}` cannot be used: {reason}")]
    Unusable {
        /// Where.
        path: String,
        /// Why; nothing of its values.
        reason: String,
    },
}

/// Who a kubeconfig makes of its reader.
pub(crate) struct Identity {
    /// The user's name in the file, for messages.
    pub(crate) user: String,
    /// The CA certificates that the API server's certificate is verified with, PEM.
    pub(crate) authority: SecretBytes,
    /// How the reader proves who he is.
    pub(crate) proof: Proof,
}

/// How a client proves who it is.
#[derive(Clone)]
pub(crate) enum Proof {
    /// With a certificate and its key, PEM each.
    Certificate {
        /// The certificate with its chain.
        chain: SecretBytes,
        /// The private key.
        key: SecretBytes,
    },
    /// With a bearer token.
    Token(SecretBytes),
    /// Not at all.
    Anonymous,
}

/// A parsed kubeconfig and where it was.
pub(crate) struct Kubeconfig {
    path: HostPath,
    pub(crate) content: Json,
}

impl Kubeconfig {
    /// Reads the file at `path` below the root; `None` if it does not exist.
    ///
    /// # Errors
    /// [`KubeconfigError`].
    pub(crate) fn read(
        root: &Root,
        path: &HostPath,
    ) -> Result<Option<(Self, SecretBytes)>, KubeconfigError> {
        let Some(text) = root.read(&RootPath::from(path), LIMIT)? else {
            return Ok(None);
        };
        Ok(Some((Self::parse(path, &text)?, text)))
    }

    /// Parses the text of the file at `path`.
    ///
    /// # Errors
    /// [`KubeconfigError::Unusable`].
    pub(crate) fn parse(path: &HostPath, text: &SecretBytes) -> Result<Self, KubeconfigError> {
        let content =
            Json::parse_yaml(text.expose()).map_err(|reason| KubeconfigError::Unusable {
                path: path.to_string(),
                reason,
            })?;
        Ok(Self {
            path: path.clone(),
            content,
        })
    }

    /// It cannot be used, for this reason.
    pub(crate) fn unusable(&self, reason: impl Into<String>) -> KubeconfigError {
        KubeconfigError::Unusable {
            path: self.path.to_string(),
            reason: reason.into(),
        }
    }

    /// The position and name of the item of `list` with this name.
    fn find(&self, list: &str, name: &str) -> Result<usize, KubeconfigError> {
        self.content
            .at([list])
            .and_then(Value::as_array)
            .and_then(|items| {
                items
                    .iter()
                    .position(|item| item.get("name").and_then(Value::as_str) == Some(name))
            })
            .ok_or_else(|| self.unusable(format!("its list `{list}` has no `{name}`")))
    }

    /// What the current context says of `field` (`user` or `cluster`).
    fn current(&self, field: &str) -> Result<&str, KubeconfigError> {
        let name = self.content.text(["current-context"]);
        if name.is_empty() {
            return Err(self.unusable("it has no current-context"));
        }
        let context = self.find("contexts", name)?.to_string();
        match self.content.text(["contexts", &context, "context", field]) {
            "" => Err(self.unusable(format!("its context `{name}` has no {field}"))),
            found => Ok(found),
        }
    }

    /// The name of the current context's user, and its position in the list of users.
    ///
    /// # Errors
    /// [`KubeconfigError::Unusable`].
    pub(crate) fn current_user(&self) -> Result<(String, usize), KubeconfigError> {
        let name = self.current("user")?;
        Ok((name.to_owned(), self.find("users", name)?))
    }

    /// The URL of the current context's server.
    ///
    /// # Errors
    /// [`KubeconfigError::Unusable`] if there is none, or it is not reached over TLS.
    pub(crate) fn server(&self) -> Result<&str, KubeconfigError> {
        let position = self.find("clusters", self.current("cluster")?)?.to_string();
        match self
            .content
            .text(["clusters", &position, "cluster", "server"])
        {
            "" => Err(self.unusable("its cluster has no server")),
            url if url.starts_with("https://") => Ok(url),
            _ => Err(self.unusable("its server is not reached by https")),
        }
    }

    /// Who the current context makes of the reader.
    ///
    /// # Errors
    /// [`KubeconfigError`].
    pub(crate) fn identity(&self, root: &Root) -> Result<Identity, KubeconfigError> {
        let (user, position) = self.current_user()?;
        let authority = self.authority(root)?;
        let position = position.to_string();
        let fields = ["users", &position, "user"];
        for plugin in ["exec", "auth-provider", "username"] {
            if self
                .content
                .at(fields)
                .and_then(|f| f.get(plugin))
                .is_some()
            {
                return Err(
                    self.unusable(format!("its user needs `{plugin}`, which is not supported"))
                );
            }
        }
        Ok(Identity {
            user,
            authority,
            proof: self.proof(root)?,
        })
    }

    /// The CA certificates of the current context's cluster, PEM.
    ///
    /// # Errors
    /// [`KubeconfigError`], also if there is none, or the server's certificate is not to be verified.
    pub(crate) fn authority(&self, root: &Root) -> Result<SecretBytes, KubeconfigError> {
        let cluster = self.find("clusters", self.current("cluster")?)?.to_string();
        let cluster = ["clusters", &cluster, "cluster"];
        if self
            .content
            .at(cluster)
            .and_then(|c| c.get("insecure-skip-tls-verify"))
            == Some(&Value::Bool(true))
        {
            return Err(
                self.unusable("its server need not prove who it is (insecure-skip-tls-verify)")
            );
        }
        self.bytes(root, cluster, "certificate-authority")?
            .ok_or_else(|| self.unusable("it names no certificate authority"))
    }

    /// How the current context's user proves who he is.
    ///
    /// # Errors
    /// [`KubeconfigError`].
    pub(crate) fn proof(&self, root: &Root) -> Result<Proof, KubeconfigError> {
        let (_, position) = self.current_user()?;
        let position = position.to_string();
        let fields = ["users", &position, "user"];
        match (
            self.bytes(root, fields, "client-certificate")?,
            self.bytes(root, fields, "client-key")?,
        ) {
            (Some(chain), Some(key)) => Ok(Proof::Certificate { chain, key }),
            (None, None) => self.token(root, fields).map(Proof::Token),
            _ => Err(self
                .unusable("its user has a certificate without key, or a key without certificate")),
        }
    }

    fn token(&self, root: &Root, fields: [&str; 3]) -> Result<SecretBytes, KubeconfigError> {
        let [list, position, user] = fields;
        match self.content.text([list, position, user, "token"]) {
            "" => {}
            token => return Ok(SecretBytes::from_text(token.to_owned())),
        }
        match self.content.text([list, position, user, "tokenFile"]) {
            "" => Err(self.unusable("its user has neither certificate nor token")),
            file => self.file(root, file),
        }
    }

    /// The bytes of `field`: inside the file (`<field>-data`, base64), or in a file of their own.
    fn bytes(
        &self,
        root: &Root,
        at: [&str; 3],
        field: &str,
    ) -> Result<Option<SecretBytes>, KubeconfigError> {
        let [list, position, object] = at;
        let data = format!("{field}-data");
        match self.content.text([list, position, object, &data]) {
            "" => {}
            text => {
                return STANDARD
                    .decode(text)
                    .map(|bytes| Some(SecretBytes::new(bytes)))
                    .map_err(|_| self.unusable(format!("`{data}` is not base64")));
            }
        }
        match self.content.text([list, position, object, field]) {
            "" => Ok(None),
            file => self.file(root, file).map(Some),
        }
    }

    /// A file that the kubeconfig names, relative to the directory it is in.
    ///
    /// # Errors
    /// [`KubeconfigError`], also if it does not exist.
    pub(crate) fn file(&self, root: &Root, name: &str) -> Result<SecretBytes, KubeconfigError> {
        let path: HostPath = if name.starts_with('/') {
            name.parse()
        } else {
            let directory = self.path.parent();
            format!("{}/{name}", directory.as_ref().map_or("", HostPath::as_str)).parse()
        }
        .map_err(|error| self.unusable(format!("it names a file that cannot be read: {error}")))?;
        root.read(&RootPath::from(&path), LIMIT)?
            .ok_or_else(|| KubeconfigError::Missing(path.to_string()))
    }
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests write the files that are read"
)]
mod tests {
    use std::fs;

    use super::*;

    const TEXT: &str = include_str!("../../tests/data/kubelet.conf");

    fn identity(text: &str) -> Result<Identity, String> {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("etc")).unwrap();
        fs::write(directory.path().join("etc/client.pem"), "both").unwrap();
        let path = "/etc/admin.conf".parse().unwrap();
        fs::write(directory.path().join("etc/admin.conf"), text).unwrap();
        let root = Root::open(directory.path()).unwrap();
        let (kubeconfig, _) = Kubeconfig::read(&root, &path).unwrap().unwrap();
        kubeconfig
            .identity(&root)
            .map_err(|error| error.to_string())
    }

    fn without(text: &str, with: &str) -> String {
        let lines = TEXT.lines().map(|line| {
            if line.trim().starts_with(text) {
                with
            } else {
                line
            }
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_current_context_says_who_the_reader_is() {
        let found = identity(TEXT).unwrap();
        assert_eq!(found.user, "node:cp1");
        assert_eq!(found.authority.expose(), b"authority");
        let Proof::Certificate { chain, key } = &found.proof else {
            panic!("no certificate");
        };
        assert_eq!(
            (chain.expose(), key.expose()),
            (&b"chain"[..], &b"hunter2"[..])
        );
    }

    #[test]
    fn files_are_named_relative_to_the_kubeconfig() {
        let text = without(
            "client-certificate-data",
            "    client-certificate: client.pem",
        );
        let Proof::Certificate { chain, .. } = identity(&text).unwrap().proof else {
            panic!("no certificate");
        };
        assert_eq!(chain.expose(), b"both");
        let gone = without("client-key-data", "    client-key: /etc/gone.pem");
        assert_eq!(
            identity(&gone).err().unwrap(),
            "`/etc/gone.pem` does not exist"
        );
    }

    #[test]
    fn what_cannot_be_used_is_refused_by_name_and_without_values() {
        for (text, expected) in [
            (without("current-context", ""), "it has no current-context"),
            (
                without("current-context", "current-context: other"),
                "its list `contexts` has no `other`",
            ),
            (
                without("certificate-authority-data", ""),
                "it names no certificate authority",
            ),
            (
                without(
                    "certificate-authority-data",
                    "    insecure-skip-tls-verify: true",
                ),
                "its server need not prove who it is",
            ),
            (without("client-key-data", ""), "a certificate without key"),
            (
                without("client-key-data", "    client-key-data: '*hunter2'"),
                "`client-key-data` is not base64",
            ),
            (
                without("client-certificate-data", "    exec: {command: sh}"),
                "its user needs `exec`",
            ),
            ("a: [".to_owned(), "it is not YAML"),
        ] {
            let directory = tempfile::tempdir().unwrap();
            fs::write(directory.path().join("a.conf"), &text).unwrap();
            let root = Root::open(directory.path()).unwrap();
            let error = Kubeconfig::read(&root, &"/a.conf".parse().unwrap())
                .and_then(|found| found.unwrap().0.identity(&root))
                .err()
                .unwrap()
                .to_string();
            assert!(
                error.contains(expected) && !error.contains("hunter2"),
                "{error}"
            );
        }
    }

    #[test]
    fn the_server_is_the_current_one_and_reached_over_tls() {
        let path: HostPath = "/etc/admin.conf".parse().unwrap();
        let server = |text: String| {
            let parsed = Kubeconfig::parse(&path, &SecretBytes::from_text(text)).unwrap();
            parsed
                .server()
                .map(str::to_owned)
                .map_err(|error| error.to_string())
        };
        assert_eq!(server(TEXT.to_owned()).unwrap(), "https://192.0.2.1:6443");
        let plain = server(without("server", "    server: http://192.168.10.11"));
        assert!(plain.unwrap_err().contains("not reached by https"));
        let none = server(without("server", ""));
        assert!(none.unwrap_err().contains("has no server"));
    }

    #[test]
    fn a_token_is_a_proof_too() {
        let text = without("client-key-data", "")
            .replace("client-certificate-data: Y2hhaW4=", "token: t0ken");
        let Proof::Token(token) = identity(&text).unwrap().proof else {
            panic!("no token");
        };
        assert_eq!(token.expose(), b"t0ken");
    }
}
