//! The running system, and what can be reached from it.
//!
//! In: questions to this host, to servers, to the container runtime. Out: answers, or why there is none. Nothing is changed, except
//! that a runtime pulls the images it is asked to pull.

use crate::host::system::{Live, System};
use crate::net::fetch::{self, ClientTls};
use crate::runtime::{Client, CriError, Runtime};

/// Questions to the running system and to what it reaches; tests answer for themselves.
pub(crate) trait Surroundings: System {
    /// The body of a document on a server, and the status.
    fn fetch(&self, url: &str, tls: &ClientTls) -> Result<(u16, String), String>;
    /// The container runtime behind a socket.
    fn runtime(&self, socket: &str) -> Result<Box<dyn Runtime>, CriError>;
}

impl Surroundings for Live {
    fn fetch(&self, url: &str, tls: &ClientTls) -> Result<(u16, String), String> {
        fetch::get(url, tls)
    }

    fn runtime(&self, socket: &str) -> Result<Box<dyn Runtime>, CriError> {
        Ok(Box::new(Client::connect(socket)?))
    }
}
