//! Going back, keeping, and what the host says about itself.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{ADMIN, CA, CONFIG, Fixture, HANDOFF, MANIFEST, Output, Plan, Run, SECRET};
use crate::tree::differences;

fn run(fixture: &Fixture, args: &[&str]) -> Output {
    fixture.run(&Run::default(), args)
}

fn status(fixture: &Fixture) -> Value {
    let before = fixture.snapshot();
    let report = run(fixture, &["status", "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(fixture.snapshot(), before, "status changed something");
    report
}

/// A host with the first bundle installed, and the second bundle.
fn installed() -> (Fixture, String) {
    let fixture = Fixture::new();
    fs::create_dir_all(fixture.host("/var/lib")).unwrap();
    let author = fixture.author.clone();
    fixture
        .install(&fixture.bundle(Plan::default()), &[])
        .expect(0);
    let second = fixture.write("second", Plan::second(), 2, &[&author]);
    (fixture, second)
}

#[test]
fn a_host_tells_where_it_stands() {
    let fixture = Fixture::new();
    let report = status(&fixture);
    assert_eq!(report["state"], "nothing-installed");
    assert!(!fixture.host("/var/lib/kubeplan").exists());
    let bundle = fixture.bundle(Plan {
        live_steps: true,
        ..Plan::default()
    });
    fixture.install(&bundle, &[]).expect(0);
    let report = status(&fixture);
    assert_eq!(report["state"], "installed");
    assert_eq!(report["installed"][0]["node"], "cp-0");
    assert_eq!(report["installed"][0]["serial"], 1);
    assert_eq!(report["drift"], json!([]));
    let next = report["next"][0].as_str().unwrap();
    assert!(
        next.ends_with("install the same bundle there with --live-only"),
        "{next}"
    );
    assert_eq!(report["remaining"].as_array().unwrap().len(), 2);
    fs::write(fixture.host(CONFIG), "changed\n").unwrap();
    fs::write(fixture.host(HANDOFF), "rotated\n").unwrap();
    fs::remove_file(fixture.host(CA)).unwrap();
    let report = status(&fixture);
    let drift = report["drift"].as_array().unwrap();
    let line = |path: &str| drift.iter().find(|line| line["path"] == path).unwrap();
    assert_eq!(line(CONFIG)["what"], json!(["content"]));
    assert_eq!(line(CONFIG)["by"], "by-hand");
    assert_eq!(line(HANDOFF)["by"], "kubelet");
    assert_eq!(line(CA)["what"], json!(["missing"]));
    let next = report["next"][0].as_str().unwrap();
    assert!(next.starts_with("kubeapply install --dry-run /"), "{next}");
    let text = run(&fixture, &["status"]).expect(0).stdout;
    assert!(text.contains(CONFIG) && text.contains("by hand"), "{text}");
}

/// The commands that `status` names are run as they are.
#[test]
fn the_next_command_works() {
    for next in [0, 1] {
        let (fixture, second) = installed();
        fixture.stop_when(&second, "half-done");
        let report = status(&fixture);
        assert_eq!(report["state"], "interrupted", "{report}");
        assert!(
            report["run"]["bundle"]
                .as_str()
                .unwrap()
                .ends_with("second")
        );
        let command = report["next"][next].as_str().unwrap();
        let words: Vec<&str> = command.split(' ').skip(1).collect();
        Run::default().run(&words).expect(0);
        let report = status(&fixture);
        assert_eq!(report["state"], "installed");
        assert_eq!(report["installed"][0]["serial"], 2 - next);
    }
}

/// After a rollback the host has an older plan than the newest it ever had. What status, rollback and a refusal say about that
/// plan works.
#[test]
fn the_plan_that_a_rollback_restored_can_be_installed_again() {
    let (fixture, second) = installed();
    let first = fixture.path("bundle.tar.gz").display().to_string();
    fixture.install(&second, &[]).expect(0);
    let note = "a newer plan than serial 1 was installed here";
    let command = |text: &str| -> Vec<String> {
        let (_, rest) = text.split_once("to install serial 1 again: `").unwrap();
        let (command, _) = rest.split_once('`').unwrap();
        command.split(' ').skip(1).map(str::to_owned).collect()
    };
    // As long as the newest plan is installed there is nothing to say.
    let before = run(&fixture, &["status"]).expect(0);
    assert!(!before.stderr.contains(note), "{}", before.stderr);
    let rolled = run(&fixture, &["rollback", "--yes"]).expect(0);
    let report = run(&fixture, &["status"]).expect(0);
    for output in [&rolled, &report] {
        assert!(
            output.stderr.contains(note),
            "{}{}",
            output.stdout,
            output.stderr
        );
    }
    assert_eq!(command(&rolled.stderr), command(&report.stderr));
    let refused = fixture.install(&first, &[]).expect(4);
    assert!(
        refused.stderr.contains("serial 1 is the plan that this host has now; to install it again, add --allow-older-serial"),
        "{}",
        refused.stderr
    );
    let words = command(&report.stderr);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    Run::default().run(&words).expect(0);
    assert_eq!(status(&fixture)["installed"][0]["serial"], 1);
    fixture.install(&second, &[]).expect(0);
    assert_eq!(status(&fixture)["installed"][0]["serial"], 2);
}

/// The command that status names after a rollback is about the plan that is installed, not about the one that was rolled back.
#[test]
fn after_a_rollback_a_changed_file_is_compared_with_the_restored_plan() {
    let (fixture, second) = installed();
    fixture.install(&second, &[]).expect(0);
    run(&fixture, &["rollback", "--yes"]).expect(0);
    fs::write(fixture.host(CONFIG), "changed by hand\n").unwrap();
    let report = status(&fixture);
    let next = report["next"][0].as_str().unwrap();
    assert!(
        next.contains("--dry-run") && next.contains("--allow-older-serial"),
        "{next}"
    );
    let words: Vec<&str> = next.split(' ').skip(1).collect();
    let output = Run::default().run(&words).expect(0);
    assert!(output.stdout.contains("serial 1"), "{}", output.stdout);
}

#[test]
fn a_tree_that_is_installed_names_what_to_do_with_it() {
    let (fixture, _) = installed();
    let report = status(&fixture);
    let next = report["next"].as_array().unwrap();
    let texts: Vec<&str> = next.iter().filter_map(Value::as_str).collect();
    let root = fixture.root();
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(texts[0].contains(&root), "{texts:?}");
}

#[test]
fn a_first_installation_can_be_taken_back_completely() {
    let fixture = Fixture::new();
    fs::create_dir_all(fixture.host("/var/lib")).unwrap();
    let before = fixture.tree();
    let bundle = fixture.bundle(Plan::default());
    fixture.install(&bundle, &[]).expect(0);
    run(&fixture, &["rollback"]).expect(2);
    let no = Run {
        terminal: true,
        stdin: "no\n",
        ..Run::default()
    };
    let asked = fixture.run(&no, &["rollback"]).expect(1);
    assert!(asked.stderr.contains(MANIFEST), "{}", asked.stderr);
    assert_ne!(fixture.tree(), before);
    let yes = Run { stdin: "y\n", ..no };
    fixture.run(&yes, &["rollback"]).expect(0);
    assert_eq!(differences(&before, &fixture.tree()), Vec::<String>::new());
    assert_eq!(status(&fixture)["state"], "nothing-installed");
    // Once is enough: nothing older is touched.
    let again = run(&fixture, &["rollback", "--yes"]).expect(1);
    assert!(again.stderr.contains("rolled back"), "{}", again.stderr);
    fixture.install(&bundle, &[]).expect(0);
}

#[test]
fn what_others_changed_since_is_left_unless_allowed() {
    let (fixture, second) = installed();
    let before = fixture.tree();
    fixture.install(&second, &[]).expect(0);
    fs::write(fixture.host(CONFIG), "changed by hand\n").unwrap();
    fs::remove_file(fixture.host(CA)).unwrap();
    fixture.save("changed");
    let output = run(&fixture, &["rollback", "--yes", "--format", "json"]).expect(0);
    let report = output.json();
    assert_eq!(report["left"], json!([CONFIG, CA]));
    assert_eq!(fixture.read(CONFIG), "changed by hand\n");
    assert_eq!(fixture.read(MANIFEST), Plan::default().manifest);
    assert!(!fixture.host(CA).exists());
    fixture.restore("changed");
    let all = [
        "rollback",
        "--yes",
        "--overwrite-drift",
        CONFIG,
        "--overwrite-drift",
        CA,
    ];
    run(&fixture, &all).expect(0);
    assert_eq!(differences(&before, &fixture.tree()), Vec::<String>::new());
    fixture.restore("changed");
    run(
        &fixture,
        &["rollback", "--yes", "--overwrite-drift", "/etc/none"],
    )
    .expect(2);
}

#[test]
fn what_was_put_into_a_new_directory_keeps_it() {
    let fixture = Fixture::new();
    fixture
        .install(&fixture.bundle(Plan::default()), &[])
        .expect(0);
    fs::write(fixture.host("/var/lib/agent/data"), "precious").unwrap();
    let output = run(&fixture, &["rollback", "--yes"]).expect(0);
    assert!(
        output.stdout.contains("/var/lib/agent"),
        "{}",
        output.stdout
    );
    assert_eq!(fixture.read("/var/lib/agent/data"), "precious");
    assert!(!fixture.host("/etc/app").exists());
}

#[test]
fn what_is_confirmed_stays() {
    let (fixture, second) = installed();
    fixture.install(&second, &[]).expect(0);
    let backups = fixture.host("/var/lib/kubeplan/runs/0002/backup");
    assert!(fs::read_dir(&backups).unwrap().count() > 0);
    run(&fixture, &["confirm"]).expect(0);
    assert!(!backups.exists());
    let again = run(&fixture, &["confirm"]).expect(0);
    assert!(again.stdout.contains("before"), "{}", again.stdout);
    let refused = run(&fixture, &["rollback", "--yes"]).expect(1);
    assert!(refused.stderr.contains("confirmed"), "{}", refused.stderr);
    let empty = Fixture::new();
    run(&empty, &["confirm"]).expect(1);
    run(&empty, &["resume"]).expect(1);
    run(&empty, &["rollback", "--yes"]).expect(1);
    assert!(!empty.host("/var/lib/kubeplan").exists());
}

#[test]
fn copies_of_old_files_do_not_live_for_ever() {
    let (fixture, second) = installed();
    fixture.install(&second, &[]).expect(0);
    let later = Run {
        now: "2027-01-20T12:00:00Z",
        ..Run::default()
    };
    fixture.install_with(&later, &second, &[]).expect(0);
    assert!(!fixture.host("/var/lib/kubeplan/runs/0002/backup").exists());
    let refused = run(&fixture, &["rollback", "--yes"]).expect(1);
    assert!(refused.stderr.contains("30 days"), "{}", refused.stderr);
    let author = fixture.author.clone();
    for serial in 3..6 {
        let plan = Plan {
            config: format!("config: {serial}\n"),
            ..Plan::second()
        };
        let bundle = fixture.write("next", plan, serial, &[&author]);
        fixture.install(&bundle, &[]).expect(0);
    }
    let mut runs: Vec<_> = fs::read_dir(fixture.host("/var/lib/kubeplan/runs"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    runs.sort();
    assert_eq!(runs, ["0004", "0005"]);
}

#[test]
fn the_journal_holds_no_secret_and_backups_are_private() {
    let (fixture, second) = installed();
    fixture.install(&second, &[]).expect(0);
    let journal = fixture.read("/var/lib/kubeplan/runs/0002/journal");
    let plain =
        kubeplan_bundle::digest::Sha256Digest::of(Plan::default().content(ADMIN).as_bytes());
    let planned =
        kubeplan_bundle::digest::Sha256Digest::of(Plan::second().content(ADMIN).as_bytes());
    for word in [SECRET, &plain.to_string(), &planned.to_string(), "PRIVATE"] {
        assert!(!journal.contains(word), "{word}");
    }
    for (path, mode) in [
        ("/var/lib/kubeplan/runs", 0o700),
        ("/var/lib/kubeplan/runs/0002", 0o700),
        ("/var/lib/kubeplan/runs/0002/backup", 0o700),
        ("/var/lib/kubeplan/runs/0002/backup/1", 0o600),
        ("/var/lib/kubeplan/runs/0002/journal", 0o600),
    ] {
        assert_eq!(fixture.mode(path), mode, "{path}");
    }
    let installed: Value =
        serde_json::from_str(&fixture.read("/var/lib/kubeplan/installed.json")).unwrap();
    let node = &installed["nodes"][0];
    assert_eq!(node["files"][CA]["origin"], "created");
    assert_eq!(node["files"][HANDOFF]["handoff"], true);
    assert_eq!(node["folders"]["/etc/app/manifests"]["mode"], "0700");
    assert!(node["folders"].get("/var/lib").is_none());
}

#[test]
fn a_damaged_journal_is_named_and_nothing_concluded_from_it() {
    let (fixture, second) = installed();
    fixture.stop_when(&second, "half-done");
    let path = fixture.host("/var/lib/kubeplan/runs/0002/journal");
    let good = fs::read_to_string(&path).unwrap();
    for bad in [
        good.replacen("serial", "sErial", 1),
        good.replacen("journal/1", "journal/2", 1),
        good[2..].to_owned(),
        good.lines()
            .skip(1)
            .map(|line| format!("{line}\n"))
            .collect(),
    ] {
        fs::write(&path, bad).unwrap();
        let before = fixture.snapshot();
        for args in [
            &["status"][..],
            &["resume"],
            &["rollback", "--yes"],
            &["confirm"],
        ] {
            let output = run(&fixture, args).expect(1);
            assert!(
                output.stderr.contains("runs/0002/journal"),
                "{}",
                output.stderr
            );
        }
        let output = fixture.install(&second, &[]).expect(1);
        assert!(
            output.stderr.contains("runs/0002/journal"),
            "{}",
            output.stderr
        );
        assert_eq!(fixture.snapshot(), before);
    }
    // A record that was being written when the power went says nothing.
    fs::write(&path, format!("{good}7 99 abc")).unwrap();
    run(&fixture, &["resume"]).expect(0);
}

#[test]
fn only_the_same_bundle_resumes_and_its_time_only_warns() {
    let (fixture, second) = installed();
    let author = fixture.author.clone();
    let other = Plan {
        config: "config: 3\n".into(),
        ..Plan::second()
    };
    let other = fixture.write("other", other, 3, &[&author]);
    fixture.stop_when(&second, "half-done");
    let refused = run(&fixture, &["resume", &other]).expect(4);
    assert!(refused.stderr.contains("interrupted"), "{}", refused.stderr);
    run(&fixture, &["confirm"]).expect(6);
    let output = fixture
        .install(&second, &["--confirm-within", "10m"])
        .expect(2);
    assert!(output.stderr.contains("interrupted"), "{}", output.stderr);
    fs::rename(&second, fixture.path("moved")).unwrap();
    run(&fixture, &["resume"]).expect(4);
    let late = Run {
        now: "2027-12-01T00:00:00Z",
        ..Run::default()
    };
    let moved = fixture.path("moved").display().to_string();
    let output = fixture.run(&late, &["resume", &moved]).expect(0);
    assert!(
        output.stderr.contains("must not be installed after"),
        "{}",
        output.stderr
    );
    assert_eq!(fixture.read(MANIFEST), Plan::second().manifest);
}

#[test]
fn a_terminal_is_asked_before_anything_is_written() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle(Plan::default());
    let mut answer = Run {
        terminal: true,
        stdin: "\n",
        ..Run::default()
    };
    let output = fixture.install_with(&answer, &bundle, &[]).expect(1);
    assert!(output.stderr.contains(MANIFEST), "{}", output.stderr);
    assert!(!fixture.host("/etc/app").exists());
    answer.stdin = "yes\n";
    fixture.install_with(&answer, &bundle, &[]).expect(0);
    // Nothing to change, nothing to ask.
    answer.stdin = "";
    fixture.install_with(&answer, &bundle, &["--yes"]).expect(0);
}

#[test]
fn a_first_installation_is_not_confirmed() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle(Plan::default());
    let before = fixture.tree();
    let output = fixture
        .install(&bundle, &["--confirm-within", "10m"])
        .expect(2);
    assert!(
        output.stderr.contains("--confirm-within"),
        "{}",
        output.stderr
    );
    assert_eq!(
        differences(&before, &fixture.tree()).len(),
        2,
        "/var and /var/lib for the lock"
    );
    fixture
        .install(&bundle, &["--confirm-within", "ten"])
        .expect(2);
}

/// The program itself, its clock and its detached supervisor.
#[test]
fn what_is_not_confirmed_is_rolled_back() {
    const PROGRAM: &str = env!("CARGO_BIN_EXE_kubeapply");
    let plan = |plan: Plan| Plan {
        apply_after: "2000-01-01T00:00:00Z",
        apply_before: "9999-01-01T00:00:00Z",
        ..plan
    };
    for confirmed in [false, true] {
        let fixture = Fixture::new();
        let author = fixture.author.clone();
        let root = fixture.root();
        let identity = fixture.path("identity.txt").display().to_string();
        let first = fixture.bundle(plan(Plan::default()));
        let second = fixture.write("second", plan(Plan::second()), 2, &[&author]);
        let program = |args: &[&str]| {
            let output = Command::new(PROGRAM)
                .args(args)
                .args(["--root", &root])
                .output()
                .unwrap();
            let text = String::from_utf8_lossy(&output.stdout).into_owned()
                + &String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{text}");
            text
        };
        program(&["install", &first, "--identity", &identity]);
        let before = fixture.tree();
        let text = program(&[
            "install",
            &second,
            "--identity",
            &identity,
            "--confirm-within",
            "10s",
        ]);
        assert!(text.contains("kubeapply confirm"), "{text}");
        let after = fixture.tree();
        assert_ne!(before, after);
        let text = program(&["status"]);
        assert!(text.contains("waiting to be confirmed"), "{text}");
        if confirmed {
            program(&["confirm"]);
        }
        let mut brought_back = false;
        for _ in 0..if confirmed { 26 } else { 120 } {
            std::thread::sleep(std::time::Duration::from_millis(500));
            brought_back = differences(&before, &fixture.tree()).is_empty()
                && program(&["status"]).contains("serial 1");
            if brought_back {
                break;
            }
        }
        assert_eq!(brought_back, !confirmed);
        if confirmed {
            assert_eq!(fixture.tree(), after);
        }
    }
}

/// Two certificates of one authority, and one of another of the same name.
fn certificates() -> [String; 3] {
    let authority = || {
        let mut params = rcgen::CertificateParams::new(vec![]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        rcgen::Issuer::new(params, rcgen::KeyPair::generate().unwrap())
    };
    let (ours, other) = (authority(), authority());
    [&ours, &ours, &other].map(|issuer| {
        let mut params = rcgen::CertificateParams::new(vec!["server".into()]).unwrap();
        params.use_authority_key_identifier_extension = true;
        let key = rcgen::KeyPair::generate().unwrap();
        params.signed_by(&key, issuer).unwrap().pem()
    })
}

#[test]
fn a_renewed_certificate_is_told_from_another_one() {
    let [first, renewed, foreign] = certificates();
    let fixture = Fixture::new();
    let plan = |ca: &str| Plan {
        ca: ca.to_owned(),
        ..Plan::default()
    };
    let bundle = fixture.bundle(plan(&first));
    fixture.install(&bundle, &[]).expect(0);
    for (content, by) in [(&renewed, "renewal"), (&foreign, "by-hand")] {
        fs::write(fixture.host(CA), content).unwrap();
        let report = status(&fixture);
        assert_eq!(report["drift"][0]["path"], CA);
        assert_eq!(report["drift"][0]["by"], by, "{report}");
        let output = fixture.install(&bundle, &[]).expect(0);
        let renewal = output.stderr.contains("kubeadm certs renew");
        assert_eq!(renewal, by == "renewal", "{}", output.stderr);
    }
}

#[test]
fn an_upgrade_by_kubeadm_is_told_by_its_backup() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle(Plan::default());
    fixture.install(&bundle, &[]).expect(0);
    let name = MANIFEST.rsplit('/').next().unwrap();
    let tmp = "/etc/kubernetes/tmp";
    let backup = format!("{tmp}/kubeadm-backup-manifests-2026-11-21-10-00-00");
    fs::create_dir_all(fixture.host(&backup)).unwrap();
    fs::write(fixture.host(MANIFEST), "newer\n").unwrap();
    let by = || status(&fixture)["drift"][0]["by"].clone();
    // A backup of something else is no sign.
    fs::write(fixture.host(&format!("{backup}/{name}")), "another\n").unwrap();
    assert_eq!(by(), "by-hand");
    // Nor is a file of ours in a directory that kubeadm does not make when it upgrades.
    let other = format!("{tmp}/kept");
    fs::create_dir_all(fixture.host(&other)).unwrap();
    let ours = Plan::default().content(MANIFEST);
    fs::write(fixture.host(&format!("{other}/{name}")), &ours).unwrap();
    assert_eq!(by(), "by-hand");
    fs::write(fixture.host(&format!("{backup}/{name}")), &ours).unwrap();
    assert_eq!(by(), "upgrade");
    let text = run(&fixture, &["status"]).expect(0).stdout;
    assert!(text.contains("kubeadm upgrade"), "{text}");
    let output = fixture.install(&bundle, &[]).expect(0);
    assert!(
        output.stderr.contains("kubeadm upgrade"),
        "{}",
        output.stderr
    );
    assert_eq!(fixture.read(MANIFEST), "newer\n");
}

#[test]
fn a_node_that_others_took_away_is_told_as_one_thing() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle(Plan {
        live_steps: true,
        ..Plan::default()
    });
    fixture.install(&bundle, &[]).expect(0);
    let installed = || fixture.read("/var/lib/kubeplan/installed.json");
    let done = installed();
    assert!(!done.contains("\"done\":[]"), "{done}");
    let left = crate::support::FILES.last().unwrap();
    for path in crate::support::FILES.iter().filter(|path| *path != left) {
        fs::remove_file(fixture.host(path)).unwrap();
    }
    // One that is left says that a run is under way.
    assert_eq!(status(&fixture)["drift"][0]["by"], "by-hand");
    fs::remove_file(fixture.host(left)).unwrap();
    let report = status(&fixture);
    let drift = report["drift"].as_array().unwrap();
    assert!(drift.iter().all(|line| line["by"] == "reset"), "{report}");
    let text = run(&fixture, &["status"]).expect(0).stdout;
    assert!(
        text.contains(&format!(
            "{} files are missing: it looks like `kubeadm reset`",
            drift.len()
        )),
        "{text}"
    );
    assert!(!text.contains("changed since"), "{text}");
    let next: Vec<&str> = report["next"]
        .as_array()
        .unwrap()
        .iter()
        .map(|next| next.as_str().unwrap())
        .collect();
    assert!(
        next[0].starts_with("kubeapply install /") && next[1].starts_with("kubeapply reset --yes"),
        "{next:?}"
    );
    fixture.install(&bundle, &[]).expect(0);
    assert_eq!(status(&fixture)["drift"], json!([]));
    for path in crate::support::FILES {
        assert_eq!(fixture.read(path), Plan::default().content(path), "{path}");
    }
}
