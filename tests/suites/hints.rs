//! Hints hold: a command or flag that a text of the programs names exists, and can be given where the text is said.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use kubeplan::config::flags::FLAGS;
use kubeplan_terminal::{HABITS, Habit};
use kubeplan_testsuite::planned::text;
use kubeplan_testsuite::programs::{Run, kubeapply, kubeplan, repository};
use libtest_mimic::Trial;

use super::case;

pub fn cases() -> Vec<Trial> {
    vec![
        case(
            "hints::a_command_that_a_text_names_exists_with_its_flags",
            commands_of_texts,
        ),
        case(
            "hints::a_hint_names_only_flags_that_its_command_takes",
            flags_of_hints,
        ),
        case(
            "hints::what_users_of_kubeadm_type_gets_a_command_that_parses",
            habits,
        ),
        case(
            "hints::a_file_without_its_flag_gets_the_flag",
            files_without_flag,
        ),
    ]
}

/// The flags of a command of `program`, with the words that are not its sub-commands; `None` if the first word is not one.
fn command<'a>(program: &str, words: &[&'a str]) -> Option<(BTreeSet<String>, Vec<&'a str>)> {
    let mut command = match program {
        "kubeplan" => kubeplan::cli::command(),
        _ => kubeapply::command(),
    };
    let mut rest = words;
    while let Some((first, more)) = rest.split_first()
        && let Some(inner) = command.find_subcommand(first).cloned()
    {
        (command, rest) = (inner, more);
    }
    let flags = command.get_arguments().filter_map(|argument| {
        let names = argument.get_long_and_visible_aliases()?;
        Some(names.into_iter().map(str::to_owned).collect::<Vec<_>>())
    });
    let is_command = rest.len() < words.len();
    is_command.then(|| (flags.flatten().collect(), rest.to_vec()))
}

/// The flags among the words of a text, without dashes.
fn flags(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_whitespace() || "()`'\"".contains(c))
        .filter_map(|word| word.strip_prefix("--"))
        .map(|word| {
            word.split(['=', ',', ';', '.', ':', '|', ']'])
                .next()
                .unwrap_or_default()
        })
        .filter(|word| word.starts_with(|c: char| c.is_ascii_lowercase()))
}

/// Every file of Rust source below `dir`.
fn sources(dir: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(dir).with_context(|| dir.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            sources(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(())
}

/// The source without tests and without comments that are not help, with continued lines of strings joined.
fn texts_of(source: &str) -> String {
    let source = source
        .split("#[cfg(test)]\nmod ")
        .next()
        .unwrap_or_default();
    let lines = source.lines().map(str::trim).filter(|line| {
        !line.starts_with("//") || (line.starts_with("///") && !line.starts_with("////"))
    });
    let mut joined = String::new();
    for line in lines {
        match line.strip_suffix('\\') {
            Some(line) => joined.push_str(line),
            None => {
                joined.push_str(line.strip_prefix("///").map_or(line, str::trim_start));
                joined.push(if line.starts_with("///") { ' ' } else { '\n' });
            }
        }
    }
    joined
}

/// The text with a space for each placeholder of `format!`.
fn without_placeholders(text: &str) -> String {
    let mut parts = text.split('{');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let rest = part.split_once('}').map_or("", |(_, rest)| rest);
        format!("{text} {rest}")
    })
}

fn commands_of_texts() -> Result<()> {
    let (mut files, mut wrong, mut seen) = (Vec::new(), Vec::new(), 0);
    for dir in ["planner/src", "applier/src", "review/src", "terminal/src"] {
        sources(&repository().join(dir), &mut files)?;
    }
    for file in files.iter().filter(|file| !file.ends_with("tests.rs")) {
        let texts = texts_of(&fs::read_to_string(file)?);
        for program in ["kubeplan", "kubeapply"] {
            for part in texts.split(&format!("`{program} ")).skip(1) {
                let Some((text, _)) = part.split_once('`') else {
                    continue;
                };
                let text = without_placeholders(text);
                let words: Vec<&str> = text.split_whitespace().collect();
                // A placeholder, or a word for one, may stand for a command.
                let is_name = |word: &&str| word.starts_with(|c: char| c.is_ascii_lowercase());
                if !words.first().is_some_and(is_name) {
                    continue;
                }
                seen += 1;
                let place = format!("{}: `{program} {text}`", file.display());
                let Some((known, _)) = command(program, &words) else {
                    wrong.push(place);
                    continue;
                };
                let unknown = flags(&text).find(|flag| !known.contains(*flag));
                wrong.extend(unknown.map(|flag| format!("{place}: --{flag}")));
            }
        }
    }
    ensure!(seen > 50, "only {seen} commands were found");
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// Configurations without an error of a fixture's kind, but with something for a hint.
const MORE: &[(&str, &str)] = &[
    (
        "cluster-alone",
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.36.2\n",
    ),
    (
        "zeros",
        "apiVersion: kubeadm.k8s.io/v1beta3\nkind: InitConfiguration\nlocalAPIEndpoint: {advertiseAddress: 0.0.0.0}\n---\napiVersion: kubeadm.k8s.io/v1beta3\nkind: ClusterConfiguration\nkubernetesVersion: v1.36.2\n",
    ),
    (
        "absent-patches",
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nlocalAPIEndpoint: {advertiseAddress: 10.0.0.11}\nnodeRegistration: {name: cp1}\npatches: {directory: /absent/patches}\ncertificateKey: '0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef'\n---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.36.2\n",
    ),
    (
        "nothing-left",
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nlocalAPIEndpoint: {advertiseAddress: 10.0.0.11}\nnodeRegistration: {name: cp1}\nskipPhases: [preflight, certs, kubeconfig, etcd, control-plane, kubelet-start, wait-control-plane, upload-config, upload-certs, mark-control-plane, bootstrap-token, kubelet-finalize, addon, show-join-command]\n---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.36.2\n",
    ),
    (
        "join-alone",
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: JoinConfiguration\ndiscovery: {tlsBootstrapToken: x}\n",
    ),
    ("without-documents", "# nothing\n"),
    (
        "two-workers",
        "apiVersion: kubeplan.io/v1alpha1\nkind: Cluster\nmetadata: {name: a}\nnodes: [{role: control-plane}, {role: control-plane}, {role: worker, kubelet: {criSocket: 'npipe:////./pipe/x'}}]\n---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.36.2\n",
    ),
];

/// Checks the hints that `kubeplan` gives for `args`. `files` says whether they name a configuration file. Returns how many flags the
/// hints name.
fn check(args: &[&str], files: bool) -> Result<usize> {
    let run = kubeplan(args);
    let (known, _) = command("kubeplan", args).context("no command")?;
    let mut named = 0;
    for hint in run
        .err
        .lines()
        .filter_map(|line| line.trim().strip_prefix("hint: "))
    {
        // Between backquotes are values and whole commands, which the other case checks.
        for (_, text) in hint.split('`').enumerate().filter(|(at, _)| at % 2 == 0) {
            for flag in flags(text) {
                named += 1;
                ensure!(known.contains(flag), "{args:?}: --{flag} of: {hint}");
                let refused = FLAGS
                    .iter()
                    .any(|known| known.name == flag && !known.beside_file);
                ensure!(!(files && refused), "{args:?}: --{flag} is refused: {hint}");
            }
        }
    }
    Ok(named)
}

fn flags_of_hints() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(repository().join("fixtures/invalid"))? {
        files.push(entry?.path());
    }
    for (name, text) in MORE {
        let path = dir.path().join(name).with_extension("yaml");
        fs::write(&path, text)?;
        files.push(path);
    }
    let (out, pki) = (dir.path().join("out"), dir.path().join("pki"));
    let (out, pki) = (text(&out)?, text(&pki)?);
    let seed = ["--test-pki", "1"];
    let commands: [(&[&str], bool); 9] = [
        (&["validate"], true),
        (&["preflight"], true),
        (&["plan", "-o", out, seed[0], seed[1]], true),
        (&["render", "-o", out, seed[0], seed[1]], true),
        (&["certs", "list", "--pki", pki], true),
        (&["certs", "generate-csr", "--pki", pki], true),
        (&["config", "images", "list"], false),
        (&["config", "print", "effective"], false),
        (&["config", "migrate"], false),
    ];
    let mut named = 0;
    for (command, takes_flags) in commands {
        for file in &files {
            let args = [command, &["-f", text(file)?]].concat();
            named += check(&args, true)?;
        }
        if takes_flags {
            for flags in [
                &[][..],
                &["--kubernetes-version", "v1.36.2"],
                &["--kubernetes-version", "v1.36.2", "--node-name", "cp1"],
                &[
                    "--kubernetes-version",
                    "v1.36.2",
                    "--node-name",
                    "cp1",
                    "--apiserver-advertise-address",
                    "127.0.0.1",
                ],
            ] {
                named += check(&[command, flags].concat(), false)?;
            }
        }
    }
    ensure!(named > 20, "only {named} flags were named");
    Ok(())
}

/// Whether a command line that stands in a hint parses. Words in capitals stand for values.
fn parses(line: &str) -> Result<()> {
    let value = |word: &str| match word {
        "HOST:PORT" => "10.0.0.1:6443".to_owned(),
        word => word.to_lowercase(),
    };
    let is_placeholder = |word: &str| word.chars().all(|c| c.is_ascii_uppercase() || c == ':');
    let words: Vec<String> = line
        .split_whitespace()
        .map(|word| match is_placeholder(word) {
            true => value(word),
            false => word.to_owned(),
        })
        .collect();
    let command = match words.first().map(String::as_str) {
        Some("kubeplan") => kubeplan::cli::command(),
        Some("kubeapply") => kubeapply::command(),
        other => anyhow::bail!("{other:?} is not a program"),
    };
    match command.try_get_matches_from(&words) {
        Err(error) if error.exit_code() != 0 => {
            anyhow::bail!("`{line}` does not parse: {error}")
        }
        _ => Ok(()),
    }
}

/// Runs what is typed, by the program's name.
fn typed(program: &str, words: &[&str]) -> Run {
    match program {
        "kubeplan" => kubeplan(words),
        _ => kubeapply(words),
    }
}

/// Whether one of the programs answers what `habit` is about with its hint.
fn is_answered(habit: &Habit) -> bool {
    let words: Vec<&str> = habit.typed.split_whitespace().collect();
    let (flags, command): (Vec<&str>, Vec<&str>) =
        words.iter().partition(|word| word.starts_with('-'));
    // A flag can be typed to the command of the same name, and to those that do what it is about.
    let mut commands = vec![command];
    if !flags.is_empty() {
        for instead in habit.instead {
            let words = instead.split_whitespace().skip(1);
            commands.push(
                words
                    .take_while(|word| word.starts_with(|c: char| c.is_ascii_lowercase()))
                    .collect(),
            );
        }
        commands.push(vec!["plan"]);
        commands.push(vec!["install"]);
    }
    ["kubeplan", "kubeapply"].into_iter().any(|program| {
        commands.iter().any(|command| {
            let run = typed(program, &[command.as_slice(), &flags, &["x"]].concat());
            run.code == 2 && run.err.contains(&format!("  hint: {}\n", habit.hint()))
        })
    })
}

fn habits() -> Result<()> {
    let (mut commands, mut wrong) = (0, Vec::new());
    for habit in HABITS {
        for instead in habit.instead {
            wrong.extend(
                parses(instead)
                    .err()
                    .map(|error| format!("{}: {error}", habit.typed)),
            );
            commands += 1;
        }
        if !is_answered(habit) {
            wrong.push(format!("`{}` never gets its hint", habit.typed));
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    ensure!(commands > 40, "only {commands} commands");
    ensure!(parses("kubeplan plan --old-config FILE").is_err());
    Ok(())
}

fn files_without_flag() -> Result<()> {
    for command in [
        &["plan"][..],
        &["validate"],
        &["render"],
        &["preflight"],
        &["certs", "list"],
        &["config", "migrate"],
        &["config", "images", "list"],
    ] {
        let run = kubeplan(&[command, &["a file.yaml"]].concat());
        let expected = format!(
            "  hint: name a configuration file with -f: `kubeplan {} -f 'a file.yaml'`\n",
            command.join(" ")
        );
        ensure!(
            run.code == 2 && run.err.contains(&expected),
            "{command:?}: {}",
            run.err
        );
    }
    Ok(())
}
