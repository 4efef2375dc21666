//! Requests to an API server, and what its answers mean.
//!
//! In: a kubeconfig on the host and the server of the plan. Out: answers, sorted by what can be done about them. Which
//! objects there are and where they are found is asked for ([`super::resources`]); no type of a Kubernetes release is
//! known here.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use kubeplan_bundle::path::HostPath;
use serde_json::Value;

use super::json::Json;
use super::kubeconfig::{Identity, Kubeconfig, KubeconfigError, Proof};
use super::retry::retry_after;
use super::tls::{Network, Transport, Unreachable};
use crate::host::Root;

/// Who changes fields, in the API's records of them.
pub(crate) const FIELD_MANAGER: &str = "kubeplan";

/// Content types of changes.
pub(crate) const APPLY: &str = "application/apply-patch+yaml";
/// A change of some fields.
pub(crate) const MERGE: &str = "application/merge-patch+json";

/// An API server, and the identity that requests are made with.
#[derive(Clone)]
pub(crate) struct ApiClient {
    transport: Arc<dyn Transport>,
    server: String,
    authorization: Option<HeaderValue>,
    user: String,
}

/// An answer, whatever it says.
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

/// What can be done about an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// It is what was asked for.
    Good,
    /// It, or what it lies in, does not exist.
    Missing,
    /// The identity may not do this.
    Forbidden,
    /// Others have set fields that were to be set.
    FieldConflict,
    /// Worth another attempt, after as long as the server asked for.
    Again(Option<Duration>),
    /// Another attempt would be answered in the same way.
    Refused,
}

impl ApiClient {
    /// A client with the identity of the kubeconfig at `path`, for `server`; `None` if the file does not exist.
    ///
    /// # Errors
    /// [`KubeconfigError`].
    pub(crate) fn from_kubeconfig(
        root: &Root,
        path: &HostPath,
        server: &str,
    ) -> Result<Option<Self>, KubeconfigError> {
        let Some((kubeconfig, _)) = Kubeconfig::read(root, path)? else {
            return Ok(None);
        };
        Self::of(&kubeconfig, root, server).map(Some)
    }

    /// As the identity of `kubeconfig`, to `server`.
    ///
    /// # Errors
    /// [`KubeconfigError`].
    pub(crate) fn of(
        kubeconfig: &Kubeconfig,
        root: &Root,
        server: &str,
    ) -> Result<Self, KubeconfigError> {
        let identity = kubeconfig.identity(root)?;
        Self::new(&identity, server).map_err(|reason| kubeconfig.unusable(reason))
    }

    /// As `identity`, to `server`, which its authority must vouch for.
    ///
    /// # Errors
    /// What is wrong with the identity; nothing of its values.
    pub(crate) fn new(identity: &Identity, server: &str) -> Result<Self, String> {
        let authorization = match &identity.proof {
            Proof::Certificate { .. } | Proof::Anonymous => None,
            Proof::Token(token) => {
                let bearer = [b"Bearer ", token.expose().trim_ascii()].concat();
                let mut value = HeaderValue::from_maybe_shared(Bytes::from(bearer))
                    .map_err(|_| "its token has characters that no token has".to_owned())?;
                value.set_sensitive(true);
                Some(value)
            }
        };
        Ok(Self {
            transport: Arc::new(Network::authenticated(identity)?),
            server: server.trim_end_matches('/').to_owned(),
            authorization,
            user: identity.user.clone(),
        })
    }

    /// An anonymous client that does not verify the server. Callers must authenticate the response themselves.
    ///
    /// # Errors
    /// If TLS cannot be set up at all.
    pub(crate) fn unproven(server: &str) -> Result<Self, String> {
        Ok(Self {
            transport: Arc::new(Network::anonymous()?),
            server: server.trim_end_matches('/').to_owned(),
            authorization: None,
            user: "an anonymous client".to_owned(),
        })
    }

    /// To a server that `transport` reaches.
    #[cfg(test)]
    pub(crate) fn with_transport(transport: Arc<dyn Transport>, user: &str) -> Self {
        Self {
            transport,
            server: "https://192.0.2.1:6443".to_owned(),
            authorization: None,
            user: user.to_owned(),
        }
    }

    /// Which server is asked.
    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    /// The user that the server is asked as.
    pub(crate) fn user(&self) -> &str {
        &self.user
    }

    /// Asks for `path`, which begins with `/`.
    ///
    /// # Errors
    /// [`Unreachable`] if there is no answer.
    pub(crate) async fn get(&self, path: &str) -> Result<Answer, Unreachable> {
        self.send(Method::GET, path, None).await
    }

    /// Sends a change to `path`.
    ///
    /// # Errors
    /// [`Unreachable`] if there is no answer.
    pub(crate) async fn patch(
        &self,
        path: &str,
        content_type: &'static str,
        body: Bytes,
    ) -> Result<Answer, Unreachable> {
        self.send(Method::PATCH, path, Some((content_type, body)))
            .await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        content: Option<(&'static str, Bytes)>,
    ) -> Result<Answer, Unreachable> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.server))
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, concat!("kubeapply/", env!("CARGO_PKG_VERSION")));
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let mut body = Bytes::new();
        if let Some((content_type, bytes)) = content {
            request = request.header(CONTENT_TYPE, content_type);
            body = bytes;
        }
        let request = request
            .body(body)
            .map_err(|error| Unreachable(format!("`{}{path}`: {error}", self.server)))?;
        let (head, body) = self.transport.send(request).await?.into_parts();
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body,
        })
    }
}

impl Answer {
    /// What it holds.
    ///
    /// # Errors
    /// If it is not JSON: then the answer is not an API server's.
    pub(crate) fn json(&self) -> Result<Json, String> {
        Json::parse(&self.body)
            .map_err(|_| "the answer is not JSON; is this an API server?".to_owned())
    }

    /// Its body.
    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    /// What can be done about it.
    pub(crate) fn class(&self) -> Class {
        let after = retry_after(&self.headers);
        match self.status {
            status if status.is_success() => Class::Good,
            StatusCode::NOT_FOUND => Class::Missing,
            StatusCode::FORBIDDEN => Class::Forbidden,
            StatusCode::CONFLICT if !self.field_conflicts().is_empty() => Class::FieldConflict,
            StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => {
                Class::Again(after)
            }
            status if status.is_server_error() => Class::Again(after),
            _ => Class::Refused,
        }
    }

    /// The fields that others have set, and who they are.
    pub(crate) fn field_conflicts(&self) -> Vec<FieldConflict> {
        let causes = self.json().ok().and_then(|status| {
            let causes = status.at(["details", "causes"])?.as_array()?;
            Some(causes.iter().filter_map(FieldConflict::read).collect())
        });
        causes.unwrap_or_default()
    }

    /// What the server says about a refusal, in one line. If `secret`, only what cannot hold a value of the object: the
    /// status, the reason and the fields it is about.
    pub(crate) fn explain(&self, secret: bool) -> String {
        let code = self.status.as_u16();
        let Ok(status) = self.json() else {
            return format!("status {code}");
        };
        let message = status.text(["message"]);
        // Who may not do what, and which manager owns a field, are not values.
        let plain = !secret || matches!(self.class(), Class::Forbidden | Class::FieldConflict);
        if plain && !message.is_empty() {
            return format!("{message} (status {code})");
        }
        let fields: Vec<&str> = status
            .at(["details", "causes"])
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|cause| cause.get("field")?.as_str())
            .collect();
        match (status.text(["reason"]), fields.as_slice()) {
            ("", _) => format!("status {code}"),
            (reason, []) => format!("{reason} (status {code})"),
            (reason, fields) => format!("{reason}: {} (status {code})", fields.join(", ")),
        }
    }
}

/// A field that another manager has set to another value.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) struct FieldConflict {
    /// Where, as the API writes it (`.spec.replicas`).
    pub(crate) field: String,
    /// Who.
    pub(crate) manager: String,
}

impl FieldConflict {
    /// Reads a cause of the form `conflict with "MANAGER" …`.
    fn read(cause: &Value) -> Option<Self> {
        let text = |key: &str| cause.get(key).and_then(Value::as_str).unwrap_or_default();
        (text("reason") == "FieldManagerConflict").then(|| Self {
            field: text("field").to_owned(),
            manager: text("message")
                .split('"')
                .nth(1)
                .unwrap_or("another manager")
                .to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(status: u16, body: &Value) -> Answer {
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::from(body.to_string()),
        }
    }

    #[test]
    fn answers_are_sorted_by_what_can_be_done() {
        let none = json!({});
        for (status, class) in [
            (200, Class::Good),
            (201, Class::Good),
            (400, Class::Refused),
            (401, Class::Refused),
            (403, Class::Forbidden),
            (404, Class::Missing),
            (409, Class::Again(None)),
            (422, Class::Refused),
            (429, Class::Again(None)),
            (500, Class::Again(None)),
            (503, Class::Again(None)),
        ] {
            assert_eq!(answer(status, &none).class(), class, "{status}");
        }
        let conflict = json!({"reason": "Conflict", "details": {"causes": [
            {"reason": "FieldManagerConflict", "message": "conflict with \"kubectl-edit\" using v1", "field": ".data.a"}
        ]}});
        let answer = answer(409, &conflict);
        assert_eq!(answer.class(), Class::FieldConflict);
        let [found] = answer.field_conflicts().try_into().unwrap();
        assert_eq!(
            (found.field.as_str(), found.manager.as_str()),
            (".data.a", "kubectl-edit")
        );
    }

    #[test]
    fn a_refusal_of_a_secret_is_told_without_its_values() {
        let status = json!({"reason": "Invalid", "message": "data.a: Invalid value: \"hunter2\"",
            "details": {"causes": [{"message": "\"hunter2\"", "field": "data.a"}]}});
        let answer = answer(422, &status);
        assert_eq!(answer.explain(true), "Invalid: data.a (status 422)");
        assert!(answer.explain(false).contains("Invalid value"));
    }
}
