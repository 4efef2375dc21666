//! Credentials that a program hands out (client-go credential plugins).
//!
//! In: the `exec` part of a user in a discovery file of this host. A program is found as client-go finds it: one without a `/` in its name
//! where programs are looked for (see [`crate::host::program`]: never in a relative entry of `PATH`, and as root only where no other user can
//! write), another one relative to the directory of the file. Out: a token, or a certificate with its key. The program
//! runs as the user who runs this one, because the file says so: a file from elsewhere names no program (see [`super::file`]). Its
//! environment says what to hand out, it has no input, and its standard output is not shown.

use std::time::Duration;

use kubeplan_bundle::secret::SecretBytes;
use serde_json::{Value, json};
use zeroize::Zeroize as _;

use super::cluster::text;
use super::error::DiscoveryError;
use crate::host::program::{Limit, Programs, Runner as _};
use crate::kubeadm::protocol::{EXEC_KIND, EXEC_VARIABLE, EXEC_VERSIONS};
use crate::net::json::Json;
use crate::net::kubeconfig::Proof;

/// How long the program may take.
const LIMIT: Limit = Limit::report(Duration::from_secs(60));

/// Bytes of its standard error that are shown.
const SHOWN: usize = 400;

/// Runs the program of `exec`; `directory` is where the file lies, which a program with a `/` in its name is relative to.
///
/// # Errors
/// [`DiscoveryError::Program`].
pub(super) fn credentials(exec: &Value, directory: &str) -> Result<Proof, DiscoveryError> {
    let program = text(exec, &["command"]);
    let failed = |reason: String| DiscoveryError::Program {
        program: program.to_owned(),
        reason,
    };
    let version = text(exec, &["apiVersion"]);
    if !EXEC_VERSIONS.contains(&version) {
        return Err(failed(format!(
            "it speaks `{}`; supported are {}",
            version.escape_debug(),
            EXEC_VERSIONS.join(" and ")
        )));
    }
    if program.is_empty() {
        return Err(failed("it has no command".to_owned()));
    }
    let path = absolute(program, directory);
    let words = |list: &str| -> Vec<&Value> {
        let list = exec.get(list).and_then(Value::as_array);
        list.into_iter().flatten().collect()
    };
    let arguments: Vec<&str> = words("args")
        .into_iter()
        .filter_map(Value::as_str)
        .collect();
    let mut variables: Vec<(String, String)> = words("env")
        .into_iter()
        .map(|item| {
            (
                text(item, &["name"]).to_owned(),
                text(item, &["value"]).to_owned(),
            )
        })
        .collect();
    let info = json!({"apiVersion": version, "kind": EXEC_KIND, "spec": {"interactive": false}});
    variables.push((EXEC_VARIABLE.to_owned(), info.to_string()));
    let mut said = Programs::SearchPath
        .run_with(&path, &arguments, &variables, LIMIT)
        .map_err(|error| failed(error.to_string()))?;
    let answer = Json::parse(said.stdout.as_bytes());
    said.stdout.zeroize();
    if !said.success() {
        let shown: String = said.stderr.trim().chars().take(SHOWN).collect();
        let shown = shown.replace('\n', "; ");
        return Err(failed(format!("it failed: {shown}")));
    }
    let answer = answer.map_err(|_| failed("what it printed is not JSON".to_owned()))?;
    if answer.text(["kind"]) != EXEC_KIND || answer.text(["apiVersion"]) != version {
        return Err(failed(format!(
            "what it printed is not an {EXEC_KIND} of {version}"
        )));
    }
    let secret = |name: &str| match answer.text(["status", name]) {
        "" => None,
        text => Some(SecretBytes::from_text(text.to_owned())),
    };
    match (
        secret("token"),
        secret("clientCertificateData"),
        secret("clientKeyData"),
    ) {
        (_, Some(chain), Some(key)) => Ok(Proof::Certificate { chain, key }),
        (Some(token), None, None) => Ok(Proof::Token(token)),
        _ => Err(failed(
            "it gave neither a token nor a certificate with its key".to_owned(),
        )),
    }
}

/// The part for a kubeconfig in another directory.
pub(super) fn moved(exec: &Value, directory: &str) -> Value {
    let mut moved = exec.clone();
    if let Some(command) = moved.get_mut("command") {
        *command = Value::from(absolute(text(exec, &["command"]), directory));
    }
    moved
}

/// A program's name as it is from anywhere: one without a `/` is looked for on the search path.
fn absolute(program: &str, directory: &str) -> String {
    if program.contains('/') && !program.starts_with('/') {
        format!("{directory}/{program}")
    } else {
        program.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exec(script: &str) -> Result<Proof, String> {
        let exec = json!({"apiVersion": EXEC_VERSIONS[0], "command": "sh", "args": ["-c", script],
            "env": [{"name": "ANSWER", "value": "hunter2"}]});
        credentials(&exec, "/").map_err(|error| error.to_string())
    }

    /// What prints a document with this status.
    fn prints(status: &str) -> String {
        format!(
            "printf '{{\"apiVersion\":\"{}\",\"kind\":\"{EXEC_KIND}\",\"status\":{status}}}' \"$ANSWER\"",
            EXEC_VERSIONS[0]
        )
    }

    #[test]
    fn a_program_gives_a_token_or_a_certificate() {
        let Proof::Token(token) = exec(&prints("{\"token\":\"%s\"}")).unwrap() else {
            panic!("no token");
        };
        assert_eq!(token.expose(), b"hunter2");
        let both = prints("{\"clientCertificateData\":\"c\",\"clientKeyData\":\"%s\"}");
        let Proof::Certificate { chain, key } = exec(&both).unwrap() else {
            panic!("no certificate");
        };
        assert_eq!((chain.expose(), key.expose()), (&b"c"[..], &b"hunter2"[..]));
        let told =
            format!("echo \"${EXEC_VARIABLE}\" | grep -q '\"interactive\":false' || exit 1; ");
        assert!(exec(&format!("{told}{}", prints("{\"token\":\"t\"}"))).is_ok());
    }

    #[test]
    fn a_program_is_the_same_from_another_directory() {
        for (command, expected) in [
            ("login", "login"),
            ("/bin/login", "/bin/login"),
            ("bin/login", "/home/a/bin/login"),
        ] {
            let exec = json!({"command": command, "args": ["x"]});
            assert_eq!(
                moved(&exec, "/home/a"),
                json!({"command": expected, "args": ["x"]})
            );
        }
    }

    #[test]
    fn a_program_that_fails_is_named_and_its_output_is_not_shown() {
        for (script, expected) in [
            (
                "echo no >&2; echo hunter2; exit 3".to_owned(),
                "it failed: no",
            ),
            ("echo hunter2".to_owned(), "not JSON"),
            (
                "echo '{\"kind\":\"hunter2\"}'".to_owned(),
                "is not an ExecCredential",
            ),
            (prints("{}"), "neither a token"),
            (prints("{\"clientKeyData\":\"%s\"}"), "neither a token"),
        ] {
            let error = exec(&script).err().unwrap();
            assert!(error.contains(expected), "{error}");
            assert!(
                !error.contains("hunter2") && error.contains("`sh`"),
                "{error}"
            );
        }
        let other = json!({"apiVersion": "v1alpha1", "command": "sh"});
        assert!(credentials(&other, "/").is_err());
        let none = json!({"apiVersion": EXEC_VERSIONS[0]});
        assert!(credentials(&none, "/").is_err());
    }
}
