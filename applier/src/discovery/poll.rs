//! Asks again until the time is over, and says what an answer means to a host that the cluster does not trust yet.

use std::time::Duration;

use super::error::DiscoveryError;
use crate::kubeadm::protocol::Place;
use crate::net::client::{Answer, ApiClient, Class};
use crate::net::json::Json;
use crate::net::retry::Window;
use crate::net::tls::Unreachable;
use crate::steps::report::Progress;

/// How long one object is asked for, as by kubeadm (`timeouts.kubernetesAPICall`).
pub(super) const CALL: Duration = Duration::from_secs(60);

/// What one attempt came to.
pub(super) enum Poll<T> {
    /// It is done.
    Done(T),
    /// Worth another.
    Again(String),
    /// Not worth another.
    Stop(DiscoveryError),
}

/// Tries until it is done, it cannot be done, or the time is over.
///
/// # Errors
/// [`DiscoveryError::TimedOut`], or that of the attempt.
pub(super) async fn poll<T>(
    length: Duration,
    what: &str,
    progress: &mut Progress<'_>,
    mut attempt: impl AsyncFnMut() -> Poll<T>,
) -> Result<T, DiscoveryError> {
    let mut window = Window::begin(length);
    loop {
        let last = match attempt().await {
            Poll::Done(value) => return Ok(value),
            Poll::Stop(error) => return Err(error),
            Poll::Again(why) => why,
        };
        progress.waiting(format!("{what}: {last}"));
        if !window.pause(None).await {
            return Err(DiscoveryError::TimedOut {
                what: what.to_owned(),
                window: length,
                attempts: window.attempts(),
                last,
            });
        }
    }
}

/// The object at `place`, read as `client`; `None` if there is none.
///
/// # Errors
/// [`DiscoveryError`]; what is forbidden now is forbidden later.
pub(super) async fn read(
    client: &ApiClient,
    place: &'static Place,
    length: Duration,
    progress: &mut Progress<'_>,
) -> Result<Option<Json>, DiscoveryError> {
    let what = format!("read the {}", place.object);
    poll(length, &what, progress, async || {
        let answer = match client.get(place.path).await {
            Ok(answer) => answer,
            Err(error) => return unreachable(client, error),
        };
        match answer.class() {
            Class::Missing => Poll::Done(None),
            Class::Good => match answer.json() {
                Ok(object) => Poll::Done(Some(object)),
                Err(reason) => Poll::Again(reason),
            },
            Class::Forbidden => Poll::Stop(DiscoveryError::Forbidden {
                place,
                user: client.user().to_owned(),
                said: answer.explain(true),
            }),
            _ => refused(client, &answer),
        }
    })
    .await
}

/// An answer that is not good: unknown credentials stay unknown, everything else may pass.
pub(super) fn refused<T>(client: &ApiClient, answer: &Answer) -> Poll<T> {
    if answer.status.as_u16() == 401 {
        return Poll::Stop(DiscoveryError::Unknown {
            server: client.server().to_owned(),
            user: client.user().to_owned(),
        });
    }
    Poll::Again(answer.explain(true))
}

/// No answer: a stranger stays one.
pub(super) fn unreachable<T>(client: &ApiClient, error: Unreachable) -> Poll<T> {
    if error.is_stranger() {
        return Poll::Stop(DiscoveryError::Stranger {
            server: client.server().to_owned(),
            reason: error.to_string(),
        });
    }
    Poll::Again(error.to_string())
}
