//! A network between `kubeapply` and the API server that a case makes as bad as it likes.
//!
//! In: a host with a plan, and a function that says what happens to each request. Out: while the value lives, the requests
//! of `kubeapply`, and no others, go through a proxy in this process. The host's packet filter sends
//! connections of one group of users there. The proxy has the API server's own certificate from the key store, and
//! tells the server who asks as an aggregator does: with the certificate of `front-proxy-client`, and in headers.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use kubeplan_testhosts::hosts::Host;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::WebPkiClientVerifier;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::site::Site;

/// The group of users whose connections are bent. No other user of the host is in it.
const GROUP: u32 = 4242;

/// Where the proxy listens on the host.
const PORT: u16 = 16443;

/// Larger than any request of `kubeapply`.
const REQUEST_LIMIT: usize = 4 * 1024 * 1024;

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is answered by the API server.
    Passes,
    /// It is answered by the API server, so much later.
    PassesAfter(Duration),
    /// The connection ends, and the API server never saw the request.
    Lost,
    /// The API server does what was asked, and the connection ends.
    AnswerLost,
    /// The connection ends in the middle of the answer.
    AnswerCut,
    /// The proxy answers with this status.
    Status(u16),
    /// As that, and asks for so many seconds of patience.
    StatusWithPatience(u16, u32),
    /// The proxy answers, and does not speak HTTP.
    Gibberish,
}

/// What a request asks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Asked {
    /// `GET`, `PATCH`.
    pub(super) method: String,
    /// With the query.
    pub(super) path: String,
}

/// Says what happens to a request.
type Decide = Box<dyn FnMut(&Asked) -> Fate + Send>;

struct Inner {
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
    api: SocketAddr,
    decide: Mutex<Decide>,
    over: AtomicBool,
}

/// The proxy. Ends with its value, but for the rule of the packet filter, which ends with the host.
pub(super) struct Proxy {
    inner: Arc<Inner>,
    server: Option<JoinHandle<Result<()>>>,
}

impl Proxy {
    /// Puts itself between `kubeapply` on the host and its API server.
    pub(super) fn between(
        site: &Site,
        decide: impl FnMut(&Asked) -> Fate + Send + 'static,
    ) -> Result<Self> {
        let pki = site.planned.path("pki");
        let node = pki.join("nodes").join(site.host.name());
        let address = site.host.number().address();
        let inner = Arc::new(Inner {
            server: Arc::new(server_config(&pki, &node)?),
            client: Arc::new(client_config(&pki, &node)?),
            api: SocketAddr::new(address.into(), 6443),
            decide: Mutex::new(Box::new(decide)),
            over: AtomicBool::new(false),
        });
        let init = site.host.init().context("the host does not run")?;
        let (ready, listens) = channel();
        let shared = Arc::clone(&inner);
        let server = thread::spawn(move || {
            init.in_network(|| {
                let listener = TcpListener::bind(("0.0.0.0", PORT))?;
                ready.send(())?;
                serve(&listener, &shared)
            })
        });
        let proxy = Self {
            inner,
            server: Some(server),
        };
        listens
            .recv()
            .context("the proxy cannot listen on the host")?;
        redirect(&site.host)?;
        Ok(proxy)
    }

    /// The line as a shell command whose connections go through the proxy.
    pub(super) fn line(&self, line: &str) -> String {
        format!("setpriv --regid {GROUP} --clear-groups {line}")
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.inner.over.store(true, Ordering::Relaxed);
        if let Some(server) = self.server.take() {
            // Its errors have been those of requests.
            let _ = server.join();
        }
    }
}

/// Sends what the group connects to the API server to the proxy.
fn redirect(host: &Host) -> Result<()> {
    host.shell(&format!(
        "nft 'table ip faults {{ chain output {{ type nat hook output priority -100; \
         meta skgid {GROUP} tcp dport 6443 redirect to :{PORT}; }}; }}'"
    ))
    .map(drop)
}

/// Takes connections until the proxy is over. Threads are in the network of the one that starts them.
fn serve(listener: &TcpListener, inner: &Arc<Inner>) -> Result<()> {
    listener.set_nonblocking(true)?;
    while !inner.over.load(Ordering::Relaxed) {
        match listener.accept() {
            Ok((connection, _)) => {
                let inner = Arc::clone(inner);
                // An error of a connection is the client's to notice.
                thread::spawn(move || handle(connection, &inner));
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                thread::sleep(Duration::from_millis(5));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// One connection, and the one request it carries.
fn handle(connection: TcpStream, inner: &Inner) -> Result<()> {
    connection.set_nonblocking(false)?;
    connection.set_nodelay(true)?;
    connection.set_read_timeout(Some(Duration::from_secs(60)))?;
    let mut client = StreamOwned::new(
        ServerConnection::new(Arc::clone(&inner.server))?,
        connection,
    );
    let (head, body) = request(&mut client)?;
    let mut words = head.split(' ');
    let asked = Asked {
        method: words.next().unwrap_or_default().to_owned(),
        path: words.next().unwrap_or_default().to_owned(),
    };
    let fate = match inner.decide.lock() {
        Ok(mut decide) => decide(&asked),
        Err(_) => bail!("the case has ended"),
    };
    let status = |status: u16, more: &str| {
        format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n{more}\r\n")
    };
    let said = match fate {
        Fate::Lost => return Ok(()),
        Fate::Status(code) => status(code, "").into_bytes(),
        Fate::StatusWithPatience(code, seconds) => {
            status(code, &format!("retry-after: {seconds}\r\n")).into_bytes()
        }
        Fate::Gibberish => b"\x15\x03\x01 who are you?\r\n\r\n".to_vec(),
        Fate::Passes | Fate::PassesAfter(_) | Fate::AnswerLost | Fate::AnswerCut => {
            if let Fate::PassesAfter(time) = fate {
                thread::sleep(time);
            }
            let user = user(&client)?;
            let mut answer = forward(inner, &head, &user, &body)?;
            match fate {
                Fate::AnswerLost => return Ok(()),
                Fate::AnswerCut => answer.truncate(answer.len() * 2 / 3),
                _ => {}
            }
            answer
        }
    };
    client.write_all(&said)?;
    client.flush()?;
    if fate != Fate::AnswerCut {
        client.conn.send_close_notify();
        client.flush()?;
    }
    Ok(())
}

/// The head of a request, without the empty line, and its body.
fn request(client: &mut impl Read) -> Result<(String, Vec<u8>)> {
    let mut read = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        if let Some(end) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            let head = String::from_utf8(read.drain(..end).collect())?;
            read.drain(..4);
            let length = head
                .lines()
                .filter_map(|line| line.split_once(':'))
                .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
                .map_or(Ok(0), |(_, value)| value.trim().parse::<usize>())?;
            while read.len() < length {
                let count = client.read(&mut buffer)?;
                if count == 0 {
                    bail!("the request ends early");
                }
                read.extend_from_slice(buffer.get(..count).unwrap_or_default());
            }
            return Ok((head, read));
        }
        let count = client.read(&mut buffer)?;
        if count == 0 || read.len() > REQUEST_LIMIT {
            bail!("no request");
        }
        read.extend_from_slice(buffer.get(..count).unwrap_or_default());
    }
}

/// The headers that say who the client's certificate is of.
fn user(client: &StreamOwned<ServerConnection, TcpStream>) -> Result<String> {
    let certificates = client.conn.peer_certificates().unwrap_or_default();
    let first = certificates
        .first()
        .context("the client has no certificate")?;
    let (_, certificate) = X509Certificate::from_der(first)?;
    let subject = certificate.subject();
    let mut headers = String::new();
    for name in subject.iter_common_name() {
        headers.push_str(&format!("X-Remote-User: {}\r\n", name.as_str()?));
    }
    for group in subject.iter_organization() {
        headers.push_str(&format!("X-Remote-Group: {}\r\n", group.as_str()?));
    }
    Ok(headers)
}

/// What the API server answers, to the end of the connection.
fn forward(inner: &Inner, head: &str, user: &str, body: &[u8]) -> Result<Vec<u8>> {
    let name = ServerName::IpAddress(inner.api.ip().into());
    let connection = TcpStream::connect_timeout(&inner.api, Duration::from_secs(5))?;
    connection.set_nodelay(true)?;
    connection.set_read_timeout(Some(Duration::from_secs(60)))?;
    let mut server = StreamOwned::new(
        ClientConnection::new(Arc::clone(&inner.client), name)?,
        connection,
    );
    server.write_all(format!("{head}\r\n{user}connection: close\r\n\r\n").as_bytes())?;
    server.write_all(body)?;
    server.flush()?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer)?;
    Ok(answer)
}

fn server_config(pki: &Path, node: &Path) -> Result<ServerConfig> {
    let clients = WebPkiClientVerifier::builder_with_provider(
        Arc::new(authority(&pki.join("ca.crt"))?),
        provider(),
    )
    .build()?;
    let (chain, key) = certificate(&node.join("apiserver"))?;
    Ok(ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(clients)
        .with_single_cert(chain, key)?)
}

fn client_config(pki: &Path, node: &Path) -> Result<ClientConfig> {
    let (chain, key) = certificate(&node.join("front-proxy-client"))?;
    Ok(ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(authority(&pki.join("ca.crt"))?)
        .with_client_auth_cert(chain, key)?)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn authority(path: &Path) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&fs::read(path)?) {
        roots.add(certificate?)?;
    }
    Ok(roots)
}

fn certificate(stem: &Path) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let read = |extension: &str| {
        let path: PathBuf = stem.with_extension(extension);
        fs::read(&path).with_context(|| path.display().to_string())
    };
    let chain = CertificateDer::pem_slice_iter(&read("crt")?).collect::<Result<Vec<_>, _>>()?;
    Ok((chain, PrivateKeyDer::from_pem_slice(&read("key")?)?))
}
