//! `kubeplan payload check`: what it reads, refuses and misses, and with which exit code.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use kubeplan_testsuite::programs::{Run, kubeplan, repository};
use libtest_mimic::Trial;
use serde_json::Value;

use super::case;

pub fn cases() -> Vec<Trial> {
    vec![
        case("payload::images_of_sources_are_listed", listed),
        case("payload::a_broken_source_is_named_with_a_way_out", broken),
        case(
            "payload::what_a_plan_lacks_is_told_with_who_needs_it",
            lacking,
        ),
        case("payload::sources_with_every_image_are_complete", complete),
    ]
}

const CONFIG: &str = "fixtures/single-node-defaults.yaml";

fn sample(name: &str) -> String {
    let path = repository().join("fixtures/payload").join(name);
    path.display().to_string()
}

fn check(args: &[&str]) -> Run {
    let mut all = vec!["payload", "check"];
    all.extend(args);
    kubeplan(&all)
}

fn config() -> String {
    repository().join(CONFIG).display().to_string()
}

fn listed() -> Result<()> {
    let (one, zst) = (
        sample("oci/one.tar"),
        sample("docker/docker20-multi.tar.zst"),
    );
    let run = check(&[&one]);
    ensure!(run.code == 0, "{}", run.err);
    let text = run.text();
    for part in [
        "registry.example.com/team/app:1",
        "linux/amd64",
        "sha256:06aa55abe030ae1491a2fb63481b2806f057f7be5baf4a51cec0786b8d485869",
    ] {
        ensure!(text.contains(part), "{part}: {text}");
    }
    let run = check(&[&zst, "--format", "json"]);
    ensure!(run.code == 0, "{}", run.err);
    ensure!(
        run.err.contains("zstd into a temporary file"),
        "{}",
        run.err
    );
    let document: Value = serde_json::from_str(&run.text())?;
    ensure!(document["version"] == 1 && document["command"] == "payload check");
    let images = document["images"].as_array().context("a list")?;
    ensure!(images.len() == 2 && images[1]["names"][0] == "registry.example.com/team/app:dup");
    ensure!(images[1]["platforms"][0]["layers"].as_array().map(Vec::len) == Some(4));
    ensure!(images[0]["fromRegistry"] == false);
    Ok(())
}

fn broken() -> Result<()> {
    for (name, words, hint) in [
        (
            "broken/layer-bit-flipped.tar",
            "found sha256:66d861bad8fb",
            "copy or download the file again",
        ),
        (
            "docker/docker20-multi.tar.xz",
            "compressed with xz",
            "xz -d",
        ),
        ("oci/no-name.tar", "has no name", "--image"),
        (
            "oci/arm64-only.tar",
            "has no image for linux/amd64",
            "--arch",
        ),
        ("absent.tar", "No such file", ""),
    ] {
        let path = sample(name);
        let run = check(&[&path]);
        ensure!(run.code == 2, "{name}: {} {}", run.code, run.err);
        for part in [path.as_str(), words, hint] {
            ensure!(run.err.contains(part), "{part}: {}", run.err);
        }
    }
    // Everything that is wrong is told at once, and for machines on standard output.
    let (one, two) = (
        sample("broken/layer-missing.tar"),
        sample("broken/schema1-manifest.tar"),
    );
    let run = check(&[&one, &two, "--format", "json"]);
    ensure!(
        run.code == 2 && run.err.contains(&one) && run.err.contains(&two),
        "{}",
        run.err
    );
    let document: Value = serde_json::from_str(&run.text())?;
    ensure!(
        document["refused"].as_array().map(Vec::len) == Some(2),
        "{document}"
    );
    // The ways out work.
    let nameless = sample("oci/no-name.tar");
    let named = format!("{nameless}=team/app:1");
    let run = check(&[&nameless, "--image", &named]);
    ensure!(
        run.code == 0 && run.text().contains("docker.io/team/app:1"),
        "{}",
        run.err
    );
    let run = check(&[&sample("oci/arm64-only.tar"), "--arch", "arm64"]);
    ensure!(run.code == 0, "{}", run.err);
    let run = check(&[&nameless, "--image", "other.tar=team/app:1"]);
    ensure!(
        run.code == 2 && run.err.contains("--image: other.tar"),
        "{}",
        run.err
    );
    Ok(())
}

fn lacking() -> Result<()> {
    let one = sample("oci/one.tar");
    let directory = tempfile::tempdir()?;
    let manifest = directory.path().join("cni.yaml");
    fs::write(
        &manifest,
        "kind: DaemonSet\nmetadata: {name: cni}\nspec:\n  image: registry.example.com/maybe:1\n  containers:\n  - image: registry.example.com/team/app:1\n    imagePullPolicy: Always\n",
    )?;
    let manifest = manifest.display().to_string();
    let run = check(&[&one, "-f", &config(), "--manifest", &manifest]);
    ensure!(run.code == 3, "{} {}", run.code, run.err);
    for part in [
        "error: no source has `registry.k8s.io/etcd:3.6.8-0` for linux/amd64",
        "needed by node cp1: /etc/kubernetes/manifests/etcd.yaml: Pod kube-system/etcd spec.containers[0].image",
        "needed by node cp1: the sandbox of every Pod",
        "error: `registry.example.com/maybe:1` may be an image",
        &format!("needed by {manifest}:4: DaemonSet cni spec.image"),
        "warning: the kubelet pulls `registry.example.com/team/app:1` although the node has it",
        "8 to resolve, of 8 images that the nodes need",
    ] {
        ensure!(run.err.contains(part), "{part}: {}", run.err);
    }
    ensure!(
        !run.err
            .contains("error: no source has `registry.example.com/team/app:1`")
    );
    Ok(())
}

fn complete() -> Result<()> {
    let listed = kubeplan(&["config", "images", "list", "-f", &config()]);
    ensure!(listed.code == 0, "{}", listed.err);
    let one = sample("oci/one.tar");
    let names: Vec<String> = listed
        .text()
        .lines()
        .map(|image| format!("--image={one}={image}"))
        .collect();
    ensure!(names.len() == 7, "{names:?}");
    let config = config();
    let run = |names: &[String]| {
        let mut args = vec![one.as_str(), "-f", &config, "--format", "json"];
        args.extend(names.iter().map(String::as_str));
        check(&args)
    };
    let all = run(&names);
    ensure!(all.code == 0, "{}", all.err);
    ensure!(all.err.contains("all 7 images"), "{}", all.err);
    let document: Value = serde_json::from_str(&all.text())?;
    ensure!(document["complete"] == true && document["findings"] == serde_json::json!([]));
    // Without any one of them it is not complete.
    for at in 0..names.len() {
        let mut some = names.clone();
        let omitted = some.remove(at);
        let run = run(&some);
        ensure!(run.code == 3, "{omitted}: {}", run.err);
        let document: Value = serde_json::from_str(&run.text())?;
        let findings = document["findings"].as_array().context("a list")?;
        ensure!(
            findings.len() == 1 && findings[0]["kind"] == "missing",
            "{document}"
        );
        ensure!(omitted.ends_with(findings[0]["image"].as_str().unwrap_or("none")));
    }
    Ok(())
}
