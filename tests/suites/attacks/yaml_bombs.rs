//! Short YAML that stands for much: aliases of large texts, wherever YAML comes from outside.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use kubeplan_testsuite::joins::{Discovered, SEED, public_content};
use kubeplan_testsuite::planned::{Planned, text};
use kubeplan_testsuite::programs::{NOW, Run, kubeapply, kubeplan};
use libtest_mimic::Trial;
use tempfile::TempDir;

use super::super::case;

/// What every refusal says: the limit, and what counts.
const LIMIT: &str = "8388608 bytes of text, counting what each alias stands for";

pub fn cases() -> Vec<Trial> {
    vec![
        case(
            "attacks::yaml_bombs::an_ordinary_configuration_with_aliases_is_planned",
            ordinary,
        ),
        case("attacks::yaml_bombs::a_configuration", configuration),
        case("attacks::yaml_bombs::several_files_together", several),
        case("attacks::yaml_bombs::a_patch", patch),
        case("attacks::yaml_bombs::a_patch_that_copies", copies),
        case(
            "attacks::yaml_bombs::many_keys_and_items_in_patches_and_components",
            many_keys,
        ),
        case(
            "attacks::yaml_bombs::documents_of_a_hostile_cluster",
            stored,
        ),
        case("attacks::yaml_bombs::what_a_host_reads", host),
        case("attacks::yaml_bombs::text_that_is_slow_to_read", slow),
    ]
}

/// A list of 224 KB that stands for 3 GB.
fn bomb() -> String {
    aliases(100_000, 30_000)
}

/// A list of `count` aliases of a text of `bytes` bytes.
fn aliases(bytes: usize, count: usize) -> String {
    format!("[&a {}{}]", "x".repeat(bytes), ", *a".repeat(count))
}

fn cluster(list: &str) -> String {
    format!(
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.36.2\napiServer:\n  certSANs: {list}\n"
    )
}

struct Directory(TempDir);

impl Directory {
    fn new() -> Result<Self> {
        Ok(Self(tempfile::tempdir()?))
    }

    fn write(&self, name: &str, text: &str) -> Result<String> {
        let path: PathBuf = self.0.path().join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&path, text)?;
        Ok(path.to_string_lossy().into_owned())
    }

    fn at(&self, name: &str) -> String {
        self.0.path().join(name).to_string_lossy().into_owned()
    }
}

/// The run names the limit, and did not take long to find it.
fn refused(run: Run, since: Instant) -> Result<()> {
    let run = run.expect(2)?;
    ensure!(run.err.contains(LIMIT), "{}", run.err);
    ensure!(run.err.contains("remove those that repeat"), "{}", run.err);
    ensure!(since.elapsed() < Duration::from_secs(20), "it took long");
    Ok(())
}

fn ordinary() -> Result<()> {
    let plain = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nlocalAPIEndpoint: {advertiseAddress: 192.168.10.11}\n\
                 nodeRegistration: {name: cp1}\n---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.36.2\n\
                 controllerManager:\n  extraArgs: [{name: v, value: '4'}]\nscheduler:\n  extraArgs: [{name: v, value: '4'}]\n";
    let short = plain
        .replacen(
            "[{name: v, value: '4'}]",
            "&args [{name: v, value: '4'}]",
            1,
        )
        .replacen(
            "scheduler:\n  extraArgs: [{name: v, value: '4'}]",
            "scheduler:\n  extraArgs: *args",
            1,
        );
    ensure!(short.contains("*args"));
    let content = |config: &str| -> Result<_> {
        let mut content = public_content(&Planned::with_test_keys(config)?.bundle)?;
        // It holds how the planner found each value, and the times of the plan.
        content.remove("kubeplan.json");
        Ok(content)
    };
    ensure!(content(plain)? == content(&short)?, "the plans differ");
    // Aliases of a large text, as long as they do not stand for too much.
    let directory = Directory::new()?;
    let config = directory.write("many.yaml", &cluster(&aliases(253, 200)))?;
    let run = kubeplan(&["validate", "-f", &config]);
    ensure!(!run.err.contains("counting"), "{}", run.err);
    Ok(())
}

fn configuration() -> Result<()> {
    let directory = Directory::new()?;
    let config = directory.write("bomb.yaml", &cluster(&bomb()))?;
    let out = directory.at("out");
    for args in [
        &["validate", "-f", &config][..],
        &["plan", "-f", &config, "-o", &out],
        &["render", "-f", &config, "-o", &out],
        &["preflight", "-f", &config],
        &["config", "migrate", "-f", &config],
    ] {
        let since = Instant::now();
        refused(kubeplan(args), since)?;
    }
    Ok(())
}

fn several() -> Result<()> {
    let directory = Directory::new()?;
    // Each of them is within the limit.
    let list = aliases(100_000, 50);
    let one = directory.write("one.yaml", &cluster(&list))?;
    let two = cluster(&list).replace("ClusterConfiguration", "InitConfiguration");
    let two = directory.write("two.yaml", &two)?;
    for alone in [&one, &two] {
        let run = kubeplan(&["validate", "-f", alone]);
        ensure!(!run.err.contains("counting"), "{}", run.err);
    }
    let since = Instant::now();
    refused(kubeplan(&["validate", "-f", &one, "-f", &two]), since)
}

fn patch() -> Result<()> {
    let directory = Directory::new()?;
    let config = directory.write("cluster.yaml", &cluster("[]"))?;
    let patch = format!("spec:\n  x: {}\n", bomb());
    directory.write("patches/kube-apiserver.yaml", &patch)?;
    let (out, patches) = (directory.at("out"), directory.at("patches"));
    let config_text = fs::read_to_string(&config)?;
    let init = format!(
        "{config_text}---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nlocalAPIEndpoint: {{advertiseAddress: 192.168.10.11}}\n\
         nodeRegistration: {{name: cp1}}\npatches: {{directory: {patches}}}\n"
    );
    let config = directory.write("cluster.yaml", &init)?;
    let since = Instant::now();
    let run = kubeplan(&["render", "-f", &config, "-o", &out]).expect(2)?;
    ensure!(run.err.contains(LIMIT), "{}", run.err);
    ensure!(since.elapsed() < Duration::from_secs(20), "it took long");
    Ok(())
}

/// A configuration of one node.
fn one_node() -> String {
    let cluster = cluster("[]");
    format!(
        "{cluster}---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\n\
         localAPIEndpoint: {{advertiseAddress: 192.168.10.11}}\nnodeRegistration: {{name: cp1}}\n"
    )
}

/// Renders with patches, whose names and texts are given.
fn rendered(config: &str, files: &[(&str, &str)]) -> Result<(Directory, Run)> {
    let directory = Directory::new()?;
    let config = directory.write("cluster.yaml", config)?;
    let (out, patches) = (directory.at("out"), directory.at("patches"));
    fs::create_dir(&patches)?;
    for (name, text) in files {
        directory.write(&format!("patches/{name}"), text)?;
    }
    let args = ["render", "-f", &config, "--patches", &patches, "-o", &out];
    let run = kubeplan(&args);
    Ok((directory, run))
}

fn copies() -> Result<()> {
    let file = "kube-apiserver0+json.yaml";
    let patch = |count: usize| {
        (0..count).fold(
            "[{op: add, path: /metadata/annotations/z, value: x}".to_owned(),
            |text, n| text + &format!(", {{op: copy, from: /metadata, path: /metadata/z{n}}}"),
        ) + "]"
    };
    let (directory, run) = rendered(&one_node(), &[(file, &patch(2))])?;
    run.expect(0)?;
    ensure!(directory.0.path().join("out").exists());
    let (directory, run) = rendered(&one_node(), &[(file, &patch(22))])?;
    ensure!(run.code != 0, "it was rendered");
    for said in [
        file,
        "operation 1",
        "kube-apiserver",
        "more than 100000 values",
    ] {
        ensure!(run.err.contains(said), "{said}: {}", run.err);
    }
    ensure!(!directory.0.path().join("out").exists());

    // Files that are within the limits each, and not together.
    let list = aliases(100_000, 50);
    let text = format!("metadata: {{x: {list}}}");
    let (_directory, run) = rendered(&one_node(), &[("etcd0.yaml", &text)])?;
    ensure!(!run.err.contains("counting"), "{}", run.err);
    let two = [("etcd0.yaml", &*text), ("kube-scheduler.yaml", &text)];
    let (_directory, run) = rendered(&one_node(), &two)?;
    let run = run.expect(2)?;
    ensure!(run.err.contains(LIMIT) && run.err.contains("kube-scheduler.yaml"));
    Ok(())
}

/// What took minutes when each name was compared with each; here it only has to be rendered.
fn many_keys() -> Result<()> {
    let keys =
        |count: usize| (0..count).fold(String::new(), |text, n| text + &format!("k{n}: '{n}', "));
    let merge = |count| format!("metadata: {{annotations: {{{}}}}}", keys(count));
    let volumes = (0..12_000).fold("spec: {volumes: [".to_owned(), |text, n| {
        text + &format!("{{name: v{n}}}, ")
    }) + "]}";
    let component = format!(
        "{}---\napiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nevictionHard: {{{}}}\n",
        one_node(),
        keys(10_000)
    );
    let (one, two) = (merge(20_000), merge(20_001));
    for (config, files) in [
        (
            one_node(),
            vec![("etcd0+merge.yaml", &*one), ("etcd1+merge.yaml", &two)],
        ),
        (
            one_node(),
            vec![("etcd0.yaml", &*volumes), ("etcd1.yaml", &volumes)],
        ),
        (component, vec![]),
    ] {
        let (directory, run) = rendered(&config, &files)?;
        run.expect(0)?;
        ensure!(directory.0.path().join("out").exists());
    }
    Ok(())
}

fn stored() -> Result<()> {
    let quick = ["--test-pki", SEED, "--now", NOW, "--node-name", "w2"];
    for in_kubelet in [false, true] {
        let mut discovered = Discovered::new(false)?;
        let facts = &mut discovered.facts;
        let stored = if in_kubelet {
            &mut facts.kubelet_configuration
        } else {
            &mut facts.cluster_configuration
        };
        stored.push_str(&format!("future: {}\n", aliases(60_000, 18_000)));
        let since = Instant::now();
        let attempt = discovered.plan(&quick)?;
        ensure!(attempt.bundle().is_none(), "a bundle was written");
        refused(attempt.run, since)?;
    }
    Ok(())
}

fn host() -> Result<()> {
    let planned = Planned::with_test_keys(&fs::read_to_string(
        kubeplan_testsuite::programs::repository().join("fixtures/single-node-ecdsa.yaml"),
    )?)?;
    let policy = "apiVersion: kubeplan.io/v1alpha1\nkind: Policy\n";
    let directory = planned.root().join("etc/kubeplan");
    fs::create_dir_all(&directory)?;
    let install = |more: &str| -> Result<Run> {
        fs::write(directory.join("policy.yaml"), format!("{policy}{more}"))?;
        Ok(kubeapply(
            &planned.install_args(&planned.bundle, &["--dry-run"])?,
        ))
    };
    let clean = install("authors: 1\n")?;
    ensure!(!clean.err.contains("policy.yaml"), "{}", clean.err);
    let list = aliases(20_000, 2_000);
    let run = install(&format!("future: {list}\n"))?;
    ensure!(
        run.code == 2 && run.err.contains("policy.yaml"),
        "{}",
        run.err
    );

    let scratch = Directory::new()?;
    let file = scratch.write("discovery.conf", &format!("clusters: {list}\n"))?;
    let token = scratch.write("token", "abcdef.0123456789abcdef")?;
    let root = scratch.write("root/etc/hostname", "w1\n")?;
    let root = root.trim_end_matches("/etc/hostname");
    let out = scratch.at("out.json");
    let identity = kubeplan_testsuite::joins::identity().with_extension("pub");
    let recipient = fs::read_to_string(identity)?;
    let discover = |more: &[&str]| {
        let mut args = vec!["discover", "--root", root, "--output", &out];
        args.extend(["--recipient", recipient.trim()]);
        args.extend(more);
        kubeapply(&args)
    };
    let run = discover(&[
        "--discovery-file",
        &file,
        "--tls-bootstrap-token-file",
        &token,
    ]);
    ensure!(run.code == 1 && run.err.contains(LIMIT), "{}", run.err);
    let config =
        format!("apiVersion: kubeadm.k8s.io/v1beta4\nkind: JoinConfiguration\nfuture: {list}\n");
    let config = scratch.write("join.yaml", &config)?;
    let run = discover(&["-f", &config]);
    ensure!(run.code == 2 && run.err.contains(LIMIT), "{}", run.err);
    ensure!(text(&planned.root())?.len() > 1);
    Ok(())
}

fn slow() -> Result<()> {
    let directory = Directory::new()?;
    let size = 500_000;
    let head = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n";
    for (name, text) in [
        ("values", format!("{head}a:\n{}", "- a\n".repeat(size))),
        ("depth", format!("{head}a: {}", "[".repeat(size))),
        ("block", format!("{head}a: {}", "- ".repeat(size))),
        ("keys", format!("{head}{}", "? ".repeat(size))),
        ("documents", "---\na: 1\n".repeat(size / 4)),
        (
            "unknown",
            (0..40_000).fold(head.to_owned(), |text, n| {
                text + &format!("networkin{n}: 1\n")
            }),
        ),
        ("key", format!("{head}? {}\n: 1\n", "k".repeat(size))),
        (
            "merge",
            format!(
                "{head}a: &a {{b: 1}}\nc:\n{}",
                "- {<<: *a}\n".repeat(size / 4)
            ),
        ),
    ] {
        let config = directory.write(name, &text)?;
        let since = Instant::now();
        let run = kubeplan(&["validate", "-f", &config]).expect(2)?;
        ensure!(
            since.elapsed() < Duration::from_secs(20),
            "{name} took long"
        );
        ensure!(run.err.lines().count() < 4000, "{name} says much");
    }
    Ok(())
}
