//! Waiting until endpoints answer 200.
//!
//! In: endpoints, and the time each of them has. Out: all have answered 200, or who has not and what he answered last.
//! All are asked at once and each twice a second, as kubeadm asks them (1.36.2, `cmd/kubeadm/app/util/apiclient/wait.go`).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use kubeplan_bundle::authority::{Host, Url};
use kubeplan_bundle::step::{Endpoint, EndpointIdentity};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::error::{Silent, StepError};
use super::report::{Progress, StepResult};
use super::session::Session;
use crate::host::route;
use crate::net::client::{Answer, ApiClient};
use crate::net::tls::{Network, Transport, Unreachable};

/// How often an endpoint is asked.
const INTERVAL: Duration = Duration::from_millis(500);

/// How an endpoint is asked.
#[derive(Clone)]
enum Asker {
    Administrator {
        client: ApiClient,
        path: String,
    },
    Anonymous {
        transport: Arc<dyn Transport>,
        url: String,
    },
}

/// What is heard of an endpoint.
enum News {
    /// Nothing yet.
    Nothing,
    Healthy(Duration),
    Not(String),
}

/// Waits for all endpoints.
///
/// # Errors
/// [`StepError::Endpoints`] naming those that did not answer.
pub(crate) async fn run(
    session: Option<&mut Session<'_>>,
    endpoints: &[Endpoint],
    window: Duration,
    progress: &mut Progress<'_>,
) -> Result<StepResult, StepError> {
    let askers = askers(session, endpoints)?;
    let deadline = Instant::now() + window;
    let (sender, mut news) = unbounded_channel();
    let mut tasks = JoinSet::new();
    for (position, asker) in askers.into_iter().enumerate() {
        tasks.spawn(poll(position, asker, deadline, sender.clone()));
    }
    drop(sender);
    let mut states: Vec<News> = endpoints.iter().map(|_| News::Nothing).collect();
    while let Some((position, heard)) = news.recv().await {
        if let Some(state) = states.get_mut(position) {
            *state = heard;
        }
        if let Some(detail) = detail(endpoints, &states) {
            progress.waiting(detail);
        }
    }
    let mut silent = Vec::new();
    let mut healthy = Vec::new();
    for (endpoint, state) in endpoints.iter().zip(states) {
        let last = match state {
            News::Healthy(after) => {
                healthy.push(format!("{} after {}", endpoint.name, seconds(after)));
                continue;
            }
            News::Not(last) => last,
            News::Nothing => "no answer".to_owned(),
        };
        silent.push(Silent {
            name: endpoint.name.clone(),
            url: endpoint.url.clone(),
            last,
        });
    }
    if silent.is_empty() {
        return Ok(StepResult::unchanged(format!(
            "healthy: {}",
            healthy.join(", ")
        )));
    }
    Err(StepError::endpoints(endpoints.len(), window, silent))
}

/// The endpoints that are waited for, and why; `None` once all of them answer.
fn detail(endpoints: &[Endpoint], states: &[News]) -> Option<String> {
    let open: Vec<String> = endpoints
        .iter()
        .zip(states)
        .filter_map(|(endpoint, state)| match state {
            News::Healthy(_) | News::Nothing => None,
            News::Not(last) => Some(format!("{}: {last}", endpoint.name)),
        })
        .collect();
    (!open.is_empty()).then(|| open.join("; "))
}

fn askers(
    mut session: Option<&mut Session<'_>>,
    endpoints: &[Endpoint],
) -> Result<Vec<Asker>, StepError> {
    let mut anonymous: Option<Arc<dyn Transport>> = None;
    endpoints
        .iter()
        .map(|endpoint| match endpoint.identity {
            EndpointIdentity::Administrator => {
                let session = session.as_mut().ok_or(StepError::Bundle(
                    "it does not say how its API server is reached",
                ))?;
                Ok(Asker::Administrator {
                    client: session.administrator()?,
                    path: path(&endpoint.url)?,
                })
            }
            EndpointIdentity::Anonymous | EndpointIdentity::AnonymousOnNode => {
                let server = session.as_ref().map(|session| session.server());
                if !may_be_asked(&endpoint.url, server) {
                    return Err(StepError::NotOfThisHost {
                        name: endpoint.name.clone(),
                        url: endpoint.url.clone(),
                    });
                }
                let transport = match &anonymous {
                    Some(transport) => Arc::clone(transport),
                    None => {
                        let network = Network::anonymous().map_err(StepError::Tls)?;
                        Arc::clone(anonymous.insert(Arc::new(network)))
                    }
                };
                Ok(Asker::Anonymous {
                    transport,
                    url: endpoint.url.clone(),
                })
            }
        })
        .collect()
}

/// Whether an endpoint that is asked without credentials is of this host, or of the host of the API server. The index says so
/// of loopback addresses and of the API server; whether another address is the node's is known here only.
fn may_be_asked(url: &str, server: Option<&str>) -> bool {
    let host = |url: &str| Url::parse(url).map(|url| url.host);
    match host(url) {
        None => false,
        found if found == server.and_then(host) => true,
        Some(Host::Address(address)) => {
            address.is_loopback() || address.is_unspecified() || route::is_own(address)
        }
        Some(Host::Name(_)) => false,
    }
}

/// The path of a URL: the server is the one of the index.
fn path(url: &str) -> Result<String, StepError> {
    let uri: Uri = url
        .parse()
        .map_err(|_| StepError::Bundle("it waits for an endpoint whose URL is none"))?;
    Ok(uri
        .path_and_query()
        .map_or_else(|| "/".to_owned(), ToString::to_string))
}

async fn poll(
    position: usize,
    asker: Asker,
    deadline: Instant,
    news: UnboundedSender<(usize, News)>,
) {
    let start = Instant::now();
    let mut next = start;
    loop {
        let heard = match timeout_at(deadline, asker.ask()).await {
            // The time was over while it was asked: what came of the attempt before counts.
            Err(_) if next > start => return,
            Err(_) => News::Not("no answer".to_owned()),
            Ok(Ok(StatusCode::OK)) => News::Healthy(start.elapsed()),
            Ok(Ok(status)) => News::Not(format!("status {}", status.as_u16())),
            Ok(Err(error)) => News::Not(error.to_string()),
        };
        let done = matches!(heard, News::Healthy(_));
        if news.send((position, heard)).is_err() || done {
            return;
        }
        next = (next + INTERVAL).max(Instant::now());
        if next >= deadline {
            return;
        }
        sleep_until(next).await;
    }
}

impl Asker {
    async fn ask(&self) -> Result<StatusCode, Unreachable> {
        match self {
            Self::Administrator { client, path } => {
                client.get(path).await.map(|Answer { status, .. }| status)
            }
            Self::Anonymous { transport, url } => {
                let request = Request::get(url)
                    .body(Bytes::new())
                    .map_err(|error| Unreachable(error.to_string()))?;
                transport.send(request).await.map(|answer| answer.status())
            }
        }
    }
}

/// A time for people.
fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests;
