//! Redaction: what the twins look like, what is refused, and that no secret survives.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

const KUBECONFIG: &str = "\
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: LS0tLS1DRVJU
    server: https://10.0.0.1:6443
  name: kubernetes
contexts:
- context:
    cluster: kubernetes
    user: kubernetes-admin
  name: kubernetes-admin@kubernetes
current-context: kubernetes-admin@kubernetes
kind: Config
preferences: {}
users:
- name: kubernetes-admin
  user:
    client-certificate-data: LS0tLS1DRVJURQ==
    client-key-data: LS0tLS1CRUdJTiBSU0E=
    token: \"abcdef.0123456789abcdef\"
    exec:
      apiVersion: client.authentication.k8s.io/v1
      args:
      - --password=hunter2hunter2
      env:
      - name: PASSWORD
        value: hunter3hunter3
";

const KUBECONFIG_TWIN: &str = "\
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: LS0tLS1DRVJU
    server: https://10.0.0.1:6443
  name: kubernetes
contexts:
- context:
    cluster: kubernetes
    user: kubernetes-admin
  name: kubernetes-admin@kubernetes
current-context: kubernetes-admin@kubernetes
kind: Config
preferences: {}
users:
- name: kubernetes-admin
  user:
    client-certificate-data: LS0tLS1DRVJURQ==
    client-key-data: <sealed>
    token: <sealed>
    exec:
      apiVersion: <sealed>
      args:
      - <sealed>
      env:
      - name: <sealed>
        value: <sealed>
";

const SECRET: &str = "\
apiVersion: v1
data:
  token-id: YWJjZGVm
  token-secret: MDEyMzQ1Njc4OWFiY2RlZg==
  expiration: <hole:token-expiry>
  .dockerconfigjson: e30=
stringData:
  usage: \"true\"
kind: Secret
metadata:
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: '{\"data\":{\"x\":\"MDEyMzQ1\"}}'
  labels:
    app.kubernetes.io/name: kubeplan
  name: bootstrap-token-abcdef
  namespace: kube-system
  ownerReferences:
  - apiVersion: v1
    controller: true
    kind: Secret
    name: bootstrap-token-abcdef
    uid: <hole:owner-uid>
type: bootstrap.kubernetes.io/token
";

const SECRET_TWIN: &str = "\
apiVersion: v1
data:
  token-id: YWJjZGVm
  token-secret: <sealed>
  expiration: <hole:token-expiry>
  .dockerconfigjson: <sealed>
stringData:
  usage: <sealed>
kind: Secret
metadata:
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: <sealed>
  labels:
    app.kubernetes.io/name: kubeplan
  name: bootstrap-token-abcdef
  namespace: kube-system
  ownerReferences:
  - apiVersion: v1
    controller: true
    kind: Secret
    name: bootstrap-token-abcdef
    uid: <hole:owner-uid>
type: bootstrap.kubernetes.io/token
";

fn text(class: SecretClass, plaintext: &str) -> Result<String, RedactError> {
    twin(class, plaintext.as_bytes()).map(|bytes| String::from_utf8(bytes).unwrap())
}

#[test]
fn twins_keep_the_structure_and_lose_the_secrets() {
    let key = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    let key_twin = "-----BEGIN RSA PRIVATE KEY-----\n<sealed>\n-----END RSA PRIVATE KEY-----\n";
    let ec = "-----BEGIN EC PARAMETERS-----\nBggq\n-----END EC PARAMETERS-----\n-----BEGIN EC PRIVATE KEY-----\nMHcC\n-----END EC PRIVATE KEY-----";
    let ec_twin = "-----BEGIN EC PARAMETERS-----\n<sealed>\n-----END EC PARAMETERS-----\n-----BEGIN EC PRIVATE KEY-----\n<sealed>\n-----END EC PRIVATE KEY-----\n";
    let cases = [
        (SecretClass::PrivateKey, key, key_twin),
        (SecretClass::PrivateKey, ec, ec_twin),
        (SecretClass::Kubeconfig, KUBECONFIG, KUBECONFIG_TWIN),
        (SecretClass::SecretObject, SECRET, SECRET_TWIN),
        (SecretClass::Opaque, "any\u{0}thing", "<sealed>\n"),
    ];
    for (class, plaintext, expected) in cases {
        assert_eq!(text(class, plaintext).unwrap(), expected, "{class:?}");
    }
    let windows = key.replace('\n', "\r\n");
    assert_eq!(text(SecretClass::PrivateKey, &windows).unwrap(), key_twin);
}

#[test]
fn a_list_may_be_indented_or_not() {
    let indented = "users:\n  - name: x\n    user:\n      token: abcdefghij\n";
    assert_eq!(
        text(SecretClass::Kubeconfig, indented).unwrap(),
        "users:\n  - name: x\n    user:\n      token: <sealed>\n"
    );
}

#[test]
fn private_key_files_with_anything_else_are_refused() {
    for bad in [
        "",
        "\n",
        "MIIE\n",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END EC PRIVATE KEY-----\n",
        "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----\n",
        "-----BEGIN EC PARAMETERS-----\nBggq\n-----END EC PARAMETERS-----\n",
        "comment\n-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n",
        "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\ncomment\n",
        "-----BEGIN hunter2 PRIVATE KEY-----\nMIIE\n-----END hunter2 PRIVATE KEY-----\n",
    ] {
        let error = text(SecretClass::PrivateKey, bad).unwrap_err();
        assert_eq!(error.reason, Reason::Pem, "{bad}");
        assert!(!error.to_string().contains("hunter2"));
    }
    assert!(twin(SecretClass::PrivateKey, b"\xff").is_err());
}

#[test]
fn places_where_a_secret_could_hide_are_refused() {
    use Reason as R;
    let control = "users:\n- name: x\n  user:\n    token: hunter2hunter2\n";
    assert!(text(SecretClass::Kubeconfig, control).is_ok());
    let cases: &[(&str, usize, R)] = &[
        ("a: |\n  hunter2\n", 1, R::Value),
        ("a: >-\n  hunter2\n", 1, R::Value),
        ("a: {token: hunter2}\n", 1, R::Value),
        ("a: [hunter2]\n", 1, R::Value),
        ("{\"token\": \"hunter2\"}\n", 1, R::Shape),
        ("\"token\": hunter2\n", 1, R::Shape),
        ("'token': hunter2\n", 1, R::Shape),
        ("? token\n: hunter2\n", 1, R::Shape),
        ("a: &x hunter2\n", 1, R::Value),
        ("a: *x\n", 1, R::Value),
        ("a: !!str hunter2\n", 1, R::Value),
        ("# hunter2\n", 1, R::Shape),
        ("kind: Config # hunter2\n", 1, R::Value),
        ("---\nkind: Config\n", 1, R::Shape),
        ("kind: Config\n...\nhunter2\n", 2, R::Shape),
        ("%YAML 1.2\n", 1, R::Shape),
        ("hunter2\n", 1, R::Shape),
        ("kind: Config\n  hunter2\n", 2, R::Shape),
        ("kind: Config\n  token: hunter2\n", 2, R::Indentation),
        ("kind: Config\n  - hunter2\n", 2, R::Indentation),
        ("kind: \"Config\n  hunter2\"\n", 1, R::Value),
        ("kind: 'Config\n  hunter2'\n", 1, R::Value),
        ("kind: \"Config\\\"\n", 1, R::Value),
        ("kind: \"Con\"fig\"\n", 1, R::Value),
        ("kind: 'Con'fig'\n", 1, R::Value),
        ("kind: a: hunter2\n", 1, R::Value),
        ("kind: - hunter2\n", 1, R::Value),
        ("users:\n- - hunter2\n", 2, R::Value),
        ("users:\n  name: x\n    user: hunter2\n", 3, R::Indentation),
        ("users:\n    name: x\n  user: hunter2\n", 3, R::Indentation),
        ("  kind: Config\n", 1, R::Indentation),
        ("kind: Config \n", 1, R::Shape),
        ("kind:  Config\n", 1, R::Shape),
        ("\n", 1, R::Shape),
        ("kind:\tConfig\n", 1, R::Characters),
        ("kind: Config\r\n", 1, R::Characters),
        ("kind: Config\u{85}token: hunter2\n", 1, R::Characters),
        ("kind: Config\u{2028}token: hunter2\n", 1, R::Characters),
        ("kind: Config", 1, R::Characters),
        ("", 1, R::Characters),
    ];
    for (input, line, reason) in cases {
        let error = text(SecretClass::Kubeconfig, input).unwrap_err();
        assert_eq!((error.line, error.reason), (*line, *reason), "{input}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    let deep: String = (0..40).map(|n| format!("{}a:\n", " ".repeat(n))).collect();
    assert_eq!(
        text(SecretClass::Kubeconfig, &deep).unwrap_err().reason,
        R::Indentation
    );
    let long = "a:\n".repeat(MAX_LINES + 1);
    assert_eq!(
        text(SecretClass::Kubeconfig, &long).unwrap_err(),
        RedactError {
            line: 0,
            class: "kubeconfig",
            reason: R::TooLarge
        }
    );
    let large = vec![b'\n'; MAX_SIZE + 1];
    assert_eq!(
        twin(SecretClass::Kubeconfig, &large).unwrap_err().reason,
        R::TooLarge
    );
}

#[test]
fn a_public_place_is_a_path_not_a_word() {
    // `name`, `server` and `kind` elsewhere than where a kubeconfig has them.
    for (input, expected) in [
        ("name: hunter2\n", "name: <sealed>\n"),
        ("users:\n- kind: hunter2\n", "users:\n- kind: <sealed>\n"),
        (
            "users:\n- name:\n    name: hunter2\n",
            "users:\n- name:\n    name: <sealed>\n",
        ),
        ("kind:\n- hunter2\n", "kind:\n- <sealed>\n"),
        (
            "clusters:\n  name: hunter2\n",
            "clusters:\n  name: <sealed>\n",
        ),
    ] {
        assert_eq!(text(SecretClass::Kubeconfig, input).unwrap(), expected);
    }
    let nested =
        "metadata:\n  labels:\n    a:\n      b: hunter2\n    c: shown\n    d:\n    - hunter2\n";
    assert_eq!(
        text(SecretClass::SecretObject, nested).unwrap(),
        "metadata:\n  labels:\n    a:\n      b: <sealed>\n    c: shown\n    d:\n    - <sealed>\n"
    );
}

#[test]
fn only_exact_placeholders_of_holes_are_shown() {
    let with = |value: &str| format!("data:\n  expiration: {value}\n");
    let shown = with("<hole:token-expiry>");
    assert_eq!(text(SecretClass::SecretObject, &shown).unwrap(), shown);
    for value in [
        "<hole:token-expiry>hunter2",
        "<hole:hunter2>",
        "\"<hole:token-expiry>\"",
        "hunter2<hole:token-expiry>",
    ] {
        assert_eq!(
            text(SecretClass::SecretObject, &with(value)).unwrap(),
            with("<sealed>"),
            "{value}"
        );
    }
}

#[test]
fn urls_with_credentials_and_escaped_values_are_sealed() {
    let with = |value: &str| format!("clusters:\n- cluster:\n    server: {value}\n");
    let public = with("https://[fd00::1]:6443");
    assert_eq!(text(SecretClass::Kubeconfig, &public).unwrap(), public);
    for value in [
        "https://user:hunter2@10.0.0.1",
        "https://10.0.0.1/?token=hunter2",
        "user:hunter2@10.0.0.1",
        "\"https:\\x2f\\x2fuser:hunter2\\x4010.0.0.1\"",
    ] {
        assert_eq!(
            text(SecretClass::Kubeconfig, &with(value)).unwrap(),
            with("<sealed>"),
            "{value}"
        );
    }
}

#[test]
fn a_secret_that_is_repeated_in_public_is_refused() {
    let with = |name: &str| {
        format!("users:\n- name: {name}\n  user:\n    token: abcdef.0123456789abcdef\n")
    };
    assert!(text(SecretClass::Kubeconfig, &with("admin")).is_ok());
    let error = text(
        SecretClass::Kubeconfig,
        &with("user-abcdef.0123456789abcdef-x"),
    )
    .unwrap_err();
    assert_eq!((error.line, error.reason), (2, Reason::Repeated));
    // A twin can be made of a twin.
    assert_eq!(
        text(SecretClass::Kubeconfig, KUBECONFIG_TWIN).unwrap(),
        KUBECONFIG_TWIN
    );
}

/// Every string of a YAML document with its place, found by a real YAML parser.
fn strings(value: &Value, path: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                strings(value, &format!("{path}/{key}"), found);
            }
        }
        Value::Array(items) => {
            for value in items {
                strings(value, &format!("{path}/-"), found);
            }
        }
        Value::String(text) => found.push((path.trim_start_matches('/').to_owned(), text.clone())),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Ways to write a value, `%` being a recognisable text; some of them are traps.
const FORMS: &[&str] = &[
    "%",
    "\"%\"",
    "'%'",
    "|",
    "|-",
    ">-",
    "{token: %}",
    "[%, %]",
    "&a %",
    "*a",
    "!!str %",
    "% # %",
    "# %",
    "\"%",
    "%\"",
    "'%",
    "%'",
    "",
    "- %",
    "? %",
    "%: %",
    "\"%\\\"",
    "'%''%'",
    "\"a\\\"%\"",
    "https://%@host",
    "{}",
    "%\u{2028}%",
    "~",
];

/// Whole lines to slip in.
const LINES: &[&str] = &[
    "%",
    "- %",
    "\"%",
    "%\"",
    "%'",
    "token: %",
    "name: %",
    "- name: %",
    "  %",
    "kind: %",
    "# %",
    "",
    "---",
    "...",
    "? token",
    ": %",
    "}",
    "]",
    "\"token\": %",
    "<<: {token: %}",
    "users:",
    "user:",
];

fn mutated(base: &'static str) -> impl Strategy<Value = String> {
    let count = base.lines().count();
    let change = (
        0..count,
        0..3_u8,
        0..FORMS.len(),
        0..LINES.len(),
        0..9_usize,
    );
    prop::collection::vec(change, 0..4).prop_map(move |changes| {
        let mut lines: Vec<String> = base.lines().map(ToOwned::to_owned).collect();
        for (number, (at, kind, form, line, indent)) in changes.into_iter().enumerate() {
            let marker = format!("M{number}ARKERMARKER");
            let at = at.min(lines.len() - 1);
            match kind {
                0 => {
                    if let Some((key, _)) = lines[at].clone().split_once(": ") {
                        lines[at] = format!("{key}: {}", FORMS[form].replace('%', &marker));
                    }
                }
                1 => lines.insert(
                    at,
                    format!(
                        "{}{}",
                        " ".repeat(indent),
                        LINES[line].replace('%', &marker)
                    ),
                ),
                _ => {
                    lines.remove(at);
                    if lines.is_empty() {
                        lines.push(String::new());
                    }
                }
            }
        }
        lines.join("\n") + "\n"
    })
}

/// Whatever a YAML parser finds in a place that is not public must not be in the twin.
fn no_secret_survives(class: SecretClass, public: &[&str], input: &str) {
    let Ok(twin) = text(class, input) else {
        return;
    };
    let Ok(document) = serde_yaml::from_str::<Value>(input) else {
        return;
    };
    let mut found = Vec::new();
    strings(&document, "", &mut found);
    for (path, value) in found {
        let is_public = public
            .iter()
            .any(|pattern| match pattern.strip_suffix('*') {
                Some(prefix) => path.starts_with(prefix),
                None => path == *pattern,
            });
        let repeats_a_public_word = value.len() < MIN_SEARCHED;
        assert!(
            is_public
                || repeats_a_public_word
                || value == PLACEHOLDER
                || is_hole(&value)
                || !twin.contains(&value),
            "{path} is shown\n{input}\n{twin}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_kubeconfig_secret_survives(input in mutated(KUBECONFIG)) {
        no_secret_survives(SecretClass::Kubeconfig, KUBECONFIG_PUBLIC, &input);
    }

    #[test]
    fn no_object_secret_survives(input in mutated(SECRET)) {
        no_secret_survives(SecretClass::SecretObject, SECRET_PUBLIC, &input);
    }

    #[test]
    fn values_written_by_a_serialiser_are_sealed(
        token in "[ -~]{8,60}",
        key in "[A-Za-z0-9+/=]{8,200}",
        name in "[a-z]{1,7}",
    ) {
        prop_assume!(!KUBECONFIG.contains(&token) && token.trim() == token && !KUBECONFIG.contains(&key));
        let document = serde_json::json!({
            "apiVersion": "v1", "kind": "Config",
            "users": [{"name": name, "user": {"client-key-data": key, "token": token}}],
        });
        let options = serde_yaml::ser_options! { folded_wrap_chars: usize::MAX };
        let plain = serde_yaml::to_string_with_options(&document, options).unwrap();
        let twin = text(SecretClass::Kubeconfig, &plain).unwrap();
        prop_assert!(!twin.contains(&token) && !twin.contains(&key), "{}\n{}", plain, twin);
        prop_assert!(twin.contains(&name));
    }

    #[test]
    fn any_bytes_give_a_twin_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for class in [SecretClass::PrivateKey, SecretClass::Kubeconfig, SecretClass::SecretObject, SecretClass::Opaque] {
            let _ = twin(class, &bytes);
        }
    }

    #[test]
    fn any_lines_give_a_twin_or_an_error(input in "([ -]{0,4}[a-z:'\"]{0,6}(: )?[ -~]{0,10}\n){0,12}") {
        no_secret_survives(SecretClass::Kubeconfig, KUBECONFIG_PUBLIC, &input);
    }
}
