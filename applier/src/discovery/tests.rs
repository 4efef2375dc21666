#![expect(
    clippy::disallowed_methods,
    reason = "tests write the files that are read"
)]

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::seal::Identities;
use kubeplan_bundle::secret::SecretBytes;
use kubeplan_terminal::CliError;
use rcgen::{CertifiedIssuer, KeyPair};
use serde_json::{Value, json};

use super::settings::{ByFile, Location, Options};
use super::*;
use crate::kubeadm::protocol::*;
use crate::net::tls::server::{authority, serve};
use crate::steps::testing::Told;

const TOKEN: &str = "abcdef.0123456789abcdef";
const NODE: &str = "/api/v1/nodes/w1";

/// A cluster on this machine.
struct FakeCluster {
    authority: CertifiedIssuer<'static, KeyPair>,
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Objects by path.
    objects: BTreeMap<String, Value>,
    /// What the API server answers to the n-th request for the description instead of the object.
    info: Vec<Value>,
    /// Paths that are forbidden to every user.
    forbidden: Vec<String>,
    /// The token is not known.
    unknown_token: bool,
    /// Path and credentials of every request.
    calls: Vec<(String, Option<String>)>,
}

impl State {
    fn answer(&mut self, head: &str, with_certificate: bool) -> (u16, Value) {
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let shown = head
            .lines()
            .find_map(|line| line.strip_prefix("authorization: Bearer "))
            .map(str::to_owned);
        self.calls.push((path.clone(), shown.clone()));
        let status = |code: u16, message: &str| (code, json!({"message": message}));
        let known = with_certificate || shown.as_deref() == Some(TOKEN) && !self.unknown_token;
        if shown.is_some() && !known {
            return status(401, "Unauthorized");
        }
        if self.forbidden.contains(&path) {
            return status(403, "is forbidden");
        }
        if path == CLUSTER_INFO.path {
            // As a real one: the role is bound to strangers alone.
            if known {
                return status(403, "is forbidden");
            }
            if !self.info.is_empty() {
                return (200, self.info.remove(0));
            }
        } else if !known {
            return status(403, "strangers may not");
        }
        match self.objects.get(&path) {
            Some(object) => (200, object.clone()),
            None => status(404, "not found"),
        }
    }
}

fn token() -> Token {
    Token::parse(&SecretBytes::from_text(TOKEN.to_owned())).unwrap()
}

/// The description of a cluster at this address, signed.
fn description(address: SocketAddr, ca: &str, signed_with: &Token) -> Value {
    let text = format!(
        "clusters:\n- cluster:\n    certificate-authority-data: {}\n    server: https://{address}\n  name: \"\"\nkind: Config\n",
        STANDARD.encode(ca)
    );
    let key = format!("{SIGNATURE_KEY_PREFIX}{}", signed_with.id());
    let signature = signature::sign(signed_with, &text);
    json!({"data": {"kubeconfig": text, key: signature}})
}

impl FakeCluster {
    fn start() -> Self {
        let authority = authority("cluster");
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let address = serve(
            &authority,
            &authority,
            Box::new(move |head, known| {
                let (code, body) = shared.lock().unwrap().answer(head, known);
                (code, body.to_string())
            }),
        );
        let cluster = Self {
            authority,
            address,
            state,
        };
        {
            let mut state = cluster.state();
            let info = description(address, &cluster.authority.pem(), &token());
            state.objects.insert(CLUSTER_INFO.path.into(), info);
            for place in [
                CLUSTER_CONFIGURATION,
                KUBELET_CONFIGURATION,
                PROXY_CONFIGURATION,
            ] {
                let object = json!({"data": {place.key: format!("kind: {}\n", place.key)}});
                state.objects.insert(place.path.into(), object);
            }
        }
        cluster
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn pin(&self) -> Pin {
        pins(&self.authority.pem())[0].parse().unwrap()
    }

    /// The settings of an operator who has token and pin.
    fn settings(&self) -> Settings {
        let options = Options {
            endpoint: Some(self.address.to_string()),
            token: Some(SecretBytes::from_text(TOKEN.into())),
            pins: vec![self.pin().to_string()],
            node: Some("w1".into()),
            timeout: Some(Duration::from_millis(700)),
            ..Options::default()
        };
        Settings::of_options(options, "w1").unwrap()
    }

    /// The settings of an operator who has a discovery file with these users.
    fn by_file(&self, directory: &Path, user: &Value) -> Settings {
        let config = json!({
            "clusters": [{"name": "prod", "cluster": {
                "server": format!("https://{}", self.address),
                "certificate-authority-data": STANDARD.encode(self.authority.pem()),
            }}],
            "contexts": [{"name": "x", "context": {"cluster": "prod", "user": "me"}}],
            "current-context": "x",
            "users": [{"name": "me", "user": user}],
        });
        let path = directory.join("discovery.conf");
        fs::write(&path, config.to_string()).unwrap();
        Settings {
            source: Source::File(ByFile {
                location: Location::Path(path),
                bootstrap_token: None,
                pins: Vec::new(),
                pins_from: "--discovery-token-ca-cert-hash",
            }),
            ..self.settings()
        }
    }

    /// Only a server that proved its identity received the token.
    fn token_was_shown(&self) -> bool {
        self.state().calls.iter().any(|(_, shown)| shown.is_some())
    }
}

fn by_token(settings: &mut Settings) -> &mut settings::ByToken {
    match &mut settings.source {
        Source::Token(by) => by,
        Source::File(_) => panic!("a file"),
    }
}

/// What was found, with its secrets opened; or exit code and text of the error with its hints.
fn run(settings: &Settings) -> Result<(JoinFacts, JoinSecrets, Vec<String>), (Exit, String)> {
    let root = Root::open(Path::new("/")).unwrap();
    let (identity, recipient) = Identities::generate();
    let request = Request {
        root: &root,
        settings,
        recipients: &[recipient],
        now: "2026-11-21T12:00:00Z".parse().unwrap(),
    };
    let mut told = Told::default();
    let found = discover(&request, &mut told);
    let waits = told.waits.join("\n");
    assert!(!waits.contains("0123456789abcdef"), "{waits}");
    let found = found.map_err(|error| {
        let error = CliError::from(error);
        let text = format!("{error}\n{}", error.hints().join("\n"));
        assert!(!text.contains("0123456789abcdef"), "{text}");
        (error.exit(), text)
    })?;
    // What is written can be read again.
    let text = found.facts.to_json().unwrap();
    assert!(!text.contains("0123456789abcdef"), "{text}");
    let facts = JoinFacts::parse(text.as_bytes()).unwrap();
    let identities = Identities::parse(&identity, "identity").unwrap();
    let secrets = facts.open(&identities).unwrap();
    Ok((facts, secrets, found.notes))
}

#[track_caller]
fn refused(settings: &Settings, exit: Exit, expected: &str) {
    let (code, text) = run(settings).err().unwrap();
    assert!(text.contains(expected), "{text}");
    assert_eq!(code, exit, "{text}");
}

#[test]
fn a_token_and_a_pin_find_the_cluster() {
    let cluster = FakeCluster::start();
    let (facts, secrets, notes) = run(&cluster.settings()).unwrap();
    assert_eq!(facts.server, format!("https://{}", cluster.address));
    assert_eq!(facts.ca_certificates, cluster.authority.pem());
    assert_eq!(facts.cluster_configuration, "kind: ClusterConfiguration\n");
    assert_eq!(facts.kubelet_configuration, "kind: kubelet\n");
    assert_eq!(
        facts.kube_proxy_configuration.as_deref(),
        Some("kind: config.conf\n")
    );
    assert_eq!(facts.token_endpoint, Some(cluster.address.to_string()));
    assert!(!facts.control_plane && !facts.certificate_key);
    assert_eq!(notes, Vec::<String>::new());
    let kubeconfig = String::from_utf8(secrets.bootstrap_kubeconfig.expose().to_vec()).unwrap();
    assert!(kubeconfig.contains(TOKEN) && secrets.files.is_empty());
    // Description twice without credentials, everything else with the token.
    let state = cluster.state();
    let shown: Vec<bool> = state
        .calls
        .iter()
        .map(|(_, token)| token.is_some())
        .collect();
    assert_eq!(shown, [false, false, true, true, true, true]);
    assert_eq!(state.calls[5].0, NODE);
}

#[test]
fn a_signature_that_comes_late_is_waited_for() {
    let cluster = FakeCluster::start();
    cluster.state().info = vec![json!({"data": {"kubeconfig": "x"}})];
    assert!(run(&cluster.settings()).is_ok());
}

#[test]
fn attack_another_token_is_refused_and_none_is_shown() {
    let cluster = FakeCluster::start();
    let other = SecretBytes::from_text("abcdef.fedcba9876543210".into());
    let mut settings = cluster.settings();
    by_token(&mut settings).token = Token::parse(&other).unwrap();
    refused(
        &settings,
        Exit::Refused,
        "is not signed with the token `abcdef.…`",
    );
    assert!(!cluster.token_was_shown());
}

#[test]
fn a_token_that_is_unknown_or_has_expired_is_refused_with_those_that_are_known() {
    let cluster = FakeCluster::start();
    let other = SecretBytes::from_text("zzzzzz.0123456789abcdef".into());
    let mut settings = cluster.settings();
    by_token(&mut settings).token = Token::parse(&other).unwrap();
    refused(
        &settings,
        Exit::Refused,
        "no signature for the token with id `zzzzzz`",
    );
    refused(&settings, Exit::Refused, "signed for: abcdef");
    refused(&settings, Exit::Refused, "kubeadm token create");
    assert!(!cluster.token_was_shown());
}

#[test]
fn attack_another_pin_is_refused_and_no_token_is_shown() {
    let cluster = FakeCluster::start();
    let mut settings = cluster.settings();
    by_token(&mut settings).pins = vec![format!("sha256:{}", "00".repeat(32)).parse().unwrap()];
    refused(&settings, Exit::Refused, "not a pinned one");
    refused(&settings, Exit::Refused, &cluster.pin().to_string());
    assert!(!cluster.token_was_shown());
}

#[test]
fn attack_a_description_that_was_changed_on_the_way_is_refused() {
    let cluster = FakeCluster::start();
    let mut changed = description(cluster.address, &cluster.authority.pem(), &token());
    let text = changed["data"]["kubeconfig"].as_str().unwrap();
    changed["data"]["kubeconfig"] = Value::from(text.replace("127.0.0.1", "127.0.0.2"));
    cluster.state().info = vec![changed];
    refused(
        &cluster.settings(),
        Exit::Refused,
        "the description was changed on the way",
    );
    assert!(!cluster.token_was_shown());
}

#[test]
fn attack_a_server_with_the_description_but_not_the_key_is_refused() {
    // It repeats what the real cluster says, under a certificate of his own.
    let real = FakeCluster::start();
    let between = FakeCluster::start();
    let info = description(between.address, &real.authority.pem(), &token());
    between
        .state()
        .objects
        .insert(CLUSTER_INFO.path.into(), info);
    let mut settings = real.settings();
    by_token(&mut settings).endpoint = between.address.to_string();
    refused(
        &settings,
        Exit::Refused,
        "cannot prove that it is the cluster",
    );
    refused(&settings, Exit::Refused, "may be between");
    assert!(!between.token_was_shown());
}

#[test]
fn attack_a_server_with_the_token_and_another_ca_is_stopped_by_the_pin() {
    let real = FakeCluster::start();
    let between = FakeCluster::start();
    let mut settings = real.settings();
    by_token(&mut settings).endpoint = between.address.to_string();
    refused(&settings, Exit::Refused, "not a pinned one");
    // Without pins he is the cluster: that is what the flag says, and what is noted.
    by_token(&mut settings).pins.clear();
    let (_, _, notes) = run(&settings).unwrap();
    assert!(notes[0].contains("not compared with a pin"), "{notes:?}");
    assert!(notes[0].contains(&between.pin().to_string()), "{notes:?}");
}

/// A description of `between` with these CA certificates, served there to holders of the real cluster's token and pin.
fn with_authorities(real: &FakeCluster, between: &FakeCluster, authorities: &str) -> Settings {
    let info = description(between.address, authorities, &token());
    between
        .state()
        .objects
        .insert(CLUSTER_INFO.path.into(), info);
    let mut settings = real.settings();
    by_token(&mut settings).endpoint = between.address.to_string();
    settings
}

#[test]
fn attack_a_ca_beside_the_pinned_one_is_refused_by_name() {
    let real = FakeCluster::start();
    let between = FakeCluster::start();
    for both in [
        format!("{}{}", real.authority.pem(), between.authority.pem()),
        format!("{}{}", between.authority.pem(), real.authority.pem()),
    ] {
        let mut settings = with_authorities(&real, &between, &both);
        let other = SecretBytes::from_text("fedcba.fedcba9876543210".into());
        by_token(&mut settings).bootstrap_token = Token::parse(&other).unwrap();
        refused(&settings, Exit::Refused, "whose key is not pinned");
        refused(&settings, Exit::Refused, "`CN=cluster`");
        let pin = between.pin();
        let hint = format!("pin it as well with --discovery-token-ca-cert-hash {pin}");
        refused(&settings, Exit::Refused, &hint);
        assert!(!between.token_was_shown());
    }
}

#[test]
fn a_cluster_that_rotates_its_ca_is_pinned_twice() {
    let cluster = FakeCluster::start();
    let old = FakeCluster::start();
    let both = format!("{}{}", cluster.authority.pem(), old.authority.pem());
    let info = description(cluster.address, &both, &token());
    cluster
        .state()
        .objects
        .insert(CLUSTER_INFO.path.into(), info);
    let mut settings = cluster.settings();
    refused(&settings, Exit::Refused, &old.pin().to_string());
    by_token(&mut settings).pins.push(old.pin());
    let (facts, secrets, notes) = run(&settings).unwrap();
    assert_eq!(facts.ca_certificates, both);
    assert_eq!(notes, Vec::<String>::new());
    let text = String::from_utf8(secrets.bootstrap_kubeconfig.expose().to_vec()).unwrap();
    assert!(text.contains(&STANDARD.encode(&both)), "{text}");
}

#[test]
fn attack_the_pinned_key_in_another_certificate_is_refused() {
    let real = FakeCluster::start();
    let between = FakeCluster::start();
    // What an attacker can make who has seen the genuine certificate.
    let public = rcgen::SubjectPublicKeyInfo::from_der(
        &rcgen::PublicKeyData::subject_public_key_info(real.authority.key()),
    )
    .unwrap();
    let leaf = rcgen::CertificateParams::new(Vec::new()).unwrap();
    let leaf = leaf.signed_by(&public, &between.authority).unwrap().pem();
    let both = format!("{leaf}{}", between.authority.pem());
    for (authorities, expected) in [
        (&leaf, "is not a CA's: it has no basic constraint CA:TRUE"),
        (&both, "is not a CA's: it has no basic constraint CA:TRUE"),
    ] {
        let settings = with_authorities(&real, &between, authorities);
        refused(&settings, Exit::Refused, expected);
        assert!(!between.token_was_shown());
    }
    // As a CA it is pinned, but no server has a certificate of it: TLS says so.
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let forged = params.signed_by(&public, &between.authority).unwrap().pem();
    let settings = with_authorities(&real, &between, &forged);
    refused(
        &settings,
        Exit::Refused,
        "cannot prove that it is the cluster",
    );
    assert!(!between.token_was_shown());
}

#[test]
fn without_pins_every_ca_counts_and_nothing_that_is_none() {
    let cluster = FakeCluster::start();
    let other = FakeCluster::start();
    let both = format!("{}{}", cluster.authority.pem(), other.authority.pem());
    let mut settings = with_authorities(&cluster, &cluster, &both);
    by_token(&mut settings).pins.clear();
    assert_eq!(run(&settings).unwrap().0.ca_certificates, both);
    let key = KeyPair::generate().unwrap();
    let leaf = rcgen::CertificateParams::new(Vec::new()).unwrap();
    let leaf = leaf.self_signed(&key).unwrap().pem();
    let three = format!("{both}{leaf}");
    let mut settings = with_authorities(&cluster, &cluster, &three);
    by_token(&mut settings).pins.clear();
    refused(&settings, Exit::Refused, "is not a CA's");
}

#[test]
fn a_discovery_file_can_be_pinned_too() {
    let cluster = FakeCluster::start();
    let other = FakeCluster::start();
    let directory = tempfile::tempdir().unwrap();
    let mut settings = cluster.by_file(directory.path(), &json!({"token": TOKEN}));
    let mut pin = |pins: Vec<Pin>| {
        if let Source::File(by) = &mut settings.source {
            by.pins = pins;
        }
        run(&settings).map(drop).map_err(|(exit, text)| {
            assert_eq!(exit, Exit::Refused, "{text}");
            text
        })
    };
    assert_eq!(pin(vec![cluster.pin()]), Ok(()));
    let shown = cluster.state().calls.len();
    assert!(
        pin(vec![other.pin()])
            .unwrap_err()
            .contains("not a pinned one")
    );
    assert_eq!(cluster.state().calls.len(), shown);
}

#[test]
fn attack_another_description_over_tls_than_before_is_refused() {
    let cluster = FakeCluster::start();
    let good = description(cluster.address, &cluster.authority.pem(), &token());
    let mut other = good.clone();
    let text = other["data"]["kubeconfig"].as_str().unwrap().to_owned();
    other["data"]["kubeconfig"] = Value::from(text + "\n");
    cluster.state().info = vec![good, other];
    refused(
        &cluster.settings(),
        Exit::Refused,
        "described another cluster",
    );
    assert!(!cluster.token_was_shown());
}

#[test]
fn an_address_without_a_server_is_reported_with_the_last_failure() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    let cluster = FakeCluster::start();
    let mut settings = cluster.settings();
    by_token(&mut settings).endpoint = address.to_string();
    refused(&settings, Exit::Failed, "refused");
    refused(&settings, Exit::Failed, "livez");
}

#[test]
fn a_cluster_that_strangers_may_not_ask_says_so() {
    let cluster = FakeCluster::start();
    cluster.state().forbidden.push(CLUSTER_INFO.path.into());
    refused(
        &cluster.settings(),
        Exit::Failed,
        "is forbidden (status 403)",
    );
}

#[test]
fn a_token_that_signs_and_does_not_authenticate_is_told_apart() {
    let cluster = FakeCluster::start();
    cluster.state().unknown_token = true;
    refused(
        &cluster.settings(),
        Exit::Refused,
        "does not know the bootstrap token `abcdef.…`",
    );
}

#[test]
fn a_cluster_that_lacks_something_names_it_and_who_makes_it() {
    for place in [&CLUSTER_CONFIGURATION, &KUBELET_CONFIGURATION] {
        let cluster = FakeCluster::start();
        cluster.state().forbidden.push(place.path.into());
        refused(&cluster.settings(), Exit::Failed, place.made_by);
        cluster.state().forbidden.clear();
        cluster
            .state()
            .objects
            .insert(place.path.into(), json!({"data": {"other": "x"}}));
        refused(&cluster.settings(), Exit::Failed, place.key);
        cluster.state().objects.remove(place.path);
        refused(&cluster.settings(), Exit::Failed, place.object);
    }
}

#[test]
fn a_proxy_of_another_kind_is_noted_and_one_without_configuration_is_refused() {
    let cluster = FakeCluster::start();
    let place = &PROXY_CONFIGURATION;
    cluster.state().forbidden.push(place.path.into());
    let (facts, _, notes) = run(&cluster.settings()).unwrap();
    assert!(facts.kube_proxy_configuration.is_none() && notes[0].contains(place.object));
    cluster.state().forbidden.clear();
    cluster.state().objects.remove(place.path);
    assert!(run(&cluster.settings()).unwrap().2[0].contains("has no"));
    cluster
        .state()
        .objects
        .insert(place.path.into(), json!({"data": {}}));
    refused(&cluster.settings(), Exit::Failed, place.key);
}

#[test]
fn a_name_that_is_in_use_is_refused() {
    let cluster = FakeCluster::start();
    let node =
        |status: &str| json!({"status": {"conditions": [{"type": "Ready", "status": status}]}});
    cluster.state().objects.insert(NODE.into(), node("True"));
    refused(
        &cluster.settings(),
        Exit::Preflight,
        "another host uses this name",
    );
    cluster.state().objects.insert(NODE.into(), node("Unknown"));
    let (_, _, notes) = run(&cluster.settings()).unwrap();
    assert!(notes[0].contains("taken over"), "{notes:?}");
}

#[test]
fn a_control_plane_gets_the_shared_certificates() {
    let cluster = FakeCluster::start();
    let mut settings = cluster.settings();
    settings.control_plane = true;
    let key = SecretBytes::from_text((0..32).map(|byte| format!("{byte:02x}")).collect());
    settings.certificate_key = Some(CertificateKey::parse(&key).unwrap());
    refused(&settings, Exit::Failed, "upload-certs");
    // kubeadm's own value, under every name.
    let value = "AAECAwQFBgcICQoLLHe0fqSBrzbuJOX/wskOCOCi6Eb6EbihNJAqCJ1QfzLc5nr2hg==";
    let names = SHARED_ALWAYS.iter().chain(&SHARED_OWN_ETCD);
    let data: BTreeMap<&str, &str> = names.map(|name| (*name, value)).collect();
    cluster
        .state()
        .objects
        .insert(SHARED_CERTIFICATES.path.into(), json!({"data": data}));
    let (facts, secrets, _) = run(&settings).unwrap();
    assert!(facts.control_plane && facts.certificate_key);
    assert_eq!(secrets.files.len(), 8);
    assert_eq!(
        secrets.files["etcd/ca.key"].expose(),
        b"kubeadm-certs vector\n"
    );
    let other = SecretBytes::from_text("00".repeat(32));
    settings.certificate_key = Some(CertificateKey::parse(&other).unwrap());
    refused(
        &settings,
        Exit::Refused,
        "the certificate key does not open `ca.crt`",
    );
}

#[test]
fn a_file_with_credentials_finds_the_cluster() {
    let cluster = FakeCluster::start();
    let directory = tempfile::tempdir().unwrap();
    let settings = cluster.by_file(directory.path(), &json!({"token": TOKEN}));
    let (facts, secrets, notes) = run(&settings).unwrap();
    assert_eq!(facts.token_endpoint, None);
    assert_eq!(facts.ca_certificates, cluster.authority.pem());
    assert_eq!(notes, Vec::<String>::new());
    let text = String::from_utf8(secrets.bootstrap_kubeconfig.expose().to_vec()).unwrap();
    assert!(text.contains(TOKEN) && text.contains("name: me"), "{text}");
    // In a file of its own, which is brought along.
    fs::write(directory.path().join("token"), format!("{TOKEN}\n")).unwrap();
    let settings = cluster.by_file(directory.path(), &json!({"tokenFile": "token"}));
    let (_, secrets, _) = run(&settings).unwrap();
    let text = String::from_utf8(secrets.bootstrap_kubeconfig.expose().to_vec()).unwrap();
    assert!(
        text.contains(TOKEN) && !text.contains("tokenFile"),
        "{text}"
    );
}

#[test]
fn a_program_of_the_file_is_asked_and_named_to_the_kubelet() {
    let cluster = FakeCluster::start();
    let directory = tempfile::tempdir().unwrap();
    let answer =
        json!({"apiVersion": EXEC_VERSIONS[0], "kind": EXEC_KIND, "status": {"token": TOKEN}});
    fs::write(directory.path().join("answer.json"), answer.to_string()).unwrap();
    let exec = json!({"apiVersion": EXEC_VERSIONS[0], "command": "cat",
        "args": [directory.path().join("answer.json")]});
    let settings = cluster.by_file(directory.path(), &json!({"exec": exec}));
    let (_, secrets, _) = run(&settings).unwrap();
    let text = String::from_utf8(secrets.bootstrap_kubeconfig.expose().to_vec()).unwrap();
    assert!(
        text.contains("command: cat") && !text.contains(TOKEN),
        "{text}"
    );
}

#[test]
fn a_file_without_usable_credentials_is_refused_by_name() {
    let cluster = FakeCluster::start();
    let directory = tempfile::tempdir().unwrap();
    for (user, expected) in [
        (json!({}), "it has no credentials"),
        (json!({"username": "a", "password": "hunter2"}), "password"),
        (json!({"auth-provider": {"name": "gcp"}}), "auth-provider"),
        (
            json!({"client-certificate-data": "YQ=="}),
            "certificate without key",
        ),
        (json!({"tokenFile": "gone"}), "gone` does not exist"),
    ] {
        let settings = cluster.by_file(directory.path(), &user);
        refused(&settings, Exit::Failed, expected);
        assert!(!run(&settings).err().unwrap().1.contains("hunter2"));
    }
    // A bootstrap token stands in for them.
    let mut settings = cluster.by_file(directory.path(), &json!({}));
    if let Source::File(by) = &mut settings.source {
        by.bootstrap_token = Some(token());
    }
    assert!(run(&settings).is_ok());
}

#[test]
fn attack_a_file_whose_ca_is_not_the_servers_is_refused_before_credentials_are_shown() {
    let cluster = FakeCluster::start();
    let between = FakeCluster::start();
    let directory = tempfile::tempdir().unwrap();
    let settings = cluster.by_file(directory.path(), &json!({"token": TOKEN}));
    let path = directory.path().join("discovery.conf");
    let text = fs::read_to_string(&path).unwrap();
    let elsewhere = text.replace(&cluster.address.to_string(), &between.address.to_string());
    fs::write(&path, elsewhere).unwrap();
    refused(
        &settings,
        Exit::Refused,
        "cannot prove that it is the cluster",
    );
    assert!(!between.token_was_shown());
}
