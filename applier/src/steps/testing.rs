//! An API server in memory, for tests: it answers as a real one would, and fails as it is told to.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use kubeplan_bundle::index::TransactionName;
use kubeplan_bundle::path::HostPath;
use kubeplan_bundle::secret::SecretBytes;
use serde_json::{Value, json};

use super::committer::{ChangeError, Committed, Committer, Removal, Standing};
use super::report::{Event, Observer, State};
use crate::net::client::ApiClient;
use crate::net::tls::{Pending, Transport, Unreachable};

/// The state of the server.
#[derive(Default)]
pub(crate) struct Server {
    /// Objects by path.
    pub(crate) objects: BTreeMap<String, Value>,
    /// What the next requests get instead of an answer, first come, first served.
    pub(crate) failures: VecDeque<Failure>,
    /// Fields that another manager has set, by path of their object.
    pub(crate) foreign: BTreeMap<String, Vec<(String, String)>>,
    /// Every request: method and path with query.
    pub(crate) calls: Vec<String>,
    /// Users that may do nothing.
    pub(crate) forbidden: Vec<String>,
    /// Whether the API has any kinds yet.
    pub(crate) starting: bool,
    versions: u64,
}

/// How a request fails.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// Not at all: this one is answered.
    Pass,
    /// No server answers.
    Connection(&'static str),
    /// An answer with this status, reason and seconds to wait.
    Status(u16, &'static str, Option<u32>),
}

/// One user's view of the server.
pub(crate) struct Fake {
    server: Arc<Mutex<Server>>,
    user: String,
}

/// A server, and clients of it.
#[derive(Clone, Default)]
pub(crate) struct FakeApi(Arc<Mutex<Server>>);

impl FakeApi {
    /// The server's state.
    pub(crate) fn server(&self) -> MutexGuard<'_, Server> {
        self.0.lock().unwrap()
    }

    /// A client of the server.
    pub(crate) fn client(&self, user: &str) -> ApiClient {
        let fake = Fake {
            server: Arc::clone(&self.0),
            user: user.to_owned(),
        };
        ApiClient::with_transport(Arc::new(fake), user)
    }

    /// Requests of this method.
    pub(crate) fn count(&self, method: &str) -> usize {
        let server = self.server();
        server
            .calls
            .iter()
            .filter(|call| call.starts_with(method))
            .count()
    }
}

impl Transport for Fake {
    fn send(&self, request: Request<Bytes>) -> Pending<'_, Result<Response<Bytes>, Unreachable>> {
        let answer = self.server.lock().unwrap().answer(&self.user, &request);
        Box::pin(async move { answer })
    }
}

fn respond(status: u16, body: &Value) -> Result<Response<Bytes>, Unreachable> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    Ok(response)
}

fn status(code: u16, reason: &str, message: &str) -> Result<Response<Bytes>, Unreachable> {
    respond(
        code,
        &json!({"kind": "Status", "reason": reason, "message": message, "code": code}),
    )
}

impl Server {
    fn answer(
        &mut self,
        user: &str,
        request: &Request<Bytes>,
    ) -> Result<Response<Bytes>, Unreachable> {
        let path = request.uri().path().to_owned();
        let query = request.uri().query().unwrap_or_default().to_owned();
        self.calls
            .push(format!("{} {path}?{query}", request.method()));
        match self.failures.pop_front() {
            Some(Failure::Connection(error)) => return Err(Unreachable(error.to_owned())),
            Some(Failure::Status(code, reason, after)) => {
                let mut response = status(code, reason, "hunter2 did it")?;
                if let Some(after) = after {
                    response.headers_mut().insert("retry-after", after.into());
                }
                return Ok(response);
            }
            Some(Failure::Pass) | None => {}
        }
        if self.forbidden.iter().any(|name| name == user) {
            return status(
                403,
                "Forbidden",
                &format!("things is forbidden: User \"{user}\" cannot get resource"),
            );
        }
        if path == "/api/v1" {
            let resources = if self.starting {
                json!([])
            } else {
                json!([
                    {"name": "settings", "kind": "Setting", "namespaced": true},
                    {"name": "grants", "kind": "Grant", "namespaced": false},
                ])
            };
            return respond(200, &json!({"resources": resources}));
        }
        match *request.method() {
            Method::GET => match self.objects.get(&path) {
                Some(object) => respond(200, object),
                None => status(404, "NotFound", "not found"),
            },
            Method::PATCH if request.headers()["content-type"] == crate::net::client::APPLY => {
                self.apply(&path, &query, request.body())
            }
            _ => self.merge(&path, request.body()),
        }
    }

    fn apply(
        &mut self,
        path: &str,
        query: &str,
        body: &[u8],
    ) -> Result<Response<Bytes>, Unreachable> {
        let mut object: Value = serde_json::from_slice(body).unwrap();
        let force = query.contains("force=true");
        if let Some(fields) = self.foreign.get(path).filter(|_| !force) {
            let causes: Vec<Value> = fields
                .iter()
                .map(|(field, manager)| {
                    json!({"reason": "FieldManagerConflict", "field": field,
                    "message": format!("conflict with \"{manager}\" using v1")})
                })
                .collect();
            return respond(
                409,
                &json!({"reason": "Conflict", "details": {"causes": causes}}),
            );
        }
        self.foreign.remove(path);
        let before = self.objects.get(path);
        let version = before.map(|before| before["metadata"]["resourceVersion"].clone());
        let uid = before.map_or_else(
            || Value::from(format!("uid-{}", self.versions)),
            |b| b["metadata"]["uid"].clone(),
        );
        object["metadata"]["uid"] = uid;
        object["metadata"]["resourceVersion"] = version.clone().unwrap_or_default();
        if before == Some(&object) {
            return respond(200, &object);
        }
        self.versions += 1;
        object["metadata"]["resourceVersion"] = Value::from(self.versions.to_string());
        let code = if version.is_some() { 200 } else { 201 };
        self.objects.insert(path.to_owned(), object.clone());
        respond(code, &object)
    }

    fn merge(&mut self, path: &str, body: &[u8]) -> Result<Response<Bytes>, Unreachable> {
        let patch: Value = serde_json::from_slice(body).unwrap();
        self.versions += 1;
        let version = self.versions.to_string();
        let Some(object) = self.objects.get_mut(path) else {
            return status(404, "NotFound", "not found");
        };
        if patch["metadata"]["resourceVersion"] != object["metadata"]["resourceVersion"] {
            return status(
                409,
                "Conflict",
                "the object has been modified; please apply your changes to the latest version",
            );
        }
        for (key, value) in patch["metadata"]["labels"]
            .as_object()
            .into_iter()
            .flatten()
        {
            object["metadata"]["labels"][key] = value.clone();
        }
        if let Some(taints) = patch["spec"].get("taints") {
            object["spec"]["taints"] = taints.clone();
        }
        object["metadata"]["resourceVersion"] = Value::from(version);
        respond(200, object)
    }
}

/// Remembers what it is told.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Why steps waited.
    pub(crate) waits: Vec<String>,
    /// Positions of completed steps.
    pub(crate) completed: Vec<usize>,
    /// What failed.
    pub(crate) failures: Vec<String>,
    /// Where steps may change files, if they may.
    pub(crate) directory: Option<PathBuf>,
    /// Why files are left as they are.
    pub(crate) leave: Option<&'static str>,
}

impl Observer for Told {
    fn event(&mut self, event: &Event) {
        match &event.state {
            State::Waiting { detail } => self.waits.push(detail.clone()),
            State::Failed { error } => self.failures.push(error.clone()),
            State::Started | State::Done { .. } => {}
        }
    }

    fn completed(
        &mut self,
        position: usize,
        _: &str,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.completed.push(position);
        Ok(())
    }

    fn files(&mut self) -> Option<&mut dyn Committer> {
        self.directory.is_some().then_some(self)
    }
}

/// Changes the files of [`Told::directory`], without a journal.
#[expect(
    clippy::disallowed_methods,
    reason = "tests change the tree they built"
)]
impl Committer for Told {
    fn look(&mut self, _: &TransactionName) -> Result<Standing, ChangeError> {
        panic!("not asked for")
    }

    fn begin(&mut self, _: usize, _: &str) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        panic!("not asked for")
    }

    fn commit(&mut self, _: &TransactionName, _: &str) -> Result<Committed, ChangeError> {
        panic!("not asked for")
    }

    fn replace(
        &mut self,
        _: usize,
        path: &HostPath,
        (old, new): (&SecretBytes, &SecretBytes),
        mode: u32,
    ) -> Result<(), ChangeError> {
        let at = self.directory.as_ref().unwrap().join(path.relative());
        assert_eq!(fs::read(&at).unwrap(), old.expose());
        fs::write(&at, new.expose()).unwrap();
        fs::set_permissions(&at, fs::Permissions::from_mode(mode)).unwrap();
        Ok(())
    }

    fn remove(&mut self, _: usize, path: &HostPath) -> Result<Removal, ChangeError> {
        let at = self.directory.as_ref().unwrap().join(path.relative());
        if !at.exists() {
            return Ok(Removal::Missing);
        }
        if let Some(why) = self.leave {
            return Ok(Removal::Left(why));
        }
        fs::remove_file(at).unwrap();
        Ok(Removal::Done)
    }
}
