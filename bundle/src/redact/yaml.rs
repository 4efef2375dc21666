//! Twins of YAML documents, line by line.
//!
//! In: printable ASCII and the places of a class ([`Schema`]). Out: the twin. Only the plain block style that serialisers of Kubernetes'
//! objects write is accepted.

use std::collections::BTreeSet;

use super::schema::{ITEM, Place, Schema};
use super::{Failure, PLACEHOLDER, Reason, has_credentials, nothing_is_repeated};
use crate::index::hole;

/// How deep a text may nest.
const MAX_DEPTH: usize = 16;

/// Stands for a scalar that is a list item.
const SCALAR: &str = "-scalar";

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
    /// Whether the children are the items of a list, once there is one.
    list: Option<bool>,
    /// The keys of the children.
    keys: BTreeSet<&'a str>,
}

impl<'a> Frame<'a> {
    fn new(column: usize, name: &'a str, open: bool) -> Self {
        Self {
            column,
            name,
            children: None,
            open,
            list: None,
            keys: BTreeSet::new(),
        }
    }
}

/// The twin of a document of `schema`.
pub(super) fn twin(text: &str, schema: &Schema) -> Result<String, Failure> {
    let places = schema.places();
    let mut twin = String::with_capacity(text.len());
    let mut sealed = BTreeSet::new();
    let mut heads = 0;
    let mut stack = vec![Frame {
        children: Some(0),
        ..Frame::new(0, "", true)
    }];
    for (position, raw) in text.lines().enumerate() {
        let fail = |reason| (position + 1, reason);
        let line = parse_line(raw).ok_or_else(|| fail(Reason::Shape))?;
        if let Some(column) = line.item {
            enter(&mut stack, column, ITEM, true).map_err(fail)?;
        }
        let name = line.key.unwrap_or(SCALAR);
        enter(
            &mut stack,
            line.column,
            name,
            line.key.is_some() && line.value.is_none(),
        )
        .map_err(fail)?;
        let path: Vec<&str> = stack
            .iter()
            .skip(1)
            .map(|frame| frame.name)
            .filter(|name| *name != SCALAR)
            .collect();
        let place = places.find(&path).ok_or_else(|| fail(Reason::Field))?;
        let Some(value) = line.value else {
            twin.push_str(raw);
            twin.push('\n');
            continue;
        };
        let plain = scalar(value).ok_or_else(|| fail(Reason::Value))?;
        match place {
            _ if plain.is_empty_collection || is_hole(value) => twin.push_str(raw),
            Place::Inner => return Err(fail(Reason::Field)),
            Place::Public => {
                heads += usize::from(check_shown(schema, &path, value, &plain).map_err(fail)?);
                twin.push_str(raw);
            }
            Place::Sealed => {
                sealed.insert(plain.text);
                let kept = raw.len() - value.len();
                twin.push_str(raw.get(..kept).unwrap_or_default());
                twin.push_str(PLACEHOLDER);
            }
        }
        twin.push('\n');
    }
    if heads != 2 {
        return Err((0, schema.wrong_kind()));
    }
    nothing_is_repeated(&twin, &sealed)?;
    Ok(twin)
}

/// Whether a public value is written without escapes, and is the expected one. `true` for `apiVersion` and `kind` of the document.
fn check_shown(
    schema: &Schema,
    path: &[&str],
    value: &str,
    plain: &Scalar<'_>,
) -> Result<bool, Reason> {
    if value.starts_with('"') && value.contains('\\') {
        return Err(Reason::Escapes);
    }
    let expected = match path {
        ["apiVersion"] => Some(schema.api_version),
        ["kind"] => Some(schema.kind),
        _ => None,
    };
    if let Some(expected) = expected {
        return if plain.text == expected {
            Ok(true)
        } else {
            Err(schema.wrong_kind())
        };
    }
    // The arguments of a program are shown as they are: any user who can list processes sees them while the program runs.
    let is_address = matches!(path.last(), Some(&("server" | "proxy-url" | "endpoint")))
        || plain.text.contains("://") && !path.ends_with(&["args", ITEM]);
    if is_address && has_credentials(plain.text) {
        return Err(Reason::Credentials);
    }
    Ok(false)
}

/// Whether the value is the placeholder of a hole: a constant, which reviewers have to see.
pub(super) fn is_hole(value: &str) -> bool {
    hole::PLACEHOLDERS.contains(&value)
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
        if name == ITEM {
            frame.column > column || (frame.column == column && (frame.name == ITEM || !frame.open))
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
    let is_item = name == ITEM;
    if !parent.open
        || *parent.children.get_or_insert(column) != column
        || *parent.list.get_or_insert(is_item) != is_item
    {
        return Err(Reason::Indentation);
    }
    // Readers take the first or the last of two; a reviewer could not know which.
    if !is_item && !parent.keys.insert(name) {
        return Err(Reason::Duplicate);
    }
    stack.push(Frame::new(column, name, open));
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

/// Splits `key: value` or `key:`; `None` without a plain key.
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
