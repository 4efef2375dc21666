//! Redacted twins: the public text of a secret, with the secret values replaced by `<sealed>`.
//!
//! In: the class of a secret and its plaintext. Out: the twin, the same on every machine. There is no YAML parser here, on
//! purpose: the text is read line by line, only the plain block style that our own serialiser writes is accepted, and what
//! a reader could take for anything else (block scalars, flow collections, quoted keys, anchors, tags, comments, values
//! over several lines) is refused. A value is shown only if its *place* is on the list of public places; every other value
//! is replaced, so a field nobody thought of is sealed, not shown. Placeholders of holes are constants and stay. At last the twin is searched for the values that were
//! replaced: text that repeats a secret in a public place is refused.
//!
//! What stays visible of a secret: the names of keys, the number and order of lines, the labels of PEM blocks.

use std::collections::BTreeSet;

use crate::index::{SecretClass, hole};

/// What stands for a secret value.
pub const PLACEHOLDER: &str = "<sealed>";

/// The largest text that is redacted, in bytes.
pub const MAX_SIZE: usize = 4 * 1024 * 1024;

/// The most lines of a YAML text that is redacted.
pub const MAX_LINES: usize = 10_000;

/// A replaced value at least this long must not appear elsewhere in the twin, in bytes. Shorter ones (`true`, `0`) do so
/// by chance.
const MIN_SEARCHED: usize = 8;

/// How deep a text may nest.
const MAX_DEPTH: usize = 16;

/// Why no twin can be made. Never holds any of the text.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("line {line} of a secret of class `{class}` cannot be redacted: {reason}")]
pub struct RedactError {
    /// The line's number, from 1; 0 for the text as a whole.
    pub line: usize,
    /// The class.
    pub class: &'static str,
    /// What stands in the way.
    pub reason: Reason,
}

/// What stands in the way of a twin.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// Larger than [`MAX_SIZE`], or more lines than [`MAX_LINES`].
    #[error("the text is larger than {MAX_SIZE} bytes or {MAX_LINES} lines")]
    TooLarge,
    /// Bytes that could hide a line break, or do not belong in text.
    #[error(
        "only printable ASCII and line feeds are accepted, and the last line ends with a line feed"
    )]
    Characters,
    /// Not `key: value`, `key:`, `- key: value` or `- value`.
    #[error(
        "expected `key: value` with a plain key; comments, documents markers, anchors, tags and quoted keys are refused"
    )]
    Shape,
    /// A value that does not end on its line, or is no plain or quoted text.
    #[error("the value is not a plain or quoted text on one line")]
    Value,
    /// Indentation that does not follow from the lines before.
    #[error("the indentation does not fit the lines above")]
    Indentation,
    /// A replaced value is shown in a public place.
    #[error("a sealed value is repeated in a public place")]
    Repeated,
    /// Not a PEM private key.
    #[error("expected PEM private key blocks and nothing else")]
    Pem,
}

/// The redacted twin of `plaintext`.
///
/// # Errors
/// [`RedactError`] if the text is not in the form in which redaction is known to be complete.
pub fn twin(class: SecretClass, plaintext: &[u8]) -> Result<Vec<u8>, RedactError> {
    let name = class_name(class);
    let fail = |(line, reason)| RedactError {
        line,
        class: name,
        reason,
    };
    match class {
        SecretClass::PrivateKey => pem(plaintext),
        SecretClass::Kubeconfig => {
            plain_text(plaintext).and_then(|text| yaml(text, KUBECONFIG_PUBLIC))
        }
        SecretClass::SecretObject => {
            plain_text(plaintext).and_then(|text| yaml(text, SECRET_PUBLIC))
        }
        SecretClass::Opaque => Ok(format!("{PLACEHOLDER}\n")),
    }
    .map(String::into_bytes)
    .map_err(fail)
}

fn class_name(class: SecretClass) -> &'static str {
    match class {
        SecretClass::PrivateKey => "private-key",
        SecretClass::Kubeconfig => "kubeconfig",
        SecretClass::SecretObject => "secret-object",
        SecretClass::Opaque => "opaque",
    }
}

type Failure = (usize, Reason);

/// Printable ASCII in lines. Refuses every other line break that YAML knows (CR, NEL, LS, PS) and tabs.
fn plain_text(bytes: &[u8]) -> Result<&str, Failure> {
    if bytes.len() > MAX_SIZE {
        return Err((0, Reason::TooLarge));
    }
    let mut line = 1;
    for byte in bytes {
        match byte {
            b'\n' => line += 1,
            0x20..=0x7e => {}
            _ => return Err((line, Reason::Characters)),
        }
    }
    if line > MAX_LINES {
        return Err((0, Reason::TooLarge));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) if text.ends_with('\n') => Ok(text),
        _ => Err((line, Reason::Characters)),
    }
}

/// PEM labels that a private key file may have.
const PEM_LABELS: &[&str] = &[
    "PRIVATE KEY",
    "RSA PRIVATE KEY",
    "EC PRIVATE KEY",
    "EC PARAMETERS",
    "ENCRYPTED PRIVATE KEY",
    "OPENSSH PRIVATE KEY",
];

/// The blocks with their bodies replaced. The twin consists of constants only.
fn pem(bytes: &[u8]) -> Result<String, Failure> {
    let text = std::str::from_utf8(bytes)
        .ok()
        .filter(|text| text.len() <= MAX_SIZE)
        .ok_or((0, Reason::Pem))?;
    let mut twin = String::new();
    let mut open: Option<&str> = None;
    for (position, line) in text.lines().enumerate() {
        let line = line.trim_end();
        let failure = (position + 1, Reason::Pem);
        match open {
            None if line.is_empty() => {}
            None => {
                let label = PEM_LABELS
                    .iter()
                    .find(|label| line == format!("-----BEGIN {label}-----"))
                    .ok_or(failure)?;
                twin.push_str(&format!("-----BEGIN {label}-----\n{PLACEHOLDER}\n"));
                open = Some(label);
            }
            Some(label) if line == format!("-----END {label}-----") => {
                twin.push_str(&format!("-----END {label}-----\n"));
                open = None;
            }
            // Base64 and the headers of an encrypted block; a nested BEGIN or END of another block is a damaged file.
            Some(_) if line.starts_with("-----") => return Err(failure),
            Some(_) => {}
        }
    }
    if open.is_some() || !twin.contains("PRIVATE KEY") {
        return Err((text.lines().count(), Reason::Pem));
    }
    Ok(twin)
}

/// Where a kubeconfig (client-go's `clientcmd/api/v1`) has values that are not secret. `-` is a list item.
const KUBECONFIG_PUBLIC: &[&str] = &[
    "apiVersion",
    "kind",
    "current-context",
    "clusters/-/name",
    "clusters/-/cluster/server",
    "clusters/-/cluster/certificate-authority",
    "clusters/-/cluster/certificate-authority-data",
    "clusters/-/cluster/tls-server-name",
    "clusters/-/cluster/insecure-skip-tls-verify",
    "clusters/-/cluster/disable-compression",
    "contexts/-/name",
    "contexts/-/context/cluster",
    "contexts/-/context/user",
    "contexts/-/context/namespace",
    "users/-/name",
    "users/-/user/client-certificate",
    "users/-/user/client-certificate-data",
    "users/-/user/client-key",
    "users/-/user/tokenFile",
    "users/-/user/username",
];

/// Where a Kubernetes Secret has values that are not secret. Annotations are not on the list: `kubectl apply` keeps a
/// copy of the data in one. Of a bootstrap token's data, who its bearer becomes and what for is shown: that is what a
/// reviewer approves.
const SECRET_PUBLIC: &[&str] = &[
    "apiVersion",
    "kind",
    "data/auth-extra-groups",
    "data/token-id",
    "data/usage-bootstrap-authentication",
    "data/usage-bootstrap-signing",
    "type",
    "immutable",
    "metadata/name",
    "metadata/namespace",
    "metadata/labels/*",
    "metadata/ownerReferences/-/apiVersion",
    "metadata/ownerReferences/-/blockOwnerDeletion",
    "metadata/ownerReferences/-/controller",
    "metadata/ownerReferences/-/kind",
    "metadata/ownerReferences/-/name",
    "metadata/ownerReferences/-/uid",
];

/// One line of block-style YAML.
struct Line<'a> {
    /// Column of the `- `, if there is one.
    item: Option<usize>,
    /// Column of the key or the scalar.
    column: usize,
    /// The key, if there is one.
    key: Option<&'a str>,
    /// The value as written; `None` after `key:`.
    value: Option<&'a str>,
}

/// What encloses a line.
struct Frame<'a> {
    /// Column of the key, or of the `- ` of a list item.
    column: usize,
    /// The key, or `-`.
    name: &'a str,
    /// Column of the children, once there is one.
    children: Option<usize>,
    /// Whether children may follow: a key without a value, or a list item.
    open: bool,
}

fn yaml(text: &str, public: &[&str]) -> Result<String, Failure> {
    let mut twin = String::with_capacity(text.len());
    let mut sealed = BTreeSet::new();
    let mut stack: Vec<Frame<'_>> = vec![Frame {
        column: 0,
        name: "",
        children: Some(0),
        open: true,
    }];
    for (position, raw) in text.lines().enumerate() {
        let fail = |reason| (position + 1, reason);
        let line = parse_line(raw).ok_or_else(|| fail(Reason::Shape))?;
        if let Some(column) = line.item {
            enter(&mut stack, column, "-", true).map_err(fail)?;
        }
        let name = line.key.unwrap_or("-scalar");
        enter(
            &mut stack,
            line.column,
            name,
            line.key.is_some() && line.value.is_none(),
        )
        .map_err(fail)?;
        let Some(value) = line.value else {
            twin.push_str(raw);
            twin.push('\n');
            continue;
        };
        let plain = scalar(value).ok_or_else(|| fail(Reason::Value))?;
        let path: Vec<&str> = stack.iter().skip(1).map(|frame| frame.name).collect();
        if plain.is_empty_collection || is_public(&path, public, value) || is_hole(value) {
            twin.push_str(raw);
        } else {
            if plain.text.len() >= MIN_SEARCHED && plain.text != PLACEHOLDER {
                sealed.insert(plain.text);
            }
            let kept = raw.len() - value.len();
            twin.push_str(raw.get(..kept).unwrap_or_default());
            twin.push_str(PLACEHOLDER);
        }
        twin.push('\n');
    }
    for (position, line) in twin.lines().enumerate() {
        if sealed.iter().any(|value| line.contains(value)) {
            return Err((position + 1, Reason::Repeated));
        }
    }
    Ok(twin)
}

/// Whether the value is the placeholder of a hole: a constant, which reviewers have to see.
fn is_hole(value: &str) -> bool {
    hole::PLACEHOLDERS.contains(&value)
}

/// Whether the value at `path` may be shown. A value written with escapes is not: they could hide what it says.
fn is_public(path: &[&str], public: &[&str], value: &str) -> bool {
    !value.contains('\\')
        && !has_credentials(path, value)
        && public.iter().any(|pattern| {
            let pattern: Vec<&str> = pattern.split('/').collect();
            pattern.len() == path.len()
                && pattern.iter().zip(path).all(|(expected, found)| {
                    expected == found || (*expected == "*" && *found != "-")
                })
        })
}

/// A URL can carry a user, a password or a token.
fn has_credentials(path: &[&str], value: &str) -> bool {
    let is_url = path.last() == Some(&"server") || value.contains("://");
    is_url && value.contains(['@', '?', '#'])
}

/// Finds the place of a line in the structure above it, and opens a frame for it.
fn enter<'a>(
    stack: &mut Vec<Frame<'a>>,
    column: usize,
    name: &'a str,
    open: bool,
) -> Result<(), Reason> {
    // A list may stand at the column of the key it belongs to.
    let closes = |frame: &Frame<'_>| {
        if name == "-" {
            frame.column > column || (frame.column == column && (frame.name == "-" || !frame.open))
        } else {
            frame.column >= column
        }
    };
    while stack.len() > 1 && stack.last().is_some_and(closes) {
        stack.pop();
    }
    if stack.len() > MAX_DEPTH {
        return Err(Reason::Indentation);
    }
    let parent = stack.last_mut().ok_or(Reason::Indentation)?;
    if !parent.open || *parent.children.get_or_insert(column) != column {
        return Err(Reason::Indentation);
    }
    stack.push(Frame {
        column,
        name,
        children: None,
        open,
    });
    Ok(())
}

fn parse_line(raw: &str) -> Option<Line<'_>> {
    let content = raw.trim_start_matches(' ');
    let indent = raw.len() - content.len();
    if content.is_empty() || content.ends_with(' ') {
        return None;
    }
    let (item, column, content) = match content.strip_prefix("- ") {
        Some(rest) => (Some(indent), indent + 2, rest),
        None => (None, indent, content),
    };
    if let Some((key, value)) = split_key(content) {
        return Some(Line {
            item,
            column,
            key: Some(key),
            value,
        });
    }
    // A list item that is a scalar; anything else must be `key: value`.
    item?;
    Some(Line {
        item,
        column,
        key: None,
        value: Some(content),
    })
}

/// Splits `key: value` or `key:`; `None` if there is no plain key.
fn split_key(content: &str) -> Option<(&str, Option<&str>)> {
    let (key, value) = match content.split_once(": ") {
        Some((key, value)) => (key, Some(value)),
        None => (content.strip_suffix(':')?, None),
    };
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/');
    let valid = key.bytes().all(plain) && key.bytes().next().is_some_and(|b| b != b'-');
    (valid && value.is_none_or(|value| !value.starts_with(' '))).then_some((key, value))
}

struct Scalar<'a> {
    /// What is between the quotes, or the plain text.
    text: &'a str,
    /// `{}` or `[]`.
    is_empty_collection: bool,
}

/// A plain scalar, or one in quotes that are closed at the end of the line.
fn scalar(value: &str) -> Option<Scalar<'_>> {
    if matches!(value, "{}" | "[]") {
        return Some(Scalar {
            text: "",
            is_empty_collection: true,
        });
    }
    let text = match value.as_bytes().first()? {
        b'"' => double_quoted(value)?,
        b'\'' => single_quoted(value)?,
        b'|' | b'>' | b'&' | b'*' | b'!' | b'{' | b'}' | b'[' | b']' | b'%' | b'@' | b'`'
        | b'#' | b',' => return None,
        b'-' | b'?' | b':' if value.as_bytes().get(1).is_none_or(|b| *b == b' ') => return None,
        _ if value.contains(": ") || value.ends_with(':') || value.contains(" #") => return None,
        _ => value,
    };
    Some(Scalar {
        text,
        is_empty_collection: false,
    })
}

fn double_quoted(value: &str) -> Option<&str> {
    let inner = value.strip_prefix('"')?.strip_suffix('"')?;
    let mut bytes = inner.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return None,
            // An escape takes the next character with it; a value ending in one escapes its closing quote.
            b'\\' => drop(bytes.next()?),
            _ => {}
        }
    }
    Some(inner)
}

fn single_quoted(value: &str) -> Option<&str> {
    let inner = value.strip_prefix('\'')?.strip_suffix('\'')?;
    // A quote inside is written twice.
    inner
        .split("''")
        .all(|part| !part.contains('\''))
        .then_some(inner)
}

#[cfg(test)]
mod tests;
