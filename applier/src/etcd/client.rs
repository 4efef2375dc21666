//! A client of etcd's members, and the calls that it makes.
//!
//! In: the URLs of members, and the files of a client. Out: the answer of the first member that gives one. A call that changes
//! something may have been heard although its answer was lost: who calls looks at the list of members before calling again.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{Request, StatusCode};
use kubeplan_bundle::path::HostPath;
use kubeplan_bundle::secret::SecretBytes;
use kubeplan_bundle::step::EtcdClient;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::time::timeout;

use super::error::{EtcdError, Said, Silence};
use super::member::{Member, Members, Status};
use crate::host::{Root, RootPath};
use crate::net::kubeconfig::{Identity, Proof};
use crate::net::tls::{Network, Transport};

/// How long one member has for an answer, as in kubeadm (1.36.2, `cmd/kubeadm/app/util/etcd/etcd.go`).
const CALL: Duration = Duration::from_secs(2);

/// Far more than a certificate or a key has.
const LIMIT: u64 = 1024 * 1024;

/// gRPC's codes (`google.golang.org/grpc/codes`) with which one member says that another may know better: it is a learner, has no
/// leader, or was too slow.
const ASK_ANOTHER: [u32; 2] = [4, 14];

/// The members of one etcd cluster, and the credentials for them.
pub(crate) struct Client {
    transport: Arc<dyn Transport>,
    /// The one that answered last comes first.
    endpoints: Vec<String>,
}

/// A refusal. etcd 3.5 says the same in `error`, too.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Refusal {
    code: u32,
    message: String,
}

impl Client {
    /// Creates a client that authenticates with the TLS files in `files`. Does not connect.
    ///
    /// # Errors
    /// Which file is missing or of no use, and why; nothing of its content.
    pub(crate) fn new(
        root: &Root,
        files: &EtcdClient,
        endpoints: Vec<String>,
    ) -> Result<Self, String> {
        let identity = Identity {
            user: files.certificate.to_string(),
            authority: read(root, &files.authority)?,
            proof: Proof::Certificate {
                chain: read(root, &files.certificate)?,
                key: read(root, &files.key)?,
            },
        };
        let network = Network::authenticated(&identity).map_err(|reason| {
            format!(
                "the files of etcd's client ({}, {}, {}) cannot be used: {reason}",
                files.authority, files.certificate, files.key
            )
        })?;
        Ok(Self::with_transport(Arc::new(network), endpoints))
    }

    /// Over `transport`.
    pub(crate) fn with_transport(transport: Arc<dyn Transport>, endpoints: Vec<String>) -> Self {
        Self {
            transport,
            endpoints,
        }
    }

    /// Asks these from now on.
    pub(crate) fn set_endpoints(&mut self, endpoints: Vec<String>) {
        self.endpoints = endpoints;
    }

    /// The members as a majority agrees on them.
    ///
    /// # Errors
    /// [`EtcdError`].
    pub(crate) async fn members(&mut self) -> Result<Vec<Member>, EtcdError> {
        let body = json!({"linearizable": true});
        let Members { members } = self.call("/v3/cluster/member/list", &body).await?;
        Ok(members)
    }

    /// The members as any one that answers knows them: also without a majority, and maybe not the latest.
    ///
    /// # Errors
    /// [`EtcdError`].
    pub(crate) async fn members_by_one(&mut self) -> Result<Vec<Member>, EtcdError> {
        let Members { members } = self.call("/v3/cluster/member/list", &json!({})).await?;
        Ok(members)
    }

    /// Adds a member without a vote.
    ///
    /// # Errors
    /// [`EtcdError`].
    pub(crate) async fn add_learner(&mut self, peer_url: &str) -> Result<(), EtcdError> {
        let body = json!({"peerURLs": [peer_url], "isLearner": true});
        let _: Members = self.call("/v3/cluster/member/add", &body).await?;
        Ok(())
    }

    /// Gives a learner its vote.
    ///
    /// # Errors
    /// [`EtcdError`].
    pub(crate) async fn promote(&mut self, id: u64) -> Result<(), EtcdError> {
        let body = json!({"ID": id.to_string()});
        let _: Members = self.call("/v3/cluster/member/promote", &body).await?;
        Ok(())
    }

    /// Takes a member out.
    ///
    /// # Errors
    /// [`EtcdError`].
    pub(crate) async fn remove(&mut self, id: u64) -> Result<(), EtcdError> {
        let body = json!({"ID": id.to_string()});
        let _: Members = self.call("/v3/cluster/member/remove", &body).await?;
        Ok(())
    }

    /// What is wrong with the member that answers at one of its URLs; `None` if nothing is.
    pub(crate) async fn complaint(&self, member: &Member) -> Option<String> {
        let mut last = "it says of no URL that it answers there".to_owned();
        for endpoint in &member.client_urls {
            let answer: Result<Status, _> =
                self.ask(endpoint, "/v3/maintenance/status", "{}").await;
            last = match answer {
                Ok(status) => return status.complaint(),
                Err(NoAnswer::Silent(reason)) => reason,
                Err(NoAnswer::Refused(refusal)) => refusal.message,
            };
        }
        Some(last)
    }

    /// Asks one member after the other until one gives an answer that another would give as well.
    async fn call<T: DeserializeOwned>(
        &mut self,
        path: &str,
        body: &serde_json::Value,
    ) -> Result<T, EtcdError> {
        let body = body.to_string();
        let mut silent = Vec::new();
        for (position, endpoint) in self.endpoints.iter().enumerate() {
            let refusal = match self.ask(endpoint, path, &body).await {
                Ok(answer) => {
                    self.endpoints.swap(0, position);
                    return Ok(answer);
                }
                Err(NoAnswer::Silent(reason)) => {
                    silent.push(Silence::new(endpoint, reason));
                    continue;
                }
                Err(NoAnswer::Refused(refusal)) => refusal,
            };
            let said = Said::of(&refusal.message);
            if said == Said::Other && ASK_ANOTHER.contains(&refusal.code) {
                silent.push(Silence::new(endpoint, refusal.message));
                continue;
            }
            return Err(EtcdError::Refused {
                endpoint: endpoint.clone(),
                said,
                message: refusal.message,
            });
        }
        Err(EtcdError::Silent(silent))
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        endpoint: &str,
        path: &str,
        body: &str,
    ) -> Result<T, NoAnswer> {
        let request = Request::post(format!("{}{path}", endpoint.trim_end_matches('/')))
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/json")
            .body(Bytes::from(body.to_owned()))
            .map_err(|error| NoAnswer::Silent(error.to_string()))?;
        let answer = timeout(CALL, self.transport.send(request))
            .await
            .map_err(|_| NoAnswer::Silent(format!("no answer within {} s", CALL.as_secs())))?
            .map_err(|error| NoAnswer::Silent(error.to_string()))?;
        let (status, body) = (answer.status(), answer.body());
        if status.is_success() {
            return serde_json::from_slice(body).map_err(|_| {
                NoAnswer::Silent("it answers nothing that etcd would say".to_owned())
            });
        }
        Err(match serde_json::from_slice::<Refusal>(body) {
            Ok(refusal) if !refusal.message.is_empty() => NoAnswer::Refused(Refusal {
                message: refusal.message.escape_debug().take(300).collect(),
                ..refusal
            }),
            _ if status == StatusCode::NOT_FOUND => NoAnswer::Refused(Refusal {
                code: 5,
                message: "Not Found".to_owned(),
            }),
            _ => NoAnswer::Silent(format!("status {}", status.as_u16())),
        })
    }
}

enum NoAnswer {
    Silent(String),
    Refused(Refusal),
}

fn read(root: &Root, path: &HostPath) -> Result<SecretBytes, String> {
    root.read(&RootPath::from(path), LIMIT)
        .map_err(|error| error.to_string())?
        .ok_or_else(|| format!("`{path}`, which etcd's client needs, does not exist"))
}
