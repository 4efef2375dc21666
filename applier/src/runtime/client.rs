//! The runtime's services over gRPC on a unix socket.

use std::cell::RefCell;
use std::time::Duration;

use http::uri::PathAndQuery;
use hyper_util::rt::TokioIo;
use kubeplan_terminal::innermost;
use tokio::net::UnixStream;
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Code, Request};
use tonic_prost::ProstCodec;

use super::proto::{
    ContainerStatusRequest, ContainerStatusResponse, ImageStatusRequest, ImageStatusResponse,
    ListContainersRequest, ListPodSandboxRequest, ListResponse, ListedContainer, PodSandbox,
    PullImageRequest, PullImageResponse, RemovePodSandboxRequest, RemovePodSandboxResponse,
    RuntimeConfigRequest, RuntimeConfigResponse, Spec, StatusRequest, StatusResponse,
    StopPodSandboxRequest, StopPodSandboxResponse,
};
use super::{
    Condition, Container, ContainerState, Containers, CriError, Ending, Runtime, Sandbox, Status,
};
use crate::net::waiter::Waiter;

/// How long connecting and each question may take.
const LIMIT: Duration = Duration::from_secs(2);

/// How long looking for an image may take.
const IMAGE_LIMIT: Duration = Duration::from_secs(10);

/// How long each question about a sandbox may take: stopping one ends its containers and takes its network away.
const SANDBOX_LIMIT: Duration = Duration::from_secs(30);

/// Bytes of an answer, as in the kubelet (1.36.2, `cri-client`, `maxMsgSize`).
const ANSWER_LIMIT: usize = 16 * 1024 * 1024;

/// The longest list: far more containers than a host can run.
const MAX_ITEMS: usize = 20_000;

/// A connection.
pub(crate) struct Client {
    waiter: Waiter,
    grpc: RefCell<tonic::client::Grpc<Channel>>,
}

impl Client {
    /// Connects to `unix:///…`.
    ///
    /// # Errors
    /// [`CriError::Connect`].
    pub(crate) fn connect(socket: &str) -> Result<Self, CriError> {
        let failed = |reason: String| CriError::Connect {
            socket: socket.to_owned(),
            reason,
        };
        let path = socket
            .strip_prefix("unix://")
            .filter(|path| path.starts_with('/'))
            .ok_or_else(|| failed("it is not a unix:///… socket".to_owned()))?
            .to_owned();
        let waiter = Waiter::default();
        // The name is never looked up: the connector opens the socket.
        let endpoint = Endpoint::from_static("http://localhost").connect_timeout(LIMIT);
        let connector = tower::service_fn(move |_: Uri| {
            let path = path.clone();
            async move { UnixStream::connect(path).await.map(TokioIo::new) }
        });
        let channel = waiter
            .wait(endpoint.connect_with_connector(connector))
            .map_err(|error| failed(error.to_string()))?
            .map_err(|error| failed(innermost(&error).to_string()))?;
        let grpc = tonic::client::Grpc::new(channel).max_decoding_message_size(ANSWER_LIMIT);
        Ok(Self {
            waiter,
            grpc: RefCell::new(grpc),
        })
    }

    fn call<Q, A>(
        &self,
        path: &'static str,
        call: &'static str,
        question: Q,
        limit: Option<Duration>,
    ) -> Result<A, CriError>
    where
        Q: prost::Message + Send + Sync + 'static,
        A: prost::Message + Default + Send + Sync + 'static,
    {
        let failed = |reason: String| CriError::Failed { call, reason };
        let mut grpc = self
            .grpc
            .try_borrow_mut()
            .map_err(|error| failed(error.to_string()))?;
        let answered = async {
            grpc.ready()
                .await
                .map_err(|error| tonic::Status::unavailable(innermost(&error).to_string()))?;
            grpc.unary(
                Request::new(question),
                PathAndQuery::from_static(path),
                ProstCodec::<Q, A>::default(),
            )
            .await
        };
        let outcome = self.waiter.wait(async {
            match limit {
                None => Ok(answered.await),
                Some(limit) => tokio::time::timeout(limit, answered).await,
            }
        });
        match outcome.map_err(|error| failed(error.to_string()))? {
            Ok(Ok(answer)) => Ok(answer.into_inner()),
            Ok(Err(status)) if status.code() == Code::Unimplemented => {
                Err(CriError::Unimplemented { call })
            }
            Ok(Err(status)) => Err(failed(format!(
                "{}: {}",
                status.code().description(),
                status.message()
            ))),
            Err(_) => Err(failed("it took too long".to_owned())),
        }
    }
}

impl Client {
    /// Asks for a list.
    fn list<Q, T>(
        &self,
        path: &'static str,
        call: &'static str,
        question: Q,
        limit: Duration,
    ) -> Result<Vec<T>, CriError>
    where
        Q: prost::Message + Send + Sync + 'static,
        T: prost::Message + Default,
    {
        let failed = |reason: String| CriError::Failed { call, reason };
        let answer: ListResponse = self.call(path, call, question, Some(limit))?;
        let count = answer.items.len();
        if count > MAX_ITEMS {
            return Err(failed(format!(
                "it lists {count} items, more than {MAX_ITEMS}"
            )));
        }
        answer
            .items
            .iter()
            .map(|item| T::decode(item.as_slice()).map_err(|error| failed(error.to_string())))
            .collect()
    }
}

impl Runtime for Client {
    fn status(&self) -> Result<Status, CriError> {
        let answer: StatusResponse = self.call(
            "/runtime.v1.RuntimeService/Status",
            "Status",
            StatusRequest { verbose: true },
            Some(LIMIT),
        )?;
        let conditions = answer.status.unwrap_or_default().conditions;
        Ok(Status {
            conditions: conditions
                .into_iter()
                .map(|condition| Condition {
                    name: condition.r#type,
                    holds: condition.status,
                    message: words(condition.reason, condition.message),
                })
                .collect(),
            sandbox: answer.info.get("config").and_then(|text| sandbox(text)),
        })
    }

    fn config(&self) -> Result<(), CriError> {
        self.call::<_, RuntimeConfigResponse>(
            "/runtime.v1.RuntimeService/RuntimeConfig",
            "RuntimeConfig",
            RuntimeConfigRequest {},
            Some(LIMIT),
        )
        .map(drop)
    }

    fn has_image(&self, reference: &str) -> Result<bool, CriError> {
        let answer: ImageStatusResponse = self.call(
            "/runtime.v1.ImageService/ImageStatus",
            "ImageStatus",
            ImageStatusRequest {
                spec: Some(spec(reference)),
            },
            Some(IMAGE_LIMIT),
        )?;
        Ok(answer.found.is_some())
    }

    fn pull(&self, reference: &str) -> Result<(), CriError> {
        self.call::<_, PullImageResponse>(
            "/runtime.v1.ImageService/PullImage",
            "PullImage",
            PullImageRequest {
                spec: Some(spec(reference)),
            },
            None,
        )
        .map(drop)
    }
}

impl Containers for Client {
    fn containers(&self) -> Result<Vec<Container>, CriError> {
        let listed = self.list(
            "/runtime.v1.RuntimeService/ListContainers",
            "ListContainers",
            ListContainersRequest {},
            LIMIT,
        )?;
        let container = |listed: ListedContainer| {
            let metadata = listed.metadata.unwrap_or_default();
            Container {
                id: listed.id,
                name: metadata.name,
                attempt: metadata.attempt,
                created: listed.created_at,
                state: match listed.state {
                    0 => ContainerState::Created,
                    1 => ContainerState::Running,
                    2 => ContainerState::Exited,
                    _ => ContainerState::Unknown,
                },
            }
        };
        Ok(listed.into_iter().map(container).collect())
    }

    fn ending(&self, id: &str) -> Result<Ending, CriError> {
        let answer: ContainerStatusResponse = self.call(
            "/runtime.v1.RuntimeService/ContainerStatus",
            "ContainerStatus",
            ContainerStatusRequest {
                container_id: id.to_owned(),
            },
            Some(LIMIT),
        )?;
        let status = answer.status.unwrap_or_default();
        Ok(Ending {
            exit_code: status.exit_code,
            reason: words(status.reason, status.message),
            log: status.log_path,
        })
    }
}

impl Client {
    /// Every sandbox of a Pod, also those that do not run.
    ///
    /// # Errors
    /// [`CriError`].
    pub(crate) fn sandboxes(&self) -> Result<Vec<Sandbox>, CriError> {
        let listed = self.list(
            "/runtime.v1.RuntimeService/ListPodSandbox",
            "ListPodSandbox",
            ListPodSandboxRequest {},
            SANDBOX_LIMIT,
        )?;
        let sandbox = |listed: PodSandbox| {
            let metadata = listed.metadata.unwrap_or_default();
            Sandbox {
                id: listed.id,
                name: metadata.name,
                namespace: metadata.namespace,
                labels: listed.labels,
            }
        };
        Ok(listed.into_iter().map(sandbox).collect())
    }

    /// Stops the sandbox `id` with its containers; one that is stopped stays so.
    ///
    /// # Errors
    /// [`CriError`].
    pub(crate) fn stop_sandbox(&self, id: &str) -> Result<(), CriError> {
        self.call::<_, StopPodSandboxResponse>(
            "/runtime.v1.RuntimeService/StopPodSandbox",
            "StopPodSandbox",
            StopPodSandboxRequest {
                pod_sandbox_id: id.to_owned(),
            },
            Some(SANDBOX_LIMIT),
        )
        .map(drop)
    }

    /// Removes the sandbox `id` with its containers; one that is gone stays so.
    ///
    /// # Errors
    /// [`CriError`].
    pub(crate) fn remove_sandbox(&self, id: &str) -> Result<(), CriError> {
        self.call::<_, RemovePodSandboxResponse>(
            "/runtime.v1.RuntimeService/RemovePodSandbox",
            "RemovePodSandbox",
            RemovePodSandboxRequest {
                pod_sandbox_id: id.to_owned(),
            },
            Some(SANDBOX_LIMIT),
        )
        .map(drop)
    }
}

/// A word and a sentence, or what there is of them.
fn words(reason: String, message: String) -> String {
    [reason, message]
        .into_iter()
        .filter(|text| !text.is_empty())
        .collect::<Vec<_>>()
        .join(": ")
}

fn spec(reference: &str) -> Spec {
    Spec {
        reference: reference.to_owned(),
    }
}

/// The sandbox's image in the configuration that the runtime tells as JSON.
fn sandbox(config: &str) -> Option<String> {
    let value: serde_json::Value = serde_json::from_str(config).ok()?;
    value.get("sandboxImage")?.as_str().map(str::to_owned)
}

#[cfg(test)]
pub(crate) mod server;
#[cfg(test)]
mod tests;
