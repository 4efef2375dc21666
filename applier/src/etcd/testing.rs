//! An etcd in memory, for tests: it answers as a real one would (3.6.8), and fails as it is told to.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use serde_json::{Value, json};

use super::{Client, Member};
use crate::net::tls::{Pending, Transport, Unreachable};

/// What all members know, and how they are.
#[derive(Default)]
pub(crate) struct Cluster {
    /// In the order in which they are listed.
    pub(crate) members: Vec<Member>,
    /// URLs at which no member answers, and why.
    pub(crate) down: Vec<(String, &'static str)>,
    /// Learners that have caught up.
    pub(crate) in_sync: BTreeSet<u64>,
    /// What the next calls get instead of an answer, first come, first served.
    pub(crate) failures: VecDeque<Failure>,
    /// Every call: its last word and, of status, the URL.
    pub(crate) calls: Vec<String>,
    /// No call after this many is heard; who calls waits for ever.
    pub(crate) stops_after: Option<usize>,
}

/// How a call fails.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Failure {
    /// Not at all.
    Pass,
    /// It is done, and the answer is lost.
    Lost,
    /// It is refused with this status, code and message.
    Refused(u16, u32, &'static str),
}

/// A cluster, and clients of it.
#[derive(Clone, Default)]
pub(crate) struct FakeEtcd(Arc<Mutex<Cluster>>);

struct Wire(Arc<Mutex<Cluster>>);

/// A member that was started and votes.
pub(crate) fn voter(id: u64, name: &str, address: &str) -> Member {
    Member {
        id,
        name: name.to_owned(),
        peer_urls: vec![format!("https://{address}:2380")],
        client_urls: vec![format!("https://{address}:2379")],
        is_learner: false,
    }
}

impl FakeEtcd {
    /// With these members.
    pub(crate) fn of(members: Vec<Member>) -> Self {
        let etcd = Self::default();
        etcd.state().members = members;
        etcd
    }

    /// Its state.
    pub(crate) fn state(&self) -> MutexGuard<'_, Cluster> {
        self.0.lock().unwrap()
    }

    /// A client that asks at these URLs.
    pub(crate) fn client(&self, endpoints: &[&str]) -> Client {
        let endpoints = endpoints.iter().map(|url| (*url).to_owned()).collect();
        Client::with_transport(Arc::new(Wire(Arc::clone(&self.0))), endpoints)
    }

    /// How often a call was made.
    pub(crate) fn count(&self, call: &str) -> usize {
        let state = self.state();
        state.calls.iter().filter(|made| *made == call).count()
    }
}

impl Transport for Wire {
    fn send(&self, request: Request<Bytes>) -> Pending<'_, Result<Response<Bytes>, Unreachable>> {
        let answer = self.0.lock().unwrap().answer(&request);
        Box::pin(async move {
            match answer {
                Some(answer) => answer,
                None => std::future::pending().await,
            }
        })
    }
}

fn respond(status: u16, body: &Value) -> Result<Response<Bytes>, Unreachable> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    Ok(response)
}

fn refuse(status: u16, code: u32, message: &str) -> Result<Response<Bytes>, Unreachable> {
    respond(status, &json!({"code": code, "message": message}))
}

impl Cluster {
    fn answer(&mut self, request: &Request<Bytes>) -> Option<Result<Response<Bytes>, Unreachable>> {
        let uri = request.uri();
        let host = format!("https://{}", uri.authority().unwrap());
        let call = uri.path().rsplit('/').next().unwrap().to_owned();
        if self.stops_after == Some(self.calls.len()) {
            return None;
        }
        self.calls.push(call.clone());
        if let Some((_, reason)) = self.down.iter().find(|(url, _)| *url == host) {
            return Some(Err(Unreachable((*reason).to_owned())));
        }
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        match self.failures.pop_front() {
            Some(Failure::Refused(status, code, message)) => {
                return Some(refuse(status, code, message));
            }
            Some(Failure::Lost) => {
                let _ = self.heard(&call, &body);
                return Some(Err(Unreachable("the server closed the connection".into())));
            }
            Some(Failure::Pass) | None => {}
        }
        Some(self.heard(&call, &body))
    }

    fn voters_up(&self) -> (usize, usize) {
        let voters = self.members.iter().filter(|member| !member.is_learner);
        let up = voters.clone().filter(|member| {
            let is_down = |url: &String| self.down.iter().any(|(down, _)| down == url);
            !member.client_urls.is_empty() && !member.client_urls.iter().any(is_down)
        });
        (up.count(), voters.count())
    }

    fn heard(&mut self, call: &str, body: &Value) -> Result<Response<Bytes>, Unreachable> {
        let (up, voters) = self.voters_up();
        let majority = up * 2 > voters;
        if call == "status" {
            return respond(
                200,
                &if majority {
                    json!({"leader": "1"})
                } else {
                    json!({"errors": ["etcdserver: no leader"]})
                },
            );
        }
        if !majority && (call != "list" || body["linearizable"] == true) {
            return refuse(503, 14, "etcdserver: request timed out");
        }
        let id = || body["ID"].as_str().unwrap().parse::<u64>().unwrap();
        match call {
            "list" => {}
            "add" => {
                let url = body["peerURLs"][0].as_str().unwrap().to_owned();
                if self.members.iter().any(|member| member.is_at(&url)) {
                    return refuse(400, 9, "etcdserver: Peer URLs already exists");
                }
                if self.members.iter().any(|member| member.is_learner) {
                    return refuse(400, 9, "etcdserver: too many learner members in cluster");
                }
                let id = 1000 + self.members.len() as u64;
                self.members.push(Member {
                    id,
                    peer_urls: vec![url],
                    is_learner: true,
                    ..Member::default()
                });
            }
            "promote" => {
                let id = id();
                let Some(member) = self.members.iter_mut().find(|member| member.id == id) else {
                    return refuse(404, 5, "etcdserver: member not found");
                };
                if !member.is_learner {
                    return refuse(400, 9, "etcdserver: can only promote a learner member");
                }
                if !self.in_sync.contains(&id) {
                    // It catches up while it is asked.
                    self.in_sync.insert(id);
                    return refuse(
                        400,
                        9,
                        "etcdserver: can only promote a learner member which is in sync with leader",
                    );
                }
                member.is_learner = false;
            }
            "remove" => {
                let id = id();
                if !self.members.iter().any(|member| member.id == id) {
                    return refuse(404, 5, "etcdserver: member not found");
                }
                self.members.retain(|member| member.id != id);
            }
            _ => return refuse(404, 5, "Not Found"),
        }
        let members: Vec<Value> = self.members.iter().map(written).collect();
        respond(200, &json!({"members": members}))
    }
}

/// As etcd writes it: what is empty or false is left out.
fn written(member: &Member) -> Value {
    let mut value = json!({"ID": member.id.to_string(), "peerURLs": member.peer_urls});
    if !member.name.is_empty() {
        value["name"] = json!(member.name);
    }
    if !member.client_urls.is_empty() {
        value["clientURLs"] = json!(member.client_urls);
    }
    if member.is_learner {
        value["isLearner"] = json!(true);
    }
    value
}
