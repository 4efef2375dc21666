//! One run for every node: bundles, what each holds, order on disk, and that nothing depends on the number of threads.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use kubeplan_bundle::reader::Bundle;
use kubeplan_bundle::seal::{self, Identities};
use kubeplan_bundle::secret::SecretBytes;
use kubeplan_testsuite::planned::text;
use kubeplan_testsuite::programs::{NOW, Run, kubeapply, kubeplan, repository};
use kubeplan_testsuite::tree;
use libtest_mimic::Trial;
use serde_json::Value;
use tempfile::TempDir;

use super::case;
use super::secrecy::{Secrets, private_part, search};

pub fn cases() -> Vec<Trial> {
    vec![
        case("many_nodes::every_node_gets_a_bundle_of_its_own", bundles),
        case(
            "many_nodes::the_summary_names_every_node_and_its_secrets",
            summary,
        ),
        case(
            "many_nodes::a_workers_bundle_holds_no_key_but_its_own",
            worker_secrets,
        ),
        case("many_nodes::a_second_run_changes_nothing", again),
        case(
            "many_nodes::a_changed_node_gets_the_next_serial_alone",
            serials,
        ),
        case("many_nodes::some_nodes_are_planned_by_name", some),
        case(
            "many_nodes::what_one_node_refuses_leaves_nothing_behind",
            refusal,
        ),
        case(
            "many_nodes::what_no_bundle_can_hold_is_refused_before_anything_is_made",
            unfit,
        ),
        case(
            "many_nodes::a_run_that_stopped_before_the_bundles_goes_on",
            stopped,
        ),
        case("many_nodes::threads_do_not_show_in_any_plan", threads),
        case("many_nodes::rendering_and_checking_cover_all_nodes", render),
        case("many_nodes::nodes_that_join_by_token_are_named", by_token),
        case("many_nodes::files_of_every_node_install", install),
    ]
}

const NODES: [&str; 5] = ["cp1", "cp2", "cp3", "w1", "w2"];

/// A scratch directory with the configuration of a cluster.
struct Site(TempDir);

impl Site {
    /// Three control-plane nodes and two workers, no recipients.
    fn new() -> Result<Self> {
        let fixture = fs::read_to_string(repository().join("fixtures/cluster-3-2.yaml"))?;
        let recipient =
            "  recipients:\n  - age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p\n";
        ensure!(fixture.contains(recipient), "the fixture has changed");
        Self::of(&fixture.replace(recipient, ""))
    }

    fn of(config: &str) -> Result<Self> {
        let site = Self(tempfile::tempdir()?);
        fs::write(site.path("cluster.yaml"), config)?;
        kubeplan(&["keygen", "-o", text(&site.path("author"))?]).expect(0)?;
        Ok(site)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn configure(&self, from: &str, to: &str) -> Result<()> {
        let config = fs::read_to_string(self.path("cluster.yaml"))?;
        ensure!(config.contains(from), "the fixture has no `{from}`");
        Ok(fs::write(
            self.path("cluster.yaml"),
            config.replace(from, to),
        )?)
    }

    /// Arguments of a command on the configuration and its key store.
    fn args(&self, command: &str, more: &[&str]) -> Result<Vec<String>> {
        let mut args = vec![command.to_owned(), "--now".into(), NOW.into()];
        args.extend(["-f".into(), text(&self.path("cluster.yaml"))?.into()]);
        if !more.contains(&"--test-pki") {
            args.extend(["--pki".into(), text(&self.path("pki"))?.into()]);
        }
        args.extend(more.iter().map(|arg| (*arg).to_owned()));
        Ok(args)
    }

    /// Plans into `out`. Identities would lie in the current directory, so every node gets a recipient first.
    fn plan(&self, more: &[&str]) -> Result<Run> {
        let key = self.path("author");
        let out = self.path("out");
        let fixed = ["-o", text(&out)?, "--sign-key", text(&key)?];
        Ok(kubeplan(&self.args("plan", &[&fixed, more].concat())?))
    }

    /// Gives every node a recipient whose identity is in `NODE.age`.
    fn with_recipients(self) -> Result<Self> {
        for node in NODES {
            let (identity, recipient) = Identities::generate();
            fs::write(self.path(&format!("{node}.age")), identity.expose())?;
            self.configure(
                &format!("- name: {node}\n"),
                &format!(
                    "- name: {node}\n  recipients: [\"{}\"]\n",
                    recipient.to_text()
                ),
            )?;
        }
        Ok(self)
    }

    fn bundle(&self, node: &str) -> PathBuf {
        self.path(&format!("out/{node}.prod-a.tar.gz"))
    }

    fn index(&self, node: &str) -> Result<Value> {
        let run = kubeplan(&["show", "--format", "json", text(&self.bundle(node))?]).expect(0)?;
        Ok(serde_json::from_slice(&run.out)?)
    }

    /// Every node's serial and plan digest.
    fn plans(&self) -> Result<BTreeMap<&'static str, (u64, String)>> {
        NODES
            .into_iter()
            .map(|node| {
                let bundle = open(&self.bundle(node))?;
                let index = bundle.index();
                Ok((node, (index.serial, index.plan_digest.to_string())))
            })
            .collect()
    }
}

fn open(path: &Path) -> Result<Bundle<kubeplan_bundle::reader::Intact>> {
    Ok(Bundle::open(fs::File::open(path)?)?.into_intact()?)
}

fn bundles() -> Result<()> {
    let site = Site::new()?.with_recipients()?;
    site.plan(&[])?.expect(0)?;
    let public = fs::read_to_string(site.path("author.pub"))?;
    fs::write(site.path("signers"), format!("author {public}"))?;
    let names: Vec<String> = tree::read(&site.path("out"))?.into_keys().collect();
    ensure!(
        names == NODES.map(|node| format!("{node}.prod-a.tar.gz")),
        "{names:?}"
    );
    for node in NODES {
        let signers = site.path("signers");
        let bundle = site.bundle(node);
        kubeplan(&[
            "verify",
            "--allowed-signers",
            text(&signers)?,
            text(&bundle)?,
        ])
        .expect(0)?;
        let bundle = open(&bundle)?;
        let index = bundle.index();
        ensure!(index.node.name.as_str() == node && index.serial == 1);
        ensure!((index.node.role.to_string() == "worker") == node.starts_with('w'));
        // Only the node's own identity opens it.
        let sealed = bundle.sealed().context("there are secrets")?;
        for other in NODES {
            let identity = SecretBytes::new(fs::read(site.path(&format!("{other}.age")))?);
            let opened = seal::open(sealed, &Identities::parse(&identity, other)?);
            ensure!(opened.is_ok() == (node == other), "{other} opens {node}");
        }
    }
    let shown = site.index("w1")?;
    ensure!(shown["index"]["node"]["role"] == "worker", "{shown}");
    Ok(())
}

fn summary() -> Result<()> {
    let site = Site::new()?.with_recipients()?;
    let run = site.plan(&["--format", "json"])?.expect(0)?;
    let json: Value = serde_json::from_slice(&run.out)?;
    let nodes = json["nodes"].as_array().context("no nodes")?;
    ensure!(nodes.len() == 5 && json["clusterId"].as_str().is_some_and(|id| id.len() == 64));
    for (node, name) in nodes.iter().zip(NODES) {
        ensure!(
            node["node"] == name && node["joins"] == (name != "cp1"),
            "{node}"
        );
        ensure!(
            node["recipients"]
                .as_array()
                .is_some_and(|all| all.len() == 1)
        );
        let secrets = node["secrets"].as_array().context("no secrets")?;
        let of_authorities = secrets.iter().filter(|secret| {
            let of = secret["keyOf"].as_str().unwrap_or_default();
            matches!(of, "ca" | "etcd-ca" | "front-proxy-ca")
        });
        let expected = if name.starts_with('w') { 0 } else { 3 };
        ensure!(of_authorities.count() == expected, "{node}");
    }
    let kubelet = "files/etc/kubernetes/kubelet.conf";
    let worker = &nodes[3]["secrets"];
    ensure!(
        *worker == serde_json::json!([{ "entry": kubelet, "class": "kubeconfig" }]),
        "{worker}"
    );
    let said = site.plan(&[])?.expect(0)?.text();
    for line in [
        "Planned 5 nodes of cluster prod-a, Kubernetes 1.36.2",
        "  cp2   control-plane  joins     1 ",
        "  w1 and w2: 1 kubeconfig; no key of a CA",
        "with the keys of the CAs ca, front-proxy-ca, etcd-ca",
        "  # first cp1, which makes the cluster:\n  kubeapply install --root / cp1.prod-a.tar.gz\n  # then the others, in any order:\n",
    ] {
        ensure!(said.contains(line), "`{line}` is missing in {said}");
    }
    Ok(())
}

fn worker_secrets() -> Result<()> {
    let site = Site::new()?.with_recipients()?;
    site.plan(&[])?.expect(0)?;
    let mut others = Secrets::new();
    let mut own = Secrets::new();
    for (name, bytes) in tree::read(&site.path("pki"))? {
        for block in x509_parser::pem::Pem::iter_from_buffer(&bytes) {
            let block = block?;
            if name.ends_with(".key") && block.label.contains("PRIVATE KEY") {
                let part = private_part(&block).with_context(|| format!("key {name}"))?;
                let keys = if name.starts_with("nodes/w1/") {
                    &mut own
                } else {
                    &mut others
                };
                keys.insert(name.clone(), part);
            }
        }
    }
    ensure!(
        others.len() == 39 && own.len() == 1,
        "{} and {}",
        others.len(),
        own.len()
    );
    let mut places = BTreeMap::new();
    let bundle = open(&site.bundle("w1"))?;
    places.insert("index".to_owned(), bundle.index_bytes().to_vec());
    for name in bundle.index().public_blobs().into_keys() {
        let bytes = bundle.public(&name).context("a public entry has bytes")?;
        places.insert(format!("entry {name}"), bytes.to_vec());
    }
    let identity = SecretBytes::new(fs::read(site.path("w1.age"))?);
    let sealed = bundle.sealed().context("there are secrets")?;
    let opened = seal::open(sealed, &Identities::parse(&identity, "w1")?)?;
    for (name, bytes) in &opened.contents {
        places.insert(format!("sealed {name}"), bytes.expose().to_vec());
    }
    let found = search(&places, &own);
    ensure!(
        found == ["nodes/w1/kubelet.conf.key in sealed files/etc/kubernetes/kubelet.conf"],
        "the search does not find the worker's own key: {found:?}"
    );
    let found = search(&places, &others);
    ensure!(found.is_empty(), "a worker has {}", found.join("; "));
    Ok(())
}

fn again() -> Result<()> {
    let site = Site::new()?.with_recipients()?;
    site.plan(&[])?.expect(0)?;
    let (plans, store) = (site.plans()?, tree::snapshot(&site.path("pki"))?);
    let run = site.plan(&["--format", "json"])?.expect(0)?;
    let json: Value = serde_json::from_slice(&run.out)?;
    ensure!(json["storeChanges"] == serde_json::json!([]));
    ensure!(site.plans()? == plans, "plans differ");
    ensure!(
        tree::snapshot(&site.path("pki"))? == store,
        "the key store was written"
    );
    Ok(())
}

fn serials() -> Result<()> {
    let site = Site::new()?.with_recipients()?;
    site.plan(&[])?.expect(0)?;
    let before = site.plans()?;
    site.configure("site: north", "site: south")?;
    site.plan(&[])?.expect(0)?;
    for (node, (serial, digest)) in site.plans()? {
        let (old_serial, old_digest) = &before[node];
        let changed = node == "w2";
        ensure!(
            (serial == old_serial + 1) == changed,
            "{node} has serial {serial}"
        );
        ensure!((digest != *old_digest) == changed, "{node}");
    }
    Ok(())
}

fn some() -> Result<()> {
    let site = Site::new()?.with_recipients()?;
    let run = site.plan(&["--node", "w9"])?.expect(2)?;
    ensure!(
        run.err.contains("the configuration has no node `w9`")
            && run.err.contains("it has cp1, cp2, cp3 and 2 more"),
        "{}",
        run.err
    );
    ensure!(!site.path("out").exists() && !site.path("pki").exists());
    site.plan(&["--node", "w1", "--node", "w2"])?.expect(0)?;
    let names: Vec<String> = tree::read(&site.path("pki"))?.into_keys().collect();
    ensure!(
        !names
            .iter()
            .any(|name| name.contains("cp1") || name.contains("etcd")),
        "{names:?}"
    );
    let authority = fs::read(site.path("pki/ca.key"))?;
    site.plan(&[])?.expect(0)?;
    ensure!(fs::read(site.path("pki/ca.key"))? == authority, "a new CA");
    let identity = site.path("identity");
    let run = site
        .plan(&["--identity-out", text(&identity)?])?
        .expect(2)?;
    ensure!(run.err.contains("several nodes are planned"), "{}", run.err);
    Ok(())
}

/// A file of one node that is the user's and does not fit: no bundle, no key, no serial is written for any node.
fn refusal() -> Result<()> {
    let site = Site::new()?.with_recipients()?;
    site.plan(&[])?.expect(0)?;
    fs::remove_dir_all(site.path("out"))?;
    fs::copy(
        site.path("pki/nodes/w1/kubelet.conf.crt"),
        site.path("pki/nodes/w2/kubelet.conf.crt"),
    )?;
    fs::remove_dir_all(site.path("pki/nodes/cp2"))?;
    let store = tree::snapshot(&site.path("pki"))?;
    let run = site.plan(&[])?.expect(2)?;
    ensure!(run.err.contains("nodes/w2/kubelet.conf.key"), "{}", run.err);
    ensure!(
        tree::snapshot(&site.path("pki"))? == store,
        "the key store was written"
    );
    ensure!(!site.path("out").exists(), "the output directory was made");

    // The CA ends so soon that no bundle could be installed, which is found when bundles are made; they do not appear either.
    let site = Site::new()?.with_recipients()?;
    site.plan(&[])?.expect(0)?;
    fs::remove_dir_all(site.path("out"))?;
    let store = tree::snapshot(&site.path("pki"))?;
    let (out, key) = (site.path("out"), site.path("author"));
    let mut args = site.args("plan", &["-o", text(&out)?, "--sign-key", text(&key)?])?;
    for arg in &mut args {
        if arg == NOW {
            *arg = "2036-11-10T00:00:00Z".to_owned();
        }
    }
    let run = kubeplan(&args).expect(2)?;
    ensure!(
        run.err
            .contains("error: node w2: the plan has no time window")
            && run.err.contains("5 of 5 nodes cannot be planned"),
        "{}",
        run.err
    );
    ensure!(!out.exists(), "the output directory was made");
    ensure!(
        tree::snapshot(&site.path("pki"))? == store,
        "keys were kept"
    );
    Ok(())
}

/// `validate` and `plan` refuse it with the same exit code and field; no key store, no output and no directory above them is left.
fn unfit() -> Result<()> {
    for (line, field) in [
        ("certificatesDir: /etc/cron.d", "certificatesDir"),
        (
            "caCertificateValidityPeriod: 24h",
            "caCertificateValidityPeriod",
        ),
    ] {
        let site = Site::new()?.with_recipients()?;
        let version = "kubernetesVersion: v1.36.2";
        site.configure(version, &format!("{version}\n{line}"))?;
        let before = tree::snapshot(site.0.path())?;
        let (config, key) = (site.path("cluster.yaml"), site.path("author"));
        let (out, store) = (site.path("new/out"), site.path("other/pki"));
        let config = ["-f", text(&config)?];
        let places = [
            "-o",
            text(&out)?,
            "--pki",
            text(&store)?,
            "--sign-key",
            text(&key)?,
        ];
        let plan = [&["plan", "--now", NOW][..], &config, &places].concat();
        for args in [plan, [&["validate"][..], &config].concat()] {
            let run = kubeplan(&args).expect(2)?;
            ensure!(run.err.contains(field), "{args:?}: {}", run.err);
        }
        ensure!(
            tree::snapshot(site.0.path())? == before,
            "{line}: something is left"
        );
    }
    Ok(())
}

/// A directory stands where a bundle has to be: key store and serials are on the disk, some bundles are not.
fn stopped() -> Result<()> {
    let site = Site::new()?.with_recipients()?;
    fs::create_dir_all(site.bundle("cp3").join("x"))?;
    site.plan(&[])?.expect(1)?;
    ensure!(site.path("pki/store.json").exists() && !site.bundle("w1").exists());
    let left: Vec<_> = fs::read_dir(site.path("out"))?.collect::<Result<_, _>>()?;
    ensure!(
        left.iter()
            .all(|entry| !entry.file_name().to_string_lossy().starts_with('.')),
        "something half-made was left: {left:?}"
    );
    let authority = fs::read(site.path("pki/ca.key"))?;
    fs::remove_dir_all(site.bundle("cp3"))?;
    site.plan(&[])?.expect(0)?;
    ensure!(site.plans()?.values().all(|(serial, _)| *serial == 1));
    ensure!(fs::read(site.path("pki/ca.key"))? == authority, "a new CA");
    Ok(())
}

fn threads() -> Result<()> {
    let mut found = Vec::new();
    for threads in [1, 7] {
        let site = Site::new()?;
        // The same recipient for all, so that indexes can be compared as they are.
        for node in NODES {
            site.configure(
                &format!("- name: {node}\n"),
                &format!("- name: {node}\n  recipients: [age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p]\n"),
            )?;
        }
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()?;
        let run = pool.install(|| site.plan(&["--test-pki", "seed", "--format", "json"]));
        let run = run?.expect(0)?;
        let mut json: Value = serde_json::from_slice(&run.out)?;
        let said = run.err.replace(text(site.0.path())?, "");
        json["signer"] = Value::Null;
        json["next"] = Value::Null;
        let json = json.to_string().replace(text(site.0.path())?, "");
        let mut entries = BTreeMap::new();
        for node in NODES {
            let bundle = open(&site.bundle(node))?;
            for name in bundle.index().public_blobs().into_keys() {
                let bytes = bundle.public(&name).context("a public entry has bytes")?;
                entries.insert(format!("{node} {name}"), bytes.to_vec());
            }
        }
        found.push((site.plans()?, said, json, entries));
    }
    let (first, second) = (&found[0], &found[1]);
    ensure!(
        first.0 == second.0,
        "plans differ: {:?} {:?}",
        first.0,
        second.0
    );
    ensure!(
        first.1 == second.1 && first.2 == second.2,
        "what is said differs"
    );
    ensure!(first.3 == second.3, "public entries differ");
    Ok(())
}

fn render() -> Result<()> {
    let site = Site::new()?.with_recipients()?;
    site.plan(&[])?.expect(0)?;
    let review = site.path("review");
    let args = |flag: &str| site.args("render", &[flag, text(&review)?]);
    kubeplan(&args("-o")?).expect(0)?;
    kubeplan(&args("--check")?).expect(0)?;
    let plan: Value = serde_json::from_slice(&fs::read(review.join("plan.json"))?)?;
    let nodes = plan["nodes"].as_array().context("no nodes")?;
    let names: Vec<_> = nodes.iter().map(|node| node["name"].as_str()).collect();
    ensure!(names == NODES.map(Some), "{names:?}");
    // What is rendered is what the bundles hold.
    for node in NODES {
        let bundle = open(&site.bundle(node))?;
        for name in bundle.index().public_blobs().into_keys() {
            let bytes = bundle.public(&name).context("a public entry has bytes")?;
            let rendered = fs::read(review.join(node).join(name.as_str()))?;
            ensure!(rendered == bytes, "{node}/{name}");
        }
    }
    let config = review.join("w2/files/var/lib/kubelet/config.yaml");
    let changed = fs::read_to_string(&config)?.replace("maxPods: 50", "maxPods: 51");
    fs::write(&config, changed)?;
    let run = kubeplan(&args("--check")?).expect(3)?;
    ensure!(
        run.text().contains("-maxPods: 51\n+maxPods: 50\n"),
        "{}",
        run.text()
    );

    // A node that was never planned has no certificates; the others keep theirs.
    fs::remove_dir_all(site.path("pki/nodes/w2"))?;
    let run = kubeplan(&args("-o")?).expect(0)?;
    ensure!(
        run.err.contains("the key store has no certificates for w2"),
        "{}",
        run.err
    );
    ensure!(review.join("w1/files/etc/kubernetes/pki/ca.crt").exists());
    Ok(())
}

fn by_token() -> Result<()> {
    let fixture = fs::read_to_string(repository().join("fixtures/cluster-token.yaml"))?;
    let (_, recipient) = Identities::generate();
    let site = Site::of(&fixture.replace(
        "address: 192.168.10.11",
        &format!(
            "address: 192.168.10.11, recipients: [{}]",
            recipient.to_text()
        ),
    ))?;
    let run = site.plan(&["--format", "json"])?.expect(0)?;
    let json: Value = serde_json::from_slice(&run.out)?;
    let expected =
        serde_json::json!([{ "node": "w1", "role": "worker" }, { "node": "w2", "role": "worker" }]);
    ensure!(json["joinByToken"] == expected, "{json}");
    let said = site.plan(&[])?.expect(0)?.text();
    ensure!(
        said.contains("# not planned: w1 and w2 join with a bootstrap token, by `kubeapply join`"),
        "{said}"
    );
    let names: Vec<String> = tree::read(&site.path("out"))?.into_keys().collect();
    ensure!(names == ["cp1.kubernetes.tar.gz"], "{names:?}");
    Ok(())
}

/// Into a tree, the files of every node install, also of those whose etcd manifest waits for the cluster.
fn install() -> Result<()> {
    let site = Site::new()?.with_recipients()?;
    site.plan(&[])?.expect(0)?;
    let public = fs::read_to_string(site.path("author.pub"))?;
    fs::write(site.path("signers"), format!("author {public}"))?;
    for node in NODES {
        let root = site.path(&format!("root-{node}"));
        fs::create_dir(&root)?;
        let (signers, identity) = (site.path("signers"), site.path(&format!("{node}.age")));
        let mut args = vec!["install", "--root", text(&root)?];
        args.extend([
            "--allowed-signers",
            text(&signers)?,
            "--identity",
            text(&identity)?,
        ]);
        // The fixture binds cp1 to a host name, which a tree does not have.
        if node == "cp1" {
            args.extend(["--as-node", "cp1"]);
        }
        let bundle = site.bundle(node);
        args.push(text(&bundle)?);
        kubeapply(&args).expect(0)?;
        let worker = node.starts_with('w');
        ensure!(root.join("etc/kubernetes/pki/ca.crt").exists(), "{node}");
        ensure!(
            root.join("etc/kubernetes/pki/ca.key").exists() != worker,
            "{node}"
        );
        ensure!(
            root.join("etc/kubernetes/manifests/kube-apiserver.yaml")
                .exists()
                != worker
        );
    }
    Ok(())
}
