//! Stopping after every durable action: each file is old or new, and a further run finishes the work.

use kubeapply::host::durable::Fault;

use crate::support::{CA, FILES, Fixture, HANDOFF, Plan, Run};

/// More actions than any of these installations has.
const MANY: u64 = 1000;

fn at(fault: Fault) -> Run {
    Run {
        fault,
        ..Run::default()
    }
}

/// What a file may hold: its content before, or the planned one.
fn check_old_or_new(fixture: &Fixture, old: Option<&Plan>, new: &Plan, at: &str) {
    for path in FILES {
        let found = std::fs::read_to_string(fixture.host(path)).ok();
        let old = old.map(|plan| plan.content(path));
        let new = Some(new.content(path));
        assert!(found == old || found == new, "{at}: {path}: {found:?}");
        if found.is_some() {
            let mode = fixture.mode(path);
            assert!(mode == 0o600 || mode == 0o644, "{at}: {path}: {mode:o}");
        }
    }
}

/// Runs with each fault in turn until one is never reached; returns how many runs were stopped.
fn every_fault(update: bool, fault: fn(u64) -> Fault, check: fn(&Fixture, u64)) -> u64 {
    for number in 0..MANY {
        let fixture = Fixture::new();
        let author = fixture.author.clone();
        let first = fixture.bundle(Plan::default());
        let second = fixture.write("second", Plan::second(), 2, &[&author]);
        let (old, new, bundle) = if update {
            fixture.install(&first, &[]).expect(0);
            (Some(Plan::default()), Plan::second(), &second)
        } else {
            (None, Plan::default(), &first)
        };
        let stopped = fixture.install_with(&at(fault(number)), bundle, &[]);
        if stopped.code == 0 {
            return number;
        }
        let name = format!("action {number}: {}", stopped.stderr);
        assert!(matches!(stopped.code, 1 | 6), "{name}");
        check_old_or_new(&fixture, old.as_ref(), &new, &name);
        // The manifests come last: when one is new, everything before it is.
        if std::fs::read_to_string(fixture.host("/etc/app/manifests/server.yaml")).ok()
            == Some(new.manifest.clone())
        {
            assert_eq!(fixture.read("/etc/app/pki/ca.crt"), new.ca, "{name}");
        }
        check(&fixture, number);
        fixture.install(bundle, &[]).expect(0);
        for path in FILES {
            let expected = match old {
                Some(ref old) if path == HANDOFF => old.content(path),
                _ => new.content(path),
            };
            assert_eq!(fixture.read(path), expected, "{name}: {path}");
        }
        assert!(fixture.leftovers().is_empty(), "{name}");
        let before = fixture.snapshot();
        let again = fixture.install(bundle, &[]).expect(0);
        assert!(again.stdout.contains("nothing to change"), "{name}");
        assert_eq!(fixture.snapshot(), before, "{name}");
    }
    panic!("never finished");
}

#[test]
fn a_first_installation_killed_after_any_action_can_be_continued() {
    assert!(every_fault(false, Fault::StopAfter, |_, _| {}) > 60);
}

#[test]
fn an_update_killed_after_any_action_can_be_continued() {
    assert!(every_fault(true, Fault::StopAfter, |_, _| {}) > 30);
}

#[test]
fn a_failed_action_leaves_nothing_temporary_behind() {
    let stopped = every_fault(true, Fault::FailAt, |fixture, number| {
        // Removing the empty stage is the one action whose failure leaves it; the next run removes it.
        let leftovers = fixture.leftovers();
        assert!(leftovers.len() <= 1, "action {number}: {leftovers:?}");
        for path in leftovers {
            assert_eq!(std::fs::read_dir(&path).unwrap().count(), 0, "{path:?}");
        }
    });
    assert!(stopped > 30);
}

#[test]
fn a_newer_bundle_can_follow_one_that_was_stopped_half_way() {
    for number in (0..MANY).step_by(3) {
        let fixture = Fixture::new();
        let author = fixture.author.clone();
        let first = fixture.bundle(Plan::default());
        let stopped = fixture.install_with(&at(Fault::StopAfter(number)), &first, &[]);
        let done = stopped.code == 0;
        let second = fixture.write("second", Plan::second(), 2, &[&author]);
        fixture.install(&second, &[]).expect(0);
        for path in FILES {
            // The handed-off file may have been installed already.
            if path != HANDOFF {
                assert_eq!(fixture.read(path), Plan::second().content(path), "{number}");
            }
        }
        if done {
            return;
        }
    }
    panic!("never finished");
}

#[test]
fn a_foreign_file_stays_foreign_when_its_replacement_was_stopped() {
    for number in (0..MANY).step_by(2) {
        let fixture = Fixture::new();
        let bundle = fixture.bundle(Plan::default());
        std::fs::create_dir_all(fixture.host("/etc/app/pki")).unwrap();
        std::fs::write(fixture.host(CA), "foreign\n").unwrap();
        let run = at(Fault::StopAfter(number));
        let stopped = fixture.install_with(&run, &bundle, &["--overwrite-drift", CA]);
        if fixture.read(CA) != "foreign\n" {
            assert!(number > 20, "{number}");
            fixture.install(&bundle, &[]).expect(0);
            return;
        }
        assert_ne!(stopped.code, 0);
        fixture.install(&bundle, &[]).expect(5);
        assert_eq!(fixture.read(CA), "foreign\n");
    }
    panic!("never finished");
}
