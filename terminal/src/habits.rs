//! What users of kubeadm type, and what does the same here.
//!
//! In: the words of a command line that a program could not parse. Out: a hint with commands that it, or the other program, has.
//! Commands and flags are those of kubeadm v1.36.2 (cmd/kubeadm/app/cmd), and commands of one program that are typed to the other.

/// One thing that a user types.
#[derive(Debug)]
pub struct Habit {
    /// The words without the program's name: a command, perhaps with one flag.
    pub typed: &'static str,
    /// The commands to use instead, as they are typed; what is in capitals stands for a value.
    pub instead: &'static [&'static str],
    /// Why the commands differ, or what to do where there is no command; may be empty.
    pub why: &'static str,
}

impl Habit {
    /// The hint.
    #[must_use]
    pub fn hint(&self) -> String {
        let commands: Vec<String> = self
            .instead
            .iter()
            .map(|word| format!("`{word}`"))
            .collect();
        let commands = commands.join(", then ");
        match (self.why, commands.as_str()) {
            (why, "") => why.to_owned(),
            ("", commands) => format!("use {commands}"),
            (why, commands) => format!("{why}: use {commands}"),
        }
    }

    /// The command and the flag of what is typed.
    fn parts(&self) -> (Vec<&'static str>, Option<&'static str>) {
        let (flags, words): (Vec<_>, Vec<_>) = self
            .typed
            .split_whitespace()
            .partition(|word| word.starts_with('-'));
        (words, flags.first().copied())
    }

    /// Whether one of the commands to use begins with these words.
    fn leads_to(&self, program: &str, command: &[&str]) -> bool {
        self.instead.iter().any(|instead| {
            let mut words = instead.split_whitespace();
            words.next() == Some(program)
                && command
                    .iter()
                    .all(|expected| words.next() == Some(*expected))
        })
    }
}

const fn habit(typed: &'static str, instead: &'static [&'static str], why: &'static str) -> Habit {
    Habit {
        typed,
        instead,
        why,
    }
}

const PLAN: &str = "kubeplan plan -f FILE -o DIR";
const INSTALL: &str = "kubeapply install BUNDLE";
const JOIN: &str = "kubeapply join HOST:PORT --token-file FILE --discovery-token-ca-cert-hash PIN";
const IN_FILE: &str = "set this in a ClusterConfiguration in FILE";

/// Every habit. A command stands before its flags and after the longer commands that begin with it.
#[rustfmt::skip]
pub static HABITS: &[Habit] = &[
    // kubeadm init
    habit("init phase", &["kubeplan plan -f FILE -o DIR --phase NAME", "kubeapply install BUNDLE --phase NAME"], "kubeplan plans on any machine and kubeapply installs on the host"),
    habit("init", &[PLAN, INSTALL], "kubeplan plans on any machine and kubeapply installs on the host"),
    habit("init --skip-token-print", &["kubeapply install BUNDLE --skip-token-print"], ""),
    habit("init --skip-certificate-key-print", &["kubeapply install BUNDLE --skip-token-print"], "no command prints a certificate key"),
    habit("init --rootfs", &["kubeapply install BUNDLE --root DIR"], "only kubeapply writes to a host's tree"),
    habit("init --kubeconfig", &[INSTALL], "the steps use the admin.conf that the bundle installs"),
    // kubeadm join
    habit("join phase", &["kubeapply join HOST:PORT --token-file FILE --skip-phases PHASES"], "name the phases to skip"),
    habit("join", &[JOIN], "kubeapply joins a running cluster on the host"),
    habit("join --experimental-control-plane", &["kubeapply join HOST:PORT --control-plane"], ""),
    // kubeadm config
    habit("config images pull", &["kubeapply preflight BUNDLE --pull-images"], "the host's container runtime pulls images"),
    habit("config images list --kubernetes-version", &["kubeplan config images list -f FILE"], IN_FILE),
    habit("config images list --image-repository", &["kubeplan config images list -f FILE"], IN_FILE),
    habit("config images list --feature-gates", &["kubeplan config images list -f FILE"], IN_FILE),
    habit("config images list --output", &["kubeplan config images list -f FILE --format json"], ""),
    habit("config images list -o", &["kubeplan config images list -f FILE --format json"], ""),
    habit("config migrate --old-config", &["kubeplan config migrate -f FILE -o FILE"], ""),
    habit("config migrate --allow-experimental-api", &["kubeplan config migrate -f FILE -o FILE"], "kubeplan reads v1beta3 and v1beta4"),
    habit("config validate --allow-experimental-api", &["kubeplan validate -f FILE"], "kubeplan reads v1beta3 and v1beta4"),
    habit("config validate", &["kubeplan validate -f FILE"], ""),
    habit("config print reset-defaults", &["kubeapply reset"], "kubeapply reset takes flags and reads no ResetConfiguration"),
    habit("config print upgrade-defaults", &[], "kubeplan does not plan upgrades yet; `kubeadm upgrade` works on the cluster"),
    habit("config view", &[], "`kubectl -n kube-system get configmap kubeadm-config -o yaml` prints the configuration of a cluster"),
    // kubeadm certs, kubeconfig, token, upgrade, reset and the rest
    habit("certs check-expiration", &["kubeplan certs list -f FILE"], "the key store has the certificates"),
    habit("certs certificate-key", &["kubeplan plan -f FILE -o DIR --upload-certs"], "a plan makes its certificate key by itself"),
    habit("certs renew", &[], "kubeplan does not renew certificates yet; `kubeadm certs renew` works on the host"),
    habit("certs generate-csr --kubeconfig-dir", &["kubeplan certs generate-csr -f FILE -o DIR"], "requests of kubeconfigs lie beside the others"),
    habit("kubeconfig", &[], "kubeplan does not make kubeconfigs of users; `kubeadm kubeconfig user` works on a control-plane node"),
    habit("token generate", &[PLAN], "a plan makes a bootstrap token by itself if InitConfiguration has none"),
    habit("token create", &[], "set `bootstrapTokens` of InitConfiguration before a plan; `kubeadm token create` works on a running cluster"),
    habit("token", &[], "set `bootstrapTokens` of InitConfiguration before a plan; `kubeadm token` works on a running cluster"),
    habit("upgrade", &[], "kubeplan does not plan upgrades yet; `kubeadm upgrade` works on the cluster"),
    habit("reset phase", &["kubeapply reset --skip-phases remove-etcd-member"], "name the phases to skip"),
    habit("reset", &["kubeapply reset"], "kubeapply works on the host"),
    habit("reset --ignore-preflight-errors", &["kubeapply reset"], "reset has no check that could be ignored"),
    habit("version", &["kubeplan --version", "kubeapply --version"], ""),
    habit("--v", &[], "omit it: the programs always print what they do"),
    habit("-v", &[], "omit it: the programs always print what they do"),
    habit("--skip-preflight-checks", &["kubeapply install BUNDLE --ignore-preflight-errors NAMES"], ""),
    // The other program's commands
    habit("facts", &["kubeapply facts -o FILE"], "kubeapply works on the host"),
    habit("trust", &["kubeapply trust list"], "kubeapply works on the host"),
    habit("install", &[INSTALL], "kubeapply works on the host"),
    habit("apply", &[INSTALL], "kubeapply works on the host"),
    habit("discover", &["kubeapply discover HOST:PORT --token-file FILE -o FILE"], "kubeapply works on the host"),
    habit("status", &["kubeapply status"], "kubeapply works on the host"),
    habit("resume", &["kubeapply resume"], "kubeapply works on the host"),
    habit("confirm", &["kubeapply confirm"], "kubeapply works on the host"),
    habit("rollback", &["kubeapply rollback"], "kubeapply works on the host"),
    habit("plan", &[PLAN], "kubeplan plans"),
    habit("render", &["kubeplan render -f FILE -o DIR"], "kubeplan plans"),
    habit("validate", &["kubeplan validate -f FILE"], "kubeplan plans"),
    habit("config", &["kubeplan config migrate -f FILE", "kubeplan config images list -f FILE"], "kubeplan reads configurations"),
    habit("certs", &["kubeplan certs list -f FILE"], "kubeplan has the key store"),
    habit("pki", &["kubeplan pki import DIR --pki DIR"], "kubeplan has the key store"),
    habit("sign", &["kubeplan sign BUNDLE --key FILE"], "kubeplan signs"),
    habit("approve", &["kubeplan approve BUNDLE --key FILE"], "kubeplan signs"),
    habit("keygen", &["kubeplan keygen -o FILE"], "kubeplan signs"),
    // Flags of other commands of the same program
    habit("preflight --identity", &["kubeapply preflight BUNDLE"], "preflight opens no sealed content, so it needs no identity"),
    habit("verify --identity", &["kubeapply verify BUNDLE"], "verify opens no sealed content, so it needs no identity"),
    habit("show --identity", &["kubeapply show BUNDLE"], "show opens no sealed content, so it needs no identity"),
];

/// The hint for a command that `program` does not have: `words` are those before the first flag.
pub(crate) fn of_command(words: &[&str]) -> Option<String> {
    let fits = |habit: &&Habit| {
        let (command, flag) = habit.parts();
        flag.is_none() && !command.is_empty() && words.starts_with(&command)
    };
    let longest = |habit: &&Habit| habit.typed.len();
    HABITS
        .iter()
        .filter(fits)
        .max_by_key(longest)
        .map(Habit::hint)
}

/// The hint for a flag that `command` of `program` does not have: that of kubeadm's command of the same name, or of one for which
/// this command stands.
pub(crate) fn of_flag(program: &str, command: &[&str], flag: &str) -> Option<String> {
    let flag = flag.split('=').next().unwrap_or(flag);
    let rank = |habit: &&Habit| {
        let (words, known) = habit.parts();
        if known != Some(flag) {
            return None;
        }
        match words.as_slice() {
            words if words == command && !words.is_empty() => Some(0),
            [] => Some(1),
            _ if habit.leads_to(program, command) => Some(2),
            // `kubeplan plan` stands for `kubeadm init` as well.
            ["init"] if matches!(command, ["plan" | "render" | "validate" | "preflight"]) => {
                Some(3)
            }
            _ => None,
        }
    };
    let mut known: Vec<(i32, &Habit)> = HABITS
        .iter()
        .filter_map(|habit| Some((rank(&habit)?, habit)))
        .collect();
    known.sort_by_key(|(rank, _)| *rank);
    known.first().map(|(_, habit)| habit.hint())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_command_counts() {
        let hint = |typed: &str| {
            let words: Vec<&str> = typed.split_whitespace().collect();
            of_command(&words)
        };
        for (typed, part) in [
            (
                "init",
                "`kubeplan plan -f FILE -o DIR`, then `kubeapply install BUNDLE`",
            ),
            ("init phase certs all", "--phase NAME"),
            ("config images pull", "--pull-images"),
            ("upgrade apply v1.37.0", "`kubeadm upgrade`"),
        ] {
            let found = hint(typed).unwrap_or_default();
            assert!(found.contains(part), "{typed}: {found}");
        }
        assert_eq!(hint("nothing"), None);
        assert_eq!(hint(""), None);
    }

    #[test]
    fn a_flag_is_that_of_the_command_or_of_kubeadm_s_command_for_it() {
        for (program, command, flag, part) in [
            (
                "kubeplan",
                &["config", "migrate"][..],
                "--old-config=a",
                "`kubeplan config migrate -f FILE -o FILE`",
            ),
            (
                "kubeapply",
                &["preflight"],
                "--identity",
                "needs no identity",
            ),
            (
                "kubeplan",
                &["plan"],
                "--skip-token-print",
                "`kubeapply install BUNDLE --skip-token-print`",
            ),
            (
                "kubeplan",
                &["validate"],
                "--rootfs",
                "`kubeapply install BUNDLE --root DIR`",
            ),
            ("kubeplan", &["plan"], "--v=5", "omit it"),
        ] {
            let found = of_flag(program, command, flag).unwrap_or_default();
            assert!(found.contains(part), "{command:?} {flag}: {found}");
        }
        assert_eq!(of_flag("kubeplan", &["plan"], "--old-config"), None);
        assert_eq!(of_flag("kubeplan", &["keygen"], "--skip-token-print"), None);
    }

    #[test]
    fn no_row_stands_twice() {
        let mut typed: Vec<&str> = HABITS.iter().map(|habit| habit.typed).collect();
        typed.sort_unstable();
        let all = typed.len();
        typed.dedup();
        assert_eq!(typed.len(), all);
        for habit in HABITS {
            assert!(!habit.hint().is_empty(), "{}", habit.typed);
        }
    }
}
