//! The API server of one run: who asks, how long a call is tried, what has been found out.
//!
//! In: how the index says that the API is reached. Out: answers, after as many attempts as it takes and the time allows.

use std::collections::BTreeMap;
use std::time::Duration;

use kubeplan_bundle::index::{Api, EntryName};
use kubeplan_bundle::path::HostPath;

use super::error::StepError;
use super::report::Progress;
use crate::host::Root;
use crate::net::client::{Answer, ApiClient, Class};
use crate::net::kubeconfig::KubeconfigError;
use crate::net::resources::{Resource, Resources, group_path};
use crate::net::retry::Window;
use crate::net::tls::Unreachable;

/// What one attempt came to.
pub(crate) enum Attempt<T> {
    /// It is done.
    Done(T),
    /// Worth another.
    Again(Why),
    /// Not worth another.
    Stop(StepError),
}

/// Why another attempt is needed.
pub(crate) struct Why {
    /// For people.
    pub(crate) text: String,
    /// How long the server asked to wait.
    pub(crate) after: Option<Duration>,
    /// The user that may not do what was tried.
    pub(crate) forbidden: Option<String>,
}

impl<T> Attempt<T> {
    /// Another attempt is needed.
    pub(crate) fn again(text: impl Into<String>) -> Self {
        Self::Again(Why {
            text: text.into(),
            after: None,
            forbidden: None,
        })
    }

    /// What an answer that is not good means; one that is missing is not there yet.
    pub(crate) fn of(answer: &Answer, what: &str, client: &ApiClient, secret: bool) -> Self {
        let text = answer.explain(secret);
        match answer.class() {
            Class::Refused | Class::FieldConflict => Self::Stop(StepError::Refused {
                what: what.to_owned(),
                said: if answer.status.as_u16() == 401 {
                    format!("it does not know `{}`: {text}", client.user())
                } else {
                    text
                },
            }),
            Class::Forbidden => Self::Again(Why {
                text,
                after: None,
                forbidden: Some(client.user().to_owned()),
            }),
            Class::Again(after) => Self::Again(Why {
                text,
                after,
                forbidden: None,
            }),
            Class::Good | Class::Missing => Self::again(text),
        }
    }
}

impl<T> From<Unreachable> for Attempt<T> {
    fn from(error: Unreachable) -> Self {
        Self::again(error.to_string())
    }
}

/// Everything that calls of one run share.
pub(crate) struct Session<'a> {
    root: &'a Root,
    api: &'a Api,
    clients: BTreeMap<HostPath, ApiClient>,
    resources: Resources,
    /// `metadata.uid` of objects that were applied in this run.
    pub(crate) uids: BTreeMap<EntryName, String>,
}

impl<'a> Session<'a> {
    /// Nothing is read or asked yet.
    pub(crate) fn new(root: &'a Root, api: &'a Api) -> Self {
        Self {
            root,
            api,
            clients: BTreeMap::new(),
            resources: Resources::default(),
            uids: BTreeMap::new(),
        }
    }

    /// As if `client` were what the kubeconfig at `path` makes.
    #[cfg(test)]
    pub(crate) fn with_client(mut self, path: &HostPath, client: ApiClient) -> Self {
        self.clients.insert(path.clone(), client);
        self
    }

    /// The server that is asked.
    pub(crate) fn server(&self) -> &str {
        &self.api.server
    }

    /// How long a call is tried.
    pub(crate) fn window(&self) -> Duration {
        Duration::from_secs(u64::from(self.api.timeout_seconds))
    }

    /// The identity that calls are made with.
    ///
    /// # Errors
    /// [`KubeconfigError`], also if the file does not exist.
    pub(crate) fn administrator(&mut self) -> Result<ApiClient, KubeconfigError> {
        let path = &self.api.kubeconfig;
        self.client(path)?
            .ok_or_else(|| KubeconfigError::Missing(path.to_string()))
    }

    /// The identity of the kubeconfig at `path`; `None` if it does not exist.
    ///
    /// # Errors
    /// [`KubeconfigError`].
    pub(crate) fn client(&mut self, path: &HostPath) -> Result<Option<ApiClient>, KubeconfigError> {
        if let Some(client) = self.clients.get(path) {
            return Ok(Some(client.clone()));
        }
        let client = ApiClient::from_kubeconfig(self.root, path, &self.api.server)?;
        if let Some(client) = &client {
            self.clients.insert(path.clone(), client.clone());
        }
        Ok(client)
    }

    /// How objects of a kind are found; asked for if it is not known yet.
    pub(crate) async fn resource(
        &mut self,
        client: &ApiClient,
        api_version: &str,
        kind: &str,
        what: &str,
    ) -> Attempt<Resource> {
        if let Some(found) = self.resources.get(api_version, kind) {
            return Attempt::Done(found.clone());
        }
        let answer = match client.get(&group_path(api_version)).await {
            Ok(answer) => answer,
            Err(error) => return error.into(),
        };
        if answer.class() != Class::Good {
            return Attempt::of(&answer, what, client, false);
        }
        match answer.json() {
            Ok(list) => self.resources.learn(api_version, &list),
            Err(reason) => return Attempt::again(reason),
        }
        match self.resources.get(api_version, kind) {
            Some(found) => Attempt::Done(found.clone()),
            None => Attempt::again(format!("the API has no kind {kind} in {api_version}")),
        }
    }
}

/// Tries until it is done, it cannot be done, or the time is over.
///
/// # Errors
/// [`StepError`]; a call that stays forbidden is one of its own.
pub(crate) async fn retry<T>(
    length: Duration,
    what: &str,
    progress: &mut Progress<'_>,
    attempt: impl AsyncFnMut() -> Attempt<T>,
) -> Result<T, StepError> {
    retry_within(Window::begin(length), what, progress, attempt).await
}

/// As [`retry`], with the pauses of `window`.
///
/// # Errors
/// As [`retry`].
pub(crate) async fn retry_within<T>(
    mut window: Window,
    what: &str,
    progress: &mut Progress<'_>,
    mut attempt: impl AsyncFnMut() -> Attempt<T>,
) -> Result<T, StepError> {
    loop {
        let why = match attempt().await {
            Attempt::Done(value) => return Ok(value),
            Attempt::Stop(error) => return Err(error),
            Attempt::Again(why) => why,
        };
        progress.waiting(format!("{what}: {}", why.text));
        if !window.pause(why.after).await {
            return Err(match why.forbidden {
                Some(user) => StepError::Forbidden {
                    what: what.to_owned(),
                    user,
                    said: why.text,
                },
                None => StepError::TimedOut {
                    what: what.to_owned(),
                    window: window.length(),
                    attempts: window.attempts(),
                    last: why.text,
                },
            });
        }
    }
}
