//! A host with a pin of its cluster's CA, and a man in the middle who has a bootstrap token.
//!
//! Two stand-ins for API servers: the genuine one, and his. He can sign descriptions of the cluster; he has the genuine CA's certificate
//! and not its key.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context as _, Result, ensure};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::join_facts::JoinFacts;
use kubeplan_testsuite::planned::text;
use kubeplan_testsuite::programs::{Run, kubeapply};
use kubeplan_testsuite::tree;
use libtest_mimic::Trial;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    PublicKeyData as _, SubjectPublicKeyInfo,
};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::PrivatePkcs8KeyDer;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::super::case;

/// The token that signs descriptions; he has it.
const TOKEN: &str = "abcdef.0123456789abcdef";
/// The token of the TLS bootstrap; he has not.
const OTHER_TOKEN: &str = "fedcba.fedcba9876543210";
const INFO: &str = "/api/v1/namespaces/kube-public/configmaps/cluster-info";

pub fn cases() -> Vec<Trial> {
    vec![
        case(
            "attacks::pinned_cluster::the_cluster_itself_is_found_also_while_it_rotates_its_ca",
            found,
        ),
        case(
            "attacks::pinned_cluster::a_ca_beside_the_pinned_one",
            beside,
        ),
        case(
            "attacks::pinned_cluster::the_pinned_key_in_another_certificate",
            pinned_key,
        ),
        case(
            "attacks::pinned_cluster::a_discovery_file_with_a_ca_besides",
            discovery_file,
        ),
    ]
}

/// A CA with its key.
struct Authority {
    pem: String,
    public: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Result<Self> {
        let key = KeyPair::generate()?;
        let params = params(true);
        Ok(Self {
            pem: params.self_signed(&key)?.pem(),
            public: key.subject_public_key_info(),
            issuer: Issuer::new(params, key),
        })
    }

    fn pin(&self) -> String {
        format!("sha256:{}", Sha256Digest::of(&self.public))
    }
}

fn params(authority: bool) -> CertificateParams {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, "kubernetes");
    if authority {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    params
}

/// What a server answers, and which tokens it was shown.
#[derive(Default)]
struct State {
    info: Value,
    shown: Vec<String>,
}

/// An API server.
struct Server {
    authority: Authority,
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Server {
    fn start() -> Result<Self> {
        let authority = Authority::new()?;
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()])?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &authority.issuer)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            )?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let state = Arc::new(Mutex::new(State::default()));
        let (shared, config) = (Arc::clone(&state), Arc::new(config));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let Ok(connection) = ServerConnection::new(Arc::clone(&config)) else {
                    return;
                };
                let mut stream = StreamOwned::new(connection, stream);
                let mut request = [0; 4096];
                let Ok(length) = stream.read(&mut request) else {
                    continue;
                };
                let head = String::from_utf8_lossy(request.get(..length).unwrap_or_default());
                let mut state = shared.lock().unwrap_or_else(PoisonError::into_inner);
                let (status, body) = state.answer(&head);
                let body = body.to_string();
                let _ = write!(
                    stream,
                    "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        });
        let server = Self {
            authority,
            address,
            state,
        };
        server.describe(&server.authority.pem);
        Ok(server)
    }

    /// Has it describe itself with these CA certificates, signed with [`TOKEN`].
    fn describe(&self, authorities: &str) {
        let kubeconfig = format!(
            "clusters:\n- cluster:\n    certificate-authority-data: {}\n    server: https://{}\n  name: \"\"\nkind: Config\n",
            STANDARD.encode(authorities),
            self.address
        );
        let (id, secret) = TOKEN.split_at(6);
        let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"HS256","kid":"{id}"}}"#));
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.trim_start_matches('.').as_bytes());
        let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(&kubeconfig));
        let tag = URL_SAFE_NO_PAD.encode(hmac::sign(&key, signed.as_bytes()));
        let signature = format!("{header}..{tag}");
        self.state().info =
            json!({"data": {"kubeconfig": kubeconfig, "jws-kubeconfig-abcdef": signature}});
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn answer(&mut self, head: &str) -> (u16, Value) {
        let path = head.split(' ').nth(1).unwrap_or_default();
        let bearer = head
            .lines()
            .find_map(|line| line.strip_prefix("authorization: Bearer "));
        self.shown.extend(bearer.map(str::to_owned));
        let stored = |key: &str| (200, json!({"data": {key: format!("kind: {key}\n")}}));
        match path {
            INFO => (200, self.info.clone()),
            "/api/v1/namespaces/kube-system/configmaps/kubeadm-config" => {
                stored("ClusterConfiguration")
            }
            "/api/v1/namespaces/kube-system/configmaps/kubelet-config" => stored("kubelet"),
            "/api/v1/namespaces/kube-system/configmaps/kube-proxy" => stored("config.conf"),
            _ => (404, json!({"message": "not found"})),
        }
    }
}

/// The host that joins.
struct Host(TempDir);

impl Host {
    fn new() -> Result<Self> {
        let host = Self(tempfile::tempdir()?);
        fs::create_dir(host.path("root"))?;
        fs::write(host.path("token"), TOKEN)?;
        fs::write(host.path("other"), OTHER_TOKEN)?;
        Ok(host)
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    /// Runs `kubeapply discover`.
    fn discover(&self, at: &[&str], pins: &[String]) -> Result<Run> {
        let (root, out) = (self.path("root"), self.path("out.json"));
        let recipient =
            fs::read_to_string(kubeplan_testsuite::joins::identity().with_extension("pub"))?;
        let mut args = vec!["discover"];
        args.extend(at);
        args.extend(["--root", text(&root)?, "--output", text(&out)?]);
        args.extend(["--recipient", recipient.trim(), "--node-name", "w1"]);
        args.extend(["--discovery-timeout", "10s"]);
        for pin in pins {
            args.extend(["--discovery-token-ca-cert-hash", pin]);
        }
        Ok(kubeapply(&args))
    }

    /// Asks `server` with token and pins; the TLS bootstrap has a token of its own.
    fn ask(&self, server: &Server, pins: &[String]) -> Result<Run> {
        let (token, other) = (self.path("token"), self.path("other"));
        let address = server.address.to_string();
        let at = [
            address.as_str(),
            "--token-file",
            text(&token)?,
            "--tls-bootstrap-token-file",
            text(&other)?,
        ];
        self.discover(&at, pins)
    }

    /// The attempt is refused as `expected` says: nothing is written, and no token shown to `server`.
    fn refused(&self, run: Run, server: &Server, expected: &[&str]) -> Result<()> {
        let run = run.expect(4)?;
        for expected in expected {
            ensure!(run.err.contains(expected), "{expected}:\n{}", run.err);
        }
        let shown = server.state().shown.clone();
        ensure!(shown.is_empty(), "a token was shown: {shown:?}");
        ensure!(!self.path("out.json").exists(), "facts were written");
        let below = tree::snapshot(&self.path("root"))?;
        // The directory itself and nothing in it: no record, no serial.
        ensure!(below.len() == 1, "the host was changed: {below:?}");
        Ok(())
    }

    fn facts(&self) -> Result<JoinFacts> {
        Ok(JoinFacts::parse(&fs::read(self.path("out.json"))?)?)
    }
}

fn found() -> Result<()> {
    let (genuine, old) = (Server::start()?, Authority::new()?);
    let host = Host::new()?;
    host.ask(&genuine, &[genuine.authority.pin()])?.expect(0)?;
    ensure!(host.facts()?.ca_certificates == genuine.authority.pem);
    let shown = genuine.state().shown.clone();
    ensure!(
        !shown.is_empty() && shown.iter().all(|token| token == OTHER_TOKEN),
        "{shown:?}"
    );
    // A cluster that rotates its CA has two, and both are pinned.
    let both = format!("{}{}", genuine.authority.pem, old.pem);
    genuine.describe(&both);
    host.ask(&genuine, &[genuine.authority.pin(), old.pin()])?
        .expect(0)?;
    ensure!(host.facts()?.ca_certificates == both);
    Ok(())
}

fn beside() -> Result<()> {
    let (genuine, between) = (Server::start()?, Server::start()?);
    let host = Host::new()?;
    let (real, own) = (&genuine.authority.pem, &between.authority.pem);
    let hint = format!(
        "pin it as well with --discovery-token-ca-cert-hash {}",
        between.authority.pin()
    );
    for both in [
        format!("{real}{own}"),
        format!("{own}{real}"),
        format!("{real}text between\r\n{own}"),
    ] {
        between.describe(&both);
        let run = host.ask(&between, &[genuine.authority.pin()])?;
        host.refused(run, &between, &["whose key is not pinned", &hint])?;
    }
    between.describe(own);
    let run = host.ask(&between, &[genuine.authority.pin()])?;
    host.refused(run, &between, &["not a pinned one"])
}

fn pinned_key() -> Result<()> {
    let (genuine, between) = (Server::start()?, Server::start()?);
    let host = Host::new()?;
    let public = SubjectPublicKeyInfo::from_der(&genuine.authority.public)?;
    let issuer = &between.authority.issuer;
    let leaf = params(false).signed_by(&public, issuer)?.pem();
    let own = &between.authority.pem;
    for authorities in [leaf.clone(), format!("{leaf}{own}"), format!("{own}{leaf}")] {
        between.describe(&authorities);
        let run = host.ask(&between, &[genuine.authority.pin()])?;
        host.refused(
            run,
            &between,
            &["is not a CA's: it has no basic constraint CA:TRUE"],
        )?;
    }
    // As a CA it says that it signed itself, or vouches for nothing.
    let forged = params(true).signed_by(&public, issuer)?.pem();
    between.describe(&forged);
    let run = host.ask(&between, &[genuine.authority.pin()])?;
    host.refused(run, &between, &["its key did not sign it"])?;
    let mut below = params(true);
    below
        .distinguished_name
        .push(DnType::OrganizationName, "below");
    between.describe(&below.signed_by(&public, issuer)?.pem());
    let run = host.ask(&between, &[genuine.authority.pin()])?;
    host.refused(run, &between, &["cannot prove that it is the cluster"])
}

fn discovery_file() -> Result<()> {
    let (genuine, between) = (Server::start()?, Server::start()?);
    let host = Host::new()?;
    let file = host.path("discovery.conf");
    let write = |server: &Server, authorities: &str| -> Result<()> {
        let config = json!({
            "clusters": [{"name": "", "cluster": {
                "server": format!("https://{}", server.address),
                "certificate-authority-data": STANDARD.encode(authorities),
            }}],
        });
        Ok(fs::write(&file, config.to_string())?)
    };
    let token = host.path("other");
    let at = [
        "--discovery-file",
        text(&file)?,
        "--tls-bootstrap-token-file",
        text(&token)?,
    ];
    let pins = [genuine.authority.pin()];
    let both = format!("{}{}", genuine.authority.pem, between.authority.pem);
    write(&between, &both)?;
    host.refused(
        host.discover(&at, &pins)?,
        &between,
        &["whose key is not pinned"],
    )?;
    let public = SubjectPublicKeyInfo::from_der(&genuine.authority.public)?;
    let leaf = params(false).signed_by(&public, &between.authority.issuer)?;
    write(&between, &leaf.pem())?;
    host.refused(host.discover(&at, &pins)?, &between, &["is not a CA's"])?;
    // The genuine one is found, with its pin and, as a file is the operator's word, without.
    write(&genuine, &genuine.authority.pem)?;
    host.discover(&at, &pins)?.expect(0)?;
    host.discover(&at, &[])?.expect(0)?;
    let facts = host.facts().context("facts were written")?;
    ensure!(facts.ca_certificates == genuine.authority.pem);
    Ok(())
}
