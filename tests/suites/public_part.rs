//! What a reviewer gets without secrets: the public part of a bundle, and where each value came from.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use kubeplan_bundle::reader::Bundle;
use kubeplan_bundle::sources::Sources;
use kubeplan_testsuite::planned::{Planned, text};
use kubeplan_testsuite::programs::{kubeapply, kubeplan};
use kubeplan_testsuite::tree;
use libtest_mimic::Trial;

use super::case;

pub fn cases() -> Vec<Trial> {
    vec![
        case(
            "public_part::it_is_reviewed_and_approved_and_not_installed",
            reviewed,
        ),
        case(
            "public_part::it_never_takes_the_bundles_place",
            never_in_place,
        ),
        case(
            "public_part::a_comment_or_another_file_changes_no_plan",
            no_other_plan,
        ),
        case(
            "public_part::sources_name_lines_and_no_path_of_the_machine",
            lines,
        ),
        case(
            "public_part::an_earlier_layout_is_explained",
            earlier_layout,
        ),
        case(
            "public_part::results_replace_regular_files_alone",
            regular_files_alone,
        ),
    ]
}

fn reviewed() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let part = planned.path("part.tar.gz");
    let (whole, public) = (text(&planned.bundle)?, text(&part)?);
    let said = kubeplan(&["public", whole, "-o", public]).expect(0)?.err;
    ensure!(said.contains("is the public part of"), "{said}");
    let (all, left) = (fs::read(whole)?, fs::read(public)?);
    ensure!(left.len() + 4096 < all.len(), "{} bytes", left.len());
    ensure!(
        !left
            .windows(22)
            .any(|part| part == b"age-encryption.org/v1\n"),
        "the copy has a sealed part"
    );

    let signers = planned.path("allowed_signers");
    let signers = text(&signers)?;
    let verify = ["verify", "--allowed-signers", signers, public];
    let said = kubeplan(&verify).expect(0)?.text();
    ensure!(
        said.starts_with("TRUSTED: ") && said.contains("PUBLIC PART ONLY"),
        "{said}"
    );
    let json = kubeplan(&[&verify[..], &["--format", "json"]].concat()).expect(0)?;
    let json: serde_json::Value = serde_json::from_slice(&json.out)?;
    ensure!(
        json["publicPartOnly"] == true && json["trusted"] == true,
        "{json}"
    );
    let json = kubeplan(&[
        "verify",
        "--allowed-signers",
        signers,
        whole,
        "--format",
        "json",
    ]);
    let json: serde_json::Value = serde_json::from_slice(&json.expect(0)?.out)?;
    ensure!(json.get("publicPartOnly").is_none(), "{json}");
    let said = kubeplan(&["verify", public]).expect(4)?.text();
    ensure!(said.contains("PUBLIC PART ONLY"), "{said}");
    let said = kubeplan(&["show", public]).expect(0)?.text();
    ensure!(
        said.contains("PUBLIC PART ONLY") && said.contains("/etc/kubernetes/pki/ca.key"),
        "{said}"
    );

    let root = planned.root();
    let said = kubeapply(&[
        "verify",
        "--root",
        text(&root)?,
        "--allowed-signers",
        signers,
        public,
    ]);
    let said = said.expect(0)?.text();
    ensure!(said.contains("PUBLIC PART ONLY"), "{said}");
    let before = tree::snapshot(&root)?;
    let preflight = [
        "preflight",
        "--root",
        text(&root)?,
        "--allowed-signers",
        signers,
        public,
    ];
    for refused in [
        kubeapply(&planned.install_args(&part, &[])?),
        kubeapply(&planned.install_args(&part, &["--dry-run"])?),
        kubeapply(&preflight),
    ] {
        let said = refused.expect(4)?.err;
        ensure!(said.contains("sealed part is left out"), "{said}");
    }
    ensure!(before == tree::snapshot(&root)?, "the root was touched");

    // An approval and a signature of the copy are those of the whole bundle.
    let key = planned.path("rita");
    kubeplan(&["keygen", "-o", text(&key)?]).expect(0)?;
    let index = Bundle::open(fs::File::open(&part)?)?.into_public()?;
    let digest = index.index().plan_digest.to_string();
    let approve = [
        "approve",
        "--key",
        text(&key)?,
        "--plan-digest",
        &digest,
        public,
    ];
    kubeplan(&approve).expect(0)?;
    let approved = Bundle::open(fs::File::open(&part)?)?.into_public()?;
    ensure!(approved.is_public_part() && approved.approvals().len() == 1);
    kubeplan(&[
        "sign",
        "--key",
        text(&key)?,
        "--plan-digest",
        &digest,
        public,
    ])
    .expect(0)?;
    let signed = Bundle::open(fs::File::open(&part)?)?.into_public()?;
    ensure!(signed.signatures().len() == 2);
    // Not in the place of the whole bundle.
    let author = planned.path("author");
    let onto = ["approve", "--key", text(&author)?, "--plan-digest", &digest];
    let said = kubeplan(&[&onto[..], &["-o", whole, public]].concat());
    let said = said.expect(2)?.err;
    ensure!(said.contains("approve --add"), "{said}");
    ensure!(fs::read(whole)? == all, "the whole bundle was overwritten");
    let add = ["approve", "--add", public, whole];
    kubeplan(&add).expect(0)?;
    let whole_again = Bundle::open(fs::File::open(whole)?)?.into_intact()?;
    ensure!(whole_again.approvals().len() == 1);
    let said = kubeplan(&add).expect(2)?.err;
    ensure!(said.contains("has no approval that"), "{said}");
    let other = Planned::fixture("single-node-defaults")?;
    let said = kubeplan(&["approve", "--add", public, text(&other.bundle)?]);
    ensure!(
        said.clone().expect(4)?.err.contains("another index"),
        "{}",
        said.err
    );
    kubeapply(&planned.install_args(&planned.bundle, &[])?).expect(0)?;
    Ok(())
}

fn never_in_place() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let whole = fs::read(&planned.bundle)?;
    let link = planned.path("link.tar.gz");
    std::os::unix::fs::symlink(&planned.bundle, &link)?;
    let hard = planned.path("hard.tar.gz");
    fs::hard_link(&planned.bundle, &hard)?;
    for output in [&planned.bundle, &link, &hard] {
        let said = kubeplan(&["public", text(&planned.bundle)?, "-o", text(output)?]);
        let said = said.expect(2)?.err;
        ensure!(said.contains("is the bundle itself"), "{said}");
        ensure!(fs::read(&planned.bundle)? == whole);
    }
    let taken = planned.path("taken");
    fs::write(&taken, "a key")?;
    let said = kubeplan(&["public", text(&planned.bundle)?, "-o", text(&taken)?]);
    ensure!(said.expect(2)?.err.contains("exists already"));
    ensure!(fs::read(&taken)? == b"a key");
    let mut damaged = whole.clone();
    *damaged.last_mut().context("it has bytes")? ^= 1;
    let bad = planned.path("bad.tar.gz");
    fs::write(&bad, damaged)?;
    let out = planned.path("out.tar.gz");
    kubeplan(&["public", text(&bad)?, "-o", text(&out)?]).expect(4)?;
    ensure!(!out.exists(), "a damaged bundle was copied");
    Ok(())
}

fn sources(bundle: &Path) -> Result<Sources> {
    let bundle = Bundle::open(fs::File::open(bundle)?)?.into_intact()?;
    Ok(Sources::parse(bundle.sources().context("no sources")?)?)
}

fn no_other_plan() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let (digest, before) = (planned.digest()?, sources(&planned.bundle)?);
    let config = planned.configuration()?;
    let elsewhere = planned.path("elsewhere");
    fs::create_dir(&elsewhere)?;
    let moved = elsewhere.join("other.yaml");
    fs::write(&moved, format!("# a comment\n\n{config}"))?;
    fs::remove_file(planned.path("cluster.yaml"))?;
    fs::rename(&moved, planned.path("cluster.yaml"))?;
    planned.plan(&[])?.expect(0)?;
    ensure!(planned.digest()? == digest, "a comment changed the plan");
    let after = sources(&planned.bundle)?;
    ensure!(after != before, "the lines moved");
    let bundle = Bundle::open(fs::File::open(&planned.bundle)?)?.into_intact()?;
    ensure!(bundle.index().serial == 1, "a comment changed the serial");
    Ok(())
}

fn lines() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let sources = sources(&planned.bundle)?;
    ensure!(sources.files == ["cluster.yaml"], "{:?}", sources.files);
    let config = planned.configuration()?;
    let config: Vec<&str> = config.lines().collect();
    let directory = planned.path("");
    let mut found = 0;
    for (entry, origins) in &sources.entries {
        for origin in origins {
            let Some(line) = origin.line else { continue };
            let written = config.get(line as usize - 1).copied().unwrap_or_default();
            let field = origin.from.rsplit('.').next().unwrap_or_default();
            let field = field.split('[').next().unwrap_or_default();
            // The line has the field's name, or it is of the field above it, or of the document as a whole.
            let above = || {
                if !origin.from.contains('.') {
                    return written.starts_with("apiVersion") || written.starts_with("kind");
                }
                let mut parents = origin.from.split('.').skip(1);
                parents.any(|parent| written.contains(parent.split('[').next().unwrap_or_default()))
            };
            ensure!(
                written.contains(field) || above(),
                "{entry}: {origin:?}: `{written}`"
            );
            found += 1;
        }
    }
    ensure!(found > 10, "{found} values name a line");
    let bytes = String::from_utf8(sources.to_bytes()?)?;
    ensure!(
        !bytes.contains(text(&directory)?),
        "a path of the machine: {bytes}"
    );
    Ok(())
}

fn earlier_layout() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let earlier = kubeplan_testsuite::raw_index::with_text(&planned, "earlier.tar.gz", |index| {
        index.replace("\"format:parts/1\",", "")
    })?;
    let said = kubeplan(&["show", text(&earlier)?]).expect(4)?.err;
    ensure!(
        said.contains("in an earlier layout") && said.contains("plan its node again"),
        "{said}"
    );
    Ok(())
}

/// A device or a link that a result is written to stays what it is.
fn regular_files_alone() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let key = planned.path("rita");
    kubeplan(&["keygen", "-o", text(&key)?]).expect(0)?;
    let digest = planned.digest()?;
    let socket = planned.path("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket)?;
    let link = planned.path("link");
    std::os::unix::fs::symlink(planned.path("nowhere"), &link)?;
    let whole = text(&planned.bundle)?;
    for output in [&socket, &link] {
        let before = fs::symlink_metadata(output)?.file_type();
        let output = text(output)?;
        let approve = ["approve", "--key", text(&key)?, "--plan-digest", &digest];
        for args in [
            vec!["public", whole, "-o", output],
            [&approve[..], &["-o", output, whole]].concat(),
        ] {
            let run = kubeplan(&args);
            ensure!(run.code != 0, "{args:?} wrote to {output}");
        }
        ensure!(
            fs::symlink_metadata(output)?.file_type() == before,
            "{output}"
        );
    }
    ensure!(!planned.path("nowhere").exists());
    Ok(())
}
