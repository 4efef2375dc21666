//! The `pki` directory of a node becomes a key store, with which the next plan is one of the same cluster.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use kubeplan_testsuite::planned::{Planned, text};
use kubeplan_testsuite::programs::kubeplan;
use kubeplan_testsuite::tree;
use libtest_mimic::Trial;
use serde_json::Value;

use super::case;

const FIXTURE: &str = "single-node-ecdsa";

const SHARED: [&str; 8] = [
    "ca.crt",
    "ca.key",
    "etcd/ca.crt",
    "etcd/ca.key",
    "front-proxy-ca.crt",
    "front-proxy-ca.key",
    "sa.key",
    "sa.pub",
];

pub fn cases() -> Vec<Trial> {
    vec![
        case(
            "pki_import::a_plan_with_the_store_is_of_the_same_cluster",
            same_cluster,
        ),
        case("pki_import::what_does_not_fit_changes_nothing", unusable),
        case("pki_import::a_linked_etcd_is_followed", linked_etcd),
        case("pki_import::a_store_of_another_cluster_is_not_mixed", mixed),
    ]
}

/// The cluster's ID in a bundle.
fn cluster(bundle: &Path) -> Result<Value> {
    let shown = kubeplan(&["show", "--format", "json", text(bundle)?]).expect(0)?;
    let shown: Value = serde_json::from_slice(&shown.out)?;
    let id = shown.pointer("/index/cluster/id");
    Ok(id.context("a bundle has a cluster")?.clone())
}

/// An installed node, and its `pki` directory.
fn installed() -> Result<(Planned, String)> {
    let planned = Planned::fixture(FIXTURE)?;
    planned.install(&[])?.expect(0)?;
    let pki = planned.root().join("etc/kubernetes/pki");
    let pki = text(&pki)?.to_owned();
    Ok((planned, pki))
}

fn same_cluster() -> Result<()> {
    let (planned, pki) = installed()?;
    let before = tree::snapshot(Path::new(&pki))?;
    let store = planned.path("imported");
    let args = ["pki", "import", &pki, "--pki", text(&store)?];
    let run = kubeplan(&args).expect(0)?;
    ensure!(run.err.is_empty(), "{}", run.err);
    for expected in [
        "imported 8 files into",
        "ca.crt  CA of the cluster (",
        "with its key",
        "\n  apiserver.key\n",
        "\n  etcd/server.crt\n",
        &format!("\nnext: `kubeplan plan -f FILE --pki {}`\n", text(&store)?),
    ] {
        ensure!(run.text().contains(expected), "{expected}: {}", run.text());
    }
    let files = tree::read(&store)?;
    for name in SHARED {
        let here = files.get(name).with_context(|| name.to_owned())?;
        ensure!(*here == fs::read(Path::new(&pki).join(name))?, "{name}");
        let mode = fs::metadata(store.join(name))?.permissions().mode() & 0o777;
        let wanted = if name.ends_with(".crt") { 0o644 } else { 0o600 };
        ensure!(mode == wanted, "{name}: {mode:o}");
    }
    ensure!(!files.keys().any(|name| name.contains("apiserver")));
    ensure!(tree::snapshot(Path::new(&pki))? == before);

    // Once more: nothing changes, and the output says so.
    let after = tree::read(&store)?;
    let run = kubeplan(&args).expect(0)?;
    let said = "nothing to import into";
    ensure!(run.text().contains(said), "{}", run.text());
    let said = ": 8 files were there already\n";
    ensure!(run.text().contains(said), "{}", run.text());
    let json = [&args[..], &["--format", "json"]].concat();
    let run = kubeplan(&json).expect(0)?;
    let document: Value = serde_json::from_slice(&run.out)?;
    ensure!(document["version"] == 1 && document["command"] == "pki import");
    ensure!(
        document["imported"] == serde_json::json!([])
            && document["alreadyThere"] == serde_json::json!(SHARED),
        "{document}"
    );
    ensure!(tree::read(&store)? == after);

    let out = planned.path("again");
    let config = planned.path("cluster.yaml");
    let (identity, author) = (planned.path("identity2"), planned.path("author"));
    let run = kubeplan(&[
        "plan",
        "-f",
        text(&config)?,
        "--pki",
        text(&store)?,
        "-o",
        text(&out)?,
        "--identity-out",
        text(&identity)?,
        "--sign-key",
        text(&author)?,
    ])
    .expect(0)?;
    ensure!(!run.err.contains("nothing uses"), "{}", run.err);
    let bundle = fs::read_dir(&out)?.next().context("no bundle")??.path();
    ensure!(cluster(&bundle)? == cluster(&planned.bundle)?);

    // The directory itself as a store: one warning, which names the command.
    fs::set_permissions(&pki, Permissions::from_mode(0o700))?;
    fs::set_permissions(Path::new(&pki).join("etcd"), Permissions::from_mode(0o700))?;
    let (config, seed) = (text(&config)?, planned.path("third"));
    let run = kubeplan(&[
        "plan",
        "-f",
        config,
        "--pki",
        &pki,
        "-o",
        text(&seed)?,
        "--sign-key",
        text(&author)?,
        "--identity-out",
        text(&planned.path("identity3"))?,
    ])
    .expect(0)?;
    let warnings = run.err.lines().filter(|line| line.contains("nothing uses"));
    let warnings: Vec<&str> = warnings.collect();
    ensure!(
        warnings.len() == 1 && warnings[0].contains("`kubeplan pki import`"),
        "{}",
        run.err
    );
    Ok(())
}

fn unusable() -> Result<()> {
    let (planned, pki) = installed()?;
    let pki = Path::new(&pki);
    let store = planned.path("imported");
    let store_text = text(&store)?.to_owned();
    let import = |dir: &Path| -> Result<_> {
        Ok(kubeplan(&[
            "pki",
            "import",
            text(dir)?,
            "--pki",
            &store_text,
        ]))
    };
    // A key that others can read; a directory that is none, and one without a CA.
    let key = pki.join("sa.key");
    fs::set_permissions(&key, Permissions::from_mode(0o644))?;
    let run = import(pki)?.expect(1)?;
    ensure!(run.err.contains("chmod 600"), "{}", run.err);
    fs::set_permissions(&key, Permissions::from_mode(0o600))?;
    let run = import(&planned.path("absent"))?.expect(2)?;
    ensure!(run.err.contains("No such file"), "{}", run.err);
    let run = import(&planned.path("out"))?.expect(2)?;
    ensure!(run.err.contains("contains no `ca.crt`"), "{}", run.err);
    // A key of another CA.
    let good = fs::read(pki.join("ca.key"))?;
    fs::write(pki.join("ca.key"), fs::read(pki.join("etcd/ca.key"))?)?;
    let run = import(pki)?.expect(2)?;
    let expected = "`ca.key` is not the private key of `ca.crt`";
    ensure!(run.err.contains(expected), "{}", run.err);
    ensure!(!store.exists());
    fs::write(pki.join("ca.key"), good)?;
    // Without etcd's CA: a warning that names what follows.
    for end in ["crt", "key"] {
        fs::remove_file(pki.join(format!("etcd/ca.{end}")))?;
    }
    let run = import(pki)?.expect(0)?;
    ensure!(
        run.err
            .contains("has no etcd/ca key pair for etcd: the next plan makes a new one"),
        "{}",
        run.err
    );
    ensure!(run.err.contains("only with stacked etcd"), "{}", run.err);
    // Another cluster's directory does not replace it; the hint names the next step.
    let (_other, others) = installed()?;
    let before = tree::read(&store)?;
    let run = import(Path::new(&others))?.expect(2)?;
    ensure!(run.err.contains("another `ca.crt` already"), "{}", run.err);
    ensure!(run.err.contains("--pki NEW-DIRECTORY"), "{}", run.err);
    ensure!(tree::read(&store)? == before);
    Ok(())
}

/// `etcd` as a link, as administrators have it who keep etcd's files elsewhere.
fn linked_etcd() -> Result<()> {
    let (planned, pki) = installed()?;
    let (etcd, elsewhere) = (Path::new(&pki).join("etcd"), planned.path("elsewhere"));
    let store = planned.path("imported");
    let args = ["pki", "import", &pki, "--pki", text(&store)?];
    fs::rename(&etcd, &elsewhere)?;
    // What is neither a directory nor a link to one is refused, before there is a store.
    let others: [fn(&Path) -> io::Result<()>; 4] = [
        |path| fs::write(path, "text"),
        |path| symlink("absent", path),
        |path| symlink("ca.crt", path),
        |path| symlink("etcd", path),
    ];
    for make in others {
        make(&etcd)?;
        let run = kubeplan(&args).expect(2)?;
        ensure!(
            run.err
                .contains("etcd must be a directory or a link to one"),
            "{}",
            run.err
        );
        ensure!(run.err.contains("`cp -aL`"), "{}", run.err);
        ensure!(!store.exists());
        fs::remove_file(&etcd)?;
    }
    symlink(&elsewhere, &etcd)?;
    let run = kubeplan(&args).expect(0)?;
    ensure!(run.err.is_empty(), "{}", run.err);
    for name in ["ca.crt", "ca.key"] {
        let here = fs::read(store.join("etcd").join(name))?;
        ensure!(here == fs::read(elsewhere.join(name))?, "{name}");
    }
    ensure!(
        run.text().contains("\n  etcd/server.crt\n"),
        "{}",
        run.text()
    );
    Ok(())
}

/// A store with keys of another cluster: neither broken nor mixed pairs come out.
fn mixed() -> Result<()> {
    let (planned, pki) = installed()?;
    let (_others, theirs) = installed()?;
    let (pki, theirs) = (Path::new(&pki), Path::new(&theirs));
    let store = |name: &str, files: &[&str]| -> Result<_> {
        let store = planned.path(name);
        fs::create_dir_all(store.join("etcd"))?;
        for directory in [&store, &store.join("etcd")] {
            fs::set_permissions(directory, Permissions::from_mode(0o700))?;
        }
        for file in files {
            fs::copy(theirs.join(file), store.join(file))?;
        }
        Ok(store)
    };
    let refused = |store: &Path, expected: &str| -> Result<()> {
        let before = tree::read(store)?;
        let run = kubeplan(&["pki", "import", text(pki)?, "--pki", text(store)?]).expect(2)?;
        for expected in [expected, "do not fit together", "--pki NEW-DIRECTORY"] {
            ensure!(run.err.contains(expected), "{expected}: {}", run.err);
        }
        let mut after = tree::read(store)?;
        after.retain(|path, _| path != ".lock");
        ensure!(after == before);
        Ok(())
    };
    fs::remove_file(pki.join("ca.key"))?;
    refused(
        &store("half", &["ca.key"])?,
        "`ca.key` is not the private key of `ca.crt`",
    )?;
    for end in ["crt", "key"] {
        fs::remove_file(pki.join(format!("etcd/ca.{end}")))?;
    }
    refused(
        &store("pair", &["etcd/ca.crt", "etcd/ca.key"])?,
        "the key store has `etcd/ca`, the directory has no such pair",
    )
}
