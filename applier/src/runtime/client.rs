//! The runtime's services over gRPC on a unix socket.

use std::cell::RefCell;
use std::time::Duration;

use http::uri::PathAndQuery;
use hyper_util::rt::TokioIo;
use kubeplan_terminal::innermost;
use tokio::net::UnixStream;
use tokio::runtime::{Builder, Runtime as Loop};
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Code, Request};
use tonic_prost::ProstCodec;

use super::proto::{
    ContainerStatusRequest, ContainerStatusResponse, ImageStatusRequest, ImageStatusResponse,
    ListContainersRequest, ListContainersResponse, ListedContainer, PullImageRequest,
    PullImageResponse, RuntimeConfigRequest, RuntimeConfigResponse, Spec, StatusRequest,
    StatusResponse,
};
use super::{Condition, Container, ContainerState, Containers, CriError, Ending, Runtime, Status};

/// How long connecting and each question may take.
const LIMIT: Duration = Duration::from_secs(2);

/// How long looking for an image may take.
const IMAGE_LIMIT: Duration = Duration::from_secs(10);

/// A connection.
pub(crate) struct Client {
    run: Loop,
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
            .ok_or_else(|| failed("it is no unix:///… socket".to_owned()))?
            .to_owned();
        let run = Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .map_err(|error| failed(error.to_string()))?;
        // The name is never looked up: the connector opens the socket.
        let endpoint = Endpoint::from_static("http://localhost").connect_timeout(LIMIT);
        let connector = tower::service_fn(move |_: Uri| {
            let path = path.clone();
            async move { UnixStream::connect(path).await.map(TokioIo::new) }
        });
        let channel = run
            .block_on(endpoint.connect_with_connector(connector))
            .map_err(|error| failed(innermost(&error).to_string()))?;
        Ok(Self {
            run,
            grpc: RefCell::new(tonic::client::Grpc::new(channel)),
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
        let outcome = self.run.block_on(async {
            match limit {
                None => Ok(answered.await),
                Some(limit) => tokio::time::timeout(limit, answered).await,
            }
        });
        match outcome {
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
        let answer: ListContainersResponse = self.call(
            "/runtime.v1.RuntimeService/ListContainers",
            "ListContainers",
            ListContainersRequest {},
            Some(LIMIT),
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
        Ok(answer.containers.into_iter().map(container).collect())
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
mod tests;
