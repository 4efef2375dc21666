//! `server-version`.

use serde::{Deserialize, Serialize};

use super::broken;
use super::{Broken, Look};
use crate::access::{MayBe, Role, StepPath};
use crate::authority::Url;

/// The document in which etcd says its version (etcd 3.6, `server/etcdserver/api/etcdhttp/version.go`).
const VERSION: &str = "/version";

/// Servers say a version that is new enough, in a JSON document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerVersion {
    /// URLs of the servers, without path.
    pub endpoints: Vec<String>,
    /// Path of the document, with its `/`.
    pub document: String,
    /// Key of the version in it.
    pub key: String,
    /// The oldest version that will do.
    pub minimum: String,
    /// Certificates and key for the connection.
    pub tls: ClientFiles,
}

/// Files on the host for a TLS client; empty texts for none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientFiles {
    /// The CA that signed the servers' certificates.
    pub ca: String,
    /// The client's certificate.
    pub certificate: String,
    /// Its key.
    pub key: String,
}

impl Look for ServerVersion {
    fn paths(&self) -> Vec<StepPath<'_>> {
        [
            ("tls.ca", &self.tls.ca),
            ("tls.certificate", &self.tls.certificate),
            ("tls.key", &self.tls.key),
        ]
        .into_iter()
        .filter(|(_, path)| !path.is_empty())
        .map(|(field, path)| StepPath::new(field, path, Role::Reads, MayBe::TlsFile))
        .collect()
    }

    fn check_destinations(&self) -> Result<(), Broken> {
        if self.document != VERSION {
            return broken("a server is called for its version only", &self.document);
        }
        let fits = |url: &&String| {
            Url::parse(url).is_some_and(|url| url.path.is_empty() || url.path == "/")
        };
        match self.endpoints.iter().find(|url| !fits(url)) {
            Some(url) => broken("a server is called by http or https", url),
            None => Ok(()),
        }
    }
}
