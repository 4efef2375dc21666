//! Flags that reach a service beside the plan: drop-ins of its unit, and files of variables that the unit reads.
//!
//! In: the files, which anyone with rights on the host may have written. Out: the names of flags and variables; no value is printed.
//! Sources: systemd.unit(5), systemd.exec(5) (`Environment=`, `EnvironmentFile=`), systemd.syntax(7).

use std::collections::BTreeSet;

use kubeplan_bundle::check::ServiceFlags;
use kubeplan_bundle::index::Place;
use kubeplan_terminal::quote;

use super::kinds::Explained::Never;
use super::kinds::Needs::Tree;
use super::kinds::{Looking, Row};
use super::leftovers::{on_host, removal};
use super::{Finding, Looked, View};
use crate::host::{HostError, LinkRefusal, RootPath};

/// Bytes of a drop-in or of a file of variables.
const LIMIT: u64 = 256 * 1024;

/// How many drop-ins of one directory are read.
const MAX_FILES: usize = 1000;

/// How many names a finding shows of one kind.
const SHOWN: usize = 12;

/// How many names are kept of one kind.
const KEPT: usize = 200;

/// What one file does to the service's command line.
#[derive(Debug, Default, PartialEq, Eq)]
struct Effects {
    /// Variables that are set, without those that are empty or hold planned flags alone.
    variables: Vec<String>,
    /// Names of flags, with their dashes.
    flags: Vec<String>,
    /// There are other words that begin with a dash.
    others: bool,
    /// The command is set.
    sets_command: bool,
    /// Other files are read for variables.
    reads: Vec<String>,
    /// A variable holds planned flags, too, or goes on in the next line: its line cannot go as a whole.
    entangled: bool,
}

/// No file gives flags to the service that the plan does not know.
impl Looking for ServiceFlags {
    const ROW: Row = Row::new(
        Tree,
        Never,
        "drop-ins of the unit and files of variables below the root; names of flags, no values",
    );

    fn look(&self, view: &View<'_>) -> Looked {
        let mut findings = Vec::new();
        let reload = if view.root.is_live() {
            " && systemctl daemon-reload"
        } else {
            ""
        };
        let mut hidden: BTreeSet<String> = BTreeSet::new();
        for directory in &self.drop_ins {
            let directory = RootPath::from(directory);
            // Files of the bundle hide others as if they were there already.
            let planned: BTreeSet<String> = planned_in(view, &directory);
            hidden.extend(planned);
            let Some(opened) = view.root.view(&directory)? else {
                continue;
            };
            let mut counted = 0_usize;
            let names = opened.names_that(|name| {
                let counts = name.ends_with(".conf") && !name.starts_with('.');
                counted += usize::from(counts);
                counts && counted <= MAX_FILES
            })?;
            let unnamed = opened
                .names_without_text(|name| name.ends_with(b".conf") && !name.starts_with(b"."))?;
            if unnamed > 0 {
                findings.push(Finding::AsPlanned(format!(
                    "{directory} has drop-ins whose names are not UTF-8 ({unnamed}): {}; list them with `ls -lb -- {}`, and remove what is not wanted",
                    self.consequence,
                    quote(&on_host(view.root, &directory))
                )));
            }
            if counted > MAX_FILES {
                findings.push(Finding::AsPlanned(format!(
                    "{directory} has {counted} drop-ins, of which {MAX_FILES} were looked at: {}; list those that set flags with `grep -rlE '^[[:space:]]*(Environment|EnvironmentFile|ExecStart)[[:space:]]*=' -- {}`, and remove what is not wanted",
                    self.consequence,
                    quote(&on_host(view.root, &directory))
                )));
            }
            for name in names {
                if !hidden.insert(name.clone()) {
                    continue;
                }
                let path = directory.join(&name);
                let Some(text) = text(view, &path)? else {
                    continue;
                };
                let expected = self.expected.contains(&name);
                let effects = of_drop_in(self, &text, expected);
                if let Some(what) = effects.words() {
                    findings.push(Finding::AsPlanned(format!(
                        "{path} {what}: {}; if it is not wanted, remove it with `{}{reload}`",
                        self.consequence,
                        removal(view.root, std::slice::from_ref(&path))
                    )));
                }
            }
        }
        for path in &self.variable_files {
            let path = RootPath::from(path);
            let Some(text) = text(view, &path)? else {
                continue;
            };
            let effects = of_variables(self, &text, is_shells(&path));
            if let Some(what) = effects.words() {
                findings.push(Finding::AsPlanned(format!(
                    "{path} {what}: {}; if they are not wanted, remove them {}",
                    self.consequence,
                    way_out(&effects, &quote(&on_host(view.root, &path)))
                )));
            }
        }
        Ok(findings)
    }
}

/// Whether a shell reads the file: OpenRC's `openrc-run` sources `/etc/conf.d`. systemd takes lines with `export` for invalid.
fn is_shells(path: &RootPath) -> bool {
    path.as_str().starts_with("/etc/conf.d/")
}

/// How to remove what a file of variables sets: the command, if each variable is a line of its own that has nothing else.
fn way_out(effects: &Effects, file: &str) -> String {
    if effects.entangled {
        return format!("in {file} with an editor, and leave the rest of their lines");
    }
    let variables = effects.variables.iter();
    let lines: Vec<String> = variables
        .map(|name| format!("-e '/^[[:space:]]*{name}=/d'"))
        .collect();
    format!("with `sed -i {} -- {file}`", lines.join(" "))
}

/// The text of a file; `None` if there is none, or something that systemd reads as empty, such as a link to /dev/null.
fn text(view: &View<'_>, path: &RootPath) -> Result<Option<String>, HostError> {
    match view.root.read(path, LIMIT) {
        Ok(bytes) => Ok(bytes.map(|bytes| String::from_utf8_lossy(bytes.expose()).into_owned())),
        Err(
            HostError::NotAFile { .. }
            | HostError::Link {
                reason: LinkRefusal::Dangling { .. },
                ..
            },
        ) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Names of the bundle's files in a directory.
fn planned_in(view: &View<'_>, directory: &RootPath) -> BTreeSet<String> {
    let files = view
        .index
        .entries
        .iter()
        .filter_map(|entry| match &entry.place {
            Place::File(placement) => Some(RootPath::from(&placement.path)),
            Place::Directory(_) | Place::Object | Place::Payload => None,
        });
    files
        .filter(|path| path.parent() == *directory)
        .map(|path| path.file_name().to_owned())
        .collect()
}

/// Of the lines in a drop-in's section `[Service]`.
fn of_drop_in(check: &ServiceFlags, text: &str, expected: bool) -> Effects {
    let mut effects = Effects::default();
    let mut in_service = false;
    for line in logical_lines(text) {
        let line = line.trim();
        if line.starts_with('[') {
            in_service = line == "[Service]";
            continue;
        }
        let Some((key, value)) = line.split_once('=').filter(|_| in_service) else {
            continue;
        };
        match key.trim() {
            "Environment" => {
                for word in words(value, Escapes::OfC) {
                    if let Some((name, value)) = word.split_once('=') {
                        add_variable(check, &mut effects, name, value);
                    }
                }
            }
            "EnvironmentFile" if !expected => {
                let path = value.trim().trim_start_matches('-');
                if !path.is_empty() {
                    keep(&mut effects.reads, path);
                }
            }
            "ExecStart" => {
                let words = words(value, Escapes::OfC);
                effects.sets_command |= !words.is_empty() && !expected;
                add_flags(check, &mut effects, words.get(1..).unwrap_or_default());
            }
            _ => {}
        }
    }
    effects
}

/// Of the lines `NAME=value` of a file, and of `export NAME=value …` if a shell reads it.
fn of_variables(check: &ServiceFlags, text: &str, shell: bool) -> Effects {
    let mut effects = Effects::default();
    for line in logical_lines(text) {
        let line = line.trim_start();
        let exported = line.strip_prefix("export").filter(|_| shell);
        if let Some(exported) = exported.filter(|rest| rest.starts_with([' ', '\t'])) {
            for word in words(exported, Escapes::Plain) {
                if let Some((name, value)) = word.split_once('=') {
                    add_variable(check, &mut effects, name, value);
                }
            }
            // The command that removes lines does not know these.
            effects.entangled = true;
        } else if let Some((name, value)) = line.split_once('=') {
            let value = words(value, Escapes::Plain).join(" ");
            add_variable(check, &mut effects, name.trim_end(), &value);
        }
    }
    // A shell lets a quoted value go on in the next line.
    effects.entangled |= text.lines().any(|line| {
        line.ends_with('\\')
            || ['"', '\'']
                .iter()
                .any(|quote| line.matches(*quote).count() % 2 == 1)
    });
    effects
}

fn add_variable(check: &ServiceFlags, effects: &mut Effects, name: &str, value: &str) {
    let is_name = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let begins = |known: &String| name.starts_with(known.as_str());
    if !is_name || !check.variables.iter().any(begins) {
        return;
    }
    // The value is split at blanks once more, when the command is made of it.
    if add_flags(check, effects, &words(value, Escapes::Plain)) {
        keep(&mut effects.variables, name);
    }
}

/// Whether there are flags among the words that the plan does not have.
fn add_flags(check: &ServiceFlags, effects: &mut Effects, words: &[String]) -> bool {
    let (mut any, mut planned) = (false, false);
    for (at, word) in words.iter().enumerate() {
        if !word.starts_with('-') || word.trim_start_matches('-').is_empty() {
            continue;
        }
        let apart = words
            .get(at + 1)
            .filter(|next| !next.starts_with('-') && !word.contains('='))
            .map(|next| format!("{word}={next}"));
        if check.planned.contains(word) || apart.is_some_and(|flag| check.planned.contains(&flag)) {
            planned = true;
            continue;
        }
        any = true;
        let name = word.split('=').next().unwrap_or(word);
        // A word with one dash can be the value of the word before it, such as a token.
        if is_flag_name(name) {
            keep(&mut effects.flags, name);
        } else {
            effects.others = true;
        }
    }
    effects.entangled |= any && planned;
    any
}

/// Whether a word is the name of a flag and nothing that must not be shown: two dashes and small letters, or one dash and one letter.
fn is_flag_name(word: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    match word.strip_prefix("--") {
        Some(name) => name.len() <= 80 && name.bytes().all(is_part),
        None => {
            word.len() == 2
                && word
                    .bytes()
                    .all(|byte| byte == b'-' || byte.is_ascii_alphabetic())
        }
    }
}

/// Keeps a name once, unless there are too many to be told.
fn keep(names: &mut Vec<String>, name: &str) {
    if names.len() < KEPT && !names.iter().any(|known| known == name) {
        names.push(name.to_owned());
    }
}

impl Effects {
    /// What the file does; `None` if it does nothing of note.
    fn words(&self) -> Option<String> {
        let mut parts = Vec::new();
        if self.sets_command {
            parts.push("sets ExecStart".to_owned());
        }
        if !self.flags.is_empty() || self.others {
            let through = match self.variables.as_slice() {
                [] => String::new(),
                names => format!(" in {}", shown(names)),
            };
            let flags = match (self.flags.is_empty(), self.others) {
                (true, _) => "flags".to_owned(),
                (false, false) => format!("the flags {}", shown(&self.flags)),
                (false, true) => format!("the flags {} and others", shown(&self.flags)),
            };
            parts.push(format!("sets {flags}{through}"));
        }
        if !self.reads.is_empty() {
            parts.push(format!("reads variables from {}", shown(&self.reads)));
        }
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

/// The first names, each cut to a length that a line can hold.
fn shown(names: &[String]) -> String {
    let mut texts: Vec<String> = names
        .iter()
        .take(SHOWN)
        .map(|name| name.chars().take(80).collect())
        .collect();
    if names.len() > SHOWN {
        texts.push(format!("and {} more", names.len() - SHOWN));
    }
    texts.join(", ")
}

/// The lines of a file, with those joined that end in a backslash, and without comments.
fn logical_lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut open: Option<String> = None;
    for line in text.lines() {
        // A comment between continued lines is skipped, as by systemd.
        if line.trim_start().starts_with(['#', ';']) {
            continue;
        }
        let mut whole = open.take().unwrap_or_default();
        match line.strip_suffix('\\') {
            Some(begun) => {
                whole.push_str(begun);
                whole.push(' ');
                open = Some(whole);
            }
            None => {
                whole.push_str(line);
                lines.push(whole);
            }
        }
    }
    lines.extend(open);
    lines
}

/// What a backslash does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Escapes {
    /// It keeps the next character: in files of variables.
    Plain,
    /// It begins an escape of C, or `\s` for a blank: in units (systemd.syntax(7), "Quoting").
    OfC,
}

/// The character that an escape of C stands for, behind its backslash; `None` if there is none, and then nothing is taken of `rest`.
fn escaped(rest: &mut std::str::Chars<'_>) -> Option<char> {
    let mut ahead = rest.clone();
    let (digits, radix) = match ahead.next()? {
        'a' => return taken(rest, '\x07'),
        'b' => return taken(rest, '\x08'),
        'f' => return taken(rest, '\x0c'),
        'n' => return taken(rest, '\n'),
        'r' => return taken(rest, '\r'),
        't' => return taken(rest, '\t'),
        'v' => return taken(rest, '\x0b'),
        's' => return taken(rest, ' '),
        'x' => (2, 16),
        'u' => (4, 16),
        'U' => (8, 16),
        '0'..='7' => {
            ahead = rest.clone();
            (3, 8)
        }
        _ => return None,
    };
    let mut code = 0;
    for _ in 0..digits {
        code = code * radix + ahead.next()?.to_digit(radix)?;
    }
    // A number below 256 is a byte; flags have none beyond ASCII.
    let found = char::from_u32(code)?;
    *rest = ahead;
    Some(found)
}

fn taken(rest: &mut std::str::Chars<'_>, found: char) -> Option<char> {
    rest.next();
    Some(found)
}

/// The words of a value: quotes hold blanks together and are removed, a backslash begins an escape or keeps the next character.
fn words(value: &str, escapes: Escapes) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted: Option<char> = None;
    let mut rest = value.chars();
    while let Some(c) = rest.next() {
        match (c, quoted) {
            ('\\', _) => {
                let found = match escapes {
                    Escapes::OfC => escaped(&mut rest),
                    Escapes::Plain => None,
                };
                let next = found.or_else(|| rest.next());
                word.get_or_insert_default().extend(next);
            }
            (c, Some(open)) if c == open => quoted = None,
            ('\'' | '"', None) => {
                quoted = Some(c);
                word.get_or_insert_default();
            }
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use kubeplan_bundle::check::CheckKind;

    use super::super::testing::Host;
    use super::*;

    const ETC: &str = "/etc/systemd/system/kubelet.service.d";
    const USR: &str = "/usr/lib/systemd/system/kubelet.service.d";

    /// The drop-in of the package.
    const PACKAGE: &str = "# Note: This dropin only works with kubeadm\n[Service]\nEnvironment=\"KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/boot.conf --kubeconfig=/kube.conf\"\nEnvironment=\"KUBELET_CONFIG_ARGS=--config=/config.yaml\"\nEnvironmentFile=-/flags.env\nEnvironmentFile=-/etc/default/kubelet\nExecStart=\nExecStart=/usr/bin/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS\n";

    fn check() -> ServiceFlags {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        ServiceFlags {
            drop_ins: [ETC, USR].map(|path| path.parse().unwrap()).to_vec(),
            expected: texts(&["10-kubeadm.conf"]),
            variable_files: ["/etc/default/kubelet", "/etc/conf.d/kubelet"]
                .map(|path| path.parse().unwrap())
                .to_vec(),
            variables: texts(&["KUBELET_", "command_args"]),
            planned: texts(&[
                "--bootstrap-kubeconfig=/boot.conf",
                "--kubeconfig=/kube.conf",
                "--config=/config.yaml",
            ]),
            consequence: "they can win".into(),
        }
    }

    fn told(host: &Host) -> Vec<String> {
        let found = host.look(&CheckKind::from(check())).unwrap();
        found
            .into_iter()
            .map(|finding| match finding {
                Finding::AsPlanned(message) => message,
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn what_packages_bring_is_no_finding() {
        let host = Host::new();
        assert_eq!(told(&host), [""; 0]);
        host.write(&format!("{USR}/10-kubeadm.conf"), PACKAGE);
        host.write("/etc/default/kubelet", "# flags\nKUBELET_EXTRA_ARGS=\n");
        host.write(
            "/etc/conf.d/kubelet",
            "command_args=\"--bootstrap-kubeconfig=/boot.conf --kubeconfig /kube.conf --config=/config.yaml\"\n",
        );
        host.write(&format!("{ETC}/README"), "ExecStart=/x --y\n");
        host.write(
            &format!("{ETC}/50-limits.conf"),
            "[Service]\nLimitNOFILE=1\nEnvironment=HTTPS_PROXY=--x\n[Unit]\nExecStart=/x --y\n",
        );
        host.link(&format!("{ETC}/60-masked.conf"), "/dev/null");
        host.directory(&format!("{ETC}/70-directory.conf"));
        assert_eq!(told(&host), [""; 0]);
    }

    #[test]
    fn flags_are_named_with_their_file_and_without_their_values() {
        let host = Host::new();
        host.write(
            "/etc/default/kubelet",
            "KUBELET_EXTRA_ARGS=\"--node-ip=10.9.9.9 \\\n  --container-runtime remote\"\n",
        );
        host.write(
            &format!("{ETC}/20-old.conf"),
            "[Service]\nEnvironment='KUBELET_KUBEADM_ARGS=--hostname-override=old -v 4' OTHER=--no\n",
        );
        host.write(
            &format!("{ETC}/30-start.conf"),
            "[Service]\nEnvironmentFile=/secret.env\nExecStart=\nExecStart=/opt/kubelet --v=2 --config=/config.yaml\n",
        );
        host.write(
            &format!("{USR}/10-kubeadm.conf"),
            &PACKAGE.replace("--config=/config.yaml", "--config=/other.yaml"),
        );
        let told = told(&host);
        let root = host.root().absolute();
        let expected = [
            format!(
                "{ETC}/20-old.conf sets the flags --hostname-override, -v in KUBELET_KUBEADM_ARGS: they can win; if it is not wanted, remove it with `rm -- {root}{ETC}/20-old.conf`"
            ),
            format!(
                "{ETC}/30-start.conf sets ExecStart, sets the flags --v, reads variables from /secret.env: they can win; if it is not wanted, remove it with `rm -- {root}{ETC}/30-start.conf`"
            ),
            format!(
                "{USR}/10-kubeadm.conf sets the flags --config in KUBELET_CONFIG_ARGS: they can win; if it is not wanted, remove it with `rm -- {root}{USR}/10-kubeadm.conf`"
            ),
            format!(
                "/etc/default/kubelet sets the flags --node-ip, --container-runtime in KUBELET_EXTRA_ARGS: they can win; if they are not wanted, remove them in {root}/etc/default/kubelet with an editor, and leave the rest of their lines"
            ),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_word_that_may_be_a_value_is_not_shown() {
        for (text, shown) in [
            (
                "KUBELET_TOKEN='--bearer -s3cr3t'\n",
                "sets the flags --bearer and others in",
            ),
            ("KUBELET_TOKEN=-s3cr3t\n", "sets flags in KUBELET_TOKEN"),
            ("KUBELET_TOKEN=--S3cr3t\n", "sets flags in KUBELET_TOKEN"),
            ("KUBELET_EXTRA_ARGS='-v 4'\n", "sets the flags -v in"),
        ] {
            let host = Host::new();
            host.write("/etc/default/kubelet", text);
            let told = told(&host).join("\n");
            assert!(told.contains(shown), "{text}: {told}");
            assert!(!told.to_lowercase().contains("s3cr3t"), "{text}: {told}");
        }
    }

    #[test]
    fn a_variable_is_removed_by_command_only_if_its_line_has_nothing_else() {
        let with_command = "remove them with `sed -i -e '/^[[:space:]]*KUBELET_EXTRA_ARGS=/d' -- ";
        let with_editor = " with an editor, and leave the rest of their lines";
        for (text, way) in [
            ("KUBELET_EXTRA_ARGS=--node-ip=10.9.9.9\n", with_command),
            ("KUBELET_EXTRA_ARGS='--v=9'\nOTHER=\"--x\"\n", with_command),
            ("KUBELET_EXTRA_ARGS=\"--v=9 \\\n --x\"\n", with_editor),
            ("KUBELET_EXTRA_ARGS=\"--v=9\n --x\"\n", with_editor),
            (
                "KUBELET_EXTRA_ARGS='--config=/config.yaml --v=9'\n",
                with_editor,
            ),
        ] {
            let host = Host::new();
            host.write("/etc/default/kubelet", text);
            let told = told(&host);
            assert_eq!(told.len(), 1, "{text}: {told:?}");
            assert!(told[0].contains(way), "{text}: {told:?}");
        }
    }

    #[test]
    fn a_file_hides_those_of_its_name_that_systemd_prefers_less() {
        let mut host = Host::new();
        let flags = "[Service]\nEnvironment=KUBELET_EXTRA_ARGS=--v=9\n";
        host.write(&format!("{USR}/10-kubeadm.conf"), flags);
        assert_eq!(told(&host).len(), 1);
        host.files
            .insert(format!("{ETC}/10-kubeadm.conf"), PACKAGE.into());
        assert_eq!(told(&host), [""; 0], "the plan's own hides it");
        host.files.clear();
        host.write(&format!("{ETC}/10-kubeadm.conf"), PACKAGE);
        assert_eq!(told(&host), [""; 0]);
        host.write(&format!("{ETC}/10-kubeadm.conf"), flags);
        assert_eq!(told(&host).len(), 1);
    }

    #[test]
    fn flags_in_escapes_of_systemd_and_in_exports_of_a_shell_are_found() {
        let host = Host::new();
        host.write(
            &format!("{ETC}/20-escapes.conf"),
            "[Service]\nEnvironment=\"KUBELET_EXTRA_ARGS=\\x2d\\x2dnode-ip=10.9.9.9\\s--v=9\"\n",
        );
        let exported = "export OTHER=1 KUBELET_EXTRA_ARGS='--max-pods=5 --v=9' command_args=\n";
        host.write("/etc/conf.d/kubelet", exported);
        // systemd does not know `export`.
        host.write("/etc/default/kubelet", exported);
        let told = told(&host);
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].contains("the flags --node-ip, --v in KUBELET_EXTRA_ARGS"));
        assert!(
            told[1].starts_with(
                "/etc/conf.d/kubelet sets the flags --max-pods, --v in KUBELET_EXTRA_ARGS"
            ) && told[1].contains("with an editor"),
            "{}",
            told[1]
        );
    }

    #[test]
    fn more_drop_ins_than_are_read_are_told() {
        let host = Host::new();
        for number in 0..MAX_FILES {
            host.write(&format!("{ETC}/{number:04}.conf"), "");
        }
        assert_eq!(told(&host), [""; 0]);
        host.write(&format!("{ETC}/more.conf"), "");
        let told = told(&host);
        let [told] = told.as_slice() else {
            panic!("{told:?}");
        };
        let start = format!("{ETC} has 1001 drop-ins, of which 1000 were looked at: they can win;");
        assert!(told.starts_with(&start), "{told}");
    }

    #[test]
    fn foreign_text_is_bounded() {
        let host = Host::new();
        let mut text = "[Service]\nExecStart=/x".to_owned();
        for number in 0..20_000 {
            text.push_str(&format!(" --f{number}"));
        }
        host.write(&format!("{ETC}/a.conf"), &text);
        let told = told(&host);
        assert!(told[0].len() < 600, "{}", told[0].len());
        assert!(told[0].contains("--f11, and 188 more"), "{}", told[0]);
        host.write(&format!("{ETC}/a.conf"), &"x".repeat(300 * 1024));
        assert!(host.look(&CheckKind::from(check())).is_err());
        host.remove(&format!("{ETC}/a.conf"));
        host.fifo(&format!("{ETC}/a.conf"));
        assert_eq!(super::super::passed(), host.look(&CheckKind::from(check())));
    }

    #[test]
    fn words_and_lines_are_those_of_systemd() {
        assert_eq!(
            words(r#" a 'b c' "d 'e" f\ g h"i"j '' "#, Escapes::Plain),
            ["a", "b c", "d 'e", "f g", "hij", ""]
        );
        assert_eq!(words("'open a", Escapes::Plain), ["open a"]);
        for (text, of_c, plain) in [
            (
                r"\x2d\055\u002dv\U0000003d9",
                "---v=9",
                "x2d055u002dvU0000003d9",
            ),
            (r"a\sb\tc", "a b\tc", "asbtc"),
            // What is not an escape keeps the next character.
            (r"\x2 \q\", "x2", "x2"),
            (r"\'a\\", r"'a\", r"'a\"),
            (r"\UFFFFFFFF", "UFFFFFFFF", "UFFFFFFFF"),
        ] {
            assert_eq!(words(text, Escapes::OfC)[0], of_c, "{text}");
            assert_eq!(words(text, Escapes::Plain)[0], plain, "{text}");
        }
        assert_eq!(
            logical_lines("a \\\n# comment\n b\n; c\nd\\"),
            ["a   b", "d "]
        );
    }
}
