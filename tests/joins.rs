//! Join facts as a host would have written them, and plans made from them.
//!
//! The cluster is that of `fixtures/reference/ha`: its documents are what kubeadm stored, its certificates those that the public test
//! keys of [`SEED`] give. The facts are sealed for the test host key in `fixtures/keys/`.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use kubeplan::config::{Options, Source, load_with};
use kubeplan::pki::test_pki::TestPki;
use kubeplan::pki::{StoreContents, ensure};
use kubeplan_bundle::join_facts::{FORMAT, JoinFacts, JoinSecrets, SealedSecrets};
use kubeplan_bundle::reader::Bundle;
use kubeplan_bundle::seal::Recipient;
use kubeplan_bundle::secret::SecretBytes;
use serde_json::Value;
use tempfile::TempDir;

use crate::programs::{NOW, Run, kubeplan, repository};

/// The seed of the running cluster's keys.
pub const SEED: &str = "golden";

/// What the API server of the cluster is called.
const ENDPOINT: &str = "k8s-api.example.com:6443";

/// The key that opens what is sealed for the host.
#[must_use]
pub fn identity() -> PathBuf {
    repository().join("fixtures/keys/ed25519")
}

/// A host that discovered a cluster.
#[derive(Clone, Debug)]
pub struct Discovered {
    /// What it discovered.
    pub facts: JoinFacts,
    /// What is sealed of it.
    pub secrets: JoinSecrets,
}

impl Discovered {
    /// A worker's, or with what control-plane nodes share.
    ///
    /// # Errors
    /// If a fixture cannot be read.
    pub fn new(control_plane: bool) -> Result<Self> {
        let shared = shared_files()?;
        let authority = shared.get("ca.crt").context("the cluster has a CA")?;
        let authority = String::from_utf8(authority.expose().to_vec())?;
        let kubeconfig = bootstrap_kubeconfig(&authority);
        let secrets = JoinSecrets {
            bootstrap_kubeconfig: SecretBytes::from_text(kubeconfig),
            files: if control_plane {
                shared
            } else {
                BTreeMap::new()
            },
        };
        let stored = |object: &str, key: &str| -> Result<String> {
            let path = repository()
                .join("fixtures/reference/ha/objects")
                .join(object);
            let object: Value = serde_yaml::from_str(&fs::read_to_string(path)?)?;
            let text = object
                .pointer(&format!("/data/{key}"))
                .and_then(Value::as_str);
            Ok(text.with_context(|| format!("{key} is stored"))?.to_owned())
        };
        let facts = JoinFacts {
            format: FORMAT.to_owned(),
            discovered: NOW.parse()?,
            server: format!("https://{ENDPOINT}"),
            ca_certificates: authority,
            cluster_configuration: stored(
                "01-configmaps-kubeadm-config.yaml",
                "ClusterConfiguration",
            )?,
            kubelet_configuration: stored("04-configmaps-kubelet-config.yaml", "kubelet")?,
            kube_proxy_configuration: Some(stored("27-configmaps-kube-proxy.yaml", "config.conf")?),
            token_endpoint: Some(ENDPOINT.to_owned()),
            control_plane,
            certificate_key: control_plane,
            sealed: sealed(&secrets)?,
        };
        Ok(Self { facts, secrets })
    }

    /// The same host, where the cluster has the CA certificates `authority` (PEM).
    #[must_use]
    pub fn with_authority(mut self, authority: String) -> Self {
        let kubeconfig = bootstrap_kubeconfig(&authority);
        self.secrets.bootstrap_kubeconfig = SecretBytes::from_text(kubeconfig);
        self.facts.ca_certificates = authority;
        self
    }

    /// Writes the facts, their secrets sealed as they are now, and plans from them with `args`.
    ///
    /// # Errors
    /// If the facts cannot be written. A plan that fails is not an error here.
    pub fn plan(&self, args: &[&str]) -> Result<Attempt> {
        let directory = tempfile::tempdir()?;
        let path = |name: &str| directory.path().join(name).to_string_lossy().into_owned();
        let facts = JoinFacts {
            sealed: sealed(&self.secrets)?,
            ..self.facts.clone()
        };
        fs::write(path("facts.json"), facts.to_json()?)?;
        let author = path("author");
        kubeplan(&["keygen", "-o", &author]).expect(0)?;
        let (facts, out) = (path("facts.json"), path("out"));
        // A checkout lets other users read the test key.
        let identity = path("identity");
        fs::write(&identity, fs::read(self::identity())?)?;
        fs::set_permissions(&identity, fs::Permissions::from_mode(0o600))?;
        let mut all = vec!["plan", "--join", &facts, "-o", &out, "--sign-key", &author];
        if !args.contains(&"--identity") {
            all.extend(["--identity", &identity]);
        }
        all.extend(args);
        let run = kubeplan(&all);
        Ok(Attempt { directory, run })
    }
}

/// A plan that was tried.
pub struct Attempt {
    directory: TempDir,
    /// How it ended.
    pub run: Run,
}

impl Attempt {
    /// The bundle, if one was written.
    #[must_use]
    pub fn bundle(&self) -> Option<PathBuf> {
        let out = fs::read_dir(self.directory.path().join("out")).ok()?;
        out.filter_map(Result::ok).map(|entry| entry.path()).next()
    }
}

/// What a reviewer sees of the bundle at `path`: every public entry, the redacted twins, the index without what differs in each run.
///
/// # Errors
/// If it cannot be read.
pub fn public_content(path: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let bundle = Bundle::open(fs::File::open(path)?)?.into_intact()?;
    let mut files = BTreeMap::new();
    for name in bundle.index().public_blobs().into_keys() {
        let bytes = bundle.public(&name).context("a public entry has content")?;
        files.insert(name.to_string(), bytes.to_vec());
    }
    let mut index: Value = serde_json::from_slice(bundle.index_bytes())?;
    if let Value::Object(fields) = &mut index {
        // `sources` names lines of the configuration: a comment there changes no plan and no golden.
        for random in ["members", "sealed", "sources", "planner"] {
            fields.remove(random);
        }
    }
    let text = format!("{index:#}\n");
    files.insert("kubeplan.json".to_owned(), text.into_bytes());
    Ok(files)
}

fn sealed(secrets: &JoinSecrets) -> Result<SealedSecrets> {
    let line = fs::read_to_string(identity().with_extension("pub"))?;
    Ok(SealedSecrets::seal(secrets, &[Recipient::parse(&line)?])?)
}

/// The certificates and keys that the cluster's control-plane nodes share.
fn shared_files() -> Result<BTreeMap<String, SecretBytes>> {
    let text = fs::read_to_string(repository().join("fixtures/reference/ha/config.yaml"))?;
    let source = Source {
        name: "config.yaml",
        text: &text,
    };
    let loaded = load_with(&[source], Options::default());
    let config = loaded.map_err(|report| anyhow::anyhow!("{report}"))?.config;
    let source = TestPki::new(SEED);
    let ensured = ensure(
        &config,
        StoreContents::default(),
        NOW.parse()?,
        &source,
        &|_| {},
    )?;
    let files = ensured.store.files.into_iter();
    Ok(files
        .filter(|(name, _)| !name.starts_with("nodes/"))
        .collect())
}

/// As kubeadm makes it of discovery by token.
fn bootstrap_kubeconfig(authority: &str) -> String {
    use base64::Engine as _;
    let authority = base64::engine::general_purpose::STANDARD.encode(authority);
    format!(
        "apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: {authority}\n    server: https://{ENDPOINT}\n  name: kubernetes\n\
         contexts:\n- context:\n    cluster: kubernetes\n    user: tls-bootstrap-token-user\n  name: tls-bootstrap-token-user@kubernetes\n\
         current-context: tls-bootstrap-token-user@kubernetes\nkind: Config\nusers:\n- name: tls-bootstrap-token-user\n  user:\n    \
         token: abcdef.0123456789abcdef\n"
    )
}
